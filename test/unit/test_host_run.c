/* SPDX-License-Identifier: Apache-2.0
 *
 * host/: start, stop, join and close; threads that cannot be made, hooks, a forked child; where the configuration comes from.
 */
#include "forked.h"
#include "host_support.h"
#include "no_threads.h"

#include <stdatomic.h>
#include <unistd.h>

/* ---- start and stop ------------------------------------------------------------------------------ */

START_TEST(without_a_thread_each_prune_compacts_by_itself)
{
    make_node(engines[_i], CMT_GENERATION_0);
    open_node(STORAGE PRUNING COMPACTION);
    threads_left = 0;
    cmt_status st = cmt_host_start(n.host, n.chain.executor, &error);
    threads_left = -1;
    ck_assert_int_eq(st, CMT_OK);
    ck_assert(!cmt_host_is_running(n.host));
    expect_log("no background compactor, each prune compacts by itself", true);
    commit(40);
    ck_assert_int_eq(base(), lowest_kept());
    ck_assert(is_compacted());
    expect_log("no async compactor available, using synchronous compaction", true);
    start_node(); /* once more */
    ck_assert(cmt_host_is_running(n.host));
    remove_node();
}
END_TEST

START_TEST(without_a_thread_for_the_service_the_node_runs)
{
    make_node(CMT_ENGINE_GOLEVELDB, CMT_GENERATION_1);
    open_node(STORAGE PRUNING SYNC);
    threads_left = 0;
    cmt_status st = cmt_host_start(n.host, n.chain.executor, &error);
    threads_left = -1;
    ck_assert_int_eq(st, CMT_OK);
    expect_log("no prune service, nothing is pruned", true);
    commit(30);
    ck_assert_int_eq(base(), 1);
    start_node();
    wait_until(is_pruned, "nobody prunes");
    remove_node();
}
END_TEST

START_TEST(it_stops_joins_and_starts_again)
{
    make_node(CMT_ENGINE_GOLEVELDB, CMT_GENERATION_1);
    open_node(STORAGE PRUNING "interval = \"5ms\"\n" COMPACTION);
    MUST(cmt_host_join(n.host, -1, &error)); /* nothing runs */
    start_node();
    start_node(); /* nothing */
    ck_assert_int_eq(cmt_host_join(n.host, 0, &error), CMT_BUSY);
    ck_assert_int_eq(cmt_host_join(n.host, MS_NS, &error), CMT_BUSY);
    ck_assert_int_eq(cmt_host_stop(n.host), CMT_OK);
    MUST(cmt_host_join(n.host, INT64_C(20000) * MS_NS, &error));
    ck_assert(!cmt_host_is_running(n.host));
    commit(40);
    ck_assert_int_eq(base(), 1);
    start_node();
    wait_until(is_pruned, "nobody prunes");
    wait_until(is_compacted, "nobody compacts");
    ck_assert_int_eq(cmt_host_stop(n.host), CMT_OK);
    ck_assert_int_eq(cmt_host_stop(n.host), CMT_OK);
    remove_node();
}
END_TEST

static cmt_status from_hook[3];
static atomic_bool hook_was_called;

static void on_result(void *context, const cmt_compact_report *report)
{
    cmt_host *host = n.host;
    (void)context;
    (void)report;
    if (atomic_load(&hook_was_called))
        return;
    from_hook[0] = cmt_host_join(host, -1, NULL);
    from_hook[1] = cmt_host_close(&host);
    from_hook[2] = host == n.host ? CMT_OK : CMT_INVALID;
    atomic_store(&hook_was_called, true);
}

static bool was_called(void)
{
    return atomic_load(&hook_was_called);
}

START_TEST(a_hook_cannot_wait_for_itself)
{
    make_node(CMT_ENGINE_GOLEVELDB, CMT_GENERATION_0);
    n.options.hooks.result = on_result;
    open_node(STORAGE PRUNING COMPACTION);
    start_node();
    commit(40);
    wait_until(was_called, "nobody compacts");
    ck_assert_int_eq(from_hook[0], CMT_DEADLOCK);
    ck_assert_int_eq(from_hook[1], CMT_DEADLOCK);
    ck_assert_int_eq(from_hook[2], CMT_OK);
    remove_node();
}
END_TEST

