/* SPDX-License-Identifier: Apache-2.0
 *
 * Opening by engine, and healing what an unclean end left.
 */
#include "engines.h"
#include "marker.h"
#include "rewrite_internal.h"

static cmt_status open_leveldb_view(const char *dir, const cmt_db_open_options *options,
                                    cmt_db **out, cmt_error *err)
{
    cmt_db__guard guard;
    CMT_TRY(cmt_db__guard_open(dir, options, &guard, err));
    cmt_db__guard_close(&guard);
    const cmt_db_view_options view = {.cache_bytes = options->cache_bytes, .pin = true};
    return cmt_db_open_view(dir, &view, out, err);
}

static cmt_status open_by_engine(const char *dir, const cmt_db_open_options *options, cmt_db **out,
                                 cmt_error *err)
{
    switch (options->engine) {
    case CMT_ENGINE_GOLEVELDB:
    case CMT_ENGINE_CLEVELDB:
        return options->read_only ? open_leveldb_view(dir, options, out, err)
                                  : cmt_db__open_leveldb(dir, options, out, err);
    case CMT_ENGINE_ROCKSDB:
        return cmt_db__open_rocksdb(dir, options, out, err);
    case CMT_ENGINE_NONE:
    case CMT_ENGINE_PEBBLEDB:
    case CMT_ENGINE_BADGERDB:
    case CMT_ENGINE_BOLTDB:
    case CMT_ENGINE_UNKNOWN:
        break;
    }
    return cmt_error_set(
        err, CMT_UNSUPPORTED,
        "open %s: no engine for %s here; LevelDB and RocksDB are opened; nothing was "
        "changed",
        dir, cmt_engine_name(options->engine));
}

cmt_status cmt_db_open(const char *dir, const cmt_db_open_options *options, cmt_db **out,
                       cmt_error *err)
{
    *out = NULL;
    CMT_TRY(open_by_engine(dir, options, out, err));
    (*out)->unsynced = options->unsynced;
    if (!options->read_only)
        cmt_db__rewrite_discard(dir, options->logger);
    return CMT_OK;
}

cmt_status cmt_db_heal(const char *dir, const cmt_logger *logger, bool *healed, cmt_error *err)
{
    const cmt_db_open_options options = {.engine = CMT_ENGINE_CLEVELDB, .logger = logger};
    bool needed = false;
    if (healed != NULL)
        *healed = false;
    CMT_TRY(cmt_db_needs_heal(dir, &needed, err));
    if (!needed)
        return CMT_OK;
    cmt_db *db;
    CMT_TRY(cmt_db_open(dir, &options, &db, err));
    cmt_status st = cmt_db_flush(db, err);
    cmt_db_close(db);
    CMT_TRY(st);
    CMT_TRY(cmt_db_needs_heal(dir, &needed, err));
    if (needed)
        return cmt_error_set(
            err, CMT_IO,
            "%s was left open by a process that died, and its write-ahead log could not be "
            "written into tables; start no node on it before that succeeds",
            dir);
    cmt_log(logger, CMT_LOG_INFO, "healed what an unclean end of LevelDB left  db=%s", dir);
    if (healed != NULL)
        *healed = true;
    return CMT_OK;
}
