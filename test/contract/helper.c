/* SPDX-License-Identifier: Apache-2.0
 *
 * What runs in a process of its own: writers that are killed, compactions that fail, second openers.  A process
 * of its own is one that was started anew: a forked copy of one whose engine has threads is not sound.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "contract.h"

static const char *const names[] = {"leveldb", "rocksdb", "memory", "view"};

#define ARGUMENTS 8

pid_t helper_start(const char *const argv[], int *out)
{
    const char *args[ARGUMENTS + 4] = {"helper", "helper", names[backend]};
    size_t count = 3;
    for (size_t i = 0; argv[i] != NULL && i < ARGUMENTS; i++)
        args[count++] = argv[i];
    args[count] = NULL;
    int ends[2];
    ck_assert_int_eq(pipe(ends), 0);
    pid_t pid = fork();
    if (pid == 0) {
        dup2(ends[1], STDOUT_FILENO);
        close(ends[0]);
        close(ends[1]);
        execv("/proc/self/exe", (char *const *)args);
        _exit(127);
    }
    ck_assert_int_gt(pid, 0);
    close(ends[1]);
    *out = ends[0];
    return pid;
}

long helper_run(const char *const argv[], int *status)
{
    char line[64] = "";
    int out;
    pid_t pid = helper_start(argv, &out);
    FILE *said = fdopen(out, "r");
    ck_assert_ptr_nonnull(said);
    bool any = fgets(line, sizeof line, said) != NULL;
    fclose(said);
    ck_assert_int_eq(waitpid(pid, status, 0), pid);
    return any ? strtol(line, NULL, 10) : -1;
}

static void say(long number)
{
    printf("%ld\n", number);
    fflush(stdout);
}

static void open_with(const char *path, bool only_asked_compactions)
{
    cmt_db_open_options options = contract_options();
    options.only_asked_compactions = only_asked_compactions;
    if (cmt_db_open(path, &options, &db, &err) == CMT_OK)
        return;
    fprintf(stderr, "helper: %s\n", err.message);
    exit(1);
}

static void open_or_exit(const char *path)
{
    open_with(path, false);
}

/* Say how an attempt to open ended. */
static int try_open(const char *path)
{
    cmt_db_open_options options = contract_options();
    cmt_status st = cmt_db_open(path, &options, &db, &err);
    cmt_db_close(db);
    say(st);
    return 0;
}

/* Two layers of the same keys, then no file may grow beyond what a merged table needs. */
static int fail_compaction(const char *path)
{
    open_with(path, true); /* else RocksDB may be done before there is a limit */
    for (uint64_t layer = 0; layer < 2; layer++) {
        put_many(0, 90, 10000, layer);
        if (layer == 1)
            put_text("k00000000 last", "1");
        if (cmt_db_flush(db, &err) != CMT_OK)
            return 1;
    }
    struct rlimit limit = {200000, 200000};
    signal(SIGXFSZ, SIG_IGN);
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0)
        return 1;
    say(cmt_db_compact_range(db, (cmt_range){{NULL, 0}, {NULL, 0}}, &err));
    _exit(0); /* as a process that was told so would: the handle is of no more use */
}

/* ---- the writer that is killed ---------------------------------------------------------------- */

/* Batch n puts ten keys and takes away those of batch n-50, so that tables are rewritten. */
static cmt_status write_one_batch(long n, bool sync)
{
    char key[32];
    uint8_t value[3000];
    cmt_db_batch *batch = new_batch();
    fill_random(value, sizeof value, (uint64_t)n);
    for (int i = 0; i < 10; i++) {
        snprintf(key, sizeof key, "b%08ld.%d", n, i);
        must(cmt_db_batch_put(batch, text(key), (cmt_slice){value, sizeof value}, &err));
    }
    if (n >= 50) {
        char lo[32];
        char hi[32];
        snprintf(lo, sizeof lo, "b%08ld", n - 50);
        snprintf(hi, sizeof hi, "b%08ld", n - 49);
        must(cmt_db_batch_delete_range(batch, (cmt_range){text(lo), text(hi)}, &err));
    }
    cmt_status st = cmt_db_write(db, batch, sync, &err);
    cmt_db_batch_free(batch);
    return st;
}

/* Every seventh batch is synced, and said. */
static int write_until_killed(const char *path)
{
    open_or_exit(path);
    for (long n = 0;; n++) {
        bool sync = n % 7 == 6;
        if (write_one_batch(n, sync) != CMT_OK)
            return 1;
        if (sync)
            say(n);
        if (n % 120 == 119 &&
            cmt_db_compact_range(db, (cmt_range){text("b"), text("c")}, &err) != CMT_OK)
            return 1;
    }
}

int helper_main(int argc, char **argv)
{
    in_helper = true;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(argv[0], names[i]) == 0)
            backend = (contract_backend)i;
    if (argc == 3 && strcmp(argv[1], "open") == 0)
        return try_open(argv[2]);
    if (argc == 3 && strcmp(argv[1], "fail-compaction") == 0)
        return fail_compaction(argv[2]);
    if (argc == 3 && strcmp(argv[1], "write") == 0)
        return write_until_killed(argv[2]);
    return 2;
}
