/* SPDX-License-Identifier: Apache-2.0
 *
 * What it means to submit, begin and end a job.
 */
#include <stdio.h>
#include <string.h>

#include "journal.h"

static int64_t now_ns(const cmt_compact_journal *j)
{
    return j->options.clock_ns(j->options.clock_context);
}

/* ---- submit ---------------------------------------------------------------------------------- */

static void set_text(char *to, size_t size, const char *from)
{
    snprintf(to, size, "%s", from != NULL ? from : "");
}

static void add_ranges(cmt_compactor__spans *spans, const cmt_range_list *ranges)
{
    static const cmt_range everything = {{NULL, 0}, {NULL, 0}};
    if (ranges == NULL || ranges->count == 0)
        cmt_compactor__spans_add(spans, everything);
    else
        for (size_t i = 0; i < ranges->count; i++)
            cmt_compactor__spans_add(spans, ranges->ranges[i]);
}

static cmt_compactor__open_job *new_job(const cmt_compact_journal *j, cmt_compactor__record *record,
                                        const cmt_job_request *request)
{
    cmt_compactor__open_job *open = &record->open[record->open_count++];
    memset(open, 0, sizeof *open);
    open->job.id = record->next_id++;
    open->job.kind = request->kind;
    open->job.submitted_ns = now_ns(j);
    memcpy(open->job.databases, request->databases, sizeof open->job.databases);
    set_text(open->job.label, sizeof open->job.label, request->label);
    set_text(open->job.trigger, sizeof open->job.trigger, request->trigger);
    return open;
}

/* One that waits and does the same, if there is no room for another. */
static cmt_compactor__open_job *find_alike(cmt_compactor__record *record,
                                           const cmt_job_request *request)
{
    for (size_t i = 0; i < record->open_count; i++) {
        const cmt_job *job = &record->open[i].job;
        if (job->status != CMT_JOB_RUNNING && job->kind == request->kind &&
            memcmp(job->databases, request->databases, sizeof job->databases) == 0)
            return &record->open[i];
    }
    return NULL;
}

static cmt_status submit_locked(cmt_compact_journal *j, const cmt_job_request *request,
                                uint64_t *id, cmt_error *err)
{
    cmt_compactor__record *record = cmt_compactor__begin_change_locked(j);
    cmt_compactor__open_job *open = record->open_count < CMT_JOURNAL_OPEN
                                        ? new_job(j, record, request)
                                        : find_alike(record, request);
    if (open == NULL)
        return cmt_error_set(
            err, CMT_BUSY, "compaction journal: %d jobs are open already, and this one joins none",
            CMT_JOURNAL_OPEN);
    for (size_t side = 0; side < CMT_JOURNAL_SIDES; side++)
        if (request->databases[side])
            add_ranges(&open->ranges[side], request->ranges[side]);
    uint64_t its_id = open->job.id;
    CMT_TRY(cmt_compactor__end_change_locked(j, err));
    *id = its_id;
    return CMT_OK;
}

cmt_status cmt_compact_journal_submit(cmt_compact_journal *j, const cmt_job_request *request,
                                      uint64_t *id, cmt_error *err)
{
    if ((!request->databases[CMT_JOURNAL_STATE] && !request->databases[CMT_JOURNAL_BLOCKSTORE]) ||
        (unsigned)request->kind > CMT_JOB_REWRITE)
        return cmt_error_set(err, CMT_INVALID, "compaction journal: a job of no database or kind");
    pthread_mutex_lock(&j->writer);
    cmt_status st = submit_locked(j, request, id, err);
    pthread_mutex_unlock(&j->writer);
    return st;
}

/* ---- begin ----------------------------------------------------------------------------------- */

static cmt_status begin_locked(cmt_compact_journal *j, uint64_t id, cmt_error *err)
{
    cmt_compactor__record *record = cmt_compactor__begin_change_locked(j);
    cmt_compactor__open_job *open = cmt_compactor__find_open(record, id);
    if (open == NULL || open->job.status == CMT_JOB_RUNNING)
        return cmt_error_set(err, CMT_INVALID, "compaction journal: no job %llu waits to begin",
                             (unsigned long long)id);
    open->job.status = CMT_JOB_RUNNING;
    open->job.started_ns = now_ns(j);
    open->job.attempts += open->job.attempts < UINT32_MAX;
    for (size_t side = 0; side < CMT_JOURNAL_SIDES; side++)
        open->began[side] = record->databases[side].counts;
    return cmt_compactor__end_change_locked(j, err);
}

