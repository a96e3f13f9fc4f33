/* SPDX-License-Identifier: Apache-2.0
 *
 * A directory of RocksDB's, written and read by RocksDB itself with cometbft-db's kind of settings, but small
 * tables.  Whatever fails fails the case.
 */
#ifndef CMT_TEST_ROCKSDB_DIR_H
#define CMT_TEST_ROCKSDB_DIR_H

#include <rocksdb/c.h>

#include "cmtstore/base.h"

typedef struct rocksdb_dir {
    const char *path;
    rocksdb_options_t *options;
    rocksdb_t *db; /* NULL: closed */
    rocksdb_writeoptions_t *write;
} rocksdb_dir;

/** @p settings: further ones, as in an OPTIONS file, separated by ';'. */
void rocksdb_dir_init(rocksdb_dir *d, const char *path, const char *settings);
void rocksdb_dir_fini(rocksdb_dir *d);
void rocksdb_dir_open(rocksdb_dir *d);
/** What was not flushed stays in the log. */
void rocksdb_dir_close(rocksdb_dir *d);

void rocksdb_dir_put(rocksdb_dir *d, const char *key, const char *value);
void rocksdb_dir_delete(rocksdb_dir *d, const char *key);
void rocksdb_dir_delete_range(rocksdb_dir *d, const char *lo, const char *hi);
void rocksdb_dir_flush(rocksdb_dir *d);
void rocksdb_dir_compact(rocksdb_dir *d);

/** What RocksDB sees, opened for reading only, every checksum verified: as in pairs.h; to be freed. */
char *rocksdb_dir_pairs(const rocksdb_dir *d);

#endif
