/* SPDX-License-Identifier: Apache-2.0
 *
 * Keys of layout v1 written as keys of layout v2.
 */
#include "ordered_keys.h"

#include "cleanup.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The number of a family is the first element of its keys. */
static const struct {
    const char *prefix;
    int number;
} families[] = {
    {"H:", 0},
    {"P:", 1},
    {"C:", 2},
    {"SC:", 3},
    {"EC:", 4},
    {"BH:", 5},
    {"validatorsKey:", 6},
    {"consensusParamsKey:", 7},
    {"abciResponsesKey:", 8},
};

static void put_byte(cmt_buf *out, unsigned byte)
{
    uint8_t b = (uint8_t)byte;
    CHAIN_EQUAL(cmt_buf_append(out, &b, 1), CMT_OK);
}

/* As many one-bits as bytes, a zero bit, the number: written bit by bit. */
static void put_number(cmt_buf *out, uint64_t x)
{
    unsigned bits = 0;
    while (bits < 64 && x >> bits != 0)
        bits++;
    unsigned bytes = bits / 7 + 1;
    unsigned char text[10] = {0};
    for (unsigned i = 0; i < bytes; i++)
        text[i / 8] = (unsigned char)(text[i / 8] | 0x80 >> i % 8);
    for (unsigned i = 0; i < bits; i++) {
        unsigned at = 8 * bytes - 1 - i;
        if ((x >> i & 1) != 0)
            text[at / 8] = (unsigned char)(text[at / 8] | 0x80 >> at % 8);
    }
    for (unsigned i = 0; i < bytes; i++)
        put_byte(out, text[i]);
}

static void put_hash(cmt_buf *out, const char *hex)
{
    for (; hex[0] != '\0' && hex[1] != '\0'; hex += 2) {
        char pair[3] = {hex[0], hex[1], '\0'};
        unsigned byte = (unsigned)strtoul(pair, NULL, 16);
        put_byte(out, byte);
        if (byte == 0 || byte == 255)
            put_byte(out, 255 - byte);
    }
    put_byte(out, 0);
    put_byte(out, 1);
}

/* Any other key stays as it is. */
static cmt_buf translate(const char *v1)
{
    cmt_buf out = CMT_BUF_INIT;
    for (size_t i = 0; i < sizeof families / sizeof families[0]; i++) {
        size_t size = strlen(families[i].prefix);
        if (strncmp(v1, families[i].prefix, size) != 0)
            continue;
        put_byte(&out, 0x80 + (unsigned)families[i].number);
        if (families[i].number == 5) {
            put_hash(&out, v1 + size);
            return out;
        }
        char *behind;
        put_number(&out, strtoull(v1 + size, &behind, 10));
        if (*behind == ':')
            put_number(&out, strtoull(behind + 1, NULL, 10));
        return out;
    }
    CHAIN_EQUAL(cmt_buf_append(&out, v1, strlen(v1)), CMT_OK);
    return out;
}

cmt_buf ordered_key(const char *v1_format, ...)
{
    char text[128];
    va_list args;
    va_start(args, v1_format);
    // NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): started above
    int length = vsnprintf(text, sizeof text, v1_format, args);
    va_end(args);
    CHAIN_REQUIRE(length >= 0 && length < (int)sizeof text);
    return translate(text);
}

void ordered_copy(cmt_db *from, cmt_db *to)
{
    cmt_db_iter *iter;
    CHAIN_EQUAL(cmt_db_iter_new(from, NULL, &iter, NULL), CMT_OK);
    for (cmt_status st = cmt_db_iter_first(iter, NULL); st == CMT_OK;
         st = cmt_db_iter_next(iter, NULL)) {
        char text[128];
        cmt_slice key = cmt_db_iter_key(iter);
        CHAIN_REQUIRE(key.size < sizeof text);
        memcpy(text, key.data, key.size);
        text[key.size] = '\0';
        CMT_AUTO(cmt_buf_free) cmt_buf v2 = translate(text);
        CHAIN_EQUAL(cmt_db_memory_put(to, cmt_buf_slice(&v2), cmt_db_iter_value(iter)), CMT_OK);
    }
    cmt_db_iter_free(iter);
    CHAIN_EQUAL(cmt_db_memory_put(to, CMT_SLICE("version"), CMT_SLICE("v2")), CMT_OK);
}

void ordered_replace(cmt_db **db)
{
    cmt_db *ordered;
    CHAIN_EQUAL(cmt_db_open_memory(&ordered, NULL), CMT_OK);
    ordered_copy(*db, ordered);
    cmt_db_close(*db);
    *db = ordered;
}
