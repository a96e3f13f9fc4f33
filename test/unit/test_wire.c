/* SPDX-License-Identifier: Apache-2.0
 *
 * Protobuf's wire format by hand, and protobuf-c within bounds.
 */
#include "types_support.h"

#include "cmtstore.pb-c.h"
#include "unpack.h"
#include "wire.h"

/* The number of fields read, or -1 if the bytes are damaged. */
static int count_fields(cmt_slice bytes, cmt_error *err)
{
    cmt_wire_reader r = cmt_wire_read("Message", bytes);
    cmt_wire_field f;
    int count = 0;
    while (cmt_wire_next(&r, &f))
        count++;
    return cmt_wire_end(&r, err) == CMT_OK ? count : -1;
}

static int count_hex(const char *hex, cmt_error *err)
{
    cmt_buf bytes = test_unhex(hex);
    int count = count_fields(cmt_buf_slice(&bytes), err);
    cmt_buf_free(&bytes);
    return count;
}

START_TEST(reads_every_wire_type)
{
    cmt_buf bytes = test_unhex("089601 1203616263 190102030405060708 2501020304 f8ffffff0f01");
    cmt_wire_reader r = cmt_wire_read("Message", cmt_buf_slice(&bytes));
    cmt_wire_field f;
    ck_assert(cmt_wire_next(&r, &f));
    ck_assert(f.number == 1 && f.type == CMT_WIRE_VARINT && f.value == 150);
    ck_assert(cmt_wire_next(&r, &f));
    ck_assert(f.number == 2 && f.type == CMT_WIRE_BYTES);
    ck_assert(cmt_slice_equal(f.bytes, CMT_SLICE("abc")));
    ck_assert(cmt_wire_next(&r, &f));
    ck_assert(f.number == 3 && f.type == CMT_WIRE_FIXED64 && f.value == 0x0807060504030201u);
    ck_assert(cmt_wire_next(&r, &f));
    ck_assert(f.number == 4 && f.type == CMT_WIRE_FIXED32 && f.value == 0x04030201u);
    ck_assert(cmt_wire_next(&r, &f));
    ck_assert(f.number == 536870911 && f.value == 1);
    ck_assert(!cmt_wire_next(&r, &f));
    ck_assert_int_eq(cmt_wire_end(&r, NULL), CMT_OK);
    cmt_buf_free(&bytes);
}
END_TEST

START_TEST(drops_what_a_number_has_beyond_64_bits)
{
    cmt_buf bytes = test_unhex("08ffffffffffffffffff03 08ffffffffffffffffff7e");
    cmt_wire_reader r = cmt_wire_read("Message", cmt_buf_slice(&bytes));
    cmt_wire_field f;
    ck_assert(cmt_wire_next(&r, &f));
    ck_assert_uint_eq(f.value, UINT64_MAX);
    ck_assert(cmt_wire_next(&r, &f));
    ck_assert_uint_eq(f.value, UINT64_MAX >> 1);
    ck_assert(!cmt_wire_next(&r, &f));
    cmt_buf_free(&bytes);
}
END_TEST

START_TEST(borrows_bytes_where_they_stand)
{
    cmt_buf bytes = test_unhex("1203616263 1200");
    cmt_wire_reader r = cmt_wire_read("Message", cmt_buf_slice(&bytes));
    cmt_wire_field f;
    ck_assert(cmt_wire_next(&r, &f));
    ck_assert_ptr_eq(f.bytes.data, bytes.data + 2);
    ck_assert(cmt_wire_next(&r, &f));
    ck_assert_uint_eq(f.bytes.size, 0);
    ck_assert_ptr_nonnull(f.bytes.data);
    cmt_buf_free(&bytes);
}
END_TEST

START_TEST(reads_an_empty_message)
{
    ck_assert_int_eq(count_fields((cmt_slice){NULL, 0}, NULL), 0);
}
END_TEST

START_TEST(refuses_every_cut)
{
    /* Fields end at these offsets, and nowhere else may the bytes end. */
    static const size_t ends[] = {0, 3, 8, 17, 22};
    cmt_buf whole = test_unhex("089601 1203616263 190102030405060708 2501020304");
    for (size_t size = 0; size <= whole.size; size++) {
        int fields = -1;
        for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++)
            fields = ends[i] == size ? (int)i : fields;
        cmt_buf cut = test_copy(whole.data, size);
        ck_assert_int_eq(count_fields(cmt_buf_slice(&cut), NULL), fields);
        cmt_buf_free(&cut);
    }
    cmt_buf_free(&whole);
}
END_TEST

