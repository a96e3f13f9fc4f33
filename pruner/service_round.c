/* SPDX-License-Identifier: Apache-2.0
 *
 * One round of the prune service: blocks with their states, then results by themselves.
 *
 * Source: state/pruner.go pruneBlocksToRetainHeight, pruneABCIResToRetainHeight
 */
#include "service_internal.h"

#include "cleanup.h"

#include <inttypes.h>
#include <time.h>

static bool report_stop(void *context, const cmt_progress *progress)
{
    (void)progress;
    return cmt_pruner__service_must_stop(context);
}

static int64_t wall_seconds(const cmt_prune_service *s)
{
    return s->options.wall_seconds != NULL ? s->options.wall_seconds(s->options.context)
                                           : (int64_t)time(NULL);
}

/* A stop is no failure. */
static void note_failure(cmt_prune_service *s, cmt_status status, const char *event,
                         const cmt_error *failure)
{
    if (status == CMT_CANCELLED)
        cmt_log(s->options.logger, CMT_LOG_DEBUG, "stopped pruning on request");
    else
        cmt_pruner__service_failed(s, event, failure);
}

/* ---- how far --------------------------------------------------------------------------------- */

/* Who has a say; false: one of them cannot be asked. */
static bool ask(cmt_prune_service *s, cmt_prune_limits *limits)
{
    cmt_error err = CMT_ERROR_INIT;
    *limits = (cmt_prune_limits){
        .has_companion = s->options.data_companion,
        .keep = s->options.keep,
        .data_dir = s->data_dir,
        .now = wall_seconds(s),
    };
    cmt_status st =
        cmt_prune_service_retain_height(s, CMT_RETAIN_APPLICATION, &limits->application, &err);
    if (st != CMT_OK) {
        cmt_pruner__service_failed(s, "unexpected error fetching application retain height", &err);
        return false;
    }
    if (!limits->has_companion)
        return true;
    st = cmt_prune_service_retain_height(s, CMT_RETAIN_COMPANION, &limits->companion, &err);
    if (st != CMT_OK)
        cmt_pruner__service_failed(s, "unexpected error fetching data companion retain height",
                                   &err);
    return st == CMT_OK;
}

/* @p target->retain_height 0: nothing is to be pruned. */
static void decide(cmt_prune_service *s, int64_t last, const cmt_prune_limits *limits,
                   cmt_prune_target *target)
{
    cmt_error err = CMT_ERROR_INIT;
    if (cmt_prune_decide(s->options.blocks, last, limits, target, &err) == CMT_OK)
        return;
    cmt_pruner__service_failed(s, "cannot decide how far to prune", &err);
    *target = (cmt_prune_target){.retain_height = 0};
}

/* ---- blocks ---------------------------------------------------------------------------------- */

static cmt_status prune_stores(cmt_prune_service *s, const cmt_state *state, int64_t retain,
                               cmt_stores_prune_result *r, cmt_error *err)
{
    const cmt_stores_prune_request request = {
        .retain_height = retain,
        .initial_height = state->initial_height,
        .window = {.last_block_height = state->last_block_height,
                   .last_block_time = state->last_block_time,
                   .max_age_num_blocks = state->params.evidence_max_age_num_blocks,
                   .max_age_duration_ns = state->params.evidence_max_age_duration_ns},
        .sweep = !s->options.keep_residue,
    };
    const cmt_progress_hook progress = {report_stop, s};
    const cmt_erase_options options = {.progress = &progress};
    cmt_status st =
        cmt_stores_prune(s->options.blocks, s->options.states, &request, &options, r, err);
    if (st == CMT_OK)
        cmt_prune_ledger_advance(&s->ledger, &request, r);
    if (st == CMT_OK || st == CMT_CANCELLED)
        return st;
    return cmt_error_prefix(err, st, "failed to prune %s to height %" PRId64,
                            r->blocks_done ? "states" : "blocks", retain);
}

static void log_pruned(cmt_prune_service *s, const cmt_stores_prune_result *r,
                       const cmt_prune_target *target)
{
    const int64_t pruned = r->blocks.base - r->blocks.base_before;
    if (pruned <= 0)
        return;
    pthread_mutex_lock(&s->lock);
    s->stats.blocks += (uint64_t)pruned;
    pthread_mutex_unlock(&s->lock);
    cmt_log(s->options.logger, CMT_LOG_INFO,
            "pruned blocks  pruned=%" PRId64 " retain_height=%" PRId64 " base=%" PRId64
            " decided_by=\"%s\"",
            pruned, target->retain_height, r->blocks.base, target->decided_by);
}

/* In the words that operators know from the executor. */
static void log_begin(const cmt_prune_service *s, const cmt_state *state, int64_t retain)
{
    const int64_t base = cmt_block_store_base(s->options.blocks);
    if (retain > base)
        cmt_log(s->options.logger, CMT_LOG_INFO,
                "pruning blocks  retainHeightNumber=%" PRId64 " currentHeight=%" PRId64
                " base=%" PRId64 " isArchive=%s",
                retain, state->last_block_height, base, s->options.is_archive ? "true" : "false");
}

