/* SPDX-License-Identifier: Apache-2.0
 *
 * Waiting for a condition until a moment of the monotonic clock, whatever clock the condition was made for.  (It may be
 * all zero bytes, as a mutex may: glibc takes both for initialised.)
 */
#ifndef CMT_BASE_WAITING_H
#define CMT_BASE_WAITING_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

/** @p wait_ns from now; of a negative one now.  More than a hundred years are a hundred years. */
struct timespec cmt_wait_after(int64_t wait_ns);

/** Wait once; the caller holds the mutex and looks at its predicate again.  False: time is up. */
bool cmt_wait_until(pthread_cond_t *changed, pthread_mutex_t *lock, const struct timespec *until);

#endif
