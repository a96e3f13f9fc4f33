/* SPDX-License-Identifier: Apache-2.0
 *
 * The one new level-0 table of a prune.  Four streams in key order run together:
 *
 *   base        newest entry per key of the journal, and of level 0 if it is merged, without dead keys
 *   tombstones  every dead key that a marked table holds
 *   points      keys that die wherever they are
 *   puts        new values
 *
 * For one key a put wins over a tombstone, and both over the base.  I3: the journal is always folded
 * in, because the new MANIFEST's sequence is above all of it and goleveldb would skip its batches.
 * I4: tombstones and puts carry the one new sequence.  I7: the table's number is the highest on level 0.
 */
#include <stdlib.h>

#include "cleanup.h"
#include "edit_internal.h"

/* Entries of some tables (and the journal), by user key. */
typedef struct stream {
    cmt_lsm_edit *edit;
    cmt_lsm_view *view;
    cmt_lsm__merge merge;
    cmt_lsm__judge judge;
    cmt_buf key; /* user key the stream stands on, or that is done with */
    bool have;   /* stands on a key */
    bool done_with_key;
} stream;

typedef struct writer {
    cmt_lsm_edit *edit;
    cmt_lsm__builder builder;
    stream base;
    stream dead;
    size_t range; /* of the union of dead and judged ranges: where `dead` is */
    size_t point;
    size_t put;
    cmt_buf key; /* internal key being written */
    uint64_t steps;
} writer;

/* ---- streams -------------------------------------------------------------------------------- */

typedef struct fated {
    const cmt_lsm_edit *edit;
    cmt_lsm__fate fate;
} fated;

static bool has_fate(const void *context, size_t table)
{
    const fated *f = context;
    return f->edit->plans[table].fate == f->fate;
}

static cmt_status add_fated(stream *s, cmt_lsm__fate fate, cmt_error *err)
{
    const fated of = {s->edit, fate};
    const cmt_lsm__selection selection = {has_fate, &of, {NULL, 0}};
    return cmt_lsm__view_add_tables(s->view, &selection, &s->merge, err);
}

static cmt_status open_base(writer *w, cmt_error *err)
{
    CMT_TRY(add_fated(&w->base, CMT_LSM_MERGE, err)); /* of level 0 only */
    CMT_TRY(cmt_lsm__view_add_journal(w->base.view, &w->base.merge, err));
    return cmt_lsm__merge_first(&w->base.merge, err);
}

/* The base's next live key; the merge then stands on its newest entry. */
static cmt_status next_base(stream *s, cmt_error *err)
{
    cmt_lsm__merge *m = &s->merge;
    s->have = false;
    while (m->current != NULL) {
        cmt_slice user = cmt_lsm__user_key(m->current->key);
        if (!s->done_with_key || !cmt_slice_equal(user, cmt_buf_slice(&s->key))) {
            bool dead;
            if (cmt_buf_set(&s->key, user) != CMT_OK)
                return cmt_lsm__no_memory(err);
            s->done_with_key = true;
            /* The journal is newer than all tables, and merged level 0 newer than deeper levels: what
             * stands here is the newest entry there is. */
            CMT_TRY(cmt_lsm__is_dead_newest(s->edit, m->current, &dead, err));
            if (!dead) {
                s->have = true;
                return CMT_OK;
            }
        }
        CMT_TRY(cmt_lsm__merge_next(m, err));
    }
    return CMT_OK;
}

/* All dead and judged ranges in key order. */
static void merge_ranges(const cmt_lsm_edit_spec *spec, const cmt_range **out)
{
    size_t d = 0;
    size_t j = 0;
    while (d < spec->dead_count || j < spec->judged_count) {
        bool take_dead =
            j == spec->judged_count ||
            (d < spec->dead_count && cmt_slice_compare(spec->dead[d].lo, spec->judged[j].lo) < 0);
        *out++ = take_dead ? &spec->dead[d++] : &spec->judged[j++];
    }
}

