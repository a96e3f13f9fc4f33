/* SPDX-License-Identifier: Apache-2.0
 *
 * A table, whatever its bytes, in both directions and from any key.
 */
#include "walk_table.h"

#include "fuzz.h"
#include "one_table.h"
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

void walk_table(cmt_slice table, const cmt_lsm__table_meta *format)
{
    static const uint8_t lo[8] = {0};
    static const uint8_t hi[16] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    cmt_lsm__table_meta meta = *format;
    one_table t;
    cmt_buf some_key = CMT_BUF_INIT;
    char name[CMT_LSM_NAME_MAX];
    meta.number = 1;
    meta.size = table.size;
    meta.smallest = (cmt_slice){lo, sizeof lo};
    meta.largest = (cmt_slice){hi, sizeof hi};
    cmt_lsm__table_name(meta.number, meta.is_sst, name);
    scratch_write(name, table);
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
