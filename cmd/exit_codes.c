/* SPDX-License-Identifier: Apache-2.0
 *
 * Exit codes.
 */
#include "exit_codes.h"

#include <stdio.h>
#include <string.h>

int cmd_exit_code(cmt_status status)
{
    switch (status) {
    case CMT_OK:
        return CMD_EXIT_DONE;
    case CMT_NOT_FOUND:
    case CMT_CORRUPT:
    case CMT_IO:
    case CMT_NO_MEMORY:
    case CMT_DEADLOCK:
    case CMT_FORKED:
        return CMD_EXIT_FAILED;
    case CMT_INVALID:
        return CMD_EXIT_USAGE;
    case CMT_OUT_OF_RANGE:
    case CMT_UNSUPPORTED:
        return CMD_EXIT_REFUSED;
    case CMT_BUSY:
    case CMT_STALE:
        return CMD_EXIT_BUSY;
    case CMT_NO_SPACE:
        return CMD_EXIT_NO_SPACE;
    case CMT_CANCELLED:
        return CMD_EXIT_INTERRUPTED;
    }
    return CMD_EXIT_FAILED;
}

/* What to do, for messages that come from far below and do not say it. */
static const char *advice(cmt_status status)
{
    switch (status) {
    case CMT_BUSY:
        return "; stop the node or the other tool, then run this again";
    case CMT_STALE:
        return "; a node is changing the files too fast, run this again";
    case CMT_NO_SPACE:
        return "; free some space and run this again";
    case CMT_CORRUPT:
        return "; restore the database from a backup or resync the node";
    case CMT_OK:
    case CMT_NOT_FOUND:
    case CMT_IO:
    case CMT_NO_MEMORY:
    case CMT_INVALID:
    case CMT_OUT_OF_RANGE:
    case CMT_UNSUPPORTED:
    case CMT_CANCELLED:
    case CMT_DEADLOCK:
    case CMT_FORKED:
        break;
    }
    return "";
}

int cmd_fail(cmt_status status, const cmt_error *err)
{
    char message[sizeof err->message];
    snprintf(message, sizeof message, "%s",
             err->message[0] != '\0' ? err->message : cmt_status_text(status));
    /* Names and texts in a message may come from files: nothing of them may steer a terminal. */
    for (char *p = message; *p != '\0'; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            *p = '?';
    fprintf(stderr, "cmtstore: %s%s\n", message,
            strchr(message, ';') == NULL ? advice(status) : "");
    return cmd_exit_code(status);
}
