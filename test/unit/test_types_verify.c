/* SPDX-License-Identifier: Apache-2.0
 *
 * Keys, signatures and commits: what CometBFT's keys signed is genuine, and nothing else is.
 */
#include "types_support.h"
#include "types_vectors.h"

#include "cmtstore/types_validators.h"
#include "types_internal.h"

#include <sched.h>
#include <secp256k1.h>

static size_t seen;

/* A Validator message alone, as a set of one without proposer would hold it. */
static void decode_validator(cmt_slice message, cmt_buf *bytes, cmt_validator_set *set)
{
    cmt_slice heads[] = {CMT_SLICE("\x0a"), CMT_SLICE("\x12")};
    for (size_t i = 0; i < 2; i++) {
        TEST_MUST(message.size < 128);
        uint8_t size = (uint8_t)message.size;
        TEST_MUST(cmt_buf_append(bytes, heads[i].data, 1) == CMT_OK);
        TEST_MUST(cmt_buf_append(bytes, &size, 1) == CMT_OK);
        TEST_MUST(cmt_buf_append(bytes, message.data, message.size) == CMT_OK);
    }
    TEST_MUST(cmt_validator_set_decode(cmt_buf_slice(bytes), set, NULL) == CMT_OK);
}

static void refuses(const cmt_public_key *key, cmt_slice signed_bytes, cmt_slice signature)
{
    cmt_error err = CMT_ERROR_INIT;
    ck_assert_int_eq(cmt_key_verify(key, signed_bytes, signature, &err), CMT_CORRUPT);
    ck_assert_ptr_nonnull(strstr(err.message, "wrong"));
}

/* N - S: the other signature that the curve would take. */
static void other_s(uint8_t signature[64])
{
    static const uint8_t order[32] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                      0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe,
                                      0xba, 0xae, 0xdc, 0xe6, 0xaf, 0x48, 0xa0, 0x3b,
                                      0xbf, 0xd2, 0x5e, 0x8c, 0xd0, 0x36, 0x41, 0x41};
    int borrow = 0;
    for (int i = 31; i >= 0; i--) {
        int digit = order[i] - signature[32 + i] - borrow;
        borrow = digit < 0;
        signature[32 + i] = (uint8_t)(digit + (borrow != 0 ? 256 : 0));
    }
}

static void visit_key(const test_line *line)
{
    if (!test_is(line, "key"))
        return;
    cmt_buf message = test_unhex(test_word(line, 1));
    cmt_buf signed_bytes = test_unhex(test_word(line, 3));
    cmt_buf signature = test_unhex(test_word(line, 4));
    cmt_slice text = cmt_buf_slice(&signed_bytes);
    cmt_buf set_bytes = CMT_BUF_INIT;
    cmt_validator_set set;
    decode_validator(cmt_buf_slice(&message), &set_bytes, &set);
    cmt_public_key key;
    cmt_hash address;
    ck_assert_int_eq(cmt_validator_public_key(&set.validators[0], &key, NULL), CMT_OK);
    ck_assert_int_eq(cmt_key_address(&key, &address, NULL), CMT_OK);
    test_same((cmt_slice){address.bytes, address.size}, test_word(line, 2));
    ck_assert_int_eq(cmt_key_verify(&key, text, cmt_buf_slice(&signature), NULL), CMT_OK);
    for (size_t i = 0; i < signature.size; i++) {
        signature.data[i] ^= 4;
        refuses(&key, text, cmt_buf_slice(&signature));
        signature.data[i] ^= 4;
    }
    signed_bytes.data[0] ^= 1;
    refuses(&key, text, cmt_buf_slice(&signature));
    signed_bytes.data[0] ^= 1;
    refuses(&key, text, (cmt_slice){signature.data, signature.size - 1});
    refuses(&key, text, (cmt_slice){NULL, 0});
    if (key.type == CMT_KEY_SECP256K1) {
        other_s(signature.data);
        refuses(&key, text, cmt_buf_slice(&signature));
    }
    cmt_validator_set_free(&set);
    cmt_buf_free(&set_bytes);
    cmt_buf_free(&signature);
    cmt_buf_free(&signed_bytes);
    cmt_buf_free(&message);
    seen++;
}

START_TEST(signatures_of_cometbfts_keys_are_genuine)
{
    seen = 0;
    test_each_line("block-vectors.txt", visit_key);
    test_each_line("block-vectors-1.0.txt", visit_key);
    ck_assert_uint_eq(seen, 16);
}
END_TEST

