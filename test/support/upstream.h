/* SPDX-License-Identifier: Apache-2.0
 *
 * CometBFT's PruneBlocks and PruneStates, written down as they are, with their faults; and records
 * of the state store read and written without the library's rules.
 */
#ifndef CMT_TEST_UPSTREAM_H
#define CMT_TEST_UPSTREAM_H

#include "node_history.h"

/** Carry out one earlier prune.  Nothing happens when CometBFT would refuse it. */
void upstream_prune(world *w, const history_prune *prune);

/* ---- records ----------------------------------------------------------------------------- */

typedef struct record {
    bool exists;
    bool full; /* a set, or params that are not empty */
    int64_t last_changed;
} record;

record record_validators(cmt_db *state, int64_t height);
record record_params(cmt_db *state, int64_t height);

/** LoadValidators: false where CometBFT returns an error. */
bool record_load_validators(cmt_db *state, int64_t height, cmt_buf *set);
bool record_load_params(cmt_db *state, int64_t height, cmt_buf *params);

#endif