/* The next dead key of the marked tables, going from range to range. */
static cmt_status next_dead(writer *w, const cmt_range **ranges, size_t range_count, cmt_error *err)
{
    stream *s = &w->dead;
    cmt_lsm__merge *m = &s->merge;
    s->have = false;
    while (w->range < range_count) {
        const cmt_range *range = ranges[w->range];
        while (m->current != NULL) {
            cmt_slice user = cmt_lsm__user_key(m->current->key);
            if (range->hi.size > 0 && cmt_slice_compare(user, range->hi) >= 0)
                break;
            bool is_new = !s->done_with_key || !cmt_slice_equal(user, cmt_buf_slice(&s->key));
            bool dead = false;
            if (is_new && cmt_slice_compare(user, range->lo) >= 0) {
                /* A tombstone would not lie above it. */
                if (cmt_lsm__sequence(m->current->key) >= s->edit->sequence)
                    return cmt_lsm__sequence_too_high(s->edit, err);
                if (cmt_buf_set(&s->key, user) != CMT_OK)
                    return cmt_lsm__no_memory(err);
                s->done_with_key = true;
                CMT_TRY(cmt_lsm__is_dead(s->edit, &s->judge, user, &dead, err));
            }
            CMT_TRY(cmt_lsm__merge_next(m, err));
            if (dead) {
                s->have = true;
                return CMT_OK;
            }
        }
        if (m->current == NULL)
            return CMT_OK; /* the marked tables are at their end */
        w->range++;
        if (w->range < range_count &&
            cmt_slice_compare(cmt_lsm__user_key(m->current->key), ranges[w->range]->lo) < 0)
            CMT_TRY(cmt_lsm__merge_seek_user(m, ranges[w->range]->lo, err));
    }
    return CMT_OK;
}

/* ---- writing -------------------------------------------------------------------------------- */

static cmt_status put_entry(writer *w, cmt_slice internal, cmt_slice value, cmt_error *err)
{
    if (!cmt_lsm__builder_is_open(&w->builder))
        CMT_TRY(cmt_lsm__edit_begin_table(w->edit, &w->builder, err));
    if (++w->steps % 4096 == 0)
        CMT_TRY(cmt_lsm__edit_wrote(w->edit, 0, err));
    return cmt_lsm__builder_add(&w->builder, internal, value, err);
}

static cmt_status put_old(writer *w, const cmt_lsm__source *s, cmt_error *err)
{
    if (cmt_lsm__sequence(s->key) >= w->edit->sequence)
        return cmt_lsm__sequence_too_high(w->edit, err);
    return put_entry(w, s->key, s->value, err);
}

static cmt_status put_new(writer *w, cmt_slice user, unsigned type, cmt_slice value, cmt_error *err)
{
    if (cmt_lsm__make_internal(user, w->edit->sequence, type, &w->key) != CMT_OK)
        return cmt_lsm__no_memory(err);
    w->edit->counts.tombstones += type == CMT_LSM_TYPE_DELETE; /* counted by level 0 alone */
    return put_entry(w, cmt_buf_slice(&w->key), value, err);
}

/* The smallest of the keys that the four streams stand on; false at the end of all. */
static bool smallest_key(const writer *w, cmt_slice *key)
{
    const cmt_lsm_edit_spec *spec = &w->edit->spec;
    cmt_slice candidates[4];
    size_t n = 0;
    if (w->put < spec->put_count)
        candidates[n++] = spec->puts[w->put].key;
    if (w->point < spec->point_count)
        candidates[n++] = spec->points[w->point];
    if (w->dead.have)
        candidates[n++] = cmt_buf_slice(&w->dead.key);
    if (w->base.have)
        candidates[n++] = cmt_buf_slice(&w->base.key);
    for (size_t i = 0; i < n; i++)
        if (i == 0 || cmt_slice_compare(candidates[i], *key) < 0)
            *key = candidates[i];
    return n > 0;
}

