/* SPDX-License-Identifier: Apache-2.0
 *
 * Durations as Go writes them, and sizes in bytes.
 */
#include "config_internal.h"

#include <string.h>

struct unit {
    const char *name;
    uint64_t factor;
};

/* Source: Go time/format.go unitMap; both the micro sign and the Greek mu */
static const struct unit duration_units[] = {
    {"ns", 1},
    {"us", 1000},
    {"\xc2\xb5s", 1000},
    {"\xce\xbcs", 1000},
    {"ms", 1000000},
    {"s", UINT64_C(1000000000)},
    {"m", UINT64_C(60000000000)},
    {"h", UINT64_C(3600000000000)},
};

/* What keys of ours may say besides. */
static const struct unit day_units[] = {{"d", UINT64_C(86400000000000)}};

static const struct unit size_units[] = {
    {"", 1},
    {"B", 1},
    {"kB", 1000},
    {"KB", 1000},
    {"MB", 1000000},
    {"GB", UINT64_C(1000000000)},
    {"TB", UINT64_C(1000000000000)},
    {"KiB", UINT64_C(1) << 10},
    {"MiB", UINT64_C(1) << 20},
    {"GiB", UINT64_C(1) << 30},
    {"TiB", UINT64_C(1) << 40},
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* A decimal number with an optional fraction. */
struct number {
    uint64_t whole;
    uint64_t fraction; /* digits behind the point, as far as they fit */
    double scale;      /* 10 to the number of those digits */
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Returns what follows, NULL when there is no digit or the whole part is too large. */
static const char *read_number(const char *p, struct number *out)
{
    *out = (struct number){0, 0, 1};
    bool digits = is_digit(*p);
    for (; is_digit(*p); p++)
        if (__builtin_mul_overflow(out->whole, 10, &out->whole) ||
            __builtin_add_overflow(out->whole, (uint64_t)(*p - '0'), &out->whole))
            return NULL;
    if (*p == '.') {
        p++;
        digits = digits || is_digit(*p);
        for (bool full = false; is_digit(*p); p++) {
            /* Source: Go time/format.go leadingFraction */
            full = full || out->fraction > (uint64_t)(INT64_MAX - 9) / 10;
            if (full)
                continue;
            out->fraction = out->fraction * 10 + (uint64_t)(*p - '0');
            out->scale *= 10;
        }
    }
    return digits ? p : NULL;
}

static bool add_scaled(uint64_t *total, const struct number *number, uint64_t factor)
{
    uint64_t whole;
    if (__builtin_mul_overflow(number->whole, factor, &whole) ||
        __builtin_add_overflow(*total, whole, total))
        return false;
    uint64_t part = (uint64_t)((double)number->fraction * ((double)factor / number->scale));
    return !__builtin_add_overflow(*total, part, total);
}

static const struct unit *find_unit(const struct unit *units, size_t count, const char *name,
                                    size_t size)
{
    for (size_t i = 0; i < count; i++)
        if (strlen(units[i].name) == size && memcmp(units[i].name, name, size) == 0)
            return &units[i];
    return NULL;
}

static cmt_status fail_duration(const char *text, cmt_error *err)
{
    return cmt_error_set(err, CMT_INVALID,
                         "\"%.64s\" is not a duration such as \"10s\", \"1h30m\" or \"250ms\"",
                         text);
}

static cmt_status fail_bytes(const char *text, cmt_error *err)
{
    return cmt_error_set(err, CMT_INVALID, "\"%.64s\" is not a size such as \"10MB\" or \"4GiB\"",
                         text);
}

cmt_status cmt_config_parse_bytes(const char *text, uint64_t *bytes, cmt_error *err)
{
    struct number number;
    const char *p = read_number(text, &number);
    if (p == NULL)
        return fail_bytes(text, err);
    if (*p == ' ')
        p++;
    const struct unit *unit = find_unit(size_units, COUNT(size_units), p, strlen(p));
    uint64_t total = 0;
    if (unit == NULL || !add_scaled(&total, &number, unit->factor))
        return fail_bytes(text, err);
    *bytes = total;
    return CMT_OK;
}

static const struct unit *find_time_unit(const char *name, size_t size, bool days)
{
    const struct unit *unit = find_unit(duration_units, COUNT(duration_units), name, size);
    return unit == NULL && days ? find_unit(day_units, COUNT(day_units), name, size) : unit;
}

static cmt_status parse_duration(const char *text, bool days, int64_t *ns, cmt_error *err)
{
    const char *p = text;
    bool negative = *p == '-';
    if (*p == '-' || *p == '+')
        p++;
    if (strcmp(p, "0") == 0) {
        *ns = 0;
        return CMT_OK;
    }
    uint64_t total = 0;
    do {
        struct number number;
        p = read_number(p, &number);
        if (p == NULL)
            return fail_duration(text, err);
        size_t size = strcspn(p, ".0123456789");
        const struct unit *unit = find_time_unit(p, size, days);
        if (unit == NULL || !add_scaled(&total, &number, unit->factor))
            return fail_duration(text, err);
        p += size;
    } while (*p != '\0');
    if (total > (uint64_t)INT64_MAX + negative)
        return fail_duration(text, err);
    *ns = negative ? (int64_t)-total : (int64_t)total;
    return CMT_OK;
}

cmt_status cmt_config_parse_duration(const char *text, int64_t *ns, cmt_error *err)
{
    return parse_duration(text, false, ns, err);
}

cmt_status cmt_config_parse_days(const char *text, int64_t *ns, cmt_error *err)
{
    return parse_duration(text, true, ns, err);
}
