/* SPDX-License-Identifier: Apache-2.0
 *
 * The log format: what is written comes back, whatever is cut off or damaged is noticed, and no record is
 * ever shown that was not written.
 */
#include "log.h"

#include "cleanup.h"
#include "crc32c.h"
#include "engine.h"
#include "file.h"
#include "files.h"
#include "rng.h"
#include "suite.h"

#include <check.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define BLOCK CMT_LSM_LOG_BLOCK
#define HEADER CMT_LSM_LOG_HEADER
#define RECORDS_MAX 64

/* ---- a log in memory ------------------------------------------------------------------------- */

/* What was written: each record is known by its size and checksum, and by where its chunks end. */
typedef struct written {
    cmt_buf log;
    size_t sizes[RECORDS_MAX];
    uint32_t checksums[RECORDS_MAX];
    size_t ends[RECORDS_MAX];
    size_t count;
} written;

/* What a reader was shown. */
typedef struct shown {
    const written *expected;
    size_t count;
    bool torn;
} shown;

static void append(written *w, size_t size, uint64_t seed)
{
    rng r = {seed};
    uint8_t *record = malloc(size + 1);
    for (size_t i = 0; i < size; i++)
        record[i] = (uint8_t)rng_next(&r);
    ck_assert_uint_lt(w->count, RECORDS_MAX);
    ck_assert_int_eq(cmt_lsm__log_append(&w->log, (cmt_slice){record, size}), CMT_OK);
    w->sizes[w->count] = size;
    w->checksums[w->count] = cmt_crc32c(0, record, size);
    w->ends[w->count++] = w->log.size;
    free(record);
}

static int memory_file(cmt_slice bytes)
{
    int fd = memfd_create("log", MFD_CLOEXEC);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, bytes.data, bytes.size), (ssize_t)bytes.size);
    return fd;
}

/* Only what was written may be shown, in order. */
static cmt_status on_record(void *context, cmt_slice record, cmt_error *err)
{
    (void)err;
    shown *s = context;
    ck_assert_uint_lt(s->count, s->expected->count);
    ck_assert_uint_eq(record.size, s->expected->sizes[s->count]);
    ck_assert_uint_eq(cmt_crc32c(0, record.data, record.size), s->expected->checksums[s->count]);
    s->count++;
    return CMT_OK;
}

static cmt_status read_open(int fd, size_t size, const written *w, shown *s)
{
    cmt_error err = CMT_ERROR_INIT;
    *s = (shown){.expected = w};
    cmt_status st = cmt_lsm__log_read(fd, "x.log", size, on_record, s, &s->torn, &err);
    ck_assert(st == CMT_OK || strncmp(err.message, "x.log", 5) == 0);
    return st;
}

static cmt_status read_bytes(cmt_slice bytes, const written *w, shown *s)
{
    CMT_AUTO(cmt_fd_close) int fd = memory_file(bytes);
    return read_open(fd, bytes.size, w, s);
}

/* ---- writing and reading --------------------------------------------------------------------- */

static void check_sizes(size_t before, size_t size)
{
    written w = {0};
    shown s;
    append(&w, before, 1);
    append(&w, size, 2);
    append(&w, 3, 3);
    ck_assert_int_eq(read_bytes(cmt_buf_slice(&w.log), &w, &s), CMT_OK);
    ck_assert_uint_eq(s.count, 3);
    ck_assert(!s.torn);
    cmt_buf_free(&w.log);
}

START_TEST(records_of_all_sizes_come_back)
{
    for (size_t size = 0; size < 300; size++)
        check_sizes(0, size);
    for (size_t size = BLOCK - 60; size < BLOCK + 60; size++)
        check_sizes(5, size);
    for (size_t size = 2 * BLOCK - 60; size < 2 * BLOCK + 60; size++)
        check_sizes(0, size);
    check_sizes(1, 1 << 20);
}
END_TEST

START_TEST(records_that_begin_near_the_end_of_a_block_come_back)
{
    for (size_t left = 0; left <= 30; left++) {
        size_t before = BLOCK - HEADER - left;
        check_sizes(before, 0);
        check_sizes(before, 1);
        check_sizes(before, 100);
        check_sizes(before, BLOCK);
    }
}
END_TEST

START_TEST(a_block_tail_too_short_for_a_header_is_filled_with_zeros)
{
    static const uint8_t zeros[HEADER];
    for (size_t left = 0; left < HEADER; left++) {
        written w = {0};
        append(&w, BLOCK - HEADER - left, 1);
        append(&w, 9, 2);
        ck_assert_uint_eq(w.log.size, BLOCK + HEADER + 9);
        ck_assert_int_eq(memcmp(w.log.data + BLOCK - left, zeros, left), 0);
        cmt_buf_free(&w.log);
    }
}
END_TEST

