/* SPDX-License-Identifier: Apache-2.0
 *
 * The exchange: nobody is at work in the engine, both are closed, directories change places, the new one is opened.
 *
 *   1  <name>.db.old -> home/previous   if there is a backup
 *   2  home/copy     -> <name>.db.old   a whole database: what it is called is true in any case
 *   3  <name>.db    <-> <name>.db.old   one call: at every moment a whole database is at <name>.db
 *
 * Before 3 everything is taken back.  What follows 3 is opening; if that fails 3 is done once more.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rewrite_internal.h"
#include "waiting.h"

/* ---- directories ---------------------------------------------------------------------------------- */

static cmt_status failed(const cmt_db__place *place, const char *what, cmt_error *err)
{
    return cmt_error_set(err, cmt_status_of_errno(errno), "%s in %s: %s", what, place->parent,
                         strerror(errno));
}

static cmt_status sync_both(const cmt_db__place *place, cmt_error *err)
{
    CMT_TRY(cmt_dir_sync(place->home_fd, place->name, err));
    return cmt_dir_sync(place->parent_fd, place->parent, err);
}

/* Step 1.  That there is no backup is fine. */
static cmt_status set_previous_aside(const cmt_db__place *place, cmt_error *err)
{
    if (renameat(place->parent_fd, place->old_name, place->home_fd, CMT_DB__PREVIOUS) != 0 &&
        errno != ENOENT)
        return failed(place, "move a backup", err);
    return CMT_OK;
}

/* Where no caller can be told any more: the first failure is what counts. */
static void take_back_step(const cmt_db__rewrite *rw, int from_fd, const char *from, int to_fd,
                           const char *to)
{
    if (renameat(from_fd, from, to_fd, to) != 0 && errno != ENOENT)
        cmt_log(rw->options.logger, CMT_LOG_ERROR, "taking back a move  from=%s to=%s err=%s", from,
                to, strerror(errno));
}

static void take_back_moves(const cmt_db__rewrite *rw, bool copy_moved)
{
    const cmt_db__place *place = &rw->place;
    if (copy_moved)
        take_back_step(rw, place->parent_fd, place->old_name, place->home_fd, CMT_DB__COPY);
    take_back_step(rw, place->home_fd, CMT_DB__PREVIOUS, place->parent_fd, place->old_name);
}

static cmt_status swap_names(const cmt_db__place *place, cmt_error *err)
{
    if (renameat2(place->parent_fd, place->name, place->parent_fd, place->old_name,
                  RENAME_EXCHANGE) != 0)
        return failed(place, "exchange the database with its copy", err);
    return CMT_OK;
}

static cmt_status move_copy(const cmt_db__rewrite *rw, bool *moved, cmt_error *err)
{
    const cmt_db__place *place = &rw->place;
    CMT_TRY(set_previous_aside(place, err));
    if (renameat(place->home_fd, CMT_DB__COPY, place->parent_fd, place->old_name) != 0)
        return failed(place, "move the copy", err);
    *moved = true;
    CMT_TRY(sync_both(place, err));
    CMT_TRY(cmt_db__rewrite_step(rw, "moved", err));
    return swap_names(place, err);
}

static cmt_status exchange_directories(const cmt_db__rewrite *rw, cmt_error *err)
{
    bool moved = false;
    cmt_status st = move_copy(rw, &moved, err);
    if (st != CMT_OK)
        take_back_moves(rw, moved);
    return st;
}

/* ---- engines --------------------------------------------------------------------------------------- */

/* The names have been exchanged: make that last, and open what is there now. */
static cmt_status open_new(const cmt_db__rewrite *rw, cmt_error *err)
{
    const cmt_db__rewrite_ops *ops = rw->db->ops->rewrite;
    CMT_TRY(cmt_dir_sync(rw->place.parent_fd, rw->place.parent, err));
    CMT_TRY(cmt_db__rewrite_step(rw, "exchanged", err));
    return ops->resume(rw->db, err);
}

