/* SPDX-License-Identifier: Apache-2.0
 *
 * Blocks of chains that CometBFT wrote are valid; with any one thing in them altered they are refused, and the
 * reason names it.
 */
#include "cmtstore/blockexec_validate.h"

#include "source_chain.h"
#include "suite.h"

#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEIGHT 300

static cmt_error error;
static source_chain chain;
static source_block block; /* number HEIGHT; each case gets it anew */
static cmt_chain_state state;

static void set_up_0_38(void)
{
    chain = source_open("multi-0.38", CMT_RELEASE_0_38);
    block = source_load(&chain, HEIGHT);
    state = source_state_before(&chain, HEIGHT);
}

static void set_up_1_0(void)
{
    chain = source_open("multi-1.0-v2", CMT_RELEASE_1_0);
    block = source_load(&chain, HEIGHT);
    state = source_state_before(&chain, HEIGHT);
}

static void tear_down(void)
{
    cmt_chain_state_free(&state);
    source_block_free(&block);
    source_close(&chain);
}

static void expect_valid(void)
{
    cmt_status st = cmt_block_validate(&state, &block.block, NULL, &error);
    ck_assert_msg(st == CMT_OK, "%s: %s", cmt_status_text(st), error.message);
}

static void expect_refused(const char *reason)
{
    cmt_status st = cmt_block_validate(&state, &block.block, NULL, &error);
    ck_assert_msg(st == CMT_INVALID, "not refused for %s: %s", reason, cmt_status_text(st));
    ck_assert_int_eq(error.code, CMT_INVALID);
    ck_assert_msg(strstr(error.message, reason) != NULL, "\"%s\" does not name %s", error.message,
                  reason);
}

/* The header says again what is in the block, so that only what was altered is wrong. */
static void seal(void)
{
    cmt_block *b = &block.block;
    ck_assert_int_eq(cmt_commit_hash(&b->last_commit, &b->header.last_commit_hash, &error), CMT_OK);
    ck_assert_int_eq(cmt_data_hash(b->txs, b->tx_count, &b->header.data_hash, &error), CMT_OK);
    ck_assert_int_eq(
        cmt_evidence_hash(b->evidence, b->evidence_count, &b->header.evidence_hash, &error),
        CMT_OK);
}

static void check_blocks(source_chain *c, int64_t from, int64_t to, int64_t step)
{
    for (int64_t h = from; h <= to; h += step) {
        source_block b = source_load(c, h);
        cmt_chain_state s = source_state_before(c, h);
        cmt_status st = cmt_block_validate(&s, &b.block, NULL, &error);
        ck_assert_msg(st == CMT_OK, "height %" PRId64 ": %s", h, error.message);
        cmt_chain_state_free(&s);
        source_block_free(&b);
    }
}

START_TEST(blocks_of_0_38_are_valid)
{
    check_blocks(&chain, 2, 600, 13);
}
END_TEST

START_TEST(blocks_of_1_0_are_valid)
{
    check_blocks(&chain, 2, 600, 13);
}
END_TEST

/* ---- the header -------------------------------------------------------------------------- */

typedef struct hash_field {
    const char *reason;
    size_t offset;
} hash_field;

#define FIELD(reason, name)                                                                        \
    {                                                                                              \
        reason, offsetof(cmt_header, name)                                                         \
    }

START_TEST(every_hash_in_the_header_counts)
{
    static const hash_field fields[] = {
        FIELD("LastBlockID", last_block_id.hash),
        FIELD("LastBlockID", last_block_id.part_hash),
        FIELD("last_commit_hash", last_commit_hash),
        FIELD("data_hash", data_hash),
        FIELD("ValidatorsHash", validators_hash),
        FIELD("NextValidatorsHash", next_validators_hash),
        FIELD("ConsensusHash", consensus_hash),
        FIELD("AppHash", app_hash),
        FIELD("LastResultsHash", last_results_hash),
        FIELD("evidence_hash", evidence_hash),
        FIELD("ProposerAddress", proposer_address),
    };
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        cmt_hash *hash = (cmt_hash *)(void *)((char *)&block.block.header + fields[i].offset);
        cmt_hash right = *hash;
        hash->bytes[hash->size - 1] ^= 1;
        expect_refused(fields[i].reason);
        *hash = right;
        hash->size--;
        hash->bytes[hash->size] = 0;
        expect_refused(fields[i].offset == offsetof(cmt_header, app_hash) ? "AppHash"
                                                                          : "bytes instead of");
        *hash = right;
        expect_valid();
    }
}
END_TEST

