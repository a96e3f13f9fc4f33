/* SPDX-License-Identifier: Apache-2.0
 *
 * A process that keeps a compaction journal is killed at each call by which it changes a file, or the call fails.
 * A journal opened behind a kill says what it said before or after the step that was under way; a failure changes
 * nothing, and the step then works.
 */
#include "journal_script.h"

#include "files.h"
#include "must.h"
#include "suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define TEXT 65536
/* A step makes the directory, removes what lies in the way, creates the file, gives it its owner, writes, syncs and
 * renames it, and syncs the directory; the first one also gives that its owner, and syncs the data directory. */
#define CALLS (8 * JOURNAL_STEPS + 2)
/* All but that nothing lay in the way. */
#define CALLS_THAT_MUST_WORK (CALLS - JOURNAL_STEPS)

static char states[JOURNAL_STEPS + 1][TEXT]; /* after so many steps */
static const char *self;

/* What was running is submitted again. */
static void submit_what_ran(char *text)
{
    static char rest[TEXT];
    for (char *p; (p = strstr(text, " running ")) != NULL;) {
        snprintf(rest, sizeof rest, "%s", p + strlen(" running "));
        snprintf(p, TEXT - (size_t)(p - text), " submitted %s", rest);
    }
}

static void setup(void)
{
    cmt_compact_journal *journal = journal_open(NULL, NULL);
    for (int i = 0; i <= JOURNAL_STEPS; i++) {
        journal_describe(journal, states[i], TEXT);
        submit_what_ran(states[i]);
        if (i < JOURNAL_STEPS)
            MUST(journal_step(journal, i, &error));
    }
    cmt_compact_journal_close(journal);
}

/* ---- the process that is disturbed ------------------------------------------------------------ */

/* Tells of each step that was done. */
static int play(const char *dir)
{
    static char before[TEXT];
    static char after[TEXT];
    cmt_error err;
    cmt_compact_journal *journal = journal_open(dir, NULL);
    for (int i = 0; i < JOURNAL_STEPS; i++) {
        journal_describe(journal, before, sizeof before);
        if (journal_step(journal, i, &err) != CMT_OK) {
            journal_describe(journal, after, sizeof after);
            if ((i != 0 && i != 4 && strcmp(before, after) != 0) || putchar('F') == EOF)
                return 1; /* (what was noted before a flush that failed is still noted) */
            if ((i == 0 || i == 4 ? cmt_compact_journal_flush(journal, &err)
                                  : journal_step(journal, i, &err)) != CMT_OK)
                return 2;
        }
        if (putchar('.') == EOF || fflush(stdout) != 0)
            return 3;
    }
    cmt_compact_journal_close(journal);
    return 0;
}

static void become(const char *dir, const char *action, int at, const char *error_number)
{
    char number[16];
    snprintf(number, sizeof number, "%d", at);
    setenv("LD_PRELOAD", getenv("CMT_TEST_INJECT"), 1);
    setenv("CMT_INJECT_ROOT", dir, 1);
    setenv("CMT_INJECT_ACTION", action, 1);
    setenv("CMT_INJECT_AT", number, 1);
    setenv("CMT_INJECT_ERRNO", error_number, 1);
    execl(self, self, "play", dir, (char *)NULL);
    _exit(99);
}

typedef struct outcome {
    int status; /* of waitpid */
    int done;   /* steps */
    bool failed;
} outcome;

static outcome disturb(const char *dir, const char *action, int at, const char *error_number)
{
    int ends[2];
    char c;
    outcome out = {0};
    ck_assert_int_eq(pipe(ends), 0);
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        dup2(ends[1], STDOUT_FILENO);
        become(dir, action, at, error_number);
    }
    close(ends[1]);
    while (read(ends[0], &c, 1) == 1) {
        out.done += c == '.';
        out.failed = out.failed || c == 'F';
    }
    close(ends[0]);
    ck_assert_int_eq(waitpid(pid, &out.status, 0), pid);
    return out;
}

/* ---- looking behind it ------------------------------------------------------------------------ */

static unsigned warnings;

static void count_warning(void *context, cmt_log_level level, const char *message)
{
    (void)context;
    (void)level;
    fprintf(stderr, "%s\n", message);
    warnings++;
}

