/* SPDX-License-Identifier: Apache-2.0
 *
 * Rewriting boundary tables of levels 1 and deeper: their live entries go, in the same order and
 * with the same sequences, into new tables of the same level.
 *
 * I5: a new table's range is a part of the old ones' and an output ends only between old tables whose
 * user keys differ, so the level stays disjoint and no user key is split over two tables anew.
 *
 * A block without a dead key is copied as it is stored, its checksum verified.  Of a run of such blocks
 * only those that may become the first or the last of the new table are decoded, for its bounds; the
 * others keep the separator that the old index has for them, which lies before the block that follows.
 * For pebble all of them are decoded: its tables count their entries.
 */
#include "edit_internal.h"

/* Blocks side by side are read together, up to this much. */
#define READ_BYTES ((uint64_t)512 << 10)

typedef struct rewriter {
    cmt_lsm_edit *edit;
    cmt_lsm_view *view;
    cmt_lsm__builder builder;
    cmt_lsm__judge judge;
    unsigned level;
    const cmt_lsm__table_meta *meta; /* the table being rewritten */
    cmt_buf raw;                     /* stored blocks, side by side */
    cmt_buf pieces;                  /* the blocks of a table that are read: array of piece */
    cmt_buf separators;
    cmt_buf first; /* of a block that is copied */
    cmt_buf last;
    uint64_t done; /* bytes of this table */
} rewriter;

static cmt_status begin(rewriter *w, cmt_error *err)
{
    if (cmt_lsm__builder_is_open(&w->builder))
        return CMT_OK;
    return cmt_lsm__edit_begin_table(w->edit, &w->builder, err);
}

static cmt_status finish(rewriter *w, cmt_error *err)
{
    if (!cmt_lsm__builder_is_open(&w->builder))
        return CMT_OK;
    return cmt_lsm__edit_finish_table(w->edit, &w->builder, w->level, err);
}

/* An entry that goes into a new table must be one of those that the invariants speak of. */
static cmt_status check_entry(const rewriter *w, cmt_slice key, cmt_error *err)
{
    uint64_t sequence = cmt_lsm__sequence(key);
    if (sequence >= w->edit->sequence)
        return cmt_lsm__sequence_too_high(w->edit, err);
    if (cmt_lsm__type(key) > CMT_LSM_TYPE_PUT ||
        (w->meta->rocksdb_format &&
         (sequence < w->meta->smallest_sequence || sequence > w->meta->largest_sequence)))
        return cmt_error_set(err, CMT_UNSUPPORTED,
                             "table %06llu holds an entry of kind %u with sequence %llu, which "
                             "CometBFT's engines do not write; nothing was changed",
                             (unsigned long long)w->meta->number, cmt_lsm__type(key),
                             (unsigned long long)sequence);
    return CMT_OK;
}

/* Copy the live entries of a block one by one. */
static cmt_status filter_block(rewriter *w, cmt_lsm__block *block, cmt_error *err)
{
    cmt_lsm__cursor cursor = {0};
    cmt_lsm__cursor_set(&cursor, block);
    cmt_status st = cmt_lsm__cursor_first(&cursor, err);
    while (st == CMT_OK && cursor.valid) {
        cmt_slice key = cmt_buf_slice(&cursor.key);
        bool dead;
        st = cmt_lsm__is_dead(w->edit, &w->judge, cmt_lsm__user_key(key), &dead, err);
        if (st == CMT_OK && !dead) {
            st = check_entry(w, key, err);
            if (st == CMT_OK)
                st = begin(w, err);
            if (st == CMT_OK)
                st = cmt_lsm__builder_add(&w->builder, key, cursor.value, err);
        }
        if (st == CMT_OK)
            st = cmt_lsm__cursor_next(&cursor, err);
    }
    cmt_lsm__cursor_free(&cursor);
    return st;
}

/* Copy a block without a dead key as it is stored, once its entries have been seen to be in order: its
 * first and last key become bounds. */