START_TEST(every_number_in_the_header_counts)
{
    cmt_header *h = &block.block.header;
    const cmt_header right = *h;
    h->version_block++;
    expect_refused("block protocol");
    *h = right;
    h->version_app++;
    expect_refused("Version");
    *h = right;
    h->chain_id[0] ^= 1;
    expect_refused("ChainID");
    *h = right;
    h->height++;
    expect_refused("Height");
    h->height -= 2;
    expect_refused("Height");
    h->height = 0;
    expect_refused("height");
    *h = right;
    h->last_block_id.part_total++;
    expect_refused("LastBlockID");
    *h = right;
    expect_valid();
}
END_TEST

START_TEST(time_is_the_median_of_the_last_commit)
{
    cmt_header *h = &block.block.header;
    h->time.nanos ^= 1;
    expect_refused("invalid block time. Expected 2024-");
    h->time = state.last_block_time;
    expect_refused("not greater than last block time");
}
END_TEST

START_TEST(time_may_not_be_ahead_of_the_clock)
{
    cmt_validate_options options = {.time_tolerance_ns = 1000000000,
                                    .now = block.block.header.time};
    ck_assert_int_eq(cmt_block_validate(&state, &block.block, &options, &error), CMT_OK);
    options.now.seconds--;
    ck_assert_int_eq(cmt_block_validate(&state, &block.block, &options, &error), CMT_INVALID);
    ck_assert_ptr_nonnull(strstr(error.message, "too far in the future"));
}
END_TEST

/* ---- exceptions that CometBFT accepts ---------------------------------------------------- */

START_TEST(another_member_may_propose)
{
    cmt_hash *proposer = &block.block.header.proposer_address;
    size_t others = 0;
    for (size_t i = 0; i < state.validators.count; i++) {
        cmt_slice address = state.validators.validators[i].address;
        others += memcmp(proposer->bytes, address.data, address.size) != 0;
        memcpy(proposer->bytes, address.data, address.size);
        expect_valid();
    }
    ck_assert_uint_gt(others, 2);
}
END_TEST

START_TEST(any_later_time_with_pbts)
{
    cmt_header *h = &block.block.header;
    h->time.seconds += 86400;
    expect_refused("invalid block time");
    state.params.pbts_enable_height = HEIGHT + 1;
    expect_refused("invalid block time");
    state.params.pbts_enable_height = HEIGHT;
    expect_valid();
    h->time = state.last_block_time;
    expect_refused("not greater than last block time");
}
END_TEST

START_TEST(no_pbts_before_1_0)
{
    block.block.header.time.seconds += 86400;
    state.params.pbts_enable_height = 1;
    expect_refused("invalid block time");
}
END_TEST

/* ---- the last commit --------------------------------------------------------------------- */

static cmt_commit_sig *signature(size_t i)
{
    return &block.block.last_commit.signatures[i];
}

START_TEST(every_signature_counts)
{
    char reason[64];
    size_t seen = 0;
    for (size_t i = 0; i < block.block.last_commit.count; i++) {
        const cmt_commit_sig right = *signature(i);
        if (right.flag == CMT_BLOCK_ID_ABSENT)
            continue;
        uint8_t *bytes = (uint8_t *)(uintptr_t)right.signature.data;
        snprintf(reason, sizeof reason, "signature %zu: wrong ed25519 signature", i);
        bytes[7] ^= 1;
        expect_refused("last_commit_hash");
        seal();
        expect_refused(reason);
        bytes[7] ^= 1;
        signature(i)->timestamp.nanos ^= 1;
        seal();
        expect_refused(reason);
        *signature(i) = right;
        signature(i)->flag =
            right.flag == CMT_BLOCK_ID_NIL ? CMT_BLOCK_ID_COMMIT : CMT_BLOCK_ID_NIL;
        seal();
        expect_refused(reason);
        *signature(i) = right;
        signature(i)->signature.size--;
        seal();
        expect_refused(reason);
        *signature(i) = right;
        seen++;
    }
    seal();
    expect_valid();
    ck_assert_uint_ge(seen, 5);
}
END_TEST

START_TEST(a_signature_belongs_to_its_place)
{
    cmt_slice first = signature(0)->address;
    ck_assert_uint_gt(first.size, 0);
    ck_assert_uint_gt(signature(1)->address.size, 0);
    signature(0)->address = signature(1)->address;
    seal();
    expect_refused("another validator's address");
    signature(0)->address.size--;
    seal();
    expect_refused("validator address of 19 bytes");
    signature(0)->address = first;
    signature(0)->flag = 4;
    seal();
    expect_refused("block id flag");
    signature(0)->flag = CMT_BLOCK_ID_ABSENT;
    seal();
    expect_refused("marked absent, but not empty");
}
END_TEST

