/* SPDX-License-Identifier: Apache-2.0
 *
 * A small set of key ranges in fixed memory.
 */
#include <string.h>

#include "spans.h"

cmt_slice cmt_compactor__key_slice(const cmt_compactor__key *key)
{
    return (cmt_slice){key->bytes, key->size};
}

cmt_range cmt_compactor__span_range(const cmt_compactor__span *span)
{
    return (cmt_range){cmt_compactor__key_slice(&span->lo), cmt_compactor__key_slice(&span->hi)};
}

/* ---- keys cut to size ------------------------------------------------------------------------ */

/* The beginning of a key is not above it. */
static cmt_compactor__key lower_bound(cmt_slice key)
{
    cmt_compactor__key out = {0};
    out.size = (uint8_t)(key.size < CMT_COMPACTOR__KEY ? key.size : CMT_COMPACTOR__KEY);
    if (out.size > 0)
        memcpy(out.bytes, key.data, out.size);
    return out;
}

/* A key that is cut off ends behind everything that begins as it does; of nothing but 0xff: at the end. */
static cmt_compactor__key upper_bound(cmt_slice key)
{
    cmt_compactor__key out = lower_bound(key);
    if (key.size <= CMT_COMPACTOR__KEY)
        return out;
    while (out.size > 0 && out.bytes[out.size - 1] == 0xff)
        out.bytes[--out.size] = 0;
    if (out.size > 0)
        out.bytes[out.size - 1]++;
    return out;
}

static int compare(const cmt_compactor__key *a, const cmt_compactor__key *b)
{
    return cmt_slice_compare(cmt_compactor__key_slice(a), cmt_compactor__key_slice(b));
}

/* ---- how far two are apart ------------------------------------------------------------------- */

/* A difference of two keys read as fractions: `digits` / 256^`depth`, its first byte not 0. */
typedef struct gap {
    unsigned depth;
    uint64_t digits;
} gap;

static uint64_t eight_bytes(const cmt_compactor__key *key, unsigned from)
{
    uint64_t out = 0;
    for (unsigned i = from; i < from + 8; i++)
        out = out << 8 | (i < key->size ? key->bytes[i] : 0);
    return out;
}

static gap between(const cmt_compactor__key *low, const cmt_compactor__key *high)
{
    gap out = {0, 0};
    while (out.depth < low->size && out.depth < high->size &&
           low->bytes[out.depth] == high->bytes[out.depth])
        out.depth++;
    out.digits = eight_bytes(high, out.depth) - eight_bytes(low, out.depth);
    while (out.digits >> 56 == 0 && out.depth < CMT_COMPACTOR__KEY) {
        out.digits <<= 8;
        out.depth++;
    }
    return out;
}

static bool is_smaller(gap a, gap b)
{
    return a.depth != b.depth ? a.depth > b.depth : a.digits < b.digits;
}

static void join_nearest(cmt_compactor__spans *spans)
{
    size_t nearest = 0;
    gap least = between(&spans->at[0].hi, &spans->at[1].lo);
    for (size_t i = 1; i + 1 < spans->count; i++) {
        gap g = between(&spans->at[i].hi, &spans->at[i + 1].lo);
        if (is_smaller(g, least)) {
            least = g;
            nearest = i;
        }
    }
    cmt_compactor__spans_join(spans, nearest);
}

/* ---- the set --------------------------------------------------------------------------------- */

static void remove_at(cmt_compactor__spans *spans, size_t at, size_t count)
{
    if (count == 0)
        return;
    memmove(&spans->at[at], &spans->at[at + count],
            (spans->count - at - count) * sizeof *spans->at);
    spans->count -= count;
}

void cmt_compactor__spans_join(cmt_compactor__spans *spans, size_t i)
{
    spans->at[i].hi = spans->at[i + 1].hi;
    remove_at(spans, i + 1, 1);
}

void cmt_compactor__spans_pop(cmt_compactor__spans *spans)
{
    remove_at(spans, 0, 1);
}

/* Ends before `key`, with something between. */
static bool ends_before(const cmt_compactor__span *span, const cmt_compactor__key *key)
{
    return span->hi.size > 0 && compare(&span->hi, key) < 0;
}

/* Begins behind the end of `span`, with something between. */
static bool begins_behind(const cmt_compactor__span *other, const cmt_compactor__span *span)
{
    return span->hi.size > 0 && compare(&other->lo, &span->hi) > 0;
}

/* Widen `span` by those in [from,to), which it meets. */
static void absorb(const cmt_compactor__spans *spans, size_t from, size_t to,
                   cmt_compactor__span *span)
{
    const cmt_compactor__span *first = &spans->at[from];
    const cmt_compactor__span *last = &spans->at[to - 1];
    if (compare(&first->lo, &span->lo) < 0)
        span->lo = first->lo;
    if (last->hi.size == 0 || ends_before(span, &last->hi))
        span->hi = last->hi;
}

/* The first that does not end before `key`. */
static size_t first_not_before(const cmt_compactor__spans *spans, const cmt_compactor__key *key)
{
    size_t from = 0;
    size_t to = spans->count;
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        if (ends_before(&spans->at[middle], key))
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

void cmt_compactor__spans_add(cmt_compactor__spans *spans, cmt_range range)
{
    if (range.hi.size > 0 && cmt_slice_compare(range.lo, range.hi) >= 0)
        return;
    cmt_compactor__span span = {lower_bound(range.lo), upper_bound(range.hi)};
    size_t from = first_not_before(spans, &span.lo);
    size_t to = from;
    while (to < spans->count && !begins_behind(&spans->at[to], &span))
        to++;
    if (to > from) {
        absorb(spans, from, to, &span);
        remove_at(spans, from + 1, to - from - 1);
    } else {
        memmove(&spans->at[from + 1], &spans->at[from], (spans->count - from) * sizeof *spans->at);
        spans->count++;
    }
    spans->at[from] = span;
    if (spans->count > CMT_COMPACT_RANGES)
        join_nearest(spans);
}

void cmt_compactor__spans_add_all(cmt_compactor__spans *spans, const cmt_compactor__spans *other)
{
    for (size_t i = 0; i < other->count; i++)
        cmt_compactor__spans_add(spans, cmt_compactor__span_range(&other->at[i]));
}
