/* SPDX-License-Identifier: Apache-2.0
 *
 * The trash as retire.c sees it.
 */
#ifndef CMT_LSM_TRASH_INTERNAL_H
#define CMT_LSM_TRASH_INTERNAL_H

#include <limits.h>
#include <time.h>

#include "file.h"
#include "lsm_internal.h"

struct cmt_lsm_trash {
    char *path;       /* of the parent directory, resolved */
    const char *kind; /* "trash" or "work" */
    cmt_file_owner owner;
    int parent_fd;
    int home_fd; /* cmtstore */
    int root_fd; /* cmtstore/<kind> */
    int run_fd;  /* cmtstore/<kind>/<run>, held by flock */
    char run[64];
    unsigned adopt_threads;
};

/** Open (and make) this run's directory for the database @p db_dir. */
CMT_MUST_CHECK cmt_status cmt_lsm__trash_database(cmt_lsm_trash *trash, const char *db_dir,
                                                  int *fd_out, cmt_error *err);

/** Replace @p out by the path of that directory, with a terminating NUL. */
CMT_MUST_CHECK cmt_status cmt_lsm__trash_database_path(const cmt_lsm_trash *trash,
                                                       const char *db_dir, cmt_buf *out,
                                                       cmt_error *err);

#endif
