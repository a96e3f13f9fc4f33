/* SPDX-License-Identifier: Apache-2.0
 *
 * Pruning an open block store: batches, base, stops and failures.  What dies is held against the model in
 * test_prune_model.c.
 */
#include "recording_db.h" /* first: the fixture's globals would shadow */

#include "block_fixture.h"
#include "suite.h"

#include <stdlib.h>

#define POINTS (CMT_DB_WRITABLE)
#define RANGES (CMT_DB_WRITABLE | CMT_DB_RANGE_DELETE | CMT_DB_DROP_FILES)

static recording_db record;
static cmt_block_prune_result result;
static int stop_at; /* the report at which to stop; 0: none */
static int reports;
static int64_t last_base;

/* After every batch the store is one that a node could have left. */
static bool look(void *context, const cmt_progress *progress)
{
    (void)context;
    cmt_block_store *store;
    ck_assert_int_eq(cmt_block_store_open(db, &store, &err), CMT_OK);
    int64_t base = cmt_block_store_base(store);
    ck_assert_int_ge(base, last_base);
    last_base = base;
    cmt_block_meta meta;
    CMT_AUTO(cmt_buf_free) cmt_buf part = CMT_BUF_INIT;
    ck_assert_int_eq(cmt_block_store_load_meta(store, base, &meta, &err), CMT_OK);
    ck_assert(chain_get(db, &part, "P:%" PRId64 ":0", base));
    ck_assert(base == 1 || !chain_get(db, &part, "P:%" PRId64 ":0", base - 1));
    ck_assert_uint_eq(progress->done, (uint64_t)(base - result.base_before));
    ck_assert_str_eq(progress->database, "blockstore");
    cmt_block_store_close(store);
    return ++reports == stop_at;
}

static const cmt_progress_hook looking = {look, NULL};

/* By ranges however few heights there are, unless the options say from how many on. */
static cmt_status run(unsigned capabilities, const cmt_block_prune_request *request,
                      cmt_erase_options options)
{
    if (options.range_heights == 0)
        options.range_heights = 1;
    uint64_t fail_at = record.fail_at;
    cmt_db *over = recording_over(&record, db, capabilities);
    record.fail_at = fail_at;
    cmt_block_store *store;
    ck_assert_int_eq(cmt_block_store_open(over, &store, &err), CMT_OK);
    reports = 0;
    last_base = 0;
    result.base_before = cmt_block_store_base(store);
    cmt_block_prune_result_free(&result);
    cmt_status st = cmt_block_store_prune(store, request, &options, &result, &err);
    ck_assert_int_eq(cmt_block_store_base(store), result.base);
    cmt_block_store_close(store);
    return st;
}

static void finish(void)
{
    cmt_block_prune_result_free(&result);
    record.fail_at = 0;
    stop_at = 0;
    teardown();
}

static bool touches(const char *key)
{
    cmt_slice k = {(const uint8_t *)key, strlen(key)};
    for (size_t i = 0; i < result.touched.count; i++)
        if (cmt_slice_compare(result.touched.ranges[i].lo, k) <= 0 &&
            cmt_slice_compare(k, result.touched.ranges[i].hi) < 0)
            return true;
    return false;
}

START_TEST(base_moves_with_every_batch_and_batches_are_small_and_synced)
{
    put_blocks(1, 200);
    put_state(1, 200);
    cmt_block_prune_request request = request_for(150, 200, 0);
    cmt_erase_options options = {.batch_operations = 50, .progress = &looking};
    ck_assert_int_eq(run(POINTS, &request, options), CMT_OK);
    ck_assert_int_eq(result.base, 150);
    ck_assert_int_eq(result.evidence_height, 150);
    ck_assert_int_gt(reports, 10);
    ck_assert_uint_eq(record.writes, (uint64_t)reports);
    ck_assert_uint_eq(record.writes, result.batches);
    ck_assert_uint_eq(record.unsynced, 0);
    ck_assert_uint_le(record.largest, 50 + 6 + 1); /* a block is never cut */
    ck_assert(touches("P:3:0") && touches("H:149") && touches("BH:00") && !touches("P:150:0"));
}
END_TEST

