/* SPDX-License-Identifier: Apache-2.0
 *
 * The properties of a table in RocksDB's format: what pebble and RocksDB read of them, and the rest with the
 * values that pebble itself writes.
 */
#ifndef CMT_LSM_PROPERTIES_H
#define CMT_LSM_PROPERTIES_H

#include "cmtstore/base.h"

typedef struct cmt_lsm__properties {
    uint64_t entries;
    uint64_t deletions;
    uint64_t raw_key_bytes; /* with trailers */
    uint64_t raw_value_bytes;
    uint64_t data_bytes; /* of the blocks as stored, trailers included */
    uint64_t data_blocks;
    uint64_t index_bytes; /* with its trailer */
    bool rocksdb;         /* else for pebble */
} cmt_lsm__properties;

/**
 * Append the properties block, uncompressed and without trailer: sorted entries {name, value}, numbers as
 * varints, with one restart point.
 * Source: pebble sstable/properties.go Properties.save
 */
CMT_MUST_CHECK cmt_status cmt_lsm__properties_encode(const cmt_lsm__properties *properties,
                                                     cmt_buf *out);

#endif
