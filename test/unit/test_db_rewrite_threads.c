/* SPDX-License-Identifier: Apache-2.0
 *
 * A database written anew while others write, read and walk through it.
 *
 * Each writer owns its keys and knows what it wrote last; in the end exactly that is there.  Each batch of a writer
 * writes one number to several keys, so that a reader can tell a half of one.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cmtstore/db_rewrite.h"
#include "files.h"
#include "instrumented.h"
#include "must.h"
#include "rng.h"
#include "suite.h"

#define WRITERS 2
#define READERS 2
#define GROUPS 60 /* of keys, for each writer */
#define GROUP_KEYS 4

enum { ON_LEVELDB, ON_ROCKSDB, ON_MEMORY, BACKENDS };

static cmt_db *db;
static char *top;
static char *dir;
static atomic_bool done;
static atomic_uint wrong;
static atomic_uint batches;

typedef struct writer {
    unsigned number;
    uint64_t seed;
    unsigned last[GROUPS]; /* what each group holds; 0: nothing */
} writer;

static cmt_status try_open(int backend)
{
    const cmt_db_open_options options = {
        .engine = backend == ON_ROCKSDB ? CMT_ENGINE_ROCKSDB : CMT_ENGINE_CLEVELDB,
        .create = true,
        .write_buffer_bytes = (size_t)1 << 20,
    };
    return backend == ON_MEMORY ? cmt_db_open_memory(&db, &error)
                                : cmt_db_open(dir, &options, &db, &error);
}

static cmt_slice group_key(char room[32], unsigned who, unsigned group, int key)
{
    int size = key < 0 ? snprintf(room, 32, "w%u/%03u", who, group)
                       : snprintf(room, 32, "w%u/%03u/%d", who, group, key);
    return (cmt_slice){(const uint8_t *)room, (size_t)size};
}

static void fill_value(uint8_t value[1000], unsigned content)
{
    memset(value, (int)(content & 0xff), 1000);
    memcpy(value, &content, sizeof content);
}

static cmt_status add_group(cmt_db_batch *batch, const writer *w, unsigned group, unsigned content)
{
    char room[32];
    uint8_t value[1000];
    fill_value(value, content);
    for (int k = 0; k < GROUP_KEYS; k++)
        CMT_TRY(cmt_db_batch_put(batch, group_key(room, w->number, group, k),
                                 (cmt_slice){value, 4 + content % (sizeof value - 3)}, NULL));
    return CMT_OK;
}

/* "w0/007" to "w0/008" holds the group. */
static cmt_status remove_group(cmt_db_batch *batch, const writer *w, unsigned group, bool as_range)
{
    char lo[32];
    char hi[32];
    if (as_range)
        return cmt_db_batch_delete_range(batch,
                                         (cmt_range){group_key(lo, w->number, group, -1),
                                                     group_key(hi, w->number, group + 1, -1)},
                                         NULL);
    for (int k = 0; k < GROUP_KEYS; k++)
        CMT_TRY(cmt_db_batch_delete(batch, group_key(lo, w->number, group, k), NULL));
    return CMT_OK;
}

/* So that nobody takes all of a processor: what is looked for is order, not load.  (RocksDB's reads slow down with
 * each range deletion in memory.) */
static void pace(void)
{
    nanosleep(&(struct timespec){0, 300000}, NULL);
}

static void count_wrong(bool ok)
{
    if (!ok)
        atomic_fetch_add(&wrong, 1);
}

static void *write_on(void *context)
{
    writer *w = context;
    rng r = {w->seed};
    cmt_db_batch *batch;
    if (cmt_db_batch_new(&batch, NULL) != CMT_OK)
        return NULL;
    for (unsigned n = 1; !atomic_load(&done); n++) {
        unsigned group = (unsigned)rng_between(&r, 0, GROUPS - 1);
        bool removes = rng_chance(&r, 25);
        cmt_db_batch_clear(batch);
        cmt_status st = removes ? remove_group(batch, w, group, rng_chance(&r, 10))
                                : add_group(batch, w, group, n);
        if (st == CMT_OK)
            st = cmt_db_write(db, batch, rng_chance(&r, 2), NULL);
        count_wrong(st == CMT_OK);
        w->last[group] = removes ? 0 : n;
        atomic_fetch_add(&batches, 1);
        pace();
    }
    cmt_db_batch_free(batch);
    return NULL;
}

