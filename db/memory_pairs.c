/* SPDX-License-Identifier: Apache-2.0
 *
 * The sorted array behind the memory backend.
 */
#include "memory_pairs.h"

#include <stdlib.h>
#include <string.h>

cmt_slice cmt_db__pair_key(const cmt_db__pair *pair)
{
    return (cmt_slice){pair->bytes, pair->key_size};
}

cmt_slice cmt_db__pair_value(const cmt_db__pair *pair)
{
    return (cmt_slice){pair->bytes + pair->key_size, pair->value_size};
}

cmt_db__pair *cmt_db__pair_new(cmt_slice key, cmt_slice value)
{
    cmt_db__pair *pair = NULL;
    if (key.size <= SIZE_MAX - sizeof *pair - value.size)
        pair = malloc(sizeof *pair + key.size + value.size);
    if (pair == NULL)
        return NULL;
    pair->references = 1;
    pair->key_size = key.size;
    pair->value_size = value.size;
    if (key.size > 0)
        memcpy(pair->bytes, key.data, key.size);
    if (value.size > 0)
        memcpy(pair->bytes + key.size, value.data, value.size);
    return pair;
}

void cmt_db__pair_release(cmt_db__pair *pair)
{
    if (pair != NULL && --pair->references == 0)
        free(pair);
}

cmt_db__pairs *cmt_db__pairs_new(void)
{
    cmt_db__pairs *pairs = calloc(1, sizeof *pairs);
    if (pairs != NULL)
        pairs->references = 1;
    return pairs;
}

void cmt_db__pairs_release(cmt_db__pairs *pairs)
{
    if (pairs == NULL || --pairs->references > 0)
        return;
    for (size_t i = 0; i < pairs->count; i++)
        cmt_db__pair_release(pairs->at[i]);
    free(pairs->at);
    free(pairs);
}

cmt_status cmt_db__pairs_reserve(cmt_db__pairs *pairs, size_t extra)
{
    if (pairs->at != NULL && extra <= pairs->capacity - pairs->count)
        return CMT_OK;
    size_t capacity = pairs->count + pairs->count / 2 + extra + 16;
    if (capacity > SIZE_MAX / sizeof *pairs->at)
        return CMT_NO_MEMORY;
    cmt_db__pair **at = realloc(pairs->at, capacity * sizeof *at);
    if (at == NULL)
        return CMT_NO_MEMORY;
    pairs->at = at;
    pairs->capacity = capacity;
    return CMT_OK;
}

cmt_db__pairs *cmt_db__pairs_copy(const cmt_db__pairs *pairs, size_t extra)
{
    cmt_db__pairs *copy = cmt_db__pairs_new();
    if (copy == NULL || cmt_db__pairs_reserve(copy, pairs->count + extra) != CMT_OK) {
        cmt_db__pairs_release(copy);
        return NULL;
    }
    for (size_t i = 0; i < pairs->count; i++) {
        copy->at[i] = pairs->at[i];
        copy->at[i]->references++;
    }
    copy->count = pairs->count;
    return copy;
}

size_t cmt_db__pairs_lower_bound(const cmt_db__pairs *pairs, size_t from, cmt_slice key)
{
    size_t lo = from;
    size_t hi = pairs->count;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (cmt_slice_compare(cmt_db__pair_key(pairs->at[mid]), key) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

void cmt_db__pairs_find(const cmt_db__pairs *pairs, const cmt_range *range, size_t *lo, size_t *hi)
{
    *lo = cmt_db__pairs_lower_bound(pairs, 0, range->lo);
    *hi = range->hi.size > 0 ? cmt_db__pairs_lower_bound(pairs, *lo, range->hi) : pairs->count;
}

bool cmt_db__pairs_holds(const cmt_db__pairs *pairs, size_t at, cmt_slice key)
{
    return at < pairs->count && cmt_slice_equal(cmt_db__pair_key(pairs->at[at]), key);
}

static int compare_points(const void *left, const void *right)
{
    const cmt_db__point *a = left;
    const cmt_db__point *b = right;
    int order = cmt_slice_compare(a->key, b->key);
    if (order != 0)
        return order;
    return a->order < b->order ? -1 : a->order > b->order;
}

/* Sort, and of the points with one key leave the last.  Returns how many are left. */
static size_t put_in_order(cmt_db__point *points, size_t count)
{
    qsort(points, count, sizeof *points, compare_points);
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (i + 1 < count && cmt_slice_equal(points[i].key, points[i + 1].key))
            cmt_db__pair_release(points[i].pair);
        else
            points[kept++] = points[i];
    }
    return kept;
}

static size_t move_run(cmt_db__pair **to, size_t made, cmt_db__pair *const *from, size_t count)
{
    if (count > 0)
        memcpy(to + made, from, count * sizeof *to);
    return made + count;
}

void cmt_db__pairs_merge(cmt_db__pairs *pairs, cmt_db__point *points, size_t count,
                         cmt_db__pair **scratch)
{
    count = put_in_order(points, count);
    if (count == 0)
        return;
    size_t first = cmt_db__pairs_lower_bound(pairs, 0, points[0].key); /* what is before it stays */
    size_t taken = first;
    size_t made = 0;
    for (size_t i = 0; i < count; i++) {
        size_t at = cmt_db__pairs_lower_bound(pairs, taken, points[i].key);
        made = move_run(scratch, made, pairs->at + taken, at - taken);
        taken = at;
        if (cmt_db__pairs_holds(pairs, at, points[i].key))
            cmt_db__pair_release(pairs->at[taken++]);
        if (points[i].pair != NULL)
            scratch[made++] = points[i].pair;
    }
    made = move_run(scratch, made, pairs->at + taken, pairs->count - taken);
    (void)move_run(pairs->at, first, scratch, made);
    pairs->count = first + made;
}

void cmt_db__pairs_erase(cmt_db__pairs *pairs, size_t lo, size_t hi)
{
    for (size_t i = lo; i < hi; i++)
        cmt_db__pair_release(pairs->at[i]);
    if (hi > lo)
        memmove(pairs->at + lo, pairs->at + hi, (pairs->count - hi) * sizeof *pairs->at);
    pairs->count -= hi - lo;
}
