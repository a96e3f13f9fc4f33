/* SPDX-License-Identifier: Apache-2.0
 *
 * Rewrites by the compactor, on memory, LevelDB and RocksDB: asked for like a compaction, stopped like one, not forgotten.
 */
#include "cmtstore/compactor_background.h"

#include "files.h"
#include "must.h"
#include "suite.h"

#include <check.h>

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef enum engine { LEVELDB, ROCKSDB, MEMORY } engine;

#define PAIRS 400
#define VALUE_BYTES 20000

static char *top;
static cmt_db *blocks;
static cmt_db *states;
static cmt_compact_flight *flight;
static cmt_compactor *compactor;

static cmt_db *open_db(engine which, const char *name)
{
    cmt_db *db;
    char *dir = files_path(top, name);
    const cmt_db_open_options options = {
        .engine = which == ROCKSDB ? CMT_ENGINE_ROCKSDB : CMT_ENGINE_CLEVELDB,
        .create = true,
        .only_asked_compactions = true,
    };
    MUST(which == MEMORY ? cmt_db_open_memory(&db, &error)
                         : cmt_db_open(dir, &options, &db, &error));
    free(dir);
    return db;
}

static void key_of(unsigned i, char key[16])
{
    snprintf(key, 16, "P:%06u", i);
}

static void fill(cmt_db *db)
{
    static uint8_t value[VALUE_BYTES];
    cmt_db_batch *batch;
    char key[16];
    MUST(cmt_db_batch_new(&batch, &error));
    for (unsigned i = 0; i < PAIRS; i++) {
        memset(value, (int)(i % 251), sizeof value);
        key_of(i, key);
        MUST(cmt_db_batch_put(batch, (cmt_slice){(uint8_t *)key, strlen(key)},
                              (cmt_slice){value, sizeof value}, &error));
    }
    MUST(cmt_db_write(db, batch, true, &error));
    cmt_db_batch_free(batch);
    MUST(cmt_db_flush(db, &error));
}

static void expect_all(cmt_db *db)
{
    cmt_buf value = CMT_BUF_INIT;
    char key[16];
    for (unsigned i = 0; i < PAIRS; i++) {
        key_of(i, key);
        MUST(cmt_db_get(db, (cmt_slice){(uint8_t *)key, strlen(key)}, &value, &error));
        ck_assert_uint_eq(value.size, VALUE_BYTES);
        ck_assert_uint_eq(value.data[VALUE_BYTES - 1], i % 251);
    }
    cmt_buf_free(&value);
}

static void open_all(engine which)
{
    top = files_temp();
    blocks = open_db(which, "blockstore.db");
    states = open_db(which, "state.db");
    fill(blocks);
    const cmt_compactor_target target = {.blockstore = blocks, .state = states};
    MUST(cmt_compact_flight_new(&target, NULL, &flight, &error));
    compactor = NULL;
}

static void close_all(void)
{
    cmt_compactor_stop(compactor);
    cmt_status st = cmt_compactor_join(compactor, -1, NULL, &error);
    ck_assert(st == CMT_OK || st == CMT_NOT_FOUND);
    cmt_compactor_free(&compactor);
    ck_assert(!cmt_compact_flight_is_taken(flight));
    cmt_compact_flight_free(flight);
    MUST(cmt_db_shutdown(&blocks, 0, &error));
    MUST(cmt_db_shutdown(&states, 0, &error));
    files_remove(top);
}

static void start(const cmt_compactor_options *options)
{
    MUST(cmt_compactor_new(flight, options, &compactor, &error));
    MUST(cmt_compactor_start(compactor, &error));
}

static uint64_t rewrites_wanted(void)
{
    return cmt_compact_flight_counts(flight).rewrites_wanted;
}

static const cmt_compaction_request rewrite = {
    .kind = CMT_COMPACT_KIND_REWRITE, .databases = CMT_COMPACT_BLOCKSTORE, .deleted_keys = 5};

/* ---- cases ------------------------------------------------------------------------------- */

