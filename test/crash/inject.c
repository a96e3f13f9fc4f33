/* SPDX-License-Identifier: Apache-2.0
 *
 * Preloaded into a program, counts its calls that change files under one directory, in all threads,
 * and at a chosen one kills it, stops it, or makes the call fail or write less than asked.
 *
 *   CMT_INJECT_ROOT    the directory
 *   CMT_INJECT_KIND    which calls count: all (default), write (those that need space or a working
 *                      disk), data (write and its kin only)
 *   CMT_INJECT_AT      the number of the call, from 1; absent: only count
 *   CMT_INJECT_ACTION  kill-before, kill-after, stop, fail, short
 *   CMT_INJECT_ERRNO   what a failing call sets, as a number
 *   CMT_INJECT_LOG     file that gets one line per counted call: number, call, path
 *
 * What a descriptor stands for is asked of the kernel each time, so nothing has to be tracked.
 * Calls that libc makes inside itself, as for stdio, are not seen.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

enum kind { KIND_OTHER, KIND_WRITE, KIND_DATA };
enum action {
    ACTION_COUNT,
    ACTION_KILL_BEFORE,
    ACTION_KILL_AFTER,
    ACTION_STOP,
    ACTION_FAIL,
    ACTION_SHORT
};
enum verdict { VERDICT_PASS, VERDICT_FAIL, VERDICT_SHORT, VERDICT_DIE };

static struct {
    pthread_once_t once;
    char root[PATH_MAX];
    size_t root_length; /* 0: nothing counts */
    enum kind least;
    enum action action;
    long at;
    int error_number;
    int log; /* descriptor, -1: none */
    atomic_long count;
} inject = {.once = PTHREAD_ONCE_INIT, .log = -1};

/* ---- the calls behind ours --------------------------------------------------------------- */

/* A slot per call, filled at its first use.  memcpy: ISO C has no cast from object to function. */
static void find_real(void *slot, const char *name)
{
    void *symbol = dlsym(RTLD_NEXT, name);
    if (symbol == NULL)
        abort();
    memcpy(slot, &symbol, sizeof symbol);
}

