/* SPDX-License-Identifier: Apache-2.0
 *
 * Whether bytes are a message of a given structure, down to its smallest part, as gogoproto finds it
 * when it decodes them: known fields have their wire type, unknown ones are passed over.
 */
#ifndef CMT_TYPES_SHAPE_H
#define CMT_TYPES_SHAPE_H

#include "wire.h"

typedef struct cmt_shape cmt_shape;

typedef struct cmt_shape_field {
    uint32_t number; /* 0 ends the list */
    cmt_wire_type type;
    const cmt_shape *message; /* what is in it; NULL: anything */
} cmt_shape_field;

struct cmt_shape {
    const char *name;
    const cmt_shape_field *fields;
};

/* Messages inside messages inside …; no structure here goes as deep. */
#define CMT_SHAPE_DEPTH 8

/** @retval CMT_CORRUPT  they are not; err names the message and the byte in it */
CMT_MUST_CHECK cmt_status cmt_shape_check(const cmt_shape *shape, cmt_slice bytes, cmt_error *err);

#endif
