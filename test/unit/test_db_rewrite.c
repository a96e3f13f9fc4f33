/* SPDX-License-Identifier: Apache-2.0
 *
 * A database written anew: what it holds, what is left beside it, and what a failure at each step leaves.
 */
#include "cmtstore/db_rewrite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "files.h"
#include "must.h"
#include "suite.h"

#define KEYS 400
#define DAY ((int64_t)86400 * 1000000000)

enum { ON_LEVELDB, ON_ROCKSDB, ON_MEMORY };
#define ENGINES 2 /* those with files */
#define BACKENDS 3

static const cmt_range everything = {{NULL, 0}, {NULL, 0}};

static int backend;
static cmt_db *db;
static char *top;
static char *dir;
static char *old_dir;

static cmt_db_open_options open_options(void)
{
    return (cmt_db_open_options){
        .engine = backend == ON_ROCKSDB ? CMT_ENGINE_ROCKSDB : CMT_ENGINE_CLEVELDB,
        .create = true,
        .write_buffer_bytes = (size_t)1 << 20,
        .only_asked_compactions = true, /* so that RocksDB's, too, holds what is dead */
    };
}

static cmt_status try_open(const char *path, cmt_db **out)
{
    const cmt_db_open_options options = open_options();
    return backend == ON_MEMORY ? cmt_db_open_memory(out, &error)
                                : cmt_db_open(path, &options, out, &error);
}

static cmt_slice text(const char *string)
{
    return (cmt_slice){(const uint8_t *)string, strlen(string)};
}

static void put(cmt_db *to, const char *key, cmt_slice value)
{
    cmt_db_batch *batch;
    MUST(cmt_db_batch_new(&batch, &error));
    MUST(cmt_db_batch_put(batch, text(key), value, &error));
    MUST(cmt_db_write(to, batch, false, &error));
    cmt_db_batch_free(batch);
}

static void delete_range(cmt_db *to, const char *lo, const char *hi)
{
    cmt_db_batch *batch;
    MUST(cmt_db_batch_new(&batch, &error));
    MUST(cmt_db_batch_delete_range(batch, (cmt_range){text(lo), text(hi)}, &error));
    MUST(cmt_db_write(to, batch, false, &error));
    cmt_db_batch_free(batch);
}

/* Twice, so that much is dead; one in ten is deleted; some of it is in tables only. */
static void fill(void)
{
    uint8_t value[5000];
    for (unsigned layer = 0; layer < 2; layer++) {
        for (unsigned i = 0; i < KEYS; i++) {
            char key[16];
            snprintf(key, sizeof key, "k%05u", i);
            for (size_t at = 0; at < sizeof value; at++)
                value[at] = (uint8_t)((layer * 31 + i * 7919 + at * at * 2654435761u) >> 9);
            put(db, key, (cmt_slice){value, i % 7 * 800 + layer});
        }
        MUST(cmt_db_flush(db, &error));
    }
    delete_range(db, "k00100", "k00140");
    MUST(cmt_db_flush(db, &error));
    put(db, "k00120", CMT_SLICE("came back"));
    put(db, "", CMT_SLICE("the empty key"));
}

static void begin(int on)
{
    backend = on;
    top = files_temp();
    dir = files_path(top, "x.db");
    old_dir = files_path(top, "x.db.old");
    MUST(try_open(dir, &db));
    fill();
}

static void end(void)
{
    cmt_db_close(db);
    db = NULL;
    free(dir);
    free(old_dir);
    files_remove(top);
}

/* FNV-1a over all pairs. */
static uint64_t pairs_of(cmt_db *of)
{
    cmt_db_iter *iter;
    uint64_t hash = 0xcbf29ce484222325;
    MUST(cmt_db_iter_new(of, NULL, &iter, &error));
    cmt_status st = cmt_db_iter_first(iter, &error);
    for (; st == CMT_OK; st = cmt_db_iter_next(iter, &error)) {
        cmt_slice parts[2] = {cmt_db_iter_key(iter), cmt_db_iter_value(iter)};
        for (int p = 0; p < 2; p++) {
            hash = (hash ^ parts[p].size) * 0x100000001b3;
            for (size_t i = 0; i < parts[p].size; i++)
                hash = (hash ^ parts[p].data[i]) * 0x100000001b3;
        }
    }
    ck_assert_int_eq(st, CMT_NOT_FOUND);
    cmt_db_iter_free(iter);
    return hash;
}

