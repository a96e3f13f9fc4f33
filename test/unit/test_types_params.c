/* SPDX-License-Identifier: Apache-2.0
 *
 * ConsensusParams of every generation, their empty forms and ConsensusParamsInfo.
 */
#include "types_support.h"
#include "types_vectors.h"

#include "cmtstore/types.h"

static cmt_status decode_params(const char *hex, cmt_consensus_params *out, cmt_error *err)
{
    cmt_buf bytes = test_unhex(hex);
    cmt_status st = cmt_consensus_params_decode(cmt_buf_slice(&bytes), out, err);
    cmt_buf_free(&bytes);
    return st;
}

static bool is_empty(const char *hex)
{
    cmt_buf bytes = test_unhex(hex);
    bool empty;
    ck_assert_int_eq(cmt_consensus_params_is_empty(cmt_buf_slice(&bytes), &empty, NULL), CMT_OK);
    cmt_buf_free(&bytes);
    return empty;
}

static const char *const full_infos[] = {V_PARAMS_INFO_034, V_PARAMS_INFO_037, V_PARAMS_INFO_038,
                                         V_PARAMS_INFO_040, V_PARAMS_INFO_10};

START_TEST(reads_full_records_of_every_generation)
{
    cmt_buf bytes = test_unhex(full_infos[_i]);
    cmt_params_info info;
    cmt_consensus_params p;
    ck_assert_int_eq(cmt_params_info_decode(cmt_buf_slice(&bytes), &info, NULL), CMT_OK);
    ck_assert(!info.is_pointer);
    ck_assert_int_eq(info.last_height_changed, 1);
    ck_assert_ptr_eq(info.params.data, bytes.data + 2);
    ck_assert_int_eq(cmt_consensus_params_decode(info.params, &p, NULL), CMT_OK);
    ck_assert_int_eq(p.block_max_bytes, 22020096);
    ck_assert_int_eq(p.block_max_gas, -1);
    ck_assert_int_eq(p.evidence_max_age_num_blocks, 100000);
    ck_assert_int_eq(p.evidence_max_age_duration_ns, 172800000000000);
    ck_assert_int_eq(p.evidence_max_bytes, 1048576);
    ck_assert_uint_eq(p.version_app, 0);
    ck_assert_int_eq(p.vote_extensions_enable_height, 0);
    cmt_buf_free(&bytes);
}
END_TEST

static const char *const all_infos[] = {
    V_PARAMS_INFO_034,    V_PARAMS_INFO_037,          V_PARAMS_INFO_038,
    V_PARAMS_INFO_040,    V_PARAMS_INFO_10,           V_PARAMS_POINTER,
    V_PARAMS_POINTER_034, "0a0010ffffffffffffffff7f", "0a00"};

START_TEST(writes_records_as_they_were_read)
{
    cmt_buf bytes = test_unhex(all_infos[_i]);
    cmt_buf out = CMT_BUF_INIT;
    cmt_params_info info;
    ck_assert_int_eq(cmt_params_info_decode(cmt_buf_slice(&bytes), &info, NULL), CMT_OK);
    ck_assert_int_eq(cmt_params_info_encode(info.params, info.last_height_changed, &out), CMT_OK);
    test_same(cmt_buf_slice(&out), all_infos[_i]);
    cmt_buf_free(&out);
    cmt_buf_free(&bytes);
}
END_TEST

START_TEST(takes_both_empty_forms_for_pointers)
{
    static const char *const pointers[] = {V_PARAMS_POINTER, V_PARAMS_POINTER_034, "1001"};
    for (size_t i = 0; i < sizeof pointers / sizeof pointers[0]; i++) {
        cmt_buf bytes = test_unhex(pointers[i]);
        cmt_params_info info;
        ck_assert_int_eq(cmt_params_info_decode(cmt_buf_slice(&bytes), &info, NULL), CMT_OK);
        ck_assert(info.is_pointer);
        ck_assert_int_eq(info.last_height_changed, 1);
        cmt_buf_free(&bytes);
    }
}
END_TEST

