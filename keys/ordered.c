/* SPDX-License-Identifier: Apache-2.0
 *
 * Layout v2: keys as tuples of order-preserving numbers (CometBFT uses the orderedcode library).
 *
 * A number x >= 0 takes the fewest bytes L with x < 2^(7L-1): L one-bits, a zero bit, then x,
 * right-aligned.  So a longer number sorts behind every shorter one, and keys stand in the order of
 * heights.  Numbers below zero are inverted bytes; keys have none.
 *
 * Source: CometBFT >= 1.0 store/db_key_layout.go v2Layout, state/store.go v2; google/orderedcode
 */
#include "ordered.h"

#define LENGTH_MAX 10 /* of INT64_MAX */

static size_t length_of(int64_t x)
{
    size_t length = 1;
    while (length < LENGTH_MAX && 7 * length - 1 < 63 && x >= (int64_t)1 << (7 * length - 1))
        length++;
    return length;
}

size_t cmt_keys__ordered_put(int64_t x, uint8_t *out)
{
    size_t length = length_of(x);
    for (size_t i = 0; i < length; i++) {
        size_t behind = length - 1 - i;
        out[i] = (uint8_t)(behind < sizeof x ? (uint64_t)x >> (8 * behind) : 0);
    }
    if (length < 8) {
        out[0] = (uint8_t)(out[0] | 0xff << (8 - length));
    } else {
        out[0] = 0xff;
        out[1] = (uint8_t)(out[1] | 0xff << (16 - length));
    }
    return length;
}

/* How long the number is that begins with these bytes; 0: it is none that is not below zero. */
static size_t leading_length(const uint8_t *p, const uint8_t *end)
{
    if (p == end || (*p & 0x80) == 0)
        return 0;
    size_t length = 1;
    while (length < 8 && (*p << length & 0x80) != 0)
        length++;
    if (length == 8 && end - p > 1 && (p[1] & 0x80) != 0)
        length += (p[1] & 0x40) != 0 ? 2 : 1;
    return (size_t)(end - p) >= length ? length : 0;
}

const uint8_t *cmt_keys__ordered_get(const uint8_t *p, const uint8_t *end, int64_t *out)
{
    size_t length = leading_length(p, end);
    if (length == 0)
        return NULL;
    uint64_t x = 0;
    for (size_t i = 0; i < length; i++)
        x = x << 8 | p[i];
    if (length <= 8)
        x &= ((uint64_t)1 << (7 * length)) - 1; /* off with the one-bits */
    else
        x &= length == 9 ? UINT64_MAX >> 2 : INT64_MAX;

    /* Exactly what would be written: neither longer than needed nor with other leading bits. */
    uint8_t written[LENGTH_MAX];
    if (cmt_keys__ordered_put((int64_t)x, written) != length)
        return NULL;
    for (size_t i = 0; i < length; i++)
        if (written[i] != p[i])
            return NULL;
    *out = (int64_t)x;
    return p + length;
}

/* ---- ranges ------------------------------------------------------------------------------ */

static cmt_status add_range(const cmt_key_family *family, cmt_heights run, cmt_range_list *out)
{
    if (run.lo >= run.hi)
        return CMT_OK;
    cmt_key lo = cmt_keys__start_of(family, run.lo);
    cmt_key hi = cmt_keys__start_of(family, run.hi);
    return cmt_range_list_add(out, cmt_key_slice(&lo), cmt_key_slice(&hi));
}

cmt_status cmt_keys__ordered_ranges(const cmt_key_family *family, const cmt_height_set *dead,
                                    const cmt_height_set *live, cmt_range_list *out)
{
    cmt_heights open = {0, 0};
    for (size_t i = 0; i < dead->count; i++) {
        cmt_heights run = dead->runs[i];
        if (open.lo == open.hi || cmt_height_set_overlaps(live, open.hi, run.lo)) {
            CMT_TRY(add_range(family, open, out));
            open = run;
        }
        open.hi = run.hi;
    }
    return add_range(family, open, out);
}
