/* SPDX-License-Identifier: Apache-2.0
 *
 * From cookies to the key ranges that are still to be compacted.
 */
#include "cleanup.h"
#include "pruner_internal.h"

/* Heights above the tip that are taken to be in use; see the block store's rule. */
#define LIVE_MARGIN 1000
/* How much may be read to see that the kept headers below base have no gap. */
#define SEARCH_BYTES ((uint64_t)4 << 20)

/* One of the two databases. */
typedef struct side {
    cmt_db *db;
    cmt_key_layout layout;
    cmt_prune_marks marks; /* of the cookie */
    int64_t base;
    int64_t top; /* no key is at or above it */
    cmt_range_list out;
} side;

static cmt_status no_memory(cmt_error *err)
{
    return cmt_error_set(err, CMT_NO_MEMORY, "no memory for key ranges");
}

static const cmt_key_family *family_of(const side *s, size_t mark)
{
    return cmt_key_family_in(cmt_pruner__marked[mark], s->layout);
}

/* Single records that were kept, and are gone. */
static cmt_status add_kept(const side *s, size_t mark, cmt_height_set *gone, cmt_error *err)
{
    const bool params = mark == CMT_MARK_PARAMS;
    const int64_t *kept = params ? s->marks.kept_params : s->marks.kept_validators;
    const size_t count = params ? CMT_PRUNE_KEPT_PARAMS : CMT_PRUNE_KEPT_VALIDATORS;
    for (size_t i = 0; i < count; i++) {
        int64_t found;
        if (kept[i] == 0 || kept[i] >= s->marks.lowest[mark])
            continue;
        cmt_status st =
            cmt_key_first_in(s->db, family_of(s, mark), kept[i], kept[i] + 1, &found, err);
        if (st != CMT_OK && st != CMT_NOT_FOUND)
            return st;
        if (st == CMT_NOT_FOUND && cmt_height_set_add(gone, kept[i], kept[i] + 1) != CMT_OK)
            return no_memory(err);
    }
    return CMT_OK;
}

/* Ranges over what is gone of a family, around what is in use.  What stands right below base without a gap is kept for
 * evidence, or waits for an interrupted prune. */
static cmt_status add_family(side *s, size_t mark, cmt_error *err)
{
    CMT_AUTO(cmt_height_set_free) cmt_height_set gone = {NULL, 0, 0};
    const int64_t lo = s->marks.lowest[mark];
    int64_t hi = s->base;
    if (mark == CMT_MARK_VALIDATORS || mark == CMT_MARK_PARAMS)
        CMT_TRY(add_kept(s, mark, &gone, err));
    if (lo >= s->base && gone.count == 0)
        return CMT_OK;
    CMT_TRY(cmt_key_run_below(s->db, family_of(s, mark), s->base, SEARCH_BYTES, &hi, err));
    if (lo < hi && cmt_height_set_add(&gone, lo, hi) != CMT_OK)
        return no_memory(err);
    cmt_heights there = {hi, s->top};
    const cmt_height_set live = {&there, hi < s->top, 1};
    return cmt_key_ranges(family_of(s, mark), &gone, &live, &s->out) == CMT_OK ? CMT_OK
                                                                               : no_memory(err);
}

/* ---- the two databases ----------------------------------------------------------------------- */

/* A cookie whose base lies above the store's is of other databases: older ones were restored. */
static void read_cookie(side *s, cmt_slice cookie, bool of_states)
{
    if (cmt_pruner__read_cookie(cookie, of_states, &s->marks) && s->marks.base <= s->base)
        return;
    s->marks = (cmt_prune_marks){0};
    for (size_t i = 0; i < CMT_PRUNE_MARKS; i++)
        s->marks.lowest[i] = 1;
}

/* Of blocks that earlier prunes left below base a sweep deletes the hashes first: where it was stopped only they are gone. */
static cmt_status add_hashes(side *s, cmt_error *err)
{
    const cmt_range hashes = cmt_block_hash_range(s->layout);
    if (s->out.count == 0 && s->marks.lowest[CMT_MARK_PART] >= s->marks.base)
        return CMT_OK;
    return cmt_range_list_add(&s->out, hashes.lo, hashes.hi) == CMT_OK ? CMT_OK : no_memory(err);
}

/* Found in a list of its own, so that on failure the caller's is left alone. */
static cmt_status find_dirty(side *s, bool of_states, cmt_error *err)
{
    for (size_t i = 0; i < CMT_PRUNE_MARKS; i++)
        if (cmt_pruner__mark_is_of_states(i) == of_states)
            CMT_TRY(add_family(s, i, err));
    if (!of_states)
        CMT_TRY(add_hashes(s, err));
    if (cmt_range_list_sort(&s->out) != CMT_OK)
        return cmt_error_set(err, CMT_INVALID, "dirty key ranges overlap");
    return cmt_pruner__join_down_to(s->db, &s->out, CMT_PRUNE_DIRTY_MAX, err);
}

static void side_free(side *s)
{
    cmt_range_list_free(&s->out);
}

cmt_status cmt_prune_dirty(const cmt_prune_stores *stores, cmt_slice blockstore_cookie,
                           cmt_slice state_cookie, cmt_range_list *blockstore,
                           cmt_range_list *state, cmt_error *err)
{
    int64_t base = cmt_block_store_base(stores->blocks);
    int64_t height = cmt_block_store_height(stores->blocks);
    int64_t top = height < INT64_MAX - LIVE_MARGIN ? height + LIVE_MARGIN : INT64_MAX;
    CMT_AUTO(side_free)
    side blocks = {.db = stores->blocks_db,
                   .layout = cmt_block_store_layout(stores->blocks),
                   .base = base,
                   .top = top};
    CMT_AUTO(side_free)
    side states = {.db = stores->states_db,
                   .layout = cmt_state_store_layout(stores->states),
                   .base = base,
                   .top = top};
    read_cookie(&blocks, blockstore_cookie, false);
    read_cookie(&states, state_cookie, true);
    if (blockstore != NULL)
        CMT_TRY(find_dirty(&blocks, false, err));
    if (state != NULL)
        CMT_TRY(find_dirty(&states, true, err));
    if ((blockstore != NULL && cmt_range_list_add_all(blockstore, &blocks.out) != CMT_OK) ||
        (state != NULL && cmt_range_list_add_all(state, &states.out) != CMT_OK))
        return no_memory(err);
    return CMT_OK;
}
