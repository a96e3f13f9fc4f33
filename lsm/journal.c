/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading write-ahead logs.
 */
#include "journal.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "cleanup.h"
#include "file.h"

typedef struct loader {
    cmt_lsm__journal *journal;
    const char *name;
    uint64_t manifest_sequence;
    bool recycled; /* pebble's or RocksDB's */
    bool rocksdb;
    bool strict;
    uint64_t newest; /* number of the newest log */
    /* Of the log being read, if its values are to be left in it. */
    cmt_lsm__open_log *left_in;
    cmt_lsm__record_place place;
    const uint8_t *record;
} loader;

/* Logs larger than this together keep their values, but for those that are hardly larger than a place. */
#define COPIED_BYTES ((uint64_t)32 << 20)
#define COPIED_VALUE ((size_t)32)
#define PLACE_OFFSET_BITS 48

void cmt_lsm__journal_free(cmt_lsm__journal *journal)
{
    cmt_lsm__arena_free(&journal->arena);
    free(journal->entries);
    for (size_t i = 0; i < journal->log_count; i++)
        cmt_fd_close(&journal->logs[i].fd);
    free(journal->logs);
    *journal = (cmt_lsm__journal){0};
}

/* Copy the value, or say where it stands. */
static cmt_status take_value(loader *l, unsigned type, cmt_slice value, cmt_lsm__entry *entry)
{
    cmt_lsm__journal *j = l->journal;
    entry->value_size = (uint32_t)value.size;
    entry->in_log = l->left_in != NULL && type == CMT_LSM_TYPE_PUT && value.size > COPIED_VALUE &&
                    l->place.regular && l->place.header == CMT_LSM_LOG_HEADER;
    if (!entry->in_log) {
        cmt_slice copy;
        CMT_TRY(cmt_lsm__arena_copy(&j->arena, value, &copy));
        entry->value.bytes = copy.data;
        return CMT_OK;
    }
    uint64_t at = cmt_lsm__record_offset(&l->place, (uint64_t)(value.data - l->record));
    entry->value.place = (uint64_t)(l->left_in - j->logs) << PLACE_OFFSET_BITS | at;
    return CMT_OK;
}

static cmt_status add_entry(loader *l, cmt_slice user, uint64_t sequence, unsigned type,
                            cmt_slice value)
{
    cmt_lsm__journal *j = l->journal;
    if (j->count == j->capacity) {
        size_t capacity = j->capacity == 0 ? 1024 : j->capacity * 2;
        cmt_lsm__entry *entries = realloc(j->entries, capacity * sizeof *entries);
        if (entries == NULL)
            return CMT_NO_MEMORY;
        j->entries = entries;
        j->capacity = capacity;
    }
    uint8_t *key = cmt_lsm__arena_get(&j->arena, user.size + 8);
    if (key == NULL)
        return CMT_NO_MEMORY;
    memcpy(key, user.data, user.size);
    cmt_store64(key + user.size, sequence << 8 | type);
    cmt_lsm__entry *entry = &j->entries[j->count];
    entry->key = key;
    entry->key_size = ((unsigned)user.size + 8) & 0x7fffffff;
    CMT_TRY(take_value(l, type, value, entry));
    j->count++;
    if (sequence > j->highest_sequence)
        j->highest_sequence = sequence;
    return CMT_OK;
}

static cmt_status bad_batch(const loader *l, const char *what, cmt_error *err)
{
    return cmt_error_set(err, CMT_CORRUPT, "%s: a batch %s", l->name, what);
}

/* The kinds that a log may hold, and which of them carry a value. */
static bool known_kind(const loader *l, unsigned type)
{
    return type <= CMT_LSM_TYPE_PUT ||
           (l->recycled && (type == CMT_LSM_TYPE_LOG_DATA || type == CMT_LSM_TYPE_RANGE_DELETE));
}

static bool has_value(unsigned type)
{
    return type == CMT_LSM_TYPE_PUT || type == CMT_LSM_TYPE_RANGE_DELETE;
}

/* Pass over what is not counted. */
static const uint8_t *skip_log_data(const loader *l, const uint8_t *p, const uint8_t *end)
{
    while (l->recycled && p != NULL && p < end) {
        cmt_slice comment;
        if (*p == CMT_LSM_TYPE_LOG_DATA)
            p = cmt_varint_get_bytes(p + 1, end, &comment);
        else if (*p == CMT_LSM_TYPE_NOTHING && l->rocksdb)
            p++;
        else
            break;
    }
    return p;
}

