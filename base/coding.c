/* SPDX-License-Identifier: Apache-2.0
 *
 * Varints.
 */
#include "coding.h"

const uint8_t *cmt_varint_get(const uint8_t *p, const uint8_t *end, uint64_t *value)
{
    uint64_t result = 0;
    for (unsigned shift = 0; p < end && shift < 64; shift += 7) {
        uint64_t byte = *p++;
        if (shift == 63 && byte > 1)
            return NULL;
        result |= (byte & 0x7f) << shift;
        if (byte < 0x80) {
            *value = result;
            return p;
        }
    }
    return NULL;
}

const uint8_t *cmt_varint_get_bytes(const uint8_t *p, const uint8_t *end, cmt_slice *bytes)
{
    uint64_t size;
    p = cmt_varint_get(p, end, &size);
    if (p == NULL || size > (uint64_t)(end - p))
        return NULL;
    *bytes = (cmt_slice){p, (size_t)size};
    return p + size;
}

size_t cmt_varint_put(uint8_t *p, uint64_t value)
{
    size_t n = 0;
    while (value >= 0x80) {
        p[n++] = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    p[n++] = (uint8_t)value;
    return n;
}

cmt_status cmt_buf_append_varint(cmt_buf *buf, uint64_t value)
{
    if (value < 0x80 && buf->size < buf->capacity) { /* most are of one byte */
        buf->data[buf->size++] = (uint8_t)value;
        return CMT_OK;
    }
    uint8_t bytes[CMT_VARINT_MAX];
    return cmt_buf_append(buf, bytes, cmt_varint_put(bytes, value));
}

cmt_status cmt_buf_append_bytes(cmt_buf *buf, cmt_slice bytes)
{
    CMT_TRY(cmt_buf_reserve(buf, bytes.size + CMT_VARINT_MAX));
    CMT_TRY(cmt_buf_append_varint(buf, bytes.size));
    return cmt_buf_append(buf, bytes.data, bytes.size);
}
