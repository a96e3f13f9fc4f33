/* SPDX-License-Identifier: Apache-2.0
 *
 * What opening an engine asks of the files before it.
 */
#ifndef CMT_DB_DETECT_H
#define CMT_DB_DETECT_H

#include "cmtstore/db.h"

/** As cmt_engine_detect(), for the directory @p path itself. */
CMT_MUST_CHECK cmt_status cmt_db__detect_directory(const char *path, cmt_engine *engine,
                                                   cmt_error *err);

/** Replace @p out by the newest OPTIONS-<n>.  @retval CMT_NOT_FOUND there is none (no message) */
CMT_MUST_CHECK cmt_status cmt_db__read_options(int dir_fd, const char *path, cmt_buf *out,
                                               cmt_error *err);

/** goleveldb prefers a CURRENT.<n> to CURRENT, C++ LevelDB does not know it: what the one writes the other
 *  would lose.  @retval CMT_UNSUPPORTED there is one */
CMT_MUST_CHECK cmt_status cmt_db__check_no_pending_current(int dir_fd, const char *path,
                                                           cmt_error *err);

#endif
