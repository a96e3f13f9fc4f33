/* SPDX-License-Identifier: Apache-2.0
 *
 * What of a block's execution needs no stores: may the block follow the state, what is the state after it, how large
 * may it be.
 *
 * REFUSED is CMT_INVALID: the block is not one that may follow; err has CometBFT's reason.  Every other
 * status is a failure of ours.
 */
#ifndef CMTSTORE_BLOCKEXEC_VALIDATE_H
#define CMTSTORE_BLOCKEXEC_VALIDATE_H

#include "cmtstore/blockexec_app.h"

#ifdef __cplusplus
extern "C" {
#endif

/** How a block is looked at. */
typedef struct cmt_validate_options {
    int64_t time_tolerance_ns; /* how far its time may lie ahead of `now`; 0: not looked at */
    cmt_time now;
    bool
        as_0_39; /* a chain written as 0.40 is one of 0.39: votes for no block count for its time */
    bool skip_last_commit; /* its last commit was verified elsewhere */
} cmt_validate_options;

/**
 * Check that @p block may follow @p state: that it holds together, every field of its header, the signatures of
 * its last commit, its time, its proposer, and how much evidence it holds.  Not here: whether the evidence is true,
 * and max_bytes, which CometBFT looks at where blocks are received.
 *
 * @param options  may be NULL
 * @retval CMT_INVALID      it may not; err names the field
 * @retval CMT_UNSUPPORTED  a validator's key type cannot be verified
 * Source: state/validation.go validateBlock
 */
CMT_API CMT_MUST_CHECK cmt_status cmt_block_validate(const cmt_chain_state *state,
                                                     const cmt_block *block,
                                                     const cmt_validate_options *options,
                                                     cmt_error *err);

/** Is a block of @p bytes bytes within the limit in @p state?
 *  @retval CMT_INVALID  it is larger
 *  Source: consensus/state.go addProposalBlockPart */
CMT_API CMT_MUST_CHECK cmt_status cmt_block_check_size(const cmt_chain_state *state, size_t bytes,
                                                       cmt_error *err);

/** Are vote extensions part of the votes of @p height? */
CMT_API bool cmt_extensions_enabled(const cmt_params *params, int64_t height);

/**
 * The state after a block: validators move up and change as @p results say (from height + 2 on), params from
 * height + 1 on.  The app hash is left empty: the application has not committed yet.
 *
 * @param out  cmt_chain_state_free()
 * @retval CMT_INVALID  an update that may not be; @p out is empty
 * Source: state/execution.go validateValidatorUpdates, updateState
 */
CMT_API CMT_MUST_CHECK cmt_status cmt_chain_state_next(const cmt_chain_state *state,
                                                       const cmt_block_id *id,
                                                       const cmt_header *header,
                                                       const cmt_results *results,
                                                       cmt_chain_state *out, cmt_error *err);

/**
 * Check that two votes of one validator contradict each other, that it is in @p set with the powers they say, and
 * that it signed both.
 * @retval CMT_INVALID  it is not so
 * Source: evidence/verify.go VerifyDuplicateVote
 */
CMT_API CMT_MUST_CHECK cmt_status cmt_duplicate_vote_verify(const cmt_duplicate_vote *votes,
                                                            const char *chain_id,
                                                            const cmt_validator_set *set,
                                                            cmt_error *err);

/** The most bytes that transactions may take up in a block.
 *  @retval CMT_INVALID  max_bytes leaves no room for header, commit and evidence
 *  Source: types/block.go MaxDataBytes, MaxCommitBytes */
CMT_API CMT_MUST_CHECK cmt_status cmt_max_data_bytes(cmt_release release, int64_t max_bytes,
                                                     int64_t evidence_bytes, size_t validators,
                                                     int64_t *out, cmt_error *err);

#ifdef __cplusplus
}
#endif

#endif
