/* SPDX-License-Identifier: Apache-2.0
 *
 * A node of one validator on databases on disk: blocks are proposed, signed and committed through the block executor,
 * and the application asks for prunes.  For tests and benchmarks that want the write path of a node; a chain that
 * somebody else began can be gone on with, if its key is known.
 *
 * Whoever uses it owns what stands in the options, and the compactor.
 */
#ifndef CMT_TEST_LIVE_CHAIN_H
#define CMT_TEST_LIVE_CHAIN_H

#include "cmtstore/blockexec.h"
#include "cmtstore/types_sign.h"

struct live_chain;

typedef struct live_chain_options {
    const char *dir; /* of blockstore.db and state.db */
    cmt_engine engine;
    const char *secret; /* of the validator's key, as CometBFT's GenPrivKeyFromSecret takes it */
    size_t block_bytes; /* of the one transaction of a block; half of it does not compress */
    int64_t seconds_per_block;
    size_t write_buffer_bytes; /* 0: as cmt_db_open() has it */
    uint64_t background_bytes_per_s;
    bool unsynced;
    bool only_asked_compactions; /* see cmt_db_open_options */
    const cmt_logger *logger;
    void (*fail_point)(void *context, cmt_fail_point point, const char *text);
    void *fail_context;
    /** May change what the executor is made with: databases and stores are open.  NULL: nobody does. */
    cmt_status (*configure)(void *context, const struct live_chain *chain,
                            cmt_block_executor_options *executor, cmt_error *err);
    void *configure_context;
} live_chain_options;

typedef struct live_chain {
    live_chain_options options;
    char *paths[2]; /* block store, state */
    cmt_db *block_db;
    cmt_db *state_db;
    cmt_block_store *blocks;
    cmt_state_store *states;
    cmt_block_executor *executor;
    cmt_chain_state state;
    cmt_genesis genesis;
    cmt_validator_update validator;
    cmt_private_key key;
    cmt_application application;
    cmt_mempool mempool;
    cmt_evidence_pool no_evidence;
    int64_t
        retain_height; /* what the application answers to the next commit; 0: nothing to prune */
    /* of the block that is being made */
    cmt_proposal proposal;
    cmt_buf tx;
    cmt_slice tx_slice;
    cmt_slice result;
    cmt_buf sign_bytes;
    cmt_ext_commit_sig last_signature;
    uint8_t last_signature_bytes[CMT_SIGNATURE_SIZE];
    cmt_ext_commit last_commit; /* of the block before */
    cmt_hash app_hash;
} live_chain;

/** Open the databases, or make them and begin the chain, and mend what a crash left (the handshake).
 *  @p out is closed by the caller, whatever this returns. */
CMT_MUST_CHECK cmt_status live_chain_open(const live_chain_options *options, live_chain *out,
                                          cmt_error *err);
void live_chain_close(live_chain *chain);

/** Make and sign the block that follows; live_chain_commit() takes it. */
CMT_MUST_CHECK cmt_status live_chain_make(live_chain *chain, cmt_error *err);
/** Validate, save and apply it: the write path.  Its bytes stay in chain->proposal until the next is made. */
CMT_MUST_CHECK cmt_status live_chain_commit(live_chain *chain, cmt_error *err);

#endif
