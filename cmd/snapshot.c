/* SPDX-License-Identifier: Apache-2.0
 *
 * Trying again.
 */
#include "snapshot.h"

#include "signals.h"

#include <time.h>

#define ATTEMPTS 50
#define PAUSE_NS 20000000L

cmt_status cmd_snapshot_retry(cmt_status (*attempt)(void *context, cmt_error *err), void *context,
                              cmt_error *err)
{
    cmt_status status = attempt(context, err);
    for (int n = 1; n < ATTEMPTS && status == CMT_STALE && !cmd_signals_stop_requested(); n++) {
        nanosleep(&(struct timespec){.tv_nsec = PAUSE_NS}, NULL);
        status = attempt(context, err);
    }
    return cmd_signals_stop_requested() ? CMT_CANCELLED : status;
}
