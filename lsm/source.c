/* SPDX-License-Identifier: Apache-2.0
 *
 * Streams over tables and journal.
 */
#include "source.h"

#include <stdlib.h>

#include "file.h"

#define WINDOW_FIRST ((size_t)64 << 10)
#define WINDOW_MAX ((size_t)512 << 10)
/* A seek within a block goes so many entries before it searches. */
#define SEEK_STEPS 8

void cmt_lsm__source_init_tables(cmt_lsm__source *s, cmt_lsm__cache *cache,
                                 const cmt_lsm__table_meta **metas, size_t count, cmt_slice upper)
{
    *s = (cmt_lsm__source){.cache = cache, .metas = metas, .meta_count = count, .upper = upper};
}

void cmt_lsm__source_init_journal(cmt_lsm__source *s, const cmt_lsm__journal *journal)
{
    *s = (cmt_lsm__source){.journal = journal};
}

static void leave_table(cmt_lsm__source *s)
{
    cmt_lsm__cursor_set(&s->data, NULL);
    cmt_lsm__cursor_set(&s->index, NULL);
    cmt_lsm__table_release(s->table);
    s->table = NULL;
    s->valid = false;
    cmt_buf_clear(&s->ahead);
}

void cmt_lsm__source_fini(cmt_lsm__source *s)
{
    leave_table(s);
    cmt_lsm__cursor_free(&s->data);
    cmt_lsm__cursor_free(&s->index);
    cmt_buf_free(&s->ahead);
    cmt_buf_free(&s->from_log);
    free((void *)s->metas);
    *s = (cmt_lsm__source){0};
}

bool cmt_lsm__source_at_stored_block(const cmt_lsm__source *s, cmt_slice *stored)
{
    if (s->journal != NULL || !s->valid || !s->block_in_ahead || s->data.entry != 0)
        return false;
    *stored = (cmt_slice){s->ahead.data + (s->block_offset - s->ahead_offset),
                          (size_t)(s->next_offset - s->block_offset)};
    return true;
}

cmt_status cmt_lsm__source_leave_block(cmt_lsm__source *s, cmt_error *err)
{
    CMT_TRY(cmt_lsm__cursor_last(&s->data, err));
    s->key = cmt_buf_slice(&s->data.key);
    s->value = s->data.value;
    return CMT_OK;
}

const cmt_lsm__table_meta *cmt_lsm__source_table(const cmt_lsm__source *s)
{
    return s->table != NULL ? s->table->meta : NULL;
}

/* ---- within one table ----------------------------------------------------------------------- */

/* Offset behind the last block that can hold keys below s->upper. */
static cmt_status find_ahead_limit(cmt_lsm__source *s, cmt_error *err)
{
    s->ahead_limit = s->table->data_end;
    if (s->upper.size == 0)
        return CMT_OK;
    cmt_lsm__cursor cursor = {0};
    cmt_buf target = CMT_BUF_INIT;
    cmt_lsm__cursor_set(&cursor, s->table->index);
    cmt_status st =
        cmt_lsm__make_internal(s->upper, CMT_LSM_SEQUENCE_MAX, CMT_LSM_TYPE_PUT, &target);
    if (st == CMT_OK)
        st = cmt_lsm__cursor_seek(&cursor, cmt_buf_slice(&target), err);
    if (st == CMT_OK && cursor.valid) {
        cmt_lsm__handle handle;
        st = cmt_lsm__handle_decode(s->table, cursor.value, &handle, err);
        if (st == CMT_OK)
            s->ahead_limit = handle.offset + handle.size + CMT_LSM_BLOCK_TRAILER;
    }
    cmt_buf_free(&target);
    cmt_lsm__cursor_free(&cursor);
    return st;
}

static cmt_status enter_table(cmt_lsm__source *s, size_t position, cmt_error *err)
{
    if (s->table != NULL && s->position == position)
        return CMT_OK;
    leave_table(s);
    CMT_TRY(cmt_lsm__cache_table(s->cache, s->metas[position], &s->table, err));
    s->position = position;
    cmt_lsm__cursor_set(&s->index, s->table->index);
    s->next_offset = UINT64_MAX;
    s->ahead_window = WINDOW_FIRST;
    return find_ahead_limit(s, err);
}

