/* SPDX-License-Identifier: Apache-2.0
 *
 * Figures of a RocksDB.  Counts of entries come from the tables' own properties, which RocksDB reads from every
 * table; so they are kept until the tables are others.
 * Source: RocksDB table/block_based/block_based_table_builder.cc Add (num_deletions counts range deletions, too)
 */
#include <stdlib.h>
#include <string.h>

#include "rocksdb_internal.h"

/* Over the names and sizes of all tables, FNV-1a. */
typedef struct table_set {
    uint64_t hash;
} table_set;

static void note(table_set *set, const void *bytes, size_t size)
{
    const uint8_t *at = bytes;
    for (size_t i = 0; i < size; i++)
        set->hash = (set->hash ^ at[i]) * 0x100000001b3;
}

static table_set add_tables(const cmt_db__rocksdb *db, cmt_db_stats *out)
{
    const rocksdb_livefiles_t *files = rocksdb_livefiles(db->db);
    table_set set = {0xcbf29ce484222325};
    int count = rocksdb_livefiles_count(files);
    for (int i = 0; i < count; i++) {
        const char *name = rocksdb_livefiles_name(files, i);
        size_t size = rocksdb_livefiles_size(files, i);
        int level = rocksdb_livefiles_level(files, i);
        note(&set, name, strlen(name) + 1);
        note(&set, &size, sizeof size);
        if (level < 0 || level >= CMT_DB_LEVELS)
            continue;
        out->tables[level]++;
        out->table_bytes[level] += size;
    }
    rocksdb_livefiles_destroy(files);
    return set;
}

static bool number_behind(const char *text, const char *name, uint64_t *out)
{
    const char *at = strstr(text, name);
    if (at == NULL)
        return false;
    char *end;
    at += strlen(name);
    *out = strtoull(at, &end, 10);
    return end != at;
}

/* False: RocksDB cannot say, as when a table is damaged. */
static bool ask(const cmt_db__rocksdb *db, cmt_db__rocksdb_counts *out)
{
    uint64_t all_deletions = 0;
    char *text = rocksdb_property_value(db->db, "rocksdb.aggregated-table-properties");
    if (text == NULL)
        return false;
    bool told = number_behind(text, "# entries=", &out->entries) &&
                number_behind(text, "# deletions=", &all_deletions) &&
                number_behind(text, "# range deletions=", &out->range_deletions) &&
                all_deletions >= out->range_deletions;
    rocksdb_free(text);
    out->deletions = all_deletions - out->range_deletions;
    return told;
}

static void add_counts(cmt_db__rocksdb *db, table_set tables, cmt_db_stats *out)
{
    cmt_db__rocksdb_counts *kept = &db->counts;
    pthread_mutex_lock(&db->counts_lock);
    if (!kept->known || kept->tables_hash != tables.hash) {
        kept->known = ask(db, kept);
        kept->tables_hash = tables.hash;
    }
    if (kept->known) {
        out->entries = kept->entries;
        out->deletions = kept->deletions;
        out->range_deletions = kept->range_deletions;
        out->entries_known = true;
    }
    pthread_mutex_unlock(&db->counts_lock);
}

cmt_status cmt_db__rocksdb_get_stats(cmt_db *base, cmt_db_stats *out, cmt_error *err)
{
    cmt_db__rocksdb *db = (cmt_db__rocksdb *)base;
    add_counts(db, add_tables(db, out), out);
    (void)rocksdb_property_int(db->db, "rocksdb.cur-size-all-mem-tables", &out->memtable_bytes);
    out->pending_known =
        !db->read_only && rocksdb_property_int(db->db, "rocksdb.estimate-pending-compaction-bytes",
                                               &out->pending_compaction_bytes) == 0;
    uint64_t newest;
    return cmt_db__guard_logs(&db->guard, &out->log_bytes, &newest, err);
}
