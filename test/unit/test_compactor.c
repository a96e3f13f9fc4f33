/* SPDX-License-Identifier: Apache-2.0
 *
 * Compacting a pair of databases: the flag, the stop, the budget, failures, what is remembered, what is logged.
 */
#include "cmtstore/compactor.h"
#include "fake_db.h"

#include <check.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MIB ((uint64_t)1 << 20)
#define MS INT64_C(1000000)
/* Places in a slice of 32 MiB, and in the first one with a budget. */
#define SLICE 8192
#define FIRST_SLICE 1024

static fake_db blocks;
static fake_db states;
static int64_t now_ns;
static cmt_compact_flight *flight;
static cmt_error err;

static char lines[64][256];
static size_t line_count;

static void keep_line(void *context, cmt_log_level level, const char *message)
{
    (void)context;
    if (level == CMT_LOG_DEBUG)
        return;
    ck_assert_uint_lt(line_count, sizeof lines / sizeof lines[0]);
    snprintf(lines[line_count++], sizeof lines[0], "%s %s",
             level == CMT_LOG_ERROR ? "ERROR" : "INFO", message);
}

static const cmt_logger logger = {keep_line, NULL};

static int64_t fake_clock(void *context)
{
    (void)context;
    return now_ns;
}

static void setup(void)
{
    fake_init(&blocks);
    fake_init(&states);
    now_ns = 1000 * MS;
    line_count = 0;
    err = (cmt_error)CMT_ERROR_INIT;
    const cmt_compactor_target target = {&blocks.base, &states.base};
    const cmt_compact_flight_options options = {.logger = &logger, .clock_ns = fake_clock};
    ck_assert_int_eq(cmt_compact_flight_new(&target, &options, &flight, &err), CMT_OK);
}

static void teardown(void)
{
    ck_assert_msg(!cmt_compact_flight_is_taken(flight), "the flag was not given back");
    cmt_compact_flight_free(flight);
    fake_destroy(&blocks);
    fake_destroy(&states);
}

/* ---- asking ---------------------------------------------------------------------------------- */

typedef struct asked {
    cmt_range_list blockstore;
    cmt_range_list state;
    cmt_compaction_request request;
} asked;

/* Places [lo,hi) of each; hi 0: nothing of that one. */
static asked ask(unsigned blocks_lo, unsigned blocks_hi, unsigned states_lo, unsigned states_hi)
{
    asked a = {.request = {.trigger = CMT_COMPACT_LABEL_PRUNE, .deleted_keys = 7, .heights = 3}};
    if (blocks_hi > 0)
        ck_assert_int_eq(
            cmt_range_list_add(&a.blockstore, fake_key(blocks_lo), fake_key(blocks_hi)), CMT_OK);
    if (states_hi > 0)
        ck_assert_int_eq(cmt_range_list_add(&a.state, fake_key(states_lo), fake_key(states_hi)),
                         CMT_OK);
    return a;
}

static cmt_status compact_asked(asked a, const cmt_compact_options *options,
                                cmt_compact_report *report)
{
    a.request.blockstore = &a.blockstore;
    a.request.state = &a.state;
    cmt_status st = cmt_compact_now(flight, &a.request, options, report, &err);
    cmt_range_list_free(&a.blockstore);
    cmt_range_list_free(&a.state);
    return st;
}

static void remember(asked a)
{
    a.request.blockstore = &a.blockstore;
    a.request.state = &a.state;
    cmt_compact_flight_remember(flight, &a.request);
    cmt_range_list_free(&a.blockstore);
    cmt_range_list_free(&a.state);
}

/* What is remembered of the block store is exactly [lo,hi); hi 0: nothing. */
static void expect_remembered(unsigned lo, unsigned hi)
{
    cmt_range_list list = {NULL, 0, 0};
    ck_assert_int_eq(cmt_compact_flight_remembered(flight, &list, NULL, &err), CMT_OK);
    ck_assert_uint_eq(list.count, hi > 0);
    ck_assert_uint_eq(cmt_compact_flight_counts(flight).remembered_blockstore, hi > 0);
    if (hi > 0) {
        ck_assert_uint_eq(fake_place(list.ranges[0].lo), lo);
        ck_assert_uint_eq(fake_place(list.ranges[0].hi), hi);
    }
    cmt_range_list_free(&list);
}

