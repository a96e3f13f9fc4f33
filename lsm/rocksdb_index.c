/* SPDX-License-Identifier: Apache-2.0
 *
 * Indexes of tables in RocksDB's format, as one block in LevelDB's form with a restart point at each entry.
 *
 * RocksDB leaves out what a reader can work out.  The properties tell: keys may be user keys without the
 * eight bytes behind them; an entry may have no length of its value, which then is a handle, whole where the
 * key is written whole, else only how much larger (zig-zag) this block is than the one before, which it
 * follows.  An index of two levels names parts that are indexes.
 * Source: RocksDB table/block_based/block_builder.cc, index_builder.cc, block.cc IndexBlockIter; table/format.cc
 * IndexValue::DecodeFrom
 */
#include "rocksdb_table.h"

typedef struct joiner {
    cmt_lsm__table *table;
    const cmt_lsm__layout *layout;
    uint64_t *bytes_read;
    uint64_t behind; /* where the part before ends */
    cmt_buf entries;
    cmt_buf restarts;
} joiner;

/* One block of the index, or of its upper level. */
typedef struct walk {
    const uint8_t *p;
    const uint8_t *end;
    cmt_buf key;
    cmt_lsm__handle handle;
} walk;

static cmt_status damaged(const cmt_lsm__table *t, const char *what, cmt_error *err)
{
    return cmt_error_set(err, CMT_CORRUPT, "table %s: %s", t->name, what);
}

static cmt_status no_memory(const cmt_lsm__table *t, cmt_error *err)
{
    return cmt_error_set(err, CMT_NO_MEMORY, "no memory for the index of %s", t->name);
}

static const uint8_t *get_handle(const uint8_t *p, const uint8_t *end, cmt_lsm__handle *out)
{
    p = cmt_varint_get(p, end, &out->offset);
    return p == NULL ? NULL : cmt_varint_get(p, end, &out->size);
}

/* The handle of the block that follows the one before. */
static const uint8_t *get_next_handle(const uint8_t *p, const uint8_t *end, cmt_lsm__handle *handle)
{
    uint64_t zigzag;
    p = cmt_varint_get(p, end, &zigzag);
    handle->offset += handle->size + CMT_LSM_BLOCK_TRAILER;
    if (p != NULL) /* two's complement: what is out of bounds is seen as such later */
        handle->size += (zigzag >> 1) ^ (0 - (zigzag & 1));
    return p;
}

/* Decode one entry. */
static cmt_status next_entry(const joiner *j, walk *w, cmt_error *err)
{
    uint64_t shared;
    uint64_t unshared;
    uint64_t value_size = 0;
    const uint8_t *p = w->p;
    const size_t least = j->layout->keys_are_user_keys ? 0 : 8;
    if ((p = cmt_varint_get(p, w->end, &shared)) == NULL ||
        (p = cmt_varint_get(p, w->end, &unshared)) == NULL ||
        (!j->layout->values_are_deltas && (p = cmt_varint_get(p, w->end, &value_size)) == NULL))
        return damaged(j->table, "an entry of its index does not decode", err);
    if (shared > w->key.size || unshared > (uint64_t)(w->end - p) ||
        value_size > (uint64_t)(w->end - p) - unshared || shared + unshared < least ||
        shared + unshared > CMT_LSM_KEY_MAX)
        return damaged(j->table, "an entry of its index leaves it", err);
    w->key.size = (size_t)shared;
    if (cmt_buf_append(&w->key, p, (size_t)unshared) != CMT_OK)
        return no_memory(j->table, err);
    p += unshared;
    const uint8_t *value_end = j->layout->values_are_deltas ? w->end : p + value_size;
    p = j->layout->values_are_deltas && shared > 0 ? get_next_handle(p, value_end, &w->handle)
                                                   : get_handle(p, value_end, &w->handle);
    if (p == NULL || !cmt_lsm__handle_fits(w->handle, j->layout->limit))
        return damaged(j->table, "a handle points outside it", err);
    w->p = j->layout->values_are_deltas ? p : value_end;
    return CMT_OK;
}

