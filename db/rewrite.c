/* SPDX-License-Identifier: Apache-2.0
 *
 * A database written anew: the order of it all.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "cleanup.h"
#include "clock.h"
#include "rewrite_internal.h"
#include "waiting.h"

#define MIB ((size_t)1 << 20)
#define MS ((int64_t)1000000)
#define ROUNDS 4         /* snapshots */
#define CATCH_UPS 32     /* in a row */
#define EXCHANGES 20     /* attempts */
#define LITTLE (1 * MIB) /* left to catch up with: writers may be made to wait */
#define ROOM_KEPT (16 * MIB)
#define HALT_NS (30 * 1000 * MS) /* for writers to leave, each of whom writes one batch */

/* ---- on the way -------------------------------------------------------------------------------------- */

cmt_status cmt_db__rewrite_step(const cmt_db__rewrite *rw, const char *step, cmt_error *err)
{
    return rw->options.at_step == NULL ? CMT_OK
                                       : rw->options.at_step(rw->options.step_context, step, err);
}

static cmt_status check_room(const cmt_db__rewrite *rw, uint64_t needed, cmt_error *err)
{
    struct statvfs fs;
    if (rw->guard == NULL)
        return CMT_OK;
    if (fstatvfs(rw->place.parent_fd, &fs) != 0)
        return cmt_error_set(err, CMT_IO, "statvfs %s", rw->place.parent);
    uint64_t there = (uint64_t)fs.f_bavail * fs.f_frsize;
    if (there >= needed)
        return CMT_OK;
    return cmt_error_set(err, CMT_NO_SPACE,
                         "a copy of %s/%s needs %llu bytes, and %llu are free; a backup beside it "
                         "(%s) is freed by confirming it",
                         rw->place.parent, rw->place.name, (unsigned long long)needed,
                         (unsigned long long)there, rw->place.old_name);
}

cmt_status cmt_db__rewrite_breathe(const cmt_db__rewrite *rw, const char *phase, cmt_error *err)
{
    const cmt_progress_hook *hook = rw->options.progress;
    const cmt_progress progress = {
        .phase = phase,
        .database = rw->options.name,
        .done = rw->done_bytes,
        .total = rw->options.expected_bytes,
        .bytes = true,
    };
    if (rw->halted)
        return CMT_OK;
    if (cmt_db__cancel_wanted(rw->db) ||
        (hook != NULL && hook->report != NULL && hook->report(hook->context, &progress)))
        return cmt_error_set(err, CMT_CANCELLED,
                             "write a database anew: stopped on request; nothing was changed");
    return check_room(rw, ROOM_KEPT + 2 * rw->options.chunk_bytes, err);
}

/* ---- writers ------------------------------------------------------------------------------------------ */

static cmt_status halt_writers(cmt_db__rewrite *rw, cmt_error *err)
{
    const struct timespec until = cmt_wait_after(HALT_NS);
    if (cmt_db__gate_close(&rw->db->access.writers, &until))
        return CMT_OK;
    return cmt_error_set(err, CMT_BUSY, "write a database anew: a write does not end");
}

/* From now on writes are noted, and the snapshot holds what was written before. */
static cmt_status take_snapshot(cmt_db__rewrite *rw, cmt_db_iter **out, cmt_error *err)
{
    CMT_TRY(halt_writers(rw, err));
    cmt_db__recorder_clear(&rw->recorder);
    rw->db->access.recorder = &rw->recorder;
    cmt_status st = cmt_db_iter_new(rw->db, NULL, out, err);
    cmt_db__gate_open(&rw->db->access.writers);
    return st;
}

static void stop_recording(cmt_db__rewrite *rw)
{
    const struct timespec never = cmt_wait_after(INT64_MAX);
    while (!cmt_db__gate_close(&rw->db->access.writers, &never))
        continue;
    rw->db->access.recorder = NULL;
    cmt_db__gate_open(&rw->db->access.writers);
}

/* ---- rounds ------------------------------------------------------------------------------------------- */

static cmt_status copy_snapshot(cmt_db__rewrite *rw, cmt_error *err)
{
    cmt_db_iter *live;
    rw->result.rounds++;
    CMT_TRY(take_snapshot(rw, &live, err));
    cmt_status st = cmt_db__rewrite_step(rw, "snapshot", err);
    if (st == CMT_OK)
        st = cmt_db__rewrite_copy(rw, live, err);
    cmt_db_iter_free(live);
    return st;
}

