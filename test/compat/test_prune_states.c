/* SPDX-License-Identifier: Apache-2.0
 *
 * CometBFT's own table of what pruning states leaves, on every engine: states and results saved, pruned, and
 * looked for as a node does.  Source: state/store_test.go TestPruneStates
 */
#include "cmtstore/state.h"

#include "files.h"
#include "must.h"
#include "small_chain.h"
#include "suite.h"

#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#define LEFT_MAX 6

typedef struct table_row {
    int64_t first; /* height saved; CometBFT's test saves all from 1 on */
    int64_t last;
    int64_t from;
    int64_t to;
    int64_t evidence;
    bool fails;
    int64_t validators[LEFT_MAX]; /* up to a 0 */
    int64_t params[LEFT_MAX];
    int64_t results[LEFT_MAX];
} table_row;

static const table_row rows[] = {
    {1, 100, 1, 100, 100, false, {93, 100}, {95, 100}, {100}},
    {1, 10, 2, 8, 8, false, {1, 3, 8, 9, 10}, {1, 5, 8, 9, 10}, {1, 8, 9, 10}},
    {99900,
     100001,
     99900,
     100001,
     100001,
     false,
     {99993, 100000, 100001},
     {99995, 100001},
     {100001}},
    {1, 20, 1, 18, 17, false, {13, 17, 18, 19, 20}, {15, 18, 19, 20}, {18, 19, 20}},
    {1, 100, 1, 101, 101, true, {0}, {0}, {0}},
};

/* The state before block @p height: sets change with heights that end in 2, parameters in 5. */
static void save_height(cmt_state_store *store, cmt_chain_state *state, int64_t height, bool first)
{
    if (first || height % 10 == 2)
        state->last_height_validators_changed = height + 1;
    if (first || height % 10 == 5)
        state->last_height_params_changed = height;
    state->last_block_height = height - 1;
    MUST(cmt_state_store_save(store, state, &error));
    cmt_results results = small_chain_results("hash");
    MUST(cmt_state_store_save_results(store, height, &results, &error));
}

static void save_heights(cmt_state_store *store, const table_row *row)
{
    cmt_chain_state state = small_chain_start(CMT_RELEASE_0_38, 1);
    for (int64_t height = row->first; height <= row->last; height++) {
        save_height(store, &state, height, height == row->first);
        if (height > row->first)
            continue;
        MUST(cmt_validator_set_copy(&state.validators, CMT_GENERATION_0, &state.last_validators,
                                    &error));
    }
    cmt_chain_state_free(&state);
}

static bool is_listed(const int64_t list[LEFT_MAX], int64_t height)
{
    for (size_t i = 0; i < LEFT_MAX && list[i] != 0; i++)
        if (list[i] == height)
            return true;
    return false;
}

static void expect_left(cmt_state_store *store, const table_row *row)
{
    cmt_buf out = CMT_BUF_INIT;
    for (int64_t h = row->first; h <= row->last; h++) {
        bool validators = cmt_state_store_load_validators(store, h, &out, &error) == CMT_OK;
        bool params = cmt_state_store_load_params(store, h, &out, &error) == CMT_OK;
        bool results = cmt_state_store_load_results(store, h, &out, &error) == CMT_OK;
        if (validators != is_listed(row->validators, h) || params != is_listed(row->params, h) ||
            results != is_listed(row->results, h))
            ck_abort_msg("height %" PRId64 " of %" PRId64 "-%" PRId64
                         ": validators %d, parameters %d, results %d",
                         h, row->first, row->last, validators, params, results);
    }
    cmt_buf_free(&out);
}

static void check_row(cmt_db *db, const table_row *row)
{
    const cmt_state_store_options options = {.release = CMT_RELEASE_0_38};
    const cmt_state_prune_request request = {
        .base = row->from,
        .retain_height = row->to,
        .evidence_height = row->evidence,
        .from = row->from,
        .initial_height = 1,
        .last_height = row->last + 2,
    };
    cmt_state_store *store = NULL;
    cmt_state_prune_result result;
    MUST(cmt_state_store_open_for_writing(db, &options, &store, &error));
    save_heights(store, row);
    cmt_status st = cmt_state_store_prune(store, &request, NULL, &result, &error);
    cmt_state_prune_result_free(&result);
    if (row->fails) {
        ck_assert_int_eq(st, CMT_CORRUPT);
    } else {
        ck_assert_msg(st == CMT_OK, "%s", error.message);
        expect_left(store, row);
    }
    cmt_state_store_close(store);
}

static void check_engine(cmt_engine engine)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char *dir = files_temp();
        char *path = files_path(dir, "state.db");
        const cmt_db_open_options options = {.engine = engine, .create = true};
        cmt_db *db = NULL;
        if (engine == CMT_ENGINE_NONE)
            MUST(cmt_db_open_memory(&db, &error));
        else
            MUST(cmt_db_open(path, &options, &db, &error));
        check_row(db, &rows[i]);
        cmt_db_close(db);
        free(path);
        files_remove(dir);
    }
}

START_TEST(in_memory)
{
    check_engine(CMT_ENGINE_NONE);
}
END_TEST

START_TEST(on_leveldb)
{
    check_engine(CMT_ENGINE_GOLEVELDB);
}
END_TEST

START_TEST(on_rocksdb)
{
    check_engine(CMT_ENGINE_ROCKSDB);
}
END_TEST

int main(void)
{
    if (access("/dev/shm", W_OK) == 0)
        setenv("TMPDIR", "/dev/shm", 0); /* every save is synced */
    Suite *suite = suite_create("prune_states");
    TCase *tc = tcase_create("prune_states");
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, in_memory);
    tcase_add_test(tc, on_leveldb);
    tcase_add_test(tc, on_rocksdb);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
