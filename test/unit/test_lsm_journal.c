/* SPDX-License-Identifier: Apache-2.0
 *
 * Write-ahead logs: which are live, how far a cut one counts (as in LevelDB's own recovery), and what no
 * engine would have written.
 */
#include "journal.h"

#include "cleanup.h"
#include "engine.h"
#include "file.h"
#include "laid_out.h"
#include "log.h"
#include "suite.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void setup(void)
{
    begin_database(shape_begin);
}

static void expect_pairs(const char *pairs)
{
    char *ours = pairs_of_view(dir);
    ck_assert_str_eq(ours, pairs);
    free(ours);
}

static void expect_refusal(cmt_status status)
{
    cmt_lsm_view *view;
    cmt_status st = cmt_lsm_view_open(dir, NULL, &view, &err);
    ck_assert_msg(st == status, "%s: %s", cmt_status_text(st), err.message);
}

static cmt_lsm_view_stats stats(void)
{
    cmt_lsm_view *view;
    pairs_must(cmt_lsm_view_open(dir, NULL, &view, &err), &err);
    cmt_lsm_view_stats s = cmt_lsm_view_get_stats(view);
    cmt_lsm_view_close(view);
    return s;
}

/* ---- which logs count ------------------------------------------------------------------------ */

START_TEST(a_log_is_newer_than_the_tables)
{
    TABLE(1, {"a", 1, "1"}, {"b", 2, "2"}, {"c", 3, "3"});
    LOG({"b", 4, NULL}, {"c", 5, "three"}, {"d", 6, "4"});
    finish();
    expect_pairs("a=1\nc=three\nd=4\n");
    ck_assert_uint_eq(stats().journal_entries, 3);
}
END_TEST

START_TEST(two_live_logs_count_in_the_order_of_their_entries)
{
    LOG({"a", 1, "first"}, {"b", 2, "first"}, {"c", 3, "first"});
    LOG({"a", 4, "second"}, {"b", 5, NULL});
    finish();
    expect_pairs("a=second\nc=first\n");
    ck_assert_uint_eq(stats().journals, 2);
}
END_TEST

START_TEST(logs_below_the_log_number_do_not_count)
{
    LOG({"a", 1, "old"});
    LOG({"b", 2, "live"});
    db.counters.log_number = db.counters.next_file_number - 1;
    finish();
    expect_pairs("b=live\n");
    ck_assert_uint_eq(stats().journals, 1);
}
END_TEST

START_TEST(the_previous_log_counts_by_its_number)
{
    LOG({"a", 1, "dead"});
    LOG({"b", 2, "previous"});
    LOG({"c", 3, "dead"});
    LOG({"d", 4, "live"});
    db.counters.log_number = db.counters.next_file_number - 1;
    db.counters.prev_log_number = db.counters.next_file_number - 3;
    finish();
    expect_pairs("b=previous\nd=live\n");
}
END_TEST

START_TEST(batches_below_the_sequence_of_the_manifest_count_and_are_told)
{
    cmt_lsm__journal journal;
    cmt_lsm__listing listing;
    LOG({"a", 4, "1"}, {"b", 9, "2"});
    db.counters.last_sequence = 5;
    finish();
    expect_pairs("a=1\nb=2\n");
    pairs_must(cmt_lsm__list(db.dir_fd, dir, &listing, &err), &err);
    pairs_must(cmt_lsm__journal_read(db.dir_fd, &listing, 1, 0, 5, &journal, &err), &err);
    ck_assert(journal.below_manifest);
    ck_assert_uint_eq(journal.highest_sequence, 9);
    cmt_lsm__journal_free(&journal);
    pairs_must(cmt_lsm__journal_read(db.dir_fd, &listing, 1, 0, 4, &journal, &err), &err);
    ck_assert(!journal.below_manifest);
    cmt_lsm__journal_free(&journal);
    cmt_lsm__listing_free(&listing);
}
END_TEST

