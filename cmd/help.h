/* SPDX-License-Identifier: Apache-2.0
 *
 * The words of --help.
 */
#ifndef CMT_CMD_HELP_H
#define CMT_CMD_HELP_H

#include "options.h"

/** What follows the options in the usage line. */
const char *cmd_help_arguments(cmd_command command);

/** What stands before the options and, behind a vertical tab, after them. */
const char *cmd_help_text(cmd_command command);

#endif
