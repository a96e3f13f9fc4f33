/* SPDX-License-Identifier: Apache-2.0
 *
 * The view: random moves over random databases against a sorted list, bounds, sizes, and what happens
 * when a table is damaged or goes away.
 */
#include "cmtstore/lsm.h"

#include "cleanup.h"
#include "engine.h"
#include "files.h"
#include "history.h"
#include "instrumented.h"
#include "pairs.h"
#include "shape.h"
#include "suite.h"

#include <check.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char *top;
static char *dir;
static cmt_error err;

static void setup(void)
{
    err = (cmt_error)CMT_ERROR_INIT;
    top = files_temp();
    dir = files_path(top, "x.db");
}

static void teardown(void)
{
    free(dir);
    files_remove(top);
}

static cmt_slice text(const char *s)
{
    return (cmt_slice){(const uint8_t *)s, strlen(s)};
}

/* ---- random moves ---------------------------------------------------------------------------- */

/* The keys of a history in order, and where an iterator over some of them must stand. */
typedef struct walk {
    const history *h;
    unsigned keys[HISTORY_KEYS];
    size_t count;
    size_t lo; /* bounds, as positions in keys */
    size_t hi;
    size_t at; /* SIZE_MAX: nowhere */
} walk;

static void list_keys(walk *w, const history *h)
{
    *w = (walk){.h = h, .at = SIZE_MAX};
    for (int pass = 0; pass < 2; pass++)
        for (unsigned i = 0; i < HISTORY_KEYS; i++)
            if (h->present[i] && (i % 5 == 0) == (pass == 0))
                w->keys[w->count++] = i;
}

static size_t first_not_below(const walk *w, const char *key)
{
    size_t i = 0;
    char name[16];
    for (; i < w->count; i++) {
        history_key(w->keys[i], name);
        if (strcmp(name, key) >= 0)
            break;
    }
    return i;
}

/* Some key, there or not, or a word between keys. */
static void some_key(history *h, char key[16])
{
    history_key(history_pick(h, HISTORY_KEYS), key);
    if (history_pick(h, 3) == 0)
        key[history_pick(h, 7)] = '\0';
    if (history_pick(h, 4) == 0)
        strcat(key, "x");
}

static cmt_status random_move(walk *w, history *h, cmt_lsm_iter *iter)
{
    char key[16];
    uint32_t what = history_pick(h, w->at == SIZE_MAX ? 4 : 24);
    some_key(h, key);
    size_t to = first_not_below(w, key);
    switch (what) {
    case 0:
        w->at = w->lo;
        return cmt_lsm_iter_first(iter, &err);
    case 1:
        w->at = w->hi > w->lo ? w->hi - 1 : SIZE_MAX;
        return cmt_lsm_iter_last(iter, &err);
    case 2:
        w->at = to > w->lo ? to : w->lo;
        return cmt_lsm_iter_seek(iter, text(key), &err);
    case 3:
        to = to < w->hi ? to : w->hi;
        w->at = to > w->lo ? to - 1 : SIZE_MAX;
        return cmt_lsm_iter_seek_before(iter, text(key), &err);
    default:
        if (what % 2 == 0) {
            w->at++;
            return cmt_lsm_iter_next(iter, &err);
        }
        w->at = w->at > w->lo ? w->at - 1 : SIZE_MAX;
        return cmt_lsm_iter_prev(iter, &err);
    }
}

static void check_move(walk *w, cmt_status st, const cmt_lsm_iter *iter)
{
    char name[16];
    if (w->at != SIZE_MAX && (w->at < w->lo || w->at >= w->hi))
        w->at = SIZE_MAX;
    if (w->at == SIZE_MAX) {
        ck_assert_int_eq(st, CMT_NOT_FOUND);
        return;
    }
    pairs_must(st, &err);
    unsigned i = w->keys[w->at];
    history_key(i, name);
    ck_assert(cmt_slice_equal(cmt_lsm_iter_key(iter), text(name)));
    ck_assert(cmt_slice_equal(cmt_lsm_iter_value(iter), cmt_buf_slice(&w->h->values[i])));
}

static void walk_in_random_bounds(cmt_lsm_view *view, history *h)
{
    char lo[16] = "";
    char hi[16] = "";
    cmt_lsm_iter *iter;
    walk w;
    list_keys(&w, h);
    if (history_pick(h, 4) > 0)
        some_key(h, lo);
    if (history_pick(h, 4) > 0)
        some_key(h, hi);
    w.lo = first_not_below(&w, lo);
    w.hi = hi[0] != '\0' ? first_not_below(&w, hi) : w.count;
    const cmt_range bounds = {text(lo), text(hi)};
    pairs_must(cmt_lsm_iter_new(view, &bounds, &iter, &err), &err);
    for (unsigned i = 0; i < 300; i++) {
        cmt_status st = random_move(&w, h, iter);
        check_move(&w, st, iter);
    }
    cmt_lsm_iter_free(iter);
}

