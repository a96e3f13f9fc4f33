/* SPDX-License-Identifier: Apache-2.0
 *
 * For tests of a database laid out by hand: made before each case, removed after it.
 */
#ifndef CMT_TEST_LAID_OUT_H
#define CMT_TEST_LAID_OUT_H

#include "files.h"
#include "pairs.h"
#include "shape.h"

#include <check.h>

#include <stdlib.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static char *top;
static char *dir;
static shape db;
static cmt_error err;

/** Begin the database in LevelDB's format or, with shape_begin_pebble, in pebble's. */
static inline void begin_database(cmt_status (*begin)(shape *, const char *, cmt_error *))
{
    err = (cmt_error)CMT_ERROR_INIT;
    top = files_temp();
    dir = files_make_dir(top, "x.db");
    pairs_must(begin(&db, dir, &err), &err);
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

#endif
