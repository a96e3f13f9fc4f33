/* SPDX-License-Identifier: Apache-2.0
 *
 * Validator sets in both encodings, and ValidatorsInfo.
 */
#include "types_support.h"
#include "types_vectors.h"

#include "cmtstore.pb-c.h"
#include "cmtstore/types.h"
#include "unpack.h"

/* Decode @p hex, which must fail with @p why. */
static void refuses(const char *hex, const char *why)
{
    cmt_buf bytes = test_unhex(hex);
    cmt_validator_set set;
    cmt_error err = CMT_ERROR_INIT;
    ck_assert_msg(cmt_validator_set_decode(cmt_buf_slice(&bytes), &set, &err) == CMT_CORRUPT,
                  "%s passed", hex);
    ck_assert_str_eq(err.message, why);
    ck_assert_int_eq(err.code, CMT_CORRUPT);
    ck_assert_ptr_null(set.validators);
    ck_assert_uint_eq(set.count, 0);
    cmt_buf_free(&bytes);
}

START_TEST(reads_a_set_of_034_to_040)
{
    cmt_buf bytes = test_unhex(V_SET_04);
    cmt_validator_set set;
    ck_assert_int_eq(cmt_validator_set_decode(cmt_buf_slice(&bytes), &set, NULL), CMT_OK);
    ck_assert_uint_eq(set.count, 1);
    const cmt_validator *v = &set.validators[0];
    test_same(v->address, V_ADDRESS);
    ck_assert(v->has_pub_key);
    test_same(v->pub_key, "0a20" V_KEY);
    ck_assert(v->key_bytes.size == 0 && v->key_type.size == 0);
    ck_assert_int_eq(v->voting_power, 10);
    ck_assert_int_eq(v->proposer_priority, 0);
    ck_assert_int_eq(set.total_voting_power, 10);
    ck_assert_int_eq(set.stored_total, 0);
    ck_assert(set.has_proposer);
    test_same(set.proposer.address, V_ADDRESS);
    ck_assert_ptr_eq(v->address.data, bytes.data + 4);
    cmt_validator_set_free(&set);
    ck_assert_ptr_null(set.validators);
    cmt_validator_set_free(&set);
    cmt_validator_set_free(NULL);
    cmt_buf_free(&bytes);
}
END_TEST

START_TEST(reads_a_set_of_10)
{
    cmt_buf bytes = test_unhex(V_SET_10);
    cmt_validator_set set;
    ck_assert_int_eq(cmt_validator_set_decode(cmt_buf_slice(&bytes), &set, NULL), CMT_OK);
    ck_assert_uint_eq(set.count, 1);
    const cmt_validator *v = &set.validators[0];
    test_same(v->address, V_ADDRESS);
    ck_assert(!v->has_pub_key && v->pub_key.size == 0);
    test_same(v->key_bytes, V_KEY);
    ck_assert(cmt_slice_equal(v->key_type, CMT_SLICE("ed25519")));
    ck_assert_int_eq(v->voting_power, 10);
    ck_assert(set.has_proposer);
    cmt_validator_set_free(&set);
    cmt_buf_free(&bytes);
}
END_TEST

#define KEY_04 "12220a20" V_KEY

/* Two validators of different generations; priorities -10 and 5; the second proposes. */
#define OTHER_ADDRESS "6666666666666666666666666666666666666666"
#define MIXED_FIRST "0a47" V_VALIDATOR_04 "20f6ffffffffffffffff01"
#define MIXED_OTHER "0a14" OTHER_ADDRESS "1805 2005 2a20" V_KEY "320765643235353139"
#define MIXED MIXED_FIRST "0a45" MIXED_OTHER "1245" MIXED_OTHER

static const char *const round_trips[] = {
    V_SET_04,
    V_SET_10,
    MIXED,
    MIXED "182a", /* a total, as CometBFT never writes it */
    MIXED "18ffffffffffffffffff01",
    "", /* the empty set */
    /* 1.0's field 2 and its own, both */
    "0a69 0a14" V_ADDRESS "1222 0a20" V_KEY "1807 2001 2a20" V_KEY "320765643235353139"
    "1269 0a14" V_ADDRESS "1222 0a20" V_KEY "1807 2001 2a20" V_KEY "320765643235353139",
};

