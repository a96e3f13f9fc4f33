/* SPDX-License-Identifier: Apache-2.0
 *
 * Taking over what RocksDB made of a clone.
 *
 * pebble opens tables when it first needs them: whatever it would not read must be found now.  Of a table that was
 * there before, all but its level is as it was.  A new one is read through: its footer, its properties, the
 * checksum and compression of each block.  Nothing may stand in the clone's logs alone.
 */
#include <stdlib.h>

#include "cleanup.h"
#include "edit_internal.h"

typedef struct adoption {
    cmt_lsm_edit *edit;
    cmt_lsm__version made;           /* what the clone's MANIFEST says */
    const cmt_lsm__table_meta **old; /* the tables of before, by number */
    uint64_t first_new;              /* whatever has a lower number was there before */
    uint64_t bytes_done;
    uint64_t bytes_total;
} adoption;

static cmt_status bad(const adoption *a, cmt_status status, const char *what, uint64_t number,
                      cmt_error *err)
{
    return cmt_error_set(err, status,
                         "what RocksDB made of %s is not taken over (%s, file %06llu); nothing was "
                         "changed",
                         a->edit->view->path, what, (unsigned long long)number);
}

/* ---- the clone ------------------------------------------------------------------------------ */

static cmt_status read_manifest(adoption *a, cmt_error *err)
{
    CMT_AUTO(cmt_fd_close) int fd = -1;
    int dir_fd = a->edit->clone_fd;
    char name[CMT_LSM_NAME_MAX] = "";
    uint64_t number = 0;
    uint64_t size;
    cmt_status st = cmt_lsm__read_current(dir_fd, "CURRENT", name, &number, err);
    if (st == CMT_OK)
        st = cmt_file_open_at(dir_fd, name, &fd, err);
    if (st == CMT_NOT_FOUND)
        return bad(a, CMT_CORRUPT, "its MANIFEST is missing", number, err);
    CMT_TRY(st);
    CMT_TRY(cmt_file_size(fd, name, &size, err));
    CMT_TRY(cmt_lsm__version_read_rocksdb(fd, name, size, &a->made, err));
    for (size_t i = 0; i < a->made.count; i++) { /* from here on they are to be pebble's */
        a->made.tables[i].rocksdb = false;
        a->made.tables[i].custom = (cmt_slice){NULL, 0};
    }
    if (a->made.torn_tail)
        return bad(a, CMT_CORRUPT, "its MANIFEST is cut", number, err);
    if (a->made.last_sequence < a->edit->view->version.last_sequence ||
        a->made.last_sequence >= CMT_LSM_SEQUENCE_MAX)
        return bad(a, CMT_CORRUPT, "its sequence went back", number, err);
    return CMT_OK;
}

/* Numbers go on above all that RocksDB has used; its live logs must be empty. */
static cmt_status look_through(adoption *a, cmt_error *err)
{
    cmt_lsm__listing listing;
    uint64_t next = a->made.next_file_number;
    CMT_TRY(cmt_lsm__list(a->edit->clone_fd, a->edit->view->path, &listing, err));
    cmt_status st = CMT_OK;
    for (size_t i = 0; i < listing.count && st == CMT_OK; i++) {
        const cmt_lsm__file *file = &listing.files[i];
        CMT_AUTO(cmt_fd_close) int fd = -1;
        uint64_t size = 0;
        if (file->number >= next)
            next = file->number + 1;
        if (file->kind != CMT_LSM_FILE_LOG || file->number < a->made.log_number)
            continue;
        st = cmt_file_open_at(a->edit->clone_fd, file->name, &fd, err);
        if (st == CMT_OK)
            st = cmt_file_size(fd, file->name, &size, err);
        if (st == CMT_OK && size > 0)
            st = bad(a, CMT_CORRUPT, "something stands in its log alone", file->number, err);
    }
    cmt_lsm__listing_free(&listing);
    a->edit->next_number = next;
    return st;
}

/* ---- tables that were there ----------------------------------------------------------------- */

static int compare_numbers(const void *x, const void *y)
{
    uint64_t a = (*(const cmt_lsm__table_meta *const *)x)->number;
    uint64_t b = (*(const cmt_lsm__table_meta *const *)y)->number;
    return a < b ? -1 : a > b;
}

static cmt_status sort_old(adoption *a, cmt_error *err)
{
    const cmt_lsm__version *v = &a->edit->view->version;
    a->old = malloc((v->count + 1) * sizeof(const cmt_lsm__table_meta *));
    if (a->old == NULL)
        return cmt_lsm__no_memory(err);
    for (size_t i = 0; i < v->count; i++)
        a->old[i] = &v->tables[i];
    if (v->count > 0)
        qsort(a->old, v->count, sizeof(const cmt_lsm__table_meta *), compare_numbers);
    return CMT_OK;
}

static const cmt_lsm__table_meta *find_old(const adoption *a, const cmt_lsm__table_meta *table)
{
    size_t count = a->edit->view->version.count;
    if (count == 0)
        return NULL;
    const cmt_lsm__table_meta **found =
        bsearch(&table, a->old, count, sizeof(const cmt_lsm__table_meta *), compare_numbers);
    return found != NULL ? *found : NULL;
}

static cmt_status take_old(adoption *a, const cmt_lsm__table_meta *table,
                           const cmt_lsm__table_meta *old, cmt_error *err)
{
    cmt_lsm__table_meta kept = *old;
    if (table->size != old->size || !cmt_slice_equal(table->smallest, old->smallest))
        return bad(a, CMT_CORRUPT, "a table has changed", table->number, err);
    kept.level = table->level;
    a->edit->counts.tables_dropped--;
    return cmt_lsm__edit_keep_table(a->edit, &kept, err);
}

/* ---- tables that RocksDB made --------------------------------------------------------------- */

