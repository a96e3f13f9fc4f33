/* SPDX-License-Identifier: Apache-2.0
 *
 * Batches: order, atomicity, size; ranges.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "contract.h"
#include "rng.h"

START_TEST(a_batch_takes_effect_in_its_order)
{
    put_text("c", "before");
    cmt_db_batch *batch = new_batch();
    must(cmt_db_batch_put(batch, text("a"), text("1"), &err));
    must(cmt_db_batch_delete(batch, text("a"), &err));
    must(cmt_db_batch_put(batch, text("b"), text("1"), &err));
    must(cmt_db_batch_put(batch, text("b"), text("2"), &err));
    must(cmt_db_batch_delete(batch, text("c"), &err));
    must(cmt_db_batch_put(batch, text("c"), text("3"), &err));
    must(cmt_db_batch_put(batch, text("d"), text("4"), &err));
    must(cmt_db_batch_delete_range(batch, (cmt_range){text("d"), text("e")}, &err));
    must(cmt_db_batch_delete_range(batch, (cmt_range){text("e"), text("")}, &err));
    must(cmt_db_batch_put(batch, text("e"), text("5"), &err));
    write_batch(batch, true);
    expect_absent(db, text("a"));
    expect_value(db, text("b"), text("2"));
    expect_value(db, text("c"), text("3"));
    expect_absent(db, text("d"));
    expect_value(db, text("e"), text("5"));
}
END_TEST

START_TEST(a_batch_can_be_written_again_and_cleared)
{
    cmt_db_batch *batch = new_batch();
    must(cmt_db_batch_put(batch, text("a"), text("1"), &err));
    must(cmt_db_write(db, batch, false, &err));
    delete_key(text("a"));
    must(cmt_db_write(db, batch, false, &err));
    expect_value(db, text("a"), text("1"));
    cmt_db_batch_clear(batch);
    must(cmt_db_batch_delete(batch, text("a"), &err));
    write_batch(batch, false);
    expect_absent(db, text("a"));
}
END_TEST

START_TEST(an_empty_batch_changes_nothing)
{
    put_text("a", "1");
    write_batch(new_batch(), true);
    expect_value(db, text("a"), text("1"));
}
END_TEST

#define MANY 100000

static cmt_slice many_key(size_t i, char room[16])
{
    snprintf(room, 16, "%07zu", i * 7919 % MANY);
    return text(room);
}

START_TEST(a_batch_of_a_hundred_thousand_changes_is_whole)
{
    char room[16];
    put_text("0000000", "old");
    put_text("x", "old");
    cmt_db_batch *batch = new_batch();
    for (size_t i = 0; i < MANY; i++) {
        cmt_slice key = many_key(i, room);
        if (i % 10 == 9)
            must(cmt_db_batch_delete(batch, key, &err));
        else
            must(cmt_db_batch_put(batch, key, key, &err));
    }
    must(cmt_db_batch_delete(batch, text("x"), &err));
    ck_assert_uint_eq(cmt_db_batch_count(batch), MANY + 1);
    write_batch(batch, true);
    contract_reopen();
    size_t found = 0;
    cmt_db_iter *iter = new_iter(db, NULL);
    for (cmt_status st = cmt_db_iter_first(iter, &err); st == CMT_OK; found++) {
        ck_assert(cmt_slice_equal(cmt_db_iter_key(iter), cmt_db_iter_value(iter)));
        st = cmt_db_iter_next(iter, &err);
    }
    cmt_db_iter_free(iter);
    ck_assert_uint_eq(found, MANY / 10 * 9);
    expect_absent(db, text("x"));
    for (size_t i = 9; i < MANY; i += 9990)
        expect_absent(db, many_key(i, room));
}
END_TEST

START_TEST(a_batch_of_many_megabytes_is_whole)
{
    size_t size = (size_t)5 << 20;
    uint8_t *value = malloc(size);
    ck_assert_ptr_nonnull(value);
    fill_random(value, size, 3);
    cmt_db_batch *batch = new_batch();
    for (int c = 'a'; c <= 'f'; c++)
        must(
            cmt_db_batch_put(batch, text((char[]){(char)c, '\0'}), (cmt_slice){value, size}, &err));
    write_batch(batch, false);
    contract_reopen();
    for (int c = 'a'; c <= 'f'; c++)
        expect_value(db, text((char[]){(char)c, '\0'}), (cmt_slice){value, size});
    free(value);
}
END_TEST

START_TEST(what_a_database_cannot_do_is_said)
{
    cmt_db *from = reader();
    unsigned can = cmt_db_capabilities(from);
    cmt_range all = {text(""), text("")};
    ck_assert_int_eq((can & CMT_DB_WRITABLE) != 0, backend != ON_VIEW);
    ck_assert_int_eq((can & CMT_DB_SHARED) != 0, backend != ON_VIEW);
    ck_assert_int_eq((can & CMT_DB_DROP_FILES) != 0, backend == ON_ROCKSDB);
    if ((can & CMT_DB_DROP_FILES) == 0)
        ck_assert_int_eq(cmt_db_drop_files(from, all, &err), CMT_UNSUPPORTED);
    if ((can & CMT_DB_WRITABLE) != 0)
        return;
    cmt_db_batch *batch = new_batch();
    must(cmt_db_batch_put(batch, text("a"), text("1"), &err));
    ck_assert_int_eq(cmt_db_write(from, batch, true, &err), CMT_UNSUPPORTED);
    ck_assert_int_eq(cmt_db_flush(from, &err), CMT_UNSUPPORTED);
    ck_assert_int_eq(cmt_db_compact_range(from, all, &err), CMT_UNSUPPORTED);
    cmt_db_batch_free(batch);
}
END_TEST

/* ---- ranges ---------------------------------------------------------------------------------- */

