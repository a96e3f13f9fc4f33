/* SPDX-License-Identifier: Apache-2.0
 *
 * Small text files of ours, replaced by rename.
 */
#include "own_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "crc32c.h"

#define DIRECTORY "cmtstore"
/* "crc32c " and eight digits. */
#define LAST_LINE_SIZE 16
#define NAME_SIZE 64
/* Who removes something else of ours may remove the directory, while it is empty, between two steps. */
#define ATTEMPTS 10

/* ---- reading --------------------------------------------------------------------------------- */

cmt_status cmt_pruner__own_damaged(const char *data_dir, const char *kind, const char *why,
                                   const char *advice, cmt_error *err)
{
    return cmt_error_set(err, CMT_CORRUPT, "%s/" DIRECTORY "/%s is damaged: %s; %s", data_dir, kind,
                         why, advice);
}

/* What is wrong with the frame; NULL: nothing, and @p file is left with the lines alone. */
static const char *take_frame(const char *kind, cmt_buf *file)
{
    char first[NAME_SIZE];
    char last[LAST_LINE_SIZE + 1];
    const size_t first_size = (size_t)snprintf(first, sizeof first, "cmtstore %s 1\n", kind);
    if (file->size < first_size || memcmp(file->data, first, first_size) != 0)
        return "it does not begin as it should, or a newer version has written it";
    if (file->size < first_size + LAST_LINE_SIZE)
        return "it ends too early";
    const size_t end = file->size - LAST_LINE_SIZE;
    snprintf(last, sizeof last, "crc32c %08" PRIx32 "\n", cmt_crc32c(0, file->data, end));
    if (memcmp(file->data + end, last, LAST_LINE_SIZE) != 0)
        return "its checksum is not that of its contents";
    memmove(file->data, file->data + first_size, end - first_size);
    file->size = end - first_size;
    return NULL;
}

