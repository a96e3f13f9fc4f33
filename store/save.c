/* SPDX-License-Identifier: Apache-2.0
 *
 * Saving blocks and the commits seen for them, one synced batch for each block.
 *
 * Parts go before the meta: whoever finds a meta takes the block to be whole.
 */
#include "store_internal.h"

#include "cleanup.h"

#include <inttypes.h>
#include <stdio.h>

/* Source: store/store.go maxBlockPartsToBatch */
#define PARTS_IN_BATCH 10

/* A block on its way into the store. */
typedef struct saving {
    cmt_block_store *store;
    int64_t height;
    cmt_hash hash;
    cmt_db_batch *batch;
    cmt_buf value; /* the one being encoded */
} saving;

static void close_saving(saving *s)
{
    cmt_db_batch_free(s->batch);
    cmt_buf_free(&s->value);
}

static cmt_status no_memory(cmt_status status, const char *what, int64_t height, cmt_error *err)
{
    return cmt_error_set(err, status, "no memory to encode the %s of block %" PRId64, what, height);
}

/* Add what was encoded; @p encoded is the status of that. */
static cmt_status put(saving *s, const cmt_key_family *family, int64_t height, uint32_t index,
                      cmt_status encoded, cmt_error *err)
{
    if (encoded != CMT_OK)
        return no_memory(encoded, family->prefix, s->height, err);
    cmt_key key = cmt_key_make(cmt_store__family(s->store, family), height, index);
    return cmt_db_batch_put(s->batch, cmt_key_slice(&key), cmt_buf_slice(&s->value), err);
}

/* ---- the pairs of a block ---------------------------------------------------------------- */

static cmt_status put_parts(saving *s, const cmt_part_set *parts, cmt_error *err)
{
    uint32_t total = cmt_part_set_total(parts);
    for (uint32_t i = 0; i < total; i++) {
        CMT_TRY(cmt_part_set_encode(parts, i, &s->value, err));
        CMT_TRY(put(s, &cmt_family_part, s->height, i, CMT_OK, err));
        if (total <= PARTS_IN_BATCH)
            continue;
        CMT_TRY(cmt_db_write(s->store->db, s->batch, false, err));
        cmt_db_batch_clear(s->batch);
    }
    return CMT_OK;
}

static cmt_status put_hash(saving *s, cmt_error *err)
{
    char text[24];
    int size = snprintf(text, sizeof text, "%" PRId64, s->height);
    cmt_store__hash_key key =
        cmt_store__make_hash_key(s->store->layout.layout, cmt_hash_slice(&s->hash));
    return cmt_db_batch_put(s->batch, (cmt_slice){key.bytes, key.size},
                            (cmt_slice){(const uint8_t *)text, (size_t)size}, err);
}

/* The size is that of the block written anew, as in CometBFT: a proposer may have sent other bytes. */
static cmt_status put_meta(saving *s, const cmt_block *block, const cmt_part_set *parts,
                           cmt_error *err)
{
    const cmt_block_meta meta = {.block_id = {.hash = s->hash,
                                              .part_total = cmt_part_set_total(parts),
                                              .part_hash = cmt_part_set_hash(parts)},
                                 .block_size = (int64_t)cmt_block_size(block),
                                 .header = block->header,
                                 .num_txs = (int64_t)block->tx_count};
    return put(s, &cmt_family_meta, s->height, 0, cmt_block_meta_encode(&meta, &s->value), err);
}

static cmt_status put_commit(saving *s, const cmt_key_family *family, int64_t height,
                             const cmt_commit *commit, cmt_error *err)
{
    return put(s, family, height, 0, cmt_commit_encode(commit, &s->value), err);
}

/* ---- the batch --------------------------------------------------------------------------- */

static void fail_point(const cmt_block_store *store, const char *name)
{
    if (store->options.fail_point != NULL)
        store->options.fail_point(store->options.fail_context, name);
}

static cmt_status write_root_locked(cmt_block_store *store, cmt_db_batch *batch, int64_t height,
                                    cmt_error *err)
{
    CMT_AUTO(cmt_buf_free) cmt_buf value = CMT_BUF_INIT;
    cmt_block_store_state state = {cmt_store__state(store).base, height};
    if (state.base == 0)
        state.base = height;
    cmt_status st = cmt_block_store_state_encode(state, &value);
    if (st != CMT_OK)
        return no_memory(st, "blockStore record", height, err);
    CMT_TRY(cmt_db_batch_put(batch, CMT_SLICE("blockStore"), cmt_buf_slice(&value), err));
    CMT_TRY(cmt_db_write(store->db, batch, true, err));
    cmt_store__moved(store, state);
    return CMT_OK;
}

cmt_status cmt_store__write_root(cmt_block_store *store, cmt_db_batch *batch, int64_t height,
                                 cmt_error *err)
{
    pthread_mutex_lock(&store->root);
    cmt_status st = write_root_locked(store, batch, height, err);
    pthread_mutex_unlock(&store->root);
    return st;
}

