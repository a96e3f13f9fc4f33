/* SPDX-License-Identifier: Apache-2.0
 *
 * Opening a view: which MANIFEST counts, what is refused, and that a database is seen whole while
 * LevelDB writes it.
 */
#include "cmtstore/lsm.h"

#include "cleanup.h"
#include "engine.h"
#include "files.h"
#include "pairs.h"
#include "shape.h"
#include "suite.h"

#include <check.h>

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char *top;
static char *dir;
static cmt_error err;

static void setup(void)
{
    err = (cmt_error)CMT_ERROR_INIT;
    top = files_temp();
    dir = files_make_dir(top, "x.db");
}

static void teardown(void)
{
    free(dir);
    files_remove(top);
}

static cmt_slice text(const char *s)
{
    return (cmt_slice){(const uint8_t *)s, strlen(s)};
}

static void expect_pairs(const char *pairs)
{
    uint64_t before = files_hash(dir);
    char *ours = pairs_of_view(dir);
    ck_assert_str_eq(ours, pairs);
    free(ours);
    ck_assert_uint_eq(files_hash(dir), before);
}

static void expect_refusal(cmt_status status)
{
    cmt_lsm_view *view = NULL;
    uint64_t before = files_exist(dir, ".") ? files_hash(dir) : 0;
    cmt_status st = cmt_lsm_view_open(dir, NULL, &view, &err);
    ck_assert_msg(st == status, "%s: %s", cmt_status_text(st), err.message);
    ck_assert_ptr_null(view);
    ck_assert_msg(strstr(err.message, dir) != NULL, "%s", err.message);
    ck_assert_uint_eq(files_exist(dir, ".") ? files_hash(dir) : 0, before);
}

/* A MANIFEST of its own number with one table that holds k=<number>. */
static void write_state(uint64_t number)
{
    shape s;
    char name[CMT_LSM_NAME_MAX];
    char value[24];
    snprintf(value, sizeof value, "%llu", (unsigned long long)number);
    const shape_entry entry = {"k", 1, value};
    pairs_must(shape_begin(&s, dir, &err), &err);
    s.counters.next_file_number = number + 1;
    s.counters.log_number = number;
    pairs_must(shape_table(&s, 1, &entry, 1, &err), &err);
    pairs_must(shape_finish(&s, &err), &err);
    shape_end(&s);
    snprintf(name, sizeof name, "MANIFEST-%06llu", (unsigned long long)number);
    char *from = files_path(dir, "MANIFEST-000001");
    char *to = files_path(dir, name);
    char *current = files_path(dir, "CURRENT");
    ck_assert_int_eq(rename(from, to), 0);
    ck_assert_int_eq(unlink(current), 0);
    free(from);
    free(to);
    free(current);
}

/* ---- CURRENT --------------------------------------------------------------------------------- */

START_TEST(current_names_the_manifest)
{
    write_state(10);
    write_state(20);
    files_write(dir, "CURRENT", CMT_SLICE("MANIFEST-000010\n"));
    expect_pairs("k=10\n");
    files_write(dir, "CURRENT", CMT_SLICE("MANIFEST-000020\n"));
    expect_pairs("k=20\n");
}
END_TEST

START_TEST(a_directory_or_current_that_is_not_there_is_not_found)
{
    expect_refusal(CMT_NOT_FOUND);
    write_state(10);
    files_write(dir, "CURRENT.bak", CMT_SLICE("MANIFEST-000010\n"));
    expect_refusal(CMT_NOT_FOUND);
    free(dir);
    dir = files_path(top, "missing.db");
    expect_refusal(CMT_NOT_FOUND);
}
END_TEST