START_TEST(two_thirds_have_to_sign)
{
    cmt_commit *commit = &block.block.last_commit;
    int64_t power = 0;
    for (size_t i = 0; i < commit->count && 3 * power < state.last_validators.total_voting_power;
         i++) {
        power += state.last_validators.validators[i].voting_power;
        commit->signatures[i] = (cmt_commit_sig){
            .flag = CMT_BLOCK_ID_ABSENT,
            .timestamp = {-62135596800, 0},
        };
    }
    seal();
    expect_refused("of the voting power");
}
END_TEST

START_TEST(the_commit_is_of_the_last_block)
{
    cmt_commit *commit = &block.block.last_commit;
    const cmt_commit right = *commit;
    commit->height++;
    expect_refused("LastCommit: commit: it is for height 300");
    *commit = right;
    commit->round++;
    expect_refused("wrong ed25519 signature");
    *commit = right;
    commit->block_id.hash.bytes[0] ^= 1;
    expect_refused("for another block");
    *commit = right;
    commit->block_id.part_total++;
    expect_refused("for another block");
    *commit = right;
    commit->count--;
    seal();
    expect_refused("8 signatures of 9 validators");
    *commit = right;
    commit->count = 0;
    seal();
    expect_refused("Commit: it has no signatures");
    *commit = right;
}
END_TEST

START_TEST(the_last_commit_can_be_left_out)
{
    const cmt_validate_options options = {.skip_last_commit = true};
    size_t i = signature(0)->signature.size > 0 ? 0 : 1;
    ((uint8_t *)(uintptr_t)signature(i)->signature.data)[7] ^= 1;
    seal();
    ck_assert_int_eq(cmt_block_validate(&state, &block.block, &options, &error), CMT_OK);
}
END_TEST

/* ---- what else the block holds ----------------------------------------------------------- */

static void use_height(int64_t height)
{
    cmt_chain_state_free(&state);
    source_block_free(&block);
    block = source_load(&chain, height);
    state = source_state_before(&chain, height);
}

START_TEST(transactions_are_what_the_header_says)
{
    int64_t height = 300;
    while (block.block.tx_count < 2)
        use_height(++height);
    cmt_slice *txs = block.block.txs;
    ((uint8_t *)(uintptr_t)txs[0].data)[0] ^= 1;
    expect_refused("data_hash");
    ((uint8_t *)(uintptr_t)txs[0].data)[0] ^= 1;
    block.block.tx_count--;
    expect_refused("data_hash");
    block.block.tx_count++;
    cmt_slice first = txs[0];
    txs[0] = txs[1];
    txs[1] = first;
    expect_refused("data_hash");
}
END_TEST

START_TEST(evidence_is_what_the_header_says)
{
    use_height(61 * 5);
    ck_assert_uint_eq(block.block.evidence_count, 1);
    expect_valid();
    uint8_t *bytes = (uint8_t *)(uintptr_t)block.block.evidence[0].data;
    size_t last = block.block.evidence[0].size - 1;
    bytes[last] ^= 1;
    expect_refused("evidence_hash");
    bytes[last] ^= 1;
    block.block.evidence[0].size--;
    expect_refused("evidence");
    block.block.evidence[0].size++;
    block.block.evidence_count = 0;
    expect_refused("evidence_hash");
    seal();
    expect_valid();
}
END_TEST

START_TEST(there_may_not_be_too_much_evidence)
{
    use_height(61 * 5);
    size_t size = block.block.evidence[0].size;
    int64_t encoded = (int64_t)(size + (size < 128 ? 2 : 3));
    state.params.core.evidence_max_bytes = encoded;
    expect_valid();
    state.params.core.evidence_max_bytes--;
    expect_refused("Too much evidence");
}
END_TEST

START_TEST(a_block_has_a_largest_size)
{
    state.params.core.block_max_bytes = (int64_t)block.bytes.size;
    ck_assert_int_eq(cmt_block_check_size(&state, block.bytes.size, &error), CMT_OK);
    state.params.core.block_max_bytes--;
    ck_assert_int_eq(cmt_block_check_size(&state, block.bytes.size, &error), CMT_INVALID);
    ck_assert_ptr_nonnull(strstr(error.message, "exceeds maximum block bytes"));
    state.params.core.block_max_bytes = -1;
    ck_assert_int_eq(cmt_block_check_size(&state, CMT_BLOCK_BYTES_MAX, &error), CMT_OK);
    ck_assert_int_eq(cmt_block_check_size(&state, CMT_BLOCK_BYTES_MAX + 1, &error), CMT_INVALID);
}
END_TEST

