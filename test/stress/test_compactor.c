/* SPDX-License-Identifier: Apache-2.0
 *
 * Everybody at once on one pair of databases: 4 threads enqueue, 2 compact, one saves, two read, one prunes, one stops and
 * restarts the compactor.  Never two compactions at a time, nothing that was asked for lost, no pair changed.
 *
 * NOTHING LOST  a place (two bytes of a key) counts as done by a compaction that began after the place was last asked for.
 *
 * Argument: memory (compactions are slow and fail now and then), leveldb or rocksdb.
 */
#include "cmtstore/compactor_background.h"

#include "clock.h"
#include "files.h"
#include "must.h"
#include "rng.h"
#include "suite.h"

#include <check.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PLACES 4096
#define VALUE_BYTES 2000
#define PAIRS_OF_PLACE 4
#define KEPT 500 /* places between what is saved and what is pruned */
#define MS INT64_C(1000000)

static char *backend;
static bool is_memory;
static char *top;
static cmt_db *dbs[2]; /* state, block store */
static cmt_compact_flight *flight;
static cmt_compactor *compactor;
static atomic_bool is_over;

static uint64_t rng_below(rng *r, uint64_t end)
{
    return rng_next(r) % end;
}

/* ---- what was asked for and done -------------------------------------------------------------- */

static atomic_ulong ticks;
static atomic_int inside;
static atomic_ulong compactions;
static _Atomic uint64_t asked[2][PLACES];
static uint64_t done[2][PLACES]; /* by whoever is inside */
static uint64_t half_done[2][PLACES];

static void key_of_place(unsigned place, uint8_t key[2])
{
    key[0] = (uint8_t)(place >> 8);
    key[1] = (uint8_t)place;
}

static unsigned place_of(cmt_slice key, unsigned none)
{
    if (key.size == 0)
        return none;
    unsigned place = (unsigned)key.data[0] << 8 | (key.size > 1 ? key.data[1] : 0U);
    return place < PLACES ? place : PLACES;
}

static void ask(size_t db, unsigned lo, unsigned hi)
{
    for (unsigned place = lo; place < hi; place++)
        atomic_store(&asked[db][place], atomic_fetch_add(&ticks, 1));
}

/* A place is done when all its keys are.  One that a slice ends in is done with the slice that begins there, as of the
 * first of the two. */
static void note_done(size_t db, cmt_range range, uint64_t began)
{
    unsigned lo = place_of(range.lo, 0);
    unsigned hi = place_of(range.hi, PLACES);
    if (range.lo.size > 2 && lo < hi) {
        done[db][lo] = half_done[db][lo];
        lo++;
    } else if (range.lo.size > 2) {
        return; /* from one cut to another within a place */
    }
    for (unsigned place = lo; place < hi; place++)
        done[db][place] = began;
    if (range.hi.size > 2 && hi < PLACES)
        half_done[db][hi] = began;
}

static cmt_status compact(void *context, cmt_db *db, cmt_range range, cmt_error *err)
{
    static rng r = {99};
    (void)context;
    const uint64_t began = atomic_fetch_add(&ticks, 1);
    ck_assert_msg(atomic_fetch_add(&inside, 1) == 0, "two compactions at once");
    uint64_t dice = rng_below(&r, 8);
    cmt_status st = cmt_db_compact_range(db, range, err);
    if (is_memory && st == CMT_OK && dice == 0)
        st = cmt_error_set(err, CMT_IO, "it fails now and then");
    if (is_memory && dice < 4)
        usleep((useconds_t)(dice * 500));
    if (st == CMT_OK)
        note_done(db == dbs[1], range, began);
    atomic_fetch_add(&compactions, 1);
    ck_assert_int_eq(atomic_fetch_sub(&inside, 1), 1);
    return st;
}

static void expect_nothing_lost(void)
{
    const cmt_compact_counts counts = cmt_compact_flight_counts(flight);
    ck_assert_uint_eq(counts.remembered_blockstore, 0);
    ck_assert_uint_eq(counts.remembered_state, 0);
    for (size_t db = 0; db < 2; db++)
        for (unsigned place = 0; place < PLACES; place++)
            ck_assert_msg(done[db][place] >= asked[db][place],
                          "place %u of database %zu was asked for at %lu, compacted at %lu", place,
                          db, (unsigned long)asked[db][place], (unsigned long)done[db][place]);
}

/* ---- those who ask ---------------------------------------------------------------------------- */

