/* SPDX-License-Identifier: Apache-2.0
 *
 * Making a home.  The first file in it says who made it, so that a run that was cut off can be taken up again, and
 * nobody else's home is taken for one of ours.
 */
#include "new_home.h"

#include "home.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_LIMIT ((off_t)1 << 30)

static cmt_status failed(const char *what, const char *path, cmt_error *err)
{
    int error_number = errno;
    cmt_status status = error_number == ENOSPC || error_number == EDQUOT ? CMT_NO_SPACE : CMT_IO;
    return cmt_error_set(err, status, "%s %.300s: %s", what, path, strerror(error_number));
}

/* ---- files ----------------------------------------------------------------------------------- */

static cmt_status read_open_file(int fd, const char *path, cmt_buf *out, cmt_error *err)
{
    struct stat st;
    cmt_buf_clear(out);
    if (fstat(fd, &st) != 0)
        return failed("stat", path, err);
    if (!S_ISREG(st.st_mode) || st.st_size > FILE_LIMIT)
        return cmt_error_set(err, CMT_INVALID, "%.300s is no file of at most 1 GiB", path);
    if (cmt_buf_reserve(out, (size_t)st.st_size + 1) != CMT_OK)
        return cmt_error_set(err, CMT_NO_MEMORY, "no memory to read %.300s", path);
    for (;;) {
        ssize_t n = read(fd, out->data + out->size, (size_t)st.st_size - out->size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return failed("read", path, err);
        out->size += (size_t)n;
        if (n == 0)
            return CMT_OK;
    }
}

cmt_status cmd_read_file(const char *path, cmt_buf *out, cmt_error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return CMT_NOT_FOUND;
    if (fd < 0)
        return failed("open", path, err);
    cmt_status status = read_open_file(fd, path, out, err);
    close(fd);
    return status;
}

static cmt_status write_all(int fd, const char *path, cmt_slice contents, cmt_error *err)
{
    size_t done = 0;
    while (done < contents.size) {
        ssize_t n = write(fd, contents.data + done, contents.size - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return failed("write", path, err);
        done += (size_t)n;
    }
    return fsync(fd) == 0 ? CMT_OK : failed("sync", path, err);
}

static cmt_status sync_directory(const char *path, cmt_error *err)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return failed("open", path, err);
    cmt_status status = fsync(fd) == 0 ? CMT_OK : failed("sync", path, err);
    close(fd);
    return status;
}

/* Whole or not at all. */
static cmt_status write_file(const char *directory, const char *name, cmt_slice contents,
                             cmt_error *err)
{
    char path[PATH_MAX];
    char fresh[PATH_MAX];
    CMT_TRY(cmd_join(path, directory, name, err));
    if (snprintf(fresh, sizeof fresh, "%s.new", path) >= (int)sizeof fresh)
        return cmt_error_set(err, CMT_INVALID, "the path %.200s is too long", path);
    int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0)
        return failed("create", fresh, err);
    cmt_status status = write_all(fd, fresh, contents, err);
    close(fd);
    CMT_TRY(status);
    if (rename(fresh, path) != 0)
        return failed("rename", fresh, err);
    return sync_directory(directory, err);
}

/* ---- directories ----------------------------------------------------------------------------- */

static cmt_status make_directory(const char *path, cmt_error *err)
{
    if (mkdir(path, 0755) != 0 && errno != EEXIST)
        return failed("make the directory", path, err);
    return CMT_OK;
}

static cmt_status is_empty(const char *path, bool *empty, cmt_error *err)
{
    *empty = false;
    DIR *dir = opendir(path);
    if (dir == NULL)
        return failed("list", path, err);
    *empty = true;
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            *empty = false;
    closedir(dir);
    return CMT_OK;
}

static cmt_status check_place(const char *marker, const char *maker, bool may_go_on,
                              cmd_new_home *out, cmt_error *err)
{
    bool empty;
    CMT_TRY(is_empty(out->home, &empty, err));
    if (empty)
        return CMT_OK;
    out->goes_on = may_go_on && access(marker, F_OK) == 0;
    if (out->goes_on)
        return CMT_OK;
    return cmt_error_set(err, CMT_UNSUPPORTED,
                         "%.300s is not empty; %s makes a home and wants a directory that is empty "
                         "or not there",
                         out->home, maker);
}

