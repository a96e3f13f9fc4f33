/* SPDX-License-Identifier: Apache-2.0
 *
 * Proposals: with the same contents CometBFT's own blocks come out, and there is only so much room.
 */
#include "diary_host.h"

static cmt_ext_commit last_commit_of(int64_t height, cmt_buf *bytes, cmt_commit *commit)
{
    cmt_ext_commit out;
    if (cmt_extensions_enabled(&state.params, height)) {
        MUST(cmt_block_store_load_ext_commit(source.blocks, height, bytes, NULL, &error));
        MUST(cmt_ext_commit_read(cmt_buf_slice(bytes), &out, &error));
        return out;
    }
    MUST(cmt_block_store_load_commit(source.blocks, height, bytes, NULL, &error));
    MUST(cmt_commit_read(cmt_buf_slice(bytes), commit, &error));
    out = (cmt_ext_commit){commit->height, commit->round, commit->block_id, NULL, commit->count};
    out.signatures = calloc(commit->count + 1, sizeof *out.signatures);
    for (size_t i = 0; i < commit->count; i++)
        out.signatures[i].sig = commit->signatures[i];
    return out;
}

/* With the transactions, the evidence and the last commit of the source's block comes its block, byte for byte. */
static void propose_again(int64_t height)
{
    source_block b = source_load(&source, height);
    cmt_buf bytes = CMT_BUF_INIT;
    cmt_commit commit = {0};
    cmt_ext_commit last = {0};
    cmt_proposal proposal;
    bool first = height == source.genesis.initial_height;
    if (!first) {
        state = source_state_before(&source, height);
        last = last_commit_of(height - 1, &bytes, &commit);
    }
    h.txs = (cmt_app_txs){b.block.txs, b.block.tx_count};
    h.evidence = (cmt_app_txs){b.block.evidence, b.block.evidence_count};
    const cmt_slice proposer = {b.block.header.proposer_address.bytes, CMT_ADDRESS_SIZE};
    MUST(cmt_block_executor_propose(executor, &state, &last, proposer, &proposal, &error));
    ck_assert_msg(cmt_slice_equal(cmt_buf_slice(&proposal.bytes), cmt_buf_slice(&b.bytes)),
                  "block %" PRId64 " came out otherwise", height);
    ck_assert_mem_eq(proposal.id.hash.bytes, b.meta.block_id.hash.bytes, CMT_HASH_SIZE);
    ck_assert_mem_eq(proposal.id.part_hash.bytes, b.meta.block_id.part_hash.bytes, CMT_HASH_SIZE);
    ck_assert_uint_eq(proposal.id.part_total, b.meta.block_id.part_total);
    ck_assert_int_eq(h.asked.height, height);
    ck_assert_uint_eq(h.asked.misbehavior_count, b.block.evidence_count);
    ck_assert_uint_eq(h.asked.last_commit.count, first ? 0 : state.last_validators.count);
    ck_assert_int_eq(h.asked.max_tx_bytes, h.reap_bytes);
    ck_assert_int_eq(h.reap_gas, state.params.core.block_max_gas);
    MUST(cmt_block_executor_validate(executor, &state, &proposal.block, proposal.parts, &error));
    cmt_proposal_free(&proposal);
    cmt_ext_commit_free(&last);
    cmt_commit_free(&commit);
    cmt_buf_free(&bytes);
    if (!first)
        cmt_chain_state_free(&state);
    source_block_free(&b);
}

static void open_to_propose(const char *fixture, cmt_release release)
{
    open_at(fixture, release, 1);
    cmt_chain_state_free(&state);
    MUST(cmt_chain_state_from_genesis(&source.genesis, release, "", &state, &error));
    propose_again(1);
    cmt_chain_state_free(&state);
}

START_TEST(blocks_of_0_38_are_proposed_again)
{
    open_to_propose("multi-0.38", CMT_RELEASE_0_38);
    for (int64_t height = 2; height <= 600; height += 13)
        propose_again(height);
    propose_again(305);
    ck_assert_uint_eq(h.asked.misbehavior_count, 1);
    close_all();
}
END_TEST

START_TEST(blocks_of_0_40_are_proposed_again)
{
    open_to_propose("multi-0.40", CMT_RELEASE_0_40);
    for (int64_t height = 2; height <= 600; height += 5) /* some with votes for nothing */
        propose_again(height);
    close_all();
}
END_TEST

START_TEST(blocks_with_extensions_are_proposed_again)
{
    open_to_propose("votes-ext-1.0", CMT_RELEASE_1_0);
    propose_again(50);
    ck_assert_uint_eq(h.asked_extensions, 0);
    propose_again(60);
    ck_assert_uint_gt(h.asked_extensions, 2);
    close_all();
}
END_TEST

static cmt_time fixed_now(void *context)
{
    (void)context;
    return (cmt_time){1900000000, 5};
}

