/* SPDX-License-Identifier: Apache-2.0
 *
 * A gate that many pass through at once, and that one may close for a moment.
 *
 * Who enters counts first and looks at `closed` then; who closes does it the other way round.  All of it is
 * sequentially consistent, so at least one of the two sees the other.
 */
#include "gate.h"

#include "waiting.h"

void cmt_db__gate_leave(cmt_db__gate *gate)
{
    if (atomic_fetch_sub(&gate->inside, 1) != 1 || !atomic_load(&gate->awaited))
        return;
    pthread_mutex_lock(&gate->lock);
    pthread_cond_broadcast(&gate->changed);
    pthread_mutex_unlock(&gate->lock);
}

void cmt_db__gate_enter(cmt_db__gate *gate)
{
    for (;;) {
        atomic_fetch_add(&gate->inside, 1);
        if (!atomic_load(&gate->closed))
            return;
        cmt_db__gate_leave(gate);
        pthread_mutex_lock(&gate->lock);
        while (atomic_load(&gate->closed))
            pthread_cond_wait(&gate->changed, &gate->lock);
        pthread_mutex_unlock(&gate->lock);
    }
}

bool cmt_db__gate_is_empty(cmt_db__gate *gate)
{
    return atomic_load(&gate->inside) == 0;
}

bool cmt_db__gate_await_empty(cmt_db__gate *gate, const struct timespec *until)
{
    bool in_time = true;
    atomic_store(&gate->awaited, true);
    pthread_mutex_lock(&gate->lock);
    while (!cmt_db__gate_is_empty(gate) && in_time)
        in_time = cmt_wait_until(&gate->changed, &gate->lock, until);
    pthread_mutex_unlock(&gate->lock);
    atomic_store(&gate->awaited, false);
    return cmt_db__gate_is_empty(gate);
}

bool cmt_db__gate_close(cmt_db__gate *gate, const struct timespec *until)
{
    atomic_store(&gate->closed, true);
    if (cmt_db__gate_await_empty(gate, until))
        return true;
    cmt_db__gate_open(gate);
    return false;
}

void cmt_db__gate_open(cmt_db__gate *gate)
{
    pthread_mutex_lock(&gate->lock);
    atomic_store(&gate->closed, false);
    pthread_cond_broadcast(&gate->changed);
    pthread_mutex_unlock(&gate->lock);
}
