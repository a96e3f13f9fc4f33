/* SPDX-License-Identifier: Apache-2.0
 *
 * The in-flight flag of a pair of databases, and the stop: from several threads.
 */
#include "compact_pair.h"
#include "suite.h"

#include <check.h>

#include <sched.h>
#include <stdlib.h>
#include <string.h>

/* ---- one at a time -------------------------------------------------------------------------------- */

START_TEST(a_second_caller_is_busy_and_not_forgotten)
{
    pair_caller first = {0};
    cmt_compact_report report;
    pair_blocks.behaviour = FAKE_HOLDS;
    pair_start(&first, 0, 100);
    fake_wait_for_call(&pair_blocks);
    ck_assert(cmt_compact_flight_is_taken(pair_flight));
    ck_assert_int_eq(pair_compact(50000, 50100, 0, 0, NULL, &report), CMT_BUSY);
    ck_assert_ptr_nonnull(strstr(pair_err.message, "in flight"));
    ck_assert_int_eq(report.blockstore.outcome, CMT_COMPACT_NONE);
    fake_let_go(&pair_blocks);
    ck_assert_int_eq(pair_join(&first), CMT_OK);
    fake_expect(&pair_blocks, 0, 100, 1);
    fake_expect(&pair_blocks, 50000, 50100, 0);
    pair_expect_remembered(50000, 50100);
    ck_assert_uint_eq(cmt_compact_flight_counts(pair_flight).busy, 1);
    ck_assert_int_eq(pair_compact_rest(NULL, NULL), CMT_OK);
    fake_expect(&pair_blocks, 50000, 50100, 1);
    pair_expect_remembered(0, 0);
}
END_TEST

START_TEST(each_database_has_one_flag)
{
    const cmt_compactor_target target = {.state = &pair_states.base};
    cmt_compact_flight *second = NULL;
    ck_assert_int_eq(cmt_compact_flight_new(&target, NULL, &second, &pair_err), CMT_BUSY);
    ck_assert_ptr_null(second);
    ck_assert_int_eq(pair_compact(0, 0, 0, 10, NULL, NULL), CMT_OK);
    cmt_compact_flight_free(pair_flight);
    ck_assert_int_eq(cmt_compact_flight_new(&target, NULL, &pair_flight, &pair_err), CMT_OK);
    ck_assert_int_eq(cmt_compact_flight_new(&target, NULL, &second, &pair_err), CMT_BUSY);
}
END_TEST

START_TEST(what_is_asked_for_meanwhile_is_done_again)
{
    pair_caller first = {0};
    pair_blocks.behaviour = FAKE_HOLDS;
    pair_start(&first, 0, 100);
    fake_wait_for_call(&pair_blocks);
    pair_asked more;
    pair_ask(&more, 50, 80, 0, 0);
    cmt_compact_flight_remember(pair_flight, &more.request);
    pair_release(&more);
    fake_let_go(&pair_blocks);
    ck_assert_int_eq(pair_join(&first), CMT_OK);
    pair_expect_remembered(50, 80);
}
END_TEST

START_TEST(what_is_being_done_is_still_remembered)
{
    pair_caller first = {0};
    pair_blocks.behaviour = FAKE_HOLDS;
    pair_start(&first, 0, 100);
    fake_wait_for_call(&pair_blocks);
    pair_expect_remembered(0, 100);
    fake_let_go(&pair_blocks);
    ck_assert_int_eq(pair_join(&first), CMT_OK);
    pair_expect_remembered(0, 0);
}
END_TEST

