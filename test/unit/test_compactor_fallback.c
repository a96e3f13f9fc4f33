/* SPDX-License-Identifier: Apache-2.0
 *
 * What follows a prune: handing on to a background compactor, or compacting at once as policy, interval and minimum
 * of work let it.
 */
#include "compact_pair.h"
#include "suite.h"

#include <check.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static cmt_compact_fallback fallback;
static cmt_compact_report report;

static void setup(void)
{
    pair_setup();
    fallback = (cmt_compact_fallback){.policy = CMT_COMPACT_FULL};
}

/* A prune that deleted places [lo,hi) of the block store and, if `state`, of the state store. */
static void prune(pair_asked *p, unsigned lo, unsigned hi, bool state, uint64_t deleted_keys)
{
    pair_ask(p, lo, hi, lo, state ? hi : 0);
    p->request.deleted_keys = deleted_keys;
    p->request.heights = 0;
}

/* Prune places [lo,hi) of the block store, then fall back. */
static cmt_status run(unsigned lo, unsigned hi, uint64_t deleted_keys)
{
    pair_asked p;
    prune(&p, lo, hi, false, deleted_keys);
    cmt_status st =
        cmt_compact_fallback_run(pair_flight, &fallback, &p.request, &report, &pair_err);
    pair_release(&p);
    return st;
}

static void expect_skipped(const char *reason)
{
    ck_assert_int_eq(report.blockstore.outcome, CMT_COMPACT_SKIPPED);
    ck_assert(!report.blockstore.triggered);
    ck_assert_str_eq(report.blockstore.reason, reason);
    ck_assert_str_eq(report.blockstore.database, "blockstore");
    ck_assert_uint_gt(report.blockstore.ranges_left, 0);
}

/* ---- policy ---------------------------------------------------------------------------------- */

START_TEST(never_remembers_only)
{
    fallback.policy = CMT_COMPACT_NEVER;
    ck_assert_int_eq(run(0, 1000, 5), CMT_OK);
    expect_skipped("policy=never");
    ck_assert_uint_eq(pair_blocks.calls, 0);
    ck_assert_uint_eq(cmt_compact_flight_counts(pair_flight).skipped_policy, 1);
    ck_assert_int_eq(pair_compact_rest(NULL, NULL), CMT_OK);
    fake_expect(&pair_blocks, 0, 1000, 1);
}
END_TEST

START_TEST(full_compacts_all_however_long_it_takes)
{
    pair_takes(SECOND);
    fallback.budget_ns = 1;
    ck_assert_int_eq(run(0, 60000, 5), CMT_OK);
    ck_assert_int_eq(report.blockstore.outcome, CMT_COMPACT_FINISHED);
    fake_expect(&pair_blocks, 0, 60000, 1);
}
END_TEST

START_TEST(bounded_keeps_its_budget_and_goes_on_with_the_next_prunes)
{
    pair_takes(MS / 10);
    fallback = (cmt_compact_fallback){
        .policy = CMT_COMPACT_BOUNDED,
        .budget_ns = 500 * MS,
        .interval_ns = 3600 * SECOND,
        .min_deleted_keys = 100,
        .min_bytes = 50 * MIB,
    };
    ck_assert_int_eq(run(0, 14000, 100), CMT_OK);
    ck_assert_int_eq(report.blockstore.outcome, CMT_COMPACT_PARTLY);
    ck_assert_int_le(report.blockstore.duration_ms, 500);
    ck_assert_int_eq(run(20000, 20001, 1),
                     CMT_OK); /* the rest waits for no interval and no minimum */
    ck_assert_int_eq(report.blockstore.outcome, CMT_COMPACT_PARTLY);
    ck_assert_int_eq(run(20001, 20002, 1), CMT_OK);
    ck_assert_int_eq(report.blockstore.outcome, CMT_COMPACT_FINISHED);
    fake_expect(&pair_blocks, 0, 14000, 1);
    fake_expect(&pair_blocks, 20000, 20002, 1);
    ck_assert_int_eq(run(30000, 40000, 100), CMT_OK);
    expect_skipped("seconds=0 interval=3600");
}
END_TEST

