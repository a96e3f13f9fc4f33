/* SPDX-License-Identifier: Apache-2.0
 *
 * Flush, compaction and its outcomes, figures, dropping of files.
 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "contract.h"

static const cmt_range everything = {{NULL, 0}, {NULL, 0}};

static uint64_t sum(const uint64_t figures[CMT_DB_LEVELS])
{
    uint64_t total = 0;
    for (size_t level = 0; level < CMT_DB_LEVELS; level++)
        total += figures[level];
    return total;
}

static cmt_db_stats stats_now(void)
{
    cmt_db_stats stats;
    must(cmt_db_get_stats(reader(), &stats, &err));
    return stats;
}

START_TEST(figures_follow_what_is_written_and_flushed)
{
    put_many(0, 50, 10000, 1); /* half a memtable */
    cmt_db_stats stats = stats_now();
    ck_assert_uint_eq(sum(stats.tables), 0);
    if (backend == ON_MEMORY) {
        ck_assert_uint_eq(stats.memtable_bytes, 50 * 10009);
        return;
    }
    ck_assert_uint_ge(stats.log_bytes, 500000);
    ck_assert_uint_le(stats.log_bytes, 520000);
    must(cmt_db_flush(db, &err));
    stats = stats_now();
    ck_assert_uint_eq(sum(stats.tables), 1);
    ck_assert_uint_ge(sum(stats.table_bytes), 500000);
    ck_assert_uint_le(sum(stats.table_bytes), 520000);
    if (backend != ON_ROCKSDB)
        ck_assert_uint_eq(stats.log_bytes, 0);
    ck_assert_int_eq(stats.pending_known, backend == ON_ROCKSDB);
}
END_TEST

static void expect_counts(uint64_t entries, uint64_t deletions, uint64_t range_deletions)
{
    cmt_db_stats stats = stats_now();
    ck_assert_int_eq(stats.entries_known, backend == ON_ROCKSDB || backend == ON_MEMORY);
    if (!stats.entries_known)
        entries = deletions = range_deletions = 0;
    ck_assert_uint_eq(stats.entries, entries);
    ck_assert_uint_eq(stats.deletions, deletions);
    ck_assert_uint_eq(stats.range_deletions, range_deletions);
}

START_TEST(figures_count_entries_and_deletions_in_tables)
{
    bool tables = backend == ON_ROCKSDB;
    expect_counts(0, 0, 0);
    put_many(0, 300, 100, 1);
    expect_counts(tables ? 0 : 300, 0, 0);
    for (size_t i = 10; i < 30; i++) {
        char key[16];
        snprintf(key, sizeof key, "k%08zu", i);
        delete_key(text(key));
    }
    delete_range(text("k00000100"), text("k00000200"));
    must(cmt_db_flush(db, &err));
    expect_counts(tables ? 201 : 180, tables ? 20 : 0, tables ? 1 : 0);
    contract_reopen();
    expect_counts(tables ? 201 : 180, tables ? 20 : 0, tables ? 1 : 0);
    put_many(50, 1, 100, 2); /* a table that overlaps no other would be moved as it is */
    must(cmt_db_flush(db, &err));
    must(cmt_db_compact_range(db, everything, &err));
    expect_counts(180, 0, 0);
}
END_TEST

START_TEST(compaction_gives_the_space_of_deleted_keys_back)
{
    put_many(0, 800, 10000, 1); /* 8 MB */
    must(cmt_db_flush(db, &err));
    must(cmt_db_compact_range(db, everything, &err));
    uint64_t before = sum(stats_now().table_bytes);
    delete_range(text("k00000000"), text("k00000700"));
    must(cmt_db_compact_range(db, everything, &err));
    uint64_t after = sum(stats_now().table_bytes);
    expect_absent(reader(), text("k00000699"));
    cmt_db_iter *iter = new_iter(reader(), NULL);
    expect_on(iter, cmt_db_iter_first(iter, &err), text("k00000700"));
    cmt_db_iter_free(iter);
    if (backend == ON_MEMORY)
        return;
    ck_assert_uint_ge(before, 7900000);
    ck_assert_uint_le(after, 1100000);
}
END_TEST

