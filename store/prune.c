/* SPDX-License-Identifier: Apache-2.0
 *
 * The prune rule of the block store.
 *
 * With base B, retain height R and evidence height E, CometBFT deletes
 *   P: SC: BH:  of [B,R)
 *   H: C: EC:   of [B,E); EC: not at all from 1.0 on
 * and never comes back to what it kept below R.  This rule adds
 *   the sweep       H: C: EC: of every height below E, P: SC: BH: of every height below B
 *   finishing       heights of [B,R) whose meta is gone lose the rest of their keys too
 * and keeps, whatever it is asked: C:(initial height - 1), and the seen commit of a state sync.
 */
#include "store_internal.h"

#include "cleanup.h"

#include <inttypes.h>

/* Heights above the tip that are taken to be in use: room for a node that is ahead of what we saw.
 * Not more: heights of one more digit would stand between the dead ones and split their ranges. */
#define LIVE_MARGIN 1000

/* How much may be read to look for leftovers: all of a small family, little of a large one. */
#define SEARCH_SMALL ((uint64_t)4 << 20)
#define SEARCH_LARGE ((uint64_t)64 << 10)

int64_t cmt_store__live_end_of(int64_t height)
{
    return height < INT64_MAX - LIVE_MARGIN - 1 ? height + LIVE_MARGIN + 1 : INT64_MAX;
}

int64_t cmt_store__live_end(const cmt_block_store *store)
{
    return cmt_store__live_end_of(cmt_block_store_height(store));
}

/* ---- what is asked ----------------------------------------------------------------------- */

cmt_status cmt_store__check_prune(cmt_block_store *store, const cmt_block_prune_request *request,
                                  cmt_error *err)
{
    int64_t retain = request->retain_height;
    if (retain <= 0)
        return cmt_error_set(err, CMT_OUT_OF_RANGE, "height must be greater than 0");
    if (retain > cmt_block_store_height(store))
        return cmt_error_set(err, CMT_OUT_OF_RANGE,
                             "cannot prune beyond the latest height %" PRId64,
                             cmt_block_store_height(store));
    if (retain < cmt_block_store_base(store))
        return cmt_error_set(err, CMT_OUT_OF_RANGE,
                             "cannot prune to height %" PRId64
                             ", it is lower than base height %" PRId64,
                             retain, cmt_block_store_base(store));
    cmt_block_meta meta;
    cmt_status st = cmt_block_store_load_meta(store, retain, &meta, err);
    if (st == CMT_NOT_FOUND)
        return cmt_error_set(
            err, CMT_CORRUPT,
            "no block meta at retain height %" PRId64 ": base would name a missing block", retain);
    return st;
}

/* ---- what earlier prunes left ------------------------------------------------------------ */

static void leftovers_free(cmt_store__leftovers *left)
{
    cmt_height_set_free(&left->meta);
    cmt_height_set_free(&left->part);
    cmt_height_set_free(&left->commit);
    cmt_height_set_free(&left->seen_commit);
    cmt_height_set_free(&left->ext_commit);
}

static cmt_status search_family(cmt_block_store *store, const cmt_key_family *family,
                                cmt_height_set *found, bool *complete, cmt_error *err)
{
    family = cmt_store__family(store, family);
    cmt_key_bounds bounds;
    cmt_range range = cmt_key_family_range(family, &bounds);
    uint64_t bytes;
    CMT_TRY(cmt_db_approximate_bytes(store->db, range, &bytes, err));
    bool whole;
    if (bytes <= SEARCH_SMALL)
        cmt_db_will_need(store->db, range);
    CMT_TRY(cmt_key_leftovers(store->db, family, cmt_block_store_base(store),
                              bytes <= SEARCH_SMALL ? SEARCH_SMALL : SEARCH_LARGE, found, &whole,
                              err));
    *complete = *complete && whole;
    return CMT_OK;
}

static cmt_status search(cmt_block_store *store, int64_t initial_height, cmt_store__leftovers *left,
                         cmt_error *err)
{
    left->complete = true;
    if (cmt_block_store_base(store) <= initial_height)
        return CMT_OK; /* nothing was ever below, but for C:(initial_height-1), which stays */
    CMT_TRY(search_family(store, &cmt_family_meta, &left->meta, &left->complete, err));
    CMT_TRY(search_family(store, &cmt_family_part, &left->part, &left->complete, err));
    CMT_TRY(search_family(store, &cmt_family_commit, &left->commit, &left->complete, err));
    CMT_TRY(
        search_family(store, &cmt_family_seen_commit, &left->seen_commit, &left->complete, err));
    return search_family(store, &cmt_family_ext_commit, &left->ext_commit, &left->complete, err);
}

