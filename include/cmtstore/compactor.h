/* SPDX-License-Identifier: Apache-2.0
 *
 * Gives the space of what a prune deleted back, in the databases of one node.  It sees databases, labels and key
 * ranges; what a key means it does not know.
 *
 *   request ──▶ remembered ranges ──▶ flag 0→1 ──▶ slice · slice · slice ──▶ result, counters, log
 *                     ▲                                  │
 *                     └────── what was not done ◀────────┘ stop, budget, failure
 *
 * THE FLAG.  A cmt_compact_flight belongs to a pair of databases: of all who want to compact them (a prune's
 * fallback, an operator, a background worker, whoever rewrites a database) one gets in, the others hear CMT_BUSY.
 * A background worker over it is compactor_background.h.
 * NOTHING IS FORGOTTEN.  What is asked for is remembered first and crossed out when it was compacted.  A call that
 * comes to nothing or only half way leaves the rest for the next.  At most CMT_COMPACT_RANGES ranges are kept for a
 * database; further ones join their nearest neighbours.  So memory is fixed, and remembering cannot fail.
 * SLICES.  Ranges are compacted in pieces of about slice_bytes.  Between two the stop, the host's hook, the budget and
 * the free space are looked at, and the databases take turns.
 * THREADS.  All functions on a flight may be called from any thread at any time, cmt_compact_flight_free() excepted.
 * No lock is held while an engine, a hook or a logger is called.  Whoever has the flag and asks to wait for it, from a
 * hook say, hears CMT_DEADLOCK.
 * FORK.  In a process forked from the one that made a flight nothing works: statuses are CMT_FORKED, figures are 0.
 */
#ifndef CMTSTORE_COMPACTOR_H
#define CMTSTORE_COMPACTOR_H

#include "cmtstore/db.h"
#include "cmtstore/keys.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Ranges that are remembered for one database. */
#define CMT_COMPACT_RANGES 64
/** Results that a flight keeps. */
#define CMT_COMPACT_RESULTS 32
/** Bytes of a cookie, at most. */
#define CMT_COMPACT_COOKIE 64
/** The label of compactions behind a prune, and of those that somebody asks for. */
#define CMT_COMPACT_LABEL_PRUNE "post_pruning_compaction"
#define CMT_COMPACT_LABEL_MANUAL "manual_compaction"

/* ---- what is asked for ------------------------------------------------------------------- */

/** The databases of one node.  Either may be NULL: there is only the other.  Borrowed. */
typedef struct cmt_compactor_target {
    cmt_db *blockstore;
    cmt_db *state;
    /** Where they lie, to see how much space is free there; copied.  NULL: that is not looked at. */
    const char *blockstore_dir;
    const char *state_dir;
} cmt_compactor_target;

/** Bits of databases. */
typedef enum cmt_compact_databases {
    CMT_COMPACT_STATE = 1 << 0,
    CMT_COMPACT_BLOCKSTORE = 1 << 1,
    CMT_COMPACT_BOTH = CMT_COMPACT_STATE | CMT_COMPACT_BLOCKSTORE,
} cmt_compact_databases;

typedef enum cmt_compact_kind {
    CMT_COMPACT_KIND_RANGES, /* what the lists of the request hold, and whatever else is remembered */
    CMT_COMPACT_KIND_FULL,   /* the whole database, slice by slice */
    /** The whole database written anew and exchanged: cmt_db_rewrite().  It is at work for as long as it takes; a
     *  budget does not end it, a stop does, and then it begins again. */
    CMT_COMPACT_KIND_REWRITE,
} cmt_compact_kind;

/** "ranges", "full", "rewrite". */
CMT_API const char *cmt_compact_kind_name(cmt_compact_kind kind);

/**
 * What a prune (or an operator) leaves to be compacted.  All pointers are borrowed for the call.  Of keys longer than
 * 80 bytes the first 80 count; the range then is a little wider.
 */
