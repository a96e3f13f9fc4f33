/* SPDX-License-Identifier: Apache-2.0
 *
 * The prune rule of the state store, case by case.  test_prune_model.c has it over random
 * histories.
 */
#include "chain.h"
#include "cleanup.h"
#include "cmtstore/state.h"
#include "priced_db.h"
#include "suite.h"

#include <check.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static cmt_db *db;
static cmt_buf value;
static cmt_buf set;
static cmt_error err;
static cmt_state_prune prune;

static void setup(void)
{
    err = (cmt_error)CMT_ERROR_INIT;
    ck_assert_int_eq(cmt_db_open_memory(&db, NULL), CMT_OK);
    chain_put_text(db, "state", "stateKey");
}

static void teardown(void)
{
    cmt_state_prune_free(&prune);
    cmt_buf_free(&value);
    cmt_buf_free(&set);
    cmt_db_close(db);
}

static void put_validators(int64_t height, int64_t last_changed)
{
    bool full = height == last_changed || height % CMT_VALIDATOR_CHECKPOINT == 0;
    chain_encode_validator_set((uint64_t)height, 2, &set);
    chain_encode_validators_info(full ? &set : NULL, last_changed, &value);
    chain_put(db, &value, "validatorsKey:%" PRId64, height);
}

/* A set made full at a height where it did not change, as a prune does with one that is kept. */
static void put_filled_validators(int64_t height)
{
    put_validators(height, height);
}

static void put_params(int64_t height, int64_t last_changed)
{
    chain_encode_params(last_changed, 60, &set);
    chain_encode_params_info(height == last_changed ? &set : NULL, false, last_changed, &value);
    chain_put(db, &value, "consensusParamsKey:%" PRId64, height);
}

static void put_results(int64_t height)
{
    chain_put_text(db, "results", "abciResponsesKey:%" PRId64, height);
}

/* As CometBFT's own test: sets change at heights that end in 3, params at those that end in 5. */
static void put_heights(int64_t lo, int64_t hi)
{
    int64_t validators = lo;
    int64_t params = lo;
    for (int64_t h = lo; h <= hi; h++) {
        if (h % 10 == 3)
            validators = h;
        if (h % 10 == 5)
            params = h;
        put_validators(h, validators);
        put_params(h, params);
        put_results(h);
    }
}

static cmt_state_prune_request request_for(int64_t from, int64_t retain, int64_t evidence,
                                           int64_t last)
{
    return (cmt_state_prune_request){
        .base = from,
        .retain_height = retain,
        .evidence_height = evidence,
        .from = from,
        .last_height = last,
    };
}

static cmt_status try_make(cmt_db *over, const cmt_state_prune_request *request)
{
    cmt_state_store *store;
    ck_assert_msg(cmt_state_store_open(over, &store, &err) == CMT_OK, "%s", err.message);
    cmt_state_prune_free(&prune);
    cmt_status st = cmt_state_prune_make(store, request, &prune, &err);
    cmt_state_store_close(store);
    return st;
}

static void make(const cmt_state_prune_request *request)
{
    ck_assert_msg(try_make(db, request) == CMT_OK, "%s", err.message);
}

static bool is_dead(const char *prefix, int64_t height)
{
    char key[64];
    int size = snprintf(key, sizeof key, "%s%" PRId64, prefix, height);
    return cmt_state_prune_is_dead(&prune, (cmt_slice){(const uint8_t *)key, (size_t)size});
}

static bool in_a_range(const char *prefix, int64_t height)
{
    char text[64];
    int size = snprintf(text, sizeof text, "%s%" PRId64, prefix, height);
    cmt_slice key = {(const uint8_t *)text, (size_t)size};
    for (size_t i = 0; i < prune.ranges.count; i++)
        if (cmt_slice_compare(prune.ranges.ranges[i].lo, key) <= 0 &&
            cmt_slice_compare(key, prune.ranges.ranges[i].hi) < 0)
            return true;
    return false;
}

/* Of the heights [lo,hi] exactly those listed (up to a 0) stay. */
static void expect_left(const char *prefix, int64_t lo, int64_t hi, const int64_t *left)
{
    for (int64_t h = lo; h <= hi; h++) {
        bool stays = false;
        for (const int64_t *l = left; *l != 0; l++)
            stays |= *l == h;
        ck_assert_msg(is_dead(prefix, h) == !stays, "%s%" PRId64, prefix, h);
        ck_assert_msg(in_a_range(prefix, h) == !stays, "%s%" PRId64, prefix, h);
    }
}

