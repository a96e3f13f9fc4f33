/* SPDX-License-Identifier: Apache-2.0
 *
 * The view as a backend of the database interface: the same pairs in memory and in a LevelDB directory
 * answer every call alike.
 */
#include "cmtstore/db.h"

#include "cleanup.h"
#include "engine.h"
#include "files.h"
#include "pairs.h"
#include "rng.h"
#include "suite.h"

#include "cmtstore/lsm.h"

#include <check.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *top;
static char *dir;
static cmt_db *memory;
static cmt_error err;

static void setup(void)
{
    err = (cmt_error)CMT_ERROR_INIT;
    top = files_temp();
    dir = files_path(top, "x.db");
    pairs_must(cmt_db_open_memory(&memory, &err), &err);
}

static void teardown(void)
{
    cmt_db_close(memory);
    free(dir);
    files_remove(top);
}

static size_t random_key(rng *r, char key[8])
{
    size_t size = (size_t)rng_between(r, 0, 4);
    for (size_t i = 0; i < size; i++)
        key[i] = (char)"\0ab\xff"[rng_between(r, 0, 3)];
    return size;
}

static cmt_slice key_of(const char *key, size_t size)
{
    return (cmt_slice){(const uint8_t *)key, size};
}

/* The same puts and deletions go to both. */
static void write_both(rng *r, leveldb_t *db, unsigned operations)
{
    for (unsigned i = 0; i < operations; i++) {
        char bytes[8];
        char text[16];
        cmt_slice key = key_of(bytes, random_key(r, bytes));
        if (rng_chance(r, 30)) {
            engine_delete(db, key);
            cmt_db_memory_delete(memory, key);
            continue;
        }
        snprintf(text, sizeof text, "%u", i);
        cmt_slice value = key_of(text, rng_chance(r, 10) ? 0 : strlen(text));
        engine_put(db, key, value);
        ck_assert_int_eq(cmt_db_memory_put(memory, key, value), CMT_OK);
    }
}

static cmt_status random_move(cmt_db_iter *iter, unsigned what, cmt_slice key)
{
    switch (what) {
    case 0:
        return cmt_db_iter_first(iter, NULL);
    case 1:
        return cmt_db_iter_last(iter, NULL);
    case 2:
        return cmt_db_iter_seek(iter, key, NULL);
    case 3:
        return cmt_db_iter_seek_before(iter, key, NULL);
    default:
        return what % 2 == 0 ? cmt_db_iter_next(iter, NULL) : cmt_db_iter_prev(iter, NULL);
    }
}

static void walk_both(cmt_db *view, rng *r)
{
    char lo[8];
    char hi[8];
    cmt_db_iter *a;
    cmt_db_iter *b;
    const cmt_range bounds = {key_of(lo, random_key(r, lo)), key_of(hi, random_key(r, hi))};
    const cmt_range *use = rng_chance(r, 70) ? &bounds : NULL;
    pairs_must(cmt_db_iter_new(memory, use, &a, &err), &err);
    pairs_must(cmt_db_iter_new(view, use, &b, &err), &err);
    for (unsigned i = 0; i < 200; i++) {
        char bytes[8];
        cmt_slice key = key_of(bytes, random_key(r, bytes));
        unsigned what = (unsigned)rng_between(r, 0, 15);
        ck_assert_int_eq(random_move(a, what, key), random_move(b, what, key));
        ck_assert(cmt_slice_equal(cmt_db_iter_key(a), cmt_db_iter_key(b)));
        ck_assert(cmt_slice_equal(cmt_db_iter_value(a), cmt_db_iter_value(b)));
    }
    cmt_db_iter_free(a);
    cmt_db_iter_free(b);
}

