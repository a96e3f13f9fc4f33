/* SPDX-License-Identifier: Apache-2.0
 *
 * The in-flight flag of a pair of databases: made, taken, waited for, given back.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "compactor_internal.h"
#include "waiting.h"

#define SECOND_NS 1000000000
#define SLICE_BYTES ((size_t)32 << 20)
#define RESERVE_BYTES ((uint64_t)256 << 20)

/* ---- making and releasing -------------------------------------------------------------------- */

static int64_t monotonic(void *context)
{
    (void)context;
    return cmt_clock_ns();
}

static int64_t since_1970(void *context)
{
    struct timespec now;
    (void)context;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * SECOND_NS + now.tv_nsec;
}

static void set_options(cmt_compact_flight *flight, const cmt_compact_flight_options *options)
{
    if (options != NULL)
        flight->options = *options;
    if (flight->options.slice_bytes == 0)
        flight->options.slice_bytes = SLICE_BYTES;
    if (flight->options.reserve_bytes == 0)
        flight->options.reserve_bytes = RESERVE_BYTES;
    if (flight->options.clock_ns == NULL)
        flight->options.clock_ns = monotonic;
    if (flight->options.wall_ns == NULL)
        flight->options.wall_ns = since_1970;
}

static bool init_lock(cmt_compact_flight *flight)
{
    if (pthread_cond_init(&flight->changed, NULL) != 0)
        return false;
    bool made = pthread_mutex_init(&flight->lock, NULL) == 0;
    if (!made)
        pthread_cond_destroy(&flight->changed);
    return made;
}

static void release_stores(cmt_compact_flight *flight)
{
    for (size_t i = 0; i < CMT_COMPACTOR__STORES; i++) {
        cmt_db_claim_release(flight->stores[i].claim);
        free(flight->stores[i].dir);
    }
    free(flight);
}

/* A second flight over one of the databases would have a flag of its own. */
static cmt_status claim_stores(cmt_compact_flight *flight, cmt_error *err)
{
    for (size_t i = 0; i < CMT_COMPACTOR__STORES; i++) {
        cmt_compactor__store *store = &flight->stores[i];
        if (store->db != NULL)
            CMT_TRY(cmt_db_claim_compactions(store->db, &store->claim, err));
    }
    return CMT_OK;
}

static bool set_store(cmt_compactor__store *store, const char *name, cmt_db *db, const char *dir)
{
    *store = (cmt_compactor__store){.name = name, .db = db};
    if (db != NULL && dir != NULL)
        store->dir = strdup(dir);
    return db == NULL || dir == NULL || store->dir != NULL;
}

cmt_status cmt_compact_flight_new(const cmt_compactor_target *target,
                                  const cmt_compact_flight_options *options,
                                  cmt_compact_flight **out, cmt_error *err)
{
    *out = NULL;
    if (target == NULL || (target->blockstore == NULL && target->state == NULL))
        return cmt_error_set(err, CMT_INVALID, "a compactor needs at least one database");
    cmt_compact_flight *flight = calloc(1, sizeof *flight);
    bool made = flight != NULL &&
                set_store(&flight->stores[CMT_COMPACTOR__STATE], "state", target->state,
                          target->state_dir) &&
                set_store(&flight->stores[CMT_COMPACTOR__BLOCKSTORE], "blockstore",
                          target->blockstore, target->blockstore_dir) &&
                init_lock(flight);
    if (!made) {
        if (flight != NULL)
            release_stores(flight);
        return cmt_error_set(err, CMT_NO_MEMORY, "no memory for a compactor");
    }
    atomic_init(&flight->taken, false);
    atomic_init(&flight->holder, 0);
    atomic_init(&flight->stopped, 0);
    atomic_init(&flight->stops, 0);
    atomic_init(&flight->writes, 0);
    flight->pid = getpid();
    flight->references = 1;
    set_options(flight, options);
    cmt_status st = claim_stores(flight, err);
    if (st == CMT_OK)
        *out = flight;
    else
        cmt_compact_flight_free(flight);
    return st;
}

void cmt_compactor__retain(cmt_compact_flight *flight)
{
    pthread_mutex_lock(&flight->lock);
    flight->references++;
    pthread_mutex_unlock(&flight->lock);
}

void cmt_compact_flight_free(cmt_compact_flight *flight)
{
    if (flight == NULL || cmt_compactor__is_foreign(flight))
        return;
    pthread_mutex_lock(&flight->lock);
    bool last = --flight->references == 0;
    pthread_mutex_unlock(&flight->lock);
    if (!last)
        return;
    assert(!atomic_load(&flight->taken));
    pthread_mutex_destroy(&flight->lock);
    pthread_cond_destroy(&flight->changed);
    release_stores(flight);
}

bool cmt_compactor__is_foreign(const cmt_compact_flight *flight)
{
    return flight->pid != getpid();
}

cmt_status cmt_compactor__fail_forked(cmt_error *err)
{
    return cmt_error_set(err, CMT_FORKED,
                         "compact: this process was forked from the one that has the databases "
                         "open; nothing was done");
}

/* ---- time ------------------------------------------------------------------------------------ */

int64_t cmt_compactor__now_ns(const cmt_compact_flight *flight)
{
    return flight->options.clock_ns(flight->options.clock_context);
}

