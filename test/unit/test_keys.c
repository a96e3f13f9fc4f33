/* SPDX-License-Identifier: Apache-2.0
 *
 * Single keys, sets of heights, lists of ranges.
 */
#include "cleanup.h"
#include "cmtstore/keys.h"
#include "rng.h"
#include "suite.h"

#include <check.h>

#include <stdlib.h>
#include <string.h>

static cmt_slice text(const char *string)
{
    return (cmt_slice){(const uint8_t *)string, strlen(string)};
}

/* ---- keys -------------------------------------------------------------------------------- */

static void expect_key(const cmt_key_family *family, int64_t height, uint32_t index,
                       const char *expected)
{
    cmt_key key = cmt_key_make(family, height, index);
    ck_assert_str_eq(key.text, expected);
    ck_assert(cmt_slice_equal(cmt_key_slice(&key), text(expected)));
    int64_t parsed = -1;
    uint32_t parsed_index = 77;
    ck_assert(cmt_key_parse(family, cmt_key_slice(&key), &parsed, &parsed_index));
    ck_assert_int_eq(parsed, height);
    ck_assert_uint_eq(parsed_index, family->indexed ? index : 0);
}

START_TEST(keys_are_written_as_cometbft_writes_them_and_come_back)
{
    expect_key(&cmt_family_meta, 9, 0, "H:9");
    expect_key(&cmt_family_meta, 10, 0, "H:10");
    expect_key(&cmt_family_part, 20000000, 12, "P:20000000:12");
    expect_key(&cmt_family_part, 1, UINT32_MAX, "P:1:4294967295");
    expect_key(&cmt_family_commit, 0, 0, "C:0");
    expect_key(&cmt_family_seen_commit, 7, 0, "SC:7");
    expect_key(&cmt_family_ext_commit, 7, 0, "EC:7");
    expect_key(&cmt_family_validators, 100000, 0, "validatorsKey:100000");
    expect_key(&cmt_family_params, INT64_MAX, 0, "consensusParamsKey:9223372036854775807");
    expect_key(&cmt_family_results, 5, 0, "abciResponsesKey:5");
}
END_TEST

START_TEST(parse_refuses_every_other_form)
{
    static const char *const plain[] = {"",      "H",     "H:",    "C:1",
                                        "SC:1",  "H:01",  "H:00",  "H:+1",
                                        "H:-1",  "H: 1",  "H:1 ",  "H:1a",
                                        "H:1:",  "H:1:0", "h:1",   "H:9223372036854775808",
                                        "H:0x1", "HH:12", "H:1.0", "H:99999999999999999999999999"};
    int64_t height;
    for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++)
        ck_assert_msg(!cmt_key_parse(&cmt_family_meta, text(plain[i]), &height, NULL), "%s",
                      plain[i]);
    static const char *const indexed[] = {"P:1",     "P:1:",   "P::1",  "P:1:01",        "P:01:1",
                                          "P:1:2:3", "P:1:-1", "P:1:x", "P:1:4294967296"};
    for (size_t i = 0; i < sizeof indexed / sizeof indexed[0]; i++)
        ck_assert_msg(!cmt_key_parse(&cmt_family_part, text(indexed[i]), &height, NULL), "%s",
                      indexed[i]);
    ck_assert(!cmt_key_parse(&cmt_family_meta, CMT_SLICE("H:1\0"), &height, NULL));
}
END_TEST

START_TEST(a_family_holds_its_keys_and_no_others)
{
    cmt_key_bounds bounds;
    cmt_range range = cmt_key_family_range(&cmt_family_commit, &bounds);
    ck_assert(cmt_slice_equal(range.lo, text("C:")));
    ck_assert(cmt_slice_equal(range.hi, text("C;")));
}
END_TEST

START_TEST(a_key_in_a_message_is_printable_and_not_too_long)
{
    char buffer[16];
    ck_assert_str_eq(cmt_key_describe(CMT_SLICE("H:12"), buffer, sizeof buffer), "H:12");
    ck_assert_str_eq(cmt_key_describe(CMT_SLICE("a\x80\\ "), buffer, sizeof buffer),
                     "a\\x80\\x5c...");
    ck_assert_str_eq(cmt_key_describe(CMT_SLICE("0123456789abcdef"), buffer, sizeof buffer),
                     "0123456789ab...");
    ck_assert_str_eq(cmt_key_describe((cmt_slice){NULL, 0}, buffer, sizeof buffer), "");
    uint8_t all[256];
    for (size_t i = 0; i < sizeof all; i++)
        all[i] = (uint8_t)i;
    for (size_t size = 8; size < 300; size++) {
        char *exact = malloc(size); /* so that a sanitizer sees one byte too many */
        ck_assert_ptr_nonnull(exact);
        cmt_key_describe((cmt_slice){all, sizeof all}, exact, size);
        ck_assert_uint_lt(strlen(exact), size);
        free(exact);
    }
}
END_TEST

/* ---- sets of heights --------------------------------------------------------------------- */

START_TEST(adding_merges_runs_that_touch)
{
    CMT_AUTO(cmt_height_set_free) cmt_height_set set = {NULL, 0, 0};
    ck_assert_int_eq(cmt_height_set_add(&set, 10, 20), CMT_OK);
    ck_assert_int_eq(cmt_height_set_add(&set, 30, 40), CMT_OK);
    ck_assert_int_eq(cmt_height_set_add(&set, 5, 5), CMT_OK);
    ck_assert_uint_eq(set.count, 2);
    ck_assert_int_eq(cmt_height_set_add(&set, 20, 30), CMT_OK);
    ck_assert_uint_eq(set.count, 1);
    ck_assert_int_eq(set.runs[0].lo, 10);
    ck_assert_int_eq(set.runs[0].hi, 40);
}
END_TEST

