/* SPDX-License-Identifier: Apache-2.0
 *
 * The values behind the keys, decoded: headers and metas, consensus parameters, validator sets with
 * their proposer priorities, and the evidence window.  Knows nothing of databases.
 *
 * Encoders replace the contents of `out`, which must not hold their inputs; they fail only for want
 * of memory and then leave it alone.
 */
#ifndef CMTSTORE_TYPES_H
#define CMTSTORE_TYPES_H

#include "cmtstore/base.h"

#ifdef __cplusplus
extern "C" {
#endif

#define CMT_HASH_SIZE 32
#define CMT_ADDRESS_SIZE 20
#define CMT_CHAIN_ID_MAX 50
/** The largest block CometBFT allows, and so the most parts one can have. */
#define CMT_BLOCK_BYTES_MAX 104857600
#define CMT_PART_BYTES 65536
#define CMT_PARTS_MAX 1601
/** Heights at which a validator set is stored in full whatever happened.
 *  Source: state/store.go valSetCheckpointInterval */
#define CMT_VALIDATOR_CHECKPOINT 100000

/** google.protobuf.Timestamp: seconds since 1970 UTC, nanos in [0,999999999]. */
typedef struct cmt_time {
    int64_t seconds;
    int32_t nanos;
} cmt_time;

/** a - b in nanoseconds, saturating at the ends of int64 as Go's time.Sub does. */
CMT_API int64_t cmt_time_sub(cmt_time a, cmt_time b);

/** A hash that may be absent (size 0) or has CMT_HASH_SIZE bytes; app hashes may be shorter or
 *  longer. */
typedef struct cmt_hash {
    uint8_t bytes[64];
    size_t size;
} cmt_hash;

typedef struct cmt_block_id {
    cmt_hash hash;
    uint32_t part_total;
    cmt_hash part_hash;
} cmt_block_id;

/** The bytes of a hash, borrowed. */
CMT_API cmt_slice cmt_hash_slice(const cmt_hash *hash);
/** Compare two hashes, their sizes too. */
CMT_API bool cmt_hash_equal(const cmt_hash *a, const cmt_hash *b);
/** Compare the hash, the number of parts and the hash of the parts. Source: types/block.go BlockID.Equals */
CMT_API bool cmt_block_id_equal(const cmt_block_id *a, const cmt_block_id *b);

typedef struct cmt_header {
    uint64_t version_block;
    uint64_t version_app;
    char chain_id[CMT_CHAIN_ID_MAX + 1];
    int64_t height;
    cmt_time time;
    cmt_block_id last_block_id;
    cmt_hash last_commit_hash;
    cmt_hash data_hash;
    cmt_hash validators_hash;
    cmt_hash next_validators_hash;
    cmt_hash consensus_hash;
    cmt_hash app_hash;
    cmt_hash last_results_hash;
    cmt_hash evidence_hash;
    cmt_hash proposer_address;
} cmt_header;

typedef struct cmt_block_meta {
    cmt_block_id block_id;
    int64_t block_size;
    cmt_header header;
    int64_t num_txs;
} cmt_block_meta;

/** Decode a BlockMeta.
 *  @retval CMT_CORRUPT      not one, or outside CometBFT's bounds
 *  @retval CMT_UNSUPPORTED  an app hash longer than a cmt_hash; CometBFT puts no bound on it
 *  Source: types/block_meta.go BlockMetaFromTrustedProto */
CMT_API CMT_MUST_CHECK cmt_status cmt_block_meta_decode(cmt_slice bytes, cmt_block_meta *out,
                                                        cmt_error *err);

/** What a commit says of itself; the signatures stay in the stored bytes. */
typedef struct cmt_commit_info {
    int64_t height;
    int32_t round;
    cmt_block_id block_id;
    size_t signatures;
} cmt_commit_info;

/** Decode a Commit, or an ExtendedCommit (whose fields 1 to 4 are alike). */
CMT_API CMT_MUST_CHECK cmt_status cmt_commit_decode(cmt_slice bytes, bool extended,
                                                    cmt_commit_info *out, cmt_error *err);

/** Check one stored Part and borrow its piece of the block.
 *  @retval CMT_CORRUPT undecodable, another index, or too long */
CMT_API CMT_MUST_CHECK cmt_status cmt_part_decode(cmt_slice bytes, uint32_t index, cmt_slice *piece,
                                                  cmt_error *err);

/* ---- evidence window --------------------------------------------------------------------- */

/** How old evidence may be, and against what age is measured. */
typedef struct cmt_evidence_window {
    int64_t last_block_height;
    cmt_time last_block_time;
    int64_t max_age_num_blocks;
    int64_t max_age_duration_ns;
} cmt_evidence_window;

/** True if evidence of @p height is too old in blocks and in time, both strictly.
 *  Source: store/store.go PruneBlocks, evidence/verify.go IsEvidenceExpired */
CMT_API bool cmt_evidence_expired(const cmt_evidence_window *window, int64_t height, cmt_time time);

/* ---- consensus parameters ---------------------------------------------------------------- */

typedef struct cmt_consensus_params {
    int64_t block_max_bytes;
    int64_t block_max_gas;
    int64_t evidence_max_age_num_blocks;
    int64_t evidence_max_age_duration_ns;
    int64_t evidence_max_bytes;
    uint64_t version_app;
    int64_t vote_extensions_enable_height;
} cmt_consensus_params;

/** Decode ConsensusParams of any generation.  An absent evidence part reads as zeros. */
CMT_API CMT_MUST_CHECK cmt_status cmt_consensus_params_decode(cmt_slice bytes,
                                                              cmt_consensus_params *out,
                                                              cmt_error *err);

/** True if the stored ConsensusParams stands for "see last_height_changed": the empty message of
 *  0.37 and later, and the message of empty messages that 0.34 wrote.
 *  Source: state/store.go LoadConsensusParams, comet 0.34 ConsensusParams.Equal */
CMT_API CMT_MUST_CHECK cmt_status cmt_consensus_params_is_empty(cmt_slice bytes, bool *empty,
                                                                cmt_error *err);

/** A stored ConsensusParamsInfo, taken apart; `params` borrows from the bytes decoded. */
typedef struct cmt_params_info {
    cmt_slice params;
    bool is_pointer; /* params is one of the empty forms */
    int64_t last_height_changed;
} cmt_params_info;

CMT_API CMT_MUST_CHECK cmt_status cmt_params_info_decode(cmt_slice bytes, cmt_params_info *out,
                                                         cmt_error *err);
/** Encode {params, last_height_changed}; params as stored. */
CMT_API CMT_MUST_CHECK cmt_status cmt_params_info_encode(cmt_slice params,
                                                         int64_t last_height_changed, cmt_buf *out);

/* ---- validators -------------------------------------------------------------------------- */

/** One validator; slices borrow from the bytes its set was decoded from. */
typedef struct cmt_validator {
    cmt_slice address;
    bool has_pub_key;    /* 0.34 to 0.40: the PublicKey message, as stored */
    cmt_slice pub_key;   /* its contents */
    cmt_slice key_bytes; /* 1.0: fields 5 and 6 */
    cmt_slice key_type;
    int64_t voting_power;
    int64_t proposer_priority;
} cmt_validator;

typedef struct cmt_validator_set {
    cmt_validator *validators;
    size_t count;
    bool has_proposer;
    cmt_validator proposer;
    int64_t total_voting_power;
    int64_t stored_total; /* field 3 as stored; CometBFT writes 0 */
    void *storage;        /* what slices point into, if the set owns it */
} cmt_validator_set;

CMT_API void cmt_validator_set_free(cmt_validator_set *set);

/** Decode a ValidatorSet of either encoding.  @p bytes must outlive @p out.
 *  @retval CMT_CORRUPT undecodable, a negative power, or a total above CometBFT's limit */
CMT_API CMT_MUST_CHECK cmt_status cmt_validator_set_decode(cmt_slice bytes, cmt_validator_set *out,
                                                           cmt_error *err);

/** Encode exactly as the generation that was decoded would. */
CMT_API CMT_MUST_CHECK cmt_status cmt_validator_set_encode(const cmt_validator_set *set,
                                                           cmt_buf *out);

/** IncrementProposerPriority: rescale once, centre once, then @p times rounds.
 *  @retval CMT_INVALID  times < 1 or the set is empty
 *  @retval CMT_CORRUPT  two validators share an address; the priorities are then of no use
 *  Source: types/validator_set.go IncrementProposerPriority */
CMT_API CMT_MUST_CHECK cmt_status cmt_validator_set_increment(cmt_validator_set *set, int32_t times,
                                                              cmt_error *err);

/** A stored ValidatorsInfo, taken apart; `set` borrows. */
typedef struct cmt_validators_info {
    bool has_set; /* false: a pointer to last_height_changed */
    cmt_slice set;
    int64_t last_height_changed;
} cmt_validators_info;

CMT_API CMT_MUST_CHECK cmt_status cmt_validators_info_decode(cmt_slice bytes,
                                                             cmt_validators_info *out,
                                                             cmt_error *err);
/** Encode {set, last_height_changed}; set as encoded by cmt_validator_set_encode. */
CMT_API CMT_MUST_CHECK cmt_status cmt_validators_info_encode(cmt_slice set,
                                                             int64_t last_height_changed,
                                                             cmt_buf *out);
/** Encode {last_height_changed}: a pointer. */
CMT_API CMT_MUST_CHECK cmt_status cmt_validators_info_encode_pointer(int64_t last_height_changed,
                                                                     cmt_buf *out);

/** Where LoadValidators finds the set of @p height when its own record is a pointer:
 *  max(height - height mod 100000, last_height_changed). */
CMT_API int64_t cmt_validators_stored_height(int64_t height, int64_t last_height_changed);

/* ---- the two root records ---------------------------------------------------------------- */

/** BlockStoreState; a stored base 0 with height > 0 reads as 1. */
typedef struct cmt_block_store_state {
    int64_t base;
    int64_t height;
} cmt_block_store_state;

CMT_API CMT_MUST_CHECK cmt_status cmt_block_store_state_decode(cmt_slice bytes,
                                                               cmt_block_store_state *out,
                                                               cmt_error *err);
CMT_API CMT_MUST_CHECK cmt_status cmt_block_store_state_encode(cmt_block_store_state state,
                                                               cmt_buf *out);

/** The parts of State that storage needs. */
typedef struct cmt_state {
    char chain_id[CMT_CHAIN_ID_MAX + 1];
    int64_t initial_height;
    int64_t last_block_height;
    cmt_block_id last_block_id;
    cmt_time last_block_time;
    int64_t last_height_validators_changed;
    int64_t last_height_params_changed;
    cmt_consensus_params params;
    cmt_hash last_results_hash;
    cmt_hash app_hash;
} cmt_state;

CMT_API CMT_MUST_CHECK cmt_status cmt_state_decode(cmt_slice bytes, cmt_state *out, cmt_error *err);

/** Go's binary.PutVarint (zig-zag): how retain heights are stored. */
CMT_API CMT_MUST_CHECK cmt_status cmt_signed_varint_decode(cmt_slice bytes, int64_t *out,
                                                           cmt_error *err);
CMT_API CMT_MUST_CHECK cmt_status cmt_signed_varint_encode(int64_t value, cmt_buf *out);

#ifdef __cplusplus
}
#endif

#endif
