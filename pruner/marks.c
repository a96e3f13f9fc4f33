/* SPDX-License-Identifier: Apache-2.0
 *
 * What a prune may still delete, and the cookies that say so.
 *
 * A cookie says, for each family, below which height there was no key when everything deleted before had been
 * compacted.  Keys deleted since then stood at or above it.
 */
#include "pruner_internal.h"

#include <string.h>

#include "cleanup.h"
#include "coding.h"

const cmt_key_family *const cmt_pruner__marked[CMT_PRUNE_MARKS] = {
    [CMT_MARK_META] = &cmt_family_meta,
    [CMT_MARK_PART] = &cmt_family_part,
    [CMT_MARK_COMMIT] = &cmt_family_commit,
    [CMT_MARK_SEEN_COMMIT] = &cmt_family_seen_commit,
    [CMT_MARK_EXT_COMMIT] = &cmt_family_ext_commit,
    [CMT_MARK_VALIDATORS] = &cmt_family_validators,
    [CMT_MARK_PARAMS] = &cmt_family_params,
    [CMT_MARK_RESULTS] = &cmt_family_results,
};

bool cmt_pruner__mark_is_of_states(size_t mark)
{
    return mark >= CMT_MARK_VALIDATORS;
}

/* ---- looking --------------------------------------------------------------------------------- */

/* The lowest height in [lo,base) that has a key; base: none has. */
static cmt_status find_lowest(const cmt_prune_stores *stores, size_t mark, int64_t lo, int64_t base,
                              int64_t *out, cmt_error *err)
{
    bool of_states = cmt_pruner__mark_is_of_states(mark);
    cmt_key_layout layout =
        of_states ? cmt_state_store_layout(stores->states) : cmt_block_store_layout(stores->blocks);
    *out = base;
    if (lo >= base)
        return CMT_OK;
    cmt_status st =
        cmt_key_first_in(of_states ? stores->states_db : stores->blocks_db,
                         cmt_key_family_in(cmt_pruner__marked[mark], layout), lo, base, out, err);
    if (st == CMT_NOT_FOUND)
        *out = base;
    return st == CMT_NOT_FOUND ? CMT_OK : st;
}

static cmt_status has_block_key(const cmt_prune_stores *stores, size_t mark, int64_t height,
                                bool *out, cmt_error *err)
{
    cmt_key_layout layout = cmt_block_store_layout(stores->blocks);
    cmt_key key = cmt_key_make(cmt_key_family_in(cmt_pruner__marked[mark], layout), height, 0);
    CMT_AUTO(cmt_buf_free) cmt_buf value = CMT_BUF_INIT;
    cmt_status st = cmt_db_get(stores->blocks_db, cmt_key_slice(&key), &value, err);
    *out = st == CMT_OK;
    return st == CMT_NOT_FOUND ? CMT_OK : st;
}

/* A node that was state-synced to S keeps SC:S for ever, and has no block S. */
static cmt_status is_state_sync(const cmt_prune_stores *stores, int64_t height, bool *out,
                                cmt_error *err)
{
    bool has_meta;
    bool has_part;
    CMT_TRY(has_block_key(stores, CMT_MARK_META, height, &has_meta, err));
    CMT_TRY(has_block_key(stores, CMT_MARK_PART, height, &has_part, err));
    *out = !has_meta && !has_part;
    return CMT_OK;
}

cmt_status cmt_prune_marks_find(const cmt_prune_stores *stores, int64_t initial_height,
                                cmt_prune_marks *out, cmt_error *err)
{
    cmt_prune_marks marks = {.base = cmt_block_store_base(stores->blocks)};
    int64_t lo = initial_height > 0 ? initial_height : 1;
    for (size_t i = 0; i < CMT_PRUNE_MARKS; i++)
        CMT_TRY(find_lowest(stores, i, lo, marks.base, &marks.lowest[i], err));
    int64_t *seen = &marks.lowest[CMT_MARK_SEEN_COMMIT];
    bool stays = false;
    if (*seen < marks.base)
        CMT_TRY(is_state_sync(stores, *seen, &stays, err));
    if (stays)
        CMT_TRY(find_lowest(stores, CMT_MARK_SEEN_COMMIT, *seen + 1, marks.base, seen, err));
    *out = marks;
    return CMT_OK;
}

/* ---- after a prune --------------------------------------------------------------------------- */

/* All keys of the family from the old base to below `end` are gone, and those below the old base if the sweep
 * found them all. */
static void raise(cmt_prune_marks *marks, cmt_prune_mark mark, int64_t end, bool swept)
{
    int64_t *lowest = &marks->lowest[mark];
    if (*lowest < end && (swept || *lowest >= marks->base))
        *lowest = end;
}

/* Records of validators and parameters that kept ones point to stay at heights that only the store knows. */
void cmt_prune_marks_advance(cmt_prune_marks *marks, const cmt_stores_prune_request *request,
                             const cmt_stores_prune_result *result)
{
    const cmt_block_prune_result *blocks = &result->blocks;
    int64_t retain = blocks->base;
    int64_t evidence = blocks->evidence_height < retain ? blocks->evidence_height : retain;
    bool swept = request->sweep && blocks->search_complete;
    raise(marks, CMT_MARK_META, evidence, swept);
    raise(marks, CMT_MARK_PART, retain, swept);
    raise(marks, CMT_MARK_COMMIT, evidence, swept);
    raise(marks, CMT_MARK_SEEN_COMMIT, retain, swept);
    if (request->sweep) /* CometBFT >= 1.0 keeps them otherwise */
        raise(marks, CMT_MARK_EXT_COMMIT, evidence, swept);
    raise(marks, CMT_MARK_RESULTS, retain, request->sweep && result->states.search_complete);
    marks->base = retain;
}

/* ---- cookies --------------------------------------------------------------------------------- */

#define VERSION 1

static void make_cookie(const cmt_prune_marks *marks, size_t from, size_t to, cmt_prune_cookie *out)
{
    *out = (cmt_prune_cookie){.size = 1 + 8 * (1 + to - from)};
    out->bytes[0] = VERSION;
    cmt_store64(out->bytes + 1, (uint64_t)marks->base);
    for (size_t i = from; i < to; i++)
        cmt_store64(out->bytes + 9 + 8 * (i - from), (uint64_t)marks->lowest[i]);
}

void cmt_prune_cookies(const cmt_prune_marks *marks, cmt_prune_cookie *blockstore,
                       cmt_prune_cookie *state)
{
    make_cookie(marks, 0, CMT_MARK_VALIDATORS, blockstore);
    make_cookie(marks, CMT_MARK_VALIDATORS, CMT_PRUNE_MARKS, state);
}

bool cmt_pruner__read_cookie(cmt_slice cookie, bool of_states, cmt_prune_marks *out)
{
    size_t from = of_states ? CMT_MARK_VALIDATORS : 0;
    size_t to = of_states ? CMT_PRUNE_MARKS : CMT_MARK_VALIDATORS;
    if (cookie.size != 1 + 8 * (1 + to - from) || cookie.data[0] != VERSION)
        return false;
    out->base = (int64_t)cmt_load64(cookie.data + 1);
    for (size_t i = from; i < to; i++) {
        out->lowest[i] = (int64_t)cmt_load64(cookie.data + 9 + 8 * (i - from));
        if (out->lowest[i] < 0 || out->lowest[i] > out->base)
            return false;
    }
    return out->base >= 0;
}
