/* SPDX-License-Identifier: Apache-2.0
 *
 * Evidence of either kind: what is inside, whether it holds together, and its hash.
 */
#include "types_internal.h"

#include "cleanup.h"
#include "merkle.h"
#include "read.h"
#include "vote.h"

#include <inttypes.h>

cmt_status cmt_evidence_unwrap(cmt_slice evidence, cmt_evidence_kind *kind, cmt_slice *message,
                               cmt_error *err)
{
    bool found = false;
    cmt_wire_reader r = cmt_wire_read("Evidence", evidence);
    cmt_wire_field f;
    while (cmt_wire_next(&r, &f)) {
        if (f.number != CMT_EVIDENCE_DUPLICATE_VOTE && f.number != CMT_EVIDENCE_LIGHT_CLIENT_ATTACK)
            continue;
        CMT_TRY(cmt_wire_get_bytes(&r, &f, message, err));
        *kind = (cmt_evidence_kind)f.number;
        found = true;
    }
    CMT_TRY(cmt_wire_end(&r, err));
    if (!found)
        return cmt_error_set(err, CMT_CORRUPT, "Evidence: it is of no known kind");
    return CMT_OK;
}

/* ---- light client attack ----------------------------------------------------------------- */

typedef struct attack {
    bool has_block;
    cmt_slice header;
    cmt_slice commit;
    cmt_slice validators;
    bool has_header;
    bool has_commit;
    bool has_validators;
    int64_t common_height;
    int64_t total_voting_power;
} attack;

static cmt_status read_signed_header(cmt_slice bytes, attack *out, cmt_error *err)
{
    cmt_wire_reader r = cmt_wire_read("SignedHeader", bytes);
    cmt_wire_field f;
    while (cmt_wire_next(&r, &f)) {
        if (f.number == 1)
            CMT_TRY(cmt_wire_get_whole(&r, &f, &out->has_header, &out->header, err));
        else if (f.number == 2)
            CMT_TRY(cmt_wire_get_whole(&r, &f, &out->has_commit, &out->commit, err));
    }
    return cmt_wire_end(&r, err);
}

static cmt_status read_light_block(cmt_slice bytes, attack *out, cmt_error *err)
{
    cmt_wire_reader r = cmt_wire_read("LightBlock", bytes);
    cmt_wire_field f;
    cmt_slice message;
    while (cmt_wire_next(&r, &f)) {
        if (f.number == 1) {
            CMT_TRY(cmt_wire_get_bytes(&r, &f, &message, err));
            CMT_TRY(read_signed_header(message, out, err));
        } else if (f.number == 2) {
            CMT_TRY(cmt_wire_get_whole(&r, &f, &out->has_validators, &out->validators, err));
        }
    }
    return cmt_wire_end(&r, err);
}

static cmt_status read_attack(cmt_slice bytes, attack *out, cmt_error *err)
{
    cmt_wire_reader r = cmt_wire_read("LightClientAttackEvidence", bytes);
    cmt_wire_field f;
    cmt_slice message;
    while (cmt_wire_next(&r, &f)) {
        switch (f.number) {
        case 1:
            CMT_TRY(cmt_wire_get_whole(&r, &f, &out->has_block, &message, err));
            CMT_TRY(read_light_block(message, out, err));
            break;
        case 2:
            CMT_TRY(cmt_wire_get_int64(&r, &f, &out->common_height, err));
            break;
        case 3:
            CMT_TRY(cmt_wire_get_bytes(&r, &f, &message, err));
            CMT_TRY(cmt_types_check_validator(message, err));
            break;
        case 4:
            CMT_TRY(cmt_wire_get_int64(&r, &f, &out->total_voting_power, err));
            break;
        default:
            break;
        }
    }
    return cmt_wire_end(&r, err);
}

