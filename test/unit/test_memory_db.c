/* SPDX-License-Identifier: Apache-2.0
 *
 * The database interface over the memory backend.
 */
#include "cleanup.h"
#include "db_internal.h"
#include "rng.h"
#include "suite.h"

#include <check.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static cmt_db *db;

static void setup(void)
{
    ck_assert_int_eq(cmt_db_open_memory(&db, NULL), CMT_OK);
}

static void teardown(void)
{
    cmt_db_close(db);
}

static cmt_slice text(const char *string)
{
    return (cmt_slice){(const uint8_t *)string, strlen(string)};
}

static void put(const char *key, const char *value)
{
    ck_assert_int_eq(cmt_db_memory_put(db, text(key), text(value)), CMT_OK);
}

static void expect_value(const char *key, const char *value)
{
    CMT_AUTO(cmt_buf_free) cmt_buf got = CMT_BUF_INIT;
    cmt_error err = CMT_ERROR_INIT;
    ck_assert_int_eq(cmt_db_get(db, text(key), &got, &err), CMT_OK);
    ck_assert(cmt_slice_equal(cmt_buf_slice(&got), text(value)));
}

static void expect_absent(const char *key)
{
    CMT_AUTO(cmt_buf_free) cmt_buf got = CMT_BUF_INIT;
    cmt_error err = CMT_ERROR_INIT;
    ck_assert_int_eq(cmt_db_get(db, text(key), &got, &err), CMT_NOT_FOUND);
    ck_assert_str_eq(err.message, "");
}

static void expect_at(cmt_db_iter *iter, cmt_status status, const char *key)
{
    ck_assert_int_eq(status, CMT_OK);
    ck_assert(cmt_slice_equal(cmt_db_iter_key(iter), text(key)));
}

START_TEST(put_inserts_and_replaces)
{
    put("b", "1");
    put("a", "2");
    put("b", "three");
    expect_value("a", "2");
    expect_value("b", "three");
    expect_absent("c");
    expect_absent("");
}
END_TEST

START_TEST(keys_and_values_may_be_empty_or_hold_any_byte)
{
    put("", "");
    expect_value("", "");
    cmt_slice key = CMT_SLICE("a\0\xff");
    ck_assert_int_eq(cmt_db_memory_put(db, key, CMT_SLICE("\0\0")), CMT_OK);
    CMT_AUTO(cmt_buf_free) cmt_buf got = CMT_BUF_INIT;
    ck_assert_int_eq(cmt_db_get(db, key, &got, NULL), CMT_OK);
    ck_assert_uint_eq(got.size, 2);
    expect_absent("a");
}
END_TEST

START_TEST(delete_removes_and_absent_is_fine)
{
    put("a", "1");
    put("b", "2");
    cmt_db_memory_delete(db, text("a"));
    cmt_db_memory_delete(db, text("a"));
    cmt_db_memory_delete(db, text("zz"));
    expect_absent("a");
    expect_value("b", "2");
}
END_TEST

START_TEST(iterator_walks_in_both_directions)
{
    put("b", "2");
    put("c", "3");
    put("a", "1");
    cmt_db_iter *iter;
    ck_assert_int_eq(cmt_db_iter_new(db, NULL, &iter, NULL), CMT_OK);
    expect_at(iter, cmt_db_iter_first(iter, NULL), "a");
    ck_assert(cmt_slice_equal(cmt_db_iter_value(iter), text("1")));
    expect_at(iter, cmt_db_iter_next(iter, NULL), "b");
    expect_at(iter, cmt_db_iter_next(iter, NULL), "c");
    expect_at(iter, cmt_db_iter_prev(iter, NULL), "b");
    expect_at(iter, cmt_db_iter_last(iter, NULL), "c");
    ck_assert_int_eq(cmt_db_iter_next(iter, NULL), CMT_NOT_FOUND);
    expect_at(iter, cmt_db_iter_first(iter, NULL), "a");
    ck_assert_int_eq(cmt_db_iter_prev(iter, NULL), CMT_NOT_FOUND);
    cmt_db_iter_free(iter);
}
END_TEST