static uint64_t pairs_in(const char *path)
{
    cmt_db *other;
    MUST(try_open(path, &other));
    uint64_t hash = pairs_of(other);
    cmt_db_close(other);
    return hash;
}

static void expect_nothing_left(void)
{
    cmt_db_rewrite_left left;
    if (backend == ON_MEMORY)
        return;
    MUST(cmt_db_rewrite_find(dir, &left, &error));
    ck_assert(!left.has_copy);
    bool marked = db != NULL && backend == ON_LEVELDB; /* an open LevelDB has its marker there */
    ck_assert_int_eq(files_exist(top, "cmtstore"), marked);
    ck_assert(!files_exist(top, "cmtstore/rewrite"));
}

/* ---- what it holds ---------------------------------------------------------------------------- */

START_TEST(holds_the_same_pairs_in_less_space)
{
    cmt_db_rewrite_result r;
    begin(_i);
    uint64_t before = pairs_of(db);
    MUST(cmt_db_rewrite(db, NULL, &r, &error));
    ck_assert_uint_eq(pairs_of(db), before);
    ck_assert_uint_eq(r.pairs, KEYS - 40 + 2);
    ck_assert_uint_eq(r.rounds, 1);
    ck_assert_uint_eq(r.bytes_reclaimed, r.bytes_before - r.bytes_after);
    if (backend != ON_MEMORY) {
        ck_assert_uint_lt(r.bytes_after, r.bytes_before * 6 / 10);
        ck_assert_uint_gt(r.bytes_after, 0);
        expect_nothing_left();
        cmt_db_close(db);
        db = NULL;
        expect_nothing_left();
        ck_assert_uint_eq(pairs_in(dir), before);
        ck_assert_uint_eq(pairs_in(old_dir), before);
    }
    end();
}
END_TEST

START_TEST(the_handle_goes_on_working)
{
    cmt_db_rewrite_result r;
    cmt_db_stats stats;
    begin(_i);
    for (int round = 0; round < 3; round++) {
        char key[16];
        snprintf(key, sizeof key, "round %d", round);
        put(db, key, CMT_SLICE("before"));
        MUST(cmt_db_rewrite(db, NULL, &r, &error));
        put(db, key, CMT_SLICE("after"));
        MUST(cmt_db_flush(db, &error));
        MUST(cmt_db_compact_range(db, everything, &error));
        MUST(cmt_db_get_stats(db, &stats, &error));
        cmt_buf value = CMT_BUF_INIT;
        MUST(cmt_db_get(db, text(key), &value, &error));
        ck_assert(cmt_slice_equal(cmt_buf_slice(&value), CMT_SLICE("after")));
        cmt_buf_free(&value);
    }
    ck_assert_uint_eq(r.pairs, KEYS - 40 + 5);
    uint64_t now = pairs_of(db);
    if (backend != ON_MEMORY) {
        cmt_db_close(db);
        MUST(try_open(dir, &db));
    }
    ck_assert_uint_eq(pairs_of(db), now);
    end();
}
END_TEST

START_TEST(an_empty_database_stays_empty)
{
    cmt_db_rewrite_result r;
    begin(_i);
    delete_range(db, "", "z");
    MUST(cmt_db_rewrite(db, NULL, &r, &error));
    ck_assert_uint_eq(r.pairs, 0);
    uint64_t none = pairs_of(db);
    put(db, "a", CMT_SLICE("b"));
    ck_assert_uint_ne(pairs_of(db), none);
    end();
}
END_TEST

START_TEST(a_wish_to_stop_compactions_outlives_it)
{
    cmt_db_rewrite_result r;
    begin(_i);
    cmt_db_cancel_compaction(db, true);
    ck_assert_int_eq(cmt_db_rewrite(db, NULL, &r, &error), CMT_CANCELLED);
    cmt_db_cancel_compaction(db, false);
    MUST(cmt_db_rewrite(db, NULL, &r, &error));
    MUST(cmt_db_compact_range(db, everything, &error));
    end();
}
END_TEST

/* ---- what is written meanwhile ------------------------------------------------------------------ */