START_TEST(writes_each_validator_in_its_own_generation)
{
    cmt_buf bytes = test_unhex(round_trips[_i]);
    cmt_buf out = CMT_BUF_INIT;
    cmt_validator_set set;
    cmt_error err = CMT_ERROR_INIT;
    ck_assert_msg(cmt_validator_set_decode(cmt_buf_slice(&bytes), &set, &err) == CMT_OK, "%s",
                  err.message);
    ck_assert_int_eq(cmt_buf_append(&out, "old", 3), CMT_OK);
    ck_assert_int_eq(cmt_validator_set_encode(&set, &out), CMT_OK);
    test_same(cmt_buf_slice(&out), round_trips[_i]);
    cmt_validator_set_free(&set);
    cmt_buf_free(&out);
    cmt_buf_free(&bytes);
}
END_TEST

START_TEST(writes_fields_in_order_however_they_came)
{
    cmt_buf bytes = test_unhex("123c 180a" KEY_04 "0a14" V_ADDRESS
                               "0a45 4203aabbcc 1805 180a" KEY_04 "2000 0a14" V_ADDRESS);
    cmt_buf out = CMT_BUF_INIT;
    cmt_validator_set set;
    cmt_error err = CMT_ERROR_INIT;
    ck_assert_msg(cmt_validator_set_decode(cmt_buf_slice(&bytes), &set, &err) == CMT_OK, "%s",
                  err.message);
    ck_assert_int_eq(cmt_validator_set_encode(&set, &out), CMT_OK);
    test_same(cmt_buf_slice(&out), V_SET_04);
    cmt_validator_set_free(&set);
    cmt_buf_free(&out);
    cmt_buf_free(&bytes);
}
END_TEST

START_TEST(agrees_with_generated_code)
{
    cmt_buf bytes = test_unhex(MIXED "182a");
    cmt_validator_set set;
    ProtobufCMessage *message;
    ck_assert_int_eq(cmt_validator_set_decode(cmt_buf_slice(&bytes), &set, NULL), CMT_OK);
    ck_assert_int_eq(cmt_pb_unpack(&cmt__pb__validator_set__descriptor, cmt_buf_slice(&bytes),
                                   bytes.size, &message, NULL),
                     CMT_OK);
    const Cmt__Pb__ValidatorSet *pb = (const Cmt__Pb__ValidatorSet *)message;
    ck_assert_uint_eq(set.count, pb->n_validators);
    for (size_t i = 0; i < set.count; i++) {
        const cmt_validator *v = &set.validators[i];
        const Cmt__Pb__Validator *w = pb->validators[i];
        ck_assert(cmt_slice_equal(v->address, (cmt_slice){w->address.data, w->address.len}));
        ck_assert(cmt_slice_equal(v->pub_key, (cmt_slice){w->pub_key.data, w->pub_key.len}));
        ck_assert(cmt_slice_equal(v->key_bytes,
                                  (cmt_slice){w->pub_key_bytes.data, w->pub_key_bytes.len}));
        ck_assert(
            cmt_slice_equal(v->key_type, (cmt_slice){w->pub_key_type.data, w->pub_key_type.len}));
        ck_assert_int_eq(v->voting_power, w->voting_power);
        ck_assert_int_eq(v->proposer_priority, w->proposer_priority);
    }
    ck_assert_int_eq(set.proposer.proposer_priority, pb->proposer->proposer_priority);
    ck_assert_int_eq(set.stored_total, pb->total_voting_power);
    ck_assert_int_eq(set.total_voting_power, 15);
    cmt_pb_free(&message);
    cmt_validator_set_free(&set);
    cmt_buf_free(&bytes);
}
END_TEST

#define ONE_04(size, tail) "0a" size "0a14" V_ADDRESS KEY_04 tail

