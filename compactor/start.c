/* SPDX-License-Identifier: Apache-2.0
 *
 * Starting the background worker: it holds the databases, hears of their shutdown and of no signal.
 *
 * Beside it runs the stopper, which tells the engines of a stop: RocksDB makes whoever does that wait until its own
 * compaction has ended, and who stops a compactor is not to wait.
 */
#include <string.h>

#include "background_internal.h"
#include "thread.h"

/* The worker holds the databases, and hears when somebody wants to close them. */
static cmt_status hold(cmt_compactor *compactor, cmt_db *db, cmt_error *err)
{
    if (db == NULL)
        return CMT_OK;
    cmt_db_hold(db);
    cmt_status st = cmt_db_on_shutdown(db, cmt_compactor__on_shutdown, compactor, err);
    if (st != CMT_OK)
        cmt_db_close(db);
    return st;
}

void cmt_compactor__let_go(cmt_compactor *compactor, size_t stores)
{
    for (size_t i = 0; i < stores; i++) {
        cmt_db *db = compactor->flight->stores[i].db;
        if (db == NULL)
            continue;
        cmt_db_off_shutdown(db, cmt_compactor__on_shutdown, compactor);
        cmt_db_close(db);
    }
}

static cmt_status hold_all(cmt_compactor *compactor, cmt_error *err)
{
    for (size_t i = 0; i < CMT_COMPACTOR__STORES; i++) {
        cmt_status st = hold(compactor, compactor->flight->stores[i].db, err);
        if (st == CMT_OK)
            continue;
        cmt_compactor__let_go(compactor, i);
        return st;
    }
    return CMT_OK;
}

static void *tell_engines_of_a_stop(void *argument)
{
    cmt_compactor *compactor = argument;
    cmt_compact_flight *flight = compactor->flight;
    pthread_setname_np(pthread_self(), "cmt-stopper");
    pthread_mutex_lock(&flight->lock);
    while (!compactor->stopper_leaves) {
        if (!compactor->must_tell) {
            cmt_compactor__wait_locked(flight, -1);
            continue;
        }
        pthread_mutex_unlock(&flight->lock);
        cmt_compactor__tell_engines(flight);
        pthread_mutex_lock(&flight->lock);
        compactor->must_tell = false;
        pthread_cond_broadcast(&flight->changed);
    }
    pthread_mutex_unlock(&flight->lock);
    return NULL;
}

void cmt_compactor__end_stopper(cmt_compactor *compactor)
{
    cmt_compact_flight *flight = compactor->flight;
    pthread_mutex_lock(&flight->lock);
    compactor->stopper_leaves = true;
    pthread_cond_broadcast(&flight->changed);
    pthread_mutex_unlock(&flight->lock);
    pthread_join(compactor->stopper, NULL);
}

static int create_threads(cmt_compactor *compactor, pthread_t *worker)
{
    compactor->stopper_leaves = false;
    int error = cmt_thread_start(&compactor->stopper, tell_engines_of_a_stop, compactor);
    if (error != 0)
        return error;
    error = cmt_thread_start(worker, cmt_compactor__work, compactor);
    if (error != 0)
        cmt_compactor__end_stopper(compactor);
    return error;
}

static cmt_status spawn(cmt_compactor *compactor, pthread_t *out, cmt_error *err)
{
    CMT_TRY(hold_all(compactor, err));
    int error = create_threads(compactor, out);
    if (error == 0)
        return CMT_OK;
    cmt_compactor__let_go(compactor, CMT_COMPACTOR__STORES);
    return cmt_error_set(err, CMT_NO_MEMORY, "start a compactor: no thread: %s", strerror(error));
}

/* CMT_NOT_FOUND: there is nothing to start. */
static cmt_status begin_start_locked(cmt_compactor *compactor, cmt_error *err)
{
    if (compactor->options.disabled || compactor->state == CMT_COMPACTOR_RUNNING)
        return CMT_NOT_FOUND;
    if (compactor->state == CMT_COMPACTOR_STOPPING || compactor->state == CMT_COMPACTOR_STOPPED)
        return cmt_error_set(err, CMT_BUSY,
                             "start a compactor: its last worker has not been joined");
    compactor->state = CMT_COMPACTOR_RUNNING;
    compactor->engine_failed = false;
    compactor->died = false;
    compactor->result = (cmt_compact_report){0};
    compactor->poll_at_ns = INT64_MIN;
    compactor->references++;
    return CMT_OK;
}

static void end_start_locked(cmt_compactor *compactor, cmt_compactor_state before, bool started)
{
    compactor->start_failed = !started;
    compactor->has_thread = started;
    if (!started) {
        compactor->state = before;
        compactor->references--;
    }
    pthread_cond_broadcast(&compactor->flight->changed);
}

cmt_status cmt_compactor_start(cmt_compactor *compactor, cmt_error *err)
{
    if (compactor == NULL)
        return cmt_error_set(err, CMT_INVALID, "start a compactor: it was freed");
    cmt_compact_flight *flight = compactor->flight;
    if (cmt_compactor__is_foreign(flight))
        return cmt_compactor__fail_forked(err);
    pthread_mutex_lock(&flight->lock);
    const cmt_compactor_state before = compactor->state;
    cmt_status st = begin_start_locked(compactor, err);
    pthread_mutex_unlock(&flight->lock);
    if (st != CMT_OK)
        return st == CMT_NOT_FOUND ? CMT_OK : st;
    pthread_t thread = pthread_self();
    st = spawn(compactor, &thread, err);
    pthread_mutex_lock(&flight->lock);
    compactor->thread = thread;
    end_start_locked(compactor, before, st == CMT_OK);
    pthread_mutex_unlock(&flight->lock);
    return st;
}
