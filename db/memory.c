/* SPDX-License-Identifier: Apache-2.0
 *
 * The memory backend.  A get reads under the database's lock; an iterator holds the sorted array as it was,
 * and a writer that finds the array held makes its own.  An insertion moves what stands behind it, which is
 * cheap as long as keys mostly arrive in order.
 */
#include <pthread.h>
#include <stdlib.h>

#include "batch.h"
#include "cmtstore/db.h"
#include "db_internal.h"
#include "memory_pairs.h"

typedef struct memory_db {
    cmt_db base;
    pthread_mutex_t lock; /* guards all below, and the references of arrays and pairs */
    cmt_db__pairs *pairs;
    cmt_db__pair **scratch; /* for merging */
    size_t scratch_capacity;
    bool cancelled;
} memory_db;

typedef struct memory_iter {
    cmt_db_iter base;
    memory_db *db;
    cmt_db__pairs *pairs;
    size_t lo;
    size_t hi;
    size_t at;
} memory_iter;

static const cmt_db_ops memory_ops;

static cmt_status memory_get(cmt_db *base, cmt_slice key, cmt_buf *value, cmt_error *err)
{
    memory_db *db = (memory_db *)base;
    cmt_status st = CMT_NOT_FOUND;
    pthread_mutex_lock(&db->lock);
    size_t at = cmt_db__pairs_lower_bound(db->pairs, 0, key);
    if (cmt_db__pairs_holds(db->pairs, at, key))
        st = cmt_buf_set(value, cmt_db__pair_value(db->pairs->at[at]));
    pthread_mutex_unlock(&db->lock);
    return st == CMT_NO_MEMORY ? cmt_error_set(err, st, "no memory for a value") : st;
}

/* Stand on position `at` if it lies within the bounds. */
static cmt_status stand(memory_iter *iter, size_t at)
{
    if (at < iter->lo || at >= iter->hi)
        return CMT_NOT_FOUND;
    iter->at = at;
    return CMT_OK;
}

static cmt_status memory_iter_first(cmt_db_iter *base, cmt_error *err)
{
    (void)err;
    memory_iter *iter = (memory_iter *)base;
    return stand(iter, iter->lo);
}

/* The pair before position `at`, which is at most the upper bound. */
static cmt_status stand_before(memory_iter *iter, size_t at)
{
    return at > iter->lo ? stand(iter, at - 1) : CMT_NOT_FOUND;
}

static cmt_status memory_iter_last(cmt_db_iter *base, cmt_error *err)
{
    (void)err;
    memory_iter *iter = (memory_iter *)base;
    return stand_before(iter, iter->hi);
}

static cmt_status memory_iter_seek(cmt_db_iter *base, cmt_slice key, cmt_error *err)
{
    (void)err;
    memory_iter *iter = (memory_iter *)base;
    return stand(iter, cmt_db__pairs_lower_bound(iter->pairs, iter->lo, key));
}

static cmt_status memory_iter_seek_before(cmt_db_iter *base, cmt_slice key, cmt_error *err)
{
    (void)err;
    memory_iter *iter = (memory_iter *)base;
    size_t at = cmt_db__pairs_lower_bound(iter->pairs, iter->lo, key);
    return stand_before(iter, at < iter->hi ? at : iter->hi);
}

static cmt_status memory_iter_next(cmt_db_iter *base, cmt_error *err)
{
    (void)err;
    memory_iter *iter = (memory_iter *)base;
    return stand(iter, iter->at + 1);
}

static cmt_status memory_iter_prev(cmt_db_iter *base, cmt_error *err)
{
    (void)err;
    memory_iter *iter = (memory_iter *)base;
    return stand_before(iter, iter->at);
}

static cmt_slice memory_iter_key(const cmt_db_iter *base)
{
    const memory_iter *iter = (const memory_iter *)base;
    return cmt_db__pair_key(iter->pairs->at[iter->at]);
}

static cmt_slice memory_iter_value(const cmt_db_iter *base)
{
    const memory_iter *iter = (const memory_iter *)base;
    return cmt_db__pair_value(iter->pairs->at[iter->at]);
}

static void memory_iter_free(cmt_db_iter *base)
{
    memory_iter *iter = (memory_iter *)base;
    pthread_mutex_lock(&iter->db->lock);
    cmt_db__pairs_release(iter->pairs);
    pthread_mutex_unlock(&iter->db->lock);
    free(iter);
}

static const cmt_db_iter_ops memory_iter_ops = {
    .first = memory_iter_first,
    .last = memory_iter_last,
    .seek = memory_iter_seek,
    .seek_before = memory_iter_seek_before,
    .next = memory_iter_next,
    .prev = memory_iter_prev,
    .key = memory_iter_key,
    .value = memory_iter_value,
    .free = memory_iter_free,
};

