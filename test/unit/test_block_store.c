/* SPDX-License-Identifier: Apache-2.0
 *
 * Opening a block store and loading what is in it.
 */
#include "chain.h"
#include "cleanup.h"
#include "cmtstore/store.h"
#include "ordered_keys.h"
#include "suite.h"

#include <check.h>

#include <stdlib.h>
#include <string.h>

static cmt_db *db;
static bool layout_v2; /* what a test puts is opened with the keys of that layout */
static cmt_buf value;
static cmt_error err;

static void setup(void)
{
    err = (cmt_error)CMT_ERROR_INIT;
    layout_v2 = false;
    ck_assert_int_eq(cmt_db_open_memory(&db, NULL), CMT_OK);
}

static void setup_v2(void)
{
    setup();
    layout_v2 = true;
}

static void teardown(void)
{
    cmt_buf_free(&value);
    cmt_db_close(db);
}

static void put_state(int64_t base, int64_t height)
{
    chain_encode_block_store_state(base, height, &value);
    chain_put(db, &value, "blockStore");
}

static void put_meta(const chain_block *block)
{
    chain_encode_meta(block, &value);
    chain_put(db, &value, "H:%d", (int)block->height);
}

static chain_block block_at(int64_t height, uint32_t parts)
{
    chain_block block = {.height = height, .time = {1000 + height, 7}, .parts = parts};
    memset(block.hash, 0xa0 + (int)height, sizeof block.hash);
    return block;
}

static cmt_block_store *open_store(void)
{
    cmt_block_store *store;
    if (layout_v2)
        ordered_replace(&db);
    ck_assert_msg(cmt_block_store_open(db, &store, &err) == CMT_OK, "%s", err.message);
    return store;
}

static void expect_unsupported(const char *text)
{
    cmt_block_store *store;
    ck_assert_int_eq(cmt_block_store_open(db, &store, &err), CMT_UNSUPPORTED);
    ck_assert_ptr_null(store);
    ck_assert_msg(strstr(err.message, text) != NULL, "%s", err.message);
}

/* ---- opening ----------------------------------------------------------------------------- */

static void expect_empty(bool has_version)
{
    cmt_block_store *store = open_store();
    ck_assert_int_eq(cmt_block_store_base(store), 0);
    ck_assert_int_eq(cmt_block_store_height(store), 0);
    ck_assert_int_eq(cmt_block_store_layout(store), CMT_KEY_LAYOUT_V1);
    ck_assert(cmt_block_store_has_version(store) == has_version);
    cmt_block_store_close(store);
}

START_TEST(an_empty_database_is_an_empty_store)
{
    expect_empty(false);
}
END_TEST

START_TEST(an_empty_root_record_counts_as_none)
{
    chain_put_text(db, "", "blockStore");
    expect_empty(false);
}
END_TEST

START_TEST(a_store_that_only_a_newer_cometbft_has_opened_is_empty)
{
    chain_put_text(db, "v1", "version");
    expect_empty(true);
}
END_TEST

START_TEST(a_state_synced_node_without_a_block_has_an_empty_store)
{
    chain_encode_commit(50, false, &value);
    chain_put(db, &value, "SC:50");
    expect_empty(false);
}
END_TEST

START_TEST(base_and_height_are_read)
{
    put_state(5, 150);
    chain_block block = block_at(5, 1);
    put_meta(&block);
    cmt_block_store *store = open_store();
    ck_assert_int_eq(cmt_block_store_base(store), 5);
    ck_assert_int_eq(cmt_block_store_height(store), 150);
    ck_assert(!cmt_block_store_has_version(store));
    cmt_block_store_close(store);
}
END_TEST

START_TEST(a_base_of_zero_is_one)
{
    put_state(0, 7);
    cmt_block_store *store = open_store();
    ck_assert_int_eq(cmt_block_store_base(store), 1);
    cmt_block_store_close(store);
}
END_TEST

START_TEST(a_damaged_root_record_is_corrupt)
{
    chain_put_text(db, "\x08", "blockStore");
    cmt_block_store *store;
    ck_assert_int_eq(cmt_block_store_open(db, &store, &err), CMT_CORRUPT);
    ck_assert_ptr_nonnull(strstr(err.message, "blockStore"));
}
END_TEST

