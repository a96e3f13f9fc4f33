/* SPDX-License-Identifier: Apache-2.0
 *
 * Whole MANIFESTs: long histories, files that are cut or damaged, what is written being what is read, and
 * files that CometBFT's LevelDB wrote.
 */
#include "files.h"
#include "lsm_manifest_support.h"
#include "rng.h"
#include "suite.h"

#include <fcntl.h>
#include <sys/stat.h>

/* ---- long histories -------------------------------------------------------------------------- */

#define HISTORY 40000

START_TEST(tens_of_thousands_of_tables_with_many_removals_come_out_right)
{
    static bool alive[HISTORY];
    rng r = {1};
    cmt_lsm__version v;
    size_t expected = 0;
    counters();
    for (unsigned n = 0; n < HISTORY; n++) {
        char lo[16];
        char hi[16];
        snprintf(lo, sizeof lo, "%08u", n);
        snprintf(hi, sizeof hi, "%08ux", n);
        add(n % CMT_LSM_LEVELS, n, n + 1, lo, hi);
        alive[n] = true;
        /* Long stretches in which nearly all goes, and some in which all stays. */
        for (unsigned i = 0; i < (n / 5000) % 3; i++) {
            unsigned old = (unsigned)rng_between(&r, n > 3000 ? n - 3000 : 0, n);
            drop(old % CMT_LSM_LEVELS, old);
            alive[old] = false;
        }
        if (n % 100 == 0)
            end_edit();
    }
    pairs_must(read_made(&v), &err);
    for (unsigned n = 0; n < HISTORY; n++)
        expected += alive[n];
    ck_assert_uint_eq(v.count, expected);
    for (size_t i = 0; i < v.count; i++) {
        ck_assert(alive[v.tables[i].number]);
        ck_assert_uint_eq(v.tables[i].size, v.tables[i].number + 1);
        ck_assert_uint_eq(v.tables[i].level, v.tables[i].number % CMT_LSM_LEVELS);
    }
    cmt_lsm__version_free(&v);
}
END_TEST

START_TEST(a_table_added_and_dropped_over_and_over_costs_no_memory_of_its_own)
{
    cmt_lsm__version v;
    counters();
    for (unsigned n = 0; n < HISTORY; n++) {
        add(1, n, 1, "a", "b");
        drop(1, n);
    }
    add(1, HISTORY, 1, "a", "b");
    pairs_must(read_made(&v), &err);
    ck_assert_uint_eq(v.count, 1);
    ck_assert_uint_lt(v.capacity, 1000);
    cmt_lsm__version_free(&v);
}
END_TEST

/* ---- encoding -------------------------------------------------------------------------------- */

static void expect_equal(const cmt_lsm__version *a, const cmt_lsm__version *b)
{
    ck_assert_uint_eq(a->log_number, b->log_number);
    ck_assert_uint_eq(a->prev_log_number, b->prev_log_number);
    ck_assert_uint_eq(a->next_file_number, b->next_file_number);
    ck_assert_uint_eq(a->last_sequence, b->last_sequence);
    ck_assert_uint_eq(a->count, b->count);
    for (unsigned level = 0; level <= CMT_LSM_LEVELS; level++)
        ck_assert_uint_eq(a->level_start[level], b->level_start[level]);
    for (unsigned level = 0; level < CMT_LSM_LEVELS; level++)
        ck_assert(cmt_slice_equal(a->compact_pointers[level], b->compact_pointers[level]));
    for (size_t i = 0; i < a->count; i++) {
        ck_assert_uint_eq(a->tables[i].number, b->tables[i].number);
        ck_assert_uint_eq(a->tables[i].size, b->tables[i].size);
        ck_assert_uint_eq(a->tables[i].level, b->tables[i].level);
        ck_assert(cmt_slice_equal(a->tables[i].smallest, b->tables[i].smallest));
        ck_assert(cmt_slice_equal(a->tables[i].largest, b->tables[i].largest));
    }
}

static void check_encoding(const cmt_lsm__version *v)
{
    cmt_lsm__version again;
    CMT_AUTO(cmt_buf_free) cmt_buf record = CMT_BUF_INIT;
    CMT_AUTO(cmt_buf_free) cmt_buf log = CMT_BUF_INIT;
    ck_assert_int_eq(cmt_lsm__version_encode(v, v->tables, v->count, &record), CMT_OK);
    ck_assert_int_eq(cmt_lsm__log_append(&log, cmt_buf_slice(&record)), CMT_OK);
    pairs_must(read_log(cmt_buf_slice(&log), &again), &err);
    expect_equal(v, &again);
    cmt_lsm__version_free(&again);
}

START_TEST(a_version_reads_back_as_it_was_encoded)
{
    for (unsigned count = 0; count < 3000; count = count * 3 + 1) {
        cmt_lsm__version v;
        rng r = {count};
        cmt_buf_clear(&log_bytes);
        comparator(CMT_LSM_COMPARATOR);
        field(2, rng_next(&r));
        field(3, rng_next(&r));
        field(4, rng_next(&r));
        field(9, rng_next(&r));
        field(5, count % CMT_LSM_LEVELS);
        key("pointer");
        for (unsigned i = 0; i < count; i++) {
            char lo[16];
            snprintf(lo, sizeof lo, "%08u", i);
            add((unsigned)rng_between(&r, 0, 6), rng_next(&r), rng_next(&r), lo, lo);
        }
        pairs_must(read_made(&v), &err);
        ck_assert_uint_eq(v.count, count);
        check_encoding(&v);
        cmt_lsm__version_free(&v);
    }
}
END_TEST

/* ---- cut and damaged ------------------------------------------------------------------------- */

static const char *const states[] = {NULL, "", "0:5", "0:6 0:5", "1:7", "1:7 2:8"};
#define STATES (sizeof states / sizeof states[0])

