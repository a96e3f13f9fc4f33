/* SPDX-License-Identifier: Apache-2.0
 *
 * The handshake's decision: each row, and against a transcription of CometBFT's for all small heights.
 */
#include "cmtstore/blockexec.h"

#include "suite.h"

#include <check.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static cmt_error error;

typedef struct row {
    const char *name;
    cmt_handshake_heights heights; /* app, store, base, state, initial */
    cmt_status status;
    cmt_handshake_action action;
    int64_t first;
    int64_t last;
    const char *reason;
} row;

static const row rows[] = {
    {"nothing anywhere", {0, 0, 0, 0, 1}, CMT_OK, CMT_HANDSHAKE_NOTHING, 1, 0, NULL},
    {"state-synced, no block yet", {50, 0, 0, 50, 1}, CMT_OK, CMT_HANDSHAKE_NOTHING, 1, 0, NULL},
    {"a store without blocks says nothing of the app",
     {50, 0, 0, 7, 1},
     CMT_OK,
     CMT_HANDSHAKE_NOTHING,
     1,
     0,
     NULL},
    {"a fresh app, blocks pruned",
     {0, 9, 4, 9, 1},
     CMT_INVALID,
     0,
     0,
     0,
     "app block height (0) is too far below block store base (4)"},
    {"the app below what is kept",
     {2, 9, 4, 9, 1},
     CMT_INVALID,
     0,
     0,
     0,
     "app block height (2) is too far below block store base (4)"},
    {"the app right below what is kept",
     {3, 9, 4, 9, 1},
     CMT_OK,
     CMT_HANDSHAKE_EXECUTE,
     4,
     9,
     NULL},
    {"the app ahead",
     {10, 9, 1, 9, 1},
     CMT_INVALID,
     0,
     0,
     0,
     "app block height (10) is higher than core (9)"},
    {"the state ahead",
     {8, 8, 1, 9, 1},
     CMT_CORRUPT,
     0,
     0,
     0,
     "StateBlockHeight (9) > StoreBlockHeight (8)"},
    {"the store two ahead",
     {9, 11, 1, 9, 1},
     CMT_CORRUPT,
     0,
     0,
     0,
     "StoreBlockHeight (11) > StateBlockHeight + 1 (10)"},
    {"the app behind", {5, 9, 1, 9, 1}, CMT_OK, CMT_HANDSHAKE_EXECUTE, 6, 9, NULL},
    {"a fresh app", {0, 9, 1, 9, 1}, CMT_OK, CMT_HANDSHAKE_EXECUTE, 1, 9, NULL},
    {"a fresh app of a chain from 5", {0, 9, 5, 9, 5}, CMT_OK, CMT_HANDSHAKE_EXECUTE, 5, 9, NULL},
    {"all in line", {9, 9, 1, 9, 1}, CMT_OK, CMT_HANDSHAKE_NOTHING, 1, 0, NULL},
    {"block saved, app behind the state",
     {7, 10, 1, 9, 1},
     CMT_OK,
     CMT_HANDSHAKE_CATCH_UP,
     8,
     9,
     NULL},
    {"block saved, fresh app", {0, 10, 1, 9, 1}, CMT_OK, CMT_HANDSHAKE_CATCH_UP, 1, 9, NULL},
    {"block saved", {9, 10, 1, 9, 1}, CMT_OK, CMT_HANDSHAKE_APPLY, 1, 0, NULL},
    {"block saved and committed",
     {10, 10, 1, 9, 1},
     CMT_OK,
     CMT_HANDSHAKE_APPLY_RECORDED,
     1,
     0,
     NULL},
    {"the first block saved", {0, 1, 1, 0, 1}, CMT_OK, CMT_HANDSHAKE_APPLY, 1, 0, NULL},
    {"the first block committed",
     {1, 1, 1, 0, 1},
     CMT_OK,
     CMT_HANDSHAKE_APPLY_RECORDED,
     1,
     0,
     NULL},
    /* CometBFT counts from 0 here and panics; see docs/compatibility.md. */
    {"the first block of a chain from 5 saved",
     {0, 5, 5, 0, 5},
     CMT_OK,
     CMT_HANDSHAKE_APPLY,
     1,
     0,
     NULL},
    {"two blocks of a chain from 5 saved",
     {0, 6, 5, 0, 5},
     CMT_CORRUPT,
     0,
     0,
     0,
     "StoreBlockHeight (6) > StateBlockHeight + 1 (5)"},
    {"an app of no height",
     {-1, 9, 1, 9, 1},
     CMT_INVALID,
     0,
     0,
     0,
     "negative last block height (-1)"},
};

