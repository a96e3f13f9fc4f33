/* SPDX-License-Identifier: Apache-2.0
 *
 * What a source holds of one block, as the executor takes it.
 */
#ifndef CMT_REPLAY_SOURCED_H
#define CMT_REPLAY_SOURCED_H

#include "cmtstore/replay.h"

typedef struct cmt_sourced {
    cmt_buf bytes;
    cmt_block block;
    cmt_part_set *parts;
    cmt_block_meta meta;
    cmt_buf commit_bytes;
    cmt_commit commit;
    cmt_ext_commit ext_commit;
    cmt_decided_block decided; /* borrows from the above */
} cmt_sourced;

/** "@p what of height … is not in the source" */
cmt_status cmt_sourced_missing(const char *what, int64_t height, cmt_error *err);

/** @p out is zeroed before, and freed whatever this returns.  @p extensions: are vote extensions enabled?
 *  @retval CMT_NOT_FOUND  the block or its commit is not there, with a message
 *  @retval CMT_CORRUPT    it is not the block that its meta names */
CMT_MUST_CHECK cmt_status cmt_sourced_load(cmt_block_store *store, int64_t height, bool extensions,
                                           cmt_sourced *out, cmt_error *err);
void cmt_sourced_free(cmt_sourced *sourced);

#endif
