/* SPDX-License-Identifier: Apache-2.0
 *
 * C++ LevelDB in tests: a writer of databases, and a judge of ours.
 */
#ifndef CMT_TEST_ENGINE_H
#define CMT_TEST_ENGINE_H

#include "cmtstore/base.h"

#include <leveldb/c.h>

typedef struct engine_options {
    size_t write_buffer; /* 0: LevelDB's own */
    size_t table_bytes;  /* 0: LevelDB's own; LevelDB uses no less than 1 MiB */
    bool lenient;        /* no paranoid checks: a torn log is accepted, as a node does */
    bool plain;          /* no compression */
} engine_options;

/** Open or create; NULL options: strict, all defaults.  Closed with leveldb_close(). */
leveldb_t *engine_open(const char *dir, const engine_options *options);
/** The same; NULL instead of failing the case. */
leveldb_t *engine_try_open(const char *dir, const engine_options *options);
void engine_put(leveldb_t *db, cmt_slice key, cmt_slice value);
void engine_put_text(leveldb_t *db, const char *key, const char *value);
void engine_delete(leveldb_t *db, cmt_slice key);

/** What LevelDB shows of @p dir, as pairs_of_view() writes it, every key also got one by one.  It opens a
 *  copy: to open is to write. */
char *engine_pairs(const char *dir, const engine_options *options);

#endif