START_TEST(a_caller_may_wait_for_its_turn)
{
    for (unsigned i = 0; i < 20; i++) {
        pair_caller c = {.options = {.wait_ns = -1}};
        pair_caller hurried = {.options = {.wait_ns = 2 * MS}};
        ck_assert_int_eq(cmt_compact_flight_take(pair_flight, 0, &pair_err), CMT_OK);
        pair_start(&c, i, i + 1);
        while (cmt_compact_flight_counts(pair_flight).remembered_blockstore == 0)
            sched_yield();
        pair_start(&hurried, i, i + 1);
        ck_assert_int_eq(pair_join(&hurried), CMT_BUSY);
        cmt_compact_flight_release(pair_flight);
        ck_assert_int_eq(pair_join(&c), CMT_OK);
    }
    fake_expect(&pair_blocks, 0, 20, 1);
    ck_assert_uint_eq(pair_blocks.most_inside, 1);
}
END_TEST

START_TEST(nobody_waits_for_itself)
{
    const cmt_compact_options patient = {.wait_ns = -1};
    ck_assert_int_eq(cmt_compact_flight_take(pair_flight, 0, &pair_err), CMT_OK);
    ck_assert_int_eq(pair_compact(0, 10, 0, 0, &patient, NULL), CMT_DEADLOCK);
    ck_assert_int_eq(cmt_compact_flight_take(pair_flight, -1, &pair_err), CMT_DEADLOCK);
    cmt_compact_flight_release(pair_flight);
    pair_expect_remembered(0, 10);
    ck_assert_int_eq(cmt_compact_flight_take(pair_flight, -1, &pair_err), CMT_OK);
    cmt_compact_flight_release(pair_flight);
}
END_TEST

START_TEST(other_work_takes_the_same_flag)
{
    ck_assert_int_eq(cmt_compact_flight_take(pair_flight, 0, &pair_err), CMT_OK);
    ck_assert_int_eq(cmt_compact_flight_take(pair_flight, 0, &pair_err), CMT_BUSY);
    ck_assert_int_eq(pair_compact(0, 1, 0, 0, NULL, NULL), CMT_BUSY);
    cmt_compact_flight_release(pair_flight);
    ck_assert_int_eq(pair_compact_rest(NULL, NULL), CMT_OK);
    fake_expect(&pair_blocks, 0, 1, 1);
}
END_TEST

static void *ask_often(void *argument)
{
    size_t *done = argument;
    for (unsigned i = 0; i < 200; i++) {
        pair_asked a;
        pair_ask(&a, i * 100, i * 100 + 50, i, i + 1);
        *done += cmt_compact_now(pair_flight, &a.request, NULL, NULL, NULL) == CMT_OK;
        pair_release(&a);
    }
    return NULL;
}

START_TEST(never_two_at_once_and_nothing_lost)
{
    pthread_t threads[4];
    size_t done[4] = {0};
    for (size_t i = 0; i < 4; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, ask_often, &done[i]), 0);
    for (size_t i = 0; i < 4; i++)
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
    ck_assert_int_eq(pair_compact_rest(NULL, NULL), CMT_OK);
    for (unsigned i = 0; i < 200; i++)
        for (unsigned place = i * 100; place < i * 100 + 50; place++)
            ck_assert_uint_gt(pair_blocks.compacted[place], 0);
    ck_assert_uint_eq(pair_blocks.most_inside, 1);
    ck_assert_uint_eq(pair_states.most_inside, 1);
    ck_assert_uint_eq(
        done[0] + done[1] + done[2] + done[3] + cmt_compact_flight_counts(pair_flight).busy, 800);
}
END_TEST

/* ---- stop ----------------------------------------------------------------------------------------- */