static void make_request(rng *r, cmt_range_list lists[2], cmt_compaction_request *request)
{
    static const char *const labels[] = {CMT_COMPACT_LABEL_PRUNE, CMT_COMPACT_LABEL_MANUAL, "x",
                                         "y"};
    memset(lists, 0, 2 * sizeof *lists);
    for (size_t db = 0; db < 2; db++) {
        uint8_t lo[2];
        uint8_t hi[2];
        unsigned from = (unsigned)rng_below(r, PLACES - 64);
        unsigned to = from + 1 + (unsigned)rng_below(r, 63);
        if (rng_below(r, 3) == 0)
            continue;
        key_of_place(from, lo);
        key_of_place(to, hi);
        ck_assert_int_eq(cmt_range_list_add(&lists[db], (cmt_slice){lo, 2}, (cmt_slice){hi, 2}),
                         CMT_OK);
        ask(db, from, to);
    }
    *request = (cmt_compaction_request){
        .label = labels[rng_below(r, 4)],
        .state = &lists[0],
        .blockstore = &lists[1],
        .deleted_keys = 1,
    };
}

static void *enqueue_often(void *argument)
{
    rng r = {*(uint64_t *)argument};
    while (!atomic_load(&is_over)) {
        cmt_range_list lists[2];
        cmt_compaction_request request;
        make_request(&r, lists, &request);
        cmt_enqueue_result result = cmt_compactor_try_enqueue(compactor, &request);
        ck_assert(result <= CMT_ENQUEUE_STOPPED);
        cmt_range_list_free(&lists[0]);
        cmt_range_list_free(&lists[1]);
        usleep((useconds_t)rng_below(&r, 1000));
    }
    return NULL;
}

static void *compact_often(void *argument)
{
    rng r = {*(uint64_t *)argument};
    while (!atomic_load(&is_over)) {
        cmt_range_list lists[2];
        cmt_compaction_request request;
        cmt_error own = CMT_ERROR_INIT;
        const cmt_compact_options options = {.wait_ns = (int64_t)rng_below(&r, 3) * MS};
        make_request(&r, lists, &request);
        cmt_status st = cmt_compact_now(flight, &request, &options, NULL, &own);
        ck_assert_msg(st == CMT_OK || st == CMT_BUSY || st == CMT_CANCELLED ||
                          (is_memory && st == CMT_IO),
                      "%s", own.message);
        cmt_range_list_free(&lists[0]);
        cmt_range_list_free(&lists[1]);
        usleep((useconds_t)rng_below(&r, 3000));
    }
    return NULL;
}

/* ---- those who write and read ------------------------------------------------------------------ */

static atomic_uint saved; /* places [pruned,saved) are there, round and round */
static atomic_uint pruned;

static size_t key_of_pair(unsigned place, unsigned pair, uint8_t key[3])
{
    key_of_place(place % PLACES, key);
    key[2] = (uint8_t)pair;
    return 3;
}

/* A value says whose it is. */
static void fill_value(uint8_t *value, unsigned place, unsigned pair)
{
    rng r = {(uint64_t)place << 8 | pair};
    for (size_t at = 0; at < VALUE_BYTES; at += 8) {
        uint64_t bits = at == 0 ? place : rng_next(&r);
        memcpy(value + at, &bits, 8);
    }
}

static void change_place(unsigned place, bool put)
{
    uint8_t value[VALUE_BYTES];
    uint8_t key[3];
    cmt_error own = CMT_ERROR_INIT;
    cmt_db_batch *batch;
    ck_assert_int_eq(cmt_db_batch_new(&batch, &own), CMT_OK);
    for (unsigned pair = 0; pair < PAIRS_OF_PLACE; pair++) {
        const cmt_slice k = {key, key_of_pair(place, pair, key)};
        fill_value(value, place, pair);
        cmt_status st = put ? cmt_db_batch_put(batch, k, (cmt_slice){value, sizeof value}, &own)
                            : cmt_db_batch_delete(batch, k, &own);
        ck_assert_int_eq(st, CMT_OK);
    }
    for (size_t db = 0; db < 2; db++)
        ck_assert_msg(cmt_db_write(dbs[db], batch, false, &own) == CMT_OK, "%s", own.message);
    cmt_db_batch_free(batch);
}

static void *save_often(void *argument)
{
    while (!atomic_load(&is_over)) {
        if (atomic_load(&saved) - atomic_load(&pruned) > PLACES / 2) {
            usleep(1000); /* keys come round again */
            continue;
        }
        cmt_compact_flight_note_write(flight);
        change_place(atomic_load(&saved), true);
        atomic_fetch_add(&saved, 1);
        usleep(200);
    }
    return argument;
}

