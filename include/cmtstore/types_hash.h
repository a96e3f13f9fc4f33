/* SPDX-License-Identifier: Apache-2.0
 *
 * Hashes as CometBFT makes them: SHA-256, the Merkle tree of RFC 6962 with its proofs, and what a
 * header says of the rest of its block.
 *
 * Errors to plan for are CMT_NO_MEMORY, and CMT_UNSUPPORTED where libcrypto offers no SHA-256.
 */
#ifndef CMTSTORE_TYPES_HASH_H
#define CMTSTORE_TYPES_HASH_H

#include "cmtstore/types.h"

#ifdef __cplusplus
extern "C" {
#endif

/** SHA-256 of @p bytes; out->size is CMT_HASH_SIZE. */
CMT_API CMT_MUST_CHECK cmt_status cmt_sha256(cmt_slice bytes, cmt_hash *out, cmt_error *err);

/* ---- Merkle tree ------------------------------------------------------------------------- */

/** A path longer than this belongs to no tree that an int64 can count the leaves of. */
#define CMT_MERKLE_AUNTS_MAX 64

/** The way from one leaf to the root. */
typedef struct cmt_merkle_proof {
    int64_t total; /* leaves of the tree */
    int64_t index;
    uint8_t leaf_hash[CMT_HASH_SIZE];
    size_t aunt_count;
    uint8_t aunts[CMT_MERKLE_AUNTS_MAX][CMT_HASH_SIZE]; /* the leaf's sibling first */
} cmt_merkle_proof;

/** The root over @p items; of none it is SHA-256 of nothing.
 *  Source: crypto/merkle/tree.go HashFromByteSlices */
CMT_API CMT_MUST_CHECK cmt_status cmt_merkle_root(const cmt_slice *items, size_t count,
                                                  cmt_hash *out, cmt_error *err);

/** All nodes of a tree, so that each proof costs only its length. */
typedef struct cmt_merkle_tree cmt_merkle_tree;

/** Hash @p items, which are not kept.  Memory: 64 bytes for each. */
CMT_API CMT_MUST_CHECK cmt_status cmt_merkle_tree_new(const cmt_slice *items, size_t count,
                                                      cmt_merkle_tree **out, cmt_error *err);
CMT_API void cmt_merkle_tree_free(cmt_merkle_tree *tree);
CMT_API cmt_hash cmt_merkle_tree_root(const cmt_merkle_tree *tree);
/** The proof of item @p index.
 *  @retval CMT_OUT_OF_RANGE  the tree has no such leaf
 *  Source: crypto/merkle/proof.go ProofsFromByteSlices */
CMT_API CMT_MUST_CHECK cmt_status cmt_merkle_tree_prove(const cmt_merkle_tree *tree, size_t index,
                                                        cmt_merkle_proof *out, cmt_error *err);

/** Check that @p proof leads from @p item to @p root.
 *  @retval CMT_CORRUPT  it does not
 *  Source: crypto/merkle/proof.go Proof.Verify */
CMT_API CMT_MUST_CHECK cmt_status cmt_merkle_verify(const cmt_merkle_proof *proof, cmt_hash root,
                                                    cmt_slice item, cmt_error *err);

/* ---- what a header holds ----------------------------------------------------------------- */

/** The hash of a block, over the 14 fields of its header; empty (size 0) when validators_hash is.
 *  Source: types/block.go Header.Hash */
CMT_API CMT_MUST_CHECK cmt_status cmt_header_hash(const cmt_header *header, cmt_hash *out,
                                                  cmt_error *err);

/** data_hash: the tree's leaves are the hashes of the transactions.
 *  Source: types/tx.go Txs.Hash */
CMT_API CMT_MUST_CHECK cmt_status cmt_data_hash(const cmt_slice *txs, size_t count, cmt_hash *out,
                                                cmt_error *err);

/** evidence_hash of Evidence messages: over the message in each, without its wrapper.
 *  @retval CMT_CORRUPT  one is no Evidence
 *  Source: types/evidence.go EvidenceList.Hash */
CMT_API CMT_MUST_CHECK cmt_status cmt_evidence_hash(const cmt_slice *evidence, size_t count,
                                                    cmt_hash *out, cmt_error *err);

/** consensus_hash: of the block limits alone.
 *  Source: types/params.go ConsensusParams.Hash */
CMT_API CMT_MUST_CHECK cmt_status cmt_consensus_params_hash(const cmt_consensus_params *params,
                                                            cmt_hash *out, cmt_error *err);

/** validators_hash: keys and powers in the order of the set.
 *  @retval CMT_CORRUPT      a public key does not decode
 *  @retval CMT_UNSUPPORTED  a key type that CometBFT has no encoding for
 *  Source: types/validator_set.go ValidatorSet.Hash */
CMT_API CMT_MUST_CHECK cmt_status cmt_validator_set_hash(const cmt_validator_set *set,
                                                         cmt_hash *out, cmt_error *err);

/** last_results_hash of ExecTxResult messages as stored, reduced to code, data, gas wanted and gas
 *  used.
 *  @retval CMT_CORRUPT  one does not decode
 *  Source: types/results.go ABCIResults.Hash, abci/types DeterministicExecTxResult */
CMT_API CMT_MUST_CHECK cmt_status cmt_results_hash(const cmt_slice *results, size_t count,
                                                   cmt_hash *out, cmt_error *err);

#ifdef __cplusplus
}
#endif

#endif
