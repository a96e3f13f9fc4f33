/* SPDX-License-Identifier: Apache-2.0
 *
 * RocksDB on the clone of a pebble directory.
 *
 * Pebble opens tables when it first needs them, so a setting that it does not read would show in a running node.
 * Written are RocksDB's tables of format 2 with CRC-32C, snappy, binary search in blocks and index, and no
 * filter; blobs and recycled logs are off.  The clone is thrown away when anything goes wrong: nothing is
 * logged, nothing synced.  It is only compacted when asked.
 * Source: pebble sstable/table.go readFooter, sstable/block.go, sstable/compression.go
 */
#include "rocksdb_internal.h"

#define TABLE_FORMAT 2
#define CHECKSUM_CRC32C 1
#define LEVELS 7
#define TABLE_BYTES ((uint64_t)32 << 20)
#define BACKGROUND_THREADS 2

static void set_table_options(rocksdb_block_based_table_options_t *t)
{
    rocksdb_block_based_options_set_format_version(t, TABLE_FORMAT);
    rocksdb_block_based_options_set_checksum(t, CHECKSUM_CRC32C);
    rocksdb_block_based_options_set_index_type(t,
                                               rocksdb_block_based_table_index_type_binary_search);
    rocksdb_block_based_options_set_data_block_index_type(
        t, rocksdb_block_based_table_data_block_index_type_binary_search);
}

static void set_options(rocksdb_options_t *o, const cmt_db_open_options *options)
{
    rocksdb_options_increase_parallelism(o, BACKGROUND_THREADS);
    rocksdb_options_set_create_if_missing(o, 0);
    rocksdb_options_set_paranoid_checks(o, 1);
    rocksdb_options_set_compression(o, rocksdb_snappy_compression);
    rocksdb_options_set_bottommost_compression(o, rocksdb_snappy_compression);
    rocksdb_options_set_num_levels(o, LEVELS);
    rocksdb_options_set_level_compaction_dynamic_level_bytes(o, 1);
    rocksdb_options_set_disable_auto_compactions(o, 1);
    rocksdb_options_set_target_file_size_base(o, TABLE_BYTES);
    rocksdb_options_set_enable_blob_files(o, 0);
    rocksdb_options_set_recycle_log_file_num(o, 0);
    /* The copies hold what pebble would replay, and end there. */
    rocksdb_options_set_wal_recovery_mode(o, rocksdb_tolerate_corrupted_tail_records_recovery);
    rocksdb_options_set_write_buffer_size(o, options->write_buffer_bytes > 0
                                                 ? options->write_buffer_bytes
                                                 : CMT_DB__WRITE_BUFFER_BYTES);
    rocksdb_options_set_max_open_files(o, cmt_db__open_files(options));
    rocksdb_options_set_keep_log_file_num(o, 1);
    rocksdb_options_set_skip_stats_update_on_db_open(o, 1);
    rocksdb_options_set_stats_dump_period_sec(o, 0);
}

void cmt_db__rocksdb_configure_clone(cmt_db__rocksdb *db, const cmt_db_open_options *options)
{
    db->options = rocksdb_options_create();
    db->table_options = rocksdb_block_based_options_create();
    db->cache = rocksdb_cache_create_lru(options->cache_bytes > 0 ? options->cache_bytes
                                                                  : CMT_DB__CACHE_BYTES);
    set_options(db->options, options);
    set_table_options(db->table_options);
    rocksdb_block_based_options_set_block_cache(db->table_options, db->cache);
    rocksdb_options_set_block_based_table_factory(db->options, db->table_options);
    db->read = rocksdb_readoptions_create();
    rocksdb_readoptions_set_verify_checksums(db->read, 1);
    db->write = rocksdb_writeoptions_create();
    db->write_sync = rocksdb_writeoptions_create();
    rocksdb_writeoptions_disable_WAL(db->write, 1);
    rocksdb_writeoptions_disable_WAL(db->write_sync, 1);
}

cmt_status cmt_db_open_clone(const char *dir, const cmt_db_open_options *options, cmt_db **out,
                             cmt_error *err)
{
    *out = NULL;
    if (options->engine != CMT_ENGINE_PEBBLEDB || options->read_only || options->create)
        return cmt_error_set(err, CMT_INVALID, "open %s: a clone is of pebble's and is written to",
                             dir);
    return cmt_db__rocksdb_open_clone(dir, options, out, err);
}
