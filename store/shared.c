/* SPDX-License-Identifier: Apache-2.0
 *
 * What the threads on one block store share: base and height, who may write the root record, and how far a prune
 * lets heights rise.
 *
 * LOCKS  `root` is held by whoever writes the root record, from reading base and height until the batch is durable
 *        and the handle has followed: two writers who each know half of the record would otherwise undo each other.
 *        `lock` guards the fields below it for moments; no engine, hook or other lock is met under it.
 */
#include "store_internal.h"

#define SHARED (CMT_DB_WRITABLE | CMT_DB_SHARED)

bool cmt_block_store_is_shared(const cmt_block_store *store)
{
    return (cmt_db_capabilities(store->db) & SHARED) == SHARED;
}

void cmt_store__shared_open(cmt_block_store *store)
{
    pthread_mutex_init(&store->root, NULL);
    pthread_mutex_init(&store->lock, NULL);
    pthread_cond_init(&store->lifted, NULL);
    store->ceiling = INT64_MAX;
}

void cmt_store__shared_close(cmt_block_store *store)
{
    pthread_cond_destroy(&store->lifted);
    pthread_mutex_destroy(&store->lock);
    pthread_mutex_destroy(&store->root);
}

/* Locking changes nothing that a reader of the store could see. */
static pthread_mutex_t *lock_of(const cmt_block_store *store)
{
    return &((cmt_block_store *)(uintptr_t)store)->lock;
}

cmt_block_store_state cmt_store__state(const cmt_block_store *store)
{
    pthread_mutex_lock(lock_of(store));
    cmt_block_store_state state = store->state;
    pthread_mutex_unlock(lock_of(store));
    return state;
}

bool cmt_store__is_stored_otherwise(const cmt_block_store *store)
{
    pthread_mutex_lock(lock_of(store));
    bool otherwise = store->stored_otherwise;
    pthread_mutex_unlock(lock_of(store));
    return otherwise;
}

void cmt_store__moved(cmt_block_store *store, cmt_block_store_state state)
{
    pthread_mutex_lock(&store->lock);
    store->state = state;
    store->stored_otherwise = false;
    pthread_mutex_unlock(&store->lock);
}

cmt_status cmt_store__begin_removal(cmt_block_store *store, cmt_error *err)
{
    pthread_mutex_lock(&store->lock);
    bool busy = store->removing;
    store->removing = true;
    pthread_mutex_unlock(&store->lock);
    return busy ? cmt_error_set(err, CMT_BUSY, "blocks are being removed by somebody else")
                : CMT_OK;
}

void cmt_store__end_removal(cmt_block_store *store)
{
    pthread_mutex_lock(&store->lock);
    store->removing = false;
    store->ceiling = INT64_MAX;
    pthread_cond_broadcast(&store->lifted);
    pthread_mutex_unlock(&store->lock);
}

void cmt_store__set_ceiling(cmt_block_store *store)
{
    pthread_mutex_lock(&store->lock);
    store->ceiling = cmt_store__live_end_of(store->state.height);
    pthread_cond_broadcast(&store->lifted);
    pthread_mutex_unlock(&store->lock);
}

void cmt_store__wait_below_ceiling(cmt_block_store *store, int64_t height)
{
    pthread_mutex_lock(&store->lock);
    while (store->ceiling != INT64_MAX && height >= store->ceiling)
        pthread_cond_wait(&store->lifted, &store->lock);
    pthread_mutex_unlock(&store->lock);
}

int64_t cmt_block_store_base(const cmt_block_store *store)
{
    return cmt_store__state(store).base;
}

int64_t cmt_block_store_height(const cmt_block_store *store)
{
    return cmt_store__state(store).height;
}

void cmt_block_store_heights(const cmt_block_store *store, int64_t *base, int64_t *height)
{
    const cmt_block_store_state state = cmt_store__state(store);
    *base = state.base;
    *height = state.height;
}
