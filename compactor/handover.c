/* SPDX-License-Identifier: Apache-2.0
 *
 * What follows a prune: the background compactor, or the fallback, and the lines that tell which.
 */
#include <inttypes.h>

#include "compactor_internal.h"

static bool is_work(const cmt_compaction_request *request)
{
    if (request == NULL || request->deleted_keys == 0)
        return false;
    for (size_t i = 0; i < CMT_COMPACTOR__STORES; i++) {
        const cmt_range_list *ranges = cmt_compactor__ranges_of(request, i);
        if (ranges != NULL && ranges->count > 0)
            return true;
    }
    return false;
}

/* False: there is nobody to take it. */
static bool enqueue(const cmt_compact_handover *handover, const cmt_compaction_request *request)
{
    const cmt_compaction_sink *sink = handover->sink;
    if (sink == NULL || sink->try_enqueue == NULL)
        return false;
    cmt_enqueue_result result = sink->try_enqueue(sink->context, request);
    if (result == CMT_ENQUEUE_NO_WORKER)
        return false;
    if (result == CMT_ENQUEUED)
        cmt_log(handover->logger, CMT_LOG_INFO, "enqueued async database compaction after pruning");
    else
        cmt_log(handover->logger, CMT_LOG_DEBUG,
                "skipped async compaction - already in progress or queue full  reason=%s",
                cmt_enqueue_result_name(result));
    return true;
}

/* Not begun. */
static void log_skipped(const cmt_compact_handover *handover, const cmt_compact_report *report)
{
    const cmt_compact_result *const results[] = {&report->state, &report->blockstore};
    for (size_t i = 0; i < CMT_COMPACTOR__STORES; i++)
        if (results[i]->outcome == CMT_COMPACT_SKIPPED)
            cmt_log(handover->logger, CMT_LOG_DEBUG, "skipped synchronous compaction  store=%s %s",
                    results[i]->database, results[i]->reason);
}

static void log_outcome(const cmt_compact_handover *handover, const cmt_compact_report *report,
                        cmt_status status, const cmt_error *err)
{
    const uint64_t left = report->state.ranges_left + report->blockstore.ranges_left;
    const bool triggered = report->state.triggered || report->blockstore.triggered;
    const bool partly = report->state.outcome == CMT_COMPACT_PARTLY ||
                        report->blockstore.outcome == CMT_COMPACT_PARTLY;
    log_skipped(handover, report);
    if (status == CMT_BUSY || (status == CMT_CANCELLED && !triggered))
        cmt_log(handover->logger, CMT_LOG_DEBUG, "skipped synchronous compaction  reason=%s",
                status == CMT_BUSY ? "busy" : "stopped");
    else if (status != CMT_OK && status != CMT_CANCELLED)
        cmt_compactor__log_error(handover->logger, "failed to compact databases after pruning ",
                                 err);
    else if (partly)
        cmt_log(handover->logger, CMT_LOG_INFO,
                "compacted databases in part after pruning  ranges_left=%" PRIu64, left);
    else if (triggered && status == CMT_OK)
        cmt_log(handover->logger, CMT_LOG_INFO, "successfully compacted databases after pruning");
}

static void fall_back(const cmt_compact_handover *handover, const cmt_compaction_request *request,
                      cmt_compact_report *report)
{
    cmt_compact_fallback defaults;
    const cmt_compact_fallback *fallback = handover->fallback;
    cmt_error err = CMT_ERROR_INIT;
    if (fallback == NULL) {
        cmt_compact_fallback_defaults(&defaults);
        fallback = &defaults;
    }
    cmt_status st = cmt_compactor__fall_back(handover->flight, fallback, request, handover->logger,
                                             report, &err);
    log_outcome(handover, report, st, &err);
}

void cmt_compact_after_prune(const cmt_compact_handover *handover,
                             const cmt_compaction_request *request, cmt_compact_report *out)
{
    cmt_compact_report report = {0};
    if (is_work(request) && !enqueue(handover, request) && handover->flight != NULL)
        fall_back(handover, request, &report);
    if (out != NULL)
        *out = report;
}
