/* SPDX-License-Identifier: Apache-2.0
 *
 * The prune service: its handle, its thread, and the time between two rounds.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "service_internal.h"
#include "thread.h"
#include "waiting.h"

#define SECOND_NS INT64_C(1000000000)
#define INTERVAL_NS (10 * SECOND_NS)
/* An injected clock may go at any speed; no wait by the real one is longer. */
#define WAIT_MAX_NS (3600 * SECOND_NS)

/* ---- making ---------------------------------------------------------------------------------- */

static cmt_status check_options(const cmt_prune_service_options *o, cmt_error *err)
{
    if (o->blocks == NULL || o->states == NULL)
        return cmt_error_set(err, CMT_INVALID, "a prune service needs both stores");
    if (o->interval_ns < 0 || o->companion_blocks < 0 || o->companion_results < 0 ||
        o->keep.blocks < 0 || o->keep.for_ns < 0)
        return cmt_error_set(err, CMT_INVALID, "a prune service: an option is negative");
    if (!cmt_block_store_is_shared(o->blocks) || !cmt_state_store_is_shared(o->states))
        return cmt_error_set(err, CMT_UNSUPPORTED,
                             "a prune service needs databases that are open to write and that "
                             "several threads can use");
    return CMT_OK;
}

static void destroy(cmt_prune_service *s)
{
    cmt_pruner__retained_close(&s->retained);
    pthread_cond_destroy(&s->changed);
    pthread_mutex_destroy(&s->lock);
    pthread_mutex_destroy(&s->heights_lock);
    free(s->data_dir);
    free(s);
}

static cmt_status init_heights(cmt_prune_service *s, cmt_error *err)
{
    const cmt_prune_service_options *o = &s->options;
    CMT_TRY(cmt_pruner__retained_open(o->states, s->data_dir, &s->retained, err));
    return cmt_pruner__retained_init(&s->retained, o->data_companion, o->companion_blocks,
                                     o->companion_results, err);
}

cmt_status cmt_prune_service_new(const cmt_prune_service_options *options, cmt_prune_service **out,
                                 cmt_error *err)
{
    *out = NULL;
    CMT_TRY(check_options(options, err));
    cmt_prune_service *s = calloc(1, sizeof *s);
    char *data_dir = options->data_dir != NULL ? strdup(options->data_dir) : NULL;
    if (s == NULL || (options->data_dir != NULL && data_dir == NULL) ||
        pthread_cond_init(&s->changed, NULL) != 0) {
        free(data_dir);
        free(s);
        return cmt_error_set(err, CMT_NO_MEMORY, "no memory for a prune service");
    }
    pthread_mutex_init(&s->lock, NULL);
    pthread_mutex_init(&s->heights_lock, NULL);
    s->pid = getpid();
    s->options = *options;
    s->options.data_dir = s->data_dir = data_dir;
    if (s->options.interval_ns == 0)
        s->options.interval_ns = INTERVAL_NS;
    cmt_status st = init_heights(s, err);
    if (st != CMT_OK) {
        destroy(s);
        return st;
    }
    *out = s;
    return CMT_OK;
}

/* ---- forks ----------------------------------------------------------------------------------- */

static bool is_foreign(const cmt_prune_service *s)
{
    return s->pid != getpid();
}

cmt_status cmt_pruner__service_check_process(const cmt_prune_service *s, cmt_error *err)
{
    return is_foreign(s) ? cmt_error_set(err, CMT_FORKED,
                                         "a prune service: this process was forked from the one "
                                         "that has it; nothing was done")
                         : CMT_OK;
}

/* ---- the thread ------------------------------------------------------------------------------ */

bool cmt_pruner__service_must_stop(cmt_prune_service *s)
{
    pthread_mutex_lock(&s->lock);
    bool stop = s->in_round ? s->stop_round : s->state != CMT_PRUNER__RUNNING;
    pthread_mutex_unlock(&s->lock);
    return stop;
}

void cmt_pruner__service_failed(cmt_prune_service *s, const char *event, const cmt_error *failure)
{
    pthread_mutex_lock(&s->lock);
    s->stats.failures++;
    pthread_mutex_unlock(&s->lock);
    cmt_log(s->options.logger, CMT_LOG_ERROR, "%s  err=\"%s\"", event, failure->message);
}

static int64_t now_ns(const cmt_prune_service *s)
{
    return s->options.clock_ns != NULL ? s->options.clock_ns(s->options.context) : cmt_clock_ns();
}

