/* SPDX-License-Identifier: Apache-2.0
 *
 * For tests of config/: parse a text, and what is expected of that.
 */
#ifndef CMT_TEST_CONFIG_SUPPORT_H
#define CMT_TEST_CONFIG_SUPPORT_H

#include "cmtstore/config.h"

#include "config_internal.h"

#include <check.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static cmt_config config;
static cmt_error error;

static inline cmt_status parse_bytes(const void *text, size_t size)
{
    error = (cmt_error)CMT_ERROR_INIT;
    memset(&config, 0x5a, sizeof config);
    return cmt_config_parse("config.toml", (cmt_slice){text, size}, &config, &error);
}

static inline cmt_status parse(const char *text)
{
    return parse_bytes(text, strlen(text));
}

static inline void accepts(const char *text)
{
    ck_assert_msg(parse(text) == CMT_OK, "%s\n-> %s", text, error.message);
}

/* Refused as CMT_INVALID, in one line that holds every one of the NULL-terminated words. */
static inline void refuses(const char *text, ...)
{
    ck_assert_msg(parse(text) == CMT_INVALID, "accepted: %s", text);
    ck_assert_int_eq(error.code, CMT_INVALID);
    ck_assert_msg(strncmp(error.message, "config.toml: ", 13) == 0, "%s", error.message);
    ck_assert_ptr_null(strchr(error.message, '\n'));
    va_list words;
    va_start(words, text);
    for (const char *word; (word = va_arg(words, const char *)) != NULL;)
        ck_assert_msg(strstr(error.message, word) != NULL, "no \"%s\" in: %s", word, error.message);
    va_end(words);
}

static inline void name_fixture(const char *name, char path[512])
{
    const char *fixtures = getenv("CMT_FIXTURES");
    snprintf(path, 512, "%s/config/%s", fixtures != NULL ? fixtures : "test/fixtures", name);
}

static inline char *read_fixture(const char *name, size_t *size)
{
    char path[512];
    name_fixture(name, path);
    FILE *file = fopen(path, "rb");
    ck_assert_msg(file != NULL, "%s", path);
    char *text = malloc(CMT_CONFIG_BYTES_MAX);
    ck_assert_ptr_nonnull(text);
    *size = fread(text, 1, CMT_CONFIG_BYTES_MAX, file);
    fclose(file);
    return text;
}

#endif