/* CMT_STALE: more was written than was remembered. */
static cmt_status take_and_copy(cmt_db__rewrite *rw, cmt_error *err)
{
    CMT_TRY(cmt_db__recorder_take(&rw->recorder, &rw->record, err));
    if (rw->record.overflowed)
        return CMT_STALE;
    return cmt_db__rewrite_catch_up(rw, err);
}

static cmt_status catch_up(cmt_db__rewrite *rw, cmt_error *err)
{
    bool overflowed;
    for (unsigned i = 0; i < CATCH_UPS; i++) {
        if (cmt_db__recorder_pending(&rw->recorder, &overflowed) <= LITTLE && !overflowed)
            return CMT_OK;
        CMT_TRY(take_and_copy(rw, err));
        CMT_TRY(cmt_db__rewrite_step(rw, "caught up", err));
    }
    if (cmt_db__recorder_pending(&rw->recorder, &overflowed) <= rw->options.halt_bytes)
        return CMT_OK;
    return cmt_error_set(err, CMT_BUSY,
                         "write a database anew: writes come faster than they can be copied");
}

static cmt_status last_round(cmt_db__rewrite *rw, cmt_error *err)
{
    CMT_TRY(cmt_db__rewrite_step(rw, "halted", err));
    CMT_TRY(take_and_copy(rw, err));
    CMT_TRY(cmt_db_flush(rw->copy, err));
    CMT_TRY(cmt_db__rewrite_compare(rw, err));
    return cmt_db__rewrite_exchange(rw, err);
}

static cmt_status finish(cmt_db__rewrite *rw, cmt_error *err)
{
    CMT_TRY(catch_up(rw, err));
    /* With writers at work, so that the flushes behind which they wait are small. */
    CMT_TRY(cmt_db_flush(rw->copy, err));
    CMT_TRY(cmt_db_flush(rw->db, err));
    CMT_TRY(halt_writers(rw, err));
    int64_t since = cmt_clock_ns();
    rw->halted = true;
    cmt_status st = last_round(rw, err);
    rw->halted = false;
    cmt_db__gate_open(&rw->db->access.writers);
    rw->halted_ns += cmt_clock_ns() - since;
    return st;
}

static cmt_status copy_and_exchange(cmt_db__rewrite *rw, cmt_error *err)
{
    for (unsigned round = 0; round < ROUNDS; round++) {
        CMT_TRY(copy_snapshot(rw, err));
        cmt_status st = CMT_BUSY;
        for (unsigned i = 0; i < EXCHANGES && st == CMT_BUSY; i++)
            st = finish(rw, err);
        if (st != CMT_STALE)
            return st;
    }
    return cmt_error_set(err, CMT_BUSY,
                         "write a database anew: more is written meanwhile than can be remembered");
}

/* ---- before and after ---------------------------------------------------------------------------------- */

static cmt_status bytes_now(cmt_db *db, uint64_t *bytes, cmt_error *err)
{
    cmt_db_stats stats;
    CMT_TRY(cmt_db_get_stats(db, &stats, err));
    *bytes = stats.log_bytes;
    for (size_t level = 0; level < CMT_DB_LEVELS; level++)
        *bytes += stats.table_bytes[level];
    if (*bytes == 0)
        *bytes = stats.memtable_bytes;
    return CMT_OK;
}

static cmt_status make_copy(cmt_db__rewrite *rw, cmt_error *err)
{
    CMT_AUTO(cmt_fd_close) int fd = -1;
    const cmt_db__rewrite_ops *ops = rw->db->ops->rewrite;
    if (rw->guard == NULL)
        return ops->open_copy(rw->db, NULL, &rw->copy, err);
    CMT_TRY(cmt_db__place_hold(&rw->place, err));
    CMT_TRY(cmt_db__place_empty(&rw->place, err));
    CMT_TRY(cmt_db__place_check(&rw->place, err));
    CMT_TRY(
        check_room(rw, rw->options.expected_bytes + ROOM_KEPT + 2 * rw->options.chunk_bytes, err));
    CMT_TRY(cmt_dir_make_at(rw->place.home_fd, CMT_DB__COPY, &rw->place.owner, &fd, err));
    char *path = cmt_db__place_copy_path(&rw->place);
    cmt_status st = path == NULL ? cmt_error_set(err, CMT_NO_MEMORY, "no memory for a path")
                                 : ops->open_copy(rw->db, path, &rw->copy, err);
    free(path);
    return st;
}