START_TEST(refuses_a_set_that_cometbft_refuses)
{
    refuses(ONE_04("45", "18ffffffffffffffffff01"),
            "ValidatorSet: validator 0: voting power -1 is negative");
    refuses(ONE_04("3c", "180a"), "ValidatorSet: it has no proposer");
    refuses(ONE_04("3c", "180a") "1245" MIXED_OTHER,
            "ValidatorSet: the proposer is none of its validators");
    refuses("123c" V_VALIDATOR_04, "ValidatorSet: the proposer is none of its validators");
    refuses(ONE_04("3c", "180a") "1216 0a14" V_ADDRESS,
            "ValidatorSet: proposer: it has no public key");
    refuses("0a3c" V_VALIDATOR_04 "0a18 0a14" V_ADDRESS "180a 123c" V_VALIDATOR_04,
            "ValidatorSet: validator 1: it has no public key");
    refuses("0a1a 0a14" V_ADDRESS "180a 1200", "ValidatorSet: validator 0: it has no public key");
    refuses("0a3a 0a14" V_ADDRESS "180a 2a20" V_KEY,
            "ValidatorSet: validator 0: it has no public key");
    refuses("0a3c" V_VALIDATOR_04 "0a3b 0a13 11111111111111111111111111111111111111" KEY_04
            "180a 123c" V_VALIDATOR_04,
            "ValidatorSet: validator 1: address of 19 bytes instead of 20");
    refuses("0a15 0a13 11111111111111111111111111111111111111",
            "ValidatorSet: validator 0 has 21 bytes");
    refuses("0a3c" V_VALIDATOR_04 "0a00", "ValidatorSet: validator 1 has 0 bytes");
}
END_TEST

START_TEST(refuses_damaged_sets)
{
    refuses("0801", "ValidatorSet: field 1 has wire type 0 instead of 2");
    refuses("1a00", "ValidatorSet: field 3 has wire type 2 instead of 0");
    refuses("0a3c", "ValidatorSet: byte 0 of 2: a field is cut short or of unknown type");
    refuses(ONE_04("3d", "180a18"), "ValidatorSet: validator 0: Validator: byte 60 of 61: "
                                    "a field is cut short or of unknown type");
    refuses(ONE_04("60", "180a" KEY_04),
            "ValidatorSet: validator 0: Validator: field 2 comes twice");
    refuses("1203 0a0141 1202 1200 1202 1200", "Validator: field 2 comes twice");
    refuses("1202 0800", "Validator: field 1 has wire type 0 instead of 2");
}
END_TEST

/* A set of two powers, as hex of varints. */
#define POWERS(size_a, power_a, size_b, power_b)                                                   \
    "0a" size_a "0a14" V_ADDRESS KEY_04 "18" power_a "0a" size_b "0a14" OTHER_ADDRESS KEY_04       \
    "18" power_b "123c" V_VALIDATOR_04

START_TEST(limits_the_total_power)
{
    /* (2^63-1)/8 = 1152921504606846975 */
    const char *limit = POWERS("44", "feffffffffffffff0f", "3c", "01");
    cmt_buf bytes = test_unhex(limit);
    cmt_validator_set set;
    ck_assert_int_eq(cmt_validator_set_decode(cmt_buf_slice(&bytes), &set, NULL), CMT_OK);
    ck_assert_int_eq(set.total_voting_power, 1152921504606846975);
    cmt_validator_set_free(&set);
    cmt_buf_free(&bytes);

    const char *why = "ValidatorSet: the total voting power exceeds 1152921504606846975";
    refuses(POWERS("44", "feffffffffffffff0f", "3c", "02"), why);
    refuses(POWERS("44", "ffffffffffffffff7f", "3c", "01"), why);
    refuses(POWERS("44", "ffffffffffffffff7f", "44", "ffffffffffffffff7f"), why);
}
END_TEST

/* ---- ValidatorsInfo ---------------------------------------------------------------------- */

START_TEST(reads_and_writes_full_records)
{
    static const char *const cases[][2] = {
        {V_VALIDATORS_INFO_04, V_SET_04}, {V_VALIDATORS_INFO_10, V_SET_10}, {"0a001001", ""}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        cmt_buf bytes = test_unhex(cases[i][0]);
        cmt_buf out = CMT_BUF_INIT;
        cmt_validators_info info;
        ck_assert_int_eq(cmt_validators_info_decode(cmt_buf_slice(&bytes), &info, NULL), CMT_OK);
        ck_assert(info.has_set);
        ck_assert_int_eq(info.last_height_changed, 1);
        test_same(info.set, cases[i][1]);
        ck_assert_int_eq(cmt_validators_info_encode(info.set, 1, &out), CMT_OK);
        test_same(cmt_buf_slice(&out), cases[i][0]);
        cmt_buf_free(&out);
        cmt_buf_free(&bytes);
    }
}
END_TEST

