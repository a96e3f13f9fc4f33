/* SPDX-License-Identifier: Apache-2.0
 *
 * A chain of one validator, for tests that need states and results to save.
 */
#ifndef CMT_TEST_SMALL_CHAIN_H
#define CMT_TEST_SMALL_CHAIN_H

#include "cmtstore/types_results.h"
#include "cmtstore/types_state.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

#define SMALL_CHAIN_KEY                                                                            \
    "{\"type\":\"tendermint/PubKeyEd25519\",\"value\":\"A6EHv/"                                    \
    "POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg=\"}"

/** A genesis.json in static storage. */
static inline cmt_slice small_chain_genesis(int64_t initial_height)
{
    static char json[512];
    int size = snprintf(json, sizeof json,
                        "{\"genesis_time\":\"2024-01-02T03:04:05Z\",\"chain_id\":\"small\","
                        "\"initial_height\":\"%lld\",\"validators\":[{\"pub_key\":" SMALL_CHAIN_KEY
                        ",\"power\":\"10\"}]}",
                        (long long)initial_height);
    return (cmt_slice){(const uint8_t *)json, (size_t)size};
}

static inline cmt_chain_state small_chain_start(cmt_release release, int64_t initial_height)
{
    cmt_error err = CMT_ERROR_INIT;
    cmt_genesis genesis;
    cmt_chain_state state;
    cmt_slice json = small_chain_genesis(initial_height);
    ck_assert_msg(cmt_genesis_decode(json, release, &genesis, &err) == CMT_OK, "%s", err.message);
    ck_assert_msg(cmt_chain_state_from_genesis(&genesis, release, "test", &state, &err) == CMT_OK,
                  "%s", err.message);
    cmt_genesis_free(&genesis);
    return state;
}

/** Take the state one block further; what the block changed is the caller's to note. */
static inline void small_chain_step(cmt_chain_state *state)
{
    cmt_error err = CMT_ERROR_INIT;
    cmt_generation generation = cmt_release_generation(state->release);
    cmt_validator_set_free(&state->last_validators);
    state->last_validators = state->validators;
    state->validators = state->next_validators;
    state->next_validators = (cmt_validator_set){0};
    ck_assert_msg(cmt_validator_set_copy(&state->validators, generation, &state->next_validators,
                                         &err) == CMT_OK,
                  "%s", err.message);
    ck_assert_msg(cmt_validator_set_increment(&state->next_validators, 1, &err) == CMT_OK, "%s",
                  err.message);
    state->last_block_height = cmt_chain_state_next_height(state);
    state->last_block_time.seconds++;
    state->last_block_id.part_total = 1;
    state->last_block_id.hash.size = CMT_HASH_SIZE;
    state->last_block_id.part_hash.size = CMT_HASH_SIZE;
    memset(state->last_block_id.hash.bytes, (int)state->last_block_height, CMT_HASH_SIZE);
}

/** Results with nothing in them but the hash of the application, which has to outlive them. */
static inline cmt_results small_chain_results(const char *app_hash)
{
    return (cmt_results){
        .app_hash = {(const uint8_t *)app_hash, strlen(app_hash)},
    };
}

#endif