START_TEST(a_block_with_room_for_a_header_only_gets_an_empty_first_chunk)
{
    written w = {0};
    append(&w, BLOCK - 2 * HEADER, 1);
    append(&w, 9, 2);
    const uint8_t *header = w.log.data + BLOCK - HEADER;
    ck_assert_uint_eq(w.log.size, BLOCK + HEADER + 9);
    ck_assert_uint_eq((unsigned)header[4] + header[5], 0);
    ck_assert_uint_eq(header[6], 2);
    cmt_buf_free(&w.log);
}
END_TEST

START_TEST(an_empty_log_has_no_records)
{
    written w = {0};
    shown s;
    ck_assert_int_eq(read_bytes((cmt_slice){NULL, 0}, &w, &s), CMT_OK);
    ck_assert(!s.torn);
}
END_TEST

START_TEST(bytes_behind_the_given_size_do_not_count)
{
    written w = {0};
    shown s;
    append(&w, 10, 1);
    append(&w, 20, 2);
    CMT_AUTO(cmt_fd_close) int fd = memory_file(cmt_buf_slice(&w.log));
    ck_assert_int_eq(read_open(fd, w.ends[0], &w, &s), CMT_OK);
    ck_assert_uint_eq(s.count, 1);
    ck_assert(!s.torn);
    cmt_buf_free(&w.log);
}
END_TEST

START_TEST(a_file_shorter_than_the_given_size_is_damage)
{
    written w = {0};
    shown s;
    append(&w, 10, 1);
    CMT_AUTO(cmt_fd_close) int fd = memory_file(cmt_buf_slice(&w.log));
    ck_assert_int_eq(read_open(fd, w.log.size + 1, &w, &s), CMT_CORRUPT);
    cmt_buf_free(&w.log);
}
END_TEST

static cmt_status refuse_record(void *context, cmt_slice record, cmt_error *err)
{
    (void)context;
    (void)record;
    return cmt_error_set(err, CMT_CANCELLED, "enough");
}

START_TEST(what_the_callback_returns_ends_the_reading)
{
    for (size_t size = 10; size < 3 * BLOCK; size += 2 * BLOCK) {
        written w = {0};
        cmt_error err = CMT_ERROR_INIT;
        bool torn;
        append(&w, size, 1);
        CMT_AUTO(cmt_fd_close) int fd = memory_file(cmt_buf_slice(&w.log));
        ck_assert_int_eq(cmt_lsm__log_read(fd, "x", w.log.size, refuse_record, NULL, &torn, &err),
                         CMT_CANCELLED);
        ck_assert_str_eq(err.message, "enough");
        cmt_buf_free(&w.log);
    }
}
END_TEST

/* ---- LevelDB's own -------------------------------------------------------------------------- */

static cmt_status append_again(void *context, cmt_slice record, cmt_error *err)
{
    (void)err;
    return cmt_lsm__log_append(context, record);
}

START_TEST(a_log_of_leveldb_is_written_again_byte_for_byte)
{
    static uint8_t value[2 * BLOCK];
    rng r = {7};
    char *top = files_temp();
    char *dir = files_path(top, "x.db");
    leveldb_t *db = engine_open(dir, NULL);
    for (size_t i = 0; i < sizeof value; i++)
        value[i] = (uint8_t)rng_next(&r);
    for (unsigned i = 0; i < 60; i++)
        engine_put(db, CMT_SLICE("some key"),
                   (cmt_slice){value, (size_t)rng_between(&r, 0, i % 4 == 0 ? sizeof value : 99)});
    leveldb_close(db);
    char *name = files_last(dir, ".log");
    cmt_buf theirs = files_read(dir, name);
    CMT_AUTO(cmt_buf_free) cmt_buf ours = CMT_BUF_INIT;
    CMT_AUTO(cmt_fd_close) int fd = memory_file(cmt_buf_slice(&theirs));
    bool torn;
    ck_assert_uint_gt(theirs.size, 10 * BLOCK);
    ck_assert_int_eq(cmt_lsm__log_read(fd, name, theirs.size, append_again, &ours, &torn, NULL),
                     CMT_OK);
    ck_assert(!torn);
    ck_assert(cmt_slice_equal(cmt_buf_slice(&ours), cmt_buf_slice(&theirs)));
    cmt_buf_free(&theirs);
    free(name);
    free(dir);
    files_remove(top);
}
END_TEST

/* ---- cut off --------------------------------------------------------------------------------- */

static size_t whole_records(const written *w, size_t size)
{
    size_t count = 0;
    while (count < w->count && w->ends[count] <= size)
        count++;
    return count;
}

