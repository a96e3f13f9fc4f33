/* SPDX-License-Identifier: Apache-2.0
 *
 * Opening and finishing a home that is being filled.  Nothing is compacted on the way.
 */
#include "made.h"

#include "json.h"

static void log_lower(void *context, cmt_log_level level, const char *message)
{
    cmd_log_line(context, level == CMT_LOG_INFO ? CMT_LOG_DEBUG : level, message);
}

static cmt_status open_databases(cmd_made *made, cmt_error *err)
{
    const cmd_new_config *config = &made->config;
    const bool write_version = config->release == CMT_RELEASE_1_0;
    const cmd_writing how = {
        .engine = config->engine,
        .create = true,
        .unsynced = !made->context->options->sync,
        .blocks = {.layout = config->layout, .write_version = write_version},
        .states = {.layout = config->layout,
                   .write_version = write_version,
                   .discard_results = config->discard_results,
                   .release = config->release},
        .logger = &made->context->console->logger,
    };
    return cmd_stores_open_for_writing(made->home.blockstore, made->home.state, &how, &made->stores,
                                       err);
}

static cmt_status prepare_compaction(cmd_made *made, cmt_error *err)
{
    const cmt_compactor_target target = {.blockstore = made->stores.blockstore_db,
                                         .state = made->stores.state_db};
    const cmt_compact_flight_options options = {.logger = &made->context->console->logger};
    CMT_TRY(cmt_compact_flight_new(&target, &options, &made->flight, err));
    cmt_compact_fallback_defaults(&made->fallback);
    made->fallback.policy = CMT_COMPACT_NEVER;
    /* No logger: that nothing is compacted yet need not be said at each prune. */
    made->handover = (cmt_compact_handover){.flight = made->flight, .fallback = &made->fallback};
    return CMT_OK;
}

cmt_status cmd_made_open(const cmd_context *context, const char *path, const cmd_new_config *config,
                         cmt_slice genesis, cmd_made *out, cmt_error *err)
{
    const char *maker = cmd_command_name(context->options->command);
    bool may_go_on = context->options->command == CMD_REPLAY;
    *out = (cmd_made){
        .context = context,
        .config = *config,
        .executor_log = {log_lower, context->console},
    };
    CMT_TRY(cmd_new_home_make(path, maker, may_go_on, &out->home, err));
    CMT_TRY(cmd_new_home_configure(&out->home, config, err));
    CMT_TRY(cmd_new_home_write(&out->home, "genesis.json", genesis, err));
    CMT_TRY(open_databases(out, err));
    return prepare_compaction(out, err);
}

cmt_status cmd_made_finish(cmd_made *made, cmt_status status, cmt_error *err)
{
    cmt_error unfinished = CMT_ERROR_INIT;
    cmt_status finished = CMT_OK;
    if (made->flight == NULL)
        return status;
    if (status == CMT_OK) {
        const cmt_compact_options options = {.progress = &made->context->console->progress};
        finished = cmt_compact_now(made->flight, NULL, &options, NULL, &unfinished);
    }
    if (finished == CMT_CANCELLED) /* what was asked for is done */
        finished = CMT_OK;
    if (finished == CMT_OK)
        finished = cmd_stores_flush(&made->stores, &unfinished);
    if (finished == CMT_OK || (status != CMT_OK && status != CMT_CANCELLED))
        return status;
    return cmt_error_set(err, finished, "%s", unfinished.message);
}

void cmd_made_close(cmd_made *made)
{
    cmt_compact_flight_free(made->flight);
    made->flight = NULL;
    cmd_stores_close(&made->stores);
}

/* ---- the report ------------------------------------------------------------------------------ */

json_t *cmd_made_json(const cmd_made *made, const char *chain_id)
{
    json_t *object = cmd_json_object();
    cmd_json_put_text(object, "home", made->home.home);
    cmd_json_put_text(object, "engine", cmt_engine_name(made->config.engine));
    cmd_json_put_text(object, "key_layout", made->config.layout == CMT_KEY_LAYOUT_V2 ? "v2" : "v1");
    cmd_json_put_text(object, "chain_id", chain_id);
    cmd_json_put_int(object, "base", cmt_block_store_base(made->stores.blocks));
    cmd_json_put_int(object, "height", cmt_block_store_height(made->stores.blocks));
    return object;
}

double cmd_blocks_per_second(int64_t blocks, int64_t elapsed_ms)
{
    return elapsed_ms > 0 ? (double)blocks * 1000 / (double)elapsed_ms : 0;
}

void cmd_put_speed(json_t *object, int64_t blocks, int64_t elapsed_ms)
{
    cmd_json_put_int(object, "elapsed_ms", elapsed_ms);
    cmd_json_put(object, "blocks_per_second", json_real(cmd_blocks_per_second(blocks, elapsed_ms)));
}
