/* SPDX-License-Identifier: Apache-2.0
 *
 * Preloaded: the monotonic clock runs 100,000 times as fast, so that what a program does only now and
 * then is done at every opportunity.
 */
#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define FACTOR 100000
#define SECOND INT64_C(1000000000)

static int64_t first_ns;

/* The first call comes before any thread is made. */
int clock_gettime(clockid_t id, struct timespec *out)
{
    int result = (int)syscall(SYS_clock_gettime, id, out);
    if (result != 0 || id != CLOCK_MONOTONIC)
        return result;
    int64_t now = (int64_t)out->tv_sec * SECOND + out->tv_nsec;
    if (first_ns == 0)
        first_ns = now;
    now = first_ns + (now - first_ns) * FACTOR;
    out->tv_sec = now / SECOND;
    out->tv_nsec = now % SECOND;
    return 0;
}
