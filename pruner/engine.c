/* SPDX-License-Identifier: Apache-2.0
 *
 * The method "engine": the databases are opened by their engine and pruned height by height.
 *
 * ORDER  blocks · states · what was touched is compacted · both are closed ("ready").  A stop or a crash on
 * the way leaves stores that a node could have left, and the same run again finishes.
 */
#include <errno.h>
#include <string.h>
#include <sys/statvfs.h>

#include "clock.h"
#include "pruner_internal.h"

/* What an engine may write without our asking, such as its logs and the memory it flushes. */
#define OVERHEAD_BYTES ((uint64_t)64 << 20)
/* Rough speed, for the estimate of a plan only. */
#define BYTES_PER_MS 50000
/* Ranges with no more than this between them are compacted as one. */
#define NEAR_BYTES ((uint64_t)2 << 20)

/* ---- opening -------------------------------------------------------------------------------- */

void cmt_pruner__choose_method(cmt_pruner *p)
{
    p->method = p->options.method == CMT_METHOD_AUTO ? CMT_METHOD_EDIT : p->options.method;
}

bool cmt_pruner__may_use_engine(const cmt_pruner *p, cmt_status st)
{
    return st == CMT_UNSUPPORTED && p->options.method == CMT_METHOD_AUTO &&
           p->method == CMT_METHOD_EDIT && p->blocks.engine == CMT_ENGINE_ROCKSDB &&
           p->states.engine == CMT_ENGINE_ROCKSDB;
}

static cmt_status open_side(const cmt_pruner *p, cmt_pruner__side *side, bool read_only,
                            cmt_error *err)
{
    const cmt_db_open_options options = {
        .engine = side->engine, .read_only = read_only, .logger = p->options.logger};
    return cmt_db_open(cmt_pruner__path(side), &options, &side->db, err);
}

cmt_status cmt_pruner__open_to_plan(const cmt_pruner *p, cmt_pruner__side *side, cmt_error *err)
{
    return open_side(p, side, true, err);
}

/* An engine changes a directory as soon as it opens it to write: so not before there is something to do.
 * It takes locks of its own; whoever came in between has changed the heights. */
static cmt_status open_to_write(cmt_pruner *p, cmt_error *err)
{
    cmt_pruner__close_views(p);
    cmt_pruner__unlock(p);
    CMT_TRY(open_side(p, &p->blocks, false, err));
    CMT_TRY(open_side(p, &p->states, false, err));
    CMT_TRY(cmt_block_store_open(p->blocks.db, &p->block_store, err));
    CMT_TRY(cmt_state_store_open(p->states.db, &p->state_store, err));
    if (cmt_block_store_base(p->block_store) == p->plan.base &&
        cmt_block_store_height(p->block_store) == p->plan.height)
        return CMT_OK;
    return cmt_error_set(err, CMT_BUSY, "%s changed after the plan was made; run the command again",
                         cmt_pruner__path(&p->blocks));
}

/* ---- the plan ------------------------------------------------------------------------------- */

static cmt_status bytes_of(cmt_db *db, const cmt_range_list *ranges, uint64_t *bytes,
                           cmt_error *err)
{
    for (size_t i = 0; i < ranges->count; i++) {
        uint64_t n;
        CMT_TRY(cmt_db_approximate_bytes(db, ranges->ranges[i], &n, err));
        *bytes += n;
    }
    return CMT_OK;
}

cmt_status cmt_pruner__plan_engine(cmt_pruner *p, cmt_error *err)
{
    cmt_prune_plan *plan = &p->plan;
    if (p->options.action == CMT_ACTION_COMPACT) {
        p->blocks.has_work = p->states.has_work = true;
        plan->peak_extra_bytes = p->survey.bytes + OVERHEAD_BYTES;
        plan->estimated_ms = (int64_t)(plan->peak_extra_bytes / BYTES_PER_MS);
        return CMT_OK;
    }
    const cmt_block_prune *b = &p->block_prune;
    const cmt_state_prune *s = &p->state_prune;
    p->blocks.has_work = b->base_moves || b->leftovers || b->new_state.size > 0;
    p->states.has_work = s->dead_validators.count > 0 || s->dead_params.count > 0 ||
                         s->dead_results.count > 0 || s->put_count > 0;
    plan->nothing_to_do = !p->blocks.has_work && !p->states.has_work;
    if (plan->nothing_to_do)
        return CMT_OK;
    uint64_t hashes = 0;
    uint64_t dead = 0;
    CMT_TRY(bytes_of(p->blocks.db, &b->ranges, &dead, err));
    CMT_TRY(bytes_of(p->states.db, &s->ranges, &dead, err));
    CMT_TRY(cmt_db_approximate_bytes(p->blocks.db, cmt_block_hash_range(b->layout), &hashes, err));
    plan->freed_bytes = dead;
    plan->peak_extra_bytes = OVERHEAD_BYTES;
    if (p->options.action == CMT_ACTION_PRUNE_AND_COMPACT)
        plan->peak_extra_bytes += dead + hashes;
    plan->estimated_ms = (int64_t)((dead + OVERHEAD_BYTES) / BYTES_PER_MS);
    return CMT_OK;
}

/* ---- the run -------------------------------------------------------------------------------- */

