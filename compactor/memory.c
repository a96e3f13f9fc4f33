/* SPDX-License-Identifier: Apache-2.0
 *
 * What a flight remembers: ranges asked for, counters, results.
 */
#include "compactor_internal.h"

cmt_compact_result *cmt_compactor__result_of(cmt_compact_report *report, size_t store)
{
    return store == CMT_COMPACTOR__STATE ? &report->state : &report->blockstore;
}

const cmt_range_list *cmt_compactor__ranges_of(const cmt_compaction_request *request, size_t store)
{
    return store == CMT_COMPACTOR__STATE ? request->state : request->blockstore;
}

/* ---- ranges ---------------------------------------------------------------------------------- */

static void remember_locked(cmt_compactor__store *store, const cmt_range_list *ranges,
                            uint64_t deleted_keys)
{
    for (size_t i = 0; i < ranges->count; i++)
        cmt_compactor__spans_add(&store->remembered, ranges->ranges[i]);
    if (ranges->count > 0)
        store->deleted_keys += deleted_keys;
}

void cmt_compact_flight_remember(cmt_compact_flight *flight, const cmt_compaction_request *request)
{
    if (request == NULL)
        return;
    for (size_t i = 0; i < CMT_COMPACTOR__STORES; i++) {
        const cmt_range_list *ranges = cmt_compactor__ranges_of(request, i);
        if (ranges == NULL || flight->stores[i].db == NULL)
            continue;
        pthread_mutex_lock(&flight->lock);
        remember_locked(&flight->stores[i], ranges, request->deleted_keys);
        pthread_mutex_unlock(&flight->lock);
    }
}

static cmt_compactor__spans remembered(cmt_compact_flight *flight, size_t store)
{
    pthread_mutex_lock(&flight->lock);
    cmt_compactor__spans spans = flight->stores[store].remembered;
    cmt_compactor__spans_add_all(&spans, &flight->stores[store].work);
    pthread_mutex_unlock(&flight->lock);
    return spans;
}

cmt_status cmt_compact_flight_remembered(cmt_compact_flight *flight, cmt_range_list *blockstore,
                                         cmt_range_list *state, cmt_error *err)
{
    cmt_range_list *const lists[CMT_COMPACTOR__STORES] = {state, blockstore};
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

cmt_compact_counts cmt_compact_flight_counts(cmt_compact_flight *flight)
{
    const size_t blockstore = remembered(flight, CMT_COMPACTOR__BLOCKSTORE).count;
    const size_t state = remembered(flight, CMT_COMPACTOR__STATE).count;
    pthread_mutex_lock(&flight->lock);
    cmt_compact_counts counts = flight->counts;
    pthread_mutex_unlock(&flight->lock);
    counts.remembered_blockstore = blockstore;
    counts.remembered_state = state;
    return counts;
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
