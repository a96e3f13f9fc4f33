/* SPDX-License-Identifier: Apache-2.0
 *
 * The check made before parsing.  The parser recurses on brackets and on dotted keys, so nesting
 * is bounded here by a scan that needs no stack; it reads strings and comments just as the parser
 * does, else brackets could hide from it.
 */
#include "config_internal.h"

#include <string.h>

struct scan {
    const char *name;
    const uint8_t *p;
    const uint8_t *end;
    unsigned line;
    unsigned level; /* brackets open, with the dots of the keys in front of them */
    unsigned dots;  /* of the key or value being read */
    unsigned elements;
    unsigned opened;
    unsigned outer[CMT_CONFIG_DEPTH_MAX]; /* level outside of each open bracket */
};

static cmt_status fail_depth(const struct scan *s, cmt_error *err)
{
    return cmt_error_set(err, CMT_INVALID, "%s: line %u: nested deeper than %d levels", s->name,
                         s->line, CMT_CONFIG_DEPTH_MAX);
}

static cmt_status fail_elements(const struct scan *s, cmt_error *err)
{
    return cmt_error_set(err, CMT_INVALID, "%s: line %u: more than %d array elements in the file",
                         s->name, s->line, CMT_CONFIG_ELEMENTS_MAX);
}

static cmt_status fail_string(const struct scan *s, unsigned line, cmt_error *err)
{
    return cmt_error_set(err, CMT_INVALID, "%s: line %u: a string is not closed", s->name, line);
}

static bool starts_with_three(const struct scan *s, uint8_t quote)
{
    return s->end - s->p >= 3 && s->p[0] == quote && s->p[1] == quote && s->p[2] == quote;
}

/* Stands on the opening quote. */
static cmt_status skip_line_string(struct scan *s, uint8_t quote, cmt_error *err)
{
    s->p++;
    for (; s->p < s->end && *s->p != '\n'; s->p++) {
        if (*s->p == quote) {
            s->p++;
            return CMT_OK;
        }
        if (*s->p == '\\' && quote == '"' && s->p + 1 < s->end && s->p[1] != '\n')
            s->p++;
    }
    return fail_string(s, s->line, err);
}

/* Stands on the first of three quotes. */
static cmt_status skip_text_string(struct scan *s, uint8_t quote, cmt_error *err)
{
    unsigned first_line = s->line;
    for (s->p += 3; s->p < s->end; s->p++) {
        if (starts_with_three(s, quote)) {
            s->p += 3;
            /* Up to two quotes right before the closing ones are contents. */
            for (int extra = 0; extra < 2 && s->p < s->end && *s->p == quote; extra++)
                s->p++;
            return CMT_OK;
        }
        if (*s->p == '\\' && quote == '"' && s->p + 1 < s->end)
            s->p++;
        if (*s->p == '\n')
            s->line++;
    }
    return fail_string(s, first_line, err);
}

static cmt_status open_bracket(struct scan *s, cmt_error *err)
{
    unsigned level = s->level + 1 + s->dots;
    if (s->opened == CMT_CONFIG_DEPTH_MAX || level > CMT_CONFIG_DEPTH_MAX)
        return fail_depth(s, err);
    s->outer[s->opened++] = s->level;
    s->level = level;
    s->dots = 0;
    return CMT_OK;
}

static void close_bracket(struct scan *s)
{
    if (s->opened > 0)
        s->level = s->outer[--s->opened];
    s->dots = 0;
}

static void end_line(struct scan *s)
{
    s->line++;
    if (s->opened == 0)
        s->dots = 0;
}

/* Takes one character that stands outside of strings and comments. */
static cmt_status take_mark(struct scan *s, cmt_error *err)
{
    uint8_t c = *s->p++;
    switch (c) {
    case '[':
    case '{':
        return open_bracket(s, err);
    case ']':
    case '}':
        close_bracket(s);
        return CMT_OK;
    case '.':
        s->dots++;
        return s->level + s->dots > CMT_CONFIG_DEPTH_MAX ? fail_depth(s, err) : CMT_OK;
    case ',':
        s->dots = 0;
        return ++s->elements > CMT_CONFIG_ELEMENTS_MAX ? fail_elements(s, err) : CMT_OK;
    case '\n':
        end_line(s);
        return CMT_OK;
    default:
        return CMT_OK;
    }
}

cmt_status cmt_config_precheck(const char *name, cmt_slice text, cmt_error *err)
{
    if (text.size > CMT_CONFIG_BYTES_MAX)
        return cmt_error_set(err, CMT_INVALID,
                             "%s: %zu bytes, more than the %zu a config.toml may have", name,
                             text.size, CMT_CONFIG_BYTES_MAX);
    if (text.size == 0)
        return CMT_OK;
    struct scan s = {.name = name, .p = text.data, .end = text.data + text.size, .line = 1};
    const uint8_t *nul = memchr(text.data, 0, text.size);
    if (nul != NULL)
        return cmt_error_set(err, CMT_INVALID, "%s: byte %zu is NUL: not a text file", name,
                             (size_t)(nul - text.data));
    unsigned line;
    if (!cmt_config_is_utf8(text, &line))
        return cmt_error_set(err, CMT_INVALID, "%s: line %u: it is not UTF-8", name, line);
    while (s.p < s.end) {
        if (*s.p == '#') {
            const uint8_t *eol = memchr(s.p, '\n', (size_t)(s.end - s.p));
            s.p = eol != NULL ? eol : s.end;
        } else if (*s.p == '"' || *s.p == '\'') {
            uint8_t quote = *s.p;
            CMT_TRY(starts_with_three(&s, quote) ? skip_text_string(&s, quote, err)
                                                 : skip_line_string(&s, quote, err));
        } else {
            CMT_TRY(take_mark(&s, err));
        }
    }
    return CMT_OK;
}
