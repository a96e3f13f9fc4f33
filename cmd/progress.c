/* SPDX-License-Identifier: Apache-2.0
 *
 * Progress: a bar on a terminal, a log line now and then elsewhere; and the way in which a request
 * to stop reaches the library.
 */
#include "console.h"
#include "signals.h"
#include "units.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define BAR_EVERY_NS INT64_C(100000000)
#define LINE_EVERY_NS INT64_C(5000000000)
#define BAR_WIDTH 24

static int64_t now_ns(void)
{
    struct timespec now = {0, 0};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static double share_of(const cmt_progress *progress)
{
    if (progress->total == 0)
        return 0;
    double share = (double)progress->done / (double)progress->total;
    return share < 1 ? share : 1;
}

static cmd_words amount(const cmt_progress *progress, uint64_t value)
{
    cmd_words words;
    if (progress->bytes)
        return cmd_human_bytes(value);
    snprintf(words.text, sizeof words.text, "%" PRIu64, value);
    return words;
}

static int terminal_width(void)
{
    struct winsize size;
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col < 20)
        return 80;
    return size.ws_col < 200 ? size.ws_col : 200;
}

static void draw_bar(cmd_console *console, const cmt_progress *progress, int64_t now)
{
    char line[256];
    double share = share_of(progress);
    if (progress->total > 0) {
        char bar[BAR_WIDTH + 1];
        size_t full = (size_t)(share * BAR_WIDTH);
        memset(bar, '.', BAR_WIDTH);
        memset(bar, '#', full);
        bar[BAR_WIDTH] = '\0';
        char left[48] = "";
        int64_t spent = now - console->phase_ns;
        if (share > 0.02 && share < 1 && spent > 2 * INT64_C(1000000000))
            snprintf(left, sizeof left, "  %s left",
                     cmd_human_ms((int64_t)((double)spent / share * (1 - share)) / 1000000).text);
        snprintf(line, sizeof line, "%-20s [%s] %3d %%  %s of %s%s", console->phase, bar,
                 (int)(share * 100), amount(progress, progress->done).text,
                 amount(progress, progress->total).text, left);
    } else {
        snprintf(line, sizeof line, "%-20s %s", console->phase,
                 amount(progress, progress->done).text);
    }
    flockfile(stderr);
    fprintf(stderr, "\r%.*s\033[K", terminal_width() - 1, line);
    console->bar_shown = true;
    funlockfile(stderr);
}

static void log_progress(cmd_console *console, const cmt_progress *progress, int64_t now)
{
    char text[256];
    snprintf(text, sizeof text,
             "progress phase=%s database=%s done=%" PRIu64 " total=%" PRIu64
             " percent=%d elapsed=%" PRId64 "s",
             progress->phase, progress->database, progress->done, progress->total,
             (int)(share_of(progress) * 100), (now - console->phase_ns) / 1000000000);
    cmd_log_line(console, CMT_LOG_INFO, text);
}

bool cmd_progress_report(void *context, const cmt_progress *progress)
{
    cmd_console *console = context;
    bool stop = cmd_signals_stop_requested() && !console->finishing;
    if (console->quiet)
        return stop;
    int64_t now = now_ns();
    char phase[sizeof console->phase];
    snprintf(phase, sizeof phase, "%s%s%s", progress->phase,
             progress->database[0] != '\0' ? " " : "", progress->database);
    if (strcmp(phase, console->phase) != 0) {
        memcpy(console->phase, phase, sizeof phase);
        console->phase_ns = now;
        /* A phase that is over at once need not be seen. */
        console->last_ns = now;
    }
    if (now - console->last_ns < (console->terminal ? BAR_EVERY_NS : LINE_EVERY_NS))
        return stop;
    console->last_ns = now;
    if (console->terminal)
        draw_bar(console, progress, now);
    else
        log_progress(console, progress, now);
    return stop;
}
