/* SPDX-License-Identifier: Apache-2.0
 *
 * ConsensusParams section by section.
 */
#include "params_read.h"

#include "types_internal.h"
#include "wire.h"

#include <string.h>

static cmt_status read_block(cmt_slice bytes, cmt_consensus_params *out, cmt_error *err)
{
    cmt_wire_reader r = cmt_wire_read("BlockParams", bytes);
    cmt_wire_field f;
    while (cmt_wire_next(&r, &f)) {
        if (f.number == 1)
            CMT_TRY(cmt_wire_get_int64(&r, &f, &out->block_max_bytes, err));
        else if (f.number == 2)
            CMT_TRY(cmt_wire_get_int64(&r, &f, &out->block_max_gas, err));
    }
    return cmt_wire_end(&r, err);
}

static cmt_status read_duration(const cmt_wire_reader *r, const cmt_wire_field *f, int64_t *out,
                                cmt_error *err)
{
    cmt_slice bytes;
    int64_t seconds = 0;
    int64_t nanos = 0;
    CMT_TRY(cmt_wire_get_bytes(r, f, &bytes, err));
    cmt_wire_reader inner = cmt_wire_read("Duration", bytes);
    cmt_wire_field field;
    while (cmt_wire_next(&inner, &field)) {
        if (field.number == 1)
            CMT_TRY(cmt_wire_get_int64(&inner, &field, &seconds, err));
        else if (field.number == 2)
            CMT_TRY(cmt_wire_get_int64(&inner, &field, &nanos, err));
    }
    CMT_TRY(cmt_wire_end(&inner, err));
    CMT_TRY(cmt_types_bounds("Duration: nanos", nanos, -999999999, 999999999, err));
    int64_t ns;
    if ((seconds > 0 && nanos < 0) || (seconds < 0 && nanos > 0) ||
        __builtin_mul_overflow(seconds, (int64_t)1000000000, &ns) ||
        __builtin_add_overflow(ns, nanos, &ns))
        return cmt_error_set(err, CMT_CORRUPT, "Duration: it is none of 64 bits");
    *out = ns;
    return CMT_OK;
}

static cmt_status read_evidence(cmt_slice bytes, cmt_consensus_params *out, cmt_error *err)
{
    cmt_wire_reader r = cmt_wire_read("EvidenceParams", bytes);
    cmt_wire_field f;
    while (cmt_wire_next(&r, &f)) {
        if (f.number == 1)
            CMT_TRY(cmt_wire_get_int64(&r, &f, &out->evidence_max_age_num_blocks, err));
        else if (f.number == 2)
            CMT_TRY(read_duration(&r, &f, &out->evidence_max_age_duration_ns, err));
        else if (f.number == 3)
            CMT_TRY(cmt_wire_get_int64(&r, &f, &out->evidence_max_bytes, err));
    }
    return cmt_wire_end(&r, err);
}

/* @p room counts the zero at the end. */
static cmt_status copy_text(const char *what, cmt_slice text, char *out, size_t room,
                            cmt_error *err)
{
    if (text.size >= room || memchr(text.data, 0, text.size) != NULL)
        return cmt_error_set(err, CMT_UNSUPPORTED, "ConsensusParams: %s of %zu bytes", what,
                             text.size);
    memset(out, 0, room);
    memcpy(out, text.data, text.size);
    return CMT_OK;
}

static cmt_status read_validator(cmt_slice bytes, cmt_params *out, cmt_error *err)
{
    cmt_wire_reader r = cmt_wire_read("ValidatorParams", bytes);
    cmt_wire_field f;
    cmt_slice name;
    while (cmt_wire_next(&r, &f)) {
        if (f.number != 1)
            continue;
        CMT_TRY(cmt_wire_get_bytes(&r, &f, &name, err));
        if (out->key_type_count == CMT_PARAMS_KEY_TYPES_MAX)
            return cmt_error_set(err, CMT_UNSUPPORTED,
                                 "ConsensusParams: more than %d types of validator keys",
                                 CMT_PARAMS_KEY_TYPES_MAX);
        CMT_TRY(copy_text("a key type", name, out->key_types[out->key_type_count],
                          CMT_PARAMS_KEY_TYPE_SIZE, err));
        out->key_type_count++;
    }
    return cmt_wire_end(&r, err);
}

/* ABCIParams, Int64Value, VersionParams: a message of one number. */
static cmt_status read_number(const char *name, cmt_slice bytes, int64_t *out, cmt_error *err)
{
    cmt_wire_reader r = cmt_wire_read(name, bytes);
    cmt_wire_field f;
    while (cmt_wire_next(&r, &f)) {
        if (f.number == 1)
            CMT_TRY(cmt_wire_get_int64(&r, &f, out, err));
    }
    return cmt_wire_end(&r, err);
}

