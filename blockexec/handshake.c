/* SPDX-License-Identifier: Apache-2.0
 *
 * The handshake carried out: the application is told of the genesis, executes what it missed, and a block that
 * was saved and not applied is applied.
 */
#include "executor_internal.h"

#include "cleanup.h"

#include <inttypes.h>
#include <stdlib.h>

/* What one handshake works with. */
typedef struct handshake {
    cmt_block_executor *executor;
    const cmt_application *application;
    const cmt_genesis *genesis;
    cmt_chain_state *state;
    cmt_app_info info;
    cmt_handshake_result result;
    cmt_hash app_hash; /* the application's, as far as it has come */
} handshake;

/* ---- stored blocks ----------------------------------------------------------------------- */

typedef struct stored_block {
    cmt_buf bytes;
    cmt_block block;
    cmt_block_id id;
} stored_block;

static void stored_block_free(stored_block *b)
{
    cmt_block_free(&b->block);
    cmt_buf_free(&b->bytes);
}

static cmt_status load_block(const handshake *h, int64_t height, stored_block *out, cmt_error *err)
{
    cmt_block_store *store = h->executor->options.blocks;
    cmt_block_meta meta;
    cmt_status st = cmt_block_store_load_block(store, height, &out->bytes, err);
    if (st == CMT_OK)
        st = cmt_block_store_load_meta(store, height, &meta, err);
    if (st == CMT_NOT_FOUND)
        return cmt_error_set(err, CMT_CORRUPT,
                             "block %" PRId64 " is to be replayed, but is not in the block store",
                             height);
    CMT_TRY(st);
    out->id = meta.block_id;
    st = cmt_block_decode(cmt_buf_slice(&out->bytes), &out->block, err);
    return st == CMT_OK ? st : cmt_error_prefix(err, st, "block %" PRId64, height);
}

/* ---- executing without the state --------------------------------------------------------- */

static cmt_status load_last_validators(const handshake *h, int64_t height, cmt_validator_set *out,
                                       cmt_error *err)
{
    if (height == h->state->initial_height)
        return CMT_OK;
    cmt_status st =
        cmt_state_store_load_validator_set(h->executor->options.states, height - 1, out, err);
    if (st != CMT_NOT_FOUND)
        return st;
    return cmt_error_set(err, CMT_CORRUPT,
                         "block %" PRId64
                         " is to be replayed, but the validators of height %" PRId64
                         " are not in the state store",
                         height, height - 1);
}

static cmt_status execute(handshake *h, const cmt_block *block, cmt_error *err)
{
    CMT_AUTO(cmt_validator_set_free) cmt_validator_set last = {.count = 0};
    CMT_AUTO(cmt_blockexec__request_free) cmt_blockexec__request request = {.votes = NULL};
    CMT_TRY(load_last_validators(h, block->header.height, &last, err));
    CMT_TRY(cmt_blockexec__request_make(block, &last, h->state->initial_height, &request, err));
    request.block.syncing_to_height = h->result.heights.store;
    cmt_results results;
    int64_t ignored;
    CMT_TRY(cmt_blockexec__finalize(h->executor, h->application, &request.block, &results, err));
    CMT_TRY(cmt_blockexec__app_hash(&results, &h->app_hash, err));
    CMT_TRY(h->application->commit(h->application->context, &ignored, err));
    h->result.blocks++;
    return CMT_OK;
}

static cmt_status compare(const char *whose, int64_t height, const cmt_hash *got,
                          const cmt_hash *want, cmt_error *err)
{
    cmt_text got_text;
    cmt_text want_text;
    if (cmt_hash_equal(got, want))
        return CMT_OK;
    return cmt_error_set(err, CMT_CORRUPT,
                         "%s.AppHash of height %" PRId64 " does not match AppHash after replay. "
                         "Got %s, expected %s: the application's data are not of this chain",
                         whose, height, cmt_blockexec_hex(got, &got_text),
                         cmt_blockexec_hex(want, &want_text));
}

static cmt_status execute_missed(handshake *h, cmt_error *err)
{
    const cmt_handshake_plan *plan = &h->result.plan;
    for (int64_t height = plan->first; height <= plan->last; height++) {
        CMT_AUTO(stored_block_free) stored_block b = {.bytes = CMT_BUF_INIT};
        cmt_log(h->executor->options.logger, CMT_LOG_INFO, "applying block  height=%" PRId64,
                height);
        CMT_TRY(load_block(h, height, &b, err));
        if (height > plan->first)
            CMT_TRY(compare("block", height, &h->app_hash, &b.block.header.app_hash, err));
        CMT_TRY(execute(h, &b.block, err));
    }
    return CMT_OK;
}

/* ---- applying the last block ------------------------------------------------------------- */

/* Stands in for an application that has committed the block already. */
typedef struct recorded {
    cmt_buf bytes;
    cmt_results results;
} recorded;

static void recorded_free(recorded *r)
{
    cmt_results_free(&r->results);
    cmt_buf_free(&r->bytes);
}

