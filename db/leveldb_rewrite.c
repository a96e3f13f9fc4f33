/* SPDX-License-Identifier: Apache-2.0
 *
 * A C++ LevelDB that is written anew: its engine closed and opened again.
 */
#include "leveldb_internal.h"
#include "lock.h"

static cmt_db__leveldb *of(cmt_db *db)
{
    return (cmt_db__leveldb *)db;
}

static cmt_db__guard *level_guard(cmt_db *base)
{
    return &of(base)->guard;
}

static cmt_status level_open_copy(cmt_db *base, const char *dir, cmt_db **out, cmt_error *err)
{
    return cmt_db__leveldb_open_copy(of(base), dir, out, err);
}

/* The marker stays: it says that LevelDB has the directory open, or had. */
static cmt_status level_suspend(cmt_db *base, cmt_error *err)
{
    cmt_db__leveldb *db = of(base);
    CMT_TRY(base->ops->flush(base, err));
    leveldb_close(db->db);
    db->db = NULL;
    CMT_TRY(cmt_db__lock_keep_record(db->guard.lock, db->guard.dir, err));
    CMT_TRY(cmt_db__guard_restore_owner(&db->guard, err));
    return cmt_dir_sync(db->guard.dir_fd, db->guard.dir, err);
}

static cmt_status level_resume(cmt_db *base, cmt_error *err)
{
    cmt_db__leveldb *db = of(base);
    char *message = NULL;
    if (db->db != NULL)
        return CMT_OK;
    leveldb_options_set_create_if_missing(db->options, 0);
    db->dir_synced = (struct timespec){0}; /* nobody else is at work */
    CMT_TRY(cmt_db__lock_yield_record(db->guard.lock, db->guard.dir, err));
    leveldb_t *opened = leveldb_open(db->options, db->guard.dir, &message);
    if (message != NULL)
        return cmt_db__leveldb_failed(db, message, "open", err);
    cmt_status st = cmt_db__guard_restore_owner(&db->guard, err);
    if (st == CMT_OK)
        db->db = opened;
    else
        leveldb_close(opened);
    return st;
}

static void level_swap(cmt_db *base, cmt_db *copy)
{
    cmt_db__guard_swap(&of(base)->guard, &of(copy)->guard);
}

const cmt_db__rewrite_ops cmt_db__leveldb_rewrite_ops = {
    .guard = level_guard,
    .open_copy = level_open_copy,
    .suspend = level_suspend,
    .resume = level_resume,
    .swap = level_swap,
};
