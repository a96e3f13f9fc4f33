/* SPDX-License-Identifier: Apache-2.0
 *
 * replay: the blocks of one home executed into another, which is made for it.
 */
#include "json.h"
#include "made.h"
#include "report.h"
#include "snapshot.h"
#include "units.h"

#include "cmtstore/replay.h"

#include <inttypes.h>
#include <stdio.h>

typedef struct job {
    const cmd_context *context;
    cmd_stores source;
    cmt_release release; /* as which the source was written */
    int64_t height;      /* that it has executed */
    cmt_genesis genesis;
    cmt_buf genesis_json;
    cmd_made made;
    cmt_replay_result result;
} job;

static void close_job(job *j)
{
    cmd_made_close(&j->made);
    cmt_genesis_free(&j->genesis);
    cmt_buf_free(&j->genesis_json);
    cmd_stores_close(&j->source);
}

/* ---- the source ------------------------------------------------------------------------------ */

static cmt_status open_source(void *context, cmt_error *err)
{
    job *j = context;
    cmt_chain_state state;
    cmd_stores_close(&j->source);
    CMT_TRY(cmd_stores_open(j->context->target, &j->source, err));
    cmt_status status = cmt_state_store_load_chain_state(j->source.states, &state, err);
    if (status == CMT_NOT_FOUND)
        return cmt_error_set(err, status, "%.300s has no state: no block was ever executed there",
                             j->context->target->data_dir);
    CMT_TRY(status);
    j->release = state.release;
    j->height = state.last_block_height;
    cmt_chain_state_free(&state);
    return CMT_OK;
}

static cmt_status check_release(const job *j, cmt_error *err)
{
    const cmd_options *options = j->context->options;
    if (options->release_name == NULL || options->release == j->release)
        return CMT_OK;
    return cmt_error_set(err, CMT_UNSUPPORTED,
                         "--release %s: the databases in %.300s were written by another",
                         options->release_name, j->context->target->data_dir);
}

/* The file of the home, else what a node before 1.0 keeps in its state store. */
static cmt_status find_document(job *j, cmt_error *err)
{
    char path[PATH_MAX + sizeof "/config/genesis.json"];
    snprintf(path, sizeof path, "%s/config/genesis.json", j->context->target->home);
    if (j->context->target->home[0] != '\0') {
        cmt_status status = cmd_read_file(path, &j->genesis_json, err);
        if (status != CMT_NOT_FOUND)
            return status;
    }
    return cmt_db_get(j->source.state_db, CMT_SLICE("genesisDoc"), &j->genesis_json, err);
}

static cmt_status complete_time(job *j, cmt_error *err)
{
    cmt_block_meta first;
    if (j->genesis.has_time)
        return CMT_OK;
    CMT_TRY(cmt_block_store_load_meta(j->source.blocks, j->genesis.initial_height, &first, err));
    j->genesis.has_time = true;
    j->genesis.time = first.header.time;
    return CMT_OK;
}

static cmt_status find_genesis(job *j, cmt_error *err)
{
    cmt_status status = find_document(j, err);
    if (status == CMT_OK) {
        CMT_TRY(cmt_genesis_decode(cmt_buf_slice(&j->genesis_json), j->release, &j->genesis, err));
        return complete_time(j, err);
    }
    if (status != CMT_NOT_FOUND)
        return status;
    CMT_TRY(cmt_replay_genesis(j->source.blocks, j->source.states, &j->genesis, err));
    return cmt_genesis_encode(&j->genesis, j->release, &j->genesis_json, err);
}

/* Before anything is made. */
static cmt_status check_heights(const job *j, cmt_error *err)
{
    const char *where = j->context->target->data_dir;
    int64_t base = cmt_block_store_base(j->source.blocks);
    int64_t until = j->context->options->until;
    if (base > j->genesis.initial_height)
        return cmt_error_set(err, CMT_OUT_OF_RANGE,
                             "the blocks in %.200s begin at %" PRId64 " and the chain at %" PRId64
                             ": what was pruned cannot be executed again",
                             where, base, j->genesis.initial_height);
    if (cmt_block_store_height(j->source.blocks) < j->height)
        return cmt_error_set(err, CMT_OUT_OF_RANGE,
                             "in %.200s the block store is at height %" PRId64
                             " and the state at %" PRId64 ": the databases do not belong together",
                             where, cmt_block_store_height(j->source.blocks), j->height);
    if (until != 0 && (until < j->genesis.initial_height || until > j->height))
        return cmt_error_set(err, CMT_OUT_OF_RANGE,
                             "--until %" PRId64 ": the blocks in %.200s that were executed are "
                             "%" PRId64 " to %" PRId64,
                             until, where, j->genesis.initial_height, j->height);
    return CMT_OK;
}

