/* SPDX-License-Identifier: Apache-2.0
 *
 * The handshake's decision: from where everybody stands to what has to be done.
 */
#include "cmtstore/blockexec.h"

#include <inttypes.h>

/* Rows in CometBFT's order; the first that fits counts.  With an empty store neither stands in the way. */
static cmt_status check_application(const cmt_handshake_heights *h, cmt_error *err)
{
    bool fresh_below = h->app == 0 && h->initial < h->base;
    bool below = h->app > 0 && h->app < h->base - 1;
    if (h->app < 0)
        return cmt_error_set(err, CMT_INVALID,
                             "got a negative last block height (%" PRId64 ") from the app", h->app);
    if (h->store == 0)
        return CMT_OK;
    if (fresh_below || below)
        return cmt_error_set(err, CMT_INVALID,
                             "app block height (%" PRId64 ") is too far below block store base "
                             "(%" PRId64 "): the blocks in between were pruned; restore an "
                             "application of height %" PRId64 " or later",
                             h->app, h->base, h->base - 1);
    if (h->store < h->app)
        return cmt_error_set(err, CMT_INVALID,
                             "app block height (%" PRId64 ") is higher than core (%" PRId64
                             "): roll the application back",
                             h->app, h->store);
    return CMT_OK;
}

/* @p state: the height below the initial one stands for "no block yet". */
static cmt_status check_stores(int64_t store, int64_t state, cmt_error *err)
{
    if (store < state)
        return cmt_error_set(err, CMT_CORRUPT,
                             "StateBlockHeight (%" PRId64 ") > StoreBlockHeight (%" PRId64
                             "): the block store lacks blocks that the state store knows",
                             state, store);
    if (store > state + 1)
        return cmt_error_set(err, CMT_CORRUPT,
                             "StoreBlockHeight (%" PRId64 ") > StateBlockHeight + 1 (%" PRId64
                             "): the state store lacks states of blocks that are saved",
                             store, state + 1);
    return CMT_OK;
}

static cmt_handshake_action choose(int64_t app, int64_t store, int64_t state)
{
    if (store == state)
        return app < store ? CMT_HANDSHAKE_EXECUTE : CMT_HANDSHAKE_NOTHING;
    if (app == store)
        return CMT_HANDSHAKE_APPLY_RECORDED;
    return app < state ? CMT_HANDSHAKE_CATCH_UP : CMT_HANDSHAKE_APPLY;
}

cmt_status cmt_handshake_decide(const cmt_handshake_heights *h, cmt_handshake_plan *out,
                                cmt_error *err)
{
    int64_t before_first = h->initial - 1;
    int64_t state = h->state > 0 ? h->state : before_first;
    int64_t app = h->app > 0 ? h->app : before_first;
    CMT_TRY(check_application(h, err));
    cmt_handshake_plan plan = {.init_chain = h->app == 0, .first = 1, .last = 0};
    if (h->store > 0) {
        CMT_TRY(check_stores(h->store, state, err));
        plan.action = choose(app, h->store, state);
    }
    if (plan.action == CMT_HANDSHAKE_EXECUTE || plan.action == CMT_HANDSHAKE_CATCH_UP) {
        plan.first = app + 1;
        plan.last = state;
    }
    *out = plan;
    return CMT_OK;
}
