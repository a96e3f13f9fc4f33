/* SPDX-License-Identifier: Apache-2.0
 *
 * What the prune service decides and does in a round: who has a say, the rules for saying it, where it is kept.
 */
#include "recording_db.h"

#include "prune_service_support.h"

static const cmt_release releases[] = {CMT_RELEASE_0_38, CMT_RELEASE_1_0};

/* ---- the rules for putting a retain height ---------------------------------------------------- */

static void expect_refused(cmt_retain_owner owner, int64_t height, cmt_status status,
                           const char *text)
{
    ck_assert_int_eq(cmt_prune_service_set_retain_height(service, owner, height, &error), status);
    ck_assert_str_eq(error.message, text);
}

/* Source: CometBFT 1.0 state/pruner_test.go, and comet-format 5.2 */
START_TEST(a_retain_height_lies_in_the_store_and_never_falls)
{
    static const char too_low[] = "cannot set a height lower than previously requested - heights "
                                  "might have already been pruned";
    open_chain(releases[_i], 100);
    options.data_companion = true;
    open_service();
    for (int i = 0; i < 3; i++) {
        const cmt_retain_owner owner = (cmt_retain_owner)i;
        ck_assert_int_eq(get(owner), 0);
        expect_refused(owner, 0, CMT_OUT_OF_RANGE, "invalid height value");
        expect_refused(owner, -1, CMT_OUT_OF_RANGE, "invalid height value");
        expect_refused(owner, 101, CMT_OUT_OF_RANGE, "invalid height value");
        set(owner, 100);
        expect_refused(owner, 99, CMT_OUT_OF_RANGE, too_low);
        set(owner, 100); /* equal is accepted */
        ck_assert_int_eq(get(owner), 100);
    }
    close_everything();
}
END_TEST

START_TEST(without_a_companion_there_is_no_height_of_its)
{
    int64_t height;
    open_chain(releases[_i], 20);
    open_service();
    expect_refused(CMT_RETAIN_COMPANION, 5, CMT_NOT_FOUND,
                   "pruner failed to get existing companion block retain height: key not found");
    expect_refused(CMT_RETAIN_RESULTS, 5, CMT_NOT_FOUND,
                   "pruner failed to get existing ABCI results retain height: key not found");
    ck_assert_int_eq(cmt_prune_service_retain_height(service, CMT_RETAIN_RESULTS, &height, &error),
                     CMT_NOT_FOUND);
    close_everything();
}
END_TEST

START_TEST(a_stored_height_that_cannot_be_is_said)
{
    open_chain(CMT_RELEASE_1_0, 20);
    open_service();
    cmt_buf value = CMT_BUF_INIT;
    chain_encode_signed_varint(-3, &value);
    chain_put(chain.state_db, &value, "AppRetainHeightKey");
    cmt_buf_free(&value);
    ck_assert_int_eq(
        cmt_prune_service_set_retain_height(service, CMT_RETAIN_APPLICATION, 5, &error),
        CMT_CORRUPT);
    ck_assert_ptr_nonnull(
        strstr(error.message, "pruner failed to get existing application block retain height: "));
    round_once();
    expect_log("unexpected error fetching application retain height  err=\"");
    ck_assert_uint_eq(stats().failures, 1);
    ck_assert_int_eq(base(), 1);
    close_everything();
}
END_TEST

/* ---- where they are kept ---------------------------------------------------------------------- */

static bool has_key(const char *key)
{
    return chain_get(chain.state_db, NULL, "%s", key);
}

START_TEST(from_1_0_on_they_are_kept_under_cometbfts_keys)
{
    open_chain(CMT_RELEASE_1_0, 50);
    open_service();
    ck_assert(has_key("AppRetainHeightKey") && !has_key("DCBlockRetainHeightKey"));
    options.data_companion = true;
    options.companion_blocks = 7;
    options.companion_results = 8;
    open_service();
    ck_assert_int_eq(get(CMT_RETAIN_COMPANION), 7);
    ck_assert_int_eq(get(CMT_RETAIN_RESULTS), 8);
    set(CMT_RETAIN_APPLICATION, 30);
    set(CMT_RETAIN_COMPANION, 20);
    open_service(); /* first heights are put once */
    ck_assert_int_eq(get(CMT_RETAIN_APPLICATION), 30);
    ck_assert_int_eq(get(CMT_RETAIN_COMPANION), 20);
    ck_assert(has_key("ABCIResRetainHeightKey"));
    ck_assert(!files_exist(dir, "cmtstore"));
    close_everything();
}
END_TEST

