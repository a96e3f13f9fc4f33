/* SPDX-License-Identifier: Apache-2.0
 *
 * One interface over whatever keeps a database: get, iterate, write atomically, compact, sizes.  Backends
 * are LevelDB and RocksDB (their C libraries), the read-only view of a directory of LevelDB's or pebble's
 * (which may be in use by a running node) and memory.  Also here: telling the engine of a directory from its files, and the two locks.
 *
 * ABSENT is CMT_NOT_FOUND, never an error.  What an engine hides (a compaction that failed, an iterator
 * that broke off) is a status here.
 *
 * SNAPSHOTS  an iterator sees what was there when it was made, on every backend.
 *
 * THREADS  with CMT_DB_SHARED among its capabilities a cmt_db may be used by several threads at once, else
 * by one at a time.  An iterator or a batch belongs to one thread at a time.
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

/* ---- opening ----------------------------------------------------------------------------- */

typedef struct cmt_db cmt_db;
typedef struct cmt_db_iter cmt_db_iter;

typedef struct cmt_db_open_options {
    /** What the caller believes is there.  CMT_ENGINE_GOLEVELDB and _CLEVELDB: LevelDB's files by the C++
     *  library; CMT_ENGINE_ROCKSDB: by RocksDB's. */
    cmt_engine engine;
    bool create;               /* make a new database if there is none */
    bool read_only;            /* write nothing, take no lock; a node may be running */
    size_t cache_bytes;        /* block cache; 0: 32 MiB */
    size_t write_buffer_bytes; /* before a table is written; 0: 64 MiB */
    int max_open_files;        /* 0: what RLIMIT_NOFILE leaves, for two databases side by side */
    /** LevelDB cannot be stopped inside a step of compact_range: a step covers about so many bytes of
     *  tables.  0: 8 MiB. */
    size_t compact_step_bytes;
    /** RocksDB: compact only when asked.  A tool that is done in a moment leaves the rest to the node, whose
     *  settings say when levels are too large.  (LevelDB has no such switch.) */
    bool only_asked_compactions;
    /** RocksDB: what flushes and compactions together may write in a second; 0: no limit. */
    uint64_t background_bytes_per_s;
    /** RocksDB: the same process has just opened it for reading: it is not tried once more before writing. */
    bool was_readable;
    /** No write waits for the disk, whatever its caller asks: for a database that is made anew if the machine
     *  crashes.  cmt_db_flush() makes durable what was written. */
    bool unsynced;
    const cmt_logger *logger; /* borrowed until the database is closed */
} cmt_db_open_options;

/**
 * Open the database in @p dir with its engine.  The files must be that engine's (told from them, before
 * anything is touched), nobody may have the database open, and nobody can while this handle is open.  What the
 * engine writes gets the owner, group and mode of the database.
 *
 * LevelDB: checksums are verified on every read.  While it is open, and after its process died, a marker
 * lies in <parent>/cmtstore/: see cmt_db_heal().  Opened for reading only it is the view of lsm/.
 * RocksDB: new tables get the format version, checksum and compression of the directory's OPTIONS file; a new
 * database gets cometbft-db's settings.
 *
 * @retval CMT_NOT_FOUND    no database there, and `create` was not set (with a message)
 * @retval CMT_BUSY         a node or another tool has it open; nothing was changed
 * @retval CMT_UNSUPPORTED  the files are another engine's, or a newer version's; nothing was changed
 * @retval CMT_CORRUPT      the engine found damage
 * @retval CMT_STALE        with read_only: the node changed files meanwhile; try again
 * Source: cometbft-db rocksdb.go NewRocksDB
 */
CMT_API CMT_MUST_CHECK cmt_status cmt_db_open(const char *dir, const cmt_db_open_options *options,
                                              cmt_db **out, cmt_error *err);

/**
 * Open the clone of a pebble database that cmt_lsm_edit_clone() made, with RocksDB, to write.  Its tables are such
 * as pebble reads.  Nothing is durable, also not what is written with `sync`: the clone counts once it was flushed
 * and closed and cmt_lsm_edit_adopt() has taken it over; to abandon it just close it.
 *
 * @param options  engine: CMT_ENGINE_PEBBLEDB
 * @retval CMT_CORRUPT  RocksDB found damage
 * Source: docs/architecture.md, "pebble by RocksDB"
 */
CMT_API CMT_MUST_CHECK cmt_status cmt_db_open_clone(const char *dir,
                                                    const cmt_db_open_options *options,
                                                    cmt_db **out, cmt_error *err);

/**
 * Did a process that had @p dir open with C++ LevelDB end without closing it?  (True, too, while one has it
 * open.)  A Go node that starts now may silently skip what is only in the write-ahead log.
 */
CMT_API CMT_MUST_CHECK cmt_status cmt_db_needs_heal(const char *dir, bool *needed, cmt_error *err);

