/* SPDX-License-Identifier: Apache-2.0
 *
 * Carrying a plan out.
 *
 * BY EDITS (and through engines in clones, which also end in edits)
 *
 * ORDER  prepare both completely · switch the block store · switch the state store · move obsolete files
 * away in both · release the locks ("ready") · empty the trash.  Blocks first: the other way round a crash
 * would leave blocks without the validators that replaying them needs.
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "pruner_internal.h"

/* Unlinking waits for the disk, not for the processor. */
#define UNLINK_THREADS 4

static void fill_result(const cmt_pruner *p, cmt_prune_result *r)
{
    bool compact = p->options.action == CMT_ACTION_COMPACT;
    *r = (cmt_prune_result){
        .base_before = p->plan.base,
        .base = compact ? p->plan.base : p->retain_height,
        .height = p->plan.height,
        .retain_height = p->retain_height,
        .evidence_height = p->plan.evidence_height,
        .blocks_pruned = compact ? 0 : p->retain_height - p->plan.base,
        .bytes_before = p->survey.bytes,
        .method = p->method,
        .nothing_to_do = p->plan.nothing_to_do,
    };
}

bool cmt_pruner__side_by_side(const cmt_pruner *p)
{
    char *x = realpath(cmt_pruner__path(&p->blocks), NULL);
    char *y = realpath(cmt_pruner__path(&p->states), NULL);
    bool same = false;
    if (x != NULL && y != NULL) {
        size_t n = (size_t)(strrchr(x, '/') - x);
        same = n == (size_t)(strrchr(y, '/') - y) && strncmp(x, y, n) == 0;
    }
    free(x);
    free(y);
    return same;
}

/* A trash that cannot be made is no reason to fail: files are then unlinked where they are. */
static void open_trash(cmt_pruner *p)
{
    cmt_error why = CMT_ERROR_INIT;
    const char *blocks = cmt_pruner__path(&p->blocks);
    const char *states = cmt_pruner__path(&p->states);
    if (cmt_lsm_trash_open(blocks, &p->trash[0], &why) == CMT_OK && !cmt_pruner__side_by_side(p) &&
        cmt_lsm_trash_open(states, &p->trash[1], &why) != CMT_OK)
        p->trash[1] = NULL;
    if (why.code != CMT_OK)
        cmt_log(p->options.logger, CMT_LOG_WARN,
                "no trash directory, files are removed in place  err=\"%s\"", why.message);
}

static cmt_lsm_trash *trash_of(const cmt_pruner *p, const cmt_pruner__side *side)
{
    if (side == &p->states && p->trash[0] != NULL && !cmt_pruner__side_by_side(p))
        return p->trash[1];
    return p->trash[0];
}

/* One side's preparation, on a thread of its own: the two databases share nothing but the host's
 * progress hook (see open.c). */
typedef struct preparation {
    cmt_lsm_edit *edit;
    cmt_status status;
    cmt_error error;
} preparation;

static void *prepare_side(void *argument)
{
    preparation *side = argument;
    side->status = cmt_lsm_edit_prepare(side->edit, &side->error);
    return NULL;
}

static cmt_status prepare_both(cmt_pruner *p, cmt_error *err)
{
    preparation blocks = {.edit = p->blocks.edit};
    preparation states = {.edit = p->states.edit};
    pthread_t thread;
    bool threaded = p->blocks.has_work && p->states.has_work &&
                    pthread_create(&thread, NULL, prepare_side, &states) == 0;
    if (p->blocks.has_work)
        prepare_side(&blocks);
    if (threaded)
        pthread_join(thread, NULL);
    else if (p->states.has_work && blocks.status == CMT_OK)
        prepare_side(&states);
    const preparation *failed = blocks.status != CMT_OK ? &blocks : &states;
    return failed->status == CMT_OK
               ? CMT_OK
               : cmt_error_set(err, failed->status, "%s", failed->error.message);
}

static void retire(cmt_pruner *p, cmt_pruner__side *side, cmt_prune_result *r)
{
    cmt_lsm_retired retired;
    cmt_error why = CMT_ERROR_INIT;
    cmt_status st = cmt_lsm_edit_retire(side->edit, trash_of(p, side), &retired, &why);
    r->trash_left += retired.left_behind;
    if (st != CMT_OK)
        cmt_log(p->options.logger, CMT_LOG_WARN,
                "obsolete files stay; the node will remove them  database=%s err=\"%s\"",
                side->name, why.message);
}

/* The switches.  Once the block store has switched, nothing is undone: a failure behind that point is
 * reported, and the next run finishes. */
