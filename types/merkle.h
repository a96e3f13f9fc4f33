/* SPDX-License-Identifier: Apache-2.0
 *
 * The root of a tree whose leaves come one after the other and need not be kept.
 */
#ifndef CMT_TYPES_MERKLE_H
#define CMT_TYPES_MERKLE_H

#include "cmtstore/types.h"

/* `stack` holds the roots of the perfect subtrees that the leaves so far make, the largest first:
 * one for each bit that is set in `leaves`. */
typedef struct cmt_merkle {
    uint64_t leaves;
    size_t depth;
    uint8_t stack[64][CMT_HASH_SIZE];
} cmt_merkle;

/** To a tree that was zero-initialised. */
void cmt_merkle_add(cmt_merkle *tree, cmt_slice item);
/** The root over all that was added.  The tree is then of no further use. */
cmt_hash cmt_merkle_finish(cmt_merkle *tree);

#endif
