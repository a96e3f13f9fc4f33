/* SPDX-License-Identifier: Apache-2.0
 *
 * A command in a process of its own: an engine that gives up by ending its process (Debian's RocksDB has
 * assertions on) then ends the worker, and we can still say what happened.
 */
#ifndef CMT_CMD_WORKER_H
#define CMT_CMD_WORKER_H

#include "commands.h"

/**
 * Run @p function in a child process and return what it returned.  Call before there is any thread and
 * before anything is locked.  What the child says on the standard streams is passed on; requests to stop
 * reach it.
 *
 * @retval CMT_NO_SPACE  the child died, and the file system of @p directory is full
 * @retval CMT_IO        the child died otherwise, or could not be made
 */
CMT_MUST_CHECK cmt_status cmd_worker_run(const cmd_context *context,
                                         cmt_status (*function)(const cmd_context *, cmt_error *),
                                         const char *directory, cmt_error *err);

#endif
