/* SPDX-License-Identifier: Apache-2.0
 *
 * Standard error: log lines and the progress bar, which share the last line of a terminal.
 */
#ifndef CMT_CMD_CONSOLE_H
#define CMT_CMD_CONSOLE_H

#include "options.h"

#include <pthread.h>

/* Never in a line. */
#define CMD_CONSOLE_MARK '\0'

/* What the progress hook shows; the library never calls it twice at a time. */
typedef struct cmd_shown {
    char phase[32];
    char database[16];
    uint64_t total;
    int64_t began_ns; /* of the monotonic clock: when the phase began */
    int64_t heard_ns; /* when it was last reported */
    int64_t drawn_ns; /* when it was last shown */
} cmd_shown;

typedef struct cmd_console {
    bool terminal; /* standard error is one */
    int screen;    /* where it shows: a worker's standard error is a pipe */
    int shown_fd;  /* of a worker: answers CMD_CONSOLE_MARK when all before it is shown; else -1 */
    bool quiet;
    bool json;
    bool finishing; /* past the point where a request to stop means anything */
    cmt_log_level level;
    cmd_shown shown;
    pthread_mutex_t lock; /* guards bar_shown and what goes to standard error with it: the library
                             logs from any of its threads */
    bool bar_shown;
    cmt_logger logger; /* hand these to the library */
    cmt_progress_hook progress;
} cmd_console;

void cmd_console_init(cmd_console *console, const cmd_options *options);

/** Take the bar away, so that something else can be printed, also on standard output. */
void cmd_console_clear(cmd_console *console);
/** The same for who holds the lock. */
void cmd_console_clear_locked(cmd_console *console);

/** From here on a request to stop is only acknowledged. */
void cmd_console_finishing(cmd_console *console);

/** Ask a question that wants y or yes.  @retval CMT_CANCELLED  anything else, or a signal */
CMT_MUST_CHECK cmt_status cmd_console_ask(cmd_console *console, const char *question,
                                          cmt_error *err);

/* The two hooks (log.c, progress.c); the context is the console. */
void cmd_log_line(void *context, cmt_log_level level, const char *message);
bool cmd_progress_report(void *context, const cmt_progress *progress);

#endif