static cmt_status commit_both(cmt_pruner *p, cmt_prune_result *r, cmt_error *err)
{
    if (p->blocks.has_work)
        CMT_TRY(cmt_lsm_edit_commit(p->blocks.edit, err));
    if (p->states.has_work) {
        cmt_status st = cmt_lsm_edit_commit(p->states.edit, err);
        if (st != CMT_OK) {
            if (p->blocks.has_work) {
                retire(p, &p->blocks, r);
                return cmt_error_prefix(err, st,
                                        "the block store is done, the state store is not; run the "
                                        "command again to finish");
            }
            return st;
        }
    }
    return CMT_OK;
}

static cmt_status run_edit(cmt_pruner *p, cmt_prune_result *result, cmt_error *err)
{
    int64_t since = cmt_clock_ns();
    bool clean_up = !p->plan.nothing_to_do || cmt_lsm_edit_was_interrupted(p->blocks.edit) ||
                    cmt_lsm_edit_was_interrupted(p->states.edit);
    if (clean_up)
        open_trash(p);
    if (!p->plan.nothing_to_do) {
        CMT_TRY(commit_both(p, result, err));
        cmt_pruner__log_step(p, "switched", &since);
    }
    if (clean_up) {
        retire(p, &p->blocks, result);
        retire(p, &p->states, result);
    }
    cmt_pruner__log_step(p, "moved obsolete files away", &since);
    result->blockstore = cmt_lsm_edit_get_counts(p->blocks.edit);
    result->state = cmt_lsm_edit_get_counts(p->states.edit);
    return CMT_OK;
}

/* What the edit does not know of RocksDB's may show only when it reads whole tables. */
static cmt_status prepare(cmt_pruner *p, cmt_error *err)
{
    int64_t since = cmt_clock_ns();
    if (p->plan.nothing_to_do || cmt_pruner__works_in_place(p))
        return CMT_OK;
    if (p->method == CMT_METHOD_ENGINE)
        return cmt_pruner__prepare_clones(p, err);
    cmt_error why = CMT_ERROR_INIT;
    cmt_status st = prepare_both(p, &why);
    cmt_pruner__log_step(p, "prepared both databases", &since);
    if (!cmt_pruner__may_use_engine(p, st))
        return st == CMT_OK ? CMT_OK : cmt_error_set(err, st, "%s", why.message);
    CMT_TRY(cmt_pruner__use_engine(p, why.message, err));
    return cmt_pruner__make_plan(p, err);
}

cmt_status cmt_pruner_run(cmt_pruner *p, cmt_prune_result *result, cmt_error *err)
{
    if (!p->planned || p->options.dry_run)
        return cmt_error_set(err, CMT_INVALID,
                             "run a pruner that has planned and is not a dry run");
    fill_result(p, result);
    int64_t since = cmt_clock_ns();
    CMT_TRY(cmt_pruner__count_keys(p, &result->keys_deleted, err));
    cmt_pruner__log_step(p, "counted the keys", &since);
    CMT_TRY(prepare(p, err));
    result->method = p->method;
    if (cmt_pruner__works_in_place(p))
        CMT_TRY(cmt_pruner__run_engine(p, err));
    else
        CMT_TRY(run_edit(p, result, err));
    CMT_TRY(cmt_pruner__bytes_on_disk(p, &result->bytes_after, err));
    cmt_pruner__unlock(p);
    result->ready_ms = cmt_clock_ms_since(p->started_ns);
    result->elapsed_ms = result->ready_ms;
    if (!p->plan.nothing_to_do && result->blocks_pruned > 0)
        cmt_log(p->options.logger, CMT_LOG_INFO,
                "pruned blocks  pruned=%" PRId64 " retain_height=%" PRId64 " base=%" PRId64,
                result->blocks_pruned, result->retain_height, result->base);
    return CMT_OK;
}

cmt_status cmt_pruner_finish(cmt_pruner *p, cmt_prune_result *result, cmt_error *err)
{
    cmt_status st = cmt_pruner__remove_clones(p, p->options.progress, err);
    if (p->trash[0] == NULL && cmt_lsm_trash_exists(cmt_pruner__path(&p->blocks)))
        open_trash(p);
    for (size_t i = 0; i < 2; i++) {
        if (p->trash[i] == NULL)
            continue;
        cmt_status emptied =
            cmt_lsm_trash_empty(p->trash[i], UNLINK_THREADS, p->options.progress, err);
        cmt_status adopted = cmt_lsm_trash_adopt(p->trash[i], UNLINK_THREADS, err);
        if (st == CMT_OK)
            st = emptied != CMT_OK ? emptied : adopted;
        cmt_lsm_trash_close(p->trash[i]);
        p->trash[i] = NULL;
    }
    result->elapsed_ms = cmt_clock_ms_since(p->started_ns);
    return st;
}
