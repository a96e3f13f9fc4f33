/* SPDX-License-Identifier: Apache-2.0
 *
 * Sets of heights as sorted runs.
 */
#include "cmtstore/keys.h"

#include <stdlib.h>
#include <string.h>

void cmt_height_set_free(cmt_height_set *set)
{
    if (set == NULL)
        return;
    free(set->runs);
    *set = (cmt_height_set){NULL, 0, 0};
}

/* The first run that ends behind `height`, or at it when touching counts. */
static size_t first_ending_behind(const cmt_height_set *set, int64_t height, bool touching)
{
    size_t lo = 0;
    size_t hi = set->count;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        int64_t end = set->runs[mid].hi;
        if (end < height || (end == height && !touching))
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

/* Put `count` runs in place of the runs [from,to). */
static cmt_status replace(cmt_height_set *set, size_t from, size_t to, const cmt_heights *runs,
                          size_t count)
{
    size_t size = set->count - (to - from) + count;
    if (size > set->capacity) {
        size_t capacity = set->capacity > 0 ? 2 * set->capacity : 8;
        if (capacity > SIZE_MAX / sizeof *set->runs)
            return CMT_NO_MEMORY;
        cmt_heights *grown = realloc(set->runs, capacity * sizeof *grown);
        if (grown == NULL)
            return CMT_NO_MEMORY;
        set->runs = grown;
        set->capacity = capacity;
    }
    if (to < set->count)
        memmove(&set->runs[from + count], &set->runs[to], (set->count - to) * sizeof *set->runs);
    for (size_t i = 0; i < count; i++)
        set->runs[from + i] = runs[i];
    set->count = size;
    return CMT_OK;
}

cmt_status cmt_height_set_add(cmt_height_set *set, int64_t lo, int64_t hi)
{
    if (lo >= hi)
        return CMT_OK;
    size_t from = first_ending_behind(set, lo, true);
    size_t to = from;
    cmt_heights merged = {lo, hi};
    while (to < set->count && set->runs[to].lo <= hi) {
        if (set->runs[to].lo < merged.lo)
            merged.lo = set->runs[to].lo;
        if (set->runs[to].hi > merged.hi)
            merged.hi = set->runs[to].hi;
        to++;
    }
    return replace(set, from, to, &merged, 1);
}

cmt_status cmt_height_set_remove(cmt_height_set *set, int64_t lo, int64_t hi)
{
    if (lo >= hi)
        return CMT_OK;
    size_t from = first_ending_behind(set, lo, false);
    size_t to = from;
    cmt_heights rest[2];
    size_t count = 0;
    while (to < set->count && set->runs[to].lo < hi) {
        if (set->runs[to].lo < lo)
            rest[count++] = (cmt_heights){set->runs[to].lo, lo};
        if (set->runs[to].hi > hi)
            rest[count++] = (cmt_heights){hi, set->runs[to].hi};
        to++;
    }
    return from < to ? replace(set, from, to, rest, count) : CMT_OK;
}

bool cmt_height_set_contains(const cmt_height_set *set, int64_t height)
{
    size_t at = first_ending_behind(set, height, false);
    return at < set->count && set->runs[at].lo <= height;
}

bool cmt_height_set_overlaps(const cmt_height_set *set, int64_t lo, int64_t hi)
{
    if (lo >= hi)
        return false;
    size_t at = first_ending_behind(set, lo, false);
    return at < set->count && set->runs[at].lo < hi;
}
