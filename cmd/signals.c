/* SPDX-License-Identifier: Apache-2.0
 *
 * Signals set a flag that the progress hook passes on.
 */
#include "signals.h"

#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>

/* Other threads ask, too: see cmtstore/base.h, cmt_progress_hook. */
static atomic_bool stop_requested;

static void request_stop(int number)
{
    (void)number;
    atomic_store(&stop_requested, true);
}

static void heed(int number, unsigned flags)
{
    struct sigaction old;
    /* Ignored from the start (nohup, background jobs of a shell): stays so. */
    if (sigaction(number, NULL, &old) == 0 && old.sa_handler == SIG_IGN)
        return;
    struct sigaction action = {.sa_handler = request_stop, .sa_flags = (int)flags};
    sigemptyset(&action.sa_mask);
    sigaction(number, &action, NULL);
}

static void heed_all(unsigned flags)
{
    heed(SIGINT, flags);
    heed(SIGTERM, flags);
    heed(SIGHUP, flags);
}

void cmd_signals_install(void)
{
    /* SA_RESETHAND: the second one ends us, which is as safe as a crash. */
    heed_all(SA_RESTART | SA_RESETHAND);
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigemptyset(&ignore.sa_mask);
    sigaction(SIGPIPE, &ignore, NULL);
    sigaction(SIGXFSZ, &ignore, NULL);
}

void cmd_signals_only_ask(void)
{
    heed_all(SA_RESTART);
}

bool cmd_signals_stop_requested(void)
{
    return atomic_load(&stop_requested);
}
