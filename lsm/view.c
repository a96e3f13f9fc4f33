/* SPDX-License-Identifier: Apache-2.0
 *
 * The read-only view: a snapshot of MANIFEST, write-ahead logs and tables.
 *
 * Beside a running node the files change while they are read.  The node appends to the MANIFEST
 * before it removes what that edit made obsolete, so: read the MANIFEST, list, read the logs, open the
 * tables, then look whether CURRENT and the MANIFEST are still what they were.  If so, nothing that
 * was needed has gone; otherwise start again.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "cleanup.h"
#include "file.h"
#include "lsm_internal.h"

#define DEFAULT_CACHE_BYTES ((size_t)16 << 20)
#define OPEN_TABLES 256
#define ATTEMPTS 60
/* Files kept free for the host when every table is held open. */
#define SPARE_FILES 64

cmt_status cmt_lsm__no_memory(cmt_error *err)
{
    return cmt_error_set(err, CMT_NO_MEMORY, "out of memory");
}

/* ---- CURRENT -------------------------------------------------------------------------------- */

cmt_status cmt_lsm__read_current(int dir_fd, const char *file, char manifest[CMT_LSM_NAME_MAX],
                                 uint64_t *number, cmt_error *err)
{
    CMT_AUTO(cmt_buf_free) cmt_buf text = CMT_BUF_INIT;
    CMT_TRY(cmt_file_read_small_at(dir_fd, file, 4096, &text, err));
    if (text.size < 2 || text.size > CMT_LSM_NAME_MAX || text.data[text.size - 1] != '\n')
        return cmt_error_set(err, CMT_CORRUPT, "%s does not hold the name of a MANIFEST", file);
    memcpy(manifest, text.data, text.size - 1);
    manifest[text.size - 1] = '\0';
    if (strlen(manifest) != text.size - 1 ||
        cmt_lsm__classify(manifest, number) != CMT_LSM_FILE_MANIFEST)
        return cmt_error_set(err, CMT_CORRUPT, "%s does not hold the name of a MANIFEST", file);
    return CMT_OK;
}

/* goleveldb's precedence: the highest valid CURRENT.<n> if it names a newer MANIFEST that exists.
 * Source: goleveldb leveldb/storage/file_storage.go GetMeta */
static cmt_status find_manifest(int dir_fd, const char *path, const cmt_lsm__listing *listing,
                                char manifest[CMT_LSM_NAME_MAX], bool *pending, cmt_error *err)
{
    uint64_t number;
    cmt_status st = cmt_lsm__read_current(dir_fd, "CURRENT", manifest, &number, err);
    if (st == CMT_NOT_FOUND)
        return cmt_error_set(err, CMT_NOT_FOUND, "%s holds no database (no CURRENT)", path);
    CMT_TRY(st);
    *pending = false;
    for (size_t i = 0; i < listing->count; i++) {
        const cmt_lsm__file *file = &listing->files[i];
        char other[CMT_LSM_NAME_MAX];
        uint64_t other_number;
        if (file->kind != CMT_LSM_FILE_CURRENT_PENDING)
            continue;
        *pending = true;
        if (cmt_lsm__read_current(dir_fd, file->name, other, &other_number, NULL) == CMT_OK &&
            other_number > number &&
            cmt_lsm__listing_find(listing, CMT_LSM_FILE_MANIFEST, other_number) != NULL) {
            memcpy(manifest, other, sizeof other);
            number = other_number;
        }
    }
    return CMT_OK;
}

/* ---- one snapshot --------------------------------------------------------------------------- */

static cmt_status read_manifest(cmt_lsm_view *view, cmt_error *err)
{
    CMT_AUTO(cmt_fd_close) int fd = -1;
    cmt_status st = cmt_file_open_at(view->dir_fd, view->manifest_name, &fd, err);
    if (st == CMT_NOT_FOUND)
        return cmt_error_set(err, CMT_STALE, "%s is missing although CURRENT names it",
                             view->manifest_name);
    CMT_TRY(st);
    CMT_TRY(cmt_file_size(fd, view->manifest_name, &view->manifest_size, err));
    cmt_status (*read)(int fd, const char *name, uint64_t size, cmt_lsm__version *out,
                       cmt_error *err) = view->dialect.rocksdb  ? cmt_lsm__version_read_rocksdb
                                         : view->dialect.pebble ? cmt_lsm__version_read_pebble
                                                                : cmt_lsm__version_read;
    return read(fd, view->manifest_name, view->manifest_size, &view->version, err);
}

