/* SPDX-License-Identifier: Apache-2.0
 *
 * The entries of a write-ahead log that was accepted.
 */
#include "check_entries.h"

#include "fuzz.h"

void check_entries(const cmt_lsm__journal *j, size_t size)
{
    uint64_t highest = 0;
    size_t bytes = 0;
    size_t ranges = 0;
    for (size_t i = 0; i < j->count; i++) {
        const cmt_lsm__entry *e = &j->entries[i];
        cmt_slice key = cmt_lsm__entry_key(e);
        FUZZ_CHECK(key.size >= 8 && key.size <= CMT_LSM_KEY_MAX);
        bool range = cmt_lsm__type(key) == CMT_LSM_TYPE_RANGE_DELETE;
        FUZZ_CHECK(range || cmt_lsm__type(key) <= CMT_LSM_TYPE_PUT);
        ranges += range;
        FUZZ_CHECK(cmt_lsm__sequence(key) < CMT_LSM_SEQUENCE_MAX);
        FUZZ_CHECK(i == 0 || cmt_lsm__internal_compare(cmt_lsm__entry_key(e - 1), key) <= 0);
        FUZZ_CHECK(!e->in_log); /* a small log is copied */
        bytes += 2 + key.size - 8 + e->value_size;
        for (size_t k = 0; k < e->value_size; k++)
            highest ^= e->value.bytes[k]; /* each byte can be read */
    }
    highest = 0;
    for (size_t i = 0; i < j->count; i++)
        if (cmt_lsm__sequence(cmt_lsm__entry_key(&j->entries[i])) > highest)
            highest = cmt_lsm__sequence(cmt_lsm__entry_key(&j->entries[i]));
    FUZZ_CHECK(j->highest_sequence == highest);
    FUZZ_CHECK(bytes <= size && ranges == j->range_deletes);
    FUZZ_CHECK(j->bytes == size && j->files == 1);
}
