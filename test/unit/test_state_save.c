/* SPDX-License-Identifier: Apache-2.0
 *
 * Writing a state store: what each call puts, in how many writes, and what is refused with nothing written.
 */
#include "cmtstore/state_retain.h"

#include "chain.h"
#include "must.h"
#include "recording_db.h"
#include "small_chain.h"
#include "suite.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static cmt_db *inner;
static recording_db db;
static cmt_state_store *store;
static cmt_state_store_options options;
static cmt_buf value;

static void setup(void)
{
    error = (cmt_error)CMT_ERROR_INIT;
    options = (cmt_state_store_options){.release = CMT_RELEASE_0_38};
    value = (cmt_buf)CMT_BUF_INIT;
    store = NULL;
    MUST(cmt_db_open_memory(&inner, &error));
    recording_over(&db, inner, CMT_DB_WRITABLE);
}

static void teardown(void)
{
    cmt_state_store_close(store);
    cmt_buf_free(&value);
    cmt_db_close(inner);
}

static void open_store(void)
{
    cmt_state_store_close(store);
    store = NULL;
    MUST(cmt_state_store_open_for_writing(&db.base, &options, &store, &error));
}

static void open_as_1_0(void)
{
    options.release = CMT_RELEASE_1_0;
    options.write_version = true;
    open_store();
}

static void expect(cmt_status got, cmt_status want, const char *text)
{
    ck_assert_msg(got == want, "%s: %s", cmt_status_text(got), error.message);
    ck_assert_msg(strstr(error.message, text) != NULL, "%s", error.message);
}

static bool has(const char *key)
{
    return chain_get(inner, &value, "%s", key);
}

static void expect_value(const char *key, const char *want, size_t size)
{
    ck_assert_msg(has(key), "%s is not there", key);
    ck_assert_msg(value.size == size && memcmp(value.data, want, size) == 0, "%s", key);
}

static size_t count_pairs(void)
{
    size_t pairs = 0;
    cmt_db_iter *iter = NULL;
    MUST(cmt_db_iter_new(inner, NULL, &iter, &error));
    for (cmt_status st = cmt_db_iter_first(iter, &error); st == CMT_OK;
         st = cmt_db_iter_next(iter, &error))
        pairs++;
    cmt_db_iter_free(iter);
    return pairs;
}

/* ---- opening ----------------------------------------------------------------------------- */

START_TEST(opening_as_until_0_40_writes_nothing)
{
    open_store();
    ck_assert_uint_eq(db.writes, 0);
    ck_assert_int_eq(cmt_state_store_layout(store), CMT_KEY_LAYOUT_V1);
    ck_assert(!cmt_state_store_has_version(store));
}
END_TEST

START_TEST(opening_as_1_0_puts_the_version_each_time)
{
    open_as_1_0();
    expect_value("version", "v1", 2);
    ck_assert(cmt_state_store_has_version(store));
    open_store();
    ck_assert_uint_eq(db.writes, 2);
    ck_assert_uint_eq(db.unsynced, 0);
}
END_TEST

START_TEST(the_layout_is_chosen_until_there_is_a_state)
{
    cmt_chain_state state = small_chain_start(CMT_RELEASE_1_0, 1);
    open_as_1_0();
    options.layout = CMT_KEY_LAYOUT_V2;
    open_store();
    expect_value("version", "v2", 2);
    MUST(cmt_state_store_save(store, &state, &error));
    ck_assert(!has("validatorsKey:1"));
    options.layout = CMT_KEY_LAYOUT_V1;
    open_store();
    ck_assert_int_eq(cmt_state_store_layout(store), CMT_KEY_LAYOUT_V2);
    expect_value("version", "v2", 2);
    cmt_validator_set set;
    MUST(cmt_state_store_load_validator_set(store, 2, &set, &error));
    cmt_validator_set_free(&set);
    cmt_chain_state_free(&state);
}
END_TEST

