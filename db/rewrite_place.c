/* SPDX-License-Identifier: Apache-2.0
 *
 * Where a rewrite works, and what it leaves: made, held, emptied.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "parent.h"
#include "rewrite_internal.h"

#define ROOT "rewrite"
#define ATTEMPTS 10

/* ---- finding and holding ------------------------------------------------------------------------ */

cmt_status cmt_db__place_find(const char *dir, cmt_db__place *place, cmt_error *err)
{
    const char *name;
    *place = (cmt_db__place){.parent_fd = -1, .cmtstore_fd = -1, .root_fd = -1, .home_fd = -1};
    CMT_TRY(cmt_db__parent_find(dir, &place->parent, &name, &place->owner, &place->parent_fd, err));
    int length = snprintf(place->old_name, sizeof place->old_name, "%s.old", name);
    if (length < 5 || (size_t)length >= sizeof place->old_name)
        return cmt_error_set(err, CMT_INVALID, "the name of %s is too short or too long", dir);
    snprintf(place->name, sizeof place->name, "%s", name);
    return CMT_OK;
}

static void let_go(cmt_db__place *place)
{
    cmt_fd_close(&place->home_fd);
    cmt_fd_close(&place->root_fd);
    cmt_fd_close(&place->cmtstore_fd);
}

/* False: somebody removed the directory between making and holding. */
static cmt_status try_hold(cmt_db__place *place, bool *held, cmt_error *err)
{
    CMT_TRY(cmt_dir_make_at(place->parent_fd, "cmtstore", &place->owner, &place->cmtstore_fd, err));
    CMT_TRY(cmt_dir_make_at(place->cmtstore_fd, ROOT, &place->owner, &place->root_fd, err));
    CMT_TRY(cmt_dir_make_at(place->root_fd, place->name, &place->owner, &place->home_fd, err));
    if (flock(place->home_fd, LOCK_EX | LOCK_NB) != 0)
        return cmt_error_set(err, CMT_BUSY, "%s/%s is being written anew already", place->parent,
                             place->name);
    *held = !cmt_dir_has_gone(place->home_fd);
    return CMT_OK;
}

cmt_status cmt_db__place_hold(cmt_db__place *place, cmt_error *err)
{
    for (int attempt = 1;; attempt++) {
        bool held = false;
        cmt_status st = try_hold(place, &held, err);
        if (st == CMT_OK && held)
            return CMT_OK;
        let_go(place);
        if (st == CMT_BUSY || (st != CMT_OK && attempt == ATTEMPTS))
            return st;
        if (attempt == ATTEMPTS)
            return cmt_error_set(err, CMT_IO, "cannot hold %s/cmtstore/" ROOT "/%s", place->parent,
                                 place->name);
    }
}

void cmt_db__place_release(cmt_db__place *place)
{
    if (place->home_fd >= 0) {
        unlinkat(place->root_fd, place->name, AT_REMOVEDIR);
        unlinkat(place->cmtstore_fd, ROOT, AT_REMOVEDIR);
        unlinkat(place->parent_fd, "cmtstore", AT_REMOVEDIR);
    }
    let_go(place);
    cmt_fd_close(&place->parent_fd);
    free(place->parent);
    place->parent = NULL;
}

char *cmt_db__place_copy_path(const cmt_db__place *place)
{
    char *path = NULL;
    return asprintf(&path, "%s/cmtstore/" ROOT "/%s/" CMT_DB__COPY, place->parent, place->name) < 0
               ? NULL
               : path;
}

/* Two directories, to see whether the file system exchanges such. */
static const char *const trials[] = {"a", "b"};

static void remove_trials(const cmt_db__place *place)
{
    for (size_t i = 0; i < 2; i++)
        unlinkat(place->home_fd, trials[i], AT_REMOVEDIR);
}

/* ---- may it be exchanged ------------------------------------------------------------------------- */

cmt_status cmt_db__place_check(const cmt_db__place *place, cmt_error *err)
{
    struct stat parent;
    struct stat dir;
    CMT_AUTO(cmt_fd_close) int a_fd = -1;
    CMT_AUTO(cmt_fd_close) int b_fd = -1;
    if (fstat(place->parent_fd, &parent) != 0 ||
        fstatat(place->parent_fd, place->name, &dir, AT_SYMLINK_NOFOLLOW) != 0)
        return cmt_error_set(err, CMT_IO, "stat %s/%s: %s", place->parent, place->name,
                             strerror(errno));
    if (parent.st_dev != dir.st_dev)
        return cmt_error_set(err, CMT_UNSUPPORTED,
                             "%s/%s is a mount point and cannot be exchanged; nothing was changed",
                             place->parent, place->name);
    cmt_status st = cmt_dir_make_at(place->home_fd, trials[0], &place->owner, &a_fd, err);
    if (st == CMT_OK)
        st = cmt_dir_make_at(place->home_fd, trials[1], &place->owner, &b_fd, err);
    if (st == CMT_OK &&
        renameat2(place->home_fd, trials[0], place->home_fd, trials[1], RENAME_EXCHANGE) != 0)
        st = cmt_error_set(
            err, errno == EINVAL || errno == ENOSYS ? CMT_UNSUPPORTED : cmt_status_of_errno(errno),
            "exchange two directories in %s/cmtstore: %s; nothing was changed", place->parent,
            strerror(errno));
    remove_trials(place);
    return st;
}