/**
 * If it needs it, open @p dir with LevelDB and close it: the log goes into tables, and a Go node sees every
 * write.  cmt_db_open() and cmt_db_close() do the same.
 * @param healed  whether there was something to do; may be NULL
 * @retval CMT_BUSY  somebody has it open
 */
CMT_API CMT_MUST_CHECK cmt_status cmt_db_heal(const char *dir, const cmt_logger *logger,
                                              bool *healed, cmt_error *err);

/** How to open a read-only view of a LevelDB-format directory. */
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
/** Insert or replace a pair; memory backend only. */
CMT_API CMT_MUST_CHECK cmt_status cmt_db_memory_put(cmt_db *db, cmt_slice key, cmt_slice value);
/** Remove a pair; memory backend only.  Absent is fine. */
CMT_API cmt_status cmt_db_memory_delete(cmt_db *db, cmt_slice key);

/* ---- closing ----------------------------------------------------------------------------- */

/** Count one reference more on @p db, which the caller gives back with cmt_db_close().  Any thread that has one.
 *  Returns @p db; NULL is fine. */
CMT_API cmt_db *cmt_db_hold(cmt_db *db);

/** Give one reference back; with the last the database is closed: iterators must be freed before.  NULL is fine.
 *  LevelDB's log is flushed first, so that it is empty for a Go node; if that fails the logger hears of it and
 *  cmt_db_needs_heal() says so.  To learn of a failure as a status call cmt_db_flush() before. */
CMT_API void cmt_db_close(cmt_db *db);

/**
 * Have cmt_db_shutdown() call @p stop, once each, also if it is waiting already.  For who holds a reference and
 * works on its own: it is to begin nothing new and to give the reference back soon.  The call comes from the
 * thread that shuts down, with no lock held; it must not wait and not shut down itself.  It returns false if that
 * thread is the one that would have to leave: the shutdown then is CMT_DEADLOCK.
 */
CMT_API CMT_MUST_CHECK cmt_status cmt_db_on_shutdown(cmt_db *db, bool (*stop)(void *context),
                                                     void *context, cmt_error *err);
/** Take it back.  On return no call runs, but the one that this is called from, and none comes any more.  That
 *  there is none is fine. */
CMT_API void cmt_db_off_shutdown(cmt_db *db, bool (*stop)(void *context), void *context);

/**
 * Close for good: tell everybody to stop, stop running compactions, wait until the caller's reference is the only
 * one, close, and set @p *db to NULL.  NULL there is fine.
 *
 * @param wait_ns  at most so long; 0 or less: do not wait
 * @retval CMT_BUSY      others still use it: it is open and as usable as before, and this may be called again
 * @retval CMT_DEADLOCK  the same, at once: this thread itself works on it, and called from a hook
 */
CMT_API CMT_MUST_CHECK cmt_status cmt_db_shutdown(cmt_db **db, int64_t wait_ns, cmt_error *err);

/** That somebody looks after the compactions of a database. */
typedef struct cmt_db_claim cmt_db_claim;

/**
 * Look after the compactions of @p db: one does at a time.  Binds nobody; whoever compacts by rules of its own asks for
 * it first.  Any thread.
 *
 * @param out  cmt_db_claim_release(), also behind the database's end
 * @retval CMT_BUSY  somebody does already
 */
CMT_API CMT_MUST_CHECK cmt_status cmt_db_claim_compactions(cmt_db *db, cmt_db_claim **out,
                                                           cmt_error *err);
/** Somebody else may.  NULL is fine. */
CMT_API void cmt_db_claim_release(cmt_db_claim *claim);

/** What a backend can do beyond reading; bits of cmt_db_capabilities(). */
typedef enum cmt_db_capability {
    CMT_DB_WRITABLE = 1 << 0,
    CMT_DB_RANGE_DELETE = 1 << 1, /* delete_range costs one entry, whatever the range holds */
    CMT_DB_DROP_FILES = 1 << 2,   /* cmt_db_drop_files() works */
    CMT_DB_SHARED = 1 << 3,       /* several threads at once */
} cmt_db_capability;

CMT_API unsigned cmt_db_capabilities(const cmt_db *db);

/* ---- reading ----------------------------------------------------------------------------- */

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

/** Bytes read from files since the database was opened: what a search has cost.  Engines do not tell; there
 *  it is what the reads asked for, a block for each get or seek.  0 for memory. */
CMT_API uint64_t cmt_db_bytes_read(const cmt_db *db);

/* ---- writing ----------------------------------------------------------------------------- */

/** Changes that happen together, in the order in which they were added.  Belongs to no database: it may be
 *  written to several, and again. */
typedef struct cmt_db_batch cmt_db_batch;

/** The most that one key or value, and one batch, may take up. */
#define CMT_DB_BATCH_LIMIT ((size_t)1 << 30)

