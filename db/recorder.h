/* SPDX-License-Identifier: Apache-2.0
 *
 * The keys that were written since a moment: what has to be copied once more.
 *
 * THREADS  several may note at once, while one takes.
 */
#ifndef CMT_DB_RECORDER_H
#define CMT_DB_RECORDER_H

#include <pthread.h>

#include "db_internal.h"

struct cmt_db__recorder {
    pthread_mutex_t lock; /* a leaf; guards the rest */
    cmt_db_batch
        *changes;    /* a put of a key, with no value: written or deleted; deletes of ranges */
    uint64_t bytes;  /* of the keys and of the values that were written with them */
    size_t limit;    /* of the changes */
    bool overflowed; /* some are not here */
};

/** What was noted, handed over. */
typedef struct cmt_db__record {
    cmt_db_batch *changes;
    uint64_t bytes;
    bool overflowed;
} cmt_db__record;

CMT_MUST_CHECK cmt_status cmt_db__recorder_init(cmt_db__recorder *recorder, size_t limit,
                                                cmt_error *err);
void cmt_db__recorder_fini(cmt_db__recorder *recorder);

/** Note what a batch that was written has touched.  Beyond the limit, or without memory, it has overflowed. */
void cmt_db__recorder_note(cmt_db__recorder *recorder, const cmt_db_batch *batch);
void cmt_db__recorder_note_range(cmt_db__recorder *recorder, cmt_range range);

/** Bytes that noted writes have put; not 0 if anything was noted. */
uint64_t cmt_db__recorder_pending(cmt_db__recorder *recorder, bool *overflowed);

/** Hand over what was noted and begin anew.  @p out->changes takes the memory of @p out's before, if any. */
CMT_MUST_CHECK cmt_status cmt_db__recorder_take(cmt_db__recorder *recorder, cmt_db__record *out,
                                                cmt_error *err);
/** Forget what was noted. */
void cmt_db__recorder_clear(cmt_db__recorder *recorder);

#endif
