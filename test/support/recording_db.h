/* SPDX-License-Identifier: Apache-2.0
 *
 * A wrapper around a database in memory that notes what is written, and drops files as an engine would:
 * every key of the range is gone.
 */
#ifndef CMT_TEST_RECORDING_DB_H
#define CMT_TEST_RECORDING_DB_H

#include "db_internal.h"

typedef struct recording_db {
    cmt_db base;
    cmt_db_ops ops; /* with capabilities of its own */
    cmt_db *inner;  /* not closed with this one */
    uint64_t writes;
    uint64_t unsynced;
    size_t largest; /* changes of a batch */
    size_t largest_bytes;
    uint64_t flushes;
    uint64_t drops;
    uint64_t drops_unflushed; /* with writes since the last flush */
    uint64_t writes_at_flush;
    uint64_t fail_at; /* the write with this number fails; 0: none does */
    void (*on_write)(void *context, uint64_t number); /* before each; NULL: nobody is told */
    void *context;
} recording_db;

static inline cmt_status recording_get(cmt_db *db, cmt_slice key, cmt_buf *value, cmt_error *err)
{
    return cmt_db_get(((recording_db *)db)->inner, key, value, err);
}

static inline cmt_status recording_iter_new(cmt_db *db, const cmt_range *bounds, cmt_db_iter **out,
                                            cmt_error *err)
{
    return cmt_db_iter_new(((recording_db *)db)->inner, bounds, out, err);
}

static inline cmt_status recording_bytes(cmt_db *db, cmt_range range, uint64_t *bytes,
                                         cmt_error *err)
{
    return cmt_db_approximate_bytes(((recording_db *)db)->inner, range, bytes, err);
}

static inline uint64_t recording_bytes_read(const cmt_db *db)
{
    (void)db;
    return 0;
}

static inline cmt_status recording_write(cmt_db *db, const cmt_db_batch *batch, bool sync,
                                         cmt_error *err)
{
    recording_db *r = (recording_db *)db;
    r->writes++;
    if (r->on_write != NULL)
        r->on_write(r->context, r->writes);
    if (r->writes == r->fail_at)
        return cmt_error_set(err, CMT_NO_SPACE, "no space for this write");
    r->unsynced += !sync;
    if (cmt_db_batch_count(batch) > r->largest)
        r->largest = cmt_db_batch_count(batch);
    if (cmt_db_batch_bytes(batch) > r->largest_bytes)
        r->largest_bytes = cmt_db_batch_bytes(batch);
    return cmt_db_write(r->inner, batch, sync, err);
}

static inline cmt_status recording_flush(cmt_db *db, cmt_error *err)
{
    recording_db *r = (recording_db *)db;
    (void)err;
    r->flushes++;
    r->writes_at_flush = r->writes;
    return CMT_OK;
}

static inline cmt_status recording_drop(cmt_db *db, cmt_range range, cmt_error *err)
{
    recording_db *r = (recording_db *)db;
    cmt_db_batch *batch;
    r->drops++;
    r->drops_unflushed += r->writes != r->writes_at_flush;
    CMT_TRY(cmt_db_batch_new(&batch, err));
    cmt_status st = cmt_db_batch_delete_range(batch, range, err);
    if (st == CMT_OK)
        st = cmt_db_write(r->inner, batch, true, err);
    cmt_db_batch_free(batch);
    return st;
}

static inline void recording_close(cmt_db *db)
{
    (void)db;
}

/** Wrap @p inner, which can be written to; @p r lives as long as the database is used. */
static inline cmt_db *recording_over(recording_db *r, cmt_db *inner, unsigned capabilities)
{
    *r = (recording_db){.inner = inner,
                        .ops = {.get = recording_get,
                                .iter_new = recording_iter_new,
                                .approximate_bytes = recording_bytes,
                                .bytes_read = recording_bytes_read,
                                .close = recording_close,
                                .write = recording_write,
                                .flush = recording_flush,
                                .drop_files = recording_drop,
                                .capabilities = capabilities}};
    r->base.ops = &r->ops;
    return &r->base;
}

#endif
