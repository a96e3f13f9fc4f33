/* SPDX-License-Identifier: Apache-2.0
 *
 * Commit and ExtendedCommit, with the checks that CometBFT makes on load.  Signatures are looked
 * at, not verified.
 */
#include "types_internal.h"

#include "cleanup.h"
#include "unpack.h"

/* The largest of all families: ML-DSA-65 in 0.40. */
#define SIGNATURE_BYTES_MAX 3309
/* Source: types/vote.go MaxVoteExtensionSize */
#define EXTENSION_BYTES_MAX (1024 * 1024)

cmt_status cmt_types_check_signature(const cmt_commit_sig *s, cmt_error *err)
{
    if (s->flag == CMT_BLOCK_ID_ABSENT) {
        bool zero = s->timestamp.seconds == CMT_GO_ZERO_TIME.seconds && s->timestamp.nanos == 0;
        if (s->address.size == 0 && s->signature.size == 0 && zero)
            return CMT_OK;
        return cmt_error_set(err, CMT_CORRUPT, "marked absent, but not empty");
    }
    if (s->flag != CMT_BLOCK_ID_COMMIT && s->flag != CMT_BLOCK_ID_NIL)
        return cmt_error_set(err, CMT_CORRUPT, "unknown block id flag %d", (int)s->flag);
    if (s->address.size != CMT_ADDRESS_SIZE)
        return cmt_error_set(err, CMT_CORRUPT, "validator address of %zu bytes instead of %d",
                             s->address.size, CMT_ADDRESS_SIZE);
    if (s->signature.size == 0 || s->signature.size > SIGNATURE_BYTES_MAX)
        return cmt_error_set(err, CMT_CORRUPT, "signature of %zu bytes", s->signature.size);
    return CMT_OK;
}

cmt_status cmt_types_check_extension(int32_t flag, size_t size, size_t signature_size,
                                     cmt_error *err)
{
    if (flag == CMT_BLOCK_ID_COMMIT) {
        if (size > EXTENSION_BYTES_MAX || signature_size > SIGNATURE_BYTES_MAX)
            return cmt_error_set(err, CMT_CORRUPT, "vote extension of %zu bytes, signed with %zu",
                                 size, signature_size);
    } else if (size > 0 && signature_size == 0) {
        return cmt_error_set(err, CMT_CORRUPT, "vote extension without signature");
    }
    return CMT_OK;
}

/* The fields that CommitSig and ExtendedCommitSig share. */
static cmt_status check_fields(int32_t flag, ProtobufCBinaryData address,
                               const Cmt__Pb__Timestamp *timestamp, ProtobufCBinaryData signature,
                               cmt_error *err)
{
    cmt_commit_sig sig = {
        .flag = flag,
        .address = {address.data, address.len},
        .signature = {signature.data, signature.len},
    };
    CMT_TRY(cmt_types_time("timestamp", timestamp, &sig.timestamp, err));
    return cmt_types_check_signature(&sig, err);
}

static cmt_status check_signatures(const Cmt__Pb__Commit *c, cmt_error *err)
{
    for (size_t i = 0; i < c->n_signatures; i++) {
        const Cmt__Pb__CommitSig *s = c->signatures[i];
        cmt_status st =
            check_fields(s->block_id_flag, s->validator_address, s->timestamp, s->signature, err);
        if (st != CMT_OK)
            return cmt_error_prefix(err, st, "Commit: signature %zu", i);
    }
    return CMT_OK;
}

static cmt_status check_extended_signatures(const Cmt__Pb__ExtendedCommit *c, cmt_error *err)
{
    for (size_t i = 0; i < c->n_extended_signatures; i++) {
        const Cmt__Pb__ExtendedCommitSig *s = c->extended_signatures[i];
        cmt_status st =
            check_fields(s->block_id_flag, s->validator_address, s->timestamp, s->signature, err);
        if (st == CMT_OK)
            st = cmt_types_check_extension(s->block_id_flag, s->extension.len,
                                           s->extension_signature.len, err);
        if (st != CMT_OK)
            return cmt_error_prefix(err, st, "ExtendedCommit: signature %zu", i);
    }
    return CMT_OK;
}

bool cmt_types_block_id_is_zero(const cmt_block_id *id)
{
    return id->hash.size == 0 && id->part_total == 0 && id->part_hash.size == 0;
}

cmt_status cmt_types_check_commit(const cmt_commit_info *c, cmt_error *err)
{
    CMT_TRY(cmt_types_bounds("Commit: height", c->height, 0, INT64_MAX, err));
    CMT_TRY(cmt_types_bounds("Commit: round", c->round, 0, INT32_MAX, err));
    if (c->height == 0)
        return CMT_OK;
    if (cmt_types_block_id_is_zero(&c->block_id))
        return cmt_error_set(err, CMT_CORRUPT, "Commit: it is for no block");
    if (c->signatures == 0)
        return cmt_error_set(err, CMT_CORRUPT, "Commit: it has no signatures");
    return CMT_OK;
}

static cmt_status decode_plain(cmt_slice bytes, cmt_commit_info *out, cmt_error *err)
{
    CMT_AUTO(cmt_pb_free) ProtobufCMessage *message = NULL;
    CMT_TRY(
        cmt_pb_unpack(&cmt__pb__commit__descriptor, bytes, CMT_RECORD_BYTES_MAX, &message, err));
    const Cmt__Pb__Commit *c = (const Cmt__Pb__Commit *)message;
    out->height = c->height;
    out->round = c->round;
    out->signatures = c->n_signatures;
    CMT_TRY(cmt_types_block_id("Commit: block_id", c->block_id, &out->block_id, err));
    return check_signatures(c, err);
}

static cmt_status decode_extended(cmt_slice bytes, cmt_commit_info *out, cmt_error *err)
{
    CMT_AUTO(cmt_pb_free) ProtobufCMessage *message = NULL;
    CMT_TRY(cmt_pb_unpack(&cmt__pb__extended_commit__descriptor, bytes, CMT_RECORD_BYTES_MAX,
                          &message, err));
    const Cmt__Pb__ExtendedCommit *c = (const Cmt__Pb__ExtendedCommit *)message;
    out->height = c->height;
    out->round = c->round;
    out->signatures = c->n_extended_signatures;
    CMT_TRY(cmt_types_block_id("ExtendedCommit: block_id", c->block_id, &out->block_id, err));
    return check_extended_signatures(c, err);
}

cmt_status cmt_commit_decode(cmt_slice bytes, bool extended, cmt_commit_info *out, cmt_error *err)
{
    cmt_commit_info commit;
    if (extended)
        CMT_TRY(decode_extended(bytes, &commit, err));
    else
        CMT_TRY(decode_plain(bytes, &commit, err));
    CMT_TRY(cmt_types_check_commit(&commit, err));
    *out = commit;
    return CMT_OK;
}
