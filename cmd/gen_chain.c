/* SPDX-License-Identifier: Apache-2.0
 *
 * Keys and genesis of a chain that is made up.
 */
#include "gen_chain.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* 2024-01-01T00:00:00Z */
#define START_SECONDS INT64_C(1704067200)

cmt_time cmd_gen_time(const cmd_gen_chain *chain, int64_t height)
{
    cmt_time time = chain->start;
    time.seconds += height - chain->options->initial_height + 1;
    return time;
}

static int compare_keys(const void *a, const void *b)
{
    return memcmp((*(cmt_private_key *const *)a)->address, (*(cmt_private_key *const *)b)->address,
                  CMT_ADDRESS_SIZE);
}

static cmt_status make_key(int64_t seed, size_t i, cmt_private_key *out, cmt_error *err)
{
    char secret[64];
    cmt_hash hash;
    int size = snprintf(secret, sizeof secret, "cmtstore-gen-%" PRId64 "-%zu", seed, i);
    CMT_TRY(cmt_sha256((cmt_slice){(const uint8_t *)secret, (size_t)size}, &hash, err));
    return cmt_private_key_from_seed(hash.bytes, out, err);
}

static cmt_status make_keys(cmd_gen_chain *chain, cmt_error *err)
{
    const cmd_options *options = chain->options;
    size_t first = (size_t)options->validators;
    chain->key_count = first + (options->validators_every > 0 ? CMD_GEN_SPARE_KEYS : 0);
    chain->keys = calloc(chain->key_count, sizeof *chain->keys);
    chain->powers = calloc(chain->key_count, sizeof *chain->powers);
    chain->by_address = calloc(chain->key_count, sizeof *chain->by_address);
    if (chain->keys == NULL || chain->powers == NULL || chain->by_address == NULL)
        return cmt_error_set(err, CMT_NO_MEMORY, "no memory for %zu validators", chain->key_count);
    for (size_t i = 0; i < chain->key_count; i++) {
        CMT_TRY(make_key(options->seed, i, &chain->keys[i], err));
        chain->by_address[i] = &chain->keys[i];
        chain->powers[i] = i < first ? 10 + (int64_t)(i % 100) * 7 : 0;
    }
    qsort((void *)chain->by_address, chain->key_count, sizeof *chain->by_address, compare_keys);
    return CMT_OK;
}

static cmt_status make_genesis(cmd_gen_chain *chain, cmt_error *err)
{
    const cmd_options *options = chain->options;
    cmt_genesis *genesis = &chain->genesis;
    if (strlen(options->chain_id) > CMT_CHAIN_ID_MAX)
        return cmt_error_set(err, CMT_INVALID, "--chain-id is longer than %d bytes",
                             CMT_CHAIN_ID_MAX);
    *genesis = (cmt_genesis){
        .has_time = true,
        .time = chain->start,
        .initial_height = options->initial_height,
        .validators = calloc((size_t)options->validators, sizeof *genesis->validators),
    };
    if (genesis->validators == NULL)
        return cmt_error_set(err, CMT_NO_MEMORY, "no memory for a genesis");
    memcpy(genesis->chain_id, options->chain_id, strlen(options->chain_id));
    cmt_params_default(chain->release, &genesis->params);
    /* Short, so that a chain of some hundred blocks has evidence that is too old. */
    genesis->params.core.evidence_max_age_num_blocks = 100;
    genesis->params.core.evidence_max_age_duration_ns = INT64_C(100000000000);
    genesis->params.core.vote_extensions_enable_height = options->extensions_from;
    for (; genesis->validator_count < (size_t)options->validators; genesis->validator_count++)
        genesis->validators[genesis->validator_count] = (cmt_validator_update){
            .key = cmt_private_key_public(&chain->keys[genesis->validator_count]),
            .power = chain->powers[genesis->validator_count],
        };
    return CMT_OK;
}

cmt_status cmd_gen_chain_init(const cmd_options *options, cmt_release release, cmd_gen_chain *out,
                              cmt_error *err)
{
    *out = (cmd_gen_chain){.options = options, .release = release, .start = {START_SECONDS, 0}};
    out->tx_list = calloc((size_t)options->txs + 1, sizeof *out->tx_list);
    out->result_list = calloc((size_t)options->txs + 1, sizeof *out->result_list);
    if (out->tx_list == NULL || out->result_list == NULL)
        return cmt_error_set(err, CMT_NO_MEMORY, "no memory for %" PRId64 " transactions",
                             options->txs);
    cmd_gen_app_init(out);
    CMT_TRY(make_keys(out, err));
    return make_genesis(out, err);
}

void cmd_gen_chain_free(cmd_gen_chain *chain)
{
    cmt_genesis_free(&chain->genesis);
    free(chain->keys);
    free((void *)chain->by_address);
    free(chain->powers);
    free(chain->tx_list);
    free(chain->result_list);
    cmt_buf_free(&chain->txs);
    cmt_buf_free(&chain->results);
    cmt_buf_free(&chain->update);
    cmt_buf_free(&chain->params);
    cmt_buf_free(&chain->sign_bytes);
}
