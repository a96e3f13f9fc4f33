/* SPDX-License-Identifier: Apache-2.0
 *
 * RocksDB's large logs: values are left in them and read when they are wanted.
 */
#include "journal.h"

#include "cleanup.h"
#include "crc32c.h"
#include "file.h"
#include "files.h"
#include "log.h"
#include "pairs.h"
#include "rng.h"
#include "suite.h"

#include <check.h>
#include <stdlib.h>

/* More than is copied, in values of every size that matters: none, small, beside a block's end, over several
 * blocks. */
#define LOG_BYTES ((size_t)33 << 20)

static char *top;
static cmt_buf log_bytes;
static cmt_error err;
static rng r;
static uint32_t batches;

static void setup(void)
{
    err = (cmt_error)CMT_ERROR_INIT;
    top = files_temp();
    r = (rng){1};
    batches = 0;
}

static void teardown(void)
{
    files_remove(top);
    cmt_buf_free(&log_bytes);
}

static void must(cmt_status st)
{
    pairs_must(st, &err);
}

/* The value of entry i of batch b: its bytes follow from both, its size is drawn. */
static uint8_t byte_of(uint32_t batch, uint32_t entry, size_t at)
{
    return (uint8_t)(batch * 131u + entry * 31u + at * 7u + (at >> 8));
}

static void put_key(cmt_buf *out, uint32_t batch, uint32_t entry)
{
    uint8_t key[8];
    cmt_store32(key, batch);
    cmt_store32(key + 4, entry);
    must(cmt_buf_append_varint(out, sizeof key));
    must(cmt_buf_append(out, key, sizeof key));
}

static void put_value(cmt_buf *out, uint32_t entry, size_t size)
{
    must(cmt_buf_append_varint(out, size));
    must(cmt_buf_reserve(out, size));
    for (size_t k = 0; k < size; k++)
        out->data[out->size++] = byte_of(batches, entry, k);
}

/* A batch of puts, and one delete. */
static void make_batch(cmt_buf *out, uint32_t entries, size_t largest)
{
    uint8_t head[12];
    cmt_buf_clear(out);
    cmt_store64(head, 1 + batches * UINT64_C(100));
    cmt_store32(head + 8, entries);
    must(cmt_buf_append(out, head, sizeof head));
    for (uint32_t i = 0; i < entries; i++) {
        bool put = i + 1 < entries;
        must(cmt_buf_append(out, put ? "\1" : "\0", 1));
        put_key(out, batches, i);
        if (!put)
            break;
        put_value(out, i, (size_t)rng_between(&r, 0, (int64_t)largest));
    }
    batches++;
}

/* A batch of one put. */
static void make_batch_of(cmt_buf *out, size_t size)
{
    uint8_t head[12];
    cmt_buf_clear(out);
    cmt_store64(head, 1 + batches * UINT64_C(100));
    cmt_store32(head + 8, 1);
    must(cmt_buf_append(out, head, sizeof head));
    must(cmt_buf_append(out, "\1", 1));
    put_key(out, batches, 0);
    put_value(out, 0, size);
    batches++;
}

static void read_logs(cmt_lsm__journal *journal)
{
    cmt_lsm__listing listing;
    CMT_AUTO(cmt_fd_close) int dir_fd = -1;
    must(cmt_dir_open(top, &dir_fd, &err));
    must(cmt_lsm__list(dir_fd, top, &listing, &err));
    must(cmt_lsm__journal_read_rocksdb(dir_fd, &listing, 0, true, journal, &err));
    cmt_lsm__listing_free(&listing);
}

/* Every value is what was written; returns how many of them were read from the log. */
static size_t check_values(const cmt_lsm__journal *j)
{
    CMT_AUTO(cmt_buf_free) cmt_buf scratch = CMT_BUF_INIT;
    size_t left = 0;
    for (size_t i = 0; i < j->count; i++) {
        const cmt_lsm__entry *e = &j->entries[i];
        uint32_t batch = cmt_load32(e->key);
        uint32_t entry = cmt_load32(e->key + 4);
        cmt_slice value;
        must(cmt_lsm__journal_value(j, e, &scratch, &value, &err));
        size_t wrong = 0;
        for (size_t k = 0; k < value.size; k++)
            wrong += value.data[k] != byte_of(batch, entry, k);
        ck_assert_uint_eq(wrong, 0);
        left += e->in_log;
    }
    return left;
}

START_TEST(values_of_a_large_log_are_read_from_it)
{
    CMT_AUTO(cmt_buf_free) cmt_buf batch = CMT_BUF_INIT;
    static const size_t largest[] = {40, 200, 5000, 40000, 200000};
    while (log_bytes.size < LOG_BYTES) {
        make_batch(&batch, (uint32_t)rng_between(&r, 1, 20), largest[batches % 5]);
        must(cmt_lsm__log_append(&log_bytes, cmt_buf_slice(&batch)));
    }
    files_write(top, "000007.log", cmt_buf_slice(&log_bytes));
    cmt_lsm__journal j;
    read_logs(&j);
    ck_assert_uint_eq(j.log_count, 1);
    ck_assert_uint_gt(check_values(&j), 1000);
    size_t held = 0;
    for (size_t i = 0; i < j.count; i++)
        held += j.entries[i].in_log ? 0 : j.entries[i].value_size;
    ck_assert_uint_lt(held, LOG_BYTES / 50);
    cmt_lsm__journal_free(&j);
}
END_TEST

