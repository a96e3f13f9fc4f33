/* SPDX-License-Identifier: Apache-2.0
 *
 * The genesis document: what CometBFT writes is read, and each field that is wrong is named.
 */
#include "types_support.h"
#include "types_vectors.h"

#include "cmtstore/types_genesis.h"

#define KEY                                                                                        \
    "{\"type\":\"tendermint/PubKeyEd25519\",\"value\":\"A6EHv/"                                    \
    "POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg=\"}"
#define VALIDATOR                                                                                  \
    "{\"address\":\"56475AA75463474C0285DF5DBF2BCAB73DA65135\",\"pub_key\":" KEY                   \
    ",\"power\":\"10\",\"name\":\"v0\"}"
#define TIME "\"genesis_time\":\"2024-02-29T03:04:05.678901234Z\","
#define CHAIN "\"chain_id\":\"test-chain\","
#define BLOCK "\"block\":{\"max_bytes\":\"22020096\",\"max_gas\":\"-1\"},"
#define EVIDENCE                                                                                   \
    "\"evidence\":{\"max_age_num_blocks\":\"60\",\"max_age_duration\":\"60000000000\","            \
    "\"max_bytes\":\"1048576\"},"
#define TYPES "\"validator\":{\"pub_key_types\":[\"ed25519\"]}"
#define PARAMS "\"consensus_params\":{" BLOCK EVIDENCE TYPES ",\"version\":{\"app\":\"7\"}},"
#define REST "\"app_hash\":\"0aFF\",\"app_state\":{\"big\":123456789012345678901234567890}"
#define VALIDATORS "\"validators\":[" VALIDATOR "],"
#define GOOD "{" TIME CHAIN "\"initial_height\":\"5\"," PARAMS VALIDATORS REST "}"

static cmt_status decode(const char *json, cmt_release release, cmt_genesis *out, cmt_error *err)
{
    cmt_buf bytes = test_copy((const uint8_t *)json, strlen(json));
    cmt_status st = cmt_genesis_decode(cmt_buf_slice(&bytes), release, out, err);
    cmt_buf_free(&bytes);
    return st;
}

START_TEST(reads_every_field)
{
    cmt_genesis g;
    cmt_error err = CMT_ERROR_INIT;
    cmt_status st = decode(GOOD, CMT_RELEASE_0_38, &g, &err);
    ck_assert_msg(st == CMT_OK, "%s", err.message);
    ck_assert(g.has_time);
    ck_assert_int_eq(g.time.seconds, 1709175845);
    ck_assert_int_eq(g.time.nanos, 678901234);
    ck_assert_str_eq(g.chain_id, "test-chain");
    ck_assert_int_eq(g.initial_height, 5);
    ck_assert_int_eq(g.params.core.evidence_max_age_num_blocks, 60);
    ck_assert_int_eq(g.params.core.evidence_max_age_duration_ns, 60000000000);
    ck_assert_uint_eq(g.params.core.version_app, 7);
    ck_assert_uint_eq(g.validator_count, 1);
    ck_assert_int_eq(g.validators[0].power, 10);
    test_same(g.validators[0].key.bytes, V_KEY);
    test_same((cmt_slice){g.app_hash.bytes, g.app_hash.size}, "0aff");
    cmt_genesis_free(&g);
}
END_TEST

START_TEST(fills_in_what_may_be_left_out)
{
    cmt_genesis g;
    cmt_error err = CMT_ERROR_INIT;
    static const char json[] = "{\"chain_id\":\"c\",\"consensus_params\":null,\"validators\":[]}";
    ck_assert_int_eq(decode(json, CMT_RELEASE_1_0, &g, &err), CMT_OK);
    ck_assert(!g.has_time);
    ck_assert_int_eq(g.initial_height, 1);
    ck_assert_int_eq(g.params.core.block_max_bytes, 4194304);
    ck_assert_int_eq(g.params.precision_ns, 505000000);
    ck_assert_uint_eq(g.validator_count, 0);
    ck_assert_uint_eq(g.app_hash.size, 0);
    cmt_genesis_free(&g);
}
END_TEST

static void refuses(const char *json, const char *word)
{
    cmt_genesis g;
    cmt_error err = CMT_ERROR_INIT;
    cmt_status st = decode(json, CMT_RELEASE_0_38, &g, &err);
    ck_assert_msg(st == CMT_INVALID || st == CMT_UNSUPPORTED, "%s: %s", json, err.message);
    ck_assert_msg(strstr(err.message, word) != NULL, "\"%s\" does not say \"%s\"", err.message,
                  word);
    ck_assert_ptr_eq(strstr(err.message, "genesis: "), err.message);
    ck_assert_ptr_null(g.validators);
}

START_TEST(names_what_is_wrong_with_the_document)
{
    refuses("", "line");
    refuses("{\"chain_id\":", "line 1");
    refuses("[]", "no object");
    refuses("{}", "chain_id is missing");
    refuses("{\"chain_id\":\"\"}", "chain_id is missing");
    refuses("{\"chain_id\":5}", "chain_id is no string");
    refuses("{\"chain_id\":\"012345678901234567890123456789012345678901234567890\"}", "at most 50");
    refuses("{\"chain_id\":\"a\\u0000b\"}", "zero byte");
    refuses("{" CHAIN "\"initial_height\":5}", "initial_height is no string");
    refuses("{" CHAIN "\"initial_height\":\"-5\"}", "initial_height is negative");
    refuses("{" CHAIN "\"initial_height\":\"05\"}", "initial_height is no whole number");
    refuses("{" CHAIN "\"initial_height\":\"\"}", "initial_height is no whole number");
    refuses("{" CHAIN "\"initial_height\":\"9223372036854775808\"}", "initial_height");
    refuses("{" CHAIN "\"app_hash\":\"abc\"}", "app_hash is no hex");
    refuses("{" CHAIN "\"app_hash\":\"zz\"}", "app_hash is no hex");
    refuses("{" CHAIN "\"validators\":{}}", "validators is no list");
    refuses("{" CHAIN "\"consensus_params\":[]}", "consensus_params is no object");
}
END_TEST