static cmt_status on_batch(void *context, cmt_slice record, cmt_error *err)
{
    loader *l = context;
    l->record = record.data;
    if (record.size < 12)
        return bad_batch(l, "is shorter than its header", err);
    uint64_t sequence = cmt_load64(record.data);
    uint32_t count = cmt_load32(record.data + 8);
    if (sequence > CMT_LSM_SEQUENCE_MAX - 1 - count)
        return bad_batch(l, "has an impossible sequence number", err);
    if (sequence < l->manifest_sequence && count > 0)
        l->journal->below_manifest = true;
    const uint8_t *end = record.data + record.size;
    const uint8_t *p = skip_log_data(l, record.data + 12, end);
    for (uint32_t i = 0; i < count; i++) {
        cmt_slice key;
        cmt_slice value = {p, 0};
        if (l->rocksdb && p != NULL && p < end && !known_kind(l, *p))
            return cmt_error_set(
                err, CMT_UNSUPPORTED,
                "%s: a batch holds an entry of kind %u, which CometBFT does not write", l->name,
                (unsigned)*p);
        if (p == NULL || p >= end || !known_kind(l, *p))
            return bad_batch(l, "ends early or holds an unknown kind of entry", err);
        unsigned type = *p++;
        p = cmt_varint_get_bytes(p, end, &key);
        if (p != NULL && has_value(type))
            p = cmt_varint_get_bytes(p, end, &value);
        if (p == NULL)
            return bad_batch(l, "ends in the middle of an entry", err);
        if (key.size > CMT_LSM_KEY_MAX - 8)
            return bad_batch(l, "holds a key that is too long", err);
        l->journal->range_deletes += type == CMT_LSM_TYPE_RANGE_DELETE;
        if (add_entry(l, key, sequence + i, type, value) != CMT_OK)
            return cmt_error_set(err, CMT_NO_MEMORY, "no memory for the entries of %s", l->name);
        p = skip_log_data(l, p, end);
    }
    return p == end ? CMT_OK : bad_batch(l, "has bytes behind its last entry", err);
}

static int compare_entries(const void *a, const void *b)
{
    const cmt_lsm__entry *x = a;
    const cmt_lsm__entry *y = b;
    return cmt_lsm__internal_compare(cmt_lsm__entry_key(x), cmt_lsm__entry_key(y));
}

/* From now on the values of the log @p fd stay in it; @p fd is taken over. */
static cmt_status leave_values(loader *l, int *fd, cmt_error *err)
{
    cmt_lsm__journal *j = l->journal;
    cmt_lsm__open_log *logs = realloc(j->logs, (j->log_count + 1) * sizeof *logs);
    if (logs == NULL)
        return cmt_error_set(err, CMT_NO_MEMORY, "no memory for the entries of %s", l->name);
    j->logs = logs;
    l->left_in = &logs[j->log_count++];
    *l->left_in = (cmt_lsm__open_log){.fd = *fd};
    memcpy(l->left_in->name, l->name, strlen(l->name) + 1);
    *fd = -1;
    return CMT_OK;
}

cmt_status cmt_lsm__journal_value(const cmt_lsm__journal *j, const cmt_lsm__entry *entry,
                                  cmt_buf *scratch, cmt_slice *value, cmt_error *err)
{
    if (!entry->in_log) {
        *value = (cmt_slice){entry->value.bytes, entry->value_size};
        return CMT_OK;
    }
    const cmt_lsm__open_log *log = &j->logs[entry->value.place >> PLACE_OFFSET_BITS];
    uint64_t offset = entry->value.place & ((UINT64_C(1) << PLACE_OFFSET_BITS) - 1);
    cmt_buf_clear(scratch);
    if (cmt_buf_reserve(scratch, entry->value_size) != CMT_OK)
        return cmt_error_set(err, CMT_NO_MEMORY, "no memory for a value of %s", log->name);
    CMT_TRY(
        cmt_lsm__record_read(log->fd, log->name, offset, entry->value_size, scratch->data, err));
    scratch->size = entry->value_size;
    *value = cmt_buf_slice(scratch);
    return CMT_OK;
}