START_TEST(reads_and_writes_pointers)
{
    static const struct {
        const char *hex;
        int64_t height;
    } cases[] = {{"1001", 1}, {"10a08d06", 100000}, {"10ffffffffffffffff7f", INT64_MAX}, {"", 0}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        cmt_buf bytes = test_unhex(cases[i].hex);
        cmt_buf out = CMT_BUF_INIT;
        cmt_validators_info info;
        ck_assert_int_eq(cmt_validators_info_decode(cmt_buf_slice(&bytes), &info, NULL), CMT_OK);
        ck_assert(!info.has_set);
        ck_assert_int_eq(info.last_height_changed, cases[i].height);
        ck_assert_int_eq(cmt_validators_info_encode_pointer(cases[i].height, &out), CMT_OK);
        test_same(cmt_buf_slice(&out), cases[i].hex);
        cmt_buf_free(&out);
        cmt_buf_free(&bytes);
    }
}
END_TEST

START_TEST(refuses_damaged_records)
{
    static const char *const cases[][2] = {
        {"10ffffffffffffffffff01",
         "ValidatorsInfo: last_height_changed: -1 is not in [0,9223372036854775807]"},
        {"0a00 0a00 1001", "ValidatorsInfo: field 1 comes twice"},
        {"0a02", "ValidatorsInfo: byte 0 of 2: a field is cut short or of unknown type"},
        {"1201aa", "ValidatorsInfo: field 2 has wire type 2 instead of 0"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        cmt_buf bytes = test_unhex(cases[i][0]);
        cmt_validators_info info = {.last_height_changed = 9};
        cmt_error err = CMT_ERROR_INIT;
        ck_assert_int_eq(cmt_validators_info_decode(cmt_buf_slice(&bytes), &info, &err),
                         CMT_CORRUPT);
        ck_assert_str_eq(err.message, cases[i][1]);
        ck_assert_int_eq(info.last_height_changed, 9);
        cmt_buf_free(&bytes);
    }
}
END_TEST

START_TEST(finds_where_a_pointer_leads)
{
    ck_assert_int_eq(cmt_validators_stored_height(99, 1), 1);
    ck_assert_int_eq(cmt_validators_stored_height(99999, 1), 1);
    ck_assert_int_eq(cmt_validators_stored_height(100000, 1), 100000);
    ck_assert_int_eq(cmt_validators_stored_height(199999, 1), 100000);
    ck_assert_int_eq(cmt_validators_stored_height(199999, 150000), 150000);
    ck_assert_int_eq(cmt_validators_stored_height(INT64_MAX, 5), INT64_MAX - INT64_MAX % 100000);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("types_validators");
    TCase *sets = tcase_create("set");
    tcase_add_test(sets, reads_a_set_of_034_to_040);
    tcase_add_test(sets, reads_a_set_of_10);
    tcase_add_loop_test(sets, writes_each_validator_in_its_own_generation, 0,
                        (int)(sizeof round_trips / sizeof round_trips[0]));
    tcase_add_test(sets, writes_fields_in_order_however_they_came);
    tcase_add_test(sets, agrees_with_generated_code);
    tcase_add_test(sets, refuses_a_set_that_cometbft_refuses);
    tcase_add_test(sets, refuses_damaged_sets);
    tcase_add_test(sets, limits_the_total_power);
    suite_add_tcase(suite, sets);
    TCase *info = tcase_create("info");
    tcase_add_test(info, reads_and_writes_full_records);
    tcase_add_test(info, reads_and_writes_pointers);
    tcase_add_test(info, refuses_damaged_records);
    tcase_add_test(info, finds_where_a_pointer_leads);
    suite_add_tcase(suite, info);
    return suite_run(suite);
}
