/* SPDX-License-Identifier: Apache-2.0
 *
 * The block executor: is a block valid, what is the state after it, and everything that is to be done for it in
 * the one order that a crash can be mended in.  It prunes both stores below the height that the application
 * gives up, and hands on what is to be compacted.  Also here: the handshake of a start.
 *
 * ORDER of a block
 *     validated · block saved · executed by the application · results saved · committed by the application · state saved ·
 *     pruned · compaction asked for · listeners called
 *
 * REFUSED is CMT_INVALID: the block is not one that may follow; err has CometBFT's reason.  Every other
 * status is a failure of ours.
 *
 * THREADS  one at a time, but for cmt_block_executor_init_compactor().
 */
#ifndef CMTSTORE_BLOCKEXEC_H
#define CMTSTORE_BLOCKEXEC_H

#include "cmtstore/blockexec_validate.h"
#include "cmtstore/compactor_background.h"
#include "cmtstore/compactor_fallback.h"
#include "cmtstore/state.h"
#include "cmtstore/store.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- the executor ------------------------------------------------------------------------- */

/** The steps of a block at which a process may end without harm, in their order; those of a prune come once for
 *  each batch. */
#define CMT_FAIL_POINT_LIST(X)                                                                     \
    X(CMT_FAIL_BEFORE_BLOCK, "before the block is saved")                                          \
    X(CMT_FAIL_AFTER_BLOCK, "after the block was saved")                                           \
    X(CMT_FAIL_AFTER_EXECUTION, "after the application executed the block")                        \
    X(CMT_FAIL_AFTER_RESULTS, "after the results were saved")                                      \
    X(CMT_FAIL_BEFORE_COMMIT, "before the application commits")                                    \
    X(CMT_FAIL_AFTER_COMMIT, "after the application committed")                                    \
    X(CMT_FAIL_AFTER_STATE, "after the state was saved")                                           \
    X(CMT_FAIL_PRUNE_BLOCKS, "a batch of blocks was pruned")                                       \
    X(CMT_FAIL_PRUNE_STATES, "a batch of states was pruned")                                       \
    X(CMT_FAIL_AFTER_PRUNE, "after the states were pruned")                                        \
    X(CMT_FAIL_AFTER_COMPACTION, "after compaction was asked for")                                 \
    X(CMT_FAIL_AFTER_EVENTS, "after the listeners were called")

typedef enum cmt_fail_point {
#define CMT_FAIL_POINT_ENUM(code, text) code,
    CMT_FAIL_POINT_LIST(CMT_FAIL_POINT_ENUM)
#undef CMT_FAIL_POINT_ENUM
        CMT_FAIL_POINTS
} cmt_fail_point;

/** The words that belong to a point.  Static storage. */
CMT_API const char *cmt_fail_point_text(cmt_fail_point point);

typedef struct cmt_block_executor_options {
    cmt_block_store *blocks; /* both opened for writing; borrowed, as all that follows */
    cmt_state_store *states;
    const cmt_application *application;
    const cmt_mempool *mempool; /* NULL: none */
    /** NULL: one that knows no evidence of its own and checks that of others as far as the stores tell: see
     *  cmt_block_executor_validate(). */
    const cmt_evidence_pool *evidence;
    const cmt_block_listener *listener; /* NULL: none */
    /** Who compacts what a prune has deleted; NULL: nobody, or cmt_block_executor_init_compactor(). */
    const cmt_compact_handover *handover;
    bool is_archive; /* for the log line before a prune */
    cmt_db
        *blocks_db; /* of the two stores, for cmt_block_executor_recover_compaction(); else NULL */
    cmt_db *states_db;
    bool data_companion;            /* 1.0: what one has not given up stays, as configured */
    bool keep_residue;              /* a prune leaves what CometBFT's leaves below base */
    bool never_prune;               /* the application's retain height is not looked at */
    int64_t time_tolerance_ns;      /* see cmt_validate_options */
    bool as_0_39;                   /* likewise */
    cmt_time (*now)(void *context); /* NULL: the system's clock */
    void (*fail_point)(void *context, cmt_fail_point point, const char *text); /* NULL: none */
    void *context; /* of the two above */
    const cmt_logger *logger;
} cmt_block_executor_options;

typedef struct cmt_block_executor cmt_block_executor;

/** The options are copied, what they point to is not. */
CMT_API CMT_MUST_CHECK cmt_status cmt_block_executor_new(const cmt_block_executor_options *options,
                                                         cmt_block_executor **out, cmt_error *err);
