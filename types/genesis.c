/* SPDX-License-Identifier: Apache-2.0
 *
 * The genesis document.
 */
#include "cmtstore/types_genesis.h"

#include "cleanup.h"
#include "json_read.h"
#include "types_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PARAMS "consensus_params."

static void free_json(json_t **root)
{
    json_decref(*root);
}

/* ---- parameters -------------------------------------------------------------------------- */

static cmt_status read_limits(const json_t *params, cmt_consensus_params *out, cmt_error *err)
{
    const json_t *block;
    const json_t *evidence;
    CMT_TRY(cmt_json_object(params, "block", PARAMS, &block, err));
    CMT_TRY(cmt_json_object(params, "evidence", PARAMS, &evidence, err));
    CMT_TRY(cmt_json_int64(block, "max_bytes", PARAMS "block.", &out->block_max_bytes, err));
    CMT_TRY(cmt_json_int64(block, "max_gas", PARAMS "block.", &out->block_max_gas, err));
    const char *path = PARAMS "evidence.";
    CMT_TRY(cmt_json_int64(evidence, "max_age_num_blocks", path, &out->evidence_max_age_num_blocks,
                           err));
    CMT_TRY(cmt_json_int64(evidence, "max_age_duration", path, &out->evidence_max_age_duration_ns,
                           err));
    return cmt_json_int64(evidence, "max_bytes", path, &out->evidence_max_bytes, err);
}

static cmt_status read_key_types(const json_t *params, cmt_params *out, cmt_error *err)
{
    const json_t *section;
    const json_t *list;
    CMT_TRY(cmt_json_object(params, "validator", PARAMS, &section, err));
    CMT_TRY(cmt_json_array(section, "pub_key_types", PARAMS "validator.", &list, err));
    size_t count = json_array_size(list);
    if (count > CMT_PARAMS_KEY_TYPES_MAX)
        return cmt_error_set(err, CMT_UNSUPPORTED,
                             PARAMS "validator.pub_key_types has %zu entries; at most %d are "
                                    "supported",
                             count, CMT_PARAMS_KEY_TYPES_MAX);
    for (size_t i = 0; i < count; i++) {
        const char *name = json_string_value(json_array_get(list, i));
        if (name == NULL || strlen(name) >= CMT_PARAMS_KEY_TYPE_SIZE)
            return cmt_error_set(err, CMT_INVALID,
                                 PARAMS "validator.pub_key_types[%zu] is no type of key", i);
        memcpy(out->key_types[i], name, strlen(name));
    }
    out->key_type_count = count;
    return CMT_OK;
}

static cmt_status read_since_1_0(const json_t *params, cmt_params *out, cmt_error *err)
{
    const json_t *synchrony;
    const json_t *feature;
    CMT_TRY(cmt_json_object(params, "synchrony", PARAMS, &synchrony, err));
    CMT_TRY(cmt_json_object(params, "feature", PARAMS, &feature, err));
    CMT_TRY(cmt_json_int64(synchrony, "precision", PARAMS "synchrony.", &out->precision_ns, err));
    CMT_TRY(cmt_json_int64(synchrony, "message_delay", PARAMS "synchrony.", &out->message_delay_ns,
                           err));
    const char *path = PARAMS "feature.";
    CMT_TRY(cmt_json_int64(feature, "vote_extensions_enable_height", path,
                           &out->core.vote_extensions_enable_height, err));
    return cmt_json_int64(feature, "pbts_enable_height", path, &out->pbts_enable_height, err);
}

static cmt_status read_until_0_40(const json_t *params, cmt_release release, cmt_params *out,
                                  cmt_error *err)
{
    const json_t *abci;
    const json_t *authority;
    CMT_TRY(cmt_json_object(params, "abci", PARAMS, &abci, err));
    CMT_TRY(cmt_json_int64(abci, "vote_extensions_enable_height", PARAMS "abci.",
                           &out->core.vote_extensions_enable_height, err));
    if (release != CMT_RELEASE_0_40)
        return CMT_OK;
    CMT_TRY(cmt_json_object(params, "authority", PARAMS, &authority, err));
    return cmt_json_text(authority, "authority", PARAMS "authority.", out->authority,
                         sizeof out->authority, err);
}

static cmt_status read_params(const json_t *root, cmt_release release, cmt_params *out,
                              cmt_error *err)
{
    const json_t *params;
    const json_t *version;
    int64_t app;
    CMT_TRY(cmt_json_object(root, "consensus_params", "", &params, err));
    if (params == NULL) {
        cmt_params_default(release, out);
        return CMT_OK;
    }
    CMT_TRY(read_limits(params, &out->core, err));
    CMT_TRY(read_key_types(params, out, err));
    CMT_TRY(cmt_json_object(params, "version", PARAMS, &version, err));
    CMT_TRY(cmt_json_int64(version, "app", PARAMS "version.", &app, err));
    if (app < 0)
        return cmt_error_set(err, CMT_INVALID, PARAMS "version.app is negative");
    out->core.version_app = (uint64_t)app;
    if (release == CMT_RELEASE_1_0)
        CMT_TRY(read_since_1_0(params, out, err));
    else
        CMT_TRY(read_until_0_40(params, release, out, err));
    return cmt_params_validate(out, release, err);
}

/* ---- validators -------------------------------------------------------------------------- */

static const struct {
    const char *name;
    cmt_key_type type;
    size_t size;
} key_names[] = {
    {"tendermint/PubKeyEd25519", CMT_KEY_ED25519, 32},
    {"tendermint/PubKeySecp256k1", CMT_KEY_SECP256K1, 33},
    {"cometbft/PubKeyBls12_381", CMT_KEY_BLS12381, 96},
};

