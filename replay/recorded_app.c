/* SPDX-License-Identifier: Apache-2.0
 *
 * An application that knows all answers from the databases of a node that has asked it before.
 */
#include "cmtstore/replay.h"

#include "cleanup.h"
#include "wire.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct cmt_recorded_app {
    cmt_recorded_app_options options;
    cmt_application application;
    cmt_block_meta first;
    int64_t executed; /* not committed yet */
    int64_t committed;
    cmt_hash app_hash;
    /* what the last answer points to */
    cmt_buf bytes;
    cmt_results results;
    cmt_buf params;
    cmt_buf updates;
    cmt_slice *update_list;
};

/* ---- the beginning ----------------------------------------------------------------------- */

static cmt_status info(void *context, cmt_app_info *out, cmt_error *err)
{
    const cmt_recorded_app *app = context;
    (void)err;
    *out = (cmt_app_info){
        .last_block_height = app->committed,
        .last_block_app_hash = app->app_hash,
        .app_version = app->first.header.version_app,
    };
    return CMT_OK;
}

/* ValidatorUpdate of the generation that the set is of. */
static cmt_status put_update(const cmt_validator *v, cmt_buf *out)
{
    if (v->key_type.size == 0)
        CMT_TRY(cmt_wire_put_message(out, 1, v->pub_key));
    CMT_TRY(cmt_wire_put_int64(out, 2, v->voting_power));
    CMT_TRY(cmt_wire_put_bytes(out, 3, v->key_bytes));
    return cmt_wire_put_bytes(out, 4, v->key_type);
}

/* Two walks: the bytes move as they grow. */
static cmt_status put_updates(cmt_recorded_app *app, const cmt_validator_set *set)
{
    free(app->update_list);
    app->update_list = calloc(set->count + 1, sizeof *app->update_list);
    if (app->update_list == NULL)
        return CMT_NO_MEMORY;
    size_t at = 0;
    cmt_buf_clear(&app->updates);
    for (size_t i = 0; i < set->count; i++) {
        CMT_TRY(put_update(&set->validators[i], &app->updates));
        app->update_list[i].size = app->updates.size - at;
        at = app->updates.size;
    }
    at = 0;
    for (size_t i = 0; i < set->count; i++) {
        app->update_list[i].data = app->updates.data + at;
        at += app->update_list[i].size;
    }
    return CMT_OK;
}

/* The validators are answered when they are not those of the genesis. */
static cmt_status answer_validators(cmt_recorded_app *app, const cmt_app_genesis *genesis,
                                    cmt_app_genesis_answer *out, cmt_error *err)
{
    CMT_AUTO(cmt_validator_set_free) cmt_validator_set told = {.count = 0};
    CMT_AUTO(cmt_validator_set_free) cmt_validator_set set = {.count = 0};
    cmt_hash hash;
    CMT_TRY(cmt_validator_set_new(genesis->validators, genesis->validator_count, CMT_GENERATION_0,
                                  &told, err));
    CMT_TRY(cmt_validator_set_hash(&told, &hash, err));
    if (cmt_hash_equal(&hash, &app->first.header.validators_hash))
        return CMT_OK;
    CMT_TRY(cmt_state_store_load_validator_set(app->options.states, genesis->initial_height, &set,
                                               err));
    if (put_updates(app, &set) != CMT_OK)
        return cmt_error_set(err, CMT_NO_MEMORY, "no memory for %zu validators", set.count);
    out->validators = app->update_list;
    out->validator_count = set.count;
    return CMT_OK;
}

static cmt_status init_chain(void *context, const cmt_app_genesis *genesis,
                             cmt_app_genesis_answer *out, cmt_error *err)
{
    cmt_recorded_app *app = context;
    *out = (cmt_app_genesis_answer){.app_hash = app->first.header.app_hash};
    CMT_TRY(answer_validators(app, genesis, out, err));
    CMT_TRY(cmt_state_store_load_params(app->options.states, genesis->initial_height, &app->params,
                                        err));
    out->params = cmt_buf_slice(&app->params);
    out->has_params = !cmt_slice_equal(out->params, genesis->params);
    return CMT_OK;
}

/* ---- blocks ------------------------------------------------------------------------------ */

