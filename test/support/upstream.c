/* SPDX-License-Identifier: Apache-2.0
 *
 * CometBFT's PruneBlocks and PruneStates.
 * Source: store/store.go PruneBlocks, state/store.go PruneStates
 */
#include "upstream.h"

#include "cleanup.h"

#include <inttypes.h>
#include <string.h>

/* ---- records ----------------------------------------------------------------------------- */

static uint64_t read_varint(const cmt_buf *value, size_t *at)
{
    uint64_t n = 0;
    for (unsigned shift = 0; *at < value->size; shift += 7) {
        uint8_t byte = value->data[(*at)++];
        n |= (uint64_t)(byte & 127) << shift;
        if (byte < 128)
            break;
    }
    return n;
}

/* {1: message, 2: height}.  `message` is borrowed; its data is NULL when field 1 is absent. */
static int64_t read_info(const cmt_buf *value, cmt_slice *message)
{
    int64_t last_changed = 0;
    *message = (cmt_slice){NULL, 0};
    for (size_t at = 0; at < value->size;) {
        uint8_t tag = value->data[at++];
        uint64_t number = read_varint(value, &at);
        if (tag == 0x10) {
            last_changed = (int64_t)number;
        } else {
            CHAIN_EQUAL(tag, 0x0a);
            *message = (cmt_slice){value->data + at, (size_t)number};
            at += (size_t)number;
        }
    }
    return last_changed;
}

static bool is_empty_params(cmt_slice params)
{
    return params.size == 0 ||
           cmt_slice_equal(params, CMT_SLICE("\x0a\x00\x12\x02\x12\x00\x1a\x00\x22\x00"));
}

record record_validators(cmt_db *state, int64_t height)
{
    CMT_AUTO(cmt_buf_free) cmt_buf value = CMT_BUF_INIT;
    record r = {0};
    r.exists = chain_get(state, &value, "validatorsKey:%" PRId64, height);
    if (r.exists) {
        cmt_slice set;
        r.last_changed = read_info(&value, &set);
        r.full = set.data != NULL;
    }
    return r;
}

record record_params(cmt_db *state, int64_t height)
{
    CMT_AUTO(cmt_buf_free) cmt_buf value = CMT_BUF_INIT;
    record r = {0};
    r.exists = chain_get(state, &value, "consensusParamsKey:%" PRId64, height);
    if (r.exists) {
        cmt_slice params;
        r.last_changed = read_info(&value, &params);
        r.full = !is_empty_params(params);
    }
    return r;
}

static int64_t checkpoint_or(int64_t height, int64_t last_changed)
{
    int64_t checkpoint = height - height % 100000;
    return checkpoint > last_changed ? checkpoint : last_changed;
}

bool record_load_validators(cmt_db *state, int64_t height, cmt_buf *set)
{
    record r = record_validators(state, height);
    if (!r.exists)
        return false;
    int64_t stored = r.full ? height : checkpoint_or(height, r.last_changed);
    if (!record_validators(state, stored).full)
        return false;
    CMT_AUTO(cmt_buf_free) cmt_buf value = CMT_BUF_INIT;
    cmt_slice message;
    CHAIN_REQUIRE(chain_get(state, &value, "validatorsKey:%" PRId64, stored));
    read_info(&value, &message);
    if (r.full) {
        CHAIN_EQUAL(cmt_buf_set(set, message), CMT_OK);
        return true;
    }
    CMT_AUTO(cmt_validator_set_free) cmt_validator_set decoded = {0};
    CHAIN_EQUAL(cmt_validator_set_decode(message, &decoded, NULL), CMT_OK);
    CHAIN_EQUAL(cmt_validator_set_increment(&decoded, (int32_t)(height - stored), NULL), CMT_OK);
    CHAIN_EQUAL(cmt_validator_set_encode(&decoded, set), CMT_OK);
    return true;
}

bool record_load_params(cmt_db *state, int64_t height, cmt_buf *params)
{
    record r = record_params(state, height);
    if (!r.exists)
        return false;
    int64_t stored = r.full ? height : r.last_changed;
    if (!record_params(state, stored).full)
        return false;
    CMT_AUTO(cmt_buf_free) cmt_buf value = CMT_BUF_INIT;
    cmt_slice message;
    CHAIN_REQUIRE(chain_get(state, &value, "consensusParamsKey:%" PRId64, stored));
    read_info(&value, &message);
    CHAIN_EQUAL(cmt_buf_set(params, message), CMT_OK);
    return true;
}

/* ---- PruneBlocks ------------------------------------------------------------------------- */

static bool is_expired(const world *w, int64_t state_height, int64_t height)
{
    const history *h = w->h;
    cmt_time now = history_block(h, state_height).time;
    cmt_time then = history_block(h, height).time;
    int64_t age_ns = (now.seconds - then.seconds) * 1000000000 + now.nanos - then.nanos;
    return age_ns > h->evidence_seconds * 1000000000 && state_height - height > h->evidence_blocks;
}

