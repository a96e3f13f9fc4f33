/* SPDX-License-Identifier: Apache-2.0
 *
 * Prunes the two databases of a node on an open engine, with the library alone, and writes what is left as
 * golden lines.
 *
 *   engine_prune ENGINE DATA_DIR RETAIN OUT_DIR [OPTION...]
 *
 * ENGINE    memory: a copy of DATA_DIR's databases (LevelDB format) in memory
 *           cleveldb, rocksdb: DATA_DIR's databases themselves, by that engine
 * OPTION    sweep        remove leftovers below base too
 *           points       single deletions also where the engine deletes ranges
 *           batch=N      changes in a batch
 *           stop=N       stop after every N batches, close the databases and begin again
 *           compact      compact what was touched
 *           copy         of DATA_DIR's databases, whatever wrote them: ENGINE works on copies in OUT_DIR
 *
 * OUT_DIR/{blockstore,state}.lines: key in hex, length and SHA-256 of the value.  On stdout one line of
 * figures.
 */
#include "cmtstore/state.h"
#include "cmtstore/store.h"

#include <openssl/evp.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SHA256_SIZE 32

typedef struct setting {
    const char *engine;
    const char *data_dir;
    const char *out_dir;
    int64_t retain;
    int64_t stop_every;
    bool sweep;
    bool compact;
    bool copy;
    cmt_erase_options options;
} setting;

typedef struct figures {
    int calls;
    uint64_t batches;
    uint64_t deletes;
    int64_t evidence_height;
} figures;

static const char *const names[] = {"blockstore", "state"};
static cmt_db *memory[2]; /* kept over a stop, as a directory is */
static int64_t reports_left;

static void check(cmt_status status, const cmt_error *err, const char *what)
{
    if (status == CMT_OK)
        return;
    fprintf(stderr, "engine_prune: %s: %s: %s\n", what, cmt_status_text(status), err->message);
    exit(1);
}

static bool count_down(void *context, const cmt_progress *progress)
{
    (void)context;
    (void)progress;
    return --reports_left == 0;
}

/* ---- databases --------------------------------------------------------------------------- */

static void copy_all(cmt_db *from, cmt_db *to)
{
    cmt_error err = CMT_ERROR_INIT;
    cmt_db_iter *iter;
    check(cmt_db_iter_new(from, NULL, &iter, &err), &err, "iterate");
    cmt_status st = cmt_db_iter_first(iter, &err);
    for (; st == CMT_OK; st = cmt_db_iter_next(iter, &err))
        check(cmt_db_memory_put(to, cmt_db_iter_key(iter), cmt_db_iter_value(iter)), &err, "copy");
    check(st == CMT_NOT_FOUND ? CMT_OK : st, &err, "copy");
    cmt_db_iter_free(iter);
}

/* A new database in OUT_DIR with all pairs of the old one. */
static void copy_database(const setting *s, int which)
{
    char path[4096];
    cmt_error err = CMT_ERROR_INIT;
    const cmt_db_open_options options = {.engine = cmt_engine_from_name(s->engine), .create = true};
    cmt_db *from;
    cmt_db *to;
    cmt_db_batch *batch;
    cmt_db_iter *iter;
    snprintf(path, sizeof path, "%s/%s.db", s->data_dir, names[which]);
    check(cmt_db_open_view(path, NULL, &from, &err), &err, path);
    snprintf(path, sizeof path, "%s/%s.db", s->out_dir, names[which]);
    check(cmt_db_open(path, &options, &to, &err), &err, path);
    check(cmt_db_batch_new(&batch, &err), &err, "batch");
    check(cmt_db_iter_new(from, NULL, &iter, &err), &err, "iterate");
    cmt_status st = cmt_db_iter_first(iter, &err);
    for (; st == CMT_OK; st = cmt_db_iter_next(iter, &err)) {
        check(cmt_db_batch_put(batch, cmt_db_iter_key(iter), cmt_db_iter_value(iter), &err), &err,
              "copy");
        if (cmt_db_batch_bytes(batch) < (size_t)1 << 20)
            continue;
        check(cmt_db_write(to, batch, false, &err), &err, "copy");
        cmt_db_batch_clear(batch);
    }
    check(st == CMT_NOT_FOUND ? CMT_OK : st, &err, "copy");
    check(cmt_db_write(to, batch, true, &err), &err, "copy");
    cmt_db_iter_free(iter);
    cmt_db_batch_free(batch);
    cmt_db_close(to);
    cmt_db_close(from);
}