/* What happens at which step. */
typedef struct script {
    const char *step;
    void (*act)(void);
    cmt_status fail_with;
    unsigned met;
} script;

static cmt_status act_at(void *context, const char *step, cmt_error *err)
{
    script *s = context;
    if (strcmp(step, s->step) != 0)
        return CMT_OK;
    s->met++;
    if (s->act != NULL)
        s->act();
    return s->fail_with == CMT_OK ? CMT_OK : cmt_error_set(err, s->fail_with, "fails at %s", step);
}

static uint64_t changed;

static void change_pairs(void)
{
    put(db, "k00000", CMT_SLICE("another value"));
    put(db, "new", CMT_SLICE("1"));
    put(db, "new", CMT_SLICE("2"));
    put(db, "came and went", CMT_SLICE("1"));
    delete_range(db, "came", "cbme");
    delete_range(db, "k00300", "k00310");
    put(db, "k00305", CMT_SLICE("came back"));
    delete_range(db, "k00001", "k00002");
    changed = pairs_of(db);
}

START_TEST(what_is_written_meanwhile_is_there)
{
    static const char *const steps[] = {"opened", "snapshot", "copied", "verified"};
    cmt_db_rewrite_result r;
    begin(_i % BACKENDS);
    script s = {.step = steps[_i / BACKENDS], .act = change_pairs};
    const cmt_db_rewrite_options options = {.at_step = act_at, .step_context = &s};
    MUST(cmt_db_rewrite(db, &options, &r, &error));
    ck_assert_uint_eq(s.met, 1);
    ck_assert_uint_eq(pairs_of(db), changed);
    ck_assert_uint_eq(r.pairs, KEYS - 40 + 2 + 1 - 9 - 1);
    ck_assert_uint_eq(r.rounds, 1);
    end();
}
END_TEST

static void write_much(void)
{
    char key[32];
    static unsigned n;
    for (unsigned i = 0; i < 2000; i++) {
        snprintf(key, sizeof key, "much %06u", n++ % 3000);
        put(db, key, text(key));
    }
    delete_range(db, "k00200", "k00210");
    changed = pairs_of(db);
}

static unsigned writes_left;

static void write_much_at_first(void)
{
    if (writes_left > 0 && writes_left-- > 0)
        write_much();
}

START_TEST(more_than_can_be_remembered_is_another_round)
{
    cmt_db_rewrite_result r;
    begin(_i);
    writes_left = 2;
    script s = {.step = "copied", .act = write_much_at_first};
    const cmt_db_rewrite_options options = {
        .at_step = act_at, .step_context = &s, .record_bytes = 10000};
    MUST(cmt_db_rewrite(db, &options, &r, &error));
    ck_assert_uint_eq(r.rounds, 3);
    ck_assert_uint_eq(pairs_of(db), changed);
    writes_left = 1000;
    ck_assert_int_eq(cmt_db_rewrite(db, &options, &r, &error), CMT_BUSY);
    ck_assert_uint_eq(pairs_of(db), changed);
    end();
}
END_TEST

/* ---- who is in the way ---------------------------------------------------------------------------- */

START_TEST(waits_for_iterators_and_gives_up)
{
    cmt_db_iter *iter;
    cmt_db_rewrite_result r;
    begin(_i);
    uint64_t before = pairs_of(db);
    const cmt_db_rewrite_options options = {.wait_ns = 1000000};
    MUST(cmt_db_iter_new(db, NULL, &iter, &error));
    ck_assert_int_eq(cmt_db_rewrite(db, &options, &r, &error), CMT_BUSY);
    MUST(cmt_db_iter_first(iter, &error));
    put(db, "z", CMT_SLICE("written behind it"));
    MUST(cmt_db_iter_next(iter, &error));
    cmt_db_iter_free(iter);
    delete_range(db, "z", "zz");
    ck_assert_uint_eq(pairs_of(db), before);
    MUST(cmt_db_rewrite(db, &options, &r, &error));
    ck_assert_uint_eq(pairs_of(db), before);
    end();
}
END_TEST

static cmt_status inner;

static void rewrite_again(void)
{
    cmt_db_rewrite_result r;
    inner = cmt_db_rewrite(db, NULL, &r, NULL);
}

