/* SPDX-License-Identifier: Apache-2.0
 *
 * The background compactor: a bounded queue and one thread over a cmt_compact_flight.
 *
 *   try_enqueue ──▶ remembered ranges (the flight) + a task (the queue) ──▶ worker ──flag 0→1──▶ slices ──▶ result
 *                                                        ▲                    │ waits: for a task, for the flag, until
 *                                                        └── failed: later ◀──┘        a retry or a poll is due; for stop
 *
 * TASKS say which databases, how, and under which label; what is to be compacted the flight remembers.  So a task that
 * is refused, dropped or cut short loses nothing: whatever was not compacted is still remembered, and the next task, the
 * next poll or cmt_compact_now() finds it.  A task waits at most for the flag, a retry, or its turn.
 * WHEN.  A task that nobody asked for by hand (every label but CMT_COMPACT_LABEL_MANUAL) is held back until the schedule
 * (compactor_schedule.h) calls its databases due; every poll_ns the worker asks the schedule about all that is
 * remembered, with figures read anew, and gives what is due a task of the trigger's name.  A database that would be due but
 * for too little to gain goes along with the other ("along with=…"): one compaction for both disturbs less than two.  A
 * task that failed is tried again after cmt_schedule_retry_after().
 *
 * JOURNAL.  With one, a job is durable before its first slice; "completed", with the cookies, is written when the engine
 * has made its result durable.  A process that ends in between finds the job open, and begins it again.
 *
 * STATES, and what each call answers in them.  A NULL handle is a freed one: cmt_compactor_free() leaves NULL behind.
 *
 *                new          running        stopping       stopped        joined        freed (NULL)
 *   start        → running    OK, nothing    BUSY           BUSY           → running     INVALID
 *   stop         OK, nothing  → stopping     OK, nothing    OK, nothing    OK, nothing   INVALID
 *   is_running   false        true           true           false          false         false
 *   join         NOT_FOUND    waits          waits          OK → joined    NOT_FOUND     NOT_FOUND
 *   try_enqueue  STOPPED      ENQUEUED …     STOPPED        STOPPED        STOPPED       NO_WORKER
 *   last_result  NOT_FOUND    OK if any      OK if any      OK if any      OK if any     INVALID
 *   results      0            how many       how many       how many       how many      0
 *   stats        OK           OK             OK             OK             OK            INVALID
 *   free         OK           OK, signals    OK             OK             OK            OK, nothing
 *
 * "Stopping" becomes "stopped" when the worker has left; it does so by itself when an engine has failed for good
 * (stats say so) or a hook ends its thread.  In "new" after a start that failed try_enqueue answers NO_WORKER.
 *
 * THREADS.  Any call from any thread at any time, cmt_compactor_free() excepted: nobody may use the handle behind it.
 *  - One mutex, the flight's, guards all state.  It is a leaf: never held across an engine, I/O, a hook or a logger.
 *    Taking the flag is acquire; it is cleared under the mutex (release), with a broadcast.
 *  - Every wait (task, flag, pause, retry, poll, join) is a predicate loop on one condition, the flight's, with
 *    CLOCK_MONOTONIC; a stop ends each.
 *  - Hooks and loggers run on the worker's thread (or that of cmt_compact_now()).  They may call everything but what
 *    waits for the worker: cmt_compactor_join(), cmt_compactor_free(), cmt_db_shutdown() from there return CMT_DEADLOCK.
 *  - The worker has references of its own on the databases.  cmt_db_shutdown() stops it and waits for it.
 *  - The worker blocks all signals: programs handle them in threads of their own, and set nothing but an atomic flag.
 *  - In a forked child every call returns CMT_FORKED (try_enqueue: CMT_ENQUEUE_FORKED) and touches nothing.
 */
#ifndef CMTSTORE_COMPACTOR_BACKGROUND_H
#define CMTSTORE_COMPACTOR_BACKGROUND_H