static cmt_status memory_iter_new(cmt_db *base, const cmt_range *bounds, cmt_db_iter **out,
                                  cmt_error *err)
{
    memory_db *db = (memory_db *)base;
    memory_iter *iter = calloc(1, sizeof *iter);
    if (iter == NULL)
        return cmt_error_set(err, CMT_NO_MEMORY, "no memory for an iterator");
    iter->base.ops = &memory_iter_ops;
    iter->db = db;
    pthread_mutex_lock(&db->lock);
    iter->pairs = db->pairs;
    iter->pairs->references++;
    pthread_mutex_unlock(&db->lock);
    cmt_db__pairs_find(iter->pairs, bounds, &iter->lo, &iter->hi);
    *out = &iter->base;
    return CMT_OK;
}

static cmt_status memory_approximate_bytes(cmt_db *base, cmt_range range, uint64_t *bytes,
                                           cmt_error *err)
{
    (void)err;
    memory_db *db = (memory_db *)base;
    size_t lo;
    size_t hi;
    *bytes = 0;
    pthread_mutex_lock(&db->lock);
    cmt_db__pairs_find(db->pairs, &range, &lo, &hi);
    for (size_t i = lo; i < hi; i++)
        *bytes += db->pairs->at[i]->key_size + db->pairs->at[i]->value_size;
    pthread_mutex_unlock(&db->lock);
    return CMT_OK;
}

static uint64_t memory_bytes_read(const cmt_db *base)
{
    (void)base;
    return 0;
}

/* Points made of the puts and deletes of a batch, in its order; those before a range come before it. */
typedef struct point_list {
    cmt_db__point *points;
    size_t count;
    size_t puts;
} point_list;

static void points_free(point_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        cmt_db__pair_release(list->points[i].pair);
    free(list->points);
}

static cmt_status points_of(const cmt_db_batch *batch, point_list *list)
{
    *list = (point_list){0};
    list->points = malloc((cmt_db_batch_count(batch) + 1) * sizeof *list->points);
    if (list->points == NULL)
        return CMT_NO_MEMORY;
    cmt_db__change change;
    for (size_t offset = 0; cmt_db__batch_next(batch, &offset, &change);) {
        if (change.kind == CMT_DB__DELETE_RANGE)
            continue;
        cmt_db__pair *pair = NULL;
        if (change.kind == CMT_DB__PUT) {
            pair = cmt_db__pair_new(change.key, change.value);
            if (pair == NULL)
                return CMT_NO_MEMORY;
            list->puts++;
        }
        list->points[list->count] = (cmt_db__point){change.key, pair, list->count};
        list->count++;
    }
    return CMT_OK;
}

static cmt_status reserve_scratch_locked(memory_db *db, size_t capacity)
{
    if (capacity <= db->scratch_capacity)
        return CMT_OK;
    cmt_db__pair **scratch = realloc(db->scratch, capacity * sizeof *scratch);
    if (scratch == NULL)
        return CMT_NO_MEMORY;
    db->scratch = scratch;
    db->scratch_capacity = capacity;
    return CMT_OK;
}

/* Make the array ours alone, with room for what will come; afterwards nothing can fail. */
static cmt_status prepare_locked(memory_db *db, size_t puts)
{
    if (db->pairs->references == 1) {
        CMT_TRY(cmt_db__pairs_reserve(db->pairs, puts));
        return reserve_scratch_locked(db, db->pairs->capacity);
    }
    cmt_db__pairs *copy = cmt_db__pairs_copy(db->pairs, puts);
    if (copy == NULL)
        return CMT_NO_MEMORY;
    cmt_db__pairs_release(db->pairs);
    db->pairs = copy;
    return reserve_scratch_locked(db, copy->capacity);
}

static void apply_locked(memory_db *db, const cmt_db_batch *batch, point_list *list)
{
    size_t done = 0;
    size_t met = 0;
    cmt_db__change change;
    for (size_t offset = 0; cmt_db__batch_next(batch, &offset, &change);) {
        if (change.kind != CMT_DB__DELETE_RANGE) {
            met++;
            continue;
        }
        cmt_db__pairs_merge(db->pairs, list->points + done, met - done, db->scratch);
        done = met;
        size_t lo;
        size_t hi;
        cmt_db__pairs_find(db->pairs, &(cmt_range){change.key, change.value}, &lo, &hi);
        cmt_db__pairs_erase(db->pairs, lo, hi);
    }
    cmt_db__pairs_merge(db->pairs, list->points + done, met - done, db->scratch);
    list->count = 0; /* the array has them */
}

static cmt_status memory_write(cmt_db *base, const cmt_db_batch *batch, bool sync, cmt_error *err)
{
    (void)sync;
    memory_db *db = (memory_db *)base;
    point_list list;
    cmt_status st = points_of(batch, &list);
    pthread_mutex_lock(&db->lock);
    if (st == CMT_OK)
        st = prepare_locked(db, list.puts);
    if (st == CMT_OK)
        apply_locked(db, batch, &list);
    pthread_mutex_unlock(&db->lock);
    points_free(&list);
    if (st != CMT_OK)
        return cmt_error_set(err, st, "no memory to write a batch of %zu bytes",
                             cmt_db_batch_bytes(batch));
    return CMT_OK;
}

