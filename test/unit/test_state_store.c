/* SPDX-License-Identifier: Apache-2.0
 *
 * Opening a state store and loading what is in it.
 */
#include "chain.h"
#include "cleanup.h"
#include "cmtstore/state.h"
#include "ordered_keys.h"
#include "suite.h"

#include <check.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static cmt_db *db;
static bool layout_v2; /* what a test puts is opened with the keys of that layout */
static cmt_buf value;
static cmt_buf set;
static cmt_buf out;
static cmt_error err;

static void setup(void)
{
    err = (cmt_error)CMT_ERROR_INIT;
    layout_v2 = false;
    ck_assert_int_eq(cmt_db_open_memory(&db, NULL), CMT_OK);
}

static void setup_v2(void)
{
    setup();
    layout_v2 = true;
}

static void teardown(void)
{
    cmt_buf_free(&value);
    cmt_buf_free(&set);
    cmt_buf_free(&out);
    cmt_db_close(db);
}

static cmt_state_store *open_store(void)
{
    cmt_state_store *store;
    if (layout_v2)
        ordered_replace(&db);
    ck_assert_msg(cmt_state_store_open(db, &store, &err) == CMT_OK, "%s", err.message);
    return store;
}

static void expect_unsupported(const char *text)
{
    cmt_state_store *store;
    ck_assert_int_eq(cmt_state_store_open(db, &store, &err), CMT_UNSUPPORTED);
    ck_assert_ptr_null(store);
    ck_assert_msg(strstr(err.message, text) != NULL, "%s", err.message);
}

static void put_validators(int64_t height, bool full, int64_t last_changed)
{
    chain_encode_validator_set((uint64_t)last_changed, 3, &set);
    chain_encode_validators_info(full ? &set : NULL, last_changed, &value);
    chain_put(db, &value, "validatorsKey:%" PRId64, height);
}

static void put_params(int64_t height, bool full, int64_t last_changed, bool as_0_34)
{
    chain_encode_params(last_changed, 60, &set);
    chain_encode_params_info(full ? &set : NULL, as_0_34, last_changed, &value);
    chain_put(db, &value, "consensusParamsKey:%" PRId64, height);
}

/* ---- opening ----------------------------------------------------------------------------- */

static void expect_no_state(void)
{
    cmt_state_store *store = open_store();
    cmt_state state;
    ck_assert_int_eq(cmt_state_store_load(store, &state, &err), CMT_NOT_FOUND);
    ck_assert_str_eq(err.message, "");
    cmt_state_store_close(store);
}

START_TEST(a_store_in_which_nothing_was_saved_has_no_state)
{
    expect_no_state();
    chain_put_text(db, "{}", "genesisDoc");
    chain_put_text(db, "v1", "version");
    expect_no_state();
    chain_put_text(db, "", "stateKey");
    put_validators(1, true, 1);
    expect_no_state();
}
END_TEST

START_TEST(other_databases_are_refused)
{
    chain_put_text(db, "\x08\x01\x10\x05", "blockStore");
    chain_put_text(db, "v1", "version");
    expect_unsupported("blockStore");
}
END_TEST

START_TEST(layout_v2_is_told_by_its_keys)
{
    chain_state state = {1, 7, {1000, 0}, 10, 20};
    chain_encode_state(&state, &value);
    chain_put(db, &value, "stateKey");
    chain_put_text(db, "info", "\x86\x85");
    chain_put_text(db, "v2", "version");
    cmt_state_store *store = open_store();
    ck_assert_int_eq(cmt_state_store_layout(store), CMT_KEY_LAYOUT_V2);
    ck_assert(cmt_state_store_has_version(store));
    cmt_state loaded;
    ck_assert_int_eq(cmt_state_store_load(store, &loaded, &err), CMT_OK);
    ck_assert_int_eq(loaded.last_block_height, 7);
    cmt_state_store_close(store);
}
END_TEST

START_TEST(a_stamp_that_contradicts_the_keys_is_refused)
{
    chain_put_text(db, "x", "stateKey");
    put_params(5, true, 5, false);
    chain_put_text(db, "v2", "version");
    expect_unsupported("version key says v2");
}
END_TEST

START_TEST(the_state_is_read)
{
    chain_state state = {3, 7, {1000, 5}, 10, 20};
    chain_encode_state(&state, &value);
    chain_put(db, &value, "stateKey");
    cmt_state_store *store = open_store();
    ck_assert_int_eq(cmt_state_store_layout(store), CMT_KEY_LAYOUT_V1);
    ck_assert(!cmt_state_store_has_version(store));
    cmt_state loaded;
    ck_assert_msg(cmt_state_store_load(store, &loaded, &err) == CMT_OK, "%s", err.message);
    ck_assert_int_eq(loaded.initial_height, 3);
    ck_assert_int_eq(loaded.last_block_time.nanos, 5);
    ck_assert_int_eq(loaded.params.evidence_max_age_num_blocks, 10);
    cmt_state_store_close(store);
    chain_put_text(db, "garbage", "stateKey");
    store = open_store();
    ck_assert_int_eq(cmt_state_store_load(store, &loaded, &err), CMT_CORRUPT);
    ck_assert_ptr_nonnull(strstr(err.message, "stateKey"));
    cmt_state_store_close(store);
    cmt_state_store_close(NULL);
}
END_TEST

