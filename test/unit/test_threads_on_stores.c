/* SPDX-License-Identifier: Apache-2.0
 *
 * One thread saves, one prunes, others load, all through the same two handles.
 *
 * Runs as threads_in_memory, or as threads_on_engines: those are not instrumented, so a thread sanitizer has to be told.
 */
#include "growing_chain.h"

#include "cmtstore/pruner.h"
#include "instrumented.h"
#include "rng.h"
#include "suite.h"

#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

#define KEPT 50
#define LOADERS 2

static growing_chain chain;
static atomic_bool done;
static atomic_int wrong;
static atomic_llong retained; /* below, heights are pruned or being pruned */
static char what_was_wrong[512];
static pthread_mutex_t note_lock = PTHREAD_MUTEX_INITIALIZER;

static void note(const char *what, int64_t height, cmt_status st, const cmt_error *err)
{
    pthread_mutex_lock(&note_lock);
    if (atomic_fetch_add(&wrong, 1) == 0)
        snprintf(what_was_wrong, sizeof what_was_wrong, "%s %" PRId64 ": %s: %.300s", what, height,
                 cmt_status_text(st), err->message);
    pthread_mutex_unlock(&note_lock);
}

/* ---- loading --------------------------------------------------------------------------------- */

/* What is not there is being pruned; all else is as it was saved. */
static void judge(const char *what, int64_t height, cmt_status st, bool good, const cmt_error *err)
{
    if (st == CMT_NOT_FOUND ? height >= atomic_load(&retained) : st != CMT_OK || !good)
        note(what, height, st, err);
}

static void load_block(int64_t height, cmt_buf *bytes)
{
    cmt_error err = CMT_ERROR_INIT;
    cmt_block_meta meta;
    cmt_status st = cmt_block_store_load_meta(chain.blocks, height, &meta, &err);
    judge("meta", height, st, true, &err);
    bool has_meta = st == CMT_OK;
    st = cmt_block_store_load_block(chain.blocks, height, bytes, &err);
    judge("block", height, st, !has_meta || meta.block_size == (int64_t)bytes->size, &err);
    st = cmt_block_store_load_seen_commit(chain.blocks, height, bytes, NULL, &err);
    judge("seen commit", height, st, true, &err);
}

static void load_state_records(int64_t height, cmt_buf *bytes)
{
    cmt_error err = CMT_ERROR_INIT;
    cmt_status st = cmt_state_store_load_validators(chain.states, height, bytes, &err);
    judge("validators", height, st, bytes->size > 0, &err);
    st = cmt_state_store_load_params(chain.states, height, bytes, &err);
    judge("params", height, st, bytes->size > 0, &err);
    st = cmt_state_store_load_results(chain.states, height, bytes, &err);
    judge("results", height, st, bytes->size > 0, &err);
}

static void *load_things(void *seed)
{
    rng r = {*(const uint64_t *)seed};
    cmt_buf bytes = CMT_BUF_INIT;
    while (!atomic_load(&done)) {
        int64_t base;
        int64_t height;
        int64_t saved = 0;
        cmt_error err = CMT_ERROR_INIT;
        cmt_state state;
        if (cmt_state_store_load(chain.states, &state, &err) != CMT_OK)
            note("state", 0, err.code, &err);
        else
            saved = state.last_block_height;
        cmt_block_store_heights(chain.blocks, &base, &height);
        if (base > height || height < saved)
            note("heights", height, CMT_OK, &err);
        if (saved == 0 || saved < base)
            continue;
        int64_t at = base > 3 ? base - 3 : 1; /* near where the pruner is, or anywhere */
        at += (int64_t)(rng_next(&r) % (rng_next(&r) % 2 == 0 ? 6 : (uint64_t)(saved - at) + 1));
        if (at > saved)
            continue;
        load_block(at, &bytes);
        load_state_records(at, &bytes);
    }
    cmt_buf_free(&bytes);
    return NULL;
}

/* ---- pruning --------------------------------------------------------------------------------- */

static cmt_status prune_to(int64_t retain, const cmt_erase_options *options, cmt_error *err)
{
    cmt_state state;
    cmt_stores_prune_result result;
    growing_must(cmt_state_store_load(chain.states, &state, err), err);
    const cmt_stores_prune_request request = {
        .retain_height = retain,
        .initial_height = 1,
        .window = {.last_block_height = state.last_block_height,
                   .last_block_time = state.last_block_time,
                   .max_age_num_blocks = GROWING_EVIDENCE,
                   .max_age_duration_ns = 1},
        .sweep = true,
    };
    cmt_status st = cmt_stores_prune(chain.blocks, chain.states, &request, options, &result, err);
    cmt_stores_prune_result_free(&result);
    return st;
}

