/* SPDX-License-Identifier: Apache-2.0
 *
 * A whole directory from one input: what to do with it, u16 length and bytes of the MANIFEST, the same of
 * a log, and the rest a table.  A view of it, and a prune or compaction, either refuse or work; and when the
 * table is what it claims to be, the pairs afterwards are those from before without the dead ones.
 */
#include "fuzz.h"

#include "edit_internal.h"
#include "one_table.h"
#include "repair.h"
#include "scratch.h"

#define PAIRS_MAX 500

typedef struct pairs {
    cmt_buf keys[PAIRS_MAX];
    cmt_buf values[PAIRS_MAX];
    size_t count;
} pairs;

static pairs before;
static pairs after;

/* ---- the directory ------------------------------------------------------------------------------ */

/* Cut `size` bytes, or what is there, off the front. */
static cmt_slice cut(cmt_slice *rest, size_t size)
{
    cmt_slice piece = {rest->data, size < rest->size ? size : rest->size};
    rest->data += piece.size;
    rest->size -= piece.size;
    return piece;
}

static cmt_slice cut_framed(cmt_slice *rest)
{
    cmt_slice length = cut(rest, 2);
    return cut(rest, length.size < 2 ? 0 : (size_t)length.data[0] | (size_t)length.data[1] << 8);
}

static void write_repaired(const char *name, cmt_slice bytes, void (*repair)(uint8_t *, size_t))
{
    cmt_buf copy = CMT_BUF_INIT;
    FUZZ_CHECK(cmt_buf_append(&copy, bytes.data, bytes.size) == CMT_OK);
    repair(copy.data, copy.size);
    scratch_write(name, cmt_buf_slice(&copy));
    cmt_buf_free(&copy);
}

static void write_directory(cmt_slice input)
{
    scratch_clear();
    write_repaired("MANIFEST-000001", cut_framed(&input), repair_log);
    write_repaired("000003.log", cut_framed(&input), repair_log);
    write_repaired("000002.ldb", input, repair_table);
    scratch_write("CURRENT", CMT_SLICE("MANIFEST-000001\n"));
}

/* ---- pairs -------------------------------------------------------------------------------------- */

static void check_status(cmt_status st, const cmt_error *err)
{
    FUZZ_CHECK(st == CMT_CORRUPT || st == CMT_UNSUPPORTED || st == CMT_STALE);
    FUZZ_CHECK(err->message[0] != '\0');
}

/* All pairs; false when they cannot be read, or are too many to be looked at here. */
static bool list_pairs(cmt_lsm_view *view, pairs *out)
{
    cmt_lsm_iter *iter;
    cmt_error err = CMT_ERROR_INIT;
    out->count = 0;
    FUZZ_CHECK(cmt_lsm_iter_new(view, NULL, &iter, &err) == CMT_OK);
    cmt_status st = cmt_lsm_iter_first(iter, &err);
    for (; st == CMT_OK && out->count < PAIRS_MAX; st = cmt_lsm_iter_next(iter, &err)) {
        FUZZ_CHECK(cmt_buf_set(&out->keys[out->count], cmt_lsm_iter_key(iter)) == CMT_OK);
        FUZZ_CHECK(cmt_buf_set(&out->values[out->count], cmt_lsm_iter_value(iter)) == CMT_OK);
        out->count++;
    }
    cmt_lsm_iter_free(iter);
    if (st != CMT_OK && st != CMT_NOT_FOUND)
        check_status(st, &err);
    return st == CMT_NOT_FOUND;
}

static void free_pairs(pairs *p)
{
    for (size_t i = 0; i < PAIRS_MAX; i++) {
        cmt_buf_free(&p->keys[i]);
        cmt_buf_free(&p->values[i]);
    }
}

/* ---- honesty ------------------------------------------------------------------------------------ */

/* Do the restart points of a block stand where entries begin that share nothing, and do its keys lie
 * behind `last` and not behind `limit`? */
static bool honest_block(cmt_lsm__block *block, cmt_slice limit, cmt_buf *last)
{
    cmt_lsm__cursor c = {0};
    uint32_t restart = 0;
    bool honest = true;
    cmt_lsm__cursor_set(&c, block);
    cmt_status st = cmt_lsm__cursor_first(&c, NULL);
    for (; st == CMT_OK && c.valid && honest; st = cmt_lsm__cursor_next(&c, NULL)) {
        const uint8_t *points = block->data + block->restarts;
        if (restart < block->restart_count && cmt_load32(points + 4 * (size_t)restart) == c.entry) {
            honest = block->data[c.entry] == 0;
            restart++;
        }
        cmt_slice key = cmt_buf_slice(&c.key);
        honest &= last->size == 0 || cmt_lsm__internal_compare(cmt_buf_slice(last), key) < 0;
        honest &= cmt_lsm__internal_compare(key, limit) <= 0;
        FUZZ_CHECK(cmt_buf_set(last, key) == CMT_OK);
    }
    cmt_lsm__cursor_free(&c);
    return st == CMT_OK && honest && restart == block->restart_count;
}

