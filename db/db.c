/* SPDX-License-Identifier: Apache-2.0
 *
 * The database interface: hands each call to the backend, through the gates that let the engine be exchanged.
 */
#include "cmtstore/db.h"

#include "db_internal.h"
#include "recorder.h"

static cmt_status enter(cmt_db *db, cmt_error *err)
{
    cmt_db__gate_enter(&db->access.calls);
    if (!atomic_load(&db->access.lost))
        return CMT_OK;
    cmt_db__gate_leave(&db->access.calls);
    return cmt_error_set(
        err, CMT_IO,
        "the database could not be opened again after it was written anew: close it, "
        "see what is wrong, open it");
}

static cmt_status left(cmt_db *db, cmt_status status)
{
    cmt_db__gate_leave(&db->access.calls);
    return status;
}

cmt_status cmt_db_get(cmt_db *db, cmt_slice key, cmt_buf *value, cmt_error *err)
{
    CMT_TRY(enter(db, err));
    return left(db, db->ops->get(db, key, value, err));
}

cmt_status cmt_db_iter_new(cmt_db *db, const cmt_range *bounds, cmt_db_iter **out, cmt_error *err)
{
    static const cmt_range everything = {{NULL, 0}, {NULL, 0}};
    *out = NULL;
    cmt_db__gate_enter(&db->access.stays);
    cmt_status st = enter(db, err);
    if (st == CMT_OK)
        st = left(db, db->ops->iter_new(db, bounds != NULL ? bounds : &everything, out, err));
    if (st == CMT_OK)
        (*out)->db = db;
    else
        cmt_db__gate_leave(&db->access.stays);
    return st;
}

void cmt_db_iter_free(cmt_db_iter *iter)
{
    if (iter == NULL)
        return;
    cmt_db *db = iter->db;
    iter->ops->free(iter);
    cmt_db__gate_leave(&db->access.stays);
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
    CMT_TRY(enter(db, err));
    return left(db, db->ops->approximate_bytes(db, range, bytes, err));
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

unsigned cmt_db_capabilities(const cmt_db *db)
{
    return db->ops->capabilities;
}

static cmt_status require(const cmt_db *db, cmt_db_capability capability, const char *what,
                          cmt_error *err)
{
    if ((db->ops->capabilities & (unsigned)capability) != 0)
        return CMT_OK;
    return cmt_error_set(err, CMT_UNSUPPORTED, "%s: this database %s", what,
                         capability == CMT_DB_WRITABLE ? "is open for reading only"
                                                       : "cannot drop files");
}

static bool range_is_empty(cmt_range range)
{
    return range.hi.size > 0 && cmt_slice_compare(range.lo, range.hi) >= 0;
}

cmt_status cmt_db_write(cmt_db *db, const cmt_db_batch *batch, bool sync, cmt_error *err)
{
    CMT_TRY(require(db, CMT_DB_WRITABLE, "write", err));
    if (cmt_db_batch_count(batch) == 0)
        return CMT_OK;
    cmt_db__gate_enter(&db->access.writers);
    cmt_status st = enter(db, err);
    if (st == CMT_OK)
        st = left(db, db->ops->write(db, batch, sync && !db->unsynced, err));
    /* Behind the write, so that who takes the record finds it done.  One that failed counts as done. */
    if (db->access.recorder != NULL)
        cmt_db__recorder_note(db->access.recorder, batch);
    cmt_db__gate_leave(&db->access.writers);
    return st;
}

cmt_status cmt_db_flush(cmt_db *db, cmt_error *err)
{
    CMT_TRY(require(db, CMT_DB_WRITABLE, "flush", err));
    CMT_TRY(enter(db, err));
    return left(db, db->ops->flush(db, err));
}

cmt_status cmt_db_compact_range(cmt_db *db, cmt_range range, cmt_error *err)
{
    CMT_TRY(require(db, CMT_DB_WRITABLE, "compact", err));
    if (range_is_empty(range))
        return CMT_OK;
    cmt_db__gate_enter(&db->access.stays); /* not `calls`: it may take long */
    cmt_status st = enter(db, err);
    if (st == CMT_OK)
        st = left(db, CMT_OK);
    if (st == CMT_OK)
        st = db->ops->compact_range(db, range, err);
    cmt_db__gate_leave(&db->access.stays);
    return st;
}

cmt_status cmt_db_drop_files(cmt_db *db, cmt_range range, cmt_error *err)
{
    CMT_TRY(require(db, CMT_DB_WRITABLE, "drop files", err));
    CMT_TRY(require(db, CMT_DB_DROP_FILES, "drop files", err));
    if (range_is_empty(range))
        return CMT_OK;
    cmt_db__gate_enter(&db->access.writers);
    cmt_status st = enter(db, err);
    if (st == CMT_OK)
        st = left(db, db->ops->drop_files(db, range, err));
    if (db->access.recorder != NULL)
        cmt_db__recorder_note_range(db->access.recorder, range);
    cmt_db__gate_leave(&db->access.writers);
    return st;
}

cmt_status cmt_db_get_stats(cmt_db *db, cmt_db_stats *out, cmt_error *err)
{
    cmt_db_stats stats = {0};
    CMT_TRY(enter(db, err));
    CMT_TRY(left(db, db->ops->get_stats(db, &stats, err)));
    *out = stats;
    return CMT_OK;
}
