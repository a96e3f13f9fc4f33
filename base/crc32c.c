/* SPDX-License-Identifier: Apache-2.0
 *
 * CRC-32C.  Tables are computed once per process.  On
 * x86-64 with SSE 4.2 three streams run side by side because one crc32 instruction waits for the
 * one before it (3 cycles) while the unit takes a new one each cycle.
 */
#include "crc32c.h"

#include <pthread.h>
#include <string.h>

#include "coding.h"

#define POLYNOMIAL 0x82f63b78u /* reflected Castagnoli */

static uint32_t byte_table[8][256];
static pthread_once_t byte_table_once = PTHREAD_ONCE_INIT;

static void build_byte_table(void)
{
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t crc = i;
        for (int bit = 0; bit < 8; bit++)
            crc = crc & 1 ? crc >> 1 ^ POLYNOMIAL : crc >> 1;
        byte_table[0][i] = crc;
    }
    for (uint32_t i = 0; i < 256; i++)
        for (int k = 1; k < 8; k++)
            byte_table[k][i] =
                byte_table[k - 1][i] >> 8 ^ byte_table[0][byte_table[k - 1][i] & 0xff];
}

uint32_t cmt_crc32c_portable(uint32_t crc, const void *data, size_t size)
{
    pthread_once(&byte_table_once, build_byte_table);
    const uint8_t *p = data;
    crc = ~crc;
    for (; size >= 8; size -= 8, p += 8) {
        uint32_t low = crc ^ cmt_load32(p);
        uint32_t high = cmt_load32(p + 4);
        crc = byte_table[7][low & 0xff] ^ byte_table[6][low >> 8 & 0xff] ^
              byte_table[5][low >> 16 & 0xff] ^ byte_table[4][low >> 24] ^
              byte_table[3][high & 0xff] ^ byte_table[2][high >> 8 & 0xff] ^
              byte_table[1][high >> 16 & 0xff] ^ byte_table[0][high >> 24];
    }
    while (size-- > 0)
        crc = crc >> 8 ^ byte_table[0][(crc ^ *p++) & 0xff];
    return ~crc;
}

#if defined(__x86_64__)
#include <nmmintrin.h>

/* Bytes per stream of the three-way loop. */
#define STREAM ((size_t)1024)

static uint32_t shift_table[2][4][256]; /* what STREAM and 2*STREAM zero bytes make of a CRC */
static pthread_once_t shift_table_once = PTHREAD_ONCE_INIT;

static void build_shift_table(void)
{
    pthread_once(&byte_table_once, build_byte_table);
    /* The map is linear: push the 32 single bits through and combine them. */
    for (int which = 0; which < 2; which++) {
        uint32_t image[32];
        for (int bit = 0; bit < 32; bit++) {
            uint32_t crc = (uint32_t)1 << bit;
            for (size_t i = 0; i < STREAM * (size_t)(which + 1); i++)
                crc = crc >> 8 ^ byte_table[0][crc & 0xff];
            image[bit] = crc;
        }
        for (int byte = 0; byte < 4; byte++)
            for (uint32_t value = 0; value < 256; value++) {
                uint32_t crc = 0;
                for (int bit = 0; bit < 8; bit++)
                    if (value >> bit & 1)
                        crc ^= image[8 * byte + bit];
                shift_table[which][byte][value] = crc;
            }
    }
}

static uint32_t shifted(int which, uint32_t crc)
{
    return shift_table[which][0][crc & 0xff] ^ shift_table[which][1][crc >> 8 & 0xff] ^
           shift_table[which][2][crc >> 16 & 0xff] ^ shift_table[which][3][crc >> 24];
}

__attribute__((target("sse4.2"))) static uint64_t step8(uint64_t crc, const uint8_t *p)
{
    uint64_t word;
    memcpy(&word, p, sizeof word);
    return _mm_crc32_u64(crc, word);
}

__attribute__((target("sse4.2"))) static uint32_t crc32c_sse42(uint32_t crc, const void *data,
                                                               size_t size)
{
    const uint8_t *p = data;
    uint64_t a = (uint32_t)~crc;
    if (size >= 3 * STREAM)
        pthread_once(&shift_table_once, build_shift_table);
    for (; size >= 3 * STREAM; size -= 3 * STREAM, p += 3 * STREAM) {
        uint64_t b = 0;
        uint64_t c = 0;
        for (size_t i = 0; i < STREAM; i += 8) {
            a = step8(a, p + i);
            b = step8(b, p + STREAM + i);
            c = step8(c, p + 2 * STREAM + i);
        }
        a = shifted(1, (uint32_t)a) ^ shifted(0, (uint32_t)b) ^ (uint32_t)c;
    }
    for (; size >= 8; size -= 8, p += 8)
        a = step8(a, p);
    while (size-- > 0)
        a = _mm_crc32_u8((uint32_t)a, *p++);
    return ~(uint32_t)a;
}

uint32_t cmt_crc32c(uint32_t crc, const void *data, size_t size)
{
    if (__builtin_cpu_supports("sse4.2"))
        return crc32c_sse42(crc, data, size);
    return cmt_crc32c_portable(crc, data, size);
}

#else

uint32_t cmt_crc32c(uint32_t crc, const void *data, size_t size)
{
    return cmt_crc32c_portable(crc, data, size);
}

#endif
