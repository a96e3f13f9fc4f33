/* SPDX-License-Identifier: Apache-2.0
 *
 * The plan: both rules, the two edits' inputs, and what they come to.
 */
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "pruner_internal.h"

/* Up to this many stored bytes the keys that go are counted by reading them. */
#define COUNT_BYTES ((uint64_t)16 << 20)
/* Fetching ahead looks at every table for every key. */
#define FETCH_LOOKUPS_MAX 4000000
/* A prune that shall also give space back rewrites a table from this dead share on … */
#define COMPACT_SHARE 0.05
/* … and the rest of the tables it touches while that costs no more than it frees. */
#define COMPACT_SPARE_PERCENT 100
/* … and packs RocksDB's unpacked tables until what is left takes up at most so much too much. */
#define COMPACT_UNPACKED_PERCENT 12
/* Rough speeds, for the estimate of a plan only. */
#define WRITE_BYTES_PER_MS 200000
#define FIXED_MS 30

/* ---- callbacks of the edits ----------------------------------------------------------------- */

static cmt_status check_block_key(void *context, cmt_slice key, cmt_error *err)
{
    const cmt_pruner *p = context;
    return cmt_block_prune_check(&p->block_prune, key, err);
}

static cmt_status judge_hash(void *context, cmt_slice key, cmt_slice value, bool *dead,
                             cmt_error *err)
{
    const cmt_pruner *p = context;
    return cmt_block_prune_is_dead(&p->block_prune, key, value, dead, err);
}

static cmt_status check_state_key(void *context, cmt_slice key, cmt_error *err)
{
    const cmt_pruner *p = context;
    return cmt_state_prune_check(&p->state_prune, key, err);
}

/* ---- inputs of the edits -------------------------------------------------------------------- */

static void set_effort(const cmt_pruner *p, cmt_lsm_edit_spec *spec)
{
    if (p->options.action != CMT_ACTION_PRUNE_AND_COMPACT)
        return;
    spec->rewrite_share = COMPACT_SHARE;
    spec->spare_percent = COMPACT_SPARE_PERCENT;
    spec->unpacked_percent = COMPACT_UNPACKED_PERCENT;
    spec->reclaim = true;
}

cmt_lsm_edit_spec cmt_pruner__block_spec(cmt_pruner *p)
{
    cmt_block_prune *rule = &p->block_prune;
    cmt_lsm_edit_spec spec = {
        .dead = rule->ranges.ranges,
        .dead_count = rule->ranges.count,
        .check = check_block_key,
        .context = p,
    };
    bool by_value = rule->hash_by_value || p->method == CMT_METHOD_ENGINE;
    if (by_value && rule->dead_hash.count > 0) {
        p->hash_range = cmt_block_hash_range(rule->layout);
        spec.judged = &p->hash_range;
        spec.judged_count = 1;
        spec.judged_share = rule->hash_share;
        spec.judge = judge_hash;
    }
    spec.points = p->hash_points;
    spec.point_count = rule->hash_count;
    if (rule->new_state.size > 0) {
        p->block_put = (cmt_lsm_put){CMT_SLICE("blockStore"), cmt_buf_slice(&rule->new_state)};
        spec.puts = &p->block_put;
        spec.put_count = 1;
    }
    set_effort(p, &spec);
    return spec;
}

cmt_lsm_edit_spec cmt_pruner__state_spec(cmt_pruner *p)
{
    cmt_state_prune *rule = &p->state_prune;
    cmt_lsm_edit_spec spec = {
        .dead = rule->ranges.ranges,
        .dead_count = rule->ranges.count,
        .check = check_state_key,
        .context = p,
        .puts = p->state_puts,
        .put_count = rule->put_count,
    };
    set_effort(p, &spec);
    return spec;
}

/* ---- the rules ------------------------------------------------------------------------------ */

static cmt_status make_rules(cmt_pruner *p, cmt_error *err)
{
    cmt_block_prune_request of_blocks;
    cmt_state_prune_request of_states;
    p->request = (cmt_stores_prune_request){
        .retain_height = p->retain_height,
        .initial_height = p->state.initial_height,
        .window = {.last_block_height = p->state.last_block_height,
                   .last_block_time = p->state.last_block_time,
                   .max_age_num_blocks = p->state.params.evidence_max_age_num_blocks,
                   .max_age_duration_ns = p->state.params.evidence_max_age_duration_ns},
        .sweep = p->options.sweep,
        .reclaim = p->options.action == CMT_ACTION_PRUNE_AND_COMPACT,
    };
    CMT_TRY(cmt_pruner__requests(p->block_store, p->state_store, &p->request, &of_blocks,
                                 &of_states, err));
    of_blocks.from_headers = p->method == CMT_METHOD_ENGINE;
    CMT_TRY(cmt_block_prune_make(p->block_store, &of_blocks, &p->block_prune, err));
    of_states.evidence_height = p->block_prune.evidence_height;
    cmt_status st = cmt_state_prune_make(p->state_store, &of_states, &p->state_prune, err);
    if (st != CMT_OK) {
        cmt_block_prune_free(&p->block_prune);
        return st;
    }
    p->have_rules = true;
    p->plan.finishes_earlier = of_blocks.unfinished;
    return CMT_OK;
}

