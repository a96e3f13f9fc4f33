/* SPDX-License-Identifier: Apache-2.0
 *
 * The genesis document as a node keeps it.
 */
#include "cmtstore/types_genesis.h"

#include "cleanup.h"
#include "json_read.h"
#include "json_write.h"
#include "types_internal.h"

#include <string.h>

/* A member of an object: its name in quotes and a colon behind, with what stands before it. */
#define PUT(text) CMT_TRY(cmt_json_put(out, text))
#define PUT_NUMBER(text, value)                                                                    \
    do {                                                                                           \
        PUT(text);                                                                                 \
        CMT_TRY(cmt_json_put_int64(out, value));                                                   \
    } while (0)
#define PUT_STRING(text, value)                                                                    \
    do {                                                                                           \
        PUT(text);                                                                                 \
        CMT_TRY(cmt_json_put_string(out, value));                                                  \
    } while (0)

static cmt_slice text_of(const char *string)
{
    return (cmt_slice){(const uint8_t *)string, strlen(string)};
}

/* What the releases disagree on; the object before is still open, and so is the last one here. */
static cmt_status put_extensions(const cmt_params *p, cmt_release release, cmt_buf *out)
{
    if (release == CMT_RELEASE_1_0) {
        PUT_NUMBER("},\"synchrony\":{\"precision\":", p->precision_ns);
        PUT_NUMBER(",\"message_delay\":", p->message_delay_ns);
        PUT_NUMBER("},\"feature\":{\"vote_extensions_enable_height\":",
                   p->core.vote_extensions_enable_height);
        PUT_NUMBER(",\"pbts_enable_height\":", p->pbts_enable_height);
        return CMT_OK;
    }
    PUT_NUMBER("},\"abci\":{\"vote_extensions_enable_height\":",
               p->core.vote_extensions_enable_height);
    if (release == CMT_RELEASE_0_40)
        PUT_STRING("},\"authority\":{\"authority\":", text_of(p->authority));
    return CMT_OK;
}

static cmt_status put_params(const cmt_params *p, cmt_release release, cmt_buf *out)
{
    PUT_NUMBER("{\"block\":{\"max_bytes\":", p->core.block_max_bytes);
    PUT_NUMBER(",\"max_gas\":", p->core.block_max_gas);
    PUT_NUMBER("},\"evidence\":{\"max_age_num_blocks\":", p->core.evidence_max_age_num_blocks);
    PUT_NUMBER(",\"max_age_duration\":", p->core.evidence_max_age_duration_ns);
    PUT_NUMBER(",\"max_bytes\":", p->core.evidence_max_bytes);
    PUT("},\"validator\":{\"pub_key_types\":[");
    for (size_t i = 0; i < p->key_type_count; i++)
        PUT_STRING(i > 0 ? "," : "", text_of(p->key_types[i]));
    PUT_NUMBER("]},\"version\":{\"app\":", (int64_t)p->core.version_app);
    CMT_TRY(put_extensions(p, release, out));
    PUT("}}");
    return CMT_OK;
}

/* ---- validators -------------------------------------------------------------------------- */

static const char *type_name(cmt_key_type type)
{
    if (type == CMT_KEY_ED25519)
        return "tendermint/PubKeyEd25519";
    return type == CMT_KEY_SECP256K1 ? "tendermint/PubKeySecp256k1" : "cometbft/PubKeyBls12_381";
}

/* A name that is none was refused by CometBFT's decoder. */
static cmt_status put_validator(const cmt_validator_update *v, const json_t *given, cmt_buf *out,
                                cmt_error *err)
{
    cmt_hash address;
    CMT_TRY(cmt_key_address(&v->key, &address, err));
    PUT("{\"address\":");
    CMT_TRY(cmt_json_put_hex(out, cmt_hash_slice(&address)));
    PUT_STRING(",\"pub_key\":{\"type\":", text_of(type_name(v->key.type)));
    PUT(",\"value\":");
    CMT_TRY(cmt_json_put_base64(out, v->key.bytes));
    PUT_NUMBER("},\"power\":", v->power);
    const json_t *name = cmt_json_member(given, "name");
    cmt_slice text = {(const uint8_t *)json_string_value(name), json_string_length(name)};
    PUT_STRING(",\"name\":", text);
    PUT("}");
    return CMT_OK;
}