static cmt_status write_block(saving *s, cmt_error *err)
{
    fail_point(s->store, "save_block:before");
    CMT_TRY(cmt_store__write_root(s->store, s->batch, s->height, err));
    fail_point(s->store, "save_block:after");
    return CMT_OK;
}

/* ---- saving ------------------------------------------------------------------------------ */

static cmt_status check(const cmt_block_store *store, const cmt_block *block,
                        const cmt_commit *seen_commit, cmt_error *err)
{
    int64_t height = block->header.height;
    const cmt_block_store_state state = cmt_store__state(store);
    int64_t next = state.height + 1;
    if (height < 1)
        return cmt_error_set(err, CMT_INVALID, "BlockStore cannot save a block of height %" PRId64,
                             height);
    if (state.base > 0 && height != next)
        return cmt_error_set(err, CMT_INVALID,
                             "BlockStore can only save contiguous blocks. Wanted %" PRId64
                             ", got %" PRId64,
                             next, height);
    if (seen_commit->height != height)
        return cmt_error_set(err, CMT_INVALID,
                             "BlockStore cannot save seen commit of a different height (block: "
                             "%" PRId64 ", commit: %" PRId64 ")",
                             height, seen_commit->height);
    return CMT_OK;
}

static cmt_status hash_header(const cmt_block *block, cmt_hash *out, cmt_error *err)
{
    CMT_TRY(cmt_header_hash(&block->header, out, err));
    if (out->size == CMT_HASH_SIZE)
        return CMT_OK;
    return cmt_error_set(err, CMT_INVALID,
                         "block %" PRId64 " has no hash: its header has no validators_hash",
                         block->header.height);
}

static cmt_status save_pairs(saving *s, const cmt_block *block, const cmt_part_set *parts,
                             const cmt_commit *seen_commit, const cmt_ext_commit *extended,
                             cmt_error *err)
{
    CMT_TRY(put_parts(s, parts, err));
    CMT_TRY(put_meta(s, block, parts, err));
    CMT_TRY(put_hash(s, err));
    CMT_TRY(put_commit(s, &cmt_family_commit, s->height - 1, &block->last_commit, err));
    CMT_TRY(put_commit(s, &cmt_family_seen_commit, s->height, seen_commit, err));
    if (extended != NULL)
        CMT_TRY(put(s, &cmt_family_ext_commit, s->height, 0,
                    cmt_ext_commit_encode(extended, &s->value), err));
    return write_block(s, err);
}

static cmt_status save(cmt_block_store *store, const cmt_block *block, const cmt_part_set *parts,
                       const cmt_commit *seen_commit, const cmt_ext_commit *extended,
                       cmt_error *err)
{
    saving s = {.store = store, .height = block->header.height};
    CMT_TRY(check(store, block, seen_commit, err));
    CMT_TRY(hash_header(block, &s.hash, err));
    CMT_TRY(cmt_db_batch_new(&s.batch, err));
    cmt_store__wait_below_ceiling(store, s.height); /* parts may be written before the rest */
    cmt_status st = save_pairs(&s, block, parts, seen_commit, extended, err);
    close_saving(&s);
    return st;
}

cmt_status cmt_block_store_save_block(cmt_block_store *store, const cmt_block *block,
                                      const cmt_part_set *parts, const cmt_commit *seen_commit,
                                      cmt_error *err)
{
    return save(store, block, parts, seen_commit, NULL, err);
}

cmt_status cmt_block_store_save_block_with_ext_commit(cmt_block_store *store,
                                                      const cmt_block *block,
                                                      const cmt_part_set *parts,
                                                      const cmt_ext_commit *commit, cmt_error *err)
{
    cmt_status st = cmt_ext_commit_check(commit, true, err);
    if (st != CMT_OK)
        return cmt_error_prefix(err, st, "problems saving block with extensions");
    CMT_AUTO(cmt_commit_free) cmt_commit seen = {0};
    CMT_TRY(cmt_ext_commit_to_commit(commit, &seen, err));
    return save(store, block, parts, &seen, commit, err);
}

cmt_status cmt_block_store_save_seen_commit(cmt_block_store *store, int64_t height,
                                            const cmt_commit *commit, cmt_error *err)
{
    if (height < 0)
        return cmt_error_set(err, CMT_INVALID, "a seen commit of height %" PRId64, height);
    saving s = {.store = store, .height = height};
    CMT_TRY(cmt_db_batch_new(&s.batch, err));
    cmt_store__wait_below_ceiling(store, height);
    cmt_status st = put_commit(&s, &cmt_family_seen_commit, height, commit, err);
    if (st == CMT_OK)
        st = cmt_db_write(store->db, s.batch, false, err);
    close_saving(&s);
    return st;
}