START_TEST(tells_empty_from_full)
{
    static const char *const empty[] = {
        "",
        "0a00 1202 1200 1a00 2200",      /* 0.34 */
        "0a00 1202 1200 1a00 2200 2a00", /* 0.38, if it ever did */
        "0a00 1202 1200 1a00 2200 2a00 3200",
        "0a00 1202 1200 1a00 2200 3a04 0a00 1200", /* 1.0 */
        "0a04 0800 1000",                          /* zeros, written out */
        "9a0600",                                  /* an unknown empty message */
    };
    static const char *const full[] = {
        "0a02 0801",           /* block max_bytes */
        "0a02 1001",           /* block max_gas */
        "0a02 1801",           /* block time_iota_ms, 0.34 */
        "1202 0801",           /* evidence max_age_num_blocks */
        "1204 1202 0801",      /* evidence max_age_duration, seconds */
        "1204 1202 1001",      /* evidence max_age_duration, nanos */
        "1202 1801",           /* evidence max_bytes */
        "1a03 0a0141",         /* a key type */
        "1a02 0a00",           /* a key type without name */
        "2202 0801",           /* app version */
        "2a02 0801",           /* vote extensions, 0.38 */
        "3203 0a0141",         /* authority, 0.40 */
        "3206 0a04 1002 0803", /* synchrony, 1.0 */
        "3a04 0a02 0801",      /* vote extensions, 1.0 */
        "3a04 1202 0801",      /* proposer-based timestamps, 1.0 */
        "9a060141",            /* something of the future */
    };
    for (size_t i = 0; i < sizeof empty / sizeof empty[0]; i++)
        ck_assert_msg(is_empty(empty[i]), "%s", empty[i]);
    for (size_t i = 0; i < sizeof full / sizeof full[0]; i++)
        ck_assert_msg(!is_empty(full[i]), "%s", full[i]);
}
END_TEST

