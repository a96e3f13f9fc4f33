/* SPDX-License-Identifier: Apache-2.0
 *
 * The background worker: when it compacts, what it does about a busy flag, failures and stops, and that nothing is lost.
 */
#include "compact_worker.h"
#include "suite.h"

#include <check.h>

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PRUNE CMT_COMPACT_LABEL_PRUNE
#define MANUAL CMT_COMPACT_LABEL_MANUAL

/* ---- work ---------------------------------------------------------------------------------------- */

START_TEST(a_task_is_logged_and_reported_like_every_compaction)
{
    cmt_compact_report report;
    worker_run();
    pair_asked a;
    pair_ask(&a, 0, 10, 0, 10);
    a.request.trigger = "why=so";
    ck_assert_int_eq(cmt_compactor_try_enqueue(worker, &a.request), CMT_ENQUEUED);
    pair_release(&a);
    worker_wait(1);
    ck_assert_str_eq(pair_log, "INFO compaction_start label=post_pruning_compaction\n"
                               "INFO compaction_done label=post_pruning_compaction ms=0\n");
    ck_assert_int_eq(cmt_compactor_last_result(worker, &report), CMT_OK);
    ck_assert_int_eq(report.state.outcome, CMT_COMPACT_FINISHED);
    ck_assert_int_eq(report.blockstore.outcome, CMT_COMPACT_FINISHED);
    ck_assert_uint_eq(report.blockstore.id, report.state.id);
    fake_expect(&pair_states, 0, 10, 1);
}
END_TEST

START_TEST(only_the_databases_of_a_task_are_compacted)
{
    pair_asked a;
    pair_ask(&a, 0, 10, 0, 10);
    cmt_compact_flight_remember(pair_flight, &a.request);
    pair_release(&a);
    worker_run();
    ck_assert_int_eq(worker_ask(MANUAL, CMT_COMPACT_KIND_RANGES, CMT_COMPACT_STATE), CMT_ENQUEUED);
    worker_wait(1);
    fake_expect(&pair_states, 0, 10, 1);
    ck_assert_uint_eq(pair_blocks.calls, 0);
    ck_assert_int_eq(worker_ask(MANUAL, CMT_COMPACT_KIND_FULL, CMT_COMPACT_BLOCKSTORE),
                     CMT_ENQUEUED);
    worker_wait(2);
    fake_expect(&pair_blocks, 0, FAKE_PLACES, 1);
    fake_expect(&pair_states, 10, FAKE_PLACES, 0);
}
END_TEST

START_TEST(progress_is_readable_while_it_runs)
{
    worker_run();
    fake_behave(&pair_states, FAKE_HOLDS);
    ck_assert_int_eq(worker_ask(MANUAL, CMT_COMPACT_KIND_FULL, 0), CMT_ENQUEUED);
    fake_wait_for_call(&pair_states);
    cmt_compact_progress progress = worker_stats().progress;
    ck_assert(progress.active);
    ck_assert_str_eq(progress.label, MANUAL);
    ck_assert_uint_eq(progress.state.total, FAKE_PLACES * FAKE_PLACE_BYTES);
    ck_assert_uint_eq(progress.state.bytes, 0);
    fake_behave(&pair_blocks, FAKE_HOLDS);
    fake_let_go(&pair_states);
    fake_wait_for_call(&pair_blocks);
    progress = cmt_compact_flight_progress(pair_flight);
    ck_assert_uint_eq(progress.state.slices, 1); /* the databases take turns */
    ck_assert_uint_ge(progress.state.bytes, 16 * MIB);
    ck_assert_uint_eq(progress.blockstore.slices, 0);
    fake_let_go(&pair_blocks);
    worker_wait(1);
    ck_assert(!worker_stats().progress.active);
}
END_TEST