START_TEST(a_database_of_0_38_keeps_its_layout_under_1_0)
{
    cmt_chain_state state = small_chain_start(CMT_RELEASE_0_38, 1);
    open_store();
    MUST(cmt_state_store_save(store, &state, &error));
    cmt_chain_state_free(&state);
    options.layout = CMT_KEY_LAYOUT_V2;
    open_as_1_0();
    expect_value("version", "v1", 2);
    MUST(cmt_state_store_load_chain_state(store, &state, &error));
    ck_assert_int_eq(state.release, CMT_RELEASE_1_0);
    ck_assert_uint_eq(state.validators.validators[0].key_type.size, strlen("ed25519"));
    MUST(cmt_state_store_save(store, &state, &error));
    cmt_chain_state_free(&state);
}
END_TEST

START_TEST(keys_that_are_there_keep_their_layout_also_without_a_state)
{
    chain_put_text(inner, "\x10\x01", "validatorsKey:5");
    options.layout = CMT_KEY_LAYOUT_V2;
    open_as_1_0();
    expect_value("version", "v1", 2);
}
END_TEST

START_TEST(options_that_no_node_has_are_refused)
{
    options.layout = CMT_KEY_LAYOUT_V2;
    expect(cmt_state_store_open_for_writing(&db.base, &options, &store, &error), CMT_INVALID,
           "layout v2");
    options = (cmt_state_store_options){.release = CMT_RELEASE_0_40, .write_version = true};
    expect(cmt_state_store_open_for_writing(&db.base, &options, &store, &error), CMT_INVALID,
           "from 1.0 on");
    options = (cmt_state_store_options){.release = CMT_RELEASE_0_40};
    recording_over(&db, inner, 0);
    expect(cmt_state_store_open_for_writing(&db.base, &options, &store, &error), CMT_UNSUPPORTED,
           "for reading only");
    ck_assert_ptr_null(store);
    ck_assert_uint_eq(count_pairs(), 0);
}
END_TEST

START_TEST(a_store_opened_for_reading_is_not_written)
{
    cmt_results results = small_chain_results("hash");
    cmt_chain_state state = small_chain_start(CMT_RELEASE_0_38, 1);
    MUST(cmt_state_store_open(&db.base, &store, &error));
    ck_assert_int_eq(cmt_state_store_save(store, &state, &error), CMT_UNSUPPORTED);
    ck_assert_int_eq(cmt_state_store_bootstrap(store, &state, &error), CMT_UNSUPPORTED);
    ck_assert_int_eq(cmt_state_store_save_results(store, 1, &results, &error), CMT_UNSUPPORTED);
    ck_assert_int_eq(cmt_state_store_set_offline_height(store, 1, &error), CMT_UNSUPPORTED);
    ck_assert_int_eq(cmt_state_store_save_genesis(store, small_chain_genesis(1), &error),
                     CMT_UNSUPPORTED);
    ck_assert_int_eq(cmt_state_store_init_retain_heights(store, true, 1, 1, &error),
                     CMT_UNSUPPORTED);
    ck_assert_int_eq(
        cmt_state_store_set_retain_height(store, CMT_RETAIN_COMPANION, 1, 1, 1, &error),
        CMT_UNSUPPORTED);
    ck_assert_uint_eq(db.writes, 0);
    cmt_chain_state_free(&state);
}
END_TEST

/* ---- states ------------------------------------------------------------------------------ */

START_TEST(a_state_is_saved_in_one_synced_batch)
{
    cmt_chain_state state = small_chain_start(CMT_RELEASE_0_38, 7);
    cmt_chain_state loaded;
    open_store();
    ck_assert_int_eq(cmt_state_store_load_chain_state(store, &loaded, &error), CMT_NOT_FOUND);
    MUST(cmt_state_store_save(store, &state, &error));
    ck_assert_uint_eq(db.writes, 1);
    ck_assert_uint_eq(db.unsynced, 0);
    ck_assert_uint_eq(count_pairs(), 4);
    ck_assert(has("validatorsKey:7") && has("validatorsKey:8") && has("consensusParamsKey:7"));
    small_chain_step(&state);
    MUST(cmt_state_store_save(store, &state, &error));
    ck_assert_uint_eq(db.writes, 2);
    ck_assert_uint_eq(db.unsynced, 0);
    ck_assert_uint_eq(count_pairs(), 6);
    expect_value("validatorsKey:9", "\x10\x07", 2);
    expect_value("consensusParamsKey:8", "\x0a\x00\x10\x07", 4);
    MUST(cmt_state_store_load_chain_state(store, &loaded, &error));
    ck_assert_int_eq(loaded.last_block_height, 7);
    cmt_chain_state_free(&loaded);
    cmt_chain_state_free(&state);
}
END_TEST