START_TEST(one_at_a_time)
{
    cmt_db_rewrite_result r;
    begin(_i);
    script s = {.step = "copied", .act = rewrite_again};
    const cmt_db_rewrite_options options = {.at_step = act_at, .step_context = &s};
    MUST(cmt_db_rewrite(db, &options, &r, &error));
    ck_assert_int_eq(inner, CMT_BUSY);
    end();
}
END_TEST

START_TEST(not_what_is_open_for_reading_only)
{
    cmt_db_rewrite_result r;
    begin(_i);
    cmt_db_close(db);
    cmt_db_open_options options = open_options();
    options.read_only = true;
    MUST(cmt_db_open(dir, &options, &db, &error));
    uint64_t before = files_hash(dir);
    ck_assert_int_eq(cmt_db_rewrite(db, NULL, &r, &error), CMT_UNSUPPORTED);
    ck_assert_uint_eq(files_hash(dir), before);
    end();
}
END_TEST

/* ---- stopping and failing ------------------------------------------------------------------------- */

static bool stop_in(void *context, const cmt_progress *progress)
{
    return strcmp(progress->phase, context) == 0;
}

START_TEST(the_hook_stops_it)
{
    static char *const phases[] = {"copy", "verify"};
    cmt_db_rewrite_result r;
    begin(_i % BACKENDS);
    uint64_t before = pairs_of(db);
    const cmt_progress_hook hook = {stop_in, phases[_i / BACKENDS]};
    const cmt_db_rewrite_options options = {.progress = &hook, .chunk_bytes = 10000};
    ck_assert_int_eq(cmt_db_rewrite(db, &options, &r, &error), CMT_CANCELLED);
    ck_assert_uint_eq(r.pairs, 0);
    ck_assert_uint_eq(pairs_of(db), before);
    expect_nothing_left();
    ck_assert(!files_exist(top, "x.db.old"));
    end();
}
END_TEST

static const char *const steps[] = {"opened", "snapshot",  "copied", "verified",
                                    "halted", "suspended", "moved",  "exchanged"};
#define STEPS (int)(sizeof steps / sizeof steps[0])

START_TEST(a_failure_at_any_step_leaves_the_original)
{
    cmt_db_rewrite_result r;
    begin(_i % ENGINES);
    MUST(cmt_db_rewrite(db, NULL, &r, &error)); /* so there is a backup, which stays */
    put(db, "behind the backup", CMT_SLICE("1"));
    uint64_t backup = files_hash(old_dir);
    uint64_t inode = files_inode(top, "x.db");
    script s = {.step = steps[_i / ENGINES], .act = NULL, .fail_with = CMT_IO};
    cmt_db_rewrite_options options = {.at_step = act_at, .step_context = &s};
    uint64_t before = pairs_of(db);
    ck_assert_int_eq(cmt_db_rewrite(db, &options, &r, &error), CMT_IO);
    ck_assert_uint_eq(s.met, 1);
    ck_assert_uint_eq(pairs_of(db), before);
    ck_assert_uint_eq(files_inode(top, "x.db"), inode);
    ck_assert_uint_eq(files_hash(old_dir), backup);
    expect_nothing_left();
    put(db, "still works", CMT_SLICE("1"));
    s.fail_with = CMT_OK;
    before = pairs_of(db);
    MUST(cmt_db_rewrite(db, &options, &r, &error));
    ck_assert_uint_eq(pairs_of(db), before);
    end();
}
END_TEST

/* Another's file where a new table is looked for: neither of the two can be opened. */
static void damage_both(void)
{
    files_write(dir, "CURRENT", CMT_SLICE("no such thing\n"));
    files_write(old_dir, "CURRENT", CMT_SLICE("no such thing\n"));
}

