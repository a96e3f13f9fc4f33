/* SPDX-License-Identifier: Apache-2.0
 *
 * Compaction behind the blocks of an executor: what is logged, in which order and in which words, and that nothing of it
 * changes a block or delays it.  The lines are those that operators know from the fork that had an asynchronous
 * compactor first.
 */
#include "diary_host.h"

#include "cmtstore/compactor_background.h"

#include <pthread.h>

/* ---- a log of all that operators see ------------------------------------------------------ */

static char lines[4096];
static pthread_mutex_t lines_lock = PTHREAD_MUTEX_INITIALIZER;

static void keep(void *context, cmt_log_level level, const char *message)
{
    static const char *const names[] = {"DEBUG", "INFO", "WARN", "ERROR"};
    (void)context;
    static const char *const others[] = {"compacted a database", "executed block",
                                         "committed state"};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        if (strncmp(message, others[i], strlen(others[i])) == 0)
            return; /* of each store, of each block */
    pthread_mutex_lock(&lines_lock);
    const size_t size = strlen(lines);
    snprintf(lines + size, sizeof lines - size, "%s %s\n", names[level], message);
    pthread_mutex_unlock(&lines_lock);
}

static const cmt_logger log_of_all = {keep, NULL};

static void expect_lines(const char *expected)
{
    pthread_mutex_lock(&lines_lock);
    ck_assert_str_eq(lines, expected);
    lines[0] = '\0';
    pthread_mutex_unlock(&lines_lock);
}

/* ---- a compactor whose compactions are the test's ----------------------------------------- */

static cmt_compact_flight *flight;
static cmt_compactor *compactor;
static cmt_status outcome;
static size_t slices;

static cmt_status compact(void *context, cmt_db *db, cmt_range range, cmt_error *err)
{
    (void)context;
    (void)range;
    slices++;
    if (outcome == CMT_OK || db != made.state_db)
        return CMT_OK;
    return cmt_error_set(err, outcome, "database compaction failed");
}

static int64_t one_second(void *context)
{
    (void)context;
    return 1000000000;
}

static void open_flight(void)
{
    open_at("multi-0.38", CMT_RELEASE_0_38, 100);
    lines[0] = '\0';
    outcome = CMT_OK;
    slices = 0;
    options.handover = NULL;
    options.logger = &log_of_all;
    new_executor();
    const cmt_compactor_target target = {.blockstore = made.block_db, .state = made.state_db};
    const cmt_compact_flight_options flight_options = {
        .logger = &log_of_all, .clock_ns = one_second, .compact = compact};
    MUST(cmt_compact_flight_new(&target, &flight_options, &flight, &error));
}

static void open_compactor(size_t queue_size)
{
    const cmt_compactor_options how = {.queue_size = queue_size, .poll_ns = -1};
    open_flight();
    MUST(cmt_compactor_new(flight, &how, &compactor, &error));
    MUST(cmt_compactor_start(compactor, &error));
    cmt_block_executor_init_compactor(executor, compactor); /* late: blocks went before */
}

static void close_flight(void)
{
    cmt_compact_flight_free(flight);
    close_all();
}

/* After what it is at. */
static void stop_compactor(void)
{
    cmt_compactor_stats stats;
    do {
        sched_yield();
        ck_assert_int_eq(cmt_compactor_get_stats(compactor, &stats), CMT_OK);
    } while (stats.waiting > stats.counts.failed || cmt_compact_flight_is_taken(flight));
    cmt_compactor_stop(compactor);
    cmt_status st = cmt_compactor_join(compactor, -1, NULL, &error);
    ck_assert(st == CMT_OK || st == CMT_NOT_FOUND);
}

static void close_compactor(void)
{
    stop_compactor();
    cmt_block_executor_init_compactor(executor, NULL);
    ck_assert_int_eq(cmt_compactor_free(&compactor), CMT_OK);
    close_flight();
}

/* A block behind which the stores are pruned up to `retain_height`. */
static void commit_and_prune(int64_t retain_height)
{
    const int64_t height = state.last_block_height + 1;
    h.retain_height = retain_height;
    MUST(commit_next());
    ck_assert_int_eq(state.last_block_height, height);
    ck_assert_int_eq(cmt_block_store_base(made.blocks), retain_height);
}

#define PRUNING(retain, height, base)                                                              \
    "INFO pruning blocks  retainHeightNumber=" retain " currentHeight=" height " base=" base       \
    " isArchive=false\n"
#define ENQUEUED "INFO enqueued async database compaction after pruning\n"
#define SKIPPED "DEBUG skipped async compaction - already in progress or queue full  reason="

/* ---- the fork's scenarios ----------------------------------------------------------------- */

