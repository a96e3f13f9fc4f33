/* SPDX-License-Identifier: Apache-2.0
 *
 * A node's storage made as its configuration says, and released.
 */
#include "host_internal.h"

#include "clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SECOND_NS INT64_C(1000000000)

/* ---- configuration --------------------------------------------------------------------------- */

static cmt_status read_config(const cmt_host_options *options, cmt_config *out, cmt_error *err)
{
    cmt_config_defaults(out);
    if (options->config != NULL)
        *out = *options->config;
    if (options->config != NULL || options->config_path == NULL)
        return CMT_OK;
    cmt_status st = cmt_config_load(options->config_path, out, err);
    return st == CMT_NOT_FOUND
               ? cmt_error_set(err, st, "there is no configuration %s", options->config_path)
               : st;
}

/* ---- clocks of the prune service ------------------------------------------------------------- */

static int64_t service_clock_ns(void *context)
{
    const cmt_compact_flight_options *o = &((const cmt_host *)context)->options.flight;
    return o->clock_ns != NULL ? o->clock_ns(o->clock_context) : cmt_clock_ns();
}

static int64_t service_wall_seconds(void *context)
{
    const cmt_compact_flight_options *o = &((const cmt_host *)context)->options.flight;
    return o->wall_ns != NULL ? o->wall_ns(o->clock_context) / SECOND_NS : (int64_t)time(NULL);
}

/* ---- making ---------------------------------------------------------------------------------- */

static cmt_status keep_data_dir(cmt_host *host, cmt_error *err)
{
    if (host->options.data_dir == NULL)
        return CMT_OK;
    host->data_dir = strdup(host->options.data_dir);
    host->options.data_dir = host->data_dir;
    return host->data_dir != NULL
               ? CMT_OK
               : cmt_error_set(err, CMT_NO_MEMORY, "no memory for the storage of a node");
}

/* The path of a database; NULL where it is not on disk. */
static char *find_database(const cmt_host *host, const char *name)
{
    char *path;
    if (host->data_dir == NULL || asprintf(&path, "%s/%s", host->data_dir, name) < 0)
        return NULL;
    if (access(path, F_OK) == 0)
        return path;
    free(path);
    return NULL;
}

static cmt_status make_flight(cmt_host *host, cmt_error *err)
{
    cmt_compact_flight_options options = host->options.flight;
    char *blockstore_dir = find_database(host, "blockstore.db");
    char *state_dir = find_database(host, "state.db");
    const cmt_compactor_target target = {
        .blockstore = host->options.stores.blocks_db,
        .state = host->options.stores.states_db,
        .blockstore_dir = blockstore_dir,
        .state_dir = state_dir,
    };
    options.logger = host->options.logger;
    cmt_status st = cmt_compact_flight_new(&target, &options, &host->flight, err);
    free(blockstore_dir);
    free(state_dir);
    return st;
}

static cmt_status open_journal(cmt_host *host, cmt_error *err)
{
    const cmt_compact_journal_options options = {
        .data_dir = host->data_dir,
        .logger = host->options.logger,
        .clock_ns = host->options.flight.wall_ns,
        .clock_context = host->options.flight.clock_context,
    };
    return cmt_compact_journal_open(&options, &host->journal, err);
}

/* By "sync" and "off", too: what it was asked for, also before this start, is remembered. */
static cmt_status make_compactor(cmt_host *host, cmt_error *err)
{
    cmt_compactor_options options;
    CMT_TRY(cmt_host_compactor_options(&host->config, &options, err));
    options.journal = host->journal;
    options.hooks = host->options.hooks;
    CMT_TRY(cmt_compactor_new(host->flight, &options, &host->compactor, err));
    host->sink = cmt_compactor_sink(host->compactor);
    host->handover = (cmt_compact_handover){
        .sink = host->mode != CMT_HOST_SYNC ? &host->sink : NULL,
        .flight = host->flight,
        .fallback = &host->fallback,
        .logger = host->options.logger,
    };
    return CMT_OK;
}

static cmt_status make_service(cmt_host *host, cmt_error *err)
{
    cmt_prune_service_options options;
    cmt_host_service_options(&host->config, &options);
    options.blocks = host->options.stores.blocks;
    options.states = host->options.stores.states;
    options.data_dir = host->data_dir;
    options.handover = &host->handover;
    options.observer = host->options.observer;
    options.logger = host->options.logger;
    options.clock_ns = service_clock_ns;
    options.wall_seconds = service_wall_seconds;
    options.context = host;
    return cmt_prune_service_new(&options, &host->service, err);
}

