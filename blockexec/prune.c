/* SPDX-License-Identifier: Apache-2.0
 *
 * What the application gives up is pruned from both stores and left to be compacted.  Whatever fails here is logged:
 * the block is committed, and space is late, never wrong.
 */
#include "executor_internal.h"

#include "cmtstore/pruner.h"

#include <inttypes.h>
#include <string.h>

/* ---- down to which height ---------------------------------------------------------------- */

/* From 1.0 on the application's wish is kept, and cannot be taken back; one that cannot be kept changes nothing.
 * Source: state/pruner.go SetApplicationBlockRetainHeight */
static cmt_status keep_wish(const cmt_block_executor *executor, int64_t kept, int64_t *wish,
                            cmt_error *err)
{
    cmt_state_store *states = executor->options.states;
    if (kept == *wish)
        return CMT_OK;
    if (kept == 0)
        CMT_TRY(cmt_state_store_init_retain_heights(states, false, 0, 0, err));
    cmt_error refusal = CMT_ERROR_INIT;
    cmt_status st = cmt_state_store_set_retain_height(
        states, CMT_RETAIN_APPLICATION, *wish, cmt_block_store_base(executor->options.blocks),
        cmt_block_store_height(executor->options.blocks), &refusal);
    if (st == CMT_OK)
        return st;
    cmt_log(executor->options.logger, CMT_LOG_ERROR,
            "failed to set application block retain height  retain_height=%" PRId64 " err=\"%s\"",
            *wish, refusal.message);
    *wish = kept;
    return CMT_OK;
}

/* The lower of what the application and a data companion give up.
 * Source: state/pruner.go findMinBlockRetainHeight */
static cmt_status decide(const cmt_block_executor *executor, int64_t wish, int64_t *retain_height,
                         cmt_error *err)
{
    *retain_height = wish;
    if (!cmt_state_store_has_version(executor->options.states))
        return CMT_OK;
    cmt_retain_heights kept;
    CMT_TRY(cmt_state_store_retain_heights(executor->options.states, &kept, err));
    CMT_TRY(keep_wish(executor, kept.application, retain_height, err));
    if (executor->options.data_companion && kept.companion < *retain_height)
        *retain_height = kept.companion;
    return CMT_OK;
}

/* ---- the prune --------------------------------------------------------------------------- */

static bool after_batch(void *context, const cmt_progress *progress)
{
    bool blocks = strcmp(progress->database, "blockstore") == 0;
    cmt_blockexec__at(context, blocks ? CMT_FAIL_PRUNE_BLOCKS : CMT_FAIL_PRUNE_STATES);
    return false;
}

/* ---- handing it on ----------------------------------------------------------------------- */

static cmt_compactor *compactor_of(const cmt_block_executor *executor)
{
    return atomic_load_explicit(&executor->compactor, memory_order_acquire);
}

void cmt_blockexec__note_write(const cmt_block_executor *executor)
{
    const cmt_compact_handover *handover = executor->options.handover;
    cmt_compact_flight *flight = cmt_compactor_flight(compactor_of(executor));
    if (flight == NULL && handover != NULL)
        flight = handover->flight;
    if (flight != NULL)
        cmt_compact_flight_note_write(flight);
}

/* False: there is nobody.  @p sink is for `out` to point to. */
static bool find_handover(const cmt_block_executor *executor, cmt_compaction_sink *sink,
                          cmt_compact_handover *out)
{
    cmt_compactor *compactor = compactor_of(executor);
    if (executor->options.handover != NULL)
        *out = *executor->options.handover;
    else
        *out = (cmt_compact_handover){.logger = executor->options.logger};
    if (compactor == NULL)
        return executor->options.handover != NULL;
    *sink = cmt_compactor_sink(compactor);
    out->sink = sink;
    if (out->flight == NULL)
        out->flight = cmt_compactor_flight(compactor);
    return true;
}

