/* SPDX-License-Identifier: Apache-2.0
 *
 * Compacting inside a prune, where there is no background compactor.
 */
#include <string.h>

#include "compactor_internal.h"

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

static cmt_status fall_back_taken(cmt_compactor__job *job, const cmt_compact_fallback *fallback,
                                  const cmt_logger *announce, cmt_compact_report *report,
                                  cmt_error *err)
{
    cmt_compactor__choose(job, fallback, report);
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
        .wanted = {true, true},
    };
    *report = (cmt_compact_report){0};
    if (cmt_compactor__is_foreign(flight))
        return cmt_compactor__fail_forked(err);
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
