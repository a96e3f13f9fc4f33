/* SPDX-License-Identifier: Apache-2.0
 *
 * The background compactor with a journal: jobs are durable before they run, what was finished afterwards, and a process
 * that ends at any time is followed by one that goes on.
 */
#include "compact_worker.h"
#include "files.h"
#include "suite.h"

#include <check.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PRUNE CMT_COMPACT_LABEL_PRUNE
#define MANUAL CMT_COMPACT_LABEL_MANUAL

static char *dir;
static cmt_compact_journal *journal;

static int64_t wall(void *context)
{
    (void)context;
    return pair_now_ns;
}

static cmt_compact_journal *open_journal(void)
{
    const cmt_compact_journal_options options = {.data_dir = dir, .clock_ns = wall};
    cmt_compact_journal *out;
    ck_assert_int_eq(cmt_compact_journal_open(&options, &out, &pair_err), CMT_OK);
    return out;
}

static void setup(void)
{
    worker_setup();
    dir = files_temp();
    journal = open_journal();
    worker_options.journal = journal;
}

static void teardown(void)
{
    worker_teardown();
    cmt_compact_journal_close(journal);
    files_remove(dir);
}

/* A request of places [lo,hi) of both, with a cookie each. */
static cmt_enqueue_result enqueue(const char *label, unsigned lo, unsigned hi, const char *cookie)
{
    pair_asked a;
    pair_ask(&a, lo, hi, lo, hi);
    a.request.label = label;
    a.request.state_cookie = (cmt_slice){(const uint8_t *)cookie, strlen(cookie)};
    a.request.blockstore_cookie = a.request.state_cookie;
    cmt_enqueue_result result = cmt_compactor_try_enqueue(worker, &a.request);
    pair_release(&a);
    return result;
}

static void expect_cookie(cmt_compact_journal *of, cmt_journal_side side, const char *cookie)
{
    const cmt_journal_database known = cmt_compact_journal_database(of, side);
    ck_assert_uint_eq(known.cookie_size, strlen(cookie));
    ck_assert_int_eq(memcmp(known.cookie, cookie, strlen(cookie)), 0);
}

/* The newest job as another process would find it. */
static cmt_job newest(size_t jobs)
{
    cmt_job all[CMT_JOURNAL_OPEN + CMT_JOURNAL_ENDED];
    cmt_compact_journal *other = open_journal();
    ck_assert_uint_eq(cmt_compact_journal_jobs(other, all, CMT_JOURNAL_OPEN + CMT_JOURNAL_ENDED),
                      jobs);
    cmt_compact_journal_close(other);
    return all[0];
}

/* Everything in memory is gone: another flight, another compactor, the journal read from its file. */
static void restart(void)
{
    fake_let_go(&pair_blocks);
    fake_let_go(&pair_states);
    worker_teardown();
    cmt_compact_journal_close(journal);
    worker_setup();
    journal = open_journal();
    worker_options.journal = journal;
}

/* ---- a job ---------------------------------------------------------------------------------------- */

START_TEST(a_job_is_durable_before_its_first_slice_and_done_after_its_last)
{
    worker_run();
    fake_behave(&pair_states, FAKE_HOLDS);
    ck_assert_int_eq(enqueue(PRUNE, 0, 10, "ten"), CMT_ENQUEUED);
    fake_wait_for_call(&pair_states);
    cmt_job job = newest(1);
    ck_assert_int_eq(job.status, CMT_JOB_SUBMITTED); /* what runs is found submitted */
    ck_assert_uint_eq(job.attempts, 1);
    ck_assert_str_eq(job.label, PRUNE);
    ck_assert(job.databases[CMT_JOURNAL_STATE] && job.databases[CMT_JOURNAL_BLOCKSTORE]);
    expect_cookie(journal, CMT_JOURNAL_STATE, "");
    fake_let_go(&pair_states);
    worker_wait(1);
    job = newest(1);
    ck_assert_int_eq(job.status, CMT_JOB_COMPLETED);
    expect_cookie(journal, CMT_JOURNAL_STATE, "ten");
    expect_cookie(journal, CMT_JOURNAL_BLOCKSTORE, "ten");
    const cmt_journal_database known = cmt_compact_journal_database(journal, CMT_JOURNAL_STATE);
    ck_assert_int_eq(known.last_ns, pair_now_ns);
    ck_assert_uint_eq(known.counts.tombstones, 0);
}
END_TEST

