/* SPDX-License-Identifier: Apache-2.0
 *
 * Tables in RocksDB's format, as pebble's and as RocksDB's own: any bytes are read or refused, in both
 * directions and from any key, and what is shown are internal keys of the kinds there are, with values that
 * can be read.
 */
#include "fuzz.h"

#include "repair.h"
#include "walk_table.h"

static void check(cmt_slice table)
{
    cmt_lsm__table_meta format = {
        .is_sst = true, .rocksdb_format = true, .largest_sequence = CMT_LSM_SEQUENCE_MAX - 1};
    walk_table(table, &format);
    format.rocksdb = true;
    walk_table(table, &format);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cmt_buf copy = CMT_BUF_INIT;
    FUZZ_CHECK(cmt_buf_append(&copy, data, size) == CMT_OK);
    check(cmt_buf_slice(&copy));
    repair_rocksdb_table(copy.data, copy.size);
    check(cmt_buf_slice(&copy));
    cmt_buf_free(&copy);
    return 0;
}
