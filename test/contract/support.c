/* SPDX-License-Identifier: Apache-2.0
 *
 * What the cases of the contract share.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "contract.h"
#include "files.h"
#include "rng.h"

contract_backend backend;
cmt_db *db;
char *dir;
char *top;
cmt_error err;

static cmt_db *view;

bool in_helper;

void must(cmt_status status)
{
    if (in_helper && status != CMT_OK) {
        fprintf(stderr, "helper: %s: %s\n", cmt_status_text(status), err.message);
        exit(1);
    }
    /* Check does not want to hear from a process that runs no case. */
    if (!in_helper)
        ck_assert_msg(status == CMT_OK, "%s: %s", cmt_status_text(status), err.message);
}

cmt_db_open_options contract_options(void)
{
    return (cmt_db_open_options){
        .engine = backend == ON_ROCKSDB ? CMT_ENGINE_ROCKSDB : CMT_ENGINE_CLEVELDB,
        .create = true,
        .write_buffer_bytes = (size_t)1 << 20,
        .compact_step_bytes = (size_t)1 << 20,
    };
}

static void open_db(void)
{
    cmt_db_open_options options = contract_options();
    must(backend == ON_MEMORY ? cmt_db_open_memory(&db, &err)
                              : cmt_db_open(dir, &options, &db, &err));
}

void contract_setup(void)
{
    err = (cmt_error)CMT_ERROR_INIT;
    top = files_temp();
    dir = files_path(top, "x.db");
    open_db();
}

void contract_teardown(void)
{
    close_db();
    free(dir);
    files_remove(top);
}

void contract_reopen(void)
{
    if (backend == ON_MEMORY)
        return;
    close_db();
    open_db();
}

void close_db(void)
{
    close_reader();
    cmt_db_close(db);
    db = NULL;
}

void close_reader(void)
{
    cmt_db_close(view);
    view = NULL;
}

cmt_db *reader(void)
{
    if (backend != ON_VIEW)
        return db;
    close_reader();
    must(cmt_db_open_view(dir, NULL, &view, &err));
    return view;
}

cmt_slice text(const char *string)
{
    return (cmt_slice){(const uint8_t *)string, strlen(string)};
}

cmt_db_batch *new_batch(void)
{
    cmt_db_batch *batch;
    must(cmt_db_batch_new(&batch, &err));
    return batch;
}

void write_batch(cmt_db_batch *batch, bool sync)
{
    must(cmt_db_write(db, batch, sync, &err));
    cmt_db_batch_free(batch);
}

void put(cmt_slice key, cmt_slice value)
{
    cmt_db_batch *batch = new_batch();
    must(cmt_db_batch_put(batch, key, value, &err));
    write_batch(batch, false);
}

void put_text(const char *key, const char *value)
{
    put(text(key), text(value));
}

void delete_key(cmt_slice key)
{
    cmt_db_batch *batch = new_batch();
    must(cmt_db_batch_delete(batch, key, &err));
    write_batch(batch, false);
}

void delete_range(cmt_slice lo, cmt_slice hi)
{
    cmt_db_batch *batch = new_batch();
    must(cmt_db_batch_delete_range(batch, (cmt_range){lo, hi}, &err));
    write_batch(batch, false);
}

cmt_db_iter *new_iter(cmt_db *from, const cmt_range *bounds)
{
    cmt_db_iter *iter;
    must(cmt_db_iter_new(from, bounds, &iter, &err));
    return iter;
}

void expect_value(cmt_db *from, cmt_slice key, cmt_slice value)
{
    cmt_buf got = CMT_BUF_INIT;
    must(cmt_db_get(from, key, &got, &err));
    ck_assert_uint_eq(got.size, value.size);
    ck_assert(cmt_slice_equal(cmt_buf_slice(&got), value));
    cmt_buf_free(&got);
}

void expect_absent(cmt_db *from, cmt_slice key)
{
    cmt_buf got = CMT_BUF_INIT;
    cmt_error none = CMT_ERROR_INIT;
    must(cmt_buf_set(&got, CMT_SLICE("as it was")));
    ck_assert_int_eq(cmt_db_get(from, key, &got, &none), CMT_NOT_FOUND);
    ck_assert_str_eq(none.message, "");
    ck_assert(cmt_slice_equal(cmt_buf_slice(&got), CMT_SLICE("as it was")));
    cmt_buf_free(&got);
}

void expect_on(cmt_db_iter *iter, cmt_status status, cmt_slice key)
{
    must(status);
    ck_assert(cmt_slice_equal(cmt_db_iter_key(iter), key));
}

/* ---- keys at the edges ----------------------------------------------------------------------- */

static uint8_t long_key[3000];
static uint8_t big_value[(1 << 20) + 1];