START_TEST(a_cookie_comes_back_when_its_work_is_done)
{
    cmt_compact_report report;
    worker_run();
    pair_asked a;
    pair_ask(&a, 0, 10, 0, 10);
    a.request.blockstore_cookie = CMT_SLICE("up to 10");
    fake_behave(&pair_blocks, FAKE_HOLDS);
    ck_assert_int_eq(cmt_compactor_try_enqueue(worker, &a.request), CMT_ENQUEUED);
    fake_wait_for_call(&pair_blocks);
    a.request.blockstore_cookie = CMT_SLICE("up to 20"); /* too late for the one that runs */
    ck_assert_int_eq(cmt_compactor_try_enqueue(worker, &a.request), CMT_ENQUEUED);
    pair_release(&a);
    fake_let_go(&pair_blocks);
    worker_wait(1);
    cmt_compact_result results[4];
    worker_wait(2);
    ck_assert_uint_eq(cmt_compactor_results(worker, results, 4), 4);
    ck_assert_int_eq(memcmp(results[3].cookie.bytes, "up to 10", 8), 0);
    ck_assert_uint_eq(results[2].cookie.size, 0); /* the state store had none */
    ck_assert_int_eq(cmt_compactor_last_result(worker, &report), CMT_OK);
    ck_assert_uint_eq(report.blockstore.cookie.size, 8);
    ck_assert_int_eq(memcmp(report.blockstore.cookie.bytes, "up to 20", 8), 0);
}
END_TEST

/* ---- the flag ------------------------------------------------------------------------------------ */

START_TEST(a_taken_flag_is_waited_for)
{
    worker_run();
    ck_assert_int_eq(cmt_compact_flight_take(pair_flight, 0, &pair_err), CMT_OK);
    ck_assert_int_eq(worker_enqueue(PRUNE, 0, 10), CMT_ENQUEUED);
    ck_assert_int_eq(worker_enqueue(PRUNE, 10, 20), CMT_ENQUEUE_COALESCED);
    sched_yield();
    ck_assert_uint_eq(worker_stats().waiting, 1);
    ck_assert_uint_eq(pair_blocks.calls, 0);
    cmt_compact_flight_release(pair_flight);
    worker_wait(1);
    fake_expect(&pair_blocks, 0, 20, 1);
    ck_assert_uint_eq(worker_stats().counts.busy, 0);
}
END_TEST

START_TEST(a_stop_of_the_flight_holds_the_worker_until_it_is_taken_back)
{
    worker_run();
    fake_behave(&pair_blocks, FAKE_HOLDS);
    ck_assert_int_eq(worker_enqueue(PRUNE, 0, 10), CMT_ENQUEUED);
    fake_wait_for_call(&pair_blocks);
    cmt_compact_flight_stop(pair_flight);
    worker_wait(1);
    ck_assert_uint_eq(worker_stats().waiting, 1);
    ck_assert_int_eq(worker_stats().state, CMT_COMPACTOR_RUNNING);
    fake_behave(&pair_blocks, FAKE_WORKS);
    cmt_compact_flight_resume(pair_flight);
    worker_wait(2);
    fake_expect(&pair_blocks, 0, 10, 1);
    ck_assert_uint_eq(worker_stats().retries, 0);
}
END_TEST

START_TEST(the_workers_stop_is_nobody_elses)
{
    pair_caller c = {.options = {.wait_ns = -1}};
    worker_run();
    fake_behave(&pair_blocks, FAKE_HOLDS);
    ck_assert_int_eq(worker_enqueue(PRUNE, 0, 10), CMT_ENQUEUED);
    fake_wait_for_call(&pair_blocks);
    pair_start(&c, 20, 30);
    worker_stop();
    ck_assert_int_eq(worker_join(NULL), CMT_OK);
    fake_let_go(&pair_blocks);
    ck_assert_int_eq(pair_join(&c), CMT_OK);
    fake_expect(&pair_blocks, 0, 10, 1);
    fake_expect(&pair_blocks, 20, 30, 1);
    ck_assert(!cmt_compact_flight_is_stopped(pair_flight));
}
END_TEST

/* ---- stop ---------------------------------------------------------------------------------------- */

START_TEST(a_stop_ends_the_slice_and_a_new_start_goes_on)
{
    cmt_compact_report report;
    worker_run();
    fake_behave(&pair_blocks, FAKE_HOLDS);
    ck_assert_int_eq(worker_enqueue(PRUNE, 0, 60000), CMT_ENQUEUED);
    ck_assert_int_eq(worker_enqueue(MANUAL, 60000, 60010), CMT_ENQUEUED);
    fake_wait_for_call(&pair_blocks);
    worker_stop();
    ck_assert_int_eq(worker_join(&report), CMT_OK);
    ck_assert_int_eq(report.blockstore.outcome, CMT_COMPACT_STOPPED);
    ck_assert_uint_eq(pair_blocks.calls, 1);
    ck_assert_uint_eq(worker_stats().waiting, 2); /* the one that ran, and the other */
    fake_behave(&pair_blocks, FAKE_WORKS);
    worker_start();
    worker_wait(3);
    fake_expect(&pair_blocks, 0, 60010, 1);
    ck_assert_uint_eq(worker_stats().waiting, 0);
}
END_TEST