static cmt_status answer_recorded(void *context, const cmt_app_block *block, cmt_results *out,
                                  cmt_error *err)
{
    (void)block;
    (void)err;
    *out = ((recorded *)context)->results;
    return CMT_OK;
}

static cmt_status commit_recorded(void *context, int64_t *retain_height, cmt_error *err)
{
    (void)context;
    (void)err;
    *retain_height = 0;
    return CMT_OK;
}

static cmt_status load_recorded(const handshake *h, int64_t height, recorded *out, cmt_error *err)
{
    cmt_status st =
        cmt_state_store_load_last_results(h->executor->options.states, height, &out->bytes, err);
    if (st == CMT_NOT_FOUND)
        return cmt_error_set(err, CMT_CORRUPT,
                             "the application has committed block %" PRId64
                             ", but its results are not in the state store",
                             height);
    CMT_TRY(st);
    CMT_TRY(cmt_results_read(cmt_buf_slice(&out->bytes), &out->results, err));
    /* Written by 0.37, which kept no app hash. */
    if (out->results.app_hash.size == 0)
        out->results.app_hash = cmt_hash_slice(&h->info.last_block_app_hash);
    return CMT_OK;
}

static cmt_status apply_by(handshake *h, const cmt_application *application, cmt_error *err)
{
    CMT_AUTO(stored_block_free) stored_block b = {.bytes = CMT_BUF_INIT};
    const cmt_blockexec__setting setting = {
        .application = application,
        .prunes = h->state->release != CMT_RELEASE_1_0 && !h->executor->options.never_prune,
    };
    CMT_TRY(load_block(h, h->result.heights.store, &b, err));
    cmt_chain_state next;
    CMT_TRY(cmt_blockexec__apply(h->executor, &setting, h->state, &b.id, &b.block, &next, err));
    cmt_chain_state_free(h->state);
    *h->state = next;
    h->app_hash = next.app_hash;
    return CMT_OK;
}

static cmt_status apply_recorded(handshake *h, cmt_error *err)
{
    CMT_AUTO(recorded_free) recorded record = {.bytes = CMT_BUF_INIT};
    CMT_TRY(load_recorded(h, h->result.heights.store, &record, err));
    const cmt_application application = {
        .context = &record,
        .finalize_block = answer_recorded,
        .commit = commit_recorded,
    };
    return apply_by(h, &application, err);
}

static cmt_status carry_out(handshake *h, cmt_error *err)
{
    CMT_TRY(execute_missed(h, err));
    switch (h->result.plan.action) {
    case CMT_HANDSHAKE_CATCH_UP:
    case CMT_HANDSHAKE_APPLY:
        CMT_TRY(apply_by(h, h->application, err));
        h->result.blocks++;
        return CMT_OK;
    case CMT_HANDSHAKE_APPLY_RECORDED:
        return apply_recorded(h, err);
    case CMT_HANDSHAKE_NOTHING:
    case CMT_HANDSHAKE_EXECUTE:
    default:
        return compare("state", h->state->last_block_height, &h->app_hash, &h->state->app_hash,
                       err);
    }
}

/* ---- the whole --------------------------------------------------------------------------- */

static cmt_status ask(handshake *h, cmt_error *err)
{
    const cmt_block_executor_options *o = &h->executor->options;
    const cmt_chain_state *state = h->state;
    h->info = (cmt_app_info){.last_block_height = 0};
    if (h->application->info != NULL)
        CMT_TRY(h->application->info(h->application->context, &h->info, err));
    h->app_hash = h->info.last_block_app_hash;
    h->result.heights = (cmt_handshake_heights){
        .app = h->info.last_block_height,
        .store = cmt_block_store_height(o->blocks),
        .base = cmt_block_store_base(o->blocks),
        .state = state->last_block_height,
        .initial = state->initial_height,
    };
    cmt_log(o->logger, CMT_LOG_INFO,
            "ABCI Replay Blocks  appHeight=%" PRId64 " storeHeight=%" PRId64
            " stateHeight=%" PRId64,
            h->result.heights.app, h->result.heights.store, h->result.heights.state);
    return cmt_handshake_decide(&h->result.heights, &h->result.plan, err);
}

cmt_status cmt_block_executor_handshake(cmt_block_executor *executor, const cmt_genesis *genesis,
                                        cmt_slice app_state, cmt_chain_state *state,
                                        cmt_handshake_result *result, cmt_error *err)
{
    handshake h = {
        .executor = executor,
        .application = executor->options.application,
        .genesis = genesis,
        .state = state,
    };
    CMT_TRY(ask(&h, err));
    if (state->last_block_height == 0)
        state->version_app = h.info.app_version;
    if (h.result.plan.init_chain)
        CMT_TRY(cmt_blockexec__init_chain(executor, genesis, app_state, state, &h.app_hash, err));
    CMT_TRY(carry_out(&h, err));
    if (result != NULL)
        *result = h.result;
    return CMT_OK;
}
