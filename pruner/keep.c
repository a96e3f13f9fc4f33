/* SPDX-License-Identifier: Apache-2.0
 *
 * How much of the chain is kept: so many blocks, so long, so much.
 */
#include "cmtstore/pruner.h"

static cmt_status lowest_by_size(cmt_block_store *blocks, int64_t base, int64_t height,
                                 uint64_t limit, int64_t *out, cmt_error *err)
{
    int64_t lo = base;
    int64_t hi = height;
    while (lo < hi) {
        const int64_t middle = lo + (hi - lo) / 2;
        uint64_t bytes;
        CMT_TRY(cmt_block_store_approximate_bytes(blocks, middle, height + 1, &bytes, err));
        if (bytes <= limit)
            hi = middle;
        else
            lo = middle + 1;
    }
    *out = lo;
    return CMT_OK;
}

static void lower(int64_t candidate, cmt_keep_rule rule, int64_t *height, cmt_keep_rule *out)
{
    if (*out != CMT_KEEP_NONE && candidate >= *height)
        return;
    *height = candidate;
    *out = rule;
}

cmt_status cmt_keep_lowest(cmt_block_store *blocks, const cmt_keep_policy *policy, int64_t *height,
                           cmt_keep_rule *rule, cmt_error *err)
{
    int64_t base;
    int64_t top;
    int64_t found;
    *height = 0;
    *rule = CMT_KEEP_NONE;
    cmt_block_store_heights(blocks, &base, &top);
    if (top == 0 || base > top)
        return CMT_OK;
    if (policy->blocks > 0)
        lower(policy->blocks > top - base ? base : top - policy->blocks + 1, CMT_KEEP_BLOCKS,
              height, rule);
    if (policy->for_ns > 0) {
        CMT_TRY(cmt_block_store_lowest_within(blocks, policy->for_ns, &found, err));
        lower(found, CMT_KEEP_FOR, height, rule);
    }
    if (policy->bytes > 0) {
        CMT_TRY(lowest_by_size(blocks, base, top, policy->bytes, &found, err));
        lower(found, CMT_KEEP_BYTES, height, rule);
    }
    return CMT_OK;
}