static cmt_db *open_database(const setting *s, int which)
{
    char dir[4096];
    cmt_error err = CMT_ERROR_INIT;
    cmt_db *db;
    snprintf(dir, sizeof dir, "%s/%s.db", s->data_dir, names[which]);
    if (strcmp(s->engine, "memory") != 0) {
        const cmt_db_open_options options = {.engine = cmt_engine_from_name(s->engine)};
        check(cmt_db_open(dir, &options, &db, &err), &err, dir);
        return db;
    }
    if (memory[which] == NULL) {
        check(cmt_db_open_memory(&memory[which], &err), &err, "memory");
        check(cmt_db_open_view(dir, NULL, &db, &err), &err, dir);
        copy_all(db, memory[which]);
        cmt_db_close(db);
    }
    return memory[which];
}

static void close_database(const setting *s, cmt_db *db)
{
    if (strcmp(s->engine, "memory") != 0)
        cmt_db_close(db);
}

static void compact(cmt_db *db, const cmt_range_list *touched)
{
    cmt_error err = CMT_ERROR_INIT;
    for (size_t i = 0; i < touched->count; i++)
        check(cmt_db_compact_range(db, touched->ranges[i], &err), &err, "compact");
}

/* ---- one call ---------------------------------------------------------------------------- */

static cmt_status prune_states(const setting *s, cmt_db *db, cmt_state_store *store,
                               const cmt_state_prune_request *request, figures *f, cmt_error *err)
{
    cmt_state_prune_result result;
    cmt_status st = cmt_state_store_prune(store, request, &s->options, &result, err);
    f->batches += result.batches;
    f->deletes += result.deletes;
    if (st == CMT_OK && s->compact)
        compact(db, &result.touched);
    cmt_state_prune_result_free(&result);
    return st;
}

static cmt_status prune_stores(const setting *s, cmt_db *const dbs[2], cmt_block_store *blocks,
                               cmt_state_store *states, figures *f, cmt_error *err)
{
    cmt_state state;
    check(cmt_state_store_load(states, &state, err), err, "state");
    int64_t base = cmt_block_store_base(blocks);
    int64_t height = cmt_block_store_height(blocks);
    cmt_state_prune_request to = {
        .base = base, .retain_height = s->retain, .last_height = height + 2, .sweep = s->sweep};
    check(cmt_state_prune_unfinished_from(states, base, &to.from, err), err, "unfinished");
    const cmt_block_prune_request request = {
        .retain_height = s->retain,
        .initial_height = state.initial_height,
        .window = {state.last_block_height, state.last_block_time,
                   state.params.evidence_max_age_num_blocks,
                   state.params.evidence_max_age_duration_ns},
        .sweep = s->sweep,
        .unfinished = to.from < base,
    };
    cmt_block_prune_result result;
    cmt_status st = cmt_block_store_prune(blocks, &request, &s->options, &result, err);
    f->batches += result.batches;
    f->deletes += result.deletes;
    to.evidence_height = f->evidence_height = result.evidence_height;
    if (st == CMT_OK && s->compact)
        compact(dbs[0], &result.touched);
    cmt_block_prune_result_free(&result);
    return st == CMT_OK ? prune_states(s, dbs[1], states, &to, f, err) : st;
}