CMT_API void cmt_block_executor_free(cmt_block_executor *executor);

/**
 * From the next prune on hand what it deletes to @p compactor, in the place of a sink in the options' handover; where
 * it has no worker the fallback compacts, over its flight.  May come late, at any time and from any thread.
 *
 * @param compactor  borrowed; NULL: none any more.  A block that is being applied may still use the one before
 * Source: the fork's BlockExecutor.InitCompactor
 */
CMT_API void cmt_block_executor_init_compactor(cmt_block_executor *executor,
                                               cmt_compactor *compactor);

/**
 * Remember in @p flight where earlier prunes have deleted and no compaction has finished, as the cookies in @p journal
 * tell; what prunes hand on from now on carries cookies for it.  Once, before the first block and before a compactor
 * starts: a cookie means that everything before it was remembered, too.
 *
 * @param initial_height  of the chain
 * @param journal         NULL: nothing was ever compacted
 * @retval CMT_INVALID  the options do not name both databases
 */
CMT_API CMT_MUST_CHECK cmt_status cmt_block_executor_recover_compaction(
    cmt_block_executor *executor, int64_t initial_height, cmt_compact_flight *flight,
    cmt_compact_journal *journal, cmt_error *err);

/**
 * Check a block that somebody proposes: as cmt_block_validate(), its size, and its evidence.
 *
 * Without a pool of the host's, evidence of duplicate votes is verified against the header and the validators of
 * its height, and may not be older than allowed; whether an earlier block holds it already is not known.  Evidence
 * of a light client attack is refused as CMT_UNSUPPORTED.
 *
 * @param parts  the block as it was received; NULL: its size is not looked at
 * @retval CMT_INVALID  refused
 * Source: state/execution.go ValidateBlock, evidence/pool.go CheckEvidence, evidence/verify.go verify
 */
CMT_API CMT_MUST_CHECK cmt_status cmt_block_executor_validate(cmt_block_executor *executor,
                                                              const cmt_chain_state *state,
                                                              const cmt_block *block,
                                                              const cmt_part_set *parts,
                                                              cmt_error *err);

/** A block made here; the rest borrows from its bytes. */
typedef struct cmt_proposal {
    cmt_buf bytes;
    cmt_block block;
    cmt_part_set *parts;
    cmt_block_id id;
} cmt_proposal;

CMT_API void cmt_proposal_free(cmt_proposal *proposal);

/**
 * Make the block that follows @p state: evidence first, then transactions as reaped and chosen by the application.
 *
 * @param last_commit  of the block before; a zeroed one before the first block
 * @param proposer     address, CMT_ADDRESS_SIZE bytes
 * @param out          cmt_proposal_free()
 * @retval CMT_INVALID  the application chose more than there is room for, or there is no room
 * Source: state/execution.go CreateProposalBlock, state/state.go MakeBlock
 */
CMT_API CMT_MUST_CHECK cmt_status cmt_block_executor_propose(cmt_block_executor *executor,
                                                             const cmt_chain_state *state,
                                                             const cmt_ext_commit *last_commit,
                                                             cmt_slice proposer, cmt_proposal *out,
                                                             cmt_error *err);

/** Ask the application what it thinks of a proposed block.
 *  Source: state/execution.go ProcessProposal */
CMT_API CMT_MUST_CHECK cmt_status cmt_block_executor_process_proposal(cmt_block_executor *executor,
                                                                      const cmt_chain_state *state,
                                                                      const cmt_block *block,
                                                                      bool *accepted,
                                                                      cmt_error *err);

/**
 * Validate a block that the chain has decided on and that is saved, execute it, save what comes of it, prune.
 *
 * A prune or a compaction that fails is logged and changes nothing else.
 *
 * @param state  before the block
 * @param out    after it; cmt_chain_state_free().  Empty when the call fails; what was saved by then the handshake
 *               finds
 * @retval CMT_INVALID  the block may not follow (nothing was done), or the application answered what may not be
 *                      (the results are saved)
 *
 * Durable on return.
 * Source: state/execution.go ApplyBlock
 */
CMT_API CMT_MUST_CHECK cmt_status cmt_block_executor_apply(cmt_block_executor *executor,
                                                           const cmt_chain_state *state,
                                                           const cmt_block_id *id,
                                                           const cmt_block *block,
                                                           cmt_chain_state *out, cmt_error *err);

/** The same of a block that was validated against @p state before: whoever calls this vouches for it.
 *  Source: state/execution.go ApplyVerifiedBlock */