/* Is the MANIFEST still the one that was read, to the byte? */
static cmt_status check_unchanged(const cmt_lsm_view *view, cmt_error *err)
{
    char manifest[CMT_LSM_NAME_MAX];
    bool pending;
    uint64_t size;
    cmt_lsm__listing listing;
    CMT_TRY(cmt_lsm__list(view->dir_fd, view->path, &listing, err));
    cmt_status st = find_manifest(view->dir_fd, view->path, &listing, manifest, &pending, err);
    cmt_lsm__listing_free(&listing);
    CMT_TRY(st);
    CMT_AUTO(cmt_fd_close) int fd = -1;
    st = cmt_file_open_at(view->dir_fd, manifest, &fd, err);
    if (st == CMT_OK)
        st = cmt_file_size(fd, manifest, &size, err);
    if (st == CMT_NOT_FOUND || (st == CMT_OK && (strcmp(manifest, view->manifest_name) != 0 ||
                                                 size != view->manifest_size)))
        return cmt_error_set(err, CMT_STALE, "%s changed while it was being read",
                             view->manifest_name);
    return st;
}

/* How many tables may be open at once: all of them where the limit on open files allows. */
static size_t open_limit(const cmt_lsm_view *view, bool pin)
{
    if (!pin || view->version.count <= OPEN_TABLES)
        return OPEN_TABLES;
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur < 2 * SPARE_FILES)
        return SPARE_FILES;
    size_t room = (size_t)limit.rlim_cur - SPARE_FILES;
    return view->version.count < room ? view->version.count : room;
}

static cmt_status pin_tables(cmt_lsm_view *view, cmt_error *err)
{
    for (size_t i = 0; i < view->version.count && i < view->cache.open_limit; i++) {
        cmt_lsm__table *table;
        CMT_TRY(cmt_lsm__cache_table(&view->cache, &view->version.tables[i], &table, err));
        cmt_lsm__table_release(table);
    }
    return CMT_OK;
}

static cmt_status read_journal(cmt_lsm_view *view, const cmt_lsm__listing *listing, cmt_error *err)
{
    const cmt_lsm__version *v = &view->version;
    uint64_t from = v->log_number > v->min_log_number ? v->log_number : v->min_log_number;
    if (view->dialect.rocksdb)
        return cmt_lsm__journal_read_rocksdb(view->dir_fd, listing, from,
                                             view->dialect.strict_log_tail, &view->journal, err);
    if (view->dialect.pebble)
        return cmt_lsm__journal_read_pebble(view->dir_fd, listing, v->log_number,
                                            view->dialect.strict_log_tail, &view->journal, err);
    return cmt_lsm__journal_read(view->dir_fd, listing, v->log_number, v->prev_log_number,
                                 v->last_sequence, &view->journal, err);
}

/* Range deletions are kept apart from the entries of the logs, as those of tables are. */
static cmt_status take_range_deletes(cmt_lsm_view *view, cmt_error *err)
{
    cmt_lsm__journal *j = &view->journal;
    size_t kept = 0;
    for (size_t i = 0; i < j->count; i++) {
        const cmt_lsm__entry *e = &j->entries[i];
        cmt_slice key = cmt_lsm__entry_key(e);
        if (cmt_lsm__type(key) != CMT_LSM_TYPE_RANGE_DELETE)
            j->entries[kept++] = *e;
        else /* its value is never left in the log */
            CMT_TRY(cmt_lsm__range_dels_add(&view->cache.range_dels, cmt_lsm__user_key(key),
                                            (cmt_slice){e->value.bytes, e->value_size},
                                            cmt_lsm__sequence(key), err));
    }
    j->count = kept;
    return CMT_OK;
}

