/* SPDX-License-Identifier: Apache-2.0
 *
 * The states of chains that CometBFT wrote, made again from the genesis and the recorded results height by
 * height, and saved: every pair of the state store comes out as CometBFT left it.
 */
#include "cmtstore/state_retain.h"
#include "cmtstore/store.h"

#include "cleanup.h"
#include "files.h"
#include "follow.h"
#include "must.h"
#include "suite.h"

#include <check.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

/* A home that CometBFT wrote, open for reading. */
typedef struct source {
    char *top;
    cmt_db *block_db;
    cmt_db *state_db;
    cmt_block_store *blocks;
    cmt_state_store *states;
    cmt_buf genesis;
} source;

static cmt_db *open_view(const char *data, const char *name)
{
    char *dir = files_path(data, name);
    cmt_db *db = NULL;
    MUST(cmt_db_open_view(dir, NULL, &db, &error));
    free(dir);
    return db;
}

static source open_source(const char *fixture)
{
    source s = {NULL, NULL, NULL, NULL, NULL, CMT_BUF_INIT};
    char *data = files_unpack_fixture(fixture, &s.top);
    s.block_db = open_view(data, "blockstore.db");
    s.state_db = open_view(data, "state.db");
    MUST(cmt_block_store_open(s.block_db, &s.blocks, &error));
    MUST(cmt_state_store_open(s.state_db, &s.states, &error));
    char *config = files_path(data, "../config");
    s.genesis = files_read(config, "genesis.json");
    free(config);
    free(data);
    return s;
}

static void close_source(source *s)
{
    cmt_buf_free(&s->genesis);
    cmt_state_store_close(s->states);
    cmt_block_store_close(s->blocks);
    cmt_db_close(s->state_db);
    cmt_db_close(s->block_db);
    files_remove(s->top);
}

/* ---- single records ---------------------------------------------------------------------- */

static void same_bytes(cmt_slice made, cmt_slice stored, const char *what)
{
    if (!cmt_slice_equal(made, stored))
        ck_abort_msg("%s: %zu bytes made, %zu stored, and not the same", what, made.size,
                     stored.size);
}

static void check_state_record(source *s, cmt_release expected)
{
    cmt_buf stored = CMT_BUF_INIT;
    cmt_buf made = CMT_BUF_INIT;
    cmt_release release;
    cmt_chain_state state;
    cmt_chain_state copy;
    MUST(cmt_db_get(s->state_db, CMT_SLICE("stateKey"), &stored, &error));
    MUST(cmt_release_detect(cmt_buf_slice(&stored), &release, &error));
    ck_assert_int_eq(release, expected);
    MUST(cmt_state_store_load_chain_state(s->states, &state, &error));
    MUST(cmt_chain_state_encode(&state, &made));
    same_bytes(cmt_buf_slice(&made), cmt_buf_slice(&stored), "state");
    MUST(cmt_chain_state_copy(&state, &copy, &error));
    cmt_chain_state_free(&state);
    MUST(cmt_chain_state_encode(&copy, &made));
    same_bytes(cmt_buf_slice(&made), cmt_buf_slice(&stored), "copy of the state");
    cmt_chain_state_free(&copy);
    cmt_buf_free(&made);
    cmt_buf_free(&stored);
}

static void check_results(source *s)
{
    cmt_buf stored = CMT_BUF_INIT;
    cmt_buf made = CMT_BUF_INIT;
    int64_t last = cmt_block_store_height(s->blocks);
    for (int64_t h = cmt_block_store_base(s->blocks); h <= last; h++) {
        cmt_results results;
        MUST(cmt_state_store_load_results(s->states, h, &stored, &error));
        MUST(cmt_results_decode(cmt_buf_slice(&stored), &results, &error));
        ck_assert(!results.legacy);
        MUST(cmt_results_encode(&results, &made));
        same_bytes(cmt_buf_slice(&made), cmt_buf_slice(&stored), "results");
        cmt_results_free(&results);
    }
    MUST(cmt_state_store_load_last_results(s->states, last, &made, &error));
    same_bytes(cmt_buf_slice(&made), cmt_buf_slice(&stored), "last results");
    ck_assert_int_ne(cmt_state_store_load_last_results(s->states, last + 1, &made, &error), CMT_OK);
    cmt_buf_free(&made);
    cmt_buf_free(&stored);
}

