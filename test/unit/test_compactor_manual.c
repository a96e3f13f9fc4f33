/* SPDX-License-Identifier: Apache-2.0
 *
 * Whole databases compacted on request, at once and in the background.
 */
#include "compact_worker.h"
#include "suite.h"

#include "cmtstore/compactor_manual.h"

#include <check.h>

#include <stdlib.h>
#include <string.h>

typedef cmt_status at_once(cmt_compact_flight *flight, const cmt_compact_options *options,
                           cmt_compact_report *out, cmt_error *err);
typedef cmt_enqueue_result in_background(cmt_compactor *compactor);

enum { STATE, BLOCKS, BOTH, WAYS };

static at_once *const now[WAYS] = {cmt_state_store_compact, cmt_block_store_compact,
                                   cmt_stores_compact};
static in_background *const later[WAYS] = {cmt_state_store_compact_async,
                                           cmt_block_store_compact_async, cmt_stores_compact_async};

static void expect_compacted(int which)
{
    fake_expect(&pair_states, 0, FAKE_PLACES, which != BLOCKS);
    fake_expect(&pair_blocks, 0, FAKE_PLACES, which != STATE);
    ck_assert_str_eq(pair_log, "INFO compaction_start label=manual_compaction\n"
                               "INFO compaction_done label=manual_compaction ms=0\n");
}

START_TEST(at_once_returns_what_came_of_it)
{
    cmt_compact_report report;
    ck_assert_int_eq(now[_i](pair_flight, NULL, &report, &pair_err), CMT_OK);
    expect_compacted(_i);
    ck_assert_int_eq(report.state.outcome == CMT_COMPACT_FINISHED, _i != BLOCKS);
    ck_assert_int_eq(report.blockstore.outcome == CMT_COMPACT_FINISHED, _i != STATE);
    ck_assert_str_eq(report.state.label, _i != BLOCKS ? "manual_compaction" : "");
}
END_TEST

START_TEST(in_the_background_returns_at_once)
{
    worker_run();
    ck_assert_int_eq(cmt_compact_flight_take(pair_flight, 0, &pair_err), CMT_OK);
    ck_assert_int_eq(later[_i](worker), CMT_ENQUEUED);
    ck_assert_int_eq(later[_i](worker), CMT_ENQUEUE_COALESCED);
    ck_assert_int_eq(now[_i](pair_flight, NULL, NULL, &pair_err), CMT_BUSY);
    cmt_compact_flight_release(pair_flight);
    worker_wait(1);
    expect_compacted(_i);
}
END_TEST

START_TEST(a_database_that_is_not_there_is_refused)
{
    cmt_compact_report report;
    const cmt_compactor_target target = {.state = &pair_states.base};
    cmt_compact_flight_free(pair_flight);
    ck_assert_int_eq(cmt_compact_flight_new(&target, NULL, &pair_flight, &pair_err), CMT_OK);
    ck_assert_int_eq(cmt_block_store_compact(pair_flight, NULL, &report, &pair_err), CMT_INVALID);
    ck_assert_int_eq(report.state.outcome, CMT_COMPACT_NONE);
    ck_assert_int_eq(cmt_stores_compact(pair_flight, NULL, &report, &pair_err), CMT_OK);
    fake_expect(&pair_states, 0, FAKE_PLACES, 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("compactor_manual");
    TCase *tc = tcase_create("compactor_manual");
    tcase_add_checked_fixture(tc, worker_setup, worker_teardown);
    tcase_set_timeout(tc, 60);
    tcase_add_loop_test(tc, at_once_returns_what_came_of_it, STATE, WAYS);
    tcase_add_loop_test(tc, in_the_background_returns_at_once, STATE, WAYS);
    tcase_add_test(tc, a_database_that_is_not_there_is_refused);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
