/* SPDX-License-Identifier: Apache-2.0
 *
 * Verification of ed25519: what libsodium makes of points and of honest signatures is what we make of them, and at the edges
 * ZIP-215 decides.  (That CometBFT decides the same: test/interop/signatures.py.)
 */
#include "types_support.h"

#include "ed25519.h"
#include "ed25519_sum.h"

#include <sodium.h>

#define MESSAGE_SIZE 112

static uint64_t random_state = 215;

static void draw(uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)(test_random(&random_state) >> 56);
}

static void draw_scalar(uint8_t out[32])
{
    uint8_t wide[64];
    draw(wide, sizeof wide);
    crypto_core_ed25519_scalar_reduce(out, wide);
}

/* ---- points ------------------------------------------------------------------------------ */

static void draw_point(uint8_t out[32])
{
    uint8_t scalar[32];
    draw_scalar(scalar);
    TEST_MUST(crypto_scalarmult_ed25519_base_noclamp(out, scalar) == 0);
}

static void expect_point(const cmt_point *point, const uint8_t encoding[32])
{
    uint8_t got[32];
    cmt_point_encode(got, point);
    TEST_MUST(memcmp(got, encoding, sizeof got) == 0);
}

START_TEST(points_are_added_as_libsodium_does)
{
    for (int i = 0; i < 500; i++) {
        uint8_t a[32], b[32], want[32];
        cmt_point p, q, out;
        draw_point(a);
        draw_point(b);
        TEST_MUST(cmt_point_decode(&p, a) && cmt_point_decode(&q, b));
        expect_point(&p, a);
        const cmt_point_addend addend = cmt_point_as_addend(&q);
        cmt_point_add(&out, &p, &addend, false);
        TEST_MUST(crypto_core_ed25519_add(want, a, b) == 0);
        expect_point(&out, want);
        cmt_point_add(&out, &p, &addend, true);
        TEST_MUST(crypto_core_ed25519_sub(want, a, b) == 0);
        expect_point(&out, want);
        cmt_point_double(&out, &p);
        TEST_MUST(crypto_core_ed25519_add(want, a, a) == 0);
        expect_point(&out, want);
    }
}
END_TEST

/* Random numbers, and such of few or of nearly all of 253 bits. */
static void draw_number(uint8_t number[32], int which)
{
    if (which % 3 == 0) {
        draw_scalar(number);
        return;
    }
    memset(number, which % 3 == 1 ? 0 : 0xff, 32);
    number[which % 31] ^= (uint8_t)which;
    number[31] &= 0x1f;
}

START_TEST(sums_of_multiples_are_those_of_libsodium)
{
    static cmt_point_addend multiples[4][CMT_ODD_MULTIPLES(8)];
    static cmt_term room[4][CMT_TERMS_MAX(253, 2)];
    for (int i = 0; i < 300; i++) {
        cmt_sum sum = {{NULL}};
        cmt_point out;
        uint8_t want[32] = {1};
        for (unsigned n = 0; n < 4; n++) {
            uint8_t encoding[32], number[32], product[32];
            cmt_point p;
            unsigned width = 2 + (unsigned)(test_random(&random_state) % 7);
            bool minus = test_random(&random_state) % 2 != 0;
            draw_point(encoding);
            draw_number(number, i + (int)n);
            TEST_MUST(cmt_point_decode(&p, encoding));
            cmt_point_odd_multiples(multiples[n], CMT_ODD_MULTIPLES(width), &p);
            cmt_sum_put(&sum, number, minus, multiples[n], width, room[n]);
            if (crypto_scalarmult_ed25519_noclamp(product, number, encoding) != 0)
                continue; /* 0: libsodium refuses the neutral point */
            TEST_MUST((minus ? crypto_core_ed25519_sub : crypto_core_ed25519_add)(want, want,
                                                                                  product) == 0);
        }
        cmt_sum_compute(&sum, &out);
        expect_point(&out, want);
    }
}
END_TEST