#define LEFT(...) ((const int64_t[]){__VA_ARGS__, 0})

/* ---- CometBFT's own test ------------------------------------------------------------------ */

/* state/store_test.go TestPruneStates */
START_TEST(leaves_what_cometbfts_test_says)
{
    put_heights(1, 100);
    cmt_state_prune_request request = request_for(1, 100, 100, 100);
    make(&request);
    expect_left("validatorsKey:", 1, 100, LEFT(93, 100));
    expect_left("consensusParamsKey:", 1, 100, LEFT(95, 100));
    expect_left("abciResponsesKey:", 1, 100, LEFT(100));
    ck_assert_uint_eq(prune.put_count, 0);

    request = request_for(2, 8, 8, 10);
    make(&request);
    expect_left("validatorsKey:", 1, 10, LEFT(1, 3, 8, 9, 10));
    expect_left("consensusParamsKey:", 1, 10, LEFT(1, 5, 8, 9, 10));
    expect_left("abciResponsesKey:", 1, 10, LEFT(1, 8, 9, 10));

    request = request_for(1, 18, 17, 20);
    make(&request);
    expect_left("validatorsKey:", 1, 20, LEFT(13, 17, 18, 19, 20));
    expect_left("consensusParamsKey:", 1, 20, LEFT(15, 18, 19, 20));
    expect_left("abciResponsesKey:", 1, 20, LEFT(18, 19, 20));

    request = request_for(1, 101, 101, 101);
    ck_assert_int_eq(try_make(db, &request), CMT_CORRUPT);
}
END_TEST

START_TEST(leaves_the_checkpoint_as_cometbfts_test_says)
{
    put_heights(99900, 100001);
    cmt_state_prune_request request = request_for(99900, 100001, 100001, 100001);
    make(&request);
    expect_left("validatorsKey:", 99900, 100001, LEFT(99993, 100000, 100001));
    expect_left("consensusParamsKey:", 99900, 100001, LEFT(99995, 100001));
    expect_left("abciResponsesKey:", 99900, 100001, LEFT(100001));
}
END_TEST

/* ---- what kept records need --------------------------------------------------------------- */

/* CometBFT keeps 1 and 200000 here, and loses the validators of 150000 to 199999. */
START_TEST(the_checkpoint_that_protected_heights_need_stays)
{
    put_validators(1, 1);
    put_validators(2, 1);
    for (int64_t h = 100000; h <= 300000; h += 50000)
        put_validators(h, 1);
    put_validators(150001, 1);
    put_params(250000, 250000);
    cmt_state_prune_request request = request_for(1, 250000, 150000, 300000);
    make(&request);
    ck_assert(!is_dead("validatorsKey:", 1));
    ck_assert(is_dead("validatorsKey:", 2));
    ck_assert(is_dead("validatorsKey:", 99999));
    ck_assert(!is_dead("validatorsKey:", 100000));
    ck_assert(is_dead("validatorsKey:", 100001));
    ck_assert(is_dead("validatorsKey:", 149999));
    ck_assert(!is_dead("validatorsKey:", 150000));
    ck_assert(!is_dead("validatorsKey:", 200000));
    ck_assert(!in_a_range("validatorsKey:", 100000));
}
END_TEST

/* 50 was made full by an earlier prune; 51 still names 20. */
START_TEST(a_filled_record_does_not_hide_what_later_ones_need)
{
    put_validators(20, 20);
    for (int64_t h = 21; h <= 60; h++)
        put_validators(h, 20);
    put_filled_validators(50);
    put_params(50, 50);
    cmt_state_prune_request request = request_for(10, 50, 50, 60);
    request.sweep = true;
    make(&request);
    ck_assert(!is_dead("validatorsKey:", 20));
    ck_assert(is_dead("validatorsKey:", 21));
}
END_TEST

START_TEST(what_the_retain_height_needs_stays_whatever_stands_before_it)
{
    put_validators(20, 20);
    for (int64_t h = 21; h <= 60; h++)
        put_validators(h, 20);
    for (int64_t h = 40; h <= 45; h++)
        put_filled_validators(h);
    put_params(50, 50);
    cmt_state_prune_request request = request_for(10, 50, 40, 60);
    request.sweep = true;
    make(&request);
    ck_assert(!is_dead("validatorsKey:", 20));
}
END_TEST

