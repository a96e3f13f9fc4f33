/* SPDX-License-Identifier: Apache-2.0
 *
 * The fields of version edits.
 *
 * Tags: 1 comparator, 2 log number, 3 next file number, 4 last sequence, 5 compact pointer
 * (level, internal key), 6 deleted table (level, number), 7 new table (level, number, size, smallest,
 * largest), 9 previous log number.  goleveldb skips a tag that it does not know and then reads on in
 * the middle of it; any other tag is refused here.
 *
 * pebble: 1, 2, 3, 4 and 6 alike; 100 new table (…, smallest and largest sequence), 103 the same and then
 * pairs {tag, bytes} up to tag 1: 2 shall be compacted, 6 creation time.  Other fields stand for things that
 * CometBFT does not use or for another engine, and are refused.
 *
 * RocksDB: 1 to 6, 9, 100 and 103 alike, but of the pairs of 103 any with a tag below 64 may be skipped; 3 is the
 * smallest log number wanted, 4 and 65 (blobs, other directories) are refused, the rest is kept as it stands.  10 the
 * smallest log number wanted; 102 as 100, with the number of a directory behind the table's; 200 and 203 the
 * number of a column family, which must be 0; from 8192 on {length, bytes} that may be skipped, but for the two
 * that never were so: 8196, 8197.  8193 names the database.
 * Source: LevelDB db/version_edit.cc; goleveldb leveldb/session_record.go; pebble
 * internal/manifest/version_edit.go; RocksDB db/version_edit.cc VersionEdit::DecodeFrom
 */
#ifndef CMT_LSM_VERSION_FIELDS_H
#define CMT_LSM_VERSION_FIELDS_H

enum {
    TAG_COMPARATOR = 1,
    TAG_LOG_NUMBER = 2,
    TAG_NEXT_FILE = 3,
    TAG_LAST_SEQUENCE = 4,
    TAG_COMPACT_POINTER = 5,
    TAG_DELETED_TABLE = 6,
    TAG_NEW_TABLE = 7,
    TAG_PREV_LOG_NUMBER = 9,
    TAG_ROCKSDB_MIN_LOG = 10,
    TAG_NEW_TABLE_2 = 100,
    TAG_NEW_TABLE_3 = 102,
    TAG_NEW_TABLE_4 = 103,
    TAG_COLUMN_FAMILY = 200,
    TAG_MAX_COLUMN_FAMILY = 203,
    TAG_IGNORABLE = 8192,
    TAG_DB_ID = 8193,
    TAG_WAL_ADDITION = 8196,
    TAG_WAL_DELETION = 8197,
};

/* Within TAG_NEW_TABLE_4. */
enum {
    CUSTOM_END = 1,
    CUSTOM_NEEDS_COMPACTION = 2,
    CUSTOM_MIN_LOG = 3,
    CUSTOM_BLOB = 4,
    CUSTOM_CREATION_TIME = 6,
    CUSTOM_MUST_BE_KNOWN = 64,
};

#endif
