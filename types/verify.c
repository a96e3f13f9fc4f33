/* SPDX-License-Identifier: Apache-2.0
 *
 * Signatures: one by one, and those of a commit against the set that should have made them.
 *
 * libsodium refuses some odd encodings of points that CometBFT's ZIP-215 accepts; honest signers
 * make none (docs/compatibility.md).
 */
#include "cmtstore/types_validators.h"

#include "cleanup.h"
#include "types_internal.h"

#include <inttypes.h>
#include <secp256k1.h>
#include <sodium.h>

#define SIGNATURE_SIZE 64

static bool verify_ed25519(cmt_slice key, cmt_slice signed_bytes, cmt_slice signature)
{
    return signature.size == SIGNATURE_SIZE && key.size == crypto_sign_PUBLICKEYBYTES &&
           crypto_sign_verify_detached(signature.data, signed_bytes.data, signed_bytes.size,
                                       key.data) == 0;
}

/* Over SHA-256; only the lower of the two possible S is accepted. */
static cmt_status verify_secp256k1(cmt_slice key, cmt_slice signed_bytes, cmt_slice signature,
                                   bool *genuine, cmt_error *err)
{
    const secp256k1_context *context = secp256k1_context_static;
    secp256k1_pubkey point;
    secp256k1_ecdsa_signature parsed;
    *genuine = false;
    if (signature.size != SIGNATURE_SIZE ||
        secp256k1_ec_pubkey_parse(context, &point, key.data, key.size) != 1 ||
        secp256k1_ecdsa_signature_parse_compact(context, &parsed, signature.data) != 1)
        return CMT_OK;
    cmt_hash hash;
    CMT_TRY(cmt_sha256(signed_bytes, &hash, err));
    *genuine = secp256k1_ecdsa_verify(context, &parsed, hash.bytes, &point) == 1;
    return CMT_OK;
}

cmt_status cmt_key_verify(const cmt_public_key *key, cmt_slice signed_bytes, cmt_slice signature,
                          cmt_error *err)
{
    bool genuine = false;
    if (key->type == CMT_KEY_ED25519)
        genuine = verify_ed25519(key->bytes, signed_bytes, signature);
    else if (key->type == CMT_KEY_SECP256K1)
        CMT_TRY(verify_secp256k1(key->bytes, signed_bytes, signature, &genuine, err));
    else
        return cmt_error_set(err, CMT_UNSUPPORTED, "signatures of %s keys cannot be verified",
                             cmt_key_type_name(key->type));
    if (genuine)
        return CMT_OK;
    return cmt_error_set(err, CMT_CORRUPT, "wrong %s signature", cmt_key_type_name(key->type));
}

/* ---- commits ----------------------------------------------------------------------------- */

/* Source: types/validation.go verifyBasicValsAndCommit */
static cmt_status check_subject(const cmt_validator_set *set, const cmt_block_id *block_id,
                                int64_t height, const cmt_commit *commit, cmt_error *err)
{
    if (set->count != commit->count)
        return cmt_error_set(err, CMT_CORRUPT, "commit: %zu signatures of %zu validators",
                             commit->count, set->count);
    if (commit->height != height)
        return cmt_error_set(err, CMT_CORRUPT, "commit: it is for height %" PRId64 ", not %" PRId64,
                             commit->height, height);
    const cmt_block_id *of = &commit->block_id;
    if (!cmt_types_hash_equal(&of->hash, &block_id->hash) ||
        of->part_total != block_id->part_total ||
        !cmt_types_hash_equal(&of->part_hash, &block_id->part_hash))
        return cmt_error_set(err, CMT_CORRUPT, "commit: it is for another block");
    return CMT_OK;
}

static cmt_status verify_one(const char *chain_id, const cmt_validator *validator,
                             const cmt_commit *commit, size_t index, cmt_buf *signed_bytes,
                             cmt_error *err)
{
    const cmt_commit_sig *sig = &commit->signatures[index];
    if (!cmt_slice_equal(sig->address, validator->address))
        return cmt_error_set(err, CMT_CORRUPT, "it carries another validator's address");
    cmt_public_key key;
    CMT_TRY(cmt_validator_public_key(validator, &key, err));
    cmt_status st = cmt_commit_sign_bytes(chain_id, commit, index, signed_bytes);
    if (st != CMT_OK)
        return cmt_error_set(err, st, "no memory for what was signed");
    return cmt_key_verify(&key, cmt_buf_slice(signed_bytes), sig->signature, err);
}

cmt_status cmt_commit_verify(const char *chain_id, const cmt_validator_set *set,
                             const cmt_block_id *block_id, int64_t height, const cmt_commit *commit,
                             cmt_error *err)
{
    CMT_TRY(check_subject(set, block_id, height, commit, err));
    CMT_AUTO(cmt_buf_free) cmt_buf signed_bytes = CMT_BUF_INIT;
    int64_t total;
    CMT_TRY(cmt_types_total_power(set->validators, set->count, &total, err));
    int64_t tally = 0;
    for (size_t i = 0; i < set->count; i++) {
        int32_t flag = commit->signatures[i].flag;
        if (flag == CMT_BLOCK_ID_ABSENT)
            continue;
        const cmt_validator *validator = &set->validators[i];
        cmt_status st = verify_one(chain_id, validator, commit, i, &signed_bytes, err);
        if (st != CMT_OK)
            return cmt_error_prefix(err, st, "commit of height %" PRId64 ": signature %zu", height,
                                    i);
        if (flag == CMT_BLOCK_ID_COMMIT)
            tally += validator->voting_power;
    }
    if (tally > total * 2 / 3) /* a total is at most an eighth of int64 */
        return CMT_OK;
    return cmt_error_set(err, CMT_CORRUPT,
                         "commit of height %" PRId64 ": signed with %" PRId64
                         " of the voting power; more than %" PRId64 " are needed",
                         height, tally, total * 2 / 3);
}
