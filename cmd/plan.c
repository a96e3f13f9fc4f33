/* SPDX-License-Identifier: Apache-2.0
 *
 * plan, and --dry-run of the commands that write.
 */
#include "plan.h"

#include "json.h"
#include "report.h"
#include "snapshot.h"
#include "units.h"

#include <inttypes.h>

typedef struct planning {
    cmt_pruner_options options;
    cmt_prune_plan *plan;
} planning;

static cmt_status attempt(void *context, cmt_error *err)
{
    planning *p = context;
    cmt_pruner *pruner = NULL;
    CMT_TRY(cmt_pruner_open(&p->options, &pruner, err));
    cmt_status status = cmt_pruner_plan(pruner, p->plan, err);
    cmt_pruner_close(pruner);
    return status;
}

/* ---- JSON ------------------------------------------------------------------------------------ */

static json_t *families_json(const cmt_prune_plan *plan)
{
    json_t *array = cmd_json_array();
    for (size_t i = 0; i < plan->family_count; i++) {
        const cmt_family_plan *family = &plan->families[i];
        json_t *object = cmd_json_object();
        cmd_json_put_text(object, "database", family->database);
        cmd_json_put_text(object, "family", family->family);
        cmd_json_put_int(object, "dead_heights", family->dead_heights);
        cmd_json_put_count(object, "dead_bytes", family->dead_bytes);
        cmd_json_put_count(object, "total_bytes", family->total_bytes);
        cmd_json_append(array, object);
    }
    return array;
}

static json_t *edit_json(const cmt_lsm_edit_counts *counts)
{
    json_t *object = cmd_json_object();
    cmd_json_put_count(object, "tables", counts->tables_before);
    cmd_json_put_count(object, "tables_dropped", counts->tables_dropped);
    cmd_json_put_count(object, "tables_rewritten", counts->tables_rewritten);
    cmd_json_put_count(object, "tables_marked", counts->tables_marked);
    cmd_json_put_count(object, "tombstones", counts->tombstones);
    cmd_json_put_count(object, "bytes_to_write", counts->bytes_write_bound);
    return object;
}

static json_t *plan_json(const cmt_prune_plan *plan, cmt_prune_action action)
{
    json_t *object = cmd_json_object();
    cmd_json_put_int(object, "base", plan->base);
    cmd_json_put_int(object, "height", plan->height);
    cmd_json_put_int(object, "last_block_height", plan->last_block_height);
    if (action != CMT_ACTION_COMPACT) {
        cmd_json_put_int(object, "retain_height", plan->retain_height);
        cmd_json_put_text(object, "decided_by", plan->decided_by);
        cmd_json_put_int(object, "evidence_retain_height", plan->evidence_height);
        cmd_json_put_int(object, "blocks_to_prune", plan->retain_height - plan->base);
        cmd_json_put_bool(object, "finishes_earlier", plan->finishes_earlier);
        cmd_json_put_bool(object, "only_compacts", plan->only_compacts);
        cmd_json_put_bool(object, "sweeps", plan->sweeps);
        cmd_json_put_bool(object, "search_complete", plan->search_complete);
        cmd_json_put(object, "families", families_json(plan));
    }
    cmd_json_put_text(object, "method", cmt_prune_method_name(plan->method));
    cmd_json_put_bool(object, "nothing_to_do", plan->nothing_to_do);
    cmd_json_put(object, "blockstore", edit_json(&plan->blockstore));
    cmd_json_put(object, "state", edit_json(&plan->state));
    cmd_json_put_count(object, "peak_extra_bytes", plan->peak_extra_bytes);
    cmd_json_put_count(object, "freed_bytes", plan->freed_bytes);
    cmd_json_put_int(object, "estimated_ms", plan->estimated_ms);
    return object;
}

/* ---- text ------------------------------------------------------------------------------------ */

static void print_heights(FILE *stream, const cmt_prune_plan *plan)
{
    fprintf(stream, "blocks now    %" PRId64 " to %" PRId64 ", %s\n", plan->base, plan->height,
            cmd_human_count(plan->height - plan->base + 1, "block", "blocks").text);
    fprintf(stream, "kept          %" PRId64 " to %" PRId64 ", %s (%s)\n", plan->retain_height,
            plan->height,
            cmd_human_count(plan->height - plan->retain_height + 1, "block", "blocks").text,
            plan->decided_by);
    if (plan->evidence_height > 0 && plan->evidence_height < plan->retain_height)
        fprintf(stream,
                "evidence      headers, commits and validators stay from height %" PRId64 "\n",
                plan->evidence_height);
    if (plan->finishes_earlier)
        fputs("unfinished    completes a prune that was interrupted\n", stream);
    if (plan->only_compacts)
        fputs("unfinished    gives back the space that an earlier run did not come to\n", stream);
    if (plan->sweeps)
        fprintf(stream, "leftovers     of earlier prunes below base go too%s\n",
                plan->search_complete ? "" : " (not all were found)");
}