START_TEST(other_databases_are_refused)
{
    chain_put_text(db, "x", "stateKey");
    expect_unsupported("stateKey");
    chain_put_text(db, "v1", "version"); /* the state store of a CometBFT >= 1.0 */
    expect_unsupported("stateKey");
}
END_TEST

START_TEST(tendermint_0_35_is_refused)
{
    chain_put_text(db, "meta", "\x80\x85"); /* ordered keys, and no root record */
    expect_unsupported("\\x80\\x85");
}
END_TEST

START_TEST(layout_v2_is_told_by_its_keys)
{
    put_state(1, 5);
    chain_put_text(db, "meta", "\x80\x85");
    chain_put_text(db, "v2", "version");
    cmt_block_store *store = open_store();
    ck_assert_int_eq(cmt_block_store_layout(store), CMT_KEY_LAYOUT_V2);
    ck_assert(cmt_block_store_has_version(store));
    cmt_block_store_close(store);
}
END_TEST

START_TEST(a_stamp_that_contradicts_the_keys_is_refused)
{
    put_state(1, 5);
    chain_block block = block_at(5, 1);
    put_meta(&block);
    chain_put_text(db, "v2", "version");
    expect_unsupported("version key says v2");
    chain_put_text(db, "v3", "version");
    expect_unsupported("\"v3\"");
    chain_put_text(db, "v1", "version");
    chain_put_text(db, "meta", "\x80\x86");
    expect_unsupported("of layout v1 and of layout v2");
    chain_delete(db, "H:5");
    expect_unsupported("version key says v1");
}
END_TEST

START_TEST(closing_nothing_is_fine)
{
    cmt_block_store_close(NULL);
}
END_TEST

/* ---- loading ----------------------------------------------------------------------------- */

START_TEST(a_meta_is_loaded_with_its_header)
{
    put_state(1, 9);
    chain_block block = block_at(9, 3);
    put_meta(&block);
    cmt_block_store *store = open_store();
    cmt_block_meta meta;
    ck_assert_int_eq(cmt_block_store_load_meta(store, 9, &meta, &err), CMT_OK);
    ck_assert_int_eq(meta.header.height, 9);
    ck_assert_int_eq(meta.header.time.seconds, 1009);
    ck_assert_uint_eq(meta.block_id.part_total, 3);
    ck_assert_int_eq(memcmp(meta.block_id.hash.bytes, block.hash, CMT_HASH_SIZE), 0);
    ck_assert_int_eq(cmt_block_store_load_meta(store, 8, &meta, &err), CMT_NOT_FOUND);
    ck_assert_str_eq(err.message, "");
    cmt_block_store_close(store);
}
END_TEST

START_TEST(a_meta_that_is_not_one_is_corrupt)
{
    put_state(1, 9);
    chain_block block = block_at(9, 3);
    chain_encode_meta(&block, &value);
    chain_put(db, &value, "H:8");
    chain_put_text(db, "garbage", "H:7");
    chain_put_text(db, "", "H:6");
    cmt_block_store *store = open_store();
    cmt_block_meta meta;
    ck_assert_int_eq(cmt_block_store_load_meta(store, 8, &meta, &err), CMT_CORRUPT);
    ck_assert_str_eq(err.message, "block meta 8: its header says height 9");
    ck_assert_int_eq(cmt_block_store_load_meta(store, 7, &meta, &err), CMT_CORRUPT);
    ck_assert_ptr_nonnull(strstr(err.message, "block meta 7"));
    ck_assert_int_eq(cmt_block_store_load_meta(store, 6, &meta, &err), CMT_NOT_FOUND);
    cmt_block_store_close(store);
}
END_TEST

/* A block whose part i is filled with the letter 'a' + i; the last has `last_size` bytes. */
static void put_block(int64_t height, uint32_t parts, size_t last_size)
{
    chain_block block = block_at(height, parts);
    put_meta(&block);
    uint8_t *piece = malloc(CMT_PART_BYTES);
    ck_assert_ptr_nonnull(piece);
    for (uint32_t i = 0; i < parts; i++) {
        size_t size = i + 1 < parts ? CMT_PART_BYTES : last_size;
        memset(piece, 'a' + (int)i, CMT_PART_BYTES);
        chain_encode_part(i, parts, (cmt_slice){piece, size}, &value);
        chain_put(db, &value, "P:%d:%u", (int)height, i);
    }
    free(piece);
    char key[68];
    chain_hash_key(&block, key);
    chain_put_text(db, "9", "%s", key);
}