/* ---- slices ---------------------------------------------------------------------------------- */

START_TEST(both_databases_are_compacted_once_in_slices)
{
    cmt_compact_report report;
    ck_assert_int_eq(compact_asked(ask(1000, 60000, 5, 25), NULL, &report), CMT_OK);
    fake_expect(&blocks, 0, 1000, 0);
    fake_expect(&blocks, 1000, 60000, 1);
    fake_expect(&blocks, 60000, FAKE_PLACES, 0);
    fake_expect(&states, 0, 5, 0);
    fake_expect(&states, 5, 25, 1);
    fake_expect(&states, 25, FAKE_PLACES, 0);
    ck_assert_uint_ge(blocks.calls, 59000 / SLICE);
    ck_assert_uint_le(blocks.calls, 2 * 59000 / SLICE + 1);
    ck_assert_uint_le(blocks.largest_call, 48 * MIB);
    ck_assert_uint_eq(states.calls, 1);
    expect_remembered(0, 0);
}
END_TEST

START_TEST(the_result_says_what_was_done)
{
    cmt_compact_report report;
    ck_assert_int_eq(compact_asked(ask(0, 10000, 0, 0), NULL, &report), CMT_OK);
    const cmt_compact_result *b = &report.blockstore;
    ck_assert_int_eq(b->outcome, CMT_COMPACT_FINISHED);
    ck_assert(b->triggered);
    ck_assert_int_eq(b->status, CMT_OK);
    ck_assert_uint_eq(b->id, 1);
    ck_assert_str_eq(b->database, "blockstore");
    ck_assert_str_eq(b->label, "post_pruning_compaction");
    ck_assert_str_eq(b->trigger, "deleted_keys=7 heights=3");
    ck_assert_uint_eq(b->bytes_before, FAKE_PLACES * FAKE_PLACE_BYTES);
    ck_assert_uint_eq(b->bytes_after, (FAKE_PLACES - 5000) * FAKE_PLACE_BYTES);
    ck_assert_uint_eq(b->tables_before, 7);
    ck_assert_uint_eq(b->tables_after, 7);
    ck_assert_uint_eq(b->slices, blocks.calls);
    ck_assert_uint_eq(b->slice_bytes, 10000 * FAKE_PLACE_BYTES);
    ck_assert_uint_eq(b->ranges_left, 0);
    ck_assert_int_eq(report.state.outcome, CMT_COMPACT_NONE);
    ck_assert(!report.state.triggered);
    cmt_compact_counts counts = cmt_compact_flight_counts(flight);
    ck_assert_uint_eq(counts.started, 1);
    ck_assert_uint_eq(counts.finished, 1);
    ck_assert_uint_eq(counts.slices, blocks.calls);
    ck_assert_uint_eq(counts.bytes_reclaimed, 5000 * FAKE_PLACE_BYTES);
}
END_TEST

START_TEST(the_whole_database_may_be_asked_for)
{
    asked a = ask(0, 0, 0, 0);
    ck_assert_int_eq(cmt_range_list_add(&a.state, (cmt_slice){NULL, 0}, (cmt_slice){NULL, 0}),
                     CMT_OK);
    ck_assert_int_eq(compact_asked(a, NULL, NULL), CMT_OK);
    fake_expect(&states, 0, FAKE_PLACES, 1);
    ck_assert_uint_eq(blocks.calls, 0);
}
END_TEST

START_TEST(nothing_to_do_is_silent)
{
    cmt_compact_report report;
    ck_assert_int_eq(cmt_compact_now(flight, NULL, NULL, &report, &err), CMT_OK);
    ck_assert_int_eq(report.blockstore.outcome, CMT_COMPACT_NONE);
    ck_assert_uint_eq(line_count, 0);
    ck_assert_uint_eq(cmt_compact_flight_counts(flight).started, 0);
    ck_assert_uint_eq(cmt_compact_flight_results(flight, NULL, 0), 0);
}
END_TEST

