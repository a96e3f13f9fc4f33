/* SPDX-License-Identifier: Apache-2.0
 *
 * ConsensusParams of every generation, and the forms that stand for "look elsewhere".
 *
 * The generations differ in what follows field 4: 5 is ABCIParams (0.38 to 0.40; read by 1.0), 6 is
 * AuthorityParams in 0.39 and 0.40 but SynchronyParams from 1.0 on, 7 is FeatureParams (1.0).
 */
#include "types_internal.h"

#include "wire.h"

typedef struct reading {
    cmt_consensus_params params;
    int64_t abci_height;    /* field 5.1 */
    int64_t feature_height; /* field 7.1 */
    bool content;           /* something is neither zero nor an empty message */
} reading;

static cmt_status read_int64(const cmt_wire_reader *r, const cmt_wire_field *f, reading *in,
                             int64_t *out, cmt_error *err)
{
    CMT_TRY(cmt_wire_get_int64(r, f, out, err));
    in->content = in->content || *out != 0;
    return CMT_OK;
}

/* A field that is not decoded still tells a full message from an empty one. */
static void pass_over(const cmt_wire_field *f, reading *in)
{
    in->content = in->content || f->value != 0 || f->bytes.size > 0;
}

static cmt_status read_block(cmt_slice bytes, reading *in, cmt_error *err)
{
    cmt_wire_reader r = cmt_wire_read("BlockParams", bytes);
    cmt_wire_field f;
    while (cmt_wire_next(&r, &f)) {
        if (f.number == 1)
            CMT_TRY(read_int64(&r, &f, in, &in->params.block_max_bytes, err));
        else if (f.number == 2)
            CMT_TRY(read_int64(&r, &f, in, &in->params.block_max_gas, err));
        else
            pass_over(&f, in);
    }
    return cmt_wire_end(&r, err);
}

static int64_t saturated_ns(int64_t seconds, int64_t nanos)
{
    int64_t ns;
    if (__builtin_mul_overflow(seconds, (int64_t)1000000000, &ns) ||
        __builtin_add_overflow(ns, nanos, &ns))
        return seconds < 0 ? INT64_MIN : INT64_MAX;
    return ns;
}

static cmt_status read_duration(cmt_slice bytes, reading *in, int64_t *ns, cmt_error *err)
{
    int64_t seconds = 0;
    int64_t nanos = 0;
    cmt_wire_reader r = cmt_wire_read("Duration", bytes);
    cmt_wire_field f;
    while (cmt_wire_next(&r, &f)) {
        if (f.number == 1)
            CMT_TRY(read_int64(&r, &f, in, &seconds, err));
        else if (f.number == 2)
            CMT_TRY(read_int64(&r, &f, in, &nanos, err));
        else
            pass_over(&f, in);
    }
    CMT_TRY(cmt_wire_end(&r, err));
    if ((seconds > 0 && nanos < 0) || (seconds < 0 && nanos > 0))
        return cmt_error_set(err, CMT_CORRUPT, "Duration: seconds and nanos differ in sign");
    CMT_TRY(cmt_types_bounds("Duration: nanos", nanos, -999999999, 999999999, err));
    *ns = saturated_ns(seconds, nanos);
    return CMT_OK;
}

static cmt_status read_evidence(cmt_slice bytes, reading *in, cmt_error *err)
{
    cmt_wire_reader r = cmt_wire_read("EvidenceParams", bytes);
    cmt_wire_field f;
    while (cmt_wire_next(&r, &f)) {
        cmt_slice duration;
        switch (f.number) {
        case 1:
            CMT_TRY(read_int64(&r, &f, in, &in->params.evidence_max_age_num_blocks, err));
            break;
        case 2:
            CMT_TRY(cmt_wire_get_bytes(&r, &f, &duration, err));
            CMT_TRY(read_duration(duration, in, &in->params.evidence_max_age_duration_ns, err));
            break;
        case 3:
            CMT_TRY(read_int64(&r, &f, in, &in->params.evidence_max_bytes, err));
            break;
        default:
            pass_over(&f, in);
        }
    }
    return cmt_wire_end(&r, err);
}

