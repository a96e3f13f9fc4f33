/* SPDX-License-Identifier: Apache-2.0
 *
 * After the commit: everything numbered that the new state does not name leaves the directory.
 * LOG, LOG.old, LOCK and CURRENT.bak stay; goleveldb reads CURRENT.bak only when CURRENT is unusable.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cleanup.h"
#include "edit_internal.h"
#include "trash_internal.h"

static int compare_numbers(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static bool obsolete(const cmt_lsm_edit *edit, const cmt_lsm__file *file, const uint64_t *live,
                     size_t live_count)
{
    switch (file->kind) {
    case CMT_LSM_FILE_TABLE_LDB:
    case CMT_LSM_FILE_TABLE_SST:
        return live_count == 0 ||
               bsearch(&file->number, live, live_count, sizeof *live, compare_numbers) == NULL;
    case CMT_LSM_FILE_LOG:
        return file->number < edit->log_number;
    case CMT_LSM_FILE_MANIFEST:
        return strcmp(file->name, edit->manifest) != 0;
    case CMT_LSM_FILE_TEMP:
        return true;
    case CMT_LSM_FILE_CURRENT:
    case CMT_LSM_FILE_CURRENT_PENDING:
    case CMT_LSM_FILE_FOREIGN_ENGINE:
    case CMT_LSM_FILE_OTHER:
        return false;
    }
    return false;
}

static uint64_t move_all(const cmt_lsm_edit *edit, const cmt_lsm__listing *listing,
                         const uint64_t *live, size_t live_count, int trash_fd)
{
    int dir_fd = edit->view->dir_fd;
    uint64_t left_behind = 0;
    for (size_t i = 0; i < listing->count; i++) {
        const cmt_lsm__file *file = &listing->files[i];
        if (!obsolete(edit, file, live, live_count))
            continue;
        if (trash_fd >= 0 && renameat(dir_fd, file->name, trash_fd, file->name) == 0)
            continue;
        if (unlinkat(dir_fd, file->name, 0) != 0 && errno != ENOENT)
            left_behind++;
    }
    return left_behind;
}

cmt_status cmt_lsm_edit_retire(cmt_lsm_edit *edit, cmt_lsm_trash *trash, uint64_t *left_behind,
                               cmt_error *err)
{
    CMT_AUTO(cmt_fd_close) int trash_fd = -1;
    cmt_lsm__listing listing;
    *left_behind = 0;
    if (edit->stage != CMT_LSM_COMMITTED)
        return cmt_error_set(err, CMT_INVALID, "retire an edit that is committed");
    /* Without a trash directory (read-only parent, say) files are unlinked where they are. */
    if (trash != NULL && cmt_lsm__trash_database(trash, edit->view->path, &trash_fd, err) != CMT_OK)
        trash_fd = -1;
    uint64_t *live = malloc((edit->new_count + 1) * sizeof *live);
    if (live == NULL)
        return cmt_lsm__no_memory(err);
    for (size_t i = 0; i < edit->new_count; i++)
        live[i] = edit->new_tables[i].number;
    if (edit->new_count > 0)
        qsort(live, edit->new_count, sizeof *live, compare_numbers);
    cmt_status st = cmt_lsm__list(edit->view->dir_fd, edit->view->path, &listing, err);
    if (st == CMT_OK) {
        *left_behind = move_all(edit, &listing, live, edit->new_count, trash_fd);
        cmt_lsm__listing_free(&listing);
        st = cmt_dir_sync(edit->view->dir_fd, edit->view->path, err);
    }
    if (st == CMT_OK && trash_fd >= 0)
        st = cmt_dir_sync(trash_fd, "the trash directory", err);
    free(live);
    return st;
}
