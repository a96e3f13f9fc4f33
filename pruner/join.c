/* SPDX-License-Identifier: Apache-2.0
 *
 * Fewer key ranges: joined by how many bytes lie between them.
 */
#include <stdlib.h>

#include "cleanup.h"
#include "pruner_internal.h"

/* Ranges with no more than this between them are compacted as one: a call costs several waits for the disk, and
 * heights of few digits make hundreds of ranges. */
#define NEAR_BYTES ((uint64_t)2 << 20)

static cmt_status no_memory(cmt_error *err)
{
    return cmt_error_set(err, CMT_NO_MEMORY, "no memory for key ranges");
}

/* ---- what is near ---------------------------------------------------------------------------- */

static int by_start(const void *left, const void *right)
{
    return cmt_slice_compare(((const cmt_range *)left)->lo, ((const cmt_range *)right)->lo);
}

/* An empty end is the end of all keys. */
static bool ends_before(const cmt_range *range, cmt_slice key)
{
    return range->hi.size > 0 && cmt_slice_compare(range->hi, key) < 0;
}

/* @p ranges are sorted. */
static cmt_status join_sorted(cmt_db *db, const cmt_range_list *ranges, cmt_range_list *out,
                              cmt_error *err)
{
    cmt_range last = ranges->ranges[0];
    for (size_t i = 1; i < ranges->count; i++) {
        const cmt_range *next = &ranges->ranges[i];
        uint64_t between = 0;
        if (ends_before(&last, next->lo))
            CMT_TRY(cmt_db_approximate_bytes(db, (cmt_range){last.hi, next->lo}, &between, err));
        if (between > NEAR_BYTES) {
            if (cmt_range_list_add(out, last.lo, last.hi) != CMT_OK)
                return no_memory(err);
            last = *next;
        } else if (last.hi.size > 0 && (next->hi.size == 0 || ends_before(&last, next->hi))) {
            last.hi = next->hi;
        }
    }
    return cmt_range_list_add(out, last.lo, last.hi) == CMT_OK ? CMT_OK : no_memory(err);
}

cmt_status cmt_pruner__join_near(cmt_db *db, cmt_range_list *list, cmt_error *err)
{
    CMT_AUTO(cmt_range_list_free) cmt_range_list joined = {NULL, 0, 0};
    if (list->count < 2)
        return CMT_OK;
    qsort(list->ranges, list->count, sizeof *list->ranges, by_start);
    CMT_TRY(join_sorted(db, list, &joined, err));
    const cmt_range_list swap = *list;
    *list = joined;
    joined = swap;
    return CMT_OK;
}

/* ---- at most so many ------------------------------------------------------------------------- */

static int compare_bytes(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left;
    uint64_t b = *(const uint64_t *)right;
    return a < b ? -1 : a > b;
}

/* between[i]: bytes between ranges i and i + 1. */
static cmt_status measure_gaps(cmt_db *db, const cmt_range_list *list, uint64_t *between,
                               cmt_error *err)
{
    for (size_t i = 0; i + 1 < list->count; i++) {
        const cmt_range gap = {list->ranges[i].hi, list->ranges[i + 1].lo};
        CMT_TRY(cmt_db_approximate_bytes(db, gap, &between[i], err));
    }
    return CMT_OK;
}

/* Join over the gaps of less than `limit` bytes, and over `more` of those with as many. */
static cmt_status join_gaps(cmt_range_list *list, const uint64_t *between, uint64_t limit,
                            size_t more, cmt_error *err)
{
    CMT_AUTO(cmt_range_list_free) cmt_range_list joined = {NULL, 0, 0};
    for (size_t first = 0, i = 0; i < list->count; i++) {
        const bool last = i + 1 == list->count;
        if (!last && between[i] < limit)
            continue;
        if (!last && between[i] == limit && more > 0) {
            more--;
            continue;
        }
        if (cmt_range_list_add(&joined, list->ranges[first].lo, list->ranges[i].hi) != CMT_OK)
            return no_memory(err);
        first = i + 1;
    }
    const cmt_range_list swap = *list;
    *list = joined;
    joined = swap;
    return CMT_OK;
}

static void free_gaps(uint64_t **gaps)
{
    free(*gaps);
}

cmt_status cmt_pruner__join_down_to(cmt_db *db, cmt_range_list *list, size_t most, cmt_error *err)
{
    if (list->count <= most)
        return CMT_OK;
    const size_t gaps = list->count - 1;
    const size_t excess = list->count - most;
    CMT_AUTO(free_gaps) uint64_t *between = calloc(2 * gaps, sizeof *between);
    if (between == NULL)
        return no_memory(err);
    CMT_TRY(measure_gaps(db, list, between, err));
    uint64_t *sorted = between + gaps;
    for (size_t i = 0; i < gaps; i++)
        sorted[i] = between[i];
    qsort(sorted, gaps, sizeof *sorted, compare_bytes);
    size_t less = 0;
    while (sorted[less] < sorted[excess - 1])
        less++;
    return join_gaps(list, between, sorted[excess - 1], excess - less, err);
}
