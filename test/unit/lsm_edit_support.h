/* SPDX-License-Identifier: Apache-2.0
 *
 * For the tests of the edit: a database laid out by hand before each case, edits carried out to the end,
 * and what our view and C++ LevelDB see then.
 */
#ifndef CMT_TEST_LSM_EDIT_SUPPORT_H
#define CMT_TEST_LSM_EDIT_SUPPORT_H

#include "carry_out.h"
#include "engine.h"

#include <stdio.h>
#include <string.h>

#define TEXT(literal)                                                                              \
    {                                                                                              \
        (const uint8_t *)(literal), sizeof(literal) - 1                                            \
    }

static inline void setup(void)
{
    begin_database(shape_begin);
}

static inline void expect(const char *pairs)
{
    char *ours = pairs_of_view(dir);
    char *theirs = engine_pairs(dir, NULL);
    ck_assert_str_eq(ours, pairs);
    ck_assert_str_eq(theirs, pairs);
    free(ours);
    free(theirs);
}

static inline uint64_t level_0_tables(void)
{
    cmt_lsm_view *view;
    pairs_must(cmt_lsm_view_open(dir, NULL, &view, &err), &err);
    uint64_t tables = cmt_lsm_view_get_stats(view).tables[0];
    cmt_lsm_view_close(view);
    return tables;
}

/* The edit that `spec` asks for (NULL: a compaction) is refused and leaves all as it was. */
static inline void expect_damage(const cmt_lsm_edit_spec *spec)
{
    uint64_t before = files_hash(dir);
    cmt_lsm_edit *edit = open_edit();
    cmt_status st =
        spec != NULL ? cmt_lsm_edit_plan(edit, spec, &err) : cmt_lsm_edit_plan_compact(edit, &err);
    if (st == CMT_OK)
        st = cmt_lsm_edit_prepare(edit, &err);
    ck_assert_int_eq(st, CMT_CORRUPT);
    cmt_lsm_edit_free(edit);
    ck_assert_uint_eq(files_hash(dir), before);
}

/* The MANIFEST says 5; the bounds of the tables do not betray that there is more. */
static inline void finish_at_sequence_5(void)
{
    db.counters.last_sequence = 5;
    finish();
}

#endif
