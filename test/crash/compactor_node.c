/* SPDX-License-Identifier: Apache-2.0
 *
 * A small node with the background compactor and its journal, to be killed.
 *
 *   compactor_node DATA_DIR ENGINE TARGET [NAME=VALUE ...]
 *
 * Opens or begins the chain, remembers what earlier runs left to be compacted, and commits blocks up to height TARGET, of
 * which as many are kept as keep says.  Then it waits until the compactor has nothing more to do, closes, and prints one
 * line of figures.
 *
 *   keep=20         0: nothing is pruned
 *   compactor=1     0: none, and nothing is handed on
 *   rewrite=0       1: both databases are written anew, too, once the compactor runs
 *   expire=0        1: what a rewrite leaves as backup goes at once
 *   kill=POINT:N    ends itself, as by SIGKILL, when the executor is at the fail point of this number for the N-th time
 */
#include "live_chain.h"

#include "cmtstore/compactor_background.h"
#include "cmtstore/db_rewrite.h"

#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define KIB ((size_t)1 << 10)
#define MS_NS INT64_C(1000000)

typedef struct node {
    live_chain chain;
    cmt_compact_journal *journal;
    cmt_compact_flight *flight;
    cmt_compactor *compactor;
    pthread_mutex_t lock;
    pthread_cond_t ended;
    int64_t keep;
    bool compacts;
    bool rewrites;
    bool expires;
    int kill_at;
    int kill_in;    /* times */
    uint64_t found; /* ranges remembered at the opening */
} node;

static cmt_error err = CMT_ERROR_INIT;

/* Not exit(): threads of the engines and of the compactor are at work. */
static void give_up(void)
{
    fflush(stderr);
    _exit(1);
}

static void must(cmt_status status, const char *what)
{
    if (status == CMT_OK)
        return;
    fprintf(stderr, "compactor_node: %s: %s: %s\n", what, cmt_status_text(status), err.message);
    give_up();
}

static void tell_error(void *context, cmt_log_level level, const char *message)
{
    (void)context;
    if (level == CMT_LOG_ERROR)
        fprintf(stderr, "%s\n", message);
}

static const cmt_logger errors = {tell_error, NULL};

static void read_option(node *n, const char *text)
{
    const char *value = strchr(text, '=');
    if (value == NULL)
        exit(2);
    const long number = strtol(value + 1, NULL, 10);
    if (strncmp(text, "keep=", 5) == 0)
        n->keep = number;
    else if (strncmp(text, "compactor=", 10) == 0)
        n->compacts = number != 0;
    else if (strncmp(text, "rewrite=", 8) == 0)
        n->rewrites = number != 0;
    else if (strncmp(text, "expire=", 7) == 0)
        n->expires = number != 0;
    else if (strncmp(text, "kill=", 5) != 0 ||
             sscanf(value + 1, "%d:%d", &n->kill_at, &n->kill_in) != 2)
        exit(2);
}

static void at_point(void *context, cmt_fail_point point, const char *text)
{
    node *n = context;
    (void)text;
    if ((int)point == n->kill_at && --n->kill_in == 0)
        raise(SIGKILL);
}

/* ---- the compactor --------------------------------------------------------------------------- */

static void note_end(void *context, const cmt_compact_report *report)
{
    node *n = context;
    (void)report;
    pthread_mutex_lock(&n->lock);
    pthread_cond_broadcast(&n->ended);
    pthread_mutex_unlock(&n->lock);
}

static uint64_t left(const node *n)
{
    const cmt_compact_counts counts = cmt_compact_flight_counts(n->flight);
    return counts.remembered_blockstore + counts.remembered_state + counts.rewrites_wanted;
}

static void start_compactor(node *n)
{
    const cmt_compactor_target target = {.blockstore = n->chain.block_db,
                                         .state = n->chain.state_db,
                                         .blockstore_dir = n->chain.paths[0],
                                         .state_dir = n->chain.paths[1]};
    const cmt_compact_flight_options options = {
        .slice_bytes = 64 * KIB, .reserve_bytes = 1, .logger = &errors};
    const cmt_compact_journal_options where = {.data_dir = n->chain.options.dir};
    must(cmt_compact_journal_open(&where, &n->journal, &err), "journal");
    must(cmt_compact_flight_new(&target, &options, &n->flight, &err), "flight");
    must(cmt_block_executor_recover_compaction(n->chain.executor, n->chain.state.initial_height,
                                               n->flight, n->journal, &err),
         "recover");
    n->found = left(n);
    const cmt_compactor_options how = {
        .poll_ns = MS_NS,
        .schedule = {.retry_ns = MS_NS},
        .backup_keep_ns = n->expires ? 1 : INT64_MAX,
        .journal = n->journal,
        .hooks = {.context = n, .result = note_end},
    };
    must(cmt_compactor_new(n->flight, &how, &n->compactor, &err), "compactor");
    must(cmt_compactor_start(n->compactor, &err), "start");
    cmt_block_executor_init_compactor(n->chain.executor, n->compactor);
}

