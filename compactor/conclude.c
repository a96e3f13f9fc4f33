/* SPDX-License-Identifier: Apache-2.0
 *
 * What came of a compaction: results, counters, what stays remembered, and the log lines that operators know.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "compactor_internal.h"

#define MS_NS 1000000

static const char *label_of(const cmt_compactor__job *job)
{
    return cmt_compactor__label_of(job->request);
}

/* ---- the beginning --------------------------------------------------------------------------- */

void cmt_compactor__announce(const cmt_compactor__flow *flow)
{
    cmt_compact_flight *flight = flow->job->flight;
    pthread_mutex_lock(&flight->lock);
    flight->counts.started++;
    flight->progress = (cmt_compact_progress){.active = true, .id = flight->calls};
    snprintf(flight->progress.label, sizeof flight->progress.label, "%s", label_of(flow->job));
    pthread_mutex_unlock(&flight->lock);
    cmt_log(flight->options.logger, CMT_LOG_INFO, "compaction_start label=%s", label_of(flow->job));
}

/* ---- each database --------------------------------------------------------------------------- */

static cmt_compact_outcome outcome_of(const cmt_compactor__flow *flow,
                                      const cmt_compactor__side *side)
{
    if (side->failure.code != CMT_OK)
        return CMT_COMPACT_FAILED;
    if (side->rewrites ? side->was_rewritten : side->store->work.count == 0)
        return CMT_COMPACT_FINISHED;
    return flow->stopped || side->cancelled ? CMT_COMPACT_STOPPED : CMT_COMPACT_PARTLY;
}

/* What is not done is asked for as before.  A flight ends at @p wall for all its databases, so that those which came
 * together become due together. */
static void put_back(cmt_compact_flight *flight, const cmt_compactor__side *side, int64_t wall)
{
    cmt_compactor__store *store = side->store;
    const cmt_compact_outcome outcome = side->result->outcome;
    const int64_t now = cmt_compactor__now_ns(flight);
    pthread_mutex_lock(&flight->lock);
    cmt_compactor__spans_add_all(&store->remembered, &store->work);
    store->work.count = 0;
    side->result->ranges_left = store->remembered.count;
    store->wants_rewrite =
        store->wants_rewrite || (store->rewriting && outcome != CMT_COMPACT_FINISHED);
    store->rewriting = false;
    store->has_rest = outcome == CMT_COMPACT_PARTLY || outcome == CMT_COMPACT_STOPPED;
    if (outcome == CMT_COMPACT_FINISHED) {
        store->deleted_keys -= side->deleted_keys;
        store->heights -= side->heights;
        store->finished_wall_ns = wall;
        side->result->cookie = side->cookie;
    }
    if (outcome == CMT_COMPACT_FAILED)
        store->failed_wall_ns = wall;
    store->failures = outcome == CMT_COMPACT_FAILED ? store->failures + 1 : 0;
    if (!store->has_rest) {
        store->has_ended = true;
        store->ended_ns = now;
    }
    pthread_mutex_unlock(&flight->lock);
}

static const char *trigger_of(const cmt_compactor__job *job, const cmt_compactor__side *side)
{
    const char *of_store = job->triggers[side->store - job->flight->stores];
    if (of_store != NULL)
        return of_store;
    return job->request != NULL ? job->request->trigger : NULL;
}

static void describe(const cmt_compactor__flow *flow, const cmt_compactor__side *side)
{
    const char *trigger = trigger_of(flow->job, side);
    const cmt_compaction_request *request = flow->job->request;
    cmt_compact_result *result = side->result;
    snprintf(result->label, sizeof result->label, "%s", label_of(flow->job));
    result->kind = request != NULL ? request->kind : CMT_COMPACT_KIND_RANGES;
    if (trigger != NULL)
        snprintf(result->trigger, sizeof result->trigger, "%s", trigger);
    else
        snprintf(result->trigger, sizeof result->trigger,
                 "deleted_keys=%" PRIu64 " heights=%" PRId64, side->deleted_keys,
                 request != NULL ? request->heights : 0);
    snprintf(result->error, sizeof result->error, "%s", side->failure.message);
}

static void conclude_side(const cmt_compactor__flow *flow, cmt_compactor__side *side, int64_t wall)
{
    cmt_compact_flight *flight = flow->job->flight;
    cmt_compact_result *result = side->result;
    result->database = side->store->name;
    result->outcome = outcome_of(flow, side);
    result->status = result->outcome == CMT_COMPACT_STOPPED ? CMT_CANCELLED : side->failure.code;
    result->duration_ms = side->spent_ns / MS_NS;
    cmt_compactor__measure_after(side);
    describe(flow, side);
    put_back(flight, side, wall);
    cmt_log(flight->options.logger, CMT_LOG_DEBUG,
            "compacted a database  store=%s outcome=%s %s slices=%" PRIu64 " bytes_before=%" PRIu64
            " bytes_after=%" PRIu64 " ranges_left=%" PRIu64 " ms=%" PRId64,
            result->database, cmt_compact_outcome_name(result->outcome), result->trigger,
            result->slices, result->bytes_before, result->bytes_after, result->ranges_left,
            result->duration_ms);
}

