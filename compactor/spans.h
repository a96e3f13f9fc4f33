/* SPDX-License-Identifier: Apache-2.0
 *
 * A small set of key ranges in fixed memory: what is still to be compacted in one database.  It may grow wider
 * than what was put in, never smaller, so adding cannot fail.
 */
#ifndef CMT_COMPACTOR_SPANS_H
#define CMT_COMPACTOR_SPANS_H

#include "cmtstore/compactor.h"

/* What counts of a key. */
#define CMT_COMPACTOR__KEY 80

typedef struct cmt_compactor__key {
    uint8_t size;
    uint8_t bytes[CMT_COMPACTOR__KEY];
} cmt_compactor__key;

/** [lo,hi); an empty hi is the end of all keys. */
typedef struct cmt_compactor__span {
    cmt_compactor__key lo;
    cmt_compactor__key hi;
} cmt_compactor__span;

/** Sorted; between two of them is something that is in neither.  All zero: empty. */
typedef struct cmt_compactor__spans {
    size_t count;
    cmt_compactor__span at[CMT_COMPACT_RANGES + 1]; /* the last one is only passed through */
} cmt_compactor__spans;

cmt_slice cmt_compactor__key_slice(const cmt_compactor__key *key);
/** Borrows. */
cmt_range cmt_compactor__span_range(const cmt_compactor__span *span);

/** Put [lo,hi) in.  A range that holds nothing changes nothing; where there is no room the two nearest neighbours
 *  become one. */
void cmt_compactor__spans_add(cmt_compactor__spans *spans, cmt_range range);
void cmt_compactor__spans_add_all(cmt_compactor__spans *spans, const cmt_compactor__spans *other);
/** Make at[i] and at[i + 1] one. */
void cmt_compactor__spans_join(cmt_compactor__spans *spans, size_t i);
/** Take the first out. */
void cmt_compactor__spans_pop(cmt_compactor__spans *spans);

#endif
