/* SPDX-License-Identifier: Apache-2.0
 *
 * Edits that are refused, stopped or given up: the directory is afterwards what it was before, to the
 * byte, and nothing of the edit lies in it.
 */
#include "cleanup.h"
#include "edit_internal.h"
#include "files.h"
#include "pairs.h"
#include "shape.h"
#include "suite.h"

#include <check.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static char *top;
static char *dir;
static shape db;
static cmt_error err;
static cmt_lsm_edit_options options;
static cmt_lsm_edit_spec spec;

static const cmt_range dead = {{(const uint8_t *)"b", 1}, {(const uint8_t *)"d", 1}};
static const cmt_range judged = {{(const uint8_t *)"x", 1}, {(const uint8_t *)"y", 1}};

static cmt_status judge(void *context, cmt_slice key, cmt_slice value, bool *is_dead,
                        cmt_error *error)
{
    (void)context;
    (void)key;
    (void)error;
    *is_dead = value.size > 0 && value.data[0] == 'D';
    return CMT_OK;
}

/* Level 0 with three tables, tables below to drop, rewrite, mark and keep, and a log. */
static void write_database(void)
{
    const shape_entry drop[] = {{"b1", 1, "1"}, {"b2", 2, "1"}};
    const shape_entry rewrite[] = {{"c1", 3, "1"}, {"d1", 4, "1"}, {"x1", 5, "Dead"}};
    const shape_entry keep[] = {{"y1", 6, "1"}, {"z1", 7, "1"}};
    const shape_entry mark[] = {{"a", 8, "1"}, {"b", 9, "1"}, {"x2", 10, "Dead"}, {"x3", 11, "L"}};
    const shape_entry young[] = {{"a2", 12, "1"}, {"b3", 13, "1"}, {"x4", 14, NULL}};
    const shape_entry log[] = {{"b9", 16, "1"}, {"e", 17, "1"}, {"x5", 18, "Dead"}};
    pairs_must(shape_table(&db, 1, drop, COUNT(drop), &err), &err);
    pairs_must(shape_table(&db, 1, rewrite, COUNT(rewrite), &err), &err);
    pairs_must(shape_table(&db, 1, keep, COUNT(keep), &err), &err);
    pairs_must(shape_table(&db, 2, mark, COUNT(mark), &err), &err);
    for (uint64_t i = 0; i < 3; i++)
        pairs_must(shape_table(&db, 0, young, COUNT(young), &err), &err);
    pairs_must(shape_log(&db, log, COUNT(log), &err), &err);
    pairs_must(shape_finish(&db, &err), &err);
}

static void setup(void)
{
    err = (cmt_error)CMT_ERROR_INIT;
    top = files_temp();
    dir = files_make_dir(top, "x.db");
    pairs_must(shape_begin(&db, dir, &err), &err);
    write_database();
    options = (cmt_lsm_edit_options){.name = "test", .min_free_bytes = 1, .table_bytes = 1};
    spec = (cmt_lsm_edit_spec){.dead = &dead,
                               .dead_count = 1,
                               .judged = &judged,
                               .judged_count = 1,
                               .judged_share = 0.5,
                               .judge = judge};
}

static void teardown(void)
{
    shape_end(&db);
    free(dir);
    files_remove(top);
}

static const char after_prune[] = "a=1\na2=1\nd1=1\ne=1\nx3=L\ny1=1\nz1=1\n";

static void expect_pairs(const char *pairs)
{
    char *ours = pairs_of_view(dir);
    ck_assert_str_eq(ours, pairs);
    free(ours);
}

