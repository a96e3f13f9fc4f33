/* SPDX-License-Identifier: Apache-2.0
 *
 * References on a database, and closing one that others still use.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fake_db.h"
#include "files.h"
#include "must.h"
#include "suite.h"

#define SOON ((int64_t)10 * 1000 * 1000)
#define LONG ((int64_t)30 * 1000 * 1000 * 1000)

static const cmt_range everything = {{NULL, 0}, {NULL, 0}};

static cmt_db *db;
static char *top;
static char *dir;

/* Each case runs over all three. */
enum { ON_MEMORY, ON_LEVELDB, ON_ROCKSDB, BACKENDS };

static cmt_status try_open(int backend, cmt_db **out)
{
    const cmt_db_open_options options = {
        .engine = backend == ON_ROCKSDB ? CMT_ENGINE_ROCKSDB : CMT_ENGINE_CLEVELDB, .create = true};
    return backend == ON_MEMORY ? cmt_db_open_memory(out, &error)
                                : cmt_db_open(dir, &options, out, &error);
}

static void setup(int backend)
{
    top = files_temp();
    dir = files_path(top, "x.db");
    MUST(try_open(backend, &db));
}

static void teardown(void)
{
    cmt_db_close(db);
    db = NULL;
    free(dir);
    files_remove(top);
}

static void put(cmt_db *to)
{
    cmt_db_batch *batch;
    MUST(cmt_db_batch_new(&batch, &error));
    MUST(cmt_db_batch_put(batch, CMT_SLICE("k"), CMT_SLICE("v"), &error));
    MUST(cmt_db_write(to, batch, false, &error));
    cmt_db_batch_free(batch);
}

/* No engine has it open. */
static void expect_closed(int backend)
{
    MUST(try_open(backend, &db));
    if (backend == ON_MEMORY)
        put(db);
    cmt_buf value = CMT_BUF_INIT;
    MUST(cmt_db_get(db, CMT_SLICE("k"), &value, &error));
    cmt_buf_free(&value);
}

/* ---- references ------------------------------------------------------------------------------ */

START_TEST(is_open_until_the_last_reference_is_given_back)
{
    setup(_i);
    ck_assert_ptr_eq(cmt_db_hold(db), db);
    ck_assert_ptr_eq(cmt_db_hold(db), db);
    ck_assert_ptr_null(cmt_db_hold(NULL));
    cmt_db_close(db);
    cmt_db_close(db);
    put(db);
    cmt_db *other;
    if (_i != ON_MEMORY)
        ck_assert_int_eq(try_open(_i, &other), CMT_BUSY);
    cmt_db_close(db);
    expect_closed(_i);
    teardown();
}
END_TEST

static void *hold_and_close(void *shared)
{
    for (int i = 0; i < 2000; i++)
        cmt_db_close(cmt_db_hold(shared));
    cmt_db_close(shared); /* what was held for this thread */
    return NULL;
}

START_TEST(references_are_taken_and_given_back_by_many_threads)
{
    pthread_t threads[4];
    setup(ON_MEMORY);
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, hold_and_close, cmt_db_hold(db)), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    MUST(cmt_db_shutdown(&db, 0, &error)); /* so none is left over */
    ck_assert_ptr_null(db);
    teardown();
}
END_TEST

/* ---- shutdown ---------------------------------------------------------------------------------- */

START_TEST(closes_at_once_when_nobody_else_uses_it)
{
    setup(_i);
    put(db);
    MUST(cmt_db_shutdown(&db, 0, &error));
    ck_assert_ptr_null(db);
    MUST(cmt_db_shutdown(&db, 0, &error));
    expect_closed(_i);
    teardown();
}
END_TEST

START_TEST(is_as_usable_as_before_when_time_is_up)
{
    setup(_i);
    cmt_db *held = cmt_db_hold(db);
    ck_assert_int_eq(cmt_db_shutdown(&db, 0, &error), CMT_BUSY);
    ck_assert_int_eq(cmt_db_shutdown(&db, SOON, &error), CMT_BUSY);
    ck_assert_ptr_eq(db, held);
    put(db);
    MUST(cmt_db_compact_range(db, everything, &error));
    cmt_db_close(held);
    MUST(cmt_db_shutdown(&db, 0, &error));
    expect_closed(_i);
    teardown();
}
END_TEST

