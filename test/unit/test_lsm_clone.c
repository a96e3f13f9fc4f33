/* SPDX-License-Identifier: Apache-2.0
 *
 * pebble by RocksDB: what a clone holds, what is taken back from it and what is not, and that until the commit
 * nothing changes.
 */
#include "carry_out.h"
#include "cmtstore/db.h"
#include "log.h"
#include "suite.h"
#include "version_fields.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static cmt_lsm_trash *work;
static cmt_lsm_edit *edit;
static cmt_db *cloned;
static cmt_buf path;

static void setup(void)
{
    begin_database(shape_begin_pebble);
}

static void end_run(void)
{
    cmt_db_close(cloned);
    cmt_lsm_edit_free(edit);
    if (work != NULL)
        pairs_must(cmt_lsm_trash_empty(work, 1, NULL, &err), &err);
    cmt_lsm_trash_close(work);
    cmt_buf_free(&path);
    cloned = NULL;
    edit = NULL;
    work = NULL;
}

static void end_case(void)
{
    end_run();
    teardown();
}

/* What most cases begin with. */
static void lay_out(void)
{
    TABLE(6, {"a", 0, "1"}, {"b1", 0, "1"});
    TABLE(6, {"b2", 0, "1"}, {"b3", 0, "1"});
    TABLE(6, {"c", 0, "1"}, {"d", 0, "1"});
    TABLE(0, {"b2", 3, "2"}, {"d", 4, NULL});
    LOG({"e", 5, "1"}, {"b4", 6, "1"});
    finish();
}

static cmt_status make_clone(void)
{
    edit = open_edit();
    pairs_must(cmt_lsm_work_open(dir, &work, &err), &err);
    return cmt_lsm_edit_clone(edit, work, &path, &err);
}

static const char *clone_path(void)
{
    return (const char *)path.data;
}

static void open_clone(void)
{
    static const cmt_db_open_options options = {.engine = CMT_ENGINE_PEBBLEDB};
    pairs_must(make_clone(), &err);
    pairs_must(cmt_db_open_clone(clone_path(), &options, &cloned, &err), &err);
}

static void close_clone(void)
{
    pairs_must(cmt_db_flush(cloned, &err), &err);
    cmt_db_close(cloned);
    cloned = NULL;
}

/* Delete [b,c) as a prune does. */
static void delete_b(void)
{
    static const cmt_range b = {{(const uint8_t *)"b", 1}, {(const uint8_t *)"c", 1}};
    cmt_db_batch *batch;
    pairs_must(cmt_db_batch_new(&batch, &err), &err);
    pairs_must(cmt_db_batch_delete_range(batch, b, &err), &err);
    pairs_must(cmt_db_batch_put(batch, CMT_SLICE("base"), CMT_SLICE("7"), &err), &err);
    pairs_must(cmt_db_write(cloned, batch, true, &err), &err);
    cmt_db_batch_free(batch);
}

static void switch_over(void)
{
    cmt_lsm_retired left;
    pairs_must(cmt_lsm_edit_commit(edit, &err), &err);
    pairs_must(cmt_lsm_edit_retire(edit, NULL, &left, &err), &err);
    end_run();
}

static void commit(void)
{
    pairs_must(cmt_lsm_edit_adopt(edit, &err), &err);
    switch_over();
}

static void expect(const char *pairs)
{
    char *ours = pairs_of_view(dir);
    ck_assert_str_eq(ours, pairs);
    free(ours);
}

static char *pairs_of_clone(void)
{
    cmt_db_iter *iter;
    char *pairs = NULL;
    pairs_must(cmt_db_iter_new(cloned, NULL, &iter, &err), &err);
    for (cmt_status st = cmt_db_iter_first(iter, &err); st == CMT_OK;
         st = cmt_db_iter_next(iter, &err))
        pairs = pairs_add(pairs, cmt_db_iter_key(iter), cmt_db_iter_value(iter));
    cmt_db_iter_free(iter);
    return pairs;
}