#define REAL(type, name, ...)                                                                      \
    static type (*real)(__VA_ARGS__);                                                              \
    if (real == NULL)                                                                              \
    find_real(&real, #name)

static int real_open(const char *path, int flags, mode_t mode)
{
    REAL(int, open, const char *, int, ...);
    return real(path, flags, mode);
}

static ssize_t real_write(int fd, const void *bytes, size_t size)
{
    REAL(ssize_t, write, int, const void *, size_t);
    return real(fd, bytes, size);
}

/* ---- what to do at which call ------------------------------------------------------------ */

static enum action action_from_name(const char *name)
{
    static const char *const names[] = {"count", "kill-before", "kill-after",
                                        "stop",  "fail",        "short"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(name, names[i]) == 0)
            return (enum action)i;
    abort();
}

static void configure(void)
{
    const char *root = getenv("CMT_INJECT_ROOT");
    if (root == NULL || realpath(root, inject.root) == NULL)
        return;
    const char *kind = getenv("CMT_INJECT_KIND");
    const char *action = getenv("CMT_INJECT_ACTION");
    const char *at = getenv("CMT_INJECT_AT");
    const char *error_number = getenv("CMT_INJECT_ERRNO");
    const char *log = getenv("CMT_INJECT_LOG");
    inject.least = kind == NULL || strcmp(kind, "all") == 0 ? KIND_OTHER
                   : strcmp(kind, "write") == 0             ? KIND_WRITE
                                                            : KIND_DATA;
    inject.at = at == NULL ? 0 : atol(at);
    inject.action = inject.at == 0 || action == NULL ? ACTION_COUNT : action_from_name(action);
    inject.error_number = error_number == NULL ? EIO : atoi(error_number);
    if (log != NULL)
        inject.log = real_open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    inject.root_length = strlen(inject.root);
}

/* The absolute path of @p path relative to @p dir_fd; an empty path is the descriptor itself. */
static void full_path(int dir_fd, const char *path, char out[2 * PATH_MAX])
{
    if (path[0] == '/') {
        snprintf(out, 2 * PATH_MAX, "%s", path);
        return;
    }
    char link[64];
    char base[PATH_MAX];
    if (dir_fd == AT_FDCWD)
        snprintf(link, sizeof link, "/proc/self/cwd");
    else
        snprintf(link, sizeof link, "/proc/self/fd/%d", dir_fd);
    ssize_t length = readlink(link, base, sizeof base - 1);
    base[length < 0 ? 0 : length] = '\0';
    snprintf(out, 2 * PATH_MAX, "%s%s%s", base, path[0] == '\0' ? "" : "/", path);
}

static void write_log(long number, const char *call, const char *path)
{
    char line[2 * PATH_MAX + 64];
    int length =
        snprintf(line, sizeof line, "%ld %s %s\n", number, call, path + inject.root_length);
    if (length > 0)
        (void)!real_write(inject.log, line, (size_t)length);
}

static void die(void)
{
    kill(getpid(), SIGKILL);
    for (;;)
        pause();
}

/* Count a call and say what becomes of it. */
static enum verdict judge(const char *call, enum kind kind, int dir_fd, const char *path)
{
    pthread_once(&inject.once, configure);
    if (inject.root_length == 0 || kind < inject.least)
        return VERDICT_PASS;
    int saved = errno;
    char full[2 * PATH_MAX];
    full_path(dir_fd, path, full);
    errno = saved;
    char next = full[strncmp(full, inject.root, inject.root_length) == 0 ? inject.root_length : 0];
    if (strncmp(full, inject.root, inject.root_length) != 0 || (next != '/' && next != '\0'))
        return VERDICT_PASS;
    long number = atomic_fetch_add(&inject.count, 1) + 1;
    if (inject.log >= 0)
        write_log(number, call, full);
    if (number != inject.at)
        return VERDICT_PASS;
    switch (inject.action) {
    case ACTION_COUNT:
        break;
    case ACTION_KILL_BEFORE:
        die();
        break;
    case ACTION_KILL_AFTER:
        return VERDICT_DIE;
    case ACTION_STOP:
        kill(getpid(), SIGSTOP);
        break;
    case ACTION_FAIL:
        return VERDICT_FAIL;
    case ACTION_SHORT:
        return VERDICT_SHORT;
    }
    return VERDICT_PASS;
}

/* ---- the interposed calls ---------------------------------------------------------------- */

/* One call: judged, made unless it is to fail, perhaps the last one. */
#define AROUND(type, call, kind, dir_fd, path, made)                                               \
    do {                                                                                           \
        enum verdict verdict = judge(call, kind, dir_fd, path);                                    \
        if (verdict == VERDICT_FAIL) {                                                             \
            errno = inject.error_number;                                                           \
            return -1;                                                                             \
        }                                                                                          \
        type result = made;                                                                        \
        if (verdict == VERDICT_DIE)                                                                \
            die();                                                                                 \
        return result;                                                                             \
    } while (0)

static bool makes(int flags)
{
    return (flags & (O_CREAT | O_TRUNC)) != 0 || (flags & O_TMPFILE) == O_TMPFILE;
}

static mode_t mode_argument(int flags, va_list arguments)
{
    return (flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE ? va_arg(arguments, mode_t)
                                                                      : 0;
}

#define OPEN(name, dir_fd, ...)                                                                    \
    va_list arguments;                                                                             \
    va_start(arguments, flags);                                                                    \
    mode_t mode = mode_argument(flags, arguments);                                                 \
    va_end(arguments);                                                                             \
    if (!makes(flags))                                                                             \
        return real(__VA_ARGS__, flags, mode);                                                     \
    AROUND(int, #name, KIND_WRITE, dir_fd, path, real(__VA_ARGS__, flags, mode))

int open(const char *path, int flags, ...)
{
    REAL(int, open, const char *, int, ...);
    OPEN(open, AT_FDCWD, path);
}

int open64(const char *path, int flags, ...)
{
    REAL(int, open64, const char *, int, ...);
    OPEN(open64, AT_FDCWD, path);
}

int openat(int dir_fd, const char *path, int flags, ...)
{
    REAL(int, openat, int, const char *, int, ...);
    OPEN(openat, dir_fd, dir_fd, path);
}

int openat64(int dir_fd, const char *path, int flags, ...)
{
    REAL(int, openat64, int, const char *, int, ...);
    OPEN(openat64, dir_fd, dir_fd, path);
}

/* Data: may also write less than asked. */
#define DATA(name, fd, made, made_short)                                                           \
    enum verdict verdict = judge(#name, KIND_DATA, fd, "");                                        \
    if (verdict == VERDICT_FAIL) {                                                                 \
        errno = inject.error_number;                                                               \
        return -1;                                                                                 \
    }                                                                                              \
    ssize_t result = verdict == VERDICT_SHORT ? (made_short) : (made);                             \
    if (verdict == VERDICT_DIE)                                                                    \
        die();                                                                                     \
    return result

static size_t less(size_t size)
{
    return size > 1 ? size / 2 : size;
}

ssize_t write(int fd, const void *bytes, size_t size)
{
    REAL(ssize_t, write, int, const void *, size_t);
    DATA(write, fd, real(fd, bytes, size), real(fd, bytes, less(size)));
}

ssize_t pwrite(int fd, const void *bytes, size_t size, off_t offset)
{
    REAL(ssize_t, pwrite, int, const void *, size_t, off_t);
    DATA(pwrite, fd, real(fd, bytes, size, offset), real(fd, bytes, less(size), offset));
}

ssize_t pwrite64(int fd, const void *bytes, size_t size, off64_t offset)
{
    REAL(ssize_t, pwrite64, int, const void *, size_t, off64_t);
    DATA(pwrite64, fd, real(fd, bytes, size, offset), real(fd, bytes, less(size), offset));
}

/* Half of the parts, or half of the only one. */
static ssize_t write_fewer(int fd, const struct iovec *parts, int count)
{
    REAL(ssize_t, writev, int, const struct iovec *, int);
    return count > 1 ? real(fd, parts, count / 2)
                     : real_write(fd, parts->iov_base, less(parts->iov_len));
}

ssize_t writev(int fd, const struct iovec *parts, int count)
{
    REAL(ssize_t, writev, int, const struct iovec *, int);
    DATA(writev, fd, real(fd, parts, count), write_fewer(fd, parts, count));
}

ssize_t copy_file_range(int in, off64_t *in_offset, int out, off64_t *out_offset, size_t size,
                        unsigned flags)
{
    REAL(ssize_t, copy_file_range, int, off64_t *, int, off64_t *, size_t, unsigned);
    DATA(copy_file_range, out, real(in, in_offset, out, out_offset, size, flags),
         real(in, in_offset, out, out_offset, less(size), flags));
}

int fsync(int fd)
{
    REAL(int, fsync, int);
    AROUND(int, "fsync", KIND_WRITE, fd, "", real(fd));
}

int fdatasync(int fd)
{
    REAL(int, fdatasync, int);
    AROUND(int, "fdatasync", KIND_WRITE, fd, "", real(fd));
}

int ftruncate(int fd, off_t size)
{
    REAL(int, ftruncate, int, off_t);
    AROUND(int, "ftruncate", KIND_WRITE, fd, "", real(fd, size));
}

int ftruncate64(int fd, off64_t size)
{
    REAL(int, ftruncate64, int, off64_t);
    AROUND(int, "ftruncate64", KIND_WRITE, fd, "", real(fd, size));
}

int fallocate(int fd, int mode, off_t offset, off_t size)
{
    REAL(int, fallocate, int, int, off_t, off_t);
    AROUND(int, "fallocate", KIND_WRITE, fd, "", real(fd, mode, offset, size));
}

int fallocate64(int fd, int mode, off64_t offset, off64_t size)
{
    REAL(int, fallocate64, int, int, off64_t, off64_t);
    AROUND(int, "fallocate64", KIND_WRITE, fd, "", real(fd, mode, offset, size));
}

/* Returns its error instead of setting errno. */
int posix_fallocate(int fd, off_t offset, off_t size)
{
    REAL(int, posix_fallocate, int, off_t, off_t);
    enum verdict verdict = judge("posix_fallocate", KIND_WRITE, fd, "");
    if (verdict == VERDICT_FAIL)
        return inject.error_number;
    int result = real(fd, offset, size);
    if (verdict == VERDICT_DIE)
        die();
    return result;
}

int rename(const char *from, const char *to)
{
    REAL(int, rename, const char *, const char *);
    AROUND(int, "rename", KIND_WRITE, AT_FDCWD, to, real(from, to));
}

int renameat(int from_fd, const char *from, int to_fd, const char *to)
{
    REAL(int, renameat, int, const char *, int, const char *);
    AROUND(int, "renameat", KIND_WRITE, to_fd, to, real(from_fd, from, to_fd, to));
}

int renameat2(int from_fd, const char *from, int to_fd, const char *to, unsigned flags)
{
    REAL(int, renameat2, int, const char *, int, const char *, unsigned);
    AROUND(int, "renameat2", KIND_WRITE, to_fd, to, real(from_fd, from, to_fd, to, flags));
}

int link(const char *from, const char *to)
{
    REAL(int, link, const char *, const char *);
    AROUND(int, "link", KIND_WRITE, AT_FDCWD, to, real(from, to));
}

int linkat(int from_fd, const char *from, int to_fd, const char *to, int flags)
{
    REAL(int, linkat, int, const char *, int, const char *, int);
    AROUND(int, "linkat", KIND_WRITE, to_fd, to, real(from_fd, from, to_fd, to, flags));
}

int mkdir(const char *path, mode_t mode)
{
    REAL(int, mkdir, const char *, mode_t);
    AROUND(int, "mkdir", KIND_WRITE, AT_FDCWD, path, real(path, mode));
}

int mkdirat(int dir_fd, const char *path, mode_t mode)
{
    REAL(int, mkdirat, int, const char *, mode_t);
    AROUND(int, "mkdirat", KIND_WRITE, dir_fd, path, real(dir_fd, path, mode));
}

int unlink(const char *path)
{
    REAL(int, unlink, const char *);
    AROUND(int, "unlink", KIND_OTHER, AT_FDCWD, path, real(path));
}

int unlinkat(int dir_fd, const char *path, int flags)
{
    REAL(int, unlinkat, int, const char *, int);
    AROUND(int, "unlinkat", KIND_OTHER, dir_fd, path, real(dir_fd, path, flags));
}

int remove(const char *path)
{
    REAL(int, remove, const char *);
    AROUND(int, "remove", KIND_OTHER, AT_FDCWD, path, real(path));
}

int rmdir(const char *path)
{
    REAL(int, rmdir, const char *);
    AROUND(int, "rmdir", KIND_OTHER, AT_FDCWD, path, real(path));
}

int fchmod(int fd, mode_t mode)
{
    REAL(int, fchmod, int, mode_t);
    AROUND(int, "fchmod", KIND_OTHER, fd, "", real(fd, mode));
}

int fchmodat(int dir_fd, const char *path, mode_t mode, int flags)
{
    REAL(int, fchmodat, int, const char *, mode_t, int);
    AROUND(int, "fchmodat", KIND_OTHER, dir_fd, path, real(dir_fd, path, mode, flags));
}

int fchown(int fd, uid_t owner, gid_t group)
{
    REAL(int, fchown, int, uid_t, gid_t);
    AROUND(int, "fchown", KIND_OTHER, fd, "", real(fd, owner, group));
}

int fchownat(int dir_fd, const char *path, uid_t owner, gid_t group, int flags)
{
    REAL(int, fchownat, int, const char *, uid_t, gid_t, int);
    AROUND(int, "fchownat", KIND_OTHER, dir_fd, path, real(dir_fd, path, owner, group, flags));
}
