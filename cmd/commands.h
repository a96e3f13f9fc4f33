/* SPDX-License-Identifier: Apache-2.0
 *
 * The subcommands.  Each prints its result on standard output and returns its status; CMT_OK also
 * when there was nothing to do.
 */
#ifndef CMT_CMD_COMMANDS_H
#define CMT_CMD_COMMANDS_H

#include "console.h"
#include "home.h"

typedef struct cmd_context {
    const cmd_options *options;
    const cmd_target *target;
    cmd_console *console;
} cmd_context;

CMT_MUST_CHECK cmt_status cmd_run_info(const cmd_context *context, cmt_error *err);
CMT_MUST_CHECK cmt_status cmd_run_plan(const cmd_context *context, cmt_error *err);
/** prune, compact and prune-and-compact. */
CMT_MUST_CHECK cmt_status cmd_run_prune(const cmd_context *context, cmt_error *err);
CMT_MUST_CHECK cmt_status cmd_run_dump(const cmd_context *context, cmt_error *err);
CMT_MUST_CHECK cmt_status cmd_run_rollback(const cmd_context *context, cmt_error *err);
CMT_MUST_CHECK cmt_status cmd_run_replay(const cmd_context *context, cmt_error *err);
CMT_MUST_CHECK cmt_status cmd_run_pin(const cmd_context *context, cmt_error *err);
/** The one that works on no target. */
CMT_MUST_CHECK cmt_status cmd_run_gen(const cmd_context *context, cmt_error *err);

#endif
