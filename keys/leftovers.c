/* SPDX-License-Identifier: Apache-2.0
 *
 * What earlier prunes left below a height.
 *
 *  1. Leftovers mostly lie just below: a doubling walk down from there finds the whole run.
 *  2. Everything else is enumerated class by class (numbers of as many digits; in layout v2 all
 *     are one class): first the class of
 *     `below`, where one seek answers when there is nothing, then from the shortest class up, since
 *     a search there costs about a tenth of the next.  A long run met there is walked over in
 *     doubling steps too.
 *  3. When the budget ends that, a few probes per class that was not finished.
 *  4. With budget left, runs from doubling walks are read key by key and holes taken out.
 */
#include "search.h"

#define CLASS_COUNT 19 /* digits of INT64_MAX */
#define PROBES_PER_CLASS 4
#define STEPS_BEFORE_DOUBLING 64

typedef struct leftover_search {
    key_search keys;
    cmt_height_set exact;           /* each of these heights was met */
    cmt_height_set assumed;         /* runs from doubling walks */
    bool finished[CLASS_COUNT + 1]; /* classes in which nothing is missing */
} leftover_search;

static void leftover_search_free(leftover_search *search)
{
    cmt_keys__search_close(&search->keys);
    cmt_height_set_free(&search->exact);
    cmt_height_set_free(&search->assumed);
}

/* Where the run of `set` that holds `height` ends; `height` if none does. */
static int64_t run_end(const cmt_height_set *set, int64_t height)
{
    size_t lo = 0;
    size_t hi = set->count;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (set->runs[mid].hi <= height)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < set->count && set->runs[lo].lo <= height ? set->runs[lo].hi : height;
}

static cmt_status find_run_below(leftover_search *search, int64_t below, cmt_error *err)
{
    bool exists;
    CMT_TRY(cmt_keys__search_exists(&search->keys, below - 1, &exists, err));
    if (!exists)
        return CMT_OK;
    int64_t edge;
    CMT_TRY(cmt_keys__search_edge(&search->keys, below - 1, 0, &edge, err));
    return cmt_height_set_add(&search->assumed, edge, below);
}

/* Meet each height of [lo,hi), which are of one class, outside the assumed runs. */
static cmt_status enumerate(leftover_search *search, int64_t lo, int64_t hi, cmt_error *err)
{
    unsigned streak = 0;
    int64_t height = -1;
    while (lo < hi) {
        int64_t end = run_end(&search->assumed, lo);
        if (end > lo) {
            lo = end;
            continue;
        }
        int64_t before = height;
        cmt_status st = cmt_keys__search_first(&search->keys, lo, hi, &height, err);
        if (st == CMT_NOT_FOUND)
            return CMT_OK;
        CMT_TRY(st);
        lo = height + 1;
        if (run_end(&search->assumed, height) > height)
            continue;
        CMT_TRY(cmt_height_set_add(&search->exact, height, height + 1));
        streak = height == before + 1 ? streak + 1 : 1;
        if (streak == STEPS_BEFORE_DOUBLING) {
            int64_t edge;
            CMT_TRY(cmt_keys__search_edge(&search->keys, height, hi - 1, &edge, err));
            CMT_TRY(cmt_height_set_add(&search->assumed, height, edge + 1));
            streak = 0;
        }
    }
    return CMT_OK;
}

/* The heights of a class that are below `below`; false when there are none. */
static bool class_heights(const leftover_search *search, unsigned class, int64_t below,
                          cmt_heights *out)
{
    *out = cmt_keys__class_heights(search->keys.family, class);
    if (out->hi > below)
        out->hi = below;
    return out->lo < out->hi;
}

static cmt_status enumerate_class(leftover_search *search, unsigned class, int64_t below,
                                  cmt_error *err)
{
    cmt_heights heights;
    if (class_heights(search, class, below, &heights))
        CMT_TRY(enumerate(search, heights.lo, heights.hi, err));
    search->finished[class] = true;
    return CMT_OK;
}

/* CMT_CANCELLED when the budget ended it. */
static cmt_status enumerate_classes(leftover_search *search, int64_t below, cmt_error *err)
{
    unsigned top = cmt_keys__class(search->keys.family, below);
    CMT_TRY(enumerate_class(search, top, below, err));
    for (unsigned class = 1; class < top; class ++)
        CMT_TRY(enumerate_class(search, class, below, err));
    return CMT_OK;
}

