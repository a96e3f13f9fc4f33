/* SPDX-License-Identifier: Apache-2.0
 *
 * A node's storage started and stopped: recovery before the compactor, the compactor before who gives it work; and back.
 */
#include "host_internal.h"

#include "clock.h"

#include <string.h>
#include <unistd.h>

cmt_status cmt_host__check_process(const cmt_host *host, cmt_error *err)
{
    return getpid() == host->pid
               ? CMT_OK
               : cmt_error_set(err, CMT_FORKED,
                               "the storage of a node is its own process's, not a forked child's");
}

/* ---- start ----------------------------------------------------------------------------------- */

/* Whoever prunes has to know what was deleted before: its hand-overs then carry cookies. */
static cmt_status recover(cmt_host *host, cmt_block_executor *executor, cmt_error *err)
{
    const cmt_prune_stores *s = &host->options.stores;
    const int64_t initial = host->options.initial_height;
    cmt_prune_ledger nobodys;
    if (host->has_recovered)
        return CMT_OK;
    if (host->service != NULL)
        CMT_TRY(cmt_prune_service_recover_compaction(host->service, s->blocks_db, s->states_db,
                                                     initial, host->flight, host->journal, err));
    else if (executor != NULL)
        CMT_TRY(cmt_block_executor_recover_compaction(executor, initial, host->flight,
                                                      host->journal, err));
    else
        CMT_TRY(cmt_prune_ledger_open(s, initial, host->flight, host->journal, &nobodys, err));
    host->has_recovered = true;
    return CMT_OK;
}

/* The node runs without a thread, too. */
static cmt_status go_on_without(const cmt_host *host, const char *event, cmt_status st,
                                const cmt_error *failure, cmt_error *err)
{
    if (st == CMT_NO_MEMORY)
        cmt_log(host->options.logger, CMT_LOG_ERROR, "%s  err=\"%s\"", event, failure->message);
    else if (st != CMT_OK)
        return cmt_error_set(err, st, "%s", failure->message);
    return CMT_OK;
}

static cmt_status start_compactor(cmt_host *host, cmt_error *err)
{
    cmt_error failure = CMT_ERROR_INIT;
    if (host->mode != CMT_HOST_ASYNC)
        return CMT_OK;
    cmt_status st = cmt_compactor_start(host->compactor, &failure);
    return go_on_without(host, "no background compactor, each prune compacts by itself", st,
                         &failure, err);
}

static cmt_status start_service(cmt_host *host, cmt_error *err)
{
    cmt_error failure = CMT_ERROR_INIT;
    if (host->service == NULL)
        return CMT_OK;
    cmt_status st = cmt_prune_service_start(host->service, &failure);
    return go_on_without(host, "no prune service, nothing is pruned", st, &failure, err);
}

cmt_status cmt_host_start(cmt_host *host, cmt_block_executor *executor, cmt_error *err)
{
    CMT_TRY(cmt_host__check_process(host, err));
    CMT_TRY(recover(host, executor, err));
    cmt_host__resume_flight(host);
    CMT_TRY(start_compactor(host, err));
    return start_service(host, err);
}

/* ---- stop ------------------------------------------------------------------------------------ */

void cmt_host__resume_flight(cmt_host *host)
{
    if (atomic_exchange(&host->has_stopped_flight, false))
        cmt_compact_flight_resume(host->flight);
}

cmt_status cmt_host_stop(cmt_host *host)
{
    CMT_TRY(cmt_host__check_process(host, NULL));
    if (host->service != NULL)
        cmt_prune_service_stop(host->service);
    if (cmt_compactor_is_running(host->compactor))
        return cmt_compactor_stop(host->compactor);
    if (!atomic_exchange(&host->has_stopped_flight, true))
        cmt_compact_flight_stop(host->flight);
    return CMT_OK;
}

bool cmt_host_is_running(const cmt_host *host)
{
    return cmt_host__check_process(host, NULL) == CMT_OK &&
           (cmt_compactor_is_running(host->compactor) ||
            (host->service != NULL && cmt_prune_service_is_running(host->service)));
}

/* ---- join ------------------------------------------------------------------------------------ */

static int64_t left_of(int64_t wait_ns, int64_t since_ns)
{
    if (wait_ns < 0)
        return wait_ns;
    const int64_t passed = cmt_clock_ns() - since_ns;
    return passed < wait_ns ? wait_ns - passed : 0;
}

