/* SPDX-License-Identifier: Apache-2.0
 *
 * The prune rules of both stores against the model, over random histories.
 *
 * Each rule is applied in every way that there is: pair by pair, by its key ranges, and height by
 * height on an open database, there by points and by ranges.  All must leave exactly the pairs that
 * the model leaves; on an open database also when it was stopped after any batches and called again.
 * What is kept must load as before, and a second run must find nothing to do.  A failing history is
 * made smaller before it is printed.
 *
 * usage: test_prune_model [HISTORIES [SEED]]
 * Environment: CMT_HISTORIES, CMT_SEED; CMT_TEST_FULL=1 for 100,000 histories.
 */
#include "cleanup.h"
#include "cmtstore/state.h"
#include "cmtstore/store.h"
#include "model.h"
#include "node_history.h"
#include "ordered_keys.h"
#include "recording_db.h"
#include "suite.h"

#include <check.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_HISTORIES 20000
#define FULL_HISTORIES 100000

static long history_count = DEFAULT_HISTORIES;
static uint64_t first_seed = 20240601;

/* ---- both rules -------------------------------------------------------------------------- */

typedef struct rules {
    cmt_block_prune blocks;
    cmt_state_prune states;
    cmt_status status;
    int64_t from;
    cmt_error err;
} rules;

static void rules_free(rules *r)
{
    cmt_block_prune_free(&r->blocks);
    cmt_state_prune_free(&r->states);
}

static cmt_status make_rules(const world *w, int64_t retain, bool sweep, rules *r)
{
    cmt_block_store *blocks;
    cmt_state_store *states;
    CHAIN_EQUAL(cmt_block_store_open(w->blocks, &blocks, &r->err), CMT_OK);
    CHAIN_EQUAL(cmt_state_store_open(w->state, &states, &r->err), CMT_OK);
    CHAIN_EQUAL(cmt_block_store_height(blocks), w->height);
    int64_t base = cmt_block_store_base(blocks);
    cmt_status st = cmt_state_prune_unfinished_from(states, base, &r->from, &r->err);
    if (st == CMT_OK) {
        cmt_block_prune_request request = {
            .retain_height = retain,
            .initial_height = w->h->initial_height,
            .window = history_window(w->h, w->state_height),
            .sweep = sweep,
            .reclaim = w->h->reclaim,
            .unfinished = r->from < base,
        };
        st = cmt_block_prune_make(blocks, &request, &r->blocks, &r->err);
    }
    if (st == CMT_OK) {
        cmt_state_prune_request request = {
            .base = base,
            .retain_height = retain,
            .evidence_height = r->blocks.evidence_height,
            .from = r->from,
            .reclaim = w->h->reclaim,
            .last_height = w->height + 2,
            .sweep = sweep,
        };
        st = cmt_state_prune_make(states, &request, &r->states, &r->err);
    }
    cmt_block_store_close(blocks);
    cmt_state_store_close(states);
    return r->status = st;
}

/* ---- applying them ----------------------------------------------------------------------- */

typedef struct sides {
    cmt_db *blocks;
    cmt_db *state;
} sides;

static void sides_close(sides *s)
{
    cmt_db_close(s->blocks);
    cmt_db_close(s->state);
}

static sides sides_new(void)
{
    sides s = {NULL, NULL};
    CHAIN_EQUAL(cmt_db_open_memory(&s.blocks, NULL), CMT_OK);
    CHAIN_EQUAL(cmt_db_open_memory(&s.state, NULL), CMT_OK);
    return s;
}

/* Walks over all pairs; `next` is false at the end. */
static bool step(cmt_db_iter *iter, bool first)
{
    cmt_status st = first ? cmt_db_iter_first(iter, NULL) : cmt_db_iter_next(iter, NULL);
    CHAIN_REQUIRE(st == CMT_OK || st == CMT_NOT_FOUND);
    return st == CMT_OK;
}

static cmt_db_iter *walk(cmt_db *db)
{
    cmt_db_iter *iter;
    CHAIN_EQUAL(cmt_db_iter_new(db, NULL, &iter, NULL), CMT_OK);
    return iter;
}