/* Is the table, block by block, what its index and the MANIFEST say of it? */
static bool honest_table(cmt_lsm_view *view, const cmt_lsm__table_meta *meta)
{
    cmt_lsm__table *table;
    cmt_lsm__cursor index = {0};
    cmt_buf last = CMT_BUF_INIT;
    bool honest = true;
    if (cmt_lsm__cache_table(&view->cache, meta, &table, NULL) != CMT_OK)
        return false;
    cmt_lsm__cursor_set(&index, table->index);
    cmt_status st = cmt_lsm__cursor_first(&index, NULL);
    for (; st == CMT_OK && index.valid && honest; st = cmt_lsm__cursor_next(&index, NULL)) {
        cmt_lsm__handle handle;
        cmt_lsm__block *block;
        cmt_slice limit = cmt_buf_slice(&index.key);
        honest = cmt_lsm__handle_decode(table, index.value, &handle, NULL) == CMT_OK &&
                 cmt_lsm__cache_block(&view->cache, table, handle, &block, NULL) == CMT_OK;
        if (!honest)
            break;
        honest = (last.size == 0 || cmt_lsm__internal_compare(cmt_buf_slice(&last), limit) <= 0) &&
                 honest_block(block, limit, &last);
        cmt_lsm__block_release(block);
        FUZZ_CHECK(cmt_buf_set(&last, limit) == CMT_OK);
    }
    uint32_t restarts = table->index->restart_count;
    cmt_lsm__cursor_free(&index);
    cmt_buf_free(&last);
    cmt_lsm__table_release(table);
    return st == CMT_OK && honest && restarts > 0;
}

/* The first and last keys are those of the MANIFEST, and no sequence is above what is announced. */
static bool honest_bounds(cmt_lsm_view *view, const cmt_lsm__table_meta *meta, uint64_t highest)
{
    one_table t;
    bool honest = one_table_open(&t, view->dir_fd, meta, NULL) == CMT_OK;
    cmt_status st = cmt_lsm__source_first(&t.source, NULL);
    honest = st == CMT_OK && t.source.valid && cmt_slice_equal(t.source.key, meta->smallest);
    for (; st == CMT_OK && t.source.valid; st = cmt_lsm__source_next(&t.source, NULL))
        honest &= cmt_lsm__sequence(t.source.key) <= highest;
    honest &= st == CMT_OK && cmt_lsm__source_last(&t.source, NULL) == CMT_OK && t.source.valid &&
              cmt_slice_equal(t.source.key, meta->largest);
    one_table_close(&t);
    return honest;
}

static bool honest(cmt_lsm_view *view)
{
    const cmt_lsm__version *v = &view->version;
    if (v->count > 1 || view->journal.below_manifest)
        return false;
    return v->count == 0 || (honest_table(view, &v->tables[0]) &&
                             honest_bounds(view, &v->tables[0], v->last_sequence));
}

/* ---- the edit ----------------------------------------------------------------------------------- */

static const cmt_range dead = {{(const uint8_t *)"b", 1}, {(const uint8_t *)"d", 1}};
static const cmt_range judged = {{(const uint8_t *)"k", 1}, {(const uint8_t *)"m", 1}};
static const cmt_slice point = {(const uint8_t *)"p", 1};
static const cmt_lsm_put put = {{(const uint8_t *)"q", 1}, {(const uint8_t *)"put", 3}};

static bool inside(cmt_slice key, const cmt_range *range)
{
    return cmt_slice_compare(key, range->lo) >= 0 && cmt_slice_compare(key, range->hi) < 0;
}

static cmt_status judge(void *context, cmt_slice key, cmt_slice value, bool *is_dead,
                        cmt_error *err)
{
    (void)context;
    (void)key;
    (void)err;
    *is_dead = value.size % 2 == 1;
    return CMT_OK;
}

static bool survives(size_t i)
{
    cmt_slice key = cmt_buf_slice(&before.keys[i]);
    return !inside(key, &dead) && !(inside(key, &judged) && before.values[i].size % 2 == 1) &&
           !cmt_slice_equal(key, point);
}

