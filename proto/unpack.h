/* SPDX-License-Identifier: Apache-2.0
 *
 * protobuf-c on bytes that nobody vouches for: bounded input, bounded memory, a status.
 */
#ifndef CMT_PROTO_UNPACK_H
#define CMT_PROTO_UNPACK_H

#include "cmtstore/base.h"

#include <protobuf-c/protobuf-c.h>

/**
 * Decode @p bytes as a message of @p type.  Release with cmt_pb_free().
 *
 * Memory: the size of the bytes again, and for structures sixteen times that but at most 64 MiB.
 *
 * @param limit  the most bytes such a message can have
 * @param out    may be cast to the generated struct of @p type
 * @retval CMT_CORRUPT    longer than @p limit, undecodable, or more structure than bytes warrant
 * @retval CMT_NO_MEMORY  malloc failed
 */
CMT_MUST_CHECK cmt_status cmt_pb_unpack(const ProtobufCMessageDescriptor *type, cmt_slice bytes,
                                        size_t limit, ProtobufCMessage **out, cmt_error *err);

/** Free @p *message (NULL is fine) and set it to NULL.  For CMT_AUTO. */
void cmt_pb_free(ProtobufCMessage **message);

#endif
