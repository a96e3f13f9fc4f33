/* SPDX-License-Identifier: Apache-2.0
 *
 * A writer is killed: what was synced is all there, and what is there is a prefix of what was written, no batch
 * of it in part.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "contract.h"

/* How many of a batch's ten keys are there. */
static int keys_of(long n)
{
    int found = 0;
    char key[32];
    cmt_buf value = CMT_BUF_INIT;
    for (int i = 0; i < 10; i++) {
        snprintf(key, sizeof key, "b%08ld.%d", n, i);
        cmt_status st = cmt_db_get(db, text(key), &value, &err);
        ck_assert_msg(st == CMT_OK || st == CMT_NOT_FOUND, "%s", err.message);
        found += st == CMT_OK;
    }
    cmt_buf_free(&value);
    return found;
}

/* Let a writer report `count` synced batches, kill it; the last batch it reported. */
static long kill_writer_after(int count, unsigned wait_us)
{
    int out;
    char line[64];
    long last = -1;
    int status;
    pid_t pid = helper_start((const char *[]){"write", dir, NULL}, &out);
    FILE *said = fdopen(out, "r");
    ck_assert_ptr_nonnull(said);
    for (int i = 0; i < count && fgets(line, sizeof line, said) != NULL; i++)
        last = strtol(line, NULL, 10);
    usleep(wait_us);
    ck_assert_int_eq(kill(pid, SIGKILL), 0);
    while (fgets(line, sizeof line, said) != NULL)
        last = strtol(line, NULL, 10);
    fclose(said);
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    return last;
}

static void open_after_kill(void)
{
    cmt_db_open_options options = contract_options();
    options.create = false;
    must(cmt_db_open(dir, &options, &db, &err));
}

static void expect_prefix(long synced)
{
    long newest = synced;
    while (keys_of(newest + 1) > 0)
        newest++;
    for (long n = 0; n <= newest; n++)
        ck_assert_msg(keys_of(n) == (n > newest - 50 ? 10 : 0),
                      "batch %ld of %ld (synced %ld): %d keys", n, newest, synced, keys_of(n));
    for (long n = newest + 1; n < newest + 200; n++)
        ck_assert_int_eq(keys_of(n), 0);
}

START_TEST(after_a_kill_synced_writes_are_there_and_the_rest_is_a_prefix)
{
    close_db();
    long synced = kill_writer_after(3 + _i * 11, (unsigned)_i * 1700);
    ck_assert_int_ge(synced, 0);
    if (backend == ON_LEVELDB) {
        bool needed = false;
        must(cmt_db_needs_heal(dir, &needed, &err));
        ck_assert(needed);
    }
    open_after_kill();
    expect_prefix(synced);
    contract_reopen();
    expect_prefix(synced);
}
END_TEST

TCase *crash_cases(void)
{
    TCase *tc = tcase_create("crash");
    tcase_add_checked_fixture(tc, contract_setup, contract_teardown);
    tcase_set_timeout(tc, 60);
    if (backend == ON_LEVELDB || backend == ON_ROCKSDB)
        tcase_add_loop_test(tc, after_a_kill_synced_writes_are_there_and_the_rest_is_a_prefix, 0,
                            8);
    return tc;
}
