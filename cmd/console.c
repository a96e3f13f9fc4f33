/* SPDX-License-Identifier: Apache-2.0
 *
 * What log lines, progress and questions share.
 */
#include "console.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

void cmd_console_init(cmd_console *console, const cmd_options *options)
{
    *console = (cmd_console){
        .terminal = isatty(STDERR_FILENO) == 1,
        .screen = STDERR_FILENO,
        .shown_fd = -1,
        .quiet = options->quiet,
        .json = options->log_json,
        .lock = PTHREAD_MUTEX_INITIALIZER,
    };
    if (options->quiet)
        console->level = CMT_LOG_ERROR;
    else if (options->has_log_level)
        console->level = options->log_level;
    else
        console->level = console->terminal ? CMT_LOG_WARN : CMT_LOG_INFO;
    console->logger = (cmt_logger){cmd_log_line, console};
    console->progress = (cmt_progress_hook){cmd_progress_report, console};
}

/* A worker's lines take the way through its parent, standard output does not. */
static void wait_until_shown(const cmd_console *console)
{
    char mark = CMD_CONSOLE_MARK;
    if (console->shown_fd < 0 || write(STDERR_FILENO, &mark, 1) != 1)
        return;
    while (read(console->shown_fd, &mark, 1) < 0 && errno == EINTR)
        continue;
}

void cmd_console_clear(cmd_console *console)
{
    pthread_mutex_lock(&console->lock);
    cmd_console_clear_locked(console);
    pthread_mutex_unlock(&console->lock);
    wait_until_shown(console);
}

void cmd_console_clear_locked(cmd_console *console)
{
    if (console->bar_shown)
        fputs("\r\033[K", stderr);
    console->bar_shown = false;
}

void cmd_console_finishing(cmd_console *console)
{
    console->finishing = true;
}
