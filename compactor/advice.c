/* SPDX-License-Identifier: Apache-2.0
 *
 * The schedule asked: figures of a database read anew, from counters and table metadata.
 */
#include <stdio.h>
#include <string.h>

#include "cmtstore/db_rewrite.h"

#include "background_internal.h"
#include "slices.h"

/* What the flight knows of a store, copied. */
static cmt_compactor__spans copy_facts(const cmt_compactor *compactor, size_t store,
                                       cmt_schedule_facts *facts)
{
    cmt_compact_flight *flight = compactor->flight;
    const cmt_compactor__store *s = &flight->stores[store];
    facts->now_ns = cmt_compactor__wall_ns(flight);
    pthread_mutex_lock(&flight->lock);
    const cmt_compactor__spans spans = s->remembered;
    facts->last_ns = s->finished_wall_ns;
    facts->failed_ns = s->failed_wall_ns;
    facts->failures = s->failures;
    facts->dirty = spans.count > 0;
    facts->has_rest = s->has_rest;
    facts->work = s->deleted_keys;
    facts->tombstones = s->deleted_keys;
    facts->heights = s->heights;
    pthread_mutex_unlock(&flight->lock);
    return spans;
}

/* What is remembered counts as dead: ranges are made of what was deleted.  Figures that cannot be read are 0. */
static void read_figures(cmt_db *db, const cmt_compactor__spans *spans, cmt_schedule_facts *facts)
{
    cmt_db_stats stats;
    if (cmt_db_get_stats(db, &stats, NULL) != CMT_OK ||
        cmt_compactor__bytes_of(db, spans, &facts->free_bytes, NULL) != CMT_OK)
        return;
    facts->total_bytes = stats.log_bytes;
    for (size_t level = 0; level < CMT_DB_LEVELS; level++)
        facts->total_bytes += stats.table_bytes[level];
    if (facts->total_bytes == 0)
        facts->total_bytes = stats.memtable_bytes;
    if (facts->free_bytes > facts->total_bytes)
        facts->free_bytes = facts->total_bytes;
    facts->live_bytes = facts->total_bytes - facts->free_bytes;
    if (!stats.entries_known)
        return;
    facts->tombstones = stats.deletions + stats.range_deletions;
    facts->live_keys =
        stats.entries > 2 * stats.deletions ? stats.entries - 2 * stats.deletions : 0;
}

cmt_compactor__advice cmt_compactor__ask(const cmt_compactor *compactor, size_t store)
{
    cmt_compactor__advice advice = {.asked = false};
    cmt_schedule_facts facts = {0};
    if (compactor->flight->stores[store].db == NULL)
        return advice;
    const cmt_compactor__spans spans = copy_facts(compactor, store, &facts);
    advice.asked = facts.dirty;
    if (!facts.dirty)
        return advice;
    read_figures(compactor->flight->stores[store].db, &spans, &facts);
    advice.decision = cmt_schedule_decide(&facts, &compactor->options.schedule);
    return advice;
}

static uint64_t *counter_of(cmt_compact_counts *counts, cmt_schedule_reason reason)
{
    if (reason == CMT_NOT_DUE_ROLE)
        return &counts->skipped_policy;
    return reason == CMT_NOT_DUE_INTERVAL || reason == CMT_NOT_DUE_RETRY ? &counts->skipped_interval
                                                                         : &counts->skipped_work;
}

static void skip(cmt_compactor *compactor, size_t store, const cmt_compactor__advice *advice,
                 cmt_compact_result *result)
{
    cmt_compact_flight *flight = compactor->flight;
    char text[CMT_SCHEDULE_TEXT];
    result->database = flight->stores[store].name;
    result->outcome = CMT_COMPACT_SKIPPED;
    snprintf(result->reason, sizeof result->reason, "%.63s",
             cmt_schedule_describe(&advice->decision, text, sizeof text));
    pthread_mutex_lock(&flight->lock);
    ++*counter_of(&flight->counts, advice->decision.reason);
    result->ranges_left = flight->stores[store].remembered.count;
    pthread_mutex_unlock(&flight->lock);
}

/* Ask about the stores that are wanted.  Returns the first that is due; CMT_COMPACTOR__STORES: none.  Others go along with
 * it though they alone would gain too little: one flight for both disturbs less than two. */
static size_t ask_all(const cmt_compactor *compactor, const bool *wanted,
                      cmt_compactor__advice *advice)
{
    size_t first = CMT_COMPACTOR__STORES;
    for (size_t i = 0; i < CMT_COMPACTOR__STORES; i++) {
        advice[i] = (cmt_compactor__advice){.asked = false};
        if (wanted[i])
            advice[i] = cmt_compactor__ask(compactor, i);
        advice[i].goes = advice[i].asked && cmt_schedule_is_due(&advice[i].decision);
        if (advice[i].goes && first == CMT_COMPACTOR__STORES)
            first = i;
    }
    for (size_t i = 0; i < CMT_COMPACTOR__STORES && first < CMT_COMPACTOR__STORES; i++)
        advice[i].goes =
            advice[i].goes || (advice[i].asked && advice[i].decision.reason == CMT_NOT_DUE_GAIN);
    return first;
}

