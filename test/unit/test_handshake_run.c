/* SPDX-License-Identifier: Apache-2.0
 *
 * The handshake carried out: each action leaves what a node that was never interrupted has, and what does not fit
 * together is named.
 */
#include "cmtstore/replay.h"

#include "must.h"
#include "refusing_app.h"
#include "source_chain.h"
#include "suite.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define TOP 30

static source_chain source;
static made_chain made; /* blocks and states up to TOP */
static made_chain goal; /* and to TOP + 1 */

static void execute(made_chain *into, int64_t until)
{
    const cmt_replay_options options = {
        .source_blocks = source.blocks,
        .source_states = source.states,
        .blocks = into->blocks,
        .states = into->states,
        .genesis = &source.genesis,
        .until = until,
    };
    MUST(cmt_replay_run(&options, NULL, &error));
}

static void set_up(void)
{
    source = source_open("multi-0.38", CMT_RELEASE_0_38);
    made = made_open(&source, false);
    goal = made_open(&source, false);
    execute(&made, TOP);
    execute(&goal, TOP + 1);
}

static void tear_down(void)
{
    made_close(&goal);
    made_close(&made);
    source_close(&source);
}

/* The next block is there, its state is not. */
static void save_next_block(void)
{
    source_block b = source_load(&source, TOP + 1);
    cmt_buf bytes = CMT_BUF_INIT;
    cmt_commit commit;
    cmt_part_set *parts;
    MUST(cmt_block_store_load_seen_commit(source.blocks, TOP + 1, &bytes, NULL, &error));
    MUST(cmt_commit_read(cmt_buf_slice(&bytes), &commit, &error));
    MUST(cmt_part_set_new(cmt_buf_slice(&b.bytes), &parts, &error));
    MUST(cmt_block_store_save_block(made.blocks, &b.block, parts, &commit, &error));
    cmt_part_set_free(parts);
    cmt_commit_free(&commit);
    cmt_buf_free(&bytes);
    source_block_free(&b);
}

static void save_next_results(void)
{
    cmt_buf bytes = CMT_BUF_INIT;
    cmt_results results;
    MUST(cmt_state_store_load_results(source.states, TOP + 1, &bytes, &error));
    MUST(cmt_results_read(cmt_buf_slice(&bytes), &results, &error));
    MUST(cmt_state_store_save_results(made.states, TOP + 1, &results, &error));
    cmt_results_free(&results);
    cmt_buf_free(&bytes);
}

/* An application that answers from the record and keeps a tally; its app hash can be made wrong. */
typedef struct tally {
    const cmt_application *recorded;
    int64_t first; /* executed */
    int64_t last;
    int64_t syncing_to; /* as the first block was told */
    int64_t wrong_at;   /* the block that comes out otherwise; 0: none */
    size_t votes;
    int begun;
    bool wrong_hash;
} tally;

static cmt_status tally_info(void *context, cmt_app_info *out, cmt_error *err)
{
    tally *t = context;
    cmt_status st = t->recorded->info(t->recorded->context, out, err);
    if (t->wrong_hash)
        out->last_block_app_hash.bytes[0] ^= 1;
    return st;
}

static cmt_status tally_init(void *context, const cmt_app_genesis *genesis,
                             cmt_app_genesis_answer *out, cmt_error *err)
{
    tally *t = context;
    t->begun++;
    ck_assert_str_eq(genesis->chain_id, "cmtgen-1");
    ck_assert_uint_eq(genesis->validator_count, 7);
    ck_assert_int_ge(genesis->validators[0].power, genesis->validators[6].power);
    return t->recorded->init_chain(t->recorded->context, genesis, out, err);
}

static cmt_status tally_finalize(void *context, const cmt_app_block *block, cmt_results *out,
                                 cmt_error *err)
{
    tally *t = context;
    if (t->first == 0) {
        t->first = block->height;
        t->syncing_to = block->syncing_to_height;
    } else {
        ck_assert_int_eq(block->height, t->last + 1);
    }
    t->last = block->height;
    t->votes += block->last_commit.count;
    cmt_status st = t->recorded->finalize_block(t->recorded->context, block, out, err);
    if (block->height == t->wrong_at)
        out->app_hash = CMT_SLICE("another");
    return st;
}

static cmt_status tally_commit(void *context, int64_t *retain_height, cmt_error *err)
{
    tally *t = context;
    return t->recorded->commit(t->recorded->context, retain_height, err);
}

static tally told;
static int64_t wrong_at;