static cmt_status read_one(int dir_fd, const cmt_lsm__file *file, loader *l, cmt_error *err)
{
    CMT_AUTO(cmt_fd_close) int fd = -1;
    const char *name = file->name;
    cmt_status st = cmt_file_open_at(dir_fd, name, &fd, err);
    if (st == CMT_NOT_FOUND)
        return cmt_error_set(err, CMT_STALE, "%s vanished while the database was being read", name);
    CMT_TRY(st);
    uint64_t size;
    CMT_TRY(cmt_file_size(fd, name, &size, err));
    const uint64_t most = l->rocksdb ? CMT_LSM_ROCKSDB_JOURNALS_MAX : CMT_LSM_JOURNALS_MAX;
    if (size > most || l->journal->bytes + size > most)
        return cmt_error_set(
            err, CMT_UNSUPPORTED,
            "the write-ahead log %s holds more than %llu MiB; start and stop the node "
            "once so that it is written into tables",
            name, (unsigned long long)(most >> 20));
    bool torn;
    posix_fadvise(fd, 0, 0, POSIX_FADV_WILLNEED);
    l->name = name;
    const cmt_lsm__recycled_log log = {file->number, l->strict && file->number != l->newest,
                                       l->rocksdb, &l->place};
    const int log_fd = fd;
    l->left_in = NULL;
    if (l->rocksdb && l->journal->bytes + size > COPIED_BYTES)
        CMT_TRY(leave_values(l, &fd, err));
    if (l->recycled)
        CMT_TRY(cmt_lsm__log_read_recycled(log_fd, name, size, log, on_batch, l, &torn, err));
    else
        CMT_TRY(cmt_lsm__log_read(log_fd, name, size, on_batch, l, &torn, err));
    l->journal->files++;
    l->journal->bytes += size;
    l->journal->torn_tail |= torn;
    return CMT_OK;
}

static cmt_status read_logs(loader *l, int dir_fd, const cmt_lsm__listing *listing,
                            uint64_t log_number, uint64_t prev_log_number, cmt_error *err)
{
    cmt_lsm__journal *out = l->journal;
    cmt_status st = CMT_OK;
    /* The listing is sorted by number within a kind: oldest log first. */
    for (size_t i = 0; i < listing->count && st == CMT_OK; i++) {
        const cmt_lsm__file *file = &listing->files[i];
        if (file->kind != CMT_LSM_FILE_LOG)
            continue;
        if (file->number >= log_number || (prev_log_number > 0 && file->number == prev_log_number))
            st = read_one(dir_fd, file, l, err);
    }
    if (st != CMT_OK) {
        cmt_lsm__journal_free(out);
        return st;
    }
    if (out->count > 0)
        qsort(out->entries, out->count, sizeof *out->entries, compare_entries);
    return CMT_OK;
}

cmt_status cmt_lsm__journal_read(int dir_fd, const cmt_lsm__listing *listing, uint64_t log_number,
                                 uint64_t prev_log_number, uint64_t manifest_sequence,
                                 cmt_lsm__journal *out, cmt_error *err)
{
    *out = (cmt_lsm__journal){0};
    loader l = {.journal = out, .manifest_sequence = manifest_sequence};
    return read_logs(&l, dir_fd, listing, log_number, prev_log_number, err);
}

static cmt_status read_recycled(loader *l, int dir_fd, const cmt_lsm__listing *listing,
                                uint64_t log_number, cmt_error *err)
{
    for (size_t i = 0; i < listing->count; i++)
        if (listing->files[i].kind == CMT_LSM_FILE_LOG && listing->files[i].number > l->newest)
            l->newest = listing->files[i].number;
    return read_logs(l, dir_fd, listing, log_number, 0, err);
}

cmt_status cmt_lsm__journal_read_pebble(int dir_fd, const cmt_lsm__listing *listing,
                                        uint64_t log_number, bool strict, cmt_lsm__journal *out,
                                        cmt_error *err)
{
    *out = (cmt_lsm__journal){0};
    loader l = {.journal = out, .recycled = true, .strict = strict};
    return read_recycled(&l, dir_fd, listing, log_number, err);
}

cmt_status cmt_lsm__journal_read_rocksdb(int dir_fd, const cmt_lsm__listing *listing,
                                         uint64_t log_number, bool strict, cmt_lsm__journal *out,
                                         cmt_error *err)
{
    *out = (cmt_lsm__journal){0};
    loader l = {.journal = out, .recycled = true, .rocksdb = true, .strict = strict};
    return read_recycled(&l, dir_fd, listing, log_number, err);
}