START_TEST(a_batch_ends_by_its_bytes_too)
{
    put_blocks(1, 200);
    put_state(1, 200);
    cmt_block_prune_request request = request_for(150, 200, 0);
    ck_assert_int_eq(run(POINTS, &request, (cmt_erase_options){.batch_bytes = 2000}), CMT_OK);
    ck_assert_uint_gt(record.writes, 10);
    ck_assert_uint_le(record.largest_bytes, 3000);
}
END_TEST

/* Before and after by turns, each at its place between the writes. */
static void hear(void *context, const char *name)
{
    int *heard = context;
    bool before = strcmp(name, "prune_blockstore:before") == 0;
    ck_assert(before || strcmp(name, "prune_blockstore:after") == 0);
    ck_assert(before == (*heard % 2 == 0));
    ck_assert_uint_eq(record.writes, (uint64_t)(*heard + 1) / 2);
    ++*heard;
}

START_TEST(fail_points_stand_around_each_batch)
{
    int heard = 0;
    put_blocks(1, 200);
    put_state(1, 200);
    cmt_block_prune_request request = request_for(150, 200, 0);
    cmt_erase_options options = {
        .batch_operations = 50, .fail_point = hear, .fail_context = &heard};
    ck_assert_int_eq(run(POINTS, &request, options), CMT_OK);
    ck_assert_uint_gt(result.batches, 10);
    ck_assert_uint_eq((uint64_t)heard, 2 * result.batches);
}
END_TEST

START_TEST(a_stop_is_told_and_leaves_an_existing_base)
{
    put_blocks(1, 200);
    put_state(1, 200);
    cmt_block_prune_request request = request_for(150, 200, 0);
    stop_at = 3;
    cmt_erase_options options = {.batch_operations = 50, .progress = &looking};
    ck_assert_int_eq(run(POINTS, &request, options), CMT_CANCELLED);
    ck_assert_uint_eq(record.writes, 3);
    ck_assert_int_gt(result.base, 1);
    ck_assert_int_lt(result.base, 150);
    stop_at = 0;
    ck_assert_int_eq(run(POINTS, &request, options), CMT_OK);
    ck_assert_int_eq(result.base, 150);
}
END_TEST

START_TEST(a_write_that_fails_leaves_what_was_written_before)
{
    put_blocks(1, 200);
    put_state(1, 200);
    cmt_block_prune_request request = request_for(150, 200, 0);
    record.fail_at = 4;
    cmt_erase_options options = {.batch_operations = 50, .progress = &looking};
    ck_assert_int_eq(run(POINTS, &request, options), CMT_NO_SPACE);
    ck_assert_str_eq(err.message, "no space for this write");
    ck_assert_int_eq(result.base, last_base);
    ck_assert_int_lt(result.base, 150);
}
END_TEST

START_TEST(ranges_go_as_such_and_only_then_their_files)
{
    put_blocks(1, 200);
    put_state(1, 200);
    cmt_block_prune_request request = request_for(150, 200, 0);
    cmt_erase_options options = {.drop_bytes = 1, .progress = &looking};
    ck_assert_int_eq(run(RANGES, &request, options), CMT_OK);
    ck_assert_int_eq(reports, 1);
    ck_assert_uint_eq(record.unsynced, 0);
    /* 149 hashes, base and the ranges; of those that were touched one is the hash index */
    ck_assert_uint_eq(record.largest, 149 + 1 + result.touched.count - 1);
    ck_assert_uint_eq(record.flushes, 1);
    ck_assert_uint_gt(record.drops, 4);
    ck_assert_uint_eq(record.drops_unflushed, 0);
    for (int64_t h = 1; h <= 200; h++) {
        chain_block block = block_at(h);
        char key[68];
        chain_hash_key(&block, key);
        ck_assert_msg(chain_get(db, NULL, "%s", key) == (h >= 150), "hash of block %d", (int)h);
        ck_assert(chain_get(db, NULL, "SC:%" PRId64, h) == (h >= 150));
    }
}
END_TEST

