/* SPDX-License-Identifier: Apache-2.0
 *
 * The databases of an imagined node.
 */
#include "node_history.h"

#include "cleanup.h"
#include "upstream.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- single heights ---------------------------------------------------------------------- */

/* What a height has is decided by the seed and the height alone, so that a shorter history is the
 * beginning of a longer one. */
enum { DETAIL_HASH, DETAIL_TIME, DETAIL_PARTS, DETAIL_EXT, DETAIL_SET, DETAIL_PARAMS, DETAIL_JUNK };

static rng detail(const history *h, int64_t height, uint64_t what)
{
    rng r = {h->seed ^ (uint64_t)height * 0x9e3779b97f4a7c15u ^ what << 56};
    rng_next(&r);
    return r;
}

static bool happens(const history *h, int64_t height, uint64_t what, unsigned percent)
{
    rng r = detail(h, height, what);
    return rng_chance(&r, percent);
}

int64_t history_first_block(const history *h)
{
    return h->state_sync > 0 ? h->state_sync + 1 : h->initial_height;
}

chain_block history_block(const history *h, int64_t height)
{
    chain_block block = {.height = height};
    rng r = detail(h, height, DETAIL_TIME);
    block.time.seconds = 1700000000 + height * h->block_seconds;
    block.time.nanos = (int32_t)rng_between(&r, 0, 999999999);
    r = detail(h, height, DETAIL_HASH);
    for (size_t i = 0; i < sizeof block.hash; i++)
        block.hash[i] = (uint8_t)rng_next(&r);
    r = detail(h, height, DETAIL_PARTS);
    block.parts = rng_chance(&r, 80) ? 1 : (uint32_t)rng_between(&r, 2, 12);
    return block;
}

cmt_evidence_window history_window(const history *h, int64_t last_block_height)
{
    return (cmt_evidence_window){last_block_height, history_block(h, last_block_height).time,
                                 h->evidence_blocks, h->evidence_seconds * 1000000000};
}

/* ---- growing ----------------------------------------------------------------------------- */

typedef struct growth {
    world *w;
    cmt_buf value;
    cmt_buf set;
    int64_t validators_changed;
    int64_t params_changed;
} growth;

static void save_validators(growth *g, int64_t height)
{
    const history *h = g->w->h;
    bool first = g->validators_changed == 0;
    if (h->wrong_validators > 0 && height == h->wrong_validators + 1)
        g->validators_changed = h->wrong_validators;
    if (first || happens(h, height, DETAIL_SET, h->validators_percent))
        g->validators_changed = height;
    bool full = height == g->validators_changed || height % 100000 == 0;
    if (full)
        chain_encode_validator_set(h->seed ^ (uint64_t)height, 1 + (size_t)(height % 3), &g->set);
    chain_encode_validators_info(full ? &g->set : NULL, g->validators_changed, &g->value);
    chain_put(g->w->state, &g->value, "validatorsKey:%" PRId64, height);
}

static void save_params(growth *g, int64_t height)
{
    const history *h = g->w->h;
    bool first = g->params_changed == 0;
    if (h->wrong_params > 0 && height == h->wrong_params + 1)
        g->params_changed = h->wrong_params;
    if (first || happens(h, height, DETAIL_PARAMS, h->params_percent))
        g->params_changed = height;
    bool full = height == g->params_changed;
    if (full)
        chain_encode_params(1000 + height, 60, &g->set);
    chain_encode_params_info(full ? &g->set : NULL, h->params_as_0_34, g->params_changed,
                             &g->value);
    chain_put(g->w->state, &g->value, "consensusParamsKey:%" PRId64, height);
}

static void save_block(growth *g, int64_t height)
{
    const history *h = g->w->h;
    cmt_db *db = g->w->blocks;
    chain_block block = history_block(h, height);
    char number[24];
    char hash_key[68];
    chain_hash_key(&block, hash_key);
    snprintf(number, sizeof number, "%" PRId64, height);
    for (uint32_t i = 0; i < block.parts; i++)
        chain_put_text(db, "part", "P:%" PRId64 ":%" PRIu32, height, i);
    chain_encode_meta(&block, &g->value);
    chain_put(db, &g->value, "H:%" PRId64, height);
    chain_put_text(db, number, "%s", hash_key);
    chain_put_text(db, "commit", "C:%" PRId64, height - 1);
    chain_put_text(db, "seen", "SC:%" PRId64, height);
    if (happens(h, height, DETAIL_EXT, h->extensions_percent))
        chain_put_text(db, "extended", "EC:%" PRId64, height);
    if (!h->discard_results)
        chain_put_text(g->w->state, "results", "abciResponsesKey:%" PRId64, height);
}

static void start(growth *g)
{
    const history *h = g->w->h;
    int64_t first = history_first_block(h);
    if (h->state_sync > 0) {
        chain_put_text(g->w->blocks, "seen", "SC:%" PRId64, h->state_sync);
        for (int64_t height = first - 1; height <= first + 1; height++) {
            g->validators_changed = 0; /* each of the three in full */
            save_validators(g, height);
        }
    } else {
        save_validators(g, first);
        save_validators(g, first + 1);
    }
    save_params(g, first);
}

