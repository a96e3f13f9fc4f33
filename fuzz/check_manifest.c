/* SPDX-License-Identifier: Apache-2.0
 *
 * A MANIFEST, whatever its bytes, in any dialect.
 */
#include "check_manifest.h"

#include "fuzz.h"
#include "log.h"
#include "scratch.h"

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
            if (level > 0)
                FUZZ_CHECK(cmt_lsm__internal_compare(t[-1].largest, t->smallest) < 0);
            else if (v->rocksdb_format)
                FUZZ_CHECK(t[-1].largest_sequence >= t->largest_sequence);
            else
                FUZZ_CHECK(t[-1].number > t->number);
        }
    }
}

static void check_same(const cmt_lsm__version *a, const cmt_lsm__version *b)
{
    FUZZ_CHECK(a->count == b->count && a->log_number == b->log_number);
    if (!a->rocksdb_format || a->rocksdb) /* pebble has none */
        FUZZ_CHECK(a->prev_log_number == b->prev_log_number);
    FUZZ_CHECK(a->next_file_number == b->next_file_number && a->last_sequence == b->last_sequence);
    for (unsigned level = 0; level < CMT_LSM_LEVELS; level++)
        FUZZ_CHECK(cmt_slice_equal(a->compact_pointers[level], b->compact_pointers[level]));
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

static void check_encoded(const cmt_lsm__version *v, manifest_reader *read)
{
    cmt_buf record = CMT_BUF_INIT;
    cmt_buf log = CMT_BUF_INIT;
    cmt_lsm__version again;
    FUZZ_CHECK(cmt_lsm__version_encode(v, v->tables, v->count, &record) == CMT_OK);
    FUZZ_CHECK(cmt_lsm__log_append(&log, cmt_buf_slice(&record)) == CMT_OK);
    int fd = scratch_memory(cmt_buf_slice(&log));
    FUZZ_CHECK(read(fd, "again", log.size, &again, NULL) == CMT_OK);
    check_same(v, &again);
    cmt_lsm__version_free(&again);
    cmt_buf_free(&record);
    cmt_buf_free(&log);
}

void check_manifest(cmt_slice manifest, manifest_reader *read)
{
    cmt_lsm__version v;
    cmt_error err = CMT_ERROR_INIT;
    int fd = scratch_memory(manifest);
    cmt_status st = read(fd, "MANIFEST", manifest.size, &v, &err);
    if (st != CMT_OK) {
        FUZZ_CHECK((st == CMT_CORRUPT || st == CMT_UNSUPPORTED) && err.message[0] != '\0');
        FUZZ_CHECK(v.tables == NULL && v.slots == NULL);
        return;
    }
    check_order(&v);
    check_encoded(&v, read);
    cmt_lsm__version_free(&v);
}
