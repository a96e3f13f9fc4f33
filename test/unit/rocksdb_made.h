/* SPDX-License-Identifier: Apache-2.0
 *
 * For tests of a directory that RocksDB writes: a place for it before each case, removed after it.
 */
#ifndef CMT_TEST_ROCKSDB_MADE_H
#define CMT_TEST_ROCKSDB_MADE_H

#include "cmtstore/lsm.h"

#include "files.h"
#include "pairs.h"
#include "rocksdb_dir.h"

#include <check.h>

#include <stdlib.h>

static char *top;
static char *dir;
static rocksdb_dir db;
static cmt_error err;

static inline void make_place(void)
{
    err = (cmt_error)CMT_ERROR_INIT;
    top = files_temp();
    dir = files_make_dir(top, "x.db");
}

static inline void teardown(void)
{
    rocksdb_dir_fini(&db);
    free(dir);
    files_remove(top);
}

/** The view shows what RocksDB shows. */
static inline void expect_same(void)
{
    char *theirs = rocksdb_dir_pairs(&db);
    char *ours = pairs_of_view(dir);
    ck_assert_str_eq(ours, theirs);
    free(ours);
    free(theirs);
}

/** Carry a prepared edit out. */
static inline void carry_out(cmt_lsm_edit *edit)
{
    cmt_lsm_trash *trash;
    cmt_lsm_retired left;
    pairs_must(cmt_lsm_trash_open(dir, &trash, &err), &err);
    pairs_must(cmt_lsm_edit_commit(edit, &err), &err);
    pairs_must(cmt_lsm_edit_retire(edit, trash, &left, &err), &err);
    pairs_must(cmt_lsm_trash_empty(trash, 1, NULL, &err), &err);
    cmt_lsm_trash_close(trash);
    ck_assert_uint_eq(left.left_behind, 0);
}

#endif