START_TEST(each_row)
{
    const row *r = &rows[_i];
    cmt_handshake_plan plan = {.first = -1};
    cmt_status st = cmt_handshake_decide(&r->heights, &plan, &error);
    ck_assert_msg(st == r->status, "%s: %s", r->name, cmt_status_text(st));
    if (st != CMT_OK) {
        ck_assert_msg(strstr(error.message, r->reason) != NULL, "%s: %s", r->name, error.message);
        ck_assert_int_eq(plan.first, -1);
        return;
    }
    ck_assert_msg(plan.action == r->action, "%s: action %d", r->name, (int)plan.action);
    ck_assert_msg(plan.first == r->first && plan.last == r->last, "%s: %" PRId64 "..%" PRId64,
                  r->name, plan.first, plan.last);
    ck_assert_int_eq(plan.init_chain, r->heights.app == 0);
}
END_TEST

/* What consensus/replay.go does, word for word; -1: an error, -2: a panic. */
static int upstream(const cmt_handshake_heights *h)
{
    if (h->store == 0)
        return CMT_HANDSHAKE_NOTHING;
    if (h->app == 0 && h->initial < h->base)
        return -1;
    if (h->app > 0 && h->app < h->base - 1)
        return -1;
    if (h->store < h->app)
        return -1;
    if (h->store < h->state || h->store > h->state + 1)
        return -2;
    if (h->store == h->state) {
        if (h->app < h->store)
            return CMT_HANDSHAKE_EXECUTE;
        if (h->app == h->store)
            return CMT_HANDSHAKE_NOTHING;
    } else if (h->store == h->state + 1) {
        if (h->app < h->state)
            return CMT_HANDSHAKE_CATCH_UP;
        if (h->app == h->state)
            return CMT_HANDSHAKE_APPLY;
        if (h->app == h->store)
            return CMT_HANDSHAKE_APPLY_RECORDED;
    }
    return -2;
}

static void compare(const cmt_handshake_heights *h, size_t *seen)
{
    cmt_handshake_plan plan;
    int want = upstream(h);
    cmt_status st = cmt_handshake_decide(h, &plan, &error);
    int got = st == CMT_OK ? (int)plan.action : st == CMT_INVALID ? -1 : -2;
    ck_assert_msg(got == want,
                  "app %" PRId64 " store %" PRId64 " base %" PRId64 " state %" PRId64
                  " initial %" PRId64 ": %d, not %d",
                  h->app, h->store, h->base, h->state, h->initial, got, want);
    seen[want + 2]++;
}

START_TEST(as_comet_for_all_small_heights)
{
    size_t seen[7] = {0};
    cmt_handshake_heights h;
    for (h.initial = 1; h.initial <= 3; h.initial++)
        for (h.app = 0; h.app <= 7; h.app++)
            for (h.state = 0; h.state <= 7; h.state++)
                for (h.store = 0; h.store <= 7; h.store++)
                    for (h.base = h.store > 0 ? h.initial : 0; h.base <= h.store; h.base++) {
                        bool starts_above_one =
                            h.initial > 1 && (h.state < h.initial || h.app < h.initial);
                        if (!starts_above_one)
                            compare(&h, seen);
                    }
    for (size_t i = 0; i < 7; i++)
        ck_assert_uint_gt(seen[i], 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("handshake");
    TCase *decision = tcase_create("decision");
    tcase_add_loop_test(decision, each_row, 0, (int)(sizeof rows / sizeof rows[0]));
    tcase_add_test(decision, as_comet_for_all_small_heights);
    suite_add_tcase(suite, decision);
    return suite_run(suite);
}
