/* SPDX-License-Identifier: Apache-2.0
 *
 * Databases laid out by hand, for tests: which entries lie in which table on which level, and which in
 * logs.  What LevelDB would build only after long histories is one call here.
 */
#ifndef CMT_TEST_SHAPE_H
#define CMT_TEST_SHAPE_H

#include "builder.h"

typedef struct shape_entry {
    const char *key; /* a user key without NUL */
    uint64_t sequence;
    const char *value; /* NULL: a deletion */
} shape_entry;

typedef struct shape {
    char *dir;
    int dir_fd;
    cmt_file_owner owner;
    cmt_lsm__arena arena;
    cmt_lsm__table_meta *tables;
    size_t count;
    size_t capacity;
    cmt_lsm__version counters; /* what the MANIFEST will say beside the tables; change it at will */
    uint64_t bytes;
} shape;

/** Begin a database in the directory @p dir, which must be there. */
CMT_MUST_CHECK cmt_status shape_begin(shape *s, const char *dir, cmt_error *err);
/** The same in pebble's dialect. */
CMT_MUST_CHECK cmt_status shape_begin_pebble(shape *s, const char *dir, cmt_error *err);
/** Add a table of @p count entries in the order of internal keys.  Each level-0 table is newer than those
 *  before. */
CMT_MUST_CHECK cmt_status shape_table(shape *s, unsigned level, const shape_entry *entries,
                                      size_t count, cmt_error *err);
/** Add a live log: one batch per entry. */
CMT_MUST_CHECK cmt_status shape_log(shape *s, const shape_entry *entries, size_t count,
                                    cmt_error *err);
/** Write MANIFEST and CURRENT. */
CMT_MUST_CHECK cmt_status shape_finish(shape *s, cmt_error *err);
/** Release what the object holds, not the files. */
void shape_end(shape *s);

/** Append to @p record the batch of one entry. */
CMT_MUST_CHECK cmt_status shape_batch(const shape_entry *entry, cmt_buf *record);

#endif
