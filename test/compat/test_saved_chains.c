/* SPDX-License-Identifier: Apache-2.0
 *
 * Chains that CometBFT wrote, saved block by block into an empty store: what comes out is what CometBFT had
 * written, pair for pair and byte for byte.
 */
#include "cmtstore/store.h"

#include "files.h"
#include "suite.h"

#include <check.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define MUST(call)                                                                                 \
    do {                                                                                           \
        cmt_status must_status = (call);                                                           \
        if (must_status != CMT_OK)                                                                 \
            ck_abort_msg("%s at %" PRId64 ": %s: %s %s", chain, at, #call,                         \
                         cmt_status_text(must_status), error.message);                             \
    } while (0)

/* Where the copy is kept. */
typedef struct home {
    cmt_engine engine; /* CMT_ENGINE_NONE: in memory */
    char *top;
    char *dir;
    cmt_db *db;
    cmt_block_store *store;
    cmt_block_store_options options;
} home;

static const char *chain; /* in hand, for messages */
static int64_t at;
static cmt_error error;

/* ---- the copy ---------------------------------------------------------------------------- */

static void open_home(home *to)
{
    const cmt_db_open_options options = {.engine = to->engine, .create = true};
    if (to->db == NULL && to->engine == CMT_ENGINE_NONE)
        MUST(cmt_db_open_memory(&to->db, &error));
    else if (to->db == NULL)
        MUST(cmt_db_open(to->dir, &options, &to->db, &error));
    MUST(cmt_block_store_open_for_writing(to->db, &to->options, &to->store, &error));
}

static void reopen_home(home *to)
{
    int64_t base = cmt_block_store_base(to->store);
    int64_t height = cmt_block_store_height(to->store);
    cmt_block_store_close(to->store);
    if (to->engine != CMT_ENGINE_NONE) {
        cmt_db_close(to->db);
        to->db = NULL;
    }
    open_home(to);
    ck_assert_int_eq(cmt_block_store_base(to->store), base);
    ck_assert_int_eq(cmt_block_store_height(to->store), height);
    ck_assert_int_eq(cmt_block_store_layout(to->store), to->options.layout);
    ck_assert(cmt_block_store_has_version(to->store) == to->options.write_version);
}

static home make_home(cmt_engine engine, const cmt_block_store *source)
{
    home to = {.engine = engine, .top = files_temp()};
    to.dir = files_path(to.top, "blockstore.db");
    to.options.layout = cmt_block_store_layout(source);
    to.options.write_version = cmt_block_store_has_version(source);
    open_home(&to);
    return to;
}

static void remove_home(home *to)
{
    cmt_block_store_close(to->store);
    cmt_db_close(to->db);
    free(to->dir);
    files_remove(to->top);
}

/* ---- saving ------------------------------------------------------------------------------ */

static void save_extended(home *to, const cmt_block *block, const cmt_part_set *parts,
                          cmt_slice bytes)
{
    cmt_ext_commit commit;
    MUST(cmt_ext_commit_read(bytes, &commit, &error));
    MUST(cmt_block_store_save_block_with_ext_commit(to->store, block, parts, &commit, &error));
    cmt_ext_commit_free(&commit);
}

static void save_seen(home *to, const cmt_block *block, const cmt_part_set *parts, cmt_slice bytes)
{
    cmt_commit commit;
    MUST(cmt_commit_read(bytes, &commit, &error));
    MUST(cmt_block_store_save_block(to->store, block, parts, &commit, &error));
    cmt_commit_free(&commit);
}

static void copy_block(cmt_block_store *from, home *to)
{
    cmt_buf bytes = CMT_BUF_INIT;
    cmt_buf seen = CMT_BUF_INIT;
    cmt_block block;
    cmt_part_set *parts = NULL;
    MUST(cmt_block_store_load_block(from, at, &bytes, &error));
    MUST(cmt_block_decode(cmt_buf_slice(&bytes), &block, &error));
    MUST(cmt_part_set_new(cmt_buf_slice(&bytes), &parts, &error));
    ck_assert_uint_eq(cmt_part_set_bytes(parts), bytes.size);
    cmt_status st = cmt_block_store_load_ext_commit(from, at, &seen, NULL, &error);
    if (st == CMT_OK) {
        save_extended(to, &block, parts, cmt_buf_slice(&seen));
    } else {
        MUST(cmt_block_store_load_seen_commit(from, at, &seen, NULL, &error));
        save_seen(to, &block, parts, cmt_buf_slice(&seen));
    }
    cmt_part_set_free(parts);
    cmt_block_free(&block);
    cmt_buf_free(&seen);
    cmt_buf_free(&bytes);
}

/* ---- comparing --------------------------------------------------------------------------- */

static cmt_db_iter *first_pair(cmt_db *db, cmt_status *st)
{
    cmt_db_iter *iter = NULL;
    MUST(cmt_db_iter_new(db, NULL, &iter, &error));
    *st = cmt_db_iter_first(iter, &error);
    return iter;
}

static void same_pair(const cmt_db_iter *a, const cmt_db_iter *b)
{
    char left[80];
    char right[80];
    cmt_slice key = cmt_db_iter_key(a);
    if (!cmt_slice_equal(key, cmt_db_iter_key(b)))
        ck_abort_msg("%s: CometBFT has %s, we have %s", chain,
                     cmt_key_describe(key, left, sizeof left),
                     cmt_key_describe(cmt_db_iter_key(b), right, sizeof right));
    if (!cmt_slice_equal(cmt_db_iter_value(a), cmt_db_iter_value(b)))
        ck_abort_msg("%s: another value under %s", chain, cmt_key_describe(key, left, sizeof left));
}