#include "cmtstore/compactor.h"
#include "cmtstore/compactor_journal.h"
#include "cmtstore/compactor_schedule.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct cmt_compactor cmt_compactor;

/** The most tasks that may wait. */
#define CMT_COMPACTOR_QUEUE_MAX 1024

/** What a host hears.  Each may be NULL; see THREADS for what they may call. */
typedef struct cmt_compactor_hooks {
    void *context;
    /** A task has come to its end, or was held back (outcomes CMT_COMPACT_SKIPPED). */
    void (*result)(void *context, const cmt_compact_report *report);
    /** The engine of @p database accepts no more writes, or is open for reading only: the worker leaves. */
    void (*engine_failed)(void *context, const char *database, const cmt_error *failure);
} cmt_compactor_hooks;

typedef struct cmt_compactor_options {
    bool
        disabled; /* the configuration says "off": try_enqueue answers DISABLED, start does nothing */
    size_t queue_size; /* tasks that may wait; 0: 16 */
    int64_t pause_ns;  /* between slices while blocks are being saved: cmt_compact_options */
    int64_t poll_ns;   /* 0: 10 s; negative: never */
    /** All zero: whatever was deleted is due at once.  With a role that may not compact by itself (a replica, an
     *  archive) try_enqueue answers DISABLED unless the label is CMT_COMPACT_LABEL_MANUAL; rewrites never on a replica. */
    cmt_schedule_config schedule;
    int64_t
        backup_keep_ns; /* after so long a poll removes what a rewrite left as backup; 0: never */
    /** Where tasks are durable before they are run, and what was finished afterwards; borrowed like the hooks.  What it
     *  has open is remembered again, and waits in the queue.  NULL: nothing outlives the process. */
    cmt_compact_journal *journal;
    cmt_compactor_hooks hooks;
} cmt_compactor_options;

/** As a node has it: 16 tasks, pause 20 ms, poll 10 s, cmt_schedule_defaults(), backups for 7 days. */
CMT_API void cmt_compactor_defaults(cmt_compactor_options *out);

/**
 * Make a compactor over @p flight; it does nothing before cmt_compactor_start().  All memory that it will ever need is
 * taken here.
 *
 * @param flight   need not be kept: the compactor holds it, too.  Its logger, and the hooks, must live until the worker
 *                 has left: until cmt_compactor_join(), or until the databases are closed
 * @param options  NULL: defaults
 * @retval CMT_BUSY     the flight has a compactor already (also one that was freed and whose worker has not left yet)
 * @retval CMT_INVALID  queue_size is above CMT_COMPACTOR_QUEUE_MAX
 */
CMT_API CMT_MUST_CHECK cmt_status cmt_compactor_new(cmt_compact_flight *flight,
                                                    const cmt_compactor_options *options,
                                                    cmt_compactor **out, cmt_error *err);

/**
 * Stop, and let go of the handle without waiting: a worker that runs leaves at the end of its slice and then releases
 * what it holds.  To know when, join first.
 *
 * @param handle  set to NULL.  NULL, or one to NULL, is fine
 * @retval CMT_DEADLOCK, CMT_FORKED  nothing was done
 */
CMT_API cmt_status cmt_compactor_free(cmt_compactor **handle);

/**
 * Start the worker.  Again after a stop and a join; tasks that waited at the stop wait still.
 *
 * @retval CMT_BUSY       the last worker has not been joined
 * @retval CMT_NO_MEMORY  no thread; flag and queue are as before, and until a start succeeds a block executor takes
 *                        the fallback (CMT_ENQUEUE_NO_WORKER)
 */
CMT_API CMT_MUST_CHECK cmt_status cmt_compactor_start(cmt_compactor *compactor, cmt_error *err);

/**
 * Tell the worker to leave, without waiting for it.  It ends its slice early where the engine lets it (LevelDB: not
 * before the slice is done), and cannot miss this, wherever it is.  What it was at stays remembered.  While it is
 * still in a slice nobody else compacts these databases; a compaction that somebody else has in flight goes on.
 */
