/* SPDX-License-Identifier: Apache-2.0
 *
 * What is remembered in fixed memory, and how it is cut into slices.
 */
#include "fake_db.h"
#include "rng.h"
#include "slices.h"
#include "suite.h"

#include <check.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static cmt_compactor__spans spans;
static cmt_error err;

static void setup(void)
{
    memset(&spans, 0, sizeof spans);
}

static cmt_slice text(const char *string)
{
    return (cmt_slice){(const uint8_t *)string, strlen(string)};
}

static void add(const char *lo, const char *hi)
{
    cmt_compactor__spans_add(&spans, (cmt_range){text(lo), text(hi)});
}

/* "lo-hi lo-hi …" */
static void expect(const char *list)
{
    char found[512] = "";
    size_t size = 0;
    for (size_t i = 0; i < spans.count; i++) {
        const cmt_range r = cmt_compactor__span_range(&spans.at[i]);
        size += (size_t)snprintf(found + size, sizeof found - size, "%s%.*s-%.*s", i > 0 ? " " : "",
                                 (int)r.lo.size, (const char *)r.lo.data, (int)r.hi.size,
                                 (const char *)r.hi.data);
        ck_assert_uint_lt(size, sizeof found);
    }
    ck_assert_str_eq(found, list);
}

START_TEST(ranges_are_sorted_and_joined_where_they_meet)
{
    add("m", "n");
    add("b", "c");
    add("x", "y");
    expect("b-c m-n x-y");
    add("c", "d");
    expect("b-d m-n x-y");
    add("l", "m");
    expect("b-d l-n x-y");
    add("la", "lb");
    expect("b-d l-n x-y");
    add("a", "m5");
    expect("a-n x-y");
    add("q", "q");
    add("r", "q");
    expect("a-n x-y");
    add("xx", "");
    expect("a-n x-");
    add("", "");
    expect("-");
    add("a", "b");
    expect("-");
}
END_TEST

START_TEST(long_keys_are_cut_so_that_nothing_falls_out)
{
    uint8_t lo[200];
    uint8_t hi[200];
    memset(lo, 'a', sizeof lo);
    memset(hi, 'a', sizeof hi);
    hi[CMT_COMPACTOR__KEY - 1] = 0xff;
    hi[CMT_COMPACTOR__KEY - 2] = 0xff;
    const cmt_range range = {{lo, sizeof lo}, {hi, sizeof hi}};
    cmt_compactor__spans_add(&spans, range);
    const cmt_range kept = cmt_compactor__span_range(&spans.at[0]);
    ck_assert_int_le(cmt_slice_compare(kept.lo, range.lo), 0);
    ck_assert_int_gt(cmt_slice_compare(kept.hi, range.hi), 0);
    ck_assert_uint_eq(kept.hi.size, CMT_COMPACTOR__KEY - 2);
    ck_assert_int_eq(kept.hi.data[CMT_COMPACTOR__KEY - 3], 'b');
    memset(hi, 0xff, sizeof hi);
    cmt_compactor__spans_add(&spans, range);
    ck_assert_uint_eq(cmt_compactor__span_range(&spans.at[0]).hi.size, 0);
    /* As long as there is room for: exactly as given. */
    memset(&spans, 0, sizeof spans);
    cmt_compactor__spans_add(&spans, (cmt_range){{lo, 5}, {hi, CMT_COMPACTOR__KEY}});
    ck_assert_uint_eq(cmt_compactor__span_range(&spans.at[0]).hi.size, CMT_COMPACTOR__KEY);
}
END_TEST

START_TEST(where_there_is_no_room_the_nearest_become_one)
{
    char lo[16];
    char hi[16];
    for (int i = 0; i < CMT_COMPACT_RANGES; i++) {
        snprintf(lo, sizeof lo, "k%03d", i * 10);
        snprintf(hi, sizeof hi, "k%03d", i * 10 + (i == 41 ? 4 : 2));
        add(lo, hi);
    }
    ck_assert_uint_eq(spans.count, CMT_COMPACT_RANGES);
    add("z", "zz");
    ck_assert_uint_eq(spans.count, CMT_COMPACT_RANGES);
    const cmt_range joined = cmt_compactor__span_range(&spans.at[41]);
    ck_assert(cmt_slice_equal(joined.lo, text("k410")));
    ck_assert(cmt_slice_equal(joined.hi, text("k422")));
    ck_assert(cmt_slice_equal(cmt_compactor__span_range(&spans.at[63]).lo, text("z")));
}
END_TEST

/* Random ranges over two bytes: a set of bits says what was put in. */
START_TEST(whatever_is_put_in_is_in_there)
{
    unsigned seed = (unsigned)time(NULL);
    printf("seed %u\n", seed);
    rng r = {seed};
    bool *in = calloc(FAKE_PLACES, sizeof *in);
    ck_assert_ptr_nonnull(in);
    for (int i = 0; i < 400; i++) {
        unsigned lo = (unsigned)rng_between(&r, 0, FAKE_PLACES - 1);
        unsigned hi = lo + (unsigned)rng_between(&r, 1, 60);
        hi = hi < FAKE_PLACES ? hi : FAKE_PLACES - 1;
        for (unsigned place = lo; place < hi; place++)
            in[place] = true;
        cmt_compactor__spans_add(&spans, (cmt_range){fake_key(lo), fake_key(hi)});
        ck_assert_uint_le(spans.count, CMT_COMPACT_RANGES);
    }
    unsigned at = 0;
    for (size_t i = 0; i < spans.count; i++) {
        const cmt_range kept = cmt_compactor__span_range(&spans.at[i]);
        for (; at < fake_place(kept.lo); at++)
            ck_assert_msg(!in[at], "place %u fell out, seed %u", at, seed);
        ck_assert_uint_lt(at, fake_place(kept.hi));
        at = fake_place(kept.hi);
    }
    for (; at < FAKE_PLACES; at++)
        ck_assert(!in[at]);
    free(in);
}
END_TEST