/* ---- the whole ------------------------------------------------------------------------------- */

static bool any_is(const cmt_compactor__flow *flow, cmt_compact_outcome outcome)
{
    for (size_t i = 0; i < CMT_COMPACTOR__STORES; i++)
        if (flow->sides[i].result->outcome == outcome)
            return true;
    return false;
}

/* The first failure decides the status; the message has all of them. */
static cmt_status fail(const cmt_compactor__flow *flow, cmt_error *err)
{
    char text[sizeof err->message] = "";
    cmt_status status = CMT_OK;
    size_t size = 0;
    for (size_t i = 0; i < CMT_COMPACTOR__STORES; i++) {
        const cmt_error *failure = &flow->sides[i].failure;
        if (failure->code == CMT_OK || size >= sizeof text)
            continue;
        size += (size_t)snprintf(text + size, sizeof text - size, "%s%s: %s",
                                 status != CMT_OK ? "; " : "", flow->sides[i].store->name,
                                 failure->message);
        if (status == CMT_OK)
            status = failure->code;
    }
    return cmt_error_set(err, status, "%s", text);
}

/* A value in quotes must not hold one. */
void cmt_compactor__log_error(const cmt_logger *logger, const char *event, const cmt_error *failure)
{
    char text[sizeof failure->message];
    snprintf(text, sizeof text, "%s", failure->message);
    for (char *quote = text; (quote = strchr(quote, '"')) != NULL;)
        *quote = '\'';
    cmt_log(logger, CMT_LOG_ERROR, "%s err=\"%s\"", event, text);
}

static void log_failure(const cmt_compactor__flow *flow, const cmt_error *failure)
{
    char event[96];
    snprintf(event, sizeof event, "compaction_error label=%s", label_of(flow->job));
    cmt_compactor__log_error(flow->job->flight->options.logger, event, failure);
}

static void log_end(const cmt_compactor__flow *flow, const char *event)
{
    cmt_compact_flight *flight = flow->job->flight;
    cmt_log(flight->options.logger, CMT_LOG_INFO, "%s label=%s ms=%" PRId64, event,
            label_of(flow->job), (cmt_compactor__now_ns(flight) - flow->began_ns) / MS_NS);
}

static void end_progress(cmt_compact_flight *flight)
{
    pthread_mutex_lock(&flight->lock);
    flight->progress = (cmt_compact_progress){0};
    pthread_mutex_unlock(&flight->lock);
}

void cmt_compactor__abandon(cmt_compact_flight *flight)
{
    pthread_mutex_lock(&flight->lock);
    flight->progress = (cmt_compact_progress){0};
    for (size_t i = 0; i < CMT_COMPACTOR__STORES; i++) {
        cmt_compactor__store *store = &flight->stores[i];
        cmt_compactor__spans_add_all(&store->remembered, &store->work);
        store->work.count = 0;
        store->wants_rewrite = store->wants_rewrite || store->rewriting;
        store->rewriting = false;
    }
    pthread_mutex_unlock(&flight->lock);
    cmt_compact_flight_release(flight);
}

static void keep_results(const cmt_compactor__flow *flow)
{
    for (size_t i = CMT_COMPACTOR__STORES; i > 0; i--)
        if (flow->sides[i - 1].result->triggered)
            cmt_compactor__keep_result(flow->job->flight, flow->sides[i - 1].result);
}

cmt_status cmt_compactor__conclude(cmt_compactor__flow *flow, cmt_error *err)
{
    cmt_compact_flight *flight = flow->job->flight;
    const int64_t wall = cmt_compactor__wall_ns(flight);
    cmt_error failure = CMT_ERROR_INIT;
    for (size_t i = 0; i < CMT_COMPACTOR__STORES; i++)
        if (flow->sides[i].result->triggered)
            conclude_side(flow, &flow->sides[i], wall);
    end_progress(flight);
    keep_results(flow);
    if (any_is(flow, CMT_COMPACT_FAILED)) {
        cmt_status st = fail(flow, &failure);
        cmt_compactor__count(flight, &flight->counts.failed);
        log_failure(flow, &failure);
        return cmt_error_set(err, st, "%s", failure.message);
    }
    if (any_is(flow, CMT_COMPACT_STOPPED)) {
        log_end(flow, "compaction_stopped");
        return cmt_compactor__fail_stopped(flight, err);
    }
    bool partly = any_is(flow, CMT_COMPACT_PARTLY);
    cmt_compactor__count(flight, partly ? &flight->counts.partly : &flight->counts.finished);
    log_end(flow, "compaction_done");
    return CMT_OK;
}
