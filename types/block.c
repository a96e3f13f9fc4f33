/* SPDX-License-Identifier: Apache-2.0
 *
 * Block: decoded with the checks that need nothing but the block, and encoded again.
 *
 * Read twice: what repeats is counted first, so that memory is taken once and only for what is there.
 */
#include "types_internal.h"

#include "encode.h"
#include "read.h"

#include <stdlib.h>

typedef struct counts {
    cmt_read_header header;
    cmt_read_commit commit;
    bool has_commit;
    size_t txs;
    size_t evidence;
} counts;

/* ---- reading ----------------------------------------------------------------------------- */

/* Data and EvidenceList: messages with one repeated field.  @p out may be NULL: only count. */
static cmt_status read_list(const char *name, cmt_slice bytes, cmt_slice *out, size_t *count,
                            cmt_error *err)
{
    cmt_wire_reader r = cmt_wire_read(name, bytes);
    cmt_wire_field f;
    cmt_slice item;
    while (cmt_wire_next(&r, &f)) {
        if (f.number != 1)
            continue;
        CMT_TRY(cmt_wire_get_bytes(&r, &f, &item, err));
        if (out != NULL)
            out[*count] = item;
        ++*count;
    }
    return cmt_wire_end(&r, err);
}

static cmt_status count_block(cmt_slice bytes, counts *out, cmt_error *err)
{
    cmt_wire_reader r = cmt_wire_read("Block", bytes);
    cmt_wire_field f;
    cmt_slice message;
    while (cmt_wire_next(&r, &f)) {
        if (f.number > 4)
            continue;
        CMT_TRY(cmt_wire_get_bytes(&r, &f, &message, err));
        switch (f.number) {
        case 1:
            CMT_TRY(cmt_types_read_header(message, &out->header, err));
            break;
        case 2:
            CMT_TRY(read_list("Data", message, NULL, &out->txs, err));
            break;
        case 3:
            CMT_TRY(read_list("EvidenceList", message, NULL, &out->evidence, err));
            break;
        default:
            CMT_TRY(cmt_types_read_commit(message, &out->commit, err));
            out->has_commit = true;
        }
    }
    return cmt_wire_end(&r, err);
}

static bool make_room(const counts *in, cmt_block *out)
{
    if (in->txs > 0)
        out->txs = calloc(in->txs, sizeof *out->txs);
    if (in->evidence > 0)
        out->evidence = calloc(in->evidence, sizeof *out->evidence);
    if (in->commit.signatures > 0)
        out->last_commit.signatures =
            calloc(in->commit.signatures, sizeof *out->last_commit.signatures);
    return (in->txs == 0 || out->txs != NULL) && (in->evidence == 0 || out->evidence != NULL) &&
           (in->commit.signatures == 0 || out->last_commit.signatures != NULL);
}

static cmt_status fill(cmt_slice bytes, cmt_block *out, cmt_error *err)
{
    cmt_wire_reader r = cmt_wire_read("Block", bytes);
    cmt_wire_field f;
    while (cmt_wire_next(&r, &f)) {
        if (f.number == 2)
            CMT_TRY(read_list("Data", f.bytes, out->txs, &out->tx_count, err));
        else if (f.number == 3)
            CMT_TRY(read_list("EvidenceList", f.bytes, out->evidence, &out->evidence_count, err));
        else if (f.number == 4)
            CMT_TRY(cmt_types_read_signatures(f.bytes, &out->last_commit, err));
    }
    return cmt_wire_end(&r, err);
}

static cmt_status decode(cmt_slice bytes, cmt_block *out, cmt_error *err)
{
    counts in = {0};
    CMT_TRY(count_block(bytes, &in, err));
    CMT_TRY(cmt_types_header(&in.header.header, &out->header, err));
    if (!in.has_commit)
        return cmt_error_set(err, CMT_CORRUPT, "Block: it has no last commit");
    CMT_TRY(cmt_types_take_commit(&in.commit, &out->last_commit, err));
    if (!make_room(&in, out))
        return cmt_error_set(err, CMT_NO_MEMORY,
                             "Block: no memory for %zu transactions and %zu signatures", in.txs,
                             in.commit.signatures);
    CMT_TRY(fill(bytes, out, err));
    return cmt_types_check_contents(out, err);
}

