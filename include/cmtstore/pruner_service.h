/* SPDX-License-Identifier: Apache-2.0
 *
 * The pruner of a running node, as CometBFT has one from 1.0 on: who has a say puts retain heights, and a thread of its
 * own prunes what all have given up, at intervals.
 *
 *   application, companion ──set──▶ retain heights ─┐
 *   configuration ────────────────▶ keep policy ────┼─ lowest ─▶ both stores pruned ─▶ hand-over to a compactor
 *   operator ─────────────────────▶ pins ───────────┘            results pruned (companion)
 *
 * WHERE RETAIN HEIGHTS ARE KEPT.  Where the state store's `version` says 1.0 or later: under CometBFT's keys.  In older
 * databases, where these would be foreign: in <db_dir>/cmtstore/retain-heights.
 * FAILURES are logged and never fatal: the next round tries again.  Whoever cannot be asked (a retain height that does
 * not decode, pins that cannot be read) has not given anything up.
 * COMPACTION is asked for behind each prune, also one that failed midway, through the hand-over; a synchronous fallback
 * runs on the service's thread.
 *
 * STATES, and what each call answers in them; cmt_prune_service_free() leaves NULL behind.
 *
 *                new          running       stopping      stopped       joined
 *   start        → running    OK, nothing   BUSY          BUSY          → running
 *   stop         nothing      → stopping    nothing       nothing       nothing
 *   is_running   false        true          true          false         false
 *   join         NOT_FOUND    waits         waits         OK → joined   NOT_FOUND
 *   round        a round      BUSY          BUSY          a round       a round
 *
 * THREADS.  All calls from any thread at any time, cmt_prune_service_free() excepted.  The stores are used beside whoever
 * saves and loads: over databases with CMT_DB_SHARED only.  No lock is held while an engine, a hook or a logger is called,
 * but the one of the retain heights, while one is put.  Hooks run on the service's thread and may call all but
 * cmt_prune_service_join() and _free(), which would wait for themselves: CMT_DEADLOCK.  The thread blocks all signals.
 * FORK.  In a process forked from the one that made a service nothing works: statuses are CMT_FORKED, figures are 0.
 *
 * Source: state/pruner.go
 */
#ifndef CMTSTORE_PRUNER_SERVICE_H
#define CMTSTORE_PRUNER_SERVICE_H

#include "cmtstore/compactor_fallback.h"
#include "cmtstore/pruner_ledger.h"
#include "cmtstore/state_retain.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct cmt_prune_service cmt_prune_service;

/** What a host hears; each may be NULL.  Heights [from,to]: from where the last prune ended (0 after a start), although
 *  blocks may begin above. */
typedef struct cmt_prune_observer {
    void *context;
    void (*started)(void *context, int64_t interval_ns);
    void (*pruned_blocks)(void *context, int64_t from, int64_t to);
    void (*pruned_results)(void *context, int64_t from, int64_t to);
} cmt_prune_observer;

typedef struct cmt_prune_service_options {
    cmt_block_store *blocks; /* both opened for writing; borrowed, as all that follows */
    cmt_state_store *states;
    /** Holds both databases: for pins, and before 1.0 for retain heights.  NULL: there are no pins; not before 1.0. */
    const char *data_dir;
    int64_t interval_ns;      /* between two rounds; 0: 10 s */
    bool data_companion;      /* what one has not given up stays; its retain height 0 is nothing */
    int64_t companion_blocks; /* its first retain heights, where none above 0 are kept */
    int64_t companion_results;
    cmt_keep_policy keep;                 /* beside what the application says, or instead */
    bool keep_residue;                    /* leave below base what CometBFT leaves */
    bool is_archive;                      /* for the log only */
    const cmt_compact_handover *handover; /* NULL: nothing is compacted */
    const cmt_prune_observer *observer;   /* NULL: nobody */
    const cmt_logger *logger;
    int64_t (*clock_ns)(void *context);     /* NULL: the monotonic clock */
    int64_t (*wall_seconds)(void *context); /* since 1970, for pins; NULL: the system's */
    void *context;                          /* of both clocks */
} cmt_prune_service_options;

/**
 * Make a service, stopped, and put the retain heights that a node puts at its start: the application's 0 where there is
 * none, with a companion its two where they are absent or 0.
 *
 * @param options  copied; data_dir, too
 * @retval CMT_INVALID      databases before 1.0 and no data_dir; a negative number
 * @retval CMT_UNSUPPORTED  a database that several threads cannot use, or that is open for reading only
 * @retval CMT_CORRUPT      the retain heights that are kept cannot be read
 *
 * Durable on return.
 * Source: node/node.go initApplicationRetainHeight, initCompanionRetainHeights; state/pruner.go NewPruner
 */
