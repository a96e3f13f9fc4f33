/* SPDX-License-Identifier: Apache-2.0
 *
 * What a flight remembers: ranges asked for, counters, progress, results.
 */
#include "compactor_internal.h"

#include <string.h>

/* ---- requests -------------------------------------------------------------------------------- */

cmt_compact_result *cmt_compactor__result_of(cmt_compact_report *report, size_t store)
{
    return store == CMT_COMPACTOR__STATE ? &report->state : &report->blockstore;
}

const cmt_range_list *cmt_compactor__ranges_of(const cmt_compaction_request *request, size_t store)
{
    return store == CMT_COMPACTOR__STATE ? request->state : request->blockstore;
}

bool cmt_compactor__wants(unsigned databases, size_t store)
{
    static const unsigned bits[CMT_COMPACTOR__STORES] = {
        [CMT_COMPACTOR__STATE] = CMT_COMPACT_STATE,
        [CMT_COMPACTOR__BLOCKSTORE] = CMT_COMPACT_BLOCKSTORE,
    };
    return (databases & bits[store]) != 0;
}

static unsigned with_ranges(const cmt_compaction_request *request)
{
    unsigned databases = 0;
    if (request->state != NULL && request->state->count > 0)
        databases |= CMT_COMPACT_STATE;
    if (request->blockstore != NULL && request->blockstore->count > 0)
        databases |= CMT_COMPACT_BLOCKSTORE;
    return databases;
}

unsigned cmt_compactor__databases_of(const cmt_compact_flight *flight,
                                     const cmt_compaction_request *request)
{
    unsigned databases = request != NULL ? request->databases & CMT_COMPACT_BOTH : 0;
    if (request != NULL && databases == 0 && request->kind == CMT_COMPACT_KIND_RANGES)
        databases = with_ranges(request);
    if (databases == 0)
        databases = CMT_COMPACT_BOTH;
    if (flight->stores[CMT_COMPACTOR__STATE].db == NULL)
        databases &= ~(unsigned)CMT_COMPACT_STATE;
    if (flight->stores[CMT_COMPACTOR__BLOCKSTORE].db == NULL)
        databases &= ~(unsigned)CMT_COMPACT_BLOCKSTORE;
    return databases;
}

const char *cmt_compactor__label_of(const cmt_compaction_request *request)
{
    return request != NULL && request->label != NULL ? request->label : CMT_COMPACT_LABEL_MANUAL;
}

/* ---- ranges ---------------------------------------------------------------------------------- */

static void remember_cookie(cmt_compactor__store *store, cmt_slice cookie)
{
    if (cookie.size == 0 || cookie.size > CMT_COMPACT_COOKIE)
        return;
    store->cookie.size = (uint8_t)cookie.size;
    memcpy(store->cookie.bytes, cookie.data, cookie.size);
}

static void remember_ranges(cmt_compactor__store *store, const cmt_range_list *ranges,
                            const cmt_compaction_request *request)
{
    for (size_t i = 0; i < ranges->count; i++)
        cmt_compactor__spans_add(&store->remembered, ranges->ranges[i]);
    if (ranges->count == 0)
        return;
    store->deleted_keys += request->deleted_keys;
    store->heights += request->heights;
}

void cmt_compactor__remember_locked(cmt_compact_flight *flight,
                                    const cmt_compaction_request *request)
{
    static const cmt_range all = {{NULL, 0}, {NULL, 0}};
    if (request == NULL)
        return;
    const unsigned databases = cmt_compactor__databases_of(flight, request);
    for (size_t i = 0; i < CMT_COMPACTOR__STORES; i++) {
        cmt_compactor__store *store = &flight->stores[i];
        const cmt_range_list *ranges = cmt_compactor__ranges_of(request, i);
        if (!cmt_compactor__wants(databases, i))
            continue;
        if (ranges != NULL)
            remember_ranges(store, ranges, request);
        if (request->kind == CMT_COMPACT_KIND_REWRITE)
            store->wants_rewrite = true;
        if (request->kind == CMT_COMPACT_KIND_FULL)
            cmt_compactor__spans_add(&store->remembered, all);
        remember_cookie(store, i == CMT_COMPACTOR__STATE ? request->state_cookie
                                                         : request->blockstore_cookie);
    }
}

void cmt_compact_flight_remember(cmt_compact_flight *flight, const cmt_compaction_request *request)
{
    if (cmt_compactor__is_foreign(flight))
        return;
    pthread_mutex_lock(&flight->lock);
    cmt_compactor__remember_locked(flight, request);
    pthread_mutex_unlock(&flight->lock);
}

