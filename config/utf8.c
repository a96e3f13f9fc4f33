/* SPDX-License-Identifier: Apache-2.0
 *
 * Is a text UTF-8?  TOML's has to be, and the parser reads beyond its memory where a string is not.
 */
#include "config_internal.h"

static bool is_within(const uint8_t *p, const uint8_t *end, uint8_t lo, uint8_t hi)
{
    return p < end && *p >= lo && *p <= hi;
}

/* How long the character at @p p is; 0: it is none.  RFC 3629, section 4. */
static size_t character_size(const uint8_t *p, const uint8_t *end)
{
    uint8_t lo =
        0x80; /* of the second byte: overlong forms, surrogates and what lies above U+10FFFF are left out */
    uint8_t hi = 0xbf;
    size_t size = 4;
    if (*p < 0x80)
        return 1;
    if (*p < 0xc2 || *p > 0xf4)
        return 0;
    if (*p < 0xf0)
        size = *p < 0xe0 ? 2 : 3;
    if (*p == 0xe0)
        lo = 0xa0;
    else if (*p == 0xed)
        hi = 0x9f;
    else if (*p == 0xf0)
        lo = 0x90;
    else if (*p == 0xf4)
        hi = 0x8f;
    if (!is_within(p + 1, end, lo, hi))
        return 0;
    for (size_t i = 2; i < size; i++)
        if (!is_within(p + i, end, 0x80, 0xbf))
            return 0;
    return size;
}

bool cmt_config_is_utf8(cmt_slice text, unsigned *line)
{
    const uint8_t *end = text.data + text.size;
    *line = 1;
    for (const uint8_t *p = text.data; p < end;) {
        size_t size = character_size(p, end);
        if (size == 0)
            return false;
        *line += *p == '\n';
        p += size;
    }
    return true;
}
