/* SPDX-License-Identifier: Apache-2.0
 *
 * The options by key, and reading what is given with them.
 */
#ifndef CMT_CMD_OPTION_VALUES_H
#define CMT_CMD_OPTION_VALUES_H

#include "options.h"

/* Keys of options without a short form. */
enum {
    KEY_HOME = 256,
    KEY_BACKEND,
    KEY_RETAIN_HEIGHT,
    KEY_SWEEP,
    KEY_NO_SWEEP,
    KEY_FORCE,
    KEY_METHOD,
    KEY_DRY_RUN,
    KEY_DATABASE,
    KEY_VALUES,
    KEY_LOG_LEVEL,
    KEY_LOG_FORMAT,
    KEY_HARD,
    KEY_KEEP_FOR,
    KEY_KEEP_BYTES,
    KEY_PIN_HEIGHT,
    KEY_EXPIRES,
    /* of replay and gen */
    KEY_TO,
    KEY_UNTIL,
    KEY_BLOCKS,
    KEY_VALIDATORS,
    KEY_SEED,
    KEY_CHAIN_ID,
    KEY_INITIAL_HEIGHT,
    KEY_TXS,
    KEY_TX_BYTES,
    KEY_VALIDATORS_EVERY,
    KEY_PARAMS_EVERY,
    KEY_EXTENSIONS_FROM,
    KEY_RETAIN_BLOCKS,
    KEY_RELEASE,
    KEY_LAYOUT,
    KEY_DISCARD,
    KEY_SYNC,
};

/** Put what the option @p key says into @p out; @p text is borrowed.
 *  @retval CMT_INVALID  not a value for it */
CMT_MUST_CHECK cmt_status cmd_option_read(int key, const char *text, cmd_options *out,
                                          cmt_error *err);

#endif