/* Open, plan and prepare, which must end with `status` and have changed nothing. */
static void expect_refusal(cmt_status status)
{
    cmt_lsm_edit *edit;
    uint64_t before = files_hash(dir);
    cmt_status st = cmt_lsm_edit_open(dir, &options, &edit, &err);
    if (st == CMT_OK)
        st = cmt_lsm_edit_plan(edit, &spec, &err);
    if (st == CMT_OK)
        st = cmt_lsm_edit_prepare(edit, &err);
    ck_assert_msg(st == status, "%s: %s", cmt_status_text(st), err.message);
    ck_assert_msg(strlen(err.message) > 3, "%s", err.message);
    ck_assert_uint_eq(files_hash(dir), before);
    cmt_lsm_edit_free(edit);
    ck_assert_uint_eq(files_hash(dir), before);
}

static cmt_lsm_edit *planned(void)
{
    cmt_lsm_edit *edit;
    pairs_must(cmt_lsm_edit_open(dir, &options, &edit, &err), &err);
    pairs_must(cmt_lsm_edit_plan(edit, &spec, &err), &err);
    ck_assert(!cmt_lsm_edit_get_counts(edit).nothing_to_do);
    return edit;
}

START_TEST(the_same_edit_without_an_obstacle_is_carried_out)
{
    cmt_lsm_retired retired;
    cmt_lsm_edit *edit = planned();
    pairs_must(cmt_lsm_edit_prepare(edit, &err), &err);
    pairs_must(cmt_lsm_edit_commit(edit, &err), &err);
    expect_pairs(after_prune);
    pairs_must(cmt_lsm_edit_retire(edit, NULL, &retired, &err), &err);
    ck_assert_uint_eq(retired.left_behind, 0);
    expect_pairs(after_prune);
    cmt_lsm_edit_free(edit);
    ck_assert_uint_eq(files_count(dir, ".log"), 0);
    ck_assert_uint_eq(files_count(dir, ".dbtmp"), 0);
}
END_TEST

/* ---- the state of the directory --------------------------------------------------------------- */

static const char *const table = "000003.ldb"; /* the one that would be rewritten */

START_TEST(a_pending_current_is_refused)
{
    files_write(dir, "CURRENT.1", CMT_SLICE("MANIFEST-000001\n"));
    expect_refusal(CMT_UNSUPPORTED);
    options.observe = true;
    expect_refusal(CMT_STALE);
}
END_TEST

START_TEST(a_missing_table_is_refused)
{
    char *path = files_path(dir, table);
    ck_assert_int_eq(unlink(path), 0);
    expect_refusal(CMT_CORRUPT);
    ck_assert_ptr_nonnull(strstr(err.message, "000003"));
    options.observe = true;
    expect_refusal(CMT_CORRUPT); /* pinned: it is missing and stays so */
    free(path);
}
END_TEST

START_TEST(a_table_of_another_size_is_refused)
{
    struct stat st;
    char *path = files_path(dir, table);
    ck_assert_int_eq(stat(path, &st), 0);
    const off_t sizes[] = {st.st_size - 1, 0, st.st_size + 1};
    for (size_t i = 0; i < COUNT(sizes); i++) {
        ck_assert_int_eq(truncate(path, sizes[i]), 0);
        expect_refusal(CMT_CORRUPT);
        ck_assert_ptr_nonnull(strstr(err.message, table));
    }
    free(path);
}
END_TEST

START_TEST(a_table_that_is_no_file_is_refused)
{
    char *path = files_path(dir, table);
    ck_assert_int_eq(unlink(path), 0);
    free(files_make_dir(dir, table));
    expect_refusal(CMT_CORRUPT);
    free(path);
}
END_TEST

START_TEST(a_damaged_block_is_refused)
{
    cmt_buf bytes = files_read(dir, table);
    bytes.data[3] ^= 1;
    files_write(dir, table, cmt_buf_slice(&bytes));
    expect_refusal(CMT_CORRUPT);
    cmt_buf_free(&bytes);
}
END_TEST

