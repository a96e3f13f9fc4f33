/* SPDX-License-Identifier: Apache-2.0
 *
 * What an application answered to a block, as it is stored, by every generation of CometBFT.
 */
#ifndef CMTSTORE_TYPES_RESULTS_H
#define CMTSTORE_TYPES_RESULTS_H

#include "cmtstore/types.h"

#ifdef __cplusplus
extern "C" {
#endif

/** ResponseFinalizeBlock, which 1.0 calls FinalizeBlockResponse.  Slices are whole messages; those
 *  that were decoded borrow from the bytes decoded. */
typedef struct cmt_results {
    cmt_slice *events; /* Event */
    size_t event_count;
    cmt_slice *tx_results; /* ExecTxResult */
    size_t tx_count;
    cmt_slice *validator_updates; /* ValidatorUpdate of the ABCI */
    size_t update_count;
    bool has_params;
    cmt_slice params; /* ConsensusParams; only what changes */
    cmt_slice app_hash;
    bool legacy;   /* of 0.34 or 0.37: the app hash is not known */
    void *storage; /* what slices point into, if it is not the bytes decoded */
} cmt_results;

/**
 * Decode the results of a block of any generation.  Those of 0.34 and 0.37 become what later
 * releases make of them: the events of the block's begin and end, each with an attribute `mode`.
 * Release with cmt_results_free().
 *
 * The two kinds are told apart as CometBFT does: without an app hash it is the older one.  Results of
 * an application whose app hash is empty are not stored unambiguously; where they cannot be of the older kind
 * they are taken for what they are.  Use cmt_results_read() where the kind is known.
 *
 * @param bytes  must outlive @p out
 * @retval CMT_CORRUPT  neither of the two kinds
 * Source: state/store.go LoadFinalizeBlockResponse, responseFinalizeBlockFromLegacy
 */
CMT_API CMT_MUST_CHECK cmt_status cmt_results_decode(cmt_slice bytes, cmt_results *out,
                                                     cmt_error *err);

/** As cmt_results_decode(), of bytes that 0.38 or later wrote. */
CMT_API CMT_MUST_CHECK cmt_status cmt_results_read(cmt_slice bytes, cmt_results *out,
                                                   cmt_error *err);

/** As cmt_results_decode(), of bytes that 0.34 or 0.37 wrote: ABCIResponses. */
CMT_API CMT_MUST_CHECK cmt_status cmt_results_read_legacy(cmt_slice bytes, cmt_results *out,
                                                          cmt_error *err);

/** Release the arrays; what the slices borrow stays.  NULL is fine. */
CMT_API void cmt_results_free(cmt_results *results);

/** Encode as 0.38 and later do.  Replaces the contents of @p out, which must not hold what the slices
 *  point to; fails only for want of memory. */
CMT_API CMT_MUST_CHECK cmt_status cmt_results_encode(const cmt_results *results, cmt_buf *out);

#ifdef __cplusplus
}
#endif

#endif
