/* SPDX-License-Identifier: Apache-2.0
 *
 * Pairs in one array, sorted by key: what the memory backend holds.  An array that several share (the
 * database and its iterators) is never changed; the writer makes a copy, whose pairs are shared in turn.
 *
 * THREADS  counts of references are guarded by the caller's lock; reading a shared array needs none.
 */
#ifndef CMT_DB_MEMORY_PAIRS_H
#define CMT_DB_MEMORY_PAIRS_H

#include "cmtstore/base.h"

typedef struct cmt_db__pair {
    size_t references;
    size_t key_size;
    size_t value_size;
    uint8_t bytes[]; /* key, then value */
} cmt_db__pair;

typedef struct cmt_db__pairs {
    size_t references;
    cmt_db__pair **at;
    size_t count;
    size_t capacity;
} cmt_db__pairs;

/** A pair to insert, or with NULL a key to remove. */
typedef struct cmt_db__point {
    cmt_slice key;
    cmt_db__pair *pair;
    size_t order; /* of two points with one key the higher counts */
} cmt_db__point;

cmt_slice cmt_db__pair_key(const cmt_db__pair *pair);
cmt_slice cmt_db__pair_value(const cmt_db__pair *pair);

/** A copy of both, with one reference; NULL: no memory. */
cmt_db__pair *cmt_db__pair_new(cmt_slice key, cmt_slice value);
void cmt_db__pair_release(cmt_db__pair *pair);

/** An empty array with one reference; NULL: no memory. */
cmt_db__pairs *cmt_db__pairs_new(void);
void cmt_db__pairs_release(cmt_db__pairs *pairs);
/** Make room for @p extra more. */
cmt_status cmt_db__pairs_reserve(cmt_db__pairs *pairs, size_t extra);
/** An unshared array of the same pairs with room for @p extra more; NULL: no memory. */
cmt_db__pairs *cmt_db__pairs_copy(const cmt_db__pairs *pairs, size_t extra);

/** The first position at or behind @p from whose key is >= @p key. */
size_t cmt_db__pairs_lower_bound(const cmt_db__pairs *pairs, size_t from, cmt_slice key);
/** The positions [*lo,*hi) of the keys in @p range. */
void cmt_db__pairs_find(const cmt_db__pairs *pairs, const cmt_range *range, size_t *lo, size_t *hi);
bool cmt_db__pairs_holds(const cmt_db__pairs *pairs, size_t at, cmt_slice key);

/** Insert and remove.  @p points are put into order; @p scratch has room for what the array holds
 *  afterwards, which has been reserved.  Takes over the references of inserted pairs. */
void cmt_db__pairs_merge(cmt_db__pairs *pairs, cmt_db__point *points, size_t count,
                         cmt_db__pair **scratch);
/** Remove the positions [lo,hi). */
void cmt_db__pairs_erase(cmt_db__pairs *pairs, size_t lo, size_t hi);

#endif
