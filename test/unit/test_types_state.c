/* SPDX-License-Identifier: Apache-2.0
 *
 * The root records, signed varints, time differences and the age of evidence.
 */
#include "types_support.h"
#include "types_vectors.h"

#include "cmtstore/types.h"

/* ---- BlockStoreState --------------------------------------------------------------------- */

static cmt_status decode_block_store_state(const char *hex, cmt_block_store_state *out,
                                           cmt_error *err)
{
    cmt_buf bytes = test_unhex(hex);
    cmt_status st = cmt_block_store_state_decode(cmt_buf_slice(&bytes), out, err);
    cmt_buf_free(&bytes);
    return st;
}

START_TEST(reads_and_writes_block_store_states)
{
    static const struct {
        const char *hex;
        cmt_block_store_state state;
    } cases[] = {
        {"", {0, 0}},
        {"08011001", {1, 1}},
        {"08011064", {1, 100}},
        {"0805109601", {5, 150}},
        {"08e8071080dac409", {1000, 20000000}},
        {"08081007", {8, 7}}, /* the only block was deleted */
        {"0801", {1, 0}},
        {"08ffffffffffffffff7f10ffffffffffffffff7f", {INT64_MAX, INT64_MAX}},
    };
    cmt_buf out = CMT_BUF_INIT;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        cmt_block_store_state state = {-1, -1};
        ck_assert_int_eq(decode_block_store_state(cases[i].hex, &state, NULL), CMT_OK);
        ck_assert_int_eq(state.base, cases[i].state.base);
        ck_assert_int_eq(state.height, cases[i].state.height);
        ck_assert_int_eq(cmt_block_store_state_encode(cases[i].state, &out), CMT_OK);
        test_same(cmt_buf_slice(&out), cases[i].hex);
    }
    cmt_buf_free(&out);
}
END_TEST

START_TEST(reads_a_state_from_before_there_was_a_base)
{
    cmt_block_store_state state;
    ck_assert_int_eq(decode_block_store_state("1007", &state, NULL), CMT_OK);
    ck_assert(state.base == 1 && state.height == 7);
}
END_TEST

START_TEST(refuses_heights_that_cannot_be)
{
    static const char *const cases[] = {
        "080110ffffffffffffffffff01",                   /* height -1 */
        "08ffffffffffffffffff011005",                   /* base -1 */
        "08091007",                                     /* base 9, height 7 */
        "0802",                                         /* base 2, height 0 */
        "08808080808080808080011080808080808080808001", /* both -2^63 */
        "0a01011001",                                   /* base as bytes */
        "08",
        "0801100180",
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        cmt_block_store_state state = {5, 6};
        cmt_error err = CMT_ERROR_INIT;
        ck_assert_msg(decode_block_store_state(cases[i], &state, &err) == CMT_CORRUPT, "%s passed",
                      cases[i]);
        ck_assert(state.base == 5 && state.height == 6);
    }
}
END_TEST

/* ---- State ------------------------------------------------------------------------------- */

/* The value of field 10: 53 bytes. */
#define STATE_PARAMS                                                                               \
    "0a10088080c00a10ffffffffffffffffff01 120e08a08d0612040880c60a18808040"                        \
    "1a090a0765643235353139 2202 0807 2a02 0803"

static cmt_status decode_state(const char *hex, cmt_state *out, cmt_error *err)
{
    cmt_buf bytes = test_unhex(hex);
    cmt_status st = cmt_state_decode(cmt_buf_slice(&bytes), out, err);
    cmt_buf_free(&bytes);
    return st;
}