static void put(cmt_db *db, cmt_slice key, cmt_slice value)
{
    CHAIN_EQUAL(cmt_db_memory_put(db, key, value), CMT_OK);
}

static void copy_all(cmt_db *from, cmt_db *to)
{
    cmt_db_iter *iter = walk(from);
    for (bool more = step(iter, true); more; more = step(iter, false))
        put(to, cmt_db_iter_key(iter), cmt_db_iter_value(iter));
    cmt_db_iter_free(iter);
}

static void write_puts(const rules *r, const sides *to)
{
    if (r->blocks.new_state.size > 0)
        put(to->blocks, CMT_SLICE("blockStore"), cmt_buf_slice(&r->blocks.new_state));
    for (size_t i = 0; i < r->states.put_count; i++)
        put(to->state, cmt_key_slice(&r->states.puts[i].key),
            cmt_buf_slice(&r->states.puts[i].value));
}

/* Pair by pair. */
static void apply_by_pair(const world *w, const rules *r, const sides *to)
{
    cmt_db_iter *iter = walk(w->blocks);
    for (bool more = step(iter, true); more; more = step(iter, false)) {
        bool dead;
        CHAIN_EQUAL(cmt_block_prune_is_dead(&r->blocks, cmt_db_iter_key(iter),
                                            cmt_db_iter_value(iter), &dead, NULL),
                    CMT_OK);
        if (!dead)
            put(to->blocks, cmt_db_iter_key(iter), cmt_db_iter_value(iter));
    }
    cmt_db_iter_free(iter);
    iter = walk(w->state);
    for (bool more = step(iter, true); more; more = step(iter, false))
        if (!cmt_state_prune_is_dead(&r->states, cmt_db_iter_key(iter)))
            put(to->state, cmt_db_iter_key(iter), cmt_db_iter_value(iter));
    cmt_db_iter_free(iter);
    write_puts(r, to);
}

/* True if the key lies in one of the ranges; `at` walks along them as keys rise. */
static bool in_ranges(const cmt_range_list *list, cmt_slice key, size_t *at)
{
    while (*at < list->count && cmt_slice_compare(list->ranges[*at].hi, key) <= 0)
        ++*at;
    return *at < list->count && cmt_slice_compare(list->ranges[*at].lo, key) <= 0;
}

static bool is_listed(const cmt_block_prune *p, cmt_slice key)
{
    size_t lo = 0;
    size_t hi = p->hash_count;
    while (lo < hi) {
        size_t middle = lo + (hi - lo) / 2;
        int order = cmt_slice_compare(cmt_block_prune_hash(p, middle), key);
        if (order == 0)
            return true;
        if (order < 0)
            lo = middle + 1;
        else
            hi = middle;
    }
    return false;
}

static bool hash_is_dead(const cmt_block_prune *p, cmt_slice key, cmt_slice value)
{
    if (!p->hash_by_value)
        return is_listed(p, key);
    bool dead;
    CHAIN_EQUAL(cmt_block_prune_is_dead(p, key, value, &dead, NULL), CMT_OK);
    return dead;
}

/* By key ranges; the hash index by its list or by value.  False if a key in a range is refused. */
static bool apply_by_ranges(const world *w, const rules *r, const sides *to, cmt_error *err)
{
    cmt_range hashes = cmt_block_hash_range(r->blocks.layout);
    size_t at = 0;
    bool ok = true;
    cmt_db_iter *iter = walk(w->blocks);
    for (bool more = step(iter, true); more && ok; more = step(iter, false)) {
        cmt_slice key = cmt_db_iter_key(iter);
        bool dead = in_ranges(&r->blocks.ranges, key, &at);
        if (dead)
            ok = cmt_block_prune_check(&r->blocks, key, err) == CMT_OK;
        else if (cmt_slice_has_prefix(key, hashes.lo))
            dead = hash_is_dead(&r->blocks, key, cmt_db_iter_value(iter));
        if (!dead)
            put(to->blocks, key, cmt_db_iter_value(iter));
    }
    cmt_db_iter_free(iter);
    at = 0;
    iter = walk(w->state);
    for (bool more = step(iter, true); more && ok; more = step(iter, false)) {
        bool dead = in_ranges(&r->states.ranges, cmt_db_iter_key(iter), &at);
        if (dead)
            ok = cmt_state_prune_check(&r->states, cmt_db_iter_key(iter), err) == CMT_OK;
        else
            put(to->state, cmt_db_iter_key(iter), cmt_db_iter_value(iter));
    }
    cmt_db_iter_free(iter);
    write_puts(r, to);
    return ok;
}

