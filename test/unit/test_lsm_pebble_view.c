/* SPDX-License-Identifier: Apache-2.0
 *
 * The view of a directory that pebble wrote, with range deletions on every level: from wherever one looks and
 * in both directions, it shows what a walk from the beginning shows.
 */
#include "cleanup.h"
#include "files.h"
#include "lsm_internal.h"
#include "pairs.h"
#include "suite.h"

#include <check.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static cmt_error err;
static char *top;
static char *data;
static char *dir;

/* Sorted user keys: all that occur anywhere, and the bounds of range deletions. */
static cmt_buf *keys;
static bool *shown; /* a walk shows the key */
static size_t key_count;

static void setup(void)
{
    err = (cmt_error)CMT_ERROR_INIT;
    data = files_unpack_fixture("shaped-1.0-v1-pebble", &top);
    keys = NULL;
    shown = NULL;
    key_count = 0;
}

static void teardown(void)
{
    for (size_t i = 0; i < key_count; i++)
        cmt_buf_free(&keys[i]);
    free(keys);
    free(shown);
    free(dir);
    free(data);
    files_remove(top);
}

static void add_key(cmt_slice key)
{
    keys = realloc(keys, (key_count + 1) * sizeof *keys);
    keys[key_count] = (cmt_buf)CMT_BUF_INIT;
    ck_assert_int_eq(cmt_buf_set(&keys[key_count++], key), CMT_OK);
}

static int compare_keys(const void *a, const void *b)
{
    return cmt_slice_compare(cmt_buf_slice(a), cmt_buf_slice(b));
}

static cmt_lsm_view *open_view(void)
{
    cmt_lsm_view *view;
    pairs_must(cmt_lsm_view_open(dir, NULL, &view, &err), &err);
    return view;
}

/* Returns how many keys have entries, but are hidden. */
static size_t collect(void)
{
    cmt_lsm_view *view = open_view();
    cmt_lsm__merge merge;
    cmt_lsm_iter *iter;
    cmt_lsm__merge_init(&merge);
    pairs_must(cmt_lsm__view_sources(view, NULL, &merge, &err), &err);
    pairs_must(cmt_lsm__merge_first(&merge, &err), &err);
    for (; merge.current != NULL; pairs_must(cmt_lsm__merge_next(&merge, &err), &err))
        add_key(cmt_lsm__user_key(merge.current->key));
    size_t entries = key_count;
    for (size_t i = 0; i < view->cache.range_dels.count; i++) {
        add_key(view->cache.range_dels.pieces[i].lo);
        add_key(view->cache.range_dels.pieces[i].hi);
    }
    ck_assert_uint_gt(key_count, entries);
    qsort(keys, key_count, sizeof *keys, compare_keys);
    shown = calloc(key_count, sizeof *shown);
    size_t at = 0;
    size_t visible = 0;
    pairs_must(cmt_lsm_iter_new(view, NULL, &iter, &err), &err);
    cmt_status st = cmt_lsm_iter_first(iter, &err);
    for (; st == CMT_OK; st = cmt_lsm_iter_next(iter, &err), visible++) {
        while (cmt_slice_compare(cmt_buf_slice(&keys[at]), cmt_lsm_iter_key(iter)) < 0)
            at++;
        for (; at < key_count && cmt_slice_equal(cmt_buf_slice(&keys[at]), cmt_lsm_iter_key(iter));
             at++)
            shown[at] = true;
    }
    ck_assert_int_eq(st, CMT_NOT_FOUND);
    cmt_lsm_iter_free(iter);
    cmt_lsm__merge_fini(&merge);
    cmt_lsm_view_close(view);
    return entries - visible;
}

static void expect_at(cmt_status st, const cmt_lsm_iter *iter, size_t wanted, size_t from)
{
    if (wanted >= key_count) {
        ck_assert_int_eq(st, CMT_NOT_FOUND);
        return;
    }
    ck_assert_msg(st == CMT_OK &&
                      cmt_slice_equal(cmt_lsm_iter_key(iter), cmt_buf_slice(&keys[wanted])),
                  "from %.*s: not %.*s", (int)keys[from].size, (char *)keys[from].data,
                  (int)keys[wanted].size, (char *)keys[wanted].data);
}

/* Each look with a view of its own knows only the tables it has met itself. */
START_TEST(every_look_shows_what_a_walk_shows)
{
    dir = files_path(data, _i == 0 ? "blockstore.db" : "state.db");
    ck_assert_uint_gt(collect(), _i == 0 ? 60 : 0);
    for (size_t i = 0; i < key_count; i += _i == 0 ? 3 : 1) {
        cmt_slice key = cmt_buf_slice(&keys[i]);
        CMT_AUTO(cmt_buf_free) cmt_buf value = CMT_BUF_INIT;
        cmt_lsm_iter *iter;
        cmt_lsm_view *view = open_view();
        cmt_status st = cmt_lsm_view_get(view, key, &value, &err);
        ck_assert_msg(st == (shown[i] ? CMT_OK : CMT_NOT_FOUND), "%.*s", (int)key.size,
                      (const char *)key.data);
        size_t next = i;
        while (next < key_count && !shown[next])
            next++;
        pairs_must(cmt_lsm_iter_new(view, NULL, &iter, &err), &err);
        expect_at(cmt_lsm_iter_seek(iter, key, &err), iter, next, i);
        size_t before = i;
        while (before-- > 0 &&
               (!shown[before] || cmt_slice_equal(cmt_buf_slice(&keys[before]), key)))
            ;
        expect_at(cmt_lsm_iter_seek_before(iter, key, &err), iter, before, i);
        cmt_lsm_iter_free(iter);
        cmt_lsm_view_close(view);
    }
}
END_TEST

START_TEST(going_backward_shows_what_going_forward_shows)
{
    dir = files_path(data, _i == 0 ? "blockstore.db" : "state.db");
    free(pairs_of_view(dir)); /* which compares both, and gets each key */
}
END_TEST

int main(void)
{
    Suite *s = suite_create("lsm_pebble_view");
    TCase *tc = tcase_create("view");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 120);
    tcase_add_loop_test(tc, every_look_shows_what_a_walk_shows, 0, 2);
    tcase_add_loop_test(tc, going_backward_shows_what_going_forward_shows, 0, 2);
    suite_add_tcase(s, tc);
    return suite_run(s);
}