static void prune_to(cmt_prune_service *s, const cmt_state *state, const cmt_prune_target *target)
{
    cmt_error err = CMT_ERROR_INIT;
    cmt_stores_prune_result r;
    log_begin(s, state, target->retain_height);
    cmt_status st = prune_stores(s, state, target->retain_height, &r, &err);
    log_pruned(s, &r, target);
    if (st != CMT_OK)
        note_failure(s, st, "failed to prune blocks", &err);
    s->blocks.again = st != CMT_OK;
    cmt_prune_hand_over(s->options.handover, &s->ledger, &r);
    cmt_stores_prune_result_free(&r);
}

/* A node without a state has nothing to prune. */
static bool load_state(cmt_prune_service *s, cmt_state *state)
{
    cmt_error err = CMT_ERROR_INIT;
    cmt_status st = cmt_state_store_load(s->options.states, state, &err);
    if (st != CMT_OK && st != CMT_NOT_FOUND)
        cmt_pruner__service_failed(s, "failed to load state, cannot prune", &err);
    return st == CMT_OK;
}

static void prune_blocks(cmt_prune_service *s, const cmt_state *state,
                         const cmt_prune_target *target)
{
    const cmt_prune_observer *observer = s->options.observer;
    const int64_t retain = target->retain_height;
    if (retain <= 0 || (retain == s->blocks.last && !s->blocks.again))
        return;
    /* The first time also where base is that already: an earlier process may have been interrupted. */
    if (retain >= cmt_block_store_base(s->options.blocks))
        prune_to(s, state, target);
    const int64_t base = cmt_block_store_base(s->options.blocks);
    const int64_t before = s->blocks.last;
    s->blocks.last = base;
    if (base != before && observer != NULL && observer->pruned_blocks != NULL)
        observer->pruned_blocks(observer->context, before, base - 1);
}

/* ---- results --------------------------------------------------------------------------------- */

static cmt_status prune_results_to(cmt_prune_service *s, const cmt_state *state, int64_t retain,
                                   cmt_results_prune_result *r, cmt_error *err)
{
    const cmt_progress_hook progress = {report_stop, s};
    const cmt_erase_options options = {.progress = &progress};
    cmt_status st = cmt_state_store_prune_results(s->options.states, retain,
                                                  state->last_block_height + 2, &options, r, err);
    const cmt_compaction_request request = {
        .label = CMT_COMPACT_LABEL_PRUNE,
        .state = &r->touched,
        .deleted_keys = r->deletes,
        .heights = r->pruned,
    };
    if (s->options.handover != NULL && (st != CMT_OK || r->pruned > 0))
        cmt_compact_after_prune(s->options.handover, &request, NULL);
    return st;
}

static void note_results(cmt_prune_service *s, int64_t retain, const cmt_results_prune_result *r)
{
    const cmt_prune_observer *observer = s->options.observer;
    const int64_t before = s->results.last;
    s->results.last = r->discards ? 0 : retain;
    if (r->pruned > 0) {
        pthread_mutex_lock(&s->lock);
        s->stats.results += (uint64_t)r->pruned;
        pthread_mutex_unlock(&s->lock);
        cmt_log(s->options.logger, CMT_LOG_INFO,
                "pruned ABCI responses  heights=%" PRId64 " new_retain_height=%" PRId64, r->pruned,
                retain);
    }
    if (s->results.last != before && observer != NULL && observer->pruned_results != NULL)
        observer->pruned_results(observer->context, before, s->results.last - 1);
}

static void prune_results(cmt_prune_service *s, const cmt_state *state)
{
    cmt_error err = CMT_ERROR_INIT;
    cmt_prune_target target;
    cmt_results_prune_result r;
    cmt_prune_limits limits = {.data_dir = s->data_dir, .now = wall_seconds(s)};
    if (cmt_prune_service_retain_height(s, CMT_RETAIN_RESULTS, &limits.application, &err) !=
        CMT_OK) {
        cmt_pruner__service_failed(s, "failed to get ABCI response retain height", &err);
        return;
    }
    decide(s, state->last_block_height, &limits, &target);
    if (target.retain_height <= 0 || (target.retain_height == s->results.last && !s->results.again))
        return;
    cmt_status st = prune_results_to(s, state, target.retain_height, &r, &err);
    s->results.again = st != CMT_OK;
    if (st == CMT_OK)
        note_results(s, target.retain_height, &r);
    else
        note_failure(s, st, "failed to prune ABCI responses", &err);
    cmt_results_prune_result_free(&r);
}

/* ---- the round ------------------------------------------------------------------------------- */

void cmt_pruner__service_round(cmt_prune_service *s)
{
    cmt_prune_limits limits;
    cmt_prune_target target = {.retain_height = 0};
    cmt_state state;
    const bool has_state = load_state(s, &state);
    if (has_state && ask(s, &limits))
        decide(s, state.last_block_height, &limits, &target);
    pthread_mutex_lock(&s->lock);
    s->stats.last = target;
    pthread_mutex_unlock(&s->lock);
    if (!has_state)
        return;
    prune_blocks(s, &state, &target);
    if (s->options.data_companion && !cmt_pruner__service_must_stop(s))
        prune_results(s, &state);
}
