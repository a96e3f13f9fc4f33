/* SPDX-License-Identifier: Apache-2.0
 *
 * Results deleted by themselves: a data companion has them, the blocks stay.
 *
 * All results below the retain height die, so nothing has to be looked for but where to begin: at the marker that
 * the last call left, else at the lowest results there are.
 */
#include "state_internal.h"

#include "cleanup.h"

#define MARKER "lastABCIResponsesRetainHeight"

typedef struct run {
    cmt_state_store *store;
    cmt_eraser eraser;
    int64_t from;
    int64_t retain;
    int64_t last_height;
    cmt_range_list *touched;
} run;

static void close_run(run *r)
{
    cmt_eraser_close(&r->eraser);
}

static cmt_status find_start(run *r, cmt_error *err)
{
    int64_t marker = 0;
    cmt_status st = cmt_state__get_height(r->store, MARKER, &marker, err);
    if (st != CMT_NOT_FOUND)
        CMT_TRY(st);
    r->from = r->retain;
    if (marker >= r->retain)
        return CMT_OK;
    st = cmt_key_first_in(r->store->db, cmt_state__family(r->store, &cmt_family_results),
                          marker > 1 ? marker : 1, r->retain, &r->from, err);
    return st == CMT_NOT_FOUND ? CMT_OK : st;
}

/* The marker is a key of 1.0 and later; the heights below @p done are free of results. */
static cmt_status put_marker(run *r, int64_t done, cmt_error *err)
{
    if (!r->store->layout.has_version)
        return CMT_OK;
    CMT_AUTO(cmt_buf_free) cmt_buf value = CMT_BUF_INIT;
    if (cmt_signed_varint_encode(done, &value) != CMT_OK)
        return cmt_error_set(err, CMT_NO_MEMORY, "state store: no memory for a height");
    return cmt_db_batch_put(r->eraser.batch, CMT_SLICE(MARKER), cmt_buf_slice(&value), err);
}

static cmt_status write(run *r, int64_t done, cmt_error *err)
{
    CMT_TRY(put_marker(r, done, err));
    CMT_TRY(cmt_eraser_write(&r->eraser, err));
    return cmt_eraser_report(&r->eraser, "prune results", done - r->from, r->retain - r->from);
}

static cmt_status delete_points(run *r, cmt_error *err)
{
    const cmt_key_family *family = cmt_state__family(r->store, &cmt_family_results);
    for (int64_t height = r->from; height < r->retain; height++) {
        CMT_TRY(cmt_eraser_delete_at(&r->eraser, family, height, 0, err));
        if (cmt_eraser_is_full(&r->eraser) && height + 1 < r->retain)
            CMT_TRY(write(r, height + 1, err));
    }
    return write(r, r->retain, err);
}

static cmt_status delete_ranges(run *r, cmt_error *err)
{
    CMT_TRY(cmt_eraser_delete_ranges(&r->eraser, r->touched, err));
    CMT_TRY(write(r, r->retain, err));
    return cmt_eraser_drop(&r->eraser, r->touched, err);
}

static cmt_status find_ranges(const run *r, cmt_error *err)
{
    cmt_heights going = {r->from, r->retain};
    cmt_heights staying = {r->retain, cmt_state__live_end(r->last_height)};
    const cmt_height_set dead = {&going, 1, 1};
    const cmt_height_set live = {&staying, 1, 1};
    cmt_status st =
        cmt_key_ranges(cmt_state__family(r->store, &cmt_family_results), &dead, &live, r->touched);
    return st == CMT_OK ? CMT_OK : cmt_error_set(err, st, "no memory for key ranges");
}

static cmt_status prune(run *r, const cmt_erase_options *options, cmt_error *err)
{
    CMT_TRY(find_start(r, err));
    CMT_TRY(cmt_eraser_open(&r->eraser, r->store->db, options, r->retain - r->from, "state", err));
    if (r->from >= r->retain)
        return CMT_OK;
    CMT_TRY(find_ranges(r, err));
    return r->eraser.by_range ? delete_ranges(r, err) : delete_points(r, err);
}

cmt_status cmt_state_store_prune_results(cmt_state_store *store, int64_t retain_height,
                                         int64_t last_height, const cmt_erase_options *options,
                                         cmt_results_prune_result *result, cmt_error *err)
{
    *result = (cmt_results_prune_result){.discards = store->options.discard_results,
                                         .from = retain_height};
    if (result->discards)
        return CMT_OK;
    run r = {.store = store,
             .from = retain_height,
             .retain = retain_height,
             .last_height = last_height > retain_height ? last_height : retain_height,
             .touched = &result->touched};
    CMT_TRY(cmt_state__begin_prune(store, &r.last_height, err));
    cmt_status st = prune(&r, options, err);
    cmt_state__end_prune(store);
    result->from = r.from;
    result->pruned = st == CMT_OK ? retain_height - r.from : 0;
    result->deletes = r.eraser.deletes;
    result->batches = r.eraser.batches;
    close_run(&r);
    return st;
}

void cmt_results_prune_result_free(cmt_results_prune_result *result)
{
    if (result != NULL)
        cmt_range_list_free(&result->touched);
}