/* ---- comparing --------------------------------------------------------------------------- */

/* What is wrong with a history; empty: nothing. */
typedef struct verdict {
    char text[700];
} verdict;

static void differ(verdict *v, const char *what, const cmt_db_iter *key_of)
{
    char key[160];
    snprintf(v->text, sizeof v->text, "%s: %s", what,
             cmt_key_describe(cmt_db_iter_key(key_of), key, sizeof key));
}

static bool compare(cmt_db *expected, cmt_db *got, const char *what, verdict *v)
{
    char text[200];
    cmt_db_iter *a = walk(expected);
    cmt_db_iter *b = walk(got);
    bool more_a = step(a, true);
    bool more_b = step(b, true);
    bool same = true;
    while (same && (more_a || more_b)) {
        int order = !more_a   ? 1
                    : !more_b ? -1
                              : cmt_slice_compare(cmt_db_iter_key(a), cmt_db_iter_key(b));
        same = order == 0 && cmt_slice_equal(cmt_db_iter_value(a), cmt_db_iter_value(b));
        if (same) {
            more_a = step(a, false);
            more_b = step(b, false);
            continue;
        }
        snprintf(text, sizeof text, "%s: %s", what,
                 order == 0  ? "another value"
                 : order < 0 ? "a key was removed that should stay"
                             : "a key stayed that should be removed");
        differ(v, text, order > 0 ? b : a);
    }
    cmt_db_iter_free(a);
    cmt_db_iter_free(b);
    return same;
}

typedef cmt_status (*load_function)(cmt_state_store *, int64_t, cmt_buf *, cmt_error *);

/* What loaded before must load as before. */
static bool compare_loads(cmt_state_store *before, cmt_state_store *after, load_function load,
                          cmt_heights heights, const char *what, verdict *v)
{
    CMT_AUTO(cmt_buf_free) cmt_buf old = CMT_BUF_INIT;
    CMT_AUTO(cmt_buf_free) cmt_buf new = CMT_BUF_INIT;
    for (int64_t h = heights.lo; h < heights.hi; h++) {
        cmt_error err = CMT_ERROR_INIT;
        if (load(before, h, &old, NULL) != CMT_OK)
            continue;
        cmt_status st = load(after, h, &new, &err);
        if (st == CMT_OK && cmt_slice_equal(cmt_buf_slice(&old), cmt_buf_slice(&new)))
            continue;
        snprintf(v->text, sizeof v->text,
                 "%s of height %" PRId64 " no longer load as before: %s %s", what, h,
                 cmt_status_text(st), err.message);
        return false;
    }
    return true;
}

static bool check_kept_heights(const world *w, const sides *pruned, const rules *r, verdict *v)
{
    int64_t retain = r->states.retain_height;
    int64_t kept_from = r->states.evidence_height < retain ? r->states.evidence_height : retain;
    cmt_state_store *before;
    cmt_state_store *after;
    CHAIN_EQUAL(cmt_state_store_open(w->state, &before, NULL), CMT_OK);
    CHAIN_EQUAL(cmt_state_store_open(pruned->state, &after, NULL), CMT_OK);
    bool ok = compare_loads(before, after, cmt_state_store_load_validators,
                            (cmt_heights){kept_from, w->height + 3}, "validators", v) &&
              compare_loads(before, after, cmt_state_store_load_params,
                            (cmt_heights){retain, w->height + 2}, "params", v) &&
              compare_loads(before, after, cmt_state_store_load_results,
                            (cmt_heights){retain, w->height + 1}, "results", v);
    cmt_state_store_close(before);
    cmt_state_store_close(after);

    cmt_block_store *blocks;
    cmt_block_meta meta;
    CHAIN_EQUAL(cmt_block_store_open(pruned->blocks, &blocks, NULL), CMT_OK);
    if (ok && (cmt_block_store_base(blocks) != retain ||
               cmt_block_store_load_meta(blocks, retain, &meta, NULL) != CMT_OK)) {
        snprintf(v->text, sizeof v->text,
                 "base %" PRId64 " has no meta or is not the retain height",
                 cmt_block_store_base(blocks));
        ok = false;
    }
    cmt_block_store_close(blocks);
    return ok;
}

