/* SPDX-License-Identifier: Apache-2.0
 *
 * How fast blocks are applied: the twin of `cmtbench apply`.
 *
 *   bench_apply HOME TO [unsigned]   apply the blocks of a home to a new state store in TO, a sync for the results and
 *                                    one for the state of each; one line of JSON
 *
 * The application answers from memory; blocks are decoded before the clock runs, the first is not counted.  Signed:
 * also what the signatures alone take.  Unsigned: validated but for the signatures, then applied.
 */
#include "common.h"

#include "cmtstore/blockexec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

/* As the Go program's CometBFT calls itself. */
#define SOFTWARE "0.38.26"

/* Answers by height, and where it is. */
typedef struct memory_app {
    cmt_buf *bytes;
    cmt_results *results;
    int64_t base;
} memory_app;

static cmt_status finalize_block(void *context, const cmt_app_block *block, cmt_results *out,
                                 cmt_error *error)
{
    memory_app *app = context;
    (void)error;
    *out = app->results[block->height - app->base];
    return CMT_OK;
}

static cmt_status commit(void *context, int64_t *retain_height, cmt_error *error)
{
    (void)context;
    (void)error;
    *retain_height = 0;
    return CMT_OK;
}

static void read_answers(const char *dir, size_t count, memory_app *app)
{
    cmt_db *db;
    cmt_state_store *store;
    must(cmt_db_open_view(dir, NULL, &db, &bench_err));
    must(cmt_state_store_open(db, &store, &bench_err));
    app->bytes = take(count, sizeof *app->bytes);
    app->results = take(count, sizeof *app->results);
    for (size_t i = 0; i < count; i++) {
        must(cmt_state_store_load_results(store, app->base + (int64_t)i, &app->bytes[i],
                                          &bench_err));
        must(cmt_results_decode(cmt_buf_slice(&app->bytes[i]), &app->results[i], &bench_err));
    }
    cmt_state_store_close(store);
    cmt_db_close(db);
}

static void free_answers(memory_app *app, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        cmt_results_free(&app->results[i]);
        cmt_buf_free(&app->bytes[i]);
    }
    free(app->results);
    free(app->bytes);
}

static cmt_chain_state first_state(const char *path)
{
    cmt_buf json = CMT_BUF_INIT;
    uint8_t piece[65536];
    FILE *file = fopen(path, "rb");
    size_t size;
    if (file == NULL) {
        perror(path);
        exit(1);
    }
    while ((size = fread(piece, 1, sizeof piece, file)) > 0)
        must(cmt_buf_append(&json, piece, size));
    fclose(file);
    cmt_genesis genesis;
    cmt_chain_state state;
    must(cmt_genesis_decode(cmt_buf_slice(&json), CMT_RELEASE_0_38, &genesis, &bench_err));
    must(cmt_chain_state_from_genesis(&genesis, CMT_RELEASE_0_38, SOFTWARE, &state, &bench_err));
    cmt_genesis_free(&genesis);
    cmt_buf_free(&json);
    return state;
}

/* ---- the stores -------------------------------------------------------------------------- */

typedef struct stores {
    cmt_db *block_db;
    cmt_db *state_db;
    cmt_block_store *blocks;
    cmt_state_store *states;
    cmt_block_executor *executor;
} stores;

/* Applying looks into the block store only to prune: it is an empty one. */
static stores open_stores(const char *dir, const cmt_application *application)
{
    const cmt_db_open_options engine = {.engine = CMT_ENGINE_GOLEVELDB, .create = true};
    const cmt_state_store_options options = {.release = CMT_RELEASE_0_38};
    stores s;
    must(cmt_db_open_memory(&s.block_db, &bench_err));
    must(cmt_block_store_open_for_writing(s.block_db, NULL, &s.blocks, &bench_err));
    must(cmt_db_open(dir, &engine, &s.state_db, &bench_err));
    must(cmt_state_store_open_for_writing(s.state_db, &options, &s.states, &bench_err));
    const cmt_block_executor_options executor = {
        .blocks = s.blocks, .states = s.states, .application = application};
    must(cmt_block_executor_new(&executor, &s.executor, &bench_err));
    return s;
}