/* Below the base of a pruned chain stands what its prunes left, and nothing of ours but the commit that the
 * first block carried. */
static bool is_below(const cmt_db_iter *iter, int64_t base)
{
    static const cmt_key_family *const families[] = {&cmt_family_meta, &cmt_family_part,
                                                     &cmt_family_commit, &cmt_family_seen_commit,
                                                     &cmt_family_ext_commit};
    for (size_t i = 0; i < sizeof families / sizeof families[0]; i++) {
        int64_t height;
        if (cmt_key_parse(families[i], cmt_db_iter_key(iter), &height, NULL) && height < base)
            return families[i] != &cmt_family_commit || height < base - 1;
    }
    return false;
}

/* @p skipped: how many pairs of @p from below @p base are not looked for in @p to. */
static size_t same_pairs(cmt_db *from, cmt_db *to, int64_t base, size_t *skipped)
{
    cmt_status st;
    cmt_status other;
    cmt_db_iter *a = first_pair(from, &st);
    cmt_db_iter *b = first_pair(to, &other);
    size_t count = 0;
    for (; st == CMT_OK; st = cmt_db_iter_next(a, &error)) {
        if (is_below(a, base)) {
            ++*skipped;
            continue;
        }
        MUST(other);
        same_pair(a, b);
        other = cmt_db_iter_next(b, &error);
        count++;
    }
    ck_assert_int_eq(st, CMT_NOT_FOUND);
    ck_assert_msg(other == CMT_NOT_FOUND, "%s: we have more pairs", chain);
    cmt_db_iter_free(b);
    cmt_db_iter_free(a);
    return count;
}

/* ---- one chain --------------------------------------------------------------------------- */

static void copy_chain(cmt_db *db, cmt_engine engine, size_t residue)
{
    cmt_block_store *from = NULL;
    MUST(cmt_block_store_open(db, &from, &error));
    int64_t base = cmt_block_store_base(from);
    int64_t height = cmt_block_store_height(from);
    home to = make_home(engine, from);
    for (at = base; at <= height; at++) {
        copy_block(from, &to);
        if (at == base || at == (base + height) / 2 || at == height)
            reopen_home(&to);
    }
    size_t skipped = 0;
    ck_assert_uint_gt(same_pairs(db, to.db, base, &skipped), (size_t)(height - base) * 4);
    ck_assert_uint_eq(skipped, residue);
    remove_home(&to);
    cmt_block_store_close(from);
}

static cmt_db *open_source(const char *data)
{
    char *dir = files_path(data, "blockstore.db");
    cmt_db *db = NULL;
    if (strstr(chain, "-rocksdb") != NULL) {
        const cmt_db_open_options options = {.engine = CMT_ENGINE_ROCKSDB, .read_only = true};
        MUST(cmt_db_open(dir, &options, &db, &error));
    } else {
        MUST(cmt_db_open_view(dir, NULL, &db, &error));
    }
    free(dir);
    return db;
}

static void check_chain(const char *fixture, cmt_engine engine, size_t residue)
{
    chain = fixture;
    char *top = NULL;
    char *data = files_unpack_fixture(fixture, &top);
    cmt_db *db = open_source(data);
    copy_chain(db, engine, residue);
    cmt_db_close(db);
    free(data);
    files_remove(top);
}

/* All of them on an engine take their time: each block waits for the disk. */
static bool is_full(void)
{
    const char *full = getenv("CMT_TEST_FULL");
    return full != NULL && strcmp(full, "1") == 0;
}

static const char *const chains[] = {
    "multi-0.38",    "multi-0.40",           "multi-1.0-v2",        "votes-ext-0.38",
    "votes-ext-1.0", "parts-0.38",           "digits-0.38",         "checkpoint-0.38",
    "discard-0.38",  "crashed-0.38",         "multi-1.0-v1-pebble", "multi-1.0-v2-pebble",
    "levels-0.38",   "shaped-1.0-v1-pebble", "flush-0.38",          "multi-0.38-rocksdb",
};

START_TEST(every_chain_comes_out_as_comet_wrote_it)
{
    check_chain(chains[_i], CMT_ENGINE_NONE, 0);
}
END_TEST

START_TEST(so_it_does_on_leveldb)
{
    check_chain("votes-ext-0.38", CMT_ENGINE_CLEVELDB, 0);
    check_chain("parts-0.38", CMT_ENGINE_CLEVELDB, 0);
    for (size_t i = 0; is_full() && i < sizeof chains / sizeof chains[0]; i++)
        check_chain(chains[i], CMT_ENGINE_CLEVELDB, 0);
}
END_TEST

START_TEST(so_it_does_on_rocksdb)
{
    check_chain("votes-ext-1.0", CMT_ENGINE_ROCKSDB, 0);
    check_chain("parts-0.38", CMT_ENGINE_ROCKSDB, 0);
    for (size_t i = 0; is_full() && i < sizeof chains / sizeof chains[0]; i++)
        check_chain(chains[i], CMT_ENGINE_ROCKSDB, 0);
}
END_TEST

START_TEST(a_pruned_chain_comes_out_from_its_base_on)
{
    check_chain("app-pruned-0.38", CMT_ENGINE_NONE, 440 + 440); /* H:1 to H:440, C:0 to C:439 */
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("saved_chains");
    TCase *tc = tcase_create("saved_chains");
    tcase_set_timeout(tc, 60);
    tcase_add_loop_test(tc, every_chain_comes_out_as_comet_wrote_it, 0,
                        sizeof chains / sizeof chains[0]);
    tcase_add_test(tc, so_it_does_on_leveldb);
    tcase_add_test(tc, so_it_does_on_rocksdb);
    tcase_add_test(tc, a_pruned_chain_comes_out_from_its_base_on);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
