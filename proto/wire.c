/* SPDX-License-Identifier: Apache-2.0
 *
 * Protobuf's wire format by hand.
 */
#include "wire.h"

#include "coding.h"

#define FIELD_NUMBER_MAX ((1u << 29) - 1)

/* ---- reading ----------------------------------------------------------------------------- */

cmt_wire_reader cmt_wire_read(const char *message, cmt_slice bytes)
{
    static const uint8_t nothing[1];
    const uint8_t *begin = bytes.size > 0 ? bytes.data : nothing;
    return (cmt_wire_reader){message, begin, begin, begin + bytes.size, NULL};
}

static bool fail(cmt_wire_reader *r, const char *damage)
{
    r->damage = damage;
    return false;
}

/* A number of at most ten bytes; what is beyond 64 bits is dropped, as gogoproto drops it. */
static const uint8_t *read_number(const uint8_t *p, const uint8_t *end, uint64_t *out)
{
    uint64_t value = 0;
    for (unsigned shift = 0; p < end && shift < 64; shift += 7) {
        uint64_t byte = *p++;
        value |= (byte & 0x7f) << shift;
        if (byte < 0x80) {
            *out = value;
            return p;
        }
    }
    return NULL;
}

/* Groups (types 3 and 4) end here too: they were gone before these messages were made. */
static const uint8_t *read_value(const uint8_t *p, const uint8_t *end, cmt_wire_field *f)
{
    size_t left = (size_t)(end - p);
    switch (f->type) {
    case CMT_WIRE_VARINT:
        return read_number(p, end, &f->value);
    case CMT_WIRE_BYTES:
        return cmt_varint_get_bytes(p, end, &f->bytes);
    case CMT_WIRE_FIXED64:
        if (left < 8)
            return NULL;
        f->value = cmt_load64(p);
        return p + 8;
    case CMT_WIRE_FIXED32:
        if (left < 4)
            return NULL;
        f->value = cmt_load32(p);
        return p + 4;
    }
    return NULL;
}

bool cmt_wire_next(cmt_wire_reader *r, cmt_wire_field *out)
{
    if (r->damage != NULL || r->next == r->end)
        return false;
    uint64_t tag;
    const uint8_t *p = cmt_varint_get(r->next, r->end, &tag);
    if (p == NULL || tag >> 3 == 0 || tag >> 3 > FIELD_NUMBER_MAX)
        return fail(r, "no field begins here");
    cmt_wire_field f = {(uint32_t)(tag >> 3), (cmt_wire_type)(tag & 7), 0, {NULL, 0}};
    p = read_value(p, r->end, &f);
    if (p == NULL)
        return fail(r, "a field is cut short or of unknown type");
    r->next = p;
    *out = f;
    return true;
}

cmt_status cmt_wire_end(const cmt_wire_reader *r, cmt_error *err)
{
    if (r->damage == NULL)
        return CMT_OK;
    return cmt_error_set(err, CMT_CORRUPT, "%s: byte %zu of %zu: %s", r->message,
                         (size_t)(r->next - r->begin), (size_t)(r->end - r->begin), r->damage);
}

static cmt_status check_type(const cmt_wire_reader *r, const cmt_wire_field *f, cmt_wire_type type,
                             cmt_error *err)
{
    if (f->type == type)
        return CMT_OK;
    return cmt_error_set(err, CMT_CORRUPT, "%s: field %u has wire type %d instead of %d",
                         r->message, f->number, (int)f->type, (int)type);
}

cmt_status cmt_wire_get_uint64(const cmt_wire_reader *r, const cmt_wire_field *f, uint64_t *out,
                               cmt_error *err)
{
    CMT_TRY(check_type(r, f, CMT_WIRE_VARINT, err));
    *out = f->value;
    return CMT_OK;
}

cmt_status cmt_wire_get_int64(const cmt_wire_reader *r, const cmt_wire_field *f, int64_t *out,
                              cmt_error *err)
{
    CMT_TRY(check_type(r, f, CMT_WIRE_VARINT, err));
    *out = (int64_t)f->value;
    return CMT_OK;
}