/* y + p for each y below 19, which 255 bits still hold. */
START_TEST(numbers_from_p_on_stand_for_themselves_less_p)
{
    for (unsigned y = 0; y < 19; y++) {
        for (unsigned sign = 0; sign < 2; sign++) {
            uint8_t low[32] = {[0] = (uint8_t)y, [31] = (uint8_t)(sign << 7)};
            uint8_t high[32];
            cmt_point p, q;
            memset(high, 0xff, sizeof high);
            high[0] = (uint8_t)(0xed + y);
            high[31] = (uint8_t)(0x7f | sign << 7);
            bool known = cmt_point_decode(&p, low);
            ck_assert_int_eq(cmt_point_decode(&q, high), known);
            if (!known)
                continue;
            uint8_t encoding[32];
            cmt_point_encode(encoding, &p);
            expect_point(&q, encoding);
        }
    }
}
END_TEST

/* ---- points of small order --------------------------------------------------------------- */

/* All encodings of the eight points: two ways for y = -1, four for y = 0 and y = 1, one for the rest. */
static const char *const small[] = {
    "0100000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000080",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
};
#define SMALL (sizeof small / sizeof small[0])

static void small_encoding(uint8_t out[32], size_t i)
{
    cmt_buf bytes = test_unhex(small[i]);
    TEST_MUST(bytes.size == 32);
    memcpy(out, bytes.data, 32);
    cmt_buf_free(&bytes);
}

/* ---- signatures -------------------------------------------------------------------------- */

typedef struct triple {
    uint8_t key[32];
    uint8_t message[MESSAGE_SIZE];
    uint8_t signature[64];
} triple;

#define PARTS(t)                                                                                   \
    (cmt_slice){(t)->key, sizeof(t)->key}, (cmt_slice){(t)->message, sizeof(t)->message},          \
        (cmt_slice)                                                                                \
    {                                                                                              \
        (t)->signature, sizeof(t)->signature                                                       \
    }

/* By itself and as a batch of one. */
static bool is_genuine(const triple *t)
{
    bool alone = cmt_ed25519_verify(PARTS(t));
    cmt_ed25519_batch *batch = cmt_ed25519_batch_new(1);
    TEST_MUST(batch != NULL);
    bool together = cmt_ed25519_batch_add(batch, PARTS(t)) && cmt_ed25519_batch_verify(batch);
    cmt_ed25519_batch_free(batch);
    TEST_MUST(alone == together);
    return alone;
}

static bool libsodium_takes(const triple *t)
{
    return crypto_sign_verify_detached(t->signature, t->message, MESSAGE_SIZE, t->key) == 0;
}

static triple honest(void)
{
    triple t;
    uint8_t seed[32], secret[64];
    draw(seed, sizeof seed);
    draw(t.message, sizeof t.message);
    TEST_MUST(crypto_sign_seed_keypair(t.key, secret, seed) == 0);
    TEST_MUST(crypto_sign_detached(t.signature, NULL, t.message, MESSAGE_SIZE, secret) == 0);
    return t;
}

/* Of a key and an R that points of small order were added to. */
static triple twisted(const uint8_t key_twist[32], const uint8_t r_twist[32])
{
    triple t;
    uint8_t a[32], r[32], k[32], hash[64];
    crypto_hash_sha512_state state;
    draw(t.message, sizeof t.message);
    draw_scalar(a);
    draw_scalar(r);
    TEST_MUST(crypto_scalarmult_ed25519_base_noclamp(t.key, a) == 0);
    TEST_MUST(crypto_scalarmult_ed25519_base_noclamp(t.signature, r) == 0);
    TEST_MUST(crypto_core_ed25519_add(t.key, t.key, key_twist) == 0);
    TEST_MUST(crypto_core_ed25519_add(t.signature, t.signature, r_twist) == 0);
    crypto_hash_sha512_init(&state);
    crypto_hash_sha512_update(&state, t.signature, 32);
    crypto_hash_sha512_update(&state, t.key, 32);
    crypto_hash_sha512_update(&state, t.message, MESSAGE_SIZE);
    crypto_hash_sha512_final(&state, hash);
    crypto_core_ed25519_scalar_reduce(k, hash);
    crypto_core_ed25519_scalar_mul(k, k, a);
    crypto_core_ed25519_scalar_add(t.signature + 32, k, r);
    return t;
}

