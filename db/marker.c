/* SPDX-License-Identifier: Apache-2.0
 *
 * The marker of an open C++ LevelDB.
 */
#include "marker.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "parent.h"

/* Where the marker of a database lies. */
typedef struct marker_place {
    char *resolved; /* the directory around the database */
    char name[300]; /* of the marker */
    int parent_fd;
    cmt_file_owner owner; /* of the database's directory */
} marker_place;

static void place_close(marker_place *place)
{
    free(place->resolved);
    cmt_fd_close(&place->parent_fd);
}

static cmt_status place_find(const char *dir, marker_place *place, cmt_error *err)
{
    const char *name;
    CMT_TRY(
        cmt_db__parent_find(dir, &place->resolved, &name, &place->owner, &place->parent_fd, err));
    int length = snprintf(place->name, sizeof place->name, "leveldb-open-%s", name);
    if (length < 0 || (size_t)length >= sizeof place->name)
        return cmt_error_set(err, CMT_INVALID, "the name of %s is too long", dir);
    return CMT_OK;
}

/* Another database's last marker may go, and the directory with it, between two steps. */
#define ATTEMPTS 10

static cmt_status create_marker(const marker_place *place, cmt_error *err)
{
    for (int attempt = 1;; attempt++) {
        CMT_AUTO(cmt_fd_close) int home_fd = -1;
        cmt_file_owner file = place->owner;
        file.mode &= 0666;
        CMT_TRY(cmt_dir_make_at(place->parent_fd, "cmtstore", &place->owner, &home_fd, err));
        if (faccessat(home_fd, place->name, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
            return cmt_dir_sync(home_fd, "cmtstore", err);
        cmt_status st =
            cmt_file_write_new_at(home_fd, place->name, &file, (cmt_slice){NULL, 0}, err);
        if (st == CMT_OK)
            st = cmt_dir_sync(home_fd, "cmtstore", err);
        if (st == CMT_OK || attempt == ATTEMPTS)
            return st;
    }
}

cmt_status cmt_db__marker_set(const char *dir, cmt_error *err)
{
    CMT_AUTO(place_close) marker_place place;
    CMT_TRY(place_find(dir, &place, err));
    CMT_TRY(create_marker(&place, err));
    return cmt_dir_sync(place.parent_fd, place.resolved, err);
}

cmt_status cmt_db__marker_clear(const char *dir, cmt_error *err)
{
    CMT_AUTO(place_close) marker_place place;
    CMT_AUTO(cmt_fd_close) int home_fd = -1;
    CMT_TRY(place_find(dir, &place, err));
    home_fd = openat(place.parent_fd, "cmtstore", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (home_fd < 0 && errno == ENOENT)
        return CMT_OK;
    if (home_fd < 0 || (unlinkat(home_fd, place.name, 0) != 0 && errno != ENOENT))
        return cmt_error_set(err, CMT_IO, "remove %s/cmtstore/%s: %s", place.resolved, place.name,
                             strerror(errno));
    if (unlinkat(place.parent_fd, "cmtstore", AT_REMOVEDIR) == 0)
        return cmt_dir_sync(place.parent_fd, place.resolved, err);
    return cmt_dir_sync(home_fd, "cmtstore", err);
}

cmt_status cmt_db_needs_heal(const char *dir, bool *needed, cmt_error *err)
{
    CMT_AUTO(place_close) marker_place place;
    CMT_TRY(place_find(dir, &place, err));
    char path[sizeof place.name + 16];
    snprintf(path, sizeof path, "cmtstore/%s", place.name);
    if (faccessat(place.parent_fd, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0) {
        *needed = true;
        return CMT_OK;
    }
    if (errno != ENOENT && errno != ENOTDIR)
        return cmt_error_set(err, CMT_IO, "look for %s/%s: %s", place.resolved, path,
                             strerror(errno));
    *needed = false;
    return CMT_OK;
}
