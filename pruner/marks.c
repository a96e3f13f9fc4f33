/* SPDX-License-Identifier: Apache-2.0
 *
 * What a prune may still delete, and the cookies that say so.
 *
 * A cookie says, for each family, below which height there was no key when everything deleted before had been
 * compacted, and which single records there were all the same.  Keys deleted since then stood at or above it, or were
 * one of these.
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

/* How much may be read to see that keys stand without a gap. */
#define SEARCH_BYTES ((uint64_t)1 << 20)

static cmt_db *db_of(const cmt_prune_stores *stores, size_t mark)
{
    return cmt_pruner__mark_is_of_states(mark) ? stores->states_db : stores->blocks_db;
}

static const cmt_key_family *family_of(const cmt_prune_stores *stores, size_t mark)
{
    return cmt_key_family_in(cmt_pruner__marked[mark],
                             cmt_pruner__mark_is_of_states(mark)
                                 ? cmt_state_store_layout(stores->states)
                                 : cmt_block_store_layout(stores->blocks));
}

/* The lowest height in [lo,base) that has a key; base: none has. */
static cmt_status find_lowest(const cmt_prune_stores *stores, size_t mark, int64_t lo, int64_t base,
                              int64_t *out, cmt_error *err)
{
    *out = base;
    if (lo >= base)
        return CMT_OK;
    cmt_status st =
        cmt_key_first_in(db_of(stores, mark), family_of(stores, mark), lo, base, out, err);
    if (st == CMT_NOT_FOUND)
        *out = base;
    return st == CMT_NOT_FOUND ? CMT_OK : st;
}

/* Where the keys right below base begin that have no gap. */
static cmt_status find_run(const cmt_prune_stores *stores, size_t mark, int64_t base, int64_t *out,
                           cmt_error *err)
{
    return cmt_key_run_below(db_of(stores, mark), family_of(stores, mark), base, SEARCH_BYTES, out,
                             err);
}

