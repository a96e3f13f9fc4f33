/* SPDX-License-Identifier: Apache-2.0
 *
 * Tasks that wait for the background worker: which become one, when there is no room, whose turn it is.
 */
#include "compact_worker.h"
#include "queue.h"
#include "suite.h"

#include <check.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PRUNE CMT_COMPACT_LABEL_PRUNE
#define MANUAL CMT_COMPACT_LABEL_MANUAL

/* ---- by itself ----------------------------------------------------------------------------------- */

static cmt_compactor__queue queue;

static cmt_compactor__task task(const char *label, unsigned databases)
{
    cmt_compactor__task out = {.databases = databases, .deleted_keys = 5, .heights = 2};
    snprintf(out.label, sizeof out.label, "%s", label);
    snprintf(out.trigger, sizeof out.trigger, "first");
    return out;
}

static cmt_enqueue_result add(const char *label, unsigned databases)
{
    const cmt_compactor__task t = task(label, databases);
    return cmt_compactor__queue_add(&queue, &t);
}

static void make(size_t size)
{
    ck_assert_int_eq(cmt_compactor__queue_init(&queue, size, 0, NULL), CMT_OK);
}

static void release(void)
{
    cmt_compactor__queue_fini(&queue);
}

START_TEST(the_same_databases_kind_and_label_become_one)
{
    int64_t next_ns;
    make(4);
    ck_assert_int_eq(add(PRUNE, CMT_COMPACT_BOTH), CMT_ENQUEUED);
    cmt_compactor__task newer = task(PRUNE, CMT_COMPACT_BOTH);
    snprintf(newer.trigger, sizeof newer.trigger, "second");
    ck_assert_int_eq(cmt_compactor__queue_add(&queue, &newer), CMT_ENQUEUE_COALESCED);
    newer.kind = CMT_COMPACT_KIND_FULL;
    ck_assert_int_eq(cmt_compactor__queue_add(&queue, &newer), CMT_ENQUEUED);
    ck_assert_int_eq(add(PRUNE, CMT_COMPACT_STATE), CMT_ENQUEUED);
    ck_assert_int_eq(add(MANUAL, CMT_COMPACT_BOTH), CMT_ENQUEUED);
    ck_assert_int_eq(add("another", CMT_COMPACT_BOTH), CMT_ENQUEUE_BUSY);
    ck_assert_int_eq(add(MANUAL, CMT_COMPACT_BOTH), CMT_ENQUEUE_COALESCED);
    ck_assert_uint_eq(cmt_compactor__queue_ready(&queue, 0, &next_ns), 0);
    const cmt_compactor__task first = cmt_compactor__queue_take(&queue, 0);
    ck_assert_uint_eq(first.deleted_keys, 10);
    ck_assert_int_eq(first.heights, 4);
    ck_assert_str_eq(first.trigger, "second");
    ck_assert_uint_eq(queue.count, 3);
    ck_assert_int_eq(queue.tasks[0].kind, CMT_COMPACT_KIND_FULL);
    release();
}
END_TEST

START_TEST(whose_time_has_not_come_lets_others_pass)
{
    int64_t next_ns;
    make(3);
    cmt_compactor__task later = task("later", CMT_COMPACT_BOTH);
    later.not_before_ns = 100;
    ck_assert_int_eq(cmt_compactor__queue_add(&queue, &later), CMT_ENQUEUED);
    ck_assert_uint_eq(cmt_compactor__queue_ready(&queue, 50, &next_ns), SIZE_MAX);
    ck_assert_int_eq(next_ns, 100);
    ck_assert_int_eq(add(MANUAL, CMT_COMPACT_BOTH), CMT_ENQUEUED);
    ck_assert_uint_eq(cmt_compactor__queue_ready(&queue, 50, &next_ns), 1);
    ck_assert_uint_eq(cmt_compactor__queue_ready(&queue, 100, &next_ns), 0);
    cmt_compactor__queue_take(&queue, 1);
    cmt_compactor__queue_take(&queue, 0);
    ck_assert_uint_eq(cmt_compactor__queue_ready(&queue, 100, &next_ns), SIZE_MAX);
    ck_assert_int_eq(next_ns, INT64_MAX);
    release();
}
END_TEST

START_TEST(what_is_put_back_is_in_front_and_takes_its_like_along)
{
    make(2);
    ck_assert_int_eq(add("other", CMT_COMPACT_BOTH), CMT_ENQUEUED);
    ck_assert_int_eq(add(PRUNE, CMT_COMPACT_BOTH), CMT_ENQUEUED);
    cmt_compactor__task failed = task(PRUNE, CMT_COMPACT_BOTH);
    failed.failures = 1;
    failed.not_before_ns = 7;
    cmt_compactor__queue_put_back(&queue, &failed);
    ck_assert_uint_eq(queue.count, 2);
    ck_assert_str_eq(queue.tasks[0].label, PRUNE);
    ck_assert_int_eq(queue.tasks[0].not_before_ns, 7);
    ck_assert_uint_eq(queue.tasks[0].failures, 1);
    ck_assert_uint_eq(queue.tasks[0].deleted_keys, 10);
    ck_assert_str_eq(queue.tasks[1].label, "other");
    failed = task("third", CMT_COMPACT_BOTH);
    cmt_compactor__queue_put_back(&queue, &failed); /* the room of the task that ran */
    ck_assert_uint_eq(queue.count, 3);
    ck_assert_int_eq(add("fourth", CMT_COMPACT_BOTH), CMT_ENQUEUE_BUSY);
    release();
}
END_TEST

