/* SPDX-License-Identifier: Apache-2.0
 *
 * The background worker: waits for a task and for the flag, compacts, hands over what came of it.
 */
#include <stdio.h>

#include "background_internal.h"

/* ---- one task -------------------------------------------------------------------------------- */

static cmt_compaction_request request_of(const cmt_compactor__task *task)
{
    return (cmt_compaction_request){
        .kind = task->kind,
        .databases = task->databases,
        .label = task->label,
        .trigger = task->trigger[0] != '\0' ? task->trigger : NULL,
        .deleted_keys = task->deleted_keys,
        .heights = task->heights,
    };
}

/* The worker's own stop ends with the work that it was meant for, before anybody else can have the flag. */
static void leave_flight(cmt_compactor *compactor)
{
    cmt_compact_flight *flight = compactor->flight;
    pthread_mutex_lock(&flight->lock);
    compactor->in_flight = false;
    compactor->seen = flight->result_count;
    while (compactor->must_tell)
        cmt_compactor__wait_locked(flight, -1);
    unsigned stopped = atomic_fetch_and(&flight->stopped, ~(unsigned)CMT_COMPACTOR__STOP_WORKER);
    pthread_mutex_unlock(&flight->lock);
    if (stopped != 0)
        cmt_compactor__tell_engines(flight);
}

static void log_not_begun(const cmt_compactor *compactor, const cmt_error *failure)
{
    char event[96];
    snprintf(event, sizeof event, "compaction_error label=%s", compactor->task.label);
    cmt_compactor__log_error(compactor->flight->options.logger, event, failure);
}

/* With the flag. */
static void run_task(cmt_compactor *compactor)
{
    cmt_compact_flight *flight = compactor->flight;
    const cmt_compactor__task *task = &compactor->task;
    const cmt_compaction_request request = request_of(task);
    cmt_compact_report report = {0};
    cmt_error err = CMT_ERROR_INIT;
    cmt_status st = CMT_OK;
    cmt_compactor__job job = {
        .flight = flight,
        .request = &request,
        .stops = atomic_load(&flight->stops),
        .deadline_ns = INT64_MAX,
        .pause_ns = compactor->options.pause_ns,
    };
    for (size_t i = 0; i < CMT_COMPACTOR__STORES; i++) {
        job.wanted[i] = cmt_compactor__wants(task->databases, i);
        job.triggers[i] = task->triggers[i][0] != '\0' ? task->triggers[i] : NULL;
    }
    if (!task->is_due && !cmt_compactor__is_manual(task->label))
        cmt_compactor__advise(compactor, &job, &report);
    if (cmt_compactor__has_work(&job)) {
        st = cmt_compactor__durable_begin(compactor, &job, &err);
        if (st == CMT_OK)
            st = cmt_compactor__run(&job, &report, &err); /* which logs what fails */
        else
            log_not_begun(compactor, &err);
    }
    leave_flight(compactor);
    cmt_compact_flight_release(flight);
    cmt_compactor__handle(compactor, st, job.stops, &report);
}

/* ---- what to do next ------------------------------------------------------------------------- */

typedef enum next_step { LEAVE, CATCH_UP, RUN, POLL, WAIT } next_step;

static bool has_failed_task(const cmt_compactor__queue *queue)
{
    for (size_t i = 0; i < queue->count; i++)
        if (queue->tasks[i].failures > 0)
            return true;
    return false;
}

static void no_later_than(int64_t *wait_ns, int64_t until_ns, int64_t now_ns)
{
    if (*wait_ns < 0 || until_ns - now_ns < *wait_ns)
        *wait_ns = until_ns - now_ns;
}

/* A task leaves the queue when the flag is had, not before: what comes meanwhile joins it.
 * @p wait_ns: negative: until something happens. */
