/* SPDX-License-Identifier: Apache-2.0
 *
 * The trash: where obsolete files wait to be unlinked after the node may start.
 *
 *   <parent of the database>/cmtstore/trash/<run>/<database>/<file>
 *
 * A run holds <run> by flock.  One that nobody holds was left by a killed run; the next adopts it.  Clones that
 * an engine works on lie in work/ beside trash/ and are handled alike.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "clock.h"
#include "trash_internal.h"

#define PATH_SIZE 4096

/* ---- paths ---------------------------------------------------------------------------------- */

/* The parent of the resolved database directory. */
static cmt_status resolve_parent(const char *db_dir, char parent[PATH_SIZE], cmt_error *err)
{
    char *resolved = realpath(db_dir, NULL);
    if (resolved == NULL)
        return cmt_error_set(err, CMT_IO, "resolve %s: %s", db_dir, strerror(errno));
    char *slash = strrchr(resolved, '/');
    if (slash == resolved)
        slash++;
    *slash = '\0';
    int n = snprintf(parent, PATH_SIZE, "%s", resolved);
    free(resolved);
    if (n >= PATH_SIZE)
        return cmt_error_set(err, CMT_INVALID, "the path of %s is too long", db_dir);
    return CMT_OK;
}

/* ---- opening -------------------------------------------------------------------------------- */

static cmt_status open_parents(cmt_lsm_trash *trash, const char *db_dir, cmt_error *err)
{
    char parent[PATH_SIZE];
    struct stat st;
    CMT_TRY(resolve_parent(db_dir, parent, err));
    if (stat(db_dir, &st) != 0)
        return cmt_error_set(err, CMT_IO, "stat %s: %s", db_dir, strerror(errno));
    trash->owner = (cmt_file_owner){st.st_uid, st.st_gid, st.st_mode & 0777};
    trash->path = strdup(parent);
    if (trash->path == NULL)
        return cmt_lsm__no_memory(err);
    CMT_TRY(cmt_dir_open(parent, &trash->parent_fd, err));
    CMT_TRY(cmt_dir_make_at(trash->parent_fd, "cmtstore", &trash->owner, &trash->home_fd, err));
    return cmt_dir_make_at(trash->home_fd, trash->kind, &trash->owner, &trash->root_fd, err);
}

/* Make a run directory and hold it.  Between making and holding, another run may take it for
 * abandoned and remove it: then make the next. */
static cmt_status make_run(cmt_lsm_trash *trash, cmt_error *err)
{
    for (unsigned attempt = 0; attempt < 100; attempt++) {
        struct stat st;
        snprintf(trash->run, sizeof trash->run, "%lld-%llx-%u", (long long)getpid(),
                 (unsigned long long)cmt_clock_ns(), attempt);
        CMT_TRY(cmt_dir_make_at(trash->root_fd, trash->run, &trash->owner, &trash->run_fd, err));
        if (flock(trash->run_fd, LOCK_EX | LOCK_NB) == 0 && fstat(trash->run_fd, &st) == 0 &&
            st.st_nlink > 0)
            return CMT_OK;
        cmt_fd_close(&trash->run_fd);
    }
    return cmt_error_set(err, CMT_IO, "cannot hold a directory in %s/cmtstore/%s", trash->path,
                         trash->kind);
}

static const char *const kinds[] = {"trash", "work"};
#define KINDS (sizeof kinds / sizeof kinds[0])

static cmt_status open_run(const char *db_dir, const char *kind, cmt_lsm_trash **out,
                           cmt_error *err)
{
    *out = NULL;
    cmt_lsm_trash *trash = calloc(1, sizeof *trash);
    if (trash == NULL)
        return cmt_lsm__no_memory(err);
    trash->kind = kind;
    trash->parent_fd = trash->home_fd = trash->root_fd = trash->run_fd = -1;
    cmt_status st = open_parents(trash, db_dir, err);
    if (st == CMT_OK)
        st = make_run(trash, err);
    if (st != CMT_OK) {
        cmt_lsm_trash_close(trash);
        return st;
    }
    *out = trash;
    return CMT_OK;
}

