/* SPDX-License-Identifier: Apache-2.0
 *
 * Loading what is in force at a height.  Validator sets and parameters are stored in full only
 * where they changed (sets also every CMT_VALIDATOR_CHECKPOINT heights); other records point there.
 */
#include "state_internal.h"

#include "cleanup.h"

#include <inttypes.h>

/* An empty value counts as absent. */
static cmt_status get(cmt_state_store *store, const cmt_key_family *family, int64_t height,
                      cmt_buf *out, cmt_error *err)
{
    cmt_key key = cmt_key_make(cmt_state__family(store, family), height, 0);
    CMT_TRY(cmt_db_get(store->db, cmt_key_slice(&key), out, err));
    return out->size > 0 ? CMT_OK : CMT_NOT_FOUND;
}

cmt_status cmt_state__get_validators(cmt_state_store *store, int64_t height, cmt_buf *value,
                                     cmt_validators_info *info, cmt_error *err)
{
    CMT_TRY(get(store, &cmt_family_validators, height, value, err));
    cmt_status st = cmt_validators_info_decode(cmt_buf_slice(value), info, err);
    return st == CMT_OK ? CMT_OK
                        : cmt_error_prefix(err, st, "validators at height %" PRId64, height);
}

cmt_status cmt_state__get_params(cmt_state_store *store, int64_t height, cmt_buf *value,
                                 cmt_params_info *info, cmt_error *err)
{
    CMT_TRY(get(store, &cmt_family_params, height, value, err));
    cmt_status st = cmt_params_info_decode(cmt_buf_slice(value), info, err);
    return st == CMT_OK ? CMT_OK
                        : cmt_error_prefix(err, st, "consensus params at height %" PRId64, height);
}

static cmt_status copy(cmt_slice bytes, cmt_buf *out, cmt_error *err)
{
    if (cmt_buf_set(out, bytes) != CMT_OK)
        return cmt_error_set(err, CMT_NO_MEMORY, "no memory for a record of %zu bytes", bytes.size);
    return CMT_OK;
}

static cmt_status increment(cmt_slice stored, int64_t distance, cmt_buf *out, cmt_error *err)
{
    CMT_AUTO(cmt_validator_set_free) cmt_validator_set set = {0};
    CMT_TRY(cmt_validator_set_decode(stored, &set, err));
    if (set.count == 0)
        return cmt_error_set(err, CMT_CORRUPT, "ValidatorSet: it is empty");
    CMT_TRY(cmt_validator_set_increment(&set, (int32_t)distance, err));
    if (cmt_validator_set_encode(&set, out) != CMT_OK)
        return cmt_error_set(err, CMT_NO_MEMORY, "no memory for a validator set");
    return CMT_OK;
}

/* *lost: there is no set where the record points to. */
static cmt_status load_validators(cmt_state_store *store, int64_t height, cmt_buf *out, bool *lost,
                                  cmt_error *err)
{
    CMT_AUTO(cmt_buf_free) cmt_buf value = CMT_BUF_INIT;
    cmt_validators_info info;
    CMT_TRY(cmt_state__get_validators(store, height, &value, &info, err));
    if (info.has_set)
        return copy(info.set, out, err);

    /* Less than a checkpoint interval away, unless it does not lie below at all. */
    int64_t stored = cmt_validators_stored_height(height, info.last_height_changed);
    cmt_status st = CMT_NOT_FOUND;
    if (stored < height)
        st = cmt_state__get_validators(store, stored, &value, &info, err);
    *lost = st == CMT_NOT_FOUND || (st == CMT_OK && !info.has_set);
    if (*lost)
        return cmt_error_set(err, CMT_CORRUPT,
                             "couldn't find validators at height %" PRId64 " (height %" PRId64
                             " was originally requested)",
                             stored, height);
    CMT_TRY(st);
    st = increment(info.set, height - stored, out, err);
    return st == CMT_OK ? CMT_OK
                        : cmt_error_prefix(err, st, "validators at height %" PRId64, stored);
}

static cmt_status load_params(cmt_state_store *store, int64_t height, cmt_buf *out, bool *lost,
                              cmt_error *err)
{
    CMT_AUTO(cmt_buf_free) cmt_buf value = CMT_BUF_INIT;
    cmt_params_info info;
    CMT_TRY(cmt_state__get_params(store, height, &value, &info, err));
    if (!info.is_pointer)
        return copy(info.params, out, err);

    int64_t changed = info.last_height_changed;
    cmt_status st = cmt_state__get_params(store, changed, &value, &info, err);
    *lost = st == CMT_NOT_FOUND || (st == CMT_OK && info.is_pointer);
    if (*lost)
        return cmt_error_set(err, CMT_CORRUPT,
                             "couldn't find consensus params at height %" PRId64
                             " as last changed from height %" PRId64,
                             changed, height);
    CMT_TRY(st);
    return copy(info.params, out, err);
}

/* ---- beside a prune ------------------------------------------------------------------------ */

typedef cmt_status (*load_fn)(cmt_state_store *store, int64_t height, cmt_buf *out, bool *lost,
                              cmt_error *err);

/* Between reading a record and what it points to, a prune may have made the record full and removed the latter: then
 * the second look finds it.  Or it removes both, the latter first. */
static cmt_status load(cmt_state_store *store, load_fn once, const cmt_key_family *family,
                       int64_t height, cmt_buf *out, cmt_error *err)
{
    bool lost = false;
    cmt_error first = CMT_ERROR_INIT;
    cmt_status st = once(store, height, out, &lost, &first);
    if (!lost)
        return st == CMT_OK || st == CMT_NOT_FOUND ? st
                                                   : cmt_error_set(err, st, "%s", first.message);
    lost = false;
    st = once(store, height, out, &lost, err);
    return lost && cmt_state__may_be_going(store, family, height) ? CMT_NOT_FOUND : st;
}

cmt_status cmt_state_store_load_validators(cmt_state_store *store, int64_t height, cmt_buf *out,
                                           cmt_error *err)
{
    return load(store, load_validators, &cmt_family_validators, height, out, err);
}

cmt_status cmt_state_store_load_params(cmt_state_store *store, int64_t height, cmt_buf *out,
                                       cmt_error *err)
{
    return load(store, load_params, &cmt_family_params, height, out, err);
}

cmt_status cmt_state_store_load_results(cmt_state_store *store, int64_t height, cmt_buf *out,
                                        cmt_error *err)
{
    return get(store, &cmt_family_results, height, out, err);
}