/* The same prune again: nothing is left to do. */
static bool check_second_run(const world *w, const sides *pruned, const rules *r, bool sweep,
                             verdict *v)
{
    world again = *w;
    again.blocks = pruned->blocks;
    again.state = pruned->state;
    CMT_AUTO(rules_free) rules second = {.status = CMT_OK};
    CMT_AUTO(sides_close) sides twice = sides_new();
    if (make_rules(&again, r->states.retain_height, sweep, &second) != CMT_OK) {
        snprintf(v->text, sizeof v->text, "second run: %s", second.err.message);
        return false;
    }
    apply_by_pair(&again, &second, &twice);
    return compare(pruned->blocks, twice.blocks, "second run, block store", v) &&
           compare(pruned->state, twice.state, "second run, state store", v);
}

/* ---- on an open database ------------------------------------------------------------------- */

/* Asks to stop at the last of so many reports. */
typedef struct stopper {
    int64_t reports_left;
} stopper;

static bool count_down(void *context, const cmt_progress *progress)
{
    stopper *s = context;
    CHAIN_REQUIRE(progress->done <= progress->total);
    return --s->reports_left == 0;
}

/* One call of each; CMT_CANCELLED when the hook stopped one. */
static cmt_status prune_open(const world *w, const sides *on, int64_t retain,
                             const cmt_erase_options *options, cmt_error *err)
{
    const unsigned all = CMT_DB_WRITABLE | CMT_DB_RANGE_DELETE | CMT_DB_DROP_FILES;
    recording_db recording[2];
    cmt_block_store *blocks;
    cmt_state_store *states;
    CHAIN_EQUAL(cmt_block_store_open(recording_over(&recording[0], on->blocks, all), &blocks, err),
                CMT_OK);
    CHAIN_EQUAL(cmt_state_store_open(recording_over(&recording[1], on->state, all), &states, err),
                CMT_OK);
    int64_t base = cmt_block_store_base(blocks);
    cmt_block_prune_request request = {
        .retain_height = retain,
        .initial_height = w->h->initial_height,
        .window = history_window(w->h, w->state_height),
        .sweep = w->h->sweep,
        .reclaim = w->h->reclaim,
    };
    cmt_state_prune_request to = {.base = base,
                                  .retain_height = retain,
                                  .reclaim = w->h->reclaim,
                                  .last_height = w->height + 2,
                                  .sweep = w->h->sweep};
    CMT_AUTO(cmt_block_prune_result_free) cmt_block_prune_result block_result = {0};
    CMT_AUTO(cmt_state_prune_result_free) cmt_state_prune_result state_result = {0};
    cmt_status st = cmt_state_prune_unfinished_from(states, base, &to.from, err);
    request.unfinished = to.from < base;
    if (st == CMT_OK)
        st = cmt_block_store_prune(blocks, &request, options, &block_result, err);
    CHAIN_REQUIRE(st != CMT_OK || cmt_block_store_base(blocks) == retain);
    to.evidence_height = block_result.evidence_height;
    if (st == CMT_OK)
        st = cmt_state_store_prune(states, &to, options, &state_result, err);
    cmt_block_store_close(blocks);
    cmt_state_store_close(states);
    return st;
}

/* Base names a block that is there, unless it did not before. */
static bool base_is_there(cmt_db *blocks, int64_t base_before, verdict *v)
{
    cmt_block_store *store;
    cmt_block_meta meta;
    CHAIN_EQUAL(cmt_block_store_open(blocks, &store, NULL), CMT_OK);
    int64_t base = cmt_block_store_base(store);
    bool there =
        base == base_before || cmt_block_store_load_meta(store, base, &meta, NULL) == CMT_OK;
    cmt_block_store_close(store);
    if (!there)
        snprintf(v->text, sizeof v->text, "stopped: base %" PRId64 " has no meta", base);
    return there;
}