START_TEST(before_1_0_they_are_kept_in_a_file_and_no_foreign_key_is_put)
{
    open_chain(CMT_RELEASE_0_38, 50);
    options.data_companion = true;
    options.companion_blocks = 7;
    open_service();
    set(CMT_RETAIN_APPLICATION, 30);
    set(CMT_RETAIN_COMPANION, 20);
    open_service();
    ck_assert_int_eq(get(CMT_RETAIN_APPLICATION), 30);
    ck_assert_int_eq(get(CMT_RETAIN_COMPANION), 20);
    ck_assert_int_eq(get(CMT_RETAIN_RESULTS), 0);
    set(CMT_RETAIN_RESULTS, 40);
    round_once();
    ck_assert_int_eq(base(), 20);
    static const char *const foreign[] = {"AppRetainHeightKey", "DCBlockRetainHeightKey",
                                          "ABCIResRetainHeightKey", "lastABCIResponsesRetainHeight",
                                          "version"};
    for (size_t i = 0; i < sizeof foreign / sizeof foreign[0]; i++)
        ck_assert_msg(!has_key(foreign[i]), "%s", foreign[i]);
    cmt_buf text = files_read(dir, "cmtstore/retain-heights");
    static const char wanted[] =
        "cmtstore retain-heights 1\napplication 30\ncompanion 20\nresults 40\ncrc32c ";
    ck_assert_uint_gt(text.size, sizeof wanted);
    ck_assert_int_eq(memcmp(text.data, wanted, sizeof wanted - 1), 0);
    /* Damaged, it is refused: what somebody wants to keep might be lost. */
    text.data[40] ^= 1;
    files_write(dir, "cmtstore/retain-heights", cmt_buf_slice(&text));
    cmt_buf_free(&text);
    ck_assert_int_eq(cmt_prune_service_free(&service), CMT_OK);
    ck_assert_int_eq(cmt_prune_service_new(&options, &service, &error), CMT_CORRUPT);
    ck_assert_ptr_null(service);
    ck_assert_ptr_nonnull(strstr(error.message, "cmtstore/retain-heights is damaged: "));
    options.data_dir = NULL;
    ck_assert_int_eq(cmt_prune_service_new(&options, &service, &error), CMT_INVALID);
    close_everything();
}
END_TEST

/* ---- a round ---------------------------------------------------------------------------------- */

START_TEST(what_the_application_gives_up_is_pruned_and_left_to_be_compacted)
{
    open_chain(releases[_i], 100);
    open_service();
    round_once();
    ck_assert_int_eq(base(), 1);
    ck_assert_str_eq(host.heard, "");
    set(CMT_RETAIN_APPLICATION, 60);
    ck_assert_int_eq(base(), 1); /* not before the round */
    round_once();
    ck_assert_int_eq(base(), 60);
    ck_assert_str_eq(host.heard, "blocks 0-59;");
    expect_log("pruning blocks  retainHeightNumber=60 currentHeight=100 base=1 isArchive=false\n");
    expect_log(
        "pruned blocks  pruned=59 retain_height=60 base=60 decided_by=\"the application\"\n");
    ck_assert_uint_gt(host.deleted, 10);
    ck_assert_uint_gt(host.block_ranges, 2);
    ck_assert_uint_gt(host.state_ranges, 2);
    uint64_t deleted = host.deleted;
    round_once(); /* nothing new */
    ck_assert_uint_eq(host.deleted, deleted);
    growing_to(&chain, 120);
    set(CMT_RETAIN_APPLICATION, 80);
    round_once();
    ck_assert_str_eq(host.heard, "blocks 0-59;blocks 60-79;");
    ck_assert_uint_eq(stats().blocks, 79);
    ck_assert_uint_eq(stats().failures, 0);
    ck_assert_uint_eq(stats().rounds, 4);
    close_everything();
}
END_TEST

static void expect_round(int64_t retain, const char *decided_by)
{
    round_once();
    ck_assert_int_eq(stats().last.retain_height, retain);
    ck_assert_str_eq(stats().last.decided_by, decided_by);
}