START_TEST(a_stop_reaches_a_worker_that_waits)
{
    worker_run();
    worker_stop();
    ck_assert_int_eq(worker_join(NULL), CMT_OK);
    worker_start();
    ck_assert_int_eq(cmt_compact_flight_take(pair_flight, 0, &pair_err), CMT_OK);
    ck_assert_int_eq(worker_enqueue(PRUNE, 0, 10), CMT_ENQUEUED);
    worker_stop();
    ck_assert_int_eq(worker_join(NULL), CMT_OK); /* for the flag, too */
    cmt_compact_flight_release(pair_flight);
    pair_expect_remembered(0, 10);
}
END_TEST

static void *join_it(void *argument)
{
    *(cmt_status *)argument = cmt_compactor_join(worker, -1, NULL, NULL);
    return NULL;
}

START_TEST(of_many_who_join_one_succeeds)
{
    pthread_t threads[4];
    cmt_status answers[4];
    size_t joined = 0;
    worker_run();
    for (size_t i = 0; i < 4; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, join_it, &answers[i]), 0);
    worker_stop();
    for (size_t i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        ck_assert(answers[i] == CMT_OK || answers[i] == CMT_NOT_FOUND);
        joined += answers[i] == CMT_OK;
    }
    ck_assert_uint_eq(joined, 1);
}
END_TEST

/* ---- when ---------------------------------------------------------------------------------------- */

START_TEST(what_is_not_due_is_held_back_until_the_schedule_says_so)
{
    cmt_compact_report report;
    worker_options.poll_ns = MS;
    worker_options.schedule.interval_ns = 3600 * SECOND;
    worker_run();
    ck_assert_int_eq(worker_enqueue(PRUNE, 0, 10), CMT_ENQUEUED);
    worker_wait(1);
    fake_expect(&pair_blocks, 0, 10, 1);
    pair_now_ns += 1800 * SECOND;
    ck_assert_int_eq(worker_enqueue(PRUNE, 10, 20), CMT_ENQUEUED);
    worker_wait(2);
    ck_assert_int_eq(cmt_compactor_last_result(worker, &report), CMT_OK);
    ck_assert_int_eq(report.blockstore.outcome, CMT_COMPACT_SKIPPED);
    ck_assert(!report.blockstore.triggered);
    ck_assert_str_eq(report.blockstore.reason, "interval wait_ms=1800000");
    ck_assert_uint_eq(worker_stats().held_back, 1);
    ck_assert_uint_eq(worker_stats().counts.skipped_interval, 1);
    pair_expect_remembered(10, 20);
    ck_assert_int_eq(worker_enqueue(MANUAL, 0, 0),
                     CMT_ENQUEUED); /* whoever asks is not made to wait */
    worker_wait(3);
    fake_expect(&pair_blocks, 10, 20, 1);
    ck_assert_int_eq(worker_enqueue(PRUNE, 30, 40), CMT_ENQUEUED);
    worker_wait(4);
    ck_assert_uint_eq(worker_stats().held_back, 2);
    pair_now_ns += 3600 * SECOND;
    worker_wake();
    worker_wait(5);
    fake_expect(&pair_blocks, 30, 40, 1);
    ck_assert_int_eq(cmt_compactor_last_result(worker, &report), CMT_OK);
    ck_assert_str_eq(report.blockstore.label, "dead_ratio");
    ck_assert_ptr_nonnull(strstr(report.blockstore.trigger, "dead_ratio dead="));
    ck_assert_uint_eq(worker_stats().polls, 1);
    ck_assert_ptr_nonnull(strstr(
        pair_log, "DEBUG compaction is held back  label=post_pruning_compaction store=blockstore "
                  "interval wait_ms=1800000\n"));
}
END_TEST

