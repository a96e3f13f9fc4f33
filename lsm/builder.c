/* SPDX-License-Identifier: Apache-2.0
 *
 * The table builder: 4 KiB blocks, restart interval 16, snappy where it saves an eighth, an index with
 * restart interval 1 whose keys are the last keys of the blocks, no filter.
 * Source: LevelDB table/table_builder.cc, doc/table_format.md
 */
#include "builder.h"

#include <snappy-c.h>

#include "crc32c.h"

#define WRITE_BYTES ((size_t)256 << 10)

enum { BLOCK_RAW = 0, BLOCK_SNAPPY = 1 };

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
    cmt_lsm__table_name(number, false, b->name);
    CMT_TRY(cmt_file_create_at(b->dir_fd, b->name, &b->owner, &b->fd, err));
    b->number = number;
    b->file_crc = 0;
    b->offset = 0;
    b->in_block = 0;
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

static cmt_status flush_block(cmt_lsm__builder *b, cmt_error *err)
{
    if (b->in_block == 0)
        return CMT_OK;
    if (close_block(&b->block, &b->restarts) != CMT_OK)
        return no_memory(b, err);
    size_t packed = snappy_max_compressed_length(b->block.size);
    cmt_buf_clear(&b->scratch);
    if (cmt_buf_reserve(&b->scratch, packed) != CMT_OK)
        return no_memory(b, err);
    bool smaller = snappy_compress((const char *)b->block.data, b->block.size,
                                   (char *)b->scratch.data, &packed) == SNAPPY_OK &&
                   packed < b->block.size - b->block.size / 8;
    cmt_slice data = smaller ? (cmt_slice){b->scratch.data, packed} : cmt_buf_slice(&b->block);
    uint64_t offset = b->offset;
    CMT_TRY(emit_block(b, data, smaller ? BLOCK_SNAPPY : BLOCK_RAW, err));
    CMT_TRY(add_index(b, offset, data.size, err));
    cmt_buf_clear(&b->block);
    b->in_block = 0;
    return b->out.size >= WRITE_BYTES ? write_out(b, err) : CMT_OK;
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

cmt_status cmt_lsm__builder_add(cmt_lsm__builder *b, cmt_slice key, cmt_slice value, cmt_error *err)
{
    CMT_TRY(take_key(b, key, err));
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
                                      cmt_slice last, cmt_error *err)
{
    CMT_TRY(flush_block(b, err));
    CMT_TRY(take_key(b, first, err));
    if (cmt_buf_set(&b->last_key, last) != CMT_OK)
        return no_memory(b, err);
    uint64_t offset = b->offset;
    CMT_TRY(emit(b, stored.data, stored.size, err));
    CMT_TRY(add_index(b, offset, stored.size - CMT_LSM_BLOCK_TRAILER, err));
    return b->out.size >= WRITE_BYTES ? write_out(b, err) : CMT_OK;
}

static cmt_status emit_footer(cmt_lsm__builder *b, uint64_t meta_offset, uint64_t meta_size,
                              uint64_t index_offset, uint64_t index_size, cmt_error *err)
{
    uint8_t footer[CMT_LSM_FOOTER] = {0};
    size_t n = cmt_varint_put(footer, meta_offset);
    n += cmt_varint_put(footer + n, meta_size);
    n += cmt_varint_put(footer + n, index_offset);
    cmt_varint_put(footer + n, index_size);
    cmt_store64(footer + 40, CMT_LSM_MAGIC);
    return emit(b, footer, sizeof footer, err);
}

cmt_status cmt_lsm__builder_finish(cmt_lsm__builder *b, cmt_lsm__table_meta *meta, cmt_error *err)
{
    static const uint8_t empty_block[8] = {0, 0, 0, 0, 1, 0, 0, 0};
    CMT_TRY(flush_block(b, err));
    uint64_t meta_offset = b->offset;
    CMT_TRY(emit_block(b, (cmt_slice){empty_block, sizeof empty_block}, BLOCK_RAW, err));
    uint64_t index_offset = b->offset;
    if (close_block(&b->index, &b->index_restarts) != CMT_OK)
        return no_memory(b, err);
    CMT_TRY(emit_block(b, cmt_buf_slice(&b->index), BLOCK_RAW, err));
    CMT_TRY(emit_footer(b, meta_offset, sizeof empty_block, index_offset, b->index.size, err));
    CMT_TRY(write_out(b, err));
    CMT_TRY(cmt_file_sync(b->fd, b->name, err));
    cmt_fd_close(&b->fd);
    *meta = (cmt_lsm__table_meta){.number = b->number,
                                  .size = b->offset,
                                  .smallest = cmt_buf_slice(&b->first_key),
                                  .largest = cmt_buf_slice(&b->last_key)};
    return CMT_OK;
}
