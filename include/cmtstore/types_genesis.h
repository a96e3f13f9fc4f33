/* SPDX-License-Identifier: Apache-2.0
 *
 * The genesis document: what a chain begins with.
 */
#ifndef CMTSTORE_TYPES_GENESIS_H
#define CMTSTORE_TYPES_GENESIS_H

#include "cmtstore/types_params.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct cmt_genesis {
    bool has_time; /* CometBFT takes the time of day when the document has none */
    cmt_time time;
    char chain_id[CMT_CHAIN_ID_MAX + 1];
    int64_t initial_height; /* 1 when the document says 0 or nothing */
    cmt_params params;      /* the release's defaults when the document has none */
    cmt_validator_update *validators;
    size_t validator_count;
    cmt_hash app_hash;
    uint8_t *keys; /* what the validators' keys point into */
} cmt_genesis;

/**
 * Decode a genesis.json and check it, as @p release would.  app_state is passed over.  Release with
 * cmt_genesis_free().  Memory: several times the document while it is decoded.
 *
 * @retval CMT_INVALID      no JSON, or a field is missing, wrong or out of its limits; err names it
 * @retval CMT_UNSUPPORTED  an app hash or a key type that cmtstore has no room for
 * Source: types/genesis.go GenesisDocFromJSON, ValidateAndComplete, libs/json
 */
CMT_API CMT_MUST_CHECK cmt_status cmt_genesis_decode(cmt_slice json, cmt_release release,
                                                     cmt_genesis *out, cmt_error *err);
CMT_API void cmt_genesis_free(cmt_genesis *genesis);

/**
 * Write a genesis.json as a node until 0.40 keeps it in its state store: completed, members in order,
 * without white space.  app_state stays as it is but for that.
 *
 * @param out  its contents are replaced
 * @retval CMT_INVALID      as cmt_genesis_decode(); or it has no time
 * @retval CMT_UNSUPPORTED  as cmt_genesis_decode(); or @p release keeps no document
 * Source: node/setup.go saveGenesisDoc, libs/json Marshal
 */
CMT_API CMT_MUST_CHECK cmt_status cmt_genesis_rewrite(cmt_slice json, cmt_release release,
                                                      cmt_buf *out, cmt_error *err);

/**
 * Write a genesis.json that decodes to @p genesis: without white space, without names of validators, without
 * app_state.
 *
 * @param out  its contents are replaced
 * @retval CMT_INVALID  it has no time
 */
CMT_API CMT_MUST_CHECK cmt_status cmt_genesis_encode(const cmt_genesis *genesis,
                                                     cmt_release release, cmt_buf *out,
                                                     cmt_error *err);

#ifdef __cplusplus
}
#endif

#endif
