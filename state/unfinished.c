/* SPDX-License-Identifier: Apache-2.0
 *
 * Telling that an earlier prune pruned the blocks, but not the state: its results and params still
 * stand right below base.
 */
#include "state_internal.h"

#include "cleanup.h"

/* A prune keeps the params that the record at base points at: alone they are no trace. */
static cmt_status is_kept_target(cmt_state_store *store, int64_t base, bool *kept, cmt_error *err)
{
    CMT_AUTO(cmt_buf_free) cmt_buf value = CMT_BUF_INIT;
    cmt_params_info info;
    *kept = false;
    cmt_status st = cmt_state__get_params(store, base - 1, &value, &info, err);
    if (st == CMT_NOT_FOUND || (st == CMT_OK && info.is_pointer))
        return CMT_OK;
    CMT_TRY(st);
    st = cmt_state__get_params(store, base, &value, &info, err);
    if (st == CMT_NOT_FOUND)
        return CMT_OK;
    CMT_TRY(st);
    *kept = info.is_pointer && info.last_height_changed == base - 1;
    return CMT_OK;
}

cmt_status cmt_state_prune_unfinished_from(cmt_state_store *store, int64_t base, int64_t *from,
                                           cmt_error *err)
{
    CMT_TRY(cmt_state__require_v1(store, err));
    uint64_t budget;
    int64_t results;
    CMT_TRY(cmt_state__search_budget(store, &cmt_family_results, &budget, err));
    CMT_TRY(cmt_key_run_below(store->db, &cmt_family_results, base, budget, &results, err));
    int64_t params;
    CMT_TRY(cmt_key_run_below(store->db, &cmt_family_params, base, CMT_STATE__SEARCH_SMALL, &params,
                              err));
    if (params == base - 1) {
        bool kept;
        CMT_TRY(is_kept_target(store, base, &kept, err));
        if (kept)
            params = base;
    }
    *from = results < params ? results : params;
    return CMT_OK;
}
