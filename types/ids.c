/* SPDX-License-Identifier: Apache-2.0
 *
 * Hashes and block ids, compared.
 */
#include "cmtstore/types.h"

cmt_slice cmt_hash_slice(const cmt_hash *hash)
{
    return (cmt_slice){hash->bytes, hash->size};
}

bool cmt_hash_equal(const cmt_hash *a, const cmt_hash *b)
{
    return cmt_slice_equal(cmt_hash_slice(a), cmt_hash_slice(b));
}

bool cmt_block_id_equal(const cmt_block_id *a, const cmt_block_id *b)
{
    return cmt_hash_equal(&a->hash, &b->hash) && a->part_total == b->part_total &&
           cmt_hash_equal(&a->part_hash, &b->part_hash);
}
