/* SPDX-License-Identifier: Apache-2.0
 *
 * Genesis documents: what decodes is written to a document that says the same and is written as itself.
 */
#include "fuzz.h"

#include "cmtstore/types_state.h"

#include <string.h>

static void check_release(cmt_slice json, cmt_release release)
{
    cmt_genesis genesis;
    if (cmt_genesis_decode(json, release, &genesis, NULL) != CMT_OK)
        return;
    cmt_chain_state state;
    if (cmt_chain_state_from_genesis(&genesis, release, "", &state, NULL) == CMT_OK)
        cmt_chain_state_free(&state);
    cmt_buf once = CMT_BUF_INIT;
    cmt_buf twice = CMT_BUF_INIT;
    if (release != CMT_RELEASE_1_0 && genesis.has_time) {
        cmt_genesis again;
        FUZZ_CHECK(cmt_genesis_rewrite(json, release, &once, NULL) == CMT_OK);
        FUZZ_CHECK(cmt_genesis_decode(cmt_buf_slice(&once), release, &again, NULL) == CMT_OK);
        FUZZ_CHECK(again.validator_count == genesis.validator_count);
        FUZZ_CHECK(again.time.seconds == genesis.time.seconds);
        FUZZ_CHECK(again.time.nanos == genesis.time.nanos);
        FUZZ_CHECK(strcmp(again.chain_id, genesis.chain_id) == 0);
        FUZZ_CHECK(cmt_genesis_rewrite(cmt_buf_slice(&once), release, &twice, NULL) == CMT_OK);
        FUZZ_CHECK(cmt_slice_equal(cmt_buf_slice(&once), cmt_buf_slice(&twice)));
        cmt_genesis_free(&again);
    }
    cmt_buf_free(&twice);
    cmt_buf_free(&once);
    cmt_genesis_free(&genesis);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cmt_slice json = {data, size};
    check_release(json, CMT_RELEASE_0_38);
    check_release(json, CMT_RELEASE_0_40);
    check_release(json, CMT_RELEASE_1_0);
    return 0;
}
