/* SPDX-License-Identifier: Apache-2.0
 *
 * What is still to be compacted, told from cookies: over random histories, in databases of CometBFT, and case by
 * case.
 */
#include "cmtstore/pruner.h"

#include "chain.h"
#include "cleanup.h"
#include "files.h"
#include "instrumented.h"
#include "must.h"
#include "node_history.h"
#include "ordered_keys.h"
#include "suite.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NO_COOKIE ((cmt_slice){NULL, 0})

/* ---- databases and what is in them ----------------------------------------------------------- */

static bool step(cmt_db_iter *iter, bool first)
{
    cmt_status st = first ? cmt_db_iter_first(iter, NULL) : cmt_db_iter_next(iter, NULL);
    CHAIN_REQUIRE(st == CMT_OK || st == CMT_NOT_FOUND);
    return st == CMT_OK;
}

static void copy_all(cmt_db *from, cmt_db *to)
{
    cmt_db_iter *iter;
    CHAIN_EQUAL(cmt_db_iter_new(from, NULL, &iter, NULL), CMT_OK);
    for (bool more = step(iter, true); more; more = step(iter, false))
        CHAIN_EQUAL(cmt_db_memory_put(to, cmt_db_iter_key(iter), cmt_db_iter_value(iter)), CMT_OK);
    cmt_db_iter_free(iter);
}

static cmt_db *copy_of(cmt_db *from)
{
    cmt_db *to;
    CHAIN_EQUAL(cmt_db_open_memory(&to, NULL), CMT_OK);
    copy_all(from, to);
    return to;
}

static cmt_prune_stores open_stores(cmt_db *blocks, cmt_db *states)
{
    cmt_prune_stores s = {.blocks_db = blocks, .states_db = states};
    MUST(cmt_block_store_open(blocks, &s.blocks, &error));
    MUST(cmt_state_store_open(states, &s.states, &error));
    return s;
}

static void close_stores(cmt_prune_stores *s)
{
    cmt_block_store_close(s->blocks);
    cmt_state_store_close(s->states);
    cmt_db_close(s->blocks_db);
    cmt_db_close(s->states_db);
}

static bool is_in(const cmt_range_list *ranges, cmt_slice key)
{
    for (size_t i = 0; i < ranges->count; i++)
        if (cmt_slice_compare(ranges->ranges[i].lo, key) <= 0 &&
            cmt_slice_compare(key, ranges->ranges[i].hi) < 0)
            return true;
    return false;
}

/* ---- what must hold -------------------------------------------------------------------------- */

/* Which height a key with one has; -1: it has none. */
static int64_t height_of(cmt_slice key, cmt_key_layout layout)
{
    static const cmt_key_family *const families[] = {
        &cmt_family_meta,       &cmt_family_part,       &cmt_family_commit, &cmt_family_seen_commit,
        &cmt_family_ext_commit, &cmt_family_validators, &cmt_family_params, &cmt_family_results,
    };
    int64_t height;
    for (size_t i = 0; i < sizeof families / sizeof families[0]; i++)
        if (cmt_key_parse(cmt_key_family_in(families[i], layout), key, &height, NULL))
            return height;
    return -1;
}

static char wrong[256];

static bool report(const char *what, cmt_slice key)
{
    char text[128];
    snprintf(wrong, sizeof wrong, "%s: %s", what, cmt_key_describe(key, text, sizeof text));
    return false;
}

/* Every key of `before` that is not in `now` is in the ranges; but for one of the block at base, if that has no header. */
static bool covers(cmt_db *before, cmt_db *now, int64_t base, cmt_key_layout layout,
                   const cmt_range_list *ranges)
{
    CMT_AUTO(cmt_buf_free) cmt_buf value = CMT_BUF_INIT;
    cmt_db_iter *iter;
    bool all = true;
    CHAIN_EQUAL(cmt_db_iter_new(before, NULL, &iter, NULL), CMT_OK);
    for (bool more = step(iter, true); more && all; more = step(iter, false)) {
        cmt_slice key = cmt_db_iter_key(iter);
        if (cmt_db_get(now, key, &value, NULL) == CMT_NOT_FOUND && !is_in(ranges, key) &&
            height_of(key, layout) < base)
            all = report("deleted, and in no range", key);
    }
    cmt_db_iter_free(iter);
    return all;
}

