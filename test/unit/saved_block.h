/* SPDX-License-Identifier: Apache-2.0
 *
 * For the tests that save blocks: a database in memory that notes what is written, and small blocks with a
 * commit of one signature.
 */
#ifndef CMT_TEST_SAVED_BLOCK_H
#define CMT_TEST_SAVED_BLOCK_H

#include "chain.h"
#include "cmtstore/store.h"
#include "recording_db.h"
#include "suite.h"

#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static cmt_db *memory;
static recording_db recorder;
static cmt_db *db;
static cmt_error err;

/* The one signature of all commits; a case says its flag and what is attached. */
static cmt_ext_commit_sig signature = {
    .sig = {.flag = CMT_BLOCK_ID_COMMIT,
            .address = {(const uint8_t *)"12345678901234567890", 20},
            .timestamp = {1700000000, 500000000},
            .signature = {(const uint8_t *)"signature", 9}},
};

static inline void setup(void)
{
    signature.sig.flag = CMT_BLOCK_ID_COMMIT;
    signature.extension = (cmt_slice){NULL, 0};
    signature.extension_signature = (cmt_slice){NULL, 0};
    err = (cmt_error)CMT_ERROR_INIT;
    ck_assert_int_eq(cmt_db_open_memory(&memory, NULL), CMT_OK);
    db = recording_over(&recorder, memory, CMT_DB_WRITABLE);
}

static inline void teardown(void)
{
    cmt_db_close(memory);
}

/* ---- blocks ------------------------------------------------------------------------------ */

static inline cmt_block make_block(int64_t height)
{
    cmt_block block = {.header = {.version_block = 11, .chain_id = "chain", .height = height}};
    memset(&block.header.validators_hash, 7, sizeof block.header.validators_hash);
    block.header.validators_hash.size = CMT_HASH_SIZE;
    block.header.proposer_address.size = CMT_ADDRESS_SIZE;
    return block;
}

static inline cmt_part_set *cut(const cmt_block *block, uint32_t count, cmt_buf *bytes)
{
    cmt_part_set *parts = NULL;
    ck_assert_int_eq(cmt_block_encode(block, bytes), CMT_OK);
    size_t filler = count > 1 ? (count - 1) * (size_t)CMT_PART_BYTES : 0;
    ck_assert_int_eq(cmt_buf_reserve(bytes, filler), CMT_OK);
    memset(bytes->data + bytes->size, 0, filler);
    bytes->size += filler;
    ck_assert_int_eq(cmt_part_set_new(cmt_buf_slice(bytes), &parts, NULL), CMT_OK);
    ck_assert_uint_eq(cmt_part_set_total(parts), count);
    return parts;
}

/* Try to save a block in @p count parts with a commit for @p seen; extended when there is an extension's
 * signature or the vote is not for the block. */
static inline cmt_status try_save(cmt_block_store *store, const cmt_block *block, uint32_t count,
                                  int64_t seen)
{
    bool extended = signature.extension_signature.size > 0 || signature.extension.size > 0;
    cmt_commit commit = {.height = seen, .signatures = &signature.sig, .count = 1};
    cmt_ext_commit with = {.height = seen, .signatures = &signature, .count = 1};
    cmt_buf bytes = CMT_BUF_INIT;
    cmt_part_set *parts = cut(block, count, &bytes);
    cmt_status st =
        extended ? cmt_block_store_save_block_with_ext_commit(store, block, parts, &with, &err)
                 : cmt_block_store_save_block(store, block, parts, &commit, &err);
    cmt_part_set_free(parts);
    cmt_buf_free(&bytes);
    return st;
}

static inline void save(cmt_block_store *store, int64_t height, uint32_t count)
{
    cmt_block block = make_block(height);
    cmt_status st = try_save(store, &block, count, height);
    ck_assert_msg(st == CMT_OK, "%s", err.message);
}

static inline cmt_block_store *open_with(const cmt_block_store_options *options)
{
    cmt_block_store *store = NULL;
    cmt_status st = cmt_block_store_open_for_writing(db, options, &store, &err);
    ck_assert_msg(st == CMT_OK, "%s", err.message);
    return store;
}

static inline void expect_heights(const cmt_block_store *store, int64_t base, int64_t height)
{
    ck_assert_int_eq(cmt_block_store_base(store), base);
    ck_assert_int_eq(cmt_block_store_height(store), height);
}

/* In the handle and in what another one reads. */
static inline void expect_stored(cmt_block_store *store, int64_t base, int64_t height)
{
    expect_heights(store, base, height);
    cmt_block_store *again = NULL;
    ck_assert_msg(cmt_block_store_open(db, &again, &err) == CMT_OK, "%s", err.message);
    expect_heights(again, base, height);
    cmt_block_store_close(again);
}

static inline size_t pairs(void)
{
    cmt_db_iter *iter = NULL;
    size_t count = 0;
    ck_assert_int_eq(cmt_db_iter_new(memory, NULL, &iter, NULL), CMT_OK);
    for (cmt_status st = cmt_db_iter_first(iter, NULL); st == CMT_OK;
         st = cmt_db_iter_next(iter, NULL))
        count++;
    cmt_db_iter_free(iter);
    return count;
}

static inline void expect_refused(cmt_status status, const char *text)
{
    ck_assert_int_eq(status, CMT_INVALID);
    ck_assert_msg(strstr(err.message, text) != NULL, "%s", err.message);
}

/* ---- suites ------------------------------------------------------------------------------ */

static inline TCase *new_case(Suite *suite, const char *name)
{
    TCase *tc = tcase_create(name);
    tcase_add_checked_fixture(tc, setup, teardown);
    suite_add_tcase(suite, tc);
    return tc;
}

#endif
