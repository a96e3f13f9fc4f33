/* SPDX-License-Identifier: Apache-2.0
 *
 * Saving the state, with what it says of the heights that follow.
 */
#include "state_internal.h"

#include "cleanup.h"

#include <inttypes.h>

#define FAIL_BEFORE "save_state:before"
#define FAIL_AFTER "save_state:after"

/* One batch in the making. */
typedef struct saving {
    cmt_state_store *store;
    const cmt_chain_state *state;
    cmt_db_batch *batch;
    cmt_buf message; /* room for a set or parameters */
    cmt_buf value;   /* room for a record */
} saving;

static void free_saving(saving *s)
{
    cmt_db_batch_free(s->batch);
    cmt_buf_free(&s->message);
    cmt_buf_free(&s->value);
}

static cmt_status no_memory(const char *what, cmt_error *err)
{
    return cmt_error_set(err, CMT_NO_MEMORY, "state store: no memory for %s", what);
}

static cmt_status check_changed(const char *what, int64_t height, int64_t changed, cmt_error *err)
{
    if (changed >= 0 && changed <= height)
        return CMT_OK;
    return cmt_error_set(err, CMT_INVALID,
                         "state store: %s of height %" PRId64 " cannot have changed at height "
                         "%" PRId64,
                         what, height, changed);
}

/* In full where the set changed and at checkpoints.
 * Source: state/store.go saveValidatorsInfo */
static cmt_status add_validators(saving *s, int64_t height, int64_t changed,
                                 const cmt_validator_set *set, cmt_error *err)
{
    CMT_TRY(check_changed("validators", height, changed, err));
    cmt_status st;
    if (height == changed || height % CMT_VALIDATOR_CHECKPOINT == 0) {
        st = cmt_validator_set_encode(set, &s->message);
        if (st == CMT_OK)
            st = cmt_validators_info_encode(cmt_buf_slice(&s->message), changed, &s->value);
    } else {
        st = cmt_validators_info_encode_pointer(changed, &s->value);
    }
    if (st != CMT_OK)
        return no_memory("a validator set", err);
    return cmt_state__add(s->store, &cmt_family_validators, height, cmt_buf_slice(&s->value),
                          s->batch, err);
}

/* In full only where they changed.  Unlike that of validators, no release refuses a height of change above the
 * record's.  Source: state/store.go saveConsensusParamsInfo */
static cmt_status add_params(saving *s, int64_t height, cmt_error *err)
{
    int64_t changed = s->state->last_height_params_changed;
    cmt_buf_clear(&s->message);
    cmt_status st = CMT_OK;
    if (height == changed)
        st = cmt_params_encode(&s->state->params, s->state->release, &s->message);
    if (st == CMT_OK)
        st = cmt_params_info_encode(cmt_buf_slice(&s->message), changed, &s->value);
    if (st != CMT_OK)
        return no_memory("consensus parameters", err);
    return cmt_state__add(s->store, &cmt_family_params, height, cmt_buf_slice(&s->value), s->batch,
                          err);
}

static cmt_status write_all(saving *s, cmt_error *err)
{
    if (cmt_chain_state_encode(s->state, &s->value) != CMT_OK)
        return no_memory("the state", err);
    CMT_TRY(cmt_db_batch_put(s->batch, CMT_SLICE("stateKey"), cmt_buf_slice(&s->value), err));
    return cmt_state__write(s->store, s->batch, FAIL_BEFORE, FAIL_AFTER, err);
}

static cmt_status begin(saving *s, cmt_error *err)
{
    const cmt_chain_state *state = s->state;
    CMT_TRY(cmt_state__writable(s->store, err));
    if (state->release != s->store->options.release)
        return cmt_error_set(err, CMT_INVALID,
                             "state store: the state is of another release than the store is "
                             "written as");
    if (state->last_block_height < 0 || state->last_block_height > INT64_MAX - 2 ||
        state->initial_height < 1 || state->initial_height == INT64_MAX)
        return cmt_error_set(err, CMT_INVALID,
                             "state store: no state is of height %" PRId64
                             " in a chain that begins at %" PRId64,
                             state->last_block_height, state->initial_height);
    cmt_state__wait_below_ceiling(s->store, cmt_chain_state_next_height(state) + 1);
    return cmt_db_batch_new(&s->batch, err);
}

cmt_status cmt_state_store_save(cmt_state_store *store, const cmt_chain_state *state,
                                cmt_error *err)
{
    CMT_AUTO(free_saving) saving s = {.store = store, .state = state};
    CMT_TRY(begin(&s, err));
    int64_t next = cmt_chain_state_next_height(state);
    if (state->last_block_height == 0)
        CMT_TRY(add_validators(&s, next, next, &state->validators, err));
    CMT_TRY(add_validators(&s, next + 1, state->last_height_validators_changed,
                           &state->next_validators, err));
    CMT_TRY(add_params(&s, next, err));
    return write_all(&s, err);
}

cmt_status cmt_state_store_bootstrap(cmt_state_store *store, const cmt_chain_state *state,
                                     cmt_error *err)
{
    CMT_AUTO(free_saving) saving s = {.store = store, .state = state};
    CMT_TRY(begin(&s, err));
    int64_t next = cmt_chain_state_next_height(state);
    if (next > 1 && state->last_validators.count > 0)
        CMT_TRY(add_validators(&s, next - 1, next - 1, &state->last_validators, err));
    CMT_TRY(add_validators(&s, next, next, &state->validators, err));
    CMT_TRY(add_validators(&s, next + 1, next + 1, &state->next_validators, err));
    CMT_TRY(add_params(&s, next, err));
    return write_all(&s, err);
}
