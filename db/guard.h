/* SPDX-License-Identifier: Apache-2.0
 *
 * The directory around an open engine: what must hold before the engine may touch it, and what is put right
 * behind it.
 *
 *   before   the files are of the engine that the caller names; nobody has them open; our flock is held
 *   behind   owner, group and mode of what the engine wrote are those of the database; the flock goes last
 */
#ifndef CMT_DB_GUARD_H
#define CMT_DB_GUARD_H

#include <time.h>

#include "db_internal.h"
#include "file.h"

struct cmt_db__guard {
    char *dir; /* as it was named; a path that may lead somewhere else after an exchange */
    int dir_fd;
    cmt_db_lock *lock;    /* NULL: opened for reading only */
    cmt_file_owner owner; /* of CURRENT, or what a new database gets */
    struct timespec since;
    const cmt_logger *logger;
    bool created; /* there was no database before */
};

/**
 * Check and lock.  With options->read_only nothing is locked and nothing will be put right.
 * @retval CMT_NOT_FOUND    no database there, and none wanted (with a message)
 * @retval CMT_BUSY         somebody has it open
 * @retval CMT_UNSUPPORTED  the files are another engine's
 */
CMT_MUST_CHECK cmt_status cmt_db__guard_open(const char *dir, const cmt_db_open_options *options,
                                             cmt_db__guard *out, cmt_error *err);

/** Nothing of the kind, for a directory that is the caller's alone and is thrown away. */
CMT_MUST_CHECK cmt_status cmt_db__guard_clone(const char *dir, const cmt_db_open_options *options,
                                              cmt_db__guard *out, cmt_error *err);

/** Give every file that the engine wrote the database's owner, group and mode. */
CMT_MUST_CHECK cmt_status cmt_db__guard_restore_owner(const cmt_db__guard *guard, cmt_error *err);

/** Bytes in write-ahead logs, and the highest number of one. */
CMT_MUST_CHECK cmt_status cmt_db__guard_logs(const cmt_db__guard *guard, uint64_t *bytes,
                                             uint64_t *newest, cmt_error *err);

/** The files that the two stand for have changed places: so do their locks.  The paths stay. */
void cmt_db__guard_swap(cmt_db__guard *a, cmt_db__guard *b);

/** Release the lock and everything else.  The engine has closed before. */
void cmt_db__guard_close(cmt_db__guard *guard);

/** How many files an engine may keep open here: the caller's wish, or what RLIMIT_NOFILE leaves. */
int cmt_db__open_files(const cmt_db_open_options *options);

/** Take over an engine's message: what was tried, on what, why not.  The status follows from the text.
 *  Frees nothing. */
cmt_status cmt_db__engine_failed(const char *message, const char *what, const char *dir,
                                 cmt_error *err);

#endif
