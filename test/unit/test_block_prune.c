/* SPDX-License-Identifier: Apache-2.0
 *
 * The prune rule of the block store, case by case; its hash index is in test_block_hashes.c.
 * test_prune_model.c has it over random histories.
 */
#include "block_fixture.h"
#include "suite.h"

#include <stdlib.h>

/* ---- what is asked ----------------------------------------------------------------------- */

static void expect_out_of_range(int64_t retain, const char *text)
{
    cmt_block_prune_request request = request_for(retain, 20, 0);
    ck_assert_int_eq(try_make(db, &request), CMT_OUT_OF_RANGE);
    ck_assert_str_eq(err.message, text);
    ck_assert_uint_eq(prune.ranges.count, 0);
}

START_TEST(heights_outside_the_store_are_refused_in_cometbfts_words)
{
    put_blocks(10, 20);
    put_state(10, 20);
    expect_out_of_range(0, "height must be greater than 0");
    expect_out_of_range(-3, "height must be greater than 0");
    expect_out_of_range(21, "cannot prune beyond the latest height 20");
    expect_out_of_range(9, "cannot prune to height 9, it is lower than base height 10");
}
END_TEST

START_TEST(an_empty_store_cannot_be_pruned)
{
    expect_out_of_range(1, "cannot prune beyond the latest height 0");
}
END_TEST

START_TEST(pruning_to_base_does_nothing)
{
    put_blocks(10, 20);
    put_state(10, 20);
    cmt_block_prune_request request = request_for(10, 20, 0);
    make(&request);
    ck_assert(!prune.base_moves);
    ck_assert(!prune.leftovers);
    ck_assert_uint_eq(prune.ranges.count, 0);
    ck_assert_uint_eq(prune.new_state.size, 0);
    ck_assert_uint_eq(prune.hash_count, 0);
    ck_assert(!prune.hash_by_value);
}
END_TEST

START_TEST(base_must_not_name_a_missing_or_damaged_block)
{
    put_blocks(10, 20);
    put_state(10, 20);
    chain_delete(db, "H:15");
    cmt_block_prune_request request = request_for(15, 20, 0);
    ck_assert_int_eq(try_make(db, &request), CMT_CORRUPT);
    ck_assert_ptr_nonnull(strstr(err.message, "base would name a missing block"));
    chain_put_text(db, "garbage", "H:15");
    ck_assert_int_eq(try_make(db, &request), CMT_CORRUPT);
    ck_assert_ptr_nonnull(strstr(err.message, "block meta 15"));
}
END_TEST

START_TEST(a_moved_base_is_written_and_a_missing_one_too)
{
    put_blocks(1, 20);
    put_state(0, 20);
    cmt_block_prune_request request = request_for(1, 20, 0);
    make(&request);
    chain_encode_block_store_state(1, 20, &value);
    ck_assert(cmt_slice_equal(cmt_buf_slice(&prune.new_state), cmt_buf_slice(&value)));
    request.retain_height = 7;
    make(&request);
    ck_assert(prune.base_moves);
    chain_encode_block_store_state(7, 20, &value);
    ck_assert(cmt_slice_equal(cmt_buf_slice(&prune.new_state), cmt_buf_slice(&value)));
}
END_TEST

/* ---- evidence ---------------------------------------------------------------------------- */

/* The numbers of CometBFT's own test, store/store_test.go TestPruneBlocks. */
START_TEST(keeps_headers_inside_evidence_window_as_cometbfts_test_says)
{
    put_blocks(1, 1500);
    put_state(1, 1500);
    cmt_block_prune_request request = request_for(1200, 1500, 400);
    make(&request);
    ck_assert_int_eq(prune.evidence_height, 1100);
    expect_dead("H:1099", "", true);
    expect_dead("C:1099", "", true);
    expect_dead("EC:1099", "", true);
    expect_dead("H:1100", "", false);
    expect_dead("C:1100", "", false);
    expect_dead("EC:1100", "", false);
    expect_dead("P:1100:0", "", true);
    expect_dead("P:1199:3", "", true);
    expect_dead("SC:1199", "", true);
    expect_dead("P:1200:0", "", false);
    expect_dead("SC:1200", "", false);
    expect_dead("BH:00", "1199", true);
    expect_dead("BH:00", "1200", false);
    expect_dead("C:0", "", false);
    expect_dead("blockStore", "", false);
    expect_dead("version", "", false);
}
END_TEST

