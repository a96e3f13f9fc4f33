/* SPDX-License-Identifier: Apache-2.0
 *
 * Building the JSON reports.
 */
#include "json.h"

#include "exit_codes.h"
#include "report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void require(bool done)
{
    if (done)
        return;
    fputs("cmtstore: no memory for the report\n", stderr);
    exit(CMD_EXIT_FAILED);
}

json_t *cmd_json_object(void)
{
    json_t *object = json_object();
    require(object != NULL);
    return object;
}

json_t *cmd_json_array(void)
{
    json_t *array = json_array();
    require(array != NULL);
    return array;
}

void cmd_json_put(json_t *object, const char *key, json_t *value)
{
    require(json_object_set_new(object, key, value != NULL ? value : json_null()) == 0);
}

void cmd_json_put_int(json_t *object, const char *key, int64_t value)
{
    require(json_object_set_new(object, key, json_integer(value)) == 0);
}

void cmd_json_put_count(json_t *object, const char *key, uint64_t value)
{
    cmd_json_put_int(object, key, value > INT64_MAX ? INT64_MAX : (int64_t)value);
}

void cmd_json_put_bool(json_t *object, const char *key, bool value)
{
    cmd_json_put(object, key, json_boolean(value));
}

void cmd_json_put_text(json_t *object, const char *key, const char *text)
{
    if (text == NULL) {
        cmd_json_put(object, key, NULL);
        return;
    }
    json_t *value = json_string(text);
    if (value == NULL) {
        char *copy = strdup(text);
        require(copy != NULL);
        cmd_make_printable(copy);
        value = json_string(copy);
        free(copy);
    }
    require(json_object_set_new(object, key, value) == 0);
}

void cmd_json_append(json_t *array, json_t *value)
{
    require(json_array_append_new(array, value) == 0);
}
