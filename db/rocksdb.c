/* SPDX-License-Identifier: Apache-2.0
 *
 * RocksDB behind cmt_db, through its C library.
 */
#include <stdlib.h>
#include <string.h>

#include "rocksdb_internal.h"

static cmt_db__rocksdb *of(cmt_db *db)
{
    return (cmt_db__rocksdb *)db;
}

cmt_status cmt_db__rocksdb_failed(const cmt_db__rocksdb *db, char *message, const char *what,
                                  cmt_error *err)
{
    cmt_status st;
    if (db->read_only && strstr(message, "No such file or directory") != NULL)
        st = cmt_error_set(err, CMT_STALE, "%s changed while it was read: %s", db->guard.dir,
                           message);
    else
        st = cmt_db__engine_failed(message, what, db->guard.dir, err);
    rocksdb_free(message);
    return st;
}

static cmt_status rocks_get(cmt_db *base, cmt_slice key, cmt_buf *value, cmt_error *err)
{
    cmt_db__rocksdb *db = of(base);
    char *message = NULL;
    size_t size = 0;
    rocksdb_pinnableslice_t *found =
        rocksdb_get_pinned(db->db, db->read, (const char *)key.data, key.size, &message);
    if (message != NULL)
        return cmt_db__rocksdb_failed(db, message, "read", err);
    cmt_status st = CMT_NOT_FOUND;
    if (found != NULL) {
        const char *data = rocksdb_pinnableslice_value(found, &size);
        st = cmt_buf_set(value, (cmt_slice){(const uint8_t *)data, size});
        rocksdb_pinnableslice_destroy(found);
    }
    atomic_fetch_add_explicit(&db->bytes_read, CMT_DB__BLOCK_BYTES + size, memory_order_relaxed);
    return st == CMT_NO_MEMORY ? cmt_error_set(err, st, "no memory for a value of %zu bytes", size)
                               : st;
}

/* Behind every key that anybody has. */
static const char beyond[] = "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"
                             "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff";

static cmt_status rocks_approximate_bytes(cmt_db *base, cmt_range range, uint64_t *bytes,
                                          cmt_error *err)
{
    cmt_db__rocksdb *db = of(base);
    const char *lo = range.lo.size > 0 ? (const char *)range.lo.data : "";
    const char *hi = range.hi.size > 0 ? (const char *)range.hi.data : beyond;
    size_t hi_size = range.hi.size > 0 ? range.hi.size : sizeof beyond - 1;
    char *message = NULL;
    *bytes = 0;
    if (range.hi.size == 0 || cmt_slice_compare(range.lo, range.hi) < 0)
        rocksdb_approximate_sizes(db->db, 1, &lo, &range.lo.size, &hi, &hi_size, bytes, &message);
    return message == NULL ? CMT_OK : cmt_db__rocksdb_failed(db, message, "measure", err);
}

static uint64_t rocks_bytes_read(const cmt_db *base)
{
    return atomic_load_explicit(&((const cmt_db__rocksdb *)base)->bytes_read, memory_order_relaxed);
}

/* ---- opening and closing ---------------------------------------------------------------------- */

static void free_parts(cmt_db__rocksdb *db)
{
    cmt_db__rocksdb_free_options(db);
    pthread_rwlock_destroy(&db->writers);
    pthread_mutex_destroy(&db->cancel_lock);
    pthread_mutex_destroy(&db->counts_lock);
    cmt_db__guard_close(&db->guard);
    free(db);
}

/* Where no caller can be told any more. */
static void restore_owner(const cmt_db__rocksdb *db)
{
    cmt_error err = CMT_ERROR_INIT;
    if (cmt_db__guard_restore_owner(&db->guard, &err) != CMT_OK)
        cmt_log(db->guard.logger, CMT_LOG_ERROR, "closing a database  err=%s", err.message);
}

static void rocks_close(cmt_db *base)
{
    cmt_db__rocksdb *db = of(base);
    if (db->db != NULL) {
        rocksdb_close(db->db);
        if (!db->read_only && !db->clone)
            restore_owner(db);
    }
    free_parts(db);
}

static const cmt_db_ops rocks_ops = {
    .get = rocks_get,
    .iter_new = cmt_db__rocksdb_iter_new,
    .approximate_bytes = rocks_approximate_bytes,
    .bytes_read = rocks_bytes_read,
    .close = rocks_close,
    .write = cmt_db__rocksdb_write,
    .flush = cmt_db__rocksdb_flush,
    .compact_range = cmt_db__rocksdb_compact_range,
    .cancel_compaction = cmt_db__rocksdb_cancel_compaction,
    .drop_files = cmt_db__rocksdb_drop_files,
    .get_stats = cmt_db__rocksdb_get_stats,
    .capabilities = CMT_DB_WRITABLE | CMT_DB_RANGE_DELETE | CMT_DB_DROP_FILES | CMT_DB_SHARED,
    .rewrite = &cmt_db__rocksdb_rewrite_ops,
};

static const cmt_db_ops rocks_read_only_ops = {
    .get = rocks_get,
    .iter_new = cmt_db__rocksdb_iter_new,
    .approximate_bytes = rocks_approximate_bytes,
    .bytes_read = rocks_bytes_read,
    .close = rocks_close,
    .get_stats = cmt_db__rocksdb_get_stats,
    .capabilities = CMT_DB_SHARED,
};