static cmt_status exchange_back(const cmt_db__rewrite *rw, cmt_error *err)
{
    CMT_TRY(swap_names(&rw->place, err));
    rw->db->ops->rewrite->swap(rw->db, rw->copy);
    CMT_TRY(cmt_dir_sync(rw->place.parent_fd, rw->place.parent, err));
    take_back_moves(rw, true);
    return CMT_OK;
}

static void lose(const cmt_db__rewrite *rw, const cmt_error *why)
{
    atomic_store(&rw->db->access.lost, true);
    cmt_log(rw->options.logger, CMT_LOG_ERROR,
            "the engine could not be opened again  db=%s/%s err=%s", rw->place.parent,
            rw->place.name, why->message);
}

/* Open the original again. */
static void resume_original(const cmt_db__rewrite *rw)
{
    cmt_error why = CMT_ERROR_INIT;
    if (rw->db->ops->rewrite->resume(rw->db, &why) != CMT_OK)
        lose(rw, &why);
}

/* When the backup became one is its directory's time. */
static void date_backup(const cmt_db__rewrite *rw)
{
    const cmt_db__guard *old = rw->copy->ops->rewrite->guard(rw->copy);
    if (futimens(old->dir_fd, NULL) != 0)
        cmt_log(rw->options.logger, CMT_LOG_WARN, "dating a backup  db=%s/%s err=%s",
                rw->place.parent, rw->place.old_name, strerror(errno));
}

static cmt_status exchange_files(const cmt_db__rewrite *rw, cmt_error *err)
{
    const cmt_db__rewrite_ops *ops = rw->db->ops->rewrite;
    cmt_error why = CMT_ERROR_INIT;
    CMT_TRY(ops->suspend(rw->copy, err));
    cmt_status st = ops->suspend(rw->db, err);
    if (st == CMT_OK)
        st = cmt_db__rewrite_step(rw, "suspended", err);
    if (st == CMT_OK)
        st = exchange_directories(rw, err);
    if (st != CMT_OK) {
        resume_original(rw);
        return st;
    }
    ops->swap(rw->db, rw->copy);
    st = open_new(rw, err);
    if (st == CMT_OK) {
        date_backup(rw);
        return CMT_OK;
    }
    if (exchange_back(rw, &why) == CMT_OK)
        resume_original(rw);
    else
        lose(rw, &why);
    return st;
}

/* ---- everybody out ---------------------------------------------------------------------------------- */

/* At first it is only waited for a moment without iterators and compactions; then new ones are kept out, which would
 * not do for long: who has one may need another to get done.  Calls are kept out last, when only short ones are left. */
static bool keep_everybody_out(cmt_db__access *access, int64_t wait_ns)
{
    const struct timespec politely = cmt_wait_after(wait_ns / 2);
    const struct timespec until = cmt_wait_after(wait_ns);
    (void)cmt_db__gate_await_empty(&access->stays, &politely);
    if (!cmt_db__gate_close(&access->stays, &until))
        return false;
    const struct timespec shortly = cmt_wait_after(wait_ns);
    if (cmt_db__gate_close(&access->calls, &shortly))
        return true;
    cmt_db__gate_open(&access->stays);
    return false;
}

cmt_status cmt_db__rewrite_exchange(cmt_db__rewrite *rw, cmt_error *err)
{
    cmt_db__access *access = &rw->db->access;
    if (!keep_everybody_out(access, rw->options.wait_ns))
        return cmt_error_set(err, CMT_BUSY,
                             "exchange a database for its copy: an iterator or a compaction did "
                             "not end in time");
    cmt_status st = CMT_OK;
    if (rw->guard != NULL)
        st = exchange_files(rw, err);
    else
        rw->db->ops->rewrite->swap(rw->db, rw->copy);
    cmt_db__gate_open(&access->calls);
    cmt_db__gate_open(&access->stays);
    return st;
}