START_TEST(one_database_alone_is_enough_and_none_is_refused)
{
    cmt_compact_flight *alone;
    cmt_compactor_target target = {NULL, &states.base};
    ck_assert_int_eq(cmt_compact_flight_new(&target, NULL, &alone, &err), CMT_OK);
    asked a = ask(0, 10, 0, 10);
    a.request.blockstore = &a.blockstore;
    a.request.state = &a.state;
    ck_assert_int_eq(cmt_compact_now(alone, &a.request, NULL, NULL, &err), CMT_OK);
    cmt_range_list_free(&a.blockstore);
    cmt_range_list_free(&a.state);
    fake_expect(&states, 0, 10, 1);
    cmt_compact_flight_free(alone);
    target.state = NULL;
    ck_assert_int_eq(cmt_compact_flight_new(&target, NULL, &alone, &err), CMT_INVALID);
    ck_assert_ptr_null(alone);
}
END_TEST

START_TEST(results_are_kept_newest_first)
{
    cmt_compact_result results[CMT_COMPACT_RESULTS];
    for (unsigned i = 0; i < 20; i++)
        ck_assert_int_eq(compact_asked(ask(i, i + 1, i, i + 1), NULL, NULL), CMT_OK);
    ck_assert_uint_eq(cmt_compact_flight_results(flight, results, 3), 3);
    ck_assert_uint_eq(results[0].id, 20);
    ck_assert_str_eq(results[0].database, "state");
    ck_assert_uint_eq(results[1].id, 20);
    ck_assert_str_eq(results[1].database, "blockstore");
    ck_assert_uint_eq(results[2].id, 19);
    ck_assert_uint_eq(cmt_compact_flight_results(flight, results, 1000), CMT_COMPACT_RESULTS);
    ck_assert_uint_eq(results[CMT_COMPACT_RESULTS - 1].id, 5);
}
END_TEST

/* ---- one at a time --------------------------------------------------------------------------- */

typedef struct caller {
    pthread_t thread;
    asked what;
    cmt_compact_options options;
    cmt_compact_report report;
    cmt_status status;
    cmt_error err;
} caller;

static void *call(void *argument)
{
    caller *c = argument;
    c->status = cmt_compact_now(flight, &c->what.request, &c->options, &c->report, &c->err);
    return NULL;
}

static void start(caller *c, asked what)
{
    c->what = what;
    c->what.request.blockstore = &c->what.blockstore;
    c->what.request.state = &c->what.state;
    ck_assert_int_eq(pthread_create(&c->thread, NULL, call, c), 0);
}

static cmt_status join(caller *c)
{
    ck_assert_int_eq(pthread_join(c->thread, NULL), 0);
    cmt_range_list_free(&c->what.blockstore);
    cmt_range_list_free(&c->what.state);
    return c->status;
}

START_TEST(a_second_caller_is_busy_and_not_forgotten)
{
    caller first = {0};
    cmt_compact_report report;
    blocks.behaviour = FAKE_HOLDS;
    start(&first, ask(0, 100, 0, 0));
    fake_wait_for_call(&blocks);
    ck_assert(cmt_compact_flight_is_taken(flight));
    ck_assert_int_eq(compact_asked(ask(50000, 50100, 0, 0), NULL, &report), CMT_BUSY);
    ck_assert_ptr_nonnull(strstr(err.message, "in flight"));
    ck_assert_int_eq(report.blockstore.outcome, CMT_COMPACT_NONE);
    fake_let_go(&blocks);
    ck_assert_int_eq(join(&first), CMT_OK);
    fake_expect(&blocks, 0, 100, 1);
    fake_expect(&blocks, 50000, 50100, 0);
    expect_remembered(50000, 50100);
    ck_assert_uint_eq(cmt_compact_flight_counts(flight).busy, 1);
    ck_assert_int_eq(cmt_compact_now(flight, NULL, NULL, NULL, &err), CMT_OK);
    fake_expect(&blocks, 50000, 50100, 1);
    expect_remembered(0, 0);
}
END_TEST

START_TEST(what_is_asked_for_meanwhile_is_done_again)
{
    caller first = {0};
    blocks.behaviour = FAKE_HOLDS;
    start(&first, ask(0, 100, 0, 0));
    fake_wait_for_call(&blocks);
    remember(ask(50, 80, 0, 0));
    fake_let_go(&blocks);
    ck_assert_int_eq(join(&first), CMT_OK);
    expect_remembered(50, 80);
}
END_TEST

