/* SPDX-License-Identifier: Apache-2.0
 *
 * A home that is made here: its directories, its configuration, its genesis.
 */
#ifndef CMT_CMD_NEW_HOME_H
#define CMT_CMD_NEW_HOME_H

#include "cmtstore/db.h"
#include "cmtstore/keys.h"
#include "cmtstore/types_validators.h"

#include <limits.h>

typedef struct cmd_new_home {
    char home[PATH_MAX];
    char blockstore[PATH_MAX];
    char state[PATH_MAX];
    bool goes_on; /* the maker of that name has worked here before */
} cmd_new_home;

/**
 * Make @p path and its data directory.  It must be absent or empty, or, with @p may_go_on, have been made by
 * @p maker ("replay", "gen"); the directory that it is in must be there.
 * @retval CMT_UNSUPPORTED  it holds something else; nothing was changed
 */
CMT_MUST_CHECK cmt_status cmd_new_home_make(const char *path, const char *maker, bool may_go_on,
                                            cmd_new_home *out, cmt_error *err);

/** Write config/@p name, durably, unless it says the same already.
 *  @retval CMT_UNSUPPORTED  it says something else */
CMT_MUST_CHECK cmt_status cmd_new_home_write(const cmd_new_home *home, const char *name,
                                             cmt_slice contents, cmt_error *err);

/** How its databases are kept. */
typedef struct cmd_new_config {
    cmt_engine engine;
    cmt_release release;
    cmt_key_layout layout;
    bool discard_results;
} cmd_new_config;

/** Write config/config.toml: what CometBFT has no default for, or another one. */
CMT_MUST_CHECK cmt_status cmd_new_home_configure(const cmd_new_home *home,
                                                 const cmd_new_config *config, cmt_error *err);

/** The engine for a new home: @p name, or goleveldb if that is NULL.
 *  @retval CMT_INVALID      CometBFT knows no such engine
 *  @retval CMT_UNSUPPORTED  it is not written here */
CMT_MUST_CHECK cmt_status cmd_new_home_engine(const char *name, cmt_engine *out, cmt_error *err);

/** Read a whole file, at most 1 GiB of it.  @retval CMT_NOT_FOUND  absent (no message) */
CMT_MUST_CHECK cmt_status cmd_read_file(const char *path, cmt_buf *out, cmt_error *err);

#endif
