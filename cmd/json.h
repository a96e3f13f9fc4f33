/* SPDX-License-Identifier: Apache-2.0
 *
 * Building the JSON reports.  Without memory for a report the program ends: by then every database
 * is in a state that it may keep.
 */
#ifndef CMT_CMD_JSON_H
#define CMT_CMD_JSON_H

#include <jansson.h>

#include <stdbool.h>
#include <stdint.h>

json_t *cmd_json_object(void);
json_t *cmd_json_array(void);

/* Each puts one member at the end of the object. */

/** Takes @p value over; NULL stands for null. */
void cmd_json_put(json_t *object, const char *key, json_t *value);
void cmd_json_put_int(json_t *object, const char *key, int64_t value);
/** A number of bytes or things; none here passes int64. */
void cmd_json_put_count(json_t *object, const char *key, uint64_t value);
void cmd_json_put_bool(json_t *object, const char *key, bool value);
/** A text that may come from files or paths: where it is no UTF-8, other bytes than ASCII become
 *  '?'.  NULL stands for null. */
void cmd_json_put_text(json_t *object, const char *key, const char *text);

/** Takes @p value over. */
void cmd_json_append(json_t *array, json_t *value);

#endif