/* Names, owners, modes and contents: nothing in the database's directory has changed. */
static void expect_unchanged(uint64_t before)
{
    ck_assert_uint_eq(files_hash(dir), before);
}

/* ---- the clone ------------------------------------------------------------------------------- */

START_TEST(a_clone_shows_the_same_and_changes_nothing)
{
    lay_out();
    uint64_t before = files_hash(dir);
    char *wanted = pairs_of_view(dir);
    open_clone();
    char *seen = pairs_of_clone();
    ck_assert_str_eq(seen, wanted);
    delete_b();
    close_clone();
    expect_unchanged(before);
    ck_assert_uint_eq(files_inode(clone_path(), "000002.sst"), files_inode(dir, "000002.sst"));
    end_run();
    expect_unchanged(before);
    ck_assert(!files_exist(top, "cmtstore"));
    free(wanted);
    free(seen);
}
END_TEST

/* Behind the last whole record of a log pebble may have left anything. */
START_TEST(of_a_log_only_what_pebble_replays_is_cloned)
{
    lay_out();
    cmt_buf log = files_read(dir, "000006.log");
    size_t whole = log.size;
    ck_assert_int_eq(cmt_buf_append(&log, "\1\2\3\4\5\6\7\10\11\12\13\14", 12), CMT_OK);
    files_write(dir, "000006.log", cmt_buf_slice(&log));
    pairs_must(make_clone(), &err);
    cmt_buf copy = files_read(clone_path(), "000006.log");
    ck_assert_uint_eq(copy.size, whole);
    ck_assert_mem_eq(copy.data, log.data, whole);
    cmt_buf_free(&copy);
    cmt_buf_free(&log);
}
END_TEST

/* pebble cuts a flush into tables side by side; RocksDB wants falling smallest sequences. */
START_TEST(level_0_that_interleaves_is_opened_and_keeps_its_sequences)
{
    TABLE(0, {"a", 1, "1"}, {"b", 9, "1"});
    TABLE(0, {"k", 3, "1"}, {"l", 8, "1"});
    TABLE(0, {"x", 2, "1"}, {"y", 10, "1"});
    TABLE(6, {"a", 0, "0"}, {"z", 0, "0"});
    finish();
    open_clone();
    cmt_db_batch *batch;
    pairs_must(cmt_db_batch_new(&batch, &err), &err);
    pairs_must(cmt_db_batch_delete(batch, CMT_SLICE("k"), &err), &err);
    pairs_must(cmt_db_write(cloned, batch, false, &err), &err);
    cmt_db_batch_free(batch);
    close_clone();
    commit();
    expect("a=1\nb=1\nl=1\nx=1\ny=1\nz=0\n");
    edit = open_edit();
    const cmt_lsm__table_meta *t = edit->view->version.tables;
    ck_assert_uint_eq(edit->view->version.level_start[1], 4);
    const uint64_t wanted[][3] = {{0, 11, 11}, {4, 2, 10}, {2, 1, 9}, {3, 3, 8}};
    for (size_t i = 0; i < COUNT(wanted); i++) {
        ck_assert_uint_eq(t[i].smallest_sequence, wanted[i][1]);
        ck_assert_uint_eq(t[i].largest_sequence, wanted[i][2]);
        if (wanted[i][0] != 0)
            ck_assert_uint_eq(t[i].number, wanted[i][0]);
    }
}
END_TEST

/* A young database: there are more tables than sequences below them. */
START_TEST(level_0_is_opened_where_sequences_cannot_fall)
{
    TABLE(0, {"a", 1, "1"}, {"b", 9, "1"});
    TABLE(0, {"k", 2, "1"}, {"l", 8, "1"});
    TABLE(0, {"o", 3, "1"}, {"p", 7, "1"});
    TABLE(0, {"s", 4, "1"}, {"t", 6, "1"});
    LOG({"k", 10, "2"}, {"p", 11, NULL});
    finish();
    open_clone();
    char *seen = pairs_of_clone();
    ck_assert_str_eq(seen, "a=1\nb=1\nk=2\nl=1\no=1\ns=1\nt=1\n");
    delete_b();
    close_clone();
    commit();
    expect("a=1\nbase=7\nk=2\nl=1\no=1\ns=1\nt=1\n");
    edit = open_edit();
    const cmt_lsm__version *v = &edit->view->version;
    for (size_t i = v->level_start[1] - 4; i < v->level_start[1]; i++)
        ck_assert_uint_eq(v->tables[i].smallest_sequence + v->tables[i].largest_sequence, 10);
    free(seen);
}
END_TEST

