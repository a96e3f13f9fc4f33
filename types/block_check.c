/* SPDX-License-Identifier: Apache-2.0
 *
 * A block that is at hand decoded: the checks that need nothing but the block.
 */
#include "types_internal.h"

#include <inttypes.h>

/* A chain id and a hash in a struct cannot be too long, but for the sizes that the caller wrote. */
static cmt_status check_size(const char *field, const cmt_hash *hash, cmt_error *err)
{
    if (hash->size == 0 || hash->size == CMT_HASH_SIZE)
        return CMT_OK;
    return cmt_error_set(err, CMT_CORRUPT, "Header: %s: %zu bytes instead of 0 or %d", field,
                         hash->size, CMT_HASH_SIZE);
}

static cmt_status check_header_hashes(const cmt_header *h, cmt_error *err)
{
    CMT_TRY(check_size("last_block_id", &h->last_block_id.hash, err));
    CMT_TRY(check_size("last_block_id", &h->last_block_id.part_hash, err));
    CMT_TRY(check_size("last_commit_hash", &h->last_commit_hash, err));
    CMT_TRY(check_size("data_hash", &h->data_hash, err));
    CMT_TRY(check_size("evidence_hash", &h->evidence_hash, err));
    if (h->proposer_address.size != CMT_ADDRESS_SIZE)
        return cmt_error_set(err, CMT_CORRUPT, "Header: proposer_address: %zu bytes instead of %d",
                             h->proposer_address.size, CMT_ADDRESS_SIZE);
    CMT_TRY(check_size("validators_hash", &h->validators_hash, err));
    CMT_TRY(check_size("next_validators_hash", &h->next_validators_hash, err));
    CMT_TRY(check_size("consensus_hash", &h->consensus_hash, err));
    return check_size("last_results_hash", &h->last_results_hash, err);
}

/* Source: types/block.go Header.ValidateBasic */
static cmt_status check_header(const cmt_header *h, cmt_error *err)
{
    if (h->version_block != CMT_BLOCK_PROTOCOL)
        return cmt_error_set(err, CMT_CORRUPT, "Header: block protocol %" PRIu64 " instead of %d",
                             h->version_block, CMT_BLOCK_PROTOCOL);
    CMT_TRY(cmt_types_bounds("Header: height", h->height, 1, INT64_MAX, err));
    return check_header_hashes(h, err);
}

/* Source: types/block.go Commit.ValidateBasic */
static cmt_status check_commit(const cmt_commit *c, cmt_error *err)
{
    const cmt_commit_info info = {c->height, c->round, c->block_id, c->count};
    CMT_TRY(cmt_types_check_commit(&info, err));
    for (size_t i = 0; i < c->count && c->height > 0; i++) {
        cmt_status st = cmt_types_check_signature(&c->signatures[i], err);
        if (st != CMT_OK)
            return cmt_error_prefix(err, st, "Commit: signature %zu", i);
    }
    return CMT_OK;
}

static cmt_status check_hash(const char *field, const cmt_hash *got, const cmt_hash *want,
                             cmt_error *err)
{
    if (cmt_hash_equal(got, want))
        return CMT_OK;
    return cmt_error_set(err, CMT_CORRUPT, "Block: %s in the header is not that of the block",
                         field);
}

static cmt_status check_hashes(const cmt_block *b, cmt_error *err)
{
    cmt_hash hash;
    CMT_TRY(cmt_commit_hash(&b->last_commit, &hash, err));
    CMT_TRY(check_hash("last_commit_hash", &b->header.last_commit_hash, &hash, err));
    CMT_TRY(cmt_data_hash(b->txs, b->tx_count, &hash, err));
    CMT_TRY(check_hash("data_hash", &b->header.data_hash, &hash, err));
    CMT_TRY(cmt_evidence_hash(b->evidence, b->evidence_count, &hash, err));
    return check_hash("evidence_hash", &b->header.evidence_hash, &hash, err);
}

/* Source: types/block.go Block.ValidateBasic */
cmt_status cmt_types_check_contents(const cmt_block *block, cmt_error *err)
{
    for (size_t i = 0; i < block->evidence_count; i++) {
        cmt_status st = cmt_evidence_check(block->evidence[i], err);
        if (st != CMT_OK)
            return cmt_error_prefix(err, st, "Block: evidence %zu", i);
    }
    return check_hashes(block, err);
}

cmt_status cmt_block_check(const cmt_block *block, cmt_error *err)
{
    CMT_TRY(check_header(&block->header, err));
    CMT_TRY(check_commit(&block->last_commit, err));
    return cmt_types_check_contents(block, err);
}
