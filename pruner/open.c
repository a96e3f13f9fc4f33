/* SPDX-License-Identifier: Apache-2.0
 *
 * Finding the two databases, telling their engine, taking the locks, reading their roots.
 */
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "pruner_internal.h"

/* How often views beside a running node are opened again until they fit. */
#define REOPEN_MAX 10

const char *cmt_prune_method_name(cmt_prune_method method)
{
    return method == CMT_METHOD_ENGINE ? "engine" : "edit";
}

const char *cmt_pruner__path(const cmt_pruner__side *side)
{
    return (const char *)side->path.data;
}

/* What cannot be written is refused before anything is touched. */
static cmt_status find_side(const cmt_pruner *pruner, cmt_pruner__side *side, cmt_error *err)
{
    cmt_error seen = CMT_ERROR_INIT;
    side->engine = CMT_ENGINE_UNKNOWN;
    cmt_status st =
        cmt_engine_detect(pruner->data_dir, side->name, &side->engine, &side->path, &seen);
    if (st != CMT_OK)
        return cmt_error_set(err, st, "%s", seen.message);
    switch (side->engine) {
    case CMT_ENGINE_GOLEVELDB:
    case CMT_ENGINE_CLEVELDB:
    case CMT_ENGINE_ROCKSDB:
    case CMT_ENGINE_PEBBLEDB:
        return CMT_OK;
    case CMT_ENGINE_NONE:
        return cmt_error_set(err, CMT_NOT_FOUND,
                             "no %s database: %s; give the node's --home or its data directory",
                             side->name, seen.message);
    case CMT_ENGINE_UNKNOWN:
        return cmt_error_set(err, CMT_UNSUPPORTED, "%s; nothing was changed", seen.message);
    case CMT_ENGINE_BADGERDB:
    case CMT_ENGINE_BOLTDB:
        break;
    }
    return cmt_error_set(
        err, CMT_UNSUPPORTED,
        "%s is a %s database; this version changes goleveldb, cleveldb, rocksdb and pebbledb "
        "databases only",
        cmt_pruner__path(side), cmt_engine_name(side->engine));
}

static cmt_status open_side(const cmt_pruner *pruner, cmt_pruner__side *side, cmt_error *err)
{
    const cmt_lsm_edit_options options = {
        .min_free_bytes = pruner->options.min_free_bytes,
        .logger = pruner->options.logger,
        .progress = &pruner->progress,
        .name = side->name,
        .observe = pruner->options.dry_run,
    };
    if (cmt_pruner__works_in_place(pruner))
        return cmt_pruner__open_to_plan(pruner, side, err);
    CMT_TRY(cmt_lsm_edit_open(cmt_pruner__path(side), &options, &side->edit, err));
    return cmt_db_from_view(cmt_lsm_edit_view(side->edit), &side->db, err);
}

static cmt_status open_stores(cmt_pruner *p, cmt_error *err)
{
    CMT_TRY(cmt_block_store_open(p->blocks.db, &p->block_store, err));
    CMT_TRY(cmt_state_store_open(p->states.db, &p->state_store, err));
    cmt_status st = cmt_state_store_load(p->state_store, &p->state, err);
    if (st == CMT_NOT_FOUND && p->options.action == CMT_ACTION_COMPACT)
        return CMT_OK;
    if (st == CMT_NOT_FOUND)
        return cmt_error_set(err, CMT_NOT_FOUND,
                             "%s holds no state: the node has not saved any yet",
                             cmt_pruner__path(&p->states));
    return st;
}

void cmt_pruner__close_stores(cmt_pruner *p)
{
    cmt_block_store_close(p->block_store);
    cmt_state_store_close(p->state_store);
    cmt_db_close(p->states.db);
    cmt_db_close(p->blocks.db);
    p->block_store = NULL;
    p->state_store = NULL;
    p->states.db = p->blocks.db = NULL;
}