START_TEST(a_damaged_table_that_is_dropped_or_kept_does_not_matter)
{
    static const char *const others[] = {"000002.ldb", "000004.ldb"};
    for (size_t i = 0; i < COUNT(others); i++) {
        cmt_buf bytes = files_read(dir, others[i]);
        memset(bytes.data, 'x', bytes.size);
        files_write(dir, others[i], cmt_buf_slice(&bytes));
        cmt_buf_free(&bytes);
    }
    /* Something to do for certain: nobody has to look for dead keys. */
    const cmt_lsm_put put = {CMT_SLICE("p"), CMT_SLICE("1")};
    spec.puts = &put;
    spec.put_count = 1;
    cmt_lsm_edit *edit = planned();
    pairs_must(cmt_lsm_edit_prepare(edit, &err), &err);
    cmt_lsm_edit_free(edit);
}
END_TEST

START_TEST(a_table_that_goes_away_after_the_plan_is_damage)
{
    cmt_lsm_edit *edit = planned();
    char *path = files_path(dir, "000005.ldb");
    ck_assert_int_eq(unlink(path), 0);
    free(path);
    uint64_t before = files_hash(dir);
    cmt_lsm_view *view = cmt_lsm_edit_view(edit);
    cmt_lsm__cache *cache = &view->cache; /* as if it had not been open */
    cmt_lsm__cache_fini(cache);
    pairs_must(cmt_lsm__cache_init(cache, view->dir_fd, view->version.tables, view->version.count,
                                   1000, 4, &err),
               &err);
    ck_assert_int_eq(cmt_lsm_edit_prepare(edit, &err), CMT_CORRUPT);
    cmt_lsm_edit_free(edit);
    ck_assert_uint_eq(files_hash(dir), before);
}
END_TEST

/* The MANIFEST again, with other counters. */
static void rewrite_manifest(void)
{
    char *manifest = files_path(dir, "MANIFEST-000001");
    char *current = files_path(dir, "CURRENT");
    ck_assert_int_eq(unlink(manifest), 0);
    ck_assert_int_eq(unlink(current), 0);
    pairs_must(shape_finish(&db, &err), &err);
    free(manifest);
    free(current);
}

START_TEST(used_up_sequence_numbers_are_refused)
{
    for (uint64_t i = 0; i < 3; i++) {
        db.counters.last_sequence = CMT_LSM_SEQUENCE_MAX - i;
        rewrite_manifest();
        expect_refusal(CMT_UNSUPPORTED);
    }
}
END_TEST

START_TEST(used_up_file_numbers_are_refused)
{
    static const uint64_t numbers[] = {UINT64_MAX, UINT64_MAX - 1, INT64_MAX, INT64_MAX - 5};
    for (size_t i = 0; i < COUNT(numbers); i++) {
        db.counters.next_file_number = numbers[i];
        rewrite_manifest();
        expect_refusal(CMT_UNSUPPORTED);
    }
    db.counters.next_file_number = 100;
    rewrite_manifest();
    files_write(dir, "9223372036854775807.ldb", CMT_SLICE(""));
    expect_refusal(CMT_UNSUPPORTED);
}
END_TEST

START_TEST(numbers_of_any_file_are_not_used_again)
{
    static const char *const names[] = {"000500.ldb", "000600.log", "MANIFEST-000700", "000800.sst",
                                        "000900.dbtmp"};
    for (size_t i = 0; i < COUNT(names); i++)
        files_write(dir, names[i], CMT_SLICE(""));
    db.counters.log_number = 601;
    rewrite_manifest();
    cmt_lsm_edit *edit = planned();
    pairs_must(cmt_lsm_edit_prepare(edit, &err), &err);
    ck_assert_uint_gt(edit->written_count, 0);
    ck_assert_uint_eq(edit->written[0].number, 901);
    pairs_must(cmt_lsm_edit_commit(edit, &err), &err);
    cmt_lsm_edit_free(edit);
}
END_TEST

/* ---- what the caller says --------------------------------------------------------------------- */

