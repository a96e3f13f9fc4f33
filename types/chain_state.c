/* SPDX-License-Identifier: Apache-2.0
 *
 * The state of a chain, whole: decoded, copied and encoded.
 */
#include "cmtstore/types_state.h"

#include "cleanup.h"
#include "encode.h"
#include "types_internal.h"
#include "wire.h"

#include <string.h>

void cmt_chain_state_free(cmt_chain_state *state)
{
    if (state == NULL)
        return;
    cmt_validator_set_free(&state->next_validators);
    cmt_validator_set_free(&state->validators);
    cmt_validator_set_free(&state->last_validators);
    memset(state, 0, sizeof *state);
}

/* A set as CometBFT would write it: without the total. */
static cmt_status copy_set(const cmt_validator_set *set, cmt_release release,
                           cmt_validator_set *out, cmt_error *err)
{
    CMT_TRY(cmt_validator_set_copy(set, cmt_release_generation(release), out, err));
    out->stored_total = 0;
    return CMT_OK;
}

int64_t cmt_chain_state_next_height(const cmt_chain_state *state)
{
    return state->last_block_height == 0 ? state->initial_height : state->last_block_height + 1;
}

static cmt_status copy_sets(const cmt_chain_state *state, cmt_chain_state *out, cmt_error *err)
{
    CMT_TRY(copy_set(&state->next_validators, state->release, &out->next_validators, err));
    CMT_TRY(copy_set(&state->validators, state->release, &out->validators, err));
    return copy_set(&state->last_validators, state->release, &out->last_validators, err);
}

cmt_status cmt_chain_state_copy(const cmt_chain_state *state, cmt_chain_state *out, cmt_error *err)
{
    *out = *state;
    out->next_validators = (cmt_validator_set){0};
    out->validators = (cmt_validator_set){0};
    out->last_validators = (cmt_validator_set){0};
    cmt_status st = copy_sets(state, out, err);
    if (st != CMT_OK)
        cmt_chain_state_free(out);
    return st;
}

/* ---- decoding ---------------------------------------------------------------------------- */

/* The messages in a State, borrowed. */
typedef struct messages {
    bool seen[11]; /* by field number */
    cmt_slice of[11];
} messages;

#define VERSION 1
#define NEXT_VALIDATORS 6
#define VALIDATORS 7
#define LAST_VALIDATORS 8
#define PARAMS 10

static bool is_whole(uint32_t number)
{
    return number == VERSION || number == PARAMS ||
           (number >= NEXT_VALIDATORS && number <= LAST_VALIDATORS);
}

static cmt_status find_messages(cmt_slice bytes, messages *out, cmt_error *err)
{
    cmt_wire_reader r = cmt_wire_read("State", bytes);
    cmt_wire_field f;
    while (cmt_wire_next(&r, &f)) {
        if (is_whole(f.number))
            CMT_TRY(cmt_wire_get_whole(&r, &f, &out->seen[f.number], &out->of[f.number], err));
    }
    return cmt_wire_end(&r, err);
}

static cmt_status read_consensus_version(cmt_slice bytes, cmt_chain_state *out, cmt_error *err)
{
    cmt_wire_reader r = cmt_wire_read("Consensus", bytes);
    cmt_wire_field f;
    while (cmt_wire_next(&r, &f)) {
        if (f.number == 1)
            CMT_TRY(cmt_wire_get_uint64(&r, &f, &out->version_block, err));
        else if (f.number == 2)
            CMT_TRY(cmt_wire_get_uint64(&r, &f, &out->version_app, err));
    }
    return cmt_wire_end(&r, err);
}

static cmt_status read_version(cmt_slice bytes, cmt_chain_state *out, cmt_error *err)
{
    cmt_slice part = {NULL, 0};
    cmt_slice software = {NULL, 0};
    cmt_wire_reader r = cmt_wire_read("Version", bytes);
    cmt_wire_field f;
    while (cmt_wire_next(&r, &f)) {
        if (f.number == 1) {
            CMT_TRY(cmt_wire_get_bytes(&r, &f, &part, err));
            CMT_TRY(read_consensus_version(part, out, err));
        } else if (f.number == 2) {
            CMT_TRY(cmt_wire_get_bytes(&r, &f, &software, err));
        }
    }
    CMT_TRY(cmt_wire_end(&r, err));
    if (software.size > CMT_SOFTWARE_MAX ||
        (software.size > 0 && memchr(software.data, 0, software.size) != NULL))
        return cmt_error_set(err, CMT_UNSUPPORTED,
                             "Version: software of %zu bytes; at most %d are supported, none of "
                             "them zero",
                             software.size, CMT_SOFTWARE_MAX);
    if (software.size > 0)
        memcpy(out->software, software.data, software.size);
    return CMT_OK;
}

/* Source: types/validator.go Validator.ValidateBasic */
static cmt_status check_address(const cmt_validator *v, cmt_error *err)
{
    cmt_public_key key;
    cmt_hash address;
    CMT_TRY(cmt_validator_public_key(v, &key, err));
    CMT_TRY(cmt_key_address(&key, &address, err));
    if (!cmt_slice_equal(v->address, cmt_hash_slice(&address)))
        return cmt_error_set(err, CMT_CORRUPT, "the address of a validator is not that of its key");
    return CMT_OK;
}

/* Source: types/validator_set.go ValidatorSetFromProto */
static cmt_status read_set(cmt_slice bytes, cmt_release release, cmt_validator_set *out,
                           cmt_error *err)
{
    CMT_AUTO(cmt_validator_set_free) cmt_validator_set set = {0};
    CMT_TRY(cmt_validator_set_decode(bytes, &set, err));
    if (set.count == 0)
        return cmt_error_set(err, CMT_CORRUPT, "the set is missing or empty");
    for (size_t i = 0; i < set.count; i++)
        CMT_TRY(check_address(&set.validators[i], err));
    CMT_TRY(check_address(&set.proposer, err));
    return copy_set(&set, release, out, err);
}

