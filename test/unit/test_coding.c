/* SPDX-License-Identifier: Apache-2.0
 *
 * Varints, little-endian words and CRC-32C.
 */
#include "cleanup.h"
#include "coding.h"
#include "crc32c.h"
#include "suite.h"

#include <check.h>

#include <stdlib.h>
#include <string.h>

/* ---- varints ----------------------------------------------------------------------------- */

static void check_round_trip(uint64_t value)
{
    uint8_t bytes[CMT_VARINT_MAX];
    size_t size = cmt_varint_put(bytes, value);
    ck_assert_uint_le(size, CMT_VARINT_MAX);
    uint64_t again = ~value;
    ck_assert_ptr_eq(cmt_varint_get(bytes, bytes + size, &again), bytes + size);
    ck_assert_uint_eq(again, value);
    for (size_t cut = 0; cut < size; cut++)
        ck_assert_ptr_null(cmt_varint_get(bytes, bytes + cut, &again));
}

START_TEST(varints_of_every_length_come_back_and_cut_ones_do_not)
{
    for (unsigned bit = 0; bit < 64; bit++) {
        uint64_t power = (uint64_t)1 << bit;
        check_round_trip(power - 1);
        check_round_trip(power);
        check_round_trip(power + 1);
    }
    check_round_trip(UINT64_MAX);
}
END_TEST

START_TEST(varints_have_the_known_encoding)
{
    uint8_t bytes[CMT_VARINT_MAX];
    ck_assert_uint_eq(cmt_varint_put(bytes, 0), 1);
    ck_assert_uint_eq(bytes[0], 0);
    ck_assert_uint_eq(cmt_varint_put(bytes, 300), 2);
    ck_assert_mem_eq(bytes, "\xac\x02", 2);
    ck_assert_uint_eq(cmt_varint_put(bytes, UINT64_MAX), 10);
    ck_assert_mem_eq(bytes, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 10);
}
END_TEST

static const uint8_t *get(cmt_slice input, uint64_t *value)
{
    return cmt_varint_get(input.data, input.data + input.size, value);
}

START_TEST(a_varint_beyond_64_bits_is_refused)
{
    uint64_t value = 7;
    ck_assert_ptr_null(get(CMT_SLICE("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"), &value));
    ck_assert_ptr_null(get(CMT_SLICE("\x80\x80\x80\x80\x80\x80\x80\x80\x80\x7f"), &value));
    ck_assert_ptr_null(get(CMT_SLICE("\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01"), &value));
    ck_assert_uint_eq(value, 7);
}
END_TEST

START_TEST(a_varint_may_be_padded_as_long_as_it_fits)
{
    uint64_t value = 7;
    cmt_slice padded = CMT_SLICE("\x81\x80\x00");
    ck_assert_ptr_eq(get(padded, &value), padded.data + 3);
    ck_assert_uint_eq(value, 1);
}
END_TEST

START_TEST(announced_bytes_lie_inside_the_input)
{
    cmt_slice input = CMT_SLICE("\x05helloX");
    cmt_slice bytes = {NULL, 0};
    const uint8_t *end = input.data + input.size;
    ck_assert_ptr_eq(cmt_varint_get_bytes(input.data, end, &bytes), end - 1);
    ck_assert(cmt_slice_equal(bytes, CMT_SLICE("hello")));
    ck_assert_ptr_eq(cmt_varint_get_bytes(input.data, end - 1, &bytes), end - 1);
    ck_assert_ptr_null(cmt_varint_get_bytes(input.data, end - 2, &bytes));
    ck_assert_ptr_null(cmt_varint_get_bytes(input.data, input.data, &bytes));
}
END_TEST

START_TEST(a_huge_announced_length_does_not_wrap_around)
{
    cmt_slice input = CMT_SLICE("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01hello");
    cmt_slice bytes = {NULL, 0};
    ck_assert_ptr_null(cmt_varint_get_bytes(input.data, input.data + input.size, &bytes));
    ck_assert_ptr_null(bytes.data);
}
END_TEST

START_TEST(buffers_take_varints_and_announced_bytes)
{
    CMT_AUTO(cmt_buf_free) cmt_buf buf = CMT_BUF_INIT;
    ck_assert_int_eq(cmt_buf_append_varint(&buf, 300), CMT_OK);
    ck_assert_int_eq(cmt_buf_append_bytes(&buf, CMT_SLICE("key")), CMT_OK);
    ck_assert_int_eq(cmt_buf_append_bytes(&buf, (cmt_slice){NULL, 0}), CMT_OK);
    ck_assert(cmt_slice_equal(cmt_buf_slice(&buf), CMT_SLICE("\xac\x02\x03key\x00")));
    ck_assert_int_eq(cmt_buf_append_bytes(&buf, (cmt_slice){buf.data, SIZE_MAX / 2}),
                     CMT_NO_MEMORY);
    ck_assert_uint_eq(buf.size, 7);
}
END_TEST

