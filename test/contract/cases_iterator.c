/* SPDX-License-Identifier: Apache-2.0
 *
 * Iterators: ends, seeks, bounds, changes of direction, snapshots.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "contract.h"
#include "rng.h"

/* Half of the edges stand in tables, half in the log. */
static void spread_edges(void)
{
    for (size_t i = 0; i < EDGES; i += 2)
        put(edge(i), edge_value(i));
    must(cmt_db_flush(db, &err));
    for (size_t i = 1; i < EDGES; i += 2)
        put(edge(i), edge_value(i));
}

START_TEST(seek_stands_at_the_key_or_behind)
{
    size_t i = (size_t)_i;
    cmt_buf room = CMT_BUF_INIT;
    spread_edges();
    cmt_db_iter *iter = new_iter(reader(), NULL);
    expect_on(iter, cmt_db_iter_seek(iter, edge(i), &err), edge(i));
    cmt_status st = cmt_db_iter_seek(iter, behind_edge(i, &room), &err);
    size_t next = i + 1;
    while (next < EDGES && cmt_slice_compare(edge(next), cmt_buf_slice(&room)) < 0)
        next++;
    if (next == EDGES)
        ck_assert_int_eq(st, CMT_NOT_FOUND);
    else
        expect_on(iter, st, edge(next));
    cmt_db_iter_free(iter);
    cmt_buf_free(&room);
}
END_TEST

START_TEST(seek_before_stands_below_the_key)
{
    size_t i = (size_t)_i;
    spread_edges();
    cmt_db_iter *iter = new_iter(reader(), NULL);
    cmt_status st = cmt_db_iter_seek_before(iter, edge(i), &err);
    if (i == 0)
        ck_assert_int_eq(st, CMT_NOT_FOUND);
    else
        expect_on(iter, st, edge(i - 1));
    cmt_db_iter_free(iter);
}
END_TEST

START_TEST(a_step_forth_and_a_step_back_lead_to_the_same_key)
{
    size_t i = (size_t)_i;
    spread_edges();
    cmt_db_iter *iter = new_iter(reader(), NULL);
    expect_on(iter, cmt_db_iter_seek(iter, edge(i), &err), edge(i));
    if (i + 1 < EDGES) {
        expect_on(iter, cmt_db_iter_next(iter, &err), edge(i + 1));
        expect_on(iter, cmt_db_iter_prev(iter, &err), edge(i));
    }
    if (i > 0) {
        expect_on(iter, cmt_db_iter_prev(iter, &err), edge(i - 1));
        expect_on(iter, cmt_db_iter_next(iter, &err), edge(i));
    }
    ck_assert(cmt_slice_equal(cmt_db_iter_value(iter), edge_value(i)));
    cmt_db_iter_free(iter);
}
END_TEST

/* With the key as lower and with every key as upper bound. */
START_TEST(bounds_hide_what_is_outside)
{
    size_t lo = (size_t)_i;
    spread_edges();
    cmt_db *from = reader();
    for (size_t hi = 1; hi <= EDGES; hi++) {
        cmt_slice end = hi < EDGES ? edge(hi) : (cmt_slice){NULL, 0};
        cmt_db_iter *iter = new_iter(from, &(cmt_range){edge(lo), end});
        if (hi <= lo) {
            ck_assert_int_eq(cmt_db_iter_first(iter, &err), CMT_NOT_FOUND);
            ck_assert_int_eq(cmt_db_iter_last(iter, &err), CMT_NOT_FOUND);
            ck_assert_int_eq(cmt_db_iter_seek(iter, edge(lo), &err), CMT_NOT_FOUND);
            ck_assert_int_eq(cmt_db_iter_seek_before(iter, edge(lo), &err), CMT_NOT_FOUND);
        } else {
            expect_on(iter, cmt_db_iter_first(iter, &err), edge(lo));
            ck_assert_int_eq(cmt_db_iter_prev(iter, &err), CMT_NOT_FOUND);
            expect_on(iter, cmt_db_iter_last(iter, &err), edge(hi - 1));
            ck_assert_int_eq(cmt_db_iter_next(iter, &err), CMT_NOT_FOUND);
            expect_on(iter, cmt_db_iter_seek(iter, edge(0), &err), edge(lo));
            ck_assert_int_eq(cmt_db_iter_seek_before(iter, edge(lo), &err), CMT_NOT_FOUND);
            if (hi < EDGES) {
                ck_assert_int_eq(cmt_db_iter_seek(iter, edge(hi), &err), CMT_NOT_FOUND);
                expect_on(iter, cmt_db_iter_seek_before(iter, edge(EDGES - 1), &err), edge(hi - 1));
            }
        }
        cmt_db_iter_free(iter);
    }
}
END_TEST

