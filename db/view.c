/* SPDX-License-Identifier: Apache-2.0
 *
 * The read-only view of a LevelDB-format directory as a backend of cmt_db.
 */
#include <assert.h>
#include <stdlib.h>

#include "cmtstore/lsm.h"
#include "db_internal.h"

typedef struct view_db {
    cmt_db base;
    cmt_lsm_view *view;
    bool owned;
} view_db;

typedef struct view_iter {
    cmt_db_iter base;
    cmt_lsm_iter *iter;
} view_iter;

static cmt_lsm_view *view_of(const cmt_db *db)
{
    return ((const view_db *)db)->view;
}

static cmt_lsm_iter *iter_of(const cmt_db_iter *iter)
{
    return ((const view_iter *)iter)->iter;
}

static cmt_status view_first(cmt_db_iter *iter, cmt_error *err)
{
    return cmt_lsm_iter_first(iter_of(iter), err);
}

static cmt_status view_last(cmt_db_iter *iter, cmt_error *err)
{
    return cmt_lsm_iter_last(iter_of(iter), err);
}

static cmt_status view_seek(cmt_db_iter *iter, cmt_slice key, cmt_error *err)
{
    return cmt_lsm_iter_seek(iter_of(iter), key, err);
}

static cmt_status view_seek_before(cmt_db_iter *iter, cmt_slice key, cmt_error *err)
{
    return cmt_lsm_iter_seek_before(iter_of(iter), key, err);
}

static cmt_status view_next(cmt_db_iter *iter, cmt_error *err)
{
    return cmt_lsm_iter_next(iter_of(iter), err);
}

static cmt_status view_prev(cmt_db_iter *iter, cmt_error *err)
{
    return cmt_lsm_iter_prev(iter_of(iter), err);
}

static cmt_slice view_key(const cmt_db_iter *iter)
{
    return cmt_lsm_iter_key(iter_of(iter));
}

static cmt_slice view_value(const cmt_db_iter *iter)
{
    return cmt_lsm_iter_value(iter_of(iter));
}

static void view_iter_free(cmt_db_iter *iter)
{
    cmt_lsm_iter_free(iter_of(iter));
    free(iter);
}

static const cmt_db_iter_ops iter_ops = {
    .first = view_first,
    .last = view_last,
    .seek = view_seek,
    .seek_before = view_seek_before,
    .next = view_next,
    .prev = view_prev,
    .key = view_key,
    .value = view_value,
    .free = view_iter_free,
};

static cmt_status view_get(cmt_db *db, cmt_slice key, cmt_buf *value, cmt_error *err)
{
    return cmt_lsm_view_get(view_of(db), key, value, err);
}

static cmt_status view_iter_new(cmt_db *db, const cmt_range *bounds, cmt_db_iter **out,
                                cmt_error *err)
{
    view_iter *iter = calloc(1, sizeof *iter);
    if (iter == NULL)
        return cmt_error_set(err, CMT_NO_MEMORY, "no memory for an iterator");
    iter->base.ops = &iter_ops;
    cmt_status st = cmt_lsm_iter_new(view_of(db), bounds, &iter->iter, err);
    if (st != CMT_OK) {
        free(iter);
        return st;
    }
    *out = &iter->base;
    return CMT_OK;
}

static cmt_status view_approximate_bytes(cmt_db *db, cmt_range range, uint64_t *bytes,
                                         cmt_error *err)
{
    return cmt_lsm_view_approximate_bytes(view_of(db), range, bytes, err);
}

static void view_will_need(cmt_db *db, cmt_range range)
{
    cmt_lsm_view_will_need(view_of(db), range);
}

static uint64_t view_bytes_read(const cmt_db *db)
{
    return cmt_lsm_view_bytes_read(view_of(db));
}

static cmt_status view_get_stats(cmt_db *db, cmt_db_stats *out, cmt_error *err)
{
    (void)err;
    cmt_lsm_view_stats stats = cmt_lsm_view_get_stats(view_of(db));
    static_assert(CMT_DB_LEVELS == CMT_LSM_LEVELS, "levels are copied one by one");
    for (size_t level = 0; level < CMT_DB_LEVELS; level++) {
        out->tables[level] = stats.tables[level];
        out->table_bytes[level] = stats.table_bytes[level];
    }
    out->log_bytes = stats.journal_bytes;
    return CMT_OK;
}

static void view_close(cmt_db *db)
{
    view_db *v = (view_db *)db;
    if (v->owned)
        cmt_lsm_view_close(v->view);
    free(v);
}

static const cmt_db_ops view_ops = {
    .get = view_get,
    .iter_new = view_iter_new,
    .approximate_bytes = view_approximate_bytes,
    .will_need = view_will_need,
    .bytes_read = view_bytes_read,
    .close = view_close,
    .get_stats = view_get_stats,
};

static cmt_status wrap(cmt_lsm_view *view, bool owned, cmt_db **out, cmt_error *err)
{
    view_db *db = calloc(1, sizeof *db);
    if (db == NULL)
        return cmt_error_set(err, CMT_NO_MEMORY, "no memory to open a database");
    db->base.ops = &view_ops;
    db->view = view;
    db->owned = owned;
    *out = &db->base;
    return CMT_OK;
}

cmt_status cmt_db_from_view(struct cmt_lsm_view *view, cmt_db **out, cmt_error *err)
{
    *out = NULL;
    return wrap(view, false, out, err);
}

cmt_status cmt_db_open_view(const char *dir, const cmt_db_view_options *options, cmt_db **out,
                            cmt_error *err)
{
    *out = NULL;
    cmt_lsm_view_options view_options = {0};
    if (options != NULL) {
        view_options.cache_bytes = options->cache_bytes;
        view_options.pin = options->pin;
    }
    cmt_lsm_view *view;
    CMT_TRY(cmt_lsm_view_open(dir, &view_options, &view, err));
    cmt_status st = wrap(view, true, out, err);
    if (st != CMT_OK)
        cmt_lsm_view_close(view);
    return st;
}
