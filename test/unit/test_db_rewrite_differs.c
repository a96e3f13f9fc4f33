/* SPDX-License-Identifier: Apache-2.0
 *
 * A copy that can be read, and is another: an engine that loses, changes or adds a pair without a word.
 */
#include "cmtstore/db_rewrite.h"

#include <stdio.h>
#include <string.h>

#include "db_internal.h"
#include "must.h"
#include "suite.h"

static const cmt_slice victim = {(const uint8_t *)"k050", 4};

typedef cmt_status change_fn(cmt_db_batch *batch, cmt_error *err);

static cmt_status lose(cmt_db_batch *batch, cmt_error *err)
{
    return cmt_db_batch_delete(batch, victim, err);
}

static cmt_status alter(cmt_db_batch *batch, cmt_error *err)
{
    return cmt_db_batch_put(batch, victim, CMT_SLICE("value 51"), err);
}

static cmt_status add(cmt_db_batch *batch, cmt_error *err)
{
    return cmt_db_batch_put(batch, CMT_SLICE("k0505"), CMT_SLICE(""), err);
}

/* Key for value: the number of pairs and all their bytes are the same. */
static cmt_status move(cmt_db_batch *batch, cmt_error *err)
{
    CMT_TRY(lose(batch, err));
    return cmt_db_batch_put(batch, CMT_SLICE("k050v"), CMT_SLICE("alue 50"), err);
}

static change_fn *const changes[] = {lose, alter, add, move};
#define CHANGES (int)(sizeof changes / sizeof changes[0])

static const cmt_db_ops *honest;
static change_fn *change; /* NULL: honest */

static cmt_status copy_write(cmt_db *copy, const cmt_db_batch *batch, bool sync, cmt_error *err)
{
    cmt_db_batch *more;
    CMT_TRY(honest->write(copy, batch, sync, err));
    if (change == NULL)
        return CMT_OK;
    CMT_TRY(cmt_db_batch_new(&more, err));
    cmt_status st = change(more, err);
    if (st == CMT_OK)
        st = honest->write(copy, more, sync, err);
    cmt_db_batch_free(more);
    return st;
}

static cmt_status open_copy(cmt_db *db, const char *dir, cmt_db **out, cmt_error *err)
{
    static cmt_db_ops ops;
    CMT_TRY(honest->rewrite->open_copy(db, dir, out, err));
    ops = *honest;
    ops.write = copy_write;
    (*out)->ops = &ops;
    return CMT_OK;
}

static void fill(cmt_db *db)
{
    for (int i = 0; i < 100; i++) {
        char key[16];
        char value[16];
        snprintf(key, sizeof key, "k%03d", i);
        snprintf(value, sizeof value, "value %d", i);
        MUST(cmt_db_memory_put(db, (cmt_slice){(const uint8_t *)key, strlen(key)},
                               (cmt_slice){(const uint8_t *)value, strlen(value)}));
    }
}

static void expect_victim(cmt_db *db)
{
    cmt_buf value = CMT_BUF_INIT;
    MUST(cmt_db_get(db, victim, &value, &error));
    ck_assert(cmt_slice_equal(cmt_buf_slice(&value), CMT_SLICE("value 50")));
    cmt_buf_free(&value);
}

START_TEST(a_copy_that_differs_is_not_taken)
{
    cmt_db *db;
    cmt_db_rewrite_result result;
    MUST(cmt_db_open_memory(&db, &error));
    fill(db);
    honest = db->ops;
    cmt_db__rewrite_ops rewrite = *honest->rewrite;
    cmt_db_ops ops = *honest;
    rewrite.open_copy = open_copy;
    ops.rewrite = &rewrite;
    db->ops = &ops;
    change = changes[_i];
    ck_assert_int_eq(cmt_db_rewrite(db, NULL, &result, &error), CMT_CORRUPT);
    ck_assert_ptr_nonnull(strstr(error.message, "or others; the original stays"));
    expect_victim(db);
    change = NULL; /* else the refusal may have had another reason */
    MUST(cmt_db_rewrite(db, NULL, &result, &error));
    ck_assert_uint_eq(result.pairs, 100);
    expect_victim(db);
    cmt_db_close(db);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("db_rewrite_differs");
    TCase *tc = tcase_create("all");
    tcase_add_loop_test(tc, a_copy_that_differs_is_not_taken, 0, CHANGES);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