/* @p room is for the largest key in the list above. */
static cmt_status read_key(const json_t *validator, const char *path, uint8_t *room,
                           cmt_public_key *out, cmt_error *err)
{
    const json_t *key;
    char name[64];
    char key_path[64];
    CMT_TRY(cmt_json_object(validator, "pub_key", path, &key, err));
    if (key == NULL)
        return cmt_error_set(err, CMT_INVALID, "%spub_key is missing", path);
    snprintf(key_path, sizeof key_path, "%spub_key.", path);
    CMT_TRY(cmt_json_text(key, "type", key_path, name, sizeof name, err));
    for (size_t i = 0; i < sizeof key_names / sizeof key_names[0]; i++) {
        if (strcmp(name, key_names[i].name) != 0)
            continue;
        size_t size = 0;
        CMT_TRY(cmt_json_base64(key, "value", key_path, room, key_names[i].size, &size, err));
        if (size != key_names[i].size)
            return cmt_error_set(err, CMT_INVALID, "%svalue has %zu bytes instead of %zu", key_path,
                                 size, key_names[i].size);
        *out = (cmt_public_key){key_names[i].type, {room, size}};
        return CMT_OK;
    }
    return cmt_error_set(err, CMT_UNSUPPORTED, "%stype is \"%s\", which is no known type of key",
                         key_path, name);
}

static cmt_status read_validator(const json_t *validator, size_t index, uint8_t *room,
                                 cmt_validator_update *out, cmt_error *err)
{
    char path[40];
    snprintf(path, sizeof path, "validators[%zu].", index);
    if (!json_is_object(validator))
        return cmt_error_set(err, CMT_INVALID, "validators[%zu] is no object", index);
    CMT_TRY(read_key(validator, path, room, &out->key, err));
    CMT_TRY(cmt_json_int64(validator, "power", path, &out->power, err));
    if (out->power <= 0)
        return cmt_error_set(err, CMT_INVALID, "%spower is %" PRId64 "; it must be positive", path,
                             out->power);
    cmt_hash said;
    cmt_hash address;
    CMT_TRY(cmt_json_hex(validator, "address", path, &said, err));
    CMT_TRY(cmt_key_address(&out->key, &address, err));
    if (said.size > 0 && !cmt_hash_equal(&said, &address))
        return cmt_error_set(err, CMT_INVALID, "%saddress is not that of its pub_key", path);
    return CMT_OK;
}

static cmt_status read_validators(const json_t *root, cmt_genesis *out, cmt_error *err)
{
    const json_t *list;
    CMT_TRY(cmt_json_array(root, "validators", "", &list, err));
    size_t count = json_array_size(list);
    if (count == 0)
        return CMT_OK;
    const size_t room = 96; /* the largest key in key_names */
    out->validators = calloc(count, sizeof *out->validators);
    out->keys = calloc(count, room);
    if (out->validators == NULL || out->keys == NULL)
        return cmt_error_set(err, CMT_NO_MEMORY, "no memory for %zu validators", count);
    for (size_t i = 0; i < count; i++)
        CMT_TRY(read_validator(json_array_get(list, i), i, out->keys + i * room,
                               &out->validators[i], err));
    out->validator_count = count;
    return CMT_OK;
}

/* ---- the document ------------------------------------------------------------------------ */

static cmt_status read_document(const json_t *root, cmt_release release, cmt_genesis *out,
                                cmt_error *err)
{
    if (!json_is_object(root))
        return cmt_error_set(err, CMT_INVALID, "the document is no object");
    CMT_TRY(cmt_json_text(root, "chain_id", "", out->chain_id, sizeof out->chain_id, err));
    if (out->chain_id[0] == '\0')
        return cmt_error_set(err, CMT_INVALID, "chain_id is missing or empty");
    CMT_TRY(cmt_json_int64(root, "initial_height", "", &out->initial_height, err));
    if (out->initial_height < 0)
        return cmt_error_set(err, CMT_INVALID, "initial_height is negative: %" PRId64,
                             out->initial_height);
    if (out->initial_height == 0)
        out->initial_height = 1;
    out->time = CMT_GO_ZERO_TIME;
    CMT_TRY(cmt_json_time(root, "genesis_time", "", &out->has_time, &out->time, err));
    CMT_TRY(cmt_json_hex(root, "app_hash", "", &out->app_hash, err));
    CMT_TRY(read_params(root, release, &out->params, err));
    return read_validators(root, out, err);
}

static cmt_status decode(cmt_slice json, cmt_release release, cmt_genesis *out, cmt_error *err)
{
    /* app_state may hold numbers of any size; all of ours stand in quotes. */
    json_error_t where;
    CMT_AUTO(free_json)
    json_t *root = json_loadb((const char *)json.data, json.size,
                              JSON_DECODE_INT_AS_REAL | JSON_ALLOW_NUL, &where);
    if (root == NULL)
        return cmt_error_set(err, CMT_INVALID, "line %d: %s", where.line, where.text);
    return read_document(root, release, out, err);
}

cmt_status cmt_genesis_decode(cmt_slice json, cmt_release release, cmt_genesis *out, cmt_error *err)
{
    *out = (cmt_genesis){0};
    cmt_status st = decode(json, release, out, err);
    if (st == CMT_OK)
        return CMT_OK;
    cmt_genesis_free(out);
    return cmt_error_prefix(err, st, "genesis");
}

void cmt_genesis_free(cmt_genesis *genesis)
{
    if (genesis == NULL)
        return;
    free(genesis->validators);
    free(genesis->keys);
    *genesis = (cmt_genesis){0};
}
