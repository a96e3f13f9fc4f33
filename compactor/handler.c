/* SPDX-License-Identifier: Apache-2.0
 *
 * What the background worker's task came to: the only place that acts on results.
 */
#include <inttypes.h>
#include <string.h>

#include "background_internal.h"

#define MS_NS INT64_C(1000000)

/* ---- engines --------------------------------------------------------------------------------- */

/* An engine that met an error in the background takes no more writes, which a flush finds out.  A full disk may
 * become less full. */
static bool accepts_no_more(cmt_db *db, const cmt_compact_result *result, cmt_error *failure)
{
    if (result->status == CMT_UNSUPPORTED) {
        cmt_error_set(failure, result->status, "%s", result->error);
        return true;
    }
    cmt_status st = cmt_db_flush(db, failure);
    return st != CMT_OK && st != CMT_NO_SPACE && st != CMT_NO_MEMORY;
}

/* The store whose engine is of no use any more; NULL: none. */
static const cmt_compactor__store *find_failed(cmt_compactor *compactor, cmt_compact_report *report,
                                               cmt_error *failure)
{
    for (size_t i = 0; i < CMT_COMPACTOR__STORES; i++) {
        const cmt_compactor__store *store = &compactor->flight->stores[i];
        const cmt_compact_result *result = cmt_compactor__result_of(report, i);
        if (result->outcome == CMT_COMPACT_FAILED && accepts_no_more(store->db, result, failure))
            return store;
    }
    return NULL;
}

static void tell_failed(const cmt_compactor *compactor, const cmt_compactor__store *store,
                        const cmt_error *failure)
{
    const cmt_compactor_hooks *hooks = &compactor->options.hooks;
    cmt_compactor__log_error(compactor->flight->options.logger,
                             "compactor stopped: an engine accepts no more writes ", failure);
    if (hooks->engine_failed != NULL)
        hooks->engine_failed(hooks->context, store->name, failure);
}

/* ---- again ----------------------------------------------------------------------------------- */

static int64_t delay_ns(const cmt_compactor *compactor, unsigned failures)
{
    const cmt_schedule_config *schedule = &compactor->options.schedule;
    int64_t ns = cmt_schedule_retry_after(failures, schedule);
    if (ns > 0)
        return ns;
    cmt_schedule_config defaults; /* a configuration without an interval must not make a hot loop */
    cmt_schedule_defaults(&defaults);
    if (schedule->retry_ns > 0)
        defaults.retry_ns = schedule->retry_ns;
    return cmt_schedule_retry_after(failures, &defaults);
}

/* Stopped by whoever may stop the worker, not by the engine of its own accord. */
static bool was_stopped(const cmt_compactor *compactor, unsigned stops)
{
    cmt_compact_flight *flight = compactor->flight;
    pthread_mutex_lock(&flight->lock);
    bool stopped =
        compactor->state != CMT_COMPACTOR_RUNNING || cmt_compactor__must_stop(flight, stops);
    pthread_mutex_unlock(&flight->lock);
    return stopped;
}

/* What becomes of the task, in the journal's words. */
static cmt_job_status judge(const cmt_compactor *compactor, cmt_status status, unsigned stops)
{
    if (status == CMT_OK)
        return CMT_JOB_COMPLETED;
    return status == CMT_CANCELLED && was_stopped(compactor, stops) ? CMT_JOB_SUBMITTED
                                                                    : CMT_JOB_FAILED;
}

/* How long until it is tried again; 0: no failure. */
static int64_t put_back_locked(cmt_compactor *compactor, cmt_job_status to, int64_t now_ns)
{
    cmt_compactor__task task = compactor->task;
    int64_t wait_ns = 0;
    if (to == CMT_JOB_COMPLETED)
        return 0;
    task.is_due = true;
    if (to == CMT_JOB_FAILED) {
        task.failures++;
        wait_ns = delay_ns(compactor, task.failures);
        if (__builtin_add_overflow(now_ns, wait_ns, &task.not_before_ns))
            task.not_before_ns = INT64_MAX;
    }
    cmt_compactor__queue_put_back(&compactor->queue, &task);
    return wait_ns;
}

/* ---- what came of it ------------------------------------------------------------------------- */

static bool is_held_back(const cmt_compact_report *report)
{
    return !report->state.triggered && !report->blockstore.triggered &&
           (report->state.outcome == CMT_COMPACT_SKIPPED ||
            report->blockstore.outcome == CMT_COMPACT_SKIPPED);
}

static void log_held_back(const cmt_compactor *compactor, cmt_compact_report *report)
{
    for (size_t i = 0; i < CMT_COMPACTOR__STORES; i++) {
        const cmt_compact_result *result = cmt_compactor__result_of(report, i);
        if (result->outcome == CMT_COMPACT_SKIPPED)
            cmt_log(compactor->flight->options.logger, CMT_LOG_DEBUG,
                    "compaction is held back  label=%s store=%s %s", compactor->task.label,
                    result->database, result->reason);
    }
}

void cmt_compactor__handle(cmt_compactor *compactor, cmt_status status, unsigned stops,
                           const cmt_compact_report *report)
{
    cmt_compact_flight *flight = compactor->flight;
    const cmt_compactor_hooks *hooks = &compactor->options.hooks;
    const int64_t now_ns = cmt_compactor__now_ns(flight);
    cmt_compact_report copy = *report;
    cmt_error failure = CMT_ERROR_INIT;
    const cmt_job_status to = judge(compactor, status, stops);
    cmt_compactor__durable_end(compactor, to, report);
    const cmt_compactor__store *failed =
        status != CMT_OK ? find_failed(compactor, &copy, &failure) : NULL;
    pthread_mutex_lock(&flight->lock);
    compactor->has_last = true;
    compactor->last = copy;
    compactor->result = copy;
    compactor->stats.tasks++;
    compactor->stats.held_back += is_held_back(report);
    int64_t wait_ns = put_back_locked(compactor, to, now_ns);
    if (failed != NULL) {
        compactor->engine_failed = true;
        if (compactor->state == CMT_COMPACTOR_RUNNING)
            compactor->state = CMT_COMPACTOR_STOPPING;
    }
    pthread_mutex_unlock(&flight->lock);
    log_held_back(compactor, &copy);
    if (wait_ns > 0 && failed == NULL)
        cmt_log(flight->options.logger, CMT_LOG_DEBUG,
                "compaction will be tried again  label=%s ms=%" PRId64, compactor->task.label,
                wait_ns / MS_NS);
    if (hooks->result != NULL)
        hooks->result(hooks->context, &copy);
    if (failed != NULL)
        tell_failed(compactor, failed, &failure);
}