static cmt_status refuse_key(void *context, cmt_slice key, cmt_error *error)
{
    const char *foreign = context;
    if (key.size == strlen(foreign) && memcmp(key.data, foreign, key.size) == 0)
        return cmt_error_set(error, CMT_CORRUPT, "%s does not belong here", foreign);
    return CMT_OK;
}

START_TEST(a_foreign_key_in_a_dead_range_refuses_the_edit)
{
    static const char *const keys[] = {"c1", "b", "b3", "b9"};
    spec.check = refuse_key;
    for (size_t i = 0; i < COUNT(keys); i++) {
        char name[8];
        snprintf(name, sizeof name, "%s", keys[i]);
        spec.context = name;
        expect_refusal(CMT_CORRUPT);
        ck_assert_ptr_nonnull(strstr(err.message, "does not belong here"));
    }
}
END_TEST

START_TEST(a_key_in_a_table_that_is_dropped_whole_is_not_asked_about)
{
    char name[] = "b1";
    spec.check = refuse_key;
    spec.context = name;
    cmt_lsm_edit *edit = planned();
    pairs_must(cmt_lsm_edit_prepare(edit, &err), &err);
    cmt_lsm_edit_free(edit);
}
END_TEST

static cmt_status judge_not(void *context, cmt_slice key, cmt_slice value, bool *is_dead,
                            cmt_error *error)
{
    (void)value;
    *is_dead = false;
    return refuse_key(context, key, error);
}

START_TEST(a_judge_that_fails_refuses_the_edit)
{
    static const char *const keys[] = {"x1", "x2", "x3", "x5"};
    spec.judge = judge_not;
    for (size_t i = 0; i < COUNT(keys); i++) {
        char name[8];
        snprintf(name, sizeof name, "%s", keys[i]);
        spec.context = name;
        expect_refusal(CMT_CORRUPT);
    }
}
END_TEST

START_TEST(calls_out_of_order_are_invalid)
{
    cmt_lsm_edit *edit;
    cmt_lsm_retired retired;
    uint64_t before = files_hash(dir);
    pairs_must(cmt_lsm_edit_open(dir, &options, &edit, &err), &err);
    ck_assert_int_eq(cmt_lsm_edit_prepare(edit, &err), CMT_INVALID);
    ck_assert_int_eq(cmt_lsm_edit_commit(edit, &err), CMT_INVALID);
    pairs_must(cmt_lsm_edit_plan(edit, &spec, &err), &err);
    ck_assert_int_eq(cmt_lsm_edit_commit(edit, &err), CMT_INVALID);
    pairs_must(cmt_lsm_edit_prepare(edit, &err), &err);
    ck_assert_int_eq(cmt_lsm_edit_prepare(edit, &err), CMT_INVALID);
    ck_assert_int_eq(cmt_lsm_edit_retire(edit, NULL, &retired, &err), CMT_INVALID);
    cmt_lsm_edit_free(edit);
    ck_assert_uint_eq(files_hash(dir), before);
}
END_TEST

START_TEST(an_edit_that_only_observes_cannot_write)
{
    cmt_lsm_retired retired;
    uint64_t before = files_hash(dir);
    options.observe = true;
    cmt_lsm_edit *edit = planned();
    ck_assert_int_eq(cmt_lsm_edit_prepare(edit, &err), CMT_INVALID);
    ck_assert_int_eq(cmt_lsm_edit_retire(edit, NULL, &retired, &err), CMT_INVALID);
    cmt_lsm_edit_free(edit);
    ck_assert_uint_eq(files_hash(dir), before);
}
END_TEST

START_TEST(an_edit_without_work_cannot_be_prepared)
{
    cmt_lsm_edit *edit;
    const cmt_lsm_edit_spec empty = {0};
    pairs_must(cmt_lsm_edit_open(dir, &options, &edit, &err), &err);
    pairs_must(cmt_lsm_edit_plan(edit, &empty, &err), &err);
    ck_assert(cmt_lsm_edit_get_counts(edit).nothing_to_do);
    ck_assert_int_eq(cmt_lsm_edit_prepare(edit, &err), CMT_INVALID);
    cmt_lsm_edit_free(edit);
    cmt_lsm_edit_free(NULL);
}
END_TEST

