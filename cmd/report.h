/* SPDX-License-Identifier: Apache-2.0
 *
 * Results on standard output.
 */
#ifndef CMT_CMD_REPORT_H
#define CMT_CMD_REPORT_H

#include "cmtstore/types.h"

#include <jansson.h>

/** Print one object and a newline; takes @p object over.
 *  @retval CMT_IO  standard output is closed or full */
CMT_MUST_CHECK cmt_status cmd_report_json(json_t *object, cmt_error *err);

/** The failure of a write to standard output. */
cmt_status cmd_report_fail(int error_number, cmt_error *err);

/** Flush standard output.  @retval CMT_IO something that was printed did not arrive */
CMT_MUST_CHECK cmt_status cmd_report_flush(cmt_error *err);

typedef struct cmd_hash_text {
    char text[2 * sizeof((cmt_hash){0}.bytes) + 1];
} cmd_hash_text;

/** Upper-case hex, as CometBFT prints hashes. */
cmd_hash_text cmd_hash_hex(const cmt_hash *hash);

/** Make a text that comes from files fit for a terminal: all but printable ASCII becomes '?'. */
void cmd_make_printable(char *text);

#endif