static void enqueue_pruned(unsigned from, unsigned to)
{
    cmt_range_list list = {NULL, 0, 0};
    uint8_t lo[2];
    uint8_t hi[2];
    unsigned end = to % PLACES > from % PLACES ? to % PLACES : PLACES;
    key_of_place(from % PLACES, lo);
    key_of_place(end, hi);
    ck_assert_int_eq(cmt_range_list_add(&list, (cmt_slice){lo, 2}, (cmt_slice){hi, 2}), CMT_OK);
    ask(0, from % PLACES, end);
    ask(1, from % PLACES, end);
    const cmt_compaction_request request = {.label = CMT_COMPACT_LABEL_PRUNE,
                                            .state = &list,
                                            .blockstore = &list,
                                            .deleted_keys = to - from};
    cmt_compactor_try_enqueue(compactor, &request);
    cmt_range_list_free(&list);
}

static void *prune_often(void *argument)
{
    while (!atomic_load(&is_over)) {
        unsigned from = atomic_load(&pruned);
        unsigned to = from;
        for (; to + KEPT < atomic_load(&saved) && to < from + 50; to++) {
            atomic_fetch_add(&pruned, 1);
            change_place(to, false);
        }
        if (to > from)
            enqueue_pruned(from, to);
        usleep(5000);
    }
    return argument;
}

/* A pair that is there now and was before has the value of its place, whatever goes on. */
static void read_place(unsigned place, cmt_buf *value)
{
    uint8_t expected[VALUE_BYTES];
    uint8_t key[3];
    cmt_error own = CMT_ERROR_INIT;
    for (unsigned pair = 0; pair < PAIRS_OF_PLACE; pair++) {
        const cmt_slice k = {key, key_of_pair(place, pair, key)};
        cmt_status st = cmt_db_get(dbs[pair % 2], k, value, &own);
        if (atomic_load(&pruned) > place)
            return;
        ck_assert_msg(st == CMT_OK, "place %u: %s", place, own.message);
        fill_value(expected, place, pair);
        ck_assert_uint_eq(value->size, VALUE_BYTES);
        ck_assert_int_eq(memcmp(value->data, expected, VALUE_BYTES), 0);
    }
}

static void *read_often(void *argument)
{
    rng r = {*(uint64_t *)argument};
    cmt_buf value = CMT_BUF_INIT;
    while (!atomic_load(&is_over)) {
        unsigned from = atomic_load(&pruned);
        unsigned to = atomic_load(&saved);
        if (to > from)
            read_place(from + (unsigned)rng_below(&r, to - from), &value);
        usleep(100);
    }
    cmt_buf_free(&value);
    return NULL;
}

/* ---- one who stops and restarts ----------------------------------------------------------------- */

static int64_t longest_stop_ns;
static int64_t longest_join_ns;
static unsigned stops;

static void longest(int64_t *most, int64_t since)
{
    int64_t ns = cmt_clock_ns() - since;
    *most = ns > *most ? ns : *most;
}

static void *stop_often(void *argument)
{
    rng r = {*(uint64_t *)argument};
    cmt_error own = CMT_ERROR_INIT;
    while (!atomic_load(&is_over)) {
        usleep((useconds_t)rng_below(&r, 30000));
        const int64_t since = cmt_clock_ns();
        ck_assert_int_eq(cmt_compactor_stop(compactor), CMT_OK);
        longest(&longest_stop_ns, since);
        ck_assert_int_eq(cmt_compactor_join(compactor, -1, NULL, &own), CMT_OK);
        longest(&longest_join_ns, since);
        ck_assert_int_eq(cmt_compactor_start(compactor, &own), CMT_OK);
        stops++;
    }
    return NULL;
}

/* ---- all together -------------------------------------------------------------------------------- */

static cmt_db *open_db(const char *name)
{
    cmt_db *db;
    char *dir = files_path(top, name);
    const cmt_db_open_options options = {
        .engine = strcmp(backend, "rocksdb") == 0 ? CMT_ENGINE_ROCKSDB : CMT_ENGINE_CLEVELDB,
        .create = true,
        .write_buffer_bytes = (size_t)1 << 20,
    };
    MUST(is_memory ? cmt_db_open_memory(&db, &error) : cmt_db_open(dir, &options, &db, &error));
    free(dir);
    return db;
}