START_TEST(a_failing_write_leaves_what_was_there)
{
    cmt_chain_state state = small_chain_start(CMT_RELEASE_0_38, 1);
    cmt_results results = small_chain_results("hash");
    open_store();
    db.fail_at = 1;
    expect(cmt_state_store_save(store, &state, &error), CMT_NO_SPACE, "");
    db.fail_at = 2;
    expect(cmt_state_store_save_results(store, 1, &results, &error), CMT_NO_SPACE, "");
    ck_assert_uint_eq(count_pairs(), 0);
    cmt_chain_state_free(&state);
}
END_TEST

START_TEST(a_state_that_no_node_would_save_is_refused)
{
    cmt_chain_state state = small_chain_start(CMT_RELEASE_0_38, 1);
    options.release = CMT_RELEASE_0_40;
    open_store();
    expect(cmt_state_store_save(store, &state, &error), CMT_INVALID, "another release");
    state.release = CMT_RELEASE_0_40;
    state.last_height_validators_changed = 3;
    expect(cmt_state_store_save(store, &state, &error), CMT_INVALID, "of height 2 cannot");
    state.last_height_validators_changed = 2;
    state.initial_height = 0;
    expect(cmt_state_store_save(store, &state, &error), CMT_INVALID, "begins at 0");
    state.initial_height = 1;
    state.last_block_height = INT64_MAX - 1;
    expect(cmt_state_store_bootstrap(store, &state, &error), CMT_INVALID, "no state");
    ck_assert_uint_eq(db.writes, 0);
    state.last_block_height = INT64_MAX - 2;
    MUST(cmt_state_store_save(store, &state, &error));
    cmt_chain_state_free(&state);
}
END_TEST

/* ---- results ----------------------------------------------------------------------------- */

static void save_results(int64_t height, const char *app_hash)
{
    cmt_results results = small_chain_results(app_hash);
    MUST(cmt_state_store_save_results(store, height, &results, &error));
}

static void expect_last(int64_t height, const char *app_hash)
{
    cmt_results results;
    MUST(cmt_state_store_load_last_results(store, height, &value, &error));
    MUST(cmt_results_read(cmt_buf_slice(&value), &results, &error));
    ck_assert_uint_eq(results.app_hash.size, strlen(app_hash));
    ck_assert_mem_eq(results.app_hash.data, app_hash, strlen(app_hash));
    cmt_results_free(&results);
}

START_TEST(until_0_40_results_are_there_twice)
{
    open_store();
    ck_assert_int_eq(cmt_state_store_load_last_results(store, 1, &value, &error), CMT_NOT_FOUND);
    save_results(1, "one");
    save_results(2, "two");
    ck_assert_uint_eq(db.writes, 2);
    ck_assert_uint_eq(db.unsynced, 0);
    ck_assert_uint_eq(count_pairs(), 3);
    expect_value("abciResponsesKey:1", "\x2a\x03one", 5);
    expect_value("lastABCIResponseKey", "\x10\x02\x1a\x05\x2a\x03two", 9);
    expect_last(2, "two");
    expect(cmt_state_store_load_last_results(store, 1, &value, &error), CMT_CORRUPT,
           "expected height 1 but last stored abci responses was at height 2");
}
END_TEST

START_TEST(until_0_40_discarded_results_are_there_once)
{
    options.discard_results = true;
    open_store();
    save_results(1, "one");
    save_results(2, "two");
    ck_assert_uint_eq(count_pairs(), 1);
    expect_last(2, "two");
}
END_TEST

