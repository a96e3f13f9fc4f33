/* SPDX-License-Identifier: Apache-2.0
 *
 * A block as the application is told of it.
 */
#include "executor_internal.h"

#include <inttypes.h>
#include <stdlib.h>

void cmt_blockexec__request_free(cmt_blockexec__request *request)
{
    free(request->votes);
    free(request->misbehavior);
    *request = (cmt_blockexec__request){.votes = NULL};
}

/* Source: state/execution.go BuildLastCommitInfo */
static cmt_status make_votes(const cmt_block *block, const cmt_validator_set *set,
                             cmt_blockexec__request *out, cmt_error *err)
{
    const cmt_commit *commit = &block->last_commit;
    if (commit->count != set->count)
        return cmt_error_set(err, CMT_CORRUPT,
                             "commit size (%zu) doesn't match validator set length (%zu) at height "
                             "%" PRId64,
                             commit->count, set->count, block->header.height);
    out->votes = calloc(commit->count + 1, sizeof *out->votes);
    if (out->votes == NULL)
        return cmt_error_set(err, CMT_NO_MEMORY, "no memory for %zu votes", commit->count);
    for (size_t i = 0; i < commit->count; i++)
        out->votes[i] = (cmt_app_vote){
            .address = set->validators[i].address,
            .power = set->validators[i].voting_power,
            .flag = commit->signatures[i].flag,
        };
    out->block.last_commit = (cmt_app_commit){commit->round, out->votes, commit->count};
    return CMT_OK;
}

cmt_status cmt_blockexec__request_make(const cmt_block *block,
                                       const cmt_validator_set *last_validators,
                                       int64_t initial_height, cmt_blockexec__request *out,
                                       cmt_error *err)
{
    const cmt_header *h = &block->header;
    *out = (cmt_blockexec__request){
        .block = {.height = h->height,
                  .time = h->time,
                  .next_validators_hash = h->next_validators_hash,
                  .proposer_address = h->proposer_address,
                  .txs = block->txs,
                  .tx_count = block->tx_count,
                  .syncing_to_height = h->height},
    };
    cmt_status st = cmt_header_hash(h, &out->block.hash, err);
    if (st == CMT_OK && h->height != initial_height)
        st = make_votes(block, last_validators, out, err);
    if (st == CMT_OK)
        st = cmt_blockexec__misbehavior(block->evidence, block->evidence_count, &out->misbehavior,
                                        &out->block.misbehavior_count, err);
    out->block.misbehavior = out->misbehavior;
    if (st != CMT_OK)
        cmt_blockexec__request_free(out);
    return st;
}

cmt_status cmt_blockexec__finalize(const cmt_block_executor *executor,
                                   const cmt_application *application, const cmt_app_block *block,
                                   cmt_results *out, cmt_error *err)
{
    cmt_text hash;
    *out = (cmt_results){0};
    cmt_status st = application->finalize_block(application->context, block, out, err);
    if (st != CMT_OK)
        return cmt_error_prefix(err, st, "the application executing block %" PRId64, block->height);
    if (out->tx_count != block->tx_count)
        return cmt_error_set(err, CMT_INVALID,
                             "expected tx results length to match size of transactions in block. "
                             "Expected %zu, got %zu",
                             block->tx_count, out->tx_count);
    cmt_hash app_hash = {.size = 0};
    CMT_TRY(cmt_blockexec__app_hash(out, &app_hash, err));
    cmt_log(executor->options.logger, CMT_LOG_DEBUG,
            "executed block  height=%" PRId64 " num_txs=%zu num_val_updates=%zu app_hash=%s",
            block->height, out->tx_count, out->update_count, cmt_blockexec_hex(&app_hash, &hash));
    return CMT_OK;
}

cmt_status cmt_blockexec__app_hash(const cmt_results *results, cmt_hash *out, cmt_error *err)
{
    if (results->app_hash.size > sizeof out->bytes)
        return cmt_error_set(err, CMT_UNSUPPORTED,
                             "the application's app hash has %zu bytes; at most %zu are supported",
                             results->app_hash.size, sizeof out->bytes);
    *out = (cmt_hash){.size = results->app_hash.size};
    for (size_t i = 0; i < out->size; i++)
        out->bytes[i] = results->app_hash.data[i];
    return CMT_OK;
}
