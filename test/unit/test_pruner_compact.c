/* SPDX-License-Identifier: Apache-2.0
 *
 * Compacting through an engine: which ranges, being asked while a call runs, stopping.  The engine is one that
 * does what a test tells it to.
 */
#include "db_internal.h"
#include "pruner_internal.h"

#include <check.h>

#include <stdlib.h>
#include <string.h>

#define MIB ((uint64_t)1 << 20)
#define CALLS 8

typedef enum behaviour {
    ENDS_AT_ONCE,
    ENDS_WHEN_CANCELLED, /* and says so */
    FINISHES_ALTHOUGH_CANCELLED,
    ENDS_WHEN_ASKED_OFTEN, /* the host */
    FAILS,
} behaviour;

#define OFTEN 4

static struct {
    cmt_db base;
    behaviour behaviour;
    uint8_t lo[CALLS]; /* first letters of what was compacted; '\0': an end that is open */
    uint8_t hi[CALLS];
    size_t calls;
    pthread_mutex_t lock; /* guards the rest */
    pthread_cond_t changed;
    bool cancelled;
    bool was_cancelled;
    size_t asked;
    size_t stop_at; /* the question that is answered by "stop"; 0: none */
    cmt_progress last;
} engine;

static cmt_error err;

/* Keys are letters; between two of them lies a MiB. */
static cmt_status measure(cmt_db *db, cmt_range range, uint64_t *bytes, cmt_error *e)
{
    (void)db;
    (void)e;
    int lo = range.lo.size > 0 ? range.lo.data[0] : 'a';
    int hi = range.hi.size > 0 ? range.hi.data[0] : 'z' + 1;
    ck_assert_int_le(lo, hi);
    *bytes = (uint64_t)(hi - lo) * MIB;
    return CMT_OK;
}

/* Until it is so, but not for ever. */
static void wait_for(const bool *what, const size_t *count, size_t enough)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 30;
    int waited = 0;
    while (waited == 0 && !(what != NULL ? *what : *count >= enough))
        waited = pthread_cond_timedwait(&engine.changed, &engine.lock, &until);
    ck_assert_int_eq(waited, 0);
}

static cmt_status compact(cmt_db *db, cmt_range range, cmt_error *e)
{
    (void)db;
    ck_assert_uint_lt(engine.calls, CALLS);
    engine.lo[engine.calls] = range.lo.data[0];
    engine.hi[engine.calls++] = range.hi.size > 0 ? range.hi.data[0] : 0;
    pthread_mutex_lock(&engine.lock);
    cmt_status st = CMT_OK;
    switch (engine.behaviour) {
    case ENDS_WHEN_CANCELLED:
        wait_for(&engine.cancelled, NULL, 0);
        st = cmt_error_set(e, CMT_CANCELLED, "the engine's own words");
        break;
    case FINISHES_ALTHOUGH_CANCELLED:
        wait_for(&engine.cancelled, NULL, 0);
        break;
    case ENDS_WHEN_ASKED_OFTEN:
        wait_for(NULL, &engine.asked, OFTEN);
        break;
    case FAILS:
        st = cmt_error_set(e, CMT_IO, "the engine's own words");
        break;
    case ENDS_AT_ONCE:
        break;
    }
    pthread_mutex_unlock(&engine.lock);
    return st;
}

static void cancel(cmt_db *db, bool wanted)
{
    (void)db;
    pthread_mutex_lock(&engine.lock);
    engine.cancelled = wanted;
    engine.was_cancelled = engine.was_cancelled || wanted;
    pthread_cond_broadcast(&engine.changed);
    pthread_mutex_unlock(&engine.lock);
}

static const cmt_db_ops ops = {
    .approximate_bytes = measure,
    .compact_range = compact,
    .cancel_compaction = cancel,
    .capabilities = CMT_DB_WRITABLE,
};

static bool ask(void *context, const cmt_progress *progress)
{
    (void)context;
    pthread_mutex_lock(&engine.lock);
    engine.last = *progress;
    bool stop = ++engine.asked == engine.stop_at;
    pthread_cond_broadcast(&engine.changed);
    pthread_mutex_unlock(&engine.lock);
    return stop;
}

static void setup(void)
{
    memset(&engine, 0, sizeof engine);
    engine.base.ops = &ops;
    pthread_mutex_init(&engine.lock, NULL);
    pthread_cond_init(&engine.changed, NULL);
    err = (cmt_error)CMT_ERROR_INIT;
}

static void teardown(void)
{
    pthread_cond_destroy(&engine.changed);
    pthread_mutex_destroy(&engine.lock);
}

static cmt_slice key(const char *text)
{
    return (cmt_slice){(const uint8_t *)text, strlen(text)};
}