START_TEST(policies_have_names)
{
    cmt_compact_policy policy;
    ck_assert_int_eq(cmt_compact_policy_from_name("never", &policy, &pair_err), CMT_OK);
    ck_assert_int_eq(policy, CMT_COMPACT_NEVER);
    ck_assert_int_eq(cmt_compact_policy_from_name("bounded", &policy, &pair_err), CMT_OK);
    ck_assert_int_eq(policy, CMT_COMPACT_BOUNDED);
    ck_assert_int_eq(cmt_compact_policy_from_name("full", &policy, &pair_err), CMT_OK);
    ck_assert_int_eq(policy, CMT_COMPACT_FULL);
    ck_assert_int_eq(cmt_compact_policy_from_name("Full", &policy, &pair_err), CMT_INVALID);
    ck_assert_ptr_nonnull(strstr(pair_err.message, "never, bounded or full"));
    cmt_compact_fallback_defaults(&fallback);
    ck_assert_int_eq(fallback.policy, CMT_COMPACT_BOUNDED);
    ck_assert_int_eq(fallback.budget_ns, 500 * MS);
    ck_assert_int_eq(fallback.interval_ns, 3600 * SECOND);
    ck_assert_uint_eq(fallback.min_bytes, 10000000);
}
END_TEST

/* ---- interval and work ----------------------------------------------------------------------- */

START_TEST(between_two_compactions_lies_the_interval)
{
    fallback.interval_ns = 60 * SECOND;
    ck_assert_int_eq(run(0, 100, 5), CMT_OK);
    ck_assert_int_eq(report.blockstore.outcome, CMT_COMPACT_FINISHED);
    pair_now_ns += 60 * SECOND - 1;
    ck_assert_int_eq(run(100, 200, 5), CMT_OK);
    expect_skipped("seconds=59 interval=60");
    ck_assert_uint_eq(cmt_compact_flight_counts(pair_flight).skipped_interval, 1);
    pair_now_ns += 1;
    ck_assert_int_eq(run(200, 300, 5), CMT_OK);
    ck_assert_int_eq(report.blockstore.outcome, CMT_COMPACT_FINISHED);
    fake_expect(&pair_blocks, 0, 300, 1);
}
END_TEST

START_TEST(each_database_has_its_own_interval)
{
    pair_asked p;
    fallback.interval_ns = 60 * SECOND;
    ck_assert_int_eq(run(0, 100, 5), CMT_OK);
    prune(&p, 100, 200, true, 5);
    ck_assert_int_eq(
        cmt_compact_fallback_run(pair_flight, &fallback, &p.request, &report, &pair_err), CMT_OK);
    pair_release(&p);
    expect_skipped("seconds=0 interval=60");
    ck_assert_int_eq(report.state.outcome, CMT_COMPACT_FINISHED);
    fake_expect(&pair_states, 100, 200, 1);
    fake_expect(&pair_blocks, 100, 200, 0);
}
END_TEST

START_TEST(what_failed_is_made_to_wait)
{
    fallback.interval_ns = 60 * SECOND;
    pair_blocks.behaviour = FAKE_FAILS;
    ck_assert_int_eq(run(0, 100, 5), CMT_IO);
    ck_assert_int_eq(run(100, 200, 5), CMT_OK);
    expect_skipped("seconds=0 interval=60");
    ck_assert_uint_eq(pair_blocks.calls, 1);
    pair_blocks.behaviour = FAKE_WORKS;
    pair_now_ns += 60 * SECOND;
    ck_assert_int_eq(run(200, 300, 5), CMT_OK);
    fake_expect(&pair_blocks, 0, 300, 1);
}
END_TEST

START_TEST(deleted_keys_add_up_to_the_least_work)
{
    fallback.min_deleted_keys = 10;
    ck_assert_int_eq(run(0, 100, 9), CMT_OK);
    expect_skipped("deleted_keys=9 least=10");
    ck_assert_uint_eq(cmt_compact_flight_counts(pair_flight).skipped_work, 1);
    ck_assert_int_eq(run(100, 200, 1), CMT_OK);
    ck_assert_int_eq(report.blockstore.outcome, CMT_COMPACT_FINISHED);
    ck_assert_str_eq(report.blockstore.trigger, "deleted_keys=10 heights=0");
    ck_assert_int_eq(run(200, 300, 1), CMT_OK);
    expect_skipped("deleted_keys=1 least=10");
}
END_TEST

