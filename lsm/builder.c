/* SPDX-License-Identifier: Apache-2.0
 *
 * The table builder: 4 KiB blocks, restart interval 16, snappy where it saves an eighth, an index with
 * restart interval 1 whose keys are the last keys of the blocks, no filter.  RocksDB's format differs behind
 * the data: an index of one level, a block of properties, a meta index that names it, a longer footer.
 * Source: LevelDB table/table_builder.cc, doc/table_format.md; pebble sstable/writer.go Writer.Close
 */
#include "builder.h"

#include "crc32c.h"
#include "packing.h"

#define WRITE_BYTES ((size_t)256 << 10)

void cmt_lsm__builder_init(cmt_lsm__builder *b, int dir_fd, const cmt_file_owner *owner,
                           uint64_t *bytes_written)
{
    *b = (cmt_lsm__builder){
        .dir_fd = dir_fd, .owner = *owner, .fd = -1, .bytes_written = bytes_written};
}

void cmt_lsm__builder_fini(cmt_lsm__builder *b)
{
    cmt_fd_close(&b->fd);
    cmt_buf_free(&b->out);
    cmt_buf_free(&b->block);
    cmt_buf_free(&b->restarts);
    cmt_buf_free(&b->index);
    cmt_buf_free(&b->index_restarts);
    cmt_buf_free(&b->first_key);
    cmt_buf_free(&b->last_key);
    cmt_buf_free(&b->scratch);
}

bool cmt_lsm__builder_is_open(const cmt_lsm__builder *b)
{
    return b->fd >= 0;
}

cmt_status cmt_lsm__builder_begin(cmt_lsm__builder *b, uint64_t number, cmt_error *err)
{
    cmt_lsm__table_name(number, b->rocksdb_format, b->name);
    CMT_TRY(cmt_file_create_at(b->dir_fd, b->name, &b->owner, &b->fd, err));
    b->number = number;
    b->file_crc = 0;
    b->offset = 0;
    b->in_block = 0;
    b->data_blocks = 0;
    b->facts = (cmt_lsm__block_facts){0};
    cmt_buf *const buffers[] = {&b->out,     &b->block,          &b->restarts,
                                &b->index,   &b->index_restarts, &b->first_key,
                                &b->last_key};
    for (size_t i = 0; i < sizeof buffers / sizeof buffers[0]; i++)
        cmt_buf_clear(buffers[i]);
    return CMT_OK;
}

static cmt_status no_memory(const cmt_lsm__builder *b, cmt_error *err)
{
    return cmt_error_set(err, CMT_NO_MEMORY, "no memory to write table %s", b->name);
}

static cmt_status write_out(cmt_lsm__builder *b, cmt_error *err)
{
    CMT_TRY(cmt_file_write(b->fd, b->name, b->out.data, b->out.size, err));
    b->file_crc = cmt_crc32c(b->file_crc, b->out.data, b->out.size);
    *b->bytes_written += b->out.size;
    cmt_buf_clear(&b->out);
    return CMT_OK;
}

static cmt_status emit(cmt_lsm__builder *b, const void *data, size_t size, cmt_error *err)
{
    if (cmt_buf_append(&b->out, data, size) != CMT_OK)
        return no_memory(b, err);
    b->offset += size;
    return CMT_OK;
}

static cmt_status append_u32(cmt_buf *buf, uint32_t value)
{
    uint8_t bytes[4];
    cmt_store32(bytes, value);
    return cmt_buf_append(buf, bytes, sizeof bytes);
}

/* Write a block with its trailer. */
static cmt_status emit_block(cmt_lsm__builder *b, cmt_slice data, uint8_t type, cmt_error *err)
{
    uint8_t trailer[CMT_LSM_BLOCK_TRAILER] = {type};
    uint32_t crc = cmt_crc32c(cmt_crc32c(0, data.data, data.size), trailer, 1);
    cmt_store32(trailer + 1, cmt_crc32c_mask(crc));
    CMT_TRY(emit(b, data.data, data.size, err));
    return emit(b, trailer, sizeof trailer, err);
}

