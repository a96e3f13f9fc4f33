/* SPDX-License-Identifier: Apache-2.0
 *
 * Every decoder behind one signature, and which one belongs to a key.  What decodes is also used:
 * sets are moved and written, records written again.
 */
#ifndef CMT_TEST_TYPES_DECODERS_H
#define CMT_TEST_TYPES_DECODERS_H

#include "types_support.h"

#include "cmtstore/types_results.h"
#include "cmtstore/types_state.h"

typedef cmt_status test_decoder(cmt_slice bytes, cmt_error *err);

static inline cmt_status test_decode_meta(cmt_slice bytes, cmt_error *err)
{
    cmt_block_meta meta;
    CMT_TRY(cmt_block_meta_decode(bytes, &meta, err));
    TEST_MUST(meta.header.height >= 1);
    TEST_MUST(meta.block_id.part_total <= CMT_PARTS_MAX);
    TEST_MUST(strlen(meta.header.chain_id) <= CMT_CHAIN_ID_MAX);
    return CMT_OK;
}

static inline cmt_status test_decode_commit(cmt_slice bytes, cmt_error *err)
{
    cmt_commit_info info;
    CMT_TRY(cmt_commit_decode(bytes, false, &info, err));
    TEST_MUST(info.signatures <= bytes.size / 2);
    return CMT_OK;
}

static inline cmt_status test_decode_extended_commit(cmt_slice bytes, cmt_error *err)
{
    cmt_commit_info info;
    CMT_TRY(cmt_commit_decode(bytes, true, &info, err));
    TEST_MUST(info.signatures <= bytes.size / 2);
    return CMT_OK;
}

static inline cmt_status test_decode_part(cmt_slice bytes, cmt_error *err)
{
    cmt_slice piece;
    CMT_TRY(cmt_part_decode(bytes, 0, &piece, err));
    if (piece.size > 0)
        TEST_MUST(piece.data >= bytes.data && piece.data + piece.size <= bytes.data + bytes.size);
    return CMT_OK;
}

static inline cmt_status test_decode_block_store_state(cmt_slice bytes, cmt_error *err)
{
    cmt_block_store_state state;
    CMT_TRY(cmt_block_store_state_decode(bytes, &state, err));
    TEST_MUST(state.base >= 0 && state.height >= 0);
    return CMT_OK;
}

static inline cmt_status test_decode_state(cmt_slice bytes, cmt_error *err)
{
    cmt_state state;
    CMT_TRY(cmt_state_decode(bytes, &state, err));
    TEST_MUST(state.last_block_height >= 0 && state.initial_height >= 0);
    return CMT_OK;
}

static inline cmt_status test_decode_chain_state(cmt_slice bytes, cmt_error *err)
{
    cmt_chain_state state;
    CMT_TRY(cmt_chain_state_decode(bytes, CMT_RELEASE_0_40, &state, err));
    TEST_MUST(state.validators.count > 0 && state.next_validators.count > 0);
    cmt_chain_state_free(&state);
    return CMT_OK;
}

static inline cmt_status test_decode_results(cmt_slice bytes, cmt_error *err)
{
    cmt_results results;
    CMT_TRY(cmt_results_decode(bytes, &results, err));
    TEST_MUST(results.event_count + results.tx_count + results.update_count <= bytes.size / 2);
    cmt_results_free(&results);
    return CMT_OK;
}

static inline cmt_status test_decode_set(cmt_slice bytes, cmt_error *err)
{
    cmt_validator_set set;
    CMT_TRY(cmt_validator_set_decode(bytes, &set, err));
    cmt_buf once = CMT_BUF_INIT;
    cmt_buf twice = CMT_BUF_INIT;
    cmt_validator_set again;
    TEST_MUST(cmt_validator_set_encode(&set, &once) == CMT_OK);
    TEST_MUST(cmt_validator_set_decode(cmt_buf_slice(&once), &again, NULL) == CMT_OK);
    TEST_MUST(cmt_validator_set_encode(&again, &twice) == CMT_OK);
    TEST_MUST(cmt_slice_equal(cmt_buf_slice(&once), cmt_buf_slice(&twice)));
    cmt_status st = cmt_validator_set_increment(&set, 3, NULL);
    TEST_MUST(st == CMT_OK || st == CMT_CORRUPT || (st == CMT_INVALID && set.count == 0));
    cmt_validator_set_free(&again);
    cmt_buf_free(&twice);
    cmt_buf_free(&once);
    cmt_validator_set_free(&set);
    return CMT_OK;
}

static inline cmt_status test_decode_validators_info(cmt_slice bytes, cmt_error *err)
{
    cmt_validators_info info;
    CMT_TRY(cmt_validators_info_decode(bytes, &info, err));
    return info.has_set ? test_decode_set(info.set, err) : CMT_OK;
}

static inline cmt_status test_decode_params(cmt_slice bytes, cmt_error *err)
{
    cmt_consensus_params params;
    bool empty;
    CMT_TRY(cmt_consensus_params_decode(bytes, &params, err));
    TEST_MUST(cmt_consensus_params_is_empty(bytes, &empty, NULL) == CMT_OK);
    if (empty)
        TEST_MUST(params.block_max_bytes == 0 && params.evidence_max_age_duration_ns == 0);
    return CMT_OK;
}

static inline cmt_status test_decode_params_info(cmt_slice bytes, cmt_error *err)
{
    cmt_params_info info;
    CMT_TRY(cmt_params_info_decode(bytes, &info, err));
    return test_decode_params(info.params, err);
}

static inline cmt_status test_decode_signed_varint(cmt_slice bytes, cmt_error *err)
{
    int64_t value;
    return cmt_signed_varint_decode(bytes, &value, err);
}

static test_decoder *const test_decoders[] = {
    test_decode_meta,
    test_decode_commit,
    test_decode_extended_commit,
    test_decode_part,
    test_decode_block_store_state,
    test_decode_state,
    test_decode_chain_state,
    test_decode_results,
    test_decode_set,
    test_decode_validators_info,
    test_decode_params,
    test_decode_params_info,
    test_decode_signed_varint,
};
#define TEST_DECODERS (sizeof test_decoders / sizeof test_decoders[0])

/* The decoder for the value of @p key in layout v1; NULL if it is none of ours. */
static inline test_decoder *test_decoder_of(const char *key)
{
    static const struct {
        const char *prefix;
        test_decoder *decode;
    } families[] = {
        {"H:", test_decode_meta},
        {"P:", test_decode_part},
        {"C:", test_decode_commit},
        {"SC:", test_decode_commit},
        {"EC:", test_decode_extended_commit},
        {"blockStore", test_decode_block_store_state},
        {"stateKey", test_decode_chain_state},
        {"abciResponsesKey:", test_decode_results},
        {"validatorsKey:", test_decode_validators_info},
        {"consensusParamsKey:", test_decode_params_info},
        {"AppRetainHeightKey", test_decode_signed_varint},
        {"offlineStateSyncHeightKey", test_decode_signed_varint},
    };
    for (size_t i = 0; i < sizeof families / sizeof families[0]; i++) {
        if (strncmp(key, families[i].prefix, strlen(families[i].prefix)) == 0)
            return families[i].decode;
    }
    return NULL;
}

#endif
