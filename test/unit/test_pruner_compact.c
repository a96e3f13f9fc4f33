/* SPDX-License-Identifier: Apache-2.0
 *
 * Compacting through engines: which ranges, in which slices, being asked while a slice runs, stopping.  The engines
 * do what a test tells them to; between two letters of their keys lies a MiB.
 */
#include "fake_db.h"
#include "pruner_internal.h"
#include "suite.h"

#include <check.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MIB ((uint64_t)1 << 20)
#define OFTEN 5
#define ANSWERS 64

static fake_db blocks;
static fake_db states;
static cmt_pruner pruner;
static cmt_error err;

/* What the host hears and says. */
static struct {
    pthread_mutex_t lock; /* guards the rest */
    size_t asked;
    size_t stop_at;   /* the question that is answered by "stop"; 0: none */
    fake_db *lets_go; /* after OFTEN questions */
    cmt_progress last;
    char order[ANSWERS +
               1]; /* of the databases that it was asked about, once for each change: "sb…" */
} host;

static bool ask(void *context, const cmt_progress *progress)
{
    (void)context;
    pthread_mutex_lock(&host.lock);
    host.last = *progress;
    const size_t size = strlen(host.order);
    if (size < ANSWERS && (size == 0 || host.order[size - 1] != progress->database[0]))
        host.order[size] = progress->database[0];
    const size_t asked = ++host.asked;
    fake_db *lets_go = asked >= OFTEN ? host.lets_go : NULL;
    pthread_mutex_unlock(&host.lock);
    if (lets_go != NULL)
        fake_let_go(lets_go);
    return asked == host.stop_at;
}

/* Log lines, one behind the other. */
static char logged[1024];

static void note(void *context, cmt_log_level level, const char *line)
{
    (void)context;
    const size_t size = strlen(logged);
    if (level >= CMT_LOG_INFO)
        snprintf(logged + size, sizeof logged - size, "%s\n", line);
}

static const cmt_logger logger = {note, NULL};

static void setup(void)
{
    fake_init(&blocks);
    fake_init(&states);
    memset(&host, 0, sizeof host);
    pthread_mutex_init(&host.lock, NULL);
    logged[0] = '\0';
    pruner = (cmt_pruner){
        .options = {.action = CMT_ACTION_PRUNE_AND_COMPACT, .logger = &logger},
        .method = CMT_METHOD_ENGINE,
        .progress = {ask, NULL},
        .blocks = {.name = "blockstore", .db = &blocks.base},
        .states = {.name = "state", .db = &states.base},
    };
    err = (cmt_error)CMT_ERROR_INIT;
}

static void teardown(void)
{
    pthread_mutex_destroy(&host.lock);
    fake_destroy(&states);
    fake_destroy(&blocks);
}

static cmt_slice key(const char *text)
{
    return (cmt_slice){(const uint8_t *)text, strlen(text)};
}

static cmt_range_list list_of(const char *const *bounds)
{
    cmt_range_list list = {NULL, 0, 0};
    for (; *bounds != NULL; bounds += 2)
        ck_assert_int_eq(cmt_range_list_add(&list, key(bounds[0]), key(bounds[1])), CMT_OK);
    return list;
}

/* Compact ranges given as "lo", "hi", ..., NULL. */
static cmt_status compact_these(const char *const *in_blocks, const char *const *in_states)
{
    cmt_range_list b = list_of(in_blocks);
    cmt_range_list s = list_of(in_states);
    cmt_status st = cmt_pruner__compact_ranges(&pruner, &b, &s, &err);
    cmt_range_list_free(&b);
    cmt_range_list_free(&s);
    return st;
}

#define LIST(...) ((const char *const[]){__VA_ARGS__, NULL})
#define NOTHING ((const char *const[]){NULL})

/* Of [lo,hi), letters or one behind 'z', everything was compacted so often. */
static void expect(const fake_db *db, int lo, int hi, unsigned times)
{
    fake_expect(db, (unsigned)lo << 8, (unsigned)hi << 8, times);
}

/* ---- which ranges ---------------------------------------------------------------------------- */

