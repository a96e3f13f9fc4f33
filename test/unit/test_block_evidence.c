/* SPDX-License-Identifier: Apache-2.0
 *
 * Evidence in a block: genuine duplicate votes pass, altered ones are refused by name, and the application is told
 * what they say.
 */
#include "cmtstore/blockexec.h"

#include "executor_internal.h"
#include "must.h"
#include "refusing_app.h"
#include "source_chain.h"
#include "suite.h"
#include "types_support.h"
#include "types_vectors.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>

#define HEIGHT 250    /* of the block */
#define EV_HEIGHT 230 /* of the votes in it */

static source_chain chain;
static cmt_chain_state state;
static cmt_validator_set set; /* of EV_HEIGHT */
static cmt_duplicate_vote votes;
static unsigned char secret[crypto_sign_SECRETKEYBYTES];
static uint8_t signatures[2][64];
static cmt_block_executor *executor;

/* ---- votes that contradict each other ---------------------------------------------------- */

/* The generator's keys: from the SHA-256 of a phrase. */
static size_t find_signer(void)
{
    for (int i = 0; i < 12; i++) {
        char phrase[32];
        unsigned char public_key[crypto_sign_PUBLICKEYBYTES];
        cmt_hash seed;
        snprintf(phrase, sizeof phrase, "cmtgen-1-%d", i);
        MUST(cmt_sha256((cmt_slice){(const uint8_t *)phrase, strlen(phrase)}, &seed, &error));
        crypto_sign_seed_keypair(public_key, secret, seed.bytes);
        for (size_t v = 0; v < set.count; v++) {
            cmt_public_key key;
            MUST(cmt_validator_public_key(&set.validators[v], &key, &error));
            if (memcmp(key.bytes.data, public_key, sizeof public_key) == 0)
                return v;
        }
    }
    ck_abort_msg("nobody of the set has a key of the generator's");
}

static void sign(cmt_vote *vote, uint8_t *signature)
{
    cmt_buf bytes = CMT_BUF_INIT;
    MUST(cmt_vote_sign_bytes(state.chain_id, &vote->content, &bytes));
    crypto_sign_detached(signature, NULL, bytes.data, bytes.size, secret);
    vote->signature = (cmt_slice){signature, 64};
    cmt_buf_free(&bytes);
}

static cmt_vote vote_for(uint8_t block, const cmt_validator *validator, size_t index)
{
    cmt_vote vote = {
        .content = {.type = CMT_VOTE_PRECOMMIT, .height = EV_HEIGHT, .round = 1},
        .address = validator->address,
        .index = (int32_t)index,
    };
    cmt_block_id *id = &vote.content.block_id;
    id->hash.size = id->part_hash.size = CMT_HASH_SIZE;
    memset(id->hash.bytes, block, CMT_HASH_SIZE);
    memset(id->part_hash.bytes, 7, CMT_HASH_SIZE);
    id->part_total = 1;
    return vote;
}

static void set_up(void)
{
    TEST_MUST(sodium_init() >= 0);
    chain = source_open("multi-0.38", CMT_RELEASE_0_38);
    state = source_state_before(&chain, HEIGHT);
    MUST(cmt_state_store_load_validator_set(chain.states, EV_HEIGHT, &set, &error));
    size_t index = find_signer();
    const cmt_validator *validator = &set.validators[index];
    cmt_block_meta meta;
    MUST(cmt_block_store_load_meta(chain.blocks, EV_HEIGHT, &meta, &error));
    votes = (cmt_duplicate_vote){
        .vote_a = vote_for(1, validator, index),
        .vote_b = vote_for(2, validator, index),
        .total_voting_power = set.total_voting_power,
        .validator_power = validator->voting_power,
        .timestamp = meta.header.time,
    };
    sign(&votes.vote_a, signatures[0]);
    sign(&votes.vote_b, signatures[1]);
    static const cmt_application application = {.finalize_block = refuse_finalize,
                                                .commit = refuse_commit};
    const cmt_block_executor_options options = {
        .blocks = chain.blocks, .states = chain.states, .application = &application};
    MUST(cmt_block_executor_new(&options, &executor, &error));
}

static void tear_down(void)
{
    cmt_block_executor_free(executor);
    cmt_validator_set_free(&set);
    cmt_chain_state_free(&state);
    source_close(&chain);
}

