/* SPDX-License-Identifier: Apache-2.0
 *
 * For tests of the block executor: a host that notes what it is asked, and databases of a fixture's chain up to some
 * height with an executor that goes on.
 */
#ifndef CMT_TEST_DIARY_HOST_H
#define CMT_TEST_DIARY_HOST_H

#include "cmtstore/replay.h"

#include "must.h"
#include "source_chain.h"
#include "suite.h"

#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- a host that keeps a diary ----------------------------------------------------------- */

/* Everything the executor asks of it, one word each. */
typedef struct host {
    char diary[1024];
    char log[2048];
    const cmt_application *recorded;
    cmt_results changed; /* answered instead of the record when `changes` */
    bool changes;
    int64_t retain_height;
    cmt_app_txs txs;
    cmt_app_txs evidence;
    cmt_app_txs chosen;
    cmt_app_proposal asked; /* pointers of it are dead */
    size_t asked_extensions;
    int64_t reap_bytes;
    int64_t reap_gas;
    bool accepts;
    bool silent; /* prepare answers nothing */
    cmt_compaction_request request;
    size_t ranges;
    cmt_status commit_status;
} host;

static host h;

static inline void note(host *of, const char *word)
{
    strncat(of->diary, word, sizeof of->diary - strlen(of->diary) - 1);
    strncat(of->diary, " ", sizeof of->diary - strlen(of->diary) - 1);
}

static inline cmt_status app_finalize(void *context, const cmt_app_block *block, cmt_results *out,
                                      cmt_error *err)
{
    host *of = context;
    note(of, "finalize");
    cmt_status st = of->recorded->finalize_block(of->recorded->context, block, out, err);
    if (of->changes)
        *out = of->changed;
    return st;
}

static inline cmt_status app_commit(void *context, int64_t *retain_height, cmt_error *err)
{
    host *of = context;
    note(of, "commit");
    if (of->commit_status != CMT_OK)
        return cmt_error_set(err, of->commit_status, "the disk is full");
    *retain_height = of->retain_height;
    return CMT_OK;
}

static inline cmt_status app_prepare(void *context, const cmt_app_proposal *proposal,
                                     cmt_app_txs *out, cmt_error *err)
{
    host *of = context;
    (void)err;
    of->asked = *proposal;
    of->asked_extensions = 0;
    if (of->silent)
        return CMT_OK;
    for (size_t i = 0; i < proposal->last_commit.count; i++)
        of->asked_extensions += proposal->last_commit.votes[i].extension_signature.size > 0;
    *out = of->chosen.txs != NULL ? of->chosen : (cmt_app_txs){proposal->txs, proposal->tx_count};
    return CMT_OK;
}

static inline cmt_status app_process(void *context, const cmt_app_block *block, bool *accepted,
                                     cmt_error *err)
{
    host *of = context;
    (void)err;
    ck_assert_uint_gt(block->last_commit.count, 0);
    note(of, "process");
    *accepted = of->accepts;
    return CMT_OK;
}

static inline cmt_status pool_reap(void *context, int64_t max_bytes, int64_t max_gas,
                                   cmt_app_txs *out, cmt_error *err)
{
    host *of = context;
    (void)err;
    of->reap_gas = max_gas;
    of->reap_bytes = max_bytes;
    *out = of->txs;
    return CMT_OK;
}

static inline void pool_lock(void *context)
{
    note(context, "lock");
}

static inline void pool_unlock(void *context)
{
    note(context, "unlock");
}

static inline cmt_status pool_flush(void *context, cmt_error *err)
{
    (void)err;
    note(context, "flush");
    return CMT_OK;
}

static inline cmt_status pool_update(void *context, int64_t height, const cmt_slice *txs,
                                     size_t count, const cmt_results *results, cmt_error *err)
{
    (void)height;
    (void)txs;
    (void)err;
    ck_assert_uint_eq(count, results->tx_count);
    note(context, "mempool");
    return CMT_OK;
}

static inline cmt_status evidence_pending(void *context, int64_t max_bytes, cmt_app_txs *out,
                                          cmt_error *err)
{
    (void)err;
    ck_assert_int_gt(max_bytes, 0);
    *out = ((host *)context)->evidence;
    return CMT_OK;
}

static inline void evidence_update(void *context, const cmt_chain_state *state,
                                   const cmt_slice *evidence, size_t count)
{
    (void)evidence;
    (void)count;
    ck_assert_uint_eq(state->app_hash.size, 0); /* not known yet */
    note(context, "evidence");
}

static inline void on_block(void *context, const cmt_block_event *event)
{
    ck_assert_uint_eq(event->block->tx_count, event->results->tx_count);
    note(context, "block");
}

static inline void on_header(void *context, const cmt_header *header)
{
    ck_assert_int_gt(header->height, 0);
    note(context, "header");
}

