/* SPDX-License-Identifier: Apache-2.0
 *
 * Compacting a pair of databases: slices, results, failures, budget, what is logged.
 */
#include "compact_pair.h"
#include "suite.h"

#include <check.h>

#include <stdlib.h>
#include <string.h>

/* Places in a slice of 32 MiB, and in the first one with a budget. */
#define SLICE 8192
#define FIRST_SLICE 1024

/* ---- slices --------------------------------------------------------------------------------------- */

START_TEST(both_databases_are_compacted_once_in_slices)
{
    cmt_compact_report report;
    ck_assert_int_eq(pair_compact(1000, 60000, 5, 25, NULL, &report), CMT_OK);
    fake_expect(&pair_blocks, 0, 1000, 0);
    fake_expect(&pair_blocks, 1000, 60000, 1);
    fake_expect(&pair_blocks, 60000, FAKE_PLACES, 0);
    fake_expect(&pair_states, 0, 5, 0);
    fake_expect(&pair_states, 5, 25, 1);
    fake_expect(&pair_states, 25, FAKE_PLACES, 0);
    ck_assert_uint_ge(pair_blocks.calls, 59000 / SLICE);
    ck_assert_uint_le(pair_blocks.calls, 2 * 59000 / SLICE + 1);
    ck_assert_uint_le(pair_blocks.largest_call, 48 * MIB);
    ck_assert_uint_eq(pair_states.calls, 1);
    pair_expect_remembered(0, 0);
}
END_TEST

START_TEST(the_result_says_what_was_done)
{
    cmt_compact_report report;
    ck_assert_int_eq(pair_compact(0, 10000, 0, 0, NULL, &report), CMT_OK);
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
    ck_assert_uint_eq(b->slices, pair_blocks.calls);
    ck_assert_uint_eq(b->slice_bytes, 10000 * FAKE_PLACE_BYTES);
    ck_assert_uint_eq(b->ranges_left, 0);
    ck_assert_double_eq_tol(b->dead_before, 10000.0 / FAKE_PLACES, 1e-9);
    ck_assert_double_eq(b->dead_after, 0);
    ck_assert_uint_eq(b->keys_reclaimed, 7); /* as the request says: this engine does not count */
    ck_assert_uint_eq(b->tombstones_merged, 7);
    ck_assert_int_eq(report.state.outcome, CMT_COMPACT_NONE);
    ck_assert(!report.state.triggered);
    cmt_compact_counts counts = cmt_compact_flight_counts(pair_flight);
    ck_assert_uint_eq(counts.started, 1);
    ck_assert_uint_eq(counts.finished, 1);
    ck_assert_uint_eq(counts.slices, pair_blocks.calls);
    ck_assert_uint_eq(counts.bytes_reclaimed, 5000 * FAKE_PLACE_BYTES);
}
END_TEST

START_TEST(the_whole_database_may_be_asked_for)
{
    cmt_range_list all = {NULL, 0, 0};
    const cmt_compaction_request request = {.state = &all};
    ck_assert_int_eq(cmt_range_list_add(&all, (cmt_slice){NULL, 0}, (cmt_slice){NULL, 0}), CMT_OK);
    ck_assert_int_eq(cmt_compact_now(pair_flight, &request, NULL, NULL, &pair_err), CMT_OK);
    cmt_range_list_free(&all);
    fake_expect(&pair_states, 0, FAKE_PLACES, 1);
    ck_assert_uint_eq(pair_blocks.calls, 0);
}
END_TEST

START_TEST(nothing_to_do_is_silent)
{
    cmt_compact_report report;
    ck_assert_int_eq(pair_compact_rest(NULL, &report), CMT_OK);
    ck_assert_int_eq(report.blockstore.outcome, CMT_COMPACT_NONE);
    ck_assert_str_eq(pair_log, "");
    ck_assert_uint_eq(cmt_compact_flight_counts(pair_flight).started, 0);
    ck_assert_uint_eq(cmt_compact_flight_results(pair_flight, NULL, 0), 0);
}
END_TEST

START_TEST(one_database_alone_is_enough_and_none_is_refused)
{
    cmt_compact_flight *alone;
    cmt_compactor_target target = {.blockstore = NULL, .state = &pair_states.base};
    cmt_compact_flight_free(pair_flight);
    ck_assert_int_eq(cmt_compact_flight_new(&target, NULL, &pair_flight, &pair_err), CMT_OK);
    pair_asked a;
    pair_ask(&a, 0, 10, 0, 10);
    ck_assert_int_eq(cmt_compact_now(pair_flight, &a.request, NULL, NULL, &pair_err), CMT_OK);
    pair_release(&a);
    fake_expect(&pair_states, 0, 10, 1);
    target.state = NULL;
    ck_assert_int_eq(cmt_compact_flight_new(&target, NULL, &alone, &pair_err), CMT_INVALID);
    ck_assert_ptr_null(alone);
}
END_TEST

