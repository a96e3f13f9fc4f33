/* SPDX-License-Identifier: Apache-2.0
 *
 * Makes checksums right again, so that what lies behind them is reached with bytes of any kind.  What has
 * no place for a checksum is left as it is.
 */
#ifndef CMT_FUZZ_REPAIR_H
#define CMT_FUZZ_REPAIR_H

#include "cmtstore/base.h"

/** The chunks of a log. */
void repair_log(uint8_t *data, size_t size);
/** The chunks of a log of pebble's. */
void repair_recycled_log(uint8_t *data, size_t size, uint32_t number);
/** The footer of a table in RocksDB's format, its meta index, index and what these name. */
void repair_rocksdb_table(uint8_t *data, size_t size);
/** The blocks of a table: its index, and those that the index names. */
void repair_table(uint8_t *data, size_t size);

#endif