/* ---- the whole chain --------------------------------------------------------------------- */

/* What the handshake of a node makes of the first state. */
static void answer_init_chain(source *s, cmt_chain_state *state)
{
    cmt_block_meta first;
    MUST(cmt_block_store_load_meta(s->blocks, state->initial_height, &first, &error));
    state->version_app = first.header.version_app;
    state->app_hash = first.header.app_hash;
    state->last_results_hash = first.header.last_results_hash;
}

/* What a node puts when it starts, where the source was a node's. */
static void start_node(source *s, cmt_state_store *to, cmt_release release)
{
    int64_t height;
    cmt_retain_heights heights;
    cmt_buf value = CMT_BUF_INIT;
    if (cmt_state_store_offline_height(s->states, &height, &error) == CMT_OK)
        MUST(cmt_state_store_set_offline_height(to, height, &error));
    MUST(cmt_state_store_retain_heights(s->states, &heights, &error));
    if (cmt_db_get(s->state_db, CMT_SLICE("AppRetainHeightKey"), &value, &error) == CMT_OK)
        MUST(cmt_state_store_init_retain_heights(to, false, 0, 0, &error));
    cmt_slice key = CMT_SLICE("genesisDoc");
    if (release == CMT_RELEASE_1_0)
        key = CMT_SLICE("genesisDocHash");
    if (cmt_db_get(s->state_db, key, &value, &error) == CMT_OK)
        MUST(cmt_state_store_save_genesis(to, cmt_buf_slice(&s->genesis), &error));
    cmt_buf_free(&value);
}

static void save_chain(source *s, cmt_state_store *to, cmt_release release)
{
    cmt_genesis genesis;
    cmt_chain_state state;
    cmt_chain_state stored;
    cmt_buf bytes = CMT_BUF_INIT;
    MUST(cmt_genesis_decode(cmt_buf_slice(&s->genesis), release, &genesis, &error));
    MUST(cmt_state_store_load_chain_state(s->states, &stored, &error));
    MUST(cmt_chain_state_from_genesis(&genesis, release, stored.software, &state, &error));
    answer_init_chain(s, &state);
    MUST(cmt_state_store_save(to, &state, &error));
    for (int64_t h = state.initial_height; h <= cmt_block_store_height(s->blocks); h++) {
        cmt_results results;
        cmt_block_meta meta;
        MUST(cmt_block_store_load_meta(s->blocks, h, &meta, &error));
        MUST(cmt_state_store_load_results(s->states, h, &bytes, &error));
        MUST(cmt_results_decode(cmt_buf_slice(&bytes), &results, &error));
        MUST(cmt_state_store_save_results(to, h, &results, &error));
        MUST(follow_block(&state, &meta, &results, &error));
        MUST(cmt_state_store_save(to, &state, &error));
        cmt_results_free(&results);
    }
    cmt_buf_free(&bytes);
    cmt_chain_state_free(&stored);
    cmt_chain_state_free(&state);
    cmt_genesis_free(&genesis);
}

/* All pairs of @p made are in @p stored and the other way round. */
static size_t same_pairs(cmt_db *made, cmt_db *stored)
{
    size_t pairs = 0;
    cmt_db_iter *a = NULL;
    cmt_db_iter *b = NULL;
    MUST(cmt_db_iter_new(made, NULL, &a, &error));
    MUST(cmt_db_iter_new(stored, NULL, &b, &error));
    cmt_status at_a = cmt_db_iter_first(a, &error);
    cmt_status at_b = cmt_db_iter_first(b, &error);
    while (at_a == CMT_OK && at_b == CMT_OK) {
        cmt_slice key = cmt_db_iter_key(b);
        char text[64];
        if (!cmt_slice_equal(cmt_db_iter_key(a), key))
            ck_abort_msg("where CometBFT has %s another key was made",
                         cmt_key_describe(key, text, sizeof text));
        if (!cmt_slice_equal(cmt_db_iter_value(a), cmt_db_iter_value(b)))
            ck_abort_msg("%s has another value", cmt_key_describe(key, text, sizeof text));
        pairs++;
        at_a = cmt_db_iter_next(a, &error);
        at_b = cmt_db_iter_next(b, &error);
    }
    ck_assert_int_eq(at_a, CMT_NOT_FOUND);
    ck_assert_int_eq(at_b, CMT_NOT_FOUND);
    cmt_db_iter_free(a);
    cmt_db_iter_free(b);
    return pairs;
}