START_TEST(from_1_0_on_results_are_under_their_height)
{
    open_as_1_0();
    save_results(1, "one");
    save_results(2, "two");
    ck_assert_uint_eq(db.unsynced, 0);
    ck_assert_uint_eq(count_pairs(), 3);
    expect_last(1, "one");
    expect_last(2, "two");
    ck_assert_int_eq(cmt_state_store_load_last_results(store, 3, &value, &error), CMT_NOT_FOUND);
}
END_TEST

START_TEST(from_1_0_on_discarding_deletes_those_before)
{
    options.discard_results = true;
    open_as_1_0();
    save_results(1, "one");
    save_results(2, "two");
    save_results(3, "three");
    ck_assert_uint_eq(count_pairs(), 2);
    ck_assert(has("abciResponsesKey:3"));
    expect_last(3, "three");
}
END_TEST

START_TEST(the_last_results_of_0_38_are_found_by_1_0)
{
    options.discard_results = true;
    open_store();
    save_results(5, "five");
    options.discard_results = false;
    open_as_1_0();
    expect_last(5, "five");
    expect(cmt_state_store_load_last_results(store, 6, &value, &error), CMT_CORRUPT, "at height 5");
}
END_TEST

START_TEST(the_last_results_of_0_37_are_converted)
{
    open_store();
    /* deliver_txs {code 1}, begin_block {event "b"}, end_block {event "e"} */
    static const char legacy[] = "\x0a\x14\x0a\x02\x08\x01\x12\x05\x1a\x03\x0a\x01"
                                 "e\x1a\x05\x0a\x03\x0a\x01"
                                 "b\x0a\x00\x10\x09";
    cmt_slice bytes = {(const uint8_t *)legacy, sizeof legacy - 1};
    MUST(cmt_buf_set(&value, bytes));
    chain_put(inner, &value, "lastABCIResponseKey");
    MUST(cmt_state_store_load_last_results(store, 9, &value, &error));
    cmt_results results;
    MUST(cmt_results_read(cmt_buf_slice(&value), &results, &error));
    ck_assert_uint_eq(results.tx_count, 2);
    ck_assert_uint_eq(results.event_count, 2);
    cmt_slice begin = CMT_SLICE("\x0a\x01"
                                "b\x12\x12\x0a\x04mode\x12\x0a"
                                "BeginBlock");
    ck_assert(cmt_slice_equal(results.events[0], begin));
    cmt_results_free(&results);
    chain_put_text(inner, "\x10\x09", "lastABCIResponseKey");
    expect(cmt_state_store_load_last_results(store, 9, &value, &error), CMT_CORRUPT, "no results");
}
END_TEST

START_TEST(results_of_no_block_are_refused)
{
    cmt_results results = small_chain_results("hash");
    open_store();
    expect(cmt_state_store_save_results(store, 0, &results, &error), CMT_INVALID, "height 0");
    ck_assert_uint_eq(db.writes, 0);
}
END_TEST

/* ---- where a test may end the process ---------------------------------------------------- */

static char points[256];

static void note_point(void *context, const char *name)
{
    snprintf(points + strlen(points), sizeof points - strlen(points), "%s%s %zu,",
             (const char *)context, name, count_pairs());
}

START_TEST(writes_lie_between_their_fail_points)
{
    static char prefix[] = ">";
    cmt_chain_state state = small_chain_start(CMT_RELEASE_0_38, 1);
    options.fail_point = note_point;
    options.fail_context = prefix;
    points[0] = '\0';
    open_store();
    save_results(1, "one");
    MUST(cmt_state_store_save(store, &state, &error));
    ck_assert_str_eq(points, ">save_results:before 0,>save_results:after 2,"
                             ">save_state:before 2,>save_state:after 6,");
    cmt_chain_state_free(&state);
}
END_TEST

/* ---- heights ----------------------------------------------------------------------------- */

