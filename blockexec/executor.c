/* SPDX-License-Identifier: Apache-2.0
 *
 * One block: validated, executed, committed, its state saved.  The order is what the handshake relies on.
 */
#include "executor_internal.h"

#include "cleanup.h"

#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

const char *cmt_fail_point_text(cmt_fail_point point)
{
    static const char *const texts[] = {
#define TEXT(code, text) text,
        CMT_FAIL_POINT_LIST(TEXT)
#undef TEXT
    };
    return point >= 0 && point < CMT_FAIL_POINTS ? texts[point] : "unknown";
}

cmt_status cmt_block_executor_new(const cmt_block_executor_options *options,
                                  cmt_block_executor **out, cmt_error *err)
{
    *out = NULL;
    if (options->blocks == NULL || options->states == NULL || options->application == NULL ||
        options->application->finalize_block == NULL || options->application->commit == NULL)
        return cmt_error_set(err, CMT_INVALID,
                             "a block executor needs both stores and an application that executes "
                             "and commits");
    cmt_block_executor *executor = malloc(sizeof *executor);
    if (executor == NULL)
        return cmt_error_set(err, CMT_NO_MEMORY, "no memory for a block executor");
    executor->options = *options;
    atomic_init(&executor->compactor, NULL);
    executor->has_marks = false;
    *out = executor;
    return CMT_OK;
}

void cmt_block_executor_free(cmt_block_executor *executor)
{
    free(executor);
}

void cmt_block_executor_init_compactor(cmt_block_executor *executor, cmt_compactor *compactor)
{
    atomic_store_explicit(&executor->compactor, compactor, memory_order_release);
}

cmt_time cmt_blockexec__now(const cmt_block_executor *executor)
{
    if (executor->options.now != NULL)
        return executor->options.now(executor->options.context);
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (cmt_time){now.tv_sec, (int32_t)now.tv_nsec};
}

/* ---- is it valid? ------------------------------------------------------------------------ */

cmt_status cmt_blockexec__validate(const cmt_block_executor *executor, const cmt_chain_state *state,
                                   const cmt_block *block, cmt_error *err)
{
    cmt_validate_options options = {
        .time_tolerance_ns = executor->options.time_tolerance_ns,
        .as_0_39 = executor->options.as_0_39,
    };
    if (options.time_tolerance_ns > 0)
        options.now = cmt_blockexec__now(executor);
    cmt_status st = cmt_block_validate(state, block, &options, err);
    return st == CMT_OK ? st : cmt_error_prefix(err, st, "invalid block");
}

cmt_status cmt_block_executor_validate(cmt_block_executor *executor, const cmt_chain_state *state,
                                       const cmt_block *block, const cmt_part_set *parts,
                                       cmt_error *err)
{
    if (parts != NULL)
        CMT_TRY(cmt_block_check_size(state, cmt_part_set_bytes(parts), err));
    CMT_TRY(cmt_blockexec__validate(executor, state, block, err));
    const cmt_evidence_pool *pool = executor->options.evidence;
    if (block->evidence_count == 0 || (pool != NULL && pool->check == NULL))
        return CMT_OK;
    if (pool == NULL)
        return cmt_blockexec__check_evidence(executor, state, block->evidence,
                                             block->evidence_count, err);
    return pool->check(pool->context, state, block->evidence, block->evidence_count, err);
}

cmt_status cmt_block_executor_process_proposal(cmt_block_executor *executor,
                                               const cmt_chain_state *state, const cmt_block *block,
                                               bool *accepted, cmt_error *err)
{
    const cmt_application *application = executor->options.application;
    *accepted = true;
    if (application->process_proposal == NULL)
        return CMT_OK;
    CMT_AUTO(cmt_blockexec__request_free) cmt_blockexec__request request = {.votes = NULL};
    CMT_TRY(cmt_blockexec__request_make(block, &state->last_validators, state->initial_height,
                                        &request, err));
    return application->process_proposal(application->context, &request.block, accepted, err);
}

/* ---- one block --------------------------------------------------------------------------- */

/* A block on its way; released as a whole. */
typedef struct work {
    cmt_blockexec__request request;
    cmt_results results; /* borrowed from the application */
    cmt_blockexec__updates updates;
    int64_t retain_height;
} work;

static void work_free(work *w)
{
    cmt_blockexec__request_free(&w->request);
    cmt_blockexec__updates_free(&w->updates);
}

/* The mempool is locked while the application commits, so that no transaction is checked against a state that
 * is about to change. */
static cmt_status commit_locked(const cmt_blockexec__setting *s, const cmt_block *block, work *w,
                                cmt_error *err)
{
    const cmt_application *application = s->application;
    const cmt_mempool *pool = s->mempool;
    if (pool != NULL && pool->flush != NULL)
        CMT_TRY(pool->flush(pool->context, err));
    CMT_TRY(application->commit(application->context, &w->retain_height, err));
    if (pool == NULL || pool->update == NULL)
        return CMT_OK;
    return pool->update(pool->context, block->header.height, block->txs, block->tx_count,
                        &w->results, err);
}

static cmt_status commit(const cmt_block_executor *executor, const cmt_blockexec__setting *s,
                         const cmt_block *block, work *w, cmt_error *err)
{
    const cmt_mempool *pool = s->mempool;
    cmt_text hash;
    w->retain_height = 0;
    cmt_blockexec__at(executor, CMT_FAIL_BEFORE_COMMIT);
    if (pool != NULL && pool->lock != NULL)
        pool->lock(pool->context);
    cmt_status st = commit_locked(s, block, w, err);
    if (pool != NULL && pool->unlock != NULL)
        pool->unlock(pool->context);
    if (st != CMT_OK)
        return cmt_error_prefix(err, st, "commit failed for application: block %" PRId64,
                                block->header.height);
    cmt_log(executor->options.logger, CMT_LOG_DEBUG,
            "committed state  height=%" PRId64 " block_app_hash=%s", block->header.height,
            cmt_blockexec_hex(&block->header.app_hash, &hash));
    cmt_blockexec__at(executor, CMT_FAIL_AFTER_COMMIT);
    return CMT_OK;
}

