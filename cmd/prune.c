/* SPDX-License-Identifier: Apache-2.0
 *
 * prune, compact, prune-and-compact: open, plan, ask, run, say that the node may start, finish,
 * report.
 */
#include "commands.h"
#include "json.h"
#include "plan.h"
#include "report.h"
#include "units.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

typedef struct job {
    const cmd_context *context;
    cmt_prune_action action;
    bool asks;         /* somebody can answer */
    bool shows;        /* somebody may read the plan */
    int64_t asking_ms; /* waited for an answer: not our time */
    cmt_pruner *pruner;
    cmt_prune_plan plan;
    cmt_prune_result result;
} job;

static cmt_prune_action action_of(cmd_command command)
{
    if (command == CMD_COMPACT)
        return CMT_ACTION_COMPACT;
    return command == CMD_PRUNE ? CMT_ACTION_PRUNE : CMT_ACTION_PRUNE_AND_COMPACT;
}

/* ---- before ---------------------------------------------------------------------------------- */

static cmt_status announce(job *j, cmt_error *err)
{
    cmd_console_clear(j->context->console);
    if (j->plan.nothing_to_do)
        return CMT_OK;
    if (j->shows) {
        cmd_plan_print(stderr, &j->plan, j->action);
        fputc('\n', stderr);
    }
    if (!j->asks)
        return CMT_OK;
    int64_t start_ns = cmd_now_ns();
    cmt_status status = cmd_console_ask(j->context->console, "Proceed?", err);
    j->asking_ms = (cmd_now_ns() - start_ns) / 1000000;
    return status;
}

/* ---- after ----------------------------------------------------------------------------------- */

static void put_blocks(json_t *object, const cmt_prune_result *r)
{
    cmd_json_put_int(object, "base_before", r->base_before);
    cmd_json_put_int(object, "base", r->base);
    cmd_json_put_int(object, "height", r->height);
    cmd_json_put_int(object, "retain_height", r->retain_height);
    cmd_json_put_int(object, "evidence_retain_height", r->evidence_height);
    cmd_json_put_int(object, "blocks_pruned", r->blocks_pruned);
    cmd_json_put(object, "keys_deleted",
                 r->keys_deleted < 0 ? NULL : json_integer(r->keys_deleted));
}

static json_t *result_json(const job *j)
{
    const cmt_prune_result *r = &j->result;
    const cmt_lsm_edit_counts *blocks = &r->blockstore;
    const cmt_lsm_edit_counts *states = &r->state;
    json_t *object = cmd_json_object();
    if (j->action != CMT_ACTION_COMPACT)
        put_blocks(object, r);
    cmd_json_put_count(object, "bytes_before", r->bytes_before);
    cmd_json_put_count(object, "bytes_after", r->bytes_after);
    cmd_json_put_text(object, "method", cmt_prune_method_name(r->method));
    cmd_json_put_int(object, "ready_ms", r->ready_ms);
    cmd_json_put_int(object, "elapsed_ms", r->elapsed_ms);
    cmd_json_put_bool(object, "nothing_to_do", r->nothing_to_do);
    cmd_json_put_count(object, "tables_dropped", blocks->tables_dropped + states->tables_dropped);
    cmd_json_put_count(object, "tables_rewritten",
                       blocks->tables_rewritten + states->tables_rewritten);
    cmd_json_put_count(object, "tables_marked", blocks->tables_marked + states->tables_marked);
    cmd_json_put_count(object, "tables_written", blocks->tables_written + states->tables_written);
    cmd_json_put_count(object, "tombstones", blocks->tombstones + states->tombstones);
    cmd_json_put_count(object, "bytes_read", blocks->bytes_read + states->bytes_read);
    cmd_json_put_count(object, "bytes_written", blocks->bytes_written + states->bytes_written);
    cmd_json_put_count(object, "files_left", r->trash_left);
    return object;
}

static void print_result(const job *j)
{
    const cmt_prune_result *r = &j->result;
    bool compacted = j->action == CMT_ACTION_COMPACT || j->plan.only_compacts;
    const char *verb = compacted ? "compacted" : "pruned";
    if (r->nothing_to_do)
        puts("nothing to do");
    else if (j->action == CMT_ACTION_COMPACT || r->blocks_pruned == 0)
        puts(verb);
    else
        printf("%s %s\n", verb, cmd_human_count(r->blocks_pruned, "block", "blocks").text);
    if (j->action != CMT_ACTION_COMPACT)
        printf("blocks        %" PRId64 " to %" PRId64 ", %s\n", r->base, r->height,
               cmd_human_count(r->height - r->base + 1, "block", "blocks").text);
    if (r->keys_deleted > 0)
        printf("keys deleted  %" PRId64 "\n", r->keys_deleted);
    printf("size          %s", cmd_human_bytes(r->bytes_after).text);
    if (!r->nothing_to_do)
        printf(", was %s", cmd_human_bytes(r->bytes_before).text);
    printf("\ntook          %s", cmd_human_ms(r->elapsed_ms).text);
    if (!r->nothing_to_do)
        printf(", the node could start after %s", cmd_human_ms(r->ready_ms).text);
    putchar('\n');
    if (r->trash_left > 0)
        printf("left          %s that could not be removed; the next run tries again\n",
               cmd_human_count((int64_t)r->trash_left, "file", "files").text);
}

static cmt_status report(const job *j, cmt_error *err)
{
    cmd_console_clear(j->context->console);
    if (!j->context->options->json) {
        print_result(j);
        return cmd_report_flush(err);
    }
    if (j->result.nothing_to_do)
        fputs("nothing to do\n", stderr);
    return cmd_report_json(result_json(j), err);
}

/* ---- between --------------------------------------------------------------------------------- */

static cmt_status carry_out(job *j, cmt_error *err)
{
    cmd_console *console = j->context->console;
    cmt_status status = cmt_pruner_run(j->pruner, &j->result, err);
    cmd_console_clear(console);
    CMT_TRY(status);
    j->result.ready_ms -= j->asking_ms;
    /* Scripts wait for this line, so it comes whatever --quiet says. */
    fprintf(stderr, "ready: the node may start now (after %" PRId64 " ms)\n", j->result.ready_ms);
    cmd_console_finishing(console);
    cmt_status finished = cmt_pruner_finish(j->pruner, &j->result, err);
    j->result.elapsed_ms -= j->asking_ms;
    cmt_error unprinted = CMT_ERROR_INIT;
    cmt_status reported = report(j, &unprinted);
    if (finished == CMT_OK && reported != CMT_OK)
        cmt_error_set(err, reported, "the databases are done, but their report is not: %.400s",
                      unprinted.message);
    return finished != CMT_OK ? finished : reported;
}

cmt_status cmd_run_prune(const cmd_context *context, cmt_error *err)
{
    job j = {.context = context, .action = action_of(context->options->command)};
    if (context->options->dry_run)
        return cmd_plan_show(context, j.action, err);
    cmt_pruner_options options;
    CMT_TRY(cmd_plan_options(context, j.action, &options, err));
    j.asks = !context->options->yes && isatty(STDIN_FILENO) == 1;
    j.shows = j.asks || (!context->options->quiet && !context->options->json);
    options.families = j.shows;
    CMT_TRY(cmt_pruner_open(&options, &j.pruner, err));
    cmt_status status = cmt_pruner_plan(j.pruner, &j.plan, err);
    if (status == CMT_OK)
        status = announce(&j, err);
    if (status == CMT_OK)
        status = carry_out(&j, err);
    cmt_pruner_close(j.pruner);
    return status;
}