static void grow(growth *g)
{
    world *w = g->w;
    const history *h = w->h;
    start(g);
    w->base = history_first_block(h);
    for (int64_t height = w->base; height <= h->tip; height++) {
        save_block(g, height);
        w->height = height;
        if (height == h->tip && h->state_behind)
            break;
        save_validators(g, height + 2);
        save_params(g, height + 1);
        w->state_height = height;
        for (size_t i = 0; i < h->prune_count; i++)
            if (h->prunes[i].at == height)
                upstream_prune(w, &h->prunes[i]);
    }
}

/* ---- what else there is ------------------------------------------------------------------ */

static void put_absent_text(cmt_db *db, const char *value, const char *prefix, int64_t height,
                            const char *suffix)
{
    if (!chain_get(db, NULL, "%s%" PRId64 "%s", prefix, height, suffix))
        chain_put_text(db, value, "%s%" PRId64 "%s", prefix, height, suffix);
}

/* Stray keys, such as interrupted prunes of old versions leave: below base, and at base if that
 * block was deleted.  A block's key in the hash index goes with its parts. */
static void add_junk(growth *g, int64_t height)
{
    const history *h = g->w->h;
    cmt_db *blocks = g->w->blocks;
    bool is_base_block = height == g->w->base && chain_get(blocks, NULL, "H:%" PRId64, height);
    if (is_base_block || !happens(h, height, DETAIL_JUNK, h->junk_percent))
        return;
    rng r = detail(h, height, DETAIL_JUNK + 1);
    chain_block block = history_block(h, height);
    if (rng_chance(&r, 50)) {
        char number[24];
        char hash_key[68];
        chain_hash_key(&block, hash_key);
        snprintf(number, sizeof number, "%" PRId64, height);
        put_absent_text(blocks, "part", "P:", height, rng_chance(&r, 80) ? ":0" : ":1");
        chain_put_text(blocks, number, "%s", hash_key);
    }
    if (rng_chance(&r, 50))
        put_absent_text(blocks, "seen", "SC:", height, "");
    if (rng_chance(&r, 40))
        put_absent_text(blocks, "commit", "C:", height, "");
    if (rng_chance(&r, 40))
        put_absent_text(blocks, "extended", "EC:", height, "");
    if (rng_chance(&r, 40)) {
        chain_encode_meta(&block, &g->value);
        if (height < g->w->base)
            chain_put(blocks, &g->value, "H:%" PRId64, height);
    }
    if (rng_chance(&r, 40))
        put_absent_text(g->w->state, "results", "abciResponsesKey:", height, "");
}

static void add_single_keys(growth *g)
{
    world *w = g->w;
    const history *h = w->h;
    chain_encode_block_store_state(h->legacy_base && w->base == 1 ? 0 : w->base, w->height,
                                   &g->value);
    chain_put(w->blocks, &g->value, "blockStore");
    chain_state state = {h->initial_height, w->state_height, history_block(h, w->state_height).time,
                         h->evidence_blocks, h->evidence_seconds};
    chain_encode_state(&state, &g->value);
    chain_put(w->state, &g->value, "stateKey");
    chain_put_text(w->state, "{}", "genesisDoc");
    chain_put_text(w->state, "last", "lastABCIResponseKey");
    if (h->version) {
        chain_put_text(w->blocks, "v1", "version");
        chain_put_text(w->state, "v1", "version");
    }
    if (h->results_marker >= 0) {
        chain_encode_signed_varint(h->results_marker, &g->value);
        chain_put(w->state, &g->value, "lastABCIResponsesRetainHeight");
    }
}

void world_open(const history *h, world *out)
{
    *out = (world){.h = h};
    CHAIN_EQUAL(cmt_db_open_memory(&out->blocks, NULL), CMT_OK);
    CHAIN_EQUAL(cmt_db_open_memory(&out->state, NULL), CMT_OK);
    growth g = {.w = out};
    grow(&g);
    for (int64_t height = history_first_block(h); height <= out->base; height++)
        add_junk(&g, height);
    add_single_keys(&g);
    cmt_buf_free(&g.value);
    cmt_buf_free(&g.set);
}

void world_close(world *w)
{
    cmt_db_close(w->blocks);
    cmt_db_close(w->state);
}

/* ---- random histories -------------------------------------------------------------------- */

static int64_t random_start(rng *r)
{
    static const int64_t boundaries[] = {10, 100, 1000, 10000, 100000, 200000, 1000000};
    if (rng_chance(r, 40))
        return 1;
    int64_t boundary = boundaries[rng_between(r, 0, 6)];
    int64_t start = boundary - rng_between(r, -5, 60);
    return start > 0 ? start : 1;
}

static unsigned random_percent(rng *r)
{
    static const unsigned percents[] = {0, 3, 10, 40, 90};
    return percents[rng_between(r, 0, 4)];
}