static cmt_status check_space(const cmt_pruner *p, const cmt_pruner__side *side, cmt_error *err)
{
    struct statvfs fs;
    if (statvfs(cmt_pruner__path(side), &fs) != 0)
        return cmt_error_set(err, CMT_IO, "statvfs %s: %s", cmt_pruner__path(side),
                             strerror(errno));
    uint64_t available = (uint64_t)fs.f_bavail * fs.f_frsize;
    uint64_t need = p->plan.peak_extra_bytes + p->options.min_free_bytes;
    if (available < need)
        return cmt_error_set(
            err, CMT_NO_SPACE,
            "%s: %llu MiB are free, but %llu MiB may be needed; free some space and "
            "try again",
            cmt_pruner__path(side), (unsigned long long)(available >> 20),
            (unsigned long long)((need + (1 << 20) - 1) >> 20));
    return CMT_OK;
}

static cmt_status compact_range(const cmt_pruner *p, const cmt_pruner__side *side, cmt_range range,
                                size_t done, size_t total, cmt_error *err)
{
    const cmt_progress progress = {
        .phase = "compact", .database = side->name, .done = done, .total = total};
    if (p->progress.report(p->progress.context, &progress))
        return cmt_error_set(err, CMT_CANCELLED, "stopped while compacting %s", side->name);
    return cmt_db_compact_range(side->db, range, err);
}

/* Range by range, those with little between them as one: a call costs several waits for the disk, and
 * heights of few digits make hundreds of ranges.  What was not compacted when it is asked to stop is only
 * larger than it could be. */
static cmt_status compact_ranges(const cmt_pruner *p, const cmt_pruner__side *side,
                                 const cmt_range_list *touched, cmt_error *err)
{
    size_t i = 0;
    while (i < touched->count) {
        cmt_range range = touched->ranges[i++];
        while (i < touched->count) {
            uint64_t between;
            cmt_range gap = {range.hi, touched->ranges[i].lo};
            CMT_TRY(cmt_db_approximate_bytes(side->db, gap, &between, err));
            if (between > NEAR_BYTES)
                break;
            range.hi = touched->ranges[i++].hi;
        }
        CMT_TRY(compact_range(p, side, range, i, touched->count, err));
    }
    return CMT_OK;
}

static cmt_status compact_all(const cmt_pruner *p, const cmt_pruner__side *side, cmt_error *err)
{
    static const cmt_range everything = {{NULL, 0}, {NULL, 0}};
    return compact_range(p, side, everything, 0, 1, err);
}

static cmt_status prune_and_compact(cmt_pruner *p, cmt_block_prune_result *blocks,
                                    cmt_state_prune_result *states, cmt_error *err)
{
    const cmt_erase_options options = {.progress = &p->progress};
    cmt_status st = cmt_block_store_prune(p->block_store, &p->block_request, &options, blocks, err);
    if (st == CMT_CANCELLED)
        return cmt_error_set(
            err, st,
            "stopped with blocks pruned up to height %lld; run the command again to "
            "go on",
            (long long)blocks->base);
    CMT_TRY(st);
    cmt_state_prune_request request = p->state_request;
    request.evidence_height = blocks->evidence_height;
    st = cmt_state_store_prune(p->state_store, &request, &options, states, err);
    if (st == CMT_CANCELLED)
        return cmt_error_set(err, st,
                             "stopped with the block store done, but not the state store; run the "
                             "command again to finish");
    if (st != CMT_OK)
        return cmt_error_prefix(err, st,
                                "the block store is done, the state store is not; run the command "
                                "again to finish");
    if (p->options.action == CMT_ACTION_PRUNE)
        return CMT_OK;
    CMT_TRY(compact_ranges(p, &p->blocks, &blocks->touched, err));
    return compact_ranges(p, &p->states, &states->touched, err);
}

static cmt_status carry_out(cmt_pruner *p, cmt_error *err)
{
    if (p->options.action == CMT_ACTION_COMPACT) {
        CMT_TRY(compact_all(p, &p->blocks, err));
        return compact_all(p, &p->states, err);
    }
    cmt_block_prune_result blocks = {0};
    cmt_state_prune_result states = {0};
    cmt_status st = prune_and_compact(p, &blocks, &states, err);
    cmt_block_prune_result_free(&blocks);
    cmt_state_prune_result_free(&states);
    return st;
}

cmt_status cmt_pruner__run_engine(cmt_pruner *p, cmt_error *err)
{
    int64_t since = cmt_clock_ns();
    if (p->plan.nothing_to_do)
        return CMT_OK;
    CMT_TRY(check_space(p, &p->blocks, err));
    CMT_TRY(check_space(p, &p->states, err));
    CMT_TRY(open_to_write(p, err));
    cmt_pruner__log_step(p, "opened both databases to write", &since);
    CMT_TRY(carry_out(p, err));
    cmt_pruner__log_step(p, "pruned with the engine", &since);
    CMT_TRY(cmt_db_flush(p->blocks.db, err));
    CMT_TRY(cmt_db_flush(p->states.db, err));
    cmt_pruner__close_views(p);
    cmt_pruner__log_step(p, "closed both databases", &since);
    return CMT_OK;
}
