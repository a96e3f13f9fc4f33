/* SPDX-License-Identifier: Apache-2.0
 *
 * Sets of heights as key ranges, against the order that real strings have.
 *
 * Of each result is checked: every dead key lies in a range, no live key does, every range begins
 * with a dead key and ends just behind one, and between two ranges stands a live key (so that there
 * are no fewer ranges with that property).
 */
#include "cleanup.h"
#include "cmtstore/keys.h"
#include "instrumented.h"
#include "rng.h"
#include "suite.h"

#include <check.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Heights [0,count) in the order of their keys. */
typedef struct text_order {
    const cmt_key_family *family;
    size_t count;
    cmt_key *keys;
    int64_t *heights;
} text_order;

static int compare_keys(const void *a, const void *b)
{
    return cmt_slice_compare(cmt_key_slice(a), cmt_key_slice(b));
}

static text_order text_order_of(const cmt_key_family *family, const int64_t *heights, size_t count)
{
    text_order order = {family, count, calloc(count, sizeof(cmt_key)),
                        calloc(count, sizeof(int64_t))};
    ck_assert(order.keys != NULL && order.heights != NULL);
    for (size_t i = 0; i < count; i++)
        order.keys[i] = cmt_key_make(family, heights[i], 3);
    qsort(order.keys, count, sizeof *order.keys, compare_keys);
    for (size_t i = 0; i < count; i++)
        ck_assert(cmt_key_parse(family, cmt_key_slice(&order.keys[i]), &order.heights[i], NULL));
    return order;
}

static text_order text_order_up_to(const cmt_key_family *family, size_t count)
{
    int64_t *heights = calloc(count, sizeof *heights);
    ck_assert_ptr_nonnull(heights);
    for (size_t i = 0; i < count; i++)
        heights[i] = (int64_t)i;
    text_order order = text_order_of(family, heights, count);
    free(heights);
    return order;
}

static void text_order_free(text_order *order)
{
    free(order->keys);
    free(order->heights);
}

static bool in_range(const cmt_range *range, cmt_slice key)
{
    return cmt_slice_compare(range->lo, key) <= 0 && cmt_slice_compare(key, range->hi) < 0;
}

static void fail_at(const text_order *order, size_t at, const char *what)
{
    ck_abort_msg("%s: %s", order->keys[at].text, what);
}

/* One sweep over all keys in text order; `at_range` is the first range not yet left behind. */
static void check_ranges(const text_order *order, const cmt_height_set *dead,
                         const cmt_height_set *live, const cmt_range_list *list)
{
    size_t at_range = 0;
    bool live_since = true; /* a live key stood since the range before */
    bool dead_here = false; /* a dead key stood in this range */
    bool last_dead = false; /* the last key of this range that is in a set was dead */
    for (size_t i = 0; i < order->count; i++) {
        cmt_slice key = cmt_key_slice(&order->keys[i]);
        while (at_range < list->count && cmt_slice_compare(list->ranges[at_range].hi, key) <= 0) {
            if (!dead_here || !last_dead)
                fail_at(order, i, "the range before this key has no dead key at its end");
            dead_here = live_since = false;
            at_range++;
        }
        bool inside = at_range < list->count && in_range(&list->ranges[at_range], key);
        bool is_dead = cmt_height_set_contains(dead, order->heights[i]);
        bool is_live = cmt_height_set_contains(live, order->heights[i]);
        if (is_dead && !inside)
            fail_at(order, i, "dead, and in no range");
        if (is_live && inside)
            fail_at(order, i, "live, and in a range");
        if (inside && !dead_here && !is_dead)
            fail_at(order, i, "a range begins with a key that is not dead");
        if (inside && !dead_here && !live_since)
            fail_at(order, i, "no live key between this range and the one before");
        dead_here |= inside;
        last_dead = inside ? is_dead : last_dead;
        live_since |= is_live;
    }
    ck_assert_uint_eq(at_range + (dead_here ? 1 : 0), list->count);
}

static void check_sets(const text_order *order, const cmt_height_set *dead,
                       const cmt_height_set *live)
{
    CMT_AUTO(cmt_range_list_free) cmt_range_list list = {NULL, 0, 0};
    ck_assert_int_eq(cmt_key_ranges(order->family, dead, live, &list), CMT_OK);
    size_t count = list.count;
    ck_assert_int_eq(cmt_range_list_sort(&list), CMT_OK);
    ck_assert_uint_eq(list.count, count);
    check_ranges(order, dead, live, &list);
}