/* A block with this evidence and nothing else that is wrong, as somebody proposes it. */
static cmt_status validate(const cmt_slice *evidence, size_t count, cmt_block_executor *with)
{
    source_block b = source_load(&chain, HEIGHT);
    cmt_block block = b.block;
    block.evidence = (cmt_slice *)(uintptr_t)evidence;
    block.evidence_count = count;
    MUST(cmt_evidence_hash(evidence, count, &block.header.evidence_hash, &error));
    cmt_status st = cmt_block_executor_validate(with, &state, &block, NULL, &error);
    source_block_free(&b);
    return st;
}

static void expect_refused(const char *reason)
{
    cmt_buf bytes = CMT_BUF_INIT;
    MUST(cmt_duplicate_vote_encode(&votes, &bytes));
    const cmt_slice evidence = cmt_buf_slice(&bytes);
    cmt_status st = validate(&evidence, 1, executor);
    ck_assert_msg(st == CMT_INVALID, "not refused for %s: %s", reason, cmt_status_text(st));
    ck_assert_msg(strstr(error.message, reason) != NULL, "\"%s\" does not say %s", error.message,
                  reason);
    cmt_buf_free(&bytes);
}

static void expect_accepted(void)
{
    cmt_buf bytes = CMT_BUF_INIT;
    MUST(cmt_duplicate_vote_encode(&votes, &bytes));
    const cmt_slice evidence = cmt_buf_slice(&bytes);
    MUST(validate(&evidence, 1, executor));
    cmt_buf_free(&bytes);
}

START_TEST(genuine_votes_pass)
{
    expect_accepted();
    MUST(cmt_duplicate_vote_verify(&votes, state.chain_id, &set, &error));
}
END_TEST

START_TEST(each_thing_in_them_counts)
{
    const cmt_duplicate_vote right = votes;
    signatures[0][9] ^= 1;
    expect_refused("verifying VoteA");
    signatures[0][9] ^= 1;
    signatures[1][9] ^= 1;
    expect_refused("verifying VoteB");
    signatures[1][9] ^= 1;
    votes.validator_power++;
    expect_refused("validator power from evidence");
    votes = right;
    votes.total_voting_power++;
    expect_refused("total voting power from the evidence");
    votes = right;
    votes.timestamp.nanos ^= 1;
    expect_refused("different time to the block");
    votes = right;
    votes.vote_b.content.round++;
    expect_refused("h/r/s does not match");
    votes = right;
    votes.vote_b.content.height++;
    expect_refused("h/r/s does not match");
    votes = right;
    votes.vote_b.content.type = CMT_VOTE_PREVOTE;
    expect_refused("h/r/s does not match");
    votes = right;
    votes.vote_a.content.timestamp.seconds++;
    expect_refused("verifying VoteA");
    votes = right;
    uint8_t nobody[CMT_ADDRESS_SIZE] = {0};
    votes.vote_b.address = (cmt_slice){nobody, sizeof nobody};
    expect_refused("validator addresses do not match");
    votes.vote_a.address = votes.vote_b.address;
    expect_refused("who was a validator at height 230");
    votes = right;
    votes.vote_a.content.height = votes.vote_b.content.height = 601;
    expect_refused("don't have header #601");
    votes = right;
    votes.vote_b.content.block_id = votes.vote_a.content.block_id;
    ck_assert_int_eq(cmt_duplicate_vote_verify(&votes, state.chain_id, &set, &error), CMT_INVALID);
    ck_assert_ptr_nonnull(strstr(error.message, "not a real duplicate vote"));
    votes = right;
    expect_accepted();
}
END_TEST

START_TEST(evidence_grows_old)
{
    state.params.core.evidence_max_age_num_blocks = HEIGHT - 1 - EV_HEIGHT;
    state.params.core.evidence_max_age_duration_ns = 1;
    expect_accepted(); /* only in time */
    state.params.core.evidence_max_age_num_blocks--;
    expect_refused("is too old");
    state.params.core.evidence_max_age_duration_ns = INT64_MAX;
    expect_accepted(); /* only in blocks */
}
END_TEST

START_TEST(evidence_comes_once)
{
    cmt_buf bytes = CMT_BUF_INIT;
    MUST(cmt_duplicate_vote_encode(&votes, &bytes));
    const cmt_slice evidence[] = {cmt_buf_slice(&bytes), cmt_buf_slice(&bytes)};
    ck_assert_int_eq(validate(evidence, 2, executor), CMT_INVALID);
    ck_assert_ptr_nonnull(strstr(error.message, "(#1): duplicate evidence"));
    cmt_buf_free(&bytes);
}
END_TEST

/* ---- a pool of the host's ---------------------------------------------------------------- */

