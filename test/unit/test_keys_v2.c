/* SPDX-License-Identifier: Apache-2.0
 *
 * Keys of layout v2, against those that CometBFT 1.0's own code makes.
 */
#include "cleanup.h"
#include "cmtstore/keys.h"
#include "rng.h"
#include "types_support.h"

#include <check.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const cmt_key_family *const v1_families[] = {
    &cmt_family_meta,       &cmt_family_part,       &cmt_family_commit, &cmt_family_seen_commit,
    &cmt_family_ext_commit, &cmt_family_validators, &cmt_family_params, &cmt_family_results,
};
#define FAMILIES (sizeof v1_families / sizeof v1_families[0])

static const cmt_key_family *v2(const cmt_key_family *family)
{
    return cmt_key_family_in(family, CMT_KEY_LAYOUT_V2);
}

static const cmt_key_family *family_named(const char *name)
{
    for (size_t i = 0; i < FAMILIES; i++)
        if (strcmp(v1_families[i]->prefix, name) == 0)
            return v2(v1_families[i]);
    return NULL;
}

static void check_vector(const test_line *line)
{
    ck_assert_uint_eq(line->count, 4);
    const cmt_key_family *family = family_named(line->words[0]);
    if (family == NULL) { /* the hash index is the block store's */
        ck_assert_str_eq(line->words[0], "BH:");
        return;
    }
    int64_t height = strtoll(line->words[1], NULL, 10);
    uint32_t index = (uint32_t)strtoul(line->words[2], NULL, 10);
    cmt_key key = cmt_key_make(family, height, index);
    test_same(cmt_key_slice(&key), line->words[3]);

    int64_t parsed = -1;
    uint32_t parsed_index = 77;
    ck_assert(cmt_key_parse(family, cmt_key_slice(&key), &parsed, &parsed_index));
    ck_assert_int_eq(parsed, height);
    ck_assert_uint_eq(parsed_index, index);
    for (size_t i = 0; i < FAMILIES; i++)
        ck_assert(v2(v1_families[i]) == family ||
                  !cmt_key_parse(v2(v1_families[i]), cmt_key_slice(&key), &parsed, NULL));

    cmt_key_bounds bounds;
    cmt_range range = cmt_key_height_range(family, height, &bounds);
    ck_assert_int_le(cmt_slice_compare(range.lo, cmt_key_slice(&key)), 0);
    ck_assert_int_lt(cmt_slice_compare(cmt_key_slice(&key), range.hi), 0);
}

START_TEST(keys_are_those_that_cometbft_makes)
{
    ck_assert_uint_eq(test_each_line("keys-v2.txt", check_vector), 484);
}
END_TEST

START_TEST(parse_refuses_every_other_form)
{
    static const char *const forms[] = {
        "",
        "80",
        "7f81",
        "8181",
        "808181",
        "80c03f", /* fits into one byte */
        "80e01fff",
        "807f",
        "80c0",
        "80f01000",
        "80ff",
        "80ffc1",
        "80ffe00000000000000000",
        "80ffc08000000000000000",
        "80ffbf",
        "80fe0000",
    };
    int64_t height;
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        CMT_AUTO(cmt_buf_free) cmt_buf key = test_unhex(forms[i]);
        ck_assert_msg(!cmt_key_parse(v2(&cmt_family_meta), cmt_buf_slice(&key), &height, NULL),
                      "%s", forms[i]);
    }
    static const char *const parts[] = {"8181",   "818181ff",       "8181c03f",
                                        "81817f", "8181f900000000", "818180f8"};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        CMT_AUTO(cmt_buf_free) cmt_buf key = test_unhex(parts[i]);
        ck_assert_msg(!cmt_key_parse(v2(&cmt_family_part), cmt_buf_slice(&key), &height, NULL),
                      "%s", parts[i]);
    }
}
END_TEST

START_TEST(keys_stand_in_height_order)
{
    rng r = {11};
    for (int round = 0; round < 20000; round++) {
        const cmt_key_family *family = v2(v1_families[rng_between(&r, 0, FAMILIES - 1)]);
        int64_t a = (int64_t)(rng_next(&r) >> rng_between(&r, 1, 63));
        int64_t b = rng_chance(&r, 50) && a < INT64_MAX
                        ? a + 1
                        : (int64_t)(rng_next(&r) >> rng_between(&r, 1, 63));
        cmt_key low = cmt_key_make(family, a < b ? a : b, UINT32_MAX);
        cmt_key high = cmt_key_make(family, a < b ? b : a, 0);
        if (a != b)
            ck_assert_int_lt(cmt_slice_compare(cmt_key_slice(&low), cmt_key_slice(&high)), 0);
        int64_t parsed;
        ck_assert(cmt_key_parse(family, cmt_key_slice(&high), &parsed, NULL));
        ck_assert_int_eq(parsed, a < b ? b : a);
    }
}
END_TEST

START_TEST(a_family_holds_its_keys_and_no_others)
{
    cmt_key_bounds bounds;
    cmt_range range = cmt_key_family_range(v2(&cmt_family_commit), &bounds);
    ck_assert(cmt_slice_equal(range.lo, CMT_SLICE("\x82")));
    ck_assert(cmt_slice_equal(range.hi, CMT_SLICE("\x83")));
}
END_TEST

START_TEST(a_family_is_found_from_either_layout)
{
    for (size_t i = 0; i < FAMILIES; i++) {
        const cmt_key_family *ordered = v2(v1_families[i]);
        ck_assert_ptr_ne(ordered, v1_families[i]);
        ck_assert_ptr_eq(v2(ordered), ordered);
        ck_assert_ptr_eq(cmt_key_family_in(ordered, CMT_KEY_LAYOUT_V1), v1_families[i]);
        ck_assert_ptr_eq(cmt_key_family_in(v1_families[i], CMT_KEY_LAYOUT_V1), v1_families[i]);
    }
}
END_TEST

START_TEST(a_run_of_heights_is_one_range)
{
    CMT_AUTO(cmt_range_list_free) cmt_range_list list = {NULL, 0, 0};
    cmt_heights dead_runs[] = {{3, 10}, {900, 5000}};
    cmt_heights live_run = {5000, INT64_MAX};
    ck_assert_int_eq(cmt_key_ranges(v2(&cmt_family_part), &(cmt_height_set){dead_runs, 2, 2},
                                    &(cmt_height_set){&live_run, 1, 1}, &list),
                     CMT_OK);
    ck_assert_uint_eq(list.count, 1);
    test_same(list.ranges[0].lo, "8183");
    test_same(list.ranges[0].hi, "81d388");
}
END_TEST

START_TEST(all_heights_below_stand_apart)
{
    CMT_AUTO(cmt_height_set_free) cmt_height_set set = {NULL, 0, 0};
    ck_assert_int_eq(cmt_key_heights_apart(v2(&cmt_family_meta), 90, 100, 1000, &set), CMT_OK);
    ck_assert_uint_eq(set.count, 1);
    ck_assert_int_eq(set.runs[0].lo, 1);
    ck_assert_int_eq(set.runs[0].hi, 90);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("keys_v2");
    TCase *tc = tcase_create("keys_v2");
    tcase_add_test(tc, keys_are_those_that_cometbft_makes);
    tcase_add_test(tc, parse_refuses_every_other_form);
    tcase_add_test(tc, keys_stand_in_height_order);
    tcase_add_test(tc, a_family_holds_its_keys_and_no_others);
    tcase_add_test(tc, a_family_is_found_from_either_layout);
    tcase_add_test(tc, a_run_of_heights_is_one_range);
    tcase_add_test(tc, all_heights_below_stand_apart);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