static cmt_status read_authority(cmt_slice bytes, cmt_params *out, cmt_error *err)
{
    cmt_wire_reader r = cmt_wire_read("AuthorityParams", bytes);
    cmt_wire_field f;
    cmt_slice text;
    while (cmt_wire_next(&r, &f)) {
        if (f.number != 1)
            continue;
        CMT_TRY(cmt_wire_get_bytes(&r, &f, &text, err));
        CMT_TRY(copy_text("an authority", text, out->authority, sizeof out->authority, err));
    }
    return cmt_wire_end(&r, err);
}

static cmt_status read_synchrony(cmt_slice bytes, cmt_params *out, cmt_error *err)
{
    cmt_wire_reader r = cmt_wire_read("SynchronyParams", bytes);
    cmt_wire_field f;
    while (cmt_wire_next(&r, &f)) {
        if (f.number == 1)
            CMT_TRY(read_duration(&r, &f, &out->precision_ns, err));
        else if (f.number == 2)
            CMT_TRY(read_duration(&r, &f, &out->message_delay_ns, err));
    }
    return cmt_wire_end(&r, err);
}

static cmt_status read_feature(cmt_slice bytes, cmt_params_reading *out, cmt_error *err)
{
    cmt_wire_reader r = cmt_wire_read("FeatureParams", bytes);
    cmt_wire_field f;
    cmt_slice wrapper;
    while (cmt_wire_next(&r, &f)) {
        if (f.number != 1 && f.number != 2)
            continue;
        cmt_params_height *height = f.number == 1 ? &out->extensions : &out->pbts;
        CMT_TRY(cmt_wire_get_bytes(&r, &f, &wrapper, err));
        CMT_TRY(read_number("Int64Value", wrapper, &height->height, err));
        height->seen = true;
    }
    return cmt_wire_end(&r, err);
}

/* The first time a section comes, what was there before is gone. */
static void reset(uint32_t number, cmt_release release, cmt_params *p)
{
    switch (number) {
    case 1:
        p->core.block_max_bytes = 0;
        p->core.block_max_gas = 0;
        break;
    case 2:
        p->core.evidence_max_age_num_blocks = 0;
        p->core.evidence_max_age_duration_ns = 0;
        p->core.evidence_max_bytes = 0;
        break;
    case 3:
        memset(p->key_types, 0, sizeof p->key_types);
        p->key_type_count = 0;
        break;
    case 4:
        p->core.version_app = 0;
        break;
    case 6:
        if (release == CMT_RELEASE_0_40)
            memset(p->authority, 0, sizeof p->authority);
        break;
    default:
        break;
    }
}

static cmt_status read_section(uint32_t number, cmt_slice bytes, cmt_release release,
                               cmt_params_reading *out, cmt_error *err)
{
    cmt_params *p = &out->params;
    int64_t app = (int64_t)p->core.version_app;
    switch (number) {
    case 1:
        return read_block(bytes, &p->core, err);
    case 2:
        return read_evidence(bytes, &p->core, err);
    case 3:
        return read_validator(bytes, p, err);
    case 4:
        CMT_TRY(read_number("VersionParams", bytes, &app, err));
        p->core.version_app = (uint64_t)app;
        return CMT_OK;
    case 5:
        out->abci.seen = true;
        return read_number("ABCIParams", bytes, &out->abci.height, err);
    case 6:
        if (release == CMT_RELEASE_0_40)
            return read_authority(bytes, p, err);
        return release == CMT_RELEASE_1_0 ? read_synchrony(bytes, p, err) : CMT_OK;
    default:
        return release == CMT_RELEASE_1_0 ? read_feature(bytes, out, err) : CMT_OK;
    }
}

cmt_status cmt_params_read(cmt_slice bytes, cmt_release release, cmt_params_reading *out,
                           cmt_error *err)
{
    cmt_wire_reader r = cmt_wire_read("ConsensusParams", bytes);
    cmt_wire_field f;
    cmt_slice section;
    while (cmt_wire_next(&r, &f)) {
        if (f.number > 7)
            continue;
        if (!out->seen[f.number])
            reset(f.number, release, &out->params);
        out->seen[f.number] = true;
        CMT_TRY(cmt_wire_get_bytes(&r, &f, &section, err));
        CMT_TRY(read_section(f.number, section, release, out, err));
    }
    return cmt_wire_end(&r, err);
}