/* ---- space and stopping ----------------------------------------------------------------------- */

START_TEST(too_little_space_is_told_before_anything_is_written)
{
    static const uint64_t floors[] = {UINT64_MAX, UINT64_MAX - 1000, UINT64_MAX / 2,
                                      UINT64_C(1) << 60};
    for (size_t i = 0; i < COUNT(floors); i++) {
        options.min_free_bytes = floors[i];
        expect_refusal(CMT_NO_SPACE);
    }
}
END_TEST

typedef struct stopper {
    unsigned calls;
    unsigned stop_at;
} stopper;

static bool stop(void *context, const cmt_progress *progress)
{
    stopper *s = context;
    ck_assert_str_eq(progress->database, "test");
    ck_assert(progress->total == 0 || progress->done <= 2 * progress->total);
    return s->calls++ == s->stop_at;
}

static void check_stops(bool compaction)
{
    stopper s = {0};
    const cmt_progress_hook hook = {stop, &s};
    uint64_t before = files_hash(dir);
    cmt_status st = CMT_CANCELLED;
    options.progress = &hook;
    for (; st == CMT_CANCELLED; s.stop_at++) {
        cmt_lsm_edit *edit;
        s.calls = 0;
        pairs_must(cmt_lsm_edit_open(dir, &options, &edit, &err), &err);
        st = compaction ? cmt_lsm_edit_plan_compact(edit, &err)
                        : cmt_lsm_edit_plan(edit, &spec, &err);
        if (st == CMT_OK)
            st = cmt_lsm_edit_prepare(edit, &err);
        ck_assert(st == CMT_OK || st == CMT_CANCELLED);
        ck_assert(st == CMT_OK || files_hash(dir) == before);
        cmt_lsm_edit_free(edit);
        ck_assert_uint_eq(files_hash(dir), before);
    }
    ck_assert_uint_gt(s.stop_at, 3);
}

START_TEST(a_prune_may_be_stopped_at_each_call_of_the_hook)
{
    check_stops(false);
}
END_TEST

START_TEST(a_compaction_may_be_stopped_at_each_call_of_the_hook)
{
    check_stops(true);
}
END_TEST

START_TEST(an_edit_stopped_once_may_be_prepared_again)
{
    stopper s = {.stop_at = 1};
    const cmt_progress_hook hook = {stop, &s};
    options.progress = &hook;
    cmt_lsm_edit *edit = planned();
    ck_assert_int_eq(cmt_lsm_edit_prepare(edit, &err), CMT_CANCELLED);
    pairs_must(cmt_lsm_edit_prepare(edit, &err), &err);
    pairs_must(cmt_lsm_edit_commit(edit, &err), &err);
    cmt_lsm_edit_free(edit);
    expect_pairs(after_prune);
}
END_TEST

START_TEST(an_edit_prepared_but_not_committed_leaves_nothing)
{
    uint64_t before = files_hash(dir);
    cmt_lsm_edit *edit = planned();
    pairs_must(cmt_lsm_edit_prepare(edit, &err), &err);
    ck_assert_uint_ne(files_hash(dir), before);
    ck_assert_uint_eq(files_count(dir, ".dbtmp"), 1);
    cmt_lsm_edit_free(edit);
    ck_assert_uint_eq(files_hash(dir), before);
}
END_TEST

START_TEST(a_name_that_is_taken_is_an_error_and_is_left_alone)
{
    cmt_lsm_edit *edit = planned();
    char name[CMT_LSM_NAME_MAX];
    cmt_lsm__table_name(edit->next_number + 1, false, name);
    files_write(dir, name, CMT_SLICE("somebody else's"));
    uint64_t before = files_hash(dir);
    ck_assert_int_eq(cmt_lsm_edit_prepare(edit, &err), CMT_IO);
    cmt_lsm_edit_free(edit);
    ck_assert_uint_eq(files_hash(dir), before);
}
END_TEST