/* A record of the state store below base: CometBFT never comes back to it.  Finishing what was stopped
 * starts at what stands right below base, and may take one with it or write it in full. */
static bool is_old_record(const world *w, cmt_slice key)
{
    static const cmt_key_family *const families[] = {&cmt_family_validators, &cmt_family_params,
                                                     &cmt_family_results};
    cmt_key_layout layout = w->h->layout_v2 ? CMT_KEY_LAYOUT_V2 : CMT_KEY_LAYOUT_V1;
    int64_t height;
    for (size_t i = 0; i < 3; i++)
        if (cmt_key_parse(cmt_key_family_in(families[i], layout), key, &height, NULL))
            return height < w->base;
    return false;
}

/* Let `got` have such records as `expected` has them. */
static void use_old_records(const world *w, cmt_db *expected, cmt_db *got)
{
    cmt_db_iter *iter = walk(expected);
    for (bool more = step(iter, true); more; more = step(iter, false))
        if (is_old_record(w, cmt_db_iter_key(iter)))
            put(got, cmt_db_iter_key(iter), cmt_db_iter_value(iter));
    cmt_db_iter_free(iter);
}

/* Prune a copy, stopping after every `stop_every` batches (0: never), until it is done. */
static bool check_open(const world *w, const sides *expected, int64_t retain,
                       const cmt_erase_options *how, int64_t stop_every, verdict *v)
{
    CMT_AUTO(sides_close) sides on = sides_new();
    copy_all(w->blocks, on.blocks);
    copy_all(w->state, on.state);
    stopper stop = {0};
    const cmt_progress_hook hook = {count_down, &stop};
    cmt_erase_options options = *how;
    options.progress = &hook;
    cmt_error err = CMT_ERROR_INIT;
    cmt_status st = CMT_CANCELLED;
    for (int calls = 0; st == CMT_CANCELLED && calls < 10000; calls++) {
        stop.reports_left = stop_every;
        st = prune_open(w, &on, retain, &options, &err);
        if (!base_is_there(on.blocks, w->base, v))
            return false;
    }
    char what[2][120];
    for (int i = 0; i < 2; i++)
        snprintf(what[i], sizeof what[i], "open, by %s, batches of %d, stopped every %d, %s store",
                 how->points ? "points" : "ranges", (int)how->batch_operations, (int)stop_every,
                 i == 0 ? "block" : "state");
    if (st != CMT_OK) {
        snprintf(v->text, sizeof v->text, "%s: %s: %s", what[0], cmt_status_text(st), err.message);
        return false;
    }
    if (stop_every > 0 && !w->h->sweep)
        use_old_records(w, expected->state, on.state);
    return compare(expected->blocks, on.blocks, what[0], v) &&
           compare(expected->state, on.state, what[1], v);
}

/* Before the sweep, a stop between the stores can go unnoticed without results; and if the block at base
 * is gone, an older header than was seen before can decide the evidence height of the second call. */
static bool is_told_when_stopped(const world *w)
{
    cmt_block_store *store;
    cmt_block_meta meta;
    CHAIN_EQUAL(cmt_block_store_open(w->blocks, &store, NULL), CMT_OK);
    bool complete = cmt_block_store_load_meta(store, w->base, &meta, NULL) == CMT_OK;
    cmt_block_store_close(store);
    return w->h->sweep || (!w->h->discard_results && complete);
}

static bool check_all_open(const world *w, const sides *expected, int64_t retain, verdict *v)
{
    const cmt_erase_options at_once = {.points = true};
    const cmt_erase_options by_ranges = {.batch_operations = 1 + (size_t)(w->h->seed % 20),
                                         .step_heights = 1 + (int64_t)(w->h->seed / 32 % 30),
                                         .range_heights = 1};
    const cmt_erase_options small = {.points = true,
                                     .batch_operations = 1 + (size_t)(w->h->seed % 40)};
    return check_open(w, expected, retain, &at_once, 0, v) &&
           check_open(w, expected, retain, &by_ranges, 0, v) &&
           (!is_told_when_stopped(w) ||
            (check_open(w, expected, retain, &by_ranges, 1, v) &&
             check_open(w, expected, retain, &small, 1 + (int64_t)(w->h->seed / 64 % 3), v)));
}

