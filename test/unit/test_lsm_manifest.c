/* SPDX-License-Identifier: Apache-2.0
 *
 * MANIFEST: version edits of every kind, what must be refused, long histories, and files that CometBFT's
 * LevelDB wrote.
 */
#include "version.h"

#include "cleanup.h"
#include "file.h"
#include "files.h"
#include "log.h"
#include "pairs.h"
#include "rng.h"

#include <check.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static cmt_buf log_bytes; /* the MANIFEST being made */
static cmt_buf edit;      /* its current record */
static cmt_error err;

static void setup(void)
{
    log_bytes = edit = (cmt_buf)CMT_BUF_INIT;
    err = (cmt_error)CMT_ERROR_INIT;
}

static void teardown(void)
{
    cmt_buf_free(&log_bytes);
    cmt_buf_free(&edit);
}

/* ---- making ---------------------------------------------------------------------------------- */

static void number(uint64_t value)
{
    ck_assert_int_eq(cmt_buf_append_varint(&edit, value), CMT_OK);
}

static void field(uint64_t tag, uint64_t value)
{
    number(tag);
    number(value);
}

static void bytes(cmt_slice value)
{
    ck_assert_int_eq(cmt_buf_append_bytes(&edit, value), CMT_OK);
}

static void comparator(const char *name)
{
    number(1);
    bytes((cmt_slice){(const uint8_t *)name, strlen(name)});
}

/* An internal key: a user key, sequence 7, a put. */
static void key(const char *user)
{
    cmt_buf internal = CMT_BUF_INIT;
    cmt_slice slice = {(const uint8_t *)user, strlen(user)};
    ck_assert_int_eq(cmt_lsm__make_internal(slice, 7, CMT_LSM_TYPE_PUT, &internal), CMT_OK);
    bytes(cmt_buf_slice(&internal));
    cmt_buf_free(&internal);
}

static void add(unsigned level, uint64_t table, uint64_t size, const char *lo, const char *hi)
{
    field(7, level);
    number(table);
    number(size);
    key(lo);
    key(hi);
}

static void drop(unsigned level, uint64_t table)
{
    field(6, level);
    number(table);
}

/* The fields that must be there. */
static void counters(void)
{
    comparator(CMT_LSM_COMPARATOR);
    field(2, 11);
    field(3, 12);
    field(4, 13);
}

static void end_edit(void)
{
    ck_assert_int_eq(cmt_lsm__log_append(&log_bytes, cmt_buf_slice(&edit)), CMT_OK);
    cmt_buf_clear(&edit);
}

/* ---- reading --------------------------------------------------------------------------------- */

static cmt_status read_log(cmt_slice log, cmt_lsm__version *out)
{
    CMT_AUTO(cmt_fd_close) int fd = memfd_create("manifest", MFD_CLOEXEC);
    ck_assert_int_eq(write(fd, log.data, log.size), (ssize_t)log.size);
    err = (cmt_error)CMT_ERROR_INIT;
    return cmt_lsm__version_read(fd, "MANIFEST-000001", log.size, out, &err);
}

static cmt_status read_made(cmt_lsm__version *out)
{
    if (edit.size > 0)
        end_edit();
    return read_log(cmt_buf_slice(&log_bytes), out);
}

static void expect_refusal(cmt_status status)
{
    cmt_lsm__version v;
    cmt_status st = read_made(&v);
    ck_assert_msg(st == status, "%s: %s", cmt_status_text(st), err.message);
    ck_assert_ptr_null(v.tables);
    ck_assert_msg(strlen(err.message) > 20, "%s", err.message);
}

/* "level:number level:number …" in the order of the version. */
static char *tables_text(const cmt_lsm__version *v)
{
    char *text = calloc(1, v->count * 32 + 1);
    char *at = text;
    for (size_t i = 0; i < v->count; i++)
        at += sprintf(at, "%s%u:%llu", i > 0 ? " " : "", v->tables[i].level,
                      (unsigned long long)v->tables[i].number);
    return text;
}

static void expect_tables(const char *tables)
{
    cmt_lsm__version v;
    pairs_must(read_made(&v), &err);
    char *text = tables_text(&v);
    ck_assert_str_eq(text, tables);
    free(text);
    cmt_lsm__version_free(&v);
}

/* ---- fields ---------------------------------------------------------------------------------- */

START_TEST(counters_are_taken_from_the_last_edit_that_has_them)
{
    cmt_lsm__version v;
    counters();
    field(9, 10);
    end_edit();
    field(4, 99);
    field(2, 20);
    pairs_must(read_made(&v), &err);
    ck_assert_uint_eq(v.log_number, 20);
    ck_assert_uint_eq(v.prev_log_number, 10);
    ck_assert_uint_eq(v.next_file_number, 12);
    ck_assert_uint_eq(v.last_sequence, 99);
    ck_assert_uint_eq(v.count, 0);
    ck_assert(!v.torn_tail);
    cmt_lsm__version_free(&v);
}
END_TEST