/* ---- removing ------------------------------------------------------------------------------------ */

typedef cmt_status (*entry_fn)(void *context, int dir_fd, const char *name, cmt_error *err);

static cmt_status each_entry(int parent_fd, const char *name, entry_fn on_entry, void *context,
                             cmt_error *err)
{
    CMT_AUTO(cmt_fd_close)
    int fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return errno == ENOENT
                   ? CMT_OK
                   : cmt_error_set(err, CMT_IO, "open directory %s: %s", name, strerror(errno));
    DIR *dir;
    CMT_TRY(cmt_dir_list(fd, name, &dir, err));
    cmt_status st = CMT_OK;
    struct dirent *entry;
    while (st == CMT_OK && (entry = readdir(dir)) != NULL)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            st = on_entry(context, fd, entry->d_name, err);
    closedir(dir);
    return st;
}

static cmt_status remove_file(void *context, int dir_fd, const char *name, cmt_error *err)
{
    (void)context;
    if (unlinkat(dir_fd, name, 0) == 0 || errno == ENOENT)
        return CMT_OK;
    return cmt_error_set(err, CMT_IO, "remove %s: %s", name, strerror(errno));
}

static cmt_status remove_directory(int parent_fd, const char *name, entry_fn on_entry,
                                   cmt_error *err)
{
    CMT_TRY(each_entry(parent_fd, name, on_entry, NULL, err));
    if (unlinkat(parent_fd, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
        return CMT_OK;
    return cmt_error_set(err, CMT_IO, "remove %s: %s", name, strerror(errno));
}

/* RocksDB keeps directories of plain files in its own. */
static cmt_status remove_entry(void *context, int dir_fd, const char *name, cmt_error *err)
{
    if (unlinkat(dir_fd, name, 0) == 0 || errno == ENOENT)
        return CMT_OK;
    if (errno != EISDIR)
        return remove_file(context, dir_fd, name, err);
    return remove_directory(dir_fd, name, remove_file, err);
}

static bool exists(int dir_fd, const char *name)
{
    return faccessat(dir_fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static cmt_status move(const cmt_db__place *place, int from_fd, const char *from, int to_fd,
                       const char *to, cmt_error *err)
{
    if (renameat2(from_fd, from, to_fd, to, RENAME_NOREPLACE) != 0)
        return cmt_error_set(err, cmt_status_of_errno(errno), "move %s in %s: %s", from,
                             place->parent, strerror(errno));
    return cmt_dir_sync(place->parent_fd, place->parent, err);
}

/* What goes is given another name first: half of it must never be taken for a backup. */
static cmt_status throw_away(const cmt_db__place *place, int from_fd, const char *name,
                             cmt_error *err)
{
    CMT_TRY(remove_directory(place->home_fd, CMT_DB__GONE, remove_entry, err));
    if (!exists(from_fd, name))
        return CMT_OK;
    CMT_TRY(move(place, from_fd, name, place->home_fd, CMT_DB__GONE, err));
    return remove_directory(place->home_fd, CMT_DB__GONE, remove_entry, err);
}

cmt_status cmt_db__place_empty(cmt_db__place *place, cmt_error *err)
{
    remove_trials(place);
    CMT_TRY(throw_away(place, place->home_fd, CMT_DB__COPY, err));
    if (exists(place->home_fd, CMT_DB__PREVIOUS) && !exists(place->parent_fd, place->old_name))
        return move(place, place->home_fd, CMT_DB__PREVIOUS, place->parent_fd, place->old_name,
                    err);
    return throw_away(place, place->home_fd, CMT_DB__PREVIOUS, err);
}

/* ---- for whoever looks after a database ----------------------------------------------------------- */

static cmt_status add_bytes(void *context, int dir_fd, const char *name, cmt_error *err)
{
    (void)err;
    struct stat st;
    if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode))
        *(uint64_t *)context += (uint64_t)st.st_size;
    return CMT_OK;
}

static int64_t ns_of(const struct timespec *time)
{
    return (int64_t)time->tv_sec * 1000000000 + time->tv_nsec;
}

static cmt_status find(const cmt_db__place *place, cmt_db_rewrite_left *out, cmt_error *err)
{
    struct stat st;
    char home[NAME_MAX + 64];
    *out = (cmt_db_rewrite_left){0};
    if (fstatat(place->parent_fd, place->old_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
        S_ISDIR(st.st_mode)) {
        out->has_backup = true;
        out->backup_since_ns = ns_of(&st.st_mtim);
        CMT_TRY(each_entry(place->parent_fd, place->old_name, add_bytes, &out->backup_bytes, err));
    }
    static const char *const parts[] = {CMT_DB__COPY, CMT_DB__PREVIOUS, CMT_DB__GONE};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        snprintf(home, sizeof home, "cmtstore/" ROOT "/%s/%s", place->name, parts[i]);
        out->has_copy |= exists(place->parent_fd, home);
        CMT_TRY(each_entry(place->parent_fd, home, add_bytes, &out->copy_bytes, err));
    }
    return CMT_OK;
}

cmt_status cmt_db_rewrite_find(const char *dir, cmt_db_rewrite_left *out, cmt_error *err)
{
    CMT_AUTO(cmt_db__place_release) cmt_db__place place;
    cmt_db_rewrite_left left;
    CMT_TRY(cmt_db__place_find(dir, &place, err));
    CMT_TRY(find(&place, &left, err));
    *out = left;
    return CMT_OK;
}

cmt_status cmt_db_rewrite_clean(const char *dir, bool *removed, cmt_error *err)
{
    CMT_AUTO(cmt_db__place_release) cmt_db__place place;
    char home[NAME_MAX + 64];
    if (removed != NULL)
        *removed = false;
    CMT_TRY(cmt_db__place_find(dir, &place, err));
    snprintf(home, sizeof home, "cmtstore/" ROOT "/%s", place.name);
    if (!exists(place.parent_fd, home)) {
        unlinkat(place.parent_fd, "cmtstore/" ROOT, AT_REMOVEDIR); /* if it is empty */
        return CMT_OK;
    }
    CMT_TRY(cmt_db__place_hold(&place, err));
    CMT_TRY(cmt_db__place_empty(&place, err));
    if (removed != NULL)
        *removed = true;
    return CMT_OK;
}

void cmt_db__rewrite_discard(const char *dir, const cmt_logger *logger)
{
    bool removed = false;
    cmt_error err = CMT_ERROR_INIT;
    if (cmt_db_rewrite_clean(dir, &removed, &err) != CMT_OK)
        cmt_log(logger, CMT_LOG_WARN, "what a rewrite left could not be removed  db=%s err=%s", dir,
                err.message);
    else if (removed)
        cmt_log(logger, CMT_LOG_INFO, "removed what a rewrite left  db=%s", dir);
}

static cmt_status remove_backup(cmt_db__place *place, cmt_error *err)
{
    char path[PATH_MAX];
    cmt_db_lock *lock;
    if (snprintf(path, sizeof path, "%s/%s", place->parent, place->old_name) >= PATH_MAX)
        return cmt_error_set(err, CMT_INVALID, "the path of %s is too long", place->old_name);
    CMT_TRY(cmt_db__place_hold(place, err));
    CMT_TRY(cmt_db__place_empty(place, err));
    if (!exists(place->parent_fd, place->old_name))
        return CMT_OK;
    CMT_TRY(cmt_db_lock_take(path, &lock, err));
    cmt_status st = throw_away(place, place->parent_fd, place->old_name, err);
    cmt_db_lock_release(lock);
    return st;
}

cmt_status cmt_db_rewrite_confirm(const char *dir, cmt_error *err)
{
    CMT_AUTO(cmt_db__place_release) cmt_db__place place;
    CMT_TRY(cmt_db__place_find(dir, &place, err));
    return exists(place.parent_fd, place.old_name) ? remove_backup(&place, err) : CMT_OK;
}

cmt_status cmt_db_rewrite_expire(const char *dir, int64_t keep_ns, int64_t now_ns, bool *removed,
                                 cmt_error *err)
{
    CMT_AUTO(cmt_db__place_release) cmt_db__place place;
    struct stat st;
    if (removed != NULL)
        *removed = false;
    CMT_TRY(cmt_db__place_find(dir, &place, err));
    if (fstatat(place.parent_fd, place.old_name, &st, AT_SYMLINK_NOFOLLOW) != 0 ||
        !S_ISDIR(st.st_mode))
        return CMT_OK;
    int64_t since = ns_of(&st.st_mtim);
    if (since <= now_ns && now_ns - since < keep_ns)
        return CMT_OK;
    CMT_TRY(remove_backup(&place, err));
    if (removed != NULL)
        *removed = true;
    return CMT_OK;
}
