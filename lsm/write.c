/* SPDX-License-Identifier: Apache-2.0
 *
 * Writing the new tables of a prune: level 0 and pieces of the deeper levels are jobs, taken by a few
 * threads.
 *
 * They do not depend on each other: each has its own outputs, and what they share (file numbers, the
 * list of new tables, counters) is behind the edit's lock.  Each job reads with a view of its own over
 * the same snapshot, because caches belong to one thread.
 */
#include <fcntl.h>
#include <stdlib.h>

#include "crew.h"
#include "edit_internal.h"

#define PREFETCH_BYTES ((uint64_t)64 << 20)
#define JOB_CACHE_BYTES ((size_t)4 << 20)
#define JOB_OPEN_TABLES 64

/* Have the kernel fetch what will be read, while other work goes on.  Where dead blocks lie among the
 * needed ones only what is mostly needed is fetched. */
static cmt_status prefetch(cmt_lsm_edit *edit, cmt_error *err)
{
    const cmt_lsm__version *v = &edit->view->version;
    uint64_t budget = PREFETCH_BYTES;
    for (size_t i = 0; i < v->count; i++) {
        const cmt_lsm__table_plan *plan = &edit->plans[i];
        uint64_t from = plan->need_from;
        uint64_t to = plan->need_to;
        if (plan->fate == CMT_LSM_MERGE) {
            from = 0;
            to = v->tables[i].size;
        } else if (plan->fate != CMT_LSM_REWRITE ||
                   2 * (plan->block_bytes - plan->skip_bytes) < to - from) {
            continue;
        }
        if (to - from > budget)
            continue;
        budget -= to - from;
        cmt_lsm__table *table;
        CMT_TRY(cmt_lsm__cache_table(&edit->view->cache, &v->tables[i], &table, err));
        posix_fadvise(table->fd, (off_t)from, (off_t)(to - from), POSIX_FADV_WILLNEED);
        cmt_lsm__table_release(table);
    }
    return CMT_OK;
}

/* ---- jobs ------------------------------------------------------------------------------------ */

/* Level 0, or neighbouring tables of a deeper level: [from,to) of the old version. */
typedef struct job {
    unsigned level;
    size_t from;
    size_t to;
} job;

typedef struct writers {
    cmt_lsm_edit *edit;
    job *jobs;
    size_t count;
} writers;

/* May what is written of the tables before `i` and from it on be two tables?  Not if a user key would be
 * split (I5). */
static bool may_part(const cmt_lsm__version *v, size_t i)
{
    return !cmt_slice_equal(cmt_lsm__user_key(v->tables[i - 1].largest),
                            cmt_lsm__user_key(v->tables[i].smallest));
}

/* Part a level where enough has come together for a table. */
static void part_level(const cmt_lsm_edit *edit, unsigned level, writers *w)
{
    const cmt_lsm__version *v = &edit->view->version;
    size_t from = v->level_start[level];
    uint64_t bytes = 0;
    for (size_t i = from; i < v->level_start[level + 1]; i++) {
        if (i > from && bytes >= edit->table_bytes / 4 * 3 && may_part(v, i)) {
            w->jobs[w->count++] = (job){level, from, i};
            from = i;
            bytes = 0;
        }
        if (edit->plans[i].fate == CMT_LSM_REWRITE)
            bytes += v->tables[i].size - edit->plans[i].skip_bytes;
    }
    if (from < v->level_start[level + 1])
        w->jobs[w->count++] = (job){level, from, v->level_start[level + 1]};
}

static cmt_status write_with(cmt_lsm_edit *edit, cmt_lsm_view *view, const job *j, cmt_error *err)
{
    return j->level == 0 ? cmt_lsm__write_level0(edit, view, err)
                         : cmt_lsm__write_tables(edit, view, j->level, j->from, j->to, err);
}

static cmt_status write_job(void *context, size_t index, cmt_error *err)
{
    const writers *w = context;
    cmt_lsm_edit *edit = w->edit;
    cmt_lsm_view view = *edit->view;
    CMT_TRY(cmt_lsm__cache_init(&view.cache, view.dir_fd, view.version.tables, view.version.count,
                                JOB_CACHE_BYTES, JOB_OPEN_TABLES, err));
    cmt_status st = write_with(edit, &view, &w->jobs[index], err);
    cmt_lsm__edit_count_bytes(edit, view.cache.bytes_read, 0);
    cmt_lsm__cache_fini(&view.cache);
    return st;
}

cmt_status cmt_lsm__write_prune(cmt_lsm_edit *edit, cmt_error *err)
{
    writers w = {.edit = edit};
    w.jobs = malloc((edit->view->version.count + 1) * sizeof *w.jobs);
    if (w.jobs == NULL)
        return cmt_lsm__no_memory(err);
    w.jobs[w.count++] = (job){0, 0, 0}; /* the longest, so the first */
    for (unsigned level = 1; level < CMT_LSM_LEVELS; level++)
        part_level(edit, level, &w);
    cmt_status st = prefetch(edit, err);
    if (st == CMT_OK)
        st = cmt_lsm__crew_run(w.count, write_job, &w, err);
    free(w.jobs);
    return st;
}