static cmt_status write_key(writer *w, cmt_slice key, const cmt_range **ranges, size_t range_count,
                            cmt_error *err)
{
    const cmt_lsm_edit_spec *spec = &w->edit->spec;
    bool put = w->put < spec->put_count && cmt_slice_equal(spec->puts[w->put].key, key);
    bool point = w->point < spec->point_count && cmt_slice_equal(spec->points[w->point], key);
    bool dead = w->dead.have && cmt_slice_equal(cmt_buf_slice(&w->dead.key), key);
    bool base = w->base.have && cmt_slice_equal(cmt_buf_slice(&w->base.key), key);
    if (put)
        CMT_TRY(put_new(w, key, CMT_LSM_TYPE_PUT, spec->puts[w->put].value, err));
    else if (point || dead)
        CMT_TRY(put_new(w, key, CMT_LSM_TYPE_DELETE, (cmt_slice){NULL, 0}, err));
    else
        CMT_TRY(put_old(w, w->base.merge.current, err));
    w->put += put;
    w->point += point;
    if (base)
        CMT_TRY(next_base(&w->base, err));
    if (dead)
        CMT_TRY(next_dead(w, ranges, range_count, err));
    return CMT_OK;
}

/* ---- whole blocks ---------------------------------------------------------------------------- */

/* Do all other streams stand behind `last`, an internal key? */
static bool others_are_behind(const writer *w, cmt_slice last)
{
    const cmt_lsm_edit_spec *spec = &w->edit->spec;
    const cmt_lsm__merge *m = &w->base.merge;
    cmt_slice user = cmt_lsm__user_key(last);
    if ((w->put < spec->put_count && cmt_slice_compare(spec->puts[w->put].key, user) <= 0) ||
        (w->point < spec->point_count && cmt_slice_compare(spec->points[w->point], user) <= 0) ||
        (w->dead.have && cmt_slice_compare(cmt_buf_slice(&w->dead.key), user) <= 0))
        return false;
    for (size_t i = 0; i < m->count; i++) {
        const cmt_lsm__source *s = &m->sources[i];
        if (s != m->current && s->valid && cmt_slice_compare(cmt_lsm__user_key(s->key), user) <= 0)
            return false;
    }
    return true;
}

/* Where the base stands at the beginning of a block that nothing else has a part in, the block is copied
 * as it is stored: heights written one after another stand in level 0 side by side, not interleaved.
 * What older entries of its own keys it has stay behind the newer ones, where no reader looks. */
static cmt_status copy_block(writer *w, bool *copied, cmt_error *err)
{
    cmt_lsm__source *s = w->base.merge.current;
    cmt_slice stored;
    *copied = false;
    if (w->builder.rocksdb_format || !cmt_lsm__source_at_stored_block(s, &stored))
        return CMT_OK; /* pebble's tables count their entries */
    CMT_AUTO(cmt_lsm__cursor_free) cmt_lsm__cursor last = {0};
    cmt_lsm__cursor_set(&last, s->data.block);
    CMT_TRY(cmt_lsm__cursor_last(&last, err));
    if (!last.valid)
        return CMT_OK;
    cmt_slice first_user = cmt_lsm__user_key(s->key);
    cmt_slice last_key = cmt_buf_slice(&last.key);
    cmt_slice last_user = cmt_lsm__user_key(last_key);
    if (cmt_lsm__touches_dead(w->edit, first_user, last_user) ||
        cmt_lsm__touches_judged(w->edit, first_user, last_user) || !others_are_behind(w, last_key))
        return CMT_OK;
    if (cmt_lsm__sequence(s->key) >= w->edit->sequence ||
        cmt_lsm__sequence(last_key) >= w->edit->sequence)
        return cmt_lsm__sequence_too_high(w->edit, err);
    if (!cmt_lsm__builder_is_open(&w->builder))
        CMT_TRY(cmt_lsm__edit_begin_table(w->edit, &w->builder, err));
    CMT_TRY(cmt_lsm__builder_add_block(&w->builder, stored, s->key, last_key, NULL, err));
    CMT_TRY(cmt_lsm__edit_wrote(w->edit, stored.size, err));
    if (cmt_buf_set(&w->base.key, last_user) != CMT_OK)
        return cmt_lsm__no_memory(err);
    CMT_TRY(cmt_lsm__source_leave_block(s, err));
    CMT_TRY(cmt_lsm__merge_next(&w->base.merge, err));
    *copied = true;
    return next_base(&w->base, err);
}

