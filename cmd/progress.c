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

#define BAR_EVERY_NS INT64_C(100000000)
#define LINE_EVERY_NS INT64_C(5000000000)
#define SOON_NS INT64_C(2000000000)
#define BAR_WIDTH_MAX 24

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

static int terminal_width(const cmd_console *console)
{
    struct winsize size;
    if (ioctl(console->screen, TIOCGWINSZ, &size) != 0 || size.ws_col < 20)
        return 80;
    return size.ws_col < 200 ? size.ws_col : 200;
}

/* "3 s left", once that can be told; else nothing. */
static cmd_words time_left(const cmd_shown *shown, double share)
{
    cmd_words words = {""};
    int64_t spent_ns = shown->heard_ns - shown->began_ns;
    if (share > 0.02 && share < 1 && spent_ns > SOON_NS)
        words = cmd_human_ms((int64_t)((double)spent_ns / share * (1 - share)) / 1000000);
    return words;
}

/* "  812 blocks/s", once that can be told; nothing of other things. */
static cmd_words rate(const cmd_shown *shown, const cmt_progress *progress)
{
    cmd_words words = {""};
    int64_t spent_ns = shown->heard_ns - shown->began_ns;
    bool blocks = strcmp(progress->phase, "replay") == 0 || strcmp(progress->phase, "gen") == 0;
    if (blocks && spent_ns > SOON_NS / 4)
        snprintf(words.text, sizeof words.text, "  %.0f blocks/s",
                 (double)progress->done * 1e9 / (double)spent_ns);
    return words;
}

/* "53 %  1.4 GiB of 2.7 GiB  3 s left", or how far it is where the end is not known. */
static int write_amounts(const cmd_shown *shown, const cmt_progress *progress, char *out,
                         size_t size)
{
    double share = share_of(progress);
    if (progress->total == 0)
        return snprintf(out, size, "%s", amount(progress, progress->done).text);
    cmd_words left = time_left(shown, share);
    return snprintf(out, size, "%3d %%  %s of %s%s%s%s%s", (int)(share * 100),
                    amount(progress, progress->done).text, amount(progress, progress->total).text,
                    rate(shown, progress).text, left.text[0] != '\0' ? "  " : "", left.text,
                    left.text[0] != '\0' ? " left" : "");
}

/* The bar itself takes the room that the words leave. */
static void draw_bar(cmd_console *console, const cmt_progress *progress)
{
    char title[64];
    char amounts[128];
    char bar[BAR_WIDTH_MAX + 1] = "";
    int columns = terminal_width(console) - 1;
    int room = columns - (int)sizeof "[] " -
               snprintf(title, sizeof title, "%s%s%s", progress->phase,
                        progress->database[0] != '\0' ? " " : "", progress->database) -
               write_amounts(&console->shown, progress, amounts, sizeof amounts);
    size_t width = room < 0 ? 0 : room < BAR_WIDTH_MAX ? (size_t)room : BAR_WIDTH_MAX;
    memset(bar, '.', width);
    memset(bar, '#', (size_t)(share_of(progress) * (double)width));
    char line[256];
    if (progress->total > 0)
        snprintf(line, sizeof line, "%s [%s] %s", title, bar, amounts);
    else
        snprintf(line, sizeof line, "%s %s", title, amounts);
    pthread_mutex_lock(&console->lock);
    fprintf(stderr, "\r%.*s\033[K", columns, line);
    console->bar_shown = true;
    pthread_mutex_unlock(&console->lock);
}

static void log_progress(cmd_console *console, const cmt_progress *progress)
{
    char text[256];
    cmd_words per_second = rate(&console->shown, progress);
    cmd_words left = time_left(&console->shown, share_of(progress));
    snprintf(text, sizeof text,
             "progress phase=%s database=%s done=%" PRIu64 " total=%" PRIu64
             " percent=%d elapsed=%" PRId64 "s%s%s%s%s",
             progress->phase, progress->database, progress->done, progress->total,
             (int)(share_of(progress) * 100),
             (console->shown.heard_ns - console->shown.began_ns) / 1000000000,
             per_second.text[0] != '\0' ? " rate=" : "",
             per_second.text + strspn(per_second.text, " "), left.text[0] != '\0' ? " left=" : "",
             left.text);
    cmd_log_line(console, CMT_LOG_INFO, text);
}

/* Both databases may be worked on at once: the one with more to do is shown.  Returns whether this
 * report is of it, or of work on no single database. */
static bool follow(cmd_shown *shown, const cmt_progress *progress, int64_t now)
{
    bool same_database =
        strncmp(shown->database, progress->database, sizeof shown->database - 1) == 0;
    if (!same_database && progress->database[0] != '\0' && now - shown->heard_ns < SOON_NS &&
        progress->total <= shown->total)
        return false;
    if (!same_database || strncmp(shown->phase, progress->phase, sizeof shown->phase - 1) != 0) {
        snprintf(shown->phase, sizeof shown->phase, "%s", progress->phase);
        snprintf(shown->database, sizeof shown->database, "%s", progress->database);
        shown->began_ns = now;
        shown->drawn_ns = now; /* a phase that is over at once need not be seen */
    }
    shown->total = progress->total;
    shown->heard_ns = now;
    return true;
}

bool cmd_progress_report(void *context, const cmt_progress *progress)
{
    cmd_console *console = context;
    bool stop = cmd_signals_stop_requested() && !console->finishing;
    int64_t now = cmd_now_ns();
    if (console->quiet || !follow(&console->shown, progress, now))
        return stop;
    if (now - console->shown.drawn_ns < (console->terminal ? BAR_EVERY_NS : LINE_EVERY_NS))
        return stop;
    console->shown.drawn_ns = now;
    if (console->terminal)
        draw_bar(console, progress);
    else
        log_progress(console, progress);
    return stop;
}
