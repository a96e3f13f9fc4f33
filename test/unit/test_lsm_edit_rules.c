/* SPDX-License-Identifier: Apache-2.0
 *
 * The rules of the edit, one by one, on databases laid out by hand: what becomes of which table, and that
 * our view and C++ LevelDB see the same pairs afterwards.
 */
#include "cleanup.h"
#include "edit_internal.h"
#include "engine.h"
#include "files.h"
#include "pairs.h"
#include "shape.h"

#include "cmtstore/db.h"

#include <check.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

#define CMT_SLICE_OF(literal) {(const uint8_t *)(literal), sizeof(literal) - 1}

static char *top;
static char *dir;
static shape db;
static cmt_error err;

static void setup(void)
{
    err = (cmt_error)CMT_ERROR_INIT;
    top = files_temp();
    dir = files_make_dir(top, "x.db");
    pairs_must(shape_begin(&db, dir, &err), &err);
}

static void teardown(void)
{
    shape_end(&db);
    free(dir);
    files_remove(top);
}

#define TABLE(level, ...)                                                                          \
    do {                                                                                           \
        const shape_entry entries[] = {__VA_ARGS__};                                               \
        pairs_must(shape_table(&db, (level), entries, COUNT(entries), &err), &err);                \
    } while (0)

#define LOG(...)                                                                                   \
    do {                                                                                           \
        const shape_entry entries[] = {__VA_ARGS__};                                               \
        pairs_must(shape_log(&db, entries, COUNT(entries), &err), &err);                           \
    } while (0)

static void finish(void)
{
    pairs_must(shape_finish(&db, &err), &err);
}

/* Carry an edit out after its plan. */
static void carry_out(cmt_lsm_edit *edit)
{
    cmt_lsm_trash *trash;
    cmt_lsm_retired left;
    pairs_must(cmt_lsm_trash_open(dir, &trash, &err), &err);
    pairs_must(cmt_lsm_edit_prepare(edit, &err), &err);
    pairs_must(cmt_lsm_edit_commit(edit, &err), &err);
    pairs_must(cmt_lsm_edit_retire(edit, trash, &left, &err), &err);
    ck_assert_uint_eq(left.left_behind, 0);
    pairs_must(cmt_lsm_trash_empty(trash, 1, NULL, &err), &err);
    cmt_lsm_trash_close(trash);
}

static cmt_lsm_edit *open_edit(void)
{
    static const cmt_lsm_edit_options options = {.name = "test", .min_free_bytes = 1};
    cmt_lsm_edit *edit;
    pairs_must(cmt_lsm_edit_open(dir, &options, &edit, &err), &err);
    return edit;
}

/* Values that begin with D are dead. */
static cmt_status judge(void *context, cmt_slice key, cmt_slice value, bool *dead, cmt_error *error)
{
    (void)context;
    (void)key;
    (void)error;
    *dead = value.size > 0 && value.data[0] == 'D';
    return CMT_OK;
}

static cmt_lsm_edit_counts prune(const cmt_lsm_edit_spec *spec)
{
    cmt_lsm_edit *edit = open_edit();
    pairs_must(cmt_lsm_edit_plan(edit, spec, &err), &err);
    ck_assert(!cmt_lsm_edit_get_counts(edit).nothing_to_do);
    carry_out(edit);
    cmt_lsm_edit_counts counts = cmt_lsm_edit_get_counts(edit);
    cmt_lsm_edit_free(edit);
    return counts;
}

static cmt_lsm_edit_counts compact(void)
{
    cmt_lsm_edit *edit = open_edit();
    pairs_must(cmt_lsm_edit_plan_compact(edit, &err), &err);
    ck_assert(!cmt_lsm_edit_get_counts(edit).nothing_to_do);
    carry_out(edit);
    cmt_lsm_edit_counts counts = cmt_lsm_edit_get_counts(edit);
    cmt_lsm_edit_free(edit);
    return counts;
}

static void expect(const char *pairs)
{
    char *ours = pairs_of_view(dir);
    char *theirs = engine_pairs(dir, NULL);
    ck_assert_str_eq(ours, pairs);
    ck_assert_str_eq(theirs, pairs);
    free(ours);
    free(theirs);
}

/* ---- compaction ------------------------------------------------------------------------------ */

START_TEST(compaction_places_level_0_between_tables_that_it_rewrites)
{
    TABLE(1, {"a", 2, NULL}, {"b", 1, "1"});
    TABLE(1, {"x", 4, NULL}, {"y", 3, "1"});
    for (unsigned level = 2; level < CMT_LSM_LEVELS; level++)
        TABLE(level, {"l", 30 - level, "1"}, {"n", 20 - level, "1"});
    TABLE(0, {"m", 50, "new"});
    finish();
    compact();
    expect("b=1\nl=1\nm=new\nn=1\ny=1\n");
}
END_TEST

START_TEST(compaction_finds_every_holder_of_a_key)
{
    TABLE(0, {"k", 9, NULL}, {"k", 6, "b"});
    TABLE(0, {"k", 8, "c"}, {"k", 5, "d"});
    TABLE(6, {"k", 4, "old"});
    finish();
    compact();
    expect("");
}
END_TEST