START_TEST(after_an_end_it_stands_nowhere_and_can_seek_again)
{
    put_text("a", "1");
    put_text("b", "2");
    cmt_db_iter *iter = new_iter(reader(), NULL);
    ck_assert_int_eq(cmt_db_iter_next(iter, &err), CMT_INVALID);
    expect_on(iter, cmt_db_iter_last(iter, &err), text("b"));
    ck_assert_int_eq(cmt_db_iter_next(iter, &err), CMT_NOT_FOUND);
    ck_assert_uint_eq(cmt_db_iter_key(iter).size, 0);
    ck_assert_int_eq(cmt_db_iter_prev(iter, &err), CMT_INVALID);
    expect_on(iter, cmt_db_iter_first(iter, &err), text("a"));
    ck_assert_int_eq(cmt_db_iter_prev(iter, &err), CMT_NOT_FOUND);
    expect_on(iter, cmt_db_iter_seek(iter, text("aa"), &err), text("b"));
    cmt_db_iter_free(iter);
}
END_TEST

START_TEST(deleted_keys_are_stepped_over_both_ways)
{
    spread_edges();
    must(cmt_db_flush(db, &err));
    bool there[EDGES];
    for (size_t i = 0; i < EDGES; i++) {
        there[i] = i % 3 == 1;
        if (!there[i])
            delete_key(edge(i));
    }
    expect_edges(reader(), there);
    must(cmt_db_flush(db, &err));
    expect_edges(reader(), there);
}
END_TEST

static void expect_old(cmt_db_iter *iter)
{
    expect_on(iter, cmt_db_iter_first(iter, &err), text("a"));
    ck_assert(cmt_slice_equal(cmt_db_iter_value(iter), text("old")));
    expect_on(iter, cmt_db_iter_next(iter, &err), text("b"));
    expect_on(iter, cmt_db_iter_next(iter, &err), text("c"));
    ck_assert_int_eq(cmt_db_iter_next(iter, &err), CMT_NOT_FOUND);
    expect_on(iter, cmt_db_iter_last(iter, &err), text("c"));
    expect_on(iter, cmt_db_iter_seek_before(iter, text("c"), &err), text("b"));
}

START_TEST(an_iterator_keeps_the_snapshot_of_its_making)
{
    put_text("a", "old");
    put_text("b", "old");
    put_text("c", "old");
    cmt_db_iter *iter = new_iter(reader(), NULL);
    put_text("a", "new");
    put_text("aa", "new");
    delete_key(text("b"));
    expect_old(iter);
    delete_range(text("a"), text(""));
    expect_old(iter);
    must(cmt_db_flush(db, &err));
    expect_old(iter);
    must(cmt_db_compact_range(db, (cmt_range){text(""), text("")}, &err));
    expect_old(iter);
    cmt_db_iter_free(iter);
    expect_absent(reader(), text("a"));
}
END_TEST

