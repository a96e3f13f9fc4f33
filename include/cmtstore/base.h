/* SPDX-License-Identifier: Apache-2.0
 *
 * What every module shares: status codes, the caller-owned error message, byte slices and
 * buffers, and the hooks through which a host hears from the library.
 *
 * CONVENTIONS of every header in this directory:
 *  - Functions that can fail return cmt_status; the cause is written into the caller's
 *    cmt_error, which may be NULL.  CMT_NOT_FOUND is an answer, not a failure: no message.
 *  - Argument order: object, inputs, outputs (`out`), `err` last.  An owned `*out` is NULL
 *    unless the call succeeded; a plain result is written only on success.
 *  - `_new`/`_free` and `_open`/`_close` pair up; freeing NULL is fine and cannot fail.
 *  - The library never exits, never prints and never installs a signal handler.
 *  - Heights are int64_t, sizes size_t, bytes uint8_t.  A range [lo,hi) excludes hi.
 *  - Unless a function says otherwise: an object may be used by one thread at a time, different
 *    objects by different threads.
 */
#ifndef CMTSTORE_BASE_H
#define CMTSTORE_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define CMT_API __attribute__((visibility("default")))
#define CMT_MUST_CHECK __attribute__((warn_unused_result))
#define CMT_PRINTF(format_index, first_index)                                                      \
    __attribute__((format(printf, format_index, first_index)))
#else
#define CMT_API
#define CMT_MUST_CHECK
#define CMT_PRINTF(format_index, first_index)
#endif

/* Each code is a different decision for the caller. */
#define CMT_STATUS_LIST(X)                                                                         \
    X(CMT_OK, "ok")                                                                                \
    X(CMT_NOT_FOUND, "not found")                                                                  \
    X(CMT_CORRUPT, "stored data is damaged")                                                       \
    X(CMT_IO, "input/output error")                                                                \
    X(CMT_NO_SPACE, "not enough disk space")                                                       \
    X(CMT_NO_MEMORY, "out of memory")                                                              \
    X(CMT_OUT_OF_RANGE, "outside the allowed range")                                               \
    X(CMT_INVALID, "invalid argument or configuration")                                            \
    X(CMT_BUSY, "in use by another process")                                                       \
    X(CMT_CANCELLED, "stopped on request")                                                         \
    X(CMT_UNSUPPORTED, "unsupported format or engine")                                             \
    X(CMT_STALE, "changed underneath; take a fresh snapshot")                                      \
    X(CMT_DEADLOCK, "would wait for itself")                                                       \
    X(CMT_FORKED, "belongs to the process that this one was forked from")

typedef enum cmt_status {
#define CMT_STATUS_ENUM(code, text) code,
    CMT_STATUS_LIST(CMT_STATUS_ENUM)
#undef CMT_STATUS_ENUM
} cmt_status;

/** One line: what was tried, on what, why not.  Needs no cleanup. */
typedef struct cmt_error {
    cmt_status code; /* CMT_OK when no error was set */
    char message[512];
} cmt_error;

/* clang-format off */
#define CMT_ERROR_INIT {CMT_OK, {0}}
/* clang-format on */

/** The text that belongs to a status code.  Static storage. */
CMT_API const char *cmt_status_text(cmt_status status);

/**
 * Write code and message into @p err (which may be NULL) and return @p status, so that a failing
 * function can end with `return cmt_error_set(...)`.
 */
CMT_API cmt_status cmt_error_set(cmt_error *err, cmt_status status, const char *format, ...)
    CMT_PRINTF(3, 4);

/** Put "prefix: " in front of the message that @p err already holds.  Returns err->code. */
CMT_API cmt_status cmt_error_prefix(cmt_error *err, cmt_status status, const char *format, ...)
    CMT_PRINTF(3, 4);

#ifdef __clang_analyzer__
/* Both return the status they are given.  Without a body the analyzer cannot know, and would follow
 * paths on which a failure reads as success. */
static inline cmt_status cmt_error_returns(cmt_status returned, cmt_status given)
{
    (void)returned;
    return given;
}
#define cmt_error_set(err, status, ...)                                                            \
    cmt_error_returns(cmt_error_set((err), (status), __VA_ARGS__), (status))
