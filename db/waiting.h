/* SPDX-License-Identifier: Apache-2.0
 *
 * Waiting for a condition until a moment of the monotonic clock.  Mutexes and conditions here may be all zero
 * bytes, which glibc takes for initialised: a backend zero-initialises its struct and never looks.
 */
#ifndef CMT_DB_WAITING_H
#define CMT_DB_WAITING_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

/** @p wait_ns from now; of a negative one now.  More than a hundred years are a hundred years. */
struct timespec cmt_db__after(int64_t wait_ns);

/** Wait once; the caller holds the mutex and looks at its predicate again.  False: time is up. */
bool cmt_db__wait_until(pthread_cond_t *changed, pthread_mutex_t *lock,
                        const struct timespec *until);

#endif
