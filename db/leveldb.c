/* SPDX-License-Identifier: Apache-2.0
 *
 * C++ LevelDB behind cmt_db, through its C library.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cmtstore/lsm.h"

#include "batch.h"
#include "leveldb_internal.h"
#include "marker.h"

static cmt_db__leveldb *of(cmt_db *db)
{
    return (cmt_db__leveldb *)db;
}

cmt_status cmt_db__leveldb_failed(const cmt_db__leveldb *db, char *message, const char *what,
                                  cmt_error *err)
{
    cmt_status st = cmt_db__engine_failed(message, what, db->guard.dir, err);
    leveldb_free(message);
    return st;
}

/* ---- reading --------------------------------------------------------------------------------- */

static cmt_status level_get(cmt_db *base, cmt_slice key, cmt_buf *value, cmt_error *err)
{
    cmt_db__leveldb *db = of(base);
    char *message = NULL;
    size_t size = 0;
    char *found = leveldb_get(db->db, db->read, (const char *)key.data, key.size, &size, &message);
    atomic_fetch_add_explicit(&db->bytes_read, CMT_DB__BLOCK_BYTES + size, memory_order_relaxed);
    if (message != NULL)
        return cmt_db__leveldb_failed(db, message, "read", err);
    if (found == NULL)
        return CMT_NOT_FOUND;
    cmt_status st = cmt_buf_set(value, (cmt_slice){(const uint8_t *)found, size});
    leveldb_free(found);
    return st == CMT_OK ? CMT_OK
                        : cmt_error_set(err, st, "no memory for a value of %zu bytes", size);
}

/* Behind every key that anybody has. */
static const char beyond[] = "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"
                             "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff";

static cmt_status level_approximate_bytes(cmt_db *base, cmt_range range, uint64_t *bytes,
                                          cmt_error *err)
{
    (void)err;
    const char *lo = range.lo.size > 0 ? (const char *)range.lo.data : "";
    const char *hi = range.hi.size > 0 ? (const char *)range.hi.data : beyond;
    size_t hi_size = range.hi.size > 0 ? range.hi.size : sizeof beyond - 1;
    *bytes = 0;
    if (range.hi.size == 0 || cmt_slice_compare(range.lo, range.hi) < 0)
        leveldb_approximate_sizes(of(base)->db, 1, &lo, &range.lo.size, &hi, &hi_size, bytes);
    return CMT_OK;
}

static uint64_t level_bytes_read(const cmt_db *base)
{
    return atomic_load_explicit(&((const cmt_db__leveldb *)base)->bytes_read, memory_order_relaxed);
}

static cmt_status level_get_stats(cmt_db *base, cmt_db_stats *out, cmt_error *err)
{
    cmt_db__leveldb *db = of(base);
    char *text = leveldb_property_value(db->db, "leveldb.sstables");
    if (text == NULL)
        return cmt_error_set(err, CMT_IO, "LevelDB does not list the tables of %s", db->guard.dir);
    char *at = text;
    unsigned level = 0;
    cmt_db__leveldb_table table;
    while (cmt_db__leveldb_next_table(&at, &level, &table))
        if (table.level < CMT_DB_LEVELS) {
            out->tables[table.level]++;
            out->table_bytes[table.level] += table.bytes;
        }
    leveldb_free(text);
    uint64_t newest;
    return cmt_db__guard_logs(&db->guard, &out->log_bytes, &newest, err);
}

/* ---- writing --------------------------------------------------------------------------------- */

static void sink_put(void *to, cmt_slice key, cmt_slice value)
{
    leveldb_writebatch_put(to, (const char *)key.data, key.size, (const char *)value.data,
                           value.size);
}

static void sink_delete(void *to, cmt_slice key)
{
    leveldb_writebatch_delete(to, (const char *)key.data, key.size);
}

/*
 * LevelDB syncs a log, but not the directory that a new log's name stands in.  So behind a synced write the
 * directory is synced when its time has changed since; a time that is not yet past may change once more
 * unseen, and counts as not synced.
 */
static cmt_status sync_directory(cmt_db__leveldb *db, cmt_error *err)
{
    struct stat st;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME_COARSE, &now);
    if (fstat(db->guard.dir_fd, &st) != 0)
        return cmt_error_set(err, CMT_IO, "stat %s: %s", db->guard.dir, strerror(errno));
    const struct timespec *changed = &st.st_mtim;
    pthread_mutex_lock(&db->dir_lock);
    bool synced =
        changed->tv_sec == db->dir_synced.tv_sec && changed->tv_nsec == db->dir_synced.tv_nsec;
    pthread_mutex_unlock(&db->dir_lock);
    if (synced)
        return CMT_OK;
    CMT_TRY(cmt_dir_sync(db->guard.dir_fd, db->guard.dir, err));
    if (changed->tv_sec < now.tv_sec ||
        (changed->tv_sec == now.tv_sec && changed->tv_nsec < now.tv_nsec)) {
        pthread_mutex_lock(&db->dir_lock);
        db->dir_synced = *changed;
        pthread_mutex_unlock(&db->dir_lock);
    }
    return CMT_OK;
}

