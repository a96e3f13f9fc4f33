/* SPDX-License-Identifier: Apache-2.0
 *
 * Status texts, error messages, slices, buffers and hooks.
 */
#include "cmtstore/base.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *cmt_status_text(cmt_status status)
{
    switch (status) {
#define STATUS_CASE(code, text)                                                                    \
    case code:                                                                                     \
        return text;
        CMT_STATUS_LIST(STATUS_CASE)
#undef STATUS_CASE
    }
    return "unknown status";
}

#undef cmt_error_set /* the header wraps both for the analyzer */
#undef cmt_error_prefix

cmt_status cmt_error_set(cmt_error *err, cmt_status status, const char *format, ...)
{
    if (err == NULL)
        return status;
    va_list args;
    va_start(args, format);
    vsnprintf(err->message, sizeof err->message, format, args);
    va_end(args);
    err->code = status;
    return status;
}

cmt_status cmt_error_prefix(cmt_error *err, cmt_status status, const char *format, ...)
{
    if (err == NULL)
        return status;
    char prefix[sizeof err->message];
    va_list args;
    va_start(args, format);
    vsnprintf(prefix, sizeof prefix, format, args);
    va_end(args);
    const char *cause = err->message[0] != '\0' ? err->message : cmt_status_text(status);
    char whole[2 * sizeof err->message + 4];
    snprintf(whole, sizeof whole, "%s: %s", prefix, cause);
    size_t size = strnlen(whole, sizeof err->message - 1);
    memcpy(err->message, whole, size);
    err->message[size] = '\0';
    err->code = status;
    return status;
}

int cmt_slice_compare(cmt_slice a, cmt_slice b)
{
    size_t common = a.size < b.size ? a.size : b.size;
    int order = common > 0 ? memcmp(a.data, b.data, common) : 0;
    if (order != 0)
        return order;
    return a.size < b.size ? -1 : a.size > b.size;
}

bool cmt_slice_equal(cmt_slice a, cmt_slice b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

bool cmt_slice_has_prefix(cmt_slice s, cmt_slice prefix)
{
    return s.size >= prefix.size &&
           (prefix.size == 0 || memcmp(s.data, prefix.data, prefix.size) == 0);
}

void cmt_buf_free(cmt_buf *buf)
{
    if (buf == NULL)
        return;
    free(buf->data);
    *buf = (cmt_buf)CMT_BUF_INIT;
}

void cmt_buf_clear(cmt_buf *buf)
{
    buf->size = 0;
}

cmt_status cmt_buf_reserve(cmt_buf *buf, size_t extra)
{
    if (extra <= buf->capacity - buf->size)
        return CMT_OK;
    if (extra > SIZE_MAX / 2 - buf->size)
        return CMT_NO_MEMORY;
    size_t need = buf->size + extra;
    size_t capacity = buf->capacity < 32 ? 64 : buf->capacity + buf->capacity / 2;
    if (capacity < need)
        capacity = need;
    uint8_t *data = realloc(buf->data, capacity);
    if (data == NULL)
        return CMT_NO_MEMORY;
    buf->data = data;
    buf->capacity = capacity;
    return CMT_OK;
}

cmt_status cmt_buf_append(cmt_buf *buf, const void *data, size_t size)
{
    if (size == 0)
        return CMT_OK;
    CMT_TRY(cmt_buf_reserve(buf, size));
    memcpy(buf->data + buf->size, data, size);
    buf->size += size;
    return CMT_OK;
}

cmt_status cmt_buf_set(cmt_buf *buf, cmt_slice bytes)
{
    size_t old_size = buf->size;
    buf->size = 0;
    cmt_status st = cmt_buf_append(buf, bytes.data, bytes.size);
    if (st != CMT_OK)
        buf->size = old_size;
    return st;
}

cmt_slice cmt_buf_slice(const cmt_buf *buf)
{
    return (cmt_slice){buf->data, buf->size};
}

void cmt_log(const cmt_logger *logger, cmt_log_level level, const char *format, ...)
{
    if (logger == NULL || logger->log == NULL)
        return;
    char line[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    logger->log(logger->context, level, line);
}
