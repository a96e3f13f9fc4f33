/* SPDX-License-Identifier: Apache-2.0
 *
 * Whose files a directory holds.  LevelDB (goleveldb, C++), pebble and RocksDB share the log format, the shape
 * of version edits and the blocks of tables; they differ in fields of the edits, in the chunks of logs, in
 * footers, checksums, indexes and meta blocks of tables, and in how level 0 is ordered.
 */
#ifndef CMT_LSM_DIALECT_H
#define CMT_LSM_DIALECT_H

#include "directory.h"

typedef struct cmt_lsm__dialect {
    bool pebble;
    bool rocksdb;
    bool rocksdb_format; /* either: tables in RocksDB's format, sequences in the MANIFEST */
    /** A log that is not the last must be whole (strict_wal_tail). */
    bool strict_log_tail;
} cmt_lsm__dialect;

/**
 * Tell the dialect of a directory from its listing and its newest OPTIONS file.
 *
 * @retval CMT_UNSUPPORTED  pebble's in a format newer than FormatMostCompatible, RocksDB's before 6 or after 9,
 *                          either with options that CometBFT does not use
 * @retval CMT_STALE        the OPTIONS file vanished: a node is starting
 * Source: pebble options.go Options.String, checkOptions; open.go Open; RocksDB options/options_parser.cc
 */
CMT_MUST_CHECK cmt_status cmt_lsm__tell_dialect(int dir_fd, const char *path,
                                                const cmt_lsm__listing *listing,
                                                cmt_lsm__dialect *out, cmt_error *err);

#endif
