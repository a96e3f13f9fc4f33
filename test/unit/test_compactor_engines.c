/* SPDX-License-Identifier: Apache-2.0
 *
 * The compactor on LevelDB, RocksDB and memory: space comes back, a stop and a budget end it early, one engine's
 * failure leaves the other compacted, and no pair changes.
 */
#include "cmtstore/compactor_fallback.h"
#include "files.h"
#include "rng.h"
#include "suite.h"

#include <check.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define MIB ((size_t)1 << 20)
#define SLICE (2 * MIB)
#define VALUE_BYTES 8000
#define BLOCKS 2000 /* 16 MB */
#define LIVE 1600   /* the first that stays */
#define STATES 400

typedef enum engine { LEVELDB, ROCKSDB, MEMORY } engine;

static char *top;
static cmt_db *blocks;
static cmt_db *states;
static cmt_compact_flight *flight;
static cmt_error err;

static void must(cmt_status st)
{
    ck_assert_msg(st == CMT_OK, "%s: %s", cmt_status_text(st), err.message);
}

static cmt_db *open_db(engine which, const char *name)
{
    cmt_db *db;
    char *dir = files_path(top, name);
    const cmt_db_open_options options = {
        .engine = which == ROCKSDB ? CMT_ENGINE_ROCKSDB : CMT_ENGINE_CLEVELDB,
        .create = true,
        .write_buffer_bytes = MIB,
        .only_asked_compactions = true,
    };
    must(which == MEMORY ? cmt_db_open_memory(&db, &err) : cmt_db_open(dir, &options, &db, &err));
    free(dir);
    return db;
}

static void open_flight(void)
{
    const cmt_compactor_target target = {.blockstore = blocks, .state = states};
    const cmt_compact_flight_options options = {.slice_bytes = SLICE};
    must(cmt_compact_flight_new(&target, &options, &flight, &err));
}

static void open_all(engine which)
{
    err = (cmt_error)CMT_ERROR_INIT;
    top = files_temp();
    blocks = open_db(which, "blockstore.db");
    states = open_db(which, "state.db");
    open_flight();
}

static void close_all(void)
{
    ck_assert(!cmt_compact_flight_is_taken(flight));
    cmt_compact_flight_free(flight);
    cmt_db_close(blocks);
    cmt_db_close(states);
    files_remove(top);
}

/* ---- pairs ----------------------------------------------------------------------------------- */

static cmt_slice key_of(unsigned i)
{
    static _Thread_local char keys[4][16];
    static _Thread_local unsigned next;
    char *key = keys[next++ % 4];
    snprintf(key, sizeof keys[0], "P:%06u", i);
    return (cmt_slice){(const uint8_t *)key, strlen(key)};
}

/* Incompressible, and another one in each round. */
static cmt_slice value_of(unsigned i, unsigned round)
{
    static uint8_t value[VALUE_BYTES];
    rng r = {(uint64_t)i << 8 | round};
    for (size_t at = 0; at < sizeof value; at += 8) {
        uint64_t bits = rng_next(&r);
        memcpy(value + at, &bits, 8);
    }
    return (cmt_slice){value, sizeof value};
}

static void write_batch(cmt_db *db, cmt_db_batch *batch)
{
    must(cmt_db_write(db, batch, false, &err));
    cmt_db_batch_clear(batch);
}

static void put_all(cmt_db *db, unsigned count, unsigned round)
{
    cmt_db_batch *batch;
    must(cmt_db_batch_new(&batch, &err));
    for (unsigned i = 0; i < count; i++) {
        must(cmt_db_batch_put(batch, key_of(i), value_of(i, round), &err));
        if (i % 50 == 49)
            write_batch(db, batch);
    }
    write_batch(db, batch);
    cmt_db_batch_free(batch);
    must(cmt_db_flush(db, &err));
}

