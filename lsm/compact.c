/* SPDX-License-Identifier: Apache-2.0
 *
 * Offline compaction, judged by entries.
 *
 * Plan: one pass over every entry in key order.  A key with a single entry that is a put needs nothing;
 * any other key makes every table that holds an entry of it dirty.
 *
 * Write: a second pass over dirty tables, level 0 and the journal only.  No clean table holds a version
 * of a key met there, so the first entry met of a key is its newest; puts survive, deletions and
 * older entries do not.  What comes from a dirty table goes into a new table of the same level, in the
 * place of the old ones.  What comes from level 0 or the journal is cut at the gaps of the deeper
 * levels and placed there: no neighbour is rewritten for it.  Only a key that tables of every deeper level
 * cover has no gap; one of those tables is rewritten then and takes it in.
 *
 * Afterwards every key that was touched has one entry, so it may stand on any level, also in pebble.
 */
#include <stdlib.h>

#include "cleanup.h"
#include "edit_internal.h"

/* ---- gaps ----------------------------------------------------------------------------------- */

/* Between the tables of the deeper levels, asked for ascending keys. */
typedef struct gaps {
    cmt_lsm_edit *edit;
    unsigned top;                /* the first level that may take something in */
    size_t next[CMT_LSM_LEVELS]; /* per level: the first table that ends at or behind the key */
} gaps;

/* pebble fills its levels from the last one upwards and takes the first that is not empty for the base of its
 * tree: nothing goes above that, but for the level before the last, which gives room beside a full one. */
static unsigned top_level(const cmt_lsm__version *v)
{
    if (!v->rocksdb_format)
        return 1;
    unsigned level = 1;
    while (level < CMT_LSM_LEVELS - 2 && v->level_start[level] == v->level_start[level + 1])
        level++;
    return level;
}

static gaps gaps_of(cmt_lsm_edit *edit)
{
    gaps g = {.edit = edit, .top = top_level(&edit->view->version)};
    for (unsigned level = 0; level < CMT_LSM_LEVELS; level++)
        g.next[level] = edit->view->version.level_start[level];
    return g;
}

/* Is `user` in the gap before the next table of `level`?  If so, *limit is where that table begins. */
static bool gap_at(gaps *g, unsigned level, cmt_slice user, cmt_slice *limit)
{
    const cmt_lsm__version *v = &g->edit->view->version;
    size_t *i = &g->next[level];
    size_t end = v->level_start[level + 1];
    while (*i < end && cmt_slice_compare(cmt_lsm__user_key(v->tables[*i].largest), user) < 0)
        (*i)++;
    *limit = (cmt_slice){NULL, 0};
    if (*i == end)
        return true;
    *limit = cmt_lsm__user_key(v->tables[*i].smallest);
    return cmt_slice_compare(user, *limit) < 0;
}

/* Does a run that ends at `a` reach further than one that ends at `b`?  Empty: as far as can be. */
static bool reaches_further(cmt_slice a, cmt_slice b)
{
    return b.size > 0 && (a.size == 0 || cmt_slice_compare(a, b) > 0);
}

/* The level with room for the longest run from `user` on; 0 if tables of all deeper ones cover it.  Of
 * equals the first, in pebble the last. */
static unsigned choose_level(gaps *g, cmt_slice user, cmt_slice *limit)
{
    unsigned best = 0;
    for (unsigned level = g->top; level < CMT_LSM_LEVELS; level++) {
        cmt_slice here;
        if (!gap_at(g, level, user, &here))
            continue;
        bool equal_will_do = g->edit->view->dialect.rocksdb_format;
        if (best == 0 || reaches_further(here, *limit) ||
            (equal_will_do && !reaches_further(*limit, here))) {
            best = level;
            *limit = here;
        }
    }
    return best;
}

/* Of the tables that cover a key without a gap: one that absorbs, else the smallest. */
static size_t absorber(const gaps *g)
{
    const cmt_lsm__table_meta *tables = g->edit->view->version.tables;
    size_t best = g->next[g->top];
    for (unsigned level = g->top; level < CMT_LSM_LEVELS; level++) {
        size_t i = g->next[level];
        if (g->edit->plans[i].absorbs)
            return i;
        if (tables[i].size < tables[best].size)
            best = i;
    }
    return best;
}

/* ---- planning ------------------------------------------------------------------------------- */

typedef struct judge {
    cmt_lsm_edit *edit;
    cmt_buf key;                      /* user key of the group */
    const cmt_lsm__table_meta *first; /* holds its newest entry; NULL: the journal */
    size_t entries;
    gaps gaps;
    uint64_t steps;
} judge;

static void mark_dirty(judge *j, const cmt_lsm__table_meta *table)
{
    if (table == NULL)
        return;
    cmt_lsm__table_plan *plan = &j->edit->plans[table - j->edit->view->version.tables];
    if (plan->fate == CMT_LSM_KEEP)
        plan->fate = CMT_LSM_REWRITE;
}

