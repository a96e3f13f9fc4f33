/* SPDX-License-Identifier: Apache-2.0
 *
 * What a plan says of each key family: how many heights go, and about how many stored bytes.
 */
#include "pruner_internal.h"

/* Looking every range up in every table is too much for a list of thousands of ranges. */
#define LOOKUPS_MAX 2000000

static int64_t heights_of(const cmt_height_set *set)
{
    int64_t n = 0;
    for (size_t i = 0; i < set->count; i++)
        n += set->runs[i].hi - set->runs[i].lo;
    return n;
}

typedef struct family {
    const cmt_pruner__side *side;
    const char *name;
    cmt_range range; /* all its keys */
    const cmt_height_set *dead;
    const cmt_range_list *ranges; /* of this and other families; NULL: none are known */
    uint64_t tables;
} family;

static cmt_status dead_bytes(const family *f, uint64_t *bytes, cmt_error *err)
{
    for (size_t i = 0; i < f->ranges->count; i++) {
        uint64_t n;
        const cmt_range *range = &f->ranges->ranges[i];
        if (cmt_slice_compare(range->lo, f->range.lo) < 0 ||
            cmt_slice_compare(range->lo, f->range.hi) >= 0)
            continue;
        CMT_TRY(cmt_db_approximate_bytes(f->side->db, *range, &n, err));
        *bytes += n;
    }
    return CMT_OK;
}

static cmt_status add_family(cmt_pruner *p, const family *from, cmt_error *err)
{
    cmt_family_plan *f = &p->plan.families[p->plan.family_count];
    *f = (cmt_family_plan){
        .database = from->side->name, .family = from->name, .dead_heights = heights_of(from->dead)};
    CMT_TRY(cmt_db_approximate_bytes(from->side->db, from->range, &f->total_bytes, err));
    int64_t span = p->plan.height - p->plan.base + 1;
    if (from->ranges != NULL && from->ranges->count * (from->tables + 1) <= LOOKUPS_MAX)
        CMT_TRY(dead_bytes(from, &f->dead_bytes, err));
    else if (span > 0 && f->dead_heights > 0)
        f->dead_bytes =
            f->dead_heights >= span
                ? f->total_bytes
                : (uint64_t)((double)f->total_bytes * (double)f->dead_heights / (double)span);
    if (f->dead_bytes > f->total_bytes)
        f->dead_bytes = f->total_bytes;
    if (f->total_bytes > 0)
        p->plan.family_count++;
    return CMT_OK;
}

static cmt_status add_heights(cmt_pruner *p, const cmt_key_family *v1, const cmt_height_set *dead,
                              cmt_error *err)
{
    bool of_states =
        v1 == &cmt_family_validators || v1 == &cmt_family_params || v1 == &cmt_family_results;
    cmt_key_bounds bounds;
    const cmt_key_family *in_layout =
        cmt_key_family_in(v1, of_states ? p->state_prune.layout : p->block_prune.layout);
    const family f = {
        .side = of_states ? &p->states : &p->blocks,
        .name = v1->prefix,
        .range = cmt_key_family_range(in_layout, &bounds),
        .dead = dead,
        .ranges = of_states ? &p->state_prune.ranges : &p->block_prune.ranges,
        .tables = of_states ? p->plan.state.tables_before : p->plan.blockstore.tables_before,
    };
    return add_family(p, &f, err);
}

cmt_status cmt_pruner__plan_families(cmt_pruner *p, cmt_error *err)
{
    const cmt_block_prune *b = &p->block_prune;
    const cmt_state_prune *s = &p->state_prune;
    CMT_TRY(add_heights(p, &cmt_family_meta, &b->dead_meta, err));
    CMT_TRY(add_heights(p, &cmt_family_part, &b->dead_part, err));
    CMT_TRY(add_heights(p, &cmt_family_commit, &b->dead_commit, err));
    CMT_TRY(add_heights(p, &cmt_family_seen_commit, &b->dead_seen_commit, err));
    CMT_TRY(add_heights(p, &cmt_family_ext_commit, &b->dead_ext_commit, err));
    /* The index loses a block's key together with its parts. */
    const family hashes = {.side = &p->blocks,
                           .name = "BH:",
                           .range = cmt_block_hash_range(b->layout),
                           .dead = &b->dead_part};
    CMT_TRY(add_family(p, &hashes, err));
    CMT_TRY(add_heights(p, &cmt_family_validators, &s->dead_validators, err));
    CMT_TRY(add_heights(p, &cmt_family_params, &s->dead_params, err));
    return add_heights(p, &cmt_family_results, &s->dead_results, err);
}