static void get_both(cmt_db *view, rng *r)
{
    CMT_AUTO(cmt_buf_free) cmt_buf a = CMT_BUF_INIT;
    CMT_AUTO(cmt_buf_free) cmt_buf b = CMT_BUF_INIT;
    for (unsigned i = 0; i < 200; i++) {
        char bytes[8];
        cmt_slice key = key_of(bytes, random_key(r, bytes));
        cmt_buf_clear(&a);
        cmt_buf_clear(&b);
        ck_assert_int_eq(cmt_db_get(memory, key, &a, NULL), cmt_db_get(view, key, &b, NULL));
        ck_assert(cmt_slice_equal(cmt_buf_slice(&a), cmt_buf_slice(&b)));
    }
}

START_TEST(a_view_and_memory_answer_alike)
{
    rng r = {(uint64_t)_i};
    for (unsigned session = 0; session < 3; session++) {
        cmt_db *view;
        leveldb_t *db = engine_open(dir, NULL);
        write_both(&r, db, (unsigned)rng_between(&r, 0, 300));
        if (rng_chance(&r, 50))
            leveldb_compact_range(db, NULL, 0, NULL, 0);
        leveldb_close(db);
        const cmt_db_view_options options = {.cache_bytes = 4096, .pin = session == 1};
        pairs_must(cmt_db_open_view(dir, session == 2 ? NULL : &options, &view, &err), &err);
        for (unsigned i = 0; i < 20; i++)
            walk_both(view, &r);
        get_both(view, &r);
        cmt_db_close(view);
    }
}
END_TEST

START_TEST(a_borrowed_view_stays_open)
{
    cmt_lsm_view *view;
    cmt_db *db;
    cmt_buf value = CMT_BUF_INIT;
    leveldb_t *engine = engine_open(dir, NULL);
    engine_put_text(engine, "a", "1");
    leveldb_compact_range(engine, NULL, 0, NULL, 0);
    leveldb_close(engine);
    pairs_must(cmt_lsm_view_open(dir, NULL, &view, &err), &err);
    for (unsigned i = 0; i < 2; i++) {
        pairs_must(cmt_db_from_view(view, &db, &err), &err);
        cmt_db_will_need(db, (cmt_range){CMT_SLICE("a"), CMT_SLICE("b")});
        pairs_must(cmt_db_get(db, CMT_SLICE("a"), &value, &err), &err);
        ck_assert(cmt_slice_equal(cmt_buf_slice(&value), CMT_SLICE("1")));
        ck_assert_uint_gt(cmt_db_bytes_read(db), 0);
        cmt_db_close(db);
    }
    cmt_lsm_view_close(view);
    cmt_buf_free(&value);
}
END_TEST

START_TEST(sizes_come_from_the_view)
{
    cmt_db *db;
    uint64_t all = 0;
    uint64_t none = 1;
    leveldb_t *engine = engine_open(dir, NULL);
    engine_put_text(engine, "a", "12345");
    leveldb_close(engine);
    pairs_must(cmt_db_open_view(dir, NULL, &db, &err), &err);
    const cmt_range everything = {{NULL, 0}, {NULL, 0}};
    pairs_must(cmt_db_approximate_bytes(db, everything, &all, &err), &err);
    pairs_must(
        cmt_db_approximate_bytes(db, (cmt_range){CMT_SLICE("b"), CMT_SLICE("c")}, &none, &err),
        &err);
    ck_assert_uint_eq(all, 6);
    ck_assert_uint_eq(none, 0);
    cmt_db_close(db);
}
END_TEST

START_TEST(what_is_no_database_is_not_found)
{
    cmt_db *db;
    ck_assert_int_eq(cmt_db_open_view(dir, NULL, &db, &err), CMT_NOT_FOUND);
    ck_assert_ptr_null(db);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("db_view");
    TCase *tc = tcase_create("view");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_loop_test(tc, a_view_and_memory_answer_alike, 0, 6);
    tcase_add_test(tc, a_borrowed_view_stays_open);
    tcase_add_test(tc, sizes_come_from_the_view);
    tcase_add_test(tc, what_is_no_database_is_not_found);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