/* A key that has to be placed, and for which there is no gap, goes into a table that covers it. */
static void find_place(judge *j, cmt_slice user)
{
    cmt_slice limit;
    if (choose_level(&j->gaps, user, &limit) > 0)
        return;
    cmt_lsm__table_plan *plan = &j->edit->plans[absorber(&j->gaps)];
    plan->fate = CMT_LSM_REWRITE;
    plan->absorbs = true;
}

static cmt_status judge_entry(judge *j, const cmt_lsm__source *s, cmt_error *err)
{
    cmt_slice user = cmt_lsm__user_key(s->key);
    const cmt_lsm__table_meta *table = cmt_lsm__source_table(s);
    if (j->entries == 0 || !cmt_slice_equal(user, cmt_buf_slice(&j->key))) {
        if (cmt_buf_set(&j->key, user) != CMT_OK)
            return cmt_lsm__no_memory(err);
        j->first = table;
        j->entries = 1;
        if (cmt_lsm__type(s->key) != CMT_LSM_TYPE_PUT)
            mark_dirty(j, table);
        else if (table == NULL || table->level == 0)
            find_place(j, user);
        return CMT_OK;
    }
    if (j->entries++ == 1)
        mark_dirty(j, j->first);
    mark_dirty(j, table);
    return CMT_OK;
}

static cmt_status judge_all(judge *j, cmt_lsm__merge *merge, uint64_t total, cmt_error *err)
{
    CMT_TRY(cmt_lsm__merge_first(merge, err));
    while (merge->current != NULL) {
        CMT_TRY(judge_entry(j, merge->current, err));
        if (++j->steps % 8192 == 0)
            CMT_TRY(cmt_lsm__edit_progress(j->edit, "scan", j->edit->view->cache.bytes_read, total,
                                           err));
        CMT_TRY(cmt_lsm__merge_next(merge, err));
    }
    return CMT_OK;
}

cmt_status cmt_lsm_edit_plan_compact(cmt_lsm_edit *edit, cmt_error *err)
{
    cmt_lsm_view *view = edit->view;
    const cmt_lsm__version *v = &view->version;
    judge j = {.edit = edit, .gaps = gaps_of(edit)};
    cmt_lsm__merge merge;
    uint64_t total = 0;
    if (view->journal.range_deletes > 0)
        return cmt_lsm__holds_range_dels(edit, err);
    CMT_TRY(cmt_lsm_edit_check_tables(edit, err));
    for (size_t i = 0; i < v->count; i++) {
        edit->plans[i] =
            (cmt_lsm__table_plan){.fate = v->tables[i].level == 0 ? CMT_LSM_MERGE : CMT_LSM_KEEP};
        total += v->tables[i].size;
    }
    cmt_lsm__merge_init(&merge);
    cmt_status st = cmt_lsm__view_sources(view, NULL, &merge, err);
    if (st == CMT_OK)
        st = judge_all(&j, &merge, total, err);
    cmt_lsm__merge_fini(&merge);
    cmt_buf_free(&j.key);
    CMT_TRY(st);
    if (view->cache.range_dels.count > 0) /* every table was open by now */
        return cmt_lsm__holds_range_dels(edit, err);
    edit->spec = (cmt_lsm_edit_spec){0};
    edit->compacting = true;
    cmt_lsm__plan_totals(edit);
    edit->counts.nothing_to_do = edit->counts.tables_rewritten == 0 && view->journal.count == 0;
    edit->counts.bytes_read = view->cache.bytes_read;
    edit->stage = CMT_LSM_PLANNED;
    return CMT_OK;
}

/* ---- writing -------------------------------------------------------------------------------- */

/* One output per level, and the one being placed. */
typedef struct output {
    cmt_lsm__builder builder;
    size_t run; /* of consecutive dirty tables: an output never runs over a clean one */
} output;

typedef struct writer {
    cmt_lsm_edit *edit;
    output levels[CMT_LSM_LEVELS];
    size_t *runs; /* per old table: which run of dirty neighbours it belongs to */
    /* placing */
    output placed;
    unsigned placed_level;
    cmt_slice placed_limit; /* user key: the output must stay below; empty: no limit */
    gaps gaps;
    uint64_t steps;
} writer;

static cmt_status finish(writer *w, output *o, unsigned level, cmt_error *err)
{
    if (!cmt_lsm__builder_is_open(&o->builder))
        return CMT_OK;
    return cmt_lsm__edit_finish_table(w->edit, &o->builder, level, err);
}

static bool full(const writer *w, const output *o)
{
    return o->builder.offset + o->builder.block.size >= w->edit->table_bytes;
}

static cmt_status put_back(writer *w, const cmt_lsm__source *s, const cmt_lsm__table_meta *table,
                           cmt_error *err)
{
    output *o = &w->levels[table->level];
    size_t run = w->runs[table - w->edit->view->version.tables];
    if (cmt_lsm__builder_is_open(&o->builder) && (o->run != run || full(w, o)))
        CMT_TRY(finish(w, o, table->level, err));
    if (!cmt_lsm__builder_is_open(&o->builder)) {
        CMT_TRY(cmt_lsm__edit_begin_table(w->edit, &o->builder, err));
        o->run = run;
    }
    return cmt_lsm__builder_add(&o->builder, s->key, s->value, err);
}

