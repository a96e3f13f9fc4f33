/* SPDX-License-Identifier: Apache-2.0
 *
 * Signing with ed25519.
 */
#include "cmtstore/types_sign.h"

#include <sodium.h>
#include <string.h>

cmt_status cmt_private_key_from_seed(const uint8_t seed[CMT_PRIVATE_KEY_SEED_SIZE],
                                     cmt_private_key *out, cmt_error *err)
{
    cmt_private_key key;
    cmt_hash address;
    if (crypto_sign_seed_keypair(key.public_key, key.secret, seed) != 0)
        return cmt_error_set(err, CMT_INVALID, "no ed25519 key from this seed");
    const cmt_public_key public_key = cmt_private_key_public(&key);
    CMT_TRY(cmt_key_address(&public_key, &address, err));
    memcpy(key.address, address.bytes, sizeof key.address);
    *out = key;
    return CMT_OK;
}

cmt_public_key cmt_private_key_public(const cmt_private_key *key)
{
    return (cmt_public_key){CMT_KEY_ED25519, {key->public_key, sizeof key->public_key}};
}

cmt_status cmt_private_key_sign(const cmt_private_key *key, cmt_slice bytes,
                                uint8_t signature[CMT_SIGNATURE_SIZE], cmt_error *err)
{
    if (crypto_sign_detached(signature, NULL, bytes.data, bytes.size, key->secret) != 0)
        return cmt_error_set(err, CMT_INVALID, "no signature of %zu bytes", bytes.size);
    return CMT_OK;
}
