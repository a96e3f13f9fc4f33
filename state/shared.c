/* SPDX-License-Identifier: Apache-2.0
 *
 * What the threads on one state store share while one of them prunes: how far records may be written, and of which
 * heights a record may be met that can no longer be resolved.
 *
 * LOCKS  `lock` guards a few fields for moments; no engine, hook or other lock is met under it.  `heights` is held by
 *        whoever puts a retain height, from reading the one before until the new one is durable.
 */
#include "state_internal.h"

#define SHARED (CMT_DB_WRITABLE | CMT_DB_SHARED)

bool cmt_state_store_is_shared(const cmt_state_store *store)
{
    return (cmt_db_capabilities(store->db) & SHARED) == SHARED;
}

void cmt_state__shared_open(cmt_state_store *store)
{
    pthread_mutex_init(&store->heights, NULL);
    pthread_mutex_init(&store->lock, NULL);
    pthread_cond_init(&store->lifted, NULL);
    store->ceiling = INT64_MAX;
}

void cmt_state__shared_close(cmt_state_store *store)
{
    pthread_cond_destroy(&store->lifted);
    pthread_mutex_destroy(&store->lock);
    pthread_mutex_destroy(&store->heights);
}

static int64_t higher(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

cmt_status cmt_state__begin_prune(cmt_state_store *store, int64_t *last_height, cmt_error *err)
{
    pthread_mutex_lock(&store->lock);
    bool busy = store->pruning;
    if (!busy) {
        *last_height = higher(*last_height, store->highest);
        store->pruning = true;
        store->ceiling = cmt_state__live_end(*last_height);
    }
    pthread_mutex_unlock(&store->lock);
    return busy ? cmt_error_set(err, CMT_BUSY, "states are being pruned by somebody else") : CMT_OK;
}

void cmt_state__end_prune(cmt_state_store *store)
{
    pthread_mutex_lock(&store->lock);
    store->pruning = false;
    store->ceiling = INT64_MAX;
    pthread_cond_broadcast(&store->lifted);
    pthread_mutex_unlock(&store->lock);
}

void cmt_state__wait_below_ceiling(cmt_state_store *store, int64_t height)
{
    pthread_mutex_lock(&store->lock);
    while (store->ceiling != INT64_MAX && height >= store->ceiling)
        pthread_cond_wait(&store->lifted, &store->lock);
    store->highest = higher(store->highest, height);
    pthread_mutex_unlock(&store->lock);
}

void cmt_state__going(cmt_state_store *store, int64_t validators, int64_t params)
{
    pthread_mutex_lock(&store->lock);
    store->validators_gone = higher(store->validators_gone, validators);
    store->params_gone = higher(store->params_gone, params);
    pthread_mutex_unlock(&store->lock);
}

bool cmt_state__may_be_going(cmt_state_store *store, const cmt_key_family *family, int64_t height)
{
    pthread_mutex_lock(&store->lock);
    int64_t below = family == &cmt_family_validators ? store->validators_gone : store->params_gone;
    pthread_mutex_unlock(&store->lock);
    return height < below;
}
