/* SPDX-License-Identifier: Apache-2.0
 *
 * Deleting the last block, for a rollback.
 */
#include "store_internal.h"

#include "cleanup.h"

#include <inttypes.h>

CMT_DEFINE_CLEANUP(cmt_db_batch, cmt_db_batch_free)

static cmt_status delete_at(cmt_block_store *store, cmt_db_batch *batch,
                            const cmt_key_family *family, int64_t height, uint32_t index,
                            cmt_error *err)
{
    cmt_key key = cmt_key_make(cmt_store__family(store, family), height, index);
    return cmt_db_batch_delete(batch, cmt_key_slice(&key), err);
}

/* What only the meta tells of; without one there is nothing of it. */
static cmt_status delete_block(cmt_block_store *store, cmt_db_batch *batch, int64_t height,
                               cmt_error *err)
{
    cmt_block_meta meta;
    cmt_status st = cmt_block_store_load_meta(store, height, &meta, err);
    if (st == CMT_NOT_FOUND)
        return CMT_OK;
    CMT_TRY(st);
    const cmt_hash *hash = &meta.block_id.hash;
    if (hash->size == CMT_HASH_SIZE) {
        cmt_store__hash_key key =
            cmt_store__make_hash_key(store->layout.layout, cmt_hash_slice(hash));
        CMT_TRY(cmt_db_batch_delete(batch, (cmt_slice){key.bytes, key.size}, err));
    }
    for (uint32_t i = 0; i < meta.block_id.part_total; i++)
        CMT_TRY(delete_at(store, batch, &cmt_family_part, height, i, err));
    return CMT_OK;
}

static cmt_status delete_latest(cmt_block_store *store, cmt_error *err)
{
    const cmt_block_store_state state = cmt_store__state(store);
    int64_t height = state.height;
    if (height == 0 || height < state.base)
        return cmt_error_set(err, CMT_INVALID,
                             "there is no block to delete: base %" PRId64 ", height %" PRId64,
                             state.base, height);
    CMT_AUTO(cmt_db_batch_free_cleanup) cmt_db_batch *batch = NULL;
    CMT_TRY(cmt_db_batch_new(&batch, err));
    CMT_TRY(delete_block(store, batch, height, err));
    CMT_TRY(delete_at(store, batch, &cmt_family_commit, height, 0, err));
    CMT_TRY(delete_at(store, batch, &cmt_family_seen_commit, height, 0, err));
    CMT_TRY(delete_at(store, batch, &cmt_family_meta, height, 0, err));
    return cmt_store__write_root(store, batch, height - 1, err);
}

cmt_status cmt_block_store_delete_latest_block(cmt_block_store *store, cmt_error *err)
{
    CMT_TRY(cmt_store__begin_removal(store, err));
    cmt_status st = delete_latest(store, err);
    cmt_store__end_removal(store);
    return st;
}
