/* SPDX-License-Identifier: Apache-2.0
 *
 * What a host gives to the block executor: the application, and, where it has them, a mempool, an evidence
 * pool and somebody who listens to events.
 *
 * OWNERSHIP  what the executor hands in is borrowed for the call.  What an application or a pool answers
 * with must stay until it is called again, or the executor's function returns; the executor keeps no pointer
 * to it beyond that.
 *
 * FAILURE  a callback that fails returns a status and writes err; the executor stops there and returns both.
 * What was durable by then stays, and the handshake of the next start mends it.
 */
#ifndef CMTSTORE_BLOCKEXEC_APP_H
#define CMTSTORE_BLOCKEXEC_APP_H

#include "cmtstore/types_results.h"
#include "cmtstore/types_state.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- what the application is told --------------------------------------------------------- */

/** One place in the last commit. */
typedef struct cmt_app_vote {
    cmt_slice address; /* of the validator */
    int64_t power;
    int32_t flag;                  /* cmt_block_id_flag */
    cmt_slice extension;           /* only in a proposal, where extensions are enabled */
    cmt_slice extension_signature; /* likewise */
} cmt_app_vote;

/** Who signed the block before; no votes at the initial height. */
typedef struct cmt_app_commit {
    int32_t round;
    const cmt_app_vote *votes; /* in the order of the validator set */
    size_t count;
} cmt_app_commit;

typedef enum cmt_misbehavior_type {
    CMT_MISBEHAVIOR_DUPLICATE_VOTE = 1,
    CMT_MISBEHAVIOR_LIGHT_CLIENT_ATTACK = 2
} cmt_misbehavior_type;

/** What a block's evidence says of one validator. */
typedef struct cmt_misbehavior {
    cmt_misbehavior_type type;
    cmt_hash address;
    int64_t power;
    int64_t height;
    cmt_time time;
    int64_t total_voting_power;
} cmt_misbehavior;

/** A block to be judged or executed. */
typedef struct cmt_app_block {
    cmt_hash hash;
    int64_t height;
    cmt_time time;
    cmt_hash next_validators_hash;
    cmt_hash proposer_address;
    const cmt_slice *txs;
    size_t tx_count;
    cmt_app_commit last_commit;
    const cmt_misbehavior *misbehavior;
    size_t misbehavior_count;
    int64_t syncing_to_height; /* 1.0; this height when not catching up */
} cmt_app_block;

/** A block to be filled. */
typedef struct cmt_app_proposal {
    int64_t max_tx_bytes; /* of all transactions, as they stand in a block */
    int64_t height;
    cmt_time time;
    cmt_hash next_validators_hash;
    cmt_hash proposer_address;
    const cmt_slice *txs; /* as reaped */
    size_t tx_count;
    cmt_app_commit last_commit; /* with vote extensions */
    const cmt_misbehavior *misbehavior;
    size_t misbehavior_count;
} cmt_app_proposal;

/** What a chain begins with. */
typedef struct cmt_app_genesis {
    cmt_time time;
    const char *chain_id;
    int64_t initial_height;
    cmt_slice params;                       /* ConsensusParams, as the release encodes it */
    const cmt_validator_update *validators; /* sorted by power, then address */
    size_t validator_count;
    cmt_slice
        app_state; /* the genesis document's app_state, as JSON; empty when the host has none */
} cmt_app_genesis;

/* ---- what it answers ---------------------------------------------------------------------- */

typedef struct cmt_app_info {
    int64_t last_block_height; /* committed; 0: none */
    cmt_hash last_block_app_hash;
    uint64_t app_version;
} cmt_app_info;

typedef struct cmt_app_genesis_answer {
    bool has_params;
    cmt_slice params; /* ConsensusParams: what of it is there replaces the genesis document's */
    const cmt_slice *validators; /* ValidatorUpdate messages; none: those of the genesis document */
    size_t validator_count;
    cmt_hash app_hash; /* size 0: that of the genesis document */
} cmt_app_genesis_answer;

