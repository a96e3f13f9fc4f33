/* SPDX-License-Identifier: Apache-2.0
 *
 * The marker <parent>/cmtstore/leveldb-open-<name> of a database that C++ LevelDB has open, or had when its
 * process ended.
 *
 * C++ LevelDB writes its newest sequence into every version edit; goleveldb reads that field as "all up to
 * here is in tables" and skips the write-ahead log's batches below it.  A log that C++ LevelDB left filled
 * would so lose acknowledged writes in a Go node.  A clean close leaves none; for the rest there is the
 * marker, and cmt_db_heal().
 * Source: goleveldb leveldb/db.go recoverJournal ("invalid sequence number")
 */
#ifndef CMT_DB_MARKER_H
#define CMT_DB_MARKER_H

#include "cmtstore/db.h"

/** Make the marker; durable on return.  That it is there already is fine. */
CMT_MUST_CHECK cmt_status cmt_db__marker_set(const char *dir, cmt_error *err);
/** Remove the marker, and the directory around it if nothing else is in it. */
CMT_MUST_CHECK cmt_status cmt_db__marker_clear(const char *dir, cmt_error *err);

#endif
