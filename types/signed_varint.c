/* SPDX-License-Identifier: Apache-2.0
 *
 * Go's binary.PutVarint: zig-zag, unlike the numbers of protobuf messages.
 */
#include "cmtstore/types.h"

#include "coding.h"

cmt_status cmt_signed_varint_decode(cmt_slice bytes, int64_t *out, cmt_error *err)
{
    uint64_t zigzag = 0;
    const uint8_t *next = NULL;
    if (bytes.size > 0)
        next = cmt_varint_get(bytes.data, bytes.data + bytes.size, &zigzag);
    if (next == NULL || next != bytes.data + bytes.size)
        return cmt_error_set(err, CMT_CORRUPT, "%zu bytes are not one signed varint", bytes.size);
    uint64_t value = zigzag >> 1;
    *out = (int64_t)(zigzag & 1 ? ~value : value);
    return CMT_OK;
}

cmt_status cmt_signed_varint_encode(int64_t value, cmt_buf *out)
{
    uint64_t zigzag = (uint64_t)value << 1;
    if (value < 0)
        zigzag = ~zigzag;
    uint8_t bytes[CMT_VARINT_MAX];
    return cmt_buf_set(out, (cmt_slice){bytes, cmt_varint_put(bytes, zigzag)});
}
