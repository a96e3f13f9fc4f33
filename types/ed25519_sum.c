/* SPDX-License-Identifier: Apache-2.0
 *
 * Sums of multiples of many points.
 */
#include "ed25519_sum.h"

/* A number as words, the last of them 0. */
typedef struct words {
    uint64_t n[5];
} words;

static words words_of(const uint8_t number[32])
{
    words w = {{0}};
    for (int i = 0; i < 32; i++)
        w.n[i / 8] |= (uint64_t)number[i] << (i % 8 * 8);
    return w;
}

/* The 64 bits from this one on. */
static uint64_t bits_from(const words *w, unsigned bit)
{
    unsigned word = bit / 64;
    unsigned shift = bit % 64;
    return w->n[word] >> shift | w->n[word + 1] << (63 - shift) << 1;
}

void cmt_sum_put(cmt_sum *sum, const uint8_t number[32], bool minus,
                 const cmt_point_addend *multiples, unsigned width, cmt_term *room)
{
    const words w = words_of(number);
    const uint64_t span = (uint64_t)1 << width;
    uint64_t carry = 0;
    for (unsigned bit = 0; bit < CMT_SUM_BITS;) {
        uint64_t digit = (bits_from(&w, bit) & (span - 1)) + carry;
        if (digit % 2 == 0) {
            bit++;
            continue;
        }
        /* In the upper half it stands for a negative digit, and one more of what comes next. */
        carry = digit > span / 2;
        uint64_t size = carry != 0 ? span - digit : digit;
        *room = (cmt_term){&multiples[size / 2], sum->terms[bit], (carry != 0) != minus};
        sum->terms[bit] = room++;
        bit += width;
    }
}

void cmt_sum_compute(const cmt_sum *sum, cmt_point *out)
{
    cmt_point p = cmt_point_neutral();
    for (size_t bit = CMT_SUM_BITS; bit > 0; bit--) {
        const cmt_term *term = sum->terms[bit - 1];
        if (term == NULL && bit > 1)
            cmt_point_double_without_t(&p, &p);
        else
            cmt_point_double(&p, &p);
        for (; term != NULL; term = term->next)
            cmt_point_add(&p, &p, term->multiple, term->minus);
    }
    *out = p;
}
