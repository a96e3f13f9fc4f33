/* SPDX-License-Identifier: Apache-2.0
 *
 * Tables in RocksDB's formats 2 to 5; pebble writes 2.
 *
 * The data blocks are LevelDB's.  The last 53 bytes are: kind of checksum; handles of the meta index and of
 * the index, zero fill to 40 bytes; version, u32; magic.  The meta index names the properties
 * ("rocksdb.properties"), where there are any the range deletions ("rocksdb.range_del2",
 * fragmented, and the same under "rocksdb.range_del": internal key of the start, value = the end), and filters.  The
 * properties say of what form the index is; from version 3 on it may be shorter than LevelDB's.
 */
#include <stdlib.h>

#include "cleanup.h"
#include "file.h"
#include "packing.h"
#include "rocksdb_table.h"

enum { INDEX_BINARY_SEARCH = 0, INDEX_TWO_LEVELS = 2 };
#define NEWEST_VERSION 5

typedef cmt_lsm__layout layout;

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

static cmt_status check_format(const cmt_lsm__table *t, unsigned version, unsigned checksum,
                               cmt_error *err)
{
    if (version == CMT_LSM_ROCKSDB_VERSION && checksum == CMT_LSM_CHECKSUM_CRC32C)
        return CMT_OK;
    if (!t->meta->rocksdb)
        return cmt_error_set(err, CMT_UNSUPPORTED,
                             "table %s has format %u and checksum kind %u; CometBFT's pebble "
                             "writes 2 and 1",
                             t->name, version, checksum);
    if (version >= CMT_LSM_ROCKSDB_VERSION && version <= NEWEST_VERSION &&
        (checksum == CMT_LSM_CHECKSUM_CRC32C || checksum == CMT_LSM_CHECKSUM_XXH64 ||
         checksum == CMT_LSM_CHECKSUM_XXH3))
        return CMT_OK;
    return cmt_error_set(
        err, CMT_UNSUPPORTED,
        "table %s has format %u and checksum kind %u; of RocksDB's, formats 2 to 5 "
        "with kinds 1, 3 and 4 are known",
        t->name, version, checksum);
}

static cmt_status read_footer(cmt_lsm__table *t, uint64_t *bytes_read, layout *l, cmt_error *err)
{
    uint8_t footer[CMT_LSM_ROCKSDB_FOOTER];
    l->limit = t->meta->size - sizeof footer;
    CMT_TRY(cmt_file_read_at(t->fd, t->name, l->limit, footer, sizeof footer, err));
    *bytes_read += sizeof footer;
    if (cmt_load64(footer + 45) != CMT_LSM_ROCKSDB_MAGIC)
        return cmt_error_set(err, CMT_UNSUPPORTED,
                             "table %s does not end as CometBFT's %s writes it (bad magic)",
                             t->name, t->meta->rocksdb ? "RocksDB" : "pebble");
    CMT_TRY(check_format(t, cmt_load32(footer + 41), footer[0], err));
    t->checksum = footer[0];
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
    cmt_lsm__handle handle;
    if (cmt_slice_equal(key, CMT_SLICE("rocksdb.compression_dict")))
        return cmt_error_set(err, CMT_UNSUPPORTED,
                             "table %s is compressed with a dictionary, which CometBFT does not do",
                             r->table->name);
    CMT_TRY(get_handle(r->table, l, &p, value.data + value.size, &handle, err));
    if (handle.offset < r->table->data_end)
        r->table->data_end = handle.offset;
    if (cmt_slice_equal(key, CMT_SLICE("rocksdb.properties"))) {
        l->have_properties = true;
        l->properties = handle;
    }
    /* "…del2" comes last and is the same block or its better form. */
    if (cmt_slice_equal(key, CMT_SLICE("rocksdb.range_del")) ||
        cmt_slice_equal(key, CMT_SLICE("rocksdb.range_del2"))) {
        l->have_range_dels = true;
        l->range_dels = handle;
    }
    return CMT_OK;
}

static cmt_status get_flag(const cmt_lsm__table *t, cmt_slice value, bool *flag, cmt_error *err)
{
    uint64_t number;
    if (cmt_varint_get(value.data, value.data + value.size, &number) != value.data + value.size)
        return damaged(t, "its properties do not decode", err);
    *flag = number != 0;
    return CMT_OK;
}

static cmt_status on_property(void *context, cmt_slice key, cmt_slice value, cmt_error *err)
{
    meta_reader *r = context;
    layout *l = r->layout;
    if (cmt_slice_equal(key, CMT_SLICE("rocksdb.index.key.is.user.key")))
        return get_flag(r->table, value, &l->keys_are_user_keys, err);
    if (cmt_slice_equal(key, CMT_SLICE("rocksdb.index.value.is.delta.encoded")))
        return get_flag(r->table, value, &l->values_are_deltas, err);
    /* Its entries carry no sequences of this database. */
    if (cmt_slice_equal(key, CMT_SLICE("rocksdb.external_sst_file.version")))
        return cmt_error_set(err, CMT_UNSUPPORTED,
                             "table %s was made outside the database and taken in, which CometBFT "
                             "does not do",
                             r->table->name);
    if (!cmt_slice_equal(key, CMT_SLICE("rocksdb.block.based.table.index.type")))
        return CMT_OK;
    if (value.size != 4)
        return damaged(r->table, "its properties do not decode", err);
    uint32_t kind = cmt_load32(value.data);
    l->index_has_parts = kind == INDEX_TWO_LEVELS;
    if (kind != INDEX_BINARY_SEARCH && kind != INDEX_TWO_LEVELS)
        return cmt_error_set(err, CMT_UNSUPPORTED, "table %s has an index of kind %u",
                             r->table->name, (unsigned)kind);
    return CMT_OK;
}

static cmt_status read_meta(cmt_lsm__table *t, uint64_t *bytes_read, layout *l, cmt_error *err)
{
    meta_reader r = {t, l};
    CMT_TRY(each_entry(t, l->meta, bytes_read, on_meta, &r, err));
    if (!l->have_properties)
        return damaged(t, "it has no properties", err);
    return each_entry(t, l->properties, bytes_read, on_property, &r, err);
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
    t->data_end = l.meta.offset < l.index.offset ? l.meta.offset : l.index.offset;
    CMT_TRY(read_meta(t, bytes_read, &l, err));
    CMT_TRY(cmt_lsm__rocksdb_index_read(t, &l, bytes_read, err));
    return l.have_range_dels ? read_range_dels(t, bytes_read, &l, dels, err) : CMT_OK;
}
