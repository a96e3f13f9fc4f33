/* SPDX-License-Identifier: Apache-2.0
 *
 * JSON in CometBFT's own style.
 */
#include "json_write.h"

#include <inttypes.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#define DAY 86400

cmt_status cmt_json_put(cmt_buf *out, const char *text)
{
    return cmt_buf_append(out, text, strlen(text));
}

/* U+2028 and U+2029 end lines in JavaScript. */
static bool is_line_end(const uint8_t *p, size_t left)
{
    return left >= 3 && p[0] == 0xe2 && p[1] == 0x80 && (p[2] & 0xfe) == 0xa8;
}

static cmt_status put_code(cmt_buf *out, unsigned code)
{
    char text[8];
    snprintf(text, sizeof text, "\\u%04x", code);
    return cmt_json_put(out, text);
}

/* Escape one byte that may stand in a string that is JSON already. */
static cmt_status put_markup(cmt_buf *out, const uint8_t *p, size_t left, size_t *used)
{
    *used = 1;
    if (*p == '<' || *p == '>' || *p == '&')
        return put_code(out, *p);
    if (!is_line_end(p, left))
        return cmt_buf_append(out, p, 1);
    *used = 3;
    return put_code(out, 0x2000u | (p[2] & 0x3fu));
}

/* Source: encoding/json of Go, appendString */
static cmt_status put_one(cmt_buf *out, const uint8_t *p, size_t left, size_t *used)
{
    static const char plain[] = "\"\\\b\f\n\r\t";
    static const char *const escapes[] = {"\\\"", "\\\\", "\\b", "\\f", "\\n", "\\r", "\\t"};
    *used = 1;
    const char *found = *p != 0 ? strchr(plain, *p) : NULL;
    if (found != NULL)
        return cmt_json_put(out, escapes[found - plain]);
    if (*p < 0x20)
        return put_code(out, *p);
    return put_markup(out, p, left, used);
}

cmt_status cmt_json_put_string(cmt_buf *out, cmt_slice text)
{
    CMT_TRY(cmt_json_put(out, "\""));
    size_t used;
    for (size_t i = 0; i < text.size; i += used)
        CMT_TRY(put_one(out, text.data + i, text.size - i, &used));
    return cmt_json_put(out, "\"");
}

cmt_status cmt_json_put_int64(cmt_buf *out, int64_t value)
{
    char text[32];
    snprintf(text, sizeof text, "\"%" PRId64 "\"", value);
    return cmt_json_put(out, text);
}

cmt_status cmt_json_put_hex(cmt_buf *out, cmt_slice bytes)
{
    CMT_TRY(cmt_json_put(out, "\""));
    for (size_t i = 0; i < bytes.size; i++) {
        char text[4];
        snprintf(text, sizeof text, "%02X", bytes.data[i]);
        CMT_TRY(cmt_json_put(out, text));
    }
    return cmt_json_put(out, "\"");
}

cmt_status cmt_json_put_base64(cmt_buf *out, cmt_slice bytes)
{
    CMT_TRY(cmt_json_put(out, "\""));
    for (size_t i = 0; i < bytes.size; i += 3) {
        unsigned char text[5];
        size_t left = bytes.size - i;
        EVP_EncodeBlock(text, bytes.data + i, left < 3 ? (int)left : 3);
        CMT_TRY(cmt_json_put(out, (const char *)text));
    }
    return cmt_json_put(out, "\"");
}

/* ---- time -------------------------------------------------------------------------------- */

/* Of a day counted from 1970-01-01, in years that begin in March so that leap days come last. */
static void civil(int64_t day, int64_t *year, unsigned *month, unsigned *day_of_month)
{
    int64_t shifted = day + 719468;
    int64_t era = (shifted >= 0 ? shifted : shifted - 146096) / 146097;
    int64_t of_era = shifted - era * 146097;
    int64_t year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t march_month = (5 * of_year + 2) / 153;
    *day_of_month = (unsigned)(of_year - (153 * march_month + 2) / 5 + 1);
    *month = (unsigned)(march_month < 10 ? march_month + 3 : march_month - 9);
    *year = year_of_era + era * 400 + (*month <= 2 ? 1 : 0);
}

cmt_status cmt_json_put_time(cmt_buf *out, cmt_time time)
{
    int64_t second = time.seconds % DAY;
    int64_t day = time.seconds / DAY;
    if (second < 0) {
        second += DAY;
        day--;
    }
    int64_t year;
    unsigned month;
    unsigned day_of_month;
    civil(day, &year, &month, &day_of_month);
    char text[64];
    snprintf(text, sizeof text, "\"%04" PRId64 "-%02u-%02uT%02d:%02d:%02d", year, month,
             day_of_month, (int)(second / 3600), (int)(second / 60 % 60), (int)(second % 60));
    CMT_TRY(cmt_json_put(out, text));
    if (time.nanos != 0) {
        int size = snprintf(text, sizeof text, ".%09" PRId32, time.nanos);
        while (text[size - 1] == '0')
            text[--size] = '\0';
        CMT_TRY(cmt_json_put(out, text));
    }
    return cmt_json_put(out, "Z\"");
}

/* ---- JSON that is there ------------------------------------------------------------------ */

static bool is_space(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Source: encoding/json of Go, appendCompact */
cmt_status cmt_json_put_compact(cmt_buf *out, cmt_slice json)
{
    bool quoted = false;
    size_t used;
    for (size_t i = 0; i < json.size; i += used) {
        uint8_t c = json.data[i];
        used = 1;
        if (!quoted && is_space(c))
            continue;
        if (quoted && c == '\\' && i + 1 < json.size) {
            used = 2;
            CMT_TRY(cmt_buf_append(out, json.data + i, 2));
            continue;
        }
        if (c == '"')
            quoted = !quoted;
        CMT_TRY(put_markup(out, json.data + i, json.size - i, &used));
    }
    return CMT_OK;
}

/* The first byte that begins something at or behind @p at. */
static size_t skip_space(cmt_slice json, size_t at)
{
    while (at < json.size && (is_space(json.data[at]) || json.data[at] == ',' ||
                              json.data[at] == ':' || json.data[at] == '{'))
        at++;
    return at;
}

/* The end of the value that begins at @p at. */
static size_t skip_value(cmt_slice json, size_t at)
{
    size_t depth = 0;
    bool quoted = false;
    for (; at < json.size; at++) {
        uint8_t c = json.data[at];
        if (quoted) {
            if (c == '\\')
                at++;
            quoted = c != '"';
            if (!quoted && depth == 0)
                return at + 1;
        } else if (c == '"') {
            quoted = true;
        } else if (c == '{' || c == '[') {
            depth++;
        } else if (depth == 0 && (c == ',' || c == '}' || is_space(c))) {
            return at;
        } else if ((c == '}' || c == ']') && --depth == 0) {
            return at + 1;
        }
    }
    return json.size;
}

cmt_slice cmt_json_span(cmt_slice json, const char *name)
{
    cmt_slice found = {NULL, 0};
    size_t at = skip_space(json, 0);
    while (at < json.size && json.data[at] == '"') {
        size_t key_end = skip_value(json, at);
        cmt_slice key = {json.data + at + 1, key_end - at - 2};
        size_t begin = key_end;
        while (begin < json.size && (is_space(json.data[begin]) || json.data[begin] == ':'))
            begin++;
        size_t end = skip_value(json, begin);
        if (cmt_slice_equal(key, (cmt_slice){(const uint8_t *)name, strlen(name)}))
            found = (cmt_slice){json.data + begin, end - begin};
        at = skip_space(json, end);
    }
    return found;
}
