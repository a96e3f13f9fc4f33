/* SPDX-License-Identifier: Apache-2.0
 *
 * Compacting inside a prune, where there is no background compactor: whether, and for how long.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "compactor_internal.h"
#include "slices.h"

#define SECOND_NS INT64_C(1000000000)

void cmt_compact_fallback_defaults(cmt_compact_fallback *out)
{
    *out = (cmt_compact_fallback){
        .policy = CMT_COMPACT_BOUNDED,
        .budget_ns = SECOND_NS / 2,
        .interval_ns = 3600 * SECOND_NS,
        .min_bytes = 10000000,
    };
}

cmt_status cmt_compact_policy_from_name(const char *name, cmt_compact_policy *out, cmt_error *err)
{
    static const char *const names[] = {"never", "bounded", "full"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(name, names[i]) == 0) {
            *out = (cmt_compact_policy)i;
            return CMT_OK;
        }
    return cmt_error_set(err, CMT_INVALID,
                         "\"%.40s\" is not a fallback: it must be never, bounded or full", name);
}

/* ---- is it time? ----------------------------------------------------------------------------- */

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
                           const cmt_compact_fallback *fallback, const due *d, char *reason,
                           size_t size)
{
    uint64_t bytes = 0;
    if (fallback->policy == CMT_COMPACT_NEVER) {
        snprintf(reason, size, "policy=never");
        return &flight->counts.skipped_policy;
    }
    if (d->has_rest)
        return NULL;
    if (d->has_ended && d->since_ns < fallback->interval_ns) {
        snprintf(reason, size, "seconds=%" PRId64 " interval=%" PRId64, d->since_ns / SECOND_NS,
                 fallback->interval_ns / SECOND_NS);
        return &flight->counts.skipped_interval;
    }
    if (d->deleted_keys < fallback->min_deleted_keys) {
        snprintf(reason, size, "deleted_keys=%" PRIu64 " least=%" PRIu64, d->deleted_keys,
                 fallback->min_deleted_keys);
        return &flight->counts.skipped_work;
    }
    if (!has_bytes(store, d, fallback->min_bytes, &bytes)) {
        snprintf(reason, size, "bytes=%" PRIu64 " least=%" PRIu64, bytes, fallback->min_bytes);
        return &flight->counts.skipped_work;
    }
    return NULL;
}

/* Which stores take part; the others are skipped. */
static void choose(cmt_compactor__job *job, const cmt_compact_fallback *fallback,
                   cmt_compact_report *report)
{
    for (size_t i = 0; i < CMT_COMPACTOR__STORES; i++) {
        const cmt_compactor__store *store = &job->flight->stores[i];
        const due d = look_at(job->flight, store);
        if (d.spans.count == 0)
            continue;
        cmt_compact_result *result = cmt_compactor__result_of(report, i);
        uint64_t *counter =
            hold_back(job->flight, store, fallback, &d, result->reason, sizeof result->reason);
        job->wanted[i] = counter == NULL;
        if (job->wanted[i])
            continue;
        cmt_compactor__count(job->flight, counter);
        result->database = store->name;
        result->outcome = CMT_COMPACT_SKIPPED;
        result->ranges_left = d.spans.count;
    }
}

/* ---- compacting ------------------------------------------------------------------------------ */

static cmt_status fall_back_taken(cmt_compactor__job *job, const cmt_compact_fallback *fallback,
                                  const cmt_logger *announce, cmt_compact_report *report,
                                  cmt_error *err)
{
    choose(job, fallback, report);
    if (!cmt_compactor__has_work(job))
        return CMT_OK;
    job->deadline_ns = fallback->policy == CMT_COMPACT_FULL
                           ? INT64_MAX
                           : cmt_compactor__deadline(job->flight, fallback->budget_ns);
    cmt_log(announce, CMT_LOG_ERROR, "no async compactor available, using synchronous compaction");
    return cmt_compactor__run(job, report, err);
}

cmt_status cmt_compactor__fall_back(cmt_compact_flight *flight,
                                    const cmt_compact_fallback *fallback,
                                    const cmt_compaction_request *request,
                                    const cmt_logger *announce, cmt_compact_report *report,
                                    cmt_error *err)
{
    cmt_compactor__job job = {
        .flight = flight,
        .request = request,
        .stops = atomic_load(&flight->stops),
    };
    *report = (cmt_compact_report){0};
    cmt_compact_flight_remember(flight, request);
    CMT_TRY(cmt_compactor__take(flight, 0, job.stops, err));
    cmt_status st = fall_back_taken(&job, fallback, announce, report, err);
    cmt_compact_flight_release(flight);
    return st;
}

cmt_status cmt_compact_fallback_run(cmt_compact_flight *flight,
                                    const cmt_compact_fallback *fallback,
                                    const cmt_compaction_request *request, cmt_compact_report *out,
                                    cmt_error *err)
{
    cmt_compact_report report;
    cmt_status st = cmt_compactor__fall_back(flight, fallback, request, NULL, &report, err);
    if (out != NULL)
        *out = report;
    return st;
}
