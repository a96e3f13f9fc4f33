/* SPDX-License-Identifier: Apache-2.0
 *
 * Compacting through engines: both databases in one flight of compactor/, which knows slices, turns and outcomes.
 * A slice may take seconds, so a second thread tells the host meanwhile how far it is, and stops the flight when the
 * host asks for it.  A stop loses nothing: what was not compacted is only larger than it could be.
 */
#include <pthread.h>
#include <string.h>

#include "cleanup.h"
#include "cmtstore/compactor.h"
#include "pruner_internal.h"
#include "waiting.h"

#define ASK_EVERY_NS 100000000L
/* More than any database holds. */
#define WHOLE_BYTES ((size_t)1 << 62)
/* No slice begins with less free: the engine would come to the end of the disk. */
#define RESERVE_BYTES ((uint64_t)32 << 20)

/* In the order of work, as a flight does them. */
enum { STATES, BLOCKS, SIDES };

typedef struct compaction {
    const cmt_pruner *pruner;
    const cmt_pruner__side *sides[SIDES];
    cmt_range_list ranges[SIDES];
    uint64_t totals[SIDES];
    cmt_compact_flight *flight;
    pthread_mutex_t lock; /* guards the rest */
    pthread_cond_t ended;
    const char *at; /* the database that is worked on */
    bool over;
} compaction;

/* ---- the host -------------------------------------------------------------------------------- */

static bool ask(const compaction *c, const cmt_progress *progress)
{
    /* It is asked by one thread at a time: see open.c. */
    const cmt_progress_hook *hook = &c->pruner->progress;
    return hook->report(hook->context, progress);
}

/* Before each slice, on the thread that compacts. */
static bool before_slice(void *context, const cmt_progress *progress)
{
    compaction *c = context;
    pthread_mutex_lock(&c->lock);
    c->at = progress->database;
    pthread_mutex_unlock(&c->lock);
    return ask(c, progress);
}

static bool asks_to_stop(compaction *c)
{
    const cmt_compact_progress now = cmt_compact_flight_progress(c->flight);
    pthread_mutex_lock(&c->lock);
    cmt_progress progress = {.phase = "compact", .database = c->at, .bytes = true};
    pthread_mutex_unlock(&c->lock);
    if (progress.database == NULL)
        return false;
    const bool states = strcmp(progress.database, c->sides[STATES]->name) == 0;
    const cmt_compact_done *done = states ? &now.state : &now.blockstore;
    progress.done = done->bytes;
    progress.total = done->total;
    return ask(c, &progress);
}

/* False: the compaction is over. */
static bool wait_a_little(compaction *c)
{
    const struct timespec until = cmt_wait_after(ASK_EVERY_NS);
    pthread_mutex_lock(&c->lock);
    bool in_time = true;
    while (!c->over && in_time)
        in_time = cmt_wait_until(&c->ended, &c->lock, &until);
    bool over = c->over;
    pthread_mutex_unlock(&c->lock);
    return !over;
}

static void *watch(void *argument)
{
    compaction *c = argument;
    while (wait_a_little(c))
        if (asks_to_stop(c)) {
            cmt_compact_flight_stop(c->flight);
            break;
        }
    return NULL;
}

/* ---- which ranges ---------------------------------------------------------------------------- */

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

/* Of more ranges than a flight keeps, those with the fewest bytes between them become one; it would go by keys. */
static cmt_status take(compaction *c, size_t i, const cmt_range_list *touched, cmt_error *err)
{
    cmt_range_list *ranges = &c->ranges[i];
    cmt_db *db = c->sides[i]->db;
    if (cmt_range_list_add_all(ranges, touched) != CMT_OK)
        return cmt_error_set(err, CMT_NO_MEMORY, "no memory for a list of key ranges");
    CMT_TRY(cmt_pruner__join_near(db, ranges, err));
    CMT_TRY(cmt_pruner__join_down_to(db, ranges, CMT_COMPACT_RANGES, err));
    return cmt_pruner__bytes_of(db, ranges->ranges, ranges->count, &c->totals[i], err);
}

/* ---- compacting ------------------------------------------------------------------------------ */

