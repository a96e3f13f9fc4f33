/* SPDX-License-Identifier: Apache-2.0
 *
 * Validator sets that own what they point to: addresses and keys in one piece of memory.
 */
#include "types_internal.h"

#include "key.h"
#include "wire.h"

#include <stdlib.h>
#include <string.h>

/* Where a key goes in the generation asked for. */
static cmt_status place_key(const cmt_validator *v, cmt_generation generation, cmt_key_field *out,
                            cmt_error *err)
{
    CMT_TRY(cmt_types_key_field(v, out, err));
    return cmt_types_key_number(out->key.type, generation, &out->number, err);
}

static size_t bytes_of(const cmt_validator *v, const cmt_key_field *key)
{
    return v->address.size + cmt_wire_size_message(key->number, key->key.bytes.size);
}

static cmt_status measure(const cmt_validator_set *set, cmt_generation generation, size_t *size,
                          cmt_error *err)
{
    cmt_key_field key;
    for (size_t i = 0; i < set->count; i++) {
        CMT_TRY(place_key(&set->validators[i], generation, &key, err));
        *size += bytes_of(&set->validators[i], &key);
    }
    if (set->has_proposer) {
        CMT_TRY(place_key(&set->proposer, generation, &key, err));
        *size += bytes_of(&set->proposer, &key);
    }
    return CMT_OK;
}

/* Append @p bytes to the storage, which has room; returns where they now stand. */
static cmt_slice keep(cmt_buf *storage, cmt_slice bytes)
{
    uint8_t *at = storage->data + storage->size;
    memcpy(at, bytes.data, bytes.size);
    storage->size += bytes.size;
    return (cmt_slice){at, bytes.size};
}

static cmt_status copy_validator(const cmt_validator *from, cmt_generation generation,
                                 cmt_buf *storage, cmt_validator *to, cmt_error *err)
{
    cmt_key_field key;
    CMT_TRY(place_key(from, generation, &key, err));
    *to = (cmt_validator){
        .voting_power = from->voting_power,
        .proposer_priority = from->proposer_priority,
    };
    to->address = keep(storage, from->address);
    if (generation == CMT_GENERATION_1) {
        const char *name = cmt_key_type_name(key.key.type);
        to->key_bytes = keep(storage, key.key.bytes);
        to->key_type = (cmt_slice){(const uint8_t *)name, strlen(name)};
        return CMT_OK;
    }
    size_t begin = storage->size;
    cmt_status st = cmt_wire_put_message(storage, key.number, key.key.bytes);
    if (st != CMT_OK)
        return cmt_error_set(err, st, "validator set: no memory to copy it");
    to->has_pub_key = true;
    to->pub_key = (cmt_slice){storage->data + begin, storage->size - begin};
    return CMT_OK;
}

static cmt_status copy(const cmt_validator_set *set, cmt_generation generation, cmt_buf *storage,
                       cmt_validator_set *out, cmt_error *err)
{
    size_t size = 0;
    CMT_TRY(measure(set, generation, &size, err));
    out->validators = calloc(set->count > 0 ? set->count : 1, sizeof *out->validators);
    cmt_status st = cmt_buf_reserve(storage, size);
    if (out->validators == NULL || st != CMT_OK)
        return cmt_error_set(err, CMT_NO_MEMORY, "validator set: no memory to copy it");
    for (size_t i = 0; i < set->count; i++)
        CMT_TRY(copy_validator(&set->validators[i], generation, storage, &out->validators[i], err));
    out->count = set->count;
    if (set->has_proposer)
        CMT_TRY(copy_validator(&set->proposer, generation, storage, &out->proposer, err));
    out->has_proposer = set->has_proposer;
    out->total_voting_power = set->total_voting_power;
    out->stored_total = set->stored_total;
    return CMT_OK;
}

cmt_status cmt_validator_set_copy(const cmt_validator_set *set, cmt_generation generation,
                                  cmt_validator_set *out, cmt_error *err)
{
    cmt_buf storage = CMT_BUF_INIT;
    *out = (cmt_validator_set){0};
    cmt_status st = copy(set, generation, &storage, out, err);
    out->storage = storage.data;
    if (st != CMT_OK)
        cmt_validator_set_free(out);
    return st;
}
