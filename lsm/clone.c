/* SPDX-License-Identifier: Apache-2.0
 *
 * A clone of a pebble directory for RocksDB to work on.
 *
 * RocksDB must never write in the node's own directory: from its opening on pebble refuses the MANIFEST.  In the
 * clone it finds what pebble would find:
 *
 *   tables    hard links; neither engine changes a table
 *   logs      copies of what pebble would replay, so that the two cannot differ over a damaged end
 *   MANIFEST  one edit; file numbers go on above every number in the node's directory, so that what RocksDB
 *             makes can be linked back whatever earlier crashes have left there
 *
 * LEVEL 0  pebble cuts one flush into several tables whose sequences interleave.  RocksDB wants, from the newest
 * table to the oldest, falling smallest sequences.  In the clone they are lowered until they fall: a lower bound
 * that is too low is still true, and both engines search by the largest ones.  Where that would end below 0, as
 * in a young database, the table gets its largest sequence as smallest: so does one that RocksDB has taken in from
 * outside, which is placed by its largest alone.  adopt.c puts the real ones back.
 * Source: RocksDB db/version_builder.cc CheckConsistencyDetails; pebble open.go replayWAL
 */
#include <stdio.h>
#include <stdlib.h>

#include "cleanup.h"
#include "edit_internal.h"
#include "log.h"
#include "trash_internal.h"

#define CHUNK ((size_t)256 << 10)

/* ---- tables --------------------------------------------------------------------------------- */

static cmt_status link_table(const cmt_lsm_edit *edit, const cmt_lsm__table_meta *table,
                             cmt_error *err)
{
    CMT_AUTO(cmt_fd_close) int fd = -1;
    char name[CMT_LSM_NAME_MAX];
    cmt_lsm__table_name(table->number, table->is_sst, name);
    cmt_status st = cmt_file_open_at(edit->view->dir_fd, name, &fd, err);
    if (st == CMT_NOT_FOUND)
        return cmt_error_set(err, CMT_CORRUPT, "table %s is missing in %s", name, edit->view->path);
    CMT_TRY(st);
    CMT_TRY(cmt_lsm__rocksdb_table_check(fd, name, table->size, err));
    return cmt_file_link_at(edit->view->dir_fd, edit->clone_fd, name, err);
}

static cmt_status link_tables(cmt_lsm_edit *edit, cmt_error *err)
{
    const cmt_lsm__version *v = &edit->view->version;
    for (size_t i = 0; i < v->count; i++) {
        CMT_TRY(link_table(edit, &v->tables[i], err));
        if (i % 256 == 0)
            CMT_TRY(cmt_lsm__edit_progress(edit, "clone", i, v->count, err));
    }
    return CMT_OK;
}

/* ---- logs ----------------------------------------------------------------------------------- */

static cmt_status copy_bytes(int from, int to, const char *name, uint64_t size, cmt_error *err)
{
    CMT_AUTO(cmt_buf_free) cmt_buf chunk = CMT_BUF_INIT;
    if (cmt_buf_reserve(&chunk, CHUNK) != CMT_OK)
        return cmt_lsm__no_memory(err);
    for (uint64_t at = 0; at < size;) {
        size_t n = size - at < CHUNK ? (size_t)(size - at) : CHUNK;
        CMT_TRY(cmt_file_read_at(from, name, at, chunk.data, n, err));
        CMT_TRY(cmt_file_write(to, name, chunk.data, n, err));
        at += n;
    }
    return CMT_OK;
}

static cmt_status copy_log(const cmt_lsm_edit *edit, const cmt_lsm__file *file, uint64_t newest,
                           cmt_error *err)
{
    CMT_AUTO(cmt_fd_close) int from = -1;
    CMT_AUTO(cmt_fd_close) int to = -1;
    const cmt_lsm__recycled_log log = {.number = file->number,
                                       .strict = edit->view->dialect.strict_log_tail &&
                                                 file->number != newest};
    uint64_t size;
    uint64_t end;
    cmt_status st = cmt_file_open_at(edit->view->dir_fd, file->name, &from, err);
    if (st == CMT_NOT_FOUND)
        return cmt_error_set(err, CMT_CORRUPT, "%s vanished although the database is locked",
                             file->name);
    CMT_TRY(st);
    CMT_TRY(cmt_file_size(from, file->name, &size, err));
    CMT_TRY(cmt_lsm__log_end_recycled(from, file->name, size, log, &end, err));
    CMT_TRY(cmt_file_create_at(edit->clone_fd, file->name, &edit->owner, &to, err));
    return copy_bytes(from, to, file->name, end, err);
}

