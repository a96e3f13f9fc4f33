/* SPDX-License-Identifier: Apache-2.0
 *
 * Range deletions of a pebble directory: "all keys from lo to below hi that are older than a sequence are
 * gone".  CometBFT writes none; a prune by an engine may.  Kept as disjoint pieces in key order, each with
 * the newest deletion that covers it.
 */
#ifndef CMT_LSM_RANGE_DELS_H
#define CMT_LSM_RANGE_DELS_H

#include "arena.h"
#include "format.h"

/* More than this and the database wants a compaction by its engine first. */
#define CMT_LSM_RANGE_DELS_MAX 8192

typedef struct cmt_lsm__range_del {
    cmt_slice lo; /* user keys */
    cmt_slice hi; /* exclusive */
    uint64_t sequence;
} cmt_lsm__range_del;

typedef struct cmt_lsm__range_dels {
    cmt_lsm__arena arena;
    cmt_lsm__range_del *pieces;
    size_t count;
    size_t capacity;
} cmt_lsm__range_dels;

void cmt_lsm__range_dels_free(cmt_lsm__range_dels *dels);

/** Add one; keys are copied.  One that is empty (lo >= hi) is nothing.
 *  @retval CMT_UNSUPPORTED  there are more than CMT_LSM_RANGE_DELS_MAX pieces */
CMT_MUST_CHECK cmt_status cmt_lsm__range_dels_add(cmt_lsm__range_dels *dels, cmt_slice lo,
                                                  cmt_slice hi, uint64_t sequence, cmt_error *err);

/** Is an entry of @p user with @p sequence gone? */
bool cmt_lsm__range_dels_cover(const cmt_lsm__range_dels *dels, cmt_slice user, uint64_t sequence);

#endif
