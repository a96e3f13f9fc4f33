/* SPDX-License-Identifier: Apache-2.0
 *
 * Tasks that wait for the background worker.  No lock, no clock of its own; all memory is taken at the beginning.
 */
#ifndef CMT_COMPACTOR_QUEUE_H
#define CMT_COMPACTOR_QUEUE_H

#include "cmtstore/compactor_background.h"

/** What is to be compacted, the flight remembers; this is how.  Plain. */
typedef struct cmt_compactor__task {
    unsigned databases;
    cmt_compact_kind kind;
    char label[48];
    char trigger[96]; /* "": of the numbers below */
    char triggers[2]
                 [CMT_SCHEDULE_TEXT]; /* of each store, where the schedule has one; "": the above */
    uint64_t deleted_keys;
    int64_t heights;
    uint64_t job;          /* in the journal; 0: none yet */
    bool is_due;           /* whether it is time was decided before: do not ask */
    unsigned failures;     /* attempts that failed */
    int64_t not_before_ns; /* of the flight's clock */
} cmt_compactor__task;

/** In the order in which they came; those that failed in front. */
typedef struct cmt_compactor__queue {
    size_t size;  /* tasks that may wait */
    size_t count; /* more when one was put back meanwhile, or a journal brought some along */
    size_t room;
    cmt_compactor__task *tasks;
} cmt_compactor__queue;

/** @p size at least 1; @p more: for queue_append() */
CMT_MUST_CHECK cmt_status cmt_compactor__queue_init(cmt_compactor__queue *queue, size_t size,
                                                    size_t more, cmt_error *err);
void cmt_compactor__queue_fini(cmt_compactor__queue *queue);

/** CMT_ENQUEUED, CMT_ENQUEUE_COALESCED or CMT_ENQUEUE_BUSY. */
cmt_enqueue_result cmt_compactor__queue_add(cmt_compactor__queue *queue,
                                            const cmt_compactor__task *task);

/** Whatever the size says; at the beginning only. */
void cmt_compactor__queue_append(cmt_compactor__queue *queue, const cmt_compactor__task *task);

/** Put back in front what queue_take() took, joined by its like, should it have come meanwhile.  There is room. */
void cmt_compactor__queue_put_back(cmt_compactor__queue *queue, const cmt_compactor__task *task);

/** The first task whose time has come; SIZE_MAX: none.  @p next_ns: when the next one's comes; INT64_MAX: never. */
size_t cmt_compactor__queue_ready(const cmt_compactor__queue *queue, int64_t now_ns,
                                  int64_t *next_ns);
cmt_compactor__task cmt_compactor__queue_take(cmt_compactor__queue *queue, size_t at);

#endif