static inline void on_evidence(void *context, cmt_slice evidence, int64_t height)
{
    ck_assert_uint_gt(evidence.size, 0);
    ck_assert_int_gt(height, 0);
    note(context, "new-evidence");
}

static inline void on_tx(void *context, const cmt_block_event *event, size_t index)
{
    ck_assert_uint_lt(index, event->block->tx_count);
    note(context, "tx");
}

static inline void on_updates(void *context, const cmt_block_event *event)
{
    ck_assert_uint_gt(event->validator_update_count, 0);
    note(context, "updates");
}

static inline cmt_enqueue_result take(void *context, const cmt_compaction_request *request)
{
    host *of = context;
    note(of, "compact");
    of->request = *request;
    of->ranges = request->blockstore->count + request->state->count;
    return CMT_ENQUEUED;
}

static inline void keep_line(void *context, cmt_log_level level, const char *message)
{
    host *of = context;
    if (level == CMT_LOG_DEBUG)
        return;
    strncat(of->log, message, sizeof of->log - strlen(of->log) - 1);
    strncat(of->log, "\n", sizeof of->log - strlen(of->log) - 1);
}

/* ---- an executor with all of it ---------------------------------------------------------- */

static source_chain source;
static made_chain made;
static cmt_recorded_app *recorded;
static cmt_block_executor *executor;
static cmt_block_executor_options options;
static cmt_chain_state state;

static const cmt_application application = {
    .context = &h,
    .prepare_proposal = app_prepare,
    .process_proposal = app_process,
    .finalize_block = app_finalize,
    .commit = app_commit,
};
static const cmt_mempool mempool = {&h, pool_reap, pool_lock, pool_flush, pool_update, pool_unlock};
static const cmt_evidence_pool evidence_pool = {&h, evidence_pending, NULL, evidence_update};
static const cmt_block_listener listener = {&h,          on_block, on_header,
                                            on_evidence, on_tx,    on_updates};
static const cmt_compaction_sink sink = {take, &h};
static const cmt_logger logger = {keep_line, &h};
static const cmt_compact_handover handover = {.sink = &sink};

static inline void new_executor(void)
{
    cmt_block_executor_free(executor);
    MUST(cmt_block_executor_new(&options, &executor, &error));
}

/* Databases up to @p height, and an executor that goes on. */
static inline void open_at(const char *fixture, cmt_release release, int64_t height)
{
    source = source_open(fixture, release);
    made = made_open(&source, false);
    const cmt_replay_options replay = {
        .source_blocks = source.blocks,
        .source_states = source.states,
        .blocks = made.blocks,
        .states = made.states,
        .genesis = &source.genesis,
        .until = height,
    };
    MUST(cmt_replay_run(&replay, NULL, &error));
    const cmt_recorded_app_options app_options = {
        .blocks = source.blocks, .states = source.states, .genesis = &source.genesis};
    MUST(cmt_recorded_app_new(&app_options, &recorded, &error));
    h = (host){.recorded = cmt_recorded_app_application(recorded)};
    options = (cmt_block_executor_options){
        .blocks = made.blocks,
        .states = made.states,
        .application = &application,
        .mempool = &mempool,
        .evidence = &evidence_pool,
        .listener = &listener,
        .handover = &handover,
        .logger = &logger,
    };
    new_executor();
    MUST(cmt_state_store_load_chain_state(made.states, &state, &error));
}

static inline void close_all(void)
{
    cmt_chain_state_free(&state);
    cmt_block_executor_free(executor);
    executor = NULL;
    cmt_recorded_app_free(recorded);
    made_close(&made);
    source_close(&source);
}

/* The source's next block, decided on. */
static inline cmt_status commit_next(void)
{
    int64_t height = state.last_block_height + 1;
    source_block b = source_load(&source, height);
    cmt_buf bytes = CMT_BUF_INIT;
    cmt_commit commit;
    cmt_part_set *parts;
    cmt_chain_state next;
    MUST(cmt_block_store_load_seen_commit(source.blocks, height, &bytes, NULL, &error));
    MUST(cmt_commit_read(cmt_buf_slice(&bytes), &commit, &error));
    MUST(cmt_part_set_new(cmt_buf_slice(&b.bytes), &parts, &error));
    const cmt_decided_block decided = {&b.block, parts, b.meta.block_id, &commit, NULL};
    cmt_status st = cmt_block_executor_commit(executor, &state, &decided, &next, &error);
    if (st == CMT_OK) {
        cmt_chain_state_free(&state);
        state = next;
    } else {
        ck_assert_uint_eq(next.validators.count, 0);
    }
    cmt_part_set_free(parts);
    cmt_commit_free(&commit);
    cmt_buf_free(&bytes);
    source_block_free(&b);
    return st;
}

#endif
