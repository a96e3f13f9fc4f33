/* SPDX-License-Identifier: Apache-2.0
 *
 * host/: what each key of config.toml becomes, from the text to the option.
 */
#include "cmtstore/host.h"

#include "must.h"
#include "suite.h"

#include <stdio.h>
#include <string.h>

#define MS INT64_C(1000000)
#define SECOND (1000 * MS)
#define HOUR (3600 * SECOND)

static cmt_config config;
static cmt_compactor_options compactor;
static cmt_compact_fallback fallback;
static cmt_prune_service_options service;
static cmt_block_executor_options executor;

/* All that becomes of @p text. */
static void reads(const char *text)
{
    error = (cmt_error)CMT_ERROR_INIT;
    executor = (cmt_block_executor_options){.blocks = NULL};
    MUST(cmt_config_parse("config.toml", (cmt_slice){(const uint8_t *)text, strlen(text)}, &config,
                          &error));
    MUST(cmt_host_compactor_options(&config, &compactor, &error));
    MUST(cmt_host_fallback(&config, &fallback, &error));
    cmt_host_service_options(&config, &service);
    cmt_host_inline_options(&config, &executor);
}

static void compaction(const char *line)
{
    char text[128];
    snprintf(text, sizeof text, "[storage.compaction]\n%s\n", line);
    reads(text);
}

static void pruning(const char *line)
{
    char text[192];
    snprintf(text, sizeof text, "[storage.pruning]\n%s\n", line);
    reads(text);
}

static cmt_host_mode mode(void)
{
    cmt_host_mode out;
    MUST(cmt_host_mode_of(&config, &out, &error));
    return out;
}

static bool has_service(cmt_generation generation)
{
    bool out;
    MUST(cmt_host_has_service(&config, generation, &out, &error));
    return out;
}

/* ---- nothing said ----------------------------------------------------------------------------- */

START_TEST(without_a_word_they_are_the_defaults_of_those_who_take_them)
{
    cmt_compactor_options c;
    cmt_compact_fallback f;
    cmt_compactor_defaults(&c);
    cmt_compact_fallback_defaults(&f);
    reads("");
    ck_assert_int_eq(mode(), CMT_HOST_ASYNC);
    ck_assert(!compactor.disabled);
    ck_assert_uint_eq(compactor.queue_size, c.queue_size);
    ck_assert_int_eq(compactor.pause_ns, c.pause_ns);
    ck_assert_int_eq(compactor.poll_ns, c.poll_ns);
    ck_assert_int_eq(compactor.backup_keep_ns, c.backup_keep_ns);
    ck_assert_int_eq(compactor.schedule.role, c.schedule.role);
    ck_assert_int_eq(compactor.schedule.interval_ns, c.schedule.interval_ns);
    ck_assert_int_eq(compactor.schedule.retry_ns, c.schedule.retry_ns);
    ck_assert_uint_eq(compactor.schedule.min_work, c.schedule.min_work);
    ck_assert_double_eq(compactor.schedule.min_dead_ratio, c.schedule.min_dead_ratio);
    ck_assert_uint_eq(compactor.schedule.min_bytes, c.schedule.min_bytes);
    ck_assert_double_eq(compactor.schedule.max_free_ratio, c.schedule.max_free_ratio);
    ck_assert_double_eq(compactor.schedule.max_tombstone_ratio, c.schedule.max_tombstone_ratio);
    ck_assert_int_eq(compactor.schedule.compaction_interval, c.schedule.compaction_interval);
    ck_assert_ptr_null(compactor.journal);
    ck_assert_int_eq(fallback.policy, f.policy);
    ck_assert_int_eq(fallback.budget_ns, f.budget_ns);
    ck_assert_int_eq(fallback.interval_ns, f.interval_ns);
    ck_assert_uint_eq(fallback.min_bytes, f.min_bytes);
    ck_assert_int_eq(service.interval_ns, 10 * SECOND);
    ck_assert(!service.data_companion && !service.keep_residue && !service.is_archive);
    ck_assert(!executor.data_companion && !executor.keep_residue && !executor.is_archive);
    ck_assert_int_eq(service.keep.blocks, 0);
    ck_assert_int_eq(executor.keep.blocks, 0);
    ck_assert(!has_service(CMT_GENERATION_0) && has_service(CMT_GENERATION_1));
}
END_TEST

/* ---- [storage] and [storage.compaction] -------------------------------------------------------- */

START_TEST(compact_says_the_mode_where_mode_does_not)
{
    reads("[storage]\ncompact = true\n");
    ck_assert_int_eq(mode(), CMT_HOST_ASYNC);
    ck_assert(!compactor.disabled);
    reads("[storage]\ncompact = false\n");
    ck_assert_int_eq(mode(), CMT_HOST_OFF);
    ck_assert(compactor.disabled);
    reads("[storage]\ncompact = false\n[storage.compaction]\nmode = \"sync\"\n");
    ck_assert_int_eq(mode(), CMT_HOST_SYNC);
}
END_TEST

