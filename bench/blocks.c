/* SPDX-License-Identifier: Apache-2.0
 *
 * How fast blocks are saved and loaded: the twin of `cmtbench blocks`.
 *
 *   bench_blocks save ENGINE FROM TO       save the blocks of the block store in directory FROM into a new one in
 *                                          TO, then open that again and load each, scattered; one line of JSON
 *   bench_blocks floor FILE BYTES COUNT    what the disk alone takes: append so many bytes and sync them, COUNT times
 *
 * Blocks, commits and part sets are made before the clock runs.  A load includes decoding the block.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cmtstore/store.h"

/* A block as consensus has it in its hands. */
typedef struct ready_block {
    cmt_buf bytes;
    cmt_buf commit_bytes;
    cmt_block block;
    cmt_commit commit;
    cmt_part_set *parts;
} ready_block;

static cmt_error err = CMT_ERROR_INIT;

static void must(cmt_status status)
{
    if (status == CMT_OK)
        return;
    fprintf(stderr, "bench_blocks: %s: %s\n", cmt_status_text(status), err.message);
    exit(1);
}

static void *take(size_t count, size_t size)
{
    void *memory = calloc(count, size);
    if (memory == NULL) {
        fprintf(stderr, "bench_blocks: no memory\n");
        exit(1);
    }
    return memory;
}

/* ---- time -------------------------------------------------------------------------------- */

static int64_t now_ns(void)
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

/* "<what>_per_s", its p50 and its p99 in microseconds. */
static void print_times(const char *what, int64_t *times, size_t count)
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

static ready_block *read_blocks(const char *dir, size_t *count, int64_t *base)
{
    cmt_db *db;
    cmt_block_store *store;
    must(cmt_db_open_view(dir, NULL, &db, &err));
    must(cmt_block_store_open(db, &store, &err));
    *base = cmt_block_store_base(store);
    *count = (size_t)(cmt_block_store_height(store) - *base + 1);
    ready_block *blocks = take(*count, sizeof *blocks);
    for (size_t i = 0; i < *count; i++) {
        ready_block *b = &blocks[i];
        int64_t height = *base + (int64_t)i;
        must(cmt_block_store_load_block(store, height, &b->bytes, &err));
        must(cmt_block_decode(cmt_buf_slice(&b->bytes), &b->block, &err));
        must(cmt_part_set_new(cmt_buf_slice(&b->bytes), &b->parts, &err));
        must(cmt_block_store_load_seen_commit(store, height, &b->commit_bytes, NULL, &err));
        must(cmt_commit_read(cmt_buf_slice(&b->commit_bytes), &b->commit, &err));
    }
    cmt_block_store_close(store);
    cmt_db_close(db);
    return blocks;
}

static void free_blocks(ready_block *blocks, size_t count)
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

static cmt_block_store *open_store(const char *engine, const char *dir, cmt_db **db)
{
    const cmt_db_open_options options = {.engine = cmt_engine_from_name(engine), .create = true};
    cmt_block_store *store;
    must(cmt_db_open(dir, &options, db, &err));
    must(cmt_block_store_open_for_writing(*db, NULL, &store, &err));
    return store;
}

static void save_all(cmt_block_store *store, const ready_block *blocks, int64_t *times,
                     size_t count)
{
    for (size_t i = 0; i < count; i++) {
        int64_t begin = now_ns();
        must(cmt_block_store_save_block(store, &blocks[i].block, blocks[i].parts, &blocks[i].commit,
                                        &err));
        times[i] = now_ns() - begin;
    }
}

/* In an order in which neighbours are far apart; the Go program goes the same way. */
static void load_all(cmt_block_store *store, int64_t base, int64_t *times, size_t count)
{
    cmt_buf bytes = CMT_BUF_INIT;
    for (size_t i = 0; i < count; i++) {
        int64_t height = base + (int64_t)(i * 7919 % count);
        cmt_block block;
        int64_t begin = now_ns();
        must(cmt_block_store_load_block(store, height, &bytes, &err));
        must(cmt_block_decode(cmt_buf_slice(&bytes), &block, &err));
        times[i] = now_ns() - begin;
        if (block.header.height != height)
            exit(1);
        cmt_block_free(&block);
    }
    cmt_buf_free(&bytes);
}

static int save(const char *engine, const char *from, const char *to)
{
    size_t count;
    int64_t base;
    cmt_db *db;
    ready_block *blocks = read_blocks(from, &count, &base);
    int64_t *times = take(count, sizeof *times);

    cmt_block_store *store = open_store(engine, to, &db);
    save_all(store, blocks, times, count);
    cmt_block_store_close(store);
    cmt_db_close(db);
    printf("{\"blocks\": %zu, ", count);
    print_times("save", times, count);

    store = open_store(engine, to, &db);
    load_all(store, base, times, count);
    cmt_block_store_close(store);
    cmt_db_close(db);
    printf(", ");
    print_times("load", times, count);
    printf("}\n");
    free(times);
    free_blocks(blocks, count);
    return 0;
}

/* ---- the disk ---------------------------------------------------------------------------- */

static int sync_floor(const char *path, size_t bytes, size_t count)
{
    int64_t *times = take(count, sizeof *times);
    char *data = take(1, bytes);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    for (size_t i = 0; i < count; i++) {
        int64_t begin = now_ns();
        if (fd < 0 || write(fd, data, bytes) != (ssize_t)bytes || fdatasync(fd) != 0) {
            perror(path);
            exit(1);
        }
        times[i] = now_ns() - begin;
    }
    close(fd);
    printf("{");
    print_times("sync", times, count);
    printf("}\n");
    free(data);
    free(times);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 5 && strcmp(argv[1], "save") == 0)
        return save(argv[2], argv[3], argv[4]);
    if (argc == 5 && strcmp(argv[1], "floor") == 0)
        return sync_floor(argv[2], strtoul(argv[3], NULL, 10), strtoul(argv[4], NULL, 10));
    fprintf(stderr, "usage: bench_blocks save ENGINE FROM TO | floor FILE BYTES COUNT\n");
    return 2;
}
