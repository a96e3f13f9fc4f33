/* SPDX-License-Identifier: Apache-2.0
 *
 * What an application asks for: validator updates and parameters.  An update that is taken leaves a set that
 * decodes, or parameters within their limits; one that is refused changes nothing.
 */
#include "fuzz.h"

#include "cmtstore/types_params.h"

/* ---- validators -------------------------------------------------------------------------- */

static void check_new(const cmt_validator_update *update, cmt_generation generation)
{
    cmt_validator_set set;
    cmt_validator_set again;
    if (cmt_validator_set_new(update, 1, generation, &set, NULL) != CMT_OK)
        return;
    cmt_buf bytes = CMT_BUF_INIT;
    cmt_public_key key;
    FUZZ_CHECK(update->power > 0 && set.count == 1 && set.total_voting_power == update->power);
    FUZZ_CHECK(cmt_validator_set_encode(&set, &bytes) == CMT_OK);
    FUZZ_CHECK(cmt_validator_set_decode(cmt_buf_slice(&bytes), &again, NULL) == CMT_OK);
    FUZZ_CHECK(cmt_validator_public_key(&again.validators[0], &key, NULL) == CMT_OK);
    FUZZ_CHECK(key.type == update->key.type && cmt_slice_equal(key.bytes, update->key.bytes));
    /* The only one cannot leave. */
    const cmt_validator_update removal = {.key = update->key, .power = 0};
    FUZZ_CHECK(cmt_validator_set_update(&set, &removal, 1, generation, NULL) == CMT_INVALID);
    FUZZ_CHECK(set.count == 1 && set.validators[0].voting_power == update->power);
    cmt_validator_set_free(&again);
    cmt_validator_set_free(&set);
    cmt_buf_free(&bytes);
}

static void check_validator(cmt_slice bytes)
{
    cmt_validator_update update;
    cmt_error err = CMT_ERROR_INIT;
    cmt_status st = cmt_validator_update_decode(bytes, &update, &err);
    if (st != CMT_OK) {
        FUZZ_CHECK((st == CMT_CORRUPT || st == CMT_UNSUPPORTED) && err.message[0] != '\0');
        return;
    }
    check_new(&update, CMT_GENERATION_0);
    check_new(&update, CMT_GENERATION_1);
}

/* ---- parameters -------------------------------------------------------------------------- */

static void check_unchanged(const cmt_params *params, cmt_release release)
{
    cmt_params before;
    cmt_buf was = CMT_BUF_INIT;
    cmt_buf is = CMT_BUF_INIT;
    cmt_params_default(release, &before);
    FUZZ_CHECK(cmt_params_encode(&before, release, &was) == CMT_OK);
    FUZZ_CHECK(cmt_params_encode(params, release, &is) == CMT_OK);
    FUZZ_CHECK(cmt_slice_equal(cmt_buf_slice(&was), cmt_buf_slice(&is)));
    cmt_buf_free(&is);
    cmt_buf_free(&was);
}

static void check_params(cmt_slice bytes, cmt_release release, int64_t height)
{
    cmt_params params;
    cmt_error err = CMT_ERROR_INIT;
    cmt_params_default(release, &params);
    cmt_status st = cmt_params_update(&params, bytes, height, release, &err);
    if (st == CMT_OK) {
        FUZZ_CHECK(cmt_params_validate(&params, release, NULL) == CMT_OK);
        return;
    }
    FUZZ_CHECK(st == CMT_CORRUPT || st == CMT_INVALID || st == CMT_UNSUPPORTED);
    FUZZ_CHECK(err.message[0] != '\0');
    check_unchanged(&params, release);
}

/* What storage needs of stored parameters is what the whole says. */
static void check_stored(cmt_slice bytes)
{
    cmt_consensus_params some;
    cmt_params whole;
    bool empty;
    bool decodes = cmt_consensus_params_decode(bytes, &some, NULL) == CMT_OK;
    if (cmt_consensus_params_is_empty(bytes, &empty, NULL) == CMT_OK && empty && decodes)
        FUZZ_CHECK(some.block_max_bytes == 0 && some.evidence_max_age_num_blocks == 0);
    if (cmt_params_decode(bytes, CMT_RELEASE_0_38, &whole, NULL) == CMT_OK && decodes) {
        FUZZ_CHECK(whole.core.block_max_bytes == some.block_max_bytes);
        FUZZ_CHECK(whole.core.evidence_max_age_duration_ns == some.evidence_max_age_duration_ns);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cmt_slice bytes = {data, size};
    check_validator(bytes);
    check_stored(bytes);
    for (int release = CMT_RELEASE_0_38; release <= CMT_RELEASE_1_0; release++)
        check_params(bytes, (cmt_release)release, 7);
    return 0;
}
