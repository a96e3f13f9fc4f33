/* SPDX-License-Identifier: Apache-2.0
 *
 * The background compactor's table of states and calls: one case for each call, looped over the states.
 */
#include "compact_worker.h"
#include "suite.h"

#include <check.h>

#include <sched.h>
#include <stdlib.h>
#include <string.h>

enum { NEW, RUNNING, STOPPING, STOPPED, JOINED, FREED, STATES };

/* A task has come to its end in all but NEW and FREED, and in STOPPING one is held in its slice. */
static void enter(int state)
{
    worker_make();
    if (state == NEW)
        return;
    worker_start();
    ck_assert_int_eq(worker_enqueue("before", 0, 10), CMT_ENQUEUED);
    worker_wait(1);
    if (state == RUNNING)
        return;
    if (state == STOPPING) {
        fake_behave(&pair_blocks, FAKE_HOLDS_TO_THE_END);
        ck_assert_int_eq(worker_enqueue("held", 10, 20), CMT_ENQUEUED);
        fake_wait_for_calls(&pair_blocks, 2);
    }
    worker_stop();
    if (state == STOPPING)
        return;
    while (cmt_compactor_is_running(worker))
        sched_yield();
    if (state == STOPPED)
        return;
    ck_assert_int_eq(worker_join(NULL), CMT_OK);
    if (state == FREED)
        ck_assert_int_eq(cmt_compactor_free(&worker), CMT_OK);
}

/* The state that the handle itself tells. */
static void expect_state(cmt_compactor_state state)
{
    ck_assert_str_eq(cmt_compactor_state_name(worker_stats().state),
                     cmt_compactor_state_name(state));
}

START_TEST(start)
{
    static const cmt_status answers[STATES] = {CMT_OK,   CMT_OK, CMT_BUSY,
                                               CMT_BUSY, CMT_OK, CMT_INVALID};
    enter(_i);
    ck_assert_int_eq(cmt_compactor_start(worker, &pair_err), answers[_i]);
    ck_assert_int_eq(pair_err.code, answers[_i]);
    if (answers[_i] != CMT_OK)
        return;
    expect_state(CMT_COMPACTOR_RUNNING);
    ck_assert_int_eq(worker_enqueue("after", 100, 110), CMT_ENQUEUED);
    worker_wait(_i == NEW ? 1 : 2);
    fake_expect(&pair_blocks, 100, 110, 1);
}
END_TEST

START_TEST(stop)
{
    static const cmt_compactor_state after[STATES] = {CMT_COMPACTOR_NEW, CMT_COMPACTOR_STOPPING,
                                                      CMT_COMPACTOR_STOPPING, CMT_COMPACTOR_STOPPED,
                                                      CMT_COMPACTOR_JOINED};
    enter(_i);
    if (_i == RUNNING) { /* held, so that it is not over at once */
        fake_behave(&pair_blocks, FAKE_HOLDS_TO_THE_END);
        ck_assert_int_eq(worker_enqueue("held", 10, 20), CMT_ENQUEUED);
        fake_wait_for_calls(&pair_blocks, 2);
    }
    for (int times = 0; times < 2; times++)
        ck_assert_int_eq(cmt_compactor_stop(worker), _i == FREED ? CMT_INVALID : CMT_OK);
    if (_i != FREED)
        expect_state(after[_i]);
}
END_TEST

START_TEST(is_running)
{
    static const bool answers[STATES] = {false, true, true, false, false, false};
    enter(_i);
    ck_assert_int_eq(cmt_compactor_is_running(worker), answers[_i]);
}
END_TEST

START_TEST(join_without_waiting)
{
    static const cmt_status answers[STATES] = {CMT_NOT_FOUND, CMT_BUSY,      CMT_BUSY,
                                               CMT_OK,        CMT_NOT_FOUND, CMT_NOT_FOUND};
    cmt_compact_report report;
    enter(_i);
    ck_assert_int_eq(cmt_compactor_join(worker, 0, &report, &pair_err), answers[_i]);
    ck_assert_int_eq(cmt_compactor_join(worker, 2 * MS, NULL, NULL),
                     answers[_i] == CMT_OK ? CMT_NOT_FOUND : answers[_i]);
    if (answers[_i] == CMT_OK) {
        ck_assert_str_eq(report.blockstore.label, "before");
        expect_state(CMT_COMPACTOR_JOINED);
    }
}
END_TEST

/* Whoever timed out may join still. */
START_TEST(join_with_patience)
{
    cmt_compact_report report;
    enter(_i);
    if (_i == RUNNING)
        worker_stop();
    fake_let_go(&pair_blocks);
    bool joins = _i == RUNNING || _i == STOPPING || _i == STOPPED;
    ck_assert_int_eq(worker_join(&report), joins ? CMT_OK : CMT_NOT_FOUND);
    ck_assert_str_eq(report.blockstore.label, !joins ? "" : _i == STOPPING ? "held" : "before");
    ck_assert_int_eq(worker_join(&report), CMT_NOT_FOUND);
    ck_assert_str_eq(report.blockstore.label, "");
}
END_TEST

