/* SPDX-License-Identifier: Apache-2.0
 *
 * The database interface: hands each call to the backend.
 */
#include "cmtstore/db.h"

#include "db_internal.h"

void cmt_db_close(cmt_db *db)
{
    if (db != NULL)
        db->ops->close(db);
}

cmt_status cmt_db_get(cmt_db *db, cmt_slice key, cmt_buf *value, cmt_error *err)
{
    return db->ops->get(db, key, value, err);
}

cmt_status cmt_db_iter_new(cmt_db *db, const cmt_range *bounds, cmt_db_iter **out, cmt_error *err)
{
    static const cmt_range everything = {{NULL, 0}, {NULL, 0}};
    *out = NULL;
    return db->ops->iter_new(db, bounds != NULL ? bounds : &everything, out, err);
}

void cmt_db_iter_free(cmt_db_iter *iter)
{
    if (iter != NULL)
        iter->ops->free(iter);
}

static cmt_status moved(cmt_db_iter *iter, cmt_status status)
{
    iter->standing = status == CMT_OK;
    return status;
}

cmt_status cmt_db_iter_first(cmt_db_iter *iter, cmt_error *err)
{
    return moved(iter, iter->ops->first(iter, err));
}

cmt_status cmt_db_iter_last(cmt_db_iter *iter, cmt_error *err)
{
    return moved(iter, iter->ops->last(iter, err));
}

cmt_status cmt_db_iter_seek(cmt_db_iter *iter, cmt_slice key, cmt_error *err)
{
    return moved(iter, iter->ops->seek(iter, key, err));
}

cmt_status cmt_db_iter_seek_before(cmt_db_iter *iter, cmt_slice key, cmt_error *err)
{
    return moved(iter, iter->ops->seek_before(iter, key, err));
}

cmt_status cmt_db_iter_next(cmt_db_iter *iter, cmt_error *err)
{
    if (!iter->standing)
        return cmt_error_set(err, CMT_INVALID, "next: the iterator stands nowhere");
    return moved(iter, iter->ops->next(iter, err));
}

cmt_status cmt_db_iter_prev(cmt_db_iter *iter, cmt_error *err)
{
    if (!iter->standing)
        return cmt_error_set(err, CMT_INVALID, "prev: the iterator stands nowhere");
    return moved(iter, iter->ops->prev(iter, err));
}

cmt_slice cmt_db_iter_key(const cmt_db_iter *iter)
{
    return iter->standing ? iter->ops->key(iter) : (cmt_slice){NULL, 0};
}

cmt_slice cmt_db_iter_value(const cmt_db_iter *iter)
{
    return iter->standing ? iter->ops->value(iter) : (cmt_slice){NULL, 0};
}

cmt_status cmt_db_approximate_bytes(cmt_db *db, cmt_range range, uint64_t *bytes, cmt_error *err)
{
    return db->ops->approximate_bytes(db, range, bytes, err);
}

void cmt_db_will_need(cmt_db *db, cmt_range range)
{
    if (db->ops->will_need != NULL)
        db->ops->will_need(db, range);
}

uint64_t cmt_db_bytes_read(const cmt_db *db)
{
    return db->ops->bytes_read(db);
}
