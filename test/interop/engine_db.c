/* SPDX-License-Identifier: Apache-2.0
 *
 * Databases opened with cmt_db_open(), for tests that watch from outside.
 *
 *   engine_db hold ENGINE DIR...   open and keep open until stdin ends
 *   engine_db lock DIR...          the same with the two locks that an edit takes
 *   engine_db open ENGINE DIR      open and close
 *   engine_db write ENGINE DIR     put batches without end, with compactions in between; say the number of
 *                                  each batch that was synced
 *   engine_db fill ENGINE DIR MIB  compact; then put so much that does not compress, as parts from number
 *                                  1000 on of the heights 1 to 600, in one table
 *   engine_db heal DIR             cmt_db_heal()
 *   engine_db rewrite ENGINE DIR   cmt_db_rewrite(), with a batch written and synced at each step where that can
 *                                  be, and behind it; say the number of each
 *
 * Exit status: 0; 3 refused as unsupported; 4 busy; 1 any other failure; 2 usage.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmtstore/db_rewrite.h"

static cmt_error err = CMT_ERROR_INIT;

static void must(cmt_status status)
{
    if (status == CMT_OK)
        return;
    fprintf(stderr, "engine_db: %s\n", err.message);
    exit(status == CMT_BUSY ? 4 : status == CMT_UNSUPPORTED ? 3 : 1);
}

static cmt_db *open_sized(const char *engine, const char *dir, size_t write_buffer)
{
    const cmt_db_open_options options = {
        .engine = cmt_engine_from_name(engine),
        .write_buffer_bytes = write_buffer,
    };
    cmt_db *db;
    must(cmt_db_open(dir, &options, &db, &err));
    return db;
}

static cmt_db *open_with(const char *engine, const char *dir)
{
    return open_sized(engine, dir, (size_t)1 << 20);
}

static void wait_for_end(void)
{
    char byte;
    puts("held");
    fflush(stdout);
    while (read(STDIN_FILENO, &byte, 1) > 0)
        continue;
}

static int hold(const char *engine, char **dirs, int count)
{
    cmt_db *dbs[8];
    for (int i = 0; i < count; i++)
        dbs[i] = open_with(engine, dirs[i]);
    wait_for_end();
    for (int i = 0; i < count; i++)
        cmt_db_close(dbs[i]);
    return 0;
}

static int lock(char **dirs, int count)
{
    cmt_db_lock *locks[8];
    for (int i = 0; i < count; i++)
        must(cmt_db_lock_take(dirs[i], &locks[i], &err));
    wait_for_end();
    for (int i = 0; i < count; i++)
        cmt_db_lock_release(locks[i]);
    return 0;
}

/* Batch n: eight keys "new:<n>:<i>" of 4000 bytes; every key of the batches before stays. */
static void write_batch(cmt_db *db, cmt_db_batch *batch, unsigned long n, bool sync)
{
    char key[48];
    uint8_t value[4000];
    for (size_t i = 0; i < sizeof value; i++)
        value[i] = (uint8_t)((n * 2654435761u + i * i) >> 7);
    cmt_db_batch_clear(batch);
    for (int i = 0; i < 8; i++) {
        int size = snprintf(key, sizeof key, "new:%08lu:%d", n, i);
        must(cmt_db_batch_put(batch, (cmt_slice){(const uint8_t *)key, (size_t)size},
                              (cmt_slice){value, sizeof value}, &err));
    }
    must(cmt_db_write(db, batch, sync, &err));
}

static void write_without_end(const char *engine, const char *dir)
{
    cmt_db *db = open_with(engine, dir);
    cmt_db_batch *batch;
    must(cmt_db_batch_new(&batch, &err));
    for (unsigned long n = 0;; n++) {
        bool sync = n % 5 == 4;
        write_batch(db, batch, n, sync);
        if (sync) {
            printf("%lu\n", n);
            fflush(stdout);
        }
        if (n % 60 == 59)
            must(cmt_db_compact_range(db, (cmt_range){CMT_SLICE("new:"), CMT_SLICE("new;")}, &err));
    }
}

typedef struct rewriting {
    cmt_db *db;
    cmt_db_batch *batch;
    unsigned long number;
} rewriting;