START_TEST(compaction_of_a_part_leaves_the_pairs_as_they_are)
{
    put_edges();
    must(cmt_db_flush(db, &err));
    put_edges();
    must(cmt_db_flush(db, &err));
    for (size_t i = 0; i + 1 < EDGES; i += 3)
        must(cmt_db_compact_range(db, (cmt_range){edge(i), edge(i + 1)}, &err));
    must(cmt_db_compact_range(db, (cmt_range){edge(EDGES - 1), {NULL, 0}}, &err));
    must(cmt_db_compact_range(db, (cmt_range){text("b"), text("a")}, &err));
    bool there[EDGES];
    memset(there, true, sizeof there);
    expect_edges(reader(), there);
}
END_TEST

START_TEST(a_compaction_is_not_begun_while_cancelled)
{
    put_many(0, 100, 1000, 1);
    cmt_db_cancel_compaction(db, true);
    cmt_db_cancel_compaction(db, true);
    ck_assert_int_eq(cmt_db_compact_range(db, everything, &err), CMT_CANCELLED);
    ck_assert_ptr_nonnull(strstr(err.message, "stopped on request"));
    must(cmt_db_flush(db, &err));
    put_text("written", "meanwhile");
    cmt_db_cancel_compaction(db, false);
    must(cmt_db_compact_range(db, everything, &err));
    expect_value(reader(), text("written"), text("meanwhile"));
}
END_TEST

/* ---- stopped on the way ---------------------------------------------------------------------- */

typedef struct running {
    cmt_status status;
    cmt_error err;
} running;

static void *compact_all(void *argument)
{
    running *r = argument;
    r->status = cmt_db_compact_range(db, everything, &r->err);
    return NULL;
}

/* Two layers over the same keys, in many tables. */
static void write_layers(uint64_t seed)
{
    for (uint64_t layer = 0; layer < 2; layer++) {
        put_many(0, 1600, 10000, seed + layer);
        must(cmt_db_flush(db, &err));
    }
}

/* One compaction, cancelled from here a little after it has begun. */
static running cancel_one(long microseconds)
{
    running r = {CMT_OK, CMT_ERROR_INIT};
    pthread_t thread;
    ck_assert_int_eq(pthread_create(&thread, NULL, compact_all, &r), 0);
    nanosleep(&(struct timespec){0, microseconds * 1000}, NULL);
    cmt_db_cancel_compaction(db, true);
    pthread_join(thread, NULL);
    cmt_db_cancel_compaction(db, false);
    return r;
}

START_TEST(a_compaction_stopped_on_the_way_says_so_and_loses_nothing)
{
    int stopped = 0;
    for (uint64_t round = 0; round < 12 && stopped < 3; round++) {
        write_layers(round);
        running r = cancel_one((long)(round % 4) * 3000 + 1000);
        ck_assert_msg(r.status == CMT_OK || r.status == CMT_CANCELLED, "%s", r.err.message);
        stopped += r.status == CMT_CANCELLED;
    }
    ck_assert_int_gt(stopped, 0);
    must(cmt_db_compact_range(db, everything, &err));
    size_t found = 0;
    cmt_db_iter *iter = new_iter(db, NULL);
    for (cmt_status st = cmt_db_iter_first(iter, &err); st == CMT_OK; found++)
        st = cmt_db_iter_next(iter, &err);
    cmt_db_iter_free(iter);
    ck_assert_uint_eq(found, 1600);
}
END_TEST

START_TEST(a_compaction_that_fails_says_so)
{
    int status;
    close_db();
    long said = helper_run((const char *[]){"fail-compaction", dir, NULL}, &status);
    contract_reopen();
    /* Debian's RocksDB has its assertions on: where one ends the process, nobody is told a success. */
    if (backend == ON_ROCKSDB && WIFSIGNALED(status))
        ck_assert_int_eq(WTERMSIG(status), SIGABRT);
    else
        ck_assert_msg(said == CMT_IO || said == CMT_NO_SPACE, "the compaction said %ld", said);
    expect_value(db, text("k00000000 last"), text("1"));
}
END_TEST