START_TEST(points_of_small_order_sign_anything_with_0)
{
    for (size_t i = 0; i < SMALL; i++) {
        for (size_t j = 0; j < SMALL; j++) {
            triple t = {.signature = {0}};
            cmt_point p;
            small_encoding(t.key, i);
            small_encoding(t.signature, j);
            draw(t.message, sizeof t.message);
            TEST_MUST(cmt_point_decode(&p, t.key) && cmt_point_has_small_order(&p));
            ck_assert_msg(is_genuine(&t), "A %s, R %s", small[i], small[j]);
            t.signature[32] = 1;
            ck_assert_msg(!is_genuine(&t), "A %s, R %s, S 1", small[i], small[j]);
        }
    }
}
END_TEST

START_TEST(a_difference_of_small_order_does_not_matter)
{
    for (size_t i = 0; i < SMALL; i++) {
        for (size_t j = 0; j < SMALL; j++) {
            uint8_t key_twist[32], r_twist[32];
            small_encoding(key_twist, i);
            small_encoding(r_twist, j);
            triple t = twisted(key_twist, r_twist);
            ck_assert_msg(is_genuine(&t), "A + %s, R + %s", small[i], small[j]);
            t.message[5] ^= 1;
            ck_assert_msg(!is_genuine(&t), "A + %s, R + %s", small[i], small[j]);
        }
    }
}
END_TEST

/* The group order. */
static const uint8_t order[32] = {0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58,       0xd6,
                                  0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, [31] = 0x10};

START_TEST(s_from_the_group_order_on_is_refused)
{
    for (int i = 0; i < 50; i++) {
        triple t = honest();
        ck_assert(is_genuine(&t));
        for (int n = 0; n < 7; n++) { /* S + 7 L still has 256 bits */
            sodium_add(t.signature + 32, order, 32);
            ck_assert(!is_genuine(&t));
        }
    }
    triple t = {.message = {0}};
    small_encoding(t.key, 0);
    small_encoding(t.signature, 0);
    memcpy(t.signature + 32, order, 32); /* L is 0, but for the rule */
    ck_assert(!is_genuine(&t));
    memset(t.signature + 32, 0xff, 32);
    ck_assert(!is_genuine(&t));
}
END_TEST

