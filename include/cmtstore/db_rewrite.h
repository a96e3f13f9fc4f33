/* SPDX-License-Identifier: Apache-2.0
 *
 * A database written anew while it is in use: its live pairs are copied into a new directory, and the two directories
 * are exchanged.  What a compaction leaves behind because a level is not full, or a file cannot be taken out, is gone
 * then; it costs the space of what lives once more.
 *
 *   copy       a snapshot, pair by pair; what is written meanwhile is remembered by key
 *   verify     the copy read back: number of pairs and SHA-256 of all of them
 *   catch up   remembered keys once more, until little is left
 *   exchange   writers wait: the last keys, both engines closed, directories exchanged, the new one opened
 *
 * Until the exchange the original is untouched; after it the original is a backup, <name>.db.old beside the database,
 * of which one is kept.  Whatever fails, and whenever the process ends, a whole database is at the original path.
 *
 *   <data>/cmtstore/rewrite/<name>.db/copy   the copy in the making
 *   <data>/<name>.db.old                     the backup
 *
 * Every handle, and every store on it, goes on working.  Both locks stay held, but for the moment in which an engine
 * takes its own on opening.  Needs renameat2(RENAME_EXCHANGE): ext4, xfs, btrfs and tmpfs have it.
 */
#ifndef CMTSTORE_DB_REWRITE_H
#define CMTSTORE_DB_REWRITE_H

#include "cmtstore/db.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct cmt_db_rewrite_options {
    const char *name; /* of the database, for progress and log lines; NULL: "" */
    uint64_t
        expected_bytes; /* that the copy will take up; 0: what the tables and logs take up now */
    size_t chunk_bytes; /* copied between two reports; 0: 4 MiB */
    size_t
        record_bytes; /* memory for the keys that are written meanwhile; 0: 64 MiB.  Twice that at most */
    size_t
        halt_bytes;  /* keys and values that may be left when writers are made to wait; 0: 64 MiB */
    int64_t wait_ns; /* for iterators and compactions to end, with writers waiting; 0: 250 ms */
    /** Asked between two chunks, never with a lock held; it may take its time, which is how to pause.  Phases "copy",
     *  "verify", "catch up".  May be NULL. */
    const cmt_progress_hook *progress;
    const cmt_logger *logger; /* may be NULL */
    /** For tests: called at each step with its name; what it returns other than CMT_OK is a failure there. */
    cmt_status (*at_step)(void *context, const char *step, cmt_error *err);
    void *step_context;
} cmt_db_rewrite_options;

typedef struct cmt_db_rewrite_result {
    uint64_t bytes_before; /* of tables and logs; for memory of keys and values */
    uint64_t bytes_after;
    uint64_t bytes_reclaimed; /* the difference; free once the backup is gone */
    uint64_t pairs;
    unsigned
        rounds; /* snapshots that were copied: more than one if too much was written meanwhile */
    unsigned catch_ups; /* times that remembered keys were copied */
    int64_t halted_ms;  /* how long writers waited, all in all */
    int64_t elapsed_ms;
} cmt_db_rewrite_result;

/**
 * Write @p db anew.  Waits; reads and writes go on meanwhile but for the exchange, which waits for iterators and
 * compactions to end.  cmt_db_cancel_compaction() and cmt_db_shutdown() stop it like a compaction.
 *
 * LevelDB and RocksDB open for writing, and memory.  RocksDB packs the copy on every level.
 *
 * @param options  may be NULL
 * @param out      zero unless the call succeeded
 * @retval CMT_CANCELLED    stopped by the hook, or like a compaction
 * @retval CMT_BUSY         another rewrite of it runs; iterators or compactions never ended, tried 20 times; or writes
 *                          come faster than they are copied
 * @retval CMT_NO_SPACE     the file system has no room for the copy (an old backup may be what takes it up)
 * @retval CMT_CORRUPT      a pair cannot be read, or the copy does not hold what was written to it
 * @retval CMT_UNSUPPORTED  open for reading only, a clone of pebble's, a mount point, or no RENAME_EXCHANGE
 * @retval CMT_IO           also if the engine could be opened neither on the new files nor on the old: every later
 *                          call on @p db says so, and a whole database is at the path
 * Whatever is returned but CMT_OK: the original is in place, with everything written to it.
 */
CMT_API CMT_MUST_CHECK cmt_status cmt_db_rewrite(cmt_db *db, const cmt_db_rewrite_options *options,
                                                 cmt_db_rewrite_result *out, cmt_error *err);

/* ---- what is left beside a database; @p dir is its path, it may be open ----------------------- */

typedef struct cmt_db_rewrite_left {
    bool has_backup;
    uint64_t backup_bytes;
    int64_t backup_since_ns; /* wall clock */
    bool has_copy;           /* of a rewrite that runs, or that was killed */
    uint64_t copy_bytes;
} cmt_db_rewrite_left;

/** What is there.  Changes nothing, takes no lock. */
CMT_API CMT_MUST_CHECK cmt_status cmt_db_rewrite_find(const char *dir, cmt_db_rewrite_left *out,
                                                      cmt_error *err);

/**
 * Remove what a killed rewrite left.  cmt_db_open() does it when it opens for writing, and cmt_db_rewrite().
 * @param removed  whether there was anything; may be NULL
 * @retval CMT_BUSY  a rewrite is at work there
 */
CMT_API CMT_MUST_CHECK cmt_status cmt_db_rewrite_clean(const char *dir, bool *removed,
                                                       cmt_error *err);

/** The new database is good: remove the backup.  That there is none is fine.  Gone as a whole, also if killed.
 *  @retval CMT_BUSY  somebody has the backup open, or a rewrite is at work */
CMT_API CMT_MUST_CHECK cmt_status cmt_db_rewrite_confirm(const char *dir, cmt_error *err);

/**
 * Remove the backup if it has been one for @p keep_ns, or since later than now.
 * @param now_ns   wall clock
 * @param removed  may be NULL
 */
CMT_API CMT_MUST_CHECK cmt_status cmt_db_rewrite_expire(const char *dir, int64_t keep_ns,
                                                        int64_t now_ns, bool *removed,
                                                        cmt_error *err);

#ifdef __cplusplus
}
#endif

#endif
