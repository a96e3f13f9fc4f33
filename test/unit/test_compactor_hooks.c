/* SPDX-License-Identifier: Apache-2.0
 *
 * The background compactor and its surroundings: calls from its own hooks, a forked child, signals, a thread that cannot
 * be made or is ended, databases that are closed.
 */
#include "compact_worker.h"
#include "forked.h"
#include "no_threads.h"
#include "suite.h"

#include <check.h>

#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PRUNE CMT_COMPACT_LABEL_PRUNE
#define MANUAL CMT_COMPACT_LABEL_MANUAL

/* ---- a thread that cannot be made ---------------------------------------------------------------- */

START_TEST(without_a_thread_the_fallback_compacts)
{
    const cmt_compact_fallback all = {.policy = CMT_COMPACT_FULL};
    worker_make();
    threads_left = 0;
    ck_assert_int_eq(cmt_compactor_start(worker, &pair_err), CMT_NO_MEMORY);
    ck_assert_ptr_nonnull(strstr(pair_err.message, "no thread"));
    threads_left = -1;
    threads_left = 1; /* it takes two */
    ck_assert_int_eq(cmt_compactor_start(worker, &pair_err), CMT_NO_MEMORY);
    threads_left = -1;
    ck_assert(!cmt_compactor_is_running(worker));
    ck_assert(!cmt_compact_flight_is_taken(pair_flight));
    ck_assert_int_eq(worker_stats().state, CMT_COMPACTOR_NEW);
    ck_assert_int_eq(cmt_compactor_join(worker, -1, NULL, NULL), CMT_NOT_FOUND);
    const cmt_compaction_sink sink = cmt_compactor_sink(worker);
    const cmt_compact_handover handover = {&sink, pair_flight, &all, &pair_logger};
    pair_asked a;
    pair_ask(&a, 0, 10, 0, 0);
    cmt_compact_after_prune(&handover, &a.request, NULL);
    pair_release(&a);
    fake_expect(&pair_blocks, 0, 10, 1);
    ck_assert_ptr_nonnull(strstr(pair_log, "ERROR no async compactor available"));
    worker_start();
    ck_assert_int_eq(worker_enqueue(PRUNE, 10, 20), CMT_ENQUEUED);
    worker_wait(1);
    threads_left = 0; /* the same with a queue that is not empty */
    fake_behave(&pair_blocks, FAKE_HOLDS);
    ck_assert_int_eq(worker_enqueue(PRUNE, 20, 30), CMT_ENQUEUED);
    fake_wait_for_calls(&pair_blocks, 3);
    worker_stop();
    ck_assert_int_eq(worker_join(NULL), CMT_OK);
    ck_assert_int_eq(cmt_compactor_start(worker, &pair_err), CMT_NO_MEMORY);
    threads_left = -1;
    ck_assert_int_eq(worker_stats().state, CMT_COMPACTOR_JOINED);
    ck_assert_uint_eq(worker_stats().waiting, 1);
    ck_assert_int_eq(worker_enqueue(PRUNE, 30, 40), CMT_ENQUEUE_NO_WORKER);
    pair_expect_remembered(20, 40);
}
END_TEST

/* ---- from a hook --------------------------------------------------------------------------------- */

static struct {
    cmt_status join;
    cmt_status free;
    cmt_status shutdown;
    cmt_status flight;
    cmt_status now;
    cmt_enqueue_result enqueue;
    cmt_status stats;
    cmt_status stop;
} inside;

static void call_everything(void)
{
    cmt_compactor_stats stats;
    cmt_compactor *handle = worker;
    cmt_db *db = &pair_blocks.base;
    worker_on_result = NULL;
    inside.join = cmt_compactor_join(worker, -1, NULL, NULL);
    inside.free = cmt_compactor_free(&handle);
    inside.shutdown = cmt_db_shutdown(&db, 30 * SECOND, NULL);
    inside.enqueue = worker_enqueue("from a hook", 50, 60);
    inside.stats = cmt_compactor_get_stats(worker, &stats);
    inside.stop = cmt_compactor_stop(worker);
    ck_assert_ptr_eq(handle, worker);
}

START_TEST(a_hook_may_ask_and_stop_and_not_wait_for_itself)
{
    worker_on_result = call_everything;
    worker_run();
    ck_assert_int_eq(worker_enqueue(PRUNE, 0, 10), CMT_ENQUEUED);
    ck_assert_int_eq(worker_join(NULL), CMT_OK);
    ck_assert_int_eq(inside.join, CMT_DEADLOCK);
    ck_assert_int_eq(inside.free, CMT_DEADLOCK);
    ck_assert_int_eq(inside.shutdown, CMT_DEADLOCK);
    ck_assert_int_eq(inside.enqueue, CMT_ENQUEUED);
    ck_assert_int_eq(inside.stats, CMT_OK);
    ck_assert_int_eq(inside.stop, CMT_OK);
    ck_assert_uint_eq(worker_stats().waiting, 1);
}
END_TEST