static cmt_status shake(int64_t committed, bool wrong_hash, cmt_handshake_result *result)
{
    const cmt_recorded_app_options app_options = {
        .blocks = source.blocks,
        .states = source.states,
        .genesis = &source.genesis,
        .committed = committed,
    };
    cmt_recorded_app *app;
    MUST(cmt_recorded_app_new(&app_options, &app, &error));
    told = (tally){
        .recorded = cmt_recorded_app_application(app),
        .wrong_hash = wrong_hash,
        .wrong_at = wrong_at,
    };
    const cmt_application application = {
        .context = &told,
        .info = tally_info,
        .init_chain = tally_init,
        .finalize_block = tally_finalize,
        .commit = tally_commit,
    };
    const cmt_block_executor_options options = {
        .blocks = made.blocks, .states = made.states, .application = &application};
    cmt_block_executor *executor;
    cmt_chain_state state;
    MUST(cmt_block_executor_new(&options, &executor, &error));
    MUST(cmt_state_store_load_chain_state(made.states, &state, &error));
    cmt_status st = cmt_block_executor_handshake(executor, &source.genesis, (cmt_slice){NULL, 0},
                                                 &state, result, &error);
    cmt_chain_state_free(&state);
    cmt_block_executor_free(executor);
    cmt_recorded_app_free(app);
    return st;
}

static void expect_goal(const made_chain *want)
{
    made_expect_same("blockstore", made.block_db, want->block_db);
    made_expect_same("state", made.state_db, want->state_db);
}

START_TEST(in_line_nothing_is_done)
{
    cmt_handshake_result result;
    MUST(shake(TOP, false, &result));
    ck_assert_int_eq(result.plan.action, CMT_HANDSHAKE_NOTHING);
    ck_assert_int_eq(told.begun, 0);
    ck_assert_int_eq(result.blocks, 0);
    ck_assert_int_eq(shake(TOP, true, &result), CMT_CORRUPT);
    ck_assert_ptr_nonnull(strstr(error.message, "state.AppHash of height 30 does not match"));
}
END_TEST

START_TEST(the_application_executes_what_it_missed)
{
    made_chain before = made_open(&source, false);
    execute(&before, TOP);
    cmt_handshake_result result;
    MUST(shake(12, false, &result));
    ck_assert_int_eq(told.first, 13);
    ck_assert_int_eq(told.last, TOP);
    ck_assert_int_eq(told.syncing_to, TOP);
    ck_assert_uint_gt(told.votes, 7 * 17);
    ck_assert_int_eq(result.blocks, 18);
    expect_goal(&before);
    made_close(&before);
}
END_TEST

START_TEST(another_app_hash_is_noticed_at_the_next_block)
{
    cmt_handshake_result result;
    wrong_at = 15;
    ck_assert_int_eq(shake(12, false, &result), CMT_CORRUPT);
    ck_assert_ptr_nonnull(strstr(error.message, "block.AppHash of height 16 does not match"));
    wrong_at = TOP;
    ck_assert_int_eq(shake(12, false, &result), CMT_CORRUPT);
    ck_assert_ptr_nonnull(strstr(error.message, "state.AppHash of height 30 does not match"));
    wrong_at = 0;
}
END_TEST

START_TEST(a_fresh_application_is_told_of_the_genesis)
{
    cmt_handshake_result result;
    MUST(shake(0, false, &result));
    ck_assert_int_eq(told.begun, 1);
    ck_assert_int_eq(told.first, 1);
    ck_assert_int_eq(result.blocks, TOP);
}
END_TEST

START_TEST(a_saved_block_is_applied)
{
    cmt_handshake_result result;
    save_next_block();
    MUST(shake(TOP, false, &result));
    ck_assert_int_eq(told.first, TOP + 1);
    ck_assert_int_eq(result.blocks, 1);
    expect_goal(&goal);
}
END_TEST

START_TEST(the_application_catches_up_first)
{
    cmt_handshake_result result;
    save_next_block();
    MUST(shake(20, false, &result));
    ck_assert_int_eq(told.first, 21);
    ck_assert_int_eq(told.last, TOP + 1);
    ck_assert_int_eq(result.blocks, 11);
    expect_goal(&goal);
}
END_TEST

START_TEST(a_committed_block_is_applied_from_its_results)
{
    cmt_handshake_result result;
    save_next_block();
    ck_assert_int_eq(shake(TOP + 1, false, &result), CMT_CORRUPT);
    ck_assert_msg(strstr(error.message, "31") != NULL, "%s", error.message);
    save_next_results();
    MUST(shake(TOP + 1, false, &result));
    ck_assert_int_eq(told.first, 0); /* it was not asked again */
    ck_assert_int_eq(result.blocks, 0);
    expect_goal(&goal);
}
END_TEST

START_TEST(what_is_missing_is_named)
{
    cmt_handshake_result result;
    ck_assert_int_eq(cmt_db_memory_delete(made.state_db, CMT_SLICE("validatorsKey:14")), CMT_OK);
    ck_assert_int_eq(shake(12, false, &result), CMT_CORRUPT);
    ck_assert_ptr_nonnull(strstr(error.message, "block 15 is to be replayed, but the validators of "
                                                "height 14"));
    ck_assert_int_eq(cmt_db_memory_delete(made.block_db, CMT_SLICE("P:13:0")), CMT_OK);
    ck_assert_int_eq(shake(12, false, &result), CMT_CORRUPT);
    ck_assert_ptr_nonnull(strstr(error.message, "block 13 is to be replayed, but is not"));
}
END_TEST

