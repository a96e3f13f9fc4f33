/* SPDX-License-Identifier: Apache-2.0
 *
 * The rules by which retain heights are put.
 */
#include "service_internal.h"

/* Source: state/pruner.go */
static const char *const owners[CMT_PRUNER__OWNERS] = {
    [CMT_RETAIN_APPLICATION] = "application block",
    [CMT_RETAIN_COMPANION] = "companion block",
    [CMT_RETAIN_RESULTS] = "ABCI results",
};

static cmt_status fail_to_get(cmt_status status, cmt_retain_owner owner, const cmt_error *why,
                              cmt_error *err)
{
    return cmt_error_set(err, status, "pruner failed to get existing %s retain height: %s",
                         owners[owner], status == CMT_NOT_FOUND ? "key not found" : why->message);
}

static cmt_status set_locked(cmt_prune_service *service, cmt_retain_owner owner, int64_t height,
                             cmt_error *err)
{
    int64_t base;
    int64_t top;
    int64_t current;
    cmt_error why = CMT_ERROR_INIT;
    cmt_block_store_heights(service->options.blocks, &base, &top);
    if (height < base || height > top)
        return cmt_error_set(err, CMT_OUT_OF_RANGE, "invalid height value");
    cmt_status st = cmt_pruner__retained_get(&service->retained, owner, &current, &why);
    if (st != CMT_OK)
        return fail_to_get(st, owner, &why, err);
    if (height < current)
        return cmt_error_set(err, CMT_OUT_OF_RANGE,
                             "cannot set a height lower than previously requested - heights might "
                             "have already been pruned");
    if (height == current)
        return CMT_OK;
    return cmt_pruner__retained_put(&service->retained, owner, height, base, top, err);
}

cmt_status cmt_prune_service_set_retain_height(cmt_prune_service *service, cmt_retain_owner owner,
                                               int64_t height, cmt_error *err)
{
    CMT_TRY(cmt_pruner__service_check_process(service, err));
    pthread_mutex_lock(&service->heights_lock);
    cmt_status st = set_locked(service, owner, height, err);
    pthread_mutex_unlock(&service->heights_lock);
    return st;
}

cmt_status cmt_prune_service_retain_height(cmt_prune_service *service, cmt_retain_owner owner,
                                           int64_t *out, cmt_error *err)
{
    CMT_TRY(cmt_pruner__service_check_process(service, err));
    pthread_mutex_lock(&service->heights_lock);
    cmt_status st = cmt_pruner__retained_get(&service->retained, owner, out, err);
    pthread_mutex_unlock(&service->heights_lock);
    return st;
}