START_TEST(a_block_is_put_together_from_its_parts)
{
    put_state(1, 9);
    put_block(9, 3, 10);
    cmt_block_store *store = open_store();
    CMT_AUTO(cmt_buf_free) cmt_buf out = CMT_BUF_INIT;
    ck_assert_int_eq(cmt_block_store_load_block(store, 9, &out, &err), CMT_OK);
    ck_assert_uint_eq(out.size, 2 * CMT_PART_BYTES + 10);
    ck_assert_int_eq(out.data[0], 'a');
    ck_assert_int_eq(out.data[CMT_PART_BYTES], 'b');
    ck_assert_int_eq(out.data[out.size - 1], 'c');

    chain_block block = block_at(9, 3);
    cmt_slice hash = {block.hash, sizeof block.hash};
    int64_t height;
    ck_assert_int_eq(cmt_block_store_load_height_by_hash(store, hash, &height, &err), CMT_OK);
    ck_assert_int_eq(height, 9);
    ck_assert_int_eq(cmt_block_store_load_block_by_hash(store, hash, &out, &err), CMT_OK);
    ck_assert_uint_eq(out.size, 2 * CMT_PART_BYTES + 10);
    cmt_block_store_close(store);
}
END_TEST

START_TEST(a_block_without_one_of_its_parts_is_absent)
{
    put_state(1, 9);
    put_block(9, 3, 10);
    chain_delete(db, "P:9:1");
    cmt_block_store *store = open_store();
    CMT_AUTO(cmt_buf_free) cmt_buf out = CMT_BUF_INIT;
    ck_assert_int_eq(cmt_block_store_load_block(store, 9, &out, &err), CMT_NOT_FOUND);
    ck_assert_uint_eq(out.size, 0);
    ck_assert_int_eq(cmt_block_store_load_block(store, 8, &out, &err), CMT_NOT_FOUND);
    ck_assert_str_eq(err.message, "");
    cmt_block_store_close(store);
}
END_TEST

START_TEST(a_damaged_part_is_named)
{
    put_state(1, 9);
    put_block(9, 2, 10);
    chain_encode_part(0, 2, CMT_SLICE("x"), &value);
    chain_put(db, &value, "P:9:1");
    cmt_block_store *store = open_store();
    CMT_AUTO(cmt_buf_free) cmt_buf out = CMT_BUF_INIT;
    ck_assert_int_eq(cmt_block_store_load_part(store, 9, 0, &out, &err), CMT_OK);
    ck_assert_int_eq(cmt_block_store_load_part(store, 9, 1, &out, &err), CMT_CORRUPT);
    ck_assert_ptr_nonnull(strstr(err.message, "block 9"));
    ck_assert_int_eq(cmt_block_store_load_part(store, 9, 2, &out, &err), CMT_NOT_FOUND);
    ck_assert_int_eq(cmt_block_store_load_block(store, 9, &out, &err), CMT_CORRUPT);
    cmt_block_store_close(store);
}
END_TEST

START_TEST(a_meta_with_no_parts_or_too_many_is_corrupt)
{
    put_state(1, 9);
    CMT_AUTO(cmt_buf_free) cmt_buf out = CMT_BUF_INIT;
    static const uint32_t totals[] = {0, CMT_PARTS_MAX + 1, UINT32_MAX};
    for (int i = 0; i < 3; i++) {
        chain_block block = block_at(9, totals[i]);
        put_meta(&block);
        cmt_block_store *store = open_store();
        ck_assert_int_eq(cmt_block_store_load_block(store, 9, &out, &err), CMT_CORRUPT);
        cmt_block_store_close(store);
    }
}
END_TEST