/* Until somebody wakes the service or the time has come; false: it shall stop. */
static bool wait_locked(cmt_prune_service *s, uint64_t wakes, int64_t left_ns)
{
    const struct timespec until = cmt_wait_after(left_ns < WAIT_MAX_NS ? left_ns : WAIT_MAX_NS);
    bool in_time = true;
    while (s->state == CMT_PRUNER__RUNNING && s->wakes == wakes && in_time)
        in_time = cmt_wait_until(&s->changed, &s->lock, &until);
    return s->state == CMT_PRUNER__RUNNING;
}

static bool wait_for_round(cmt_prune_service *s, int64_t due)
{
    for (bool running = true; running;) {
        pthread_mutex_lock(&s->lock);
        running = s->state == CMT_PRUNER__RUNNING;
        const uint64_t wakes = s->wakes;
        pthread_mutex_unlock(&s->lock);
        const int64_t left = due - now_ns(s); /* with no lock held: the clock may be the host's */
        if (running && left <= 0)
            return true;
        pthread_mutex_lock(&s->lock);
        running = running && wait_locked(s, wakes, left);
        pthread_mutex_unlock(&s->lock);
    }
    return false;
}

static void announce(const cmt_prune_service *s)
{
    const cmt_prune_observer *observer = s->options.observer;
    const int64_t ms = s->options.interval_ns / 1000000;
    cmt_log(s->options.logger, CMT_LOG_INFO, "started pruning blocks  interval_ms=%" PRId64, ms);
    if (s->options.data_companion)
        cmt_log(s->options.logger, CMT_LOG_INFO,
                "started pruning ABCI responses  interval_ms=%" PRId64, ms);
    if (observer != NULL && observer->started != NULL)
        observer->started(observer->context, s->options.interval_ns);
}

static void count_round(cmt_prune_service *s)
{
    pthread_mutex_lock(&s->lock);
    s->stats.rounds++;
    pthread_mutex_unlock(&s->lock);
}