START_TEST(evidence_expires_only_when_too_old_in_blocks_and_in_time)
{
    put_blocks(1, 100);
    put_state(1, 100);
    cmt_block_prune_request request = request_for(90, 100, 50);
    const struct {
        int64_t blocks;
        int64_t seconds;
        int64_t evidence_height;
    } cases[] = {
        {50, 0, 50},  /* age 50 is not too old: strictly */
        {0, 30, 70},  /* nor are 30 seconds */
        {50, 30, 50}, /* the wider of the two */
        {20, 60, 40}, {0, 0, 90},   {99, 0, 1},         {98, 0, 2},        {1000, 0, 1},
        {0, 1000, 1}, {-1, -1, 90}, {INT64_MIN, 0, 90}, {INT64_MAX, 0, 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        request.window.max_age_num_blocks = cases[i].blocks;
        request.window.max_age_duration_ns = cases[i].seconds * 1000000000;
        make(&request);
        ck_assert_int_eq(prune.evidence_height, cases[i].evidence_height);
    }
}
END_TEST

START_TEST(the_evidence_height_is_one_that_has_a_header)
{
    put_blocks(1, 100);
    put_state(1, 100);
    for (int h = 40; h < 60; h++)
        chain_delete(db, "H:%d", h);
    cmt_block_prune_request request = request_for(90, 100, 55); /* from 45 on */
    make(&request);
    ck_assert_int_eq(prune.evidence_height, 60);
    request.window.max_age_num_blocks = 0;
    request.window.max_age_duration_ns = (int64_t)55 * 1000000000;
    make(&request);
    ck_assert_int_eq(prune.evidence_height, 60);
}
END_TEST

START_TEST(the_evidence_height_costs_few_reads)
{
    put_blocks(1, 3000);
    put_state(1, 3000);
    priced_db priced = priced_db_over(db);
    cmt_block_prune_request request = request_for(2990, 3000, 10);
    request.window.max_age_duration_ns = (int64_t)1500 * 1000000000;
    ck_assert_int_eq(try_make(&priced.base, &request), CMT_OK);
    ck_assert_int_eq(prune.evidence_height, 1500);
    ck_assert_uint_le(priced.moves, 120);
}
END_TEST

START_TEST(a_header_that_does_not_decode_is_named)
{
    put_blocks(1, 100);
    put_state(1, 100);
    chain_put_text(db, "garbage", "H:45");
    cmt_block_prune_request request = request_for(90, 100, 0);
    request.window.max_age_duration_ns = (int64_t)55 * 1000000000; /* from 45 on */
    ck_assert_int_eq(try_make(db, &request), CMT_CORRUPT);
    ck_assert_ptr_nonnull(strstr(err.message, "block meta 45"));
}
END_TEST

/* ---- leftovers --------------------------------------------------------------------------- */

/* Blocks 50..100; below base headers and commits from 20 on, as CometBFT leaves them. */
static void put_leaked(void)
{
    put_blocks(50, 100);
    for (int64_t h = 20; h < 50; h++) {
        put_meta(h);
        chain_put_text(db, "commit", "C:%" PRId64, h);
        chain_put_text(db, "extended", "EC:%" PRId64, h);
    }
    chain_put_text(db, "commit", "C:0");
    put_state(50, 100);
}

START_TEST(without_sweep_what_is_below_base_stays)
{
    put_leaked();
    cmt_block_prune_request request = request_for(80, 100, 10);
    make(&request);
    ck_assert_int_eq(prune.evidence_height, 80);
    ck_assert(!prune.leftovers);
    ck_assert(prune.search_complete);
    expect_dead("H:49", "", false);
    expect_dead("H:50", "", true);
    expect_dead("BH:00", "49", false);
    ck_assert(!in_a_range("H:49"));
    ck_assert(!in_a_range("C:20"));
    ck_assert(in_a_range("C:50"));
}
END_TEST

START_TEST(the_sweep_takes_expired_headers_below_base)
{
    put_leaked();
    cmt_block_prune_request request = request_for(50, 100, 60); /* from 40 on */
    request.sweep = true;
    make(&request);
    ck_assert_int_eq(prune.evidence_height, 40);
    ck_assert(!prune.base_moves);
    ck_assert(prune.leftovers);
    ck_assert_uint_eq(prune.new_state.size, 0);
    expect_dead("H:20", "", true);
    expect_dead("H:39", "", true);
    expect_dead("C:39", "", true);
    expect_dead("EC:39", "", true);
    expect_dead("H:40", "", false);
    expect_dead("C:40", "", false);
    expect_dead("C:0", "", false);
    expect_dead("H:50", "", false);
    ck_assert(prune.hash_by_value);
    expect_dead("BH:00", "49", true);
    expect_dead("BH:00", "50", false);
}
END_TEST

START_TEST(finishing_searches_the_evidence_height_from_the_lowest_header)
{
    put_leaked();
    cmt_block_prune_request request = request_for(60, 100, 60);
    request.unfinished = true;
    make(&request);
    ck_assert_int_eq(prune.evidence_height, 40);
    ck_assert(!prune.leftovers);
    expect_dead("H:39", "", false);
    expect_dead("H:55", "", false);
    expect_dead("P:55:0", "", true);
    expect_dead("P:49:0", "", false);
}
END_TEST

START_TEST(the_seen_commit_of_a_state_sync_stays)
{
    put_blocks(51, 100);
    chain_put_text(db, "seen", "SC:50");
    put_state(51, 100);
    cmt_block_prune_request request = request_for(80, 100, 0);
    request.sweep = true;
    make(&request);
    expect_dead("SC:50", "", false);
    expect_dead("SC:51", "", true);
    ck_assert(!in_a_range("SC:50"));
    chain_put_text(db, "part", "P:50:0"); /* now it belongs to a block */
    make(&request);
    expect_dead("SC:50", "", true);
    expect_dead("P:50:0", "", true);
}
END_TEST

START_TEST(the_first_commit_stays_also_where_the_search_ends_early)
{
    /* Shorter heights cannot be ruled out within the budget.  C:100050 stands between C:1000499 and
     * C:1000500, which die. */
    put_blocks(1000001, 1003000);
    chain_put_text(db, "commit", "C:100050");
    put_state(1000001, 1003000);
    priced_db priced = priced_db_over(db);
    priced.cost = 65536;
    cmt_block_prune_request request = request_for(1002000, 1003000, 0);
    request.initial_height = 100051;
    request.sweep = true;
    ck_assert_int_eq(try_make(&priced.base, &request), CMT_OK);
    ck_assert(!prune.search_complete);
    expect_dead("C:100050", "", false);
    ck_assert(!in_a_range("C:100050"));
    ck_assert(in_a_range("C:1000499"));
    ck_assert(in_a_range("C:1000500"));
    ck_assert_uint_eq(prune.ranges.count, 6); /* one per family, and one more for C: */
    request.reclaim = true;
    ck_assert_int_eq(try_make(&priced.base, &request), CMT_OK);
    ck_assert(!in_a_range("C:100050"));
}
END_TEST

START_TEST(extended_commits_stay_in_stores_of_cometbft_1_0_unless_swept)
{
    put_blocks(1, 20);
    put_state(1, 20);
    chain_put_text(db, "v1", "version");
    cmt_block_prune_request request = request_for(10, 20, 0);
    make(&request);
    expect_dead("EC:5", "", false);
    ck_assert(!in_a_range("EC:5"));
    expect_dead("H:5", "", true);
    request.sweep = true;
    make(&request);
    expect_dead("EC:5", "", true);
    ck_assert(in_a_range("EC:5"));
}
END_TEST

START_TEST(a_dead_block_without_header_loses_the_rest)
{
    put_blocks(1, 20);
    put_state(5, 20);
    chain_delete(db, "H:5");
    cmt_block_prune_request request = request_for(10, 20, 0);
    make(&request);
    expect_dead("P:5:0", "", true);
    expect_dead("SC:5", "", true);
    expect_dead("BH:00", "5", true);
}
END_TEST

START_TEST(reclaiming_covers_heights_that_are_gone_and_no_others)
{
    put_blocks(500, 600);
    chain_put_text(db, "part", "P:300:0");
    put_state(500, 600);
    cmt_block_prune_request request = request_for(550, 600, 0);
    make(&request);
    ck_assert(!in_a_range("H:200"));
    request.reclaim = true;
    make(&request);
    ck_assert(in_a_range("H:200"));
    ck_assert(in_a_range("H:549"));
    ck_assert(!in_a_range("H:550"));
    ck_assert(!in_a_range("P:300:0")); /* not swept */
    ck_assert(!in_a_range("C:0"));
    ck_assert_int_eq(cmt_block_prune_check(&prune, CMT_SLICE("H:200"), &err), CMT_OK);
}
END_TEST

/* ---- asking ------------------------------------------------------------------------------ */

START_TEST(a_foreign_key_among_dead_ones_is_named)
{
    put_blocks(10, 30);
    put_state(10, 30);
    cmt_block_prune_request request = request_for(20, 30, 0);
    make(&request);
    ck_assert_int_eq(cmt_block_prune_check(&prune, CMT_SLICE("H:15"), &err), CMT_OK);
    ck_assert_int_eq(cmt_block_prune_check(&prune, CMT_SLICE("P:15:7"), &err), CMT_OK);
    static const char *const foreign[] = {"H:20", "H:015", "H:1x", "P:15", "P:15:x", "Q:15"};
    for (size_t i = 0; i < sizeof foreign / sizeof foreign[0]; i++) {
        cmt_slice key = {(const uint8_t *)foreign[i], strlen(foreign[i])};
        ck_assert_int_eq(cmt_block_prune_check(&prune, key, &err), CMT_CORRUPT);
        ck_assert_ptr_nonnull(strstr(err.message, foreign[i]));
    }
}
END_TEST

/* Each read in turn is the first to fail. */
START_TEST(a_failing_read_fails_the_rule_and_leaks_nothing)
{
    put_leaked();
    priced_db priced = priced_db_over(db);
    cmt_block_store *store;
    ck_assert_int_eq(cmt_block_store_open(&priced.base, &store, &err), CMT_OK);
    cmt_block_prune_request request = request_for(80, 100, 10);
    request.sweep = true;
    cmt_status st = CMT_IO;
    for (uint64_t n = 1; st == CMT_IO; n++) {
        priced.moves = 0;
        priced.fail_from = n;
        cmt_block_prune_free(&prune);
        st = cmt_block_prune_make(store, &request, &prune, &err);
    }
    ck_assert_int_eq(st, CMT_OK);
    cmt_block_store_close(store);
}
END_TEST

static TCase *asking(void)
{
    TCase *tc = tcase_create("asking");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, heights_outside_the_store_are_refused_in_cometbfts_words);
    tcase_add_test(tc, an_empty_store_cannot_be_pruned);
    tcase_add_test(tc, pruning_to_base_does_nothing);
    tcase_add_test(tc, base_must_not_name_a_missing_or_damaged_block);
    tcase_add_test(tc, a_moved_base_is_written_and_a_missing_one_too);
    tcase_add_test(tc, a_foreign_key_among_dead_ones_is_named);
    tcase_add_test(tc, a_failing_read_fails_the_rule_and_leaks_nothing);
    return tc;
}