START_TEST(level_0_without_an_order_is_refused)
{
    TABLE(0, {"a", 0, "1"}, {"b", 9, "1"});
    TABLE(0, {"k", 0, "1"}, {"l", 9, "1"});
    finish();
    uint64_t before = files_hash(dir);
    ck_assert_int_eq(make_clone(), CMT_UNSUPPORTED);
    ck_assert_ptr_nonnull(strstr(err.message, "level 0"));
    end_run();
    expect_unchanged(before);
}
END_TEST

START_TEST(a_table_of_another_format_is_not_cloned)
{
    lay_out();
    cmt_buf table = files_read(dir, "000002.sst");
    table.data[table.size - 12] = 3;
    files_write(dir, "000002.sst", cmt_buf_slice(&table));
    cmt_buf_free(&table);
    ck_assert_int_eq(make_clone(), CMT_UNSUPPORTED);
    ck_assert_ptr_nonnull(strstr(err.message, "format 3"));
}
END_TEST

START_TEST(only_pebble_is_cloned)
{
    char *options = files_path(dir, "OPTIONS-000001");
    ck_assert_int_eq(unlink(options), 0);
    free(options);
    shape_end(&db);
    pairs_must(shape_begin(&db, dir, &err), &err);
    TABLE(2, {"a", 1, "1"});
    finish();
    ck_assert_int_eq(make_clone(), CMT_INVALID);
}
END_TEST

/* ---- taking over ----------------------------------------------------------------------------- */

START_TEST(what_rocksdb_left_is_taken_over_by_one_switch)
{
    lay_out();
    chmod(dir, 0700);
    char *current = files_path(dir, "CURRENT");
    chmod(current, 0640);
    free(current);
    open_clone();
    delete_b();
    close_clone();
    char *before = pairs_of_view(dir);
    pairs_must(cmt_lsm_edit_adopt(edit, &err), &err);
    expect(before);
    switch_over();
    expect("a=1\nbase=7\nc=1\ne=1\n");
    free(before);
    /* The log is folded; old tables stay as they are, new files have the database's mode. */
    ck_assert_uint_eq(files_count(dir, ".log"), 0);
    ck_assert_uint_eq(files_count(dir, ".dbtmp"), 0);
    ck_assert(files_exist(dir, "000004.sst") && files_exist(dir, "OPTIONS-000001"));
    ck_assert(!files_exist(dir, "IDENTITY") && !files_exist(dir, "LOG"));
    char *newest = files_last(dir, ".sst");
    char *path_of = files_path(dir, newest);
    struct stat st;
    ck_assert_int_eq(stat(path_of, &st), 0);
    ck_assert_int_eq(st.st_mode & 0777, 0640);
    free(path_of);
    free(newest);
}
END_TEST

/* A second clone of what came of the first, range deletions and all. */
START_TEST(it_can_be_cloned_again)
{
    static const cmt_range all = {{NULL, 0}, {NULL, 0}};
    lay_out();
    open_clone();
    delete_b();
    close_clone();
    commit();
    open_clone();
    char *seen = pairs_of_clone();
    ck_assert_str_eq(seen, "a=1\nbase=7\nc=1\ne=1\n");
    free(seen);
    pairs_must(cmt_db_compact_range(cloned, all, &err), &err);
    close_clone();
    commit();
    expect("a=1\nbase=7\nc=1\ne=1\n");
    cmt_lsm_view *view;
    pairs_must(cmt_lsm_view_open(dir, NULL, &view, &err), &err);
    ck_assert_uint_eq(cmt_lsm_view_get_stats(view).tables[0], 0);
    cmt_lsm_view_close(view);
}
END_TEST