START_TEST(bounds_and_keys_are_copied)
{
    char lo[] = "b";
    char hi[] = "d";
    for (int c = 'a'; c <= 'e'; c++)
        put_text((char[]){(char)c, '\0'}, "");
    cmt_db_iter *iter = new_iter(reader(), &(cmt_range){text(lo), text(hi)});
    lo[0] = 'a';
    hi[0] = 'z';
    expect_on(iter, cmt_db_iter_first(iter, &err), text("b"));
    expect_on(iter, cmt_db_iter_last(iter, &err), text("c"));
    cmt_db_iter_free(iter);
}
END_TEST

/* ---- a random walk --------------------------------------------------------------------------- */

#define KEYS 300

static cmt_slice walk_key(int number, char room[16])
{
    snprintf(room, 16, "w%04d", number);
    return text(room);
}

/* Where a move of the model leads: a number that is there, or -1. */
static int model_seek(const bool *there, int from, int step)
{
    for (int at = from; at >= 0 && at < KEYS; at += step)
        if (there[at])
            return at;
    return -1;
}

static int walk_move(cmt_db_iter *iter, rng *r, const bool *there, int at, cmt_status *st)
{
    char room[16];
    int to = (int)rng_between(r, 0, KEYS - 1);
    switch (at < 0 ? rng_between(r, 0, 3) : rng_between(r, 0, 9)) {
    case 0:
        *st = cmt_db_iter_seek(iter, walk_key(to, room), &err);
        return model_seek(there, to, 1);
    case 1:
        *st = cmt_db_iter_seek_before(iter, walk_key(to, room), &err);
        return model_seek(there, to - 1, -1);
    case 2:
        *st = cmt_db_iter_first(iter, &err);
        return model_seek(there, 0, 1);
    case 3:
        *st = cmt_db_iter_last(iter, &err);
        return model_seek(there, KEYS - 1, -1);
    case 4:
    case 5:
    case 6:
        *st = cmt_db_iter_prev(iter, &err);
        return model_seek(there, at - 1, -1);
    default:
        *st = cmt_db_iter_next(iter, &err);
        return model_seek(there, at + 1, 1);
    }
}

START_TEST(a_random_walk_meets_what_a_model_says)
{
    rng r = {(uint64_t)_i + 1};
    bool there[KEYS] = {false};
    char room[16];
    for (int step = 0; step < 600; step++) {
        int number = (int)rng_between(&r, 0, KEYS - 1);
        there[number] = rng_chance(&r, 55);
        if (there[number])
            put(walk_key(number, room), text("x"));
        else
            delete_key(walk_key(number, room));
        if (step % 150 == 99)
            must(cmt_db_flush(db, &err));
    }
    cmt_db_iter *iter = new_iter(reader(), NULL);
    int at = -1;
    for (int step = 0; step < 3000; step++) {
        cmt_status st = CMT_OK;
        at = walk_move(iter, &r, there, at, &st);
        if (at < 0)
            ck_assert_int_eq(st, CMT_NOT_FOUND);
        else
            expect_on(iter, st, walk_key(at, room));
    }
    cmt_db_iter_free(iter);
}
END_TEST

TCase *iterator_cases(void)
{
    TCase *tc = tcase_create("iterator");
    tcase_add_checked_fixture(tc, contract_setup, contract_teardown);
    tcase_add_loop_test(tc, seek_stands_at_the_key_or_behind, 0, EDGES);
    tcase_add_loop_test(tc, seek_before_stands_below_the_key, 0, EDGES);
    tcase_add_loop_test(tc, a_step_forth_and_a_step_back_lead_to_the_same_key, 0, EDGES);
    tcase_add_loop_test(tc, bounds_hide_what_is_outside, 0, EDGES);
    tcase_add_test(tc, after_an_end_it_stands_nowhere_and_can_seek_again);
    tcase_add_test(tc, deleted_keys_are_stepped_over_both_ways);
    tcase_add_test(tc, an_iterator_keeps_the_snapshot_of_its_making);
    tcase_add_test(tc, bounds_and_keys_are_copied);
    tcase_add_loop_test(tc, a_random_walk_meets_what_a_model_says, 0, 10);
    return tc;
}
