/* SPDX-License-Identifier: Apache-2.0
 *
 * Integers as LevelDB's files and protobuf write them: base-128 varints and little-endian words.
 * Readers never look past `end` and return NULL on anything that is not a whole, valid number.
 */
#ifndef CMT_BASE_CODING_H
#define CMT_BASE_CODING_H

#include "cmtstore/base.h"

/* Longest encoding of a 64-bit varint. */
#define CMT_VARINT_MAX 10

/** Decode a varint from [p,end).  Returns the first byte behind it, NULL when it is cut or too
 *  large. */
const uint8_t *cmt_varint_get(const uint8_t *p, const uint8_t *end, uint64_t *value);

/** Decode a varint length and the bytes it announces; they must lie inside [p,end). */
const uint8_t *cmt_varint_get_bytes(const uint8_t *p, const uint8_t *end, cmt_slice *bytes);

/** Encode at @p p (room for CMT_VARINT_MAX); returns the number of bytes. */
size_t cmt_varint_put(uint8_t *p, uint64_t value);

CMT_MUST_CHECK cmt_status cmt_buf_append_varint(cmt_buf *buf, uint64_t value);
/** A varint length, then the bytes. */
CMT_MUST_CHECK cmt_status cmt_buf_append_bytes(cmt_buf *buf, cmt_slice bytes);

static inline uint32_t cmt_load32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static inline uint64_t cmt_load64(const uint8_t *p)
{
    return (uint64_t)cmt_load32(p) | (uint64_t)cmt_load32(p + 4) << 32;
}

static inline void cmt_store32(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)v;
    p[1] = (uint8_t)(v >> 8);
    p[2] = (uint8_t)(v >> 16);
    p[3] = (uint8_t)(v >> 24);
}

static inline void cmt_store64(uint8_t *p, uint64_t v)
{
    cmt_store32(p, (uint32_t)v);
    cmt_store32(p + 4, (uint32_t)(v >> 32));
}

#endif
