/* SPDX-License-Identifier: Apache-2.0
 *
 * Databases in key layout v2, made of such in v1: every key is taken apart and written anew, values
 * stay.  Shares no code with the library.
 */
#ifndef CMT_TEST_ORDERED_KEYS_H
#define CMT_TEST_ORDERED_KEYS_H

#include "chain.h"

/** Write all pairs of @p from (layout v1) into @p to (memory) with the keys of layout v2, and the
 *  `version` key of such a store. */
void ordered_copy(cmt_db *from, cmt_db *to);
/** Put such a copy in the place of a database in memory, which is closed. */
void ordered_replace(cmt_db **db);

/** The key of layout v2 for a key of v1 that is made as printf does. */
cmt_buf ordered_key(const char *v1_format, ...) CMT_PRINTF(1, 2);

#endif
