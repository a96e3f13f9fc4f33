/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading version edits.
 */
#include "version.h"

#include <stdio.h>
#include <stdlib.h>

#include "cleanup.h"
#include "log.h"
#include "version_fields.h"

/* goleveldb refuses a MANIFEST without these, C++ without most of them. */
#define MUST_SEE                                                                                   \
    (1u << TAG_COMPARATOR | 1u << TAG_LOG_NUMBER | 1u << TAG_NEXT_FILE | 1u << TAG_LAST_SEQUENCE)
/* pebble writes no log number as long as that is 0: every log is live. */
#define MUST_SEE_PEBBLE (MUST_SEE & ~(1u << TAG_LOG_NUMBER))

void cmt_lsm__version_free(cmt_lsm__version *version)
{
    cmt_lsm__arena_free(&version->arena);
    free(version->tables);
    free(version->slots);
    *version = (cmt_lsm__version){0};
}

void cmt_lsm__table_name(uint64_t number, bool is_sst, char name[CMT_LSM_NAME_MAX])
{
    snprintf(name, CMT_LSM_NAME_MAX, "%06llu.%s", (unsigned long long)number,
             is_sst ? "sst" : "ldb");
}

/* ---- which tables: a growing array and a hash table over (level, number) ------------------ */

static uint64_t hash_of(unsigned level, uint64_t number)
{
    uint64_t h = (number * CMT_LSM_LEVELS + level + 1) * UINT64_C(0x9e3779b97f4a7c15);
    return h ^ h >> 29;
}

/* The slot of (level, number), or the empty slot where it would go. */
static uint32_t *slot_of(cmt_lsm__version *v, unsigned level, uint64_t number)
{
    size_t mask = v->slot_count - 1;
    for (size_t i = (size_t)hash_of(level, number) & mask;; i = (i + 1) & mask) {
        uint32_t index = v->slots[i];
        if (index == 0)
            return &v->slots[i];
        const cmt_lsm__table_meta *t = &v->tables[index - 1];
        if (t->level == level && t->number == number)
            return &v->slots[i];
    }
}

static cmt_status grow(cmt_lsm__version *v)
{
    size_t capacity = v->capacity == 0 ? 256 : v->capacity * 2;
    if (capacity > UINT32_MAX / 4)
        return CMT_NO_MEMORY;
    cmt_lsm__table_meta *tables = realloc(v->tables, capacity * sizeof *tables);
    if (tables == NULL)
        return CMT_NO_MEMORY;
    v->tables = tables;
    uint32_t *slots = calloc(capacity * 2, sizeof *slots);
    if (slots == NULL)
        return CMT_NO_MEMORY;
    free(v->slots);
    v->slots = slots;
    v->slot_count = capacity * 2;
    v->capacity = capacity;
    for (size_t i = 0; i < v->count; i++)
        *slot_of(v, v->tables[i].level, v->tables[i].number) = (uint32_t)i + 1;
    return CMT_OK;
}

/* Forget removed tables, so that a MANIFEST with a long history costs what its last state does. */
static cmt_status squeeze(cmt_lsm__version *v)
{
    size_t kept = 0;
    for (size_t i = 0; i < v->count; i++)
        if (!v->tables[i].removed)
            v->tables[kept++] = v->tables[i];
    bool mostly_removed = kept < v->count / 2;
    v->count = kept;
    if (!mostly_removed)
        return grow(v);
    memset(v->slots, 0, v->slot_count * sizeof *v->slots);
    for (size_t i = 0; i < v->count; i++)
        *slot_of(v, v->tables[i].level, v->tables[i].number) = (uint32_t)i + 1;
    return CMT_OK;
}

static cmt_status add_table(cmt_lsm__version *v, const cmt_lsm__table_meta *table, cmt_error *err)
{
    if (v->count == v->capacity && (v->count == 0 ? grow(v) : squeeze(v)) != CMT_OK)
        return cmt_error_set(err, CMT_NO_MEMORY, "no memory for the list of tables");
    uint32_t *slot = slot_of(v, table->level, table->number);
    if (*slot != 0) {
        /* goleveldb starts a MANIFEST with a snapshot that already holds the edit which follows:
         * the same table may come twice, but not with another size. */
        cmt_lsm__table_meta *known = &v->tables[*slot - 1];
        if (!known->removed && known->size != table->size)
            return cmt_error_set(err, CMT_CORRUPT,
                                 "MANIFEST adds table %06llu to level %u twice, with two sizes",
                                 (unsigned long long)table->number, table->level);
        *known = *table;
        return CMT_OK;
    }
    v->tables[v->count++] = *table;
    *slot = (uint32_t)v->count;
    return CMT_OK;
}

