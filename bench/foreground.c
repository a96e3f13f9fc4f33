/* SPDX-License-Identifier: Apache-2.0
 *
 * How long saving a block takes while what was pruned is compacted behind it: the twin of `cmtbench foreground`.
 *
 *   bench_foreground HOME ENGINE [NAME=VALUE ...]
 *
 * Goes on with the chain of a home of `cmtbench gen` with one validator, and changes it.  Blocks come at a fixed rate; a
 * save is what a node does for one: validated, saved, applied, results and state saved.  First some are saved without
 * compaction, then one behind which the stores are pruned and a task is enqueued, then more until the compactor is done.
 * One line of JSON, with each time in microseconds.
 *
 *   without=1000  saves without compaction        share=0.9     of the heights, pruned
 *   rate=50       blocks a second                 bytes=100000  of the transaction of a block
 *   slice=MiB pause=ms buffer=MiB limit=MiB/s     of compactor and engine; without them as a node has them
 */
#include "common.h"
#include "live_chain.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define SECRET "cmtgen-1-0" /* of the first validator with seed 1 */
#define NS 1000000000
#define MIB (1 << 20)

typedef struct settings {
    size_t without;
    double share;
    double rate;
    size_t bytes;
    size_t slice_bytes;
    int64_t pause_ns; /* negative: as a node has it */
    size_t buffer_bytes;
    uint64_t limit;
} settings;

static void read_option(settings *s, char *text)
{
    char *value = strchr(text, '=');
    if (value == NULL) {
        fprintf(stderr, "bench_foreground: %s: not NAME=VALUE\n", text);
        exit(2);
    }
    const double number = strtod(value + 1, NULL);
    *value = '\0';
    if (strcmp(text, "without") == 0)
        s->without = (size_t)number;
    else if (strcmp(text, "share") == 0)
        s->share = number;
    else if (strcmp(text, "rate") == 0)
        s->rate = number;
    else if (strcmp(text, "bytes") == 0)
        s->bytes = (size_t)number;
    else if (strcmp(text, "slice") == 0)
        s->slice_bytes = (size_t)(number * MIB);
    else if (strcmp(text, "pause") == 0)
        s->pause_ns = (int64_t)(number * 1e6);
    else if (strcmp(text, "buffer") == 0)
        s->buffer_bytes = (size_t)(number * MIB);
    else if (strcmp(text, "limit") == 0)
        s->limit = (uint64_t)(number * MIB);
    else
        exit(2);
}

/* ---- figures of the process ------------------------------------------------------------------ */

static uint64_t written_bytes(void)
{
    char line[128];
    uint64_t bytes = 0;
    FILE *file = fopen("/proc/self/io", "r");
    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        if (strncmp(line, "write_bytes: ", 13) == 0)
            bytes = strtoull(line + 13, NULL, 10);
    if (file != NULL)
        fclose(file);
    return bytes;
}

static uint64_t disk_use(const char *dir)
{
    struct stat st;
    uint64_t bytes = 0;
    DIR *stream = opendir(dir);
    if (stream == NULL)
        return 0;
    for (const struct dirent *entry; (entry = readdir(stream)) != NULL;)
        if (fstatat(dirfd(stream), entry->d_name, &st, 0) == 0 && S_ISREG(st.st_mode))
            bytes += (uint64_t)st.st_blocks * 512;
    closedir(stream);
    return bytes;
}

static uint64_t disk_use_of(const live_chain *chain)
{
    return disk_use(chain->paths[0]) + disk_use(chain->paths[1]);
}

/* ---- saving ---------------------------------------------------------------------------------- */

typedef struct phase {
    int64_t *times;
    size_t count;
    size_t room;
    uint64_t written;
    uint64_t used_before; /* on disk, by the databases */
    uint64_t used_after;
    int64_t began_ns;
    int64_t took_ns;
} phase;

static void sleep_until(int64_t at_ns)
{
    const struct timespec at = {at_ns / NS, at_ns % NS};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) != 0)
        ;
}

