/* SPDX-License-Identifier: Apache-2.0
 *
 * What reading the two kinds of results needs.
 */
#ifndef CMT_TYPES_RESULTS_READ_H
#define CMT_TYPES_RESULTS_READ_H

#include "cmtstore/types_results.h"

#include "shape.h"

/* ResponseFinalizeBlock of 0.38 to 1.0. */
extern const cmt_shape cmt_shape_finalize_block;
/* ABCIResponses of 0.34 and 0.37, in which all fields of all of them can be told apart. */
extern const cmt_shape cmt_shape_abci_responses;

/** Make the arrays, so many long and empty.  On failure the caller frees what was made. */
CMT_MUST_CHECK cmt_status cmt_results_allot(size_t events, size_t txs, size_t updates,
                                            cmt_results *out, cmt_error *err);

/** Append to one of them.  Both readings of the bytes count alike, so there is room. */
static inline void cmt_results_add(cmt_slice *messages, size_t *count, cmt_slice message)
{
    if (messages != NULL)
        messages[(*count)++] = message;
}

#endif