START_TEST(every_range_is_compacted_whatever_their_order)
{
    ck_assert_int_eq(compact_these(LIST("h", "i", "s", "t", "b", "c"), NOTHING), CMT_OK);
    ck_assert_uint_eq(blocks.calls, 3);
    expect(&blocks, 'b', 'c', 1);
    expect(&blocks, 'c', 'h', 0);
    expect(&blocks, 'h', 'i', 1);
    expect(&blocks, 'i', 's', 0);
    expect(&blocks, 's', 't', 1);
    ck_assert_uint_eq(states.calls, 0);
}
END_TEST

START_TEST(ranges_with_little_between_them_are_one)
{
    ck_assert_int_eq(compact_these(LIST("b", "c", "e", "f", "i", "j"), NOTHING), CMT_OK);
    ck_assert_uint_eq(blocks.calls, 2);
    expect(&blocks, 'b', 'f', 1);
    expect(&blocks, 'f', 'i', 0);
    expect(&blocks, 'i', 'j', 1);
}
END_TEST

START_TEST(a_range_inside_another_does_not_shorten_it)
{
    ck_assert_int_eq(compact_these(LIST("b", "m", "c", "d", "k", "o", "t", "", "u", "v"), NOTHING),
                     CMT_OK);
    expect(&blocks, 'b', 'o', 1);
    expect(&blocks, 'o', 't', 0);
    fake_expect(&blocks, 't' << 8, FAKE_PLACES, 1);
}
END_TEST

#define HALF (FAKE_PLACES / 2)

/* In the upper half a place takes up sixteen times as much. */
static cmt_status measure_uneven(cmt_db *db, cmt_range range, uint64_t *bytes, cmt_error *e)
{
    const unsigned lo = fake_place(range.lo);
    const unsigned hi = range.hi.size > 0 ? fake_place(range.hi) : FAKE_PLACES;
    (void)db;
    (void)e;
    ck_assert_uint_le(lo, hi);
    const unsigned below = (hi < HALF ? hi : HALF) - (lo < HALF ? lo : HALF);
    *bytes = (below + 16 * (uint64_t)(hi - lo - below)) * FAKE_PLACE_BYTES;
    return CMT_OK;
}

/* 80 ranges of one place, so sixteen gaps have to go.  Those of the upper half are short but hold more bytes than any of
 * the lower half: seven smaller ones go there, then the first nine of the others. */
START_TEST(of_too_many_ranges_those_with_the_fewest_bytes_between_them_are_joined)
{
    enum { RANGES = 80, APART = 3 * 256, LESS_APART = 2 * 256 + 128, UPPER_APART = 100 };
    unsigned starts[RANGES];
    unsigned place = 100;
    cmt_range_list list = {NULL, 0, 0};
    cmt_db_ops uneven = *states.base.ops;
    uneven.approximate_bytes = measure_uneven;
    states.base.ops = &uneven;
    for (unsigned i = 0; i < RANGES; i++) {
        starts[i] = i < RANGES / 2 ? place : HALF + (i - RANGES / 2) * UPPER_APART;
        place += i % 5 == 4 ? LESS_APART : APART;
    }
    for (unsigned i = RANGES; i-- > 0;)
        ck_assert_int_eq(cmt_range_list_add(&list, fake_key(starts[i]), fake_key(starts[i] + 1)),
                         CMT_OK);
    ck_assert_int_eq(cmt_pruner__compact_ranges(&pruner, NULL, &list, &err), CMT_OK);
    cmt_range_list_free(&list);
    ck_assert_uint_eq(states.calls, 64);
    for (unsigned i = 0; i + 1 < RANGES; i++) {
        const bool joined = i + 1 < RANGES / 2 && (i % 5 == 4 || i <= 10);
        fake_expect(&states, starts[i], starts[i] + 1, 1);
        fake_expect(&states, starts[i] + 1, starts[i + 1], joined ? 1 : 0);
    }
}
END_TEST

START_TEST(no_range_is_no_work)
{
    ck_assert_int_eq(compact_these(NOTHING, NOTHING), CMT_OK);
    ck_assert_int_eq(cmt_pruner__compact_ranges(&pruner, NULL, NULL, &err), CMT_OK);
    ck_assert_uint_eq(blocks.calls + states.calls, 0);
    ck_assert_str_eq(logged, "");
}
END_TEST

/* ---- slices and turns ------------------------------------------------------------------------ */

/* Databases of 2 GiB. */
static cmt_db_ops large_ops;
static const cmt_db_ops *fake_ops;

