/* SPDX-License-Identifier: Apache-2.0
 *
 * gen: a home with a chain that is made up, for trying things out and for measuring.
 */
#include "gen_chain.h"
#include "json.h"
#include "made.h"
#include "report.h"
#include "units.h"

#include <inttypes.h>
#include <stdio.h>

typedef struct job {
    const cmd_context *context;
    cmd_gen_chain chain;
    cmd_gen_commit commits[2]; /* of the last block and of this one, by turns */
    cmd_made made;
    cmt_evidence_pool no_evidence; /* zeroed: nothing is known */
    cmt_block_executor *executor;
    cmt_chain_state state;
    int64_t blocks;
    uint64_t txs;
    uint64_t block_bytes;
    int64_t elapsed_ms;
} job;

static void close_job(job *j)
{
    cmt_chain_state_free(&j->state);
    cmt_block_executor_free(j->executor);
    cmd_made_close(&j->made);
    cmd_gen_commit_free(&j->commits[0]);
    cmd_gen_commit_free(&j->commits[1]);
    cmd_gen_chain_free(&j->chain);
}

/* ---- the beginning --------------------------------------------------------------------------- */

static cmt_release release_of(const cmd_options *options)
{
    return options->release_name != NULL ? options->release : CMT_RELEASE_0_38;
}

static cmt_status make_home(job *j, cmt_error *err)
{
    const cmd_options *options = j->context->options;
    cmt_buf genesis = CMT_BUF_INIT;
    cmd_new_config config = {
        .release = release_of(options),
        .layout = options->key_layout != 0 ? options->key_layout : CMT_KEY_LAYOUT_V1,
        .discard_results = options->discard_results,
    };
    if (config.layout == CMT_KEY_LAYOUT_V2 && config.release != CMT_RELEASE_1_0)
        return cmt_error_set(err, CMT_INVALID, "--key-layout v2 wants --release 1.0");
    CMT_TRY(cmd_new_home_engine(options->db_backend, &config.engine, err));
    CMT_TRY(cmt_genesis_encode(&j->chain.genesis, config.release, &genesis, err));
    cmt_status status =
        cmd_made_open(j->context, options->home, &config, cmt_buf_slice(&genesis), &j->made, err);
    cmt_buf_free(&genesis);
    return status;
}

static cmt_time now(void *context)
{
    const job *j = context;
    return cmd_gen_time(&j->chain, j->chain.height);
}

static cmt_status begin(job *j, cmt_error *err)
{
    const cmd_options *options = j->context->options;
    const cmt_block_executor_options executor = {
        .blocks = j->made.stores.blocks,
        .states = j->made.stores.states,
        .application = &j->chain.application,
        .mempool = &j->chain.mempool,
        .evidence = &j->no_evidence,
        .handover = &j->made.handover,
        .keep_residue = options->sweep == CMD_OFF,
        .as_0_39 = options->as_0_39,
        .now = now,
        .context = j,
        .logger = &j->made.executor_log,
    };
    CMT_TRY(cmt_block_executor_new(&executor, &j->executor, err));
    CMT_TRY(cmt_chain_state_from_genesis(&j->chain.genesis, j->made.config.release, "cmtstore",
                                         &j->state, err));
    return cmt_block_executor_handshake(j->executor, &j->chain.genesis, (cmt_slice){NULL, 0},
                                        &j->state, NULL, err);
}

/* ---- the blocks ------------------------------------------------------------------------------ */

static cmt_status decide(job *j, const cmt_proposal *proposal, cmd_gen_commit *votes,
                         cmt_chain_state *next, cmt_error *err)
{
    cmt_commit seen = {.height = 0};
    cmt_decided_block decided = {
        .block = &proposal->block,
        .parts = proposal->parts,
        .id = proposal->id,
    };
    CMT_TRY(cmd_gen_vote_for(&j->chain, &j->state, &proposal->id, votes, err));
    CMT_TRY(cmt_ext_commit_to_commit(&votes->commit, &seen, err));
    if (cmt_extensions_enabled(&j->state.params, j->chain.height))
        decided.ext_commit = &votes->commit;
    else
        decided.seen_commit = &seen;
    cmt_status status = cmt_block_executor_commit(j->executor, &j->state, &decided, next, err);
    cmt_commit_free(&seen);
    return status;
}

