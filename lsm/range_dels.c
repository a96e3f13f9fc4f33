/* SPDX-License-Identifier: Apache-2.0
 *
 * Range deletions as disjoint pieces.
 */
#include "range_dels.h"

#include <stdlib.h>

void cmt_lsm__range_dels_free(cmt_lsm__range_dels *dels)
{
    cmt_lsm__arena_free(&dels->arena);
    free(dels->pieces);
    *dels = (cmt_lsm__range_dels){0};
}

/* The first piece that ends behind `key`. */
static size_t first_behind(const cmt_lsm__range_dels *d, cmt_slice key)
{
    size_t low = 0;
    size_t high = d->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (cmt_slice_compare(d->pieces[middle].hi, key) <= 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static cmt_status insert(cmt_lsm__range_dels *d, size_t at, cmt_slice lo, cmt_slice hi,
                         uint64_t sequence, cmt_error *err)
{
    if (d->count >= CMT_LSM_RANGE_DELS_MAX)
        return cmt_error_set(err, CMT_UNSUPPORTED,
                             "the database holds more than %d range deletions; let the node run "
                             "until it has compacted them",
                             CMT_LSM_RANGE_DELS_MAX);
    if (d->count == d->capacity) {
        size_t capacity = d->capacity * 2 + 16;
        cmt_lsm__range_del *pieces = realloc(d->pieces, capacity * sizeof *pieces);
        if (pieces == NULL)
            return cmt_error_set(err, CMT_NO_MEMORY, "no memory for range deletions");
        d->pieces = pieces;
        d->capacity = capacity;
    }
    memmove(&d->pieces[at + 1], &d->pieces[at], (d->count - at) * sizeof *d->pieces);
    d->pieces[at] = (cmt_lsm__range_del){lo, hi, sequence};
    d->count++;
    return CMT_OK;
}

/* Cut the piece at `at` in two at `key`, if that lies inside it. */
static cmt_status cut(cmt_lsm__range_dels *d, size_t at, cmt_slice key, cmt_error *err)
{
    if (at == d->count || cmt_slice_compare(d->pieces[at].lo, key) >= 0 ||
        cmt_slice_compare(key, d->pieces[at].hi) >= 0)
        return CMT_OK;
    cmt_lsm__range_del left = d->pieces[at];
    d->pieces[at].lo = key;
    return insert(d, at, left.lo, key, left.sequence, err);
}

cmt_status cmt_lsm__range_dels_add(cmt_lsm__range_dels *d, cmt_slice lo, cmt_slice hi,
                                   uint64_t sequence, cmt_error *err)
{
    if (cmt_slice_compare(lo, hi) >= 0)
        return CMT_OK;
    if (cmt_lsm__arena_copy(&d->arena, lo, &lo) != CMT_OK ||
        cmt_lsm__arena_copy(&d->arena, hi, &hi) != CMT_OK)
        return cmt_error_set(err, CMT_NO_MEMORY, "no memory for range deletions");
    CMT_TRY(cut(d, first_behind(d, lo), lo, err));
    CMT_TRY(cut(d, first_behind(d, hi), hi, err));
    /* Pieces inside [lo,hi) take the higher sequence; gaps between them become pieces. */
    for (size_t i = first_behind(d, lo); cmt_slice_compare(lo, hi) < 0; i++) {
        bool inside = i < d->count && cmt_slice_compare(d->pieces[i].lo, hi) < 0;
        if (inside && cmt_slice_equal(d->pieces[i].lo, lo)) {
            if (d->pieces[i].sequence < sequence)
                d->pieces[i].sequence = sequence;
        } else {
            CMT_TRY(insert(d, i, lo, inside ? d->pieces[i].lo : hi, sequence, err));
        }
        lo = d->pieces[i].hi;
    }
    return CMT_OK;
}

bool cmt_lsm__range_dels_cover(const cmt_lsm__range_dels *d, cmt_slice user, uint64_t sequence)
{
    size_t i = first_behind(d, user);
    return i < d->count && cmt_slice_compare(d->pieces[i].lo, user) <= 0 &&
           sequence < d->pieces[i].sequence;
}
