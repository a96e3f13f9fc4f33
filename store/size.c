/* SPDX-License-Identifier: Apache-2.0
 *
 * How much of the database some heights take up.
 */
#include "store_internal.h"

#include "cleanup.h"

static cmt_status family_bytes(cmt_block_store *store, const cmt_key_family *v1,
                               const cmt_height_set *wanted, const cmt_height_set *others,
                               uint64_t *bytes, cmt_error *err)
{
    CMT_AUTO(cmt_range_list_free) cmt_range_list ranges = {NULL, 0, 0};
    if (cmt_key_ranges(cmt_store__family(store, v1), wanted, others, &ranges) != CMT_OK)
        return cmt_error_set(err, CMT_NO_MEMORY, "no memory for key ranges");
    for (size_t i = 0; i < ranges.count; i++) {
        uint64_t n;
        CMT_TRY(cmt_db_approximate_bytes(store->db, ranges.ranges[i], &n, err));
        *bytes += n;
    }
    return CMT_OK;
}

/* Hashes stand anywhere. */
static cmt_status hash_bytes(cmt_block_store *store, int64_t heights, uint64_t *bytes,
                             cmt_error *err)
{
    const cmt_block_store_state state = cmt_store__state(store);
    uint64_t all;
    CMT_TRY(
        cmt_db_approximate_bytes(store->db, cmt_block_hash_range(store->layout.layout), &all, err));
    double there = (double)(state.height - state.base) + 1;
    *bytes += (uint64_t)((double)all * ((double)heights < there ? (double)heights / there : 1));
    return CMT_OK;
}

cmt_status cmt_block_store_approximate_bytes(cmt_block_store *store, int64_t lo, int64_t hi,
                                             uint64_t *bytes, cmt_error *err)
{
    static const cmt_key_family *const families[] = {&cmt_family_meta, &cmt_family_part,
                                                     &cmt_family_commit, &cmt_family_seen_commit,
                                                     &cmt_family_ext_commit};
    uint64_t sum = 0;
    cmt_heights run = {lo, hi};
    const cmt_height_set wanted = {&run, 1, 1};
    CMT_AUTO(cmt_height_set_free) cmt_height_set others = {NULL, 0, 0};
    *bytes = 0;
    if (lo >= hi)
        return CMT_OK;
    cmt_status st = cmt_height_set_add(&others, cmt_block_store_base(store), lo);
    if (st == CMT_OK)
        st = cmt_height_set_add(&others, hi, cmt_store__live_end(store));
    if (st != CMT_OK)
        return cmt_error_set(err, st, "no memory for heights");
    for (size_t i = 0; i < sizeof families / sizeof families[0]; i++)
        CMT_TRY(family_bytes(store, families[i], &wanted, &others, &sum, err));
    CMT_TRY(hash_bytes(store, hi - lo, &sum, err));
    *bytes = sum;
    return CMT_OK;
}