/* Read forward from the block at `handle` in one piece. */
static cmt_status read_ahead(cmt_lsm__source *s, cmt_lsm__handle handle, cmt_error *err)
{
    uint64_t need = handle.size + CMT_LSM_BLOCK_TRAILER;
    uint64_t want = s->ahead_limit > handle.offset ? s->ahead_limit - handle.offset : 0;
    if (want > s->ahead_window)
        want = s->ahead_window;
    if (want < need)
        want = need;
    cmt_buf_clear(&s->ahead);
    if (cmt_buf_reserve(&s->ahead, (size_t)want) != CMT_OK)
        return cmt_error_set(err, CMT_NO_MEMORY, "no memory to read ahead");
    CMT_TRY(cmt_file_read_at(s->table->fd, s->table->name, handle.offset, s->ahead.data,
                             (size_t)want, err));
    s->cache->bytes_read += want;
    s->ahead.size = (size_t)want;
    s->ahead_offset = handle.offset;
    if (s->ahead_window < WINDOW_MAX)
        s->ahead_window *= 2;
    return CMT_OK;
}

/* Load the data block that the index cursor stands on; `forward` if the scan came from the one before. */
static cmt_status load_data(cmt_lsm__source *s, bool forward, cmt_error *err)
{
    cmt_lsm__handle handle;
    cmt_lsm__block *block = NULL;
    CMT_TRY(cmt_lsm__handle_decode(s->table, s->index.value, &handle, err));
    uint64_t need = handle.size + CMT_LSM_BLOCK_TRAILER;
    s->block_offset = handle.offset;
    s->block_in_ahead = forward && handle.offset == s->next_offset;
    if (s->block_in_ahead) {
        bool have = handle.offset >= s->ahead_offset &&
                    handle.offset - s->ahead_offset <= s->ahead.size &&
                    need <= s->ahead.size - (handle.offset - s->ahead_offset);
        if (!have)
            CMT_TRY(read_ahead(s, handle, err));
        const uint8_t *raw = s->ahead.data + (handle.offset - s->ahead_offset);
        CMT_TRY(cmt_lsm__block_unpack(s->table, handle, raw, &block, err));
    } else {
        CMT_TRY(cmt_lsm__cache_block(s->cache, s->table, handle, &block, err));
    }
    s->next_offset = handle.offset + need;
    cmt_lsm__cursor_set(&s->data, block);
    cmt_lsm__block_release(block);
    return CMT_OK;
}

/* ---- moving over the tables ----------------------------------------------------------------- */

/* pebble believes the MANIFEST rather than the table where that names one sequence only, as it does for a
 * table that was taken in from outside. */
static cmt_status check_sequence(const cmt_lsm__source *s, cmt_error *err)
{
    const cmt_lsm__table_meta *meta = s->table->meta;
    if (!meta->rocksdb_format || meta->rocksdb ||
        meta->smallest_sequence != meta->largest_sequence ||
        cmt_lsm__sequence(s->key) == meta->largest_sequence)
        return CMT_OK;
    return cmt_error_set(err, CMT_UNSUPPORTED,
                         "table %s was made outside the database and taken in, which CometBFT does "
                         "not do",
                         s->table->name);
}

static cmt_status show(cmt_lsm__source *s, cmt_error *err)
{
    s->valid = s->data.valid;
    if (!s->valid)
        return CMT_OK;
    s->key = cmt_buf_slice(&s->data.key);
    s->value = s->data.value;
    if (cmt_lsm__type(s->key) > CMT_LSM_TYPE_PUT)
        return cmt_error_set(err, CMT_UNSUPPORTED, "table %s holds an entry of kind %u, which %s",
                             s->table->name, cmt_lsm__type(s->key),
                             s->table->meta->rocksdb_format ? "CometBFT does not write"
                                                            : "LevelDB does not have");
    return check_sequence(s, err);
}