START_TEST(the_offline_height_is_kept)
{
    int64_t height = -1;
    open_store();
    ck_assert_int_eq(cmt_state_store_offline_height(store, &height, &error), CMT_NOT_FOUND);
    MUST(cmt_state_store_set_offline_height(store, 100, &error));
    expect_value("offlineStateSyncHeightKey", "\xc8\x01", 2);
    MUST(cmt_state_store_offline_height(store, &height, &error));
    ck_assert_int_eq(height, 100);
    MUST(cmt_state_store_set_offline_height(store, 0, &error));
    expect_value("offlineStateSyncHeightKey", "\0", 1);
    ck_assert_uint_eq(db.unsynced, 0);
    expect(cmt_state_store_set_offline_height(store, -1, &error), CMT_INVALID, "-1");
    chain_put_text(inner, "\x01", "offlineStateSyncHeightKey");
    expect(cmt_state_store_offline_height(store, &height, &error), CMT_CORRUPT, "is -1");
}
END_TEST

START_TEST(retain_heights_begin_as_a_node_begins_them)
{
    cmt_retain_heights heights;
    open_as_1_0();
    MUST(cmt_state_store_init_retain_heights(store, false, 5, 6, &error));
    expect_value("AppRetainHeightKey", "\0", 1);
    ck_assert(!has("DCBlockRetainHeightKey") && !has("ABCIResRetainHeightKey"));
    MUST(cmt_state_store_init_retain_heights(store, true, 0, 6, &error));
    MUST(cmt_state_store_init_retain_heights(store, true, 7, 8, &error));
    MUST(cmt_state_store_retain_heights(store, &heights, &error));
    ck_assert_int_eq(heights.application, 0);
    ck_assert_int_eq(heights.companion, 7);
    ck_assert_int_eq(heights.results, 6);
    ck_assert_uint_eq(db.unsynced, 0);
    expect(cmt_state_store_init_retain_heights(store, true, -1, 8, &error), CMT_INVALID, "-1");
}
END_TEST

START_TEST(retain_heights_only_rise_and_stay_within_the_chain)
{
    open_as_1_0();
    expect(cmt_state_store_set_retain_height(store, CMT_RETAIN_APPLICATION, 5, 1, 9, &error),
           CMT_NOT_FOUND, "no AppRetainHeightKey");
    MUST(cmt_state_store_init_retain_heights(store, true, 0, 0, &error));
    for (cmt_retain_owner owner = CMT_RETAIN_APPLICATION; owner <= CMT_RETAIN_RESULTS; owner++) {
        MUST(cmt_state_store_set_retain_height(store, owner, 5, 1, 9, &error));
        MUST(cmt_state_store_set_retain_height(store, owner, 5, 1, 9, &error));
        expect(cmt_state_store_set_retain_height(store, owner, 4, 1, 9, &error), CMT_OUT_OF_RANGE,
               "cannot set a height lower than previously requested");
        expect(cmt_state_store_set_retain_height(store, owner, 10, 1, 9, &error), CMT_OUT_OF_RANGE,
               "invalid height value");
        expect(cmt_state_store_set_retain_height(store, owner, 5, 6, 9, &error), CMT_OUT_OF_RANGE,
               "invalid height value");
        MUST(cmt_state_store_set_retain_height(store, owner, 9, 6, 9, &error));
    }
    expect_value("AppRetainHeightKey", "\x12", 1);
    expect_value("DCBlockRetainHeightKey", "\x12", 1);
    expect_value("ABCIResRetainHeightKey", "\x12", 1);
}
END_TEST

/* ---- genesis ----------------------------------------------------------------------------- */

START_TEST(until_0_40_the_document_is_kept)
{
    open_store();
    MUST(cmt_state_store_save_genesis(store, small_chain_genesis(3), &error));
    ck_assert_uint_eq(count_pairs(), 1);
    ck_assert(has("genesisDoc"));
    size_t size = value.size;
    MUST(cmt_state_store_save_genesis(store, small_chain_genesis(300000), &error));
    ck_assert(has("genesisDoc") && value.size == size);
    ck_assert_uint_eq(db.writes, 1);
    ck_assert_uint_eq(db.unsynced, 0);
    expect(cmt_state_store_save_genesis(store, small_chain_genesis(1), NULL), CMT_OK, "");
}
END_TEST