START_TEST(what_is_held_back_is_no_job_and_counts)
{
    worker_options.schedule.min_work = 1000;
    worker_run();
    ck_assert_int_eq(enqueue(PRUNE, 0, 10, "ten"), CMT_ENQUEUED);
    worker_wait(1);
    worker_stop();
    ck_assert_int_eq(worker_join(NULL), CMT_OK); /* which makes the counters durable */
    cmt_job job;
    ck_assert_uint_eq(cmt_compact_journal_jobs(journal, &job, 1), 0);
    expect_cookie(journal, CMT_JOURNAL_STATE, "");
    restart();
    const cmt_journal_database known = cmt_compact_journal_database(journal, CMT_JOURNAL_STATE);
    ck_assert_uint_eq(known.counts.tombstones, 7);
    ck_assert_uint_eq(known.counts.heights, 3);
}
END_TEST

/* ---- a process that ended -------------------------------------------------------------------------- */

START_TEST(a_job_that_ran_when_the_process_ended_begins_again)
{
    worker_run();
    fake_behave(&pair_states, FAKE_HOLDS);
    ck_assert_int_eq(enqueue(PRUNE, 0, 10, "ten"), CMT_ENQUEUED);
    fake_wait_for_call(&pair_states);
    /* What the file says now is what a killed process leaves. */
    cmt_buf left = files_read(dir, "cmtstore/compactor.journal");
    restart();
    cmt_compact_journal_close(journal);
    files_write(dir, "cmtstore/compactor.journal", cmt_buf_slice(&left));
    cmt_buf_free(&left);
    journal = open_journal();
    worker_options.journal = journal;
    worker_make();
    ck_assert_uint_eq(worker_stats().waiting, 1);
    pair_expect_remembered(0, 10);
    worker_start();
    worker_wait(1);
    fake_expect(&pair_blocks, 0, 10, 1);
    fake_expect(&pair_states, 0, 10, 1);
    const cmt_job job = newest(1);
    ck_assert_int_eq(job.status, CMT_JOB_COMPLETED);
    ck_assert_uint_eq(job.attempts, 2);
}
END_TEST

START_TEST(a_job_that_was_stopped_goes_on_where_it_was)
{
    worker_run();
    fake_behave(&pair_blocks, FAKE_HOLDS_TO_THE_END);
    ck_assert_int_eq(worker_enqueue(PRUNE, 0, 30000), CMT_ENQUEUED);
    fake_wait_for_call(&pair_blocks);
    worker_stop();
    fake_let_go(&pair_blocks); /* the first slice is done */
    ck_assert_int_eq(worker_join(NULL), CMT_OK);
    ck_assert_int_eq(newest(1).status, CMT_JOB_SUBMITTED);
    unsigned done = 0;
    while (pair_blocks.compacted[done] > 0)
        done++;
    restart();
    worker_make();
    pair_expect_remembered(done, 30000);
    worker_start();
    worker_wait(1);
    fake_expect(&pair_blocks, 0, done, 0);
    fake_expect(&pair_blocks, done, 30000, 1);
    ck_assert_int_eq(newest(1).status, CMT_JOB_COMPLETED);
}
END_TEST

START_TEST(a_job_that_failed_waits_also_across_a_restart)
{
    worker_options.schedule.interval_ns = 3600 * SECOND;
    worker_options.schedule.retry_ns = 100 * SECOND;
    worker_run();
    fake_behave(&pair_states, FAKE_FAILS);
    ck_assert_int_eq(enqueue(MANUAL, 0, 10, "ten"), CMT_ENQUEUED);
    worker_wait(1);
    const cmt_job job = newest(1);
    ck_assert_int_eq(job.status, CMT_JOB_FAILED);
    ck_assert_str_eq(job.error, "the engine's \"own\" words");
    expect_cookie(journal, CMT_JOURNAL_BLOCKSTORE, "ten"); /* the other is done */
    expect_cookie(journal, CMT_JOURNAL_STATE, "");
    restart();
    pair_now_ns = 31 * SECOND;
    worker_options.schedule.interval_ns = 3600 * SECOND;
    worker_options.schedule.retry_ns = 100 * SECOND;
    worker_run();
    ck_assert_int_eq(worker_stats().retry_in_ns, 70 * SECOND);
    pair_now_ns += 70 * SECOND;
    worker_wake();
    worker_wait(1);
    fake_expect(&pair_states, 0, 10, 1);
    ck_assert_int_eq(newest(1).status, CMT_JOB_COMPLETED);
}
END_TEST

