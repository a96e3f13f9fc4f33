/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of the block store share.
 */
#ifndef CMT_STORE_STORE_INTERNAL_H
#define CMT_STORE_STORE_INTERNAL_H

#include "cmtstore/store.h"

#include <pthread.h>

struct cmt_block_store {
    cmt_db *db;
    cmt_layout layout;               /* as it was opened */
    cmt_block_store_options options; /* zero if not opened for writing */
    pthread_mutex_t root;            /* see shared.c, as for what follows */
    pthread_mutex_t lock;
    pthread_cond_t lifted; /* the ceiling */
    /* lock */
    cmt_block_store_state state;
    bool stored_otherwise; /* the stored record is not what would be written now: base 0 */
    bool removing;         /* a prune, or a rollback of the last block, is under way */
    int64_t ceiling; /* no block of this height or above may be saved now; INT64_MAX: any may */
};

/* ---- between threads (shared.c) ------------------------------------------------------------ */

void cmt_store__shared_open(cmt_block_store *store);
void cmt_store__shared_close(cmt_block_store *store);

/** Base and height of one moment. */
cmt_block_store_state cmt_store__state(const cmt_block_store *store);
bool cmt_store__is_stored_otherwise(const cmt_block_store *store);
/** The root record was written with @p state: the handle follows.  The caller holds `root`. */
void cmt_store__moved(cmt_block_store *store, cmt_block_store_state state);

/** Who removes blocks is alone in that.  @retval CMT_BUSY  somebody else does */
CMT_MUST_CHECK cmt_status cmt_store__begin_removal(cmt_block_store *store, cmt_error *err);
void cmt_store__end_removal(cmt_block_store *store);

/** Ranges that a prune deletes run over all heights from cmt_store__live_end() on: until the removal ends, or this
 *  is called again, no block is saved there. */
void cmt_store__set_ceiling(cmt_block_store *store);
/** Wait until @p height may be saved.  A prune lets a thousand heights rise above it before anybody waits. */
void cmt_store__wait_below_ceiling(cmt_block_store *store, int64_t height);

/** Write @p batch, synced, with the root record that says @p height, and base; of an empty store it is the same.  The
 *  handle follows when that was done. */
CMT_MUST_CHECK cmt_status cmt_store__write_root(cmt_block_store *store, cmt_db_batch *batch,
                                                int64_t height, cmt_error *err);

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
/** The same of a store whose last block is @p height. */
int64_t cmt_store__live_end_of(int64_t height);

#endif
