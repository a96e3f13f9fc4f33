/* SPDX-License-Identifier: Apache-2.0
 *
 * Cuts ranges into pieces of about so many stored bytes.
 *
 * Nobody lists the keys of a database without reading them, but every engine says how much lies in a range.  So the
 * end of a piece is found byte by byte: the largest first byte with which it is not too long yet, then the
 * second …, each in eight questions, until it is long enough.
 */
#include <string.h>

#include "slices.h"

/* Ranges with no more than this between them are one. */
#define NEAR_BYTES ((uint64_t)2 << 20)

typedef struct search {
    cmt_db *db;
    cmt_range range;
    uint64_t most; /* bytes that a piece may hold */
    cmt_error *err;
} search;

/* Does a piece that ends at `end` hold no more than it may?  One that ends before it begins holds nothing. */
static cmt_status fits(const search *s, const cmt_compactor__key *end, bool *answer, uint64_t *held)
{
    cmt_slice hi = cmt_compactor__key_slice(end);
    *held = 0;
    *answer = cmt_slice_compare(hi, s->range.lo) <= 0;
    if (*answer)
        return CMT_OK;
    if (s->range.hi.size > 0 && cmt_slice_compare(hi, s->range.hi) >= 0)
        return CMT_OK;
    CMT_TRY(cmt_db_approximate_bytes(s->db, (cmt_range){s->range.lo, hi}, held, s->err));
    *answer = *held <= s->most;
    return CMT_OK;
}

/* Append to `end`, which fits, the largest byte with which it still fits.  None does: `*longer` is false. */
static cmt_status append_byte(const search *s, cmt_compactor__key *end, uint64_t *held,
                              bool *longer)
{
    int fitting = -1;
    int too_large = 256;
    while (too_large - fitting > 1) {
        int middle = (fitting + too_large) / 2;
        cmt_compactor__key trial = *end;
        trial.bytes[trial.size++] = (uint8_t)middle;
        bool answer;
        uint64_t bytes;
        CMT_TRY(fits(s, &trial, &answer, &bytes));
        if (answer) {
            fitting = middle;
            *held = bytes;
        } else {
            too_large = middle;
        }
    }
    *longer = fitting >= 0;
    if (*longer)
        end->bytes[end->size++] = (uint8_t)fitting;
    return CMT_OK;
}

/* What both bounds begin with, every key between them begins with. */
static cmt_compactor__key common_beginning(const cmt_compactor__span *span)
{
    cmt_compactor__key out = {0};
    while (out.size < span->lo.size && out.size < span->hi.size &&
           span->lo.bytes[out.size] == span->hi.bytes[out.size]) {
        out.bytes[out.size] = span->lo.bytes[out.size];
        out.size++;
    }
    return out;
}

/* An end that gets the search nowhere: behind the first key alone where that is possible, else behind all. */
static void step_over_first(const cmt_compactor__span *span, cmt_compactor__key *end)
{
    cmt_compactor__key next = span->lo;
    if (next.size < CMT_COMPACTOR__KEY)
        next.bytes[next.size++] = 0;
    bool inside =
        next.size > span->lo.size &&
        (span->hi.size == 0 || cmt_slice_compare(cmt_compactor__key_slice(&next),
                                                 cmt_compactor__key_slice(&span->hi)) < 0);
    *end = inside ? next : span->hi;
}

cmt_status cmt_compactor__cut(cmt_db *db, const cmt_compactor__span *span, uint64_t bytes,
                              cmt_compactor__key *cut, uint64_t *held, cmt_error *err)
{
    const search s = {db, cmt_compactor__span_range(span), bytes, err};
    uint64_t all;
    CMT_TRY(cmt_db_approximate_bytes(db, s.range, &all, err));
    *cut = span->hi;
    *held = all;
    if (all <= bytes + bytes / 2)
        return CMT_OK;
    cmt_compactor__key end = common_beginning(span);
    uint64_t in_piece = 0;
    bool longer = true;
    while (longer && end.size < CMT_COMPACTOR__KEY && in_piece < bytes / 2)
        CMT_TRY(append_byte(&s, &end, &in_piece, &longer));
    if (cmt_slice_compare(cmt_compactor__key_slice(&end), s.range.lo) <= 0)
        step_over_first(span, &end);
    *cut = end;
    return cmt_db_approximate_bytes(db, (cmt_range){s.range.lo, cmt_compactor__key_slice(&end)},
                                    held, err);
}

cmt_status cmt_compactor__join_near(cmt_db *db, cmt_compactor__spans *spans, cmt_error *err)
{
    size_t i = 0;
    while (i + 1 < spans->count) {
        uint64_t between;
        const cmt_range gap = {cmt_compactor__key_slice(&spans->at[i].hi),
                               cmt_compactor__key_slice(&spans->at[i + 1].lo)};
        CMT_TRY(cmt_db_approximate_bytes(db, gap, &between, err));
        if (between <= NEAR_BYTES)
            cmt_compactor__spans_join(spans, i);
        else
            i++;
    }
    return CMT_OK;
}

cmt_status cmt_compactor__bytes_of(cmt_db *db, const cmt_compactor__spans *spans, uint64_t *bytes,
                                   cmt_error *err)
{
    *bytes = 0;
    for (size_t i = 0; i < spans->count; i++) {
        uint64_t n;
        CMT_TRY(cmt_db_approximate_bytes(db, cmt_compactor__span_range(&spans->at[i]), &n, err));
        *bytes += n;
    }
    return CMT_OK;
}
