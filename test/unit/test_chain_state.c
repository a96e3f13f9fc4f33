/* SPDX-License-Identifier: Apache-2.0
 *
 * The state of a chain: what is refused when it is decoded, which release wrote it, and how a chain begins.
 */
#include "cmtstore/types_state.h"

#include "small_chain.h"
#include "types_support.h"
#include "types_vectors.h"

static cmt_error err;

static void setup(void)
{
    err = (cmt_error)CMT_ERROR_INIT;
}

/* ---- decoding ---------------------------------------------------------------------------- */

#define V_PARAMS_038                                                                               \
    "5231 0a10088080c00a10ffffffffffffffffff01120e08a08d0612040880c60a188080401a090a07"            \
    "65643235353139 2200 2a00"
/* Version, chain id, height 1, block id, time. */
#define HEAD "0a06 0a02080b 1200 12057465737431 1801 220212002a00"
#define SETS "327c" V_SET_04 "3a7c" V_SET_04 "427c" V_SET_04
#define TAIL "4801" V_PARAMS_038 "5801 7001"

static cmt_status decode(const char *hex, cmt_release release, cmt_chain_state *out)
{
    cmt_buf bytes = test_unhex(hex);
    cmt_status st = cmt_chain_state_decode(cmt_buf_slice(&bytes), release, out, &err);
    cmt_buf_free(&bytes);
    return st;
}

static void expect(const char *hex, cmt_release release, cmt_status want, const char *text)
{
    cmt_chain_state state;
    ck_assert_msg(decode(hex, release, &state) == want, "%s: %s", hex, err.message);
    ck_assert_msg(strstr(err.message, text) != NULL, "%s instead of %s", err.message, text);
    ck_assert_ptr_null(state.validators.validators);
}

START_TEST(a_state_owns_what_it_was_decoded_from)
{
    cmt_chain_state state;
    cmt_chain_state copy;
    cmt_buf bytes = CMT_BUF_INIT;
    ck_assert_msg(decode(HEAD SETS TAIL, CMT_RELEASE_0_38, &state) == CMT_OK, "%s", err.message);
    ck_assert_int_eq(cmt_chain_state_copy(&state, &copy, &err), CMT_OK);
    cmt_chain_state_free(&state);
    ck_assert_uint_eq(state.validators.count, 0);
    ck_assert_uint_eq(copy.last_validators.count, 1);
    ck_assert_int_eq(cmt_chain_state_encode(&copy, &bytes), CMT_OK);
    test_same(cmt_buf_slice(&bytes), "0a04 0a02080b 12057465737431 1801 220212002a00" SETS TAIL);
    cmt_chain_state_free(&copy);
    cmt_chain_state_free(NULL);
    cmt_buf_free(&bytes);
}
END_TEST

START_TEST(a_total_that_was_stored_is_not_written_again)
{
    cmt_chain_state state;
    cmt_buf bytes = CMT_BUF_INIT;
    ck_assert_msg(decode(HEAD "327e" V_SET_04 "1809 3a7e" V_SET_04 "180a 427e" V_SET_04 "180b" TAIL,
                         CMT_RELEASE_0_38, &state) == CMT_OK,
                  "%s", err.message);
    ck_assert_int_eq(cmt_chain_state_encode(&state, &bytes), CMT_OK);
    test_same(cmt_buf_slice(&bytes), "0a04 0a02080b 12057465737431 1801 220212002a00" SETS TAIL);
    cmt_chain_state_free(&state);
    cmt_buf_free(&bytes);
}
END_TEST

START_TEST(validators_are_converted_to_the_release)
{
    cmt_chain_state state;
    cmt_buf bytes = CMT_BUF_INIT;
    ck_assert_int_eq(decode(HEAD SETS TAIL, CMT_RELEASE_1_0, &state), CMT_OK);
    ck_assert_int_eq(cmt_validator_set_encode(&state.next_validators, &bytes), CMT_OK);
    test_same(cmt_buf_slice(&bytes), V_SET_10);
    cmt_chain_state_free(&state);
    cmt_buf_free(&bytes);
}
END_TEST

START_TEST(what_a_state_needs_has_to_be_there)
{
    const cmt_release r = CMT_RELEASE_0_38;
    expect(HEAD "3a7c" V_SET_04 "427c" V_SET_04 TAIL, r, CMT_CORRUPT,
           "State: next_validators: the set is missing");
    expect(HEAD "327c" V_SET_04 "427c" V_SET_04 TAIL, r, CMT_CORRUPT, "State: validators: the set");
    expect(HEAD "327c" V_SET_04 "3a7c" V_SET_04 TAIL, r, CMT_CORRUPT,
           "State: last_validators: the set");
    expect(HEAD "3200 3a7c" V_SET_04 "427c" V_SET_04 TAIL, r, CMT_CORRUPT, "missing or empty");
    expect(HEAD SETS SETS TAIL, r, CMT_CORRUPT, "State");
    expect("", r, CMT_CORRUPT, "missing");
    expect("0a01", r, CMT_CORRUPT, "State");
    expect("0a0108" SETS TAIL, r, CMT_CORRUPT, "Version");
}
END_TEST

START_TEST(an_address_has_to_be_that_of_the_key)
{
    char hex[] = HEAD SETS TAIL;
    char *address = strstr(hex, V_ADDRESS);
    ck_assert_ptr_nonnull(address);
    for (int i = 0; i < 2; i++) {
        address[0] = '4'; /* of the validator, then of the proposer too */
        address = strstr(hex, V_ADDRESS);
    }
    expect(hex, CMT_RELEASE_0_38, CMT_CORRUPT, "not that of its key");
}
END_TEST

