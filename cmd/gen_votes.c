/* SPDX-License-Identifier: Apache-2.0
 *
 * How the validators of a made-up chain vote.
 */
#include "gen_chain.h"

#include <stdlib.h>
#include <string.h>

/* What an absent vote has: Go's zero time. */
#define NO_TIME ((cmt_time){-62135596800, 0})

enum { PURPOSE_VOTES = 1 };

cmt_status cmd_gen_commit_init(const cmd_gen_chain *chain, cmd_gen_commit *out, cmt_error *err)
{
    *out = (cmd_gen_commit){
        .signatures = calloc(chain->key_count, sizeof *out->signatures),
        .votes = calloc(chain->key_count, sizeof *out->votes),
        .addresses = calloc(chain->key_count, sizeof *out->addresses),
    };
    if (out->signatures != NULL && out->votes != NULL && out->addresses != NULL)
        return CMT_OK;
    return cmt_error_set(err, CMT_NO_MEMORY, "no memory for the votes of %zu validators",
                         chain->key_count);
}

void cmd_gen_commit_free(cmd_gen_commit *commit)
{
    free(commit->signatures);
    free(commit->votes);
    free(commit->addresses);
}

static int compare_address(const void *address, const void *key)
{
    return memcmp(address, (*(cmt_private_key *const *)key)->address, CMT_ADDRESS_SIZE);
}

/* Every validator of the chain is one of ours. */
static const cmt_private_key *find_key(const cmd_gen_chain *chain, cmt_slice address)
{
    return *(cmt_private_key **)bsearch(address.data, chain->by_address, chain->key_count,
                                        sizeof *chain->by_address, compare_address);
}

/* One in sixteen is absent, one in sixteen votes for no block, while enough are left to sign. */
static cmt_block_id_flag choose_flag(cmd_rng *rng, int64_t power, int64_t *spare)
{
    uint64_t dice = cmd_rng_below(rng, 16);
    if (dice > 1 || power >= *spare)
        return CMT_BLOCK_ID_COMMIT;
    *spare -= power;
    return dice == 0 ? CMT_BLOCK_ID_ABSENT : CMT_BLOCK_ID_NIL;
}

static cmt_status sign(cmd_gen_chain *chain, const cmt_private_key *key,
                       const cmt_vote_content *content, cmd_gen_vote *vote, cmt_error *err)
{
    if (cmt_vote_sign_bytes(chain->genesis.chain_id, content, &chain->sign_bytes) != CMT_OK)
        return cmt_error_set(err, CMT_NO_MEMORY, "no memory for a vote");
    return cmt_private_key_sign(key, cmt_buf_slice(&chain->sign_bytes), vote->signature, err);
}

static cmt_status extend(cmd_gen_chain *chain, const cmt_private_key *key, cmd_rng *rng,
                         cmd_gen_vote *vote, cmt_ext_commit_sig *out, cmt_error *err)
{
    size_t size = cmd_rng_below(rng, sizeof vote->extension + 1);
    for (size_t i = 0; i < size; i++)
        vote->extension[i] = (uint8_t)cmd_rng_next(rng);
    out->extension = (cmt_slice){vote->extension, size};
    if (cmt_extension_sign_bytes(chain->genesis.chain_id, chain->height, 0, out->extension,
                                 &chain->sign_bytes) != CMT_OK)
        return cmt_error_set(err, CMT_NO_MEMORY, "no memory for a vote extension");
    CMT_TRY(cmt_private_key_sign(key, cmt_buf_slice(&chain->sign_bytes), vote->extension_signature,
                                 err));
    out->extension_signature =
        (cmt_slice){vote->extension_signature, sizeof vote->extension_signature};
    return CMT_OK;
}

/* The vote of validator @p i, into its place. */
static cmt_status cast(cmd_gen_chain *chain, const cmt_validator *validator, cmt_block_id_flag flag,
                       bool extensions, cmd_rng *rng, cmd_gen_commit *commit, size_t i,
                       cmt_error *err)
{
    cmt_ext_commit_sig *out = &commit->signatures[i];
    cmd_gen_vote *vote = &commit->votes[i];
    const cmt_private_key *key = find_key(chain, validator->address);
    *out = (cmt_ext_commit_sig){.sig = {.flag = (int32_t)flag}};
    if (flag == CMT_BLOCK_ID_ABSENT) {
        out->sig.timestamp = NO_TIME;
        return CMT_OK;
    }
    memcpy(commit->addresses[i], key->address, CMT_ADDRESS_SIZE);
    out->sig.address = (cmt_slice){commit->addresses[i], CMT_ADDRESS_SIZE};
    out->sig.timestamp = cmd_gen_time(chain, chain->height);
    out->sig.timestamp.nanos = (int32_t)cmd_rng_below(rng, 500000000);
    out->sig.signature = (cmt_slice){vote->signature, sizeof vote->signature};
    cmt_vote_content content = {
        .type = CMT_VOTE_PRECOMMIT,
        .height = chain->height,
        .timestamp = out->sig.timestamp,
    };
    if (flag == CMT_BLOCK_ID_COMMIT)
        content.block_id = commit->commit.block_id;
    CMT_TRY(sign(chain, key, &content, vote, err));
    return extensions && flag == CMT_BLOCK_ID_COMMIT ? extend(chain, key, rng, vote, out, err)
                                                     : CMT_OK;
}

cmt_status cmd_gen_vote_for(cmd_gen_chain *chain, const cmt_chain_state *state,
                            const cmt_block_id *id, cmd_gen_commit *out, cmt_error *err)
{
    const cmt_validator_set *set = &state->validators;
    cmd_rng rng = cmd_rng_of(chain->options->seed, PURPOSE_VOTES, chain->height);
    bool extensions = cmt_extensions_enabled(&state->params, chain->height);
    int64_t spare = (set->total_voting_power - 1) / 3;
    out->commit = (cmt_ext_commit){
        .height = chain->height,
        .block_id = *id,
        .signatures = out->signatures,
        .count = set->count,
    };
    for (size_t i = 0; i < set->count; i++) {
        const cmt_validator *validator = &set->validators[i];
        cmt_block_id_flag flag = choose_flag(&rng, validator->voting_power, &spare);
        CMT_TRY(cast(chain, validator, flag, extensions, &rng, out, i, err));
    }
    return CMT_OK;
}