static cmt_status fill(cmt_lsm_view *view, const cmt_lsm_view_options *options,
                       cmt_lsm__listing *listing, cmt_error *err)
{
    CMT_TRY(cmt_lsm__list(view->dir_fd, view->path, listing, err));
    CMT_TRY(cmt_lsm__tell_dialect(view->dir_fd, view->path, listing, &view->dialect, err));
    CMT_TRY(find_manifest(view->dir_fd, view->path, listing, view->manifest_name,
                          &view->pending_current, err));
    CMT_TRY(read_manifest(view, err));
    /* The logs must be listed after the MANIFEST was read. */
    cmt_lsm__listing_free(listing);
    CMT_TRY(cmt_lsm__list(view->dir_fd, view->path, listing, err));
    view->highest_number = listing->highest_number;
    CMT_TRY(read_journal(view, listing, err));
    size_t cache_bytes =
        options != NULL && options->cache_bytes > 0 ? options->cache_bytes : DEFAULT_CACHE_BYTES;
    bool pin = options != NULL && options->pin;
    CMT_TRY(cmt_lsm__cache_init(&view->cache, view->dir_fd, view->version.tables,
                                view->version.count, cache_bytes, open_limit(view, pin), err));
    CMT_TRY(take_range_deletes(view, err));
    if (pin)
        CMT_TRY(pin_tables(view, err));
    return check_unchanged(view, err);
}

cmt_status cmt_lsm__snapshot(const char *dir, const cmt_lsm_view_options *options,
                             cmt_lsm_view **out, cmt_error *err)
{
    cmt_lsm_view *view = calloc(1, sizeof *view);
    if (view == NULL)
        return cmt_lsm__no_memory(err);
    view->dir_fd = -1;
    view->path = strdup(dir);
    cmt_lsm__listing listing = {0};
    cmt_status st =
        view->path == NULL ? cmt_lsm__no_memory(err) : cmt_dir_open(dir, &view->dir_fd, err);
    if (st == CMT_OK)
        st = fill(view, options, &listing, err);
    cmt_lsm__listing_free(&listing);
    if (st != CMT_OK) {
        cmt_lsm_view_close(view);
        return st;
    }
    *out = view;
    return CMT_OK;
}

/* What could be a node at work rather than damage is tried again; what stays the same while the
 * MANIFEST does is damage. */
cmt_status cmt_lsm_view_open(const char *dir, const cmt_lsm_view_options *options,
                             cmt_lsm_view **out, cmt_error *err)
{
    *out = NULL;
    char before[sizeof err->message] = "";
    int alike = 0;
    for (int attempt = 0;; attempt++) {
        cmt_error cause = CMT_ERROR_INIT;
        cmt_status st = cmt_lsm__snapshot(dir, options, out, &cause);
        if (st == CMT_OK)
            return CMT_OK;
        alike = strcmp(before, cause.message) == 0 ? alike + 1 : 0;
        memcpy(before, cause.message, sizeof before);
        bool may_pass = st == CMT_STALE || st == CMT_CORRUPT;
        if (!may_pass || (alike >= 3 && strstr(cause.message, "changed while") == NULL) ||
            attempt >= ATTEMPTS) {
            if (st == CMT_STALE && alike >= 3 && strstr(cause.message, "changed while") == NULL)
                st = CMT_CORRUPT; /* missing, and it stays missing */
            return cmt_error_set(err, st, "%s: %s", dir, cause.message);
        }
        struct timespec pause = {0, 2000000L * (attempt < 10 ? attempt + 1 : 10)};
        nanosleep(&pause, NULL);
    }
}

void cmt_lsm_view_close(cmt_lsm_view *view)
{
    if (view == NULL)
        return;
    cmt_lsm__cache_fini(&view->cache);
    cmt_lsm__journal_free(&view->journal);
    cmt_lsm__version_free(&view->version);
    cmt_fd_close(&view->dir_fd);
    free(view->path);
    free(view);
}

cmt_lsm_view_stats cmt_lsm_view_get_stats(const cmt_lsm_view *view)
{
    cmt_lsm_view_stats stats = {.journals = view->journal.files,
                                .journal_bytes = view->journal.bytes,
                                .journal_entries = view->journal.count,
                                .torn_tail = view->journal.torn_tail || view->version.torn_tail};
    for (size_t i = 0; i < view->version.count; i++) {
        const cmt_lsm__table_meta *t = &view->version.tables[i];
        stats.tables[t->level]++;
        stats.table_bytes[t->level] += t->size;
    }
    return stats;
}