/* No key at or above base is in the ranges, unless some were joined. */
static bool spares(cmt_db *db, int64_t base, cmt_key_layout layout, const cmt_range_list *ranges)
{
    cmt_db_iter *iter;
    bool all = true;
    if (ranges->count == CMT_PRUNE_DIRTY_MAX)
        return true;
    CHAIN_EQUAL(cmt_db_iter_new(db, NULL, &iter, NULL), CMT_OK);
    for (bool more = step(iter, true); more && all; more = step(iter, false)) {
        cmt_slice key = cmt_db_iter_key(iter);
        if (height_of(key, layout) >= base && is_in(ranges, key))
            all = report("kept, and in a range", key);
    }
    cmt_db_iter_free(iter);
    return all;
}

/* Pairs and marks at one moment. */
typedef struct moment {
    cmt_db *blocks;
    cmt_db *states;
    cmt_prune_cookie of_blocks;
    cmt_prune_cookie of_states;
} moment;

static moment take(const cmt_prune_stores *s, const cmt_prune_marks *marks)
{
    moment m = {.blocks = copy_of(s->blocks_db), .states = copy_of(s->states_db)};
    cmt_prune_cookies(marks, &m.of_blocks, &m.of_states);
    return m;
}

static void forget(moment *m)
{
    cmt_db_close(m->blocks);
    cmt_db_close(m->states);
}

/* What the cookies of `m` say now. */
static bool check(const cmt_prune_stores *s, const moment *m, bool with_cookies)
{
    CMT_AUTO(cmt_range_list_free) cmt_range_list blocks = {NULL, 0, 0};
    CMT_AUTO(cmt_range_list_free) cmt_range_list states = {NULL, 0, 0};
    const cmt_slice of_blocks = {m->of_blocks.bytes, with_cookies ? m->of_blocks.size : 0};
    const cmt_slice of_states = {m->of_states.bytes, with_cookies ? m->of_states.size : 0};
    MUST(cmt_prune_dirty(s, of_blocks, of_states, &blocks, &states, &error));
    CHAIN_REQUIRE(blocks.count <= CMT_PRUNE_DIRTY_MAX && states.count <= CMT_PRUNE_DIRTY_MAX);
    int64_t base = cmt_block_store_base(s->blocks);
    const cmt_key_layout of[] = {cmt_block_store_layout(s->blocks),
                                 cmt_state_store_layout(s->states)};
    return covers(m->blocks, s->blocks_db, base, of[0], &blocks) &&
           covers(m->states, s->states_db, base, of[1], &states) &&
           spares(s->blocks_db, base, of[0], &blocks) && spares(s->states_db, base, of[1], &states);
}

/* ---- random histories ------------------------------------------------------------------------ */

typedef struct stopper {
    int64_t left;
} stopper;

static bool count_down(void *context, const cmt_progress *progress)
{
    (void)progress;
    return --((stopper *)context)->left < 0;
}

/* Prune to `retain` as h->tip is the last block, or with `stop` some of the way.  False: refused. */
static bool prune(const cmt_prune_stores *s, const history *h, bool sweep, int64_t retain,
                  bool stop, cmt_prune_marks *marks)
{
    cmt_stores_prune_result result;
    stopper batches = {1};
    const cmt_progress_hook hook = {count_down, &batches};
    const cmt_erase_options options = {
        .points = true, .batch_operations = 8, .progress = stop ? &hook : NULL};
    const cmt_stores_prune_request request = {
        .retain_height = retain,
        .initial_height = h->initial_height,
        .window = history_window(h, h->tip - h->state_behind),
        .sweep = sweep,
    };
    cmt_status st = cmt_stores_prune(s->blocks, s->states, &request, &options, &result, &error);
    if (st == CMT_OK)
        cmt_prune_marks_advance(marks, &request, &result);
    cmt_stores_prune_result_free(&result);
    CHAIN_REQUIRE(st == CMT_OK || st == CMT_CANCELLED || st == CMT_CORRUPT ||
                  st == CMT_OUT_OF_RANGE);
    return st == CMT_OK || st == CMT_CANCELLED;
}

