/* SPDX-License-Identifier: Apache-2.0
 *
 * Blocks: decoded and encoded to CometBFT's own bytes, cut into parts with proofs and put together
 * again; commits with their signatures; and the bytes that validators sign.
 *
 * What is decoded borrows: slices point into the bytes it was decoded from, which must outlive it.
 * Encoders replace the contents of `out`, which must not hold their inputs; they fail only for want
 * of memory and then leave it alone.
 */
#ifndef CMTSTORE_TYPES_BLOCK_H
#define CMTSTORE_TYPES_BLOCK_H

#include "cmtstore/types_hash.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- commits ----------------------------------------------------------------------------- */

typedef enum cmt_block_id_flag {
    CMT_BLOCK_ID_ABSENT = 1, /* no vote was seen */
    CMT_BLOCK_ID_COMMIT = 2, /* a vote for the commit's block */
    CMT_BLOCK_ID_NIL = 3     /* a vote for no block */
} cmt_block_id_flag;

typedef struct cmt_commit_sig {
    int32_t flag;      /* cmt_block_id_flag */
    cmt_slice address; /* of the validator; empty when absent */
    cmt_time timestamp;
    cmt_slice signature;
} cmt_commit_sig;

/** A whole commit; a zeroed one is the empty commit before the first block. */
typedef struct cmt_commit {
    int64_t height;
    int32_t round;
    cmt_block_id block_id;
    cmt_commit_sig *signatures; /* in the order of the validator set */
    size_t count;
} cmt_commit;

/** Decode a Commit with its signatures.  Release with cmt_commit_free().
 *  @retval CMT_CORRUPT  undecodable, or refused by CometBFT's own checks
 *  Source: types/block.go CommitFromProto, Commit.ValidateBasic */
CMT_API CMT_MUST_CHECK cmt_status cmt_commit_read(cmt_slice bytes, cmt_commit *out, cmt_error *err);
CMT_API void cmt_commit_free(cmt_commit *commit);
CMT_API CMT_MUST_CHECK cmt_status cmt_commit_encode(const cmt_commit *commit, cmt_buf *out);

/** last_commit_hash: over the signatures, not over height, round and block.
 *  Source: types/block.go Commit.Hash */
CMT_API CMT_MUST_CHECK cmt_status cmt_commit_hash(const cmt_commit *commit, cmt_hash *out,
                                                  cmt_error *err);

/* ---- extended commits -------------------------------------------------------------------- */

/** A signature of a commit with what its validator attached to the vote (CometBFT >= 0.38). */
typedef struct cmt_ext_commit_sig {
    cmt_commit_sig sig;
    cmt_slice extension;
    cmt_slice extension_signature;
} cmt_ext_commit_sig;

/** A whole extended commit. */
typedef struct cmt_ext_commit {
    int64_t height;
    int32_t round;
    cmt_block_id block_id;
    cmt_ext_commit_sig *signatures; /* in the order of the validator set */
    size_t count;
} cmt_ext_commit;

/** Decode an ExtendedCommit with its signatures.  Release with cmt_ext_commit_free().
 *  @retval CMT_CORRUPT  undecodable, or refused by CometBFT's own checks
 *  Source: types/block.go ExtendedCommitFromProto, ExtendedCommit.ValidateBasic */
CMT_API CMT_MUST_CHECK cmt_status cmt_ext_commit_read(cmt_slice bytes, cmt_ext_commit *out,
                                                      cmt_error *err);
CMT_API void cmt_ext_commit_free(cmt_ext_commit *commit);
CMT_API CMT_MUST_CHECK cmt_status cmt_ext_commit_encode(const cmt_ext_commit *commit, cmt_buf *out);

/** Check that vote extensions are where they have to be.  With @p extensions: each vote for the block
 *  has a signed one and no other vote has any; without: no vote has one.
 *  @retval CMT_INVALID  it is not so; text as CometBFT's
 *  Source: types/block.go ExtendedCommit.EnsureExtensions */
