/* SPDX-License-Identifier: Apache-2.0
 *
 * Consensus parameters encoded, validated and updated as CometBFT does.
 */
#include "types_support.h"
#include "types_vectors.h"

#include "cmtstore/types_params.h"

static size_t seen;
static size_t refused;

static void visit_update(const test_line *line)
{
    if (!test_is(line, "params"))
        return;
    cmt_release release =
        strcmp(test_word(line, 1), "1.0") == 0 ? CMT_RELEASE_1_0 : CMT_RELEASE_0_38;
    cmt_buf before = test_unhex(test_word(line, 2));
    cmt_buf update = test_unhex(test_word(line, 3));
    int64_t height = test_number(line, 4);
    cmt_params params;
    cmt_buf out = CMT_BUF_INIT;
    cmt_error err = CMT_ERROR_INIT;
    ck_assert_int_eq(cmt_params_decode(cmt_buf_slice(&before), release, &params, NULL), CMT_OK);
    ck_assert_int_eq(cmt_params_encode(&params, release, &out), CMT_OK);
    test_same(cmt_buf_slice(&out), test_word(line, 2));
    cmt_status st = cmt_params_update(&params, cmt_buf_slice(&update), height, release, &err);
    bool refuse = strcmp(test_word(line, 5), "-") == 0;
    ck_assert_msg(st == (refuse ? CMT_INVALID : CMT_OK), "line %zu: %s", seen, err.message);
    ck_assert_int_eq(cmt_params_encode(&params, release, &out), CMT_OK);
    test_same(cmt_buf_slice(&out), refuse ? test_word(line, 2) : test_word(line, 5));
    cmt_buf_free(&out);
    cmt_buf_free(&update);
    cmt_buf_free(&before);
    seen++;
    refused += refuse ? 1 : 0;
}

START_TEST(updates_are_taken_as_by_cometbft)
{
    seen = 0;
    refused = 0;
    test_each_line("block-vectors.txt", visit_update);
    test_each_line("block-vectors-1.0.txt", visit_update);
    ck_assert_uint_eq(seen, 160);
    ck_assert_uint_gt(refused, 40);
    ck_assert_uint_lt(refused, 120);
}
END_TEST

START_TEST(each_release_encodes_its_own_defaults)
{
    static const char *const infos[] = {V_PARAMS_INFO_038, V_PARAMS_INFO_040, V_PARAMS_INFO_10};
    for (int i = 0; i < 3; i++) {
        cmt_params params;
        cmt_params again;
        cmt_buf message = CMT_BUF_INIT;
        cmt_buf info = CMT_BUF_INIT;
        cmt_params_default((cmt_release)i, &params);
        params.core.block_max_bytes = 22020096; /* the vectors' */
        params.core.block_max_gas = -1;
        ck_assert_int_eq(cmt_params_validate(&params, (cmt_release)i, NULL), CMT_OK);
        ck_assert_int_eq(cmt_params_encode(&params, (cmt_release)i, &message), CMT_OK);
        ck_assert_int_eq(cmt_params_info_encode(cmt_buf_slice(&message), 1, &info), CMT_OK);
        test_same(cmt_buf_slice(&info), infos[i]);
        ck_assert_int_eq(cmt_params_decode(cmt_buf_slice(&message), (cmt_release)i, &again, NULL),
                         CMT_OK);
        ck_assert_int_eq(cmt_params_encode(&again, (cmt_release)i, &message), CMT_OK);
        ck_assert_int_eq(cmt_params_info_encode(cmt_buf_slice(&message), 1, &info), CMT_OK);
        test_same(cmt_buf_slice(&info), infos[i]);
        cmt_buf_free(&info);
        cmt_buf_free(&message);
    }
}
END_TEST

static void refuses(const cmt_params *params, const char *word)
{
    cmt_error err = CMT_ERROR_INIT;
    ck_assert_int_eq(cmt_params_validate(params, CMT_RELEASE_1_0, &err), CMT_INVALID);
    ck_assert_msg(strstr(err.message, word) != NULL, "%s", err.message);
}