START_TEST(results_are_kept_newest_first)
{
    cmt_compact_result results[CMT_COMPACT_RESULTS];
    for (unsigned i = 0; i < 20; i++)
        ck_assert_int_eq(pair_compact(i, i + 1, i, i + 1, NULL, NULL), CMT_OK);
    ck_assert_uint_eq(cmt_compact_flight_results(pair_flight, results, 3), 3);
    ck_assert_uint_eq(results[0].id, 20);
    ck_assert_str_eq(results[0].database, "state");
    ck_assert_uint_eq(results[1].id, 20);
    ck_assert_str_eq(results[1].database, "blockstore");
    ck_assert_uint_eq(results[2].id, 19);
    ck_assert_uint_eq(cmt_compact_flight_results(pair_flight, results, 1000), CMT_COMPACT_RESULTS);
    ck_assert_uint_eq(results[CMT_COMPACT_RESULTS - 1].id, 5);
}
END_TEST

/* ---- budget --------------------------------------------------------------------------------------- */

/* A place takes 100 µs: a slice of 32 MiB 800 ms, the first one with a budget 100 ms. */
START_TEST(a_budget_is_kept_and_the_rest_follows)
{
    const cmt_compact_options options = {.budget_ns = 500 * MS};
    cmt_compact_report report;
    size_t calls = 0;
    pair_takes(MS / 10);
    ck_assert_int_eq(pair_compact(0, 30000, 0, 0, &options, &report), CMT_OK);
    while (report.blockstore.outcome == CMT_COMPACT_PARTLY) {
        ck_assert_int_le(report.blockstore.duration_ms, 500);
        ck_assert_int_ge(report.blockstore.duration_ms, 450);
        ck_assert_uint_eq(report.blockstore.ranges_left, 1);
        unsigned done = (unsigned)((pair_now_ns - SECOND) * 10 / MS);
        pair_expect_remembered(done, 30000);
        fake_expect(&pair_blocks, 0, done, 1);
        ck_assert_uint_lt(++calls, 10);
        ck_assert_int_eq(pair_compact_rest(&options, &report), CMT_OK);
    }
    ck_assert_int_eq(report.blockstore.outcome, CMT_COMPACT_FINISHED);
    ck_assert_uint_ge(calls, 5);
    fake_expect(&pair_blocks, 0, 30000, 1);
    ck_assert_uint_eq(cmt_compact_flight_counts(pair_flight).partly, calls);
    ck_assert_uint_eq(cmt_compact_flight_counts(pair_flight).finished, 1);
}
END_TEST

START_TEST(a_budget_too_small_for_anything_still_gets_on)
{
    const cmt_compact_options options = {.budget_ns = 1};
    cmt_compact_report report;
    pair_takes(MS / 10);
    ck_assert_int_eq(pair_compact(0, 30000, 0, 0, &options, &report), CMT_OK);
    ck_assert_uint_eq(report.blockstore.slices, 1);
    ck_assert_uint_eq(pair_blocks.calls, 1);
    ck_assert_uint_le(pair_blocks.largest_call, FIRST_SLICE * FAKE_PLACE_BYTES * 3 / 2);
    ck_assert_int_eq(pair_compact_rest(&options, &report), CMT_OK);
    ck_assert_uint_eq(pair_blocks.calls, 2);
}
END_TEST

START_TEST(no_database_waits_for_ever_for_the_other)
{
    const cmt_compact_options options = {.budget_ns = 1};
    pair_takes(MS / 10);
    ck_assert_int_eq(pair_compact(0, 30000, 0, 30000, &options, NULL), CMT_OK);
    ck_assert_uint_eq(pair_states.calls, 1);
    ck_assert_uint_eq(pair_blocks.calls, 0);
    ck_assert_int_eq(pair_compact_rest(&options, NULL), CMT_OK);
    ck_assert_uint_eq(pair_states.calls, 1);
    ck_assert_uint_eq(pair_blocks.calls, 1);
}
END_TEST

/* ---- failures ------------------------------------------------------------------------------------- */

