/* SPDX-License-Identifier: Apache-2.0
 *
 * Opening tables and reading their blocks.
 *
 * A table ends in 48 bytes: handle of the meta index, handle of the index, zero fill, magic.  Each
 * block is followed by its type (0 raw, 1 snappy) and the masked CRC-32C of block and type (RocksDB: packing.h).
 * Source: LevelDB table/format.cc; goleveldb leveldb/table/reader.go
 */
#include "table.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "cleanup.h"
#include "file.h"
#include "packing.h"

static cmt_status damaged(const cmt_lsm__table *t, const char *what, uint64_t offset,
                          cmt_error *err)
{
    return cmt_error_set(err, CMT_CORRUPT, "table %s: %s at offset %llu", t->name, what,
                         (unsigned long long)offset);
}

cmt_status cmt_lsm__block_verify(const cmt_lsm__table *table, cmt_lsm__handle handle,
                                 const uint8_t *raw, cmt_error *err)
{
    uint32_t sum = cmt_lsm__block_checksum(table->checksum, raw, (size_t)handle.size + 1);
    if (sum != cmt_load32(raw + handle.size + 1))
        return damaged(table, "checksum mismatch in the block", handle.offset, err);
    if (!cmt_lsm__compression_known(raw[handle.size], table->meta->rocksdb))
        return cmt_error_set(err, CMT_UNSUPPORTED,
                             "table %s: the block at offset %llu is compressed by method %u; "
                             "CometBFT's databases have only none and snappy%s",
                             table->name, (unsigned long long)handle.offset, raw[handle.size],
                             table->meta->rocksdb ? ", LZ4 and ZSTD" : "");
    return CMT_OK;
}

static cmt_status unpack(const cmt_lsm__table *table, cmt_lsm__handle handle, const uint8_t *raw,
                         uint8_t **data, size_t *size, cmt_error *err)
{
    const cmt_slice stored = {raw, (size_t)handle.size};
    cmt_status st = cmt_lsm__unpack(raw[handle.size], stored, data, size);
    if (st == CMT_CORRUPT)
        return damaged(table, "undecodable compressed data in the block", handle.offset, err);
    if (st != CMT_OK)
        return cmt_error_set(err, st, "no memory for a block of %zu bytes", *size);
    /* The highest bit of the last word: a hash table stands before the restart points. */
    if (table->meta->rocksdb && *size >= 4 && ((*data)[*size - 1] & 0x80) != 0) {
        free(*data);
        return cmt_error_set(
            err, CMT_UNSUPPORTED,
            "table %s: the block at offset %llu holds a hash index, which CometBFT "
            "does not use",
            table->name, (unsigned long long)handle.offset);
    }
    return CMT_OK;
}

cmt_status cmt_lsm__block_unpack(const cmt_lsm__table *table, cmt_lsm__handle handle,
                                 const uint8_t *raw, cmt_lsm__block **out, cmt_error *err)
{
    uint8_t *data = NULL;
    size_t size = 0;
    CMT_TRY(cmt_lsm__block_verify(table, handle, raw, err));
    CMT_TRY(unpack(table, handle, raw, &data, &size, err));
    return cmt_lsm__block_new(data, size, table->meta->number, handle.offset, out, err);
}

cmt_status cmt_lsm__block_read(const cmt_lsm__table *table, cmt_lsm__handle handle,
                               uint64_t *bytes_read, cmt_lsm__block **out, cmt_error *err)
{
    size_t size = (size_t)handle.size + CMT_LSM_BLOCK_TRAILER;
    CMT_AUTO(cmt_buf_free) cmt_buf raw = CMT_BUF_INIT;
    if (cmt_buf_reserve(&raw, size) != CMT_OK)
        return cmt_error_set(err, CMT_NO_MEMORY, "no memory for a block of %zu bytes", size);
    CMT_TRY(cmt_file_read_at(table->fd, table->name, handle.offset, raw.data, size, err));
    *bytes_read += size;
    return cmt_lsm__block_unpack(table, handle, raw.data, out, err);
}

static const uint8_t *get_handle(const uint8_t *p, const uint8_t *end, cmt_lsm__handle *handle)
{
    p = cmt_varint_get(p, end, &handle->offset);
    return p == NULL ? NULL : cmt_varint_get(p, end, &handle->size);
}

bool cmt_lsm__handle_fits(cmt_lsm__handle handle, uint64_t limit)
{
    return handle.offset <= limit && handle.size <= CMT_LSM_BLOCK_MAX &&
           handle.size + CMT_LSM_BLOCK_TRAILER <= limit - handle.offset;
}

cmt_status cmt_lsm__handle_decode(const cmt_lsm__table *table, cmt_slice value,
                                  cmt_lsm__handle *out, cmt_error *err)
{
    if (get_handle(value.data, value.data + value.size, out) == NULL ||
        !cmt_lsm__handle_fits(*out, table->data_end))
        return cmt_error_set(err, CMT_CORRUPT, "table %s: its index points outside its data",
                             table->name);
    return CMT_OK;
}

