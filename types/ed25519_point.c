/* SPDX-License-Identifier: Apache-2.0
 *
 * Points of ed25519's curve.
 */
#include "ed25519_point.h"

/* -121665/121666 */
static const cmt_fe d = {
    {0x34dca135978a3, 0x1a8283b156ebd, 0x5e7a26001c029, 0x739c663a03cbb, 0x52036cee2b6ff}};
static const cmt_fe d2 = {
    {0x69b9426b2f159, 0x35050762add7a, 0x3cf44c0038052, 0x6738cc7407977, 0x2406d9dc56dff}};
/* 2^((p-1)/4) */
static const cmt_fe root_of_minus_one = {
    {0x61b274a0ea0b0, 0x0d5a5fc8f189d, 0x7ef5e9cbd0c60, 0x78595a6804c9e, 0x2b8324804fc1d}};

cmt_point cmt_point_neutral(void)
{
    return (cmt_point){.y = CMT_FE_ONE, .z = CMT_FE_ONE};
}

/* ---- encodings --------------------------------------------------------------------------- */

/* A root of u/v: u v^3 (u v^7)^((p-5)/8), or that times the root of -1.  False if there is none. */
static bool root_of_quotient(cmt_fe *out, const cmt_fe *u, const cmt_fe *v)
{
    cmt_fe v3, uv7, root, check, difference;
    cmt_fe_square(&v3, v);
    cmt_fe_mul(&v3, &v3, v);
    cmt_fe_square(&uv7, &v3);
    cmt_fe_mul(&uv7, &uv7, v);
    cmt_fe_mul(&uv7, &uv7, u);
    cmt_fe_pow_p58(&root, &uv7);
    cmt_fe_mul(&root, &root, &v3);
    cmt_fe_mul(&root, &root, u);

    cmt_fe_square(&check, &root);
    cmt_fe_mul(&check, &check, v);
    cmt_fe_sub(&difference, &check, u);
    if (!cmt_fe_is_zero(&difference)) {
        cmt_fe_add(&difference, &check, u);
        if (!cmt_fe_is_zero(&difference))
            return false;
        cmt_fe_mul(&root, &root, &root_of_minus_one);
    }
    *out = root;
    return true;
}

static bool is_odd(const cmt_fe *a)
{
    uint8_t bytes[32];
    cmt_fe_encode(bytes, a);
    return (bytes[0] & 1) != 0;
}

bool cmt_point_decode(cmt_point *out, const uint8_t bytes[32])
{
    static const cmt_fe zero = {{0}};
    static const cmt_fe one = {{1}};
    cmt_point p = {.z = CMT_FE_ONE};
    cmt_fe y2, u, v;
    cmt_fe_decode(&p.y, bytes);
    cmt_fe_square(&y2, &p.y);
    cmt_fe_sub(&u, &y2, &one);
    cmt_fe_mul(&u, &u, &one); /* reduced, as it is subtracted */
    cmt_fe_mul(&v, &y2, &d);
    cmt_fe_add(&v, &v, &one);
    if (!root_of_quotient(&p.x, &u, &v))
        return false;
    if (is_odd(&p.x) != (bytes[31] >> 7 != 0)) {
        cmt_fe_sub(&p.x, &zero, &p.x);
        cmt_fe_mul(&p.x, &p.x, &one);
    }
    cmt_fe_mul(&p.t, &p.x, &p.y);
    *out = p;
    return true;
}

void cmt_point_encode(uint8_t bytes[32], const cmt_point *point)
{
    /* 1/z = z^(p-2): p - 2 is 8 (p-5)/8 + 3 */
    cmt_fe z3, inverse, x, y;
    cmt_fe_square(&z3, &point->z);
    cmt_fe_mul(&z3, &z3, &point->z);
    cmt_fe_pow_p58(&inverse, &point->z);
    for (int i = 0; i < 3; i++)
        cmt_fe_square(&inverse, &inverse);
    cmt_fe_mul(&inverse, &inverse, &z3);
    cmt_fe_mul(&x, &point->x, &inverse);
    cmt_fe_mul(&y, &point->y, &inverse);
    cmt_fe_encode(bytes, &y);
    if (is_odd(&x))
        bytes[31] |= 0x80;
}