/* Results before the application commits: afterwards it cannot be asked again. */
static cmt_status execute(const cmt_block_executor *executor, const cmt_blockexec__setting *s,
                          const cmt_chain_state *state, const cmt_block *block, work *w,
                          cmt_error *err)
{
    CMT_TRY(cmt_blockexec__request_make(block, &state->last_validators, state->initial_height,
                                        &w->request, err));
    CMT_TRY(cmt_blockexec__finalize(executor, s->application, &w->request.block, &w->results, err));
    cmt_blockexec__at(executor, CMT_FAIL_AFTER_EXECUTION);
    CMT_TRY(cmt_state_store_save_results(executor->options.states, block->header.height,
                                         &w->results, err));
    cmt_blockexec__at(executor, CMT_FAIL_AFTER_RESULTS);
    return cmt_blockexec__updates_read(state, &w->results, &w->updates, err);
}

static void call_listener(const cmt_block_executor *executor, const cmt_block_id *id,
                          const cmt_block *block, const work *w)
{
    const cmt_block_listener *l = executor->options.listener;
    if (l == NULL)
        return;
    const cmt_block_event event = {
        .id = id,
        .block = block,
        .results = &w->results,
        .validator_updates = w->updates.list,
        .validator_update_count = w->updates.count,
    };
    if (l->new_block != NULL)
        l->new_block(l->context, &event);
    if (l->new_header != NULL)
        l->new_header(l->context, &block->header);
    for (size_t i = 0; i < block->evidence_count && l->new_evidence != NULL; i++)
        l->new_evidence(l->context, block->evidence[i], block->header.height);
    for (size_t i = 0; i < block->tx_count && l->tx != NULL; i++)
        l->tx(l->context, &event, i);
    if (w->updates.count > 0 && l->validator_updates != NULL)
        l->validator_updates(l->context, &event);
}

static cmt_status save_state(const cmt_block_executor *executor, const cmt_blockexec__setting *s,
                             const cmt_block *block, const work *w, cmt_chain_state *state,
                             cmt_error *err)
{
    const cmt_evidence_pool *pool = s->evidence;
    if (pool != NULL && pool->update != NULL)
        pool->update(pool->context, state, block->evidence, block->evidence_count);
    CMT_TRY(cmt_blockexec__app_hash(&w->results, &state->app_hash, err));
    cmt_blockexec__note_write(executor);
    CMT_TRY(cmt_state_store_save(executor->options.states, state, err));
    cmt_blockexec__at(executor, CMT_FAIL_AFTER_STATE);
    return CMT_OK;
}

cmt_status cmt_blockexec__apply(cmt_block_executor *executor, const cmt_blockexec__setting *s,
                                const cmt_chain_state *state, const cmt_block_id *id,
                                const cmt_block *block, cmt_chain_state *out, cmt_error *err)
{
    CMT_AUTO(work_free) work w = {.retain_height = 0};
    CMT_AUTO(cmt_chain_state_free) cmt_chain_state next = {.last_block_height = 0};
    *out = (cmt_chain_state){.last_block_height = 0};
    if (!s->verified)
        CMT_TRY(cmt_blockexec__validate(executor, state, block, err));
    CMT_TRY(execute(executor, s, state, block, &w, err));
    cmt_status st =
        cmt_blockexec__next(state, id, &block->header, &w.results, &w.updates, &next, err);
    if (st != CMT_OK)
        return cmt_error_prefix(err, st, "commit failed for application");
    CMT_TRY(commit(executor, s, block, &w, err));
    CMT_TRY(save_state(executor, s, block, &w, &next, err));
    if (w.retain_height > 0 && s->prunes)
        cmt_blockexec__prune(executor, &next, w.retain_height);
    call_listener(executor, id, block, &w);
    cmt_blockexec__at(executor, CMT_FAIL_AFTER_EVENTS);
    *out = next;
    next = (cmt_chain_state){.last_block_height = 0}; /* handed over */
    return CMT_OK;
}

static cmt_status apply_in_order(cmt_block_executor *executor, const cmt_chain_state *state,
                                 const cmt_block_id *id, const cmt_block *block, bool verified,
                                 cmt_chain_state *out, cmt_error *err)
{
    const cmt_blockexec__setting setting = {
        .application = executor->options.application,
        .mempool = executor->options.mempool,
        .evidence = executor->options.evidence,
        .prunes = !executor->options.never_prune,
        .verified = verified,
    };
    return cmt_blockexec__apply(executor, &setting, state, id, block, out, err);
}

cmt_status cmt_block_executor_apply(cmt_block_executor *executor, const cmt_chain_state *state,
                                    const cmt_block_id *id, const cmt_block *block,
                                    cmt_chain_state *out, cmt_error *err)
{
    return apply_in_order(executor, state, id, block, false, out, err);
}

cmt_status cmt_block_executor_apply_verified(cmt_block_executor *executor,
                                             const cmt_chain_state *state, const cmt_block_id *id,
                                             const cmt_block *block, cmt_chain_state *out,
                                             cmt_error *err)
{
    return apply_in_order(executor, state, id, block, true, out, err);
}
