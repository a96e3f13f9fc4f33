/* SPDX-License-Identifier: Apache-2.0
 *
 * One block back, over both stores: for a node that cannot go on because its application came to another app hash.
 */
#ifndef CMTSTORE_BLOCKEXEC_ROLLBACK_H
#define CMTSTORE_BLOCKEXEC_ROLLBACK_H

#include "cmtstore/state.h"
#include "cmtstore/store.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Where a rollback leads. */
typedef struct cmt_rollback_result {
    int64_t height;    /* of the state afterwards */
    cmt_hash app_hash; /* after that height */
    bool moves_state;  /* the state goes back; else it stood one block behind already */
    bool removes_block;
    int64_t block_height; /* of the block store afterwards */
} cmt_rollback_result;

/**
 * Work out where cmt_rollback() would lead, and refuse what it would refuse.  The stores may be open for reading
 * only; nothing is written.
 *
 * @param hard  remove the last block, too
 * @retval CMT_NOT_FOUND     no state was ever saved, or a block is not there (with a message)
 * @retval CMT_OUT_OF_RANGE  the heights of the stores do not belong together, or the only block would go
 * @retval CMT_CORRUPT       the validators or parameters of the height are not there
 * @retval CMT_UNSUPPORTED   written by a release that cmtstore does not write as
 * Source: state/rollback.go Rollback
 */
CMT_API CMT_MUST_CHECK cmt_status cmt_rollback_check(cmt_block_store *blocks,
                                                     cmt_state_store *states, bool hard,
                                                     cmt_rollback_result *out, cmt_error *err);

/**
 * Replace the state after the last block by the one before it; where the state stands one block behind already
 * it stays.  With @p hard remove the last block afterwards.
 *
 * @param software  the version of the node; NULL: as it was
 * @retval CMT_UNSUPPORTED  also: a store is not open for writing
 * @retval others           as cmt_rollback_check(), with nothing written
 *
 * Durable on return.  A crash between state and block leaves what a second call with @p hard finishes.
 * Source: state/rollback.go Rollback
 */
CMT_API CMT_MUST_CHECK cmt_status cmt_rollback(cmt_block_store *blocks, cmt_state_store *states,
                                               bool hard, const char *software,
                                               cmt_rollback_result *out, cmt_error *err);

#ifdef __cplusplus
}
#endif

#endif
