/* SPDX-License-Identifier: Apache-2.0
 *
 * What the executor asks of its host and in which order, and what the application may not answer.
 */
#include "diary_host.h"

/* ---- order ------------------------------------------------------------------------------- */

/* Block 305 holds evidence, and 333 changes validators. */
START_TEST(everything_in_its_order)
{
    open_at("multi-0.38", CMT_RELEASE_0_38, 304);
    MUST(commit_next());
    source_block b = source_load(&source, 305);
    char want[256] =
        "finalize lock flush commit mempool unlock evidence block header new-evidence ";
    for (size_t i = 0; i < b.block.tx_count; i++)
        strcat(want, "tx ");
    ck_assert_str_eq(h.diary, want);
    source_block_free(&b);
    close_all();
    open_at("multi-0.38", CMT_RELEASE_0_38, 332);
    MUST(commit_next());
    ck_assert_ptr_nonnull(strstr(h.diary, " updates "));
    close_all();
}
END_TEST

START_TEST(a_commit_that_fails_unlocks_and_saves_no_state)
{
    open_at("multi-0.38", CMT_RELEASE_0_38, 20);
    h.commit_status = CMT_NO_SPACE;
    ck_assert_int_eq(commit_next(), CMT_NO_SPACE);
    ck_assert_str_eq(error.message, "commit failed for application: block 21: the disk is full");
    ck_assert_str_eq(h.diary, "finalize lock flush commit unlock ");
    cmt_state saved;
    MUST(cmt_state_store_load(made.states, &saved, &error));
    ck_assert_int_eq(saved.last_block_height, 20);
    ck_assert_int_eq(cmt_block_store_height(made.blocks), 21);
    h.commit_status = CMT_OK; /* the block is there: it is only applied */
    MUST(commit_next());
    ck_assert_int_eq(state.last_block_height, 21);
    close_all();
}
END_TEST

/* ---- what an application may not answer --------------------------------------------------- */

static void expect_unanswerable(const cmt_slice *updates, size_t count, const char *params,
                                size_t params_size, const char *reason)
{
    source_block b = source_load(&source, state.last_block_height + 1);
    cmt_slice tx_results[8] = {{NULL, 0}};
    ck_assert_uint_le(b.block.tx_count, 8);
    h.changed = (cmt_results){
        .tx_results = tx_results,
        .tx_count = b.block.tx_count,
        .validator_updates = (cmt_slice *)(uintptr_t)updates,
        .update_count = count,
        .has_params = params != NULL,
        .params = {(const uint8_t *)params, params_size},
        .app_hash = CMT_SLICE("hash"),
    };
    h.changes = true;
    ck_assert_int_eq(commit_next(), CMT_INVALID);
    ck_assert_msg(strstr(error.message, reason) != NULL, "\"%s\" does not say %s", error.message,
                  reason);
    ck_assert_ptr_null(strstr(h.diary, "commit"));
    source_block_free(&b);
}

/* ValidatorUpdate {pub_key {ed25519 or secp256k1} power}. */
static cmt_slice update_of(uint8_t *bytes, bool secp256k1, uint8_t byte, int power)
{
    size_t key = secp256k1 ? 33 : 32;
    size_t at = 0;
    bytes[at++] = 0x0a;
    bytes[at++] = (uint8_t)(key + 2);
    bytes[at++] = secp256k1 ? 0x12 : 0x0a;
    bytes[at++] = (uint8_t)key;
    memset(bytes + at, byte, key);
    if (secp256k1)
        bytes[at] = 2;
    at += key;
    if (power != 0) {
        bytes[at++] = 0x10;
        uint64_t value = (uint64_t)(int64_t)power;
        for (; value >= 0x80; value >>= 7)
            bytes[at++] = (uint8_t)(value | 0x80);
        bytes[at++] = (uint8_t)value;
    }
    return (cmt_slice){bytes, at};
}

START_TEST(wrong_answers_are_refused)
{
    uint8_t bytes[64];
    open_at("multi-0.38", CMT_RELEASE_0_38, 20);
    cmt_slice update = update_of(bytes, false, 1, -3);
    expect_unanswerable(&update, 1, NULL, 0, "update 0: voting power can't be negative: -3");
    update = update_of(bytes, true, 1, 3);
    expect_unanswerable(&update, 1, NULL, 0, "secp256k1, which is unsupported for consensus");
    update = update_of(bytes, false, 1, 0);
    expect_unanswerable(&update, 1, NULL, 0, "changing validator set");
    update.size--;
    expect_unanswerable(&update, 1, NULL, 0, "error in validator updates: update 0");
    const char no_bytes[] = "\x0a\x00"; /* block {} */
    expect_unanswerable(NULL, 0, no_bytes, 2, "updating consensus params: ConsensusParams: block");
    expect_unanswerable(NULL, 0, "\x0a\x05", 2, "updating consensus params");
    h.changes = false;
    MUST(commit_next()); /* nothing of it stayed */
    close_all();
}
END_TEST

