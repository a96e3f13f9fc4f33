/* SPDX-License-Identifier: Apache-2.0
 *
 * The small records of the block store: metas, parts, the root record, heights as varints.  What decodes is encoded
 * to bytes that decode to the same, and to themselves.  The first byte is a part's index.
 */
#include "fuzz.h"

#include "cmtstore/types_block.h"

#include <string.h>

static void check_meta(cmt_slice bytes)
{
    cmt_block_meta meta;
    cmt_block_meta again;
    if (cmt_block_meta_decode(bytes, &meta, NULL) != CMT_OK)
        return;
    cmt_buf once = CMT_BUF_INIT;
    cmt_buf twice = CMT_BUF_INIT;
    FUZZ_CHECK(cmt_block_meta_encode(&meta, &once) == CMT_OK);
    FUZZ_CHECK(cmt_block_meta_decode(cmt_buf_slice(&once), &again, NULL) == CMT_OK);
    FUZZ_CHECK(strcmp(again.header.chain_id, meta.header.chain_id) == 0);
    FUZZ_CHECK(again.header.height == meta.header.height && again.num_txs == meta.num_txs);
    FUZZ_CHECK(cmt_block_meta_encode(&again, &twice) == CMT_OK);
    FUZZ_CHECK(cmt_slice_equal(cmt_buf_slice(&once), cmt_buf_slice(&twice)));
    cmt_buf_free(&twice);
    cmt_buf_free(&once);
}

static void check_part(cmt_slice bytes, uint32_t index)
{
    cmt_slice piece;
    cmt_error err = CMT_ERROR_INIT;
    cmt_status st = cmt_part_decode(bytes, index, &piece, &err);
    if (st != CMT_OK) {
        FUZZ_CHECK(st == CMT_CORRUPT && err.message[0] != '\0');
        return;
    }
    FUZZ_CHECK(piece.size <= CMT_PART_BYTES);
    FUZZ_CHECK(piece.size == 0 ||
               (piece.data >= bytes.data && piece.data + piece.size <= bytes.data + bytes.size));
    FUZZ_CHECK(cmt_part_decode(bytes, index + 1, &piece, NULL) == CMT_CORRUPT);
}

static void check_root(cmt_slice bytes)
{
    cmt_block_store_state state;
    cmt_block_store_state again;
    if (cmt_block_store_state_decode(bytes, &state, NULL) != CMT_OK)
        return;
    cmt_buf out = CMT_BUF_INIT;
    FUZZ_CHECK(cmt_block_store_state_encode(state, &out) == CMT_OK);
    FUZZ_CHECK(cmt_block_store_state_decode(cmt_buf_slice(&out), &again, NULL) == CMT_OK);
    FUZZ_CHECK(again.base == state.base && again.height == state.height);
    cmt_buf_free(&out);
}

static void check_varint(cmt_slice bytes)
{
    int64_t value;
    int64_t again;
    if (cmt_signed_varint_decode(bytes, &value, NULL) != CMT_OK)
        return;
    cmt_buf out = CMT_BUF_INIT;
    FUZZ_CHECK(cmt_signed_varint_encode(value, &out) == CMT_OK && out.size <= bytes.size);
    FUZZ_CHECK(cmt_signed_varint_decode(cmt_buf_slice(&out), &again, NULL) == CMT_OK);
    FUZZ_CHECK(again == value);
    cmt_buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    cmt_slice bytes = {data + 1, size - 1};
    check_meta(bytes);
    check_part(bytes, data[0]);
    check_root(bytes);
    check_varint(bytes);
    return 0;
}
