/* SPDX-License-Identifier: Apache-2.0
 *
 * How much of the chain is kept: so many blocks, so long, so much.
 */
#include "cmtstore/pruner.h"

#include "cleanup.h"

#include <inttypes.h>

#define SECOND_NS INT64_C(1000000000)

/* ---- by age ---------------------------------------------------------------------------------- */

/* Saturated, as Go's Duration. */
static int64_t ns_between(cmt_time from, cmt_time to)
{
    int64_t seconds;
    int64_t ns;
    if (__builtin_sub_overflow(to.seconds, from.seconds, &seconds))
        return to.seconds > from.seconds ? INT64_MAX : INT64_MIN;
    if (__builtin_mul_overflow(seconds, SECOND_NS, &ns) ||
        __builtin_add_overflow(ns, (int64_t)to.nanos - from.nanos, &ns))
        return seconds > 0 ? INT64_MAX : INT64_MIN;
    return ns;
}

/* The first header in [lo,hi]; one is there at hi.  A gap is what a prune that was interrupted has left. */
static cmt_status first_meta(cmt_block_store *blocks, int64_t lo, int64_t hi, cmt_block_meta *out,
                             cmt_error *err)
{
    cmt_status st = CMT_NOT_FOUND;
    for (int64_t height = lo; height <= hi && st == CMT_NOT_FOUND; height++)
        st = cmt_block_store_load_meta(blocks, height, out, err);
    return st;
}

/* Header times rise with height: by halves. */
static cmt_status lowest_by_age(cmt_block_store *blocks, int64_t base, int64_t height,
                                int64_t for_ns, int64_t *out, cmt_error *err)
{
    cmt_block_meta last;
    int64_t lo = base;
    int64_t hi = height;
    cmt_status st = cmt_block_store_load_meta(blocks, height, &last, err);
    if (st == CMT_NOT_FOUND)
        return cmt_error_set(err, CMT_CORRUPT, "there is no header of the last block, %" PRId64,
                             height);
    CMT_TRY(st);
    while (lo < hi) {
        const int64_t middle = lo + (hi - lo) / 2;
        cmt_block_meta meta;
        st = first_meta(blocks, middle, hi, &meta, err);
        if (st == CMT_NOT_FOUND)
            return cmt_error_set(err, CMT_CORRUPT, "there is no header from height %" PRId64 " on",
                                 middle);
        CMT_TRY(st);
        if (ns_between(meta.header.time, last.header.time) <= for_ns)
            hi = middle;
        else
            lo = meta.header.height + 1;
    }
    *out = lo;
    return CMT_OK;
}

/* ---- by size --------------------------------------------------------------------------------- */

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

/* ---- together -------------------------------------------------------------------------------- */

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
        CMT_TRY(lowest_by_age(blocks, base, top, policy->for_ns, &found, err));
        lower(found, CMT_KEEP_FOR, height, rule);
    }
    if (policy->bytes > 0) {
        CMT_TRY(lowest_by_size(blocks, base, top, policy->bytes, &found, err));
        lower(found, CMT_KEEP_BYTES, height, rule);
    }
    return CMT_OK;
}