/* Where a log ends that ends at `offset`, when a record is appended. */
static size_t end_behind(size_t offset, size_t record)
{
    for (bool more = true; more;) {
        size_t left = CMT_LSM_LOG_BLOCK - offset % CMT_LSM_LOG_BLOCK;
        if (left < CMT_LSM_LOG_HEADER) {
            offset += left;
            continue;
        }
        size_t n = record < left - CMT_LSM_LOG_HEADER ? record : left - CMT_LSM_LOG_HEADER;
        offset += CMT_LSM_LOG_HEADER + n;
        record -= n;
        more = record > 0;
    }
    return offset;
}

static void append_put(size_t size)
{
    CMT_AUTO(cmt_buf_free) cmt_buf batch = CMT_BUF_INIT;
    make_batch_of(&batch, size);
    must(cmt_lsm__log_append(&log_bytes, cmt_buf_slice(&batch)));
}

/* Append one put such that @p left bytes of the last block remain. */
static void fill_up_to(size_t left)
{
    size_t size = 16384; /* whose length takes three bytes, as up to four times as many */
    while ((end_behind(log_bytes.size, 22 + 3 + size) + left) % CMT_LSM_LOG_BLOCK != 0)
        size++;
    append_put(size);
    ck_assert_uint_eq((log_bytes.size + left) % CMT_LSM_LOG_BLOCK, 0);
}

/* Where seven bytes are left a record's first chunk is empty; where fewer are left it begins in the next block. */
START_TEST(values_are_found_wherever_a_record_begins_in_a_block)
{
    for (size_t left = 0; left < 40; left++) {
        fill_up_to(left);
        append_put(300);
        append_put(40000);
    }
    while (log_bytes.size < LOG_BYTES)
        append_put(1000000);
    files_write(top, "000007.log", cmt_buf_slice(&log_bytes));
    cmt_lsm__journal j;
    read_logs(&j);
    ck_assert_uint_eq(check_values(&j), j.count);
    cmt_lsm__journal_free(&j);
}
END_TEST

START_TEST(values_of_a_small_log_are_copied)
{
    CMT_AUTO(cmt_buf_free) cmt_buf batch = CMT_BUF_INIT;
    make_batch(&batch, 20, 5000);
    must(cmt_lsm__log_append(&log_bytes, cmt_buf_slice(&batch)));
    files_write(top, "000007.log", cmt_buf_slice(&log_bytes));
    cmt_lsm__journal j;
    read_logs(&j);
    ck_assert_uint_eq(j.log_count, 0);
    ck_assert_uint_eq(j.count, 20);
    for (size_t i = 0; i < j.count; i++)
        ck_assert(!j.entries[i].in_log);
    cmt_lsm__journal_free(&j);
}
END_TEST

/* A chunk of LevelDB's form: 1 whole, 2 first, 4 last. */
static void add_chunk(uint8_t type, cmt_slice data)
{
    uint8_t header[CMT_LSM_LOG_HEADER] = {
        0, 0, 0, 0, (uint8_t)data.size, (uint8_t)(data.size >> 8), type};
    uint32_t crc = cmt_crc32c(cmt_crc32c(0, header + 6, 1), data.data, data.size);
    cmt_store32(header, cmt_crc32c_mask(crc));
    must(cmt_buf_append(&log_bytes, header, sizeof header));
    must(cmt_buf_append(&log_bytes, data.data, data.size));
}

/* No engine cuts a record before its block is full; a reader takes it. */
START_TEST(a_record_cut_early_is_copied)
{
    CMT_AUTO(cmt_buf_free) cmt_buf batch = CMT_BUF_INIT;
    do { /* one value of some size */
        batches = 0;
        make_batch(&batch, 2, 9000);
    } while (batch.size < 1000);
    cmt_slice whole = cmt_buf_slice(&batch);
    add_chunk(2, (cmt_slice){whole.data, 500});
    add_chunk(4, (cmt_slice){whole.data + 500, whole.size - 500});
    CMT_AUTO(cmt_buf_free) cmt_buf more = CMT_BUF_INIT;
    while (log_bytes.size < LOG_BYTES) {
        make_batch(&more, 20, 200000);
        must(cmt_lsm__log_append(&log_bytes, cmt_buf_slice(&more)));
    }
    files_write(top, "000007.log", cmt_buf_slice(&log_bytes));
    cmt_lsm__journal j;
    read_logs(&j);
    ck_assert_uint_gt(check_values(&j), 100);
    for (size_t i = 0; i < j.count; i++)
        ck_assert(cmt_load32(j.entries[i].key) > 0 || !j.entries[i].in_log);
    cmt_lsm__journal_free(&j);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("lsm_large_log");
    TCase *tc = tcase_create("values");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, values_of_a_large_log_are_read_from_it);
    tcase_add_test(tc, values_are_found_wherever_a_record_begins_in_a_block);
    tcase_add_test(tc, values_of_a_small_log_are_copied);
    tcase_add_test(tc, a_record_cut_early_is_copied);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
