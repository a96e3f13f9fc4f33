/* SPDX-License-Identifier: Apache-2.0
 *
 * Tables in RocksDB's format, as pebble's and as RocksDB's own: any bytes are read or refused, in both directions and from any key, and what is shown are
 * internal keys of the kinds there are, with values that can be read.
 */
#include "fuzz.h"

#include "one_table.h"
#include "repair.h"
#include "scratch.h"

#define MOVES 300

static volatile uint8_t sink;

/* Look at what the source shows; false when it shows nothing (any more). */
static bool look(const one_table *t, cmt_status st, const cmt_error *err)
{
    if (st != CMT_OK) {
        FUZZ_CHECK(st == CMT_CORRUPT || st == CMT_UNSUPPORTED);
        FUZZ_CHECK(err->message[0] != '\0');
        return false;
    }
    if (!t->source.valid)
        return false;
    FUZZ_CHECK(t->source.key.size >= 8 && t->source.key.size <= CMT_LSM_KEY_MAX);
    FUZZ_CHECK(cmt_lsm__type(t->source.key) <= CMT_LSM_TYPE_PUT);
    uint8_t sum = 0;
    for (size_t i = 0; i < t->source.key.size; i++)
        sum ^= t->source.key.data[i];
    for (size_t i = 0; i < t->source.value.size; i++)
        sum ^= t->source.value.data[i];
    sink = sum;
    return true;
}

static void walk(one_table *t, bool forward, cmt_buf *some_key)
{
    cmt_error err = CMT_ERROR_INIT;
    cmt_status st =
        forward ? cmt_lsm__source_first(&t->source, &err) : cmt_lsm__source_last(&t->source, &err);
    for (unsigned i = 0; i < MOVES && look(t, st, &err); i++) {
        if (i == 0 || i % 16 == 5)
            FUZZ_CHECK(cmt_buf_set(some_key, t->source.key) == CMT_OK);
        st = forward ? cmt_lsm__source_next(&t->source, &err)
                     : cmt_lsm__source_prev(&t->source, &err);
    }
}

/* From a key onwards, turning now and then. */
static void wander(one_table *t, cmt_slice key, uint32_t turns)
{
    cmt_error err = CMT_ERROR_INIT;
    cmt_status st = cmt_lsm__source_seek(&t->source, key, &err);
    for (unsigned i = 0; i < 40 && look(t, st, &err); i++)
        st = turns >> i % 32 & 1 ? cmt_lsm__source_next(&t->source, &err)
                                 : cmt_lsm__source_prev(&t->source, &err);
}

static void check(cmt_slice table, bool rocksdb)
{
    static const uint8_t lo[8] = {0};
    static const uint8_t hi[16] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    const cmt_lsm__table_meta meta = {.number = 1,
                                      .size = table.size,
                                      .is_sst = true,
                                      .rocksdb_format = true,
                                      .rocksdb = rocksdb,
                                      .smallest = {lo, sizeof lo},
                                      .largest = {hi, sizeof hi},
                                      .largest_sequence = CMT_LSM_SEQUENCE_MAX - 1};
    one_table t;
    cmt_buf some_key = CMT_BUF_INIT;
    scratch_write("000001.sst", table);
    FUZZ_CHECK(one_table_open(&t, scratch_fd(), &meta, NULL) == CMT_OK);
    walk(&t, true, &some_key);
    if (some_key.size > 0)
        wander(&t, cmt_buf_slice(&some_key), 0x0f0f3355);
    walk(&t, false, &some_key);
    if (some_key.size > 0) {
        some_key.data[0] ^= 1;
        wander(&t, cmt_buf_slice(&some_key), 0xf0f0ccaa);
    }
    wander(&t, (cmt_slice){hi + 8, 8}, 0xffff);
    one_table_close(&t);
    cmt_buf_free(&some_key);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cmt_buf copy = CMT_BUF_INIT;
    FUZZ_CHECK(cmt_buf_append(&copy, data, size) == CMT_OK);
    check(cmt_buf_slice(&copy), false);
    check(cmt_buf_slice(&copy), true);
    repair_rocksdb_table(copy.data, copy.size);
    check(cmt_buf_slice(&copy), false);
    check(cmt_buf_slice(&copy), true);
    cmt_buf_free(&copy);
    return 0;
}
