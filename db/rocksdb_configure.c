/* SPDX-License-Identifier: Apache-2.0
 *
 * How a RocksDB is opened: cometbft-db's settings, with the table format of the directory.
 */
#include "detect.h"
#include "rocksdb_internal.h"
#include "rocksdb_options.h"

#define LEVEL_STYLE_BUDGET ((uint64_t)512 << 20) /* cometbft-db's */
#define BLOOM_BITS_PER_KEY 10                    /* cometbft-db's */
#define BACKGROUND_THREADS 2
#define ENGINE_LOGS_KEPT 5

static void apply_format(cmt_db__rocksdb *db, const cmt_db__rocksdb_format *format)
{
    rocksdb_block_based_options_set_format_version(db->table_options, format->format_version);
    rocksdb_block_based_options_set_checksum(db->table_options, (char)format->checksum);
    rocksdb_options_set_compression(db->options, format->compression);
    rocksdb_options_set_bottommost_compression(db->options, format->bottommost_compression);
    /* cometbft-db's settings name levels one by one: where the directory does not, each gets the same. */
    int per_level[CMT_DB__ROCKSDB_LEVELS];
    for (size_t level = 0; level < CMT_DB__ROCKSDB_LEVELS; level++)
        per_level[level] = level < format->per_level_count ? format->per_level[level]
                           : format->per_level_count > 0
                               ? format->per_level[format->per_level_count - 1]
                               : format->compression;
    rocksdb_options_set_compression_per_level(db->options, per_level, CMT_DB__ROCKSDB_LEVELS);
}

static cmt_status read_format(const cmt_db__rocksdb *db, cmt_db__rocksdb_format *format,
                              bool *found, cmt_error *err)
{
    cmt_buf text = CMT_BUF_INIT;
    cmt_status st = cmt_db__read_options(db->guard.dir_fd, db->guard.dir, &text, err);
    *found = st == CMT_OK;
    if (st == CMT_NOT_FOUND && db->read_only)
        return CMT_OK;
    if (st == CMT_NOT_FOUND)
        st = cmt_error_set(
            err, CMT_UNSUPPORTED,
            "%s has no OPTIONS file, so that nothing says which version may write there; "
            "nothing was changed",
            db->guard.dir);
    if (st == CMT_OK)
        st = cmt_db__rocksdb_format_read(db->guard.dir, cmt_buf_slice(&text), format, err);
    cmt_buf_free(&text);
    return st;
}

#define REFILL_US (100 * 1000)
#define FAIRNESS 10 /* RocksDB's own choice, as the time above is */

static void limit_rate(rocksdb_options_t *o, uint64_t bytes_per_s)
{
    if (bytes_per_s == 0)
        return;
    rocksdb_ratelimiter_t *limiter = rocksdb_ratelimiter_create(
        bytes_per_s < INT64_MAX ? (int64_t)bytes_per_s : INT64_MAX, REFILL_US, FAIRNESS);
    rocksdb_options_set_ratelimiter(o, limiter);
    rocksdb_ratelimiter_destroy(limiter); /* the options have it still */
}

static void set_options(cmt_db__rocksdb *db, const cmt_db_open_options *options)
{
    rocksdb_options_t *o = db->options;
    rocksdb_options_increase_parallelism(o, BACKGROUND_THREADS);
    rocksdb_options_optimize_level_style_compaction(o, LEVEL_STYLE_BUDGET);
    /* What the budget would allow for memtables is a node's, not a tool's. */
    rocksdb_options_set_write_buffer_size(o, options->write_buffer_bytes > 0
                                                 ? options->write_buffer_bytes
                                                 : CMT_DB__WRITE_BUFFER_BYTES);
    rocksdb_options_set_disable_auto_compactions(o, options->only_asked_compactions);
    limit_rate(o, options->background_bytes_per_s);
    rocksdb_options_set_max_write_buffer_number(o, 3);
    rocksdb_options_set_min_write_buffer_number_to_merge(o, 1);
    rocksdb_options_set_create_if_missing(o, options->create && !options->read_only);
    rocksdb_options_set_paranoid_checks(o, 1);
    rocksdb_options_set_max_open_files(o, cmt_db__open_files(options));
    rocksdb_options_set_skip_stats_update_on_db_open(o, 1);
    rocksdb_options_set_stats_dump_period_sec(o, 0);
    rocksdb_options_set_keep_log_file_num(o, ENGINE_LOGS_KEPT);
    /* A torn tail is what a crash leaves; damage before it would otherwise silently end the log. */
    rocksdb_options_set_wal_recovery_mode(o, rocksdb_tolerate_corrupted_tail_records_recovery);
}

/* What is written once, in order, would otherwise stay unpacked in levels that are usually rewritten soon. */
static void pack_every_level(cmt_db__rocksdb_format *format)
{
    if (format->per_level_count > 0)
        format->compression = format->per_level[format->per_level_count - 1];
    format->per_level_count = 0;
}

cmt_status cmt_db__rocksdb_configure(cmt_db__rocksdb *db, const cmt_db_open_options *options,
                                     const cmt_db__rocksdb *like, cmt_error *err)
{
    cmt_db__rocksdb_format format;
    db->options = rocksdb_options_create();
    db->table_options = rocksdb_block_based_options_create();
    db->cache = rocksdb_cache_create_lru(options->cache_bytes > 0 ? options->cache_bytes
                                                                  : CMT_DB__CACHE_BYTES);
    set_options(db, options);
    rocksdb_block_based_options_set_block_cache(db->table_options, db->cache);
    rocksdb_block_based_options_set_filter_policy(
        db->table_options, rocksdb_filterpolicy_create_bloom_full(BLOOM_BITS_PER_KEY));
    /* Who only reads makes no tables, but a newer version's are refused all the same. */
    if (!db->guard.created || like != NULL) {
        bool found = false;
        CMT_TRY(read_format(like != NULL ? like : db, &format, &found, err));
        if (found && like != NULL)
            pack_every_level(&format);
        if (found)
            apply_format(db, &format);
    }
    rocksdb_options_set_block_based_table_factory(db->options, db->table_options);
    db->read = rocksdb_readoptions_create();
    rocksdb_readoptions_set_verify_checksums(db->read, 1);
    db->write = rocksdb_writeoptions_create();
    db->write_sync = rocksdb_writeoptions_create();
    rocksdb_writeoptions_set_sync(db->write_sync, 1);
    return CMT_OK;
}

void cmt_db__rocksdb_free_options(cmt_db__rocksdb *db)
{
    if (db->read != NULL)
        rocksdb_readoptions_destroy(db->read);
    if (db->write != NULL)
        rocksdb_writeoptions_destroy(db->write);
    if (db->write_sync != NULL)
        rocksdb_writeoptions_destroy(db->write_sync);
    rocksdb_block_based_options_destroy(db->table_options);
    rocksdb_options_destroy(db->options);
    rocksdb_cache_destroy(db->cache);
}