static cmt_status measure_large(cmt_db *db, cmt_range range, uint64_t *bytes, cmt_error *e)
{
    cmt_status st = fake_ops->approximate_bytes(db, range, bytes, e);
    *bytes *= 8;
    return st;
}

static void make_large(void)
{
    fake_ops = blocks.base.ops;
    large_ops = *fake_ops;
    large_ops.approximate_bytes = measure_large;
    blocks.base.ops = states.base.ops = &large_ops;
}

START_TEST(both_databases_take_turns_by_slices_of_a_quarter_of_a_gib)
{
    make_large();
    ck_assert_int_eq(cmt_pruner__compact_all(&pruner, &err), CMT_OK);
    fake_expect(&blocks, 0, FAKE_PLACES, 1);
    fake_expect(&states, 0, FAKE_PLACES, 1);
    ck_assert_uint_eq(blocks.calls, 8);
    ck_assert_uint_eq(states.calls, 8);
    ck_assert_str_eq(host.order, "sbsbsbsbsbsbsbsb");
}
END_TEST

START_TEST(a_clone_is_compacted_in_one_slice)
{
    make_large();
    pruner.blocks.engine = pruner.states.engine = CMT_ENGINE_PEBBLEDB;
    ck_assert_int_eq(cmt_pruner__compact_all(&pruner, &err), CMT_OK);
    ck_assert_uint_eq(blocks.calls, 1);
    ck_assert_uint_eq(states.calls, 1);
    fake_expect(&blocks, 0, FAKE_PLACES, 1);
}
END_TEST

START_TEST(beginning_and_end_are_logged_with_the_label)
{
    ck_assert_int_eq(compact_these(LIST("b", "c"), LIST("b", "c")), CMT_OK);
    const char *start = "compaction_start label=post_pruning_compaction\n"
                        "compaction_done label=post_pruning_compaction ms=";
    ck_assert_int_eq(strncmp(logged, start, strlen(start)), 0);
    logged[0] = '\0';
    pruner.options.action = CMT_ACTION_COMPACT;
    ck_assert_int_eq(cmt_pruner__compact_all(&pruner, &err), CMT_OK);
    start = "compaction_start label=manual_compaction\ncompaction_done label=manual_compaction ms=";
    ck_assert_int_eq(strncmp(logged, start, strlen(start)), 0);
}
END_TEST

/* ---- asked, and stopped ---------------------------------------------------------------------- */

START_TEST(the_host_hears_of_a_slice_that_runs)
{
    blocks.behaviour = FAKE_HOLDS_TO_THE_END;
    host.lets_go = &blocks;
    ck_assert_int_eq(compact_these(LIST("k", "n"), LIST("b", "c")), CMT_OK);
    ck_assert_uint_ge(host.asked, OFTEN);
    ck_assert_str_eq(host.last.phase, "compact");
    ck_assert_str_eq(host.last.database, "blockstore");
    ck_assert(host.last.bytes);
    ck_assert_uint_eq(host.last.total, 3 * MIB);
    ck_assert(!blocks.cancelled);
}
END_TEST

START_TEST(progress_is_that_of_the_slices_done)
{
    blocks.behaviour = FAKE_HOLDS_TO_THE_END;
    host.lets_go = &blocks;
    ck_assert_int_eq(compact_these(LIST("b", "c", "k", "n"), NOTHING), CMT_OK);
    ck_assert_uint_eq(blocks.calls, 2);
    ck_assert_uint_eq(host.last.done, MIB);
    ck_assert_uint_eq(host.last.total, 4 * MIB);
}
END_TEST

START_TEST(a_slice_that_runs_is_stopped)
{
    blocks.behaviour = FAKE_HOLDS;
    host.stop_at = 4;
    ck_assert_int_eq(compact_these(LIST("b", "c", "k", "n"), LIST("b", "c")), CMT_CANCELLED);
    ck_assert_uint_eq(blocks.calls, 1);
    expect(&states, 'b', 'c', 1);
    ck_assert_msg(!blocks.cancelled && !states.cancelled, "later compactions would not work");
    ck_assert_ptr_nonnull(strstr(err.message, "the blockstore database, with 0 of 4 MiB done"));
    ck_assert_ptr_nonnull(strstr(err.message, "run the command again"));
    ck_assert_ptr_nonnull(strstr(logged, "compaction_stopped label=post_pruning_compaction ms="));
}
END_TEST

