/* SPDX-License-Identifier: Apache-2.0
 *
 * What evidence says of validators, as the application is told.
 */
#include "executor_internal.h"

#include "wire.h"

#include <stdlib.h>
#include <string.h>

typedef struct list {
    cmt_misbehavior *items;
    size_t count;
    size_t room;
} list;

static cmt_status add(list *out, const cmt_misbehavior *item, cmt_error *err)
{
    if (out->count == out->room) {
        size_t room = out->room > 0 ? 2 * out->room : 4;
        cmt_misbehavior *items = realloc(out->items, room * sizeof *items);
        if (items == NULL)
            return cmt_error_set(err, CMT_NO_MEMORY, "no memory for misbehavior");
        out->items = items;
        out->room = room;
    }
    out->items[out->count++] = *item;
    return CMT_OK;
}

static cmt_hash address_of(cmt_slice bytes)
{
    cmt_hash hash = {.size = bytes.size < sizeof hash.bytes ? bytes.size : sizeof hash.bytes};
    if (hash.size > 0)
        memcpy(hash.bytes, bytes.data, hash.size);
    return hash;
}

/* Source: types/evidence.go DuplicateVoteEvidence.ABCI */
static cmt_status add_votes(const cmt_duplicate_vote *votes, list *out, cmt_error *err)
{
    const cmt_misbehavior item = {
        .type = CMT_MISBEHAVIOR_DUPLICATE_VOTE,
        .address = address_of(votes->vote_a.address),
        .power = votes->validator_power,
        .height = votes->vote_a.content.height,
        .time = votes->timestamp,
        .total_voting_power = votes->total_voting_power,
    };
    return add(out, &item, err);
}

/* ---- light client attack ----------------------------------------------------------------- */

static cmt_status read_time(cmt_slice bytes, cmt_time *out, cmt_error *err)
{
    *out = (cmt_time){0, 0};
    cmt_wire_reader r = cmt_wire_read("Timestamp", bytes);
    cmt_wire_field f;
    int64_t nanos = 0;
    while (cmt_wire_next(&r, &f)) {
        if (f.number == 1)
            CMT_TRY(cmt_wire_get_int64(&r, &f, &out->seconds, err));
        else if (f.number == 2)
            CMT_TRY(cmt_wire_get_int64(&r, &f, &nanos, err));
    }
    out->nanos = (int32_t)nanos;
    return cmt_wire_end(&r, err);
}

static cmt_status read_attack(cmt_slice bytes, cmt_misbehavior *out, cmt_error *err)
{
    cmt_slice time;
    cmt_wire_reader r = cmt_wire_read("LightClientAttackEvidence", bytes);
    cmt_wire_field f;
    while (cmt_wire_next(&r, &f)) {
        if (f.number == 2) {
            CMT_TRY(cmt_wire_get_int64(&r, &f, &out->height, err));
        } else if (f.number == 4) {
            CMT_TRY(cmt_wire_get_int64(&r, &f, &out->total_voting_power, err));
        } else if (f.number == 5) {
            CMT_TRY(cmt_wire_get_bytes(&r, &f, &time, err));
            CMT_TRY(read_time(time, &out->time, err));
        }
    }
    return cmt_wire_end(&r, err);
}

/* A Validator message of either generation; the address is taken from the key, as CometBFT does. */
static cmt_status read_validator(cmt_slice bytes, cmt_misbehavior *out, cmt_error *err)
{
    cmt_validator v = {.has_pub_key = false};
    cmt_wire_reader r = cmt_wire_read("Validator", bytes);
    cmt_wire_field f;
    while (cmt_wire_next(&r, &f)) {
        if (f.number == 2) {
            CMT_TRY(cmt_wire_get_bytes(&r, &f, &v.pub_key, err));
            v.has_pub_key = true;
        } else if (f.number == 3) {
            CMT_TRY(cmt_wire_get_int64(&r, &f, &v.voting_power, err));
        } else if (f.number == 5) {
            CMT_TRY(cmt_wire_get_bytes(&r, &f, &v.key_bytes, err));
        } else if (f.number == 6) {
            CMT_TRY(cmt_wire_get_bytes(&r, &f, &v.key_type, err));
        }
    }
    CMT_TRY(cmt_wire_end(&r, err));
    cmt_public_key key;
    CMT_TRY(cmt_validator_public_key(&v, &key, err));
    CMT_TRY(cmt_key_address(&key, &out->address, err));
    out->power = v.voting_power;
    return CMT_OK;
}

/* One for each validator of the attack.  Source: types/evidence.go LightClientAttackEvidence.ABCI */
static cmt_status add_attack(cmt_slice bytes, list *out, cmt_error *err)
{
    cmt_misbehavior item = {.type = CMT_MISBEHAVIOR_LIGHT_CLIENT_ATTACK, .time = {-62135596800, 0}};
    CMT_TRY(read_attack(bytes, &item, err));
    cmt_wire_reader r = cmt_wire_read("LightClientAttackEvidence", bytes);
    cmt_wire_field f;
    while (cmt_wire_next(&r, &f)) {
        if (f.number != 3)
            continue;
        CMT_TRY(read_validator(f.bytes, &item, err));
        CMT_TRY(add(out, &item, err));
    }
    return cmt_wire_end(&r, err);
}

static cmt_status add_evidence(cmt_slice evidence, list *out, cmt_error *err)
{
    cmt_duplicate_vote votes;
    cmt_status st = cmt_duplicate_vote_read(evidence, &votes, err);
    if (st == CMT_OK)
        return add_votes(&votes, out, err);
    if (st != CMT_NOT_FOUND)
        return st;
    cmt_slice attack = {NULL, 0};
    cmt_wire_reader r = cmt_wire_read("Evidence", evidence);
    cmt_wire_field f;
    while (cmt_wire_next(&r, &f))
        if (f.number == 2)
            CMT_TRY(cmt_wire_get_bytes(&r, &f, &attack, err));
    CMT_TRY(cmt_wire_end(&r, err));
    return add_attack(attack, out, err);
}

cmt_status cmt_blockexec__misbehavior(const cmt_slice *evidence, size_t count,
                                      cmt_misbehavior **out, size_t *out_count, cmt_error *err)
{
    list found = {NULL, 0, 0};
    for (size_t i = 0; i < count; i++) {
        cmt_status st = add_evidence(evidence[i], &found, err);
        if (st != CMT_OK) {
            free(found.items);
            return cmt_error_prefix(err, st, "evidence %zu", i);
        }
    }
    *out = found.items;
    *out_count = found.count;
    return CMT_OK;
}