typedef struct tally {
    long pruned;
    long refused;
    long stopped;
} tally;

static bool check_prunes(const cmt_prune_stores *s, const history *h, int64_t state_height, rng *r,
                         tally *t)
{
    cmt_prune_marks marks;
    MUST(cmt_prune_marks_find(s, h->initial_height, &marks, &error));
    moment first = take(s, &marks);
    bool ok = true;
    for (int i = 0; i < 3 && ok; i++) {
        int64_t base = cmt_block_store_base(s->blocks);
        moment before = take(s, &marks);
        bool stop = rng_chance(r, 20);
        if (prune(s, h, rng_chance(r, 60), rng_between(r, base, state_height), stop, &marks)) {
            t->pruned++;
            t->stopped += stop;
        } else
            t->refused++;
        ok = check(s, &before, true) && check(s, &first, true) && check(s, &first, false);
        forget(&before);
    }
    forget(&first);
    return ok;
}

static bool check_history(const history *h, rng *r, tally *t)
{
    world w;
    world_open(h, &w);
    if (h->layout_v2) {
        ordered_replace(&w.blocks);
        ordered_replace(&w.state);
    }
    cmt_prune_stores s = open_stores(w.blocks, w.state);
    bool ok = w.base > w.state_height || check_prunes(&s, h, w.state_height, r, t);
    close_stores(&s);
    return ok;
}

START_TEST(every_key_that_was_deleted_is_in_a_range)
{
    rng r = {20240602};
    tally t = {0};
    long histories = getenv("CMT_TEST_FULL") != NULL ? 20000 : IF_INSTRUMENTED(100, 800);
    for (long i = 0; i < histories; i++) {
        history h;
        history_make(&r, &h);
        if (!check_history(&h, &r, &t)) {
            history_print(&h);
            ck_abort_msg("history %ld: %s", i, wrong);
        }
    }
    ck_assert_int_gt(t.pruned, 4 * t.refused);
    ck_assert_int_gt(t.stopped, 0);
}
END_TEST

/* ---- case by case ---------------------------------------------------------------------------- */

static const history plain = {
    .seed = 1,
    .initial_height = 1,
    .tip = 1200,
    .evidence_blocks = 50,
    .evidence_seconds = 50 * 5,
    .block_seconds = 5,
    .results_marker = -1,
    .validators_percent = 3,
    .params_percent = 3,
    .sweep = true,
};

static cmt_prune_stores plain_stores(void)
{
    world w;
    world_open(&plain, &w);
    return open_stores(w.blocks, w.state);
}

static bool has(const cmt_range_list *ranges, const cmt_key_family *family, int64_t height)
{
    cmt_key key = cmt_key_make(family, height, 0);
    return is_in(ranges, cmt_key_slice(&key));
}

START_TEST(of_a_few_heights_only_they_are_dirty)
{
    cmt_range_list blocks = {NULL, 0, 0};
    cmt_range_list states = {NULL, 0, 0};
    cmt_prune_stores s = plain_stores();
    cmt_prune_marks marks;
    MUST(cmt_prune_marks_find(&s, 1, &marks, &error));
    ck_assert(prune(&s, &plain, true, 990, false, &marks));
    moment m = take(&s, &marks);
    ck_assert(prune(&s, &plain, true, 1000, false, &marks));
    ck_assert(check(&s, &m, true));
    MUST(cmt_prune_dirty(&s, (cmt_slice){m.of_blocks.bytes, m.of_blocks.size},
                         (cmt_slice){m.of_states.bytes, m.of_states.size}, &blocks, &states,
                         &error));
    for (int64_t h = 101; h <= 1200; h++) {
        bool pruned = 990 <= h && h < 1000;
        ck_assert_int_eq(has(&blocks, &cmt_family_part, h), pruned);
        ck_assert_int_eq(has(&blocks, &cmt_family_seen_commit, h), pruned);
        ck_assert_int_eq(has(&states, &cmt_family_results, h), pruned);
        ck_assert_int_eq(has(&blocks, &cmt_family_meta, h), pruned);
        ck_assert_int_eq(has(&blocks, &cmt_family_commit, h), pruned);
    }
    const cmt_range hashes = cmt_block_hash_range(CMT_KEY_LAYOUT_V1);
    ck_assert(is_in(&blocks, hashes.lo));
    ck_assert_uint_le(blocks.count, 6);
    cmt_range_list_free(&blocks);
    cmt_range_list_free(&states);
    forget(&m);
    close_stores(&s);
}
END_TEST

