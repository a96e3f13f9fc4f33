/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading a database, whatever keeps it: get, iterate, sizes.  Today the backends are the
 * read-only view of a directory of LevelDB's or pebble's (which may be in use by a running node) and memory.
 * Also here: telling the engine of a directory from its files, and the two locks.
 *
 * THREADS  a cmt_db and its iterators belong to one thread at a time.
 */
#ifndef CMTSTORE_DB_H
#define CMTSTORE_DB_H

#include "cmtstore/base.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- which engine ------------------------------------------------------------------------ */

typedef enum cmt_engine {
    CMT_ENGINE_NONE,      /* no database there */
    CMT_ENGINE_GOLEVELDB, /* LevelDB format, written by goleveldb (or nothing says otherwise) */
    CMT_ENGINE_CLEVELDB,  /* LevelDB format, written by the C++ library */
    CMT_ENGINE_ROCKSDB,
    CMT_ENGINE_PEBBLEDB,
    CMT_ENGINE_BADGERDB,
    CMT_ENGINE_BOLTDB,
    CMT_ENGINE_UNKNOWN, /* something is there that none of the above wrote */
} cmt_engine;

/** CometBFT's db_backend name; "none" and "unknown" for the two that have none. */
CMT_API const char *cmt_engine_name(cmt_engine engine);

/** The engine that a db_backend value names; CMT_ENGINE_UNKNOWN for a value CometBFT does
 *  not know. */
CMT_API cmt_engine cmt_engine_from_name(const char *db_backend);

/**
 * Tell the engine of the database @p name ("blockstore" or "state") under @p data_dir from the
 * files there.  Opens nothing with an engine and changes nothing.
 *
 * @param path_out  the directory (or file, for boltdb) of the database: @p data_dir plus its name
 * @retval CMT_OK   also for CMT_ENGINE_NONE and CMT_ENGINE_UNKNOWN; err then says what was seen
 * Source: cometbft-db db.go NewDB and the engines' file names (docs/disk-format.md)
 */
CMT_API CMT_MUST_CHECK cmt_status cmt_engine_detect(const char *data_dir, const char *name,
                                                    cmt_engine *engine, cmt_buf *path_out,
                                                    cmt_error *err);

/* ---- locks ------------------------------------------------------------------------------- */

/** Both lock protocols on one database directory: goleveldb's flock and the C++ engines' fcntl. */
typedef struct cmt_db_lock cmt_db_lock;

/**
 * Take both locks on @p dir's LOCK file without waiting.
 * @retval CMT_BUSY  a node or another tool has the database open; nothing was changed
 */
CMT_API CMT_MUST_CHECK cmt_status cmt_db_lock_take(const char *dir, cmt_db_lock **out,
                                                   cmt_error *err);
/** Release both locks.  NULL is fine. */
CMT_API void cmt_db_lock_release(cmt_db_lock *lock);

/* ---- reading ----------------------------------------------------------------------------- */

typedef struct cmt_db cmt_db;
typedef struct cmt_db_iter cmt_db_iter;

/** How to open a read-only view of a directory of LevelDB's or pebble's. */
typedef struct cmt_db_view_options {
    size_t cache_bytes; /* block cache; 0: 16 MiB */
    bool pin;           /* keep every table open, so that a running node cannot take one away */
} cmt_db_view_options;

/**
 * Open a read-only snapshot of the LevelDB or pebble database in @p dir.  Takes no lock and writes
 * nothing; a node may be running.  Memory: cache, table metadata and the write-ahead logs.
 *
 * @retval CMT_STALE        the node changed files while they were read; try again
 * @retval CMT_UNSUPPORTED  another engine's format, or one newer than this library
 * @retval CMT_CORRUPT      damaged; the message names file and offset
 */
CMT_API CMT_MUST_CHECK cmt_status cmt_db_open_view(const char *dir,
                                                   const cmt_db_view_options *options, cmt_db **out,
                                                   cmt_error *err);

struct cmt_lsm_view;
/** Read an open view (of an edit, say) through this interface; the view stays the caller's. */
CMT_API CMT_MUST_CHECK cmt_status cmt_db_from_view(struct cmt_lsm_view *view, cmt_db **out,
                                                   cmt_error *err);

/** An empty database in memory, for tests and small tools. */
CMT_API CMT_MUST_CHECK cmt_status cmt_db_open_memory(cmt_db **out, cmt_error *err);
/** Insert or replace a pair; memory backend only.  Iterators become invalid. */
CMT_API CMT_MUST_CHECK cmt_status cmt_db_memory_put(cmt_db *db, cmt_slice key, cmt_slice value);
/** Remove a pair; memory backend only.  Absent is fine.  Iterators become invalid. */
CMT_API void cmt_db_memory_delete(cmt_db *db, cmt_slice key);

/** Close; iterators must be freed before.  NULL is fine. */
CMT_API void cmt_db_close(cmt_db *db);

/** Copy the value of @p key into @p value.  @retval CMT_NOT_FOUND absent (no message) */
CMT_API CMT_MUST_CHECK cmt_status cmt_db_get(cmt_db *db, cmt_slice key, cmt_buf *value,
                                             cmt_error *err);

/**
 * Make an iterator over the keys in @p bounds (copied; NULL: all).  It stands nowhere until one of
 * the seeks is called.
 */
CMT_API CMT_MUST_CHECK cmt_status cmt_db_iter_new(cmt_db *db, const cmt_range *bounds,
                                                  cmt_db_iter **out, cmt_error *err);
CMT_API void cmt_db_iter_free(cmt_db_iter *iter);

/** Move.  Each returns CMT_OK with the iterator on a pair, CMT_NOT_FOUND when there is none in
 *  that direction, or a failure.  After either of the last two the iterator stands nowhere. */
CMT_API CMT_MUST_CHECK cmt_status cmt_db_iter_first(cmt_db_iter *iter, cmt_error *err);
CMT_API CMT_MUST_CHECK cmt_status cmt_db_iter_last(cmt_db_iter *iter, cmt_error *err);
/** To the first key >= @p key. */
CMT_API CMT_MUST_CHECK cmt_status cmt_db_iter_seek(cmt_db_iter *iter, cmt_slice key,
                                                   cmt_error *err);
/** To the last key < @p key. */
CMT_API CMT_MUST_CHECK cmt_status cmt_db_iter_seek_before(cmt_db_iter *iter, cmt_slice key,
                                                          cmt_error *err);
CMT_API CMT_MUST_CHECK cmt_status cmt_db_iter_next(cmt_db_iter *iter, cmt_error *err);
CMT_API CMT_MUST_CHECK cmt_status cmt_db_iter_prev(cmt_db_iter *iter, cmt_error *err);

/** The pair the iterator stands on; borrowed until it moves. */
CMT_API cmt_slice cmt_db_iter_key(const cmt_db_iter *iter);
CMT_API cmt_slice cmt_db_iter_value(const cmt_db_iter *iter);

/** Stored bytes of the keys in @p range, from table metadata: an estimate, no data is read
 *  beyond table indexes. */
CMT_API CMT_MUST_CHECK cmt_status cmt_db_approximate_bytes(cmt_db *db, cmt_range range,
                                                           uint64_t *bytes, cmt_error *err);

/** Hint: the keys in @p range will be read soon.  Files are fetched ahead, without waiting. */
CMT_API void cmt_db_will_need(cmt_db *db, cmt_range range);

/** Bytes read from files since the database was opened (0 for memory): what a search has cost. */
CMT_API uint64_t cmt_db_bytes_read(const cmt_db *db);

#ifdef __cplusplus
}
#endif

#endif
