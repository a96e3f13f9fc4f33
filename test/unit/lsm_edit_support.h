/* SPDX-License-Identifier: Apache-2.0
 *
 * For the tests of the edit: a database laid out by hand before each case, edits carried out to the end,
 * and what our view and C++ LevelDB see then.
 */
#ifndef CMT_TEST_LSM_EDIT_SUPPORT_H
#define CMT_TEST_LSM_EDIT_SUPPORT_H

#include "edit_internal.h"
#include "engine.h"
#include "files.h"
#include "pairs.h"
#include "shape.h"

#include <check.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

#define TEXT(literal)                                                                              \
    {                                                                                              \
        (const uint8_t *)(literal), sizeof(literal) - 1                                            \
    }

static char *top;
static char *dir;
static shape db;
static cmt_error err;

static inline void setup(void)
{
    err = (cmt_error)CMT_ERROR_INIT;
    top = files_temp();
    dir = files_make_dir(top, "x.db");
    pairs_must(shape_begin(&db, dir, &err), &err);
}

static inline void teardown(void)
{
    shape_end(&db);
    free(dir);
    files_remove(top);
}

#define TABLE(level, ...)                                                                          \
    do {                                                                                           \
        const shape_entry entries[] = {__VA_ARGS__};                                               \
        pairs_must(shape_table(&db, (level), entries, COUNT(entries), &err), &err);                \
    } while (0)

#define LOG(...)                                                                                   \
    do {                                                                                           \
        const shape_entry entries[] = {__VA_ARGS__};                                               \
        pairs_must(shape_log(&db, entries, COUNT(entries), &err), &err);                           \
    } while (0)

static inline void finish(void)
{
    pairs_must(shape_finish(&db, &err), &err);
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

static inline cmt_lsm_edit *open_edit(void)
{
    static const cmt_lsm_edit_options options = {.name = "test", .min_free_bytes = 1};
    cmt_lsm_edit *edit;
    pairs_must(cmt_lsm_edit_open(dir, &options, &edit, &err), &err);
    return edit;
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