START_TEST(a_handle_that_is_lost_says_so)
{
    cmt_db_rewrite_result r;
    begin(_i);
    cmt_buf value = CMT_BUF_INIT;
    cmt_db_iter *iter;
    cmt_db_stats stats;
    script s = {.step = "exchanged", .act = damage_both};
    const cmt_db_rewrite_options options = {.at_step = act_at, .step_context = &s};
    ck_assert_int_ne(cmt_db_rewrite(db, &options, &r, &error), CMT_OK);
    ck_assert_int_eq(cmt_db_get(db, text("k00000"), &value, &error), CMT_IO);
    ck_assert_int_eq(cmt_db_iter_new(db, NULL, &iter, &error), CMT_IO);
    ck_assert_int_eq(cmt_db_flush(db, &error), CMT_IO);
    ck_assert_int_eq(cmt_db_compact_range(db, everything, &error), CMT_IO);
    ck_assert_int_eq(cmt_db_get_stats(db, &stats, &error), CMT_IO);
    cmt_db_cancel_compaction(db, true);
    cmt_db_batch *batch;
    MUST(cmt_db_batch_new(&batch, &error));
    MUST(cmt_db_batch_put(batch, text("a"), text("b"), &error));
    ck_assert_int_eq(cmt_db_write(db, batch, true, &error), CMT_IO);
    cmt_db_batch_free(batch);
    cmt_buf_free(&value);
    end();
}
END_TEST

/* One byte in the middle of the last table. */
static void damage_table_in(const char *path)
{
    char *table = files_last(path, backend == ON_ROCKSDB ? ".sst" : ".ldb");
    cmt_buf bytes = files_read(path, table);
    bytes.data[bytes.size / 3] ^= 0x40;
    files_write(path, table, cmt_buf_slice(&bytes));
    free(table);
    cmt_buf_free(&bytes);
}

static void begin_damaged(int on)
{
    begin(on);
    MUST(cmt_db_compact_range(db, everything, &error));
    cmt_db_close(db);
    damage_table_in(dir);
    MUST(try_open(dir, &db));
}

START_TEST(a_pair_that_cannot_be_read_ends_it)
{
    cmt_db_rewrite_result r;
    begin_damaged(_i);
    uint64_t inode = files_inode(top, "x.db");
    ck_assert_int_eq(cmt_db_rewrite(db, NULL, &r, &error), CMT_CORRUPT);
    ck_assert_uint_eq(files_inode(top, "x.db"), inode);
    ck_assert(!files_exist(top, "x.db.old"));
    expect_nothing_left();
    end();
}
END_TEST

START_TEST(nor_is_it_skipped_by_a_walk_with_an_end)
{
    const cmt_range most = {text("k"), text("k00399")};
    cmt_db_iter *iter;
    begin_damaged(_i);
    MUST(cmt_db_iter_new(db, &most, &iter, &error));
    cmt_status st = cmt_db_iter_first(iter, &error);
    while (st == CMT_OK)
        st = cmt_db_iter_next(iter, &error);
    ck_assert_int_eq(st, CMT_CORRUPT);
    cmt_db_iter_free(iter);
    end();
}
END_TEST

static void damage_copy(void)
{
    char *copy = files_path(top, "cmtstore/rewrite/x.db/copy");
    damage_table_in(copy);
    free(copy);
}

START_TEST(a_copy_that_cannot_be_read_back_is_not_taken)
{
    cmt_db_rewrite_result r;
    begin(_i);
    uint64_t before = pairs_of(db);
    script s = {.step = "flushed", .act = damage_copy};
    const cmt_db_rewrite_options options = {.at_step = act_at, .step_context = &s};
    ck_assert_int_eq(cmt_db_rewrite(db, &options, &r, &error), CMT_CORRUPT);
    ck_assert_uint_eq(pairs_of(db), before);
    expect_nothing_left();
    end();
}
END_TEST

START_TEST(too_little_space_is_found_out_before)
{
    cmt_db_rewrite_result r;
    begin(_i);
    const cmt_db_rewrite_options options = {.expected_bytes = UINT64_MAX / 2};
    ck_assert_int_eq(cmt_db_rewrite(db, &options, &r, &error), CMT_NO_SPACE);
    ck_assert_ptr_nonnull(strstr(error.message, "x.db.old"));
    expect_nothing_left();
    end();
}
END_TEST

/* ---- what is beside it ----------------------------------------------------------------------------- */

static mode_t mode_of(const char *in, const char *name)
{
    struct stat st;
    char *path = files_path(in, name);
    ck_assert_int_eq(stat(path, &st), 0);
    free(path);
    return st.st_mode & 0777;
}

/* Should it end here, the copy is at its place already. */
static void expect_modes_of_the_copy(void)
{
    ck_assert_uint_eq(mode_of(top, "x.db.old"), 0755);
    ck_assert_uint_eq(mode_of(old_dir, "CURRENT"), 0600);
}

