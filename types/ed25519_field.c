/* SPDX-License-Identifier: Apache-2.0
 *
 * Numbers modulo 2^255 - 19.
 */
#include "ed25519_field.h"

#include <string.h>

__extension__ typedef unsigned __int128 wide;

#define LIMB_BITS 51
#define LIMB_MASK (((uint64_t)1 << LIMB_BITS) - 1)

static inline wide product(uint64_t a, uint64_t b)
{
    return (wide)a * b;
}

/* Limbs of up to 2^115 are carried on; from the highest into the lowest times 19, as 2^255 is 19.  The carries stay
 * below 2^64: r0 is at most 77 * 2^108, the others are smaller. */
static inline void carry(cmt_fe *out, wide r0, wide r1, wide r2, wide r3, wide r4)
{
    r1 += (uint64_t)(r0 >> LIMB_BITS);
    r2 += (uint64_t)(r1 >> LIMB_BITS);
    r3 += (uint64_t)(r2 >> LIMB_BITS);
    r4 += (uint64_t)(r3 >> LIMB_BITS);
    uint64_t lowest = ((uint64_t)r0 & LIMB_MASK) + (uint64_t)(r4 >> LIMB_BITS) * 19;
    out->v[0] = lowest & LIMB_MASK;
    out->v[1] = ((uint64_t)r1 & LIMB_MASK) + (lowest >> LIMB_BITS);
    out->v[2] = (uint64_t)r2 & LIMB_MASK;
    out->v[3] = (uint64_t)r3 & LIMB_MASK;
    out->v[4] = (uint64_t)r4 & LIMB_MASK;
}

void cmt_fe_mul(cmt_fe *out, const cmt_fe *a, const cmt_fe *b)
{
    const uint64_t a0 = a->v[0], a1 = a->v[1], a2 = a->v[2], a3 = a->v[3], a4 = a->v[4];
    const uint64_t b0 = b->v[0], b1 = b->v[1], b2 = b->v[2], b3 = b->v[3], b4 = b->v[4];
    const uint64_t c1 = b1 * 19, c2 = b2 * 19, c3 = b3 * 19, c4 = b4 * 19;
    wide r0 =
        product(a0, b0) + product(a1, c4) + product(a2, c3) + product(a3, c2) + product(a4, c1);
    wide r1 =
        product(a0, b1) + product(a1, b0) + product(a2, c4) + product(a3, c3) + product(a4, c2);
    wide r2 =
        product(a0, b2) + product(a1, b1) + product(a2, b0) + product(a3, c4) + product(a4, c3);
    wide r3 =
        product(a0, b3) + product(a1, b2) + product(a2, b1) + product(a3, b0) + product(a4, c4);
    wide r4 =
        product(a0, b4) + product(a1, b3) + product(a2, b2) + product(a3, b1) + product(a4, b0);
    carry(out, r0, r1, r2, r3, r4);
}

void cmt_fe_square(cmt_fe *out, const cmt_fe *a)
{
    const uint64_t a0 = a->v[0], a1 = a->v[1], a2 = a->v[2], a3 = a->v[3], a4 = a->v[4];
    const uint64_t d0 = a0 * 2, d1 = a1 * 2, d2 = a2 * 2, c3 = a3 * 19, c4 = a4 * 19;
    wide r0 = product(a0, a0) + product(d1, c4) + product(d2, c3);
    wide r1 = product(d0, a1) + product(d2, c4) + product(a3, c3);
    wide r2 = product(d0, a2) + product(a1, a1) + product(a3 * 2, c4);
    wide r3 = product(d0, a3) + product(d1, a2) + product(a4, c4);
    wide r4 = product(d0, a4) + product(d1, a3) + product(a2, a2);
    carry(out, r0, r1, r2, r3, r4);
}

/* ---- powers ------------------------------------------------------------------------------ */