START_TEST(a_malformed_current_is_damage)
{
    static const cmt_slice wrong[] = {
        {(const uint8_t *)"", 0},
        {(const uint8_t *)"\n", 1},
        {(const uint8_t *)"MANIFEST-000010", 15},
        {(const uint8_t *)"MANIFEST-000010\n\n", 17},
        {(const uint8_t *)"MANIFEST-000010 \n", 17},
        {(const uint8_t *)"MANIFEST-000010\0\n", 17},
        {(const uint8_t *)"MANIFEST-\n", 10},
        {(const uint8_t *)"MANIFEST-1x\n", 12},
        {(const uint8_t *)"MANIFEST--1\n", 12},
        {(const uint8_t *)"000010.ldb\n", 11},
        {(const uint8_t *)"../MANIFEST-000010\n", 19},
        {(const uint8_t *)"MANIFEST-0000000000000000000000000000010\n", 41},
        {(const uint8_t *)"MANIFEST-00000000000000000000000000000000000000010\n", 51},
    };
    write_state(10);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        files_write(dir, "CURRENT", wrong[i]);
        expect_refusal(CMT_CORRUPT);
    }
}
END_TEST

START_TEST(a_current_of_five_kilobytes_is_refused)
{
    static const uint8_t much[5000];
    write_state(10);
    files_write(dir, "CURRENT", (cmt_slice){much, sizeof much});
    expect_refusal(CMT_UNSUPPORTED);
}
END_TEST

START_TEST(a_manifest_that_stays_missing_is_damage)
{
    write_state(10);
    files_write(dir, "CURRENT", CMT_SLICE("MANIFEST-000011\n"));
    expect_refusal(CMT_CORRUPT);
}
END_TEST

START_TEST(a_pending_current_counts_if_it_names_a_newer_manifest)
{
    write_state(10);
    write_state(20);
    files_write(dir, "CURRENT", CMT_SLICE("MANIFEST-000010\n"));
    files_write(dir, "CURRENT.20", CMT_SLICE("MANIFEST-000020\n"));
    expect_pairs("k=20\n");
}
END_TEST

START_TEST(a_pending_current_that_is_older_or_of_no_use_does_not_count)
{
    write_state(10);
    write_state(20);
    files_write(dir, "CURRENT", CMT_SLICE("MANIFEST-000020\n"));
    files_write(dir, "CURRENT.10", CMT_SLICE("MANIFEST-000010\n"));
    expect_pairs("k=20\n");
    files_write(dir, "CURRENT.30", CMT_SLICE("MANIFEST-000030\n"));
    files_write(dir, "CURRENT.31", CMT_SLICE("MANIFEST-000030"));
    files_write(dir, "CURRENT.32", CMT_SLICE(""));
    files_write(dir, "CURRENT.bak", CMT_SLICE("MANIFEST-000010\n"));
    files_write(dir, "CURRENT.x", CMT_SLICE("MANIFEST-000010\n"));
    expect_pairs("k=20\n");
}
END_TEST

START_TEST(of_several_pending_currents_the_newest_manifest_counts)
{
    write_state(10);
    write_state(20);
    write_state(30);
    files_write(dir, "CURRENT", CMT_SLICE("MANIFEST-000010\n"));
    files_write(dir, "CURRENT.20", CMT_SLICE("MANIFEST-000020\n"));
    files_write(dir, "CURRENT.30", CMT_SLICE("MANIFEST-000030\n"));
    files_write(dir, "CURRENT.40", CMT_SLICE("MANIFEST-000040\n"));
    expect_pairs("k=30\n");
}
END_TEST

/* ---- other files ----------------------------------------------------------------------------- */

START_TEST(files_of_rocksdb_and_pebble_are_unsupported)
{
    static const char *const names[] = {"OPTIONS-000007", "IDENTITY", "marker.manifest.000001.x"};
    write_state(10);
    files_write(dir, "CURRENT", CMT_SLICE("MANIFEST-000010\n"));
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char *path = files_path(dir, names[i]);
        files_write(dir, names[i], CMT_SLICE(""));
        expect_refusal(CMT_UNSUPPORTED);
        ck_assert_ptr_nonnull(strstr(err.message, names[i]));
        ck_assert_int_eq(unlink(path), 0);
        free(path);
    }
}
END_TEST