uint64_t cmt_lsm_view_bytes_read(const cmt_lsm_view *view)
{
    return view->cache.bytes_read;
}

/* ---- reading -------------------------------------------------------------------------------- */

bool cmt_lsm__table_overlaps(const cmt_lsm__table_meta *table, const cmt_range *range)
{
    if (range == NULL)
        return true;
    return cmt_slice_compare(cmt_lsm__user_key(table->largest), range->lo) >= 0 &&
           (range->hi.size == 0 ||
            cmt_slice_compare(cmt_lsm__user_key(table->smallest), range->hi) < 0);
}

/* One source over those of the tables [from,to) that are selected. */
static cmt_status add_run(cmt_lsm_view *view, size_t from, size_t to,
                          const cmt_lsm__selection *selection, cmt_lsm__merge *merge,
                          cmt_error *err)
{
    size_t count = 0;
    for (size_t i = from; i < to; i++)
        count += selection->wants(selection->context, i);
    if (count == 0)
        return CMT_OK;
    const cmt_lsm__table_meta **metas = malloc(count * sizeof *metas);
    cmt_lsm__source *source = cmt_lsm__merge_add(merge);
    if (metas == NULL || source == NULL) {
        free(metas);
        return cmt_lsm__no_memory(err);
    }
    size_t n = 0;
    for (size_t i = from; i < to; i++)
        if (selection->wants(selection->context, i))
            metas[n++] = &view->version.tables[i];
    cmt_lsm__source_init_tables(source, &view->cache, metas, count, selection->upper);
    return CMT_OK;
}

cmt_status cmt_lsm__view_add_tables(cmt_lsm_view *view, const cmt_lsm__selection *selection,
                                    cmt_lsm__merge *merge, cmt_error *err)
{
    const size_t *start = view->version.level_start;
    for (size_t i = start[0]; i < start[1]; i++)
        CMT_TRY(add_run(view, i, i + 1, selection, merge, err));
    for (unsigned level = 1; level < CMT_LSM_LEVELS; level++)
        CMT_TRY(add_run(view, start[level], start[level + 1], selection, merge, err));
    return CMT_OK;
}

cmt_status cmt_lsm__view_add_journal(cmt_lsm_view *view, cmt_lsm__merge *merge, cmt_error *err)
{
    if (view->journal.count == 0)
        return CMT_OK;
    cmt_lsm__source *source = cmt_lsm__merge_add(merge);
    if (source == NULL)
        return cmt_lsm__no_memory(err);
    cmt_lsm__source_init_journal(source, &view->journal);
    return CMT_OK;
}

typedef struct overlap {
    const cmt_lsm_view *view;
    const cmt_range *bounds;
} overlap;

static bool overlaps(const void *context, size_t table)
{
    const overlap *o = context;
    return cmt_lsm__table_overlaps(&o->view->version.tables[table], o->bounds);
}

cmt_status cmt_lsm__view_sources(cmt_lsm_view *view, const cmt_range *bounds, cmt_lsm__merge *merge,
                                 cmt_error *err)
{
    const overlap with = {view, bounds};
    const cmt_lsm__selection selection = {overlaps, &with,
                                          bounds != NULL ? bounds->hi : (cmt_slice){NULL, 0}};
    CMT_TRY(cmt_lsm__view_add_journal(view, merge, err));
    return cmt_lsm__view_add_tables(view, &selection, merge, err);
}

cmt_status cmt_lsm_view_get(cmt_lsm_view *view, cmt_slice key, cmt_buf *value, cmt_error *err)
{
    /* The keys >= key and < key + "\0": key itself. */
    CMT_AUTO(cmt_buf_free) cmt_buf behind = CMT_BUF_INIT;
    if (cmt_buf_append(&behind, key.data, key.size) != CMT_OK ||
        cmt_buf_append(&behind, "", 1) != CMT_OK)
        return cmt_lsm__no_memory(err);
    cmt_range bounds = {key, cmt_buf_slice(&behind)};
    cmt_lsm_iter *iter;
    CMT_TRY(cmt_lsm_iter_new(view, &bounds, &iter, err));
    cmt_status st = cmt_lsm_iter_first(iter, err);
    if (st == CMT_OK && cmt_buf_set(value, cmt_lsm_iter_value(iter)) != CMT_OK)
        st = cmt_lsm__no_memory(err);
    cmt_lsm_iter_free(iter);
    return st;
}

