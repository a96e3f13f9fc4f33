/* SPDX-License-Identifier: Apache-2.0
 *
 * A node over days in a moment: blocks through the executor, the application keeps so many of them, the background
 * compactor is as a node has it, and only the clock is made up: it moves on with each block.  What is looked at is how
 * large the databases are and how often they are compacted.
 */
#ifndef CMT_TEST_STEADY_H
#define CMT_TEST_STEADY_H

#include "cmtstore/db.h"

typedef struct steady_options {
    const char *dir; /* empty */
    cmt_engine engine;
    int64_t blocks;
    int64_t keep_blocks;
    int64_t seconds_per_block;
    size_t block_bytes;
    size_t write_buffer_bytes;
    bool never_compact;          /* the compactor is off */
    bool only_asked_compactions; /* RocksDB does nothing by itself */
    int64_t sample_every;        /* blocks; 0: never */
    void (*sample)(void *context, int64_t blocks, uint64_t bytes); /* of tables and logs */
    void *context;
} steady_options;

typedef struct steady_result {
    double block_bytes; /* of an encoded block, the mean */
    double hours;       /* by the clock of the node */
    uint64_t
        most_bytes; /* of tables and logs behind any block, once three times as many blocks went by as are kept */
    uint64_t runs;          /* compactions that began, of one database or of both */
    uint64_t of_blockstore; /* those of the block store, and of the state */
    uint64_t of_state;
    uint64_t failed;
    uint64_t held_back; /* tasks that were not due */
} steady_result;

CMT_MUST_CHECK cmt_status steady_run(const steady_options *options, steady_result *out,
                                     cmt_error *err);

/** Three times what is kept, and two write buffers. */
double steady_limit(const steady_options *options, const steady_result *result);

#endif
