/* SPDX-License-Identifier: Apache-2.0
 *
 * Everything numbered that the state in force does not name leaves the directory: after a commit what it
 * made obsolete, otherwise what a crash left behind, ours or an engine's.
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

/* What the state in force names: after the commit the new one, else the old one. */
typedef struct names {
    uint64_t *tables; /* sorted */
    size_t table_count;
    uint64_t log_number;
    uint64_t prev_log_number;
    const char *manifest;
} names;

static cmt_status names_in_force(const cmt_lsm_edit *edit, names *out, cmt_error *err)
{
    bool committed = edit->stage == CMT_LSM_COMMITTED;
    const cmt_lsm__version *old = &edit->view->version;
    const cmt_lsm__table_meta *tables = committed ? edit->new_tables : old->tables;
    out->table_count = committed ? edit->new_count : old->count;
    out->log_number = committed ? edit->log_number : old->log_number;
    out->prev_log_number = committed ? 0 : old->prev_log_number;
    out->manifest = committed ? edit->manifest : edit->view->manifest_name;
    out->tables = malloc((out->table_count + 1) * sizeof *out->tables);
    if (out->tables == NULL)
        return cmt_lsm__no_memory(err);
    for (size_t i = 0; i < out->table_count; i++)
        out->tables[i] = tables[i].number;
    if (out->table_count > 0)
        qsort(out->tables, out->table_count, sizeof *out->tables, compare_numbers);
    return CMT_OK;
}

static bool obsolete(const names *live, const cmt_lsm__file *file)
{
    switch (file->kind) {
    case CMT_LSM_FILE_TABLE_LDB:
    case CMT_LSM_FILE_TABLE_SST:
        return live->table_count == 0 || bsearch(&file->number, live->tables, live->table_count,
                                                 sizeof *live->tables, compare_numbers) == NULL;
    case CMT_LSM_FILE_LOG:
        return file->number < live->log_number &&
               (live->prev_log_number == 0 || file->number != live->prev_log_number);
    case CMT_LSM_FILE_MANIFEST:
        return strcmp(file->name, live->manifest) != 0;
    case CMT_LSM_FILE_TEMP:
        return true;
    case CMT_LSM_FILE_CURRENT:
    case CMT_LSM_FILE_CURRENT_PENDING:
    case CMT_LSM_FILE_OPTIONS:
    case CMT_LSM_FILE_IDENTITY:
    case CMT_LSM_FILE_FOREIGN_ENGINE:
    case CMT_LSM_FILE_OTHER:
        return false;
    }
    return false;
}

static cmt_status move_all(const cmt_lsm_edit *edit, const cmt_lsm__listing *listing,
                           const names *live, cmt_lsm_trash *trash, cmt_lsm_retired *out,
                           cmt_error *err)
{
    CMT_AUTO(cmt_fd_close) int trash_fd = -1;
    int dir_fd = edit->view->dir_fd;
    bool first = true;
    for (size_t i = 0; i < listing->count; i++) {
        const cmt_lsm__file *file = &listing->files[i];
        if (!obsolete(live, file))
            continue;
        /* Without a trash directory (read-only parent, say) files are unlinked where they are. */
        if (first && trash != NULL &&
            cmt_lsm__trash_database(trash, edit->view->path, &trash_fd, err) != CMT_OK)
            trash_fd = -1;
        first = false;
        bool gone = (trash_fd >= 0 && renameat(dir_fd, file->name, trash_fd, file->name) == 0) ||
                    unlinkat(dir_fd, file->name, 0) == 0 || errno == ENOENT;
        out->removed += gone;
        out->left_behind += !gone;
    }
    if (out->removed == 0)
        return CMT_OK;
    CMT_TRY(cmt_dir_sync(dir_fd, edit->view->path, err));
    return trash_fd >= 0 ? cmt_dir_sync(trash_fd, "the trash directory", err) : CMT_OK;
}

cmt_status cmt_lsm_edit_retire(cmt_lsm_edit *edit, cmt_lsm_trash *trash, cmt_lsm_retired *out,
                               cmt_error *err)
{
    *out = (cmt_lsm_retired){0};
    if (edit->stage == CMT_LSM_PREPARED || edit->observe)
        return cmt_error_set(err, CMT_INVALID, "retire an edit that is committed, or has no work");
    names live = {0};
    cmt_lsm__listing listing;
    CMT_TRY(names_in_force(edit, &live, err));
    cmt_status st = cmt_lsm__list(edit->view->dir_fd, edit->view->path, &listing, err);
    if (st == CMT_OK) {
        st = move_all(edit, &listing, &live, trash, out, err);
        cmt_lsm__listing_free(&listing);
    }
    free(live.tables);
    return st;
}

/* pebble keeps its last MANIFEST but one, and logs to write over; a table that nothing names it does not. */
static bool is_sign_in_pebble(const names *live, const cmt_lsm__file *file, uint64_t in_force)
{
    if (file->kind == CMT_LSM_FILE_MANIFEST)
        return file->number > in_force;
    return file->kind != CMT_LSM_FILE_LOG && obsolete(live, file);
}

static bool is_sign(const names *live, const cmt_lsm__file *file)
{
    return file->kind == CMT_LSM_FILE_TEMP ||
           (file->kind == CMT_LSM_FILE_MANIFEST && obsolete(live, file));
}

/* The files are sorted by kind: an old MANIFEST is the last to go but for temporary files. */
bool cmt_lsm_edit_was_interrupted(cmt_lsm_edit *edit)
{
    cmt_lsm__listing listing;
    names live = {0};
    uint64_t in_force;
    unsigned signs = 0;
    if (names_in_force(edit, &live, NULL) != CMT_OK)
        return false;
    cmt_lsm__classify(live.manifest, &in_force);
    if (cmt_lsm__list(edit->view->dir_fd, edit->view->path, &listing, NULL) == CMT_OK) {
        for (size_t i = 0; i < listing.count; i++)
            signs += edit->view->dialect.pebble
                         ? is_sign_in_pebble(&live, &listing.files[i], in_force)
                         : is_sign(&live, &listing.files[i]);
        cmt_lsm__listing_free(&listing);
    }
    free(live.tables);
    return signs > 0;
}
