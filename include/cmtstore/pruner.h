/* SPDX-License-Identifier: Apache-2.0
 *
 * One prune over both stores: the retain height and its floors, a plan, the run, a report.
 *
 *   open ──▶ plan ──▶ run ──▶ (the node may start) ──▶ finish ──▶ close
 *
 * By the method edit, run prepares both databases completely, then switches the block store, then the
 * state store.  A crash between the two leaves blocks pruned and state records too many: valid for a node,
 * and the next run finishes it.  By the method engine the same holds between any two batches; on pebble it is as
 * by edit.
 */
#ifndef CMTSTORE_PRUNER_H
#define CMTSTORE_PRUNER_H

#include "cmtstore/lsm.h"
#include "cmtstore/pruner_pins.h"
#include "cmtstore/state.h"
#include "cmtstore/store.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- what to keep ------------------------------------------------------------------------ */

/** How much of the chain is kept; of several the one that keeps most wins.  All 0: no policy. */
typedef struct cmt_keep_policy {
    int64_t blocks; /* so many of the last blocks */
    int64_t for_ns; /* those whose time is at most so long before that of the last block */
    uint64_t bytes; /* as many of the last as take up about so much of the block store's tables */
} cmt_keep_policy;

typedef enum cmt_keep_rule {
    CMT_KEEP_NONE,
    CMT_KEEP_BLOCKS,
    CMT_KEEP_FOR,
    CMT_KEEP_BYTES,
} cmt_keep_rule;

/**
 * The lowest height that @p policy keeps; base where that is all there is.  Reads some twenty headers for for_ns, and
 * asks the tables' metadata about as often for bytes (what is only in memory and logs does not count there).
 *
 * @param height  out: 0 without a policy or without blocks
 * @param rule    out: which of them decided
 * @retval CMT_CORRUPT  a header does not decode
 *
 * Threads: any.
 */
CMT_API CMT_MUST_CHECK cmt_status cmt_keep_lowest(cmt_block_store *blocks,
                                                  const cmt_keep_policy *policy, int64_t *height,
                                                  cmt_keep_rule *rule, cmt_error *err);

/** Who has a say in how far a running node is pruned. */
typedef struct cmt_prune_limits {
    int64_t application; /* its retain height; 0: it has no wish */
    bool has_companion;
    int64_t companion; /* its retain height; 0: nothing is pruned */
    cmt_keep_policy keep;
    const char *data_dir; /* where pins are; NULL: there are none */
    int64_t now;          /* seconds since 1970, for pins that expire */
} cmt_prune_limits;

#define CMT_DECIDED_BY_SIZE 128

typedef struct cmt_prune_target {
    int64_t retain_height; /* the lowest of all; 0: nothing is to be pruned */
    char decided_by[CMT_DECIDED_BY_SIZE];
} cmt_prune_target;

/**
 * Decide: the lowest wins.  A policy leaves the last two blocks, which a rollback needs; no height is above
 * @p last_block_height, of the state, as long as there is such a block.
 *
 * @retval CMT_CORRUPT  pins cannot be read, or a header does not decode: nothing may be pruned
 */
CMT_API CMT_MUST_CHECK cmt_status cmt_prune_decide(cmt_block_store *blocks,
                                                   int64_t last_block_height,
                                                   const cmt_prune_limits *limits,
                                                   cmt_prune_target *out, cmt_error *err);

/* ---- a prune of a node that is stopped --------------------------------------------------- */

typedef struct cmt_pruner cmt_pruner;

typedef enum cmt_prune_action {
    CMT_ACTION_PRUNE,             /* remove what is below the retain height */
    CMT_ACTION_COMPACT,           /* give space back, keep every pair */
    CMT_ACTION_PRUNE_AND_COMPACT, /* remove, and leave no space behind in what was touched */
} cmt_prune_action;

/** How the databases are changed. */
typedef enum cmt_prune_method {
    CMT_METHOD_AUTO, /* edit where that works, else engine */
    CMT_METHOD_EDIT, /* files are exchanged by one atomic edit; no engine is opened */
    CMT_METHOD_ENGINE, /* the engine is opened and deletes height by height: LevelDB, RocksDB; pebble's
                          databases are cloned, RocksDB works on the clones, and the result is exchanged
                          for the old contents as by an edit */
} cmt_prune_method;

/** "edit" or "engine". */
CMT_API const char *cmt_prune_method_name(cmt_prune_method method);

typedef struct cmt_pruner_options {
    const char *data_dir; /* holds blockstore.db and state.db */
    cmt_prune_action action;
    cmt_prune_method method;
    /** Lowest height kept; 0: as `keep` says.  Pins below either win. */
    int64_t retain_height;
    cmt_keep_policy keep;
    bool sweep;
    bool force;    /* lift the floors that --force lifts */
    bool dry_run;  /* plan only: takes no lock, works beside a running node */
    bool families; /* fill cmt_prune_plan.families (always filled in a dry run) */
    uint64_t min_free_bytes;
    const cmt_logger *logger;
    const cmt_progress_hook *progress;
} cmt_pruner_options;

