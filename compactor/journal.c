/* SPDX-License-Identifier: Apache-2.0
 *
 * The job journal: opening it, how a change is made, counters, what can be read.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "journal.h"

#define SECOND_NS INT64_C(1000000000)

const char *cmt_job_kind_name(cmt_job_kind kind)
{
    static const char *const names[] = {"ranges", "full", "rewrite"};
    return names[kind];
}

const char *cmt_job_status_name(cmt_job_status status)
{
    static const char *const names[] = {"submitted", "running", "completed", "failed"};
    return names[status];
}

/* ---- counters -------------------------------------------------------------------------------- */

static void add_up(uint64_t *sum, uint64_t more)
{
    if (__builtin_add_overflow(*sum, more, sum))
        *sum = UINT64_MAX;
}

static void add_counters(cmt_journal_counters *to, const cmt_journal_counters *more)
{
    add_up(&to->dead_bytes, more->dead_bytes);
    add_up(&to->tombstones, more->tombstones);
    add_up(&to->heights, more->heights);
}

static void take_off(uint64_t *sum, uint64_t less)
{
    *sum -= less < *sum ? less : *sum;
}

void cmt_compactor__take_counters(cmt_journal_counters *from, const cmt_journal_counters *less)
{
    take_off(&from->dead_bytes, less->dead_bytes);
    take_off(&from->tombstones, less->tombstones);
    take_off(&from->heights, less->heights);
}

/* ---- opening --------------------------------------------------------------------------------- */

static int64_t wall_clock(void *context)
{
    struct timespec now;
    (void)context;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * SECOND_NS + now.tv_nsec;
}

static cmt_compact_journal *allocate(void)
{
    cmt_compact_journal *j = calloc(1, sizeof *j);
    if (j == NULL)
        return NULL;
    j->now = malloc(sizeof *j->now);
    j->next = malloc(sizeof *j->next);
    if (j->now == NULL || j->next == NULL || pthread_mutex_init(&j->lock, NULL) != 0)
        goto failed;
    if (pthread_mutex_init(&j->writer, NULL) != 0) {
        pthread_mutex_destroy(&j->lock);
        goto failed;
    }
    j->place.dir_fd = -1;
    cmt_compactor__record_init(j->now);
    return j;
failed:
    free(j->now);
    free(j->next);
    free(j);
    return NULL;
}

/* A file that makes no sense is no reason not to go on. */
static cmt_status read_file(cmt_compact_journal *j, cmt_error *err)
{
    cmt_error why = CMT_ERROR_INIT;
    cmt_status st = cmt_compactor__journal_load(&j->place, &j->file, &why);
    if (st == CMT_NOT_FOUND)
        return CMT_OK;
    if (st == CMT_OK)
        st = cmt_compactor__journal_decode(cmt_buf_slice(&j->file), j->now, &why);
    if (st == CMT_OK)
        return CMT_OK;
    if (st != CMT_CORRUPT && st != CMT_UNSUPPORTED)
        return cmt_error_set(err, st, "compaction journal: %s", why.message);
    cmt_compactor__record_init(j->now);
    j->place.unreadable = true;
    cmt_log(j->options.logger, CMT_LOG_WARN,
            "the compaction journal cannot be used; everything pruned counts as not compacted yet  "
            "err=\"%s\"",
            why.message);
    return CMT_OK;
}

static void submit_what_ran(cmt_compactor__record *record)
{
    for (size_t i = 0; i < record->open_count; i++)
        if (record->open[i].job.status == CMT_JOB_RUNNING)
            record->open[i].job.status = CMT_JOB_SUBMITTED;
}

cmt_status cmt_compact_journal_open(const cmt_compact_journal_options *options,
                                    cmt_compact_journal **out, cmt_error *err)
{
    *out = NULL;
    cmt_compact_journal *j = allocate();
    if (j == NULL)
        return cmt_error_set(err, CMT_NO_MEMORY, "no memory for a compaction journal");
    if (options != NULL)
        j->options = *options;
    if (j->options.clock_ns == NULL)
        j->options.clock_ns = wall_clock;
    cmt_status st = cmt_compactor__journal_find(j->options.data_dir, &j->place, err);
    if (st == CMT_OK)
        st = read_file(j, err);
    if (st != CMT_OK) {
        cmt_compact_journal_close(j);
        return st;
    }
    submit_what_ran(j->now);
    j->options.data_dir = NULL; /* borrowed for the call */
    *out = j;
    return CMT_OK;
}

void cmt_compact_journal_close(cmt_compact_journal *j)
{
    if (j == NULL)
        return;
    cmt_compactor__journal_leave(&j->place);
    pthread_mutex_destroy(&j->writer);
    pthread_mutex_destroy(&j->lock);
    cmt_buf_free(&j->file);
    free(j->now);
    free(j->next);
    free(j);
}

/* ---- changes --------------------------------------------------------------------------------- */

