/* SPDX-License-Identifier: Apache-2.0
 *
 * Points of ed25519's curve, -x^2 + y^2 = 1 + d x^2 y^2, for verifying only.
 *
 * The formulas are those of Hisil, Wong, Carter and Dawson ("Twisted Edwards Curves Revisited", 3.1 and 3.3).  They hold
 * for all points, those of small order among them.  Coordinates are reduced.
 */
#ifndef CMT_TYPES_ED25519_POINT_H
#define CMT_TYPES_ED25519_POINT_H

#include "ed25519_field.h"

#include <stddef.h>

/** x = X/Z, y = Y/Z, x y = T/Z. */
typedef struct cmt_point {
    cmt_fe x, y, z, t;
} cmt_point;

/** A point as what is added to others: Y+X, Y-X, 2Z, 2dT. */
typedef struct cmt_point_addend {
    cmt_fe y_plus_x, y_minus_x, z2, t2d;
} cmt_point_addend;

/** The point that adds nothing, (0,1). */
cmt_point cmt_point_neutral(void);

/**
 * Decode a point as ZIP-215 has it: y from p on stands for y - p, and where x is 0 its sign may say anything.
 * @return false if there is no point with this y
 * See https://zips.z.cash/zip-0215
 */
bool cmt_point_decode(cmt_point *out, const uint8_t bytes[32]);

/** The encoding that RFC 8032 wants. */
void cmt_point_encode(uint8_t bytes[32], const cmt_point *point);

void cmt_point_double(cmt_point *out, const cmt_point *a);
/** The same without T: what comes of it may only be doubled. */
void cmt_point_double_without_t(cmt_point *out, const cmt_point *a);

/** a + b, or a - b. */
void cmt_point_add(cmt_point *out, const cmt_point *a, const cmt_point_addend *b, bool minus);

cmt_point_addend cmt_point_as_addend(const cmt_point *a);

/** out[i] = (2i + 1) a, for i below @p count. */
void cmt_point_odd_multiples(cmt_point_addend *out, size_t count, const cmt_point *a);

/** True for the eight points whose order divides 8. */
bool cmt_point_has_small_order(const cmt_point *a);

#endif
