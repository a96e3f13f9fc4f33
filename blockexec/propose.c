/* SPDX-License-Identifier: Apache-2.0
 *
 * A new block: evidence first, then what the application chooses of what the mempool holds.
 */
#include "executor_internal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* What a proposal is made of; the lists are borrowed from pool and application. */
typedef struct making {
    const cmt_chain_state *state;
    const cmt_ext_commit *last;
    cmt_slice proposer;
    int64_t height;
    cmt_commit commit;
    cmt_time time;
    cmt_app_txs evidence;
    cmt_app_txs txs;
    int64_t max_data_bytes;
    cmt_app_vote *votes;
    cmt_misbehavior *misbehavior;
} making;

static void making_free(making *m)
{
    cmt_commit_free(&m->commit);
    free(m->votes);
    free(m->misbehavior);
}

/* ---- what goes in ------------------------------------------------------------------------ */

static cmt_status start(const cmt_block_executor *executor, making *m, cmt_error *err)
{
    const cmt_chain_state *s = m->state;
    bool first = s->last_block_height == 0;
    m->height = cmt_chain_state_next_height(s);
    if (m->proposer.size != CMT_ADDRESS_SIZE)
        return cmt_error_set(err, CMT_INVALID, "a proposer's address of %zu bytes instead of %d",
                             m->proposer.size, CMT_ADDRESS_SIZE);
    CMT_TRY(cmt_ext_commit_to_commit(m->last, &m->commit, err));
    if (cmt_blockexec__pbts_enabled(s, m->height)) {
        m->time = cmt_blockexec__now(executor);
        return CMT_OK;
    }
    m->time = s->last_block_time; /* of the genesis */
    return first ? CMT_OK
                 : cmt_blockexec__median_time(s, &m->commit, executor->options.as_0_39, &m->time,
                                              err);
}

/* An evidence pool and a mempool that are not there have nothing. */
static cmt_status reap(const cmt_block_executor *executor, making *m, cmt_error *err)
{
    const cmt_params *params = &m->state->params;
    const cmt_evidence_pool *pool = executor->options.evidence;
    const cmt_mempool *mempool = executor->options.mempool;
    if (pool != NULL && pool->pending != NULL)
        CMT_TRY(pool->pending(pool->context, params->core.evidence_max_bytes, &m->evidence, err));
    CMT_TRY(cmt_max_data_bytes(m->state->release, cmt_blockexec__max_bytes(m->state),
                               cmt_blockexec__list_bytes(m->evidence.txs, m->evidence.count),
                               m->state->validators.count, &m->max_data_bytes, err));
    if (mempool == NULL || mempool->reap == NULL)
        return CMT_OK;
    int64_t most = params->core.block_max_bytes == -1 ? -1 : m->max_data_bytes;
    return mempool->reap(mempool->context, most, params->core.block_max_gas, &m->txs, err);
}

/* ---- what the application makes of it ---------------------------------------------------- */

/* Source: state/execution.go BuildExtendedCommitInfo */
static cmt_status make_votes(making *m, cmt_app_commit *out, cmt_error *err)
{
    const cmt_ext_commit *last = m->last;
    const cmt_validator_set *set = &m->state->last_validators;
    if (last->height < m->state->initial_height)
        return CMT_OK;
    if (last->count != set->count)
        return cmt_error_set(err, CMT_INVALID,
                             "extended commit size (%zu) does not match validator set length (%zu) "
                             "at height %" PRId64,
                             last->count, set->count, last->height);
    CMT_TRY(
        cmt_ext_commit_check(last, cmt_extensions_enabled(&m->state->params, last->height), err));
    m->votes = calloc(last->count + 1, sizeof *m->votes);
    if (m->votes == NULL)
        return cmt_error_set(err, CMT_NO_MEMORY, "no memory for %zu votes", last->count);
    for (size_t i = 0; i < last->count; i++) {
        const cmt_ext_commit_sig *sig = &last->signatures[i];
        const cmt_validator *validator = &set->validators[i];
        if (sig->sig.flag != CMT_BLOCK_ID_ABSENT &&
            !cmt_slice_equal(sig->sig.address, validator->address))
            return cmt_error_set(err, CMT_INVALID,
                                 "validator address of extended commit signature in position %zu "
                                 "does not match the corresponding validator's at height %" PRId64,
                                 i, last->height);
        m->votes[i] = (cmt_app_vote){validator->address, validator->voting_power, sig->sig.flag,
                                     sig->extension, sig->extension_signature};
    }
    *out = (cmt_app_commit){last->round, m->votes, last->count};
    return CMT_OK;
}

