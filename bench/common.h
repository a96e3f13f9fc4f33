/* SPDX-License-Identifier: Apache-2.0
 *
 * What the programs of the benchmarks share.  Every failure ends the process.
 */
#ifndef CMT_BENCH_COMMON_H
#define CMT_BENCH_COMMON_H

#include "cmtstore/store.h"

/* What failing calls write into. */
extern cmt_error bench_err;

void must(cmt_status status);
void *take(size_t count, size_t size);

int64_t now_ns(void);
/* "<what>_per_s", its p50 and its p99 in microseconds.  Sorts the times. */
void print_times(const char *what, int64_t *times, size_t count);

/* A block as consensus has it in its hands. */
typedef struct ready_block {
    cmt_buf bytes;
    cmt_buf commit_bytes;
    cmt_block block;
    cmt_commit commit;
    cmt_part_set *parts;
} ready_block;

/* All blocks of the block store in directory @p dir, from height @p base on. */
ready_block *read_blocks(const char *dir, size_t *count, int64_t *base);
void free_blocks(ready_block *blocks, size_t count);

#endif