static cmt_status append_u32(cmt_buf *buf, uint64_t value)
{
    uint8_t bytes[4];
    cmt_store32(bytes, (uint32_t)value);
    return cmt_buf_append(buf, bytes, sizeof bytes);
}

static cmt_status add_entry(joiner *j, const walk *w, cmt_error *err)
{
    /* Behind all entries of its user key: those are in this block or before. */
    static const uint8_t last_of_its_key[8] = {0};
    size_t trailer = j->layout->keys_are_user_keys ? sizeof last_of_its_key : 0;
    uint8_t value[2 * CMT_VARINT_MAX];
    size_t value_size = cmt_varint_put(value, w->handle.offset);
    value_size += cmt_varint_put(value + value_size, w->handle.size);
    if (append_u32(&j->restarts, j->entries.size) != CMT_OK ||
        cmt_buf_append_varint(&j->entries, 0) != CMT_OK ||
        cmt_buf_append_varint(&j->entries, w->key.size + trailer) != CMT_OK ||
        cmt_buf_append_varint(&j->entries, value_size) != CMT_OK ||
        cmt_buf_append(&j->entries, w->key.data, w->key.size) != CMT_OK ||
        cmt_buf_append(&j->entries, last_of_its_key, trailer) != CMT_OK ||
        cmt_buf_append(&j->entries, value, value_size) != CMT_OK)
        return no_memory(j->table, err);
    if (j->entries.size > CMT_LSM_BLOCK_MAX)
        return damaged(j->table, "its index is larger than any database", err);
    return CMT_OK;
}

static cmt_status each_entry(joiner *j, cmt_lsm__handle handle,
                             cmt_status (*on_entry)(joiner *j, const walk *w, cmt_error *err),
                             cmt_error *err)
{
    cmt_lsm__block *block;
    CMT_TRY(cmt_lsm__block_read(j->table, handle, j->bytes_read, &block, err));
    walk w = {.p = block->data, .end = block->data + block->restarts};
    cmt_status st = CMT_OK;
    while (st == CMT_OK && w.p < w.end) {
        st = next_entry(j, &w, err);
        if (st == CMT_OK)
            st = on_entry(j, &w, err);
    }
    cmt_buf_free(&w.key);
    cmt_lsm__block_release(block);
    return st;
}

static cmt_status on_part(joiner *j, const walk *w, cmt_error *err)
{
    /* Parts that lie apart cannot be more than the file. */
    if (w->handle.offset < j->behind)
        return damaged(j->table, "parts of its index overlap", err);
    j->behind = w->handle.offset + w->handle.size;
    if (w->handle.offset < j->table->data_end)
        j->table->data_end = w->handle.offset;
    return each_entry(j, w->handle, add_entry, err);
}

cmt_status cmt_lsm__rocksdb_index_read(cmt_lsm__table *t, const cmt_lsm__layout *layout,
                                       uint64_t *bytes_read, cmt_error *err)
{
    if (!layout->index_has_parts && !layout->keys_are_user_keys && !layout->values_are_deltas)
        return cmt_lsm__block_read(t, layout->index, bytes_read, &t->index, err);
    joiner j = {.table = t, .layout = layout, .bytes_read = bytes_read};
    cmt_status st =
        each_entry(&j, layout->index, layout->index_has_parts ? on_part : add_entry, err);
    size_t count = j.restarts.size / 4;
    if (st == CMT_OK && (cmt_buf_append(&j.entries, j.restarts.data, j.restarts.size) != CMT_OK ||
                         append_u32(&j.entries, count) != CMT_OK))
        st = no_memory(t, err);
    cmt_buf_free(&j.restarts);
    if (st != CMT_OK) {
        cmt_buf_free(&j.entries);
        return st;
    }
    return cmt_lsm__block_new(j.entries.data, j.entries.size, t->meta->number, layout->index.offset,
                              &t->index, err);
}
