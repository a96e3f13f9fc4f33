/* SPDX-License-Identifier: Apache-2.0
 *
 * The file formats of LevelDB, and of CometBFT's pebble and RocksDB, without an engine: a read-only view of a
 * database that may be in use, and the atomic offline edit.  Whose files a directory holds is told from them.
 *
 * THE EDIT replaces a database's contents by ONE rename of CURRENT.  New tables and a new MANIFEST
 * are written beside the old files and made durable first; a reader of any engine sees, at every
 * instant and after any crash, either the old or the new contents.  What an edit may do:
 *
 *   dropped    a table whose keys all lie inside one dead range is not even read
 *   rewritten  a table with enough dead bytes loses them; untouched blocks are copied as stored
 *   marked     a table with few dead bytes stays; its dead keys get tombstones in a new
 *              level-0 table
 *   kept       everything else
 *
 * Old state = entries (user key, sequence, type, value) of all tables the MANIFEST names, and of
 * the live write-ahead logs.  For every dead key k the new state has no entry of k, or a tombstone
 * newer than all of them.  For every live key the newest entry stays the first that each engine
 * finds.  The invariants I1..I7 behind this are spelled out in lsm/edit.c.
 *
 * THREADS     an object belongs to one thread at a time.
 * DURABILITY  prepare leaves the old contents in force; commit is durable on return.
 * LOCKS       edits require that the caller holds both locks of the directory (cmt_db_lock_take).
 */
#ifndef CMTSTORE_LSM_H
#define CMTSTORE_LSM_H

#include "cmtstore/base.h"