static cmt_status run(cmt_db__rewrite *rw, cmt_error *err)
{
    CMT_TRY(bytes_now(rw->db, &rw->result.bytes_before, err));
    if (rw->options.expected_bytes == 0)
        rw->options.expected_bytes = rw->result.bytes_before;
    if (rw->guard != NULL)
        CMT_TRY(cmt_db__place_find(rw->guard->dir, &rw->place, err));
    CMT_TRY(make_copy(rw, err));
    rw->copy->unsynced = true;
    CMT_TRY(cmt_db__rewrite_step(rw, "opened", err));
    CMT_TRY(cmt_db__recorder_init(&rw->recorder, rw->options.record_bytes, err));
    cmt_status st = copy_and_exchange(rw, err);
    stop_recording(rw);
    CMT_TRY(st);
    return bytes_now(rw->db, &rw->result.bytes_after, err);
}

/* After success the copy is the old database, closed.  After a failure it goes. */
static void clean_up(cmt_db__rewrite *rw)
{
    cmt_error why = CMT_ERROR_INIT;
    cmt_db_close(rw->copy);
    cmt_db__recorder_fini(&rw->recorder);
    cmt_db_batch_free(rw->record.changes);
    if (rw->guard == NULL)
        return;
    if (rw->place.home_fd >= 0 && cmt_db__place_empty(&rw->place, &why) != CMT_OK)
        cmt_log(rw->options.logger, CMT_LOG_WARN,
                "what a rewrite left could not be removed  db=%s/%s err=%s", rw->place.parent,
                rw->place.name, why.message);
    cmt_db__place_release(&rw->place);
}

static void set_options(cmt_db__rewrite *rw, const cmt_db_rewrite_options *options)
{
    cmt_db_rewrite_options *o = &rw->options;
    if (options != NULL)
        *o = *options;
    if (o->name == NULL)
        o->name = "";
    if (o->chunk_bytes == 0)
        o->chunk_bytes = 4 * MIB;
    if (o->record_bytes == 0)
        o->record_bytes = 64 * MIB;
    if (o->halt_bytes == 0)
        o->halt_bytes = 64 * MIB;
    if (o->wait_ns == 0)
        o->wait_ns = 250 * MS;
}

static void conclude(cmt_db__rewrite *rw, int64_t since)
{
    cmt_db_rewrite_result *r = &rw->result;
    r->pairs = rw->pairs;
    r->bytes_reclaimed = r->bytes_before > r->bytes_after ? r->bytes_before - r->bytes_after : 0;
    r->halted_ms = rw->halted_ns / MS;
    r->elapsed_ms = cmt_clock_ms_since(since);
    cmt_log(rw->options.logger, CMT_LOG_INFO,
            "wrote a database anew  db=%s before=%llu after=%llu reclaimed=%llu pairs=%llu "
            "rounds=%u halted_ms=%lld ms=%lld",
            rw->options.name, (unsigned long long)r->bytes_before,
            (unsigned long long)r->bytes_after, (unsigned long long)r->bytes_reclaimed,
            (unsigned long long)r->pairs, r->rounds, (long long)r->halted_ms,
            (long long)r->elapsed_ms);
}

cmt_status cmt_db_rewrite(cmt_db *db, const cmt_db_rewrite_options *options,
                          cmt_db_rewrite_result *out, cmt_error *err)
{
    const cmt_db__rewrite_ops *ops = db->ops->rewrite;
    int64_t since = cmt_clock_ns();
    *out = (cmt_db_rewrite_result){0};
    cmt_db__rewrite rw = {.db = db, .guard = ops != NULL ? ops->guard(db) : NULL};
    if (ops == NULL || (rw.guard != NULL && rw.guard->lock == NULL))
        return cmt_error_set(err, CMT_UNSUPPORTED,
                             "write a database anew: it is open for reading only, or a clone; "
                             "nothing was changed");
    if (atomic_exchange(&db->access.rewriting, true))
        return cmt_error_set(err, CMT_BUSY, "write a database anew: that is going on already");
    set_options(&rw, options);
    rw.place = (cmt_db__place){.parent_fd = -1, .cmtstore_fd = -1, .root_fd = -1, .home_fd = -1};
    cmt_status st = run(&rw, err);
    clean_up(&rw);
    atomic_store(&db->access.rewriting, false);
    if (st != CMT_OK)
        return st;
    conclude(&rw, since);
    *out = rw.result;
    return CMT_OK;
}