START_TEST(a_rewrite_does_all_that_is_remembered)
{
    cmt_range_list list = {NULL, 0, 0};
    cmt_compact_report report;
    open_all((engine)_i);
    MUST(cmt_range_list_add(&list, CMT_SLICE("P:000001"), CMT_SLICE("P:000100")));
    cmt_compact_flight_remember(flight, &(cmt_compaction_request){.blockstore = &list});
    cmt_range_list_free(&list);
    MUST(cmt_compact_now(flight, &rewrite, NULL, &report, &error));
    ck_assert_int_eq(report.blockstore.outcome, CMT_COMPACT_FINISHED);
    ck_assert_int_eq(report.blockstore.kind, CMT_COMPACT_KIND_REWRITE);
    ck_assert_uint_eq(report.blockstore.slices, 1);
    ck_assert_uint_gt(report.blockstore.bytes_after, 0);
    ck_assert_int_eq(report.state.outcome, CMT_COMPACT_NONE);
    ck_assert_uint_eq(rewrites_wanted(), 0);
    ck_assert_uint_eq(cmt_compact_flight_counts(flight).remembered_blockstore, 0);
    if (_i != MEMORY)
        ck_assert(files_exist(top, "blockstore.db.old"));
    expect_all(blocks);
    close_all();
}
END_TEST

static bool stop_at_once(void *context, const cmt_progress *progress)
{
    *(uint64_t *)context += progress->bytes;
    return true;
}

START_TEST(one_that_is_stopped_is_wanted_still)
{
    uint64_t reports = 0;
    const cmt_progress_hook hook = {stop_at_once, &reports};
    const cmt_compact_options options = {.progress = &hook};
    cmt_compact_report report;
    open_all((engine)_i);
    ck_assert_int_eq(cmt_compact_now(flight, &rewrite, &options, &report, &error), CMT_CANCELLED);
    ck_assert_uint_gt(reports, 0);
    ck_assert_int_eq(report.blockstore.outcome, CMT_COMPACT_STOPPED);
    ck_assert_uint_eq(rewrites_wanted(), 1);
    MUST(cmt_compact_now(flight, NULL, NULL, &report, &error)); /* of ranges: there are none */
    ck_assert_uint_eq(rewrites_wanted(), 1);
    MUST(cmt_compact_now(flight, &rewrite, NULL, &report, &error));
    ck_assert_uint_eq(rewrites_wanted(), 0);
    expect_all(blocks);
    close_all();
}
END_TEST

START_TEST(one_that_found_no_room_in_the_queue_is_found_by_a_poll)
{
    const cmt_compactor_options options = {.poll_ns = 1};
    cmt_compact_result result;
    open_all((engine)_i);
    cmt_compact_flight_remember(flight, &rewrite);
    start(&options);
    while (rewrites_wanted() > 0 || cmt_compact_flight_is_taken(flight))
        sched_yield();
    ck_assert_uint_eq(cmt_compactor_results(compactor, &result, 1), 1);
    ck_assert_int_eq(result.kind, CMT_COMPACT_KIND_REWRITE);
    ck_assert_int_eq(result.outcome, CMT_COMPACT_FINISHED);
    expect_all(blocks);
    close_all();
}
END_TEST

START_TEST(a_replica_is_never_rewritten)
{
    cmt_compactor_options options = {.schedule = {.role = CMT_ROLE_REPLICA}};
    open_all(MEMORY);
    start(&options);
    ck_assert_int_eq(cmt_compactor_try_enqueue(compactor, &rewrite), CMT_ENQUEUE_DISABLED);
    cmt_compactor_stop(compactor);
    MUST(cmt_compactor_join(compactor, -1, NULL, &error));
    cmt_compactor_free(&compactor);
    options.schedule.role = CMT_ROLE_ARCHIVE;
    start(&options);
    ck_assert_int_eq(cmt_compactor_try_enqueue(compactor, &rewrite), CMT_ENQUEUED);
    close_all();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("compactor_rewrite");
    TCase *tc = tcase_create("compactor_rewrite");
    tcase_set_timeout(tc, 60);
    tcase_add_loop_test(tc, a_rewrite_does_all_that_is_remembered, LEVELDB, MEMORY + 1);
    tcase_add_loop_test(tc, one_that_is_stopped_is_wanted_still, LEVELDB, MEMORY + 1);
    tcase_add_loop_test(tc, one_that_found_no_room_in_the_queue_is_found_by_a_poll, LEVELDB,
                        MEMORY + 1);
    tcase_add_test(tc, a_replica_is_never_rewritten);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