START_TEST(words_are_little_endian)
{
    uint8_t bytes[8];
    cmt_store64(bytes, 0x8877665544332211u);
    ck_assert_mem_eq(bytes, "\x11\x22\x33\x44\x55\x66\x77\x88", 8);
    ck_assert_uint_eq(cmt_load64(bytes), 0x8877665544332211u);
    cmt_store32(bytes, 0xfffefdfcu);
    ck_assert_mem_eq(bytes, "\xfc\xfd\xfe\xff", 4);
    ck_assert_uint_eq(cmt_load32(bytes), 0xfffefdfcu);
}
END_TEST

/* ---- CRC-32C ----------------------------------------------------------------------------- */

#define SIZES 5001

/* Bytes without a pattern; the same in each run. */
static void fill(uint8_t *data, size_t size)
{
    uint32_t x = 2463534242u;
    for (size_t i = 0; i < size; i++) {
        x ^= x << 13;
        x ^= x >> 17;
        x ^= x << 5;
        data[i] = (uint8_t)(x >> 11);
    }
}

START_TEST(crc32c_has_the_known_values)
{
    uint8_t bytes[32];
    ck_assert_uint_eq(cmt_crc32c(0, "123456789", 9), 0xe3069283u);
    ck_assert_uint_eq(cmt_crc32c_portable(0, "123456789", 9), 0xe3069283u);
    memset(bytes, 0, sizeof bytes);
    ck_assert_uint_eq(cmt_crc32c(0, bytes, sizeof bytes), 0x8a9136aau);
    ck_assert_uint_eq(cmt_crc32c_portable(0, bytes, sizeof bytes), 0x8a9136aau);
    memset(bytes, 0xff, sizeof bytes);
    ck_assert_uint_eq(cmt_crc32c(0, bytes, sizeof bytes), 0x62a8ab43u);
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)i;
    ck_assert_uint_eq(cmt_crc32c(0, bytes, sizeof bytes), 0x46dd794eu);
    ck_assert_uint_eq(cmt_crc32c(0, "", 0), 0);
}
END_TEST

START_TEST(the_fast_crc32c_equals_the_portable_one_at_every_size)
{
    uint8_t *data = malloc(SIZES);
    ck_assert_ptr_nonnull(data);
    fill(data, SIZES);
    for (size_t size = 0; size < SIZES; size++) {
        uint32_t crc = (uint32_t)(size * 2654435761u);
        uint32_t fast = cmt_crc32c(crc, data, size);
        uint32_t portable = cmt_crc32c_portable(crc, data, size);
        ck_assert_msg(fast == portable, "size %zu: %08x, portable %08x", size, fast, portable);
    }
    free(data);
}
END_TEST

START_TEST(a_crc32c_may_be_continued_anywhere)
{
    static uint8_t data[20000];
    fill(data, sizeof data);
    uint32_t whole = cmt_crc32c(0, data, sizeof data);
    ck_assert_uint_eq(whole, cmt_crc32c_portable(0, data, sizeof data));
    for (size_t cut = 0; cut <= sizeof data; cut += 613) {
        uint32_t first = cmt_crc32c(0, data, cut);
        ck_assert_uint_eq(cmt_crc32c(first, data + cut, sizeof data - cut), whole);
    }
}
END_TEST

START_TEST(the_mask_is_leveldbs)
{
    uint32_t crc = cmt_crc32c(0, "foo", 3);
    ck_assert_uint_eq(cmt_crc32c_mask(crc), ((crc >> 15) | (crc << 17)) + 0xa282ead8u);
    ck_assert_uint_eq(cmt_crc32c_mask(0), 0xa282ead8u);
    ck_assert_uint_ne(cmt_crc32c_mask(crc), crc);
    ck_assert_uint_ne(cmt_crc32c_mask(cmt_crc32c_mask(crc)), crc);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("coding");
    TCase *varints = tcase_create("varints");
    tcase_add_test(varints, varints_of_every_length_come_back_and_cut_ones_do_not);
    tcase_add_test(varints, varints_have_the_known_encoding);
    tcase_add_test(varints, a_varint_beyond_64_bits_is_refused);
    tcase_add_test(varints, a_varint_may_be_padded_as_long_as_it_fits);
    tcase_add_test(varints, announced_bytes_lie_inside_the_input);
    tcase_add_test(varints, a_huge_announced_length_does_not_wrap_around);
    tcase_add_test(varints, buffers_take_varints_and_announced_bytes);
    tcase_add_test(varints, words_are_little_endian);
    suite_add_tcase(suite, varints);
    TCase *crc = tcase_create("crc32c");
    tcase_set_timeout(crc, 60);
    tcase_add_test(crc, crc32c_has_the_known_values);
    tcase_add_test(crc, the_fast_crc32c_equals_the_portable_one_at_every_size);
    tcase_add_test(crc, a_crc32c_may_be_continued_anywhere);
    tcase_add_test(crc, the_mask_is_leveldbs);
    suite_add_tcase(suite, crc);
    return suite_run(suite);
}