/* ---- the first block --------------------------------------------------------------------- */

/* Before the first block the state is what the genesis gave. */
static void use_first(void)
{
    cmt_chain_state_free(&state);
    source_block_free(&block);
    block = source_load(&chain, 1);
    state = source_state_before(&chain, 2);
    cmt_validator_set_free(&state.next_validators);
    state.next_validators = state.validators;
    state.validators = state.last_validators;
    state.last_validators = (cmt_validator_set){0};
    const cmt_header *h = &block.block.header;
    state.last_block_height = 0;
    state.last_block_id = (cmt_block_id){0};
    state.last_block_time = h->time;
    state.app_hash = h->app_hash;
    state.last_results_hash = h->last_results_hash;
}

START_TEST(the_first_block_of_0_38)
{
    use_first();
    expect_valid();
    cmt_header *h = &block.block.header;
    h->time.nanos++;
    expect_refused("is not equal to genesis time");
    h->time.nanos--;
    h->height = 2;
    expect_refused("Expected 1 for initial block, got 2");
    h->height = 1;
    cmt_commit_sig sig = {.flag = CMT_BLOCK_ID_ABSENT, .timestamp = {-62135596800, 0}};
    block.block.last_commit.signatures = &sig;
    block.block.last_commit.count = 1;
    seal();
    expect_refused("initial block can't have LastCommit signatures");
    block.block.last_commit = (cmt_commit){0};
}
END_TEST

START_TEST(the_first_block_of_1_0_may_be_later_than_the_genesis)
{
    use_first();
    expect_valid();
    block.block.header.time.seconds++;
    expect_valid();
    block.block.header.time.seconds -= 2;
    expect_refused("is before genesis time");
}
END_TEST

START_TEST(room_for_transactions)
{
    int64_t out;
    /* As types.MaxDataBytes answers. */
    ck_assert_int_eq(cmt_max_data_bytes(CMT_RELEASE_0_38, 4194304, 0, 7, &out, &error), CMT_OK);
    ck_assert_int_eq(out, 4194304 - 11 - 626 - (94 + (3355 + 3) * 7));
    ck_assert_int_eq(cmt_max_data_bytes(CMT_RELEASE_1_0, 4194304, 100, 7, &out, &error), CMT_OK);
    ck_assert_int_eq(out, 4194304 - 11 - 626 - (94 + (141 + 3) * 7) - 100);
    ck_assert_int_eq(cmt_max_data_bytes(CMT_RELEASE_1_0, 11 + 626 + 94, 0, 0, &out, &error),
                     CMT_OK);
    ck_assert_int_eq(out, 0);
    ck_assert_int_eq(cmt_max_data_bytes(CMT_RELEASE_1_0, 11 + 626 + 93, 0, 0, &out, &error),
                     CMT_INVALID);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("block_validate");
    TCase *older = tcase_create("0.38");
    tcase_add_checked_fixture(older, set_up_0_38, tear_down);
    tcase_add_test(older, blocks_of_0_38_are_valid);
    tcase_add_test(older, every_hash_in_the_header_counts);
    tcase_add_test(older, every_number_in_the_header_counts);
    tcase_add_test(older, time_is_the_median_of_the_last_commit);
    tcase_add_test(older, time_may_not_be_ahead_of_the_clock);
    tcase_add_test(older, another_member_may_propose);
    tcase_add_test(older, no_pbts_before_1_0);
    tcase_add_test(older, every_signature_counts);
    tcase_add_test(older, a_signature_belongs_to_its_place);
    tcase_add_test(older, two_thirds_have_to_sign);
    tcase_add_test(older, the_commit_is_of_the_last_block);
    tcase_add_test(older, the_last_commit_can_be_left_out);
    tcase_add_test(older, transactions_are_what_the_header_says);
    tcase_add_test(older, evidence_is_what_the_header_says);
    tcase_add_test(older, there_may_not_be_too_much_evidence);
    tcase_add_test(older, a_block_has_a_largest_size);
    tcase_add_test(older, the_first_block_of_0_38);
    suite_add_tcase(suite, older);
    TCase *newer = tcase_create("1.0");
    tcase_add_checked_fixture(newer, set_up_1_0, tear_down);
    tcase_add_test(newer, blocks_of_1_0_are_valid);
    tcase_add_test(newer, any_later_time_with_pbts);
    tcase_add_test(newer, the_first_block_of_1_0_may_be_later_than_the_genesis);
    suite_add_tcase(suite, newer);
    TCase *plain = tcase_create("plain");
    tcase_add_test(plain, room_for_transactions);
    suite_add_tcase(suite, plain);
    return suite_run(suite);
}