/* Without instrumentation beyond a hundred, where keys have three digits. */
#define TRIPLES_TO IF_INSTRUMENTED(41, 131)

static void check_all_triples(const cmt_key_family *family)
{
    text_order order = text_order_up_to(family, TRIPLES_TO);
    for (int64_t base = 0; base < TRIPLES_TO; base++)
        for (int64_t retain = base; retain < TRIPLES_TO; retain++)
            for (int64_t tip = retain; tip < TRIPLES_TO; tip++) {
                cmt_heights dead_run = {base, retain};
                cmt_heights live_run = {retain, tip + 1};
                cmt_height_set dead = {&dead_run, base < retain, 1};
                cmt_height_set live = {&live_run, 1, 1};
                check_sets(&order, &dead, &live);
            }
    text_order_free(&order);
}

START_TEST(plain_keys_are_right_for_all_small_base_retain_tip)
{
    check_all_triples(&cmt_family_meta);
}
END_TEST

START_TEST(indexed_keys_are_right_for_all_small_base_retain_tip)
{
    check_all_triples(&cmt_family_part);
}
END_TEST

/* Random disjoint sets, some of whose runs are single heights, with unknown heights in between. */
static void random_sets(rng *r, int64_t limit, cmt_height_set *dead, cmt_height_set *live)
{
    int64_t at = rng_chance(r, 50) ? 0 : rng_between(r, 0, limit - 1);
    while (at < limit) {
        int64_t longest = rng_chance(r, 30) ? 1 : rng_chance(r, 50) ? 40 : limit / 2 + 1;
        int64_t end = at + rng_between(r, 1, longest);
        if (end > limit)
            end = limit;
        int64_t kind = rng_between(r, 0, 2);
        if (kind < 2)
            ck_assert_int_eq(cmt_height_set_add(kind == 0 ? dead : live, at, end), CMT_OK);
        at = end;
    }
}

static void check_random_sets(const cmt_key_family *family, uint64_t seed)
{
    static const size_t limits[] = {12, 105, 1010, 12000};
    rng r = {seed};
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        text_order order = text_order_up_to(family, limits[i]);
        for (int round = 0; round < (limits[i] > 2000 ? 300 : 4000) / IF_INSTRUMENTED(10, 1);
             round++) {
            CMT_AUTO(cmt_height_set_free) cmt_height_set dead = {NULL, 0, 0};
            CMT_AUTO(cmt_height_set_free) cmt_height_set live = {NULL, 0, 0};
            random_sets(&r, (int64_t)limits[i], &dead, &live);
            check_sets(&order, &dead, &live);
        }
        text_order_free(&order);
    }
}

START_TEST(plain_keys_are_right_for_random_sets)
{
    check_random_sets(&cmt_family_seen_commit, 1);
}
END_TEST

START_TEST(indexed_keys_are_right_for_random_sets)
{
    check_random_sets(&cmt_family_part, 2);
}
END_TEST

START_TEST(ordered_keys_are_right_for_random_sets)
{
    check_random_sets(cmt_key_family_in(&cmt_family_commit, CMT_KEY_LAYOUT_V2), 3);
    check_random_sets(cmt_key_family_in(&cmt_family_part, CMT_KEY_LAYOUT_V2), 4);
}
END_TEST

