/* SPDX-License-Identifier: Apache-2.0
 *
 * Records below what a prune keeps that must stay, because kept ones point at them.
 *
 * Kept are the validators from V = min(retain height R, evidence height) on, and the params from R
 * on.  If the record at V is a pointer, CometBFT keeps the height it names as last changed and
 * max(R - R mod 100000, last changed); of params it keeps what the record at R names.  It takes the
 * checkpoint from R: when V < R, the one that V itself is resolved by can be lost.  Kept here too
 * is whatever a kept pointer is resolved by.
 *
 * To find these, few records have to be read, since heights of last change never fall.  Where a
 * kept pointer is resolved below V, so is every pointer from V up to it, and by the same record;
 * unless the record at V was made full by an earlier prune, and for that the next record is looked
 * at.  The record at R is read besides: no node starts without what it is resolved by.
 */
#include "state_internal.h"

#include "cleanup.h"

#include <inttypes.h>
#include <stdlib.h>

static cmt_status add(cmt_height_set *set, int64_t height, cmt_error *err)
{
    if (cmt_height_set_add(set, height, height + 1) != CMT_OK)
        return cmt_error_set(err, CMT_NO_MEMORY, "no memory for heights");
    return CMT_OK;
}

static int64_t lower(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t higher(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

cmt_status cmt_state__put(cmt_state_prune *prune, const cmt_key *key, cmt_buf *value,
                          cmt_error *err)
{
    cmt_state_put *grown = realloc(prune->puts, (prune->put_count + 1) * sizeof *grown);
    if (grown == NULL)
        return cmt_error_set(err, CMT_NO_MEMORY, "no memory for a record");
    prune->puts = grown;
    prune->puts[prune->put_count++] = (cmt_state_put){*key, *value};
    *value = (cmt_buf)CMT_BUF_INIT;
    return CMT_OK;
}

/* ---- validators -------------------------------------------------------------------------- */

/* The record at V.  When the evidence height lies below base, earlier prunes may have left none
 * there: then the first one behind. */
static cmt_status get_kept_validators(cmt_state_store *store,
                                      const cmt_state_prune_request *request, cmt_buf *value,
                                      cmt_validators_info *info, cmt_error *err)
{
    int64_t height = lower(request->retain_height, request->evidence_height);
    int64_t end =
        request->evidence_height < request->base ? request->retain_height + 1 : height + 1;
    int64_t found = height;
    cmt_status st = cmt_key_first_in(store->db, cmt_state__family(store, &cmt_family_validators),
                                     height, end, &found, err);
    if (st == CMT_OK)
        st = cmt_state__get_validators(store, found, value, info, err);
    if (st == CMT_NOT_FOUND)
        return cmt_error_set(err, CMT_CORRUPT, "validators at height %" PRId64 " not found",
                             height);
    return st;
}

/* CometBFT's own choice. */
static cmt_status keep_as_cometbft(cmt_state_store *store, const cmt_state_prune_request *request,
                                   cmt_height_set *kept, cmt_error *err)
{
    CMT_AUTO(cmt_buf_free) cmt_buf value = CMT_BUF_INIT;
    cmt_validators_info info;
    CMT_TRY(get_kept_validators(store, request, &value, &info, err));
    if (info.has_set)
        return CMT_OK;
    CMT_TRY(add(kept, info.last_height_changed, err));
    return add(kept, cmt_validators_stored_height(request->retain_height, info.last_height_changed),
               err);
}

/* What the record at `height` is resolved by, if that lies below `below`. */
static cmt_status keep_target(cmt_state_store *store, int64_t height, int64_t below,
                              cmt_height_set *kept, cmt_error *err)
{
    CMT_AUTO(cmt_buf_free) cmt_buf value = CMT_BUF_INIT;
    cmt_validators_info info;
    cmt_status st = cmt_state__get_validators(store, height, &value, &info, err);
    if (st == CMT_NOT_FOUND || (st == CMT_OK && info.has_set))
        return CMT_OK;
    CMT_TRY(st);
    int64_t target = cmt_validators_stored_height(height, info.last_height_changed);
    return target < below ? add(kept, target, err) : CMT_OK;
}

/* What kept records are resolved by.  Those that this prune makes full (in `required`) need nothing
 * any more. */
static cmt_status keep_targets(cmt_state_store *store, const cmt_state_prune_request *request,
                               const cmt_height_set *required, cmt_height_set *kept, cmt_error *err)
{
    int64_t below = lower(request->retain_height, request->evidence_height);
    CMT_TRY(keep_target(store, request->retain_height, below, kept, err));
    int64_t height = below;
    for (int looked_at = 0; looked_at < 2; height++) {
        cmt_status st =
            cmt_key_first_in(store->db, cmt_state__family(store, &cmt_family_validators), height,
                             request->last_height + 1, &height, err);
        if (st == CMT_NOT_FOUND)
            return CMT_OK;
        CMT_TRY(st);
        bool becomes_full = cmt_height_set_contains(required, height) && height >= request->from &&
                            height < request->retain_height;
        if (becomes_full)
            continue;
        CMT_TRY(keep_target(store, height, below, kept, err));
        looked_at++;
    }
    return CMT_OK;
}

/* Make the record at `height` a full one if it is a pointer.  If it is CometBFT's own choice, at or above
 * base (`required`), and cannot be found, the prune is refused; else it was lost before this prune. */
static cmt_status fill_validators(cmt_state_store *store, int64_t height, bool required,
                                  cmt_state_prune *prune, cmt_error *err)
{
    CMT_AUTO(cmt_buf_free) cmt_buf value = CMT_BUF_INIT;
    cmt_validators_info info;
    cmt_status st = cmt_state__get_validators(store, height, &value, &info, err);
    if (st == CMT_NOT_FOUND && required)
        return cmt_error_set(
            err, CMT_CORRUPT,
            "validators at height %" PRId64 " not found, but kept heights need them", height);
    if (st == CMT_NOT_FOUND || (st == CMT_OK && info.has_set))
        return CMT_OK;
    CMT_TRY(st);

    CMT_AUTO(cmt_buf_free) cmt_buf set = CMT_BUF_INIT;
    st = cmt_state_store_load_validators(store, height, &set, required ? err : NULL);
    if ((st == CMT_CORRUPT || st == CMT_NOT_FOUND) && !required)
        return CMT_OK;
    CMT_TRY(st);
    if (cmt_validators_info_encode(cmt_buf_slice(&set), height, &value) != CMT_OK)
        return cmt_error_set(err, CMT_NO_MEMORY, "no memory for a validator set");
    cmt_key key = cmt_key_make(cmt_state__family(store, &cmt_family_validators), height, 0);
    return cmt_state__put(prune, &key, &value, err);
}

static cmt_status find_validators(cmt_state_store *store, const cmt_state_prune_request *request,
                                  cmt_height_set *kept, cmt_state_prune *prune, cmt_error *err)
{
    CMT_AUTO(cmt_height_set_free) cmt_height_set required = {NULL, 0, 0};
    CMT_TRY(keep_as_cometbft(store, request, &required, err));
    CMT_TRY(keep_targets(store, request, &required, kept, err));
    for (size_t i = 0; i < required.count; i++)
        for (int64_t h = required.runs[i].lo; h < required.runs[i].hi; h++)
            CMT_TRY(add(kept, h, err));
    for (size_t i = 0; i < kept->count; i++)
        for (int64_t h = higher(kept->runs[i].lo, request->from);
             h < lower(kept->runs[i].hi, request->retain_height); h++)
            CMT_TRY(fill_validators(
                store, h, h >= request->base && cmt_height_set_contains(&required, h), prune, err));
    return CMT_OK;
}

/* ---- params ------------------------------------------------------------------------------ */

static cmt_status fill_params(cmt_state_store *store, int64_t height, bool required,
                              cmt_state_prune *prune, cmt_error *err)
{
    CMT_AUTO(cmt_buf_free) cmt_buf value = CMT_BUF_INIT;
    cmt_params_info info;
    cmt_status st = cmt_state__get_params(store, height, &value, &info, err);
    if (st == CMT_NOT_FOUND && required)
        return cmt_error_set(
            err, CMT_CORRUPT,
            "consensus params at height %" PRId64 " not found, but kept heights need them", height);
    if (st == CMT_NOT_FOUND || (st == CMT_OK && !info.is_pointer))
        return CMT_OK;
    CMT_TRY(st);

    CMT_AUTO(cmt_buf_free) cmt_buf params = CMT_BUF_INIT;
    st = cmt_state_store_load_params(store, height, &params, required ? err : NULL);
    if ((st == CMT_CORRUPT || st == CMT_NOT_FOUND) && !required)
        return CMT_OK;
    CMT_TRY(st);
    if (cmt_params_info_encode(cmt_buf_slice(&params), height, &value) != CMT_OK)
        return cmt_error_set(err, CMT_NO_MEMORY, "no memory for consensus params");
    cmt_key key = cmt_key_make(cmt_state__family(store, &cmt_family_params), height, 0);
    return cmt_state__put(prune, &key, &value, err);
}

/* The records at R, which has to be there, and at R+1. */
static cmt_status find_params(cmt_state_store *store, const cmt_state_prune_request *request,
                              cmt_height_set *kept, cmt_state_prune *prune, cmt_error *err)
{
    int64_t retain = request->retain_height;
    for (int64_t height = retain; height <= retain + 1; height++) {
        CMT_AUTO(cmt_buf_free) cmt_buf value = CMT_BUF_INIT;
        cmt_params_info info;
        cmt_status st = cmt_state__get_params(store, height, &value, &info, err);
        if (st == CMT_NOT_FOUND && height == retain)
            return cmt_error_set(err, CMT_CORRUPT,
                                 "consensus params at height %" PRId64 " not found", height);
        if (st == CMT_NOT_FOUND)
            return CMT_OK;
        CMT_TRY(st);
        int64_t target = info.last_height_changed;
        if (!info.is_pointer || target >= retain || cmt_height_set_contains(kept, target))
            continue;
        CMT_TRY(add(kept, target, err));
        if (target >= request->from)
            CMT_TRY(fill_params(store, target, height == retain, prune, err));
    }
    return CMT_OK;
}

cmt_status cmt_state__find_kept(cmt_state_store *store, const cmt_state_prune_request *request,
                                cmt_state__kept *kept, cmt_state_prune *prune, cmt_error *err)
{
    CMT_TRY(find_validators(store, request, &kept->validators, prune, err));
    return find_params(store, request, &kept->params, prune, err);
}