static void *prune_things(void *points)
{
    /* Small batches: more moments between them. */
    const cmt_erase_options options = {
        .batch_operations = 7, .points = points != NULL, .step_heights = 5, .range_heights = 1};
    while (!atomic_load(&done)) {
        cmt_error err = CMT_ERROR_INIT;
        int64_t base;
        int64_t height;
        cmt_block_store_heights(chain.blocks, &base, &height);
        if (height - KEPT <= base) {
            sched_yield();
            continue;
        }
        atomic_store(&retained, height - KEPT);
        cmt_status st = prune_to(height - KEPT, &options, &err);
        if (st != CMT_OK)
            note("prune to", height - KEPT, st, &err);
    }
    return NULL;
}

/* ---- all of it ------------------------------------------------------------------------------- */

/* A fresh pair of handles sees what the old one says; all kept blocks are whole. */
static void expect_whole(int64_t height)
{
    cmt_error err = CMT_ERROR_INIT;
    cmt_block_store *again = NULL;
    cmt_buf bytes = CMT_BUF_INIT;
    growing_must(cmt_block_store_open(chain.block_db, &again, &err), &err);
    ck_assert_int_eq(cmt_block_store_height(again), height);
    ck_assert_int_eq(cmt_block_store_height(chain.blocks), height);
    ck_assert_int_eq(cmt_block_store_base(again), cmt_block_store_base(chain.blocks));
    ck_assert_int_gt(cmt_block_store_base(again), 1);
    for (int64_t h = cmt_block_store_base(again); h <= height; h++) {
        growing_must(cmt_block_store_load_block(again, h, &bytes, &err), &err);
        growing_must(cmt_state_store_load_validators(chain.states, h, &bytes, &err), &err);
        growing_must(cmt_state_store_load_params(chain.states, h, &bytes, &err), &err);
        growing_must(cmt_state_store_load_results(chain.states, h, &bytes, &err), &err);
    }
    cmt_buf_free(&bytes);
    cmt_block_store_close(again);
}

static void all_at_once(growing_engine engine, bool points)
{
    static const uint64_t seeds[LOADERS] = {11, 12};
    int64_t heights = getenv("CMT_TEST_FULL") != NULL ? 20000 : IF_INSTRUMENTED(500, 1500);
    pthread_t threads[LOADERS + 1];
    chain = growing_open(engine, CMT_RELEASE_0_38);
    atomic_store(&done, false);
    atomic_store(&wrong, 0);
    atomic_store(&retained, 0);
    for (size_t i = 0; i < LOADERS; i++)
        ck_assert_int_eq(
            pthread_create(&threads[i], NULL, load_things, (void *)(uintptr_t)&seeds[i]), 0);
    ck_assert_int_eq(pthread_create(&threads[LOADERS], NULL, prune_things, points ? &chain : NULL),
                     0);
    growing_to(&chain, heights);
    cmt_error err = CMT_ERROR_INIT;
    while (cmt_block_store_base(chain.blocks) < heights - KEPT && atomic_load(&wrong) == 0)
        sched_yield();
    atomic_store(&done, true);
    for (size_t i = 0; i < LOADERS + 1; i++)
        pthread_join(threads[i], NULL);
    ck_assert_msg(atomic_load(&wrong) == 0, "%s", what_was_wrong);
    growing_must(prune_to(cmt_block_store_base(chain.blocks), NULL, &err), &err);
    expect_whole(heights);
    growing_close(&chain);
}

START_TEST(in_memory)
{
    all_at_once(GROWING_MEMORY, _i == 1);
}
END_TEST

START_TEST(on_leveldb)
{
    all_at_once(GROWING_LEVELDB, true);
}
END_TEST

START_TEST(on_rocksdb)
{
    all_at_once(GROWING_ROCKSDB, _i == 1);
}
END_TEST

/* ---- ranges run over heights that may not come meanwhile ---------------------------------------- */

/* The rule of a prune leaves room for a thousand heights. */
#define ROOM 1000

typedef struct rising {
    pthread_t saver;
    int64_t from;
    atomic_bool inside; /* of a step of the prune */
    atomic_bool passed; /* a block was saved there all the same */
    const char *database;
    int reports;
} rising;

static void *save_many(void *context)
{
    rising *r = context;
    while (chain.state.last_block_height < r->from + ROOM + 200) {
        growing_step(&chain);
        if (chain.state.last_block_height > r->from + ROOM + 2 && atomic_load(&r->inside))
            atomic_store(&r->passed, true);
    }
    return NULL;
}