/* Source: types/light.go SignedHeader.ValidateBasic */
static cmt_status check_signed_header(const attack *a, cmt_header *header, cmt_error *err)
{
    cmt_read_header in = {0};
    CMT_TRY(cmt_types_read_header(a->header, &in, err));
    CMT_TRY(cmt_types_header(&in.header, header, err));
    CMT_AUTO(cmt_commit_free) cmt_commit commit = {0};
    CMT_TRY(cmt_commit_read(a->commit, &commit, err));
    cmt_hash hash;
    CMT_TRY(cmt_header_hash(header, &hash, err));
    if (commit.height != header->height || !cmt_hash_equal(&commit.block_id.hash, &hash))
        return cmt_error_set(err, CMT_CORRUPT, "LightBlock: its commit is for another header");
    return CMT_OK;
}

/* Source: types/light.go LightBlock.ValidateBasic */
static cmt_status check_validators(const attack *a, const cmt_header *header, cmt_error *err)
{
    CMT_AUTO(cmt_validator_set_free) cmt_validator_set set = {0};
    CMT_TRY(cmt_validator_set_decode(a->validators, &set, err));
    cmt_hash hash;
    CMT_TRY(cmt_validator_set_hash(&set, &hash, err));
    if (set.count == 0 || !cmt_hash_equal(&hash, &header->validators_hash))
        return cmt_error_set(err, CMT_CORRUPT,
                             "LightBlock: its validators are not those of its header");
    return CMT_OK;
}

static cmt_status check_attack(cmt_slice bytes, cmt_error *err)
{
    attack a = {0};
    CMT_TRY(read_attack(bytes, &a, err));
    if (!a.has_header || !a.has_commit || !a.has_validators)
        return cmt_error_set(err, CMT_CORRUPT,
                             "LightClientAttackEvidence: its conflicting block is not whole");
    CMT_TRY(cmt_types_bounds("LightClientAttackEvidence: total_voting_power", a.total_voting_power,
                             1, INT64_MAX, err));
    cmt_header header;
    CMT_TRY(check_signed_header(&a, &header, err));
    CMT_TRY(cmt_types_bounds("LightClientAttackEvidence: common_height", a.common_height, 1,
                             header.height, err));
    return check_validators(&a, &header, err);
}

cmt_status cmt_evidence_check(cmt_slice evidence, cmt_error *err)
{
    cmt_evidence_kind kind;
    cmt_slice message;
    CMT_TRY(cmt_evidence_unwrap(evidence, &kind, &message, err));
    cmt_duplicate_vote votes;
    if (kind == CMT_EVIDENCE_DUPLICATE_VOTE)
        return cmt_duplicate_vote_read_message(message, &votes, err);
    return check_attack(message, err);
}

/* ---- hash -------------------------------------------------------------------------------- */

/* Duplicate votes are hashed as CometBFT would write them.  An attack is hashed as it stands: its
 * validators may be of either generation. */
static cmt_status add_evidence(cmt_merkle *tree, cmt_slice evidence, cmt_buf *leaf, cmt_error *err)
{
    cmt_evidence_kind kind;
    cmt_slice message;
    CMT_TRY(cmt_evidence_unwrap(evidence, &kind, &message, err));
    if (kind == CMT_EVIDENCE_LIGHT_CLIENT_ATTACK) {
        cmt_merkle_add(tree, message);
        return CMT_OK;
    }
    cmt_duplicate_vote votes;
    CMT_TRY(cmt_duplicate_vote_read_message(message, &votes, err));
    cmt_buf_clear(leaf);
    cmt_status st = cmt_duplicate_vote_fields(&votes, leaf);
    if (st != CMT_OK)
        return cmt_error_set(err, st, "Evidence: no memory to hash it");
    cmt_merkle_add(tree, cmt_buf_slice(leaf));
    return CMT_OK;
}

cmt_status cmt_evidence_hash(const cmt_slice *evidence, size_t count, cmt_hash *out, cmt_error *err)
{
    CMT_AUTO(cmt_buf_free) cmt_buf leaf = CMT_BUF_INIT;
    cmt_merkle tree = {0};
    for (size_t i = 0; i < count; i++) {
        cmt_status st = add_evidence(&tree, evidence[i], &leaf, err);
        if (st != CMT_OK)
            return cmt_error_prefix(err, st, "evidence %zu", i);
    }
    *out = cmt_merkle_finish(&tree);
    return CMT_OK;
}
