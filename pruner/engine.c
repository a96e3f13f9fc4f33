/* SPDX-License-Identifier: Apache-2.0
 *
 * The method "engine": the databases are opened by their engine and pruned height by height.
 *
 * ORDER  blocks · states · what was touched is compacted · both are closed ("ready").  A stop or a crash on
 * the way leaves stores that a node could have left, and the same run again finishes.  (Pebble's databases are
 * opened as clones only, see clones.c: there a stop leaves everything as it was.)
 */
#include <errno.h>
#include <string.h>
#include <sys/statvfs.h>

#include "cleanup.h"
#include "clock.h"
#include "pruner_internal.h"

/* What an engine may write without our asking, such as its logs and the memory it flushes. */
#define OVERHEAD_BYTES ((uint64_t)64 << 20)
/* Rough speed, for the estimate of a plan only. */
#define BYTES_PER_MS 50000
/* With less than this in the ranges that are dead, an earlier run has left nothing to compact. */
#define REST_BYTES ((uint64_t)256 << 10)

/* ---- opening -------------------------------------------------------------------------------- */

static bool any_is(const cmt_pruner *p, cmt_engine engine)
{
    return p->blocks.engine == engine || p->states.engine == engine;
}

static bool both_are(const cmt_pruner *p, cmt_engine engine)
{
    return p->blocks.engine == engine && p->states.engine == engine;
}

cmt_status cmt_pruner__choose_method(cmt_pruner *p, cmt_error *err)
{
    p->method = p->options.method;
    if (p->method == CMT_METHOD_AUTO)
        p->method = CMT_METHOD_EDIT;
    if (p->method == CMT_METHOD_ENGINE && any_is(p, CMT_ENGINE_PEBBLEDB) &&
        !both_are(p, CMT_ENGINE_PEBBLEDB))
        return cmt_error_set(err, CMT_UNSUPPORTED,
                             "%s holds one pebble database and one of another engine: not what a "
                             "node leaves, and not worked on by the method engine",
                             p->data_dir);
    return CMT_OK;
}

bool cmt_pruner__may_use_engine(const cmt_pruner *p, cmt_status st)
{
    return st == CMT_UNSUPPORTED && p->options.method == CMT_METHOD_AUTO &&
           p->method == CMT_METHOD_EDIT && both_are(p, CMT_ENGINE_ROCKSDB);
}

bool cmt_pruner__works_in_place(const cmt_pruner *p)
{
    return p->method == CMT_METHOD_ENGINE && !any_is(p, CMT_ENGINE_PEBBLEDB);
}

bool cmt_pruner__turn_to_engine(cmt_pruner *p)
{
    if (!both_are(p, CMT_ENGINE_PEBBLEDB) || p->options.method != CMT_METHOD_AUTO ||
        p->method == CMT_METHOD_ENGINE ||
        (!cmt_lsm_edit_needs_engine(p->blocks.edit) && !cmt_lsm_edit_needs_engine(p->states.edit)))
        return false;
    p->method = CMT_METHOD_ENGINE;
    cmt_log(p->options.logger, CMT_LOG_INFO,
            "the engine takes over: range deletions that an edit cannot rewrite");
    return true;
}

