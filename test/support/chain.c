/* SPDX-License-Identifier: Apache-2.0
 *
 * Stored values as CometBFT writes them.
 */
#include "chain.h"

#include "cleanup.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* ---- protobuf ---------------------------------------------------------------------------- */

static void put_byte(cmt_buf *out, uint8_t byte)
{
    CHAIN_EQUAL(cmt_buf_append(out, &byte, 1), CMT_OK);
}

static void put_varint(cmt_buf *out, uint64_t value)
{
    for (; value >= 128; value /= 128)
        put_byte(out, (uint8_t)(value % 128 + 128));
    put_byte(out, (uint8_t)value);
}

/* A number; 0 is left out. */
static void put_number(cmt_buf *out, unsigned field, int64_t value)
{
    if (value == 0)
        return;
    put_varint(out, field * 8);
    put_varint(out, (uint64_t)value);
}

/* A message or bytes, also when empty. */
static void put_bytes(cmt_buf *out, unsigned field, const void *data, size_t size)
{
    put_varint(out, field * 8 + 2);
    put_varint(out, size);
    CHAIN_EQUAL(cmt_buf_append(out, data, size), CMT_OK);
}

/* Put what was collected in `message` and empty it. */
static void put_message(cmt_buf *out, unsigned field, cmt_buf *message)
{
    put_bytes(out, field, message->data, message->size);
    cmt_buf_clear(message);
}

static void put_time(cmt_buf *out, unsigned field, cmt_time time)
{
    CMT_AUTO(cmt_buf_free) cmt_buf message = CMT_BUF_INIT;
    put_number(&message, 1, time.seconds);
    put_number(&message, 2, time.nanos);
    put_message(out, field, &message);
}

static void put_block_id(cmt_buf *out, unsigned field, const uint8_t *hash, uint32_t parts)
{
    CMT_AUTO(cmt_buf_free) cmt_buf id = CMT_BUF_INIT;
    CMT_AUTO(cmt_buf_free) cmt_buf header = CMT_BUF_INIT;
    if (hash != NULL) {
        put_bytes(&id, 1, hash, CMT_HASH_SIZE);
        put_number(&header, 1, parts);
        put_bytes(&header, 2, hash, CMT_HASH_SIZE);
    }
    put_message(&id, 2, &header);
    put_message(out, field, &id);
}

/* ---- block store ------------------------------------------------------------------------- */

static void put_header(cmt_buf *out, unsigned field, const chain_block *block)
{
    CMT_AUTO(cmt_buf_free) cmt_buf header = CMT_BUF_INIT;
    CMT_AUTO(cmt_buf_free) cmt_buf version = CMT_BUF_INIT;
    put_number(&version, 1, 11);
    put_message(&header, 1, &version);
    put_bytes(&header, 2, "chain", 5);
    put_number(&header, 3, block->height);
    put_time(&header, 4, block->time);
    put_block_id(&header, 5, NULL, 0);
    for (unsigned i = 6; i <= 13; i++)
        put_bytes(&header, i, block->hash, CMT_HASH_SIZE);
    put_bytes(&header, 14, block->hash, CMT_ADDRESS_SIZE);
    put_message(out, field, &header);
}

void chain_encode_meta(const chain_block *block, cmt_buf *out)
{
    cmt_buf_clear(out);
    put_block_id(out, 1, block->hash, block->parts);
    put_number(out, 2, 1000);
    put_header(out, 3, block);
    put_number(out, 4, 2);
}

void chain_encode_part(uint32_t index, uint32_t total, cmt_slice piece, cmt_buf *out)
{
    static const uint8_t hash[CMT_HASH_SIZE] = {1};
    CMT_AUTO(cmt_buf_free) cmt_buf proof = CMT_BUF_INIT;
    put_number(&proof, 1, total);
    put_number(&proof, 2, index);
    put_bytes(&proof, 3, hash, sizeof hash);
    cmt_buf_clear(out);
    put_number(out, 1, index);
    put_bytes(out, 2, piece.data, piece.size);
    put_message(out, 3, &proof);
}

