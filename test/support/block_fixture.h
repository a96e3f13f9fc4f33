/* SPDX-License-Identifier: Apache-2.0
 *
 * What the tests of the block store's rule start from: a chain with a block every second.
 */
#ifndef CMT_TEST_BLOCK_FIXTURE_H
#define CMT_TEST_BLOCK_FIXTURE_H

#include "chain.h"
#include "cleanup.h"
#include "cmtstore/store.h"
#include "priced_db.h"

#include <check.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static cmt_db *db;
static cmt_buf value;
static cmt_error err;
static cmt_block_prune prune;

static inline void setup(void)
{
    err = (cmt_error)CMT_ERROR_INIT;
    ck_assert_int_eq(cmt_db_open_memory(&db, NULL), CMT_OK);
}

static inline void teardown(void)
{
    cmt_block_prune_free(&prune);
    cmt_buf_free(&value);
    cmt_db_close(db);
}

/* ---- a chain with a block every second ---------------------------------------------------- */

static inline chain_block block_at(int64_t height)
{
    chain_block block = {.height = height, .time = {height, 0}, .parts = 1};
    for (size_t i = 0; i < sizeof block.hash; i++)
        block.hash[i] = (uint8_t)(height * 37 >> i % 4 * 4 ^ (int64_t)i * 11);
    return block;
}

static inline void put_meta(int64_t height)
{
    chain_block block = block_at(height);
    chain_encode_meta(&block, &value);
    chain_put(db, &value, "H:%" PRId64, height);
}

static inline void put_hash(int64_t height)
{
    chain_block block = block_at(height);
    char key[68];
    char number[24];
    chain_hash_key(&block, key);
    snprintf(number, sizeof number, "%" PRId64, height);
    chain_put_text(db, number, "%s", key);
}

static inline void put_body(int64_t height)
{
    chain_put_text(db, "part", "P:%" PRId64 ":0", height);
    chain_put_text(db, "seen", "SC:%" PRId64, height);
    put_hash(height);
}

static inline void put_blocks(int64_t lo, int64_t hi)
{
    for (int64_t h = lo; h <= hi; h++) {
        put_meta(h);
        put_body(h);
        chain_put_text(db, "commit", "C:%" PRId64, h - 1);
        chain_put_text(db, "extended", "EC:%" PRId64, h);
    }
}

static inline void put_state(int64_t base, int64_t height)
{
    chain_encode_block_store_state(base, height, &value);
    chain_put(db, &value, "blockStore");
}

/* Evidence of the last @p blocks blocks has not expired. */
static inline cmt_block_prune_request request_for(int64_t retain, int64_t tip, int64_t blocks)
{
    return (cmt_block_prune_request){
        .retain_height = retain,
        .initial_height = 1,
        .window = {tip, {tip, 0}, blocks, 0},
    };
}

static inline cmt_status try_make(cmt_db *over, const cmt_block_prune_request *request)
{
    cmt_block_store *store;
    ck_assert_msg(cmt_block_store_open(over, &store, &err) == CMT_OK, "%s", err.message);
    cmt_block_prune_free(&prune);
    cmt_status st = cmt_block_prune_make(store, request, &prune, &err);
    cmt_block_store_close(store);
    return st;
}

static inline void make(const cmt_block_prune_request *request)
{
    ck_assert_msg(try_make(db, request) == CMT_OK, "%s", err.message);
}

static inline void expect_dead(const char *key, const char *pair_value, bool dead)
{
    bool got;
    cmt_slice k = {(const uint8_t *)key, strlen(key)};
    cmt_slice v = {(const uint8_t *)pair_value, strlen(pair_value)};
    ck_assert_int_eq(cmt_block_prune_is_dead(&prune, k, v, &got, &err), CMT_OK);
    ck_assert_msg(got == dead, "%s", key);
}

static inline bool in_a_range(const char *key)
{
    cmt_slice k = {(const uint8_t *)key, strlen(key)};
    for (size_t i = 0; i < prune.ranges.count; i++)
        if (cmt_slice_compare(prune.ranges.ranges[i].lo, k) <= 0 &&
            cmt_slice_compare(k, prune.ranges.ranges[i].hi) < 0)
            return true;
    return false;
}

#endif