static cmt_status prune(const setting *s, figures *f, cmt_error *err)
{
    cmt_db *const dbs[2] = {open_database(s, 0), open_database(s, 1)};
    cmt_block_store *blocks;
    cmt_state_store *states;
    check(cmt_block_store_open(dbs[0], &blocks, err), err, "block store");
    check(cmt_state_store_open(dbs[1], &states, err), err, "state store");
    reports_left = s->stop_every;
    f->calls++;
    cmt_status st = prune_stores(s, dbs, blocks, states, f, err);
    cmt_state_store_close(states);
    cmt_block_store_close(blocks);
    close_database(s, dbs[1]);
    close_database(s, dbs[0]);
    return st;
}

/* ---- what is left ------------------------------------------------------------------------ */

static void write_hex(FILE *file, cmt_slice bytes)
{
    for (size_t i = 0; i < bytes.size; i++)
        fprintf(file, "%02x", bytes.data[i]);
}

static void write_lines(const setting *s, int which)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s.lines", s->out_dir, names[which]);
    FILE *file = fopen(path, "w");
    cmt_error err = CMT_ERROR_INIT;
    cmt_db *db = open_database(s, which);
    cmt_db_iter *iter = NULL;
    check(file == NULL ? CMT_IO : cmt_db_iter_new(db, NULL, &iter, &err), &err, path);
    cmt_status st = cmt_db_iter_first(iter, &err);
    for (; st == CMT_OK; st = cmt_db_iter_next(iter, &err)) {
        uint8_t hash[SHA256_SIZE];
        cmt_slice value = cmt_db_iter_value(iter);
        if (EVP_Digest(value.data, value.size, hash, NULL, EVP_sha256(), NULL) != 1)
            abort();
        write_hex(file, cmt_db_iter_key(iter));
        fprintf(file, " %zu ", value.size);
        write_hex(file, (cmt_slice){hash, sizeof hash});
        fputc('\n', file);
    }
    check(st == CMT_NOT_FOUND ? CMT_OK : st, &err, "read what is left");
    cmt_db_iter_free(iter);
    close_database(s, db);
    if (fclose(file) != 0)
        abort();
}

static void read_option(setting *s, const char *text)
{
    if (strcmp(text, "sweep") == 0)
        s->sweep = true;
    else if (strcmp(text, "points") == 0)
        s->options.points = true;
    else if (strcmp(text, "compact") == 0)
        s->compact = true;
    else if (strcmp(text, "copy") == 0)
        s->copy = true;
    else if (strncmp(text, "batch=", 6) == 0)
        s->options.batch_operations = strtoul(text + 6, NULL, 10);
    else if (strncmp(text, "stop=", 5) == 0)
        s->stop_every = strtol(text + 5, NULL, 10);
    else
        exit(2);
}

int main(int argc, char **argv)
{
    if (argc < 5)
        return 2;
    static const cmt_progress_hook hook = {count_down, NULL};
    setting s = {.engine = argv[1],
                 .data_dir = argv[2],
                 .retain = strtol(argv[3], NULL, 10),
                 .out_dir = argv[4],
                 .options = {.range_heights = 1, .progress = &hook}};
    for (int i = 5; i < argc; i++)
        read_option(&s, argv[i]);
    for (int which = 0; which < 2 && s.copy; which++)
        copy_database(&s, which);
    if (s.copy)
        s.data_dir = s.out_dir;
    figures f = {0};
    cmt_error err = CMT_ERROR_INIT;
    cmt_status st = CMT_CANCELLED;
    while (st == CMT_CANCELLED)
        st = prune(&s, &f, &err);
    check(st, &err, "prune");
    printf("{\"calls\": %d, \"batches\": %" PRIu64 ", \"deletes\": %" PRIu64
           ", \"evidence_retain_height\": %" PRId64 "}\n",
           f.calls, f.batches, f.deletes, f.evidence_height);
    for (int which = 0; which < 2; which++) {
        write_lines(&s, which);
        cmt_db_close(memory[which]);
    }
    return 0;
}
