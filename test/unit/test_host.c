/* SPDX-License-Identifier: Apache-2.0
 *
 * host/: nodes on LevelDB and RocksDB, each from a text as it stands in config.toml: blocks are committed, and what is pruned
 * and what is compacted is what the text says, also behind a restart.
 */
#include "host_support.h"

/* ---- async --------------------------------------------------------------------------------------- */

START_TEST(async_compacts_in_the_background_what_was_pruned)
{
    make_node(engines[_i], CMT_GENERATION_0);
    open_node(STORAGE PRUNING COMPACTION);
    ck_assert_int_eq(cmt_host_get_mode(n.host), CMT_HOST_ASYNC);
    ck_assert_ptr_null(cmt_host_service(n.host));
    ck_assert(!cmt_host_is_running(n.host));
    start_node();
    ck_assert(cmt_host_is_running(n.host));
    commit(40);
    ck_assert_int_eq(base(), lowest_kept());
    wait_until(is_compacted, "nobody compacts");
    expect_log("enqueued async database compaction after pruning", true);
    expect_log("compaction_done label=", true);
    expect_log("using synchronous compaction", false);
    close_node();
    ck_assert(files_exist(n.dir, "cmtstore/compactor.journal"));
    /* What was compacted needs not be compacted again. */
    open_node(STORAGE PRUNING COMPACTION);
    ck_assert_uint_gt(cookie_bytes(), 0);
    start_node();
    ck_assert_uint_eq(remembered(), 0);
    remove_node();
}
END_TEST

START_TEST(compact_in_storage_means_async_too)
{
    make_node(CMT_ENGINE_GOLEVELDB, CMT_GENERATION_0);
    open_node("[storage]\ncompact = true\ncompaction_interval = 1\n" PRUNING COMPACTION);
    start_node();
    commit(40);
    wait_until(is_compacted, "nobody compacts");
    remove_node();
}
END_TEST

/* ---- sync ---------------------------------------------------------------------------------------- */

START_TEST(sync_compacts_within_the_prune)
{
    make_node(engines[_i], CMT_GENERATION_0);
    open_node(STORAGE PRUNING SYNC);
    start_node();
    ck_assert(!cmt_host_is_running(n.host));
    commit(40);
    ck_assert_int_eq(base(), lowest_kept());
    ck_assert(is_compacted()); /* without a wait */
    ck_assert_int_eq(state(), CMT_COMPACTOR_NEW);
    expect_log("successfully compacted databases after pruning", true);
    close_node();
    open_node(STORAGE PRUNING SYNC);
    ck_assert_uint_gt(cookie_bytes(), 0);
    start_node();
    ck_assert_uint_eq(remembered(), 0);
    commit(1);
    ck_assert_uint_eq(remembered(), 0);
    remove_node();
}
END_TEST

START_TEST(what_the_fallback_may_not_is_remembered)
{
    make_node(CMT_ENGINE_GOLEVELDB, CMT_GENERATION_0);
    open_node(PRUNING "[storage.compaction]\nmode = \"sync\"\nfallback = \"never\"\n");
    start_node();
    commit(40);
    ck_assert_uint_eq(counts().started, 0);
    ck_assert_uint_gt(remembered(), 0);
    close_node();
    open_node(PRUNING SYNC);
    start_node();
    ck_assert_uint_gt(counts().remembered_blockstore, 0);
    commit(1);
    ck_assert(is_compacted());
    remove_node();
}
END_TEST

START_TEST(after_a_stop_a_prune_compacts_no_more)
{
    make_node(CMT_ENGINE_GOLEVELDB, CMT_GENERATION_0);
    open_node(STORAGE PRUNING SYNC);
    start_node();
    commit(30);
    ck_assert(is_compacted());
    const uint64_t finished = counts().finished;
    ck_assert_int_eq(cmt_host_stop(n.host), CMT_OK);
    MUST(cmt_host_join(n.host, 0, &error));
    commit(1);
    ck_assert_uint_eq(counts().finished, finished);
    ck_assert_uint_gt(remembered(), 0);
    start_node();
    commit(1);
    ck_assert_uint_gt(counts().finished, finished);
    ck_assert_uint_eq(remembered(), 0);
    remove_node();
}
END_TEST