START_TEST(seek_finds_at_or_behind_and_seek_before_finds_below)
{
    put("b", "");
    put("d", "");
    cmt_db_iter *iter;
    ck_assert_int_eq(cmt_db_iter_new(db, NULL, &iter, NULL), CMT_OK);
    expect_at(iter, cmt_db_iter_seek(iter, text("a"), NULL), "b");
    expect_at(iter, cmt_db_iter_seek(iter, text("b"), NULL), "b");
    expect_at(iter, cmt_db_iter_seek(iter, text("c"), NULL), "d");
    ck_assert_int_eq(cmt_db_iter_seek(iter, text("e"), NULL), CMT_NOT_FOUND);
    ck_assert_int_eq(cmt_db_iter_seek_before(iter, text("b"), NULL), CMT_NOT_FOUND);
    expect_at(iter, cmt_db_iter_seek_before(iter, text("c"), NULL), "b");
    expect_at(iter, cmt_db_iter_seek_before(iter, text("d"), NULL), "b");
    expect_at(iter, cmt_db_iter_seek_before(iter, text("z"), NULL), "d");
    cmt_db_iter_free(iter);
}
END_TEST

START_TEST(bounds_hide_what_is_outside)
{
    for (int c = 'a'; c <= 'f'; c++)
        put((char[]){(char)c, '\0'}, "");
    cmt_range bounds = {text("b"), text("e")};
    cmt_db_iter *iter;
    ck_assert_int_eq(cmt_db_iter_new(db, &bounds, &iter, NULL), CMT_OK);
    expect_at(iter, cmt_db_iter_first(iter, NULL), "b");
    expect_at(iter, cmt_db_iter_last(iter, NULL), "d");
    expect_at(iter, cmt_db_iter_seek(iter, text("a"), NULL), "b");
    ck_assert_int_eq(cmt_db_iter_seek(iter, text("e"), NULL), CMT_NOT_FOUND);
    expect_at(iter, cmt_db_iter_seek_before(iter, text("f"), NULL), "d");
    ck_assert_int_eq(cmt_db_iter_seek_before(iter, text("b"), NULL), CMT_NOT_FOUND);
    cmt_db_iter_free(iter);

    bounds = (cmt_range){text("e"), text("b")};
    ck_assert_int_eq(cmt_db_iter_new(db, &bounds, &iter, NULL), CMT_OK);
    ck_assert_int_eq(cmt_db_iter_first(iter, NULL), CMT_NOT_FOUND);
    ck_assert_int_eq(cmt_db_iter_last(iter, NULL), CMT_NOT_FOUND);
    cmt_db_iter_free(iter);

    bounds = (cmt_range){text("e"), {NULL, 0}};
    ck_assert_int_eq(cmt_db_iter_new(db, &bounds, &iter, NULL), CMT_OK);
    expect_at(iter, cmt_db_iter_last(iter, NULL), "f");
    cmt_db_iter_free(iter);
}
END_TEST

START_TEST(an_iterator_that_stands_nowhere_has_no_key_and_does_not_step)
{
    put("a", "1");
    cmt_db_iter *iter;
    ck_assert_int_eq(cmt_db_iter_new(db, NULL, &iter, NULL), CMT_OK);
    cmt_error err = CMT_ERROR_INIT;
    ck_assert_int_eq(cmt_db_iter_next(iter, &err), CMT_INVALID);
    ck_assert_int_eq(cmt_db_iter_prev(iter, &err), CMT_INVALID);
    ck_assert_uint_eq(cmt_db_iter_key(iter).size, 0);
    ck_assert_int_eq(cmt_db_iter_seek(iter, text("b"), NULL), CMT_NOT_FOUND);
    ck_assert_uint_eq(cmt_db_iter_value(iter).size, 0);
    ck_assert_int_eq(cmt_db_iter_prev(iter, &err), CMT_INVALID);
    cmt_db_iter_free(iter);
}
END_TEST

START_TEST(approximate_bytes_counts_keys_and_values)
{
    put("a", "12");
    put("b", "345");
    put("c", "");
    uint64_t bytes;
    cmt_range range = {text("a"), text("c")};
    ck_assert_int_eq(cmt_db_approximate_bytes(db, range, &bytes, NULL), CMT_OK);
    ck_assert_uint_eq(bytes, 7);
    range = (cmt_range){text("b"), {NULL, 0}};
    ck_assert_int_eq(cmt_db_approximate_bytes(db, range, &bytes, NULL), CMT_OK);
    ck_assert_uint_eq(bytes, 5);
    ck_assert_uint_eq(cmt_db_bytes_read(db), 0);
}
END_TEST

static void add_put(cmt_db_batch *batch, const char *key, const char *value)
{
    ck_assert_int_eq(cmt_db_batch_put(batch, text(key), text(value), NULL), CMT_OK);
}

static void add_delete_range(cmt_db_batch *batch, const char *lo, const char *hi)
{
    ck_assert_int_eq(cmt_db_batch_delete_range(batch, (cmt_range){text(lo), text(hi)}, NULL),
                     CMT_OK);
}