static void remove_table(cmt_lsm__version *v, unsigned level, uint64_t number)
{
    if (v->slot_count == 0)
        return;
    uint32_t *slot = slot_of(v, level, number);
    if (*slot != 0)
        v->tables[*slot - 1].removed = true;
}

/* ---- decoding ----------------------------------------------------------------------------- */

typedef struct decoder {
    const char *name;
    cmt_lsm__version *version;
    const uint8_t *p;
    const uint8_t *end;
} decoder;

static cmt_status short_record(decoder *d, cmt_error *err)
{
    return cmt_error_set(err, CMT_CORRUPT, "%s: a version edit ends in the middle of a field",
                         d->name);
}

static cmt_status get_number(decoder *d, uint64_t *value, cmt_error *err)
{
    d->p = cmt_varint_get(d->p, d->end, value);
    return d->p != NULL ? CMT_OK : short_record(d, err);
}

static cmt_status get_bytes(decoder *d, cmt_slice *bytes, cmt_error *err)
{
    d->p = cmt_varint_get_bytes(d->p, d->end, bytes);
    return d->p != NULL ? CMT_OK : short_record(d, err);
}

static cmt_status get_level(decoder *d, unsigned *level, cmt_error *err)
{
    uint64_t value;
    CMT_TRY(get_number(d, &value, err));
    if (value >= CMT_LSM_LEVELS)
        return cmt_error_set(err, CMT_UNSUPPORTED,
                             "%s names level %llu; only levels 0 to %d can be read by every engine",
                             d->name, (unsigned long long)value, CMT_LSM_LEVELS - 1);
    *level = (unsigned)value;
    return CMT_OK;
}

static cmt_status get_key(decoder *d, cmt_slice *key, cmt_error *err)
{
    cmt_slice bytes;
    CMT_TRY(get_bytes(d, &bytes, err));
    if (bytes.size < 8 || bytes.size > CMT_LSM_KEY_MAX)
        return cmt_error_set(err, CMT_CORRUPT, "%s: a key of %zu bytes is not an internal key",
                             d->name, bytes.size);
    if (cmt_lsm__arena_copy(&d->version->arena, bytes, key) != CMT_OK)
        return cmt_error_set(err, CMT_NO_MEMORY, "no memory for the keys of %s", d->name);
    return CMT_OK;
}

static cmt_status get_comparator(decoder *d, cmt_error *err)
{
    cmt_slice comparator;
    CMT_TRY(get_bytes(d, &comparator, err));
    if (!cmt_slice_equal(comparator, CMT_SLICE(CMT_LSM_COMPARATOR)))
        return cmt_error_set(err, CMT_UNSUPPORTED,
                             "%s orders keys by another comparator than %s; this is not a CometBFT "
                             "database",
                             d->name, CMT_LSM_COMPARATOR);
    return CMT_OK;
}

static cmt_status get_custom(decoder *d, cmt_lsm__table_meta *table, cmt_error *err)
{
    for (;;) {
        uint64_t tag;
        cmt_slice bytes;
        CMT_TRY(get_number(d, &tag, err));
        if (tag == CUSTOM_END)
            return CMT_OK;
        if (tag != CUSTOM_NEEDS_COMPACTION && tag != CUSTOM_CREATION_TIME)
            return cmt_error_set(err, CMT_UNSUPPORTED,
                                 "%s: table %06llu has attribute %llu; RocksDB or a newer pebble "
                                 "wrote it",
                                 d->name, (unsigned long long)table->number,
                                 (unsigned long long)tag);
        CMT_TRY(get_bytes(d, &bytes, err));
        const uint8_t *end = bytes.data + bytes.size;
        if (tag == CUSTOM_NEEDS_COMPACTION && bytes.size == 1)
            table->marked = bytes.data[0] == 1;
        else if (tag == CUSTOM_NEEDS_COMPACTION ||
                 cmt_varint_get(bytes.data, end, &table->creation_time) != end)
            return cmt_error_set(err, CMT_CORRUPT,
                                 "%s: attribute %llu of table %06llu does not decode", d->name,
                                 (unsigned long long)tag, (unsigned long long)table->number);
    }
}