static cmt_compactor__spans remembered_locked(const cmt_compactor__store *store)
{
    cmt_compactor__spans spans = store->remembered;
    cmt_compactor__spans_add_all(&spans, &store->work);
    return spans;
}

static cmt_compactor__spans remembered(cmt_compact_flight *flight, size_t store)
{
    pthread_mutex_lock(&flight->lock);
    const cmt_compactor__spans spans = remembered_locked(&flight->stores[store]);
    pthread_mutex_unlock(&flight->lock);
    return spans;
}

cmt_status cmt_compact_flight_remembered(cmt_compact_flight *flight, cmt_range_list *blockstore,
                                         cmt_range_list *state, cmt_error *err)
{
    cmt_range_list *const lists[CMT_COMPACTOR__STORES] = {state, blockstore};
    if (cmt_compactor__is_foreign(flight))
        return cmt_compactor__fail_forked(err);
    for (size_t i = 0; i < CMT_COMPACTOR__STORES; i++) {
        const cmt_compactor__spans spans = remembered(flight, i);
        for (size_t j = 0; j < spans.count && lists[i] != NULL; j++) {
            const cmt_range range = cmt_compactor__span_range(&spans.at[j]);
            if (cmt_range_list_add(lists[i], range.lo, range.hi) != CMT_OK)
                return cmt_error_set(err, CMT_NO_MEMORY, "no memory for a list of key ranges");
        }
    }
    return CMT_OK;
}

/* ---- counters and results -------------------------------------------------------------------- */

void cmt_compactor__count(cmt_compact_flight *flight, uint64_t *counter)
{
    pthread_mutex_lock(&flight->lock);
    ++*counter;
    pthread_mutex_unlock(&flight->lock);
}

cmt_compact_counts cmt_compactor__counts_locked(const cmt_compact_flight *flight)
{
    cmt_compact_counts counts = flight->counts;
    counts.remembered_blockstore =
        remembered_locked(&flight->stores[CMT_COMPACTOR__BLOCKSTORE]).count;
    for (size_t i = 0; i < CMT_COMPACTOR__STORES; i++)
        counts.rewrites_wanted += flight->stores[i].wants_rewrite;
    counts.remembered_state = remembered_locked(&flight->stores[CMT_COMPACTOR__STATE]).count;
    return counts;
}

cmt_compact_counts cmt_compact_flight_counts(cmt_compact_flight *flight)
{
    if (cmt_compactor__is_foreign(flight))
        return (cmt_compact_counts){0};
    pthread_mutex_lock(&flight->lock);
    const cmt_compact_counts counts = cmt_compactor__counts_locked(flight);
    pthread_mutex_unlock(&flight->lock);
    return counts;
}

cmt_compact_progress cmt_compactor__progress_locked(const cmt_compact_flight *flight)
{
    cmt_compact_progress progress = flight->progress;
    if (!progress.active)
        return progress;
    progress.blockstore = flight->stores[CMT_COMPACTOR__BLOCKSTORE].done;
    progress.state = flight->stores[CMT_COMPACTOR__STATE].done;
    return progress;
}

cmt_compact_progress cmt_compact_flight_progress(cmt_compact_flight *flight)
{
    if (cmt_compactor__is_foreign(flight))
        return (cmt_compact_progress){0};
    pthread_mutex_lock(&flight->lock);
    const cmt_compact_progress progress = cmt_compactor__progress_locked(flight);
    pthread_mutex_unlock(&flight->lock);
    return progress;
}

static void count_outcome_locked(cmt_compact_flight *flight, const cmt_compact_result *result)
{
    flight->counts.slices += result->slices;
    if (result->bytes_before > result->bytes_after)
        flight->counts.bytes_reclaimed += result->bytes_before - result->bytes_after;
}

void cmt_compactor__keep_result(cmt_compact_flight *flight, const cmt_compact_result *result)
{
    pthread_mutex_lock(&flight->lock);
    flight->results[flight->result_count++ % CMT_COMPACT_RESULTS] = *result;
    count_outcome_locked(flight, result);
    pthread_mutex_unlock(&flight->lock);
}

size_t cmt_compact_flight_results(cmt_compact_flight *flight, cmt_compact_result *out, size_t max)
{
    if (cmt_compactor__is_foreign(flight))
        return 0;
    pthread_mutex_lock(&flight->lock);
    size_t count =
        flight->result_count < CMT_COMPACT_RESULTS ? flight->result_count : CMT_COMPACT_RESULTS;
    if (count > max)
        count = max;
    for (size_t i = 0; i < count; i++)
        out[i] = flight->results[(flight->result_count - 1 - i) % CMT_COMPACT_RESULTS];
    pthread_mutex_unlock(&flight->lock);
    return count;
}
