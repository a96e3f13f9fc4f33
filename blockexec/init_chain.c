/* SPDX-License-Identifier: Apache-2.0
 *
 * The application is told what the chain begins with, and may say otherwise.
 */
#include "executor_internal.h"

#include "cleanup.h"

#include <inttypes.h>
#include <stdlib.h>

/* ---- what it is told --------------------------------------------------------------------- */

/* The validators of the genesis in the order of a set. */
typedef struct told {
    cmt_validator_set set;
    cmt_validator_update *validators;
    cmt_buf params;
} told;

static void told_free(told *t)
{
    cmt_validator_set_free(&t->set);
    free(t->validators);
    cmt_buf_free(&t->params);
}

static cmt_status fill(const cmt_genesis *genesis, cmt_release release, told *out, cmt_error *err)
{
    CMT_TRY(cmt_validator_set_new(genesis->validators, genesis->validator_count,
                                  cmt_release_generation(release), &out->set, err));
    out->validators = calloc(out->set.count + 1, sizeof *out->validators);
    if (out->validators == NULL ||
        cmt_params_encode(&genesis->params, release, &out->params) != CMT_OK)
        return cmt_error_set(err, CMT_NO_MEMORY, "no memory for %zu validators of the genesis",
                             out->set.count);
    for (size_t i = 0; i < out->set.count; i++) {
        const cmt_validator *validator = &out->set.validators[i];
        CMT_TRY(cmt_validator_public_key(validator, &out->validators[i].key, err));
        out->validators[i].power = validator->voting_power;
    }
    return CMT_OK;
}

static cmt_status ask(const cmt_application *application, const cmt_chain_state *state,
                      const cmt_genesis *genesis, cmt_slice app_state, cmt_app_genesis_answer *out,
                      cmt_error *err)
{
    CMT_AUTO(told_free) told t = {.params = CMT_BUF_INIT};
    *out = (cmt_app_genesis_answer){.has_params = false};
    if (application->init_chain == NULL)
        return CMT_OK;
    CMT_TRY(fill(genesis, state->release, &t, err));
    const cmt_app_genesis request = {
        .time = genesis->has_time ? genesis->time : state->last_block_time,
        .chain_id = genesis->chain_id,
        .initial_height = genesis->initial_height,
        .params = cmt_buf_slice(&t.params),
        .validators = t.validators,
        .validator_count = t.set.count,
        .app_state = app_state,
    };
    cmt_status st = application->init_chain(application->context, &request, out, err);
    return st == CMT_OK ? st : cmt_error_prefix(err, st, "the application beginning the chain");
}

/* ---- what comes of it -------------------------------------------------------------------- */

static cmt_status use_validators(const cmt_app_genesis_answer *answer, cmt_chain_state *state,
                                 cmt_error *err)
{
    cmt_generation generation = cmt_release_generation(state->release);
    CMT_AUTO(cmt_blockexec__updates_free) cmt_blockexec__updates updates = {NULL, 0};
    CMT_AUTO(cmt_validator_set_free) cmt_validator_set set = {.count = 0};
    CMT_AUTO(cmt_validator_set_free) cmt_validator_set next = {.count = 0};
    CMT_TRY(
        cmt_blockexec__updates_decode(answer->validators, answer->validator_count, &updates, err));
    CMT_TRY(cmt_validator_set_new(updates.list, updates.count, generation, &set, err));
    CMT_TRY(cmt_validator_set_copy(&set, generation, &next, err));
    CMT_TRY(cmt_validator_set_increment(&next, 1, err));
    cmt_validator_set_free(&state->validators);
    cmt_validator_set_free(&state->next_validators);
    state->validators = set;
    state->next_validators = next;
    set = next = (cmt_validator_set){.count = 0}; /* handed over */
    return CMT_OK;
}

/* Only a state that no block has followed yet is changed. */
static cmt_status use_answer(const cmt_app_genesis_answer *answer, const cmt_genesis *genesis,
                             cmt_chain_state *state, cmt_error *err)
{
    if (answer->app_hash.size > 0)
        state->app_hash = answer->app_hash;
    if (answer->validator_count > 0)
        CMT_TRY(use_validators(answer, state, err));
    else if (genesis->validator_count == 0)
        return cmt_error_set(err, CMT_INVALID,
                             "validator set is nil in genesis and still empty after InitChain");
    if (answer->has_params) {
        CMT_TRY(cmt_params_update(&state->params, answer->params, 0, state->release, err));
        state->version_app = state->params.core.version_app;
    }
    return cmt_merkle_root(NULL, 0, &state->last_results_hash, err);
}

cmt_status cmt_blockexec__init_chain(cmt_block_executor *executor, const cmt_genesis *genesis,
                                     cmt_slice app_state, cmt_chain_state *state,
                                     cmt_hash *app_hash, cmt_error *err)
{
    const cmt_application *application = executor->options.application;
    cmt_app_genesis_answer answer;
    CMT_TRY(ask(application, state, genesis, app_state, &answer, err));
    *app_hash = answer.app_hash;
    if (state->last_block_height > 0)
        return CMT_OK;
    CMT_TRY(use_answer(&answer, genesis, state, err));
    return cmt_state_store_save(executor->options.states, state, err);
}