static void leave_to_compact(const cmt_block_executor *executor, const cmt_stores_prune_result *r)
{
    cmt_compaction_sink sink;
    cmt_compact_handover handover;
    if (!find_handover(executor, &sink, &handover))
        return;
    cmt_prune_cookie of_blocks = {.size = 0};
    cmt_prune_cookie of_states = {.size = 0};
    if (executor->has_marks)
        cmt_prune_cookies(&executor->marks, &of_blocks, &of_states);
    const cmt_compaction_request request = {
        .blockstore_cookie = {of_blocks.bytes, of_blocks.size},
        .state_cookie = {of_states.bytes, of_states.size},
        .label = CMT_COMPACT_LABEL_PRUNE,
        .blockstore = &r->blocks.touched,
        .state = &r->states.touched,
        .deleted_keys = r->blocks.deletes + r->states.deletes,
        .heights = r->blocks.base - r->blocks.base_before,
    };
    cmt_compact_after_prune(&handover, &request, NULL);
    cmt_blockexec__at(executor, CMT_FAIL_AFTER_COMPACTION);
}

/* ---- the prune of both ------------------------------------------------------------------- */

static cmt_status prune_stores(cmt_block_executor *executor, const cmt_chain_state *state,
                               int64_t retain_height, cmt_stores_prune_result *r, cmt_error *err)
{
    const cmt_stores_prune_request request = {
        .retain_height = retain_height,
        .initial_height = state->initial_height,
        .window = {.last_block_height = state->last_block_height,
                   .last_block_time = state->last_block_time,
                   .max_age_num_blocks = state->params.core.evidence_max_age_num_blocks,
                   .max_age_duration_ns = state->params.core.evidence_max_age_duration_ns},
        .sweep = !executor->options.keep_residue,
    };
    const cmt_progress_hook progress = {after_batch, executor};
    const cmt_erase_options options = {.progress = &progress};
    cmt_status st = cmt_stores_prune(executor->options.blocks, executor->options.states, &request,
                                     &options, r, err);
    if (st == CMT_OK) {
        if (executor->has_marks)
            cmt_prune_marks_advance(&executor->marks, &request, r);
        return st;
    }
    return cmt_error_prefix(
        err, st, r->blocks_done ? "failed to prune state store" : "failed to prune block store");
}

void cmt_blockexec__prune(cmt_block_executor *executor, const cmt_chain_state *state,
                          int64_t retain_height)
{
    const cmt_logger *logger = executor->options.logger;
    cmt_error error = CMT_ERROR_INIT;
    int64_t base = cmt_block_store_base(executor->options.blocks);
    int64_t lowest;
    if (decide(executor, retain_height, &lowest, &error) != CMT_OK) {
        cmt_log(logger, CMT_LOG_ERROR,
                "failed to prune blocks  retain_height=%" PRId64 " err=\"%s\"", retain_height,
                error.message);
        return;
    }
    if (lowest <= base)
        return;
    cmt_log(logger, CMT_LOG_INFO,
            "pruning blocks  retainHeightNumber=%" PRId64 " currentHeight=%" PRId64 " base=%" PRId64
            " isArchive=%s",
            lowest, state->last_block_height, base,
            executor->options.is_archive ? "true" : "false");
    cmt_stores_prune_result r;
    cmt_status st = prune_stores(executor, state, lowest, &r, &error);
    if (st != CMT_OK)
        cmt_log(logger, CMT_LOG_ERROR,
                "failed to prune blocks  retain_height=%" PRId64 " err=\"%s\"", lowest,
                error.message);
    else
        cmt_log(logger, CMT_LOG_INFO,
                "pruned blocks  pruned=%" PRId64 " retain_height=%" PRId64 " base=%" PRId64,
                r.blocks.base - base, lowest, r.blocks.base);
    cmt_blockexec__at(executor, CMT_FAIL_AFTER_PRUNE);
    leave_to_compact(executor, &r); /* of a prune that failed, too: what was deleted is deleted */
    cmt_stores_prune_result_free(&r);
}