START_TEST(the_lowest_of_all_wins)
{
    open_chain(releases[_i], 200);
    options.data_companion = true;
    options.keep.blocks = 120; /* from 81 on */
    open_service();
    expect_round(0, "the data companion"); /* it has given nothing up */
    ck_assert_int_eq(base(), 1);
    set(CMT_RETAIN_COMPANION, 190);
    expect_round(81, "keep_blocks 120"); /* the application has no wish */
    ck_assert_int_eq(base(), 81);
    set(CMT_RETAIN_APPLICATION, 90);
    options.keep = (cmt_keep_policy){.blocks = 0};
    open_service();
    expect_round(90, "the application");
    set(CMT_RETAIN_APPLICATION, 150);
    const cmt_pin pin = {.name = "backup", .height = 120, .expires = 2000};
    MUST(cmt_pins_add(dir, &pin, 1000, &error));
    expect_round(120, "pin backup at height 120");
    ck_assert_int_eq(base(), 120);
    atomic_store(&host.wall, 2000); /* it expires */
    expect_round(150, "the application");
    ck_assert_int_eq(base(), 150);
    set(CMT_RETAIN_APPLICATION, 200);
    expect_round(190, "the data companion");
    close_everything();
}
END_TEST

START_TEST(a_policy_leaves_the_last_two_blocks)
{
    open_chain(CMT_RELEASE_0_38, 50);
    options.keep.blocks = 1;
    open_service();
    expect_round(49, "keep_blocks 1");
    ck_assert_int_eq(base(), 49);
    close_everything();
}
END_TEST

/* A crash between saving the block and saving the state: block 51 is there, the state is of 50. */
START_TEST(nothing_above_the_state_is_pruned_for)
{
    open_chain(CMT_RELEASE_1_0, 50);
    open_service();
    small_chain_step(&chain.state);
    MUST(growing_save_block(&chain, &error));
    set(CMT_RETAIN_APPLICATION, 51);
    expect_round(50, "the height of the state");
    ck_assert_int_eq(base(), 50);
    close_everything();
}
END_TEST

START_TEST(what_is_asked_for_below_base_is_nothing_to_do)
{
    open_chain(CMT_RELEASE_0_38, 100);
    open_service();
    set(CMT_RETAIN_APPLICATION, 60);
    round_once();
    const cmt_pin pin = {.name = "late", .height = 10, .expires = INT64_MAX};
    MUST(cmt_pins_add(dir, &pin, 1000, &error));
    growing_to(&chain, 200);
    set(CMT_RETAIN_APPLICATION, 160);
    for (int i = 0; i < 3; i++)
        expect_round(10, "pin late at height 10");
    ck_assert_int_eq(base(), 60);
    ck_assert_uint_eq(stats().failures, 0);
    ck_assert_str_eq(host.heard, "blocks 0-59;");
    close_everything();
}
END_TEST

START_TEST(pins_that_cannot_be_read_stop_the_pruning)
{
    open_chain(CMT_RELEASE_0_38, 100);
    open_service();
    set(CMT_RETAIN_APPLICATION, 60);
    files_write(dir, "cmtstore/pins", CMT_SLICE("cmtstore pins 1\nbackup 5 never\n"));
    round_once();
    ck_assert_int_eq(base(), 1);
    ck_assert_uint_eq(stats().failures, 1);
    expect_log("cannot decide how far to prune  err=\"");
    expect_log("cmtstore/pins is damaged: ");
    MUST(cmt_prune_service_round(service, &error));
    ck_assert_uint_eq(stats().failures, 2);
    close_everything();
}
END_TEST

/* ---- results ---------------------------------------------------------------------------------- */

static bool has_results(int64_t height)
{
    cmt_buf bytes = CMT_BUF_INIT;
    cmt_status st = cmt_state_store_load_results(chain.states, height, &bytes, &error);
    cmt_buf_free(&bytes);
    return st == CMT_OK;
}

