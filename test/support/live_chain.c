/* SPDX-License-Identifier: Apache-2.0
 *
 * A node of one validator on databases on disk.
 */
#include "live_chain.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* As the Go programs of the benchmarks call themselves. */
#define SOFTWARE "0.38.26"
/* 2024-01-01T00:00:00Z */
#define START_SECONDS INT64_C(1704067200)
/* Evidence expires early, so that a prune is about the retain height. */
#define EVIDENCE_BLOCKS 20

/* ---- the application ------------------------------------------------------------------------- */

static cmt_status info(void *context, cmt_app_info *out, cmt_error *err)
{
    const live_chain *chain = context;
    (void)err;
    *out = (cmt_app_info){.last_block_height = chain->state.last_block_height,
                          .last_block_app_hash = chain->state.app_hash};
    return CMT_OK;
}

static void put_height(int64_t height, uint8_t out[8])
{
    for (size_t i = 0; i < 8; i++)
        out[i] = (uint8_t)((uint64_t)height >> (56 - 8 * i));
}

static cmt_status finalize_block(void *context, const cmt_app_block *block, cmt_results *out,
                                 cmt_error *err)
{
    live_chain *chain = context;
    uint8_t height[8];
    put_height(block->height, height);
    CMT_TRY(cmt_sha256((cmt_slice){height, sizeof height}, &chain->app_hash, err));
    chain->result = CMT_SLICE("\x1a\x04"
                              "done"); /* ExecTxResult with a log line */
    *out = (cmt_results){
        .tx_results = &chain->result,
        .tx_count = block->tx_count,
        .app_hash = cmt_hash_slice(&chain->app_hash),
    };
    return CMT_OK;
}

static cmt_status commit(void *context, int64_t *retain_height, cmt_error *err)
{
    live_chain *chain = context;
    (void)err;
    *retain_height = chain->retain_height;
    return CMT_OK;
}

/* ---- transactions ---------------------------------------------------------------------------- */

