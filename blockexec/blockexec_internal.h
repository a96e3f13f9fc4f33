/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of blockexec/ share.
 */
#ifndef CMT_BLOCKEXEC_INTERNAL_H
#define CMT_BLOCKEXEC_INTERNAL_H

#include "cmtstore/blockexec_validate.h"

#include "text.h"

/** A block that is refused: CMT_CORRUPT, as decoders and verifiers say it, becomes CMT_INVALID. */
cmt_status cmt_blockexec__refuse(cmt_status st, cmt_error *err);

bool cmt_blockexec__pbts_enabled(const cmt_chain_state *state, int64_t height);

/** The time of the block after @p commit, without PBTS.  @retval CMT_INVALID  a vote of nobody in the set */
CMT_MUST_CHECK cmt_status cmt_blockexec__median_time(const cmt_chain_state *state,
                                                     const cmt_commit *commit, bool as_0_39,
                                                     cmt_time *out, cmt_error *err);

/** block.max_bytes, or what it stands for. */
int64_t cmt_blockexec__max_bytes(const cmt_chain_state *state);

/** What transactions or evidence take up in a block.
 *  Source: types/tx.go ComputeProtoSizeForTxs, types/block.go EvidenceData.ByteSize */
int64_t cmt_blockexec__list_bytes(const cmt_slice *items, size_t count);

/** Validator updates taken apart; the keys are borrowed from the results. */
typedef struct cmt_blockexec__updates {
    cmt_validator_update *list;
    size_t count;
} cmt_blockexec__updates;

void cmt_blockexec__updates_free(cmt_blockexec__updates *updates);

/** Take ValidatorUpdate messages apart.  @retval CMT_INVALID  one is none */
CMT_MUST_CHECK cmt_status cmt_blockexec__updates_decode(const cmt_slice *messages, size_t count,
                                                        cmt_blockexec__updates *out,
                                                        cmt_error *err);

/** The same of a block's results, and check what the application wants.
 *  @retval CMT_INVALID  what it may not */
CMT_MUST_CHECK cmt_status cmt_blockexec__updates_read(const cmt_chain_state *state,
                                                      const cmt_results *results,
                                                      cmt_blockexec__updates *out, cmt_error *err);

/** cmt_chain_state_next() with updates that were read. */
CMT_MUST_CHECK cmt_status cmt_blockexec__next(const cmt_chain_state *state, const cmt_block_id *id,
                                              const cmt_header *header, const cmt_results *results,
                                              const cmt_blockexec__updates *updates,
                                              cmt_chain_state *out, cmt_error *err);

#endif
