/* SPDX-License-Identifier: Apache-2.0
 *
 * What applications answered: saved for a height, and found again after a crash.
 */
#include "state_internal.h"

#include "cleanup.h"
#include "wire.h"

#include <inttypes.h>

CMT_DEFINE_CLEANUP(cmt_db_batch, cmt_db_batch_free)

#define LAST_KEY "lastABCIResponseKey"

static cmt_status no_memory(cmt_error *err)
{
    return cmt_error_set(err, CMT_NO_MEMORY, "state store: no memory for results");
}

/* ---- saving ------------------------------------------------------------------------------ */

/* ABCIResponsesInfo with results of 0.38 and later. */
static cmt_status encode_last(int64_t height, cmt_slice results, cmt_buf *out)
{
    CMT_TRY(cmt_wire_start(out, cmt_wire_size_int64(2, height) +
                                    cmt_wire_size_message(3, results.size)));
    CMT_TRY(cmt_wire_put_int64(out, 2, height));
    return cmt_wire_put_message(out, 3, results);
}

static cmt_status add_until_0_40(const cmt_state_store *store, int64_t height, cmt_slice results,
                                 cmt_db_batch *batch, cmt_error *err)
{
    if (!store->options.discard_results)
        CMT_TRY(cmt_state__add(store, &cmt_family_results, height, results, batch, err));
    CMT_AUTO(cmt_buf_free) cmt_buf last = CMT_BUF_INIT;
    if (encode_last(height, results, &last) != CMT_OK)
        return no_memory(err);
    return cmt_db_batch_put(batch, CMT_SLICE(LAST_KEY), cmt_buf_slice(&last), err);
}

static cmt_status add_since_1_0(const cmt_state_store *store, int64_t height, cmt_slice results,
                                cmt_db_batch *batch, cmt_error *err)
{
    if (store->options.discard_results && height > 1) {
        cmt_key before = cmt_key_make(cmt_state__family(store, &cmt_family_results), height - 1, 0);
        CMT_TRY(cmt_db_batch_delete(batch, cmt_key_slice(&before), err));
    }
    return cmt_state__add(store, &cmt_family_results, height, results, batch, err);
}

cmt_status cmt_state_store_save_results(cmt_state_store *store, int64_t height,
                                        const cmt_results *results, cmt_error *err)
{
    CMT_TRY(cmt_state__writable(store, err));
    if (height < 1)
        return cmt_error_set(err, CMT_INVALID,
                             "state store: no block has height %" PRId64 ", nor results", height);
    CMT_AUTO(cmt_db_batch_free_cleanup) cmt_db_batch *batch = NULL;
    CMT_AUTO(cmt_buf_free) cmt_buf value = CMT_BUF_INIT;
    CMT_TRY(cmt_db_batch_new(&batch, err));
    if (cmt_results_encode(results, &value) != CMT_OK)
        return no_memory(err);
    cmt_state__wait_below_ceiling(store, height);
    if (store->options.release == CMT_RELEASE_1_0)
        CMT_TRY(add_since_1_0(store, height, cmt_buf_slice(&value), batch, err));
    else
        CMT_TRY(add_until_0_40(store, height, cmt_buf_slice(&value), batch, err));
    return cmt_state__write(store, batch, "save_results:before", "save_results:after", err);
}

/* ---- the last ones ----------------------------------------------------------------------- */

/* An ABCIResponsesInfo taken apart, borrowed. */
typedef struct last_results {
    bool has_legacy;
    bool has_results;
    cmt_slice legacy;
    cmt_slice results;
    int64_t height;
} last_results;

static cmt_status decode_last(cmt_slice bytes, last_results *out, cmt_error *err)
{
    cmt_wire_reader r = cmt_wire_read("ABCIResponsesInfo", bytes);
    cmt_wire_field f;
    while (cmt_wire_next(&r, &f)) {
        if (f.number == 1)
            CMT_TRY(cmt_wire_get_whole(&r, &f, &out->has_legacy, &out->legacy, err));
        else if (f.number == 2)
            CMT_TRY(cmt_wire_get_int64(&r, &f, &out->height, err));
        else if (f.number == 3)
            CMT_TRY(cmt_wire_get_whole(&r, &f, &out->has_results, &out->results, err));
    }
    return cmt_wire_end(&r, err);
}

static cmt_status convert(cmt_slice legacy, cmt_buf *out, cmt_error *err)
{
    cmt_results results;
    CMT_TRY(cmt_results_read_legacy(legacy, &results, err));
    cmt_status st = cmt_results_encode(&results, out);
    cmt_results_free(&results);
    return st == CMT_OK ? CMT_OK : no_memory(err);
}

static cmt_status take_last(cmt_slice bytes, int64_t height, cmt_buf *out, cmt_error *err)
{
    last_results last = {0};
    CMT_TRY(decode_last(bytes, &last, err));
    if (last.height != height)
        return cmt_error_set(err, CMT_CORRUPT,
                             "expected height %" PRId64
                             " but last stored abci responses was at height %" PRId64,
                             height, last.height);
    if (last.has_results)
        return cmt_buf_set(out, last.results) == CMT_OK ? CMT_OK : no_memory(err);
    if (!last.has_legacy)
        return cmt_error_set(err, CMT_CORRUPT, "ABCIResponsesInfo: it holds no results");
    return convert(last.legacy, out, err);
}

/* True if the store is of a release that writes the last results under their height only. */
static bool is_since_1_0(const cmt_state_store *store)
{
    return store->written ? store->options.release == CMT_RELEASE_1_0 : store->layout.has_version;
}

cmt_status cmt_state_store_load_last_results(cmt_state_store *store, int64_t height, cmt_buf *out,
                                             cmt_error *err)
{
    CMT_AUTO(cmt_buf_free) cmt_buf value = CMT_BUF_INIT;
    if (height < 1)
        return CMT_NOT_FOUND;
    if (is_since_1_0(store)) {
        cmt_status st = cmt_state_store_load_results(store, height, out, err);
        if (st != CMT_NOT_FOUND)
            return st;
    }
    CMT_TRY(cmt_state__get_single(store, LAST_KEY, &value, err));
    cmt_status st = take_last(cmt_buf_slice(&value), height, out, err);
    return st == CMT_OK ? CMT_OK : cmt_error_prefix(err, st, "state store: " LAST_KEY " record");
}