START_TEST(removing_splits_a_run)
{
    CMT_AUTO(cmt_height_set_free) cmt_height_set set = {NULL, 0, 0};
    ck_assert_int_eq(cmt_height_set_add(&set, 0, INT64_MAX), CMT_OK);
    ck_assert_int_eq(cmt_height_set_remove(&set, 10, 20), CMT_OK);
    ck_assert_uint_eq(set.count, 2);
    ck_assert(cmt_height_set_contains(&set, 9));
    ck_assert(!cmt_height_set_contains(&set, 10));
    ck_assert(!cmt_height_set_contains(&set, 19));
    ck_assert(cmt_height_set_contains(&set, 20));
    ck_assert(cmt_height_set_contains(&set, INT64_MAX - 1));
    ck_assert(!cmt_height_set_overlaps(&set, 10, 20));
    ck_assert(cmt_height_set_overlaps(&set, 10, 21));
    ck_assert(cmt_height_set_overlaps(&set, 9, 10));
    ck_assert(!cmt_height_set_overlaps(&set, 9, 9));
}
END_TEST

#define SMALL 64

static void expect_same(const cmt_height_set *set, const bool *member)
{
    for (size_t i = 0; i < set->count; i++) {
        ck_assert_int_lt(set->runs[i].lo, set->runs[i].hi);
        if (i > 0) /* a gap, else the two would be one */
            ck_assert_int_lt(set->runs[i - 1].hi, set->runs[i].lo);
    }
    for (int h = 0; h < SMALL; h++)
        ck_assert(cmt_height_set_contains(set, h) == member[h]);
}

START_TEST(random_sets_agree_with_a_plain_array)
{
    rng r = {11};
    for (int round = 0; round < 300; round++) {
        cmt_height_set set = {NULL, 0, 0};
        bool member[SMALL] = {false};
        for (int step = 0; step < 40; step++) {
            int64_t lo = rng_between(&r, 0, SMALL);
            int64_t hi = rng_between(&r, 0, SMALL);
            bool add = rng_chance(&r, 55);
            ck_assert_int_eq(add ? cmt_height_set_add(&set, lo, hi)
                                 : cmt_height_set_remove(&set, lo, hi),
                             CMT_OK);
            for (int64_t h = lo; h < hi; h++)
                member[h] = add;
            expect_same(&set, member);
            int64_t from = rng_between(&r, 0, SMALL);
            int64_t to = rng_between(&r, 0, SMALL);
            bool any = false;
            for (int64_t h = from; h < to; h++)
                any |= member[h];
            ck_assert(cmt_height_set_overlaps(&set, from, to) == any);
        }
        cmt_height_set_free(&set);
    }
}
END_TEST

/* ---- lists of ranges --------------------------------------------------------------------- */

START_TEST(ranges_are_copied_and_sorted)
{
    CMT_AUTO(cmt_range_list_free) cmt_range_list list = {NULL, 0, 0};
    char lo[] = "m";
    char hi[] = "n";
    ck_assert_int_eq(cmt_range_list_add(&list, text(lo), text(hi)), CMT_OK);
    lo[0] = hi[0] = 'z';
    ck_assert_int_eq(cmt_range_list_add(&list, text("x"), (cmt_slice){NULL, 0}), CMT_OK);
    ck_assert_int_eq(cmt_range_list_add(&list, text("a"), text("m")), CMT_OK);
    ck_assert_int_eq(cmt_range_list_sort(&list), CMT_OK);
    ck_assert_uint_eq(list.count, 3);
    ck_assert(cmt_slice_equal(list.ranges[0].lo, text("a")));
    ck_assert(cmt_slice_equal(list.ranges[1].lo, text("m")));
    ck_assert(cmt_slice_equal(list.ranges[1].hi, text("n")));
    ck_assert_uint_eq(list.ranges[2].hi.size, 0);
}
END_TEST

static cmt_status sort_two(const char *lo1, const char *hi1, const char *lo2, const char *hi2)
{
    CMT_AUTO(cmt_range_list_free) cmt_range_list list = {NULL, 0, 0};
    ck_assert_int_eq(cmt_range_list_add(&list, text(lo1), text(hi1)), CMT_OK);
    ck_assert_int_eq(cmt_range_list_add(&list, text(lo2), text(hi2)), CMT_OK);
    return cmt_range_list_sort(&list);
}

START_TEST(overlapping_or_backward_ranges_are_refused)
{
    ck_assert_int_eq(sort_two("a", "c", "c", "d"), CMT_OK);
    ck_assert_int_eq(sort_two("a", "c", "b", "d"), CMT_INVALID);
    ck_assert_int_eq(sort_two("a", "", "b", "d"), CMT_INVALID);
    ck_assert_int_eq(sort_two("a", "b", "a", "b"), CMT_INVALID);
    ck_assert_int_eq(sort_two("b", "a", "c", "d"), CMT_INVALID);
    ck_assert_int_eq(sort_two("c", "c", "a", "b"), CMT_INVALID);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("keys");
    TCase *tc = tcase_create("keys");
    tcase_add_test(tc, keys_are_written_as_cometbft_writes_them_and_come_back);
    tcase_add_test(tc, parse_refuses_every_other_form);
    tcase_add_test(tc, a_family_holds_its_keys_and_no_others);
    tcase_add_test(tc, a_key_in_a_message_is_printable_and_not_too_long);
    tcase_add_test(tc, adding_merges_runs_that_touch);
    tcase_add_test(tc, removing_splits_a_run);
    tcase_add_test(tc, random_sets_agree_with_a_plain_array);
    tcase_add_test(tc, ranges_are_copied_and_sorted);
    tcase_add_test(tc, overlapping_or_backward_ranges_are_refused);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
