/* SPDX-License-Identifier: Apache-2.0
 *
 * Pins, one line each: "NAME HEIGHT EXPIRES", where EXPIRES is seconds since 1970 or "never".
 */
#include "cmtstore/pruner_pins.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "own_file.h"

#define KIND "pins"
#define ADVICE                                                                                     \
    "a pin might be lost, so nothing is pruned: restore the file, or remove it and add the pins "  \
    "again"
#define NEVER "never"
#define LINE_MAX_SIZE (CMT_PIN_NAME_MAX + 64)

void cmt_pins_free(cmt_pins *pins)
{
    free(pins->pins);
    *pins = (cmt_pins){NULL, 0};
}

static bool is_name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
}

bool cmt_pin_name_is_valid(const char *name)
{
    size_t size = strlen(name);
    for (size_t i = 0; i < size; i++)
        if (!is_name_char(name[i]))
            return false;
    return size > 0 && size <= CMT_PIN_NAME_MAX;
}

static bool is_live(const cmt_pin *pin, int64_t now)
{
    return pin->expires > now;
}

const cmt_pin *cmt_pins_lowest(const cmt_pins *pins, int64_t now)
{
    const cmt_pin *lowest = NULL;
    for (size_t i = 0; i < pins->count; i++)
        if (is_live(&pins->pins[i], now) &&
            (lowest == NULL || pins->pins[i].height < lowest->height))
            lowest = &pins->pins[i];
    return lowest;
}

/* ---- reading --------------------------------------------------------------------------------- */

/* A whole number of 0 or more that ends with @p end; moves on behind that. */
static bool parse_number(const char **at, char end, int64_t *out)
{
    const char *p = *at;
    int64_t value = 0;
    for (; *p >= '0' && *p <= '9'; p++)
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, *p - '0', &value))
            return false;
    if (p == *at || *p != end)
        return false;
    *at = p + 1;
    *out = value;
    return true;
}

/* @p line ends with a NUL in place of its newline. */
static bool parse_line(const char *line, cmt_pin *out)
{
    const char *blank = strchr(line, ' ');
    *out = (cmt_pin){.expires = INT64_MAX};
    if (blank == NULL || (size_t)(blank - line) > CMT_PIN_NAME_MAX)
        return false;
    memcpy(out->name, line, (size_t)(blank - line));
    const char *at = blank + 1;
    if (!cmt_pin_name_is_valid(out->name) || !parse_number(&at, ' ', &out->height) ||
        out->height < 1)
        return false;
    return strcmp(at, NEVER) == 0 || parse_number(&at, '\0', &out->expires);
}

static cmt_status add_pin(cmt_pins *pins, const cmt_pin *pin, cmt_error *err)
{
    cmt_pin *grown = realloc(pins->pins, (pins->count + 1) * sizeof *grown);
    if (grown == NULL)
        return cmt_error_set(err, CMT_NO_MEMORY, "no memory for pins");
    pins->pins = grown;
    pins->pins[pins->count++] = *pin;
    return CMT_OK;
}

static cmt_status parse(const char *data_dir, cmt_buf *lines, cmt_pins *out, cmt_error *err)
{
    char *at = (char *)lines->data;
    char *const end = at + lines->size;
    for (int number = 2; at < end; number++) {
        char why[64];
        cmt_pin pin;
        char *newline = memchr(at, '\n', (size_t)(end - at));
        snprintf(why, sizeof why, "line %d is no pin", number);
        if (newline == NULL)
            return cmt_pruner__own_damaged(data_dir, KIND, why, ADVICE, err);
        *newline = '\0';
        if (strlen(at) != (size_t)(newline - at) || !parse_line(at, &pin))
            return cmt_pruner__own_damaged(data_dir, KIND, why, ADVICE, err);
        CMT_TRY(add_pin(out, &pin, err));
        at = newline + 1;
    }
    return CMT_OK;
}

cmt_status cmt_pins_load(const char *data_dir, cmt_pins *out, cmt_error *err)
{
    *out = (cmt_pins){NULL, 0};
    CMT_AUTO(cmt_buf_free) cmt_buf lines = CMT_BUF_INIT;
    cmt_status st = cmt_pruner__own_read(data_dir, KIND, ADVICE, &lines, err);
    if (st == CMT_NOT_FOUND)
        return CMT_OK;
    CMT_TRY(st);
    st = parse(data_dir, &lines, out, err);
    if (st != CMT_OK)
        cmt_pins_free(out);
    return st;
}

/* ---- changing -------------------------------------------------------------------------------- */

