/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading LevelDB's and pebble's log formats, and writing the former.
 */
#include "log.h"

#include "cleanup.h"
#include "crc32c.h"
#include "file.h"

enum { CHUNK_WHOLE = 1, CHUNK_FIRST = 2, CHUNK_MIDDLE = 3, CHUNK_LAST = 4, CHUNK_RECYCLED = 4 };
#define RECYCLED_HEADER (CMT_LSM_LOG_HEADER + 4)

/* A reader holds one block at a time, however long the file. */
typedef struct reader {
    int fd;
    const char *name;
    uint64_t size;
    uint8_t block[CMT_LSM_LOG_BLOCK];
    uint64_t block_start;
    size_t block_size; /* 0: none loaded */
    bool recycled;     /* pebble's chunks, too */
    uint32_t number;   /* low half of the log's */
    bool strict;       /* recycled: must end by itself */
    uint64_t end;      /* behind the last whole record */
    bool rocksdb;
    cmt_lsm__record_place place; /* of the record being read */
    cmt_lsm__record_place *place_out;
} reader;

/* What stands at an offset. */
typedef struct chunk {
    enum { CHUNK_BAD, CHUNK_GOOD, CHUNK_OF_OLDER_LOG } state;
    unsigned type; /* without CHUNK_RECYCLED */
    size_t header;
    cmt_slice data;
} chunk;

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

/* The chunk at p, of which `left` bytes are in its block. */
static chunk chunk_at(const reader *r, const uint8_t *p, size_t left)
{
    chunk c = {.state = CHUNK_BAD, .header = CMT_LSM_LOG_HEADER};
    if (left < CMT_LSM_LOG_HEADER)
        return c;
    size_t length = (size_t)p[4] | (size_t)p[5] << 8;
    c.type = p[6];
    if (c.type > CHUNK_RECYCLED) {
        c.type -= CHUNK_RECYCLED;
        c.header = RECYCLED_HEADER;
        if (!r->recycled || left < RECYCLED_HEADER)
            return c;
        if (c.type <= CHUNK_LAST && cmt_load32(p + CMT_LSM_LOG_HEADER) != r->number) {
            c.state = CHUNK_OF_OLDER_LOG;
            return c;
        }
    }
    if (c.type < CHUNK_WHOLE || c.type > CHUNK_LAST || length > left - c.header)
        return c;
    /* The checksum covers all behind it but the length. */
    if (cmt_crc32c_mask(cmt_crc32c(0, p + 6, c.header - 6 + length)) != cmt_load32(p))
        return c;
    c.data = (cmt_slice){p + c.header, length};
    c.state = CHUNK_GOOD;
    return c;
}

