/* SPDX-License-Identifier: Apache-2.0
 *
 * Version edits: fields and tables of every kind, and what must be refused.
 */
#include "lsm_manifest_support.h"
#include "suite.h"

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
    tcase_add_test(tc, an_edit_that_ends_inside_a_field_is_damage);
    tcase_add_test(tc, a_number_too_large_for_64_bits_is_damage);
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
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
