/* SPDX-License-Identifier: Apache-2.0
 *
 * Consensus parameters whole: encoded for a release, validated, and updated as an application asks.
 */
#ifndef CMTSTORE_TYPES_PARAMS_H
#define CMTSTORE_TYPES_PARAMS_H

#include "cmtstore/types_validators.h"

#ifdef __cplusplus
extern "C" {
#endif

#define CMT_PARAMS_KEY_TYPES_MAX 16
#define CMT_PARAMS_KEY_TYPE_SIZE 32
#define CMT_PARAMS_AUTHORITY_MAX 256

typedef struct cmt_params {
    cmt_consensus_params core;
    char key_types[CMT_PARAMS_KEY_TYPES_MAX][CMT_PARAMS_KEY_TYPE_SIZE]; /* of validators */
    size_t key_type_count;
    char authority[CMT_PARAMS_AUTHORITY_MAX + 1]; /* 0.39 and 0.40 */
    int64_t pbts_enable_height;                   /* 1.0, like the rest */
    int64_t precision_ns;
    int64_t message_delay_ns;
} cmt_params;

/** What CometBFT puts into a genesis that says nothing.
 *  Source: types/params.go DefaultConsensusParams */
CMT_API void cmt_params_default(cmt_release release, cmt_params *out);

/** Decode a whole ConsensusParams; field 6 is read as @p release has it.
 *  @retval CMT_CORRUPT      undecodable
 *  @retval CMT_UNSUPPORTED  more or longer key types than a cmt_params holds */
CMT_API CMT_MUST_CHECK cmt_status cmt_params_decode(cmt_slice bytes, cmt_release release,
                                                    cmt_params *out, cmt_error *err);
/** Encode as @p release does.  Source: types/params.go ConsensusParams.ToProto */
CMT_API CMT_MUST_CHECK cmt_status cmt_params_encode(const cmt_params *params, cmt_release release,
                                                    cmt_buf *out);

/** Check that every value is within its limits.
 *  @retval CMT_INVALID  one is not; err names it
 *  Source: types/params.go ConsensusParams.ValidateBasic */
CMT_API CMT_MUST_CHECK cmt_status cmt_params_validate(const cmt_params *params, cmt_release release,
                                                      cmt_error *err);

/**
 * Apply what an application answered after block @p height: the ConsensusParams message @p update, of
 * which only what is there counts.  The result is validated.
 *
 * @retval CMT_CORRUPT  undecodable
 * @retval CMT_INVALID  it would change when vote extensions or PBTS begin in a way that is not
 *                      allowed any more, or a value is out of its limits; @p params is unchanged
 * Source: types/params.go ConsensusParams.ValidateUpdate, .Update, state/execution.go updateState
 */
CMT_API CMT_MUST_CHECK cmt_status cmt_params_update(cmt_params *params, cmt_slice update,
                                                    int64_t height, cmt_release release,
                                                    cmt_error *err);

#ifdef __cplusplus
}
#endif

#endif