static cmt_status refuse(void *context, const cmt_chain_state *at, const cmt_slice *evidence,
                         size_t count, cmt_error *err)
{
    (void)evidence;
    *(size_t *)context += count;
    ck_assert_int_eq(at->last_block_height, HEIGHT - 1);
    return cmt_error_set(err, CMT_INVALID, "the host knows better");
}

START_TEST(the_host_may_decide)
{
    size_t asked = 0;
    cmt_evidence_pool pool = {.context = &asked, .check = refuse};
    cmt_block_executor_options options = executor->options;
    cmt_block_executor *with;
    options.evidence = &pool;
    MUST(cmt_block_executor_new(&options, &with, &error));
    cmt_buf bytes = CMT_BUF_INIT;
    MUST(cmt_duplicate_vote_encode(&votes, &bytes));
    const cmt_slice evidence = cmt_buf_slice(&bytes);
    ck_assert_int_eq(validate(&evidence, 1, with), CMT_INVALID);
    ck_assert_str_eq(error.message, "the host knows better");
    ck_assert_uint_eq(asked, 1);
    MUST(validate(NULL, 0, with));
    ck_assert_uint_eq(asked, 1); /* there was nothing to ask */
    cmt_block_executor_free(with);
    cmt_buf_free(&bytes);
}
END_TEST

/* ---- what the application is told -------------------------------------------------------- */

START_TEST(duplicate_votes_as_the_application_sees_them)
{
    cmt_buf bytes = CMT_BUF_INIT;
    cmt_misbehavior *list;
    size_t count;
    MUST(cmt_duplicate_vote_encode(&votes, &bytes));
    const cmt_slice evidence = cmt_buf_slice(&bytes);
    MUST(cmt_blockexec__misbehavior(&evidence, 1, &list, &count, &error));
    ck_assert_uint_eq(count, 1);
    ck_assert_int_eq(list[0].type, CMT_MISBEHAVIOR_DUPLICATE_VOTE);
    ck_assert_mem_eq(list[0].address.bytes, votes.vote_a.address.data, CMT_ADDRESS_SIZE);
    ck_assert_int_eq(list[0].power, votes.validator_power);
    ck_assert_int_eq(list[0].height, EV_HEIGHT);
    ck_assert_int_eq(list[0].time.nanos, votes.timestamp.nanos);
    ck_assert_int_eq(list[0].total_voting_power, set.total_voting_power);
    free(list);
    cmt_buf_free(&bytes);
}
END_TEST

/* Evidence {light_client_attack_evidence {common_height 9, two validators, one of either generation,
 * total 77, time 5 s 6 ns}}; the block in it is not looked at here. */
START_TEST(an_attack_names_each_validator)
{
    cmt_buf bytes =
        test_unhex("128d01 1009 1a3c" V_VALIDATOR_04 "1a43" V_VALIDATOR_10 "204d 2a0408051006");
    const cmt_slice evidence = cmt_buf_slice(&bytes);
    cmt_buf address = test_unhex(V_ADDRESS);
    cmt_misbehavior *list;
    size_t count;
    MUST(cmt_blockexec__misbehavior(&evidence, 1, &list, &count, &error));
    ck_assert_uint_eq(count, 2);
    for (size_t i = 0; i < count; i++) {
        ck_assert_int_eq(list[i].type, CMT_MISBEHAVIOR_LIGHT_CLIENT_ATTACK);
        ck_assert_uint_eq(list[i].address.size, CMT_ADDRESS_SIZE);
        ck_assert_mem_eq(list[i].address.bytes, address.data, CMT_ADDRESS_SIZE);
        ck_assert_int_eq(list[i].power, 10);
        ck_assert_int_eq(list[i].height, 9);
        ck_assert_int_eq(list[i].time.seconds, 5);
        ck_assert_int_eq(list[i].time.nanos, 6);
        ck_assert_int_eq(list[i].total_voting_power, 77);
    }
    free(list);
    cmt_buf_free(&address);
    cmt_buf_free(&bytes);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("block_evidence");
    TCase *tc = tcase_create("evidence");
    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_test(tc, genuine_votes_pass);
    tcase_add_test(tc, each_thing_in_them_counts);
    tcase_add_test(tc, evidence_grows_old);
    tcase_add_test(tc, evidence_comes_once);
    tcase_add_test(tc, the_host_may_decide);
    tcase_add_test(tc, duplicate_votes_as_the_application_sees_them);
    suite_add_tcase(suite, tc);
    TCase *plain = tcase_create("attack");
    tcase_add_test(plain, an_attack_names_each_validator);
    suite_add_tcase(suite, plain);
    return suite_run(suite);
}
