/* SPDX-License-Identifier: Apache-2.0
 *
 * How large the databases of a node stay that prunes behind each block and compacts by itself: days of it, by a clock
 * that moves on with each block.
 *
 *   bench_steady ENGINE DIR BLOCKS [off]   blocks of about 50 KB, one every 6 s, of which 500 are kept; off: nobody
 *                                          compacts but the engine.  One line of JSON
 */
#include "steady.h"
#include "common.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEEP_BLOCKS 500
#define BLOCK_BYTES 50000
#define WRITE_BUFFER ((size_t)64 << 20) /* what cmt_db_open() takes by itself */

static bool any;

static void print_sample(void *context, int64_t blocks, uint64_t bytes)
{
    (void)context;
    printf("%s[%" PRId64 ", %" PRIu64 "]", any ? ", " : "", blocks, bytes);
    any = true;
}

int main(int argc, char **argv)
{
    if (argc < 4 || argc > 5 || (argc == 5 && strcmp(argv[4], "off") != 0)) {
        fprintf(stderr, "usage: bench_steady ENGINE DIR BLOCKS [off]\n");
        return 2;
    }
    const steady_options options = {
        .dir = argv[2],
        .engine = cmt_engine_from_name(argv[1]),
        .blocks = strtol(argv[3], NULL, 10),
        .keep_blocks = KEEP_BLOCKS,
        .seconds_per_block = 6,
        .block_bytes = BLOCK_BYTES,
        .write_buffer_bytes = WRITE_BUFFER,
        .never_compact = argc == 5,
        .sample_every = 20,
        .sample = print_sample,
    };
    steady_result r;
    printf("{\"samples\": [");
    must(steady_run(&options, &r, &bench_err));
    printf("], \"block_bytes\": %.0f, \"hours\": %.2f, \"most_bytes\": %" PRIu64
           ", \"limit\": %.0f, \"runs\": %" PRIu64 ", \"of_blockstore\": %" PRIu64
           ", \"of_state\": %" PRIu64 ", \"failed\": %" PRIu64 ", \"held_back\": %" PRIu64 "}\n",
           r.block_bytes, r.hours, r.most_bytes, steady_limit(&options, &r), r.runs,
           r.of_blockstore, r.of_state, r.failed, r.held_back);
    return 0;
}
