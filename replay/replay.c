/* SPDX-License-Identifier: Apache-2.0
 *
 * Block after block out of one pair of stores, through the executor, into another.
 */
#include "sourced.h"

#include "cleanup.h"
#include "clock.h"

#include <inttypes.h>
#include <string.h>

/* A replay on its way. */
typedef struct replay {
    const cmt_replay_options *o;
    const cmt_application *application;
    cmt_block_executor *executor;
    cmt_chain_state state;        /* of the destination */
    cmt_chain_state source_state; /* the source's last */
    int64_t last;                 /* to execute */
    cmt_replay_result result;
} replay;

/* ---- the beginning ----------------------------------------------------------------------- */

static cmt_status check_until(replay *r, cmt_error *err)
{
    int64_t known = r->source_state.last_block_height;
    r->last = r->o->until > 0 ? r->o->until : known;
    if (r->last <= known)
        return CMT_OK;
    return cmt_error_set(err, CMT_OUT_OF_RANGE,
                         "until height %" PRId64 ": the source has executed blocks up to %" PRId64,
                         r->last, known);
}

/* A node that starts a chain shakes hands with the application, and the first header says that it did: it has the
 * hash of no results, not none. */
static cmt_status began_by_handshake(const replay *r, bool *did, cmt_error *err)
{
    int64_t initial = r->o->genesis->initial_height;
    cmt_block_meta first;
    cmt_status st = cmt_block_store_load_meta(r->o->source_blocks, initial, &first, err);
    if (st == CMT_NOT_FOUND)
        return cmt_sourced_missing("the block", initial, err);
    CMT_TRY(st);
    *did = first.header.last_results_hash.size > 0;
    return CMT_OK;
}

static cmt_status shake_hands(replay *r, cmt_error *err)
{
    return cmt_block_executor_handshake(r->executor, r->o->genesis, (cmt_slice){NULL, 0}, &r->state,
                                        NULL, err);
}

static cmt_status begin_chain(replay *r, bool by_handshake, cmt_error *err)
{
    CMT_TRY(cmt_chain_state_from_genesis(r->o->genesis, r->source_state.release,
                                         r->source_state.software, &r->state, err));
    return by_handshake ? shake_hands(r, err) : cmt_state_store_save(r->o->states, &r->state, err);
}

/* The recorded application stands where the destination does; another one says itself where it stands. */
static cmt_status go_on(replay *r, bool by_handshake, cmt_error *err)
{
    if (strcmp(r->state.chain_id, r->source_state.chain_id) != 0)
        return cmt_error_set(err, CMT_INVALID, "the destination holds the chain %s, the source %s",
                             r->state.chain_id, r->source_state.chain_id);
    if (r->o->application == NULL || (r->state.last_block_height == 0 && !by_handshake))
        return CMT_OK;
    return shake_hands(r, err);
}

static cmt_status begin(replay *r, cmt_error *err)
{
    bool by_handshake = false;
    CMT_TRY(check_until(r, err));
    CMT_TRY(began_by_handshake(r, &by_handshake, err));
    cmt_status st = cmt_state_store_load_chain_state(r->o->states, &r->state, err);
    if (st == CMT_NOT_FOUND)
        return begin_chain(r, by_handshake, err);
    CMT_TRY(st);
    return go_on(r, by_handshake, err);
}

/* ---- the blocks -------------------------------------------------------------------------- */

static cmt_status load(const replay *r, int64_t height, cmt_sourced *out, cmt_error *err)
{
    bool extensions = cmt_extensions_enabled(&r->state.params, height);
    return cmt_sourced_load(r->o->source_blocks, height, extensions, out, err);
}

static cmt_status replay_block(replay *r, int64_t height, cmt_error *err)
{
    CMT_AUTO(cmt_sourced_free) cmt_sourced s = {.bytes = CMT_BUF_INIT};
    CMT_TRY(load(r, height, &s, err));
    cmt_chain_state next;
    CMT_TRY(cmt_block_executor_commit(r->executor, &r->state, &s.decided, &next, err));
    cmt_chain_state_free(&r->state);
    r->state = next;
    if (r->result.blocks++ == 0)
        r->result.first = height;
    r->result.last = height;
    r->result.txs += s.block.tx_count;
    r->result.block_bytes += s.bytes.size;
    return CMT_OK;
}

static bool wants_stop(const replay *r, int64_t first, int64_t height)
{
    const cmt_progress_hook *hook = r->o->progress;
    const cmt_progress progress = {
        .phase = "replay",
        .database = "",
        .done = (uint64_t)(height - first + 1),
        .total = (uint64_t)(r->last - first + 1),
    };
    return hook != NULL && hook->report != NULL && hook->report(hook->context, &progress);
}