/** Keys of one family, as a plan or report counts them. */
typedef struct cmt_family_plan {
    const char *database; /* "blockstore" or "state" */
    const char *family;   /* "H:", "BH:", "validatorsKey:" … */
    int64_t dead_heights; /* heights whose key or keys die */
    uint64_t dead_bytes;  /* stored bytes, estimate from table indexes */
    uint64_t total_bytes;
} cmt_family_plan;

#define CMT_FAMILY_PLANS 9

typedef struct cmt_prune_plan {
    int64_t base;
    int64_t height;
    int64_t last_block_height; /* of the state */
    int64_t retain_height;
    int64_t evidence_height;
    char decided_by[CMT_DECIDED_BY_SIZE]; /* which rule or pin set retain_height, in words */
    cmt_prune_method method;              /* edit or engine */
    bool nothing_to_do;
    bool finishes_earlier; /* an interrupted prune is completed */
    bool
        only_compacts; /* nothing goes, but an earlier run did not come to an end compacting (engine) */
    bool sweeps;       /* leftovers below base are removed */
    bool search_complete; /* the search for leftovers was exhaustive */
    cmt_family_plan families[CMT_FAMILY_PLANS];
    size_t family_count;
    cmt_lsm_edit_counts blockstore; /* what becomes of the tables; all 0 for the method engine */
    cmt_lsm_edit_counts state;
    uint64_t peak_extra_bytes; /* needed on disk beside the databases */
    uint64_t freed_bytes;      /* estimate */
    int64_t estimated_ms;
} cmt_prune_plan;

typedef struct cmt_prune_result {
    int64_t base_before;
    int64_t base;
    int64_t height;
    int64_t retain_height;
    int64_t evidence_height;
    int64_t blocks_pruned;
    cmt_prune_method method;
    /** Pairs that were visible and are gone; -1 when whole tables went unread and counting would
     *  have meant reading them. */
    int64_t keys_deleted;
    uint64_t bytes_before; /* files of both databases, measured */
    uint64_t bytes_after;
    cmt_lsm_edit_counts blockstore;
    cmt_lsm_edit_counts state;
    int64_t ready_ms;    /* until the node may start */
    int64_t elapsed_ms;  /* until the space is back */
    uint64_t trash_left; /* files that could not be removed */
    bool nothing_to_do;
} cmt_prune_result;

/**
 * Find the stores, take both locks of each (unless dry_run), read base and heights.
 *
 * @retval CMT_NOT_FOUND    a database is missing
 * @retval CMT_UNSUPPORTED  engine or layout that this version does not write
 * @retval CMT_BUSY         a node is running
 */
CMT_API CMT_MUST_CHECK cmt_status cmt_pruner_open(const cmt_pruner_options *options,
                                                  cmt_pruner **out, cmt_error *err);

/**
 * Decide the retain height, check the floors, work out both rules and what becomes of each table.
 * Writes nothing.
 *
 * @retval CMT_OUT_OF_RANGE  the retain height breaks a floor; the message says which and what to do
 * @retval CMT_STALE         dry run beside a running node: files changed; open again
 */
CMT_API CMT_MUST_CHECK cmt_status cmt_pruner_plan(cmt_pruner *pruner, cmt_prune_plan *plan,
                                                  cmt_error *err);

/** Carry the plan out up to the moment the node may start; both locks are released on return.
 *  @retval CMT_CANCELLED  the progress hook asked to stop: by the method edit, and on pebble by either,
 *                         before the first switch, so that nothing changed; by the method engine between
 *                         two batches, and the next run goes on */
CMT_API CMT_MUST_CHECK cmt_status cmt_pruner_run(cmt_pruner *pruner, cmt_prune_result *result,
                                                 cmt_error *err);

/** Empty the trash.  Nothing in a database directory is touched.  Completes @p result. */
CMT_API CMT_MUST_CHECK cmt_status cmt_pruner_finish(cmt_pruner *pruner, cmt_prune_result *result,
                                                    cmt_error *err);

/** Release everything.  NULL is fine. */
CMT_API void cmt_pruner_close(cmt_pruner *pruner);

/* ---- on open stores ---------------------------------------------------------------------- */

/** Below which height both stores are pruned, and where the chain stands. */
typedef struct cmt_stores_prune_request {
    int64_t retain_height; /* in [base,height] of the block store */
    int64_t initial_height;
    cmt_evidence_window window; /* of the last state */
    bool sweep;                 /* also remove what earlier prunes left below base */
    bool reclaim; /* `touched` also covers, by ranges, where deleted keys may still take up space */
} cmt_stores_prune_request;

typedef struct cmt_stores_prune_result {
    cmt_block_prune_result blocks;
    cmt_state_prune_result states;
    bool blocks_done; /* a failure was of the state store */
} cmt_stores_prune_result;

CMT_API void cmt_stores_prune_result_free(cmt_stores_prune_result *result);

