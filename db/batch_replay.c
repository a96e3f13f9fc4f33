/* SPDX-License-Identifier: Apache-2.0
 *
 * A batch into an engine's own, with deletes of ranges where the engine has none.
 */
#include "batch.h"
#include "engines.h"

/* Delete what the changes before `end` put into the range. */
static void delete_put_before(const cmt_db_batch *batch, size_t end, cmt_range range,
                              const cmt_db__batch_sink *sink)
{
    cmt_db__change change;
    for (size_t offset = 0; offset < end && cmt_db__batch_next(batch, &offset, &change);)
        if (change.kind == CMT_DB__PUT && cmt_slice_compare(change.key, range.lo) >= 0 &&
            (range.hi.size == 0 || cmt_slice_compare(change.key, range.hi) < 0))
            sink->delete_key(sink->to, change.key);
}

static cmt_status delete_each(cmt_db *db, cmt_range range, const cmt_db__batch_sink *sink,
                              cmt_error *err)
{
    cmt_db_iter *iter;
    CMT_TRY(db->ops->iter_new(db, &range, &iter, err)); /* this is inside a call already */
    cmt_status st = cmt_db_iter_first(iter, err);
    for (; st == CMT_OK; st = cmt_db_iter_next(iter, err))
        sink->delete_key(sink->to, cmt_db_iter_key(iter));
    iter->ops->free(iter);
    return st == CMT_NOT_FOUND ? CMT_OK : st;
}

/* Everything from lo on: up to the last key that is there, and that key. */
static cmt_status delete_to_end(cmt_db *db, cmt_range range, const cmt_db__batch_sink *sink,
                                cmt_error *err)
{
    cmt_db_iter *iter;
    CMT_TRY(db->ops->iter_new(db, &range, &iter, err)); /* this is inside a call already */
    cmt_status st = cmt_db_iter_last(iter, err);
    if (st == CMT_OK) {
        cmt_slice last = cmt_db_iter_key(iter);
        if (cmt_slice_compare(range.lo, last) < 0)
            sink->delete_range(sink->to, (cmt_range){range.lo, last});
        sink->delete_key(sink->to, last);
    }
    iter->ops->free(iter);
    return st == CMT_NOT_FOUND ? CMT_OK : st;
}

static cmt_status delete_range(cmt_db *db, const cmt_db_batch *batch, size_t offset,
                               cmt_range range, const cmt_db__batch_sink *sink, cmt_error *err)
{
    if (sink->delete_range != NULL && range.hi.size > 0) {
        sink->delete_range(sink->to, range);
        return CMT_OK;
    }
    delete_put_before(batch, offset, range, sink);
    return sink->delete_range != NULL ? delete_to_end(db, range, sink, err)
                                      : delete_each(db, range, sink, err);
}

cmt_status cmt_db__batch_replay(cmt_db *db, const cmt_db_batch *batch,
                                const cmt_db__batch_sink *sink, cmt_error *err)
{
    cmt_db__change change;
    for (size_t offset = 0; cmt_db__batch_next(batch, &offset, &change);) {
        switch (change.kind) {
        case CMT_DB__PUT:
            sink->put(sink->to, change.key, change.value);
            break;
        case CMT_DB__DELETE:
            sink->delete_key(sink->to, change.key);
            break;
        case CMT_DB__DELETE_RANGE:
            CMT_TRY(
                delete_range(db, batch, offset, (cmt_range){change.key, change.value}, sink, err));
            break;
        }
    }
    return CMT_OK;
}