START_TEST(each_missing_counter_is_damage)
{
    for (unsigned missing = 1; missing <= 4; missing++) {
        cmt_buf_clear(&log_bytes);
        if (missing != 1)
            comparator(CMT_LSM_COMPARATOR);
        for (unsigned tag = 2; tag <= 4; tag++)
            if (tag != missing)
                field(tag, 5);
        field(9, 0);
        expect_refusal(CMT_CORRUPT);
    }
}
END_TEST

START_TEST(an_empty_manifest_is_damage)
{
    expect_refusal(CMT_CORRUPT);
}
END_TEST

START_TEST(unknown_fields_are_refused)
{
    static const uint64_t tags[] = {0,         8,      10,  11,   12,      13,
                                    31,        32,     33,  64,   100,     200,
                                    1 + 32,    7 + 64, 300, 1000, 1 << 20, UINT64_C(1) << 40,
                                    UINT64_MAX};
    for (size_t i = 0; i < sizeof tags / sizeof tags[0]; i++) {
        cmt_buf_clear(&log_bytes);
        counters();
        field(tags[i], 1);
        expect_refusal(CMT_UNSUPPORTED);
    }
}
END_TEST

START_TEST(another_comparator_is_refused)
{
    static const char *const names[] = {"", "leveldb.BytewiseComparato", "rocksdb.bytewise",
                                        "leveldb.BytewiseComparator2"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        cmt_buf_clear(&log_bytes);
        counters();
        comparator(names[i]);
        expect_refusal(CMT_UNSUPPORTED);
    }
}
END_TEST

START_TEST(a_level_that_leveldb_does_not_have_is_refused_wherever_it_is_named)
{
    for (uint64_t level = 7; level != 0; level = level == 7 ? UINT64_C(1) << 32 : 0) {
        cmt_buf_clear(&log_bytes);
        counters();
        field(7, level);
        number(4);
        number(1000);
        key("a");
        key("b");
        expect_refusal(CMT_UNSUPPORTED);
        cmt_buf_clear(&log_bytes);
        counters();
        field(6, level);
        number(4);
        expect_refusal(CMT_UNSUPPORTED);
        cmt_buf_clear(&log_bytes);
        counters();
        field(5, level);
        key("a");
        expect_refusal(CMT_UNSUPPORTED);
    }
}
END_TEST

START_TEST(keys_that_are_no_internal_keys_are_damage)
{
    static const uint8_t big[CMT_LSM_KEY_MAX + 1];
    static const size_t sizes[] = {0, 1, 7, sizeof big};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        cmt_buf_clear(&log_bytes);
        counters();
        field(5, 1);
        bytes((cmt_slice){big, sizes[i]});
        expect_refusal(CMT_CORRUPT);
    }
}
END_TEST

START_TEST(compact_pointers_are_kept_per_level)
{
    cmt_lsm__version v;
    counters();
    for (unsigned level = 0; level < CMT_LSM_LEVELS; level += 2) {
        field(5, level);
        key("old");
        field(5, level);
        key("new");
    }
    pairs_must(read_made(&v), &err);
    for (unsigned level = 0; level < CMT_LSM_LEVELS; level++)
        ck_assert_uint_eq(v.compact_pointers[level].size, level % 2 == 0 ? 11 : 0);
    ck_assert(cmt_slice_equal(cmt_lsm__user_key(v.compact_pointers[6]), CMT_SLICE("new")));
    cmt_lsm__version_free(&v);
}
END_TEST

/* ---- tables ---------------------------------------------------------------------------------- */

START_TEST(level_0_comes_newest_first_and_deeper_levels_by_key)
{
    counters();
    add(2, 9, 1, "x", "z");
    add(0, 4, 1, "a", "z");
    add(1, 7, 1, "m", "n");
    add(0, 6, 1, "a", "z");
    add(1, 8, 1, "a", "c");
    add(2, 5, 1, "a", "w");
    add(0, 5, 1, "b", "c");
    expect_tables("0:6 0:5 0:4 1:8 1:7 2:5 2:9");
}
END_TEST

START_TEST(a_table_may_move_to_another_level_in_one_edit)
{
    counters();
    add(1, 5, 10, "a", "c");
    end_edit();
    drop(1, 5);
    add(2, 5, 10, "a", "c");
    end_edit();
    add(3, 5, 10, "a", "c");
    drop(2, 5);
    expect_tables("3:5");
}
END_TEST

START_TEST(a_table_dropped_and_added_again_is_there)
{
    counters();
    add(1, 5, 10, "a", "c");
    drop(1, 5);
    end_edit();
    drop(1, 5);
    add(1, 5, 20, "a", "d");
    end_edit();
    drop(1, 4);
    drop(0, 5);
    expect_tables("1:5");
}
END_TEST

START_TEST(the_same_table_twice_is_one_table)
{
    counters();
    add(1, 5, 10, "a", "c");
    end_edit();
    add(1, 5, 10, "a", "c");
    expect_tables("1:5");
}
END_TEST