START_TEST(reads_what_storage_needs_of_a_state)
{
    cmt_state s;
    cmt_error err = CMT_ERROR_INIT;
    const char *hex = "0a06 0a02080b 1200"
                      "120a746573742d636861696e 1805 2248" V_BLOCK_ID "2a0608847f108001"
                      "327c" V_SET_04 "3a7c" V_SET_04 "427c" V_SET_04 "4804"
                      "5235" STATE_PARAMS "5803"
                      "6220" V_EMPTY_HASH "6a08 0102030405060708 7002";
    ck_assert_msg(decode_state(hex, &s, &err) == CMT_OK, "%s", err.message);
    ck_assert_str_eq(s.chain_id, "test-chain");
    ck_assert_int_eq(s.initial_height, 2);
    ck_assert_int_eq(s.last_block_height, 5);
    ck_assert_uint_eq(s.last_block_id.part_total, 1);
    test_same((cmt_slice){s.last_block_id.hash.bytes, s.last_block_id.hash.size}, V_BLOCK_HASH);
    ck_assert_int_eq(s.last_block_time.seconds, 16260);
    ck_assert_int_eq(s.last_block_time.nanos, 128);
    ck_assert_int_eq(s.last_height_validators_changed, 4);
    ck_assert_int_eq(s.last_height_params_changed, 3);
    ck_assert_int_eq(s.params.block_max_bytes, 22020096);
    ck_assert_int_eq(s.params.evidence_max_age_num_blocks, 100000);
    ck_assert_uint_eq(s.params.version_app, 7);
    ck_assert_int_eq(s.params.vote_extensions_enable_height, 3);
    test_same((cmt_slice){s.last_results_hash.bytes, s.last_results_hash.size}, V_EMPTY_HASH);
    test_same((cmt_slice){s.app_hash.bytes, s.app_hash.size}, "0102030405060708");
}
END_TEST

START_TEST(refuses_a_state_out_of_bounds)
{
    static const char *const cases[][2] = {
        {"18ffffffffffffffffff01",
         "State: last_block_height: -1 is not in [0,9223372036854775807]"},
        {"70ffffffffffffffffff01", "State: initial_height: -1 is not in [0,9223372036854775807]"},
        {"48ffffffffffffffffff01",
         "State: last_height_validators_changed: -1 is not in [0,9223372036854775807]"},
        {"58ffffffffffffffffff01",
         "State: last_height_consensus_params_changed: -1 is not in [0,9223372036854775807]"},
        {"2a0610ffffffff0f", "State: last_block_time: 0 s -1 ns is no time"},
        {"22030a01aa", "State: last_block_id: 1 bytes instead of 0 or 32"},
        {"52020801", "ConsensusParams: field 1 has wire type 0 instead of 2"},
        {"520180", "ConsensusParams: byte 0 of 1: no field begins here"},
        {"12026100", "State: chain_id holds a zero byte"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        cmt_state s = {.last_block_height = 3};
        cmt_error err = CMT_ERROR_INIT;
        ck_assert_int_eq(decode_state(cases[i][0], &s, &err), CMT_CORRUPT);
        ck_assert_str_eq(err.message, cases[i][1]);
        ck_assert_int_eq(s.last_block_height, 3);
    }
}
END_TEST

/* ---- signed varints ---------------------------------------------------------------------- */

START_TEST(reads_and_writes_signed_varints)
{
    static const struct {
        int64_t value;
        const char *hex;
    } cases[] = {
        {0, "00"},
        {1, "02"},
        {63, "7e"},
        {64, "8001"},
        {100, "c801"},
        {1000000, "80897a"},
        {-1, "01"},
        {-64, "7f"},
        {-65, "8101"},
        {INT64_MAX, "feffffffffffffffff01"},
        {INT64_MIN, "ffffffffffffffffff01"},
    };
    cmt_buf out = CMT_BUF_INIT;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        cmt_buf bytes = test_unhex(cases[i].hex);
        int64_t value = 5;
        ck_assert_int_eq(cmt_signed_varint_decode(cmt_buf_slice(&bytes), &value, NULL), CMT_OK);
        ck_assert_int_eq(value, cases[i].value);
        ck_assert_int_eq(cmt_signed_varint_encode(value, &out), CMT_OK);
        test_same(cmt_buf_slice(&out), cases[i].hex);
        cmt_buf_free(&bytes);
    }
    cmt_buf_free(&out);
}
END_TEST

