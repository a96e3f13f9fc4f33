/* SPDX-License-Identifier: Apache-2.0
 *
 * One stored part of a block.  Read by hand, because the piece is borrowed: blocks are put together
 * from up to 1601 of them.
 */
#include "types_internal.h"

#include "wire.h"

#include <inttypes.h>
#include <string.h>

/* Source: crypto/merkle/proof.go MaxAunts */
#define AUNTS_MAX 100

static void keep_aunt(cmt_merkle_proof *proof, cmt_slice hash)
{
    if (proof->aunt_count < CMT_MERKLE_AUNTS_MAX)
        memcpy(proof->aunts[proof->aunt_count], hash.data, CMT_HASH_SIZE);
    proof->aunt_count++; /* of too many, as many as there are */
}

static cmt_status read_proof(cmt_slice bytes, cmt_types_part *part, cmt_error *err)
{
    cmt_merkle_proof *out = &part->proof;
    cmt_wire_reader r = cmt_wire_read("Proof", bytes);
    cmt_wire_field f;
    cmt_slice hash;
    while (cmt_wire_next(&r, &f)) {
        switch (f.number) {
        case 1:
            CMT_TRY(cmt_wire_get_int64(&r, &f, &out->total, err));
            break;
        case 2:
            CMT_TRY(cmt_wire_get_int64(&r, &f, &out->index, err));
            break;
        case 3:
            CMT_TRY(cmt_wire_get_bytes(&r, &f, &hash, err));
            part->leaf_hash_size = hash.size;
            if (hash.size == CMT_HASH_SIZE)
                memcpy(out->leaf_hash, hash.data, CMT_HASH_SIZE);
            break;
        case 4:
            CMT_TRY(cmt_wire_get_bytes(&r, &f, &hash, err));
            if (hash.size != CMT_HASH_SIZE)
                return cmt_error_set(err, CMT_CORRUPT, "Proof: aunt of %zu bytes instead of %d",
                                     hash.size, CMT_HASH_SIZE);
            keep_aunt(out, hash);
            break;
        default:
            break;
        }
    }
    return cmt_wire_end(&r, err);
}

static cmt_status read_part(cmt_slice bytes, cmt_types_part *out, cmt_error *err)
{
    cmt_wire_reader r = cmt_wire_read("Part", bytes);
    cmt_wire_field f;
    cmt_slice proof_bytes;
    while (cmt_wire_next(&r, &f)) {
        switch (f.number) {
        case 1:
            CMT_TRY(cmt_wire_get_uint64(&r, &f, &out->index, err));
            break;
        case 2:
            CMT_TRY(cmt_wire_get_bytes(&r, &f, &out->piece, err));
            break;
        case 3:
            CMT_TRY(cmt_wire_get_bytes(&r, &f, &proof_bytes, err));
            CMT_TRY(read_proof(proof_bytes, out, err));
            break;
        default:
            break;
        }
    }
    return cmt_wire_end(&r, err);
}

/* Source: types/part_set.go Part.ValidateBasic, crypto/merkle/proof.go Proof.ValidateBasic */
static cmt_status check_part(const cmt_types_part *p, uint32_t index, cmt_error *err)
{
    if (p->index != index || p->proof.index != (int64_t)index)
        return cmt_error_set(err, CMT_CORRUPT,
                             "Part: it says index %" PRIu64 ", proof index %" PRId64
                             ", not %" PRIu32,
                             p->index, p->proof.index, index);
    CMT_TRY(cmt_types_bounds("Part: proof total", p->proof.total, (int64_t)index + 1, CMT_PARTS_MAX,
                             err));
    bool last = (int64_t)index == p->proof.total - 1;
    if (p->piece.size > CMT_PART_BYTES || (!last && p->piece.size != CMT_PART_BYTES))
        return cmt_error_set(err, CMT_CORRUPT,
                             "Part: %zu bytes in part %" PRIu32 " of %" PRId64
                             "; all have %d but the last, which has no more",
                             p->piece.size, index, p->proof.total, CMT_PART_BYTES);
    if (p->leaf_hash_size != CMT_HASH_SIZE)
        return cmt_error_set(err, CMT_CORRUPT, "Proof: leaf hash of %zu bytes instead of %d",
                             p->leaf_hash_size, CMT_HASH_SIZE);
    if (p->proof.aunt_count > AUNTS_MAX)
        return cmt_error_set(err, CMT_CORRUPT, "Proof: %zu aunts; at most %d are allowed",
                             p->proof.aunt_count, AUNTS_MAX);
    return CMT_OK;
}

cmt_status cmt_types_part_read(cmt_slice bytes, uint32_t index, cmt_types_part *out, cmt_error *err)
{
    out->index = 0;
    out->piece = (cmt_slice){NULL, 0};
    out->leaf_hash_size = 0;
    out->proof.total = 0;
    out->proof.index = 0;
    out->proof.aunt_count = 0;
    CMT_TRY(read_part(bytes, out, err));
    return check_part(out, index, err);
}

cmt_status cmt_part_decode(cmt_slice bytes, uint32_t index, cmt_slice *piece, cmt_error *err)
{
    cmt_types_part p;
    CMT_TRY(cmt_types_part_read(bytes, index, &p, err));
    *piece = p.piece;
    return CMT_OK;
}