/* ---- behind a worker that is held ---------------------------------------------------------------- */

static void hold_the_worker(size_t queue_size)
{
    worker_options.queue_size = queue_size;
    worker_run();
    fake_behave(&pair_blocks, FAKE_HOLDS_TO_THE_END);
    ck_assert_int_eq(worker_enqueue(PRUNE, 0, 10), CMT_ENQUEUED);
    fake_wait_for_call(&pair_blocks);
}

START_TEST(a_queue_of_one_holds_one_behind_the_one_that_runs)
{
    hold_the_worker(1);
    /* Never with the one that runs: it may be behind these keys already. */
    ck_assert_int_eq(worker_enqueue(PRUNE, 100, 110), CMT_ENQUEUED);
    ck_assert_int_eq(worker_enqueue(PRUNE, 200, 210), CMT_ENQUEUE_COALESCED);
    ck_assert_int_eq(worker_enqueue(MANUAL, 300, 310), CMT_ENQUEUE_BUSY);
    ck_assert_uint_eq(worker_stats().waiting, 1);
    fake_let_go(&pair_blocks);
    worker_wait(2);
    fake_expect(&pair_blocks, 0, 10, 1);
    fake_expect(&pair_blocks, 100, 110, 1);
    fake_expect(&pair_blocks, 200, 210, 1);
    fake_expect(&pair_blocks, 300, 310, 1); /* refused, and not forgotten */
    const cmt_compactor_stats stats = worker_stats();
    ck_assert_uint_eq(stats.enqueued, 2);
    ck_assert_uint_eq(stats.coalesced, 1);
    ck_assert_uint_eq(stats.busy, 1);
    ck_assert_uint_eq(stats.tasks, 2);
    ck_assert_uint_eq(stats.counts.remembered_blockstore, 0);
}
END_TEST

START_TEST(a_queue_of_sixteen_holds_sixteen)
{
    char label[8];
    hold_the_worker(0);
    ck_assert_uint_eq(worker_stats().queue_size, 16);
    for (unsigned i = 0; i < 20; i++) {
        snprintf(label, sizeof label, "l%u", i);
        ck_assert_int_eq(worker_enqueue(label, 100 * i, 100 * i + 10),
                         i < 16 ? CMT_ENQUEUED : CMT_ENQUEUE_BUSY);
    }
    ck_assert_uint_eq(worker_stats().waiting, 16);
    fake_let_go(&pair_blocks);
    worker_wait(17);
    for (unsigned i = 1; i < 20; i++)
        fake_expect(&pair_blocks, 100 * i, 100 * i + 10, 1);
    fake_expect(&pair_blocks, 0, 10, 2); /* asked for again while it was being done */
}
END_TEST

START_TEST(a_queue_may_not_be_any_size)
{
    worker_options.queue_size = CMT_COMPACTOR_QUEUE_MAX + 1;
    ck_assert_int_eq(cmt_compactor_new(pair_flight, &worker_options, &worker, &pair_err),
                     CMT_INVALID);
    ck_assert_ptr_null(worker);
    worker_options.queue_size = CMT_COMPACTOR_QUEUE_MAX;
    worker_make();
}
END_TEST

START_TEST(what_is_disabled_is_remembered)
{
    worker_options.disabled = true;
    worker_run();
    ck_assert(!cmt_compactor_is_running(worker));
    ck_assert_int_eq(worker_enqueue(MANUAL, 0, 10), CMT_ENQUEUE_DISABLED);
    pair_expect_remembered(0, 10);
    ck_assert_int_eq(worker_join(NULL), CMT_NOT_FOUND);
    ck_assert_uint_eq(worker_stats().refused, 1);
}
END_TEST

START_TEST(a_replica_compacts_only_when_asked)
{
    worker_options.schedule.role = CMT_ROLE_REPLICA;
    worker_options.poll_ns = 1;
    worker_run();
    ck_assert_int_eq(worker_enqueue(PRUNE, 0, 10), CMT_ENQUEUE_DISABLED);
    pair_expect_remembered(0, 10);
    ck_assert_int_eq(worker_enqueue(MANUAL, 20, 30), CMT_ENQUEUED);
    worker_wait(1);
    fake_expect(&pair_blocks, 20, 30, 1);
    ck_assert_uint_eq(worker_stats().polls, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("compactor_queue");
    TCase *alone = tcase_create("alone");
    tcase_add_test(alone, the_same_databases_kind_and_label_become_one);
    tcase_add_test(alone, whose_time_has_not_come_lets_others_pass);
    tcase_add_test(alone, what_is_put_back_is_in_front_and_takes_its_like_along);
    suite_add_tcase(suite, alone);
    TCase *held = tcase_create("held");
    tcase_add_checked_fixture(held, worker_setup, worker_teardown);
    tcase_set_timeout(held, 60);
    tcase_add_test(held, a_queue_of_one_holds_one_behind_the_one_that_runs);
    tcase_add_test(held, a_queue_of_sixteen_holds_sixteen);
    tcase_add_test(held, a_queue_may_not_be_any_size);
    tcase_add_test(held, what_is_disabled_is_remembered);
    tcase_add_test(held, a_replica_compacts_only_when_asked);
    suite_add_tcase(suite, held);
    return suite_run(suite);
}