/* Compact ranges given as "lo", "hi", ..., NULL. */
static cmt_status compact_these(const char *const *bounds)
{
    cmt_pruner pruner = {.progress = {ask, NULL}};
    const cmt_pruner__side side = {.name = "state", .db = &engine.base};
    cmt_range_list list = {NULL, 0, 0};
    for (; *bounds != NULL; bounds += 2)
        ck_assert_int_eq(cmt_range_list_add(&list, key(bounds[0]), key(bounds[1])), CMT_OK);
    cmt_status st = cmt_pruner__compact_ranges(&pruner, &side, &list, &err);
    cmt_range_list_free(&list);
    return st;
}

#define COMPACT(...) compact_these((const char *const[]){__VA_ARGS__, NULL})

static void expect_call(size_t i, char lo, char hi)
{
    ck_assert_uint_lt(i, engine.calls);
    ck_assert_int_eq(engine.lo[i], lo);
    ck_assert_int_eq(engine.hi[i], hi);
}

/* ---- which ranges ---------------------------------------------------------------------------- */

START_TEST(every_range_is_compacted_whatever_their_order)
{
    ck_assert_int_eq(COMPACT("h", "i", "s", "t", "b", "c"), CMT_OK);
    ck_assert_uint_eq(engine.calls, 3);
    expect_call(0, 'b', 'c');
    expect_call(1, 'h', 'i');
    expect_call(2, 's', 't');
}
END_TEST

START_TEST(ranges_with_little_between_them_are_one)
{
    ck_assert_int_eq(COMPACT("b", "c", "e", "f", "i", "j"), CMT_OK);
    ck_assert_uint_eq(engine.calls, 2);
    expect_call(0, 'b', 'f');
    expect_call(1, 'i', 'j');
}
END_TEST

START_TEST(a_range_inside_another_does_not_shorten_it)
{
    ck_assert_int_eq(COMPACT("b", "m", "c", "d", "k", "o", "t", "", "u", "v"), CMT_OK);
    ck_assert_uint_eq(engine.calls, 2);
    expect_call(0, 'b', 'o');
    expect_call(1, 't', '\0');
}
END_TEST

START_TEST(no_range_is_no_work)
{
    ck_assert_int_eq(compact_these((const char *const[]){NULL}), CMT_OK);
    ck_assert_uint_eq(engine.calls, 0);
}
END_TEST

/* ---- asked, and stopped ---------------------------------------------------------------------- */

START_TEST(the_host_hears_of_a_call_that_runs)
{
    engine.behaviour = ENDS_WHEN_ASKED_OFTEN;
    ck_assert_int_eq(COMPACT("b", "c", "k", "n"), CMT_OK);
    ck_assert_uint_ge(engine.asked, OFTEN);
    ck_assert_str_eq(engine.last.phase, "compact");
    ck_assert_str_eq(engine.last.database, "state");
    ck_assert(engine.last.bytes);
    ck_assert_uint_eq(engine.last.done, MIB);
    ck_assert_uint_eq(engine.last.total, 4 * MIB);
    ck_assert(!engine.was_cancelled);
}
END_TEST

START_TEST(a_call_that_runs_is_stopped)
{
    engine.behaviour = ENDS_WHEN_CANCELLED;
    engine.stop_at = 3;
    ck_assert_int_eq(COMPACT("b", "c", "k", "n"), CMT_CANCELLED);
    ck_assert_uint_eq(engine.calls, 1);
    ck_assert(engine.was_cancelled);
    ck_assert_msg(!engine.cancelled, "later compactions would not work");
    ck_assert_ptr_nonnull(strstr(err.message, "the state database, with 0 of 4 MiB done"));
    ck_assert_ptr_nonnull(strstr(err.message, "run the command again"));
}
END_TEST

START_TEST(a_stop_before_the_first_call_compacts_nothing)
{
    engine.stop_at = 1;
    ck_assert_int_eq(COMPACT("b", "c"), CMT_CANCELLED);
    ck_assert_uint_eq(engine.calls, 0);
    ck_assert_ptr_nonnull(strstr(err.message, "0 of 1 MiB"));
}
END_TEST

START_TEST(a_stop_that_comes_too_late_is_no_failure)
{
    engine.behaviour = FINISHES_ALTHOUGH_CANCELLED;
    engine.stop_at = 2;
    ck_assert_int_eq(COMPACT("b", "c"), CMT_OK);
    ck_assert(engine.was_cancelled);
    ck_assert(!engine.cancelled);
}
END_TEST

START_TEST(a_failure_keeps_the_engines_words)
{
    engine.behaviour = FAILS;
    ck_assert_int_eq(COMPACT("b", "c", "k", "n"), CMT_IO);
    ck_assert_uint_eq(engine.calls, 1);
    ck_assert_str_eq(err.message, "the engine's own words");
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
    tcase_add_test(tc, no_range_is_no_work);
    tcase_add_test(tc, the_host_hears_of_a_call_that_runs);
    tcase_add_test(tc, a_call_that_runs_is_stopped);
    tcase_add_test(tc, a_stop_before_the_first_call_compacts_nothing);
    tcase_add_test(tc, a_stop_that_comes_too_late_is_no_failure);
    tcase_add_test(tc, a_failure_keeps_the_engines_words);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