cmt_status cmt_compact_journal_begin(cmt_compact_journal *j, uint64_t id, cmt_error *err)
{
    pthread_mutex_lock(&j->writer);
    cmt_status st = begin_locked(j, id, err);
    pthread_mutex_unlock(&j->writer);
    return st;
}

/* ---- end ------------------------------------------------------------------------------------- */

static void end_in_database(cmt_compactor__record *record, const cmt_compactor__open_job *open,
                            size_t side, const cmt_job_end *end)
{
    cmt_journal_database *d = &record->databases[side];
    if (end->status == CMT_JOB_COMPLETED || end->finished[side]) {
        const cmt_slice cookie = end->cookie[side];
        if (cookie.size > 0) {
            memcpy(d->cookie, cookie.data, cookie.size);
            d->cookie_size = cookie.size;
        }
        cmt_compactor__take_counters(&d->counts, &open->began[side]);
        d->last_ns = open->job.ended_ns;
        d->failures = 0;
        d->failed_ns = 0;
    } else if (end->status == CMT_JOB_FAILED) {
        d->failures += d->failures < UINT32_MAX;
        d->failed_ns = open->job.ended_ns;
    }
}

static void keep_rest(cmt_compactor__open_job *open, size_t side, const cmt_job_end *end)
{
    if (end->finished[side]) {
        open->ranges[side].count = 0;
        open->job.databases[side] = false;
    } else if (end->rest[side] != NULL && end->rest[side]->count > 0) {
        open->ranges[side].count = 0;
        add_ranges(&open->ranges[side], end->rest[side]);
    }
}

static void retire(cmt_compactor__record *record, cmt_compactor__open_job *open)
{
    size_t at = (size_t)(open - record->open);
    if (record->ended_count == CMT_JOURNAL_ENDED) {
        record->ended_count--;
        memmove(record->ended, record->ended + 1, record->ended_count * sizeof *record->ended);
    }
    record->ended[record->ended_count++] = open->job;
    record->open_count--;
    memmove(open, open + 1, (record->open_count - at) * sizeof *open);
}

static cmt_status check_end(const cmt_compactor__open_job *open, const cmt_job_end *end,
                            uint64_t id, cmt_error *err)
{
    if (open == NULL || open->job.status != CMT_JOB_RUNNING)
        return cmt_error_set(err, CMT_INVALID, "compaction journal: no job %llu runs",
                             (unsigned long long)id);
    bool left = false;
    for (size_t side = 0; side < CMT_JOURNAL_SIDES; side++) {
        if (end->cookie[side].size > CMT_JOURNAL_COOKIE)
            return cmt_error_set(err, CMT_INVALID,
                                 "compaction journal: a cookie of %zu bytes, more than %d",
                                 end->cookie[side].size, CMT_JOURNAL_COOKIE);
        left = left || (open->job.databases[side] && !end->finished[side]);
    }
    if (end->status == CMT_JOB_RUNNING || (end->status != CMT_JOB_COMPLETED && !left))
        return cmt_error_set(err, CMT_INVALID,
                             "compaction journal: job %llu has nothing left and is not completed",
                             (unsigned long long)id);
    return CMT_OK;
}

static cmt_status end_locked(cmt_compact_journal *j, uint64_t id, const cmt_job_end *end,
                             cmt_error *err)
{
    cmt_compactor__record *record = cmt_compactor__begin_change_locked(j);
    cmt_compactor__open_job *open = cmt_compactor__find_open(record, id);
    CMT_TRY(check_end(open, end, id, err));
    open->job.status = end->status;
    open->job.ended_ns = now_ns(j);
    set_text(open->job.error, sizeof open->job.error, end->error);
    for (size_t side = 0; side < CMT_JOURNAL_SIDES; side++) {
        if (!open->job.databases[side])
            continue;
        end_in_database(record, open, side, end);
        if (end->status != CMT_JOB_COMPLETED)
            keep_rest(open, side, end);
    }
    if (end->status == CMT_JOB_COMPLETED)
        retire(record, open);
    return cmt_compactor__end_change_locked(j, err);
}

cmt_status cmt_compact_journal_end(cmt_compact_journal *j, uint64_t id, const cmt_job_end *end,
                                   cmt_error *err)
{
    pthread_mutex_lock(&j->writer);
    cmt_status st = end_locked(j, id, end, err);
    pthread_mutex_unlock(&j->writer);
    return st;
}