static void ask_for_rewrite(const node *n)
{
    const cmt_compaction_request request = {.kind = CMT_COMPACT_KIND_REWRITE,
                                            .databases = CMT_COMPACT_BOTH};
    const cmt_enqueue_result result = cmt_compactor_try_enqueue(n->compactor, &request);
    if (result == CMT_ENQUEUED || result == CMT_ENQUEUE_COALESCED)
        return;
    fprintf(stderr, "compactor_node: rewrite: %s\n", cmt_enqueue_result_name(result));
    give_up();
}

/* A rewrite that meets iterators all the time is tried again; nothing else may fail. */
static bool has_failed(const node *n, const cmt_compactor_stats *stats)
{
    cmt_compact_report last;
    if (stats->state != CMT_COMPACTOR_RUNNING)
        return true;
    if (cmt_compactor_last_result(n->compactor, &last) != CMT_OK)
        return false;
    return (last.state.status != CMT_OK && last.state.status != CMT_BUSY) ||
           (last.blockstore.status != CMT_OK && last.blockstore.status != CMT_BUSY);
}

/* Polls give what is remembered a task, so it comes to an end. */
static void wait_until_done(node *n)
{
    cmt_compactor_stats stats;
    pthread_mutex_lock(&n->lock);
    for (;;) {
        must(cmt_compactor_get_stats(n->compactor, &stats), "stats");
        if (stats.waiting == 0 && left(n) == 0 && !cmt_compact_flight_is_taken(n->flight))
            break;
        if (has_failed(n, &stats)) {
            fprintf(stderr, "compactor_node: a compaction failed\n");
            give_up();
        }
        pthread_cond_wait(&n->ended, &n->lock);
    }
    pthread_mutex_unlock(&n->lock);
}

/* A poll removes them, of which nobody is told. */
static void wait_until_expired(const node *n)
{
    const struct timespec moment = {0, MS_NS};
    for (size_t i = 0; i < 2; i++) {
        cmt_db_rewrite_left beside;
        for (;;) {
            must(cmt_db_rewrite_find(n->chain.paths[i], &beside, &err), "find");
            if (!beside.has_backup)
                break;
            nanosleep(&moment, NULL);
        }
    }
}

static void stop_compactor(node *n)
{
    cmt_block_executor_init_compactor(n->chain.executor, NULL);
    cmt_compactor_stop(n->compactor);
    must(cmt_compactor_join(n->compactor, -1, NULL, &err), "join");
    cmt_compactor_free(&n->compactor);
    cmt_compact_flight_free(n->flight);
    cmt_compact_journal_close(n->journal);
}

/* ---- blocks and figures ---------------------------------------------------------------------- */

static void commit_block(node *n)
{
    const int64_t height = cmt_chain_state_next_height(&n->chain.state);
    n->chain.retain_height = n->keep > 0 && height > n->keep ? height - n->keep + 1 : 0;
    must(live_chain_make(&n->chain, &err), "make");
    must(live_chain_commit(&n->chain, &err), "commit");
}

/* Deletions that stand in tables; LevelDB does not tell. */
static uint64_t deletions(cmt_db *db)
{
    cmt_db_stats stats;
    must(cmt_db_flush(db, &err), "flush");
    must(cmt_db_get_stats(db, &stats, &err), "stats");
    return stats.deletions + stats.range_deletions;
}

static void report(node *n, uint64_t not_done)
{
    printf("{\"height\": %" PRId64 ", \"base\": %" PRId64 ", \"found\": %" PRIu64
           ", \"left\": %" PRIu64 ", \"deletions\": [%" PRIu64 ", %" PRIu64 "]}\n",
           n->chain.state.last_block_height, cmt_block_store_base(n->chain.blocks), n->found,
           not_done, deletions(n->chain.block_db), deletions(n->chain.state_db));
}

int main(int argc, char **argv)
{
    node n = {.keep = 20, .compacts = true, .kill_at = -1};
    uint64_t not_done = 0;
    if (argc < 4)
        return 2;
    for (int i = 4; i < argc; i++)
        read_option(&n, argv[i]);
    const live_chain_options options = {
        .dir = argv[1],
        .engine = cmt_engine_from_name(argv[2]),
        .secret = "killed",
        .block_bytes = 4000,
        .seconds_per_block = 1,
        .write_buffer_bytes = 64 * KIB,
        .logger = &errors,
        .fail_point = at_point,
        .fail_context = &n,
    };
    pthread_mutex_init(&n.lock, NULL);
    pthread_cond_init(&n.ended, NULL);
    must(live_chain_open(&options, &n.chain, &err), "open");
    if (n.compacts)
        start_compactor(&n);
    if (n.rewrites)
        ask_for_rewrite(&n);
    while (n.chain.state.last_block_height < strtol(argv[3], NULL, 10))
        commit_block(&n);
    if (n.compacts) {
        wait_until_done(&n);
        if (n.expires)
            wait_until_expired(&n);
        not_done = left(&n);
        stop_compactor(&n);
    }
    report(&n, not_done);
    live_chain_close(&n.chain);
    return 0;
}
