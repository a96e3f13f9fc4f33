/* SPDX-License-Identifier: Apache-2.0
 *
 * The atomic edit: opening, sealing, committing, undoing.
 *
 * INVARIANTS, for old state = entries of all tables and live logs, DEAD = a set of user keys:
 *  I1  a table is dropped only if all its keys lie inside one dead range (plan.c)
 *  I2  every table that stays and touches something dead is examined (plan.c, level0.c)
 *  I3  the journal is always folded into the new level-0 table (level0.c)
 *  I4  tombstones and new values carry one sequence above everything that exists; the new MANIFEST's
 *      last sequence is that one (here)
 *  I5  levels below 0 stay sorted and disjoint (rewrite.c; checked again before the commit, here)
 *  I6  level 0 is merged whole or not at all (plan.c)
 *  I7  the new level-0 table has the highest number of its level (level0.c; checked here)
 *
 * IN PEBBLE  level 0 is searched by the tables' largest sequences, not by their numbers.  I4: sequences 0, which
 * pebble gives to what is alone in the last level, are below everything as they stand.  I6 holds all the more:
 * a table that loses its newest entry would fall behind its neighbours.  I7: the new level-0 table has the highest
 * sequence of its level; logs are newer than every table, so it does.  The MANIFEST's sequences of a new table
 * are those of its entries: were smallest and largest the same by invention, pebble would believe it of every
 * entry.  A table with range deletions is dropped or stays; none is ever written.  (Where RocksDB does the work,
 * clone.c and adopt.c stand in for planning and preparing.)
 *
 * IN ROCKSDB  the same holds but for the believing.  It opens no database in which the smallest sequences of level 0 do
 * not fall with the largest; with the new table above all that is so, and it is looked at before the commit.
 *
 * ORDER  tables (each fsynced) · directory · read back · MANIFEST (fsync) · N.dbtmp (fsync) · directory ·
 * rename N.dbtmp to CURRENT · directory.  The temporary file is never called CURRENT.<n>: goleveldb
 * would take it for committed before the rename.  pebble's is called CURRENT.<n>.dbtmp: so pebble removes it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "cleanup.h"
#include "clock.h"
#include "edit_internal.h"
#include "log.h"

#define DEFAULT_MIN_FREE ((uint64_t)16 << 20)
/* goleveldb keeps file numbers in an int64; half of them are left for it. */
#define FILE_NUMBER_MAX ((uint64_t)INT64_MAX / 2)

/* ---- opening -------------------------------------------------------------------------------- */