START_TEST(other_keys_are_named_and_not_verified)
{
    static const uint8_t bytes[96];
    cmt_public_key key = {CMT_KEY_BLS12381, {bytes, 96}};
    cmt_error err = CMT_ERROR_INIT;
    ck_assert_int_eq(cmt_key_verify(&key, CMT_SLICE("x"), CMT_SLICE("y"), &err), CMT_UNSUPPORTED);
    ck_assert_ptr_nonnull(strstr(err.message, "bls12_381"));
}
END_TEST

/* ---- commits ----------------------------------------------------------------------------- */

static cmt_buf commit_bytes;
static cmt_buf set_bytes;
static cmt_commit commit;
static cmt_validator_set set;

static void setup(void)
{
    commit_bytes = test_unhex(V_COMMIT);
    set_bytes = test_unhex(V_SET_10);
    ck_assert_int_eq(cmt_commit_read(cmt_buf_slice(&commit_bytes), &commit, NULL), CMT_OK);
    ck_assert_int_eq(cmt_validator_set_decode(cmt_buf_slice(&set_bytes), &set, NULL), CMT_OK);
}

static void teardown(void)
{
    cmt_validator_set_free(&set);
    cmt_commit_free(&commit);
    cmt_buf_free(&set_bytes);
    cmt_buf_free(&commit_bytes);
}

static void expect_refusal(const char *chain_id, const cmt_block_id *id, int64_t height,
                           const char *word)
{
    cmt_error err = CMT_ERROR_INIT;
    ck_assert_int_eq(cmt_commit_verify(chain_id, &set, id, height, &commit, &err), CMT_CORRUPT);
    ck_assert_msg(strstr(err.message, word) != NULL, "%s", err.message);
}

START_TEST(a_commit_is_verified)
{
    cmt_error err = CMT_ERROR_INIT;
    cmt_block_id id = commit.block_id;
    ck_assert_int_eq(cmt_commit_verify("test-chain", &set, &id, 1, &commit, &err), CMT_OK);
    expect_refusal("another-chain", &id, 1, "signature 0: wrong");
    expect_refusal("test-chain", &id, 2, "height 1, not 2");
    id.part_total++;
    expect_refusal("test-chain", &id, 1, "another block");
    id = commit.block_id;
    id.hash.bytes[31] ^= 1;
    expect_refusal("test-chain", &id, 1, "another block");
}
END_TEST

START_TEST(a_commit_is_refused_for_each_thing_that_is_wrong)
{
    const cmt_block_id id = commit.block_id;
    commit.signatures[0].timestamp.nanos++;
    expect_refusal("test-chain", &id, 1, "wrong");
    commit.signatures[0].timestamp.nanos--;
    commit.signatures[0].flag = CMT_BLOCK_ID_NIL;
    expect_refusal("test-chain", &id, 1, "wrong");
    commit.signatures[0].flag = CMT_BLOCK_ID_ABSENT;
    expect_refusal("test-chain", &id, 1, "more than 6 are needed");
    commit.signatures[0].flag = CMT_BLOCK_ID_COMMIT;
    commit.round++;
    expect_refusal("test-chain", &id, 1, "wrong");
    commit.round--;
    cmt_slice address = commit.signatures[0].address;
    commit.signatures[0].address = CMT_SLICE("12345678901234567890");
    expect_refusal("test-chain", &id, 1, "address");
    commit.signatures[0].address = address;
    commit.count = 0;
    expect_refusal("test-chain", &id, 1, "0 signatures of 1");
    commit.count = 1;
}
END_TEST

/* Exactly two thirds of the power are not enough. */
START_TEST(two_thirds_are_too_little)
{
    cmt_validator members[2] = {set.validators[0], set.validators[0]};
    cmt_commit_sig sigs[2] = {commit.signatures[0],
                              {.flag = CMT_BLOCK_ID_ABSENT, .timestamp = CMT_GO_ZERO_TIME}};
    cmt_validator_set two = {.validators = members, .count = 2};
    cmt_commit both = commit;
    both.signatures = sigs;
    both.count = 2;
    cmt_error err = CMT_ERROR_INIT;
    members[0].voting_power = 20;
    members[1].voting_power = 10;
    ck_assert_int_eq(cmt_commit_verify("test-chain", &two, &both.block_id, 1, &both, &err),
                     CMT_CORRUPT);
    ck_assert_ptr_nonnull(strstr(err.message, "20 of the voting power"));
    members[0].voting_power = 21;
    ck_assert_int_eq(cmt_commit_verify("test-chain", &two, &both.block_id, 1, &both, &err), CMT_OK);
}
END_TEST

/* ---- on several threads ------------------------------------------------------------------ */

#define MANY 150

