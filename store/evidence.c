/* SPDX-License-Identifier: Apache-2.0
 *
 * The evidence height: headers and commits from there on are kept, because evidence of misbehaviour
 * may still be brought against them.
 *
 * Evidence of a height has expired when it is too old both in blocks and in time.  By blocks this
 * follows from the height alone; by time from the header, and header times rise.  So among the
 * heights that are old enough in blocks those not expired are the last ones: a search by halves.
 */
#include "store_internal.h"

#include <inttypes.h>

/* The lowest height in [lo,hi) that is in `heights` and has a meta. */
static cmt_status next_meta(cmt_block_store *store, const cmt_height_set *heights, int64_t lo,
                            int64_t hi, int64_t *height, cmt_error *err)
{
    for (size_t i = 0; i < heights->count && heights->runs[i].lo < hi; i++) {
        cmt_heights run = heights->runs[i];
        cmt_status st =
            cmt_key_first_in(store->db, cmt_store__family(store, &cmt_family_meta),
                             run.lo > lo ? run.lo : lo, run.hi < hi ? run.hi : hi, height, err);
        if (st != CMT_NOT_FOUND)
            return st;
    }
    return CMT_NOT_FOUND;
}

static cmt_status is_expired(cmt_block_store *store, const cmt_evidence_window *window,
                             int64_t height, bool *expired, cmt_error *err)
{
    cmt_block_meta meta;
    CMT_TRY(cmt_block_store_load_meta(store, height, &meta, err));
    *expired = cmt_evidence_expired(window, height, meta.header.time);
    return CMT_OK;
}

/* The first height in [lo,hi) that has not expired; CMT_NOT_FOUND if all have. */
static cmt_status first_unexpired(cmt_block_store *store, const cmt_block_prune_request *request,
                                  const cmt_height_set *heights, int64_t lo, int64_t hi,
                                  int64_t *out, cmt_error *err)
{
    cmt_status result = CMT_NOT_FOUND;
    while (lo < hi) {
        int64_t middle = lo + (hi - lo) / 2;
        int64_t height;
        cmt_status st = next_meta(store, heights, middle, hi, &height, err);
        if (st == CMT_NOT_FOUND) {
            hi = middle;
            continue;
        }
        CMT_TRY(st);
        bool expired;
        CMT_TRY(is_expired(store, &request->window, height, &expired, err));
        if (expired) {
            lo = height + 1;
        } else {
            result = CMT_OK;
            *out = height;
            hi = middle;
        }
    }
    return result;
}

cmt_status cmt_store__evidence_height(cmt_block_store *store,
                                      const cmt_block_prune_request *request,
                                      const cmt_height_set *heights, int64_t *out, cmt_error *err)
{
    int64_t lo = heights->count > 0 ? heights->runs[0].lo : request->retain_height;
    int64_t hi = request->retain_height;
    int64_t old_end; /* below this height evidence is old enough in blocks */
    if (__builtin_sub_overflow(request->window.last_block_height,
                               request->window.max_age_num_blocks, &old_end))
        old_end = INT64_MAX; /* a limit below zero */
    cmt_status st =
        first_unexpired(store, request, heights, lo, old_end < hi ? old_end : hi, out, err);
    if (st == CMT_NOT_FOUND)
        st = next_meta(store, heights, old_end > lo ? old_end : lo, hi, out, err);
    if (st == CMT_NOT_FOUND) {
        *out = request->retain_height;
        st = CMT_OK;
    }
    return st;
}
