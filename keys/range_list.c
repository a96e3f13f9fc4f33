/* SPDX-License-Identifier: Apache-2.0
 *
 * Lists of key ranges.
 */
#include "cmtstore/keys.h"

#include <stdlib.h>
#include <string.h>

void cmt_range_list_free(cmt_range_list *list)
{
    if (list == NULL)
        return;
    for (size_t i = 0; i < list->count; i++)
        free((void *)list->ranges[i].lo.data);
    free(list->ranges);
    *list = (cmt_range_list){NULL, 0, 0};
}

cmt_status cmt_range_list_add(cmt_range_list *list, cmt_slice lo, cmt_slice hi)
{
    if (list->count == list->capacity) {
        size_t capacity = list->capacity > 0 ? 2 * list->capacity : 16;
        if (capacity > SIZE_MAX / sizeof *list->ranges)
            return CMT_NO_MEMORY;
        cmt_range *grown = realloc(list->ranges, capacity * sizeof *grown);
        if (grown == NULL)
            return CMT_NO_MEMORY;
        list->ranges = grown;
        list->capacity = capacity;
    }
    /* Both bounds share one allocation, which the lower one names. */
    if (hi.size > SIZE_MAX - 1 - lo.size)
        return CMT_NO_MEMORY;
    uint8_t *bytes = malloc(lo.size + hi.size + 1);
    if (bytes == NULL)
        return CMT_NO_MEMORY;
    if (lo.size > 0)
        memcpy(bytes, lo.data, lo.size);
    if (hi.size > 0)
        memcpy(bytes + lo.size, hi.data, hi.size);
    list->ranges[list->count++] = (cmt_range){{bytes, lo.size}, {bytes + lo.size, hi.size}};
    return CMT_OK;
}

cmt_status cmt_range_list_add_all(cmt_range_list *list, const cmt_range_list *other)
{
    for (size_t i = 0; i < other->count; i++)
        CMT_TRY(cmt_range_list_add(list, other->ranges[i].lo, other->ranges[i].hi));
    return CMT_OK;
}

static int compare_lo(const void *a, const void *b)
{
    return cmt_slice_compare(((const cmt_range *)a)->lo, ((const cmt_range *)b)->lo);
}

/* An empty upper bound is the end of all keys. */
static bool ends_behind(const cmt_range *range, cmt_slice key)
{
    return range->hi.size == 0 || cmt_slice_compare(range->hi, key) > 0;
}

cmt_status cmt_range_list_sort(cmt_range_list *list)
{
    if (list->count > 1)
        qsort(list->ranges, list->count, sizeof *list->ranges, compare_lo);
    for (size_t i = 0; i < list->count; i++) {
        if (!ends_behind(&list->ranges[i], list->ranges[i].lo))
            return CMT_INVALID;
        if (i > 0 && ends_behind(&list->ranges[i - 1], list->ranges[i].lo))
            return CMT_INVALID;
    }
    return CMT_OK;
}