/* ---- off ----------------------------------------------------------------------------------------- */

static void expect_nothing_compacted(void)
{
    const struct timespec two_polls = {0, 250L * MS_NS};
    nanosleep(&two_polls, NULL);
    ck_assert_uint_eq(counts().started, 0);
    ck_assert_uint_gt(remembered(), 0);
}

START_TEST(off_compacts_nothing_and_forgets_nothing)
{
    static const char off[] = PRUNING "[storage.compaction]\nmode = \"off\"\n" EAGER;
    make_node(engines[_i], CMT_GENERATION_0);
    open_node(off);
    start_node();
    ck_assert(!cmt_host_is_running(n.host));
    commit(40);
    ck_assert_int_eq(base(), lowest_kept());
    expect_nothing_compacted();
    close_node();
    open_node("[storage]\ncompact = false\n" PRUNING);
    ck_assert_int_eq(cmt_host_get_mode(n.host), CMT_HOST_OFF);
    start_node();
    ck_assert_uint_gt(counts().remembered_blockstore, 0);
    expect_nothing_compacted();
    close_node();
    open_node(STORAGE PRUNING COMPACTION); /* and then somebody does, without a further prune */
    start_node();
    wait_until(is_compacted, "nobody compacts");
    remove_node();
}
END_TEST

START_TEST(an_archive_and_a_replica_compact_nothing_by_themselves)
{
    static const char *const texts[] = {
        STORAGE PRUNING COMPACTION "role = \"archive\"\n",
        STORAGE PRUNING COMPACTION "role = \"replica\"\n",
        STORAGE PRUNING SYNC "role = \"archive\"\n",
        STORAGE PRUNING SYNC "role = \"replica\"\n",
    };
    make_node(CMT_ENGINE_GOLEVELDB, CMT_GENERATION_0);
    open_node(texts[_i]);
    start_node();
    commit(40);
    ck_assert_int_eq(base(), lowest_kept());
    expect_nothing_compacted();
    remove_node();
}
END_TEST

/* ---- who prunes ---------------------------------------------------------------------------------- */

/* Generation, text, by a service? */
static const struct {
    cmt_generation generation;
    const char *toml;
    bool service;
} pruners[] = {
    {CMT_GENERATION_0, STORAGE PRUNING COMPACTION, false},
    {CMT_GENERATION_1, STORAGE PRUNING "interval = \"5ms\"\n" COMPACTION, true},
    {CMT_GENERATION_0, STORAGE PRUNING "prune = \"service\"\ninterval = \"5ms\"\n" COMPACTION,
     true},
    {CMT_GENERATION_1, STORAGE PRUNING "prune = \"inline\"\n" COMPACTION, false},
    {CMT_GENERATION_0, STORAGE PRUNING "prune = \"service\"\ninterval = \"5ms\"\n" SYNC, true},
};
#define PRUNERS ((int)(sizeof pruners / sizeof pruners[0]))

static uint64_t rounds_seen;

static bool has_gone_round(void)
{
    cmt_prune_service_stats stats;
    cmt_prune_service_get_stats(cmt_host_service(n.host), &stats);
    return stats.rounds > rounds_seen;
}

/* Base moves before the states are pruned and all is handed on. */
static void wait_for_prune(void)
{
    cmt_prune_service_stats stats;
    wait_until(is_pruned, "nobody prunes");
    if (cmt_host_service(n.host) == NULL)
        return;
    cmt_prune_service_get_stats(cmt_host_service(n.host), &stats);
    rounds_seen = stats.rounds;
    wait_until(has_gone_round, "the service does nothing");
}

