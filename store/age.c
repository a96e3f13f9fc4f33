/* SPDX-License-Identifier: Apache-2.0
 *
 * The lowest block that is not older than some time: a search by halves, since header times rise with height.
 */
#include "store_internal.h"

#include <inttypes.h>

#define SECOND_NS INT64_C(1000000000)

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

/* The first block in [lo,hi): what a prune that was interrupted has left may have gaps. */
static cmt_status first_block(cmt_block_store *store, int64_t lo, int64_t hi, cmt_block_meta *out,
                              cmt_error *err)
{
    int64_t height;
    CMT_TRY(cmt_key_first_in(store->db, cmt_store__family(store, &cmt_family_meta), lo, hi, &height,
                             err));
    return cmt_block_store_load_meta(store, height, out, err);
}

cmt_status cmt_block_store_lowest_within(cmt_block_store *store, int64_t for_ns, int64_t *height,
                                         cmt_error *err)
{
    const cmt_block_store_state state = cmt_store__state(store);
    cmt_block_meta last;
    int64_t lo = state.base;
    int64_t hi = state.height; /* is young enough, and so is every block from there on */
    *height = hi;
    if (state.height == 0)
        return CMT_NOT_FOUND;
    cmt_status st = cmt_block_store_load_meta(store, state.height, &last, err);
    if (st == CMT_NOT_FOUND)
        return cmt_error_set(err, CMT_CORRUPT, "there is no header of the last block, %" PRId64,
                             state.height);
    CMT_TRY(st);
    while (lo < hi) {
        const int64_t middle = lo + (hi - lo) / 2;
        cmt_block_meta meta;
        st = first_block(store, middle, hi, &meta, err);
        if (st == CMT_NOT_FOUND) {
            hi = middle;
            continue;
        }
        CMT_TRY(st);
        if (ns_between(meta.header.time, last.header.time) > for_ns) {
            lo = meta.header.height + 1;
        } else {
            hi = middle;
            *height = meta.header.height;
        }
    }
    return CMT_OK;
}