CMT_API CMT_MUST_CHECK cmt_status cmt_block_executor_apply_verified(
    cmt_block_executor *executor, const cmt_chain_state *state, const cmt_block_id *id,
    const cmt_block *block, cmt_chain_state *out, cmt_error *err);

/** A block that the chain has decided on. */
typedef struct cmt_decided_block {
    const cmt_block *block;
    const cmt_part_set *parts;
    cmt_block_id id;
    const cmt_commit *seen_commit;    /* who signed it */
    const cmt_ext_commit *ext_commit; /* instead, where extensions are enabled */
} cmt_decided_block;

/** Validate a block and save it, unless the store has it already.  Durable on return.
 *  @retval CMT_INVALID  it may not follow, or no commit of the kind that the height asks for
 *  Source: consensus/state.go finalizeCommit */
CMT_API CMT_MUST_CHECK cmt_status cmt_block_executor_save(cmt_block_executor *executor,
                                                          const cmt_chain_state *state,
                                                          const cmt_decided_block *decided,
                                                          cmt_error *err);

/**
 * cmt_block_executor_save(), then apply the block: all that is to be done for a height.
 *
 * @retval CMT_INVALID  also: no commit of the kind that the height asks for
 * Source: consensus/state.go finalizeCommit
 */
CMT_API CMT_MUST_CHECK cmt_status cmt_block_executor_commit(cmt_block_executor *executor,
                                                            const cmt_chain_state *state,
                                                            const cmt_decided_block *decided,
                                                            cmt_chain_state *out, cmt_error *err);

/* ---- the handshake ------------------------------------------------------------------------ */

/** Where everybody stands at a start. */
typedef struct cmt_handshake_heights {
    int64_t app;   /* committed by the application */
    int64_t store; /* of the block store */
    int64_t base;
    int64_t state; /* last_block_height */
    int64_t initial;
} cmt_handshake_heights;

typedef enum cmt_handshake_action {
    CMT_HANDSHAKE_NOTHING,  /* all stand at the same height; the app hash must be the state's */
    CMT_HANDSHAKE_EXECUTE,  /* the application executes what it missed; the state stays */
    CMT_HANDSHAKE_CATCH_UP, /* the same up to the state's height, then the last block is applied */
    CMT_HANDSHAKE_APPLY,    /* the last block is applied */
    CMT_HANDSHAKE_APPLY_RECORDED /* the application has committed it: it is applied with the saved results */
} cmt_handshake_action;

typedef struct cmt_handshake_plan {
    bool init_chain; /* first of all the application is told of the genesis */
    cmt_handshake_action action;
    int64_t first; /* to execute without the state: first..last, none if first > last */
    int64_t last;
} cmt_handshake_plan;

/**
 * What has to be done so that all stand at the same height.  Pure.
 *
 * @retval CMT_INVALID  the application is too far behind or ahead; it has to be brought into line
 * @retval CMT_CORRUPT  the two stores contradict each other: what CometBFT panics on
 * Source: consensus/replay.go ReplayBlocks
 */
CMT_API CMT_MUST_CHECK cmt_status cmt_handshake_decide(const cmt_handshake_heights *heights,
                                                       cmt_handshake_plan *out, cmt_error *err);

/** What a handshake has done. */
typedef struct cmt_handshake_result {
    cmt_handshake_heights heights; /* as found */
    cmt_handshake_plan plan;
    int64_t blocks; /* that the application was given */
} cmt_handshake_result;

/**
 * Bring application, stores and state to the same height: tell the application of the genesis when it has nothing,
 * execute again what it missed, apply a block that was saved and not applied.
 *
 * Mempool and evidence pool are left out.  The handshake of 1.0 does not prune.
 *
 * @param state      in: as loaded, or from the genesis if none was saved; out: to go on with
 * @param app_state  of the genesis document, for the application; may be empty
 * @param result     may be NULL
 * @retval CMT_INVALID, CMT_CORRUPT  as cmt_handshake_decide(); nothing was written but what InitChain gave
 * @retval CMT_CORRUPT  also: another app hash than the state's, a block or set of validators that is not there
 * Source: consensus/replay.go Handshaker
 */
CMT_API CMT_MUST_CHECK cmt_status cmt_block_executor_handshake(
    cmt_block_executor *executor, const cmt_genesis *genesis, cmt_slice app_state,
    cmt_chain_state *state, cmt_handshake_result *result, cmt_error *err);

#ifdef __cplusplus
}
#endif

#endif