/* ---- the destination ------------------------------------------------------------------------- */

static cmt_status open_destination(job *j, cmt_error *err)
{
    const cmd_options *options = j->context->options;
    cmd_new_config config = {
        .release = j->release,
        .layout = options->key_layout != 0 ? options->key_layout
                                           : cmt_block_store_layout(j->source.blocks),
        .discard_results = options->discard_results,
    };
    if (config.layout == CMT_KEY_LAYOUT_V2 && config.release != CMT_RELEASE_1_0)
        return cmt_error_set(err, CMT_INVALID,
                             "--key-layout v2 is of CometBFT 1.0; this chain is of an older one");
    CMT_TRY(cmd_new_home_engine(options->db_backend, &config.engine, err));
    return cmd_made_open(j->context, options->to, &config, cmt_buf_slice(&j->genesis_json),
                         &j->made, err);
}

static cmt_status execute(job *j, cmt_error *err)
{
    const cmd_options *options = j->context->options;
    bool sweep = options->sweep == CMD_ON ||
                 (options->sweep == CMD_UNSET && j->context->target->config.sweep);
    const cmt_replay_options replay = {
        .source_blocks = j->source.blocks,
        .source_states = j->source.states,
        .blocks = j->made.stores.blocks,
        .states = j->made.stores.states,
        .genesis = &j->genesis,
        .until = options->until,
        .retain_blocks = options->retain_blocks,
        .keep_residue = !sweep,
        .as_0_39 = options->as_0_39,
        .handover = &j->made.handover,
        .logger = &j->made.executor_log,
        .progress = &j->context->console->progress,
    };
    cmt_status status = cmt_replay_run(&replay, &j->result, err);
    /* A block that is not valid is no fault of whoever typed the command. */
    if (status == CMT_INVALID)
        status = CMT_CORRUPT;
    return cmd_made_finish(&j->made, status, err);
}

/* ---- the report ------------------------------------------------------------------------------ */

static json_t *result_json(const job *j)
{
    const cmt_replay_result *r = &j->result;
    json_t *object = cmd_made_json(&j->made, j->genesis.chain_id);
    cmd_json_put_int(object, "first", r->first);
    cmd_json_put_int(object, "last", r->last);
    cmd_json_put_int(object, "blocks", r->blocks);
    cmd_json_put_count(object, "txs", r->txs);
    cmd_json_put_count(object, "block_bytes", r->block_bytes);
    cmd_json_put_bool(object, "saved_ahead", r->saved_ahead);
    cmd_put_speed(object, r->blocks, r->elapsed_ms);
    return object;
}

static void print_result(const job *j)
{
    const cmt_replay_result *r = &j->result;
    int64_t base = cmt_block_store_base(j->made.stores.blocks);
    int64_t height = cmt_block_store_height(j->made.stores.blocks);
    if (r->blocks > 0)
        printf("executed %s, %" PRId64 " to %" PRId64 ", as the source did\n",
               cmd_human_count(r->blocks, "block", "blocks").text, r->first, r->last);
    else
        puts(r->saved_ahead ? "saved one block" : "nothing to do");
    printf("home          %s, %s\n", j->made.home.home, cmt_engine_name(j->made.config.engine));
    printf("blocks        %" PRId64 " to %" PRId64 "%s\n", base, height,
           r->saved_ahead ? "; the last is saved and not executed, as in the source" : "");
    if (r->blocks == 0)
        return;
    printf("contents      %" PRIu64 " transactions, %s of blocks\n", r->txs,
           cmd_human_bytes(r->block_bytes).text);
    printf("took          %s, %.0f blocks/s\n", cmd_human_ms(r->elapsed_ms).text,
           cmd_blocks_per_second(r->blocks, r->elapsed_ms));
}

static cmt_status report(const job *j, cmt_error *err)
{
    cmd_console_clear(j->context->console);
    if (j->context->options->json)
        return cmd_report_json(result_json(j), err);
    print_result(j);
    return cmd_report_flush(err);
}

static cmt_status run(job *j, cmt_error *err)
{
    CMT_TRY(cmd_target_require_readable(j->context->target, err));
    CMT_TRY(cmd_snapshot_retry(open_source, j, err));
    CMT_TRY(check_release(j, err));
    CMT_TRY(find_genesis(j, err));
    CMT_TRY(check_heights(j, err));
    CMT_TRY(open_destination(j, err));
    CMT_TRY(execute(j, err));
    return report(j, err);
}

cmt_status cmd_run_replay(const cmd_context *context, cmt_error *err)
{
    job j = {.context = context};
    cmt_status status = run(&j, err);
    close_job(&j);
    return status;
}
