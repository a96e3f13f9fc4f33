/* SPDX-License-Identifier: Apache-2.0
 *
 * Deletions on their way into an open database, in batches that are durable one after the other.
 */
#include "cmtstore/keys.h"

#include "cleanup.h"

#include <stdio.h>

CMT_DEFINE_CLEANUP(cmt_db_iter, cmt_db_iter_free)

#define BATCH_OPERATIONS 10000
#define BATCH_BYTES ((size_t)1 << 20)
/* A range with less in it holds no whole file worth the several waits for the disk that dropping takes. */
#define DROP_BYTES ((uint64_t)256 << 10)
#define RANGE_HEIGHTS 256
#define STEP_HEIGHTS 100000 /* of blocks: some 9 MB of hashes */

cmt_status cmt_eraser_open(cmt_eraser *eraser, cmt_db *db, const cmt_erase_options *options,
                           int64_t heights, const char *database, cmt_error *err)
{
    *eraser = (cmt_eraser){.db = db, .database = database};
    if (options != NULL)
        eraser->options = *options;
    if (eraser->options.batch_operations == 0)
        eraser->options.batch_operations = BATCH_OPERATIONS;
    if (eraser->options.batch_bytes == 0)
        eraser->options.batch_bytes = BATCH_BYTES;
    if (eraser->options.step_heights <= 0)
        eraser->options.step_heights = STEP_HEIGHTS;
    if (eraser->options.range_heights <= 0)
        eraser->options.range_heights = RANGE_HEIGHTS;
    if (eraser->options.drop_bytes == 0)
        eraser->options.drop_bytes = DROP_BYTES;
    unsigned capabilities = cmt_db_capabilities(db);
    if ((capabilities & CMT_DB_WRITABLE) == 0)
        return cmt_error_set(err, CMT_UNSUPPORTED, "%s: it is open for reading only", database);
    eraser->by_range = (capabilities & CMT_DB_RANGE_DELETE) != 0 && !eraser->options.points &&
                       heights >= eraser->options.range_heights;
    eraser->drops_files = eraser->by_range && (capabilities & CMT_DB_DROP_FILES) != 0;
    return cmt_db_batch_new(&eraser->batch, err);
}

void cmt_eraser_close(cmt_eraser *eraser)
{
    cmt_db_batch_free(eraser->batch);
    eraser->batch = NULL;
}

cmt_status cmt_eraser_delete(cmt_eraser *eraser, cmt_slice key, cmt_error *err)
{
    CMT_TRY(cmt_db_batch_delete(eraser->batch, key, err));
    eraser->deletes++;
    return CMT_OK;
}

cmt_status cmt_eraser_delete_at(cmt_eraser *eraser, const cmt_key_family *family, int64_t height,
                                uint32_t index, cmt_error *err)
{
    cmt_key key = cmt_key_make(family, height, index);
    return cmt_eraser_delete(eraser, cmt_key_slice(&key), err);
}

cmt_status cmt_eraser_delete_all_at(cmt_eraser *eraser, const cmt_key_family *family,
                                    int64_t height, cmt_error *err)
{
    if (!family->indexed)
        return cmt_eraser_delete_at(eraser, family, height, 0, err);
    cmt_key_bounds bounds;
    cmt_range range = cmt_key_height_range(family, height, &bounds);
    CMT_AUTO(cmt_db_iter_free_cleanup) cmt_db_iter *iter = NULL;
    CMT_TRY(cmt_db_iter_new(eraser->db, &range, &iter, err));
    cmt_status st = cmt_db_iter_first(iter, err);
    for (; st == CMT_OK; st = cmt_db_iter_next(iter, err)) {
        int64_t parsed;
        if (cmt_key_parse(family, cmt_db_iter_key(iter), &parsed, NULL))
            CMT_TRY(cmt_eraser_delete(eraser, cmt_db_iter_key(iter), err));
    }
    return st == CMT_NOT_FOUND ? CMT_OK : st;
}

cmt_status cmt_eraser_delete_ranges(cmt_eraser *eraser, const cmt_range_list *ranges,
                                    cmt_error *err)
{
    for (size_t i = 0; i < ranges->count; i++)
        CMT_TRY(cmt_db_batch_delete_range(eraser->batch, ranges->ranges[i], err));
    eraser->deletes += ranges->count;
    return CMT_OK;
}

bool cmt_eraser_is_full(const cmt_eraser *eraser)
{
    return cmt_db_batch_count(eraser->batch) >= eraser->options.batch_operations ||
           cmt_db_batch_bytes(eraser->batch) >= eraser->options.batch_bytes;
}

bool cmt_eraser_is_empty(const cmt_eraser *eraser)
{
    return cmt_db_batch_count(eraser->batch) == 0;
}

static void fail_point(const cmt_eraser *eraser, const char *when)
{
    if (eraser->options.fail_point == NULL)
        return;
    char name[64];
    snprintf(name, sizeof name, "prune_%s:%s", eraser->database, when);
    eraser->options.fail_point(eraser->options.fail_context, name);
}

cmt_status cmt_eraser_write(cmt_eraser *eraser, cmt_error *err)
{
    fail_point(eraser, "before");
    CMT_TRY(cmt_db_write(eraser->db, eraser->batch, true, err));
    cmt_db_batch_clear(eraser->batch);
    eraser->batches++;
    fail_point(eraser, "after");
    return CMT_OK;
}

cmt_status cmt_eraser_report(const cmt_eraser *eraser, const char *phase, int64_t done,
                             int64_t total)
{
    const cmt_progress_hook *hook = eraser->options.progress;
    const cmt_progress progress = {.phase = phase,
                                   .database = eraser->database,
                                   .done = (uint64_t)done,
                                   .total = (uint64_t)total};
    bool stop = hook != NULL && hook->report != NULL && hook->report(hook->context, &progress);
    return stop ? CMT_CANCELLED : CMT_OK;
}

static cmt_status is_worth_dropping(const cmt_eraser *eraser, cmt_range range, bool *worth,
                                    cmt_error *err)
{
    uint64_t bytes;
    CMT_TRY(cmt_db_approximate_bytes(eraser->db, range, &bytes, err));
    *worth = bytes + 1 >= eraser->options.drop_bytes;
    return CMT_OK;
}

/* Where no range is worth it nothing is flushed either: a node that prunes at each block would leave a small
 * table for each. */
cmt_status cmt_eraser_drop(cmt_eraser *eraser, const cmt_range_list *ranges, cmt_error *err)
{
    bool flushed = false;
    bool worth;
    if (!eraser->drops_files)
        return CMT_OK;
    for (size_t i = 0; i < ranges->count; i++) {
        CMT_TRY(is_worth_dropping(eraser, ranges->ranges[i], &worth, err));
        if (!worth)
            continue;
        if (!flushed)
            CMT_TRY(cmt_db_flush(eraser->db, err));
        flushed = true;
        CMT_TRY(cmt_db_drop_files(eraser->db, ranges->ranges[i], err));
    }
    return CMT_OK;
}