/* As prunes do it: a little at a time, so that no table of deletions spans everything. */
static void delete_below(cmt_db *db, unsigned end)
{
    cmt_db_batch *batch;
    must(cmt_db_batch_new(&batch, &err));
    for (unsigned i = 0; i < end; i++) {
        must(cmt_db_batch_delete(batch, key_of(i), &err));
        if (i % (LIVE / 8) != LIVE / 8 - 1)
            continue;
        write_batch(db, batch);
        must(cmt_db_flush(db, &err));
    }
    write_batch(db, batch);
    cmt_db_batch_free(batch);
}

/* Exactly the pairs of [from,count) are there, with the values of `round`. */
static void expect_pairs(cmt_db *db, unsigned from, unsigned count, unsigned round)
{
    cmt_db_iter *iter;
    must(cmt_db_iter_new(db, NULL, &iter, &err));
    cmt_status st = cmt_db_iter_first(iter, &err);
    for (unsigned i = from; i < count; i++) {
        must(st);
        ck_assert(cmt_slice_equal(cmt_db_iter_key(iter), key_of(i)));
        ck_assert(cmt_slice_equal(cmt_db_iter_value(iter), value_of(i, round)));
        st = cmt_db_iter_next(iter, &err);
    }
    ck_assert_int_eq(st, CMT_NOT_FOUND);
    cmt_db_iter_free(iter);
}

/* What a prune leaves. */
static void prune(void)
{
    put_all(blocks, BLOCKS, 0);
    put_all(states, STATES, 0);
    delete_below(blocks, LIVE);
    delete_below(states, LIVE / 5);
}

static cmt_status compact_pruned(const cmt_compact_options *options, cmt_compact_report *report)
{
    cmt_range_list list = {NULL, 0, 0};
    must(cmt_range_list_add(&list, key_of(0), key_of(LIVE)));
    const cmt_compaction_request request = {
        .label = CMT_COMPACT_LABEL_PRUNE, .blockstore = &list, .state = &list};
    cmt_status st = cmt_compact_now(flight, &request, options, report, &err);
    cmt_range_list_free(&list);
    return st;
}

static void expect_space_back(engine which, const cmt_compact_result *result)
{
    if (which == MEMORY)
        return;
    ck_assert_uint_le(result->bytes_after, (BLOCKS - LIVE) * VALUE_BYTES * 3 / 2);
    cmt_db_stats stats;
    uint64_t bytes = 0;
    must(cmt_db_get_stats(blocks, &stats, &err));
    for (size_t level = 0; level < CMT_DB_LEVELS; level++)
        bytes += stats.table_bytes[level];
    ck_assert_uint_eq(bytes + stats.log_bytes, result->bytes_after);
}

/* ---- cases ----------------------------------------------------------------------------------- */

START_TEST(space_comes_back_and_no_pair_changes)
{
    cmt_compact_report report;
    open_all((engine)_i);
    prune();
    must(compact_pruned(NULL, &report));
    ck_assert_int_eq(report.blockstore.outcome, CMT_COMPACT_FINISHED);
    ck_assert_int_eq(report.state.outcome, CMT_COMPACT_FINISHED);
    if (_i != MEMORY) {
        ck_assert_uint_ge(report.blockstore.bytes_before, (uint64_t)BLOCKS * VALUE_BYTES);
        ck_assert_uint_ge(report.blockstore.slices, 2);
        ck_assert_uint_gt(report.state.bytes_before, report.state.bytes_after);
        ck_assert(report.blockstore.dead_before > 0.7 && report.blockstore.dead_before <= 1);
        ck_assert_double_eq(report.blockstore.dead_after, 0);
    }
    if (_i == ROCKSDB) { /* which counts what its tables hold */
        ck_assert_uint_ge(report.blockstore.keys_reclaimed, LIVE);
        ck_assert_uint_ge(report.blockstore.tombstones_merged, LIVE / 2);
    }
    expect_space_back((engine)_i, &report.blockstore);
    expect_pairs(blocks, LIVE, BLOCKS, 0);
    expect_pairs(states, LIVE / 5, STATES, 0);
    close_all();
}
END_TEST