static cmt_status ask(const cmt_application *application, making *m, cmt_error *err)
{
    cmt_app_proposal proposal = {
        .max_tx_bytes = m->max_data_bytes,
        .height = m->height,
        .time = m->time,
        .proposer_address = {.size = m->proposer.size},
        .txs = m->txs.txs,
        .tx_count = m->txs.count,
    };
    memcpy(proposal.proposer_address.bytes, m->proposer.data, m->proposer.size);
    CMT_TRY(
        cmt_validator_set_hash(&m->state->next_validators, &proposal.next_validators_hash, err));
    CMT_TRY(make_votes(m, &proposal.last_commit, err));
    CMT_TRY(cmt_blockexec__misbehavior(m->evidence.txs, m->evidence.count, &m->misbehavior,
                                       &proposal.misbehavior_count, err));
    proposal.misbehavior = m->misbehavior;
    m->txs = (cmt_app_txs){NULL, 0};
    return application->prepare_proposal(application->context, &proposal, &m->txs, err);
}

/* Without an application that chooses: from the front, as many as there is room for. */
static void keep_fitting(making *m)
{
    size_t count = 0;
    int64_t bytes = 0;
    while (count < m->txs.count) {
        bytes += cmt_blockexec__list_bytes(&m->txs.txs[count], 1);
        if (bytes > m->max_data_bytes)
            break;
        count++;
    }
    m->txs.count = count;
}

static cmt_status choose(const cmt_application *application, making *m, cmt_error *err)
{
    if (application->prepare_proposal == NULL) {
        keep_fitting(m);
        return CMT_OK;
    }
    CMT_TRY(ask(application, m, err));
    if (cmt_blockexec__list_bytes(m->txs.txs, m->txs.count) <= m->max_data_bytes)
        return CMT_OK;
    return cmt_error_set(err, CMT_INVALID,
                         "transaction data size exceeds maximum %" PRId64
                         ": the application chose too much",
                         m->max_data_bytes);
}

/* ---- the block --------------------------------------------------------------------------- */

/* Source: state/state.go MakeBlock, types/block.go Block.fillHeader */
static cmt_status fill_header(const making *m, cmt_header *h, cmt_error *err)
{
    const cmt_chain_state *s = m->state;
    h->version_block = s->version_block;
    h->version_app = s->version_app;
    memcpy(h->chain_id, s->chain_id, sizeof h->chain_id);
    h->height = m->height;
    h->time = m->time;
    h->last_block_id = s->last_block_id;
    h->app_hash = s->app_hash;
    h->last_results_hash = s->last_results_hash;
    h->proposer_address.size = m->proposer.size;
    memcpy(h->proposer_address.bytes, m->proposer.data, m->proposer.size);
    CMT_TRY(cmt_commit_hash(&m->commit, &h->last_commit_hash, err));
    CMT_TRY(cmt_data_hash(m->txs.txs, m->txs.count, &h->data_hash, err));
    CMT_TRY(cmt_evidence_hash(m->evidence.txs, m->evidence.count, &h->evidence_hash, err));
    CMT_TRY(cmt_validator_set_hash(&s->validators, &h->validators_hash, err));
    CMT_TRY(cmt_validator_set_hash(&s->next_validators, &h->next_validators_hash, err));
    return cmt_consensus_params_hash(&s->params.core, &h->consensus_hash, err);
}

/* The block is read back from its own bytes, so that it borrows from nothing else, and is checked. */
static cmt_status make_block(const making *m, cmt_proposal *out, cmt_error *err)
{
    cmt_block block = {
        .txs = (cmt_slice *)m->txs.txs,
        .tx_count = m->txs.count,
        .evidence = (cmt_slice *)m->evidence.txs,
        .evidence_count = m->evidence.count,
        .last_commit = m->commit,
    };
    CMT_TRY(fill_header(m, &block.header, err));
    cmt_status st = cmt_block_encode(&block, &out->bytes);
    if (st != CMT_OK)
        return cmt_error_set(err, st, "no memory to encode block %" PRId64, m->height);
    st = cmt_block_decode(cmt_buf_slice(&out->bytes), &out->block, err);
    if (st != CMT_OK)
        return cmt_blockexec__refuse(st, err);
    CMT_TRY(cmt_part_set_new(cmt_buf_slice(&out->bytes), &out->parts, err));
    out->id.part_total = cmt_part_set_total(out->parts);
    out->id.part_hash = cmt_part_set_hash(out->parts);
    return cmt_header_hash(&out->block.header, &out->id.hash, err);
}

void cmt_proposal_free(cmt_proposal *proposal)
{
    if (proposal == NULL)
        return;
    cmt_part_set_free(proposal->parts);
    cmt_block_free(&proposal->block);
    cmt_buf_free(&proposal->bytes);
    *proposal = (cmt_proposal){.parts = NULL};
}

cmt_status cmt_block_executor_propose(cmt_block_executor *executor, const cmt_chain_state *state,
                                      const cmt_ext_commit *last_commit, cmt_slice proposer,
                                      cmt_proposal *out, cmt_error *err)
{
    making m = {.state = state, .last = last_commit, .proposer = proposer};
    *out = (cmt_proposal){.parts = NULL};
    cmt_status st = start(executor, &m, err);
    if (st == CMT_OK)
        st = reap(executor, &m, err);
    if (st == CMT_OK)
        st = choose(executor->options.application, &m, err);
    if (st == CMT_OK)
        st = make_block(&m, out, err);
    making_free(&m);
    if (st != CMT_OK)
        cmt_proposal_free(out);
    return st;
}