START_TEST(a_batch_applies_its_changes_in_order)
{
    put("c", "old");
    cmt_db_batch *batch;
    ck_assert_int_eq(cmt_db_batch_new(&batch, NULL), CMT_OK);
    add_put(batch, "a", "1");
    add_put(batch, "a", "2");
    add_put(batch, "b", "3");
    add_delete_range(batch, "b", "d");
    add_put(batch, "c", "new");
    ck_assert_int_eq(cmt_db_batch_delete(batch, text("a"), NULL), CMT_OK);
    add_put(batch, "a", "4");
    ck_assert_uint_eq(cmt_db_batch_count(batch), 7);
    ck_assert_int_eq(cmt_db_write(db, batch, true, NULL), CMT_OK);
    expect_value("a", "4");
    expect_absent("b");
    expect_value("c", "new");
    cmt_db_batch_clear(batch);
    ck_assert_uint_eq(cmt_db_batch_count(batch), 0);
    ck_assert_uint_eq(cmt_db_batch_bytes(batch), 0);
    ck_assert_int_eq(cmt_db_write(db, batch, true, NULL), CMT_OK);
    cmt_db_batch_free(batch);
}
END_TEST

START_TEST(a_range_that_holds_nothing_adds_nothing_to_a_batch)
{
    cmt_db_batch *batch;
    ck_assert_int_eq(cmt_db_batch_new(&batch, NULL), CMT_OK);
    add_delete_range(batch, "b", "b");
    add_delete_range(batch, "c", "b");
    ck_assert_uint_eq(cmt_db_batch_count(batch), 0);
    add_delete_range(batch, "c", "");
    ck_assert_uint_eq(cmt_db_batch_count(batch), 1);
    cmt_db_batch_free(batch);
}
END_TEST

START_TEST(a_batch_over_the_limit_is_refused_and_stays_as_it_was)
{
    cmt_db_batch *batch;
    ck_assert_int_eq(cmt_db_batch_new(&batch, NULL), CMT_OK);
    add_put(batch, "a", "1");
    size_t bytes = cmt_db_batch_bytes(batch);
    cmt_error err = CMT_ERROR_INIT;
    cmt_slice huge = {(const uint8_t *)"x", CMT_DB_BATCH_LIMIT};
    ck_assert_int_eq(cmt_db_batch_put(batch, text("b"), huge, &err), CMT_OUT_OF_RANGE);
    ck_assert_ptr_nonnull(strstr(err.message, "write it in parts"));
    huge.size = SIZE_MAX;
    ck_assert_int_eq(cmt_db_batch_delete(batch, huge, &err), CMT_OUT_OF_RANGE);
    ck_assert_uint_eq(cmt_db_batch_count(batch), 1);
    ck_assert_uint_eq(cmt_db_batch_bytes(batch), bytes);
    cmt_db_batch_free(batch);
}
END_TEST

START_TEST(an_iterator_sees_what_was_there_when_it_was_made)
{
    put("a", "1");
    put("b", "2");
    cmt_db_iter *iter;
    ck_assert_int_eq(cmt_db_iter_new(db, NULL, &iter, NULL), CMT_OK);
    put("a", "other");
    put("aa", "new");
    ck_assert_int_eq(cmt_db_memory_delete(db, text("b")), CMT_OK);
    expect_at(iter, cmt_db_iter_first(iter, NULL), "a");
    ck_assert(cmt_slice_equal(cmt_db_iter_value(iter), text("1")));
    expect_at(iter, cmt_db_iter_next(iter, NULL), "b");
    ck_assert_int_eq(cmt_db_iter_next(iter, NULL), CMT_NOT_FOUND);
    cmt_db_iter_free(iter);
    expect_value("a", "other");
    expect_value("aa", "new");
    expect_absent("b");
}
END_TEST

START_TEST(a_backend_without_writing_says_so)
{
    static const cmt_db_ops ops = {.capabilities = 0};
    cmt_db other = {.ops = &ops};
    cmt_error err = CMT_ERROR_INIT;
    cmt_db_batch *batch;
    ck_assert_int_eq(cmt_db_batch_new(&batch, NULL), CMT_OK);
    ck_assert_int_eq(cmt_db_write(&other, batch, false, &err), CMT_UNSUPPORTED);
    ck_assert_str_eq(err.message, "write: this database is open for reading only");
    ck_assert_int_eq(cmt_db_flush(&other, &err), CMT_UNSUPPORTED);
    cmt_range all = {text("a"), text("")};
    ck_assert_int_eq(cmt_db_compact_range(&other, all, &err), CMT_UNSUPPORTED);
    ck_assert_int_eq(cmt_db_drop_files(db, all, &err), CMT_UNSUPPORTED);
    ck_assert_str_eq(err.message, "drop files: this database cannot drop files");
    cmt_db_cancel_compaction(&other, true);
    cmt_db_batch_free(batch);
}
END_TEST