START_TEST(refuses_what_is_no_field)
{
    static const char *const damaged[] = {
        "0001",                     /* field number 0 */
        "808080801001",             /* field number 2^29 */
        "0b0c",                     /* a group */
        "0c",                       /* the end of one */
        "0e00",                     /* wire type 6 */
        "0f00",                     /* wire type 7 */
        "08ffffffffffffffffffff01", /* eleven bytes */
        "08ffffffffffffffffffff01", /* eleven bytes */
        "12ffffffffffffffffff0141", /* a length of 2^64-1 */
        "12ffffffff0741",           /* a length of 2^31-1 */
    };
    for (size_t i = 0; i < sizeof damaged / sizeof damaged[0]; i++) {
        cmt_error err = CMT_ERROR_INIT;
        ck_assert_msg(count_hex(damaged[i], &err) == -1, "%s passed", damaged[i]);
        ck_assert_int_eq(err.code, CMT_CORRUPT);
    }
    ck_assert_int_eq(count_hex("08ffffffffffffffffff01", NULL), 1);
}
END_TEST

START_TEST(names_the_damaged_byte)
{
    cmt_error err = CMT_ERROR_INIT;
    ck_assert_int_eq(count_hex("0801 1204616263", &err), -1);
    ck_assert_str_eq(err.message, "Message: byte 2 of 7: a field is cut short or of unknown type");
}
END_TEST

START_TEST(refuses_another_wire_type_than_asked_for)
{
    cmt_buf bytes = test_unhex("1203616263 0801");
    cmt_wire_reader r = cmt_wire_read("Message", cmt_buf_slice(&bytes));
    cmt_wire_field f;
    cmt_error err = CMT_ERROR_INIT;
    int64_t number = 7;
    uint64_t natural = 7;
    cmt_slice text = {NULL, 7};
    ck_assert(cmt_wire_next(&r, &f));
    ck_assert_int_eq(cmt_wire_get_int64(&r, &f, &number, &err), CMT_CORRUPT);
    ck_assert_str_eq(err.message, "Message: field 2 has wire type 2 instead of 0");
    ck_assert_int_eq(cmt_wire_get_uint64(&r, &f, &natural, &err), CMT_CORRUPT);
    ck_assert(cmt_wire_next(&r, &f));
    ck_assert_int_eq(cmt_wire_get_bytes(&r, &f, &text, &err), CMT_CORRUPT);
    ck_assert(number == 7 && natural == 7 && text.size == 7);
    cmt_buf_free(&bytes);
}
END_TEST

START_TEST(refuses_a_borrowed_message_that_comes_twice)
{
    cmt_buf bytes = test_unhex("0a0141 0a0142");
    cmt_wire_reader r = cmt_wire_read("Message", cmt_buf_slice(&bytes));
    cmt_wire_field f;
    cmt_slice whole = {NULL, 0};
    bool seen = false;
    cmt_error err = CMT_ERROR_INIT;
    ck_assert(cmt_wire_next(&r, &f));
    ck_assert_int_eq(cmt_wire_get_whole(&r, &f, &seen, &whole, &err), CMT_OK);
    ck_assert(seen && cmt_slice_equal(whole, CMT_SLICE("A")));
    ck_assert(cmt_wire_next(&r, &f));
    ck_assert_int_eq(cmt_wire_get_whole(&r, &f, &seen, &whole, &err), CMT_CORRUPT);
    ck_assert_str_eq(err.message, "Message: field 1 comes twice");
    cmt_buf_free(&bytes);
}
END_TEST

START_TEST(leaves_out_what_gogoproto_leaves_out)
{
    cmt_buf out = CMT_BUF_INIT;
    ck_assert_int_eq(cmt_wire_start(&out, 0), CMT_OK);
    ck_assert_int_eq(cmt_wire_put_int64(&out, 1, 0), CMT_OK);
    ck_assert_int_eq(cmt_wire_put_uint64(&out, 2, 0), CMT_OK);
    ck_assert_int_eq(cmt_wire_put_bytes(&out, 3, (cmt_slice){NULL, 0}), CMT_OK);
    ck_assert_uint_eq(out.size, 0);
    ck_assert_int_eq(cmt_wire_put_message(&out, 3, (cmt_slice){NULL, 0}), CMT_OK);
    test_same(cmt_buf_slice(&out), "1a00");
    cmt_buf_free(&out);
}
END_TEST