cmt_status cmt_lsm_edit_check_tables(cmt_lsm_edit *edit, cmt_error *err)
{
    const cmt_status bad = edit->observe ? CMT_STALE : CMT_CORRUPT;
    cmt_lsm__version *v = &edit->view->version;
    for (size_t i = 0; i < v->count; i++) {
        cmt_lsm__table_meta *t = &v->tables[i];
        char name[CMT_LSM_NAME_MAX];
        struct stat st;
        cmt_lsm__table_name(t->number, t->is_sst, name);
        if (fstatat(edit->view->dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0) {
            cmt_lsm__table_name(t->number, true, name);
            t->is_sst = true;
            if (fstatat(edit->view->dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
                return cmt_error_set(err, bad,
                                     "table %06llu is missing in %s; restore the database from a "
                                     "backup or resync the node",
                                     (unsigned long long)t->number, edit->view->path);
        }
        if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size != t->size)
            return cmt_error_set(
                err, bad,
                "table %s in %s has %llu bytes, but the MANIFEST says %llu; restore "
                "the database from a backup or resync the node",
                name, edit->view->path, (unsigned long long)st.st_size,
                (unsigned long long)t->size);
    }
    return CMT_OK;
}

static void count_before(cmt_lsm_edit *edit)
{
    const cmt_lsm__version *v = &edit->view->version;
    edit->counts.tables_before = v->count;
    edit->counts.bytes_before = edit->view->journal.bytes;
    for (size_t i = 0; i < v->count; i++)
        edit->counts.bytes_before += v->tables[i].size;
}

/* I4: the sequence above everything: MANIFEST, logs, and the bounds of all tables. */
static cmt_status next_sequence(cmt_lsm_edit *edit, cmt_error *err)
{
    const cmt_lsm__version *v = &edit->view->version;
    uint64_t highest = v->last_sequence;
    if (edit->view->journal.highest_sequence > highest)
        highest = edit->view->journal.highest_sequence;
    for (size_t i = 0; i < v->count; i++) {
        const cmt_lsm__table_meta *t = &v->tables[i];
        uint64_t a = t->rocksdb_format ? t->smallest_sequence : cmt_lsm__sequence(t->smallest);
        uint64_t b = t->rocksdb_format ? t->largest_sequence : cmt_lsm__sequence(t->largest);
        highest = a > highest ? a : highest;
        highest = b > highest ? b : highest;
    }
    if (highest >= CMT_LSM_SEQUENCE_MAX - 2)
        return cmt_error_set(err, CMT_UNSUPPORTED, "%s has used up its sequence numbers",
                             edit->view->path);
    edit->sequence = highest + 1;
    return CMT_OK;
}

cmt_status cmt_lsm__holds_range_dels(cmt_lsm_edit *edit, cmt_error *err)
{
    edit->range_dels_met = true;
    return cmt_error_set(
        err, CMT_UNSUPPORTED,
        "%s holds range deletions where this method would have to rewrite them; "
        "nothing was changed. Use the engine's own method, or let the node run until "
        "it has compacted them",
        edit->view->path);
}

static cmt_status open_state(cmt_lsm_edit *edit, const char *dir, const cmt_lsm_edit_options *given,
                             cmt_error *err)
{
    cmt_lsm_view_options options = {.cache_bytes = given->cache_bytes, .pin = given->observe};
    CMT_TRY(cmt_lsm_view_open(dir, &options, &edit->view, err));
    if (edit->view->pending_current)
        return cmt_error_set(
            err, given->observe ? CMT_STALE : CMT_UNSUPPORTED,
            "%s holds a CURRENT.<n> file: goleveldb was interrupted while switching "
            "to a new MANIFEST; start and stop the node once, then try again",
            dir);
    struct stat st;
    if (fstatat(edit->view->dir_fd, "CURRENT", &st, AT_SYMLINK_NOFOLLOW) != 0)
        return cmt_error_set(err, CMT_IO, "stat %s/CURRENT: %s", dir, strerror(errno));
    if (!S_ISREG(st.st_mode))
        return cmt_error_set(err, CMT_UNSUPPORTED, "%s/CURRENT is not a regular file", dir);
    edit->owner = (cmt_file_owner){st.st_uid, st.st_gid, st.st_mode & 0777};
    count_before(edit);
    CMT_TRY(next_sequence(edit, err));
    /* Numbers of orphans of earlier crashes are never used again. */
    edit->next_number = edit->view->version.next_file_number;
    if (edit->view->highest_number >= edit->next_number)
        edit->next_number = edit->view->highest_number + 1;
    if (edit->next_number > FILE_NUMBER_MAX)
        return cmt_error_set(err, CMT_UNSUPPORTED, "%s has used up its file numbers", dir);
    edit->plans = calloc(edit->view->version.count + 1, sizeof *edit->plans);
    if (edit->plans == NULL)
        return cmt_lsm__no_memory(err);
    if (edit->view->journal.below_manifest)
        cmt_log(edit->logger, CMT_LOG_WARN,
                "log holds batches below the MANIFEST's sequence, applied  database=%s",
                edit->name);
    return CMT_OK;
}

cmt_status cmt_lsm_edit_open(const char *dir, const cmt_lsm_edit_options *options,
                             cmt_lsm_edit **out, cmt_error *err)
{
    *out = NULL;
    cmt_lsm_edit *edit = calloc(1, sizeof *edit);
    if (edit == NULL)
        return cmt_lsm__no_memory(err);
    static const cmt_lsm_edit_options defaults = {0};
    if (options == NULL)
        options = &defaults;
    pthread_mutex_init(&edit->lock, NULL);
    edit->clone_fd = -1;
    edit->min_free_bytes = options->min_free_bytes > 0 ? options->min_free_bytes : DEFAULT_MIN_FREE;
    edit->table_bytes = options->table_bytes > 0 ? options->table_bytes : CMT_LSM_TABLE_TARGET;
    edit->logger = options->logger;
    edit->progress = options->progress;
    edit->name = options->name != NULL ? options->name : "";
    edit->observe = options->observe;
    cmt_status st = open_state(edit, dir, options, err);
    if (st != CMT_OK) {
        cmt_lsm_edit_free(edit);
        return st;
    }
    *out = edit;
    return CMT_OK;
}

bool cmt_lsm_edit_needs_engine(const cmt_lsm_edit *edit)
{
    return edit->range_dels_met || edit->view->journal.range_deletes > 0;
}

cmt_lsm_view *cmt_lsm_edit_view(cmt_lsm_edit *edit)
{
    return edit->view;
}

cmt_lsm_edit_counts cmt_lsm_edit_get_counts(const cmt_lsm_edit *edit)
{
    return edit->counts;
}

/* ---- the new version ------------------------------------------------------------------------ */

static cmt_status add_new(cmt_lsm_edit *edit, const cmt_lsm__table_meta *table, cmt_error *err)
{
    if (edit->new_count == edit->new_capacity) {
        size_t capacity = edit->new_capacity * 2 + 64;
        cmt_lsm__table_meta *tables = realloc(edit->new_tables, capacity * sizeof *tables);
        if (tables == NULL)
            return cmt_lsm__no_memory(err);
        edit->new_tables = tables;
        edit->new_capacity = capacity;
    }
    edit->new_tables[edit->new_count++] = *table;
    edit->counts.bytes_after += table->size;
    return CMT_OK;
}

cmt_status cmt_lsm__edit_keep_table(cmt_lsm_edit *edit, const cmt_lsm__table_meta *table,
                                    cmt_error *err)
{
    pthread_mutex_lock(&edit->lock);
    cmt_status st = add_new(edit, table, err);
    pthread_mutex_unlock(&edit->lock);
    return st;
}

void cmt_lsm__edit_init_builder(const cmt_lsm_edit *edit, cmt_lsm__builder *builder,
                                uint64_t *bytes_written)
{
    cmt_lsm__builder_init(builder, edit->view->dir_fd, &edit->owner, bytes_written);
    builder->rocksdb_format = edit->view->dialect.rocksdb_format;
    builder->rocksdb = edit->view->dialect.rocksdb;
}

/* The note of the table with this number. */
static cmt_lsm__written *written_note(cmt_lsm_edit *edit, uint64_t number)
{
    size_t i = edit->written_count - 1;
    while (edit->written[i].number != number)
        i--;
    return &edit->written[i];
}

cmt_status cmt_lsm__edit_note_written(cmt_lsm_edit *edit, uint64_t number, cmt_error *err)
{
    if (edit->written_count == edit->written_capacity) {
        size_t capacity = edit->written_capacity * 2 + 16;
        cmt_lsm__written *written = realloc(edit->written, capacity * sizeof *written);
        if (written == NULL)
            return cmt_lsm__no_memory(err);
        edit->written = written;
        edit->written_capacity = capacity;
    }
    edit->written[edit->written_count++] = (cmt_lsm__written){.number = number};
    return CMT_OK;
}

cmt_status cmt_lsm__edit_begin_table(cmt_lsm_edit *edit, cmt_lsm__builder *builder, cmt_error *err)
{
    pthread_mutex_lock(&edit->lock);
    uint64_t number = edit->next_number++;
    cmt_status st = cmt_lsm__edit_note_written(edit, number, err);
    pthread_mutex_unlock(&edit->lock);
    CMT_TRY(st);
    CMT_TRY(cmt_lsm__builder_begin(builder, number, err));
    pthread_mutex_lock(&edit->lock);
    written_note(edit, number)->created = true;
    pthread_mutex_unlock(&edit->lock);
    return CMT_OK;
}

cmt_status cmt_lsm__sequence_too_high(const cmt_lsm_edit *edit, cmt_error *err)
{
    return cmt_error_set(err, CMT_CORRUPT,
                         "%s holds an entry with a sequence above all that its MANIFEST and tables "
                         "announce; nothing was changed",
                         edit->view->path);
}

/* Take a written table over: its keys are still the builder's. */
static cmt_status add_written(cmt_lsm_edit *edit, cmt_lsm__table_meta *table, uint32_t crc,
                              cmt_error *err)
{
    if (cmt_lsm__arena_copy(&edit->arena, table->smallest, &table->smallest) != CMT_OK ||
        cmt_lsm__arena_copy(&edit->arena, table->largest, &table->largest) != CMT_OK)
        return cmt_lsm__no_memory(err);
    edit->counts.tables_written++;
    cmt_lsm__written *note = written_note(edit, table->number);
    note->size = table->size;
    note->crc = crc;
    return add_new(edit, table, err);
}

cmt_status cmt_lsm__edit_finish_table(cmt_lsm_edit *edit, cmt_lsm__builder *builder, unsigned level,
                                      cmt_error *err)
{
    cmt_lsm__table_meta table;
    CMT_TRY(cmt_lsm__builder_finish(builder, &table, err));
    table.level = level;
    pthread_mutex_lock(&edit->lock);
    cmt_status st = add_written(edit, &table, builder->file_crc, err);
    pthread_mutex_unlock(&edit->lock);
    return st;
}

void cmt_lsm__edit_count_bytes(cmt_lsm_edit *edit, uint64_t bytes_read, uint64_t bytes_written)
{
    pthread_mutex_lock(&edit->lock);
    edit->bytes_read_by_jobs += bytes_read;
    edit->counts.bytes_written += bytes_written;
    pthread_mutex_unlock(&edit->lock);
}

static cmt_status report(cmt_lsm_edit *edit, const char *phase, uint64_t done, uint64_t total,
                         cmt_error *err)
{
    if (edit->progress == NULL || edit->progress->report == NULL)
        return CMT_OK;
    cmt_progress progress = {phase, edit->name, done, total, true};
    if (edit->progress->report(edit->progress->context, &progress))
        return cmt_error_set(err, CMT_CANCELLED, "stopped on request; nothing was changed");
    return CMT_OK;
}

cmt_status cmt_lsm__edit_progress(cmt_lsm_edit *edit, const char *phase, uint64_t done,
                                  uint64_t total, cmt_error *err)
{
    pthread_mutex_lock(&edit->lock);
    cmt_status st = report(edit, phase, done, total, err);
    pthread_mutex_unlock(&edit->lock);
    return st;
}

cmt_status cmt_lsm__edit_wrote(cmt_lsm_edit *edit, uint64_t bytes, cmt_error *err)
{
    pthread_mutex_lock(&edit->lock);
    edit->bytes_gone_through += bytes;
    cmt_status st = report(edit, "write", edit->bytes_gone_through, edit->bytes_to_write, err);
    pthread_mutex_unlock(&edit->lock);
    return st;
}

/* ---- preparing ------------------------------------------------------------------------------ */

static cmt_status check_space(cmt_lsm_edit *edit, cmt_error *err)
{
    struct statvfs fs;
    if (fstatvfs(edit->view->dir_fd, &fs) != 0)
        return cmt_error_set(err, CMT_IO, "statvfs %s: %s", edit->view->path, strerror(errno));
    uint64_t available = (uint64_t)fs.f_bavail * fs.f_frsize;
    uint64_t need = edit->counts.bytes_write_bound + edit->min_free_bytes;
    if (available < need || need < edit->min_free_bytes)
        return cmt_error_set(err, CMT_NO_SPACE,
                             "%s: %llu MiB are free, but %llu MiB are needed to write the new "
                             "tables; free some space "
                             "and try again",
                             edit->view->path, (unsigned long long)(available >> 20),
                             (unsigned long long)((need >> 20) + 1));
    return CMT_OK;
}

static cmt_status check_level0_newest(const cmt_lsm_edit *edit, size_t count, cmt_error *err)
{
    for (size_t i = 1; i < count; i++)
        if (edit->written_count > 0 && edit->new_tables[i].number >= edit->written[0].number)
            return cmt_error_set(err, CMT_CORRUPT,
                                 "%s holds level-0 tables newer than its logs; nothing was changed",
                                 edit->view->path);
    return CMT_OK;
}

/* Source: RocksDB db/version_builder.cc VersionBuilder::Rep::CheckConsistencyDetails */
static cmt_status check_rocksdb_level0(const cmt_lsm_edit *edit, size_t count, cmt_error *err)
{
    for (size_t i = 1; i < count; i++) {
        const cmt_lsm__table_meta *a = &edit->new_tables[i - 1];
        const cmt_lsm__table_meta *b = &edit->new_tables[i];
        if (b->smallest_sequence == b->largest_sequence
                ? b->smallest_sequence != 0 && b->smallest_sequence >= a->largest_sequence
                : a->smallest_sequence <= b->smallest_sequence)
            return cmt_error_set(err, CMT_UNSUPPORTED,
                                 "%s: the sequences of level 0 would overlap, tables %06llu and "
                                 "%06llu, and RocksDB would not open that; nothing was changed",
                                 edit->view->path, (unsigned long long)a->number,
                                 (unsigned long long)b->number);
    }
    return CMT_OK;
}

/* I5 and I7 over the whole new version. */
static cmt_status check_new_version(cmt_lsm_edit *edit, cmt_error *err)
{
    size_t level_start[CMT_LSM_LEVELS + 1];
    CMT_TRY(cmt_lsm__tables_arrange(edit->new_tables, edit->new_count, level_start, err));
    /* Newest first: pebble's and RocksDB's are in the order of their sequences, and the new one must be the first. */
    if (edit->view->dialect.rocksdb)
        CMT_TRY(check_rocksdb_level0(edit, level_start[1], err));
    if (edit->view->dialect.rocksdb_format)
        return check_level0_newest(edit, level_start[1], err);
    for (size_t i = level_start[0] + 1; i < level_start[1]; i++)
        if (edit->new_tables[i - 1].number <= edit->new_tables[i].number)
            return cmt_error_set(err, CMT_CORRUPT, "level 0 of the new version is out of order");
    return CMT_OK;
}

cmt_status cmt_lsm__edit_write_manifest(cmt_lsm_edit *edit, cmt_error *err)
{
    CMT_AUTO(cmt_buf_free) cmt_buf record = CMT_BUF_INIT;
    CMT_AUTO(cmt_buf_free) cmt_buf log = CMT_BUF_INIT;
    CMT_AUTO(cmt_buf_free) cmt_buf current = CMT_BUF_INIT;
    cmt_lsm__version counters = edit->view->version;
    uint64_t manifest_number = edit->next_number++;
    /* The log number must lie behind every log that was folded in, else goleveldb would replay one
     * whose sequences are all "too old"; no such file is created. */
    edit->log_number = edit->next_number++;
    counters.log_number = edit->log_number;
    counters.prev_log_number = 0;
    counters.min_log_number = edit->log_number;
    counters.next_file_number = edit->next_number;
    counters.last_sequence = edit->sequence;
    if (cmt_lsm__version_encode(&counters, edit->new_tables, edit->new_count, &record) != CMT_OK ||
        cmt_lsm__log_append(&log, cmt_buf_slice(&record)) != CMT_OK)
        return cmt_lsm__no_memory(err);
    snprintf(edit->manifest, sizeof edit->manifest, "MANIFEST-%06llu",
             (unsigned long long)manifest_number);
    CMT_TRY(cmt_file_write_new_at(edit->view->dir_fd, edit->manifest, &edit->owner,
                                  cmt_buf_slice(&log), err));
    if (cmt_buf_append(&current, edit->manifest, strlen(edit->manifest)) != CMT_OK ||
        cmt_buf_append(&current, "\n", 1) != CMT_OK)
        return cmt_lsm__no_memory(err);
    snprintf(edit->temp, sizeof edit->temp, "%s%06llu.dbtmp",
             edit->view->dialect.pebble ? "CURRENT." : "", (unsigned long long)manifest_number);
    CMT_TRY(cmt_file_write_new_at(edit->view->dir_fd, edit->temp, &edit->owner,
                                  cmt_buf_slice(&current), err));
    edit->counts.bytes_written += log.size + current.size;
    return cmt_dir_sync(edit->view->dir_fd, edit->view->path, err);
}

static void log_step(const cmt_lsm_edit *edit, const char *step, int64_t *since)
{
    int64_t now = cmt_clock_ns();
    cmt_log(edit->logger, CMT_LOG_DEBUG, "%s  database=%s us=%lld written=%llu", step, edit->name,
            (long long)((now - *since) / 1000), (unsigned long long)edit->counts.bytes_written);
    *since = now;
}

static cmt_status write_new_state(cmt_lsm_edit *edit, cmt_error *err)
{
    int64_t since = cmt_clock_ns();
    CMT_TRY(edit->compacting ? cmt_lsm__write_compaction(edit, err)
                             : cmt_lsm__write_prune(edit, err));
    CMT_TRY(cmt_dir_sync(edit->view->dir_fd, edit->view->path, err));
    log_step(edit, "wrote the tables", &since);
    CMT_TRY(cmt_lsm__verify_written(edit, err));
    CMT_TRY(check_new_version(edit, err));
    log_step(edit, "read the tables back", &since);
    return cmt_lsm__edit_write_manifest(edit, err);
}

void cmt_lsm__edit_undo(cmt_lsm_edit *edit)
{
    int dir_fd = edit->view->dir_fd;
    if (edit->temp[0] != '\0')
        unlinkat(dir_fd, edit->temp, 0);
    if (edit->manifest[0] != '\0')
        unlinkat(dir_fd, edit->manifest, 0);
    for (size_t i = 0; i < edit->written_count; i++) {
        char name[CMT_LSM_NAME_MAX];
        cmt_lsm__table_name(edit->written[i].number, edit->view->dialect.rocksdb_format, name);
        if (edit->written[i].created) /* else the name may be somebody else's */
            unlinkat(dir_fd, name, 0);
    }
    edit->written_count = 0;
    edit->new_count = 0;
    edit->temp[0] = edit->manifest[0] = '\0';
}

cmt_status cmt_lsm_edit_prepare(cmt_lsm_edit *edit, cmt_error *err)
{
    if (edit->stage != CMT_LSM_PLANNED || edit->counts.nothing_to_do || edit->observe)
        return cmt_error_set(err, CMT_INVALID, "prepare an edit that was planned and has work");
    edit->counts.bytes_after = 0;
    cmt_error cause = CMT_ERROR_INIT;
    cmt_status st = check_space(edit, &cause);
    if (st == CMT_OK) {
        st = write_new_state(edit, &cause);
        edit->counts.bytes_read = edit->view->cache.bytes_read + edit->bytes_read_by_jobs;
        if (st != CMT_OK)
            cmt_lsm__edit_undo(edit);
    }
    if (st == CMT_STALE)
        st = CMT_CORRUPT; /* under our locks nothing vanishes by itself */
    if (st != CMT_OK)
        return cmt_error_set(err, st, "%s", cause.message);
    edit->stage = CMT_LSM_PREPARED;
    return CMT_OK;
}

/* ---- committing ----------------------------------------------------------------------------- */

cmt_status cmt_lsm_edit_commit(cmt_lsm_edit *edit, cmt_error *err)
{
    if (edit->stage != CMT_LSM_PREPARED)
        return cmt_error_set(err, CMT_INVALID, "commit an edit that is prepared");
    int dir_fd = edit->view->dir_fd;
    if (renameat(dir_fd, edit->temp, dir_fd, "CURRENT") != 0)
        return cmt_error_set(err, cmt_status_of_errno(errno), "rename %s/%s to CURRENT: %s",
                             edit->view->path, edit->temp, strerror(errno));
    edit->stage = CMT_LSM_COMMITTED; /* from here on nothing is undone */
    return cmt_dir_sync(dir_fd, edit->view->path, err);
}

void cmt_lsm_edit_free(cmt_lsm_edit *edit)
{
    if (edit == NULL)
        return;
    if (edit->stage == CMT_LSM_PREPARED)
        cmt_lsm__edit_undo(edit);
    free(edit->plans);
    free(edit->new_tables);
    free(edit->written);
    cmt_lsm__arena_free(&edit->arena);
    pthread_mutex_destroy(&edit->lock);
    cmt_fd_close(&edit->clone_fd);
    cmt_lsm_view_close(edit->view);
    free(edit);
}