START_TEST(compaction_interval)
{
    reads("[storage]\ncompaction_interval = 77\n");
    ck_assert_int_eq(compactor.schedule.compaction_interval, 77);
}
END_TEST

START_TEST(mode_)
{
    compaction("mode = \"async\"");
    ck_assert_int_eq(mode(), CMT_HOST_ASYNC);
    compaction("mode = \"sync\"");
    ck_assert_int_eq(mode(), CMT_HOST_SYNC);
    ck_assert(!compactor.disabled); /* asked for by hand it would compact */
    ck_assert_int_eq(fallback.policy, CMT_COMPACT_BOUNDED);
    compaction("mode = \"off\"\nfallback = \"full\"");
    ck_assert_int_eq(mode(), CMT_HOST_OFF);
    ck_assert(compactor.disabled);
    ck_assert_int_eq(fallback.policy, CMT_COMPACT_NEVER);
}
END_TEST

START_TEST(queue_size)
{
    compaction("queue_size = 3");
    ck_assert_uint_eq(compactor.queue_size, 3);
    compaction("queue_size = 1000000"); /* more than a compactor has */
    ck_assert_uint_eq(compactor.queue_size, CMT_COMPACTOR_QUEUE_MAX);
}
END_TEST

START_TEST(interval)
{
    compaction("interval = \"2h\"");
    ck_assert_int_eq(compactor.schedule.interval_ns, 2 * HOUR);
    ck_assert_int_eq(fallback.interval_ns, 2 * HOUR);
    ck_assert_int_eq(service.interval_ns, 10 * SECOND); /* has its own */
}
END_TEST

START_TEST(poll_interval)
{
    compaction("poll_interval = \"250ms\"");
    ck_assert_int_eq(compactor.poll_ns, 250 * MS);
}
END_TEST

START_TEST(ratios)
{
    compaction("min_dead_ratio = 0.11");
    ck_assert_double_eq(compactor.schedule.min_dead_ratio, 0.11);
    compaction("max_free_ratio = 0.12");
    ck_assert_double_eq(compactor.schedule.max_free_ratio, 0.12);
    compaction("max_tombstone_ratio = 0.13");
    ck_assert_double_eq(compactor.schedule.max_tombstone_ratio, 0.13);
}
END_TEST

START_TEST(min_work)
{
    compaction("min_work = 500");
    ck_assert_uint_eq(compactor.schedule.min_work, 500);
    ck_assert_uint_eq(fallback.min_deleted_keys, 500);
}
END_TEST

START_TEST(min_size)
{
    compaction("min_size = \"4KiB\"");
    ck_assert_uint_eq(compactor.schedule.min_bytes, 4096);
    ck_assert_uint_eq(fallback.min_bytes, 4096);
}
END_TEST

START_TEST(pause_)
{
    compaction("pause = \"5ms\"");
    ck_assert_int_eq(compactor.pause_ns, 5 * MS);
    compaction("pause = \"0s\"");
    ck_assert_int_eq(compactor.pause_ns, 0);
}
END_TEST

START_TEST(fallback_and_its_budget)
{
    compaction("fallback = \"never\"");
    ck_assert_int_eq(fallback.policy, CMT_COMPACT_NEVER);
    compaction("fallback = \"bounded\"\nfallback_budget = \"70ms\"");
    ck_assert_int_eq(fallback.policy, CMT_COMPACT_BOUNDED);
    ck_assert_int_eq(fallback.budget_ns, 70 * MS);
    compaction("fallback = \"full\"");
    ck_assert_int_eq(fallback.policy, CMT_COMPACT_FULL);
}
END_TEST

START_TEST(backup_keep)
{
    compaction("backup_keep = \"2d\"");
    ck_assert_int_eq(compactor.backup_keep_ns, 48 * HOUR);
    compaction("backup_keep = \"0s\""); /* not at all; in the options 0 is for ever */
    ck_assert_int_eq(compactor.backup_keep_ns, 1);
}
END_TEST

START_TEST(role)
{
    static const cmt_compact_role roles[] = {CMT_ROLE_VALIDATOR, CMT_ROLE_FULL, CMT_ROLE_ARCHIVE,
                                             CMT_ROLE_REPLICA};
    for (size_t i = 0; i < sizeof roles / sizeof roles[0]; i++) {
        const bool may = cmt_compact_role_may(roles[i]);
        char line[64];
        snprintf(line, sizeof line, "role = \"%s\"", cmt_compact_role_name(roles[i]));
        compaction(line);
        ck_assert_int_eq(compactor.schedule.role, roles[i]);
        ck_assert_int_eq(fallback.policy, may ? CMT_COMPACT_BOUNDED : CMT_COMPACT_NEVER);
        ck_assert_int_eq(service.is_archive, roles[i] == CMT_ROLE_ARCHIVE);
        ck_assert_int_eq(executor.is_archive, roles[i] == CMT_ROLE_ARCHIVE);
    }
}
END_TEST

