/* SPDX-License-Identifier: Apache-2.0
 *
 * Protobuf's wire format by hand: a reader that borrows and a writer that leaves out what gogoproto
 * leaves out.  For values whose stored bytes must survive unchanged; see README.md.
 *
 *     cmt_wire_reader r = cmt_wire_read("BlockStoreState", bytes);
 *     cmt_wire_field f;
 *     while (cmt_wire_next(&r, &f)) {
 *         if (f.number == 1)
 *             CMT_TRY(cmt_wire_get_int64(&r, &f, &base, err));
 *     }
 *     return cmt_wire_end(&r, err);
 */
#ifndef CMT_PROTO_WIRE_H
#define CMT_PROTO_WIRE_H

#include "cmtstore/base.h"

typedef enum cmt_wire_type {
    CMT_WIRE_VARINT = 0,
    CMT_WIRE_FIXED64 = 1,
    CMT_WIRE_BYTES = 2,
    CMT_WIRE_FIXED32 = 5,
} cmt_wire_type;

/** One field.  `value` holds numbers, `bytes` (never NULL data) what has a length. */
typedef struct cmt_wire_field {
    uint32_t number;
    cmt_wire_type type;
    uint64_t value;
    cmt_slice bytes;
} cmt_wire_field;

typedef struct cmt_wire_reader {
    const char *message; /* the message's name, for errors */
    const uint8_t *begin;
    const uint8_t *next;
    const uint8_t *end;
    const char *damage; /* what is wrong at `next`; NULL while nothing is */
} cmt_wire_reader;

/** Start at the first field of @p bytes, which must outlive the reader and what it hands out. */
cmt_wire_reader cmt_wire_read(const char *message, cmt_slice bytes);

/** The next field.  False at the end and at damage; cmt_wire_end() tells which. */
bool cmt_wire_next(cmt_wire_reader *reader, cmt_wire_field *out);

/** @retval CMT_CORRUPT  the message is damaged; err names the byte */
CMT_MUST_CHECK cmt_status cmt_wire_end(const cmt_wire_reader *reader, cmt_error *err);

/* The value of a field that must have the type asked for: CMT_CORRUPT if it has not, as in
 * CometBFT.  A field may come again; then the last one counts. */

CMT_MUST_CHECK cmt_status cmt_wire_get_uint64(const cmt_wire_reader *reader,
                                              const cmt_wire_field *field, uint64_t *out,
                                              cmt_error *err);
CMT_MUST_CHECK cmt_status cmt_wire_get_int64(const cmt_wire_reader *reader,
                                             const cmt_wire_field *field, int64_t *out,
                                             cmt_error *err);
CMT_MUST_CHECK cmt_status cmt_wire_get_bytes(const cmt_wire_reader *reader,
                                             const cmt_wire_field *field, cmt_slice *out,
                                             cmt_error *err);
/** A submessage that is borrowed whole.  Several would have to be merged, which borrowing cannot do
 *  and no writer asks for: the second is CMT_CORRUPT.  @p seen is false before the first. */
CMT_MUST_CHECK cmt_status cmt_wire_get_whole(const cmt_wire_reader *reader,
                                             const cmt_wire_field *field, bool *seen,
                                             cmt_slice *out, cmt_error *err);

/* ---- writing ----------------------------------------------------------------------------- */

/** Empty @p out and make room for @p size bytes, so that what follows cannot fail.
 *  @retval CMT_NO_MEMORY  @p out is unchanged */
CMT_MUST_CHECK cmt_status cmt_wire_start(cmt_buf *out, size_t size);

/** Append a number; 0 is left out. */
CMT_MUST_CHECK cmt_status cmt_wire_put_uint64(cmt_buf *out, uint32_t number, uint64_t value);
/** Append a number (a negative one takes ten bytes); 0 is left out. */
CMT_MUST_CHECK cmt_status cmt_wire_put_int64(cmt_buf *out, uint32_t number, int64_t value);
/** Append an sfixed64, eight bytes; 0 is left out. */
CMT_MUST_CHECK cmt_status cmt_wire_put_fixed64(cmt_buf *out, uint32_t number, int64_t value);
/** Append bytes or a string; an empty one is left out. */
CMT_MUST_CHECK cmt_status cmt_wire_put_bytes(cmt_buf *out, uint32_t number, cmt_slice bytes);
/** Append a submessage, also when it is empty. */
CMT_MUST_CHECK cmt_status cmt_wire_put_message(cmt_buf *out, uint32_t number, cmt_slice bytes);
/** Append the head of a submessage; the caller appends its @p size bytes. */
CMT_MUST_CHECK cmt_status cmt_wire_put_head(cmt_buf *out, uint32_t number, size_t size);

/* How many bytes the calls above append. */
size_t cmt_wire_size_int64(uint32_t number, int64_t value);
size_t cmt_wire_size_fixed64(uint32_t number, int64_t value);
size_t cmt_wire_size_bytes(uint32_t number, size_t size);
size_t cmt_wire_size_message(uint32_t number, size_t size);

#endif