/* Why store `i` takes part. */
static void tell_why(const cmt_compactor *compactor, const cmt_compactor__advice *advice,
                     size_t first, char *text)
{
    if (cmt_schedule_is_due(&advice->decision))
        cmt_schedule_describe(&advice->decision, text, CMT_SCHEDULE_TEXT);
    else
        snprintf(text, CMT_SCHEDULE_TEXT, "along with=%s", compactor->flight->stores[first].name);
}

void cmt_compactor__advise(cmt_compactor *compactor, cmt_compactor__job *job,
                           cmt_compact_report *report)
{
    cmt_compactor__advice advice[CMT_COMPACTOR__STORES];
    const size_t first = ask_all(compactor, job->wanted, advice);
    for (size_t i = 0; i < CMT_COMPACTOR__STORES; i++) {
        job->wanted[i] = advice[i].goes;
        if (advice[i].goes) {
            tell_why(compactor, &advice[i], first, compactor->triggers[i]);
            job->triggers[i] = compactor->triggers[i];
        } else if (advice[i].asked) {
            skip(compactor, i, &advice[i], cmt_compactor__result_of(report, i));
        }
    }
}

/* ---- polls ----------------------------------------------------------------------------------- */

static const unsigned bits[CMT_COMPACTOR__STORES] = {CMT_COMPACT_STATE, CMT_COMPACT_BLOCKSTORE};

static cmt_compactor__task task_of(const cmt_schedule_decision *decision)
{
    cmt_compactor__task task = {
        .is_due = true,
        .deleted_keys = decision->facts.work,
        .heights = decision->facts.heights,
    };
    snprintf(task.label, sizeof task.label, "%s", cmt_schedule_trigger_name(decision->trigger));
    return task;
}

/* A rewrite that somebody asked for when there was no room in the queue. */
static void add_rewrites_locked(cmt_compactor *compactor)
{
    cmt_compactor__task task = {.kind = CMT_COMPACT_KIND_REWRITE, .is_due = true};
    for (size_t i = 0; i < CMT_COMPACTOR__STORES; i++)
        if (compactor->flight->stores[i].wants_rewrite)
            task.databases |= bits[i];
    for (size_t i = 0; i < compactor->queue.count; i++)
        if (compactor->queue.tasks[i].kind == CMT_COMPACT_KIND_REWRITE)
            return;
    snprintf(task.label, sizeof task.label, "%s", CMT_COMPACT_LABEL_MANUAL);
    if (task.databases != 0)
        compactor->stats.polls +=
            cmt_compactor__queue_add(&compactor->queue, &task) == CMT_ENQUEUED;
}

/* A new database that has stood the test of time needs no backup. */
static void expire_backups(const cmt_compactor *compactor)
{
    const cmt_compact_flight *flight = compactor->flight;
    const int64_t keep_ns = compactor->options.backup_keep_ns;
    for (size_t i = 0; i < CMT_COMPACTOR__STORES && keep_ns > 0; i++) {
        const char *dir = flight->stores[i].dir;
        cmt_error err = CMT_ERROR_INIT;
        if (dir != NULL && cmt_db_rewrite_expire(dir, keep_ns, cmt_compactor__wall_ns(flight), NULL,
                                                 &err) != CMT_OK)
            cmt_compactor__log_error(flight->options.logger, "remove an old backup ", &err);
    }
}

/* One task for all that take part, so that they take turns. */
void cmt_compactor__poll(cmt_compactor *compactor)
{
    static const bool all[CMT_COMPACTOR__STORES] = {true, true};
    cmt_compactor__advice advice[CMT_COMPACTOR__STORES];
    cmt_compactor__task task = {.databases = 0};
    const size_t first = ask_all(compactor, all, advice);
    if (first < CMT_COMPACTOR__STORES)
        task = task_of(&advice[first].decision);
    for (size_t i = 0; i < CMT_COMPACTOR__STORES; i++)
        if (advice[i].goes) {
            task.databases |= bits[i];
            tell_why(compactor, &advice[i], first, task.triggers[i]);
        }
    pthread_mutex_lock(&compactor->flight->lock);
    /* If somebody asked meanwhile, what that leaves the next poll finds. */
    if (task.databases != 0 && compactor->queue.count == 0)
        compactor->stats.polls +=
            cmt_compactor__queue_add(&compactor->queue, &task) == CMT_ENQUEUED;
    add_rewrites_locked(compactor);
    pthread_mutex_unlock(&compactor->flight->lock);
    expire_backups(compactor);
    cmt_compactor__durable_flush(compactor);
}
