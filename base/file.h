/* SPDX-License-Identifier: Apache-2.0
 *
 * Files relative to a directory descriptor.  Every byte that the project changes on disk goes
 * through openat, write, fsync, renameat, linkat, unlinkat, mkdirat here: nothing is mapped or buffered
 * by stdio, so that a test can count, fail or kill at each single call.
 */
#ifndef CMT_BASE_FILE_H
#define CMT_BASE_FILE_H

#include <dirent.h>
#include <sys/types.h>

#include "cmtstore/base.h"

/** Who a new file belongs to and who may read it; copied from a file of the database. */
typedef struct cmt_file_owner {
    uid_t uid;
    gid_t gid;
    mode_t mode;
} cmt_file_owner;

/** The status that an errno value stands for: ENOSPC and EDQUOT are CMT_NO_SPACE, else CMT_IO. */
cmt_status cmt_status_of_errno(int error_number);

/** Close @p *fd if it is >= 0 and set it to -1.  For CMT_AUTO. */
void cmt_fd_close(int *fd);

/** Open the directory @p path for the calls below.
 *  @retval CMT_NOT_FOUND  it is absent (with a message) */
CMT_MUST_CHECK cmt_status cmt_dir_open(const char *path, int *fd_out, cmt_error *err);

/** Begin to list the directory @p dir_fd, with a position of its own; closedir ends it.  @p path is for the
 *  message. */
CMT_MUST_CHECK cmt_status cmt_dir_list(int dir_fd, const char *path, DIR **out, cmt_error *err);

/** Open the directory @p name in @p dir_fd; if it is not there, make it with the given owner and mode. */
CMT_MUST_CHECK cmt_status cmt_dir_make_at(int dir_fd, const char *name, const cmt_file_owner *owner,
                                          int *fd_out, cmt_error *err);

/** Owner, group and mode of a directory, for what is made in it. */
CMT_MUST_CHECK cmt_status cmt_dir_owner(int dir_fd, const char *path, cmt_file_owner *out,
                                        cmt_error *err);

/** Was the directory removed after it was opened? */
bool cmt_dir_has_gone(int dir_fd);

/** fsync a directory: creations, renames and removals in it are durable on return. */
CMT_MUST_CHECK cmt_status cmt_dir_sync(int dir_fd, const char *path, cmt_error *err);

/**
 * Open an existing regular file for reading.  Symbolic links are not followed.
 * @retval CMT_NOT_FOUND  absent (no message)
 */
CMT_MUST_CHECK cmt_status cmt_file_open_at(int dir_fd, const char *name, int *fd_out,
                                           cmt_error *err);

/** Size of an open file. */
CMT_MUST_CHECK cmt_status cmt_file_size(int fd, const char *name, uint64_t *size, cmt_error *err);

/** Read exactly @p size bytes at @p offset.  @retval CMT_CORRUPT the file ends before */
CMT_MUST_CHECK cmt_status cmt_file_read_at(int fd, const char *name, uint64_t offset, uint8_t *data,
                                           size_t size, cmt_error *err);

/**
 * Replace @p out by the whole contents of a file of at most @p limit bytes.
 * @retval CMT_NOT_FOUND    absent (no message)
 * @retval CMT_UNSUPPORTED  larger than @p limit
 */
CMT_MUST_CHECK cmt_status cmt_file_read_small_at(int dir_fd, const char *name, uint64_t limit,
                                                 cmt_buf *out, cmt_error *err);

/** Create a file that must not exist yet, with the given owner and mode. */
CMT_MUST_CHECK cmt_status cmt_file_create_at(int dir_fd, const char *name,
                                             const cmt_file_owner *owner, int *fd_out,
                                             cmt_error *err);

/** Append all bytes. */
CMT_MUST_CHECK cmt_status cmt_file_write(int fd, const char *name, const uint8_t *data, size_t size,
                                         cmt_error *err);

/** fsync; contents and size are durable on return.  An error is final: never retried. */
CMT_MUST_CHECK cmt_status cmt_file_sync(int fd, const char *name, cmt_error *err);

/** Give an open file this owner, group and mode. */
CMT_MUST_CHECK cmt_status cmt_file_give(int fd, const char *name, const cmt_file_owner *owner,
                                        cmt_error *err);

/**
 * Give the file @p name in @p from_fd a second name, the same one, in @p to_fd.
 * @retval CMT_UNSUPPORTED  the file system has no hard links, or no more for this file
 */
CMT_MUST_CHECK cmt_status cmt_file_link_at(int from_fd, int to_fd, const char *name,
                                           cmt_error *err);

/** Create, write, fsync and close in one call.  On failure the file may remain; remove it. */
CMT_MUST_CHECK cmt_status cmt_file_write_new_at(int dir_fd, const char *name,
                                                const cmt_file_owner *owner, cmt_slice contents,
                                                cmt_error *err);

#endif
