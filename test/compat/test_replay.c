/* SPDX-License-Identifier: Apache-2.0
 *
 * Chains that CometBFT wrote, executed again by the block executor into empty databases: every pair comes out as
 * CometBFT left it.
 */
#include "cmtstore/replay.h"

#include "must.h"
#include "source_chain.h"
#include "suite.h"

#include <check.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static cmt_replay_options options_for(source_chain *source, made_chain *made)
{
    return (cmt_replay_options){
        .source_blocks = source->blocks,
        .source_states = source->states,
        .blocks = made->blocks,
        .states = made->states,
        .genesis = &source->genesis,
    };
}

static void expect_same(const source_chain *source, const made_chain *made)
{
    made_expect_same("blockstore", made->block_db, source->block_db);
    made_expect_same("state", made->state_db, source->state_db);
}

static void replay_fixture(const char *fixture, cmt_release release, int64_t blocks)
{
    source_chain source = source_open(fixture, release);
    made_chain made = made_open(&source, false);
    const cmt_replay_options options = options_for(&source, &made);
    cmt_replay_result result;
    MUST(cmt_replay_run(&options, &result, &error));
    ck_assert_int_eq(result.blocks, blocks);
    expect_same(&source, &made);
    made_close(&made);
    source_close(&source);
}

START_TEST(comet_0_38)
{
    replay_fixture("multi-0.38", CMT_RELEASE_0_38, 600);
}
END_TEST

START_TEST(comet_0_40)
{
    replay_fixture("multi-0.40", CMT_RELEASE_0_40, 600);
}
END_TEST

START_TEST(comet_1_0_layout_v2)
{
    replay_fixture("multi-1.0-v2", CMT_RELEASE_1_0, 600);
}
END_TEST

START_TEST(vote_extensions)
{
    replay_fixture("votes-ext-0.38", CMT_RELEASE_0_38, 300);
    replay_fixture("votes-ext-1.0", CMT_RELEASE_1_0, 220);
}
END_TEST

/* What a node writes at its start, whatever its chain. */
static void start_as_a_node(source_chain *source, made_chain *made)
{
    MUST(cmt_state_store_save_genesis(made->states, cmt_buf_slice(&source->genesis_json), &error));
    MUST(cmt_state_store_set_offline_height(made->states, 0, &error));
    if (source->release == CMT_RELEASE_1_0)
        MUST(cmt_state_store_init_retain_heights(made->states, false, 0, 0, &error));
}

static void replay_node(const char *fixture, cmt_release release, int64_t blocks)
{
    source_chain source = source_open(fixture, release);
    made_chain made = made_open(&source, false);
    const cmt_replay_options options = options_for(&source, &made);
    cmt_replay_result result;
    start_as_a_node(&source, &made);
    MUST(cmt_replay_run(&options, &result, &error));
    ck_assert_int_eq(result.blocks, blocks);
    expect_same(&source, &made);
    made_close(&made);
    source_close(&source);
}

START_TEST(a_node_of_0_38)
{
    replay_node("node-0.38.26", CMT_RELEASE_0_38, 506);
}
END_TEST

START_TEST(a_node_of_0_38_that_was_killed)
{
    replay_node("node-0.38.26-killed", CMT_RELEASE_0_38, 618);
}
END_TEST

START_TEST(a_node_of_1_0)
{
    replay_node("node-1.0.1", CMT_RELEASE_1_0, 520);
}
END_TEST

START_TEST(keys_that_change_their_length)
{
    replay_fixture("digits-0.38", CMT_RELEASE_0_38, 200);
    replay_fixture("checkpoint-0.38", CMT_RELEASE_0_38, 300);
}
END_TEST

START_TEST(the_other_fixtures)
{
    replay_fixture("parts-0.38", CMT_RELEASE_0_38, 40);
    replay_fixture("multi-1.0-v1-pebble", CMT_RELEASE_1_0, 300);
    replay_fixture("multi-1.0-v2-pebble", CMT_RELEASE_1_0, 300);
    replay_fixture("flush-0.38", CMT_RELEASE_0_38, 2500);
    replay_fixture("levels-0.38", CMT_RELEASE_0_38, 3000);
}
END_TEST

/* ---- in parts ---------------------------------------------------------------------------- */

START_TEST(goes_on_where_it_was_stopped)
{
    source_chain source = source_open("multi-0.38", CMT_RELEASE_0_38);
    made_chain made = made_open(&source, false);
    cmt_replay_options options = options_for(&source, &made);
    cmt_replay_result result;
    options.until = 200;
    MUST(cmt_replay_run(&options, &result, &error));
    ck_assert_int_eq(result.last, 200);
    ck_assert_int_eq(cmt_block_store_height(made.blocks), 200);
    options.until = 601;
    ck_assert_int_eq(cmt_replay_run(&options, &result, &error), CMT_OUT_OF_RANGE);
    options.until = 0;
    MUST(cmt_replay_run(&options, &result, &error));
    ck_assert_int_eq(result.first, 201);
    ck_assert_int_eq(result.blocks, 400);
    expect_same(&source, &made);
    MUST(cmt_replay_run(&options, &result, &error)); /* nothing left */
    ck_assert_int_eq(result.blocks, 0);
    expect_same(&source, &made);
    made_close(&made);
    source_close(&source);
}
END_TEST

