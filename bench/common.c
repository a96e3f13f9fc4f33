/* SPDX-License-Identifier: Apache-2.0
 *
 * What the programs of the benchmarks share: failing, time, blocks.
 */
#include "common.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

cmt_error bench_err = CMT_ERROR_INIT;

void must(cmt_status status)
{
    if (status == CMT_OK)
        return;
    fprintf(stderr, "bench: %s: %s\n", cmt_status_text(status), bench_err.message);
    exit(1);
}

void *take(size_t count, size_t size)
{
    void *memory = calloc(count, size);
    if (memory == NULL) {
        fprintf(stderr, "bench: no memory\n");
        exit(1);
    }
    return memory;
}

/* ---- time -------------------------------------------------------------------------------- */

int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int ascending(const void *a, const void *b)
{
    const int64_t *x = a;
    const int64_t *y = b;
    return (*x > *y) - (*x < *y);
}

void print_times(const char *what, int64_t *times, size_t count)
{
    double total = 0;
    for (size_t i = 0; i < count; i++)
        total += (double)times[i];
    qsort(times, count, sizeof *times, ascending);
    int64_t half = times[count / 2];
    int64_t most = times[count * 99 / 100];
    printf("\"%s_per_s\": %.1f, \"%s_p50_us\": %.1f, \"%s_p99_us\": %.1f", what,
           (double)count / (total / 1e9), what, (double)half / 1e3, what, (double)most / 1e3);
}

/* ---- blocks ------------------------------------------------------------------------------ */

ready_block *read_blocks(const char *dir, size_t *count, int64_t *base)
{
    cmt_db *db;
    cmt_block_store *store;
    must(cmt_db_open_view(dir, NULL, &db, &bench_err));
    must(cmt_block_store_open(db, &store, &bench_err));
    *base = cmt_block_store_base(store);
    *count = (size_t)(cmt_block_store_height(store) - *base + 1);
    ready_block *blocks = take(*count, sizeof *blocks);
    for (size_t i = 0; i < *count; i++) {
        ready_block *b = &blocks[i];
        int64_t height = *base + (int64_t)i;
        must(cmt_block_store_load_block(store, height, &b->bytes, &bench_err));
        must(cmt_block_decode(cmt_buf_slice(&b->bytes), &b->block, &bench_err));
        must(cmt_part_set_new(cmt_buf_slice(&b->bytes), &b->parts, &bench_err));
        must(cmt_block_store_load_seen_commit(store, height, &b->commit_bytes, NULL, &bench_err));
        must(cmt_commit_read(cmt_buf_slice(&b->commit_bytes), &b->commit, &bench_err));
    }
    cmt_block_store_close(store);
    cmt_db_close(db);
    return blocks;
}

void free_blocks(ready_block *blocks, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        cmt_part_set_free(blocks[i].parts);
        cmt_commit_free(&blocks[i].commit);
        cmt_block_free(&blocks[i].block);
        cmt_buf_free(&blocks[i].commit_bytes);
        cmt_buf_free(&blocks[i].bytes);
    }
    free(blocks);
}
