/* SPDX-License-Identifier: Apache-2.0
 *
 * When a compaction is worth while: the figures of the thresholds, and what must hold of all figures.
 */
#include "cmtstore/compactor_schedule.h"
#include "rng.h"
#include "suite.h"

#include <check.h>

#include <stdlib.h>

#define SECOND INT64_C(1000000000)
#define HOUR (3600 * SECOND)
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* As ck_assert, without telling Check's runner of each single success: these are met very often. */
#define REQUIRE(condition)                                                                         \
    do {                                                                                           \
        if (!(condition))                                                                          \
            ck_abort_msg("required: %s", #condition);                                              \
    } while (0)

static cmt_schedule_config config;
static cmt_schedule_facts facts;

/* Everything is as it should be, and nothing is reached. */
static void setup(void)
{
    cmt_schedule_defaults(&config);
    facts = (cmt_schedule_facts){
        .now_ns = 1000 * HOUR,
        .last_ns = 999 * HOUR,
        .dirty = true,
        .work = 1,
        .total_bytes = 100000000,
        .live_bytes = 100000000,
        .live_keys = 1000,
    };
}

static void expect(const char *text)
{
    char found[CMT_SCHEDULE_TEXT];
    cmt_schedule_decision d = cmt_schedule_decide(&facts, &config);
    ck_assert_str_eq(cmt_schedule_describe(&d, found, sizeof found), text);
    ck_assert_int_eq(cmt_schedule_is_due(&d), d.reason == CMT_NOT_DUE_NONE);
}

/* ---- free space and tombstones -------------------------------------------------------------- */

START_TEST(compacts_above_a_fifth_of_free_space_or_a_tenth_of_tombstones)
{
    static const struct {
        uint64_t free, total, delta, base_count;
        bool compacts;
    } table[] = {
        {21, 100, 0, 1000, true},
        {20, 100, 0, 1000, false},
        {19, 100, 0, 1000, false},
        {0, 100, 110, 1000, true},
        {0, 100, 100, 1000, false},
        {0, 100, 90, 1000, false},
        {0, 100, 101, 1000, true},
        {20, 100, 100, 1000, false},
        {21, 100, 110, 1000, true},
        {0, 0, 0, 0, false},
        {21, 0, 110, 1000, false},
        {0, 100, 110, 0, false},
        {21, 100, 110, 0, true},
        {UINT64_MAX, 1, 0, 0, true},
        {0, 1, UINT64_MAX, 1, true},
        {UINT64_MAX, UINT64_MAX, 0, 0, true},
        {UINT64_MAX / 5, UINT64_MAX, 0, 0, false}, /* 2^64-1 is a multiple of 5 */
        {UINT64_MAX / 5 + 1, UINT64_MAX, 0, 0, true},
        {0, 1, UINT64_MAX / 10, UINT64_MAX, false},
        {0, 1, UINT64_MAX / 10 + 1, UINT64_MAX, true},
    };
    for (size_t i = 0; i < COUNT(table); i++)
        ck_assert_msg(cmt_should_compact(table[i].free, table[i].total, table[i].delta,
                                         table[i].base_count, NULL) == table[i].compacts,
                      "line %zu", i);
}
END_TEST

START_TEST(thresholds_of_the_configuration_count)
{
    config.max_free_ratio = 0.07;
    config.max_tombstone_ratio = 1;
    ck_assert(!cmt_should_compact(7, 100, 100, 100, &config));
    ck_assert(cmt_should_compact(8, 100, 0, 0, &config));
    ck_assert(cmt_should_compact(0, 100, 101, 100, &config));
    config.max_free_ratio = 0;
    ck_assert(cmt_should_compact(1, UINT64_MAX, 0, 0, &config));
    ck_assert(!cmt_should_compact(0, UINT64_MAX, 0, 0, &config));
}
END_TEST

/* ---- the dead ratio ------------------------------------------------------------------------- */

START_TEST(exactly_the_dead_ratio_and_exactly_the_least_size_are_enough)
{
    static const struct {
        uint64_t live, total;
        bool enough;
    } table[] = {
        {7000000, 10000000, true},
        {7000001, 10000000, false},
        {6999999, 10000000, true},
        {0, 9999999, false},
        {0, 10000000, true},
        {6999999, 9999999, false},
        {10000000, 10000000, false},
        {99999999, 10000000, false},
        {0, 0, false},
        {70000000000000001, 100000000000000000, false},
        {70000000000000000, 100000000000000000, true},
    };
    for (size_t i = 0; i < COUNT(table); i++)
        ck_assert_msg(cmt_is_dead_enough(table[i].live, table[i].total, NULL) == table[i].enough,
                      "line %zu", i);
    config.min_bytes = 0;
    ck_assert(!cmt_is_dead_enough(0, 0, &config));
    config.min_dead_ratio = 0;
    ck_assert(cmt_is_dead_enough(0, 0, &config));
    config.min_dead_ratio = 1;
    ck_assert(cmt_is_dead_enough(0, 1, &config));
    ck_assert(!cmt_is_dead_enough(1, UINT64_MAX, &config));
}
END_TEST

/* A ratio of k thousandths, as a configuration would have it, and figures of any size that meet it exactly. */
START_TEST(equality_holds_for_every_ratio_and_every_magnitude)
{
    config.min_bytes = 0;
    for (uint64_t k = 1; k < 1000; k++) {
        config.min_dead_ratio = config.max_free_ratio = config.max_tombstone_ratio =
            (double)k / 1000;
        for (uint64_t unit = 1; unit < UINT64_MAX / 10000; unit = unit * 9 + 2) {
            const uint64_t part = k * unit;
            const uint64_t whole = 1000 * unit;
            REQUIRE(cmt_is_dead_enough(whole - part, whole, &config));
            REQUIRE(!cmt_is_dead_enough(whole - part + 1, whole, &config));
            REQUIRE(!cmt_should_compact(part, whole, part, whole, &config));
            REQUIRE(cmt_should_compact(part + 1, whole, 0, 0, &config));
            REQUIRE(cmt_should_compact(0, 1, part + 1, whole, &config));
        }
    }
}
END_TEST

START_TEST(a_ratio_is_what_its_nine_digits_say)
{
    rng r = {10};
    config.min_bytes = 0;
    for (unsigned i = 0; i < 100000; i++) {
        const uint64_t part = (uint64_t)rng_between(&r, 1, 1000000000);
        config.min_dead_ratio = config.max_free_ratio = (double)part / 1e9;
        REQUIRE(cmt_is_dead_enough(1000000000 - part, 1000000000, &config));
        REQUIRE(!cmt_should_compact(part, 1000000000, 0, 0, &config));
        REQUIRE(!cmt_is_dead_enough(1000000000 - part + 1, 1000000000, &config));
        REQUIRE(cmt_should_compact(part + 1, 1000000000, 0, 0, &config));
    }
}
END_TEST

START_TEST(more_dead_never_compacts_less)
{
    rng r = {11};
    for (unsigned i = 0; i < 200000; i++) {
        uint64_t total = rng_next(&r) >> (rng_next(&r) % 64);
        uint64_t part = rng_next(&r) >> (rng_next(&r) % 64);
        uint64_t more = part + (rng_next(&r) >> (rng_next(&r) % 64));
        if (more < part)
            continue;
        config.max_free_ratio = config.max_tombstone_ratio = config.min_dead_ratio =
            (double)rng_between(&r, 0, 1000000000) / 1e9;
        config.min_bytes = rng_next(&r) >> (rng_next(&r) % 64);
        REQUIRE(!cmt_should_compact(part, total, 0, 0, &config) ||
                cmt_should_compact(more, total, 0, 0, &config));
        REQUIRE(!cmt_should_compact(0, total, part, total, &config) ||
                cmt_should_compact(0, total, more, total, &config));
        REQUIRE(!cmt_is_dead_enough(more, total, &config) ||
                cmt_is_dead_enough(part, total, &config));
    }
}
END_TEST

/* ---- the decision --------------------------------------------------------------------------- */

START_TEST(without_a_threshold_reached_there_is_nothing_to_gain)
{
    expect("gain");
}
END_TEST

START_TEST(each_threshold_is_a_trigger_with_its_figures)
{
    facts.heights = 999;
    expect("gain");
    facts.heights = 1000;
    expect("pruned_heights heights=1000 min=1000");
    facts.tombstones = 101;
    expect("tombstone_ratio tombstones=101 keys=1000 max=0.1");
    facts.free_bytes = 20000001;
    expect("free_ratio free=20000001 total=100000000 max=0.2");
    facts.live_bytes = 70000000;
    expect("dead_ratio dead=30000000 total=100000000 min=0.3");
    facts.has_rest = true;
    expect("rest");
}
END_TEST

START_TEST(with_an_interval_of_no_heights_any_prune_is_enough)
{
    config.compaction_interval = 0;
    expect("gain");
    facts.heights = 1;
    expect("pruned_heights heights=1 min=0");
}
END_TEST

START_TEST(archive_and_replica_never_compact_by_themselves)
{
    facts.has_rest = true;
    config.role = CMT_ROLE_ARCHIVE;
    expect("role is=archive");
    config.role = CMT_ROLE_REPLICA;
    expect("role is=replica");
    config.role = CMT_ROLE_VALIDATOR;
    expect("rest");
    config.role = CMT_ROLE_FULL;
    expect("rest");
}
END_TEST

START_TEST(nothing_remembered_is_nothing_to_do)
{
    facts.dirty = false;
    facts.heights = 100000;
    expect("clean");
}
END_TEST

START_TEST(the_interval_runs_from_the_end_of_the_last_compaction)
{
    facts.heights = 1000;
    facts.last_ns = facts.now_ns - HOUR + 1;
    expect("interval wait_ms=1");
    facts.last_ns = facts.now_ns - SECOND;
    expect("interval wait_ms=3599000");
    facts.last_ns = facts.now_ns - HOUR;
    expect("pruned_heights heights=1000 min=1000");
    facts.last_ns = 0;
    facts.now_ns = 1;
    expect("pruned_heights heights=1000 min=1000");
}
END_TEST

START_TEST(a_time_in_the_future_is_due_now)
{
    facts.heights = 1000;
    facts.last_ns = facts.now_ns;
    expect("interval wait_ms=3600000");
    facts.last_ns = facts.now_ns + 1;
    expect("pruned_heights heights=1000 min=1000");
    facts.failures = 3;
    facts.failed_ns = facts.now_ns + 1;
    expect("pruned_heights heights=1000 min=1000");
    facts.last_ns = INT64_MIN;
    facts.failed_ns = INT64_MIN;
    expect("pruned_heights heights=1000 min=1000");
}
END_TEST

START_TEST(less_than_the_least_work_waits)
{
    config.min_work = 500;
    facts.heights = 1000;
    facts.work = 499;
    expect("work is=499 min=500");
    facts.work = 500;
    expect("pruned_heights heights=1000 min=1000");
}
END_TEST

START_TEST(a_rest_waits_for_no_interval_and_no_minimum)
{
    facts.has_rest = true;
    facts.last_ns = facts.now_ns;
    facts.work = 0;
    expect("rest");
}
END_TEST

START_TEST(after_failures_it_waits_twice_as_long_each_time_up_to_the_interval)
{
    static const int64_t seconds[] = {0,   10,   20,   40,   80,   160, 320,
                                      640, 1280, 2560, 3600, 3600, 3600};
    for (uint32_t i = 0; i < COUNT(seconds); i++)
        ck_assert_int_eq(cmt_schedule_retry_after(i, NULL), seconds[i] * SECOND);
    ck_assert_int_eq(cmt_schedule_retry_after(UINT32_MAX, NULL), HOUR);
    config.interval_ns = INT64_MAX;
    ck_assert_int_eq(cmt_schedule_retry_after(UINT32_MAX, &config), INT64_MAX);
    config.retry_ns = 0;
    ck_assert_int_eq(cmt_schedule_retry_after(UINT32_MAX, &config), 0);
    config.retry_ns = 10 * SECOND;
    config.interval_ns = 0;
    ck_assert_int_eq(cmt_schedule_retry_after(3, &config), 0);

    setup();
    facts.has_rest = true;
    facts.failures = 2;
    facts.failed_ns = facts.now_ns - 20 * SECOND + 1;
    expect("retry wait_ms=1 failures=2");
    facts.failed_ns -= 1;
    expect("rest");
}
END_TEST

/* With all minima at nothing, whatever is remembered is due. */
START_TEST(without_minima_what_is_dirty_is_due)
{
    config = (cmt_schedule_config){.role = CMT_ROLE_FULL};
    facts = (cmt_schedule_facts){.dirty = true};
    expect("dead_ratio dead=0 total=0 min=0");
}
END_TEST

/* The parts of the rule, put together once more from what it says. */
START_TEST(any_figures_are_judged_as_the_rule_says)
{
    rng r = {12};
    for (unsigned i = 0; i < 200000; i++) {
        facts = (cmt_schedule_facts){
            .now_ns = rng_between(&r, 0, 8) * HOUR / 2,
            .last_ns = rng_between(&r, 0, 8) * HOUR / 2,
            .failed_ns = rng_between(&r, 0, 8) * HOUR / 2,
            .failures = (uint32_t)rng_between(&r, 0, 12),
            .dirty = rng_chance(&r, 80),
            .has_rest = rng_chance(&r, 10),
            .work = (uint64_t)rng_between(&r, 0, 2),
            .total_bytes = (uint64_t)rng_between(&r, 0, 3) * 5000000,
            .live_bytes = (uint64_t)rng_between(&r, 0, 10) * 1000000,
            .free_bytes = (uint64_t)rng_between(&r, 0, 4) * 1000000,
            .tombstones = (uint64_t)rng_between(&r, 0, 20),
            .live_keys = (uint64_t)rng_between(&r, 0, 100),
            .heights = rng_between(&r, 0, 2000),
        };
        config.role = (cmt_compact_role)rng_between(&r, 0, 3);
        bool future = facts.last_ns > facts.now_ns || facts.last_ns == 0;
        bool elapsed = future || facts.now_ns - facts.last_ns >= HOUR;
        bool cooled =
            facts.failures == 0 || facts.failed_ns == 0 || facts.failed_ns > facts.now_ns ||
            facts.now_ns - facts.failed_ns >= cmt_schedule_retry_after(facts.failures, NULL);
        bool any = cmt_is_dead_enough(facts.live_bytes, facts.total_bytes, NULL) ||
                   cmt_should_compact(facts.free_bytes, facts.total_bytes, facts.tombstones,
                                      facts.live_keys, NULL) ||
                   facts.heights >= 1000;
        bool may = config.role == CMT_ROLE_VALIDATOR || config.role == CMT_ROLE_FULL;
        bool due =
            may && facts.dirty && cooled && (facts.has_rest || (elapsed && facts.work >= 1 && any));
        cmt_schedule_decision d = cmt_schedule_decide(&facts, &config);
        REQUIRE((cmt_schedule_is_due(&d)) == due);
        REQUIRE((d.reason == CMT_NOT_DUE_NONE) == due);
        REQUIRE((d.wait_ns > 0) ==
                (d.reason == CMT_NOT_DUE_INTERVAL || d.reason == CMT_NOT_DUE_RETRY));
        REQUIRE(d.facts.heights == facts.heights && d.config.role == config.role);
    }
}
END_TEST

START_TEST(the_longest_texts_fit)
{
    facts.free_bytes = facts.total_bytes = facts.live_bytes = UINT64_MAX;
    config.max_free_ratio = 0.123456789;
    expect("free_ratio free=18446744073709551615 total=18446744073709551615 max=0.123456789");
    facts.free_bytes = 0;
    facts.tombstones = facts.live_keys = UINT64_MAX;
    config.max_tombstone_ratio = 0.123456789;
    expect("tombstone_ratio tombstones=18446744073709551615 keys=18446744073709551615 "
           "max=0.123456789");
    facts.live_bytes = 0;
    config.min_dead_ratio = 0.123456789;
    expect("dead_ratio dead=18446744073709551615 total=18446744073709551615 min=0.123456789");
    facts = (cmt_schedule_facts){.dirty = true, .now_ns = INT64_MAX, .last_ns = INT64_MAX};
    config.interval_ns = INT64_MAX;
    expect("interval wait_ms=9223372036855");
}
END_TEST

/* ---- roles ---------------------------------------------------------------------------------- */

START_TEST(roles_go_by_their_names)
{
    static const char *const names[] = {"validator", "full", "archive", "replica"};
    cmt_error err = CMT_ERROR_INIT;
    cmt_compact_role role = CMT_ROLE_FULL;
    for (size_t i = 0; i < COUNT(names); i++) {
        ck_assert_int_eq(cmt_compact_role_from_name(names[i], &role, &err), CMT_OK);
        ck_assert_uint_eq(role, i);
        ck_assert_str_eq(cmt_compact_role_name(role), names[i]);
    }
    ck_assert_int_eq(cmt_compact_role_from_name("seed", &role, &err), CMT_INVALID);
    ck_assert_str_eq(err.message, "\"seed\" is not a role: validator, full, archive or replica");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("compactor_schedule");
    TCase *tc = tcase_create("schedule");
    suite_add_tcase(suite, tc);
    tcase_add_checked_fixture(tc, setup, NULL);
    tcase_add_test(tc, compacts_above_a_fifth_of_free_space_or_a_tenth_of_tombstones);
    tcase_add_test(tc, thresholds_of_the_configuration_count);
    tcase_add_test(tc, exactly_the_dead_ratio_and_exactly_the_least_size_are_enough);
    tcase_add_test(tc, equality_holds_for_every_ratio_and_every_magnitude);
    tcase_add_test(tc, a_ratio_is_what_its_nine_digits_say);
    tcase_add_test(tc, more_dead_never_compacts_less);
    tcase_add_test(tc, without_a_threshold_reached_there_is_nothing_to_gain);
    tcase_add_test(tc, each_threshold_is_a_trigger_with_its_figures);
    tcase_add_test(tc, with_an_interval_of_no_heights_any_prune_is_enough);
    tcase_add_test(tc, archive_and_replica_never_compact_by_themselves);
    tcase_add_test(tc, nothing_remembered_is_nothing_to_do);
    tcase_add_test(tc, the_interval_runs_from_the_end_of_the_last_compaction);
    tcase_add_test(tc, a_time_in_the_future_is_due_now);
    tcase_add_test(tc, less_than_the_least_work_waits);
    tcase_add_test(tc, a_rest_waits_for_no_interval_and_no_minimum);
    tcase_add_test(tc, after_failures_it_waits_twice_as_long_each_time_up_to_the_interval);
    tcase_add_test(tc, without_minima_what_is_dirty_is_due);
    tcase_add_test(tc, any_figures_are_judged_as_the_rule_says);
    tcase_add_test(tc, the_longest_texts_fit);
    tcase_add_test(tc, roles_go_by_their_names);

    return suite_run(suite);
}