static void *work(void *context)
{
    cmt_prune_service *s = context;
    int64_t due;
    announce(s);
    do {
        cmt_pruner__service_round(s);
        if (__builtin_add_overflow(now_ns(s), s->options.interval_ns, &due))
            due = INT64_MAX;
        count_round(s); /* who has seen it counted may move an injected clock */
    } while (wait_for_round(s, due));
    pthread_mutex_lock(&s->lock);
    s->state = CMT_PRUNER__STOPPED;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

/* ---- the handle ------------------------------------------------------------------------------ */

static cmt_status start_locked(cmt_prune_service *s, cmt_error *err)
{
    if (s->state == CMT_PRUNER__RUNNING)
        return CMT_OK;
    if (s->has_thread || s->in_round)
        return cmt_error_set(err, CMT_BUSY, "start a prune service: %s",
                             s->in_round ? "a round is under way"
                                         : "its last thread has not been joined");
    const cmt_pruner__state before = s->state;
    s->state = CMT_PRUNER__RUNNING;
    int failed =
        cmt_thread_start(&s->thread, work, s); /* it waits for the lock before it does anything */
    if (failed != 0) {
        s->state = before;
        return cmt_error_set(err, CMT_NO_MEMORY, "start a prune service: no thread: %s",
                             strerror(failed));
    }
    s->has_thread = true;
    return CMT_OK;
}

cmt_status cmt_prune_service_start(cmt_prune_service *s, cmt_error *err)
{
    CMT_TRY(cmt_pruner__service_check_process(s, err));
    pthread_mutex_lock(&s->lock);
    cmt_status st = start_locked(s, err);
    pthread_mutex_unlock(&s->lock);
    return st;
}

void cmt_prune_service_stop(cmt_prune_service *s)
{
    if (is_foreign(s))
        return;
    pthread_mutex_lock(&s->lock);
    if (s->state == CMT_PRUNER__RUNNING)
        s->state = CMT_PRUNER__STOPPING;
    s->stop_round = s->in_round;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
}

void cmt_prune_service_wake(cmt_prune_service *s)
{
    if (is_foreign(s))
        return;
    pthread_mutex_lock(&s->lock);
    s->wakes++;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
}

static bool has_worker(const cmt_prune_service *s)
{
    return s->state == CMT_PRUNER__RUNNING || s->state == CMT_PRUNER__STOPPING;
}

bool cmt_prune_service_is_running(cmt_prune_service *s)
{
    if (is_foreign(s))
        return false;
    pthread_mutex_lock(&s->lock);
    bool running = has_worker(s);
    pthread_mutex_unlock(&s->lock);
    return running;
}

static bool is_called_by_itself(const cmt_prune_service *s)
{
    return (has_worker(s) && pthread_equal(pthread_self(), s->thread)) ||
           (s->in_round && pthread_equal(pthread_self(), s->caller));
}

static cmt_status join_locked(cmt_prune_service *s, int64_t wait_ns, cmt_error *err)
{
    const struct timespec until = cmt_wait_after(wait_ns < 0 ? INT64_MAX : wait_ns);
    bool in_time = true;
    if (is_called_by_itself(s))
        return cmt_error_set(err, CMT_DEADLOCK, "a prune service cannot wait for itself");
    while (s->has_thread && s->state != CMT_PRUNER__STOPPED && in_time)
        in_time = cmt_wait_until(&s->changed, &s->lock, &until);
    if (!s->has_thread)
        return CMT_NOT_FOUND;
    if (s->state != CMT_PRUNER__STOPPED)
        return cmt_error_set(err, CMT_BUSY, "the prune service has not come to its end");
    s->has_thread = false;
    s->state = CMT_PRUNER__JOINED;
    return CMT_OK;
}

cmt_status cmt_prune_service_join(cmt_prune_service *s, int64_t wait_ns, cmt_error *err)
{
    CMT_TRY(cmt_pruner__service_check_process(s, err));
    pthread_mutex_lock(&s->lock);
    cmt_status st = join_locked(s, wait_ns, err);
    const pthread_t thread = s->thread;
    pthread_mutex_unlock(&s->lock);
    if (st == CMT_OK)
        pthread_join(thread, NULL); /* it has nothing left to do */
    return st;
}

cmt_status cmt_prune_service_free(cmt_prune_service **service)
{
    cmt_error ignored = CMT_ERROR_INIT;
    if (service == NULL || *service == NULL)
        return CMT_OK;
    cmt_prune_service *s = *service;
    if (is_foreign(s))
        return CMT_FORKED;
    pthread_mutex_lock(&s->lock);
    const bool by_itself = is_called_by_itself(s);
    pthread_mutex_unlock(&s->lock);
    if (by_itself)
        return CMT_DEADLOCK;
    cmt_prune_service_stop(s);
    (void)(cmt_prune_service_join(s, -1, &ignored) == CMT_OK); /* or there was none */
    destroy(s);
    *service = NULL;
    return CMT_OK;
}

/* Take the place of the thread. */
static cmt_status begin_round(cmt_prune_service *s, cmt_error *err)
{
    pthread_mutex_lock(&s->lock);
    const bool busy = has_worker(s) || s->in_round;
    if (!busy) {
        s->in_round = true;
        s->stop_round = false;
        s->caller = pthread_self();
    }
    pthread_mutex_unlock(&s->lock);
    return busy ? cmt_error_set(err, CMT_BUSY, "the prune service is at work already") : CMT_OK;
}

static void end_round(cmt_prune_service *s)
{
    pthread_mutex_lock(&s->lock);
    s->in_round = false;
    pthread_mutex_unlock(&s->lock);
}

cmt_status cmt_prune_service_round(cmt_prune_service *s, cmt_error *err)
{
    CMT_TRY(cmt_pruner__service_check_process(s, err));
    CMT_TRY(begin_round(s, err));
    cmt_pruner__service_round(s);
    count_round(s);
    end_round(s);
    return CMT_OK;
}

cmt_status cmt_prune_service_recover_compaction(cmt_prune_service *s, cmt_db *blocks_db,
                                                cmt_db *states_db, int64_t initial_height,
                                                cmt_compact_flight *flight,
                                                cmt_compact_journal *journal, cmt_error *err)
{
    const cmt_prune_stores stores = {s->options.blocks, blocks_db, s->options.states, states_db};
    CMT_TRY(cmt_pruner__service_check_process(s, err));
    CMT_TRY(begin_round(s, err));
    cmt_status st =
        cmt_prune_ledger_open(&stores, initial_height, flight, journal, &s->ledger, err);
    end_round(s);
    return st;
}

void cmt_prune_service_get_stats(cmt_prune_service *s, cmt_prune_service_stats *out)
{
    *out = (cmt_prune_service_stats){.rounds = 0};
    if (is_foreign(s))
        return;
    pthread_mutex_lock(&s->lock);
    *out = s->stats;
    pthread_mutex_unlock(&s->lock);
}
