/* SPDX-License-Identifier: Apache-2.0
 *
 * Temporary directories and the files in them, for tests: whatever does not work fails the case.
 */
#ifndef CMT_TEST_FILES_H
#define CMT_TEST_FILES_H

#include "cmtstore/base.h"

/** A new directory under $TMPDIR, else /tmp.  Give it to files_remove(). */
char *files_temp(void);
/** Remove a directory with all that is in it and free its name.  NULL is fine. */
void files_remove(char *path);
/** "<dir>/<name>", to be freed. */
char *files_path(const char *dir, const char *name);

/** Make the directory <dir>/<name>; returns its path, to be freed. */
char *files_make_dir(const char *dir, const char *name);
/** Create or replace a file. */
void files_write(const char *dir, const char *name, cmt_slice bytes);
/** All of a file, in memory of exactly its size; release with cmt_buf_free(). */
cmt_buf files_read(const char *dir, const char *name);
bool files_exist(const char *dir, const char *name);
uint64_t files_inode(const char *dir, const char *name);
/** Copy the plain files of @p from into @p to, which is made if it is not there. */
void files_copy(const char *from, const char *to);
/** Over names, owners, modes and contents of everything in @p dir, but what is below it. */
uint64_t files_hash(const char *dir);
/** How many names in @p dir end in @p suffix. */
unsigned files_count(const char *dir, const char *suffix);
/** The name in @p dir that ends in @p suffix and sorts last, to be freed; NULL if there is none. */
char *files_last(const char *dir, const char *suffix);

/** Unpack the fixture @p name, home.tar.* or a whole NAME.tar.xz, into a new directory: the "data" in it is the
 *  result, to be freed.  Give @p top to files_remove(). */
char *files_unpack_fixture(const char *name, char **top);

#endif
