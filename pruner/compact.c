/* SPDX-License-Identifier: Apache-2.0
 *
 * Compacting through an engine.  A call may take minutes, so a second thread tells the host meanwhile how far
 * it is, and stops the engine when the host asks for it.  A stop loses nothing: what was not compacted is only
 * larger than it could be.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "pruner_internal.h"

/* Ranges with no more than this between them are compacted as one: a call costs several waits for the disk, and
 * heights of few digits make hundreds of ranges. */
#define NEAR_BYTES ((uint64_t)2 << 20)
#define ASK_EVERY_NS 100000000L
#define SECOND_NS 1000000000L

typedef struct compaction {
    const cmt_progress_hook *hook; /* asked by one thread at a time: see open.c */
    cmt_db *db;
    pthread_mutex_t lock; /* guards the two below */
    pthread_cond_t ended;
    cmt_progress progress;
    bool over;
} compaction;

static bool asks_to_stop(compaction *c)
{
    pthread_mutex_lock(&c->lock);
    cmt_progress now = c->progress;
    pthread_mutex_unlock(&c->lock);
    return c->hook->report(c->hook->context, &now);
}

/* False: the compaction is over. */
static bool wait_a_little(compaction *c)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += ASK_EVERY_NS;
    until.tv_sec += until.tv_nsec / SECOND_NS;
    until.tv_nsec %= SECOND_NS;
    pthread_mutex_lock(&c->lock);
    int waited = 0;
    while (!c->over && waited == 0)
        waited = pthread_cond_timedwait(&c->ended, &c->lock, &until);
    bool over = c->over;
    pthread_mutex_unlock(&c->lock);
    return !over;
}

static void *watch(void *argument)
{
    compaction *c = argument;
    while (wait_a_little(c))
        if (asks_to_stop(c)) {
            cmt_db_cancel_compaction(c->db, true);
            break;
        }
    return NULL;
}

/* ---- which ranges ---------------------------------------------------------------------------- */

static int by_start(const void *left, const void *right)
{
    return cmt_slice_compare(((const cmt_range *)left)->lo, ((const cmt_range *)right)->lo);
}

/* An empty end is the end of all keys. */
static bool ends_before(const cmt_range *range, cmt_slice key)
{
    return range->hi.size > 0 && cmt_slice_compare(range->hi, key) < 0;
}

/* Sort, and join what overlaps or has little between it.  The ranges borrow their keys. */
static cmt_status join_near(cmt_db *db, cmt_range *ranges, size_t *count, cmt_error *err)
{
    size_t joined = 0;
    qsort(ranges, *count, sizeof *ranges, by_start);
    for (size_t i = 0; i < *count; i++) {
        cmt_range *last = joined > 0 ? &ranges[joined - 1] : NULL;
        uint64_t between = 0;
        if (last != NULL && ends_before(last, ranges[i].lo))
            CMT_TRY(
                cmt_db_approximate_bytes(db, (cmt_range){last->hi, ranges[i].lo}, &between, err));
        if (last == NULL || between > NEAR_BYTES)
            ranges[joined++] = ranges[i];
        else if (last->hi.size > 0 && (ranges[i].hi.size == 0 || ends_before(last, ranges[i].hi)))
            last->hi = ranges[i].hi;
    }
    *count = joined;
    return CMT_OK;
}

cmt_status cmt_pruner__bytes_of(cmt_db *db, const cmt_range *ranges, size_t count, uint64_t *bytes,
                                cmt_error *err)
{
    *bytes = 0;
    for (size_t i = 0; i < count; i++) {
        uint64_t n;
        CMT_TRY(cmt_db_approximate_bytes(db, ranges[i], &n, err));
        *bytes += n;
    }
    return CMT_OK;
}

/* ---- compacting ------------------------------------------------------------------------------ */

static cmt_status compact_each(compaction *c, const cmt_range *ranges, size_t count, cmt_error *err)
{
    for (size_t i = 0; i < count; i++) {
        uint64_t bytes = 0;
        CMT_TRY(cmt_db_approximate_bytes(c->db, ranges[i], &bytes, err));
        if (asks_to_stop(c))
            return CMT_CANCELLED;
        CMT_TRY(cmt_db_compact_range(c->db, ranges[i], err));
        pthread_mutex_lock(&c->lock);
        c->progress.done += bytes;
        pthread_mutex_unlock(&c->lock);
    }
    return CMT_OK;
}

/* Without the second thread a stop is heard between two ranges. */
static cmt_status compact_watched(compaction *c, const cmt_range *ranges, size_t count,
                                  cmt_error *err)
{
    pthread_t watcher;
    bool watched = pthread_create(&watcher, NULL, watch, c) == 0;
    cmt_status st = compact_each(c, ranges, count, err);
    if (watched) {
        pthread_mutex_lock(&c->lock);
        c->over = true;
        pthread_cond_signal(&c->ended);
        pthread_mutex_unlock(&c->lock);
        pthread_join(watcher, NULL);
        cmt_db_cancel_compaction(c->db, false);
    }
    if (st != CMT_CANCELLED)
        return st;
    return cmt_error_set(
        err, st,
        "stopped while compacting the %s database, with %llu of %llu MiB done; all "
        "pairs are as they should be, run the command again to go on",
        c->progress.database, (unsigned long long)(c->progress.done >> 20),
        (unsigned long long)(c->progress.total >> 20));
}

static cmt_status compact(const cmt_pruner *p, const cmt_pruner__side *side, cmt_range *ranges,
                          size_t count, cmt_error *err)
{
    compaction c = {
        .hook = &p->progress,
        .db = side->db,
        .progress = {.phase = "compact", .database = side->name, .bytes = true},
    };
    CMT_TRY(join_near(side->db, ranges, &count, err));
    CMT_TRY(cmt_pruner__bytes_of(side->db, ranges, count, &c.progress.total, err));
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&c.ended, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pthread_mutex_init(&c.lock, NULL);
    cmt_status st = compact_watched(&c, ranges, count, err);
    pthread_mutex_destroy(&c.lock);
    pthread_cond_destroy(&c.ended);
    return st;
}

cmt_status cmt_pruner__compact_ranges(const cmt_pruner *p, const cmt_pruner__side *side,
                                      const cmt_range_list *touched, cmt_error *err)
{
    if (touched->count == 0)
        return CMT_OK;
    cmt_range *ranges = malloc(touched->count * sizeof *ranges);
    if (ranges == NULL)
        return cmt_error_set(err, CMT_NO_MEMORY, "no memory for a list of key ranges");
    memcpy(ranges, touched->ranges, touched->count * sizeof *ranges);
    cmt_status st = compact(p, side, ranges, touched->count, err);
    free(ranges);
    return st;
}

cmt_status cmt_pruner__compact_all(const cmt_pruner *p, const cmt_pruner__side *side,
                                   cmt_error *err)
{
    cmt_range everything = {{NULL, 0}, {NULL, 0}};
    return compact(p, side, &everything, 1, err);
}
