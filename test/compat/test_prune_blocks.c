/* SPDX-License-Identifier: Apache-2.0
 *
 * What CometBFT's own test says of pruned blocks, on every engine and in both layouts: a chain is saved, pruned in the
 * open database, and asked for each height.  Source: store/store_test.go TestPruneBlocks
 */
#include "cmtstore/store.h"

#include "files.h"
#include "must.h"
#include "suite.h"

#include <check.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const struct kind {
    cmt_engine engine; /* CMT_ENGINE_NONE: in memory */
    cmt_key_layout layout;
} kinds[] = {
    {CMT_ENGINE_NONE, CMT_KEY_LAYOUT_V1},     {CMT_ENGINE_CLEVELDB, CMT_KEY_LAYOUT_V1},
    {CMT_ENGINE_ROCKSDB, CMT_KEY_LAYOUT_V1},  {CMT_ENGINE_NONE, CMT_KEY_LAYOUT_V2},
    {CMT_ENGINE_CLEVELDB, CMT_KEY_LAYOUT_V2}, {CMT_ENGINE_ROCKSDB, CMT_KEY_LAYOUT_V2},
};
#define KINDS ((int)(sizeof kinds / sizeof kinds[0]))

static const struct kind *kind;
static char *top;
static cmt_db *db;

/* ---- databases ---------------------------------------------------------------------------- */

static void write_batch(cmt_db *to, cmt_db_batch *batch)
{
    MUST(cmt_db_write(to, batch, false, &error));
    cmt_db_batch_clear(batch);
}

static void copy_pairs(cmt_db *from, cmt_db *to)
{
    cmt_db_iter *iter = NULL;
    cmt_db_batch *batch = NULL;
    cmt_status st;
    int waiting = 0;
    MUST(cmt_db_iter_new(from, NULL, &iter, &error));
    MUST(cmt_db_batch_new(&batch, &error));
    for (st = cmt_db_iter_first(iter, &error); st == CMT_OK; st = cmt_db_iter_next(iter, &error)) {
        MUST(cmt_db_batch_put(batch, cmt_db_iter_key(iter), cmt_db_iter_value(iter), &error));
        if (++waiting % 5000 == 0)
            write_batch(to, batch);
    }
    ck_assert_int_eq(st, CMT_NOT_FOUND);
    write_batch(to, batch);
    cmt_db_batch_free(batch);
    cmt_db_iter_free(iter);
}

/* What was saved in memory, where each write need not wait for a disk, goes into the engine's database. */
static void move_to_engine(void)
{
    const cmt_db_open_options options = {.engine = kind->engine, .create = true};
    cmt_db *engine = NULL;
    if (kind->engine == CMT_ENGINE_NONE)
        return;
    top = files_temp();
    char *dir = files_path(top, "some.db");
    MUST(cmt_db_open(dir, &options, &engine, &error));
    free(dir);
    copy_pairs(db, engine);
    cmt_db_close(db);
    db = engine;
}

static void begin(int number)
{
    kind = &kinds[number];
    error = (cmt_error)CMT_ERROR_INIT;
    top = NULL;
    MUST(cmt_db_open_memory(&db, &error));
}

static void end(void)
{
    cmt_db_close(db);
    files_remove(top);
}

/* ---- the test ---------------------------------------------------------------------------- */

static cmt_block_store *open_blocks(void)
{
    const cmt_block_store_options options = {.layout = kind->layout,
                                             .write_version = kind->layout == CMT_KEY_LAYOUT_V2};
    cmt_block_store *store = NULL;
    MUST(cmt_block_store_open_for_writing(db, &options, &store, &error));
    return store;
}

static void save_block(cmt_block_store *store, int64_t height)
{
    cmt_buf bytes = CMT_BUF_INIT;
    cmt_part_set *parts = NULL;
    cmt_slice tx = CMT_SLICE("a transaction");
    cmt_block block = {.header = {.version_block = 11, .chain_id = "chain"}};
    cmt_ext_commit_sig signature = {
        .sig = {.flag = CMT_BLOCK_ID_COMMIT,
                .address = CMT_SLICE("12345678901234567890"),
                .signature = CMT_SLICE("signature")},
        .extension_signature = CMT_SLICE("signature"),
    };
    cmt_ext_commit commit = {.height = height, .signatures = &signature, .count = 1};
    commit.block_id.hash = (cmt_hash){.bytes = {1}, .size = CMT_HASH_SIZE};
    commit.block_id.part_hash = commit.block_id.hash;
    commit.block_id.part_total = 1;
    block.header.height = height;
    block.header.time.seconds = height;
    block.header.validators_hash.size = CMT_HASH_SIZE;
    block.header.proposer_address.size = CMT_ADDRESS_SIZE;
    block.txs = &tx;
    block.tx_count = 1;
    MUST(cmt_block_encode(&block, &bytes));
    MUST(cmt_part_set_new(cmt_buf_slice(&bytes), &parts, &error));
    MUST(cmt_block_store_save_block_with_ext_commit(store, &block, parts, &commit, &error));
    cmt_part_set_free(parts);
    cmt_buf_free(&bytes);
}