/* Is there a valid chunk anywhere behind `offset`? */
static cmt_status valid_chunk_follows(reader *r, uint64_t offset, bool *found, cmt_error *err)
{
    *found = false;
    for (uint64_t at = offset + 1; at < r->size && !*found;) {
        CMT_TRY(load_block(r, at, err));
        size_t in_block = (size_t)(at - r->block_start);
        for (; in_block < r->block_size && !*found; in_block++)
            *found = chunk_at(r, r->block + in_block, r->block_size - in_block).state == CHUNK_GOOD;
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
    if (r->strict)
        return cmt_error_set(
            err, CMT_CORRUPT,
            "%s: %s at offset %llu, and newer logs follow; an engine refuses it too", r->name, what,
            (unsigned long long)offset);
    *torn = true;
    return CMT_OK;
}

/* A chunk that LevelDB does not have, in a directory that looks like LevelDB's. */
static bool is_foreign(const uint8_t *p, size_t left)
{
    const reader any = {.recycled = true,
                        .number = left < RECYCLED_HEADER ? 0 : cmt_load32(p + CMT_LSM_LOG_HEADER)};
    chunk c = chunk_at(&any, p, left);
    return c.state == CHUNK_GOOD && c.header == RECYCLED_HEADER;
}

/* A whole chunk of a type that RocksDB's newer versions or settings write. */
static bool is_newer(const uint8_t *p, size_t left)
{
    if (left < CMT_LSM_LOG_HEADER || p[6] <= CHUNK_LAST + CHUNK_RECYCLED)
        return false;
    size_t length = (size_t)p[4] | (size_t)p[5] << 8;
    return length <= left - CMT_LSM_LOG_HEADER &&
           cmt_crc32c_mask(cmt_crc32c(0, p + 6, 1 + length)) == cmt_load32(p);
}

/* What cannot be read at `offset`: the end, or a reason to refuse. */
static cmt_status bad_chunk(reader *r, uint64_t offset, bool *torn, cmt_error *err)
{
    const uint8_t *p = r->block + (offset - r->block_start);
    size_t left = r->block_size - (size_t)(offset - r->block_start);
    if (r->rocksdb && is_newer(p, left))
        return cmt_error_set(
            err, CMT_UNSUPPORTED,
            "%s: the record at offset %llu is of kind %u, which CometBFT's engines "
            "do not write",
            r->name, (unsigned long long)offset, (unsigned)p[6]);
    if (!r->recycled && is_foreign(p, left))
        return cmt_error_set(err, CMT_UNSUPPORTED,
                             "%s: the record at offset %llu is of a kind that RocksDB and pebble "
                             "write, but no OPTIONS file of pebble lies beside it",
                             r->name, (unsigned long long)offset);
    return end_of_log(r, offset, "damaged record", torn, err);
}

/* Too little is left of the block, of which `have` bytes are in the file, for a header.  pebble fills up
 * with zeros for its longer one. */
static bool is_filler(const reader *r, const uint8_t *p, size_t left, size_t have)
{
    static const uint8_t zeros[RECYCLED_HEADER];
    if (!r->recycled)
        return left < CMT_LSM_LOG_HEADER;
    if (have < CMT_LSM_LOG_HEADER)
        return have == left;
    return have < RECYCLED_HEADER && memcmp(p, zeros, CMT_LSM_LOG_HEADER) == 0;
}

/* Take note of where a chunk of the record stands. */
static void note_place(reader *r, const chunk *c, uint64_t offset, bool begins)
{
    if (begins)
        r->place = (cmt_lsm__record_place){offset + c->header, c->header, 0, true};
    bool ends = c->type == CHUNK_WHOLE || c->type == CHUNK_LAST;
    if (c->header != r->place.header ||
        (!ends && (offset + c->header + c->data.size) % CMT_LSM_LOG_BLOCK != 0))
        r->place.regular = false;
    r->place.size += c->data.size;
    uint64_t end = offset + c->header + c->data.size;
    if (ends && r->place.size > 0 &&
        cmt_lsm__record_offset(&r->place, r->place.size - 1) + 1 != end)
        r->place.regular = false; /* cannot be; if it is, values are copied */
    if (r->place_out != NULL)
        *r->place_out = r->place;
}

static cmt_status read_log(reader *r, cmt_lsm__record_fn on_record, void *context, bool *torn,
                           cmt_error *err)
{
    CMT_AUTO(cmt_buf_free) cmt_buf record = CMT_BUF_INIT;
    bool inside = false;
    uint64_t offset = 0;
    *torn = false;
    while (offset < r->size) {
        size_t left = CMT_LSM_LOG_BLOCK - (size_t)(offset % CMT_LSM_LOG_BLOCK);
        CMT_TRY(load_block(r, offset, err));
        const uint8_t *p = r->block + (offset - r->block_start);
        size_t have = r->block_size - (size_t)(offset - r->block_start);
        if (is_filler(r, p, left, have)) {
            offset += left;
            continue;
        }
        chunk c = chunk_at(r, p, have);
        if (c.state == CHUNK_OF_OLDER_LOG && !inside)
            return CMT_OK;
        if (c.state != CHUNK_GOOD)
            return bad_chunk(r, offset, torn, err);
        bool begins = c.type == CHUNK_WHOLE || c.type == CHUNK_FIRST;
        if (begins == inside)
            return cmt_error_set(err, CMT_CORRUPT, "%s: record out of order at offset %llu",
                                 r->name, (unsigned long long)offset);
        note_place(r, &c, offset, begins);
        offset += c.header + c.data.size;
        if (c.type == CHUNK_WHOLE) {
            CMT_TRY(on_record(context, c.data, err));
            r->end = offset;
            continue;
        }
        if (begins)
            cmt_buf_clear(&record);
        /* Room for one byte more, so that a record without any has an address too. */
        if (cmt_buf_reserve(&record, c.data.size + 1) != CMT_OK ||
            cmt_buf_append(&record, c.data.data, c.data.size) != CMT_OK)
            return cmt_error_set(err, CMT_NO_MEMORY, "no memory for a record of %s", r->name);
        inside = c.type != CHUNK_LAST;
        if (inside)
            continue;
        CMT_TRY(on_record(context, cmt_buf_slice(&record), err));
        r->end = offset;
    }
    return inside ? end_of_log(r, r->size, "a record that is cut", torn, err) : CMT_OK;
}

cmt_status cmt_lsm__log_read(int fd, const char *name, uint64_t size, cmt_lsm__record_fn on_record,
                             void *context, bool *torn, cmt_error *err)
{
    reader r = {.fd = fd, .name = name, .size = size};
    return read_log(&r, on_record, context, torn, err);
}

cmt_status cmt_lsm__log_read_recycled(int fd, const char *name, uint64_t size,
                                      cmt_lsm__recycled_log log, cmt_lsm__record_fn on_record,
                                      void *context, bool *torn, cmt_error *err)
{
    reader r = {.fd = fd,
                .name = name,
                .size = size,
                .recycled = true,
                .number = (uint32_t)log.number,
                .strict = log.strict,
                .rocksdb = log.rocksdb,
                .place_out = log.place};
    return read_log(&r, on_record, context, torn, err);
}

uint64_t cmt_lsm__record_offset(const cmt_lsm__record_place *place, uint64_t at)
{
    /* Where a block has room for a header alone, the first chunk is empty and `offset` where the block ends. */
    const uint64_t next = (place->offset - 1) / CMT_LSM_LOG_BLOCK + 1;
    const uint64_t in_first = next * CMT_LSM_LOG_BLOCK - place->offset;
    if (at < in_first)
        return place->offset + at;
    at -= in_first;
    const uint64_t in_each = CMT_LSM_LOG_BLOCK - place->header;
    const uint64_t block = next + at / in_each;
    return block * CMT_LSM_LOG_BLOCK + place->header + at % in_each;
}

cmt_status cmt_lsm__record_read(int fd, const char *name, uint64_t offset, size_t size,
                                uint8_t *out, cmt_error *err)
{
    while (size > 0) {
        size_t n = CMT_LSM_LOG_BLOCK - (size_t)(offset % CMT_LSM_LOG_BLOCK);
        if (n > size)
            n = size;
        CMT_TRY(cmt_file_read_at(fd, name, offset, out, n, err));
        out += n;
        size -= n;
        offset += n + CMT_LSM_LOG_HEADER; /* of the next block's chunk, if there is more */
    }
    return CMT_OK;
}

static cmt_status pass_over(void *context, cmt_slice record, cmt_error *err)
{
    (void)context;
    (void)record;
    (void)err;
    return CMT_OK;
}

cmt_status cmt_lsm__log_end_recycled(int fd, const char *name, uint64_t size,
                                     cmt_lsm__recycled_log log, uint64_t *end, cmt_error *err)
{
    reader r = {.fd = fd,
                .name = name,
                .size = size,
                .recycled = true,
                .number = (uint32_t)log.number,
                .strict = log.strict};
    bool torn;
    CMT_TRY(read_log(&r, pass_over, NULL, &torn, err));
    *end = r.end;
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