CMT_API CMT_MUST_CHECK cmt_status cmt_prune_service_new(const cmt_prune_service_options *options,
                                                        cmt_prune_service **out, cmt_error *err);

/** As cmt_prune_ledger_open(), for what the service's prunes hand on.  Before the first round.
 *  @retval CMT_BUSY  the service's thread runs, or a round */
CMT_API CMT_MUST_CHECK cmt_status cmt_prune_service_recover_compaction(
    cmt_prune_service *service, cmt_db *blocks_db, cmt_db *states_db, int64_t initial_height,
    cmt_compact_flight *flight, cmt_compact_journal *journal, cmt_error *err);

/** Stop, wait for the thread, release.  NULL, or one to NULL, is fine.
 *  @retval CMT_DEADLOCK  called from a hook: nothing was done */
CMT_API cmt_status cmt_prune_service_free(cmt_prune_service **service);

/** Start the thread.  The first round begins at once.
 *  @retval CMT_BUSY       the last thread has not been joined
 *  @retval CMT_NO_MEMORY  no thread */
CMT_API CMT_MUST_CHECK cmt_status cmt_prune_service_start(cmt_prune_service *service,
                                                          cmt_error *err);

/** Tell the thread to leave, without waiting for it: at once where it waits, else behind the batch that it writes.  What
 *  was not pruned the next start prunes.  A synchronous compaction is the flight's to stop. */
CMT_API void cmt_prune_service_stop(cmt_prune_service *service);

/** Is there a thread that has not left yet? */
CMT_API bool cmt_prune_service_is_running(cmt_prune_service *service);

/**
 * Wait until the thread has left.  Of several callers one gets CMT_OK.
 *
 * @param wait_ns  0: do not wait; negative: however long it takes (so stop first)
 * @retval CMT_NOT_FOUND  there is none to be joined (no message)
 * @retval CMT_BUSY       it has not left in time, and can be joined still
 * @retval CMT_DEADLOCK   called from a hook
 */
CMT_API CMT_MUST_CHECK cmt_status cmt_prune_service_join(cmt_prune_service *service,
                                                         int64_t wait_ns, cmt_error *err);

/** One round in the calling thread: for hosts that have a thread of their own, and for tests.  What fails is logged and
 *  counted.
 *  @retval CMT_BUSY  the service's thread runs, or another round */
CMT_API CMT_MUST_CHECK cmt_status cmt_prune_service_round(cmt_prune_service *service,
                                                          cmt_error *err);

/** An injected clock was moved: look whether a round is due. */
CMT_API void cmt_prune_service_wake(cmt_prune_service *service);

/* ---- retain heights ---------------------------------------------------------------------- */

/**
 * Put a retain height.  An equal one is accepted and writes nothing.
 *
 * @retval CMT_OUT_OF_RANGE  "invalid height value": not in [base,height] of the block store; or "cannot set a height lower
 *                           than previously requested - heights might have already been pruned"
 * @retval CMT_CORRUPT, CMT_NOT_FOUND  "pruner failed to get existing application block retain height: …"
 *
 * Durable on return.
 * Source: state/pruner.go SetApplicationBlockRetainHeight, SetCompanionBlockRetainHeight, SetABCIResRetainHeight
 */
CMT_API CMT_MUST_CHECK cmt_status cmt_prune_service_set_retain_height(cmt_prune_service *service,
                                                                      cmt_retain_owner owner,
                                                                      int64_t height,
                                                                      cmt_error *err);

/** @retval CMT_NOT_FOUND  it was never put: there is no companion (no message)
 *  Source: state/pruner.go GetApplicationRetainHeight and the two that follow it */
CMT_API CMT_MUST_CHECK cmt_status cmt_prune_service_retain_height(cmt_prune_service *service,
                                                                  cmt_retain_owner owner,
                                                                  int64_t *out, cmt_error *err);

/* ---- what happened ----------------------------------------------------------------------- */

/** Of one instant, since the service was made. */
typedef struct cmt_prune_service_stats {
    uint64_t rounds;       /* that are over */
    uint64_t failures;     /* prunes, and questions to who has a say, that failed */
    uint64_t blocks;       /* pruned */
    uint64_t results;      /* heights whose results were pruned by themselves */
    cmt_prune_target last; /* of the last round */
} cmt_prune_service_stats;

CMT_API void cmt_prune_service_get_stats(cmt_prune_service *service, cmt_prune_service_stats *out);

#ifdef __cplusplus
}
#endif

#endif