/* All but the engine's own opening. */
static cmt_status prepare(const char *dir, const cmt_db_open_options *options,
                          const cmt_db__rocksdb *like, cmt_db__rocksdb **out, cmt_error *err)
{
    cmt_db__rocksdb *db = calloc(1, sizeof *db);
    if (db == NULL)
        return cmt_error_set(err, CMT_NO_MEMORY, "no memory for a database");
    db->base.ops = options->read_only ? &rocks_read_only_ops : &rocks_ops;
    db->read_only = options->read_only;
    db->opened_with = *options;
    cmt_status st = cmt_db__guard_open(dir, options, &db->guard, err);
    if (st != CMT_OK) {
        free(db);
        return st;
    }
    pthread_rwlock_init(&db->writers, NULL);
    pthread_mutex_init(&db->cancel_lock, NULL);
    pthread_mutex_init(&db->counts_lock, NULL);
    if (like != NULL)
        db->guard.owner = like->guard.owner;
    st = cmt_db__rocksdb_configure(db, options, like, err);
    if (st != CMT_OK) {
        free_parts(db);
        return st;
    }
    *out = db;
    return CMT_OK;
}

static cmt_status open_reader(const char *dir, const cmt_db_open_options *options, cmt_db **out,
                              cmt_error *err)
{
    cmt_db_open_options reading = *options;
    cmt_db__rocksdb *db = NULL;
    char *message = NULL;
    reading.read_only = true;
    CMT_TRY(prepare(dir, &reading, NULL, &db, err));
    db->db = rocksdb_open_for_read_only(db->options, dir, 0, &message);
    if (message != NULL) {
        cmt_status st = cmt_db__rocksdb_failed(db, message, "open", err);
        free_parts(db);
        return st;
    }
    *out = &db->base;
    return CMT_OK;
}

/* Whatever RocksDB would only find out after it had begun to write (a MANIFEST of a newer version, a table that
 * is missing, a damaged log) is found out without writing. */
static cmt_status try_reading(const cmt_db__rocksdb *db, const cmt_db_open_options *options,
                              cmt_error *err)
{
    cmt_db *reader = NULL;
    if (db->guard.created || options->was_readable)
        return CMT_OK;
    CMT_TRY(open_reader(db->guard.dir, options, &reader, err));
    cmt_db_close(reader);
    return CMT_OK;
}

static cmt_status open_engine(cmt_db__rocksdb *db, cmt_error *err)
{
    char *message = NULL;
    db->db = rocksdb_open(db->options, db->guard.dir, &message);
    if (message != NULL) {
        cmt_status st = cmt_db__rocksdb_failed(db, message, "open", err);
        restore_owner(db);
        return st;
    }
    cmt_status st = cmt_db__guard_restore_owner(&db->guard, err);
    if (st != CMT_OK)
        rocksdb_close(db->db);
    return st;
}

static cmt_status open_writer(const char *dir, const cmt_db_open_options *options,
                              const cmt_db__rocksdb *like, cmt_db **out, cmt_error *err)
{
    cmt_db__rocksdb *db = NULL;
    CMT_TRY(prepare(dir, options, like, &db, err));
    cmt_status st = try_reading(db, options, err);
    if (st == CMT_OK)
        st = open_engine(db, err);
    if (st != CMT_OK) {
        free_parts(db);
        return st;
    }
    *out = &db->base;
    return CMT_OK;
}

/* No guard, no trial: whatever becomes of a clone, nobody needs it. */
cmt_status cmt_db__rocksdb_open_clone(const char *dir, const cmt_db_open_options *options,
                                      cmt_db **out, cmt_error *err)
{
    char *message = NULL;
    cmt_db__rocksdb *db = calloc(1, sizeof *db);
    if (db == NULL)
        return cmt_error_set(err, CMT_NO_MEMORY, "no memory for a database");
    db->base.ops = &rocks_ops;
    db->clone = true;
    cmt_status st = cmt_db__guard_clone(dir, options, &db->guard, err);
    if (st != CMT_OK) {
        free(db);
        return st;
    }
    pthread_rwlock_init(&db->writers, NULL);
    pthread_mutex_init(&db->cancel_lock, NULL);
    pthread_mutex_init(&db->counts_lock, NULL);
    cmt_db__rocksdb_configure_clone(db, options);
    db->db = rocksdb_open(db->options, dir, &message);
    if (message != NULL) {
        st = cmt_db__rocksdb_failed(db, message, "open", err);
        free_parts(db);
        return st;
    }
    *out = &db->base;
    return CMT_OK;
}

cmt_status cmt_db__open_rocksdb(const char *dir, const cmt_db_open_options *options, cmt_db **out,
                                cmt_error *err)
{
    return options->read_only ? open_reader(dir, options, out, err)
                              : open_writer(dir, options, NULL, out, err);
}

cmt_status cmt_db__rocksdb_open_copy(const cmt_db__rocksdb *like, const char *dir, cmt_db **out,
                                     cmt_error *err)
{
    cmt_db_open_options options = like->opened_with;
    options.create = true;
    CMT_TRY(open_writer(dir, &options, like, out, err));
    const cmt_db__rocksdb *copy = of(*out);
    rocksdb_writeoptions_disable_WAL(copy->write, 1);
    return CMT_OK;
}
