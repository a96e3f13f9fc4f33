/* SPDX-License-Identifier: Apache-2.0
 *
 * Reads one value of config.toml by its rule.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rules.h"

static cmt_status fail(const cmt_config__reader *r, const char *must_be)
{
    return cmt_error_set(r->err, CMT_INVALID, "%s: line %u: %s must be %s", r->name, r->entry->line,
                         r->rule->path, must_be);
}

/* Puts the place in front of what a value reader said. */
static cmt_status fail_at(const cmt_config__reader *r)
{
    return cmt_error_prefix(r->err, CMT_INVALID, "%s: line %u: %s", r->name, r->entry->line,
                            r->rule->path);
}

static void *place(const cmt_config__reader *r)
{
    return r->rule->offset == CMT_CONFIG__NOT_KEPT ? NULL : (char *)r->out + r->rule->offset;
}

static void keep_integer(const cmt_config__reader *r, int64_t value)
{
    int64_t *kept = place(r);
    if (kept != NULL)
        *kept = value;
}

static cmt_status keep_text(const cmt_config__reader *r)
{
    char *kept = place(r);
    if (kept == NULL)
        return CMT_OK;
    if (r->entry->text_size >= r->rule->size)
        return cmt_error_set(r->err, CMT_INVALID, "%s: line %u: %s is longer than %zu bytes",
                             r->name, r->entry->line, r->rule->path, r->rule->size - 1);
    memcpy(kept, r->entry->text, r->entry->text_size + 1);
    return CMT_OK;
}

/* True for a string that can be shown and passed on: nothing in it but printable characters. */
static bool is_plain_text(const cmt_toml_entry *entry)
{
    if (entry->kind != CMT_TOML_STRING)
        return false;
    for (size_t i = 0; i < entry->text_size; i++)
        if ((unsigned char)entry->text[i] < 0x20 || entry->text[i] == 0x7f)
            return false;
    return true;
}

static cmt_status read_bool(const cmt_config__reader *r)
{
    if (r->entry->kind != CMT_TOML_BOOL)
        return fail(r, "true or false");
    bool *kept = place(r);
    if (kept != NULL)
        *kept = r->entry->boolean;
    return CMT_OK;
}

static cmt_status fail_range(const cmt_config__reader *r)
{
    char must_be[80];
    if (r->rule->max == INT64_MAX)
        snprintf(must_be, sizeof must_be, "%" PRId64 " or more", r->rule->min);
    else
        snprintf(must_be, sizeof must_be, "in %" PRId64 " to %" PRId64, r->rule->min, r->rule->max);
    return fail(r, must_be);
}

static cmt_status check_integer(const cmt_config__reader *r, int64_t value)
{
    if (value < r->rule->min || value > r->rule->max)
        return fail_range(r);
    keep_integer(r, value);
    return CMT_OK;
}

static cmt_status read_integer(const cmt_config__reader *r)
{
    if (r->entry->kind == CMT_TOML_HUGE_INTEGER)
        return fail(r, "an integer that fits in 64 bits");
    if (r->entry->kind != CMT_TOML_INTEGER)
        return fail(r, "an integer");
    return check_integer(r, r->entry->integer);
}

static cmt_status read_quotable_integer(const cmt_config__reader *r)
{
    if (r->entry->kind != CMT_TOML_STRING)
        return read_integer(r);
    const char *digits = r->entry->text + (r->entry->text[0] == '-');
    char *end;
    errno = 0;
    long long value = strtoll(r->entry->text, &end, 10);
    if (digits[0] < '0' || digits[0] > '9' || end != r->entry->text + r->entry->text_size ||
        errno != 0)
        return fail(r, "an integer");
    return check_integer(r, value);
}

static cmt_status read_text(const cmt_config__reader *r)
{
    return is_plain_text(r->entry) ? keep_text(r) : fail(r, "a string of printable characters");
}

/* True if @p word is one of the words in @p choices. */
static bool is_choice(const char *choices, const char *word)
{
    size_t size = strlen(word);
    for (const char *c = choices; size > 0; c++) {
        size_t c_size = strcspn(c, " ");
        if (c_size == size && memcmp(c, word, size) == 0)
            return true;
        c += c_size;
        if (*c == '\0')
            return false;
    }
    return false;
}

static cmt_status read_choice(const cmt_config__reader *r)
{
    if (is_plain_text(r->entry) && is_choice(r->rule->choices, r->entry->text))
        return keep_text(r);
    char must_be[128];
    snprintf(must_be, sizeof must_be, "one of the strings: %s", r->rule->choices);
    return fail(r, must_be);
}

static cmt_status read_duration(const cmt_config__reader *r)
{
    if (!is_plain_text(r->entry))
        return fail(r, "a duration string such as \"10s\"");
    int64_t ns;
    cmt_status st = r->rule->type == CMT_CONFIG__DAYS
                        ? cmt_config_parse_days(r->entry->text, &ns, r->err)
                        : cmt_config_parse_duration(r->entry->text, &ns, r->err);
    if (st != CMT_OK)
        return fail_at(r);
    if (r->rule->choices != NULL && (ns < r->rule->min || ns > r->rule->max))
        return fail(r, r->rule->choices);
    if (ns < r->rule->min)
        return fail(r, r->rule->min > 0 ? "longer than \"0s\"" : "\"0s\" or longer");
    keep_integer(r, ns);
    return CMT_OK;
}

static cmt_status read_share(const cmt_config__reader *r)
{
    double share = r->entry->kind == CMT_TOML_FLOAT ? r->entry->real : (double)r->entry->integer;
    bool number = r->entry->kind == CMT_TOML_FLOAT || r->entry->kind == CMT_TOML_INTEGER;
    if (!number || !(share >= 0 && share <= 1))
        return fail(r, "a number in 0 to 1");
    double *kept = place(r);
    if (kept != NULL)
        *kept = share;
    return CMT_OK;
}

static cmt_status read_bytes(const cmt_config__reader *r)
{
    uint64_t bytes;
    if (!is_plain_text(r->entry))
        return fail(r, "a size string such as \"10MB\"");
    if (cmt_config_parse_bytes(r->entry->text, &bytes, r->err) != CMT_OK)
        return fail_at(r);
    uint64_t *kept = place(r);
    if (kept != NULL)
        *kept = bytes;
    return CMT_OK;
}

cmt_status cmt_config__read_value(const cmt_config__reader *r)
{
    switch (r->rule->type) {
    case CMT_CONFIG__TABLE:
        return r->entry->kind == CMT_TOML_TABLE ? CMT_OK : fail(r, "a table");
    case CMT_CONFIG__IGNORED:
        return CMT_OK;
    case CMT_CONFIG__BOOL:
        return read_bool(r);
    case CMT_CONFIG__INTEGER:
        return read_integer(r);
    case CMT_CONFIG__QUOTABLE_INTEGER:
        return read_quotable_integer(r);
    case CMT_CONFIG__TEXT:
        return read_text(r);
    case CMT_CONFIG__CHOICE:
        return read_choice(r);
    case CMT_CONFIG__DURATION:
    case CMT_CONFIG__DAYS:
        return read_duration(r);
    case CMT_CONFIG__SHARE:
        return read_share(r);
    case CMT_CONFIG__BYTES:
        return read_bytes(r);
    }
    return CMT_INVALID;
}
