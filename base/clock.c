/* SPDX-License-Identifier: Apache-2.0
 *
 * The monotonic clock.
 */
#include "clock.h"

#include <time.h>

int64_t cmt_clock_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t cmt_clock_ms_since(int64_t start_ns)
{
    return (cmt_clock_ns() - start_ns) / 1000000;
}