START_TEST(a_signature_with_any_bit_flipped_is_refused)
{
    triple t = honest();
    ck_assert(libsodium_takes(&t) && is_genuine(&t));
    uint8_t *bytes = (uint8_t *)&t;
    for (size_t bit = 0; bit < 8 * sizeof t; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        TEST_MUST(!libsodium_takes(&t));
        ck_assert_msg(!is_genuine(&t), "bit %zu", bit);
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
}
END_TEST

START_TEST(another_size_is_refused)
{
    triple t = honest();
    cmt_slice key = {t.key, sizeof t.key};
    cmt_slice message = {t.message, sizeof t.message};
    cmt_slice signature = {t.signature, sizeof t.signature};
    cmt_ed25519_batch *batch = cmt_ed25519_batch_new(1);
    ck_assert(cmt_ed25519_verify(key, message, signature));
    for (size_t size = 0; size < 64; size++) {
        cmt_slice part = {t.signature, size};
        ck_assert(!cmt_ed25519_verify(key, message, part));
        ck_assert(!cmt_ed25519_batch_add(batch, key, message, part));
    }
    for (size_t size = 0; size < 32; size++)
        ck_assert(!cmt_ed25519_verify((cmt_slice){t.key, size}, message, signature));
    ck_assert(cmt_ed25519_batch_add(batch, key, message, signature));
    ck_assert(!cmt_ed25519_batch_add(batch, key, message, signature)); /* it is full */
    ck_assert(cmt_ed25519_batch_verify(batch));
    cmt_ed25519_batch_free(batch);
    ck_assert_ptr_null(cmt_ed25519_batch_new(SIZE_MAX / 2));
}
END_TEST

/* RFC 8032, section 7.1, test 3 and test SHA(abc); tests 1 and 2 are in test_types_sign.c. */
START_TEST(the_standards_signatures_are_genuine)
{
    static const char *const vectors[][3] = {
        {"fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
         "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
         "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"},
        {"ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
         "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
         "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
         "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b589"
         "09351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704"},
    };
    for (size_t i = 0; i < 2; i++) {
        cmt_buf parts[3];
        for (size_t j = 0; j < 3; j++)
            parts[j] = test_unhex(vectors[i][j]);
        ck_assert(cmt_ed25519_verify(cmt_buf_slice(&parts[0]), cmt_buf_slice(&parts[1]),
                                     cmt_buf_slice(&parts[2])));
        for (size_t j = 0; j < 3; j++)
            cmt_buf_free(&parts[j]);
    }
}
END_TEST

/* ---- batches ----------------------------------------------------------------------------- */

#define MANY 300

static bool all_are_genuine(cmt_ed25519_batch *batch, const triple *triples, size_t count)
{
    for (size_t i = 0; i < count; i++)
        TEST_MUST(cmt_ed25519_batch_add(batch, PARTS(&triples[i])));
    return cmt_ed25519_batch_verify(batch);
}

START_TEST(a_batch_is_genuine_if_all_are)
{
    static const size_t sizes[] = {0, 1, 2, 3, 17, 64, 150, MANY};
    static triple triples[MANY];
    cmt_ed25519_batch *batch = cmt_ed25519_batch_new(MANY);
    ck_assert_ptr_nonnull(batch);
    for (size_t i = 0; i < MANY; i++) {
        uint8_t twist[32];
        small_encoding(twist, i % SMALL);
        triples[i] = i % 5 == 0 ? twisted(twist, twist) : honest();
    }
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        size_t step = sizes[i] <= 64 ? 1 : 29; /* each position of the small ones */
        ck_assert(all_are_genuine(batch, triples, sizes[i]));
        for (size_t wrong = 0; wrong < sizes[i]; wrong += step) {
            triples[wrong].message[0] ^= 1;
            ck_assert(!all_are_genuine(batch, triples, sizes[i]));
            triples[wrong].message[0] ^= 1;
        }
    }
    cmt_ed25519_batch_free(batch);
}
END_TEST

/* What one signature has too much another has too little: only random factors tell. */
START_TEST(errors_do_not_make_up_for_each_other)
{
    static const uint8_t one[32] = {1};
    triple pair[2] = {honest(), honest()};
    cmt_ed25519_batch *batch = cmt_ed25519_batch_new(2);
    ck_assert(all_are_genuine(batch, pair, 2));
    crypto_core_ed25519_scalar_add(pair[0].signature + 32, pair[0].signature + 32, one);
    crypto_core_ed25519_scalar_sub(pair[1].signature + 32, pair[1].signature + 32, one);
    ck_assert(!all_are_genuine(batch, pair, 2));
    cmt_ed25519_batch_free(batch);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("types_ed25519");
    TCase *points = tcase_create("points");
    tcase_add_test(points, points_are_added_as_libsodium_does);
    tcase_add_test(points, sums_of_multiples_are_those_of_libsodium);
    tcase_add_test(points, numbers_from_p_on_stand_for_themselves_less_p);
    suite_add_tcase(suite, points);
    TCase *signatures = tcase_create("signatures");
    tcase_add_test(signatures, points_of_small_order_sign_anything_with_0);
    tcase_add_test(signatures, a_difference_of_small_order_does_not_matter);
    tcase_add_test(signatures, s_from_the_group_order_on_is_refused);
    tcase_add_test(signatures, a_signature_with_any_bit_flipped_is_refused);
    tcase_add_test(signatures, another_size_is_refused);
    tcase_add_test(signatures, the_standards_signatures_are_genuine);
    suite_add_tcase(suite, signatures);
    TCase *batches = tcase_create("batches");
    tcase_add_test(batches, a_batch_is_genuine_if_all_are);
    tcase_add_test(batches, errors_do_not_make_up_for_each_other);
    suite_add_tcase(suite, batches);
    return suite_run(suite);
}
