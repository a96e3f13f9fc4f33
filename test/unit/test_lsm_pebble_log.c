/* SPDX-License-Identifier: Apache-2.0
 *
 * pebble's write-ahead logs: written over older ones, ended by a chunk of another number, and strict where
 * newer logs follow.
 */
#include "log.h"

#include "cleanup.h"
#include "file.h"
#include "files.h"
#include "journal.h"
#include "pairs.h"
#include "recycled_log.h"
#include "rng.h"
#include "suite.h"

#include <check.h>

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define NUMBER 7u

static cmt_buf bytes;
static cmt_error err;

static void setup(void)
{
    bytes = (cmt_buf)CMT_BUF_INIT;
    err = (cmt_error)CMT_ERROR_INIT;
}

static void teardown(void)
{
    cmt_buf_free(&bytes);
}

/* A record is known by its size and its only byte value. */
static void append(uint32_t number, size_t size, char fill)
{
    char *record = malloc(size + 1);
    memset(record, fill, size + 1);
    ck_assert_int_eq(recycled_append(&bytes, number, (cmt_slice){(uint8_t *)record, size}), CMT_OK);
    free(record);
}

typedef struct shown {
    char text[256];
    bool torn;
} shown;

static cmt_status on_record(void *context, cmt_slice record, cmt_error *unused)
{
    shown *s = context;
    (void)unused;
    for (size_t i = 1; i < record.size; i++)
        ck_assert_uint_eq(record.data[i], record.data[0]);
    size_t at = strlen(s->text);
    snprintf(s->text + at, sizeof s->text - at, "%c%zu ", record.size > 0 ? record.data[0] : '-',
             record.size);
    return CMT_OK;
}

static cmt_status read_up_to(size_t size, bool strict, shown *s)
{
    CMT_AUTO(cmt_fd_close) int fd = memfd_create("log", MFD_CLOEXEC);
    ck_assert_int_eq(write(fd, bytes.data, bytes.size), (ssize_t)bytes.size);
    *s = (shown){0};
    err = (cmt_error)CMT_ERROR_INIT;
    return cmt_lsm__log_read_recycled(fd, "000007.log", size,
                                      (cmt_lsm__recycled_log){.number = NUMBER, .strict = strict},
                                      on_record, s, &s->torn, &err);
}

static void expect(bool strict, cmt_status status, const char *records, bool torn)
{
    shown s;
    cmt_status st = read_up_to(bytes.size, strict, &s);
    ck_assert_msg(st == status, "%s: %s", cmt_status_text(st), err.message);
    ck_assert_str_eq(s.text, records);
    if (st == CMT_OK)
        ck_assert_int_eq(s.torn, torn);
}

START_TEST(records_of_all_lengths_come_back)
{
    append(NUMBER, 100, 'a');
    append(NUMBER, 100000, 'b');
    append(NUMBER, 0, 'c');
    append(NUMBER, 3, 'd');
    expect(true, CMT_OK, "a100 b100000 -0 d3 ", false);
    shown s;
    const size_t whole = bytes.size;
    ck_assert_int_eq(recycled_end(&bytes, NUMBER), CMT_OK);
    expect(true, CMT_OK, "a100 b100000 -0 d3 ", false);
    ck_assert_int_eq(read_up_to(whole, true, &s), CMT_OK);
}
END_TEST

/* Whatever is left of a block: room for a header, for the older kind's only, or for none. */
START_TEST(records_come_back_wherever_a_block_ends)
{
    append(NUMBER, CMT_LSM_LOG_BLOCK - 2 * RECYCLED_HEADER - (size_t)_i, 'a');
    append(NUMBER, 50, 'b');
    append(NUMBER, 60, 'c');
    char wanted[64];
    snprintf(wanted, sizeof wanted, "a%zu b50 c60 ",
             CMT_LSM_LOG_BLOCK - 2 * RECYCLED_HEADER - (size_t)_i);
    expect(true, CMT_OK, wanted, false);
}
END_TEST

START_TEST(what_an_older_log_left_behind_is_the_end)
{
    append(NUMBER, 10, 'a');
    append(NUMBER - 2, 500, 'x');
    append(NUMBER, 10, 'y');
    expect(true, CMT_OK, "a10 ", false);
}
END_TEST

static uint64_t end_of(size_t size, bool strict)
{
    CMT_AUTO(cmt_fd_close) int fd = memfd_create("log", MFD_CLOEXEC);
    uint64_t end = 12345;
    ck_assert_int_eq(write(fd, bytes.data, bytes.size), (ssize_t)bytes.size);
    cmt_status st = cmt_lsm__log_end_recycled(
        fd, "000007.log", size, (cmt_lsm__recycled_log){.number = NUMBER, .strict = strict}, &end,
        &err);
    ck_assert_msg(st == CMT_OK, "%s", err.message);
    return end;
}