typedef struct cmt_compaction_request {
    cmt_compact_kind kind;
    /** The databases that it is about, bits of cmt_compact_databases.  0: of kind ranges those with ranges, or both
     *  if neither has any; else both. */
    unsigned databases;
    /** The name in log lines and results, at most 47 bytes: CMT_COMPACT_LABEL_PRUNE …; NULL:
     *  CMT_COMPACT_LABEL_MANUAL. */
    const char *label;
    /** The numbers behind it, for the result, at most 95 bytes; NULL: deleted_keys and heights. */
    const char *trigger;
    /** NULL: nothing.  A range without bounds is the whole database. */
    const cmt_range_list *blockstore;
    const cmt_range_list *state;
    uint64_t deleted_keys; /* how much was deleted there; 0: not known, or nothing */
    int64_t heights;       /* for log and result only */
    /** Up to where a database is clean once this and everything before was compacted there: bytes that nobody here
     *  reads, at most CMT_COMPACT_COOKIE (longer ones count as none).  They come back in the result. */
    cmt_slice blockstore_cookie;
    cmt_slice state_cookie;
} cmt_compaction_request;

/* ---- handing it on ----------------------------------------------------------------------- */

/** What became of a request that was handed to a background compactor. */
typedef enum cmt_enqueue_result {
    CMT_ENQUEUED,
    CMT_ENQUEUE_COALESCED, /* joined to one that waits already */
    CMT_ENQUEUE_BUSY,      /* the queue is full; remembered */
    CMT_ENQUEUE_STOPPED,   /* the compactor was stopped; remembered */
    CMT_ENQUEUE_DISABLED,  /* the configuration says that there is none; remembered */
    CMT_ENQUEUE_NO_WORKER, /* it could not be started; remembered, and for the fallback */
    CMT_ENQUEUE_FORKED,    /* in a forked child; nothing was done */
} cmt_enqueue_result;

/** "enqueued", "coalesced", "busy", "stopped", "disabled", "no_worker", "forked". */
CMT_API const char *cmt_enqueue_result_name(cmt_enqueue_result result);

/** A background compactor as a block executor sees it.  try_enqueue copies what it needs of the request; it never
 *  waits and does no I/O. */
typedef struct cmt_compaction_sink {
    cmt_enqueue_result (*try_enqueue)(void *context, const cmt_compaction_request *request);
    void *context;
} cmt_compaction_sink;

/* ---- results ----------------------------------------------------------------------------- */

typedef enum cmt_compact_outcome {
    CMT_COMPACT_NONE,     /* nothing was asked for this database */
    CMT_COMPACT_FINISHED, /* all of it */
    CMT_COMPACT_PARTLY,   /* the budget was used up; the rest is remembered */
    CMT_COMPACT_STOPPED,  /* on request; the rest is remembered */
    CMT_COMPACT_FAILED,   /* the engine met an error; the rest is remembered */
    CMT_COMPACT_SKIPPED,  /* not begun: `reason`; remembered */
} cmt_compact_outcome;

/** "none", "finished", "partly", "stopped", "failed", "skipped". */
CMT_API const char *cmt_compact_outcome_name(cmt_compact_outcome outcome);

/** Bytes that came with a request. */
typedef struct cmt_compact_cookie {
    uint8_t size; /* 0: none */
    uint8_t bytes[CMT_COMPACT_COOKIE];
} cmt_compact_cookie;

/** What came of one compaction in one database.  Plain: copied by value, all zero is "none". */
typedef struct cmt_compact_result {
    /** Counts the calls of a flight that got its flag, from 1; the same for both databases. */
    uint64_t id;
    const char *database;  /* "blockstore" or "state"; static */
    uint64_t bytes_before; /* of tables and logs; of a database in memory: its pairs */
    uint64_t bytes_after;
    uint64_t tables_before;
    uint64_t tables_after;
    /** Dead bytes of the bytes above, as the ranges tell that were to be compacted, and that were left; 0..1. */
    double dead_before;
    double dead_after;
    /** What went out of the tables: entries, and deletions among them.  Where the engine does not count them
     *  (LevelDB) what the requests said was deleted, of a compaction that finished. */
    uint64_t keys_reclaimed;
    uint64_t tombstones_merged;
    uint64_t slices;      /* compacted to their end */
    uint64_t slice_bytes; /* that they held before, about */
    uint64_t ranges_left; /* remembered when it was over */
    int64_t duration_ms;  /* spent in this database */
    cmt_compact_kind kind;
    cmt_compact_outcome outcome;
    cmt_status status; /* CMT_OK for none, finished, partly and skipped */
    bool triggered;    /* compacting began; false: see `reason` */
    char label[48];    /* of the request */
    char reason[64];   /* why it was skipped */
    char trigger[96]; /* the numbers behind it, of the request; else "deleted_keys=… heights=…" */
    char error[512]; /* of a failure */
    /** The newest that came with what is done now; none unless finished. */
    cmt_compact_cookie cookie;
} cmt_compact_result;

