/* SPDX-License-Identifier: Apache-2.0
 *
 * Votes, and evidence that a validator cast two that contradict each other.
 */
#include "vote.h"

#include "encode.h"
#include "read.h"

#include <stdio.h>
#include <string.h>

/* Source: types/vote.go MaxSignatureSize, the largest of all families (0.40) */
#define SIGNATURE_BYTES_MAX 3309

/* ---- reading ----------------------------------------------------------------------------- */

typedef struct reading {
    cmt_vote vote;
    cmt_read_block_id block_id;
    Cmt__Pb__Timestamp time;
    bool has_time;
} reading;

static cmt_status read_content(const cmt_wire_reader *r, const cmt_wire_field *f, reading *out,
                               cmt_error *err)
{
    cmt_slice message;
    switch (f->number) {
    case 1:
        return cmt_types_read_int32(r, f, &out->vote.content.type, err);
    case 2:
        return cmt_wire_get_int64(r, f, &out->vote.content.height, err);
    case 3:
        return cmt_types_read_int32(r, f, &out->vote.content.round, err);
    case 4:
        CMT_TRY(cmt_wire_get_bytes(r, f, &message, err));
        return cmt_types_read_block_id(message, &out->block_id, err);
    case 5:
        out->has_time = true;
        return cmt_types_read_time(r, f, &out->time, err);
    default:
        return CMT_OK;
    }
}

static cmt_status read_rest(const cmt_wire_reader *r, const cmt_wire_field *f, cmt_vote *out,
                            cmt_error *err)
{
    switch (f->number) {
    case 6:
        return cmt_wire_get_bytes(r, f, &out->address, err);
    case 7:
        return cmt_types_read_int32(r, f, &out->index, err);
    case 8:
        return cmt_wire_get_bytes(r, f, &out->signature, err);
    case 9:
        return cmt_wire_get_bytes(r, f, &out->extension, err);
    case 10:
        return cmt_wire_get_bytes(r, f, &out->extension_signature, err);
    default:
        return CMT_OK;
    }
}

static cmt_status read_vote(cmt_slice bytes, reading *out, cmt_error *err)
{
    cmt_wire_reader r = cmt_wire_read("Vote", bytes);
    cmt_wire_field f;
    while (cmt_wire_next(&r, &f)) {
        CMT_TRY(read_content(&r, &f, out, err));
        CMT_TRY(read_rest(&r, &f, &out->vote, err));
    }
    return cmt_wire_end(&r, err);
}

static bool is_complete(const cmt_block_id *id)
{
    return id->hash.size == CMT_HASH_SIZE && id->part_total > 0 &&
           id->part_hash.size == CMT_HASH_SIZE;
}

/* Source: types/vote.go Vote.ValidateBasic, the part on extensions */
static cmt_status check_extension(const cmt_vote *v, bool for_block, cmt_error *err)
{
    size_t size = v->extension.size;
    size_t signature_size = v->extension_signature.size;
    if (v->content.type != CMT_VOTE_PRECOMMIT || !for_block) {
        if (size > 0 || signature_size > 0)
            return cmt_error_set(err, CMT_CORRUPT, "an extension on a vote that can have none");
        return CMT_OK;
    }
    if (signature_size > SIGNATURE_BYTES_MAX || (signature_size == 0 && size > 0))
        return cmt_error_set(err, CMT_CORRUPT, "an extension of %zu bytes, signed with %zu", size,
                             signature_size);
    return CMT_OK;
}

/* Source: types/vote.go Vote.ValidateBasic */
static cmt_status check_vote(const cmt_vote *v, cmt_error *err)
{
    const cmt_vote_content *c = &v->content;
    if (c->type != CMT_VOTE_PREVOTE && c->type != CMT_VOTE_PRECOMMIT)
        return cmt_error_set(err, CMT_CORRUPT, "type %d is none of a vote", (int)c->type);
    CMT_TRY(cmt_types_bounds("height", c->height, 1, INT64_MAX, err));
    CMT_TRY(cmt_types_bounds("round", c->round, 0, INT32_MAX, err));
    bool for_block = !cmt_types_block_id_is_zero(&c->block_id);
    if (for_block && !is_complete(&c->block_id))
        return cmt_error_set(err, CMT_CORRUPT, "block_id: neither empty nor complete");
    if (v->address.size != CMT_ADDRESS_SIZE)
        return cmt_error_set(err, CMT_CORRUPT, "validator address of %zu bytes instead of %d",
                             v->address.size, CMT_ADDRESS_SIZE);
    CMT_TRY(cmt_types_bounds("validator_index", v->index, 0, INT32_MAX, err));
    if (v->signature.size == 0 || v->signature.size > SIGNATURE_BYTES_MAX)
        return cmt_error_set(err, CMT_CORRUPT, "signature of %zu bytes", v->signature.size);
    return check_extension(v, for_block, err);
}

