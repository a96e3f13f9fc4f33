/* SPDX-License-Identifier: Apache-2.0
 *
 * Waiting for a condition until a moment of the monotonic clock.
 */
#include "waiting.h"

#include <errno.h>

#define SECOND_NS 1000000000
#define CENTURY_NS ((int64_t)3155760000 * SECOND_NS)

struct timespec cmt_wait_after(int64_t wait_ns)
{
    struct timespec until;
    int64_t wait = wait_ns < 0 ? 0 : wait_ns > CENTURY_NS ? CENTURY_NS : wait_ns;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += wait / SECOND_NS;
    until.tv_nsec += wait % SECOND_NS;
    if (until.tv_nsec >= SECOND_NS) {
        until.tv_nsec -= SECOND_NS;
        until.tv_sec++;
    }
    return until;
}

bool cmt_wait_until(pthread_cond_t *changed, pthread_mutex_t *lock, const struct timespec *until)
{
    return pthread_cond_clockwait(changed, lock, CLOCK_MONOTONIC, until) != ETIMEDOUT;
}