/** What came of one call. */
typedef struct cmt_compact_report {
    cmt_compact_result blockstore;
    cmt_compact_result state;
} cmt_compact_report;

/** What happened since the flight was made. */
typedef struct cmt_compact_counts {
    /* calls */
    uint64_t started;  /* got the flag and had something to do */
    uint64_t finished; /* of these: everything done */
    uint64_t partly;
    uint64_t failed;  /* in at least one database */
    uint64_t stopped; /* on the way, or before they began */
    uint64_t busy;    /* did not get the flag */
    /* databases that were held back, by the fallback or in the background */
    uint64_t skipped_policy;
    uint64_t skipped_interval;
    uint64_t skipped_work;
    uint64_t slices;
    uint64_t pauses; /* between slices, because blocks were being saved */
    int64_t paused_ns;
    uint64_t bytes_reclaimed;       /* by databases that became smaller */
    uint64_t remembered_blockstore; /* ranges, now */
    uint64_t remembered_state;
    uint64_t rewrites_wanted; /* databases, now */
} cmt_compact_counts;

/* ---- the flight -------------------------------------------------------------------------- */

/** The in-flight flag of one pair of databases, and what is remembered for them. */
typedef struct cmt_compact_flight cmt_compact_flight;

typedef struct cmt_compact_flight_options {
    const cmt_logger *logger; /* borrowed; NULL: silence */
    size_t slice_bytes;       /* 0: 32 MiB */
    /** No slice begins with less space free than this, where target says where to look; 0: 256 MiB. */
    uint64_t reserve_bytes;
    /** For tests and simulations.  Nanoseconds that never go back; NULL: the monotonic clock. */
    int64_t (*clock_ns)(void *context);
    /** Nanoseconds since 1970; NULL: the system's clock. */
    int64_t (*wall_ns)(void *context);
    void *clock_context; /* of both */
    /** Instead of asking the file system for the bytes that are free around @p database; NULL: that. */
    cmt_status (*free_bytes)(void *context, const char *database, uint64_t *out, cmt_error *err);
    void *free_context;
    /** Instead of cmt_db_compact_range(); NULL: that. */
    cmt_status (*compact)(void *context, cmt_db *db, cmt_range range, cmt_error *err);
    void *compact_context;
} cmt_compact_flight_options;

/** Make the flag of these databases; each has one.
 *  @param options  NULL: defaults
 *  @retval CMT_BUSY  one of the databases has a flight already, or one that was freed and whose worker has not left yet */
CMT_API CMT_MUST_CHECK cmt_status cmt_compact_flight_new(const cmt_compactor_target *target,
                                                         const cmt_compact_flight_options *options,
                                                         cmt_compact_flight **out, cmt_error *err);

/** Release.  Nobody may use the flight any more; the databases are still open.  A compactor over it keeps what it
 *  needs.  NULL is fine. */
CMT_API void cmt_compact_flight_free(cmt_compact_flight *flight);

/**
 * Take the flag, for work on the databases that must not meet a compaction.
 *
 * @param wait_ns  wait so long for whoever has it; 0: not at all; negative: until it is free
 * @retval CMT_BUSY      somebody else has it
 * @retval CMT_DEADLOCK  the caller has it, and wants to wait
 */
CMT_API CMT_MUST_CHECK cmt_status cmt_compact_flight_take(cmt_compact_flight *flight,
                                                          int64_t wait_ns, cmt_error *err);
/** Give it back; only who has taken it may. */
CMT_API void cmt_compact_flight_release(cmt_compact_flight *flight);
CMT_API bool cmt_compact_flight_is_taken(const cmt_compact_flight *flight);