START_TEST(refuses_what_is_not_one_signed_varint)
{
    static const char *const cases[] = {"", "80", "0200", "ffffffffffffffffff02",
                                        "8080808080808080808001"};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        cmt_buf bytes = test_unhex(cases[i]);
        int64_t value = 5;
        cmt_error err = CMT_ERROR_INIT;
        ck_assert_int_eq(cmt_signed_varint_decode(cmt_buf_slice(&bytes), &value, &err),
                         CMT_CORRUPT);
        ck_assert_int_eq(value, 5);
        cmt_buf_free(&bytes);
    }
    int64_t value = 5;
    ck_assert_int_eq(cmt_signed_varint_decode((cmt_slice){NULL, 0}, &value, NULL), CMT_CORRUPT);
}
END_TEST

/* ---- time and evidence ------------------------------------------------------------------- */

START_TEST(subtracts_times)
{
    static const struct {
        cmt_time a, b;
        int64_t ns;
    } cases[] = {
        {{10, 5}, {10, 5}, 0},
        {{10, 5}, {9, 6}, 999999999},
        {{9, 6}, {10, 5}, -999999999},
        {{1700000005, 123456789}, {1700000000, 0}, 5123456789},
        {{9223372036, 854775807}, {0, 0}, INT64_MAX},
        {{9223372036, 854775808}, {0, 0}, INT64_MAX},
        {{0, 0}, {9223372036, 854775808}, INT64_MIN},
        {{0, 0}, {9223372036, 854775809}, INT64_MIN},
        {{253402300799, 999999999}, {-62135596800, 0}, INT64_MAX},
        {{-62135596800, 0}, {253402300799, 999999999}, INT64_MIN},
        {{INT64_MAX, 0}, {INT64_MIN, 0}, INT64_MAX},
        {{INT64_MIN, 0}, {INT64_MAX, 0}, INT64_MIN},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        ck_assert_int_eq(cmt_time_sub(cases[i].a, cases[i].b), cases[i].ns);
}
END_TEST

START_TEST(evidence_expires_only_when_too_old_in_blocks_and_in_time)
{
    const cmt_evidence_window w = {100, {1000, 0}, 10, 50000000000};
    const cmt_time at_limit = {950, 0};
    const cmt_time older = {949, 999999999};
    ck_assert(!cmt_evidence_expired(&w, 90, at_limit));
    ck_assert(!cmt_evidence_expired(&w, 89, at_limit));
    ck_assert(!cmt_evidence_expired(&w, 90, older));
    ck_assert(cmt_evidence_expired(&w, 89, older));
    ck_assert(!cmt_evidence_expired(&w, 100, older));
    ck_assert(!cmt_evidence_expired(&w, 101, older));
    ck_assert(cmt_evidence_expired(&w, 1, (cmt_time){-62135596800, 0}));
}
END_TEST

START_TEST(evidence_ages_do_not_wrap_around)
{
    const cmt_evidence_window w = {INT64_MAX, {0, 0}, 10, 10};
    ck_assert(cmt_evidence_expired(&w, INT64_MIN, (cmt_time){-62135596800, 0}));
    const cmt_evidence_window never = {INT64_MAX, {253402300799, 0}, INT64_MAX, INT64_MAX};
    ck_assert(!cmt_evidence_expired(&never, INT64_MIN, (cmt_time){-62135596800, 0}));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("types_state");
    TCase *roots = tcase_create("roots");
    tcase_add_test(roots, reads_and_writes_block_store_states);
    tcase_add_test(roots, reads_a_state_from_before_there_was_a_base);
    tcase_add_test(roots, refuses_heights_that_cannot_be);
    tcase_add_test(roots, reads_what_storage_needs_of_a_state);
    tcase_add_test(roots, refuses_a_state_out_of_bounds);
    suite_add_tcase(suite, roots);
    TCase *varint = tcase_create("signed varint");
    tcase_add_test(varint, reads_and_writes_signed_varints);
    tcase_add_test(varint, refuses_what_is_not_one_signed_varint);
    suite_add_tcase(suite, varint);
    TCase *evidence = tcase_create("evidence");
    tcase_add_test(evidence, subtracts_times);
    tcase_add_test(evidence, evidence_expires_only_when_too_old_in_blocks_and_in_time);
    tcase_add_test(evidence, evidence_ages_do_not_wrap_around);
    suite_add_tcase(suite, evidence);
    return suite_run(suite);
}