/* The keys of a group that an iterator sees hold one number, and all of them are there. */
static bool looks_whole(cmt_db_iter *iter)
{
    unsigned keys = 0;
    unsigned first = 0;
    bool whole = true;
    cmt_status st = cmt_db_iter_first(iter, NULL);
    for (; st == CMT_OK; st = cmt_db_iter_next(iter, NULL)) {
        unsigned content;
        memcpy(&content, cmt_db_iter_value(iter).data, sizeof content);
        first = keys++ == 0 ? content : first;
        whole = whole && content == first;
    }
    return whole && st == CMT_NOT_FOUND && (keys == 0 || keys == GROUP_KEYS);
}

static void *look_on(void *context)
{
    rng r = {*(const uint64_t *)context};
    cmt_buf value = CMT_BUF_INIT;
    while (!atomic_load(&done)) {
        char lo[32];
        char hi[32];
        cmt_db_iter *iter;
        unsigned who = (unsigned)rng_between(&r, 0, WRITERS - 1);
        unsigned group = (unsigned)rng_between(&r, 0, GROUPS - 1);
        const cmt_range range = {group_key(lo, who, group, -1), group_key(hi, who, group + 1, -1)};
        cmt_status st = cmt_db_iter_new(db, &range, &iter, NULL);
        count_wrong(st == CMT_OK);
        if (st == CMT_OK) {
            count_wrong(looks_whole(iter));
            st =
                cmt_db_get(db, group_key(lo, who, group, 0), &value, NULL); /* beside an iterator */
            count_wrong(st == CMT_OK || st == CMT_NOT_FOUND);
            cmt_db_iter_free(iter);
        }
        pace();
    }
    cmt_buf_free(&value);
    return NULL;
}

static void expect_last(const writer *w)
{
    cmt_buf value = CMT_BUF_INIT;
    for (unsigned group = 0; group < GROUPS; group++)
        for (int k = 0; k < GROUP_KEYS; k++) {
            char room[32];
            unsigned content = 0;
            cmt_status st = cmt_db_get(db, group_key(room, w->number, group, k), &value, &error);
            ck_assert_int_eq(st, w->last[group] > 0 ? CMT_OK : CMT_NOT_FOUND);
            if (st == CMT_OK)
                memcpy(&content, value.data, sizeof content);
            ck_assert_uint_eq(content, w->last[group]);
        }
    cmt_buf_free(&value);
}

static uint64_t count_pairs(void)
{
    cmt_db_iter *iter;
    uint64_t pairs = 0;
    MUST(cmt_db_iter_new(db, NULL, &iter, &error));
    cmt_status st = cmt_db_iter_first(iter, &error);
    for (; st == CMT_OK; pairs++)
        st = cmt_db_iter_next(iter, &error);
    ck_assert_int_eq(st, CMT_NOT_FOUND);
    cmt_db_iter_free(iter);
    return pairs;
}

/* Between two chunks something is written. */
static bool let_others_write(void *unused, const cmt_progress *progress)
{
    (void)unused;
    (void)progress;
    for (unsigned before = atomic_load(&batches); atomic_load(&batches) < before + 3;)
        pace();
    return false;
}

static void *rewrite_once(void *result)
{
    cmt_error err = CMT_ERROR_INIT;
    const cmt_progress_hook hook = {let_others_write, NULL};
    const cmt_db_rewrite_options options = {.progress = &hook, .chunk_bytes = 20000};
    cmt_status st = cmt_db_rewrite(db, &options, result, &err);
    if (st == CMT_OK)
        return NULL;
    fprintf(stderr, "rewrite: %s\n", err.message);
    return result;
}

