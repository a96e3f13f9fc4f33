/* SPDX-License-Identifier: Apache-2.0
 *
 * The executor beside its replays: proposals, what it asks of the host and in which order, what the application may
 * not answer, and pruning.
 */
#include "cmtstore/replay.h"

#include "source_chain.h"

#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static cmt_error error;

#define MUST(call)                                                                                 \
    do {                                                                                           \
        cmt_status must_status = (call);                                                           \
        if (must_status != CMT_OK)                                                                 \
            ck_abort_msg("%s: %s: %s", #call, cmt_status_text(must_status), error.message);        \
    } while (0)

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

static void note(host *of, const char *word)
{
    strncat(of->diary, word, sizeof of->diary - strlen(of->diary) - 1);
    strncat(of->diary, " ", sizeof of->diary - strlen(of->diary) - 1);
}

static cmt_status app_finalize(void *context, const cmt_app_block *block, cmt_results *out,
                               cmt_error *err)
{
    host *of = context;
    note(of, "finalize");
    cmt_status st = of->recorded->finalize_block(of->recorded->context, block, out, err);
    if (of->changes)
        *out = of->changed;
    return st;
}

static cmt_status app_commit(void *context, int64_t *retain_height, cmt_error *err)
{
    host *of = context;
    note(of, "commit");
    if (of->commit_status != CMT_OK)
        return cmt_error_set(err, of->commit_status, "the disk is full");
    *retain_height = of->retain_height;
    return CMT_OK;
}

static cmt_status app_prepare(void *context, const cmt_app_proposal *proposal, cmt_app_txs *out,
                              cmt_error *err)
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

static cmt_status app_process(void *context, const cmt_app_block *block, bool *accepted,
                              cmt_error *err)
{
    host *of = context;
    (void)err;
    ck_assert_uint_gt(block->last_commit.count, 0);
    note(of, "process");
    *accepted = of->accepts;
    return CMT_OK;
}

static cmt_status pool_reap(void *context, int64_t max_bytes, int64_t max_gas, cmt_app_txs *out,
                            cmt_error *err)
{
    host *of = context;
    (void)err;
    of->reap_gas = max_gas;
    of->reap_bytes = max_bytes;
    *out = of->txs;
    return CMT_OK;
}

static void pool_lock(void *context)
{
    note(context, "lock");
}

static void pool_unlock(void *context)
{
    note(context, "unlock");
}

static cmt_status pool_flush(void *context, cmt_error *err)
{
    (void)err;
    note(context, "flush");
    return CMT_OK;
}

static cmt_status pool_update(void *context, int64_t height, const cmt_slice *txs, size_t count,
                              const cmt_results *results, cmt_error *err)
{
    (void)height;
    (void)txs;
    (void)err;
    ck_assert_uint_eq(count, results->tx_count);
    note(context, "mempool");
    return CMT_OK;
}

static cmt_status evidence_pending(void *context, int64_t max_bytes, cmt_app_txs *out,
                                   cmt_error *err)
{
    (void)err;
    ck_assert_int_gt(max_bytes, 0);
    *out = ((host *)context)->evidence;
    return CMT_OK;
}

static void evidence_update(void *context, const cmt_chain_state *state, const cmt_slice *evidence,
                            size_t count)
{
    (void)evidence;
    (void)count;
    ck_assert_uint_eq(state->app_hash.size, 0); /* not known yet */
    note(context, "evidence");
}

static void on_block(void *context, const cmt_block_event *event)
{
    ck_assert_uint_eq(event->block->tx_count, event->results->tx_count);
    note(context, "block");
}

static void on_header(void *context, const cmt_header *header)
{
    ck_assert_int_gt(header->height, 0);
    note(context, "header");
}

static void on_evidence(void *context, cmt_slice evidence, int64_t height)
{
    ck_assert_uint_gt(evidence.size, 0);
    ck_assert_int_gt(height, 0);
    note(context, "new-evidence");
}

static void on_tx(void *context, const cmt_block_event *event, size_t index)
{
    ck_assert_uint_lt(index, event->block->tx_count);
    note(context, "tx");
}

static void on_updates(void *context, const cmt_block_event *event)
{
    ck_assert_uint_gt(event->validator_update_count, 0);
    note(context, "updates");
}

static cmt_enqueue_result take(void *context, const cmt_compaction_request *request)
{
    host *of = context;
    note(of, "compact");
    of->request = *request;
    of->ranges = request->blockstore->count + request->state->count;
    return CMT_ENQUEUED;
}

static void keep_line(void *context, cmt_log_level level, const char *message)
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

static void new_executor(void)
{
    cmt_block_executor_free(executor);
    MUST(cmt_block_executor_new(&options, &executor, &error));
}

/* Databases up to @p height, and an executor that goes on. */
static void open_at(const char *fixture, cmt_release release, int64_t height)
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

static void close_all(void)
{
    cmt_chain_state_free(&state);
    cmt_block_executor_free(executor);
    executor = NULL;
    cmt_recorded_app_free(recorded);
    made_close(&made);
    source_close(&source);
}

/* The source's next block, decided on. */
static cmt_status commit_next(void)
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

/* ---- order ------------------------------------------------------------------------------- */

/* Block 305 holds evidence, and 333 changes validators. */
START_TEST(everything_in_its_order)
{
    open_at("multi-0.38", CMT_RELEASE_0_38, 304);
    MUST(commit_next());
    source_block b = source_load(&source, 305);
    char want[256] =
        "finalize lock flush commit mempool unlock evidence block header new-evidence ";
    for (size_t i = 0; i < b.block.tx_count; i++)
        strcat(want, "tx ");
    ck_assert_str_eq(h.diary, want);
    source_block_free(&b);
    close_all();
    open_at("multi-0.38", CMT_RELEASE_0_38, 332);
    MUST(commit_next());
    ck_assert_ptr_nonnull(strstr(h.diary, " updates "));
    close_all();
}
END_TEST

START_TEST(a_commit_that_fails_unlocks_and_saves_no_state)
{
    open_at("multi-0.38", CMT_RELEASE_0_38, 20);
    h.commit_status = CMT_NO_SPACE;
    ck_assert_int_eq(commit_next(), CMT_NO_SPACE);
    ck_assert_str_eq(error.message, "commit failed for application: block 21: the disk is full");
    ck_assert_str_eq(h.diary, "finalize lock flush commit unlock ");
    cmt_state saved;
    MUST(cmt_state_store_load(made.states, &saved, &error));
    ck_assert_int_eq(saved.last_block_height, 20);
    ck_assert_int_eq(cmt_block_store_height(made.blocks), 21);
    h.commit_status = CMT_OK; /* the block is there: it is only applied */
    MUST(commit_next());
    ck_assert_int_eq(state.last_block_height, 21);
    close_all();
}
END_TEST

/* ---- what an application may not answer --------------------------------------------------- */

static void expect_unanswerable(const cmt_slice *updates, size_t count, const char *params,
                                size_t params_size, const char *reason)
{
    source_block b = source_load(&source, state.last_block_height + 1);
    cmt_slice tx_results[8] = {{NULL, 0}};
    ck_assert_uint_le(b.block.tx_count, 8);
    h.changed = (cmt_results){
        .tx_results = tx_results,
        .tx_count = b.block.tx_count,
        .validator_updates = (cmt_slice *)(uintptr_t)updates,
        .update_count = count,
        .has_params = params != NULL,
        .params = {(const uint8_t *)params, params_size},
        .app_hash = CMT_SLICE("hash"),
    };
    h.changes = true;
    ck_assert_int_eq(commit_next(), CMT_INVALID);
    ck_assert_msg(strstr(error.message, reason) != NULL, "\"%s\" does not say %s", error.message,
                  reason);
    ck_assert_ptr_null(strstr(h.diary, "commit"));
    source_block_free(&b);
}

/* ValidatorUpdate {pub_key {ed25519 or secp256k1} power}. */
static cmt_slice update_of(uint8_t *bytes, bool secp256k1, uint8_t byte, int power)
{
    size_t key = secp256k1 ? 33 : 32;
    size_t at = 0;
    bytes[at++] = 0x0a;
    bytes[at++] = (uint8_t)(key + 2);
    bytes[at++] = secp256k1 ? 0x12 : 0x0a;
    bytes[at++] = (uint8_t)key;
    memset(bytes + at, byte, key);
    if (secp256k1)
        bytes[at] = 2;
    at += key;
    if (power != 0) {
        bytes[at++] = 0x10;
        uint64_t value = (uint64_t)(int64_t)power;
        for (; value >= 0x80; value >>= 7)
            bytes[at++] = (uint8_t)(value | 0x80);
        bytes[at++] = (uint8_t)value;
    }
    return (cmt_slice){bytes, at};
}

START_TEST(wrong_answers_are_refused)
{
    uint8_t bytes[64];
    open_at("multi-0.38", CMT_RELEASE_0_38, 20);
    cmt_slice update = update_of(bytes, false, 1, -3);
    expect_unanswerable(&update, 1, NULL, 0, "update 0: voting power can't be negative: -3");
    update = update_of(bytes, true, 1, 3);
    expect_unanswerable(&update, 1, NULL, 0, "secp256k1, which is unsupported for consensus");
    update = update_of(bytes, false, 1, 0);
    expect_unanswerable(&update, 1, NULL, 0, "changing validator set");
    update.size--;
    expect_unanswerable(&update, 1, NULL, 0, "error in validator updates: update 0");
    const char no_bytes[] = "\x0a\x00"; /* block {} */
    expect_unanswerable(NULL, 0, no_bytes, 2, "updating consensus params: ConsensusParams: block");
    expect_unanswerable(NULL, 0, "\x0a\x05", 2, "updating consensus params");
    h.changes = false;
    MUST(commit_next()); /* nothing of it stayed */
    close_all();
}
END_TEST

/* An application that raises its version raises that of the next block. */
START_TEST(the_version_follows_the_params)
{
    open_at("multi-0.38", CMT_RELEASE_0_38, 20);
    source_block b = source_load(&source, 21);
    cmt_slice tx_results[8] = {{NULL, 0}};
    h.changed = (cmt_results){
        .tx_results = tx_results,
        .tx_count = b.block.tx_count,
        .has_params = true,
        .params = CMT_SLICE("\x22\x02\x08\x09"), /* version {app 9} */
        .app_hash = CMT_SLICE("hash"),
    };
    h.changes = true;
    MUST(commit_next());
    cmt_chain_state saved;
    MUST(cmt_state_store_load_chain_state(made.states, &saved, &error));
    ck_assert_uint_eq(saved.version_app, 9);
    ck_assert_uint_eq(saved.params.core.version_app, 9);
    ck_assert_int_eq(saved.last_height_params_changed, 22);
    ck_assert_uint_eq(saved.app_hash.size, 4);
    cmt_chain_state_free(&saved);
    source_block_free(&b);
    close_all();
}
END_TEST

START_TEST(a_result_for_each_transaction)
{
    open_at("multi-0.38", CMT_RELEASE_0_38, 20);
    cmt_slice too_many[9] = {{NULL, 0}};
    h.changed = (cmt_results){.tx_results = too_many, .tx_count = 9};
    h.changes = true;
    ck_assert_int_eq(commit_next(), CMT_INVALID);
    ck_assert_ptr_nonnull(strstr(error.message, "expected tx results length to match size of "
                                                "transactions in block"));
    cmt_buf results = CMT_BUF_INIT;
    ck_assert_int_eq(cmt_state_store_load_results(made.states, 21, &results, &error),
                     CMT_NOT_FOUND);
    cmt_buf_free(&results);
    close_all();
}
END_TEST

START_TEST(a_block_needs_the_commit_of_its_height)
{
    open_at("votes-ext-0.38", CMT_RELEASE_0_38, 50);
    ck_assert_int_eq(commit_next(), CMT_INVALID); /* it brings a seen commit only */
    ck_assert_ptr_nonnull(strstr(error.message, "block 51 needs an extended commit"));
    close_all();
}
END_TEST

/* Whoever vouches for a block is believed. */
START_TEST(a_verified_block_is_not_looked_at_again)
{
    open_at("multi-0.38", CMT_RELEASE_0_38, 20);
    source_block b = source_load(&source, 21);
    cmt_chain_state next;
    state.app_hash.bytes[0] ^= 1;
    ck_assert_int_eq(
        cmt_block_executor_apply(executor, &state, &b.meta.block_id, &b.block, &next, &error),
        CMT_INVALID);
    MUST(cmt_block_executor_apply_verified(executor, &state, &b.meta.block_id, &b.block, &next,
                                           &error));
    ck_assert_int_eq(next.last_block_height, 21);
    cmt_chain_state_free(&next);
    source_block_free(&b);
    close_all();
}
END_TEST

START_TEST(a_wrong_block_is_not_executed)
{
    open_at("multi-0.38", CMT_RELEASE_0_38, 20);
    state.app_hash.bytes[0] ^= 1;
    ck_assert_int_eq(commit_next(), CMT_INVALID);
    ck_assert_ptr_nonnull(strstr(error.message, "invalid block: wrong Block.Header.AppHash"));
    ck_assert_str_eq(h.diary, "");
    ck_assert_int_eq(cmt_block_store_height(made.blocks), 20); /* and not saved */
    close_all();
}
END_TEST

/* ---- proposals --------------------------------------------------------------------------- */

static cmt_ext_commit last_commit_of(int64_t height, cmt_buf *bytes, cmt_commit *commit)
{
    cmt_ext_commit out;
    if (cmt_extensions_enabled(&state.params, height)) {
        MUST(cmt_block_store_load_ext_commit(source.blocks, height, bytes, NULL, &error));
        MUST(cmt_ext_commit_read(cmt_buf_slice(bytes), &out, &error));
        return out;
    }
    MUST(cmt_block_store_load_commit(source.blocks, height, bytes, NULL, &error));
    MUST(cmt_commit_read(cmt_buf_slice(bytes), commit, &error));
    out = (cmt_ext_commit){commit->height, commit->round, commit->block_id, NULL, commit->count};
    out.signatures = calloc(commit->count + 1, sizeof *out.signatures);
    for (size_t i = 0; i < commit->count; i++)
        out.signatures[i].sig = commit->signatures[i];
    return out;
}

/* With the transactions, the evidence and the last commit of the source's block comes its block, byte for byte. */
static void propose_again(int64_t height)
{
    source_block b = source_load(&source, height);
    cmt_buf bytes = CMT_BUF_INIT;
    cmt_commit commit = {0};
    cmt_ext_commit last = {0};
    cmt_proposal proposal;
    bool first = height == source.genesis.initial_height;
    if (!first) {
        state = source_state_before(&source, height);
        last = last_commit_of(height - 1, &bytes, &commit);
    }
    h.txs = (cmt_app_txs){b.block.txs, b.block.tx_count};
    h.evidence = (cmt_app_txs){b.block.evidence, b.block.evidence_count};
    const cmt_slice proposer = {b.block.header.proposer_address.bytes, CMT_ADDRESS_SIZE};
    MUST(cmt_block_executor_propose(executor, &state, &last, proposer, &proposal, &error));
    ck_assert_msg(cmt_slice_equal(cmt_buf_slice(&proposal.bytes), cmt_buf_slice(&b.bytes)),
                  "block %" PRId64 " came out otherwise", height);
    ck_assert_mem_eq(proposal.id.hash.bytes, b.meta.block_id.hash.bytes, CMT_HASH_SIZE);
    ck_assert_mem_eq(proposal.id.part_hash.bytes, b.meta.block_id.part_hash.bytes, CMT_HASH_SIZE);
    ck_assert_uint_eq(proposal.id.part_total, b.meta.block_id.part_total);
    ck_assert_int_eq(h.asked.height, height);
    ck_assert_uint_eq(h.asked.misbehavior_count, b.block.evidence_count);
    ck_assert_uint_eq(h.asked.last_commit.count, first ? 0 : state.last_validators.count);
    ck_assert_int_eq(h.asked.max_tx_bytes, h.reap_bytes);
    ck_assert_int_eq(h.reap_gas, state.params.core.block_max_gas);
    MUST(cmt_block_executor_validate(executor, &state, &proposal.block, proposal.parts, &error));
    cmt_proposal_free(&proposal);
    cmt_ext_commit_free(&last);
    cmt_commit_free(&commit);
    cmt_buf_free(&bytes);
    if (!first)
        cmt_chain_state_free(&state);
    source_block_free(&b);
}

static void open_to_propose(const char *fixture, cmt_release release)
{
    open_at(fixture, release, 1);
    cmt_chain_state_free(&state);
    MUST(cmt_chain_state_from_genesis(&source.genesis, release, "", &state, &error));
    propose_again(1);
    cmt_chain_state_free(&state);
}

START_TEST(blocks_of_0_38_are_proposed_again)
{
    open_to_propose("multi-0.38", CMT_RELEASE_0_38);
    for (int64_t height = 2; height <= 600; height += 13)
        propose_again(height);
    propose_again(305);
    ck_assert_uint_eq(h.asked.misbehavior_count, 1);
    close_all();
}
END_TEST

START_TEST(blocks_of_0_40_are_proposed_again)
{
    open_to_propose("multi-0.40", CMT_RELEASE_0_40);
    for (int64_t height = 2; height <= 600; height += 5) /* some with votes for nothing */
        propose_again(height);
    close_all();
}
END_TEST

START_TEST(blocks_with_extensions_are_proposed_again)
{
    open_to_propose("votes-ext-1.0", CMT_RELEASE_1_0);
    propose_again(50);
    ck_assert_uint_eq(h.asked_extensions, 0);
    propose_again(60);
    ck_assert_uint_gt(h.asked_extensions, 2);
    close_all();
}
END_TEST

static cmt_time fixed_now(void *context)
{
    (void)context;
    return (cmt_time){1900000000, 5};
}

START_TEST(with_pbts_the_clock_tells_the_time)
{
    open_at("multi-1.0-v2", CMT_RELEASE_1_0, 20);
    state.params.pbts_enable_height = 21;
    options.now = fixed_now;
    new_executor();
    cmt_buf bytes = CMT_BUF_INIT;
    cmt_commit commit = {0};
    cmt_ext_commit last = last_commit_of(20, &bytes, &commit);
    cmt_proposal proposal;
    MUST(cmt_block_executor_propose(executor, &state, &last, state.validators.validators[0].address,
                                    &proposal, &error));
    ck_assert_int_eq(proposal.block.header.time.seconds, 1900000000);
    MUST(cmt_block_executor_validate(executor, &state, &proposal.block, NULL, &error));
    cmt_proposal_free(&proposal);
    cmt_ext_commit_free(&last);
    cmt_commit_free(&commit);
    cmt_buf_free(&bytes);
    close_all();
}
END_TEST

START_TEST(a_block_has_only_so_much_room)
{
    open_at("multi-0.38", CMT_RELEASE_0_38, 20);
    static uint8_t large[3000];
    const cmt_slice txs[] = {{large, 1000}, {large, 1000}, {large, 1000}};
    cmt_buf bytes = CMT_BUF_INIT;
    cmt_commit commit = {0};
    cmt_ext_commit last = last_commit_of(20, &bytes, &commit);
    const cmt_slice proposer = state.validators.validators[0].address;
    cmt_proposal proposal;
    int64_t room;
    MUST(cmt_max_data_bytes(CMT_RELEASE_0_38, 1000000, 0, state.validators.count, &room, &error));
    state.params.core.block_max_bytes = 1000000 - room + 2 * 1003;
    h.txs = (cmt_app_txs){txs, 3};
    ck_assert_int_eq(
        cmt_block_executor_propose(executor, &state, &last, proposer, &proposal, &error),
        CMT_INVALID);
    ck_assert_ptr_nonnull(strstr(error.message, "transaction data size exceeds maximum 2006"));
    ck_assert_ptr_null(proposal.parts);
    h.chosen = (cmt_app_txs){txs, 2};
    MUST(cmt_block_executor_propose(executor, &state, &last, proposer, &proposal, &error));
    ck_assert_uint_eq(proposal.block.tx_count, 2);
    cmt_proposal_free(&proposal);
    h.silent = true;
    MUST(cmt_block_executor_propose(executor, &state, &last, proposer, &proposal, &error));
    ck_assert_uint_eq(proposal.block.tx_count, 0);
    cmt_proposal_free(&proposal);
    cmt_application simple = application; /* that does not choose: what fits goes in */
    simple.prepare_proposal = NULL;
    options.application = &simple;
    new_executor();
    MUST(cmt_block_executor_propose(executor, &state, &last, proposer, &proposal, &error));
    ck_assert_uint_eq(proposal.block.tx_count, 2);
    cmt_proposal_free(&proposal);
    state.params.core.block_max_bytes = 1000000 - room - 1;
    ck_assert_int_eq(
        cmt_block_executor_propose(executor, &state, &last, proposer, &proposal, &error),
        CMT_INVALID);
    ck_assert_ptr_nonnull(strstr(error.message, "Negative MaxDataBytes"));
    state.params.core.block_max_bytes = -1;
    MUST(cmt_block_executor_propose(executor, &state, &last, proposer, &proposal, &error));
    ck_assert_int_eq(h.reap_bytes, -1);
    cmt_proposal_free(&proposal);
    cmt_ext_commit_free(&last);
    cmt_commit_free(&commit);
    cmt_buf_free(&bytes);
    close_all();
}
END_TEST

START_TEST(the_application_judges_proposals)
{
    open_at("multi-0.38", CMT_RELEASE_0_38, 20);
    source_block b = source_load(&source, 21);
    bool accepted = true;
    MUST(cmt_block_executor_process_proposal(executor, &state, &b.block, &accepted, &error));
    ck_assert(!accepted);
    h.accepts = true;
    MUST(cmt_block_executor_process_proposal(executor, &state, &b.block, &accepted, &error));
    ck_assert(accepted);
    ck_assert_str_eq(h.diary, "process process ");
    source_block_free(&b);
    close_all();
}
END_TEST

START_TEST(a_proposal_may_be_too_large)
{
    open_at("multi-0.38", CMT_RELEASE_0_38, 20);
    source_block b = source_load(&source, 21);
    cmt_part_set *parts;
    MUST(cmt_part_set_new(cmt_buf_slice(&b.bytes), &parts, &error));
    MUST(cmt_block_executor_validate(executor, &state, &b.block, parts, &error));
    state.params.core.block_max_bytes = (int64_t)b.bytes.size - 1;
    ck_assert_int_eq(cmt_block_executor_validate(executor, &state, &b.block, parts, &error),
                     CMT_INVALID);
    ck_assert_ptr_nonnull(strstr(error.message, "exceeds maximum block bytes"));
    cmt_part_set_free(parts);
    source_block_free(&b);
    close_all();
}
END_TEST

/* ---- pruning ----------------------------------------------------------------------------- */

START_TEST(what_the_application_gives_up_is_pruned)
{
    open_at("multi-0.38", CMT_RELEASE_0_38, 100);
    h.retain_height = 60;
    MUST(commit_next());
    ck_assert_int_eq(cmt_block_store_base(made.blocks), 60);
    ck_assert_ptr_nonnull(strstr(h.log, "pruned blocks pruned=59 retain_height=60 base=1\n"));
    ck_assert_ptr_nonnull(strstr(h.diary, "commit mempool unlock evidence compact block "));
    ck_assert_int_eq(h.request.heights, 59);
    ck_assert_uint_gt(h.request.deleted_keys, 59 * 3);
    ck_assert_uint_gt(h.ranges, 2);
    ck_assert_str_eq(h.request.trigger, CMT_COMPACT_LABEL_PRUNE);
    cmt_buf bytes = CMT_BUF_INIT;
    ck_assert_int_eq(cmt_state_store_load_results(made.states, 59, &bytes, &error), CMT_NOT_FOUND);
    MUST(cmt_state_store_load_results(made.states, 60, &bytes, &error));
    /* Evidence may be 60 blocks old: validators stay so far, and no further. */
    MUST(cmt_state_store_load_validators(made.states, 45, &bytes, &error));
    ck_assert_int_eq(cmt_state_store_load_validators(made.states, 30, &bytes, &error),
                     CMT_NOT_FOUND);
    cmt_buf_free(&bytes);
    h.diary[0] = '\0';
    MUST(commit_next()); /* the same height again: nothing is left */
    ck_assert_ptr_null(strstr(h.diary, "compact"));
    close_all();
}
END_TEST

START_TEST(without_a_background_compactor_it_compacts_itself)
{
    open_at("multi-0.38", CMT_RELEASE_0_38, 100);
    const cmt_compactor_target target = {made.block_db, made.state_db};
    const cmt_compact_flight_options flight_options = {.logger = &logger};
    const cmt_compact_fallback all = {.policy = CMT_COMPACT_FULL};
    cmt_compact_flight *flight;
    MUST(cmt_compact_flight_new(&target, &flight_options, &flight, &error));
    const cmt_compact_handover alone = {.flight = flight, .fallback = &all, .logger = &logger};
    options.handover = &alone;
    new_executor();
    h.retain_height = 60;
    MUST(commit_next());
    ck_assert_uint_eq(cmt_compact_flight_counts(flight).finished, 1);
    const char *pruned = strstr(h.log, "pruned blocks pruned=59");
    const char *alone_line = strstr(h.log, "using synchronous compaction");
    ck_assert_ptr_nonnull(pruned);
    ck_assert_msg(alone_line > pruned, "%s", h.log);
    ck_assert_ptr_nonnull(strstr(alone_line, "compaction_done label=post_pruning_compaction"));
    options.handover = NULL; /* nobody: it stays as it is */
    new_executor();
    h.retain_height = 70;
    MUST(commit_next());
    ck_assert_int_eq(cmt_block_store_base(made.blocks), 70);
    ck_assert_uint_eq(cmt_compact_flight_counts(flight).started, 1);
    cmt_compact_flight_free(flight);
    close_all();
}
END_TEST

START_TEST(a_prune_that_fails_does_not_fail_the_block)
{
    open_at("multi-0.38", CMT_RELEASE_0_38, 100);
    h.retain_height = 1000;
    MUST(commit_next());
    ck_assert_int_eq(state.last_block_height, 101);
    ck_assert_int_eq(cmt_block_store_base(made.blocks), 1);
    ck_assert_ptr_nonnull(
        strstr(h.log, "failed to prune blocks retain_height=1000 err=\"failed to prune block "
                      "store: "));
    ck_assert_ptr_nonnull(strstr(h.diary, " block header "));
    ck_assert_ptr_null(strstr(h.diary, "compact"));
    options.never_prune = true;
    new_executor();
    h.retain_height = 60;
    MUST(commit_next());
    ck_assert_int_eq(cmt_block_store_base(made.blocks), 1);
    close_all();
}
END_TEST

/* What of an earlier height is left for evidence goes when its time has come, unless it is to stay. */
static bool header_stays(bool keep_residue)
{
    open_at("multi-0.38", CMT_RELEASE_0_38, 40);
    options.keep_residue = keep_residue;
    new_executor();
    h.retain_height = 30;
    MUST(commit_next());
    state.params.core.evidence_max_age_num_blocks = 1;
    state.params.core.evidence_max_age_duration_ns = 1;
    h.retain_height = 35;
    MUST(commit_next());
    cmt_block_meta meta;
    cmt_status st = cmt_block_store_load_meta(made.blocks, 20, &meta, &error);
    ck_assert_msg(st == CMT_OK || st == CMT_NOT_FOUND, "%s", error.message);
    close_all();
    return st == CMT_OK;
}

START_TEST(residue_goes_or_stays)
{
    ck_assert(!header_stays(false));
    ck_assert(header_stays(true));
}
END_TEST

static int64_t kept_by(const made_chain *of, bool companion)
{
    cmt_retain_heights kept;
    MUST(cmt_state_store_retain_heights(of->states, &kept, &error));
    return companion ? kept.companion : kept.application;
}

/* 1.0: the lower of two wishes; the application's is kept and does not fall. */
START_TEST(a_data_companion_holds_blocks_back)
{
    open_at("multi-1.0-v2", CMT_RELEASE_1_0, 100);
    h.retain_height = 20;
    MUST(commit_next());
    ck_assert_int_eq(cmt_block_store_base(made.blocks), 20);
    ck_assert_int_eq(kept_by(&made, false), 20);
    options.data_companion = true;
    new_executor();
    h.retain_height = 40;
    MUST(commit_next()); /* it has given up nothing yet */
    ck_assert_int_eq(cmt_block_store_base(made.blocks), 20);
    MUST(cmt_state_store_init_retain_heights(made.states, true, 30, 0, &error));
    MUST(commit_next());
    ck_assert_int_eq(cmt_block_store_base(made.blocks), 30);
    ck_assert_int_eq(kept_by(&made, true), 30);
    ck_assert_int_eq(kept_by(&made, false), 40);
    options.data_companion = false;
    new_executor();
    h.retain_height = 35;
    MUST(commit_next()); /* too late to want more: 40 holds */
    ck_assert_int_eq(cmt_block_store_base(made.blocks), 40);
    ck_assert_ptr_nonnull(strstr(h.log, "failed to set application block retain height "
                                        "retain_height=35 err=\""));
    close_all();
}
END_TEST

START_TEST(an_executor_needs_what_it_works_with)
{
    cmt_block_executor *none;
    cmt_block_executor_options missing = {.blocks = NULL};
    ck_assert_int_eq(cmt_block_executor_new(&missing, &none, &error), CMT_INVALID);
    ck_assert_ptr_null(none);
    cmt_block_executor_free(NULL);
    cmt_proposal_free(NULL);
}
END_TEST

static void add_tests(TCase *tc)
{
    tcase_add_test(tc, everything_in_its_order);
    tcase_add_test(tc, a_commit_that_fails_unlocks_and_saves_no_state);
    tcase_add_test(tc, wrong_answers_are_refused);
    tcase_add_test(tc, the_version_follows_the_params);
    tcase_add_test(tc, a_result_for_each_transaction);
    tcase_add_test(tc, a_block_needs_the_commit_of_its_height);
    tcase_add_test(tc, a_wrong_block_is_not_executed);
    tcase_add_test(tc, a_verified_block_is_not_looked_at_again);
    tcase_add_test(tc, blocks_of_0_38_are_proposed_again);
    tcase_add_test(tc, blocks_of_0_40_are_proposed_again);
    tcase_add_test(tc, blocks_with_extensions_are_proposed_again);
    tcase_add_test(tc, with_pbts_the_clock_tells_the_time);
    tcase_add_test(tc, a_block_has_only_so_much_room);
    tcase_add_test(tc, the_application_judges_proposals);
    tcase_add_test(tc, a_proposal_may_be_too_large);
    tcase_add_test(tc, what_the_application_gives_up_is_pruned);
    tcase_add_test(tc, without_a_background_compactor_it_compacts_itself);
    tcase_add_test(tc, a_prune_that_fails_does_not_fail_the_block);
    tcase_add_test(tc, residue_goes_or_stays);
    tcase_add_test(tc, a_data_companion_holds_blocks_back);
    tcase_add_test(tc, an_executor_needs_what_it_works_with);
}

int main(void)
{
    Suite *suite = suite_create("block_executor");
    TCase *tc = tcase_create("executor");
    tcase_set_timeout(tc, 30);
    add_tests(tc);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