cmt_status cmt_block_decode(cmt_slice bytes, cmt_block *out, cmt_error *err)
{
    *out = (cmt_block){0};
    if (bytes.size > CMT_BLOCK_BYTES_MAX)
        return cmt_error_set(err, CMT_CORRUPT, "Block: %zu bytes; at most %d are allowed",
                             bytes.size, CMT_BLOCK_BYTES_MAX);
    cmt_status st = decode(bytes, out, err);
    if (st != CMT_OK)
        cmt_block_free(out);
    return st;
}

void cmt_block_free(cmt_block *block)
{
    if (block == NULL)
        return;
    free(block->txs);
    free(block->evidence);
    cmt_commit_free(&block->last_commit);
    *block = (cmt_block){0};
}

/* ---- writing ----------------------------------------------------------------------------- */

static size_t list_size(const cmt_slice *items, size_t count)
{
    size_t size = 0;
    for (size_t i = 0; i < count; i++)
        size += cmt_wire_size_message(1, items[i].size);
    return size;
}

static cmt_status write_list(uint32_t number, const cmt_slice *items, size_t count, cmt_buf *out)
{
    CMT_TRY(cmt_wire_put_head(out, number, list_size(items, count)));
    for (size_t i = 0; i < count; i++)
        CMT_TRY(cmt_wire_put_message(out, 1, items[i]));
    return CMT_OK;
}

size_t cmt_block_size(const cmt_block *block)
{
    return cmt_wire_size_message(1, cmt_encode_header_size(&block->header)) +
           cmt_wire_size_message(2, list_size(block->txs, block->tx_count)) +
           cmt_wire_size_message(3, list_size(block->evidence, block->evidence_count)) +
           cmt_wire_size_message(4, cmt_encode_commit_size(&block->last_commit));
}

cmt_status cmt_block_encode(const cmt_block *block, cmt_buf *out)
{
    CMT_TRY(cmt_wire_start(out, cmt_block_size(block)));
    CMT_TRY(cmt_wire_put_head(out, 1, cmt_encode_header_size(&block->header)));
    CMT_TRY(cmt_encode_header_fields(&block->header, out));
    CMT_TRY(write_list(2, block->txs, block->tx_count, out));
    CMT_TRY(write_list(3, block->evidence, block->evidence_count, out));
    CMT_TRY(cmt_wire_put_head(out, 4, cmt_encode_commit_size(&block->last_commit)));
    return cmt_encode_commit_fields(&block->last_commit, out);
}

cmt_status cmt_header_encode(const cmt_header *header, cmt_buf *out)
{
    CMT_TRY(cmt_wire_start(out, cmt_encode_header_size(header)));
    return cmt_encode_header_fields(header, out);
}

cmt_status cmt_block_meta_encode(const cmt_block_meta *meta, cmt_buf *out)
{
    size_t id = cmt_encode_block_id_size(&meta->block_id);
    size_t header = cmt_encode_header_size(&meta->header);
    CMT_TRY(cmt_wire_start(
        out, cmt_wire_size_message(1, id) + cmt_wire_size_int64(2, meta->block_size) +
                 cmt_wire_size_message(3, header) + cmt_wire_size_int64(4, meta->num_txs)));
    CMT_TRY(cmt_encode_block_id(1, &meta->block_id, out));
    CMT_TRY(cmt_wire_put_int64(out, 2, meta->block_size));
    CMT_TRY(cmt_wire_put_head(out, 3, header));
    CMT_TRY(cmt_encode_header_fields(&meta->header, out));
    return cmt_wire_put_int64(out, 4, meta->num_txs);
}
