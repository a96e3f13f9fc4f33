/* SPDX-License-Identifier: Apache-2.0
 *
 * Both databases of a target, open together with their stores.
 */
#ifndef CMT_CMD_STORES_H
#define CMT_CMD_STORES_H

#include "home.h"

#include "cmtstore/state.h"
#include "cmtstore/store.h"

typedef struct cmd_stores {
    cmt_db *blockstore_db;
    cmt_db *state_db;
    cmt_block_store *blocks;
    cmt_state_store *states;
} cmd_stores;

/** For reading, beside a node that may be running.  The state is opened first: a node that goes on meanwhile can
 *  only be ahead with its blocks.  @p out is closed by the caller, whatever this returns.
 *  @retval CMT_STALE  the node changed files underneath; close and try again */
CMT_MUST_CHECK cmt_status cmd_stores_open(const cmd_target *target, cmd_stores *out,
                                          cmt_error *err);

/** How databases are opened for writing. */
typedef struct cmd_writing {
    cmt_engine engine;
    bool create;
    bool unsynced; /* durable only after cmd_stores_flush() */
    bool was_read; /* this process has read them just before */
    cmt_block_store_options blocks;
    cmt_state_store_options states;
    const cmt_logger *logger;
} cmd_writing;

/** For writing, both locked.  @p out is closed by the caller, whatever this returns.
 *  @retval CMT_BUSY         somebody has one of them open
 *  @retval CMT_UNSUPPORTED  there is no engine for them here */
CMT_MUST_CHECK cmt_status cmd_stores_open_for_writing(const char *blockstore, const char *state,
                                                      const cmd_writing *how, cmd_stores *out,
                                                      cmt_error *err);

/** Make durable what was written: blocks first.  Nothing if they are not open. */
CMT_MUST_CHECK cmt_status cmd_stores_flush(const cmd_stores *stores, cmt_error *err);

void cmd_stores_close(cmd_stores *stores);

#endif
