/* SPDX-License-Identifier: Apache-2.0
 *
 * Right checksums for wrong bytes.
 */
#include "repair.h"

#include "fuzz.h"

#include "block.h"
#include "crc32c.h"
#include "format.h"
#include "packing.h"

#include <snappy-c.h>

void repair_log(uint8_t *data, size_t size)
{
    for (size_t at = 0; at + CMT_LSM_LOG_HEADER <= size;) {
        size_t left = CMT_LSM_LOG_BLOCK - at % CMT_LSM_LOG_BLOCK;
        if (left < CMT_LSM_LOG_HEADER) {
            at += left;
            continue;
        }
        uint8_t *chunk = data + at;
        size_t length = (size_t)chunk[4] | (size_t)chunk[5] << 8;
        if (length > left - CMT_LSM_LOG_HEADER || length > size - at - CMT_LSM_LOG_HEADER)
            return;
        cmt_store32(chunk, cmt_crc32c_mask(cmt_crc32c(0, chunk + 6, length + 1)));
        at += CMT_LSM_LOG_HEADER + length;
    }
}

/* Where a block lies according to the two varints at p, if it does lie there with its trailer. */
static const uint8_t *find_block(const uint8_t *p, const uint8_t *end, size_t limit, size_t *offset,
                                 size_t *length)
{
    uint64_t o;
    uint64_t n;
    if ((p = cmt_varint_get(p, end, &o)) == NULL || (p = cmt_varint_get(p, end, &n)) == NULL)
        return NULL;
    if (o > limit || n > limit || o + n + CMT_LSM_BLOCK_TRAILER > limit)
        n = SIZE_MAX;
    *offset = (size_t)o;
    *length = (size_t)n;
    return p;
}

static void repair_block(uint8_t *data, size_t offset, size_t length)
{
    if (length == SIZE_MAX)
        return;
    uint32_t crc = cmt_crc32c(0, data + offset, length + 1);
    cmt_store32(data + offset + length + 1, cmt_crc32c_mask(crc));
}

/* The block without its compression, or NULL. */
static cmt_lsm__block *unpack(const uint8_t *data, size_t offset, size_t length)
{
    cmt_lsm__block *block;
    size_t size = length;
    const char *raw = (const char *)data + offset;
    bool snappy = data[offset + length] == 1;
    if (snappy && (snappy_uncompressed_length(raw, length, &size) != SNAPPY_OK || size > 1 << 20))
        return NULL;
    uint8_t *bytes = malloc(size + 1);
    FUZZ_CHECK(bytes != NULL);
    if (!snappy)
        memcpy(bytes, raw, size);
    else if (snappy_uncompress(raw, length, (char *)bytes, &size) != SNAPPY_OK) {
        free(bytes);
        return NULL;
    }
    return cmt_lsm__block_new(bytes, size, 1, offset, &block, NULL) == CMT_OK ? block : NULL;
}

void repair_table(uint8_t *data, size_t size)
{
    size_t offset;
    size_t length;
    if (size < CMT_LSM_FOOTER)
        return;
    size_t limit = size - CMT_LSM_FOOTER;
    const uint8_t *footer = data + limit;
    cmt_store64(data + size - 8, CMT_LSM_MAGIC);
    const uint8_t *p = find_block(footer, footer + 40, limit, &offset, &length);
    if (p == NULL || find_block(p, footer + 40, limit, &offset, &length) == NULL ||
        length == SIZE_MAX)
        return;
    cmt_lsm__block *index = unpack(data, offset, length);
    if (index != NULL) {
        cmt_lsm__cursor cursor = {0};
        size_t at;
        size_t n;
        cmt_lsm__cursor_set(&cursor, index);
        cmt_lsm__block_release(index);
        cmt_status st = cmt_lsm__cursor_first(&cursor, NULL);
        for (; st == CMT_OK && cursor.valid; st = cmt_lsm__cursor_next(&cursor, NULL))
            if (find_block(cursor.value.data, cursor.value.data + cursor.value.size, limit, &at,
                           &n) != NULL)
                repair_block(data, at, n);
        cmt_lsm__cursor_free(&cursor);
    }
    repair_block(data, offset, length);
}

void repair_recycled_log(uint8_t *data, size_t size, uint32_t number)
{
    const size_t header = CMT_LSM_LOG_HEADER + 4;
    for (size_t at = 0; at + header <= size;) {
        size_t left = CMT_LSM_LOG_BLOCK - at % CMT_LSM_LOG_BLOCK;
        if (left < header) {
            at += left;
            continue;
        }
        uint8_t *chunk = data + at;
        size_t length = (size_t)chunk[4] | (size_t)chunk[5] << 8;
        if (length > left - header || length > size - at - header)
            return;
        if (chunk[6] % 16 != 15) /* now and then the number of another log stays */
            cmt_store32(chunk + CMT_LSM_LOG_HEADER, number);
        cmt_store32(chunk, cmt_crc32c_mask(cmt_crc32c(0, chunk + 6, header - 6 + length)));
        at += header + length;
    }
}

/* A block and those that its entries name. */
static void repair_named(uint8_t *data, size_t offset, size_t length, size_t limit)
{
    cmt_lsm__block *block = length == SIZE_MAX ? NULL : unpack(data, offset, length);
    cmt_lsm__cursor cursor = {0};
    size_t at;
    size_t n;
    if (block == NULL)
        return;
    cmt_lsm__cursor_set(&cursor, block);
    cmt_lsm__block_release(block);
    cmt_status st = cmt_lsm__cursor_first(&cursor, NULL);
    for (; st == CMT_OK && cursor.valid; st = cmt_lsm__cursor_next(&cursor, NULL))
        if (find_block(cursor.value.data, cursor.value.data + cursor.value.size, limit, &at, &n) !=
            NULL)
            repair_block(data, at, n);
    cmt_lsm__cursor_free(&cursor);
    repair_block(data, offset, length);
}

void repair_rocksdb_table(uint8_t *data, size_t size)
{
    size_t offset;
    size_t length;
    if (size < CMT_LSM_ROCKSDB_FOOTER)
        return;
    size_t limit = size - CMT_LSM_ROCKSDB_FOOTER;
    uint8_t *footer = data + limit;
    footer[0] = CMT_LSM_CHECKSUM_CRC32C;
    cmt_store32(footer + 41, CMT_LSM_ROCKSDB_VERSION);
    cmt_store64(footer + 45, CMT_LSM_ROCKSDB_MAGIC);
    const uint8_t *p = find_block(footer + 1, footer + 41, limit, &offset, &length);
    if (p == NULL)
        return;
    repair_named(data, offset, length, limit);
    if (find_block(p, footer + 41, limit, &offset, &length) != NULL)
        repair_named(data, offset, length, limit);
}
