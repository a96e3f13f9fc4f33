/* SPDX-License-Identifier: Apache-2.0
 *
 * A chain of one validator in memory: an application, the stores and the block executor, put together.  The application
 * wants the last five blocks kept, so the executor prunes behind each block.
 */
#include <cmtstore/blockexec.h>
#include <cmtstore/types_sign.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCKS 12
#define KEPT 5

static cmt_error err = CMT_ERROR_INIT;

static void must(cmt_status status)
{
    if (status == CMT_OK)
        return;
    fprintf(stderr, "apply_blocks: %s\n", err.message);
    exit(1);
}

/* ---- the application: its state is the height ------------------------------------------------- */

static uint8_t app_state[1];

static cmt_status finalize_block(void *context, const cmt_app_block *block, cmt_results *out,
                                 cmt_error *e)
{
    (void)context;
    (void)e;
    app_state[0] = (uint8_t)block->height;
    memset(out, 0, sizeof *out);
    out->app_hash.data = app_state;
    out->app_hash.size = sizeof app_state;
    return CMT_OK;
}

static cmt_status commit(void *context, int64_t *retain_height, cmt_error *e)
{
    (void)context;
    (void)e;
    *retain_height = app_state[0] > KEPT ? app_state[0] - KEPT + 1 : 0;
    return CMT_OK;
}

/* ---- the node --------------------------------------------------------------------------------- */

static cmt_db *blocks_db, *states_db;
static cmt_block_store *blocks;
static cmt_state_store *states;
static cmt_block_executor *executor;
static cmt_application application;
static cmt_private_key key;
static cmt_validator_update validator;
static cmt_genesis genesis;
static cmt_chain_state state;

static void open_node(void)
{
    static const uint8_t seed[32] = {1};
    cmt_state_store_options how;
    cmt_block_executor_options options;
    memset(&how, 0, sizeof how);
    memset(&options, 0, sizeof options);
    how.release = CMT_RELEASE_0_38;
    must(cmt_private_key_from_seed(seed, &key, &err));
    validator.key = cmt_private_key_public(&key);
    validator.power = 10;
    genesis.has_time = true;
    genesis.time.seconds = 1700000000;
    strcpy(genesis.chain_id, "example-1");
    genesis.initial_height = 1;
    genesis.validators = &validator;
    genesis.validator_count = 1;
    cmt_params_default(CMT_RELEASE_0_38, &genesis.params);
    must(cmt_db_open_memory(&blocks_db, &err)); /* or cmt_db_open() */
    must(cmt_db_open_memory(&states_db, &err));
    must(cmt_block_store_open_for_writing(blocks_db, NULL, &blocks, &err));
    must(cmt_state_store_open_for_writing(states_db, &how, &states, &err));
    application.finalize_block = finalize_block;
    application.commit = commit;
    options.blocks = blocks;
    options.states = states;
    options.application = &application;
    must(cmt_block_executor_new(&options, &executor, &err));
    must(cmt_chain_state_from_genesis(&genesis, CMT_RELEASE_0_38, "0.38.0", &state, &err));
    cmt_slice nothing = {NULL, 0};
    must(cmt_block_executor_handshake(executor, &genesis, nothing, &state, NULL, &err));
}

/* What consensus does: propose, sign, decide. */
static void next_block(cmt_ext_commit *last, cmt_ext_commit_sig *sig, uint8_t *signature)
{
    cmt_proposal proposal;
    cmt_vote_content vote;
    cmt_commit seen;
    cmt_decided_block decided;
    cmt_chain_state next;
    cmt_buf bytes = CMT_BUF_INIT;
    cmt_slice address = {key.address, CMT_ADDRESS_SIZE};
    must(cmt_block_executor_propose(executor, &state, last, address, &proposal, &err));
    memset(&vote, 0, sizeof vote);
    vote.type = CMT_VOTE_PRECOMMIT;
    vote.height = proposal.block.header.height;
    vote.block_id = proposal.id;
    vote.timestamp = proposal.block.header.time;
    vote.timestamp.seconds += 5;
    must(cmt_vote_sign_bytes(state.chain_id, &vote, &bytes));
    must(cmt_private_key_sign(&key, cmt_buf_slice(&bytes), signature, &err));
    memset(sig, 0, sizeof *sig);
    sig->sig.flag = CMT_BLOCK_ID_COMMIT;
    sig->sig.address = address;
    sig->sig.timestamp = vote.timestamp;
    sig->sig.signature.data = signature;
    sig->sig.signature.size = CMT_SIGNATURE_SIZE;
    memset(last, 0, sizeof *last);
    last->height = vote.height;
    last->block_id = vote.block_id;
    last->signatures = sig;
    last->count = 1;
    memset(&seen, 0, sizeof seen);
    seen.height = vote.height;
    seen.block_id = vote.block_id;
    seen.signatures = &sig->sig;
    seen.count = 1;
    memset(&decided, 0, sizeof decided);
    decided.block = &proposal.block;
    decided.parts = proposal.parts;
    decided.id = proposal.id;
    decided.seen_commit = &seen;
    must(cmt_block_executor_commit(executor, &state, &decided, &next, &err));
    cmt_chain_state_free(&state);
    state = next;
    cmt_proposal_free(&proposal);
    cmt_buf_free(&bytes);
}

int main(void)
{
    cmt_ext_commit last;
    cmt_ext_commit_sig sig;
    uint8_t signature[CMT_SIGNATURE_SIZE];
    memset(&last, 0, sizeof last); /* before the first block there is none */
    open_node();
    for (int i = 0; i < BLOCKS; i++)
        next_block(&last, &sig, signature);
    printf("base %" PRId64 ", height %" PRId64 "\n", cmt_block_store_base(blocks),
           cmt_block_store_height(blocks));
    cmt_chain_state_free(&state);
    cmt_block_executor_free(executor);
    cmt_state_store_close(states);
    cmt_block_store_close(blocks);
    cmt_db_close(states_db);
    cmt_db_close(blocks_db);
    return 0;
}
