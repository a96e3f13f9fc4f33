/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading and writing LevelDB's log format.
 */
#include "log.h"

#include "cleanup.h"
#include "crc32c.h"
#include "file.h"

enum { CHUNK_WHOLE = 1, CHUNK_FIRST = 2, CHUNK_MIDDLE = 3, CHUNK_LAST = 4 };

/* A reader holds one block at a time, however long the file. */
typedef struct reader {
    int fd;
    const char *name;
    uint64_t size;
    uint8_t block[CMT_LSM_LOG_BLOCK];
    uint64_t block_start;
    size_t block_size; /* 0: none loaded */
} reader;

static cmt_status load_block(reader *r, uint64_t offset, cmt_error *err)
{
    uint64_t start = offset - offset % CMT_LSM_LOG_BLOCK;
    if (r->block_size > 0 && r->block_start == start)
        return CMT_OK;
    uint64_t left = r->size - start;
    size_t want = left < CMT_LSM_LOG_BLOCK ? (size_t)left : CMT_LSM_LOG_BLOCK;
    r->block_size = 0;
    CMT_TRY(cmt_file_read_at(r->fd, r->name, start, r->block, want, err));
    r->block_start = start;
    r->block_size = want;
    return CMT_OK;
}

/* The chunk at p, of which `left` bytes are in its block: its data, or false. */
static bool chunk_at(const uint8_t *p, size_t left, unsigned *type, cmt_slice *data)
{
    if (left < CMT_LSM_LOG_HEADER)
        return false;
    size_t length = (size_t)p[4] | (size_t)p[5] << 8;
    if (p[6] < CHUNK_WHOLE || p[6] > CHUNK_LAST || length > left - CMT_LSM_LOG_HEADER)
        return false;
    if (cmt_crc32c_mask(cmt_crc32c(0, p + 6, length + 1)) != cmt_load32(p))
        return false;
    *type = p[6];
    *data = (cmt_slice){p + CMT_LSM_LOG_HEADER, length};
    return true;
}

/* Is there a valid chunk anywhere behind `offset`? */
static cmt_status valid_chunk_follows(reader *r, uint64_t offset, bool *found, cmt_error *err)
{
    *found = false;
    for (uint64_t at = offset + 1; at < r->size && !*found;) {
        CMT_TRY(load_block(r, at, err));
        size_t in_block = (size_t)(at - r->block_start);
        for (; in_block < r->block_size && !*found; in_block++) {
            unsigned type;
            cmt_slice data;
            *found = chunk_at(r->block + in_block, r->block_size - in_block, &type, &data);
        }
        at = r->block_start + r->block_size;
    }
    return CMT_OK;
}

static cmt_status end_of_log(reader *r, uint64_t offset, const char *what, bool *torn,
                             cmt_error *err)
{
    bool found;
    CMT_TRY(valid_chunk_follows(r, offset, &found, err));
    if (found)
        return cmt_error_set(err, CMT_CORRUPT,
                             "%s: %s at offset %llu, with valid records behind it", r->name, what,
                             (unsigned long long)offset);
    *torn = true;
    return CMT_OK;
}

cmt_status cmt_lsm__log_read(int fd, const char *name, uint64_t size, cmt_lsm__record_fn on_record,
                             void *context, bool *torn, cmt_error *err)
{
    CMT_AUTO(cmt_buf_free) cmt_buf record = CMT_BUF_INIT;
    reader r = {.fd = fd, .name = name, .size = size};
    bool inside = false;
    uint64_t offset = 0;
    *torn = false;
    while (offset < size) {
        size_t left = CMT_LSM_LOG_BLOCK - (size_t)(offset % CMT_LSM_LOG_BLOCK);
        if (left < CMT_LSM_LOG_HEADER) {
            offset += left;
            continue;
        }
        CMT_TRY(load_block(&r, offset, err));
        size_t at = (size_t)(offset - r.block_start);
        unsigned type;
        cmt_slice data;
        if (!chunk_at(r.block + at, r.block_size - at, &type, &data))
            return end_of_log(&r, offset, "damaged record", torn, err);
        bool begins = type == CHUNK_WHOLE || type == CHUNK_FIRST;
        if (begins == inside)
            return cmt_error_set(err, CMT_CORRUPT, "%s: record out of order at offset %llu", name,
                                 (unsigned long long)offset);
        offset += CMT_LSM_LOG_HEADER + data.size;
        if (type == CHUNK_WHOLE) {
            CMT_TRY(on_record(context, data, err));
            continue;
        }
        if (begins)
            cmt_buf_clear(&record);
        /* Room for one byte more, so that a record without any has an address too. */
        if (cmt_buf_reserve(&record, data.size + 1) != CMT_OK ||
            cmt_buf_append(&record, data.data, data.size) != CMT_OK)
            return cmt_error_set(err, CMT_NO_MEMORY, "no memory for a record of %s", name);
        inside = type != CHUNK_LAST;
        if (!inside)
            CMT_TRY(on_record(context, cmt_buf_slice(&record), err));
    }
    *torn = inside;
    return CMT_OK;
}

cmt_status cmt_lsm__log_append(cmt_buf *out, cmt_slice record)
{
    static const uint8_t zeros[CMT_LSM_LOG_HEADER];
    bool first = true;
    bool last = false;
    while (!last) {
        size_t left = CMT_LSM_LOG_BLOCK - out->size % CMT_LSM_LOG_BLOCK;
        if (left < CMT_LSM_LOG_HEADER) {
            CMT_TRY(cmt_buf_append(out, zeros, left));
            left = CMT_LSM_LOG_BLOCK;
        }
        size_t room = left - CMT_LSM_LOG_HEADER;
        size_t n = record.size < room ? record.size : room;
        last = n == record.size;
        uint8_t header[CMT_LSM_LOG_HEADER];
        header[4] = (uint8_t)n;
        header[5] = (uint8_t)(n >> 8);
        header[6] = first ? (last ? CHUNK_WHOLE : CHUNK_FIRST) : last ? CHUNK_LAST : CHUNK_MIDDLE;
        uint32_t crc = cmt_crc32c(cmt_crc32c(0, header + 6, 1), record.data, n);
        cmt_store32(header, cmt_crc32c_mask(crc));
        CMT_TRY(cmt_buf_append(out, header, sizeof header));
        CMT_TRY(cmt_buf_append(out, record.data, n));
        if (!last)
            record.data += n;
        record.size -= n;
        first = false;
    }
    return CMT_OK;
}