START_TEST(bytes_in_the_ranges_must_reach_the_least)
{
    fallback.min_bytes = 100 * FAKE_PLACE_BYTES;
    ck_assert_int_eq(run(0, 99, 5), CMT_OK);
    expect_skipped("bytes=405504 least=409600");
    ck_assert_int_eq(run(99, 100, 5), CMT_OK);
    ck_assert_int_eq(report.blockstore.outcome, CMT_COMPACT_FINISHED);
    fake_expect(&pair_blocks, 0, 100, 1);
}
END_TEST

START_TEST(the_fallback_takes_the_flag_like_everybody)
{
    ck_assert_int_eq(cmt_compact_flight_take(pair_flight, 0, &pair_err), CMT_OK);
    ck_assert_int_eq(run(0, 100, 5), CMT_BUSY);
    cmt_compact_flight_release(pair_flight);
    ck_assert_int_eq(run(100, 101, 5), CMT_OK);
    fake_expect(&pair_blocks, 0, 101, 1);
}
END_TEST

/* ---- after a prune --------------------------------------------------------------------------- */

static cmt_enqueue_result answer;
static const cmt_compaction_request *handed;
static size_t handed_times;

static cmt_enqueue_result record(void *context, const cmt_compaction_request *request)
{
    ck_assert_ptr_eq(context, &handed_times);
    handed = request;
    handed_times++;
    return answer;
}

static cmt_compact_handover handover(const cmt_compaction_sink *sink)
{
    return (cmt_compact_handover){sink, pair_flight, &fallback, &pair_logger};
}

static void after_prune(const cmt_compaction_sink *sink, uint64_t deleted_keys)
{
    pair_asked p;
    const cmt_compact_handover h = handover(sink);
    prune(&p, 0, 100, true, deleted_keys);
    handed = NULL;
    pair_log[0] = '\0';
    cmt_compact_after_prune(&h, &p.request, &report);
    ck_assert(handed == NULL || handed == &p.request);
    pair_release(&p);
}

START_TEST(a_background_compactor_gets_it)
{
    const cmt_compaction_sink sink = {record, &handed_times};
    static const char skipped[] =
        "DEBUG skipped async compaction - already in progress or queue full  reason=";
    char expected[128];
    handed_times = 0;
    answer = CMT_ENQUEUED;
    after_prune(&sink, 5);
    ck_assert_str_eq(pair_log, "INFO enqueued async database compaction after pruning\n");
    for (answer = CMT_ENQUEUE_COALESCED; answer <= CMT_ENQUEUE_DISABLED; answer++) {
        after_prune(&sink, 5);
        snprintf(expected, sizeof expected, "%s%s\n", skipped, cmt_enqueue_result_name(answer));
        ck_assert_str_eq(pair_log, expected);
    }
    ck_assert_str_eq(cmt_enqueue_result_name(CMT_ENQUEUE_COALESCED), "coalesced");
    ck_assert_str_eq(cmt_enqueue_result_name(CMT_ENQUEUE_DISABLED), "disabled");
    ck_assert_uint_eq(handed_times, 5);
    ck_assert_uint_eq(pair_blocks.calls + pair_states.calls, 0);
    ck_assert_int_eq(report.blockstore.outcome, CMT_COMPACT_NONE);
}
END_TEST

START_TEST(a_prune_that_deleted_nothing_is_no_task)
{
    const cmt_compaction_sink sink = {record, &handed_times};
    handed_times = 0;
    after_prune(&sink, 0);
    after_prune(NULL, 0);
    const cmt_compact_handover h = handover(&sink);
    cmt_compact_after_prune(&h, &(cmt_compaction_request){.deleted_keys = 5}, NULL);
    ck_assert_uint_eq(handed_times, 0);
    ck_assert_str_eq(pair_log, "");
    ck_assert_uint_eq(pair_blocks.calls, 0);
}
END_TEST

START_TEST(without_one_it_is_compacted_at_once)
{
    after_prune(NULL, 5);
    ck_assert_str_eq(pair_log, "ERROR no async compactor available, using synchronous compaction\n"
                               "INFO compaction_start label=post_pruning_compaction\n"
                               "INFO compaction_done label=post_pruning_compaction ms=0\n"
                               "INFO successfully compacted databases after pruning\n");
    fake_expect(&pair_blocks, 0, 100, 1);
    fake_expect(&pair_states, 0, 100, 1);
    ck_assert_int_eq(report.state.outcome, CMT_COMPACT_FINISHED);
}
END_TEST

