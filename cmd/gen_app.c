/* SPDX-License-Identifier: Apache-2.0
 *
 * The application of a made-up chain: its app hash is a chain of digests over the transactions, one in three fails,
 * and now and then validators and parameters change.
 */
#include "gen_chain.h"

#include <inttypes.h>
#include <string.h>

enum { PURPOSE_TXS = 2, PURPOSE_VALIDATORS = 3 };

/* ---- protobuf, as far as the answers need it ------------------------------------------------- */

static cmt_status put_varint(cmt_buf *out, uint64_t value)
{
    uint8_t bytes[10];
    size_t size = 0;
    for (; value >= 0x80; value >>= 7)
        bytes[size++] = (uint8_t)((value & 0x7f) | 0x80);
    bytes[size++] = (uint8_t)value;
    return cmt_buf_append(out, bytes, size);
}

static cmt_status put_number(cmt_buf *out, unsigned field, int64_t value)
{
    if (value == 0)
        return CMT_OK;
    CMT_TRY(put_varint(out, field << 3));
    return put_varint(out, (uint64_t)value);
}

static cmt_status put_bytes(cmt_buf *out, unsigned field, cmt_slice bytes)
{
    CMT_TRY(put_varint(out, field << 3 | 2));
    CMT_TRY(put_varint(out, bytes.size));
    return cmt_buf_append(out, bytes.data, bytes.size);
}

/* ---- transactions ---------------------------------------------------------------------------- */

/* Half of them random, half of a pattern that compresses. */
static cmt_status put_tx(cmd_rng *rng, size_t size, cmt_buf *out)
{
    bool random = cmd_rng_below(rng, 2) == 0;
    CMT_TRY(cmt_buf_reserve(out, size));
    uint8_t *p = out->data + out->size;
    uint64_t word = cmd_rng_next(rng);
    for (size_t i = 0; i < size; i++) {
        if (random && i % 8 == 0)
            word = cmd_rng_next(rng);
        uint64_t value = random ? word >> i % 8 * 8 : 'a' + (i + word % 7) % 7;
        p[i] = (uint8_t)(value & 0xff);
    }
    out->size += size;
    return CMT_OK;
}

/* Slices over consecutive pieces of @p bytes, of which only the sizes are set. */
static void place(cmt_slice *list, size_t count, const cmt_buf *bytes)
{
    size_t at = 0;
    for (size_t i = 0; i < count; i++) {
        list[i].data = bytes->data + at;
        at += list[i].size;
    }
}

static cmt_status reap(void *context, int64_t max_bytes, int64_t max_gas, cmt_app_txs *out,
                       cmt_error *err)
{
    cmd_gen_chain *chain = context;
    const cmd_options *options = chain->options;
    cmd_rng rng = cmd_rng_of(options->seed, PURPOSE_TXS, chain->height);
    size_t wanted = cmd_rng_below(&rng, (uint64_t)options->txs + 1);
    size_t count = 0;
    int64_t used = 0;
    (void)max_gas;
    cmt_buf_clear(&chain->txs);
    for (; count < wanted; count++) {
        size_t size = 1 + cmd_rng_below(&rng, (uint64_t)options->tx_bytes);
        used += (int64_t)size + 8; /* at most so much around each */
        if (max_bytes >= 0 && used > max_bytes)
            break;
        if (put_tx(&rng, size, &chain->txs) != CMT_OK)
            return cmt_error_set(err, CMT_NO_MEMORY, "no memory for transactions");
        chain->tx_list[count].size = size;
    }
    place(chain->tx_list, count, &chain->txs);
    *out = (cmt_app_txs){chain->tx_list, count};
    return CMT_OK;
}

/* ---- results --------------------------------------------------------------------------------- */

/* ExecTxResult */
static cmt_status put_result(cmt_slice tx, size_t index, cmt_buf *out)
{
    bool failed = index % 3 == 2;
    cmt_slice head = {tx.data, tx.size < 8 ? tx.size : 8};
    CMT_TRY(put_number(out, 1, failed ? 1 : 0));
    if (!failed)
        CMT_TRY(put_bytes(out, 2, head));
    CMT_TRY(put_bytes(out, 3, failed ? CMT_SLICE("refused") : CMT_SLICE("done")));
    CMT_TRY(put_number(out, 5, (int64_t)tx.size));
    CMT_TRY(put_number(out, 6, (int64_t)tx.size / 2));
    return failed ? put_bytes(out, 8, CMT_SLICE("gen")) : CMT_OK;
}

static cmt_status put_results(cmd_gen_chain *chain, const cmt_app_block *block)
{
    cmt_buf_clear(&chain->results);
    for (size_t i = 0; i < block->tx_count; i++) {
        size_t before = chain->results.size;
        CMT_TRY(put_result(block->txs[i], i, &chain->results));
        chain->result_list[i].size = chain->results.size - before;
    }
    place(chain->result_list, block->tx_count, &chain->results);
    return CMT_OK;
}

