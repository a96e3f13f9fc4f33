/* SPDX-License-Identifier: Apache-2.0
 *
 * Changing a RocksDB: batches, flush, compaction with an outcome, dropping of files.
 */
#include <string.h>

#include "batch.h"
#include "rocksdb_internal.h"

static cmt_db__rocksdb *of(cmt_db *db)
{
    return (cmt_db__rocksdb *)db;
}

static void sink_put(void *to, cmt_slice key, cmt_slice value)
{
    rocksdb_writebatch_put(to, (const char *)key.data, key.size, (const char *)value.data,
                           value.size);
}

static void sink_delete(void *to, cmt_slice key)
{
    rocksdb_writebatch_delete(to, (const char *)key.data, key.size);
}

static void sink_delete_range(void *to, cmt_range range)
{
    rocksdb_writebatch_delete_range(to, (const char *)range.lo.data, range.lo.size,
                                    (const char *)range.hi.data, range.hi.size);
}

static cmt_status write_locked(cmt_db__rocksdb *db, const cmt_db_batch *batch, bool sync,
                               cmt_error *err)
{
    char *message = NULL;
    rocksdb_writebatch_t *own = rocksdb_writebatch_create();
    const cmt_db__batch_sink sink = {sink_put, sink_delete, sink_delete_range, own};
    cmt_status st = cmt_db__batch_replay(&db->base, batch, &sink, err);
    if (st == CMT_OK)
        rocksdb_write(db->db, sync ? db->write_sync : db->write, own, &message);
    rocksdb_writebatch_destroy(own);
    CMT_TRY(st);
    return message == NULL ? CMT_OK : cmt_db__rocksdb_failed(db, message, "write to", err);
}

cmt_status cmt_db__rocksdb_write(cmt_db *base, const cmt_db_batch *batch, bool sync, cmt_error *err)
{
    cmt_db__rocksdb *db = of(base);
    if (cmt_db__batch_count_of(batch, CMT_DB__DELETE_RANGE) > 0)
        pthread_rwlock_wrlock(&db->writers);
    else
        pthread_rwlock_rdlock(&db->writers);
    cmt_status st = write_locked(db, batch, sync, err);
    pthread_rwlock_unlock(&db->writers);
    return st;
}

cmt_status cmt_db__rocksdb_flush(cmt_db *base, cmt_error *err)
{
    cmt_db__rocksdb *db = of(base);
    char *message = NULL;
    rocksdb_flushoptions_t *options = rocksdb_flushoptions_create();
    rocksdb_flushoptions_set_wait(options, 1);
    rocksdb_flush(db->db, options, &message);
    rocksdb_flushoptions_destroy(options);
    return message == NULL ? CMT_OK : cmt_db__rocksdb_failed(db, message, "flush", err);
}

/* ---- compaction ------------------------------------------------------------------------------ */

/* Of BottommostLevelCompaction: also what is in the last level already, but once. */
#define FORCE_OPTIMIZED 3

static uint64_t background_errors(const cmt_db__rocksdb *db)
{
    uint64_t errors = 0;
    (void)rocksdb_property_int(db->db, "rocksdb.background-errors", &errors);
    return errors;
}

static cmt_status cancelled(const cmt_db__rocksdb *db, cmt_error *err)
{
    return cmt_error_set(err, CMT_CANCELLED, "compact %s: stopped on request", db->guard.dir);
}

/* RocksDB's call returns nothing: what it came to is told by our own flag, its count of errors, and a flush
 * behind it, which fails while the database is stopped by an error. */
