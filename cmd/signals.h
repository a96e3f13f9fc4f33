/* SPDX-License-Identifier: Apache-2.0
 *
 * Being asked to stop.
 */
#ifndef CMT_CMD_SIGNALS_H
#define CMT_CMD_SIGNALS_H

#include <stdbool.h>

/** SIGINT, SIGTERM and SIGHUP ask to stop, a second one ends the program; SIGPIPE and SIGXFSZ
 *  become errors of the call that met them. */
void cmd_signals_install(void);

/** From here on a second one asks again, and ends nothing.  SIGQUIT still does. */
void cmd_signals_only_ask(void);

/** True once one of the signals came. */
bool cmd_signals_stop_requested(void);

#endif