/* Over the digest so far, the height, and the digests of the transactions. */
static cmt_status move_app_hash(cmd_gen_chain *chain, const cmt_app_block *block, cmt_error *err)
{
    cmt_buf all = CMT_BUF_INIT;
    cmt_hash of_txs;
    cmt_status status = cmt_merkle_root(block->txs, block->tx_count, &of_txs, err);
    if (status == CMT_OK)
        status = cmt_buf_append(&all, chain->app_hash.bytes, chain->app_hash.size);
    if (status == CMT_OK)
        status = put_varint(&all, (uint64_t)block->height);
    if (status == CMT_OK)
        status = cmt_buf_append(&all, of_txs.bytes, of_txs.size);
    if (status == CMT_OK)
        status = cmt_sha256(cmt_buf_slice(&all), &chain->app_hash, err);
    cmt_buf_free(&all);
    return status;
}

/* ---- changes --------------------------------------------------------------------------------- */

static size_t active(const cmd_gen_chain *chain)
{
    size_t count = 0;
    for (size_t i = 0; i < chain->key_count; i++)
        count += chain->powers[i] > 0;
    return count;
}

/* ValidatorUpdate of the release. */
static cmt_status put_update(const cmd_gen_chain *chain, size_t index, cmt_buf *out)
{
    const cmt_private_key *key = &chain->keys[index];
    cmt_slice bytes = {key->public_key, sizeof key->public_key};
    if (chain->release == CMT_RELEASE_1_0) {
        CMT_TRY(put_number(out, 2, chain->powers[index]));
        CMT_TRY(put_bytes(out, 3, bytes));
        return put_bytes(out, 4, CMT_SLICE("ed25519"));
    }
    CMT_TRY(put_varint(out, 1 << 3 | 2)); /* PublicKey, with the key as its field 1 */
    CMT_TRY(put_varint(out, bytes.size + 2));
    CMT_TRY(put_bytes(out, 1, bytes));
    return put_number(out, 2, chain->powers[index]);
}

static cmt_status change_validators(cmd_gen_chain *chain, cmt_error *err)
{
    cmd_rng rng = cmd_rng_of(chain->options->seed, PURPOSE_VALIDATORS, chain->height);
    size_t index = cmd_rng_below(&rng, chain->key_count);
    bool leaves = chain->powers[index] > 0 && active(chain) > 1 && cmd_rng_below(&rng, 3) == 0;
    chain->powers[index] = leaves ? 0 : 1 + (int64_t)cmd_rng_below(&rng, 1000);
    cmt_buf_clear(&chain->update);
    if (put_update(chain, index, &chain->update) != CMT_OK)
        return cmt_error_set(err, CMT_NO_MEMORY, "no memory for a validator");
    chain->update_slice = cmt_buf_slice(&chain->update);
    return CMT_OK;
}

/* ConsensusParams with the limits of blocks alone. */
static cmt_status change_params(cmd_gen_chain *chain, cmt_error *err)
{
    const cmt_consensus_params *params = &chain->genesis.params.core;
    cmt_buf block = CMT_BUF_INIT;
    cmt_status status = put_number(&block, 1, params->block_max_bytes - chain->height % 1000);
    if (status == CMT_OK)
        status = put_number(&block, 2, params->block_max_gas);
    cmt_buf_clear(&chain->params);
    if (status == CMT_OK)
        status = put_bytes(&chain->params, 1, cmt_buf_slice(&block));
    cmt_buf_free(&block);
    return status == CMT_OK ? CMT_OK : cmt_error_set(err, status, "no memory for parameters");
}

static bool is_due(const cmd_gen_chain *chain, int64_t every)
{
    return every > 0 && chain->height % every == 0;
}

/* ---- the application ------------------------------------------------------------------------- */

static cmt_status finalize_block(void *context, const cmt_app_block *block, cmt_results *out,
                                 cmt_error *err)
{
    cmd_gen_chain *chain = context;
    CMT_TRY(move_app_hash(chain, block, err));
    if (put_results(chain, block) != CMT_OK)
        return cmt_error_set(err, CMT_NO_MEMORY, "no memory for results");
    *out = (cmt_results){
        .tx_results = chain->result_list,
        .tx_count = block->tx_count,
        .app_hash = cmt_hash_slice(&chain->app_hash),
    };
    if (is_due(chain, chain->options->validators_every)) {
        CMT_TRY(change_validators(chain, err));
        out->validator_updates = &chain->update_slice;
        out->update_count = 1;
    }
    if (is_due(chain, chain->options->params_every)) {
        CMT_TRY(change_params(chain, err));
        out->has_params = true;
        out->params = cmt_buf_slice(&chain->params);
    }
    return CMT_OK;
}

static cmt_status commit(void *context, int64_t *retain_height, cmt_error *err)
{
    const cmd_gen_chain *chain = context;
    int64_t keep = chain->options->retain_blocks;
    int64_t lowest = chain->height - keep + 1;
    (void)err;
    *retain_height = keep > 0 && lowest > chain->options->initial_height ? lowest : 0;
    return CMT_OK;
}

void cmd_gen_app_init(cmd_gen_chain *chain)
{
    chain->application = (cmt_application){
        .context = chain,
        .finalize_block = finalize_block,
        .commit = commit,
    };
    chain->mempool = (cmt_mempool){.context = chain, .reap = reap};
}
