/* SPDX-License-Identifier: Apache-2.0
 *
 * Messages read as gogoproto reads them, borrowing: what comes again is merged into what was read
 * before, numbers of 32 bits drop their upper half.  Nothing is checked but the wire format; that
 * follows, with the functions of types_internal.h.
 */
#ifndef CMT_TYPES_READ_H
#define CMT_TYPES_READ_H

#include "types_internal.h"

#include "wire.h"

/** A BlockID with what it points to.  Zeroed before the first reading. */
typedef struct cmt_read_block_id {
    Cmt__Pb__BlockID id;
    Cmt__Pb__PartSetHeader parts;
} cmt_read_block_id;

/** A Header with what it points to.  Zeroed before the first reading. */
typedef struct cmt_read_header {
    Cmt__Pb__Header header;
    Cmt__Pb__Consensus version;
    Cmt__Pb__Timestamp time;
    cmt_read_block_id last_block_id;
} cmt_read_header;

/** A Commit whose signatures are only counted.  Zeroed before the first reading. */
typedef struct cmt_read_commit {
    int64_t height;
    int32_t round;
    cmt_read_block_id block_id;
    size_t signatures;
} cmt_read_commit;

CMT_MUST_CHECK cmt_status cmt_types_read_time(const cmt_wire_reader *r, const cmt_wire_field *f,
                                              Cmt__Pb__Timestamp *out, cmt_error *err);
CMT_MUST_CHECK cmt_status cmt_types_read_int32(const cmt_wire_reader *r, const cmt_wire_field *f,
                                               int32_t *out, cmt_error *err);
CMT_MUST_CHECK cmt_status cmt_types_read_block_id(cmt_slice bytes, cmt_read_block_id *out,
                                                  cmt_error *err);
CMT_MUST_CHECK cmt_status cmt_types_read_header(cmt_slice bytes, cmt_read_header *out,
                                                cmt_error *err);
CMT_MUST_CHECK cmt_status cmt_types_read_commit(cmt_slice bytes, cmt_read_commit *out,
                                                cmt_error *err);

/** Check what cmt_types_read_commit() read and take it over; @p out gets no signatures yet. */
CMT_MUST_CHECK cmt_status cmt_types_take_commit(const cmt_read_commit *in, cmt_commit *out,
                                                cmt_error *err);
/** Read and check one CommitSig; the same fields of an ExtendedCommitSig.  @p out is zeroed before. */
CMT_MUST_CHECK cmt_status cmt_types_read_signature(cmt_slice bytes, cmt_commit_sig *out,
                                                   cmt_error *err);
/** Append the signatures in @p bytes, one of the messages counted; there is room for them. */
CMT_MUST_CHECK cmt_status cmt_types_read_signatures(cmt_slice bytes, cmt_commit *out,
                                                    cmt_error *err);

#endif
