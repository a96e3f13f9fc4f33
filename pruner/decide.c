/* SPDX-License-Identifier: Apache-2.0
 *
 * How far a running node is pruned: of all who have a say the one that keeps most.
 */
#include "cleanup.h"
#include "words.h"

#include <stdio.h>

typedef struct deciding {
    cmt_block_store *blocks;
    int64_t last; /* height of the state */
    const cmt_prune_limits *limits;
    cmt_prune_target *target;
} deciding;

static void decided(const deciding *d, int64_t height, const char *by)
{
    d->target->retain_height = height;
    snprintf(d->target->decided_by, sizeof d->target->decided_by, "%s", by);
}

static cmt_status by_policy(const deciding *d, cmt_error *err)
{
    int64_t height;
    cmt_keep_rule rule;
    CMT_TRY(cmt_keep_lowest(d->blocks, &d->limits->keep, &height, &rule, err));
    if (height > d->last - 1)
        height = d->last - 1;
    if (rule == CMT_KEEP_NONE || height < 1)
        return CMT_OK;
    if (d->target->retain_height > 0 && d->target->retain_height <= height)
        return CMT_OK;
    d->target->retain_height = height;
    cmt_pruner__keep_words(&d->limits->keep, rule, false, d->target->decided_by);
    return CMT_OK;
}

static cmt_status by_pins(const deciding *d, cmt_error *err)
{
    CMT_AUTO(cmt_pins_free) cmt_pins pins = {NULL, 0};
    CMT_TRY(cmt_pins_load(d->limits->data_dir, &pins, err));
    const cmt_pin *pin = cmt_pins_lowest(&pins, d->limits->now);
    if (pin == NULL || pin->height >= d->target->retain_height)
        return CMT_OK;
    d->target->retain_height = pin->height;
    cmt_pruner__pin_words(pin, d->target->decided_by);
    return CMT_OK;
}

static bool has_policy(const cmt_keep_policy *keep)
{
    return keep->blocks > 0 || keep->for_ns > 0 || keep->bytes > 0;
}

cmt_status cmt_prune_decide(cmt_block_store *blocks, int64_t last_block_height,
                            const cmt_prune_limits *limits, cmt_prune_target *out, cmt_error *err)
{
    const deciding d = {blocks, last_block_height, limits, out};
    decided(&d, 0, "");
    if (limits->application > 0)
        decided(&d, limits->application, "the application");
    if (has_policy(&limits->keep))
        CMT_TRY(by_policy(&d, err));
    if (limits->has_companion && limits->companion < out->retain_height)
        decided(&d, limits->companion, "the data companion");
    if (out->retain_height > last_block_height &&
        out->retain_height <= cmt_block_store_height(blocks))
        decided(&d, last_block_height, "the height of the state");
    if (out->retain_height > 0 && limits->data_dir != NULL)
        CMT_TRY(by_pins(&d, err));
    return CMT_OK;
}