static cmt_status append_line(const cmt_pin *pin, cmt_buf *lines)
{
    char line[LINE_MAX_SIZE];
    int size =
        pin->expires == INT64_MAX
            ? snprintf(line, sizeof line, "%s %" PRId64 " " NEVER "\n", pin->name, pin->height)
            : snprintf(line, sizeof line, "%s %" PRId64 " %" PRId64 "\n", pin->name, pin->height,
                       pin->expires);
    return cmt_buf_append(lines, line, (size_t)size);
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(((const cmt_pin *)a)->name, ((const cmt_pin *)b)->name);
}

static cmt_status store(const cmt_pruner__own_lock *lock, const cmt_pins *pins, cmt_error *err)
{
    CMT_AUTO(cmt_buf_free) cmt_buf lines = CMT_BUF_INIT;
    for (size_t i = 0; i < pins->count; i++)
        if (append_line(&pins->pins[i], &lines) != CMT_OK)
            return cmt_error_set(err, CMT_NO_MEMORY, "no memory for pins");
    return cmt_pruner__own_write(lock, KIND, cmt_buf_slice(&lines), err);
}

/* Those that count at @p now, but for the one named @p name, which goes to @p named. */
static cmt_status load_others(const char *data_dir, const char *name, int64_t now, cmt_pins *out,
                              cmt_pin *named, cmt_error *err)
{
    size_t kept = 0;
    *named = (cmt_pin){.height = 0};
    CMT_TRY(cmt_pins_load(data_dir, out, err));
    for (size_t i = 0; i < out->count; i++) {
        const cmt_pin pin = out->pins[i];
        if (!is_live(&pin, now))
            continue;
        if (strcmp(pin.name, name) == 0)
            *named = pin;
        else
            out->pins[kept++] = pin;
    }
    out->count = kept;
    return CMT_OK;
}

static cmt_status add_under(const cmt_pruner__own_lock *lock, const char *data_dir,
                            const cmt_pin *pin, int64_t now, cmt_error *err)
{
    CMT_AUTO(cmt_pins_free) cmt_pins pins = {NULL, 0};
    cmt_pin there;
    CMT_TRY(load_others(data_dir, pin->name, now, &pins, &there, err));
    if (there.height > 0)
        return cmt_error_set(err, CMT_INVALID,
                             "there is a pin %s at height %" PRId64 " already; remove it first",
                             there.name, there.height);
    if (pins.count >= CMT_PINS_MAX)
        return cmt_error_set(err, CMT_INVALID, "there are %d pins already; remove some",
                             CMT_PINS_MAX);
    CMT_TRY(add_pin(&pins, pin, err));
    qsort(pins.pins, pins.count, sizeof *pins.pins, compare_names);
    return store(lock, &pins, err);
}

cmt_status cmt_pins_add(const char *data_dir, const cmt_pin *pin, int64_t now, cmt_error *err)
{
    if (!cmt_pin_name_is_valid(pin->name))
        return cmt_error_set(
            err, CMT_INVALID,
            "\"%.64s\" cannot be the name of a pin: 1 to %d letters, digits, dots, "
            "dashes and underscores",
            pin->name, CMT_PIN_NAME_MAX);
    if (pin->height < 1)
        return cmt_error_set(err, CMT_INVALID, "a pin cannot be at height %" PRId64, pin->height);
    if (!is_live(pin, now))
        return cmt_error_set(err, CMT_INVALID, "the pin %s would have expired already", pin->name);
    CMT_AUTO(cmt_pruner__own_unlock) cmt_pruner__own_lock lock;
    CMT_TRY(cmt_pruner__own_take(data_dir, KIND, &lock, err));
    return add_under(&lock, data_dir, pin, now, err);
}

/* Without a lock it only looks. */
static cmt_status remove_under(const cmt_pruner__own_lock *lock, const char *data_dir,
                               const char *name, int64_t now, cmt_error *err)
{
    CMT_AUTO(cmt_pins_free) cmt_pins pins = {NULL, 0};
    cmt_pin there;
    CMT_TRY(load_others(data_dir, name, now, &pins, &there, err));
    if (there.height == 0)
        return cmt_error_set(err, CMT_NOT_FOUND, "there is no pin \"%.64s\"", name);
    return lock != NULL ? store(lock, &pins, err) : CMT_OK;
}

cmt_status cmt_pins_remove(const char *data_dir, const char *name, int64_t now, cmt_error *err)
{
    CMT_TRY(remove_under(NULL, data_dir, name, now, err)); /* nothing is made for nothing */
    CMT_AUTO(cmt_pruner__own_unlock) cmt_pruner__own_lock lock;
    CMT_TRY(cmt_pruner__own_take(data_dir, KIND, &lock, err));
    return remove_under(&lock, data_dir, name, now, err);
}