/* ---- owner and mode --------------------------------------------------------------------------- */

static void expect_owner(const char *name, uid_t uid, gid_t gid, mode_t mode)
{
    struct stat st;
    char *path = files_path(dir, name);
    ck_assert_msg(stat(path, &st) == 0, "%s", path);
    ck_assert_uint_eq(st.st_uid, uid);
    ck_assert_uint_eq(st.st_gid, gid);
    ck_assert_uint_eq(st.st_mode & 07777, mode);
    free(path);
}

START_TEST(new_files_belong_to_the_owner_of_current)
{
    char *current = files_path(dir, "CURRENT");
    uid_t uid = getuid();
    gid_t gid = getgid();
    if (uid == 0) {
        uid = 12345;
        gid = 12346;
        ck_assert_int_eq(chown(current, uid, gid), 0);
    }
    ck_assert_int_eq(chmod(current, 0640), 0);
    free(current);
    cmt_lsm_edit *edit = planned();
    pairs_must(cmt_lsm_edit_prepare(edit, &err), &err);
    ck_assert_uint_gt(edit->written_count, 1);
    for (size_t i = 0; i < edit->written_count; i++) {
        char name[CMT_LSM_NAME_MAX];
        cmt_lsm__table_name(edit->written[i].number, false, name);
        expect_owner(name, uid, gid, 0640);
    }
    expect_owner(edit->manifest, uid, gid, 0640);
    pairs_must(cmt_lsm_edit_commit(edit, &err), &err);
    expect_owner("CURRENT", uid, gid, 0640);
    cmt_lsm_edit_free(edit);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("lsm_edit_refusals");
    TCase *tc = tcase_create("directory");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, the_same_edit_without_an_obstacle_is_carried_out);
    tcase_add_test(tc, a_pending_current_is_refused);
    tcase_add_test(tc, a_missing_table_is_refused);
    tcase_add_test(tc, a_table_of_another_size_is_refused);
    tcase_add_test(tc, a_table_that_is_no_file_is_refused);
    tcase_add_test(tc, a_damaged_block_is_refused);
    tcase_add_test(tc, a_damaged_table_that_is_dropped_or_kept_does_not_matter);
    tcase_add_test(tc, a_table_that_goes_away_after_the_plan_is_damage);
    tcase_add_test(tc, used_up_sequence_numbers_are_refused);
    tcase_add_test(tc, used_up_file_numbers_are_refused);
    tcase_add_test(tc, numbers_of_any_file_are_not_used_again);
    tcase_add_test(tc, new_files_belong_to_the_owner_of_current);
    suite_add_tcase(suite, tc);
    tc = tcase_create("caller");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, a_foreign_key_in_a_dead_range_refuses_the_edit);
    tcase_add_test(tc, a_key_in_a_table_that_is_dropped_whole_is_not_asked_about);
    tcase_add_test(tc, a_judge_that_fails_refuses_the_edit);
    tcase_add_test(tc, calls_out_of_order_are_invalid);
    tcase_add_test(tc, an_edit_that_only_observes_cannot_write);
    tcase_add_test(tc, an_edit_without_work_cannot_be_prepared);
    suite_add_tcase(suite, tc);
    tc = tcase_create("stopping");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, too_little_space_is_told_before_anything_is_written);
    tcase_add_test(tc, a_prune_may_be_stopped_at_each_call_of_the_hook);
    tcase_add_test(tc, a_compaction_may_be_stopped_at_each_call_of_the_hook);
    tcase_add_test(tc, an_edit_stopped_once_may_be_prepared_again);
    tcase_add_test(tc, an_edit_prepared_but_not_committed_leaves_nothing);
    tcase_add_test(tc, a_name_that_is_taken_is_an_error_and_is_left_alone);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
