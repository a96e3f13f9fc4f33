/* SPDX-License-Identifier: Apache-2.0
 *
 * The background compactor and its journal: jobs durable before they run, results and cookies behind them.
 */
#include <stdio.h>
#include <string.h>

#include "background_internal.h"

_Static_assert((int)CMT_JOURNAL_STATE == CMT_COMPACTOR__STATE &&
                   (int)CMT_JOURNAL_BLOCKSTORE == CMT_COMPACTOR__BLOCKSTORE &&
                   (int)CMT_JOURNAL_SIDES == CMT_COMPACTOR__STORES,
               "databases have the same places");
_Static_assert((int)CMT_JOB_RANGES == CMT_COMPACT_KIND_RANGES &&
                   (int)CMT_JOB_FULL == CMT_COMPACT_KIND_FULL &&
                   (int)CMT_JOB_REWRITE == CMT_COMPACT_KIND_REWRITE,
               "kinds have the same values");
_Static_assert(CMT_JOURNAL_COOKIE == CMT_COMPACT_COOKIE, "cookies have the same size");

static void log_failure(const cmt_compactor *compactor, const char *what, const cmt_error *failure)
{
    cmt_compactor__log_error(compactor->flight->options.logger, what, failure);
}

/* ---- loading --------------------------------------------------------------------------------- */

static void load_store(cmt_compactor *compactor, size_t i)
{
    cmt_compact_flight *flight = compactor->flight;
    cmt_compactor__store *store = &flight->stores[i];
    const cmt_journal_database known =
        cmt_compact_journal_database(compactor->options.journal, (cmt_journal_side)i);
    pthread_mutex_lock(&flight->lock);
    store->finished_wall_ns = known.last_ns;
    store->failed_wall_ns = known.failed_ns;
    store->failures = known.failures;
    store->deleted_keys += known.counts.tombstones;
    store->heights += (int64_t)known.counts.heights;
    pthread_mutex_unlock(&flight->lock);
}

static unsigned databases_of(const cmt_job *job)
{
    return (job->databases[CMT_JOURNAL_STATE] ? CMT_COMPACT_STATE : 0U) |
           (job->databases[CMT_JOURNAL_BLOCKSTORE] ? CMT_COMPACT_BLOCKSTORE : 0U);
}

/* What failed has waited since then, also while no process ran. */
static int64_t not_before(const cmt_compactor *compactor, const cmt_job *job)
{
    const int64_t wait_ns = cmt_schedule_retry_after(job->attempts, &compactor->options.schedule);
    const int64_t since_ns = cmt_compactor__wall_ns(compactor->flight) - job->ended_ns;
    if (job->status != CMT_JOB_FAILED || since_ns < 0 || since_ns >= wait_ns)
        return INT64_MIN;
    return cmt_compactor__now_ns(compactor->flight) + (wait_ns - since_ns);
}

static cmt_status load_ranges(cmt_compactor *compactor, const cmt_job *job, cmt_range_list *state,
                              cmt_range_list *blockstore, cmt_error *err)
{
    const cmt_compaction_request request = {
        .kind = (cmt_compact_kind)job->kind,
        .databases = databases_of(job),
        .state = state,
        .blockstore = blockstore,
    };
    CMT_TRY(
        cmt_compact_journal_ranges(compactor->options.journal, job->id, state, blockstore, err));
    cmt_compact_flight_remember(compactor->flight, &request);
    return CMT_OK;
}

static cmt_status load_job(cmt_compactor *compactor, const cmt_job *job, cmt_error *err)
{
    cmt_range_list lists[CMT_COMPACTOR__STORES] = {{NULL, 0, 0}, {NULL, 0, 0}};
    cmt_compactor__task task = {
        .databases = databases_of(job),
        .kind = (cmt_compact_kind)job->kind,
        .job = job->id,
        .is_due = true,
        .failures = job->status == CMT_JOB_FAILED ? job->attempts : 0,
        .not_before_ns = not_before(compactor, job),
    };
    memcpy(task.label, job->label, sizeof task.label);
    memcpy(task.trigger, job->trigger, sizeof task.trigger);
    cmt_status st = load_ranges(compactor, job, &lists[CMT_COMPACTOR__STATE],
                                &lists[CMT_COMPACTOR__BLOCKSTORE], err);
    cmt_range_list_free(&lists[CMT_COMPACTOR__STATE]);
    cmt_range_list_free(&lists[CMT_COMPACTOR__BLOCKSTORE]);
    CMT_TRY(st);
    pthread_mutex_lock(&compactor->flight->lock);
    cmt_compactor__queue_append(&compactor->queue, &task);
    pthread_mutex_unlock(&compactor->flight->lock);
    return CMT_OK;
}