cmt_status cmt_wire_get_bytes(const cmt_wire_reader *r, const cmt_wire_field *f, cmt_slice *out,
                              cmt_error *err)
{
    CMT_TRY(check_type(r, f, CMT_WIRE_BYTES, err));
    *out = f->bytes;
    return CMT_OK;
}

cmt_status cmt_wire_get_whole(const cmt_wire_reader *r, const cmt_wire_field *f, bool *seen,
                              cmt_slice *out, cmt_error *err)
{
    if (*seen)
        return cmt_error_set(err, CMT_CORRUPT, "%s: field %u comes twice", r->message, f->number);
    CMT_TRY(cmt_wire_get_bytes(r, f, out, err));
    *seen = true;
    return CMT_OK;
}

/* ---- writing ----------------------------------------------------------------------------- */

static uint64_t tag_of(uint32_t number, cmt_wire_type type)
{
    return (uint64_t)number << 3 | (uint64_t)type;
}

static size_t varint_size(uint64_t value)
{
    size_t size = 1;
    for (; value >= 0x80; value >>= 7)
        size++;
    return size;
}

cmt_status cmt_wire_start(cmt_buf *out, size_t size)
{
    size_t old_size = out->size;
    out->size = 0;
    cmt_status st = cmt_buf_reserve(out, size);
    if (st != CMT_OK)
        out->size = old_size;
    return st;
}

cmt_status cmt_wire_put_uint64(cmt_buf *out, uint32_t number, uint64_t value)
{
    if (value == 0)
        return CMT_OK;
    CMT_TRY(cmt_buf_append_varint(out, tag_of(number, CMT_WIRE_VARINT)));
    return cmt_buf_append_varint(out, value);
}

cmt_status cmt_wire_put_int64(cmt_buf *out, uint32_t number, int64_t value)
{
    return cmt_wire_put_uint64(out, number, (uint64_t)value);
}

cmt_status cmt_wire_put_fixed64(cmt_buf *out, uint32_t number, int64_t value)
{
    if (value == 0)
        return CMT_OK;
    CMT_TRY(cmt_buf_append_varint(out, tag_of(number, CMT_WIRE_FIXED64)));
    uint8_t bytes[8];
    cmt_store64(bytes, (uint64_t)value);
    return cmt_buf_append(out, bytes, sizeof bytes);
}

cmt_status cmt_wire_put_bytes(cmt_buf *out, uint32_t number, cmt_slice bytes)
{
    return bytes.size > 0 ? cmt_wire_put_message(out, number, bytes) : CMT_OK;
}

cmt_status cmt_wire_put_message(cmt_buf *out, uint32_t number, cmt_slice bytes)
{
    CMT_TRY(cmt_wire_put_head(out, number, bytes.size));
    return cmt_buf_append(out, bytes.data, bytes.size);
}

cmt_status cmt_wire_put_head(cmt_buf *out, uint32_t number, size_t size)
{
    CMT_TRY(cmt_buf_append_varint(out, tag_of(number, CMT_WIRE_BYTES)));
    return cmt_buf_append_varint(out, size);
}

size_t cmt_wire_size_int64(uint32_t number, int64_t value)
{
    if (value == 0)
        return 0;
    return varint_size(tag_of(number, CMT_WIRE_VARINT)) + varint_size((uint64_t)value);
}

size_t cmt_wire_size_fixed64(uint32_t number, int64_t value)
{
    return value == 0 ? 0 : varint_size(tag_of(number, CMT_WIRE_FIXED64)) + 8;
}

size_t cmt_wire_size_bytes(uint32_t number, size_t size)
{
    return size > 0 ? cmt_wire_size_message(number, size) : 0;
}

size_t cmt_wire_size_message(uint32_t number, size_t size)
{
    return varint_size(tag_of(number, CMT_WIRE_BYTES)) + varint_size(size) + size;
}