START_TEST(params_that_the_height_behind_needs_stay)
{
    put_validators(50, 50);
    put_params(20, 20);
    put_params(50, 50);
    put_params(51, 20);
    cmt_state_prune_request request = request_for(10, 50, 50, 60);
    make(&request);
    ck_assert(!is_dead("consensusParamsKey:", 20));
    ck_assert(is_dead("consensusParamsKey:", 21));
}
END_TEST

static const cmt_state_put *put_of(const char *key)
{
    for (size_t i = 0; i < prune.put_count; i++)
        if (strcmp(prune.puts[i].key.text, key) == 0)
            return &prune.puts[i];
    return NULL;
}

START_TEST(a_kept_pointer_is_written_in_full)
{
    put_validators(20, 20);
    put_validators(30, 20); /* an old rollback left this: 31 names it as last changed */
    put_validators(31, 30);
    put_params(20, 20);
    put_params(30, 20);
    put_params(31, 30);
    cmt_state_store *store;
    ck_assert_int_eq(cmt_state_store_open(db, &store, &err), CMT_OK);
    CMT_AUTO(cmt_buf_free) cmt_buf expected = CMT_BUF_INIT;
    ck_assert_int_eq(cmt_state_store_load_validators(store, 30, &expected, &err), CMT_OK);
    cmt_state_store_close(store);

    cmt_state_prune_request request = request_for(10, 31, 31, 40);
    make(&request);
    ck_assert_uint_eq(prune.put_count, 2);
    ck_assert_int_lt(strcmp(prune.puts[0].key.text, prune.puts[1].key.text), 0);
    const cmt_state_put *validators = put_of("validatorsKey:30");
    const cmt_state_put *params = put_of("consensusParamsKey:30");
    ck_assert(validators != NULL && params != NULL);
    chain_encode_validators_info(&expected, 30, &value);
    ck_assert(cmt_slice_equal(cmt_buf_slice(&validators->value), cmt_buf_slice(&value)));
    chain_encode_params(20, 60, &set);
    chain_encode_params_info(&set, false, 30, &value);
    ck_assert(cmt_slice_equal(cmt_buf_slice(&params->value), cmt_buf_slice(&value)));
    ck_assert(!is_dead("validatorsKey:", 30));
    ck_assert(!in_a_range("validatorsKey:", 30));
    ck_assert(is_dead("validatorsKey:", 20));
    ck_assert(is_dead("consensusParamsKey:", 20));
}
END_TEST

START_TEST(kept_records_below_from_are_not_touched)
{
    put_validators(5, 5);
    put_validators(8, 5);
    put_validators(31, 8);
    put_params(5, 5);
    put_params(8, 5);
    put_params(31, 8);
    cmt_state_prune_request request = request_for(10, 31, 31, 40);
    make(&request);
    ck_assert_uint_eq(prune.put_count, 0);
    request.sweep = true;
    make(&request);
    ck_assert(!is_dead("validatorsKey:", 8));
    ck_assert(!is_dead("consensusParamsKey:", 8));
    ck_assert(is_dead("validatorsKey:", 5));
}
END_TEST

static void expect_corrupt(const cmt_state_prune_request *request, const char *text)
{
    ck_assert_int_eq(try_make(db, request), CMT_CORRUPT);
    ck_assert_msg(strstr(err.message, text) != NULL, "%s", err.message);
    ck_assert_uint_eq(prune.put_count, 0);
}

START_TEST(records_that_kept_heights_need_have_to_be_there)
{
    put_heights(1, 40);
    cmt_state_prune_request request = request_for(1, 30, 25, 40);
    make(&request);
    chain_delete(db, "validatorsKey:23"); /* last changed, of 25 */
    expect_corrupt(&request, "validators at height 23 not found");
    put_validators(23, 22);
    chain_delete(db, "validatorsKey:22");
    expect_corrupt(&request, "couldn't find validators at height 22");
    put_heights(1, 40);
    chain_delete(db, "validatorsKey:25");
    expect_corrupt(&request, "validators at height 25 not found");
    put_heights(1, 40);
    chain_delete(db, "consensusParamsKey:30");
    expect_corrupt(&request, "consensus params at height 30 not found");
    put_heights(1, 40);
    chain_delete(db, "consensusParamsKey:25");
    expect_corrupt(&request, "consensus params at height 25 not found");
    put_params(25, 24);
    chain_delete(db, "consensusParamsKey:24");
    expect_corrupt(&request, "couldn't find consensus params at height 24");
    chain_put_text(db, "garbage", "consensusParamsKey:30");
    expect_corrupt(&request, "consensus params at height 30");
}
END_TEST

