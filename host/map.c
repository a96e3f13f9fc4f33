/* SPDX-License-Identifier: Apache-2.0
 *
 * What the keys of config.toml mean to those who prune and compact.
 */
#include "cmtstore/host.h"

#include <string.h>

/* ---- who ------------------------------------------------------------------------------------- */

cmt_status cmt_host_mode_of(const cmt_config *config, cmt_host_mode *out, cmt_error *err)
{
    static const char *const names[] = {"async", "sync", "off"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(config->compactor.mode, names[i]) == 0) {
            *out = (cmt_host_mode)i;
            return CMT_OK;
        }
    return cmt_error_set(err, CMT_INVALID, "\"%.8s\" is not a mode: async, sync or off",
                         config->compactor.mode);
}

cmt_status cmt_host_has_service(const cmt_config *config, cmt_generation generation, bool *out,
                                cmt_error *err)
{
    *out = strcmp(config->prune, "service") == 0 ||
           (config->prune[0] == '\0' && generation != CMT_GENERATION_0);
    if (*out || config->prune[0] == '\0' || strcmp(config->prune, "inline") == 0)
        return CMT_OK;
    return cmt_error_set(err, CMT_INVALID, "\"%.8s\" does not say who prunes: inline or service",
                         config->prune);
}

static bool is_archive(const cmt_config *config)
{
    return strcmp(config->compactor.role, "archive") == 0;
}

/* ---- compaction ------------------------------------------------------------------------------ */

static cmt_status map_schedule(const cmt_config *config, cmt_schedule_config *out, cmt_error *err)
{
    const cmt_config_compactor *c = &config->compactor;
    cmt_schedule_defaults(out);
    CMT_TRY(cmt_compact_role_from_name(c->role, &out->role, err));
    out->interval_ns = c->interval_ns;
    out->min_work = (uint64_t)c->min_work;
    out->min_dead_ratio = c->min_dead_ratio;
    out->min_bytes = c->min_bytes;
    out->max_free_ratio = c->max_free_ratio;
    out->max_tombstone_ratio = c->max_tombstone_ratio;
    out->compaction_interval = config->compaction_interval;
    return CMT_OK;
}

cmt_status cmt_host_compactor_options(const cmt_config *config, cmt_compactor_options *out,
                                      cmt_error *err)
{
    const cmt_config_compactor *c = &config->compactor;
    cmt_host_mode mode;
    CMT_TRY(cmt_host_mode_of(config, &mode, err));
    cmt_compactor_defaults(out);
    CMT_TRY(map_schedule(config, &out->schedule, err));
    out->disabled = mode == CMT_HOST_OFF;
    out->queue_size =
        c->queue_size < CMT_COMPACTOR_QUEUE_MAX ? (size_t)c->queue_size : CMT_COMPACTOR_QUEUE_MAX;
    out->pause_ns = c->pause_ns;
    out->poll_ns = c->poll_interval_ns;
    /* 0 is "not at all" there, and "for ever" here. */
    out->backup_keep_ns = c->backup_keep_ns > 0 ? c->backup_keep_ns : 1;
    return CMT_OK;
}

cmt_status cmt_host_fallback(const cmt_config *config, cmt_compact_fallback *out, cmt_error *err)
{
    const cmt_config_compactor *c = &config->compactor;
    cmt_compact_role role;
    cmt_host_mode mode;
    CMT_TRY(cmt_host_mode_of(config, &mode, err));
    CMT_TRY(cmt_compact_role_from_name(c->role, &role, err));
    *out = (cmt_compact_fallback){
        .budget_ns = c->fallback_budget_ns,
        .interval_ns = c->interval_ns,
        .min_deleted_keys = (uint64_t)c->min_work,
        .min_bytes = c->min_bytes,
    };
    CMT_TRY(cmt_compact_policy_from_name(c->fallback, &out->policy, err));
    if (mode == CMT_HOST_OFF || !cmt_compact_role_may(role))
        out->policy = CMT_COMPACT_NEVER;
    return CMT_OK;
}

/* ---- pruning --------------------------------------------------------------------------------- */

cmt_keep_policy cmt_host_keep_policy(const cmt_config *config)
{
    return (cmt_keep_policy){
        .blocks = config->keep_blocks,
        .for_ns = config->keep_for_ns,
        .bytes = config->keep_bytes,
    };
}

void cmt_host_service_options(const cmt_config *config, cmt_prune_service_options *out)
{
    *out = (cmt_prune_service_options){
        .interval_ns = config->pruning_interval_ns,
        .data_companion = config->companion_enabled,
        .keep = cmt_host_keep_policy(config),
        .keep_residue = !config->sweep,
        .is_archive = is_archive(config),
    };
    if (!config->companion_enabled)
        return; /* what stands there may then be anything */
    out->companion_blocks = config->companion_initial_block_retain_height;
    out->companion_results = config->companion_initial_block_results_retain_height;
}

void cmt_host_inline_options(const cmt_config *config, cmt_block_executor_options *options)
{
    options->data_companion = config->companion_enabled;
    options->keep = cmt_host_keep_policy(config);
    options->keep_residue = !config->sweep;
    options->is_archive = is_archive(config);
}
