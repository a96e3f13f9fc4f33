/* SPDX-License-Identifier: Apache-2.0
 *
 * The chain that gen makes: its validators and their votes, its transactions, its application.  Everything
 * follows from the options.
 */
#ifndef CMT_CMD_GEN_CHAIN_H
#define CMT_CMD_GEN_CHAIN_H

#include "options.h"
#include "rng.h"

#include "cmtstore/blockexec.h"
#include "cmtstore/types_sign.h"

/** Validators beyond those of the genesis, for a chain whose set changes. */
#define CMD_GEN_SPARE_KEYS 5

/** What of a vote points into: room for one signature of each kind and an extension. */
typedef struct cmd_gen_vote {
    uint8_t signature[CMT_SIGNATURE_SIZE];
    uint8_t extension_signature[CMT_SIGNATURE_SIZE];
    uint8_t extension[32];
} cmd_gen_vote;

/** The commit for a block, with all that it points to. */
typedef struct cmd_gen_commit {
    cmt_ext_commit commit;
    cmt_ext_commit_sig *signatures;
    cmd_gen_vote *votes;
    uint8_t (*addresses)[CMT_ADDRESS_SIZE];
} cmd_gen_commit;

typedef struct cmd_gen_chain {
    const cmd_options *options;
    cmt_release release;
    cmt_time start;
    cmt_private_key *keys;
    cmt_private_key **by_address; /* the same, sorted */
    int64_t *powers;              /* as the application wants them; 0: not in the set */
    size_t key_count;
    cmt_genesis genesis;
    int64_t height; /* being made */
    cmt_application application;
    cmt_mempool mempool;
    /* what is answered to the executor */
    cmt_buf txs;
    cmt_slice *tx_list;
    cmt_buf results;
    cmt_slice *result_list;
    cmt_buf update;
    cmt_slice update_slice;
    cmt_buf params;
    cmt_hash app_hash;
    cmt_buf sign_bytes;
} cmd_gen_chain;

/** @p out is freed by the caller, whatever this returns. */
CMT_MUST_CHECK cmt_status cmd_gen_chain_init(const cmd_options *options, cmt_release release,
                                             cmd_gen_chain *out, cmt_error *err);
void cmd_gen_chain_free(cmd_gen_chain *chain);

/** The time of the block at @p height. */
cmt_time cmd_gen_time(const cmd_gen_chain *chain, int64_t height);

/** The application and the mempool of @p chain (gen_app.c). */
void cmd_gen_app_init(cmd_gen_chain *chain);

/** Room for the votes of a set of any size that the chain can come to. */
CMT_MUST_CHECK cmt_status cmd_gen_commit_init(const cmd_gen_chain *chain, cmd_gen_commit *out,
                                              cmt_error *err);
void cmd_gen_commit_free(cmd_gen_commit *commit);

/** Let the validators of @p state vote for the block @p id at chain->height (gen_votes.c): a few are absent or vote
 *  for no block, more than two thirds of the power sign. */
CMT_MUST_CHECK cmt_status cmd_gen_vote_for(cmd_gen_chain *chain, const cmt_chain_state *state,
                                           const cmt_block_id *id, cmd_gen_commit *out,
                                           cmt_error *err);

#endif
