/* SPDX-License-Identifier: Apache-2.0
 *
 * Changes of a validator set, with CometBFT's limits and its arithmetic of priorities.
 */
#include "types_internal.h"

#include "key.h"
#include "wire.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

__extension__ typedef __int128 int128;

/* One change with the address of its key, and the validator it changes. */
typedef struct change {
    cmt_hash address;
    cmt_public_key key;
    int64_t power;
    const cmt_validator *old; /* NULL: a new one */
} change;

typedef struct work {
    const cmt_validator_set *set;
    change *changes; /* sorted by address */
    size_t count;
    const cmt_validator **old; /* the set's validators sorted by address */
    cmt_validator *merged;     /* what the new set has; borrows from the set and the changes */
    int64_t added_priority;    /* of validators that join */
} work;

static void free_work(work *w)
{
    free(w->changes);
    free(w->old);
    free(w->merged);
}

static cmt_slice address_of(const change *c)
{
    return (cmt_slice){c->address.bytes, c->address.size};
}

/* ---- order ------------------------------------------------------------------------------- */

static int compare_changes(const void *a, const void *b)
{
    return cmt_slice_compare(address_of(a), address_of(b));
}

static int compare_old(const void *a, const void *b)
{
    const cmt_validator *const *x = a;
    const cmt_validator *const *y = b;
    return cmt_slice_compare((*x)->address, (*y)->address);
}

static int compare_address(const void *key, const void *element)
{
    const change *c = key;
    const cmt_validator *const *v = element;
    return cmt_slice_compare(address_of(c), (*v)->address);
}

/* Source: types/validator_set.go ValidatorsByVotingPower */
static int compare_power(const void *a, const void *b)
{
    const cmt_validator *x = a;
    const cmt_validator *y = b;
    if (x->voting_power != y->voting_power)
        return x->voting_power > y->voting_power ? -1 : 1;
    return cmt_slice_compare(x->address, y->address);
}

/* ---- checks ------------------------------------------------------------------------------ */

static cmt_status no_memory(size_t count, cmt_error *err)
{
    return cmt_error_set(err, CMT_NO_MEMORY, "validator set: no memory for %zu changes", count);
}

static cmt_status take_changes(work *w, const cmt_validator_update *changes, cmt_error *err)
{
    size_t room = w->set->count + w->count;
    w->changes = calloc(w->count, sizeof *w->changes);
    w->old = calloc(w->set->count + 1, sizeof *w->old);
    w->merged = calloc(room, sizeof *w->merged);
    if (w->changes == NULL || w->old == NULL || w->merged == NULL)
        return no_memory(w->count, err);
    for (size_t i = 0; i < w->set->count; i++)
        w->old[i] = &w->set->validators[i];
    qsort(w->old, w->set->count, sizeof *w->old, compare_old);
    for (size_t i = 0; i < w->count; i++) {
        change *c = &w->changes[i];
        c->key = changes[i].key;
        c->power = changes[i].power;
        CMT_TRY(cmt_key_address(&c->key, &c->address, err));
    }
    qsort(w->changes, w->count, sizeof *w->changes, compare_changes);
    for (size_t i = 0; i < w->count; i++) {
        const cmt_validator **old =
            bsearch(&w->changes[i], w->old, w->set->count, sizeof *w->old, compare_address);
        w->changes[i].old = old != NULL ? *old : NULL;
    }
    return CMT_OK;
}

/* Source: types/validator_set.go processChanges */
static cmt_status check_each(const work *w, bool may_remove, cmt_error *err)
{
    for (size_t i = 0; i < w->count; i++) {
        const change *c = &w->changes[i];
        if (i > 0 && compare_changes(c - 1, c) == 0)
            return cmt_error_set(err, CMT_INVALID, "validator set: two changes of one validator");
        if (c->power < 0 || c->power > CMT_VOTING_POWER_MAX)
            return cmt_error_set(err, CMT_INVALID,
                                 "validator set: voting power %" PRId64 " is not in [0,%" PRId64
                                 "]",
                                 c->power, (int64_t)CMT_VOTING_POWER_MAX);
        if (c->power == 0 && !may_remove)
            return cmt_error_set(err, CMT_INVALID, "validator set: a validator without power");
    }
    return CMT_OK;
}

/* Source: types/validator_set.go verifyRemovals, verifyUpdates, computeNewPriorities.  CometBFT adds
 * the differences from the smallest up, so that the last sum is the largest that it looks at. */
static cmt_status check_total(work *w, cmt_error *err)
{
    size_t removed = 0;
    size_t added = 0;
    int128 removed_power = 0;
    int128 total = w->set->total_voting_power;
    for (size_t i = 0; i < w->count; i++) {
        const change *c = &w->changes[i];
        int64_t before = c->old != NULL ? c->old->voting_power : 0;
        total += (int128)c->power - before;
        if (c->power == 0) {
            removed++;
            removed_power += before;
        } else if (c->old == NULL) {
            added++;
        }
    }
    if (added == 0 && w->set->count == removed)
        return cmt_error_set(err, CMT_INVALID, "validator set: the changes would leave it empty");
    for (size_t i = 0; i < w->count; i++) {
        if (w->changes[i].power == 0 && w->changes[i].old == NULL)
            return cmt_error_set(err, CMT_INVALID,
                                 "validator set: a validator to be removed is not in it");
    }
    if (total > CMT_VOTING_POWER_MAX)
        return cmt_error_set(err, CMT_INVALID,
                             "validator set: the total voting power would exceed %" PRId64,
                             (int64_t)CMT_VOTING_POWER_MAX);
    int64_t before_removals = (int64_t)(total + removed_power);
    w->added_priority = -(before_removals + (before_removals >> 3));
    return CMT_OK;
}

