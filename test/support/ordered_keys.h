/* SPDX-License-Identifier: Apache-2.0
 *
 * Databases in key layout v2, made of such in v1: every key is taken apart and written anew, values
 * stay.  Shares no code with the library.
 */
#ifndef CMT_TEST_ORDERED_KEYS_H
#define CMT_TEST_ORDERED_KEYS_H

#include "chain.h"

/** Write all pairs of @p from (layout v1, memory) into @p to with the keys of layout v2; `version`
 *  becomes v2. */
void ordered_copy(cmt_db *from, cmt_db *to);

/** The key of layout v2 for a key of v1 that is made as printf does. */
cmt_buf ordered_key(const char *v1_format, ...) CMT_PRINTF(1, 2);

#endif