/* The lists that the rules keep in their own form. */
static cmt_status make_lists(cmt_pruner *p, cmt_error *err)
{
    const cmt_block_prune *rule = &p->block_prune;
    p->hash_points = malloc((rule->hash_count + 1) * sizeof *p->hash_points);
    p->state_puts = malloc((p->state_prune.put_count + 1) * sizeof *p->state_puts);
    if (p->hash_points == NULL || p->state_puts == NULL)
        return cmt_error_set(err, CMT_NO_MEMORY, "no memory for a plan");
    for (size_t i = 0; i < rule->hash_count; i++)
        p->hash_points[i] = cmt_block_prune_hash(rule, i);
    for (size_t i = 0; i < p->state_prune.put_count; i++)
        p->state_puts[i] = (cmt_lsm_put){cmt_key_slice(&p->state_prune.puts[i].key),
                                         cmt_buf_slice(&p->state_prune.puts[i].value)};
    return CMT_OK;
}

static cmt_status plan_prune(cmt_pruner *p, cmt_error *err)
{
    cmt_prune_plan *plan = &p->plan;
    CMT_TRY(cmt_pruner__decide(p, &p->retain_height, plan->decided_by, err));
    if (p->method == CMT_METHOD_EDIT)
        (void)cmt_pruner__turn_to_engine(p);
    int64_t since = cmt_clock_ns();
    CMT_TRY(make_rules(p, err));
    cmt_pruner__log_step(p, "worked out the rules", &since);
    CMT_TRY(make_lists(p, err));
    plan->retain_height = p->retain_height;
    plan->evidence_height = p->block_prune.evidence_height;
    plan->sweeps = p->block_prune.leftovers || p->state_prune.leftovers;
    plan->search_complete = p->block_prune.search_complete && p->state_prune.search_complete;
    CMT_TRY(cmt_pruner__survey_end(p, err));
    cmt_pruner__log_step(p, "waited for the size", &since);
    if (p->method == CMT_METHOD_ENGINE)
        return CMT_OK;
    cmt_lsm_edit_spec block_spec = cmt_pruner__block_spec(p);
    cmt_lsm_edit_spec state_spec = cmt_pruner__state_spec(p);
    CMT_TRY(cmt_lsm_edit_plan(p->blocks.edit, &block_spec, err));
    CMT_TRY(cmt_lsm_edit_plan(p->states.edit, &state_spec, err));
    cmt_pruner__log_step(p, "planned the tables", &since);
    return CMT_OK;
}

static cmt_status plan_compact(cmt_pruner *p, cmt_error *err)
{
    p->retain_height = cmt_block_store_base(p->block_store);
    p->plan.retain_height = p->retain_height;
    p->plan.search_complete = true;
    CMT_TRY(cmt_pruner__survey_end(p, err));
    if (p->method == CMT_METHOD_ENGINE)
        return CMT_OK;
    cmt_status st = cmt_lsm_edit_plan_compact(p->blocks.edit, err);
    if (st == CMT_OK)
        st = cmt_lsm_edit_plan_compact(p->states.edit, err);
    return st == CMT_UNSUPPORTED && cmt_pruner__turn_to_engine(p) ? CMT_OK : st;
}

static cmt_status sum_up(cmt_pruner *p, cmt_error *err)
{
    cmt_prune_plan *plan = &p->plan;
    const cmt_lsm_edit_counts *counts[] = {&plan->blockstore, &plan->state};
    plan->base = cmt_block_store_base(p->block_store);
    plan->height = cmt_block_store_height(p->block_store);
    plan->last_block_height = p->state.last_block_height;
    plan->method = p->method;
    if (p->method == CMT_METHOD_ENGINE)
        return cmt_pruner__plan_engine(p, err);
    plan->blockstore = cmt_lsm_edit_get_counts(p->blocks.edit);
    plan->state = cmt_lsm_edit_get_counts(p->states.edit);
    p->blocks.has_work = !plan->blockstore.nothing_to_do;
    p->states.has_work = !plan->state.nothing_to_do;
    plan->nothing_to_do = !p->blocks.has_work && !p->states.has_work;
    for (size_t i = 0; i < 2 && !plan->nothing_to_do; i++) {
        if (counts[i]->nothing_to_do)
            continue;
        plan->peak_extra_bytes += counts[i]->bytes_write_bound;
        plan->freed_bytes += counts[i]->bytes_dropped + counts[i]->bytes_dead;
        plan->estimated_ms +=
            FIXED_MS + (int64_t)(counts[i]->bytes_write_bound / WRITE_BYTES_PER_MS);
    }
    return CMT_OK;
}