cmt_status cmt_lsm_trash_open(const char *db_dir, cmt_lsm_trash **out, cmt_error *err)
{
    return open_run(db_dir, kinds[0], out, err);
}

cmt_status cmt_lsm_work_open(const char *db_dir, cmt_lsm_trash **out, cmt_error *err)
{
    return open_run(db_dir, kinds[1], out, err);
}

/* Remove the directories as far as they are empty; others may use them at the same time. */
static void remove_directories(cmt_lsm_trash *trash)
{
    if (trash->run_fd >= 0)
        unlinkat(trash->root_fd, trash->run, AT_REMOVEDIR);
    for (size_t i = 0; i < KINDS && trash->home_fd >= 0; i++)
        unlinkat(trash->home_fd, kinds[i], AT_REMOVEDIR);
    if (trash->home_fd >= 0)
        unlinkat(trash->parent_fd, "cmtstore", AT_REMOVEDIR);
}

void cmt_lsm_trash_close(cmt_lsm_trash *trash)
{
    if (trash == NULL)
        return;
    remove_directories(trash);
    cmt_fd_close(&trash->run_fd);
    cmt_fd_close(&trash->root_fd);
    cmt_fd_close(&trash->home_fd);
    cmt_fd_close(&trash->parent_fd);
    free(trash->path);
    free(trash);
}

/* What a database's directory is called in a run's. */
static cmt_status name_of(const char *db_dir, char name[NAME_MAX + 1], cmt_error *err)
{
    char *resolved = realpath(db_dir, NULL);
    if (resolved == NULL)
        return cmt_error_set(err, CMT_IO, "resolve %s: %s", db_dir, strerror(errno));
    const char *last = strrchr(resolved, '/') + 1;
    snprintf(name, NAME_MAX + 1, "%s", *last != '\0' ? last : "root");
    free(resolved);
    return CMT_OK;
}

cmt_status cmt_lsm__trash_database(cmt_lsm_trash *trash, const char *db_dir, int *fd_out,
                                   cmt_error *err)
{
    char name[NAME_MAX + 1];
    CMT_TRY(name_of(db_dir, name, err));
    return cmt_dir_make_at(trash->run_fd, name, &trash->owner, fd_out, err);
}

cmt_status cmt_lsm__trash_database_path(const cmt_lsm_trash *trash, const char *db_dir,
                                        cmt_buf *out, cmt_error *err)
{
    char name[NAME_MAX + 1];
    CMT_TRY(name_of(db_dir, name, err));
    const char *const parts[] = {trash->path, "/cmtstore/", trash->kind, "/",
                                 trash->run,  "/",          name};
    cmt_buf_clear(out);
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        if (cmt_buf_append(out, parts[i], strlen(parts[i])) != CMT_OK)
            return cmt_lsm__no_memory(err);
    return cmt_buf_append(out, "", 1) == CMT_OK ? CMT_OK : cmt_lsm__no_memory(err);
}

/* ---- walking -------------------------------------------------------------------------------- */

typedef cmt_status (*entry_fn)(void *context, int dir_fd, const char *name, cmt_error *err);

static cmt_status each_entry(int parent_fd, const char *name, entry_fn on_entry, void *context,
                             cmt_error *err)
{
    int fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return errno == ENOENT || errno == ENOTDIR
                   ? CMT_OK
                   : cmt_error_set(err, CMT_IO, "open directory %s: %s", name, strerror(errno));
    DIR *dir = fdopendir(fd);
    if (dir == NULL) {
        close(fd);
        return cmt_lsm__no_memory(err);
    }
    cmt_status st = CMT_OK;
    struct dirent *entry;
    while (st == CMT_OK && (entry = readdir(dir)) != NULL)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            st = on_entry(context, dirfd(dir), entry->d_name, err);
    closedir(dir);
    return st;
}

