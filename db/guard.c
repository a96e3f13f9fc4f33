/* SPDX-License-Identifier: Apache-2.0
 *
 * Checks before an engine opens, and what is put right behind it.
 */
#include "guard.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "detect.h"
#include "lock.h"

static bool is_leveldb(cmt_engine engine)
{
    return engine == CMT_ENGINE_GOLEVELDB || engine == CMT_ENGINE_CLEVELDB;
}

static cmt_status check_engine(const char *dir, cmt_engine wanted, cmt_engine found,
                               const cmt_error *seen, cmt_error *err)
{
    if (found == wanted || (is_leveldb(wanted) && is_leveldb(found)))
        return CMT_OK;
    if (found == CMT_ENGINE_UNKNOWN)
        return cmt_error_set(err, CMT_UNSUPPORTED, "%s; nothing was changed", seen->message);
    return cmt_error_set(err, CMT_UNSUPPORTED,
                         "%s is a %s database and is not opened as %s; nothing was changed", dir,
                         cmt_engine_name(found), cmt_engine_name(wanted));
}

/* Make the directory of a new database; it and its files get the owner and mode of the parent. */
static cmt_status create_directory(const char *dir, cmt_error *err)
{
    char *copy = strdup(dir);
    char *copy2 = strdup(dir);
    CMT_AUTO(cmt_fd_close) int parent_fd = -1;
    CMT_AUTO(cmt_fd_close) int made_fd = -1;
    struct stat st;
    cmt_status status = copy == NULL || copy2 == NULL
                            ? cmt_error_set(err, CMT_NO_MEMORY, "no memory for a path")
                            : cmt_dir_open(dirname(copy), &parent_fd, err);
    if (status == CMT_OK && fstat(parent_fd, &st) != 0)
        status = cmt_error_set(err, CMT_IO, "stat %s: %s", copy, strerror(errno));
    if (status == CMT_OK) {
        cmt_file_owner owner = {st.st_uid, st.st_gid, st.st_mode & 0777};
        status = cmt_dir_make_at(parent_fd, basename(copy2), &owner, &made_fd, err);
    }
    if (status == CMT_OK)
        status = cmt_dir_sync(parent_fd, copy, err);
    free(copy);
    free(copy2);
    return status;
}

static cmt_status detect(const char *dir, const cmt_db_open_options *options, bool *created,
                         cmt_error *err)
{
    cmt_engine found = CMT_ENGINE_NONE;
    cmt_error seen = CMT_ERROR_INIT;
    cmt_status st = cmt_db__detect_directory(dir, &found, &seen);
    bool absent = st == CMT_NOT_FOUND;
    if (st != CMT_OK && !absent)
        return cmt_error_set(err, st, "%s", seen.message);
    *created = absent || found == CMT_ENGINE_NONE;
    if (!*created)
        return check_engine(dir, options->engine, found, &seen, err);
    if (!options->create || options->read_only)
        return cmt_error_set(err, CMT_NOT_FOUND, "no database: %s", seen.message);
    return absent ? create_directory(dir, err) : CMT_OK;
}

static cmt_status read_owner(cmt_db__guard *guard, cmt_error *err)
{
    struct stat st;
    if (fstatat(guard->dir_fd, "CURRENT", &st, AT_SYMLINK_NOFOLLOW) != 0 &&
        fstat(guard->dir_fd, &st) != 0)
        return cmt_error_set(err, CMT_IO, "stat %s: %s", guard->dir, strerror(errno));
    guard->owner = (cmt_file_owner){st.st_uid, st.st_gid, st.st_mode & 0666};
    clock_gettime(CLOCK_REALTIME_COARSE, &guard->since); /* the clock that file times come from */
    return CMT_OK;
}