static void get_random_keys(cmt_lsm_view *view, history *h)
{
    CMT_AUTO(cmt_buf_free) cmt_buf value = CMT_BUF_INIT;
    for (unsigned n = 0; n < 300; n++) {
        char key[16];
        unsigned i = history_pick(h, HISTORY_KEYS);
        history_key(i, key);
        cmt_status st = cmt_lsm_view_get(view, text(key), &value, &err);
        ck_assert_int_eq(st, h->present[i] ? CMT_OK : CMT_NOT_FOUND);
        if (st == CMT_OK)
            ck_assert(cmt_slice_equal(cmt_buf_slice(&value), cmt_buf_slice(&h->values[i])));
        strcat(key, "x");
        ck_assert_int_eq(cmt_lsm_view_get(view, text(key), &value, &err), CMT_NOT_FOUND);
    }
}

START_TEST(random_moves_stand_where_a_sorted_list_says)
{
    static const engine_options engine = {.write_buffer = 64 << 10, .table_bytes = 1 << 20};
    history h = {.random = {(uint64_t)_i}};
    for (unsigned session = 0; session < 3; session++) {
        cmt_lsm_view *view;
        leveldb_t *db = engine_open(dir, &engine);
        history_write(&h, db, 1 + history_pick(&h, 1500));
        leveldb_close(db);
        const cmt_lsm_view_options options = {.cache_bytes = history_pick(&h, 2) == 0 ? 1 : 20000,
                                              .pin = history_pick(&h, 2) == 0};
        pairs_must(cmt_lsm_view_open(dir, &options, &view, &err), &err);
        for (unsigned i = 0; i < IF_INSTRUMENTED(4, 12); i++)
            walk_in_random_bounds(view, &h);
        get_random_keys(view, &h);
        char *ours = pairs_of_open_view(view);
        char *expected = history_pairs(&h);
        ck_assert_str_eq(ours, expected);
        free(expected);
        free(ours);
        cmt_lsm_view_close(view);
    }
    history_end(&h);
}
END_TEST

/* ---- a few pairs ----------------------------------------------------------------------------- */

/* a=1 … e=5, in a table or only in a log. */
static cmt_lsm_view *open_small(bool in_table)
{
    cmt_lsm_view *view;
    leveldb_t *db = engine_open(dir, NULL);
    for (int c = 'a'; c <= 'e'; c++)
        engine_put_text(db, (char[]){(char)c, '\0'}, (char[]){(char)(c - 'a' + '1'), '\0'});
    if (in_table)
        leveldb_compact_range(db, NULL, 0, NULL, 0);
    leveldb_close(db);
    pairs_must(cmt_lsm_view_open(dir, NULL, &view, &err), &err);
    return view;
}

static void expect_keys(cmt_lsm_view *view, cmt_range bounds, const char *keys)
{
    cmt_lsm_iter *iter;
    char forward[16] = "";
    char backward[16] = "";
    size_t n = 0;
    cmt_status st;
    pairs_must(cmt_lsm_iter_new(view, &bounds, &iter, &err), &err);
    for (st = cmt_lsm_iter_first(iter, &err); st == CMT_OK; st = cmt_lsm_iter_next(iter, &err))
        forward[n++] = (char)cmt_lsm_iter_key(iter).data[0];
    for (st = cmt_lsm_iter_last(iter, &err); st == CMT_OK; st = cmt_lsm_iter_prev(iter, &err))
        backward[--n] = (char)cmt_lsm_iter_key(iter).data[0];
    ck_assert_int_eq(st, CMT_NOT_FOUND);
    ck_assert_str_eq(forward, keys);
    ck_assert_str_eq(backward, keys);
    cmt_lsm_iter_free(iter);
}

START_TEST(bounds_hold_lo_and_not_hi)
{
    cmt_lsm_view *view = open_small(_i == 0);
    const cmt_slice none = {NULL, 0};
    expect_keys(view, (cmt_range){none, none}, "abcde");
    expect_keys(view, (cmt_range){text("b"), text("d")}, "bc");
    expect_keys(view, (cmt_range){text("b"), none}, "bcde");
    expect_keys(view, (cmt_range){none, text("c")}, "ab");
    expect_keys(view, (cmt_range){text("aa"), text("cc")}, "bc");
    expect_keys(view, (cmt_range){text("c"), text("c")}, "");
    expect_keys(view, (cmt_range){text("d"), text("b")}, "");
    expect_keys(view, (cmt_range){text("f"), none}, "");
    expect_keys(view, (cmt_range){none, text("A")}, "");
    cmt_lsm_view_close(view);
}
END_TEST

