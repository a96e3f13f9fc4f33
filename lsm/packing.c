/* SPDX-License-Identifier: Apache-2.0
 *
 * Checksums and compressions of stored blocks.
 */
#include "packing.h"

#include <lz4.h>
#include <snappy-c.h>
#include <stdlib.h>
#include <xxhash.h>
#include <zstd.h>

#include "crc32c.h"

uint32_t cmt_lsm__block_checksum(unsigned kind, const uint8_t *block, size_t size)
{
    switch (kind) {
    case CMT_LSM_CHECKSUM_XXH64:
        return (uint32_t)XXH64(block, size, 0);
    case CMT_LSM_CHECKSUM_XXH3:
        /* The last byte is mixed in apart, so that it need not lie behind the others. */
        return (uint32_t)XXH3_64bits(block, size - 1) ^ block[size - 1] * UINT32_C(0x6b9083d9);
    default:
        return cmt_crc32c_mask(cmt_crc32c(0, block, size));
    }
}

bool cmt_lsm__compression_known(unsigned compression, bool rocksdb)
{
    switch (compression) {
    case CMT_LSM_RAW:
    case CMT_LSM_SNAPPY:
        return true;
    case CMT_LSM_LZ4:
    case CMT_LSM_LZ4HC:
    case CMT_LSM_ZSTD:
        return rocksdb;
    default:
        return false;
    }
}

/* How large the block is unpacked, and what is left of the stored bytes. */
static bool unpacked_size(unsigned compression, cmt_slice *stored, size_t *size)
{
    uint64_t stated;
    const uint8_t *p;
    if (compression == CMT_LSM_RAW) {
        *size = stored->size;
        return true;
    }
    if (compression == CMT_LSM_SNAPPY)
        return snappy_uncompressed_length((const char *)stored->data, stored->size, size) ==
                   SNAPPY_OK &&
               *size <= CMT_LSM_BLOCK_MAX;
    p = cmt_varint_get(stored->data, stored->data + stored->size, &stated);
    if (p == NULL || stated > CMT_LSM_BLOCK_MAX)
        return false;
    *stored = (cmt_slice){p, stored->size - (size_t)(p - stored->data)};
    *size = (size_t)stated;
    return true;
}

static bool unpack_into(unsigned compression, cmt_slice stored, uint8_t *data, size_t size)
{
    size_t n = size;
    switch (compression) {
    case CMT_LSM_RAW:
        memcpy(data, stored.data, size);
        return true;
    case CMT_LSM_SNAPPY:
        return snappy_uncompress((const char *)stored.data, stored.size, (char *)data, &n) ==
               SNAPPY_OK;
    case CMT_LSM_ZSTD:
        return ZSTD_decompress(data, size, stored.data, stored.size) == size;
    default:
        return LZ4_decompress_safe((const char *)stored.data, (char *)data, (int)stored.size,
                                   (int)size) == (int)size;
    }
}

cmt_status cmt_lsm__unpack(unsigned compression, cmt_slice stored, uint8_t **data, size_t *size)
{
    if (!unpacked_size(compression, &stored, size))
        return CMT_CORRUPT;
    uint8_t *bytes = malloc(*size + 1);
    if (bytes == NULL)
        return CMT_NO_MEMORY;
    if (!unpack_into(compression, stored, bytes, *size)) {
        free(bytes);
        return CMT_CORRUPT;
    }
    *data = bytes;
    return CMT_OK;
}

cmt_status cmt_lsm__pack(cmt_slice block, cmt_buf *scratch, cmt_slice *packed)
{
    size_t size = snappy_max_compressed_length(block.size);
    cmt_buf_clear(scratch);
    CMT_TRY(cmt_buf_reserve(scratch, size));
    if (snappy_compress((const char *)block.data, block.size, (char *)scratch->data, &size) !=
            SNAPPY_OK ||
        size >= block.size - block.size / 8)
        return CMT_NOT_FOUND;
    *packed = (cmt_slice){scratch->data, size};
    return CMT_OK;
}