/* Heights near the boundaries of both sets and of the powers of ten, up to the largest. */
static void check_large_heights(const cmt_key_family *family, rng *r)
{
    CMT_AUTO(cmt_height_set_free) cmt_height_set dead = {NULL, 0, 0};
    CMT_AUTO(cmt_height_set_free) cmt_height_set live = {NULL, 0, 0};
    CMT_AUTO(cmt_height_set_free) cmt_height_set sample = {NULL, 0, 0};
    for (int64_t power = 1; power > 0 && power <= INT64_MAX / 10; power *= 10) {
        ck_assert_int_eq(cmt_height_set_add(&sample, power - 1, power + 2), CMT_OK);
        /* Short runs: long ones of many lengths of text are interleaved without end. */
        int64_t lo = rng_between(r, power, 10 * power - 1);
        int64_t middle = lo + rng_between(r, 0, 2000);
        int64_t hi = middle + rng_between(r, 0, 2000);
        if (rng_chance(r, 40) && !cmt_height_set_overlaps(&live, lo, middle))
            ck_assert_int_eq(cmt_height_set_add(&dead, lo, middle), CMT_OK);
        if (rng_chance(r, 40) && !cmt_height_set_overlaps(&dead, middle, hi))
            ck_assert_int_eq(cmt_height_set_add(&live, middle, hi), CMT_OK);
        const int64_t near[] = {lo, middle, hi};
        for (int i = 0; i < 3; i++)
            for (int64_t at = near[i]; at > 0; at /= 10)
                ck_assert_int_eq(cmt_height_set_add(&sample, at - 1, at + 2), CMT_OK);
    }
    if (rng_chance(r, 50))
        ck_assert_int_eq(
            cmt_height_set_add(rng_chance(r, 50) ? &dead : &live, 9200000000000000000, INT64_MAX),
            CMT_OK);
    ck_assert_int_eq(cmt_height_set_add(&sample, INT64_MAX - 3, INT64_MAX), CMT_OK);

    int64_t heights[1500];
    size_t count = 0;
    for (size_t i = 0; i < sample.count; i++)
        for (int64_t h = sample.runs[i].lo; h < sample.runs[i].hi && count < 1500; h++)
            heights[count++] = h;
    text_order order = text_order_of(family, heights, count);
    CMT_AUTO(cmt_range_list_free) cmt_range_list list = {NULL, 0, 0};
    ck_assert_int_eq(cmt_key_ranges(family, &dead, &live, &list), CMT_OK);
    ck_assert_int_eq(cmt_range_list_sort(&list), CMT_OK);
    for (size_t i = 0; i < count; i++) {
        cmt_slice key = cmt_key_slice(&order.keys[i]);
        bool inside = false;
        for (size_t k = 0; k < list.count; k++)
            inside |= in_range(&list.ranges[k], key);
        if (cmt_height_set_contains(&dead, order.heights[i]) && !inside)
            fail_at(&order, i, "dead, and in no range");
        if (cmt_height_set_contains(&live, order.heights[i]) && inside)
            fail_at(&order, i, "live, and in a range");
    }
    text_order_free(&order);
}

START_TEST(heights_up_to_the_largest_are_right)
{
    rng r = {3};
    for (int round = 0; round < 60; round++) {
        check_large_heights(&cmt_family_meta, &r);
        check_large_heights(&cmt_family_part, &r);
    }
}
END_TEST

/* ---- documented examples ----------------------------------------------------------------- */

static size_t count_ranges(const cmt_key_family *family, int64_t base, int64_t retain, int64_t tip)
{
    cmt_heights dead_run = {base, retain};
    cmt_heights live_run = {retain, tip + 1};
    CMT_AUTO(cmt_range_list_free) cmt_range_list list = {NULL, 0, 0};
    ck_assert_int_eq(cmt_key_ranges(family, &(cmt_height_set){&dead_run, 1, 1},
                                    &(cmt_height_set){&live_run, 1, 1}, &list),
                     CMT_OK);
    return list.count;
}

START_TEST(range_counts_are_the_documented_ones)
{
    const cmt_key_family *const families[] = {&cmt_family_meta, &cmt_family_part};
    for (int i = 0; i < 2; i++) {
        ck_assert_uint_eq(count_ranges(families[i], 70001, 106001, 110000), 2);
        ck_assert_uint_eq(count_ranges(families[i], 9980001, 9999001, 10000000), 1);
        ck_assert_uint_eq(count_ranges(families[i], 999000, 1000100, 1001000), 2);
        ck_assert_uint_eq(count_ranges(families[i], 1000001, 1010001, 1020000), 1);
        ck_assert_uint_eq(count_ranges(families[i], 1, 19900000, 20000000), 10002);
    }
}
END_TEST

static void expect_bounds(const cmt_key_family *family, const char *lo, const char *hi,
                          size_t hi_size)
{
    cmt_heights dead_run = {8, 12};
    CMT_AUTO(cmt_range_list_free) cmt_range_list list = {NULL, 0, 0};
    ck_assert_int_eq(cmt_key_ranges(family, &(cmt_height_set){&dead_run, 1, 1},
                                    &(cmt_height_set){NULL, 0, 0}, &list),
                     CMT_OK);
    ck_assert_uint_eq(list.count, 1);
    ck_assert(cmt_slice_equal(list.ranges[0].lo, (cmt_slice){(const uint8_t *)lo, strlen(lo)}));
    ck_assert(cmt_slice_equal(list.ranges[0].hi, (cmt_slice){(const uint8_t *)hi, hi_size}));
}

