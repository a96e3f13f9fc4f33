/* SPDX-License-Identifier: Apache-2.0
 *
 * JSON as CometBFT writes it: no white space, numbers of 64 bits in quotes, and everything in strings
 * escaped that a browser might take for markup.  Each appends to @p out.
 */
#ifndef CMT_TYPES_JSON_WRITE_H
#define CMT_TYPES_JSON_WRITE_H

#include "cmtstore/types.h"

/** The text as it is, without quotes. */
CMT_MUST_CHECK cmt_status cmt_json_put(cmt_buf *out, const char *text);
/** A string of UTF-8. */
CMT_MUST_CHECK cmt_status cmt_json_put_string(cmt_buf *out, cmt_slice text);
CMT_MUST_CHECK cmt_status cmt_json_put_int64(cmt_buf *out, int64_t value);
CMT_MUST_CHECK cmt_status cmt_json_put_hex(cmt_buf *out, cmt_slice bytes);
CMT_MUST_CHECK cmt_status cmt_json_put_base64(cmt_buf *out, cmt_slice bytes);
/** RFC 3339 in UTC, as many digits of the second as there are. */
CMT_MUST_CHECK cmt_status cmt_json_put_time(cmt_buf *out, cmt_time time);
/** A value that is JSON, without the white space in it. */
CMT_MUST_CHECK cmt_status cmt_json_put_compact(cmt_buf *out, cmt_slice json);

/** The value of a member of the object that @p json is, as it stands there; empty if there is none.
 *  Of several the last.  @p json was parsed before: it is well-formed. */
cmt_slice cmt_json_span(cmt_slice json, const char *name);

#endif
