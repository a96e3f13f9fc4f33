/* SPDX-License-Identifier: Apache-2.0
 *
 * Numbers modulo p = 2^255 - 19, for verifying only: nothing here takes care to hide them.
 *
 * A number is the sum of v[i] * 2^(51 i).  *Reduced* are limbs up to 2^51 + 2^13, which products, squares and decoded
 * numbers have.  A sum of two reduced numbers may be subtracted from another; whatever one addition or subtraction
 * made of those has limbs below 2^54 and may be multiplied, but not added to or subtracted from again.
 */
#ifndef CMT_TYPES_ED25519_FIELD_H
#define CMT_TYPES_ED25519_FIELD_H

#include <stdbool.h>
#include <stdint.h>

#define CMT_FE_LIMBS 5

typedef struct cmt_fe {
    uint64_t v[CMT_FE_LIMBS];
} cmt_fe;

#define CMT_FE_ONE ((cmt_fe){{1}})

static inline void cmt_fe_add(cmt_fe *out, const cmt_fe *a, const cmt_fe *b)
{
    for (int i = 0; i < CMT_FE_LIMBS; i++)
        out->v[i] = a->v[i] + b->v[i];
}

/* 4p is added, so that no limb falls below 0. */
static inline void cmt_fe_sub(cmt_fe *out, const cmt_fe *a, const cmt_fe *b)
{
    out->v[0] = a->v[0] + 0x1fffffffffffb4 - b->v[0];
    for (int i = 1; i < CMT_FE_LIMBS; i++)
        out->v[i] = a->v[i] + 0x1ffffffffffffc - b->v[i];
}

/** Reduced results of anything below 2^54; @p out may be an operand. */
void cmt_fe_mul(cmt_fe *out, const cmt_fe *a, const cmt_fe *b);
void cmt_fe_square(cmt_fe *out, const cmt_fe *a);

/** in^((p-5)/8), of which square roots are made. */
void cmt_fe_pow_p58(cmt_fe *out, const cmt_fe *in);

/** The lower 255 bits; numbers from p on stand for themselves less p. */
void cmt_fe_decode(cmt_fe *out, const uint8_t bytes[32]);

/** The one encoding below p, of anything below 2^54. */
void cmt_fe_encode(uint8_t bytes[32], const cmt_fe *a);

bool cmt_fe_is_zero(const cmt_fe *a);

#endif
