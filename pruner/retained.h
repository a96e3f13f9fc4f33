/* SPDX-License-Identifier: Apache-2.0
 *
 * Where a service keeps retain heights: in the state store of CometBFT >= 1.0, else in a file of ours.
 */
#ifndef CMT_PRUNER_RETAINED_H
#define CMT_PRUNER_RETAINED_H

#include "cmtstore/state_retain.h"

#define CMT_PRUNER__OWNERS 3

typedef struct cmt_pruner__retained {
    cmt_state_store *states; /* NULL: the file */
    char *data_dir;          /* of the file */
    int64_t heights[CMT_PRUNER__OWNERS];
    bool present[CMT_PRUNER__OWNERS];
} cmt_pruner__retained;

/** Read what is kept; cmt_pruner__retained_close() whatever this returns.
 *  @retval CMT_CORRUPT  the file is damaged */
CMT_MUST_CHECK cmt_status cmt_pruner__retained_open(cmt_state_store *states, const char *data_dir,
                                                    cmt_pruner__retained *out, cmt_error *err);
void cmt_pruner__retained_close(cmt_pruner__retained *retained);

/** As cmt_state_store_init_retain_heights(). */
CMT_MUST_CHECK cmt_status cmt_pruner__retained_init(cmt_pruner__retained *retained, bool companion,
                                                    int64_t blocks, int64_t results,
                                                    cmt_error *err);
/** @retval CMT_NOT_FOUND  it was never put (no message) */
CMT_MUST_CHECK cmt_status cmt_pruner__retained_get(const cmt_pruner__retained *retained,
                                                   cmt_retain_owner owner, int64_t *out,
                                                   cmt_error *err);
/** Durable on return; the rules of cmt_state_store_set_retain_height() were looked at.  @p base, @p top: of the block
 *  store then. */
CMT_MUST_CHECK cmt_status cmt_pruner__retained_put(cmt_pruner__retained *retained,
                                                   cmt_retain_owner owner, int64_t height,
                                                   int64_t base, int64_t top, cmt_error *err);

#endif
