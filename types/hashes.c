/* SPDX-License-Identifier: Apache-2.0
 *
 * The hashes in a header: of transactions, the last commit, parameters and results.
 */
#include "cmtstore/types_block.h"

#include "cleanup.h"
#include "encode.h"
#include "merkle.h"
#include "sha256.h"
#include "wire.h"

static cmt_status no_memory(cmt_status status, const char *what, cmt_error *err)
{
    return cmt_error_set(err, status, "%s: no memory to hash it", what);
}

cmt_status cmt_data_hash(const cmt_slice *txs, size_t count, cmt_hash *out, cmt_error *err)
{
    cmt_merkle tree = {0};
    (void)err;
    for (size_t i = 0; i < count; i++) {
        uint8_t id[CMT_HASH_SIZE];
        cmt_sha256_of(&txs[i], 1, id);
        cmt_merkle_add(&tree, (cmt_slice){id, sizeof id});
    }
    *out = cmt_merkle_finish(&tree);
    return CMT_OK;
}

cmt_status cmt_commit_hash(const cmt_commit *commit, cmt_hash *out, cmt_error *err)
{
    CMT_AUTO(cmt_buf_free) cmt_buf leaf = CMT_BUF_INIT;
    cmt_merkle tree = {0};
    for (size_t i = 0; i < commit->count; i++) {
        cmt_buf_clear(&leaf);
        cmt_status st = cmt_encode_commit_sig_fields(&commit->signatures[i], &leaf);
        if (st != CMT_OK)
            return no_memory(st, "Commit", err);
        cmt_merkle_add(&tree, cmt_buf_slice(&leaf));
    }
    *out = cmt_merkle_finish(&tree);
    return CMT_OK;
}

/* HashedParams; no tree. */
cmt_status cmt_consensus_params_hash(const cmt_consensus_params *params, cmt_hash *out,
                                     cmt_error *err)
{
    CMT_AUTO(cmt_buf_free) cmt_buf hashed = CMT_BUF_INIT;
    cmt_status st = cmt_wire_put_int64(&hashed, 1, params->block_max_bytes);
    if (st == CMT_OK)
        st = cmt_wire_put_int64(&hashed, 2, params->block_max_gas);
    if (st != CMT_OK)
        return no_memory(st, "ConsensusParams", err);
    return cmt_sha256(cmt_buf_slice(&hashed), out, err);
}

/* ---- results ----------------------------------------------------------------------------- */

/* What of an ExecTxResult does not depend on who executes it. */
typedef struct result {
    uint64_t code;
    cmt_slice data;
    int64_t gas_wanted;
    int64_t gas_used;
} result;

static cmt_status read_result(cmt_slice bytes, result *out, cmt_error *err)
{
    cmt_wire_reader r = cmt_wire_read("ExecTxResult", bytes);
    cmt_wire_field f;
    while (cmt_wire_next(&r, &f)) {
        switch (f.number) {
        case 1:
            CMT_TRY(cmt_wire_get_uint64(&r, &f, &out->code, err));
            out->code &= UINT32_MAX; /* as gogoproto reads a uint32 */
            break;
        case 2:
            CMT_TRY(cmt_wire_get_bytes(&r, &f, &out->data, err));
            break;
        case 5:
            CMT_TRY(cmt_wire_get_int64(&r, &f, &out->gas_wanted, err));
            break;
        case 6:
            CMT_TRY(cmt_wire_get_int64(&r, &f, &out->gas_used, err));
            break;
        default:
            break;
        }
    }
    return cmt_wire_end(&r, err);
}

static cmt_status write_result(const result *in, cmt_buf *out)
{
    cmt_buf_clear(out);
    CMT_TRY(cmt_wire_put_uint64(out, 1, in->code));
    CMT_TRY(cmt_wire_put_bytes(out, 2, in->data));
    CMT_TRY(cmt_wire_put_int64(out, 5, in->gas_wanted));
    return cmt_wire_put_int64(out, 6, in->gas_used);
}

cmt_status cmt_results_hash(const cmt_slice *results, size_t count, cmt_hash *out, cmt_error *err)
{
    CMT_AUTO(cmt_buf_free) cmt_buf leaf = CMT_BUF_INIT;
    cmt_merkle tree = {0};
    for (size_t i = 0; i < count; i++) {
        result reduced = {0};
        cmt_status st = read_result(results[i], &reduced, err);
        if (st != CMT_OK)
            return cmt_error_prefix(err, st, "result %zu", i);
        st = write_result(&reduced, &leaf);
        if (st != CMT_OK)
            return no_memory(st, "ExecTxResult", err);
        cmt_merkle_add(&tree, cmt_buf_slice(&leaf));
    }
    *out = cmt_merkle_finish(&tree);
    return CMT_OK;
}