START_TEST(a_contradiction_changes_nothing)
{
    made_chain before = made_open(&source, false);
    execute(&before, TOP);
    cmt_handshake_result result;
    ck_assert_int_eq(shake(TOP + 1, false, &result), CMT_INVALID);
    ck_assert_ptr_nonnull(strstr(error.message, "(31) is higher than core (30)"));
    expect_goal(&before);
    made_close(&before);
}
END_TEST

/* ---- a chain begins ---------------------------------------------------------------------- */

/* What the application answers replaces what the genesis says. */
typedef struct beginning {
    cmt_app_genesis_answer answer;
} beginning;

static cmt_status begin_info(void *context, cmt_app_info *out, cmt_error *err)
{
    (void)context;
    (void)err;
    *out = (cmt_app_info){.app_version = 5};
    return CMT_OK;
}

static cmt_status begin_init(void *context, const cmt_app_genesis *genesis,
                             cmt_app_genesis_answer *out, cmt_error *err)
{
    (void)err;
    ck_assert_uint_eq(genesis->app_state.size, 2);
    *out = ((beginning *)context)->answer;
    return CMT_OK;
}

static cmt_status begin(const cmt_app_genesis_answer *answer, const cmt_genesis *genesis,
                        made_chain *fresh, cmt_chain_state *state)
{
    beginning b = {*answer};
    const cmt_application application = {&b,   begin_info,      begin_init,   NULL,
                                         NULL, refuse_finalize, refuse_commit};
    const cmt_block_executor_options options = {
        .blocks = fresh->blocks, .states = fresh->states, .application = &application};
    cmt_block_executor *executor;
    MUST(cmt_block_executor_new(&options, &executor, &error));
    MUST(cmt_chain_state_from_genesis(&source.genesis, CMT_RELEASE_0_38, "test", state, &error));
    cmt_status st =
        cmt_block_executor_handshake(executor, genesis, CMT_SLICE("{}"), state, NULL, &error);
    cmt_block_executor_free(executor);
    return st;
}

START_TEST(the_application_may_begin_otherwise)
{
    made_chain fresh = made_open(&source, false);
    /* One ed25519 key, of power 9: ValidatorUpdate {pub_key {ed25519 …} power}. */
    uint8_t update[38] = {0x0a, 0x22, 0x0a, 0x20};
    memcpy(update + 4, source.genesis.validators[0].key.bytes.data, 32);
    update[36] = 0x10;
    update[37] = 9;
    const cmt_slice list = {update, sizeof update};
    const cmt_app_genesis_answer answer = {
        .has_params = true,
        .params = CMT_SLICE("\x22\x02\x08\x07"), /* version {app 7} */
        .validators = &list,
        .validator_count = 1,
        .app_hash = {{1, 2, 3}, 3},
    };
    cmt_chain_state state;
    cmt_chain_state saved;
    MUST(begin(&answer, &source.genesis, &fresh, &state));
    MUST(cmt_state_store_load_chain_state(fresh.states, &saved, &error));
    ck_assert_uint_eq(saved.validators.count, 1);
    ck_assert_int_eq(saved.validators.total_voting_power, 9);
    ck_assert_uint_eq(saved.next_validators.count, 1);
    ck_assert_uint_eq(saved.version_app, 7);
    ck_assert_uint_eq(saved.app_hash.size, 3);
    ck_assert_uint_eq(saved.last_results_hash.size, 32);
    ck_assert_uint_eq(state.version_app, 7);
    cmt_chain_state_free(&saved);
    cmt_chain_state_free(&state);
    made_close(&fresh);
}
END_TEST

START_TEST(somebody_has_to_validate)
{
    made_chain fresh = made_open(&source, false);
    cmt_chain_state state;
    cmt_genesis genesis = source.genesis;
    const cmt_app_genesis_answer answer = {.has_params = false};
    genesis.validator_count = 0;
    ck_assert_int_eq(begin(&answer, &genesis, &fresh, &state), CMT_INVALID);
    ck_assert_ptr_nonnull(strstr(error.message, "still empty after InitChain"));
    cmt_chain_state_free(&state);
    MUST(begin(&answer, &source.genesis, &fresh, &state));
    ck_assert_uint_eq(state.version_app, 5);
    ck_assert_uint_eq(state.validators.count, 7);
    cmt_chain_state_free(&state);
    made_close(&fresh);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("handshake_run");
    TCase *action = tcase_create("action");
    tcase_add_checked_fixture(action, set_up, tear_down);
    tcase_add_test(action, in_line_nothing_is_done);
    tcase_add_test(action, the_application_executes_what_it_missed);
    tcase_add_test(action, another_app_hash_is_noticed_at_the_next_block);
    tcase_add_test(action, a_fresh_application_is_told_of_the_genesis);
    tcase_add_test(action, a_saved_block_is_applied);
    tcase_add_test(action, the_application_catches_up_first);
    tcase_add_test(action, a_committed_block_is_applied_from_its_results);
    tcase_add_test(action, what_is_missing_is_named);
    tcase_add_test(action, a_contradiction_changes_nothing);
    tcase_add_test(action, the_application_may_begin_otherwise);
    tcase_add_test(action, somebody_has_to_validate);
    suite_add_tcase(suite, action);
    return suite_run(suite);
}