START_TEST(when_all_was_compacted_nothing_is_dirty)
{
    cmt_range_list blocks = {NULL, 0, 0};
    cmt_range_list states = {NULL, 0, 0};
    cmt_prune_stores s = plain_stores();
    cmt_prune_marks marks;
    MUST(cmt_prune_marks_find(&s, 1, &marks, &error));
    MUST(cmt_prune_dirty(&s, NO_COOKIE, NO_COOKIE, &blocks, &states, &error));
    ck_assert_uint_eq(blocks.count + states.count, 0); /* nothing was pruned yet */
    ck_assert(prune(&s, &plain, true, 1100, false, &marks));
    moment m = take(&s, &marks);
    MUST(cmt_prune_dirty(&s, (cmt_slice){m.of_blocks.bytes, m.of_blocks.size}, NO_COOKIE, &blocks,
                         NULL, &error));
    ck_assert_uint_eq(blocks.count, 0);
    forget(&m);
    close_stores(&s);
}
END_TEST

/* With headers and validators below base, and records that those point to. */
START_TEST(what_evidence_needs_is_not_dirty_after_each_of_some_prunes)
{
    cmt_prune_stores s = plain_stores();
    cmt_prune_marks marks;
    MUST(cmt_prune_marks_find(&s, 1, &marks, &error));
    for (int64_t retain = 1180; retain <= 1195; retain += 5) {
        cmt_range_list blocks = {NULL, 0, 0};
        cmt_range_list states = {NULL, 0, 0};
        ck_assert(prune(&s, &plain, true, retain, false, &marks));
        ck_assert_int_lt(marks.lowest[CMT_MARK_META], retain);
        moment m = take(&s, &marks);
        MUST(cmt_prune_dirty(&s, (cmt_slice){m.of_blocks.bytes, m.of_blocks.size},
                             (cmt_slice){m.of_states.bytes, m.of_states.size}, &blocks, &states,
                             &error));
        ck_assert_uint_eq(blocks.count, 0);
        ck_assert_uint_eq(states.count, 0);
        forget(&m);
        cmt_range_list_free(&blocks);
        cmt_range_list_free(&states);
        cmt_prune_marks found; /* as after a start */
        MUST(cmt_prune_marks_find(&s, 1, &found, &error));
        ck_assert_mem_eq(&found, &marks, sizeof marks);
    }
    close_stores(&s);
}
END_TEST

START_TEST(headers_that_evidence_needs_are_not_dirty)
{
    cmt_range_list blocks = {NULL, 0, 0};
    cmt_range_list states = {NULL, 0, 0};
    cmt_prune_stores s = plain_stores();
    cmt_prune_marks marks;
    MUST(cmt_prune_marks_find(&s, 1, &marks, &error));
    ck_assert(prune(&s, &plain, true, 1190, false, &marks));
    int64_t evidence = marks.lowest[CMT_MARK_META];
    ck_assert_int_lt(evidence, 1160);
    MUST(cmt_prune_dirty(&s, NO_COOKIE, NO_COOKIE, &blocks, &states, &error));
    for (int64_t h = 1; h <= 1200; h++) {
        ck_assert_int_eq(has(&blocks, &cmt_family_meta, h), h < evidence);
        ck_assert_int_eq(has(&blocks, &cmt_family_part, h), h < 1190);
        ck_assert(has(&states, &cmt_family_validators, h) == (h < evidence));
    }
    cmt_range_list_free(&blocks);
    cmt_range_list_free(&states);
    close_stores(&s);
}
END_TEST

