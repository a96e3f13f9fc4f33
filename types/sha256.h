/* SPDX-License-Identifier: Apache-2.0
 *
 * SHA-256 over pieces, with one context of libcrypto for many hashes: fetching the algorithm costs
 * more than hashing a leaf.
 */
#ifndef CMT_TYPES_SHA256_H
#define CMT_TYPES_SHA256_H

#include "cmtstore/types.h"

typedef struct cmt_sha256_context {
    void *context;
} cmt_sha256_context;

/** Release with cmt_sha256_close().
 *  @retval CMT_NO_MEMORY    no memory for the context
 *  @retval CMT_UNSUPPORTED  libcrypto offers no SHA-256 */
CMT_MUST_CHECK cmt_status cmt_sha256_open(cmt_sha256_context *out, cmt_error *err);
void cmt_sha256_close(cmt_sha256_context *sha);

/** The hash of @p pieces one behind the other.  @p out may be one of them. */
CMT_MUST_CHECK cmt_status cmt_sha256_of(cmt_sha256_context *sha, const cmt_slice *pieces,
                                        size_t count, uint8_t out[CMT_HASH_SIZE], cmt_error *err);

#endif