static cmt_status make_block(job *j, int64_t height, cmt_error *err)
{
    cmt_proposal proposal = {.parts = NULL};
    cmt_chain_state next;
    const cmt_validator *proposer = cmt_validator_set_proposer(&j->state.validators);
    j->chain.height = height;
    CMT_TRY(cmt_block_executor_propose(j->executor, &j->state, &j->commits[(height - 1) & 1].commit,
                                       proposer->address, &proposal, err));
    cmt_status status = decide(j, &proposal, &j->commits[height & 1], &next, err);
    if (status == CMT_OK) {
        cmt_chain_state_free(&j->state);
        j->state = next;
        j->blocks++;
        j->txs += proposal.block.tx_count;
        j->block_bytes += proposal.bytes.size;
    }
    cmt_proposal_free(&proposal);
    return status;
}

static cmt_status make_blocks(job *j, cmt_error *err)
{
    const cmd_options *options = j->context->options;
    const cmt_progress_hook *hook = &j->context->console->progress;
    for (int64_t i = 0; i < options->blocks; i++) {
        int64_t height = options->initial_height + i;
        cmt_status status = make_block(j, height, err);
        if (status != CMT_OK)
            return cmt_error_prefix(err, status, "making block %" PRId64, height);
        const cmt_progress progress = {
            .phase = "gen",
            .database = "",
            .done = (uint64_t)i + 1,
            .total = (uint64_t)options->blocks,
        };
        if (hook->report(hook->context, &progress) && i + 1 < options->blocks)
            return cmt_error_set(err, CMT_CANCELLED,
                                 "stopped behind block %" PRId64
                                 "; the home is whole and the chain ends there",
                                 height);
    }
    return CMT_OK;
}

/* ---- the report ------------------------------------------------------------------------------ */

static json_t *result_json(const job *j)
{
    json_t *object = cmd_made_json(&j->made, j->chain.genesis.chain_id);
    cmd_json_put_int(object, "blocks", j->blocks);
    cmd_json_put_count(object, "txs", j->txs);
    cmd_json_put_count(object, "block_bytes", j->block_bytes);
    cmd_put_speed(object, j->blocks, j->elapsed_ms);
    return object;
}

static cmt_status report(const job *j, cmt_error *err)
{
    cmd_console_clear(j->context->console);
    if (j->context->options->json)
        return cmd_report_json(result_json(j), err);
    printf("made %s of chain %s\n", cmd_human_count(j->blocks, "block", "blocks").text,
           j->chain.genesis.chain_id);
    printf("home          %s, %s\n", j->made.home.home, cmt_engine_name(j->made.config.engine));
    printf("blocks        %" PRId64 " to %" PRId64 "\n",
           cmt_block_store_base(j->made.stores.blocks),
           cmt_block_store_height(j->made.stores.blocks));
    printf("contents      %" PRIu64 " transactions, %s of blocks\n", j->txs,
           cmd_human_bytes(j->block_bytes).text);
    printf("took          %s, %.0f blocks/s, %s\n", cmd_human_ms(j->elapsed_ms).text,
           cmd_blocks_per_second(j->blocks, j->elapsed_ms),
           j->context->options->sync ? "each on the disk before the next"
                                     : "on the disk at the end");
    return cmd_report_flush(err);
}

static cmt_status run(job *j, cmt_error *err)
{
    CMT_TRY(
        cmd_gen_chain_init(j->context->options, release_of(j->context->options), &j->chain, err));
    CMT_TRY(cmd_gen_commit_init(&j->chain, &j->commits[0], err));
    CMT_TRY(cmd_gen_commit_init(&j->chain, &j->commits[1], err));
    CMT_TRY(make_home(j, err));
    int64_t began_ns = cmd_now_ns();
    cmt_status status = begin(j, err);
    if (status == CMT_OK)
        status = make_blocks(j, err);
    status = cmd_made_finish(&j->made, status, err);
    j->elapsed_ms = (cmd_now_ns() - began_ns) / 1000000;
    CMT_TRY(status);
    return report(j, err);
}

cmt_status cmd_run_gen(const cmd_context *context, cmt_error *err)
{
    job j = {.context = context};
    cmt_status status = run(&j, err);
    close_job(&j);
    return status;
}
