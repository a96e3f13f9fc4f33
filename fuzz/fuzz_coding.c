/* SPDX-License-Identifier: Apache-2.0
 *
 * Varints: whatever decodes lies inside the input, and its value survives encoding again.
 */
#include "fuzz.h"

#include "coding.h"

static void check_number(const uint8_t *p, const uint8_t *end)
{
    uint64_t value = 0;
    const uint8_t *behind = cmt_varint_get(p, end, &value);
    if (behind == NULL)
        return;
    FUZZ_CHECK(behind > p && behind <= end && behind - p <= CMT_VARINT_MAX);
    uint8_t bytes[CMT_VARINT_MAX];
    size_t size = cmt_varint_put(bytes, value);
    FUZZ_CHECK(size <= (size_t)(behind - p));
    uint64_t again = ~value;
    FUZZ_CHECK(cmt_varint_get(bytes, bytes + size, &again) == bytes + size);
    FUZZ_CHECK(again == value);
}

static void check_bytes(const uint8_t *p, const uint8_t *end)
{
    cmt_slice slice = {NULL, 0};
    const uint8_t *behind = cmt_varint_get_bytes(p, end, &slice);
    if (behind == NULL)
        return;
    FUZZ_CHECK(slice.data > p && slice.data + slice.size == behind && behind <= end);
    cmt_buf buf = CMT_BUF_INIT;
    if (cmt_buf_append_bytes(&buf, slice) == CMT_OK) {
        cmt_slice again = {NULL, 0};
        const uint8_t *last = cmt_varint_get_bytes(buf.data, buf.data + buf.size, &again);
        FUZZ_CHECK(last == buf.data + buf.size);
        FUZZ_CHECK(cmt_slice_equal(slice, again));
    }
    cmt_buf_free(&buf);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    for (size_t i = 0; i <= size && i < 64; i++) {
        check_number(data + i, data + size);
        check_bytes(data + i, data + size);
    }
    return 0;
}