/* With results discarded only those of the last block are there. */
static cmt_status load_results(cmt_recorded_app *app, int64_t height, cmt_error *err)
{
    cmt_results_free(&app->results);
    cmt_status st = cmt_state_store_load_results(app->options.states, height, &app->bytes, err);
    if (st == CMT_NOT_FOUND) {
        cmt_error ignored = CMT_ERROR_INIT;
        st = cmt_state_store_load_last_results(app->options.states, height, &app->bytes, &ignored);
        if (st != CMT_OK)
            return cmt_error_set(err, CMT_NOT_FOUND,
                                 "the results of block %" PRId64
                                 " are not in the state store: the node discarded or pruned them",
                                 height);
    }
    CMT_TRY(st);
    return cmt_results_read(cmt_buf_slice(&app->bytes), &app->results, err);
}

static cmt_status finalize_block(void *context, const cmt_app_block *block, cmt_results *out,
                                 cmt_error *err)
{
    cmt_recorded_app *app = context;
    CMT_TRY(load_results(app, block->height, err));
    app->executed = block->height;
    *out = app->results;
    return CMT_OK;
}

static cmt_status commit(void *context, int64_t *retain_height, cmt_error *err)
{
    cmt_recorded_app *app = context;
    int64_t keep = app->options.retain_blocks;
    int64_t lowest = app->executed - keep + 1;
    (void)err;
    app->committed = app->executed;
    app->app_hash = (cmt_hash){.size = app->results.app_hash.size};
    if (app->app_hash.size > sizeof app->app_hash.bytes)
        app->app_hash.size = 0; /* refused by the executor */
    if (app->app_hash.size > 0)
        memcpy(app->app_hash.bytes, app->results.app_hash.data, app->app_hash.size);
    *retain_height = keep > 0 && lowest > app->options.genesis->initial_height ? lowest : 0;
    return CMT_OK;
}

/* ---- the whole --------------------------------------------------------------------------- */

/* The app hash after a height stands in the next header; behind the last in the state. */
static cmt_status find_app_hash(cmt_recorded_app *app, cmt_error *err)
{
    cmt_block_meta next;
    cmt_state last;
    if (app->committed == 0)
        return CMT_OK;
    cmt_status st = cmt_block_store_load_meta(app->options.blocks, app->committed + 1, &next, err);
    if (st == CMT_OK)
        app->app_hash = next.header.app_hash;
    if (st != CMT_NOT_FOUND)
        return st;
    CMT_TRY(cmt_state_store_load(app->options.states, &last, err));
    app->app_hash = last.app_hash;
    return CMT_OK;
}

static cmt_status open_record(cmt_recorded_app *app, cmt_error *err)
{
    int64_t initial = app->options.genesis->initial_height;
    cmt_status st = cmt_block_store_load_meta(app->options.blocks, initial, &app->first, err);
    if (st == CMT_NOT_FOUND)
        return cmt_error_set(err, st,
                             "block %" PRId64 ", the chain's first, is not in the block store, "
                             "which begins at %" PRId64,
                             initial, cmt_block_store_base(app->options.blocks));
    CMT_TRY(st);
    return find_app_hash(app, err);
}

cmt_status cmt_recorded_app_new(const cmt_recorded_app_options *options, cmt_recorded_app **out,
                                cmt_error *err)
{
    *out = NULL;
    cmt_recorded_app *app = calloc(1, sizeof *app);
    if (app == NULL)
        return cmt_error_set(err, CMT_NO_MEMORY, "no memory for a recorded application");
    app->options = *options;
    app->committed = options->committed;
    app->application = (cmt_application){
        .context = app,
        .info = info,
        .init_chain = init_chain,
        .finalize_block = finalize_block,
        .commit = commit,
    };
    cmt_status st = open_record(app, err);
    if (st == CMT_OK)
        *out = app;
    else
        cmt_recorded_app_free(app);
    return st;
}

void cmt_recorded_app_free(cmt_recorded_app *app)
{
    if (app == NULL)
        return;
    cmt_results_free(&app->results);
    cmt_buf_free(&app->bytes);
    cmt_buf_free(&app->params);
    cmt_buf_free(&app->updates);
    free(app->update_list);
    free(app);
}

const cmt_application *cmt_recorded_app_application(const cmt_recorded_app *app)
{
    return &app->application;
}

int64_t cmt_recorded_app_height(const cmt_recorded_app *app)
{
    return app->committed;
}
