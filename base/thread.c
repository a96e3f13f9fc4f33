/* SPDX-License-Identifier: Apache-2.0
 *
 * Threads of the library.
 */
#include "thread.h"

#include <signal.h>

int cmt_thread_start(pthread_t *out, void *(*work)(void *argument), void *argument)
{
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    int error = pthread_sigmask(SIG_SETMASK, &all, &before);
    if (error != 0)
        return error;
    error = pthread_create(out, NULL, work, argument); /* which inherits the mask */
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return error;
}
