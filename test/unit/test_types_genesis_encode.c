/* SPDX-License-Identifier: Apache-2.0
 *
 * A genesis document that is made, not copied: it reads as what it was made from, in every release.
 */
#include "types_support.h"

#include "cmtstore/types_genesis.h"

static const uint8_t ed25519[32] = {1, 2, 3};
static const uint8_t secp256k1[33] = {2, 9};

static cmt_validator_update validators[] = {
    {{CMT_KEY_ED25519, {ed25519, sizeof ed25519}}, 10},
    {{CMT_KEY_SECP256K1, {secp256k1, sizeof secp256k1}}, 7},
};

static cmt_genesis some_genesis(cmt_release release)
{
    cmt_genesis g = {
        .has_time = true,
        .time = {1709175845, 678900000},
        .chain_id = "a<b",
        .initial_height = 5,
        .app_hash = {.bytes = {0xab, 0xcd}, .size = 2},
        .validators = validators,
        .validator_count = 2,
    };
    cmt_params_default(release, &g.params);
    g.params.core.block_max_bytes = 1234567;
    g.params.core.evidence_max_age_num_blocks = 77;
    g.params.core.vote_extensions_enable_height = 9;
    g.params.core.version_app = 3;
    if (release == CMT_RELEASE_0_40)
        memcpy(g.params.authority, "somebody", sizeof "somebody");
    if (release == CMT_RELEASE_1_0) {
        g.params.pbts_enable_height = 11;
        g.params.precision_ns = 1000000;
    }
    return g;
}

static void same_validators(const cmt_genesis *a, const cmt_genesis *b)
{
    ck_assert_uint_eq(a->validator_count, b->validator_count);
    for (size_t i = 0; i < a->validator_count; i++) {
        ck_assert_int_eq(a->validators[i].power, b->validators[i].power);
        ck_assert_int_eq(a->validators[i].key.type, b->validators[i].key.type);
        ck_assert(cmt_slice_equal(a->validators[i].key.bytes, b->validators[i].key.bytes));
    }
}

START_TEST(reads_as_what_it_was_made_from)
{
    const cmt_release release = (cmt_release)_i;
    const cmt_genesis wanted = some_genesis(release);
    cmt_genesis got;
    cmt_error err = CMT_ERROR_INIT;
    cmt_buf json = CMT_BUF_INIT;
    cmt_buf a = CMT_BUF_INIT;
    cmt_buf b = CMT_BUF_INIT;
    ck_assert_int_eq(cmt_genesis_encode(&wanted, release, &json, &err), CMT_OK);
    cmt_status st = cmt_genesis_decode(cmt_buf_slice(&json), release, &got, &err);
    ck_assert_msg(st == CMT_OK, "%s", err.message);
    ck_assert(got.has_time);
    ck_assert_int_eq(got.time.seconds, wanted.time.seconds);
    ck_assert_int_eq(got.time.nanos, wanted.time.nanos);
    ck_assert_str_eq(got.chain_id, wanted.chain_id);
    ck_assert_int_eq(got.initial_height, 5);
    test_same((cmt_slice){got.app_hash.bytes, got.app_hash.size}, "abcd");
    ck_assert_int_eq(cmt_params_encode(&wanted.params, release, &a), CMT_OK);
    ck_assert_int_eq(cmt_params_encode(&got.params, release, &b), CMT_OK);
    ck_assert(cmt_slice_equal(cmt_buf_slice(&a), cmt_buf_slice(&b)));
    same_validators(&got, &wanted);
    cmt_genesis_free(&got);
    cmt_buf_free(&json);
    cmt_buf_free(&a);
    cmt_buf_free(&b);
}
END_TEST

START_TEST(until_0_40_it_is_what_a_node_would_keep)
{
    const cmt_genesis genesis = some_genesis(CMT_RELEASE_0_38);
    cmt_error err = CMT_ERROR_INIT;
    cmt_buf json = CMT_BUF_INIT;
    cmt_buf kept = CMT_BUF_INIT;
    ck_assert_int_eq(cmt_genesis_encode(&genesis, CMT_RELEASE_0_38, &json, &err), CMT_OK);
    cmt_status st = cmt_genesis_rewrite(cmt_buf_slice(&json), CMT_RELEASE_0_38, &kept, &err);
    ck_assert_msg(st == CMT_OK, "%s", err.message);
    ck_assert(cmt_slice_equal(cmt_buf_slice(&json), cmt_buf_slice(&kept)));
    cmt_buf_free(&json);
    cmt_buf_free(&kept);
}
END_TEST

START_TEST(wants_a_time)
{
    cmt_genesis genesis = some_genesis(CMT_RELEASE_1_0);
    cmt_error err = CMT_ERROR_INIT;
    cmt_buf json = CMT_BUF_INIT;
    genesis.has_time = false;
    ck_assert_int_eq(cmt_genesis_encode(&genesis, CMT_RELEASE_1_0, &json, &err), CMT_INVALID);
    ck_assert_ptr_nonnull(strstr(err.message, "genesis_time is missing"));
    ck_assert_uint_eq(json.size, 0);
    cmt_buf_free(&json);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("types_genesis_encode");
    TCase *tc = tcase_create("genesis_encode");
    tcase_add_loop_test(tc, reads_as_what_it_was_made_from, CMT_RELEASE_0_38, CMT_RELEASE_1_0 + 1);
    tcase_add_test(tc, until_0_40_it_is_what_a_node_would_keep);
    tcase_add_test(tc, wants_a_time);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