cmt_status cmd_new_home_make(const char *path, const char *maker, bool may_go_on, cmd_new_home *out,
                             cmt_error *err)
{
    char name[32];
    char marker[PATH_MAX];
    char text[160];
    char directory[PATH_MAX];
    out->goes_on = false;
    CMT_TRY(make_directory(path, err));
    if (realpath(path, out->home) == NULL)
        return failed("find", path, err);
    snprintf(name, sizeof name, ".cmtstore-%s", maker);
    CMT_TRY(cmd_join(marker, out->home, name, err));
    CMT_TRY(check_place(marker, maker, may_go_on, out, err));
    int size = snprintf(text, sizeof text, "This home was made by cmtstore %s.\n", maker);
    if (!out->goes_on)
        CMT_TRY(write_file(out->home, name, (cmt_slice){(const uint8_t *)text, (size_t)size}, err));
    CMT_TRY(cmd_join(directory, out->home, "config", err));
    CMT_TRY(make_directory(directory, err));
    CMT_TRY(cmd_join(directory, out->home, "data", err));
    CMT_TRY(make_directory(directory, err));
    CMT_TRY(cmd_join(out->blockstore, directory, "blockstore.db", err));
    CMT_TRY(cmd_join(out->state, directory, "state.db", err));
    return sync_directory(out->home, err);
}

/* ---- what is in it --------------------------------------------------------------------------- */

cmt_status cmd_new_home_write(const cmd_new_home *home, const char *name, cmt_slice contents,
                              cmt_error *err)
{
    char directory[PATH_MAX];
    char path[PATH_MAX];
    cmt_buf there = CMT_BUF_INIT;
    CMT_TRY(cmd_join(directory, home->home, "config", err));
    CMT_TRY(cmd_join(path, directory, name, err));
    cmt_status status = cmd_read_file(path, &there, err);
    bool same = status == CMT_OK && cmt_slice_equal(cmt_buf_slice(&there), contents);
    cmt_buf_free(&there);
    if (status == CMT_NOT_FOUND)
        return write_file(directory, name, contents, err);
    CMT_TRY(status);
    if (same)
        return CMT_OK;
    return cmt_error_set(err, CMT_UNSUPPORTED,
                         "%.300s was made with other options, or from another source; "
                         "give the same, or another directory",
                         path);
}

cmt_status cmd_new_home_configure(const cmd_new_home *home, const cmd_new_config *config,
                                  cmt_error *err)
{
    char text[512];
    int size =
        snprintf(text, sizeof text,
                 "# Made by cmtstore. CometBFT has its defaults for all that is not said.\n"
                 "db_backend = \"%s\"\n"
                 "db_dir = \"data\"\n"
                 "\n"
                 "[storage]\n"
                 "discard_abci_responses = %s\n",
                 cmt_engine_name(config->engine), config->discard_results ? "true" : "false");
    if (config->release == CMT_RELEASE_1_0)
        size += snprintf(text + size, sizeof text - (size_t)size,
                         "experimental_db_key_layout = \"%s\"\n",
                         config->layout == CMT_KEY_LAYOUT_V2 ? "v2" : "v1");
    return cmd_new_home_write(home, "config.toml", (cmt_slice){(const uint8_t *)text, (size_t)size},
                              err);
}

cmt_status cmd_new_home_engine(const char *name, cmt_engine *out, cmt_error *err)
{
    *out = name != NULL ? cmt_engine_from_name(name) : CMT_ENGINE_GOLEVELDB;
    switch (*out) {
    case CMT_ENGINE_GOLEVELDB:
    case CMT_ENGINE_CLEVELDB:
    case CMT_ENGINE_ROCKSDB:
        return CMT_OK;
    case CMT_ENGINE_PEBBLEDB:
    case CMT_ENGINE_BADGERDB:
    case CMT_ENGINE_BOLTDB:
        return cmt_error_set(err, CMT_UNSUPPORTED,
                             "a home with %s cannot be made here; --db-backend goleveldb, cleveldb "
                             "and rocksdb can",
                             name);
    case CMT_ENGINE_NONE:
    case CMT_ENGINE_UNKNOWN:
        break;
    }
    return cmt_error_set(err, CMT_INVALID,
                         "--db-backend wants goleveldb, cleveldb or rocksdb, not \"%.64s\"", name);
}
