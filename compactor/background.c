/* SPDX-License-Identifier: Apache-2.0
 *
 * The handle of the background compactor: made, stopped, joined, released.
 */
#include <stdlib.h>

#include "background_internal.h"

#define MS_NS INT64_C(1000000)
#define QUEUE_SIZE 16
#define PAUSE_NS (20 * MS_NS)
#define POLL_NS (10000 * MS_NS)

const char *cmt_compactor_state_name(cmt_compactor_state state)
{
    static const char *const names[] = {"new", "running", "stopping", "stopped", "joined"};
    return (unsigned)state < sizeof names / sizeof names[0] ? names[state] : "unknown";
}

void cmt_compactor_defaults(cmt_compactor_options *out)
{
    *out = (cmt_compactor_options){
        .queue_size = QUEUE_SIZE,
        .pause_ns = PAUSE_NS,
        .poll_ns = POLL_NS,
    };
    out->backup_keep_ns = 7 * 86400 * (1000 * MS_NS);
    cmt_schedule_defaults(&out->schedule);
}

/* ---- making and releasing -------------------------------------------------------------------- */

static void set_options(cmt_compactor *compactor, const cmt_compactor_options *options)
{
    if (options != NULL)
        compactor->options = *options;
    else
        cmt_compactor_defaults(&compactor->options);
    if (compactor->options.queue_size == 0)
        compactor->options.queue_size = QUEUE_SIZE;
    if (compactor->options.poll_ns == 0)
        compactor->options.poll_ns = POLL_NS;
}

/* The flight's one compactor. */
static cmt_status claim(cmt_compact_flight *flight, cmt_error *err)
{
    pthread_mutex_lock(&flight->lock);
    bool claimed = !flight->has_compactor;
    flight->has_compactor = true;
    flight->references += claimed;
    pthread_mutex_unlock(&flight->lock);
    return claimed ? CMT_OK
                   : cmt_error_set(err, CMT_BUSY, "these databases have a compactor already");
}

static void unclaim(cmt_compact_flight *flight)
{
    pthread_mutex_lock(&flight->lock);
    flight->has_compactor = false;
    pthread_mutex_unlock(&flight->lock);
    cmt_compact_flight_free(flight);
}

cmt_status cmt_compactor_new(cmt_compact_flight *flight, const cmt_compactor_options *options,
                             cmt_compactor **out, cmt_error *err)
{
    *out = NULL;
    if (cmt_compactor__is_foreign(flight))
        return cmt_compactor__fail_forked(err);
    if (options != NULL && options->queue_size > CMT_COMPACTOR_QUEUE_MAX)
        return cmt_error_set(err, CMT_INVALID, "a queue of %zu tasks; at most %d may wait",
                             options->queue_size, CMT_COMPACTOR_QUEUE_MAX);
    CMT_TRY(claim(flight, err));
    cmt_status st = CMT_OK;
    cmt_compactor *compactor = calloc(1, sizeof *compactor);
    if (compactor == NULL) {
        st = cmt_error_set(err, CMT_NO_MEMORY, "no memory for a compactor");
    } else {
        compactor->flight = flight;
        compactor->references = 1;
        set_options(compactor, options);
        st = cmt_compactor__queue_init(&compactor->queue, compactor->options.queue_size,
                                       CMT_JOURNAL_OPEN, err);
        if (st == CMT_OK)
            st = cmt_compactor__durable_load(compactor, err);
    }
    if (st == CMT_OK) {
        *out = compactor;
        return CMT_OK;
    }
    if (compactor != NULL)
        cmt_compactor__queue_fini(&compactor->queue);
    free(compactor);
    unclaim(flight);
    return st;
}

void cmt_compactor__drop(cmt_compactor *compactor)
{
    cmt_compact_flight *flight = compactor->flight;
    pthread_mutex_lock(&flight->lock);
    bool last = --compactor->references == 0;
    pthread_mutex_unlock(&flight->lock);
    if (!last)
        return;
    cmt_compactor__queue_fini(&compactor->queue);
    free(compactor);
    unclaim(flight);
}

bool cmt_compactor__is_worker_locked(const cmt_compactor *compactor)
{
    return compactor->worker == (unsigned long)pthread_self();
}

static cmt_status fail_deadlock(cmt_error *err)
{
    return cmt_error_set(err, CMT_DEADLOCK,
                         "compactor: called from a hook of the worker, which would wait for "
                         "itself; nothing was done");
}

/* ---- stop ------------------------------------------------------------------------------------ */

