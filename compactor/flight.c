/* SPDX-License-Identifier: Apache-2.0
 *
 * The in-flight flag of a pair of databases, the stop, and what is remembered for them.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "clock.h"
#include "compactor_internal.h"

#define SECOND_NS 1000000000
#define SLICE_BYTES ((size_t)32 << 20)

/* ---- making and releasing -------------------------------------------------------------------- */

static int64_t monotonic(void *context)
{
    (void)context;
    return cmt_clock_ns();
}

static void set_options(cmt_compact_flight *flight, const cmt_compact_flight_options *options)
{
    if (options != NULL)
        flight->options = *options;
    if (flight->options.slice_bytes == 0)
        flight->options.slice_bytes = SLICE_BYTES;
    if (flight->options.clock_ns == NULL)
        flight->options.clock_ns = monotonic;
}

static bool init_lock(cmt_compact_flight *flight)
{
    pthread_condattr_t attributes;
    if (pthread_condattr_init(&attributes) != 0)
        return false;
    bool made = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0 &&
                pthread_cond_init(&flight->changed, &attributes) == 0;
    pthread_condattr_destroy(&attributes);
    if (made && pthread_mutex_init(&flight->lock, NULL) != 0) {
        pthread_cond_destroy(&flight->changed);
        made = false;
    }
    return made;
}

cmt_status cmt_compact_flight_new(const cmt_compactor_target *target,
                                  const cmt_compact_flight_options *options,
                                  cmt_compact_flight **out, cmt_error *err)
{
    *out = NULL;
    if (target == NULL || (target->blockstore == NULL && target->state == NULL))
        return cmt_error_set(err, CMT_INVALID, "a compactor needs at least one database");
    cmt_compact_flight *flight = calloc(1, sizeof *flight);
    if (flight == NULL || !init_lock(flight)) {
        free(flight);
        return cmt_error_set(err, CMT_NO_MEMORY, "no memory for a compactor");
    }
    atomic_init(&flight->taken, false);
    atomic_init(&flight->stopped, false);
    atomic_init(&flight->stops, 0);
    set_options(flight, options);
    flight->stores[CMT_COMPACTOR__STATE] =
        (cmt_compactor__store){.name = "state", .db = target->state};
    flight->stores[CMT_COMPACTOR__BLOCKSTORE] =
        (cmt_compactor__store){.name = "blockstore", .db = target->blockstore};
    *out = flight;
    return CMT_OK;
}

void cmt_compact_flight_free(cmt_compact_flight *flight)
{
    if (flight == NULL)
        return;
    assert(!atomic_load(&flight->taken));
    pthread_mutex_destroy(&flight->lock);
    pthread_cond_destroy(&flight->changed);
    free(flight);
}

int64_t cmt_compactor__now_ns(const cmt_compact_flight *flight)
{
    return flight->options.clock_ns(flight->options.clock_context);
}

int64_t cmt_compactor__deadline(const cmt_compact_flight *flight, int64_t budget_ns)
{
    int64_t end;
    return __builtin_add_overflow(cmt_compactor__now_ns(flight), budget_ns, &end) ? INT64_MAX : end;
}

/* ---- the flag -------------------------------------------------------------------------------- */

static bool try_take(cmt_compact_flight *flight)
{
    bool free_before = false;
    return atomic_compare_exchange_strong_explicit(&flight->taken, &free_before, true,
                                                   memory_order_acquire, memory_order_relaxed);
}

static struct timespec after(int64_t wait_ns)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += wait_ns / SECOND_NS;
    until.tv_nsec += wait_ns % SECOND_NS;
    if (until.tv_nsec >= SECOND_NS) {
        until.tv_nsec -= SECOND_NS;
        until.tv_sec++;
    }
    return until;
}

/* False: time is up. */
static bool wait_for_change_locked(cmt_compact_flight *flight, const struct timespec *until)
{
    if (until == NULL)
        return pthread_cond_wait(&flight->changed, &flight->lock) == 0;
    return pthread_cond_timedwait(&flight->changed, &flight->lock, until) != ETIMEDOUT;
}