/* Attributes of RocksDB's that a reader may skip: they are kept for whoever knows them. */
static cmt_status get_custom_rocksdb(decoder *d, cmt_lsm__table_meta *table, cmt_error *err)
{
    CMT_AUTO(cmt_buf_free) cmt_buf kept = CMT_BUF_INIT;
    for (;;) {
        uint64_t tag;
        cmt_slice bytes;
        const uint8_t *from = d->p;
        CMT_TRY(get_number(d, &tag, err));
        if (tag == CUSTOM_END)
            break;
        if (tag == CUSTOM_BLOB || tag >= CUSTOM_MUST_BE_KNOWN)
            return cmt_error_set(err, CMT_UNSUPPORTED,
                                 "%s: table %06llu has attribute %llu, which CometBFT's RocksDB "
                                 "does not write",
                                 d->name, (unsigned long long)table->number,
                                 (unsigned long long)tag);
        CMT_TRY(get_bytes(d, &bytes, err));
        if (tag == CUSTOM_MIN_LOG) {
            if (bytes.size != 8)
                return short_record(d, err);
            d->version->min_log_number = cmt_load64(bytes.data);
        } else if (cmt_buf_append(&kept, from, (size_t)(d->p - from)) != CMT_OK) {
            return cmt_error_set(err, CMT_NO_MEMORY, "no memory for the tables of %s", d->name);
        }
    }
    if (cmt_lsm__arena_copy(&d->version->arena, cmt_buf_slice(&kept), &table->custom) != CMT_OK)
        return cmt_error_set(err, CMT_NO_MEMORY, "no memory for the tables of %s", d->name);
    return CMT_OK;
}

static cmt_status get_sequences(decoder *d, uint64_t tag, cmt_lsm__table_meta *table,
                                cmt_error *err)
{
    CMT_TRY(get_number(d, &table->smallest_sequence, err));
    CMT_TRY(get_number(d, &table->largest_sequence, err));
    if (table->smallest_sequence > table->largest_sequence ||
        table->largest_sequence >= CMT_LSM_SEQUENCE_MAX)
        return cmt_error_set(err, CMT_CORRUPT, "%s: table %06llu has impossible sequences", d->name,
                             (unsigned long long)table->number);
    if (tag != TAG_NEW_TABLE_4)
        return CMT_OK;
    return table->rocksdb ? get_custom_rocksdb(d, table, err) : get_custom(d, table, err);
}

/* A number that CometBFT's databases leave 0. */
static cmt_status get_zero(decoder *d, const char *what, cmt_error *err)
{
    uint64_t value;
    CMT_TRY(get_number(d, &value, err));
    if (value != 0)
        return cmt_error_set(err, CMT_UNSUPPORTED, "%s names %s, which CometBFT does not use",
                             d->name, what);
    return CMT_OK;
}

static cmt_status get_table(decoder *d, uint64_t tag, cmt_error *err)
{
    cmt_lsm__table_meta table = {.rocksdb_format = d->version->rocksdb_format,
                                 .rocksdb = d->version->rocksdb,
                                 .is_sst = d->version->rocksdb_format};
    CMT_TRY(get_level(d, &table.level, err));
    CMT_TRY(get_number(d, &table.number, err));
    if (tag == TAG_NEW_TABLE_3)
        CMT_TRY(get_zero(d, "another directory for tables", err));
    CMT_TRY(get_number(d, &table.size, err));
    CMT_TRY(get_key(d, &table.smallest, err));
    CMT_TRY(get_key(d, &table.largest, err));
    if (table.rocksdb_format)
        CMT_TRY(get_sequences(d, tag, &table, err));
    if (cmt_lsm__internal_compare(table.smallest, table.largest) > 0)
        return cmt_error_set(err, CMT_CORRUPT, "%s: table %06llu ends before it begins", d->name,
                             (unsigned long long)table.number);
    return add_table(d->version, &table, err);
}