/* From each edge to each later one, with the range's keys in tables, log and the batch itself. */
START_TEST(a_range_delete_takes_what_is_inside_and_nothing_else)
{
    size_t lo = (size_t)_i;
    for (size_t hi = lo + 1; hi <= EDGES; hi++) {
        put_edges();
        if (hi % 3 == 0)
            must(cmt_db_flush(db, &err));
        cmt_slice end = hi < EDGES ? edge(hi) : (cmt_slice){NULL, 0};
        cmt_db_batch *batch = new_batch();
        must(cmt_db_batch_put(batch, edge(lo), text("put by the batch"), &err));
        must(cmt_db_batch_delete_range(batch, (cmt_range){edge(lo), end}, &err));
        write_batch(batch, hi % 2 == 0);
        bool there[EDGES];
        for (size_t i = 0; i < EDGES; i++)
            there[i] = i < lo || i >= hi;
        expect_edges(db, there);
    }
}
END_TEST

START_TEST(a_range_between_keys_takes_nothing)
{
    put_text("a", "1");
    put_text("c", "2");
    delete_range(text("a\x01"), text("c"));
    delete_range(text("d"), text(""));
    delete_range(text("c"), text("c"));
    delete_range(text("c"), text("a"));
    expect_value(db, text("a"), text("1"));
    expect_value(db, text("c"), text("2"));
}
END_TEST

START_TEST(what_is_put_after_a_range_delete_stays)
{
    put_text("b", "old");
    delete_range(text("a"), text("z"));
    put_text("b", "new");
    expect_value(db, text("b"), text("new"));
    must(cmt_db_flush(db, &err));
    must(cmt_db_compact_range(db, (cmt_range){text(""), text("")}, &err));
    contract_reopen();
    expect_value(db, text("b"), text("new"));
}
END_TEST

START_TEST(a_range_to_the_end_takes_what_the_batch_put_behind_the_last_key)
{
    put_text("m", "1");
    cmt_db_batch *batch = new_batch();
    must(cmt_db_batch_put(batch, text("z"), text("2"), &err));
    must(cmt_db_batch_put(batch, text("a"), text("3"), &err));
    must(cmt_db_batch_delete_range(batch, (cmt_range){text("b"), text("")}, &err));
    write_batch(batch, false);
    expect_value(db, text("a"), text("3"));
    expect_absent(db, text("m"));
    expect_absent(db, text("z"));
}
END_TEST