START_TEST(a_stop_ends_the_slice_and_keeps_the_rest)
{
    pair_caller c = {0};
    pair_blocks.behaviour = FAKE_HOLDS;
    pair_start(&c, 0, 60000);
    fake_wait_for_call(&pair_blocks);
    cmt_compact_flight_stop(pair_flight);
    ck_assert_int_eq(pair_join(&c), CMT_CANCELLED);
    ck_assert_uint_eq(pair_blocks.calls, 1);
    ck_assert_int_eq(c.report.blockstore.outcome, CMT_COMPACT_STOPPED);
    ck_assert_int_eq(c.report.blockstore.status, CMT_CANCELLED);
    ck_assert_str_eq(c.report.blockstore.error, "");
    pair_expect_remembered(0, 60000);
    ck_assert(cmt_compact_flight_is_stopped(pair_flight));
    ck_assert_int_eq(pair_compact_rest(NULL, NULL), CMT_CANCELLED);
    ck_assert_uint_eq(pair_blocks.calls, 1);
    ck_assert_uint_eq(cmt_compact_flight_counts(pair_flight).stopped, 2);
    pair_blocks.behaviour = FAKE_WORKS;
    cmt_compact_flight_resume(pair_flight);
    ck_assert_msg(!pair_blocks.cancelled, "the engine compacts no more");
    ck_assert_int_eq(pair_compact_rest(NULL, NULL), CMT_OK);
    fake_expect(&pair_blocks, 0, 60000, 1);
}
END_TEST

START_TEST(a_stop_is_heard_behind_a_slice_that_the_engine_finished)
{
    pair_caller c = {0};
    pair_blocks.behaviour = FAKE_HOLDS_TO_THE_END;
    pair_start(&c, 0, 60000);
    fake_wait_for_call(&pair_blocks);
    cmt_compact_flight_stop(pair_flight);
    cmt_compact_flight_resume(pair_flight); /* a wish that came and went */
    fake_let_go(&pair_blocks);
    ck_assert_int_eq(pair_join(&c), CMT_CANCELLED);
    ck_assert_uint_eq(pair_blocks.calls, 1);
    ck_assert_uint_eq(c.report.blockstore.slices, 1);
    unsigned done = 0;
    while (done < FAKE_PLACES && pair_blocks.compacted[done] > 0)
        done++;
    pair_expect_remembered(done, 60000);
}
END_TEST

START_TEST(a_stop_that_comes_behind_the_last_slice_is_no_failure)
{
    pair_caller c = {0};
    pair_blocks.behaviour = FAKE_HOLDS_TO_THE_END;
    pair_start(&c, 0, 100);
    fake_wait_for_call(&pair_blocks);
    cmt_compact_flight_stop(pair_flight);
    fake_let_go(&pair_blocks);
    ck_assert_int_eq(pair_join(&c), CMT_OK);
    ck_assert_int_eq(c.report.blockstore.outcome, CMT_COMPACT_FINISHED);
}
END_TEST

START_TEST(a_stop_ends_waiting_for_the_flag)
{
    pair_caller c = {.options = {.wait_ns = -1}};
    ck_assert_int_eq(cmt_compact_flight_take(pair_flight, 0, &pair_err), CMT_OK);
    pair_start(&c, 0, 100);
    cmt_compact_flight_stop(pair_flight);
    ck_assert_int_eq(pair_join(&c), CMT_CANCELLED);
    cmt_compact_flight_release(pair_flight);
    ck_assert_uint_eq(pair_blocks.calls, 0);
    pair_expect_remembered(0, 100);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("compactor_flag");
    TCase *tc = tcase_create("compactor_flag");
    tcase_add_checked_fixture(tc, pair_setup, pair_teardown);
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, a_second_caller_is_busy_and_not_forgotten);
    tcase_add_test(tc, each_database_has_one_flag);
    tcase_add_test(tc, what_is_asked_for_meanwhile_is_done_again);
    tcase_add_test(tc, what_is_being_done_is_still_remembered);
    tcase_add_test(tc, a_caller_may_wait_for_its_turn);
    tcase_add_test(tc, nobody_waits_for_itself);
    tcase_add_test(tc, other_work_takes_the_same_flag);
    tcase_add_test(tc, never_two_at_once_and_nothing_lost);
    tcase_add_test(tc, a_stop_ends_the_slice_and_keeps_the_rest);
    tcase_add_test(tc, a_stop_is_heard_behind_a_slice_that_the_engine_finished);
    tcase_add_test(tc, a_stop_that_comes_behind_the_last_slice_is_no_failure);
    tcase_add_test(tc, a_stop_ends_waiting_for_the_flag);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