START_TEST(an_empty_log_holds_nothing)
{
    TABLE(1, {"a", 1, "1"});
    files_write(dir, "000009.log", CMT_SLICE(""));
    finish();
    expect_pairs("a=1\n");
}
END_TEST

START_TEST(a_log_that_vanishes_is_stale)
{
    cmt_lsm__journal journal;
    cmt_lsm__listing listing;
    LOG({"a", 4, "1"});
    pairs_must(cmt_lsm__list(db.dir_fd, dir, &listing, &err), &err);
    ck_assert_int_eq(unlinkat(db.dir_fd, "000002.log", 0), 0);
    ck_assert_int_eq(cmt_lsm__journal_read(db.dir_fd, &listing, 1, 0, 5, &journal, &err),
                     CMT_STALE);
    cmt_lsm__listing_free(&listing);
}
END_TEST

START_TEST(logs_larger_than_the_limit_are_unsupported)
{
    LOG({"a", 1, "1"});
    finish();
    files_write(dir, "000008.log", CMT_SLICE(""));
    files_write(dir, "000009.log", CMT_SLICE(""));
    char *path = files_path(dir, "000009.log");
    ck_assert_int_eq(truncate(path, (off_t)CMT_LSM_JOURNALS_MAX + 1), 0); /* sparse */
    expect_refusal(CMT_UNSUPPORTED);
    ck_assert_ptr_nonnull(strstr(err.message, "000009.log"));
    /* Two that are too large together only. */
    char *other = files_path(dir, "000008.log");
    ck_assert_int_eq(truncate(path, (off_t)CMT_LSM_JOURNALS_MAX / 2 + 1), 0);
    ck_assert_int_eq(truncate(other, (off_t)CMT_LSM_JOURNALS_MAX / 2), 0);
    expect_refusal(CMT_UNSUPPORTED);
    free(other);
    free(path);
}
END_TEST

/* ---- cut and damaged ------------------------------------------------------------------------- */

/* A directory that LevelDB wrote and whose data are all in the log. */
static char *write_log_with_leveldb(const char *name)
{
    char *path = files_path(top, name);
    leveldb_t *engine = engine_open(path, NULL);
    engine_put_text(engine, "a", "1");
    engine_put_text(engine, "b", "two");
    engine_delete(engine, CMT_SLICE("a"));
    leveldb_writebatch_t *batch = leveldb_writebatch_create();
    leveldb_writeoptions_t *o = leveldb_writeoptions_create();
    char *error = NULL;
    leveldb_writebatch_put(batch, "c", 1, "3", 1);
    leveldb_writebatch_delete(batch, "b", 1);
    leveldb_writebatch_put(batch, "d", 1, "", 0);
    leveldb_write(engine, o, batch, &error);
    ck_assert_ptr_null(error);
    leveldb_writebatch_destroy(batch);
    leveldb_writeoptions_destroy(o);
    engine_put_text(engine, "a", "again");
    leveldb_close(engine);
    return path;
}

START_TEST(a_log_cut_anywhere_shows_what_leveldb_recovers)
{
    const engine_options lenient = {.lenient = true};
    char *path = write_log_with_leveldb("log.db");
    char *name = files_last(path, ".log");
    cmt_buf log = files_read(path, name);
    char *file = files_path(path, name);
    ck_assert_uint_gt(log.size, 120);
    for (size_t size = log.size; size > 0; size--) {
        ck_assert_int_eq(truncate(file, (off_t)size), 0);
        char *theirs = engine_pairs(path, &lenient);
        char *ours = pairs_of_view(path);
        ck_assert_msg(strcmp(ours, theirs) == 0, "cut at %zu: %s, LevelDB: %s", size, ours, theirs);
        free(ours);
        free(theirs);
    }
    free(file);
    cmt_buf_free(&log);
    free(name);
    free(path);
}
END_TEST

