/* SPDX-License-Identifier: Apache-2.0
 *
 * What the backends over real engines share: how each is opened, one kind of iterator, deletes of a range
 * where the engine has none.
 */
#ifndef CMT_DB_ENGINES_H
#define CMT_DB_ENGINES_H

#include <stdatomic.h>

#include "db_internal.h"
#include "guard.h"

#define CMT_DB__CACHE_BYTES ((size_t)32 << 20)
#define CMT_DB__WRITE_BUFFER_BYTES ((size_t)64 << 20)
#define CMT_DB__STEP_BYTES ((size_t)8 << 20)
/* What a get or a seek is taken to read. */
#define CMT_DB__BLOCK_BYTES 4096

cmt_status cmt_db__open_leveldb(const char *dir, const cmt_db_open_options *options, cmt_db **out,
                                cmt_error *err);
cmt_status cmt_db__open_rocksdb(const char *dir, const cmt_db_open_options *options, cmt_db **out,
                                cmt_error *err);

/* ---- iterators ------------------------------------------------------------------------------- */

/** An engine's own iterator, without bounds. */
typedef struct cmt_db__raw_iter_ops {
    void (*first)(void *raw);
    void (*last)(void *raw);
    void (*seek)(void *raw, cmt_slice key); /* to the first key >= key */
    void (*next)(void *raw);
    void (*prev)(void *raw);
    bool (*valid)(const void *raw);
    cmt_slice (*key)(const void *raw);
    cmt_slice (*value)(const void *raw);
    cmt_status (*error)(const void *raw, cmt_error *err); /* CMT_OK: it is merely at an end */
    void (*destroy)(void *raw);
} cmt_db__raw_iter_ops;

/**
 * An iterator over @p raw, which it takes over, also on failure.  Bounds are kept here, so that they are the
 * same for all engines.  @p bytes_read counts what moves read.
 */
CMT_MUST_CHECK cmt_status cmt_db__engine_iter_new(void *raw, const cmt_db__raw_iter_ops *ops,
                                                  const cmt_range *bounds,
                                                  _Atomic uint64_t *bytes_read, cmt_db_iter **out,
                                                  cmt_error *err);

/* ---- batches --------------------------------------------------------------------------------- */

/** Whoever fills an engine's own batch. */
typedef struct cmt_db__batch_sink {
    void (*put)(void *to, cmt_slice key, cmt_slice value);
    void (*delete_key)(void *to, cmt_slice key);
    void (*delete_range)(void *to, cmt_range range); /* NULL: deletes key by key */
    void *to;
} cmt_db__batch_sink;

/**
 * Hand the changes of @p batch to the engine, in order.  Where it deletes no ranges, the keys that @p db and
 * the batch so far have in the range are deleted one by one; a range without an end gets one either way.
 * Nobody may write meanwhile if the batch holds a range.
 */
CMT_MUST_CHECK cmt_status cmt_db__batch_replay(cmt_db *db, const cmt_db_batch *batch,
                                               const cmt_db__batch_sink *sink, cmt_error *err);

#endif