START_TEST(an_iterator_stands_nowhere_before_its_first_move_and_after_its_last)
{
    cmt_lsm_iter *iter;
    cmt_lsm_view *view = open_small(_i == 0);
    pairs_must(cmt_lsm_iter_new(view, NULL, &iter, &err), &err);
    ck_assert_int_eq(cmt_lsm_iter_next(iter, &err), CMT_INVALID);
    ck_assert_int_eq(cmt_lsm_iter_prev(iter, &err), CMT_INVALID);
    ck_assert_int_eq(cmt_lsm_iter_last(iter, &err), CMT_OK);
    ck_assert_int_eq(cmt_lsm_iter_next(iter, &err), CMT_NOT_FOUND);
    ck_assert_int_eq(cmt_lsm_iter_next(iter, &err), CMT_INVALID);
    ck_assert_int_eq(cmt_lsm_iter_first(iter, &err), CMT_OK);
    ck_assert_int_eq(cmt_lsm_iter_prev(iter, &err), CMT_NOT_FOUND);
    ck_assert_int_eq(cmt_lsm_iter_prev(iter, &err), CMT_INVALID);
    cmt_lsm_iter_free(iter);
    cmt_lsm_iter_free(NULL);
    cmt_lsm_view_close(view);
    cmt_lsm_view_close(NULL);
}
END_TEST

START_TEST(an_iterator_may_be_sent_to_its_own_key)
{
    cmt_lsm_iter *iter;
    cmt_lsm_view *view = open_small(_i == 0);
    pairs_must(cmt_lsm_iter_new(view, NULL, &iter, &err), &err);
    pairs_must(cmt_lsm_iter_seek(iter, text("c"), &err), &err);
    pairs_must(cmt_lsm_iter_seek(iter, cmt_lsm_iter_key(iter), &err), &err);
    ck_assert(cmt_slice_equal(cmt_lsm_iter_key(iter), text("c")));
    pairs_must(cmt_lsm_iter_seek_before(iter, cmt_lsm_iter_key(iter), &err), &err);
    pairs_must(cmt_lsm_iter_seek_before(iter, cmt_lsm_iter_key(iter), &err), &err);
    ck_assert(cmt_slice_equal(cmt_lsm_iter_key(iter), text("a")));
    pairs_must(cmt_lsm_iter_seek(iter, cmt_lsm_iter_key(iter), &err), &err);
    ck_assert(cmt_slice_equal(cmt_lsm_iter_key(iter), text("a")));
    cmt_lsm_iter_free(iter);
    cmt_lsm_view_close(view);
}
END_TEST

START_TEST(a_value_may_be_empty_and_a_key_too)
{
    CMT_AUTO(cmt_buf_free) cmt_buf value = CMT_BUF_INIT;
    cmt_lsm_view *view;
    leveldb_t *db = engine_open(dir, NULL);
    engine_put_text(db, "", "of the empty key");
    engine_put_text(db, "empty", "");
    if (_i == 0)
        leveldb_compact_range(db, NULL, 0, NULL, 0);
    leveldb_close(db);
    pairs_must(cmt_lsm_view_open(dir, NULL, &view, &err), &err);
    pairs_must(cmt_lsm_view_get(view, text("empty"), &value, &err), &err);
    ck_assert_uint_eq(value.size, 0);
    pairs_must(cmt_lsm_view_get(view, text(""), &value, &err), &err);
    ck_assert(cmt_slice_equal(cmt_buf_slice(&value), text("of the empty key")));
    char *pairs = pairs_of_open_view(view);
    ck_assert_str_eq(pairs, "=of\\20the\\20empty\\20key\nempty=\n");
    free(pairs);
    cmt_lsm_view_close(view);
}
END_TEST

/* ---- sizes ----------------------------------------------------------------------------------- */

static uint64_t size_of(cmt_lsm_view *view, const char *lo, const char *hi)
{
    uint64_t bytes = 12345;
    pairs_must(cmt_lsm_view_approximate_bytes(view, (cmt_range){text(lo), text(hi)}, &bytes, &err),
               &err);
    return bytes;
}

