/* SPDX-License-Identifier: Apache-2.0
 *
 * Damaged and made-up bytes against every decoder: a status each time, and nothing read or leaked
 * that a sanitizer would see.
 */
#include "types_decoders.h"
#include "types_vectors.h"

#define ROUNDS 100000
#define SEED 20240611u

/* Decode a copy in memory of exactly this size. */
static cmt_status decode_copy(test_decoder *decode, const uint8_t *data, size_t size)
{
    cmt_buf copy = test_copy(data, size);
    cmt_error err = CMT_ERROR_INIT;
    cmt_status st = decode(cmt_buf_slice(&copy), &err);
    if (st != CMT_OK) {
        TEST_MUST(err.code == st);
        TEST_MUST(err.message[0] != '\0');
    }
    cmt_buf_free(&copy);
    return st;
}

static void cut_everywhere(test_decoder *decode, cmt_slice value)
{
    for (size_t size = 0; size < value.size; size++) {
        cmt_status st = decode_copy(decode, value.data, size);
        TEST_MUST(st == CMT_OK || st == CMT_CORRUPT);
    }
}

/* An app hash may seem to grow beyond what is supported. */
static bool is_verdict(cmt_status st)
{
    return st == CMT_OK || st == CMT_CORRUPT || st == CMT_UNSUPPORTED;
}

static void flip_every_bit(test_decoder *decode, cmt_slice value)
{
    cmt_buf copy = test_copy(value.data, value.size);
    for (size_t at = 0; at < 8 * value.size; at++) {
        copy.data[at / 8] ^= (uint8_t)(1u << at % 8);
        TEST_MUST(is_verdict(decode_copy(decode, copy.data, copy.size)));
        copy.data[at / 8] ^= (uint8_t)(1u << at % 8);
    }
    cmt_buf_free(&copy);
}

static const struct {
    test_decoder *decode;
    const char *hex;
} vectors[] = {
    {test_decode_meta, V_META},
    {test_decode_part, V_PART},
    {test_decode_commit, V_COMMIT},
    {test_decode_commit, V_EMPTY_COMMIT},
    {test_decode_extended_commit, V_COMMIT},
    {test_decode_block_store_state, "08e8071080dac409"},
    {test_decode_set, V_SET_04},
    {test_decode_set, V_SET_10},
    {test_decode_validators_info, V_VALIDATORS_INFO_04},
    {test_decode_validators_info, V_VALIDATORS_INFO_10},
    {test_decode_validators_info, "1001"},
    {test_decode_params_info, V_PARAMS_INFO_034},
    {test_decode_params_info, V_PARAMS_INFO_037},
    {test_decode_params_info, V_PARAMS_INFO_038},
    {test_decode_params_info, V_PARAMS_INFO_040},
    {test_decode_params_info, V_PARAMS_INFO_10},
    {test_decode_params_info, V_PARAMS_POINTER},
    {test_decode_params_info, V_PARAMS_POINTER_034},
    {test_decode_signed_varint, "80897a"},
};
#define VECTORS (sizeof vectors / sizeof vectors[0])

START_TEST(survives_vectors_cut_and_flipped_anywhere)
{
    cmt_buf value = test_unhex(vectors[_i].hex);
    ck_assert_int_eq(decode_copy(vectors[_i].decode, value.data, value.size), CMT_OK);
    cut_everywhere(vectors[_i].decode, cmt_buf_slice(&value));
    flip_every_bit(vectors[_i].decode, cmt_buf_slice(&value));
    cmt_buf_free(&value);
}
END_TEST

/* Only num_txs, the last field, may be left out. */
START_TEST(refuses_every_cut_of_a_meta)
{
    cmt_buf value = test_unhex(V_META);
    for (size_t size = 0; size < value.size - 2; size++)
        TEST_MUST(decode_copy(test_decode_meta, value.data, size) == CMT_CORRUPT);
    ck_assert_int_eq(decode_copy(test_decode_meta, value.data, value.size - 2), CMT_OK);
    ck_assert_int_eq(decode_copy(test_decode_meta, value.data, value.size - 1), CMT_CORRUPT);
    cmt_buf_free(&value);
}
END_TEST

/* RELEASE KEY VALUE */
static void damage_stored(const test_line *line)
{
    TEST_MUST(line->count == 3);
    test_decoder *decode = test_decoder_of(line->words[1]);
    if (decode == NULL)
        return;
    cmt_buf value = test_unhex(line->words[2]);
    cut_everywhere(decode, cmt_buf_slice(&value));
    flip_every_bit(decode, cmt_buf_slice(&value));
    cmt_buf_free(&value);
}

START_TEST(survives_stored_values_cut_and_flipped)
{
    ck_assert_uint_gt(test_each_line("stored-values.txt", damage_stored), 0);
}
END_TEST

START_TEST(survives_random_bytes)
{
    uint64_t random = SEED;
    uint8_t bytes[128];
    size_t decoded = 0;
    printf("random bytes: seed %u, %d rounds\n", SEED, ROUNDS);
    for (int round = 0; round < ROUNDS; round++) {
        size_t size = test_random(&random) % sizeof bytes;
        for (size_t i = 0; i < size; i++)
            bytes[i] = (uint8_t)(test_random(&random) >> 32);
        test_decoder *decode = test_decoders[(size_t)round % TEST_DECODERS];
        cmt_status st = decode_copy(decode, bytes, size);
        TEST_MUST(is_verdict(st));
        decoded += st == CMT_OK;
    }
    ck_assert_uint_gt(decoded, 0);
}
END_TEST

/* Random fields with plausible numbers, types and lengths get deeper than random bytes. */
static size_t make_fields(uint64_t *random, uint8_t *bytes, size_t room)
{
    size_t size = 0;
    while (size + 2 < room && test_random(random) % 8 != 0) {
        unsigned type = test_random(random) % 4 == 0 ? 0 : 2;
        uint64_t length = test_random(random) % (room - size - 1);
        length = test_random(random) % 4 != 0 ? length % 24 : length;
        bytes[size++] = (uint8_t)((1 + test_random(random) % 7) << 3 | type);
        bytes[size++] = (uint8_t)length;
    }
    return size;
}

START_TEST(survives_random_fields)
{
    uint64_t random = SEED + 1;
    uint8_t bytes[120];
    size_t decoded = 0;
    printf("random fields: seed %u, %d rounds\n", SEED + 1, ROUNDS);
    for (int round = 0; round < ROUNDS; round++) {
        size_t size = make_fields(&random, bytes, 8 + test_random(&random) % 112);
        test_decoder *decode = test_decoders[(size_t)round % TEST_DECODERS];
        cmt_status st = decode_copy(decode, bytes, size);
        TEST_MUST(is_verdict(st));
        decoded += st == CMT_OK;
    }
    ck_assert_uint_gt(decoded, ROUNDS / 100);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("types_hostile");
    TCase *damaged = tcase_create("damaged");
    tcase_set_timeout(damaged, 120);
    tcase_add_loop_test(damaged, survives_vectors_cut_and_flipped_anywhere, 0, (int)VECTORS);
    tcase_add_test(damaged, refuses_every_cut_of_a_meta);
    tcase_add_test(damaged, survives_stored_values_cut_and_flipped);
    suite_add_tcase(suite, damaged);
    TCase *made_up = tcase_create("made up");
    tcase_set_timeout(made_up, 120);
    tcase_add_test(made_up, survives_random_bytes);
    tcase_add_test(made_up, survives_random_fields);
    suite_add_tcase(suite, made_up);
    return suite_run(suite);
}
