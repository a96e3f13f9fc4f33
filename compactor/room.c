/* SPDX-License-Identifier: Apache-2.0
 *
 * What is looked at between two slices: are blocks being saved, and is there space on the disk?
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/statvfs.h>

#include "clock.h"
#include "compactor_internal.h"

/* Of all pauses before one slice: a writer that never rests cannot stop progress. */
#define LONGEST_PAUSE_NS INT64_C(1000000000)

/* ---- blocks ---------------------------------------------------------------------------------- */

static unsigned writes_of(const cmt_compact_flight *flight)
{
    return atomic_load_explicit(&flight->writes, memory_order_relaxed);
}

static bool is_told_to_stop(const cmt_compactor__flow *flow)
{
    const cmt_compact_flight *flight = flow->job->flight;
    return atomic_load(&flight->stopped) != 0 || cmt_compactor__must_stop(flight, flow->job->stops);
}

/* On the condition on which a stop is announced.  False: a stop. */
static bool rest(const cmt_compactor__flow *flow, int64_t ns)
{
    cmt_compact_flight *flight = flow->job->flight;
    const int64_t until_ns = cmt_clock_ns() + ns;
    pthread_mutex_lock(&flight->lock);
    flight->counts.pauses++;
    flight->counts.paused_ns += ns;
    int64_t left = ns;
    while (!is_told_to_stop(flow) && left > 0) {
        cmt_compactor__wait_locked(flight, left);
        left = until_ns - cmt_clock_ns();
    }
    pthread_mutex_unlock(&flight->lock);
    return !is_told_to_stop(flow);
}

void cmt_compactor__pause(cmt_compactor__flow *flow)
{
    const cmt_compact_flight *flight = flow->job->flight;
    int64_t left_ns = LONGEST_PAUSE_NS;
    int64_t ns = flow->job->pause_ns;
    bool goes_on = ns > 0;
    while (goes_on && left_ns > 0 && writes_of(flight) != flow->writes) {
        flow->writes = writes_of(flight);
        goes_on = rest(flow, ns < left_ns ? ns : left_ns);
        left_ns -= ns;
        ns *= 2;
    }
}

/* ---- space ----------------------------------------------------------------------------------- */

static cmt_status free_bytes(const cmt_compact_flight *flight, const cmt_compactor__store *store,
                             uint64_t *out, cmt_error *err)
{
    struct statvfs s;
    if (flight->options.free_bytes != NULL)
        return flight->options.free_bytes(flight->options.free_context, store->name, out, err);
    *out = UINT64_MAX;
    if (store->dir == NULL)
        return CMT_OK;
    if (statvfs(store->dir, &s) != 0)
        return cmt_error_set(err, CMT_IO, "look at the free space of %s: %s", store->dir,
                             strerror(errno));
    *out = (uint64_t)s.f_bavail * s.f_frsize;
    return CMT_OK;
}

cmt_status cmt_compactor__check_space(const cmt_compact_flight *flight,
                                      const cmt_compactor__store *store, cmt_error *err)
{
    uint64_t bytes;
    CMT_TRY(free_bytes(flight, store, &bytes, err));
    if (bytes >= flight->options.reserve_bytes)
        return CMT_OK;
    return cmt_error_set(err, CMT_NO_SPACE,
                         "compact: %" PRIu64 " bytes are free on the disk, and %" PRIu64
                         " are to stay free; free some space, the rest is remembered",
                         bytes, flight->options.reserve_bytes);
}