static cmt_status memory_flush(cmt_db *base, cmt_error *err)
{
    (void)base;
    (void)err;
    return CMT_OK;
}

static cmt_status memory_compact_range(cmt_db *base, cmt_range range, cmt_error *err)
{
    (void)range;
    memory_db *db = (memory_db *)base;
    pthread_mutex_lock(&db->lock);
    bool cancelled = db->cancelled;
    pthread_mutex_unlock(&db->lock);
    return cancelled ? cmt_error_set(err, CMT_CANCELLED, "compact: stopped on request") : CMT_OK;
}

static void memory_cancel_compaction(cmt_db *base, bool cancel)
{
    memory_db *db = (memory_db *)base;
    pthread_mutex_lock(&db->lock);
    db->cancelled = cancel;
    pthread_mutex_unlock(&db->lock);
}

static cmt_status memory_get_stats(cmt_db *base, cmt_db_stats *out, cmt_error *err)
{
    memory_db *db = (memory_db *)base;
    pthread_mutex_lock(&db->lock);
    out->entries = db->pairs->count;
    pthread_mutex_unlock(&db->lock);
    out->entries_known = true;
    return memory_approximate_bytes(base, (cmt_range){{NULL, 0}, {NULL, 0}}, &out->memtable_bytes,
                                    err);
}

static void memory_close(cmt_db *base)
{
    memory_db *db = (memory_db *)base;
    cmt_db__pairs_release(db->pairs);
    free(db->scratch);
    pthread_mutex_destroy(&db->lock);
    free(db);
}

/* ---- written anew ------------------------------------------------------------------------------ */

static cmt_db__guard *memory_guard(cmt_db *base)
{
    (void)base;
    return NULL;
}

static cmt_status memory_open_copy(cmt_db *base, const char *dir, cmt_db **out, cmt_error *err)
{
    (void)base;
    (void)dir;
    return cmt_db_open_memory(out, err);
}

/* Nobody else is at work in either. */
static void memory_swap(cmt_db *base, cmt_db *copy)
{
    memory_db *a = (memory_db *)base;
    memory_db *b = (memory_db *)copy;
    cmt_db__pairs *pairs = a->pairs;
    pthread_mutex_lock(&a->lock);
    a->pairs = b->pairs;
    pthread_mutex_unlock(&a->lock);
    b->pairs = pairs;
}

static const cmt_db__rewrite_ops memory_rewrite_ops = {
    .guard = memory_guard,
    .open_copy = memory_open_copy,
    .swap = memory_swap,
};

static const cmt_db_ops memory_ops = {
    .get = memory_get,
    .iter_new = memory_iter_new,
    .approximate_bytes = memory_approximate_bytes,
    .bytes_read = memory_bytes_read,
    .close = memory_close,
    .write = memory_write,
    .flush = memory_flush,
    .compact_range = memory_compact_range,
    .cancel_compaction = memory_cancel_compaction,
    .get_stats = memory_get_stats,
    .capabilities = CMT_DB_WRITABLE | CMT_DB_RANGE_DELETE | CMT_DB_SHARED,
    .rewrite = &memory_rewrite_ops,
};

cmt_status cmt_db_open_memory(cmt_db **out, cmt_error *err)
{
    *out = NULL;
    memory_db *db = calloc(1, sizeof *db);
    if (db != NULL)
        db->pairs = cmt_db__pairs_new();
    if (db == NULL || db->pairs == NULL || pthread_mutex_init(&db->lock, NULL) != 0) {
        if (db != NULL)
            cmt_db__pairs_release(db->pairs);
        free(db);
        return cmt_error_set(err, CMT_NO_MEMORY, "no memory for a database");
    }
    db->base.ops = &memory_ops;
    *out = &db->base;
    return CMT_OK;
}

/* One change as a batch of its own. */
static cmt_status write_one(cmt_db *base, cmt_slice key, const cmt_slice *value)
{
    if (base->ops != &memory_ops)
        return CMT_INVALID;
    cmt_db_batch *batch;
    CMT_TRY(cmt_db_batch_new(&batch, NULL));
    cmt_status st = value != NULL ? cmt_db_batch_put(batch, key, *value, NULL)
                                  : cmt_db_batch_delete(batch, key, NULL);
    if (st == CMT_OK)
        st = cmt_db_write(base, batch, false, NULL);
    cmt_db_batch_free(batch);
    return st;
}

cmt_status cmt_db_memory_put(cmt_db *base, cmt_slice key, cmt_slice value)
{
    return write_one(base, key, &value);
}

cmt_status cmt_db_memory_delete(cmt_db *base, cmt_slice key)
{
    return write_one(base, key, NULL);
}
