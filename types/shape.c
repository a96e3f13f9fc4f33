/* SPDX-License-Identifier: Apache-2.0
 *
 * Structures of messages, checked without decoding them.
 */
#include "shape.h"

static const cmt_shape_field *find(const cmt_shape *shape, uint32_t number)
{
    for (const cmt_shape_field *field = shape->fields; field->number != 0; field++)
        if (field->number == number)
            return field;
    return NULL;
}

static cmt_status check_type(const cmt_shape *shape, const cmt_wire_field *f,
                             const cmt_shape_field *known, cmt_error *err)
{
    if (known == NULL || known->type == f->type)
        return CMT_OK;
    return cmt_error_set(err, CMT_CORRUPT, "%s: field %u has wire type %d instead of %d",
                         shape->name, (unsigned)f->number, (int)f->type, (int)known->type);
}

cmt_status cmt_shape_check(const cmt_shape *shape, cmt_slice bytes, cmt_error *err)
{
    const cmt_shape *shapes[CMT_SHAPE_DEPTH];
    cmt_wire_reader readers[CMT_SHAPE_DEPTH];
    size_t depth = 0;
    shapes[0] = shape;
    readers[0] = cmt_wire_read(shape->name, bytes);
    for (;;) {
        cmt_wire_field f;
        if (!cmt_wire_next(&readers[depth], &f)) {
            CMT_TRY(cmt_wire_end(&readers[depth], err));
            if (depth == 0)
                return CMT_OK;
            depth--;
            continue;
        }
        const cmt_shape_field *known = find(shapes[depth], f.number);
        CMT_TRY(check_type(shapes[depth], &f, known, err));
        if (known == NULL || known->message == NULL)
            continue;
        if (depth + 1 == CMT_SHAPE_DEPTH)
            return cmt_error_set(err, CMT_CORRUPT, "%s: too deep", known->message->name);
        depth++;
        shapes[depth] = known->message;
        readers[depth] = cmt_wire_read(known->message->name, f.bytes);
    }
}
