/* SPDX-License-Identifier: Apache-2.0
 *
 * Verification of ed25519 signatures, decided as CometBFT 0.38 and later decide: by ZIP-215.
 *
 * A signature R, S of key A is genuine if S is below the group order L and 8 (S B - k A - R) is the neutral point, with
 * k = SHA-512(R, A, message) modulo L.  A and R may be any encoding of any point, those of small order and those from p on among
 * them.  So one by one and in a batch the answer is the same: what differs by a point of small order only is genuine in both.
 *
 * Nothing here is secret, and nothing takes constant time.
 */
#ifndef CMT_TYPES_ED25519_H
#define CMT_TYPES_ED25519_H

#include "cmtstore/base.h"

#define CMT_ED25519_KEY_SIZE 32
#define CMT_ED25519_SIGNATURE_SIZE 64

/** Whether @p signature is of @p key over @p message; not if either has another size.
 *  Source: crypto/ed25519/ed25519.go PubKey.VerifySignature */
bool cmt_ed25519_verify(cmt_slice key, cmt_slice message, cmt_slice signature);

/** Signatures that are verified together, which takes less than half of the time; several KiB for each.  One thread. */
typedef struct cmt_ed25519_batch cmt_ed25519_batch;

/** A batch for up to @p capacity signatures; NULL without memory. */
cmt_ed25519_batch *cmt_ed25519_batch_new(size_t capacity);
void cmt_ed25519_batch_free(cmt_ed25519_batch *batch);

/** Take all out again. */
void cmt_ed25519_batch_clear(cmt_ed25519_batch *batch);

/** Add a signature; nothing of it is borrowed.
 *  @return false if it is not genuine for sure, or the batch is full; then it was not added */
bool cmt_ed25519_batch_add(cmt_ed25519_batch *batch, cmt_slice key, cmt_slice message,
                           cmt_slice signature);

/** Whether all are genuine, but for a chance of 2^-128; no signatures are.  False, too, if the system gives no random numbers.
 *  Afterwards the batch is empty.
 *  Source: crypto/ed25519/ed25519.go BatchVerifier.Verify */
bool cmt_ed25519_batch_verify(cmt_ed25519_batch *batch);

#endif
