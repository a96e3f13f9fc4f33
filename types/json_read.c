/* SPDX-License-Identifier: Apache-2.0
 *
 * Single JSON values, strictly.
 */
#include "json_read.h"

#include <string.h>

static cmt_status wrong(const char *path, const char *name, const char *what, cmt_error *err)
{
    return cmt_error_set(err, CMT_INVALID, "%s%s is %s", path, name, what);
}

const json_t *cmt_json_member(const json_t *object, const char *name)
{
    const json_t *value = object != NULL ? json_object_get(object, name) : NULL;
    return json_is_null(value) ? NULL : value;
}

cmt_status cmt_json_object(const json_t *parent, const char *name, const char *path,
                           const json_t **out, cmt_error *err)
{
    *out = cmt_json_member(parent, name);
    if (*out == NULL || json_is_object(*out))
        return CMT_OK;
    return wrong(path, name, "no object", err);
}

cmt_status cmt_json_array(const json_t *parent, const char *name, const char *path,
                          const json_t **out, cmt_error *err)
{
    *out = cmt_json_member(parent, name);
    if (*out == NULL || json_is_array(*out))
        return CMT_OK;
    return wrong(path, name, "no list", err);
}

/* The string, empty for absent. */
static cmt_status string_of(const json_t *parent, const char *name, const char *path,
                            cmt_slice *out, cmt_error *err)
{
    const json_t *value = cmt_json_member(parent, name);
    *out = (cmt_slice){(const uint8_t *)"", 0};
    if (value == NULL)
        return CMT_OK;
    if (!json_is_string(value))
        return wrong(path, name, "no string", err);
    *out = (cmt_slice){(const uint8_t *)json_string_value(value), json_string_length(value)};
    return CMT_OK;
}

cmt_status cmt_json_text(const json_t *parent, const char *name, const char *path, char *out,
                         size_t room, cmt_error *err)
{
    cmt_slice text;
    CMT_TRY(string_of(parent, name, path, &text, err));
    if (text.size >= room)
        return cmt_error_set(err, CMT_INVALID, "%s%s has %zu bytes; at most %zu are allowed", path,
                             name, text.size, room - 1);
    if (memchr(text.data, 0, text.size) != NULL)
        return wrong(path, name, "no text: it holds a zero byte", err);
    memset(out, 0, room);
    memcpy(out, text.data, text.size);
    return CMT_OK;
}

/* ---- numbers ----------------------------------------------------------------------------- */

/* Digits without leading zeros, behind an optional sign. */
static bool parse_int64(cmt_slice text, int64_t *out)
{
    size_t i = text.size > 0 && text.data[0] == '-' ? 1 : 0;
    bool negative = i == 1;
    if (i == text.size || (text.data[i] == '0' && text.size > i + 1))
        return false;
    int64_t value = 0;
    for (; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
        int64_t digit = text.data[i] - '0';
        if (__builtin_mul_overflow(value, (int64_t)10, &value) ||
            __builtin_add_overflow(value, negative ? -digit : digit, &value))
            return false;
    }
    *out = value;
    return true;
}

cmt_status cmt_json_int64(const json_t *parent, const char *name, const char *path, int64_t *out,
                          cmt_error *err)
{
    cmt_slice text;
    *out = 0;
    if (cmt_json_member(parent, name) == NULL)
        return CMT_OK;
    CMT_TRY(string_of(parent, name, path, &text, err));
    if (!parse_int64(text, out))
        return wrong(path, name, "no whole number of 64 bits", err);
    return CMT_OK;
}

/* ---- times ------------------------------------------------------------------------------- */

/* @p count digits at @p at; -1 if they are none. */
static int digits(cmt_slice text, size_t at, size_t count)
{
    int value = 0;
    for (size_t i = at; i < at + count; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return -1;
        value = value * 10 + (text.data[i] - '0');
    }
    return value;
}

/* Days since 1970-01-01 in the Gregorian calendar; years begin in March here, so that the leap day
 * comes last. */
static int64_t days_of(int year, int month, int day)
{
    int64_t y = month > 2 ? year : year - 1;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t year_of_era = y - era * 400;
    int64_t day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year -
           719468;
}

static int days_in(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && leap ? 1 : 0);
}

static bool in(int value, int lo, int hi)
{
    return value >= lo && value <= hi;
}

