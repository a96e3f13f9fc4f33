/* SPDX-License-Identifier: Apache-2.0
 *
 * SHA-256 by libcrypto.
 */
#include "sha256.h"

#include "cmtstore/types_hash.h"

#include "cleanup.h"

#include <openssl/evp.h>
#include <string.h>

cmt_status cmt_sha256_open(cmt_sha256_context *out, cmt_error *err)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    if (context == NULL)
        return cmt_error_set(err, CMT_NO_MEMORY, "SHA-256: no memory for a context");
    if (EVP_DigestInit_ex(context, EVP_sha256(), NULL) != 1) {
        EVP_MD_CTX_free(context);
        return cmt_error_set(err, CMT_UNSUPPORTED, "SHA-256: libcrypto does not offer it");
    }
    out->context = context;
    return CMT_OK;
}

void cmt_sha256_close(cmt_sha256_context *sha)
{
    EVP_MD_CTX_free(sha->context);
    sha->context = NULL;
}

cmt_status cmt_sha256_of(cmt_sha256_context *sha, const cmt_slice *pieces, size_t count,
                         uint8_t out[CMT_HASH_SIZE], cmt_error *err)
{
    bool done = EVP_DigestInit_ex(sha->context, NULL, NULL) == 1;
    for (size_t i = 0; i < count && done; i++) {
        if (pieces[i].size > 0)
            done = EVP_DigestUpdate(sha->context, pieces[i].data, pieces[i].size) == 1;
    }
    if (done && EVP_DigestFinal_ex(sha->context, out, NULL) == 1)
        return CMT_OK;
    return cmt_error_set(err, CMT_NO_MEMORY, "SHA-256: libcrypto failed");
}

cmt_status cmt_sha256(cmt_slice bytes, cmt_hash *out, cmt_error *err)
{
    CMT_AUTO(cmt_sha256_close) cmt_sha256_context sha = {NULL};
    CMT_TRY(cmt_sha256_open(&sha, err));
    cmt_hash hash = {{0}, CMT_HASH_SIZE};
    CMT_TRY(cmt_sha256_of(&sha, &bytes, 1, hash.bytes, err));
    *out = hash;
    return CMT_OK;
}
