/* SPDX-License-Identifier: Apache-2.0
 *
 * Which height is the lowest to keep, and the floors under that wish.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cleanup.h"
#include "pruner_internal.h"
#include "words.h"

/* CometBFT starts only when the block store is at the state's height or one above (a crash between
 * saving the block and saving the state). */
static cmt_status check_heights(const cmt_pruner *p, int64_t height, cmt_error *err)
{
    int64_t last = p->state.last_block_height;
    if (height == last || height == last + 1 || height == 0 || (p->node_runs && height > last))
        return CMT_OK;
    return cmt_error_set(err, CMT_OUT_OF_RANGE,
                         "the block store is at height %" PRId64 " and the state at %" PRId64
                         ": the databases do not belong together (copied while the node ran?); "
                         "refused",
                         height, last);
}

/* Limits that a CometBFT >= 1.0 keeps in the state store; 0 is none. */
static cmt_status check_kept_limits(cmt_pruner *p, int64_t retain, cmt_error *err)
{
    cmt_retain_heights kept;
    CMT_TRY(cmt_state_store_retain_heights(p->state_store, &kept, err));
    const struct {
        int64_t limit;
        const char *who;
    } limits[] = {{kept.application, "the application"},
                  {kept.companion, "the data companion"},
                  {kept.results, "the data companion (block results)"}};
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++)
        if (limits[i].limit > 0 && retain > limits[i].limit && !p->options.force)
            return cmt_error_set(err, CMT_OUT_OF_RANGE,
                                 "%s has allowed pruning up to height %" PRId64
                                 " only, below %" PRId64
                                 "; choose a lower retain height or use --force",
                                 limits[i].who, limits[i].limit, retain);
    return CMT_OK;
}

static cmt_status check_floors(cmt_pruner *p, int64_t base, int64_t height, int64_t retain,
                               cmt_error *err)
{
    int64_t last = p->state.last_block_height;
    int64_t top = height < last ? height : last;
    if (retain < base)
        return cmt_error_set(err, CMT_OUT_OF_RANGE,
                             "cannot prune to height %" PRId64
                             ", it is lower than base height %" PRId64,
                             retain, base);
    if (retain > height)
        return cmt_error_set(err, CMT_OUT_OF_RANGE,
                             "cannot prune beyond the latest height %" PRId64, height);
    if (retain == base)
        return CMT_OK;
    if (retain > top)
        return cmt_error_set(err, CMT_OUT_OF_RANGE,
                             "cannot prune to height %" PRId64 ": the state is at height %" PRId64
                             " and the node needs that block to go on",
                             retain, last);
    if (retain > top - 1 && !p->options.force)
        return cmt_error_set(
            err, CMT_OUT_OF_RANGE,
            "retain height %" PRId64
            " would leave fewer than two blocks, and a rollback needs two; keep %" PRId64
            " or lower, or use --force",
            retain, top - 1);
    return check_kept_limits(p, retain, err);
}

static void note_all_stays(int64_t retain, int64_t base, char decided_by[CMT_DECIDED_BY_SIZE])
{
    const size_t size = strlen(decided_by);
    if (retain == base)
        snprintf(decided_by + size, CMT_DECIDED_BY_SIZE - size, " (all blocks there are)");
}

/* What is pinned below the wish stays; a pin below base means all there is. */
static cmt_status respect_pins(const cmt_pruner *p, int64_t base, int64_t *retain,
                               char decided_by[CMT_DECIDED_BY_SIZE], cmt_error *err)
{
    CMT_AUTO(cmt_pins_free) cmt_pins pins = {NULL, 0};
    CMT_TRY(cmt_pins_load(p->data_dir, &pins, err));
    const cmt_pin *pin = cmt_pins_lowest(&pins, time(NULL));
    if (pin == NULL || pin->height >= *retain || *retain <= base)
        return CMT_OK;
    *retain = pin->height > base ? pin->height : base;
    cmt_pruner__pin_words(pin, decided_by);
    note_all_stays(*retain, base, decided_by);
    return CMT_OK;
}

cmt_status cmt_pruner__decide(cmt_pruner *p, int64_t *retain_height,
                              char decided_by[CMT_DECIDED_BY_SIZE], cmt_error *err)
{
    int64_t base = cmt_block_store_base(p->block_store);
    int64_t height = cmt_block_store_height(p->block_store);
    CMT_TRY(check_heights(p, height, err));
    if (height == 0)
        return cmt_error_set(err, CMT_OUT_OF_RANGE, "the block store is empty: nothing to prune");
    if (p->options.retain_height > 0) {
        *retain_height = p->options.retain_height;
        snprintf(decided_by, CMT_DECIDED_BY_SIZE, "--retain-height %" PRId64, *retain_height);
    } else {
        cmt_keep_rule rule;
        CMT_TRY(cmt_keep_lowest(p->block_store, &p->options.keep, retain_height, &rule, err));
        if (rule == CMT_KEEP_NONE)
            return cmt_error_set(err, CMT_INVALID, "neither a retain height nor what to keep");
        cmt_pruner__keep_words(&p->options.keep, rule, true, decided_by);
        note_all_stays(*retain_height, base, decided_by);
    }
    CMT_TRY(respect_pins(p, base, retain_height, decided_by, err));
    return check_floors(p, base, height, *retain_height, err);
}