/* Of a log that is copied no more may be taken than is replayed, and no less. */
START_TEST(a_log_ends_behind_its_last_whole_record)
{
    append(NUMBER, 10, 'a');
    const size_t first = bytes.size;
    append(NUMBER, 100000, 'b');
    const size_t whole = bytes.size;
    append(NUMBER - 2, 500, 'x');
    ck_assert_uint_eq(end_of(bytes.size, true), whole);
    ck_assert_uint_eq(end_of(whole, true), whole);
    ck_assert_uint_eq(end_of(whole - 1, false), first);
    ck_assert_uint_eq(end_of(first + 40000, false), first);
    ck_assert_uint_eq(end_of(first - 1, false), 0);
    ck_assert_uint_eq(end_of(0, true), 0);
}
END_TEST

/* The new log ends in the middle of an old chunk: damage, which pebble takes for the end of the last log. */
START_TEST(the_middle_of_an_older_chunk_is_the_torn_end_of_the_last_log)
{
    append(NUMBER - 2, 900, 'x');
    append(NUMBER - 2, 900, 'z');
    cmt_buf old = bytes;
    bytes = (cmt_buf)CMT_BUF_INIT;
    append(NUMBER, 10, 'a');
    memcpy(old.data, bytes.data, bytes.size);
    cmt_buf_free(&bytes);
    bytes = old;
    expect(false, CMT_OK, "a10 ", true);
    expect(true, CMT_CORRUPT, "a10 ", false);
    ck_assert_ptr_nonnull(strstr(err.message, "newer logs follow"));
}
END_TEST

START_TEST(a_record_that_meets_an_older_log_is_torn)
{
    append(NUMBER, 10, 'a');
    const cmt_slice part = CMT_SLICE("bbbb");
    ck_assert_int_eq(recycled_chunk(&bytes, NUMBER, 6, part), CMT_OK);
    ck_assert_int_eq(recycled_chunk(&bytes, NUMBER - 1, 8, part), CMT_OK);
    expect(false, CMT_OK, "a10 ", true);
    expect(true, CMT_CORRUPT, "a10 ", false);
}
END_TEST

START_TEST(damage_before_valid_records_is_refused)
{
    append(NUMBER, 10, 'a');
    size_t damage = bytes.size + 5 + RECYCLED_HEADER;
    append(NUMBER, 10, 'b');
    append(NUMBER, 10, 'c');
    bytes.data[damage] ^= 1;
    expect(false, CMT_CORRUPT, "a10 ", false);
    expect(true, CMT_CORRUPT, "a10 ", false);
}
END_TEST

START_TEST(any_cut_shows_whole_records_only)
{
    append(NUMBER, 10, 'a');
    size_t one = bytes.size;
    append(NUMBER, 20, 'b');
    for (size_t size = 0; size <= bytes.size; size++) {
        shown s;
        bool whole = size == 0 || size == one || size == bytes.size;
        ck_assert_int_eq(read_up_to(size, false, &s), CMT_OK);
        ck_assert_str_eq(s.text, size < one ? "" : size < bytes.size ? "a10 " : "a10 b20 ");
        ck_assert_msg(s.torn == !whole, "cut at %zu", size);
        ck_assert_int_eq(read_up_to(size, true, &s), whole ? CMT_OK : CMT_CORRUPT);
    }
}
END_TEST

START_TEST(leveldb_refuses_a_log_of_pebble)
{
    append(NUMBER, 10, 'a');
    CMT_AUTO(cmt_fd_close) int fd = memfd_create("log", MFD_CLOEXEC);
    shown s = {0};
    ck_assert_int_eq(write(fd, bytes.data, bytes.size), (ssize_t)bytes.size);
    ck_assert_int_eq(cmt_lsm__log_read(fd, "x", bytes.size, on_record, &s, &s.torn, &err),
                     CMT_UNSUPPORTED);
    ck_assert_str_eq(s.text, "");
}
END_TEST

/* ---- batches ---------------------------------------------------------------------------------- */

static cmt_status read_journal(const char *batch, size_t size, cmt_lsm__journal *journal)
{
    char *dir = files_temp();
    cmt_lsm__listing listing;
    CMT_AUTO(cmt_fd_close) int dir_fd = -1;
    ck_assert_int_eq(recycled_append(&bytes, NUMBER, (cmt_slice){(const uint8_t *)batch, size}),
                     CMT_OK);
    files_write(dir, "000007.log", cmt_buf_slice(&bytes));
    pairs_must(cmt_dir_open(dir, &dir_fd, &err), &err);
    pairs_must(cmt_lsm__list(dir_fd, dir, &listing, &err), &err);
    cmt_status st = cmt_lsm__journal_read_pebble(dir_fd, &listing, 0, true, journal, &err);
    cmt_lsm__listing_free(&listing);
    files_remove(dir);
    return st;
}

#define BATCH(literal) literal, sizeof(literal) - 1

