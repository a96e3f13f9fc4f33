/* SPDX-License-Identifier: Apache-2.0
 *
 * The state that a chain begins with, and as which release a stored one was written.
 */
#include "cmtstore/types_state.h"

#include "cleanup.h"
#include "types_internal.h"
#include "wire.h"

#include <string.h>

static cmt_status make_sets(const cmt_genesis *genesis, cmt_chain_state *out, cmt_error *err)
{
    cmt_generation generation = cmt_release_generation(out->release);
    CMT_TRY(cmt_validator_set_new(genesis->validators, genesis->validator_count, generation,
                                  &out->validators, err));
    CMT_TRY(cmt_validator_set_copy(&out->validators, generation, &out->next_validators, err));
    if (genesis->validator_count == 0)
        return CMT_OK;
    return cmt_validator_set_increment(&out->next_validators, 1, err);
}

static cmt_status start(const cmt_genesis *genesis, const char *software, cmt_chain_state *out,
                        cmt_error *err)
{
    if (!genesis->has_time)
        return cmt_error_set(err, CMT_INVALID,
                             "genesis: genesis_time is missing; every node would begin with a "
                             "time of its own");
    if (strlen(software) > CMT_SOFTWARE_MAX)
        return cmt_error_set(err, CMT_INVALID, "software version of %zu bytes; at most %d go",
                             strlen(software), CMT_SOFTWARE_MAX);
    memcpy(out->software, software, strlen(software));
    memcpy(out->chain_id, genesis->chain_id, sizeof out->chain_id);
    out->version_block = CMT_BLOCK_PROTOCOL;
    out->initial_height = genesis->initial_height;
    out->last_block_time = genesis->time;
    out->last_height_validators_changed = genesis->initial_height;
    out->params = genesis->params;
    out->last_height_params_changed = genesis->initial_height;
    out->app_hash = genesis->app_hash;
    return make_sets(genesis, out, err);
}

cmt_status cmt_chain_state_from_genesis(const cmt_genesis *genesis, cmt_release release,
                                        const char *software, cmt_chain_state *out, cmt_error *err)
{
    *out = (cmt_chain_state){.release = release};
    cmt_status st = start(genesis, software, out, err);
    if (st != CMT_OK)
        cmt_chain_state_free(out);
    return st;
}

/* ---- which release ----------------------------------------------------------------------- */

/* Parameters, and what only 2.0 has. */
static cmt_status find_params(cmt_slice bytes, cmt_slice *params, bool *delay, cmt_error *err)
{
    bool seen = false;
    cmt_wire_reader r = cmt_wire_read("State", bytes);
    cmt_wire_field f;
    while (cmt_wire_next(&r, &f)) {
        if (f.number == 10)
            CMT_TRY(cmt_wire_get_whole(&r, &f, &seen, params, err));
        else if (f.number == 15)
            *delay = true;
    }
    return cmt_wire_end(&r, err);
}

static cmt_status find_sections(cmt_slice params, bool seen[8], cmt_error *err)
{
    cmt_wire_reader r = cmt_wire_read("ConsensusParams", params);
    cmt_wire_field f;
    while (cmt_wire_next(&r, &f)) {
        if (f.number < 8)
            seen[f.number] = true;
    }
    return cmt_wire_end(&r, err);
}

cmt_status cmt_release_detect(cmt_slice state_bytes, cmt_release *out, cmt_error *err)
{
    cmt_slice params = {NULL, 0};
    bool delay = false;
    bool seen[8] = {false};
    CMT_TRY(find_params(state_bytes, &params, &delay, err));
    CMT_TRY(find_sections(params, seen, err));
    if (delay)
        return cmt_error_set(err, CMT_UNSUPPORTED,
                             "State: it was written by CometBFT 2.0, as which cmtstore does not "
                             "write");
    if (seen[7])
        *out = CMT_RELEASE_1_0;
    else if (seen[5])
        *out = seen[6] ? CMT_RELEASE_0_40 : CMT_RELEASE_0_38;
    else
        return cmt_error_set(err, CMT_UNSUPPORTED,
                             "State: it was written by CometBFT 0.34 or 0.37, as which cmtstore "
                             "does not write");
    return CMT_OK;
}