static cmt_status read_footer(cmt_lsm__table *t, uint64_t *bytes_read, cmt_error *err)
{
    uint8_t footer[CMT_LSM_FOOTER];
    uint64_t at = t->meta->size - CMT_LSM_FOOTER;
    CMT_TRY(cmt_file_read_at(t->fd, t->name, at, footer, sizeof footer, err));
    *bytes_read += sizeof footer;
    if (cmt_load64(footer + 40) != CMT_LSM_MAGIC)
        return cmt_error_set(err, CMT_CORRUPT,
                             "table %s does not end as a LevelDB table does (bad magic)", t->name);
    cmt_lsm__handle meta;
    cmt_lsm__handle index;
    const uint8_t *p = get_handle(footer, footer + 40, &meta);
    if (p == NULL || get_handle(p, footer + 40, &index) == NULL ||
        !cmt_lsm__handle_fits(meta, at) || !cmt_lsm__handle_fits(index, at))
        return damaged(t, "undecodable footer", at, err);
    t->data_end = meta.offset < index.offset ? meta.offset : index.offset;
    return cmt_lsm__block_read(t, index, bytes_read, &t->index, err);
}

static cmt_status open_table(int dir_fd, const cmt_lsm__table_meta *meta, uint64_t *bytes_read,
                             cmt_lsm__range_dels *dels, cmt_lsm__table **out, cmt_error *err)
{
    const uint64_t least = meta->rocksdb_format ? CMT_LSM_ROCKSDB_FOOTER : CMT_LSM_FOOTER;
    cmt_lsm__table *t = calloc(1, sizeof *t);
    if (t == NULL)
        return cmt_error_set(err, CMT_NO_MEMORY, "no memory to open a table");
    t->meta = meta;
    t->fd = -1;
    t->references = 1;
    t->checksum = CMT_LSM_CHECKSUM_CRC32C;
    cmt_lsm__table_name(meta->number, meta->is_sst, t->name);
    cmt_status st = cmt_file_open_at(dir_fd, t->name, &t->fd, err);
    if (st == CMT_NOT_FOUND && !meta->is_sst) {
        /* Old databases name their tables .sst; both engines look for both. */
        cmt_lsm__table_name(meta->number, true, t->name);
        st = cmt_file_open_at(dir_fd, t->name, &t->fd, err);
    }
    uint64_t size = 0;
    if (st == CMT_NOT_FOUND)
        st = cmt_error_set(err, CMT_STALE, "table %06llu is missing",
                           (unsigned long long)meta->number);
    if (st == CMT_OK)
        st = cmt_file_size(t->fd, t->name, &size, err);
    if (st == CMT_OK && (size != meta->size || size < least))
        st = cmt_error_set(err, CMT_CORRUPT, "table %s has %llu bytes, but the MANIFEST says %llu",
                           t->name, (unsigned long long)size, (unsigned long long)meta->size);
    if (st == CMT_OK) {
        posix_fadvise(t->fd, 0, 0, POSIX_FADV_RANDOM); /* we know what we need; see source.c */
        st = meta->rocksdb_format ? cmt_lsm__rocksdb_table_open(t, bytes_read, dels, err)
                                  : read_footer(t, bytes_read, err);
    }
    if (st != CMT_OK) {
        cmt_lsm__table_release(t);
        return st;
    }
    *out = t;
    return CMT_OK;
}

cmt_status cmt_lsm__table_open(int dir_fd, const cmt_lsm__table_meta *meta, uint64_t *bytes_read,
                               cmt_lsm__table **out, cmt_error *err)
{
    return open_table(dir_fd, meta, bytes_read, NULL, out, err);
}

void cmt_lsm__table_release(cmt_lsm__table *table)
{
    if (table == NULL || --table->references > 0)
        return;
    cmt_fd_close(&table->fd);
    cmt_lsm__block_release(table->index);
    free(table);
}

/* ---- the cache of open tables -------------------------------------------------------------- */

cmt_status cmt_lsm__cache_init(cmt_lsm__cache *c, int dir_fd, const cmt_lsm__table_meta *tables,
                               size_t table_count, size_t block_limit, size_t open_limit,
                               cmt_error *err)
{
    *c = (cmt_lsm__cache){.dir_fd = dir_fd,
                          .tables = tables,
                          .table_count = table_count,
                          .block_limit = block_limit,
                          .open_limit = open_limit,
                          .slot_count = 4096};
    c->by_index = calloc(table_count + 1, sizeof *c->by_index);
    c->slots = calloc(c->slot_count, sizeof *c->slots);
    c->dels_known = calloc(table_count + 1, sizeof *c->dels_known);
    if (c->by_index == NULL || c->slots == NULL || c->dels_known == NULL) {
        cmt_lsm__cache_fini(c);
        return cmt_error_set(err, CMT_NO_MEMORY, "no memory for the table cache");
    }
    return CMT_OK;
}

static void unlink_table(cmt_lsm__cache *c, cmt_lsm__table *t)
{
    *(t->newer != NULL ? &t->newer->older : &c->newest_table) = t->older;
    *(t->older != NULL ? &t->older->newer : &c->oldest_table) = t->newer;
    t->newer = t->older = NULL;
}

