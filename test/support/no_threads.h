/* SPDX-License-Identifier: Apache-2.0
 *
 * Threads that cannot be made: stands before the library's pthread_create().  For one file of a test program.
 */
#ifndef CMT_TEST_NO_THREADS_H
#define CMT_TEST_NO_THREADS_H

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>

/** How many can still be made; negative: any number. */
static atomic_int threads_left = -1;

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *),
                   void *argument)
{
    typedef int create(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
    union { /* ISO C knows no way from an object pointer to a function pointer */
        void *object;
        create *function;
    } real;
    if (threads_left == 0)
        return EAGAIN;
    threads_left -= threads_left > 0;
    real.object = dlsym(RTLD_NEXT, "pthread_create");
    return real.function(thread, attributes, start, argument);
}

#endif
