/* SPDX-License-Identifier: Apache-2.0
 *
 * Constants and small helpers of the file formats: internal keys, file names, limits.
 *
 * An internal key is the user key followed by 8 bytes: sequence << 8 | type, little-endian.
 * Order: user key ascending, then that number descending, so the newest entry of a key comes first.
 */
#ifndef CMT_LSM_FORMAT_H
#define CMT_LSM_FORMAT_H

#include <string.h>

#include "cmtstore/lsm.h"
#include "coding.h"

#define CMT_LSM_LOG_BLOCK 32768
#define CMT_LSM_LOG_HEADER 7
#define CMT_LSM_BLOCK_TRAILER 5
#define CMT_LSM_FOOTER 48
#define CMT_LSM_MAGIC UINT64_C(0xdb4775248b80fb57)
/* Of the tables that RocksDB and pebble write: {checksum kind; handles, zero fill; version; magic}. */
#define CMT_LSM_ROCKSDB_FOOTER 53
#define CMT_LSM_ROCKSDB_MAGIC UINT64_C(0x88e241b785f4cff7)
#define CMT_LSM_ROCKSDB_VERSION 2
#define CMT_LSM_BLOCK_TARGET 4096
#define CMT_LSM_RESTART_INTERVAL 16
#define CMT_LSM_TABLE_TARGET (2u << 20)
/* A level-0 count at which both engines start compacting on their own. */
#define CMT_LSM_L0_TRIGGER 4
#define CMT_LSM_COMPARATOR "leveldb.BytewiseComparator"

/* Bounds on what is believed before memory is spent on it. */
#define CMT_LSM_BLOCK_MAX ((uint64_t)512 << 20)
#define CMT_LSM_JOURNALS_MAX ((uint64_t)96 << 20)
/* CometBFT's RocksDB keeps up to three memtables of 128 MiB. */
#define CMT_LSM_ROCKSDB_JOURNALS_MAX ((uint64_t)400 << 20)
#define CMT_LSM_KEY_MAX ((uint64_t)64 << 10)
/* Sequences are 56 bits; the last one is never used. */
#define CMT_LSM_SEQUENCE_MAX ((UINT64_C(1) << 56) - 1)

enum { CMT_LSM_TYPE_DELETE = 0, CMT_LSM_TYPE_PUT = 1 };
/* Only in pebble's and RocksDB's directories: a comment in a log, and a deletion of [key, value); RocksDB's alone:
 * nothing. */
enum { CMT_LSM_TYPE_LOG_DATA = 3, CMT_LSM_TYPE_NOTHING = 13, CMT_LSM_TYPE_RANGE_DELETE = 15 };

#define CMT_LSM_NAME_MAX 40

static inline cmt_slice cmt_lsm__user_key(cmt_slice internal)
{
    return (cmt_slice){internal.data, internal.size - 8};
}

static inline uint64_t cmt_lsm__trailer(cmt_slice internal)
{
    return cmt_load64(internal.data + internal.size - 8);
}

static inline uint64_t cmt_lsm__sequence(cmt_slice internal)
{
    return cmt_lsm__trailer(internal) >> 8;
}

static inline unsigned cmt_lsm__type(cmt_slice internal)
{
    return (unsigned)(cmt_lsm__trailer(internal) & 0xff);
}

static inline int cmt_lsm__internal_compare(cmt_slice a, cmt_slice b)
{
    int order = cmt_slice_compare(cmt_lsm__user_key(a), cmt_lsm__user_key(b));
    if (order != 0)
        return order;
    uint64_t x = cmt_lsm__trailer(a);
    uint64_t y = cmt_lsm__trailer(b);
    return x > y ? -1 : x < y;
}

/** Replace @p out by the internal key of (user key, sequence, type). */
static inline cmt_status cmt_lsm__make_internal(cmt_slice user, uint64_t sequence, unsigned type,
                                                cmt_buf *out)
{
    uint8_t trailer[8];
    cmt_store64(trailer, sequence << 8 | type);
    cmt_buf_clear(out);
    CMT_TRY(cmt_buf_reserve(out, user.size + 8));
    CMT_TRY(cmt_buf_append(out, user.data, user.size));
    return cmt_buf_append(out, trailer, sizeof trailer);
}

#endif
