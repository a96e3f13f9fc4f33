/* SPDX-License-Identifier: Apache-2.0
 *
 * Sums of multiples of many points, n1 P1 + n2 P2 + …, with the doublings shared (Straus).
 *
 * Each number is written with few odd digits, positive and negative, at most one among so many bits in a row (wNAF).  A
 * digit is a term, an odd multiple of its point, in the list of its bit; the sum is doubled from bit to bit.
 */
#ifndef CMT_TYPES_ED25519_SUM_H
#define CMT_TYPES_ED25519_SUM_H

#include "ed25519_point.h"

/* Of numbers below 2^253. */
#define CMT_SUM_BITS 254

/** Odd multiples that a point needs for digits of @p width bits. */
#define CMT_ODD_MULTIPLES(width) ((size_t)1 << ((width)-2))
/** The most terms that a number of @p bits makes. */
#define CMT_TERMS_MAX(bits, width) ((size_t)((bits) / (width) + 1))

typedef struct cmt_term {
    const cmt_point_addend *multiple;
    const struct cmt_term *next; /* of the same bit */
    bool minus;
} cmt_term;

typedef struct cmt_sum {
    const cmt_term *terms[CMT_SUM_BITS]; /* by bit */
} cmt_sum;

/** Put ±@p number times a point into the sum.
 *  @param number    below 2^253, from its lowest byte on
 *  @param multiples CMT_ODD_MULTIPLES(@p width) of the point; borrowed
 *  @param room      CMT_TERMS_MAX for the number's bits; borrowed */
void cmt_sum_put(cmt_sum *sum, const uint8_t number[32], bool minus,
                 const cmt_point_addend *multiples, unsigned width, cmt_term *room);

void cmt_sum_compute(const cmt_sum *sum, cmt_point *out);

#endif