START_TEST(a_companion_gives_results_up_alone)
{
    open_chain(releases[_i], 100);
    options.data_companion = true;
    open_service();
    set(CMT_RETAIN_RESULTS, 70);
    round_once();
    ck_assert_int_eq(base(), 1);
    ck_assert(!has_results(1) && !has_results(69) && has_results(70) && has_results(100));
    ck_assert_str_eq(host.heard, "results 0-69;");
    expect_log("pruned ABCI responses  heights=69 new_retain_height=70\n");
    ck_assert_uint_eq(host.block_ranges, 0);
    ck_assert_uint_gt(host.state_ranges, 0);
    uint64_t deleted = host.deleted;
    set(CMT_RETAIN_APPLICATION, 60);
    set(CMT_RETAIN_COMPANION, 50);
    set(CMT_RETAIN_RESULTS, 80);
    round_once();
    ck_assert_int_eq(base(), 50);
    ck_assert(!has_results(79) && has_results(80));
    ck_assert_str_eq(host.heard, "results 0-69;blocks 0-49;results 70-79;");
    ck_assert_uint_gt(host.deleted, deleted);
    ck_assert_uint_eq(stats().results, 79);
    cmt_retain_heights kept;
    MUST(cmt_state_store_retain_heights(chain.states, &kept, &error));
    ck_assert_int_eq(kept.has_results_pruned, releases[_i] == CMT_RELEASE_1_0);
    ck_assert_int_eq(kept.results_pruned, kept.has_results_pruned ? 80 : 0);
    const cmt_pin pin = {.name = "a", .height = 85, .expires = INT64_MAX};
    MUST(cmt_pins_add(dir, &pin, 1000, &error));
    set(CMT_RETAIN_RESULTS, 99);
    round_once();
    ck_assert(!has_results(84) && has_results(85)); /* a pin keeps results, too */
    close_everything();
}
END_TEST

/* ---- failures --------------------------------------------------------------------------------- */

/* The same databases through wrappers; the service's. */
static recording_db blocks_record;
static recording_db states_record;
static cmt_block_store *recorded_blocks;
static cmt_state_store *recorded_states;

static void open_recorded(int64_t height)
{
    const cmt_state_store_options of_states = {.release = CMT_RELEASE_0_38};
    open_chain(CMT_RELEASE_0_38, height);
    MUST(cmt_block_store_open_for_writing(
        recording_over(&blocks_record, chain.block_db, CMT_DB_WRITABLE | CMT_DB_SHARED), NULL,
        &recorded_blocks, &error));
    MUST(cmt_state_store_open_for_writing(
        recording_over(&states_record, chain.state_db, CMT_DB_WRITABLE | CMT_DB_SHARED), &of_states,
        &recorded_states, &error));
    options.blocks = recorded_blocks;
    options.states = recorded_states;
    open_service();
}

static void close_recorded(void)
{
    ck_assert_int_eq(cmt_prune_service_free(&service), CMT_OK);
    cmt_block_store_close(recorded_blocks);
    cmt_state_store_close(recorded_states);
    close_everything();
}

/* CometBFT gives the states up: it has pruned 0 blocks when it comes again. */
START_TEST(states_that_could_not_be_pruned_are_pruned_by_the_next_round)
{
    open_recorded(100);
    set(CMT_RETAIN_APPLICATION, 60);
    states_record.fail_at = 1;
    round_once();
    ck_assert_int_eq(cmt_block_store_base(recorded_blocks), 60);
    ck_assert(has_results(1));
    expect_log("failed to prune blocks  err=\"failed to prune states to height 60: no space");
    ck_assert_uint_eq(stats().failures, 1);
    ck_assert_uint_gt(host.block_ranges, 0); /* what was deleted is handed on */
    round_once();
    ck_assert(!has_results(1) && !has_results(59) && has_results(60));
    ck_assert_uint_eq(stats().failures, 1);
    ck_assert_str_eq(host.heard, "blocks 0-59;");
    close_recorded();
}
END_TEST

START_TEST(what_another_process_could_not_finish_the_first_round_does)
{
    open_recorded(100);
    set(CMT_RETAIN_APPLICATION, 60);
    states_record.fail_at = 1;
    round_once();
    open_service();
    round_once();
    ck_assert(!has_results(1) && !has_results(59) && has_results(60));
    close_recorded();
}
END_TEST

static void stop_at_first(void *context, uint64_t number)
{
    (void)context;
    if (number == 1)
        cmt_prune_service_stop(service);
}