/* The state after so many steps, or with `or_next` after one more; and it goes on from there. */
static void expect_state(const char *dir, int done, bool or_next, const char *what, int at)
{
    static char found[TEXT];
    const cmt_logger logger = {count_warning, NULL};
    const cmt_journal_counters one = {1, 1, 1};
    char *home = files_path(dir, "cmtstore");
    cmt_compact_journal *journal = journal_open(dir, &logger);
    journal_describe(journal, found, sizeof found);
    submit_what_ran(found);
    if (strcmp(found, states[done]) != 0 &&
        (!or_next || done == JOURNAL_STEPS || strcmp(found, states[done + 1]) != 0))
        ck_abort_msg("%s at call %d, after %d steps:\n%s", what, at, done, found);
    ck_assert_uint_eq(warnings, 0);
    cmt_compact_journal_note(journal, CMT_JOURNAL_STATE, &one);
    MUST(cmt_compact_journal_flush(journal, &error));
    ck_assert_uint_eq(files_count(home, ""), 3); /* with . and .. */
    cmt_compact_journal_close(journal);
    free(home);
}

/* How many calls there are is known when one is no longer reached. */
static int kill_at_each_call(const char *action)
{
    for (int at = 1; at <= CALLS + 1; at++) {
        char *dir = files_temp();
        outcome out = disturb(dir, action, at, "0");
        if (WIFEXITED(out.status)) {
            ck_assert_int_eq(WEXITSTATUS(out.status), 0);
            expect_state(dir, JOURNAL_STEPS, false, action, at);
            files_remove(dir);
            return at - 1;
        }
        ck_assert(WIFSIGNALED(out.status) && WTERMSIG(out.status) == SIGKILL);
        expect_state(dir, out.done, true, action, at);
        files_remove(dir);
    }
    ck_abort_msg("no end");
    return 0;
}

START_TEST(a_kill_before_any_call_leaves_the_old_or_the_new_state)
{
    ck_assert_int_eq(kill_at_each_call("kill-before"), CALLS);
}
END_TEST

START_TEST(a_kill_behind_any_call_leaves_the_old_or_the_new_state)
{
    ck_assert_int_eq(kill_at_each_call("kill-after"), CALLS);
}
END_TEST

/* Returns how many calls made a step fail. */
static int fail_each_call(const char *action, const char *error_number)
{
    int failures = 0;
    for (int at = 1; at <= CALLS; at++) {
        char *dir = files_temp();
        outcome out = disturb(dir, action, at, error_number);
        ck_assert(WIFEXITED(out.status));
        ck_assert_msg(WEXITSTATUS(out.status) == 0, "%s %s at call %d: %d", action, error_number,
                      at, WEXITSTATUS(out.status));
        expect_state(dir, JOURNAL_STEPS, false, action, at);
        files_remove(dir);
        failures += out.failed;
    }
    return failures;
}

START_TEST(a_call_that_fails_changes_nothing)
{
    ck_assert_int_eq(fail_each_call("fail", "5"), CALLS_THAT_MUST_WORK); /* EIO */
}
END_TEST

START_TEST(a_full_disk_changes_nothing)
{
    ck_assert_int_eq(fail_each_call("fail", "28"), CALLS_THAT_MUST_WORK); /* ENOSPC */
}
END_TEST

START_TEST(a_write_that_is_cut_short_is_gone_on_with)
{
    ck_assert_int_eq(fail_each_call("short", "0"), 0);
}
END_TEST

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "play") == 0)
        return play(argv[2]);
    self = argv[0];
    if (access("/dev/shm", W_OK) == 0) /* a killed process leaves there what it leaves on a disk */
        setenv("TMPDIR", "/dev/shm", 0);
    Suite *suite = suite_create("journal_kills");
    TCase *tc = tcase_create("journal");
    suite_add_tcase(suite, tc);
    tcase_add_unchecked_fixture(tc, setup, NULL);
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, a_kill_before_any_call_leaves_the_old_or_the_new_state);
    tcase_add_test(tc, a_kill_behind_any_call_leaves_the_old_or_the_new_state);
    tcase_add_test(tc, a_call_that_fails_changes_nothing);
    tcase_add_test(tc, a_full_disk_changes_nothing);
    tcase_add_test(tc, a_write_that_is_cut_short_is_gone_on_with);

    return suite_run(suite);
}