START_TEST(the_checkpoint_of_the_retain_height_has_to_be_there)
{
    put_validators(99990, 99990);
    put_validators(100005, 99990);
    put_params(100005, 100005);
    cmt_state_prune_request request = request_for(99990, 100005, 100005, 100010);
    expect_corrupt(&request, "validators at height 100000 not found");
}
END_TEST

START_TEST(where_the_evidence_height_has_no_record_the_next_one_decides)
{
    put_heights(20, 60);
    cmt_state_prune_request request = request_for(30, 50, 10, 60);
    make(&request); /* nothing stands from evidence height 10 up to 19 */
    expect_left("validatorsKey:", 20, 52,
                LEFT(20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39,
                     40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 52));
    for (int h = 20; h <= 50; h++)
        chain_delete(db, "validatorsKey:%d", h);
    expect_corrupt(&request, "validators at height 10 not found");
    request.evidence_height = 45; /* at or above base it has to be there itself */
    put_validators(50, 50);
    expect_corrupt(&request, "validators at height 45 not found");
}
END_TEST

START_TEST(heights_in_the_wrong_order_are_refused)
{
    put_heights(1, 40);
    const int64_t wrong[][3] = {{0, 5, 10}, {5, 5, 0}, {6, 5, 10}, {5, 11, 10}, {-1, 5, 10}};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        cmt_state_prune_request request = request_for(wrong[i][0], wrong[i][2], 10, 40);
        request.base = wrong[i][1];
        ck_assert_int_eq(try_make(db, &request), CMT_OUT_OF_RANGE);
    }
}
END_TEST

/* ---- leftovers and finishing -------------------------------------------------------------- */

START_TEST(without_sweep_what_is_below_from_stays)
{
    put_heights(1, 40);
    cmt_state_prune_request request = request_for(20, 30, 30, 40);
    make(&request);
    expect_left("validatorsKey:", 18, 31, LEFT(18, 19, 23, 30, 31));
    expect_left("abciResponsesKey:", 18, 31, LEFT(18, 19, 30, 31));
    ck_assert(!prune.leftovers);
    ck_assert(prune.search_complete);
}
END_TEST

START_TEST(the_sweep_takes_what_no_kept_record_needs)
{
    put_heights(1, 40);
    cmt_state_prune_request request = request_for(20, 30, 12, 40);
    request.sweep = true;
    make(&request);
    ck_assert(prune.leftovers);
    expect_left("validatorsKey:", 1, 14, LEFT(3, 12, 13, 14));
    expect_left("consensusParamsKey:", 1, 31, LEFT(25, 30, 31));
    expect_left("abciResponsesKey:", 1, 31, LEFT(30, 31));
}
END_TEST

START_TEST(pruning_nothing_removes_nothing)
{
    put_heights(10, 40);
    cmt_state_prune_request request = request_for(10, 10, 10, 40);
    request.sweep = true;
    make(&request);
    ck_assert_uint_eq(prune.ranges.count, 0);
    ck_assert_uint_eq(prune.put_count, 0);
    ck_assert(!prune.leftovers);
}
END_TEST

START_TEST(what_cannot_be_searched_counts_as_live)
{
    put_heights(1000001, 1001000);
    put_validators(77, 77);
    put_params(77, 77);
    put_results(77);
    priced_db priced = priced_db_over(db);
    priced.cost = 1 << 20;
    cmt_state_prune_request request = request_for(1000001, 1000501, 1000501, 1001000);
    request.sweep = true;
    ck_assert_int_eq(try_make(&priced.base, &request), CMT_OK);
    ck_assert(!prune.search_complete);
    ck_assert(!is_dead("validatorsKey:", 77));
    ck_assert(!in_a_range("validatorsKey:", 77));
    ck_assert(!in_a_range("validatorsKey:", 100010)); /* between 1000100 and 1000101 */
    ck_assert(!in_a_range("consensusParamsKey:", 100010));
    ck_assert(in_a_range("abciResponsesKey:", 100010)); /* garbage if it is there at all */
    ck_assert_int_eq(cmt_state_prune_check(&prune, CMT_SLICE("abciResponsesKey:100010"), &err),
                     CMT_OK);
    ck_assert(is_dead("validatorsKey:", 1000100));
}
END_TEST