/* Behind the seconds: nothing, or a point and digits, of which the first nine count. */
static bool parse_fraction(cmt_slice text, int32_t *nanos)
{
    int32_t value = 0;
    size_t kept = 0;
    if (text.size == 1 || (text.size > 0 && text.data[0] != '.'))
        return false;
    for (size_t i = 1; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
        if (kept < 9) {
            value = value * 10 + (text.data[i] - '0');
            kept++;
        }
    }
    for (; kept < 9; kept++)
        value *= 10;
    *nanos = value;
    return true;
}

/* "2006-01-02T15:04:05.999999999Z" */
static bool parse_time(cmt_slice text, cmt_time *out)
{
    static const char shape[] = "0000-00-00T00:00:00";
    size_t length = sizeof shape - 1;
    if (text.size < length + 1 || text.data[text.size - 1] != 'Z')
        return false;
    for (size_t i = 0; i < length; i++) {
        if (shape[i] != '0' && text.data[i] != (uint8_t)shape[i])
            return false;
    }
    int year = digits(text, 0, 4);
    int month = digits(text, 5, 2);
    int day = digits(text, 8, 2);
    int hour = digits(text, 11, 2);
    int minute = digits(text, 14, 2);
    int second = digits(text, 17, 2);
    if (year < 1 || !in(month, 1, 12) || !in(day, 1, days_in(year, month)) || !in(hour, 0, 23) ||
        !in(minute, 0, 59) || !in(second, 0, 59))
        return false;
    cmt_slice fraction = {text.data + length, text.size - length - 1};
    out->seconds = days_of(year, month, day) * 86400 + hour * 3600 + minute * 60 + second;
    return parse_fraction(fraction, &out->nanos);
}

cmt_status cmt_json_time(const json_t *parent, const char *name, const char *path, bool *seen,
                         cmt_time *out, cmt_error *err)
{
    cmt_slice text;
    CMT_TRY(string_of(parent, name, path, &text, err));
    *seen = cmt_json_member(parent, name) != NULL;
    if (!*seen || parse_time(text, out))
        return CMT_OK;
    return wrong(path, name, "no time such as 2006-01-02T15:04:05.999999999Z", err);
}

/* ---- bytes ------------------------------------------------------------------------------- */

static int hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

cmt_status cmt_json_hex(const json_t *parent, const char *name, const char *path, cmt_hash *out,
                        cmt_error *err)
{
    cmt_slice text;
    CMT_TRY(string_of(parent, name, path, &text, err));
    cmt_hash hash = {{0}, text.size / 2};
    if (hash.size > sizeof hash.bytes)
        return cmt_error_set(err, CMT_UNSUPPORTED, "%s%s has %zu bytes; at most %zu are supported",
                             path, name, hash.size, sizeof hash.bytes);
    bool good = text.size % 2 == 0;
    for (size_t i = 0; i < hash.size && good; i++) {
        int high = hex_digit(text.data[2 * i]);
        int low = hex_digit(text.data[2 * i + 1]);
        good = high >= 0 && low >= 0;
        if (good)
            hash.bytes[i] = (uint8_t)(high << 4 | low);
    }
    if (!good)
        return wrong(path, name, "no hex", err);
    *out = hash;
    return CMT_OK;
}

static int base64_digit(uint8_t c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == '+')
        return 62;
    return c == '/' ? 63 : -1;
}

/* Of a group of four the padding leaves one byte or two. */
static bool parse_base64(cmt_slice text, uint8_t *out, size_t room, size_t *size)
{
    if (text.size % 4 != 0 || text.size / 4 * 3 > room + 2)
        return false;
    size_t padding = 0;
    while (padding < 2 && padding < text.size && text.data[text.size - 1 - padding] == '=')
        padding++;
    size_t total = text.size / 4 * 3 - padding;
    if (total > room)
        return false;
    uint32_t bits = 0;
    size_t made = 0;
    for (size_t i = 0; i < text.size; i++) {
        bool pad = i >= text.size - padding;
        int digit = pad ? 0 : base64_digit(text.data[i]);
        if (digit < 0)
            return false;
        bits = bits << 6 | (uint32_t)digit;
        if (i % 4 != 3)
            continue;
        for (unsigned shift = 16; shift <= 16 && made < total; shift -= 8)
            out[made++] = (uint8_t)(bits >> shift);
        bits = 0;
    }
    *size = total;
    return true;
}

cmt_status cmt_json_base64(const json_t *parent, const char *name, const char *path, uint8_t *out,
                           size_t room, size_t *size, cmt_error *err)
{
    cmt_slice text;
    CMT_TRY(string_of(parent, name, path, &text, err));
    if (!parse_base64(text, out, room, size))
        return wrong(path, name, "no base64 of the right length", err);
    return CMT_OK;
}
