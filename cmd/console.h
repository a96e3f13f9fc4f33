/* SPDX-License-Identifier: Apache-2.0
 *
 * Standard error: log lines and the progress bar, which share the last line of a terminal.
 * The library may log from any of its threads: the lock of the stream guards bar_shown.
 */
#ifndef CMT_CMD_CONSOLE_H
#define CMT_CMD_CONSOLE_H

#include "options.h"

typedef struct cmd_console {
    bool terminal; /* standard error is one */
    bool quiet;
    bool json;
    cmt_log_level level;
    bool bar_shown;
    bool finishing;    /* past the point where a request to stop means anything */
    int64_t last_ns;   /* of the monotonic clock: when progress was last shown */
    int64_t phase_ns;  /* when the phase began */
    char phase[64];    /* the phase and its database */
    cmt_logger logger; /* hand these to the library */
    cmt_progress_hook progress;
} cmd_console;

void cmd_console_init(cmd_console *console, const cmd_options *options);

/** Take the bar away, so that something else can be printed. */
void cmd_console_clear(cmd_console *console);

/** From here on a request to stop is only acknowledged. */
void cmd_console_finishing(cmd_console *console);

/** Ask a question that wants y or yes.  @retval CMT_CANCELLED  anything else, or a signal */
CMT_MUST_CHECK cmt_status cmd_console_ask(cmd_console *console, const char *question,
                                          cmt_error *err);

/* For console.c alone: log.c, progress.c. */
void cmd_log_line(void *context, cmt_log_level level, const char *message);
bool cmd_progress_report(void *context, const cmt_progress *progress);

#endif
