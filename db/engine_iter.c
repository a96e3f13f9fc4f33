/* SPDX-License-Identifier: Apache-2.0
 *
 * Bounds, ends and failures of an engine's iterator.
 */
#include <stdlib.h>

#include "engines.h"

typedef struct engine_iter {
    cmt_db_iter base;
    void *raw;
    const cmt_db__raw_iter_ops *ops;
    _Atomic uint64_t *bytes_read;
    cmt_buf lo;
    cmt_buf hi; /* empty: no upper bound */
} engine_iter;

static engine_iter *of(cmt_db_iter *iter)
{
    return (engine_iter *)iter;
}

static bool below_hi(const engine_iter *iter, cmt_slice key)
{
    return iter->hi.size == 0 || cmt_slice_compare(key, cmt_buf_slice(&iter->hi)) < 0;
}

/* What a move came to: a pair within the bounds, an end, or a failure of the engine. */
static cmt_status arrived(engine_iter *iter, uint64_t cost, cmt_error *err)
{
    atomic_fetch_add_explicit(iter->bytes_read, cost, memory_order_relaxed);
    if (!iter->ops->valid(iter->raw)) {
        CMT_TRY(iter->ops->error(iter->raw, err));
        return CMT_NOT_FOUND;
    }
    cmt_slice key = iter->ops->key(iter->raw);
    if (!below_hi(iter, key) || cmt_slice_compare(key, cmt_buf_slice(&iter->lo)) < 0) {
        /* LevelDB steps over a block that it cannot read, and says so only when asked. */
        CMT_TRY(iter->ops->error(iter->raw, err));
        return CMT_NOT_FOUND;
    }
    atomic_fetch_add_explicit(iter->bytes_read, key.size + iter->ops->value(iter->raw).size,
                              memory_order_relaxed);
    return CMT_OK;
}

static cmt_status engine_seek(cmt_db_iter *base, cmt_slice key, cmt_error *err)
{
    engine_iter *iter = of(base);
    cmt_slice lo = cmt_buf_slice(&iter->lo);
    iter->ops->seek(iter->raw, cmt_slice_compare(key, lo) < 0 ? lo : key);
    return arrived(iter, CMT_DB__BLOCK_BYTES, err);
}

static cmt_status engine_first(cmt_db_iter *base, cmt_error *err)
{
    engine_iter *iter = of(base);
    if (iter->lo.size > 0)
        return engine_seek(base, cmt_buf_slice(&iter->lo), err);
    iter->ops->first(iter->raw);
    return arrived(iter, CMT_DB__BLOCK_BYTES, err);
}

static cmt_status engine_seek_before(cmt_db_iter *base, cmt_slice key, cmt_error *err)
{
    engine_iter *iter = of(base);
    iter->ops->seek(iter->raw, below_hi(iter, key) ? key : cmt_buf_slice(&iter->hi));
    if (iter->ops->valid(iter->raw)) {
        iter->ops->prev(iter->raw);
    } else {
        CMT_TRY(iter->ops->error(iter->raw, err));
        iter->ops->last(iter->raw);
    }
    return arrived(iter, CMT_DB__BLOCK_BYTES, err);
}

static cmt_status engine_last(cmt_db_iter *base, cmt_error *err)
{
    engine_iter *iter = of(base);
    if (iter->hi.size > 0)
        return engine_seek_before(base, cmt_buf_slice(&iter->hi), err);
    iter->ops->last(iter->raw);
    return arrived(iter, CMT_DB__BLOCK_BYTES, err);
}

static cmt_status engine_next(cmt_db_iter *base, cmt_error *err)
{
    of(base)->ops->next(of(base)->raw);
    return arrived(of(base), 0, err);
}

static cmt_status engine_prev(cmt_db_iter *base, cmt_error *err)
{
    of(base)->ops->prev(of(base)->raw);
    return arrived(of(base), 0, err);
}

static cmt_slice engine_key(const cmt_db_iter *base)
{
    const engine_iter *iter = (const engine_iter *)base;
    return iter->ops->key(iter->raw);
}

static cmt_slice engine_value(const cmt_db_iter *base)
{
    const engine_iter *iter = (const engine_iter *)base;
    return iter->ops->value(iter->raw);
}

static void engine_free(cmt_db_iter *base)
{
    engine_iter *iter = of(base);
    iter->ops->destroy(iter->raw);
    cmt_buf_free(&iter->lo);
    cmt_buf_free(&iter->hi);
    free(iter);
}

static const cmt_db_iter_ops engine_iter_ops = {
    .first = engine_first,
    .last = engine_last,
    .seek = engine_seek,
    .seek_before = engine_seek_before,
    .next = engine_next,
    .prev = engine_prev,
    .key = engine_key,
    .value = engine_value,
    .free = engine_free,
};

cmt_status cmt_db__engine_iter_new(void *raw, const cmt_db__raw_iter_ops *ops,
                                   const cmt_range *bounds, _Atomic uint64_t *bytes_read,
                                   cmt_db_iter **out, cmt_error *err)
{
    engine_iter *iter = calloc(1, sizeof *iter);
    if (iter == NULL) {
        ops->destroy(raw);
        return cmt_error_set(err, CMT_NO_MEMORY, "no memory for an iterator");
    }
    iter->base.ops = &engine_iter_ops;
    iter->raw = raw;
    iter->ops = ops;
    iter->bytes_read = bytes_read;
    if (cmt_buf_set(&iter->lo, bounds->lo) != CMT_OK ||
        cmt_buf_set(&iter->hi, bounds->hi) != CMT_OK) {
        engine_free(&iter->base);
        return cmt_error_set(err, CMT_NO_MEMORY, "no memory for an iterator");
    }
    *out = &iter->base;
    return CMT_OK;
}
