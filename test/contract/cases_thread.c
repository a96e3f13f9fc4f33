/* SPDX-License-Identifier: Apache-2.0
 *
 * Several threads at one database: readers and a writer while it is compacted.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "contract.h"

#define ROUNDS 40
#define PAIR_KEYS 50

static atomic_bool done;
static atomic_int wrong;

/* Each round writes the same number to all keys in one batch. */
static void write_round(int round)
{
    char key[16];
    char value[16];
    cmt_db_batch *batch = new_batch();
    for (int i = 0; i < PAIR_KEYS; i++) {
        snprintf(key, sizeof key, "t%04d", i);
        snprintf(value, sizeof value, "%d", round);
        must(cmt_db_batch_put(batch, text(key), text(value), &err));
    }
    if (round % 3 == 0)
        must(cmt_db_batch_delete_range(batch, (cmt_range){text("u"), text("v")}, &err));
    write_batch(batch, round % 5 == 0);
}

/* One look through an iterator must see one round only. */
static void *look(void *unused)
{
    (void)unused;
    while (!atomic_load(&done)) {
        cmt_db_iter *iter;
        cmt_buf first = CMT_BUF_INIT;
        int seen = 0;
        if (cmt_db_iter_new(db, &(cmt_range){text("t"), text("u")}, &iter, NULL) != CMT_OK) {
            atomic_fetch_add(&wrong, 1);
            return NULL;
        }
        cmt_status st = cmt_db_iter_first(iter, NULL);
        if (st == CMT_OK && cmt_buf_set(&first, cmt_db_iter_value(iter)) != CMT_OK)
            atomic_fetch_add(&wrong, 1);
        for (; st == CMT_OK; seen++) {
            if (!cmt_slice_equal(cmt_db_iter_value(iter), cmt_buf_slice(&first)))
                atomic_fetch_add(&wrong, 1);
            st = cmt_db_iter_next(iter, NULL);
        }
        if (st != CMT_NOT_FOUND || seen != PAIR_KEYS)
            atomic_fetch_add(&wrong, 1);
        cmt_db_iter_free(iter);
        cmt_buf_free(&first);
    }
    return NULL;
}

static void *compact(void *unused)
{
    (void)unused;
    while (!atomic_load(&done))
        if (cmt_db_compact_range(db, (cmt_range){{NULL, 0}, {NULL, 0}}, NULL) != CMT_OK)
            atomic_fetch_add(&wrong, 1);
    return NULL;
}

START_TEST(readers_see_whole_batches_while_others_write_and_compact)
{
    pthread_t threads[3];
    atomic_store(&done, false);
    atomic_store(&wrong, 0);
    write_round(0);
    put_many(0, 300, 10000, 1);
    ck_assert_int_eq(pthread_create(&threads[0], NULL, look, NULL), 0);
    ck_assert_int_eq(pthread_create(&threads[1], NULL, look, NULL), 0);
    ck_assert_int_eq(pthread_create(&threads[2], NULL, compact, NULL), 0);
    for (int round = 1; round <= ROUNDS; round++) {
        write_round(round);
        put_many((size_t)round * 10, 30, 10000, (uint64_t)round);
    }
    atomic_store(&done, true);
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    ck_assert_int_eq(atomic_load(&wrong), 0);
    expect_value(db, text("t0000"), text("40"));
}
END_TEST

/* Saves and does nothing else. */
static void *write_on(void *unused)
{
    char key[16];
    cmt_db_batch *batch = new_batch();
    for (unsigned i = 0; !atomic_load(&done); i++) {
        snprintf(key, sizeof key, "w%u", i % 100);
        cmt_db_batch_clear(batch);
        if (cmt_db_batch_put(batch, text(key), text(key), NULL) != CMT_OK ||
            cmt_db_write(db, batch, true, NULL) != CMT_OK)
            atomic_fetch_add(&wrong, 1);
    }
    cmt_db_batch_free(batch);
    return unused;
}

/* What was deleted just now stands in the memtable, which an engine may leave there for the sake of the others. */
START_TEST(compaction_reaches_what_was_deleted_before_while_others_write)
{
    pthread_t threads[2];
    const cmt_range range = {text("k"), text("l")};
    atomic_store(&done, false);
    atomic_store(&wrong, 0);
    for (size_t i = 0; i < 2; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, write_on, NULL), 0);
    for (int round = 0; round < 20; round++) {
        uint64_t bytes = 0;
        put_many(0, 20, 10000, 1);
        must(cmt_db_flush(db, &err));
        delete_range(range.lo, range.hi);
        must(cmt_db_compact_range(db, range, &err));
        must(cmt_db_approximate_bytes(db, range, &bytes, &err));
        ck_assert_uint_lt(bytes, 100000);
    }
    atomic_store(&done, true);
    for (size_t i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    ck_assert_int_eq(atomic_load(&wrong), 0);
}
END_TEST

TCase *thread_cases(void)
{
    TCase *tc = tcase_create("threads");
    tcase_add_checked_fixture(tc, contract_setup, contract_teardown);
    tcase_set_timeout(tc, 60);
    if (backend == ON_VIEW)
        return tc;
    tcase_add_test(tc, readers_see_whole_batches_while_others_write_and_compact);
    tcase_add_test(tc, compaction_reaches_what_was_deleted_before_while_others_write);
    return tc;
}
