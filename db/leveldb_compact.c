/* SPDX-License-Identifier: Apache-2.0
 *
 * Compaction and flush of C++ LevelDB, with an outcome.
 *
 * leveldb_compact_range returns nothing and cannot be stopped.  So a range is compacted in steps, between
 * which a wish to stop is heard; and success is proved by a write behind it: after any error in the
 * background LevelDB accepts none, and switches to no new log, any more.
 * Source: LevelDB db/db_impl.cc CompactRange, TEST_CompactMemTable, BuildBatchGroup, MakeRoomForWrite
 */
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "leveldb_internal.h"

/* ---- flush ----------------------------------------------------------------------------------- */

static cmt_status accepts_no_more(const cmt_db__leveldb *db, cmt_error *err)
{
    return cmt_error_set(
        err, CMT_IO,
        "write tables in %s: LevelDB met an error in the background (no space, or damage; "
        "see LOG there) and accepts no more writes; close it, mend the cause, open it again",
        db->guard.dir);
}

/* Make LevelDB begin a new log and write the memtable.  CMT_OK: it did begin one; `*bytes`: what is in logs now. */
static cmt_status switch_log(cmt_db__leveldb *db, uint64_t *bytes, cmt_error *err)
{
    uint64_t before;
    uint64_t after;
    CMT_TRY(cmt_db__guard_logs(&db->guard, bytes, &before, err));
    /* The empty key lies in no table (or in the one that holds it), so nothing but the memtable moves. */
    leveldb_compact_range(db->db, "", 0, "", 0);
    CMT_TRY(cmt_db__guard_logs(&db->guard, bytes, &after, err));
    return after > before ? CMT_OK : accepts_no_more(db, err);
}

cmt_status cmt_db__leveldb_flush_alone(cmt_db__leveldb *db, cmt_error *err)
{
    uint64_t bytes;
    CMT_TRY(switch_log(db, &bytes, err));
    if (bytes == 0)
        return cmt_dir_sync(db->guard.dir_fd, db->guard.dir, err);
    return accepts_no_more(db, err);
}

#define TRIES 4

/*
 * The same while others write.  LevelDB lets the wish for a new log pass together with the writes that it finds waiting,
 * and then nothing is done for it; so it is asked again, at last with writers kept out, when little is left to be written.
 * A new log that a writer began is as good.
 */
static cmt_status switch_log_among_writers(cmt_db__leveldb *db, cmt_error *err)
{
    uint64_t bytes;
    for (int i = 0; i < TRIES; i++)
        if (switch_log(db, &bytes, NULL) == CMT_OK)
            return CMT_OK;
    pthread_rwlock_wrlock(&db->writers);
    cmt_status st = switch_log(db, &bytes, err);
    pthread_rwlock_unlock(&db->writers);
    return st;
}

/* ---- steps ----------------------------------------------------------------------------------- */

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* LevelDB prints bytes that do not print as \xNN, but a backslash as itself: a key that looks like an escape
 * is read as one.  Keys taken from here cut ranges into steps, for which any key will do. */
static cmt_slice unescape(char *text, size_t size)
{
    size_t made = 0;
    for (size_t i = 0; i < size; i++) {
        char c = text[i];
        if (c == '\\' && i + 3 < size && text[i + 1] == 'x' && hex_digit(text[i + 2]) >= 0 &&
            hex_digit(text[i + 3]) >= 0) {
            c = (char)(hex_digit(text[i + 2]) * 16 + hex_digit(text[i + 3]));
            i += 3;
        }
        text[made++] = c;
    }
    return (cmt_slice){(const uint8_t *)text, made};
}

/* The user key of "... .. 'KEY' @ SEQUENCE : TYPE]". */
static cmt_slice largest_of(char *line, size_t size)
{
    char *from = NULL;
    char *end = NULL;
    for (size_t i = 0; i + 4 <= size; i++) {
        if (from == NULL && memcmp(line + i, ".. '", 4) == 0)
            from = line + i + 4;
        if (memcmp(line + i, "' @ ", 4) == 0)
            end = line + i;
    }
    if (from == NULL || end == NULL || end < from)
        return (cmt_slice){NULL, 0};
    return unescape(from, (size_t)(end - from));
}

bool cmt_db__leveldb_next_table(char **text, unsigned *level, cmt_db__leveldb_table *out)
{
    while (**text != '\0') {
        char *line = *text;
        size_t size = strcspn(line, "\n");
        *text = line + size + (line[size] == '\n');
        if (strncmp(line, "--- level ", 10) == 0) {
            *level = (unsigned)strtoul(line + 10, NULL, 10);
            continue;
        }
        char *colon = memchr(line, ':', size);
        if (colon == NULL)
            continue;
        *out =
            (cmt_db__leveldb_table){*level, strtoull(colon + 1, NULL, 10), largest_of(line, size)};
        return true;
    }
    return false;
}

static int by_largest(const void *left, const void *right)
{
    const cmt_db__leveldb_table *a = left;
    const cmt_db__leveldb_table *b = right;
    return cmt_slice_compare(a->largest, b->largest);
}