/* In order. */
static const cmt_slice edges[EDGES] = {
    {(const uint8_t *)"", 0},        {(const uint8_t *)"\0", 1},
    {(const uint8_t *)"\0\0", 2},    {(const uint8_t *)"\0\xff", 2},
    {(const uint8_t *)"\x01", 1},    {(const uint8_t *)" '", 2},
    {(const uint8_t *)"' @ ", 4},    {(const uint8_t *)"H:1", 3},
    {(const uint8_t *)"H:10", 4},    {(const uint8_t *)"H:2", 3},
    {(const uint8_t *)"P:129:0", 7}, {(const uint8_t *)"P:12:0", 6},
    {(const uint8_t *)"\\x00", 4},   {(const uint8_t *)"a", 1},
    {(const uint8_t *)"a\0", 2},     {(const uint8_t *)"a\0\0", 3},
    {(const uint8_t *)"ab", 2},      {(const uint8_t *)"a\xff", 2},
    {long_key, sizeof long_key},     {(const uint8_t *)"z", 1},
    {(const uint8_t *)"\x80", 1},    {(const uint8_t *)"\xff", 1},
    {(const uint8_t *)"\xff\0", 2},  {(const uint8_t *)"\xff\xff", 2},
};

static const size_t value_sizes[EDGES] = {0,
                                          1,
                                          2,
                                          3,
                                          0,
                                          127,
                                          128,
                                          255,
                                          256,
                                          1000,
                                          4095,
                                          4096,
                                          4097,
                                          16383,
                                          16384,
                                          32760,
                                          32767,
                                          32768,
                                          32769,
                                          65535,
                                          65536,
                                          0,
                                          sizeof big_value,
                                          7};

cmt_slice edge(size_t i)
{
    memset(long_key, 'b', sizeof long_key);
    return edges[i];
}

cmt_slice edge_value(size_t i)
{
    static bool filled;
    if (!filled)
        fill_random(big_value, sizeof big_value, 1);
    filled = true;
    return (cmt_slice){big_value + sizeof big_value - value_sizes[i], value_sizes[i]};
}

void put_edges(void)
{
    /* Neither in order nor against it. */
    for (size_t i = 0; i < EDGES; i++)
        put(edge(i * 7 % EDGES), edge_value(i * 7 % EDGES));
}

cmt_slice behind_edge(size_t i, cmt_buf *room)
{
    must(cmt_buf_set(room, edge(i)));
    must(cmt_buf_append(room, "\0\x01\xfe", 3));
    return cmt_buf_slice(room);
}

void expect_edges(cmt_db *from, const bool there[EDGES])
{
    cmt_db_iter *forward = new_iter(from, NULL);
    cmt_db_iter *backward = new_iter(from, NULL);
    cmt_status st = cmt_db_iter_first(forward, &err);
    for (size_t i = 0; i < EDGES; i++) {
        if (!there[i]) {
            expect_absent(from, edge(i));
            continue;
        }
        expect_value(from, edge(i), edge_value(i));
        expect_on(forward, st, edge(i));
        ck_assert(cmt_slice_equal(cmt_db_iter_value(forward), edge_value(i)));
        st = cmt_db_iter_next(forward, &err);
    }
    ck_assert_int_eq(st, CMT_NOT_FOUND);
    st = cmt_db_iter_last(backward, &err);
    for (size_t i = EDGES; i-- > 0;)
        if (there[i]) {
            expect_on(backward, st, edge(i));
            ck_assert(cmt_slice_equal(cmt_db_iter_value(backward), edge_value(i)));
            st = cmt_db_iter_prev(backward, &err);
        }
    ck_assert_int_eq(st, CMT_NOT_FOUND);
    cmt_db_iter_free(forward);
    cmt_db_iter_free(backward);
}

/* ---- much data ------------------------------------------------------------------------------- */

void fill_random(uint8_t *bytes, size_t size, uint64_t seed)
{
    rng r = {seed};
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)rng_between(&r, 0, 255);
}

void put_many(size_t from, size_t count, size_t size, uint64_t seed)
{
    uint8_t *value = malloc(size + 1);
    must(value != NULL ? CMT_OK : CMT_NO_MEMORY);
    fill_random(value, size, seed);
    cmt_db_batch *batch = new_batch();
    for (size_t i = from; i < from + count; i++) {
        char key[32];
        snprintf(key, sizeof key, "k%08zu", i);
        memcpy(value, &i, size < sizeof i ? size : sizeof i);
        must(cmt_db_batch_put(batch, text(key), (cmt_slice){value, size}, &err));
        if (cmt_db_batch_bytes(batch) > (size_t)1 << 20) {
            must(cmt_db_write(db, batch, false, &err));
            cmt_db_batch_clear(batch);
        }
    }
    write_batch(batch, false);
    free(value);
}
