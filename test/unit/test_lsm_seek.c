/* SPDX-License-Identifier: Apache-2.0
 *
 * Seeking on from where one stands, over databases that CometBFT's engines wrote: wherever the search comes
 * from, it ends on the first key that is not below the one sought.  An engine's index may name a key behind
 * its table's last that whole tables of the same level lie before.
 */
#include "cmtstore/lsm.h"

#include "cleanup.h"
#include "files.h"
#include "instrumented.h"
#include "pairs.h"
#include "rng.h"
#include "suite.h"

#include <check.h>

#include <stdlib.h>

#define SEEKS IF_INSTRUMENTED(4000, 20000)

static const char *const fixtures[] = {"levels-0.38", "multi-0.38", "multi-1.0-v2",
                                       "multi-1.0-v2-pebble", "shaped-1.0-v1-pebble"};

static char *top;
static char *dir;
static cmt_lsm_view *view;
static cmt_lsm_iter *iter;
static cmt_buf *keys; /* of the database, in order */
static size_t key_count;
static cmt_error err;

static void setup(void)
{
    err = (cmt_error)CMT_ERROR_INIT;
    keys = NULL;
    key_count = 0;
}

static void teardown(void)
{
    cmt_lsm_iter_free(iter);
    cmt_lsm_view_close(view);
    for (size_t i = 0; i < key_count; i++)
        cmt_buf_free(&keys[i]);
    free(keys);
    free(dir);
    files_remove(top);
}

static void open_fixture(const char *name)
{
    char *data = files_unpack_fixture(name, &top);
    dir = files_path(data, "blockstore.db");
    free(data);
    pairs_must(cmt_lsm_view_open(dir, NULL, &view, &err), &err);
    pairs_must(cmt_lsm_iter_new(view, NULL, &iter, &err), &err);
}

static void list_keys(void)
{
    size_t capacity = 0;
    cmt_status st = cmt_lsm_iter_first(iter, &err);
    for (; st == CMT_OK; st = cmt_lsm_iter_next(iter, &err)) {
        if (key_count == capacity) {
            capacity = capacity == 0 ? 1024 : 2 * capacity;
            keys = realloc(keys, capacity * sizeof *keys);
            ck_assert_ptr_nonnull(keys);
        }
        keys[key_count] = (cmt_buf)CMT_BUF_INIT;
        ck_assert_int_eq(cmt_buf_set(&keys[key_count++], cmt_lsm_iter_key(iter)), CMT_OK);
    }
    ck_assert_int_eq(st, CMT_NOT_FOUND);
}

/* Seek the key at `at`, or right behind it. */
static void seek(size_t at, bool behind)
{
    CMT_AUTO(cmt_buf_free) cmt_buf target = CMT_BUF_INIT;
    ck_assert_int_eq(cmt_buf_set(&target, cmt_buf_slice(&keys[at])), CMT_OK);
    if (behind)
        ck_assert_int_eq(cmt_buf_append(&target, "", 1), CMT_OK);
    cmt_status st = cmt_lsm_iter_seek(iter, cmt_buf_slice(&target), &err);
    if (at + behind == key_count) {
        ck_assert_int_eq(st, CMT_NOT_FOUND);
        return;
    }
    pairs_must(st, &err);
    cmt_slice wanted = cmt_buf_slice(&keys[at + behind]);
    cmt_slice found = cmt_lsm_iter_key(iter);
    ck_assert_msg(cmt_slice_equal(found, wanted), "sought %.*s, found %.*s", (int)wanted.size,
                  (const char *)wanted.data, (int)found.size, (const char *)found.data);
}

START_TEST(a_seek_ends_on_the_same_key_wherever_it_comes_from)
{
    rng r = {7};
    open_fixture(fixtures[_i]);
    list_keys();
    ck_assert_uint_gt(key_count, 100);
    for (unsigned i = 0; i < SEEKS; i++) {
        size_t from = rng_next(&r) % key_count;
        size_t most = rng_chance(&r, 50) ? 100 : key_count; /* near by and anywhere */
        size_t to = from + rng_next(&r) % most;
        seek(from, false);
        seek(to < key_count ? to : key_count - 1, rng_chance(&r, 50));
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("lsm_seek");
    TCase *tc = tcase_create("seek");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 120);
    tcase_add_loop_test(tc, a_seek_ends_on_the_same_key_wherever_it_comes_from, 0,
                        sizeof fixtures / sizeof fixtures[0]);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
