/* SPDX-License-Identifier: Apache-2.0
 *
 * What the application gives up is pruned from both stores and left to be compacted.  Whatever fails here is logged:
 * the block is committed, and space is late, never wrong.
 */
#include "executor_internal.h"

#include "cmtstore/pruner.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

/* ---- down to which height ---------------------------------------------------------------- */

static void log_refusal(const cmt_block_executor *executor, int64_t wish, const cmt_error *refusal)
{
    cmt_log(executor->options.logger, CMT_LOG_ERROR,
            "failed to set application block retain height  retain_height=%" PRId64 " err=\"%s\"",
            wish, refusal->message);
}

/* From 1.0 on the application's wish is kept, and cannot be taken back; one that cannot be kept changes nothing.
 * Source: state/pruner.go SetApplicationBlockRetainHeight */
static cmt_status keep_wish(const cmt_block_executor *executor, int64_t kept, int64_t *wish,
                            cmt_error *err)
{
    cmt_state_store *states = executor->options.states;
    if (*wish == 0)
        *wish = kept;
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
    log_refusal(executor, *wish, &refusal);
    *wish = kept;
    return CMT_OK;
}

/* The lowest of what the application, a data companion, the policy and pins give up.
 * Source: state/pruner.go findMinBlockRetainHeight */
static cmt_status decide(const cmt_block_executor *executor, int64_t last, int64_t wish,
                         int64_t *retain_height, cmt_error *err)
{
    cmt_retain_heights kept;
    cmt_prune_target target;
    cmt_prune_limits limits = {
        .application = wish,
        .keep = executor->options.keep,
        .data_dir = executor->options.data_dir,
        .now = time(NULL),
    };
    if (cmt_state_store_has_version(executor->options.states)) {
        CMT_TRY(cmt_state_store_retain_heights(executor->options.states, &kept, err));
        CMT_TRY(keep_wish(executor, kept.application, &limits.application, err));
        limits.has_companion = executor->options.data_companion;
        limits.companion = kept.companion;
    }
    CMT_TRY(cmt_prune_decide(executor->options.blocks, last, &limits, &target, err));
    *retain_height = target.retain_height;
    return CMT_OK;
}

static bool has_policy(const cmt_keep_policy *keep)
{
    return keep->blocks > 0 || keep->for_ns > 0 || keep->bytes > 0;
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
    cmt_prune_hand_over(&handover, &executor->ledger, r);
    cmt_blockexec__at(executor, CMT_FAIL_AFTER_COMPACTION);
}

cmt_status cmt_block_executor_recover_compaction(cmt_block_executor *executor,
                                                 int64_t initial_height, cmt_compact_flight *flight,
                                                 cmt_compact_journal *journal, cmt_error *err)
{
    const cmt_block_executor_options *o = &executor->options;
    const cmt_prune_stores stores = {o->blocks, o->blocks_db, o->states, o->states_db};
    return cmt_prune_ledger_open(&stores, initial_height, flight, journal, &executor->ledger, err);
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
        cmt_prune_ledger_advance(&executor->ledger, &request, r);
        return st;
    }
    return cmt_error_prefix(
        err, st, r->blocks_done ? "failed to prune state store" : "failed to prune block store");
}

/* The application's wish goes to the service, which prunes when its time comes.
 * Source: state/execution.go ApplyBlock, from 1.0 on */
static void tell_service(const cmt_block_executor *executor, int64_t wish)
{
    cmt_error refusal = CMT_ERROR_INIT;
    if (wish > 0 &&
        cmt_prune_service_set_retain_height(executor->options.prune_service, CMT_RETAIN_APPLICATION,
                                            wish, &refusal) != CMT_OK)
        log_refusal(executor, wish, &refusal);
}

static void prune_below(cmt_block_executor *executor, const cmt_chain_state *state,
                        int64_t retain_height)
{
    const cmt_logger *logger = executor->options.logger;
    cmt_error error = CMT_ERROR_INIT;
    int64_t base = cmt_block_store_base(executor->options.blocks);
    int64_t lowest;
    if (decide(executor, state->last_block_height, retain_height, &lowest, &error) != CMT_OK) {
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

void cmt_blockexec__prune(cmt_block_executor *executor, const cmt_chain_state *state,
                          int64_t retain_height)
{
    if (executor->options.prune_service != NULL)
        tell_service(executor, retain_height);
    else if (retain_height > 0 || has_policy(&executor->options.keep))
        prune_below(executor, state, retain_height);
}