START_TEST(a_cancelled_compaction_says_so_until_cancelling_ends)
{
    cmt_range all = {text(""), text("")};
    ck_assert_int_eq(cmt_db_compact_range(db, all, NULL), CMT_OK);
    cmt_db_cancel_compaction(db, true);
    ck_assert_int_eq(cmt_db_compact_range(db, all, NULL), CMT_CANCELLED);
    cmt_db_cancel_compaction(db, false);
    ck_assert_int_eq(cmt_db_compact_range(db, all, NULL), CMT_OK);
}
END_TEST

static cmt_status other_get(cmt_db *base, cmt_slice key, cmt_buf *value, cmt_error *err)
{
    (void)base;
    (void)key;
    (void)value;
    return cmt_error_set(err, CMT_IO, "the disk is gone");
}

START_TEST(put_refuses_a_database_that_is_not_in_memory)
{
    static const cmt_db_ops ops = {.get = other_get};
    cmt_db other = {.ops = &ops};
    ck_assert_int_eq(cmt_db_memory_put(&other, text("a"), text("b")), CMT_INVALID);
    ck_assert_int_eq(cmt_db_memory_delete(&other, text("a")), CMT_INVALID);
    cmt_error err = CMT_ERROR_INIT;
    ck_assert_int_eq(cmt_db_get(&other, text("a"), NULL, &err), CMT_IO);
    ck_assert_str_eq(err.message, "the disk is gone");
}
END_TEST

START_TEST(closing_and_freeing_nothing_is_fine)
{
    cmt_db_close(NULL);
    cmt_db_iter_free(NULL);
}
END_TEST

/* Random puts, deletes and lookups against an array of 200 keys that says what is there. */
START_TEST(random_operations_agree_with_a_plain_array)
{
    rng r = {7};
    int64_t held[200];
    memset(held, -1, sizeof held);
    for (int step = 0; step < 20000; step++) {
        int64_t number = rng_between(&r, 0, 199);
        char key[24];
        snprintf(key, sizeof key, "key%03d", (int)number);
        if (rng_chance(&r, 60)) {
            char value[24];
            held[number] = step;
            snprintf(value, sizeof value, "%d", step);
            put(key, value);
        } else {
            held[number] = -1;
            ck_assert_int_eq(cmt_db_memory_delete(db, text(key)), CMT_OK);
        }
    }
    cmt_db_iter *iter;
    ck_assert_int_eq(cmt_db_iter_new(db, NULL, &iter, NULL), CMT_OK);
    cmt_status st = cmt_db_iter_first(iter, NULL);
    for (int number = 0; number < 200; number++) {
        if (held[number] < 0)
            continue;
        char key[24];
        char value[24];
        snprintf(key, sizeof key, "key%03d", number);
        snprintf(value, sizeof value, "%d", (int)held[number]);
        expect_at(iter, st, key);
        ck_assert(cmt_slice_equal(cmt_db_iter_value(iter), text(value)));
        st = cmt_db_iter_next(iter, NULL);
    }
    ck_assert_int_eq(st, CMT_NOT_FOUND);
    cmt_db_iter_free(iter);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("memory_db");
    TCase *tc = tcase_create("memory_db");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, put_inserts_and_replaces);
    tcase_add_test(tc, keys_and_values_may_be_empty_or_hold_any_byte);
    tcase_add_test(tc, delete_removes_and_absent_is_fine);
    tcase_add_test(tc, iterator_walks_in_both_directions);
    tcase_add_test(tc, seek_finds_at_or_behind_and_seek_before_finds_below);
    tcase_add_test(tc, bounds_hide_what_is_outside);
    tcase_add_test(tc, an_iterator_that_stands_nowhere_has_no_key_and_does_not_step);
    tcase_add_test(tc, approximate_bytes_counts_keys_and_values);
    tcase_add_test(tc, a_batch_applies_its_changes_in_order);
    tcase_add_test(tc, a_range_that_holds_nothing_adds_nothing_to_a_batch);
    tcase_add_test(tc, a_batch_over_the_limit_is_refused_and_stays_as_it_was);
    tcase_add_test(tc, an_iterator_sees_what_was_there_when_it_was_made);
    tcase_add_test(tc, a_backend_without_writing_says_so);
    tcase_add_test(tc, a_cancelled_compaction_says_so_until_cancelling_ends);
    tcase_add_test(tc, put_refuses_a_database_that_is_not_in_memory);
    tcase_add_test(tc, closing_and_freeing_nothing_is_fine);
    tcase_add_test(tc, random_operations_agree_with_a_plain_array);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