START_TEST(a_stop_ends_a_prune_between_two_batches)
{
    open_recorded(4000);
    set(CMT_RETAIN_APPLICATION, 3900);
    blocks_record.on_write = stop_at_first;
    round_once();
    int64_t reached = cmt_block_store_base(recorded_blocks);
    ck_assert_int_gt(reached, 1);
    ck_assert_int_lt(reached, 3900);
    ck_assert_uint_eq(blocks_record.writes, 1);
    ck_assert_uint_eq(stats().failures, 0); /* a stop is none */
    ck_assert_uint_gt(host.block_ranges, 0);
    round_once();
    ck_assert_int_eq(cmt_block_store_base(recorded_blocks), 3900);
    ck_assert(!has_results(3899) && has_results(3900));
    close_recorded();
}
END_TEST

/* Ranges that a flight has to be told of after a start. */
static uint64_t recovered(cmt_compact_journal *journal)
{
    const cmt_compactor_target target = {.blockstore = chain.block_db, .state = chain.state_db};
    cmt_compact_flight *flight;
    MUST(cmt_compact_flight_new(&target, NULL, &flight, &error));
    MUST(cmt_prune_service_recover_compaction(service, chain.block_db, chain.state_db, 1, flight,
                                              journal, &error));
    const cmt_compact_counts counts = cmt_compact_flight_counts(flight);
    cmt_compact_flight_free(flight);
    return counts.remembered_blockstore + counts.remembered_state;
}

START_TEST(what_was_not_compacted_is_found_again_after_a_restart)
{
    open_chain(CMT_RELEASE_0_38, 60);
    open_service();
    set(CMT_RETAIN_APPLICATION, 20);
    round_once();
    ck_assert_uint_eq(host.cookies, 0); /* it was not told where compaction stands */
    ck_assert_uint_gt(recovered(NULL), 0);
    set(CMT_RETAIN_APPLICATION, 30);
    round_once();
    ck_assert_uint_eq(host.cookies, 2);
    close_everything();
}
END_TEST

START_TEST(a_service_needs_databases_that_threads_may_share)
{
    open_recorded(10);
    ck_assert_int_eq(cmt_prune_service_free(&service), CMT_OK);
    states_record.ops.capabilities = CMT_DB_WRITABLE;
    ck_assert_int_eq(cmt_prune_service_new(&options, &service, &error), CMT_UNSUPPORTED);
    states_record.ops.capabilities = CMT_DB_SHARED;
    ck_assert_int_eq(cmt_prune_service_new(&options, &service, &error), CMT_UNSUPPORTED);
    close_recorded();
}
END_TEST

static void add_tests(TCase *tc)
{
    tcase_add_loop_test(tc, a_retain_height_lies_in_the_store_and_never_falls, 0, 2);
    tcase_add_loop_test(tc, without_a_companion_there_is_no_height_of_its, 0, 2);
    tcase_add_test(tc, a_stored_height_that_cannot_be_is_said);
    tcase_add_test(tc, from_1_0_on_they_are_kept_under_cometbfts_keys);
    tcase_add_test(tc, before_1_0_they_are_kept_in_a_file_and_no_foreign_key_is_put);
    tcase_add_loop_test(tc, what_the_application_gives_up_is_pruned_and_left_to_be_compacted, 0, 2);
    tcase_add_loop_test(tc, the_lowest_of_all_wins, 0, 2);
    tcase_add_test(tc, a_policy_leaves_the_last_two_blocks);
    tcase_add_test(tc, nothing_above_the_state_is_pruned_for);
    tcase_add_test(tc, what_is_asked_for_below_base_is_nothing_to_do);
    tcase_add_test(tc, pins_that_cannot_be_read_stop_the_pruning);
    tcase_add_loop_test(tc, a_companion_gives_results_up_alone, 0, 2);
    tcase_add_test(tc, states_that_could_not_be_pruned_are_pruned_by_the_next_round);
    tcase_add_test(tc, what_another_process_could_not_finish_the_first_round_does);
    tcase_add_test(tc, a_stop_ends_a_prune_between_two_batches);
    tcase_add_test(tc, what_was_not_compacted_is_found_again_after_a_restart);
    tcase_add_test(tc, a_service_needs_databases_that_threads_may_share);
}

int main(void)
{
    return run_suite("prune_service", add_tests);
}