CMT_API CMT_MUST_CHECK cmt_status cmt_ext_commit_check(const cmt_ext_commit *commit,
                                                       bool extensions, cmt_error *err);

/** The commit without the extensions.  Its slices are those of @p commit; release with
 *  cmt_commit_free().
 *  Source: types/block.go ExtendedCommit.ToCommit */
CMT_API CMT_MUST_CHECK cmt_status cmt_ext_commit_to_commit(const cmt_ext_commit *commit,
                                                           cmt_commit *out, cmt_error *err);

/* ---- votes ------------------------------------------------------------------------------- */

#define CMT_VOTE_PREVOTE 1
#define CMT_VOTE_PRECOMMIT 2

/** What of a vote is signed. */
typedef struct cmt_vote_content {
    int32_t type; /* CMT_VOTE_PREVOTE, CMT_VOTE_PRECOMMIT */
    int64_t height;
    int32_t round;
    cmt_block_id block_id; /* zero: for no block */
    cmt_time timestamp;
} cmt_vote_content;

/** The bytes that a validator signs: a length, then CanonicalVote.
 *  Source: types/vote.go VoteSignBytes, types/canonical.go CanonicalizeVote */
CMT_API CMT_MUST_CHECK cmt_status cmt_vote_sign_bytes(const char *chain_id,
                                                      const cmt_vote_content *vote, cmt_buf *out);

/** The bytes behind signature @p index of a commit, which must not be absent.
 *  Source: types/block.go Commit.VoteSignBytes */
CMT_API CMT_MUST_CHECK cmt_status cmt_commit_sign_bytes(const char *chain_id,
                                                        const cmt_commit *commit, size_t index,
                                                        cmt_buf *out);

/** The bytes behind the signature of a vote extension.
 *  Source: types/vote.go VoteExtensionSignBytes */
CMT_API CMT_MUST_CHECK cmt_status cmt_extension_sign_bytes(const char *chain_id, int64_t height,
                                                           int32_t round, cmt_slice extension,
                                                           cmt_buf *out);

/* ---- evidence ---------------------------------------------------------------------------- */

/** A whole vote. */
typedef struct cmt_vote {
    cmt_vote_content content;
    cmt_slice address;
    int32_t index; /* of the validator in its set */
    cmt_slice signature;
    cmt_slice extension;
    cmt_slice extension_signature;
} cmt_vote;

/** Two votes of one validator that contradict each other. */
typedef struct cmt_duplicate_vote {
    cmt_vote vote_a; /* the one whose block id sorts first */
    cmt_vote vote_b;
    int64_t total_voting_power;
    int64_t validator_power;
    cmt_time timestamp;
} cmt_duplicate_vote;

/** Decode an Evidence message that holds duplicate votes.
 *  @retval CMT_NOT_FOUND  it is of the other kind
 *  @retval CMT_CORRUPT    undecodable, or refused by CometBFT's own checks
 *  Source: types/evidence.go DuplicateVoteEvidenceFromProto, types/vote.go Vote.ValidateBasic */
CMT_API CMT_MUST_CHECK cmt_status cmt_duplicate_vote_read(cmt_slice evidence,
                                                          cmt_duplicate_vote *out, cmt_error *err);
/** Encode as an Evidence message. */
CMT_API CMT_MUST_CHECK cmt_status cmt_duplicate_vote_encode(const cmt_duplicate_vote *votes,
                                                            cmt_buf *out);

/** Check one Evidence message of either kind as far as it goes by itself.
 *  @retval CMT_CORRUPT  undecodable, or refused by CometBFT's own checks
 *  Source: types/evidence.go EvidenceFromProto, DuplicateVoteEvidence.ValidateBasic,
 *          LightClientAttackEvidence.ValidateBasic */
CMT_API CMT_MUST_CHECK cmt_status cmt_evidence_check(cmt_slice evidence, cmt_error *err);

/* ---- parts ------------------------------------------------------------------------------- */

