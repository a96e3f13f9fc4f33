/* SPDX-License-Identifier: Apache-2.0
 *
 * BlockStoreState: the root record of the block store.
 */
#include "types_internal.h"

#include "wire.h"

#include <inttypes.h>

/* After the only block was deleted, base is height + 1.
 * Source: store/store.go LoadBlockStoreState */
cmt_status cmt_block_store_state_decode(cmt_slice bytes, cmt_block_store_state *out, cmt_error *err)
{
    cmt_block_store_state state = {0, 0};
    cmt_wire_reader r = cmt_wire_read("BlockStoreState", bytes);
    cmt_wire_field f;
    while (cmt_wire_next(&r, &f)) {
        if (f.number == 1)
            CMT_TRY(cmt_wire_get_int64(&r, &f, &state.base, err));
        else if (f.number == 2)
            CMT_TRY(cmt_wire_get_int64(&r, &f, &state.height, err));
    }
    CMT_TRY(cmt_wire_end(&r, err));
    CMT_TRY(cmt_types_bounds("BlockStoreState: height", state.height, 0, INT64_MAX, err));
    if (state.base < 0 || state.base - 1 > state.height)
        return cmt_error_set(err, CMT_CORRUPT,
                             "BlockStoreState: base %" PRId64 " does not go with height %" PRId64,
                             state.base, state.height);
    if (state.height > 0 && state.base == 0)
        state.base = 1; /* written before there was a base */
    *out = state;
    return CMT_OK;
}

cmt_status cmt_block_store_state_encode(cmt_block_store_state state, cmt_buf *out)
{
    CMT_TRY(cmt_wire_start(out, cmt_wire_size_int64(1, state.base) +
                                    cmt_wire_size_int64(2, state.height)));
    CMT_TRY(cmt_wire_put_int64(out, 1, state.base));
    return cmt_wire_put_int64(out, 2, state.height);
}
