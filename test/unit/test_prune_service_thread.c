/* SPDX-License-Identifier: Apache-2.0
 *
 * The prune service's thread: when it looks, how it starts and ends, and that it works beside who saves.
 */
#include "prune_service_support.h"

#include "forked.h"
#include "rng.h"

#include <sched.h>
#include <time.h>
#include <unistd.h>

#define SECOND_NS INT64_C(1000000000)

static void start(void)
{
    MUST(cmt_prune_service_start(service, &error));
}

static void join(void)
{
    MUST(cmt_prune_service_join(service, 20 * SECOND_NS, &error));
}

static void wait_for_rounds(uint64_t rounds)
{
    while (stats().rounds < rounds)
        sched_yield();
}

static void advance(int64_t ns)
{
    atomic_fetch_add(&host.clock_ns, ns);
    cmt_prune_service_wake(service);
}

START_TEST(it_looks_at_once_and_then_when_the_interval_is_over)
{
    open_chain(CMT_RELEASE_0_38, 50);
    open_service();
    set(CMT_RETAIN_APPLICATION, 20);
    start();
    wait_for_rounds(1);
    set(CMT_RETAIN_APPLICATION, 30);
    advance(10 * SECOND_NS - 1); /* 10 s by default */
    cmt_prune_service_wake(service);
    ck_assert_int_eq(cmt_prune_service_join(service, SECOND_NS / 50, &error), CMT_BUSY);
    ck_assert_uint_eq(stats().rounds, 1);
    advance(1);
    wait_for_rounds(2);
    cmt_prune_service_stop(service);
    join();
    ck_assert_int_eq(base(), 30);
    ck_assert_uint_eq(stats().rounds, 2);
    ck_assert_str_eq(host.heard, "started 10000;blocks 0-19;blocks 20-29;");
    expect_log("started pruning blocks  interval_ms=10000\n");
    close_everything();
}
END_TEST

START_TEST(the_real_clock_is_enough)
{
    open_chain(CMT_RELEASE_0_38, 5);
    options.clock_ns = NULL;
    options.interval_ns = 1000000;
    open_service();
    start();
    wait_for_rounds(5);
    cmt_prune_service_stop(service);
    join();
    close_everything();
}
END_TEST

/* In the child: the number of the first answer that is wrong; 0: none. */
static int ask_as_a_child(void)
{
    int64_t height;
    cmt_prune_service *handle = service;
    cmt_prune_service_stats figures;
    cmt_prune_service_stop(service);
    cmt_prune_service_wake(service);
    cmt_prune_service_get_stats(service, &figures);
    const bool right[] = {
        cmt_prune_service_start(service, NULL) == CMT_FORKED,
        cmt_prune_service_join(service, -1, NULL) == CMT_FORKED,
        cmt_prune_service_round(service, NULL) == CMT_FORKED,
        cmt_prune_service_recover_compaction(service, chain.block_db, chain.state_db, 1, NULL, NULL,
                                             NULL) == CMT_FORKED,
        cmt_prune_service_set_retain_height(service, CMT_RETAIN_APPLICATION, 20, NULL) ==
            CMT_FORKED,
        cmt_prune_service_retain_height(service, CMT_RETAIN_APPLICATION, &height, NULL) ==
            CMT_FORKED,
        cmt_prune_service_free(&handle) == CMT_FORKED && handle == service,
        !cmt_prune_service_is_running(service),
        figures.rounds == 0,
    };
    return forked_first_wrong(right, sizeof right / sizeof right[0]);
}

START_TEST(a_forked_child_touches_nothing)
{
    open_chain(CMT_RELEASE_0_38, 50);
    open_service();
    start();
    wait_for_rounds(1);
    forked_expect(ask_as_a_child);
    ck_assert(cmt_prune_service_is_running(service));
    cmt_prune_service_stop(service);
    join();
    close_everything();
}
END_TEST

/* As the header's table has it. */
START_TEST(every_call_answers_in_every_state)
{
    open_chain(CMT_RELEASE_0_38, 5);
    open_service();
    cmt_prune_service_stop(service); /* new: nothing */
    ck_assert(!cmt_prune_service_is_running(service));
    ck_assert_int_eq(cmt_prune_service_join(service, -1, &error), CMT_NOT_FOUND);
    round_once();
    start(); /* running */
    start();
    ck_assert(cmt_prune_service_is_running(service));
    ck_assert_int_eq(cmt_prune_service_round(service, &error), CMT_BUSY);
    ck_assert_int_eq(cmt_prune_service_join(service, 0, &error), CMT_BUSY);
    cmt_prune_service_stop(service);
    cmt_prune_service_stop(service);
    while (cmt_prune_service_is_running(service))
        sched_yield();
    ck_assert_int_eq(cmt_prune_service_start(service, &error), CMT_BUSY); /* stopped */
    round_once();
    join();
    ck_assert_int_eq(cmt_prune_service_join(service, -1, &error), CMT_NOT_FOUND); /* joined */
    ck_assert(!cmt_prune_service_is_running(service));
    start();
    ck_assert_int_eq(cmt_prune_service_free(&service), CMT_OK); /* stops and waits */
    ck_assert_ptr_null(service);
    ck_assert_int_eq(cmt_prune_service_free(&service), CMT_OK);
    close_everything();
}
END_TEST

