/* SPDX-License-Identifier: Apache-2.0
 *
 * Tables in RocksDB's format 2, as pebble writes them in FormatMostCompatible.
 *
 * The data blocks are LevelDB's.  The last 53 bytes are: kind of checksum; handles of the meta index and of
 * the index, zero fill to 40 bytes; version, u32; magic.  The meta index names the properties
 * ("rocksdb.properties") and, where there are any, the range deletions ("rocksdb.range_del2",
 * fragmented, and the same under "rocksdb.range_del": internal key of the start, value = the end).  An index
 * of more than one block's size has two levels; which it is stands in the properties.
 */
#include <stdlib.h>

#include "cleanup.h"
#include "table.h"

#include "file.h"

enum { INDEX_BINARY_SEARCH = 0, INDEX_TWO_LEVELS = 2 };

/* What the meta index and the properties say. */
typedef struct layout {
    cmt_lsm__handle meta;
    cmt_lsm__handle index;
    cmt_lsm__handle properties;
    cmt_lsm__handle range_dels;
    bool have_properties;
    bool have_range_dels;
    uint32_t index_kind;
    uint64_t limit; /* where the footer begins */
} layout;

static cmt_status damaged(const cmt_lsm__table *t, const char *what, cmt_error *err)
{
    return cmt_error_set(err, CMT_CORRUPT, "table %s: %s", t->name, what);
}

static cmt_status get_handle(const cmt_lsm__table *t, const layout *l, const uint8_t **p,
                             const uint8_t *end, cmt_lsm__handle *handle, cmt_error *err)
{
    *p = cmt_varint_get(*p, end, &handle->offset);
    if (*p != NULL)
        *p = cmt_varint_get(*p, end, &handle->size);
    if (*p == NULL || !cmt_lsm__handle_fits(*handle, l->limit))
        return damaged(t, "a handle points outside it", err);
    return CMT_OK;
}

static cmt_status load_footer(int fd, const char *name, uint64_t size,
                              uint8_t footer[CMT_LSM_ROCKSDB_FOOTER], cmt_error *err)
{
    if (size < CMT_LSM_ROCKSDB_FOOTER)
        return cmt_error_set(err, CMT_CORRUPT, "table %s is too short to be one", name);
    CMT_TRY(cmt_file_read_at(fd, name, size - CMT_LSM_ROCKSDB_FOOTER, footer,
                             CMT_LSM_ROCKSDB_FOOTER, err));
    if (cmt_load64(footer + 45) != CMT_LSM_ROCKSDB_MAGIC)
        return cmt_error_set(err, CMT_UNSUPPORTED,
                             "table %s does not end as CometBFT's pebble writes it (bad magic)",
                             name);
    if (cmt_load32(footer + 41) != CMT_LSM_ROCKSDB_VERSION || footer[0] != CMT_LSM_CHECKSUM_CRC32C)
        return cmt_error_set(err, CMT_UNSUPPORTED,
                             "table %s has format %u and checksum kind %u; CometBFT's pebble "
                             "writes 2 and 1",
                             name, (unsigned)cmt_load32(footer + 41), (unsigned)footer[0]);
    return CMT_OK;
}

cmt_status cmt_lsm__rocksdb_table_check(int fd, const char *name, uint64_t size, cmt_error *err)
{
    uint8_t footer[CMT_LSM_ROCKSDB_FOOTER];
    return load_footer(fd, name, size, footer, err);
}

static cmt_status read_footer(const cmt_lsm__table *t, uint64_t *bytes_read, layout *l,
                              cmt_error *err)
{
    uint8_t footer[CMT_LSM_ROCKSDB_FOOTER];
    CMT_TRY(load_footer(t->fd, t->name, t->meta->size, footer, err));
    l->limit = t->meta->size - sizeof footer;
    *bytes_read += sizeof footer;
    const uint8_t *p = footer + 1;
    CMT_TRY(get_handle(t, l, &p, footer + 41, &l->meta, err));
    return get_handle(t, l, &p, footer + 41, &l->index, err);
}

