/* SPDX-License-Identifier: Apache-2.0
 *
 * The transcript of a chain that CometBFT made.
 */
#include "transcript.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Noreturn void transcript_die(const transcript *t, const char *format, ...)
{
    va_list args;
    fprintf(stderr, "play: height %" PRId64 ": ", t->height);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    exit(EXIT_FAILURE);
}

void transcript_must(const transcript *t, cmt_status status, const cmt_error *err, const char *what)
{
    if (status != CMT_OK)
        transcript_die(t, "%s: %s: %s", what, cmt_status_text(status), err->message);
}

static void append(cmt_buf *to, const void *bytes, size_t size)
{
    if (cmt_buf_append(to, bytes, size) != CMT_OK)
        abort();
}

transcript transcript_open(const char *path)
{
    transcript t = {.bytes = CMT_BUF_INIT};
    char block[1 << 16];
    size_t got;
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        transcript_die(&t, "%s cannot be read", path);
    while ((got = fread(block, 1, sizeof block, file)) > 0)
        append(&t.bytes, block, got);
    fclose(file);
    return t;
}

/* ---- records ----------------------------------------------------------------------------- */

static cmt_slice record_at(const transcript *t, size_t at, char *letter)
{
    const uint8_t *p = t->bytes.data + at;
    *letter = 0;
    if (at == t->bytes.size)
        return (cmt_slice){NULL, 0};
    if (t->bytes.size - at < 5)
        transcript_die(t, "the transcript is torn");
    size_t size = (size_t)p[1] | (size_t)p[2] << 8 | (size_t)p[3] << 16 | (size_t)p[4] << 24;
    if (t->bytes.size - at - 5 < size)
        transcript_die(t, "the transcript is torn");
    *letter = (char)p[0];
    return (cmt_slice){p + 5, size};
}

char transcript_next(const transcript *t)
{
    char letter;
    record_at(t, t->at, &letter);
    return letter;
}

cmt_slice transcript_take(transcript *t, char letter)
{
    char found;
    cmt_slice record = record_at(t, t->at, &found);
    if (found != letter)
        transcript_die(t, "we are at '%c', CometBFT at '%c'", letter, found == 0 ? '.' : found);
    t->at += 5 + record.size;
    return record;
}

int64_t transcript_number(transcript *t, char letter)
{
    char text[24] = "";
    cmt_slice record = transcript_take(t, letter);
    memcpy(text, record.data, record.size < sizeof text ? record.size : sizeof text - 1);
    return strtoll(text, NULL, 10);
}

cmt_slice *transcript_list(transcript *t, char letter, size_t *count)
{
    cmt_slice *list = NULL;
    for (*count = 0; transcript_next(t) == letter; ++*count) {
        list = realloc(list, (*count + 1) * sizeof *list);
        if (list == NULL)
            abort();
        list[*count] = transcript_take(t, letter);
    }
    return list;
}

cmt_slice transcript_ahead(const transcript *t, char letter, char end)
{
    char found;
    size_t at = t->at;
    for (;;) {
        cmt_slice record = record_at(t, at, &found);
        if (found == letter)
            return record;
        if (found == end || found == 0)
            return (cmt_slice){NULL, 0};
        at += 5 + record.size;
    }
}

void transcript_expect(transcript *t, char letter, cmt_buf *text)
{
    cmt_slice want = transcript_take(t, letter);
    if (!cmt_slice_equal(cmt_buf_slice(text), want))
        transcript_die(t, "we tell the application\n%.*s\nCometBFT tells it\n%.*s", (int)text->size,
                       (const char *)text->data, (int)want.size, (const char *)want.data);
    cmt_buf_clear(text);
}

/* ---- text -------------------------------------------------------------------------------- */

void transcript_say(cmt_buf *text, const char *format, ...)
{
    char line[512];
    va_list args;
    va_start(args, format);
    int size = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    if (size < 0 || (size_t)size >= sizeof line)
        abort();
    append(text, line, (size_t)size);
}

void transcript_hex(cmt_buf *text, cmt_slice bytes)
{
    for (size_t i = 0; i < bytes.size; i++)
        transcript_say(text, "%02x", bytes.data[i]);
}
