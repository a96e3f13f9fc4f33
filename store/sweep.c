/* SPDX-License-Identifier: Apache-2.0
 *
 * What has no header that tells of it: leftovers below base, and heights at and above base whose
 * header is gone.  Their keys are looked for, family by family.
 *
 * A run may be stopped between any two batches, and the next one shall come to the same end.  So what
 * tells that there is work goes last: the hash index, which is only read through when something else
 * asks for it, before the rest; a run of seen commits from its end, since the height it begins with
 * tells whether a state sync began there, and headers and parts behind them.
 */
#include "height_wise.h"

#include "cleanup.h"

CMT_DEFINE_CLEANUP(cmt_db_iter, cmt_db_iter_free)
CMT_DEFINE_CLEANUP(cmt_key_walk, cmt_key_walk_close)

/* So many runs of missing headers are held in memory at once. */
#define HOLES_MAX 65536

/* ---- the hash index ---------------------------------------------------------------------- */

cmt_status cmt_store__erase_hashes(cmt_store__run *run, const cmt_height_set *heights, bool write,
                                   cmt_error *err)
{
    cmt_range all = cmt_block_hash_range(run->rule->layout);
    CMT_AUTO(cmt_db_iter_free_cleanup) cmt_db_iter *iter = NULL;
    CMT_TRY(cmt_db_iter_new(run->store->db, &all, &iter, err));
    cmt_status st = cmt_db_iter_first(iter, err);
    for (; st == CMT_OK; st = cmt_db_iter_next(iter, err)) {
        int64_t height;
        cmt_slice key = cmt_db_iter_key(iter);
        CMT_TRY(cmt_store__hash_value(key, cmt_db_iter_value(iter), &height, err));
        if (!cmt_height_set_contains(heights, height) ||
            !cmt_height_set_contains(&run->rule->dead_hash, height))
            continue;
        CMT_TRY(cmt_eraser_delete(run->eraser, key, err));
        run->hashes_deleted = true;
        if (write)
            CMT_TRY(cmt_store__write_full(run, "sweep", err));
    }
    return st == CMT_NOT_FOUND ? CMT_OK : st;
}

cmt_status cmt_store__sweep_hashes(cmt_store__run *run, cmt_error *err)
{
    cmt_heights below = {0, run->from};
    cmt_height_set heights = {&below, below.lo < below.hi, 1};
    return cmt_store__erase_hashes(run, &heights, true, err);
}

/* The heights from `lo` on, below the retain height, that have no header: as many as may be held in
 * memory.  *end: where looking ended. */
static cmt_status find_holes(cmt_store__run *run, int64_t lo, cmt_height_set *holes, int64_t *end,
                             cmt_error *err)
{
    int64_t retain = run->rule->retain_height;
    CMT_AUTO(cmt_key_walk_close_cleanup) cmt_key_walk *walk = NULL;
    CMT_TRY(cmt_key_walk_open(run->store->db, cmt_store__family(run->store, &cmt_family_meta), lo,
                              retain, &walk, err));
    cmt_status st = CMT_OK;
    while (st == CMT_OK && lo < retain && holes->count < HOLES_MAX) {
        int64_t height;
        st = cmt_key_walk_next(walk, &height, NULL, err);
        if (st == CMT_NOT_FOUND)
            height = retain;
        else
            CMT_TRY(st);
        if (cmt_height_set_add(holes, lo, height) != CMT_OK)
            return cmt_error_set(err, CMT_NO_MEMORY, "no memory for heights without a header");
        lo = height + 1;
    }
    *end = lo;
    return CMT_OK;
}

/* Take the hashes of all heights in [lo,retain height) without a header out of the index, unless that
 * was done. */
static cmt_status erase_lost_hashes(cmt_store__run *run, int64_t lo, cmt_error *err)
{
    if (lo < run->holes_known)
        return CMT_OK;
    CMT_AUTO(cmt_height_set_free) cmt_height_set holes = {NULL, 0, 0};
    int64_t end = 0;
    CMT_TRY(find_holes(run, lo, &holes, &end, err));
    CMT_TRY(cmt_store__erase_hashes(run, &holes, true, err));
    run->holes_known = end;
    return CMT_OK;
}

