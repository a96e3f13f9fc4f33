/* SPDX-License-Identifier: Apache-2.0
 *
 * Evidence in a block, checked as far as the stores tell: who has a pool knows more.
 */
#include "executor_internal.h"

#include "cleanup.h"

#include <inttypes.h>

/* Evidence names the time of the block of its height, and neither may be too old.
 * Source: evidence/verify.go verify */
static cmt_status check_age(cmt_block_executor *executor, const cmt_chain_state *state,
                            const cmt_duplicate_vote *votes, cmt_error *err)
{
    int64_t height = votes->vote_a.content.height;
    cmt_block_meta meta;
    cmt_status st = cmt_block_store_load_meta(executor->options.blocks, height, &meta, err);
    if (st == CMT_NOT_FOUND)
        return cmt_error_set(err, CMT_INVALID, "don't have header #%" PRId64, height);
    CMT_TRY(st);
    cmt_text got;
    cmt_text want;
    cmt_time time = meta.header.time;
    if (votes->timestamp.seconds != time.seconds || votes->timestamp.nanos != time.nanos)
        return cmt_error_set(err, CMT_INVALID,
                             "evidence has a different time to the block it is associated with (%s "
                             "!= %s)",
                             cmt_blockexec_time(votes->timestamp, &got),
                             cmt_blockexec_time(time, &want));
    const cmt_evidence_window window = {
        .last_block_height = state->last_block_height,
        .last_block_time = state->last_block_time,
        .max_age_num_blocks = state->params.core.evidence_max_age_num_blocks,
        .max_age_duration_ns = state->params.core.evidence_max_age_duration_ns,
    };
    if (!cmt_evidence_expired(&window, height, time))
        return CMT_OK;
    return cmt_error_set(err, CMT_INVALID,
                         "evidence from height %" PRId64 " (created at: %s) is too old", height,
                         cmt_blockexec_time(time, &got));
}

static cmt_status check_one(cmt_block_executor *executor, const cmt_chain_state *state,
                            cmt_slice evidence, cmt_error *err)
{
    cmt_duplicate_vote votes;
    cmt_status st = cmt_duplicate_vote_read(evidence, &votes, err);
    if (st == CMT_NOT_FOUND)
        return cmt_error_set(err, CMT_UNSUPPORTED,
                             "a light client attack: only an evidence pool of the host can verify "
                             "it");
    if (st != CMT_OK)
        return cmt_blockexec__refuse(st, err);
    CMT_TRY(check_age(executor, state, &votes, err));
    CMT_AUTO(cmt_validator_set_free) cmt_validator_set set = {0};
    st = cmt_state_store_load_validator_set(executor->options.states, votes.vote_a.content.height,
                                            &set, err);
    if (st == CMT_NOT_FOUND)
        return cmt_error_set(err, CMT_INVALID, "don't have validators #%" PRId64,
                             votes.vote_a.content.height);
    CMT_TRY(st);
    return cmt_duplicate_vote_verify(&votes, state->chain_id, &set, err);
}

/* A block holds few: max_bytes of evidence bounds them. */
static bool came_before(const cmt_slice *evidence, size_t index)
{
    for (size_t i = 0; i < index; i++)
        if (cmt_slice_equal(evidence[i], evidence[index]))
            return true;
    return false;
}

cmt_status cmt_blockexec__check_evidence(cmt_block_executor *executor, const cmt_chain_state *state,
                                         const cmt_slice *evidence, size_t count, cmt_error *err)
{
    for (size_t i = 0; i < count; i++) {
        cmt_status st = check_one(executor, state, evidence[i], err);
        if (st == CMT_OK && came_before(evidence, i))
            st = cmt_error_set(err, CMT_INVALID, "duplicate evidence");
        if (st != CMT_OK)
            return cmt_error_prefix(err, st, "Invalid evidence (#%zu)", i);
    }
    return CMT_OK;
}