/* Is there nothing behind record `count` but the zeros that fill a block? */
static bool only_fill(const written *w, size_t count, size_t size)
{
    size_t end = count > 0 ? w->ends[count - 1] : 0;
    size_t left = BLOCK - end % BLOCK;
    return size == end || (left < HEADER && size <= end + left);
}

static void check_cut(const written *w, size_t size)
{
    shown s;
    ck_assert_int_eq(read_bytes((cmt_slice){w->log.data, size}, w, &s), CMT_OK);
    ck_assert_uint_eq(s.count, whole_records(w, size));
    ck_assert_msg(s.torn == !only_fill(w, s.count, size), "cut at %zu", size);
}

START_TEST(a_small_log_cut_anywhere_keeps_the_records_before)
{
    written w = {0};
    for (size_t size = 0; size < 40; size++)
        append(&w, size * 3, size);
    for (size_t size = 0; size <= w.log.size; size++)
        check_cut(&w, size);
    cmt_buf_free(&w.log);
}
END_TEST

START_TEST(a_log_of_several_blocks_cut_anywhere_keeps_the_records_before)
{
    written w = {0};
    append(&w, 100, 1);
    append(&w, BLOCK - 2 * HEADER - 100 - 3, 2); /* leaves 3 bytes of the block */
    append(&w, 50, 3);
    append(&w, 2 * BLOCK, 4);
    append(&w, 1, 5);
    for (size_t size = 0; size <= w.log.size; size++) {
        size_t in_block = size % BLOCK;
        if (in_block < 70 || in_block > BLOCK - 20 || size % 97 == 0 || size > w.log.size - 20)
            check_cut(&w, size);
    }
    cmt_buf_free(&w.log);
}
END_TEST

START_TEST(zeros_behind_the_last_record_are_a_torn_tail)
{
    static const size_t zeros[] = {1, 6, 7, 8, 100, 4096, BLOCK, 3 * BLOCK};
    for (size_t i = 0; i < sizeof zeros / sizeof zeros[0]; i++) {
        written w = {0};
        shown s;
        append(&w, 30, 1);
        append(&w, BLOCK, 2);
        size_t size = w.log.size;
        ck_assert_int_eq(cmt_buf_reserve(&w.log, zeros[i]), CMT_OK);
        memset(w.log.data + size, 0, zeros[i]);
        ck_assert_int_eq(read_bytes((cmt_slice){w.log.data, size + zeros[i]}, &w, &s), CMT_OK);
        ck_assert_uint_eq(s.count, 2);
        ck_assert(s.torn);
        cmt_buf_free(&w.log);
    }
}
END_TEST

/* ---- damaged --------------------------------------------------------------------------------- */

/* Does the byte belong to the chunks of the last record? */
static bool in_last_record(const written *w, size_t at)
{
    return at >= w->ends[w->count - 2];
}

static void check_flip(written *w, size_t at, uint8_t mask)
{
    shown s;
    w->log.data[at] ^= mask;
    cmt_status st = read_bytes(cmt_buf_slice(&w->log), w, &s);
    w->log.data[at] ^= mask;
    ck_assert_uint_eq(s.count, whole_records(w, at));
    ck_assert_msg(st == (in_last_record(w, at) ? CMT_OK : CMT_CORRUPT), "byte %zu, mask %u: %s", at,
                  mask, cmt_status_text(st));
    ck_assert(st != CMT_OK || s.torn);
}

START_TEST(a_flipped_bit_in_a_small_log_shows_no_wrong_record)
{
    written w = {0};
    for (size_t size = 0; size < 20; size++)
        append(&w, size * 2, size);
    for (size_t at = 0; at < w.log.size; at++)
        for (unsigned bit = 0; bit < 8; bit++)
            check_flip(&w, at, (uint8_t)(1u << bit));
    cmt_buf_free(&w.log);
}
END_TEST

START_TEST(a_flipped_byte_in_a_record_of_many_chunks_shows_no_wrong_record)
{
    written w = {0};
    append(&w, 40, 1);
    append(&w, 2 * BLOCK, 2);
    append(&w, 40, 3);
    for (size_t at = 0; at < w.log.size; at += at % BLOCK < 80 || at % BLOCK > BLOCK - 20 ? 1 : 211)
        check_flip(&w, at, 0xff);
    cmt_buf_free(&w.log);
}
END_TEST

START_TEST(a_damaged_chunk_before_the_last_of_one_record_is_damage)
{
    written w = {0};
    append(&w, 40, 1);
    append(&w, 2 * BLOCK, 2);
    shown s;
    w.log.data[BLOCK + 100] ^= 1; /* in the middle chunk; the last one is whole */
    ck_assert_int_eq(read_bytes(cmt_buf_slice(&w.log), &w, &s), CMT_CORRUPT);
    ck_assert_uint_eq(s.count, 1);
    cmt_buf_free(&w.log);
}
END_TEST