START_TEST(too_little_to_gain_is_left_alone)
{
    cmt_compact_report report;
    worker_options.schedule = (cmt_schedule_config){.min_dead_ratio = 0.3,
                                                    .max_free_ratio = 0.2,
                                                    .max_tombstone_ratio = 0.1,
                                                    .compaction_interval = 1000};
    worker_run();
    ck_assert_int_eq(worker_enqueue(PRUNE, 0, 100), CMT_ENQUEUED);
    worker_wait(1);
    ck_assert_int_eq(cmt_compactor_last_result(worker, &report), CMT_OK);
    ck_assert_str_eq(report.blockstore.reason, "gain");
    ck_assert_uint_eq(worker_stats().counts.skipped_work, 1);
    ck_assert_uint_eq(pair_blocks.calls, 0);
    ck_assert_int_eq(worker_enqueue(PRUNE, 100, FAKE_PLACES / 4), CMT_ENQUEUED);
    worker_wait(2);
    fake_expect(&pair_blocks, 0, FAKE_PLACES / 4, 1);
    ck_assert_int_eq(cmt_compactor_last_result(worker, &report), CMT_OK);
    ck_assert_ptr_nonnull(strstr(report.blockstore.trigger, "free_ratio free="));
    ck_assert_str_eq(report.blockstore.label, PRUNE);
}
END_TEST

START_TEST(both_databases_that_are_due_share_one_task)
{
    pair_asked a;
    pair_ask(&a, 0, 10, 0, 10);
    cmt_compact_flight_remember(pair_flight, &a.request); /* as after a restart */
    pair_release(&a);
    worker_options.poll_ns = SECOND;
    worker_run();
    worker_wait(1);
    fake_expect(&pair_blocks, 0, 10, 1);
    fake_expect(&pair_states, 0, 10, 1);
    ck_assert_uint_eq(worker_stats().counts.started, 1);
    ck_assert_uint_eq(worker_stats().polls, 1);
}
END_TEST

static const cmt_schedule_config thresholds = {.interval_ns = 3600 * SECOND,
                                               .min_dead_ratio = 0.3,
                                               .max_free_ratio = 0.2,
                                               .max_tombstone_ratio = 0.1,
                                               .compaction_interval = 1000};

/* The block store is worth it, the state store is not. */
static void ask_for_a_quarter_of_the_blocks(pair_asked *a)
{
    pair_ask(a, 0, FAKE_PLACES / 4, 0, 10);
}

START_TEST(what_would_gain_too_little_alone_goes_along)
{
    pair_asked a;
    cmt_compact_report report;
    worker_options.schedule = thresholds;
    pair_takes(MS); /* the state store is ready long before the other */
    worker_run();
    ask_for_a_quarter_of_the_blocks(&a);
    ck_assert_int_eq(cmt_compactor_try_enqueue(worker, &a.request), CMT_ENQUEUED);
    worker_wait(1);
    fake_expect(&pair_blocks, 0, FAKE_PLACES / 4, 1);
    fake_expect(&pair_states, 0, 10, 1);
    ck_assert_int_eq(cmt_compactor_last_result(worker, &report), CMT_OK);
    ck_assert_ptr_nonnull(strstr(report.blockstore.trigger, "free_ratio free="));
    ck_assert_str_eq(report.state.trigger, "along with=blockstore");
    ck_assert_uint_eq(worker_stats().counts.skipped_work, 0);
    /* Both ended at one time, and will be due at one time. */
    ck_assert_int_eq(cmt_compactor_try_enqueue(worker, &a.request), CMT_ENQUEUED);
    worker_wait(2);
    ck_assert_int_eq(cmt_compactor_last_result(worker, &report), CMT_OK);
    ck_assert_str_eq(report.blockstore.reason, "interval wait_ms=3600000");
    ck_assert_str_eq(report.state.reason, report.blockstore.reason);
    /* Alone it is not worth it. */
    pair_now_ns += 3600 * SECOND;
    a.request.databases = CMT_COMPACT_STATE;
    ck_assert_int_eq(cmt_compactor_try_enqueue(worker, &a.request), CMT_ENQUEUED);
    worker_wait(3);
    ck_assert_int_eq(cmt_compactor_last_result(worker, &report), CMT_OK);
    ck_assert_str_eq(report.state.reason, "gain");
    fake_expect(&pair_states, 0, 10, 1);
    pair_release(&a);
}
END_TEST