/* The caller holds `writer`.  What was noted goes with every change. */
cmt_compactor__record *cmt_compactor__begin_change_locked(cmt_compact_journal *j)
{
    memcpy(j->next, j->now, sizeof *j->next);
    pthread_mutex_lock(&j->lock);
    memcpy(j->taken, j->noted, sizeof j->taken);
    pthread_mutex_unlock(&j->lock);
    for (size_t i = 0; i < CMT_JOURNAL_SIDES; i++)
        add_counters(&j->next->databases[i].counts, &j->taken[i]);
    return j->next;
}

cmt_status cmt_compactor__end_change_locked(cmt_compact_journal *j, cmt_error *err)
{
    CMT_TRY(cmt_compactor__journal_encode(j->next, &j->file, err));
    cmt_status st = cmt_compactor__journal_store(&j->place, cmt_buf_slice(&j->file), err);
    if (st != CMT_OK)
        return cmt_error_prefix(err, st, "compaction journal");
    pthread_mutex_lock(&j->lock);
    cmt_compactor__record *before = j->now;
    j->now = j->next;
    j->next = before;
    for (size_t i = 0; i < CMT_JOURNAL_SIDES; i++)
        cmt_compactor__take_counters(&j->noted[i], &j->taken[i]);
    pthread_mutex_unlock(&j->lock);
    return CMT_OK;
}

cmt_compactor__open_job *cmt_compactor__find_open(cmt_compactor__record *record, uint64_t id)
{
    for (size_t i = 0; i < record->open_count; i++)
        if (record->open[i].job.id == id)
            return &record->open[i];
    return NULL;
}

/* ---- counters -------------------------------------------------------------------------------- */

void cmt_compact_journal_note(cmt_compact_journal *j, cmt_journal_side side,
                              const cmt_journal_counters *add)
{
    pthread_mutex_lock(&j->lock);
    add_counters(&j->noted[side], add);
    pthread_mutex_unlock(&j->lock);
}

static bool has_news(const cmt_compact_journal *j)
{
    static const cmt_journal_counters nothing[CMT_JOURNAL_SIDES];
    return memcmp(j->taken, nothing, sizeof nothing) != 0;
}

cmt_status cmt_compact_journal_flush(cmt_compact_journal *j, cmt_error *err)
{
    pthread_mutex_lock(&j->writer);
    cmt_compactor__begin_change_locked(j);
    cmt_status st = has_news(j) ? cmt_compactor__end_change_locked(j, err) : CMT_OK;
    pthread_mutex_unlock(&j->writer);
    return st;
}

/* ---- reading --------------------------------------------------------------------------------- */

/* The job with the highest id below `below`, NULL: none. */
static const cmt_job *next_below(const cmt_compactor__record *record, uint64_t below)
{
    const cmt_job *found = NULL;
    for (size_t i = 0; i < record->open_count + record->ended_count; i++) {
        const cmt_job *job =
            i < record->open_count ? &record->open[i].job : &record->ended[i - record->open_count];
        if (job->id < below && (found == NULL || job->id > found->id))
            found = job;
    }
    return found;
}

size_t cmt_compact_journal_jobs(cmt_compact_journal *j, cmt_job *out, size_t max)
{
    size_t count = 0;
    pthread_mutex_lock(&j->lock);
    const cmt_job *job = next_below(j->now, UINT64_MAX);
    while (job != NULL && count < max) {
        out[count++] = *job;
        job = next_below(j->now, job->id);
    }
    pthread_mutex_unlock(&j->lock);
    return count;
}

static cmt_status copy_ranges(const cmt_compactor__spans *spans, cmt_range_list *out)
{
    for (size_t i = 0; i < spans->count && out != NULL; i++) {
        const cmt_range range = cmt_compactor__span_range(&spans->at[i]);
        CMT_TRY(cmt_range_list_add(out, range.lo, range.hi));
    }
    return CMT_OK;
}

cmt_status cmt_compact_journal_ranges(cmt_compact_journal *j, uint64_t id, cmt_range_list *state,
                                      cmt_range_list *blockstore, cmt_error *err)
{
    pthread_mutex_lock(&j->lock);
    const cmt_compactor__open_job *open = cmt_compactor__find_open(j->now, id);
    cmt_status st = open != NULL ? CMT_OK : CMT_NOT_FOUND;
    if (st == CMT_OK)
        st = copy_ranges(&open->ranges[CMT_JOURNAL_STATE], state);
    if (st == CMT_OK)
        st = copy_ranges(&open->ranges[CMT_JOURNAL_BLOCKSTORE], blockstore);
    pthread_mutex_unlock(&j->lock);
    if (st == CMT_NO_MEMORY)
        return cmt_error_set(err, st, "no memory for the ranges of a job");
    return st;
}

cmt_journal_database cmt_compact_journal_database(cmt_compact_journal *j, cmt_journal_side side)
{
    pthread_mutex_lock(&j->lock);
    cmt_journal_database out = j->now->databases[side];
    add_counters(&out.counts, &j->noted[side]);
    pthread_mutex_unlock(&j->lock);
    return out;
}