/* The one validator and its signature, over and over. */
typedef struct crowd {
    cmt_validator members[MANY];
    cmt_commit_sig sigs[MANY];
    cmt_validator_set set;
    cmt_commit commit;
} crowd;

static void make_crowd(crowd *c, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        c->members[i] = set.validators[0];
        c->sigs[i] = commit.signatures[0];
    }
    c->set = (cmt_validator_set){.validators = c->members, .count = count};
    c->commit = commit;
    c->commit.signatures = c->sigs;
    c->commit.count = count;
}

static cmt_status verify_crowd(const crowd *c, cmt_error *err)
{
    *err = (cmt_error)CMT_ERROR_INIT;
    return cmt_commit_verify("test-chain", &c->set, &c->commit.block_id, 1, &c->commit, err);
}

/* Make signature @p i wrong in one of three ways; returns what is said of it. */
static const char *spoil(crowd *c, size_t i, int way)
{
    if (way == 0) { /* the quickest to be found */
        c->sigs[i].address = CMT_SLICE("12345678901234567890");
        return "another validator's address";
    }
    if (way == 1) {
        c->sigs[i].timestamp.nanos++;
        return "wrong ed25519 signature";
    }
    c->members[i].key_bytes = CMT_SLICE("short");
    c->members[i].key_type = CMT_SLICE("ed25519");
    return "5 bytes are no ed25519 key";
}

static unsigned draw(unsigned *random, unsigned below)
{
    *random = *random * 1103515245U + 12345U;
    return (*random >> 16) % below;
}

static bool is_spoilt(const crowd *c, size_t i)
{
    return c->sigs[i].address.data != commit.signatures[0].address.data ||
           c->sigs[i].timestamp.nanos != commit.signatures[0].timestamp.nanos ||
           c->members[i].key_bytes.size != set.validators[0].key_bytes.size;
}

/* @p reason NULL: all are genuine. */
static void expect_first(const crowd *c, size_t index, const char *reason)
{
    cmt_error err;
    char want[64];
    snprintf(want, sizeof want, "commit of height 1: signature %zu: ", index);
    cmt_status st = verify_crowd(c, &err);
    if (reason == NULL) {
        ck_assert_int_eq(st, CMT_OK);
        return;
    }
    ck_assert_int_eq(st, CMT_CORRUPT);
    ck_assert_int_eq(err.code, CMT_CORRUPT);
    ck_assert_msg(strncmp(err.message, want, strlen(want)) == 0 && strstr(err.message, reason),
                  "%s instead of %s%s", err.message, want, reason);
}

START_TEST(the_first_wrong_signature_is_named_wherever_they_are)
{
    static crowd c;
    unsigned random = 7;
    for (unsigned round = 0; round < 60; round++) {
        size_t count = 2 + draw(&random, 64);
        size_t lowest = count;
        const char *reason = NULL;
        make_crowd(&c, count);
        for (unsigned n = draw(&random, 5); n > 0; n--) {
            size_t at = draw(&random, (unsigned)count);
            if (is_spoilt(&c, at))
                continue;
            const char *said = spoil(&c, at, (int)draw(&random, 3));
            if (at < lowest) {
                lowest = at;
                reason = said;
            }
        }
        expect_first(&c, lowest, reason);
    }
}
END_TEST

/* A wrong address is found at once, by another thread, while the signature before it is still looked at. */
START_TEST(the_first_wrong_signature_is_named_whoever_is_quicker)
{
    static crowd c;
    for (size_t i = 10; i < 50; i++) {
        make_crowd(&c, 64);
        const char *reason = spoil(&c, i, 1);
        (void)spoil(&c, i + 1, 0);
        expect_first(&c, i, reason);
    }
}
END_TEST

/* Signature @p i made anew with a secp256k1 key. */
static void sign_otherwise(crowd *c, size_t i, uint8_t key_bytes[33], uint8_t signature[64])
{
    static const uint8_t secret[32] = {[31] = 7};
    secp256k1_context *context = secp256k1_context_create(SECP256K1_CONTEXT_SIGN);
    secp256k1_pubkey key;
    secp256k1_ecdsa_signature sig;
    size_t size = 33;
    cmt_buf bytes = CMT_BUF_INIT;
    cmt_hash hash;
    TEST_MUST(cmt_commit_sign_bytes("test-chain", &c->commit, i, &bytes) == CMT_OK);
    TEST_MUST(cmt_sha256(cmt_buf_slice(&bytes), &hash, NULL) == CMT_OK);
    TEST_MUST(secp256k1_ec_pubkey_create(context, &key, secret) == 1);
    secp256k1_ec_pubkey_serialize(context, key_bytes, &size, &key, SECP256K1_EC_COMPRESSED);
    TEST_MUST(secp256k1_ecdsa_sign(context, &sig, hash.bytes, secret, NULL, NULL) == 1);
    secp256k1_ecdsa_signature_serialize_compact(context, signature, &sig);
    secp256k1_context_destroy(context);
    cmt_buf_free(&bytes);
    c->members[i].key_type = CMT_SLICE("secp256k1");
    c->members[i].key_bytes = (cmt_slice){key_bytes, 33};
    c->sigs[i].signature = (cmt_slice){signature, 64};
}

