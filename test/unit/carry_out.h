/* SPDX-License-Identifier: Apache-2.0
 *
 * For tests that carry edits out on a database laid out by hand.
 */
#ifndef CMT_TEST_CARRY_OUT_H
#define CMT_TEST_CARRY_OUT_H

#include "edit_internal.h"
#include "laid_out.h"

static inline cmt_lsm_edit *open_edit(void)
{
    static const cmt_lsm_edit_options options = {.name = "test", .min_free_bytes = 1};
    cmt_lsm_edit *edit;
    pairs_must(cmt_lsm_edit_open(dir, &options, &edit, &err), &err);
    return edit;
}

/* Carry an edit out after its plan. */
static inline void carry_out(cmt_lsm_edit *edit)
{
    cmt_lsm_trash *trash;
    cmt_lsm_retired left;
    pairs_must(cmt_lsm_trash_open(dir, &trash, &err), &err);
    pairs_must(cmt_lsm_edit_prepare(edit, &err), &err);
    pairs_must(cmt_lsm_edit_commit(edit, &err), &err);
    pairs_must(cmt_lsm_edit_retire(edit, trash, &left, &err), &err);
    ck_assert_uint_eq(left.left_behind, 0);
    pairs_must(cmt_lsm_trash_empty(trash, 1, NULL, &err), &err);
    cmt_lsm_trash_close(trash);
}

#endif