/* Is the field one of this dialect's? */
static bool in_dialect(const decoder *d, uint64_t tag)
{
    if (d->version->rocksdb)
        return tag != TAG_NEW_TABLE;
    if (!d->version->rocksdb_format)
        return tag <= TAG_PREV_LOG_NUMBER;
    return tag != TAG_COMPACT_POINTER && tag != TAG_NEW_TABLE && tag <= TAG_NEW_TABLE_4 &&
           tag != TAG_PREV_LOG_NUMBER && tag != TAG_ROCKSDB_MIN_LOG && tag != TAG_NEW_TABLE_3;
}

static cmt_status unknown_field(const decoder *d, uint64_t tag, cmt_error *err)
{
    if (!d->version->rocksdb_format)
        return cmt_error_set(err, CMT_UNSUPPORTED,
                             "%s holds field %llu, which LevelDB's format does not have; another "
                             "engine or a newer version wrote it",
                             d->name, (unsigned long long)tag);
    if (tag == TAG_ROCKSDB_MIN_LOG)
        return cmt_error_set(
            err, CMT_UNSUPPORTED,
            "%s: RocksDB has opened this directory of pebble's and left a field in "
            "it that pebble refuses too",
            d->name);
    return cmt_error_set(err, CMT_UNSUPPORTED,
                         "%s holds field %llu, which CometBFT's %s does not write; another "
                         "engine or a newer version wrote it",
                         d->name, (unsigned long long)tag,
                         d->version->rocksdb ? "RocksDB" : "pebble");
}

/* A field that a reader may skip: its length comes first. */
static cmt_status skip_field(decoder *d, uint64_t tag, cmt_error *err)
{
    cmt_slice bytes;
    CMT_TRY(get_bytes(d, &bytes, err));
    if (tag == TAG_DB_ID &&
        cmt_lsm__arena_copy(&d->version->arena, bytes, &d->version->db_id) != CMT_OK)
        return cmt_error_set(err, CMT_NO_MEMORY, "no memory for the fields of %s", d->name);
    return CMT_OK;
}

static cmt_status get_field(decoder *d, uint64_t tag, cmt_error *err)
{
    cmt_lsm__version *v = d->version;
    unsigned level;
    uint64_t number;
    if (v->rocksdb && tag > TAG_IGNORABLE && tag != TAG_WAL_ADDITION && tag != TAG_WAL_DELETION &&
        (tag & TAG_IGNORABLE) != 0)
        return skip_field(d, tag, err);
    switch (in_dialect(d, tag) ? tag : 0) {
    case TAG_COMPARATOR:
        return get_comparator(d, err);
    case TAG_LOG_NUMBER:
        return get_number(d, &v->log_number, err);
    case TAG_PREV_LOG_NUMBER:
        return get_number(d, &v->prev_log_number, err);
    case TAG_ROCKSDB_MIN_LOG:
        return get_number(d, &v->min_log_number, err);
    case TAG_COLUMN_FAMILY:
    case TAG_MAX_COLUMN_FAMILY:
        return get_zero(d, "a column family besides the default one", err);
    case TAG_NEXT_FILE:
        return get_number(d, &v->next_file_number, err);
    case TAG_LAST_SEQUENCE:
        return get_number(d, &v->last_sequence, err);
    case TAG_COMPACT_POINTER:
        CMT_TRY(get_level(d, &level, err));
        return get_key(d, &v->compact_pointers[level], err);
    case TAG_DELETED_TABLE:
        CMT_TRY(get_level(d, &level, err));
        CMT_TRY(get_number(d, &number, err));
        remove_table(v, level, number);
        return CMT_OK;
    case TAG_NEW_TABLE:
    case TAG_NEW_TABLE_2:
    case TAG_NEW_TABLE_3:
    case TAG_NEW_TABLE_4:
        return get_table(d, tag, err);
    default:
        return unknown_field(d, tag, err);
    }
}