static cmt_status guard_open(const char *dir, const cmt_db_open_options *options,
                             cmt_db__guard *guard, cmt_error *err)
{
    guard->dir = strdup(dir);
    if (guard->dir == NULL)
        return cmt_error_set(err, CMT_NO_MEMORY, "no memory for a path");
    CMT_TRY(detect(dir, options, &guard->created, err));
    CMT_TRY(cmt_dir_open(dir, &guard->dir_fd, err));
    /* Asked before the lock, which may have to make its file, and again under it. */
    if (is_leveldb(options->engine))
        CMT_TRY(cmt_db__check_no_pending_current(guard->dir_fd, dir, err));
    if (options->read_only)
        return CMT_OK;
    CMT_TRY(read_owner(guard, err));
    CMT_TRY(cmt_db__lock_take_for_engine(dir, &guard->lock, err));
    return is_leveldb(options->engine) ? cmt_db__check_no_pending_current(guard->dir_fd, dir, err)
                                       : CMT_OK;
}

cmt_status cmt_db__guard_open(const char *dir, const cmt_db_open_options *options,
                              cmt_db__guard *out, cmt_error *err)
{
    *out = (cmt_db__guard){.dir_fd = -1, .logger = options->logger};
    cmt_status st = guard_open(dir, options, out, err);
    if (st != CMT_OK)
        cmt_db__guard_close(out);
    return st;
}

cmt_status cmt_db__guard_clone(const char *dir, const cmt_db_open_options *options,
                               cmt_db__guard *out, cmt_error *err)
{
    *out = (cmt_db__guard){.dir_fd = -1, .logger = options->logger};
    out->dir = strdup(dir);
    cmt_status st = out->dir == NULL ? cmt_error_set(err, CMT_NO_MEMORY, "no memory for a path")
                                     : cmt_dir_open(dir, &out->dir_fd, err);
    if (st != CMT_OK)
        cmt_db__guard_close(out);
    return st;
}

void cmt_db__guard_swap(cmt_db__guard *a, cmt_db__guard *b)
{
    cmt_db_lock *lock = a->lock;
    int dir_fd = a->dir_fd;
    a->lock = b->lock;
    a->dir_fd = b->dir_fd;
    b->lock = lock;
    b->dir_fd = dir_fd;
}

void cmt_db__guard_close(cmt_db__guard *guard)
{
    cmt_db_lock_release(guard->lock);
    guard->lock = NULL;
    cmt_fd_close(&guard->dir_fd);
    free(guard->dir);
    guard->dir = NULL;
}

/* ---- owners --------------------------------------------------------------------------------- */

/* Did the engine, running as us, write this file?  Run as root beside a database of somebody else's, every
 * file of root's is ours, also one that a killed run left; otherwise the time of the last change tells. */
static bool is_ours(const cmt_db__guard *guard, const struct stat *st)
{
    if (!S_ISREG(st->st_mode) || st->st_uid != geteuid())
        return false;
    if (guard->owner.uid != geteuid())
        return true;
    return st->st_mtim.tv_sec > guard->since.tv_sec ||
           (st->st_mtim.tv_sec == guard->since.tv_sec &&
            st->st_mtim.tv_nsec >= guard->since.tv_nsec);
}

