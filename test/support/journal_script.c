/* SPDX-License-Identifier: Apache-2.0
 *
 * A script of changes to a compaction journal, and what a journal says, as text.
 */
#include "journal_script.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define TIME 1234567890123456789

/* As ck_assert_msg, also in a process that runs no tests. */
#define REQUIRE(condition)                                                                         \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "required: %s\n", #condition);                                         \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

static int64_t still(void *context)
{
    (void)context;
    return TIME;
}

cmt_compact_journal *journal_open(const char *data_dir, const cmt_logger *logger)
{
    cmt_compact_journal *journal;
    cmt_error err = CMT_ERROR_INIT;
    const cmt_compact_journal_options options = {
        .data_dir = data_dir, .logger = logger, .clock_ns = still};
    REQUIRE(cmt_compact_journal_open(&options, &journal, &err) == CMT_OK);
    return journal;
}

/* ---- the script ------------------------------------------------------------------------------ */

static cmt_status submit(cmt_compact_journal *journal, cmt_job_kind kind, bool state, bool blocks,
                         const char *label, cmt_error *err)
{
    cmt_range ranges[] = {{CMT_SLICE("H:1"), CMT_SLICE("H:2")},
                          {CMT_SLICE("P:1"), CMT_SLICE("P:2")}};
    cmt_range_list list = {ranges, 2, 2};
    const cmt_job_request request = {
        .kind = kind,
        .label = label,
        .trigger = "free_ratio free=21 total=100 max=0.2",
        .databases = {state, blocks},
        .ranges = {kind == CMT_JOB_RANGES ? &list : NULL, kind == CMT_JOB_RANGES ? &list : NULL},
    };
    uint64_t id;
    return cmt_compact_journal_submit(journal, &request, &id, err);
}

static cmt_status note(cmt_compact_journal *journal, cmt_error *err)
{
    const cmt_journal_counters blocks = {1000, 20, 3};
    const cmt_journal_counters state = {100, 2, 3};
    cmt_compact_journal_note(journal, CMT_JOURNAL_BLOCKSTORE, &blocks);
    cmt_compact_journal_note(journal, CMT_JOURNAL_STATE, &state);
    return cmt_compact_journal_flush(journal, err);
}

cmt_status journal_step(cmt_compact_journal *journal, int n, cmt_error *err)
{
    cmt_range rest_range = {CMT_SLICE("P:15"), CMT_SLICE("P:2")};
    cmt_range_list rest = {&rest_range, 1, 1};
    const cmt_job_end stopped = {.status = CMT_JOB_SUBMITTED, .rest = {NULL, &rest}};
    const cmt_job_end failed = {.status = CMT_JOB_FAILED,
                                .finished = {true, false},
                                .cookie = {CMT_SLICE("state at 7"), CMT_SLICE("")},
                                .error = "the disk is on fire"};
    const cmt_job_end completed = {.status = CMT_JOB_COMPLETED,
                                   .cookie = {CMT_SLICE(""), CMT_SLICE("blocks at 7")}};
    switch (n) {
    case 0:
    case 4:
        return note(journal, err);
    case 1:
        return submit(journal, CMT_JOB_RANGES, true, true, "post_pruning_compaction", err);
    case 2:
    case 5:
    case 7:
        return cmt_compact_journal_begin(journal, 1, err);
    case 3:
        return cmt_compact_journal_end(journal, 1, &stopped, err);
    case 6:
        return cmt_compact_journal_end(journal, 1, &failed, err);
    case 8:
        return submit(journal, CMT_JOB_FULL, false, true, "manual_compaction", err);
    case 9:
        return cmt_compact_journal_end(journal, 1, &completed, err);
    case 10:
        return submit(journal, CMT_JOB_REWRITE, true, false, "", err);
    default:
        return cmt_compact_journal_begin(journal, 2, err);
    }
}

/* ---- as text --------------------------------------------------------------------------------- */

typedef struct text {
    char *out;
    size_t size;
    size_t used;
} text;

static void add(text *t, const char *format, ...) CMT_PRINTF(2, 3);

static void add(text *t, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int n = vsnprintf(t->out + t->used, t->size - t->used, format, arguments);
    va_end(arguments);
    REQUIRE(n >= 0 && t->used + (size_t)n < t->size);
    t->used += (size_t)n;
}

static void add_ranges(text *t, const char *name, const cmt_range_list *ranges)
{
    add(t, " %s", name);
    for (size_t i = 0; i < ranges->count; i++) {
        const cmt_range r = ranges->ranges[i];
        add(t, " [%.*s,%.*s)", (int)r.lo.size, (const char *)r.lo.data, (int)r.hi.size,
            (const char *)r.hi.data);
    }
}

static void add_job(text *t, cmt_compact_journal *journal, const cmt_job *job)
{
    cmt_range_list state = {NULL, 0, 0};
    cmt_range_list blocks = {NULL, 0, 0};
    cmt_error err = CMT_ERROR_INIT;
    add(t,
        "job %" PRIu64 " %d%d %s %s attempts=%" PRIu32 " times=%" PRId64 ",%" PRId64 ",%" PRId64
        " label=%s trigger=%s error=%s",
        job->id, job->databases[0], job->databases[1], cmt_job_kind_name(job->kind),
        cmt_job_status_name(job->status), job->attempts, job->submitted_ns, job->started_ns,
        job->ended_ns, job->label, job->trigger, job->error);
    cmt_status st = cmt_compact_journal_ranges(journal, job->id, &state, &blocks, &err);
    REQUIRE(st == (job->status == CMT_JOB_COMPLETED ? CMT_NOT_FOUND : CMT_OK));
    add_ranges(t, "state", &state);
    add_ranges(t, "blockstore", &blocks);
    add(t, "\n");
    cmt_range_list_free(&state);
    cmt_range_list_free(&blocks);
}

void journal_describe(cmt_compact_journal *journal, char *out, size_t size)
{
    static cmt_job jobs[CMT_JOURNAL_OPEN + CMT_JOURNAL_ENDED];
    text t = {out, size, 0};
    out[0] = '\0';
    for (int side = 0; side < CMT_JOURNAL_SIDES; side++) {
        const cmt_journal_database d =
            cmt_compact_journal_database(journal, (cmt_journal_side)side);
        add(&t,
            "database %d cookie=%.*s last=%" PRId64 " failed=%" PRId64 " failures=%" PRIu32
            " dead=%" PRIu64 " tombstones=%" PRIu64 " heights=%" PRIu64 "\n",
            side, (int)d.cookie_size, (const char *)d.cookie, d.last_ns, d.failed_ns, d.failures,
            d.counts.dead_bytes, d.counts.tombstones, d.counts.heights);
    }
    size_t count = cmt_compact_journal_jobs(journal, jobs, sizeof jobs / sizeof jobs[0]);
    for (size_t i = 0; i < count; i++)
        add_job(&t, journal, &jobs[i]);
}
