/* SPDX-License-Identifier: Apache-2.0
 *
 * For tests of calls that may not fail: `error` is theirs to fill.
 */
#ifndef CMT_TEST_MUST_H
#define CMT_TEST_MUST_H

#include "cmtstore/base.h"

#include <check.h>

static cmt_error error;

#define MUST(call)                                                                                 \
    do {                                                                                           \
        cmt_status must_status = (call);                                                           \
        if (must_status != CMT_OK)                                                                 \
            ck_abort_msg("%s: %s: %s", #call, cmt_status_text(must_status), error.message);        \
    } while (0)

#endif
