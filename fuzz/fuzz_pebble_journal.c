/* SPDX-License-Identifier: Apache-2.0
 *
 * pebble's and RocksDB's write-ahead logs: the entries of whatever is accepted are in order, of the three kinds there are, and
 * no larger than their log.
 */
#include "fuzz.h"

#include "journal.h"
#include "repair.h"
#include "scratch.h"

#include <fcntl.h>
#include <unistd.h>

static void check_entries(const cmt_lsm__journal *j, size_t size)
{
    uint64_t highest = 0;
    size_t bytes = 0;
    size_t ranges = 0;
    for (size_t i = 0; i < j->count; i++) {
        const cmt_lsm__entry *e = &j->entries[i];
        FUZZ_CHECK(e->key.size >= 8 && e->key.size <= CMT_LSM_KEY_MAX);
        bool range = cmt_lsm__type(e->key) == CMT_LSM_TYPE_RANGE_DELETE;
        FUZZ_CHECK(range || cmt_lsm__type(e->key) <= CMT_LSM_TYPE_PUT);
        ranges += range;
        FUZZ_CHECK(cmt_lsm__sequence(e->key) < CMT_LSM_SEQUENCE_MAX);
        FUZZ_CHECK(i == 0 || cmt_lsm__internal_compare(j->entries[i - 1].key, e->key) <= 0);
        bytes += 2 + e->key.size - 8 + e->value.size;
        for (size_t k = 0; k < e->value.size; k++)
            highest ^= e->value.data[k]; /* each byte can be read */
    }
    highest = 0;
    for (size_t i = 0; i < j->count; i++)
        if (cmt_lsm__sequence(j->entries[i].key) > highest)
            highest = cmt_lsm__sequence(j->entries[i].key);
    FUZZ_CHECK(j->highest_sequence == highest);
    FUZZ_CHECK(bytes <= size && ranges == j->range_deletes);
    FUZZ_CHECK(j->bytes == size && j->files == 1);
}

static void check(cmt_slice log, bool rocksdb)
{
    cmt_lsm__listing listing;
    cmt_lsm__journal journal;
    cmt_error err = CMT_ERROR_INIT;
    scratch_write("000005.log", log);
    FUZZ_CHECK(cmt_lsm__list(scratch_fd(), ".", &listing, NULL) == CMT_OK && listing.count == 1);
    cmt_status st =
        rocksdb ? cmt_lsm__journal_read_rocksdb(scratch_fd(), &listing, 3, true, &journal, &err)
                : cmt_lsm__journal_read_pebble(scratch_fd(), &listing, 3, true, &journal, &err);
    cmt_lsm__listing_free(&listing);
    if (st == CMT_OK)
        check_entries(&journal, log.size);
    else
        FUZZ_CHECK((st == CMT_CORRUPT || (rocksdb && st == CMT_UNSUPPORTED)) &&
                   err.message[0] != '\0' && journal.entries == NULL);
    cmt_lsm__journal_free(&journal);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cmt_buf copy = CMT_BUF_INIT;
    FUZZ_CHECK(cmt_buf_append(&copy, data, size) == CMT_OK);
    check(cmt_buf_slice(&copy), false);
    check(cmt_buf_slice(&copy), true);
    repair_recycled_log(copy.data, copy.size, 5);
    check(cmt_buf_slice(&copy), false);
    check(cmt_buf_slice(&copy), true);
    cmt_buf_free(&copy);
    return 0;
}