static TCase *evidence(void)
{
    TCase *tc = tcase_create("evidence");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, keeps_headers_inside_evidence_window_as_cometbfts_test_says);
    tcase_add_test(tc, evidence_expires_only_when_too_old_in_blocks_and_in_time);
    tcase_add_test(tc, the_evidence_height_is_one_that_has_a_header);
    tcase_add_test(tc, the_evidence_height_costs_few_reads);
    tcase_add_test(tc, a_header_that_does_not_decode_is_named);
    return tc;
}

static TCase *leftovers(void)
{
    TCase *tc = tcase_create("leftovers");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, without_sweep_what_is_below_base_stays);
    tcase_add_test(tc, the_sweep_takes_expired_headers_below_base);
    tcase_add_test(tc, finishing_searches_the_evidence_height_from_the_lowest_header);
    tcase_add_test(tc, the_seen_commit_of_a_state_sync_stays);
    tcase_add_test(tc, the_first_commit_stays_also_where_the_search_ends_early);
    tcase_add_test(tc, extended_commits_stay_in_stores_of_cometbft_1_0_unless_swept);
    tcase_add_test(tc, a_dead_block_without_header_loses_the_rest);
    tcase_add_test(tc, reclaiming_covers_heights_that_are_gone_and_no_others);
    return tc;
}

int main(void)
{
    Suite *suite = suite_create("block_prune");
    suite_add_tcase(suite, asking());
    suite_add_tcase(suite, evidence());
    suite_add_tcase(suite, leftovers());
    return suite_run(suite);
}