START_TEST(a_poll_takes_it_along_too)
{
    pair_asked a;
    cmt_compact_report report;
    ask_for_a_quarter_of_the_blocks(&a);
    cmt_compact_flight_remember(pair_flight, &a.request);
    pair_release(&a);
    worker_options.schedule = thresholds;
    worker_options.poll_ns = SECOND;
    worker_run();
    worker_wait(1);
    fake_expect(&pair_blocks, 0, FAKE_PLACES / 4, 1);
    fake_expect(&pair_states, 0, 10, 1);
    ck_assert_uint_eq(worker_stats().counts.started, 1);
    ck_assert_uint_eq(worker_stats().polls, 1);
    ck_assert_int_eq(cmt_compactor_last_result(worker, &report), CMT_OK);
    ck_assert_str_eq(report.state.label, "free_ratio");
    ck_assert_str_eq(report.state.trigger, "along with=blockstore");
    ck_assert_ptr_nonnull(strstr(report.blockstore.trigger, "free_ratio free="));
}
END_TEST

/* ---- failures ------------------------------------------------------------------------------------ */

static size_t errors_logged(void)
{
    size_t count = 0;
    for (const char *at = pair_log; (at = strstr(at, "ERROR compaction_error")) != NULL; at++)
        count++;
    return count;
}

START_TEST(what_failed_is_tried_again_later_and_later)
{
    worker_options.schedule.retry_ns = 10 * SECOND;
    worker_options.schedule.interval_ns = 25 * SECOND;
    worker_run();
    fake_behave(&pair_blocks, FAKE_FAILS);
    ck_assert_int_eq(worker_enqueue(MANUAL, 0, 10), CMT_ENQUEUED);
    static const int64_t waits[] = {10 * SECOND, 20 * SECOND, 25 * SECOND, 25 * SECOND};
    for (unsigned i = 0; i < 4; i++) {
        worker_wait(i + 1);
        ck_assert_int_eq(worker_stats().retry_in_ns, waits[i]);
        ck_assert_uint_eq(errors_logged(), i + 1);
        ck_assert_int_eq(worker_enqueue(MANUAL, 10, 20), CMT_ENQUEUE_COALESCED);
        pair_now_ns += waits[i] - 1;
        worker_wake();
        ck_assert_uint_eq(worker_stats().tasks, i + 1);
        pair_expect_remembered(0, 20);
        if (i == 3)
            fake_behave(&pair_blocks, FAKE_WORKS);
        pair_now_ns += 1;
        worker_wake();
    }
    worker_wait(5);
    fake_expect(&pair_blocks, 0, 20, 1);
    const cmt_compactor_stats stats = worker_stats();
    ck_assert_uint_eq(stats.retries, 4);
    ck_assert_uint_eq(stats.waiting, 0);
    ck_assert_int_eq(stats.retry_in_ns, 0);
    ck_assert_uint_eq(stats.counts.failed, 4);
}
END_TEST

START_TEST(one_database_that_fails_does_not_stop_the_other)
{
    worker_run();
    fake_behave(&pair_states, FAKE_FAILS);
    ck_assert_int_eq(worker_ask(MANUAL, CMT_COMPACT_KIND_FULL, 0), CMT_ENQUEUED);
    worker_wait(1);
    fake_expect(&pair_blocks, 0, FAKE_PLACES, 1);
    ck_assert_str_eq(pair_log, "INFO compaction_start label=manual_compaction\n"
                               "ERROR compaction_error label=manual_compaction "
                               "err=\"state: the engine's 'own' words\"\n"
                               "DEBUG compaction will be tried again  "
                               "label=manual_compaction ms=10000\n");
    ck_assert_uint_eq(worker_stats().waiting, 1);
}
END_TEST

START_TEST(an_engine_that_accepts_no_more_stops_the_worker)
{
    char text[600];
    cmt_compact_report report;
    worker_run();
    pair_blocks.flush_fails = CMT_IO;
    fake_behave(&pair_blocks, FAKE_FAILS);
    ck_assert_int_eq(worker_enqueue(PRUNE, 0, 10), CMT_ENQUEUED);
    ck_assert_int_eq(worker_join(&report), CMT_OK); /* it leaves by itself */
    ck_assert_int_eq(report.blockstore.outcome, CMT_COMPACT_FAILED);
    ck_assert(worker_stats().engine_failed);
    ck_assert_uint_eq(worker_engine_failures(text, sizeof text), 1);
    ck_assert_str_eq(text, "blockstore: no more writes");
    ck_assert_int_eq(worker_enqueue(PRUNE, 10, 20), CMT_ENQUEUE_STOPPED);
    pair_expect_remembered(0, 20);
    ck_assert_ptr_nonnull(strstr(pair_log, "ERROR compactor stopped: an engine accepts no more "
                                           "writes  err=\"no more writes\"\n"));
    pair_blocks.flush_fails = CMT_OK;
    fake_behave(&pair_blocks, FAKE_WORKS);
    worker_start(); /* mended */
    ck_assert(!worker_stats().engine_failed);
    ck_assert_int_eq(worker_ask(MANUAL, CMT_COMPACT_KIND_RANGES, 0), CMT_ENQUEUED);
    worker_wait(2);
    fake_expect(&pair_blocks, 0, 20, 1);
}
END_TEST