START_TEST(where_no_file_can_go_nothing_is_flushed)
{
    put_blocks(1, 20);
    put_state(1, 20);
    cmt_block_prune_request request = request_for(15, 20, 0);
    ck_assert_int_eq(run(RANGES, &request, (cmt_erase_options){0}), CMT_OK);
    ck_assert_int_eq(result.base, 15);
    ck_assert_uint_eq(record.flushes, 0);
    ck_assert_uint_eq(record.drops, 0);
}
END_TEST

START_TEST(few_heights_go_by_points_where_ranges_could)
{
    put_blocks(1, 60);
    put_state(1, 60);
    cmt_block_prune_request request = request_for(21, 60, 0);
    cmt_erase_options options = {.range_heights = 21, .drop_bytes = 1};
    ck_assert_int_eq(run(RANGES, &request, options), CMT_OK);
    ck_assert_uint_eq(record.drops, 0);
    ck_assert(!chain_get(db, NULL, "P:20:0") && chain_get(db, NULL, "P:21:0"));
    request = request_for(41, 60, 0);
    options.range_heights = 20;
    ck_assert_int_eq(run(RANGES, &request, options), CMT_OK);
    ck_assert_uint_gt(record.drops, 0);
    ck_assert(!chain_get(db, NULL, "P:40:0") && chain_get(db, NULL, "P:41:0"));
}
END_TEST

START_TEST(steps_by_ranges_are_bounded_and_may_be_stopped)
{
    put_blocks(95, 300);
    put_state(95, 300);
    cmt_block_prune_request request = request_for(250, 300, 80); /* evidence from 220 on */
    stop_at = 2;
    cmt_erase_options options = {.step_heights = 40, .drop_bytes = 1, .progress = &looking};
    ck_assert_int_eq(run(RANGES, &request, options), CMT_CANCELLED);
    ck_assert_int_eq(result.base, 95 + 80);
    stop_at = 0;
    ck_assert_int_eq(run(RANGES, &request, options), CMT_OK);
    ck_assert_int_eq(reports, 2);
    ck_assert_int_eq(result.base, 250);
    ck_assert_int_eq(result.evidence_height, 220);
    ck_assert_uint_le(record.largest, 40 + 1 + result.touched.count);
    ck_assert(chain_get(db, NULL, "H:220") && !chain_get(db, NULL, "H:219"));
}
END_TEST

START_TEST(blocks_without_a_header_lose_their_keys_and_hashes)
{
    for (int by_range = 0; by_range < 2; by_range++) {
        put_blocks(1, 40);
        put_state(1, 40);
        for (int64_t h = 10; h < 14; h++)
            chain_delete(db, "H:%" PRId64, h);
        chain_delete(db, "H:1"); /* base names a block that is gone */
        cmt_block_prune_request request = request_for(30, 40, 0);
        ck_assert_int_eq(run(by_range ? RANGES : POINTS, &request, (cmt_erase_options){0}), CMT_OK);
        cmt_db_iter *iter;
        ck_assert_int_eq(cmt_db_iter_new(db, NULL, &iter, &err), CMT_OK);
        size_t keys = 0;
        for (cmt_status st = cmt_db_iter_first(iter, &err); st == CMT_OK;
             st = cmt_db_iter_next(iter, &err))
            keys++;
        cmt_db_iter_free(iter);
        /* H P C SC EC BH of 30..40; C:0, which is never removed, C:40 is not written; the root */
        ck_assert_uint_eq(keys, 11 * 5 + 10 + 1 + 1);
    }
}
END_TEST

