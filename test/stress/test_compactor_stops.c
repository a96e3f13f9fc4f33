/* SPDX-License-Identifier: Apache-2.0
 *
 * A compactor stopped at random moments while it compacts a whole database and blocks are saved: stop and join take at most
 * 2 s, and the pairs are those that were written.  50 stops between small slices; with CMT_TEST_FULL 1000 between such as a
 * node has.
 *
 * Argument: stops_memory, stops_leveldb or stops_rocksdb.
 */
#include "cmtstore/compactor_manual.h"

#include "clock.h"
#include "files.h"
#include "must.h"
#include "rng.h"
#include "suite.h"

#include <check.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MS INT64_C(1000000)
#define MOST_PAIRS 8000
#define VALUE_BYTES 16000
#define CHANGED 40 /* pairs between two stops */
#define LIMIT_NS (2000 * MS)

static char *backend;
static char *top;
static cmt_db *db;
static cmt_compact_flight *flight;
static cmt_compactor *compactor;
static bool is_full;
static unsigned pairs;
static uint8_t rounds[MOST_PAIRS]; /* of the value of each pair */

static cmt_slice key_of(unsigned i)
{
    static char keys[2][16];
    static unsigned next;
    char *key = keys[next++ % 2];
    snprintf(key, sizeof keys[0], "P:%06u", i);
    return (cmt_slice){(const uint8_t *)key, strlen(key)};
}

static cmt_slice value_of(unsigned i)
{
    static uint8_t value[VALUE_BYTES];
    rng r = {(uint64_t)i << 8 | rounds[i]};
    for (size_t at = 0; at < sizeof value; at += 8) {
        uint64_t bits = rng_next(&r);
        memcpy(value + at, &bits, 8);
    }
    return (cmt_slice){value, sizeof value};
}

static void put(unsigned i)
{
    cmt_db_batch *batch;
    MUST(cmt_db_batch_new(&batch, &error));
    MUST(cmt_db_batch_put(batch, key_of(i), value_of(i), &error));
    MUST(cmt_db_write(db, batch, false, &error));
    cmt_db_batch_free(batch);
}

static void expect_pairs(void)
{
    cmt_db_iter *iter;
    MUST(cmt_db_iter_new(db, NULL, &iter, &error));
    cmt_status st = cmt_db_iter_first(iter, &error);
    for (unsigned i = 0; i < pairs; i++) {
        MUST(st);
        ck_assert(cmt_slice_equal(cmt_db_iter_key(iter), key_of(i)));
        ck_assert(cmt_slice_equal(cmt_db_iter_value(iter), value_of(i)));
        st = cmt_db_iter_next(iter, &error);
    }
    ck_assert_int_eq(st, CMT_NOT_FOUND);
    cmt_db_iter_free(iter);
}

static void open_all(void)
{
    top = files_temp();
    char *dir = files_path(top, "blockstore.db");
    const cmt_db_open_options options = {
        .engine = strcmp(backend, "rocksdb") == 0 ? CMT_ENGINE_ROCKSDB : CMT_ENGINE_CLEVELDB,
        .create = true,
        .write_buffer_bytes = (size_t)4 << 20,
    };
    MUST(strcmp(backend, "memory") == 0 ? cmt_db_open_memory(&db, &error)
                                        : cmt_db_open(dir, &options, &db, &error));
    free(dir);
    for (unsigned i = 0; i < pairs; i++)
        put(i);
    const cmt_compactor_target target = {.blockstore = db};
    const cmt_compactor_options how = {.poll_ns = -1, .pause_ns = 5 * MS};
    const cmt_compact_flight_options flight_options = {.slice_bytes =
                                                           is_full ? 0 : (size_t)1 << 20};
    MUST(cmt_compact_flight_new(&target, &flight_options, &flight, &error));
    MUST(cmt_compactor_new(flight, &how, &compactor, &error));
}

static void close_all(void)
{
    ck_assert_int_eq(cmt_compactor_free(&compactor), CMT_OK);
    ck_assert(!cmt_compact_flight_is_taken(flight));
    cmt_compact_flight_free(flight);
    MUST(cmt_db_shutdown(&db, 0, &error));
    files_remove(top);
}

static void sleep_until(int64_t until_ns)
{
    const struct timespec until = {until_ns / 1000000000, until_ns % 1000000000};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) != 0)
        ;
}

/* Blocks are saved until the moment has come. */
static void save_until(rng *r, int64_t until_ns)
{
    for (unsigned i = 0; i < CHANGED && cmt_clock_ns() < until_ns; i++) {
        unsigned at = (unsigned)rng_between(r, 0, pairs - 1);
        rounds[at]++;
        cmt_compact_flight_note_write(flight);
        put(at);
    }
    sleep_until(until_ns);
}

typedef struct figures {
    unsigned in_the_middle; /* something was left */
    unsigned too_long;
    int64_t longest_stop;
    int64_t longest_join;
} figures;

/* A stop is lost if the worker does not leave. */
static void stop_at_a_random_moment(rng *r, figures *f)
{
    MUST(cmt_compactor_start(compactor, &error));
    cmt_enqueue_result result = cmt_block_store_compact_async(compactor);
    ck_assert(result == CMT_ENQUEUED || result == CMT_ENQUEUE_COALESCED);
    save_until(r, cmt_clock_ns() + rng_between(r, 0, 30 * MS));
    const int64_t since = cmt_clock_ns();
    ck_assert_int_eq(cmt_compactor_stop(compactor), CMT_OK);
    const int64_t stopped = cmt_clock_ns() - since;
    MUST(cmt_compactor_join(compactor, 30 * LIMIT_NS, NULL, &error));
    const int64_t joined = cmt_clock_ns() - since;
    f->longest_stop = stopped > f->longest_stop ? stopped : f->longest_stop;
    f->longest_join = joined > f->longest_join ? joined : f->longest_join;
    f->too_long += joined > LIMIT_NS;
    f->in_the_middle += cmt_compact_flight_counts(flight).remembered_blockstore > 0;
}

START_TEST(a_stop_at_any_moment_is_short_and_harmless)
{
    rng r = {20};
    is_full = getenv("CMT_TEST_FULL") != NULL;
    pairs = is_full ? MOST_PAIRS : MOST_PAIRS / 16;
    const unsigned stops = is_full ? 1000 : 50;
    figures f = {0};
    open_all();
    for (unsigned i = 0; i < stops; i++) {
        stop_at_a_random_moment(&r, &f);
        if (i % 25 == 24)
            expect_pairs();
    }
    MUST(cmt_compact_now(flight, NULL, NULL, NULL, &error));
    expect_pairs();
    printf(
        "%s: %u stops, %u with work left; longest stop %.2f ms, with join %.1f ms, %u above 2 s\n",
        backend, stops, f.in_the_middle, (double)f.longest_stop / (double)MS,
        (double)f.longest_join / (double)MS, f.too_long);
    fflush(stdout);
    ck_assert_uint_eq(f.too_long, 0);
    if (strcmp(backend, "memory") != 0)
        ck_assert_uint_gt(f.in_the_middle, 0);
    close_all();
}
END_TEST

int main(int argc, char **argv)
{
    if (argc < 2 || strncmp(argv[1], "stops_", 6) != 0)
        return EXIT_FAILURE;
    backend = argv[1] + 6;
    Suite *suite = suite_create("compactor_stops");
    TCase *tc = tcase_create("compactor_stops");
    tcase_set_timeout(tc, 400);
    tcase_add_test(tc, a_stop_at_any_moment_is_short_and_harmless);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
