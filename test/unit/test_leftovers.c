/* SPDX-License-Identifier: Apache-2.0
 *
 * Looking for heights in a database, with and without a budget.
 */
#include "cleanup.h"
#include "cmtstore/keys.h"
#include "instrumented.h"
#include "priced_db.h"
#include "rng.h"
#include "suite.h"

#include <check.h>

#include <stdlib.h>
#include <string.h>

#define PLENTY ((uint64_t)1 << 30)

static priced_db db;

static void setup(void)
{
    cmt_db *memory;
    ck_assert_int_eq(cmt_db_open_memory(&memory, NULL), CMT_OK);
    db = priced_db_over(memory);
}

static void teardown(void)
{
    cmt_db_close(db.inner);
}

static void put(const cmt_key_family *family, int64_t height, uint32_t index)
{
    cmt_key key = cmt_key_make(family, height, index);
    ck_assert_int_eq(cmt_db_memory_put(db.inner, cmt_key_slice(&key), CMT_SLICE("x")), CMT_OK);
}

/* Each height of [lo,hi); of an indexed family some parts, not always the first. */
static void put_run(const cmt_key_family *family, int64_t lo, int64_t hi)
{
    for (int64_t h = lo; h < hi; h++) {
        put(family, h, h % 7 == 0 ? 1 : 0);
        if (family->indexed)
            put(family, h, 12);
    }
}

static cmt_height_set find(const cmt_key_family *family, int64_t below, uint64_t budget,
                           bool *complete)
{
    cmt_height_set found;
    ck_assert_int_eq(cmt_key_leftovers(&db.base, family, below, budget, &found, complete, NULL),
                     CMT_OK);
    return found;
}

static void expect_found(const cmt_key_family *family, int64_t below, const cmt_height_set *held)
{
    bool complete;
    CMT_AUTO(cmt_height_set_free) cmt_height_set found = find(family, below, PLENTY, &complete);
    CMT_AUTO(cmt_height_set_free) cmt_height_set expected = {NULL, 0, 0};
    for (size_t i = 0; i < held->count; i++)
        if (held->runs[i].lo < below)
            ck_assert_int_eq(
                cmt_height_set_add(&expected, held->runs[i].lo,
                                   held->runs[i].hi < below ? held->runs[i].hi : below),
                CMT_OK);
    ck_assert(complete);
    ck_assert_uint_eq(found.count, expected.count);
    for (size_t i = 0; i < found.count; i++) {
        ck_assert_int_eq(found.runs[i].lo, expected.runs[i].lo);
        ck_assert_int_eq(found.runs[i].hi, expected.runs[i].hi);
    }
}

/* ---- exact where the budget allows -------------------------------------------------------- */

/* Number 3 and 4 in layout v2. */
static const cmt_key_family *family_of(int i)
{
    static const cmt_key_family *const v1[] = {&cmt_family_meta, &cmt_family_part,
                                               &cmt_family_validators};
    return i < 3 ? v1[i] : cmt_key_family_in(v1[i - 3], CMT_KEY_LAYOUT_V2);
}
#define FAMILIES 5

START_TEST(an_empty_database_has_no_leftovers)
{
    cmt_height_set none = {NULL, 0, 0};
    expect_found(&cmt_family_meta, 0, &none);
    expect_found(&cmt_family_meta, 1, &none);
    expect_found(&cmt_family_part, INT64_MAX, &none);
}
END_TEST

START_TEST(height_zero_is_found)
{
    put(&cmt_family_commit, 0, 0);
    put_run(&cmt_family_commit, 5, 30);
    cmt_heights run = {0, 1};
    expect_found(&cmt_family_commit, 5, &(cmt_height_set){&run, 1, 1});
}
END_TEST

/* Random runs, some longer than those that are walked over in doubling steps, around random powers
 * of ten; searched from different heights. */