START_TEST(writes_negative_numbers_in_ten_bytes)
{
    cmt_buf out = CMT_BUF_INIT;
    ck_assert_int_eq(cmt_wire_put_int64(&out, 4, -10), CMT_OK);
    test_same(cmt_buf_slice(&out), "20f6ffffffffffffffff01");
    cmt_buf_free(&out);
}
END_TEST

START_TEST(foretells_every_size)
{
    static const int64_t numbers[] = {0, 1, 127, 128, 16383, 16384, INT64_MAX, -1, INT64_MIN};
    static const size_t sizes[] = {0, 1, 127, 128, 16384};
    static const uint32_t fields[] = {1, 15, 16, 2047, 2048};
    static const uint8_t zeros[16384];
    cmt_buf out = CMT_BUF_INIT;
    for (size_t f = 0; f < sizeof fields / sizeof fields[0]; f++) {
        for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
            cmt_buf_clear(&out);
            ck_assert_int_eq(cmt_wire_put_int64(&out, fields[f], numbers[i]), CMT_OK);
            ck_assert_uint_eq(cmt_wire_size_int64(fields[f], numbers[i]), out.size);
        }
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
            cmt_slice bytes = {zeros, sizes[i]};
            cmt_buf_clear(&out);
            ck_assert_int_eq(cmt_wire_put_bytes(&out, fields[f], bytes), CMT_OK);
            ck_assert_uint_eq(cmt_wire_size_bytes(fields[f], sizes[i]), out.size);
            cmt_buf_clear(&out);
            ck_assert_int_eq(cmt_wire_put_message(&out, fields[f], bytes), CMT_OK);
            ck_assert_uint_eq(cmt_wire_size_message(fields[f], sizes[i]), out.size);
            ck_assert_int_eq(count_fields(cmt_buf_slice(&out), NULL), 1);
        }
    }
    cmt_buf_free(&out);
}
END_TEST

START_TEST(starts_over_in_a_used_buffer)
{
    cmt_buf out = CMT_BUF_INIT;
    ck_assert_int_eq(cmt_buf_append(&out, "old", 3), CMT_OK);
    ck_assert_int_eq(cmt_wire_start(&out, 100), CMT_OK);
    ck_assert_uint_eq(out.size, 0);
    ck_assert_uint_ge(out.capacity, 100);
    ck_assert_int_eq(cmt_buf_append(&out, "old", 3), CMT_OK);
    ck_assert_int_eq(cmt_wire_start(&out, SIZE_MAX), CMT_NO_MEMORY);
    ck_assert(cmt_slice_equal(cmt_buf_slice(&out), CMT_SLICE("old")));
    cmt_buf_free(&out);
}
END_TEST

/* ---- protobuf-c -------------------------------------------------------------------------- */

static cmt_status unpack_commit(cmt_slice bytes, size_t limit, ProtobufCMessage **out,
                                cmt_error *err)
{
    return cmt_pb_unpack(&cmt__pb__commit__descriptor, bytes, limit, out, err);
}

START_TEST(unpacks_with_generated_code)
{
    /* An unknown field 9 is passed over, a second block_id is merged into the first. */
    cmt_buf bytes = test_unhex("0805 1a03 0a0141 4a0100 1a06 12040801 1200 22020802");
    ProtobufCMessage *message;
    ck_assert_int_eq(unpack_commit(cmt_buf_slice(&bytes), 100, &message, NULL), CMT_OK);
    const Cmt__Pb__Commit *commit = (const Cmt__Pb__Commit *)message;
    ck_assert_int_eq(commit->height, 5);
    ck_assert_uint_eq(commit->block_id->hash.len, 1);
    ck_assert_uint_eq(commit->block_id->part_set_header->total, 1);
    ck_assert_uint_eq(commit->n_signatures, 1);
    ck_assert_int_eq(commit->signatures[0]->block_id_flag, 2);
    cmt_pb_free(&message);
    ck_assert_ptr_null(message);
    cmt_pb_free(&message);
    cmt_buf_free(&bytes);
}
END_TEST

START_TEST(refuses_to_unpack_more_than_the_limit)
{
    cmt_buf bytes = test_unhex("0805");
    ProtobufCMessage *message;
    cmt_error err = CMT_ERROR_INIT;
    ck_assert_int_eq(unpack_commit(cmt_buf_slice(&bytes), 1, &message, &err), CMT_CORRUPT);
    ck_assert_ptr_null(message);
    ck_assert_str_eq(err.message, "Commit: 2 bytes, more than the 1 it can have");
    cmt_buf_free(&bytes);
}
END_TEST