void chain_encode_commit(int64_t height, bool extended, cmt_buf *out)
{
    static const uint8_t bytes[64] = {2};
    CMT_AUTO(cmt_buf_free) cmt_buf signature = CMT_BUF_INIT;
    put_number(&signature, 1, 2);
    put_bytes(&signature, 2, bytes, CMT_ADDRESS_SIZE);
    put_time(&signature, 3, (cmt_time){height, 5});
    put_bytes(&signature, 4, bytes, sizeof bytes);
    if (extended) {
        put_bytes(&signature, 5, "extension", 9);
        put_bytes(&signature, 6, bytes, sizeof bytes);
    }
    cmt_buf_clear(out);
    put_number(out, 1, height);
    put_number(out, 2, 1);
    put_block_id(out, 3, bytes, 1);
    put_message(out, 4, &signature);
}

void chain_encode_block_store_state(int64_t base, int64_t height, cmt_buf *out)
{
    cmt_buf_clear(out);
    put_number(out, 1, base);
    put_number(out, 2, height);
}

/* ---- state store ------------------------------------------------------------------------- */

static void encode_validator(uint64_t seed, size_t index, cmt_buf *out)
{
    uint8_t bytes[CMT_HASH_SIZE];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(seed >> i % 8 * 8 ^ i * 31);
    bytes[0] = (uint8_t)index;
    CMT_AUTO(cmt_buf_free) cmt_buf key = CMT_BUF_INIT;
    put_bytes(&key, 1, bytes, sizeof bytes);
    cmt_buf_clear(out);
    put_bytes(out, 1, bytes, CMT_ADDRESS_SIZE);
    put_message(out, 2, &key);
    put_number(out, 3, 10 + (int64_t)((seed >> 3 ^ index * 5) % 23));
    put_number(out, 4, (int64_t)((seed >> 7 ^ index * 11) % 40) - 20);
}

void chain_encode_validator_set(uint64_t seed, size_t count, cmt_buf *out)
{
    CMT_AUTO(cmt_buf_free) cmt_buf validator = CMT_BUF_INIT;
    cmt_buf_clear(out);
    for (size_t i = 0; i < count; i++) {
        encode_validator(seed, i, &validator);
        put_message(out, 1, &validator);
    }
    encode_validator(seed, 0, &validator);
    put_message(out, 2, &validator);
}

void chain_encode_validators_info(const cmt_buf *set, int64_t last_changed, cmt_buf *out)
{
    cmt_buf_clear(out);
    if (set != NULL)
        put_bytes(out, 1, set->data, set->size);
    put_number(out, 2, last_changed);
}

void chain_encode_params(int64_t blocks, int64_t seconds, cmt_buf *out)
{
    CMT_AUTO(cmt_buf_free) cmt_buf part = CMT_BUF_INIT;
    CMT_AUTO(cmt_buf_free) cmt_buf duration = CMT_BUF_INIT;
    cmt_buf_clear(out);
    put_number(&part, 1, 22020096);
    put_number(&part, 2, -1);
    put_message(out, 1, &part);
    put_number(&duration, 1, seconds);
    put_number(&part, 1, blocks);
    put_message(&part, 2, &duration);
    put_number(&part, 3, 1048576);
    put_message(out, 2, &part);
    put_bytes(&part, 1, "ed25519", 7);
    put_message(out, 3, &part);
    put_message(out, 4, &part);
    put_message(out, 5, &part);
}

void chain_encode_params_info(const cmt_buf *params, bool as_0_34, int64_t last_changed,
                              cmt_buf *out)
{
    static const uint8_t empty_0_34[] = {0x0a, 0x00, 0x12, 0x02, 0x12,
                                         0x00, 0x1a, 0x00, 0x22, 0x00};
    cmt_buf_clear(out);
    if (params != NULL)
        put_bytes(out, 1, params->data, params->size);
    else
        put_bytes(out, 1, empty_0_34, as_0_34 ? sizeof empty_0_34 : 0);
    put_number(out, 2, last_changed);
}