START_TEST(files_that_nothing_names_do_not_matter)
{
    static const char *const names[] = {"LOG",
                                        "LOG.old",
                                        "LOCK",
                                        "CURRENT.bak",
                                        "000099.ldb",
                                        "000098.sst",
                                        "000003.log",
                                        "000097.dbtmp",
                                        "96.tmp",
                                        "notes",
                                        "ldb",
                                        ".ldb",
                                        "-1.log",
                                        "0x10.log",
                                        "12.log.gz",
                                        "MANIFEST-x",
                                        "MANIFEST-000095",
                                        "CURRENT.",
                                        "1.ldb.bak",
                                        "99999999999999999999999.log"};
    write_state(10);
    files_write(dir, "CURRENT", CMT_SLICE("MANIFEST-000010\n"));
    /* 000003.log would be live, were it not older than the log number. */
    shape s;
    const shape_entry entry = {"k", 2, "log"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(names[i], "000003.log") != 0)
            files_write(dir, names[i], CMT_SLICE("rubbish"));
    pairs_must(shape_begin(&s, dir, &err), &err);
    s.counters.next_file_number = 3;
    pairs_must(shape_log(&s, &entry, 1, &err), &err);
    shape_end(&s);
    expect_pairs("k=10\n");
}
END_TEST

START_TEST(a_manifest_that_is_a_directory_is_refused)
{
    write_state(10);
    files_write(dir, "CURRENT", CMT_SLICE("MANIFEST-000012\n"));
    free(files_make_dir(dir, "MANIFEST-000012"));
    expect_refusal(CMT_UNSUPPORTED);
}
END_TEST

/* ---- beside a writer ------------------------------------------------------------------------- */

#define COUNTERS 20
/* How far the writer goes for each view; every twenty rounds fill a log. */
#define ROUNDS_PER_VIEW 50

typedef struct writer {
    leveldb_t *db;
    atomic_bool stop;
    atomic_uint
        views; /* that were begun: without a bound a slow reader would never see a log that stays */
    unsigned rounds;
} writer;

/* Waits until the writer may go on; false: it is to stop. */
static bool goes_on(writer *w)
{
    while (!atomic_load(&w->stop) && w->rounds > atomic_load(&w->views) * ROUNDS_PER_VIEW)
        sched_yield();
    return !atomic_load(&w->stop);
}

/* The same number under all counters, in one batch, again and again; bulk makes logs and tables change. */
static void *keep_writing(void *argument)
{
    writer *w = argument;
    char bulk[3000];
    leveldb_writeoptions_t *o = leveldb_writeoptions_create();
    memset(bulk, 'x', sizeof bulk);
    for (w->rounds = 1; goes_on(w); w->rounds++) {
        char *error = NULL;
        char key[16];
        char value[16];
        leveldb_writebatch_t *batch = leveldb_writebatch_create();
        snprintf(value, sizeof value, "%08u", w->rounds);
        for (unsigned i = 0; i < COUNTERS; i++) {
            snprintf(key, sizeof key, "counter%02u", i);
            leveldb_writebatch_put(batch, key, strlen(key), value, strlen(value));
        }
        snprintf(key, sizeof key, "%u", w->rounds % 977);
        memcpy(bulk, value, 8);
        leveldb_writebatch_put(batch, key, strlen(key), bulk, sizeof bulk);
        leveldb_write(w->db, o, batch, &error);
        leveldb_writebatch_destroy(batch);
        if (error != NULL)
            abort();
    }
    leveldb_writeoptions_destroy(o);
    return NULL;
}

/* All counters of a view agree; returns what they say, 0 before the first. */
static unsigned counters_of(cmt_lsm_view *view)
{
    const cmt_range bounds = {CMT_SLICE("counter"), CMT_SLICE("countes")};
    cmt_lsm_iter *iter;
    unsigned agreed = 0;
    unsigned count = 0;
    pairs_must(cmt_lsm_iter_new(view, &bounds, &iter, &err), &err);
    cmt_status st = cmt_lsm_iter_first(iter, &err);
    for (; st == CMT_OK; st = cmt_lsm_iter_next(iter, &err), count++) {
        char number[16] = "";
        cmt_slice value = cmt_lsm_iter_value(iter);
        ck_assert_uint_eq(value.size, 8);
        memcpy(number, value.data, 8);
        unsigned counter = (unsigned)strtoul(number, NULL, 10);
        ck_assert(count == 0 || counter == agreed);
        agreed = counter;
    }
    ck_assert_msg(st == CMT_NOT_FOUND, "%s", err.message);
    ck_assert(count == 0 || count == COUNTERS);
    cmt_lsm_iter_free(iter);
    return agreed;
}