/* ---- one history ------------------------------------------------------------------------- */

static int64_t clamp(int64_t value, int64_t lo, int64_t hi)
{
    return value < lo ? lo : value > hi ? hi : value;
}

static bool check_result(const world *w, const sides *expected, const rules *r, bool sweep,
                         verdict *v)
{
    CMT_AUTO(sides_close) sides by_pair = sides_new();
    CMT_AUTO(sides_close) sides by_ranges = sides_new();
    cmt_error err = CMT_ERROR_INIT;
    apply_by_pair(w, r, &by_pair);
    if (!compare(expected->blocks, by_pair.blocks, "by pair, block store", v) ||
        !compare(expected->state, by_pair.state, "by pair, state store", v))
        return false;
    if (!apply_by_ranges(w, r, &by_ranges, &err)) {
        snprintf(v->text, sizeof v->text, "by ranges: %s", err.message);
        return false;
    }
    return compare(expected->blocks, by_ranges.blocks, "by ranges, block store", v) &&
           compare(expected->state, by_ranges.state, "by ranges, state store", v) &&
           check_kept_heights(w, &by_pair, r, v) && check_second_run(w, &by_pair, r, sweep, v) &&
           check_all_open(w, expected, r->states.retain_height, v);
}

typedef struct tally {
    long refused;
    long layout_v2;
    long swept;
    long finished;
    long listed;
    long filled;
    long kept_evidence;
} tally;

static bool run_history(const history *h, verdict *v, tally *t)
{
    v->text[0] = '\0';
    world w;
    world_open(h, &w);
    int64_t retain = clamp(h->retain, w.base, w.state_height);

    CMT_AUTO(sides_close) sides expected = sides_new();
    copy_all(w.blocks, expected.blocks);
    copy_all(w.state, expected.state);
    world copy = w;
    copy.blocks = expected.blocks;
    copy.state = expected.state;
    model_result wanted = model_prune(&copy, retain, h->sweep);
    if (h->layout_v2) { /* the model works with keys of layout v1 */
        cmt_db **all[] = {&w.blocks, &w.state, &expected.blocks, &expected.state};
        for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
            ordered_replace(all[i]);
    }

    CMT_AUTO(rules_free) rules r = {.status = CMT_OK};
    cmt_status st = make_rules(&w, retain, h->sweep, &r);
    bool ok = true;
    if (wanted.refused) {
        ok = st == CMT_CORRUPT;
        if (!ok)
            snprintf(v->text, sizeof v->text, "to be refused, but: %s", cmt_status_text(st));
    } else if (st != CMT_OK) {
        snprintf(v->text, sizeof v->text, "%s: %s", cmt_status_text(st), r.err.message);
        ok = false;
    } else if (r.from != wanted.from || r.blocks.evidence_height != wanted.evidence_height) {
        snprintf(v->text, sizeof v->text,
                 "from %" PRId64 " evidence height %" PRId64 ", to be %" PRId64 " and %" PRId64,
                 r.from, r.blocks.evidence_height, wanted.from, wanted.evidence_height);
        ok = false;
    } else {
        ok = check_result(&w, &expected, &r, h->sweep, v);
    }
    t->refused += wanted.refused;
    t->layout_v2 += h->layout_v2;
    t->swept += r.blocks.leftovers || r.states.leftovers;
    t->finished += r.from < w.base && !wanted.refused;
    t->listed += r.blocks.hash_count > 0;
    t->filled += r.states.put_count > (h->results_marker >= 0 ? 1 : 0);
    t->kept_evidence += r.blocks.evidence_height < retain;
    world_close(&w);
    return ok;
}

/* ---- making a failing history smaller ---------------------------------------------------- */