START_TEST(try_enqueue)
{
    static const cmt_enqueue_result answers[STATES] = {CMT_ENQUEUE_STOPPED, CMT_ENQUEUED,
                                                       CMT_ENQUEUE_STOPPED, CMT_ENQUEUE_STOPPED,
                                                       CMT_ENQUEUE_STOPPED, CMT_ENQUEUE_NO_WORKER};
    enter(_i);
    ck_assert_int_eq(worker_enqueue("more", 200, 210), answers[_i]);
    if (_i == FREED)
        return;
    if (_i == RUNNING)
        worker_wait(2);
    else
        ck_assert_uint_eq(cmt_compact_flight_counts(pair_flight).remembered_blockstore,
                          _i == STOPPING ? 2 : 1);
}
END_TEST

START_TEST(last_result)
{
    static const cmt_status answers[STATES] = {CMT_NOT_FOUND, CMT_OK, CMT_OK,
                                               CMT_OK,        CMT_OK, CMT_INVALID};
    cmt_compact_report report;
    enter(_i);
    ck_assert_int_eq(cmt_compactor_last_result(worker, &report), answers[_i]);
    ck_assert_str_eq(report.blockstore.label, answers[_i] == CMT_OK ? "before" : "");
}
END_TEST

START_TEST(results)
{
    cmt_compact_result all[CMT_COMPACT_RESULTS];
    enter(_i);
    ck_assert_uint_eq(cmt_compactor_results(worker, all, CMT_COMPACT_RESULTS),
                      _i != NEW && _i != FREED);
}
END_TEST

START_TEST(stats)
{
    static const cmt_compactor_state states[] = {CMT_COMPACTOR_NEW, CMT_COMPACTOR_RUNNING,
                                                 CMT_COMPACTOR_STOPPING, CMT_COMPACTOR_STOPPED,
                                                 CMT_COMPACTOR_JOINED};
    cmt_compactor_stats now;
    enter(_i);
    ck_assert_int_eq(cmt_compactor_get_stats(worker, &now), _i == FREED ? CMT_INVALID : CMT_OK);
    if (_i == FREED)
        return;
    ck_assert_int_eq(now.state, states[_i]);
    ck_assert_uint_eq(now.queue_size, 16);
    ck_assert_uint_eq(now.tasks, _i != NEW);
    ck_assert_int_eq(now.progress.active, _i == STOPPING);
}
END_TEST

/* Without waiting, whatever it is at; what belongs to the worker goes with the worker. */
START_TEST(free_it)
{
    cmt_compactor *other;
    enter(_i);
    ck_assert_int_eq(cmt_compactor_free(&worker), CMT_OK);
    ck_assert_ptr_null(worker);
    ck_assert_int_eq(cmt_compactor_free(&worker), CMT_OK);
    ck_assert_int_eq(cmt_compactor_free(NULL), CMT_OK);
    if (_i == STOPPING) {
        ck_assert_int_eq(cmt_compactor_new(pair_flight, NULL, &other, &pair_err), CMT_BUSY);
        ck_assert_ptr_null(other);
        fake_let_go(&pair_blocks);
    }
    cmt_status st;
    do {
        sched_yield();
        st = cmt_compactor_new(pair_flight, &worker_options, &worker, &pair_err);
    } while (st == CMT_BUSY);
    ck_assert_int_eq(st, CMT_OK);
    worker_start();
    ck_assert_int_eq(worker_enqueue("after", 300, 310), CMT_ENQUEUED);
}
END_TEST

static void add(TCase *tc)
{
    tcase_add_loop_test(tc, start, NEW, STATES);
    tcase_add_loop_test(tc, stop, NEW, STATES);
    tcase_add_loop_test(tc, is_running, NEW, STATES);
    tcase_add_loop_test(tc, join_without_waiting, NEW, STATES);
    tcase_add_loop_test(tc, join_with_patience, NEW, STATES);
    tcase_add_loop_test(tc, try_enqueue, NEW, STATES);
    tcase_add_loop_test(tc, last_result, NEW, STATES);
    tcase_add_loop_test(tc, results, NEW, STATES);
    tcase_add_loop_test(tc, stats, NEW, STATES);
    tcase_add_loop_test(tc, free_it, NEW, STATES);
}

int main(void)
{
    Suite *suite = suite_create("compactor_states");
    TCase *tc = tcase_create("compactor_states");
    tcase_add_checked_fixture(tc, worker_setup, worker_teardown);
    tcase_set_timeout(tc, 60);
    add(tc);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
