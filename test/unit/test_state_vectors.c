/* SPDX-License-Identifier: Apache-2.0
 *
 * What CometBFT's own stores did with random states and results, done again: data/state-vectors*.txt, made by
 * test/interop/vectors and vectors-1.0.
 */
#include "cmtstore/state.h"
#include "cmtstore/types_hash.h"

#include "must.h"
#include "types_support.h"

static cmt_release release;
static cmt_db *db;
static cmt_state_store *store;
static size_t seen_states;
static size_t seen_results;
static size_t seen_refused;
static size_t seen_genesis;

static void open_empty(void)
{
    cmt_state_store_options options = {
        .release = release,
        .write_version = release == CMT_RELEASE_1_0,
    };
    MUST(cmt_db_open_memory(&db, &error));
    MUST(cmt_state_store_open_for_writing(db, &options, &store, &error));
}

static void close_all(void)
{
    cmt_state_store_close(store);
    cmt_db_close(db);
}

/* ---- digests of a database --------------------------------------------------------------- */

static void add_hex(cmt_buf *text, cmt_slice bytes, char end)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < bytes.size; i++) {
        char two[2] = {digits[bytes.data[i] >> 4], digits[bytes.data[i] & 15]};
        TEST_MUST(cmt_buf_append(text, two, 2) == CMT_OK);
    }
    TEST_MUST(cmt_buf_append(text, &end, 1) == CMT_OK);
}

static void expect_digest(const char *hex)
{
    cmt_buf text = CMT_BUF_INIT;
    cmt_db_iter *iter = NULL;
    MUST(cmt_db_iter_new(db, NULL, &iter, &error));
    for (cmt_status st = cmt_db_iter_first(iter, &error); st == CMT_OK;
         st = cmt_db_iter_next(iter, &error)) {
        add_hex(&text, cmt_db_iter_key(iter), ' ');
        add_hex(&text, cmt_db_iter_value(iter), '\n');
    }
    cmt_db_iter_free(iter);
    cmt_hash hash;
    MUST(cmt_sha256(cmt_buf_slice(&text), &hash, &error));
    test_same((cmt_slice){hash.bytes, hash.size}, hex);
    cmt_buf_free(&text);
}

/* ---- states ------------------------------------------------------------------------------ */

static cmt_chain_state decode_state(const char *hex)
{
    cmt_buf bytes = test_unhex(hex);
    cmt_buf again = CMT_BUF_INIT;
    cmt_chain_state state;
    cmt_release detected;
    MUST(cmt_release_detect(cmt_buf_slice(&bytes), &detected, &error));
    TEST_MUST(detected == release);
    MUST(cmt_chain_state_decode(cmt_buf_slice(&bytes), release, &state, &error));
    MUST(cmt_chain_state_encode(&state, &again));
    test_same(cmt_buf_slice(&again), hex);
    cmt_buf_free(&again);
    cmt_buf_free(&bytes);
    return state;
}

/* save|bootstrap STATE PAIRS DIGEST */
static void check_save(const test_line *line)
{
    cmt_chain_state state = decode_state(test_word(line, 1));
    open_empty();
    if (test_is(line, "save"))
        MUST(cmt_state_store_save(store, &state, &error));
    else
        MUST(cmt_state_store_bootstrap(store, &state, &error));
    expect_digest(test_word(line, 3));
    close_all();
    cmt_chain_state_free(&state);
    seen_states++;
}

static cmt_block_meta decode_meta(const char *hex)
{
    cmt_buf bytes = test_unhex(hex);
    cmt_block_meta meta;
    MUST(cmt_block_meta_decode(cmt_buf_slice(&bytes), &meta, &error));
    cmt_buf_free(&bytes);
    return meta;
}

/* rollback SOFTWARE BEFORE STATE META META AFTER DIGEST */
static void check_rollback(const test_line *line)
{
    cmt_chain_state before = decode_state(test_word(line, 2));
    cmt_chain_state state = decode_state(test_word(line, 3));
    cmt_chain_state after;
    cmt_block_meta rollback_meta = decode_meta(test_word(line, 4));
    cmt_block_meta latest_meta = decode_meta(test_word(line, 5));
    cmt_buf bytes = CMT_BUF_INIT;
    open_empty();
    MUST(cmt_state_store_bootstrap(store, &before, &error));
    MUST(cmt_state_store_save(store, &state, &error));
    MUST(cmt_state_store_rollback(store, &rollback_meta, &latest_meta, test_word(line, 1), &after,
                                  &error));
    MUST(cmt_chain_state_encode(&after, &bytes));
    test_same(cmt_buf_slice(&bytes), test_word(line, 6));
    expect_digest(test_word(line, 7));
    close_all();
    cmt_buf_free(&bytes);
    cmt_chain_state_free(&after);
    cmt_chain_state_free(&state);
    cmt_chain_state_free(&before);
    seen_states++;
}

