/* SPDX-License-Identifier: Apache-2.0
 *
 * ConsensusParamsInfo and ValidatorsInfo: a message and the height it last changed at, or only
 * that height.
 */
#include "types_internal.h"

#include "wire.h"

typedef struct info {
    bool has_message;
    cmt_slice message; /* field 1 */
    int64_t height;    /* field 2: last_height_changed */
} info;

static cmt_status read_info(const char *name, cmt_slice bytes, info *out, cmt_error *err)
{
    cmt_wire_reader r = cmt_wire_read(name, bytes);
    cmt_wire_field f;
    while (cmt_wire_next(&r, &f)) {
        if (f.number == 1)
            CMT_TRY(cmt_wire_get_whole(&r, &f, &out->has_message, &out->message, err));
        else if (f.number == 2)
            CMT_TRY(cmt_wire_get_int64(&r, &f, &out->height, err));
    }
    CMT_TRY(cmt_wire_end(&r, err));
    cmt_status st = cmt_types_bounds("last_height_changed", out->height, 0, INT64_MAX, err);
    return st == CMT_OK ? CMT_OK : cmt_error_prefix(err, st, "%s", name);
}

static cmt_status write_info(const info *in, cmt_buf *out)
{
    size_t size = in->has_message ? cmt_wire_size_message(1, in->message.size) : 0;
    CMT_TRY(cmt_wire_start(out, size + cmt_wire_size_int64(2, in->height)));
    if (in->has_message)
        CMT_TRY(cmt_wire_put_message(out, 1, in->message));
    return cmt_wire_put_int64(out, 2, in->height);
}

cmt_status cmt_params_info_decode(cmt_slice bytes, cmt_params_info *out, cmt_error *err)
{
    info in = {false, {NULL, 0}, 0};
    CMT_TRY(read_info("ConsensusParamsInfo", bytes, &in, err));
    bool empty;
    CMT_TRY(cmt_consensus_params_is_empty(in.message, &empty, err));
    *out = (cmt_params_info){in.message, empty, in.height};
    return CMT_OK;
}

cmt_status cmt_params_info_encode(cmt_slice params, int64_t last_height_changed, cmt_buf *out)
{
    info in = {true, params, last_height_changed};
    return write_info(&in, out);
}

cmt_status cmt_validators_info_decode(cmt_slice bytes, cmt_validators_info *out, cmt_error *err)
{
    info in = {false, {NULL, 0}, 0};
    CMT_TRY(read_info("ValidatorsInfo", bytes, &in, err));
    *out = (cmt_validators_info){in.has_message, in.message, in.height};
    return CMT_OK;
}

cmt_status cmt_validators_info_encode(cmt_slice set, int64_t last_height_changed, cmt_buf *out)
{
    info in = {true, set, last_height_changed};
    return write_info(&in, out);
}

cmt_status cmt_validators_info_encode_pointer(int64_t last_height_changed, cmt_buf *out)
{
    info in = {false, {NULL, 0}, last_height_changed};
    return write_info(&in, out);
}

int64_t cmt_validators_stored_height(int64_t height, int64_t last_height_changed)
{
    int64_t checkpoint = height - height % CMT_VALIDATOR_CHECKPOINT;
    return checkpoint > last_height_changed ? checkpoint : last_height_changed;
}