/* ---- keys with heights ------------------------------------------------------------------- */

/* Delete what a family has of [lo,hi) as far as it is in `dead`. */
static cmt_status erase_found(cmt_store__run *run, const cmt_key_family *v1,
                              const cmt_height_set *dead, int64_t lo, int64_t hi, cmt_error *err)
{
    const cmt_key_family *family = cmt_store__family(run->store, v1);
    if (!cmt_height_set_overlaps(dead, lo, hi))
        return CMT_OK;
    CMT_AUTO(cmt_key_walk_close_cleanup) cmt_key_walk *walk = NULL;
    CMT_TRY(cmt_key_walk_open(run->store->db, family, lo, hi, &walk, err));
    for (;;) {
        int64_t height;
        cmt_status st = cmt_key_walk_next(walk, &height, NULL, err);
        if (st == CMT_NOT_FOUND)
            return CMT_OK;
        CMT_TRY(st);
        if (!cmt_height_set_contains(dead, height))
            continue;
        CMT_TRY(cmt_eraser_delete_all_at(run->eraser, family, height, err));
        CMT_TRY(cmt_store__write_full(run, "sweep", err));
    }
}

cmt_status cmt_store__erase_hole(cmt_store__run *run, int64_t lo, int64_t hi, cmt_error *err)
{
    const cmt_block_prune *rule = run->rule;
    CMT_TRY(erase_lost_hashes(run, lo, err));
    CMT_TRY(erase_found(run, &cmt_family_seen_commit, &rule->dead_seen_commit, lo, hi, err));
    CMT_TRY(erase_found(run, &cmt_family_commit, &rule->dead_commit, lo, hi, err));
    CMT_TRY(erase_found(run, &cmt_family_ext_commit, &rule->dead_ext_commit, lo, hi, err));
    return erase_found(run, &cmt_family_part, &rule->dead_part, lo, hi, err);
}

/* The runs of `dead` below base. */
static cmt_status erase_leftovers(cmt_store__run *run, const cmt_key_family *v1,
                                  const cmt_height_set *dead, cmt_error *err)
{
    for (size_t i = 0; i < dead->count && dead->runs[i].lo < run->from; i++) {
        cmt_heights part = dead->runs[i];
        CMT_TRY(
            erase_found(run, v1, dead, part.lo, part.hi < run->from ? part.hi : run->from, err));
    }
    return CMT_OK;
}

static cmt_status erase_seen_commits(cmt_store__run *run, cmt_error *err)
{
    const cmt_key_family *family = cmt_store__family(run->store, &cmt_family_seen_commit);
    const cmt_height_set *dead = &run->rule->dead_seen_commit;
    for (size_t i = 0; i < dead->count && dead->runs[i].lo < run->from; i++) {
        cmt_heights part = dead->runs[i];
        for (int64_t h = part.hi < run->from ? part.hi : run->from; h-- > part.lo;) {
            CMT_TRY(cmt_eraser_delete_at(run->eraser, family, h, 0, err));
            CMT_TRY(cmt_store__write_full(run, "sweep", err));
        }
    }
    return CMT_OK;
}

cmt_status cmt_store__sweep(cmt_store__run *run, cmt_error *err)
{
    const cmt_block_prune *rule = run->rule;
    CMT_TRY(cmt_store__sweep_hashes(run, err));
    CMT_TRY(erase_seen_commits(run, err));
    CMT_TRY(erase_leftovers(run, &cmt_family_ext_commit, &rule->dead_ext_commit, err));
    CMT_TRY(erase_leftovers(run, &cmt_family_commit, &rule->dead_commit, err));
    CMT_TRY(erase_leftovers(run, &cmt_family_part, &rule->dead_part, err));
    return erase_leftovers(run, &cmt_family_meta, &rule->dead_meta, err);
}
