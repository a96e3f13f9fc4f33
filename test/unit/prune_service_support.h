/* SPDX-License-Identifier: Apache-2.0
 *
 * For the tests of the prune service: a growing chain, a service on it, and a host that notes what it hears.
 */
#ifndef CMT_TEST_PRUNE_SERVICE_SUPPORT_H
#define CMT_TEST_PRUNE_SERVICE_SUPPORT_H

#include "cmtstore/pruner_service.h"

#include "chain.h"
#include "growing_chain.h"
#include "must.h"
#include "suite.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

typedef struct listening {
    pthread_mutex_t lock;
    char heard[512];
    char log[4096];
    uint64_t deleted;
    size_t block_ranges;
    size_t state_ranges;
    size_t cookies;
    atomic_llong clock_ns;
    atomic_llong wall;
} listening;

static listening host;
static char *dir;
static growing_chain chain;
static cmt_prune_service *service;
static cmt_prune_service_options options;

static inline void hear(const char *text)
{
    pthread_mutex_lock(&host.lock);
    strncat(host.heard, text, sizeof host.heard - strlen(host.heard) - 1);
    pthread_mutex_unlock(&host.lock);
}

static inline void on_started(void *context, int64_t interval_ns)
{
    char text[64];
    (void)context;
    snprintf(text, sizeof text, "started %" PRId64 ";", interval_ns / 1000000);
    hear(text);
}

static inline void on_blocks(void *context, int64_t from, int64_t to)
{
    char text[64];
    (void)context;
    snprintf(text, sizeof text, "blocks %" PRId64 "-%" PRId64 ";", from, to);
    hear(text);
}

static inline void on_results(void *context, int64_t from, int64_t to)
{
    char text[64];
    (void)context;
    snprintf(text, sizeof text, "results %" PRId64 "-%" PRId64 ";", from, to);
    hear(text);
}

static inline void on_line(void *context, cmt_log_level level, const char *line)
{
    (void)context;
    if (level == CMT_LOG_DEBUG)
        return;
    pthread_mutex_lock(&host.lock);
    strncat(host.log, line, sizeof host.log - strlen(host.log) - 1);
    strncat(host.log, "\n", sizeof host.log - strlen(host.log) - 1);
    pthread_mutex_unlock(&host.lock);
}

static inline cmt_enqueue_result on_work(void *context, const cmt_compaction_request *request)
{
    (void)context;
    pthread_mutex_lock(&host.lock);
    host.deleted += request->deleted_keys;
    host.block_ranges += request->blockstore != NULL ? request->blockstore->count : 0;
    host.state_ranges += request->state != NULL ? request->state->count : 0;
    host.cookies += request->blockstore_cookie.size > 0;
    host.cookies += request->state_cookie.size > 0;
    pthread_mutex_unlock(&host.lock);
    return CMT_ENQUEUED;
}

static inline int64_t the_clock(void *context)
{
    (void)context;
    return atomic_load(&host.clock_ns);
}

static inline int64_t the_wall(void *context)
{
    (void)context;
    return atomic_load(&host.wall);
}

static const cmt_logger logger = {on_line, NULL};
static const cmt_prune_observer observer = {NULL, on_started, on_blocks, on_results};
static const cmt_compaction_sink sink = {on_work, NULL};
static const cmt_compact_handover handover = {.sink = &sink};

/** A chain up to @p height; the options of a service without a companion. */
static inline void open_chain(cmt_release release, int64_t height)
{
    error = (cmt_error)CMT_ERROR_INIT;
    host = (listening){.heard = ""};
    pthread_mutex_init(&host.lock, NULL);
    atomic_store(&host.wall, 1000);
    dir = files_temp();
    chain = growing_open(GROWING_MEMORY, release);
    growing_to(&chain, height);
    options = (cmt_prune_service_options){
        .blocks = chain.blocks,
        .states = chain.states,
        .data_dir = dir,
        .handover = &handover,
        .observer = &observer,
        .logger = &logger,
        .clock_ns = the_clock,
        .wall_seconds = the_wall,
    };
}

static inline void open_service(void)
{
    ck_assert_int_eq(cmt_prune_service_free(&service), CMT_OK);
    MUST(cmt_prune_service_new(&options, &service, &error));
}

static inline void close_everything(void)
{
    ck_assert_int_eq(cmt_prune_service_free(&service), CMT_OK);
    growing_close(&chain);
    files_remove(dir);
    pthread_mutex_destroy(&host.lock);
}

static inline void set(cmt_retain_owner owner, int64_t height)
{
    MUST(cmt_prune_service_set_retain_height(service, owner, height, &error));
}

static inline int64_t get(cmt_retain_owner owner)
{
    int64_t height = -1;
    MUST(cmt_prune_service_retain_height(service, owner, &height, &error));
    return height;
}

static inline void round_once(void)
{
    MUST(cmt_prune_service_round(service, &error));
}

static inline int64_t base(void)
{
    return cmt_block_store_base(chain.blocks);
}

static inline cmt_prune_service_stats stats(void)
{
    cmt_prune_service_stats out;
    cmt_prune_service_get_stats(service, &out);
    return out;
}

static inline void expect_log(const char *text)
{
    ck_assert_msg(strstr(host.log, text) != NULL, "no \"%s\" in:\n%s", text, host.log);
}

#endif
