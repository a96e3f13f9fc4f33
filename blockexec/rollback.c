/* SPDX-License-Identifier: Apache-2.0
 *
 * One block back: everything is looked at before anything is written.
 */
#include "cmtstore/blockexec_rollback.h"

#include "cleanup.h"

#include <inttypes.h>

/* What a rollback is made from. */
typedef struct rollback {
    cmt_block_store *blocks;
    cmt_state_store *states;
    cmt_chain_state state; /* as it is */
    cmt_block_meta previous;
    cmt_block_meta last;
    cmt_rollback_result result;
} rollback;

static void release(rollback *r)
{
    cmt_chain_state_free(&r->state);
}

static cmt_status load_meta(cmt_block_store *blocks, int64_t height, cmt_block_meta *out,
                            cmt_error *err)
{
    cmt_status st = cmt_block_store_load_meta(blocks, height, out, err);
    if (st == CMT_NOT_FOUND)
        return cmt_error_set(err, st,
                             "block at height %" PRId64 " not found; the block store holds %" PRId64
                             " to %" PRId64,
                             height, cmt_block_store_base(blocks), cmt_block_store_height(blocks));
    return st;
}

/* What the new state takes from the stores has to be there. */
static cmt_status check_records(const rollback *r, cmt_error *err)
{
    int64_t height = r->previous.header.height;
    CMT_AUTO(cmt_validator_set_free) cmt_validator_set set = {.count = 0};
    CMT_AUTO(cmt_buf_free) cmt_buf params = CMT_BUF_INIT;
    cmt_status st = cmt_state_store_load_validator_set(r->states, height, &set, err);
    if (st == CMT_NOT_FOUND)
        return cmt_error_set(err, CMT_CORRUPT, "could not find validator set for height #%" PRId64,
                             height);
    CMT_TRY(st);
    st = cmt_state_store_load_params(r->states, height + 1, &params, err);
    if (st == CMT_NOT_FOUND)
        return cmt_error_set(err, CMT_CORRUPT,
                             "could not find consensus params for height #%" PRId64, height + 1);
    return st;
}

static cmt_status find_target(rollback *r, bool hard, cmt_error *err)
{
    int64_t state_height = r->state.last_block_height;
    int64_t block_height = cmt_block_store_height(r->blocks);
    r->result = (cmt_rollback_result){
        .height = state_height,
        .app_hash = r->state.app_hash,
        .removes_block = hard,
        .block_height = hard ? block_height - 1 : block_height,
    };
    if (block_height == state_height + 1)
        return CMT_OK;
    if (block_height != state_height)
        return cmt_error_set(err, CMT_OUT_OF_RANGE,
                             "statestore height (%" PRId64
                             ") is not one below or equal to blockstore height (%" PRId64
                             "); restore both databases from one backup",
                             state_height, block_height);
    CMT_TRY(load_meta(r->blocks, state_height - 1, &r->previous, err));
    CMT_TRY(load_meta(r->blocks, state_height, &r->last, err));
    r->result.moves_state = true;
    r->result.height = state_height - 1;
    r->result.app_hash = r->last.header.app_hash;
    return check_records(r, err);
}

static cmt_status prepare(rollback *r, bool hard, cmt_error *err)
{
    cmt_status st = cmt_state_store_load_chain_state(r->states, &r->state, err);
    if (st == CMT_NOT_FOUND)
        return cmt_error_set(err, st, "no state found; there is nothing to go back from");
    CMT_TRY(st);
    CMT_TRY(find_target(r, hard, err));
    if (hard && cmt_block_store_height(r->blocks) <= cmt_block_store_base(r->blocks))
        return cmt_error_set(err, CMT_OUT_OF_RANGE,
                             "block %" PRId64
                             " is the only one in the block store, which would be left without any",
                             cmt_block_store_height(r->blocks));
    return CMT_OK;
}

static cmt_status carry_out(rollback *r, bool hard, const char *software, cmt_error *err)
{
    CMT_AUTO(cmt_chain_state_free) cmt_chain_state moved = {.last_block_height = 0};
    if (software == NULL)
        software = r->state.software;
    if (r->result.moves_state)
        CMT_TRY(cmt_state_store_rollback(r->states, &r->previous, &r->last, software, &moved, err));
    return hard ? cmt_block_store_delete_latest_block(r->blocks, err) : CMT_OK;
}

cmt_status cmt_rollback_check(cmt_block_store *blocks, cmt_state_store *states, bool hard,
                              cmt_rollback_result *out, cmt_error *err)
{
    CMT_AUTO(release) rollback r = {.blocks = blocks, .states = states};
    CMT_TRY(prepare(&r, hard, err));
    *out = r.result;
    return CMT_OK;
}

cmt_status cmt_rollback(cmt_block_store *blocks, cmt_state_store *states, bool hard,
                        const char *software, cmt_rollback_result *out, cmt_error *err)
{
    CMT_AUTO(release) rollback r = {.blocks = blocks, .states = states};
    CMT_TRY(prepare(&r, hard, err));
    CMT_TRY(carry_out(&r, hard, software, err));
    *out = r.result;
    return CMT_OK;
}