/* ---- random batches -------------------------------------------------------------------------- */

#define FEW 12

static void model_change(rng *r, cmt_db_batch *batch, int values[FEW], int stamp)
{
    char lo[8];
    char hi[8];
    char value[16];
    int from = (int)rng_between(r, 0, FEW - 1);
    int to = (int)rng_between(r, 0, FEW);
    snprintf(lo, sizeof lo, "%02d", from);
    snprintf(hi, sizeof hi, "%02d", to);
    snprintf(value, sizeof value, "%d", stamp);
    switch (rng_between(r, 0, 5)) {
    case 0:
        must(cmt_db_batch_delete(batch, text(lo), &err));
        values[from] = -1;
        return;
    case 1:
        must(cmt_db_batch_delete_range(batch, (cmt_range){text(lo), text(to == FEW ? "" : hi)},
                                       &err));
        for (int i = from; i < to; i++)
            values[i] = -1;
        return;
    default:
        must(cmt_db_batch_put(batch, text(lo), text(value), &err));
        values[from] = stamp;
        return;
    }
}

static void expect_values(const int values[FEW])
{
    for (int i = 0; i < FEW; i++) {
        char key[8];
        char value[16];
        snprintf(key, sizeof key, "%02d", i);
        snprintf(value, sizeof value, "%d", values[i]);
        if (values[i] < 0)
            expect_absent(db, text(key));
        else
            expect_value(db, text(key), text(value));
    }
}

START_TEST(random_batches_leave_what_a_model_says)
{
    rng r = {(uint64_t)_i + 100};
    int values[FEW];
    memset(values, -1, sizeof values);
    for (int round = 0; round < 60; round++) {
        cmt_db_batch *batch = new_batch();
        for (int64_t n = rng_between(&r, 0, 25); n > 0; n--)
            model_change(&r, batch, values, round * 100 + (int)n);
        write_batch(batch, rng_chance(&r, 20));
        expect_values(values);
        if (rng_chance(&r, 10))
            must(cmt_db_flush(db, &err));
        if (rng_chance(&r, 5))
            must(cmt_db_compact_range(db, (cmt_range){text(""), text("")}, &err));
        if (rng_chance(&r, 5))
            contract_reopen();
    }
    contract_reopen();
    expect_values(values);
}
END_TEST

TCase *write_cases(void)
{
    TCase *tc = tcase_create("write");
    tcase_add_checked_fixture(tc, contract_setup, contract_teardown);
    tcase_add_test(tc, what_a_database_cannot_do_is_said);
    if (backend == ON_VIEW)
        return tc;
    tcase_add_test(tc, a_batch_takes_effect_in_its_order);
    tcase_add_test(tc, a_batch_can_be_written_again_and_cleared);
    tcase_add_test(tc, an_empty_batch_changes_nothing);
    tcase_add_test(tc, a_batch_of_a_hundred_thousand_changes_is_whole);
    tcase_add_test(tc, a_batch_of_many_megabytes_is_whole);
    return tc;
}

TCase *range_cases(void)
{
    TCase *tc = tcase_create("range");
    tcase_add_checked_fixture(tc, contract_setup, contract_teardown);
    if (backend == ON_VIEW)
        return tc;
    tcase_add_loop_test(tc, a_range_delete_takes_what_is_inside_and_nothing_else, 0, EDGES);
    tcase_add_test(tc, a_range_between_keys_takes_nothing);
    tcase_add_test(tc, what_is_put_after_a_range_delete_stays);
    tcase_add_test(tc, a_range_to_the_end_takes_what_the_batch_put_behind_the_last_key);
    tcase_add_loop_test(tc, random_batches_leave_what_a_model_says, 0, 20);
    return tc;
}
