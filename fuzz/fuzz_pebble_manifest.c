/* SPDX-License-Identifier: Apache-2.0
 *
 * pebble's and RocksDB's MANIFESTs: whatever is accepted is in order, level by level, and is the same after
 * being encoded.
 */
#include "fuzz.h"

#include "check_manifest.h"
#include "repair.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cmt_buf copy = CMT_BUF_INIT;
    FUZZ_CHECK(cmt_buf_append(&copy, data, size) == CMT_OK);
    check_manifest(cmt_buf_slice(&copy), cmt_lsm__version_read_pebble);
    check_manifest(cmt_buf_slice(&copy), cmt_lsm__version_read_rocksdb);
    repair_log(copy.data, copy.size);
    check_manifest(cmt_buf_slice(&copy), cmt_lsm__version_read_pebble);
    check_manifest(cmt_buf_slice(&copy), cmt_lsm__version_read_rocksdb);
    cmt_buf_free(&copy);
    return 0;
}
