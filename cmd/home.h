/* SPDX-License-Identifier: Apache-2.0
 *
 * Which databases are meant: home, config.toml, environment and flags put together.
 */
#ifndef CMT_CMD_HOME_H
#define CMT_CMD_HOME_H

#include "options.h"

#include "cmtstore/config.h"
#include "cmtstore/db.h"

#include <limits.h>

typedef struct cmd_target {
    char home[PATH_MAX];     /* "" when a data directory was given */
    char data_dir[PATH_MAX]; /* absolute, symbolic links resolved */
    cmt_config config;       /* with the environment and the flags on top */
    const char *declared_by; /* who says config.db_backend; NULL: nobody */
    cmt_engine engine;       /* of the block store, told from its files */
    char blockstore[PATH_MAX];
    char state[PATH_MAX];
} cmd_target;

/** "directory/name".  @retval CMT_INVALID  longer than a path can be */
CMT_MUST_CHECK cmt_status cmd_join(char out[PATH_MAX], const char *directory, const char *name,
                                   cmt_error *err);

/**
 * Resolve and check: both databases are there, of one engine, and it is the declared one.
 *
 * @retval CMT_NOT_FOUND    home, data directory or a database is missing (with a message)
 * @retval CMT_INVALID      config.toml or the environment
 * @retval CMT_UNSUPPORTED  another engine than declared, two engines, or an unknown one
 */
CMT_MUST_CHECK cmt_status cmd_target_resolve(const cmd_options *options, cmd_target *out,
                                             cmt_error *err);

/** True if this version reads and writes databases of that engine. */
bool cmd_target_is_readable(const cmd_target *target);

/** @retval CMT_UNSUPPORTED  it does not; the message names the engine */
CMT_MUST_CHECK cmt_status cmd_target_require_readable(const cmd_target *target, cmt_error *err);

/** Open one of the two databases for reading, beside a node that may be running. */
CMT_MUST_CHECK cmt_status cmd_target_open(const cmd_target *target, const char *path, cmt_db **out,
                                          cmt_error *err);

#endif
