/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading beside a running node: try again on a fresh snapshot when the files changed underneath.
 */
#ifndef CMT_CMD_SNAPSHOT_H
#define CMT_CMD_SNAPSHOT_H

#include "cmtstore/base.h"

/**
 * Call @p attempt until it returns anything but CMT_STALE, with a short pause between.
 * @retval CMT_STALE      the node changed files during every attempt
 * @retval CMT_CANCELLED  a signal asked to stop
 */
CMT_MUST_CHECK cmt_status cmd_snapshot_retry(cmt_status (*attempt)(void *context, cmt_error *err),
                                             void *context, cmt_error *err);

#endif