void cmt_pruner__close_views(cmt_pruner *p)
{
    cmt_pruner__close_stores(p);
    cmt_lsm_edit_free(p->states.edit); /* removes what was written but not committed */
    cmt_lsm_edit_free(p->blocks.edit);
    p->states.edit = p->blocks.edit = NULL;
}

/* One side's opening, on a thread of its own: logs of many megabytes are read. */
typedef struct opening {
    const cmt_pruner *pruner;
    cmt_pruner__side *side;
    cmt_status status;
    cmt_error error;
} opening;

static void *open_on_thread(void *argument)
{
    opening *o = argument;
    o->status = open_side(o->pruner, o->side, &o->error);
    return NULL;
}

/* Under our locks neither side can change: both are opened at once. */
static cmt_status open_locked(cmt_pruner *p, cmt_error *err)
{
    opening states = {.pruner = p, .side = &p->states};
    pthread_t thread;
    bool threaded = pthread_create(&thread, NULL, open_on_thread, &states) == 0;
    cmt_status st = open_side(p, &p->blocks, err);
    if (threaded)
        pthread_join(thread, NULL);
    else
        open_on_thread(&states);
    CMT_TRY(st);
    if (states.status != CMT_OK)
        return cmt_error_set(err, states.status, "%s", states.error.message);
    return open_stores(p, err);
}

/* The state first: beside a running node it may then be behind the blocks, never ahead.  A node makes
 * blocks between the two; so views that do not fit are opened again, and if the heights have moved,
 * the gap is the node's doing. */
static cmt_status open_beside_node(cmt_pruner *p, cmt_error *err)
{
    int64_t last_height = -1;
    for (int attempt = 0;; attempt++) {
        CMT_TRY(open_side(p, &p->states, err));
        CMT_TRY(open_side(p, &p->blocks, err));
        CMT_TRY(open_stores(p, err));
        int64_t height = cmt_block_store_height(p->block_store);
        int64_t gap = height - p->state.last_block_height;
        if (gap == 0 || gap == 1)
            return CMT_OK;
        p->node_runs = p->node_runs || (last_height >= 0 && height != last_height);
        if (height == last_height || attempt == REOPEN_MAX)
            return CMT_OK;
        last_height = height;
        cmt_pruner__close_views(p);
    }
}

static cmt_status open_sides(cmt_pruner *p, cmt_error *err)
{
    return p->options.dry_run ? open_beside_node(p, err) : open_locked(p, err);
}

static void free_rules(cmt_pruner *p)
{
    if (p->have_rules) {
        cmt_block_prune_free(&p->block_prune);
        cmt_state_prune_free(&p->state_prune);
    }
    p->have_rules = false;
    free(p->hash_points);
    free(p->state_puts);
    p->hash_points = NULL;
    p->state_puts = NULL;
}

cmt_status cmt_pruner__use_engine(cmt_pruner *p, const char *why, cmt_error *err)
{
    cmt_pruner__close_views(p);
    free_rules(p);
    p->method = CMT_METHOD_ENGINE;
    CMT_TRY(open_sides(p, err)); /* where it refuses too, its reason is the one to tell */
    cmt_log(p->options.logger, CMT_LOG_INFO, "the engine does it, slower  why=\"%s\"", why);
    return CMT_OK;
}

static cmt_status open_all(cmt_pruner *p, cmt_error *err)
{
    CMT_TRY(find_side(p, &p->blocks, err));
    CMT_TRY(find_side(p, &p->states, err));
    CMT_TRY(cmt_pruner__choose_method(p, err));
    if (!p->options.dry_run) {
        CMT_TRY(cmt_db_heal(cmt_pruner__path(&p->blocks), p->options.logger, NULL, err));
        CMT_TRY(cmt_db_heal(cmt_pruner__path(&p->states), p->options.logger, NULL, err));
        CMT_TRY(cmt_db_lock_take(cmt_pruner__path(&p->blocks), &p->blocks.lock, err));
        CMT_TRY(cmt_db_lock_take(cmt_pruner__path(&p->states), &p->states.lock, err));
    }
    cmt_pruner__survey_begin(p);
    int64_t since = p->started_ns;
    cmt_error why = CMT_ERROR_INIT;
    cmt_status st = open_sides(p, &why);
    if (cmt_pruner__may_use_engine(p, st))
        CMT_TRY(cmt_pruner__use_engine(p, why.message, err));
    else if (st != CMT_OK)
        return cmt_error_set(err, st, "%s", why.message);
    cmt_pruner__log_step(p, "opened both databases", &since);
    return CMT_OK;
}