static cmt_status place(writer *w, const cmt_lsm__source *s, cmt_error *err)
{
    cmt_slice user = cmt_lsm__user_key(s->key);
    output *o = &w->placed;
    bool open = cmt_lsm__builder_is_open(&o->builder);
    bool beyond = w->placed_limit.size > 0 && cmt_slice_compare(user, w->placed_limit) >= 0;
    if (open && (beyond || full(w, o))) {
        CMT_TRY(finish(w, o, w->placed_level, err));
        open = false;
    }
    if (!open) {
        unsigned level = choose_level(&w->gaps, user, &w->placed_limit);
        if (level == 0)
            return put_back(w, s, &w->edit->view->version.tables[absorber(&w->gaps)], err);
        w->placed_level = level;
        /* What goes back to this level must not reach over what is placed there now. */
        CMT_TRY(finish(w, &w->levels[w->placed_level], w->placed_level, err));
        CMT_TRY(cmt_lsm__edit_begin_table(w->edit, &o->builder, err));
    }
    return cmt_lsm__builder_add(&o->builder, s->key, s->value, err);
}

static cmt_status write_entries(writer *w, cmt_lsm__merge *merge, cmt_error *err)
{
    CMT_AUTO(cmt_buf_free) cmt_buf key = CMT_BUF_INIT;
    bool have = false;
    CMT_TRY(cmt_lsm__merge_first(merge, err));
    while (merge->current != NULL) {
        const cmt_lsm__source *s = merge->current;
        cmt_slice user = cmt_lsm__user_key(s->key);
        bool newest = !have || !cmt_slice_equal(user, cmt_buf_slice(&key));
        if (newest && cmt_buf_set(&key, user) != CMT_OK)
            return cmt_lsm__no_memory(err);
        have = true;
        if (cmt_lsm__sequence(s->key) >= w->edit->sequence)
            return cmt_lsm__sequence_too_high(w->edit, err);
        if (newest && cmt_lsm__type(s->key) == CMT_LSM_TYPE_PUT) {
            const cmt_lsm__table_meta *table = cmt_lsm__source_table(s);
            if (table == NULL || table->level == 0)
                CMT_TRY(place(w, s, err));
            else
                CMT_TRY(put_back(w, s, table, err));
        }
        if (++w->steps % 4096 == 0)
            CMT_TRY(cmt_lsm__edit_progress(w->edit, "write", w->edit->counts.bytes_written,
                                           w->edit->bytes_to_write, err));
        CMT_TRY(cmt_lsm__merge_next(merge, err));
    }
    CMT_TRY(finish(w, &w->placed, w->placed_level, err));
    for (unsigned level = 1; level < CMT_LSM_LEVELS; level++)
        CMT_TRY(finish(w, &w->levels[level], level, err));
    return CMT_OK;
}

static bool dirty(const void *context, size_t i)
{
    const cmt_lsm_edit *edit = context;
    return edit->plans[i].fate == CMT_LSM_REWRITE || edit->plans[i].fate == CMT_LSM_MERGE;
}

static cmt_status open_sources(cmt_lsm_edit *edit, cmt_lsm__merge *merge, cmt_error *err)
{
    const cmt_lsm__selection selection = {dirty, edit, {NULL, 0}};
    CMT_TRY(cmt_lsm__view_add_journal(edit->view, merge, err));
    return cmt_lsm__view_add_tables(edit->view, &selection, merge, err);
}

/* Clean tables stay; dirty ones are numbered by runs of neighbours. */
static cmt_status sort_out_tables(writer *w, cmt_error *err)
{
    const cmt_lsm__version *v = &w->edit->view->version;
    size_t run = 0;
    for (size_t i = 0; i < v->count; i++) {
        if (!dirty(w->edit, i)) {
            run++;
            CMT_TRY(cmt_lsm__edit_keep_table(w->edit, &v->tables[i], err));
        }
        w->runs[i] = run;
    }
    return CMT_OK;
}

cmt_status cmt_lsm__write_compaction(cmt_lsm_edit *edit, cmt_error *err)
{
    writer w = {.edit = edit, .gaps = gaps_of(edit)};
    cmt_lsm__merge merge;
    w.runs = calloc(edit->view->version.count + 1, sizeof *w.runs);
    if (w.runs == NULL)
        return cmt_lsm__no_memory(err);
    cmt_lsm__merge_init(&merge);
    cmt_lsm__edit_init_builder(edit, &w.placed.builder, &edit->counts.bytes_written);
    for (unsigned level = 0; level < CMT_LSM_LEVELS; level++)
        cmt_lsm__edit_init_builder(edit, &w.levels[level].builder, &edit->counts.bytes_written);
    cmt_status st = sort_out_tables(&w, err);
    if (st == CMT_OK)
        st = open_sources(edit, &merge, err);
    if (st == CMT_OK)
        st = write_entries(&w, &merge, err);
    cmt_lsm__builder_fini(&w.placed.builder);
    for (unsigned level = 0; level < CMT_LSM_LEVELS; level++)
        cmt_lsm__builder_fini(&w.levels[level].builder);
    cmt_lsm__merge_fini(&merge);
    free(w.runs);
    return st;
}
