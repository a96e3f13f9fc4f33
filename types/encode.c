/* SPDX-License-Identifier: Apache-2.0
 *
 * Timestamps, block ids, headers and commits, as gogoproto writes them.
 */
#include "encode.h"

#include "wire.h"

#include <string.h>

/* ---- Timestamp, Duration ----------------------------------------------------------------- */

size_t cmt_encode_time_size(cmt_time time)
{
    return cmt_wire_size_int64(1, time.seconds) + cmt_wire_size_int64(2, time.nanos);
}

cmt_status cmt_encode_time_fields(cmt_time time, cmt_buf *out)
{
    CMT_TRY(cmt_wire_put_int64(out, 1, time.seconds));
    return cmt_wire_put_int64(out, 2, time.nanos);
}

cmt_status cmt_encode_time(uint32_t number, cmt_time time, cmt_buf *out)
{
    CMT_TRY(cmt_wire_put_head(out, number, cmt_encode_time_size(time)));
    return cmt_encode_time_fields(time, out);
}

/* ---- BlockID ----------------------------------------------------------------------------- */

static size_t part_set_header_size(const cmt_block_id *id)
{
    return cmt_wire_size_int64(1, id->part_total) + cmt_wire_size_bytes(2, id->part_hash.size);
}

size_t cmt_encode_block_id_size(const cmt_block_id *id)
{
    return cmt_wire_size_bytes(1, id->hash.size) +
           cmt_wire_size_message(2, part_set_header_size(id));
}

cmt_status cmt_encode_block_id_fields(const cmt_block_id *id, cmt_buf *out)
{
    CMT_TRY(cmt_wire_put_bytes(out, 1, cmt_hash_slice(&id->hash)));
    CMT_TRY(cmt_wire_put_head(out, 2, part_set_header_size(id)));
    CMT_TRY(cmt_wire_put_int64(out, 1, id->part_total));
    return cmt_wire_put_bytes(out, 2, cmt_hash_slice(&id->part_hash));
}

cmt_status cmt_encode_block_id(uint32_t number, const cmt_block_id *id, cmt_buf *out)
{
    CMT_TRY(cmt_wire_put_head(out, number, cmt_encode_block_id_size(id)));
    return cmt_encode_block_id_fields(id, out);
}

/* ---- Header ------------------------------------------------------------------------------ */

size_t cmt_encode_version_size(const cmt_header *header)
{
    return cmt_wire_size_int64(1, (int64_t)header->version_block) +
           cmt_wire_size_int64(2, (int64_t)header->version_app);
}

cmt_status cmt_encode_version_fields(const cmt_header *header, cmt_buf *out)
{
    CMT_TRY(cmt_wire_put_uint64(out, 1, header->version_block));
    return cmt_wire_put_uint64(out, 2, header->version_app);
}

/* Fields 6 to 14, in order. */
#define HEADER_HASHES 9

static void header_hashes(const cmt_header *h, const cmt_hash *out[HEADER_HASHES])
{
    const cmt_hash *hashes[HEADER_HASHES] = {
        &h->last_commit_hash,     &h->data_hash,      &h->validators_hash,
        &h->next_validators_hash, &h->consensus_hash, &h->app_hash,
        &h->last_results_hash,    &h->evidence_hash,  &h->proposer_address,
    };
    memcpy(out, hashes, sizeof hashes);
}

size_t cmt_encode_header_size(const cmt_header *h)
{
    size_t size = cmt_wire_size_message(1, cmt_encode_version_size(h));
    size += cmt_wire_size_bytes(2, strlen(h->chain_id));
    size += cmt_wire_size_int64(3, h->height);
    size += cmt_wire_size_message(4, cmt_encode_time_size(h->time));
    size += cmt_wire_size_message(5, cmt_encode_block_id_size(&h->last_block_id));
    const cmt_hash *hashes[HEADER_HASHES];
    header_hashes(h, hashes);
    for (uint32_t i = 0; i < HEADER_HASHES; i++)
        size += cmt_wire_size_bytes(6 + i, hashes[i]->size);
    return size;
}

cmt_status cmt_encode_header_fields(const cmt_header *h, cmt_buf *out)
{
    CMT_TRY(cmt_wire_put_head(out, 1, cmt_encode_version_size(h)));
    CMT_TRY(cmt_encode_version_fields(h, out));
    cmt_slice chain_id = {(const uint8_t *)h->chain_id, strlen(h->chain_id)};
    CMT_TRY(cmt_wire_put_bytes(out, 2, chain_id));
    CMT_TRY(cmt_wire_put_int64(out, 3, h->height));
    CMT_TRY(cmt_encode_time(4, h->time, out));
    CMT_TRY(cmt_encode_block_id(5, &h->last_block_id, out));
    const cmt_hash *hashes[HEADER_HASHES];
    header_hashes(h, hashes);
    for (uint32_t i = 0; i < HEADER_HASHES; i++)
        CMT_TRY(cmt_wire_put_bytes(out, 6 + i, cmt_hash_slice(hashes[i])));
    return CMT_OK;
}

/* ---- Commit ------------------------------------------------------------------------------ */

size_t cmt_encode_commit_sig_size(const cmt_commit_sig *sig)
{
    return cmt_wire_size_int64(1, sig->flag) + cmt_wire_size_bytes(2, sig->address.size) +
           cmt_wire_size_message(3, cmt_encode_time_size(sig->timestamp)) +
           cmt_wire_size_bytes(4, sig->signature.size);
}

cmt_status cmt_encode_commit_sig_fields(const cmt_commit_sig *sig, cmt_buf *out)
{
    CMT_TRY(cmt_wire_put_int64(out, 1, sig->flag));
    CMT_TRY(cmt_wire_put_bytes(out, 2, sig->address));
    CMT_TRY(cmt_encode_time(3, sig->timestamp, out));
    return cmt_wire_put_bytes(out, 4, sig->signature);
}

size_t cmt_encode_commit_size(const cmt_commit *commit)
{
    size_t size = cmt_wire_size_int64(1, commit->height) + cmt_wire_size_int64(2, commit->round);
    size += cmt_wire_size_message(3, cmt_encode_block_id_size(&commit->block_id));
    for (size_t i = 0; i < commit->count; i++)
        size += cmt_wire_size_message(4, cmt_encode_commit_sig_size(&commit->signatures[i]));
    return size;
}

cmt_status cmt_encode_commit_fields(const cmt_commit *commit, cmt_buf *out)
{
    CMT_TRY(cmt_wire_put_int64(out, 1, commit->height));
    CMT_TRY(cmt_wire_put_int64(out, 2, commit->round));
    CMT_TRY(cmt_encode_block_id(3, &commit->block_id, out));
    for (size_t i = 0; i < commit->count; i++) {
        const cmt_commit_sig *sig = &commit->signatures[i];
        CMT_TRY(cmt_wire_put_head(out, 4, cmt_encode_commit_sig_size(sig)));
        CMT_TRY(cmt_encode_commit_sig_fields(sig, out));
    }
    return CMT_OK;
}
