/* SPDX-License-Identifier: Apache-2.0
 *
 * How the program ends: one table from status to exit code, and the one sentence that goes with it.
 */
#ifndef CMT_CMD_EXIT_CODES_H
#define CMT_CMD_EXIT_CODES_H

#include "cmtstore/base.h"

enum {
    CMD_EXIT_DONE = 0,         /* also: there was nothing to do */
    CMD_EXIT_FAILED = 1,       /* home or store missing, damage, input/output */
    CMD_EXIT_USAGE = 2,        /* flags, numbers, config.toml */
    CMD_EXIT_REFUSED = 3,      /* a safety rule, or a format that this version does not write */
    CMD_EXIT_BUSY = 4,         /* a node or another tool has the database open */
    CMD_EXIT_NO_SPACE = 5,     /* not enough disk */
    CMD_EXIT_INTERRUPTED = 130 /* stopped on request, consistent */
};

int cmd_exit_code(cmt_status status);

/** Print "cmtstore: " and one sentence for a failure on standard error; returns its exit code. */
int cmd_fail(cmt_status status, const cmt_error *err);

#endif
