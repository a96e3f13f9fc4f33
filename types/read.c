/* SPDX-License-Identifier: Apache-2.0
 *
 * The messages that blocks and evidence hold, read by hand.
 */
#include "read.h"

static cmt_status read_binary(const cmt_wire_reader *r, const cmt_wire_field *f,
                              ProtobufCBinaryData *out, cmt_error *err)
{
    cmt_slice bytes;
    CMT_TRY(cmt_wire_get_bytes(r, f, &bytes, err));
    *out = (ProtobufCBinaryData){bytes.size, (uint8_t *)bytes.data};
    return CMT_OK;
}

cmt_status cmt_types_read_int32(const cmt_wire_reader *r, const cmt_wire_field *f, int32_t *out,
                                cmt_error *err)
{
    uint64_t value;
    CMT_TRY(cmt_wire_get_uint64(r, f, &value, err));
    *out = (int32_t)(uint32_t)value;
    return CMT_OK;
}

/* A time that comes again replaces the one before. */
cmt_status cmt_types_read_time(const cmt_wire_reader *r, const cmt_wire_field *f,
                               Cmt__Pb__Timestamp *out, cmt_error *err)
{
    cmt_slice bytes;
    CMT_TRY(cmt_wire_get_bytes(r, f, &bytes, err));
    out->seconds = 0;
    out->nanos = 0;
    cmt_wire_reader inner = cmt_wire_read("Timestamp", bytes);
    cmt_wire_field field;
    while (cmt_wire_next(&inner, &field)) {
        if (field.number == 1)
            CMT_TRY(cmt_wire_get_int64(&inner, &field, &out->seconds, err));
        else if (field.number == 2)
            CMT_TRY(cmt_types_read_int32(&inner, &field, &out->nanos, err));
    }
    return cmt_wire_end(&inner, err);
}

static cmt_status read_part_set_header(cmt_slice bytes, Cmt__Pb__PartSetHeader *out, cmt_error *err)
{
    cmt_wire_reader r = cmt_wire_read("PartSetHeader", bytes);
    cmt_wire_field f;
    while (cmt_wire_next(&r, &f)) {
        int32_t total;
        if (f.number == 1) {
            CMT_TRY(cmt_types_read_int32(&r, &f, &total, err));
            out->total = (uint32_t)total;
        } else if (f.number == 2) {
            CMT_TRY(read_binary(&r, &f, &out->hash, err));
        }
    }
    return cmt_wire_end(&r, err);
}

cmt_status cmt_types_read_block_id(cmt_slice bytes, cmt_read_block_id *out, cmt_error *err)
{
    out->id.part_set_header = &out->parts;
    cmt_wire_reader r = cmt_wire_read("BlockID", bytes);
    cmt_wire_field f;
    cmt_slice parts;
    while (cmt_wire_next(&r, &f)) {
        if (f.number == 1) {
            CMT_TRY(read_binary(&r, &f, &out->id.hash, err));
        } else if (f.number == 2) {
            CMT_TRY(cmt_wire_get_bytes(&r, &f, &parts, err));
            CMT_TRY(read_part_set_header(parts, &out->parts, err));
        }
    }
    return cmt_wire_end(&r, err);
}

/* ---- header ------------------------------------------------------------------------------ */

static cmt_status read_version(cmt_slice bytes, Cmt__Pb__Consensus *out, cmt_error *err)
{
    cmt_wire_reader r = cmt_wire_read("Consensus", bytes);
    cmt_wire_field f;
    while (cmt_wire_next(&r, &f)) {
        if (f.number == 1)
            CMT_TRY(cmt_wire_get_uint64(&r, &f, &out->block, err));
        else if (f.number == 2)
            CMT_TRY(cmt_wire_get_uint64(&r, &f, &out->app, err));
    }
    return cmt_wire_end(&r, err);
}

/* Fields 2 and 6 to 14; NULL for any other. */
static ProtobufCBinaryData *header_bytes(Cmt__Pb__Header *h, uint32_t number)
{
    ProtobufCBinaryData *const fields[] = {
        &h->last_commit_hash,     &h->data_hash,      &h->validators_hash,
        &h->next_validators_hash, &h->consensus_hash, &h->app_hash,
        &h->last_results_hash,    &h->evidence_hash,  &h->proposer_address,
    };
    if (number == 2)
        return &h->chain_id;
    return number >= 6 && number <= 14 ? fields[number - 6] : NULL;
}

