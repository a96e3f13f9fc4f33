/* SPDX-License-Identifier: Apache-2.0
 *
 * Tables: any bytes are read or refused, in both directions and from any key, and what is shown are
 * internal keys of the kinds there are, with values that can be read.
 */
#include "fuzz.h"

#include "repair.h"
#include "walk_table.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const cmt_lsm__table_meta leveldb = {.number = 1};
    cmt_buf copy = CMT_BUF_INIT;
    FUZZ_CHECK(cmt_buf_append(&copy, data, size) == CMT_OK);
    walk_table(cmt_buf_slice(&copy), &leveldb);
    repair_table(copy.data, copy.size);
    walk_table(cmt_buf_slice(&copy), &leveldb);
    cmt_buf_free(&copy);
    return 0;
}