/* Call `on_entry` for each entry of a block. */
static cmt_status each_entry(cmt_lsm__table *t, cmt_lsm__handle handle, uint64_t *bytes_read,
                             cmt_status (*on_entry)(void *context, cmt_slice key, cmt_slice value,
                                                    cmt_error *err),
                             void *context, cmt_error *err)
{
    CMT_AUTO(cmt_lsm__cursor_free) cmt_lsm__cursor cursor = {0};
    cmt_lsm__block *block;
    CMT_TRY(cmt_lsm__block_read(t, handle, bytes_read, &block, err));
    cmt_lsm__cursor_set(&cursor, block);
    cmt_lsm__block_release(block);
    CMT_TRY(cmt_lsm__cursor_first(&cursor, err));
    while (cursor.valid) {
        CMT_TRY(on_entry(context, cmt_buf_slice(&cursor.key), cursor.value, err));
        CMT_TRY(cmt_lsm__cursor_next(&cursor, err));
    }
    return CMT_OK;
}

/* ---- meta index and properties -------------------------------------------------------------- */

typedef struct meta_reader {
    cmt_lsm__table *table;
    layout *layout;
} meta_reader;

static cmt_status on_meta(void *context, cmt_slice key, cmt_slice value, cmt_error *err)
{
    meta_reader *r = context;
    layout *l = r->layout;
    const uint8_t *p = value.data;
    const uint8_t *end = value.data + value.size;
    if (cmt_slice_equal(key, CMT_SLICE("rocksdb.properties"))) {
        l->have_properties = true;
        return get_handle(r->table, l, &p, end, &l->properties, err);
    }
    /* "…del2" comes last and is the same block or its better form. */
    if (cmt_slice_equal(key, CMT_SLICE("rocksdb.range_del")) ||
        cmt_slice_equal(key, CMT_SLICE("rocksdb.range_del2"))) {
        l->have_range_dels = true;
        return get_handle(r->table, l, &p, end, &l->range_dels, err);
    }
    return CMT_OK;
}

static cmt_status on_property(void *context, cmt_slice key, cmt_slice value, cmt_error *err)
{
    meta_reader *r = context;
    if (!cmt_slice_equal(key, CMT_SLICE("rocksdb.block.based.table.index.type")))
        return CMT_OK;
    if (value.size != 4)
        return damaged(r->table, "its properties do not decode", err);
    r->layout->index_kind = cmt_load32(value.data);
    return CMT_OK;
}

static cmt_status read_meta(cmt_lsm__table *t, uint64_t *bytes_read, layout *l, cmt_error *err)
{
    meta_reader r = {t, l};
    CMT_TRY(each_entry(t, l->meta, bytes_read, on_meta, &r, err));
    if (!l->have_properties)
        return damaged(t, "it has no properties", err);
    CMT_TRY(each_entry(t, l->properties, bytes_read, on_property, &r, err));
    if (l->index_kind != INDEX_BINARY_SEARCH && l->index_kind != INDEX_TWO_LEVELS)
        return cmt_error_set(err, CMT_UNSUPPORTED, "table %s has an index of kind %u", t->name,
                             (unsigned)l->index_kind);
    return CMT_OK;
}

/* ---- the index ------------------------------------------------------------------------------ */

/* An index of two levels as one block with a restart point at each entry. */
typedef struct joiner {
    cmt_lsm__table *table;
    const layout *layout;
    uint64_t *bytes_read;
    uint64_t behind; /* where the part before ends */
    cmt_buf entries;
    cmt_buf restarts;
} joiner;

static cmt_status append_u32(cmt_buf *buf, uint64_t value)
{
    uint8_t bytes[4];
    cmt_store32(bytes, (uint32_t)value);
    return cmt_buf_append(buf, bytes, sizeof bytes);
}

static cmt_status on_index_entry(void *context, cmt_slice key, cmt_slice value, cmt_error *err)
{
    joiner *j = context;
    if (append_u32(&j->restarts, j->entries.size) != CMT_OK ||
        cmt_buf_append_varint(&j->entries, 0) != CMT_OK ||
        cmt_buf_append_varint(&j->entries, key.size) != CMT_OK ||
        cmt_buf_append_varint(&j->entries, value.size) != CMT_OK ||
        cmt_buf_append(&j->entries, key.data, key.size) != CMT_OK ||
        cmt_buf_append(&j->entries, value.data, value.size) != CMT_OK)
        return cmt_error_set(err, CMT_NO_MEMORY, "no memory for the index of %s", j->table->name);
    if (j->entries.size > CMT_LSM_BLOCK_MAX)
        return damaged(j->table, "its index is larger than any database", err);
    return CMT_OK;
}

