/* SPDX-License-Identifier: Apache-2.0
 *
 * The hash of a header: a tree whose 14 leaves are its fields, each encoded by itself.
 */
#include "cmtstore/types_hash.h"

#include "cleanup.h"
#include "encode.h"
#include "merkle.h"
#include "wire.h"

#include <string.h>

static cmt_status no_memory(cmt_status status, cmt_error *err)
{
    return cmt_error_set(err, status, "Header: no memory to hash it");
}

/* StringValue and BytesValue; an empty one is an empty leaf. */
static cmt_status add_bytes(cmt_merkle *tree, cmt_slice bytes, cmt_buf *leaf, cmt_error *err)
{
    cmt_buf_clear(leaf);
    cmt_status st = cmt_wire_put_bytes(leaf, 1, bytes);
    if (st != CMT_OK)
        return no_memory(st, err);
    cmt_merkle_add(tree, cmt_buf_slice(leaf));
    return CMT_OK;
}

static cmt_status add_first(cmt_merkle *tree, const cmt_header *h, cmt_buf *leaf, cmt_error *err)
{
    cmt_status st = cmt_encode_version_fields(h, leaf);
    if (st != CMT_OK)
        return no_memory(st, err);
    cmt_merkle_add(tree, cmt_buf_slice(leaf));
    cmt_slice chain_id = {(const uint8_t *)h->chain_id, strlen(h->chain_id)};
    CMT_TRY(add_bytes(tree, chain_id, leaf, err));
    cmt_buf_clear(leaf);
    st = cmt_wire_put_int64(leaf, 1, h->height);
    if (st != CMT_OK)
        return no_memory(st, err);
    cmt_merkle_add(tree, cmt_buf_slice(leaf));
    cmt_buf_clear(leaf);
    st = cmt_encode_time_fields(h->time, leaf);
    if (st != CMT_OK)
        return no_memory(st, err);
    cmt_merkle_add(tree, cmt_buf_slice(leaf));
    cmt_buf_clear(leaf);
    st = cmt_encode_block_id_fields(&h->last_block_id, leaf);
    if (st != CMT_OK)
        return no_memory(st, err);
    cmt_merkle_add(tree, cmt_buf_slice(leaf));
    return CMT_OK;
}

cmt_status cmt_header_hash(const cmt_header *header, cmt_hash *out, cmt_error *err)
{
    if (header->validators_hash.size == 0) {
        *out = (cmt_hash){{0}, 0};
        return CMT_OK;
    }
    const cmt_hash *rest[] = {
        &header->last_commit_hash,     &header->data_hash,      &header->validators_hash,
        &header->next_validators_hash, &header->consensus_hash, &header->app_hash,
        &header->last_results_hash,    &header->evidence_hash,  &header->proposer_address,
    };
    CMT_AUTO(cmt_buf_free) cmt_buf leaf = CMT_BUF_INIT;
    cmt_merkle tree = {0};
    CMT_TRY(add_first(&tree, header, &leaf, err));
    for (size_t i = 0; i < sizeof rest / sizeof rest[0]; i++)
        CMT_TRY(add_bytes(&tree, cmt_hash_slice(rest[i]), &leaf, err));
    *out = cmt_merkle_finish(&tree);
    return CMT_OK;
}