static void random_prunes(rng *r, history *h)
{
    int64_t first = history_first_block(h);
    int64_t at = first;
    int64_t retain = first;
    int64_t count = rng_chance(r, 25) ? 0 : rng_between(r, 1, HISTORY_PRUNES);
    for (int64_t i = 0; i < count && at < h->tip; i++) {
        history_prune *p = &h->prunes[h->prune_count++];
        at = rng_between(r, at + 1, h->tip);
        retain = rng_between(r, retain < at ? retain + 1 : at, at);
        p->at = at;
        p->retain = retain;
        p->flavour = (history_flavour)rng_between(r, 0, FLAVOURS - 1);
        p->ending = rng_chance(r, 60) ? ENDED_WELL : (history_ending)rng_between(r, 0, ENDINGS - 1);
        p->cut = rng_between(r, 0, rng_chance(r, 50) ? 3 : 40);
    }
}

void history_make(rng *r, history *out)
{
    history h = {.seed = rng_next(r)};
    h.initial_height = random_start(r);
    if (rng_chance(r, 25))
        h.state_sync = h.initial_height + rng_between(r, 0, 20);
    h.tip = history_first_block(&h) + rng_between(r, 0, rng_chance(r, 80) ? 60 : 150);
    h.state_behind = h.tip > history_first_block(&h) && rng_chance(r, 20);
    h.version = rng_chance(r, 50);
    h.layout_v2 = h.version && rng_chance(r, 60);
    h.params_as_0_34 = rng_chance(r, 30);
    h.discard_results = rng_chance(r, 15);
    h.extensions_percent = rng_chance(r, 50) ? 0 : random_percent(r);
    h.validators_percent = random_percent(r);
    h.params_percent = random_percent(r);
    if (rng_chance(r, 15))
        h.wrong_validators = rng_between(r, history_first_block(&h) + 2, h.tip + 2);
    if (rng_chance(r, 15))
        h.wrong_params = rng_between(r, history_first_block(&h) + 1, h.tip + 1);
    h.evidence_blocks = rng_between(r, 0, rng_chance(r, 50) ? 10 : 100);
    h.block_seconds = rng_between(r, 2, 8);
    h.evidence_seconds = h.block_seconds * rng_between(r, 0, rng_chance(r, 50) ? 10 : 100);
    h.results_marker = rng_chance(r, 20) ? rng_between(r, 0, h.tip) : -1;
    h.legacy_base = rng_chance(r, 10);
    h.junk_percent = rng_chance(r, 70) ? 0 : random_percent(r);
    random_prunes(r, &h);
    h.sweep = rng_chance(r, 60);
    h.reclaim = rng_chance(r, 40);
    h.retain = rng_between(r, history_first_block(&h), h.tip);
    *out = h;
}

bool history_is_sound(const history *h)
{
    int64_t first = history_first_block(h);
    bool sound = (h->version || !h->layout_v2) && h->initial_height >= 1 && h->tip >= first &&
                 h->retain >= first && (h->state_sync == 0 || h->state_sync >= h->initial_height) &&
                 (!h->state_behind || h->tip > first);
    for (size_t i = 0; i < h->prune_count; i++)
        sound = sound && h->prunes[i].at <= h->tip && h->prunes[i].retain <= h->prunes[i].at;
    return sound;
}

void history_print(const history *h)
{
    static const char *const endings[] = {"well", "before the state", "in the state",
                                          "with deletes lost", "with base deleted"};
    printf("  initial_height=%" PRId64 " state_sync=%" PRId64 " tip=%" PRId64
           " state_behind=%d version=%d layout_v2=%d params_as_0_34=%d discard_results=%d\n",
           h->initial_height, h->state_sync, h->tip, h->state_behind, h->version, h->layout_v2,
           h->params_as_0_34, h->discard_results);
    printf("  extensions=%u%% validators=%u%% params=%u%% wrong_validators=%" PRId64
           " wrong_params=%" PRId64 " junk=%u%% results_marker=%" PRId64 " legacy_base=%d\n",
           h->extensions_percent, h->validators_percent, h->params_percent, h->wrong_validators,
           h->wrong_params, h->junk_percent, h->results_marker, h->legacy_base);
    printf("  evidence: %" PRId64 " blocks, %" PRId64 " s; a block every %" PRId64
           " s; details by seed %" PRIu64 "\n",
           h->evidence_blocks, h->evidence_seconds, h->block_seconds, h->seed);
    for (size_t i = 0; i < h->prune_count; i++)
        printf("  at %" PRId64 " pruned to %" PRId64 " (flavour %d), ended %s (cut %" PRId64 ")\n",
               h->prunes[i].at, h->prunes[i].retain, (int)h->prunes[i].flavour,
               endings[h->prunes[i].ending], h->prunes[i].cut);
    printf("  prune to %" PRId64 "%s%s\n", h->retain, h->sweep ? ", sweep" : "",
           h->reclaim ? ", reclaim" : "");
}
