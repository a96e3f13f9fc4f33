/* SPDX-License-Identifier: Apache-2.0
 *
 * Private ed25519 keys: what a validator signs with.
 */
#ifndef CMTSTORE_TYPES_SIGN_H
#define CMTSTORE_TYPES_SIGN_H

#include "cmtstore/types_validators.h"

#ifdef __cplusplus
extern "C" {
#endif

#define CMT_PRIVATE_KEY_SEED_SIZE 32
#define CMT_SIGNATURE_SIZE 64

/** A private key with what follows from it.  Plain: copied by value. */
typedef struct cmt_private_key {
    uint8_t secret[64]; /* seed, then public key, as CometBFT keeps it */
    uint8_t public_key[32];
    uint8_t address[CMT_ADDRESS_SIZE];
} cmt_private_key;

/** The key that belongs to a seed.
 *  Source: crypto/ed25519 GenPrivKeyFromSecret, whose seed is the SHA-256 of the secret */
CMT_API CMT_MUST_CHECK cmt_status cmt_private_key_from_seed(
    const uint8_t seed[CMT_PRIVATE_KEY_SEED_SIZE], cmt_private_key *out, cmt_error *err);

/** The public key, borrowed from @p key. */
CMT_API cmt_public_key cmt_private_key_public(const cmt_private_key *key);

/** Sign; the same bytes give the same signature.  Threads: any, at once.
 *  Source: crypto/ed25519 PrivKey.Sign */
CMT_API CMT_MUST_CHECK cmt_status cmt_private_key_sign(const cmt_private_key *key, cmt_slice bytes,
                                                       uint8_t signature[CMT_SIGNATURE_SIZE],
                                                       cmt_error *err);

#ifdef __cplusplus
}
#endif

#endif
