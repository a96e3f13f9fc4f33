/* SPDX-License-Identifier: Apache-2.0
 *
 * Pruning an open state store: batches, their order, stops.  What dies is held against the model in
 * test_prune_model.c.
 */
#include "cleanup.h"
#include "cmtstore/state.h"
#include "recording_db.h" /* before globals that its parameters would shadow */

#include "chain.h"
#include "suite.h"

#include <check.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define POINTS (CMT_DB_WRITABLE)
#define RANGES (CMT_DB_WRITABLE | CMT_DB_RANGE_DELETE | CMT_DB_DROP_FILES)
#define TIP 400

static cmt_db *db;
static cmt_buf value;
static cmt_buf set;
static cmt_error err;
static recording_db record;
static cmt_state_prune_result result;
static int64_t retain;
static int stop_at;
static int reports;

static void setup(void)
{
    err = (cmt_error)CMT_ERROR_INIT;
    ck_assert_int_eq(cmt_db_open_memory(&db, NULL), CMT_OK);
    chain_put_text(db, "state", "stateKey");
    stop_at = 0;
}

static void teardown(void)
{
    cmt_state_prune_result_free(&result);
    cmt_buf_free(&value);
    cmt_buf_free(&set);
    cmt_db_close(db);
}

static void put_validators(int64_t height, int64_t last_changed)
{
    chain_encode_validator_set((uint64_t)height, 2, &set);
    bool full = height == last_changed || height % CMT_VALIDATOR_CHECKPOINT == 0;
    chain_encode_validators_info(full ? &set : NULL, last_changed, &value);
    chain_put(db, &value, "validatorsKey:%" PRId64, height);
}

static void put_params(int64_t height, int64_t last_changed)
{
    chain_encode_params(last_changed, 60, &set);
    chain_encode_params_info(height == last_changed ? &set : NULL, false, last_changed, &value);
    chain_put(db, &value, "consensusParamsKey:%" PRId64, height);
}

/* Validators change at every 50th height, params at every `params_every`th. */
static void put_heights(int64_t params_every, bool results)
{
    for (int64_t h = 1; h <= TIP; h++) {
        put_validators(h, h < 50 ? 1 : h - h % 50);
        put_params(h, h < params_every ? 1 : h - h % params_every);
        if (results)
            chain_put_text(db, "results", "abciResponsesKey:%" PRId64, h);
    }
}

static bool has(const char *prefix, int64_t height)
{
    return chain_get(db, NULL, "%s%" PRId64, prefix, height);
}

/* After every batch kept heights load, and what is left stands right below the retain height. */
static bool look(void *context, const cmt_progress *progress)
{
    (void)context;
    cmt_state_store *store;
    CMT_AUTO(cmt_buf_free) cmt_buf out = CMT_BUF_INIT;
    ck_assert_int_eq(cmt_state_store_open(db, &store, &err), CMT_OK);
    for (int64_t h = retain; h <= TIP; h += 7) {
        ck_assert_int_eq(cmt_state_store_load_validators(store, h, &out, &err), CMT_OK);
        ck_assert_int_eq(cmt_state_store_load_params(store, h, &out, &err), CMT_OK);
    }
    int64_t from;
    ck_assert_int_eq(cmt_state_prune_unfinished_from(store, retain, &from, &err), CMT_OK);
    for (int64_t h = 1; h < from; h++)
        ck_assert(!has("abciResponsesKey:", h));
    ck_assert(chain_get(db, &out, "lastABCIResponsesRetainHeight"));
    ck_assert_int_eq(out.data[0], progress->done == progress->total ? 2 * retain % 128 + 128 : 2);
    ck_assert_str_eq(progress->database, "state");
    cmt_state_store_close(store);
    return ++reports == stop_at;
}

static const cmt_progress_hook looking = {look, NULL};

static cmt_status run(unsigned capabilities, int64_t base, cmt_erase_options options)
{
    options.range_heights = 1;
    cmt_db *over = recording_over(&record, db, capabilities);
    cmt_state_store *store;
    ck_assert_int_eq(cmt_state_store_open(over, &store, &err), CMT_OK);
    cmt_state_prune_request request = {
        .base = base, .retain_height = retain, .evidence_height = retain, .last_height = TIP + 2};
    ck_assert_int_eq(cmt_state_prune_unfinished_from(store, base, &request.from, &err), CMT_OK);
    reports = 0;
    cmt_state_prune_result_free(&result);
    cmt_status st = cmt_state_store_prune(store, &request, &options, &result, &err);
    cmt_state_store_close(store);
    return st;
}

static void expect_done(void)
{
    for (int64_t h = 1; h <= TIP; h++) {
        ck_assert_int_eq(has("abciResponsesKey:", h), h >= retain);
        bool kept = h >= retain || h == retain - retain % 50;
        ck_assert_msg(has("validatorsKey:", h) == kept, "validators of %d", (int)h);
    }
}

