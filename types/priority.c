/* SPDX-License-Identifier: Apache-2.0
 *
 * Proposer priorities moved forward, to the bit as CometBFT does it: a set in the database holds
 * what this arithmetic gave there.
 *
 * One call is not the same as several that add up to it: the rescaling and the centring happen once
 * per call.
 */
#include "types_internal.h"

#include "cmtstore/types_validators.h"

#include <inttypes.h>

__extension__ typedef __int128 int128;

static int64_t clip_add(int64_t a, int64_t b)
{
    int64_t sum;
    if (__builtin_add_overflow(a, b, &sum))
        return b < 0 ? INT64_MIN : INT64_MAX;
    return sum;
}

static int64_t clip_sub(int64_t a, int64_t b)
{
    int64_t difference;
    if (__builtin_sub_overflow(a, b, &difference))
        return b > 0 ? INT64_MIN : INT64_MAX;
    return difference;
}

/* Go's integers wrap around. */
static int64_t wrapping_add(int64_t a, int64_t b)
{
    return (int64_t)((uint64_t)a + (uint64_t)b);
}

static int64_t wrapping_sub(int64_t a, int64_t b)
{
    return (int64_t)((uint64_t)a - (uint64_t)b);
}

cmt_status cmt_types_total_power(const cmt_validator *validators, size_t count, int64_t *out,
                                 cmt_error *err)
{
    int64_t total = 0;
    for (size_t i = 0; i < count; i++) {
        int64_t power = validators[i].voting_power;
        if (power < 0)
            return cmt_error_set(
                err, CMT_CORRUPT,
                "ValidatorSet: validator %zu: voting power %" PRId64 " is negative", i, power);
        if (power > CMT_VOTING_POWER_MAX - total)
            return cmt_error_set(err, CMT_CORRUPT,
                                 "ValidatorSet: the total voting power exceeds %" PRId64,
                                 (int64_t)CMT_VOTING_POWER_MAX);
        total += power;
    }
    *out = total;
    return CMT_OK;
}

/* |max - min|, as int64 arithmetic gives it: INT64_MIN is possible. */
static int64_t priority_spread(const cmt_validator_set *set)
{
    int64_t max = INT64_MIN;
    int64_t min = INT64_MAX;
    for (size_t i = 0; i < set->count; i++) {
        int64_t priority = set->validators[i].proposer_priority;
        max = priority > max ? priority : max;
        min = priority < min ? priority : min;
    }
    int64_t spread = wrapping_sub(max, min);
    return spread < 0 ? wrapping_sub(0, spread) : spread;
}

/* RescalePriorities.  The sum below may wrap to a negative ratio, but never to 0 or -1. */
static void rescale(cmt_validator_set *set)
{
    int64_t spread_max = 2 * set->total_voting_power;
    int64_t spread = priority_spread(set);
    if (spread_max <= 0 || spread <= spread_max)
        return;
    int64_t ratio = wrapping_add(spread, spread_max - 1) / spread_max;
    for (size_t i = 0; i < set->count; i++)
        set->validators[i].proposer_priority /= ratio;
}

/* shiftByAvgProposerPriority; big.Int's Div rounds down for a positive divisor. */
static void centre(cmt_validator *validators, size_t count)
{
    if (count == 0)
        return;
    int128 sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += validators[i].proposer_priority;
    int128 average = sum / (int128)count;
    if (sum % (int128)count < 0)
        average--;
    for (size_t i = 0; i < count; i++) {
        int64_t *priority = &validators[i].proposer_priority;
        *priority = clip_sub(*priority, (int64_t)average);
    }
}

void cmt_types_level_priorities(cmt_validator_set *set)
{
    rescale(set);
    centre(set->validators, set->count);
}

/* CompareProposerPriority: <0 when @p a proposes before @p b. */
static int compare(const cmt_validator *a, const cmt_validator *b)
{
    if (a->proposer_priority != b->proposer_priority)
        return a->proposer_priority > b->proposer_priority ? -1 : 1;
    return cmt_slice_compare(a->address, b->address);
}

const cmt_validator *cmt_validator_set_proposer(const cmt_validator_set *set)
{
    const cmt_validator *first = set->validators;
    for (size_t i = 1; i < set->count; i++) {
        if (compare(first, &set->validators[i]) > 0)
            first = &set->validators[i];
    }
    return set->count > 0 ? first : NULL;
}

/* incrementProposerPriority: one round.  Returns who proposes, NULL if two cannot be told apart. */
static cmt_validator *step(cmt_validator_set *set)
{
    cmt_validator *first = set->validators;
    for (size_t i = 0; i < set->count; i++) {
        cmt_validator *v = &set->validators[i];
        v->proposer_priority = clip_add(v->proposer_priority, v->voting_power);
        int order = v == first ? -1 : compare(first, v);
        if (order == 0)
            return NULL;
        if (order > 0)
            first = v;
    }
    first->proposer_priority = clip_sub(first->proposer_priority, set->total_voting_power);
    return first;
}

/* Source: types/validator_set.go IncrementProposerPriority */
cmt_status cmt_validator_set_increment(cmt_validator_set *set, int32_t times, cmt_error *err)
{
    if (times < 1)
        return cmt_error_set(err, CMT_INVALID, "move proposer priorities by %" PRId32 " heights",
                             times);
    size_t count = set->count;
    if (count == 0)
        return cmt_error_set(err, CMT_INVALID, "move proposer priorities of an empty set");
    CMT_TRY(cmt_types_total_power(set->validators, count, &set->total_voting_power, err));
    cmt_types_level_priorities(set);
    const cmt_validator *proposer = NULL;
    for (int32_t i = 0; i < times; i++) {
        proposer = step(set);
        if (proposer == NULL)
            return cmt_error_set(err, CMT_CORRUPT,
                                 "ValidatorSet: two validators have the same address");
    }
    set->proposer = *proposer;
    set->has_proposer = true;
    return CMT_OK;
}