/* ---- prune ----------------------------------------------------------------------------------- */

START_TEST(judged_keys_die_however_small_their_share_is_guessed)
{
    TABLE(1, {"d1", 1, "Dead"}, {"d2", 2, "live"}, {"e1", 3, "1"}, {"e5", 4, "1"});
    finish();
    const cmt_range judged = {CMT_SLICE("d"), CMT_SLICE("e")};
    const cmt_range dead = {CMT_SLICE("e2"), CMT_SLICE("e3")};
    const cmt_lsm_edit_spec spec = {.dead = &dead,
                                    .dead_count = 1,
                                    .judged = &judged,
                                    .judged_count = 1,
                                    .judged_share = 0.001,
                                    .judge = judge};
    prune(&spec);
    expect("d2=live\ne1=1\ne5=1\n");
}
END_TEST

START_TEST(judged_keys_die_when_no_share_is_guessed)
{
    TABLE(1, {"d1", 1, "Dead"}, {"d2", 2, "live"});
    finish();
    const cmt_range judged = {CMT_SLICE("d"), CMT_SLICE("e")};
    const cmt_lsm_edit_spec spec = {.judged = &judged, .judged_count = 1, .judge = judge};
    prune(&spec);
    expect("d2=live\n");
}
END_TEST

/* ---- sequences ------------------------------------------------------------------------------- */

/* The edit that `spec` asks for (NULL: a compaction) is refused and leaves all as it was. */
static void expect_damage(const cmt_lsm_edit_spec *spec)
{
    uint64_t before = files_hash(dir);
    cmt_lsm_edit *edit = open_edit();
    cmt_status st = spec != NULL ? cmt_lsm_edit_plan(edit, spec, &err)
                                 : cmt_lsm_edit_plan_compact(edit, &err);
    if (st == CMT_OK)
        st = cmt_lsm_edit_prepare(edit, &err);
    ck_assert_int_eq(st, CMT_CORRUPT);
    cmt_lsm_edit_free(edit);
    ck_assert_uint_eq(files_hash(dir), before);
}

static const cmt_range dead_b = {CMT_SLICE_OF("b"), CMT_SLICE_OF("c")};

/* The MANIFEST says 5; the bounds of the tables do not betray that there is more. */
static void finish_at_sequence_5(void)
{
    db.counters.last_sequence = 5;
    finish();
}

START_TEST(an_entry_above_all_announced_sequences_is_refused_in_a_rewritten_table)
{
    TABLE(1, {"a", 1, "1"}, {"b", 3, "1"}, {"c", (uint64_t)_i, "1"}, {"d", 2, "1"});
    finish_at_sequence_5();
    const cmt_lsm_edit_spec spec = {.dead = &dead_b, .dead_count = 1, .rewrite_share = 0.01};
    expect_damage(&spec);
}
END_TEST

START_TEST(an_entry_above_all_announced_sequences_is_refused_in_a_marked_table)
{
    TABLE(1, {"a", 1, "1"}, {"b", (uint64_t)_i, "1"}, {"d", 2, "1"});
    finish_at_sequence_5();
    const cmt_lsm_edit_spec spec = {.dead = &dead_b, .dead_count = 1, .rewrite_share = 2.0};
    expect_damage(&spec);
}
END_TEST

START_TEST(an_entry_above_all_announced_sequences_is_refused_on_level_0)
{
    TABLE(0, {"a", 1, "1"}, {"b", 3, "1"}, {"c", (uint64_t)_i, "1"}, {"d", 2, "1"});
    finish_at_sequence_5();
    const cmt_lsm_edit_spec spec = {.dead = &dead_b, .dead_count = 1, .rewrite_share = 0.01};
    expect_damage(&spec);
}
END_TEST

START_TEST(an_entry_above_all_announced_sequences_is_refused_by_a_compaction)
{
    TABLE(2, {"a", 1, "1"}, {"b", 3, NULL}, {"c", (uint64_t)_i, "1"}, {"d", 2, "1"});
    finish_at_sequence_5();
    expect_damage(NULL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("lsm_edit_rules");
    TCase *tc = tcase_create("compaction");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, compaction_places_level_0_between_tables_that_it_rewrites);
    tcase_add_test(tc, compaction_finds_every_holder_of_a_key);
    suite_add_tcase(suite, tc);
    tc = tcase_create("prune");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, judged_keys_die_however_small_their_share_is_guessed);
    tcase_add_test(tc, judged_keys_die_when_no_share_is_guessed);
    suite_add_tcase(suite, tc);
    tc = tcase_create("sequences");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_loop_test(tc, an_entry_above_all_announced_sequences_is_refused_in_a_rewritten_table, 6, 8);
    tcase_add_loop_test(tc, an_entry_above_all_announced_sequences_is_refused_in_a_marked_table, 6, 8);
    tcase_add_loop_test(tc, an_entry_above_all_announced_sequences_is_refused_on_level_0, 6, 8);
    tcase_add_loop_test(tc, an_entry_above_all_announced_sequences_is_refused_by_a_compaction, 6, 8);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