/* Lets the stopping thread go when the slice behind the second report begins. */
static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    unsigned reports;
} host = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0};

static bool count_report(void *context, const cmt_progress *progress)
{
    (void)context;
    (void)progress;
    pthread_mutex_lock(&host.lock);
    host.reports++;
    pthread_cond_broadcast(&host.changed);
    pthread_mutex_unlock(&host.lock);
    return false;
}

static void *stop_after_two(void *argument)
{
    unsigned *reports = argument;
    pthread_mutex_lock(&host.lock);
    while (host.reports < 2)
        pthread_cond_wait(&host.changed, &host.lock);
    pthread_mutex_unlock(&host.lock);
    cmt_compact_flight_stop(flight);
    pthread_mutex_lock(&host.lock);
    *reports = host.reports;
    pthread_mutex_unlock(&host.lock);
    return NULL;
}

START_TEST(a_stop_from_another_thread_ends_it_within_a_slice)
{
    const cmt_progress_hook hook = {count_report, NULL};
    const cmt_compact_options options = {.progress = &hook};
    cmt_compact_report report;
    pthread_t thread;
    unsigned reports_at_stop = 0;
    host.reports = 0;
    open_all((engine)_i);
    prune();
    ck_assert_int_eq(pthread_create(&thread, NULL, stop_after_two, &reports_at_stop), 0);
    cmt_status st = compact_pruned(&options, &report);
    pthread_join(thread, NULL);
    if (_i != MEMORY)
        ck_assert_int_eq(st, CMT_CANCELLED);
    ck_assert_uint_le(host.reports, reports_at_stop + 1);
    expect_pairs(blocks, LIVE, BLOCKS, 0);
    ck_assert_int_eq(cmt_compact_now(flight, NULL, NULL, &report, &err), CMT_CANCELLED);
    cmt_compact_flight_resume(flight);
    must(cmt_compact_now(flight, NULL, NULL, &report, &err));
    if (_i != MEMORY)
        ck_assert_int_eq(report.blockstore.outcome, CMT_COMPACT_FINISHED);
    expect_space_back((engine)_i, &report.blockstore);
    expect_pairs(blocks, LIVE, BLOCKS, 0);
    close_all();
}
END_TEST

START_TEST(a_budget_leaves_a_rest_that_the_next_calls_finish)
{
    const cmt_compact_fallback fallback = {.policy = CMT_COMPACT_BOUNDED, .budget_ns = 1000};
    cmt_compact_report report;
    unsigned calls = 0;
    open_all((engine)_i);
    prune();
    cmt_range_list list = {NULL, 0, 0};
    must(cmt_range_list_add(&list, key_of(0), key_of(LIVE)));
    const cmt_compaction_request request = {.blockstore = &list, .deleted_keys = LIVE};
    must(cmt_compact_fallback_run(flight, &fallback, &request, &report, &err));
    cmt_range_list_free(&list);
    while (report.blockstore.outcome == CMT_COMPACT_PARTLY) {
        ck_assert_uint_eq(report.blockstore.slices, 1);
        ck_assert_uint_lt(++calls, 2000);
        must(cmt_compact_fallback_run(flight, &fallback, NULL, &report, &err));
    }
    ck_assert_int_eq(report.blockstore.outcome, CMT_COMPACT_FINISHED);
    if (_i != MEMORY)
        ck_assert_uint_ge(calls, 1);
    expect_space_back((engine)_i, &report.blockstore);
    expect_pairs(blocks, LIVE, BLOCKS, 0);
    close_all();
}
END_TEST

/* Both engines name their files by path: without its directory a database cannot write. */
static void move_dir(const char *from, const char *to)
{
    char *old = files_path(top, from);
    char *new = files_path(top, to);
    ck_assert_int_eq(rename(old, new), 0);
    free(old);
    free(new);
}

