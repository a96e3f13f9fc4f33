/* SPDX-License-Identifier: Apache-2.0
 *
 * What a MANIFEST says: which tables make up the database, on which levels, and the counters.
 */
#ifndef CMT_LSM_VERSION_H
#define CMT_LSM_VERSION_H

#include "arena.h"
#include "directory.h"

typedef struct cmt_lsm__table_meta {
    uint64_t number;
    uint64_t size;
    unsigned level;
    bool removed; /* by a later edit of the same MANIFEST; compacted away before use */
    bool is_sst;
    bool rocksdb_format; /* pebble or RocksDB: the fields behind the keys count */
    bool rocksdb;        /* RocksDB itself: newer formats, other checksums and compressions, too */
    cmt_slice smallest;  /* internal keys */
    cmt_slice largest;
    uint64_t smallest_sequence; /* of all entries */
    uint64_t largest_sequence;
    uint64_t creation_time; /* seconds since 1970; 0: not known */
    bool marked;            /* pebble shall compact it */
    cmt_slice custom;       /* RocksDB: attributes, as they stand in the MANIFEST, without end */
} cmt_lsm__table_meta;

typedef struct cmt_lsm__version {
    cmt_lsm__arena arena; /* keys */
    /* Level 0 newest first (by number; in pebble and RocksDB by sequence), deeper levels by key. */
    cmt_lsm__table_meta *tables;
    size_t count;
    size_t capacity;
    size_t
        level_start[CMT_LSM_LEVELS + 1]; /* tables of level i: [level_start[i], level_start[i+1]) */
    uint64_t log_number;
    uint64_t prev_log_number;
    uint64_t next_file_number;
    uint64_t last_sequence;
    bool rocksdb_format; /* the dialect: pebble or RocksDB */
    bool rocksdb;
    uint64_t min_log_number; /* RocksDB: no log below is wanted */
    cmt_slice db_id;         /* RocksDB: its name for the database, where the MANIFEST holds it */
    cmt_slice compact_pointers[CMT_LSM_LEVELS]; /* internal key, or empty */
    bool torn_tail;

    uint32_t *slots; /* while reading: (level, number) -> index + 1 */
    size_t slot_count;
    unsigned seen; /* which of the tags that must occur have */
} cmt_lsm__version;

void cmt_lsm__version_free(cmt_lsm__version *version);

/**
 * Read the MANIFEST @p name.  @p size bytes of it count.  Tables are sorted, the deeper levels checked
 * to be disjoint.
 * @retval CMT_UNSUPPORTED  unknown tag, comparator or level >= 7
 * @retval CMT_CORRUPT      damage, overlapping tables, or an incomplete state
 */
CMT_MUST_CHECK cmt_status cmt_lsm__version_read(int fd, const char *name, uint64_t size,
                                                cmt_lsm__version *out, cmt_error *err);

/** The same for a MANIFEST of pebble: other fields, and tables know their sequences. */
CMT_MUST_CHECK cmt_status cmt_lsm__version_read_pebble(int fd, const char *name, uint64_t size,
                                                       cmt_lsm__version *out, cmt_error *err);

/** The same for a MANIFEST of RocksDB. */
CMT_MUST_CHECK cmt_status cmt_lsm__version_read_rocksdb(int fd, const char *name, uint64_t size,
                                                        cmt_lsm__version *out, cmt_error *err);

/** The name under which a table lies or should lie: %06u.ldb or .sst. */
void cmt_lsm__table_name(uint64_t number, bool is_sst, char name[CMT_LSM_NAME_MAX]);

/** Append one version edit record that describes the tables in @p tables from nothing, in the dialect of
 *  @p counters. */
CMT_MUST_CHECK cmt_status cmt_lsm__version_encode(const cmt_lsm__version *counters,
                                                  const cmt_lsm__table_meta *tables, size_t count,
                                                  cmt_buf *out);

/** Sort as in cmt_lsm__version and fill @p level_start; check that deeper levels are disjoint (I5). */
CMT_MUST_CHECK cmt_status cmt_lsm__tables_arrange(cmt_lsm__table_meta *tables, size_t count,
                                                  size_t level_start[CMT_LSM_LEVELS + 1],
                                                  cmt_error *err);

#endif
