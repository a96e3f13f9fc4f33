/* SPDX-License-Identifier: Apache-2.0
 *
 * Small text files of ours in <db_dir>/cmtstore/: lines between a first one that names the kind, and a last one with
 * the checksum of all before.
 *
 *   cmtstore pins 1
 *   …
 *   crc32c 89abcdef
 *
 * A file is replaced as a whole, by rename; readers need no lock.  Who changes one holds <file>.lock from reading to
 * renaming, so that no change is lost between two programs.
 */
#ifndef CMT_PRUNER_OWN_FILE_H
#define CMT_PRUNER_OWN_FILE_H

#include "file.h"

/** One that takes up more is none of ours. */
#define CMT_PRUNER__OWN_FILE_MAX ((uint64_t)1 << 20)

/**
 * Read the file of this kind ("pins": the file's name, too).
 *
 * @param advice     ends the message where the file is damaged
 * @param lines      out: what stands between the first and the last line, each with its newline
 * @retval CMT_NOT_FOUND  there is none (no message)
 * @retval CMT_CORRUPT    damaged; the message names the file
 */
CMT_MUST_CHECK cmt_status cmt_pruner__own_read(const char *data_dir, const char *kind,
                                               const char *advice, cmt_buf *lines, cmt_error *err);

/** The failure of a file whose lines say what they may not. */
cmt_status cmt_pruner__own_damaged(const char *data_dir, const char *kind, const char *why,
                                   const char *advice, cmt_error *err);

/** The right to change the file; the directory is made if it is not there. */
typedef struct cmt_pruner__own_lock {
    int parent_fd;
    int dir_fd;
    int lock_fd;
    cmt_file_owner owner; /* of the data directory */
} cmt_pruner__own_lock;

/** Waits for whoever has it; cmt_pruner__own_unlock() whatever this returns. */
CMT_MUST_CHECK cmt_status cmt_pruner__own_take(const char *data_dir, const char *kind,
                                               cmt_pruner__own_lock *out, cmt_error *err);
void cmt_pruner__own_unlock(cmt_pruner__own_lock *lock);

/** Replace the file; an old one's owner, group and mode are kept, else they are the data directory's.  Durable on
 *  return; on failure the old one is as it was. */
CMT_MUST_CHECK cmt_status cmt_pruner__own_write(const cmt_pruner__own_lock *lock, const char *kind,
                                                cmt_slice lines, cmt_error *err);

#endif