static void check_random(rng *r, const cmt_key_family *family)
{
    setup();
    CMT_AUTO(cmt_height_set_free) cmt_height_set held = {NULL, 0, 0};
    int64_t limit = rng_chance(r, 50) ? 130 : rng_chance(r, 50) ? 1200 : 11000;
    for (int64_t runs = rng_between(r, 0, 8); runs > 0; runs--) {
        int64_t lo = rng_between(r, 0, limit);
        int64_t length = rng_chance(r, 30) ? 1 : rng_between(r, 1, rng_chance(r, 50) ? 10 : 300);
        ck_assert_int_eq(cmt_height_set_add(&held, lo, lo + length), CMT_OK);
    }
    for (size_t i = 0; i < held.count; i++)
        put_run(family, held.runs[i].lo, held.runs[i].hi);
    for (int i = 0; i < 4; i++)
        expect_found(family, rng_between(r, 0, limit + 300), &held);
    if (held.count > 0)
        expect_found(family, held.runs[held.count - 1].lo, &held);

    int64_t lo = rng_between(r, 0, limit);
    int64_t hi = rng_between(r, 0, limit);
    int64_t first = -1;
    for (int64_t h = lo; h < hi && first < 0; h++)
        first = cmt_height_set_contains(&held, h) ? h : -1;
    int64_t height = -1;
    cmt_status st = cmt_key_first_in(&db.base, family, lo, hi, &height, NULL);
    ck_assert_int_eq(st, first < 0 ? CMT_NOT_FOUND : CMT_OK);
    ck_assert_int_eq(height, first);

    int64_t below = rng_between(r, 0, limit);
    int64_t start = below;
    while (cmt_height_set_contains(&held, start - 1))
        start--;
    ck_assert_int_eq(cmt_key_run_below(&db.base, family, below, PLENTY, &height, NULL), CMT_OK);
    ck_assert_int_eq(height, start);
    teardown();
}

START_TEST(random_leftovers_are_found_exactly)
{
    teardown();
    rng r = {5};
    for (int round = 0; round < IF_INSTRUMENTED(300, 1500); round++)
        check_random(&r, family_of(round % FAMILIES));
    setup();
}
END_TEST

START_TEST(holes_in_a_run_are_seen)
{
    for (int i = 0; i < FAMILIES; i++) {
        CMT_AUTO(cmt_height_set_free) cmt_height_set held = {NULL, 0, 0};
        ck_assert_int_eq(cmt_height_set_add(&held, 950, 2000), CMT_OK);
        ck_assert_int_eq(cmt_height_set_remove(&held, 1997, 1998), CMT_OK);
        ck_assert_int_eq(cmt_height_set_remove(&held, 1100, 1105), CMT_OK);
        for (size_t k = 0; k < held.count; k++)
            put_run(family_of(i), held.runs[k].lo, held.runs[k].hi);
        expect_found(family_of(i), 2000, &held);
        expect_found(family_of(i), 1990, &held);
        int64_t lo;
        ck_assert_int_eq(cmt_key_run_below(&db.base, family_of(i), 1997, PLENTY, &lo, NULL),
                         CMT_OK);
        ck_assert_int_eq(lo, 1105);
        ck_assert_int_eq(cmt_key_run_below(&db.base, family_of(i), 2000, PLENTY, &lo, NULL),
                         CMT_OK);
        ck_assert_int_eq(lo, 1998);
    }
}
END_TEST

START_TEST(keys_that_cometbft_does_not_write_are_passed_over)
{
    static const char *const foreign[] = {"H:", "H:007", "H:1x", "H:9:9", "H:a", "H", "H;1"};
    for (size_t i = 0; i < sizeof foreign / sizeof foreign[0]; i++)
        ck_assert_int_eq(cmt_db_memory_put(
                             db.inner, (cmt_slice){(const uint8_t *)foreign[i], strlen(foreign[i])},
                             CMT_SLICE("")),
                         CMT_OK);
    put(&cmt_family_meta, 1, 0);
    put(&cmt_family_meta, 99, 0);
    cmt_heights runs[] = {{1, 2}, {99, 100}};
    expect_found(&cmt_family_meta, 1000, &(cmt_height_set){runs, 2, 2});
}
END_TEST

/* ---- within a budget ---------------------------------------------------------------------- */

START_TEST(a_budget_that_is_used_up_is_reported_and_kept_to)
{
    /* Shorter numbers are interleaved with these: to rule them out takes thousands of seeks. */
    put_run(&cmt_family_meta, 1000000, 1020000);
    db.cost = 4096;
    bool complete;
    CMT_AUTO(cmt_height_set_free)
    cmt_height_set found = find(&cmt_family_meta, 1000000, 1 << 20, &complete);
    ck_assert(!complete);
    ck_assert_uint_eq(found.count, 0);
    ck_assert_uint_le(db.read, (1 << 20) + (1 << 18) + 2 * 4096);
}
END_TEST

START_TEST(steps_are_counted_where_reads_are_not)
{
    put_run(&cmt_family_meta, 1000000, 1020000);
    db.cost = 0; /* as of an engine, which does not say what it reads */
    bool complete;
    CMT_AUTO(cmt_height_set_free)
    cmt_height_set found = find(&cmt_family_meta, 1000000, 64 << 10, &complete);
    ck_assert(!complete);
    ck_assert_uint_eq(found.count, 0);
    ck_assert_uint_le(db.moves, (64 + 16) * 4 + 2);
}
END_TEST

