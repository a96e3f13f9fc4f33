/* SPDX-License-Identifier: Apache-2.0
 *
 * The executor as its own files see it.
 */
#ifndef CMT_BLOCKEXEC_EXECUTOR_INTERNAL_H
#define CMT_BLOCKEXEC_EXECUTOR_INTERNAL_H

#include "cmtstore/blockexec.h"
#include "cmtstore/pruner.h"

#include "blockexec_internal.h"

#include <stdatomic.h>

struct cmt_block_executor {
    cmt_block_executor_options options;
    _Atomic(cmt_compactor *) compactor; /* published with release; NULL: none */
    bool has_marks;                     /* what was dirty at the beginning is remembered */
    cmt_prune_marks marks;
};

/* ---- what the application is told -------------------------------------------------------- */

/** What a request points to beside the block. */
typedef struct cmt_blockexec__request {
    cmt_app_block block;
    cmt_app_vote *votes;
    cmt_misbehavior *misbehavior;
} cmt_blockexec__request;

void cmt_blockexec__request_free(cmt_blockexec__request *request);

/** @p last_validators: of the block before; not looked at for the block of the initial height.
 *  @retval CMT_CORRUPT  its last commit is of another number of validators */
CMT_MUST_CHECK cmt_status cmt_blockexec__request_make(const cmt_block *block,
                                                      const cmt_validator_set *last_validators,
                                                      int64_t initial_height,
                                                      cmt_blockexec__request *out, cmt_error *err);

/** The list is the caller's to free. */
CMT_MUST_CHECK cmt_status cmt_blockexec__misbehavior(const cmt_slice *evidence, size_t count,
                                                     cmt_misbehavior **out, size_t *out_count,
                                                     cmt_error *err);

/** Execute a block and check that there is a result for each of its transactions. */
CMT_MUST_CHECK cmt_status cmt_blockexec__finalize(const cmt_block_executor *executor,
                                                  const cmt_application *application,
                                                  const cmt_app_block *block, cmt_results *out,
                                                  cmt_error *err);

/** The app hash of an answer.  @retval CMT_UNSUPPORTED  too long */
CMT_MUST_CHECK cmt_status cmt_blockexec__app_hash(const cmt_results *results, cmt_hash *out,
                                                  cmt_error *err);

/* ---- one block --------------------------------------------------------------------------- */

/** In what a block is applied: in order, or by the handshake. */
typedef struct cmt_blockexec__setting {
    const cmt_application *application;
    const cmt_mempool *mempool;
    const cmt_evidence_pool *evidence;
    bool prunes;
    bool verified; /* the block was validated before */
} cmt_blockexec__setting;

/** cmt_block_validate() as the executor's options say.  @retval CMT_INVALID  "invalid block: …" */
CMT_MUST_CHECK cmt_status cmt_blockexec__validate(const cmt_block_executor *executor,
                                                  const cmt_chain_state *state,
                                                  const cmt_block *block, cmt_error *err);

CMT_MUST_CHECK cmt_status cmt_blockexec__apply(cmt_block_executor *executor,
                                               const cmt_blockexec__setting *setting,
                                               const cmt_chain_state *state, const cmt_block_id *id,
                                               const cmt_block *block, cmt_chain_state *out,
                                               cmt_error *err);

/** Prune below what the application gives up and leave it to be compacted.  Failures are logged. */
void cmt_blockexec__prune(cmt_block_executor *executor, const cmt_chain_state *state,
                          int64_t retain_height);

/** A block or a state is being saved: compactions make room. */
void cmt_blockexec__note_write(const cmt_block_executor *executor);

/** Tell the application of the genesis.  A state that no block has followed takes its answer and is saved.
 *  @p app_hash: as answered. */
CMT_MUST_CHECK cmt_status cmt_blockexec__init_chain(cmt_block_executor *executor,
                                                    const cmt_genesis *genesis, cmt_slice app_state,
                                                    cmt_chain_state *state, cmt_hash *app_hash,
                                                    cmt_error *err);

/** Verify evidence against the stores. */
CMT_MUST_CHECK cmt_status cmt_blockexec__check_evidence(cmt_block_executor *executor,
                                                        const cmt_chain_state *state,
                                                        const cmt_slice *evidence, size_t count,
                                                        cmt_error *err);

cmt_time cmt_blockexec__now(const cmt_block_executor *executor);

static inline void cmt_blockexec__at(const cmt_block_executor *executor, cmt_fail_point point)
{
    if (executor->options.fail_point != NULL)
        executor->options.fail_point(executor->options.context, point, cmt_fail_point_text(point));
}

#endif