START_TEST(says_why_a_message_does_not_unpack)
{
    static const char *const cases[][2] = {
        {"0805 2202", "Commit: byte 2 of 4: a field is cut short or of unknown type"},
        {"0805 22020a05", "Commit: a field does not decode"}, /* cut inside the signature */
        {"0a0105", "Commit: a field does not decode"},        /* height as bytes */
        {"0001", "Commit: byte 0 of 2: no field begins here"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        cmt_buf bytes = test_unhex(cases[i][0]);
        ProtobufCMessage *message;
        cmt_error err = CMT_ERROR_INIT;
        ck_assert_int_eq(unpack_commit(cmt_buf_slice(&bytes), 100, &message, &err), CMT_CORRUPT);
        ck_assert_ptr_null(message);
        ck_assert_str_eq(err.message, cases[i][1]);
        cmt_buf_free(&bytes);
    }
}
END_TEST

/* Two bytes each: signatures without content, or unknown fields. */
static void check_flood(uint8_t first, uint8_t second)
{
    size_t size = (size_t)1 << 20;
    uint8_t *flood = malloc(size);
    ck_assert_ptr_nonnull(flood);
    for (size_t i = 0; i < size; i += 2) {
        flood[i] = first;
        flood[i + 1] = second;
    }
    ProtobufCMessage *message;
    cmt_error err = CMT_ERROR_INIT;
    ck_assert_int_eq(unpack_commit((cmt_slice){flood, size}, size, &message, &err), CMT_CORRUPT);
    ck_assert_ptr_null(message);
    ck_assert_str_eq(err.message, "Commit: 1048576 bytes hold too many fields");
    free(flood);
}

START_TEST(bounds_the_memory_that_a_message_can_ask_for)
{
    check_flood(0x22, 0x00);
    check_flood(0x7a, 0x00);
}
END_TEST

START_TEST(unpacks_ten_thousand_signatures)
{
    static const char signature[] = "22680802"
                                    "12141111111111111111111111111111111111111111"
                                    "1a0c0884e2cfaa061080cab5ee01"
                                    "2240";
    cmt_buf one = test_unhex(signature);
    cmt_buf all = CMT_BUF_INIT;
    static const uint8_t filler[64] = {1};
    for (int i = 0; i < 10000; i++) {
        ck_assert_int_eq(cmt_buf_append(&all, one.data, one.size), CMT_OK);
        ck_assert_int_eq(cmt_buf_append(&all, filler, sizeof filler), CMT_OK);
    }
    ProtobufCMessage *message;
    cmt_error err = CMT_ERROR_INIT;
    ck_assert_msg(unpack_commit(cmt_buf_slice(&all), all.size, &message, &err) == CMT_OK, "%s",
                  err.message);
    ck_assert_uint_eq(((const Cmt__Pb__Commit *)message)->n_signatures, 10000);
    cmt_pb_free(&message);
    cmt_buf_free(&all);
    cmt_buf_free(&one);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("wire");
    TCase *reader = tcase_create("reader");
    tcase_add_test(reader, reads_every_wire_type);
    tcase_add_test(reader, drops_what_a_number_has_beyond_64_bits);
    tcase_add_test(reader, borrows_bytes_where_they_stand);
    tcase_add_test(reader, reads_an_empty_message);
    tcase_add_test(reader, refuses_every_cut);
    tcase_add_test(reader, refuses_what_is_no_field);
    tcase_add_test(reader, names_the_damaged_byte);
    tcase_add_test(reader, refuses_another_wire_type_than_asked_for);
    tcase_add_test(reader, refuses_a_borrowed_message_that_comes_twice);
    suite_add_tcase(suite, reader);
    TCase *writer = tcase_create("writer");
    tcase_add_test(writer, leaves_out_what_gogoproto_leaves_out);
    tcase_add_test(writer, writes_negative_numbers_in_ten_bytes);
    tcase_add_test(writer, foretells_every_size);
    tcase_add_test(writer, starts_over_in_a_used_buffer);
    suite_add_tcase(suite, writer);
    TCase *unpack = tcase_create("unpack");
    tcase_add_test(unpack, unpacks_with_generated_code);
    tcase_add_test(unpack, refuses_to_unpack_more_than_the_limit);
    tcase_add_test(unpack, says_why_a_message_does_not_unpack);
    tcase_add_test(unpack, bounds_the_memory_that_a_message_can_ask_for);
    tcase_add_test(unpack, unpacks_ten_thousand_signatures);
    suite_add_tcase(suite, unpack);
    return suite_run(suite);
}
