/* SPDX-License-Identifier: Apache-2.0
 *
 * From the state before a block to the one after it, in as few words as go: for tests that need states, not
 * for judging blocks.
 */
#ifndef CMT_TEST_FOLLOW_H
#define CMT_TEST_FOLLOW_H

#include "cmtstore/types_hash.h"
#include "cmtstore/types_results.h"
#include "cmtstore/types_state.h"

#include <stdlib.h>

static cmt_status follow_validators(cmt_chain_state *state, int64_t height,
                                    const cmt_results *results, cmt_error *err)
{
    if (results->update_count > 0) {
        cmt_validator_update *changes = calloc(results->update_count, sizeof *changes);
        cmt_status st = changes != NULL ? CMT_OK : CMT_NO_MEMORY;
        for (size_t i = 0; i < results->update_count && st == CMT_OK; i++)
            st = cmt_validator_update_decode(results->validator_updates[i], &changes[i], err);
        if (st == CMT_OK)
            st = cmt_validator_set_update(&state->next_validators, changes, results->update_count,
                                          cmt_release_generation(state->release), err);
        free(changes);
        if (st != CMT_OK)
            return st;
        state->last_height_validators_changed = height + 2;
    }
    return cmt_validator_set_increment(&state->next_validators, 1, err);
}

static cmt_status follow_params(cmt_chain_state *state, int64_t height, const cmt_results *results,
                                cmt_error *err)
{
    if (!results->has_params)
        return CMT_OK;
    CMT_TRY(cmt_params_update(&state->params, results->params, height, state->release, err));
    state->version_app = state->params.core.version_app;
    state->last_height_params_changed = height + 1;
    return CMT_OK;
}

/** Source: state/execution.go updateState */
static inline cmt_status follow_block(cmt_chain_state *state, const cmt_block_meta *meta,
                                      const cmt_results *results, cmt_error *err)
{
    int64_t height = meta->header.height;
    cmt_validator_set_free(&state->last_validators);
    state->last_validators = state->validators;
    state->validators = state->next_validators;
    state->next_validators = (cmt_validator_set){0};
    CMT_TRY(cmt_validator_set_copy(&state->validators, cmt_release_generation(state->release),
                                   &state->next_validators, err));
    CMT_TRY(follow_validators(state, height, results, err));
    CMT_TRY(follow_params(state, height, results, err));
    state->last_block_height = height;
    state->last_block_id = meta->block_id;
    state->last_block_time = meta->header.time;
    CMT_TRY(
        cmt_results_hash(results->tx_results, results->tx_count, &state->last_results_hash, err));
    state->app_hash.size = results->app_hash.size;
    for (size_t i = 0; i < results->app_hash.size && i < sizeof state->app_hash.bytes; i++)
        state->app_hash.bytes[i] = results->app_hash.data[i];
    return CMT_OK;
}

#endif