START_TEST(what_is_not_committed_is_taken_back)
{
    lay_out();
    uint64_t before = files_hash(dir);
    open_clone();
    delete_b();
    close_clone();
    pairs_must(cmt_lsm_edit_adopt(edit, &err), &err);
    ck_assert(files_hash(dir) != before);
    end_run();
    expect_unchanged(before);
}
END_TEST

/* Change bytes of the newest table of the clone, counted from its end. */
static void damage_table(size_t from_end, uint8_t value)
{
    char *name = files_last(clone_path(), ".sst");
    cmt_buf table = files_read(clone_path(), name);
    table.data[table.size - from_end] = value;
    files_write(clone_path(), name, cmt_buf_slice(&table));
    cmt_buf_free(&table);
    free(name);
}

static void damage_block(void)
{
    char *name = files_last(clone_path(), ".sst");
    cmt_buf table = files_read(clone_path(), name);
    table.data[2] ^= 1;
    files_write(clone_path(), name, cmt_buf_slice(&table));
    cmt_buf_free(&table);
    free(name);
}

static void fill_log(void)
{
    char *name = files_last(clone_path(), ".log");
    files_write(clone_path(), name, CMT_SLICE("x"));
    free(name);
}

/* Append one version edit to the clone's MANIFEST. */
static void add_edit(cmt_slice edit_bytes)
{
    cmt_buf current = files_read(clone_path(), "CURRENT");
    char name[CMT_LSM_NAME_MAX] = "";
    memcpy(name, current.data, current.size - 1);
    cmt_buf manifest = files_read(clone_path(), name);
    ck_assert_int_eq(cmt_lsm__log_append(&manifest, edit_bytes), CMT_OK);
    files_write(clone_path(), name, cmt_buf_slice(&manifest));
    cmt_buf_free(&manifest);
    cmt_buf_free(&current);
}

static void add_blob_file(void)
{
    add_edit((cmt_slice){
        (const uint8_t *)"\x67\6\x63\5\11a\0\0\0\0\0\0\0\0\11b\0\0\0\0\0\0\0\0\1\1\4\1\1\1", 31});
}

static void add_foreign_table(void)
{
    add_edit(
        (cmt_slice){(const uint8_t *)"\x64\6\1\5\11x\0\0\0\0\0\0\0\0\11z\0\0\0\0\0\0\0\0\1\2", 26});
}

static void add_column_family(void)
{
    add_edit(CMT_SLICE("\xc8\1\1"));
}

static void lower_sequence(void)
{
    add_edit(CMT_SLICE("\4\1"));
}

static void cut_manifest(void)
{
    cmt_buf current = files_read(clone_path(), "CURRENT");
    char name[CMT_LSM_NAME_MAX] = "";
    memcpy(name, current.data, current.size - 1);
    cmt_buf manifest = files_read(clone_path(), name);
    files_write(clone_path(), name, (cmt_slice){manifest.data, manifest.size - 1});
    cmt_buf_free(&manifest);
    cmt_buf_free(&current);
}

static void set_format(void)
{
    damage_table(12, 5);
}

static void set_checksum(void)
{
    damage_table(53, 4);
}

static const struct {
    void (*harm)(void);
    cmt_status status;
    const char *word;
} harms[] = {
    {set_format, CMT_UNSUPPORTED, "format 5"},
    {set_checksum, CMT_UNSUPPORTED, "checksum kind 4"},
    {damage_block, CMT_CORRUPT, "checksum mismatch"},
    {fill_log, CMT_CORRUPT, "log alone"},
    {add_blob_file, CMT_UNSUPPORTED, "attribute 4"},
    {add_foreign_table, CMT_CORRUPT, "nowhere"},
    {add_column_family, CMT_UNSUPPORTED, "column family"},
    {lower_sequence, CMT_CORRUPT, "sequence"},
    {cut_manifest, CMT_CORRUPT, "cut"},
};