int64_t cmt_compactor__wall_ns(const cmt_compact_flight *flight)
{
    return flight->options.wall_ns(flight->options.clock_context);
}

int64_t cmt_compactor__deadline(const cmt_compact_flight *flight, int64_t budget_ns)
{
    int64_t end;
    return __builtin_add_overflow(cmt_compactor__now_ns(flight), budget_ns, &end) ? INT64_MAX : end;
}

static struct timespec at(int64_t ns)
{
    return (struct timespec){ns / SECOND_NS, ns % SECOND_NS};
}

bool cmt_compactor__wait_until_locked(cmt_compact_flight *flight, int64_t until_ns)
{
    if (until_ns == INT64_MAX)
        return pthread_cond_wait(&flight->changed, &flight->lock) == 0;
    const struct timespec until = at(until_ns);
    return cmt_wait_until(&flight->changed, &flight->lock, &until);
}

int64_t cmt_compactor__until(int64_t wait_ns)
{
    int64_t until;
    return wait_ns < 0 || __builtin_add_overflow(cmt_clock_ns(), wait_ns, &until) ? INT64_MAX
                                                                                  : until;
}

bool cmt_compactor__wait_locked(cmt_compact_flight *flight, int64_t wait_ns)
{
    return cmt_compactor__wait_until_locked(flight, cmt_compactor__until(wait_ns));
}

/* ---- the flag -------------------------------------------------------------------------------- */

static unsigned long self(void)
{
    return (unsigned long)pthread_self();
}

bool cmt_compactor__try_take(cmt_compact_flight *flight)
{
    bool free_before = false;
    if (!atomic_compare_exchange_strong_explicit(&flight->taken, &free_before, true,
                                                 memory_order_acquire, memory_order_relaxed))
        return false;
    atomic_store_explicit(&flight->holder, self(), memory_order_relaxed);
    return true;
}

/* Whoever reads its own name here wrote it, and has not given the flag back. */
static bool has_flag(const cmt_compact_flight *flight)
{
    return atomic_load_explicit(&flight->holder, memory_order_relaxed) == self();
}

/* True: taken.  @p stops: NULL, or the value from which on a stop ends the wait. */
static bool take(cmt_compact_flight *flight, int64_t wait_ns, const unsigned *stops)
{
    if (cmt_compactor__try_take(flight))
        return true;
    if (wait_ns == 0)
        return false;
    const int64_t until_ns = cmt_compactor__until(wait_ns);
    bool more = true;
    pthread_mutex_lock(&flight->lock);
    bool taken = cmt_compactor__try_take(flight);
    while (!taken && more && !(stops != NULL && cmt_compactor__must_stop(flight, *stops))) {
        more = cmt_compactor__wait_until_locked(flight, until_ns);
        taken = cmt_compactor__try_take(flight);
    }
    pthread_mutex_unlock(&flight->lock);
    return taken;
}

static cmt_status fail_busy(cmt_compact_flight *flight, int64_t wait_ns, cmt_error *err)
{
    cmt_compactor__count(flight, &flight->counts.busy);
    if (wait_ns != 0 && has_flag(flight))
        return cmt_error_set(err, CMT_DEADLOCK,
                             "compact: this thread has a compaction of these databases in flight, "
                             "and would wait for itself");
    return cmt_error_set(err, CMT_BUSY,
                         "compact: a compaction of these databases is in flight; what was asked "
                         "for is remembered");
}

/* Nobody waits for itself. */
static int64_t useful_wait(const cmt_compact_flight *flight, int64_t wait_ns)
{
    return has_flag(flight) ? 0 : wait_ns;
}

cmt_status cmt_compact_flight_take(cmt_compact_flight *flight, int64_t wait_ns, cmt_error *err)
{
    if (cmt_compactor__is_foreign(flight))
        return cmt_compactor__fail_forked(err);
    return take(flight, useful_wait(flight, wait_ns), NULL) ? CMT_OK
                                                            : fail_busy(flight, wait_ns, err);
}

cmt_status cmt_compactor__take(cmt_compact_flight *flight, int64_t wait_ns, unsigned stops,
                               cmt_error *err)
{
    if (cmt_compactor__must_stop(flight, stops))
        return cmt_compactor__fail_stopped(flight, err);
    if (take(flight, useful_wait(flight, wait_ns), &stops))
        return CMT_OK;
    return cmt_compactor__must_stop(flight, stops) ? cmt_compactor__fail_stopped(flight, err)
                                                   : fail_busy(flight, wait_ns, err);
}

void cmt_compact_flight_release(cmt_compact_flight *flight)
{
    if (cmt_compactor__is_foreign(flight))
        return;
    pthread_mutex_lock(&flight->lock);
    atomic_store_explicit(&flight->holder, 0, memory_order_relaxed);
    atomic_store_explicit(&flight->taken, false, memory_order_release);
    pthread_cond_broadcast(&flight->changed);
    pthread_mutex_unlock(&flight->lock);
}

bool cmt_compact_flight_is_taken(const cmt_compact_flight *flight)
{
    return atomic_load_explicit(&flight->taken, memory_order_relaxed);
}

void cmt_compact_flight_note_write(cmt_compact_flight *flight)
{
    atomic_fetch_add_explicit(&flight->writes, 1, memory_order_relaxed);
}
