/* SPDX-License-Identifier: Apache-2.0
 *
 * Time, and sizes and times for people.
 */
#include "units.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

int64_t cmd_now_ns(void)
{
    struct timespec now = {0, 0};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

cmd_words cmd_human_bytes(uint64_t bytes)
{
    static const char *const units[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    cmd_words words;
    if (bytes < 1024) {
        snprintf(words.text, sizeof words.text, "%" PRIu64 " B", bytes);
        return words;
    }
    double value = (double)bytes / 1024;
    size_t unit = 0;
    /* 1023.95 would be shown as 1024.0 */
    for (; value >= 1023.95 && unit + 1 < sizeof units / sizeof units[0]; unit++)
        value /= 1024;
    snprintf(words.text, sizeof words.text, "%.1f %s", value, units[unit]);
    return words;
}

cmd_words cmd_human_ms(int64_t ms)
{
    cmd_words words;
    int64_t seconds = ms / 1000;
    if (ms < 1000)
        snprintf(words.text, sizeof words.text, "%" PRId64 " ms", ms);
    else if (ms < 99950)
        snprintf(words.text, sizeof words.text, "%.1f s", (double)ms / 1000);
    else if (seconds < 3600)
        snprintf(words.text, sizeof words.text, "%" PRId64 " min %" PRId64 " s", seconds / 60,
                 seconds % 60);
    else
        snprintf(words.text, sizeof words.text, "%" PRId64 " h %" PRId64 " min", seconds / 3600,
                 seconds / 60 % 60);
    return words;
}

cmd_words cmd_human_count(int64_t count, const char *singular, const char *plural)
{
    cmd_words words;
    snprintf(words.text, sizeof words.text, "%" PRId64 " %s", count,
             count == 1 ? singular : plural);
    return words;
}

cmd_words cmd_human_time(int64_t seconds)
{
    cmd_words words = {"never"};
    time_t when = (time_t)seconds;
    struct tm utc;
    if (gmtime_r(&when, &utc) != NULL && utc.tm_year < 8100)
        strftime(words.text, sizeof words.text, "%Y-%m-%dT%H:%M:%SZ", &utc);
    return words;
}
