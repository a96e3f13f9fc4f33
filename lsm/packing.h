/* SPDX-License-Identifier: Apache-2.0
 *
 * Checksums and compressions of stored blocks.  LevelDB's and pebble's have CRC-32C, and snappy or nothing;
 * RocksDB's have more of both.
 */
#ifndef CMT_LSM_PACKING_H
#define CMT_LSM_PACKING_H

#include "format.h"

/* RocksDB's numbers; the others are not read. */
enum { CMT_LSM_CHECKSUM_CRC32C = 1, CMT_LSM_CHECKSUM_XXH64 = 3, CMT_LSM_CHECKSUM_XXH3 = 4 };
enum {
    CMT_LSM_RAW = 0,
    CMT_LSM_SNAPPY = 1,
    CMT_LSM_LZ4 = 4,
    CMT_LSM_LZ4HC = 5,
    CMT_LSM_ZSTD = 7,
};

/** The checksum of kind @p kind over a block and the byte behind it, its compression: @p size counts both.
 *  Source: RocksDB table/format.cc ComputeBuiltinChecksumWithLastByte */
uint32_t cmt_lsm__block_checksum(unsigned kind, const uint8_t *block, size_t size);

/** Can blocks of this compression be read?  @p rocksdb: in a table of RocksDB's. */
bool cmt_lsm__compression_known(unsigned compression, bool rocksdb);

/**
 * Unpack a stored block into new memory (free()).
 * @retval CMT_CORRUPT  it does not decode, or says that it is larger than any block (no message)
 * Source: RocksDB util/compression.h, compress_format_version 2: but for snappy, the size stands first
 */
CMT_MUST_CHECK cmt_status cmt_lsm__unpack(unsigned compression, cmt_slice stored, uint8_t **data,
                                          size_t *size);

/**
 * Pack a block with snappy, if that saves more than an eighth.
 * @param scratch  what @p packed borrows from
 * @retval CMT_NOT_FOUND  it does not
 */
CMT_MUST_CHECK cmt_status cmt_lsm__pack(cmt_slice block, cmt_buf *scratch, cmt_slice *packed);

#endif
