/* SPDX-License-Identifier: Apache-2.0
 *
 * The state and validator sets, loaded whole and owned.
 */
#include "state_internal.h"

#include "cleanup.h"

static cmt_status decode_state(const cmt_state_store *store, cmt_slice bytes, cmt_chain_state *out,
                               cmt_error *err)
{
    cmt_release release = store->options.release;
    if (!store->written)
        CMT_TRY(cmt_release_detect(bytes, &release, err));
    return cmt_chain_state_decode(bytes, release, out, err);
}

cmt_status cmt_state_store_load_chain_state(cmt_state_store *store, cmt_chain_state *out,
                                            cmt_error *err)
{
    *out = (cmt_chain_state){0};
    CMT_AUTO(cmt_buf_free) cmt_buf value = CMT_BUF_INIT;
    CMT_TRY(cmt_state__get_single(store, "stateKey", &value, err));
    cmt_status st = decode_state(store, cmt_buf_slice(&value), out, err);
    return st == CMT_OK ? CMT_OK : cmt_error_prefix(err, st, "state store: stateKey record");
}

static cmt_generation generation_of(const cmt_state_store *store, const cmt_validator_set *set)
{
    if (store->written)
        return cmt_release_generation(store->options.release);
    return set->count > 0 && set->validators[0].key_type.size > 0 ? CMT_GENERATION_1
                                                                  : CMT_GENERATION_0;
}

cmt_status cmt_state_store_load_validator_set(cmt_state_store *store, int64_t height,
                                              cmt_validator_set *out, cmt_error *err)
{
    *out = (cmt_validator_set){0};
    CMT_AUTO(cmt_buf_free) cmt_buf bytes = CMT_BUF_INIT;
    CMT_AUTO(cmt_validator_set_free) cmt_validator_set set = {0};
    CMT_TRY(cmt_state_store_load_validators(store, height, &bytes, err));
    CMT_TRY(cmt_validator_set_decode(cmt_buf_slice(&bytes), &set, err));
    set.stored_total = 0;
    return cmt_validator_set_copy(&set, generation_of(store, &set), out, err);
}