static cmt_status prune_blocks(cmt_block_store *store, int64_t to, int64_t *pruned,
                               int64_t *evidence_height)
{
    /* All are older than a second. */
    const cmt_block_prune_request request = {
        .retain_height = to,
        .initial_height = 1,
        .window = {.last_block_height = 1500,
                   .last_block_time = {100000, 0},
                   .max_age_num_blocks = 400,
                   .max_age_duration_ns = 1000000000},
    };
    cmt_block_prune_result result;
    cmt_status st = cmt_block_store_prune(store, &request, NULL, &result, &error);
    *pruned = result.base - result.base_before;
    *evidence_height = result.evidence_height;
    cmt_block_prune_result_free(&result);
    return st;
}

static void expect_pruned(cmt_block_store *store, int64_t to, int64_t count)
{
    int64_t pruned;
    int64_t evidence;
    MUST(prune_blocks(store, to, &pruned, &evidence));
    ck_assert_int_eq(pruned, count);
    ck_assert_int_eq(cmt_block_store_base(store), to);
    ck_assert_int_eq(cmt_block_store_height(store), 1500);
}

static void expect_refused(cmt_block_store *store, int64_t to, const char *text)
{
    int64_t pruned;
    int64_t evidence;
    ck_assert_int_eq(prune_blocks(store, to, &pruned, &evidence), CMT_OUT_OF_RANGE);
    ck_assert_msg(strstr(error.message, text) != NULL, "%s", error.message);
}

static void expect_block(cmt_block_store *store, int64_t height, bool there)
{
    cmt_buf bytes = CMT_BUF_INIT;
    cmt_status st = cmt_block_store_load_block(store, height, &bytes, &error);
    ck_assert_msg(st == (there ? CMT_OK : CMT_NOT_FOUND), "block %" PRId64, height);
    cmt_buf_free(&bytes);
}

/* Headers and commits; extended commits CometBFT 1.0 never deletes. */
static void expect_evidence(cmt_block_store *store, int64_t height, bool there)
{
    cmt_buf bytes = CMT_BUF_INIT;
    cmt_block_meta meta;
    cmt_status want = there ? CMT_OK : CMT_NOT_FOUND;
    ck_assert_int_eq(cmt_block_store_load_meta(store, height, &meta, &error), want);
    ck_assert_int_eq(cmt_block_store_load_commit(store, height, &bytes, NULL, &error), want);
    if (kind->layout == CMT_KEY_LAYOUT_V2)
        want = CMT_OK;
    cmt_status st = cmt_block_store_load_ext_commit(store, height, &bytes, NULL, &error);
    ck_assert_msg(st == want, "extended commit: %s: %s", cmt_status_text(st), error.message);
    cmt_buf_free(&bytes);
}

START_TEST(blocks_are_pruned_as_comets_test_says)
{
    int64_t pruned;
    int64_t evidence;
    begin(_i);
    cmt_block_store *store = open_blocks();
    ck_assert_int_eq(prune_blocks(store, 1, &pruned, &evidence), CMT_OUT_OF_RANGE);
    ck_assert_int_eq(prune_blocks(store, 0, &pruned, &evidence), CMT_OUT_OF_RANGE);
    for (int64_t h = 1; h <= 1500; h++)
        save_block(store, h);
    cmt_block_store_close(store);
    move_to_engine();
    store = open_blocks();

    MUST(prune_blocks(store, 1200, &pruned, &evidence));
    ck_assert_int_eq(pruned, 1199);
    ck_assert_int_eq(evidence, 1100);
    ck_assert_int_eq(cmt_block_store_base(store), 1200);
    for (int64_t h = 1; h <= 1500; h++)
        expect_block(store, h, h >= 1200);
    expect_evidence(store, 1100, true);
    expect_evidence(store, 1099, false);

    expect_refused(store, 1199, "cannot prune to height 1199, it is lower than base height 1200");
    expect_pruned(store, 1200, 0);
    expect_pruned(store, 1300, 100);
    expect_evidence(store, 1100, true);
    expect_evidence(store, 1099, false);
    expect_refused(store, 1501, "cannot prune beyond the latest height 1500");
    expect_pruned(store, 1500, 200);
    expect_block(store, 1499, false);
    expect_block(store, 1500, true);
    expect_block(store, 1501, false);
    cmt_block_store_close(store);
    end();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("prune_blocks");
    TCase *tc = tcase_create("prune_blocks");
    tcase_set_timeout(tc, 120);
    tcase_add_loop_test(tc, blocks_are_pruned_as_comets_test_says, 0, KINDS);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
