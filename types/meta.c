/* SPDX-License-Identifier: Apache-2.0
 *
 * BlockMeta and the header in it, with the checks that CometBFT makes on load.
 */
#include "types_internal.h"

#include "cleanup.h"
#include "unpack.h"

#include <inttypes.h>

/* Everything in it is bounded but the app hash. */
#define META_BYTES_MAX ((size_t)64 << 10)

static cmt_status decode_hashes(const Cmt__Pb__Header *h, cmt_header *out, cmt_error *err)
{
    CMT_TRY(cmt_types_hash("Header: last_commit_hash", h->last_commit_hash, &out->last_commit_hash,
                           err));
    CMT_TRY(cmt_types_hash("Header: data_hash", h->data_hash, &out->data_hash, err));
    CMT_TRY(
        cmt_types_hash("Header: validators_hash", h->validators_hash, &out->validators_hash, err));
    CMT_TRY(cmt_types_hash("Header: next_validators_hash", h->next_validators_hash,
                           &out->next_validators_hash, err));
    CMT_TRY(cmt_types_hash("Header: consensus_hash", h->consensus_hash, &out->consensus_hash, err));
    CMT_TRY(cmt_types_app_hash("Header: app_hash", h->app_hash, &out->app_hash, err));
    CMT_TRY(cmt_types_hash("Header: last_results_hash", h->last_results_hash,
                           &out->last_results_hash, err));
    CMT_TRY(cmt_types_hash("Header: evidence_hash", h->evidence_hash, &out->evidence_hash, err));
    return cmt_types_address("Header: proposer_address", h->proposer_address,
                             &out->proposer_address, err);
}

/* Source: types/block.go Header.ValidateBasic */
cmt_status cmt_types_header(const Cmt__Pb__Header *h, cmt_header *out, cmt_error *err)
{
    if (h == NULL || h->version == NULL)
        return cmt_error_set(err, CMT_CORRUPT, "Header: it is absent, or without a version");
    if (h->version->block != CMT_BLOCK_PROTOCOL)
        return cmt_error_set(err, CMT_CORRUPT, "Header: block protocol %" PRIu64 " instead of %d",
                             h->version->block, CMT_BLOCK_PROTOCOL);
    out->version_block = h->version->block;
    out->version_app = h->version->app;
    CMT_TRY(cmt_types_chain_id("Header: chain_id", h->chain_id, out->chain_id, err));
    CMT_TRY(cmt_types_bounds("Header: height", h->height, 1, INT64_MAX, err));
    out->height = h->height;
    CMT_TRY(cmt_types_time("Header: time", h->time, &out->time, err));
    CMT_TRY(
        cmt_types_block_id("Header: last_block_id", h->last_block_id, &out->last_block_id, err));
    return decode_hashes(h, out, err);
}

cmt_status cmt_block_meta_decode(cmt_slice bytes, cmt_block_meta *out, cmt_error *err)
{
    CMT_AUTO(cmt_pb_free) ProtobufCMessage *message = NULL;
    CMT_TRY(cmt_pb_unpack(&cmt__pb__block_meta__descriptor, bytes, META_BYTES_MAX, &message, err));
    const Cmt__Pb__BlockMeta *m = (const Cmt__Pb__BlockMeta *)message;

    cmt_block_meta meta;
    CMT_TRY(cmt_types_block_id("BlockMeta: block_id", m->block_id, &meta.block_id, err));
    CMT_TRY(cmt_types_bounds("BlockMeta: block_size", m->block_size, 0, CMT_BLOCK_BYTES_MAX, err));
    meta.block_size = m->block_size;
    CMT_TRY(cmt_types_header(m->header, &meta.header, err));
    CMT_TRY(cmt_types_bounds("BlockMeta: num_txs", m->num_txs, 0, CMT_BLOCK_BYTES_MAX, err));
    meta.num_txs = m->num_txs;
    *out = meta;
    return CMT_OK;
}