/* ---- validators -------------------------------------------------------------------------- */

/* The set stored for `last_changed`, moved forward. */
static void expect_set(cmt_state_store *store, int64_t height, int64_t stored)
{
    ck_assert_msg(cmt_state_store_load_validators(store, height, &out, &err) == CMT_OK, "%s",
                  err.message);
    cmt_validator_set expected;
    CMT_AUTO(cmt_buf_free) cmt_buf bytes = CMT_BUF_INIT;
    chain_encode_validator_set((uint64_t)stored, 3, &set);
    ck_assert_int_eq(cmt_validator_set_decode(cmt_buf_slice(&set), &expected, &err), CMT_OK);
    if (height > stored)
        ck_assert_int_eq(cmt_validator_set_increment(&expected, (int32_t)(height - stored), &err),
                         CMT_OK);
    ck_assert_int_eq(cmt_validator_set_encode(&expected, &bytes), CMT_OK);
    ck_assert(cmt_slice_equal(cmt_buf_slice(&out), cmt_buf_slice(&bytes)));
    cmt_validator_set_free(&expected);
}

START_TEST(a_full_record_is_returned_as_stored)
{
    put_validators(10, true, 10);
    cmt_state_store *store = open_store();
    expect_set(store, 10, 10);
    cmt_state_store_close(store);
}
END_TEST

START_TEST(a_pointer_is_followed_and_priorities_move_on)
{
    put_validators(10, true, 10);
    put_validators(11, false, 10);
    put_validators(47, false, 10);
    cmt_state_store *store = open_store();
    expect_set(store, 11, 10);
    expect_set(store, 47, 10);
    cmt_state_store_close(store);
}
END_TEST

START_TEST(a_pointer_is_followed_to_the_checkpoint_if_that_is_later)
{
    put_validators(10, true, 10);
    chain_encode_validator_set(100000, 3, &set);
    chain_encode_validators_info(&set, 10, &value);
    chain_put(db, &value, "validatorsKey:100000");
    put_validators(99999, false, 10);
    put_validators(100003, false, 10);
    cmt_state_store *store = open_store();
    expect_set(store, 99999, 10);
    expect_set(store, 100003, 100000);
    cmt_state_store_close(store);
}
END_TEST

START_TEST(a_pointer_to_nothing_is_corrupt)
{
    put_validators(11, false, 10); /* absent */
    put_validators(21, false, 20); /* a pointer */
    put_validators(20, false, 11);
    put_validators(31, false, 31);                  /* itself */
    put_validators(41, false, 50);                  /* above */
    chain_encode_validators_info(&out, 60, &value); /* a set without validators */
    chain_put(db, &value, "validatorsKey:60");
    put_validators(61, false, 60);
    chain_put_text(db, "garbage", "validatorsKey:70");
    chain_put_text(db, "", "validatorsKey:80");
    cmt_state_store *store = open_store();
    static const int heights[] = {11, 21, 31, 41, 61, 70};
    for (int i = 0; i < 6; i++)
        ck_assert_int_eq(cmt_state_store_load_validators(store, heights[i], &out, &err),
                         CMT_CORRUPT);
    ck_assert_int_eq(cmt_state_store_load_validators(store, 21, &out, &err), CMT_CORRUPT);
    ck_assert_str_eq(err.message,
                     "couldn't find validators at height 20 (height 21 was originally requested)");
    err = (cmt_error)CMT_ERROR_INIT;
    ck_assert_int_eq(cmt_state_store_load_validators(store, 80, &out, &err), CMT_NOT_FOUND);
    ck_assert_int_eq(cmt_state_store_load_validators(store, 81, &out, &err), CMT_NOT_FOUND);
    ck_assert_str_eq(err.message, "");
    cmt_state_store_close(store);
}
END_TEST

/* ---- params, results, retain heights ------------------------------------------------------ */

START_TEST(params_are_found_from_pointers_of_both_forms)
{
    put_params(10, true, 10, false);
    put_params(11, false, 10, false);
    put_params(12, false, 10, true);
    cmt_state_store *store = open_store();
    chain_encode_params(10, 60, &set);
    for (int64_t h = 10; h <= 12; h++) {
        ck_assert_int_eq(cmt_state_store_load_params(store, h, &out, &err), CMT_OK);
        ck_assert(cmt_slice_equal(cmt_buf_slice(&out), cmt_buf_slice(&set)));
    }
    ck_assert_int_eq(cmt_state_store_load_params(store, 13, &out, &err), CMT_NOT_FOUND);
    cmt_state_store_close(store);
}
END_TEST