/* Offset of the block where `key` would be. */
static cmt_status offset_of(cmt_lsm__table *table, cmt_slice key, uint64_t *offset, cmt_error *err)
{
    cmt_lsm__cursor cursor = {0};
    cmt_buf target = CMT_BUF_INIT;
    cmt_lsm__cursor_set(&cursor, table->index);
    cmt_status st = cmt_lsm__make_internal(key, CMT_LSM_SEQUENCE_MAX, CMT_LSM_TYPE_PUT, &target);
    if (st == CMT_OK)
        st = cmt_lsm__cursor_seek(&cursor, cmt_buf_slice(&target), err);
    *offset = table->data_end;
    if (st == CMT_OK && cursor.valid) {
        cmt_lsm__handle handle;
        st = cmt_lsm__handle_decode(table, cursor.value, &handle, err);
        if (st == CMT_OK)
            *offset = handle.offset;
    }
    cmt_buf_free(&target);
    cmt_lsm__cursor_free(&cursor);
    return st;
}

static bool table_inside(const cmt_lsm__table_meta *t, const cmt_range *range)
{
    return cmt_slice_compare(cmt_lsm__user_key(t->smallest), range->lo) >= 0 &&
           (range->hi.size == 0 || cmt_slice_compare(cmt_lsm__user_key(t->largest), range->hi) < 0);
}

/* Where in a table the keys of `range` may lie. */
static cmt_status find_extent(cmt_lsm__table *table, const cmt_range *range, uint64_t *from,
                              uint64_t *to, cmt_error *err)
{
    *to = table->data_end;
    CMT_TRY(offset_of(table, range->lo, from, err));
    if (range->hi.size > 0)
        CMT_TRY(offset_of(table, range->hi, to, err));
    return CMT_OK;
}

static cmt_status table_bytes(cmt_lsm_view *view, const cmt_lsm__table_meta *meta,
                              const cmt_range *range, uint64_t *bytes, cmt_error *err)
{
    if (!cmt_lsm__table_overlaps(meta, range))
        return CMT_OK;
    if (table_inside(meta, range)) {
        *bytes += meta->size;
        return CMT_OK;
    }
    cmt_lsm__table *table;
    uint64_t from = 0;
    uint64_t to = 0;
    CMT_TRY(cmt_lsm__cache_table(&view->cache, meta, &table, err));
    cmt_status st = find_extent(table, range, &from, &to, err);
    if (st == CMT_OK && to > from)
        *bytes += to - from;
    cmt_lsm__table_release(table);
    return st;
}

void cmt_lsm_view_will_need(cmt_lsm_view *view, cmt_range range)
{
    for (size_t i = 0; i < view->version.count; i++) {
        cmt_lsm__table *table;
        uint64_t from = 0;
        uint64_t to = 0;
        if (!cmt_lsm__table_overlaps(&view->version.tables[i], &range) ||
            cmt_lsm__cache_table(&view->cache, &view->version.tables[i], &table, NULL) != CMT_OK)
            continue;
        /* The block in which the range ends is wanted too; its own end is not far. */
        if (find_extent(table, &range, &from, &to, NULL) == CMT_OK)
            posix_fadvise(table->fd, (off_t)from, (off_t)(to - from + CMT_LSM_BLOCK_TARGET),
                          POSIX_FADV_WILLNEED);
        cmt_lsm__table_release(table);
    }
}

cmt_status cmt_lsm_view_approximate_bytes(cmt_lsm_view *view, cmt_range range, uint64_t *bytes,
                                          cmt_error *err)
{
    uint64_t total = 0;
    for (size_t i = 0; i < view->version.count; i++)
        CMT_TRY(table_bytes(view, &view->version.tables[i], &range, &total, err));
    for (size_t i = 0; i < view->journal.count; i++) {
        cmt_slice key = cmt_lsm__user_key(cmt_lsm__entry_key(&view->journal.entries[i]));
        if (cmt_slice_compare(key, range.lo) >= 0 &&
            (range.hi.size == 0 || cmt_slice_compare(key, range.hi) < 0))
            total += key.size + view->journal.entries[i].value_size;
    }
    *bytes = total;
    return CMT_OK;
}
