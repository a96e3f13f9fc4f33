/* SPDX-License-Identifier: Apache-2.0
 *
 * Single heights that a node keeps: where a state sync ended, and up to where its owners let go.
 */
#include "state_internal.h"

#include <inttypes.h>

#define OFFLINE_KEY "offlineStateSyncHeightKey"

cmt_status cmt_state_store_set_offline_height(cmt_state_store *store, int64_t height,
                                              cmt_error *err)
{
    CMT_TRY(cmt_state__writable(store, err));
    if (height < 0)
        return cmt_error_set(err, CMT_INVALID, "state store: " OFFLINE_KEY " cannot be %" PRId64,
                             height);
    return cmt_state__put_height(store, OFFLINE_KEY, height, err);
}

cmt_status cmt_state_store_offline_height(cmt_state_store *store, int64_t *out, cmt_error *err)
{
    return cmt_state__get_height(store, OFFLINE_KEY, out, err);
}

/* ---- retain heights ---------------------------------------------------------------------- */

static const char *const retain_keys[] = {
    [CMT_RETAIN_APPLICATION] = "AppRetainHeightKey",
    [CMT_RETAIN_COMPANION] = "DCBlockRetainHeightKey",
    [CMT_RETAIN_RESULTS] = "ABCIResRetainHeightKey",
};

static cmt_status get_optional(cmt_state_store *store, const char *key, int64_t *out, bool *present,
                               cmt_error *err)
{
    cmt_status st = cmt_state__get_height(store, key, out, err);
    *present = st == CMT_OK;
    return st == CMT_NOT_FOUND ? CMT_OK : st;
}

cmt_status cmt_state_store_retain_heights(cmt_state_store *store, cmt_retain_heights *out,
                                          cmt_error *err)
{
    cmt_retain_heights heights = {0};
    bool present;
    CMT_TRY(get_optional(store, retain_keys[CMT_RETAIN_APPLICATION], &heights.application, &present,
                         err));
    CMT_TRY(
        get_optional(store, retain_keys[CMT_RETAIN_COMPANION], &heights.companion, &present, err));
    CMT_TRY(get_optional(store, retain_keys[CMT_RETAIN_RESULTS], &heights.results, &present, err));
    CMT_TRY(get_optional(store, "lastABCIResponsesRetainHeight", &heights.results_pruned,
                         &heights.has_results_pruned, err));
    *out = heights;
    return CMT_OK;
}

cmt_status cmt_state_store_retain_height(cmt_state_store *store, cmt_retain_owner owner,
                                         int64_t *out, cmt_error *err)
{
    return cmt_state__get_height(store, retain_keys[owner], out, err);
}

/* Put @p height where nothing was put yet or, with @p replace_zero, where 0 was. */
static cmt_status init_one(cmt_state_store *store, cmt_retain_owner owner, bool replace_zero,
                           int64_t height, cmt_error *err)
{
    int64_t current = 0;
    cmt_status st = cmt_state__get_height(store, retain_keys[owner], &current, err);
    if (st != CMT_NOT_FOUND)
        CMT_TRY(st);
    if (st == CMT_OK && (current != 0 || !replace_zero))
        return CMT_OK;
    return cmt_state__put_height(store, retain_keys[owner], height, err);
}

static cmt_status init_locked(cmt_state_store *store, bool companion, int64_t blocks,
                              int64_t results, cmt_error *err)
{
    CMT_TRY(init_one(store, CMT_RETAIN_APPLICATION, false, 0, err));
    if (!companion)
        return CMT_OK;
    CMT_TRY(init_one(store, CMT_RETAIN_COMPANION, true, blocks, err));
    return init_one(store, CMT_RETAIN_RESULTS, true, results, err);
}

cmt_status cmt_state_store_init_retain_heights(cmt_state_store *store, bool companion,
                                               int64_t blocks, int64_t results, cmt_error *err)
{
    CMT_TRY(cmt_state__writable(store, err));
    if (companion && (blocks < 0 || results < 0))
        return cmt_error_set(err, CMT_INVALID,
                             "state store: the companion's first retain heights cannot be "
                             "%" PRId64 " and %" PRId64,
                             blocks, results);
    pthread_mutex_lock(&store->heights);
    cmt_status st = init_locked(store, companion, blocks, results, err);
    pthread_mutex_unlock(&store->heights);
    return st;
}

static cmt_status set_locked(cmt_state_store *store, cmt_retain_owner owner, int64_t height,
                             int64_t base, int64_t top, cmt_error *err)
{
    if (height < 0 || height < base || height > top)
        return cmt_error_set(err, CMT_OUT_OF_RANGE,
                             "invalid height value: retain height %" PRId64 " is not in [%" PRId64
                             ",%" PRId64 "]",
                             height, base, top);
    const char *key = retain_keys[owner];
    int64_t current;
    cmt_status st = cmt_state__get_height(store, key, &current, err);
    if (st == CMT_NOT_FOUND)
        return cmt_error_set(err, CMT_NOT_FOUND, "state store: there is no %s yet", key);
    CMT_TRY(st);
    if (height < current)
        return cmt_error_set(err, CMT_OUT_OF_RANGE,
                             "cannot set a height lower than previously requested - heights might "
                             "have already been pruned (%s is %" PRId64 ", not %" PRId64 ")",
                             key, current, height);
    return cmt_state__put_height(store, key, height, err);
}

cmt_status cmt_state_store_set_retain_height(cmt_state_store *store, cmt_retain_owner owner,
                                             int64_t height, int64_t base, int64_t top,
                                             cmt_error *err)
{
    CMT_TRY(cmt_state__writable(store, err));
    pthread_mutex_lock(&store->heights);
    cmt_status st = set_locked(store, owner, height, base, top, err);
    pthread_mutex_unlock(&store->heights);
    return st;
}