/* The seen commit of a state sync stays for ever, and holds no mark back. */
START_TEST(the_seen_commit_of_a_state_sync_is_passed_over)
{
    history synced = plain;
    synced.initial_height = 1;
    synced.state_sync = 40;
    cmt_prune_marks marks;
    world w;
    world_open(&synced, &w);
    cmt_prune_stores s = open_stores(w.blocks, w.state);
    ck_assert(chain_get(s.blocks_db, NULL, "SC:40") && !chain_get(s.blocks_db, NULL, "H:40"));
    MUST(cmt_prune_marks_find(&s, 1, &marks, &error));
    ck_assert_int_eq(marks.lowest[CMT_MARK_SEEN_COMMIT], marks.base);
    ck_assert(prune(&s, &synced, true, 1100, false, &marks));
    ck_assert(chain_get(s.blocks_db, NULL, "SC:40"));
    MUST(cmt_prune_marks_find(&s, 1, &marks, &error));
    ck_assert_int_eq(marks.lowest[CMT_MARK_SEEN_COMMIT], 1100);
    close_stores(&s);
}
END_TEST

/* From base 100 to 200, with evidence from 150 on. */
typedef struct outcome {
    bool sweep;
    bool complete;
    bool has_gap;
    int64_t before; /* the marks */
} outcome;

static void expect_marks(outcome how, int64_t meta, int64_t part, int64_t ext_commit,
                         int64_t results)
{
    cmt_prune_marks marks = {.base = 100};
    for (size_t i = 0; i < CMT_PRUNE_MARKS; i++) {
        marks.lowest[i] = how.before;
        marks.has_gap[i] = how.has_gap;
    }
    const cmt_stores_prune_request request = {.sweep = how.sweep};
    const cmt_stores_prune_result result = {
        .blocks = {.base = 200,
                   .evidence_height = 150,
                   .ext_commits = 160,
                   .search_complete = how.complete},
        .states = {.search_complete = how.complete, .records_complete = how.complete},
    };
    const bool swept = how.sweep && how.complete;
    cmt_prune_marks_advance(&marks, &request, &result);
    ck_assert_int_eq(marks.base, 200);
    ck_assert_int_eq(marks.lowest[CMT_MARK_META], meta);
    ck_assert_int_eq(marks.lowest[CMT_MARK_COMMIT], meta);
    ck_assert_int_eq(marks.lowest[CMT_MARK_PART], part);
    ck_assert_int_eq(marks.lowest[CMT_MARK_SEEN_COMMIT], part);
    ck_assert_int_eq(marks.lowest[CMT_MARK_EXT_COMMIT], ext_commit);
    ck_assert_int_eq(marks.lowest[CMT_MARK_VALIDATORS], swept ? 150 : how.before);
    ck_assert_int_eq(marks.lowest[CMT_MARK_PARAMS], swept ? 200 : how.before);
    ck_assert_int_eq(marks.lowest[CMT_MARK_RESULTS], results);
}

START_TEST(a_mark_rises_only_as_far_as_the_outcome_tells)
{
    /* Everything below base was clean. */
    expect_marks((outcome){true, true, false, 100}, 150, 200, 160, 200);
    expect_marks((outcome){true, false, false, 100}, 150, 200, 160, 200);
    expect_marks((outcome){false, true, false, 100}, 150, 200, 100, 200);
    /* There were keys from 60 on. */
    expect_marks((outcome){true, true, true, 60}, 150, 200, 160, 200);
    expect_marks((outcome){true, false, true, 60}, 60, 60, 60, 60);
    expect_marks((outcome){false, true, true, 60}, 60, 60, 60, 60);
    /* Without a gap, so that every sweep finds them. */
    expect_marks((outcome){true, false, false, 60}, 150, 200, 160, 200);
    expect_marks((outcome){false, false, false, 60}, 60, 60, 60, 60);
}
END_TEST

/* Validators from 150 on, and of those below what `kept` says. */
static cmt_prune_marks with_records(cmt_prune_marks marks, bool sweep, const int64_t *kept,
                                    size_t count)
{
    cmt_stores_prune_result result = {
        .blocks = {.base = 200, .evidence_height = 150},
        .states = {.records_complete = true},
    };
    const cmt_stores_prune_request request = {.sweep = sweep};
    for (size_t i = 0; i < count; i++)
        MUST(cmt_height_set_add(&result.states.kept_validators, kept[i], kept[i] + 1));
    cmt_prune_marks_advance(&marks, &request, &result);
    cmt_height_set_free(&result.states.kept_validators);
    return marks;
}

