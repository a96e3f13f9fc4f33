/* SPDX-License-Identifier: Apache-2.0
 *
 * A ConsensusParams message laid over parameters that are there.
 */
#ifndef CMT_TYPES_PARAMS_READ_H
#define CMT_TYPES_PARAMS_READ_H

#include "cmtstore/types_params.h"

/* A height at which something begins, and whether the message had it. */
typedef struct cmt_params_height {
    bool seen;
    int64_t height;
} cmt_params_height;

typedef struct cmt_params_reading {
    cmt_params params;
    bool seen[8]; /* by field number */
    cmt_params_height abci;
    cmt_params_height extensions; /* feature */
    cmt_params_height pbts;
} cmt_params_reading;

/** Read @p bytes over out->params: what a section holds replaces the section.  The heights are left
 *  for the caller to put in place. */
CMT_MUST_CHECK cmt_status cmt_params_read(cmt_slice bytes, cmt_release release,
                                          cmt_params_reading *out, cmt_error *err);

#endif