static cmt_status copy_decoded(rewriter *w, cmt_lsm__block *block, cmt_slice stored, cmt_error *err)
{
    cmt_lsm__cursor cursor = {0};
    cmt_lsm__block_facts facts = {0};
    cmt_buf_clear(&w->first);
    cmt_buf_clear(&w->last);
    cmt_lsm__cursor_set(&cursor, block);
    cmt_status st = cmt_lsm__cursor_first(&cursor, err);
    if (st == CMT_OK && cursor.valid &&
        cmt_buf_set(&w->first, cmt_buf_slice(&cursor.key)) != CMT_OK)
        st = cmt_lsm__no_memory(err);
    while (st == CMT_OK && cursor.valid) {
        cmt_slice key = cmt_buf_slice(&cursor.key);
        if (w->last.size > 0 && cmt_lsm__internal_compare(cmt_buf_slice(&w->last), key) >= 0)
            st = cmt_error_set(err, CMT_CORRUPT, "table %06llu: keys out of order",
                               (unsigned long long)block->table);
        else
            st = check_entry(w, key, err);
        if (st == CMT_OK && cmt_buf_set(&w->last, key) != CMT_OK)
            st = cmt_lsm__no_memory(err);
        cmt_lsm__block_facts_add(&facts, key, cursor.value.size);
        if (st == CMT_OK)
            st = cmt_lsm__cursor_next(&cursor, err);
    }
    cmt_lsm__cursor_free(&cursor);
    CMT_TRY(st);
    if (w->first.size == 0) /* blocks before it count on its keys as the last ones */
        return cmt_error_set(err, CMT_CORRUPT, "table %06llu: the block at offset %llu is empty",
                             (unsigned long long)block->table, (unsigned long long)block->offset);
    CMT_TRY(begin(w, err));
    return cmt_lsm__builder_add_block(&w->builder, stored, cmt_buf_slice(&w->first),
                                      cmt_buf_slice(&w->last), &facts, err);
}

/* A data block of the table being rewritten. */
typedef struct piece {
    cmt_lsm__handle handle;
    size_t separator; /* its key in the old index: where in rewriter.separators */
    size_t separator_size;
    bool untouched; /* no dead key in it: copied as stored */
    bool inner;     /* and so is the next: this one does not end the new table */
} piece;

static cmt_status add_piece(rewriter *w, piece p, cmt_slice separator, cmt_error *err)
{
    size_t count = w->pieces.size / sizeof p;
    piece *previous = count > 0 ? (piece *)(void *)w->pieces.data + count - 1 : NULL;
    if (previous != NULL)
        previous->inner = previous->untouched && p.untouched;
    p.separator = w->separators.size;
    p.separator_size = separator.size;
    if (cmt_buf_append(&w->separators, separator.data, separator.size) != CMT_OK ||
        cmt_buf_append(&w->pieces, &p, sizeof p) != CMT_OK)
        return cmt_lsm__no_memory(err);
    return CMT_OK;
}

/* List the blocks that are not wholly dead. */
static cmt_status list_pieces(rewriter *w, cmt_lsm__table *table, cmt_error *err)
{
    cmt_lsm_edit *edit = w->edit;
    cmt_lsm__cursor index = {0};
    cmt_buf lo = CMT_BUF_INIT;
    cmt_slice largest = cmt_lsm__user_key(table->meta->largest);
    cmt_status st = cmt_buf_set(&lo, cmt_lsm__user_key(table->meta->smallest));
    cmt_lsm__cursor_set(&index, table->index);
    cmt_buf_clear(&w->pieces);
    cmt_buf_clear(&w->separators);
    if (st == CMT_OK)
        st = cmt_lsm__cursor_first(&index, err);
    while (st == CMT_OK && index.valid) {
        cmt_slice hi = cmt_lsm__user_key(cmt_buf_slice(&index.key));
        cmt_slice low = cmt_buf_slice(&lo);
        piece p = {0};
        if (cmt_slice_compare(hi, largest) > 0)
            hi = largest;
        st = cmt_lsm__handle_decode(table, index.value, &p.handle, err);
        p.untouched =
            !cmt_lsm__touches_dead(edit, low, hi) && !cmt_lsm__touches_judged(edit, low, hi);
        if (st == CMT_OK && !cmt_lsm__inside_dead(edit, low, hi))
            st = add_piece(w, p, cmt_buf_slice(&index.key), err);
        if (st == CMT_OK && cmt_buf_set(&lo, hi) != CMT_OK)
            st = cmt_lsm__no_memory(err);
        if (st == CMT_OK)
            st = cmt_lsm__cursor_next(&index, err);
    }
    cmt_lsm__cursor_free(&index);
    cmt_buf_free(&lo);
    return st;
}

/* How many of the pieces from `first` on lie side by side and are read in one go. */
static size_t run_length(const piece *pieces, size_t count, uint64_t *bytes)
{
    size_t n = 1;
    *bytes = pieces[0].handle.size + CMT_LSM_BLOCK_TRAILER;
    while (n < count && pieces[n].handle.offset == pieces[0].handle.offset + *bytes &&
           *bytes + pieces[n].handle.size < READ_BYTES) {
        *bytes += pieces[n].handle.size + CMT_LSM_BLOCK_TRAILER;
        n++;
    }
    return n;
}