/* The tables that end inside the range, by key.  `*count` may be 0. */
static cmt_status tables_inside(char *text, cmt_range range, cmt_db__leveldb_table **out,
                                size_t *count, cmt_error *err)
{
    cmt_db__leveldb_table *tables = NULL;
    cmt_db__leveldb_table table;
    size_t capacity = 0;
    unsigned level = 0;
    *count = 0;
    while (cmt_db__leveldb_next_table(&text, &level, &table)) {
        if (cmt_slice_compare(table.largest, range.lo) <= 0 ||
            (range.hi.size > 0 && cmt_slice_compare(table.largest, range.hi) >= 0))
            continue;
        if (*count == capacity) {
            capacity = capacity > 0 ? 2 * capacity : 64;
            cmt_db__leveldb_table *grown = realloc(tables, capacity * sizeof *tables);
            if (grown == NULL) {
                free(tables);
                return cmt_error_set(err, CMT_NO_MEMORY, "no memory for a list of tables");
            }
            tables = grown;
        }
        tables[(*count)++] = table;
    }
    if (*count > 0)
        qsort(tables, *count, sizeof *tables, by_largest);
    *out = tables;
    return CMT_OK;
}

static void compact_step(cmt_db__leveldb *db, cmt_slice lo, cmt_slice hi)
{
    leveldb_compact_range(db->db, lo.size > 0 ? (const char *)lo.data : NULL, lo.size,
                          hi.size > 0 ? (const char *)hi.data : NULL, hi.size);
}

static bool stopped(cmt_db__leveldb *db, unsigned cancels)
{
    return atomic_load(&db->cancelled) || atomic_load(&db->cancels) != cancels;
}

static cmt_status stopped_on_request(const cmt_db__leveldb *db, cmt_error *err)
{
    return cmt_error_set(err, CMT_CANCELLED, "compact %s: stopped on request", db->guard.dir);
}

/* Both ends of a step count as in it, and a table that two steps share is written twice. */
static cmt_status right_behind(cmt_slice key, cmt_buf *out, cmt_error *err)
{
    cmt_buf_clear(out);
    if (cmt_buf_append(out, key.data, key.size) == CMT_OK && cmt_buf_append(out, "", 1) == CMT_OK)
        return CMT_OK;
    return cmt_error_set(err, CMT_NO_MEMORY, "no memory for a key");
}

/* Compact up to the end of enough tables, then from there on. */
static cmt_status compact_in_steps(cmt_db__leveldb *db, cmt_range range,
                                   const cmt_db__leveldb_table *tables, size_t count,
                                   unsigned cancels, cmt_error *err)
{
    CMT_AUTO(cmt_buf_free) cmt_buf behind = CMT_BUF_INIT;
    cmt_slice from = range.lo;
    uint64_t bytes = 0;
    for (size_t i = 0; i < count; i++) {
        bytes += tables[i].bytes;
        if (bytes < db->step_bytes || cmt_slice_compare(tables[i].largest, from) <= 0)
            continue;
        if (stopped(db, cancels))
            return stopped_on_request(db, err);
        compact_step(db, from, tables[i].largest);
        CMT_TRY(right_behind(tables[i].largest, &behind, err));
        from = cmt_buf_slice(&behind);
        bytes = 0;
    }
    if (stopped(db, cancels))
        return stopped_on_request(db, err);
    compact_step(db, from, range.hi);
    return CMT_OK;
}

/* Let everything that was deleted up to now stand in tables. */
static cmt_status move_deletions(cmt_db__leveldb *db, cmt_error *err)
{
    const unsigned long long deletions = atomic_load(&db->deletions);
    if (deletions == atomic_load(&db->deletions_in_tables))
        return CMT_OK;
    CMT_TRY(switch_log_among_writers(db, err));
    atomic_store(&db->deletions_in_tables, deletions);
    return CMT_OK;
}

/* After any error in the background each write is refused, one of nothing, too. */
static cmt_status prove(cmt_db__leveldb *db, cmt_error *err)
{
    char *message = NULL;
    leveldb_writebatch_t *nothing = leveldb_writebatch_create();
    pthread_rwlock_rdlock(&db->writers);
    leveldb_write(db->db, db->write, nothing, &message);
    pthread_rwlock_unlock(&db->writers);
    leveldb_writebatch_destroy(nothing);
    if (message == NULL)
        return CMT_OK;
    leveldb_free(message);
    return accepts_no_more(db, err);
}

cmt_status cmt_db__leveldb_compact_range(cmt_db *base, cmt_range range, cmt_error *err)
{
    cmt_db__leveldb *db = (cmt_db__leveldb *)base;
    unsigned cancels = atomic_load(&db->cancels);
    cmt_db__leveldb_table *tables = NULL;
    size_t count;
    if (stopped(db, cancels))
        return stopped_on_request(db, err);
    CMT_TRY(move_deletions(db, err));
    char *text = leveldb_property_value(db->db, "leveldb.sstables");
    if (text == NULL)
        return cmt_error_set(err, CMT_IO, "compact %s: LevelDB does not list its tables",
                             db->guard.dir);
    cmt_status st = tables_inside(text, range, &tables, &count, err);
    if (st == CMT_OK)
        st = compact_in_steps(db, range, tables, count, cancels, err);
    free(tables);
    leveldb_free(text);
    CMT_TRY(st);
    return prove(db, err);
}
