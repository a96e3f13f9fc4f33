/* SPDX-License-Identifier: Apache-2.0
 *
 * LevelDB's log format, which MANIFEST and write-ahead logs share, and pebble's for write-ahead logs: blocks of 32 KiB that hold chunks
 * {masked CRC-32C of type and data, u32; length, u16; type: 1 whole, 2 first, 3 middle, 4 last; data}.
 * A tail of fewer than 7 bytes in a block is zero filled.
 */
#ifndef CMT_LSM_LOG_H
#define CMT_LSM_LOG_H

#include "format.h"

/** Called for each whole record; the bytes are borrowed for the call. */
typedef cmt_status (*cmt_lsm__record_fn)(void *context, cmt_slice record, cmt_error *err);

/**
 * Read the records of an open log from its start to @p size.
 *
 * A chunk that is cut or damaged ends the log (*torn = true) only if no valid chunk follows it:
 * that is what a crash leaves.  Damage with valid chunks behind it is CMT_CORRUPT.
 * Source: goleveldb leveldb/journal/journal.go; LevelDB db/log_reader.cc
 */
CMT_MUST_CHECK cmt_status cmt_lsm__log_read(int fd, const char *name, uint64_t size,
                                            cmt_lsm__record_fn on_record, void *context, bool *torn,
                                            cmt_error *err);

/** Where the record that a reader hands out stands in its file. */
typedef struct cmt_lsm__record_place {
    uint64_t offset; /* of its first byte */
    size_t header;   /* bytes in front of each of its chunks */
    uint64_t size;
    /** Every chunk but the last reaches to the end of its block, as all engines write them: then the place of
     *  each byte follows from `offset`. */
    bool regular;
} cmt_lsm__record_place;

/** Which log of pebble's or RocksDB's is read. */
typedef struct cmt_lsm__recycled_log {
    uint64_t number;
    bool strict;                  /* newer logs follow: it must be whole */
    bool rocksdb;                 /* chunks of a later kind are CMT_UNSUPPORTED */
    cmt_lsm__record_place *place; /* may be NULL; set before each record is handed out */
} cmt_lsm__recycled_log;

/** The offset in the file of byte @p at of a regular record. */
uint64_t cmt_lsm__record_offset(const cmt_lsm__record_place *place, uint64_t at);

/** Read @p size bytes of a record again, from file offset @p offset on, into @p out; its chunks have headers of
 *  CMT_LSM_LOG_HEADER bytes.  Checksums are not verified again. */
CMT_MUST_CHECK cmt_status cmt_lsm__record_read(int fd, const char *name, uint64_t offset,
                                               size_t size, uint8_t *out, cmt_error *err);

/**
 * The same for a log that pebble or RocksDB writes: chunks of types 5 to 8 carry the low half of the log's number behind
 * the type, because files are used again.  A chunk of another number ends the log: what follows is an
 * older log.  Of a strict log any other end is CMT_CORRUPT, as pebble has it.
 * Source: pebble record/record.go Reader.nextChunk; open.go replayWAL
 */
CMT_MUST_CHECK cmt_status cmt_lsm__log_read_recycled(int fd, const char *name, uint64_t size,
                                                     cmt_lsm__recycled_log log,
                                                     cmt_lsm__record_fn on_record, void *context,
                                                     bool *torn, cmt_error *err);

/** The same for where such a log's last whole record ends: what stands before it is what pebble replays. */
CMT_MUST_CHECK cmt_status cmt_lsm__log_end_recycled(int fd, const char *name, uint64_t size,
                                                    cmt_lsm__recycled_log log, uint64_t *end,
                                                    cmt_error *err);

/** Append @p record to @p out, which holds a log from its first byte. */
CMT_MUST_CHECK cmt_status cmt_lsm__log_append(cmt_buf *out, cmt_slice record);

#endif
