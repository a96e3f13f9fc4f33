/* SPDX-License-Identifier: Apache-2.0
 *
 * The directory around a database's directory.
 */
#ifndef CMT_DB_PARENT_H
#define CMT_DB_PARENT_H

#include "file.h"

/**
 * Find the directory around @p dir, links resolved, and open it.
 *
 * @param path   its path, "" for the root; free(), whatever comes of it
 * @param name   of the database in it; borrowed from @p path
 * @param owner  of the database's directory
 * @param fd     of the directory around; -1 on failure
 */
CMT_MUST_CHECK cmt_status cmt_db__parent_find(const char *dir, char **path, const char **name,
                                              cmt_file_owner *owner, int *fd, cmt_error *err);

#endif