/* A MANIFEST of which each edit makes another of the states; returns where they end. */
static void make_history(size_t ends[STATES])
{
    ends[0] = 0;
    counters();
    end_edit();
    ends[1] = log_bytes.size;
    add(0, 5, 100, "a", "c");
    end_edit();
    ends[2] = log_bytes.size;
    add(0, 6, 100, "b", "d");
    field(4, 50);
    end_edit();
    ends[3] = log_bytes.size;
    drop(0, 5);
    drop(0, 6);
    add(1, 7, 200, "a", "d");
    end_edit();
    ends[4] = log_bytes.size;
    field(5, 1);
    key("d");
    add(2, 8, 300, "a", "d");
    end_edit();
    ends[5] = log_bytes.size;
}

static void expect_state(cmt_slice log, size_t state, bool torn)
{
    cmt_lsm__version v;
    cmt_status st = read_log(log, &v);
    if (states[state] == NULL) {
        ck_assert_int_eq(st, CMT_CORRUPT);
        return;
    }
    pairs_must(st, &err);
    char *text = tables_text(&v);
    ck_assert_str_eq(text, states[state]);
    ck_assert(v.torn_tail == torn);
    free(text);
    cmt_lsm__version_free(&v);
}

START_TEST(a_manifest_cut_anywhere_is_the_state_after_its_last_whole_edit)
{
    size_t ends[STATES];
    make_history(ends);
    for (size_t size = 0; size <= log_bytes.size; size++) {
        size_t state = 0;
        while (state + 1 < STATES && ends[state + 1] <= size)
            state++;
        expect_state((cmt_slice){log_bytes.data, size}, state, size != ends[state]);
    }
}
END_TEST

START_TEST(a_flipped_bit_in_a_manifest_never_makes_a_state_that_was_not)
{
    size_t ends[STATES];
    make_history(ends);
    for (size_t at = 0; at < log_bytes.size; at++)
        for (unsigned bit = 0; bit < 8; bit++) {
            cmt_lsm__version v;
            log_bytes.data[at] ^= (uint8_t)(1u << bit);
            if (at >= ends[STATES - 2])
                expect_state(cmt_buf_slice(&log_bytes), STATES - 2, true);
            else
                ck_assert_int_eq(read_log(cmt_buf_slice(&log_bytes), &v), CMT_CORRUPT);
            log_bytes.data[at] ^= (uint8_t)(1u << bit);
        }
}
END_TEST

/* ---- real ones ------------------------------------------------------------------------------- */

static void check_real(const char *data, const char *database)
{
    cmt_lsm__version v;
    char *dir = files_path(data, database);
    char *name = NULL;
    cmt_buf current = files_read(dir, "CURRENT");
    ck_assert_uint_gt(current.size, 1);
    current.data[current.size - 1] = '\0';
    cmt_buf manifest = files_read(dir, (const char *)current.data);
    pairs_must(read_log(cmt_buf_slice(&manifest), &v), &err);
    ck_assert(!v.torn_tail);
    ck_assert_uint_gt(v.count, 0);
    for (size_t i = 0; i < v.count; i++) {
        char file[CMT_LSM_NAME_MAX];
        struct stat st;
        cmt_lsm__table_name(v.tables[i].number, false, file);
        name = files_path(dir, file);
        ck_assert_msg(stat(name, &st) == 0, "%s", name);
        ck_assert_uint_eq((uint64_t)st.st_size, v.tables[i].size);
        free(name);
    }
    check_encoding(&v);
    cmt_lsm__version_free(&v);
    cmt_buf_free(&manifest);
    cmt_buf_free(&current);
    free(dir);
}

START_TEST(manifests_of_goleveldb_name_the_tables_that_are_there)
{
    static const char *const fixtures[] = {"flush-0.38", "crashed-0.38", "checkpoint-0.38",
                                           "multi-1.0-v2"};
    for (size_t i = 0; i < sizeof fixtures / sizeof fixtures[0]; i++) {
        char *top;
        char *data = files_unpack_fixture(fixtures[i], &top);
        check_real(data, "blockstore.db");
        check_real(data, "state.db");
        free(data);
        files_remove(top);
    }
}
END_TEST

static void expect_foreign(const char *fixture)
{
    char *top;
    char *data = files_unpack_fixture(fixture, &top);
    char *dir = files_path(data, "blockstore.db");
    cmt_buf current = files_read(dir, "CURRENT");
    current.data[current.size - 1] = '\0';
    cmt_buf manifest = files_read(dir, (const char *)current.data);
    cmt_lsm__version v;
    ck_assert_int_ne(read_log(cmt_buf_slice(&manifest), &v), CMT_OK);
    cmt_buf_free(&manifest);
    cmt_buf_free(&current);
    free(dir);
    free(data);
    files_remove(top);
}

START_TEST(manifests_of_rocksdb_are_not_leveldbs)
{
    expect_foreign("multi-0.38-rocksdb");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("lsm_manifest_files");
    TCase *tc = tcase_create("made");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, tens_of_thousands_of_tables_with_many_removals_come_out_right);
    tcase_add_test(tc, a_table_added_and_dropped_over_and_over_costs_no_memory_of_its_own);
    tcase_add_test(tc, a_version_reads_back_as_it_was_encoded);
    tcase_add_test(tc, a_manifest_cut_anywhere_is_the_state_after_its_last_whole_edit);
    tcase_add_test(tc, a_flipped_bit_in_a_manifest_never_makes_a_state_that_was_not);
    suite_add_tcase(suite, tc);
    tc = tcase_create("real");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, manifests_of_goleveldb_name_the_tables_that_are_there);
    tcase_add_test(tc, manifests_of_rocksdb_are_not_leveldbs);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