START_TEST(its_failure_is_only_logged)
{
    pair_states.behaviour = FAKE_FAILS;
    after_prune(NULL, 5);
    ck_assert_str_eq(pair_log, "ERROR no async compactor available, using synchronous compaction\n"
                               "INFO compaction_start label=post_pruning_compaction\n"
                               "ERROR compaction_error label=post_pruning_compaction "
                               "err=\"state: the engine's 'own' words\"\n"
                               "ERROR failed to compact databases after pruning  "
                               "err=\"state: the engine's 'own' words\"\n");
    fake_expect(&pair_blocks, 0, 100, 1);
}
END_TEST

START_TEST(a_budget_used_up_is_no_success_yet)
{
    pair_takes(SECOND);
    fallback = (cmt_compact_fallback){.policy = CMT_COMPACT_BOUNDED, .budget_ns = SECOND};
    pair_asked p;
    prune(&p, 0, 50000, false, 5);
    const cmt_compact_handover h = handover(NULL);
    cmt_compact_after_prune(&h, &p.request, NULL);
    pair_release(&p);
    ck_assert_ptr_nonnull(
        strstr(pair_log, "INFO compacted databases in part after pruning  ranges_left=1\n"));
    ck_assert_ptr_null(strstr(pair_log, "successfully"));
}
END_TEST

START_TEST(what_is_held_back_is_told_in_a_debug_line)
{
    fallback.policy = CMT_COMPACT_NEVER;
    after_prune(NULL, 5);
    ck_assert_str_eq(pair_log,
                     "DEBUG skipped synchronous compaction  store=state policy=never\n"
                     "DEBUG skipped synchronous compaction  store=blockstore policy=never\n");
    fallback.policy = CMT_COMPACT_FULL;
    ck_assert_int_eq(cmt_compact_flight_take(pair_flight, 0, &pair_err), CMT_OK);
    after_prune(NULL, 5);
    cmt_compact_flight_release(pair_flight);
    ck_assert_str_eq(pair_log, "DEBUG skipped synchronous compaction  reason=busy\n");
    cmt_compact_flight_stop(pair_flight);
    after_prune(NULL, 5);
    ck_assert_str_eq(pair_log, "DEBUG skipped synchronous compaction  reason=stopped\n");
}
END_TEST

START_TEST(without_either_nothing_happens)
{
    const cmt_compact_handover h = {.logger = &pair_logger};
    pair_asked p;
    prune(&p, 0, 100, true, 5);
    cmt_compact_after_prune(&h, &p.request, &report);
    pair_release(&p);
    ck_assert_str_eq(pair_log, "");
    ck_assert_int_eq(report.blockstore.outcome, CMT_COMPACT_NONE);
}
END_TEST

static void add_fallback(Suite *suite)
{
    TCase *tc = tcase_create("fallback");
    tcase_add_checked_fixture(tc, setup, pair_teardown);
    tcase_add_test(tc, never_remembers_only);
    tcase_add_test(tc, full_compacts_all_however_long_it_takes);
    tcase_add_test(tc, bounded_keeps_its_budget_and_goes_on_with_the_next_prunes);
    tcase_add_test(tc, policies_have_names);
    tcase_add_test(tc, between_two_compactions_lies_the_interval);
    tcase_add_test(tc, each_database_has_its_own_interval);
    tcase_add_test(tc, what_failed_is_made_to_wait);
    tcase_add_test(tc, deleted_keys_add_up_to_the_least_work);
    tcase_add_test(tc, bytes_in_the_ranges_must_reach_the_least);
    tcase_add_test(tc, the_fallback_takes_the_flag_like_everybody);
    suite_add_tcase(suite, tc);
}

static void add_handover(Suite *suite)
{
    TCase *tc = tcase_create("after a prune");
    tcase_add_checked_fixture(tc, setup, pair_teardown);
    tcase_add_test(tc, a_background_compactor_gets_it);
    tcase_add_test(tc, a_prune_that_deleted_nothing_is_no_task);
    tcase_add_test(tc, without_one_it_is_compacted_at_once);
    tcase_add_test(tc, its_failure_is_only_logged);
    tcase_add_test(tc, a_budget_used_up_is_no_success_yet);
    tcase_add_test(tc, what_is_held_back_is_told_in_a_debug_line);
    tcase_add_test(tc, without_either_nothing_happens);
    suite_add_tcase(suite, tc);
}

int main(void)
{
    Suite *suite = suite_create("compactor_fallback");
    add_fallback(suite);
    add_handover(suite);
    return suite_run(suite);
}
