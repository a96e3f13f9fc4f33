/* SPDX-License-Identifier: Apache-2.0
 *
 * Results of 0.38 and later: taken apart, borrowing, and put together again.
 */
#include "results_read.h"

#include "wire.h"

#include <stdlib.h>

void cmt_results_free(cmt_results *results)
{
    if (results == NULL)
        return;
    free(results->events);
    free(results->tx_results);
    free(results->validator_updates);
    free(results->storage);
    *results = (cmt_results){0};
}

static cmt_status allot(size_t count, cmt_slice **out, cmt_error *err)
{
    if (count == 0)
        return CMT_OK;
    *out = calloc(count, sizeof **out);
    if (*out == NULL)
        return cmt_error_set(err, CMT_NO_MEMORY, "no memory for results of %zu messages", count);
    return CMT_OK;
}

cmt_status cmt_results_allot(size_t events, size_t txs, size_t updates, cmt_results *out,
                             cmt_error *err)
{
    CMT_TRY(allot(events, &out->events, err));
    CMT_TRY(allot(txs, &out->tx_results, err));
    return allot(updates, &out->validator_updates, err);
}

/* The structure was checked: a field with a number that counts is a message. */
static cmt_status read_fields(cmt_slice bytes, cmt_results *out, cmt_error *err)
{
    size_t count[4] = {0};
    cmt_wire_reader r = cmt_wire_read("ResponseFinalizeBlock", bytes);
    cmt_wire_field f;
    while (cmt_wire_next(&r, &f)) {
        if (f.number < 4)
            count[f.number]++;
    }
    CMT_TRY(cmt_wire_end(&r, err));
    CMT_TRY(cmt_results_allot(count[1], count[2], count[3], out, err));
    r = cmt_wire_read("ResponseFinalizeBlock", bytes);
    while (cmt_wire_next(&r, &f)) {
        if (f.number == 1)
            cmt_results_add(out->events, &out->event_count, f.bytes);
        else if (f.number == 2)
            cmt_results_add(out->tx_results, &out->tx_count, f.bytes);
        else if (f.number == 3)
            cmt_results_add(out->validator_updates, &out->update_count, f.bytes);
        else if (f.number == 4)
            CMT_TRY(cmt_wire_get_whole(&r, &f, &out->has_params, &out->params, err));
        else if (f.number == 5)
            CMT_TRY(cmt_wire_get_bytes(&r, &f, &out->app_hash, err));
    }
    return cmt_wire_end(&r, err);
}

cmt_status cmt_results_read(cmt_slice bytes, cmt_results *out, cmt_error *err)
{
    *out = (cmt_results){0};
    CMT_TRY(cmt_shape_check(&cmt_shape_finalize_block, bytes, err));
    cmt_status st = read_fields(bytes, out, err);
    if (st != CMT_OK)
        cmt_results_free(out);
    return st;
}

/* An app hash of no bytes, but stored, counts as one. */
static bool has_app_hash(const cmt_results *results)
{
    return results->app_hash.data != NULL;
}

/* What is left when the bytes have no app hash: @p st is whether they are of 0.38 or later. */
static cmt_status decode_without_hash(cmt_slice bytes, cmt_status st, cmt_results *current,
                                      cmt_results *out, cmt_error *err)
{
    cmt_error ignored = CMT_ERROR_INIT;
    cmt_results legacy;
    cmt_status legacy_st = cmt_results_read_legacy(bytes, &legacy, &ignored);
    if (legacy_st == CMT_CORRUPT && st == CMT_OK) {
        *out = *current; /* of an application whose hash is empty */
        return CMT_OK;
    }
    if (st == CMT_OK)
        cmt_results_free(current);
    if (legacy_st == CMT_OK) {
        *out = legacy;
        return CMT_OK;
    }
    return legacy_st == CMT_CORRUPT ? st : cmt_error_set(err, legacy_st, "%s", ignored.message);
}

cmt_status cmt_results_decode(cmt_slice bytes, cmt_results *out, cmt_error *err)
{
    cmt_error first = CMT_ERROR_INIT;
    cmt_results current;
    *out = (cmt_results){0};
    cmt_status st = cmt_results_read(bytes, &current, &first);
    if (st == CMT_OK && has_app_hash(&current)) {
        *out = current;
        return CMT_OK;
    }
    if (st == CMT_OK || st == CMT_CORRUPT) {
        cmt_status other = decode_without_hash(bytes, st, &current, out, err);
        if (other != CMT_CORRUPT)
            return other;
    }
    return cmt_error_set(err, st, "%s", first.message);
}

/* ---- encoding ---------------------------------------------------------------------------- */

static size_t size_of(const cmt_slice *messages, size_t count)
{
    size_t size = 0;
    for (size_t i = 0; i < count; i++)
        size += cmt_wire_size_message(1, messages[i].size);
    return size;
}

static cmt_status put_each(cmt_buf *out, uint32_t number, const cmt_slice *messages, size_t count)
{
    for (size_t i = 0; i < count; i++)
        CMT_TRY(cmt_wire_put_message(out, number, messages[i]));
    return CMT_OK;
}

cmt_status cmt_results_encode(const cmt_results *results, cmt_buf *out)
{
    size_t size = size_of(results->events, results->event_count);
    size += size_of(results->tx_results, results->tx_count);
    size += size_of(results->validator_updates, results->update_count);
    if (results->has_params)
        size += cmt_wire_size_message(4, results->params.size);
    CMT_TRY(cmt_wire_start(out, size + cmt_wire_size_bytes(5, results->app_hash.size)));
    CMT_TRY(put_each(out, 1, results->events, results->event_count));
    CMT_TRY(put_each(out, 2, results->tx_results, results->tx_count));
    CMT_TRY(put_each(out, 3, results->validator_updates, results->update_count));
    if (results->has_params)
        CMT_TRY(cmt_wire_put_message(out, 4, results->params));
    return cmt_wire_put_bytes(out, 5, results->app_hash);
}
