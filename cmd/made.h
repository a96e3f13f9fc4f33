/* SPDX-License-Identifier: Apache-2.0
 *
 * What replay and gen share: the databases that they fill.
 */
#ifndef CMT_CMD_MADE_H
#define CMT_CMD_MADE_H

#include "commands.h"
#include "new_home.h"
#include "stores.h"

#include "cmtstore/compactor_fallback.h"

#include <jansson.h>

/* A home that is being filled. */
typedef struct cmd_made {
    const cmd_context *context;
    cmd_new_home home;
    cmd_new_config config;
    cmd_stores stores;
    cmt_compact_flight *flight; /* remembers what prunes leave, until the end */
    cmt_compact_fallback fallback;
    cmt_compact_handover handover;
    cmt_logger
        executor_log; /* for the executor: what it says of each block is for debugging here */
} cmd_made;

/** Make the home, write its configuration and @p genesis, open its databases.  @p out is closed by the caller,
 *  whatever this returns.
 *  Those of 1.0 get the key `version`. */
CMT_MUST_CHECK cmt_status cmd_made_open(const cmd_context *context, const char *path,
                                        const cmd_new_config *config, cmt_slice genesis,
                                        cmd_made *out, cmt_error *err);

/** After the last block: compact what was pruned, and make all durable.  @p status is what the work came to, and is
 *  returned unless it was CMT_OK or CMT_CANCELLED and this fails. */
CMT_MUST_CHECK cmt_status cmd_made_finish(cmd_made *made, cmt_status status, cmt_error *err);

void cmd_made_close(cmd_made *made);

/** What a report says first: the home, and the chain that is in it by now. */
json_t *cmd_made_json(const cmd_made *made, const char *chain_id);
/** How long it took, and blocks_per_second. */
void cmd_put_speed(json_t *object, int64_t blocks, int64_t elapsed_ms);

/** Blocks for each second. */
double cmd_blocks_per_second(int64_t blocks, int64_t elapsed_ms);

#endif
