/* SPDX-License-Identifier: Apache-2.0
 *
 * A chain of a fixture, open for reading: its blocks, and the state that each of them followed, put together from
 * the records of its height.
 */
#ifndef CMT_TEST_SOURCE_CHAIN_H
#define CMT_TEST_SOURCE_CHAIN_H

#include "cmtstore/state.h"
#include "cmtstore/store.h"

typedef struct source_chain {
    char *top; /* of the directory it was unpacked into */
    char *data;
    cmt_db *block_db;
    cmt_db *state_db;
    cmt_block_store *blocks;
    cmt_state_store *states;
    cmt_state last;
    cmt_release release;
    cmt_buf genesis_json;
    cmt_genesis genesis;
} source_chain;

/** @p fixture: one with databases alone, or a node's home.  Any failure fails the case. */
source_chain source_open(const char *fixture, cmt_release release);
void source_close(source_chain *chain);

/** The bytes of a block, and the block that borrows from them. */
typedef struct source_block {
    cmt_buf bytes;
    cmt_block block;
    cmt_block_meta meta;
} source_block;

source_block source_load(source_chain *chain, int64_t height);
void source_block_free(source_block *block);

/** The state before block @p height, which is above the first.  cmt_chain_state_free(). */
cmt_chain_state source_state_before(source_chain *chain, int64_t height);

/* ---- databases made again ---------------------------------------------------------------- */

/** A pair of databases that a chain is executed into, with its stores as a node of the source's release would
 *  open them. */
typedef struct made_chain {
    cmt_db *block_db;
    cmt_db *state_db;
    cmt_block_store *blocks;
    cmt_state_store *states;
} made_chain;

/** In memory. */
made_chain made_open(const source_chain *source, bool discard_results);
/** In <dir>/blockstore.db and <dir>/state.db, by LevelDB. */
made_chain made_open_in(const char *dir, const source_chain *source);
void made_close(made_chain *made);

/** Fails the case unless both databases hold the same pairs. */
void made_expect_same(const char *what, cmt_db *made, cmt_db *source);

#endif