START_TEST(what_is_being_done_is_still_remembered)
{
    caller first = {0};
    blocks.behaviour = FAKE_HOLDS;
    start(&first, ask(0, 100, 0, 0));
    fake_wait_for_call(&blocks);
    expect_remembered(0, 100);
    fake_let_go(&blocks);
    ck_assert_int_eq(join(&first), CMT_OK);
    expect_remembered(0, 0);
}
END_TEST

START_TEST(a_caller_may_wait_for_its_turn)
{
    caller first = {0};
    caller second = {.options = {.wait_ns = -1}};
    cmt_compact_options little = {.wait_ns = 2 * MS};
    blocks.behaviour = FAKE_HOLDS;
    start(&first, ask(0, 100, 0, 0));
    fake_wait_for_call(&blocks);
    ck_assert_int_eq(compact_asked(ask(0, 0, 0, 0), &little, NULL), CMT_BUSY);
    start(&second, ask(200, 300, 0, 0));
    fake_let_go(&blocks);
    ck_assert_int_eq(join(&first), CMT_OK);
    ck_assert_int_eq(join(&second), CMT_OK);
    fake_expect(&blocks, 200, 300, 1);
    ck_assert_uint_eq(blocks.most_inside, 1);
}
END_TEST

START_TEST(other_work_takes_the_same_flag)
{
    ck_assert_int_eq(cmt_compact_flight_take(flight, 0, &err), CMT_OK);
    ck_assert_int_eq(cmt_compact_flight_take(flight, 0, &err), CMT_BUSY);
    ck_assert_int_eq(compact_asked(ask(0, 1, 0, 0), NULL, NULL), CMT_BUSY);
    cmt_compact_flight_release(flight);
    ck_assert_int_eq(cmt_compact_now(flight, NULL, NULL, NULL, &err), CMT_OK);
    fake_expect(&blocks, 0, 1, 1);
}
END_TEST

static void *ask_often(void *argument)
{
    size_t *done = argument;
    for (unsigned i = 0; i < 200; i++) {
        asked a = ask(i * 100, i * 100 + 50, i, i + 1);
        a.request.blockstore = &a.blockstore;
        a.request.state = &a.state;
        cmt_status st = cmt_compact_now(flight, &a.request, NULL, NULL, NULL);
        *done += st == CMT_OK;
        cmt_range_list_free(&a.blockstore);
        cmt_range_list_free(&a.state);
    }
    return NULL;
}

static void ignore_line(void *context, cmt_log_level level, const char *message)
{
    (void)context;
    (void)level;
    (void)message;
}

START_TEST(never_two_at_once_and_nothing_lost)
{
    pthread_t threads[4];
    size_t done[4] = {0};
    static const cmt_logger silent = {ignore_line, NULL};
    cmt_compact_flight_free(flight);
    const cmt_compactor_target target = {&blocks.base, &states.base};
    const cmt_compact_flight_options options = {.logger = &silent};
    ck_assert_int_eq(cmt_compact_flight_new(&target, &options, &flight, &err), CMT_OK);
    for (size_t i = 0; i < 4; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, ask_often, &done[i]), 0);
    for (size_t i = 0; i < 4; i++)
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
    ck_assert_int_eq(cmt_compact_now(flight, NULL, NULL, NULL, &err), CMT_OK);
    for (unsigned i = 0; i < 200; i++)
        for (unsigned place = i * 100; place < i * 100 + 50; place++)
            ck_assert_uint_gt(blocks.compacted[place], 0);
    ck_assert_uint_eq(blocks.most_inside, 1);
    ck_assert_uint_eq(states.most_inside, 1);
    ck_assert_uint_eq(
        done[0] + done[1] + done[2] + done[3] + cmt_compact_flight_counts(flight).busy, 800);
}
END_TEST

/* ---- stop ------------------------------------------------------------------------------------ */

