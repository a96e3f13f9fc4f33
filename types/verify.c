/* SPDX-License-Identifier: Apache-2.0
 *
 * One signature.
 */
#include "cmtstore/types_validators.h"

#include "ed25519.h"
#include "types_internal.h"

#include <secp256k1.h>

#define SIGNATURE_SIZE 64

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
        genuine = cmt_ed25519_verify(key->bytes, signed_bytes, signature);
    else if (key->type == CMT_KEY_SECP256K1)
        CMT_TRY(verify_secp256k1(key->bytes, signed_bytes, signature, &genuine, err));
    else
        return cmt_error_set(err, CMT_UNSUPPORTED, "signatures of %s keys cannot be verified",
                             cmt_key_type_name(key->type));
    if (genuine)
        return CMT_OK;
    return cmt_error_set(err, CMT_CORRUPT, "wrong %s signature", cmt_key_type_name(key->type));
}
