/* SPDX-License-Identifier: Apache-2.0
 *
 * Evidence taken out of its wrapper, and duplicate votes read and written without it.
 */
#ifndef CMT_TYPES_VOTE_H
#define CMT_TYPES_VOTE_H

#include "cmtstore/types_block.h"

typedef enum cmt_evidence_kind {
    CMT_EVIDENCE_DUPLICATE_VOTE = 1,
    CMT_EVIDENCE_LIGHT_CLIENT_ATTACK = 2,
} cmt_evidence_kind;

/** The one message inside an Evidence; of several the last counts.
 *  @retval CMT_CORRUPT  there is none */
CMT_MUST_CHECK cmt_status cmt_evidence_unwrap(cmt_slice evidence, cmt_evidence_kind *kind,
                                              cmt_slice *message, cmt_error *err);

/** Read and check a DuplicateVoteEvidence. */
CMT_MUST_CHECK cmt_status cmt_duplicate_vote_read_message(cmt_slice bytes, cmt_duplicate_vote *out,
                                                          cmt_error *err);
size_t cmt_duplicate_vote_size(const cmt_duplicate_vote *votes);
/** Append its fields. */
CMT_MUST_CHECK cmt_status cmt_duplicate_vote_fields(const cmt_duplicate_vote *votes, cmt_buf *out);

#endif
