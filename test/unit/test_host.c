/* SPDX-License-Identifier: Apache-2.0
 *
 * host/: nodes on LevelDB and RocksDB, each from a text as it stands in config.toml: blocks are committed, and what is pruned
 * and what is compacted is what the text says, also behind a restart.
 */
#include "cmtstore/host.h"

#include "files.h"
#include "live_chain.h"
#include "must.h"
#include "suite.h"

#include <dlfcn.h>
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define KEEP 20
#define MS_NS 1000000

/* Whatever was pruned is worth a compaction, and at once. */
#define EAGER                                                                                      \
    "interval = \"0s\"\nmin_size = \"0\"\npoll_interval = \"100ms\"\nfallback = \"full\"\n"
#define STORAGE "[storage]\ncompaction_interval = 1\n"
#define PRUNING "[storage.pruning]\nkeep_blocks = 20\n"
#define COMPACTION "[storage.compaction]\n" EAGER

static const cmt_engine engines[] = {CMT_ENGINE_GOLEVELDB, CMT_ENGINE_ROCKSDB};
#define ENGINES ((int)(sizeof engines / sizeof engines[0]))

/* ---- threads that cannot be made ----------------------------------------------------------------- */

static atomic_bool no_threads;

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *),
                   void *argument)
{
    typedef int create(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
    union { /* ISO C knows no way from an object pointer to a function pointer */
        void *object;
        create *function;
    } real;
    if (atomic_load(&no_threads))
        return EAGAIN;
    real.object = dlsym(RTLD_NEXT, "pthread_create");
    return real.function(thread, attributes, start, argument);
}

/* ---- a node -------------------------------------------------------------------------------------- */

typedef struct node {
    char *dir;
    const char *toml;
    cmt_generation generation;
    cmt_engine engine;
    live_chain chain;
    cmt_host *host;
    cmt_host_options options; /* that a case has changed */
    pthread_mutex_t lock;
    char log[16384];
} node;

static node n;

static void on_line(void *context, cmt_log_level level, const char *line)
{
    (void)context;
    pthread_mutex_lock(&n.lock);
    const size_t size = strlen(n.log);
    if (level != CMT_LOG_DEBUG && strncmp(line, "executed", 8) != 0)
        snprintf(n.log + size, sizeof n.log - size, "%s\n", line);
    pthread_mutex_unlock(&n.lock);
}

static const cmt_logger logger = {on_line, NULL};

static void expect_log(const char *text, bool wanted)
{
    pthread_mutex_lock(&n.lock);
    ck_assert_msg((strstr(n.log, text) != NULL) == wanted, "%s \"%s\" in:\n%s", wanted ? "no" : "a",
                  text, n.log);
    pthread_mutex_unlock(&n.lock);
}

static cmt_status open_host(void *context, const live_chain *chain,
                            cmt_block_executor_options *executor, cmt_error *err)
{
    cmt_config config;
    cmt_host_options options = n.options;
    (void)context;
    CMT_TRY(cmt_config_parse("config.toml", (cmt_slice){(const uint8_t *)n.toml, strlen(n.toml)},
                             &config, err));
    options.config = &config;
    options.stores =
        (cmt_prune_stores){chain->blocks, chain->block_db, chain->states, chain->state_db};
    options.data_dir = n.dir;
    options.initial_height = 1;
    options.generation = n.generation;
    options.logger = &logger;
    options.flight.reserve_bytes = 1;
    CMT_TRY(cmt_host_open(&options, &n.host, err));
    cmt_host_executor_options(n.host, executor);
    return CMT_OK;
}

/* A directory for a node. */
static void make_node(cmt_engine engine, cmt_generation generation)
{
    error = (cmt_error)CMT_ERROR_INIT;
    n = (node){.dir = files_temp(), .engine = engine, .generation = generation};
    pthread_mutex_init(&n.lock, NULL);
}

static cmt_status try_open(const char *toml)
{
    const live_chain_options options = {
        .dir = n.dir,
        .engine = n.engine,
        .secret = "host",
        .block_bytes = 4000,
        .seconds_per_block = 1,
        .write_buffer_bytes = 64 << 10,
        .only_asked_compactions = true,
        .unsynced = true, /* nothing is killed here */
        .configure = open_host,
    };
    n.toml = toml;
    n.log[0] = '\0';
    return live_chain_open(&options, &n.chain, &error);
}

static void open_node(const char *toml)
{
    MUST(try_open(toml));
}

static void start_node(void)
{
    MUST(cmt_host_start(n.host, n.chain.executor, &error));
}

static void close_node(void)
{
    ck_assert_int_eq(cmt_host_close(&n.host), CMT_OK);
    ck_assert_ptr_null(n.host);
    live_chain_close(&n.chain);
}

static void remove_node(void)
{
    close_node();
    files_remove(n.dir);
    pthread_mutex_destroy(&n.lock);
}

static void commit(int blocks)
{
    for (int i = 0; i < blocks; i++) {
        MUST(live_chain_make(&n.chain, &error));
        MUST(live_chain_commit(&n.chain, &error));
    }
}

static int64_t base(void)
{
    return cmt_block_store_base(n.chain.blocks);
}

static int64_t lowest_kept(void)
{
    return n.chain.state.last_block_height - KEEP + 1;
}

static cmt_compact_counts counts(void)
{
    return cmt_compact_flight_counts(cmt_host_flight(n.host));
}

/* Ranges still to be compacted, in both databases. */
static uint64_t remembered(void)
{
    const cmt_compact_counts c = counts();
    return c.remembered_blockstore + c.remembered_state;
}

/* At a start blocks are dirty where they were pruned and not compacted.  Of extended commits, which this chain has not, the
 * cookie knows no better than that there may be some above the evidence's height: a range, and with it the hashes. */
static bool finds_blocks_dirty(void)
{
    return counts().remembered_blockstore > 2;
}

static cmt_compactor_state state(void)
{
    cmt_compactor_stats stats;
    ck_assert_int_eq(cmt_compactor_get_stats(cmt_host_compactor(n.host), &stats), CMT_OK);
    return stats.state;
}

static size_t cookie_bytes(void)
{
    return cmt_compact_journal_database(cmt_host_journal(n.host), CMT_JOURNAL_STATE).cookie_size +
           cmt_compact_journal_database(cmt_host_journal(n.host), CMT_JOURNAL_BLOCKSTORE)
               .cookie_size;
}

/* What another thread brings about. */
static void wait_until(bool (*is_so)(void), const char *what)
{
    const struct timespec moment = {0, 2L * MS_NS};
    for (int i = 0; i < 10000 && !is_so(); i++)
        nanosleep(&moment, NULL);
    ck_assert_msg(is_so(), "%s; remembered=%" PRIu64 " log:\n%s", what, remembered(), n.log);
}

static bool is_compacted(void)
{
    const cmt_compact_counts c = counts();
    return c.finished > 0 && remembered() == 0 &&
           !cmt_compact_flight_is_taken(cmt_host_flight(n.host));
}

static bool is_pruned(void)
{
    return base() == lowest_kept();
}

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
    expect_log("using synchronous compaction", false);
    close_node();
    ck_assert(files_exist(n.dir, "cmtstore/compactor.journal"));
    /* What was compacted needs not be compacted again. */
    open_node(STORAGE PRUNING COMPACTION);
    ck_assert_uint_gt(cookie_bytes(), 0);
    start_node();
    ck_assert(!finds_blocks_dirty());
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

#define SYNC "[storage.compaction]\nmode = \"sync\"\n" EAGER

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
    ck_assert(!finds_blocks_dirty());
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
    ck_assert(finds_blocks_dirty());
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
    ck_assert(finds_blocks_dirty());
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
    wait_until(is_pruned, "nobody prunes");
    wait_until(is_compacted, "nobody compacts");
    close_node();
    open_node(pruners[_i / ENGINES].toml);
    start_node();
    ck_assert(!finds_blocks_dirty()); /* the one who prunes hands cookies on */
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

/* ---- start and stop ------------------------------------------------------------------------------ */

START_TEST(without_a_thread_each_prune_compacts_by_itself)
{
    make_node(engines[_i], CMT_GENERATION_0);
    open_node(STORAGE PRUNING COMPACTION);
    atomic_store(&no_threads, true);
    cmt_status st = cmt_host_start(n.host, n.chain.executor, &error);
    atomic_store(&no_threads, false);
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
    atomic_store(&no_threads, true);
    cmt_status st = cmt_host_start(n.host, n.chain.executor, &error);
    atomic_store(&no_threads, false);
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

START_TEST(a_forked_child_touches_nothing)
{
    make_node(CMT_ENGINE_GOLEVELDB, CMT_GENERATION_1);
    open_node(STORAGE PRUNING COMPACTION);
    start_node();
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        cmt_host *host = n.host;
        bool right = cmt_host_stop(host) == CMT_FORKED && !cmt_host_is_running(host) &&
                     cmt_host_start(host, n.chain.executor, NULL) == CMT_FORKED &&
                     cmt_host_join(host, -1, NULL) == CMT_FORKED &&
                     cmt_host_close(&host) == CMT_FORKED && host == n.host;
        _exit(right ? 0 : 1);
    }
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
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
    return run_suite("host", add_tests);
}
