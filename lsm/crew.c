/* SPDX-License-Identifier: Apache-2.0
 *
 * Jobs that do not depend on each other, done by a few threads.
 */
#include "crew.h"

#include <pthread.h>

/* Beside the calling thread; all wait for the disk as much as for the processor. */
#define HELPERS 2

typedef struct crew {
    cmt_status (*do_job)(void *context, size_t index, cmt_error *err);
    void *context;
    size_t count;
    pthread_mutex_t lock;
    size_t next;       /* to be taken */
    cmt_status status; /* of the first that failed */
    cmt_error error;
} crew;

/* False: there is none left, or one has failed. */
static bool take(crew *c, size_t *index)
{
    pthread_mutex_lock(&c->lock);
    const bool found = c->next < c->count && c->status == CMT_OK;
    if (found)
        *index = c->next++;
    pthread_mutex_unlock(&c->lock);
    return found;
}

static void *work(void *argument)
{
    crew *c = argument;
    for (size_t index; take(c, &index);) {
        cmt_error error = CMT_ERROR_INIT;
        cmt_status st = c->do_job(c->context, index, &error);
        if (st == CMT_OK)
            continue;
        pthread_mutex_lock(&c->lock);
        if (c->status == CMT_OK) {
            c->status = st;
            c->error = error;
        }
        pthread_mutex_unlock(&c->lock);
    }
    return NULL;
}

cmt_status cmt_lsm__crew_run(size_t count,
                             cmt_status (*do_job)(void *context, size_t index, cmt_error *err),
                             void *context, cmt_error *err)
{
    crew c = {.do_job = do_job, .context = context, .count = count, .status = CMT_OK};
    pthread_t threads[HELPERS];
    unsigned started = 0;
    pthread_mutex_init(&c.lock, NULL);
    while (started < HELPERS && started + 1 < count &&
           pthread_create(&threads[started], NULL, work, &c) == 0)
        started++;
    work(&c); /* alone, if no thread could be had */
    while (started > 0)
        pthread_join(threads[--started], NULL);
    pthread_mutex_destroy(&c.lock);
    return c.status == CMT_OK ? CMT_OK : cmt_error_set(err, c.status, "%s", c.error.message);
}