/* ---- [storage.pruning] -------------------------------------------------------------------------- */

START_TEST(prune)
{
    pruning("prune = \"inline\"");
    ck_assert(!has_service(CMT_GENERATION_0) && !has_service(CMT_GENERATION_1));
    pruning("prune = \"service\"");
    ck_assert(has_service(CMT_GENERATION_0) && has_service(CMT_GENERATION_1));
}
END_TEST

START_TEST(pruning_interval)
{
    pruning("interval = \"90s\"");
    ck_assert_int_eq(service.interval_ns, 90 * SECOND);
    ck_assert_int_eq(compactor.schedule.interval_ns, HOUR);
}
END_TEST

static void expect_keep(int64_t blocks, int64_t for_ns, uint64_t bytes)
{
    const cmt_keep_policy *const policies[] = {&service.keep, &executor.keep};
    for (size_t i = 0; i < 2; i++) {
        ck_assert_int_eq(policies[i]->blocks, blocks);
        ck_assert_int_eq(policies[i]->for_ns, for_ns);
        ck_assert_uint_eq(policies[i]->bytes, bytes);
    }
}

START_TEST(keep)
{
    pruning("keep_blocks = 1000");
    expect_keep(1000, 0, 0);
    pruning("keep_for = \"72h\"");
    expect_keep(0, 72 * HOUR, 0);
    pruning("keep_bytes = \"2GB\"");
    expect_keep(0, 0, UINT64_C(2000000000));
}
END_TEST

START_TEST(sweep)
{
    pruning("sweep = false");
    ck_assert(service.keep_residue && executor.keep_residue);
    pruning("sweep = true");
    ck_assert(!service.keep_residue && !executor.keep_residue);
}
END_TEST

START_TEST(data_companion)
{
    pruning("[storage.pruning.data_companion]\nenabled = true\n"
            "initial_block_retain_height = 5\ninitial_block_results_retain_height = 6");
    ck_assert(service.data_companion && executor.data_companion);
    ck_assert_int_eq(service.companion_blocks, 5);
    ck_assert_int_eq(service.companion_results, 6);
    /* CometBFT looks at the heights of one that is enabled only. */
    pruning("[storage.pruning.data_companion]\nenabled = false\n"
            "initial_block_retain_height = -5\ninitial_block_results_retain_height = -6");
    ck_assert(!service.data_companion && !executor.data_companion);
    ck_assert_int_eq(service.companion_blocks, 0);
    ck_assert_int_eq(service.companion_results, 0);
}
END_TEST

/* ---- made by hand ------------------------------------------------------------------------------- */

static void expect_invalid(cmt_status status, const char *text)
{
    ck_assert_int_eq(status, CMT_INVALID);
    ck_assert_str_eq(error.message, text);
}

START_TEST(unknown_words_are_refused)
{
    bool yes;
    reads("");
    strcpy(config.compactor.mode, "often");
    expect_invalid(cmt_host_compactor_options(&config, &compactor, &error),
                   "\"often\" is not a mode: async, sync or off");
    expect_invalid(cmt_host_fallback(&config, &fallback, &error),
                   "\"often\" is not a mode: async, sync or off");
    reads("");
    strcpy(config.compactor.role, "king");
    expect_invalid(cmt_host_compactor_options(&config, &compactor, &error),
                   "\"king\" is not a role: validator, full, archive or replica");
    expect_invalid(cmt_host_fallback(&config, &fallback, &error),
                   "\"king\" is not a role: validator, full, archive or replica");
    reads("");
    strcpy(config.prune, "nobody");
    expect_invalid(cmt_host_has_service(&config, CMT_GENERATION_1, &yes, &error),
                   "\"nobody\" does not say who prunes: inline or service");
}
END_TEST

static void add_tests(TCase *tc)
{
    tcase_add_test(tc, without_a_word_they_are_the_defaults_of_those_who_take_them);
    tcase_add_test(tc, compact_says_the_mode_where_mode_does_not);
    tcase_add_test(tc, compaction_interval);
    tcase_add_test(tc, mode_);
    tcase_add_test(tc, queue_size);
    tcase_add_test(tc, interval);
    tcase_add_test(tc, poll_interval);
    tcase_add_test(tc, ratios);
    tcase_add_test(tc, min_work);
    tcase_add_test(tc, min_size);
    tcase_add_test(tc, pause_);
    tcase_add_test(tc, fallback_and_its_budget);
    tcase_add_test(tc, backup_keep);
    tcase_add_test(tc, role);
    tcase_add_test(tc, prune);
    tcase_add_test(tc, pruning_interval);
    tcase_add_test(tc, keep);
    tcase_add_test(tc, sweep);
    tcase_add_test(tc, data_companion);
    tcase_add_test(tc, unknown_words_are_refused);
}

int main(void)
{
    return run_suite("host_keys", add_tests);
}
