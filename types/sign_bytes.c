/* SPDX-License-Identifier: Apache-2.0
 *
 * The bytes that validators sign: a canonical message behind its length.
 */
#include "cmtstore/types_block.h"

#include "coding.h"
#include "encode.h"
#include "wire.h"

#include <string.h>

static cmt_slice slice_of(const char *text)
{
    return (cmt_slice){(const uint8_t *)text, strlen(text)};
}

static bool is_nil(const cmt_block_id *id)
{
    return id->hash.size == 0 && id->part_total == 0 && id->part_hash.size == 0;
}

static size_t vote_size(const char *chain_id, const cmt_vote_content *vote)
{
    size_t size = cmt_wire_size_int64(1, vote->type) + cmt_wire_size_fixed64(2, vote->height) +
                  cmt_wire_size_fixed64(3, vote->round);
    if (!is_nil(&vote->block_id))
        size += cmt_wire_size_message(4, cmt_encode_block_id_size(&vote->block_id));
    size += cmt_wire_size_message(5, cmt_encode_time_size(vote->timestamp));
    return size + cmt_wire_size_bytes(6, strlen(chain_id));
}

cmt_status cmt_vote_sign_bytes(const char *chain_id, const cmt_vote_content *vote, cmt_buf *out)
{
    size_t size = vote_size(chain_id, vote);
    CMT_TRY(cmt_wire_start(out, size + CMT_VARINT_MAX));
    CMT_TRY(cmt_buf_append_varint(out, size));
    CMT_TRY(cmt_wire_put_int64(out, 1, vote->type));
    CMT_TRY(cmt_wire_put_fixed64(out, 2, vote->height));
    CMT_TRY(cmt_wire_put_fixed64(out, 3, vote->round));
    if (!is_nil(&vote->block_id))
        CMT_TRY(cmt_encode_block_id(4, &vote->block_id, out));
    CMT_TRY(cmt_encode_time(5, vote->timestamp, out));
    return cmt_wire_put_bytes(out, 6, slice_of(chain_id));
}

cmt_status cmt_commit_sign_bytes(const char *chain_id, const cmt_commit *commit, size_t index,
                                 cmt_buf *out)
{
    const cmt_commit_sig *sig = &commit->signatures[index];
    cmt_vote_content vote = {
        .type = CMT_VOTE_PRECOMMIT,
        .height = commit->height,
        .round = commit->round,
        .timestamp = sig->timestamp,
    };
    if (sig->flag == CMT_BLOCK_ID_COMMIT)
        vote.block_id = commit->block_id;
    return cmt_vote_sign_bytes(chain_id, &vote, out);
}

cmt_status cmt_extension_sign_bytes(const char *chain_id, int64_t height, int32_t round,
                                    cmt_slice extension, cmt_buf *out)
{
    size_t size = cmt_wire_size_bytes(1, extension.size) + cmt_wire_size_fixed64(2, height) +
                  cmt_wire_size_fixed64(3, round) + cmt_wire_size_bytes(4, strlen(chain_id));
    CMT_TRY(cmt_wire_start(out, size + CMT_VARINT_MAX));
    CMT_TRY(cmt_buf_append_varint(out, size));
    CMT_TRY(cmt_wire_put_bytes(out, 1, extension));
    CMT_TRY(cmt_wire_put_fixed64(out, 2, height));
    CMT_TRY(cmt_wire_put_fixed64(out, 3, round));
    return cmt_wire_put_bytes(out, 4, slice_of(chain_id));
}
