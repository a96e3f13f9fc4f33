/* SPDX-License-Identifier: Apache-2.0
 *
 * The small fields that several messages share, checked and copied out of generated structs.
 */
#include "types_internal.h"

#include <inttypes.h>
#include <string.h>

/* 10000-01-01; both ends are those of google.protobuf.Timestamp, which gogoproto enforces. */
#define TIME_SECONDS_END 253402300800

static void copy_hash(ProtobufCBinaryData bytes, cmt_hash *out)
{
    memset(out, 0, sizeof *out);
    if (bytes.len > 0)
        memcpy(out->bytes, bytes.data, bytes.len);
    out->size = bytes.len;
}

cmt_status cmt_types_hash(const char *what, ProtobufCBinaryData bytes, cmt_hash *out,
                          cmt_error *err)
{
    if (bytes.len != 0 && bytes.len != CMT_HASH_SIZE)
        return cmt_error_set(err, CMT_CORRUPT, "%s: %zu bytes instead of 0 or %d", what, bytes.len,
                             CMT_HASH_SIZE);
    copy_hash(bytes, out);
    return CMT_OK;
}

cmt_status cmt_types_app_hash(const char *what, ProtobufCBinaryData bytes, cmt_hash *out,
                              cmt_error *err)
{
    if (bytes.len > sizeof out->bytes)
        return cmt_error_set(err, CMT_UNSUPPORTED, "%s: %zu bytes; at most %zu are supported", what,
                             bytes.len, sizeof out->bytes);
    copy_hash(bytes, out);
    return CMT_OK;
}

cmt_status cmt_types_address(const char *what, ProtobufCBinaryData bytes, cmt_hash *out,
                             cmt_error *err)
{
    if (bytes.len != CMT_ADDRESS_SIZE)
        return cmt_error_set(err, CMT_CORRUPT, "%s: %zu bytes instead of %d", what, bytes.len,
                             CMT_ADDRESS_SIZE);
    copy_hash(bytes, out);
    return CMT_OK;
}

cmt_status cmt_types_chain_id(const char *what, ProtobufCBinaryData bytes,
                              char out[CMT_CHAIN_ID_MAX + 1], cmt_error *err)
{
    if (bytes.len > CMT_CHAIN_ID_MAX)
        return cmt_error_set(err, CMT_CORRUPT, "%s: %zu bytes; at most %d are allowed", what,
                             bytes.len, CMT_CHAIN_ID_MAX);
    if (bytes.len > 0 && memchr(bytes.data, 0, bytes.len) != NULL)
        return cmt_error_set(err, CMT_CORRUPT, "%s holds a zero byte", what);
    memset(out, 0, CMT_CHAIN_ID_MAX + 1);
    if (bytes.len > 0)
        memcpy(out, bytes.data, bytes.len);
    return CMT_OK;
}

cmt_status cmt_types_block_id(const char *what, const Cmt__Pb__BlockID *id, cmt_block_id *out,
                              cmt_error *err)
{
    memset(out, 0, sizeof *out);
    if (id == NULL)
        return CMT_OK;
    CMT_TRY(cmt_types_hash(what, id->hash, &out->hash, err));
    const Cmt__Pb__PartSetHeader *parts = id->part_set_header;
    if (parts == NULL)
        return CMT_OK;
    if (parts->total > CMT_PARTS_MAX)
        return cmt_error_set(err, CMT_CORRUPT, "%s: %" PRIu32 " parts; at most %d are possible",
                             what, parts->total, CMT_PARTS_MAX);
    out->part_total = parts->total;
    return cmt_types_hash(what, parts->hash, &out->part_hash, err);
}

cmt_status cmt_types_time(const char *what, const Cmt__Pb__Timestamp *time, cmt_time *out,
                          cmt_error *err)
{
    if (time == NULL) {
        *out = CMT_GO_ZERO_TIME;
        return CMT_OK;
    }
    if (time->seconds < CMT_GO_ZERO_TIME.seconds || time->seconds >= TIME_SECONDS_END ||
        time->nanos < 0 || time->nanos > 999999999)
        return cmt_error_set(err, CMT_CORRUPT, "%s: %" PRId64 " s %" PRId32 " ns is no time", what,
                             time->seconds, time->nanos);
    *out = (cmt_time){time->seconds, time->nanos};
    return CMT_OK;
}

cmt_status cmt_types_bounds(const char *what, int64_t value, int64_t lo, int64_t hi, cmt_error *err)
{
    if (value >= lo && value <= hi)
        return CMT_OK;
    return cmt_error_set(err, CMT_CORRUPT, "%s: %" PRId64 " is not in [%" PRId64 ",%" PRId64 "]",
                         what, value, lo, hi);
}
