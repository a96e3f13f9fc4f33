/* SPDX-License-Identifier: Apache-2.0
 *
 * An open C++ LevelDB.
 */
#ifndef CMT_DB_LEVELDB_INTERNAL_H
#define CMT_DB_LEVELDB_INTERNAL_H

#include <leveldb/c.h>
#include <pthread.h>

#include "engines.h"

typedef struct cmt_db__leveldb {
    cmt_db base;
    cmt_db__guard guard;
    leveldb_t *db; /* NULL: closed for a moment, or not opened again */
    leveldb_options_t *options;
    leveldb_cache_t *cache;
    leveldb_readoptions_t *read;
    leveldb_writeoptions_t *write;
    leveldb_writeoptions_t *write_sync;
    size_t step_bytes;
    cmt_db_open_options opened_with;
    bool is_copy; /* thrown away unless it is finished: needs no marker */
    _Atomic uint64_t bytes_read;

    /* Held by writers together, and alone by whoever must see no write meanwhile: a batch that deletes a
     * range, a flush. */
    pthread_rwlock_t writers;

    atomic_bool cancelled;
    atomic_uint cancels; /* how often it was asked for */

    /* Batches with deletions that were written, and how many of them stand in tables for sure. */
    atomic_ullong deletions;
    atomic_ullong deletions_in_tables;

    pthread_mutex_t dir_lock;
    struct timespec
        dir_synced; /* guarded by dir_lock: the directory's time when it was last synced */
} cmt_db__leveldb;

/** Take over an error of the library, which is freed. */
cmt_status cmt_db__leveldb_failed(const cmt_db__leveldb *db, char *message, const char *what,
                                  cmt_error *err);

cmt_status cmt_db__leveldb_iter_new(cmt_db *base, const cmt_range *bounds, cmt_db_iter **out,
                                    cmt_error *err);

/** How a LevelDB is written anew (leveldb_rewrite.c). */
extern const cmt_db__rewrite_ops cmt_db__leveldb_rewrite_ops;

/** Open the directory of a new database @p like this one, as cmt_db__open_leveldb(). */
CMT_MUST_CHECK cmt_status cmt_db__leveldb_open_copy(cmt_db__leveldb *like, const char *dir,
                                                    cmt_db **out, cmt_error *err);

/** One table, from LevelDB's list. */
typedef struct cmt_db__leveldb_table {
    unsigned level;
    uint64_t bytes;
    cmt_slice largest; /* as printed, escapes resolved; good for cutting ranges, not for lookups */
} cmt_db__leveldb_table;

/** Take the next table from a "leveldb.sstables" text; false at the end.  Resolves escapes in place. */
bool cmt_db__leveldb_next_table(char **text, unsigned *level, cmt_db__leveldb_table *out);

/**
 * Write the memtable into a table and see that it was done: LevelDB itself does not say.  Afterwards the
 * log is a new and empty one.  The caller keeps writers out.
 */
CMT_MUST_CHECK cmt_status cmt_db__leveldb_flush_alone(cmt_db__leveldb *db, cmt_error *err);

CMT_MUST_CHECK cmt_status cmt_db__leveldb_compact_range(cmt_db *base, cmt_range range,
                                                        cmt_error *err);

#endif