static void stop_locked(cmt_compactor *compactor)
{
    if (compactor->state != CMT_COMPACTOR_RUNNING)
        return;
    compactor->state = CMT_COMPACTOR_STOPPING;
    if (compactor->in_flight) {
        atomic_fetch_or(&compactor->flight->stopped, CMT_COMPACTOR__STOP_WORKER);
        compactor->must_tell = true;
    }
    pthread_cond_broadcast(&compactor->flight->changed);
}

cmt_status cmt_compactor_stop(cmt_compactor *compactor)
{
    if (compactor == NULL)
        return CMT_INVALID;
    if (cmt_compactor__is_foreign(compactor->flight))
        return CMT_FORKED;
    pthread_mutex_lock(&compactor->flight->lock);
    stop_locked(compactor);
    pthread_mutex_unlock(&compactor->flight->lock);
    return CMT_OK;
}

bool cmt_compactor__on_shutdown(void *context)
{
    cmt_compactor *compactor = context;
    pthread_mutex_lock(&compactor->flight->lock);
    bool from_hook = cmt_compactor__is_worker_locked(compactor);
    pthread_mutex_unlock(&compactor->flight->lock);
    if (!from_hook)
        cmt_compactor_stop(compactor);
    return !from_hook;
}

cmt_status cmt_compactor_free(cmt_compactor **handle)
{
    if (handle == NULL || *handle == NULL)
        return CMT_OK;
    cmt_compactor *compactor = *handle;
    cmt_compact_flight *flight = compactor->flight;
    if (cmt_compactor__is_foreign(flight))
        return CMT_FORKED;
    pthread_mutex_lock(&flight->lock);
    bool from_hook = cmt_compactor__is_worker_locked(compactor);
    if (!from_hook)
        stop_locked(compactor);
    bool has_thread = !from_hook && compactor->has_thread;
    const pthread_t thread = compactor->thread;
    compactor->has_thread = compactor->has_thread && from_hook;
    pthread_mutex_unlock(&flight->lock);
    if (from_hook)
        return CMT_DEADLOCK;
    *handle = NULL;
    if (has_thread)
        pthread_detach(thread);
    cmt_compactor__drop(compactor);
    return CMT_OK;
}

/* ---- join ------------------------------------------------------------------------------------ */

/* CMT_OK: the worker has left, and whoever asked first has it. */
static cmt_status claim_thread_locked(cmt_compactor *compactor, int64_t wait_ns)
{
    const int64_t until_ns = cmt_compactor__until(wait_ns);
    bool more = wait_ns != 0;
    for (;;) {
        if (cmt_compactor__is_worker_locked(compactor))
            return CMT_DEADLOCK;
        if (compactor->state == CMT_COMPACTOR_NEW || compactor->state == CMT_COMPACTOR_JOINED)
            return CMT_NOT_FOUND;
        if (compactor->state == CMT_COMPACTOR_STOPPED && compactor->has_thread)
            break;
        if (!more)
            return CMT_BUSY;
        more = cmt_compactor__wait_until_locked(compactor->flight, until_ns);
    }
    compactor->has_thread = false;
    compactor->state = CMT_COMPACTOR_JOINED;
    return CMT_OK;
}

static cmt_status fail_join(cmt_status st, cmt_error *err)
{
    if (st == CMT_DEADLOCK)
        return fail_deadlock(err);
    return st == CMT_BUSY
               ? cmt_error_set(err, st, "join a compactor: its worker has not left in time")
               : st;
}

cmt_status cmt_compactor_join(cmt_compactor *compactor, int64_t wait_ns, cmt_compact_report *out,
                              cmt_error *err)
{
    cmt_compact_report report = {0};
    if (out != NULL)
        *out = report;
    if (compactor == NULL)
        return CMT_NOT_FOUND;
    cmt_compact_flight *flight = compactor->flight;
    if (cmt_compactor__is_foreign(flight))
        return cmt_compactor__fail_forked(err);
    pthread_mutex_lock(&flight->lock);
    cmt_status st = claim_thread_locked(compactor, wait_ns);
    const pthread_t thread = compactor->thread;
    bool died = compactor->died;
    report = compactor->result;
    pthread_mutex_unlock(&flight->lock);
    if (st != CMT_OK)
        return fail_join(st, err);
    pthread_join(thread, NULL);
    if (out != NULL)
        *out = report;
    return died ? cmt_error_set(err, CMT_IO,
                                "join a compactor: its worker was ended from outside; what it was "
                                "at is remembered")
                : CMT_OK;
}
