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
#include "log.h"

typedef struct loader {
    cmt_lsm__journal *journal;
    const char *name;
    uint64_t manifest_sequence;
    bool recycled; /* pebble's or RocksDB's */
    bool rocksdb;
    bool strict;
    uint64_t newest; /* number of the newest log */
} loader;

void cmt_lsm__journal_free(cmt_lsm__journal *journal)
{
    cmt_lsm__arena_free(&journal->arena);
    free(journal->entries);
    *journal = (cmt_lsm__journal){0};
}

static cmt_status add_entry(cmt_lsm__journal *j, cmt_slice user, uint64_t sequence, unsigned type,
                            cmt_slice value)
{
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
    entry->key = (cmt_slice){key, user.size + 8};
    CMT_TRY(cmt_lsm__arena_copy(&j->arena, value, &entry->value));
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
        if (add_entry(l->journal, key, sequence + i, type, value) != CMT_OK)
            return cmt_error_set(err, CMT_NO_MEMORY, "no memory for the entries of %s", l->name);
        p = skip_log_data(l, p, end);
    }
    return p == end ? CMT_OK : bad_batch(l, "has bytes behind its last entry", err);
}

static int compare_entries(const void *a, const void *b)
{
    const cmt_lsm__entry *x = a;
    const cmt_lsm__entry *y = b;
    return cmt_lsm__internal_compare(x->key, y->key);
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
                                       l->rocksdb};
    if (l->recycled)
        CMT_TRY(cmt_lsm__log_read_recycled(fd, name, size, log, on_batch, l, &torn, err));
    else
        CMT_TRY(cmt_lsm__log_read(fd, name, size, on_batch, l, &torn, err));
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