/* A service does the same when it is made.  Source: node/node.go initCompanionRetainHeights */
static cmt_status init_companion(cmt_host *host, cmt_error *err)
{
    const cmt_config *c = &host->config;
    cmt_state_store *states = host->options.stores.states;
    if (!c->companion_enabled)
        return CMT_OK;
    if (!cmt_state_store_has_version(states))
        return cmt_error_set(err, CMT_INVALID,
                             "databases of a CometBFT before 1.0 have no place for the retain "
                             "heights of a data companion, which the block executor would look "
                             "at; let [storage.pruning] prune = \"service\", or no companion");
    return cmt_state_store_init_retain_heights(
        states, true, c->companion_initial_block_retain_height,
        c->companion_initial_block_results_retain_height, err);
}

static cmt_status make(cmt_host *host, cmt_error *err)
{
    bool has_service;
    CMT_TRY(cmt_host_mode_of(&host->config, &host->mode, err));
    CMT_TRY(cmt_host_fallback(&host->config, &host->fallback, err));
    CMT_TRY(cmt_host_has_service(&host->config, host->options.generation, &has_service, err));
    CMT_TRY(keep_data_dir(host, err));
    CMT_TRY(make_flight(host, err));
    CMT_TRY(open_journal(host, err));
    CMT_TRY(make_compactor(host, err));
    return has_service ? make_service(host, err) : init_companion(host, err);
}

static void destroy(cmt_host *host)
{
    cmt_prune_service_free(&host->service);
    cmt_host__resume_flight(host);
    cmt_compactor_free(&host->compactor);
    cmt_compact_flight_free(host->flight);
    cmt_compact_journal_close(host->journal);
    free(host->data_dir);
    free(host);
}

static void log_what_was_made(const cmt_host *host)
{
    cmt_log(host->options.logger, CMT_LOG_INFO,
            "storage as configured  prune=%s compaction=%s role=%s keep_blocks=%" PRId64,
            host->service != NULL ? "service" : "inline", host->config.compactor.mode,
            host->config.compactor.role, host->config.keep_blocks);
    if (host->config.compactor.queue_size > CMT_COMPACTOR_QUEUE_MAX)
        cmt_log(host->options.logger, CMT_LOG_WARN,
                "storage.compaction.queue_size is larger than a queue may be  queue_size=%" PRId64
                " most=%d",
                host->config.compactor.queue_size, CMT_COMPACTOR_QUEUE_MAX);
}

cmt_status cmt_host_open(const cmt_host_options *options, cmt_host **out, cmt_error *err)
{
    cmt_config config;
    *out = NULL;
    CMT_TRY(read_config(options, &config, err));
    cmt_host *host = calloc(1, sizeof *host);
    if (host == NULL)
        return cmt_error_set(err, CMT_NO_MEMORY, "no memory for the storage of a node");
    host->config = config;
    host->options = *options;
    host->pid = getpid();
    atomic_init(&host->has_stopped_flight, false);
    cmt_status st = make(host, err);
    if (st != CMT_OK) {
        destroy(host);
        return st;
    }
    log_what_was_made(host);
    *out = host;
    return CMT_OK;
}

void cmt_host_executor_options(const cmt_host *host, cmt_block_executor_options *options)
{
    const cmt_prune_stores *stores = &host->options.stores;
    cmt_host_inline_options(&host->config, options);
    options->blocks = stores->blocks;
    options->states = stores->states;
    options->blocks_db = stores->blocks_db;
    options->states_db = stores->states_db;
    options->prune_service = host->service;
    options->handover = &host->handover;
    options->data_dir = host->data_dir;
    if (options->logger == NULL)
        options->logger = host->options.logger;
}

/* ---- releasing ------------------------------------------------------------------------------- */

cmt_status cmt_host_close(cmt_host **handle)
{
    cmt_error failure = CMT_ERROR_INIT;
    if (handle == NULL || *handle == NULL)
        return CMT_OK;
    cmt_host *host = *handle;
    CMT_TRY(cmt_host_stop(host));
    cmt_status st = cmt_host_join(host, -1, &failure);
    if (st == CMT_DEADLOCK)
        return st;
    if (st != CMT_OK)
        cmt_log(host->options.logger, CMT_LOG_ERROR, "failed to stop storage  err=\"%s\"",
                failure.message);
    *handle = NULL;
    destroy(host);
    return CMT_OK;
}

/* ---- what it is made of ---------------------------------------------------------------------- */

cmt_host_mode cmt_host_get_mode(const cmt_host *host)
{
    return host->mode;
}

cmt_compact_flight *cmt_host_flight(const cmt_host *host)
{
    return host->flight;
}

cmt_compactor *cmt_host_compactor(const cmt_host *host)
{
    return host->compactor;
}

cmt_compact_journal *cmt_host_journal(const cmt_host *host)
{
    return host->journal;
}

cmt_prune_service *cmt_host_service(const cmt_host *host)
{
    return host->service;
}

const cmt_compact_handover *cmt_host_handover(const cmt_host *host)
{
    return &host->handover;
}