static cmt_status on_edit(void *context, cmt_slice record, cmt_error *err)
{
    decoder *d = context;
    d->p = record.data;
    d->end = record.data + record.size;
    while (d->p < d->end) {
        uint64_t tag;
        CMT_TRY(get_number(d, &tag, err));
        CMT_TRY(get_field(d, tag, err));
        d->version->seen |= tag <= TAG_PREV_LOG_NUMBER ? 1u << tag : 0;
    }
    return CMT_OK;
}

/* ---- order -------------------------------------------------------------------------------- */

static int compare_tables(const void *a, const void *b)
{
    const cmt_lsm__table_meta *x = a;
    const cmt_lsm__table_meta *y = b;
    if (x->level != y->level)
        return x->level < y->level ? -1 : 1;
    if (x->level == 0 && x->largest_sequence != y->largest_sequence)
        return x->largest_sequence > y->largest_sequence ? -1 : 1;
    if (x->level == 0 && x->smallest_sequence != y->smallest_sequence)
        return x->smallest_sequence > y->smallest_sequence ? -1 : 1;
    if (x->level == 0)
        return x->number > y->number ? -1 : x->number < y->number;
    return cmt_lsm__internal_compare(x->smallest, y->smallest);
}

cmt_status cmt_lsm__tables_arrange(cmt_lsm__table_meta *tables, size_t count,
                                   size_t level_start[CMT_LSM_LEVELS + 1], cmt_error *err)
{
    if (count > 0)
        qsort(tables, count, sizeof *tables, compare_tables);
    size_t i = 0;
    for (unsigned level = 0; level <= CMT_LSM_LEVELS; level++) {
        while (i < count && tables[i].level < level)
            i++;
        level_start[level] = i;
    }
    /* I5: a level below 0 is sorted and disjoint; each user key is in at most one of its tables. */
    for (i = 1; i < count; i++) {
        const cmt_lsm__table_meta *a = &tables[i - 1];
        const cmt_lsm__table_meta *b = &tables[i];
        if (a->level == 0 || a->level != b->level)
            continue;
        if (cmt_lsm__internal_compare(a->largest, b->smallest) >= 0)
            return cmt_error_set(err, CMT_CORRUPT, "tables %06llu and %06llu overlap on level %u",
                                 (unsigned long long)a->number, (unsigned long long)b->number,
                                 a->level);
    }
    return CMT_OK;
}

static cmt_status read_version(int fd, const char *name, uint64_t size, cmt_lsm__version *out,
                               cmt_error *err)
{
    const unsigned must_see = out->rocksdb_format ? MUST_SEE_PEBBLE : MUST_SEE;
    decoder d = {.name = name, .version = out};
    cmt_status st = cmt_lsm__log_read(fd, name, size, on_edit, &d, &out->torn_tail, err);
    if (st == CMT_OK && (out->seen & must_see) != must_see)
        st = cmt_error_set(
            err, CMT_CORRUPT,
            "%s is incomplete: it lacks the comparator, the log number, the next file "
            "number or the last sequence",
            name);
    if (st == CMT_OK) {
        size_t kept = 0;
        for (size_t i = 0; i < out->count; i++)
            if (!out->tables[i].removed)
                out->tables[kept++] = out->tables[i];
        out->count = kept;
        free(out->slots);
        out->slots = NULL;
        out->slot_count = 0;
        st = cmt_lsm__tables_arrange(out->tables, out->count, out->level_start, err);
    }
    if (st != CMT_OK)
        cmt_lsm__version_free(out);
    return st;
}

cmt_status cmt_lsm__version_read(int fd, const char *name, uint64_t size, cmt_lsm__version *out,
                                 cmt_error *err)
{
    *out = (cmt_lsm__version){0};
    return read_version(fd, name, size, out, err);
}

cmt_status cmt_lsm__version_read_pebble(int fd, const char *name, uint64_t size,
                                        cmt_lsm__version *out, cmt_error *err)
{
    *out = (cmt_lsm__version){.rocksdb_format = true};
    return read_version(fd, name, size, out, err);
}

cmt_status cmt_lsm__version_read_rocksdb(int fd, const char *name, uint64_t size,
                                         cmt_lsm__version *out, cmt_error *err)
{
    *out = (cmt_lsm__version){.rocksdb_format = true, .rocksdb = true};
    return read_version(fd, name, size, out, err);
}