START_TEST(files_have_the_owner_and_mode_of_the_database)
{
    cmt_db_rewrite_result r;
    begin(_i);
    cmt_db_close(db);
    char *current = files_path(dir, "CURRENT");
    ck_assert_int_eq(chmod(current, 0600), 0);
    ck_assert_int_eq(chmod(dir, 0755), 0);
    free(current);
    MUST(try_open(dir, &db));
    script s = {.step = "moved", .act = expect_modes_of_the_copy};
    const cmt_db_rewrite_options options = {.at_step = act_at, .step_context = &s};
    MUST(cmt_db_rewrite(db, &options, &r, &error));
    ck_assert_uint_eq(s.met, 1);
    ck_assert_uint_eq(mode_of(top, "x.db"), 0755);
    ck_assert_uint_eq(mode_of(dir, "CURRENT"), 0600);
    char *table = files_last(dir, backend == ON_ROCKSDB ? ".sst" : ".ldb");
    ck_assert_uint_eq(mode_of(dir, table), 0600);
    free(table);
    cmt_db *other;
    ck_assert_int_eq(try_open(dir, &other), CMT_BUSY); /* both locks are those of the new files */
    end();
}
END_TEST

START_TEST(a_link_leads_to_where_the_work_is_done)
{
    cmt_db_rewrite_result r;
    begin(_i);
    uint64_t before = pairs_of(db);
    cmt_db_close(db);
    char *disk = files_make_dir(top, "disk");
    char *real = files_path(disk, "real.db");
    ck_assert_int_eq(rename(dir, real), 0);
    ck_assert_int_eq(symlink(real, dir), 0);
    MUST(try_open(dir, &db));
    MUST(cmt_db_rewrite(db, NULL, &r, &error));
    ck_assert_uint_eq(pairs_of(db), before);
    ck_assert(files_exist(disk, "real.db.old"));
    ck_assert(!files_exist(top, "x.db.old"));
    free(real);
    free(disk);
    end();
}
END_TEST

START_TEST(one_backup_is_kept_until_confirmed)
{
    cmt_db_rewrite_result r;
    cmt_db_rewrite_left left;
    begin(_i);
    MUST(cmt_db_rewrite_find(dir, &left, &error));
    ck_assert(!left.has_backup);
    MUST(cmt_db_rewrite_confirm(dir, &error)); /* none: fine */
    MUST(cmt_db_rewrite(db, NULL, &r, &error));
    put(db, "second", CMT_SLICE("1"));
    uint64_t second = pairs_of(db);
    MUST(cmt_db_rewrite(db, NULL, &r, &error));
    put(db, "third", CMT_SLICE("1"));
    MUST(cmt_db_rewrite_find(dir, &left, &error));
    ck_assert(left.has_backup && !left.has_copy);
    ck_assert_uint_gt(left.backup_bytes, 0);
    cmt_db *old;
    MUST(try_open(old_dir, &old));
    ck_assert_uint_eq(pairs_of(old), second);
    ck_assert_int_eq(cmt_db_rewrite_confirm(dir, &error), CMT_BUSY); /* somebody has it open */
    cmt_db_close(old);
    MUST(cmt_db_rewrite_confirm(dir, &error));
    ck_assert(!files_exist(top, "x.db.old"));
    expect_nothing_left();
    end();
}
END_TEST

START_TEST(a_backup_expires)
{
    cmt_db_rewrite_result r;
    cmt_db_rewrite_left left;
    bool removed = true;
    begin(_i);
    MUST(cmt_db_rewrite(db, NULL, &r, &error));
    MUST(cmt_db_rewrite_find(dir, &left, &error));
    int64_t since = left.backup_since_ns;
    MUST(cmt_db_rewrite_expire(dir, DAY, since, &removed, &error));
    ck_assert(!removed);
    MUST(cmt_db_rewrite_expire(dir, DAY, since + DAY - 1, &removed, &error));
    ck_assert(!removed);
    MUST(cmt_db_rewrite_expire(dir, DAY, since + DAY, &removed, &error));
    ck_assert(removed);
    ck_assert(!files_exist(top, "x.db.old"));
    MUST(cmt_db_rewrite(db, NULL, &r, &error));
    MUST(cmt_db_rewrite_expire(dir, DAY, since - 1000 * DAY, &removed, &error));
    ck_assert(removed); /* since later than now */
    end();
}
END_TEST