static cmt_status add_index(cmt_lsm__builder *b, uint64_t offset, uint64_t size, cmt_error *err)
{
    uint8_t handle[2 * CMT_VARINT_MAX];
    size_t handle_size = cmt_varint_put(handle, offset);
    b->data_blocks++;
    handle_size += cmt_varint_put(handle + handle_size, size);
    if (append_u32(&b->index_restarts, (uint32_t)b->index.size) != CMT_OK ||
        cmt_buf_append_varint(&b->index, 0) != CMT_OK ||
        cmt_buf_append_varint(&b->index, b->last_key.size) != CMT_OK ||
        cmt_buf_append_varint(&b->index, handle_size) != CMT_OK ||
        cmt_buf_append(&b->index, b->last_key.data, b->last_key.size) != CMT_OK ||
        cmt_buf_append(&b->index, handle, handle_size) != CMT_OK)
        return no_memory(b, err);
    return CMT_OK;
}

/* Restart offsets and their count at the end of a block's entries. */
static cmt_status close_block(cmt_buf *entries, cmt_buf *restarts)
{
    CMT_TRY(append_u32(restarts, (uint32_t)(restarts->size / 4)));
    CMT_TRY(cmt_buf_append(entries, restarts->data, restarts->size));
    cmt_buf_clear(restarts);
    return CMT_OK;
}

/* Write a data block and its entry in the index. */
static cmt_status emit_data(cmt_lsm__builder *b, cmt_slice data, uint8_t type, cmt_error *err)
{
    uint64_t offset = b->offset;
    CMT_TRY(emit_block(b, data, type, err));
    CMT_TRY(add_index(b, offset, data.size, err));
    return b->out.size >= WRITE_BYTES ? write_out(b, err) : CMT_OK;
}

/* The same for a block that is not packed yet. */
static cmt_status emit_packed(cmt_lsm__builder *b, cmt_slice block, cmt_error *err)
{
    cmt_slice packed;
    cmt_status st = cmt_lsm__pack(block, &b->scratch, &packed);
    if (st == CMT_NO_MEMORY)
        return no_memory(b, err);
    return st == CMT_OK ? emit_data(b, packed, CMT_LSM_SNAPPY, err)
                        : emit_data(b, block, CMT_LSM_RAW, err);
}

static cmt_status flush_block(cmt_lsm__builder *b, cmt_error *err)
{
    if (b->in_block == 0)
        return CMT_OK;
    if (close_block(&b->block, &b->restarts) != CMT_OK)
        return no_memory(b, err);
    CMT_TRY(emit_packed(b, cmt_buf_slice(&b->block), err));
    cmt_buf_clear(&b->block);
    b->in_block = 0;
    return CMT_OK;
}

/* The first key of the table, or one that must stand behind the last. */
static cmt_status take_key(cmt_lsm__builder *b, cmt_slice key, cmt_error *err)
{
    if (b->first_key.size == 0) {
        if (cmt_buf_set(&b->first_key, key) != CMT_OK)
            return no_memory(b, err);
        return CMT_OK;
    }
    if (cmt_lsm__internal_compare(cmt_buf_slice(&b->last_key), key) >= 0)
        return cmt_error_set(
            err, CMT_CORRUPT,
            "keys out of order while writing table %s: the tables read are damaged", b->name);
    return CMT_OK;
}

void cmt_lsm__block_facts_add(cmt_lsm__block_facts *facts, cmt_slice key, size_t value_size)
{
    uint64_t sequence = cmt_lsm__sequence(key);
    if (facts->counts.entries == 0 || sequence < facts->smallest_sequence)
        facts->smallest_sequence = sequence;
    if (sequence > facts->largest_sequence)
        facts->largest_sequence = sequence;
    facts->counts.entries++;
    facts->counts.deletions += cmt_lsm__type(key) == CMT_LSM_TYPE_DELETE;
    facts->counts.raw_key_bytes += key.size;
    facts->counts.raw_value_bytes += value_size;
}