static cmt_status add_bytes(void *context, int dir_fd, const char *name, cmt_error *err)
{
    (void)err;
    struct stat st;
    if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) &&
        st.st_nlink == 1) /* else it has another name, and takes nothing up here */
        *(uint64_t *)context += (uint64_t)st.st_size;
    return CMT_OK;
}

static cmt_status add_database_bytes(void *context, int dir_fd, const char *name, cmt_error *err)
{
    return each_entry(dir_fd, name, add_bytes, context, err);
}

static cmt_status add_run_bytes(void *context, int dir_fd, const char *name, cmt_error *err)
{
    return each_entry(dir_fd, name, add_database_bytes, context, err);
}

cmt_status cmt_lsm_trash_bytes(const char *db_dir, uint64_t *bytes, cmt_error *err)
{
    char parent[PATH_SIZE];
    char path[PATH_SIZE + 32];
    *bytes = 0;
    CMT_TRY(resolve_parent(db_dir, parent, err));
    for (size_t i = 0; i < KINDS; i++) {
        snprintf(path, sizeof path, "%s/cmtstore/%s", parent, kinds[i]);
        CMT_TRY(each_entry(AT_FDCWD, path, add_run_bytes, bytes, err));
    }
    return CMT_OK;
}

bool cmt_lsm_trash_exists(const char *db_dir)
{
    char parent[PATH_SIZE];
    char path[PATH_SIZE + 32];
    bool found = false;
    if (resolve_parent(db_dir, parent, NULL) != CMT_OK)
        return false;
    for (size_t i = 0; i < KINDS && !found; i++) {
        snprintf(path, sizeof path, "%s/cmtstore/%s", parent, kinds[i]);
        found = access(path, F_OK) == 0;
    }
    return found;
}

/* ---- emptying ------------------------------------------------------------------------------- */

typedef struct victim {
    int dir_fd; /* owned by the list of directories */
    char name[CMT_LSM_NAME_MAX];
} victim;

typedef struct cleaner {
    victim *victims;
    size_t count;
    size_t capacity;
    int *dirs; /* open directories of the victims */
    char (*dir_names)[NAME_MAX + 1];
    size_t dir_count;
    size_t next;   /* atomic */
    size_t done;   /* atomic */
    size_t failed; /* atomic */
} cleaner;

static cmt_status collect_file(void *context, int dir_fd, const char *name, cmt_error *err)
{
    cleaner *c = context;
    (void)dir_fd;
    if (strlen(name) >= CMT_LSM_NAME_MAX)
        return CMT_OK; /* nothing that we put there */
    if (c->count == c->capacity) {
        size_t capacity = c->capacity * 2 + 256;
        victim *victims = realloc(c->victims, capacity * sizeof *victims);
        if (victims == NULL)
            return cmt_lsm__no_memory(err);
        c->victims = victims;
        c->capacity = capacity;
    }
    victim *v = &c->victims[c->count++];
    v->dir_fd = c->dirs[c->dir_count - 1];
    snprintf(v->name, sizeof v->name, "%s", name);
    return CMT_OK;
}

static cmt_status collect_directory(void *context, int dir_fd, const char *name, cmt_error *err)
{
    cleaner *c = context;
    int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return CMT_OK;
    int *dirs = realloc(c->dirs, (c->dir_count + 1) * sizeof *dirs);
    if (dirs != NULL)
        c->dirs = dirs;
    char(*names)[NAME_MAX + 1] = realloc(c->dir_names, (c->dir_count + 1) * sizeof *names);
    if (names != NULL)
        c->dir_names = names;
    if (dirs == NULL || names == NULL) {
        close(fd);
        return cmt_lsm__no_memory(err);
    }
    snprintf(names[c->dir_count], sizeof names[0], "%s", name);
    dirs[c->dir_count++] = fd;
    return each_entry(dir_fd, name, collect_file, c, err);
}