/* SplitMix64 for the first half, a pattern that compresses for the second.  The height alone decides. */
static void fill(cmt_buf *tx, int64_t height)
{
    uint64_t state = (uint64_t)height * UINT64_C(0x2545f4914f6cdd1d);
    const size_t half = tx->size / 2;
    uint64_t word = 0;
    for (size_t i = 0; i < half; i++) {
        if (i % 8 == 0) {
            word = state += UINT64_C(0x9e3779b97f4a7c15);
            word = (word ^ (word >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
            word = (word ^ (word >> 27)) * UINT64_C(0x94d049bb133111eb);
            word ^= word >> 31;
        }
        tx->data[i] = (uint8_t)(word >> i % 8 * 8);
    }
    for (size_t i = half; i < tx->size; i++)
        tx->data[i] = (uint8_t)('a' + (i + word % 7) % 7);
}

static cmt_status reap(void *context, int64_t max_bytes, int64_t max_gas, cmt_app_txs *out,
                       cmt_error *err)
{
    live_chain *chain = context;
    (void)max_bytes;
    (void)max_gas;
    cmt_buf_clear(&chain->tx);
    if (cmt_buf_reserve(&chain->tx, chain->options.block_bytes) != CMT_OK)
        return cmt_error_set(err, CMT_NO_MEMORY, "no memory for a transaction");
    chain->tx.size = chain->options.block_bytes;
    fill(&chain->tx, cmt_chain_state_next_height(&chain->state));
    chain->tx_slice = cmt_buf_slice(&chain->tx);
    *out = (cmt_app_txs){&chain->tx_slice, 1};
    return CMT_OK;
}

/* ---- votes ----------------------------------------------------------------------------------- */

/* The one vote of a commit, which points into the chain. */
static void keep_commit(live_chain *chain, int64_t height, int32_t round, const cmt_block_id *id,
                        cmt_time time)
{
    chain->last_signature = (cmt_ext_commit_sig){
        .sig = {.flag = CMT_BLOCK_ID_COMMIT,
                .address = {chain->key.address, CMT_ADDRESS_SIZE},
                .timestamp = time,
                .signature = {chain->last_signature_bytes, CMT_SIGNATURE_SIZE}}};
    chain->last_commit = (cmt_ext_commit){.height = height,
                                          .round = round,
                                          .block_id = *id,
                                          .signatures = &chain->last_signature,
                                          .count = 1};
}

static cmt_status load_last_commit(live_chain *chain, cmt_error *err)
{
    const int64_t height = chain->state.last_block_height;
    cmt_buf bytes = CMT_BUF_INIT;
    cmt_commit last = {.height = 0};
    chain->last_commit = (cmt_ext_commit){.height = 0};
    if (height == 0)
        return CMT_OK;
    cmt_status st = cmt_block_store_load_seen_commit(chain->blocks, height, &bytes, NULL, err);
    if (st == CMT_OK)
        st = cmt_commit_read(cmt_buf_slice(&bytes), &last, err);
    const cmt_slice address = {chain->key.address, CMT_ADDRESS_SIZE};
    if (st == CMT_OK && (last.count != 1 || !cmt_slice_equal(last.signatures[0].address, address) ||
                         last.signatures[0].signature.size != CMT_SIGNATURE_SIZE))
        st = cmt_error_set(err, CMT_INVALID, "the chain has another validator, or more than one");
    if (st == CMT_OK) {
        memcpy(chain->last_signature_bytes, last.signatures[0].signature.data, CMT_SIGNATURE_SIZE);
        keep_commit(chain, last.height, last.round, &last.block_id, last.signatures[0].timestamp);
    }
    cmt_commit_free(&last);
    cmt_buf_free(&bytes);
    return st;
}

/* A block bears the time of the vote for the one before, so votes move time on. */
static cmt_status vote(live_chain *chain, cmt_error *err)
{
    const cmt_header *header = &chain->proposal.block.header;
    cmt_vote_content content = {
        .type = CMT_VOTE_PRECOMMIT,
        .height = header->height,
        .block_id = chain->proposal.id,
        .timestamp = header->time,
    };
    content.timestamp.seconds += chain->options.seconds_per_block;
    if (cmt_vote_sign_bytes(chain->state.chain_id, &content, &chain->sign_bytes) != CMT_OK)
        return cmt_error_set(err, CMT_NO_MEMORY, "no memory for a vote");
    CMT_TRY(cmt_private_key_sign(&chain->key, cmt_buf_slice(&chain->sign_bytes),
                                 chain->last_signature_bytes, err));
    keep_commit(chain, content.height, 0, &content.block_id, content.timestamp);
    return CMT_OK;
}

/* ---- opening --------------------------------------------------------------------------------- */

static cmt_status make_key(live_chain *chain, cmt_error *err)
{
    const char *secret = chain->options.secret;
    cmt_hash seed;
    CMT_TRY(cmt_sha256((cmt_slice){(const uint8_t *)secret, strlen(secret)}, &seed, err));
    return cmt_private_key_from_seed(seed.bytes, &chain->key, err);
}

static void make_genesis(live_chain *chain)
{
    chain->validator =
        (cmt_validator_update){.key = cmt_private_key_public(&chain->key), .power = 10};
    chain->genesis = (cmt_genesis){
        .has_time = true,
        .time = {START_SECONDS, 0},
        .chain_id = "live-1",
        .initial_height = 1,
        .validators = &chain->validator,
        .validator_count = 1,
    };
    cmt_params_default(CMT_RELEASE_0_38, &chain->genesis.params);
    chain->genesis.params.core.evidence_max_age_num_blocks = EVIDENCE_BLOCKS;
    chain->genesis.params.core.evidence_max_age_duration_ns =
        EVIDENCE_BLOCKS * chain->options.seconds_per_block * INT64_C(1000000000);
}

static cmt_status open_database(live_chain *chain, const char *name, char **path, cmt_db **db,
                                cmt_error *err)
{
    const cmt_db_open_options how = {
        .engine = chain->options.engine,
        .create = true,
        .write_buffer_bytes = chain->options.write_buffer_bytes,
        .background_bytes_per_s = chain->options.background_bytes_per_s,
        .unsynced = chain->options.unsynced,
        .only_asked_compactions = chain->options.only_asked_compactions,
        .logger = chain->options.logger,
    };
    const size_t size = strlen(chain->options.dir) + strlen(name) + 2;
    *path = malloc(size);
    if (*path == NULL)
        return cmt_error_set(err, CMT_NO_MEMORY, "no memory for a path");
    snprintf(*path, size, "%s/%s", chain->options.dir, name);
    return cmt_db_open(*path, &how, db, err);
}

static cmt_status open_stores(live_chain *chain, cmt_error *err)
{
    const cmt_state_store_options states = {.release = CMT_RELEASE_0_38};
    CMT_TRY(open_database(chain, "blockstore.db", &chain->paths[0], &chain->block_db, err));
    CMT_TRY(open_database(chain, "state.db", &chain->paths[1], &chain->state_db, err));
    CMT_TRY(cmt_block_store_open_for_writing(chain->block_db, NULL, &chain->blocks, err));
    return cmt_state_store_open_for_writing(chain->state_db, &states, &chain->states, err);
}

static cmt_status open_executor(live_chain *chain, cmt_error *err)
{
    chain->application = (cmt_application){
        .context = chain, .info = info, .finalize_block = finalize_block, .commit = commit};
    chain->mempool = (cmt_mempool){.context = chain, .reap = reap};
    const live_chain_options *o = &chain->options;
    cmt_block_executor_options executor = {
        .blocks = chain->blocks,
        .states = chain->states,
        .blocks_db = chain->block_db,
        .states_db = chain->state_db,
        .application = &chain->application,
        .mempool = &chain->mempool,
        .evidence = &chain->no_evidence,
        .fail_point = chain->options.fail_point,
        .context = chain->options.fail_context,
        .logger = chain->options.logger,
    };
    if (o->configure != NULL)
        CMT_TRY(o->configure(o->configure_context, chain, &executor, err));
    return cmt_block_executor_new(&executor, &chain->executor, err);
}

static cmt_status open_state(live_chain *chain, cmt_error *err)
{
    cmt_status st = cmt_state_store_load_chain_state(chain->states, &chain->state, err);
    if (st == CMT_NOT_FOUND)
        st = cmt_chain_state_from_genesis(&chain->genesis, CMT_RELEASE_0_38, SOFTWARE,
                                          &chain->state, err);
    CMT_TRY(st);
    CMT_TRY(cmt_block_executor_handshake(chain->executor, &chain->genesis, (cmt_slice){NULL, 0},
                                         &chain->state, NULL, err));
    return load_last_commit(chain, err);
}

cmt_status live_chain_open(const live_chain_options *options, live_chain *out, cmt_error *err)
{
    *out = (live_chain){.options = *options};
    CMT_TRY(make_key(out, err));
    make_genesis(out);
    CMT_TRY(open_stores(out, err));
    CMT_TRY(open_executor(out, err));
    return open_state(out, err);
}

void live_chain_close(live_chain *chain)
{
    cmt_proposal_free(&chain->proposal);
    cmt_chain_state_free(&chain->state);
    cmt_block_executor_free(chain->executor);
    cmt_state_store_close(chain->states);
    cmt_block_store_close(chain->blocks);
    cmt_db_close(chain->state_db);
    cmt_db_close(chain->block_db);
    cmt_buf_free(&chain->tx);
    cmt_buf_free(&chain->sign_bytes);
    for (size_t i = 0; i < 2; i++)
        free(chain->paths[i]);
    *chain = (live_chain){.retain_height = 0};
}

/* ---- blocks ---------------------------------------------------------------------------------- */

cmt_status live_chain_make(live_chain *chain, cmt_error *err)
{
    cmt_proposal_free(&chain->proposal);
    chain->proposal = (cmt_proposal){.parts = NULL};
    CMT_TRY(cmt_block_executor_propose(chain->executor, &chain->state, &chain->last_commit,
                                       (cmt_slice){chain->key.address, CMT_ADDRESS_SIZE},
                                       &chain->proposal, err));
    return vote(chain, err);
}

cmt_status live_chain_commit(live_chain *chain, cmt_error *err)
{
    cmt_chain_state next;
    const cmt_commit seen = {.height = chain->last_commit.height,
                             .round = chain->last_commit.round,
                             .block_id = chain->last_commit.block_id,
                             .signatures = &chain->last_signature.sig,
                             .count = 1};
    const cmt_decided_block decided = {
        .block = &chain->proposal.block,
        .parts = chain->proposal.parts,
        .id = chain->proposal.id,
        .seen_commit = &seen,
    };
    CMT_TRY(cmt_block_executor_commit(chain->executor, &chain->state, &decided, &next, err));
    cmt_chain_state_free(&chain->state);
    chain->state = next;
    return CMT_OK;
}