START_TEST(a_stop_between_two_slices_says_how_far_they_came)
{
    host.stop_at = 3;
    ck_assert_int_eq(compact_these(LIST("b", "c", "k", "n"), LIST("b", "c", "k", "n")),
                     CMT_CANCELLED);
    expect(&states, 'b', 'c', 1);
    expect(&blocks, 'b', 'c', 1);
    ck_assert_uint_eq(blocks.calls + states.calls, 2);
    ck_assert_ptr_nonnull(
        strstr(err.message, "the state and blockstore databases, with 2 of 8 MiB done"));
}
END_TEST

START_TEST(a_stop_before_the_first_slice_compacts_nothing)
{
    host.stop_at = 1;
    ck_assert_int_eq(compact_these(LIST("b", "c"), NOTHING), CMT_CANCELLED);
    ck_assert_uint_eq(blocks.calls, 0);
    ck_assert_ptr_nonnull(strstr(err.message, "0 of 1 MiB"));
}
END_TEST

START_TEST(a_stop_that_comes_too_late_is_no_failure)
{
    blocks.behaviour = FAKE_HEARS_TOO_LATE;
    host.stop_at = 2;
    ck_assert_int_eq(compact_these(LIST("b", "c"), NOTHING), CMT_OK);
    expect(&blocks, 'b', 'c', 1);
    ck_assert(!blocks.cancelled);
}
END_TEST

/* ---- failing --------------------------------------------------------------------------------- */

START_TEST(a_failure_keeps_the_engines_words_and_names_the_database)
{
    blocks.behaviour = FAKE_FAILS;
    ck_assert_int_eq(compact_these(LIST("b", "c", "k", "n"), NOTHING), CMT_IO);
    ck_assert_uint_eq(blocks.calls, 1);
    ck_assert_str_eq(err.message, "blockstore: the engine's \"own\" words");
}
END_TEST

START_TEST(one_database_that_fails_does_not_stop_the_other)
{
    states.behaviour = FAKE_FAILS;
    ck_assert_int_eq(compact_these(LIST("b", "c"), LIST("b", "c")), CMT_IO);
    expect(&blocks, 'b', 'c', 1);
    ck_assert_str_eq(err.message, "state: the engine's \"own\" words");
}
END_TEST

START_TEST(a_full_disk_ends_it_before_the_engine_meets_it)
{
    cmt_buf here = CMT_BUF_INIT;
    ck_assert_int_eq(cmt_buf_append(&here, ".", 2), CMT_OK);
    pruner.blocks.path = here;
    pruner.options.min_free_bytes = UINT64_MAX / 2;
    ck_assert_int_eq(compact_these(LIST("b", "c"), NOTHING), CMT_NO_SPACE);
    ck_assert_uint_eq(blocks.calls, 0);
    ck_assert_int_eq(strncmp(err.message, "blockstore: ", 12), 0);
    cmt_buf_free(&here);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("pruner_compact");
    TCase *tc = tcase_create("compact");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, every_range_is_compacted_whatever_their_order);
    tcase_add_test(tc, ranges_with_little_between_them_are_one);
    tcase_add_test(tc, a_range_inside_another_does_not_shorten_it);
    tcase_add_test(tc, of_too_many_ranges_those_with_the_fewest_bytes_between_them_are_joined);
    tcase_add_test(tc, no_range_is_no_work);
    tcase_add_test(tc, both_databases_take_turns_by_slices_of_a_quarter_of_a_gib);
    tcase_add_test(tc, a_clone_is_compacted_in_one_slice);
    tcase_add_test(tc, beginning_and_end_are_logged_with_the_label);
    tcase_add_test(tc, the_host_hears_of_a_slice_that_runs);
    tcase_add_test(tc, progress_is_that_of_the_slices_done);
    tcase_add_test(tc, a_slice_that_runs_is_stopped);
    tcase_add_test(tc, a_stop_between_two_slices_says_how_far_they_came);
    tcase_add_test(tc, a_stop_before_the_first_slice_compacts_nothing);
    tcase_add_test(tc, a_stop_that_comes_too_late_is_no_failure);
    tcase_add_test(tc, a_failure_keeps_the_engines_words_and_names_the_database);
    tcase_add_test(tc, one_database_that_fails_does_not_stop_the_other);
    tcase_add_test(tc, a_full_disk_ends_it_before_the_engine_meets_it);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