START_TEST(a_prune_is_enqueued_and_compacted)
{
    open_compactor(1);
    MUST(cmt_compact_flight_take(flight, 0, &error)); /* held, so that lines come in one order */
    commit_and_prune(60);
    expect_lines(PRUNING("60", "101",
                         "1") "INFO pruned blocks  pruned=59 retain_height=60 base=60\n" ENQUEUED);
    ck_assert_uint_eq(slices, 0);
    cmt_compact_flight_release(flight);
    stop_compactor();
    expect_lines("INFO compaction_start label=post_pruning_compaction\n"
                 "INFO compaction_done label=post_pruning_compaction ms=0\n");
    ck_assert_uint_gt(slices, 0);
    ck_assert_uint_eq(cmt_compact_flight_counts(flight).finished, 1);
    close_compactor();
}
END_TEST

START_TEST(what_is_in_progress_is_skipped_and_not_forgotten)
{
    const cmt_compaction_request manual = {.kind = CMT_COMPACT_KIND_FULL};
    open_compactor(1);
    MUST(cmt_compact_flight_take(flight, 0, &error));
    commit_and_prune(60);
    expect_lines(PRUNING("60", "101",
                         "1") "INFO pruned blocks  pruned=59 retain_height=60 base=60\n" ENQUEUED);
    commit_and_prune(61);
    expect_lines(PRUNING("61", "102", "60") "INFO pruned blocks  pruned=1 retain_height=61 "
                                            "base=61\n" SKIPPED "coalesced\n");
    cmt_compact_flight_release(flight);
    stop_compactor();
    MUST(cmt_compactor_start(compactor, &error));
    lines[0] = '\0';
    MUST(cmt_compact_flight_take(flight, 0, &error));
    ck_assert_int_eq(cmt_compactor_try_enqueue(compactor, &manual), CMT_ENQUEUED);
    commit_and_prune(62);
    expect_lines(PRUNING("62", "103", "61") "INFO pruned blocks  pruned=1 retain_height=62 "
                                            "base=62\n" SKIPPED "busy\n");
    cmt_compact_flight_release(flight);
    stop_compactor();
    lines[0] = '\0';
    commit_and_prune(63);
    expect_lines(PRUNING("63", "104", "62") "INFO pruned blocks  pruned=1 retain_height=63 "
                                            "base=63\n" SKIPPED "stopped\n");
    ck_assert_uint_gt(cmt_compact_flight_counts(flight).remembered_blockstore, 0);
    close_compactor();
}
END_TEST

START_TEST(a_compaction_that_fails_changes_no_block)
{
    open_compactor(1);
    outcome = CMT_IO;
    MUST(cmt_compact_flight_take(flight, 0, &error));
    commit_and_prune(60);
    cmt_compact_flight_release(flight);
    stop_compactor();
    expect_lines(PRUNING("60", "101",
                         "1") "INFO pruned blocks  pruned=59 retain_height=60 base=60\n" ENQUEUED
                              "INFO compaction_start label=post_pruning_compaction\n"
                              "ERROR compaction_error label=post_pruning_compaction "
                              "err=\"state: database compaction failed\"\n"
                              "DEBUG compaction will be tried again  label=post_pruning_compaction "
                              "ms=10000\n");
    ck_assert_uint_gt(cmt_compact_flight_counts(flight).remembered_state, 0);
    ck_assert_uint_eq(cmt_compact_flight_counts(flight).remembered_blockstore, 0);
    close_compactor();
}
END_TEST

START_TEST(one_that_is_disabled_is_skipped)
{
    const cmt_compactor_options off = {.disabled = true};
    open_flight();
    options.is_archive = true;
    new_executor();
    MUST(cmt_compactor_new(flight, &off, &compactor, &error));
    MUST(cmt_compactor_start(compactor, &error));
    cmt_block_executor_init_compactor(executor, compactor);
    commit_and_prune(60);
    expect_lines("INFO pruning blocks  retainHeightNumber=60 currentHeight=101 base=1 "
                 "isArchive=true\n"
                 "INFO pruned blocks  pruned=59 retain_height=60 base=60\n" SKIPPED "disabled\n");
    options.is_archive = false;
    close_compactor();
}
END_TEST

/* ---- the fallback ------------------------------------------------------------------------- */

START_TEST(without_a_compactor_it_compacts_at_once_and_says_so)
{
    const cmt_compact_fallback all = {.policy = CMT_COMPACT_FULL};
    open_flight();
    const cmt_compact_handover alone = {.flight = flight, .fallback = &all, .logger = &log_of_all};
    options.handover = &alone;
    new_executor();
    commit_and_prune(60);
    expect_lines(PRUNING("60", "101",
                         "1") "INFO pruned blocks  pruned=59 retain_height=60 base=60\n"
                              "ERROR no async compactor available, using synchronous compaction\n"
                              "INFO compaction_start label=post_pruning_compaction\n"
                              "INFO compaction_done label=post_pruning_compaction ms=0\n"
                              "INFO successfully compacted databases after pruning\n");
    outcome = CMT_IO;
    commit_and_prune(70);
    expect_lines(PRUNING("70", "102",
                         "60") "INFO pruned blocks  pruned=10 retain_height=70 base=70\n"
                               "ERROR no async compactor available, using synchronous compaction\n"
                               "INFO compaction_start label=post_pruning_compaction\n"
                               "ERROR compaction_error label=post_pruning_compaction "
                               "err=\"state: database compaction failed\"\n"
                               "ERROR failed to compact databases after pruning  "
                               "err=\"state: database compaction failed\"\n");
    close_flight();
}
END_TEST

