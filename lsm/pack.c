/* SPDX-License-Identifier: Apache-2.0
 *
 * Which of RocksDB's unpacked tables a prune packs.  CometBFT's settings leave levels 0 and 1 unpacked, some hundreds of
 * megabytes whatever the database's size; RocksDB's own compaction of everything moves them into a packed level.
 */
#include <stdlib.h>

#include "cleanup.h"
#include "edit_internal.h"
#include "packing.h"

/* Levels that the settings leave unpacked. */
#define UNPACKED_LEVELS 2
/* How many blocks of a table are tried. */
#define SAMPLES 4

/* What is tried of a table. */
typedef struct sample {
    uint64_t before;
    uint64_t after;
} sample;

static cmt_status try_block(cmt_lsm_edit *edit, const cmt_lsm__table *table, cmt_lsm__handle handle,
                            sample *sum, cmt_error *err)
{
    CMT_AUTO(cmt_buf_free) cmt_buf raw = CMT_BUF_INIT;
    CMT_AUTO(cmt_buf_free) cmt_buf scratch = CMT_BUF_INIT;
    const size_t stored = (size_t)handle.size + CMT_LSM_BLOCK_TRAILER;
    if (cmt_buf_reserve(&raw, stored) != CMT_OK)
        return cmt_lsm__no_memory(err);
    CMT_TRY(cmt_file_read_at(table->fd, table->name, handle.offset, raw.data, stored, err));
    edit->view->cache.bytes_read += stored;
    CMT_TRY(cmt_lsm__block_verify(table, handle, raw.data, err));
    cmt_slice packed = {raw.data, (size_t)handle.size};
    if (raw.data[handle.size] == CMT_LSM_RAW &&
        cmt_lsm__pack(packed, &scratch, &packed) == CMT_NO_MEMORY)
        return cmt_lsm__no_memory(err);
    sum->before += handle.size;
    sum->after += packed.size;
    return CMT_OK;
}

/* Try blocks that lie about evenly in the table. */
static cmt_status try_blocks(cmt_lsm_edit *edit, cmt_lsm__table *table, sample *sum, cmt_error *err)
{
    CMT_AUTO(cmt_lsm__cursor_free) cmt_lsm__cursor index = {0};
    const uint64_t step = table->data_end / SAMPLES + 1;
    uint64_t wanted = step / 2;
    cmt_lsm__cursor_set(&index, table->index);
    CMT_TRY(cmt_lsm__cursor_first(&index, err));
    while (index.valid) {
        cmt_lsm__handle handle;
        CMT_TRY(cmt_lsm__handle_decode(table, index.value, &handle, err));
        if (handle.offset + handle.size > wanted) {
            CMT_TRY(try_block(edit, table, handle, sum, err));
            wanted += step;
        }
        CMT_TRY(cmt_lsm__cursor_next(&index, err));
    }
    return CMT_OK;
}

/* About how many bytes packing table `i` saves; 0 if it cannot be rewritten. */
static cmt_status find_saving(cmt_lsm_edit *edit, size_t i, uint64_t *saving, cmt_error *err)
{
    cmt_lsm__table_plan *plan = &edit->plans[i];
    cmt_lsm__table *table;
    sample sum = {0, 0};
    CMT_TRY(cmt_lsm__cache_table(&edit->view->cache, &edit->view->version.tables[i], &table, err));
    plan->fixed = table->range_dels > 0;
    cmt_status st = plan->fixed ? CMT_OK : try_blocks(edit, table, &sum, err);
    *saving = 0;
    if (st == CMT_OK && sum.before > 0) {
        double share = 1 - (double)sum.after / (double)sum.before;
        *saving = (uint64_t)((double)(table->data_end - plan->skip_bytes) * share);
    }
    if (plan->fate == CMT_LSM_KEEP) { /* for whoever fetches ahead */
        plan->block_bytes = table->data_end;
        plan->need_to = table->data_end;
    }
    cmt_lsm__table_release(table);
    return st;
}

static bool stays_unpacked(const cmt_lsm_edit *edit, size_t i)
{
    return edit->plans[i].fate == CMT_LSM_KEEP || edit->plans[i].fate == CMT_LSM_MARK;
}

/* What is left of the tables, without what is dead and known to go. */
static uint64_t bytes_left(const cmt_lsm_edit *edit)
{
    const cmt_lsm__version *v = &edit->view->version;
    uint64_t bytes = 0;
    for (size_t i = 0; i < v->count; i++)
        if (edit->plans[i].fate != CMT_LSM_DROP)
            bytes += v->tables[i].size - edit->plans[i].skip_bytes;
    return bytes;
}

/* What packing saves for each byte that it goes through. */
static double yield(const cmt_lsm_edit *edit, const uint64_t *savings, size_t i)
{
    return (double)savings[i] / (double)edit->view->version.tables[i].size;
}

/* The table of a deeper level that is worth most; `to` if none saves anything. */
static size_t best(const cmt_lsm_edit *edit, const uint64_t *savings, size_t from, size_t to)
{
    size_t found = to;
    for (size_t i = from; i < to; i++)
        if (savings[i] > 0 &&
            (found == to || yield(edit, savings, i) > yield(edit, savings, found)))
            found = i;
    return found;
}

/* Rewrite tables of the deeper level until what the others would save is within the limit. */
static void choose(cmt_lsm_edit *edit, uint64_t *savings, uint64_t *total)
{
    const cmt_lsm__version *v = &edit->view->version;
    const size_t end = v->level_start[UNPACKED_LEVELS];
    const uint64_t limit = (bytes_left(edit) - *total) / 100 * edit->spec.unpacked_percent;
    while (*total > limit) {
        size_t i = best(edit, savings, v->level_start[1], end);
        if (i == end)
            return;
        edit->plans[i].fate = CMT_LSM_REWRITE;
        edit->plans[i].packs = true;
        *total -= savings[i];
        savings[i] = 0;
    }
    *total = 0;
}

static cmt_status plan_packing(cmt_lsm_edit *edit, uint64_t *savings, bool *level0, cmt_error *err)
{
    const cmt_lsm__version *v = &edit->view->version;
    uint64_t in_level0 = 0;
    uint64_t total = 0;
    for (size_t i = 0; i < v->level_start[UNPACKED_LEVELS]; i++) {
        if (stays_unpacked(edit, i))
            CMT_TRY(find_saving(edit, i, &savings[i], err));
        total += savings[i];
        in_level0 += i < v->level_start[1] ? savings[i] : 0;
    }
    choose(edit, savings, &total);
    *level0 = total > 0 && in_level0 > 0;
    return CMT_OK;
}

cmt_status cmt_lsm__plan_packing(cmt_lsm_edit *edit, bool *level0, cmt_error *err)
{
    const cmt_lsm__version *v = &edit->view->version;
    const size_t count = v->level_start[UNPACKED_LEVELS];
    *level0 = false;
    if (!v->rocksdb || edit->spec.unpacked_percent == 0 || count == 0)
        return CMT_OK;
    uint64_t *savings = calloc(count, sizeof *savings);
    if (savings == NULL)
        return cmt_lsm__no_memory(err);
    cmt_status st = plan_packing(edit, savings, level0, err);
    free(savings);
    return st;
}
