/* SPDX-License-Identifier: Apache-2.0
 *
 * The keys that were written since a moment.
 */
#include "recorder.h"

#include "batch.h"

cmt_status cmt_db__recorder_init(cmt_db__recorder *recorder, size_t limit, cmt_error *err)
{
    *recorder = (cmt_db__recorder){.limit = limit};
    CMT_TRY(cmt_db_batch_new(&recorder->changes, err));
    pthread_mutex_init(&recorder->lock, NULL);
    return CMT_OK;
}

void cmt_db__recorder_fini(cmt_db__recorder *recorder)
{
    if (recorder->changes == NULL)
        return;
    pthread_mutex_destroy(&recorder->lock);
    cmt_db_batch_free(recorder->changes);
    recorder->changes = NULL;
}

static void overflow_locked(cmt_db__recorder *recorder)
{
    recorder->overflowed = true;
    cmt_db_batch_clear(recorder->changes);
}

static void note_locked(cmt_db__recorder *recorder, const cmt_db__change *change)
{
    if (recorder->overflowed)
        return;
    cmt_status st =
        change->kind == CMT_DB__DELETE_RANGE
            ? cmt_db_batch_delete_range(recorder->changes, (cmt_range){change->key, change->value},
                                        NULL)
            : cmt_db_batch_put(recorder->changes, change->key, (cmt_slice){NULL, 0}, NULL);
    recorder->bytes += 1 + change->key.size + change->value.size;
    if (st != CMT_OK || cmt_db_batch_bytes(recorder->changes) > recorder->limit)
        overflow_locked(recorder);
}

void cmt_db__recorder_note(cmt_db__recorder *recorder, const cmt_db_batch *batch)
{
    cmt_db__change change;
    pthread_mutex_lock(&recorder->lock);
    for (size_t offset = 0; cmt_db__batch_next(batch, &offset, &change);)
        note_locked(recorder, &change);
    pthread_mutex_unlock(&recorder->lock);
}

void cmt_db__recorder_note_range(cmt_db__recorder *recorder, cmt_range range)
{
    const cmt_db__change change = {CMT_DB__DELETE_RANGE, range.lo, range.hi};
    pthread_mutex_lock(&recorder->lock);
    note_locked(recorder, &change);
    pthread_mutex_unlock(&recorder->lock);
}

uint64_t cmt_db__recorder_pending(cmt_db__recorder *recorder, bool *overflowed)
{
    pthread_mutex_lock(&recorder->lock);
    uint64_t bytes = recorder->bytes;
    *overflowed = recorder->overflowed;
    pthread_mutex_unlock(&recorder->lock);
    return bytes;
}

static void begin_locked(cmt_db__recorder *recorder)
{
    cmt_db_batch_clear(recorder->changes);
    recorder->bytes = 0;
    recorder->overflowed = false;
}

cmt_status cmt_db__recorder_take(cmt_db__recorder *recorder, cmt_db__record *out, cmt_error *err)
{
    if (out->changes == NULL)
        CMT_TRY(cmt_db_batch_new(&out->changes, err));
    pthread_mutex_lock(&recorder->lock);
    cmt_db_batch *taken = recorder->changes;
    recorder->changes = out->changes;
    *out = (cmt_db__record){taken, recorder->bytes, recorder->overflowed};
    begin_locked(recorder);
    pthread_mutex_unlock(&recorder->lock);
    return CMT_OK;
}

void cmt_db__recorder_clear(cmt_db__recorder *recorder)
{
    pthread_mutex_lock(&recorder->lock);
    begin_locked(recorder);
    pthread_mutex_unlock(&recorder->lock);
}
