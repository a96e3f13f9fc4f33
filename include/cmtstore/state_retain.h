/* SPDX-License-Identifier: Apache-2.0
 *
 * Retain heights as CometBFT >= 1.0 keeps them in the state store, and the pruning of results by themselves that one of
 * them is for.  Threads as in state.h.
 */
#ifndef CMTSTORE_STATE_RETAIN_H
#define CMTSTORE_STATE_RETAIN_H

#include "cmtstore/state.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Whose retain height of CometBFT >= 1.0. */
typedef enum cmt_retain_owner {
    CMT_RETAIN_APPLICATION, /* AppRetainHeightKey: blocks, by the application */
    CMT_RETAIN_COMPANION,   /* DCBlockRetainHeightKey: blocks, by the data companion */
    CMT_RETAIN_RESULTS      /* ABCIResRetainHeightKey: results, by the data companion */
} cmt_retain_owner;

/** Put what a node of 1.0 puts at its start: the application's retain height 0 where there is none; with
 *  @p companion the companion's two, where they are absent or 0.  Durable on return.
 *  Source: node/node.go initApplicationRetainHeight, initCompanionRetainHeights */
CMT_API CMT_MUST_CHECK cmt_status cmt_state_store_init_retain_heights(
    cmt_state_store *store, bool companion, int64_t blocks, int64_t results, cmt_error *err);

/** One of them.
 *  @retval CMT_NOT_FOUND  it was never put (no message)
 *  @retval CMT_CORRUPT    undecodable, or negative
 *  Source: state/store.go GetApplicationRetainHeight and the two that follow it */
CMT_API CMT_MUST_CHECK cmt_status cmt_state_store_retain_height(cmt_state_store *store,
                                                                cmt_retain_owner owner,
                                                                int64_t *out, cmt_error *err);

/**
 * Put a retain height that its owner asks for.
 *
 * @param base, top       of the block store
 * @retval CMT_OUT_OF_RANGE  not in [base,top], or lower than what was asked for before
 * @retval CMT_NOT_FOUND     there is none yet, with a message: cmt_state_store_init_retain_heights()
 *
 * Threads: any.  Durable on return.
 * Source: state/pruner.go SetApplicationBlockRetainHeight and the two that follow it
 */
CMT_API CMT_MUST_CHECK cmt_status cmt_state_store_set_retain_height(cmt_state_store *store,
                                                                    cmt_retain_owner owner,
                                                                    int64_t height, int64_t base,
                                                                    int64_t top, cmt_error *err);

/* ---- results alone ----------------------------------------------------------------------- */

/** What became of results alone. */
typedef struct cmt_results_prune_result {
    bool discards;  /* the store keeps no results: nothing was done */
    int64_t from;   /* lowest height with results that was found; retain_height: none */
    int64_t pruned; /* heights from there on, whether or not each of them had results */
    uint64_t deletes;
    uint64_t batches;
    cmt_range_list touched; /* where compaction gives space back */
} cmt_results_prune_result;

CMT_API void cmt_results_prune_result_free(cmt_results_prune_result *result);

/**
 * Delete the results of all heights below @p retain_height and nothing else, from the lowest up, in synced batches.
 * Where `version` says 1.0 or later, lastABCIResponsesRetainHeight follows with each batch, and the next call looks
 * from there on; else from the lowest results there are.  Of a store that discards results nothing is deleted.
 *
 * @param last_height  highest height at which results may exist
 * @param options      may be NULL
 * @param result       out: also when the call fails, as far as it came; cmt_results_prune_result_free()
 * @retval CMT_CANCELLED    the progress hook asked to stop
 * @retval CMT_BUSY         another prune is under way
 * @retval CMT_UNSUPPORTED  the database is open for reading only
 *
 * Threads: as cmt_state_store_prune().  Durable on return.
 * Source: state/store.go PruneABCIResponses (begins at 1; the marker names the last height deleted, and stays behind)
 */
CMT_API CMT_MUST_CHECK cmt_status cmt_state_store_prune_results(
    cmt_state_store *store, int64_t retain_height, int64_t last_height,
    const cmt_erase_options *options, cmt_results_prune_result *result, cmt_error *err);

#ifdef __cplusplus
}
#endif

#endif
