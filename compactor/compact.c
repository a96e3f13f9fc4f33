/* SPDX-License-Identifier: Apache-2.0
 *
 * Compacting now, and the names of what may come of it.
 */
#include "compactor_internal.h"

#include <string.h>

const char *cmt_enqueue_result_name(cmt_enqueue_result result)
{
    static const char *const names[] = {"enqueued", "coalesced", "busy",  "stopped",
                                        "disabled", "no_worker", "forked"};
    return (unsigned)result < sizeof names / sizeof names[0] ? names[result] : "unknown";
}

const char *cmt_compact_kind_name(cmt_compact_kind kind)
{
    static const char *const names[] = {"ranges", "full", "rewrite"};
    return (unsigned)kind < sizeof names / sizeof names[0] ? names[kind] : "unknown";
}

const char *cmt_compact_outcome_name(cmt_compact_outcome outcome)
{
    static const char *const names[] = {"none",    "finished", "partly",
                                        "stopped", "failed",   "skipped"};
    return (unsigned)outcome < sizeof names / sizeof names[0] ? names[outcome] : "unknown";
}

cmt_status cmt_compact_now(cmt_compact_flight *flight, const cmt_compaction_request *request,
                           const cmt_compact_options *options, cmt_compact_report *out,
                           cmt_error *err)
{
    static const cmt_compact_options none = {0};
    cmt_compact_report report = {0};
    if (out != NULL)
        *out = report;
    if (cmt_compactor__is_foreign(flight))
        return cmt_compactor__fail_forked(err);
    if (options == NULL)
        options = &none;
    cmt_compactor__job job = {
        .flight = flight,
        .request = request,
        .stops = atomic_load(&flight->stops),
        .pause_ns = options->pause_ns,
        .progress = options->progress,
    };
    const unsigned databases = cmt_compactor__databases_of(flight, request);
    for (size_t i = 0; i < CMT_COMPACTOR__STORES; i++)
        job.wanted[i] = cmt_compactor__wants(databases, i);
    cmt_compact_flight_remember(flight, request);
    cmt_status st = cmt_compactor__take(flight, options->wait_ns, job.stops, err);
    if (st == CMT_OK) {
        job.deadline_ns = options->budget_ns > 0
                              ? cmt_compactor__deadline(flight, options->budget_ns)
                              : INT64_MAX;
        if (cmt_compactor__has_work(&job))
            st = cmt_compactor__run(&job, &report, err);
        cmt_compact_flight_release(flight);
    }
    if (out != NULL)
        *out = report;
    return st;
}