static cmt_status read_file(const char *data_dir, const char *kind, cmt_buf *out, cmt_error *err)
{
    CMT_AUTO(cmt_fd_close) int parent_fd = -1;
    CMT_AUTO(cmt_fd_close) int dir_fd = -1;
    CMT_TRY(cmt_dir_open(data_dir, &parent_fd, err));
    dir_fd = openat(parent_fd, DIRECTORY, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (dir_fd < 0 && errno == ENOENT)
        return CMT_NOT_FOUND;
    if (dir_fd < 0)
        return cmt_error_set(err, CMT_IO, "open %s/" DIRECTORY ": %s", data_dir, strerror(errno));
    return cmt_file_read_small_at(dir_fd, kind, CMT_PRUNER__OWN_FILE_MAX, out, err);
}

cmt_status cmt_pruner__own_read(const char *data_dir, const char *kind, const char *advice,
                                cmt_buf *lines, cmt_error *err)
{
    cmt_error why = CMT_ERROR_INIT;
    cmt_status st = read_file(data_dir, kind, lines, &why);
    if (st == CMT_UNSUPPORTED || st == CMT_CORRUPT)
        return cmt_pruner__own_damaged(data_dir, kind, why.message, advice, err);
    if (st != CMT_OK)
        return st == CMT_NOT_FOUND && why.message[0] == '\0'
                   ? CMT_NOT_FOUND
                   : cmt_error_set(err, st == CMT_NOT_FOUND ? CMT_IO : st, "%s", why.message);
    const char *wrong = take_frame(kind, lines);
    return wrong == NULL ? CMT_OK : cmt_pruner__own_damaged(data_dir, kind, wrong, advice, err);
}

/* ---- changing -------------------------------------------------------------------------------- */

static cmt_status open_lock(cmt_pruner__own_lock *lock, const char *name, cmt_error *err)
{
    cmt_file_owner owner = lock->owner;
    owner.mode &= 0666;
    lock->lock_fd = openat(lock->dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (lock->lock_fd >= 0)
        return CMT_OK;
    if (errno != ENOENT)
        return cmt_error_set(err, CMT_IO, "open %s: %s", name, strerror(errno));
    cmt_status st = cmt_file_create_at(lock->dir_fd, name, &owner, &lock->lock_fd, err);
    if (st == CMT_OK)
        return st;
    /* Another program may have been faster. */
    lock->lock_fd = openat(lock->dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    return lock->lock_fd >= 0 ? CMT_OK : st;
}

static cmt_status wait_for(int fd, const char *name, cmt_error *err)
{
    int failed;
    do
        failed = flock(fd, LOCK_EX);
    while (failed != 0 && errno == EINTR);
    return failed == 0 ? CMT_OK : cmt_error_set(err, CMT_IO, "lock %s: %s", name, strerror(errno));
}

cmt_status cmt_pruner__own_take(const char *data_dir, const char *kind, cmt_pruner__own_lock *out,
                                cmt_error *err)
{
    char name[NAME_SIZE];
    *out = (cmt_pruner__own_lock){-1, -1, -1, {0, 0, 0}};
    snprintf(name, sizeof name, "%s.lock", kind);
    CMT_TRY(cmt_dir_open(data_dir, &out->parent_fd, err));
    CMT_TRY(cmt_dir_owner(out->parent_fd, data_dir, &out->owner, err));
    for (int attempt = 1;; attempt++) {
        CMT_TRY(cmt_dir_make_at(out->parent_fd, DIRECTORY, &out->owner, &out->dir_fd, err));
        cmt_status opened = open_lock(out, name, err);
        if (opened == CMT_OK)
            return wait_for(out->lock_fd, name, err);
        if (attempt == ATTEMPTS || !cmt_dir_has_gone(out->dir_fd))
            return opened;
        cmt_fd_close(&out->dir_fd);
    }
}

void cmt_pruner__own_unlock(cmt_pruner__own_lock *lock)
{
    cmt_fd_close(&lock->lock_fd);
    cmt_fd_close(&lock->dir_fd);
    cmt_fd_close(&lock->parent_fd);
}

static cmt_status make_file(const char *kind, cmt_slice lines, cmt_buf *file)
{
    char text[NAME_SIZE];
    int size = snprintf(text, sizeof text, "cmtstore %s 1\n", kind);
    CMT_TRY(cmt_buf_append(file, text, (size_t)size));
    CMT_TRY(cmt_buf_append(file, lines.data, lines.size));
    size = snprintf(text, sizeof text, "crc32c %08" PRIx32 "\n",
                    cmt_crc32c(0, file->data, file->size));
    return cmt_buf_append(file, text, (size_t)size);
}

cmt_status cmt_pruner__own_write(const cmt_pruner__own_lock *lock, const char *kind,
                                 cmt_slice lines, cmt_error *err)
{
    char fresh[NAME_SIZE];
    struct stat old;
    cmt_file_owner owner = lock->owner;
    CMT_AUTO(cmt_buf_free) cmt_buf file = CMT_BUF_INIT;
    snprintf(fresh, sizeof fresh, "%s.new", kind);
    if (make_file(kind, lines, &file) != CMT_OK)
        return cmt_error_set(err, CMT_NO_MEMORY, "no memory to write %s", kind);
    owner.mode &= 0666;
    if (fstatat(lock->dir_fd, kind, &old, AT_SYMLINK_NOFOLLOW) == 0)
        owner = (cmt_file_owner){old.st_uid, old.st_gid, old.st_mode & 0777};
    if (unlinkat(lock->dir_fd, fresh, 0) != 0 && errno != ENOENT)
        return cmt_error_set(err, CMT_IO, "remove %s: %s", fresh, strerror(errno));
    cmt_status st = cmt_file_write_new_at(lock->dir_fd, fresh, &owner, cmt_buf_slice(&file), err);
    if (st == CMT_OK && renameat(lock->dir_fd, fresh, lock->dir_fd, kind) != 0)
        st =
            cmt_error_set(err, cmt_status_of_errno(errno), "rename %s: %s", fresh, strerror(errno));
    if (st != CMT_OK) {
        unlinkat(lock->dir_fd, fresh, 0);
        return st;
    }
    CMT_TRY(cmt_dir_sync(lock->dir_fd, DIRECTORY, err));
    return cmt_dir_sync(lock->parent_fd, "the data directory", err);
}
