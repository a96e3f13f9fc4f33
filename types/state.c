/* SPDX-License-Identifier: Apache-2.0
 *
 * State: the root record of the state store.
 */
#include "types_internal.h"

#include "cleanup.h"
#include "unpack.h"

static cmt_status decode_heights(const Cmt__Pb__State *s, cmt_state *out, cmt_error *err)
{
    CMT_TRY(cmt_types_bounds("State: initial_height", s->initial_height, 0, INT64_MAX, err));
    out->initial_height = s->initial_height;
    CMT_TRY(cmt_types_bounds("State: last_block_height", s->last_block_height, 0, INT64_MAX, err));
    out->last_block_height = s->last_block_height;
    CMT_TRY(cmt_types_bounds("State: last_height_validators_changed",
                             s->last_height_validators_changed, 0, INT64_MAX, err));
    out->last_height_validators_changed = s->last_height_validators_changed;
    CMT_TRY(cmt_types_bounds("State: last_height_consensus_params_changed",
                             s->last_height_consensus_params_changed, 0, INT64_MAX, err));
    out->last_height_params_changed = s->last_height_consensus_params_changed;
    return CMT_OK;
}

cmt_status cmt_state_decode(cmt_slice bytes, cmt_state *out, cmt_error *err)
{
    CMT_AUTO(cmt_pb_free) ProtobufCMessage *message = NULL;
    CMT_TRY(cmt_pb_unpack(&cmt__pb__state__descriptor, bytes, CMT_RECORD_BYTES_MAX, &message, err));
    const Cmt__Pb__State *s = (const Cmt__Pb__State *)message;

    cmt_state state;
    CMT_TRY(cmt_types_chain_id("State: chain_id", s->chain_id, state.chain_id, err));
    CMT_TRY(decode_heights(s, &state, err));
    CMT_TRY(
        cmt_types_block_id("State: last_block_id", s->last_block_id, &state.last_block_id, err));
    CMT_TRY(
        cmt_types_time("State: last_block_time", s->last_block_time, &state.last_block_time, err));
    cmt_slice params = {s->consensus_params.data, s->consensus_params.len};
    CMT_TRY(cmt_consensus_params_decode(params, &state.params, err));
    CMT_TRY(cmt_types_app_hash("State: last_results_hash", s->last_results_hash,
                               &state.last_results_hash, err));
    CMT_TRY(cmt_types_app_hash("State: app_hash", s->app_hash, &state.app_hash, err));
    *out = state;
    return CMT_OK;
}