/* Append a chunk of any type with the right checksum. */
static void chunk(cmt_buf *log, uint8_t type, const char *data)
{
    size_t size = strlen(data);
    uint8_t header[HEADER] = {0, 0, 0, 0, (uint8_t)size, (uint8_t)(size >> 8), type};
    cmt_store32(header, cmt_crc32c_mask(cmt_crc32c(cmt_crc32c(0, &type, 1), data, size)));
    ck_assert_int_eq(cmt_buf_append(log, header, sizeof header), CMT_OK);
    ck_assert_int_eq(cmt_buf_append(log, data, size), CMT_OK);
}

static cmt_status count_records(void *context, cmt_slice record, cmt_error *err)
{
    (void)record;
    (void)err;
    ++*(unsigned *)context;
    return CMT_OK;
}

/* Chunk types from `types`, the first of them behind a whole record. */
static cmt_status read_chunks(const char *types, unsigned *records, bool *torn)
{
    CMT_AUTO(cmt_buf_free) cmt_buf log = CMT_BUF_INIT;
    chunk(&log, 1, "whole");
    for (; *types != '\0'; types++)
        chunk(&log, (uint8_t)(*types - '0'), "data");
    CMT_AUTO(cmt_fd_close) int fd = memory_file(cmt_buf_slice(&log));
    *records = 0;
    return cmt_lsm__log_read(fd, "x", log.size, count_records, records, torn, NULL);
}

START_TEST(chunks_out_of_order_are_damage)
{
    static const char *const wrong[] = {"3", "4", "22", "21", "232", "231", "14", "13", "2343"};
    unsigned records;
    bool torn;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        ck_assert_msg(read_chunks(wrong[i], &records, &torn) == CMT_CORRUPT, "%s", wrong[i]);
    ck_assert_int_eq(read_chunks("2334124", &records, &torn), CMT_OK);
    ck_assert_uint_eq(records, 4);
    ck_assert(!torn);
}
END_TEST

START_TEST(a_record_without_its_last_chunk_is_a_torn_tail)
{
    unsigned records;
    bool torn;
    ck_assert_int_eq(read_chunks("2", &records, &torn), CMT_OK);
    ck_assert(torn);
    ck_assert_int_eq(read_chunks("1233", &records, &torn), CMT_OK);
    ck_assert(torn);
    ck_assert_uint_eq(records, 2);
}
END_TEST

START_TEST(a_chunk_of_unknown_type_is_no_chunk)
{
    unsigned records;
    bool torn;
    ck_assert_int_eq(read_chunks("0", &records, &torn), CMT_OK);
    ck_assert(torn);
    ck_assert_int_eq(read_chunks("5", &records, &torn), CMT_OK);
    ck_assert(torn);
    ck_assert_int_eq(read_chunks("51", &records, &torn), CMT_CORRUPT);
    ck_assert_uint_eq(records, 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("lsm_log");
    TCase *tc = tcase_create("whole");
    tcase_add_test(tc, records_of_all_sizes_come_back);
    tcase_add_test(tc, records_that_begin_near_the_end_of_a_block_come_back);
    tcase_add_test(tc, a_block_tail_too_short_for_a_header_is_filled_with_zeros);
    tcase_add_test(tc, a_block_with_room_for_a_header_only_gets_an_empty_first_chunk);
    tcase_add_test(tc, an_empty_log_has_no_records);
    tcase_add_test(tc, bytes_behind_the_given_size_do_not_count);
    tcase_add_test(tc, a_file_shorter_than_the_given_size_is_damage);
    tcase_add_test(tc, what_the_callback_returns_ends_the_reading);
    tcase_add_test(tc, a_log_of_leveldb_is_written_again_byte_for_byte);
    suite_add_tcase(suite, tc);
    tc = tcase_create("cut or damaged");
    tcase_add_test(tc, a_small_log_cut_anywhere_keeps_the_records_before);
    tcase_add_test(tc, a_log_of_several_blocks_cut_anywhere_keeps_the_records_before);
    tcase_add_test(tc, zeros_behind_the_last_record_are_a_torn_tail);
    tcase_add_test(tc, a_flipped_bit_in_a_small_log_shows_no_wrong_record);
    tcase_add_test(tc, a_flipped_byte_in_a_record_of_many_chunks_shows_no_wrong_record);
    tcase_add_test(tc, a_damaged_chunk_before_the_last_of_one_record_is_damage);
    tcase_add_test(tc, chunks_out_of_order_are_damage);
    tcase_add_test(tc, a_record_without_its_last_chunk_is_a_torn_tail);
    tcase_add_test(tc, a_chunk_of_unknown_type_is_no_chunk);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
