/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of compactor/ share.
 *
 * WHO MAY TOUCH WHAT  `taken` is the flag: compare-and-swap, cleared under `lock` with a broadcast, so that nobody
 * who waits for it sleeps through.  What is marked "flag" belongs to who holds it.  `lock` guards the rest, a background
 * compactor's state included; it is held for copying only, never while an engine, a hook or a logger is called, and no
 * other lock is taken under it.
 *
 * WHO MAY STOP WHOM  A host's stop (STOP_HOST) holds for everybody and until it is taken back.  A background
 * compactor's stop (STOP_WORKER) is set only while its own work has the flag, and taken back before the flag is
 * cleared, so nobody else meets it.
 */
#ifndef CMT_COMPACTOR_COMPACTOR_INTERNAL_H
#define CMT_COMPACTOR_COMPACTOR_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>
#include <sys/types.h>

#include "cmtstore/compactor_fallback.h"

#include "spans.h"

/* The order of work. */
enum { CMT_COMPACTOR__STATE, CMT_COMPACTOR__BLOCKSTORE, CMT_COMPACTOR__STORES };

enum { CMT_COMPACTOR__STOP_HOST = 1 << 0, CMT_COMPACTOR__STOP_WORKER = 1 << 1 };

/** One of the two databases. */
typedef struct cmt_compactor__store {
    const char *name;
    cmt_db *db; /* NULL: not there */
    char *dir;  /* NULL: not known */
    cmt_db_claim *claim;
    /* lock */
    cmt_compactor__spans remembered; /* asked for and not begun */
    cmt_compactor__spans work;       /* begun and not done; changed by who holds the flag */
    uint64_t deleted_keys;    /* asked for since the last compaction that was not cut short */
    int64_t heights;          /* likewise */
    int64_t finished_wall_ns; /* end of the last one that finished; 0: never */
    int64_t failed_wall_ns;   /* end of the last one, if it failed */
    uint32_t failures;        /* in a row */
    bool wants_rewrite;       /* asked for and not begun */
    bool rewriting;           /* begun and not done */
    bool has_rest;            /* the last compaction was cut short */
    bool has_ended;           /* one came to its end, well or not */
    int64_t ended_ns;
    cmt_compact_cookie cookie; /* the newest asked for */
    cmt_compact_done done;     /* of the compaction that runs */
    /* flag */
    double bytes_per_ns; /* of the newest slices; 0: not known */
} cmt_compactor__store;

struct cmt_compact_flight {
    cmt_compactor__store stores[CMT_COMPACTOR__STORES];
    cmt_compact_flight_options options;
    pid_t pid;
    atomic_bool taken;
    atomic_ulong holder; /* the thread that has the flag */
    atomic_uint stopped; /* CMT_COMPACTOR__STOP_*; 0: may go on */
    atomic_uint stops;   /* how often a host's stop was asked for */
    atomic_uint writes;  /* blocks saved, so far as we are told */
    pthread_mutex_t lock;
    pthread_cond_t changed; /* anything that somebody may wait for */
    /* lock */
    size_t references;
    bool has_compactor;
    cmt_compact_counts counts;
    cmt_compact_progress progress;                   /* without the figures of the stores */
    cmt_compact_result results[CMT_COMPACT_RESULTS]; /* a ring */
    size_t result_count;                             /* ever put there */
    /* flag */
    uint64_t calls;
    size_t turn; /* the store whose turn it is */
};

/** The place of each store's result in a report, in the order of stores. */
cmt_compact_result *cmt_compactor__result_of(cmt_compact_report *report, size_t store);
/** What a request asks for in each store, NULL: nothing. */
const cmt_range_list *cmt_compactor__ranges_of(const cmt_compaction_request *request, size_t store);
/** The databases that a request is about and that the flight has, as bits; NULL: all. */
unsigned cmt_compactor__databases_of(const cmt_compact_flight *flight,
                                     const cmt_compaction_request *request);
bool cmt_compactor__wants(unsigned databases, size_t store);
const char *cmt_compactor__label_of(const cmt_compaction_request *request);

int64_t cmt_compactor__now_ns(const cmt_compact_flight *flight);
int64_t cmt_compactor__wall_ns(const cmt_compact_flight *flight);
/** The time in @p budget_ns; INT64_MAX where no clock gets to. */
int64_t cmt_compactor__deadline(const cmt_compact_flight *flight, int64_t budget_ns);

/** Is this a child of the process that made the flight? */
bool cmt_compactor__is_foreign(const cmt_compact_flight *flight);
cmt_status cmt_compactor__fail_forked(cmt_error *err);

void cmt_compactor__retain(cmt_compact_flight *flight);

/** The flag, at once or not at all. */
bool cmt_compactor__try_take(cmt_compact_flight *flight);
/** As cmt_compact_flight_take(), given up with CMT_CANCELLED at a stop; @p stops is the value of flight->stops from
 *  which on a stop counts. */
CMT_MUST_CHECK cmt_status cmt_compactor__take(cmt_compact_flight *flight, int64_t wait_ns,
                                              unsigned stops, cmt_error *err);
/** The time in @p wait_ns by the clock of waits; negative: INT64_MAX, never. */
int64_t cmt_compactor__until(int64_t wait_ns);
/** Wait for a change until then.  False: time is up. */
bool cmt_compactor__wait_until_locked(cmt_compact_flight *flight, int64_t until_ns);
/** Wait for a change, no longer than @p wait_ns of real time; negative: however long it takes.  False: time is up. */
bool cmt_compactor__wait_locked(cmt_compact_flight *flight, int64_t wait_ns);