static next_step decide_locked(cmt_compactor *compactor, int64_t now_ns, int64_t *wait_ns)
{
    cmt_compact_flight *flight = compactor->flight;
    int64_t retry_ns;
    *wait_ns = -1;
    if (compactor->state != CMT_COMPACTOR_RUNNING)
        return LEAVE;
    if (cmt_compactor__has_news_locked(compactor))
        return CATCH_UP;
    size_t at = cmt_compactor__queue_ready(&compactor->queue, now_ns, &retry_ns);
    if (at != SIZE_MAX) {
        if (atomic_load(&flight->stopped) != 0 || !cmt_compactor__try_take(flight))
            return WAIT;
        compactor->task = cmt_compactor__queue_take(&compactor->queue, at);
        compactor->stats.retries += compactor->task.failures > 0;
        compactor->in_flight = true;
        return RUN;
    }
    if (retry_ns != INT64_MAX)
        no_later_than(wait_ns, retry_ns, now_ns);
    if (compactor->options.poll_ns <= 0 || has_failed_task(&compactor->queue))
        return WAIT;
    if (compactor->poll_at_ns <= now_ns) {
        compactor->poll_at_ns = now_ns + compactor->options.poll_ns;
        return POLL;
    }
    no_later_than(wait_ns, compactor->poll_at_ns, now_ns);
    return WAIT;
}

static next_step next(cmt_compactor *compactor)
{
    cmt_compact_flight *flight = compactor->flight;
    const int64_t now_ns = cmt_compactor__now_ns(flight);
    int64_t wait_ns;
    pthread_mutex_lock(&flight->lock);
    next_step step = decide_locked(compactor, now_ns, &wait_ns);
    if (step == WAIT)
        cmt_compactor__wait_locked(flight, wait_ns);
    pthread_mutex_unlock(&flight->lock);
    return step;
}

static void work_until_told_to_leave(cmt_compactor *compactor)
{
    for (next_step step = next(compactor); step != LEAVE; step = next(compactor)) {
        if (step == RUN)
            run_task(compactor);
        else if (step == POLL)
            cmt_compactor__poll(compactor);
        else if (step == CATCH_UP)
            cmt_compactor__durable_catch_up(compactor);
    }
}

/* ---- the thread ------------------------------------------------------------------------------ */

/* Databases first: whoever waits for the worker may want to close them. */
static void leave(cmt_compactor *compactor, bool died)
{
    cmt_compact_flight *flight = compactor->flight;
    cmt_compactor__end_stopper(compactor);
    cmt_compactor__durable_flush(compactor);
    cmt_compactor__let_go(compactor, CMT_COMPACTOR__STORES);
    pthread_mutex_lock(&flight->lock);
    compactor->state = CMT_COMPACTOR_STOPPED;
    compactor->died = died;
    compactor->worker = 0;
    pthread_cond_broadcast(&flight->changed);
    pthread_mutex_unlock(&flight->lock);
    cmt_compactor__drop(compactor);
}

/* A hook has ended the thread. */
static void die(void *argument)
{
    cmt_compactor *compactor = argument;
    pthread_mutex_lock(&compactor->flight->lock);
    bool in_flight = compactor->in_flight;
    if (compactor->state == CMT_COMPACTOR_RUNNING)
        compactor->state = CMT_COMPACTOR_STOPPING;
    pthread_mutex_unlock(&compactor->flight->lock);
    if (in_flight) {
        leave_flight(compactor);
        cmt_compactor__abandon(compactor->flight);
    }
    leave(compactor, true);
}

void *cmt_compactor__work(void *argument)
{
    cmt_compactor *compactor = argument;
    pthread_setname_np(pthread_self(), "cmt-compactor");
    pthread_mutex_lock(&compactor->flight->lock);
    compactor->worker = (unsigned long)pthread_self();
    pthread_mutex_unlock(&compactor->flight->lock);
    pthread_cleanup_push(die, compactor);
    work_until_told_to_leave(compactor);
    pthread_cleanup_pop(0);
    leave(compactor, false);
    return NULL;
}