/* The logger is called with the flag taken; of the task that it leaves itself it is called once more, perhaps behind the
 * stop. */
static bool has_called;

static void log_and_call(void *context, cmt_log_level level, const char *message)
{
    const cmt_compact_options patient = {.wait_ns = -1};
    cmt_compactor_stats stats;
    (void)context;
    (void)level;
    if (strncmp(message, "compaction_start", 16) != 0 || has_called)
        return;
    has_called = true;
    inside.join = cmt_compactor_join(worker, SECOND, NULL, NULL);
    inside.flight = cmt_compact_flight_take(pair_flight, -1, NULL);
    inside.now = cmt_compact_now(pair_flight, NULL, &patient, NULL, NULL);
    inside.stats = cmt_compactor_get_stats(worker, &stats);
    inside.enqueue = worker_enqueue("from the logger", 50, 60);
}

START_TEST(a_logger_may_do_the_same)
{
    const cmt_logger logger = {log_and_call, NULL};
    const cmt_compactor_target target = {.blockstore = &pair_blocks.base};
    const cmt_compact_flight_options options = {.logger = &logger};
    has_called = false;
    cmt_compact_flight_free(pair_flight);
    ck_assert_int_eq(cmt_compact_flight_new(&target, &options, &pair_flight, &pair_err), CMT_OK);
    worker_run();
    ck_assert_int_eq(worker_enqueue(PRUNE, 0, 10), CMT_ENQUEUED);
    worker_wait(1);
    worker_stop();
    ck_assert_int_eq(worker_join(NULL), CMT_OK);
    ck_assert_int_eq(inside.join, CMT_DEADLOCK);
    ck_assert_int_eq(inside.flight, CMT_DEADLOCK);
    ck_assert_int_eq(inside.now, CMT_DEADLOCK);
    ck_assert_int_eq(inside.stats, CMT_OK);
    ck_assert(inside.enqueue == CMT_ENQUEUED || inside.enqueue == CMT_ENQUEUE_COALESCED);
}
END_TEST

/* ---- a worker that dies -------------------------------------------------------------------------- */

static void die_on_start(void *context, cmt_log_level level, const char *message)
{
    (void)level;
    if (*(bool *)context && strncmp(message, "compaction_start", 16) == 0)
        pthread_exit(NULL);
}

START_TEST(a_worker_that_died_leaves_everything_as_after_a_stop)
{
    bool deadly = true;
    const cmt_logger logger = {die_on_start, &deadly};
    const cmt_compactor_target target = {.blockstore = &pair_blocks.base};
    const cmt_compact_flight_options options = {.logger = &logger};
    cmt_compact_flight_free(pair_flight);
    ck_assert_int_eq(cmt_compact_flight_new(&target, &options, &pair_flight, &pair_err), CMT_OK);
    worker_run();
    ck_assert_int_eq(worker_enqueue(PRUNE, 0, 10), CMT_ENQUEUED);
    ck_assert_int_eq(worker_join(NULL), CMT_IO);
    ck_assert_ptr_nonnull(strstr(pair_err.message, "ended from outside"));
    ck_assert_int_eq(worker_join(NULL), CMT_NOT_FOUND);
    ck_assert(!cmt_compact_flight_is_taken(pair_flight));
    pair_expect_remembered(0, 10);
    deadly = false;
    worker_start();
    ck_assert_int_eq(worker_ask(MANUAL, CMT_COMPACT_KIND_RANGES, 0), CMT_ENQUEUED);
    worker_wait(1);
    fake_expect(&pair_blocks, 0, 10, 1);
}
END_TEST

/* ---- fork ---------------------------------------------------------------------------------------- */

/* In the child: the number of the first answer that is wrong; 0: none. */
static int ask_as_a_child(void)
{
    cmt_compactor_stats stats;
    cmt_compact_report report;
    cmt_compact_result result;
    cmt_compactor *handle = worker;
    const bool right[] = {
        cmt_compactor_start(worker, NULL) == CMT_FORKED,
        cmt_compactor_stop(worker) == CMT_FORKED,
        !cmt_compactor_is_running(worker),
        cmt_compactor_join(worker, -1, NULL, NULL) == CMT_FORKED,
        worker_enqueue(PRUNE, 500, 510) == CMT_ENQUEUE_FORKED,
        cmt_compactor_last_result(worker, &report) == CMT_FORKED,
        cmt_compactor_results(worker, &result, 1) == 0,
        cmt_compactor_get_stats(worker, &stats) == CMT_FORKED,
        cmt_compactor_free(&handle) == CMT_FORKED && handle == worker,
        cmt_compact_now(pair_flight, NULL, NULL, NULL, NULL) == CMT_FORKED,
        cmt_compact_flight_take(pair_flight, -1, NULL) == CMT_FORKED,
        cmt_compact_flight_remembered(pair_flight, NULL, NULL, NULL) == CMT_FORKED,
        cmt_compact_fallback_run(pair_flight, &(cmt_compact_fallback){0}, NULL, NULL, NULL) ==
            CMT_FORKED,
        cmt_compactor_new(pair_flight, NULL, &handle, NULL) == CMT_FORKED,
        cmt_compact_flight_counts(pair_flight).started == 0,
    };
    cmt_compact_flight_stop(pair_flight);
    cmt_compact_flight_resume(pair_flight);
    return forked_first_wrong(right, sizeof right / sizeof right[0]);
}