static cmt_status copy_logs(const cmt_lsm_edit *edit, const cmt_lsm__listing *listing,
                            cmt_error *err)
{
    uint64_t newest = 0;
    for (size_t i = 0; i < listing->count; i++)
        if (listing->files[i].kind == CMT_LSM_FILE_LOG)
            newest = listing->files[i].number; /* sorted */
    for (size_t i = 0; i < listing->count; i++)
        if (listing->files[i].kind == CMT_LSM_FILE_LOG &&
            listing->files[i].number >= edit->view->version.log_number)
            CMT_TRY(copy_log(edit, &listing->files[i], newest, err));
    return CMT_OK;
}

/* ---- MANIFEST ------------------------------------------------------------------------------- */

/* The tables of level 0 come first, newest first. */
static cmt_status lower_level0(const cmt_lsm_edit *edit, cmt_lsm__table_meta *tables,
                               cmt_error *err)
{
    for (size_t i = 1; i < edit->view->version.level_start[1]; i++) {
        uint64_t newer = tables[i - 1].smallest_sequence;
        if (tables[i].smallest_sequence < newer)
            continue;
        if (newer == 0 && tables[i].largest_sequence >= tables[i - 1].largest_sequence)
            return cmt_error_set(err, CMT_UNSUPPORTED,
                                 "two tables of level 0 of %s have the same largest sequence, "
                                 "which RocksDB does not read; let the node compact them",
                                 edit->view->path);
        tables[i].smallest_sequence = newer > 0 ? newer - 1 : tables[i].largest_sequence;
    }
    return CMT_OK;
}

static cmt_status write_state(const cmt_lsm_edit *edit, const cmt_lsm__table_meta *tables,
                              cmt_error *err)
{
    CMT_AUTO(cmt_buf_free) cmt_buf record = CMT_BUF_INIT;
    CMT_AUTO(cmt_buf_free) cmt_buf log = CMT_BUF_INIT;
    char manifest[CMT_LSM_NAME_MAX];
    char current[CMT_LSM_NAME_MAX + 1];
    cmt_lsm__version counters = edit->view->version;
    counters.next_file_number = edit->next_number + 1;
    snprintf(manifest, sizeof manifest, "MANIFEST-%06llu", (unsigned long long)edit->next_number);
    int n = snprintf(current, sizeof current, "%s\n", manifest);
    if (cmt_lsm__version_encode(&counters, tables, edit->view->version.count, &record) != CMT_OK ||
        cmt_lsm__log_append(&log, cmt_buf_slice(&record)) != CMT_OK)
        return cmt_lsm__no_memory(err);
    CMT_TRY(
        cmt_file_write_new_at(edit->clone_fd, manifest, &edit->owner, cmt_buf_slice(&log), err));
    return cmt_file_write_new_at(edit->clone_fd, "CURRENT", &edit->owner,
                                 (cmt_slice){(const uint8_t *)current, (size_t)n}, err);
}

static cmt_status write_manifest(const cmt_lsm_edit *edit, cmt_error *err)
{
    const cmt_lsm__version *v = &edit->view->version;
    cmt_lsm__table_meta *tables = calloc(v->count + 1, sizeof *tables);
    if (tables == NULL)
        return cmt_lsm__no_memory(err);
    if (v->count > 0)
        memcpy(tables, v->tables, v->count * sizeof *tables);
    cmt_status st = lower_level0(edit, tables, err);
    if (st == CMT_OK)
        st = write_state(edit, tables, err);
    free(tables);
    return st;
}

static cmt_status fill(cmt_lsm_edit *edit, cmt_error *err)
{
    cmt_lsm__listing listing;
    CMT_TRY(cmt_lsm_edit_check_tables(edit, err));
    CMT_TRY(link_tables(edit, err));
    CMT_TRY(cmt_lsm__list(edit->view->dir_fd, edit->view->path, &listing, err));
    cmt_status st = copy_logs(edit, &listing, err);
    cmt_lsm__listing_free(&listing);
    CMT_TRY(st);
    return write_manifest(edit, err);
}

cmt_status cmt_lsm_edit_clone(cmt_lsm_edit *edit, cmt_lsm_trash *work, cmt_buf *path,
                              cmt_error *err)
{
    if (!edit->view->dialect.pebble || edit->observe || edit->stage > CMT_LSM_PLANNED ||
        edit->clone_fd >= 0)
        return cmt_error_set(err, CMT_INVALID,
                             "clone a database of pebble's, once, before anything is prepared");
    CMT_TRY(cmt_lsm__trash_database(work, edit->view->path, &edit->clone_fd, err));
    CMT_TRY(cmt_lsm__trash_database_path(work, edit->view->path, path, err));
    cmt_error cause = CMT_ERROR_INIT;
    cmt_status st = fill(edit, &cause);
    return st == CMT_OK ? CMT_OK
                        : cmt_error_set(err, st, "clone %s: %s", edit->view->path, cause.message);
}