static bool stop_at_ten(void *context, const cmt_progress *progress)
{
    uint64_t *seen = context;
    ck_assert_str_eq(progress->phase, "replay");
    ck_assert_uint_eq(progress->done, ++*seen);
    ck_assert_uint_eq(progress->total, 600);
    return progress->done == 10;
}

START_TEST(stops_when_asked)
{
    source_chain source = source_open("multi-0.38", CMT_RELEASE_0_38);
    made_chain made = made_open(&source, false);
    cmt_replay_options options = options_for(&source, &made);
    uint64_t seen = 0;
    const cmt_progress_hook hook = {stop_at_ten, &seen};
    cmt_replay_result result;
    options.progress = &hook;
    ck_assert_int_eq(cmt_replay_run(&options, &result, &error), CMT_CANCELLED);
    ck_assert_int_eq(result.last, 10);
    made_close(&made);
    source_close(&source);
}
END_TEST

/* ---- what is not there, or not so -------------------------------------------------------- */

START_TEST(discarded_results_cannot_be_replayed)
{
    source_chain source = source_open("discard-0.38", CMT_RELEASE_0_38);
    made_chain made = made_open(&source, true);
    const cmt_replay_options options = options_for(&source, &made);
    ck_assert_int_eq(cmt_replay_run(&options, NULL, &error), CMT_NOT_FOUND);
    ck_assert_ptr_nonnull(strstr(error.message, "the results of block 1 are not in"));
    made_close(&made);
    source_close(&source);
}
END_TEST

START_TEST(a_pruned_source_cannot_be_replayed)
{
    source_chain source = source_open("app-pruned-0.38", CMT_RELEASE_0_38);
    made_chain made = made_open(&source, true);
    const cmt_replay_options options = options_for(&source, &made);
    ck_assert_int_eq(cmt_replay_run(&options, NULL, &error), CMT_NOT_FOUND);
    ck_assert_ptr_nonnull(strstr(error.message, "not in the "));
    made_close(&made);
    source_close(&source);
}
END_TEST

/* One byte of a record in a copy of the source's first 45 blocks is another. */
static void expect_noticed(bool of_blocks, const char *key, size_t from_end, cmt_status status,
                           const char *reason)
{
    source_chain source = source_open("multi-0.38", CMT_RELEASE_0_38);
    made_chain copy = made_open(&source, false);
    made_chain made = made_open(&source, false);
    cmt_replay_options options = options_for(&source, &copy);
    options.until = 45;
    MUST(cmt_replay_run(&options, NULL, &error));
    cmt_db *db = of_blocks ? copy.block_db : copy.state_db;
    cmt_slice name = {(const uint8_t *)key, strlen(key)};
    cmt_buf bytes = CMT_BUF_INIT;
    MUST(cmt_db_get(db, name, &bytes, &error));
    bytes.data[bytes.size - from_end] ^= 1;
    MUST(cmt_db_memory_put(db, name, cmt_buf_slice(&bytes)));
    source_chain changed = source;
    changed.blocks = copy.blocks;
    changed.states = copy.states;
    options = options_for(&changed, &made);
    ck_assert_int_eq(cmt_replay_run(&options, NULL, &error), status);
    ck_assert_msg(strstr(error.message, reason) != NULL, "\"%s\" does not say %s", error.message,
                  reason);
    cmt_buf_free(&bytes);
    made_close(&made);
    made_close(&copy);
    source_close(&source);
}

START_TEST(another_result_is_noticed)
{
    expect_noticed(false, "abciResponsesKey:40", 1, CMT_INVALID,
                   "replaying block 41: invalid block: wrong Block.Header.AppHash");
    expect_noticed(false, "abciResponsesKey:45", 1, CMT_CORRUPT,
                   "the state after block 45 is not the source's");
}
END_TEST

/* A byte of the hash in its meta. */
START_TEST(another_block_is_noticed)
{
    cmt_buf meta = CMT_BUF_INIT;
    source_chain source = source_open("multi-0.38", CMT_RELEASE_0_38);
    MUST(cmt_db_get(source.block_db, CMT_SLICE("H:40"), &meta, &error));
    expect_noticed(true, "H:40", meta.size - 8, CMT_CORRUPT,
                   "the source's block 40 is not the one that its meta names");
    cmt_buf_free(&meta);
    source_close(&source);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("replay");
    TCase *tc = tcase_create("replay");
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, comet_0_38);
    tcase_add_test(tc, comet_0_40);
    tcase_add_test(tc, comet_1_0_layout_v2);
    tcase_add_test(tc, vote_extensions);
    tcase_add_test(tc, a_node_of_0_38);
    tcase_add_test(tc, a_node_of_0_38_that_was_killed);
    tcase_add_test(tc, a_node_of_1_0);
    tcase_add_test(tc, keys_that_change_their_length);
    if (getenv("CMT_TEST_FULL") != NULL)
        tcase_add_test(tc, the_other_fixtures);
    tcase_add_test(tc, goes_on_where_it_was_stopped);
    tcase_add_test(tc, stops_when_asked);
    tcase_add_test(tc, discarded_results_cannot_be_replayed);
    tcase_add_test(tc, a_pruned_source_cannot_be_replayed);
    tcase_add_test(tc, another_result_is_noticed);
    tcase_add_test(tc, another_block_is_noticed);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