START_TEST(single_records_do_not_hold_a_mark_back)
{
    static const int64_t heights[] = {3, 90, 120};
    cmt_prune_marks marks = {.base = 100, .lowest = {[CMT_MARK_VALIDATORS] = 3}};
    cmt_prune_marks two = with_records(marks, true, heights, 2);
    ck_assert_int_eq(two.lowest[CMT_MARK_VALIDATORS], 150);
    ck_assert_int_eq(two.kept_validators[0], 3);
    ck_assert_int_eq(two.kept_validators[1], 90);
    /* One that is kept itself is none that is kept for others. */
    static const int64_t in_use[] = {90, 160};
    cmt_prune_marks one = with_records(two, true, in_use, 2);
    ck_assert_int_eq(one.kept_validators[0], 90);
    ck_assert_int_eq(one.kept_validators[1], 0);
    /* More than there is room for. */
    cmt_prune_marks three = with_records(marks, true, heights, 3);
    ck_assert_int_eq(three.lowest[CMT_MARK_VALIDATORS], 3);
    ck_assert_int_eq(three.kept_validators[0], 0);
    /* Without a sweep what was there is there. */
    cmt_prune_marks as_before = with_records(two, false, heights, 1);
    ck_assert_int_eq(as_before.lowest[CMT_MARK_VALIDATORS], 150);
    ck_assert_int_eq(as_before.kept_validators[1], 90);
}
END_TEST

static size_t dirty_ranges(const cmt_prune_stores *s, cmt_slice of_blocks, cmt_slice of_states)
{
    cmt_range_list blocks = {NULL, 0, 0};
    cmt_range_list states = {NULL, 0, 0};
    MUST(cmt_prune_dirty(s, of_blocks, of_states, &blocks, &states, &error));
    size_t count = blocks.count + states.count;
    cmt_range_list_free(&blocks);
    cmt_range_list_free(&states);
    return count;
}

START_TEST(a_cookie_of_something_else_counts_as_none)
{
    cmt_prune_stores s = plain_stores();
    cmt_prune_marks marks;
    MUST(cmt_prune_marks_find(&s, 1, &marks, &error));
    ck_assert(prune(&s, &plain, true, 1100, false, &marks));
    moment m = take(&s, &marks);
    cmt_slice blocks = {m.of_blocks.bytes, m.of_blocks.size};
    cmt_slice states = {m.of_states.bytes, m.of_states.size};
    size_t good = dirty_ranges(&s, blocks, states);
    size_t none = dirty_ranges(&s, NO_COOKIE, NO_COOKIE);
    ck_assert_uint_lt(good, none);
    ck_assert_uint_eq(dirty_ranges(&s, states, blocks), none);
    ck_assert_uint_eq(dirty_ranges(&s, (cmt_slice){blocks.data, blocks.size - 1},
                                   (cmt_slice){states.data, states.size - 1}),
                      none);
    m.of_blocks.bytes[0] = m.of_states.bytes[0] = 3; /* a newer version */
    ck_assert_uint_eq(dirty_ranges(&s, blocks, states), none);
    /* Databases of before: base fell. */
    marks.base = 1101;
    cmt_prune_cookies(&marks, &m.of_blocks, &m.of_states);
    ck_assert_uint_eq(dirty_ranges(&s, blocks, states), none);
    /* Marks above base. */
    marks.base = 1100;
    marks.lowest[CMT_MARK_PART] = marks.lowest[CMT_MARK_RESULTS] = 1101;
    cmt_prune_cookies(&marks, &m.of_blocks, &m.of_states);
    ck_assert_uint_eq(dirty_ranges(&s, blocks, states), none);
    forget(&m);
    close_stores(&s);
}
END_TEST

