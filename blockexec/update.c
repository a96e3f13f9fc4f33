/* SPDX-License-Identifier: Apache-2.0
 *
 * The state after a block.
 */
#include "blockexec_internal.h"

#include "cleanup.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ---- what the application wants of validators ------------------------------------------- */

void cmt_blockexec__updates_free(cmt_blockexec__updates *updates)
{
    free(updates->list);
    *updates = (cmt_blockexec__updates){NULL, 0};
}

static bool is_allowed(const cmt_params *params, cmt_key_type type)
{
    for (size_t i = 0; i < params->key_type_count; i++)
        if (strcmp(params->key_types[i], cmt_key_type_name(type)) == 0)
            return true;
    return false;
}

/* 1.0 looks at the type of key also where a validator is to be removed.
 * Source: state/execution.go validateValidatorUpdates */
static cmt_status check_update(const cmt_chain_state *state, const cmt_validator_update *update,
                               cmt_error *err)
{
    if (update->power < 0)
        return cmt_error_set(err, CMT_INVALID, "voting power can't be negative: %" PRId64,
                             update->power);
    if (update->power == 0 && state->release != CMT_RELEASE_1_0)
        return CMT_OK;
    if (is_allowed(&state->params, update->key.type))
        return CMT_OK;
    return cmt_error_set(err, CMT_INVALID, "its pubkey is %s, which is unsupported for consensus",
                         cmt_key_type_name(update->key.type));
}

cmt_status cmt_blockexec__updates_decode(const cmt_slice *messages, size_t count,
                                         cmt_blockexec__updates *out, cmt_error *err)
{
    *out = (cmt_blockexec__updates){NULL, 0};
    if (count == 0)
        return CMT_OK;
    out->list = calloc(count, sizeof *out->list);
    if (out->list == NULL)
        return cmt_error_set(err, CMT_NO_MEMORY, "no memory for %zu validator updates", count);
    for (size_t i = 0; i < count; i++) {
        cmt_status st = cmt_validator_update_decode(messages[i], &out->list[i], err);
        if (st != CMT_OK) {
            cmt_blockexec__updates_free(out);
            st = cmt_error_prefix(err, st, "error in validator updates: update %zu", i);
            return cmt_blockexec__refuse(st, err);
        }
    }
    out->count = count;
    return CMT_OK;
}

cmt_status cmt_blockexec__updates_read(const cmt_chain_state *state, const cmt_results *results,
                                       cmt_blockexec__updates *out, cmt_error *err)
{
    CMT_TRY(
        cmt_blockexec__updates_decode(results->validator_updates, results->update_count, out, err));
    for (size_t i = 0; i < out->count; i++) {
        cmt_status st = check_update(state, &out->list[i], err);
        if (st != CMT_OK) {
            cmt_blockexec__updates_free(out);
            return cmt_error_prefix(err, st, "error in validator updates: update %zu", i);
        }
    }
    return CMT_OK;
}

/* ---- the next state ---------------------------------------------------------------------- */

/* Each set is one height further on; what the application changed takes part from the height after the next. */
static cmt_status move_validators(const cmt_chain_state *state, int64_t height,
                                  const cmt_blockexec__updates *updates, cmt_chain_state *out,
                                  cmt_error *err)
{
    cmt_generation generation = cmt_release_generation(state->release);
    CMT_TRY(cmt_validator_set_copy(&state->validators, generation, &out->last_validators, err));
    CMT_TRY(cmt_validator_set_copy(&state->next_validators, generation, &out->validators, err));
    CMT_TRY(
        cmt_validator_set_copy(&state->next_validators, generation, &out->next_validators, err));
    if (updates->count > 0) {
        cmt_status st = cmt_validator_set_update(&out->next_validators, updates->list,
                                                 updates->count, generation, err);
        if (st != CMT_OK)
            return cmt_error_prefix(err, st, "changing validator set");
        out->last_height_validators_changed = height + 2;
    }
    return cmt_validator_set_increment(&out->next_validators, 1, err);
}

static cmt_status move_params(int64_t height, const cmt_results *results, cmt_chain_state *out,
                              cmt_error *err)
{
    if (!results->has_params)
        return CMT_OK;
    cmt_status st = cmt_params_update(&out->params, results->params, height, out->release, err);
    if (st != CMT_OK) {
        st = cmt_error_prefix(err, st, "updating consensus params");
        return cmt_blockexec__refuse(st, err);
    }
    out->version_app = out->params.core.version_app;
    out->last_height_params_changed = height + 1;
    return CMT_OK;
}

cmt_status cmt_blockexec__next(const cmt_chain_state *state, const cmt_block_id *id,
                               const cmt_header *header, const cmt_results *results,
                               const cmt_blockexec__updates *updates, cmt_chain_state *out,
                               cmt_error *err)
{
    *out = *state;
    out->next_validators = out->validators = out->last_validators = (cmt_validator_set){0};
    out->last_block_height = header->height;
    out->last_block_id = *id;
    out->last_block_time = header->time;
    out->app_hash = (cmt_hash){.size = 0};
    cmt_status st = move_validators(state, header->height, updates, out, err);
    if (st == CMT_OK)
        st = move_params(header->height, results, out, err);
    if (st == CMT_OK)
        st = cmt_results_hash(results->tx_results, results->tx_count, &out->last_results_hash, err);
    if (st != CMT_OK)
        cmt_chain_state_free(out);
    return st;
}

cmt_status cmt_chain_state_next(const cmt_chain_state *state, const cmt_block_id *id,
                                const cmt_header *header, const cmt_results *results,
                                cmt_chain_state *out, cmt_error *err)
{
    CMT_AUTO(cmt_blockexec__updates_free) cmt_blockexec__updates updates = {NULL, 0};
    *out = (cmt_chain_state){0};
    CMT_TRY(cmt_blockexec__updates_read(state, results, &updates, err));
    return cmt_blockexec__next(state, id, header, results, &updates, out, err);
}