static cmt_status read_validator(cmt_slice bytes, reading *in, cmt_error *err)
{
    cmt_wire_reader r = cmt_wire_read("ValidatorParams", bytes);
    cmt_wire_field f;
    cmt_slice key_type;
    while (cmt_wire_next(&r, &f)) {
        if (f.number == 1)
            CMT_TRY(cmt_wire_get_bytes(&r, &f, &key_type, err));
        in->content = true; /* a key type counts even if its name is empty */
    }
    return cmt_wire_end(&r, err);
}

static cmt_status read_version(cmt_slice bytes, reading *in, cmt_error *err)
{
    cmt_wire_reader r = cmt_wire_read("VersionParams", bytes);
    cmt_wire_field f;
    while (cmt_wire_next(&r, &f)) {
        if (f.number == 1)
            CMT_TRY(cmt_wire_get_uint64(&r, &f, &in->params.version_app, err));
        pass_over(&f, in);
    }
    return cmt_wire_end(&r, err);
}

/* ABCIParams, and the Int64Value wrapper: a message whose field 1 is a number. */
static cmt_status read_single(const char *message, cmt_slice bytes, reading *in, int64_t *out,
                              cmt_error *err)
{
    cmt_wire_reader r = cmt_wire_read(message, bytes);
    cmt_wire_field f;
    while (cmt_wire_next(&r, &f)) {
        if (f.number == 1)
            CMT_TRY(read_int64(&r, &f, in, out, err));
        else
            pass_over(&f, in);
    }
    return cmt_wire_end(&r, err);
}

static cmt_status read_feature(cmt_slice bytes, reading *in, cmt_error *err)
{
    cmt_wire_reader r = cmt_wire_read("FeatureParams", bytes);
    cmt_wire_field f;
    while (cmt_wire_next(&r, &f)) {
        cmt_slice wrapper;
        int64_t pbts_height = 0;
        if (f.number == 1 || f.number == 2) {
            int64_t *out = f.number == 1 ? &in->feature_height : &pbts_height;
            CMT_TRY(cmt_wire_get_bytes(&r, &f, &wrapper, err));
            CMT_TRY(read_single("Int64Value", wrapper, in, out, err));
        } else {
            pass_over(&f, in);
        }
    }
    return cmt_wire_end(&r, err);
}

static cmt_status read_section(uint32_t number, cmt_slice bytes, reading *in, cmt_error *err)
{
    switch (number) {
    case 1:
        return read_block(bytes, in, err);
    case 2:
        return read_evidence(bytes, in, err);
    case 3:
        return read_validator(bytes, in, err);
    case 4:
        return read_version(bytes, in, err);
    case 5:
        return read_single("ABCIParams", bytes, in, &in->abci_height, err);
    default:
        return read_feature(bytes, in, err);
    }
}

static cmt_status read_params(cmt_slice bytes, reading *in, cmt_error *err)
{
    cmt_wire_reader r = cmt_wire_read("ConsensusParams", bytes);
    cmt_wire_field f;
    while (cmt_wire_next(&r, &f)) {
        cmt_slice message;
        if (f.number > 7 || f.number == 6) {
            pass_over(&f, in);
            continue;
        }
        CMT_TRY(cmt_wire_get_bytes(&r, &f, &message, err));
        CMT_TRY(read_section(f.number, message, in, err));
    }
    return cmt_wire_end(&r, err);
}

/* Source: types/params.go ConsensusParamsFromProto */
cmt_status cmt_consensus_params_decode(cmt_slice bytes, cmt_consensus_params *out, cmt_error *err)
{
    reading in = {0};
    CMT_TRY(read_params(bytes, &in, err));
    if (in.abci_height > 0 && in.feature_height > 0)
        return cmt_error_set(err, CMT_CORRUPT,
                             "ConsensusParams: two heights that enable vote extensions");
    bool use_abci = in.abci_height > 0 || in.feature_height == 0;
    in.params.vote_extensions_enable_height = use_abci ? in.abci_height : in.feature_height;
    *out = in.params;
    return CMT_OK;
}

cmt_status cmt_consensus_params_is_empty(cmt_slice bytes, bool *empty, cmt_error *err)
{
    reading in = {0};
    CMT_TRY(read_params(bytes, &in, err));
    *empty = !in.content;
    return CMT_OK;
}