START_TEST(from_1_0_on_its_hash_is_kept)
{
    open_store();
    MUST(cmt_state_store_save_genesis(store, small_chain_genesis(3), &error));
    open_as_1_0();
    MUST(cmt_state_store_save_genesis(store, small_chain_genesis(3), &error));
    ck_assert(!has("genesisDoc"));
    ck_assert(has("genesisDocHash") && value.size == CMT_HASH_SIZE);
    MUST(cmt_state_store_save_genesis(store, small_chain_genesis(3), &error));
    expect(cmt_state_store_save_genesis(store, small_chain_genesis(4), &error), CMT_CORRUPT,
           "another genesis file");
    expect(cmt_state_store_save_genesis(store, CMT_SLICE("{}"), &error), CMT_INVALID, "chain_id");
}
END_TEST

/* ---- rollback ---------------------------------------------------------------------------- */

static cmt_block_meta meta_of(int64_t height)
{
    return (cmt_block_meta){.header = {.height = height, .time = {height, 0}}};
}

START_TEST(a_rollback_needs_the_right_blocks_and_records)
{
    cmt_chain_state state = small_chain_start(CMT_RELEASE_0_38, 1);
    cmt_chain_state out;
    cmt_block_meta third = meta_of(3);
    cmt_block_meta second = meta_of(2);
    open_store();
    ck_assert_int_eq(cmt_state_store_rollback(store, &second, &third, "v", &out, &error),
                     CMT_NOT_FOUND);
    for (int i = 0; i <= 3; i++) {
        MUST(cmt_state_store_save(store, &state, &error));
        if (i < 3)
            small_chain_step(&state);
    }
    uint64_t writes = db.writes;
    expect(cmt_state_store_rollback(store, &third, &second, "v", &out, &error), CMT_INVALID,
           "the state is of height 3, the blocks given are 3 and 2");
    chain_delete(inner, "validatorsKey:1");
    expect(cmt_state_store_rollback(store, &second, &third, "v", &out, &error), CMT_CORRUPT,
           "validators at height 1");
    chain_delete(inner, "validatorsKey:2");
    expect(cmt_state_store_rollback(store, &second, &third, "v", &out, &error), CMT_CORRUPT,
           "could not find validator set for height #2");
    ck_assert_uint_eq(db.writes, writes);
    ck_assert_uint_eq(out.validators.count, 0);
    cmt_chain_state_free(&state);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("state_save");
    TCase *tc = tcase_create("save");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, opening_as_until_0_40_writes_nothing);
    tcase_add_test(tc, opening_as_1_0_puts_the_version_each_time);
    tcase_add_test(tc, the_layout_is_chosen_until_there_is_a_state);
    tcase_add_test(tc, a_database_of_0_38_keeps_its_layout_under_1_0);
    tcase_add_test(tc, keys_that_are_there_keep_their_layout_also_without_a_state);
    tcase_add_test(tc, options_that_no_node_has_are_refused);
    tcase_add_test(tc, a_store_opened_for_reading_is_not_written);
    tcase_add_test(tc, a_state_is_saved_in_one_synced_batch);
    tcase_add_test(tc, a_failing_write_leaves_what_was_there);
    tcase_add_test(tc, a_state_that_no_node_would_save_is_refused);
    tcase_add_test(tc, until_0_40_results_are_there_twice);
    tcase_add_test(tc, until_0_40_discarded_results_are_there_once);
    tcase_add_test(tc, from_1_0_on_results_are_under_their_height);
    tcase_add_test(tc, from_1_0_on_discarding_deletes_those_before);
    tcase_add_test(tc, the_last_results_of_0_38_are_found_by_1_0);
    tcase_add_test(tc, the_last_results_of_0_37_are_converted);
    tcase_add_test(tc, results_of_no_block_are_refused);
    tcase_add_test(tc, writes_lie_between_their_fail_points);
    tcase_add_test(tc, the_offline_height_is_kept);
    tcase_add_test(tc, retain_heights_begin_as_a_node_begins_them);
    tcase_add_test(tc, retain_heights_only_rise_and_stay_within_the_chain);
    tcase_add_test(tc, until_0_40_the_document_is_kept);
    tcase_add_test(tc, from_1_0_on_its_hash_is_kept);
    tcase_add_test(tc, a_rollback_needs_the_right_blocks_and_records);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
