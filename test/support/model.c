/* SPDX-License-Identifier: Apache-2.0
 *
 * What a prune has to leave.
 *
 * Corrections to CometBFT: the evidence height is searched from the lowest header when the sweep or
 * finishing asks for it; blocks without a header lose the rest of their keys; what any kept record
 * is resolved by stays; the empty params of 0.34 are pointers; what an interrupted state prune left
 * is pruned too.
 */
#include "model.h"

#include "cleanup.h"
#include "upstream.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

typedef struct model {
    const world *w;
    int64_t retain;
    bool sweep;
    int64_t from;
    int64_t evidence;
    int64_t first; /* no key is below; the loops need not start at 0 */
    int64_t last;  /* no record is above */
} model;

static bool has(cmt_db *db, const char *prefix, int64_t height)
{
    return height >= 0 && chain_get(db, NULL, "%s%" PRId64, prefix, height);
}

static void drop(cmt_db *db, const char *prefix, int64_t height)
{
    chain_delete(db, "%s%" PRId64, prefix, height);
}

/* ---- where to start ---------------------------------------------------------------------- */

static int64_t find_from(const model *m)
{
    cmt_db *db = m->w->state;
    int64_t base = m->w->base;
    int64_t results = base;
    int64_t params = base;
    while (has(db, "abciResponsesKey:", results - 1))
        results--;
    bool trace = false; /* records in full may be what an earlier prune kept */
    while (has(db, "consensusParamsKey:", params - 1))
        trace |= !record_params(db, --params).full;
    trace |= base - params > 100;
    return trace && params < results ? params : results;
}

static int64_t find_evidence_height(const model *m)
{
    const world *w = m->w;
    int64_t lo = m->sweep || m->from < w->base ? m->first : w->base;
    for (int64_t h = lo; h < m->retain; h++) {
        if (!has(w->blocks, "H:", h))
            continue;
        cmt_time now = history_block(w->h, w->state_height).time;
        cmt_time then = history_block(w->h, h).time;
        int64_t age_ns = (now.seconds - then.seconds) * 1000000000 + now.nanos - then.nanos;
        if (age_ns <= w->h->evidence_seconds * 1000000000 ||
            w->state_height - h <= w->h->evidence_blocks)
            return h;
    }
    return m->retain;
}

/* ---- blocks ------------------------------------------------------------------------------ */

static void drop_headers(const model *m, int64_t height)
{
    cmt_db *db = m->w->blocks;
    drop(db, "H:", height);
    if (height != m->w->h->initial_height - 1)
        drop(db, "C:", height);
    if (!m->w->h->version || m->sweep)
        drop(db, "EC:", height);
}

static void drop_body(const model *m, int64_t height)
{
    drop(m->w->blocks, "SC:", height);
    for (uint32_t i = 0; i < 12; i++)
        chain_delete(m->w->blocks, "P:%" PRId64 ":%" PRIu32, height, i);
    chain_block block = history_block(m->w->h, height);
    char hash_key[68];
    chain_hash_key(&block, hash_key);
    chain_delete(m->w->blocks, "%s", hash_key);
}

/* The seen commit that a state sync starts from: the first of its run, without a block. */
static bool *find_state_syncs(const model *m)
{
    const world *w = m->w;
    bool *is_sync = calloc((size_t)w->base + 1, sizeof *is_sync);
    CHAIN_REQUIRE((is_sync) != NULL);
    for (int64_t h = m->first; h < w->base; h++)
        is_sync[h] = has(w->blocks, "SC:", h) && !has(w->blocks, "SC:", h - 1) &&
                     !has(w->blocks, "H:", h) && !chain_get(w->blocks, NULL, "P:%" PRId64 ":0", h);
    return is_sync;
}

static void prune_blocks(const model *m)
{
    const world *w = m->w;
    bool *is_sync = find_state_syncs(m);
    for (int64_t h = m->sweep ? m->first : w->base; h < m->retain; h++) {
        if (h < m->evidence)
            drop_headers(m, h);
        bool keep_seen = h < w->base && is_sync[h];
        drop_body(m, h);
        if (keep_seen)
            chain_put_text(w->blocks, "seen", "SC:%" PRId64, h);
    }
    free(is_sync);
    if (m->retain > w->base || w->h->legacy_base) {
        CMT_AUTO(cmt_buf_free) cmt_buf value = CMT_BUF_INIT;
        chain_encode_block_store_state(m->retain, w->height, &value);
        chain_put(w->blocks, &value, "blockStore");
    }
}

/* ---- states ------------------------------------------------------------------------------ */

/* Per height: kept because CometBFT keeps it (2), or because a kept record is resolved by it
 * (1). */