START_TEST(a_wish_to_stop_compactions_outlives_a_shutdown_that_gave_up)
{
    setup(_i);
    cmt_db *held = cmt_db_hold(db);
    cmt_db_cancel_compaction(db, true);
    ck_assert_int_eq(cmt_db_shutdown(&db, 0, &error), CMT_BUSY);
    ck_assert_int_eq(cmt_db_compact_range(db, everything, &error), CMT_CANCELLED);
    cmt_db_cancel_compaction(db, false);
    MUST(cmt_db_compact_range(db, everything, &error));
    cmt_db_close(held);
    teardown();
}
END_TEST

/* Somebody with a thread of their own, who compacts until told to stop. */
typedef struct worker {
    cmt_db *held;
    atomic_int told;
    atomic_bool begun;
    cmt_status ended;
} worker;

static bool stop_worker(void *context)
{
    atomic_fetch_add(&((worker *)context)->told, 1);
    return true;
}

static void *work(void *context)
{
    worker *w = context;
    do {
        w->ended = cmt_db_compact_range(w->held, everything, NULL);
        atomic_store(&w->begun, true);
    } while (atomic_load(&w->told) == 0);
    cmt_db_off_shutdown(w->held, stop_worker, w);
    cmt_db_close(w->held);
    return NULL;
}

START_TEST(tells_a_worker_and_waits_for_it)
{
    setup(_i);
    worker w = {.held = cmt_db_hold(db)};
    pthread_t thread;
    put(db);
    MUST(cmt_db_on_shutdown(db, stop_worker, &w, &error));
    ck_assert_int_eq(pthread_create(&thread, NULL, work, &w), 0);
    MUST(cmt_db_shutdown(&db, LONG, &error));
    pthread_join(thread, NULL);
    ck_assert_int_eq(atomic_load(&w.told), 1);
    expect_closed(_i);
    teardown();
}
END_TEST

static void *compact_once(void *context)
{
    worker *w = context;
    w->ended = cmt_db_compact_range(w->held, everything, NULL);
    cmt_db_close(w->held);
    return NULL;
}

START_TEST(stops_a_compaction_that_runs)
{
    fake_db fake;
    fake_init(&fake);
    fake.behaviour = FAKE_HOLDS;
    cmt_db *slow = &fake.base;
    worker w = {.held = cmt_db_hold(slow)};
    pthread_t thread;
    ck_assert_int_eq(pthread_create(&thread, NULL, compact_once, &w), 0);
    fake_wait_for_call(&fake);
    MUST(cmt_db_shutdown(&slow, LONG, &error));
    pthread_join(thread, NULL);
    ck_assert_int_eq(w.ended, CMT_CANCELLED);
    ck_assert_uint_eq(fake.closes, 1);
    fake_destroy(&fake);
}
END_TEST

/* ---- who is told ------------------------------------------------------------------------------- */

START_TEST(each_is_told_once_by_each_shutdown)
{
    worker a = {0};
    worker b = {0};
    setup(ON_MEMORY);
    cmt_db *held = cmt_db_hold(db);
    MUST(cmt_db_on_shutdown(db, stop_worker, &a, &error));
    MUST(cmt_db_on_shutdown(db, stop_worker, &b, &error));
    ck_assert_int_eq(cmt_db_shutdown(&db, SOON, &error), CMT_BUSY);
    ck_assert_int_eq(atomic_load(&a.told), 1);
    ck_assert_int_eq(atomic_load(&b.told), 1);
    cmt_db_off_shutdown(db, stop_worker, &a);
    cmt_db_off_shutdown(db, stop_worker, &a); /* that there is none is fine */
    ck_assert_int_eq(cmt_db_shutdown(&db, 0, &error), CMT_BUSY);
    ck_assert_int_eq(atomic_load(&a.told), 1);
    ck_assert_int_eq(atomic_load(&b.told), 2);
    cmt_db_close(held);
    teardown(); /* b never went: released with the database */
}
END_TEST

static bool leave_at_once(void *context)
{
    worker *w = context;
    atomic_fetch_add(&w->told, 1);
    cmt_db_off_shutdown(w->held, leave_at_once, w);
    cmt_db_close(w->held);
    return true;
}

