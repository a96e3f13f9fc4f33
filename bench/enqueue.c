/* SPDX-License-Identifier: Apache-2.0
 *
 * How long cmt_compactor_try_enqueue() takes while the worker compacts: THREADS threads ask CALLS times each, a thousand times
 * a second, for RANGES ranges in each database, as a prune in layout v1 leaves them.  Goal: p99 at most 1 ms.
 *
 * usage: bench_enqueue
 */
#include "cmtstore/compactor_background.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define THREADS 4
#define CALLS 5000
#define RANGES 60

typedef struct asker {
    pthread_t thread;
    cmt_compactor *compactor;
    unsigned number;
    int64_t ns[CALLS];
} asker;

static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void must(cmt_status st, const cmt_error *err)
{
    if (st == CMT_OK)
        return;
    fprintf(stderr, "bench_enqueue: %s\n", err->message);
    exit(EXIT_FAILURE);
}

/* Far enough apart that none meets another. */
static cmt_range_list ranges_of(unsigned number)
{
    cmt_range_list list = {NULL, 0, 0};
    for (unsigned i = 0; i < RANGES; i++) {
        char lo[24];
        char hi[24];
        int lo_size = snprintf(lo, sizeof lo, "P:%02u:%u7", i, number);
        int hi_size = snprintf(hi, sizeof hi, "P:%02u:%u8", i, number);
        must(cmt_range_list_add(&list, (cmt_slice){(uint8_t *)lo, (size_t)lo_size},
                                (cmt_slice){(uint8_t *)hi, (size_t)hi_size}),
             &(cmt_error){CMT_NO_MEMORY, "no memory"});
    }
    return list;
}

static void *ask(void *argument)
{
    asker *a = argument;
    cmt_range_list list = ranges_of(a->number);
    const cmt_compaction_request request = {
        .label = CMT_COMPACT_LABEL_PRUNE, .state = &list, .blockstore = &list, .deleted_keys = 1};
    for (unsigned i = 0; i < CALLS; i++) {
        int64_t since = now_ns();
        cmt_compactor_try_enqueue(a->compactor, &request);
        a->ns[i] = now_ns() - since;
        nanosleep(&(struct timespec){0, 1000000}, NULL);
    }
    cmt_range_list_free(&list);
    return NULL;
}

static int by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a;
    int64_t y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static double us(const int64_t *sorted, double share)
{
    return (double)sorted[(size_t)(share * (THREADS * CALLS - 1))] / 1e3;
}

static void print(asker *askers)
{
    static int64_t all[THREADS * CALLS];
    for (size_t i = 0; i < THREADS; i++)
        for (size_t j = 0; j < CALLS; j++)
            all[i * CALLS + j] = askers[i].ns[j];
    qsort(all, THREADS * CALLS, sizeof all[0], by_value);
    printf("try_enqueue of %d ranges: p50 %.1f us, p99 %.1f us, p99.9 %.1f us, longest %.1f us\n",
           2 * RANGES, us(all, 0.5), us(all, 0.99), us(all, 0.999), us(all, 1));
}

int main(void)
{
    static asker askers[THREADS];
    cmt_error err = CMT_ERROR_INIT;
    cmt_db *blocks;
    cmt_db *states;
    cmt_compact_flight *flight;
    cmt_compactor *compactor;
    const cmt_compactor_options how = {.poll_ns = -1};
    must(cmt_db_open_memory(&blocks, &err), &err);
    must(cmt_db_open_memory(&states, &err), &err);
    const cmt_compactor_target target = {.blockstore = blocks, .state = states};
    must(cmt_compact_flight_new(&target, NULL, &flight, &err), &err);
    must(cmt_compactor_new(flight, &how, &compactor, &err), &err);
    must(cmt_compactor_start(compactor, &err), &err);
    for (unsigned i = 0; i < THREADS; i++) {
        askers[i].compactor = compactor;
        askers[i].number = i;
        if (pthread_create(&askers[i].thread, NULL, ask, &askers[i]) != 0)
            return EXIT_FAILURE;
    }
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(askers[i].thread, NULL);
    print(askers);
    cmt_compactor_stop(compactor);
    must(cmt_compactor_join(compactor, -1, NULL, &err), &err);
    cmt_compactor_free(&compactor);
    cmt_compact_flight_free(flight);
    cmt_db_close(blocks);
    cmt_db_close(states);
    return EXIT_SUCCESS;
}