START_TEST(a_small_queue_takes_all_that_the_journal_has_open)
{
    char label[8];
    worker_options.schedule.retry_ns = 100 * SECOND;
    worker_run();
    fake_behave(&pair_blocks, FAKE_FAILS);
    for (unsigned i = 0; i < 3; i++) {
        snprintf(label, sizeof label, "l%u", i);
        ck_assert_int_eq(worker_enqueue(label, 100 * i, 100 * i + 10), CMT_ENQUEUED);
        worker_wait(i + 1);
    }
    restart();
    worker_options.queue_size = 1;
    pair_now_ns = 1000 * SECOND;
    worker_make();
    ck_assert_uint_eq(worker_stats().waiting, 3);
    worker_start();
    worker_wait(3);
    for (unsigned i = 0; i < 3; i++)
        fake_expect(&pair_blocks, 100 * i, 100 * i + 10, 1);
    ck_assert_int_eq(newest(3).status, CMT_JOB_COMPLETED);
}
END_TEST

/* ---- a journal that cannot be written --------------------------------------------------------------- */

START_TEST(without_a_durable_job_nothing_begins)
{
    char *path = files_path(dir, "cmtstore");
    int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600); /* where a directory should be */
    ck_assert_int_ge(fd, 0);
    close(fd);
    worker_run();
    ck_assert_int_eq(enqueue(PRUNE, 0, 10, "ten"), CMT_ENQUEUED);
    worker_wait(1);
    ck_assert_uint_eq(pair_states.calls + pair_blocks.calls, 0);
    pair_expect_remembered(0, 10);
    ck_assert_ptr_nonnull(strstr(pair_log, "ERROR compaction_error label=post_pruning_compaction"));
    ck_assert_int_eq(worker_stats().state, CMT_COMPACTOR_RUNNING);
    ck_assert_int_eq(unlink(path), 0);
    free(path);
    pair_now_ns += 3600 * SECOND;
    worker_wake();
    worker_wait(2);
    fake_expect(&pair_states, 0, 10, 1);
    expect_cookie(journal, CMT_JOURNAL_STATE, "ten");
}
END_TEST

/* ---- what others do --------------------------------------------------------------------------------- */

START_TEST(what_somebody_else_compacted_is_written_too)
{
    pair_asked a;
    pair_ask(&a, 0, 10, 0, 0);
    a.request.blockstore_cookie = CMT_SLICE("by hand");
    ck_assert_int_eq(cmt_compact_now(pair_flight, &a.request, NULL, NULL, &pair_err), CMT_OK);
    worker_run();
    while (cmt_compact_journal_database(journal, CMT_JOURNAL_BLOCKSTORE).cookie_size == 0)
        usleep(1000);
    expect_cookie(journal, CMT_JOURNAL_BLOCKSTORE, "by hand");
    a.request.blockstore_cookie = CMT_SLICE("again, by hand");
    ck_assert_int_eq(cmt_compact_now(pair_flight, &a.request, NULL, NULL, &pair_err), CMT_OK);
    pair_release(&a);
    while (cmt_compact_journal_database(journal, CMT_JOURNAL_BLOCKSTORE).cookie_size != 14)
        usleep(1000);
    worker_stop();
    ck_assert_int_eq(worker_join(NULL), CMT_OK);
    ck_assert_int_eq(newest(2).status, CMT_JOB_COMPLETED);
    ck_assert_str_eq(newest(2).label, PRUNE);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("compactor_durable");
    TCase *tc = tcase_create("compactor_durable");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, a_job_is_durable_before_its_first_slice_and_done_after_its_last);
    tcase_add_test(tc, what_is_held_back_is_no_job_and_counts);
    tcase_add_test(tc, a_job_that_ran_when_the_process_ended_begins_again);
    tcase_add_test(tc, a_job_that_was_stopped_goes_on_where_it_was);
    tcase_add_test(tc, a_job_that_failed_waits_also_across_a_restart);
    tcase_add_test(tc, a_small_queue_takes_all_that_the_journal_has_open);
    tcase_add_test(tc, without_a_durable_job_nothing_begins);
    tcase_add_test(tc, what_somebody_else_compacted_is_written_too);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