START_TEST(a_failing_database_does_not_stop_the_other)
{
    cmt_compact_report report;
    pair_states.behaviour = FAKE_FAILS;
    ck_assert_int_eq(pair_compact(0, 30000, 0, 100, NULL, &report), CMT_IO);
    ck_assert_str_eq(pair_err.message, "state: the engine's \"own\" words");
    fake_expect(&pair_blocks, 0, 30000, 1);
    ck_assert_int_eq(report.blockstore.outcome, CMT_COMPACT_FINISHED);
    ck_assert_int_eq(report.state.outcome, CMT_COMPACT_FAILED);
    ck_assert_int_eq(report.state.status, CMT_IO);
    ck_assert_str_eq(report.state.error, "the engine's \"own\" words");
    ck_assert_uint_eq(report.state.ranges_left, 1);
    ck_assert_uint_eq(cmt_compact_flight_counts(pair_flight).failed, 1);
    ck_assert_uint_eq(cmt_compact_flight_counts(pair_flight).remembered_state, 1);
    ck_assert(!cmt_compact_flight_is_taken(pair_flight));
    pair_states.behaviour = FAKE_WORKS;
    ck_assert_int_eq(pair_compact_rest(NULL, NULL), CMT_OK);
    fake_expect(&pair_states, 0, 100, 1);
    fake_expect(&pair_blocks, 0, 30000, 1);
}
END_TEST

START_TEST(both_failures_are_told)
{
    pair_states.behaviour = FAKE_FAILS;
    pair_blocks.measure_fails = CMT_CORRUPT;
    ck_assert_int_eq(pair_compact(0, 100, 0, 100, NULL, NULL), CMT_IO);
    ck_assert_str_eq(pair_err.message, "state: the engine's \"own\" words; blockstore: no figures");
    ck_assert_uint_eq(pair_blocks.calls, 0);
    pair_expect_remembered(0, 100);
}
END_TEST

/* ---- the host, and the log ------------------------------------------------------------------------ */

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
    ck_assert_int_eq(pair_compact(0, 60000, 0, 0, &options, NULL), CMT_CANCELLED);
    ck_assert_uint_eq(pair_blocks.calls, 2);
    ck_assert_str_eq(last_progress.phase, "compact");
    ck_assert_str_eq(last_progress.database, "blockstore");
    ck_assert(last_progress.bytes);
    ck_assert_uint_eq(last_progress.total, 60000 * FAKE_PLACE_BYTES);
    ck_assert_uint_ge(last_progress.done, 32 * MIB);
    ck_assert_int_eq(pair_compact_rest(NULL, NULL), CMT_OK);
    fake_expect(&pair_blocks, 0, 60000, 1);
}
END_TEST

START_TEST(the_log_has_the_lines_that_operators_know)
{
    pair_takes(MS / 10);
    ck_assert_int_eq(pair_compact(0, 15000, 0, 0, NULL, NULL), CMT_OK);
    pair_blocks.behaviour = FAKE_FAILS;
    ck_assert_int_eq(pair_compact(0, 100, 0, 0, NULL, NULL), CMT_IO);
    pair_blocks.behaviour = FAKE_WORKS;
    const cmt_progress_hook hook = {hear, NULL};
    const cmt_compact_options options = {.progress = &hook};
    reports = 0;
    stop_at = 1;
    ck_assert_int_eq(pair_compact_rest(&options, NULL), CMT_CANCELLED);
    ck_assert_str_eq(pair_log, "INFO compaction_start label=post_pruning_compaction\n"
                               "INFO compaction_done label=post_pruning_compaction ms=1500\n"
                               "INFO compaction_start label=post_pruning_compaction\n"
                               "ERROR compaction_error label=post_pruning_compaction "
                               "err=\"blockstore: the engine's 'own' words\"\n"
                               "INFO compaction_start label=manual_compaction\n"
                               "INFO compaction_stopped label=manual_compaction ms=0\n");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("compactor");
    TCase *tc = tcase_create("compactor");
    tcase_add_checked_fixture(tc, pair_setup, pair_teardown);
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, both_databases_are_compacted_once_in_slices);
    tcase_add_test(tc, the_result_says_what_was_done);
    tcase_add_test(tc, the_whole_database_may_be_asked_for);
    tcase_add_test(tc, nothing_to_do_is_silent);
    tcase_add_test(tc, one_database_alone_is_enough_and_none_is_refused);
    tcase_add_test(tc, results_are_kept_newest_first);
    tcase_add_test(tc, a_budget_is_kept_and_the_rest_follows);
    tcase_add_test(tc, a_budget_too_small_for_anything_still_gets_on);
    tcase_add_test(tc, no_database_waits_for_ever_for_the_other);
    tcase_add_test(tc, a_failing_database_does_not_stop_the_other);
    tcase_add_test(tc, both_failures_are_told);
    tcase_add_test(tc, the_host_hears_of_each_slice_and_may_stop);
    tcase_add_test(tc, the_log_has_the_lines_that_operators_know);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