void chain_encode_state(const chain_state *state, cmt_buf *out)
{
    CMT_AUTO(cmt_buf_free) cmt_buf part = CMT_BUF_INIT;
    CMT_AUTO(cmt_buf_free) cmt_buf consensus = CMT_BUF_INIT;
    cmt_buf_clear(out);
    put_number(&consensus, 1, 11);
    put_message(&part, 1, &consensus);
    put_bytes(&part, 2, "0.38.0", 6);
    put_message(out, 1, &part);
    put_bytes(out, 2, "chain", 5);
    put_number(out, 3, state->last_block_height);
    put_block_id(out, 4, NULL, 0);
    put_time(out, 5, state->last_block_time);
    for (unsigned field = 6; field <= 8; field++) {
        chain_encode_validator_set(field, 2, &part);
        put_message(out, field, &part);
    }
    put_number(out, 9, state->initial_height);
    chain_encode_params(state->evidence_blocks, state->evidence_seconds, &part);
    put_message(out, 10, &part);
    put_number(out, 11, state->initial_height);
    put_bytes(out, 13, "app", 3);
    put_number(out, 14, state->initial_height);
}

void chain_encode_signed_varint(int64_t value, cmt_buf *out)
{
    cmt_buf_clear(out);
    put_varint(out, value < 0 ? ~((uint64_t)value << 1) : (uint64_t)value << 1);
}

/* ---- databases --------------------------------------------------------------------------- */

#define KEY_MAX 128

static cmt_slice format_key(char text[KEY_MAX], const char *format, va_list args)
{
    // NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): the callers start it
    int length = vsnprintf(text, KEY_MAX, format, args);
    CHAIN_REQUIRE(length >= 0 && length < KEY_MAX);
    return (cmt_slice){(const uint8_t *)text, (size_t)length};
}

void chain_put(cmt_db *db, const cmt_buf *value, const char *key_format, ...)
{
    char text[KEY_MAX];
    va_list args;
    va_start(args, key_format);
    cmt_slice key = format_key(text, key_format, args);
    va_end(args);
    CHAIN_EQUAL(cmt_db_memory_put(db, key, cmt_buf_slice(value)), CMT_OK);
}

void chain_put_text(cmt_db *db, const char *value, const char *key_format, ...)
{
    char text[KEY_MAX];
    va_list args;
    va_start(args, key_format);
    cmt_slice key = format_key(text, key_format, args);
    va_end(args);
    cmt_slice bytes = {(const uint8_t *)value, strlen(value)};
    CHAIN_EQUAL(cmt_db_memory_put(db, key, bytes), CMT_OK);
}

void chain_delete(cmt_db *db, const char *key_format, ...)
{
    char text[KEY_MAX];
    va_list args;
    va_start(args, key_format);
    cmt_slice key = format_key(text, key_format, args);
    va_end(args);
    cmt_db_memory_delete(db, key);
}

bool chain_get(cmt_db *db, cmt_buf *value, const char *key_format, ...)
{
    char text[KEY_MAX];
    va_list args;
    va_start(args, key_format);
    cmt_slice key = format_key(text, key_format, args);
    va_end(args);
    CMT_AUTO(cmt_buf_free) cmt_buf unused = CMT_BUF_INIT;
    cmt_status st = cmt_db_get(db, key, value != NULL ? value : &unused, NULL);
    CHAIN_REQUIRE(st == CMT_OK || st == CMT_NOT_FOUND);
    return st == CMT_OK;
}

void chain_hash_key(const chain_block *block, char key[68])
{
    memcpy(key, "BH:", 3);
    for (size_t i = 0; i < CMT_HASH_SIZE; i++)
        snprintf(key + 3 + 2 * i, 3, "%02x", block->hash[i]);
}
