/* SPDX-License-Identifier: Apache-2.0
 *
 * Tables: opening them, their index, their blocks; and the two caches over all tables of a view.
 */
#ifndef CMT_LSM_TABLE_H
#define CMT_LSM_TABLE_H

#include "block.h"
#include "range_dels.h"
#include "version.h"

/** Where a block lies in its file, without the trailer. */
typedef struct cmt_lsm__handle {
    uint64_t offset;
    uint64_t size;
} cmt_lsm__handle;

/** An open table. */
typedef struct cmt_lsm__table {
    const cmt_lsm__table_meta *meta;
    int fd;
    char name[CMT_LSM_NAME_MAX];
    cmt_lsm__block *index;
    unsigned checksum; /* kind: CMT_LSM_CHECKSUM_… */
    uint64_t data_end; /* offset behind the last data block: where meta index or index begins */
    size_t range_dels; /* how many range deletions it holds; never LevelDB */
    unsigned references;
    struct cmt_lsm__table *newer;
    struct cmt_lsm__table *older;
} cmt_lsm__table;

/** Tables and blocks kept at hand for one view.  Bounded: tables by number (unless pinned), blocks by bytes. */
typedef struct cmt_lsm__cache {
    int dir_fd;
    size_t open_limit;
    size_t open_count;
    cmt_lsm__table *newest_table;
    cmt_lsm__table *oldest_table;
    cmt_lsm__table **by_index; /* per table of the version, NULL if not open */
    /* Of every table that was ever open: whoever meets a key has opened the tables that span it. */
    cmt_lsm__range_dels range_dels;
    bool *dels_known; /* per table of the version */
    const cmt_lsm__table_meta *tables;
    size_t table_count;

    size_t block_limit;
    size_t block_bytes;
    cmt_lsm__block *newest_block;
    cmt_lsm__block *oldest_block;
    cmt_lsm__block **slots;
    size_t slot_count;

    uint64_t bytes_read;
} cmt_lsm__cache;

CMT_MUST_CHECK cmt_status cmt_lsm__cache_init(cmt_lsm__cache *cache, int dir_fd,
                                              const cmt_lsm__table_meta *tables, size_t table_count,
                                              size_t block_limit, size_t open_limit,
                                              cmt_error *err);
void cmt_lsm__cache_fini(cmt_lsm__cache *cache);

/** Open a table or find it open; retained until cmt_lsm__table_release().
 *  @retval CMT_STALE the file is not there (any more) */
CMT_MUST_CHECK cmt_status cmt_lsm__cache_table(cmt_lsm__cache *cache,
                                               const cmt_lsm__table_meta *meta,
                                               cmt_lsm__table **out, cmt_error *err);
void cmt_lsm__table_release(cmt_lsm__table *table);

/** Open one table file outside a cache (to read a new table back). */
CMT_MUST_CHECK cmt_status cmt_lsm__table_open(int dir_fd, const cmt_lsm__table_meta *meta,
                                              uint64_t *bytes_read, cmt_lsm__table **out,
                                              cmt_error *err);

/** Read, verify and unpack the block at @p handle; retained for the caller.  Through the cache. */
CMT_MUST_CHECK cmt_status cmt_lsm__cache_block(cmt_lsm__cache *cache, cmt_lsm__table *table,
                                               cmt_lsm__handle handle, cmt_lsm__block **out,
                                               cmt_error *err);

/** Verify @p raw, a stored block of handle.size bytes with its trailer, and unpack it. */
CMT_MUST_CHECK cmt_status cmt_lsm__block_unpack(const cmt_lsm__table *table, cmt_lsm__handle handle,
                                                const uint8_t *raw, cmt_lsm__block **out,
                                                cmt_error *err);

/** Read, verify and unpack a block that does not go through a cache. */
CMT_MUST_CHECK cmt_status cmt_lsm__block_read(const cmt_lsm__table *table, cmt_lsm__handle handle,
                                              uint64_t *bytes_read, cmt_lsm__block **out,
                                              cmt_error *err);

/** Does the block with its trailer end at or before @p limit? */
bool cmt_lsm__handle_fits(cmt_lsm__handle handle, uint64_t limit);

/** Verify the checksum of a stored block only. */
CMT_MUST_CHECK cmt_status cmt_lsm__block_verify(const cmt_lsm__table *table, cmt_lsm__handle handle,
                                                const uint8_t *raw, cmt_error *err);

/** Decode an index entry's value; the block must lie inside the table's data. */
CMT_MUST_CHECK cmt_status cmt_lsm__handle_decode(const cmt_lsm__table *table, cmt_slice value,
                                                 cmt_lsm__handle *out, cmt_error *err);

/* rocksdb_table.c */

/** Does an open file of @p size bytes end as a table of CometBFT's pebble does?  Reads its last bytes alone.
 *  @retval CMT_UNSUPPORTED  another magic, format or kind of checksum */
CMT_MUST_CHECK cmt_status cmt_lsm__rocksdb_table_check(int fd, const char *name, uint64_t size,
                                                       cmt_error *err);

/**
 * Read what stands around the data of a table in RocksDB's format: footer, properties, index (one of two
 * levels is joined into one), range deletions (appended to @p dels unless NULL, cut to the table's
 * bounds).
 * @retval CMT_UNSUPPORTED  a format, checksum, index or origin that CometBFT's engine does not write
 * Source: pebble sstable/table.go readFooter, reader.go readMetaindex, properties.go; RocksDB table/format.cc
 * Footer::DecodeFrom, table/meta_blocks.cc, include/rocksdb/table_properties.h
 */
CMT_MUST_CHECK cmt_status cmt_lsm__rocksdb_table_open(cmt_lsm__table *table, uint64_t *bytes_read,
                                                      cmt_lsm__range_dels *dels, cmt_error *err);

#endif