static cmt_status replay_blocks(replay *r, cmt_error *err)
{
    int64_t first = cmt_chain_state_next_height(&r->state);
    for (int64_t height = first; height <= r->last; height++) {
        cmt_status st = replay_block(r, height, err);
        if (st != CMT_OK)
            return cmt_error_prefix(err, st, "replaying block %" PRId64, height);
        if (wants_stop(r, first, height))
            return cmt_error_set(err, CMT_CANCELLED,
                                 "stopped behind block %" PRId64 "; the same call again goes on",
                                 height);
    }
    return CMT_OK;
}

/* ---- the end ----------------------------------------------------------------------------- */

static cmt_status compare_states(const replay *r, cmt_error *err)
{
    CMT_AUTO(cmt_buf_free) cmt_buf here = CMT_BUF_INIT;
    CMT_AUTO(cmt_buf_free) cmt_buf there = CMT_BUF_INIT;
    if (r->state.last_block_height != r->source_state.last_block_height)
        return CMT_OK;
    if (cmt_chain_state_encode(&r->state, &here) != CMT_OK ||
        cmt_chain_state_encode(&r->source_state, &there) != CMT_OK)
        return cmt_error_set(err, CMT_NO_MEMORY, "no memory to compare two states");
    if (cmt_slice_equal(cmt_buf_slice(&here), cmt_buf_slice(&there)))
        return CMT_OK;
    return cmt_error_set(err, CMT_CORRUPT, "the state after block %" PRId64 " is not the source's",
                         r->state.last_block_height);
}

/* A node that was stopped between a block and its state leaves the block; so do we. */
static cmt_status save_ahead(replay *r, cmt_error *err)
{
    int64_t height = cmt_chain_state_next_height(&r->state);
    if (r->o->until > 0 || cmt_block_store_height(r->o->source_blocks) != height ||
        cmt_block_store_height(r->o->blocks) >= height)
        return CMT_OK;
    CMT_AUTO(cmt_sourced_free) cmt_sourced s = {.bytes = CMT_BUF_INIT};
    CMT_TRY(load(r, height, &s, err));
    CMT_TRY(cmt_block_executor_save(r->executor, &r->state, &s.decided, err));
    r->result.saved_ahead = true;
    return CMT_OK;
}

static cmt_status run(replay *r, cmt_error *err)
{
    const cmt_evidence_pool nothing_known = {.context = NULL};
    const cmt_block_executor_options options = {
        .blocks = r->o->blocks,
        .states = r->o->states,
        .application = r->application,
        .evidence = &nothing_known,
        .listener = r->o->listener,
        .handover = r->o->handover,
        .keep_residue = r->o->keep_residue,
        .as_0_39 = r->o->as_0_39,
        .fail_point = r->o->fail_point,
        .context = r->o->context,
        .logger = r->o->logger,
    };
    CMT_TRY(cmt_block_executor_new(&options, &r->executor, err));
    CMT_TRY(begin(r, err));
    CMT_TRY(replay_blocks(r, err));
    CMT_TRY(save_ahead(r, err));
    return compare_states(r, err);
}

static cmt_status run_recorded(replay *r, cmt_error *err)
{
    const cmt_recorded_app_options options = {
        .blocks = r->o->source_blocks,
        .states = r->o->source_states,
        .genesis = r->o->genesis,
        .retain_blocks = r->o->retain_blocks,
    };
    cmt_recorded_app *app;
    CMT_TRY(cmt_recorded_app_new(&options, &app, err));
    r->application = cmt_recorded_app_application(app);
    cmt_status st = run(r, err);
    cmt_recorded_app_free(app);
    return st;
}

static cmt_status start(replay *r, cmt_error *err)
{
    cmt_status st = cmt_state_store_load_chain_state(r->o->source_states, &r->source_state, err);
    if (st == CMT_NOT_FOUND)
        return cmt_error_set(err, st, "the source has no state: no block was ever executed");
    CMT_TRY(st);
    r->application = r->o->application;
    return r->application != NULL ? run(r, err) : run_recorded(r, err);
}

cmt_status cmt_replay_run(const cmt_replay_options *options, cmt_replay_result *result,
                          cmt_error *err)
{
    replay r = {.o = options};
    int64_t started = cmt_clock_ns();
    cmt_status st = start(&r, err);
    r.result.elapsed_ms = cmt_clock_ms_since(started);
    cmt_block_executor_free(r.executor);
    cmt_chain_state_free(&r.state);
    cmt_chain_state_free(&r.source_state);
    if (result != NULL)
        *result = r.result;
    return st;
}