#define cmt_error_prefix(err, status, ...)                                                         \
    cmt_error_returns(cmt_error_prefix((err), (status), __VA_ARGS__), (status))
#endif

/** Return the status of @p expression from the enclosing function unless it is CMT_OK. */
#define CMT_TRY(expression)                                                                        \
    do {                                                                                           \
        cmt_status cmt_try_status = (expression);                                                  \
        if (cmt_try_status != CMT_OK)                                                              \
            return cmt_try_status;                                                                 \
    } while (0)

/* ---- bytes ------------------------------------------------------------------------------- */

/** Borrowed bytes.  `data` may be NULL only when `size` is 0. */
typedef struct cmt_slice {
    const uint8_t *data;
    size_t size;
} cmt_slice;

/** A slice over a string literal. */
#define CMT_SLICE(literal) ((cmt_slice){(const uint8_t *)(literal), sizeof(literal) - 1})

/** Bytewise order, as every engine here uses it: <0, 0, >0. */
CMT_API int cmt_slice_compare(cmt_slice a, cmt_slice b);
CMT_API bool cmt_slice_equal(cmt_slice a, cmt_slice b);
CMT_API bool cmt_slice_has_prefix(cmt_slice s, cmt_slice prefix);

/** Keys from lo to below hi in bytewise order; an empty hi means "to the end". */
typedef struct cmt_range {
    cmt_slice lo;
    cmt_slice hi;
} cmt_range;

/** Owned, growable bytes.  Zero-initialise (CMT_BUF_INIT), release with cmt_buf_free(). */
typedef struct cmt_buf {
    uint8_t *data;
    size_t size;
    size_t capacity;
} cmt_buf;

/* clang-format off */
#define CMT_BUF_INIT {NULL, 0, 0}
/* clang-format on */

/** Release the bytes and reset to empty.  NULL is fine. */
CMT_API void cmt_buf_free(cmt_buf *buf);
/** Forget the contents, keep the memory. */
CMT_API void cmt_buf_clear(cmt_buf *buf);
/** Make room for @p extra more bytes.  @retval CMT_NO_MEMORY the buffer is unchanged */
CMT_API CMT_MUST_CHECK cmt_status cmt_buf_reserve(cmt_buf *buf, size_t extra);
/** Append bytes.  @retval CMT_NO_MEMORY the buffer is unchanged */
CMT_API CMT_MUST_CHECK cmt_status cmt_buf_append(cmt_buf *buf, const void *data, size_t size);
/** Replace the contents.  @retval CMT_NO_MEMORY the buffer is unchanged */
CMT_API CMT_MUST_CHECK cmt_status cmt_buf_set(cmt_buf *buf, cmt_slice bytes);
/** Borrow the contents; valid until the buffer changes. */
CMT_API cmt_slice cmt_buf_slice(const cmt_buf *buf);

/* ---- hooks ------------------------------------------------------------------------------- */

typedef enum cmt_log_level {
    CMT_LOG_DEBUG,
    CMT_LOG_INFO,
    CMT_LOG_WARN,
    CMT_LOG_ERROR
} cmt_log_level;

/** Where the library's log lines go.  `message` is one line without newline: an event, then
 *  key=value pairs.  Called from whichever thread has something to say; no lock is held. */
typedef struct cmt_logger {
    void (*log)(void *context, cmt_log_level level, const char *message);
    void *context;
} cmt_logger;

/** Format and hand on one line.  @p logger may be NULL or empty: silence. */
CMT_API void cmt_log(const cmt_logger *logger, cmt_log_level level, const char *format, ...)
    CMT_PRINTF(3, 4);

/** How far a long operation has come.  `phase` is a word such as "scan" or "unlink";
 *  total is 0 when it is not known. */
typedef struct cmt_progress {
    const char *phase;
    const char *database; /* "blockstore", "state" or "" */
    uint64_t done;
    uint64_t total;
    bool bytes; /* done and total count bytes; otherwise items */
} cmt_progress;

/** Called between steps, from whichever thread works, never two at a time.  Returning true asks the
 *  operation to stop at its next consistent point; it then returns CMT_CANCELLED. */
typedef struct cmt_progress_hook {
    bool (*report)(void *context, const cmt_progress *progress);
    void *context;
} cmt_progress_hook;

#ifdef __cplusplus
}
#endif

#endif
