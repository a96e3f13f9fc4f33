/* SPDX-License-Identifier: Apache-2.0
 *
 * The words of the command line that are no options: the command, what follows it, and a data directory.
 */
#ifndef CMT_CMD_WORDS_H
#define CMT_CMD_WORDS_H

#include "options.h"

/* "DIR pin add NAME" */
#define CMD_WORDS_MAX 4

/** Put what the words say into @p out; they are borrowed.
 *  @retval CMT_INVALID  usage */
CMT_MUST_CHECK cmt_status cmd_words_read(const char *const *words, size_t count, cmd_options *out,
                                         cmt_error *err);

#endif