/* ---- dropping files --------------------------------------------------------------------------- */

START_TEST(dropping_files_takes_the_range_and_only_it)
{
    put_many(0, 1000, 10000, 1);
    must(cmt_db_flush(db, &err));
    must(cmt_db_compact_range(db, everything, &err));
    uint64_t before = sum(stats_now().table_bytes);
    must(cmt_db_drop_files(db, (cmt_range){text("k00000100"), text("k00000900")}, &err));
    cmt_db_iter *iter = new_iter(db, &(cmt_range){text("k00000099"), text("")});
    expect_on(iter, cmt_db_iter_first(iter, &err), text("k00000099"));
    expect_on(iter, cmt_db_iter_next(iter, &err), text("k00000900"));
    expect_on(iter, cmt_db_iter_last(iter, &err), text("k00000999"));
    cmt_db_iter_free(iter);
    uint64_t after = sum(stats_now().table_bytes);
    ck_assert_uint_lt(after, before);
}
END_TEST

/* A file whose last key is the range's end, which lives. */
START_TEST(dropping_files_spares_a_file_that_ends_with_the_bound)
{
    put_text("a", "1");
    put_text("b", "2");
    must(cmt_db_flush(db, &err));
    must(cmt_db_compact_range(db, everything, &err));
    ck_assert_uint_eq(stats_now().tables[0], 0);
    must(cmt_db_drop_files(db, (cmt_range){text(""), text("b")}, &err));
    expect_absent(db, text("a"));
    expect_value(db, text("b"), text("2"));
    must(cmt_db_drop_files(db, (cmt_range){text(""), text("b\0")}, &err));
    expect_value(db, text("b"), text("2"));
    must(cmt_db_drop_files(db, (cmt_range){text(""), text("")}, &err));
    expect_absent(db, text("b"));
    contract_reopen();
    expect_absent(db, text("b"));
}
END_TEST

/* An older version in a deeper file must not come back when the file with the tombstone goes. */
START_TEST(dropping_files_brings_nothing_back)
{
    put_many(0, 1000, 10000, 1);
    must(cmt_db_flush(db, &err));
    must(cmt_db_compact_range(db, everything, &err));
    delete_range(text("k00000300"), text("k00000400"));
    must(cmt_db_flush(db, &err));
    must(cmt_db_drop_files(db, (cmt_range){text("k00000250"), text("k00000450")}, &err));
    contract_reopen();
    for (size_t i = 0; i < 1000; i += 10) {
        char key[16];
        cmt_buf value = CMT_BUF_INIT;
        snprintf(key, sizeof key, "k%08zu", i);
        cmt_status st = cmt_db_get(db, text(key), &value, &err);
        ck_assert_int_eq(st, i >= 250 && i < 450 ? CMT_NOT_FOUND : CMT_OK);
        cmt_buf_free(&value);
    }
}
END_TEST

TCase *compaction_cases(void)
{
    TCase *tc = tcase_create("compaction");
    tcase_add_checked_fixture(tc, contract_setup, contract_teardown);
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, figures_follow_what_is_written_and_flushed);
    tcase_add_test(tc, figures_count_entries_and_deletions_in_tables);
    tcase_add_test(tc, compaction_gives_the_space_of_deleted_keys_back);
    tcase_add_test(tc, compaction_of_a_part_leaves_the_pairs_as_they_are);
    if (backend == ON_VIEW)
        return tc;
    tcase_add_test(tc, a_compaction_is_not_begun_while_cancelled);
    if (backend == ON_MEMORY)
        return tc;
    tcase_add_test(tc, a_compaction_stopped_on_the_way_says_so_and_loses_nothing);
    tcase_add_test(tc, a_compaction_that_fails_says_so);
    if (backend != ON_ROCKSDB)
        return tc;
    tcase_add_test(tc, dropping_files_takes_the_range_and_only_it);
    tcase_add_test(tc, dropping_files_spares_a_file_that_ends_with_the_bound);
    tcase_add_test(tc, dropping_files_brings_nothing_back);
    return tc;
}
