/* SPDX-License-Identifier: Apache-2.0
 *
 * When a compaction is worth while.
 */
#include "cmtstore/compactor_schedule.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define MS_NS INT64_C(1000000)
#define SECOND_NS (1000 * MS_NS)
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

__extension__ typedef unsigned __int128 uint128;

/* ---- names ----------------------------------------------------------------------------------- */

static const char *const role_names[] = {"validator", "full", "archive", "replica"};
static const char *const trigger_names[] = {
    "none", "rest", "dead_ratio", "free_ratio", "tombstone_ratio", "pruned_heights"};
static const char *const reason_names[] = {"none",     "role", "clean", "retry",
                                           "interval", "work", "gain"};

const char *cmt_compact_role_name(cmt_compact_role role)
{
    return role_names[role];
}

cmt_status cmt_compact_role_from_name(const char *name, cmt_compact_role *out, cmt_error *err)
{
    for (size_t i = 0; i < COUNT(role_names); i++)
        if (strcmp(role_names[i], name) == 0) {
            *out = (cmt_compact_role)i;
            return CMT_OK;
        }
    return cmt_error_set(err, CMT_INVALID,
                         "\"%.64s\" is not a role: validator, full, archive or replica", name);
}

bool cmt_compact_role_may(cmt_compact_role role)
{
    return role == CMT_ROLE_VALIDATOR || role == CMT_ROLE_FULL;
}

const char *cmt_schedule_trigger_name(cmt_schedule_trigger trigger)
{
    return trigger_names[trigger];
}

const char *cmt_schedule_reason_name(cmt_schedule_reason reason)
{
    return reason_names[reason];
}

/* ---- thresholds ------------------------------------------------------------------------------ */

void cmt_schedule_defaults(cmt_schedule_config *out)
{
    *out = (cmt_schedule_config){
        .role = CMT_ROLE_FULL,
        .interval_ns = 3600 * SECOND_NS,
        .retry_ns = 10 * SECOND_NS,
        .min_work = 1,
        .min_dead_ratio = 0.3,
        .min_bytes = 10000000,
        .max_free_ratio = 0.20,
        .max_tombstone_ratio = 0.10,
        .compaction_interval = 1000,
    };
}

static cmt_schedule_config config_or_defaults(const cmt_schedule_config *config)
{
    cmt_schedule_config out;
    if (config != NULL)
        return *config;
    cmt_schedule_defaults(&out);
    return out;
}

/* ---- ratios ---------------------------------------------------------------------------------- */

/* 0.3 as a double is a little less than 0.3: what was meant has nine digits. */
#define BILLION 1000000000u

static uint64_t billionths(double ratio)
{
    if (!(ratio > 0))
        return 0;
    return ratio < 1 ? (uint64_t)(ratio * BILLION + 0.5) : BILLION;
}

/* <0, 0, >0: `part` of `whole` against `ratio`.  Of nothing no share is anything. */
static int compare_ratio(uint64_t part, uint64_t whole, double ratio)
{
    if (whole == 0)
        return billionths(ratio) > 0 ? -1 : 0;
    uint128 is = (uint128)part * BILLION;
    uint128 limit = (uint128)whole * billionths(ratio);
    return is < limit ? -1 : is > limit;
}

static bool too_much_is_free(uint64_t free, uint64_t total, const cmt_schedule_config *c)
{
    return total > 0 && compare_ratio(free, total, c->max_free_ratio) > 0;
}

static bool too_many_are_tombstones(uint64_t delta, uint64_t base_count, uint64_t total,
                                    const cmt_schedule_config *c)
{
    return total > 0 && base_count > 0 &&
           compare_ratio(delta, base_count, c->max_tombstone_ratio) > 0;
}

bool cmt_should_compact(uint64_t free, uint64_t total, uint64_t delta, uint64_t base_count,
                        const cmt_schedule_config *config)
{
    const cmt_schedule_config c = config_or_defaults(config);
    return too_much_is_free(free, total, &c) ||
           too_many_are_tombstones(delta, base_count, total, &c);
}

static uint64_t dead_bytes(uint64_t live, uint64_t total)
{
    return live < total ? total - live : 0;
}

bool cmt_is_dead_enough(uint64_t live, uint64_t total, const cmt_schedule_config *config)
{
    const cmt_schedule_config c = config_or_defaults(config);
    return total >= c.min_bytes &&
           compare_ratio(dead_bytes(live, total), total, c.min_dead_ratio) >= 0;
}

/* ---- times ----------------------------------------------------------------------------------- */

int64_t cmt_schedule_retry_after(uint32_t failures, const cmt_schedule_config *config)
{
    const cmt_schedule_config c = config_or_defaults(config);
    if (failures == 0)
        return 0;
    int64_t wait = c.retry_ns > 0 ? c.retry_ns : 0;
    for (uint32_t i = 1; i < failures && 0 < wait && wait < c.interval_ns; i++)
        wait = wait > INT64_MAX / 2 ? INT64_MAX : 2 * wait;
    return wait < c.interval_ns ? wait : c.interval_ns;
}

/* What is left of `wait_ns` since `then`.  A time in the future tells of a clock that was set, not of when to begin. */
static int64_t left_of(int64_t now, int64_t then, int64_t wait_ns)
{
    int64_t passed;
    if (then == 0 || then > now || __builtin_sub_overflow(now, then, &passed) || passed >= wait_ns)
        return 0;
    return wait_ns - passed;
}

