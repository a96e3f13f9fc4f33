/* SPDX-License-Identifier: Apache-2.0
 *
 * A node's two stores that grow by one small block at a time, for tests that save, prune and load at once.
 * Validators change every 7 heights, parameters every 11; block h is of the second h after the genesis.
 */
#ifndef CMT_TEST_GROWING_CHAIN_H
#define CMT_TEST_GROWING_CHAIN_H

#include "cmtstore/state.h"
#include "cmtstore/store.h"

#include "files.h"
#include "small_chain.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

typedef enum growing_engine { GROWING_MEMORY, GROWING_LEVELDB, GROWING_ROCKSDB } growing_engine;

/** Evidence of so many blocks is kept. */
#define GROWING_EVIDENCE 10

typedef struct growing_chain {
    char *top; /* NULL: in memory */
    cmt_db *block_db;
    cmt_db *state_db;
    cmt_block_store *blocks;
    cmt_state_store *states;
    cmt_chain_state state;
    uint32_t filler; /* bytes of the transaction in each block */
} growing_chain;

static inline void growing_must(cmt_status status, const cmt_error *err)
{
    if (status != CMT_OK)
        ck_abort_msg("%s: %s", cmt_status_text(status), err->message);
}

static inline cmt_db *growing_db(growing_chain *chain, growing_engine engine, const char *name)
{
    cmt_error err = CMT_ERROR_INIT;
    cmt_db *db = NULL;
    if (engine == GROWING_MEMORY) {
        growing_must(cmt_db_open_memory(&db, &err), &err);
        return db;
    }
    const cmt_db_open_options options = {
        .engine = engine == GROWING_ROCKSDB ? CMT_ENGINE_ROCKSDB : CMT_ENGINE_CLEVELDB,
        .create = true,
        .write_buffer_bytes = (size_t)1 << 20,
        .unsynced = true,
    };
    char *dir = files_path(chain->top, name);
    growing_must(cmt_db_open(dir, &options, &db, &err), &err);
    free(dir);
    return db;
}

/** With a 1.0 the `version` key is written. */
static inline growing_chain growing_open(growing_engine engine, cmt_release release)
{
    cmt_error err = CMT_ERROR_INIT;
    growing_chain c = {.top = engine == GROWING_MEMORY ? NULL : files_temp()};
    c.block_db = growing_db(&c, engine, "blockstore.db");
    c.state_db = growing_db(&c, engine, "state.db");
    const cmt_block_store_options of_blocks = {.write_version = release == CMT_RELEASE_1_0};
    const cmt_state_store_options of_states = {.release = release,
                                               .write_version = release == CMT_RELEASE_1_0};
    growing_must(cmt_block_store_open_for_writing(c.block_db, &of_blocks, &c.blocks, &err), &err);
    growing_must(cmt_state_store_open_for_writing(c.state_db, &of_states, &c.states, &err), &err);
    c.state = small_chain_start(release, 1);
    c.state.params.core.evidence_max_age_num_blocks = GROWING_EVIDENCE;
    c.state.params.core.evidence_max_age_duration_ns = 1;
    growing_must(cmt_state_store_save(c.states, &c.state, &err), &err);
    return c;
}

static inline void growing_close(growing_chain *c)
{
    cmt_chain_state_free(&c->state);
    cmt_block_store_close(c->blocks);
    cmt_state_store_close(c->states);
    cmt_db_close(c->block_db);
    cmt_db_close(c->state_db);
    files_remove(c->top);
}

static inline cmt_status growing_save_block(growing_chain *c, cmt_error *err)
{
    cmt_block block = {.header = {.version_block = 11,
                                  .chain_id = "small",
                                  .height = c->state.last_block_height,
                                  .time = c->state.last_block_time}};
    memset(&block.header.validators_hash, 7, sizeof block.header.validators_hash);
    block.header.validators_hash.size = CMT_HASH_SIZE;
    block.header.proposer_address.size = CMT_ADDRESS_SIZE;
    cmt_slice tx = {calloc(1, c->filler + 1), c->filler};
    block.txs = &tx;
    block.tx_count = c->filler > 0;
    const cmt_commit_sig signature = {
        .flag = CMT_BLOCK_ID_COMMIT,
        .address = {(const uint8_t *)"12345678901234567890", 20},
        .timestamp = c->state.last_block_time,
        .signature = {(const uint8_t *)"signature", 9},
    };
    const cmt_commit commit = {.height = block.header.height,
                               .block_id = c->state.last_block_id,
                               .signatures = (cmt_commit_sig *)&signature,
                               .count = 1};
    cmt_buf bytes = CMT_BUF_INIT;
    cmt_part_set *parts = NULL;
    cmt_status st = cmt_block_encode(&block, &bytes);
    if (st == CMT_OK)
        st = cmt_part_set_new(cmt_buf_slice(&bytes), &parts, err);
    if (st == CMT_OK)
        st = cmt_block_store_save_block(c->blocks, &block, parts, &commit, err);
    cmt_part_set_free(parts);
    cmt_buf_free(&bytes);
    free((void *)(uintptr_t)tx.data);
    return st;
}

/** The next block, its results and the state behind it. */
static inline void growing_step(growing_chain *c)
{
    cmt_error err = CMT_ERROR_INIT;
    const cmt_results results = small_chain_results("an app hash");
    small_chain_step(&c->state);
    int64_t height = c->state.last_block_height;
    if (height % 7 == 0)
        c->state.last_height_validators_changed = height + 2;
    if (height % 11 == 0)
        c->state.last_height_params_changed = height + 1;
    growing_must(growing_save_block(c, &err), &err);
    growing_must(cmt_state_store_save_results(c->states, height, &results, &err), &err);
    growing_must(cmt_state_store_save(c->states, &c->state, &err), &err);
}

static inline void growing_to(growing_chain *c, int64_t height)
{
    while (c->state.last_block_height < height)
        growing_step(c);
}

#endif