typedef struct cmt_app_txs {
    const cmt_slice *txs;
    size_t count;
} cmt_app_txs;

/** An application.  Calls come one at a time, from the thread that called the executor. */
typedef struct cmt_application {
    void *context;
    /** How far it has committed.  NULL: height 0. */
    cmt_status (*info)(void *context, cmt_app_info *out, cmt_error *err);
    /** NULL: no answer. */
    cmt_status (*init_chain)(void *context, const cmt_app_genesis *genesis,
                             cmt_app_genesis_answer *out, cmt_error *err);
    /** Choose the transactions of a block.  NULL: as many of those reaped as there is room for. */
    cmt_status (*prepare_proposal)(void *context, const cmt_app_proposal *proposal,
                                   cmt_app_txs *out, cmt_error *err);
    /** NULL: accepts every block. */
    cmt_status (*process_proposal)(void *context, const cmt_app_block *block, bool *accepted,
                                   cmt_error *err);
    /** Execute a block; one result for each of its transactions. */
    cmt_status (*finalize_block)(void *context, const cmt_app_block *block, cmt_results *out,
                                 cmt_error *err);
    /** Make what was executed durable.  @p retain_height: the lowest block the application still needs;
     *  0: no block is to be pruned. */
    cmt_status (*commit)(void *context, int64_t *retain_height, cmt_error *err);
} cmt_application;

/* ---- the rest of a node ------------------------------------------------------------------- */

/** Where transactions wait.  Every callback may be NULL. */
typedef struct cmt_mempool {
    void *context;
    /** Transactions for a block: not more than @p max_bytes as they stand in a block and @p max_gas; -1: no
     *  limit. */
    cmt_status (*reap)(void *context, int64_t max_bytes, int64_t max_gas, cmt_app_txs *out,
                       cmt_error *err);
    /** Around the application's commit; flush: what was sent to the application has been answered. */
    void (*lock)(void *context);
    cmt_status (*flush)(void *context, cmt_error *err);
    cmt_status (*update)(void *context, int64_t height, const cmt_slice *txs, size_t count,
                         const cmt_results *results, cmt_error *err);
    void (*unlock)(void *context);
} cmt_mempool;

/** Where evidence waits, as Evidence messages.  Every callback may be NULL: nothing pending, nothing
 *  refused, nothing kept. */
typedef struct cmt_evidence_pool {
    void *context;
    /** Evidence for a block, of at most @p max_bytes encoded as an EvidenceList. */
    cmt_status (*pending)(void *context, int64_t max_bytes, cmt_app_txs *out, cmt_error *err);
    /** Refuse what does not hold.  @retval CMT_INVALID  one does not; err says which and why */
    cmt_status (*check)(void *context, const cmt_chain_state *state, const cmt_slice *evidence,
                        size_t count, cmt_error *err);
    /** A block with this evidence was committed. */
    void (*update)(void *context, const cmt_chain_state *state, const cmt_slice *evidence,
                   size_t count);
} cmt_evidence_pool;

/** A block that was executed and saved. */
typedef struct cmt_block_event {
    const cmt_block_id *id;
    const cmt_block *block;
    const cmt_results *results;
    const cmt_validator_update *validator_updates;
    size_t validator_update_count;
} cmt_block_event;

/** Listeners, called in this order after everything else was done for a block.  Each may be NULL.  After a
 *  crash between commit and the saved state they are not called for that block. */
typedef struct cmt_block_listener {
    void *context;
    void (*new_block)(void *context, const cmt_block_event *event);
    void (*new_header)(void *context, const cmt_header *header);
    void (*new_evidence)(void *context, cmt_slice evidence, int64_t height);
    void (*tx)(void *context, const cmt_block_event *event, size_t index);
    void (*validator_updates)(void *context,
                              const cmt_block_event *event); /* only when there are some */
} cmt_block_listener;

#ifdef __cplusplus
}
#endif

#endif
