/* SPDX-License-Identifier: Apache-2.0
 *
 * pin: heights with a name that no prune goes beyond, added, removed and listed.  No database is opened.
 */
#include "commands.h"
#include "json.h"
#include "report.h"
#include "units.h"

#include "cmtstore/pruner_pins.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static void put_expiry(json_t *object, const cmt_pin *pin)
{
    const cmd_words when = cmd_human_time(pin->expires);
    cmd_json_put_text(object, "expires", pin->expires == INT64_MAX ? NULL : when.text);
}

static json_t *pin_json(const cmt_pin *pin)
{
    json_t *object = cmd_json_object();
    cmd_json_put_text(object, "name", pin->name);
    cmd_json_put_int(object, "height", pin->height);
    put_expiry(object, pin);
    return object;
}

/* ---- add ------------------------------------------------------------------------------------- */

static cmt_status add(const cmd_context *context, int64_t now, cmt_error *err)
{
    const cmd_options *options = context->options;
    cmt_pin pin = {
        .height = options->pin_height,
        .expires = options->pin_expires != 0 ? options->pin_expires : INT64_MAX,
    };
    if (!cmt_pin_name_is_valid(options->pin_name))
        return cmt_error_set(
            err, CMT_INVALID,
            "\"%.64s\" cannot be the name of a pin: 1 to %d letters, digits, dots, "
            "dashes and underscores",
            options->pin_name, CMT_PIN_NAME_MAX);
    memcpy(pin.name, options->pin_name, strlen(options->pin_name) + 1);
    CMT_TRY(cmt_pins_add(context->target->data_dir, &pin, now, err));
    if (options->json)
        return cmd_report_json(pin_json(&pin), err);
    printf("pinned height %" PRId64 " as %s", pin.height, pin.name);
    if (pin.expires != INT64_MAX)
        printf(" until %s", cmd_human_time(pin.expires).text);
    putchar('\n');
    return cmd_report_flush(err);
}

/* ---- remove ---------------------------------------------------------------------------------- */

static cmt_status remove_pin(const cmd_context *context, int64_t now, cmt_error *err)
{
    const char *name = context->options->pin_name;
    CMT_TRY(cmt_pins_remove(context->target->data_dir, name, now, err));
    if (!context->options->json) {
        printf("removed the pin %s\n", name);
        return cmd_report_flush(err);
    }
    json_t *object = cmd_json_object();
    cmd_json_put_text(object, "name", name);
    return cmd_report_json(object, err);
}

/* ---- list ------------------------------------------------------------------------------------ */

static cmt_status list_json(const cmt_pins *pins, int64_t now, cmt_error *err)
{
    json_t *array = cmd_json_array();
    for (size_t i = 0; i < pins->count; i++) {
        json_t *object = pin_json(&pins->pins[i]);
        cmd_json_put_bool(object, "expired", pins->pins[i].expires <= now);
        cmd_json_append(array, object);
    }
    json_t *object = cmd_json_object();
    cmd_json_put(object, "pins", array);
    return cmd_report_json(object, err);
}

static cmt_status list_text(const cmt_pins *pins, int64_t now, cmt_error *err)
{
    if (pins->count == 0)
        puts("no pins");
    else
        printf("%-24s%14s  %s\n", "pin", "height", "expires");
    for (size_t i = 0; i < pins->count; i++) {
        const cmt_pin *pin = &pins->pins[i];
        printf("%-24s%14" PRId64 "  %s%s\n", pin->name, pin->height,
               pin->expires == INT64_MAX ? "never" : cmd_human_time(pin->expires).text,
               pin->expires <= now ? " (expired)" : "");
    }
    return cmd_report_flush(err);
}

static cmt_status list(const cmd_context *context, int64_t now, cmt_error *err)
{
    cmt_pins pins;
    CMT_TRY(cmt_pins_load(context->target->data_dir, &pins, err));
    cmt_status status =
        context->options->json ? list_json(&pins, now, err) : list_text(&pins, now, err);
    cmt_pins_free(&pins);
    return status;
}

cmt_status cmd_run_pin(const cmd_context *context, cmt_error *err)
{
    const int64_t now = time(NULL);
    switch (context->options->pin_action) {
    case CMD_PIN_ADD:
        return add(context, now, err);
    case CMD_PIN_REMOVE:
        return remove_pin(context, now, err);
    case CMD_PIN_LIST:
    case CMD_PIN_NONE:
        break;
    }
    return list(context, now, err);
}
