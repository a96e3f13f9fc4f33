/* SPDX-License-Identifier: Apache-2.0
 *
 * SHA-256 over pieces.
 */
#ifndef CMT_TYPES_SHA256_H
#define CMT_TYPES_SHA256_H

#include "cmtstore/types.h"

/** The hash of @p pieces one behind the other.  @p out may be one of them. */
void cmt_sha256_of(const cmt_slice *pieces, size_t count, uint8_t out[CMT_HASH_SIZE]);

#endif