START_TEST(names_times_that_are_none)
{
    static const char *const times[] = {
        "2024-02-29T03:04:05+00:00", "2023-02-29T03:04:05Z",  "2024-13-01T03:04:05Z",
        "2024-02-29T24:04:05Z",      "2024-02-29T03:60:05Z",  "2024-02-29T03:04:60Z",
        "2024-02-29 03:04:05Z",      "2024-02-29T03:04:05.Z", "2024-02-29T03:04Z",
        "2024-02-29T03:04:05,5Z",    "2024-2-29T03:04:05Z",   "Z",
    };
    char json[200];
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        snprintf(json, sizeof json, "{" CHAIN "\"genesis_time\":\"%s\"}", times[i]);
        refuses(json, "genesis_time is no time");
    }
}
END_TEST

START_TEST(names_each_parameter)
{
    refuses("{" CHAIN "\"consensus_params\":{}}", "block.max_bytes cannot be 0");
    refuses("{" CHAIN "\"consensus_params\":{\"block\":{\"max_bytes\":1}}}",
            "consensus_params.block.max_bytes is no string");
    refuses("{" CHAIN "\"consensus_params\":{" EVIDENCE TYPES "}}", "block.max_bytes");
    refuses("{" CHAIN "\"consensus_params\":{" BLOCK TYPES "}}", "evidence.max_age_num_blocks");
    refuses("{" CHAIN "\"consensus_params\":{" BLOCK EVIDENCE "\"validator\":{}}}",
            "pub_key_types is empty");
    refuses("{" CHAIN "\"consensus_params\":{" BLOCK EVIDENCE
            "\"validator\":{\"pub_key_types\":[\"rsa\"]}}}",
            "rsa");
    refuses("{" CHAIN "\"consensus_params\":{" BLOCK EVIDENCE
            "\"validator\":{\"pub_key_types\":[5]}}}",
            "pub_key_types[0]");
    refuses("{" CHAIN "\"consensus_params\":{" BLOCK EVIDENCE TYPES
            ",\"version\":{\"app\":\"-1\"}}}",
            "version.app");
    refuses("{" CHAIN "\"consensus_params\":{" BLOCK EVIDENCE TYPES
            ",\"abci\":{\"vote_extensions_enable_height\":\"-1\"}}}",
            "vote_extensions_enable_height");
}
END_TEST

START_TEST(names_each_field_of_a_validator)
{
    refuses("{" CHAIN "\"validators\":[5]}", "validators[0] is no object");
    refuses("{" CHAIN "\"validators\":[" VALIDATOR ",{\"power\":\"1\"}]}",
            "validators[1].pub_key is missing");
    refuses("{" CHAIN "\"validators\":[{\"pub_key\":" KEY "}]}", "validators[0].power is 0");
    refuses("{" CHAIN "\"validators\":[{\"power\":\"-1\",\"pub_key\":" KEY "}]}", "power is -1");
    refuses("{" CHAIN "\"validators\":[{\"power\":1,\"pub_key\":" KEY "}]}", "power is no string");
    refuses("{" CHAIN "\"validators\":[{\"address\":\"56475AA7\",\"power\":\"1\",\"pub_key\":" KEY
            "}]}",
            "validators[0].address is not that");
    refuses("{" CHAIN "\"validators\":[{\"pub_key\":{\"type\":\"rsa\"}}]}", "type is \"rsa\"");
    refuses("{" CHAIN "\"validators\":[{\"pub_key\":{\"type\":\"tendermint/PubKeyEd25519\","
            "\"value\":\"A6EH\"}}]}",
            "value has 3 bytes");
    refuses("{" CHAIN "\"validators\":[{\"pub_key\":{\"type\":\"tendermint/PubKeyEd25519\","
            "\"value\":\"A6E!\"}}]}",
            "value is no base64");
}
END_TEST

START_TEST(a_genesis_set_is_made_of_it)
{
    cmt_genesis g;
    cmt_error err = CMT_ERROR_INIT;
    cmt_validator_set set;
    cmt_buf out = CMT_BUF_INIT;
    ck_assert_int_eq(decode(GOOD, CMT_RELEASE_0_38, &g, &err), CMT_OK);
    ck_assert_int_eq(
        cmt_validator_set_new(g.validators, g.validator_count, CMT_GENERATION_0, &set, &err),
        CMT_OK);
    cmt_genesis_free(&g);
    ck_assert_int_eq(cmt_validator_set_encode(&set, &out), CMT_OK);
    test_same(cmt_buf_slice(&out), V_SET_04);
    cmt_buf_free(&out);
    cmt_validator_set_free(&set);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("types_genesis");
    TCase *tc = tcase_create("genesis");
    tcase_add_test(tc, reads_every_field);
    tcase_add_test(tc, fills_in_what_may_be_left_out);
    tcase_add_test(tc, names_what_is_wrong_with_the_document);
    tcase_add_test(tc, names_times_that_are_none);
    tcase_add_test(tc, names_each_parameter);
    tcase_add_test(tc, names_each_field_of_a_validator);
    tcase_add_test(tc, a_genesis_set_is_made_of_it);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