/* CMT_OK, too, where there is nothing to wait for. */
static cmt_status join_service(cmt_host *host, int64_t wait_ns, cmt_error *err)
{
    cmt_status st = CMT_NOT_FOUND;
    if (host->service != NULL)
        st = cmt_prune_service_join(host->service, wait_ns, err);
    return st == CMT_NOT_FOUND ? CMT_OK : st;
}

static cmt_status join_compactor(cmt_host *host, int64_t wait_ns, cmt_error *err)
{
    cmt_status st = cmt_compactor_join(host->compactor, wait_ns, NULL, err);
    return st == CMT_NOT_FOUND ? CMT_OK : st;
}

/* The first of two failures counts. */
static void also(cmt_status st, const cmt_error *failure, cmt_status *first, cmt_error *err)
{
    if (st != CMT_OK && *first == CMT_OK)
        *first = cmt_error_set(err, st, "%s", failure->message);
}

static cmt_status flush(cmt_host *host, cmt_status first, cmt_error *err)
{
    cmt_db *const databases[] = {host->options.stores.blocks_db, host->options.stores.states_db};
    cmt_error failure = CMT_ERROR_INIT;
    also(cmt_host__keep_cookies(host, &failure), &failure, &first, err);
    also(cmt_compact_journal_flush(host->journal, &failure), &failure, &first, err);
    for (size_t i = 0; i < sizeof databases / sizeof databases[0]; i++)
        if (databases[i] != NULL)
            also(cmt_db_flush(databases[i], &failure), &failure, &first, err);
    return first;
}

cmt_status cmt_host_join(cmt_host *host, int64_t wait_ns, cmt_error *err)
{
    const int64_t since_ns = cmt_clock_ns();
    CMT_TRY(cmt_host__check_process(host, err));
    CMT_TRY(join_service(host, wait_ns, err));
    cmt_status st = join_compactor(host, left_of(wait_ns, since_ns), err);
    return st == CMT_OK || st == CMT_IO ? flush(host, st, err) : st;
}

/* ---- what was compacted without a worker ------------------------------------------------------ */

static const char *const names[CMT_JOURNAL_SIDES] = {
    [CMT_JOURNAL_STATE] = "state",
    [CMT_JOURNAL_BLOCKSTORE] = "blockstore",
};

/* NULL: none is worth a word. */
static const cmt_compact_result *newest_cookie(const cmt_compact_result *results, size_t count,
                                               cmt_journal_side side)
{
    for (size_t i = 0; i < count; i++)
        if (results[i].outcome == CMT_COMPACT_FINISHED && results[i].cookie.size > 0 &&
            strcmp(results[i].database, names[side]) == 0)
            return &results[i];
    return NULL;
}

static bool is_known(cmt_compact_journal *journal, cmt_journal_side side, cmt_slice cookie)
{
    const cmt_journal_database known = cmt_compact_journal_database(journal, side);
    return cmt_slice_equal(cookie, (cmt_slice){known.cookie, known.cookie_size});
}

static cmt_status keep_cookie(cmt_host *host, cmt_journal_side side,
                              const cmt_compact_result *result, cmt_error *err)
{
    cmt_job_request request = {
        .kind = CMT_JOB_RANGES, .label = result->label, .trigger = result->trigger};
    cmt_job_end end = {.status = CMT_JOB_COMPLETED};
    uint64_t id;
    request.databases[side] = true;
    end.finished[side] = true;
    end.cookie[side] = (cmt_slice){result->cookie.bytes, result->cookie.size};
    if (is_known(host->journal, side, end.cookie[side]))
        return CMT_OK;
    CMT_TRY(cmt_compact_journal_submit(host->journal, &request, &id, err));
    CMT_TRY(cmt_compact_journal_begin(host->journal, id, err));
    return cmt_compact_journal_end(host->journal, id, &end, err);
}

cmt_status cmt_host__keep_cookies(cmt_host *host, cmt_error *err)
{
    cmt_compact_result results[CMT_COMPACT_RESULTS];
    const size_t count = cmt_compact_flight_results(host->flight, results, CMT_COMPACT_RESULTS);
    for (size_t side = 0; side < CMT_JOURNAL_SIDES; side++) {
        const cmt_compact_result *result = newest_cookie(results, count, (cmt_journal_side)side);
        if (result != NULL)
            CMT_TRY(keep_cookie(host, (cmt_journal_side)side, result, err));
    }
    return CMT_OK;
}
