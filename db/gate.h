/* SPDX-License-Identifier: Apache-2.0
 *
 * A gate that many pass through at once, and that one may close for a moment: it keeps newcomers out and waits until
 * who is inside has left.  Two atomic additions for who passes an open gate.  All zero bytes: open and empty.
 *
 * Who is inside must not enter the same gate again: it could be closed in between.
 */
#ifndef CMT_DB_GATE_H
#define CMT_DB_GATE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <time.h>

typedef struct cmt_db__gate {
    atomic_size_t inside;
    atomic_bool closed;
    atomic_bool awaited;  /* somebody waits until nobody is inside */
    pthread_mutex_t lock; /* a leaf; guards nothing, but orders waiting and waking */
    pthread_cond_t changed;
} cmt_db__gate;

/** Waits while the gate is closed. */
void cmt_db__gate_enter(cmt_db__gate *gate);
void cmt_db__gate_leave(cmt_db__gate *gate);

/** Close and wait until nobody is inside.  False: time is up, and it is open again.  One at a time. */
bool cmt_db__gate_close(cmt_db__gate *gate, const struct timespec *until);
void cmt_db__gate_open(cmt_db__gate *gate);

/** Wait until nobody is inside, without keeping anybody out.  False: time is up. */
bool cmt_db__gate_await_empty(cmt_db__gate *gate, const struct timespec *until);
bool cmt_db__gate_is_empty(cmt_db__gate *gate);

#endif