static cmt_status read_named_set(const messages *in, uint32_t number, const char *name,
                                 cmt_release release, cmt_validator_set *out, cmt_error *err)
{
    cmt_status st = read_set(in->of[number], release, out, err);
    return st == CMT_OK ? CMT_OK : cmt_error_prefix(err, st, "State: %s", name);
}

static cmt_status read_messages(cmt_slice bytes, cmt_chain_state *out, cmt_error *err)
{
    messages in = {0};
    CMT_TRY(find_messages(bytes, &in, err));
    CMT_TRY(read_version(in.of[VERSION], out, err));
    CMT_TRY(cmt_params_decode(in.of[PARAMS], out->release, &out->params, err));
    CMT_TRY(read_named_set(&in, NEXT_VALIDATORS, "next_validators", out->release,
                           &out->next_validators, err));
    CMT_TRY(read_named_set(&in, VALIDATORS, "validators", out->release, &out->validators, err));
    if (out->last_block_height == 0)
        return CMT_OK;
    return read_named_set(&in, LAST_VALIDATORS, "last_validators", out->release,
                          &out->last_validators, err);
}

static cmt_status decode(cmt_slice bytes, cmt_chain_state *out, cmt_error *err)
{
    cmt_state state;
    CMT_TRY(cmt_state_decode(bytes, &state, err));
    memcpy(out->chain_id, state.chain_id, sizeof out->chain_id);
    out->initial_height = state.initial_height;
    out->last_block_height = state.last_block_height;
    out->last_block_id = state.last_block_id;
    out->last_block_time = state.last_block_time;
    out->last_height_validators_changed = state.last_height_validators_changed;
    out->last_height_params_changed = state.last_height_params_changed;
    out->last_results_hash = state.last_results_hash;
    out->app_hash = state.app_hash;
    return read_messages(bytes, out, err);
}

cmt_status cmt_chain_state_decode(cmt_slice bytes, cmt_release release, cmt_chain_state *out,
                                  cmt_error *err)
{
    *out = (cmt_chain_state){.release = release};
    cmt_status st = decode(bytes, out, err);
    if (st != CMT_OK)
        cmt_chain_state_free(out);
    return st;
}

/* ---- encoding ---------------------------------------------------------------------------- */

static cmt_status put_version(const cmt_chain_state *s, cmt_buf *out)
{
    cmt_header header = {.version_block = s->version_block, .version_app = s->version_app};
    size_t consensus = cmt_encode_version_size(&header);
    cmt_slice software = {(const uint8_t *)s->software, strlen(s->software)};
    CMT_TRY(cmt_wire_put_head(
        out, VERSION, cmt_wire_size_message(1, consensus) + cmt_wire_size_bytes(2, software.size)));
    CMT_TRY(cmt_wire_put_head(out, 1, consensus));
    CMT_TRY(cmt_encode_version_fields(&header, out));
    return cmt_wire_put_bytes(out, 2, software);
}

static cmt_status put_set(uint32_t number, const cmt_validator_set *set, cmt_buf *message,
                          cmt_buf *out)
{
    CMT_TRY(cmt_validator_set_encode(set, message));
    return cmt_wire_put_message(out, number, cmt_buf_slice(message));
}

static cmt_status put_changes(const cmt_chain_state *s, cmt_buf *message, cmt_buf *out)
{
    CMT_TRY(put_set(NEXT_VALIDATORS, &s->next_validators, message, out));
    CMT_TRY(put_set(VALIDATORS, &s->validators, message, out));
    if (s->last_block_height >= 1)
        CMT_TRY(put_set(LAST_VALIDATORS, &s->last_validators, message, out));
    CMT_TRY(cmt_wire_put_int64(out, 9, s->last_height_validators_changed));
    CMT_TRY(cmt_params_encode(&s->params, s->release, message));
    CMT_TRY(cmt_wire_put_message(out, PARAMS, cmt_buf_slice(message)));
    return cmt_wire_put_int64(out, 11, s->last_height_params_changed);
}

static cmt_status encode(const cmt_chain_state *s, cmt_buf *message, cmt_buf *out)
{
    cmt_slice chain_id = {(const uint8_t *)s->chain_id, strlen(s->chain_id)};
    CMT_TRY(put_version(s, out));
    CMT_TRY(cmt_wire_put_bytes(out, 2, chain_id));
    CMT_TRY(cmt_wire_put_int64(out, 3, s->last_block_height));
    CMT_TRY(cmt_encode_block_id(4, &s->last_block_id, out));
    CMT_TRY(cmt_encode_time(5, s->last_block_time, out));
    CMT_TRY(put_changes(s, message, out));
    CMT_TRY(cmt_wire_put_bytes(out, 12, cmt_hash_slice(&s->last_results_hash)));
    CMT_TRY(cmt_wire_put_bytes(out, 13, cmt_hash_slice(&s->app_hash)));
    return cmt_wire_put_int64(out, 14, s->initial_height);
}

cmt_status cmt_chain_state_encode(const cmt_chain_state *state, cmt_buf *out)
{
    CMT_AUTO(cmt_buf_free) cmt_buf message = CMT_BUF_INIT;
    CMT_AUTO(cmt_buf_free) cmt_buf made = CMT_BUF_INIT;
    CMT_TRY(encode(state, &message, &made));
    cmt_buf before = *out;
    *out = made;
    made = before; /* released with the scope */
    return CMT_OK;
}