/* The run around a height that was met by a probe. */
static cmt_status add_run_around(leftover_search *search, int64_t height, cmt_heights within,
                                 cmt_error *err)
{
    int64_t low;
    int64_t high;
    CMT_TRY(cmt_keys__search_edge(&search->keys, height, within.lo, &low, err));
    CMT_TRY(cmt_keys__search_edge(&search->keys, height, within.hi - 1, &high, err));
    return cmt_height_set_add(&search->assumed, low, high + 1);
}

/* CMT_CANCELLED when the budget ended it. */
static cmt_status probe_class(leftover_search *search, unsigned class, int64_t below,
                              cmt_error *err)
{
    cmt_heights heights;
    if (!class_heights(search, class, below, &heights))
        return CMT_OK;
    int64_t distance = (heights.hi - heights.lo) / PROBES_PER_CLASS;
    for (int64_t i = 0; i < PROBES_PER_CLASS; i++) {
        int64_t height;
        cmt_status st =
            cmt_keys__search_step(&search->keys, heights.lo + i * distance, &height, err);
        if (st == CMT_NOT_FOUND)
            return CMT_OK; /* nor is there anything behind the probes that follow */
        CMT_TRY(st);
        if (cmt_keys__class(search->keys.family, height) != class || height >= heights.hi)
            continue;
        if (run_end(&search->assumed, height) == height &&
            run_end(&search->exact, height) == height)
            CMT_TRY(add_run_around(search, height, heights, err));
    }
    return CMT_OK;
}

static cmt_status probe_unfinished(leftover_search *search, int64_t below, cmt_error *err)
{
    for (unsigned class = cmt_keys__class(search->keys.family, below); class > 0; class --)
        if (!search->finished[class])
            CMT_TRY(probe_class(search, class, below, err));
    return CMT_OK;
}

/* Read the assumed runs key by key into the exact set.  CMT_CANCELLED when the budget ended it. */
static cmt_status verify_runs(leftover_search *search, cmt_height_set *met, cmt_error *err)
{
    for (size_t i = 0; i < search->assumed.count; i++) {
        cmt_heights run = search->assumed.runs[i];
        while (run.lo < run.hi) {
            int64_t height;
            cmt_status st = cmt_keys__search_first(&search->keys, run.lo, run.hi, &height, err);
            if (st == CMT_NOT_FOUND)
                break;
            CMT_TRY(st);
            CMT_TRY(cmt_height_set_add(met, height, height + 1));
            run.lo = height + 1;
        }
    }
    return CMT_OK;
}

static cmt_status add_all(cmt_height_set *set, const cmt_height_set *other)
{
    for (size_t i = 0; i < other->count; i++)
        CMT_TRY(cmt_height_set_add(set, other->runs[i].lo, other->runs[i].hi));
    return CMT_OK;
}

static uint64_t add_bytes(uint64_t a, uint64_t b)
{
    return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

static cmt_status find_leftovers(leftover_search *search, int64_t below, uint64_t budget_bytes,
                                 bool *complete, cmt_error *err)
{
    uint64_t start = cmt_keys__search_cost(&search->keys);
    CMT_TRY(find_run_below(search, below, err));
    search->keys.stop_at = add_bytes(start, budget_bytes);
    cmt_status st = enumerate_classes(search, below, err);
    *complete = st == CMT_OK;
    if (st == CMT_CANCELLED) {
        search->keys.stop_at = add_bytes(search->keys.stop_at, budget_bytes / 4);
        st = probe_unfinished(search, below, err);
        return st == CMT_CANCELLED ? CMT_OK : st;
    }
    CMT_TRY(st);

    cmt_height_set met = {NULL, 0, 0};
    st = verify_runs(search, &met, err);
    if (st == CMT_OK) {
        cmt_height_set_free(&search->assumed);
        search->assumed = met;
        return CMT_OK;
    }
    cmt_height_set_free(&met);
    return st == CMT_CANCELLED ? CMT_OK : st;
}

cmt_status cmt_key_leftovers(cmt_db *db, const cmt_key_family *family, int64_t below,
                             uint64_t budget_bytes, cmt_height_set *found, bool *complete,
                             cmt_error *err)
{
    *found = (cmt_height_set){NULL, 0, 0};
    *complete = true;
    if (below <= 0)
        return CMT_OK;
    leftover_search search = {0};
    cmt_status st = cmt_keys__search_open(&search.keys, db, family, err);
    if (st == CMT_OK)
        st = find_leftovers(&search, below, budget_bytes, complete, err);
    if (st == CMT_OK)
        st = add_all(&search.exact, &search.assumed);
    if (st == CMT_OK) {
        *found = search.exact;
        search.exact = (cmt_height_set){NULL, 0, 0};
    }
    leftover_search_free(&search);
    return st;
}