START_TEST(an_engine_that_fails_leaves_the_other_compacted)
{
    cmt_compact_report report;
    open_all((engine)_i);
    prune();
    move_dir("state.db", "elsewhere");
    ck_assert_int_ne(compact_pruned(NULL, &report), CMT_OK);
    move_dir("elsewhere", "state.db");
    ck_assert_ptr_eq(strstr(err.message, "state: "), err.message);
    ck_assert_int_eq(report.state.outcome, CMT_COMPACT_FAILED);
    ck_assert_int_eq(report.state.status, CMT_IO);
    ck_assert_int_eq(report.blockstore.outcome, CMT_COMPACT_FINISHED);
    expect_space_back((engine)_i, &report.blockstore);
    ck_assert_uint_gt(cmt_compact_flight_counts(flight).remembered_state, 0);
    ck_assert_uint_eq(cmt_compact_flight_counts(flight).remembered_blockstore, 0);
    ck_assert(!cmt_compact_flight_is_taken(flight));
    cmt_compact_flight_free(flight);
    cmt_db_close(states);
    states = open_db((engine)_i, "state.db");
    open_flight();
    expect_pairs(states, LIVE / 5, STATES, 0);
    must(compact_pruned(NULL, &report));
    expect_pairs(states, LIVE / 5, STATES, 0);
    close_all();
}
END_TEST

/* ---- threads --------------------------------------------------------------------------------- */

static void *compact_often(void *argument)
{
    unsigned *busy = argument;
    for (unsigned i = 0; i < 4; i++) {
        cmt_range_list list = {NULL, 0, 0};
        cmt_error own = CMT_ERROR_INIT;
        ck_assert_int_eq(cmt_range_list_add(&list, key_of(0), (cmt_slice){NULL, 0}), CMT_OK);
        const cmt_compaction_request request = {.blockstore = &list, .state = &list};
        cmt_status st = cmt_compact_now(flight, &request, NULL, NULL, &own);
        ck_assert_msg(st == CMT_OK || st == CMT_BUSY || st == CMT_CANCELLED, "%s", own.message);
        *busy += st == CMT_BUSY;
        cmt_range_list_free(&list);
    }
    return NULL;
}

START_TEST(threads_that_compact_stop_and_write_disturb_nobody)
{
    pthread_t threads[3];
    unsigned busy[3] = {0};
    open_all((engine)_i);
    put_all(blocks, STATES, 0);
    for (size_t i = 0; i < 3; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, compact_often, &busy[i]), 0);
    put_all(states, STATES, 0);
    cmt_compact_flight_stop(flight);
    put_all(states, STATES, 1);
    cmt_compact_flight_resume(flight);
    for (size_t i = 0; i < 3; i++)
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
    must(cmt_compact_now(flight, NULL, NULL, NULL, &err));
    ck_assert_uint_eq(cmt_compact_flight_counts(flight).busy, busy[0] + busy[1] + busy[2]);
    ck_assert_uint_eq(cmt_compact_flight_counts(flight).remembered_blockstore, 0);
    expect_pairs(blocks, 0, STATES, 0);
    expect_pairs(states, 0, STATES, 1);
    close_all();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("compactor_engines");
    TCase *tc = tcase_create("engines");
    tcase_set_timeout(tc, 60);
    tcase_add_loop_test(tc, space_comes_back_and_no_pair_changes, LEVELDB, MEMORY + 1);
    tcase_add_loop_test(tc, a_stop_from_another_thread_ends_it_within_a_slice, LEVELDB, MEMORY);
    tcase_add_loop_test(tc, a_budget_leaves_a_rest_that_the_next_calls_finish, LEVELDB, MEMORY + 1);
    tcase_add_loop_test(tc, an_engine_that_fails_leaves_the_other_compacted, LEVELDB, MEMORY);
    tcase_add_loop_test(tc, threads_that_compact_stop_and_write_disturb_nobody, LEVELDB,
                        MEMORY + 1);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