START_TEST(comments_are_passed_over_and_take_no_sequence)
{
    static const char batch[] = "\x05\0\0\0\0\0\0\0\2\0\0\0"
                                "\3\2hi\1\1k\1v\3\0\0\1j\3\3end";
    cmt_lsm__journal j;
    pairs_must(read_journal(BATCH(batch), &j), &err);
    ck_assert_uint_eq(j.count, 2);
    ck_assert_uint_eq(j.highest_sequence, 6);
    ck_assert_uint_eq(j.entries[0].key[0], 'j');
    ck_assert_uint_eq(cmt_lsm__sequence(cmt_lsm__entry_key(&j.entries[0])), 6);
    ck_assert_uint_eq(cmt_lsm__sequence(cmt_lsm__entry_key(&j.entries[1])), 5);
    ck_assert(!j.below_manifest && !j.torn_tail && j.range_deletes == 0);
    cmt_lsm__journal_free(&j);
}
END_TEST

START_TEST(range_deletions_are_counted)
{
    static const char batch[] = "\x05\0\0\0\0\0\0\0\1\0\0\0\17\1a\1c";
    cmt_lsm__journal j;
    pairs_must(read_journal(BATCH(batch), &j), &err);
    ck_assert_uint_eq(j.range_deletes, 1);
    ck_assert_uint_eq(j.entries[0].value_size, 1);
    ck_assert_uint_eq(j.entries[0].value.bytes[0], 'c');
    cmt_lsm__journal_free(&j);
}
END_TEST

START_TEST(other_batches_are_damage)
{
    static const struct {
        const char *bytes;
        size_t size;
    } cases[] = {
        {BATCH("\x05\0\0\0\0\0\0\0\1\0\0")},               /* no whole header */
        {BATCH("\x05\0\0\0\0\0\0\0\1\0\0\0\2\1k\1v")},     /* a merge */
        {BATCH("\x05\0\0\0\0\0\0\0\1\0\0\0\7\1k")},        /* a single deletion */
        {BATCH("\x05\0\0\0\0\0\0\0\1\0\0\0\26\1\1")},      /* tables taken in */
        {BATCH("\x05\0\0\0\0\0\0\0\2\0\0\0\0\1k")},        /* fewer than it says */
        {BATCH("\x05\0\0\0\0\0\0\0\1\0\0\0\0\1k\0\1k")},   /* more than it says */
        {BATCH("\x05\0\0\0\0\0\0\0\1\0\0\0\17\1k\7c")},    /* an end that is cut */
        {BATCH("\x05\0\0\0\0\0\0\0\1\0\0\0\0\1k\3\7cut")}, /* a comment that is cut */
    };
    cmt_lsm__journal j;
    cmt_status st = read_journal(cases[_i].bytes, cases[_i].size, &j);
    ck_assert_int_eq(st, CMT_CORRUPT);
    ck_assert_ptr_null(j.entries);
}
END_TEST

/* A log that pebble wrote: cut anywhere, it gives a prefix of its batches. */
START_TEST(cuts_of_a_real_log_give_prefixes)
{
    char *top;
    char *data = files_unpack_fixture("multi-1.0-v1-pebble", &top);
    char *dir = files_path(data, "blockstore.db");
    cmt_buf whole = files_read(dir, "000021.log");
    rng r = {20261127};
    size_t before = 0;
    for (size_t size = whole.size; size > 0;) {
        char *cut = files_temp();
        cmt_lsm__listing listing;
        cmt_lsm__journal j;
        CMT_AUTO(cmt_fd_close) int dir_fd = -1;
        files_write(cut, "000021.log", (cmt_slice){whole.data, size});
        pairs_must(cmt_dir_open(cut, &dir_fd, &err), &err);
        pairs_must(cmt_lsm__list(dir_fd, cut, &listing, &err), &err);
        pairs_must(cmt_lsm__journal_read_pebble(dir_fd, &listing, 21, true, &j, &err), &err);
        ck_assert(size == whole.size ? j.count > 150 && !j.torn_tail : j.count <= before);
        before = j.count;
        cmt_lsm__journal_free(&j);
        cmt_lsm__listing_free(&listing);
        files_remove(cut);
        size -= size < 40000 ? size : 20000 + rng_next(&r) % 20000;
    }
    cmt_buf_free(&whole);
    free(dir);
    free(data);
    files_remove(top);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("lsm_pebble_log");
    TCase *tc = tcase_create("log");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, records_of_all_lengths_come_back);
    tcase_add_loop_test(tc, records_come_back_wherever_a_block_ends, 0, 24);
    tcase_add_test(tc, what_an_older_log_left_behind_is_the_end);
    tcase_add_test(tc, a_log_ends_behind_its_last_whole_record);
    tcase_add_test(tc, the_middle_of_an_older_chunk_is_the_torn_end_of_the_last_log);
    tcase_add_test(tc, a_record_that_meets_an_older_log_is_torn);
    tcase_add_test(tc, damage_before_valid_records_is_refused);
    tcase_add_test(tc, any_cut_shows_whole_records_only);
    tcase_add_test(tc, leveldb_refuses_a_log_of_pebble);
    tcase_add_test(tc, comments_are_passed_over_and_take_no_sequence);
    tcase_add_test(tc, range_deletions_are_counted);
    tcase_add_loop_test(tc, other_batches_are_damage, 0, 8);
    tcase_add_test(tc, cuts_of_a_real_log_give_prefixes);
    suite_add_tcase(s, tc);
    return suite_run(s);
}
