/* SPDX-License-Identifier: Apache-2.0
 *
 * The memory backend: pairs in one array, sorted by key.  Keys and values may be of any size; an
 * insertion moves what stands behind it, which is cheap as long as keys mostly arrive in order.
 */
#include "cmtstore/db.h"

#include "db_internal.h"

#include <stdlib.h>
#include <string.h>

/* Key and value share one allocation: key bytes, then value bytes. */
typedef struct pair {
    uint8_t *bytes;
    size_t key_size;
    size_t value_size;
} pair;

typedef struct memory_db {
    cmt_db base;
    pair *pairs;
    size_t count;
    size_t capacity;
} memory_db;

/* Bounds are kept as positions, which is what "iterators become invalid" allows. */
typedef struct memory_iter {
    cmt_db_iter base;
    const memory_db *db;
    size_t lo;
    size_t hi;
    size_t at;
} memory_iter;

static const cmt_db_ops memory_ops;

static cmt_slice key_of(const pair *p)
{
    return (cmt_slice){p->bytes, p->key_size};
}

static cmt_slice value_of(const pair *p)
{
    return (cmt_slice){p->bytes + p->key_size, p->value_size};
}

/* The first position whose key is >= key. */
static size_t lower_bound(const memory_db *db, cmt_slice key)
{
    size_t lo = 0;
    size_t hi = db->count;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (cmt_slice_compare(key_of(&db->pairs[mid]), key) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static bool holds(const memory_db *db, size_t at, cmt_slice key)
{
    return at < db->count && cmt_slice_equal(key_of(&db->pairs[at]), key);
}

static void range_positions(const memory_db *db, const cmt_range *range, size_t *lo, size_t *hi)
{
    *lo = lower_bound(db, range->lo);
    *hi = range->hi.size > 0 ? lower_bound(db, range->hi) : db->count;
    if (*hi < *lo)
        *hi = *lo;
}

static cmt_status memory_get(cmt_db *base, cmt_slice key, cmt_buf *value, cmt_error *err)
{
    const memory_db *db = (const memory_db *)base;
    size_t at = lower_bound(db, key);
    if (!holds(db, at, key))
        return CMT_NOT_FOUND;
    if (cmt_buf_set(value, value_of(&db->pairs[at])) != CMT_OK)
        return cmt_error_set(err, CMT_NO_MEMORY, "no memory for a value of %zu bytes",
                             db->pairs[at].value_size);
    return CMT_OK;
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
    size_t at = lower_bound(iter->db, key);
    return stand(iter, at > iter->lo ? at : iter->lo);
}

static cmt_status memory_iter_seek_before(cmt_db_iter *base, cmt_slice key, cmt_error *err)
{
    (void)err;
    memory_iter *iter = (memory_iter *)base;
    size_t at = lower_bound(iter->db, key);
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
    return key_of(&iter->db->pairs[iter->at]);
}

static cmt_slice memory_iter_value(const cmt_db_iter *base)
{
    const memory_iter *iter = (const memory_iter *)base;
    return value_of(&iter->db->pairs[iter->at]);
}

static void memory_iter_free(cmt_db_iter *base)
{
    free(base);
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
    memory_iter *iter = calloc(1, sizeof *iter);
    if (iter == NULL)
        return cmt_error_set(err, CMT_NO_MEMORY, "no memory for an iterator");
    iter->base.ops = &memory_iter_ops;
    iter->db = (const memory_db *)base;
    range_positions(iter->db, bounds, &iter->lo, &iter->hi);
    *out = &iter->base;
    return CMT_OK;
}

static cmt_status memory_approximate_bytes(cmt_db *base, cmt_range range, uint64_t *bytes,
                                           cmt_error *err)
{
    (void)err;
    const memory_db *db = (const memory_db *)base;
    size_t lo;
    size_t hi;
    range_positions(db, &range, &lo, &hi);
    *bytes = 0;
    for (size_t i = lo; i < hi; i++)
        *bytes += db->pairs[i].key_size + db->pairs[i].value_size;
    return CMT_OK;
}

static uint64_t memory_bytes_read(const cmt_db *base)
{
    (void)base;
    return 0;
}

static void memory_close(cmt_db *base)
{
    memory_db *db = (memory_db *)base;
    for (size_t i = 0; i < db->count; i++)
        free(db->pairs[i].bytes);
    free(db->pairs);
    free(db);
}

static const cmt_db_ops memory_ops = {
    .get = memory_get,
    .iter_new = memory_iter_new,
    .approximate_bytes = memory_approximate_bytes,
    .bytes_read = memory_bytes_read,
    .close = memory_close,
};

static cmt_status pair_make(cmt_slice key, cmt_slice value, pair *out)
{
    if (key.size > SIZE_MAX - 1 - value.size)
        return CMT_NO_MEMORY;
    uint8_t *bytes = malloc(key.size + value.size + 1); /* never of size 0 */
    if (bytes == NULL)
        return CMT_NO_MEMORY;
    if (key.size > 0)
        memcpy(bytes, key.data, key.size);
    if (value.size > 0)
        memcpy(bytes + key.size, value.data, value.size);
    *out = (pair){bytes, key.size, value.size};
    return CMT_OK;
}

static cmt_status make_room(memory_db *db)
{
    if (db->count < db->capacity)
        return CMT_OK;
    size_t capacity = db->capacity > 0 ? 2 * db->capacity : 64;
    if (capacity > SIZE_MAX / sizeof *db->pairs)
        return CMT_NO_MEMORY;
    pair *pairs = realloc(db->pairs, capacity * sizeof *pairs);
    if (pairs == NULL)
        return CMT_NO_MEMORY;
    db->pairs = pairs;
    db->capacity = capacity;
    return CMT_OK;
}

cmt_status cmt_db_open_memory(cmt_db **out, cmt_error *err)
{
    *out = NULL;
    memory_db *db = calloc(1, sizeof *db);
    if (db == NULL)
        return cmt_error_set(err, CMT_NO_MEMORY, "no memory for a database");
    db->base.ops = &memory_ops;
    *out = &db->base;
    return CMT_OK;
}

cmt_status cmt_db_memory_put(cmt_db *base, cmt_slice key, cmt_slice value)
{
    if (base->ops != &memory_ops)
        return CMT_INVALID;
    memory_db *db = (memory_db *)base;
    CMT_TRY(make_room(db));
    pair made;
    CMT_TRY(pair_make(key, value, &made));
    size_t at = lower_bound(db, key);
    if (holds(db, at, key)) {
        free(db->pairs[at].bytes);
    } else {
        memmove(&db->pairs[at + 1], &db->pairs[at], (db->count - at) * sizeof *db->pairs);
        db->count++;
    }
    db->pairs[at] = made;
    return CMT_OK;
}

void cmt_db_memory_delete(cmt_db *base, cmt_slice key)
{
    if (base->ops != &memory_ops)
        return;
    memory_db *db = (memory_db *)base;
    size_t at = lower_bound(db, key);
    if (!holds(db, at, key))
        return;
    free(db->pairs[at].bytes);
    db->count--;
    memmove(&db->pairs[at], &db->pairs[at + 1], (db->count - at) * sizeof *db->pairs);
}
