/* SPDX-License-Identifier: Apache-2.0
 *
 * The limits of consensus parameters.
 */
#include "cmtstore/types_params.h"

#include <inttypes.h>
#include <string.h>

#define SECOND 1000000000LL
/* Source: types/params.go MaxMessageDelay, MaxPrecision */
#define MESSAGE_DELAY_MAX (24 * 3600 * SECOND)
#define PRECISION_MAX (30 * SECOND)

static cmt_status limit(const char *name, int64_t value, int64_t lo, int64_t hi, cmt_error *err)
{
    if (value >= lo && value <= hi)
        return CMT_OK;
    return cmt_error_set(err, CMT_INVALID,
                         "ConsensusParams: %s is %" PRId64 ", not in [%" PRId64 ",%" PRId64 "]",
                         name, value, lo, hi);
}

static cmt_status check_core(const cmt_consensus_params *p, cmt_error *err)
{
    if (p->block_max_bytes == 0)
        return cmt_error_set(err, CMT_INVALID, "ConsensusParams: block.max_bytes cannot be 0");
    CMT_TRY(limit("block.max_bytes", p->block_max_bytes, -1, CMT_BLOCK_BYTES_MAX, err));
    CMT_TRY(limit("block.max_gas", p->block_max_gas, -1, INT64_MAX, err));
    CMT_TRY(
        limit("evidence.max_age_num_blocks", p->evidence_max_age_num_blocks, 1, INT64_MAX, err));
    CMT_TRY(limit("evidence.max_age_duration", p->evidence_max_age_duration_ns, 1, INT64_MAX, err));
    int64_t most = p->block_max_bytes == -1 ? CMT_BLOCK_BYTES_MAX : p->block_max_bytes;
    CMT_TRY(limit("evidence.max_bytes", p->evidence_max_bytes, 0, most, err));
    return limit("vote_extensions_enable_height", p->vote_extensions_enable_height, 0, INT64_MAX,
                 err);
}

static cmt_status check_pbts(const cmt_params *p, cmt_error *err)
{
    CMT_TRY(limit("feature.pbts_enable_height", p->pbts_enable_height, 0, INT64_MAX, err));
    if (p->pbts_enable_height == 0)
        return CMT_OK;
    CMT_TRY(limit("synchrony.message_delay", p->message_delay_ns, 1, MESSAGE_DELAY_MAX, err));
    return limit("synchrony.precision", p->precision_ns, 1, PRECISION_MAX, err);
}

/* Types that a release can be built with. */
static bool known_type(const char *name, cmt_release release)
{
    if (strcmp(name, "ed25519") == 0 || strcmp(name, "secp256k1") == 0)
        return true;
    if (release == CMT_RELEASE_0_38)
        return strcmp(name, "ml_dsa_65") == 0;
    if (release == CMT_RELEASE_1_0)
        return strcmp(name, "bls12_381") == 0;
    return strcmp(name, "bls12_381") == 0 || strcmp(name, "ml_dsa_65") == 0 ||
           strcmp(name, "secp256k1eth") == 0;
}

cmt_status cmt_params_validate(const cmt_params *params, cmt_release release, cmt_error *err)
{
    CMT_TRY(check_core(&params->core, err));
    if (release == CMT_RELEASE_1_0)
        CMT_TRY(check_pbts(params, err));
    if (params->key_type_count == 0)
        return cmt_error_set(err, CMT_INVALID, "ConsensusParams: validator.pub_key_types is empty");
    for (size_t i = 0; i < params->key_type_count; i++) {
        if (!known_type(params->key_types[i], release))
            return cmt_error_set(
                err, CMT_INVALID,
                "ConsensusParams: validator.pub_key_types[%zu] is \"%s\", which is "
                "no type of key",
                i, params->key_types[i]);
    }
    return CMT_OK;
}