static cmt_status restore_one(const cmt_db__guard *guard, const char *name, bool *changed,
                              cmt_error *err)
{
    const cmt_file_owner *owner = &guard->owner;
    struct stat st;
    if (fstatat(guard->dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0 || !is_ours(guard, &st))
        return CMT_OK; /* the engine may have removed it just now */
    bool other = st.st_uid != owner->uid || st.st_gid != owner->gid;
    if (!other && (st.st_mode & 0777) == owner->mode)
        return CMT_OK;
    if ((other &&
         fchownat(guard->dir_fd, name, owner->uid, owner->gid, AT_SYMLINK_NOFOLLOW) != 0) ||
        fchmodat(guard->dir_fd, name, owner->mode, 0) != 0) {
        if (errno == ENOENT)
            return CMT_OK;
        return cmt_error_set(err, CMT_IO, "give its owner to %s/%s: %s", guard->dir, name,
                             strerror(errno));
    }
    *changed = true;
    return CMT_OK;
}

cmt_status cmt_db__guard_restore_owner(const cmt_db__guard *guard, cmt_error *err)
{
    DIR *dir;
    CMT_TRY(cmt_dir_list(guard->dir_fd, guard->dir, &dir, err));
    unsigned files = 0;
    cmt_status st = CMT_OK;
    struct dirent *entry;
    while (st == CMT_OK && (entry = readdir(dir)) != NULL) {
        bool changed = false;
        st = restore_one(guard, entry->d_name, &changed, err);
        files += changed;
    }
    closedir(dir);
    if (files > 0)
        cmt_log(
            guard->logger, CMT_LOG_DEBUG,
            "gave files the owner and mode of the database  db=%s files=%u uid=%u gid=%u mode=%o",
            guard->dir, files, (unsigned)guard->owner.uid, (unsigned)guard->owner.gid,
            (unsigned)guard->owner.mode);
    return st;
}

cmt_status cmt_db__guard_logs(const cmt_db__guard *guard, uint64_t *bytes, uint64_t *newest,
                              cmt_error *err)
{
    DIR *dir;
    CMT_TRY(cmt_dir_list(guard->dir_fd, guard->dir, &dir, err));
    *bytes = 0;
    *newest = 0;
    struct dirent *entry;
    while ((entry = readdir(dir)) != NULL) {
        char *end;
        struct stat st;
        unsigned long long number = strtoull(entry->d_name, &end, 10);
        if (end == entry->d_name || strcmp(end, ".log") != 0 ||
            fstatat(guard->dir_fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0)
            continue;
        *bytes += (uint64_t)st.st_size;
        if (number > *newest)
            *newest = number;
    }
    closedir(dir);
    return CMT_OK;
}

/* ---- limits and messages --------------------------------------------------------------------- */

/* Left to everything else in the process; and two databases are usually open side by side. */
#define OTHER_FILES 96
#define MOST_FILES 4096
#define FEWEST_FILES 74 /* LevelDB takes no less */

int cmt_db__open_files(const cmt_db_open_options *options)
{
    if (options->max_open_files > 0)
        return options->max_open_files;
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY)
        return MOST_FILES;
    rlim_t each = limit.rlim_cur > OTHER_FILES ? (limit.rlim_cur - OTHER_FILES) / 2 : 0;
    if (each < FEWEST_FILES)
        return FEWEST_FILES;
    return each > MOST_FILES ? MOST_FILES : (int)each;
}

static const struct {
    const char *text;
    cmt_status status;
} meanings[] = {
    {"No space left on device", CMT_NO_SPACE},
    {"Disk quota exceeded", CMT_NO_SPACE},
    {"Resource temporarily unavailable", CMT_BUSY}, /* of the record lock on LOCK */
    {"already held by process", CMT_BUSY},
    {"lock hold by current process", CMT_BUSY},
    {"unknown tag", CMT_UNSUPPORTED}, /* in a MANIFEST; RocksDB calls that corruption */
    {"Corruption:", CMT_CORRUPT},
    {"Not implemented:", CMT_UNSUPPORTED},
    {"Invalid argument:", CMT_UNSUPPORTED},
};

cmt_status cmt_db__engine_failed(const char *message, const char *what, const char *dir,
                                 cmt_error *err)
{
    cmt_status status = CMT_IO;
    for (size_t i = 0; i < sizeof meanings / sizeof meanings[0]; i++)
        if (strstr(message, meanings[i].text) != NULL) {
            status = meanings[i].status;
            break;
        }
    if (status == CMT_BUSY)
        return cmt_error_set(
            err, status, "%s is in use: a node or another tool has it open; stop it and try again",
            dir);
    return cmt_error_set(err, status, "%s %s: %s", what, dir, message);
}