START_TEST(sizes_of_ranges_add_up_to_the_tables)
{
    char key[16];
    cmt_lsm_view *view;
    uint8_t value[1000];
    rng r = {1};
    leveldb_t *db = engine_open(dir, &(engine_options){.plain = true, .table_bytes = 1 << 20});
    for (unsigned i = 0; i < 3000; i++) {
        for (size_t k = 0; k < sizeof value; k++)
            value[k] = (uint8_t)rng_next(&r);
        snprintf(key, sizeof key, "%04u", i);
        engine_put(db, text(key), (cmt_slice){value, sizeof value});
    }
    leveldb_compact_range(db, NULL, 0, NULL, 0);
    engine_put_text(db, "9", "in the log");
    leveldb_close(db);
    pairs_must(cmt_lsm_view_open(dir, NULL, &view, &err), &err);
    cmt_lsm_view_stats stats = cmt_lsm_view_get_stats(view);
    uint64_t tables = 0;
    for (unsigned level = 0; level < CMT_LSM_LEVELS; level++)
        tables += stats.table_bytes[level];
    ck_assert_uint_eq(stats.journals, 1);
    ck_assert_uint_eq(stats.journal_entries, 1);
    ck_assert_uint_eq(size_of(view, "", ""), tables + 11);
    ck_assert_uint_eq(size_of(view, "x", ""), 0);
    uint64_t read = cmt_lsm_view_bytes_read(view);
    uint64_t third = size_of(view, "1000", "2000");
    ck_assert_uint_gt(cmt_lsm_view_bytes_read(view), read);
    ck_assert_uint_gt(third, 1000 * 1000);
    ck_assert_uint_lt(third, 1000 * 1100);
    uint64_t sum = size_of(view, "", "1000") + third + size_of(view, "2000", "");
    ck_assert_uint_gt(sum, tables - tables / 50);
    ck_assert_uint_lt(sum, tables + tables / 50);
    cmt_lsm_view_close(view);
}
END_TEST

START_TEST(more_tables_than_are_held_open_are_not_mixed_up)
{
    CMT_AUTO(cmt_buf_free) cmt_buf value = CMT_BUF_INIT;
    cmt_lsm_view *view;
    shape s;
    rng r = {1};
    char key[8];
    free(files_make_dir(top, "x.db"));
    pairs_must(shape_begin(&s, dir, &err), &err);
    for (unsigned i = 0; i < 270; i++) {
        snprintf(key, sizeof key, "%03u", i);
        const shape_entry entry = {key, i + 1, key};
        s.counters.next_file_number = 2 + rng_next(&r) % 1000000; /* in no regular steps */
        pairs_must(shape_table(&s, 1 + i % 3, &entry, 1, &err), &err);
    }
    s.counters.next_file_number = 2000000;
    pairs_must(shape_finish(&s, &err), &err);
    shape_end(&s);
    const cmt_lsm_view_options options = {.pin = _i == 1};
    pairs_must(cmt_lsm_view_open(dir, &options, &view, &err), &err);
    for (unsigned i = 0; i < 3 * 270; i++) {
        snprintf(key, sizeof key, "%03u", i * 7 % 270);
        pairs_must(cmt_lsm_view_get(view, text(key), &value, &err), &err);
        ck_assert(cmt_slice_equal(cmt_buf_slice(&value), text(key)));
    }
    free(pairs_of_open_view(view));
    cmt_lsm_view_close(view);
}
END_TEST

/* ---- tables that fail ------------------------------------------------------------------------ */

/* Ten thousand pairs in one table of many blocks. */
static void write_large(void)
{
    leveldb_t *db = engine_open(dir, NULL);
    for (unsigned i = 0; i < 10000; i++) {
        char key[16];
        snprintf(key, sizeof key, "%05u", i);
        engine_put_text(db, key, "value");
    }
    leveldb_compact_range(db, NULL, 0, NULL, 0);
    leveldb_close(db);
}

/* Flip a byte in the middle of the only table. */
static void damage_table(void)
{
    char *name = files_last(dir, ".ldb");
    cmt_buf table = files_read(dir, name);
    table.data[table.size / 2] ^= 0x10;
    files_write(dir, name, cmt_buf_slice(&table));
    cmt_buf_free(&table);
    free(name);
}