/* ---- results ----------------------------------------------------------------------------- */

/* results IN OUT.  Where CometBFT fails, on an empty app hash, they are taken as they are. */
static void check_results(const test_line *line)
{
    bool refused = strcmp(test_word(line, 2), "-") == 0;
    cmt_buf bytes = test_unhex(test_word(line, 1));
    cmt_buf again = CMT_BUF_INIT;
    cmt_results results;
    MUST(cmt_results_decode(cmt_buf_slice(&bytes), &results, &error));
    MUST(cmt_results_encode(&results, &again));
    test_same(cmt_buf_slice(&again), test_word(line, refused ? 1 : 2));
    if (results.app_hash.size > 0)
        TEST_MUST(!results.legacy);
    if (refused)
        TEST_MUST(!results.legacy && results.app_hash.size == 0);
    cmt_results_free(&results);
    cmt_buf_free(&again);
    cmt_buf_free(&bytes);
    seen_results++;
    seen_refused += refused;
}

/* genesis IN OUT: a genesis.json, and what a node keeps of it. */
static void check_genesis(const test_line *line)
{
    cmt_buf json = test_unhex(test_word(line, 1));
    cmt_buf bytes = CMT_BUF_INIT;
    MUST(cmt_genesis_rewrite(cmt_buf_slice(&json), release, &bytes, &error));
    test_same(cmt_buf_slice(&bytes), test_word(line, 2));
    cmt_buf again = CMT_BUF_INIT;
    MUST(cmt_genesis_rewrite(cmt_buf_slice(&bytes), release, &again, &error));
    test_same(cmt_buf_slice(&again), test_word(line, 2));
    cmt_buf_free(&again);
    cmt_buf_free(&bytes);
    cmt_buf_free(&json);
    seen_genesis++;
}

static void check_line(const test_line *line)
{
    if (test_is(line, "results"))
        check_results(line);
    else if (test_is(line, "genesis"))
        check_genesis(line);
    else if (test_is(line, "rollback"))
        check_rollback(line);
    else
        check_save(line);
}

static void check_file(const char *name, cmt_release of)
{
    release = of;
    seen_states = 0;
    seen_results = 0;
    seen_refused = 0;
    test_each_line(name, check_line);
    ck_assert_uint_gt(seen_states, 45);
    ck_assert_uint_gt(seen_results, 30);
    ck_assert_uint_gt(seen_refused, 3);
}

/* Both are results of 0.37 with one empty transaction or end of a block, but for the hash. */
START_TEST(an_app_hash_tells_results_also_when_it_is_empty)
{
    static const struct {
        const char *hex;
        bool legacy;
    } cases[] = {{"0a00", true}, {"0a00 2a00", false}, {"1200", true}, {"1200 2a0161", false}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        cmt_buf bytes = test_unhex(cases[i].hex);
        cmt_results results;
        MUST(cmt_results_decode(cmt_buf_slice(&bytes), &results, &error));
        ck_assert_msg(results.legacy == cases[i].legacy, "%s", cases[i].hex);
        cmt_results_free(&results);
        cmt_buf_free(&bytes);
    }
}
END_TEST

START_TEST(results_of_neither_kind_are_corrupt)
{
    static const char *const cases[] = {"0801", "0a01", "0a020a05", "1203080105", "2001 0801"};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        cmt_buf bytes = test_unhex(cases[i]);
        cmt_results results;
        ck_assert_msg(cmt_results_decode(cmt_buf_slice(&bytes), &results, &error) == CMT_CORRUPT,
                      "%s passed", cases[i]);
        ck_assert_ptr_null(results.events);
        cmt_buf_free(&bytes);
    }
}
END_TEST

START_TEST(comet_0_38)
{
    check_file("state-vectors.txt", CMT_RELEASE_0_38);
    ck_assert_uint_gt(seen_genesis, 8);
}
END_TEST

START_TEST(comet_1_0)
{
    check_file("state-vectors-1.0.txt", CMT_RELEASE_1_0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("state_vectors");
    TCase *tc = tcase_create("vectors");
    tcase_add_test(tc, an_app_hash_tells_results_also_when_it_is_empty);
    tcase_add_test(tc, results_of_neither_kind_are_corrupt);
    tcase_add_test(tc, comet_0_38);
    tcase_add_test(tc, comet_1_0);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