/* in^(2^times) * factor */
static cmt_fe moved(cmt_fe in, int times, const cmt_fe *factor)
{
    for (int i = 0; i < times; i++)
        cmt_fe_square(&in, &in);
    cmt_fe_mul(&in, &in, factor);
    return in;
}

/* (p-5)/8 = 2^252 - 3.  ones_n is in^(2^n - 1): 2n ones are n ones moved by n, and n ones. */
void cmt_fe_pow_p58(cmt_fe *out, const cmt_fe *in)
{
    const cmt_fe ones_2 = moved(*in, 1, in);
    const cmt_fe ones_4 = moved(ones_2, 2, &ones_2);
    const cmt_fe ones_5 = moved(ones_4, 1, in);
    const cmt_fe ones_10 = moved(ones_5, 5, &ones_5);
    const cmt_fe ones_20 = moved(ones_10, 10, &ones_10);
    const cmt_fe ones_40 = moved(ones_20, 20, &ones_20);
    const cmt_fe ones_50 = moved(ones_40, 10, &ones_10);
    const cmt_fe ones_100 = moved(ones_50, 50, &ones_50);
    const cmt_fe ones_200 = moved(ones_100, 100, &ones_100);
    const cmt_fe ones_250 = moved(ones_200, 50, &ones_50);
    *out = moved(ones_250, 2, in);
}

/* ---- encodings --------------------------------------------------------------------------- */

static uint64_t load(const uint8_t *bytes)
{
    uint64_t n = 0;
    for (int i = 7; i >= 0; i--)
        n = n << 8 | bytes[i];
    return n;
}

void cmt_fe_decode(cmt_fe *out, const uint8_t bytes[32])
{
    out->v[0] = load(bytes) & LIMB_MASK;
    out->v[1] = load(bytes + 6) >> 3 & LIMB_MASK;
    out->v[2] = load(bytes + 12) >> 6 & LIMB_MASK;
    out->v[3] = load(bytes + 19) >> 1 & LIMB_MASK;
    out->v[4] = load(bytes + 24) >> 12 & LIMB_MASK;
}

/* Limbs below 2^51 that stand for less than 2p. */
static cmt_fe carried(const cmt_fe *a)
{
    cmt_fe n = *a;
    for (int pass = 0; pass < 2; pass++) {
        for (int i = 0; i < CMT_FE_LIMBS - 1; i++) {
            n.v[i + 1] += n.v[i] >> LIMB_BITS;
            n.v[i] &= LIMB_MASK;
        }
        n.v[0] += (n.v[4] >> LIMB_BITS) * 19;
        n.v[4] &= LIMB_MASK;
    }
    return n;
}

void cmt_fe_encode(uint8_t bytes[32], const cmt_fe *a)
{
    cmt_fe n = carried(a);
    /* From p on n + 19 reaches 2^255: that carry is what p has to be taken away. */
    uint64_t over = (n.v[0] + 19) >> LIMB_BITS;
    for (int i = 1; i < CMT_FE_LIMBS; i++)
        over = (n.v[i] + over) >> LIMB_BITS;
    n.v[0] += over * 19;
    for (int i = 0; i < CMT_FE_LIMBS - 1; i++) {
        n.v[i + 1] += n.v[i] >> LIMB_BITS;
        n.v[i] &= LIMB_MASK;
    }
    n.v[4] &= LIMB_MASK;
    for (int i = 0; i < 32; i++) {
        int limb = i * 8 / LIMB_BITS;
        int shift = i * 8 % LIMB_BITS;
        uint64_t bits = n.v[limb] >> shift;
        if (shift > LIMB_BITS - 8 && limb < CMT_FE_LIMBS - 1)
            bits |= n.v[limb + 1] << (LIMB_BITS - shift);
        bytes[i] = (uint8_t)bits;
    }
}

bool cmt_fe_is_zero(const cmt_fe *a)
{
    static const uint8_t zero[32];
    uint8_t bytes[32];
    cmt_fe_encode(bytes, a);
    return memcmp(bytes, zero, sizeof zero) == 0;
}