cmt_status cmt_types_read_header(cmt_slice bytes, cmt_read_header *out, cmt_error *err)
{
    out->header.version = &out->version;
    out->header.last_block_id = &out->last_block_id.id;
    cmt_wire_reader r = cmt_wire_read("Header", bytes);
    cmt_wire_field f;
    cmt_slice message;
    while (cmt_wire_next(&r, &f)) {
        ProtobufCBinaryData *binary = header_bytes(&out->header, f.number);
        if (binary != NULL) {
            CMT_TRY(read_binary(&r, &f, binary, err));
        } else if (f.number == 1) {
            CMT_TRY(cmt_wire_get_bytes(&r, &f, &message, err));
            CMT_TRY(read_version(message, &out->version, err));
        } else if (f.number == 3) {
            CMT_TRY(cmt_wire_get_int64(&r, &f, &out->header.height, err));
        } else if (f.number == 4) {
            CMT_TRY(cmt_types_read_time(&r, &f, &out->time, err));
            out->header.time = &out->time;
        } else if (f.number == 5) {
            CMT_TRY(cmt_wire_get_bytes(&r, &f, &message, err));
            CMT_TRY(cmt_types_read_block_id(message, &out->last_block_id, err));
        }
    }
    return cmt_wire_end(&r, err);
}

/* ---- commit ------------------------------------------------------------------------------ */

cmt_status cmt_types_read_commit(cmt_slice bytes, cmt_read_commit *out, cmt_error *err)
{
    cmt_wire_reader r = cmt_wire_read("Commit", bytes);
    cmt_wire_field f;
    cmt_slice message;
    while (cmt_wire_next(&r, &f)) {
        switch (f.number) {
        case 1:
            CMT_TRY(cmt_wire_get_int64(&r, &f, &out->height, err));
            break;
        case 2:
            CMT_TRY(cmt_types_read_int32(&r, &f, &out->round, err));
            break;
        case 3:
            CMT_TRY(cmt_wire_get_bytes(&r, &f, &message, err));
            CMT_TRY(cmt_types_read_block_id(message, &out->block_id, err));
            break;
        case 4:
            CMT_TRY(cmt_wire_get_bytes(&r, &f, &message, err));
            out->signatures++;
            break;
        default:
            break;
        }
    }
    return cmt_wire_end(&r, err);
}

cmt_status cmt_types_take_commit(const cmt_read_commit *in, cmt_commit *out, cmt_error *err)
{
    CMT_TRY(cmt_types_bounds("Commit: height", in->height, 0, INT64_MAX, err));
    CMT_TRY(cmt_types_bounds("Commit: round", in->round, 0, INT32_MAX, err));
    CMT_TRY(cmt_types_block_id("Commit: block_id", &in->block_id.id, &out->block_id, err));
    out->height = in->height;
    out->round = in->round;
    if (in->height == 0)
        return CMT_OK;
    if (cmt_types_block_id_is_zero(&out->block_id))
        return cmt_error_set(err, CMT_CORRUPT, "Commit: it is for no block");
    if (in->signatures == 0)
        return cmt_error_set(err, CMT_CORRUPT, "Commit: it has no signatures");
    return CMT_OK;
}

cmt_status cmt_types_read_signature(cmt_slice bytes, cmt_commit_sig *out, cmt_error *err)
{
    Cmt__Pb__Timestamp time;
    const Cmt__Pb__Timestamp *seen = NULL;
    cmt_wire_reader r = cmt_wire_read("CommitSig", bytes);
    cmt_wire_field f;
    while (cmt_wire_next(&r, &f)) {
        switch (f.number) {
        case 1:
            CMT_TRY(cmt_types_read_int32(&r, &f, &out->flag, err));
            break;
        case 2:
            CMT_TRY(cmt_wire_get_bytes(&r, &f, &out->address, err));
            break;
        case 3:
            CMT_TRY(cmt_types_read_time(&r, &f, &time, err));
            seen = &time;
            break;
        case 4:
            CMT_TRY(cmt_wire_get_bytes(&r, &f, &out->signature, err));
            break;
        default:
            break;
        }
    }
    CMT_TRY(cmt_wire_end(&r, err));
    CMT_TRY(cmt_types_time("timestamp", seen, &out->timestamp, err));
    return cmt_types_check_signature(out, err);
}

cmt_status cmt_types_read_signatures(cmt_slice bytes, cmt_commit *out, cmt_error *err)
{
    cmt_wire_reader r = cmt_wire_read("Commit", bytes);
    cmt_wire_field f;
    while (cmt_wire_next(&r, &f)) {
        if (f.number != 4)
            continue;
        cmt_commit_sig *sig = &out->signatures[out->count];
        *sig = (cmt_commit_sig){0};
        cmt_status st = cmt_types_read_signature(f.bytes, sig, err);
        if (st != CMT_OK)
            return cmt_error_prefix(err, st, "Commit: signature %zu", out->count);
        out->count++;
    }
    return cmt_wire_end(&r, err);
}