/* ---- the new set ------------------------------------------------------------------------- */

static cmt_validator changed(const work *w, const change *c)
{
    const char *type = cmt_key_type_name(c->key.type);
    return (cmt_validator){
        .address = address_of(c),
        .key_bytes = c->key.bytes,
        .key_type = {(const uint8_t *)type, strlen(type)},
        .voting_power = c->power,
        .proposer_priority = c->old != NULL ? c->old->proposer_priority : w->added_priority,
    };
}

/* Source: types/validator_set.go applyUpdates, applyRemovals */
static size_t merge(const work *w, cmt_validator *out)
{
    size_t count = 0;
    size_t o = 0;
    size_t c = 0;
    while (o < w->set->count || c < w->count) {
        int order = -1;
        if (o == w->set->count)
            order = 1;
        else if (c < w->count)
            order = cmt_slice_compare(w->old[o]->address, address_of(&w->changes[c]));
        if (order < 0) {
            out[count++] = *w->old[o++];
            continue;
        }
        if (w->changes[c].power > 0)
            out[count++] = changed(w, &w->changes[c]);
        c++;
        o += order == 0 ? 1 : 0;
    }
    return count;
}

static cmt_status prepare(work *w, const cmt_validator_update *changes, bool may_remove,
                          cmt_validator_set *next, cmt_error *err)
{
    CMT_TRY(take_changes(w, changes, err));
    CMT_TRY(check_each(w, may_remove, err));
    CMT_TRY(check_total(w, err));
    next->count = merge(w, w->merged);
    next->validators = w->merged;
    CMT_TRY(cmt_types_total_power(next->validators, next->count, &next->total_voting_power, err));
    cmt_types_level_priorities(next);
    qsort(next->validators, next->count, sizeof *next->validators, compare_power);
    next->has_proposer = w->set->has_proposer;
    next->proposer = w->set->proposer;
    next->stored_total = w->set->stored_total;
    return CMT_OK;
}

static cmt_status update(cmt_validator_set *set, const cmt_validator_update *changes, size_t count,
                         bool may_remove, cmt_generation generation, cmt_error *err)
{
    if (count == 0)
        return CMT_OK;
    work w = {.set = set, .count = count};
    cmt_validator_set next = {0}; /* owns nothing */
    cmt_validator_set result = {0};
    cmt_status st = prepare(&w, changes, may_remove, &next, err);
    if (st == CMT_OK)
        st = cmt_validator_set_copy(&next, generation, &result, err);
    free_work(&w);
    if (st != CMT_OK)
        return st;
    cmt_validator_set_free(set);
    *set = result;
    return CMT_OK;
}

cmt_status cmt_validator_set_update(cmt_validator_set *set, const cmt_validator_update *changes,
                                    size_t count, cmt_generation generation, cmt_error *err)
{
    return update(set, changes, count, true, generation, err);
}

cmt_status cmt_validator_set_new(const cmt_validator_update *changes, size_t count,
                                 cmt_generation generation, cmt_validator_set *out, cmt_error *err)
{
    *out = (cmt_validator_set){0};
    cmt_status st = update(out, changes, count, false, generation, err);
    if (st == CMT_OK && count > 0)
        st = cmt_validator_set_increment(out, 1, err);
    if (st != CMT_OK)
        cmt_validator_set_free(out);
    return st;
}

const cmt_validator *cmt_validator_set_find(const cmt_validator_set *set, cmt_slice address)
{
    for (size_t i = 0; i < set->count; i++) {
        if (cmt_slice_equal(set->validators[i].address, address))
            return &set->validators[i];
    }
    return NULL;
}

/* ---- ABCI's message ---------------------------------------------------------------------- */

cmt_status cmt_validator_update_decode(cmt_slice bytes, cmt_validator_update *out, cmt_error *err)
{
    cmt_validator v = {0};
    cmt_wire_reader r = cmt_wire_read("ValidatorUpdate", bytes);
    cmt_wire_field f;
    while (cmt_wire_next(&r, &f)) {
        if (f.number == 1)
            CMT_TRY(cmt_wire_get_whole(&r, &f, &v.has_pub_key, &v.pub_key, err));
        else if (f.number == 2)
            CMT_TRY(cmt_wire_get_int64(&r, &f, &v.voting_power, err));
        else if (f.number == 3)
            CMT_TRY(cmt_wire_get_bytes(&r, &f, &v.key_bytes, err));
        else if (f.number == 4)
            CMT_TRY(cmt_wire_get_bytes(&r, &f, &v.key_type, err));
    }
    CMT_TRY(cmt_wire_end(&r, err));
    cmt_public_key key;
    CMT_TRY(cmt_validator_public_key(&v, &key, err));
    *out = (cmt_validator_update){key, v.voting_power};
    return CMT_OK;
}