START_TEST(a_stop_ends_the_slice_and_keeps_the_rest)
{
    caller c = {0};
    blocks.behaviour = FAKE_HOLDS;
    start(&c, ask(0, 60000, 0, 0));
    fake_wait_for_call(&blocks);
    cmt_compact_flight_stop(flight);
    ck_assert_int_eq(join(&c), CMT_CANCELLED);
    ck_assert_uint_eq(blocks.calls, 1);
    ck_assert_int_eq(c.report.blockstore.outcome, CMT_COMPACT_STOPPED);
    ck_assert_int_eq(c.report.blockstore.status, CMT_CANCELLED);
    ck_assert_str_eq(c.report.blockstore.error, "");
    expect_remembered(0, 60000);
    ck_assert(cmt_compact_flight_is_stopped(flight));
    ck_assert_int_eq(cmt_compact_now(flight, NULL, NULL, NULL, &err), CMT_CANCELLED);
    ck_assert_uint_eq(blocks.calls, 1);
    ck_assert_uint_eq(cmt_compact_flight_counts(flight).stopped, 2);
    blocks.behaviour = FAKE_WORKS;
    cmt_compact_flight_resume(flight);
    ck_assert_msg(!blocks.cancelled, "the engine compacts no more");
    ck_assert_int_eq(cmt_compact_now(flight, NULL, NULL, NULL, &err), CMT_OK);
    fake_expect(&blocks, 0, 60000, 1);
}
END_TEST

START_TEST(a_stop_is_heard_behind_a_slice_that_the_engine_finished)
{
    caller c = {0};
    blocks.behaviour = FAKE_HOLDS_TO_THE_END;
    start(&c, ask(0, 60000, 0, 0));
    fake_wait_for_call(&blocks);
    cmt_compact_flight_stop(flight);
    cmt_compact_flight_resume(flight); /* a wish that came and went */
    fake_let_go(&blocks);
    ck_assert_int_eq(join(&c), CMT_CANCELLED);
    ck_assert_uint_eq(blocks.calls, 1);
    ck_assert_uint_eq(c.report.blockstore.slices, 1);
    unsigned done = 0;
    while (done < FAKE_PLACES && blocks.compacted[done] > 0)
        done++;
    expect_remembered(done, 60000);
}
END_TEST

START_TEST(a_stop_that_comes_behind_the_last_slice_is_no_failure)
{
    caller c = {0};
    blocks.behaviour = FAKE_HOLDS_TO_THE_END;
    start(&c, ask(0, 100, 0, 0));
    fake_wait_for_call(&blocks);
    cmt_compact_flight_stop(flight);
    ck_assert_int_eq(join(&c), CMT_OK);
    ck_assert_int_eq(c.report.blockstore.outcome, CMT_COMPACT_FINISHED);
}
END_TEST

START_TEST(a_stop_ends_waiting_for_the_flag)
{
    caller c = {.options = {.wait_ns = -1}};
    ck_assert_int_eq(cmt_compact_flight_take(flight, 0, &err), CMT_OK);
    start(&c, ask(0, 100, 0, 0));
    cmt_compact_flight_stop(flight);
    ck_assert_int_eq(join(&c), CMT_CANCELLED);
    cmt_compact_flight_release(flight);
    ck_assert_uint_eq(blocks.calls, 0);
    expect_remembered(0, 100);
}
END_TEST

static cmt_progress last_progress;
static size_t reports;
static size_t stop_at;

static bool hear(void *context, const cmt_progress *progress)
{
    (void)context;
    last_progress = *progress;
    return ++reports == stop_at;
}

START_TEST(the_host_hears_of_each_slice_and_may_stop)
{
    const cmt_progress_hook hook = {hear, NULL};
    const cmt_compact_options options = {.progress = &hook};
    reports = 0;
    stop_at = 3;
    ck_assert_int_eq(compact_asked(ask(0, 60000, 0, 0), &options, NULL), CMT_CANCELLED);
    ck_assert_uint_eq(blocks.calls, 2);
    ck_assert_str_eq(last_progress.phase, "compact");
    ck_assert_str_eq(last_progress.database, "blockstore");
    ck_assert(last_progress.bytes);
    ck_assert_uint_eq(last_progress.total, 60000 * FAKE_PLACE_BYTES);
    ck_assert_uint_ge(last_progress.done, 32 * MIB);
    ck_assert_int_eq(cmt_compact_now(flight, NULL, NULL, NULL, &err), CMT_OK);
    fake_expect(&blocks, 0, 60000, 1);
}
END_TEST

/* ---- budget ---------------------------------------------------------------------------------- */

/* A place takes 100 µs: a slice of 32 MiB 800 ms, the first one with a budget 100 ms. */
static void take_time(void)
{
    blocks.clock_ns = &now_ns;
    blocks.ns_per_place = MS / 10;
    states.clock_ns = &now_ns;
    states.ns_per_place = MS / 10;
}