START_TEST(reclaiming_covers_heights_that_are_gone_and_no_others)
{
    put_heights(500, 600);
    put_validators(300, 300);
    cmt_state_prune_request request = request_for(500, 550, 550, 600);
    request.reclaim = true;
    make(&request);
    ck_assert(in_a_range("validatorsKey:", 200));
    ck_assert(in_a_range("abciResponsesKey:", 400));
    ck_assert(!in_a_range("validatorsKey:", 300)); /* not swept */
    ck_assert(!in_a_range("validatorsKey:", 543)); /* kept */
    ck_assert(in_a_range("validatorsKey:", 542));
    ck_assert(!in_a_range("validatorsKey:", 550));
    ck_assert_int_eq(cmt_state_prune_check(&prune, CMT_SLICE("validatorsKey:200"), &err), CMT_OK);
}
END_TEST

static int64_t unfinished_from(int64_t base)
{
    cmt_state_store *store;
    int64_t from = -1;
    ck_assert_int_eq(cmt_state_store_open(db, &store, &err), CMT_OK);
    ck_assert_msg(cmt_state_prune_unfinished_from(store, base, &from, &err) == CMT_OK, "%s",
                  err.message);
    cmt_state_store_close(store);
    return from;
}

START_TEST(a_state_that_was_not_pruned_with_its_blocks_is_noticed)
{
    put_heights(10, 40);
    ck_assert_int_eq(unfinished_from(30), 10);
    ck_assert_int_eq(unfinished_from(10), 10);
    chain_delete(db, "abciResponsesKey:20");
    ck_assert_int_eq(unfinished_from(30), 10); /* the params tell */
    chain_delete(db, "consensusParamsKey:25");
    ck_assert_int_eq(unfinished_from(30), 21);
    chain_delete(db, "abciResponsesKey:29");
    ck_assert_int_eq(unfinished_from(30), 26);
    chain_delete(db, "consensusParamsKey:29");
    ck_assert_int_eq(unfinished_from(30), 30); /* a hole at the top hides the rest */
}
END_TEST

START_TEST(params_kept_for_base_are_no_trace_of_an_unfinished_prune)
{
    put_params(29, 29);
    put_params(30, 29);
    ck_assert_int_eq(unfinished_from(30), 30);
    put_params(28, 28);
    ck_assert_int_eq(unfinished_from(30), 30);
    put_params(28, 27); /* a pointer: nothing keeps that */
    ck_assert_int_eq(unfinished_from(30), 28);
    chain_delete(db, "consensusParamsKey:28");
    put_results(29);
    ck_assert_int_eq(unfinished_from(30), 29);
}
END_TEST

/* ---- the rest ---------------------------------------------------------------------------- */

START_TEST(the_height_up_to_which_results_were_pruned_moves_where_it_exists)
{
    put_heights(1, 40);
    cmt_state_prune_request request = request_for(1, 30, 30, 40);
    make(&request);
    ck_assert_ptr_null(put_of("lastABCIResponsesRetainHeight"));
    chain_encode_signed_varint(30, &value);
    chain_put(db, &value, "lastABCIResponsesRetainHeight");
    make(&request);
    ck_assert_ptr_null(put_of("lastABCIResponsesRetainHeight"));
    chain_encode_signed_varint(29, &value);
    chain_put(db, &value, "lastABCIResponsesRetainHeight");
    make(&request);
    const cmt_state_put *put = put_of("lastABCIResponsesRetainHeight");
    ck_assert_ptr_nonnull(put);
    chain_encode_signed_varint(30, &value);
    ck_assert(cmt_slice_equal(cmt_buf_slice(&put->value), cmt_buf_slice(&value)));
}
END_TEST

