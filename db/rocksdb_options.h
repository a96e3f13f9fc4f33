/* SPDX-License-Identifier: Apache-2.0
 *
 * What a RocksDB directory's OPTIONS file says about its tables.
 */
#ifndef CMT_DB_ROCKSDB_OPTIONS_H
#define CMT_DB_ROCKSDB_OPTIONS_H

#include "cmtstore/base.h"

#define CMT_DB__ROCKSDB_LEVELS 7

/** The settings that new tables must share with old ones, so that whoever wrote those reads these.  Numbers
 *  are RocksDB's own. */
typedef struct cmt_db__rocksdb_format {
    int format_version;
    int checksum;
    int compression;
    int bottommost_compression;
    int per_level[CMT_DB__ROCKSDB_LEVELS];
    size_t per_level_count; /* 0: `compression` on every level */
} cmt_db__rocksdb_format;

/**
 * Read the text of an OPTIONS file.
 * @param path  of the directory, for messages
 * @retval CMT_UNSUPPORTED  a newer major version wrote it, or it names what this library cannot write
 * @retval CMT_CORRUPT      it lacks what every OPTIONS file has
 */
CMT_MUST_CHECK cmt_status cmt_db__rocksdb_format_read(const char *path, cmt_slice text,
                                                      cmt_db__rocksdb_format *out, cmt_error *err);

#endif