static void add_facts(cmt_lsm__block_facts *sum, const cmt_lsm__block_facts *more)
{
    if (more->counts.entries == 0)
        return;
    if (sum->counts.entries == 0 || more->smallest_sequence < sum->smallest_sequence)
        sum->smallest_sequence = more->smallest_sequence;
    if (more->largest_sequence > sum->largest_sequence)
        sum->largest_sequence = more->largest_sequence;
    sum->counts.entries += more->counts.entries;
    sum->counts.deletions += more->counts.deletions;
    sum->counts.raw_key_bytes += more->counts.raw_key_bytes;
    sum->counts.raw_value_bytes += more->counts.raw_value_bytes;
}

cmt_status cmt_lsm__builder_add(cmt_lsm__builder *b, cmt_slice key, cmt_slice value, cmt_error *err)
{
    CMT_TRY(take_key(b, key, err));
    cmt_lsm__block_facts_add(&b->facts, key, value.size);
    size_t shared = 0;
    cmt_status st = CMT_OK;
    if (b->in_block % CMT_LSM_RESTART_INTERVAL == 0) {
        st = append_u32(&b->restarts, (uint32_t)b->block.size);
    } else {
        size_t most = key.size < b->last_key.size ? key.size : b->last_key.size;
        while (shared < most && key.data[shared] == b->last_key.data[shared])
            shared++;
    }
    if (st != CMT_OK || cmt_buf_append_varint(&b->block, shared) != CMT_OK ||
        cmt_buf_append_varint(&b->block, key.size - shared) != CMT_OK ||
        cmt_buf_append_varint(&b->block, value.size) != CMT_OK ||
        cmt_buf_append(&b->block, key.data + shared, key.size - shared) != CMT_OK ||
        cmt_buf_append(&b->block, value.data, value.size) != CMT_OK ||
        cmt_buf_set(&b->last_key, key) != CMT_OK)
        return no_memory(b, err);
    b->in_block++;
    return b->block.size >= CMT_LSM_BLOCK_TARGET ? flush_block(b, err) : CMT_OK;
}

cmt_status cmt_lsm__builder_add_block(cmt_lsm__builder *b, cmt_slice stored, cmt_slice first,
                                      cmt_slice last, const cmt_lsm__block_facts *facts,
                                      cmt_error *err)
{
    CMT_TRY(flush_block(b, err));
    CMT_TRY(take_key(b, first, err));
    if (facts != NULL)
        add_facts(&b->facts, facts);
    if (cmt_buf_set(&b->last_key, last) != CMT_OK)
        return no_memory(b, err);
    const cmt_slice block = {stored.data, stored.size - CMT_LSM_BLOCK_TRAILER};
    const uint8_t type = stored.data[block.size];
    /* RocksDB's: its checksum may be of another kind, and its upper levels are not packed. */
    if (b->rocksdb)
        return type == CMT_LSM_RAW ? emit_packed(b, block, err) : emit_data(b, block, type, err);
    uint64_t offset = b->offset;
    CMT_TRY(emit(b, stored.data, stored.size, err));
    CMT_TRY(add_index(b, offset, block.size, err));
    return b->out.size >= WRITE_BYTES ? write_out(b, err) : CMT_OK;
}

/* ---- behind the data -------------------------------------------------------------------------- */

typedef struct handle {
    uint64_t offset;
    uint64_t size;
} handle;

static size_t put_handle(uint8_t *p, handle h)
{
    size_t n = cmt_varint_put(p, h.offset);
    return n + cmt_varint_put(p + n, h.size);
}

static cmt_status emit_at(cmt_lsm__builder *b, cmt_slice block, handle *at, cmt_error *err)
{
    *at = (handle){b->offset, block.size};
    return emit_block(b, block, CMT_LSM_RAW, err);
}

static cmt_status emit_index(cmt_lsm__builder *b, handle *at, cmt_error *err)
{
    if (close_block(&b->index, &b->index_restarts) != CMT_OK)
        return no_memory(b, err);
    return emit_at(b, cmt_buf_slice(&b->index), at, err);
}