START_TEST(one_may_leave_from_within_the_call)
{
    setup(ON_MEMORY);
    worker w = {.held = cmt_db_hold(db)};
    worker other = {0};
    MUST(cmt_db_on_shutdown(db, stop_worker, &other, &error));
    MUST(cmt_db_on_shutdown(db, leave_at_once, &w, &error));
    cmt_db *held = cmt_db_hold(db);
    ck_assert_int_eq(cmt_db_shutdown(&db, 0, &error), CMT_BUSY);
    cmt_db_close(held);
    MUST(cmt_db_shutdown(&db, 0, &error));
    ck_assert_int_eq(atomic_load(&w.told), 1);
    ck_assert_int_eq(atomic_load(&other.told), 2);
    teardown();
}
END_TEST

static void *shut_down(void *unused)
{
    (void)unused;
    cmt_error err;
    return cmt_db_shutdown(&db, LONG, &err) == CMT_OK ? NULL : &db;
}

static void pause_a_moment(void)
{
    nanosleep(&(struct timespec){0, 20 * 1000 * 1000}, NULL);
}

START_TEST(who_comes_while_a_shutdown_waits_is_told)
{
    setup(ON_MEMORY);
    cmt_db *mine = cmt_db_hold(db);
    worker first = {0};
    worker late = {.held = mine};
    pthread_t thread;
    void *failed;
    MUST(cmt_db_on_shutdown(mine, stop_worker, &first, &error));
    ck_assert_int_eq(pthread_create(&thread, NULL, shut_down, NULL), 0);
    while (atomic_load(&first.told) == 0)
        pause_a_moment();
    MUST(cmt_db_on_shutdown(mine, leave_at_once, &late, &error));
    pthread_join(thread, &failed); /* `late` gives our reference back */
    ck_assert_ptr_null(failed);
    ck_assert_int_eq(atomic_load(&first.told), 1);
    ck_assert_int_eq(atomic_load(&late.told), 1);
    teardown();
}
END_TEST

typedef struct slow_user {
    atomic_bool inside;
    atomic_bool off_called;
    atomic_bool finished;
} slow_user;

static bool be_slow(void *context)
{
    slow_user *u = context;
    atomic_store(&u->inside, true);
    while (!atomic_load(&u->off_called))
        pause_a_moment();
    pause_a_moment();
    atomic_store(&u->finished, true);
    return true;
}

START_TEST(no_call_runs_behind_taking_it_back)
{
    setup(ON_MEMORY);
    cmt_db *mine = cmt_db_hold(db);
    slow_user u = {false};
    pthread_t thread;
    void *failed;
    MUST(cmt_db_on_shutdown(mine, be_slow, &u, &error));
    ck_assert_int_eq(pthread_create(&thread, NULL, shut_down, NULL), 0);
    while (!atomic_load(&u.inside))
        pause_a_moment();
    atomic_store(&u.off_called, true);
    cmt_db_off_shutdown(mine, be_slow, &u);
    ck_assert(atomic_load(&u.finished));
    cmt_db_close(mine);
    pthread_join(thread, &failed);
    ck_assert_ptr_null(failed);
    teardown();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("db_shutdown");
    TCase *tc = tcase_create("references");
    tcase_add_loop_test(tc, is_open_until_the_last_reference_is_given_back, 0, BACKENDS);
    tcase_add_test(tc, references_are_taken_and_given_back_by_many_threads);
    suite_add_tcase(suite, tc);
    tc = tcase_create("shutdown");
    tcase_add_loop_test(tc, closes_at_once_when_nobody_else_uses_it, 0, BACKENDS);
    tcase_add_loop_test(tc, is_as_usable_as_before_when_time_is_up, 0, BACKENDS);
    tcase_add_loop_test(tc, a_wish_to_stop_compactions_outlives_a_shutdown_that_gave_up, 0,
                        BACKENDS);
    tcase_add_loop_test(tc, tells_a_worker_and_waits_for_it, 0, BACKENDS);
    tcase_add_test(tc, stops_a_compaction_that_runs);
    suite_add_tcase(suite, tc);
    tc = tcase_create("users");
    tcase_add_test(tc, each_is_told_once_by_each_shutdown);
    tcase_add_test(tc, one_may_leave_from_within_the_call);
    tcase_add_test(tc, who_comes_while_a_shutdown_waits_is_told);
    tcase_add_test(tc, no_call_runs_behind_taking_it_back);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
