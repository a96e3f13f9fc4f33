/* SPDX-License-Identifier: Apache-2.0
 *
 * The root of a tree whose leaves come one after the other and need not be kept.
 */
#ifndef CMT_TYPES_MERKLE_H
#define CMT_TYPES_MERKLE_H

#include "sha256.h"

/* `stack` holds the roots of the perfect subtrees that the leaves so far make, the largest first:
 * one for each bit that is set in `leaves`. */
typedef struct cmt_merkle {
    cmt_sha256_context sha;
    uint64_t leaves;
    size_t depth;
    uint8_t stack[64][CMT_HASH_SIZE];
} cmt_merkle;

/** Release with cmt_merkle_close(), which may also be given zeros. */
CMT_MUST_CHECK cmt_status cmt_merkle_open(cmt_merkle *tree, cmt_error *err);
void cmt_merkle_close(cmt_merkle *tree);

CMT_MUST_CHECK cmt_status cmt_merkle_add(cmt_merkle *tree, cmt_slice item, cmt_error *err);
/** The root over all that was added.  The tree is then of no further use. */
CMT_MUST_CHECK cmt_status cmt_merkle_finish(cmt_merkle *tree, cmt_hash *out, cmt_error *err);

#endif