START_TEST(reads_the_vote_extension_height_from_either_place)
{
    static const struct {
        const char *hex;
        int64_t height;
    } cases[] = {
        {"2a02 0832", 50},
        {"3a04 0a02 0832", 50},
        {"2a00 3a06 0a02 0832 1200", 50},
        {"2a02 0832 3a06 0a00 1202 0809", 50},
        {"2a02 0832 3203 0a0141", 50},
        {"2a00 3a04 0a00 1200", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        cmt_consensus_params p;
        cmt_error err = CMT_ERROR_INIT;
        cmt_buf bytes = test_unhex(cases[i].hex);
        cmt_status st = cmt_consensus_params_decode(cmt_buf_slice(&bytes), &p, &err);
        ck_assert_msg(st == CMT_OK, "%s: %s", cases[i].hex, err.message);
        ck_assert_int_eq(p.vote_extensions_enable_height, cases[i].height);
        cmt_buf_free(&bytes);
    }
}
END_TEST

START_TEST(refuses_two_vote_extension_heights)
{
    cmt_consensus_params p;
    cmt_error err = CMT_ERROR_INIT;
    ck_assert_int_eq(decode_params("2a02 0832 3a04 0a02 0832", &p, &err), CMT_CORRUPT);
    ck_assert_str_eq(err.message, "ConsensusParams: two heights that enable vote extensions");
}
END_TEST

START_TEST(ignores_the_field_with_two_meanings)
{
    cmt_consensus_params p;
    ck_assert_int_eq(decode_params("0a02 0805 3201ff", &p, NULL), CMT_OK);
    ck_assert_int_eq(p.block_max_bytes, 5);
}
END_TEST

START_TEST(reads_durations_and_saturates_them)
{
    static const struct {
        const char *hex;
        int64_t ns;
    } cases[] = {
        {"1202 1200", 0},
        {"1200", 0},
        {"1204 1202 1007", 7},
        {"1208 1206 10ff93ebdc03", 999999999},
        {"1206 1204 0803 1007", 3000000007},
        {"1218 1216 08fdffffffffffffffff01 10f9ffffffffffffffff01", -3000000007},
        {"120e 120c 0884fa85ae22 10ffafcb9703", INT64_MAX}, /* to the nanosecond */
        {"120e 120c 0884fa85ae22 1080b0cb9703", INT64_MAX},
        {"1208 1206 0885fa85ae22", INT64_MAX},
        {"120c 120a 08ffffffffffffffff7f", INT64_MAX},
        {"1218 1216 08fc85fad1ddffffffff01 1080d0b4e8fcffffffff01", INT64_MIN},
        {"1218 1216 08fc85fad1ddffffffff01 10ffcfb4e8fcffffffff01", INT64_MIN},
        {"120d 120b 0880808080808080808001", INT64_MIN},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        cmt_consensus_params p;
        cmt_error err = CMT_ERROR_INIT;
        ck_assert_msg(decode_params(cases[i].hex, &p, &err) == CMT_OK, "%s: %s", cases[i].hex,
                      err.message);
        ck_assert_int_eq(p.evidence_max_age_duration_ns, cases[i].ns);
    }
}
END_TEST

START_TEST(refuses_what_is_no_duration)
{
    static const char *const cases[] = {
        "120f 120d 0801 10ffffffffffffffffff01", /* 1 s - 1 ns */
        "120f 120d 08ffffffffffffffffff01 1001", /* -1 s + 1 ns */
        "1208 1206 108094ebdc03",                /* 10^9 ns */
        "120d 120b 1080ec94a3fcffffffff01",      /* -10^9 ns */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        cmt_consensus_params p;
        cmt_error err = CMT_ERROR_INIT;
        ck_assert_int_eq(decode_params(cases[i], &p, &err), CMT_CORRUPT);
        ck_assert_ptr_nonnull(strstr(err.message, "Duration: "));
    }
}
END_TEST

START_TEST(merges_messages_that_come_in_pieces)
{
    cmt_consensus_params p;
    ck_assert_int_eq(decode_params("2202 0807 0a02 1009 0a02 0805 0a02 0806", &p, NULL), CMT_OK);
    ck_assert_int_eq(p.block_max_bytes, 6);
    ck_assert_int_eq(p.block_max_gas, 9);
    ck_assert_uint_eq(p.version_app, 7);
}
END_TEST

START_TEST(refuses_damaged_params)
{
    static const char *const cases[][2] = {
        {"0801", "ConsensusParams: field 1 has wire type 0 instead of 2"},
        {"0a020a00", "BlockParams: field 1 has wire type 2 instead of 0"},
        {"12021001", "EvidenceParams: field 2 has wire type 0 instead of 2"},
        {"1203120108", "Duration: byte 0 of 1: a field is cut short or of unknown type"},
        {"1a020801", "ValidatorParams: field 1 has wire type 0 instead of 2"},
        {"22020a00", "VersionParams: field 1 has wire type 2 instead of 0"},
        {"2a020a00", "ABCIParams: field 1 has wire type 2 instead of 0"},
        {"3a020801", "FeatureParams: field 1 has wire type 0 instead of 2"},
        {"3a030a0108", "Int64Value: byte 0 of 1: a field is cut short or of unknown type"},
        {"0a05", "ConsensusParams: byte 0 of 2: a field is cut short or of unknown type"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        cmt_consensus_params p = {.block_max_gas = 3};
        cmt_error err = CMT_ERROR_INIT;
        ck_assert_int_eq(decode_params(cases[i][0], &p, &err), CMT_CORRUPT);
        ck_assert_str_eq(err.message, cases[i][1]);
        ck_assert_int_eq(p.block_max_gas, 3);
    }
}
END_TEST

START_TEST(refuses_damaged_records)
{
    static const char *const cases[][2] = {
        {"0a00 0a00", "ConsensusParamsInfo: field 1 comes twice"},
        {"0801", "ConsensusParamsInfo: field 1 has wire type 0 instead of 2"},
        {"1200", "ConsensusParamsInfo: field 2 has wire type 2 instead of 0"},
        {"0a00 10ffffffffffffffffff01",
         "ConsensusParamsInfo: last_height_changed: -1 is not in [0,9223372036854775807]"},
        {"0a0205", "ConsensusParamsInfo: byte 0 of 3: a field is cut short or of unknown type"},
        {"0a020001", "ConsensusParams: byte 0 of 2: no field begins here"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        cmt_buf bytes = test_unhex(cases[i][0]);
        cmt_params_info info;
        cmt_error err = CMT_ERROR_INIT;
        ck_assert_int_eq(cmt_params_info_decode(cmt_buf_slice(&bytes), &info, &err), CMT_CORRUPT);
        ck_assert_str_eq(err.message, cases[i][1]);
        cmt_buf_free(&bytes);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("types_params");
    TCase *info = tcase_create("info");
    tcase_add_loop_test(info, reads_full_records_of_every_generation, 0,
                        (int)(sizeof full_infos / sizeof full_infos[0]));
    tcase_add_loop_test(info, writes_records_as_they_were_read, 0,
                        (int)(sizeof all_infos / sizeof all_infos[0]));
    tcase_add_test(info, takes_both_empty_forms_for_pointers);
    tcase_add_test(info, refuses_damaged_records);
    suite_add_tcase(suite, info);
    TCase *params = tcase_create("params");
    tcase_add_test(params, tells_empty_from_full);
    tcase_add_test(params, reads_the_vote_extension_height_from_either_place);
    tcase_add_test(params, refuses_two_vote_extension_heights);
    tcase_add_test(params, ignores_the_field_with_two_meanings);
    tcase_add_test(params, reads_durations_and_saturates_them);
    tcase_add_test(params, refuses_what_is_no_duration);
    tcase_add_test(params, merges_messages_that_come_in_pieces);
    tcase_add_test(params, refuses_damaged_params);
    suite_add_tcase(suite, params);
    return suite_run(suite);
}
