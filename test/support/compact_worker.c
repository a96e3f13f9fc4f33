/* SPDX-License-Identifier: Apache-2.0
 *
 * A background compactor over the pair of fake databases.
 */
#include "compact_worker.h"

#include <check.h>

#include <stdio.h>
#include <string.h>
#include <time.h>

cmt_compactor *worker;
cmt_compactor_options worker_options;
void (*worker_on_result)(void);

static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    uint64_t results;
    unsigned engine_failures;
    char engine_failure[600];
} heard = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static void hear_result(void *context, const cmt_compact_report *report)
{
    (void)context;
    (void)report;
    pthread_mutex_lock(&heard.lock);
    heard.results++;
    pthread_cond_broadcast(&heard.changed);
    pthread_mutex_unlock(&heard.lock);
    if (worker_on_result != NULL)
        worker_on_result();
}

static void hear_failure(void *context, const char *database, const cmt_error *failure)
{
    (void)context;
    pthread_mutex_lock(&heard.lock);
    heard.engine_failures++;
    snprintf(heard.engine_failure, sizeof heard.engine_failure, "%s: %s", database,
             failure->message);
    pthread_mutex_unlock(&heard.lock);
}

void worker_setup(void)
{
    pair_setup();
    worker = NULL;
    worker_on_result = NULL;
    worker_options = (cmt_compactor_options){
        .poll_ns = -1,
        .hooks = {.result = hear_result, .engine_failed = hear_failure},
    };
    pthread_mutex_lock(&heard.lock);
    heard.results = 0;
    heard.engine_failures = 0;
    pthread_mutex_unlock(&heard.lock);
}

void worker_teardown(void)
{
    fake_let_go(&pair_blocks);
    fake_let_go(&pair_states);
    cmt_compactor_stop(worker);
    cmt_status st = cmt_compactor_join(worker, 30 * SECOND, NULL, NULL);
    ck_assert_msg(st != CMT_BUSY, "the worker does not leave");
    ck_assert_int_eq(cmt_compactor_free(&worker), CMT_OK);
    pair_teardown();
}

void worker_make(void)
{
    ck_assert_int_eq(cmt_compactor_new(pair_flight, &worker_options, &worker, &pair_err), CMT_OK);
}

void worker_start(void)
{
    ck_assert_int_eq(cmt_compactor_start(worker, &pair_err), CMT_OK);
}

void worker_run(void)
{
    worker_make();
    worker_start();
}

void worker_stop(void)
{
    ck_assert_int_eq(cmt_compactor_stop(worker), CMT_OK);
}

cmt_status worker_join(cmt_compact_report *out)
{
    return cmt_compactor_join(worker, 30 * SECOND, out, &pair_err);
}

cmt_enqueue_result worker_enqueue(const char *label, unsigned lo, unsigned hi)
{
    pair_asked a;
    pair_ask(&a, lo, hi, 0, 0);
    a.request.label = label;
    cmt_enqueue_result result = cmt_compactor_try_enqueue(worker, &a.request);
    pair_release(&a);
    return result;
}

cmt_enqueue_result worker_ask(const char *label, cmt_compact_kind kind, unsigned databases)
{
    const cmt_compaction_request request = {.label = label, .kind = kind, .databases = databases};
    return cmt_compactor_try_enqueue(worker, &request);
}

void worker_wait(uint64_t tasks)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 30;
    int waited = 0;
    pthread_mutex_lock(&heard.lock);
    while (waited == 0 && heard.results < tasks)
        waited = pthread_cond_timedwait(&heard.changed, &heard.lock, &until);
    pthread_mutex_unlock(&heard.lock);
    ck_assert_int_eq(waited, 0);
}

cmt_compactor_stats worker_stats(void)
{
    cmt_compactor_stats stats;
    ck_assert_int_eq(cmt_compactor_get_stats(worker, &stats), CMT_OK);
    return stats;
}

unsigned worker_engine_failures(char *text, size_t size)
{
    pthread_mutex_lock(&heard.lock);
    unsigned count = heard.engine_failures;
    snprintf(text, size, "%s", heard.engine_failure);
    pthread_mutex_unlock(&heard.lock);
    return count;
}

void worker_wake(void)
{
    cmt_compact_flight_resume(pair_flight); /* nobody has stopped it: only the wake-up counts */
}
