/* SPDX-License-Identifier: Apache-2.0
 *
 * For the tests of host/: a node on disk, its storage made from a text as it stands in config.toml.
 */
#ifndef CMT_TEST_HOST_SUPPORT_H
#define CMT_TEST_HOST_SUPPORT_H

#include "cmtstore/host.h"

#include "files.h"
#include "live_chain.h"
#include "must.h"
#include "suite.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define KEEP 20
#define MS_NS 1000000

/* Whatever was pruned is worth a compaction, and at once. */
#define EAGER                                                                                      \
    "interval = \"0s\"\nmin_size = \"0\"\npoll_interval = \"100ms\"\nfallback = \"full\"\n"
#define STORAGE "[storage]\ncompaction_interval = 1\n"
#define PRUNING "[storage.pruning]\nkeep_blocks = 20\n"
#define COMPACTION "[storage.compaction]\n" EAGER
#define SYNC "[storage.compaction]\nmode = \"sync\"\n" EAGER

static const cmt_engine engines[] = {CMT_ENGINE_GOLEVELDB, CMT_ENGINE_ROCKSDB};
#define ENGINES ((int)(sizeof engines / sizeof engines[0]))

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

static inline void on_line(void *context, cmt_log_level level, const char *line)
{
    (void)context;
    pthread_mutex_lock(&n.lock);
    const size_t size = strlen(n.log);
    if (level != CMT_LOG_DEBUG && strncmp(line, "executed", 8) != 0)
        snprintf(n.log + size, sizeof n.log - size, "%s\n", line);
    pthread_mutex_unlock(&n.lock);
}

static const cmt_logger logger = {on_line, NULL};

static inline void expect_log(const char *text, bool wanted)
{
    pthread_mutex_lock(&n.lock);
    ck_assert_msg((strstr(n.log, text) != NULL) == wanted, "%s \"%s\" in:\n%s", wanted ? "no" : "a",
                  text, n.log);
    pthread_mutex_unlock(&n.lock);
}

static inline cmt_status open_host(void *context, const live_chain *chain,
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
static inline void make_node(cmt_engine engine, cmt_generation generation)
{
    error = (cmt_error)CMT_ERROR_INIT;
    n = (node){.dir = files_temp(), .engine = engine, .generation = generation};
    pthread_mutex_init(&n.lock, NULL);
}

static inline cmt_status try_open(const char *toml)
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

static inline void open_node(const char *toml)
{
    MUST(try_open(toml));
}

static inline void start_node(void)
{
    MUST(cmt_host_start(n.host, n.chain.executor, &error));
}

static inline void close_node(void)
{
    ck_assert_int_eq(cmt_host_close(&n.host), CMT_OK);
    ck_assert_ptr_null(n.host);
    live_chain_close(&n.chain);
}

static inline void remove_node(void)
{
    close_node();
    files_remove(n.dir);
    pthread_mutex_destroy(&n.lock);
}

static inline void commit(int blocks)
{
    for (int i = 0; i < blocks; i++) {
        MUST(live_chain_make(&n.chain, &error));
        MUST(live_chain_commit(&n.chain, &error));
    }
}

static inline int64_t base(void)
{
    return cmt_block_store_base(n.chain.blocks);
}

static inline int64_t lowest_kept(void)
{
    return n.chain.state.last_block_height - KEEP + 1;
}

static inline cmt_compact_counts counts(void)
{
    return cmt_compact_flight_counts(cmt_host_flight(n.host));
}

/* Ranges still to be compacted, in both databases. */
static inline uint64_t remembered(void)
{
    const cmt_compact_counts c = counts();
    return c.remembered_blockstore + c.remembered_state;
}

static inline cmt_compactor_state state(void)
{
    cmt_compactor_stats stats;
    ck_assert_int_eq(cmt_compactor_get_stats(cmt_host_compactor(n.host), &stats), CMT_OK);
    return stats.state;
}

static inline size_t cookie_bytes(void)
{
    return cmt_compact_journal_database(cmt_host_journal(n.host), CMT_JOURNAL_STATE).cookie_size +
           cmt_compact_journal_database(cmt_host_journal(n.host), CMT_JOURNAL_BLOCKSTORE)
               .cookie_size;
}

/* What another thread brings about. */
static inline void wait_until(bool (*is_so)(void), const char *what)
{
    const struct timespec moment = {0, 2L * MS_NS};
    for (int i = 0; i < 10000 && !is_so(); i++)
        nanosleep(&moment, NULL);
    ck_assert_msg(is_so(), "%s; remembered=%" PRIu64 " log:\n%s", what, remembered(), n.log);
}

static inline bool is_compacted(void)
{
    const cmt_compact_counts c = counts();
    return c.finished > 0 && remembered() == 0 &&
           !cmt_compact_flight_is_taken(cmt_host_flight(n.host));
}

static inline bool is_pruned(void)
{
    return base() == lowest_kept();
}

#endif