START_TEST(an_iterator_that_met_damage_stands_nowhere)
{
    cmt_lsm_view *view;
    cmt_lsm_iter *iter;
    cmt_status st;
    write_large();
    damage_table();
    pairs_must(cmt_lsm_view_open(dir, NULL, &view, &err), &err);
    pairs_must(cmt_lsm_iter_new(view, NULL, &iter, &err), &err);
    for (st = cmt_lsm_iter_first(iter, &err); st == CMT_OK;)
        st = cmt_lsm_iter_next(iter, &err);
    ck_assert_int_eq(st, CMT_CORRUPT);
    ck_assert_ptr_nonnull(strstr(err.message, ".ldb"));
    ck_assert_int_eq(cmt_lsm_iter_next(iter, &err), CMT_INVALID);
    ck_assert_int_eq(cmt_lsm_iter_prev(iter, &err), CMT_INVALID);
    for (st = cmt_lsm_iter_last(iter, &err); st == CMT_OK;)
        st = cmt_lsm_iter_prev(iter, &err);
    ck_assert_int_eq(st, CMT_CORRUPT);
    ck_assert_int_eq(cmt_lsm_iter_next(iter, &err), CMT_INVALID);
    pairs_must(cmt_lsm_iter_first(iter, &err), &err);
    cmt_lsm_iter_free(iter);
    cmt_lsm_view_close(view);
}
END_TEST

/* Damage after the iterator has come to stand: it is met once what was read before is left. */
static void check_turn(bool forward)
{
    cmt_lsm_view *view;
    cmt_lsm_iter *iter;
    write_large();
    const cmt_lsm_view_options options = {.cache_bytes = 1};
    pairs_must(cmt_lsm_view_open(dir, &options, &view, &err), &err);
    pairs_must(cmt_lsm_iter_new(view, NULL, &iter, &err), &err);
    if (forward)
        pairs_must(cmt_lsm_iter_seek(iter, text("05000"), &err), &err);
    else
        pairs_must(cmt_lsm_iter_seek_before(iter, text("05000"), &err), &err);
    char *name = files_last(dir, ".ldb");
    cmt_buf table = files_read(dir, name);
    memset(table.data, 0, table.size - 2000);
    files_write(dir, name, cmt_buf_slice(&table));
    cmt_buf_free(&table);
    free(name);
    cmt_status st = CMT_OK;
    for (unsigned i = 0; i < 1000 && st == CMT_OK; i++)
        st = forward ? cmt_lsm_iter_prev(iter, &err) : cmt_lsm_iter_next(iter, &err);
    ck_assert_int_eq(st, CMT_CORRUPT);
    ck_assert_int_eq(cmt_lsm_iter_next(iter, &err), CMT_INVALID);
    ck_assert_int_eq(cmt_lsm_iter_prev(iter, &err), CMT_INVALID);
    cmt_lsm_iter_free(iter);
    cmt_lsm_view_close(view);
}

START_TEST(an_iterator_that_met_damage_when_it_turned_stands_nowhere)
{
    check_turn(_i == 0);
}
END_TEST

START_TEST(a_table_that_goes_away_is_stale_unless_it_is_held_open)
{
    CMT_AUTO(cmt_buf_free) cmt_buf value = CMT_BUF_INIT;
    cmt_lsm_view *view;
    const cmt_lsm_view_options options = {.pin = _i == 1};
    write_large();
    pairs_must(cmt_lsm_view_open(dir, &options, &view, &err), &err);
    char *name = files_last(dir, ".ldb");
    char *path = files_path(dir, name);
    ck_assert_int_eq(unlink(path), 0);
    cmt_status st = cmt_lsm_view_get(view, text("00001"), &value, &err);
    ck_assert_int_eq(st, _i == 1 ? CMT_OK : CMT_STALE);
    free(path);
    free(name);
    cmt_lsm_view_close(view);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("lsm_view");
    TCase *tc = tcase_create("random");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 60);
    tcase_add_loop_test(tc, random_moves_stand_where_a_sorted_list_says, 0, 5);
    suite_add_tcase(suite, tc);
    tc = tcase_create("few");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_loop_test(tc, bounds_hold_lo_and_not_hi, 0, 2);
    tcase_add_loop_test(tc, an_iterator_stands_nowhere_before_its_first_move_and_after_its_last, 0,
                        2);
    tcase_add_loop_test(tc, an_iterator_may_be_sent_to_its_own_key, 0, 2);
    tcase_add_loop_test(tc, a_value_may_be_empty_and_a_key_too, 0, 2);
    tcase_add_test(tc, sizes_of_ranges_add_up_to_the_tables);
    tcase_add_loop_test(tc, more_tables_than_are_held_open_are_not_mixed_up, 0, 2);
    suite_add_tcase(suite, tc);
    tc = tcase_create("failing");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, an_iterator_that_met_damage_stands_nowhere);
    tcase_add_loop_test(tc, an_iterator_that_met_damage_when_it_turned_stands_nowhere, 0, 2);
    tcase_add_loop_test(tc, a_table_that_goes_away_is_stale_unless_it_is_held_open, 0, 2);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
