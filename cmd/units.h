/* SPDX-License-Identifier: Apache-2.0
 *
 * Time, and sizes and times for people.
 */
#ifndef CMT_CMD_UNITS_H
#define CMT_CMD_UNITS_H

#include <stdint.h>

/** Nanoseconds of the monotonic clock. */
int64_t cmd_now_ns(void);

/* A few words in an array that can be returned: `cmd_human_bytes(n).text`. */
typedef struct cmd_words {
    char text[32];
} cmd_words;

/** "999 B", "12.3 MiB". */
cmd_words cmd_human_bytes(uint64_t bytes);

/** "12 ms", "3.4 s", "2 min 5 s", "3 h 4 min". */
cmd_words cmd_human_ms(int64_t ms);

/** "1 block", "2 blocks". */
cmd_words cmd_human_count(int64_t count, const char *singular, const char *plural);

/** Seconds since 1970 as "2026-01-17T18:44:31Z"; "never" where the calendar ends. */
cmd_words cmd_human_time(int64_t seconds);

#endif