static void print_families(FILE *stream, const cmt_prune_plan *plan)
{
    bool titled = false;
    for (size_t i = 0; i < plan->family_count; i++) {
        const cmt_family_plan *family = &plan->families[i];
        if (family->dead_heights == 0 && family->dead_bytes == 0)
            continue;
        if (!titled)
            fprintf(stream, "\n%-12s%-21s%12s%14s%14s\n", "database", "keys", "heights", "going",
                    "of");
        titled = true;
        fprintf(stream, "%-12s%-21s%12" PRId64 "%14s%14s\n", family->database, family->family,
                family->dead_heights, cmd_human_bytes(family->dead_bytes).text,
                cmd_human_bytes(family->total_bytes).text);
    }
}

static void print_edit(FILE *stream, const char *name, const cmt_lsm_edit_counts *counts)
{
    uint64_t touched = counts->tables_dropped + counts->tables_rewritten;
    fprintf(stream, "%-12s%8" PRIu64 "%10" PRIu64 "%11" PRIu64 "%10" PRIu64 "\n", name,
            counts->tables_before > touched ? counts->tables_before - touched : 0,
            counts->tables_dropped, counts->tables_rewritten, counts->tombstones);
}

static void print_tables(FILE *stream, const cmt_prune_plan *plan)
{
    fprintf(stream, "%-12s%8s%10s%11s%10s\n", "tables", "kept", "dropped", "rewritten",
            "deletions");
    print_edit(stream, "blockstore", &plan->blockstore);
    print_edit(stream, "state", &plan->state);
    fputc('\n', stream);
}

static void print_cost(FILE *stream, const cmt_prune_plan *plan)
{
    if (plan->method == CMT_METHOD_EDIT)
        print_tables(stream, plan);
    fprintf(stream, "frees about   %s\n", cmd_human_bytes(plan->freed_bytes).text);
    fprintf(stream, "needs         %s of disk meanwhile\n",
            cmd_human_bytes(plan->peak_extra_bytes).text);
    fprintf(stream, "takes about   %s\n", cmd_human_ms(plan->estimated_ms).text);
}

void cmd_plan_print(FILE *stream, const cmt_prune_plan *plan, cmt_prune_action action)
{
    if (action != CMT_ACTION_COMPACT)
        print_heights(stream, plan);
    if (plan->nothing_to_do) {
        fputs("nothing to do\n", stream);
        return;
    }
    if (action != CMT_ACTION_COMPACT) {
        print_families(stream, plan);
        fputc('\n', stream);
    }
    print_cost(stream, plan);
}

/* ---- what is asked --------------------------------------------------------------------------- */

static bool has_policy(const cmt_keep_policy *keep)
{
    return keep->blocks > 0 || keep->for_ns > 0 || keep->bytes > 0;
}

cmt_status cmd_plan_options(const cmd_context *context, cmt_prune_action action,
                            cmt_pruner_options *out, cmt_error *err)
{
    const cmd_options *options = context->options;
    const cmt_config *config = &context->target->config;
    *out = (cmt_pruner_options){
        .data_dir = context->target->data_dir,
        .action = action,
        .method = options->method,
        .sweep = options->sweep == CMD_UNSET ? config->sweep : options->sweep == CMD_ON,
        .force = options->force,
        .logger = &context->console->logger,
        .progress = &context->console->progress,
    };
    CMT_TRY(cmd_target_require_readable(context->target, err));
    if (action == CMT_ACTION_COMPACT)
        return CMT_OK;
    out->retain_height = options->retain_height;
    out->keep = (cmt_keep_policy){options->keep_blocks, options->keep_for_ns, options->keep_bytes};
    if (out->retain_height == 0 && !has_policy(&out->keep))
        out->keep = (cmt_keep_policy){config->keep_blocks, config->keep_for_ns, config->keep_bytes};
    if (out->retain_height == 0 && !has_policy(&out->keep))
        return cmt_error_set(
            err, CMT_INVALID,
            "say what to keep: --keep-blocks N, --keep-for DURATION, --keep-bytes SIZE or "
            "--retain-height H, or keep_blocks, keep_for or keep_bytes in [storage.pruning] of "
            "config.toml");
    return CMT_OK;
}

cmt_status cmd_plan_show(const cmd_context *context, cmt_prune_action action, cmt_error *err)
{
    cmt_prune_plan plan;
    planning p = {.plan = &plan};
    CMT_TRY(cmd_plan_options(context, action, &p.options, err));
    p.options.dry_run = true;
    CMT_TRY(cmd_snapshot_retry(attempt, &p, err));
    cmd_console_clear(context->console);
    if (context->options->json)
        return cmd_report_json(plan_json(&plan, action), err);
    cmd_plan_print(stdout, &plan, action);
    return cmd_report_flush(err);
}

cmt_status cmd_run_plan(const cmd_context *context, cmt_error *err)
{
    return cmd_plan_show(context, CMT_ACTION_PRUNE, err);
}
