/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of the block store share.
 */
#ifndef CMT_STORE_STORE_INTERNAL_H
#define CMT_STORE_STORE_INTERNAL_H

#include "cmtstore/store.h"

struct cmt_block_store {
    cmt_db *db;
    cmt_block_store_state state;
    bool stored_otherwise; /* the stored record is not what would be written now: base 0 */
    cmt_layout layout;
    cmt_block_store_options options; /* zero if not opened for writing */
};

/** Write @p batch, synced, with @p state as the root record; the handle follows when that was done. */
CMT_MUST_CHECK cmt_status cmt_store__write_root(cmt_block_store *store, cmt_db_batch *batch,
                                                cmt_block_store_state state, cmt_error *err);

/** A family, named by its v1 form, in the store's layout. */
const cmt_key_family *cmt_store__family(const cmt_block_store *store, const cmt_key_family *family);

/** A stored value; an empty one counts as absent. */
CMT_MUST_CHECK cmt_status cmt_store__get(cmt_block_store *store, const cmt_key_family *family,
                                         int64_t height, cmt_buf *out, cmt_error *err);

/** A key of the hash index. */
typedef struct cmt_store__hash_key {
    uint8_t bytes[CMT_BLOCK_HASH_KEY_SIZE]; /* zeroes behind the key */
    uint8_t size;
} cmt_store__hash_key;

/** The key of the block with this hash (32 bytes). */
cmt_store__hash_key cmt_store__make_hash_key(cmt_key_layout layout, cmt_slice hash);

/** The height that a value of the hash index says.  @retval CMT_CORRUPT not one; names @p key */
CMT_MUST_CHECK cmt_status cmt_store__hash_value(cmt_slice key, cmt_slice value, int64_t *height,
                                                cmt_error *err);

/** The keys that a prune finds below base: what earlier prunes left. */
typedef struct cmt_store__leftovers {
    cmt_height_set meta;
    cmt_height_set part;
    cmt_height_set commit;
    cmt_height_set seen_commit;
    cmt_height_set ext_commit;
    bool complete;
} cmt_store__leftovers;

/**
 * The first height in @p heights below retain_height that has a meta and whose evidence has not
 * expired; retain_height when there is none.  Header times rise with height.
 */
CMT_MUST_CHECK cmt_status cmt_store__evidence_height(cmt_block_store *store,
                                                     const cmt_block_prune_request *request,
                                                     const cmt_height_set *heights, int64_t *out,
                                                     cmt_error *err);

/** Refuse a retain height that cannot be, as CometBFT does. */
CMT_MUST_CHECK cmt_status cmt_store__check_prune(cmt_block_store *store,
                                                 const cmt_block_prune_request *request,
                                                 cmt_error *err);

/** Decide how `BH:` is pruned and, key by key, list what dies.  The rest of @p prune is made. */
CMT_MUST_CHECK cmt_status cmt_store__plan_hashes(cmt_block_store *store,
                                                 const cmt_block_prune_request *request,
                                                 const cmt_store__leftovers *left,
                                                 cmt_block_prune *prune, cmt_error *err);

/** The height from which on no key is expected: above the tip and what may be written meanwhile. */
int64_t cmt_store__live_end(const cmt_block_store *store);

#endif
