/* SPDX-License-Identifier: Apache-2.0
 *
 * Stored values as CometBFT writes them, encoded from scratch, and putting them into a database.
 * Shares no code with the library's encoders.  A failure ends the test.
 */
#ifndef CMT_TEST_CHAIN_H
#define CMT_TEST_CHAIN_H

#include "cmtstore/db.h"
#include "cmtstore/types.h"

#include <check.h>

/* As ck_assert, without telling Check's runner of each single success: these are met very often. */
#define CHAIN_REQUIRE(condition)                                                                   \
    do {                                                                                           \
        if (!(condition))                                                                          \
            ck_abort_msg("required: %s", #condition);                                              \
    } while (0)
#define CHAIN_EQUAL(a, b) CHAIN_REQUIRE((a) == (b))

/* All encoders replace the contents of `out`. */

typedef struct chain_block {
    int64_t height;
    cmt_time time;
    uint8_t hash[CMT_HASH_SIZE];
    uint32_t parts;
} chain_block;

void chain_encode_meta(const chain_block *block, cmt_buf *out);
/** One part of @p total; its Merkle proof has the right shape, not the right hashes. */
void chain_encode_part(uint32_t index, uint32_t total, cmt_slice piece, cmt_buf *out);
/** A Commit, or an ExtendedCommit, with one signature. */
void chain_encode_commit(int64_t height, bool extended, cmt_buf *out);
void chain_encode_block_store_state(int64_t base, int64_t height, cmt_buf *out);

/** A set of @p count validators that @p seed tells from others; the first proposes. */
void chain_encode_validator_set(uint64_t seed, size_t count, cmt_buf *out);
/** ValidatorsInfo; @p set may be NULL: a pointer. */
void chain_encode_validators_info(const cmt_buf *set, int64_t last_changed, cmt_buf *out);

/** ConsensusParams with the evidence window @p blocks and @p seconds. */
void chain_encode_params(int64_t blocks, int64_t seconds, cmt_buf *out);
/** ConsensusParamsInfo; @p params may be NULL: a pointer, in the form that 0.34 wrote or the
 * later. */
void chain_encode_params_info(const cmt_buf *params, bool as_0_34, int64_t last_changed,
                              cmt_buf *out);

typedef struct chain_state {
    int64_t initial_height;
    int64_t last_block_height;
    cmt_time last_block_time;
    int64_t evidence_blocks;
    int64_t evidence_seconds;
} chain_state;

void chain_encode_state(const chain_state *state, cmt_buf *out);
void chain_encode_signed_varint(int64_t value, cmt_buf *out);

/** Put a value under a key made as printf does. */
void chain_put(cmt_db *db, const cmt_buf *value, const char *key_format, ...) CMT_PRINTF(3, 4);
void chain_put_text(cmt_db *db, const char *value, const char *key_format, ...) CMT_PRINTF(3, 4);
void chain_delete(cmt_db *db, const char *key_format, ...) CMT_PRINTF(2, 3);
/** True if the key is there; @p value (may be NULL) receives a copy. */
bool chain_get(cmt_db *db, cmt_buf *value, const char *key_format, ...) CMT_PRINTF(3, 4);

/** The block's key in the hash index. */
void chain_hash_key(const chain_block *block, char key[68]);

#endif