static void delete_block(const world *w, const history_prune *prune, int64_t height,
                         int64_t evidence_point)
{
    chain_block block = history_block(w->h, height);
    char hash_key[68];
    chain_hash_key(&block, hash_key);
    if (height < evidence_point) {
        chain_delete(w->blocks, "H:%" PRId64, height);
        chain_delete(w->blocks, "C:%" PRId64, height);
        if (prune->flavour == FLAVOUR_0_38)
            chain_delete(w->blocks, "EC:%" PRId64, height);
    }
    chain_delete(w->blocks, "%s", hash_key);
    chain_delete(w->blocks, "SC:%" PRId64, height);
    for (uint32_t i = 0; i < block.parts; i++)
        chain_delete(w->blocks, "P:%" PRId64 ":%" PRIu32, height, i);
}

/* Returns the evidence height. */
static int64_t prune_blocks(world *w, const history_prune *prune)
{
    int64_t evidence_point = prune->retain;
    bool found = prune->flavour == FLAVOUR_0_37;
    int64_t new_base = prune->retain;
    int64_t end = prune->retain;
    if (prune->ending == ENDED_BASE_DELETED) {
        end = prune->retain - prune->cut;
        new_base = end - 1;
    }
    for (int64_t h = w->base; h < end; h++) {
        if (!chain_get(w->blocks, NULL, "H:%" PRId64, h))
            continue;
        if (!found && !is_expired(w, prune->at, h)) {
            evidence_point = h;
            found = true;
        }
        if (prune->ending != ENDED_DELETES_LOST || h < prune->retain - prune->cut)
            delete_block(w, prune, h, evidence_point);
    }
    w->base = new_base > w->base ? new_base : w->base;
    return evidence_point;
}

/* ---- PruneStates ------------------------------------------------------------------------- */

typedef struct state_prune {
    cmt_db *db;
    int64_t keep_validators[2]; /* -1: none */
    int64_t keep_params;
    int64_t evidence_height;
} state_prune;

static bool start_states(state_prune *p, int64_t to)
{
    record validators = record_validators(p->db, to < p->evidence_height ? to : p->evidence_height);
    record params = record_params(p->db, to);
    if (!validators.exists || !params.exists)
        return false;
    if (!validators.full) {
        p->keep_validators[0] = validators.last_changed;
        p->keep_validators[1] = checkpoint_or(to, validators.last_changed);
    }
    if (!params.full)
        p->keep_params = params.last_changed;
    return true;
}

/* False where CometBFT stops with an error. */
static bool prune_state(state_prune *p, int64_t h)
{
    CMT_AUTO(cmt_buf_free) cmt_buf loaded = CMT_BUF_INIT;
    CMT_AUTO(cmt_buf_free) cmt_buf value = CMT_BUF_INIT;
    if (h == p->keep_validators[0] || h == p->keep_validators[1]) {
        if (!record_validators(p->db, h).full) {
            if (!record_load_validators(p->db, h, &loaded))
                return false;
            chain_encode_validators_info(&loaded, h, &value);
            chain_put(p->db, &value, "validatorsKey:%" PRId64, h);
        }
    } else if (h < p->evidence_height) {
        chain_delete(p->db, "validatorsKey:%" PRId64, h);
    }
    if (h == p->keep_params) {
        if (!record_params(p->db, h).full) {
            if (!record_load_params(p->db, h, &loaded))
                return false;
            chain_encode_params_info(&loaded, false, h, &value);
            chain_put(p->db, &value, "consensusParamsKey:%" PRId64, h);
        }
    } else {
        chain_delete(p->db, "consensusParamsKey:%" PRId64, h);
    }
    chain_delete(p->db, "abciResponsesKey:%" PRId64, h);
    return true;
}

static void prune_states(world *w, const history_prune *prune, int64_t from,
                         int64_t evidence_height)
{
    state_prune p = {w->state, {-1, -1}, -1, evidence_height};
    int64_t end = prune->ending == ENDED_IN_STATE ? prune->retain - prune->cut : from;
    if (from >= prune->retain || !start_states(&p, prune->retain))
        return;
    for (int64_t h = prune->retain - 1; h >= from && h >= end; h--)
        if (!prune_state(&p, h))
            return;
}

void upstream_prune(world *w, const history_prune *prune)
{
    int64_t from = w->base;
    if (prune->retain <= from || prune->retain > prune->at)
        return;
    int64_t evidence_height = prune_blocks(w, prune);
    if (prune->ending == ENDED_WELL || prune->ending == ENDED_IN_STATE)
        prune_states(w, prune, from, evidence_height);
}