static cmt_lsm_view *open_beside(void)
{
    const cmt_lsm_view_options options = {.pin = true};
    cmt_lsm_view *view = NULL;
    cmt_status st = CMT_STALE;
    for (unsigned attempt = 0; attempt < 20 && st == CMT_STALE; attempt++)
        st = cmt_lsm_view_open(dir, &options, &view, &err);
    pairs_must(st, &err);
    return view;
}

START_TEST(each_view_beside_a_writer_is_one_moment)
{
    writer w = {.db = engine_open(
                    dir, &(engine_options){.write_buffer = 64 << 10, .table_bytes = 1 << 20})};
    pthread_t thread;
    unsigned last = 0;
    ck_assert_int_eq(pthread_create(&thread, NULL, keep_writing, &w), 0);
    /* So many rounds make tables come and go; a writer that gets little of the processor takes more views. */
    for (unsigned i = 0; i < 200 || last <= 1000; i++) {
        atomic_fetch_add(&w.views, 1);
        cmt_lsm_view *view = open_beside();
        unsigned now = counters_of(view);
        ck_assert_uint_ge(now, last);
        last = now;
        cmt_lsm_view_close(view);
        sched_yield();
    }
    atomic_store(&w.stop, true);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    leveldb_close(w.db);
    cmt_lsm_view *view = open_beside();
    ck_assert_uint_eq(counters_of(view), w.rounds - 1);
    cmt_lsm_view_close(view);
}
END_TEST

START_TEST(a_pinned_view_stays_what_it_was_while_everything_is_rewritten)
{
    leveldb_t *db =
        engine_open(dir, &(engine_options){.write_buffer = 64 << 10, .table_bytes = 1 << 20});
    for (unsigned i = 0; i < 1000; i++) {
        char key[16];
        snprintf(key, sizeof key, "%04u", i);
        engine_put_text(db, key, "old");
    }
    cmt_lsm_view *view = open_beside();
    char *before = pairs_of_open_view(view);
    for (unsigned i = 0; i < 1000; i++) {
        char key[16];
        snprintf(key, sizeof key, "%04u", i);
        if (i % 3 == 0)
            engine_delete(db, text(key));
        else
            engine_put_text(db, key, "new, and of another length");
    }
    leveldb_compact_range(db, NULL, 0, NULL, 0);
    char *after = pairs_of_open_view(view);
    ck_assert(strcmp(before, after) == 0);
    free(after);
    free(before);
    cmt_lsm_view_close(view);
    leveldb_close(db);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("lsm_snapshot");
    TCase *tc = tcase_create("current");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, current_names_the_manifest);
    tcase_add_test(tc, a_directory_or_current_that_is_not_there_is_not_found);
    tcase_add_test(tc, a_malformed_current_is_damage);
    tcase_add_test(tc, a_current_of_five_kilobytes_is_refused);
    tcase_add_test(tc, a_manifest_that_stays_missing_is_damage);
    tcase_add_test(tc, a_pending_current_counts_if_it_names_a_newer_manifest);
    tcase_add_test(tc, a_pending_current_that_is_older_or_of_no_use_does_not_count);
    tcase_add_test(tc, of_several_pending_currents_the_newest_manifest_counts);
    suite_add_tcase(suite, tc);
    tc = tcase_create("files");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, files_of_rocksdb_and_pebble_are_unsupported);
    tcase_add_test(tc, files_that_nothing_names_do_not_matter);
    tcase_add_test(tc, a_manifest_that_is_a_directory_is_refused);
    suite_add_tcase(suite, tc);
    tc = tcase_create("beside a writer");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 120);
    tcase_add_test(tc, each_view_beside_a_writer_is_one_moment);
    tcase_add_test(tc, a_pinned_view_stays_what_it_was_while_everything_is_rewritten);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