/* The index ran off its end: on to the first block of the next table, if there is one that may be wanted. */
static cmt_status next_table(cmt_lsm__source *s, cmt_error *err)
{
    while (!s->index.valid) {
        size_t next = s->position + 1;
        leave_table(s);
        if (next >= s->meta_count ||
            (s->upper.size > 0 &&
             cmt_slice_compare(cmt_lsm__user_key(s->metas[next]->smallest), s->upper) >= 0))
            return CMT_OK;
        CMT_TRY(enter_table(s, next, err));
        CMT_TRY(cmt_lsm__cursor_first(&s->index, err));
        if (s->index.valid) {
            cmt_lsm__handle handle;
            CMT_TRY(cmt_lsm__handle_decode(s->table, s->index.value, &handle, err));
            s->next_offset = handle.offset; /* a scan that goes on may read ahead at once */
        }
    }
    return CMT_OK;
}

static cmt_status previous_table(cmt_lsm__source *s, cmt_error *err)
{
    while (!s->index.valid) {
        size_t here = s->position;
        leave_table(s);
        if (here == 0)
            return CMT_OK;
        CMT_TRY(enter_table(s, here - 1, err));
        CMT_TRY(cmt_lsm__cursor_last(&s->index, err));
    }
    return CMT_OK;
}

/* The data cursor ran off its block: go on to the following blocks and tables. */
static cmt_status go_on(cmt_lsm__source *s, cmt_error *err)
{
    while (!s->data.valid) {
        CMT_TRY(cmt_lsm__cursor_next(&s->index, err));
        CMT_TRY(next_table(s, err));
        if (s->table == NULL)
            return CMT_OK;
        CMT_TRY(load_data(s, true, err));
        CMT_TRY(cmt_lsm__cursor_first(&s->data, err));
    }
    return show(s, err);
}

static cmt_status go_back(cmt_lsm__source *s, cmt_error *err)
{
    while (!s->data.valid) {
        CMT_TRY(cmt_lsm__cursor_prev(&s->index, err));
        CMT_TRY(previous_table(s, err));
        if (s->table == NULL)
            return CMT_OK;
        CMT_TRY(load_data(s, false, err));
        CMT_TRY(cmt_lsm__cursor_last(&s->data, err));
    }
    return show(s, err);
}

static cmt_status journal_at(cmt_lsm__source *s, size_t entry, cmt_error *err)
{
    s->valid = false;
    s->entry = entry;
    if (entry >= s->journal->count)
        return CMT_OK;
    const cmt_lsm__entry *e = &s->journal->entries[entry];
    CMT_TRY(cmt_lsm__journal_value(s->journal, e, &s->from_log, &s->value, err));
    s->key = cmt_lsm__entry_key(e);
    s->valid = true;
    return CMT_OK;
}

/* No block of the current table holds what is sought.  Its bounds promise otherwise, unless a range
 * deletion reaches further than its keys: then the neighbour has it. */
static cmt_status no_block(cmt_lsm__source *s, bool forward, const char *what, cmt_error *err)
{
    if (s->table->range_dels == 0)
        return cmt_error_set(err, CMT_CORRUPT, "table %s %s", s->table->name, what);
    CMT_TRY(forward ? next_table(s, err) : previous_table(s, err));
    if (s->table == NULL)
        return CMT_OK;
    CMT_TRY(load_data(s, false, err));
    CMT_TRY(forward ? cmt_lsm__cursor_first(&s->data, err) : cmt_lsm__cursor_last(&s->data, err));
    return forward ? go_on(s, err) : go_back(s, err);
}

cmt_status cmt_lsm__source_first(cmt_lsm__source *s, cmt_error *err)
{
    if (s->journal != NULL)
        return journal_at(s, 0, err);
    s->valid = false;
    if (s->meta_count == 0)
        return CMT_OK;
    CMT_TRY(enter_table(s, 0, err));
    CMT_TRY(cmt_lsm__cursor_first(&s->index, err));
    if (!s->index.valid)
        return no_block(s, true, "has an empty index", err);
    CMT_TRY(load_data(s, false, err));
    CMT_TRY(cmt_lsm__cursor_first(&s->data, err));
    return go_on(s, err);
}