START_TEST(the_hash_index_holds_decimal_heights)
{
    put_state(1, 9);
    chain_block block = block_at(9, 1);
    char key[68];
    chain_hash_key(&block, key);
    cmt_slice hash = {block.hash, sizeof block.hash};
    cmt_block_store *store = open_store();
    int64_t height;
    ck_assert_int_eq(cmt_block_store_load_height_by_hash(store, hash, &height, &err),
                     CMT_NOT_FOUND);
    static const char *const wrong[] = {"0", "09", "-1", "x", "9223372036854775808", "1 "};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        chain_put_text(db, wrong[i], "%s", key);
        ck_assert_int_eq(cmt_block_store_load_height_by_hash(store, hash, &height, &err),
                         CMT_CORRUPT);
        ck_assert_ptr_nonnull(strstr(err.message, key));
    }
    chain_put_text(db, "9223372036854775807", "%s", key);
    ck_assert_int_eq(cmt_block_store_load_height_by_hash(store, hash, &height, &err), CMT_OK);
    ck_assert_int_eq(height, INT64_MAX);
    hash.size--;
    ck_assert_int_eq(cmt_block_store_load_height_by_hash(store, hash, &height, &err), CMT_INVALID);
    cmt_block_store_close(store);
}
END_TEST

START_TEST(commits_are_loaded_as_stored)
{
    put_state(1, 9);
    chain_encode_commit(8, false, &value);
    chain_put(db, &value, "C:8");
    chain_put(db, &value, "SC:8");
    chain_encode_commit(8, true, &value);
    chain_put(db, &value, "EC:8");
    chain_put_text(db, "garbage", "C:7");
    cmt_block_store *store = open_store();
    CMT_AUTO(cmt_buf_free) cmt_buf out = CMT_BUF_INIT;
    cmt_commit_info info;
    ck_assert_int_eq(cmt_block_store_load_commit(store, 8, &out, &info, &err), CMT_OK);
    ck_assert_int_eq(info.height, 8);
    ck_assert_uint_eq(info.signatures, 1);
    ck_assert_int_eq(cmt_block_store_load_seen_commit(store, 8, &out, NULL, &err), CMT_OK);
    ck_assert_int_eq(cmt_block_store_load_ext_commit(store, 8, &out, &info, &err), CMT_OK);
    ck_assert(cmt_slice_equal(cmt_buf_slice(&out), cmt_buf_slice(&value)));
    ck_assert_int_eq(cmt_block_store_load_commit(store, 7, &out, &info, &err), CMT_CORRUPT);
    ck_assert_ptr_nonnull(strstr(err.message, "C:7"));
    ck_assert_int_eq(cmt_block_store_load_commit(store, 6, &out, &info, &err), CMT_NOT_FOUND);
    cmt_block_store_close(store);
}
END_TEST

static TCase *opening(void)
{
    TCase *tc = tcase_create("opening");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, an_empty_database_is_an_empty_store);
    tcase_add_test(tc, an_empty_root_record_counts_as_none);
    tcase_add_test(tc, a_store_that_only_a_newer_cometbft_has_opened_is_empty);
    tcase_add_test(tc, a_state_synced_node_without_a_block_has_an_empty_store);
    tcase_add_test(tc, base_and_height_are_read);
    tcase_add_test(tc, a_base_of_zero_is_one);
    tcase_add_test(tc, a_damaged_root_record_is_corrupt);
    tcase_add_test(tc, other_databases_are_refused);
    tcase_add_test(tc, tendermint_0_35_is_refused);
    tcase_add_test(tc, layout_v2_is_told_by_its_keys);
    tcase_add_test(tc, a_stamp_that_contradicts_the_keys_is_refused);
    tcase_add_test(tc, closing_nothing_is_fine);
    tcase_add_test(tc, the_hash_index_holds_decimal_heights);
    return tc;
}

static TCase *loading(const char *name, void (*set_up)(void))
{
    TCase *tc = tcase_create(name);
    tcase_add_checked_fixture(tc, set_up, teardown);
    tcase_add_test(tc, a_meta_is_loaded_with_its_header);
    tcase_add_test(tc, a_meta_that_is_not_one_is_corrupt);
    tcase_add_test(tc, a_block_is_put_together_from_its_parts);
    tcase_add_test(tc, a_block_without_one_of_its_parts_is_absent);
    tcase_add_test(tc, a_damaged_part_is_named);
    tcase_add_test(tc, a_meta_with_no_parts_or_too_many_is_corrupt);
    tcase_add_test(tc, commits_are_loaded_as_stored);
    return tc;
}

int main(void)
{
    Suite *suite = suite_create("block_store");
    suite_add_tcase(suite, opening());
    suite_add_tcase(suite, loading("loading", setup));
    suite_add_tcase(suite, loading("loading_v2", setup_v2));
    return suite_run(suite);
}