static cmt_status explain_stop(const compaction *c, const cmt_compact_report *report,
                               cmt_error *err)
{
    const cmt_compact_result *const results[SIDES] = {&report->state, &report->blockstore};
    static const char *const both = "state and blockstore";
    const char *who = NULL;
    uint64_t done = 0;
    uint64_t total = 0;
    for (size_t i = 0; i < SIDES; i++) {
        if (c->ranges[i].count == 0 || results[i]->outcome == CMT_COMPACT_FINISHED)
            continue;
        who = who == NULL ? c->sides[i]->name : both;
        done += results[i]->slice_bytes;
        total += c->totals[i];
    }
    return cmt_error_set(
        err, CMT_CANCELLED,
        "stopped while compacting the %s database%s, with %llu of %llu MiB done; all pairs are as "
        "they should be, run the command again to go on",
        who != NULL ? who : "", who == both ? "s" : "", (unsigned long long)(done >> 20),
        (unsigned long long)(total >> 20));
}

/* Without the second thread a stop is heard between two slices. */
static cmt_status compact_watched(compaction *c, cmt_error *err)
{
    const bool manual = c->pruner->options.action == CMT_ACTION_COMPACT;
    const cmt_progress_hook hook = {before_slice, c};
    const cmt_compact_options options = {.progress = &hook};
    const cmt_compaction_request request = {
        .kind = CMT_COMPACT_KIND_RANGES,
        .label = manual ? CMT_COMPACT_LABEL_MANUAL : CMT_COMPACT_LABEL_PRUNE,
        .blockstore = &c->ranges[BLOCKS],
        .state = &c->ranges[STATES],
    };
    cmt_compact_report report;
    pthread_t watcher;
    bool watched = pthread_create(&watcher, NULL, watch, c) == 0;
    cmt_status st = cmt_compact_now(c->flight, &request, &options, &report, err);
    if (watched) {
        pthread_mutex_lock(&c->lock);
        c->over = true;
        pthread_cond_signal(&c->ended);
        pthread_mutex_unlock(&c->lock);
        pthread_join(watcher, NULL);
    }
    /* Engines that were stopped compact again when they are asked. */
    cmt_compact_flight_resume(c->flight);
    return st == CMT_CANCELLED ? explain_stop(c, &report, err) : st;
}

/* RocksDB rewrites range deletions in the last level only where it is told to compact everything, see
 * db/rocksdb_write.c; clones of pebble databases hold such. */
static size_t slice_bytes(const cmt_pruner *p)
{
    return cmt_pruner__works_in_place(p) ? CMT_PRUNER__SLICE_BYTES : WHOLE_BYTES;
}

static cmt_status fly(compaction *c, cmt_error *err)
{
    const cmt_pruner *p = c->pruner;
    const cmt_compactor_target target = {
        .blockstore = p->blocks.db,
        .state = p->states.db,
        .blockstore_dir = cmt_pruner__path(&p->blocks),
        .state_dir = cmt_pruner__path(&p->states),
    };
    const cmt_compact_flight_options options = {
        .logger = p->options.logger,
        .slice_bytes = slice_bytes(p),
        .reserve_bytes = RESERVE_BYTES + p->options.min_free_bytes,
    };
    CMT_TRY(cmt_compact_flight_new(&target, &options, &c->flight, err));
    cmt_status st = compact_watched(c, err);
    cmt_compact_flight_free(c->flight);
    return st;
}

static void release(compaction *c)
{
    cmt_range_list_free(&c->ranges[STATES]);
    cmt_range_list_free(&c->ranges[BLOCKS]);
    pthread_mutex_destroy(&c->lock);
    pthread_cond_destroy(&c->ended);
}

cmt_status cmt_pruner__compact_ranges(const cmt_pruner *p, const cmt_range_list *blocks,
                                      const cmt_range_list *states, cmt_error *err)
{
    CMT_AUTO(release) compaction c = {.pruner = p, .sides = {&p->states, &p->blocks}};
    pthread_cond_init(&c.ended, NULL);
    pthread_mutex_init(&c.lock, NULL);
    if (states != NULL)
        CMT_TRY(take(&c, STATES, states, err));
    if (blocks != NULL)
        CMT_TRY(take(&c, BLOCKS, blocks, err));
    return fly(&c, err);
}

cmt_status cmt_pruner__compact_all(const cmt_pruner *p, cmt_error *err)
{
    cmt_range everything = {{NULL, 0}, {NULL, 0}};
    const cmt_range_list list = {&everything, 1, 1};
    return cmt_pruner__compact_ranges(p, &list, &list, err);
}
