/* SPDX-License-Identifier: Apache-2.0
 *
 * Both lock protocols on one LOCK file.
 *
 * goleveldb takes flock(2), C++ LevelDB, RocksDB and pebble take fcntl record locks; on Linux the two
 * do not see each other, so a database is ours only when we hold both.  The record lock is taken as an
 * open-file-description lock: it conflicts with theirs in both directions, but is not dropped when some
 * other descriptor of the file is closed in this process, as theirs would be.
 *
 * Before an engine opens, only the flock stays ours: the record lock is then the engine's own to take.  And
 * because closing any descriptor of LOCK drops a record lock that the engine took in this process, LOCK is
 * not even opened when this process has it open already.
 * Source: goleveldb leveldb/storage/file_storage_unix.go setFileLock; LevelDB util/env_posix.cc LockOrUnlock
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmtstore/db.h"
#include "file.h"
#include "lock.h"

struct cmt_db_lock {
    int fd;
};

/* A new LOCK gets the owner and mode of CURRENT, else of the directory. */
static cmt_status create_lock(int dir_fd, const char *dir, int *fd_out, cmt_error *err)
{
    struct stat st;
    if (fstatat(dir_fd, "CURRENT", &st, AT_SYMLINK_NOFOLLOW) != 0 && fstat(dir_fd, &st) != 0)
        return cmt_error_set(err, CMT_IO, "stat %s: %s", dir, strerror(errno));
    cmt_file_owner owner = {st.st_uid, st.st_gid, st.st_mode & 0666};
    return cmt_file_create_at(dir_fd, "LOCK", &owner, fd_out, err);
}

static cmt_status open_lock(int dir_fd, const char *dir, int *fd_out, cmt_error *err)
{
    for (bool again = false;; again = true) {
        int fd = openat(dir_fd, "LOCK", O_RDWR | O_CLOEXEC | O_NOFOLLOW);
        if (fd < 0 && errno != ENOENT)
            return cmt_error_set(err, CMT_IO,
                                 "open %s/LOCK: %s; run as the user who owns the database, on a "
                                 "writable file system",
                                 dir, strerror(errno));
        if (fd >= 0) {
            *fd_out = fd;
            return CMT_OK;
        }
        /* The first failure may be another process that has just made it. */
        cmt_status st = create_lock(dir_fd, dir, fd_out, again ? err : NULL);
        if (st == CMT_OK || again)
            return st;
    }
}

static cmt_status busy(const char *dir, cmt_error *err)
{
    return cmt_error_set(err, CMT_BUSY,
                         "%s is in use: a node or another tool has it open; stop it and try again",
                         dir);
}

static cmt_status lock_record(int fd, const char *dir, cmt_error *err)
{
    struct flock record = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (fcntl(fd, F_OFD_SETLK, &record) == 0)
        return CMT_OK;
    if (errno == EAGAIN || errno == EACCES)
        return busy(dir, err);
    return cmt_error_set(err, CMT_IO, "lock %s/LOCK: %s", dir, strerror(errno));
}

static cmt_status lock_both(int fd, const char *dir, cmt_error *err)
{
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        if (errno == EWOULDBLOCK)
            return busy(dir, err);
        return cmt_error_set(err, CMT_IO, "lock %s/LOCK: %s", dir, strerror(errno));
    }
    return lock_record(fd, dir, err);
}

/* Does this process have the file open, through a descriptor other than `but`?  (Where /proc is not to be had
 * that cannot be told; the flock still keeps two handles apart.) */
static bool open_here(const struct stat *file, int but)
{
    DIR *fds = opendir("/proc/self/fd");
    if (fds == NULL)
        return false;
    bool found = false;
    struct dirent *entry;
    while (!found && (entry = readdir(fds)) != NULL) {
        char *end;
        long fd = strtol(entry->d_name, &end, 10);
        struct stat st;
        found = *end == '\0' && end != entry->d_name && fd != but && fstat((int)fd, &st) == 0 &&
                st.st_dev == file->st_dev && st.st_ino == file->st_ino;
    }
    closedir(fds);
    return found;
}

/* Close a descriptor of LOCK on which no lock could be had.  If another thread has opened the file in the
 * meantime, closing ours would drop its engine's lock: then the descriptor is left open. */
static void close_unlocked(int fd)
{
    struct stat st;
    if (fstat(fd, &st) == 0 && open_here(&st, fd))
        return;
    close(fd);
}

static cmt_status take_at(int dir_fd, const char *dir, int *fd_out, cmt_error *err)
{
    struct stat st;
    if (fstatat(dir_fd, "LOCK", &st, AT_SYMLINK_NOFOLLOW) == 0 && open_here(&st, -1))
        return busy(dir, err);
    int fd;
    CMT_TRY(open_lock(dir_fd, dir, &fd, err));
    cmt_status status = lock_both(fd, dir, err);
    if (status != CMT_OK)
        close_unlocked(fd);
    else
        *fd_out = fd;
    return status;
}

cmt_status cmt_db_lock_take(const char *dir, cmt_db_lock **out, cmt_error *err)
{
    *out = NULL;
    int dir_fd;
    int fd = -1;
    CMT_TRY(cmt_dir_open(dir, &dir_fd, err));
    cmt_status st = take_at(dir_fd, dir, &fd, err);
    cmt_fd_close(&dir_fd);
    CMT_TRY(st);
    cmt_db_lock *lock = malloc(sizeof *lock);
    if (lock == NULL) {
        cmt_fd_close(&fd);
        return cmt_error_set(err, CMT_NO_MEMORY, "no memory for a lock");
    }
    lock->fd = fd;
    *out = lock;
    return CMT_OK;
}

cmt_status cmt_db__lock_keep_record(cmt_db_lock *lock, const char *dir, cmt_error *err)
{
    return lock_record(lock->fd, dir, err);
}

cmt_status cmt_db__lock_yield_record(cmt_db_lock *lock, const char *dir, cmt_error *err)
{
    struct flock record = {.l_type = F_UNLCK, .l_whence = SEEK_SET};
    if (fcntl(lock->fd, F_OFD_SETLK, &record) == 0)
        return CMT_OK;
    return cmt_error_set(err, CMT_IO, "unlock %s/LOCK: %s", dir, strerror(errno));
}

cmt_status cmt_db__lock_take_for_engine(const char *dir, cmt_db_lock **out, cmt_error *err)
{
    CMT_TRY(cmt_db_lock_take(dir, out, err));
    cmt_status st = cmt_db__lock_yield_record(*out, dir, err);
    if (st != CMT_OK) {
        cmt_db_lock_release(*out);
        *out = NULL;
    }
    return st;
}

void cmt_db_lock_release(cmt_db_lock *lock)
{
    if (lock == NULL)
        return;
    cmt_fd_close(&lock->fd);
    free(lock);
}
