/* SPDX-License-Identifier: Apache-2.0
 *
 * rollback: look at everything first, with nobody else at the databases; then open their engine and do it.
 */
#include "commands.h"
#include "json.h"
#include "report.h"
#include "stores.h"

#include "cmtstore/blockexec_rollback.h"

#include <inttypes.h>
#include <stdio.h>

/* What the reader has found out. */
typedef struct survey {
    cmd_writing writing; /* how to open for it */
    cmt_rollback_result result;
} survey;

static cmt_status require_engine(const cmd_target *target, cmt_error *err)
{
    CMT_TRY(cmd_target_require_readable(target, err));
    if (target->engine != CMT_ENGINE_PEBBLEDB)
        return CMT_OK;
    return cmt_error_set(
        err, CMT_UNSUPPORTED,
        "%.300s holds pebbledb databases, and rollback writes goleveldb, cleveldb and "
        "rocksdb only; use the rollback command of the node's own program",
        target->data_dir);
}

static cmt_status look_at(const cmd_context *context, const cmd_stores *stores, survey *out,
                          cmt_error *err)
{
    cmt_chain_state state;
    CMT_TRY(cmt_rollback_check(stores->blocks, stores->states, context->options->hard, &out->result,
                               err));
    CMT_TRY(cmt_state_store_load_chain_state(stores->states, &state, err));
    out->writing = (cmd_writing){
        .engine = context->target->engine,
        .was_read = true,
        .blocks = {.write_version = cmt_block_store_has_version(stores->blocks)},
        .states = {.layout = cmt_state_store_layout(stores->states),
                   .write_version = cmt_state_store_has_version(stores->states),
                   .release = state.release},
        .logger = &context->console->logger,
    };
    cmt_chain_state_free(&state);
    return CMT_OK;
}

/* Nothing is opened by an engine, which would write, before it is known that there is something to do. */
static cmt_status look(const cmd_context *context, survey *out, cmt_error *err)
{
    const cmd_target *target = context->target;
    cmt_db_lock *of_blocks = NULL;
    cmt_db_lock *of_states = NULL;
    cmd_stores stores = {.blocks = NULL};
    cmt_status status = cmt_db_lock_take(target->blockstore, &of_blocks, err);
    if (status == CMT_OK)
        status = cmt_db_lock_take(target->state, &of_states, err);
    if (status == CMT_OK)
        status = cmd_stores_open(target, &stores, err);
    if (status == CMT_OK)
        status = look_at(context, &stores, out, err);
    cmd_stores_close(&stores);
    cmt_db_lock_release(of_states);
    cmt_db_lock_release(of_blocks);
    return status;
}

static cmt_status carry_out(const cmd_context *context, survey *found, cmt_error *err)
{
    const cmd_target *target = context->target;
    cmd_stores stores;
    cmt_status status = cmd_stores_open_for_writing(target->blockstore, target->state,
                                                    &found->writing, &stores, err);
    if (status == CMT_OK)
        status = cmt_rollback(stores.blocks, stores.states, context->options->hard, NULL,
                              &found->result, err);
    if (status == CMT_OK)
        status = cmd_stores_flush(&stores, err);
    cmd_stores_close(&stores);
    return status;
}

static cmt_status report(const cmd_context *context, const cmt_rollback_result *result,
                         cmt_error *err)
{
    const cmd_hash_text app_hash = cmd_hash_hex(&result->app_hash);
    if (!context->options->json) {
        printf("Rolled back %s to height %" PRId64 " and hash %s\n",
               context->options->hard ? "both state and block" : "state", result->height,
               app_hash.text);
        return cmd_report_flush(err);
    }
    json_t *object = cmd_json_object();
    cmd_json_put_int(object, "height", result->height);
    cmd_json_put_text(object, "app_hash", app_hash.text);
    cmd_json_put_int(object, "block_height", result->block_height);
    cmd_json_put_bool(object, "state_changed", result->moves_state);
    cmd_json_put_bool(object, "block_removed", result->removes_block);
    return cmd_report_json(object, err);
}

cmt_status cmd_run_rollback(const cmd_context *context, cmt_error *err)
{
    survey found;
    CMT_TRY(require_engine(context->target, err));
    CMT_TRY(look(context, &found, err));
    if (found.result.moves_state || found.result.removes_block)
        CMT_TRY(carry_out(context, &found, err));
    return report(context, &found.result, err);
}