/* True: taken.  @p stops: NULL, or the value from which on a stop ends the wait. */
static bool take(cmt_compact_flight *flight, int64_t wait_ns, const unsigned *stops)
{
    if (try_take(flight))
        return true;
    if (wait_ns == 0)
        return false;
    const struct timespec until = after(wait_ns > 0 ? wait_ns : 0);
    bool more = true;
    pthread_mutex_lock(&flight->lock);
    bool taken = try_take(flight);
    while (!taken && more && !(stops != NULL && cmt_compactor__must_stop(flight, *stops))) {
        more = wait_for_change_locked(flight, wait_ns > 0 ? &until : NULL);
        taken = try_take(flight);
    }
    pthread_mutex_unlock(&flight->lock);
    return taken;
}

static cmt_status fail_busy(cmt_compact_flight *flight, cmt_error *err)
{
    cmt_compactor__count(flight, &flight->counts.busy);
    return cmt_error_set(err, CMT_BUSY,
                         "compact: a compaction of these databases is in flight; what was asked "
                         "for is remembered");
}

cmt_status cmt_compact_flight_take(cmt_compact_flight *flight, int64_t wait_ns, cmt_error *err)
{
    return take(flight, wait_ns, NULL) ? CMT_OK : fail_busy(flight, err);
}

cmt_status cmt_compactor__take(cmt_compact_flight *flight, int64_t wait_ns, unsigned stops,
                               cmt_error *err)
{
    if (cmt_compactor__must_stop(flight, stops))
        return cmt_compactor__fail_stopped(flight, err);
    if (take(flight, wait_ns, &stops))
        return CMT_OK;
    return cmt_compactor__must_stop(flight, stops) ? cmt_compactor__fail_stopped(flight, err)
                                                   : fail_busy(flight, err);
}

void cmt_compact_flight_release(cmt_compact_flight *flight)
{
    pthread_mutex_lock(&flight->lock);
    atomic_store_explicit(&flight->taken, false, memory_order_release);
    pthread_cond_broadcast(&flight->changed);
    pthread_mutex_unlock(&flight->lock);
}

bool cmt_compact_flight_is_taken(const cmt_compact_flight *flight)
{
    return atomic_load_explicit(&flight->taken, memory_order_relaxed);
}

/* ---- the stop -------------------------------------------------------------------------------- */

/* Engines hear of it without a lock.  Whoever tells them looks again behind it, so the last to tell them tells
 * what is true. */
static void tell_engines(cmt_compact_flight *flight)
{
    bool stopped;
    do {
        stopped = atomic_load(&flight->stopped);
        for (size_t i = 0; i < CMT_COMPACTOR__STORES; i++)
            if (flight->stores[i].db != NULL)
                cmt_db_cancel_compaction(flight->stores[i].db, stopped);
    } while (atomic_load(&flight->stopped) != stopped);
}

void cmt_compact_flight_stop(cmt_compact_flight *flight)
{
    pthread_mutex_lock(&flight->lock);
    atomic_store(&flight->stopped, true);
    atomic_fetch_add(&flight->stops, 1);
    pthread_cond_broadcast(&flight->changed);
    pthread_mutex_unlock(&flight->lock);
    tell_engines(flight);
}

void cmt_compact_flight_resume(cmt_compact_flight *flight)
{
    atomic_store(&flight->stopped, false);
    tell_engines(flight);
}

bool cmt_compact_flight_is_stopped(const cmt_compact_flight *flight)
{
    return atomic_load(&flight->stopped);
}

bool cmt_compactor__must_stop(const cmt_compact_flight *flight, unsigned stops)
{
    return atomic_load(&flight->stopped) || atomic_load(&flight->stops) != stops;
}

cmt_status cmt_compactor__fail_stopped(cmt_compact_flight *flight, cmt_error *err)
{
    cmt_compactor__count(flight, &flight->counts.stopped);
    return cmt_error_set(err, CMT_CANCELLED,
                         "compact: stopped on request; what is not done is remembered");
}
