/* SPDX-License-Identifier: Apache-2.0
 *
 * The hash of a validator set: a SimpleValidator for each, which every generation encodes alike.
 */
#include "cmtstore/types_hash.h"

#include "cleanup.h"
#include "key.h"
#include "merkle.h"
#include "wire.h"

static cmt_status write_leaf(const cmt_key_field *key, int64_t power, cmt_buf *out)
{
    cmt_buf_clear(out);
    size_t size = cmt_wire_size_message(key->number, key->key.bytes.size);
    CMT_TRY(cmt_wire_put_head(out, 1, size));
    CMT_TRY(cmt_wire_put_message(out, key->number, key->key.bytes));
    return cmt_wire_put_int64(out, 2, power);
}

cmt_status cmt_validator_set_hash(const cmt_validator_set *set, cmt_hash *out, cmt_error *err)
{
    CMT_AUTO(cmt_buf_free) cmt_buf leaf = CMT_BUF_INIT;
    cmt_merkle tree = {0};
    for (size_t i = 0; i < set->count; i++) {
        cmt_key_field key;
        cmt_status st = cmt_types_key_field(&set->validators[i], &key, err);
        if (st != CMT_OK)
            return cmt_error_prefix(err, st, "validator %zu", i);
        st = write_leaf(&key, set->validators[i].voting_power, &leaf);
        if (st != CMT_OK)
            return cmt_error_set(err, st, "validator set: no memory to hash it");
        cmt_merkle_add(&tree, cmt_buf_slice(&leaf));
    }
    *out = cmt_merkle_finish(&tree);
    return CMT_OK;
}