START_TEST(other_keys_are_never_dead_and_foreign_ones_are_named)
{
    put_heights(1, 40);
    cmt_state_prune_request request = request_for(1, 30, 30, 40);
    make(&request);
    static const char *const others[] = {
        "stateKey",         "genesisDoc",       "lastABCIResponseKey", "validatorsKey:",
        "validatorsKey:05", "validatorsKey:5x", "abciResponsesKey:30"};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        cmt_slice key = {(const uint8_t *)others[i], strlen(others[i])};
        ck_assert(!cmt_state_prune_is_dead(&prune, key));
        ck_assert_int_eq(cmt_state_prune_check(&prune, key, &err), CMT_CORRUPT);
        ck_assert_ptr_nonnull(strstr(err.message, others[i]));
    }
    ck_assert_int_eq(cmt_state_prune_check(&prune, CMT_SLICE("validatorsKey:5"), &err), CMT_OK);
    ck_assert_int_eq(cmt_state_prune_check(&prune, CMT_SLICE("validatorsKey:23"), &err),
                     CMT_CORRUPT); /* kept */
}
END_TEST

/* Each read in turn is the first to fail. */
START_TEST(a_failing_read_fails_the_rule_and_leaks_nothing)
{
    put_validators(20, 20);
    put_validators(30, 20);
    for (int64_t h = 31; h < 60; h++)
        put_validators(h, 30);
    put_params(20, 20);
    put_params(30, 20);
    put_params(40, 30);
    priced_db priced = priced_db_over(db);
    cmt_state_store *store;
    ck_assert_int_eq(cmt_state_store_open(&priced.base, &store, &err), CMT_OK);
    cmt_state_prune_request request = request_for(22, 40, 35, 60);
    request.sweep = true;
    cmt_status st = CMT_IO;
    for (uint64_t n = 1; st == CMT_IO; n++) {
        priced.moves = 0;
        priced.fail_from = n;
        cmt_state_prune_free(&prune);
        st = cmt_state_prune_make(store, &request, &prune, &err);
    }
    ck_assert_int_eq(st, CMT_OK);
    ck_assert_uint_eq(prune.put_count, 2);
    cmt_state_store_close(store);
}
END_TEST

static TCase *kept(void)
{
    TCase *tc = tcase_create("kept");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, leaves_what_cometbfts_test_says);
    tcase_add_test(tc, leaves_the_checkpoint_as_cometbfts_test_says);
    tcase_add_test(tc, the_checkpoint_that_protected_heights_need_stays);
    tcase_add_test(tc, a_filled_record_does_not_hide_what_later_ones_need);
    tcase_add_test(tc, what_the_retain_height_needs_stays_whatever_stands_before_it);
    tcase_add_test(tc, params_that_the_height_behind_needs_stay);
    tcase_add_test(tc, a_kept_pointer_is_written_in_full);
    tcase_add_test(tc, kept_records_below_from_are_not_touched);
    tcase_add_test(tc, records_that_kept_heights_need_have_to_be_there);
    tcase_add_test(tc, the_checkpoint_of_the_retain_height_has_to_be_there);
    tcase_add_test(tc, where_the_evidence_height_has_no_record_the_next_one_decides);
    tcase_add_test(tc, heights_in_the_wrong_order_are_refused);
    return tc;
}

static TCase *leftovers(void)
{
    TCase *tc = tcase_create("leftovers");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, without_sweep_what_is_below_from_stays);
    tcase_add_test(tc, the_sweep_takes_what_no_kept_record_needs);
    tcase_add_test(tc, pruning_nothing_removes_nothing);
    tcase_add_test(tc, what_cannot_be_searched_counts_as_live);
    tcase_add_test(tc, reclaiming_covers_heights_that_are_gone_and_no_others);
    tcase_add_test(tc, a_state_that_was_not_pruned_with_its_blocks_is_noticed);
    tcase_add_test(tc, params_kept_for_base_are_no_trace_of_an_unfinished_prune);
    return tc;
}

static TCase *rest(void)
{
    TCase *tc = tcase_create("rest");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, the_height_up_to_which_results_were_pruned_moves_where_it_exists);
    tcase_add_test(tc, other_keys_are_never_dead_and_foreign_ones_are_named);
    tcase_add_test(tc, a_failing_read_fails_the_rule_and_leaks_nothing);
    return tc;
}

int main(void)
{
    Suite *suite = suite_create("state_prune");
    suite_add_tcase(suite, kept());
    suite_add_tcase(suite, leftovers());
    suite_add_tcase(suite, rest());
    return suite_run(suite);
}
