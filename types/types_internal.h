/* SPDX-License-Identifier: Apache-2.0
 *
 * What the decoders of this module share: generated structs into ours, with CometBFT's bounds.
 */
#ifndef CMT_TYPES_INTERNAL_H
#define CMT_TYPES_INTERNAL_H

#include "cmtstore/types_state.h"

#include "cmtstore.pb-c.h"

/* The zero value of Go's time.Time, 0001-01-01: what an absent timestamp stands for. */
#define CMT_GO_ZERO_TIME ((cmt_time){-62135596800, 0})

/* The largest total power of a set.  Source: types/validator_set.go MaxTotalVotingPower */
#define CMT_VOTING_POWER_MAX (INT64_MAX / 8)

/* No record is larger; a block itself is stored in parts. */
#define CMT_RECORD_BYTES_MAX ((size_t)128 << 20)

/* @p what names message and field in errors. */

/** Empty or CMT_HASH_SIZE bytes.  Source: types/validation.go ValidateHash */
CMT_MUST_CHECK cmt_status cmt_types_hash(const char *what, ProtobufCBinaryData bytes, cmt_hash *out,
                                         cmt_error *err);
/** An app hash: CometBFT takes any length, we as much as a cmt_hash holds.
 *  @retval CMT_UNSUPPORTED  longer */
CMT_MUST_CHECK cmt_status cmt_types_app_hash(const char *what, ProtobufCBinaryData bytes,
                                             cmt_hash *out, cmt_error *err);
/** Exactly CMT_ADDRESS_SIZE bytes. */
CMT_MUST_CHECK cmt_status cmt_types_address(const char *what, ProtobufCBinaryData bytes,
                                            cmt_hash *out, cmt_error *err);
CMT_MUST_CHECK cmt_status cmt_types_chain_id(const char *what, ProtobufCBinaryData bytes,
                                             char out[CMT_CHAIN_ID_MAX + 1], cmt_error *err);
/** @p id may be NULL: absent. */
CMT_MUST_CHECK cmt_status cmt_types_block_id(const char *what, const Cmt__Pb__BlockID *id,
                                             cmt_block_id *out, cmt_error *err);
/** @p time may be NULL: absent. */
CMT_MUST_CHECK cmt_status cmt_types_time(const char *what, const Cmt__Pb__Timestamp *time,
                                         cmt_time *out, cmt_error *err);
/** CMT_CORRUPT unless @p value is in [lo,hi]. */
CMT_MUST_CHECK cmt_status cmt_types_bounds(const char *what, int64_t value, int64_t lo, int64_t hi,
                                           cmt_error *err);

/** The sum of all voting powers.
 *  @retval CMT_CORRUPT  one is negative, or the sum is above CMT_VOTING_POWER_MAX */
CMT_MUST_CHECK cmt_status cmt_types_total_power(const cmt_validator *validators, size_t count,
                                                int64_t *out, cmt_error *err);

/** Rescale and centre the priorities of a set that is not empty and whose total is known. */
void cmt_types_level_priorities(cmt_validator_set *set);

/** A Part taken apart. */
typedef struct cmt_types_part {
    uint64_t index;
    cmt_slice piece; /* borrowed */
    size_t leaf_hash_size;
    cmt_merkle_proof proof; /* aunt_count may exceed what is kept; cmt_merkle_verify() refuses it */
} cmt_types_part;

/** Read a Part and check all but its hashes. */
CMT_MUST_CHECK cmt_status cmt_types_part_read(cmt_slice bytes, uint32_t index, cmt_types_part *out,
                                              cmt_error *err);

/** Check what a commit says of itself; height 0 is the empty commit before the first block.
 *  Source: types/block.go Commit.ValidateBasic */
CMT_MUST_CHECK cmt_status cmt_types_check_commit(const cmt_commit_info *commit, cmt_error *err);

/** Check a signature of a commit as far as it goes without verifying it.
 *  Source: types/block.go CommitSig.ValidateBasic */
CMT_MUST_CHECK cmt_status cmt_types_check_signature(const cmt_commit_sig *sig, cmt_error *err);

/** Check the sizes of a vote extension and of its signature.
 *  Source: types/block.go ExtendedCommitSig.ValidateBasic */
CMT_MUST_CHECK cmt_status cmt_types_check_extension(int32_t flag, size_t size,
                                                    size_t signature_size, cmt_error *err);

/** A header of a block or of a meta.  @p header may be NULL: absent. */
CMT_MUST_CHECK cmt_status cmt_types_header(const Cmt__Pb__Header *header, cmt_header *out,
                                           cmt_error *err);

/** The evidence of a block by itself, and that the three hashes in its header are those of its parts. */
CMT_MUST_CHECK cmt_status cmt_types_check_contents(const cmt_block *block, cmt_error *err);

/** True for the id of no block. */
bool cmt_types_block_id_is_zero(const cmt_block_id *id);

/** Read and check one Validator message by itself. */
CMT_MUST_CHECK cmt_status cmt_types_check_validator(cmt_slice bytes, cmt_error *err);

#endif