static cmt_db *open_database(cmt_engine engine, const char *dir)
{
    cmt_db *db = NULL;
    if (engine == CMT_ENGINE_NONE) {
        MUST(cmt_db_open_memory(&db, &error));
    } else {
        cmt_db_open_options options = {.engine = engine, .create = true};
        char *path = files_path(dir, "state.db");
        MUST(cmt_db_open(path, &options, &db, &error));
        free(path);
    }
    return db;
}

static void check_saved(source *s, cmt_engine engine, cmt_release release)
{
    cmt_state_store_options options = {
        .layout = cmt_state_store_layout(s->states),
        .write_version = cmt_state_store_has_version(s->states),
        .release = release,
    };
    char *dir = files_temp();
    cmt_db *db = open_database(engine, dir);
    cmt_state_store *store = NULL;
    MUST(cmt_state_store_open_for_writing(db, &options, &store, &error));
    start_node(s, store, release);
    save_chain(s, store, release);
    if (engine != CMT_ENGINE_NONE) {
        cmt_state_store_close(store);
        cmt_db_close(db);
        db = open_database(engine, dir);
        MUST(cmt_state_store_open_for_writing(db, &options, &store, &error));
    }
    /* Results, validators and parameters of each height, validators of one more, and the state. */
    int64_t heights = cmt_block_store_height(s->blocks) - cmt_block_store_base(s->blocks) + 1;
    ck_assert_uint_gt(same_pairs(db, s->state_db), (size_t)(3 * heights + 1));
    cmt_state_store_close(store);
    cmt_db_close(db);
    files_remove(dir);
}

/* Each engine gives back what was put, also after it was closed. */
START_TEST(real_engines)
{
    static const cmt_engine engines[] = {CMT_ENGINE_GOLEVELDB, CMT_ENGINE_ROCKSDB};
    source old = open_source("digits-0.38");
    source new = open_source("multi-1.0-v2");
    for (size_t i = 0; i < 2; i++) {
        check_saved(&old, engines[i], CMT_RELEASE_0_38);
        check_saved(&new, engines[i], CMT_RELEASE_1_0);
    }
    close_source(&new);
    close_source(&old);
}
END_TEST

static void check_chain(const char *fixture, cmt_release release)
{
    source s = open_source(fixture);
    check_state_record(&s, release);
    check_results(&s);
    check_saved(&s, CMT_ENGINE_NONE, release);
    close_source(&s);
}

START_TEST(comet_0_38)
{
    check_chain("multi-0.38", CMT_RELEASE_0_38);
}
END_TEST

START_TEST(comet_0_40)
{
    check_chain("multi-0.40", CMT_RELEASE_0_40);
}
END_TEST

START_TEST(comet_1_0)
{
    check_chain("multi-1.0-v2", CMT_RELEASE_1_0);
    check_chain("votes-ext-1.0", CMT_RELEASE_1_0);
}
END_TEST

START_TEST(other_first_heights_and_a_checkpoint)
{
    check_chain("digits-0.38", CMT_RELEASE_0_38);
    check_chain("checkpoint-0.38", CMT_RELEASE_0_38);
}
END_TEST

/* A node's home: also what nodes put there that blocks do not.  The application's InitChain answered no more
 * than its version and hash, which stand in the first header. */
static void check_node(const char *fixture, cmt_release release)
{
    source s = open_source(fixture);
    check_state_record(&s, release);
    check_saved(&s, CMT_ENGINE_NONE, release);
    close_source(&s);
}

START_TEST(homes_of_nodes)
{
    check_node("node-0.38.26", CMT_RELEASE_0_38);
    check_node("node-1.0.1", CMT_RELEASE_1_0);
}
END_TEST

int main(void)
{
    if (access("/dev/shm", W_OK) == 0)
        setenv("TMPDIR", "/dev/shm", 0); /* every save is synced */
    Suite *suite = suite_create("states");
    TCase *tc = tcase_create("states");
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, comet_0_38);
    tcase_add_test(tc, comet_0_40);
    tcase_add_test(tc, comet_1_0);
    tcase_add_test(tc, real_engines);
    tcase_add_test(tc, homes_of_nodes);
    tcase_add_test(tc, other_first_heights_and_a_checkpoint);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