START_TEST(what_pebble_would_not_read_is_not_taken_over)
{
    lay_out();
    uint64_t before = files_hash(dir);
    open_clone();
    delete_b();
    close_clone();
    harms[_i].harm();
    ck_assert_int_eq(cmt_lsm_edit_adopt(edit, &err), harms[_i].status);
    ck_assert_msg(strstr(err.message, harms[_i].word) != NULL, "%s", err.message);
    expect_unchanged(before);
}
END_TEST

/* ---- order and leftovers --------------------------------------------------------------------- */

START_TEST(steps_out_of_order_are_refused)
{
    lay_out();
    edit = open_edit();
    ck_assert_int_eq(cmt_lsm_edit_adopt(edit, &err), CMT_INVALID);
    pairs_must(cmt_lsm_work_open(dir, &work, &err), &err);
    pairs_must(cmt_lsm_edit_clone(edit, work, &path, &err), &err);
    ck_assert_int_eq(cmt_lsm_edit_clone(edit, work, &path, &err), CMT_INVALID);
    ck_assert_int_eq(cmt_lsm_edit_commit(edit, &err), CMT_INVALID);
}
END_TEST

/* A clone that nobody holds counts with the trash, its links do not, and the next run removes it. */
START_TEST(an_abandoned_clone_is_removed_by_the_next_run)
{
    lay_out();
    pairs_must(make_clone(), &err);
    uint64_t bytes = 0;
    uint64_t tables = 0;
    pairs_must(cmt_lsm_trash_bytes(dir, &bytes, &err), &err);
    for (size_t i = 0; i < edit->view->version.count; i++)
        tables += edit->view->version.tables[i].size;
    ck_assert(cmt_lsm_trash_exists(dir));
    ck_assert_uint_gt(bytes, 0);
    ck_assert_uint_lt(bytes, tables);
    cmt_lsm_trash *trash;
    pairs_must(cmt_lsm_trash_open(dir, &trash, &err), &err);
    pairs_must(cmt_lsm_trash_adopt(trash, 1, &err), &err); /* it is held */
    ck_assert(files_exist(clone_path(), "CURRENT"));
    cmt_lsm_trash_close(work);
    work = NULL;
    pairs_must(cmt_lsm_trash_adopt(trash, 1, &err), &err);
    cmt_lsm_trash_close(trash);
    ck_assert(!files_exist(top, "cmtstore") && !cmt_lsm_trash_exists(dir));
    expect("a=1\nb1=1\nb2=2\nb3=1\nb4=1\nc=1\ne=1\n");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("lsm_clone");
    TCase *tc = tcase_create("clone");
    tcase_add_checked_fixture(tc, setup, end_case);
    tcase_add_test(tc, a_clone_shows_the_same_and_changes_nothing);
    tcase_add_test(tc, of_a_log_only_what_pebble_replays_is_cloned);
    tcase_add_test(tc, level_0_that_interleaves_is_opened_and_keeps_its_sequences);
    tcase_add_test(tc, level_0_is_opened_where_sequences_cannot_fall);
    tcase_add_test(tc, level_0_without_an_order_is_refused);
    tcase_add_test(tc, a_table_of_another_format_is_not_cloned);
    tcase_add_test(tc, only_pebble_is_cloned);
    tcase_add_test(tc, what_rocksdb_left_is_taken_over_by_one_switch);
    tcase_add_test(tc, it_can_be_cloned_again);
    tcase_add_test(tc, what_is_not_committed_is_taken_back);
    tcase_add_loop_test(tc, what_pebble_would_not_read_is_not_taken_over, 0, COUNT(harms));
    tcase_add_test(tc, steps_out_of_order_are_refused);
    tcase_add_test(tc, an_abandoned_clone_is_removed_by_the_next_run);
    suite_add_tcase(s, tc);
    return suite_run(s);
}
