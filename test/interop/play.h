/* SPDX-License-Identifier: Apache-2.0
 *
 * What makes a chain again: its transcript, its stores, and the two executors over them.
 */
#ifndef CMT_TEST_PLAY_H
#define CMT_TEST_PLAY_H

#include "told.h"

typedef struct player {
    transcript in;
    told told;
    cmt_engine engine;
    const char *dir;
    const char
        *lines; /* where the databases are written as lines, at the end or where they differ */
    cmt_release release;
    bool companion;
    bool pbts; /* the block in hand has a time that nobody can work out */
    cmt_time now;
    cmt_block_store_options block_options;
    cmt_state_store_options state_options;
    cmt_db *block_db;
    cmt_db *state_db;
    cmt_block_store *blocks;
    cmt_state_store *states;
    cmt_application application;
    cmt_mempool mempool;
    cmt_evidence_pool evidence;
    cmt_block_executor *executor;
    cmt_block_executor *judge; /* with the default evidence pool */
    cmt_chain_state state;
    cmt_error err;
    uint64_t decisions;
    bool attack; /* the block in hand holds evidence of an attack on a light client */
} player;

/** Exits unless the call gives CMT_OK. */
#define MUST(call) transcript_must(&p->in, (call), &p->err, #call)

/** Open databases, stores and executors; what is missing is made. */
void play_open(player *p);
void play_close(player *p);
/** Close and open everything, as a node that starts again, and load the state. */
void play_reopen(player *p);

/** Exit unless both databases hold what CometBFT's hold. */
void play_compare_digests(player *p);
/** Both databases as lines, where that was asked for. */
void play_write_lines(player *p);

/** Exit unless we decide as CometBFT on the damaged copies of a block, and on others like it. */
void play_compare_decisions(player *p, cmt_slice block, const cmt_hash *hash);

#endif
