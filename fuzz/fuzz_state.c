/* SPDX-License-Identifier: Apache-2.0
 *
 * States, validator sets, parameters and the records that hold them: what decodes is encoded to bytes that
 * decode to the same, and to themselves.
 */
#include "fuzz.h"

#include "cmtstore/types_state.h"

static void check_state(cmt_slice bytes, cmt_release release)
{
    cmt_chain_state state;
    if (cmt_chain_state_decode(bytes, release, &state, NULL) != CMT_OK)
        return;
    cmt_chain_state again;
    cmt_release detected;
    cmt_buf once = CMT_BUF_INIT;
    cmt_buf twice = CMT_BUF_INIT;
    FUZZ_CHECK(cmt_chain_state_encode(&state, &once) == CMT_OK);
    FUZZ_CHECK(cmt_release_detect(cmt_buf_slice(&once), &detected, NULL) == CMT_OK);
    FUZZ_CHECK(detected == release);
    FUZZ_CHECK(cmt_chain_state_decode(cmt_buf_slice(&once), release, &again, NULL) == CMT_OK);
    FUZZ_CHECK(again.last_block_height == state.last_block_height);
    FUZZ_CHECK(again.validators.count == state.validators.count);
    cmt_chain_state_free(&state);
    FUZZ_CHECK(cmt_chain_state_copy(&again, &state, NULL) == CMT_OK);
    cmt_chain_state_free(&again);
    FUZZ_CHECK(cmt_chain_state_encode(&state, &twice) == CMT_OK);
    FUZZ_CHECK(cmt_slice_equal(cmt_buf_slice(&once), cmt_buf_slice(&twice)));
    cmt_chain_state_free(&state);
    cmt_buf_free(&twice);
    cmt_buf_free(&once);
}

static void check_set(cmt_slice bytes, cmt_generation generation)
{
    cmt_validator_set set;
    cmt_validator_set copy;
    if (cmt_validator_set_decode(bytes, &set, NULL) != CMT_OK)
        return;
    cmt_buf once = CMT_BUF_INIT;
    cmt_buf twice = CMT_BUF_INIT;
    if (cmt_validator_set_copy(&set, generation, &copy, NULL) == CMT_OK) {
        FUZZ_CHECK(copy.count == set.count && copy.total_voting_power == set.total_voting_power);
        FUZZ_CHECK(cmt_validator_set_encode(&copy, &once) == CMT_OK);
        cmt_validator_set_free(&set);
        FUZZ_CHECK(cmt_validator_set_decode(cmt_buf_slice(&once), &set, NULL) == CMT_OK);
        FUZZ_CHECK(cmt_validator_set_encode(&set, &twice) == CMT_OK);
        FUZZ_CHECK(cmt_slice_equal(cmt_buf_slice(&once), cmt_buf_slice(&twice)));
        if (copy.count > 0)
            (void)!cmt_validator_set_increment(&copy, 3, NULL);
        cmt_validator_set_free(&copy);
    }
    cmt_validator_set_free(&set);
    cmt_buf_free(&twice);
    cmt_buf_free(&once);
}

static void check_params(cmt_slice bytes, cmt_release release)
{
    cmt_params params;
    if (cmt_params_decode(bytes, release, &params, NULL) != CMT_OK)
        return;
    cmt_params again;
    cmt_buf once = CMT_BUF_INIT;
    cmt_buf twice = CMT_BUF_INIT;
    FUZZ_CHECK(cmt_params_encode(&params, release, &once) == CMT_OK);
    FUZZ_CHECK(cmt_params_decode(cmt_buf_slice(&once), release, &again, NULL) == CMT_OK);
    FUZZ_CHECK(cmt_params_encode(&again, release, &twice) == CMT_OK);
    FUZZ_CHECK(cmt_slice_equal(cmt_buf_slice(&once), cmt_buf_slice(&twice)));
    cmt_buf_free(&twice);
    cmt_buf_free(&once);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cmt_slice bytes = {data, size};
    cmt_validators_info validators;
    cmt_params_info params;
    bool has_set = cmt_validators_info_decode(bytes, &validators, NULL) == CMT_OK;
    bool has_params = cmt_params_info_decode(bytes, &params, NULL) == CMT_OK;
    for (int release = CMT_RELEASE_0_38; release <= CMT_RELEASE_1_0; release++) {
        check_state(bytes, (cmt_release)release);
        check_params(bytes, (cmt_release)release);
        if (has_params)
            check_params(params.params, (cmt_release)release);
    }
    check_set(bytes, CMT_GENERATION_0);
    if (has_set) {
        check_set(validators.set, CMT_GENERATION_0);
        check_set(validators.set, CMT_GENERATION_1);
    }
    return 0;
}