/* ---- slices ---------------------------------------------------------------------------------- */

/* Cut all of `range` and see that the pieces follow each other to its end.  Returns how many. */
static unsigned cut_all(cmt_db *db, cmt_range range, uint64_t bytes, uint64_t most)
{
    unsigned pieces = 0;
    cmt_compactor__spans_add(&spans, range);
    for (bool last = false; !last; pieces++) {
        cmt_compactor__span *span = &spans.at[0];
        cmt_compactor__key cut;
        uint64_t held;
        uint64_t measured;
        ck_assert_int_eq(cmt_compactor__cut(db, span, bytes, &cut, &held, &err), CMT_OK);
        const cmt_slice end = cmt_compactor__key_slice(&cut);
        last = cmt_slice_equal(end, cmt_compactor__key_slice(&span->hi));
        ck_assert_int_gt(last || cmt_slice_compare(end, cmt_compactor__key_slice(&span->lo)), 0);
        ck_assert_uint_le(held, most);
        ck_assert_int_eq(
            cmt_db_approximate_bytes(db, (cmt_range){cmt_compactor__key_slice(&span->lo), end},
                                     &measured, &err),
            CMT_OK);
        ck_assert_uint_eq(held, measured);
        if (!last)
            span->lo = cut;
    }
    return pieces;
}

START_TEST(slices_are_of_the_size_asked_for)
{
    static fake_db db;
    fake_init(&db);
    const uint64_t bytes = 1000 * FAKE_PLACE_BYTES;
    unsigned pieces =
        cut_all(&db.base, (cmt_range){fake_key(700), {NULL, 0}}, bytes, bytes * 3 / 2);
    ck_assert_uint_ge(pieces, (FAKE_PLACES - 700) / 1500);
    ck_assert_uint_le(pieces, (FAKE_PLACES - 700) / 500 + 1);
    fake_destroy(&db);
}
END_TEST

static cmt_db *memory_with(const char *const *keys, size_t value_size)
{
    cmt_db *db;
    uint8_t *value = calloc(1, value_size);
    ck_assert_ptr_nonnull(value);
    ck_assert_int_eq(cmt_db_open_memory(&db, &err), CMT_OK);
    for (; *keys != NULL; keys++)
        ck_assert_int_eq(cmt_db_memory_put(db, text(*keys), (cmt_slice){value, value_size}),
                         CMT_OK);
    free(value);
    return db;
}

START_TEST(a_key_larger_than_a_slice_is_one)
{
    cmt_db *db =
        memory_with((const char *const[]){"P:1:0", "P:1:1", "P:12:0", "P:12:00", NULL}, 100);
    unsigned pieces = cut_all(db, (cmt_range){text("P:1:0"), text("P:2")}, 10, 110);
    ck_assert_uint_ge(pieces, 4);
    ck_assert_uint_le(pieces, 8);
    cmt_db_close(db);
}
END_TEST

START_TEST(keys_that_differ_only_behind_what_counts_are_one_slice)
{
    char keys[3][120];
    for (int i = 0; i < 3; i++)
        snprintf(keys[i], sizeof keys[i], "%0100d%d", 0, i);
    cmt_db *db = memory_with((const char *const[]){keys[0], keys[1], keys[2], NULL}, 100);
    unsigned pieces = cut_all(db, (cmt_range){text(keys[0]), text(keys[2])}, 10, 1000);
    ck_assert_uint_le(pieces, 2);
    cmt_db_close(db);
}
END_TEST

START_TEST(spans_with_little_between_them_are_compacted_as_one)
{
    static fake_db db;
    uint64_t bytes;
    fake_init(&db);
    cmt_compactor__spans_add(&spans, (cmt_range){fake_key(0), fake_key(10)});
    cmt_compactor__spans_add(&spans, (cmt_range){fake_key(20), fake_key(30)});
    cmt_compactor__spans_add(&spans, (cmt_range){fake_key(542), fake_key(600)});
    cmt_compactor__spans_add(&spans, (cmt_range){fake_key(1113), fake_key(1120)});
    ck_assert_int_eq(cmt_compactor__join_near(&db.base, &spans, &err), CMT_OK);
    ck_assert_uint_eq(spans.count, 2);
    ck_assert_uint_eq(fake_place(cmt_compactor__span_range(&spans.at[0]).hi), 600);
    ck_assert_uint_eq(fake_place(cmt_compactor__span_range(&spans.at[1]).lo), 1113);
    ck_assert_int_eq(cmt_compactor__bytes_of(&db.base, &spans, &bytes, &err), CMT_OK);
    ck_assert_uint_eq(bytes, 607 * FAKE_PLACE_BYTES);
    fake_destroy(&db);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("compactor_spans");
    TCase *tc = tcase_create("spans");
    tcase_add_checked_fixture(tc, setup, NULL);
    tcase_add_test(tc, ranges_are_sorted_and_joined_where_they_meet);
    tcase_add_test(tc, long_keys_are_cut_so_that_nothing_falls_out);
    tcase_add_test(tc, where_there_is_no_room_the_nearest_become_one);
    tcase_add_test(tc, whatever_is_put_in_is_in_there);
    tcase_add_test(tc, slices_are_of_the_size_asked_for);
    tcase_add_test(tc, a_key_larger_than_a_slice_is_one);
    tcase_add_test(tc, keys_that_differ_only_behind_what_counts_are_one_slice);
    tcase_add_test(tc, spans_with_little_between_them_are_compacted_as_one);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
