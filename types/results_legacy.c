/* SPDX-License-Identifier: Apache-2.0
 *
 * ABCIResponses of 0.34 and 0.37, read as the results that later releases make of them.
 */
#include "results_read.h"

#include "cleanup.h"
#include "wire.h"

#include <string.h>

/* Which half of the block an event is of: EventAttribute {key "mode", value} as field 2. */
#define MODE_BEGIN                                                                                 \
    "\x12\x12\x0a\x04mode\x12\x0a"                                                                 \
    "BeginBlock"
#define MODE_END                                                                                   \
    "\x12\x10\x0a\x04mode\x12\x08"                                                                 \
    "EndBlock"

/* The two halves, borrowed. */
typedef struct halves {
    bool has_begin;
    bool has_end;
    cmt_slice begin;
    cmt_slice end;
    size_t txs;
    size_t begin_events;
    size_t end_events;
    size_t updates;
    size_t event_bytes; /* of both */
} halves;

static cmt_status find_halves(cmt_slice bytes, halves *out, cmt_error *err)
{
    cmt_wire_reader r = cmt_wire_read("ABCIResponses", bytes);
    cmt_wire_field f;
    while (cmt_wire_next(&r, &f)) {
        if (f.number == 1)
            out->txs++;
        else if (f.number == 2)
            CMT_TRY(cmt_wire_get_whole(&r, &f, &out->has_end, &out->end, err));
        else if (f.number == 3)
            CMT_TRY(cmt_wire_get_whole(&r, &f, &out->has_begin, &out->begin, err));
    }
    return cmt_wire_end(&r, err);
}

static void count_halves(halves *in)
{
    cmt_wire_field f;
    cmt_wire_reader r = cmt_wire_read("ResponseBeginBlock", in->begin);
    while (cmt_wire_next(&r, &f)) {
        if (f.number != 1)
            continue;
        in->begin_events++;
        in->event_bytes += f.bytes.size + sizeof MODE_BEGIN - 1;
    }
    r = cmt_wire_read("ResponseEndBlock", in->end);
    while (cmt_wire_next(&r, &f)) {
        if (f.number == 1)
            in->updates++;
        if (f.number != 3)
            continue;
        in->end_events++;
        in->event_bytes += f.bytes.size + sizeof MODE_END - 1;
    }
}

/* There is room for both in @p storage, which does not move. */
static cmt_status add_event(cmt_slice event, cmt_slice mode, cmt_buf *storage, cmt_results *out)
{
    cmt_slice whole = {storage->data + storage->size, event.size + mode.size};
    CMT_TRY(cmt_buf_append(storage, event.data, event.size));
    CMT_TRY(cmt_buf_append(storage, mode.data, mode.size));
    cmt_results_add(out->events, &out->event_count, whole);
    return CMT_OK;
}

static cmt_status take_begin(cmt_slice bytes, cmt_buf *storage, cmt_results *out, cmt_error *err)
{
    cmt_wire_reader r = cmt_wire_read("ResponseBeginBlock", bytes);
    cmt_wire_field f;
    while (cmt_wire_next(&r, &f)) {
        if (f.number == 1)
            CMT_TRY(add_event(f.bytes, CMT_SLICE(MODE_BEGIN), storage, out));
    }
    return cmt_wire_end(&r, err);
}

static cmt_status take_end(cmt_slice bytes, cmt_buf *storage, cmt_results *out, cmt_error *err)
{
    cmt_wire_reader r = cmt_wire_read("ResponseEndBlock", bytes);
    cmt_wire_field f;
    while (cmt_wire_next(&r, &f)) {
        if (f.number == 1)
            cmt_results_add(out->validator_updates, &out->update_count, f.bytes);
        else if (f.number == 2)
            CMT_TRY(cmt_wire_get_whole(&r, &f, &out->has_params, &out->params, err));
        else if (f.number == 3)
            CMT_TRY(add_event(f.bytes, CMT_SLICE(MODE_END), storage, out));
    }
    return cmt_wire_end(&r, err);
}

static cmt_status take_txs(cmt_slice bytes, cmt_results *out, cmt_error *err)
{
    cmt_wire_reader r = cmt_wire_read("ABCIResponses", bytes);
    cmt_wire_field f;
    while (cmt_wire_next(&r, &f)) {
        if (f.number == 1)
            cmt_results_add(out->tx_results, &out->tx_count, f.bytes);
    }
    return cmt_wire_end(&r, err);
}

static cmt_status read_all(cmt_slice bytes, cmt_buf *storage, cmt_results *out, cmt_error *err)
{
    halves in = {0};
    CMT_TRY(find_halves(bytes, &in, err));
    count_halves(&in);
    CMT_TRY(cmt_results_allot(in.begin_events + in.end_events, in.txs, in.updates, out, err));
    if (cmt_buf_reserve(storage, in.event_bytes) != CMT_OK)
        return cmt_error_set(err, CMT_NO_MEMORY, "no memory for %zu bytes of events",
                             in.event_bytes);
    CMT_TRY(take_txs(bytes, out, err));
    CMT_TRY(take_begin(in.begin, storage, out, err));
    return take_end(in.end, storage, out, err);
}

cmt_status cmt_results_read_legacy(cmt_slice bytes, cmt_results *out, cmt_error *err)
{
    *out = (cmt_results){.legacy = true};
    CMT_TRY(cmt_shape_check(&cmt_shape_abci_responses, bytes, err));
    cmt_buf storage = CMT_BUF_INIT;
    cmt_status st = read_all(bytes, &storage, out, err);
    out->storage = storage.data;
    if (st != CMT_OK)
        cmt_results_free(out);
    return st;
}
