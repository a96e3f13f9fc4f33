/* SPDX-License-Identifier: Apache-2.0
 *
 * A RocksDB that is written anew: its engine closed and opened again.
 */
#include "lock.h"
#include "rocksdb_internal.h"

static cmt_db__rocksdb *of(cmt_db *db)
{
    return (cmt_db__rocksdb *)db;
}

static cmt_db__guard *rocks_guard(cmt_db *base)
{
    return &of(base)->guard;
}

static cmt_status rocks_open_copy(cmt_db *base, const char *dir, cmt_db **out, cmt_error *err)
{
    return cmt_db__rocksdb_open_copy(of(base), dir, out, err);
}

static cmt_status rocks_suspend(cmt_db *base, cmt_error *err)
{
    cmt_db__rocksdb *db = of(base);
    CMT_TRY(cmt_db__rocksdb_flush(base, err));
    pthread_mutex_lock(&db->cancel_lock);
    rocksdb_t *open = db->db;
    db->db = NULL;
    pthread_mutex_unlock(&db->cancel_lock);
    rocksdb_close(open);
    CMT_TRY(cmt_db__lock_keep_record(db->guard.lock, db->guard.dir, err));
    CMT_TRY(cmt_db__guard_restore_owner(&db->guard, err));
    return cmt_dir_sync(db->guard.dir_fd, db->guard.dir, err);
}

static void set_opened(cmt_db__rocksdb *db, rocksdb_t *opened)
{
    pthread_mutex_lock(&db->cancel_lock);
    db->db = opened;
    if (atomic_load(&db->cancelled))
        rocksdb_disable_manual_compaction(opened);
    pthread_mutex_unlock(&db->cancel_lock);
    pthread_mutex_lock(&db->counts_lock);
    db->counts.known = false; /* other tables, perhaps with the same names */
    pthread_mutex_unlock(&db->counts_lock);
}

static cmt_status rocks_resume(cmt_db *base, cmt_error *err)
{
    cmt_db__rocksdb *db = of(base);
    char *message = NULL;
    if (db->db != NULL)
        return CMT_OK;
    rocksdb_options_set_create_if_missing(db->options, 0);
    CMT_TRY(cmt_db__lock_yield_record(db->guard.lock, db->guard.dir, err));
    rocksdb_t *opened = rocksdb_open(db->options, db->guard.dir, &message);
    if (message != NULL)
        return cmt_db__rocksdb_failed(db, message, "open", err);
    cmt_status st = cmt_db__guard_restore_owner(&db->guard, err);
    if (st == CMT_OK)
        set_opened(db, opened);
    else
        rocksdb_close(opened);
    return st;
}

static void rocks_swap(cmt_db *base, cmt_db *copy)
{
    cmt_db__guard_swap(&of(base)->guard, &of(copy)->guard);
}

const cmt_db__rewrite_ops cmt_db__rocksdb_rewrite_ops = {
    .guard = rocks_guard,
    .open_copy = rocks_open_copy,
    .suspend = rocks_suspend,
    .resume = rocks_resume,
    .swap = rocks_swap,
};