static void close_stores(stores *s)
{
    cmt_block_executor_free(s->executor);
    cmt_state_store_close(s->states);
    cmt_db_close(s->state_db);
    cmt_block_store_close(s->blocks);
    cmt_db_close(s->block_db);
}

/* ---- one run ----------------------------------------------------------------------------- */

static int64_t verify(const cmt_chain_state *state, const cmt_block *block)
{
    int64_t begin = now_ns();
    must(cmt_commit_verify(state->chain_id, &state->last_validators, &state->last_block_id,
                           block->header.height - 1, &block->last_commit, &bench_err));
    return now_ns() - begin;
}

static int64_t apply(const stores *s, cmt_chain_state *state, const ready_block *b, bool signatures)
{
    const cmt_validate_options skip = {.skip_last_commit = true};
    cmt_block_id id = {.part_total = cmt_part_set_total(b->parts),
                       .part_hash = cmt_part_set_hash(b->parts)};
    cmt_chain_state next;
    must(cmt_header_hash(&b->block.header, &id.hash, &bench_err));
    int64_t begin = now_ns();
    if (signatures) {
        must(cmt_block_executor_apply(s->executor, state, &id, &b->block, &next, &bench_err));
    } else {
        must(cmt_block_validate(state, &b->block, &skip, &bench_err));
        must(cmt_block_executor_apply_verified(s->executor, state, &id, &b->block, &next,
                                               &bench_err));
    }
    int64_t took = now_ns() - begin;
    cmt_chain_state_free(state);
    *state = next;
    return took;
}

static int64_t cpu_ns(void)
{
    struct rusage use;
    getrusage(RUSAGE_SELF, &use);
    return ((int64_t)use.ru_utime.tv_sec + use.ru_stime.tv_sec) * 1000000000 +
           ((int64_t)use.ru_utime.tv_usec + use.ru_stime.tv_usec) * 1000;
}

static void run(const stores *s, cmt_chain_state *state, const ready_block *blocks, size_t count,
                bool signatures)
{
    int64_t *times = take(count, sizeof *times);
    int64_t *verified = take(count, sizeof *verified);
    int64_t cpu = 0;
    (void)apply(s, state, &blocks[0], signatures);
    for (size_t i = 1; i < count; i++) {
        if (signatures)
            verified[i - 1] = verify(state, &blocks[i].block);
        int64_t begin = cpu_ns();
        times[i - 1] = apply(s, state, &blocks[i], signatures);
        cpu += cpu_ns() - begin;
    }
    printf("{\"blocks\": %zu, \"cpu_us\": %.1f, ", count - 1,
           (double)cpu / 1e3 / (double)(count - 1));
    print_times("apply", times, count - 1);
    if (signatures) {
        printf(", ");
        print_times("verify", verified, count - 1);
    }
    printf("}\n");
    free(verified);
    free(times);
}

static void join(char *out, size_t size, const char *dir, const char *name)
{
    if (snprintf(out, size, "%s/%s", dir, name) < (int)size)
        return;
    fprintf(stderr, "%s: too long\n", dir);
    exit(1);
}

int main(int argc, char **argv)
{
    char path[4096];
    bool signatures = argc == 3;
    if (argc < 3 || argc > 4 || (argc == 4 && strcmp(argv[3], "unsigned") != 0)) {
        fprintf(stderr, "usage: bench_apply HOME TO [unsigned]\n");
        return 2;
    }
    size_t count;
    memory_app app;
    join(path, sizeof path, argv[1], "data/blockstore.db");
    ready_block *blocks = read_blocks(path, &count, &app.base);
    join(path, sizeof path, argv[1], "data/state.db");
    read_answers(path, count, &app);
    join(path, sizeof path, argv[1], "config/genesis.json");
    cmt_chain_state state = first_state(path);
    const cmt_application application = {
        .context = &app, .finalize_block = finalize_block, .commit = commit};
    stores s = open_stores(argv[2], &application);
    must(cmt_state_store_save(s.states, &state, &bench_err));
    run(&s, &state, blocks, count, signatures);
    close_stores(&s);
    cmt_chain_state_free(&state);
    free_answers(&app, count);
    free_blocks(blocks, count);
    return 0;
}
