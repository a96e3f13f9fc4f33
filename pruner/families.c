/* SPDX-License-Identifier: Apache-2.0
 *
 * What a plan says of each key family: how many heights go, and about how many stored bytes.
 */
#include <string.h>

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

/* All keys of a family: from its prefix to the prefix with its last byte, ':', raised to ';'. */
static cmt_status family_bytes(cmt_db *db, const char *prefix, uint64_t *bytes, cmt_error *err)
{
    uint8_t hi[CMT_KEY_MAX];
    size_t size = strlen(prefix);
    memcpy(hi, prefix, size);
    hi[size - 1]++;
    return cmt_db_approximate_bytes(db, (cmt_range){{(const uint8_t *)prefix, size}, {hi, size}},
                                    bytes, err);
}

static cmt_status dead_bytes(const cmt_pruner__side *side, const cmt_range_list *ranges,
                             const char *prefix, uint64_t *bytes, cmt_error *err)
{
    cmt_slice p = {(const uint8_t *)prefix, strlen(prefix)};
    for (size_t i = 0; i < ranges->count; i++) {
        uint64_t n;
        if (!cmt_slice_has_prefix(ranges->ranges[i].lo, p))
            continue;
        CMT_TRY(cmt_db_approximate_bytes(side->db, ranges->ranges[i], &n, err));
        *bytes += n;
    }
    return CMT_OK;
}

static cmt_status add_family(cmt_pruner *p, const cmt_pruner__side *side, const char *prefix,
                             const cmt_height_set *dead, const cmt_range_list *ranges,
                             uint64_t tables, cmt_error *err)
{
    cmt_family_plan *f = &p->plan.families[p->plan.family_count];
    *f = (cmt_family_plan){
        .database = side->name, .family = prefix, .dead_heights = heights_of(dead)};
    CMT_TRY(family_bytes(side->db, prefix, &f->total_bytes, err));
    int64_t span = p->plan.height - p->plan.base + 1;
    if (ranges != NULL && ranges->count * (tables + 1) <= LOOKUPS_MAX)
        CMT_TRY(dead_bytes(side, ranges, prefix, &f->dead_bytes, err));
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

cmt_status cmt_pruner__plan_families(cmt_pruner *p, cmt_error *err)
{
    const cmt_block_prune *b = &p->block_prune;
    const cmt_state_prune *s = &p->state_prune;
    uint64_t block_tables = p->plan.blockstore.tables_before;
    uint64_t state_tables = p->plan.state.tables_before;
    const struct {
        const cmt_pruner__side *side;
        const char *prefix;
        const cmt_height_set *dead;
        const cmt_range_list *ranges;
        uint64_t tables;
    } all[CMT_FAMILY_PLANS] = {
        {&p->blocks, cmt_family_meta.prefix, &b->dead_meta, &b->ranges, block_tables},
        {&p->blocks, cmt_family_part.prefix, &b->dead_part, &b->ranges, block_tables},
        {&p->blocks, cmt_family_commit.prefix, &b->dead_commit, &b->ranges, block_tables},
        {&p->blocks, cmt_family_seen_commit.prefix, &b->dead_seen_commit, &b->ranges, block_tables},
        {&p->blocks, cmt_family_ext_commit.prefix, &b->dead_ext_commit, &b->ranges, block_tables},
        /* The index loses a block's key together with its parts. */
        {&p->blocks, "BH:", &b->dead_part, NULL, block_tables},
        {&p->states, cmt_family_validators.prefix, &s->dead_validators, &s->ranges, state_tables},
        {&p->states, cmt_family_params.prefix, &s->dead_params, &s->ranges, state_tables},
        {&p->states, cmt_family_results.prefix, &s->dead_results, &s->ranges, state_tables},
    };
    for (size_t i = 0; i < CMT_FAMILY_PLANS; i++)
        CMT_TRY(add_family(p, all[i].side, all[i].prefix, all[i].dead, all[i].ranges, all[i].tables,
                           err));
    return CMT_OK;
}
