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