/**
 * Prune two open stores of one node: blocks, then states, which begin where an earlier prune was interrupted.  What was
 * deleted is to be compacted by the caller.
 *
 * @param options  may be NULL
 * @param result   out: also when the call fails, as far as it came; cmt_stores_prune_result_free()
 * @retval CMT_CANCELLED  the progress hook asked to stop; the same call again finishes
 * @retval others         as cmt_block_store_prune() and cmt_state_store_prune()
 *
 * Threads: one, beside one that saves blocks and states and others that load.  Durable on return.
 * Source: state/execution.go pruneBlocks
 */
CMT_API CMT_MUST_CHECK cmt_status cmt_stores_prune(cmt_block_store *blocks, cmt_state_store *states,
                                                   const cmt_stores_prune_request *request,
                                                   const cmt_erase_options *options,
                                                   cmt_stores_prune_result *result, cmt_error *err);

/* ---- what is still to be compacted -------------------------------------------------------- */

/* Deleted keys take up space until they are compacted, and who wants to compact them remembers where they were.  What
 * a restart must not forget is a cookie for each database, kept by whoever compacts (compactor_journal.h): it says what was
 * there to be deleted when everything deleted before had been compacted.
 *
 *   open     marks = find                          dirty(cookies) ──▶ to be compacted
 *   prune    marks advance, new cookies ──▶ with the request ──▶ stored when all of it has been compacted
 */

/** Both stores of a node with their databases.  Borrowed. */
typedef struct cmt_prune_stores {
    cmt_block_store *blocks;
    cmt_db *blocks_db;
    cmt_state_store *states;
    cmt_db *states_db;
} cmt_prune_stores;

typedef enum cmt_prune_mark {
    CMT_MARK_META,
    CMT_MARK_PART,
    CMT_MARK_COMMIT,
    CMT_MARK_SEEN_COMMIT,
    CMT_MARK_EXT_COMMIT,
    CMT_MARK_VALIDATORS, /* from here on those of the state store */
    CMT_MARK_PARAMS,
    CMT_MARK_RESULTS,
    CMT_PRUNE_MARKS
} cmt_prune_mark;

/** Single records of validators, and of params, that stay below all others because those point at them. */
#define CMT_PRUNE_KEPT_VALIDATORS 2
#define CMT_PRUNE_KEPT_PARAMS 1

/** For each key family a height below which it has no key that a prune may ever delete, but for single records.  Plain. */
typedef struct cmt_prune_marks {
    int64_t base; /* of the block store */
    int64_t lowest[CMT_PRUNE_MARKS];
    bool has_gap
        [CMT_PRUNE_MARKS]; /* from there to base some height has no key: a search may miss it */
    int64_t kept_validators[CMT_PRUNE_KEPT_VALIDATORS]; /* below lowest; 0: none */
    int64_t kept_params[CMT_PRUNE_KEPT_PARAMS];
} cmt_prune_marks;

/** Look for the lowest keys: some seeks for each family.  @p initial_height is the chain's. */
CMT_API CMT_MUST_CHECK cmt_status cmt_prune_marks_find(const cmt_prune_stores *stores,
                                                       int64_t initial_height, cmt_prune_marks *out,
                                                       cmt_error *err);

/** After a prune that came to its end.  Reads nothing; where the outcome does not tell, a mark stays.  After one that
 *  failed or was stopped the marks stay as they are, which is correct too. */
CMT_API void cmt_prune_marks_advance(cmt_prune_marks *marks,
                                     const cmt_stores_prune_request *request,
                                     const cmt_stores_prune_result *result);

#define CMT_PRUNE_COOKIE 64

/** Bytes for whoever compacts to keep; private to the pruner. */
typedef struct cmt_prune_cookie {
    uint8_t bytes[CMT_PRUNE_COOKIE];
    size_t size;
} cmt_prune_cookie;

/** The cookies to be stored once everything that has been deleted so far is compacted. */
CMT_API void cmt_prune_cookies(const cmt_prune_marks *marks, cmt_prune_cookie *blockstore,
                               cmt_prune_cookie *state);

/** Ranges that cmt_prune_dirty() gives for one database. */
#define CMT_PRUNE_DIRTY_MAX 64

/**
 * Append the ranges in which deleted keys may stand that were not compacted.  A range holds no live key unless earlier
 * prunes left it below the others, or more than CMT_PRUNE_DIRTY_MAX ranges were made fewer: those with the fewest bytes between
 * them become one.  When the block store is dirty the hash index is, too, as a whole.  (Of a block at base that has lost its
 * header a prune that was stopped may have deleted more: that is found when it was finished.)
 *
 * @param blockstore_cookie  of cmt_prune_cookies(); empty, or not one of these databases: nothing was compacted
 * @param blockstore         NULL: not wanted; so @p state
 */
CMT_API CMT_MUST_CHECK cmt_status cmt_prune_dirty(const cmt_prune_stores *stores,
                                                  cmt_slice blockstore_cookie,
                                                  cmt_slice state_cookie,
                                                  cmt_range_list *blockstore, cmt_range_list *state,
                                                  cmt_error *err);

#ifdef __cplusplus
}
#endif

#endif
