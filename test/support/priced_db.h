/* SPDX-License-Identifier: Apache-2.0
 *
 * A database whose reads cost something, and whose reads fail: a wrapper around another.
 */
#ifndef CMT_TEST_PRICED_DB_H
#define CMT_TEST_PRICED_DB_H

#include "db_internal.h"

#include <stdlib.h>

typedef struct priced_db {
    cmt_db base;
    cmt_db *inner;      /* does the work; not closed with this one */
    uint64_t cost;      /* bytes read by each get and each move of an iterator */
    uint64_t read;      /* so far */
    uint64_t moves;     /* so far */
    uint64_t fail_from; /* the move with this number and later ones fail; 0: none do */
} priced_db;

typedef struct priced_iter {
    cmt_db_iter base;
    priced_db *db;
    cmt_db_iter *inner;
} priced_iter;

static inline cmt_status priced_pay(priced_db *db, cmt_error *err)
{
    db->read += db->cost;
    db->moves++;
    if (db->fail_from > 0 && db->moves >= db->fail_from)
        return cmt_error_set(err, CMT_IO, "read failed");
    return CMT_OK;
}

static inline cmt_status priced_first(cmt_db_iter *base, cmt_error *err)
{
    priced_iter *iter = (priced_iter *)base;
    CMT_TRY(priced_pay(iter->db, err));
    return cmt_db_iter_first(iter->inner, err);
}

static inline cmt_status priced_last(cmt_db_iter *base, cmt_error *err)
{
    priced_iter *iter = (priced_iter *)base;
    CMT_TRY(priced_pay(iter->db, err));
    return cmt_db_iter_last(iter->inner, err);
}

static inline cmt_status priced_seek(cmt_db_iter *base, cmt_slice key, cmt_error *err)
{
    priced_iter *iter = (priced_iter *)base;
    CMT_TRY(priced_pay(iter->db, err));
    return cmt_db_iter_seek(iter->inner, key, err);
}

static inline cmt_status priced_seek_before(cmt_db_iter *base, cmt_slice key, cmt_error *err)
{
    priced_iter *iter = (priced_iter *)base;
    CMT_TRY(priced_pay(iter->db, err));
    return cmt_db_iter_seek_before(iter->inner, key, err);
}

static inline cmt_status priced_next(cmt_db_iter *base, cmt_error *err)
{
    priced_iter *iter = (priced_iter *)base;
    CMT_TRY(priced_pay(iter->db, err));
    return cmt_db_iter_next(iter->inner, err);
}

static inline cmt_status priced_prev(cmt_db_iter *base, cmt_error *err)
{
    priced_iter *iter = (priced_iter *)base;
    CMT_TRY(priced_pay(iter->db, err));
    return cmt_db_iter_prev(iter->inner, err);
}

static inline cmt_slice priced_key(const cmt_db_iter *base)
{
    return cmt_db_iter_key(((const priced_iter *)base)->inner);
}

static inline cmt_slice priced_value(const cmt_db_iter *base)
{
    return cmt_db_iter_value(((const priced_iter *)base)->inner);
}

static inline void priced_free(cmt_db_iter *base)
{
    cmt_db_iter_free(((priced_iter *)base)->inner);
    free(base);
}

static const cmt_db_iter_ops priced_iter_ops = {
    .first = priced_first,
    .last = priced_last,
    .seek = priced_seek,
    .seek_before = priced_seek_before,
    .next = priced_next,
    .prev = priced_prev,
    .key = priced_key,
    .value = priced_value,
    .free = priced_free,
};

static inline cmt_status priced_iter_new(cmt_db *base, const cmt_range *bounds, cmt_db_iter **out,
                                         cmt_error *err)
{
    priced_db *db = (priced_db *)base;
    priced_iter *iter = calloc(1, sizeof *iter);
    if (iter == NULL)
        return cmt_error_set(err, CMT_NO_MEMORY, "no memory for an iterator");
    iter->base.ops = &priced_iter_ops;
    iter->db = db;
    cmt_status st = cmt_db_iter_new(db->inner, bounds, &iter->inner, err);
    if (st != CMT_OK) {
        free(iter);
        return st;
    }
    *out = &iter->base;
    return CMT_OK;
}

static inline cmt_status priced_get(cmt_db *base, cmt_slice key, cmt_buf *value, cmt_error *err)
{
    priced_db *db = (priced_db *)base;
    CMT_TRY(priced_pay(db, err));
    return cmt_db_get(db->inner, key, value, err);
}

static inline cmt_status priced_approximate_bytes(cmt_db *base, cmt_range range, uint64_t *bytes,
                                                  cmt_error *err)
{
    return cmt_db_approximate_bytes(((priced_db *)base)->inner, range, bytes, err);
}

static inline uint64_t priced_bytes_read(const cmt_db *base)
{
    return ((const priced_db *)base)->read;
}

static inline void priced_close(cmt_db *base)
{
    (void)base;
}

static const cmt_db_ops priced_db_ops = {
    .get = priced_get,
    .iter_new = priced_iter_new,
    .approximate_bytes = priced_approximate_bytes,
    .bytes_read = priced_bytes_read,
    .close = priced_close,
};

/** Wrap @p inner.  No need to close it. */
static inline priced_db priced_db_over(cmt_db *inner)
{
    return (priced_db){.base = {.ops = &priced_db_ops}, .inner = inner};
}

#endif