static void push_table(cmt_lsm__cache *c, cmt_lsm__table *t)
{
    t->older = c->newest_table;
    t->newer = NULL;
    *(t->older != NULL ? &t->older->newer : &c->oldest_table) = t;
    c->newest_table = t;
}

cmt_status cmt_lsm__cache_table(cmt_lsm__cache *c, const cmt_lsm__table_meta *meta,
                                cmt_lsm__table **out, cmt_error *err)
{
    size_t i = (size_t)(meta - c->tables);
    cmt_lsm__table *t = c->by_index[i];
    if (t == NULL) {
        cmt_lsm__range_dels *dels = c->dels_known[i] ? NULL : &c->range_dels;
        CMT_TRY(open_table(c->dir_fd, meta, &c->bytes_read, dels, &t, err));
        c->dels_known[i] = true;
        c->by_index[i] = t;
        push_table(c, t);
        c->open_count++;
        while (c->open_count > c->open_limit && c->oldest_table != t) {
            cmt_lsm__table *old = c->oldest_table;
            /* The checker does not follow the list: what was released was unlinked before. */
            // NOLINTNEXTLINE(clang-analyzer-core.NullDereference,clang-analyzer-unix.Malloc)
            c->by_index[old->meta - c->tables] = NULL;
            unlink_table(c, old);
            cmt_lsm__table_release(old);
            c->open_count--;
        }
    } else if (c->newest_table != t) {
        unlink_table(c, t);
        push_table(c, t);
    }
    t->references++;
    *out = t;
    return CMT_OK;
}

/* ---- the block cache ------------------------------------------------------------------------ */

static cmt_lsm__block **block_slot(cmt_lsm__cache *c, uint64_t table, uint64_t offset)
{
    uint64_t h = (table * UINT64_C(0x9e3779b97f4a7c15) ^ offset) * UINT64_C(0xff51afd7ed558ccd);
    return &c->slots[h >> 32 & (c->slot_count - 1)];
}

static void unlink_block(cmt_lsm__cache *c, cmt_lsm__block *b)
{
    *(b->newer != NULL ? &b->newer->older : &c->newest_block) = b->older;
    *(b->older != NULL ? &b->older->newer : &c->oldest_block) = b->newer;
    b->newer = b->older = NULL;
}

static void push_block(cmt_lsm__cache *c, cmt_lsm__block *b)
{
    b->older = c->newest_block;
    b->newer = NULL;
    *(b->older != NULL ? &b->older->newer : &c->oldest_block) = b;
    c->newest_block = b;
}

static void evict(cmt_lsm__cache *c, cmt_lsm__block *b)
{
    /* As above: while bytes are over the limit there is a block, and it is none that was released. */
    // NOLINTNEXTLINE(clang-analyzer-core.NullDereference,clang-analyzer-unix.Malloc)
    cmt_lsm__block **slot = block_slot(c, b->table, b->offset);
    while (*slot != b)
        slot = &(*slot)->next_in_slot;
    *slot = b->next_in_slot;
    unlink_block(c, b);
    c->block_bytes -= b->size;
    cmt_lsm__block_release(b);
}

static void remember(cmt_lsm__cache *c, cmt_lsm__block *b)
{
    if (b->size > c->block_limit / 2)
        return;
    cmt_lsm__block **slot = block_slot(c, b->table, b->offset);
    cmt_lsm__block_retain(b);
    b->cached = true;
    b->next_in_slot = *slot;
    *slot = b;
    push_block(c, b);
    c->block_bytes += b->size;
    while (c->block_bytes > c->block_limit)
        evict(c, c->oldest_block);
}

cmt_status cmt_lsm__cache_block(cmt_lsm__cache *c, cmt_lsm__table *table, cmt_lsm__handle handle,
                                cmt_lsm__block **out, cmt_error *err)
{
    cmt_lsm__block *b = *block_slot(c, table->meta->number, handle.offset);
    while (b != NULL && (b->table != table->meta->number || b->offset != handle.offset))
        b = b->next_in_slot;
    if (b != NULL) {
        if (c->newest_block != b) {
            unlink_block(c, b);
            push_block(c, b);
        }
        cmt_lsm__block_retain(b);
    } else {
        CMT_TRY(cmt_lsm__block_read(table, handle, &c->bytes_read, &b, err));
        remember(c, b);
    }
    *out = b;
    return CMT_OK;
}

void cmt_lsm__cache_fini(cmt_lsm__cache *c)
{
    for (cmt_lsm__block *b = c->oldest_block, *newer; b != NULL; b = newer) {
        newer = b->newer;
        cmt_lsm__block_release(b);
    }
    for (cmt_lsm__table *t = c->oldest_table, *newer; t != NULL; t = newer) {
        newer = t->newer;
        cmt_lsm__table_release(t);
    }
    cmt_lsm__range_dels_free(&c->range_dels);
    free(c->dels_known);
    free(c->by_index);
    free(c->slots);
    *c = (cmt_lsm__cache){0};
}
