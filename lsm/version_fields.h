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
 * RocksDB writes 9 and 10 (lowest log number still needed) besides, and more attributes, of which those below
 * 64 may be ignored but for 4 (the values are in blob files); so may fields from 8192 on, which are bytes.
 * Source: LevelDB db/version_edit.cc; goleveldb leveldb/session_record.go; pebble
 * internal/manifest/version_edit.go; RocksDB db/version_edit.h
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
    TAG_NEW_TABLE_4 = 103,
    TAG_ROCKSDB_MAY_IGNORE = 8192,
};

/* Within TAG_NEW_TABLE_4. */
enum {
    CUSTOM_END = 1,
    CUSTOM_NEEDS_COMPACTION = 2,
    CUSTOM_BLOB_FILE = 4,
    CUSTOM_CREATION_TIME = 6,
    CUSTOM_MAY_NOT_IGNORE = 64,
};

#endif
