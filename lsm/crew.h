/* SPDX-License-Identifier: Apache-2.0
 *
 * Jobs that do not depend on each other, done by a few threads.
 */
#ifndef CMT_LSM_CREW_H
#define CMT_LSM_CREW_H

#include "cmtstore/base.h"

/**
 * Do jobs 0 … @p count - 1, each taken by whoever is free: the calling thread and two helpers (fewer where threads cannot
 * be had).  After a failure no further job is taken.
 *
 * @retval others  of the first job that failed, with its message
 */
CMT_MUST_CHECK cmt_status cmt_lsm__crew_run(size_t count,
                                            cmt_status (*do_job)(void *context, size_t index,
                                                                 cmt_error *err),
                                            void *context, cmt_error *err);

#endif
