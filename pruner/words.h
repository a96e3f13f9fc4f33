/* SPDX-License-Identifier: Apache-2.0
 *
 * Words for who decided a retain height.
 */
#ifndef CMT_PRUNER_WORDS_H
#define CMT_PRUNER_WORDS_H

#include "cmtstore/pruner.h"

/** "--keep-for 72h", or as in config.toml: "keep_for 72h". */
void cmt_pruner__keep_words(const cmt_keep_policy *policy, cmt_keep_rule rule, bool as_flags,
                            char out[CMT_DECIDED_BY_SIZE]);

/** "pin NAME at height H". */
void cmt_pruner__pin_words(const cmt_pin *pin, char out[CMT_DECIDED_BY_SIZE]);

#endif
