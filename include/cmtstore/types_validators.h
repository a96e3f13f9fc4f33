/* SPDX-License-Identifier: Apache-2.0
 *
 * Validators: their keys, changes of the set, and whether a commit carries enough signatures.
 */
#ifndef CMTSTORE_TYPES_VALIDATORS_H
#define CMTSTORE_TYPES_VALIDATORS_H

#include "cmtstore/types_block.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- keys -------------------------------------------------------------------------------- */

typedef enum cmt_key_type {
    CMT_KEY_ED25519,
    CMT_KEY_SECP256K1,
    CMT_KEY_BLS12381,
    CMT_KEY_MLDSA65,
    CMT_KEY_SECP256K1ETH
} cmt_key_type;

typedef struct cmt_public_key {
    cmt_key_type type;
    cmt_slice bytes; /* borrowed */
} cmt_public_key;

/** How CometBFT calls the type in parameters: "ed25519", "secp256k1", …  Static storage. */
CMT_API const char *cmt_key_type_name(cmt_key_type type);

/** The public key of a validator, whichever generation wrote it.
 *  @retval CMT_CORRUPT      undecodable, or of the wrong length for its type
 *  @retval CMT_UNSUPPORTED  a type that no generation has
 *  Source: crypto/encoding/codec.go PubKeyFromProto */
CMT_API CMT_MUST_CHECK cmt_status cmt_validator_public_key(const cmt_validator *validator,
                                                           cmt_public_key *out, cmt_error *err);

/** The address that belongs to a key, of CMT_ADDRESS_SIZE bytes.
 *  @retval CMT_UNSUPPORTED  secp256k1eth
 *  Source: crypto/ed25519 and crypto/secp256k1, PubKey.Address */
CMT_API CMT_MUST_CHECK cmt_status cmt_key_address(const cmt_public_key *key, cmt_hash *out,
                                                  cmt_error *err);

/** Verify a signature.  ed25519 by ZIP-215, as CometBFT does; secp256k1 by libsecp256k1.
 *  @retval CMT_CORRUPT      it is not of this key over these bytes
 *  @retval CMT_UNSUPPORTED  another type of key
 *  Source: crypto/ed25519 and crypto/secp256k1, PubKey.VerifySignature */
CMT_API CMT_MUST_CHECK cmt_status cmt_key_verify(const cmt_public_key *key, cmt_slice signed_bytes,
                                                 cmt_slice signature, cmt_error *err);

/* ---- changes ----------------------------------------------------------------------------- */

/** How validators are encoded. */
typedef enum cmt_generation {
    CMT_GENERATION_0, /* 0.34 to 0.40: a PublicKey message */
    CMT_GENERATION_1  /* 1.0 and later: key type and key bytes */
} cmt_generation;

/** A release line that cmtstore writes as: which parameters there are, and how everything is encoded. */
typedef enum cmt_release {
    CMT_RELEASE_0_38, /* with ABCIParams */
    CMT_RELEASE_0_40, /* 0.39 and 0.40: with an authority too */
    CMT_RELEASE_1_0   /* with SynchronyParams and FeatureParams instead */
} cmt_release;

/** How @p release encodes validators. */
CMT_API cmt_generation cmt_release_generation(cmt_release release);

/** One change of a set: a validator with this power from now on; 0 removes it. */
typedef struct cmt_validator_update {
    cmt_public_key key;
    int64_t power;
} cmt_validator_update;

/** Decode an ABCI ValidatorUpdate of either generation; the key is borrowed.
 *  Source: types/protobuf.go PB2TM.ValidatorUpdates */
CMT_API CMT_MUST_CHECK cmt_status cmt_validator_update_decode(cmt_slice bytes,
                                                              cmt_validator_update *out,
                                                              cmt_error *err);

/** A set that owns all it points to, encoded as @p generation.  Release with
 *  cmt_validator_set_free().
 *  @retval CMT_UNSUPPORTED  that generation has no such key type */
CMT_API CMT_MUST_CHECK cmt_status cmt_validator_set_copy(const cmt_validator_set *set,
                                                         cmt_generation generation,
                                                         cmt_validator_set *out, cmt_error *err);

/** The set of a genesis: priorities are moved forward once.  No changes give an empty set.
 *  @retval CMT_INVALID  a power that is not positive, one key twice, or too much power in total
 *  Source: types/validator_set.go NewValidatorSet */
CMT_API CMT_MUST_CHECK cmt_status cmt_validator_set_new(const cmt_validator_update *changes,
                                                        size_t count, cmt_generation generation,
                                                        cmt_validator_set *out, cmt_error *err);

/**
 * Apply @p changes: powers are set, validators join with the priority of -1.125 times the total, or
 * leave; then priorities are rescaled and centred, and the set is sorted by power.  The proposer
 * stays who it was.  Afterwards the set owns all it points to.
 *
 * @retval CMT_INVALID  one key twice, a power below 0 or above the limit, a validator to remove that
 *                      is not there, an empty set, too much power in total; the set is unchanged
 * Source: types/validator_set.go UpdateWithChangeSet
 */
CMT_API CMT_MUST_CHECK cmt_status cmt_validator_set_update(cmt_validator_set *set,
                                                           const cmt_validator_update *changes,
                                                           size_t count, cmt_generation generation,
                                                           cmt_error *err);

/** Who proposes: of the highest priority, then of the smallest address.  NULL if the set is empty.
 *  Borrowed.  Source: types/validator_set.go findProposer */
CMT_API const cmt_validator *cmt_validator_set_proposer(const cmt_validator_set *set);

/** The validator with this address; NULL if there is none.  Borrowed. */
CMT_API const cmt_validator *cmt_validator_set_find(const cmt_validator_set *set,
                                                    cmt_slice address);

/* ---- commits ----------------------------------------------------------------------------- */

/** Whose times make the time of a block. */
typedef enum cmt_median_votes {
    CMT_MEDIAN_ALL_VOTES,   /* of all that voted */
    CMT_MEDIAN_COMMIT_VOTES /* 0.40: not of those that voted for no block */
} cmt_median_votes;

/** The time of the block after @p commit, without PBTS: the median of the times in it, weighted by
 *  power.
 *  @retval CMT_CORRUPT  a signature of nobody in @p set
 *  Source: state/state.go MedianTime, types/time/time.go WeightedMedian */
CMT_API CMT_MUST_CHECK cmt_status cmt_commit_median_time(const cmt_commit *commit,
                                                         const cmt_validator_set *set,
                                                         cmt_median_votes votes, cmt_time *out,
                                                         cmt_error *err);

/**
 * Verify that more than two thirds of the power of @p set signed this commit, and that every
 * signature in it, also those for no block, is genuine.
 *
 * From 32 signatures on up to eight threads share the work, one for each processor that the caller may use; they
 * have ended when this returns.  Verdict and message are those of one thread, which names the first signature
 * that is wrong.
 *
 * @retval CMT_CORRUPT      another height or block, another number of signatures, an address out of
 *                          place, a wrong signature, too little power; err says which
 * @retval CMT_UNSUPPORTED  a validator's key type cannot be verified
 * Source: types/validation.go VerifyCommit
 */
CMT_API CMT_MUST_CHECK cmt_status cmt_commit_verify(const char *chain_id,
                                                    const cmt_validator_set *set,
                                                    const cmt_block_id *block_id, int64_t height,
                                                    const cmt_commit *commit, cmt_error *err);

#ifdef __cplusplus
}
#endif

#endif
