/* SPDX-License-Identifier: Apache-2.0
 *
 * The live write-ahead logs of a database ("journals" in goleveldb), in memory and sorted.
 *
 * A record is a batch: u64 sequence, u32 count, then per entry type (0 delete, 1 put), key, value
 * for a put; entry i has sequence + i.  pebble and RocksDB have two kinds more: 3, a comment (key only, not
 * counted), and 15, the deletion of all keys from key to below value; RocksDB also 13, nothing (not counted).
 *
 * RocksDB's logs may hold hundreds of megabytes.  From some size on larger values are not copied: an entry then
 * says where in the log its value stands.  RocksDB as CometBFT sets it up does not write over a log.
 */
#ifndef CMT_LSM_JOURNAL_H
#define CMT_LSM_JOURNAL_H

#include "arena.h"
#include "directory.h"
#include "log.h"

typedef struct cmt_lsm__entry {
    const uint8_t *key; /* internal */
    unsigned key_size : 31;
    unsigned in_log : 1; /* the value was left in its log */
    uint32_t value_size;
    union {
        const uint8_t *bytes;
        uint64_t place; /* number of the log in journal.logs << 48 | offset in the file */
    } value;
} cmt_lsm__entry;

/** A log of which values were left where they are: kept open. */
typedef struct cmt_lsm__open_log {
    int fd;
    char name[CMT_LSM_NAME_MAX];
} cmt_lsm__open_log;

typedef struct cmt_lsm__journal {
    cmt_lsm__arena arena;
    cmt_lsm__entry *entries; /* sorted by internal key */
    size_t count;
    size_t capacity;
    uint64_t files;
    uint64_t bytes; /* of the files */
    uint64_t highest_sequence;
    bool torn_tail;
    /* Batches below the MANIFEST's sequence: only a C++ engine leaves them.  goleveldb would skip
     * them; here they count. */
    bool below_manifest;
    size_t range_deletes; /* pebble: how many of the entries are of that kind */
    cmt_lsm__open_log *logs;
    size_t log_count;
} cmt_lsm__journal;

static inline cmt_slice cmt_lsm__entry_key(const cmt_lsm__entry *entry)
{
    return (cmt_slice){entry->key, entry->key_size};
}

/** The value of an entry, borrowed from the journal or, if it was left in its log, read into @p scratch. */
CMT_MUST_CHECK cmt_status cmt_lsm__journal_value(const cmt_lsm__journal *journal,
                                                 const cmt_lsm__entry *entry, cmt_buf *scratch,
                                                 cmt_slice *value, cmt_error *err);

void cmt_lsm__journal_free(cmt_lsm__journal *journal);

/**
 * Read every log that is live: number >= @p log_number, or == @p prev_log_number.
 * @retval CMT_STALE        a log of the listing vanished
 * @retval CMT_UNSUPPORTED  more than CMT_LSM_JOURNALS_MAX bytes (RocksDB: CMT_LSM_ROCKSDB_…)
 * @retval CMT_CORRUPT      damage before the tail of a log
 */
CMT_MUST_CHECK cmt_status cmt_lsm__journal_read(int dir_fd, const cmt_lsm__listing *listing,
                                                uint64_t log_number, uint64_t prev_log_number,
                                                uint64_t manifest_sequence, cmt_lsm__journal *out,
                                                cmt_error *err);

/**
 * The same for RocksDB, and for pebble: every log from @p log_number on, whatever its sequences.  All but the
 * newest must be whole if @p strict.
 * @retval CMT_UNSUPPORTED  RocksDB: an entry that CometBFT does not write, such as another column family's
 */
CMT_MUST_CHECK cmt_status cmt_lsm__journal_read_rocksdb(int dir_fd, const cmt_lsm__listing *listing,
                                                        uint64_t log_number, bool strict,
                                                        cmt_lsm__journal *out, cmt_error *err);
CMT_MUST_CHECK cmt_status cmt_lsm__journal_read_pebble(int dir_fd, const cmt_lsm__listing *listing,
                                                       uint64_t log_number, bool strict,
                                                       cmt_lsm__journal *out, cmt_error *err);

#endif