START_TEST(keys_of_two_kinds_sign_one_commit)
{
    static crowd c;
    static uint8_t keys[MANY][33];
    static uint8_t signatures[MANY][64];
    make_crowd(&c, MANY);
    for (size_t i = 0; i < MANY; i += 5)
        sign_otherwise(&c, i, keys[i], signatures[i]);
    expect_first(&c, 0, NULL);
    signatures[75][40] ^= 1;
    expect_first(&c, 75, "wrong secp256k1 signature");
    c.sigs[74].timestamp.nanos++;
    expect_first(&c, 74, "wrong ed25519 signature");
    c.sigs[74].flag = CMT_BLOCK_ID_ABSENT;
    c.sigs[75].flag = CMT_BLOCK_ID_ABSENT;
    expect_first(&c, 0, NULL);
}
END_TEST

START_TEST(the_last_of_many_signatures_is_verified_too)
{
    static crowd c;
    cmt_error err;
    make_crowd(&c, MANY);
    ck_assert_int_eq(verify_crowd(&c, &err), CMT_OK);
    c.sigs[MANY - 1].timestamp.nanos++;
    ck_assert_int_eq(verify_crowd(&c, &err), CMT_CORRUPT);
    ck_assert_ptr_nonnull(strstr(err.message, "signature 149: wrong"));
    c.sigs[MANY - 1] = (cmt_commit_sig){.flag = CMT_BLOCK_ID_ABSENT, .timestamp = CMT_GO_ZERO_TIME};
    ck_assert_int_eq(verify_crowd(&c, &err), CMT_OK);
    for (size_t i = 0; i <= MANY / 3; i++)
        c.sigs[i].flag = CMT_BLOCK_ID_ABSENT;
    ck_assert_int_eq(verify_crowd(&c, &err), CMT_CORRUPT);
    ck_assert_ptr_nonnull(strstr(err.message, "of the voting power"));
}
END_TEST

START_TEST(one_processor_is_enough)
{
    static crowd c;
    cmt_error err;
    cpu_set_t all;
    cpu_set_t one;
    ck_assert_int_eq(sched_getaffinity(0, sizeof all, &all), 0);
    CPU_ZERO(&one);
    for (int i = 0; i < CPU_SETSIZE && CPU_COUNT(&one) == 0; i++)
        if (CPU_ISSET((size_t)i, &all))
            CPU_SET((size_t)i, &one);
    ck_assert_int_eq(sched_setaffinity(0, sizeof one, &one), 0);
    make_crowd(&c, MANY);
    cmt_status good = verify_crowd(&c, &err);
    c.sigs[99].timestamp.nanos++;
    cmt_status bad = verify_crowd(&c, &err);
    ck_assert_int_eq(sched_setaffinity(0, sizeof all, &all), 0);
    ck_assert_int_eq(good, CMT_OK);
    ck_assert_int_eq(bad, CMT_CORRUPT);
    ck_assert_ptr_nonnull(strstr(err.message, "signature 99: wrong"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("types_verify");
    TCase *keys = tcase_create("keys");
    tcase_add_test(keys, signatures_of_cometbfts_keys_are_genuine);
    tcase_add_test(keys, other_keys_are_named_and_not_verified);
    suite_add_tcase(suite, keys);
    TCase *commits = tcase_create("commits");
    tcase_add_checked_fixture(commits, setup, teardown);
    tcase_add_test(commits, a_commit_is_verified);
    tcase_add_test(commits, a_commit_is_refused_for_each_thing_that_is_wrong);
    tcase_add_test(commits, two_thirds_are_too_little);
    tcase_add_test(commits, the_first_wrong_signature_is_named_wherever_they_are);
    tcase_add_test(commits, the_first_wrong_signature_is_named_whoever_is_quicker);
    tcase_add_test(commits, keys_of_two_kinds_sign_one_commit);
    tcase_add_test(commits, the_last_of_many_signatures_is_verified_too);
    tcase_add_test(commits, one_processor_is_enough);
    suite_add_tcase(suite, commits);
    return suite_run(suite);
}