START_TEST(a_budget_is_kept_and_the_rest_follows)
{
    const cmt_compact_options options = {.budget_ns = 500 * MS};
    cmt_compact_report report;
    size_t calls = 0;
    take_time();
    ck_assert_int_eq(compact_asked(ask(0, 30000, 0, 0), &options, &report), CMT_OK);
    while (report.blockstore.outcome == CMT_COMPACT_PARTLY) {
        ck_assert_int_le(report.blockstore.duration_ms, 500);
        ck_assert_int_ge(report.blockstore.duration_ms, 450);
        ck_assert_uint_eq(report.blockstore.ranges_left, 1);
        unsigned done = (unsigned)((now_ns - 1000 * MS) * 10 / MS);
        expect_remembered(done, 30000);
        fake_expect(&blocks, 0, done, 1);
        ck_assert_uint_lt(++calls, 10);
        ck_assert_int_eq(cmt_compact_now(flight, NULL, &options, &report, &err), CMT_OK);
    }
    ck_assert_int_eq(report.blockstore.outcome, CMT_COMPACT_FINISHED);
    ck_assert_uint_ge(calls, 5);
    fake_expect(&blocks, 0, 30000, 1);
    ck_assert_uint_eq(cmt_compact_flight_counts(flight).partly, calls);
    ck_assert_uint_eq(cmt_compact_flight_counts(flight).finished, 1);
}
END_TEST

START_TEST(a_budget_too_small_for_anything_still_gets_on)
{
    const cmt_compact_options options = {.budget_ns = 1};
    cmt_compact_report report;
    take_time();
    ck_assert_int_eq(compact_asked(ask(0, 30000, 0, 0), &options, &report), CMT_OK);
    ck_assert_uint_eq(report.blockstore.slices, 1);
    ck_assert_uint_eq(blocks.calls, 1);
    ck_assert_uint_le(blocks.largest_call, FIRST_SLICE * FAKE_PLACE_BYTES * 3 / 2);
    ck_assert_int_eq(cmt_compact_now(flight, NULL, &options, &report, &err), CMT_OK);
    ck_assert_uint_eq(blocks.calls, 2);
}
END_TEST

START_TEST(no_database_waits_for_ever_for_the_other)
{
    const cmt_compact_options options = {.budget_ns = 1};
    take_time();
    ck_assert_int_eq(compact_asked(ask(0, 30000, 0, 30000), &options, NULL), CMT_OK);
    ck_assert_uint_eq(states.calls, 1);
    ck_assert_uint_eq(blocks.calls, 0);
    ck_assert_int_eq(cmt_compact_now(flight, NULL, &options, NULL, &err), CMT_OK);
    ck_assert_uint_eq(states.calls, 1);
    ck_assert_uint_eq(blocks.calls, 1);
}
END_TEST

/* ---- failures -------------------------------------------------------------------------------- */

START_TEST(a_failing_database_does_not_stop_the_other)
{
    cmt_compact_report report;
    states.behaviour = FAKE_FAILS;
    ck_assert_int_eq(compact_asked(ask(0, 30000, 0, 100), NULL, &report), CMT_IO);
    ck_assert_str_eq(err.message, "state: the engine's \"own\" words");
    fake_expect(&blocks, 0, 30000, 1);
    ck_assert_int_eq(report.blockstore.outcome, CMT_COMPACT_FINISHED);
    ck_assert_int_eq(report.state.outcome, CMT_COMPACT_FAILED);
    ck_assert_int_eq(report.state.status, CMT_IO);
    ck_assert_str_eq(report.state.error, "the engine's \"own\" words");
    ck_assert_uint_eq(report.state.ranges_left, 1);
    ck_assert_uint_eq(cmt_compact_flight_counts(flight).failed, 1);
    ck_assert_uint_eq(cmt_compact_flight_counts(flight).remembered_state, 1);
    ck_assert(!cmt_compact_flight_is_taken(flight));
    states.behaviour = FAKE_WORKS;
    ck_assert_int_eq(cmt_compact_now(flight, NULL, NULL, NULL, &err), CMT_OK);
    fake_expect(&states, 0, 100, 1);
    fake_expect(&blocks, 0, 30000, 1);
}
END_TEST

