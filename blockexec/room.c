/* SPDX-License-Identifier: Apache-2.0
 *
 * How much room a block has for transactions.
 */
#include "blockexec_internal.h"

#include <inttypes.h>

/* Source: types/block.go MaxOverheadForBlock, MaxHeaderBytes, MaxCommitOverheadBytes */
#define OVERHEAD_BYTES 11
#define HEADER_BYTES 626
#define COMMIT_BYTES 94

/* Each signature with its field in the commit; the longest that the release can be built with: ML-DSA-65 of
 * 3309 bytes in 0.38 and 0.40, BLS12-381 of 96 in 1.0.
 * Source: types/block.go MaxCommitSigBytes, MaxCommitBytes */
static int64_t signature_bytes(cmt_release release)
{
    return release == CMT_RELEASE_1_0 ? 131 + 10 + 3 : 3309 + 20 + 1 + 14 + 11 + 3;
}

cmt_status cmt_max_data_bytes(cmt_release release, int64_t max_bytes, int64_t evidence_bytes,
                              size_t validators, int64_t *out, cmt_error *err)
{
    int64_t commit = COMMIT_BYTES + signature_bytes(release) * (int64_t)validators;
    int64_t rest = max_bytes - OVERHEAD_BYTES - HEADER_BYTES - commit - evidence_bytes;
    if (rest < 0)
        return cmt_error_set(err, CMT_INVALID,
                             "Negative MaxDataBytes. Block.MaxBytes=%" PRId64
                             " is too small to accommodate header&lastCommit&evidence=%" PRId64,
                             max_bytes, max_bytes - rest);
    *out = rest;
    return CMT_OK;
}