/** Was a host's stop asked for since flight->stops was @p stops, or does one still hold? */
bool cmt_compactor__must_stop(const cmt_compact_flight *flight, unsigned stops);
cmt_status cmt_compactor__fail_stopped(cmt_compact_flight *flight, cmt_error *err);
/** Let the engines know what `stopped` says.  Not under the lock. */
void cmt_compactor__tell_engines(cmt_compact_flight *flight);

/** As the public functions, under the lock. */
void cmt_compactor__remember_locked(cmt_compact_flight *flight,
                                    const cmt_compaction_request *request);
cmt_compact_counts cmt_compactor__counts_locked(const cmt_compact_flight *flight);
cmt_compact_progress cmt_compactor__progress_locked(const cmt_compact_flight *flight);

/** Count one call or database. */
void cmt_compactor__count(cmt_compact_flight *flight, uint64_t *counter);
/** Keep a result. */
void cmt_compactor__keep_result(cmt_compact_flight *flight, const cmt_compact_result *result);

/** Log `EVENT err="MESSAGE"`. */
void cmt_compactor__log_error(const cmt_logger *logger, const char *event,
                              const cmt_error *failure);

/** What one compaction is about. */
typedef struct cmt_compactor__job {
    cmt_compact_flight *flight;
    const cmt_compaction_request *request; /* for label and numbers; may be NULL */
    const char
        *triggers[CMT_COMPACTOR__STORES]; /* of each store, if not the request's; may be NULL */
    bool wanted[CMT_COMPACTOR__STORES];   /* stores that take part */
    unsigned stops;                       /* flight->stops when it was asked for */
    int64_t deadline_ns;                  /* INT64_MAX: none */
    int64_t pause_ns;                     /* 0: none */
    const cmt_progress_hook *progress;    /* may be NULL */
} cmt_compactor__job;

/** Which stores of @p job take part, going by policy, interval and least work of @p gate; the others are skipped and
 *  counted. */
void cmt_compactor__choose(cmt_compactor__job *job, const cmt_compact_fallback *gate,
                           cmt_compact_report *report);

/** Has a store that takes part anything to do? */
bool cmt_compactor__has_work(const cmt_compactor__job *job);

/** Compact what the stores of @p job remember.  The caller holds the flag, and keeps it. */
CMT_MUST_CHECK cmt_status cmt_compactor__run(const cmt_compactor__job *job,
                                             cmt_compact_report *report, cmt_error *err);

/** Whoever had the flag is gone: put back what it was at, and clear the flag. */
void cmt_compactor__abandon(cmt_compact_flight *flight);

/** One database in a compaction that runs. */
typedef struct cmt_compactor__side {
    cmt_compactor__store *store;
    cmt_compact_result *result;
    bool active;   /* has slices before it */
    bool rewrites; /* instead of slices */
    bool was_rewritten;
    bool cancelled;        /* the engine says so */
    cmt_error failure;     /* CMT_OK: none */
    cmt_db_stats before;   /* all zero: not read */
    uint64_t deleted_keys; /* asked for when it began; so are the next two */
    int64_t heights;
    cmt_compact_cookie cookie;
    int64_t spent_ns;
} cmt_compactor__side;

/** A compaction that runs. */
typedef struct cmt_compactor__flow {
    const cmt_compactor__job *job;
    cmt_compactor__side sides[CMT_COMPACTOR__STORES];
    int64_t began_ns;
    uint64_t slices;
    unsigned writes; /* flight->writes when the last slice began */
    bool stopped;
} cmt_compactor__flow;

/** Between two slices: while blocks are being saved wait, a second at most; a stop ends it. */
void cmt_compactor__pause(cmt_compactor__flow *flow);
/** @retval CMT_NO_SPACE  less than the reserve is free where the database lies */
CMT_MUST_CHECK cmt_status cmt_compactor__check_space(const cmt_compact_flight *flight,
                                                     const cmt_compactor__store *store,
                                                     cmt_error *err);

/** Log the beginning, count it. */
void cmt_compactor__announce(const cmt_compactor__flow *flow);
/** Put back what is not done, write results and counters, log the end. */
CMT_MUST_CHECK cmt_status cmt_compactor__conclude(cmt_compactor__flow *flow, cmt_error *err);
/** A part of a whole, 0..1; of nothing 0. */
double cmt_compactor__share(uint64_t part, uint64_t whole);
/** Read figures into the result. */
CMT_MUST_CHECK cmt_status cmt_compactor__measure_before(cmt_compactor__side *side, cmt_error *err);
void cmt_compactor__measure_after(const cmt_compactor__side *side);

/** Does anybody want this to stop?  The host is told how far `side` is. */
bool cmt_compactor__is_stopped(cmt_compactor__flow *flow, const cmt_compactor__side *side);
/** Write the database of @p side anew. */
CMT_MUST_CHECK cmt_status cmt_compactor__rewrite(cmt_compactor__flow *flow,
                                                 cmt_compactor__side *side);

/**
 * The body of cmt_compact_fallback_run().
 * @param announce  told, before a compaction begins, that there is no other compactor; may be NULL
 */
CMT_MUST_CHECK cmt_status cmt_compactor__fall_back(cmt_compact_flight *flight,
                                                   const cmt_compact_fallback *fallback,
                                                   const cmt_compaction_request *request,
                                                   const cmt_logger *announce,
                                                   cmt_compact_report *report, cmt_error *err);

#endif