START_TEST(the_same_table_with_two_sizes_is_damage)
{
    counters();
    add(1, 5, 10, "a", "c");
    end_edit();
    add(1, 5, 11, "a", "c");
    expect_refusal(CMT_CORRUPT);
}
END_TEST

START_TEST(overlapping_tables_below_level_0_are_damage)
{
    static const char *const pairs[][4] = {{"a", "c", "b", "d"}, {"a", "d", "b", "c"},
                                           {"b", "b", "a", "c"}, {"a", "b", "b", "c"},
                                           {"a", "a", "a", "a"}, {"b", "d", "a", "c"}};
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++)
        for (unsigned level = 1; level < CMT_LSM_LEVELS; level += 5) {
            cmt_buf_clear(&log_bytes);
            counters();
            add(level, 5, 1, pairs[i][0], pairs[i][1]);
            add(level, 6, 1, pairs[i][2], pairs[i][3]);
            expect_refusal(CMT_CORRUPT);
        }
}
END_TEST

START_TEST(tables_of_different_levels_may_overlap)
{
    counters();
    add(0, 5, 1, "a", "d");
    add(0, 6, 1, "a", "d");
    add(1, 7, 1, "a", "d");
    add(6, 8, 1, "a", "d");
    expect_tables("0:6 0:5 1:7 6:8");
}
END_TEST

START_TEST(a_table_that_ends_before_it_begins_is_damage)
{
    counters();
    add(1, 5, 1, "b", "a");
    expect_refusal(CMT_CORRUPT);
}
END_TEST

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

START_TEST(an_edit_that_ends_inside_a_field_is_damage)
{
    counters();
    end_edit();
    size_t start = log_bytes.size;
    CMT_AUTO(cmt_buf_free) cmt_buf whole = CMT_BUF_INIT;
    add(1, 500, 1000, "abc", "def");
    ck_assert_int_eq(cmt_buf_set(&whole, cmt_buf_slice(&edit)), CMT_OK);
    for (size_t size = 1; size < whole.size; size++) {
        log_bytes.size = start;
        ck_assert_int_eq(cmt_buf_set(&edit, (cmt_slice){whole.data, size}), CMT_OK);
        expect_refusal(CMT_CORRUPT);
    }
}
END_TEST

START_TEST(a_number_too_large_for_64_bits_is_damage)
{
    static const uint8_t huge[] = {2,    0xff, 0xff, 0xff, 0xff, 0xff,
                                   0xff, 0xff, 0xff, 0xff, 0xff, 0x01};
    counters();
    ck_assert_int_eq(cmt_buf_append(&edit, huge, sizeof huge), CMT_OK);
    expect_refusal(CMT_CORRUPT);
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

START_TEST(manifests_of_rocksdb_are_refused)
{
    expect_foreign("multi-0.38-rocksdb");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("lsm_manifest");
    TCase *tc = tcase_create("fields");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, counters_are_taken_from_the_last_edit_that_has_them);
    tcase_add_test(tc, each_missing_counter_is_damage);
    tcase_add_test(tc, an_empty_manifest_is_damage);
    tcase_add_test(tc, unknown_fields_are_refused);
    tcase_add_test(tc, another_comparator_is_refused);
    tcase_add_test(tc, a_level_that_leveldb_does_not_have_is_refused_wherever_it_is_named);
    tcase_add_test(tc, keys_that_are_no_internal_keys_are_damage);
    tcase_add_test(tc, compact_pointers_are_kept_per_level);
    suite_add_tcase(suite, tc);
    tc = tcase_create("tables");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, level_0_comes_newest_first_and_deeper_levels_by_key);
    tcase_add_test(tc, a_table_may_move_to_another_level_in_one_edit);
    tcase_add_test(tc, a_table_dropped_and_added_again_is_there);
    tcase_add_test(tc, the_same_table_twice_is_one_table);
    tcase_add_test(tc, the_same_table_with_two_sizes_is_damage);
    tcase_add_test(tc, overlapping_tables_below_level_0_are_damage);
    tcase_add_test(tc, tables_of_different_levels_may_overlap);
    tcase_add_test(tc, a_table_that_ends_before_it_begins_is_damage);
    tcase_add_test(tc, tens_of_thousands_of_tables_with_many_removals_come_out_right);
    tcase_add_test(tc, a_table_added_and_dropped_over_and_over_costs_no_memory_of_its_own);
    tcase_add_test(tc, a_version_reads_back_as_it_was_encoded);
    suite_add_tcase(suite, tc);
    tc = tcase_create("damage");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, a_manifest_cut_anywhere_is_the_state_after_its_last_whole_edit);
    tcase_add_test(tc, a_flipped_bit_in_a_manifest_never_makes_a_state_that_was_not);
    tcase_add_test(tc, an_edit_that_ends_inside_a_field_is_damage);
    tcase_add_test(tc, a_number_too_large_for_64_bits_is_damage);
    suite_add_tcase(suite, tc);
    tc = tcase_create("real");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, manifests_of_goleveldb_name_the_tables_that_are_there);
    tcase_add_test(tc, manifests_of_rocksdb_are_refused);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
