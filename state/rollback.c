/* SPDX-License-Identifier: Apache-2.0
 *
 * Going back by one block: the state before the last one, from what is stored.
 */
#include "state_internal.h"

#include "cleanup.h"

#include <inttypes.h>
#include <string.h>

/* Where something that changed for a height that is gone now changed first. */
static int64_t at_most(int64_t height, int64_t limit)
{
    return height < limit ? height : limit;
}

/* Sets move by one height; the oldest is loaded. */
static cmt_status roll_sets(cmt_state_store *store, cmt_chain_state *state, int64_t height,
                            cmt_error *err)
{
    cmt_validator_set loaded = {0};
    cmt_status st = cmt_state_store_load_validator_set(store, height, &loaded, err);
    if (st == CMT_NOT_FOUND)
        return cmt_error_set(err, CMT_CORRUPT, "could not find validator set for height #%" PRId64,
                             height);
    CMT_TRY(st);
    cmt_validator_set_free(&state->next_validators);
    state->next_validators = state->validators;
    state->validators = state->last_validators;
    state->last_validators = loaded;
    return CMT_OK;
}

static cmt_status roll_params(cmt_state_store *store, cmt_chain_state *state, int64_t height,
                              cmt_error *err)
{
    CMT_AUTO(cmt_buf_free) cmt_buf bytes = CMT_BUF_INIT;
    cmt_status st = cmt_state_store_load_params(store, height, &bytes, err);
    if (st == CMT_NOT_FOUND)
        return cmt_error_set(err, CMT_CORRUPT,
                             "could not find consensus params for height #%" PRId64, height);
    CMT_TRY(st);
    return cmt_params_decode(cmt_buf_slice(&bytes), state->release, &state->params, err);
}

static cmt_status check_metas(const cmt_chain_state *state, const cmt_block_meta *rollback_meta,
                              const cmt_block_meta *latest_meta, cmt_error *err)
{
    int64_t last = state->last_block_height;
    if (last < 2 || rollback_meta->header.height != last - 1 || latest_meta->header.height != last)
        return cmt_error_set(err, CMT_INVALID,
                             "rollback: the state is of height %" PRId64
                             ", the blocks given are %" PRId64 " and %" PRId64,
                             last, rollback_meta->header.height, latest_meta->header.height);
    return CMT_OK;
}

static cmt_status roll(cmt_state_store *store, const cmt_block_meta *rollback_meta,
                       const cmt_block_meta *latest_meta, const char *software,
                       cmt_chain_state *state, cmt_error *err)
{
    CMT_TRY(check_metas(state, rollback_meta, latest_meta, err));
    if (strlen(software) > CMT_SOFTWARE_MAX)
        return cmt_error_set(err, CMT_INVALID, "rollback: a software version of %zu bytes",
                             strlen(software));
    int64_t height = rollback_meta->header.height;
    CMT_TRY(roll_sets(store, state, height, err));
    CMT_TRY(roll_params(store, state, height + 1, err));
    memset(state->software, 0, sizeof state->software);
    memcpy(state->software, software, strlen(software));
    state->version_block = CMT_BLOCK_PROTOCOL;
    state->version_app = state->params.core.version_app;
    state->last_block_height = height;
    state->last_block_id = rollback_meta->block_id;
    state->last_block_time = rollback_meta->header.time;
    state->last_height_validators_changed =
        at_most(state->last_height_validators_changed, height + 2);
    state->last_height_params_changed = at_most(state->last_height_params_changed, height + 1);
    state->last_results_hash = latest_meta->header.last_results_hash;
    state->app_hash = latest_meta->header.app_hash;
    return cmt_state_store_save(store, state, err);
}

cmt_status cmt_state_store_rollback(cmt_state_store *store, const cmt_block_meta *rollback_meta,
                                    const cmt_block_meta *latest_meta, const char *software,
                                    cmt_chain_state *out, cmt_error *err)
{
    *out = (cmt_chain_state){0};
    CMT_TRY(cmt_state__writable(store, err));
    CMT_TRY(cmt_state_store_load_chain_state(store, out, err));
    cmt_status st = roll(store, rollback_meta, latest_meta, software, out, err);
    if (st != CMT_OK)
        cmt_chain_state_free(out);
    return st;
}
