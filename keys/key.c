/* SPDX-License-Identifier: Apache-2.0
 *
 * Keys with heights: the families, and one key made and taken apart.
 */
#include "cmtstore/keys.h"

#include "ordered.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

const cmt_key_family cmt_family_meta = {"H:", false, 0};
const cmt_key_family cmt_family_part = {"P:", true, 0};
const cmt_key_family cmt_family_commit = {"C:", false, 0};
const cmt_key_family cmt_family_seen_commit = {"SC:", false, 0};
const cmt_key_family cmt_family_ext_commit = {"EC:", false, 0};
const cmt_key_family cmt_family_validators = {"validatorsKey:", false, 0};
const cmt_key_family cmt_family_params = {"consensusParamsKey:", false, 0};
const cmt_key_family cmt_family_results = {"abciResponsesKey:", false, 0};

/* The number that begins a key, itself in the ordered form: 0x80 and what it is.  5 is the hash
 * index, whose keys carry no height. */
static const struct {
    const cmt_key_family *v1;
    cmt_key_family v2;
} families[] = {
    {&cmt_family_meta, {"H:", false, 0x80}},
    {&cmt_family_part, {"P:", true, 0x81}},
    {&cmt_family_commit, {"C:", false, 0x82}},
    {&cmt_family_seen_commit, {"SC:", false, 0x83}},
    {&cmt_family_ext_commit, {"EC:", false, 0x84}},
    {&cmt_family_validators, {"validatorsKey:", false, 0x86}},
    {&cmt_family_params, {"consensusParamsKey:", false, 0x87}},
    {&cmt_family_results, {"abciResponsesKey:", false, 0x88}},
};

const cmt_key_family *cmt_key_family_in(const cmt_key_family *family, cmt_key_layout layout)
{
    for (size_t i = 0; i < sizeof families / sizeof families[0]; i++)
        if (family == families[i].v1 || family == &families[i].v2)
            return layout == CMT_KEY_LAYOUT_V2 ? &families[i].v2 : families[i].v1;
    return family;
}

cmt_key cmt_keys__start_of(const cmt_key_family *family, int64_t height)
{
    cmt_key key = {.size = 0};
    if (family->v2_byte != 0) {
        key.text[0] = (char)family->v2_byte;
        key.size = 1 + cmt_keys__ordered_put(height, (uint8_t *)key.text + 1);
        return key;
    }
    int size = snprintf(key.text, sizeof key.text, "%s%" PRId64 "%s", family->prefix, height,
                        family->indexed ? ":" : "");
    key.size = (size_t)size < sizeof key.text ? (size_t)size : sizeof key.text - 1;
    return key;
}

cmt_key cmt_key_make(const cmt_key_family *family, int64_t height, uint32_t index)
{
    cmt_key key = cmt_keys__start_of(family, height);
    if (!family->indexed)
        return key;
    char *behind = key.text + key.size;
    if (family->v2_byte != 0)
        key.size += cmt_keys__ordered_put(index, (uint8_t *)behind);
    else
        key.size += (size_t)snprintf(behind, sizeof key.text - key.size, "%" PRIu32, index);
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

static const uint8_t *parse_text(const cmt_key_family *family, const uint8_t *p, const uint8_t *end,
                                 int64_t *height, uint64_t *index)
{
    uint64_t h;
    p = parse_number(p, end, INT64_MAX, &h);
    if (p != NULL && family->indexed)
        p = p != end && *p == ':' ? parse_number(p + 1, end, UINT32_MAX, index) : NULL;
    if (p != NULL)
        *height = (int64_t)h;
    return p;
}

static const uint8_t *parse_ordered(const cmt_key_family *family, const uint8_t *p,
                                    const uint8_t *end, int64_t *height, uint64_t *index)
{
    int64_t i = 0;
    p = cmt_keys__ordered_get(p, end, height);
    if (p != NULL && family->indexed)
        p = cmt_keys__ordered_get(p, end, &i);
    *index = (uint64_t)i;
    return i <= UINT32_MAX ? p : NULL;
}

bool cmt_key_parse(const cmt_key_family *family, cmt_slice key, int64_t *height, uint32_t *index)
{
    cmt_key_bounds bounds;
    cmt_slice prefix = cmt_key_family_range(family, &bounds).lo;
    if (!cmt_slice_has_prefix(key, prefix))
        return false;
    const uint8_t *end = key.data + key.size;
    const uint8_t *p = key.data + prefix.size;
    int64_t h = 0;
    uint64_t i = 0;
    p = family->v2_byte != 0 ? parse_ordered(family, p, end, &h, &i)
                             : parse_text(family, p, end, &h, &i);
    if (p != end)
        return false;
    *height = h;
    if (index != NULL)
        *index = (uint32_t)i;
    return true;
}

static cmt_range range_of(const cmt_key_bounds *bounds)
{
    return (cmt_range){cmt_key_slice(&bounds->lo), cmt_key_slice(&bounds->hi)};
}

cmt_range cmt_key_family_range(const cmt_key_family *family, cmt_key_bounds *bounds)
{
    *bounds = (cmt_key_bounds){.lo = {.size = 0}};
    if (family->v2_byte != 0) {
        bounds->lo.text[0] = (char)family->v2_byte;
        bounds->lo.size = 1;
    } else {
        bounds->lo.size = strlen(family->prefix);
        memcpy(bounds->lo.text, family->prefix, bounds->lo.size);
    }
    bounds->hi = bounds->lo;
    bounds->hi.text[bounds->hi.size - 1]++; /* ';' behind ':' */
    return range_of(bounds);
}

cmt_range cmt_key_height_range(const cmt_key_family *family, int64_t height, cmt_key_bounds *bounds)
{
    bounds->lo = cmt_keys__start_of(family, height);
    bounds->hi = bounds->lo;
    if (!family->indexed)
        bounds->hi.text[bounds->hi.size++] = '\0'; /* the one key */
    else if (family->v2_byte != 0)
        bounds->hi.text[bounds->hi.size++] = (char)0xff; /* no index begins with it */
    else
        bounds->hi.text[bounds->hi.size - 1]++; /* ';' behind ':' */
    return range_of(bounds);
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