static bool rise_inside(void *context, const cmt_progress *progress)
{
    rising *r = context;
    if (strcmp(progress->database, r->database) != 0 || r->reports++ > 0)
        return false;
    atomic_store(&r->inside, true);
    ck_assert_int_eq(pthread_create(&r->saver, NULL, save_many, r), 0);
    while (cmt_block_store_height(chain.blocks) < r->from + ROOM - 2)
        sched_yield();
    nanosleep(&(struct timespec){.tv_nsec = 30000000}, NULL); /* time to go wrong */
    atomic_store(&r->inside, false);
    return false;
}

START_TEST(who_saves_waits_where_ranges_are_being_deleted)
{
    rising r = {.from = 40, .database = _i == 0 ? "blockstore" : "state"};
    cmt_error err = CMT_ERROR_INIT;
    const cmt_progress_hook progress = {rise_inside, &r};
    const cmt_erase_options options = {.range_heights = 1, .progress = &progress};
    chain = growing_open(GROWING_MEMORY, CMT_RELEASE_0_38);
    growing_to(&chain, r.from);
    growing_must(prune_to(10, &options, &err), &err);
    pthread_join(r.saver, NULL);
    ck_assert_int_eq(r.reports, 1);
    ck_assert(!atomic_load(&r.passed));
    expect_whole(r.from + ROOM + 200);
    growing_close(&chain);
}
END_TEST

/* ---- who removes is alone ---------------------------------------------------------------------- */

static cmt_status second;
static cmt_status rollback;

static bool prune_inside(void *context, const cmt_progress *progress)
{
    (void)context;
    cmt_error err = CMT_ERROR_INIT;
    if (strcmp(progress->database, "blockstore") == 0) {
        second = prune_to(20, NULL, &err);
        rollback = cmt_block_store_delete_latest_block(chain.blocks, &err);
    }
    return false;
}

START_TEST(two_do_not_remove_at_once)
{
    cmt_error err = CMT_ERROR_INIT;
    const cmt_progress_hook progress = {prune_inside, NULL};
    const cmt_erase_options options = {.progress = &progress, .points = true};
    chain = growing_open(GROWING_MEMORY, CMT_RELEASE_0_38);
    growing_to(&chain, 40);
    growing_must(prune_to(10, &options, &err), &err);
    ck_assert_int_eq(second, CMT_BUSY);
    ck_assert_int_eq(rollback, CMT_BUSY);
    growing_must(prune_to(20, NULL, &err), &err);
    ck_assert_int_eq(cmt_block_store_base(chain.blocks), 20);
    growing_must(cmt_block_store_delete_latest_block(chain.blocks, &err), &err);
    growing_close(&chain);
}
END_TEST

/* ---- a record whose target a prune has removed --------------------------------------------------- */

static cmt_status seen_validators;
static cmt_status seen_params;

/* By points the lowest heights go first: 15 to 21 point at 14 (validators), 23 to 32 at 22 (params). */
static bool load_inside(void *context, const cmt_progress *progress)
{
    (void)context;
    cmt_error err = CMT_ERROR_INIT;
    cmt_buf bytes = CMT_BUF_INIT;
    if (strcmp(progress->database, "state") != 0)
        return false;
    for (int64_t h = 1; h < 60; h++) {
        cmt_status st = cmt_state_store_load_validators(chain.states, h, &bytes, &err);
        if (st != CMT_OK && st != CMT_NOT_FOUND)
            seen_validators = st;
        st = cmt_state_store_load_params(chain.states, h, &bytes, &err);
        if (st != CMT_OK && st != CMT_NOT_FOUND)
            seen_params = st;
    }
    cmt_buf_free(&bytes);
    return false;
}

START_TEST(a_record_that_is_going_is_there_or_not_and_never_damaged)
{
    cmt_error err = CMT_ERROR_INIT;
    const cmt_progress_hook progress = {load_inside, NULL};
    const cmt_erase_options options = {
        .progress = &progress, .points = true, .batch_operations = 1};
    chain = growing_open(GROWING_MEMORY, CMT_RELEASE_0_38);
    growing_to(&chain, 200);
    growing_must(prune_to(150, &options, &err), &err);
    ck_assert_int_eq(seen_validators, CMT_OK);
    ck_assert_int_eq(seen_params, CMT_OK);
    growing_close(&chain);
}
END_TEST

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "threads_in_memory";
    Suite *suite = suite_create(name);
    TCase *tc = tcase_create(name);
    tcase_set_timeout(tc, 60);
    if (strcmp(name, "threads_on_engines") == 0) {
        tcase_add_test(tc, on_leveldb);
        tcase_add_loop_test(tc, on_rocksdb, 0, 2);
    } else {
        tcase_add_loop_test(tc, in_memory, 0, 2);
        tcase_add_loop_test(tc, who_saves_waits_where_ranges_are_being_deleted, 0, 2);
        tcase_add_test(tc, two_do_not_remove_at_once);
        tcase_add_test(tc, a_record_that_is_going_is_there_or_not_and_never_damaged);
    }
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