static void open_all(void)
{
    is_memory = strcmp(backend, "memory") == 0;
    top = files_temp();
    dbs[0] = open_db("state.db");
    dbs[1] = open_db("blockstore.db");
    const cmt_compactor_target target = {.state = dbs[0], .blockstore = dbs[1]};
    const cmt_compact_flight_options options = {.slice_bytes = (size_t)256 << 10,
                                                .compact = compact};
    MUST(cmt_compact_flight_new(&target, &options, &flight, &error));
    const cmt_compactor_options how = {
        .queue_size = 2,
        .pause_ns = MS / 10,
        .poll_ns = MS,
        .schedule = {.retry_ns = MS, .interval_ns = MS / 2},
    };
    MUST(cmt_compactor_new(flight, &how, &compactor, &error));
    MUST(cmt_compactor_start(compactor, &error));
}

static void close_all(void)
{
    MUST(cmt_db_shutdown(&dbs[0], 60 * 1000 * MS, &error)); /* stops the worker, if it runs */
    MUST(cmt_db_shutdown(&dbs[1], 60 * 1000 * MS, &error));
    ck_assert_int_eq(cmt_compactor_free(&compactor), CMT_OK);
    cmt_compact_flight_free(flight);
    files_remove(top);
}

typedef void *thread_body(void *);

static thread_body *const bodies[] = {
    enqueue_often, enqueue_often, enqueue_often, enqueue_often, compact_often, compact_often,
    save_often,    read_often,    read_often,    prune_often,   stop_often,
};
#define THREADS (sizeof bodies / sizeof bodies[0])

static void run_all(unsigned seconds)
{
    pthread_t threads[THREADS];
    uint64_t seeds[THREADS];
    for (size_t i = 0; i < THREADS; i++) {
        seeds[i] = 1000 + i;
        ck_assert_int_eq(pthread_create(&threads[i], NULL, bodies[i], &seeds[i]), 0);
    }
    sleep(seconds);
    atomic_store(&is_over, true);
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
}

/* What is still remembered, and the failures that were planted. */
static void finish(void)
{
    cmt_compactor_stop(compactor);
    MUST(cmt_compactor_join(compactor, -1, NULL, &error));
    cmt_status st = CMT_IO;
    for (int tries = 0; st != CMT_OK && tries < 1000; tries++)
        st = cmt_compact_now(flight, NULL, NULL, NULL, &error);
    MUST(st);
}

static void expect_pairs(cmt_db *db)
{
    cmt_db_iter *iter;
    unsigned count = 0;
    MUST(cmt_db_iter_new(db, NULL, &iter, &error));
    cmt_status st = cmt_db_iter_first(iter, &error);
    for (; st == CMT_OK; st = cmt_db_iter_next(iter, &error))
        count++;
    ck_assert_int_eq(st, CMT_NOT_FOUND);
    cmt_db_iter_free(iter);
    ck_assert_uint_eq(count, (atomic_load(&saved) - atomic_load(&pruned)) * PAIRS_OF_PLACE);
    cmt_buf value = CMT_BUF_INIT;
    for (unsigned place = atomic_load(&pruned); place < atomic_load(&saved); place++)
        read_place(place, &value);
    cmt_buf_free(&value);
}

START_TEST(everybody_at_once)
{
    open_all();
    run_all(getenv("CMT_TEST_FULL") != NULL ? 60 : 2);
    finish();
    expect_nothing_lost();
    expect_pairs(dbs[0]);
    expect_pairs(dbs[1]);
    cmt_compactor_stats stats;
    ck_assert_int_eq(cmt_compactor_get_stats(compactor, &stats), CMT_OK);
    printf("%s: %lu compactions, %u stops; longest stop %.1f ms, with join %.1f ms; %lu enqueued, "
           "%lu coalesced, %lu busy, %lu refused, %lu tasks, %u places saved, %u pruned\n",
           backend, (unsigned long)atomic_load(&compactions), stops,
           (double)longest_stop_ns / (double)MS, (double)longest_join_ns / (double)MS,
           (unsigned long)stats.enqueued, (unsigned long)stats.coalesced, (unsigned long)stats.busy,
           (unsigned long)stats.refused, (unsigned long)stats.tasks, atomic_load(&saved),
           atomic_load(&pruned));
    ck_assert_uint_gt(stops, 0);
    ck_assert_uint_gt(stats.tasks, 0);
    close_all();
}
END_TEST

int main(int argc, char **argv)
{
    if (argc < 2)
        return EXIT_FAILURE;
    backend = argv[1];
    Suite *suite = suite_create("compactor");
    TCase *tc = tcase_create("compactor");
    tcase_set_timeout(tc, 200);
    tcase_add_test(tc, everybody_at_once);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
