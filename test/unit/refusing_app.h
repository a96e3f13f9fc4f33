/* SPDX-License-Identifier: Apache-2.0
 *
 * The part of an application that is not to be asked: no block is executed here.
 */
#ifndef CMT_TEST_REFUSING_APP_H
#define CMT_TEST_REFUSING_APP_H

#include "cmtstore/blockexec_app.h"

static inline cmt_status refuse_finalize(void *context, const cmt_app_block *block,
                                         cmt_results *out, cmt_error *err)
{
    (void)context;
    (void)block;
    (void)out;
    return cmt_error_set(err, CMT_INVALID, "nothing is executed here");
}

static inline cmt_status refuse_commit(void *context, int64_t *retain_height, cmt_error *err)
{
    (void)context;
    (void)retain_height;
    return cmt_error_set(err, CMT_INVALID, "nothing is committed here");
}

#endif