START_TEST(what_there_is_no_room_for_is_refused)
{
    char hex[4096] = "0a8701 0a02080b 12 8001";
    for (int i = 0; i < 128; i++)
        strcat(hex, "61");
    strcat(hex, "12057465737431 1801 220212002a00" SETS TAIL);
    expect(hex, CMT_RELEASE_0_38, CMT_UNSUPPORTED, "software of 128 bytes");
    expect("0a08 0a02080b 12026100" SETS TAIL, CMT_RELEASE_0_38, CMT_UNSUPPORTED,
           "none of them zero");
}
END_TEST

/* ---- which release ----------------------------------------------------------------------- */

static cmt_status detect(const char *hex, cmt_release *out)
{
    cmt_buf bytes = test_unhex(hex);
    cmt_status st = cmt_release_detect(cmt_buf_slice(&bytes), out, &err);
    cmt_buf_free(&bytes);
    return st;
}

START_TEST(the_parameters_tell_the_release)
{
    cmt_release release;
    ck_assert_int_eq(detect("5202 2a00", &release), CMT_OK);
    ck_assert_int_eq(release, CMT_RELEASE_0_38);
    ck_assert_int_eq(detect("5204 2a00 3200", &release), CMT_OK);
    ck_assert_int_eq(release, CMT_RELEASE_0_40);
    ck_assert_int_eq(detect("5204 3200 3a00", &release), CMT_OK);
    ck_assert_int_eq(release, CMT_RELEASE_1_0);
    ck_assert_int_eq(detect("5202 2200", &release), CMT_UNSUPPORTED);
    ck_assert_ptr_nonnull(strstr(err.message, "0.34 or 0.37"));
    ck_assert_int_eq(detect("5204 3200 3a00 7a00", &release), CMT_UNSUPPORTED);
    ck_assert_ptr_nonnull(strstr(err.message, "2.0"));
    ck_assert_int_eq(detect("5204 3200", &release), CMT_CORRUPT);
    ck_assert_int_eq(detect("5202 3201", &release), CMT_CORRUPT);
}
END_TEST

/* ---- the first state --------------------------------------------------------------------- */

static cmt_status start(const char *json, const char *software, cmt_chain_state *out)
{
    cmt_genesis genesis;
    cmt_slice bytes = {(const uint8_t *)json, strlen(json)};
    ck_assert_int_eq(cmt_genesis_decode(bytes, CMT_RELEASE_0_38, &genesis, &err), CMT_OK);
    cmt_status st = cmt_chain_state_from_genesis(&genesis, CMT_RELEASE_0_38, software, out, &err);
    cmt_genesis_free(&genesis);
    return st;
}

START_TEST(a_chain_begins_as_its_genesis_says)
{
    cmt_chain_state state = small_chain_start(CMT_RELEASE_1_0, 12);
    ck_assert_uint_eq(state.version_block, 11);
    ck_assert_str_eq(state.software, "test");
    ck_assert_int_eq(state.initial_height, 12);
    ck_assert_int_eq(state.last_block_height, 0);
    ck_assert_int_eq(state.last_block_time.seconds, 1704164645);
    ck_assert_int_eq(state.last_height_validators_changed, 12);
    ck_assert_int_eq(state.last_height_params_changed, 12);
    ck_assert_uint_eq(state.validators.count, 1);
    ck_assert_uint_eq(state.next_validators.count, 1);
    ck_assert_uint_eq(state.last_validators.count, 0);
    cmt_chain_state_free(&state);
}
END_TEST

START_TEST(an_application_may_bring_the_validators)
{
    cmt_chain_state state;
    const char *json = "{\"genesis_time\":\"2024-01-02T03:04:05Z\",\"chain_id\":\"c\"}";
    ck_assert_int_eq(start(json, "", &state), CMT_OK);
    ck_assert_uint_eq(state.validators.count + state.next_validators.count, 0);
    cmt_chain_state_free(&state);
}
END_TEST

START_TEST(a_beginning_that_is_not_the_same_for_all_is_refused)
{
    char name[CMT_SOFTWARE_MAX + 2];
    memset(name, 'v', sizeof name);
    name[CMT_SOFTWARE_MAX + 1] = '\0';
    cmt_chain_state state;
    ck_assert_int_eq(start("{\"chain_id\":\"c\"}", "v", &state), CMT_INVALID);
    ck_assert_ptr_nonnull(strstr(err.message, "genesis_time"));
    const char *json = "{\"genesis_time\":\"2024-01-02T03:04:05Z\",\"chain_id\":\"c\"}";
    ck_assert_int_eq(start(json, name, &state), CMT_INVALID);
    ck_assert_ptr_nonnull(strstr(err.message, "128 bytes"));
    name[CMT_SOFTWARE_MAX] = '\0';
    ck_assert_int_eq(start(json, name, &state), CMT_OK);
    cmt_chain_state_free(&state);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("chain_state");
    TCase *tc = tcase_create("chain_state");
    tcase_add_checked_fixture(tc, setup, NULL);
    tcase_add_test(tc, a_state_owns_what_it_was_decoded_from);
    tcase_add_test(tc, a_total_that_was_stored_is_not_written_again);
    tcase_add_test(tc, validators_are_converted_to_the_release);
    tcase_add_test(tc, what_a_state_needs_has_to_be_there);
    tcase_add_test(tc, an_address_has_to_be_that_of_the_key);
    tcase_add_test(tc, what_there_is_no_room_for_is_refused);
    tcase_add_test(tc, the_parameters_tell_the_release);
    tcase_add_test(tc, a_chain_begins_as_its_genesis_says);
    tcase_add_test(tc, an_application_may_bring_the_validators);
    tcase_add_test(tc, a_beginning_that_is_not_the_same_for_all_is_refused);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