static void save_one(live_chain *chain, phase *p)
{
    if (p->count == p->room) {
        p->room = p->room > 0 ? 2 * p->room : 1024;
        p->times = realloc(p->times, p->room * sizeof *p->times);
        if (p->times == NULL)
            exit(1);
    }
    const int64_t begin = now_ns();
    must(live_chain_commit(chain, &bench_err));
    p->times[p->count++] = now_ns() - begin;
}

/* Until @p done, or @p most are saved; one that comes late does not move the others. */
static phase save_blocks(live_chain *chain, const settings *s, size_t most, const atomic_bool *done)
{
    phase p = {.used_before = disk_use_of(chain), .written = written_bytes()};
    const int64_t begin = now_ns();
    while (p.count < most && !atomic_load(done)) {
        must(live_chain_make(chain, &bench_err));
        sleep_until(begin + (int64_t)((double)p.count * NS / s->rate));
        save_one(chain, &p);
    }
    p.began_ns = begin;
    p.took_ns = now_ns() - begin;
    p.written = written_bytes() - p.written;
    p.used_after = disk_use_of(chain);
    return p;
}

/* ---- the compactor --------------------------------------------------------------------------- */

#define SLICES_KEPT 1024

typedef struct slice {
    int64_t at_ns;
    int64_t took_ns;
} slice;

typedef struct watch {
    atomic_bool done;
    cmt_compact_report report;
    slice slices[SLICES_KEPT]; /* those that came behind are not listed */
    size_t count;
} watch;

static cmt_status compact_slice(void *context, cmt_db *db, cmt_range range, cmt_error *err)
{
    watch *w = context;
    const int64_t begin = now_ns();
    cmt_status st = cmt_db_compact_range(db, range, err);
    if (w->count < SLICES_KEPT)
        w->slices[w->count++] = (slice){begin, now_ns() - begin};
    return st;
}

static void keep_result(void *context, const cmt_compact_report *report)
{
    watch *w = context;
    w->report = *report;
    atomic_store(&w->done, true);
}

static cmt_compactor *start_compactor(live_chain *chain, const settings *s, watch *w)
{
    const cmt_compactor_target target = {.blockstore = chain->block_db,
                                         .state = chain->state_db,
                                         .blockstore_dir = chain->paths[0],
                                         .state_dir = chain->paths[1]};
    const cmt_compact_flight_options options = {
        .slice_bytes = s->slice_bytes, .compact = compact_slice, .compact_context = w};
    cmt_compact_flight *flight;
    cmt_compactor *compactor;
    cmt_compactor_options how;
    must(cmt_compact_flight_new(&target, &options, &flight, &bench_err));
    cmt_compactor_defaults(&how);
    if (s->pause_ns >= 0)
        how.pause_ns = s->pause_ns;
    how.hooks = (cmt_compactor_hooks){.context = w, .result = keep_result};
    must(cmt_compactor_new(flight, &how, &compactor, &bench_err));
    cmt_compact_flight_free(flight);
    must(cmt_compactor_start(compactor, &bench_err));
    cmt_block_executor_init_compactor(chain->executor, compactor);
    return compactor;
}

static void stop_compactor(live_chain *chain, cmt_compactor *compactor)
{
    cmt_block_executor_init_compactor(chain->executor, NULL);
    cmt_compactor_stop(compactor);
    must(cmt_compactor_join(compactor, -1, NULL, &bench_err));
    cmt_compactor_free(&compactor);
}

/* One block behind which the lower part of the heights is pruned.  Returns how long it took. */
static int64_t save_and_prune(live_chain *chain, int64_t retain_height)
{
    chain->retain_height = retain_height;
    must(live_chain_make(chain, &bench_err));
    const int64_t begin = now_ns();
    must(live_chain_commit(chain, &bench_err));
    chain->retain_height = 0;
    if (cmt_block_store_base(chain->blocks) != retain_height) {
        fprintf(stderr, "bench_foreground: nothing was pruned\n");
        exit(1);
    }
    return now_ns() - begin;
}

/* ---- the report ------------------------------------------------------------------------------ */

