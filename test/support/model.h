/* SPDX-License-Identifier: Apache-2.0
 *
 * What a prune has to leave, worked out height by height: CometBFT's loops with the corrections
 * this project makes.  Slow, and without any of the library's rules in it.
 */
#ifndef CMT_TEST_MODEL_H
#define CMT_TEST_MODEL_H

#include "node_history.h"

typedef struct model_result {
    bool refused; /* something that kept heights need is missing: nothing was changed */
    int64_t from;
    int64_t evidence_height;
} model_result;

/** Prune both databases of @p w to @p retain.  Base and heights of @p w stay as they were. */
model_result model_prune(const world *w, int64_t retain, bool sweep);

#endif