START_TEST(whoever_is_to_prune_does)
{
    make_node(engines[_i % ENGINES], pruners[_i / ENGINES].generation);
    open_node(pruners[_i / ENGINES].toml);
    ck_assert_int_eq(cmt_host_service(n.host) != NULL, pruners[_i / ENGINES].service);
    start_node();
    ck_assert_int_eq(cmt_host_service(n.host) != NULL &&
                         cmt_prune_service_is_running(cmt_host_service(n.host)),
                     pruners[_i / ENGINES].service);
    commit(40);
    wait_for_prune();
    wait_until(is_compacted, "nobody compacts");
    close_node();
    open_node(pruners[_i / ENGINES].toml);
    start_node();
    ck_assert_uint_eq(remembered(), 0); /* the one who prunes hands cookies on */
    remove_node();
}
END_TEST

START_TEST(the_application_tells_the_service)
{
    make_node(CMT_ENGINE_GOLEVELDB, CMT_GENERATION_1);
    open_node("[storage.pruning]\ninterval = \"5ms\"\n" COMPACTION);
    start_node();
    n.chain.retain_height = 0;
    commit(40);
    n.chain.retain_height = 40 + 1 - KEEP + 1;
    commit(1);
    wait_until(is_pruned, "nobody prunes");
    remove_node();
}
END_TEST

START_TEST(pins_are_respected_whoever_prunes)
{
    const cmt_pin pin = {.name = "backup", .height = 10, .expires = INT64_MAX};
    make_node(CMT_ENGINE_GOLEVELDB, _i == 0 ? CMT_GENERATION_0 : CMT_GENERATION_1);
    MUST(cmt_pins_add(n.dir, &pin, 0, &error));
    open_node(PRUNING "interval = \"5ms\"\n");
    start_node();
    commit(40);
    for (int i = 0; i < 1000 && base() < 10; i++)
        nanosleep(&(struct timespec){0, MS_NS}, NULL);
    ck_assert_int_eq(base(), 10);
    remove_node();
}
END_TEST

START_TEST(a_companion_before_1_0_needs_a_service)
{
    static const char companion[] = "[storage.pruning.data_companion]\nenabled = true\n"
                                    "initial_block_retain_height = 5\n";
    char inline_[256];
    char service[256];
    snprintf(inline_, sizeof inline_, PRUNING "prune = \"inline\"\n%s", companion);
    snprintf(service, sizeof service, PRUNING "interval = \"5ms\"\nprune = \"service\"\n%s",
             companion);
    make_node(CMT_ENGINE_GOLEVELDB, CMT_GENERATION_0);
    ck_assert_int_eq(try_open(inline_), CMT_INVALID);
    ck_assert_ptr_nonnull(strstr(error.message, "prune = \"service\""));
    close_node();
    open_node(service);
    start_node();
    commit(40);
    for (int i = 0; i < 1000 && base() < 5; i++)
        nanosleep(&(struct timespec){0, MS_NS}, NULL);
    ck_assert_int_eq(base(), 5);
    remove_node();
}
END_TEST

static void add_tests(TCase *tc)
{
    tcase_set_timeout(tc, 60);
    tcase_add_loop_test(tc, async_compacts_in_the_background_what_was_pruned, 0, ENGINES);
    tcase_add_test(tc, compact_in_storage_means_async_too);
    tcase_add_loop_test(tc, sync_compacts_within_the_prune, 0, ENGINES);
    tcase_add_test(tc, what_the_fallback_may_not_is_remembered);
    tcase_add_test(tc, after_a_stop_a_prune_compacts_no_more);
    tcase_add_loop_test(tc, off_compacts_nothing_and_forgets_nothing, 0, ENGINES);
    tcase_add_loop_test(tc, an_archive_and_a_replica_compact_nothing_by_themselves, 0, 4);
    tcase_add_loop_test(tc, whoever_is_to_prune_does, 0, PRUNERS * ENGINES);
    tcase_add_test(tc, the_application_tells_the_service);
    tcase_add_loop_test(tc, pins_are_respected_whoever_prunes, 0, 2);
    tcase_add_test(tc, a_companion_before_1_0_needs_a_service);
}

int main(void)
{
    return run_suite("host", add_tests);
}
