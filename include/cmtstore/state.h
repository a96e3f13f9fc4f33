/* SPDX-License-Identifier: Apache-2.0
 *
 * The state store: reading it, writing it as a node does, and the rule that says which of its keys a
 * prune removes and which records it has to write in full.
 *
 * THREADS  Over a database with CMT_DB_SHARED one thread may save ("the saving one"), one may prune, any number may
 * load or put retain heights, all at once.  A load of what is being pruned sees it as it was, or CMT_NOT_FOUND.
 * Where ranges are deleted a save may have to wait for the end of a prune that more than 1,000 heights were saved
 * in.  Opening and closing is one thread's.  Without CMT_DB_SHARED (a view) all calls are one thread's.
 */
#ifndef CMTSTORE_STATE_H
#define CMTSTORE_STATE_H

#include "cmtstore/keys.h"
#include "cmtstore/types_results.h"
#include "cmtstore/types_state.h"

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
/** True if the database may be written, and by several threads. */
CMT_API bool cmt_state_store_is_shared(const cmt_state_store *store);
/** True if a CometBFT >= 1.0 has opened the database: it has a `version` key. */
CMT_API bool cmt_state_store_has_version(const cmt_state_store *store);

/** What storage needs of the state.  @retval CMT_NOT_FOUND  no state was ever saved */
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

/* ---- for a node -------------------------------------------------------------------------- */

/** How a store is written. */
typedef struct cmt_state_store_options {
    cmt_key_layout layout; /* while no state was saved; afterwards what is there counts.  0: v1 */
    bool write_version;    /* 1.0: put the `version` key */
    bool discard_results;  /* keep the results of the last block only */
    cmt_release release;   /* as which everything is encoded */
    /** Called before and after each write, with "save_state:before", "save_state:after",
     *  "save_results:before" and "save_results:after"; NULL: nothing.  For tests that end the process there. */
    void (*fail_point)(void *context, const char *name);
    void *fail_context;
} cmt_state_store_options;

/**
 * Open a state store over @p db as a node of the given release does.  With `write_version` the key
 * `version` is put at each opening.
 *
 * @param options  copied
 * @retval CMT_UNSUPPORTED  not a CometBFT state store, or one that holds keys of another layout than its
 *                          `version` says, or open for reading only
 * @retval CMT_INVALID      layout v2 without `write_version`, or `write_version` before 1.0
 *
 * Threads: the saving one.  Durable on return.
 * Source: state/store.go NewStore
 */
CMT_API CMT_MUST_CHECK cmt_status cmt_state_store_open_for_writing(
    cmt_db *db, const cmt_state_store_options *options, cmt_state_store **out, cmt_error *err);

/** The state, whole; of the release that the store is written as, else of the one that wrote it.
 *  Release with cmt_chain_state_free().
 *  @retval CMT_NOT_FOUND  none was ever saved
 *  Source: state/store.go Load */
CMT_API CMT_MUST_CHECK cmt_status cmt_state_store_load_chain_state(cmt_state_store *store,
                                                                   cmt_chain_state *out,
                                                                   cmt_error *err);

/**
 * Save @p state and what it says of the next heights: the validators of the block after the next
 * (before the first block those of the first too) and the parameters of the next, in full where they changed,
 * sets also at every CMT_VALIDATOR_CHECKPOINT heights.  One synced batch.
 *
 * @retval CMT_INVALID      another release than the store's, or a height of change above the record's
 * @retval CMT_UNSUPPORTED  the store was not opened for writing
 *
 * Threads: the saving one.  Durable on return; on failure nothing is written.
 * Source: state/store.go save, saveValidatorsInfo, saveConsensusParamsInfo
 */
CMT_API CMT_MUST_CHECK cmt_status cmt_state_store_save(cmt_state_store *store,
                                                       const cmt_chain_state *state,
                                                       cmt_error *err);

/** Save a state that does not follow from the one before, as state sync does: the validators of the
 *  last, the next and the following block, each in full.  Otherwise as cmt_state_store_save().
 *  Source: state/store.go Bootstrap */
CMT_API CMT_MUST_CHECK cmt_status cmt_state_store_bootstrap(cmt_state_store *store,
                                                            const cmt_chain_state *state,
                                                            cmt_error *err);

/**
 * Save what the application answered to block @p height; heights rise from call to call.  Until 0.40
 * it goes under its height, unless results are discarded, and under `lastABCIResponseKey`; from 1.0 on under its
 * height, and with results discarded what lies one height below is deleted.  One synced batch.
 *
 * @retval CMT_INVALID      @p height is not positive
 * @retval CMT_UNSUPPORTED  the store was not opened for writing
 *
 * Threads: the saving one.  Durable on return; on failure nothing is written.
 * Source: state/store.go SaveFinalizeBlockResponse (two writes there)
 */
