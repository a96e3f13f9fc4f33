/* SPDX-License-Identifier: Apache-2.0
 *
 * Compacting slice by slice: the databases take turns, and between two slices everybody who may want an end to it is
 * asked.
 */
#include "slices.h"

#include "compactor_internal.h"

/* With a budget, of slices whose speed is not known yet, and of the smallest: parts of the largest. */
#define FIRST_PART 8
#define SMALLEST_PART 32
/* A slice of less tells nothing about speed. */
#define TELLING_BYTES ((uint64_t)64 << 10)

/* ---- beginning ------------------------------------------------------------------------------- */

static bool is_rewrite(const cmt_compactor__job *job)
{
    return job->request != NULL && job->request->kind == CMT_COMPACT_KIND_REWRITE;
}

static bool has_work_locked(const cmt_compactor__job *job, const cmt_compactor__store *store)
{
    return store->remembered.count > 0 || (is_rewrite(job) && store->wants_rewrite);
}

bool cmt_compactor__has_work(const cmt_compactor__job *job)
{
    bool found = false;
    pthread_mutex_lock(&job->flight->lock);
    for (size_t i = 0; i < CMT_COMPACTOR__STORES; i++)
        found = found || (job->wanted[i] && has_work_locked(job, &job->flight->stores[i]));
    pthread_mutex_unlock(&job->flight->lock);
    return found;
}

/* From "asked for" to "begun". */
static void begin_work(const cmt_compactor__job *job, cmt_compactor__side *side)
{
    cmt_compact_flight *flight = job->flight;
    cmt_compactor__store *store = side->store;
    pthread_mutex_lock(&flight->lock);
    side->active = has_work_locked(job, store);
    side->rewrites = is_rewrite(job) && store->wants_rewrite;
    if (side->rewrites) {
        store->wants_rewrite = false;
        store->rewriting = true;
    }
    store->work = store->remembered;
    store->remembered.count = 0;
    store->done = (cmt_compact_done){0};
    side->deleted_keys = store->deleted_keys;
    side->heights = store->heights;
    side->cookie = store->cookie;
    pthread_mutex_unlock(&flight->lock);
}

static cmt_status look_at_work(cmt_compact_flight *flight, cmt_compactor__side *side)
{
    cmt_compactor__store *store = side->store;
    cmt_compactor__spans spans = store->work;
    uint64_t total;
    CMT_TRY(cmt_compactor__measure_before(side, &side->failure));
    CMT_TRY(cmt_compactor__join_near(store->db, &spans, &side->failure));
    CMT_TRY(cmt_compactor__bytes_of(store->db, &spans, &total, &side->failure));
    side->result->dead_before = cmt_compactor__share(total, side->result->bytes_before);
    if (side->rewrites)
        total = side->result->bytes_before;
    pthread_mutex_lock(&flight->lock);
    store->work = spans;
    store->done.total = total;
    pthread_mutex_unlock(&flight->lock);
    return CMT_OK;
}

static void begin(cmt_compactor__flow *flow, cmt_compact_report *report)
{
    cmt_compact_flight *flight = flow->job->flight;
    flight->calls++;
    for (size_t i = 0; i < CMT_COMPACTOR__STORES; i++) {
        cmt_compactor__side *side = &flow->sides[i];
        side->store = &flight->stores[i];
        side->result = cmt_compactor__result_of(report, i);
        if (!flow->job->wanted[i])
            continue;
        begin_work(flow->job, side);
        side->result->triggered = side->active;
        side->result->id = side->active ? flight->calls : 0;
    }
    flow->writes = atomic_load_explicit(&flight->writes, memory_order_relaxed);
    cmt_compactor__announce(flow);
    for (size_t i = 0; i < CMT_COMPACTOR__STORES; i++) {
        cmt_compactor__side *side = &flow->sides[i];
        if (side->active && look_at_work(flight, side) != CMT_OK)
            side->active = false;
    }
}

/* ---- one slice ------------------------------------------------------------------------------- */

static bool has_deadline(const cmt_compactor__flow *flow)
{
    return flow->job->deadline_ns != INT64_MAX;
}

/* How much the time that is left is good for, at the speed of before. */
static double affordable(const cmt_compactor__flow *flow, const cmt_compactor__side *side)
{
    int64_t left = flow->job->deadline_ns - cmt_compactor__now_ns(flow->job->flight);
    return left > 0 ? (double)left * side->store->bytes_per_ns : 0;
}

static uint64_t part_of(uint64_t bytes, uint64_t parts)
{
    return bytes / parts > 0 ? bytes / parts : 1;
}

static uint64_t slice_bytes(const cmt_compactor__flow *flow, const cmt_compactor__side *side)
{
    const uint64_t most = flow->job->flight->options.slice_bytes;
    const uint64_t least = part_of(most, SMALLEST_PART);
    if (!has_deadline(flow))
        return most;
    if (side->store->bytes_per_ns <= 0)
        return part_of(most, FIRST_PART);
    const double bytes = affordable(flow, side);
    if (bytes <= (double)least)
        return least;
    return bytes >= (double)most ? most : (uint64_t)bytes;
}

static void learn_speed(cmt_compactor__store *store, uint64_t bytes, int64_t ns)
{
    if (bytes < TELLING_BYTES || ns <= 0)
        return;
    const double speed = (double)bytes / (double)ns;
    store->bytes_per_ns = store->bytes_per_ns > 0 ? (store->bytes_per_ns + speed) / 2 : speed;
}