static void free_json(json_t **root)
{
    json_decref(*root);
}

/* Their names stand in @p given only; NULL: they have none. */
static cmt_status put_list(const cmt_genesis *genesis, const json_t *given, cmt_buf *out,
                           cmt_error *err)
{
    PUT(",\"validators\":[");
    for (size_t i = 0; i < genesis->validator_count; i++) {
        PUT(i > 0 ? "," : "");
        CMT_TRY(put_validator(&genesis->validators[i], json_array_get(given, i), out, err));
    }
    PUT("]");
    return CMT_OK;
}

static cmt_status put_validators(const cmt_genesis *genesis, cmt_slice json, cmt_buf *out,
                                 cmt_error *err)
{
    if (genesis->validator_count == 0)
        return CMT_OK;
    if (json.size == 0)
        return put_list(genesis, NULL, out, err);
    cmt_slice span = cmt_json_span(json, "validators");
    CMT_AUTO(free_json)
    json_t *given = json_loadb((const char *)span.data, span.size,
                               JSON_DECODE_INT_AS_REAL | JSON_ALLOW_NUL, NULL);
    if (given == NULL || json_array_size(given) != genesis->validator_count)
        return cmt_error_set(err, CMT_INVALID, "validators stand elsewhere in the document");
    return put_list(genesis, given, out, err);
}

/* ---- the document ------------------------------------------------------------------------ */

static cmt_status put_document(const cmt_genesis *genesis, cmt_release release, cmt_slice json,
                               cmt_buf *out, cmt_error *err)
{
    PUT("{\"genesis_time\":");
    CMT_TRY(cmt_json_put_time(out, genesis->time));
    PUT_STRING(",\"chain_id\":", text_of(genesis->chain_id));
    PUT_NUMBER(",\"initial_height\":", genesis->initial_height);
    PUT(",\"consensus_params\":");
    CMT_TRY(put_params(&genesis->params, release, out));
    CMT_TRY(put_validators(genesis, json, out, err));
    PUT(",\"app_hash\":");
    CMT_TRY(cmt_json_put_hex(out, cmt_hash_slice(&genesis->app_hash)));
    cmt_slice app_state = cmt_json_span(json, "app_state");
    if (app_state.size > 0 && !cmt_slice_equal(app_state, CMT_SLICE("null"))) {
        PUT(",\"app_state\":");
        CMT_TRY(cmt_json_put_compact(out, app_state));
    }
    PUT("}");
    return CMT_OK;
}

static cmt_status rewrite(const cmt_genesis *genesis, cmt_release release, cmt_slice json,
                          cmt_buf *out, cmt_error *err)
{
    if (!genesis->has_time)
        return cmt_error_set(err, CMT_INVALID,
                             "genesis_time is missing; every node would begin with a time of its "
                             "own");
    CMT_AUTO(cmt_buf_free) cmt_buf made = CMT_BUF_INIT;
    cmt_status st = put_document(genesis, release, json, &made, err);
    if (st == CMT_NO_MEMORY)
        return cmt_error_set(err, st, "no memory for a document of %zu bytes", json.size);
    CMT_TRY(st);
    cmt_buf before = *out;
    *out = made;
    made = before; /* released with the scope */
    return CMT_OK;
}

cmt_status cmt_genesis_encode(const cmt_genesis *genesis, cmt_release release, cmt_buf *out,
                              cmt_error *err)
{
    cmt_status st = rewrite(genesis, release, (cmt_slice){NULL, 0}, out, err);
    return st == CMT_OK ? CMT_OK : cmt_error_prefix(err, st, "genesis");
}

cmt_status cmt_genesis_rewrite(cmt_slice json, cmt_release release, cmt_buf *out, cmt_error *err)
{
    if (release == CMT_RELEASE_1_0)
        return cmt_error_set(err, CMT_UNSUPPORTED,
                             "genesis: releases from 1.0 on keep its hash, not the document");
    cmt_genesis genesis;
    CMT_TRY(cmt_genesis_decode(json, release, &genesis, err));
    cmt_status st = rewrite(&genesis, release, json, out, err);
    cmt_genesis_free(&genesis);
    return st == CMT_OK ? CMT_OK : cmt_error_prefix(err, st, "genesis");
}
