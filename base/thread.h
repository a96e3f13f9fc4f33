/* SPDX-License-Identifier: Apache-2.0
 *
 * Threads of the library.
 */
#ifndef CMT_BASE_THREAD_H
#define CMT_BASE_THREAD_H

#include <pthread.h>

/** Start a thread that has all signals blocked, so that the host's handlers stay on the host's threads.
 *  @return 0, or an errno value: nothing was started */
int cmt_thread_start(pthread_t *out, void *(*work)(void *argument), void *argument);

#endif
