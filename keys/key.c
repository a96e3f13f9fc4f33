/* SPDX-License-Identifier: Apache-2.0
 *
 * Keys with heights: the families, and one key made and taken apart.
 */
#include "cmtstore/keys.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

const cmt_key_family cmt_family_meta = {"H:", false};
const cmt_key_family cmt_family_part = {"P:", true};
const cmt_key_family cmt_family_commit = {"C:", false};
const cmt_key_family cmt_family_seen_commit = {"SC:", false};
const cmt_key_family cmt_family_ext_commit = {"EC:", false};
const cmt_key_family cmt_family_validators = {"validatorsKey:", false};
const cmt_key_family cmt_family_params = {"consensusParamsKey:", false};
const cmt_key_family cmt_family_results = {"abciResponsesKey:", false};

cmt_key cmt_key_make(const cmt_key_family *family, int64_t height, uint32_t index)
{
    cmt_key key;
    int size;
    if (family->indexed)
        size = snprintf(key.text, sizeof key.text, "%s%" PRId64 ":%" PRIu32, family->prefix, height,
                        index);
    else
        size = snprintf(key.text, sizeof key.text, "%s%" PRId64, family->prefix, height);
    key.size = (size_t)size < sizeof key.text ? (size_t)size : sizeof key.text - 1;
    return key;
}

cmt_slice cmt_key_slice(const cmt_key *key)
{
    return (cmt_slice){(const uint8_t *)key->text, key->size};
}

/* Read a decimal number as Go prints it.  Returns the byte behind it, NULL when there is none. */
static const uint8_t *parse_number(const uint8_t *p, const uint8_t *end, uint64_t limit,
                                   uint64_t *out)
{
    if (p == end || *p < '0' || *p > '9')
        return NULL;
    uint64_t n = (uint64_t)(*p++ - '0');
    bool zero = n == 0; /* nothing may follow a leading zero */
    while (p < end && *p >= '0' && *p <= '9') {
        uint64_t digit = (uint64_t)(*p++ - '0');
        if (zero || n > (limit - digit) / 10)
            return NULL;
        n = 10 * n + digit;
    }
    *out = n;
    return p;
}

bool cmt_key_parse(const cmt_key_family *family, cmt_slice key, int64_t *height, uint32_t *index)
{
    size_t prefix_size = strlen(family->prefix);
    if (key.size < prefix_size || memcmp(key.data, family->prefix, prefix_size) != 0)
        return false;
    const uint8_t *end = key.data + key.size;
    uint64_t h;
    uint64_t i = 0;
    const uint8_t *p = parse_number(key.data + prefix_size, end, INT64_MAX, &h);
    if (p == NULL)
        return false;
    if (family->indexed) {
        if (p == end || *p != ':')
            return false;
        p = parse_number(p + 1, end, UINT32_MAX, &i);
    }
    if (p != end)
        return false;
    *height = (int64_t)h;
    if (index != NULL)
        *index = (uint32_t)i;
    return true;
}

cmt_range cmt_key_family_range(const cmt_key_family *family, cmt_key *end)
{
    size_t size = strlen(family->prefix);
    memcpy(end->text, family->prefix, size + 1);
    end->text[size - 1]++; /* ';' behind ':' */
    end->size = size;
    return (cmt_range){{(const uint8_t *)family->prefix, size}, cmt_key_slice(end)};
}

const char *cmt_key_describe(cmt_slice key, char *text, size_t size)
{
    static const char hex[] = "0123456789abcdef";
    size_t n = 0;
    for (size_t i = 0; i < key.size; i++) {
        uint8_t byte = key.data[i];
        bool plain = byte > ' ' && byte < 0x7f && byte != '\\';
        if (n + (plain ? 1 : 4) + sizeof "..." > size) {
            memcpy(text + n, "...", 3);
            n += 3;
            break;
        }
        if (plain) {
            text[n++] = (char)byte;
        } else {
            text[n++] = '\\';
            text[n++] = 'x';
            text[n++] = hex[byte >> 4];
            text[n++] = hex[byte & 15];
        }
    }
    text[n] = '\0';
    return text;
}