/**
 * Stop what is in flight, and let nothing begin until cmt_compact_flight_resume().  The compaction ends within a slice.
 * With LevelDB and in memory this does not wait for it; RocksDB waits until its own part has ended, some milliseconds.
 * What was begun and not finished stays remembered.  May be called twice.
 */
CMT_API void cmt_compact_flight_stop(cmt_compact_flight *flight);
/** Compactions may begin again.  One that was in flight at the stop ends all the same. */
CMT_API void cmt_compact_flight_resume(cmt_compact_flight *flight);
CMT_API bool cmt_compact_flight_is_stopped(const cmt_compact_flight *flight);

/** Remember what @p request asks for, without doing it.  Neither waits nor fails. */
CMT_API void cmt_compact_flight_remember(cmt_compact_flight *flight,
                                         const cmt_compaction_request *request);

/** Append copies of what is remembered and not yet done to the lists (NULL: not wanted), in key order. */
CMT_API CMT_MUST_CHECK cmt_status cmt_compact_flight_remembered(cmt_compact_flight *flight,
                                                                cmt_range_list *blockstore,
                                                                cmt_range_list *state,
                                                                cmt_error *err);

/** A block is being saved: who compacts in the background makes room between slices (pause_ns).  Call it at each
 *  save; it takes some nanoseconds, no lock, and does nothing else. */
CMT_API void cmt_compact_flight_note_write(cmt_compact_flight *flight);

/** How far a compaction has come in one database. */
typedef struct cmt_compact_done {
    uint64_t slices;
    uint64_t bytes; /* compacted, about */
    uint64_t total; /* an estimate, made when it began; never below `bytes` */
} cmt_compact_done;

/** What is in flight now. */
typedef struct cmt_compact_progress {
    bool active;
    uint64_t id; /* that its results will have */
    char label[48];
    cmt_compact_done blockstore;
    cmt_compact_done state;
} cmt_compact_progress;

CMT_API cmt_compact_progress cmt_compact_flight_progress(cmt_compact_flight *flight);

CMT_API cmt_compact_counts cmt_compact_flight_counts(cmt_compact_flight *flight);

/** Copy the newest results, at most @p max, newest first; of each call the state before the block store.  Returns
 *  how many.  Only CMT_COMPACT_RESULTS are kept. */
CMT_API size_t cmt_compact_flight_results(cmt_compact_flight *flight, cmt_compact_result *out,
                                          size_t max);

/* ---- compacting -------------------------------------------------------------------------- */

typedef struct cmt_compact_options {
    int64_t wait_ns;   /* for the flag, as in cmt_compact_flight_take() */
    int64_t budget_ns; /* begin no slice that would probably end later than this; 0: no limit */
    /** Between two slices wait so long if blocks were saved meanwhile, twice as long if they still are, and so on, up
     *  to a second in all; 0: not at all. */
    int64_t pause_ns;
    const cmt_progress_hook *progress; /* phase "compact", bytes; may ask to stop */
} cmt_compact_options;

/**
 * Remember @p request, then compact everything that is remembered.  With a budget at least one slice is compacted;
 * slices are made as small as the speed of those before suggests.
 *
 * A database that fails does not stop the other; the message of a failure names it.  Logs compaction_start, then
 * compaction_done, compaction_stopped or compaction_error, each with the label.
 *
 * @param request  NULL: only what is remembered
 * @param options  NULL: none
 * @param out      what came of it; may be NULL.  Written in every case
 * @retval CMT_OK         finished, or the budget was used up (see the outcomes in @p out), or there was nothing to do
 * @retval CMT_BUSY       the flag is taken; the request is remembered
 * @retval CMT_CANCELLED  stopped; the rest is remembered
 * @retval CMT_DEADLOCK   the caller has the flag, and wants to wait for it; the request is remembered
 * @retval CMT_NO_SPACE   less space is free than the reserve; the rest is remembered
 * @retval CMT_IO         (and other failures) of at least one database; its rest is remembered
 */
CMT_API CMT_MUST_CHECK cmt_status cmt_compact_now(cmt_compact_flight *flight,
                                                  const cmt_compaction_request *request,
                                                  const cmt_compact_options *options,
                                                  cmt_compact_report *out, cmt_error *err);

#ifdef __cplusplus
}
#endif

#endif