cmt_status cmt_compactor__durable_load(cmt_compactor *compactor, cmt_error *err)
{
    cmt_job jobs[CMT_JOURNAL_OPEN + CMT_JOURNAL_ENDED];
    if (compactor->options.journal == NULL)
        return CMT_OK;
    for (size_t i = 0; i < CMT_COMPACTOR__STORES; i++)
        load_store(compactor, i);
    for (size_t i = cmt_compact_journal_jobs(compactor->options.journal, jobs,
                                             CMT_JOURNAL_OPEN + CMT_JOURNAL_ENDED);
         i > 0; i--)
        if (jobs[i - 1].status == CMT_JOB_SUBMITTED || jobs[i - 1].status == CMT_JOB_FAILED)
            CMT_TRY(load_job(compactor, &jobs[i - 1], err));
    return CMT_OK;
}

/* ---- a job ----------------------------------------------------------------------------------- */

void cmt_compactor__durable_note(cmt_compactor *compactor, const cmt_compactor__task *task)
{
    const cmt_journal_counters add = {
        .tombstones = task->deleted_keys,
        .heights = task->heights > 0 ? (uint64_t)task->heights : 0,
    };
    if (compactor->options.journal == NULL || (add.tombstones == 0 && add.heights == 0))
        return;
    for (size_t i = 0; i < CMT_COMPACTOR__STORES; i++)
        if (cmt_compactor__wants(task->databases, i))
            cmt_compact_journal_note(compactor->options.journal, (cmt_journal_side)i, &add);
}

static bool wants_rewrite(const cmt_compactor__job *job, size_t store)
{
    cmt_compact_flight *flight = job->flight;
    pthread_mutex_lock(&flight->lock);
    bool wanted = flight->stores[store].wants_rewrite;
    pthread_mutex_unlock(&flight->lock);
    return wanted && job->request->kind == CMT_COMPACT_KIND_REWRITE;
}

static cmt_status submit_ranges(cmt_compactor *compactor, const cmt_compactor__job *job,
                                const cmt_range_list *lists, cmt_error *err)
{
    const cmt_compactor__task *task = &compactor->task;
    cmt_job_request request = {
        .kind = (cmt_job_kind)task->kind,
        .label = task->label,
        .trigger = task->trigger,
    };
    for (size_t i = 0; i < CMT_COMPACTOR__STORES; i++) {
        /* A list of nothing would be the whole database. */
        request.databases[i] = job->wanted[i] && (lists[i].count > 0 || wants_rewrite(job, i));
        request.ranges[i] = &lists[i];
        if (task->trigger[0] == '\0' && job->triggers[i] != NULL)
            request.trigger = job->triggers[i];
    }
    return cmt_compact_journal_submit(compactor->options.journal, &request, &compactor->task.job,
                                      err);
}

static cmt_status submit(cmt_compactor *compactor, const cmt_compactor__job *job, cmt_error *err)
{
    cmt_range_list lists[CMT_COMPACTOR__STORES] = {{NULL, 0, 0}, {NULL, 0, 0}};
    cmt_status st = cmt_compact_flight_remembered(job->flight, &lists[CMT_COMPACTOR__BLOCKSTORE],
                                                  &lists[CMT_COMPACTOR__STATE], err);
    if (st == CMT_OK)
        st = submit_ranges(compactor, job, lists, err);
    for (size_t i = 0; i < CMT_COMPACTOR__STORES; i++)
        cmt_range_list_free(&lists[i]);
    return st;
}

cmt_status cmt_compactor__durable_begin(cmt_compactor *compactor, const cmt_compactor__job *job,
                                        cmt_error *err)
{
    cmt_compact_journal *journal = compactor->options.journal;
    if (journal == NULL)
        return CMT_OK;
    if (compactor->task.job != 0) {
        cmt_status st = cmt_compact_journal_begin(journal, compactor->task.job, err);
        if (st != CMT_INVALID) /* else its end could not be written: it runs, says the journal */
            return st;
        compactor->task.job = 0;
    }
    CMT_TRY(submit(compactor, job, err));
    return cmt_compact_journal_begin(journal, compactor->task.job, err);
}

static void set_side(cmt_job_end *end, size_t side, const cmt_compact_result *result)
{
    end->finished[side] = result->outcome == CMT_COMPACT_FINISHED;
    if (end->finished[side])
        end->cookie[side] = (cmt_slice){result->cookie.bytes, result->cookie.size};
    if (end->error == NULL && result->error[0] != '\0')
        end->error = result->error;
}

