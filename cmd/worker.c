/* SPDX-License-Identifier: Apache-2.0
 *
 * Parent and child.  The child has a pipe as its standard error, so that the text of a failed assertion
 * does not get between our lines, a second pipe for its result, and a third that tells it what has been shown.
 */
#include "worker.h"
#include "console.h"
#include "signals.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

/* Less than this free, and a death is put down to the full disk. */
#define FULL_BYTES ((uint64_t)32 << 20)

typedef struct outcome {
    cmt_status status;
    cmt_error error;
} outcome;

typedef struct worker {
    pid_t pid;
    int errors[2]; /* the child's standard error */
    int result[2];
    int shown[2];          /* an answer for each mark on standard error */
    bool asked;            /* to stop */
    char assertion[160];   /* what a failed one said; empty: none did */
    const char *directory; /* of the databases */
} worker;

static void close_both(int ends[2])
{
    for (int i = 0; i < 2; i++) {
        if (ends[i] >= 0)
            close(ends[i]);
        ends[i] = -1;
    }
}

static bool write_all(int fd, const void *data, size_t size)
{
    const char *p = data;
    while (size > 0) {
        ssize_t n = write(fd, p, size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        p += n;
        size -= (size_t)n;
    }
    return true;
}

static _Noreturn void be_child(worker *w, const cmd_context *context,
                               cmt_status (*function)(const cmd_context *, cmt_error *))
{
    outcome o = {.error = CMT_ERROR_INIT};
    prctl(PR_SET_PDEATHSIG,
          SIGTERM); /* whoever waits for the result is gone: stop where it is safe */
    close(w->errors[0]);
    close(w->result[0]);
    close(w->shown[1]);
    context->console->shown_fd = w->shown[0];
    context->console->screen = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    dup2(w->errors[1], STDERR_FILENO);
    close(w->errors[1]);
    o.status = function(context, &o.error);
    fflush(stdout);
    fflush(stderr);
    _exit(write_all(w->result[1], &o, sizeof o) ? 0 : 1);
}

/* glibc writes "<program>: <file>:<line>: <function>: Assertion `<text>' failed." in one go. */
static bool is_assertion(worker *w, const char *text)
{
    const char *at = strstr(text, "Assertion `");
    if (at == NULL)
        return false;
    size_t size = strcspn(at, "\n");
    if (size >= sizeof w->assertion)
        size = sizeof w->assertion - 1;
    memcpy(w->assertion, at, size);
    w->assertion[size] = '\0';
    return true;
}

static void show(worker *w, const char *text, size_t size)
{
    /* Where nobody listens the work goes on. */
    if (size > 0 && !is_assertion(w, text))
        (void)write_all(STDERR_FILENO, text, size);
}

/* The text ends with a NUL that does not count; each one inside is a mark. */
static void show_to_marks(worker *w, const char *text, size_t size)
{
    size_t length = strlen(text);
    while (length < size) {
        const char answer = CMD_CONSOLE_MARK;
        show(w, text, length);
        (void)write_all(w->shown[1], &answer, 1);
        text += length + 1;
        size -= length + 1;
        length = strlen(text);
    }
    show(w, text, size);
}

/* Pass on what the child says until it has closed its standard error. */
static void relay(worker *w)
{
    char text[4097];
    for (;;) {
        struct pollfd fd = {.fd = w->errors[0], .events = POLLIN};
        int ready = poll(&fd, 1, 200);
        if (cmd_signals_stop_requested() && !w->asked) {
            kill(w->pid, SIGTERM);
            w->asked = true;
        }
        if (ready <= 0)
            continue;
        ssize_t n = read(w->errors[0], text, sizeof text - 1);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return;
        text[n] = '\0';
        show_to_marks(w, text, (size_t)n);
    }
}

static bool read_outcome(const worker *w, outcome *o)
{
    size_t done = 0;
    while (done < sizeof *o) {
        ssize_t n = read(w->result[0], (char *)o + done, sizeof *o - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        done += (size_t)n;
    }
    return true;
}

static cmt_status explain_death(const worker *w, int how, cmt_error *err)
{
    struct statvfs fs;
    if (statvfs(w->directory, &fs) == 0 && (uint64_t)fs.f_bavail * fs.f_frsize < FULL_BYTES)
        return cmt_error_set(
            err, CMT_NO_SPACE,
            "the disk is full and the database engine gave up; the databases are as "
            "after a crash, which they stand; free some space and run this again");
    return cmt_error_set(err, CMT_IO,
                         "the database engine ended its process (signal %d%s%s); the databases are "
                         "as after a crash, which they stand; run this again",
                         WIFSIGNALED(how) ? WTERMSIG(how) : 0, w->assertion[0] != '\0' ? ", " : "",
                         w->assertion);
}

static cmt_status be_parent(worker *w, cmt_error *err)
{
    outcome o;
    int how = 0;
    close(w->errors[1]);
    close(w->result[1]);
    close(w->shown[0]);
    w->errors[1] = w->result[1] = w->shown[0] = -1;
    relay(w);
    bool whole = read_outcome(w, &o);
    while (waitpid(w->pid, &how, 0) < 0 && errno == EINTR)
        continue;
    if (!whole)
        return explain_death(w, how, err);
    if (o.status != CMT_OK && err != NULL)
        *err = o.error;
    return o.status;
}

cmt_status cmd_worker_run(const cmd_context *context,
                          cmt_status (*function)(const cmd_context *, cmt_error *),
                          const char *directory, cmt_error *err)
{
    worker w = {.errors = {-1, -1}, .result = {-1, -1}, .shown = {-1, -1}, .directory = directory};
    cmt_status status = CMT_OK;
    fflush(stdout);
    fflush(stderr);
    /* Of both: whoever signals a whole group does so twice, since we pass it on, and an engine ends where it
     * is safe for it. */
    cmd_signals_only_ask();
    if (pipe2(w.errors, O_CLOEXEC) != 0 || pipe2(w.result, O_CLOEXEC) != 0 ||
        pipe2(w.shown, O_CLOEXEC) != 0 || (w.pid = fork()) < 0)
        status = cmt_error_set(err, CMT_IO, "cannot start a worker process: %s", strerror(errno));
    else if (w.pid == 0)
        be_child(&w, context, function);
    else
        status = be_parent(&w, err);
    close_both(w.errors);
    close_both(w.result);
    close_both(w.shown);
    return status;
}
