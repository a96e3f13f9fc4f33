/* SPDX-License-Identifier: Apache-2.0
 *
 * The state of a chain between two blocks, whole: what the next block is validated against.
 */
#ifndef CMTSTORE_TYPES_STATE_H
#define CMTSTORE_TYPES_STATE_H

#include "cmtstore/types_genesis.h"

#ifdef __cplusplus
extern "C" {
#endif

/** The version of blocks, the same in every release.  Source: version/version.go BlockProtocol */
#define CMT_BLOCK_PROTOCOL 11
/** The longest name of a software version that is kept. */
#define CMT_SOFTWARE_MAX 127

/** The state after block last_block_height.  It owns what its sets point to; zeroed it is empty. */
typedef struct cmt_chain_state {
    cmt_release release; /* how it is encoded */
    uint64_t version_block;
    uint64_t version_app;
    char software[CMT_SOFTWARE_MAX + 1]; /* of the node that began the chain here */
    char chain_id[CMT_CHAIN_ID_MAX + 1];
    int64_t initial_height;
    int64_t last_block_height; /* 0 before the first block, whatever the initial height */
    cmt_block_id last_block_id;
    cmt_time last_block_time;          /* before the first block that of the genesis */
    cmt_validator_set next_validators; /* of the block after the next */
    cmt_validator_set validators;      /* of the next block */
    cmt_validator_set last_validators; /* of the last block; count 0 before the first */
    int64_t last_height_validators_changed;
    cmt_params params; /* of the next block */
    int64_t last_height_params_changed;
    cmt_hash last_results_hash;
    cmt_hash app_hash; /* after the last block */
} cmt_chain_state;

/** Release what the sets own, and empty the state.  NULL is fine. */
CMT_API void cmt_chain_state_free(cmt_chain_state *state);

/** A state that owns its own sets, encoded as the release of @p state.  Release with
 *  cmt_chain_state_free(). */
CMT_API CMT_MUST_CHECK cmt_status cmt_chain_state_copy(const cmt_chain_state *state,
                                                       cmt_chain_state *out, cmt_error *err);

/** The height of the block after the last; of the first, the initial height. */
CMT_API int64_t cmt_chain_state_next_height(const cmt_chain_state *state);

/**
 * Decode a State as @p release reads it; validators of the other generation are converted, as a node
 * does that was upgraded.  Release with cmt_chain_state_free().
 *
 * @retval CMT_CORRUPT      undecodable, a set is missing, or an address is not that of its key
 * @retval CMT_UNSUPPORTED  @p release has no such type of key, or something is longer than cmtstore
 *                          has room for
 * Source: state/state.go FromProto
 */
CMT_API CMT_MUST_CHECK cmt_status cmt_chain_state_decode(cmt_slice bytes, cmt_release release,
                                                         cmt_chain_state *out, cmt_error *err);

/** Encode as its release does.  Replaces the contents of @p out; fails only for want of memory.
 *  Source: state/state.go ToProto */
CMT_API CMT_MUST_CHECK cmt_status cmt_chain_state_encode(const cmt_chain_state *state,
                                                         cmt_buf *out);

/**
 * The state before the first block.  Release with cmt_chain_state_free().
 *
 * @param software  the version of the node, which every later state carries on
 * @retval CMT_INVALID      the genesis has no time, or its validators make no set; a name of the
 *                          software that is too long
 * @retval CMT_UNSUPPORTED  @p release has no such type of key
 * Source: state/state.go MakeGenesisState
 */
CMT_API CMT_MUST_CHECK cmt_status cmt_chain_state_from_genesis(const cmt_genesis *genesis,
                                                               cmt_release release,
                                                               const char *software,
                                                               cmt_chain_state *out,
                                                               cmt_error *err);

/**
 * As which release a stored State was written, from the parameters in it.
 *
 * @retval CMT_CORRUPT      undecodable
 * @retval CMT_UNSUPPORTED  by one that cmtstore does not write as: 0.34, 0.37 or 2.0
 */
CMT_API CMT_MUST_CHECK cmt_status cmt_release_detect(cmt_slice state_bytes, cmt_release *out,
                                                     cmt_error *err);

#ifdef __cplusplus
}
#endif

#endif