static cmt_status take_vote(reading *in, cmt_vote *out, cmt_error *err)
{
    cmt_vote_content *c = &in->vote.content;
    CMT_TRY(cmt_types_block_id("block_id", &in->block_id.id, &c->block_id, err));
    CMT_TRY(cmt_types_time("timestamp", in->has_time ? &in->time : NULL, &c->timestamp, err));
    CMT_TRY(check_vote(&in->vote, err));
    *out = in->vote;
    return CMT_OK;
}

typedef struct pair {
    reading vote[2];
    bool has_vote[2];
    Cmt__Pb__Timestamp time;
    bool has_time;
} pair;

static cmt_status read_pair(cmt_slice bytes, pair *in, cmt_duplicate_vote *out, cmt_error *err)
{
    cmt_wire_reader r = cmt_wire_read("DuplicateVoteEvidence", bytes);
    cmt_wire_field f;
    cmt_slice message;
    while (cmt_wire_next(&r, &f)) {
        switch (f.number) {
        case 1:
        case 2:
            CMT_TRY(cmt_wire_get_bytes(&r, &f, &message, err));
            CMT_TRY(read_vote(message, &in->vote[f.number - 1], err));
            in->has_vote[f.number - 1] = true;
            break;
        case 3:
            CMT_TRY(cmt_wire_get_int64(&r, &f, &out->total_voting_power, err));
            break;
        case 4:
            CMT_TRY(cmt_wire_get_int64(&r, &f, &out->validator_power, err));
            break;
        case 5:
            CMT_TRY(cmt_types_read_time(&r, &f, &in->time, err));
            in->has_time = true;
            break;
        default:
            break;
        }
    }
    return cmt_wire_end(&r, err);
}

/* CometBFT compares the hash and the encoded PartSetHeader behind it, as one string. */
static int compare_block_ids(const cmt_block_id *a, const cmt_block_id *b)
{
    uint8_t bytes[2][2 * CMT_HASH_SIZE + 16];
    const cmt_block_id *ids[2] = {a, b};
    cmt_slice keys[2];
    for (size_t i = 0; i < 2; i++) {
        cmt_buf key = {bytes[i], 0, sizeof bytes[i]};
        const cmt_block_id *id = ids[i];
        memcpy(bytes[i], id->hash.bytes, id->hash.size);
        key.size = id->hash.size;
        /* There is room: nothing allocates, nothing fails. */
        (void)!cmt_wire_put_int64(&key, 1, id->part_total);
        (void)!cmt_wire_put_bytes(&key, 2, cmt_hash_slice(&id->part_hash));
        keys[i] = (cmt_slice){bytes[i], key.size};
    }
    return cmt_slice_compare(keys[0], keys[1]);
}

cmt_status cmt_duplicate_vote_read_message(cmt_slice bytes, cmt_duplicate_vote *out, cmt_error *err)
{
    pair in = {0};
    cmt_duplicate_vote votes = {0};
    cmt_vote *const targets[2] = {&votes.vote_a, &votes.vote_b};
    CMT_TRY(read_pair(bytes, &in, &votes, err));
    for (size_t i = 0; i < 2; i++) {
        const char *name = i == 0 ? "vote_a" : "vote_b";
        if (!in.has_vote[i])
            return cmt_error_set(err, CMT_CORRUPT, "DuplicateVoteEvidence: it has no %s", name);
        cmt_status st = take_vote(&in.vote[i], targets[i], err);
        if (st != CMT_OK)
            return cmt_error_prefix(err, st, "DuplicateVoteEvidence: %s", name);
    }
    CMT_TRY(cmt_types_time("DuplicateVoteEvidence: timestamp", in.has_time ? &in.time : NULL,
                           &votes.timestamp, err));
    if (compare_block_ids(&votes.vote_a.content.block_id, &votes.vote_b.content.block_id) >= 0)
        return cmt_error_set(err, CMT_CORRUPT, "DuplicateVoteEvidence: its votes are out of order");
    *out = votes;
    return CMT_OK;
}