START_TEST(a_pointer_to_a_pointer_is_not_followed)
{
    put_params(10, true, 10, false);
    put_params(11, false, 10, false);
    put_params(12, false, 11, false);
    put_params(20, false, 19, false);
    cmt_state_store *store = open_store();
    ck_assert_int_eq(cmt_state_store_load_params(store, 12, &out, &err), CMT_CORRUPT);
    ck_assert_str_eq(err.message, "couldn't find consensus params at height 11 as last changed "
                                  "from height 12");
    ck_assert_int_eq(cmt_state_store_load_params(store, 20, &out, &err), CMT_CORRUPT);
    cmt_state_store_close(store);
}
END_TEST

START_TEST(results_are_returned_as_stored)
{
    chain_put_text(db, "results", "abciResponsesKey:5");
    cmt_state_store *store = open_store();
    ck_assert_int_eq(cmt_state_store_load_results(store, 5, &out, &err), CMT_OK);
    ck_assert(cmt_slice_equal(cmt_buf_slice(&out), CMT_SLICE("results")));
    ck_assert_int_eq(cmt_state_store_load_results(store, 6, &out, &err), CMT_NOT_FOUND);
    cmt_state_store_close(store);
}
END_TEST

START_TEST(retain_heights_are_read_where_they_exist)
{
    cmt_state_store *store = open_store();
    cmt_retain_heights heights;
    ck_assert_int_eq(cmt_state_store_retain_heights(store, &heights, &err), CMT_OK);
    ck_assert_int_eq(heights.application, 0);
    ck_assert(!heights.has_results_pruned);
    static const char *const keys[] = {"AppRetainHeightKey", "DCBlockRetainHeightKey",
                                       "ABCIResRetainHeightKey", "lastABCIResponsesRetainHeight"};
    for (int i = 0; i < 4; i++) {
        chain_encode_signed_varint(100 + i, &value);
        chain_put(db, &value, "%s", keys[i]);
    }
    ck_assert_int_eq(cmt_state_store_retain_heights(store, &heights, &err), CMT_OK);
    ck_assert_int_eq(heights.application, 100);
    ck_assert_int_eq(heights.companion, 101);
    ck_assert_int_eq(heights.results, 102);
    ck_assert(heights.has_results_pruned);
    ck_assert_int_eq(heights.results_pruned, 103);
    for (int i = 0; i < 4; i++) {
        chain_encode_signed_varint(-1, &value);
        chain_put(db, &value, "%s", keys[i]);
        ck_assert_int_eq(cmt_state_store_retain_heights(store, &heights, &err), CMT_CORRUPT);
        ck_assert_ptr_nonnull(strstr(err.message, keys[i]));
        chain_put_text(db, "\xff", "%s", keys[i]);
        ck_assert_int_eq(cmt_state_store_retain_heights(store, &heights, &err), CMT_CORRUPT);
        chain_delete(db, "%s", keys[i]);
    }
    cmt_state_store_close(store);
}
END_TEST

static TCase *loading(const char *name, void (*set_up)(void))
{
    TCase *tc = tcase_create(name);
    tcase_add_checked_fixture(tc, set_up, teardown);
    tcase_add_test(tc, a_full_record_is_returned_as_stored);
    tcase_add_test(tc, a_pointer_is_followed_and_priorities_move_on);
    tcase_add_test(tc, a_pointer_is_followed_to_the_checkpoint_if_that_is_later);
    tcase_add_test(tc, a_pointer_to_nothing_is_corrupt);
    tcase_add_test(tc, params_are_found_from_pointers_of_both_forms);
    tcase_add_test(tc, a_pointer_to_a_pointer_is_not_followed);
    tcase_add_test(tc, results_are_returned_as_stored);
    return tc;
}

int main(void)
{
    Suite *suite = suite_create("state_store");
    TCase *tc = tcase_create("state_store");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, a_store_in_which_nothing_was_saved_has_no_state);
    tcase_add_test(tc, other_databases_are_refused);
    tcase_add_test(tc, layout_v2_is_told_by_its_keys);
    tcase_add_test(tc, a_stamp_that_contradicts_the_keys_is_refused);
    tcase_add_test(tc, the_state_is_read);
    tcase_add_test(tc, retain_heights_are_read_where_they_exist);
    suite_add_tcase(suite, tc);
    suite_add_tcase(suite, loading("loading", setup));
    suite_add_tcase(suite, loading("loading_v2", setup_v2));
    return suite_run(suite);
}
