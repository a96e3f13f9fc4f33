/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files that prune an open block store share.
 */
#ifndef CMT_STORE_HEIGHT_WISE_H
#define CMT_STORE_HEIGHT_WISE_H

#include "store_internal.h"

typedef struct cmt_store__run {
    cmt_block_store *store;
    cmt_block_prune *rule;
    cmt_eraser *eraser;
    cmt_heights all;  /* of the prune that this is a step of, for progress */
    int64_t from;     /* base when the run began */
    int64_t base;     /* what base shall be with the next batch; an existing block, or as it was */
    int64_t ext_from; /* no extended commit is below, from `from` on */
    int64_t holes_known; /* below this height, headers that are missing are out of the hash index */
    bool hashes_deleted;
} cmt_store__run;

/** Write the batch, base with it, and hear whether to go on.
 *  @retval CMT_CANCELLED  written, but to stop here */
CMT_MUST_CHECK cmt_status cmt_store__write(cmt_store__run *run, const char *phase, cmt_error *err);
/** The same when the batch is full. */
CMT_MUST_CHECK cmt_status cmt_store__write_full(cmt_store__run *run, const char *phase,
                                                cmt_error *err);

/** Delete what the rule says below base: leftovers.  Base stays. */
CMT_MUST_CHECK cmt_status cmt_store__sweep(cmt_store__run *run, cmt_error *err);

/** Take the hashes of leftovers out of the index; part of cmt_store__sweep(). */
CMT_MUST_CHECK cmt_status cmt_store__sweep_hashes(cmt_store__run *run, cmt_error *err);

/** Go through the hash index and delete what dies of the heights in @p heights; with @p write, batches
 *  that are full are written. */
CMT_MUST_CHECK cmt_status cmt_store__erase_hashes(cmt_store__run *run,
                                                  const cmt_height_set *heights, bool write,
                                                  cmt_error *err);

/** Delete what there is of the heights [lo,hi), whose headers are missing. */
CMT_MUST_CHECK cmt_status cmt_store__erase_hole(cmt_store__run *run, int64_t lo, int64_t hi,
                                                cmt_error *err);

#endif