/* Where the evidence height is looked for: among the blocks that go and, unless CometBFT's own
 * result is asked for, the headers that earlier prunes kept. */
static cmt_status evidence_height(cmt_block_store *store, const cmt_block_prune_request *request,
                                  const cmt_store__leftovers *left, int64_t *out, cmt_error *err)
{
    CMT_AUTO(cmt_height_set_free) cmt_height_set heights = {NULL, 0, 0};
    cmt_status st =
        cmt_height_set_add(&heights, cmt_block_store_base(store), request->retain_height);
    bool from_lowest = request->sweep || request->unfinished;
    for (size_t i = 0; st == CMT_OK && from_lowest && i < left->meta.count; i++)
        st = cmt_height_set_add(&heights, left->meta.runs[i].lo, left->meta.runs[i].hi);
    if (st != CMT_OK)
        return cmt_error_set(err, st, "no memory for heights");
    return cmt_store__evidence_height(store, request, &heights, out, err);
}

/* ---- what dies --------------------------------------------------------------------------- */

static cmt_status add_runs_below(cmt_height_set *set, const cmt_height_set *runs, int64_t below)
{
    for (size_t i = 0; i < runs->count; i++) {
        int64_t hi = runs->runs[i].hi < below ? runs->runs[i].hi : below;
        CMT_TRY(cmt_height_set_add(set, runs->runs[i].lo, hi));
    }
    return CMT_OK;
}

static cmt_status remove_all(cmt_height_set *set, const cmt_height_set *other)
{
    for (size_t i = 0; i < other->count; i++)
        CMT_TRY(cmt_height_set_remove(set, other->runs[i].lo, other->runs[i].hi));
    return CMT_OK;
}

/* One family: dead are the heights from base to below `end`, and swept ones below that, but for
 * `kept`; live is whatever else may have a key. */
static cmt_status make_family(const cmt_block_store *store, const cmt_block_prune_request *request,
                              const cmt_key_family *family, int64_t end, const cmt_height_set *left,
                              const cmt_height_set *kept, cmt_height_set *dead,
                              cmt_range_list *ranges)
{
    family = cmt_store__family(store, family);
    CMT_TRY(cmt_height_set_add(dead, cmt_block_store_base(store), end));
    if (request->sweep)
        CMT_TRY(add_runs_below(dead, left, end));
    CMT_TRY(remove_all(dead, kept));

    CMT_AUTO(cmt_height_set_free) cmt_height_set live = {NULL, 0, 0};
    CMT_TRY(add_runs_below(&live, left, INT64_MAX));
    CMT_TRY(remove_all(&live, dead));
    CMT_TRY(cmt_height_set_add(&live, end, cmt_store__live_end(store)));
    CMT_TRY(add_runs_below(&live, kept, INT64_MAX));

    CMT_AUTO(cmt_height_set_free) cmt_height_set covered = {NULL, 0, 0};
    CMT_TRY(add_runs_below(&covered, dead, INT64_MAX));
    if (request->reclaim) {
        int64_t below = cmt_block_store_base(store) < end ? cmt_block_store_base(store) : end;
        CMT_TRY(cmt_key_heights_apart(family, below, end, cmt_store__live_end(store), &covered));
        CMT_TRY(remove_all(&covered, &live));
    }
    return cmt_key_ranges(family, &covered, &live, ranges);
}

static cmt_status exists(cmt_block_store *store, const cmt_key_family *family, int64_t height,
                         bool *out, cmt_error *err)
{
    CMT_AUTO(cmt_buf_free) cmt_buf value = CMT_BUF_INIT;
    cmt_status st = cmt_store__get(store, family, height, &value, err);
    *out = st == CMT_OK;
    return st == CMT_NOT_FOUND ? CMT_OK : st;
}

/* A node that was state-synced to S has SC:S and no block S: the first seen commit there is. */
static cmt_status find_state_sync(cmt_block_store *store, const cmt_height_set *seen_commits,
                                  cmt_height_set *kept, cmt_error *err)
{
    for (size_t i = 0; i < seen_commits->count; i++) {
        int64_t height = seen_commits->runs[i].lo;
        bool has_meta;
        bool has_part = false;
        CMT_TRY(exists(store, &cmt_family_meta, height, &has_meta, err));
        if (!has_meta)
            CMT_TRY(exists(store, &cmt_family_part, height, &has_part, err));
        if (!has_meta && !has_part && cmt_height_set_add(kept, height, height + 1) != CMT_OK)
            return cmt_error_set(err, CMT_NO_MEMORY, "no memory for heights");
    }
    return CMT_OK;
}