static cmt_status cleaned;

static void clean_now(void)
{
    cleaned = cmt_db_rewrite_clean(dir, NULL, NULL);
}

START_TEST(what_a_killed_one_left_is_removed_at_the_next_opening)
{
    cmt_db_rewrite_result r;
    begin(_i);
    uint64_t before = pairs_of(db);
    script s = {.step = "copied", .act = clean_now};
    const cmt_db_rewrite_options options = {.at_step = act_at, .step_context = &s};
    MUST(cmt_db_rewrite(db, &options, &r, &error));
    ck_assert_int_eq(cleaned, CMT_BUSY); /* not while it is at work */
    cmt_db_close(db);
    /* As if killed between setting the backup aside and the exchange: then it is the backup again. */
    free(files_make_dir(top, "cmtstore"));
    free(files_make_dir(top, "cmtstore/rewrite"));
    free(files_make_dir(top, "cmtstore/rewrite/x.db"));
    char *previous = files_path(top, "cmtstore/rewrite/x.db/previous");
    char *copy = files_path(top, "cmtstore/rewrite/x.db/copy");
    ck_assert_int_eq(rename(old_dir, previous), 0);
    files_copy(dir, copy);
    free(files_make_dir(copy, "archive"));
    files_write(copy, "archive/000001.log", CMT_SLICE("x"));
    MUST(try_open(dir, &db));
    expect_nothing_left();
    ck_assert_uint_eq(pairs_in(old_dir), before);
    ck_assert_uint_eq(pairs_of(db), before);
    end();
    free(copy);
    free(previous);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("db_rewrite");
    TCase *tc = tcase_create("pairs");
    tcase_add_loop_test(tc, holds_the_same_pairs_in_less_space, 0, BACKENDS);
    tcase_add_loop_test(tc, the_handle_goes_on_working, 0, BACKENDS);
    tcase_add_loop_test(tc, an_empty_database_stays_empty, 0, BACKENDS);
    tcase_add_loop_test(tc, a_wish_to_stop_compactions_outlives_it, 0, BACKENDS);
    tcase_add_loop_test(tc, what_is_written_meanwhile_is_there, 0, 4 * BACKENDS);
    tcase_add_loop_test(tc, more_than_can_be_remembered_is_another_round, 0, BACKENDS);
    suite_add_tcase(suite, tc);
    tc = tcase_create("refusals");
    tcase_add_loop_test(tc, waits_for_iterators_and_gives_up, 0, BACKENDS);
    tcase_add_loop_test(tc, one_at_a_time, 0, BACKENDS);
    tcase_add_loop_test(tc, not_what_is_open_for_reading_only, 0, ENGINES);
    suite_add_tcase(suite, tc);
    tc = tcase_create("failures");
    tcase_add_loop_test(tc, the_hook_stops_it, 0, 2 * BACKENDS);
    tcase_add_loop_test(tc, a_failure_at_any_step_leaves_the_original, 0, STEPS * ENGINES);
    tcase_add_loop_test(tc, a_handle_that_is_lost_says_so, 0, ENGINES);
    tcase_add_loop_test(tc, a_pair_that_cannot_be_read_ends_it, 0, ENGINES);
    tcase_add_loop_test(tc, nor_is_it_skipped_by_a_walk_with_an_end, 0, ENGINES);
    tcase_add_loop_test(tc, a_copy_that_cannot_be_read_back_is_not_taken, 0, ENGINES);
    tcase_add_loop_test(tc, too_little_space_is_found_out_before, 0, ENGINES);
    suite_add_tcase(suite, tc);
    tc = tcase_create("beside");
    tcase_add_loop_test(tc, files_have_the_owner_and_mode_of_the_database, 0, ENGINES);
    tcase_add_loop_test(tc, a_link_leads_to_where_the_work_is_done, 0, ENGINES);
    tcase_add_loop_test(tc, one_backup_is_kept_until_confirmed, 0, ENGINES);
    tcase_add_loop_test(tc, a_backup_expires, 0, ENGINES);
    tcase_add_loop_test(tc, what_a_killed_one_left_is_removed_at_the_next_opening, 0, ENGINES);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