static cmt_status open_side(const cmt_pruner *p, cmt_pruner__side *side, bool read_only,
                            cmt_error *err)
{
    const cmt_db_open_options options = {
        .engine = side->engine,
        .read_only = read_only,
        .only_asked_compactions = true,
        .compact_step_bytes = CMT_PRUNER__SLICE_BYTES,
        .was_readable = !read_only, /* it was planned on a handle for reading */
        .logger = p->options.logger,
    };
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

/* What a clone takes up besides: the copies of pebble's logs, and the tables that they become. */
static cmt_status clone_bytes(const cmt_pruner *p, uint64_t *bytes, cmt_error *err)
{
    const cmt_pruner__side *const sides[] = {&p->blocks, &p->states};
    *bytes = 0;
    for (size_t i = 0; i < 2 && !cmt_pruner__works_in_place(p); i++) {
        cmt_db_stats stats;
        CMT_TRY(cmt_db_get_stats(sides[i]->db, &stats, err));
        *bytes += 2 * stats.log_bytes;
    }
    return CMT_OK;
}

static void find_work(cmt_pruner *p)
{
    const cmt_block_prune *b = &p->block_prune;
    const cmt_state_prune *s = &p->state_prune;
    p->blocks.has_work = b->base_moves || b->leftovers || b->new_state.size > 0;
    p->states.has_work = s->dead_validators.count > 0 || s->dead_params.count > 0 ||
                         s->dead_results.count > 0 || s->put_count > 0;
}

/* Where nothing is to be deleted, what the dead ranges (all heights below base are in them) still take up tells
 * whether there is something to compact. */
cmt_status cmt_pruner__plan_engine(cmt_pruner *p, cmt_error *err)
{
    cmt_prune_plan *plan = &p->plan;
    uint64_t clones;
    CMT_TRY(clone_bytes(p, &clones, err));
    if (p->options.action == CMT_ACTION_COMPACT) {
        p->blocks.has_work = p->states.has_work = true;
        plan->peak_extra_bytes = p->survey.bytes + OVERHEAD_BYTES + clones;
        plan->estimated_ms = (int64_t)(plan->peak_extra_bytes / BYTES_PER_MS);
        return CMT_OK;
    }
    find_work(p);
    plan->nothing_to_do = !p->blocks.has_work && !p->states.has_work;
    if (plan->nothing_to_do && p->options.action == CMT_ACTION_PRUNE)
        return CMT_OK;
    const cmt_block_prune *b = &p->block_prune;
    const cmt_range_list *s = &p->state_prune.ranges;
    uint64_t hashes = 0;
    uint64_t blocks;
    uint64_t states;
    CMT_TRY(cmt_pruner__bytes_of(p->blocks.db, b->ranges.ranges, b->ranges.count, &blocks, err));
    CMT_TRY(cmt_pruner__bytes_of(p->states.db, s->ranges, s->count, &states, err));
    if (plan->nothing_to_do) {
        p->blocks.has_work = blocks >= REST_BYTES;
        p->states.has_work = states >= REST_BYTES;
        plan->only_compacts = p->blocks.has_work || p->states.has_work;
        plan->nothing_to_do = !plan->only_compacts;
        if (plan->nothing_to_do)
            return CMT_OK;
    }
    CMT_TRY(cmt_db_approximate_bytes(p->blocks.db, cmt_block_hash_range(b->layout), &hashes, err));
    plan->freed_bytes = blocks + states;
    plan->peak_extra_bytes = OVERHEAD_BYTES + clones;
    if (p->options.action == CMT_ACTION_PRUNE_AND_COMPACT)
        plan->peak_extra_bytes += plan->freed_bytes + hashes;
    plan->estimated_ms = (int64_t)((plan->freed_bytes + OVERHEAD_BYTES) / BYTES_PER_MS);
    return CMT_OK;
}

/* ---- the run -------------------------------------------------------------------------------- */

static cmt_status side_has_space(const cmt_pruner *p, const cmt_pruner__side *side, cmt_error *err)
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

cmt_status cmt_pruner__check_space(const cmt_pruner *p, cmt_error *err)
{
    CMT_TRY(side_has_space(p, &p->blocks, err));
    return side_has_space(p, &p->states, err);
}

/* Where it happens in a clone, a stop has changed nothing. */
static cmt_status explain_stop(const cmt_pruner *p, const cmt_stores_prune_result *r, cmt_status st,
                               cmt_error *err)
{
    if (st == CMT_OK || !cmt_pruner__works_in_place(p))
        return st;
    if (st == CMT_CANCELLED && !r->blocks_done)
        return cmt_error_set(err, st,
                             "stopped with blocks pruned up to height %lld; run the command again "
                             "to go on",
                             (long long)r->blocks.base);
    if (st == CMT_CANCELLED)
        return cmt_error_set(err, st,
                             "stopped with the block store done, but not the state store; run the "
                             "command again to finish");
    if (!r->blocks_done)
        return st;
    return cmt_error_prefix(err, st,
                            "the block store is done, the state store is not; run the command "
                            "again to finish");
}

static cmt_status prune_and_compact(cmt_pruner *p, cmt_stores_prune_result *r, cmt_error *err)
{
    /* What ranges leave behind goes with the compaction that follows, or with the tables of a clone. */
    const cmt_erase_options options = {.range_heights = 1, .progress = &p->progress};
    cmt_status st = cmt_stores_prune(p->block_store, p->state_store, &p->request, &options, r, err);
    CMT_TRY(explain_stop(p, r, st, err));
    if (p->options.action == CMT_ACTION_PRUNE)
        return CMT_OK;
    return cmt_pruner__compact_ranges(p, &r->blocks.touched, &r->states.touched, err);
}

/* What an earlier run, stopped while it compacted, has left. */
static cmt_status compact_rest(const cmt_pruner *p, cmt_error *err)
{
    CMT_AUTO(cmt_range_list_free) cmt_range_list blocks = {NULL, 0, 0};
    const cmt_range hashes = cmt_block_hash_range(p->block_prune.layout);
    if (cmt_range_list_add_all(&blocks, &p->block_prune.ranges) != CMT_OK ||
        cmt_range_list_add(&blocks, hashes.lo, hashes.hi) != CMT_OK)
        return cmt_error_set(err, CMT_NO_MEMORY, "no memory for a list of key ranges");
    return cmt_pruner__compact_ranges(p, p->blocks.has_work ? &blocks : NULL,
                                      p->states.has_work ? &p->state_prune.ranges : NULL, err);
}

cmt_status cmt_pruner__carry_out(cmt_pruner *p, cmt_error *err)
{
    if (p->plan.only_compacts)
        return compact_rest(p, err);
    if (p->options.action == CMT_ACTION_COMPACT)
        return cmt_pruner__compact_all(p, err);
    cmt_stores_prune_result result = {.blocks_done = false};
    cmt_status st = prune_and_compact(p, &result, err);
    cmt_stores_prune_result_free(&result);
    return st;
}

cmt_status cmt_pruner__run_engine(cmt_pruner *p, cmt_error *err)
{
    int64_t since = cmt_clock_ns();
    if (p->plan.nothing_to_do)
        return CMT_OK;
    CMT_TRY(cmt_pruner__check_space(p, err));
    CMT_TRY(open_to_write(p, err));
    cmt_pruner__log_step(p, "opened both databases to write", &since);
    CMT_TRY(cmt_pruner__carry_out(p, err));
    cmt_pruner__log_step(p, "pruned with the engine", &since);
    CMT_TRY(cmt_db_flush(p->blocks.db, err));
    CMT_TRY(cmt_db_flush(p->states.db, err));
    cmt_pruner__close_views(p);
    cmt_pruner__log_step(p, "closed both databases", &since);
    return CMT_OK;
}