/** A block cut into parts of CMT_PART_BYTES, with the tree over them. */
typedef struct cmt_part_set cmt_part_set;

/** Cut @p block, which is borrowed and must outlive the set.
 *  @retval CMT_OUT_OF_RANGE  empty, or more than CMT_BLOCK_BYTES_MAX
 *  Source: types/part_set.go NewPartSetFromData */
CMT_API CMT_MUST_CHECK cmt_status cmt_part_set_new(cmt_slice block, cmt_part_set **out,
                                                   cmt_error *err);
CMT_API void cmt_part_set_free(cmt_part_set *set);
CMT_API uint32_t cmt_part_set_total(const cmt_part_set *set);
/** Bytes of the block that was cut. */
CMT_API size_t cmt_part_set_bytes(const cmt_part_set *set);
CMT_API cmt_hash cmt_part_set_hash(const cmt_part_set *set);
/** One Part message, as it is stored.
 *  @retval CMT_OUT_OF_RANGE  there is no such part */
CMT_API CMT_MUST_CHECK cmt_status cmt_part_set_encode(const cmt_part_set *set, uint32_t index,
                                                      cmt_buf *out, cmt_error *err);

/** Check that the Part @p bytes is number @p index of the block that @p id names, and borrow its
 *  piece.
 *  @retval CMT_CORRUPT  it is not
 *  Source: types/part_set.go PartSet.AddPart */
CMT_API CMT_MUST_CHECK cmt_status cmt_part_verify(cmt_slice bytes, uint32_t index,
                                                  const cmt_block_id *id, cmt_slice *piece,
                                                  cmt_error *err);

/** Put a block together from all its Part messages, in order; each is verified.
 *  @retval CMT_CORRUPT       one does not belong there
 *  @retval CMT_OUT_OF_RANGE  not as many as @p id says */
CMT_API CMT_MUST_CHECK cmt_status cmt_block_assemble(const cmt_slice *parts, size_t count,
                                                     const cmt_block_id *id, cmt_buf *out,
                                                     cmt_error *err);

/* ---- blocks ------------------------------------------------------------------------------ */

typedef struct cmt_block {
    cmt_header header;
    cmt_slice *txs;
    size_t tx_count;
    cmt_slice *evidence; /* Evidence messages */
    size_t evidence_count;
    cmt_commit last_commit;
} cmt_block;

/** Decode a Block and check it as far as it goes by itself: its header, its commit, its evidence,
 *  and that the three hashes in the header are those of its parts.  Release with cmt_block_free().
 *  @retval CMT_CORRUPT  undecodable, or refused by CometBFT's own checks; err names the field
 *  Source: types/block.go BlockFromProto, Block.ValidateBasic */
CMT_API CMT_MUST_CHECK cmt_status cmt_block_decode(cmt_slice bytes, cmt_block *out, cmt_error *err);
CMT_API void cmt_block_free(cmt_block *block);

/** The checks that cmt_block_decode() makes, of a block that was not decoded or was changed since.
 *  @retval CMT_CORRUPT  refused by CometBFT's own checks; err names the field
 *  Source: types/block.go Block.ValidateBasic */
CMT_API CMT_MUST_CHECK cmt_status cmt_block_check(const cmt_block *block, cmt_error *err);

/** Encode as CometBFT does; evidence as given. */
CMT_API CMT_MUST_CHECK cmt_status cmt_block_encode(const cmt_block *block, cmt_buf *out);

/** How many bytes cmt_block_encode() makes of it.
 *  Source: types/block.go Block.Size */
CMT_API size_t cmt_block_size(const cmt_block *block);

/** The encoded header alone. */
CMT_API CMT_MUST_CHECK cmt_status cmt_header_encode(const cmt_header *header, cmt_buf *out);
/** BlockMeta, as stored under `H:`. */
CMT_API CMT_MUST_CHECK cmt_status cmt_block_meta_encode(const cmt_block_meta *meta, cmt_buf *out);

#ifdef __cplusplus
}
#endif

#endif