static cmt_status write_all(writer *w, const cmt_range **ranges, size_t range_count, cmt_error *err)
{
    CMT_AUTO(cmt_buf_free) cmt_buf key = CMT_BUF_INIT;
    cmt_slice next;
    CMT_TRY(open_base(w, err));
    CMT_TRY(add_fated(&w->dead, CMT_LSM_MARK, err));
    CMT_TRY(next_base(&w->base, err));
    if (w->dead.merge.count > 0 && range_count > 0) {
        CMT_TRY(cmt_lsm__merge_seek_user(&w->dead.merge, ranges[0]->lo, err));
        CMT_TRY(next_dead(w, ranges, range_count, err));
    }
    while (smallest_key(w, &next)) {
        bool copied = false;
        if (w->base.have && cmt_slice_equal(cmt_buf_slice(&w->base.key), next))
            CMT_TRY(copy_block(w, &copied, err));
        if (copied)
            continue;
        if (cmt_buf_set(&key, next) != CMT_OK) /* the streams move while it is in use */
            return cmt_lsm__no_memory(err);
        CMT_TRY(write_key(w, cmt_buf_slice(&key), ranges, range_count, err));
    }
    if (cmt_lsm__builder_is_open(&w->builder))
        CMT_TRY(cmt_lsm__edit_finish_table(w->edit, &w->builder, 0, err));
    return CMT_OK;
}

static cmt_status keep_level0(cmt_lsm_edit *edit, cmt_error *err)
{
    const cmt_lsm__version *v = &edit->view->version;
    for (size_t i = 0; i < v->level_start[1]; i++)
        if (edit->plans[i].fate == CMT_LSM_KEEP || edit->plans[i].fate == CMT_LSM_MARK)
            CMT_TRY(cmt_lsm__edit_keep_table(edit, &v->tables[i], err));
    return CMT_OK;
}

cmt_status cmt_lsm__write_level0(cmt_lsm_edit *edit, cmt_lsm_view *view, cmt_error *err)
{
    writer w = {
        .edit = edit,
        .base = {.edit = edit, .view = view, .judge.view = view},
        .dead = {.edit = edit, .view = view, .judge.view = view},
    };
    uint64_t bytes_written = 0;
    size_t range_count = edit->spec.dead_count + edit->spec.judged_count;
    const cmt_range **ranges = malloc((range_count + 1) * sizeof *ranges);
    if (ranges == NULL)
        return cmt_lsm__no_memory(err);
    merge_ranges(&edit->spec, ranges);
    cmt_lsm__edit_init_builder(edit, &w.builder, &bytes_written);
    cmt_status st = keep_level0(edit, err);
    if (st == CMT_OK)
        st = write_all(&w, ranges, range_count, err);
    cmt_lsm__edit_count_bytes(edit, 0, bytes_written);
    cmt_lsm__builder_fini(&w.builder);
    cmt_lsm__merge_fini(&w.base.merge);
    cmt_lsm__merge_fini(&w.dead.merge);
    cmt_lsm__judge_fini(&w.base.judge);
    cmt_lsm__judge_fini(&w.dead.judge);
    cmt_buf_free(&w.base.key);
    cmt_buf_free(&w.dead.key);
    cmt_buf_free(&w.key);
    free(ranges);
    return st;
}