static int ask_as_a_child(void)
{
    cmt_host *host = n.host;
    const bool right[] = {
        cmt_host_stop(host) == CMT_FORKED,
        !cmt_host_is_running(host),
        cmt_host_start(host, n.chain.executor, NULL) == CMT_FORKED,
        cmt_host_join(host, -1, NULL) == CMT_FORKED,
        cmt_host_close(&host) == CMT_FORKED && host == n.host,
    };
    return forked_first_wrong(right, sizeof right / sizeof right[0]);
}

START_TEST(a_forked_child_touches_nothing)
{
    make_node(CMT_ENGINE_GOLEVELDB, CMT_GENERATION_1);
    open_node(STORAGE PRUNING COMPACTION);
    start_node();
    forked_expect(ask_as_a_child);
    remove_node();
}
END_TEST

/* ---- what it is given ---------------------------------------------------------------------------- */

START_TEST(the_configuration_may_be_a_file)
{
    static const char text[] = "[storage.compaction]\nmode = \"off\"\n";
    cmt_host_options options = {.generation = CMT_GENERATION_0, .initial_height = 1};
    cmt_host *host;
    char *path;
    make_node(CMT_ENGINE_GOLEVELDB, CMT_GENERATION_0);
    open_node("[storage.compaction]\nmode = \"off\"\n");
    ck_assert_int_eq(cmt_host_close(&n.host), CMT_OK);
    options.stores =
        (cmt_prune_stores){n.chain.blocks, n.chain.block_db, n.chain.states, n.chain.state_db};
    path = files_path(n.dir, "config.toml");
    options.config_path = path;
    ck_assert_int_eq(cmt_host_open(&options, &host, &error), CMT_NOT_FOUND);
    ck_assert_ptr_null(host);
    ck_assert_ptr_nonnull(strstr(error.message, "config.toml"));
    files_write(n.dir, "config.toml", CMT_SLICE(text));
    MUST(cmt_host_open(&options, &host, &error));
    ck_assert_int_eq(cmt_host_get_mode(host), CMT_HOST_OFF);
    ck_assert_int_eq(cmt_host_close(&host), CMT_OK);
    files_write(n.dir, "config.toml", CMT_SLICE("[storage]\nfoo = 1\n"));
    ck_assert_int_eq(cmt_host_open(&options, &host, &error), CMT_INVALID);
    options.config_path = NULL; /* defaults; the journal is in memory only */
    MUST(cmt_host_open(&options, &host, &error));
    ck_assert_int_eq(cmt_host_get_mode(host), CMT_HOST_ASYNC);
    MUST(cmt_host_start(host, NULL, &error)); /* of an executor of the host's own */
    ck_assert_ptr_eq(cmt_host_handover(host)->flight, cmt_host_flight(host));
    ck_assert_int_eq(cmt_host_close(&host), CMT_OK);
    ck_assert(!files_exist(n.dir, "cmtstore/compactor.journal"));
    ck_assert_int_eq(cmt_host_close(&host), CMT_OK);
    free(path);
    remove_node();
}
END_TEST

START_TEST(a_long_queue_is_cut_and_it_is_said)
{
    make_node(CMT_ENGINE_GOLEVELDB, CMT_GENERATION_0);
    open_node("[storage.compaction]\nqueue_size = 5000\n");
    expect_log("queue_size=5000 most=1024", true);
    expect_log("storage as configured  prune=inline compaction=async role=full keep_blocks=0",
               true);
    remove_node();
}
END_TEST

static void add_tests(TCase *tc)
{
    tcase_set_timeout(tc, 60);
    tcase_add_loop_test(tc, without_a_thread_each_prune_compacts_by_itself, 0, ENGINES);
    tcase_add_test(tc, without_a_thread_for_the_service_the_node_runs);
    tcase_add_test(tc, it_stops_joins_and_starts_again);
    tcase_add_test(tc, a_hook_cannot_wait_for_itself);
    tcase_add_test(tc, a_forked_child_touches_nothing);
    tcase_add_test(tc, the_configuration_may_be_a_file);
    tcase_add_test(tc, a_long_queue_is_cut_and_it_is_said);
}

int main(void)
{
    return run_suite("host_run", add_tests);
}
