/* SPDX-License-Identifier: Apache-2.0
 *
 * Private keys: those of RFC 8032, and one that CometBFT made from a secret.
 */
#include "types_support.h"

#include "cmtstore/types_sign.h"

static cmt_private_key key_of(const char *seed_hex)
{
    cmt_private_key key;
    cmt_error err = CMT_ERROR_INIT;
    cmt_buf seed = test_unhex(seed_hex);
    ck_assert_uint_eq(seed.size, CMT_PRIVATE_KEY_SEED_SIZE);
    cmt_status st = cmt_private_key_from_seed(seed.data, &key, &err);
    ck_assert_msg(st == CMT_OK, "%s", err.message);
    cmt_buf_free(&seed);
    return key;
}

/* RFC 8032, section 7.1, tests 1 and 2 */
static const struct {
    const char *seed, *public_key, *message, *signature;
} vectors[] = {
    {"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
     "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
     "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b"
     "4"
     "6bd25bf5f0595bbe24655141438e7a100b"},
    {"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
     "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
     "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11"
     "d"
     "8c387b2eaeb4302aeeb00d291612bb0c00"},
};

START_TEST(signs_as_the_standard_says)
{
    cmt_error err = CMT_ERROR_INIT;
    uint8_t signature[CMT_SIGNATURE_SIZE];
    cmt_private_key key = key_of(vectors[_i].seed);
    cmt_buf message = test_unhex(vectors[_i].message);
    const cmt_public_key public_key = cmt_private_key_public(&key);
    test_same(public_key.bytes, vectors[_i].public_key);
    ck_assert_int_eq(cmt_private_key_sign(&key, cmt_buf_slice(&message), signature, &err), CMT_OK);
    test_same((cmt_slice){signature, sizeof signature}, vectors[_i].signature);
    ck_assert_int_eq(cmt_key_verify(&public_key, cmt_buf_slice(&message),
                                    (cmt_slice){signature, sizeof signature}, &err),
                     CMT_OK);
    cmt_buf_free(&message);
}
END_TEST

START_TEST(a_secret_gives_the_key_that_cometbft_makes_of_it)
{
    cmt_hash seed;
    cmt_private_key key;
    cmt_error err = CMT_ERROR_INIT;
    ck_assert_int_eq(cmt_sha256(CMT_SLICE("cmtgen-1-0"), &seed, &err), CMT_OK);
    ck_assert_int_eq(cmt_private_key_from_seed(seed.bytes, &key, &err), CMT_OK);
    test_same((cmt_slice){key.address, sizeof key.address},
              "683ee1cfca644042645810b745449789af29b421");
    test_same(cmt_private_key_public(&key).bytes,
              "1d51c75005f445ee16b7251a707832d7252577d1e9a5a5437f793bdeff841700");
    test_same((cmt_slice){key.secret + 32, 32},
              "1d51c75005f445ee16b7251a707832d7252577d1e9a5a5437f793bdeff841700");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("types_sign");
    TCase *tc = tcase_create("sign");
    tcase_add_loop_test(tc, signs_as_the_standard_says, 0, 2);
    tcase_add_test(tc, a_secret_gives_the_key_that_cometbft_makes_of_it);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
