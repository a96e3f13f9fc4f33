/* SPDX-License-Identifier: Apache-2.0
 *
 * Trying again.
 */
#include "snapshot.h"

#include "signals.h"

#include <string.h>
#include <time.h>

#define ATTEMPTS 50
#define PAUSE_NS 20000000L
/* A node that took a file away has written a MANIFEST without it: the same complaint again and again
 * comes from damage. */
#define SAME_ATTEMPTS 25

cmt_status cmd_snapshot_retry(cmt_status (*attempt)(void *context, cmt_error *err), void *context,
                              cmt_error *err)
{
    char last[sizeof err->message] = "";
    int same = 0;
    cmt_status status = CMT_STALE;
    for (int n = 0; n < ATTEMPTS && !cmd_signals_stop_requested(); n++) {
        if (n > 0)
            nanosleep(&(struct timespec){.tv_nsec = PAUSE_NS}, NULL);
        status = attempt(context, err);
        if (status != CMT_STALE)
            return status;
        same = strcmp(last, err->message) == 0 ? same + 1 : 1;
        if (same == SAME_ATTEMPTS)
            return cmt_error_set(err, CMT_CORRUPT, "%s", last);
        memcpy(last, err->message, sizeof last);
    }
    return cmd_signals_stop_requested() ? CMT_CANCELLED : status;
}
