/* SPDX-License-Identifier: Apache-2.0
 *
 * A database written anew, as the one slice of its side.
 */
#include "cmtstore/db_rewrite.h"

#include "compactor_internal.h"

typedef struct run {
    cmt_compactor__flow *flow;
    cmt_compactor__side *side;
    uint64_t rested_at; /* bytes of the phase */
} run;

static void note_progress(const run *r, const cmt_progress *progress)
{
    cmt_compact_flight *flight = r->flow->job->flight;
    cmt_compact_done *done = &r->side->store->done;
    pthread_mutex_lock(&flight->lock);
    done->bytes = progress->done;
    done->total = progress->total > progress->done ? progress->total : progress->done;
    pthread_mutex_unlock(&flight->lock);
}

/* As often as between slices. */
static void make_room(run *r, uint64_t done)
{
    const cmt_compact_flight *flight = r->flow->job->flight;
    if (done >= r->rested_at && done - r->rested_at < flight->options.slice_bytes)
        return;
    r->rested_at = done;
    cmt_compactor__pause(r->flow);
    r->flow->writes = atomic_load_explicit(&flight->writes, memory_order_relaxed);
}

/* Between two chunks, with no lock held: the place to make room, and to stop. */
static bool between_chunks(void *context, const cmt_progress *progress)
{
    run *r = context;
    note_progress(r, progress);
    make_room(r, progress->done);
    return cmt_compactor__is_stopped(r->flow, r->side);
}

/* All that was remembered for it when it began is done with it. */
static void finish(const cmt_compactor__flow *flow, cmt_compactor__side *side,
                   const cmt_db_rewrite_result *result)
{
    cmt_compact_flight *flight = flow->job->flight;
    pthread_mutex_lock(&flight->lock);
    side->store->work.count = 0;
    side->store->done.slices++;
    pthread_mutex_unlock(&flight->lock);
    side->was_rewritten = true;
    side->result->slices++;
    side->result->slice_bytes += result->bytes_before;
}

cmt_status cmt_compactor__rewrite(cmt_compactor__flow *flow, cmt_compactor__side *side)
{
    run r = {flow, side, 0};
    const cmt_progress_hook hook = {between_chunks, &r};
    const cmt_db_rewrite_options options = {
        .name = side->store->name,
        .progress = &hook,
        .logger = flow->job->flight->options.logger,
    };
    cmt_db_rewrite_result result;
    CMT_TRY(cmt_compactor__check_space(flow->job->flight, side->store, &side->failure));
    CMT_TRY(cmt_db_rewrite(side->store->db, &options, &result, &side->failure));
    finish(flow, side, &result);
    flow->slices++;
    return CMT_OK;
}
