/* SPDX-License-Identifier: Apache-2.0
 *
 * pebble's and RocksDB's MANIFESTs: whatever is accepted is in order, level by level, and is the same after being encoded.
 */
#include "fuzz.h"

#include "log.h"
#include "repair.h"
#include "scratch.h"
#include "version.h"

static void check_order(const cmt_lsm__version *v)
{
    FUZZ_CHECK(v->level_start[0] == 0 && v->level_start[CMT_LSM_LEVELS] == v->count);
    for (unsigned level = 0; level < CMT_LSM_LEVELS; level++) {
        FUZZ_CHECK(v->level_start[level] <= v->level_start[level + 1]);
        for (size_t i = v->level_start[level]; i < v->level_start[level + 1]; i++) {
            const cmt_lsm__table_meta *t = &v->tables[i];
            FUZZ_CHECK(t->level == level && !t->removed);
            FUZZ_CHECK(cmt_lsm__internal_compare(t->smallest, t->largest) <= 0);
            if (i == v->level_start[level])
                continue;
            FUZZ_CHECK(level > 0 ? cmt_lsm__internal_compare(t[-1].largest, t->smallest) < 0
                                 : t[-1].largest_sequence >= t->largest_sequence);
        }
    }
}

static void check_same(const cmt_lsm__version *a, const cmt_lsm__version *b)
{
    FUZZ_CHECK(a->count == b->count && a->log_number == b->log_number);
    FUZZ_CHECK(a->next_file_number == b->next_file_number && a->last_sequence == b->last_sequence);
    for (size_t i = 0; i < a->count; i++) {
        const cmt_lsm__table_meta *x = &a->tables[i];
        const cmt_lsm__table_meta *y = &b->tables[i];
        FUZZ_CHECK(x->level == y->level && x->number == y->number && x->size == y->size);
        FUZZ_CHECK(x->smallest_sequence == y->smallest_sequence);
        FUZZ_CHECK(x->largest_sequence == y->largest_sequence);
        FUZZ_CHECK(x->creation_time == y->creation_time && x->marked == y->marked);
        FUZZ_CHECK(cmt_slice_equal(x->custom, y->custom));
        FUZZ_CHECK(cmt_slice_equal(x->smallest, y->smallest));
        FUZZ_CHECK(cmt_slice_equal(x->largest, y->largest));
    }
}

static cmt_status read_as(bool rocksdb, int fd, uint64_t size, cmt_lsm__version *out,
                          cmt_error *err)
{
    return rocksdb ? cmt_lsm__version_read_rocksdb(fd, "MANIFEST", size, out, err)
                   : cmt_lsm__version_read_pebble(fd, "MANIFEST", size, out, err);
}

static void check_encoded(const cmt_lsm__version *v)
{
    cmt_buf record = CMT_BUF_INIT;
    cmt_buf log = CMT_BUF_INIT;
    cmt_lsm__version again;
    FUZZ_CHECK(cmt_lsm__version_encode(v, v->tables, v->count, &record) == CMT_OK);
    FUZZ_CHECK(cmt_lsm__log_append(&log, cmt_buf_slice(&record)) == CMT_OK);
    int fd = scratch_memory(cmt_buf_slice(&log));
    FUZZ_CHECK(read_as(v->rocksdb, fd, log.size, &again, NULL) == CMT_OK);
    check_same(v, &again);
    cmt_lsm__version_free(&again);
    cmt_buf_free(&record);
    cmt_buf_free(&log);
}

static void check(cmt_slice manifest, bool rocksdb)
{
    cmt_lsm__version v;
    cmt_error err = CMT_ERROR_INIT;
    int fd = scratch_memory(manifest);
    cmt_status st = read_as(rocksdb, fd, manifest.size, &v, &err);
    if (st != CMT_OK) {
        FUZZ_CHECK((st == CMT_CORRUPT || st == CMT_UNSUPPORTED) && err.message[0] != '\0');
        FUZZ_CHECK(v.tables == NULL && v.slots == NULL);
        return;
    }
    check_order(&v);
    check_encoded(&v);
    cmt_lsm__version_free(&v);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cmt_buf copy = CMT_BUF_INIT;
    FUZZ_CHECK(cmt_buf_append(&copy, data, size) == CMT_OK);
    check(cmt_buf_slice(&copy), false);
    check(cmt_buf_slice(&copy), true);
    repair_log(copy.data, copy.size);
    check(cmt_buf_slice(&copy), false);
    check(cmt_buf_slice(&copy), true);
    cmt_buf_free(&copy);
    return 0;
}
