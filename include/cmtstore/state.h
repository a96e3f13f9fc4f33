/* SPDX-License-Identifier: Apache-2.0
 *
 * The state store: reading it, and the rule that says which of its keys a prune removes and which
 * records it has to write in full.
 */
#ifndef CMTSTORE_STATE_H
#define CMTSTORE_STATE_H

#include "cmtstore/keys.h"
#include "cmtstore/types.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct cmt_state_store cmt_state_store;

/** Retain heights that CometBFT >= 1.0 keeps; 0 where absent. */
typedef struct cmt_retain_heights {
    int64_t application;     /* AppRetainHeightKey */
    int64_t companion;       /* DCBlockRetainHeightKey */
    int64_t results;         /* ABCIResRetainHeightKey */
    bool has_results_pruned; /* lastABCIResponsesRetainHeight exists */
    int64_t results_pruned;
} cmt_retain_heights;

/**
 * Open a state store over @p db, which stays the caller's and must outlive the store.
 * @retval CMT_UNSUPPORTED  not a CometBFT state store
 */
CMT_API CMT_MUST_CHECK cmt_status cmt_state_store_open(cmt_db *db, cmt_state_store **out,
                                                       cmt_error *err);
CMT_API void cmt_state_store_close(cmt_state_store *store);

CMT_API cmt_key_layout cmt_state_store_layout(const cmt_state_store *store);
/** True if a CometBFT >= 1.0 has opened the database: it has a `version` key. */
CMT_API bool cmt_state_store_has_version(const cmt_state_store *store);

/** @retval CMT_NOT_FOUND  no state was ever saved */
CMT_API CMT_MUST_CHECK cmt_status cmt_state_store_load(cmt_state_store *store, cmt_state *out,
                                                       cmt_error *err);

/**
 * The validator set of @p height, its proposer priorities moved forward from where it is stored;
 * encoded as ValidatorSet in the generation of the stored record.
 * @retval CMT_NOT_FOUND  no record at that height
 * @retval CMT_CORRUPT    the record it points at is missing or holds no set
 * Source: state/store.go LoadValidators
 */
CMT_API CMT_MUST_CHECK cmt_status cmt_state_store_load_validators(cmt_state_store *store,
                                                                  int64_t height, cmt_buf *out,
                                                                  cmt_error *err);
/** The ConsensusParams message in force at @p height.
 *  Source: state/store.go LoadConsensusParams */
CMT_API CMT_MUST_CHECK cmt_status cmt_state_store_load_params(cmt_state_store *store,
                                                              int64_t height, cmt_buf *out,
                                                              cmt_error *err);
/** The results of block @p height as stored.  Source: state/store.go LoadFinalizeBlockResponse */
CMT_API CMT_MUST_CHECK cmt_status cmt_state_store_load_results(cmt_state_store *store,
                                                               int64_t height, cmt_buf *out,
                                                               cmt_error *err);
CMT_API CMT_MUST_CHECK cmt_status cmt_state_store_retain_heights(cmt_state_store *store,
                                                                 cmt_retain_heights *out,
                                                                 cmt_error *err);

/* ---- the prune rule ---------------------------------------------------------------------- */

/** The lowest height at which results or params of an earlier, interrupted prune still stand just
 *  below @p base; base when none do. */
CMT_API CMT_MUST_CHECK cmt_status cmt_state_prune_unfinished_from(cmt_state_store *store,
                                                                  int64_t base, int64_t *from,
                                                                  cmt_error *err);

typedef struct cmt_state_prune_request {
    int64_t base;            /* of the block store before the prune */
    int64_t retain_height;   /* in [base, last_block_height] */
    int64_t evidence_height; /* as the block store's rule found it */
    int64_t from;            /* of cmt_state_prune_unfinished_from */
    int64_t initial_height;  /* of the chain: below it there never was anything */
    bool reclaim;            /* also cover where deleted keys may still take up space */
    int64_t last_height;     /* highest height at which a record may exist: max(heights) + 2 */
    bool sweep;
} cmt_state_prune_request;

/** A record written by the prune. */
typedef struct cmt_state_put {
    cmt_key key;
    cmt_buf value;
} cmt_state_put;

typedef struct cmt_state_prune {
    cmt_key_layout layout;
    int64_t from;
    int64_t retain_height;
    int64_t evidence_height;
    bool leftovers;
    bool search_complete;
    cmt_height_set dead_validators;
    cmt_height_set dead_params;
    cmt_height_set dead_results;
    cmt_range_list ranges; /* sorted */
    cmt_state_put *puts; /* sorted by key: records written in full, lastABCIResponsesRetainHeight */
    size_t put_count;
} cmt_state_prune;

/**
 * Work out the rule.
 * @retval CMT_CORRUPT  a validators or params record that kept heights need is missing
 * Source: state/store.go PruneStates
 */
CMT_API CMT_MUST_CHECK cmt_status cmt_state_prune_make(cmt_state_store *store,
                                                       const cmt_state_prune_request *request,
                                                       cmt_state_prune *out, cmt_error *err);
CMT_API void cmt_state_prune_free(cmt_state_prune *prune);
CMT_API bool cmt_state_prune_is_dead(const cmt_state_prune *prune, cmt_slice key);
CMT_API CMT_MUST_CHECK cmt_status cmt_state_prune_check(const cmt_state_prune *prune, cmt_slice key,
                                                        cmt_error *err);

/* ---- on an open database ----------------------------------------------------------------- */

typedef struct cmt_state_prune_result {
    bool leftovers;       /* something below `from` was removed */
    bool search_complete; /* the search for leftovers was exhaustive */
    uint64_t deletes;     /* of keys or ranges, whether or not they existed */
    uint64_t batches;
    cmt_range_list touched; /* where compaction gives space back */
} cmt_state_prune_result;

CMT_API void cmt_state_prune_result_free(cmt_state_prune_result *result);

/**
 * Prune an open database by the rule above, from the lowest height up, in synced batches; on an engine that
 * deletes ranges, as such, in one.  Records that have to be full are so before what they stand for is
 * deleted.  After a stop, a failure or a crash the same call with `from` asked for anew finishes.
 * Memory is bounded whatever the number of heights.
 *
 * @param options  may be NULL
 * @param result   out: also when the call fails, as far as it came; cmt_state_prune_result_free()
 * @retval CMT_CANCELLED    the progress hook asked to stop
 * @retval CMT_UNSUPPORTED  the database is open for reading only
 * @retval others           as cmt_state_prune_make(), and what writing returns
 *
 * Threads: one writer.  Durable on return.
 * Source: state/store.go PruneStates
 */
CMT_API CMT_MUST_CHECK cmt_status cmt_state_store_prune(cmt_state_store *store,
                                                        const cmt_state_prune_request *request,
                                                        const cmt_erase_options *options,
                                                        cmt_state_prune_result *result,
                                                        cmt_error *err);

#ifdef __cplusplus
}
#endif

#endif