START_TEST(base_steps_over_blocks_without_a_header)
{
    put_blocks(1, 60);
    put_state(1, 60);
    for (int64_t h = 10; h < 54; h += h % 5 == 4 ? 3 : 1)
        chain_delete(db, "H:%" PRId64, h);
    put_meta(50);
    cmt_block_prune_request request = request_for(50, 60, 0);
    cmt_erase_options options = {.batch_operations = 1, .progress = &looking};
    ck_assert_int_eq(run(POINTS, &request, options), CMT_OK);
    ck_assert_int_gt(reports, 20);
    ck_assert_int_eq(result.base, 50);
}
END_TEST

START_TEST(parts_that_no_header_tells_of_go_with_the_next_sweep)
{
    put_blocks(1, 40);
    put_state(1, 40);
    chain_put_text(db, "part", "P:7:1"); /* of a larger block that was never finished */
    cmt_block_prune_request request = request_for(30, 40, 0);
    request.sweep = true;
    ck_assert_int_eq(run(POINTS, &request, (cmt_erase_options){0}), CMT_OK);
    ck_assert(chain_get(db, NULL, "P:7:1"));
    ck_assert_int_eq(run(POINTS, &request, (cmt_erase_options){0}), CMT_OK);
    ck_assert(result.leftovers);
    ck_assert(!chain_get(db, NULL, "P:7:1"));
}
END_TEST

START_TEST(bad_requests_and_databases_are_refused_before_anything_is_written)
{
    put_blocks(1, 40);
    put_state(1, 40);
    cmt_block_prune_request request = request_for(41, 40, 0);
    ck_assert_int_eq(run(POINTS, &request, (cmt_erase_options){0}), CMT_OUT_OF_RANGE);
    ck_assert_str_eq(err.message, "cannot prune beyond the latest height 40");
    request.retain_height = 30;
    ck_assert_int_eq(run(0, &request, (cmt_erase_options){0}), CMT_UNSUPPORTED);
    chain_put_text(db, "garbage", "H:12");
    ck_assert_int_eq(run(POINTS, &request, (cmt_erase_options){0}), CMT_CORRUPT);
    ck_assert_ptr_nonnull(strstr(err.message, "block meta 12"));
    ck_assert_uint_eq(record.writes, 0);
}
END_TEST

START_TEST(nothing_is_written_where_nothing_is_to_be_done)
{
    put_blocks(1, 40);
    put_state(1, 40);
    cmt_block_prune_request request = request_for(1, 40, 0);
    request.sweep = request.reclaim = true;
    ck_assert_int_eq(run(POINTS, &request, (cmt_erase_options){0}), CMT_OK);
    ck_assert_uint_eq(record.writes, 0);
    ck_assert_int_eq(run(RANGES, &request, (cmt_erase_options){0}), CMT_OK);
    ck_assert_uint_eq(record.writes, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("height_wise");
    TCase *tc = tcase_create("height_wise");
    tcase_add_checked_fixture(tc, setup, finish);
    tcase_add_test(tc, base_moves_with_every_batch_and_batches_are_small_and_synced);
    tcase_add_test(tc, a_batch_ends_by_its_bytes_too);
    tcase_add_test(tc, fail_points_stand_around_each_batch);
    tcase_add_test(tc, a_stop_is_told_and_leaves_an_existing_base);
    tcase_add_test(tc, a_write_that_fails_leaves_what_was_written_before);
    tcase_add_test(tc, ranges_go_as_such_and_only_then_their_files);
    tcase_add_test(tc, where_no_file_can_go_nothing_is_flushed);
    tcase_add_test(tc, few_heights_go_by_points_where_ranges_could);
    tcase_add_test(tc, steps_by_ranges_are_bounded_and_may_be_stopped);
    tcase_add_test(tc, blocks_without_a_header_lose_their_keys_and_hashes);
    tcase_add_test(tc, base_steps_over_blocks_without_a_header);
    tcase_add_test(tc, parts_that_no_header_tells_of_go_with_the_next_sweep);
    tcase_add_test(tc, bad_requests_and_databases_are_refused_before_anything_is_written);
    tcase_add_test(tc, nothing_is_written_where_nothing_is_to_be_done);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
