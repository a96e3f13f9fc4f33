/* SPDX-License-Identifier: Apache-2.0
 *
 * What a prune is asked to do, and how its plan is shown.
 */
#ifndef CMT_CMD_PLAN_H
#define CMT_CMD_PLAN_H

#include "commands.h"

#include "cmtstore/pruner.h"

#include <stdio.h>

/**
 * What flags, environment and config.toml ask of the pruner.
 * @retval CMT_INVALID  nobody says what to keep
 */
CMT_MUST_CHECK cmt_status cmd_plan_options(const cmd_context *context, cmt_prune_action action,
                                           cmt_pruner_options *out, cmt_error *err);

/** For people. */
void cmd_plan_print(FILE *stream, const cmt_prune_plan *plan, cmt_prune_action action);

/** Without opening anything for writing: work out the plan of @p action and print it. */
CMT_MUST_CHECK cmt_status cmd_plan_show(const cmd_context *context, cmt_prune_action action,
                                        cmt_error *err);

#endif