static cmt_status on_partition(void *context, cmt_slice key, cmt_slice value, cmt_error *err)
{
    joiner *j = context;
    cmt_lsm__handle handle;
    const uint8_t *p = value.data;
    (void)key;
    CMT_TRY(get_handle(j->table, j->layout, &p, value.data + value.size, &handle, err));
    /* Parts that lie apart cannot be more than the file. */
    if (handle.offset < j->behind)
        return damaged(j->table, "parts of its index overlap", err);
    j->behind = handle.offset + handle.size;
    if (handle.offset < j->table->data_end)
        j->table->data_end = handle.offset;
    return each_entry(j->table, handle, j->bytes_read, on_index_entry, j, err);
}

static cmt_status join_index(cmt_lsm__table *t, uint64_t *bytes_read, const layout *l,
                             cmt_error *err)
{
    CMT_AUTO(cmt_buf_free) cmt_buf restarts = CMT_BUF_INIT;
    joiner j = {.table = t, .layout = l, .bytes_read = bytes_read};
    cmt_status st = each_entry(t, l->index, bytes_read, on_partition, &j, err);
    restarts = j.restarts;
    size_t count = restarts.size / 4;
    if (st == CMT_OK && (cmt_buf_append(&j.entries, restarts.data, restarts.size) != CMT_OK ||
                         append_u32(&j.entries, count) != CMT_OK))
        st = cmt_error_set(err, CMT_NO_MEMORY, "no memory for the index of %s", t->name);
    if (st != CMT_OK) {
        cmt_buf_free(&j.entries);
        return st;
    }
    return cmt_lsm__block_new(j.entries.data, j.entries.size, t->meta->number, l->index.offset,
                              &t->index, err);
}

/* ---- range deletions ------------------------------------------------------------------------ */

typedef struct dels_reader {
    cmt_lsm__table *table;
    cmt_lsm__range_dels *dels;
    cmt_slice lowest; /* the table's bounds, as user keys: deletions do not count beyond them */
    cmt_slice limit;  /* exclusive */
} dels_reader;

static cmt_status on_range_del(void *context, cmt_slice key, cmt_slice value, cmt_error *err)
{
    dels_reader *r = context;
    cmt_slice lo = cmt_lsm__user_key(key);
    if (cmt_lsm__type(key) != CMT_LSM_TYPE_RANGE_DELETE)
        return damaged(r->table, "its range deletions do not decode", err);
    r->table->range_dels++;
    if (r->dels == NULL)
        return CMT_OK;
    if (cmt_slice_compare(lo, r->lowest) < 0)
        lo = r->lowest;
    if (cmt_slice_compare(value, r->limit) > 0)
        value = r->limit;
    return cmt_lsm__range_dels_add(r->dels, lo, value, cmt_lsm__sequence(key), err);
}

static cmt_status read_range_dels(cmt_lsm__table *t, uint64_t *bytes_read, const layout *l,
                                  cmt_lsm__range_dels *dels, cmt_error *err)
{
    CMT_AUTO(cmt_buf_free) cmt_buf limit = CMT_BUF_INIT;
    cmt_slice largest = t->meta->largest;
    bool exclusive =
        cmt_lsm__trailer(largest) == (CMT_LSM_SEQUENCE_MAX << 8 | CMT_LSM_TYPE_RANGE_DELETE);
    if (cmt_buf_set(&limit, cmt_lsm__user_key(largest)) != CMT_OK ||
        (!exclusive && cmt_buf_append(&limit, "", 1) != CMT_OK))
        return cmt_error_set(err, CMT_NO_MEMORY, "no memory for the bounds of %s", t->name);
    dels_reader r = {t, dels, cmt_lsm__user_key(t->meta->smallest), cmt_buf_slice(&limit)};
    return each_entry(t, l->range_dels, bytes_read, on_range_del, &r, err);
}

cmt_status cmt_lsm__rocksdb_table_open(cmt_lsm__table *t, uint64_t *bytes_read,
                                       cmt_lsm__range_dels *dels, cmt_error *err)
{
    layout l = {0};
    CMT_TRY(read_footer(t, bytes_read, &l, err));
    CMT_TRY(read_meta(t, bytes_read, &l, err));
    t->data_end = l.meta.offset < l.index.offset ? l.meta.offset : l.index.offset;
    if (l.properties.offset < t->data_end)
        t->data_end = l.properties.offset;
    if (l.have_range_dels && l.range_dels.offset < t->data_end)
        t->data_end = l.range_dels.offset;
    if (l.index_kind == INDEX_TWO_LEVELS)
        CMT_TRY(join_index(t, bytes_read, &l, err));
    else
        CMT_TRY(cmt_lsm__block_read(t, l.index, bytes_read, &t->index, err));
    return l.have_range_dels ? read_range_dels(t, bytes_read, &l, dels, err) : CMT_OK;
}