static cmt_status read_blocks(adoption *a, cmt_lsm__table *table, cmt_error *err)
{
    CMT_AUTO(cmt_lsm__cursor_free) cmt_lsm__cursor index = {0};
    cmt_lsm__cursor_set(&index, table->index);
    CMT_TRY(cmt_lsm__cursor_first(&index, err));
    while (index.valid) {
        cmt_lsm__handle handle;
        cmt_lsm__block *block;
        CMT_TRY(cmt_lsm__handle_decode(table, index.value, &handle, err));
        CMT_TRY(cmt_lsm__block_read(table, handle, &a->edit->view->cache.bytes_read, &block, err));
        cmt_lsm__block_release(block);
        CMT_TRY(cmt_lsm__cursor_next(&index, err));
    }
    a->bytes_done += table->meta->size;
    return cmt_lsm__edit_progress(a->edit, "verify", a->bytes_done, a->bytes_total, err);
}

/* Give the table its second name, and make a note of it first: undoing must know. */
static cmt_status link_back(cmt_lsm_edit *edit, const cmt_lsm__table *table, cmt_error *err)
{
    CMT_TRY(cmt_file_give(table->fd, table->name, &edit->owner, err));
    CMT_TRY(cmt_file_sync(table->fd, table->name, err));
    CMT_TRY(cmt_lsm__edit_note_written(edit, table->meta->number, err));
    CMT_TRY(cmt_file_link_at(edit->clone_fd, edit->view->dir_fd, table->name, err));
    edit->written[edit->written_count - 1].created = true;
    return CMT_OK;
}

static cmt_status take_new(adoption *a, const cmt_lsm__table_meta *table, cmt_error *err)
{
    cmt_lsm_edit *edit = a->edit;
    cmt_lsm__table *open;
    if (table->number < a->first_new)
        return bad(a, CMT_CORRUPT, "a table came from nowhere", table->number, err);
    if (table->largest_sequence > a->made.last_sequence)
        return bad(a, CMT_CORRUPT, "a sequence is above the last", table->number, err);
    CMT_TRY(cmt_lsm__table_open(edit->clone_fd, table, &edit->view->cache.bytes_read, &open, err));
    cmt_status st = read_blocks(a, open, err);
    if (st == CMT_OK)
        st = link_back(edit, open, err);
    cmt_lsm__table_release(open);
    CMT_TRY(st);
    cmt_lsm__table_meta made = *table;
    if (cmt_lsm__arena_copy(&edit->arena, table->smallest, &made.smallest) != CMT_OK ||
        cmt_lsm__arena_copy(&edit->arena, table->largest, &made.largest) != CMT_OK)
        return cmt_lsm__no_memory(err);
    edit->counts.tables_written++;
    edit->counts.bytes_written += table->size;
    return cmt_lsm__edit_keep_table(edit, &made, err);
}

static cmt_status take_tables(adoption *a, cmt_error *err)
{
    a->edit->counts.tables_dropped = a->edit->counts.tables_before;
    for (size_t i = 0; i < a->made.count; i++)
        if (find_old(a, &a->made.tables[i]) == NULL)
            a->bytes_total += a->made.tables[i].size;
    for (size_t i = 0; i < a->made.count; i++) {
        const cmt_lsm__table_meta *table = &a->made.tables[i];
        const cmt_lsm__table_meta *old = find_old(a, table);
        CMT_TRY(old != NULL ? take_old(a, table, old, err) : take_new(a, table, err));
    }
    return CMT_OK;
}

/* I5; and of level 0, whose tables come newest first, none that was there is newer than one that was made. */
static cmt_status check_levels(const adoption *a, cmt_error *err)
{
    const cmt_lsm_edit *edit = a->edit;
    size_t level_start[CMT_LSM_LEVELS + 1];
    CMT_TRY(cmt_lsm__tables_arrange(edit->new_tables, edit->new_count, level_start, err));
    for (size_t i = 1; i < level_start[1]; i++)
        if (edit->new_tables[i].number >= a->first_new &&
            edit->new_tables[i - 1].number < a->first_new)
            return bad(a, CMT_CORRUPT, "level 0 is out of order", edit->new_tables[i].number, err);
    return CMT_OK;
}

static cmt_status adopt(adoption *a, cmt_error *err)
{
    cmt_lsm_edit *edit = a->edit;
    CMT_TRY(read_manifest(a, err));
    CMT_TRY(look_through(a, err));
    CMT_TRY(sort_old(a, err));
    CMT_TRY(take_tables(a, err));
    CMT_TRY(cmt_dir_sync(edit->view->dir_fd, edit->view->path, err));
    CMT_TRY(check_levels(a, err));
    edit->sequence = a->made.last_sequence;
    return cmt_lsm__edit_write_manifest(edit, err);
}

cmt_status cmt_lsm_edit_adopt(cmt_lsm_edit *edit, cmt_error *err)
{
    if (edit->clone_fd < 0 || edit->stage > CMT_LSM_PLANNED)
        return cmt_error_set(err, CMT_INVALID, "adopt a clone that was made, once");
    cmt_error cause = CMT_ERROR_INIT;
    adoption a = {.edit = edit, .first_new = edit->next_number};
    edit->counts.bytes_after = 0;
    cmt_status st = adopt(&a, &cause);
    cmt_lsm__version_free(&a.made);
    free(a.old);
    edit->counts.bytes_read = edit->view->cache.bytes_read;
    if (st == CMT_OK) {
        edit->stage = CMT_LSM_PREPARED;
        return CMT_OK;
    }
    cmt_lsm__edit_undo(edit);
    if (st == CMT_STALE)
        st = CMT_CORRUPT; /* nobody else has the clone */
    return cmt_error_set(err, st, "%s", cause.message);
}