/* Few records below the run are what records of the run point at; many are leftovers. */
static cmt_status find_kept(const cmt_prune_stores *stores, size_t mark, int64_t base,
                            int64_t *lowest, int64_t *kept, size_t room, cmt_error *err)
{
    int64_t run;
    int64_t at = *lowest;
    size_t count = 0;
    CMT_TRY(find_run(stores, mark, base, &run, err));
    for (; at < run && count < room; count++) {
        kept[count] = at;
        CMT_TRY(find_lowest(stores, mark, at + 1, base, &at, err));
    }
    if (at >= run)
        *lowest = at;
    else
        memset(kept, 0, room * sizeof *kept);
    return CMT_OK;
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

static cmt_status find_seen_commit(const cmt_prune_stores *stores, int64_t base, int64_t *lowest,
                                   cmt_error *err)
{
    bool stays = false;
    if (*lowest < base)
        CMT_TRY(is_state_sync(stores, *lowest, &stays, err));
    return stays ? find_lowest(stores, CMT_MARK_SEEN_COMMIT, *lowest + 1, base, lowest, err)
                 : CMT_OK;
}

static cmt_status find_gap(const cmt_prune_stores *stores, size_t mark, cmt_prune_marks *marks,
                           cmt_error *err)
{
    int64_t run = marks->base;
    if (marks->lowest[mark] < marks->base)
        CMT_TRY(find_run(stores, mark, marks->base, &run, err));
    marks->has_gap[mark] = marks->lowest[mark] < run;
    return CMT_OK;
}

cmt_status cmt_prune_marks_find(const cmt_prune_stores *stores, int64_t initial_height,
                                cmt_prune_marks *out, cmt_error *err)
{
    cmt_prune_marks marks = {.base = cmt_block_store_base(stores->blocks)};
    int64_t lo = initial_height > 0 ? initial_height : 1;
    for (size_t i = 0; i < CMT_PRUNE_MARKS; i++)
        CMT_TRY(find_lowest(stores, i, lo, marks.base, &marks.lowest[i], err));
    CMT_TRY(find_seen_commit(stores, marks.base, &marks.lowest[CMT_MARK_SEEN_COMMIT], err));
    CMT_TRY(find_kept(stores, CMT_MARK_VALIDATORS, marks.base, &marks.lowest[CMT_MARK_VALIDATORS],
                      marks.kept_validators, CMT_PRUNE_KEPT_VALIDATORS, err));
    CMT_TRY(find_kept(stores, CMT_MARK_PARAMS, marks.base, &marks.lowest[CMT_MARK_PARAMS],
                      marks.kept_params, CMT_PRUNE_KEPT_PARAMS, err));
    for (size_t i = 0; i < CMT_PRUNE_MARKS; i++)
        CMT_TRY(find_gap(stores, i, &marks, err));
    *out = marks;
    return CMT_OK;
}

/* ---- after a prune --------------------------------------------------------------------------- */

/* All keys of the family from the old base to below `end` are gone, with a sweep those that stood below base without a gap,
 * and all others there if the sweep found them all. */
static void raise(cmt_prune_marks *marks, cmt_prune_mark mark, int64_t end, bool sweep,
                  bool complete)
{
    int64_t *lowest = &marks->lowest[mark];
    const bool all_gone = *lowest >= marks->base || (sweep && (complete || !marks->has_gap[mark]));
    if (*lowest < end && all_gone)
        *lowest = end;
    marks->has_gap[mark] = !all_gone;
}

/* The heights below `end`; false: more than there is room for. */
static bool take_kept(const cmt_height_set *set, int64_t end, int64_t *kept, size_t room)
{
    size_t count = 0;
    memset(kept, 0, room * sizeof *kept);
    for (size_t i = 0; i < set->count; i++)
        for (int64_t h = set->runs[i].lo; h < set->runs[i].hi && h < end; h++) {
            if (count == room)
                return false;
            kept[count++] = h;
        }
    return true;
}

/* Records: what a sweep leaves of them is known.  Without one there may also be what a prune that was stopped kept. */
static void raise_records(cmt_prune_marks *marks, cmt_prune_mark mark, int64_t end,
                          const cmt_height_set *set, int64_t *kept, size_t room)
{
    int64_t *lowest = &marks->lowest[mark];
    if (take_kept(set, end, kept, room)) {
        *lowest = *lowest < end ? end : *lowest;
    } else {
        memset(kept, 0, room * sizeof *kept);
        *lowest = set->runs[0].lo;
    }
}

void cmt_prune_marks_advance(cmt_prune_marks *marks, const cmt_stores_prune_request *request,
                             const cmt_stores_prune_result *result)
{
    const cmt_block_prune_result *blocks = &result->blocks;
    const cmt_state_prune_result *states = &result->states;
    const int64_t retain = blocks->base;
    const int64_t evidence = blocks->evidence_height < retain ? blocks->evidence_height : retain;
    const bool sweep = request->sweep;
    const bool complete = blocks->search_complete;
    raise(marks, CMT_MARK_META, evidence, sweep, complete);
    raise(marks, CMT_MARK_PART, retain, sweep, complete);
    raise(marks, CMT_MARK_COMMIT, evidence, sweep, complete);
    raise(marks, CMT_MARK_SEEN_COMMIT, retain, sweep, complete);
    if (sweep) /* CometBFT >= 1.0 keeps them otherwise */
        raise(marks, CMT_MARK_EXT_COMMIT, blocks->ext_commits, sweep, complete);
    raise(marks, CMT_MARK_RESULTS, retain, sweep, states->search_complete);
    if (sweep && states->records_complete) {
        raise_records(marks, CMT_MARK_VALIDATORS, evidence, &states->kept_validators,
                      marks->kept_validators, CMT_PRUNE_KEPT_VALIDATORS);
        raise_records(marks, CMT_MARK_PARAMS, retain, &states->kept_params, marks->kept_params,
                      CMT_PRUNE_KEPT_PARAMS);
    }
    marks->base = retain;
}

/* ---- cookies --------------------------------------------------------------------------------- */

#define VERSION 2
#define KEPT (CMT_PRUNE_KEPT_VALIDATORS + CMT_PRUNE_KEPT_PARAMS)
/* base, marks, single records */
#define OF_BLOCKS (1 + CMT_MARK_VALIDATORS)
#define OF_STATES (1 + CMT_PRUNE_MARKS - CMT_MARK_VALIDATORS + KEPT)

_Static_assert(1 + 8 * OF_BLOCKS <= CMT_PRUNE_COOKIE && 1 + 8 * OF_STATES <= CMT_PRUNE_COOKIE,
               "cookies fit");

static void add_number(cmt_prune_cookie *cookie, int64_t number)
{
    cmt_store64(cookie->bytes + cookie->size, (uint64_t)number);
    cookie->size += 8;
}

static void begin_cookie(const cmt_prune_marks *marks, size_t from, size_t to,
                         cmt_prune_cookie *out)
{
    *out = (cmt_prune_cookie){.bytes = {VERSION}, .size = 1};
    add_number(out, marks->base);
    for (size_t i = from; i < to; i++)
        add_number(out, marks->lowest[i]);
}

void cmt_prune_cookies(const cmt_prune_marks *marks, cmt_prune_cookie *blockstore,
                       cmt_prune_cookie *state)
{
    begin_cookie(marks, 0, CMT_MARK_VALIDATORS, blockstore);
    begin_cookie(marks, CMT_MARK_VALIDATORS, CMT_PRUNE_MARKS, state);
    for (size_t i = 0; i < CMT_PRUNE_KEPT_VALIDATORS; i++)
        add_number(state, marks->kept_validators[i]);
    for (size_t i = 0; i < CMT_PRUNE_KEPT_PARAMS; i++)
        add_number(state, marks->kept_params[i]);
}

/* A height in [0,base]. */
static bool take_height(cmt_slice *cookie, int64_t base, int64_t *out)
{
    *out = (int64_t)cmt_load64(cookie->data);
    *cookie = (cmt_slice){cookie->data + 8, cookie->size - 8};
    return 0 <= *out && *out <= base;
}

bool cmt_pruner__read_cookie(cmt_slice cookie, bool of_states, cmt_prune_marks *out)
{
    const size_t numbers = of_states ? OF_STATES : OF_BLOCKS;
    const size_t from = of_states ? CMT_MARK_VALIDATORS : 0;
    const size_t to = of_states ? CMT_PRUNE_MARKS : CMT_MARK_VALIDATORS;
    if (cookie.size != 1 + 8 * numbers || cookie.data[0] != VERSION)
        return false;
    cookie = (cmt_slice){cookie.data + 1, cookie.size - 1};
    bool good = take_height(&cookie, INT64_MAX, &out->base);
    for (size_t i = from; i < to && good; i++)
        good = take_height(&cookie, out->base, &out->lowest[i]);
    for (size_t i = 0; i < CMT_PRUNE_KEPT_VALIDATORS && of_states && good; i++)
        good = take_height(&cookie, out->base, &out->kept_validators[i]);
    for (size_t i = 0; i < CMT_PRUNE_KEPT_PARAMS && of_states && good; i++)
        good = take_height(&cookie, out->base, &out->kept_params[i]);
    return good;
}
