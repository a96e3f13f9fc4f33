/* SPDX-License-Identifier: Apache-2.0
 *
 * Into the queue: remembered first, then a task.  Nothing here allocates or waits for anything but the mutex.
 */
#include <stdio.h>
#include <string.h>

#include "background_internal.h"

bool cmt_compactor__is_manual(const char *label)
{
    return strcmp(label, CMT_COMPACT_LABEL_MANUAL) == 0;
}

static cmt_compactor__task task_of(const cmt_compactor *compactor,
                                   const cmt_compaction_request *request)
{
    cmt_compactor__task task = {
        .databases = cmt_compactor__databases_of(compactor->flight, request),
    };
    snprintf(task.label, sizeof task.label, "%s", cmt_compactor__label_of(request));
    if (request == NULL)
        return task;
    task.kind = request->kind;
    task.deleted_keys = request->deleted_keys;
    task.heights = request->heights;
    if (request->trigger != NULL)
        snprintf(task.trigger, sizeof task.trigger, "%s", request->trigger);
    return task;
}

static bool is_disabled(const cmt_compactor *compactor, const cmt_compactor__task *task)
{
    const cmt_compact_role role = compactor->options.schedule.role;
    if (compactor->options.disabled)
        return true;
    if (!cmt_compact_role_may(role) && !cmt_compactor__is_manual(task->label))
        return true;
    /* Somebody else writes a replica's databases, and has their files by name. */
    return role == CMT_ROLE_REPLICA && task->kind == CMT_COMPACT_KIND_REWRITE;
}

static cmt_enqueue_result add_locked(cmt_compactor *compactor, const cmt_compactor__task *task)
{
    if (is_disabled(compactor, task))
        return CMT_ENQUEUE_DISABLED;
    if (compactor->state == CMT_COMPACTOR_RUNNING)
        return cmt_compactor__queue_add(&compactor->queue, task);
    return compactor->start_failed ? CMT_ENQUEUE_NO_WORKER : CMT_ENQUEUE_STOPPED;
}

static void count_locked(cmt_compactor_stats *stats, cmt_enqueue_result result)
{
    switch (result) {
    case CMT_ENQUEUED:
        stats->enqueued++;
        break;
    case CMT_ENQUEUE_COALESCED:
        stats->coalesced++;
        break;
    case CMT_ENQUEUE_BUSY:
        stats->busy++;
        break;
    case CMT_ENQUEUE_STOPPED:
    case CMT_ENQUEUE_DISABLED:
    case CMT_ENQUEUE_NO_WORKER:
    case CMT_ENQUEUE_FORKED:
        stats->refused++;
        break;
    }
}

cmt_enqueue_result cmt_compactor_try_enqueue(cmt_compactor *compactor,
                                             const cmt_compaction_request *request)
{
    if (compactor == NULL)
        return CMT_ENQUEUE_NO_WORKER;
    cmt_compact_flight *flight = compactor->flight;
    if (cmt_compactor__is_foreign(flight))
        return CMT_ENQUEUE_FORKED;
    const cmt_compactor__task task = task_of(compactor, request);
    cmt_compactor__durable_note(compactor, &task);
    pthread_mutex_lock(&flight->lock);
    cmt_compactor__remember_locked(flight, request);
    cmt_enqueue_result result = add_locked(compactor, &task);
    count_locked(&compactor->stats, result);
    if (result == CMT_ENQUEUED)
        pthread_cond_broadcast(&flight->changed);
    pthread_mutex_unlock(&flight->lock);
    return result;
}

static cmt_enqueue_result into(void *context, const cmt_compaction_request *request)
{
    return cmt_compactor_try_enqueue(context, request);
}

cmt_compaction_sink cmt_compactor_sink(cmt_compactor *compactor)
{
    return (cmt_compaction_sink){into, compactor};
}
