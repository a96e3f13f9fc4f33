/* SPDX-License-Identifier: Apache-2.0
 *
 * Whole parameters: decoded, updated and encoded.
 */
#include "params_read.h"

#include "wire.h"

#include <inttypes.h>
#include <string.h>

#define SECOND 1000000000LL

void cmt_params_default(cmt_release release, cmt_params *out)
{
    *out = (cmt_params){
        .core =
            {
                .block_max_bytes = 22020096,
                .block_max_gas = -1,
                .evidence_max_age_num_blocks = 100000,
                .evidence_max_age_duration_ns = 48 * 3600 * SECOND,
                .evidence_max_bytes = 1048576,
            },
        .key_types = {"ed25519"},
        .key_type_count = 1,
    };
    if (release == CMT_RELEASE_1_0) {
        out->core.block_max_bytes = 4194304;
        out->core.block_max_gas = 10000000;
        out->precision_ns = SECOND / 1000 * 505;
        out->message_delay_ns = 15 * SECOND;
    }
}

/* Source: types/params.go ConsensusParamsFromProto */
cmt_status cmt_params_decode(cmt_slice bytes, cmt_release release, cmt_params *out, cmt_error *err)
{
    cmt_params_reading in = {0};
    CMT_TRY(cmt_params_read(bytes, release, &in, err));
    if (in.abci.height > 0 && in.extensions.height > 0)
        return cmt_error_set(err, CMT_CORRUPT,
                             "ConsensusParams: two heights that enable vote extensions");
    bool use_abci = release != CMT_RELEASE_1_0 || in.abci.height > 0;
    in.params.core.vote_extensions_enable_height = use_abci ? in.abci.height : in.extensions.height;
    in.params.pbts_enable_height = in.pbts.height;
    *out = in.params;
    return CMT_OK;
}

/* ---- updates ----------------------------------------------------------------------------- */

/* When a feature begins may change only as long as neither the old nor the new height has passed.
 * Source: types/params.go validateUpdateFeatureEnableHeight */
static cmt_status move_height(const char *what, const cmt_params_height *update, int64_t height,
                              int64_t *enable, cmt_error *err)
{
    if (!update->seen)
        return CMT_OK;
    int64_t to = update->height;
    if (to < 0)
        return cmt_error_set(err, CMT_INVALID, "ConsensusParams: %s from height %" PRId64, what,
                             to);
    bool same = to == *enable || (*enable <= 0 && to == 0);
    if (!same && *enable > 0 && *enable <= height)
        return cmt_error_set(err, CMT_INVALID,
                             "ConsensusParams: %s since height %" PRId64
                             " cannot be changed at %" PRId64,
                             what, *enable, height);
    if (!same && to > 0 && to <= height)
        return cmt_error_set(err, CMT_INVALID,
                             "ConsensusParams: %s from height %" PRId64
                             ", which is past at %" PRId64,
                             what, to, height);
    *enable = to;
    return CMT_OK;
}

cmt_status cmt_params_update(cmt_params *params, cmt_slice update, int64_t height,
                             cmt_release release, cmt_error *err)
{
    cmt_params_reading in = {.params = *params};
    CMT_TRY(cmt_params_read(update, release, &in, err));
    bool old = release != CMT_RELEASE_1_0;
    CMT_TRY(move_height("vote extensions", old ? &in.abci : &in.extensions, height,
                        &in.params.core.vote_extensions_enable_height, err));
    CMT_TRY(move_height("PBTS", &in.pbts, height, &in.params.pbts_enable_height, err));
    CMT_TRY(cmt_params_validate(&in.params, release, err));
    *params = in.params;
    return CMT_OK;
}

/* ---- encoding ---------------------------------------------------------------------------- */

static cmt_slice text(const char *string)
{
    return (cmt_slice){(const uint8_t *)string, strlen(string)};
}

static cmt_status put_duration(cmt_buf *out, uint32_t number, int64_t ns)
{
    int64_t seconds = ns / SECOND;
    int64_t nanos = ns % SECOND;
    CMT_TRY(cmt_wire_put_head(out, number,
                              cmt_wire_size_int64(1, seconds) + cmt_wire_size_int64(2, nanos)));
    CMT_TRY(cmt_wire_put_int64(out, 1, seconds));
    return cmt_wire_put_int64(out, 2, nanos);
}

/* Int64Value, also for 0; ABCIParams. */
static cmt_status put_number(cmt_buf *out, uint32_t number, int64_t value)
{
    CMT_TRY(cmt_wire_put_head(out, number, cmt_wire_size_int64(1, value)));
    return cmt_wire_put_int64(out, 1, value);
}

/* Write the fields of section @p number. */
static cmt_status put_fields(const cmt_params *p, uint32_t number, cmt_release release,
                             cmt_buf *out)
{
    const cmt_consensus_params *core = &p->core;
    switch (number) {
    case 1:
        CMT_TRY(cmt_wire_put_int64(out, 1, core->block_max_bytes));
        return cmt_wire_put_int64(out, 2, core->block_max_gas);
    case 2:
        CMT_TRY(cmt_wire_put_int64(out, 1, core->evidence_max_age_num_blocks));
        CMT_TRY(put_duration(out, 2, core->evidence_max_age_duration_ns));
        return cmt_wire_put_int64(out, 3, core->evidence_max_bytes);
    case 3:
        for (size_t i = 0; i < p->key_type_count; i++)
            CMT_TRY(cmt_wire_put_message(out, 1, text(p->key_types[i])));
        return CMT_OK;
    case 4:
        return cmt_wire_put_uint64(out, 1, core->version_app);
    case 5:
        return cmt_wire_put_int64(out, 1, core->vote_extensions_enable_height);
    case 6:
        if (release == CMT_RELEASE_0_40)
            return cmt_wire_put_bytes(out, 1, text(p->authority));
        CMT_TRY(put_duration(out, 1, p->precision_ns));
        return put_duration(out, 2, p->message_delay_ns);
    default:
        CMT_TRY(put_number(out, 1, core->vote_extensions_enable_height));
        return put_number(out, 2, p->pbts_enable_height);
    }
}

static bool has_section(uint32_t number, cmt_release release)
{
    if (number == 5)
        return release != CMT_RELEASE_1_0;
    if (number == 6)
        return release != CMT_RELEASE_0_38;
    return number != 7 || release == CMT_RELEASE_1_0;
}

static cmt_status put_all(const cmt_params *params, cmt_release release, cmt_buf *section,
                          cmt_buf *out)
{
    for (uint32_t number = 1; number <= 7; number++) {
        if (!has_section(number, release))
            continue;
        cmt_buf_clear(section);
        CMT_TRY(put_fields(params, number, release, section));
        CMT_TRY(cmt_wire_put_message(out, number, cmt_buf_slice(section)));
    }
    return CMT_OK;
}

cmt_status cmt_params_encode(const cmt_params *params, cmt_release release, cmt_buf *out)
{
    cmt_buf section = CMT_BUF_INIT;
    cmt_buf made = CMT_BUF_INIT;
    cmt_status st = put_all(params, release, &section, &made);
    if (st == CMT_OK)
        st = cmt_buf_set(out, cmt_buf_slice(&made));
    cmt_buf_free(&made);
    cmt_buf_free(&section);
    return st;
}