CMT_API cmt_status cmt_compactor_stop(cmt_compactor *compactor);

/** Is there a worker that has not left yet? */
CMT_API bool cmt_compactor_is_running(cmt_compactor *compactor);

/**
 * Wait until the worker has left, and take what it came to last.  Of several callers one gets it.
 *
 * @param wait_ns  0: do not wait; negative: however long it takes (so stop first)
 * @param out      the report of the last task of this worker, all zero if there was none; may be NULL
 * @retval CMT_OK         the worker has left; it may be started again
 * @retval CMT_NOT_FOUND  there is none to be joined: never started, or joined already (no message)
 * @retval CMT_BUSY       it has not left in time, and can be joined still
 * @retval CMT_IO         a hook or a library has ended its thread; what it was at is remembered
 * @retval CMT_DEADLOCK   called by the worker itself, from a hook
 */
CMT_API CMT_MUST_CHECK cmt_status cmt_compactor_join(cmt_compactor *compactor, int64_t wait_ns,
                                                     cmt_compact_report *out, cmt_error *err);

/**
 * Remember what @p request asks for and leave a task for it.  Never waits but for the mutex, allocates nothing, does
 * no I/O.  The task joins one that waits (never the one that runs) if databases, kind and label are the same.
 */
CMT_API cmt_enqueue_result cmt_compactor_try_enqueue(cmt_compactor *compactor,
                                                     const cmt_compaction_request *request);

/** The flight that it was made over; borrowed.  NULL of NULL. */
CMT_API cmt_compact_flight *cmt_compactor_flight(const cmt_compactor *compactor);

/** cmt_compactor_try_enqueue() for cmt_compact_after_prune().  NULL: one that has no worker. */
CMT_API cmt_compaction_sink cmt_compactor_sink(cmt_compactor *compactor);

/** What the newest task came to.  @retval CMT_NOT_FOUND  there was none yet */
CMT_API CMT_MUST_CHECK cmt_status cmt_compactor_last_result(cmt_compactor *compactor,
                                                            cmt_compact_report *out);

/** As cmt_compact_flight_results(), of everything that was compacted in these databases. */
CMT_API size_t cmt_compactor_results(cmt_compactor *compactor, cmt_compact_result *out, size_t max);

typedef enum cmt_compactor_state {
    CMT_COMPACTOR_NEW,
    CMT_COMPACTOR_RUNNING,
    CMT_COMPACTOR_STOPPING,
    CMT_COMPACTOR_STOPPED, /* not joined yet */
    CMT_COMPACTOR_JOINED,
} cmt_compactor_state;

/** "new", "running", "stopping", "stopped", "joined". */
CMT_API const char *cmt_compactor_state_name(cmt_compactor_state state);

/** All of one instant. */
typedef struct cmt_compactor_stats {
    cmt_compactor_state state;
    bool engine_failed; /* an engine accepts no more writes: the worker has left for that */
    size_t queue_size;
    size_t waiting;    /* tasks */
    uint64_t enqueued; /* by cmt_compactor_try_enqueue(), since the compactor was made */
    uint64_t coalesced;
    uint64_t busy;
    uint64_t refused; /* stopped, disabled, no worker */
    uint64_t tasks;   /* that came to their end, well or not */
    uint64_t held_back;
    uint64_t polls;      /* tasks that the schedule asked for */
    uint64_t retries;    /* of tasks that had failed */
    int64_t retry_in_ns; /* until the next; 0: none waits */
    cmt_compact_counts counts;
    cmt_compact_progress progress;
} cmt_compactor_stats;

CMT_API cmt_status cmt_compactor_get_stats(cmt_compactor *compactor, cmt_compactor_stats *out);

#ifdef __cplusplus
}
#endif

#endif