static cmt_status write_locked(cmt_db__leveldb *db, const cmt_db_batch *batch, bool sync,
                               cmt_error *err)
{
    char *message = NULL;
    leveldb_writebatch_t *own = leveldb_writebatch_create();
    const cmt_db__batch_sink sink = {sink_put, sink_delete, NULL, own};
    cmt_status st = cmt_db__batch_replay(&db->base, batch, &sink, err);
    if (st == CMT_OK)
        leveldb_write(db->db, sync ? db->write_sync : db->write, own, &message);
    leveldb_writebatch_destroy(own);
    CMT_TRY(st);
    if (message != NULL)
        return cmt_db__leveldb_failed(db, message, "write to", err);
    if (cmt_db__batch_count_of(batch, CMT_DB__DELETE) > 0 ||
        cmt_db__batch_count_of(batch, CMT_DB__DELETE_RANGE) > 0)
        atomic_fetch_add(&db->deletions,
                         1); /* behind the write: whoever reads it finds that done */
    return CMT_OK;
}

static cmt_status level_write(cmt_db *base, const cmt_db_batch *batch, bool sync, cmt_error *err)
{
    cmt_db__leveldb *db = of(base);
    if (cmt_db__batch_count_of(batch, CMT_DB__DELETE_RANGE) > 0)
        pthread_rwlock_wrlock(&db->writers);
    else
        pthread_rwlock_rdlock(&db->writers);
    cmt_status st = write_locked(db, batch, sync, err);
    pthread_rwlock_unlock(&db->writers);
    CMT_TRY(st);
    return sync ? sync_directory(db, err) : CMT_OK;
}

static cmt_status level_flush(cmt_db *base, cmt_error *err)
{
    cmt_db__leveldb *db = of(base);
    pthread_rwlock_wrlock(&db->writers);
    cmt_status st = cmt_db__leveldb_flush_alone(db, err);
    pthread_rwlock_unlock(&db->writers);
    return st;
}

static void level_cancel_compaction(cmt_db *base, bool cancel)
{
    cmt_db__leveldb *db = of(base);
    if (cancel)
        atomic_fetch_add(&db->cancels, 1);
    atomic_store(&db->cancelled, cancel);
}

/* ---- opening and closing ---------------------------------------------------------------------- */

/* Where no caller can be told any more. */
static void report(const cmt_db__leveldb *db, cmt_status status, const cmt_error *err)
{
    if (status != CMT_OK)
        cmt_log(db->guard.logger, CMT_LOG_ERROR, "closing a database  err=%s", err->message);
}

static void free_parts(cmt_db__leveldb *db)
{
    leveldb_readoptions_destroy(db->read);
    leveldb_writeoptions_destroy(db->write);
    leveldb_writeoptions_destroy(db->write_sync);
    leveldb_options_destroy(db->options);
    leveldb_cache_destroy(db->cache);
    pthread_rwlock_destroy(&db->writers);
    pthread_mutex_destroy(&db->dir_lock);
    cmt_db__guard_close(&db->guard);
    free(db);
}

/* A compaction that ran when the engine closed leaves the table it was writing; only the next opening would remove it. */
static cmt_status remove_unnamed(const cmt_db__leveldb *db, cmt_error *err)
{
    const cmt_lsm_edit_options options = {.name = "a closed database"};
    cmt_lsm_retired retired;
    cmt_lsm_edit *edit;
    CMT_TRY(cmt_lsm_edit_open(db->guard.dir, &options, &edit, err));
    cmt_status st = cmt_lsm_edit_retire(edit, NULL, &retired, err);
    cmt_lsm_edit_free(edit);
    return st;
}

static void level_close(cmt_db *base)
{
    cmt_db__leveldb *db = of(base);
    cmt_error err = CMT_ERROR_INIT;
    cmt_status flushed = CMT_IO; /* unless the engine is open */
    if (db->db != NULL) {
        flushed = level_flush(base, &err);
        report(db, flushed, &err);
        leveldb_close(db->db);
        report(db, cmt_db__guard_restore_owner(&db->guard, &err), &err);
    }
    if (flushed == CMT_OK && !db->is_copy) {
        report(db, remove_unnamed(db, &err), &err);
        report(db, cmt_db__marker_clear(db->guard.dir, &err), &err);
    }
    free_parts(db);
}

