/* SPDX-License-Identifier: Apache-2.0
 *
 * The transcript of a chain that CometBFT made: test/interop/go/transcript.go says what is in it.  Whatever is
 * not as expected ends the program with exit status 1.
 */
#ifndef CMT_TEST_TRANSCRIPT_H
#define CMT_TEST_TRANSCRIPT_H

#include "cmtstore/base.h"

typedef struct transcript {
    cmt_buf bytes;
    size_t at;
    int64_t height; /* in hand, for messages */
} transcript;

/** Say on stderr what is wrong, behind the height, and exit. */
_Noreturn void transcript_die(const transcript *t, const char *format, ...) CMT_PRINTF(2, 3);
/** Exit unless @p status is CMT_OK. */
void transcript_must(const transcript *t, cmt_status status, const cmt_error *err,
                     const char *what);

transcript transcript_open(const char *path);
/** The letter of the next record; 0 at the end. */
char transcript_next(const transcript *t);
/** Take the next record, which has to be of this letter. */
cmt_slice transcript_take(transcript *t, char letter);
/** The same, with a number as its text. */
int64_t transcript_number(transcript *t, char letter);
/** Take all records of this letter that follow; the array is the caller's to free. */
cmt_slice *transcript_list(transcript *t, char letter, size_t *count);
/** The first record of @p letter before the next of @p end, without taking anything; no bytes if there is none. */
cmt_slice transcript_ahead(const transcript *t, char letter, char end);
/** Take the next record of this letter and exit unless it is @p text, which is emptied. */
void transcript_expect(transcript *t, char letter, cmt_buf *text);

/** Append formatted text. */
void transcript_say(cmt_buf *text, const char *format, ...) CMT_PRINTF(2, 3);
/** Append bytes as hex. */
void transcript_hex(cmt_buf *text, cmt_slice bytes);

#endif
