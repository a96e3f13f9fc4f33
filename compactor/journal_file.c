/* SPDX-License-Identifier: Apache-2.0
 *
 * The file of a journal: written beside, synced, and renamed into its place.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "journal.h"

#define HOME "cmtstore"
#define NAME "compactor.journal"
#define NEXT "compactor.journal.tmp"
#define ASIDE "compactor.journal.unreadable"

/* Who removes something else of ours may remove the directory, while it is empty, between two steps. */
#define ATTEMPTS 10

cmt_status cmt_compactor__journal_find(const char *data_dir, cmt_compactor__journal_place *out,
                                       cmt_error *err)
{
    *out = (cmt_compactor__journal_place){.dir_fd = -1};
    if (data_dir == NULL)
        return CMT_OK;
    CMT_TRY(cmt_dir_open(data_dir, &out->dir_fd, err));
    return cmt_dir_owner(out->dir_fd, data_dir, &out->owner, err);
}

void cmt_compactor__journal_leave(cmt_compactor__journal_place *place)
{
    cmt_fd_close(&place->dir_fd);
}

cmt_status cmt_compactor__journal_load(const cmt_compactor__journal_place *place, cmt_buf *out,
                                       cmt_error *err)
{
    CMT_AUTO(cmt_fd_close) int home_fd = -1;
    if (place->dir_fd < 0)
        return CMT_NOT_FOUND;
    home_fd = openat(place->dir_fd, HOME, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (home_fd < 0 && errno == ENOENT)
        return CMT_NOT_FOUND;
    if (home_fd < 0)
        return cmt_error_set(err, CMT_IO, "open directory %s: %s", HOME, strerror(errno));
    return cmt_file_read_small_at(home_fd, NAME, CMT_COMPACTOR__JOURNAL_BYTES, out, err);
}

/* ---- replacing it ---------------------------------------------------------------------------- */

static cmt_status move(int home_fd, const char *from, const char *to, cmt_error *err)
{
    if (renameat(home_fd, from, home_fd, to) == 0)
        return CMT_OK;
    return cmt_error_set(err, cmt_status_of_errno(errno), "rename %s to %s: %s", from, to,
                         strerror(errno));
}

/* What a process that was killed has left in the way. */
static void clear_away(int home_fd)
{
    unlinkat(home_fd, NEXT, 0);
}

static cmt_status write_next(const cmt_compactor__journal_place *place, cmt_slice file,
                             int *home_fd, cmt_error *err)
{
    cmt_file_owner owner = place->owner;
    owner.mode &= 0666;
    for (int attempt = 1;; attempt++) {
        CMT_TRY(cmt_dir_make_at(place->dir_fd, HOME, &place->owner, home_fd, err));
        clear_away(*home_fd);
        cmt_status st = cmt_file_write_new_at(*home_fd, NEXT, &owner, file, err);
        if (st == CMT_OK)
            return CMT_OK;
        clear_away(*home_fd);
        if (attempt == ATTEMPTS || !cmt_dir_has_gone(*home_fd))
            return st;
        cmt_fd_close(home_fd);
    }
}

cmt_status cmt_compactor__journal_store(cmt_compactor__journal_place *place, cmt_slice file,
                                        cmt_error *err)
{
    CMT_AUTO(cmt_fd_close) int home_fd = -1;
    if (place->dir_fd < 0)
        return CMT_OK;
    CMT_TRY(write_next(place, file, &home_fd, err));
    if (place->unreadable) {
        CMT_TRY(move(home_fd, NAME, ASIDE, err));
        place->unreadable = false;
    }
    CMT_TRY(move(home_fd, NEXT, NAME, err));
    CMT_TRY(cmt_dir_sync(home_fd, HOME, err));
    if (!place->made)
        CMT_TRY(cmt_dir_sync(place->dir_fd, "the data directory", err));
    place->made = true;
    return CMT_OK;
}
