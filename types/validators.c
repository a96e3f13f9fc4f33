/* SPDX-License-Identifier: Apache-2.0
 *
 * ValidatorSet, borrowed from its stored bytes and written back in the generation it was read in.
 *
 * A validator of 0.34 to 0.40 has fields 1 to 4, one of 1.0 has 1 and 3 to 6; a set may mix them.
 */
#include "types_internal.h"

#include "wire.h"

#include <inttypes.h>
#include <stdlib.h>

/* Tag, length and address: no validator is shorter, so a set's bytes bound its count. */
#define VALIDATOR_BYTES_MIN (2 + CMT_ADDRESS_SIZE)

void cmt_validator_set_free(cmt_validator_set *set)
{
    if (set == NULL)
        return;
    free(set->validators);
    free(set->storage);
    *set = (cmt_validator_set){0};
}

/* ---- decoding ---------------------------------------------------------------------------- */

static cmt_status read_validator(cmt_slice bytes, cmt_validator *v, cmt_error *err)
{
    cmt_wire_reader r = cmt_wire_read("Validator", bytes);
    cmt_wire_field f;
    while (cmt_wire_next(&r, &f)) {
        switch (f.number) {
        case 1:
            CMT_TRY(cmt_wire_get_bytes(&r, &f, &v->address, err));
            break;
        case 2:
            CMT_TRY(cmt_wire_get_whole(&r, &f, &v->has_pub_key, &v->pub_key, err));
            break;
        case 3:
            CMT_TRY(cmt_wire_get_int64(&r, &f, &v->voting_power, err));
            break;
        case 4:
            CMT_TRY(cmt_wire_get_int64(&r, &f, &v->proposer_priority, err));
            break;
        case 5:
            CMT_TRY(cmt_wire_get_bytes(&r, &f, &v->key_bytes, err));
            break;
        case 6:
            CMT_TRY(cmt_wire_get_bytes(&r, &f, &v->key_type, err));
            break;
        default:
            break;
        }
    }
    return cmt_wire_end(&r, err);
}

/* Source: types/validator.go ValidatorFromProto, Validator.ValidateBasic.  That the address belongs
 * to the key is not checked: this module does not hash. */
static cmt_status check_validator(const cmt_validator *v, cmt_error *err)
{
    if (v->address.size != CMT_ADDRESS_SIZE)
        return cmt_error_set(err, CMT_CORRUPT, "address of %zu bytes instead of %d",
                             v->address.size, CMT_ADDRESS_SIZE);
    if (v->pub_key.size == 0 && (v->key_bytes.size == 0 || v->key_type.size == 0))
        return cmt_error_set(err, CMT_CORRUPT, "it has no public key");
    if (v->voting_power < 0)
        return cmt_error_set(err, CMT_CORRUPT, "voting power %" PRId64 " is negative",
                             v->voting_power);
    return CMT_OK;
}

cmt_status cmt_types_check_validator(cmt_slice bytes, cmt_error *err)
{
    cmt_validator v = {0};
    CMT_TRY(read_validator(bytes, &v, err));
    return check_validator(&v, err);
}

/* All but field 1, which is only counted: it is allocated for once the count is known. */
static cmt_status read_head(cmt_slice bytes, cmt_validator_set *set, size_t *count, cmt_error *err)
{
    cmt_wire_reader r = cmt_wire_read("ValidatorSet", bytes);
    cmt_wire_field f;
    cmt_slice message;
    while (cmt_wire_next(&r, &f)) {
        switch (f.number) {
        case 1:
            CMT_TRY(cmt_wire_get_bytes(&r, &f, &message, err));
            if (message.size < VALIDATOR_BYTES_MIN)
                return cmt_error_set(err, CMT_CORRUPT, "ValidatorSet: validator %zu has %zu bytes",
                                     *count, message.size);
            ++*count;
            break;
        case 2:
            CMT_TRY(cmt_wire_get_bytes(&r, &f, &message, err));
            CMT_TRY(read_validator(message, &set->proposer, err));
            set->has_proposer = true;
            break;
        case 3:
            CMT_TRY(cmt_wire_get_int64(&r, &f, &set->stored_total, err));
            break;
        default:
            break;
        }
    }
    return cmt_wire_end(&r, err);
}

