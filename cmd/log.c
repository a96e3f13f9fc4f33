/* SPDX-License-Identifier: Apache-2.0
 *
 * Log lines on standard error as CometBFT writes them.
 */
#include "console.h"
#include "json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* CometBFT's plain lines pad the event to this width. */
#define EVENT_WIDTH 44

/* A line of the library is an event, then key=value pairs: the length of the event. */
static size_t event_size(const char *message)
{
    const char *equals = strchr(message, '=');
    const char *end = message + strlen(message);
    if (equals != NULL) {
        end = equals;
        while (end > message && *end != ' ')
            end--;
    }
    while (end > message && end[-1] == ' ')
        end--;
    return (size_t)(end - message);
}

static const char *level_name(cmt_log_level level)
{
    switch (level) {
    case CMT_LOG_DEBUG:
        return "debug";
    case CMT_LOG_INFO:
        return "info";
    case CMT_LOG_WARN:
        return "warn";
    case CMT_LOG_ERROR:
        break;
    }
    return "error";
}

static void print_plain(cmt_log_level level, const char *message, const struct timespec *now)
{
    struct tm local;
    char when[32] = "";
    if (localtime_r(&now->tv_sec, &local) != NULL)
        strftime(when, sizeof when, "%Y-%m-%d|%H:%M:%S", &local);
    int size = (int)event_size(message);
    const char *pairs = message + size + strspn(message + size, " ");
    fprintf(stderr, "%c[%s.%03ld] %-*.*s module=cmtstore%s%s\n", level_name(level)[0] - ('a' - 'A'),
            when, now->tv_nsec / 1000000, EVENT_WIDTH, size, message, *pairs != '\0' ? " " : "",
            pairs);
}

/* Where the value at @p p ends: behind its closing quote, or before the blank in front of the next
 * key; a blank inside an unquoted value belongs to it. */
static char *value_end(char *p)
{
    if (*p == '"') {
        char *quote = strchr(p + 1, '"');
        return quote != NULL ? quote + 1 : p + strlen(p);
    }
    char *end = strchr(p, '=');
    if (end == NULL)
        return p + strlen(p);
    while (end > p && *end != ' ')
        end--;
    return end;
}

/* Puts each key=value into the object. */
static void add_pairs(json_t *object, char *pairs)
{
    for (char *key = pairs + strspn(pairs, " "); *key != '\0';) {
        char *equals = strchr(key, '=');
        if (equals == NULL)
            return;
        char *value = equals + 1;
        char *end = value_end(value);
        char *next = end + strspn(end, " ");
        *equals = '\0';
        *end = '\0';
        if (end - value >= 2 && value[0] == '"' && end[-1] == '"') {
            value++;
            end[-1] = '\0';
        }
        cmd_json_put_text(object, key, value);
        key = next;
    }
}

static void print_json(cmt_log_level level, const char *message, const struct timespec *now)
{
    struct tm utc;
    char when[32] = "";
    char stamp[48];
    if (gmtime_r(&now->tv_sec, &utc) != NULL)
        strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(stamp, sizeof stamp, "%s.%09ldZ", when, now->tv_nsec);
    size_t size = event_size(message);
    char event[1024];
    snprintf(event, sizeof event, "%.*s", (int)size, message);
    json_t *object = cmd_json_object();
    cmd_json_put_text(object, "_msg", event);
    cmd_json_put_text(object, "level", level_name(level));
    cmd_json_put_text(object, "module", "cmtstore");
    cmd_json_put_text(object, "ts", stamp);
    char *pairs = strdup(message + size);
    if (pairs != NULL) {
        add_pairs(object, pairs);
        json_dumpf(object, stderr, JSON_COMPACT);
        fputc('\n', stderr);
    }
    free(pairs);
    json_decref(object);
}

void cmd_log_line(void *context, cmt_log_level level, const char *message)
{
    cmd_console *console = context;
    if (level < console->level)
        return;
    struct timespec now = {0, 0};
    clock_gettime(CLOCK_REALTIME, &now);
    /* Names in a message may come from files: nothing of them may steer a terminal. */
    char line[1024];
    snprintf(line, sizeof line, "%s", message);
    for (char *p = line; *p != '\0'; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            *p = '?';
    pthread_mutex_lock(&console->lock);
    cmd_console_clear_locked(console);
    if (console->json)
        print_json(level, line, &now);
    else
        print_plain(level, line, &now);
    pthread_mutex_unlock(&console->lock);
}
