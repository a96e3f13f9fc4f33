/* SPDX-License-Identifier: Apache-2.0
 *
 * The small messages that larger ones hold, as gogoproto writes them.  Each comes as three: how many
 * bytes its fields take, its fields appended, and the whole appended as a field of another message.
 */
#ifndef CMT_TYPES_ENCODE_H
#define CMT_TYPES_ENCODE_H

#include "cmtstore/types.h"
#include "cmtstore/types_block.h"

/* Timestamp and Duration. */
size_t cmt_encode_time_size(cmt_time time);
CMT_MUST_CHECK cmt_status cmt_encode_time_fields(cmt_time time, cmt_buf *out);
CMT_MUST_CHECK cmt_status cmt_encode_time(uint32_t number, cmt_time time, cmt_buf *out);

/* BlockID; CanonicalBlockID has the same fields. */
size_t cmt_encode_block_id_size(const cmt_block_id *id);
CMT_MUST_CHECK cmt_status cmt_encode_block_id_fields(const cmt_block_id *id, cmt_buf *out);
CMT_MUST_CHECK cmt_status cmt_encode_block_id(uint32_t number, const cmt_block_id *id,
                                              cmt_buf *out);

/* Consensus: the two versions of a header. */
size_t cmt_encode_version_size(const cmt_header *header);
CMT_MUST_CHECK cmt_status cmt_encode_version_fields(const cmt_header *header, cmt_buf *out);

/* CommitSig. */
size_t cmt_encode_commit_sig_size(const cmt_commit_sig *sig);
CMT_MUST_CHECK cmt_status cmt_encode_commit_sig_fields(const cmt_commit_sig *sig, cmt_buf *out);

/* The fields of a whole Header and of a whole Commit. */
size_t cmt_encode_header_size(const cmt_header *header);
CMT_MUST_CHECK cmt_status cmt_encode_header_fields(const cmt_header *header, cmt_buf *out);
size_t cmt_encode_commit_size(const cmt_commit *commit);
CMT_MUST_CHECK cmt_status cmt_encode_commit_fields(const cmt_commit *commit, cmt_buf *out);

#endif