cmt_status cmt_lsm__source_last(cmt_lsm__source *s, cmt_error *err)
{
    if (s->journal != NULL)
        return journal_at(s, s->journal->count == 0 ? 0 : s->journal->count - 1, err);
    s->valid = false;
    if (s->meta_count == 0)
        return CMT_OK;
    CMT_TRY(enter_table(s, s->meta_count - 1, err));
    CMT_TRY(cmt_lsm__cursor_last(&s->index, err));
    if (!s->index.valid)
        return no_block(s, false, "has an empty index", err);
    CMT_TRY(load_data(s, false, err));
    CMT_TRY(cmt_lsm__cursor_last(&s->data, err));
    return go_back(s, err);
}

/* Is the first entry >= `internal` in the block the source stands in, at or behind where it stands, or else
 * the first one behind the block?  A search that goes forward in small steps then needs neither the other
 * tables' bounds nor the index.  The separator of a table's last block may lie far behind the table's largest
 * key, with whole tables in between. */
static bool seek_stays_in_block(const cmt_lsm__source *s, cmt_slice internal)
{
    return s->valid && s->data.valid && s->index.valid &&
           cmt_lsm__internal_compare(s->key, internal) <= 0 &&
           cmt_lsm__internal_compare(internal, cmt_buf_slice(&s->index.key)) <= 0 &&
           cmt_lsm__internal_compare(internal, s->table->meta->largest) <= 0;
}

/* The first entry >= `internal` from here on in the block: near by it is found step by step. */
static cmt_status seek_in_block(cmt_lsm__source *s, cmt_slice internal, cmt_error *err)
{
    for (int steps = 0; steps < SEEK_STEPS; steps++) {
        if (!s->data.valid || cmt_lsm__internal_compare(cmt_buf_slice(&s->data.key), internal) >= 0)
            return CMT_OK;
        CMT_TRY(cmt_lsm__cursor_next(&s->data, err));
    }
    return cmt_lsm__cursor_seek(&s->data, internal, err);
}

cmt_status cmt_lsm__source_seek(cmt_lsm__source *s, cmt_slice internal, cmt_error *err)
{
    if (s->table != NULL && seek_stays_in_block(s, internal)) {
        s->valid = false;
        CMT_TRY(seek_in_block(s, internal, err));
        return go_on(s, err);
    }
    size_t low = 0;
    size_t high = s->journal != NULL ? s->journal->count : s->meta_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        cmt_slice key = s->journal != NULL ? cmt_lsm__entry_key(&s->journal->entries[middle])
                                           : s->metas[middle]->largest;
        if (cmt_lsm__internal_compare(key, internal) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    if (s->journal != NULL)
        return journal_at(s, low, err);
    s->valid = false;
    if (low == s->meta_count) {
        leave_table(s);
        return CMT_OK;
    }
    CMT_TRY(enter_table(s, low, err));
    CMT_TRY(cmt_lsm__cursor_seek(&s->index, internal, err));
    if (s->index.valid) {
        CMT_TRY(load_data(s, false, err));
        CMT_TRY(cmt_lsm__cursor_seek(&s->data, internal, err));
    } else {
        /* Behind the last separator: only a damaged table says so of a key within its bounds. */
        return no_block(s, true, "has an index that ends before its largest key", err);
    }
    return go_on(s, err);
}

cmt_status cmt_lsm__source_next(cmt_lsm__source *s, cmt_error *err)
{
    if (s->journal != NULL)
        return journal_at(s, s->entry + 1, err);
    s->valid = false;
    CMT_TRY(cmt_lsm__cursor_next(&s->data, err));
    return go_on(s, err);
}

cmt_status cmt_lsm__source_prev(cmt_lsm__source *s, cmt_error *err)
{
    if (s->journal != NULL)
        return journal_at(s, s->entry == 0 ? s->journal->count : s->entry - 1, err);
    s->valid = false;
    CMT_TRY(cmt_lsm__cursor_prev(&s->data, err));
    return go_back(s, err);
}