START_TEST(nothing_is_lost_and_nobody_sees_a_half)
{
    static const uint64_t seeds[READERS] = {11, 12};
    writer writers[WRITERS] = {{.number = 0, .seed = 1}, {.number = 1, .seed = 2}};
    pthread_t threads[WRITERS + READERS];
    top = files_temp();
    dir = files_path(top, "x.db");
    MUST(try_open(_i));
    atomic_store(&done, false);
    for (int i = 0; i < WRITERS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, write_on, &writers[i]), 0);
    for (int i = 0; i < READERS; i++)
        ck_assert_int_eq(pthread_create(&threads[WRITERS + i], NULL, look_on, (void *)&seeds[i]),
                         0);
    int rewrites = getenv("CMT_TEST_FULL") != NULL ? 100 : IF_INSTRUMENTED(4, 20);
    cmt_db_rewrite_result result = {0};
    for (int i = 0; i < rewrites; i++) {
        ck_assert_ptr_null(rewrite_once(&result));
    }
    atomic_store(&done, true);
    for (int i = 0; i < WRITERS + READERS; i++)
        pthread_join(threads[i], NULL);
    ck_assert_uint_eq(atomic_load(&wrong), 0);
    MUST(cmt_db_rewrite(db, NULL, &result, &error));
    ck_assert_uint_eq(result.pairs, count_pairs());
    if (_i != ON_MEMORY) {
        cmt_db_close(db);
        MUST(try_open(_i));
    }
    for (int i = 0; i < WRITERS; i++)
        expect_last(&writers[i]);
    cmt_db_close(db);
    free(dir);
    files_remove(top);
}
END_TEST

static bool wait_for_shutdown(void *context, const cmt_progress *progress)
{
    (void)progress;
    atomic_store((atomic_bool *)context, true);
    return false;
}

typedef struct stopped {
    cmt_db *held;
    atomic_bool begun;
    cmt_status ended;
} stopped;

static void *rewrite_until_stopped(void *context)
{
    stopped *s = context;
    cmt_db_rewrite_result result;
    const cmt_progress_hook hook = {wait_for_shutdown, &s->begun};
    const cmt_db_rewrite_options options = {.progress = &hook, .chunk_bytes = 1};
    do
        s->ended = cmt_db_rewrite(s->held, &options, &result, NULL);
    while (s->ended == CMT_OK);
    cmt_db_close(s->held);
    return NULL;
}

START_TEST(a_shutdown_stops_it)
{
    stopped s = {.ended = CMT_OK};
    pthread_t thread;
    writer w = {.number = 0};
    top = files_temp();
    dir = files_path(top, "x.db");
    MUST(try_open(_i));
    for (unsigned group = 0; group < GROUPS; group++) {
        cmt_db_batch *batch;
        MUST(cmt_db_batch_new(&batch, &error));
        MUST(add_group(batch, &w, group, group + 1));
        MUST(cmt_db_write(db, batch, false, &error));
        cmt_db_batch_free(batch);
    }
    s.held = cmt_db_hold(db);
    ck_assert_int_eq(pthread_create(&thread, NULL, rewrite_until_stopped, &s), 0);
    while (!atomic_load(&s.begun))
        continue;
    MUST(cmt_db_shutdown(&db, (int64_t)30 * 1000 * 1000 * 1000, &error));
    pthread_join(thread, NULL);
    ck_assert_int_eq(s.ended, CMT_CANCELLED);
    free(dir);
    files_remove(top);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("db_rewrite_threads");
    TCase *tc = tcase_create("threads");
    tcase_set_timeout(tc, 60);
    tcase_add_loop_test(tc, nothing_is_lost_and_nobody_sees_a_half, 0, BACKENDS);
    tcase_add_loop_test(tc, a_shutdown_stops_it, 0, BACKENDS);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