static void *unlink_some(void *argument)
{
    cleaner *c = argument;
    for (;;) {
        size_t i = __atomic_fetch_add(&c->next, 1, __ATOMIC_RELAXED);
        if (i >= c->count)
            return NULL;
        if (unlinkat(c->victims[i].dir_fd, c->victims[i].name, 0) != 0 && errno != ENOENT)
            __atomic_fetch_add(&c->failed, 1, __ATOMIC_RELAXED);
        __atomic_fetch_add(&c->done, 1, __ATOMIC_RELAXED);
    }
}

/* Unlink everything collected; the calling thread reports and works on when the host does not care
 * for progress.  A wish to stop is not granted here: the work is done before it would be. */
static void unlink_all(cleaner *c, unsigned threads, const cmt_progress_hook *progress)
{
    pthread_t workers[64];
    unsigned started = 0;
    if (threads > 64)
        threads = 64;
    while (started < threads && c->count > 0 &&
           pthread_create(&workers[started], NULL, unlink_some, c) == 0)
        started++;
    if (started == 0)
        unlink_some(c);
    while (progress != NULL && progress->report != NULL && started > 0) {
        size_t done = __atomic_load_n(&c->done, __ATOMIC_RELAXED);
        cmt_progress report = {"unlink", "", done, c->count, false};
        progress->report(progress->context, &report);
        if (done >= c->count)
            break;
        struct timespec pause = {0, 20000000};
        nanosleep(&pause, NULL);
    }
    for (unsigned i = 0; i < started; i++)
        pthread_join(workers[i], NULL);
}

static cmt_status empty_run(int root_fd, const char *run, unsigned threads,
                            const cmt_progress_hook *progress, size_t *failed, cmt_error *err)
{
    cleaner c = {0};
    cmt_status st = each_entry(root_fd, run, collect_directory, &c, err);
    if (st == CMT_OK)
        unlink_all(&c, threads, progress);
    *failed += c.failed;
    int run_fd = openat(root_fd, run, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    for (size_t i = 0; i < c.dir_count; i++) {
        if (run_fd >= 0)
            unlinkat(run_fd, c.dir_names[i], AT_REMOVEDIR);
        close(c.dirs[i]);
    }
    cmt_fd_close(&run_fd);
    free(c.dirs);
    free(c.dir_names);
    free(c.victims);
    return st;
}

cmt_status cmt_lsm_trash_empty(cmt_lsm_trash *trash, unsigned threads,
                               const cmt_progress_hook *progress, cmt_error *err)
{
    size_t failed = 0;
    CMT_TRY(empty_run(trash->root_fd, trash->run, threads, progress, &failed, err));
    if (failed > 0)
        return cmt_error_set(err, CMT_IO, "%zu files in %s/cmtstore/%s/%s could not be removed",
                             failed, trash->path, trash->kind, trash->run);
    return CMT_OK;
}

/* ---- adopting what killed runs left --------------------------------------------------------- */

static cmt_status adopt_run(void *context, int root_fd, const char *name, cmt_error *err)
{
    cmt_lsm_trash *trash = context;
    (void)err;
    if (strcmp(name, trash->run) == 0)
        return CMT_OK;
    int fd = openat(root_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return CMT_OK;
    if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
        size_t failed = 0;
        cmt_error ignored;
        if (empty_run(root_fd, name, trash->adopt_threads, NULL, &failed, &ignored) == CMT_OK &&
            failed == 0)
            unlinkat(root_fd, name, AT_REMOVEDIR);
    }
    close(fd);
    return CMT_OK;
}

cmt_status cmt_lsm_trash_adopt(cmt_lsm_trash *trash, unsigned threads, cmt_error *err)
{
    trash->adopt_threads = threads;
    for (size_t i = 0; i < KINDS; i++)
        CMT_TRY(each_entry(trash->home_fd, kinds[i], adopt_run, trash, err));
    return CMT_OK;
}