START_TEST(both_failures_are_told)
{
    states.behaviour = FAKE_FAILS;
    blocks.measure_fails = CMT_CORRUPT;
    ck_assert_int_eq(compact_asked(ask(0, 100, 0, 100), NULL, NULL), CMT_IO);
    ck_assert_str_eq(err.message, "state: the engine's \"own\" words; blockstore: no figures");
    ck_assert_uint_eq(blocks.calls, 0);
    expect_remembered(0, 100);
}
END_TEST

/* ---- log ------------------------------------------------------------------------------------- */

START_TEST(the_log_has_the_lines_that_operators_know)
{
    take_time();
    ck_assert_int_eq(compact_asked(ask(0, 15000, 0, 0), NULL, NULL), CMT_OK);
    blocks.behaviour = FAKE_FAILS;
    ck_assert_int_eq(compact_asked(ask(0, 100, 0, 0), NULL, NULL), CMT_IO);
    blocks.behaviour = FAKE_WORKS;
    const cmt_progress_hook hook = {hear, NULL};
    const cmt_compact_options options = {.progress = &hook};
    reports = 0;
    stop_at = 1;
    ck_assert_int_eq(cmt_compact_now(flight, NULL, &options, NULL, &err), CMT_CANCELLED);
    static const char *const expected[] = {
        "INFO compaction_start label=post_pruning_compaction",
        "INFO compaction_done label=post_pruning_compaction ms=1500",
        "INFO compaction_start label=post_pruning_compaction",
        "ERROR compaction_error label=post_pruning_compaction "
        "err=\"blockstore: the engine's 'own' words\"",
        "INFO compaction_start label=manual_compaction",
        "INFO compaction_stopped label=manual_compaction ms=0",
    };
    ck_assert_uint_eq(line_count, sizeof expected / sizeof expected[0]);
    for (size_t i = 0; i < line_count; i++)
        ck_assert_str_eq(lines[i], expected[i]);
}
END_TEST

static void add_slices(Suite *suite)
{
    TCase *tc = tcase_create("slices");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, both_databases_are_compacted_once_in_slices);
    tcase_add_test(tc, the_result_says_what_was_done);
    tcase_add_test(tc, the_whole_database_may_be_asked_for);
    tcase_add_test(tc, nothing_to_do_is_silent);
    tcase_add_test(tc, one_database_alone_is_enough_and_none_is_refused);
    tcase_add_test(tc, results_are_kept_newest_first);
    tcase_add_test(tc, a_failing_database_does_not_stop_the_other);
    tcase_add_test(tc, both_failures_are_told);
    tcase_add_test(tc, the_log_has_the_lines_that_operators_know);
    suite_add_tcase(suite, tc);
}

static void add_flag(Suite *suite)
{
    TCase *tc = tcase_create("flag");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, a_second_caller_is_busy_and_not_forgotten);
    tcase_add_test(tc, what_is_asked_for_meanwhile_is_done_again);
    tcase_add_test(tc, what_is_being_done_is_still_remembered);
    tcase_add_test(tc, a_caller_may_wait_for_its_turn);
    tcase_add_test(tc, other_work_takes_the_same_flag);
    tcase_add_test(tc, never_two_at_once_and_nothing_lost);
    suite_add_tcase(suite, tc);
}

static void add_ends(Suite *suite)
{
    TCase *tc = tcase_create("stop and budget");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, a_stop_ends_the_slice_and_keeps_the_rest);
    tcase_add_test(tc, a_stop_is_heard_behind_a_slice_that_the_engine_finished);
    tcase_add_test(tc, a_stop_that_comes_behind_the_last_slice_is_no_failure);
    tcase_add_test(tc, a_stop_ends_waiting_for_the_flag);
    tcase_add_test(tc, the_host_hears_of_each_slice_and_may_stop);
    tcase_add_test(tc, a_budget_is_kept_and_the_rest_follows);
    tcase_add_test(tc, a_budget_too_small_for_anything_still_gets_on);
    tcase_add_test(tc, no_database_waits_for_ever_for_the_other);
    suite_add_tcase(suite, tc);
}

int main(void)
{
    Suite *suite = suite_create("compactor");
    add_slices(suite);
    add_flag(suite);
    add_ends(suite);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
