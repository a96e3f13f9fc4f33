/* SPDX-License-Identifier: Apache-2.0
 *
 * A node over days in a moment.
 */
#include "steady.h"

#include "cmtstore/host.h"

#include "live_chain.h"

#include <dirent.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* 2024-01-01T00:00:00Z */
#define START_NS (INT64_C(1704067200) * 1000000000)

typedef struct node {
    const steady_options *options;
    live_chain chain;
    cmt_host *host;
    _Atomic int64_t now_ns;
    pthread_mutex_t lock;
    pthread_cond_t task_ended;
    uint64_t of_blockstore; /* compactions that began; the lock guards both */
    uint64_t of_state;
} node;

/* ---- sizes ----------------------------------------------------------------------------------- */

static bool is_table_or_log(const char *name)
{
    const char *dot = strrchr(name, '.');
    return dot != NULL &&
           (strcmp(dot, ".ldb") == 0 || strcmp(dot, ".sst") == 0 || strcmp(dot, ".log") == 0);
}

/* Files may go while they are looked at. */
static uint64_t size_of(const char *dir)
{
    struct stat st;
    uint64_t bytes = 0;
    DIR *stream = opendir(dir);
    if (stream == NULL)
        return 0;
    for (const struct dirent *entry; (entry = readdir(stream)) != NULL;)
        if (is_table_or_log(entry->d_name) && fstatat(dirfd(stream), entry->d_name, &st, 0) == 0)
            bytes += (uint64_t)st.st_size;
    closedir(stream);
    return bytes;
}

/* ---- the compactor --------------------------------------------------------------------------- */

static int64_t now_ns(void *context)
{
    node *n = context;
    return atomic_load(&n->now_ns);
}

static void note_end(void *context, const cmt_compact_report *report)
{
    node *n = context;
    pthread_mutex_lock(&n->lock);
    n->of_blockstore += report->blockstore.triggered;
    n->of_state += report->state.triggered;
    pthread_cond_broadcast(&n->task_ended);
    pthread_mutex_unlock(&n->lock);
}

/* A block is far longer than a compaction: nothing may be left when the next one comes. */
static void wait_for_compactor(node *n)
{
    cmt_compactor_stats stats;
    pthread_mutex_lock(&n->lock);
    while (cmt_compactor_get_stats(cmt_host_compactor(n->host), &stats) == CMT_OK &&
           stats.tasks < stats.enqueued + stats.polls)
        pthread_cond_wait(&n->task_ended, &n->lock);
    pthread_mutex_unlock(&n->lock);
}

/* As config.toml has it without a word, but that nothing waits in real time. */
static cmt_status make_storage(void *context, const live_chain *chain,
                               cmt_block_executor_options *executor, cmt_error *err)
{
    node *n = context;
    cmt_config config;
    cmt_config_defaults(&config);
    config.compactor.pause_ns = 0;
    if (n->options->never_compact)
        snprintf(config.compactor.mode, sizeof config.compactor.mode, "off");
    const cmt_host_options options = {
        .config = &config,
        .stores = {chain->blocks, chain->block_db, chain->states, chain->state_db},
        .data_dir = n->options->dir,
        .initial_height = chain->genesis.initial_height,
        .hooks = {.context = n, .result = note_end},
        .flight = {.clock_ns = now_ns, .wall_ns = now_ns, .clock_context = n},
    };
    CMT_TRY(cmt_host_open(&options, &n->host, err));
    cmt_host_executor_options(n->host, executor);
    return CMT_OK;
}

/* ---- blocks ---------------------------------------------------------------------------------- */

static cmt_status next_block(node *n, int64_t height, steady_result *out, cmt_error *err)
{
    const steady_options *o = n->options;
    n->chain.retain_height = height > o->keep_blocks ? height - o->keep_blocks + 1 : 0;
    atomic_fetch_add(&n->now_ns, o->seconds_per_block * INT64_C(1000000000));
    CMT_TRY(live_chain_make(&n->chain, err));
    CMT_TRY(live_chain_commit(&n->chain, err));
    out->block_bytes += (double)n->chain.proposal.bytes.size / (double)o->blocks;
    if (!o->never_compact)
        wait_for_compactor(n);
    return CMT_OK;
}

static cmt_status run(node *n, steady_result *out, cmt_error *err)
{
    const steady_options *o = n->options;
    for (int64_t height = 1; height <= o->blocks; height++) {
        CMT_TRY(next_block(n, height, out, err));
        const uint64_t bytes = size_of(n->chain.paths[0]) + size_of(n->chain.paths[1]);
        if (height > 3 * o->keep_blocks && bytes > out->most_bytes)
            out->most_bytes = bytes;
        if (o->sample_every > 0 && height % o->sample_every == 0)
            o->sample(o->context, height, bytes);
    }
    cmt_compactor_stats stats;
    CMT_TRY(cmt_compactor_get_stats(cmt_host_compactor(n->host), &stats));
    out->hours = (double)(o->blocks * o->seconds_per_block) / 3600;
    out->runs = stats.counts.started;
    out->of_blockstore = n->of_blockstore;
    out->of_state = n->of_state;
    out->failed = stats.counts.failed;
    out->held_back = stats.held_back;
    return CMT_OK;
}

static cmt_status stop(node *n, cmt_status status, cmt_error *err)
{
    if (n->host == NULL)
        return status;
    cmt_host_stop(n->host);
    cmt_status joined = cmt_host_join(n->host, -1, status == CMT_OK ? err : NULL);
    cmt_host_close(&n->host);
    return status == CMT_OK ? joined : status;
}

cmt_status steady_run(const steady_options *options, steady_result *out, cmt_error *err)
{
    node n = {.options = options, .now_ns = START_NS};
    const live_chain_options chain = {
        .dir = options->dir,
        .engine = options->engine,
        .secret = "steady",
        .block_bytes = options->block_bytes,
        .seconds_per_block = options->seconds_per_block,
        .write_buffer_bytes = options->write_buffer_bytes,
        .unsynced = true,
        .only_asked_compactions = options->only_asked_compactions,
        .configure = make_storage,
        .configure_context = &n,
    };
    *out = (steady_result){.hours = 0};
    pthread_mutex_init(&n.lock, NULL);
    pthread_cond_init(&n.task_ended, NULL);
    cmt_status st = live_chain_open(&chain, &n.chain, err);
    if (st == CMT_OK)
        st = cmt_host_start(n.host, n.chain.executor, err);
    if (st == CMT_OK)
        st = run(&n, out, err);
    st = stop(&n, st, err);
    live_chain_close(&n.chain);
    pthread_cond_destroy(&n.task_ended);
    pthread_mutex_destroy(&n.lock);
    return st;
}

double steady_limit(const steady_options *options, const steady_result *result)
{
    return 3 * result->block_bytes * (double)options->keep_blocks +
           2 * (double)options->write_buffer_bytes;
}