static void write_and_say(rewriting *r)
{
    write_batch(r->db, r->batch, r->number, true);
    printf("%lu\n", r->number++);
    fflush(stdout);
}

/* From "halted" on a write would wait for the rewrite, which waits for us. */
static cmt_status write_at(void *context, const char *step, cmt_error *unused)
{
    static const char *const steps[] = {"opened", "snapshot", "copied", "flushed", "verified"};
    (void)unused;
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++)
        if (strcmp(step, steps[i]) == 0)
            write_and_say(context);
    return CMT_OK;
}

static void rewrite_database(const char *engine, const char *dir)
{
    rewriting r = {.db = open_with(engine, dir), .number = (unsigned long)getpid() * 100};
    const cmt_db_rewrite_options options = {.at_step = write_at, .step_context = &r};
    cmt_db_rewrite_result result;
    must(cmt_db_batch_new(&r.batch, &err));
    if (cmt_db_rewrite(r.db, &options, &result, &err) != CMT_OK) {
        fprintf(stderr, "engine_db: %s\n", err.message);
        _exit(1); /* beside an open RocksDB the destructors of exit() are not safe */
    }
    write_and_say(&r);
    cmt_db_batch_free(r.batch);
    cmt_db_close(r.db);
}

#define FILL_HEIGHTS 600
#define FILL_VALUE 4000

static void fill(const char *engine, const char *dir, size_t bytes)
{
    static uint8_t noise[1 << 20];
    uint64_t random = 88172645463325252u;
    for (size_t i = 0; i < sizeof noise; i++) {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        noise[i] = (uint8_t)random;
    }
    cmt_db *db = open_sized(engine, dir, 2 * bytes);
    cmt_db_batch *batch;
    must(cmt_db_compact_range(db, (cmt_range){{NULL, 0}, {NULL, 0}}, &err));
    must(cmt_db_batch_new(&batch, &err));
    for (size_t n = 0; n * FILL_VALUE < bytes; n++) {
        char key[48];
        int size =
            snprintf(key, sizeof key, "P:%zu:%zu", n % FILL_HEIGHTS + 1, n / FILL_HEIGHTS + 1000);
        const uint8_t *value = noise + n * 977 % (sizeof noise - FILL_VALUE);
        must(cmt_db_batch_put(batch, (cmt_slice){(const uint8_t *)key, (size_t)size},
                              (cmt_slice){value, FILL_VALUE}, &err));
        if (cmt_db_batch_count(batch) < 256)
            continue;
        must(cmt_db_write(db, batch, false, &err));
        cmt_db_batch_clear(batch);
    }
    must(cmt_db_write(db, batch, true, &err));
    must(cmt_db_flush(db, &err));
    cmt_db_batch_free(batch);
    cmt_db_close(db);
}

int main(int argc, char **argv)
{
    const char *command = argc > 2 ? argv[1] : "";
    if (strcmp(command, "hold") == 0 && argc > 3 && argc < 11)
        return hold(argv[2], argv + 3, argc - 3);
    if (strcmp(command, "lock") == 0 && argc < 10)
        return lock(argv + 2, argc - 2);
    if (strcmp(command, "open") == 0 && argc == 4) {
        cmt_db_close(open_with(argv[2], argv[3]));
        return 0;
    }
    if (strcmp(command, "write") == 0 && argc == 4)
        write_without_end(argv[2], argv[3]);
    if (strcmp(command, "fill") == 0 && argc == 5) {
        fill(argv[2], argv[3], strtoul(argv[4], NULL, 10) << 20);
        return 0;
    }
    if (strcmp(command, "rewrite") == 0 && argc == 4) {
        rewrite_database(argv[2], argv[3]);
        return 0;
    }
    if (strcmp(command, "heal") == 0 && argc == 3) {
        must(cmt_db_heal(argv[2], NULL, NULL, &err));
        return 0;
    }
    fprintf(
        stderr,
        "usage: engine_db hold ENGINE DIR... | lock DIR... | open ENGINE DIR | write ENGINE DIR | "
        "fill ENGINE DIR MIB | heal DIR | rewrite ENGINE DIR\n");
    return 2;
}
