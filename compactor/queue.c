/* SPDX-License-Identifier: Apache-2.0
 *
 * Tasks that wait for the background worker.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "queue.h"

cmt_status cmt_compactor__queue_init(cmt_compactor__queue *queue, size_t size, size_t more,
                                     cmt_error *err)
{
    /* One more than may wait: for the task that runs, should it be put back. */
    *queue = (cmt_compactor__queue){.size = size, .room = size + more + 1};
    queue->tasks = calloc(queue->room, sizeof *queue->tasks);
    if (queue->tasks == NULL)
        return cmt_error_set(err, CMT_NO_MEMORY, "no memory for a queue of %zu tasks", size);
    return CMT_OK;
}

void cmt_compactor__queue_fini(cmt_compactor__queue *queue)
{
    free(queue->tasks);
    queue->tasks = NULL;
}

static bool are_alike(const cmt_compactor__task *a, const cmt_compactor__task *b)
{
    return a->databases == b->databases && a->kind == b->kind && strcmp(a->label, b->label) == 0;
}

/* The numbers behind it are those of both; words those of the newer. */
static void join(cmt_compactor__task *waiting, const cmt_compactor__task *task)
{
    waiting->deleted_keys += task->deleted_keys;
    waiting->heights += task->heights;
    waiting->is_due = waiting->is_due || task->is_due;
    if (waiting->job == 0)
        waiting->job = task->job;
    memcpy(waiting->trigger, task->trigger, sizeof waiting->trigger);
    memcpy(waiting->triggers, task->triggers, sizeof waiting->triggers);
}

cmt_enqueue_result cmt_compactor__queue_add(cmt_compactor__queue *queue,
                                            const cmt_compactor__task *task)
{
    for (size_t i = 0; i < queue->count; i++)
        if (are_alike(&queue->tasks[i], task)) {
            join(&queue->tasks[i], task);
            return CMT_ENQUEUE_COALESCED;
        }
    if (queue->count >= queue->size)
        return CMT_ENQUEUE_BUSY;
    queue->tasks[queue->count++] = *task;
    return CMT_ENQUEUED;
}

void cmt_compactor__queue_append(cmt_compactor__queue *queue, const cmt_compactor__task *task)
{
    assert(queue->count < queue->room);
    queue->tasks[queue->count++] = *task;
}

void cmt_compactor__queue_put_back(cmt_compactor__queue *queue, const cmt_compactor__task *task)
{
    cmt_compactor__task back = *task;
    for (size_t i = 0; i < queue->count; i++)
        if (are_alike(&queue->tasks[i], &back)) {
            const cmt_compactor__task like = cmt_compactor__queue_take(queue, i);
            join(&back, &like);
            break;
        }
    assert(queue->count < queue->room);
    memmove(queue->tasks + 1, queue->tasks, queue->count * sizeof *queue->tasks);
    queue->tasks[0] = back;
    queue->count++;
}

size_t cmt_compactor__queue_ready(const cmt_compactor__queue *queue, int64_t now_ns,
                                  int64_t *next_ns)
{
    *next_ns = INT64_MAX;
    for (size_t i = 0; i < queue->count; i++) {
        if (queue->tasks[i].not_before_ns <= now_ns)
            return i;
        if (queue->tasks[i].not_before_ns < *next_ns)
            *next_ns = queue->tasks[i].not_before_ns;
    }
    return SIZE_MAX;
}

cmt_compactor__task cmt_compactor__queue_take(cmt_compactor__queue *queue, size_t at)
{
    const cmt_compactor__task task = queue->tasks[at];
    queue->count--;
    memmove(queue->tasks + at, queue->tasks + at + 1, (queue->count - at) * sizeof *queue->tasks);
    return task;
}
