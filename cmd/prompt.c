/* SPDX-License-Identifier: Apache-2.0
 *
 * The one question that a terminal gets.
 */
#include "console.h"
#include "signals.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <strings.h>
#include <unistd.h>

/* A signal that comes right before poll does not end it: look at the flag now and then. */
#define LOOK_EVERY_MS 100

/* Reads one line.  False when a signal came or there is nothing to read from. */
static bool read_answer(char *answer, size_t size)
{
    size_t used = 0;
    while (used + 1 < size && !cmd_signals_stop_requested()) {
        struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
        if (poll(&input, 1, LOOK_EVERY_MS) < 0 && errno != EINTR)
            return false;
        if (input.revents == 0)
            continue;
        ssize_t n = read(STDIN_FILENO, answer + used, 1);
        if (n <= 0 || answer[used] == '\n')
            break;
        used++;
    }
    answer[used] = '\0';
    return !cmd_signals_stop_requested();
}

cmt_status cmd_console_ask(cmd_console *console, const char *question, cmt_error *err)
{
    char answer[16];
    cmd_console_clear(console);
    fprintf(stderr, "%s [y/N] ", question);
    fflush(stderr);
    if (!read_answer(answer, sizeof answer)) {
        fputc('\n', stderr);
        return CMT_CANCELLED;
    }
    if (strcasecmp(answer, "y") != 0 && strcasecmp(answer, "yes") != 0)
        return cmt_error_set(err, CMT_CANCELLED, "stopped on request; nothing was changed");
    return CMT_OK;
}
