/* SPDX-License-Identifier: Apache-2.0
 *
 * For the tests of proto/ and types/: bytes from hex in memory of exactly their size, so that a
 * sanitizer sees a read past the end, and the lines of the files in data/.
 */
#ifndef CMT_TEST_TYPES_SUPPORT_H
#define CMT_TEST_TYPES_SUPPORT_H

#include "cmtstore/base.h"
#include "suite.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef CMT_TEST_DATA_DIR
#error "CMT_TEST_DATA_DIR must name test/unit/data"
#endif

/* ck_assert writes to a file each time; this is for loops. */
#define TEST_MUST(condition)                                                                       \
    do {                                                                                           \
        if (!(condition))                                                                          \
            ck_abort_msg("not so: %s", #condition);                                                \
    } while (0)

static inline int test_hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* A copy in memory of exactly @p size bytes; release with cmt_buf_free(). */
static inline cmt_buf test_copy(const uint8_t *data, size_t size)
{
    cmt_buf copy = {malloc(size > 0 ? size : 1), size, size};
    TEST_MUST(copy.data != NULL);
    if (size > 0)
        memcpy(copy.data, data, size);
    return copy;
}

/* Spaces are skipped, so that parts of a message can be told apart. */
static inline cmt_buf test_unhex(const char *hex)
{
    size_t room = strlen(hex) / 2 + 1;
    uint8_t *data = malloc(room);
    ck_assert_ptr_nonnull(data);
    size_t digits = 0;
    for (; *hex != '\0'; hex++) {
        if (*hex == ' ')
            continue;
        int digit = test_hex_digit(*hex);
        TEST_MUST(digit >= 0);
        data[digits / 2] = (uint8_t)(digits % 2 == 0 ? digit << 4 : data[digits / 2] | digit);
        digits++;
    }
    ck_assert_uint_eq(digits % 2, 0);
    cmt_buf bytes = test_copy(data, digits / 2);
    free(data);
    return bytes;
}

/* Fails with both in hex unless @p got is what @p hex says. */
static inline void test_same(cmt_slice got, const char *hex)
{
    cmt_buf want = test_unhex(hex);
    if (!cmt_slice_equal(got, cmt_buf_slice(&want))) {
        char *text = malloc(2 * got.size + 1);
        ck_assert_ptr_nonnull(text);
        text[0] = '\0';
        for (size_t i = 0; i < got.size; i++)
            snprintf(text + 2 * i, 3, "%02x", got.data[i]);
        ck_abort_msg("got %s, want %s", text, hex);
    }
    cmt_buf_free(&want);
}

#define TEST_WORDS_MAX 8

/* The words of one line. */
typedef struct test_line {
    char *words[TEST_WORDS_MAX];
    size_t count;
} test_line;

/* The word number @p i, which must be there. */
static inline const char *test_word(const test_line *line, size_t i)
{
    const char *word = i < TEST_WORDS_MAX ? line->words[i] : NULL;
    TEST_MUST(word != NULL);
    return word != NULL ? word : "";
}

static inline int64_t test_number(const test_line *line, size_t i)
{
    return strtoll(test_word(line, i), NULL, 10);
}

/* True if the line begins with @p kind. */
static inline bool test_is(const test_line *line, const char *kind)
{
    return strcmp(test_word(line, 0), kind) == 0;
}

/* Call @p visit for every line of data/@p name that is no comment; returns how many there were. */
static inline size_t test_each_line(const char *name, void (*visit)(const test_line *line))
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", CMT_TEST_DATA_DIR, name);
    FILE *file = fopen(path, "r");
    ck_assert_msg(file != NULL, "cannot open %s", path);
    char *text = NULL;
    size_t room = 0;
    size_t lines = 0;
    while (getline(&text, &room, file) > 0) {
        if (text[0] == '#')
            continue;
        test_line line = {{NULL}, 0};
        char *rest = NULL;
        for (char *word = strtok_r(text, " \n", &rest); word != NULL;
             word = strtok_r(NULL, " \n", &rest)) {
            ck_assert_uint_lt(line.count, TEST_WORDS_MAX);
            line.words[line.count++] = word;
        }
        visit(&line);
        lines++;
    }
    free(text);
    fclose(file);
    return lines;
}

/* xorshift64*: the same numbers everywhere for the same seed. */
static inline uint64_t test_random(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * 0x2545f4914f6cdd1du;
}

#endif
