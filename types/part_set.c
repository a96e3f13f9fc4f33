/* SPDX-License-Identifier: Apache-2.0
 *
 * A block cut into parts, each with the proof that it belongs to the block; and the way back.
 */
#include "types_internal.h"

#include "encode.h"
#include "wire.h"

#include <inttypes.h>
#include <stdlib.h>

struct cmt_part_set {
    cmt_slice block;
    uint32_t total;
    cmt_merkle_tree *tree;
};

static cmt_slice piece_of(const cmt_part_set *set, uint32_t index)
{
    size_t begin = (size_t)index * CMT_PART_BYTES;
    size_t left = set->block.size - begin;
    return (cmt_slice){set->block.data + begin, left < CMT_PART_BYTES ? left : CMT_PART_BYTES};
}

static cmt_status hash_pieces(cmt_part_set *set, cmt_error *err)
{
    cmt_slice *pieces = malloc(set->total * sizeof *pieces);
    if (pieces == NULL)
        return cmt_error_set(err, CMT_NO_MEMORY, "part set: no memory for %" PRIu32 " parts",
                             set->total);
    for (uint32_t i = 0; i < set->total; i++)
        pieces[i] = piece_of(set, i);
    cmt_status st = cmt_merkle_tree_new(pieces, set->total, &set->tree, err);
    free(pieces);
    return st;
}

cmt_status cmt_part_set_new(cmt_slice block, cmt_part_set **out, cmt_error *err)
{
    *out = NULL;
    if (block.size == 0 || block.size > CMT_BLOCK_BYTES_MAX)
        return cmt_error_set(err, CMT_OUT_OF_RANGE,
                             "part set: a block of %zu bytes; it must have 1 to %d", block.size,
                             CMT_BLOCK_BYTES_MAX);
    cmt_part_set *set = calloc(1, sizeof *set);
    if (set == NULL)
        return cmt_error_set(err, CMT_NO_MEMORY, "part set: no memory");
    set->block = block;
    set->total = (uint32_t)((block.size + CMT_PART_BYTES - 1) / CMT_PART_BYTES);
    cmt_status st = hash_pieces(set, err);
    if (st == CMT_OK)
        *out = set;
    else
        cmt_part_set_free(set);
    return st;
}

void cmt_part_set_free(cmt_part_set *set)
{
    if (set == NULL)
        return;
    cmt_merkle_tree_free(set->tree);
    free(set);
}

uint32_t cmt_part_set_total(const cmt_part_set *set)
{
    return set->total;
}

size_t cmt_part_set_bytes(const cmt_part_set *set)
{
    return set->block.size;
}

cmt_hash cmt_part_set_hash(const cmt_part_set *set)
{
    return cmt_merkle_tree_root(set->tree);
}

/* ---- one part ---------------------------------------------------------------------------- */

static size_t proof_size(const cmt_merkle_proof *proof)
{
    return cmt_wire_size_int64(1, proof->total) + cmt_wire_size_int64(2, proof->index) +
           cmt_wire_size_bytes(3, CMT_HASH_SIZE) +
           proof->aunt_count * cmt_wire_size_message(4, CMT_HASH_SIZE);
}

static cmt_status write_part(uint32_t index, cmt_slice piece, const cmt_merkle_proof *proof,
                             cmt_buf *out)
{
    size_t size = proof_size(proof);
    CMT_TRY(cmt_wire_start(out, cmt_wire_size_int64(1, index) + cmt_wire_size_bytes(2, piece.size) +
                                    cmt_wire_size_message(3, size)));
    CMT_TRY(cmt_wire_put_int64(out, 1, index));
    CMT_TRY(cmt_wire_put_bytes(out, 2, piece));
    CMT_TRY(cmt_wire_put_head(out, 3, size));
    CMT_TRY(cmt_wire_put_int64(out, 1, proof->total));
    CMT_TRY(cmt_wire_put_int64(out, 2, proof->index));
    CMT_TRY(cmt_wire_put_bytes(out, 3, (cmt_slice){proof->leaf_hash, CMT_HASH_SIZE}));
    for (size_t i = 0; i < proof->aunt_count; i++)
        CMT_TRY(cmt_wire_put_message(out, 4, (cmt_slice){proof->aunts[i], CMT_HASH_SIZE}));
    return CMT_OK;
}

cmt_status cmt_part_set_encode(const cmt_part_set *set, uint32_t index, cmt_buf *out,
                               cmt_error *err)
{
    cmt_merkle_proof proof;
    CMT_TRY(cmt_merkle_tree_prove(set->tree, index, &proof, err));
    cmt_status st = write_part(index, piece_of(set, index), &proof, out);
    if (st != CMT_OK)
        return cmt_error_set(err, st, "Part: no memory to encode number %" PRIu32, index);
    return CMT_OK;
}

cmt_status cmt_part_verify(cmt_slice bytes, uint32_t index, const cmt_block_id *id,
                           cmt_slice *piece, cmt_error *err)
{
    cmt_types_part part;
    CMT_TRY(cmt_types_part_read(bytes, index, &part, err));
    if (part.proof.total != (int64_t)id->part_total)
        return cmt_error_set(err, CMT_CORRUPT,
                             "Part: it is one of %" PRId64 ", the block has %" PRIu32,
                             part.proof.total, id->part_total);
    cmt_status st = cmt_merkle_verify(&part.proof, id->part_hash, part.piece, err);
    if (st != CMT_OK)
        return cmt_error_prefix(err, st, "Part %" PRIu32, index);
    *piece = part.piece;
    return CMT_OK;
}

static cmt_status append_parts(const cmt_slice *parts, size_t count, const cmt_block_id *id,
                               cmt_buf *out, cmt_error *err)
{
    cmt_buf_clear(out);
    for (size_t i = 0; i < count; i++) {
        cmt_slice piece;
        CMT_TRY(cmt_part_verify(parts[i], (uint32_t)i, id, &piece, err));
        cmt_status st = cmt_buf_append(out, piece.data, piece.size);
        if (st != CMT_OK)
            return cmt_error_set(err, st, "block: no memory for %zu parts", count);
    }
    return CMT_OK;
}

cmt_status cmt_block_assemble(const cmt_slice *parts, size_t count, const cmt_block_id *id,
                              cmt_buf *out, cmt_error *err)
{
    if (count == 0 || count != id->part_total || count > CMT_PARTS_MAX)
        return cmt_error_set(err, CMT_OUT_OF_RANGE, "block: %zu parts of %" PRIu32, count,
                             id->part_total);
    cmt_status st = append_parts(parts, count, id, out, err);
    if (st != CMT_OK)
        cmt_buf_clear(out);
    return st;
}