CMT_API CMT_MUST_CHECK cmt_status cmt_db_batch_new(cmt_db_batch **out, cmt_error *err);
CMT_API void cmt_db_batch_free(cmt_db_batch *batch);
/** Forget all changes, keep the memory. */
CMT_API void cmt_db_batch_clear(cmt_db_batch *batch);

/** Add a change; bytes are copied.  On failure the batch is as before.
 *  @retval CMT_OUT_OF_RANGE  the batch would exceed CMT_DB_BATCH_LIMIT */
CMT_API CMT_MUST_CHECK cmt_status cmt_db_batch_put(cmt_db_batch *batch, cmt_slice key,
                                                   cmt_slice value, cmt_error *err);
/** Absent is fine. */
CMT_API CMT_MUST_CHECK cmt_status cmt_db_batch_delete(cmt_db_batch *batch, cmt_slice key,
                                                      cmt_error *err);
/**
 * Delete every key in @p range, those that earlier changes of this batch put included.  A range that holds
 * nothing (hi <= lo) adds nothing.  Cost: one entry with CMT_DB_RANGE_DELETE; elsewhere cmt_db_write() looks
 * the keys up and deletes each, so time and memory follow what the range holds: bound it.
 */
CMT_API CMT_MUST_CHECK cmt_status cmt_db_batch_delete_range(cmt_db_batch *batch, cmt_range range,
                                                            cmt_error *err);

/** Changes in the batch, and the bytes they take up. */
CMT_API size_t cmt_db_batch_count(const cmt_db_batch *batch);
CMT_API size_t cmt_db_batch_bytes(const cmt_db_batch *batch);

/**
 * Apply @p batch: all of it or, on failure, nothing, also after a crash.
 *
 * @param sync  durable on return.  Without it a crash of the machine may take this write and those behind
 *              it; a synced write makes everything before it durable, too
 * @retval CMT_UNSUPPORTED  the database is open for reading only
 * @retval CMT_NO_SPACE     the disk is full
 */
CMT_API CMT_MUST_CHECK cmt_status cmt_db_write(cmt_db *db, const cmt_db_batch *batch, bool sync,
                                               cmt_error *err);

/** Write what is only in memory and log into tables.  Durable on return.  Waits. */
CMT_API CMT_MUST_CHECK cmt_status cmt_db_flush(cmt_db *db, cmt_error *err);

/**
 * Give the space of what is deleted or replaced in @p range back.  Waits; reads and writes go on meanwhile.
 *
 * @retval CMT_OK         finished
 * @retval CMT_CANCELLED  stopped by cmt_db_cancel_compaction(); the database is as good as before
 * @retval CMT_IO         the engine met an error (CMT_NO_SPACE: no space)
 */
CMT_API CMT_MUST_CHECK cmt_status cmt_db_compact_range(cmt_db *db, cmt_range range, cmt_error *err);

/** With true: running compactions return CMT_CANCELLED at their next possible point, later ones at once,
 *  until this is called with false (and no shutdown waits).  Any thread, on every backend. */
CMT_API void cmt_db_cancel_compaction(cmt_db *db, bool cancel);

/**
 * Delete every key in @p range and remove the files that lie wholly inside at once.  Iterators that are open
 * may miss pairs of the range.  Durable on return; a crash on the way leaves the keys of the range either
 * there or not, each for itself.
 * @retval CMT_UNSUPPORTED  without CMT_DB_DROP_FILES
 */
CMT_API CMT_MUST_CHECK cmt_status cmt_db_drop_files(cmt_db *db, cmt_range range, cmt_error *err);

#define CMT_DB_LEVELS 7

typedef struct cmt_db_stats {
    uint64_t tables[CMT_DB_LEVELS]; /* files per level; all 0 for memory */
    uint64_t table_bytes[CMT_DB_LEVELS];
    uint64_t log_bytes;                /* write-ahead logs on disk */
    uint64_t memtable_bytes;           /* in memory: what is not in tables yet; 0 where not known */
    uint64_t pending_compaction_bytes; /* what the engine means to rewrite */
    bool pending_known;
    /** Keys, older versions of them and deletions that stand in tables (for memory: keys), and how many of those
     *  are deletions of one key and of a range of keys. */
    uint64_t entries;
    uint64_t deletions;
    uint64_t range_deletions;
    bool entries_known; /* false: the three are 0; of LevelDB's tables nothing tells */
} cmt_db_stats;

/** What the database takes up just now.  Cheap: metadata only.  (RocksDB reads a few blocks of each table when the
 *  tables are others than at the call before.) */
CMT_API CMT_MUST_CHECK cmt_status cmt_db_get_stats(cmt_db *db, cmt_db_stats *out, cmt_error *err);

#ifdef __cplusplus
}
#endif

#endif
