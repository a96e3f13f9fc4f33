/* SPDX-License-Identifier: Apache-2.0
 *
 * The background compactor as its own files see it.
 *
 *   background.c  the handle       try_enqueue ─▶ queue ─▶ worker.c ─▶ cmt_compactor__run() ─▶ handler.c
 *   start.c       the thread                                 │ asks                              │ alone changes what
 *   enqueue.c     into the queue                         advice.c: the schedule                  ▼ came of it
 *   look.c        what it tells of itself                                                   durable.c: the journal
 */
#ifndef CMT_COMPACTOR_BACKGROUND_INTERNAL_H
#define CMT_COMPACTOR_BACKGROUND_INTERNAL_H

#include "compactor_internal.h"

#include "queue.h"

struct cmt_compactor {
    cmt_compact_flight *flight; /* held */
    cmt_compactor_options options;
    /* flight->lock guards all below, but for what the worker alone uses */
    unsigned references; /* the handle and the worker */
    cmt_compactor_state state;
    bool start_failed;
    bool engine_failed;
    bool died;       /* the worker did not leave by itself */
    bool in_flight;  /* its own work has the flag */
    bool must_tell;  /* the engines of a stop: the stopper is to; the worker waits for it */
    bool has_thread; /* to be joined */
    pthread_t thread;
    pthread_t stopper;
    bool stopper_leaves;
    unsigned long worker; /* its thread, while it runs; 0 */
    cmt_compactor__queue queue;
    cmt_compactor__task task; /* that runs */
    int64_t poll_at_ns;
    size_t seen; /* results of the flight that the journal knows of */
    bool has_last;
    cmt_compact_report last;   /* of the newest task */
    cmt_compact_report result; /* of the newest task of this worker */
    cmt_compactor_stats stats; /* counters only */
    /* worker */
    char triggers[CMT_COMPACTOR__STORES][CMT_SCHEDULE_TEXT];
};

/** Give one reference back; with the last all is released. */
void cmt_compactor__drop(cmt_compactor *compactor);
bool cmt_compactor__is_worker_locked(const cmt_compactor *compactor);
/** What cmt_db_shutdown() calls. */
bool cmt_compactor__on_shutdown(void *context);
/** Give back the databases of the first so many stores. */
void cmt_compactor__let_go(cmt_compactor *compactor, size_t stores);

/** End the stopper's thread. */
void cmt_compactor__end_stopper(cmt_compactor *compactor);

/** The body of the worker's thread. */
void *cmt_compactor__work(void *argument);

/** What the schedule says of one store. */
typedef struct cmt_compactor__advice {
    bool asked; /* something is remembered there */
    bool goes;  /* takes part in the compaction */
    cmt_schedule_decision decision;
} cmt_compactor__advice;

/** Ask the schedule about a store, with figures read anew.  Not under the lock. */
cmt_compactor__advice cmt_compactor__ask(const cmt_compactor *compactor, size_t store);
/** Which stores of @p job are due; the others are skipped, with the reason. */
void cmt_compactor__advise(cmt_compactor *compactor, cmt_compactor__job *job,
                           cmt_compact_report *report);
/** Give a task to whatever is due.  Not under the lock. */
void cmt_compactor__poll(cmt_compactor *compactor);

/** The worker's task has come to its end: counted, put back if it is to be tried again, told to the host. */
void cmt_compactor__handle(cmt_compactor *compactor, cmt_status status, unsigned stops,
                           const cmt_compact_report *report);

bool cmt_compactor__is_manual(const char *label);

/* ---- the journal; without one each of these does nothing and succeeds -------------------------- */

/** Take over what the journal knows: times, counters, open jobs. */
CMT_MUST_CHECK cmt_status cmt_compactor__durable_load(cmt_compactor *compactor, cmt_error *err);
/** Add to the counters what a task says was deleted.  No I/O. */
void cmt_compactor__durable_note(cmt_compactor *compactor, const cmt_compactor__task *task);
/** The worker's task is about to run: durable on return. */
CMT_MUST_CHECK cmt_status cmt_compactor__durable_begin(cmt_compactor *compactor,
                                                       const cmt_compactor__job *job,
                                                       cmt_error *err);
/** It has ended: `to` is what becomes of its job.  Failures are logged. */
void cmt_compactor__durable_end(cmt_compactor *compactor, cmt_job_status to,
                                const cmt_compact_report *report);
/** Is there a result that the journal does not know of? */
bool cmt_compactor__has_news_locked(const cmt_compactor *compactor);
/** What others have finished in these databases. */
void cmt_compactor__durable_catch_up(cmt_compactor *compactor);
void cmt_compactor__durable_flush(cmt_compactor *compactor);

#endif