/* An application that raises its version raises that of the next block. */
START_TEST(the_version_follows_the_params)
{
    open_at("multi-0.38", CMT_RELEASE_0_38, 20);
    source_block b = source_load(&source, 21);
    cmt_slice tx_results[8] = {{NULL, 0}};
    h.changed = (cmt_results){
        .tx_results = tx_results,
        .tx_count = b.block.tx_count,
        .has_params = true,
        .params = CMT_SLICE("\x22\x02\x08\x09"), /* version {app 9} */
        .app_hash = CMT_SLICE("hash"),
    };
    h.changes = true;
    MUST(commit_next());
    cmt_chain_state saved;
    MUST(cmt_state_store_load_chain_state(made.states, &saved, &error));
    ck_assert_uint_eq(saved.version_app, 9);
    ck_assert_uint_eq(saved.params.core.version_app, 9);
    ck_assert_int_eq(saved.last_height_params_changed, 22);
    ck_assert_uint_eq(saved.app_hash.size, 4);
    cmt_chain_state_free(&saved);
    source_block_free(&b);
    close_all();
}
END_TEST

START_TEST(a_result_for_each_transaction)
{
    open_at("multi-0.38", CMT_RELEASE_0_38, 20);
    cmt_slice too_many[9] = {{NULL, 0}};
    h.changed = (cmt_results){.tx_results = too_many, .tx_count = 9};
    h.changes = true;
    ck_assert_int_eq(commit_next(), CMT_INVALID);
    ck_assert_ptr_nonnull(strstr(error.message, "expected tx results length to match size of "
                                                "transactions in block"));
    cmt_buf results = CMT_BUF_INIT;
    ck_assert_int_eq(cmt_state_store_load_results(made.states, 21, &results, &error),
                     CMT_NOT_FOUND);
    cmt_buf_free(&results);
    close_all();
}
END_TEST

START_TEST(a_block_needs_the_commit_of_its_height)
{
    open_at("votes-ext-0.38", CMT_RELEASE_0_38, 50);
    ck_assert_int_eq(commit_next(), CMT_INVALID); /* it brings a seen commit only */
    ck_assert_ptr_nonnull(strstr(error.message, "block 51 needs an extended commit"));
    close_all();
}
END_TEST

/* Whoever vouches for a block is believed. */
START_TEST(a_verified_block_is_not_looked_at_again)
{
    open_at("multi-0.38", CMT_RELEASE_0_38, 20);
    source_block b = source_load(&source, 21);
    cmt_chain_state next;
    state.app_hash.bytes[0] ^= 1;
    ck_assert_int_eq(
        cmt_block_executor_apply(executor, &state, &b.meta.block_id, &b.block, &next, &error),
        CMT_INVALID);
    MUST(cmt_block_executor_apply_verified(executor, &state, &b.meta.block_id, &b.block, &next,
                                           &error));
    ck_assert_int_eq(next.last_block_height, 21);
    cmt_chain_state_free(&next);
    source_block_free(&b);
    close_all();
}
END_TEST

START_TEST(a_wrong_block_is_not_executed)
{
    open_at("multi-0.38", CMT_RELEASE_0_38, 20);
    state.app_hash.bytes[0] ^= 1;
    ck_assert_int_eq(commit_next(), CMT_INVALID);
    ck_assert_ptr_nonnull(strstr(error.message, "invalid block: wrong Block.Header.AppHash"));
    ck_assert_str_eq(h.diary, "");
    ck_assert_int_eq(cmt_block_store_height(made.blocks), 20); /* and not saved */
    close_all();
}
END_TEST

START_TEST(an_executor_needs_what_it_works_with)
{
    cmt_block_executor *none;
    cmt_block_executor_options missing = {.blocks = NULL};
    ck_assert_int_eq(cmt_block_executor_new(&missing, &none, &error), CMT_INVALID);
    ck_assert_ptr_null(none);
    cmt_block_executor_free(NULL);
    cmt_proposal_free(NULL);
}
END_TEST

static void add_tests(TCase *tc)
{
    tcase_add_test(tc, everything_in_its_order);
    tcase_add_test(tc, a_commit_that_fails_unlocks_and_saves_no_state);
    tcase_add_test(tc, wrong_answers_are_refused);
    tcase_add_test(tc, the_version_follows_the_params);
    tcase_add_test(tc, a_result_for_each_transaction);
    tcase_add_test(tc, a_block_needs_the_commit_of_its_height);
    tcase_add_test(tc, a_verified_block_is_not_looked_at_again);
    tcase_add_test(tc, a_wrong_block_is_not_executed);
    tcase_add_test(tc, an_executor_needs_what_it_works_with);
}

int main(void)
{
    return run_suite("block_executor", add_tests);
}