static void print_phase(const char *name, const phase *p)
{
    printf("\"%s\": {\"ms\": %" PRId64 ", \"written\": %" PRIu64 ", \"before\": %" PRIu64
           ", \"after\": %" PRIu64 ", \"us\": [",
           name, p->took_ns / 1000000, p->written, p->used_before, p->used_after);
    for (size_t i = 0; i < p->count; i++)
        printf("%s%" PRId64, i > 0 ? ", " : "", p->times[i] / 1000);
    printf("]}");
}

static void print_result(const char *name, const cmt_compact_result *r)
{
    printf(", \"%s\": {\"outcome\": \"%s\", \"slices\": %" PRIu64 ", \"bytes_before\": %" PRIu64
           ", \"bytes_after\": %" PRIu64 ", \"reason\": \"%s\"}",
           name, cmt_compact_outcome_name(r->outcome), r->slices, r->bytes_before, r->bytes_after,
           r->reason[0] != '\0' ? r->reason : r->trigger);
}

/* Begin, by the clock of the phase, and duration of each. */
static void print_slices(const watch *w, int64_t began_ns)
{
    printf(", \"slices_ms\": [");
    for (size_t i = 0; i < w->count; i++)
        printf("%s[%" PRId64 ", %" PRId64 "]", i > 0 ? ", " : "",
               (w->slices[i].at_ns - began_ns) / 1000000, w->slices[i].took_ns / 1000000);
    printf("]");
}

/* Until the engines have done what they do behind an opening. */
static void settle(void)
{
    const struct timespec moment = {0, NS / 10};
    uint64_t before = written_bytes();
    for (int quiet = 0, i = 0; quiet < 15 && i < 600; i++) {
        nanosleep(&moment, NULL);
        const uint64_t now = written_bytes();
        quiet = now == before ? quiet + 1 : 0;
        before = now;
    }
}

static void run(live_chain *chain, const settings *s)
{
    static const atomic_bool never;
    static watch w;
    const int64_t base = cmt_block_store_base(chain->blocks);
    const int64_t heights = cmt_block_store_height(chain->blocks) - base + 1;
    cmt_compactor *compactor = start_compactor(chain, s, &w);
    settle();
    phase without = save_blocks(chain, s, s->without, &never);
    const uint64_t written = written_bytes();
    const int64_t pruned_ns = save_and_prune(chain, base + (int64_t)((double)heights * s->share));
    const uint64_t prune_written = written_bytes() - written;
    phase with = save_blocks(chain, s, SIZE_MAX, &w.done);
    stop_compactor(chain, compactor);
    printf("{\"prune_ms\": %" PRId64 ", \"prune_written\": %" PRIu64 ", ", pruned_ns / 1000000,
           prune_written);
    print_phase("without", &without);
    printf(", ");
    print_phase("with", &with);
    print_result("state", &w.report.state);
    print_result("blockstore", &w.report.blockstore);
    print_slices(&w, with.began_ns);
    printf("}\n");
    free(without.times);
    free(with.times);
}

int main(int argc, char **argv)
{
    settings s = {.without = 1000, .share = 0.9, .rate = 50, .bytes = 100000, .pause_ns = -1};
    char dir[4096];
    if (argc < 3) {
        fprintf(stderr, "usage: bench_foreground HOME ENGINE [NAME=VALUE ...]\n");
        return 2;
    }
    for (int i = 3; i < argc; i++)
        read_option(&s, argv[i]);
    if (snprintf(dir, sizeof dir, "%s/data", argv[1]) >= (int)sizeof dir)
        return 2;
    const live_chain_options options = {
        .dir = dir,
        .engine = cmt_engine_from_name(argv[2]),
        .secret = SECRET,
        .block_bytes = s.bytes,
        .seconds_per_block = 1,
        .write_buffer_bytes = s.buffer_bytes,
        .background_bytes_per_s = s.limit,
    };
    live_chain chain;
    must(live_chain_open(&options, &chain, &bench_err));
    run(&chain, &s);
    live_chain_close(&chain);
    return 0;
}