/* Cross out what ends at `cut`. */
static void finish_slice(cmt_compact_flight *flight, cmt_compactor__store *store,
                         const cmt_compactor__key *cut, uint64_t bytes)
{
    cmt_compactor__span *first = &store->work.at[0];
    bool whole =
        cmt_slice_equal(cmt_compactor__key_slice(cut), cmt_compactor__key_slice(&first->hi));
    pthread_mutex_lock(&flight->lock);
    store->done.slices++;
    store->done.bytes += bytes;
    if (store->done.total < store->done.bytes)
        store->done.total = store->done.bytes;
    if (whole)
        cmt_compactor__spans_pop(&store->work);
    else
        first->lo = *cut;
    pthread_mutex_unlock(&flight->lock);
}

static cmt_status compact_range(cmt_compactor__flow *flow, cmt_compactor__side *side,
                                cmt_range range)
{
    const cmt_compact_flight_options *options = &flow->job->flight->options;
    if (options->compact != NULL)
        return options->compact(options->compact_context, side->store->db, range, &side->failure);
    return cmt_db_compact_range(side->store->db, range, &side->failure);
}

static cmt_status compact_slice(cmt_compactor__flow *flow, cmt_compactor__side *side)
{
    cmt_compactor__store *store = side->store;
    const cmt_compactor__span *first = &store->work.at[0];
    cmt_compactor__key cut;
    uint64_t held;
    CMT_TRY(cmt_compactor__check_space(flow->job->flight, store, &side->failure));
    CMT_TRY(
        cmt_compactor__cut(store->db, first, slice_bytes(flow, side), &cut, &held, &side->failure));
    const cmt_range range = {cmt_compactor__key_slice(&first->lo), cmt_compactor__key_slice(&cut)};
    int64_t since = cmt_compactor__now_ns(flow->job->flight);
    flow->writes = atomic_load_explicit(&flow->job->flight->writes, memory_order_relaxed);
    CMT_TRY(compact_range(flow, side, range));
    learn_speed(store, held, cmt_compactor__now_ns(flow->job->flight) - since);
    finish_slice(flow->job->flight, store, &cut, held);
    side->result->slices++;
    side->result->slice_bytes += held;
    flow->slices++;
    return CMT_OK;
}

static void do_slice(cmt_compactor__flow *flow, cmt_compactor__side *side)
{
    int64_t since = cmt_compactor__now_ns(flow->job->flight);
    cmt_status st = side->rewrites ? cmt_compactor__rewrite(flow, side) : compact_slice(flow, side);
    side->spent_ns += cmt_compactor__now_ns(flow->job->flight) - since;
    side->cancelled = st == CMT_CANCELLED;
    if (side->cancelled)
        side->failure = (cmt_error)CMT_ERROR_INIT;
    side->active = st == CMT_OK && side->store->work.count > 0;
}

/* ---- from slice to slice --------------------------------------------------------------------- */

static cmt_compactor__side *next_side(cmt_compactor__flow *flow)
{
    cmt_compact_flight *flight = flow->job->flight;
    for (size_t i = 0; i < CMT_COMPACTOR__STORES; i++) {
        size_t at = (flight->turn + i) % CMT_COMPACTOR__STORES;
        if (!flow->sides[at].active)
            continue;
        flight->turn = at;
        return &flow->sides[at];
    }
    flight->turn = 0;
    return NULL;
}

static bool host_stops(const cmt_compactor__flow *flow, const cmt_compactor__side *side)
{
    const cmt_progress_hook *hook = flow->job->progress;
    if (hook == NULL || hook->report == NULL)
        return false;
    const cmt_progress now = {
        .phase = "compact",
        .database = side->store->name,
        .done = side->store->done.bytes,
        .total = side->store->done.total,
        .bytes = true,
    };
    return hook->report(hook->context, &now);
}

/* Is the budget used up?  One slice is granted in any case. */
static bool time_is_up(const cmt_compactor__flow *flow, const cmt_compactor__side *side)
{
    if (!has_deadline(flow) || flow->slices == 0)
        return false;
    const cmt_compact_flight *flight = flow->job->flight;
    if (cmt_compactor__now_ns(flight) >= flow->job->deadline_ns)
        return true;
    const uint64_t least = part_of(flight->options.slice_bytes, SMALLEST_PART);
    return side->store->bytes_per_ns > 0 && affordable(flow, side) < (double)least;
}

bool cmt_compactor__is_stopped(cmt_compactor__flow *flow, const cmt_compactor__side *side)
{
    const cmt_compact_flight *flight = flow->job->flight;
    flow->stopped = cmt_compactor__must_stop(flight, flow->job->stops) ||
                    atomic_load(&flight->stopped) != 0 || host_stops(flow, side);
    return flow->stopped;
}

cmt_status cmt_compactor__run(const cmt_compactor__job *job, cmt_compact_report *report,
                              cmt_error *err)
{
    cmt_compactor__flow flow = {.job = job, .began_ns = cmt_compactor__now_ns(job->flight)};
    begin(&flow, report);
    for (cmt_compactor__side *side; (side = next_side(&flow)) != NULL;) {
        if (flow.slices > 0)
            cmt_compactor__pause(&flow);
        if (cmt_compactor__is_stopped(&flow, side) || time_is_up(&flow, side))
            break;
        do_slice(&flow, side);
        job->flight->turn++;
    }
    return cmt_compactor__conclude(&flow, err);
}