/* What is left is what is remembered now; without memory for a list it is what there was. */
static cmt_status end_job(cmt_compactor *compactor, const cmt_job_end *what, cmt_error *err)
{
    cmt_job_end end = *what;
    cmt_range_list lists[CMT_COMPACTOR__STORES] = {{NULL, 0, 0}, {NULL, 0, 0}};
    cmt_error no_memory;
    if (end.status != CMT_JOB_COMPLETED &&
        cmt_compact_flight_remembered(compactor->flight, &lists[CMT_COMPACTOR__BLOCKSTORE],
                                      &lists[CMT_COMPACTOR__STATE], &no_memory) == CMT_OK)
        for (size_t i = 0; i < CMT_COMPACTOR__STORES; i++)
            end.rest[i] = lists[i].count > 0 ? &lists[i] : NULL;
    cmt_status st =
        cmt_compact_journal_end(compactor->options.journal, compactor->task.job, &end, err);
    for (size_t i = 0; i < CMT_COMPACTOR__STORES; i++)
        cmt_range_list_free(&lists[i]);
    return st;
}

void cmt_compactor__durable_end(cmt_compactor *compactor, cmt_job_status to,
                                const cmt_compact_report *report)
{
    cmt_compact_report copy = *report;
    cmt_job_end end = {.status = to};
    cmt_error err = CMT_ERROR_INIT;
    if (compactor->options.journal == NULL || compactor->task.job == 0)
        return;
    /* Others had done it when its turn came: it has not begun. */
    bool has_run = copy.state.triggered || copy.blockstore.triggered;
    if (!has_run &&
        (to != CMT_JOB_COMPLETED || cmt_compact_journal_begin(compactor->options.journal,
                                                              compactor->task.job, &err) != CMT_OK))
        return;
    for (size_t i = 0; i < CMT_COMPACTOR__STORES; i++)
        set_side(&end, i, cmt_compactor__result_of(&copy, i));
    if (end_job(compactor, &end, &err) != CMT_OK)
        log_failure(compactor, "write what a compaction came to into the journal ", &err);
}

/* ---- what others did ------------------------------------------------------------------------- */

bool cmt_compactor__has_news_locked(const cmt_compactor *compactor)
{
    return compactor->options.journal != NULL && compactor->flight->result_count != compactor->seen;
}

static cmt_status write_result(cmt_compactor *compactor, const cmt_compact_result *result,
                               size_t side, cmt_error *err)
{
    cmt_compact_journal *journal = compactor->options.journal;
    cmt_job_request request = {
        .kind = (cmt_job_kind)result->kind,
        .label = result->label,
        .trigger = result->trigger,
    };
    cmt_job_end end = {.status = CMT_JOB_COMPLETED};
    uint64_t id;
    request.databases[side] = true;
    set_side(&end, side, result);
    CMT_TRY(cmt_compact_journal_submit(journal, &request, &id, err));
    CMT_TRY(cmt_compact_journal_begin(journal, id, err));
    return cmt_compact_journal_end(journal, id, &end, err);
}

static size_t side_of(const cmt_compact_result *result)
{
    return strcmp(result->database, "state") == 0 ? CMT_COMPACTOR__STATE
                                                  : CMT_COMPACTOR__BLOCKSTORE;
}

void cmt_compactor__durable_catch_up(cmt_compactor *compactor)
{
    cmt_compact_flight *flight = compactor->flight;
    cmt_compact_result results[CMT_COMPACT_RESULTS];
    cmt_error err = CMT_ERROR_INIT;
    pthread_mutex_lock(&flight->lock);
    size_t count = flight->result_count - compactor->seen;
    if (count > CMT_COMPACT_RESULTS)
        count = CMT_COMPACT_RESULTS;
    for (size_t i = 0; i < count; i++) /* oldest first */
        results[i] = flight->results[(flight->result_count - count + i) % CMT_COMPACT_RESULTS];
    compactor->seen = flight->result_count;
    pthread_mutex_unlock(&flight->lock);
    for (size_t i = 0; i < count; i++)
        if (results[i].outcome == CMT_COMPACT_FINISHED &&
            write_result(compactor, &results[i], side_of(&results[i]), &err) != CMT_OK)
            log_failure(compactor, "write what was compacted into the journal ", &err);
}

void cmt_compactor__durable_flush(cmt_compactor *compactor)
{
    cmt_error err = CMT_ERROR_INIT;
    if (compactor->options.journal != NULL &&
        cmt_compact_journal_flush(compactor->options.journal, &err) != CMT_OK)
        log_failure(compactor, "write counters into the journal ", &err);
}
