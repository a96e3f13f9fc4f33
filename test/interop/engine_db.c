/* SPDX-License-Identifier: Apache-2.0
 *
 * Databases opened with cmt_db_open(), for tests that watch from outside.
 *
 *   engine_db hold ENGINE DIR...   open and keep open until stdin ends
 *   engine_db lock DIR...          the same with the two locks that an edit takes
 *   engine_db open ENGINE DIR      open and close
 *   engine_db write ENGINE DIR     put batches without end, with compactions in between; say the number of
 *                                  each batch that was synced
 *   engine_db heal DIR             cmt_db_heal()
 *
 * Exit status: 0; 3 refused as unsupported; 4 busy; 1 any other failure; 2 usage.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmtstore/db.h"

static cmt_error err = CMT_ERROR_INIT;

static void must(cmt_status status)
{
    if (status == CMT_OK)
        return;
    fprintf(stderr, "engine_db: %s\n", err.message);
    exit(status == CMT_BUSY ? 4 : status == CMT_UNSUPPORTED ? 3 : 1);
}

static cmt_db *open_with(const char *engine, const char *dir)
{
    const cmt_db_open_options options = {
        .engine = cmt_engine_from_name(engine),
        .write_buffer_bytes = (size_t)1 << 20,
    };
    cmt_db *db;
    must(cmt_db_open(dir, &options, &db, &err));
    return db;
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
    if (strcmp(command, "heal") == 0 && argc == 3) {
        must(cmt_db_heal(argv[2], NULL, NULL, &err));
        return 0;
    }
    fprintf(
        stderr,
        "usage: engine_db hold ENGINE DIR... | lock DIR... | open ENGINE DIR | write ENGINE DIR | "
        "heal DIR\n");
    return 2;
}