START_TEST(a_forked_child_touches_nothing)
{
    worker_run();
    fake_behave(&pair_blocks, FAKE_HOLDS);
    ck_assert_int_eq(worker_enqueue(PRUNE, 0, 10), CMT_ENQUEUED);
    fake_wait_for_call(&pair_blocks);
    /* As it is when another thread has the mutex at the fork. */
    forked_expect(ask_as_a_child);
    fake_let_go(&pair_blocks);
    worker_wait(1);
    fake_expect(&pair_blocks, 0, 10, 1);
    pair_expect_remembered(0, 0);
}
END_TEST

/* ---- signals ------------------------------------------------------------------------------------- */

static sigset_t seen_by_worker;

static void look_at_signals(void)
{
    pthread_sigmask(SIG_BLOCK, NULL, &seen_by_worker);
}

START_TEST(the_worker_hears_of_no_signal)
{
    sigset_t before;
    sigset_t after;
    worker_on_result = look_at_signals;
    pthread_sigmask(SIG_BLOCK, NULL, &before);
    worker_run();
    pthread_sigmask(SIG_BLOCK, NULL, &after);
    ck_assert_int_eq(worker_enqueue(PRUNE, 0, 10), CMT_ENQUEUED);
    worker_stop();
    ck_assert_int_eq(worker_join(NULL), CMT_OK);
    worker_start();
    worker_wait(1);
    worker_stop();
    ck_assert_int_eq(worker_join(NULL), CMT_OK);
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGCHLD, SIGPIPE};
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++) {
        ck_assert_int_eq(sigismember(&seen_by_worker, signals[i]), 1);
        ck_assert_int_eq(sigismember(&after, signals[i]), sigismember(&before, signals[i]));
    }
}
END_TEST

/* ---- databases that are closed ------------------------------------------------------------------- */

START_TEST(a_database_is_closed_when_the_worker_has_left)
{
    cmt_db *db = &pair_blocks.base;
    worker_run();
    fake_behave(&pair_blocks, FAKE_HOLDS_TO_THE_END);
    ck_assert_int_eq(worker_enqueue(PRUNE, 0, 10), CMT_ENQUEUED);
    fake_wait_for_call(&pair_blocks);
    ck_assert_int_eq(cmt_db_shutdown(&db, 2 * MS, &pair_err), CMT_BUSY);
    ck_assert_int_eq(worker_stats().state, CMT_COMPACTOR_STOPPING);
    ck_assert_uint_eq(pair_blocks.closes, 0);
    fake_let_go(&pair_blocks);
    ck_assert_int_eq(cmt_db_shutdown(&db, 30 * SECOND, &pair_err), CMT_OK);
    ck_assert_ptr_null(db);
    ck_assert_uint_eq(pair_blocks.closes, 1);
    ck_assert_int_eq(worker_join(NULL), CMT_OK);
}
END_TEST

START_TEST(a_handle_may_go_before_its_worker_and_the_database_stays_open)
{
    worker_run();
    fake_behave(&pair_blocks, FAKE_HOLDS_TO_THE_END);
    ck_assert_int_eq(worker_enqueue(PRUNE, 0, 10), CMT_ENQUEUED);
    fake_wait_for_call(&pair_blocks);
    ck_assert_int_eq(cmt_compactor_free(&worker), CMT_OK);
    cmt_db_close(&pair_blocks.base); /* the host's own reference */
    ck_assert_uint_eq(pair_blocks.closes, 0);
    fake_let_go(&pair_blocks);
    cmt_db *states = &pair_states.base;
    ck_assert_int_eq(cmt_db_shutdown(&states, 30 * SECOND, &pair_err), CMT_OK);
    while (pair_blocks.closes == 0)
        sched_yield();
    while (cmt_compact_flight_is_taken(pair_flight))
        sched_yield();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("compactor_hooks");
    TCase *tc = tcase_create("compactor_hooks");
    tcase_add_checked_fixture(tc, worker_setup, worker_teardown);
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, without_a_thread_the_fallback_compacts);
    tcase_add_test(tc, a_hook_may_ask_and_stop_and_not_wait_for_itself);
    tcase_add_test(tc, a_logger_may_do_the_same);
    tcase_add_test(tc, a_worker_that_died_leaves_everything_as_after_a_stop);
    tcase_add_test(tc, a_forked_child_touches_nothing);
    tcase_add_test(tc, the_worker_hears_of_no_signal);
    tcase_add_test(tc, a_database_is_closed_when_the_worker_has_left);
    tcase_add_test(tc, a_handle_may_go_before_its_worker_and_the_database_stays_open);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