START_TEST(a_log_that_ends_in_zeros_shows_what_leveldb_recovers)
{
    static const size_t zeros[] = {1, 7, 100, 5000, 40000};
    const engine_options lenient = {.lenient = true};
    char *path = write_log_with_leveldb("log.db");
    char *name = files_last(path, ".log");
    cmt_buf log = files_read(path, name);
    size_t size = log.size;
    ck_assert_int_eq(cmt_buf_reserve(&log, 40000), CMT_OK);
    for (size_t i = 0; i < COUNT(zeros); i++) {
        memset(log.data + size, 0, zeros[i]);
        files_write(path, name, (cmt_slice){log.data, size + zeros[i]});
        char *theirs = engine_pairs(path, &lenient);
        char *ours = pairs_of_view(path);
        ck_assert_str_eq(ours, theirs);
        free(ours);
        free(theirs);
    }
    cmt_buf_free(&log);
    free(name);
    free(path);
}
END_TEST

START_TEST(a_torn_tail_is_told)
{
    LOG({"a", 1, "1"}, {"b", 2, "2"});
    finish();
    ck_assert(!stats().torn_tail);
    char *path = files_path(dir, "000002.log");
    cmt_buf log = files_read(dir, "000002.log");
    ck_assert_int_eq(truncate(path, (off_t)log.size - 1), 0);
    ck_assert(stats().torn_tail);
    expect_pairs("a=1\n");
    cmt_buf_free(&log);
    free(path);
}
END_TEST

START_TEST(damage_before_the_tail_of_a_log_is_refused)
{
    LOG({"a", 1, "1"}, {"b", 2, "2"});
    finish();
    cmt_buf log = files_read(dir, "000002.log");
    log.data[10] ^= 1;
    files_write(dir, "000002.log", cmt_buf_slice(&log));
    expect_refusal(CMT_CORRUPT);
    ck_assert_ptr_nonnull(strstr(err.message, "000002.log"));
    cmt_buf_free(&log);
}
END_TEST

START_TEST(the_tail_of_an_older_log_may_be_torn_too)
{
    LOG({"a", 1, "1"}, {"b", 2, "2"});
    LOG({"c", 3, "3"});
    finish();
    char *path = files_path(dir, "000002.log");
    cmt_buf log = files_read(dir, "000002.log");
    ck_assert_int_eq(truncate(path, (off_t)log.size - 1), 0);
    expect_pairs("a=1\nc=3\n");
    cmt_buf_free(&log);
    free(path);
}
END_TEST

/* ---- batches --------------------------------------------------------------------------------- */

/* A log whose only record is this. */
static void write_record(const uint8_t *record, size_t size)
{
    CMT_AUTO(cmt_buf_free) cmt_buf log = CMT_BUF_INIT;
    ck_assert_int_eq(cmt_lsm__log_append(&log, (cmt_slice){record, size}), CMT_OK);
    files_write(dir, "000009.log", cmt_buf_slice(&log));
}

/* sequence 1, two entries: put a=1, delete bb */
static const uint8_t batch[] = {1, 0, 0, 0,   0, 0,   0, 0, 2,   0,  0,
                                0, 1, 1, 'a', 1, '1', 0, 2, 'b', 'b'};

START_TEST(a_batch_is_read_whole_or_refused)
{
    finish();
    write_record(batch, sizeof batch);
    expect_pairs("a=1\n");
    ck_assert_uint_eq(stats().journal_entries, 2);
    for (size_t size = 0; size < sizeof batch; size++) {
        write_record(batch, size);
        expect_refusal(CMT_CORRUPT);
    }
}
END_TEST

START_TEST(a_batch_with_more_or_fewer_entries_than_it_says_is_refused)
{
    uint8_t wrong[sizeof batch + 1];
    finish();
    memcpy(wrong, batch, sizeof batch);
    wrong[8] = 3;
    write_record(wrong, sizeof batch);
    expect_refusal(CMT_CORRUPT);
    wrong[8] = 1;
    write_record(wrong, sizeof batch);
    expect_refusal(CMT_CORRUPT);
    wrong[11] = 0x80; /* two thousand million */
    write_record(wrong, sizeof batch);
    expect_refusal(CMT_CORRUPT);
    memcpy(wrong, batch, sizeof batch);
    wrong[sizeof batch] = 0;
    write_record(wrong, sizeof wrong);
    expect_refusal(CMT_CORRUPT);
}
END_TEST