START_TEST(with_pbts_the_clock_tells_the_time)
{
    open_at("multi-1.0-v2", CMT_RELEASE_1_0, 20);
    state.params.pbts_enable_height = 21;
    options.now = fixed_now;
    new_executor();
    cmt_buf bytes = CMT_BUF_INIT;
    cmt_commit commit = {0};
    cmt_ext_commit last = last_commit_of(20, &bytes, &commit);
    cmt_proposal proposal;
    MUST(cmt_block_executor_propose(executor, &state, &last, state.validators.validators[0].address,
                                    &proposal, &error));
    ck_assert_int_eq(proposal.block.header.time.seconds, 1900000000);
    MUST(cmt_block_executor_validate(executor, &state, &proposal.block, NULL, &error));
    cmt_proposal_free(&proposal);
    cmt_ext_commit_free(&last);
    cmt_commit_free(&commit);
    cmt_buf_free(&bytes);
    close_all();
}
END_TEST

START_TEST(a_block_has_only_so_much_room)
{
    open_at("multi-0.38", CMT_RELEASE_0_38, 20);
    static uint8_t large[3000];
    const cmt_slice txs[] = {{large, 1000}, {large, 1000}, {large, 1000}};
    cmt_buf bytes = CMT_BUF_INIT;
    cmt_commit commit = {0};
    cmt_ext_commit last = last_commit_of(20, &bytes, &commit);
    const cmt_slice proposer = state.validators.validators[0].address;
    cmt_proposal proposal;
    int64_t room;
    MUST(cmt_max_data_bytes(CMT_RELEASE_0_38, 1000000, 0, state.validators.count, &room, &error));
    state.params.core.block_max_bytes = 1000000 - room + 2 * 1003;
    h.txs = (cmt_app_txs){txs, 3};
    ck_assert_int_eq(
        cmt_block_executor_propose(executor, &state, &last, proposer, &proposal, &error),
        CMT_INVALID);
    ck_assert_ptr_nonnull(strstr(error.message, "transaction data size exceeds maximum 2006"));
    ck_assert_ptr_null(proposal.parts);
    h.chosen = (cmt_app_txs){txs, 2};
    MUST(cmt_block_executor_propose(executor, &state, &last, proposer, &proposal, &error));
    ck_assert_uint_eq(proposal.block.tx_count, 2);
    cmt_proposal_free(&proposal);
    h.silent = true;
    MUST(cmt_block_executor_propose(executor, &state, &last, proposer, &proposal, &error));
    ck_assert_uint_eq(proposal.block.tx_count, 0);
    cmt_proposal_free(&proposal);
    cmt_application simple = application; /* that does not choose: what fits goes in */
    simple.prepare_proposal = NULL;
    options.application = &simple;
    new_executor();
    MUST(cmt_block_executor_propose(executor, &state, &last, proposer, &proposal, &error));
    ck_assert_uint_eq(proposal.block.tx_count, 2);
    cmt_proposal_free(&proposal);
    state.params.core.block_max_bytes = 1000000 - room - 1;
    ck_assert_int_eq(
        cmt_block_executor_propose(executor, &state, &last, proposer, &proposal, &error),
        CMT_INVALID);
    ck_assert_ptr_nonnull(strstr(error.message, "Negative MaxDataBytes"));
    state.params.core.block_max_bytes = -1;
    MUST(cmt_block_executor_propose(executor, &state, &last, proposer, &proposal, &error));
    ck_assert_int_eq(h.reap_bytes, -1);
    cmt_proposal_free(&proposal);
    cmt_ext_commit_free(&last);
    cmt_commit_free(&commit);
    cmt_buf_free(&bytes);
    close_all();
}
END_TEST

START_TEST(the_application_judges_proposals)
{
    open_at("multi-0.38", CMT_RELEASE_0_38, 20);
    source_block b = source_load(&source, 21);
    bool accepted = true;
    MUST(cmt_block_executor_process_proposal(executor, &state, &b.block, &accepted, &error));
    ck_assert(!accepted);
    h.accepts = true;
    MUST(cmt_block_executor_process_proposal(executor, &state, &b.block, &accepted, &error));
    ck_assert(accepted);
    ck_assert_str_eq(h.diary, "process process ");
    source_block_free(&b);
    close_all();
}
END_TEST

START_TEST(a_proposal_may_be_too_large)
{
    open_at("multi-0.38", CMT_RELEASE_0_38, 20);
    source_block b = source_load(&source, 21);
    cmt_part_set *parts;
    MUST(cmt_part_set_new(cmt_buf_slice(&b.bytes), &parts, &error));
    MUST(cmt_block_executor_validate(executor, &state, &b.block, parts, &error));
    state.params.core.block_max_bytes = (int64_t)b.bytes.size - 1;
    ck_assert_int_eq(cmt_block_executor_validate(executor, &state, &b.block, parts, &error),
                     CMT_INVALID);
    ck_assert_ptr_nonnull(strstr(error.message, "exceeds maximum block bytes"));
    cmt_part_set_free(parts);
    source_block_free(&b);
    close_all();
}
END_TEST

static void add_tests(TCase *tc)
{
    tcase_add_test(tc, blocks_of_0_38_are_proposed_again);
    tcase_add_test(tc, blocks_of_0_40_are_proposed_again);
    tcase_add_test(tc, blocks_with_extensions_are_proposed_again);
    tcase_add_test(tc, with_pbts_the_clock_tells_the_time);
    tcase_add_test(tc, a_block_has_only_so_much_room);
    tcase_add_test(tc, the_application_judges_proposals);
    tcase_add_test(tc, a_proposal_may_be_too_large);
}

int main(void)
{
    return run_suite("block_propose", add_tests);
}
