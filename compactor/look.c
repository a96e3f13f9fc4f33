/* SPDX-License-Identifier: Apache-2.0
 *
 * What the background compactor tells of itself.
 */
#include "background_internal.h"

cmt_compact_flight *cmt_compactor_flight(const cmt_compactor *compactor)
{
    return compactor != NULL ? compactor->flight : NULL;
}

bool cmt_compactor_is_running(cmt_compactor *compactor)
{
    if (compactor == NULL || cmt_compactor__is_foreign(compactor->flight))
        return false;
    pthread_mutex_lock(&compactor->flight->lock);
    bool running =
        compactor->state == CMT_COMPACTOR_RUNNING || compactor->state == CMT_COMPACTOR_STOPPING;
    pthread_mutex_unlock(&compactor->flight->lock);
    return running;
}

cmt_status cmt_compactor_last_result(cmt_compactor *compactor, cmt_compact_report *out)
{
    *out = (cmt_compact_report){0};
    if (compactor == NULL)
        return CMT_INVALID;
    if (cmt_compactor__is_foreign(compactor->flight))
        return CMT_FORKED;
    pthread_mutex_lock(&compactor->flight->lock);
    cmt_status st = compactor->has_last ? CMT_OK : CMT_NOT_FOUND;
    *out = compactor->last;
    pthread_mutex_unlock(&compactor->flight->lock);
    return st;
}

size_t cmt_compactor_results(cmt_compactor *compactor, cmt_compact_result *out, size_t max)
{
    return compactor != NULL ? cmt_compact_flight_results(compactor->flight, out, max) : 0;
}

/* How long the first task that failed has still to wait. */
static int64_t retry_in_locked(const cmt_compactor *compactor, int64_t now_ns)
{
    int64_t next_ns;
    const cmt_compactor__queue *queue = &compactor->queue;
    size_t at = cmt_compactor__queue_ready(queue, now_ns, &next_ns);
    return at == SIZE_MAX && next_ns != INT64_MAX ? next_ns - now_ns : 0;
}

cmt_status cmt_compactor_get_stats(cmt_compactor *compactor, cmt_compactor_stats *out)
{
    *out = (cmt_compactor_stats){0};
    if (compactor == NULL)
        return CMT_INVALID;
    cmt_compact_flight *flight = compactor->flight;
    if (cmt_compactor__is_foreign(flight))
        return CMT_FORKED;
    const int64_t now_ns = cmt_compactor__now_ns(flight);
    pthread_mutex_lock(&flight->lock);
    *out = compactor->stats;
    out->state = compactor->state;
    out->engine_failed = compactor->engine_failed;
    out->queue_size = compactor->queue.size;
    out->waiting = compactor->queue.count;
    out->retry_in_ns = retry_in_locked(compactor, now_ns);
    out->counts = cmt_compactor__counts_locked(flight);
    out->progress = cmt_compactor__progress_locked(flight);
    pthread_mutex_unlock(&flight->lock);
    return CMT_OK;
}