static cmt_status plan_action(cmt_pruner *p, cmt_error *err)
{
    p->plan = (cmt_prune_plan){0};
    CMT_TRY(p->options.action == CMT_ACTION_COMPACT ? plan_compact(p, err) : plan_prune(p, err));
    return sum_up(p, err);
}

cmt_status cmt_pruner__make_plan(cmt_pruner *p, cmt_error *err)
{
    cmt_error why = CMT_ERROR_INIT;
    cmt_status st = plan_action(p, &why);
    if (cmt_pruner__may_use_engine(p, st)) {
        CMT_TRY(cmt_pruner__use_engine(p, why.message, err));
        return plan_action(p, err);
    }
    return st == CMT_OK ? CMT_OK : cmt_error_set(err, st, "%s", why.message);
}

cmt_status cmt_pruner_plan(cmt_pruner *p, cmt_prune_plan *plan, cmt_error *err)
{
    if (p->planned)
        return cmt_error_set(err, CMT_INVALID, "a pruner plans once");
    CMT_TRY(cmt_pruner__explain(p, cmt_pruner__make_plan(p, err), err));
    if (p->have_rules && (p->options.dry_run || p->options.families))
        CMT_TRY(cmt_pruner__plan_families(p, err));
    p->planned = true;
    *plan = p->plan;
    return CMT_OK;
}

/* ---- counting ------------------------------------------------------------------------------- */

static cmt_status count_range(cmt_db *db, const cmt_range *range, const cmt_block_prune *judge,
                              int64_t *keys, cmt_error *err)
{
    cmt_db_iter *iter;
    CMT_TRY(cmt_db_iter_new(db, range, &iter, err));
    cmt_status st = cmt_db_iter_first(iter, err);
    while (st == CMT_OK) {
        bool dead = true;
        if (judge != NULL)
            st = cmt_block_prune_is_dead(judge, cmt_db_iter_key(iter), cmt_db_iter_value(iter),
                                         &dead, err);
        *keys += dead;
        if (st == CMT_OK)
            st = cmt_db_iter_next(iter, err);
    }
    cmt_db_iter_free(iter);
    return st == CMT_NOT_FOUND ? CMT_OK : st;
}

/* Hashes stand anywhere: thousands of blocks, far from each other, are asked of the disk at once. */
static void fetch_points(cmt_pruner *p)
{
    uint8_t end[CMT_BLOCK_HASH_KEY_SIZE + 1] = {0};
    if (p->blocks.edit == NULL ||
        cmt_lsm_edit_get_counts(p->blocks.edit).tables_before * p->block_prune.hash_count >
            FETCH_LOOKUPS_MAX)
        return;
    for (size_t i = 0; i < p->block_prune.hash_count; i++) {
        cmt_slice key = p->hash_points[i];
        if (key.size >= sizeof end)
            continue;
        memcpy(end, key.data, key.size);
        end[key.size] = 0;
        cmt_db_will_need(p->blocks.db, (cmt_range){key, {end, key.size + 1}});
    }
}

static cmt_status count_points(cmt_pruner *p, int64_t *keys, cmt_error *err)
{
    cmt_buf value = CMT_BUF_INIT;
    cmt_status st = CMT_OK;
    fetch_points(p);
    for (size_t i = 0; i < p->block_prune.hash_count && st == CMT_OK; i++) {
        st = cmt_db_get(p->blocks.db, p->hash_points[i], &value, err);
        *keys += st == CMT_OK;
        if (st == CMT_NOT_FOUND)
            st = CMT_OK;
    }
    cmt_buf_free(&value);
    return st;
}

static cmt_status count_side(cmt_pruner__side *side, const cmt_lsm_edit_spec *spec,
                             const cmt_block_prune *judge, int64_t *keys, cmt_error *err)
{
    for (size_t i = 0; i < spec->dead_count; i++)
        CMT_TRY(count_range(side->db, &spec->dead[i], NULL, keys, err));
    for (size_t i = 0; i < spec->judged_count; i++)
        CMT_TRY(count_range(side->db, &spec->judged[i], judge, keys, err));
    return CMT_OK;
}

cmt_status cmt_pruner__count_keys(cmt_pruner *p, int64_t *keys, cmt_error *err)
{
    int64_t count = 0;
    bool deletes = p->have_rules && !p->plan.only_compacts;
    *keys = deletes ? -1 : 0;
    if (!deletes || p->plan.freed_bytes > COUNT_BYTES)
        return CMT_OK;
    cmt_lsm_edit_spec block_spec = cmt_pruner__block_spec(p);
    cmt_lsm_edit_spec state_spec = cmt_pruner__state_spec(p);
    CMT_TRY(count_side(&p->blocks, &block_spec, &p->block_prune, &count, err));
    CMT_TRY(count_points(p, &count, err));
    CMT_TRY(count_side(&p->states, &state_spec, NULL, &count, err));
    *keys = count;
    return CMT_OK;
}