/* ---- sums -------------------------------------------------------------------------------- */

/* What a formula ends with: (E/H, G/F) but for a sign in both. */
typedef struct parts {
    cmt_fe e, f, g, h;
} parts;

static inline void finish_without_t(cmt_point *out, const parts *p)
{
    cmt_fe_mul(&out->x, &p->e, &p->f);
    cmt_fe_mul(&out->y, &p->g, &p->h);
    cmt_fe_mul(&out->z, &p->f, &p->g);
}

static inline void finish(cmt_point *out, const parts *p)
{
    finish_without_t(out, p);
    cmt_fe_mul(&out->t, &p->e, &p->h);
}

/* All four with the other sign, so that there is one difference less. */
static inline void twice(parts *out, const cmt_point *a)
{
    cmt_fe xx, yy, zz, sum, squares;
    cmt_fe_square(&xx, &a->x);
    cmt_fe_square(&yy, &a->y);
    cmt_fe_square(&zz, &a->z);
    cmt_fe_add(&sum, &a->x, &a->y);
    cmt_fe_square(&sum, &sum);
    cmt_fe_add(&squares, &yy, &xx);
    cmt_fe_sub(&out->e, &sum, &squares);
    cmt_fe_sub(&out->g, &yy, &xx);
    out->h = squares;
    for (int i = 0; i < CMT_FE_LIMBS; i++)
        sum.v[i] = 2 * zz.v[i] + xx.v[i];
    cmt_fe_sub(&out->f, &sum, &yy);
}

void cmt_point_double(cmt_point *out, const cmt_point *a)
{
    parts p;
    twice(&p, a);
    finish(out, &p);
}

void cmt_point_double_without_t(cmt_point *out, const cmt_point *a)
{
    parts p;
    twice(&p, a);
    finish_without_t(out, &p);
}

/* Of -b the two sums change places, and 2dT its sign.  Chosen by address: a branch would go wrong every other time. */
void cmt_point_add(cmt_point *out, const cmt_point *a, const cmt_point_addend *b, bool minus)
{
    parts p;
    cmt_fe difference, sum, t, z;
    cmt_fe_sub(&difference, &a->y, &a->x);
    cmt_fe_add(&sum, &a->y, &a->x);
    cmt_fe_mul(&difference, &difference, minus ? &b->y_plus_x : &b->y_minus_x);
    cmt_fe_mul(&sum, &sum, minus ? &b->y_minus_x : &b->y_plus_x);
    cmt_fe_mul(&t, &a->t, &b->t2d);
    cmt_fe_mul(&z, &a->z, &b->z2);
    cmt_fe_sub(&p.e, &sum, &difference);
    cmt_fe_add(&p.h, &sum, &difference);
    cmt_fe_sub(minus ? &p.g : &p.f, &z, &t);
    cmt_fe_add(minus ? &p.f : &p.g, &z, &t);
    finish(out, &p);
}

cmt_point_addend cmt_point_as_addend(const cmt_point *a)
{
    cmt_point_addend addend;
    cmt_fe_add(&addend.y_plus_x, &a->y, &a->x);
    cmt_fe_sub(&addend.y_minus_x, &a->y, &a->x);
    cmt_fe_add(&addend.z2, &a->z, &a->z);
    cmt_fe_mul(&addend.t2d, &a->t, &d2);
    return addend;
}

void cmt_point_odd_multiples(cmt_point_addend *out, size_t count, const cmt_point *a)
{
    cmt_point multiple = *a;
    cmt_point doubled;
    cmt_point_double(&doubled, a);
    const cmt_point_addend step = cmt_point_as_addend(&doubled);
    out[0] = cmt_point_as_addend(&multiple);
    for (size_t i = 1; i < count; i++) {
        cmt_point_add(&multiple, &multiple, &step, false);
        out[i] = cmt_point_as_addend(&multiple);
    }
}

bool cmt_point_has_small_order(const cmt_point *a)
{
    cmt_point p = *a;
    cmt_fe difference;
    for (int i = 0; i < 3; i++)
        cmt_point_double_without_t(&p, &p);
    cmt_fe_sub(&difference, &p.y, &p.z);
    return cmt_fe_is_zero(&p.x) && cmt_fe_is_zero(&difference);
}
