/* SPDX-License-Identifier: Apache-2.0
 *
 * Every block of chains that CometBFT wrote: it encodes to the same bytes, hashes to its id, its parts
 * come out as stored, and its commits are verified against the stored validator sets.
 */
#include "cmtstore/state.h"
#include "cmtstore/store.h"
#include "cmtstore/types_validators.h"

#include "cmtstore.pb-c.h"
#include "files.h"
#include "suite.h"
#include "unpack.h"

#include <check.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define MUST(call)                                                                                 \
    do {                                                                                           \
        cmt_status must_status = (call);                                                           \
        if (must_status != CMT_OK)                                                                 \
            ck_abort_msg("height %" PRId64 ": %s: %s %s", at, #call, cmt_status_text(must_status), \
                         error.message);                                                           \
    } while (0)

#define TRUE(condition)                                                                            \
    do {                                                                                           \
        if (!(condition))                                                                          \
            ck_abort_msg("height %" PRId64 ": not so: %s", at, #condition);                        \
    } while (0)

static int64_t at; /* the height in hand, for messages */
static cmt_error error;
static cmt_block_store *blocks;
static cmt_state_store *states;
static size_t evidence;
static size_t extensions;
static char chain_id[CMT_CHAIN_ID_MAX + 1];

static cmt_db *open_view(const char *data, const char *name)
{
    char *dir = files_path(data, name);
    cmt_db *db = NULL;
    MUST(cmt_db_open_view(dir, NULL, &db, &error));
    free(dir);
    return db;
}

static void check_parts(cmt_slice bytes, const cmt_block_id *id)
{
    cmt_part_set *set = NULL;
    MUST(cmt_part_set_new(bytes, &set, &error));
    cmt_hash hash = cmt_part_set_hash(set);
    TRUE(cmt_part_set_total(set) == id->part_total && cmt_hash_equal(&hash, &id->part_hash));
    cmt_buf stored = CMT_BUF_INIT;
    cmt_buf made = CMT_BUF_INIT;
    for (uint32_t i = 0; i < id->part_total; i++) {
        cmt_slice piece;
        MUST(cmt_block_store_load_part(blocks, at, i, &stored, &error));
        MUST(cmt_part_set_encode(set, i, &made, &error));
        TRUE(cmt_slice_equal(cmt_buf_slice(&stored), cmt_buf_slice(&made)));
        MUST(cmt_part_verify(cmt_buf_slice(&stored), i, id, &piece, &error));
    }
    cmt_buf_free(&made);
    cmt_buf_free(&stored);
    cmt_part_set_free(set);
}

/* Each record that says what the validators agreed on. */
static void check_commit(cmt_slice bytes, const cmt_validator_set *set, const cmt_block_id *id)
{
    cmt_commit commit;
    cmt_buf again = CMT_BUF_INIT;
    MUST(cmt_commit_read(bytes, &commit, &error));
    MUST(cmt_commit_encode(&commit, &again));
    TRUE(cmt_slice_equal(cmt_buf_slice(&again), bytes));
    MUST(cmt_commit_verify(chain_id, set, id, at, &commit, &error));
    if (commit.signatures[0].signature.size > 0) {
        *(uint8_t *)(uintptr_t)&commit.signatures[0].signature.data[5] ^= 1;
        TRUE(cmt_commit_verify(chain_id, set, id, at, &commit, &error) == CMT_CORRUPT);
    }
    cmt_buf_free(&again);
    cmt_commit_free(&commit);
}

/* The extensions themselves are signed, too. */
static void check_extensions(const cmt_validator_set *set)
{
    cmt_buf bytes = CMT_BUF_INIT;
    cmt_buf signed_bytes = CMT_BUF_INIT;
    ProtobufCMessage *message = NULL;
    if (cmt_block_store_load_ext_commit(blocks, at, &bytes, NULL, &error) != CMT_OK)
        return;
    MUST(cmt_pb_unpack(&cmt__pb__extended_commit__descriptor, cmt_buf_slice(&bytes), bytes.size,
                       &message, &error));
    const Cmt__Pb__ExtendedCommit *c = (const Cmt__Pb__ExtendedCommit *)message;
    TRUE(c->n_extended_signatures == set->count);
    for (size_t i = 0; i < set->count; i++) {
        const Cmt__Pb__ExtendedCommitSig *s = c->extended_signatures[i];
        if (s->extension_signature.len == 0)
            continue;
        cmt_public_key key;
        cmt_slice extension = {s->extension.data, s->extension.len};
        cmt_slice signature = {s->extension_signature.data, s->extension_signature.len};
        MUST(cmt_validator_public_key(&set->validators[i], &key, &error));
        MUST(cmt_extension_sign_bytes(chain_id, at, c->round, extension, &signed_bytes));
        MUST(cmt_key_verify(&key, cmt_buf_slice(&signed_bytes), signature, &error));
        extensions++;
    }
    cmt_pb_free(&message);
    cmt_buf_free(&signed_bytes);
    cmt_buf_free(&bytes);
}

static void check_commits(const cmt_block_meta *meta)
{
    cmt_buf set_bytes = CMT_BUF_INIT;
    cmt_buf bytes = CMT_BUF_INIT;
    cmt_validator_set set;
    cmt_hash hash;
    MUST(cmt_state_store_load_validators(states, at, &set_bytes, &error));
    MUST(cmt_validator_set_decode(cmt_buf_slice(&set_bytes), &set, &error));
    MUST(cmt_validator_set_hash(&set, &hash, &error));
    TRUE(cmt_hash_equal(&hash, &meta->header.validators_hash));
    if (at < cmt_block_store_height(blocks)) {
        MUST(cmt_block_store_load_commit(blocks, at, &bytes, NULL, &error));
        check_commit(cmt_buf_slice(&bytes), &set, &meta->block_id);
    }
    cmt_status st = cmt_block_store_load_seen_commit(blocks, at, &bytes, NULL, &error);
    if (st == CMT_OK)
        check_commit(cmt_buf_slice(&bytes), &set, &meta->block_id);
    check_extensions(&set);
    cmt_validator_set_free(&set);
    cmt_buf_free(&bytes);
    cmt_buf_free(&set_bytes);
}

static void check_block(void)
{
    cmt_block_meta meta;
    cmt_block block;
    cmt_buf bytes = CMT_BUF_INIT;
    cmt_buf again = CMT_BUF_INIT;
    cmt_hash hash;
    MUST(cmt_block_store_load_meta(blocks, at, &meta, &error));
    MUST(cmt_block_store_load_block(blocks, at, &bytes, &error));
    MUST(cmt_block_decode(cmt_buf_slice(&bytes), &block, &error));
    MUST(cmt_block_encode(&block, &again));
    TRUE(cmt_slice_equal(cmt_buf_slice(&again), cmt_buf_slice(&bytes)));
    MUST(cmt_header_hash(&block.header, &hash, &error));
    TRUE(cmt_hash_equal(&hash, &meta.block_id.hash));
    TRUE(meta.num_txs == (int64_t)block.tx_count && meta.block_size == (int64_t)bytes.size);
    evidence += block.evidence_count;
    check_parts(cmt_buf_slice(&bytes), &meta.block_id);
    check_commits(&meta);

    cmt_buf params_bytes = CMT_BUF_INIT;
    cmt_consensus_params params;
    MUST(cmt_state_store_load_params(states, at, &params_bytes, &error));
    MUST(cmt_consensus_params_decode(cmt_buf_slice(&params_bytes), &params, &error));
    MUST(cmt_consensus_params_hash(&params, &hash, &error));
    TRUE(cmt_hash_equal(&hash, &meta.header.consensus_hash));
    cmt_buf_free(&params_bytes);
    cmt_block_free(&block);
    cmt_buf_free(&again);
    cmt_buf_free(&bytes);
}

enum { EVIDENCE = 1, EXTENSIONS = 2 };

/* @p holds: which of these the chain has. */
static void check_chain(const char *fixture, int64_t heights, int holds)
{
    char *top = NULL;
    char *data = files_unpack_fixture(fixture, &top);
    cmt_db *block_db = open_view(data, "blockstore.db");
    cmt_db *state_db = open_view(data, "state.db");
    MUST(cmt_block_store_open(block_db, &blocks, &error));
    MUST(cmt_state_store_open(state_db, &states, &error));
    cmt_state state;
    MUST(cmt_state_store_load(states, &state, &error));
    memcpy(chain_id, state.chain_id, sizeof chain_id);
    int64_t last = cmt_block_store_height(blocks);
    ck_assert_int_eq(last - cmt_block_store_base(blocks) + 1, heights);
    evidence = 0;
    extensions = 0;
    for (at = cmt_block_store_base(blocks); at <= last; at++)
        check_block();
    ck_assert_int_eq(evidence > 0, (holds & EVIDENCE) != 0);
    ck_assert_int_eq(extensions > 0, (holds & EXTENSIONS) != 0);
    cmt_state_store_close(states);
    cmt_block_store_close(blocks);
    cmt_db_close(state_db);
    cmt_db_close(block_db);
    free(data);
    files_remove(top);
}

START_TEST(comet_0_38)
{
    check_chain("multi-0.38", 600, EVIDENCE);
}
END_TEST

START_TEST(comet_1_0_layout_v2)
{
    check_chain("multi-1.0-v2", 600, EVIDENCE);
}
END_TEST

START_TEST(vote_extensions)
{
    check_chain("votes-ext-0.38", 300, EXTENSIONS);
    check_chain("votes-ext-1.0", 220, EXTENSIONS);
}
END_TEST

START_TEST(many_parts)
{
    check_chain("parts-0.38", 40, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("blocks");
    TCase *tc = tcase_create("blocks");
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, comet_0_38);
    tcase_add_test(tc, comet_1_0_layout_v2);
    tcase_add_test(tc, vote_extensions);
    tcase_add_test(tc, many_parts);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