/* ---- across a restart --------------------------------------------------------------------- */

/* As a process finds it that has just opened the databases; they have a flight here. */
static uint64_t dirty(cmt_compact_journal *journal)
{
    cmt_compactor_target target;
    cmt_compact_flight *other;
    MUST(cmt_db_open_memory(&target.blockstore, &error));
    MUST(cmt_db_open_memory(&target.state, &error));
    target.blockstore_dir = target.state_dir = NULL;
    MUST(cmt_compact_flight_new(&target, NULL, &other, &error));
    MUST(cmt_block_executor_recover_compaction(executor, 1, other, journal, &error));
    const cmt_compact_counts counts = cmt_compact_flight_counts(other);
    cmt_compact_flight_free(other);
    cmt_db_close(target.blockstore);
    cmt_db_close(target.state);
    return counts.remembered_blockstore + counts.remembered_state;
}

START_TEST(what_was_not_compacted_is_found_again_after_a_restart)
{
    cmt_compact_journal *journal;
    MUST(cmt_compact_journal_open(NULL, &journal, &error));
    open_flight();
    ck_assert_int_eq(cmt_block_executor_recover_compaction(executor, 1, flight, journal, &error),
                     CMT_INVALID);
    options.blocks_db = made.block_db;
    options.states_db = made.state_db;
    new_executor();
    MUST(cmt_block_executor_recover_compaction(executor, 1, flight, journal, &error));
    const cmt_compactor_options how = {.poll_ns = -1, .journal = journal};
    MUST(cmt_compactor_new(flight, &how, &compactor, &error));
    MUST(cmt_compactor_start(compactor, &error));
    cmt_block_executor_init_compactor(executor, compactor);
    commit_and_prune(60);
    stop_compactor();
    ck_assert_uint_gt(cmt_compact_journal_database(journal, CMT_JOURNAL_STATE).cookie_size, 0);
    ck_assert_uint_gt(cmt_compact_journal_database(journal, CMT_JOURNAL_BLOCKSTORE).cookie_size, 0);
    const uint64_t before = dirty(journal);
    commit_and_prune(70); /* nobody compacts: it is stopped, and the process ends */
    ck_assert_uint_gt(dirty(journal), before);
    ck_assert_uint_gt(dirty(NULL), before);
    close_compactor();
    cmt_compact_journal_close(journal);
}
END_TEST

/* ---- no delay ----------------------------------------------------------------------------- */

START_TEST(a_compaction_that_is_held_delays_no_block)
{
    open_compactor(0);
    MUST(cmt_compact_flight_take(flight, 0, &error));
    for (int64_t retain_height = 60; retain_height < 75; retain_height++)
        commit_and_prune(
            retain_height); /* on the thread that holds the flag: waiting would be for ever */
    ck_assert_uint_eq(slices, 0);
    cmt_compactor_stats stats;
    ck_assert_int_eq(cmt_compactor_get_stats(compactor, &stats), CMT_OK);
    ck_assert_uint_eq(stats.enqueued, 1);
    ck_assert_uint_eq(stats.coalesced, 14);
    cmt_compact_flight_release(flight);
    close_compactor();
}
END_TEST

static void *swap_often(void *argument)
{
    for (int i = 0; i < 1000; i++)
        cmt_block_executor_init_compactor(executor, i % 2 == 0 ? NULL : compactor);
    return argument;
}

START_TEST(a_compactor_may_come_at_any_time)
{
    pthread_t thread;
    open_compactor(0);
    ck_assert_int_eq(pthread_create(&thread, NULL, swap_often, NULL), 0);
    for (int64_t retain_height = 60; retain_height < 75; retain_height++)
        commit_and_prune(retain_height);
    pthread_join(thread, NULL);
    close_compactor();
}
END_TEST

static void add(TCase *tc)
{
    tcase_add_test(tc, a_prune_is_enqueued_and_compacted);
    tcase_add_test(tc, what_is_in_progress_is_skipped_and_not_forgotten);
    tcase_add_test(tc, a_compaction_that_fails_changes_no_block);
    tcase_add_test(tc, one_that_is_disabled_is_skipped);
    tcase_add_test(tc, without_a_compactor_it_compacts_at_once_and_says_so);
    tcase_add_test(tc, what_was_not_compacted_is_found_again_after_a_restart);
    tcase_add_test(tc, a_compaction_that_is_held_delays_no_block);
    tcase_add_test(tc, a_compactor_may_come_at_any_time);
}

int main(void)
{
    return run_suite("block_compaction", add);
}