typedef struct keep {
    uint8_t *validators;
    uint8_t *params;
} keep;

static void raise(uint8_t *kept, uint8_t to)
{
    if (*kept < to)
        *kept = to;
}

static int64_t checkpoint_or(int64_t height, int64_t last_changed)
{
    int64_t checkpoint = height - height % 100000;
    return checkpoint > last_changed ? checkpoint : last_changed;
}

/* False when a record that has to be there is missing. */
static bool find_keep(const model *m, keep *k)
{
    cmt_db *db = m->w->state;
    int64_t kept_from = m->evidence < m->retain ? m->evidence : m->retain;
    record v = record_validators(db, kept_from);
    if (m->evidence < m->w->base) /* earlier prunes may have left none there */
        for (int64_t h = kept_from; !v.exists && h <= m->retain; h++)
            v = record_validators(db, h);
    record p = record_params(db, m->retain);
    if (!v.exists || !p.exists)
        return false;
    if (!v.full) {
        raise(&k->validators[v.last_changed], 2);
        raise(&k->validators[checkpoint_or(m->retain, v.last_changed)], 2);
    }
    if (!p.full)
        raise(&k->params[p.last_changed], 2);
    for (int64_t h = kept_from; h <= m->last; h++) {
        bool becomes_full = k->validators[h] == 2 && h >= m->from && h < m->retain;
        v = record_validators(db, h);
        if (v.exists && !v.full && !becomes_full && checkpoint_or(h, v.last_changed) < kept_from)
            raise(&k->validators[checkpoint_or(h, v.last_changed)], 1);
    }
    for (int64_t h = m->retain; h <= m->last; h++) {
        p = record_params(db, h);
        if (p.exists && !p.full && p.last_changed < m->retain)
            raise(&k->params[p.last_changed], 1);
    }
    return true;
}

/* Kept records that are pointers become full ones.  False when CometBFT would stop here. */
static bool fill(const model *m, const keep *k, int64_t h)
{
    CMT_AUTO(cmt_buf_free) cmt_buf loaded = CMT_BUF_INIT;
    CMT_AUTO(cmt_buf_free) cmt_buf value = CMT_BUF_INIT;
    cmt_db *db = m->w->state;
    if (k->validators[h] > 0 && !record_validators(db, h).full) {
        if (record_load_validators(db, h, &loaded)) {
            chain_encode_validators_info(&loaded, h, &value);
            chain_put(db, &value, "validatorsKey:%" PRId64, h);
        } else if (k->validators[h] == 2 && h >= m->w->base) {
            return false;
        }
    }
    if (k->params[h] > 0 && !record_params(db, h).full) {
        if (record_load_params(db, h, &loaded)) {
            chain_encode_params_info(&loaded, false, h, &value);
            chain_put(db, &value, "consensusParamsKey:%" PRId64, h);
        } else if (k->params[h] == 2) {
            return false;
        }
    }
    return true;
}

static bool prune_states(const model *m, keep *k)
{
    cmt_db *db = m->w->state;
    if (!find_keep(m, k))
        return false;
    for (int64_t h = m->retain - 1; h >= m->from; h--)
        if (!fill(m, k, h))
            return false;
    for (int64_t h = m->retain - 1; h >= (m->sweep ? m->first : m->from); h--) {
        if (h < m->evidence && k->validators[h] == 0)
            drop(db, "validatorsKey:", h);
        if (k->params[h] == 0)
            drop(db, "consensusParamsKey:", h);
        drop(db, "abciResponsesKey:", h);
    }
    if (m->w->h->results_marker >= 0 && m->w->h->results_marker < m->retain) {
        CMT_AUTO(cmt_buf_free) cmt_buf value = CMT_BUF_INIT;
        chain_encode_signed_varint(m->retain, &value);
        chain_put(db, &value, "lastABCIResponsesRetainHeight");
    }
    return true;
}

model_result model_prune(const world *w, int64_t retain, bool sweep)
{
    model m = {.w = w,
               .retain = retain,
               .sweep = sweep,
               .first = history_first_block(w->h) - 1,
               .last = w->height + 3};
    model_result result = {.refused = !has(w->blocks, "H:", retain)};
    if (result.refused)
        return result;
    result.from = m.from = find_from(&m);
    result.evidence_height = m.evidence = find_evidence_height(&m);

    keep k = {calloc((size_t)m.last + 1, 1), calloc((size_t)m.last + 1, 1)};
    CHAIN_REQUIRE(k.validators != NULL && k.params != NULL);
    result.refused = !prune_states(&m, &k);
    free(k.validators);
    free(k.params);
    if (!result.refused)
        prune_blocks(&m);
    return result;
}