static cmt_status finish_leveldb(cmt_lsm__builder *b, cmt_error *err)
{
    static const uint8_t empty_block[8] = {0, 0, 0, 0, 1, 0, 0, 0};
    uint8_t footer[CMT_LSM_FOOTER] = {0};
    handle meta;
    handle index;
    CMT_TRY(emit_at(b, (cmt_slice){empty_block, sizeof empty_block}, &meta, err));
    CMT_TRY(emit_index(b, &index, err));
    size_t n = put_handle(footer, meta);
    put_handle(footer + n, index);
    cmt_store64(footer + 40, CMT_LSM_MAGIC);
    return emit(b, footer, sizeof footer, err);
}

/* The meta index: one entry, which names the properties. */
static cmt_status encode_meta(handle properties, cmt_buf *out)
{
    static const char name[] = "rocksdb.properties";
    static const uint8_t one_restart[8] = {0, 0, 0, 0, 1, 0, 0, 0};
    uint8_t value[2 * CMT_VARINT_MAX];
    size_t size = put_handle(value, properties);
    CMT_TRY(cmt_buf_append_varint(out, 0));
    CMT_TRY(cmt_buf_append_varint(out, sizeof name - 1));
    CMT_TRY(cmt_buf_append_varint(out, size));
    CMT_TRY(cmt_buf_append(out, name, sizeof name - 1));
    CMT_TRY(cmt_buf_append(out, value, size));
    return cmt_buf_append(out, one_restart, sizeof one_restart);
}

static cmt_status finish_rocksdb(cmt_lsm__builder *b, cmt_error *err)
{
    uint8_t footer[CMT_LSM_ROCKSDB_FOOTER] = {CMT_LSM_CHECKSUM_CRC32C};
    cmt_lsm__properties properties = b->facts.counts;
    handle index;
    handle described;
    handle meta;
    properties.rocksdb = b->rocksdb;
    properties.data_bytes = b->offset;
    properties.data_blocks = b->data_blocks;
    CMT_TRY(emit_index(b, &index, err));
    properties.index_bytes = index.size + CMT_LSM_BLOCK_TRAILER;
    cmt_buf_clear(&b->scratch);
    if (cmt_lsm__properties_encode(&properties, &b->scratch) != CMT_OK)
        return no_memory(b, err);
    CMT_TRY(emit_at(b, cmt_buf_slice(&b->scratch), &described, err));
    cmt_buf_clear(&b->scratch);
    if (encode_meta(described, &b->scratch) != CMT_OK)
        return no_memory(b, err);
    CMT_TRY(emit_at(b, cmt_buf_slice(&b->scratch), &meta, err));
    size_t n = 1 + put_handle(footer + 1, meta);
    put_handle(footer + n, index);
    cmt_store32(footer + 41, CMT_LSM_ROCKSDB_VERSION);
    cmt_store64(footer + 45, CMT_LSM_ROCKSDB_MAGIC);
    return emit(b, footer, sizeof footer, err);
}

cmt_status cmt_lsm__builder_finish(cmt_lsm__builder *b, cmt_lsm__table_meta *meta, cmt_error *err)
{
    CMT_TRY(flush_block(b, err));
    CMT_TRY(b->rocksdb_format ? finish_rocksdb(b, err) : finish_leveldb(b, err));
    CMT_TRY(write_out(b, err));
    CMT_TRY(cmt_file_sync(b->fd, b->name, err));
    cmt_fd_close(&b->fd);
    *meta = (cmt_lsm__table_meta){.number = b->number,
                                  .size = b->offset,
                                  .is_sst = b->rocksdb_format,
                                  .rocksdb_format = b->rocksdb_format,
                                  .rocksdb = b->rocksdb,
                                  .smallest = cmt_buf_slice(&b->first_key),
                                  .largest = cmt_buf_slice(&b->last_key)};
    if (b->rocksdb_format) {
        meta->smallest_sequence = b->facts.smallest_sequence;
        meta->largest_sequence = b->facts.largest_sequence;
    }
    return CMT_OK;
}