static bool report_progress(void *context, const cmt_progress *progress)
{
    cmt_pruner *p = context;
    const cmt_progress_hook *host = p->options.progress;
    if (host == NULL || host->report == NULL)
        return false;
    pthread_mutex_lock(&p->progress_lock);
    bool stop = host->report(host->context, progress);
    pthread_mutex_unlock(&p->progress_lock);
    return stop;
}

/* Under our locks no node takes a table away: what is missing is damage. */
cmt_status cmt_pruner__explain(cmt_pruner *p, cmt_status st, cmt_error *err)
{
    if (st != CMT_STALE || p->options.dry_run)
        return st;
    cmt_lsm_edit *const edits[] = {p->blocks.edit, p->states.edit};
    for (size_t i = 0; i < 2; i++)
        if (edits[i] != NULL)
            CMT_TRY(cmt_lsm_edit_check_tables(edits[i], err));
    return cmt_error_prefix(err, CMT_CORRUPT, "%s: files changed although they are locked",
                            p->data_dir);
}

cmt_status cmt_pruner_open(const cmt_pruner_options *options, cmt_pruner **out, cmt_error *err)
{
    *out = NULL;
    cmt_pruner *p = calloc(1, sizeof *p);
    if (p == NULL)
        return cmt_error_set(err, CMT_NO_MEMORY, "no memory for a pruner");
    p->started_ns = cmt_clock_ns();
    p->options = *options;
    p->progress = (cmt_progress_hook){report_progress, p};
    pthread_mutex_init(&p->progress_lock, NULL);
    p->blocks.name = "blockstore";
    p->states.name = "state";
    p->data_dir = strdup(options->data_dir);
    cmt_status st = p->data_dir == NULL
                        ? cmt_error_set(err, CMT_NO_MEMORY, "no memory for a pruner")
                        : cmt_pruner__explain(p, open_all(p, err), err);
    if (st != CMT_OK) {
        cmt_pruner_close(p);
        return st;
    }
    *out = p;
    return CMT_OK;
}

void cmt_pruner__log_step(const cmt_pruner *p, const char *step, int64_t *since)
{
    int64_t now = cmt_clock_ns();
    cmt_log(p->options.logger, CMT_LOG_DEBUG, "%s  us=%lld", step,
            (long long)((now - *since) / 1000));
    *since = now;
}

void cmt_pruner__unlock(cmt_pruner *p)
{
    cmt_db_lock_release(p->states.lock);
    cmt_db_lock_release(p->blocks.lock);
    p->states.lock = p->blocks.lock = NULL;
}

void cmt_pruner_close(cmt_pruner *p)
{
    if (p == NULL)
        return;
    cmt_error ignored = CMT_ERROR_INIT;
    if (cmt_pruner__survey_end(p, &ignored) != CMT_OK)
        cmt_log(p->options.logger, CMT_LOG_DEBUG, "size not known  err=\"%s\"", ignored.message);
    cmt_pruner__close_views(p); /* under the locks */
    cmt_pruner__unlock(p);
    if (cmt_pruner__remove_clones(p, NULL, &ignored) != CMT_OK)
        cmt_log(p->options.logger, CMT_LOG_WARN, "a clone stays  err=\"%s\"", ignored.message);
    cmt_lsm_trash_close(p->trash[0]);
    cmt_lsm_trash_close(p->trash[1]);
    free_rules(p);
    cmt_buf_free(&p->blocks.path);
    cmt_buf_free(&p->states.path);
    free(p->data_dir);
    pthread_mutex_destroy(&p->progress_lock);
    free(p);
}
