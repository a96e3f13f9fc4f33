/* SPDX-License-Identifier: Apache-2.0
 *
 * Loading metas, blocks, parts and commits.
 */
#include "store_internal.h"

#include "cleanup.h"

#include <inttypes.h>

cmt_status cmt_store__get(cmt_block_store *store, const cmt_key_family *family, int64_t height,
                          cmt_buf *out, cmt_error *err)
{
    cmt_key key = cmt_key_make(cmt_store__family(store, family), height, 0);
    CMT_TRY(cmt_db_get(store->db, cmt_key_slice(&key), out, err));
    return out->size > 0 ? CMT_OK : CMT_NOT_FOUND;
}

cmt_status cmt_block_store_load_meta(cmt_block_store *store, int64_t height, cmt_block_meta *out,
                                     cmt_error *err)
{
    CMT_AUTO(cmt_buf_free) cmt_buf value = CMT_BUF_INIT;
    CMT_TRY(cmt_store__get(store, &cmt_family_meta, height, &value, err));
    cmt_block_meta meta;
    cmt_status st = cmt_block_meta_decode(cmt_buf_slice(&value), &meta, err);
    if (st != CMT_OK)
        return cmt_error_prefix(err, st, "block meta %" PRId64, height);
    if (meta.header.height != height)
        return cmt_error_set(err, CMT_CORRUPT,
                             "block meta %" PRId64 ": its header says height %" PRId64, height,
                             meta.header.height);
    *out = meta;
    return CMT_OK;
}

cmt_status cmt_block_store_load_part(cmt_block_store *store, int64_t height, uint32_t index,
                                     cmt_buf *out, cmt_error *err)
{
    cmt_key key = cmt_key_make(cmt_store__family(store, &cmt_family_part), height, index);
    CMT_TRY(cmt_db_get(store->db, cmt_key_slice(&key), out, err));
    if (out->size == 0)
        return CMT_NOT_FOUND;
    cmt_slice piece;
    cmt_status st = cmt_part_decode(cmt_buf_slice(out), index, &piece, err);
    if (st != CMT_OK)
        return cmt_error_prefix(err, st, "block %" PRId64, height);
    return CMT_OK;
}

static cmt_status append_part(cmt_block_store *store, int64_t height, uint32_t index, cmt_buf *part,
                              cmt_buf *block, cmt_error *err)
{
    CMT_TRY(cmt_block_store_load_part(store, height, index, part, err));
    cmt_slice piece;
    CMT_TRY(cmt_part_decode(cmt_buf_slice(part), index, &piece, err));
    if (cmt_buf_append(block, piece.data, piece.size) != CMT_OK)
        return cmt_error_set(err, CMT_NO_MEMORY, "no memory for block %" PRId64, height);
    return CMT_OK;
}

cmt_status cmt_block_store_load_block(cmt_block_store *store, int64_t height, cmt_buf *out,
                                      cmt_error *err)
{
    cmt_block_meta meta;
    CMT_TRY(cmt_block_store_load_meta(store, height, &meta, err));
    if (meta.block_id.part_total == 0 || meta.block_id.part_total > CMT_PARTS_MAX)
        return cmt_error_set(err, CMT_CORRUPT, "block %" PRId64 ": its meta says %" PRIu32 " parts",
                             height, meta.block_id.part_total);
    CMT_AUTO(cmt_buf_free) cmt_buf part = CMT_BUF_INIT;
    cmt_buf_clear(out);
    cmt_status st = CMT_OK;
    for (uint32_t i = 0; st == CMT_OK && i < meta.block_id.part_total; i++)
        st = append_part(store, height, i, &part, out, err);
    if (st != CMT_OK)
        cmt_buf_clear(out);
    return st;
}

cmt_status cmt_block_store_load_height_by_hash(cmt_block_store *store, cmt_slice hash,
                                               int64_t *height, cmt_error *err)
{
    if (hash.size != CMT_HASH_SIZE)
        return cmt_error_set(err, CMT_INVALID, "a block hash has %d bytes, not %zu", CMT_HASH_SIZE,
                             hash.size);
    cmt_store__hash_key made = cmt_store__make_hash_key(store->layout.layout, hash);
    cmt_slice key = {made.bytes, made.size};
    CMT_AUTO(cmt_buf_free) cmt_buf value = CMT_BUF_INIT;
    CMT_TRY(cmt_db_get(store->db, key, &value, err));
    if (value.size == 0)
        return CMT_NOT_FOUND;
    return cmt_store__hash_value(key, cmt_buf_slice(&value), height, err);
}

cmt_status cmt_block_store_load_block_by_hash(cmt_block_store *store, cmt_slice hash, cmt_buf *out,
                                              cmt_error *err)
{
    int64_t height;
    CMT_TRY(cmt_block_store_load_height_by_hash(store, hash, &height, err));
    return cmt_block_store_load_block(store, height, out, err);
}

static cmt_status load_commit(cmt_block_store *store, const cmt_key_family *family, int64_t height,
                              cmt_buf *out, cmt_commit_info *info, cmt_error *err)
{
    CMT_TRY(cmt_store__get(store, family, height, out, err));
    cmt_commit_info decoded;
    bool extended = family == &cmt_family_ext_commit;
    cmt_status st = cmt_commit_decode(cmt_buf_slice(out), extended, &decoded, err);
    if (st != CMT_OK)
        return cmt_error_prefix(err, st, "%s%" PRId64, family->prefix, height);
    if (info != NULL)
        *info = decoded;
    return CMT_OK;
}

cmt_status cmt_block_store_load_commit(cmt_block_store *store, int64_t height, cmt_buf *out,
                                       cmt_commit_info *info, cmt_error *err)
{
    return load_commit(store, &cmt_family_commit, height, out, info, err);
}

cmt_status cmt_block_store_load_seen_commit(cmt_block_store *store, int64_t height, cmt_buf *out,
                                            cmt_commit_info *info, cmt_error *err)
{
    return load_commit(store, &cmt_family_seen_commit, height, out, info, err);
}

cmt_status cmt_block_store_load_ext_commit(cmt_block_store *store, int64_t height, cmt_buf *out,
                                           cmt_commit_info *info, cmt_error *err)
{
    return load_commit(store, &cmt_family_ext_commit, height, out, info, err);
}