cmt_status cmt_duplicate_vote_read(cmt_slice evidence, cmt_duplicate_vote *out, cmt_error *err)
{
    cmt_evidence_kind kind;
    cmt_slice message;
    CMT_TRY(cmt_evidence_unwrap(evidence, &kind, &message, err));
    if (kind != CMT_EVIDENCE_DUPLICATE_VOTE)
        return CMT_NOT_FOUND;
    return cmt_duplicate_vote_read_message(message, out, err);
}

/* ---- writing ----------------------------------------------------------------------------- */

static size_t vote_size(const cmt_vote *v)
{
    const cmt_vote_content *c = &v->content;
    return cmt_wire_size_int64(1, c->type) + cmt_wire_size_int64(2, c->height) +
           cmt_wire_size_int64(3, c->round) +
           cmt_wire_size_message(4, cmt_encode_block_id_size(&c->block_id)) +
           cmt_wire_size_message(5, cmt_encode_time_size(c->timestamp)) +
           cmt_wire_size_bytes(6, v->address.size) + cmt_wire_size_int64(7, v->index) +
           cmt_wire_size_bytes(8, v->signature.size) + cmt_wire_size_bytes(9, v->extension.size) +
           cmt_wire_size_bytes(10, v->extension_signature.size);
}

static cmt_status write_vote(uint32_t number, const cmt_vote *v, cmt_buf *out)
{
    const cmt_vote_content *c = &v->content;
    CMT_TRY(cmt_wire_put_head(out, number, vote_size(v)));
    CMT_TRY(cmt_wire_put_int64(out, 1, c->type));
    CMT_TRY(cmt_wire_put_int64(out, 2, c->height));
    CMT_TRY(cmt_wire_put_int64(out, 3, c->round));
    CMT_TRY(cmt_encode_block_id(4, &c->block_id, out));
    CMT_TRY(cmt_encode_time(5, c->timestamp, out));
    CMT_TRY(cmt_wire_put_bytes(out, 6, v->address));
    CMT_TRY(cmt_wire_put_int64(out, 7, v->index));
    CMT_TRY(cmt_wire_put_bytes(out, 8, v->signature));
    CMT_TRY(cmt_wire_put_bytes(out, 9, v->extension));
    return cmt_wire_put_bytes(out, 10, v->extension_signature);
}

size_t cmt_duplicate_vote_size(const cmt_duplicate_vote *votes)
{
    return cmt_wire_size_message(1, vote_size(&votes->vote_a)) +
           cmt_wire_size_message(2, vote_size(&votes->vote_b)) +
           cmt_wire_size_int64(3, votes->total_voting_power) +
           cmt_wire_size_int64(4, votes->validator_power) +
           cmt_wire_size_message(5, cmt_encode_time_size(votes->timestamp));
}

cmt_status cmt_duplicate_vote_fields(const cmt_duplicate_vote *votes, cmt_buf *out)
{
    CMT_TRY(write_vote(1, &votes->vote_a, out));
    CMT_TRY(write_vote(2, &votes->vote_b, out));
    CMT_TRY(cmt_wire_put_int64(out, 3, votes->total_voting_power));
    CMT_TRY(cmt_wire_put_int64(out, 4, votes->validator_power));
    return cmt_encode_time(5, votes->timestamp, out);
}

cmt_status cmt_duplicate_vote_encode(const cmt_duplicate_vote *votes, cmt_buf *out)
{
    size_t size = cmt_duplicate_vote_size(votes);
    CMT_TRY(cmt_wire_start(out, cmt_wire_size_message(1, size)));
    CMT_TRY(cmt_wire_put_head(out, CMT_EVIDENCE_DUPLICATE_VOTE, size));
    return cmt_duplicate_vote_fields(votes, out);
}
