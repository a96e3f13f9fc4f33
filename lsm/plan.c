/* SPDX-License-Identifier: Apache-2.0
 *
 * Deciding what becomes of each table in a prune.
 *
 *  - all keys inside one dead range: dropped, unread (I1)
 *  - touching nothing dead: kept, unread
 *  - else its index is read; blocks inside a dead range count as dead unread, blocks on a boundary are
 *    decoded, blocks in a judged range count by the estimate.  Enough of it dead: rewritten.  Little:
 *    marked, that is its dead keys get tombstones (I2: no surviving table is overlooked).
 *
 * Level 0 is rewritten all or nothing (I6): rewriting some of its tables would give older data a
 * higher file number, and C++ LevelDB believes the highest number.
 *
 * A table of pebble's with range deletions is never rewritten: it is dropped, marked or kept.
 */
#include <assert.h>
#include <stdlib.h>

#include "edit_internal.h"

#define DEFAULT_REWRITE_SHARE 0.25
/* What may be rewritten beside the share rule even when little is freed. */
#define SPARE_BYTES ((uint64_t)8 << 20)

/* ---- ranges --------------------------------------------------------------------------------- */

/* The last range that begins at or before `key`, or NULL. */
static const cmt_range *range_before(const cmt_range *ranges, size_t count, cmt_slice key)
{
    size_t low = 0;
    size_t high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (cmt_slice_compare(ranges[middle].lo, key) <= 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low == 0 ? NULL : &ranges[low - 1];
}

static bool range_reaches(const cmt_range *range, cmt_slice key)
{
    return range->hi.size == 0 || cmt_slice_compare(key, range->hi) < 0;
}

static bool contains(const cmt_range *ranges, size_t count, cmt_slice key)
{
    const cmt_range *range = range_before(ranges, count, key);
    return range != NULL && range_reaches(range, key);
}

static bool touches(const cmt_range *ranges, size_t count, cmt_slice lo, cmt_slice hi)
{
    const cmt_range *range = range_before(ranges, count, hi);
    return range != NULL && range_reaches(range, lo);
}

bool cmt_lsm__inside_dead(const cmt_lsm_edit *edit, cmt_slice lo, cmt_slice hi)
{
    const cmt_range *range = range_before(edit->spec.dead, edit->spec.dead_count, lo);
    return range != NULL && range_reaches(range, hi);
}

bool cmt_lsm__touches_dead(const cmt_lsm_edit *edit, cmt_slice lo, cmt_slice hi)
{
    return touches(edit->spec.dead, edit->spec.dead_count, lo, hi);
}

bool cmt_lsm__touches_judged(const cmt_lsm_edit *edit, cmt_slice lo, cmt_slice hi)
{
    return touches(edit->spec.judged, edit->spec.judged_count, lo, hi);
}

/* ---- one key -------------------------------------------------------------------------------- */

static cmt_status open_judge(cmt_lsm_edit *edit, cmt_lsm__judge *j, cmt_error *err)
{
    const cmt_lsm_edit_spec *spec = &edit->spec;
    cmt_range all = {spec->judged[0].lo, spec->judged[spec->judged_count - 1].hi};
    cmt_lsm__merge_init(&j->merge);
    j->open = true;
    return cmt_lsm__view_sources(j->view, &all, &j->merge, err);
}

void cmt_lsm__judge_fini(cmt_lsm__judge *judge)
{
    if (judge->open)
        cmt_lsm__merge_fini(&judge->merge);
    cmt_buf_free(&judge->key);
}

/* Bring the merge to the newest entry of `user`, or to a later key.  It stands on the newest entry of
 * the key judged last or on the first entry of a later one: good for going forward step by step. */
static cmt_status judge_to(cmt_lsm__judge *j, cmt_slice user, cmt_error *err)
{
    cmt_lsm__merge *m = &j->merge;
    bool ahead = j->have_key && cmt_slice_compare(cmt_buf_slice(&j->key), user) < 0;
    for (int steps = 0; ahead && steps < 32; steps++) {
        if (m->current == NULL || cmt_slice_compare(cmt_lsm__user_key(m->current->key), user) >= 0)
            return CMT_OK;
        CMT_TRY(cmt_lsm__merge_next(m, err));
    }
    return cmt_lsm__merge_seek_user(m, user, err);
}

static cmt_status judge_key(cmt_lsm_edit *edit, cmt_lsm__judge *j, cmt_slice user, bool *dead,
                            cmt_error *err)
{
    assert(j != NULL); /* only who never meets a judged key goes without */
    if (!j->have_key || !cmt_slice_equal(cmt_buf_slice(&j->key), user)) {
        if (!j->open)
            CMT_TRY(open_judge(edit, j, err));
        CMT_TRY(judge_to(j, user, err));
        const cmt_lsm__source *s = j->merge.current;
        j->dead = edit->spec.reclaim; /* what is deleted already may go for good */
        if (s != NULL && cmt_slice_equal(cmt_lsm__user_key(s->key), user) &&
            cmt_lsm__type(s->key) == CMT_LSM_TYPE_PUT)
            CMT_TRY(edit->spec.judge(edit->spec.context, user, s->value, &j->dead, err));
        if (cmt_buf_set(&j->key, user) != CMT_OK)
            return cmt_lsm__no_memory(err);
        j->have_key = true;
    }
    *dead = j->dead;
    return CMT_OK;
}

cmt_status cmt_lsm__is_dead_newest(cmt_lsm_edit *edit, const cmt_lsm__source *source, bool *dead,
                                   cmt_error *err)
{
    const cmt_lsm_edit_spec *spec = &edit->spec;
    cmt_slice user = cmt_lsm__user_key(source->key);
    if (!contains(spec->judged, spec->judged_count, user))
        return cmt_lsm__is_dead(edit, NULL, user, dead, err);
    *dead = spec->reclaim;
    if (cmt_lsm__type(source->key) != CMT_LSM_TYPE_PUT)
        return CMT_OK;
    return spec->judge(spec->context, user, source->value, dead, err);
}

cmt_status cmt_lsm__is_dead(cmt_lsm_edit *edit, cmt_lsm__judge *judge, cmt_slice user, bool *dead,
                            cmt_error *err)
{
    const cmt_lsm_edit_spec *spec = &edit->spec;
    *dead = false;
    if (contains(spec->dead, spec->dead_count, user)) {
        if (spec->check != NULL)
            CMT_TRY(spec->check(spec->context, user, err));
        *dead = true;
        return CMT_OK;
    }
    if (contains(spec->judged, spec->judged_count, user))
        return judge_key(edit, judge, user, dead, err);
    return CMT_OK;
}

/* ---- one table ------------------------------------------------------------------------------ */

/* Bytes of dead entries in a boundary block, as a share of its stored size. */
static cmt_status measure_block(cmt_lsm_edit *edit, cmt_lsm__table *table, cmt_lsm__handle handle,
                                uint64_t *dead_bytes, cmt_error *err)
{
    cmt_lsm__block *block;
    cmt_lsm__cursor cursor = {0};
    uint64_t all = 0;
    uint64_t gone = 0;
    CMT_TRY(cmt_lsm__cache_block(&edit->view->cache, table, handle, &block, err));
    cmt_lsm__cursor_set(&cursor, block);
    cmt_lsm__block_release(block);
    cmt_status st = cmt_lsm__cursor_first(&cursor, err);
    while (st == CMT_OK && cursor.valid) {
        cmt_slice user = cmt_lsm__user_key(cmt_buf_slice(&cursor.key));
        bool dead = false;
        uint64_t size = cursor.key.size + cursor.value.size;
        /* Judging costs look-ups; for the decision the estimate will do.  Never 0: the table must be
         * examined (I2). */
        if (!contains(edit->spec.judged, edit->spec.judged_count, user))
            st = cmt_lsm__is_dead(edit, NULL, user, &dead, err);
        else
            gone += 1 + (uint64_t)((double)size * edit->spec.judged_share);
        all += size;
        gone += dead ? size : 0;
        if (st == CMT_OK)
            st = cmt_lsm__cursor_next(&cursor, err);
    }
    cmt_lsm__cursor_free(&cursor);
    if (all > 0 && gone > 0)
        *dead_bytes += 1 + (uint64_t)((double)handle.size * ((double)gone / (double)all));
    return st;
}

static cmt_status measure_blocks(cmt_lsm_edit *edit, cmt_lsm__table *table,
                                 cmt_lsm__table_plan *plan, cmt_error *err)
{
    cmt_lsm__cursor index = {0};
    cmt_buf lo = CMT_BUF_INIT;
    cmt_slice largest = cmt_lsm__user_key(table->meta->largest);
    cmt_status st = cmt_buf_set(&lo, cmt_lsm__user_key(table->meta->smallest));
    cmt_lsm__cursor_set(&index, table->index);
    if (st == CMT_OK)
        st = cmt_lsm__cursor_first(&index, err);
    while (st == CMT_OK && index.valid) {
        /* The block's keys lie in [previous separator, this separator]. */
        cmt_slice hi = cmt_lsm__user_key(cmt_buf_slice(&index.key));
        if (cmt_slice_compare(hi, largest) > 0)
            hi = largest;
        cmt_slice low = cmt_buf_slice(&lo);
        cmt_lsm__handle handle = {0};
        st = cmt_lsm__handle_decode(table, index.value, &handle, err);
        if (st != CMT_OK)
            break;
        plan->block_bytes += handle.size;
        if (cmt_lsm__inside_dead(edit, low, hi)) {
            plan->dead_bytes += handle.size;
            plan->skip_bytes += handle.size; /* unread */
        } else {
            plan->need_from = plan->need_to == 0 ? handle.offset : plan->need_from;
            plan->need_to = handle.offset + handle.size + CMT_LSM_BLOCK_TRAILER;
            if (cmt_lsm__touches_dead(edit, low, hi))
                st = measure_block(edit, table, handle, &plan->dead_bytes, err);
            else if (cmt_lsm__touches_judged(edit, low, hi))
                plan->dead_bytes += 1 + (uint64_t)((double)handle.size * edit->spec.judged_share);
        }
        if (st == CMT_OK && cmt_buf_set(&lo, hi) != CMT_OK)
            st = cmt_lsm__no_memory(err);
        if (st == CMT_OK)
            st = cmt_lsm__cursor_next(&index, err);
    }
    cmt_lsm__cursor_free(&index);
    cmt_buf_free(&lo);
    return st;
}

static cmt_status measure(cmt_lsm_edit *edit, size_t i, cmt_error *err)
{
    const cmt_lsm__table_meta *meta = &edit->view->version.tables[i];
    cmt_lsm__table_plan *plan = &edit->plans[i];
    cmt_slice lo = cmt_lsm__user_key(meta->smallest);
    cmt_slice hi = cmt_lsm__user_key(meta->largest);
    *plan = (cmt_lsm__table_plan){.fate = CMT_LSM_KEEP};
    if (cmt_lsm__inside_dead(edit, lo, hi)) {
        plan->fate = CMT_LSM_DROP;
        plan->dead_bytes = plan->block_bytes = plan->skip_bytes = meta->size;
        return CMT_OK;
    }
    if (!cmt_lsm__touches_dead(edit, lo, hi) && !cmt_lsm__touches_judged(edit, lo, hi))
        return CMT_OK;
    cmt_lsm__table *table;
    CMT_TRY(cmt_lsm__cache_table(&edit->view->cache, meta, &table, err));
    cmt_status st = measure_blocks(edit, table, plan, err);
    plan->fixed = table->range_dels > 0;
    cmt_lsm__table_release(table);
    if (plan->dead_bytes > 0)
        plan->fate = CMT_LSM_MARK;
    return st;
}

/* ---- the decision --------------------------------------------------------------------------- */

static bool enough(const cmt_lsm_edit *edit, uint64_t dead, uint64_t all)
{
    double share = edit->spec.rewrite_share > 0 ? edit->spec.rewrite_share : DEFAULT_REWRITE_SHARE;
    return dead > 0 && (double)dead >= share * (double)all;
}

static uint64_t survivors(const cmt_lsm_edit *edit, size_t i)
{
    return edit->view->version.tables[i].size - edit->plans[i].skip_bytes;
}

/* How many of the level-0 tables that stay lie on top of each other at most.  pebble cuts what it flushes
 * into several tables side by side; LevelDB and RocksDB count tables. */
static size_t level0_depth(const cmt_lsm_edit *edit)
{
    const cmt_lsm__version *v = &edit->view->version;
    size_t deepest = 0;
    for (size_t i = 0; i < v->level_start[1]; i++) {
        size_t here = 0;
        cmt_slice key = cmt_lsm__user_key(v->tables[i].smallest);
        for (size_t k = 0; k < v->level_start[1]; k++)
            here += edit->plans[k].fate != CMT_LSM_DROP &&
                    (!v->rocksdb_format || v->rocksdb ||
                     (cmt_slice_compare(cmt_lsm__user_key(v->tables[k].smallest), key) <= 0 &&
                      cmt_slice_compare(cmt_lsm__user_key(v->tables[k].largest), key) >= 0));
        deepest = here > deepest ? here : deepest;
    }
    return deepest;
}

/* Does a level-0 table that stays hold range deletions? */
static cmt_status level0_is_fixed(cmt_lsm_edit *edit, bool *fixed, cmt_error *err)
{
    const cmt_lsm__version *v = &edit->view->version;
    *fixed = false;
    for (size_t i = 0; i < v->level_start[1] && v->rocksdb_format && !*fixed; i++) {
        cmt_lsm__table *table;
        if (edit->plans[i].fate == CMT_LSM_DROP)
            continue;
        CMT_TRY(cmt_lsm__cache_table(&edit->view->cache, &v->tables[i], &table, err));
        *fixed = table->range_dels > 0;
        cmt_lsm__table_release(table);
    }
    return CMT_OK;
}

/* Level 0 as one: its dead share, and whether one more table would make four. */
static cmt_status decide_level0(cmt_lsm_edit *edit, uint64_t *spare, bool pack, cmt_error *err)
{
    const size_t end = edit->view->version.level_start[1];
    uint64_t dead = 0;
    uint64_t all = 0;
    uint64_t cost = 0;
    bool fixed;
    for (size_t i = 0; i < end; i++) {
        if (edit->plans[i].fate == CMT_LSM_DROP)
            continue;
        dead += edit->plans[i].dead_bytes;
        all += edit->view->version.tables[i].size;
        cost += survivors(edit, i);
    }
    CMT_TRY(level0_is_fixed(edit, &fixed, err));
    if (fixed)
        return CMT_OK;
    bool merge = pack || level0_depth(edit) + 1 >= CMT_LSM_L0_TRIGGER || enough(edit, dead, all);
    if (!merge && dead > 0 && cost <= *spare) {
        merge = true;
        *spare -= cost;
    }
    for (size_t i = 0; i < end && merge; i++)
        if (edit->plans[i].fate != CMT_LSM_DROP)
            edit->plans[i].fate = CMT_LSM_MERGE;
    return CMT_OK;
}

static cmt_status decide(cmt_lsm_edit *edit, cmt_error *err)
{
    const cmt_lsm__version *v = &edit->view->version;
    uint64_t freed = 0;
    for (size_t i = 0; i < v->count; i++) {
        cmt_lsm__table_plan *p = &edit->plans[i];
        if (p->fate == CMT_LSM_MARK && v->tables[i].level > 0 && !p->fixed &&
            enough(edit, p->dead_bytes, p->block_bytes))
            p->fate = CMT_LSM_REWRITE;
        freed += p->dead_bytes;
    }
    uint64_t spare = 0;
    if (edit->spec.spare_percent > 0)
        spare = SPARE_BYTES + freed / 100 * edit->spec.spare_percent;
    for (size_t i = v->level_start[1]; i < v->count; i++) {
        const cmt_lsm__table_plan *p = &edit->plans[i];
        if (p->fate != CMT_LSM_MARK || p->fixed || survivors(edit, i) > spare)
            continue;
        spare -= survivors(edit, i);
        edit->plans[i].fate = CMT_LSM_REWRITE;
    }
    bool pack_level0 = false;
    CMT_TRY(cmt_lsm__plan_packing(edit, &pack_level0, err));
    return decide_level0(edit, &spare, pack_level0, err);
}

void cmt_lsm__plan_totals(cmt_lsm_edit *edit)
{
    const cmt_lsm__version *v = &edit->view->version;
    cmt_lsm_edit_counts *c = &edit->counts;
    uint64_t write = 0;
    uint64_t tombstones = edit->spec.point_count * 96;
    c->tables_dropped = c->tables_rewritten = c->tables_marked = 0;
    c->bytes_dropped = c->bytes_dead = 0;
    for (size_t i = 0; i < v->count; i++) {
        const cmt_lsm__table_plan *p = &edit->plans[i];
        c->bytes_dead += p->fate != CMT_LSM_DROP ? p->dead_bytes : 0;
        switch (p->fate) {
        case CMT_LSM_KEEP:
            break;
        case CMT_LSM_DROP:
            c->tables_dropped++;
            c->bytes_dropped += v->tables[i].size;
            break;
        case CMT_LSM_REWRITE:
        case CMT_LSM_MERGE:
            c->tables_rewritten++;
            write += survivors(edit, i);
            break;
        case CMT_LSM_MARK:
            c->tables_marked++;
            tombstones += 2 * p->dead_bytes;
            break;
        }
    }
    /* In a table an entry has a trailer of eight bytes, which a log does without. */
    write += edit->view->journal.bytes + 9 * (uint64_t)edit->view->journal.count;
    edit->bytes_to_write = write;
    /* What packs by less than an eighth is stored as it is, and goleveldb had packed it all the same;
     * the MANIFEST names every table. */
    c->bytes_write_bound = write + write / 7 + tombstones + v->count * 160 + ((uint64_t)1 << 20);
}

/* ---- is there anything to do? --------------------------------------------------------------- */

static cmt_status visible_dead_key(cmt_lsm_edit *edit, const cmt_range *range, bool judged,
                                   bool *found, cmt_error *err)
{
    cmt_lsm_iter *iter;
    CMT_TRY(cmt_lsm_iter_new(edit->view, range, &iter, err));
    cmt_status st = cmt_lsm_iter_first(iter, err);
    while (st == CMT_OK && !*found) {
        *found = true;
        if (judged)
            st = edit->spec.judge(edit->spec.context, cmt_lsm_iter_key(iter),
                                  cmt_lsm_iter_value(iter), found, err);
        if (st == CMT_OK && !*found)
            st = cmt_lsm_iter_next(iter, err);
    }
    cmt_lsm_iter_free(iter);
    return st == CMT_NOT_FOUND ? CMT_OK : st;
}

static cmt_status anything_to_do(cmt_lsm_edit *edit, bool *found, cmt_error *err)
{
    const cmt_lsm_edit_spec *spec = &edit->spec;
    *found = spec->put_count > 0 || spec->point_count > 0;
    if (spec->reclaim && edit->counts.tables_dropped > 0)
        *found = true;
    for (size_t i = 0; i < edit->view->version.count && spec->reclaim; i++)
        if ((edit->plans[i].fate == CMT_LSM_REWRITE && !edit->plans[i].packs) ||
            (edit->plans[i].fate == CMT_LSM_MERGE && edit->plans[i].dead_bytes > 0))
            *found = true;
    for (size_t i = 0; i < spec->dead_count && !*found; i++)
        CMT_TRY(visible_dead_key(edit, &spec->dead[i], false, found, err));
    for (size_t i = 0; i < spec->judged_count && !*found; i++)
        CMT_TRY(visible_dead_key(edit, &spec->judged[i], true, found, err));
    return CMT_OK;
}

cmt_status cmt_lsm_edit_plan(cmt_lsm_edit *edit, const cmt_lsm_edit_spec *spec, cmt_error *err)
{
    edit->spec = *spec;
    edit->compacting = false;
    if (edit->view->journal.range_deletes > 0) /* a log is always folded (I3) */
        return cmt_lsm__holds_range_dels(edit, err);
    CMT_TRY(cmt_lsm_edit_check_tables(edit, err));
    for (size_t i = 0; i < edit->view->version.count; i++)
        CMT_TRY(measure(edit, i, err));
    CMT_TRY(decide(edit, err));
    cmt_lsm__plan_totals(edit);
    bool found;
    CMT_TRY(anything_to_do(edit, &found, err));
    edit->counts.nothing_to_do = !found;
    if (!found) { /* then nothing of it will happen */
        cmt_lsm_edit_counts *c = &edit->counts;
        c->tables_dropped = c->tables_rewritten = c->tables_marked = 0;
        c->bytes_dropped = c->bytes_dead = c->bytes_write_bound = 0;
    }
    edit->counts.bytes_read = edit->view->cache.bytes_read;
    edit->stage = CMT_LSM_PLANNED;
    return CMT_OK;
}