#ifdef __cplusplus
extern "C" {
#endif

#define CMT_LSM_LEVELS 7

/* ---- view -------------------------------------------------------------------------------- */

typedef struct cmt_lsm_view cmt_lsm_view;
typedef struct cmt_lsm_iter cmt_lsm_iter;

typedef struct cmt_lsm_view_options {
    size_t cache_bytes; /* block cache; 0: 16 MiB */
    bool pin;           /* open every table at once, so that none can vanish later */
} cmt_lsm_view_options;

typedef struct cmt_lsm_view_stats {
    uint64_t tables[CMT_LSM_LEVELS];
    uint64_t table_bytes[CMT_LSM_LEVELS];
    uint64_t journals;
    uint64_t journal_bytes;
    uint64_t journal_entries;
    /** The last record of a log was cut, as after a crash; it is not part of the view. */
    bool torn_tail;
} cmt_lsm_view_stats;

/**
 * Read MANIFEST and write-ahead logs of @p dir and open a snapshot.  Writes nothing, takes no lock.
 *
 * @retval CMT_NOT_FOUND    no directory, or no CURRENT in it
 * @retval CMT_STALE        files changed underneath (a node is running); try again
 * @retval CMT_UNSUPPORTED  unknown comparator, MANIFEST tag or level; another engine's files; a pebble
 *                          or a RocksDB in another format than CometBFT's
 * @retval CMT_CORRUPT      damage; the message names the file and the offset
 * Source: goleveldb leveldb/session.go recover, db.go recoverJournal; pebble open.go Open, replayWAL;
 * RocksDB db/db_impl/db_impl_open.cc DBImpl::Recover
 */
CMT_API CMT_MUST_CHECK cmt_status cmt_lsm_view_open(const char *dir,
                                                    const cmt_lsm_view_options *options,
                                                    cmt_lsm_view **out, cmt_error *err);
CMT_API void cmt_lsm_view_close(cmt_lsm_view *view);
CMT_API cmt_lsm_view_stats cmt_lsm_view_get_stats(const cmt_lsm_view *view);

/** Copy the newest value of @p key.  @retval CMT_NOT_FOUND absent or deleted (no message)
 *  @retval CMT_STALE a table vanished (only without pin, beside a running node) */
CMT_API CMT_MUST_CHECK cmt_status cmt_lsm_view_get(cmt_lsm_view *view, cmt_slice key,
                                                   cmt_buf *value, cmt_error *err);

/** Iterate visible pairs in @p bounds (copied; NULL: all).  Same contract as cmt_db_iter. */
CMT_API CMT_MUST_CHECK cmt_status cmt_lsm_iter_new(cmt_lsm_view *view, const cmt_range *bounds,
                                                   cmt_lsm_iter **out, cmt_error *err);
CMT_API void cmt_lsm_iter_free(cmt_lsm_iter *iter);
CMT_API CMT_MUST_CHECK cmt_status cmt_lsm_iter_first(cmt_lsm_iter *iter, cmt_error *err);
CMT_API CMT_MUST_CHECK cmt_status cmt_lsm_iter_last(cmt_lsm_iter *iter, cmt_error *err);
CMT_API CMT_MUST_CHECK cmt_status cmt_lsm_iter_seek(cmt_lsm_iter *iter, cmt_slice key,
                                                    cmt_error *err);
CMT_API CMT_MUST_CHECK cmt_status cmt_lsm_iter_seek_before(cmt_lsm_iter *iter, cmt_slice key,
                                                           cmt_error *err);
CMT_API CMT_MUST_CHECK cmt_status cmt_lsm_iter_next(cmt_lsm_iter *iter, cmt_error *err);
CMT_API CMT_MUST_CHECK cmt_status cmt_lsm_iter_prev(cmt_lsm_iter *iter, cmt_error *err);
CMT_API cmt_slice cmt_lsm_iter_key(const cmt_lsm_iter *iter);
CMT_API cmt_slice cmt_lsm_iter_value(const cmt_lsm_iter *iter);

/** Stored bytes of the keys in @p range, from table metadata and indexes. */
CMT_API CMT_MUST_CHECK cmt_status cmt_lsm_view_approximate_bytes(cmt_lsm_view *view,
                                                                 cmt_range range, uint64_t *bytes,
                                                                 cmt_error *err);
/** Hint: the keys in @p range will be read soon.  The kernel fetches them ahead; no wait, no failure. */
CMT_API void cmt_lsm_view_will_need(cmt_lsm_view *view, cmt_range range);

/** Bytes read from table files since the view was opened. */
CMT_API uint64_t cmt_lsm_view_bytes_read(const cmt_lsm_view *view);

/* ---- edit -------------------------------------------------------------------------------- */

typedef struct cmt_lsm_edit cmt_lsm_edit;

typedef struct cmt_lsm_put {
    cmt_slice key;
    cmt_slice value;
} cmt_lsm_put;

/** What shall be dead.  All pointers are borrowed until the edit is freed. */
typedef struct cmt_lsm_edit_spec {
    /** Sorted, disjoint.  Every key that can exist inside one of them is dead. */
    const cmt_range *dead;
    size_t dead_count;
    /** Asked for each key met inside a dead range; anything but CMT_OK refuses the edit. */
    cmt_status (*check)(void *context, cmt_slice key, cmt_error *err);

    /** Sorted, disjoint, apart from `dead`: here the newest value of a key decides. */
    const cmt_range *judged;
    size_t judged_count;
    /** About how much of it is dead, 0..1: chooses between rewrite and tombstones. */
    double judged_share;
    cmt_status (*judge)(void *context, cmt_slice key, cmt_slice value, bool *dead, cmt_error *err);

    /** Sorted keys outside all ranges that die by a tombstone, whether or not they exist. */
    const cmt_slice *points;
    size_t point_count;

    /** Sorted by key: written with the edit, newer than everything. */
    const cmt_lsm_put *puts;
    size_t put_count;

    void *context;

    /** A table is rewritten when at least this share of its bytes is dead, else it gets
     *  tombstones. */
    double rewrite_share; /* 0: 0.25 */
    /** Tables below that share are rewritten all the same while their bytes stay within this many
     *  per cent of the bytes that the edit frees: space comes back, cost follows what is pruned. */
    unsigned spare_percent;
    /** RocksDB: its settings may leave the upper levels unpacked.  So many tables there are packed that what packing
     *  the others would save stays below this many per cent of what is left.  0: none are, but for tables that
     *  are rewritten anyhow. */
    unsigned unpacked_percent;
    /** Also act when all that would go is already invisible: space that earlier deletes left. */
    bool reclaim;
} cmt_lsm_edit_spec;

typedef struct cmt_lsm_edit_options {
    size_t cache_bytes;      /* block cache of the edit's view; 0: 16 MiB */
    uint64_t min_free_bytes; /* left free on the file system whatever happens; 0: 16 MiB */
    uint64_t table_bytes;    /* size at which a new table is closed; 0: 2 MiB, as goleveldb */
    const cmt_logger *logger;
    const cmt_progress_hook *progress;
    const char *name; /* for progress and messages: "blockstore" */
    bool observe; /* only to plan, without locks, beside a node that may be running: every table is
                         held open, and what a node at work explains is CMT_STALE */
} cmt_lsm_edit_options;

typedef struct cmt_lsm_edit_counts {
    uint64_t tables_before;
    uint64_t tables_dropped;   /* unread */
    uint64_t tables_rewritten; /* including level-0 tables that were merged */
    uint64_t tables_marked;    /* stay, with tombstones for their dead keys */
    uint64_t tables_written;
    uint64_t tombstones;
    uint64_t bytes_before;  /* tables and logs of the old state */
    uint64_t bytes_after;   /* tables of the new state; known after prepare */
    uint64_t bytes_dropped; /* of dropped tables */
    uint64_t bytes_dead;    /* of dead entries in tables that are read: an estimate */
    uint64_t bytes_read;
    uint64_t bytes_written;     /* known after prepare */
    uint64_t bytes_write_bound; /* what prepare may write at most: what must be free */
    bool nothing_to_do;
} cmt_lsm_edit_counts;

/**
 * Read the state of @p dir and check that it can be edited.  Writes nothing.
 *
 * @retval CMT_UNSUPPORTED  CURRENT.<n> pending, unknown tag, comparator or level, another engine
 * @retval CMT_CORRUPT      overlapping tables, damaged MANIFEST or log
 */
CMT_API CMT_MUST_CHECK cmt_status cmt_lsm_edit_open(const char *dir,
                                                    const cmt_lsm_edit_options *options,
                                                    cmt_lsm_edit **out, cmt_error *err);

/** Is this pebble with range deletions that a plan would have to rewrite, as far as is known?  (Those in logs
 *  from the start, others once a plan was refused.)  Then a clone is the way. */
CMT_API bool cmt_lsm_edit_needs_engine(const cmt_lsm_edit *edit);

/** The view over the old state, for planning; borrowed, valid until the edit is freed. */
CMT_API cmt_lsm_view *cmt_lsm_edit_view(cmt_lsm_edit *edit);

/** Is every table there, with the size that the MANIFEST says?  Looks at each file; planning does so first.
 *  @retval CMT_CORRUPT  one is not; CMT_STALE when only observing */
CMT_API CMT_MUST_CHECK cmt_status cmt_lsm_edit_check_tables(cmt_lsm_edit *edit, cmt_error *err);

/** Check that every table is there, then decide what happens to each.  Reads boundaries only; writes
 *  nothing.  The callbacks of @p spec may later be called from several threads at once.
 *  @retval CMT_UNSUPPORTED  pebble: there are range deletions in a log
 *  @retval CMT_CORRUPT      a table missing or of another size; damage in what was read */
CMT_API CMT_MUST_CHECK cmt_status cmt_lsm_edit_plan(cmt_lsm_edit *edit,
                                                    const cmt_lsm_edit_spec *spec, cmt_error *err);

/**
 * Plan a compaction instead: judged by entries.  A table is rewritten only if it holds a tombstone
 * or a key of which another source has another version; level-0 tables and logs are merged and
 * placed into the gaps of deeper levels.  Reads every key; writes nothing.
 *
 * @retval CMT_UNSUPPORTED  pebble, RocksDB: there are range deletions
 * @retval CMT_CORRUPT      a table missing or of another size; damage anywhere
 */
CMT_API CMT_MUST_CHECK cmt_status cmt_lsm_edit_plan_compact(cmt_lsm_edit *edit, cmt_error *err);

/**
 * Check free space, then write and sync new tables, read them back, write and sync the new
 * MANIFEST.  The old contents stay in force.  On failure everything written is removed.
 *
 * @retval CMT_NO_SPACE   not enough room (checked before the first byte, and at each write)
 * @retval CMT_CANCELLED  the progress hook asked to stop
 */
CMT_API CMT_MUST_CHECK cmt_status cmt_lsm_edit_prepare(cmt_lsm_edit *edit, cmt_error *err);

/** Rename CURRENT: the one commit point.  Durable on return.  After the rename nothing is
 *  undone. */
CMT_API CMT_MUST_CHECK cmt_status cmt_lsm_edit_commit(cmt_lsm_edit *edit, cmt_error *err);

CMT_API cmt_lsm_edit_counts cmt_lsm_edit_get_counts(const cmt_lsm_edit *edit);

/** Release everything; what a prepared but uncommitted edit wrote is removed.  NULL is fine. */
CMT_API void cmt_lsm_edit_free(cmt_lsm_edit *edit);

/* ---- clone ------------------------------------------------------------------------------- */

struct cmt_lsm_trash;

/**
 * pebble only, instead of a plan: make a clone of the database for RocksDB to work on.  Tables are hard links, of
 * the live logs what pebble would replay is copied, MANIFEST and CURRENT are written so that RocksDB accepts them.
 * In the database itself nothing changes, and no file that is made in the clone can have the name of one there.
 *
 *   open ──▶ clone ──▶ (RocksDB opens the clone, works, closes) ──▶ adopt ──▶ commit ──▶ retire
 *
 * @param work  of cmt_lsm_work_open(); holds the clone until it is emptied
 * @param path  replaced by the clone's path, with a terminating NUL
 * @retval CMT_UNSUPPORTED  no hard links; a table of another format; level 0 without an order that RocksDB reads
 * @retval CMT_CORRUPT      a table missing or of another size
 * @retval CMT_INVALID      not pebble, or not an edit that was only opened
 */
CMT_API CMT_MUST_CHECK cmt_status cmt_lsm_edit_clone(cmt_lsm_edit *edit, struct cmt_lsm_trash *work,
                                                     cmt_buf *path, cmt_error *err);

/**
 * Prepare the state that RocksDB, which is closed by now, left in the clone: new tables are read through, synced
 * and linked into the database, a MANIFEST in pebble's dialect is written.  As after cmt_lsm_edit_prepare() the
 * old contents stay in force until cmt_lsm_edit_commit(); on failure everything is removed.
 *
 * @retval CMT_CORRUPT      a table does not read back; something is in the clone's logs alone
 * @retval CMT_UNSUPPORTED  RocksDB has written what pebble would not read
 * @retval CMT_CANCELLED    the progress hook asked to stop
 * Source: pebble open.go Open, sstable/table.go readFooter; RocksDB db/version_edit.h
 */
CMT_API CMT_MUST_CHECK cmt_status cmt_lsm_edit_adopt(cmt_lsm_edit *edit, cmt_error *err);

/* ---- trash ------------------------------------------------------------------------------- */

/** Obsolete files on their way out: <parent of the database>/cmtstore/trash/<run>/, held by
 *  flock. */
typedef struct cmt_lsm_trash cmt_lsm_trash;

/** Make this run's trash directory beside the (resolved) database directory @p db_dir. */
CMT_API CMT_MUST_CHECK cmt_status cmt_lsm_trash_open(const char *db_dir, cmt_lsm_trash **out,
                                                     cmt_error *err);

/**
 * Make this run's directory for clones, <parent of the database>/cmtstore/work/<run>/, on the database's own file
 * system.  It is handled like a trash: cmt_lsm_trash_empty() and _close() end it, what a killed run leaves is
 * counted by cmt_lsm_trash_bytes() and removed by cmt_lsm_trash_adopt().
 */
CMT_API CMT_MUST_CHECK cmt_status cmt_lsm_work_open(const char *db_dir, cmt_lsm_trash **out,
                                                    cmt_error *err);

typedef struct cmt_lsm_retired {
    uint64_t removed;     /* files that left the directory */
    uint64_t left_behind; /* files that resisted: engines ignore and remove them */
} cmt_lsm_retired;

/**
 * Move every file that the state in force does not name into @p trash (where a rename is not possible,
 * or @p trash is NULL: unlink it) and sync both directories.  After a commit that is what the edit made
 * obsolete; with an edit that has no work, what a crash left.
 */
CMT_API CMT_MUST_CHECK cmt_status cmt_lsm_edit_retire(cmt_lsm_edit *edit, cmt_lsm_trash *trash,
                                                      cmt_lsm_retired *out, cmt_error *err);

/** Does the directory hold a MANIFEST or a temporary file beside those in force: was a switch, or the
 *  clean-up behind it, cut short?  (Single tables that nothing names are no sign: goleveldb leaves such
 *  when it closes, and removes them when it opens; pebble does not, but keeps its last MANIFEST but
 *  one.) */
CMT_API bool cmt_lsm_edit_was_interrupted(cmt_lsm_edit *edit);

/** Unlink what is in the trash with @p threads threads, remove its directories.  Reports
 *  progress. */
CMT_API CMT_MUST_CHECK cmt_status cmt_lsm_trash_empty(cmt_lsm_trash *trash, unsigned threads,
                                                      const cmt_progress_hook *progress,
                                                      cmt_error *err);
/** Close; directories that are empty are removed.  What is still inside stays for the next run. */
CMT_API void cmt_lsm_trash_close(cmt_lsm_trash *trash);

/** Bytes that trash and work directories beside @p db_dir take up, whoever holds them. */
CMT_API CMT_MUST_CHECK cmt_status cmt_lsm_trash_bytes(const char *db_dir, uint64_t *bytes,
                                                      cmt_error *err);

/** Is there a trash or work directory beside @p db_dir, be it empty?  (Links take up no bytes.) */
CMT_API bool cmt_lsm_trash_exists(const char *db_dir);

/** Empty and remove the other trash and work directories beside the same database that no process
 *  holds: what killed runs left. */
CMT_API CMT_MUST_CHECK cmt_status cmt_lsm_trash_adopt(cmt_lsm_trash *trash, unsigned threads,
                                                      cmt_error *err);

#ifdef __cplusplus
}
#endif

#endif