/* `after` must be `before` without the dead, with the new pair at its place. */
static void check_pruned(void)
{
    size_t n = 0;
    bool put_seen = false;
    for (size_t i = 0; i <= before.count; i++) {
        bool end = i == before.count;
        int order = end ? 1 : cmt_slice_compare(cmt_buf_slice(&before.keys[i]), put.key);
        if (order >= 0 && !put_seen) {
            put_seen = true;
            FUZZ_CHECK(n < after.count);
            FUZZ_CHECK(cmt_slice_equal(cmt_buf_slice(&after.keys[n]), put.key));
            FUZZ_CHECK(cmt_slice_equal(cmt_buf_slice(&after.values[n]), put.value));
            n++;
        }
        if (end || order == 0 || !survives(i))
            continue;
        FUZZ_CHECK(n < after.count);
        FUZZ_CHECK(cmt_slice_equal(cmt_buf_slice(&after.keys[n]), cmt_buf_slice(&before.keys[i])));
        FUZZ_CHECK(
            cmt_slice_equal(cmt_buf_slice(&after.values[n]), cmt_buf_slice(&before.values[i])));
        n++;
    }
    FUZZ_CHECK(n == after.count);
}

static void check_compacted(void)
{
    FUZZ_CHECK(before.count == after.count);
    for (size_t i = 0; i < after.count; i++) {
        FUZZ_CHECK(cmt_slice_equal(cmt_buf_slice(&after.keys[i]), cmt_buf_slice(&before.keys[i])));
        FUZZ_CHECK(
            cmt_slice_equal(cmt_buf_slice(&after.values[i]), cmt_buf_slice(&before.values[i])));
    }
}

static cmt_status plan(cmt_lsm_edit *edit, uint8_t what, cmt_error *err)
{
    const cmt_lsm_edit_spec spec = {.dead = &dead,
                                    .dead_count = 1,
                                    .judged = &judged,
                                    .judged_count = 1,
                                    .judged_share = what & 8 ? 0.5 : 0,
                                    .judge = judge,
                                    .points = &point,
                                    .point_count = 1,
                                    .puts = &put,
                                    .put_count = 1,
                                    .rewrite_share = what & 2 ? 0.0001 : 2.0,
                                    .reclaim = what & 4};
    return what & 1 ? cmt_lsm_edit_plan_compact(edit, err) : cmt_lsm_edit_plan(edit, &spec, err);
}

static cmt_status edit_directory(uint8_t what)
{
    const cmt_lsm_edit_options options = {.min_free_bytes = 1};
    cmt_error err = CMT_ERROR_INIT;
    cmt_lsm_edit *edit;
    cmt_lsm_retired retired;
    cmt_status st = cmt_lsm_edit_open(scratch_path(), &options, &edit, &err);
    if (st == CMT_OK)
        st = plan(edit, what, &err);
    bool work = st == CMT_OK && !cmt_lsm_edit_get_counts(edit).nothing_to_do;
    if (work)
        st = cmt_lsm_edit_prepare(edit, &err);
    if (work && st == CMT_OK) {
        FUZZ_CHECK(cmt_lsm_edit_commit(edit, &err) == CMT_OK);
        FUZZ_CHECK(cmt_lsm_edit_retire(edit, NULL, &retired, &err) == CMT_OK);
    }
    cmt_lsm_edit_free(edit);
    if (st != CMT_OK)
        check_status(st, &err);
    return st;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cmt_error err = CMT_ERROR_INIT;
    cmt_lsm_view *view;
    if (size == 0)
        return 0;
    write_directory((cmt_slice){data + 1, size - 1});
    /* One attempt, without the pauses that cmt_lsm_view_open() makes for a node at work. */
    cmt_status st = cmt_lsm__snapshot(scratch_path(), NULL, &view, &err);
    if (st != CMT_OK) {
        check_status(st, &err);
        return 0;
    }
    bool readable = list_pairs(view, &before);
    bool claims = readable && honest(view);
    cmt_lsm_view_close(view);
    st = edit_directory(data[0]);
    if (st == CMT_OK) {
        FUZZ_CHECK(cmt_lsm__snapshot(scratch_path(), NULL, &view, &err) == CMT_OK);
        bool readable_after = list_pairs(view, &after);
        FUZZ_CHECK(!claims || readable_after);
        if (claims && data[0] & 1)
            check_compacted();
        else if (claims)
            check_pruned();
        cmt_lsm_view_close(view);
    } else {
        FUZZ_CHECK(!claims || st == CMT_UNSUPPORTED); /* numbers used up, say */
    }
    free_pairs(&before);
    free_pairs(&after);
    return 0;
}