START_TEST(an_empty_batch_is_fine)
{
    static const uint8_t empty[12] = {7};
    finish();
    write_record(empty, sizeof empty);
    expect_pairs("");
}
END_TEST

START_TEST(a_kind_of_entry_that_leveldb_does_not_have_is_refused)
{
    static const uint8_t kinds[] = {2, 3, 4, 5, 7, 15, 16, 127, 128, 255};
    uint8_t wrong[sizeof batch];
    finish();
    for (size_t i = 0; i < COUNT(kinds); i++) {
        memcpy(wrong, batch, sizeof batch);
        wrong[12] = kinds[i];
        write_record(wrong, sizeof wrong);
        expect_refusal(CMT_CORRUPT);
    }
}
END_TEST

START_TEST(a_sequence_number_beyond_the_last_is_refused)
{
    uint8_t wrong[sizeof batch];
    finish();
    memcpy(wrong, batch, sizeof batch);
    const uint64_t sequences[] = {CMT_LSM_SEQUENCE_MAX, CMT_LSM_SEQUENCE_MAX - 2, UINT64_MAX,
                                  UINT64_C(1) << 56};
    for (size_t i = 0; i < COUNT(sequences); i++) {
        cmt_store64(wrong, sequences[i]);
        write_record(wrong, sizeof wrong);
        expect_refusal(CMT_CORRUPT);
    }
    cmt_store64(wrong, CMT_LSM_SEQUENCE_MAX - 3);
    write_record(wrong, sizeof wrong);
    expect_pairs("a=1\n");
}
END_TEST

START_TEST(a_key_that_no_table_could_hold_is_refused)
{
    uint8_t *record = calloc(1, 70000);
    finish();
    for (size_t size = CMT_LSM_KEY_MAX - 8; size <= CMT_LSM_KEY_MAX + 1; size++) {
        memset(record, 0, 70000);
        record[0] = record[8] = 1;
        size_t n = cmt_varint_put(record + 13, size);
        write_record(record, 13 + n + size);
        if (size == CMT_LSM_KEY_MAX - 8)
            expect_pairs("");
        else
            expect_refusal(CMT_CORRUPT);
    }
    free(record);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("lsm_journal");
    TCase *tc = tcase_create("which");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, a_log_is_newer_than_the_tables);
    tcase_add_test(tc, two_live_logs_count_in_the_order_of_their_entries);
    tcase_add_test(tc, logs_below_the_log_number_do_not_count);
    tcase_add_test(tc, the_previous_log_counts_by_its_number);
    tcase_add_test(tc, batches_below_the_sequence_of_the_manifest_count_and_are_told);
    tcase_add_test(tc, an_empty_log_holds_nothing);
    tcase_add_test(tc, a_log_that_vanishes_is_stale);
    tcase_add_test(tc, logs_larger_than_the_limit_are_unsupported);
    suite_add_tcase(suite, tc);
    tc = tcase_create("damage");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 120);
    tcase_add_test(tc, a_log_cut_anywhere_shows_what_leveldb_recovers);
    tcase_add_test(tc, a_log_that_ends_in_zeros_shows_what_leveldb_recovers);
    tcase_add_test(tc, a_torn_tail_is_told);
    tcase_add_test(tc, damage_before_the_tail_of_a_log_is_refused);
    tcase_add_test(tc, the_tail_of_an_older_log_may_be_torn_too);
    suite_add_tcase(suite, tc);
    tc = tcase_create("batches");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, a_batch_is_read_whole_or_refused);
    tcase_add_test(tc, a_batch_with_more_or_fewer_entries_than_it_says_is_refused);
    tcase_add_test(tc, an_empty_batch_is_fine);
    tcase_add_test(tc, a_kind_of_entry_that_leveldb_does_not_have_is_refused);
    tcase_add_test(tc, a_sequence_number_beyond_the_last_is_refused);
    tcase_add_test(tc, a_key_that_no_table_could_hold_is_refused);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