START_TEST(bounds_enclose_the_first_and_the_last_dead_key)
{
    expect_bounds(&cmt_family_meta, "H:10", "H:9\0", 4);
    expect_bounds(&cmt_family_part, "P:10:", "P:9;", 4);
}
END_TEST

START_TEST(no_dead_heights_give_no_ranges)
{
    cmt_heights live_run = {0, 1000};
    CMT_AUTO(cmt_range_list_free) cmt_range_list list = {NULL, 0, 0};
    cmt_height_set none = {NULL, 0, 0};
    ck_assert_int_eq(
        cmt_key_ranges(&cmt_family_meta, &none, &(cmt_height_set){&live_run, 1, 1}, &list), CMT_OK);
    ck_assert_int_eq(cmt_key_ranges(&cmt_family_meta, &none, &none, &list), CMT_OK);
    ck_assert_uint_eq(list.count, 0);
}
END_TEST

/* ---- heights apart ----------------------------------------------------------------------- */

/* True if the digits of a live height begin with those of `height`. */
static bool begins_a_live_one(int64_t height, int64_t live_lo, int64_t live_hi)
{
    for (int64_t live = live_lo; live < live_hi; live++)
        for (int64_t beginning = live; beginning > 0; beginning /= 10)
            if (beginning == height)
                return true;
    return false;
}

START_TEST(heights_apart_are_those_that_begin_no_live_one)
{
    rng r = {9};
    for (int round = 0; round < 300; round++) {
        int64_t live_lo = rng_between(&r, 1, rng_chance(&r, 50) ? 130 : 1300);
        int64_t live_hi = live_lo + rng_between(&r, 0, rng_chance(&r, 50) ? 20 : 400);
        int64_t below = rng_between(&r, 0, live_lo);
        CMT_AUTO(cmt_height_set_free) cmt_height_set set = {NULL, 0, 0};
        /* What was there before stays, although it begins a live one. */
        int64_t old = rng_between(&r, 1, 12);
        ck_assert_int_eq(cmt_height_set_add(&set, old, old + 1), CMT_OK);
        ck_assert_int_eq(cmt_key_heights_apart(&cmt_family_meta, below, live_lo, live_hi, &set),
                         CMT_OK);
        for (int64_t h = 0; h < live_hi + 10; h++) {
            bool apart = h > 0 && h < below && !begins_a_live_one(h, live_lo, live_hi);
            if (cmt_height_set_contains(&set, h) != (apart || h == old))
                ck_abort_msg("%d below %d, live [%d,%d)", (int)h, (int)below, (int)live_lo,
                             (int)live_hi);
        }
    }
}
END_TEST

START_TEST(heights_apart_need_few_ranges)
{
    CMT_AUTO(cmt_height_set_free) cmt_height_set dead = {NULL, 0, 0};
    CMT_AUTO(cmt_range_list_free) cmt_range_list list = {NULL, 0, 0};
    cmt_heights live_run = {19900000, 20001001};
    ck_assert_int_eq(cmt_key_heights_apart(&cmt_family_meta, 19800000, 19900000, 20001001, &dead),
                     CMT_OK);
    ck_assert(cmt_height_set_contains(&dead, 19799999));
    ck_assert(cmt_height_set_contains(&dead, 3));
    ck_assert_int_eq(
        cmt_key_ranges(&cmt_family_meta, &dead, &(cmt_height_set){&live_run, 1, 1}, &list), CMT_OK);
    ck_assert_uint_le(list.count, 20);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("key_ranges");
    TCase *tc = tcase_create("key_ranges");
    tcase_set_timeout(tc, 120);
    tcase_add_test(tc, plain_keys_are_right_for_all_small_base_retain_tip);
    tcase_add_test(tc, indexed_keys_are_right_for_all_small_base_retain_tip);
    tcase_add_test(tc, plain_keys_are_right_for_random_sets);
    tcase_add_test(tc, indexed_keys_are_right_for_random_sets);
    tcase_add_test(tc, ordered_keys_are_right_for_random_sets);
    tcase_add_test(tc, heights_up_to_the_largest_are_right);
    tcase_add_test(tc, range_counts_are_the_documented_ones);
    tcase_add_test(tc, bounds_enclose_the_first_and_the_last_dead_key);
    tcase_add_test(tc, no_dead_heights_give_no_ranges);
    tcase_add_test(tc, heights_apart_are_those_that_begin_no_live_one);
    tcase_add_test(tc, heights_apart_need_few_ranges);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
