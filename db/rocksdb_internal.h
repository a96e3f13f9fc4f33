/* SPDX-License-Identifier: Apache-2.0
 *
 * An open RocksDB.
 */
#ifndef CMT_DB_ROCKSDB_INTERNAL_H
#define CMT_DB_ROCKSDB_INTERNAL_H

#include <pthread.h>
#include <rocksdb/c.h>

#include "engines.h"

/** What all tables hold together. */
typedef struct cmt_db__rocksdb_counts {
    uint64_t tables_hash; /* which tables */
    uint64_t entries;
    uint64_t deletions;
    uint64_t range_deletions;
    bool known;
} cmt_db__rocksdb_counts;

typedef struct cmt_db__rocksdb {
    cmt_db base;
    cmt_db__guard guard;
    rocksdb_t *db; /* NULL: closed for a moment, or not opened again; changed with cancel_lock */
    cmt_db_open_options opened_with;
    rocksdb_options_t *options;
    rocksdb_block_based_table_options_t *table_options;
    rocksdb_cache_t *cache;
    rocksdb_readoptions_t *read;
    rocksdb_writeoptions_t *write;
    rocksdb_writeoptions_t *write_sync;
    bool read_only;
    bool clone; /* of a pebble directory: thrown away afterwards */
    _Atomic uint64_t bytes_read;

    /* Held by writers together, and alone by a batch that deletes a range. */
    pthread_rwlock_t writers;

    pthread_mutex_t cancel_lock; /* guards the engine's own switch, which counts */
    atomic_bool cancelled;
    atomic_uint cancels; /* how often it was asked for */

    pthread_mutex_t counts_lock; /* guards the counts, which are asked for one at a time */
    cmt_db__rocksdb_counts counts;
} cmt_db__rocksdb;

/** Take over an error of the library, which is freed. */
cmt_status cmt_db__rocksdb_failed(const cmt_db__rocksdb *db, char *message, const char *what,
                                  cmt_error *err);

/** The operations of iterators, and making one. */
cmt_status cmt_db__rocksdb_iter_new(cmt_db *base, const cmt_range *bounds, cmt_db_iter **out,
                                    cmt_error *err);

cmt_status cmt_db__rocksdb_write(cmt_db *base, const cmt_db_batch *batch, bool sync,
                                 cmt_error *err);
cmt_status cmt_db__rocksdb_flush(cmt_db *base, cmt_error *err);
cmt_status cmt_db__rocksdb_compact_range(cmt_db *base, cmt_range range, cmt_error *err);
void cmt_db__rocksdb_cancel_compaction(cmt_db *base, bool cancel);
cmt_status cmt_db__rocksdb_drop_files(cmt_db *base, cmt_range range, cmt_error *err);

cmt_status cmt_db__rocksdb_get_stats(cmt_db *base, cmt_db_stats *out, cmt_error *err);

/**
 * Fill in db->options and the rest for opening db->guard.dir.
 * @param like  a new database gets the table format of this one, packed on every level as there on the last;
 *              NULL: cometbft-db's settings
 * @retval CMT_UNSUPPORTED  newer than us
 */
CMT_MUST_CHECK cmt_status cmt_db__rocksdb_configure(cmt_db__rocksdb *db,
                                                    const cmt_db_open_options *options,
                                                    const cmt_db__rocksdb *like, cmt_error *err);
/** The same for a clone of a pebble directory (pebble.c). */
void cmt_db__rocksdb_configure_clone(cmt_db__rocksdb *db, const cmt_db_open_options *options);
void cmt_db__rocksdb_free_options(cmt_db__rocksdb *db);

/** How a RocksDB is written anew (rocksdb_rewrite.c). */
extern const cmt_db__rewrite_ops cmt_db__rocksdb_rewrite_ops;
/** Open a new database @p like this one in an empty directory; nothing it is told is logged. */
CMT_MUST_CHECK cmt_status cmt_db__rocksdb_open_copy(const cmt_db__rocksdb *like, const char *dir,
                                                    cmt_db **out, cmt_error *err);

/** Open a clone of a pebble directory to write. */
CMT_MUST_CHECK cmt_status cmt_db__rocksdb_open_clone(const char *dir,
                                                     const cmt_db_open_options *options,
                                                     cmt_db **out, cmt_error *err);

#endif