cmt_status cmt_db__rocksdb_compact_range(cmt_db *base, cmt_range range, cmt_error *err)
{
    cmt_db__rocksdb *db = of(base);
    unsigned cancels = atomic_load(&db->cancels);
    uint64_t errors = background_errors(db);
    if (atomic_load(&db->cancelled))
        return cancelled(db, err);
    rocksdb_compactoptions_t *options = rocksdb_compactoptions_create();
    rocksdb_compactoptions_set_exclusive_manual_compaction(options, 0);
    /* Range deletions in the last level stand there for good, unless it is told to rewrite that, too. */
    if (db->clone && range.lo.size == 0 && range.hi.size == 0)
        rocksdb_compactoptions_set_bottommost_level_compaction(options, FORCE_OPTIMIZED);
    rocksdb_compact_range_opt(
        db->db, options, range.lo.size > 0 ? (const char *)range.lo.data : NULL, range.lo.size,
        range.hi.size > 0 ? (const char *)range.hi.data : NULL, range.hi.size);
    rocksdb_compactoptions_destroy(options);
    CMT_TRY(cmt_db__rocksdb_flush(base, err));
    if (background_errors(db) > errors)
        return cmt_error_set(
            err, CMT_IO,
            "compact %s: RocksDB met an error in the background (no space, or damage; see LOG "
            "there); close it, mend the cause, open it again",
            db->guard.dir);
    if (atomic_load(&db->cancels) != cancels)
        return cancelled(db, err);
    return CMT_OK;
}

void cmt_db__rocksdb_cancel_compaction(cmt_db *base, bool cancel)
{
    cmt_db__rocksdb *db = of(base);
    pthread_mutex_lock(&db->cancel_lock);
    bool was = atomic_exchange(&db->cancelled, cancel);
    if (cancel)
        atomic_fetch_add(&db->cancels, 1);
    if (db->db != NULL && cancel && !was) /* else it hears of it when it is opened again */
        rocksdb_disable_manual_compaction(db->db);
    else if (db->db != NULL && !cancel && was)
        rocksdb_enable_manual_compaction(db->db);
    pthread_mutex_unlock(&db->cancel_lock);
}

/* ---- dropping files -------------------------------------------------------------------------- */

#define BELOW_PADDING 64

/* The engine's bound is inclusive: a file that ends with `hi` itself, a key that lives, would go.  So the bound
 * given is a key below hi above which, but for keys that nobody has, nothing is. */
static cmt_status just_below(cmt_slice hi, cmt_buf *out)
{
    uint8_t padding[BELOW_PADDING];
    CMT_TRY(cmt_buf_set(out, hi));
    uint8_t *last = &out->data[out->size - 1];
    if (*last == 0) {
        out->size--;
        return CMT_OK;
    }
    (*last)--;
    memset(padding, 0xff, sizeof padding);
    return cmt_buf_append(out, padding, sizeof padding);
}

static cmt_status delete_range_synced(cmt_db *base, cmt_range range, cmt_error *err)
{
    cmt_db_batch *batch;
    CMT_TRY(cmt_db_batch_new(&batch, err));
    cmt_status st = cmt_db_batch_delete_range(batch, range, err);
    if (st == CMT_OK)
        st = cmt_db__rocksdb_write(base, batch, true, err);
    cmt_db_batch_free(batch);
    return st;
}

/* A file that goes may hold the tombstone that hides older versions in a file that stays.  So the range gets one
 * that lies above all files before, and, should a compaction have carried that down in between, one more
 * after. */
cmt_status cmt_db__rocksdb_drop_files(cmt_db *base, cmt_range range, cmt_error *err)
{
    cmt_db__rocksdb *db = of(base);
    cmt_buf end = CMT_BUF_INIT;
    if (range.hi.size > 0 && just_below(range.hi, &end) != CMT_OK) {
        cmt_buf_free(&end);
        return cmt_error_set(err, CMT_NO_MEMORY, "no memory for a key");
    }
    char *message = NULL;
    cmt_status st = delete_range_synced(base, range, err);
    if (st == CMT_OK)
        rocksdb_delete_file_in_range(
            db->db, range.lo.size > 0 ? (const char *)range.lo.data : NULL, range.lo.size,
            range.hi.size > 0 ? (const char *)end.data : NULL, end.size, &message);
    cmt_buf_free(&end);
    CMT_TRY(st);
    if (message != NULL)
        return cmt_db__rocksdb_failed(db, message, "drop files of", err);
    return delete_range_synced(base, range, err);
}