static cmt_status make_families(const cmt_block_store *store,
                                const cmt_block_prune_request *request,
                                const cmt_store__leftovers *left, const cmt_height_set *state_syncs,
                                cmt_block_prune *out)
{
    cmt_height_set none = {NULL, 0, 0};
    cmt_heights first_run = {request->initial_height - 1, request->initial_height};
    cmt_height_set first = {&first_run, request->initial_height > 0 ? 1 : 0, 1};
    int64_t evidence = out->evidence_height;
    int64_t retain = out->retain_height;
    CMT_TRY(make_family(store, request, &cmt_family_meta, evidence, &left->meta, &none,
                        &out->dead_meta, &out->ranges));
    CMT_TRY(make_family(store, request, &cmt_family_part, retain, &left->part, &none,
                        &out->dead_part, &out->ranges));
    CMT_TRY(make_family(store, request, &cmt_family_commit, evidence, &left->commit, &first,
                        &out->dead_commit, &out->ranges));
    CMT_TRY(make_family(store, request, &cmt_family_seen_commit, retain, &left->seen_commit,
                        state_syncs, &out->dead_seen_commit, &out->ranges));
    if (request->sweep || !store->layout.has_version)
        CMT_TRY(make_family(store, request, &cmt_family_ext_commit, evidence, &left->ext_commit,
                            &none, &out->dead_ext_commit, &out->ranges));
    return cmt_range_list_sort(&out->ranges);
}

static bool any_below_base(const cmt_block_prune *prune)
{
    const cmt_height_set *const sets[] = {&prune->dead_meta, &prune->dead_part, &prune->dead_commit,
                                          &prune->dead_seen_commit, &prune->dead_ext_commit};
    for (size_t i = 0; i < sizeof sets / sizeof sets[0]; i++)
        if (cmt_height_set_overlaps(sets[i], 0, prune->base))
            return true;
    return false;
}

static cmt_status make_new_state(const cmt_block_store *store, cmt_block_prune *out, cmt_error *err)
{
    cmt_block_store_state state = {out->retain_height, cmt_block_store_height(store)};
    if (!out->base_moves && !cmt_store__is_stored_otherwise(store))
        return CMT_OK;
    if (cmt_block_store_state_encode(state, &out->new_state) != CMT_OK)
        return cmt_error_set(err, CMT_NO_MEMORY, "no memory for the block store's state");
    return CMT_OK;
}

static cmt_status make(cmt_block_store *store, const cmt_block_prune_request *request,
                       cmt_store__leftovers *left, cmt_block_prune *out, cmt_error *err)
{
    CMT_TRY(cmt_store__check_prune(store, request, err));
    CMT_TRY(search(store, request->initial_height, left, err));
    out->layout = store->layout.layout;
    out->base = cmt_block_store_base(store);
    out->height = cmt_block_store_height(store);
    out->retain_height = request->retain_height;
    out->base_moves = request->retain_height > cmt_block_store_base(store);
    out->search_complete = left->complete;
    CMT_TRY(evidence_height(store, request, left, &out->evidence_height, err));

    CMT_AUTO(cmt_height_set_free) cmt_height_set state_syncs = {NULL, 0, 0};
    if (request->sweep)
        CMT_TRY(find_state_sync(store, &left->seen_commit, &state_syncs, err));
    /* What the search did not find, and shall stay, must not go with what is reclaimed. */
    cmt_block_prune_request effective = *request;
    effective.reclaim = request->reclaim && (request->sweep || left->complete);
    cmt_status st = make_families(store, &effective, left, &state_syncs, out);
    if (st != CMT_OK)
        return cmt_error_set(err, st, "no memory for dead heights and key ranges");
    out->leftovers = any_below_base(out);
    CMT_TRY(cmt_store__plan_hashes(store, request, left, out, err));
    return make_new_state(store, out, err);
}

cmt_status cmt_block_prune_make(cmt_block_store *store, const cmt_block_prune_request *request,
                                cmt_block_prune *out, cmt_error *err)
{
    *out = (cmt_block_prune){0};
    CMT_AUTO(leftovers_free) cmt_store__leftovers left = {.complete = true};
    cmt_status st = make(store, request, &left, out, err);
    if (st != CMT_OK)
        cmt_block_prune_free(out);
    return st;
}

void cmt_block_prune_free(cmt_block_prune *prune)
{
    if (prune == NULL)
        return;
    cmt_height_set_free(&prune->dead_meta);
    cmt_height_set_free(&prune->dead_part);
    cmt_height_set_free(&prune->dead_commit);
    cmt_height_set_free(&prune->dead_seen_commit);
    cmt_height_set_free(&prune->dead_ext_commit);
    cmt_height_set_free(&prune->dead_hash);
    cmt_range_list_free(&prune->ranges);
    cmt_buf_free(&prune->hashes);
    cmt_buf_free(&prune->new_state);
    *prune = (cmt_block_prune){0};
}