START_TEST(heights_go_from_the_lowest_up_and_the_marker_comes_last)
{
    put_heights(40, true);
    chain_put_text(db, "\x02", "lastABCIResponsesRetainHeight");
    retain = 330;
    cmt_erase_options options = {.batch_operations = 30, .progress = &looking};
    ck_assert_int_eq(run(POINTS, 1, options), CMT_OK);
    ck_assert_int_gt(reports, 20);
    ck_assert_uint_eq(record.writes, (uint64_t)reports);
    ck_assert_uint_eq(record.unsynced, 0);
    ck_assert_uint_le(record.largest, 30 + 3 + 1);
    expect_done();
}
END_TEST

START_TEST(a_stop_is_finished_by_the_next_call)
{
    put_heights(40, true);
    chain_put_text(db, "\x02", "lastABCIResponsesRetainHeight");
    retain = 330;
    cmt_erase_options options = {.batch_operations = 30, .progress = &looking};
    stop_at = 4;
    ck_assert_int_eq(run(POINTS, 1, options), CMT_CANCELLED);
    ck_assert(!has("validatorsKey:", 20) && has("validatorsKey:", 200));
    ck_assert_int_eq(run(POINTS, retain, options),
                     CMT_CANCELLED); /* the blocks are pruned already */
    stop_at = 0;
    ck_assert_int_eq(run(POINTS, retain, options), CMT_OK);
    expect_done();
}
END_TEST

START_TEST(a_batch_grows_rather_than_leave_what_nobody_would_notice)
{
    put_heights(1, false); /* each record of params in full: no trace of an unfinished prune */
    retain = 90;
    ck_assert_int_eq(run(POINTS, 1, (cmt_erase_options){.batch_operations = 10}), CMT_OK);
    ck_assert_uint_eq(record.writes, 1);
    retain = 330;
    ck_assert_int_eq(run(POINTS, 90, (cmt_erase_options){.batch_operations = 10}), CMT_OK);
    ck_assert_uint_gt(record.writes, 10);
    ck_assert_uint_gt(record.largest, 2 * 100);
}
END_TEST

START_TEST(ranges_go_in_one_batch_with_the_records)
{
    put_heights(40, true);
    chain_put_text(db, "\x02", "lastABCIResponsesRetainHeight");
    retain = 330;
    ck_assert_int_eq(run(RANGES, 1, (cmt_erase_options){.drop_bytes = 1, .progress = &looking}),
                     CMT_OK);
    ck_assert_uint_eq(record.writes, 1);
    ck_assert_uint_eq(record.flushes, 1);
    ck_assert(record.drops > 0 && record.drops <= result.touched.count);
    ck_assert_uint_eq(record.drops_unflushed, 0);
    expect_done();
    ck_assert_int_eq(run(RANGES, retain, (cmt_erase_options){0}), CMT_OK);
    ck_assert_uint_eq(record.writes, 0);
}
END_TEST

START_TEST(a_record_below_base_that_an_earlier_prune_took_is_no_reason_to_refuse)
{
    /* Pruned to the checkpoint, which needs nothing below; then blocks to one height more. */
    put_params(99999, 99999);
    for (int64_t h = 100000; h <= 100010; h++) {
        put_validators(h, 99999);
        put_params(h, 99999);
        chain_put_text(db, "results", "abciResponsesKey:%" PRId64, h);
    }
    retain = 100001;
    ck_assert_msg(run(POINTS, 100001, (cmt_erase_options){0}) == CMT_OK, "%s", err.message);
    ck_assert(!has("abciResponsesKey:", 100000));
    ck_assert(has("validatorsKey:", 100000) && has("consensusParamsKey:", 99999));
}
END_TEST

START_TEST(a_database_that_is_open_for_reading_only_is_refused)
{
    put_heights(40, true);
    retain = 330;
    ck_assert_int_eq(run(0, 1, (cmt_erase_options){0}), CMT_UNSUPPORTED);
    ck_assert_ptr_nonnull(strstr(err.message, "reading only"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("state_height_wise");
    TCase *tc = tcase_create("state_height_wise");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, heights_go_from_the_lowest_up_and_the_marker_comes_last);
    tcase_add_test(tc, a_stop_is_finished_by_the_next_call);
    tcase_add_test(tc, a_batch_grows_rather_than_leave_what_nobody_would_notice);
    tcase_add_test(tc, ranges_go_in_one_batch_with_the_records);
    tcase_add_test(tc, a_record_below_base_that_an_earlier_prune_took_is_no_reason_to_refuse);
    tcase_add_test(tc, a_database_that_is_open_for_reading_only_is_refused);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
