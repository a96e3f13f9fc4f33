/* SPDX-License-Identifier: Apache-2.0
 *
 * Values of a JSON document as CometBFT writes them: numbers of 64 bits and times in quotes, bytes in
 * hex or base64.  An absent or null member reads as zero.  @p path names it in errors.
 */
#ifndef CMT_TYPES_JSON_READ_H
#define CMT_TYPES_JSON_READ_H

#include "cmtstore/types.h"

#include <jansson.h>

/** The member; NULL if it is absent or null. */
const json_t *cmt_json_member(const json_t *object, const char *name);

/** An object, or NULL for absent.
 *  @retval CMT_INVALID  it is something else */
CMT_MUST_CHECK cmt_status cmt_json_object(const json_t *parent, const char *name, const char *path,
                                          const json_t **out, cmt_error *err);
CMT_MUST_CHECK cmt_status cmt_json_array(const json_t *parent, const char *name, const char *path,
                                         const json_t **out, cmt_error *err);
/** Text of less than @p room bytes, without a zero byte. */
CMT_MUST_CHECK cmt_status cmt_json_text(const json_t *parent, const char *name, const char *path,
                                        char *out, size_t room, cmt_error *err);
CMT_MUST_CHECK cmt_status cmt_json_int64(const json_t *parent, const char *name, const char *path,
                                         int64_t *out, cmt_error *err);
/** RFC 3339 in UTC.  @p seen: it is there. */
CMT_MUST_CHECK cmt_status cmt_json_time(const json_t *parent, const char *name, const char *path,
                                        bool *seen, cmt_time *out, cmt_error *err);
CMT_MUST_CHECK cmt_status cmt_json_hex(const json_t *parent, const char *name, const char *path,
                                       cmt_hash *out, cmt_error *err);
/** Standard base64 with padding, at most @p room bytes. */
CMT_MUST_CHECK cmt_status cmt_json_base64(const json_t *parent, const char *name, const char *path,
                                          uint8_t *out, size_t room, size_t *size, cmt_error *err);

#endif
