/* SPDX-License-Identifier: Apache-2.0
 *
 * Write-ahead logs: the entries of whatever is accepted are in order, of the two kinds there are, and no
 * larger than their log.
 */
#include "fuzz.h"

#include "check_entries.h"
#include "repair.h"
#include "scratch.h"

static void check(cmt_slice log)
{
    cmt_lsm__listing listing;
    cmt_lsm__journal journal;
    cmt_error err = CMT_ERROR_INIT;
    scratch_write("000005.log", log);
    FUZZ_CHECK(cmt_lsm__list(scratch_fd(), ".", &listing, NULL) == CMT_OK && listing.count == 1);
    cmt_status st = cmt_lsm__journal_read(scratch_fd(), &listing, 3, 0, 100, &journal, &err);
    cmt_lsm__listing_free(&listing);
    if (st == CMT_OK) {
        check_entries(&journal, log.size);
        FUZZ_CHECK(journal.range_deletes == 0); /* none in LevelDB's format */
    } else
        FUZZ_CHECK(st == CMT_CORRUPT && err.message[0] != '\0' && journal.entries == NULL);
    cmt_lsm__journal_free(&journal);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cmt_buf copy = CMT_BUF_INIT;
    FUZZ_CHECK(cmt_buf_append(&copy, data, size) == CMT_OK);
    check(cmt_buf_slice(&copy));
    repair_log(copy.data, copy.size);
    check(cmt_buf_slice(&copy));
    cmt_buf_free(&copy);
    return 0;
}
