/* SPDX-License-Identifier: Apache-2.0
 *
 * Stopping what is in flight.
 */
#include "compactor_internal.h"

/* Engines hear of it without a lock.  Whoever tells them looks again behind it, so the last to tell them tells
 * what is true. */
void cmt_compactor__tell_engines(cmt_compact_flight *flight)
{
    bool stopped;
    do {
        stopped = atomic_load(&flight->stopped) != 0;
        for (size_t i = 0; i < CMT_COMPACTOR__STORES; i++)
            if (flight->stores[i].db != NULL)
                cmt_db_cancel_compaction(flight->stores[i].db, stopped);
    } while ((atomic_load(&flight->stopped) != 0) != stopped);
}

void cmt_compact_flight_stop(cmt_compact_flight *flight)
{
    if (cmt_compactor__is_foreign(flight))
        return;
    pthread_mutex_lock(&flight->lock);
    atomic_fetch_or(&flight->stopped, CMT_COMPACTOR__STOP_HOST);
    atomic_fetch_add(&flight->stops, 1);
    pthread_cond_broadcast(&flight->changed);
    pthread_mutex_unlock(&flight->lock);
    cmt_compactor__tell_engines(flight);
}

void cmt_compact_flight_resume(cmt_compact_flight *flight)
{
    if (cmt_compactor__is_foreign(flight))
        return;
    pthread_mutex_lock(&flight->lock);
    atomic_fetch_and(&flight->stopped, ~(unsigned)CMT_COMPACTOR__STOP_HOST);
    pthread_cond_broadcast(&flight->changed);
    pthread_mutex_unlock(&flight->lock);
    cmt_compactor__tell_engines(flight);
}

bool cmt_compact_flight_is_stopped(const cmt_compact_flight *flight)
{
    return (atomic_load(&flight->stopped) & CMT_COMPACTOR__STOP_HOST) != 0;
}

bool cmt_compactor__must_stop(const cmt_compact_flight *flight, unsigned stops)
{
    return cmt_compact_flight_is_stopped(flight) || atomic_load(&flight->stops) != stops;
}

cmt_status cmt_compactor__fail_stopped(cmt_compact_flight *flight, cmt_error *err)
{
    cmt_compactor__count(flight, &flight->counts.stopped);
    return cmt_error_set(err, CMT_CANCELLED,
                         "compact: stopped on request; what is not done is remembered");
}