CMT_API CMT_MUST_CHECK cmt_status cmt_state_store_save_results(cmt_state_store *store,
                                                               int64_t height,
                                                               const cmt_results *results,
                                                               cmt_error *err);

/** The validators of @p height, their priorities moved on; the set owns all it points to.  Release with
 *  cmt_validator_set_free().
 *  @retval CMT_NOT_FOUND  no record at that height
 *  @retval CMT_CORRUPT    the record it points at is missing or holds no set
 *  Source: state/store.go LoadValidators */
CMT_API CMT_MUST_CHECK cmt_status cmt_state_store_load_validator_set(cmt_state_store *store,
                                                                     int64_t height,
                                                                     cmt_validator_set *out,
                                                                     cmt_error *err);

/**
 * The results of block @p height for a node that was stopped before it saved the state: there also
 * when results are discarded.  Those of 0.34 and 0.37 are converted.  Read them by cmt_results_read().
 *
 * @retval CMT_NOT_FOUND  none were saved
 * @retval CMT_CORRUPT    the last ones are of another height; err names it
 * Source: state/store.go LoadLastFinalizeBlockResponse
 */
CMT_API CMT_MUST_CHECK cmt_status cmt_state_store_load_last_results(cmt_state_store *store,
                                                                    int64_t height, cmt_buf *out,
                                                                    cmt_error *err);

/** The height that a state sync without a running node ended at; a node puts 0 at each start.
 *  Durable on return.  Source: state/store.go SetOfflineStateSyncHeight */
CMT_API CMT_MUST_CHECK cmt_status cmt_state_store_set_offline_height(cmt_state_store *store,
                                                                     int64_t height,
                                                                     cmt_error *err);
/** @retval CMT_NOT_FOUND  it was never set
 *  Source: state/store.go GetOfflineStateSyncHeight */
CMT_API CMT_MUST_CHECK cmt_status cmt_state_store_offline_height(cmt_state_store *store,
                                                                 int64_t *out, cmt_error *err);

/**
 * Keep the genesis as a node does at its first start: until 0.40 the document as CometBFT writes it,
 * from 1.0 on the hash of the file, and no document.  What is there already stays.
 *
 * @param json  the bytes of genesis.json
 * @retval CMT_INVALID      no genesis
 * @retval CMT_CORRUPT      from 1.0 on: the hash that is there is of another file
 * @retval CMT_UNSUPPORTED  the store was not opened for writing
 *
 * Threads: the saving one.  Durable on return.
 * Source: node/setup.go LoadStateFromDBOrGenesisDocProvider
 */
CMT_API CMT_MUST_CHECK cmt_status cmt_state_store_save_genesis(cmt_state_store *store,
                                                               cmt_slice json, cmt_error *err);

/**
 * Replace the state after block L by the one after block L-1.  What belongs to blocks is the
 * caller's to check and to do: that the block store ends at L, and deleting its last block.
 *
 * @param rollback_meta  of block L-1
 * @param latest_meta    of block L
 * @param software       the version of the node
 * @param out            the state as it is now; cmt_chain_state_free()
 * @retval CMT_NOT_FOUND  no state was ever saved
 * @retval CMT_INVALID    the metas are of other heights
 * @retval CMT_CORRUPT    the validators of L-1 or the parameters of L are not there
 *
 * Threads: the saving one, and nobody prunes.  Durable on return; on failure nothing is written.
 * Source: state/rollback.go Rollback
 */
CMT_API CMT_MUST_CHECK cmt_status cmt_state_store_rollback(cmt_state_store *store,
                                                           const cmt_block_meta *rollback_meta,
                                                           const cmt_block_meta *latest_meta,
                                                           const char *software,
                                                           cmt_chain_state *out, cmt_error *err);

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
    bool records_complete; /* the searches for validators and params were exhaustive */
    /** Below what is kept, and not dead, because kept records point there. */
    cmt_height_set kept_validators;
    cmt_height_set kept_params;
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
    bool leftovers;        /* something below `from` was removed */
    bool search_complete;  /* the search for leftovers was exhaustive */
    bool records_complete; /* that for validators and params was */
    uint64_t deletes;      /* of keys or ranges, whether or not they existed */
    uint64_t batches;
    cmt_range_list touched; /* where compaction gives space back */
    /** Records that stay below the others, because those point there. */
    cmt_height_set kept_validators;
    cmt_height_set kept_params;
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
 * @retval CMT_BUSY         another prune is under way
 * @retval CMT_UNSUPPORTED  the database is open for reading only
 * @retval others           as cmt_state_prune_make(), and what writing returns
 *
 * Threads: one, beside one that saves and others that load.  The hooks in @p options must not save states.  Durable on return.
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