static cmt_status rewrite_block(rewriter *w, const cmt_lsm__table *table, const piece *p,
                                cmt_slice stored, cmt_error *err)
{
    if (p->inner && !w->builder.rocksdb_format && cmt_lsm__builder_is_open(&w->builder) &&
        w->builder.first_key.size > 0) {
        cmt_slice separator = {w->separators.data + p->separator, p->separator_size};
        CMT_TRY(cmt_lsm__block_verify(table, p->handle, stored.data, err));
        return cmt_lsm__builder_add_block(&w->builder, stored, separator, separator, NULL, err);
    }
    cmt_lsm__block *block;
    CMT_TRY(cmt_lsm__block_unpack(table, p->handle, stored.data, &block, err));
    cmt_status st =
        p->untouched ? copy_decoded(w, block, stored, err) : filter_block(w, block, err);
    cmt_lsm__block_release(block);
    return st;
}

static cmt_status rewrite_run(rewriter *w, cmt_lsm__table *table, const piece *pieces, size_t count,
                              uint64_t bytes, cmt_error *err)
{
    uint64_t start = pieces[0].handle.offset;
    cmt_buf_clear(&w->raw);
    if (cmt_buf_reserve(&w->raw, (size_t)bytes) != CMT_OK)
        return cmt_lsm__no_memory(err);
    CMT_TRY(cmt_file_read_at(table->fd, table->name, start, w->raw.data, (size_t)bytes, err));
    w->view->cache.bytes_read += bytes;
    for (size_t i = 0; i < count; i++) {
        cmt_slice stored = {w->raw.data + (pieces[i].handle.offset - start),
                            (size_t)pieces[i].handle.size + CMT_LSM_BLOCK_TRAILER};
        CMT_TRY(rewrite_block(w, table, &pieces[i], stored, err));
    }
    w->done += bytes;
    return CMT_OK;
}

static cmt_status rewrite_blocks(rewriter *w, cmt_lsm__table *table, cmt_error *err)
{
    CMT_TRY(list_pieces(w, table, err));
    const piece *pieces = (const piece *)(const void *)w->pieces.data;
    size_t count = w->pieces.size / sizeof *pieces;
    for (size_t i = 0; i < count;) {
        uint64_t bytes;
        size_t n = run_length(pieces + i, count - i, &bytes);
        CMT_TRY(rewrite_run(w, table, pieces + i, n, bytes, err));
        i += n;
    }
    return CMT_OK;
}

/* May the output end before `next` begins?  Not between two entries of one user key. */
static bool may_cut(const rewriter *w, const cmt_lsm__table_meta *next)
{
    cmt_slice last = cmt_buf_slice(&w->builder.last_key);
    return w->builder.offset + w->builder.block.size >= w->edit->table_bytes / 4 * 3 &&
           last.size >= 8 &&
           !cmt_slice_equal(cmt_lsm__user_key(last), cmt_lsm__user_key(next->smallest));
}

static cmt_status rewrite_table(rewriter *w, const cmt_lsm__table_meta *meta, cmt_error *err)
{
    cmt_lsm__table *table;
    if (cmt_lsm__builder_is_open(&w->builder) && may_cut(w, meta))
        CMT_TRY(finish(w, err));
    w->meta = meta;
    CMT_TRY(cmt_lsm__cache_table(&w->view->cache, meta, &table, err));
    w->done = 0;
    cmt_status st = rewrite_blocks(w, table, err);
    cmt_lsm__table_release(table);
    CMT_TRY(st);
    return cmt_lsm__edit_wrote(w->edit, w->done, err);
}

static cmt_status write_tables(rewriter *w, size_t from, size_t to, cmt_error *err)
{
    const cmt_lsm__version *v = &w->view->version;
    for (size_t i = from; i < to; i++) {
        const cmt_lsm__table_meta *meta = &v->tables[i];
        switch (w->edit->plans[i].fate) {
        case CMT_LSM_DROP:
            break;
        case CMT_LSM_REWRITE:
            CMT_TRY(rewrite_table(w, meta, err));
            break;
        case CMT_LSM_KEEP:
        case CMT_LSM_MARK:
        case CMT_LSM_MERGE:          /* level 0 only */
            CMT_TRY(finish(w, err)); /* an output never runs over a table that stays */
            CMT_TRY(cmt_lsm__edit_keep_table(w->edit, meta, err));
            break;
        }
    }
    return finish(w, err);
}

cmt_status cmt_lsm__write_tables(cmt_lsm_edit *edit, cmt_lsm_view *view, unsigned level,
                                 size_t from, size_t to, cmt_error *err)
{
    uint64_t bytes_written = 0;
    rewriter w = {.edit = edit, .view = view, .judge.view = view, .level = level};
    cmt_lsm__edit_init_builder(edit, &w.builder, &bytes_written);
    cmt_status st = write_tables(&w, from, to, err);
    cmt_lsm__edit_count_bytes(edit, 0, bytes_written);
    cmt_lsm__builder_fini(&w.builder);
    cmt_lsm__judge_fini(&w.judge);
    cmt_buf_free(&w.raw);
    cmt_buf_free(&w.pieces);
    cmt_buf_free(&w.separators);
    cmt_buf_free(&w.first);
    cmt_buf_free(&w.last);
    return st;
}