static cmt_status read_validators(cmt_slice bytes, cmt_validator_set *set, cmt_error *err)
{
    cmt_wire_reader r = cmt_wire_read("ValidatorSet", bytes);
    cmt_wire_field f;
    while (cmt_wire_next(&r, &f)) {
        if (f.number != 1)
            continue;
        cmt_validator *v = &set->validators[set->count];
        cmt_status st = read_validator(f.bytes, v, err);
        if (st == CMT_OK)
            st = check_validator(v, err);
        if (st != CMT_OK)
            return cmt_error_prefix(err, st, "ValidatorSet: validator %zu", set->count);
        set->count++;
    }
    return cmt_wire_end(&r, err);
}

/* Source: types/validator_set.go ValidatorSetFromProto, ValidatorSet.ValidateBasic */
static cmt_status check_proposer(const cmt_validator_set *set, cmt_error *err)
{
    if (set->count == 0 && !set->has_proposer)
        return CMT_OK;
    if (!set->has_proposer)
        return cmt_error_set(err, CMT_CORRUPT, "ValidatorSet: it has no proposer");
    cmt_status st = check_validator(&set->proposer, err);
    if (st != CMT_OK)
        return cmt_error_prefix(err, st, "ValidatorSet: proposer");
    for (size_t i = 0; i < set->count; i++) {
        if (cmt_slice_equal(set->validators[i].address, set->proposer.address))
            return CMT_OK;
    }
    return cmt_error_set(err, CMT_CORRUPT, "ValidatorSet: the proposer is none of its validators");
}

static cmt_status decode(cmt_slice bytes, cmt_validator_set *set, cmt_error *err)
{
    size_t count = 0;
    CMT_TRY(read_head(bytes, set, &count, err));
    if (count > 0) {
        set->validators = calloc(count, sizeof *set->validators);
        if (set->validators == NULL)
            return cmt_error_set(err, CMT_NO_MEMORY, "ValidatorSet: no memory for %zu validators",
                                 count);
    }
    CMT_TRY(read_validators(bytes, set, err));
    CMT_TRY(check_proposer(set, err));
    return cmt_types_total_power(set->validators, set->count, &set->total_voting_power, err);
}

cmt_status cmt_validator_set_decode(cmt_slice bytes, cmt_validator_set *out, cmt_error *err)
{
    *out = (cmt_validator_set){0};
    cmt_status st = decode(bytes, out, err);
    if (st != CMT_OK)
        cmt_validator_set_free(out);
    return st;
}

/* ---- encoding ---------------------------------------------------------------------------- */

static size_t validator_size(const cmt_validator *v)
{
    size_t size = cmt_wire_size_bytes(1, v->address.size);
    if (v->has_pub_key)
        size += cmt_wire_size_message(2, v->pub_key.size);
    size += cmt_wire_size_int64(3, v->voting_power);
    size += cmt_wire_size_int64(4, v->proposer_priority);
    size += cmt_wire_size_bytes(5, v->key_bytes.size);
    return size + cmt_wire_size_bytes(6, v->key_type.size);
}

static cmt_status write_validator(const cmt_validator *v, uint32_t number, cmt_buf *out)
{
    CMT_TRY(cmt_wire_put_head(out, number, validator_size(v)));
    CMT_TRY(cmt_wire_put_bytes(out, 1, v->address));
    if (v->has_pub_key)
        CMT_TRY(cmt_wire_put_message(out, 2, v->pub_key));
    CMT_TRY(cmt_wire_put_int64(out, 3, v->voting_power));
    CMT_TRY(cmt_wire_put_int64(out, 4, v->proposer_priority));
    CMT_TRY(cmt_wire_put_bytes(out, 5, v->key_bytes));
    return cmt_wire_put_bytes(out, 6, v->key_type);
}

static size_t set_size(const cmt_validator_set *set)
{
    size_t size = cmt_wire_size_int64(3, set->stored_total);
    for (size_t i = 0; i < set->count; i++)
        size += cmt_wire_size_message(1, validator_size(&set->validators[i]));
    if (set->has_proposer)
        size += cmt_wire_size_message(2, validator_size(&set->proposer));
    return size;
}

cmt_status cmt_validator_set_encode(const cmt_validator_set *set, cmt_buf *out)
{
    CMT_TRY(cmt_wire_start(out, set_size(set)));
    for (size_t i = 0; i < set->count; i++)
        CMT_TRY(write_validator(&set->validators[i], 1, out));
    if (set->has_proposer)
        CMT_TRY(write_validator(&set->proposer, 2, out));
    return cmt_wire_put_int64(out, 3, set->stored_total);
}