START_TEST(names_each_value_out_of_its_limits)
{
    cmt_params good;
    cmt_params_default(CMT_RELEASE_1_0, &good);
    cmt_params p = good;
    p.core.block_max_bytes = 0;
    refuses(&p, "block.max_bytes cannot be 0");
    p.core.block_max_bytes = CMT_BLOCK_BYTES_MAX + 1;
    refuses(&p, "block.max_bytes");
    p = good;
    p.core.block_max_gas = -2;
    refuses(&p, "block.max_gas");
    p = good;
    p.core.evidence_max_age_num_blocks = 0;
    refuses(&p, "evidence.max_age_num_blocks");
    p = good;
    p.core.evidence_max_age_duration_ns = 0;
    refuses(&p, "evidence.max_age_duration");
    p = good;
    p.core.evidence_max_bytes = p.core.block_max_bytes + 1;
    refuses(&p, "evidence.max_bytes");
    p.core.block_max_bytes = -1;
    ck_assert_int_eq(cmt_params_validate(&p, CMT_RELEASE_1_0, NULL), CMT_OK);
    p = good;
    p.core.vote_extensions_enable_height = -1;
    refuses(&p, "vote_extensions_enable_height");
    p = good;
    p.key_type_count = 0;
    refuses(&p, "pub_key_types is empty");
    p = good;
    memcpy(p.key_types[0], "sr25519", 8);
    refuses(&p, "sr25519");
    p = good;
    p.message_delay_ns = 0;
    ck_assert_int_eq(cmt_params_validate(&p, CMT_RELEASE_1_0, NULL), CMT_OK);
    p.pbts_enable_height = 1;
    refuses(&p, "synchrony.message_delay");
    p = good;
    p.pbts_enable_height = 1;
    p.precision_ns = 30000000001;
    refuses(&p, "synchrony.precision");
    p.pbts_enable_height = -1;
    refuses(&p, "feature.pbts_enable_height");
}
END_TEST

START_TEST(pbts_moves_only_while_it_has_not_begun)
{
    cmt_params params;
    cmt_error err = CMT_ERROR_INIT;
    cmt_params_default(CMT_RELEASE_1_0, &params);
    cmt_buf at_20 = test_unhex("3a04 1202 0814");
    cmt_buf never = test_unhex("3a02 1200");
    cmt_slice to_20 = cmt_buf_slice(&at_20);
    cmt_slice off = cmt_buf_slice(&never);
    ck_assert_int_eq(cmt_params_update(&params, to_20, 20, CMT_RELEASE_1_0, &err), CMT_INVALID);
    ck_assert_ptr_nonnull(strstr(err.message, "past"));
    ck_assert_int_eq(cmt_params_update(&params, to_20, 19, CMT_RELEASE_1_0, &err), CMT_OK);
    ck_assert_int_eq(params.pbts_enable_height, 20);
    ck_assert_int_eq(cmt_params_update(&params, off, 20, CMT_RELEASE_1_0, &err), CMT_INVALID);
    ck_assert_ptr_nonnull(strstr(err.message, "cannot be changed"));
    ck_assert_int_eq(cmt_params_update(&params, to_20, 25, CMT_RELEASE_1_0, &err), CMT_OK);
    ck_assert_int_eq(cmt_params_update(&params, off, 19, CMT_RELEASE_1_0, &err), CMT_OK);
    ck_assert_int_eq(params.pbts_enable_height, 0);
    cmt_buf_free(&never);
    cmt_buf_free(&at_20);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("types_whole_params");
    TCase *tc = tcase_create("params");
    tcase_add_test(tc, updates_are_taken_as_by_cometbft);
    tcase_add_test(tc, each_release_encodes_its_own_defaults);
    tcase_add_test(tc, names_each_value_out_of_its_limits);
    tcase_add_test(tc, pbts_moves_only_while_it_has_not_begun);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
