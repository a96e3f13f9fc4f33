/* SPDX-License-Identifier: Apache-2.0
 *
 * Getting: what was put comes back, what is absent is absent.
 */
#include <stdlib.h>

#include "contract.h"

static const bool all_there[EDGES] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
                                      1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};

START_TEST(a_key_at_the_edge_alone_is_found_and_no_other)
{
    size_t i = (size_t)_i;
    put(edge(i), edge_value(i));
    bool there[EDGES] = {false};
    there[i] = true;
    expect_edges(reader(), there);
}
END_TEST

START_TEST(all_keys_at_the_edge_together_are_told_apart)
{
    put_edges();
    expect_edges(reader(), all_there);
}
END_TEST

START_TEST(the_same_from_tables)
{
    put_edges();
    must(cmt_db_flush(db, &err));
    expect_edges(reader(), all_there);
    must(cmt_db_compact_range(db, (cmt_range){{NULL, 0}, {NULL, 0}}, &err));
    expect_edges(reader(), all_there);
}
END_TEST

START_TEST(the_same_after_opening_again)
{
    put_edges();
    contract_reopen();
    expect_edges(reader(), all_there);
    must(cmt_db_flush(db, &err));
    contract_reopen();
    expect_edges(reader(), all_there);
}
END_TEST

START_TEST(what_lies_just_behind_a_key_is_absent)
{
    put_edges();
    cmt_buf room = CMT_BUF_INIT;
    expect_absent(reader(), behind_edge((size_t)_i, &room));
    cmt_buf_free(&room);
}
END_TEST

static const size_t big_sizes[] = {((size_t)1 << 20) - 1, ((size_t)4 << 20) + 1,
                                   ((size_t)16 << 20) - 1, (size_t)16 << 20,
                                   ((size_t)16 << 20) + 1};

START_TEST(a_big_value_comes_back_from_log_and_table)
{
    size_t size = big_sizes[_i];
    uint8_t *value = malloc(size);
    ck_assert_ptr_nonnull(value);
    fill_random(value, size, (uint64_t)_i);
    put(text("before"), text("1"));
    put(text("big"), (cmt_slice){value, size});
    put(text("then"), text("2"));
    expect_value(reader(), text("big"), (cmt_slice){value, size});
    must(cmt_db_flush(db, &err));
    expect_value(reader(), text("big"), (cmt_slice){value, size});
    expect_value(reader(), text("before"), text("1"));
    expect_value(reader(), text("then"), text("2"));
    free(value);
}
END_TEST

START_TEST(the_newest_value_counts_wherever_the_older_ones_lie)
{
    put_text("k", "in a table");
    must(cmt_db_flush(db, &err));
    put_text("k", "in a newer table");
    must(cmt_db_flush(db, &err));
    put_text("k", "in the log");
    expect_value(reader(), text("k"), text("in the log"));
    delete_key(text("k"));
    expect_absent(reader(), text("k"));
    must(cmt_db_flush(db, &err));
    expect_absent(reader(), text("k"));
}
END_TEST

START_TEST(an_empty_database_has_nothing)
{
    bool none[EDGES] = {false};
    expect_edges(reader(), none);
    uint64_t bytes = 1;
    must(cmt_db_approximate_bytes(reader(), (cmt_range){{NULL, 0}, {NULL, 0}}, &bytes, &err));
    ck_assert_uint_eq(bytes, 0);
    cmt_db_stats stats;
    must(cmt_db_get_stats(reader(), &stats, &err));
    ck_assert_uint_eq(stats.tables[0] + stats.tables[1], 0);
}
END_TEST

START_TEST(approximate_bytes_grow_with_what_a_range_holds)
{
    put_many(0, 400, 10000, 5); /* 4 MB */
    must(cmt_db_flush(db, &err));
    must(cmt_db_compact_range(db, (cmt_range){{NULL, 0}, {NULL, 0}}, &err));
    uint64_t all;
    uint64_t half;
    uint64_t none;
    uint64_t inverted;
    must(cmt_db_approximate_bytes(reader(), (cmt_range){text(""), text("")}, &all, &err));
    must(cmt_db_approximate_bytes(reader(), (cmt_range){text(""), text("k00000200")}, &half, &err));
    must(cmt_db_approximate_bytes(reader(), (cmt_range){text("l"), text("m")}, &none, &err));
    must(cmt_db_approximate_bytes(reader(), (cmt_range){text("m"), text("k")}, &inverted, &err));
    ck_assert_uint_ge(all, 3900000);
    ck_assert_uint_le(all, 4400000);
    ck_assert_uint_ge(half, 1800000);
    ck_assert_uint_le(half, 2200000);
    ck_assert_uint_le(none, 4096);
    ck_assert_uint_eq(inverted, 0);
}
END_TEST

START_TEST(reading_is_counted)
{
    put_many(0, 20, 10000, 5);
    must(cmt_db_flush(db, &err));
    cmt_db *from = reader();
    uint64_t before = cmt_db_bytes_read(from);
    cmt_db_iter *iter = new_iter(from, NULL);
    for (cmt_status st = cmt_db_iter_first(iter, &err); st == CMT_OK;)
        st = cmt_db_iter_next(iter, &err);
    cmt_db_iter_free(iter);
    if (backend == ON_MEMORY)
        ck_assert_uint_eq(cmt_db_bytes_read(from), 0);
    else
        ck_assert_uint_ge(cmt_db_bytes_read(from) - before, 190000);
}
END_TEST

TCase *read_cases(void)
{
    TCase *tc = tcase_create("read");
    tcase_add_checked_fixture(tc, contract_setup, contract_teardown);
    tcase_add_loop_test(tc, a_key_at_the_edge_alone_is_found_and_no_other, 0, EDGES);
    tcase_add_test(tc, all_keys_at_the_edge_together_are_told_apart);
    tcase_add_test(tc, the_same_from_tables);
    tcase_add_test(tc, the_same_after_opening_again);
    tcase_add_loop_test(tc, what_lies_just_behind_a_key_is_absent, 0, EDGES);
    tcase_add_loop_test(tc, a_big_value_comes_back_from_log_and_table, 0, 5);
    tcase_add_test(tc, the_newest_value_counts_wherever_the_older_ones_lie);
    tcase_add_test(tc, an_empty_database_has_nothing);
    tcase_add_test(tc, approximate_bytes_grow_with_what_a_range_holds);
    tcase_add_test(tc, reading_is_counted);
    return tc;
}
