/* SPDX-License-Identifier: Apache-2.0
 *
 * The beginning of a chain, put together from what its databases hold of the first block.
 */
#include "sourced.h"

#include "cleanup.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static cmt_status take_validators(const cmt_validator_set *set, cmt_genesis *out, cmt_error *err)
{
    size_t size = 0;
    for (size_t i = 0; i < set->count; i++) {
        cmt_public_key key;
        CMT_TRY(cmt_validator_public_key(&set->validators[i], &key, err));
        size += key.bytes.size;
    }
    out->validators = calloc(set->count + 1, sizeof *out->validators);
    out->keys = malloc(size + 1);
    if (out->validators == NULL || out->keys == NULL)
        return cmt_error_set(err, CMT_NO_MEMORY, "no memory for %zu validators", set->count);
    uint8_t *room = out->keys;
    for (size_t i = 0; i < set->count; i++) {
        cmt_public_key key;
        CMT_TRY(cmt_validator_public_key(&set->validators[i], &key, err));
        memcpy(room, key.bytes.data, key.bytes.size);
        out->validators[i] = (cmt_validator_update){
            .key = {key.type, {room, key.bytes.size}},
            .power = set->validators[i].voting_power,
        };
        room += key.bytes.size;
    }
    out->validator_count = set->count;
    return CMT_OK;
}

static cmt_status take_records(cmt_state_store *states, cmt_release release, cmt_genesis *out,
                               cmt_error *err)
{
    CMT_AUTO(cmt_buf_free) cmt_buf params = CMT_BUF_INIT;
    CMT_AUTO(cmt_validator_set_free) cmt_validator_set set = {.count = 0};
    int64_t initial = out->initial_height;
    cmt_status st = cmt_state_store_load_params(states, initial, &params, err);
    if (st == CMT_NOT_FOUND)
        return cmt_sourced_missing("the parameters", initial, err);
    CMT_TRY(st);
    CMT_TRY(cmt_params_decode(cmt_buf_slice(&params), release, &out->params, err));
    st = cmt_state_store_load_validator_set(states, initial, &set, err);
    if (st == CMT_NOT_FOUND)
        return cmt_sourced_missing("the validator set", initial, err);
    CMT_TRY(st);
    return take_validators(&set, out, err);
}

static cmt_status make(cmt_block_store *blocks, cmt_state_store *states, cmt_genesis *out,
                       cmt_error *err)
{
    cmt_chain_state state;
    cmt_block_meta first;
    cmt_status st = cmt_state_store_load_chain_state(states, &state, err);
    if (st == CMT_NOT_FOUND)
        return cmt_error_set(err, st, "the source has no state: no block was ever executed");
    CMT_TRY(st);
    cmt_release release = state.release;
    out->initial_height = state.initial_height;
    memcpy(out->chain_id, state.chain_id, sizeof out->chain_id);
    cmt_chain_state_free(&state);
    st = cmt_block_store_load_meta(blocks, out->initial_height, &first, err);
    if (st == CMT_NOT_FOUND)
        return cmt_sourced_missing("the block", out->initial_height, err);
    CMT_TRY(st);
    out->has_time = true;
    out->time = first.header.time;
    out->app_hash = first.header.app_hash;
    return take_records(states, release, out, err);
}

cmt_status cmt_replay_genesis(cmt_block_store *blocks, cmt_state_store *states, cmt_genesis *out,
                              cmt_error *err)
{
    *out = (cmt_genesis){.has_time = false};
    cmt_status st = make(blocks, states, out, err);
    if (st != CMT_OK)
        cmt_genesis_free(out);
    return st;
}
