/* SPDX-License-Identifier: Apache-2.0
 *
 * SHA-256 by libcrypto, by the interface that is called deprecated: a block of 150 validators takes some 800 hashes of
 * about 60 bytes, and the other one allocates and frees memory for each of them.
 */
#define OPENSSL_SUPPRESS_DEPRECATED

#include "sha256.h"

#include "cmtstore/types_hash.h"

#include <openssl/sha.h>

/* None of the three calls can fail: they only compute. */
void cmt_sha256_of(const cmt_slice *pieces, size_t count, uint8_t out[CMT_HASH_SIZE])
{
    SHA256_CTX context;
    (void)SHA256_Init(&context);
    for (size_t i = 0; i < count; i++) {
        if (pieces[i].size > 0)
            (void)SHA256_Update(&context, pieces[i].data, pieces[i].size);
    }
    (void)SHA256_Final(out, &context);
}

cmt_status cmt_sha256(cmt_slice bytes, cmt_hash *out, cmt_error *err)
{
    cmt_hash hash = {{0}, CMT_HASH_SIZE};
    (void)err; /* for what cannot happen any more */
    cmt_sha256_of(&bytes, 1, hash.bytes);
    *out = hash;
    return CMT_OK;
}