START_TEST(more_than_enough_ranges_become_fewer_and_cover_as_much)
{
    const int64_t base = 8765432109876;
    cmt_range_list blocks = {NULL, 0, 0};
    cmt_db *blocks_db;
    cmt_db *states_db;
    cmt_buf value = CMT_BUF_INIT;
    rng r = {3};
    MUST(cmt_db_open_memory(&blocks_db, &error));
    MUST(cmt_db_open_memory(&states_db, &error));
    chain_encode_block_store_state(base, base + 5, &value);
    chain_put(blocks_db, &value, "blockStore");
    chain_put_text(states_db, "state", "stateKey");
    cmt_prune_stores s = open_stores(blocks_db, states_db);
    MUST(cmt_prune_dirty(&s, NO_COOKIE, NO_COOKIE, &blocks, NULL, &error));
    ck_assert_uint_eq(blocks.count, CMT_PRUNE_DIRTY_MAX);
    for (size_t i = 1; i < blocks.count; i++)
        ck_assert_int_lt(cmt_slice_compare(blocks.ranges[i - 1].hi, blocks.ranges[i].lo), 0);
    for (int i = 0; i < 100000; i++) {
        int64_t h = rng_between(&r, 1, base - 1) >> rng_between(&r, 0, 42);
        if (h > 0)
            CHAIN_REQUIRE(has(&blocks, &cmt_family_meta, h) && has(&blocks, &cmt_family_part, h) &&
                          has(&blocks, &cmt_family_commit, h) &&
                          has(&blocks, &cmt_family_seen_commit, h));
    }
    cmt_buf_free(&value);
    cmt_range_list_free(&blocks);
    close_stores(&s);
}
END_TEST

/* ---- databases of CometBFT ------------------------------------------------------------------- */

static cmt_db *load(const char *data_dir, const char *name)
{
    char *path = files_path(data_dir, name);
    cmt_db *view;
    MUST(cmt_db_open_view(path, NULL, &view, &error));
    cmt_db *db = copy_of(view);
    cmt_db_close(view);
    free(path);
    return db;
}

static void check_fixture(const char *name, bool sweep)
{
    char *top;
    char *data = files_unpack_fixture(name, &top);
    cmt_prune_stores s = open_stores(load(data, "blockstore.db"), load(data, "state.db"));
    int64_t base = cmt_block_store_base(s.blocks);
    int64_t height = cmt_block_store_height(s.blocks);
    const history h = {
        .initial_height = 1,
        .evidence_blocks = 20,
        .evidence_seconds = 100,
        .block_seconds = 5,
    };
    cmt_prune_marks marks;
    MUST(cmt_prune_marks_find(&s, 1, &marks, &error));
    moment first = take(&s, &marks);
    for (int i = 1; i <= 3; i++) {
        moment before = take(&s, &marks);
        int64_t retain = base + (height - base) * i / 4;
        ck_assert_msg(prune(&s, &h, sweep, retain, false, &marks), "%s: %s", name, error.message);
        ck_assert_msg(check(&s, &before, true) && check(&s, &first, true), "%s: %s", name, wrong);
        forget(&before);
    }
    forget(&first);
    close_stores(&s);
    free(data);
    files_remove(top);
}

START_TEST(deleted_keys_of_real_chains_are_in_a_range)
{
    static const char *const names[] = {"multi-0.38",   "app-pruned-0.38", "crashed-0.38",
                                        "discard-0.38", "votes-ext-0.38",  "multi-1.0-v2"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        check_fixture(names[i], false);
        check_fixture(names[i], true);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("pruner_dirty");
    TCase *tc = tcase_create("dirty");
    suite_add_tcase(suite, tc);
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, every_key_that_was_deleted_is_in_a_range);
    tcase_add_test(tc, of_a_few_heights_only_they_are_dirty);
    tcase_add_test(tc, when_all_was_compacted_nothing_is_dirty);
    tcase_add_test(tc, what_evidence_needs_is_not_dirty_after_each_of_some_prunes);
    tcase_add_test(tc, single_records_do_not_hold_a_mark_back);
    tcase_add_test(tc, headers_that_evidence_needs_are_not_dirty);
    tcase_add_test(tc, the_seen_commit_of_a_state_sync_is_passed_over);
    tcase_add_test(tc, a_mark_rises_only_as_far_as_the_outcome_tells);
    tcase_add_test(tc, a_cookie_of_something_else_counts_as_none);
    tcase_add_test(tc, more_than_enough_ranges_become_fewer_and_cover_as_much);
    tcase_add_test(tc, deleted_keys_of_real_chains_are_in_a_range);

    return suite_run(suite);
}
