/* SPDX-License-Identifier: Apache-2.0
 *
 * Files relative to a directory descriptor.
 */
#include "file.h"

#include "cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

cmt_status cmt_status_of_errno(int error_number)
{
    return error_number == ENOSPC || error_number == EDQUOT ? CMT_NO_SPACE : CMT_IO;
}

static cmt_status fail(cmt_error *err, const char *action, const char *name)
{
    int error_number = errno;
    return cmt_error_set(err, cmt_status_of_errno(error_number), "%s %s: %s", action, name,
                         strerror(error_number));
}

void cmt_fd_close(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

cmt_status cmt_dir_open(const char *path, int *fd_out, cmt_error *err)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return cmt_error_set(err, CMT_NOT_FOUND, "%s does not exist", path);
    if (fd < 0)
        return fail(err, "open directory", path);
    *fd_out = fd;
    return CMT_OK;
}

cmt_status cmt_dir_list(int dir_fd, const char *path, DIR **out, cmt_error *err)
{
    int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    *out = fd >= 0 ? fdopendir(fd) : NULL;
    if (*out != NULL)
        return CMT_OK;
    int error_number = errno;
    cmt_fd_close(&fd);
    return cmt_error_set(err, CMT_IO, "list %s: %s", path, strerror(error_number));
}

cmt_status cmt_dir_make_at(int dir_fd, const char *name, const cmt_file_owner *owner, int *fd_out,
                           cmt_error *err)
{
    bool made = mkdirat(dir_fd, name, owner->mode & 0777) == 0;
    if (!made && errno != EEXIST)
        return fail(err, "make directory", name);
    int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return fail(err, "open directory", name);
    struct stat st;
    if (made && (fstat(fd, &st) != 0 ||
                 ((st.st_uid != owner->uid || st.st_gid != owner->gid) &&
                  fchown(fd, owner->uid, owner->gid) != 0) ||
                 fchmod(fd, owner->mode & 0777) != 0)) {
        cmt_status status = fail(err, "give its owner to directory", name);
        close(fd);
        unlinkat(dir_fd, name, AT_REMOVEDIR);
        return status;
    }
    *fd_out = fd;
    return CMT_OK;
}

cmt_status cmt_dir_owner(int dir_fd, const char *path, cmt_file_owner *out, cmt_error *err)
{
    struct stat st;
    if (fstat(dir_fd, &st) != 0)
        return cmt_error_set(err, CMT_IO, "stat %s: %s", path, strerror(errno));
    *out = (cmt_file_owner){st.st_uid, st.st_gid, st.st_mode & 0777};
    return CMT_OK;
}

bool cmt_dir_has_gone(int dir_fd)
{
    struct stat st;
    return fstat(dir_fd, &st) == 0 && st.st_nlink == 0;
}

cmt_status cmt_dir_sync(int dir_fd, const char *path, cmt_error *err)
{
    if (fsync(dir_fd) != 0)
        return fail(err, "fsync directory", path);
    return CMT_OK;
}

cmt_status cmt_file_open_at(int dir_fd, const char *name, int *fd_out, cmt_error *err)
{
    int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 && errno == ENOENT)
        return CMT_NOT_FOUND;
    if (fd < 0)
        return fail(err, "open", name);
    *fd_out = fd;
    return CMT_OK;
}

cmt_status cmt_file_size(int fd, const char *name, uint64_t *size, cmt_error *err)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return fail(err, "stat", name);
    if (!S_ISREG(st.st_mode))
        return cmt_error_set(err, CMT_UNSUPPORTED, "%s is not a regular file", name);
    *size = (uint64_t)st.st_size;
    return CMT_OK;
}

cmt_status cmt_file_read_at(int fd, const char *name, uint64_t offset, uint8_t *data, size_t size,
                            cmt_error *err)
{
    size_t done = 0;
    while (done < size) {
        ssize_t n = pread(fd, data + done, size - done, (off_t)(offset + done));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return fail(err, "read", name);
        if (n == 0)
            return cmt_error_set(
                err, CMT_CORRUPT, "%s ends at byte %llu, but bytes up to %llu are needed", name,
                (unsigned long long)(offset + done), (unsigned long long)(offset + size));
        done += (size_t)n;
    }
    return CMT_OK;
}

cmt_status cmt_file_read_small_at(int dir_fd, const char *name, uint64_t limit, cmt_buf *out,
                                  cmt_error *err)
{
    CMT_AUTO(cmt_fd_close) int fd = -1;
    CMT_TRY(cmt_file_open_at(dir_fd, name, &fd, err));
    uint64_t size;
    CMT_TRY(cmt_file_size(fd, name, &size, err));
    if (size > limit)
        return cmt_error_set(err, CMT_UNSUPPORTED, "%s has %llu bytes, more than the %llu expected",
                             name, (unsigned long long)size, (unsigned long long)limit);
    cmt_buf_clear(out);
    if (cmt_buf_reserve(out, (size_t)size + 1) != CMT_OK)
        return cmt_error_set(err, CMT_NO_MEMORY, "no memory to read %s", name);
    CMT_TRY(cmt_file_read_at(fd, name, 0, out->data, (size_t)size, err));
    out->size = (size_t)size;
    return CMT_OK;
}

cmt_status cmt_file_create_at(int dir_fd, const char *name, const cmt_file_owner *owner,
                              int *fd_out, cmt_error *err)
{
    int fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return fail(err, "create", name);
    cmt_status status = cmt_file_give(fd, name, owner, err);
    if (status != CMT_OK) {
        close(fd);
        unlinkat(dir_fd, name, 0);
        return status;
    }
    *fd_out = fd;
    return CMT_OK;
}

cmt_status cmt_file_give(int fd, const char *name, const cmt_file_owner *owner, cmt_error *err)
{
    struct stat st;
    bool same = fstat(fd, &st) == 0 && st.st_uid == owner->uid && st.st_gid == owner->gid;
    if ((!same && fchown(fd, owner->uid, owner->gid) != 0) || fchmod(fd, owner->mode & 0777) != 0)
        return fail(err, "give its owner to", name);
    return CMT_OK;
}

cmt_status cmt_file_link_at(int from_fd, int to_fd, const char *name, cmt_error *err)
{
    if (linkat(from_fd, name, to_fd, name, 0) == 0)
        return CMT_OK;
    if (errno == EPERM || errno == EOPNOTSUPP || errno == EMLINK || errno == EXDEV)
        return cmt_error_set(err, CMT_UNSUPPORTED,
                             "cannot give %s a second name: %s; this needs a file system with hard "
                             "links, and the user who owns the database",
                             name, strerror(errno));
    return fail(err, "link", name);
}

cmt_status cmt_file_write(int fd, const char *name, const uint8_t *data, size_t size,
                          cmt_error *err)
{
    while (size > 0) {
        ssize_t n = write(fd, data, size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return fail(err, "write", name);
        data += n;
        size -= (size_t)n;
    }
    return CMT_OK;
}

cmt_status cmt_file_sync(int fd, const char *name, cmt_error *err)
{
    if (fsync(fd) != 0)
        return fail(err, "fsync", name);
    return CMT_OK;
}

cmt_status cmt_file_write_new_at(int dir_fd, const char *name, const cmt_file_owner *owner,
                                 cmt_slice contents, cmt_error *err)
{
    CMT_AUTO(cmt_fd_close) int fd = -1;
    CMT_TRY(cmt_file_create_at(dir_fd, name, owner, &fd, err));
    CMT_TRY(cmt_file_write(fd, name, contents.data, contents.size, err));
    return cmt_file_sync(fd, name, err);
}
