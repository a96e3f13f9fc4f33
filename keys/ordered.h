/* SPDX-License-Identifier: Apache-2.0
 *
 * Layout v2: numbers whose bytes sort as they do, and the ranges of keys made of them.
 */
#ifndef CMT_KEYS_ORDERED_H
#define CMT_KEYS_ORDERED_H

#include "cmtstore/keys.h"

/** Write @p x, which is not below zero, to @p out (10 bytes of room); returns how many it took. */
size_t cmt_keys__ordered_put(int64_t x, uint8_t *out);

/** Read a number in the one form that is written.  Returns the byte behind it, NULL when there is
 *  none. */
const uint8_t *cmt_keys__ordered_get(const uint8_t *p, const uint8_t *end, int64_t *out);

/** cmt_key_ranges() for a family in layout v2: a run of heights is a range of keys. */
CMT_MUST_CHECK cmt_status cmt_keys__ordered_ranges(const cmt_key_family *family,
                                                   const cmt_height_set *dead,
                                                   const cmt_height_set *live, cmt_range_list *out);

/** What all keys of @p height begin with, in either layout; a bound below them and, in an indexed
 *  family, above those of every lower height of the same class. */
cmt_key cmt_keys__start_of(const cmt_key_family *family, int64_t height);

#endif