START_TEST(a_stop_does_not_wait_for_the_interval)
{
    open_chain(CMT_RELEASE_0_38, 5);
    options.interval_ns = 3600 * SECOND_NS;
    for (int i = 0; i < 50; i++) {
        open_service();
        start();
        if (i % 2 == 0)
            wait_for_rounds(1);
        struct timespec from;
        struct timespec to;
        clock_gettime(CLOCK_MONOTONIC, &from);
        cmt_prune_service_stop(service);
        clock_gettime(CLOCK_MONOTONIC, &to);
        ck_assert_int_lt((to.tv_sec - from.tv_sec) * SECOND_NS + to.tv_nsec - from.tv_nsec,
                         SECOND_NS);
        join();
    }
    close_everything();
}
END_TEST

static cmt_status from_hook[3];

static void call_from_hook(void *context, int64_t from, int64_t to)
{
    (void)context;
    (void)from;
    (void)to;
    cmt_error err = CMT_ERROR_INIT;
    int64_t height;
    from_hook[0] = cmt_prune_service_join(service, -1, &err);
    from_hook[1] = cmt_prune_service_free(&service);
    from_hook[2] = cmt_prune_service_retain_height(service, CMT_RETAIN_APPLICATION, &height, &err);
    cmt_prune_service_stop(service);
}

START_TEST(a_hook_may_stop_the_service_but_not_wait_for_it)
{
    static const cmt_prune_observer calling = {.pruned_blocks = call_from_hook};
    open_chain(CMT_RELEASE_0_38, 50);
    options.observer = &calling;
    open_service();
    set(CMT_RETAIN_APPLICATION, 20);
    start();
    join(); /* the hook has stopped it */
    ck_assert_int_eq(from_hook[0], CMT_DEADLOCK);
    ck_assert_int_eq(from_hook[1], CMT_DEADLOCK);
    ck_assert_int_eq(from_hook[2], CMT_OK);
    close_everything();
}
END_TEST

static atomic_int joined;

static void *join_it(void *unused)
{
    (void)unused;
    cmt_error err = CMT_ERROR_INIT;
    atomic_fetch_add(&joined, cmt_prune_service_join(service, -1, &err) == CMT_OK);
    return NULL;
}

START_TEST(of_several_who_join_one_is_told)
{
    pthread_t threads[4];
    open_chain(CMT_RELEASE_0_38, 5);
    open_service();
    atomic_store(&joined, 0);
    start();
    for (size_t i = 0; i < 4; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, join_it, NULL), 0);
    cmt_prune_service_stop(service);
    for (size_t i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    ck_assert_int_eq(atomic_load(&joined), 1);
    close_everything();
}
END_TEST

/* ---- beside who saves and loads --------------------------------------------------------------- */

static atomic_bool done;
static atomic_int wrong;

static void *load_blocks(void *unused)
{
    rng r = {5};
    cmt_buf bytes = CMT_BUF_INIT;
    (void)unused;
    while (!atomic_load(&done)) {
        int64_t low;
        int64_t high;
        cmt_error err = CMT_ERROR_INIT;
        int64_t given_up = 0;
        cmt_block_store_heights(chain.blocks, &low, &high);
        int64_t at = high - (int64_t)(rng_next(&r) % 20);
        cmt_status st = cmt_block_store_load_block(chain.blocks, at, &bytes, &err);
        cmt_status told =
            cmt_prune_service_retain_height(service, CMT_RETAIN_APPLICATION, &given_up, &err);
        if (told != CMT_OK || (st != CMT_OK && (st != CMT_NOT_FOUND || at >= given_up)))
            atomic_fetch_add(&wrong, 1);
    }
    cmt_buf_free(&bytes);
    return NULL;
}

/* The application asks for the last 40 blocks at each commit. */
START_TEST(it_prunes_while_blocks_are_saved)
{
    pthread_t loader;
    open_chain(_i == 0 ? CMT_RELEASE_0_38 : CMT_RELEASE_1_0, 50);
    options.clock_ns = NULL;
    options.interval_ns = 100000;
    options.data_companion = _i == 1;
    open_service();
    atomic_store(&done, false);
    start();
    ck_assert_int_eq(pthread_create(&loader, NULL, load_blocks, NULL), 0);
    for (int64_t height = 51; height <= 300; height++) {
        growing_step(&chain);
        set(CMT_RETAIN_APPLICATION, height - 40);
        if (_i == 1) {
            set(CMT_RETAIN_COMPANION, height - 45);
            set(CMT_RETAIN_RESULTS, height - 30);
        }
    }
    while (base() != (_i == 0 ? 260 : 255))
        sched_yield();
    atomic_store(&done, true);
    pthread_join(loader, NULL);
    cmt_prune_service_stop(service);
    join();
    ck_assert_int_eq(atomic_load(&wrong), 0);
    ck_assert_uint_eq(stats().failures, 0);
    ck_assert_int_eq(cmt_block_store_height(chain.blocks), 300);
    close_everything();
}
END_TEST

static void add_tests(TCase *tc)
{
    tcase_add_test(tc, it_looks_at_once_and_then_when_the_interval_is_over);
    tcase_add_test(tc, the_real_clock_is_enough);
    tcase_add_test(tc, every_call_answers_in_every_state);
    tcase_add_test(tc, a_forked_child_touches_nothing);
    tcase_add_test(tc, a_stop_does_not_wait_for_the_interval);
    tcase_add_test(tc, a_hook_may_stop_the_service_but_not_wait_for_it);
    tcase_add_test(tc, of_several_who_join_one_is_told);
    tcase_add_loop_test(tc, it_prunes_while_blocks_are_saved, 0, 2);
}

int main(void)
{
    return run_suite("prune_service_thread", add_tests);
}
