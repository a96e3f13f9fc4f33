/* SPDX-License-Identifier: Apache-2.0
 *
 * Telling that an earlier prune pruned the blocks, but not the state: its results and params still
 * stand right below base.
 */
#include "state_internal.h"

#include "cleanup.h"

static cmt_status is_trace(cmt_state_store *store, int64_t lo, int64_t hi, bool *trace,
                           cmt_error *err)
{
    CMT_AUTO(cmt_buf_free) cmt_buf value = CMT_BUF_INIT;
    *trace = hi - lo > CMT_STATE__KEPT_MAX;
    for (int64_t height = hi - 1; height >= lo && !*trace; height--) {
        cmt_params_info info;
        cmt_status st = cmt_state__get_params(store, height, &value, &info, err);
        if (st != CMT_OK && st != CMT_NOT_FOUND)
            return st;
        *trace = st == CMT_OK && info.is_pointer;
    }
    return CMT_OK;
}

cmt_status cmt_state_prune_unfinished_from(cmt_state_store *store, int64_t base, int64_t *from,
                                           cmt_error *err)
{
    const cmt_key_family *of_results = cmt_state__family(store, &cmt_family_results);
    const cmt_key_family *of_params = cmt_state__family(store, &cmt_family_params);
    uint64_t budget;
    int64_t results;
    CMT_TRY(cmt_state__search_budget(store, of_results, &budget, err));
    CMT_TRY(cmt_key_run_below(store->db, of_results, base, budget, &results, err));
    int64_t params;
    CMT_TRY(cmt_key_run_below(store->db, of_params, base, CMT_STATE__SEARCH_SMALL, &params, err));
    bool trace;
    CMT_TRY(is_trace(store, params, base, &trace, err));
    *from = trace && params < results ? params : results;
    return CMT_OK;
}