START_TEST(a_long_run_just_below_costs_little_and_is_found_whole)
{
    put_run(&cmt_family_meta, 1, 20000);
    db.cost = 4096;
    bool complete;
    CMT_AUTO(cmt_height_set_free)
    cmt_height_set found = find(&cmt_family_meta, 15000, 1 << 18, &complete);
    ck_assert(complete); /* height 0 alone is outside the run: one seek */
    ck_assert_uint_eq(found.count, 1);
    ck_assert_int_eq(found.runs[0].lo, 1);
    ck_assert_int_eq(found.runs[0].hi, 15000);
    ck_assert_uint_le(db.moves, 64 + 60 + 2);
}
END_TEST

START_TEST(long_runs_further_down_are_found_by_probes_when_the_budget_ends)
{
    put_run(&cmt_family_meta, 1000000, 1020000); /* the store */
    put_run(&cmt_family_meta, 20000, 40000);     /* five digits, leaked long ago */
    db.cost = 4096;
    bool complete;
    CMT_AUTO(cmt_height_set_free)
    cmt_height_set found = find(&cmt_family_meta, 1000000, 1 << 18, &complete);
    ck_assert(!complete);
    ck_assert_uint_eq(found.count, 1);
    ck_assert_int_eq(found.runs[0].lo, 20000);
    ck_assert_int_eq(found.runs[0].hi, 40000);
}
END_TEST

START_TEST(what_the_budget_leaves_unread_of_a_run_is_taken_to_exist)
{
    put_run(&cmt_family_results, 1000, 9000);
    cmt_key hole = cmt_key_make(&cmt_family_results, 3000, 0);
    cmt_db_memory_delete(db.inner, cmt_key_slice(&hole));
    int64_t lo;
    db.cost = 100;
    ck_assert_int_eq(cmt_key_run_below(&db.base, &cmt_family_results, 9000, 10000, &lo, NULL),
                     CMT_OK);
    ck_assert_int_eq(lo, 1000);
    ck_assert_int_eq(cmt_key_run_below(&db.base, &cmt_family_results, 9000, 1000000, &lo, NULL),
                     CMT_OK);
    ck_assert_int_eq(lo, 3001);
}
END_TEST

/* Each read of a search in turn is the first to fail. */
START_TEST(a_failing_read_ends_the_search_with_its_cause)
{
    put_run(&cmt_family_meta, 3, 30);
    put_run(&cmt_family_meta, 95, 120);
    cmt_status st = CMT_IO;
    for (uint64_t n = 1; st == CMT_IO; n++) {
        cmt_height_set found;
        bool complete;
        cmt_error err = CMT_ERROR_INIT;
        db.moves = 0;
        db.fail_from = n;
        st = cmt_key_leftovers(&db.base, &cmt_family_meta, 110, PLENTY, &found, &complete, &err);
        ck_assert_str_eq(err.message, st == CMT_IO ? "read failed" : "");
        ck_assert_uint_eq(found.count, st == CMT_IO ? 0 : 2);
        cmt_height_set_free(&found);
    }
    ck_assert_int_eq(st, CMT_OK);
    int64_t height;
    db.fail_from = 1;
    ck_assert_int_eq(cmt_key_first_in(&db.base, &cmt_family_meta, 0, 9, &height, NULL), CMT_IO);
    ck_assert_int_eq(cmt_key_run_below(&db.base, &cmt_family_meta, 110, PLENTY, &height, NULL),
                     CMT_IO);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("leftovers");
    TCase *tc = tcase_create("leftovers");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, an_empty_database_has_no_leftovers);
    tcase_add_test(tc, height_zero_is_found);
    tcase_add_test(tc, random_leftovers_are_found_exactly);
    tcase_add_test(tc, holes_in_a_run_are_seen);
    tcase_add_test(tc, keys_that_cometbft_does_not_write_are_passed_over);
    tcase_add_test(tc, a_budget_that_is_used_up_is_reported_and_kept_to);
    tcase_add_test(tc, steps_are_counted_where_reads_are_not);
    tcase_add_test(tc, a_long_run_just_below_costs_little_and_is_found_whole);
    tcase_add_test(tc, long_runs_further_down_are_found_by_probes_when_the_budget_ends);
    tcase_add_test(tc, what_the_budget_leaves_unread_of_a_run_is_taken_to_exist);
    tcase_add_test(tc, a_failing_read_ends_the_search_with_its_cause);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
