/* SPDX-License-Identifier: Apache-2.0
 *
 * Databases laid out by hand.
 */
#include "shape.h"

#include "log.h"
#include "recycled_log.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MANIFEST_NUMBER 1

cmt_status shape_begin(shape *s, const char *dir, cmt_error *err)
{
    *s = (shape){.dir_fd = -1, .owner = {getuid(), getgid(), 0644}};
    s->counters.log_number = 1;
    s->counters.next_file_number = MANIFEST_NUMBER + 1;
    s->dir = strdup(dir);
    return cmt_dir_open(dir, &s->dir_fd, err);
}

cmt_status shape_begin_pebble(shape *s, const char *dir, cmt_error *err)
{
    CMT_TRY(shape_begin(s, dir, err));
    s->counters.rocksdb_format = true;
    return cmt_file_write_new_at(s->dir_fd, "OPTIONS-000001", &s->owner,
                                 CMT_SLICE("[Version]\n  pebble_version=0.1\n\n[Options]\n"
                                           "  comparer=leveldb.BytewiseComparator\n"
                                           "  format_major_version=1\n"
                                           "  merger=pebble.concatenate\n"
                                           "  strict_wal_tail=true\n  wal_dir=\n"),
                                 err);
}

void shape_end(shape *s)
{
    cmt_fd_close(&s->dir_fd);
    cmt_lsm__arena_free(&s->arena);
    free(s->tables);
    free(s->dir);
    *s = (shape){.dir_fd = -1};
}

static void note_sequence(shape *s, const shape_entry *entry)
{
    if (entry->sequence > s->counters.last_sequence)
        s->counters.last_sequence = entry->sequence;
}

static cmt_slice text(const char *string)
{
    return (cmt_slice){(const uint8_t *)string, string != NULL ? strlen(string) : 0};
}

static cmt_status fill_table(cmt_lsm__builder *builder, const shape_entry *entries, size_t count,
                             cmt_error *err)
{
    cmt_buf key = CMT_BUF_INIT;
    cmt_status st = CMT_OK;
    for (size_t i = 0; i < count && st == CMT_OK; i++) {
        const shape_entry *e = &entries[i];
        unsigned type = e->value != NULL ? CMT_LSM_TYPE_PUT : CMT_LSM_TYPE_DELETE;
        st = cmt_lsm__make_internal(text(e->key), e->sequence, type, &key);
        if (st == CMT_OK)
            st = cmt_lsm__builder_add(builder, cmt_buf_slice(&key), text(e->value), err);
    }
    cmt_buf_free(&key);
    return st;
}

static cmt_status keep(shape *s, cmt_lsm__table_meta table)
{
    if (s->count == s->capacity) {
        s->capacity = s->capacity * 2 + 16;
        s->tables = realloc(s->tables, s->capacity * sizeof *s->tables);
        if (s->tables == NULL)
            abort();
    }
    CMT_TRY(cmt_lsm__arena_copy(&s->arena, table.smallest, &table.smallest));
    CMT_TRY(cmt_lsm__arena_copy(&s->arena, table.largest, &table.largest));
    s->tables[s->count++] = table;
    return CMT_OK;
}

cmt_status shape_table(shape *s, unsigned level, const shape_entry *entries, size_t count,
                       cmt_error *err)
{
    cmt_lsm__builder builder;
    cmt_lsm__table_meta table;
    cmt_lsm__builder_init(&builder, s->dir_fd, &s->owner, &s->bytes);
    builder.rocksdb_format = s->counters.rocksdb_format;
    cmt_status st = cmt_lsm__builder_begin(&builder, s->counters.next_file_number++, err);
    if (st == CMT_OK)
        st = fill_table(&builder, entries, count, err);
    if (st == CMT_OK)
        st = cmt_lsm__builder_finish(&builder, &table, err);
    if (st == CMT_OK) {
        table.level = level;
        st = keep(s, table);
    }
    cmt_lsm__builder_fini(&builder);
    for (size_t i = 0; i < count; i++)
        note_sequence(s, &entries[i]);
    return st;
}

cmt_status shape_batch(const shape_entry *entry, cmt_buf *record)
{
    uint8_t header[13];
    cmt_store64(header, entry->sequence);
    cmt_store32(header + 8, 1);
    header[12] = entry->value != NULL ? CMT_LSM_TYPE_PUT : CMT_LSM_TYPE_DELETE;
    CMT_TRY(cmt_buf_append(record, header, sizeof header));
    CMT_TRY(cmt_buf_append_bytes(record, text(entry->key)));
    return entry->value != NULL ? cmt_buf_append_bytes(record, text(entry->value)) : CMT_OK;
}

cmt_status shape_log(shape *s, const shape_entry *entries, size_t count, cmt_error *err)
{
    cmt_buf log = CMT_BUF_INIT;
    cmt_buf record = CMT_BUF_INIT;
    char name[CMT_LSM_NAME_MAX];
    cmt_status st = CMT_OK;
    const uint64_t number = s->counters.next_file_number++;
    for (size_t i = 0; i < count && st == CMT_OK; i++) {
        cmt_buf_clear(&record);
        st = shape_batch(&entries[i], &record);
        if (st == CMT_OK)
            st = s->counters.rocksdb_format
                     ? recycled_append(&log, (uint32_t)number, cmt_buf_slice(&record))
                     : cmt_lsm__log_append(&log, cmt_buf_slice(&record));
    }
    snprintf(name, sizeof name, "%06llu.log", (unsigned long long)number);
    if (st == CMT_OK)
        st = cmt_file_write_new_at(s->dir_fd, name, &s->owner, cmt_buf_slice(&log), err);
    cmt_buf_free(&log);
    cmt_buf_free(&record);
    return st;
}

cmt_status shape_finish(shape *s, cmt_error *err)
{
    cmt_buf record = CMT_BUF_INIT;
    cmt_buf log = CMT_BUF_INIT;
    cmt_status st = cmt_lsm__version_encode(&s->counters, s->tables, s->count, &record);
    if (st == CMT_OK)
        st = cmt_lsm__log_append(&log, cmt_buf_slice(&record));
    if (st == CMT_OK)
        st = cmt_file_write_new_at(s->dir_fd, "MANIFEST-000001", &s->owner, cmt_buf_slice(&log),
                                   err);
    if (st == CMT_OK)
        st = cmt_file_write_new_at(s->dir_fd, "CURRENT", &s->owner, CMT_SLICE("MANIFEST-000001\n"),
                                   err);
    cmt_buf_free(&record);
    cmt_buf_free(&log);
    return st;
}