/* Change number `what` of a history; false when there are no more. */
static bool simplify(history *h, int what)
{
    switch (what) {
    case 0:
        h->prune_count = h->prune_count > 0 ? h->prune_count - 1 : 0;
        return true;
    case 1:
        memmove(&h->prunes[0], &h->prunes[1], (HISTORY_PRUNES - 1) * sizeof h->prunes[0]);
        h->prune_count = h->prune_count > 0 ? h->prune_count - 1 : 0;
        return true;
    case 2:
        h->tip -= (h->tip - history_first_block(h)) / 2;
        return true;
    case 3:
        h->tip--;
        return true;
    case 4:
        h->initial_height++;
        return true;
    case 5:
        h->state_sync = 0;
        return true;
    case 6:
        h->junk_percent = 0;
        return true;
    case 7:
        h->wrong_validators = h->wrong_params = 0;
        return true;
    case 8:
        h->validators_percent = 0;
        return true;
    case 9:
        h->params_percent = 0;
        return true;
    case 10:
        h->extensions_percent = 0;
        return true;
    case 11:
        h->version = h->layout_v2 = h->legacy_base = h->params_as_0_34 = h->state_behind = false;
        return true;
    case 12:
        h->results_marker = -1;
        return true;
    case 13:
        h->sweep = false;
        return true;
    case 14:
        h->reclaim = false;
        return true;
    case 15:
        h->retain--;
        return true;
    case 16:
        h->layout_v2 = false;
        return true;
    default:
        return false;
    }
}

static void shrink(history *h)
{
    tally ignored = {0};
    verdict v;
    for (bool smaller = true; smaller;) {
        smaller = false;
        history next = *h;
        for (int what = 0; simplify(&next, what); what++, next = *h) {
            // NOLINTNEXTLINE(*-memory-comparison,cert-exp42-c,cert-flp37-c): copies of one object
            if (memcmp(&next, h, sizeof next) == 0 || !history_is_sound(&next) ||
                run_history(&next, &v, &ignored))
                continue;
            *h = next;
            smaller = true;
        }
    }
}

static void report(history *h, long number, uint64_t seed, const verdict *v)
{
    printf("history %ld, seed %" PRIu64 ": %s\n", number, seed, v->text);
    history_print(h);
    verdict again;
    tally ignored = {0};
    shrink(h);
    run_history(h, &again, &ignored);
    printf("made smaller: %s\n", again.text);
    history_print(h);
    fflush(stdout);
}

START_TEST(rules_leave_what_the_model_leaves)
{
    tally t = {0};
    printf("%ld histories from seed %" PRIu64 "\n", history_count, first_seed);
    fflush(stdout);
    for (long i = 0; i < history_count; i++) {
        rng r = {first_seed + (uint64_t)i};
        history h;
        verdict v;
        history_make(&r, &h);
        if (run_history(&h, &v, &t))
            continue;
        report(&h, i, first_seed + (uint64_t)i, &v);
        ck_abort_msg("seed %" PRIu64 ": %s", first_seed + (uint64_t)i, v.text);
    }
    printf("layout v2 %ld, refused %ld, swept %ld, finished %ld, hashes listed %ld, with records "
           "written %ld, "
           "inside the evidence window %ld\n",
           t.layout_v2, t.refused, t.swept, t.finished, t.listed, t.filled, t.kept_evidence);
    if (history_count >= 1000) { /* that the histories are worth something */
        long least = history_count / 100;
        ck_assert(t.layout_v2 > least && t.swept > least && t.finished > least &&
                  t.listed > least && t.filled > least && t.kept_evidence > least &&
                  t.refused < history_count / 5);
    }
}
END_TEST

static long number_from(const char *text, long otherwise)
{
    return text != NULL && *text != '\0' ? strtol(text, NULL, 10) : otherwise;
}

int main(int argc, char **argv)
{
    const char *full = getenv("CMT_TEST_FULL");
    if (full != NULL && strcmp(full, "1") == 0)
        history_count = FULL_HISTORIES;
    history_count = number_from(getenv("CMT_HISTORIES"), history_count);
    history_count = number_from(argc > 1 ? argv[1] : NULL, history_count);
    first_seed = (uint64_t)number_from(getenv("CMT_SEED"), (long)first_seed);
    first_seed = (uint64_t)number_from(argc > 2 ? argv[2] : NULL, (long)first_seed);

    Suite *suite = suite_create("prune");
    TCase *tc = tcase_create("prune");
    tcase_set_timeout(tc, 3600);
    tcase_add_test(tc, rules_leave_what_the_model_leaves);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