static const cmt_db_ops level_ops = {
    .get = level_get,
    .iter_new = cmt_db__leveldb_iter_new,
    .approximate_bytes = level_approximate_bytes,
    .bytes_read = level_bytes_read,
    .close = level_close,
    .write = level_write,
    .flush = level_flush,
    .compact_range = cmt_db__leveldb_compact_range,
    .cancel_compaction = level_cancel_compaction,
    .get_stats = level_get_stats,
    .capabilities = CMT_DB_WRITABLE | CMT_DB_SHARED,
    .rewrite = &cmt_db__leveldb_rewrite_ops,
};

static void set_options(cmt_db__leveldb *db, const cmt_db_open_options *options)
{
    db->step_bytes =
        options->compact_step_bytes > 0 ? options->compact_step_bytes : CMT_DB__STEP_BYTES;
    db->cache = leveldb_cache_create_lru(options->cache_bytes > 0 ? options->cache_bytes
                                                                  : CMT_DB__CACHE_BYTES);
    db->options = leveldb_options_create();
    leveldb_options_set_paranoid_checks(db->options, 1);
    leveldb_options_set_create_if_missing(db->options, options->create);
    leveldb_options_set_cache(db->options, db->cache);
    /* A small memtable makes writers wait while the one background thread is at a compaction. */
    leveldb_options_set_write_buffer_size(db->options, options->write_buffer_bytes > 0
                                                           ? options->write_buffer_bytes
                                                           : CMT_DB__WRITE_BUFFER_BYTES);
    leveldb_options_set_max_open_files(db->options, cmt_db__open_files(options));
    leveldb_options_set_compression(db->options, leveldb_snappy_compression);
    db->read = leveldb_readoptions_create();
    leveldb_readoptions_set_verify_checksums(db->read, 1);
    db->write = leveldb_writeoptions_create();
    db->write_sync = leveldb_writeoptions_create();
    leveldb_writeoptions_set_sync(db->write_sync, 1);
}

static cmt_status open_engine(cmt_db__leveldb *db, cmt_error *err)
{
    char *message = NULL;
    bool was_marked = false;
    if (!db->is_copy) {
        CMT_TRY(cmt_db_needs_heal(db->guard.dir, &was_marked, err));
        CMT_TRY(cmt_db__marker_set(db->guard.dir, err));
    }
    db->db = leveldb_open(db->options, db->guard.dir, &message);
    if (message != NULL) {
        cmt_error other = CMT_ERROR_INIT;
        cmt_status st = cmt_db__leveldb_failed(db, message, "open", err);
        report(db, cmt_db__guard_restore_owner(&db->guard, &other), &other);
        /* What is refused was not written to; what failed on the way may have been. */
        if (!was_marked && !db->is_copy &&
            (st == CMT_BUSY || st == CMT_CORRUPT || st == CMT_UNSUPPORTED))
            report(db, cmt_db__marker_clear(db->guard.dir, &other), &other);
        return st;
    }
    cmt_status st = cmt_db__guard_restore_owner(&db->guard, err);
    if (st != CMT_OK)
        leveldb_close(db->db);
    return st;
}

static cmt_status open_database(const char *dir, const cmt_db_open_options *options,
                                const cmt_db__leveldb *like, cmt_db **out, cmt_error *err)
{
    cmt_db__leveldb *db = calloc(1, sizeof *db);
    if (db == NULL)
        return cmt_error_set(err, CMT_NO_MEMORY, "no memory for a database");
    db->base.ops = &level_ops;
    db->opened_with = *options;
    db->is_copy = like != NULL;
    cmt_status st = cmt_db__guard_open(dir, options, &db->guard, err);
    if (st != CMT_OK) {
        free(db);
        return st;
    }
    if (like != NULL)
        db->guard.owner = like->guard.owner;
    pthread_rwlock_init(&db->writers, NULL);
    pthread_mutex_init(&db->dir_lock, NULL);
    set_options(db, options);
    st = open_engine(db, err);
    if (st != CMT_OK) {
        free_parts(db);
        return st;
    }
    *out = &db->base;
    return CMT_OK;
}

cmt_status cmt_db__open_leveldb(const char *dir, const cmt_db_open_options *options, cmt_db **out,
                                cmt_error *err)
{
    return open_database(dir, options, NULL, out, err);
}

cmt_status cmt_db__leveldb_open_copy(cmt_db__leveldb *like, const char *dir, cmt_db **out,
                                     cmt_error *err)
{
    cmt_db_open_options options = like->opened_with;
    options.create = true;
    return open_database(dir, &options, like, out, err);
}