/* ---- the decision ---------------------------------------------------------------------------- */

static cmt_schedule_trigger find_trigger(const cmt_schedule_facts *f, const cmt_schedule_config *c)
{
    if (f->has_rest)
        return CMT_TRIGGER_REST;
    if (cmt_is_dead_enough(f->live_bytes, f->total_bytes, c))
        return CMT_TRIGGER_DEAD_RATIO;
    if (too_much_is_free(f->free_bytes, f->total_bytes, c))
        return CMT_TRIGGER_FREE_RATIO;
    if (too_many_are_tombstones(f->tombstones, f->live_keys, f->total_bytes, c))
        return CMT_TRIGGER_TOMBSTONES;
    return f->heights > 0 && f->heights >= c->compaction_interval ? CMT_TRIGGER_HEIGHTS
                                                                  : CMT_TRIGGER_NONE;
}

static cmt_schedule_reason find_reason(cmt_schedule_decision *d)
{
    const cmt_schedule_facts *f = &d->facts;
    if (!cmt_compact_role_may(d->config.role))
        return CMT_NOT_DUE_ROLE;
    if (!f->dirty)
        return CMT_NOT_DUE_CLEAN;
    d->wait_ns =
        left_of(f->now_ns, f->failed_ns, cmt_schedule_retry_after(f->failures, &d->config));
    if (d->wait_ns > 0)
        return CMT_NOT_DUE_RETRY;
    if (f->has_rest)
        return CMT_NOT_DUE_NONE;
    d->wait_ns = left_of(f->now_ns, f->last_ns, d->config.interval_ns);
    if (d->wait_ns > 0)
        return CMT_NOT_DUE_INTERVAL;
    return f->work < d->config.min_work ? CMT_NOT_DUE_WORK : CMT_NOT_DUE_NONE;
}

cmt_schedule_decision cmt_schedule_decide(const cmt_schedule_facts *facts,
                                          const cmt_schedule_config *config)
{
    cmt_schedule_decision d = {.facts = *facts, .config = config_or_defaults(config)};
    d.reason = find_reason(&d);
    if (d.reason != CMT_NOT_DUE_NONE)
        return d;
    d.trigger = find_trigger(facts, &d.config);
    if (d.trigger == CMT_TRIGGER_NONE)
        d.reason = CMT_NOT_DUE_GAIN;
    return d;
}

bool cmt_schedule_is_due(const cmt_schedule_decision *decision)
{
    return decision->trigger != CMT_TRIGGER_NONE;
}

/* ---- in words -------------------------------------------------------------------------------- */

static int64_t wait_ms(const cmt_schedule_decision *d)
{
    return d->wait_ns / MS_NS + (d->wait_ns % MS_NS != 0);
}

static void describe_trigger(const cmt_schedule_decision *d, char *text, size_t size)
{
    const cmt_schedule_facts *f = &d->facts;
    const char *name = cmt_schedule_trigger_name(d->trigger);
    switch (d->trigger) {
    case CMT_TRIGGER_NONE:
    case CMT_TRIGGER_REST:
        snprintf(text, size, "%s", name);
        break;
    case CMT_TRIGGER_DEAD_RATIO:
        snprintf(text, size, "%s dead=%" PRIu64 " total=%" PRIu64 " min=%.9g", name,
                 dead_bytes(f->live_bytes, f->total_bytes), f->total_bytes,
                 d->config.min_dead_ratio);
        break;
    case CMT_TRIGGER_FREE_RATIO:
        snprintf(text, size, "%s free=%" PRIu64 " total=%" PRIu64 " max=%.9g", name, f->free_bytes,
                 f->total_bytes, d->config.max_free_ratio);
        break;
    case CMT_TRIGGER_TOMBSTONES:
        snprintf(text, size, "%s tombstones=%" PRIu64 " keys=%" PRIu64 " max=%.9g", name,
                 f->tombstones, f->live_keys, d->config.max_tombstone_ratio);
        break;
    case CMT_TRIGGER_HEIGHTS:
        snprintf(text, size, "%s heights=%" PRId64 " min=%" PRId64, name, f->heights,
                 d->config.compaction_interval);
        break;
    }
}

const char *cmt_schedule_describe(const cmt_schedule_decision *d, char *text, size_t size)
{
    const char *name = cmt_schedule_reason_name(d->reason);
    switch (d->reason) {
    case CMT_NOT_DUE_NONE:
        describe_trigger(d, text, size);
        break;
    case CMT_NOT_DUE_ROLE:
        snprintf(text, size, "%s is=%s", name, cmt_compact_role_name(d->config.role));
        break;
    case CMT_NOT_DUE_CLEAN:
    case CMT_NOT_DUE_GAIN:
        snprintf(text, size, "%s", name);
        break;
    case CMT_NOT_DUE_RETRY:
        snprintf(text, size, "%s wait_ms=%" PRId64 " failures=%" PRIu32, name, wait_ms(d),
                 d->facts.failures);
        break;
    case CMT_NOT_DUE_INTERVAL:
        snprintf(text, size, "%s wait_ms=%" PRId64, name, wait_ms(d));
        break;
    case CMT_NOT_DUE_WORK:
        snprintf(text, size, "%s is=%" PRIu64 " min=%" PRIu64, name, d->facts.work,
                 d->config.min_work);
        break;
    }
    return text;
}
