/* SPDX-License-Identifier: Apache-2.0
 *
 * The public keys of validators, told by field number (0.34 to 0.40) or by name (1.0 and later), and
 * the addresses that follow from them.
 */
#include "key.h"

#include "cleanup.h"
#include "wire.h"

#include <openssl/evp.h>
#include <string.h>

typedef struct type_row {
    cmt_key_type type;
    const char *name;
    size_t size;        /* 0: 33 or 65 */
    uint32_t field_old; /* in PublicKey of 0.34 to 0.40 */
    uint32_t field_new; /* from 1.0 on; 0: it has none */
} type_row;

static const type_row rows[] = {
    {CMT_KEY_ED25519, "ed25519", 32, 1, 1},          {CMT_KEY_SECP256K1, "secp256k1", 33, 2, 2},
    {CMT_KEY_BLS12381, "bls12_381", 96, 3, 3},       {CMT_KEY_MLDSA65, "ml_dsa_65", 1952, 4, 0},
    {CMT_KEY_SECP256K1ETH, "secp256k1eth", 0, 5, 4},
};
#define ROWS (sizeof rows / sizeof rows[0])

cmt_generation cmt_release_generation(cmt_release release)
{
    return release >= CMT_RELEASE_1_0 ? CMT_GENERATION_1 : CMT_GENERATION_0;
}

const char *cmt_key_type_name(cmt_key_type type)
{
    return (size_t)type < ROWS ? rows[type].name : "unknown";
}

cmt_status cmt_types_key_number(cmt_key_type type, cmt_generation generation, uint32_t *out,
                                cmt_error *err)
{
    uint32_t number = 0;
    if ((size_t)type < ROWS)
        number = generation == CMT_GENERATION_1 ? rows[type].field_new : rows[type].field_old;
    if (number == 0)
        return cmt_error_set(err, CMT_UNSUPPORTED, "public key: no type %s in this generation",
                             cmt_key_type_name(type));
    *out = number;
    return CMT_OK;
}

static bool size_fits(const type_row *row, size_t size)
{
    return row->size != 0 ? size == row->size : size == 33 || size == 65;
}

static cmt_status take(const type_row *row, uint32_t number, cmt_slice bytes, cmt_key_field *out,
                       cmt_error *err)
{
    if (!size_fits(row, bytes.size))
        return cmt_error_set(err, CMT_CORRUPT, "public key: %zu bytes are no %s key", bytes.size,
                             row->name);
    *out = (cmt_key_field){number, {row->type, bytes}};
    return CMT_OK;
}

/* The oneof PublicKey: the last field counts.  Nearly all are ed25519 keys and nothing else. */
cmt_status cmt_types_key_message(cmt_slice bytes, cmt_key_field *out, cmt_error *err)
{
    if (bytes.size == 34 && bytes.data[0] == 0x0a && bytes.data[1] == 32)
        return take(&rows[0], 1, (cmt_slice){bytes.data + 2, 32}, out, err);
    const type_row *row = NULL;
    cmt_slice key = {NULL, 0};
    cmt_wire_reader r = cmt_wire_read("PublicKey", bytes);
    cmt_wire_field f;
    while (cmt_wire_next(&r, &f)) {
        for (size_t i = 0; i < ROWS; i++) {
            if (rows[i].field_old != f.number)
                continue;
            CMT_TRY(cmt_wire_get_bytes(&r, &f, &key, err));
            row = &rows[i];
        }
    }
    CMT_TRY(cmt_wire_end(&r, err));
    if (row == NULL)
        return cmt_error_set(err, CMT_UNSUPPORTED, "public key: of no known type");
    return take(row, row->field_old, key, out, err);
}

cmt_status cmt_types_key_field(const cmt_validator *validator, cmt_key_field *out, cmt_error *err)
{
    if (validator->key_type.size == 0)
        return cmt_types_key_message(validator->pub_key, out, err);
    for (size_t i = 0; i < ROWS; i++) {
        cmt_slice name = {(const uint8_t *)rows[i].name, strlen(rows[i].name)};
        uint32_t number = rows[i].field_new != 0 ? rows[i].field_new : rows[i].field_old;
        if (cmt_slice_equal(validator->key_type, name))
            return take(&rows[i], number, validator->key_bytes, out, err);
    }
    return cmt_error_set(err, CMT_UNSUPPORTED, "public key: of no known type");
}

cmt_status cmt_validator_public_key(const cmt_validator *validator, cmt_public_key *out,
                                    cmt_error *err)
{
    cmt_key_field field;
    CMT_TRY(cmt_types_key_field(validator, &field, err));
    *out = field.key;
    return CMT_OK;
}

/* ---- addresses --------------------------------------------------------------------------- */

static cmt_status ripemd160(cmt_hash *hash, cmt_error *err)
{
    uint8_t out[EVP_MAX_MD_SIZE];
    const EVP_MD *ripemd = EVP_ripemd160();
    if (ripemd == NULL || EVP_Digest(hash->bytes, hash->size, out, NULL, ripemd, NULL) != 1)
        return cmt_error_set(err, CMT_UNSUPPORTED, "RIPEMD-160: libcrypto does not offer it");
    memcpy(hash->bytes, out, CMT_ADDRESS_SIZE);
    return CMT_OK;
}

cmt_status cmt_key_address(const cmt_public_key *key, cmt_hash *out, cmt_error *err)
{
    if (key->type == CMT_KEY_SECP256K1ETH)
        return cmt_error_set(err, CMT_UNSUPPORTED, "address: secp256k1eth needs Keccak-256");
    cmt_hash hash;
    CMT_TRY(cmt_sha256(key->bytes, &hash, err));
    if (key->type == CMT_KEY_SECP256K1)
        CMT_TRY(ripemd160(&hash, err));
    hash.size = CMT_ADDRESS_SIZE;
    memset(hash.bytes + CMT_ADDRESS_SIZE, 0, sizeof hash.bytes - CMT_ADDRESS_SIZE);
    *out = hash;
    return CMT_OK;
}
