/* SPDX-License-Identifier: Apache-2.0
 *
 * Is it time to compact what is remembered?
 */
#include <inttypes.h>
#include <stdio.h>

#include "compactor_internal.h"
#include "slices.h"

#define SECOND_NS INT64_C(1000000000)

/* What a store knows of itself, copied. */
typedef struct due {
    cmt_compactor__spans spans;
    uint64_t deleted_keys;
    bool has_rest;
    bool has_ended;
    int64_t since_ns; /* since it ended */
} due;

static due look_at(cmt_compact_flight *flight, const cmt_compactor__store *store)
{
    const int64_t now = cmt_compactor__now_ns(flight);
    pthread_mutex_lock(&flight->lock);
    due d = {store->remembered, store->deleted_keys, store->has_rest, store->has_ended,
             now - store->ended_ns};
    pthread_mutex_unlock(&flight->lock);
    return d;
}

/* What cannot be measured is compacted: that will meet the failure, and tell it. */
static bool has_bytes(const cmt_compactor__store *store, const due *d, uint64_t least,
                      uint64_t *bytes)
{
    return least == 0 || cmt_compactor__bytes_of(store->db, &d->spans, bytes, NULL) != CMT_OK ||
           *bytes >= least;
}

/* NULL: it is time.  Else the counter of the reason, which is put into words. */
static uint64_t *hold_back(cmt_compact_flight *flight, const cmt_compactor__store *store,
                           const cmt_compact_fallback *gate, const due *d, char *reason,
                           size_t size)
{
    uint64_t bytes = 0;
    if (gate->policy == CMT_COMPACT_NEVER) {
        snprintf(reason, size, "policy=never");
        return &flight->counts.skipped_policy;
    }
    if (d->has_rest)
        return NULL;
    if (d->has_ended && d->since_ns < gate->interval_ns) {
        snprintf(reason, size, "seconds=%" PRId64 " interval=%" PRId64, d->since_ns / SECOND_NS,
                 gate->interval_ns / SECOND_NS);
        return &flight->counts.skipped_interval;
    }
    if (d->deleted_keys < gate->min_deleted_keys) {
        snprintf(reason, size, "deleted_keys=%" PRIu64 " least=%" PRIu64, d->deleted_keys,
                 gate->min_deleted_keys);
        return &flight->counts.skipped_work;
    }
    if (!has_bytes(store, d, gate->min_bytes, &bytes)) {
        snprintf(reason, size, "bytes=%" PRIu64 " least=%" PRIu64, bytes, gate->min_bytes);
        return &flight->counts.skipped_work;
    }
    return NULL;
}

void cmt_compactor__choose(cmt_compactor__job *job, const cmt_compact_fallback *gate,
                           cmt_compact_report *report)
{
    for (size_t i = 0; i < CMT_COMPACTOR__STORES; i++) {
        const cmt_compactor__store *store = &job->flight->stores[i];
        const due d = look_at(job->flight, store);
        if (!job->wanted[i] || d.spans.count == 0) {
            job->wanted[i] = false;
            continue;
        }
        cmt_compact_result *result = cmt_compactor__result_of(report, i);
        uint64_t *counter =
            hold_back(job->flight, store, gate, &d, result->reason, sizeof result->reason);
        job->wanted[i] = counter == NULL;
        if (job->wanted[i])
            continue;
        cmt_compactor__count(job->flight, counter);
        result->database = store->name;
        result->outcome = CMT_COMPACT_SKIPPED;
        result->ranges_left = d.spans.count;
    }
}