START_TEST(a_full_disk_is_no_failed_engine)
{
    worker_run();
    pair_blocks.flush_fails = CMT_NO_SPACE;
    fake_behave(&pair_blocks, FAKE_FAILS);
    ck_assert_int_eq(worker_enqueue(PRUNE, 0, 10), CMT_ENQUEUED);
    worker_wait(1);
    ck_assert_int_eq(worker_stats().state, CMT_COMPACTOR_RUNNING);
    ck_assert_uint_eq(worker_stats().waiting, 1);
}
END_TEST

START_TEST(a_flight_has_one_compactor)
{
    cmt_compactor *second;
    worker_run();
    ck_assert_int_eq(cmt_compactor_new(pair_flight, NULL, &second, &pair_err), CMT_BUSY);
    ck_assert_ptr_null(second);
}
END_TEST

START_TEST(a_compactor_may_have_one_database)
{
    cmt_compact_flight *alone;
    const cmt_compactor_target target = {.state = &pair_states.base};
    cmt_compact_flight_free(pair_flight);
    pair_flight = NULL;
    ck_assert_int_eq(cmt_compact_flight_new(&target, NULL, &alone, &pair_err), CMT_OK);
    ck_assert_int_eq(cmt_compactor_new(alone, &worker_options, &worker, &pair_err), CMT_OK);
    cmt_compact_flight_free(alone); /* the compactor has it still */
    worker_start();
    ck_assert_int_eq(worker_ask(MANUAL, CMT_COMPACT_KIND_FULL, 0), CMT_ENQUEUED);
    worker_wait(1);
    fake_expect(&pair_states, 0, FAKE_PLACES, 1);
    ck_assert_uint_eq(pair_blocks.calls, 0);
}
END_TEST

static void add(TCase *tc)
{
    tcase_add_test(tc, a_task_is_logged_and_reported_like_every_compaction);
    tcase_add_test(tc, only_the_databases_of_a_task_are_compacted);
    tcase_add_test(tc, progress_is_readable_while_it_runs);
    tcase_add_test(tc, a_cookie_comes_back_when_its_work_is_done);
    tcase_add_test(tc, a_taken_flag_is_waited_for);
    tcase_add_test(tc, a_stop_of_the_flight_holds_the_worker_until_it_is_taken_back);
    tcase_add_test(tc, the_workers_stop_is_nobody_elses);
    tcase_add_test(tc, a_stop_ends_the_slice_and_a_new_start_goes_on);
    tcase_add_test(tc, a_stop_reaches_a_worker_that_waits);
    tcase_add_test(tc, of_many_who_join_one_succeeds);
    tcase_add_test(tc, what_is_not_due_is_held_back_until_the_schedule_says_so);
    tcase_add_test(tc, too_little_to_gain_is_left_alone);
    tcase_add_test(tc, both_databases_that_are_due_share_one_task);
    tcase_add_test(tc, what_would_gain_too_little_alone_goes_along);
    tcase_add_test(tc, a_poll_takes_it_along_too);
    tcase_add_test(tc, what_failed_is_tried_again_later_and_later);
    tcase_add_test(tc, one_database_that_fails_does_not_stop_the_other);
    tcase_add_test(tc, an_engine_that_accepts_no_more_stops_the_worker);
    tcase_add_test(tc, a_full_disk_is_no_failed_engine);
    tcase_add_test(tc, a_flight_has_one_compactor);
    tcase_add_test(tc, a_compactor_may_have_one_database);
}

int main(void)
{
    Suite *suite = suite_create("compactor_worker");
    TCase *tc = tcase_create("compactor_worker");
    tcase_add_checked_fixture(tc, worker_setup, worker_teardown);
    tcase_set_timeout(tc, 60);
    add(tc);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
